//! The program beside the floor of the machine, measured in turns in one run: `cargo bench --locked`.
//!
//! The floor is what the work costs when nothing is between its parts: receiving, inflating, three digests, durable
//! files. Processor time is compared, not wall time, so that other work on the machine disturbs it little.

mod figures;
mod floor;
#[path = "../../tests/it/support/java_zip.rs"]
#[expect(dead_code, reason = "the tests need ZIPs with one thing wrong, a measurement does not")]
mod java_zip;
mod lists;
mod machine;
mod prepared;
mod program;
mod sample;
mod service;
mod table;
mod workshop;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use clap::Parser;

use crate::machine::Machine;
use crate::prepared::Prepared;
use crate::sample::Shape;
use crate::service::{SERVE, Service};
use crate::table::{Round, Sample, Table};
use crate::workshop::Workshop;

/// Series at a time, in the floor and in the program: the cores of the machine that the targets were set on.
const PARALLEL: usize = 2;
/// Slices of 524 288 bytes in the one large instance: 2.0 GB.
const SLICES: usize = 3815;
/// Collections that the service lists.
const MANY: &str = "BENCH";
const LARGE: &str = "BENCH-LARGE";

/// Measures the program beside the floor of this machine.
#[derive(Parser)]
struct Arguments {
    /// What the instances look like
    #[arg(long, value_enum, default_value_t = Shape::Ct)]
    shape: Shape,
    /// Series of a round, about 106 MB each
    #[arg(long, default_value_t = 10)]
    series: usize,
    /// Measurements of the floor and of the program
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).is_some_and(|first| first == SERVE) {
        return service::serve();
    }
    let arguments = Arguments::parse();
    let machine = Machine::look()?;
    say("preparing series")?;
    let many =
        Prepared::many(MANY, arguments.shape, arguments.series, arguments.shape.instances_per_series())?;
    let large = Prepared::one_large(LARGE, SLICES)?;
    let service = Service::start(many.iter().chain([&large]))?;
    drop(large);
    let workshop = Workshop::new()?;
    let rounds = (1..=arguments.rounds).map(|number| round(number, &service, &many, &workshop));
    let rounds = rounds.collect::<anyhow::Result<_>>()?;
    say("measuring memory")?;
    let mirror =
        |collection, parallel| workshop.lend(|place| program::mirror(&service, place, collection, parallel));
    let table = Table {
        machine,
        data: Sample::of(&many),
        parallel: PARALLEL,
        rounds,
        eight_at_once: mirror(MANY, 8)?,
        one_large: mirror(LARGE, PARALLEL)?,
    };
    publish(&table.to_string())
}

/// The floor, then the program, each on a quiet disk.
fn round(number: usize, service: &Service, many: &[Prepared], workshop: &Workshop) -> anyhow::Result<Round> {
    say(&format!("round {number}"))?;
    let floor = workshop.lend(|place| floor::measure(service.address, many, PARALLEL, place))?;
    let program = workshop.lend(|place| program::mirror(service, place, MANY, PARALLEL))?;
    Ok(Round { floor, program })
}

fn say(step: &str) -> io::Result<()> {
    writeln!(io::stderr(), "bench: {step}")
}

/// Prints the table and keeps it in `target/bench/table.md`.
fn publish(table: &str) -> anyhow::Result<()> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&directory)?;
    File::create(directory.join("table.md"))?.write_all(table.as_bytes())?;
    Ok(write!(io::stdout(), "{table}")?)
}
