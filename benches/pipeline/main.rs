//! The program beside the floor of the machine and beside what people take instead, in turns in one run, for series of
//! three kinds: `cargo bench --locked --bench pipeline`.
//!
//! The floor is what the work costs when nothing is between its parts: receiving, inflating, three digests, durable
//! files. With it processor time is compared, not wall time, so that other work on the machine disturbs it little; with
//! the others both.

mod figures;
mod floor;
#[path = "../../tests/it/support/java_zip.rs"]
#[expect(dead_code, reason = "the tests need ZIPs with one thing wrong, a measurement does not")]
mod java_zip;
mod lists;
mod machine;
mod prepared;
mod process;
mod program;
mod rivals;
mod sample;
mod service;
mod table;
mod workload;
mod workshop;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Parser, ValueEnum};

use crate::machine::Machine;
use crate::prepared::Prepared;
use crate::program::Run;
use crate::rivals::{Rival, Rivals};
use crate::service::{SERVE, Service};
use crate::table::{Data, Measured, Round, Table};
use crate::workload::Workload;
use crate::workshop::Workshop;

/// Series at a time, in the program as it is by itself, and connections of those rivals that are told how many.
const PARALLEL: usize = 4;
/// Threads of the floor: the cores of the machine that the targets were set on.
const THREADS: usize = 2;
/// With so many at a time memory is measured once more.
const MORE_PARALLEL: usize = 8;

/// Measures the program beside the floor of this machine and beside what people take instead.
#[derive(Parser)]
struct Arguments {
    /// What is fetched; all of them one after the other
    #[arg(long, value_enum, default_values_t = Workload::value_variants().to_vec())]
    workload: Vec<Workload>,
    /// Series of each, instead of the usual number
    #[arg(long)]
    series: Option<usize>,
    /// Measurements of everything
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The floor and the program alone
    #[arg(long)]
    without_rivals: bool,
    /// An interpreter of Python that has `tcia_utils`
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).is_some_and(|first| first == SERVE) {
        return service::serve();
    }
    let arguments = Arguments::parse();
    let mut rivals = Rivals::find(arguments.python.clone(), PARALLEL);
    if arguments.without_rivals {
        rivals.there.clear();
    }
    let machine = Machine::look()?;
    let workshop = Workshop::new()?;
    let measure = |workload: &Workload| measure(*workload, &arguments, &rivals, &workshop);
    let measured = arguments.workload.iter().map(measure).collect::<anyhow::Result<_>>()?;
    publish(&Table { machine, parallel: PARALLEL, measured }.to_string())
}

fn measure(
    workload: Workload,
    arguments: &Arguments,
    rivals: &Rivals,
    workshop: &Workshop,
) -> anyhow::Result<Measured> {
    say(&format!("preparing {workload}"))?;
    let series = workload.prepare(arguments.series)?;
    let service = Service::start(&series)?;
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        say(&format!("{workload}, round {number}"))?;
        rounds.push(round(workload, &service, &series, rivals, workshop)?);
    }
    let more_at_once = mirror(workload, &service, &series, workshop, MORE_PARALLEL)?.spent.peak_bytes;
    Ok(Measured { workload, data: Data::of(&series), rounds, more_at_once })
}

/// The floor, then the program, then the others, each on a quiet disk.
fn round(
    workload: Workload,
    service: &Service,
    series: &[Prepared],
    rivals: &Rivals,
    workshop: &Workshop,
) -> anyhow::Result<Round> {
    let floor = workshop.lend(|place| floor::measure(service.address, series, THREADS, place))?;
    let program = mirror(workload, service, series, workshop, PARALLEL)?;
    let fetch = |rival: &Rival| {
        say(&rival.to_string())?;
        Ok((*rival, workshop.lend(|place| rivals.fetch(*rival, service, series, place))?))
    };
    let rivals = rivals.there.iter().map(fetch).collect::<anyhow::Result<_>>()?;
    Ok(Round { floor, program, rivals })
}

/// Runs the program; an error when it does not leave behind what it should.
fn mirror(
    workload: Workload,
    service: &Service,
    series: &[Prepared],
    workshop: &Workshop,
    parallel: usize,
) -> anyhow::Result<Run> {
    workshop.lend(|place| {
        let run = program::mirror(service, place, workload.collection(), parallel)?;
        let (found, expected) = (rivals::count(place, "dcm")?, Data::of(series));
        ensure!(found == (expected.instances, expected.dicom_bytes), "the program left {found:?}");
        Ok(run)
    })
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
