//! A service that is far away, and how much of the way to it the program fills: `cargo bench --locked --bench far`.
//!
//! Fails when less than [`LEAST_SHARE`] of the link is filled with as many connections as are allowed, or when the
//! program took more memory than [`MOST_MEMORY`].

#[path = "../../tests/it/support/java_zip.rs"]
#[expect(dead_code, reason = "the tests need ZIPs with one thing wrong, a measurement does not")]
mod java_zip;
#[path = "../pipeline/lists.rs"]
mod lists;
#[path = "../pipeline/machine.rs"]
mod machine;
#[path = "../pipeline/prepared.rs"]
#[expect(dead_code, reason = "no instance here is too large for memory")]
mod prepared;
#[path = "../pipeline/process.rs"]
#[expect(dead_code, reason = "what is far away is slow, whatever the processor does")]
mod process;
#[path = "../pipeline/program.rs"]
#[expect(dead_code, reason = "requests are counted elsewhere")]
mod program;
mod relay;
#[path = "../pipeline/sample.rs"]
mod sample;
#[path = "../pipeline/service.rs"]
mod service;
#[path = "../pipeline/workshop.rs"]
mod workshop;

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;

use crate::machine::Machine;
use crate::prepared::Prepared;
use crate::program::Run;
use crate::relay::{Flow, Relay, Way};
use crate::sample::Shape;
use crate::service::{SERVE, Service};
use crate::workshop::Workshop;

/// The way: 150 ms there and back, half a second to the first byte, 8 MB/s through each connection, and through the link
/// what six of them carry.
const WAY: Way = Way {
    latency: Duration::from_millis(150),
    first_byte: Duration::from_millis(500),
    connection_rate: 8_000_000,
    link_rate: 48_000_000,
};
/// Series at a time: as many as are configured when nobody says otherwise, and more than the link needs.
const PARALLEL: [usize; 3] = [4, 8, 16];
/// Share of the link while images come.
const LEAST_SHARE: f64 = 0.9;
/// Bytes.
const MOST_MEMORY: u64 = 100_000_000;
/// Instances of a series: about 26 MB of ZIP.
const INSTANCES: usize = 100;
const COLLECTION: &str = "FAR";

/// Measures how much of the way to a far service the program fills.
#[derive(Parser)]
struct Arguments {
    /// Series, about 26 MB each on the way
    #[arg(long, default_value_t = 72)]
    series: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one number of connections gave.
struct Measured {
    parallel: usize,
    run: Run,
    flow: Flow,
}

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).is_some_and(|first| first == SERVE) {
        return service::serve();
    }
    let arguments = Arguments::parse();
    let machine = Machine::look()?;
    let series = Prepared::many(COLLECTION, Shape::Ct, arguments.series, INSTANCES)?;
    let mut service = Service::start(&series)?;
    drop(series);
    let relay = Relay::before(service.address, WAY)?;
    service.address = relay.address;
    let workshop = Workshop::new()?;
    let measured = PARALLEL.map(|parallel| {
        writeln!(io::stderr(), "bench: {parallel} at a time")?;
        let run = workshop.lend(|place| program::mirror(&service, place, COLLECTION, parallel))?;
        let flow = relay.take_flow().context("no image was asked for")?;
        anyhow::Ok(Measured { parallel, run, flow })
    });
    let measured = measured.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    show(&machine, &measured)?;
    judge(&measured)
}

fn show(machine: &Machine, measured: &[Measured]) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "# A far service\n\n{machine}  \n{WAY:?}\n")?;
    writeln!(
        output,
        "| series at a time | of the link while images come | whole run | of the link | peak memory |"
    )?;
    writeln!(output, "|---|---|---|---|---|")?;
    for one in measured {
        let Measured { parallel, run, flow } = one;
        let (wall, memory) = (run.spent.wall.as_secs_f64(), run.spent.peak_bytes / 1_000_000);
        let (coming, whole) = (100.0 * share(flow, flow.lasted()), 100.0 * share(flow, run.spent.wall));
        writeln!(output, "| {parallel} | {coming:.1} % | {wall:.1} s | {whole:.1} % | {memory} MB |")?;
    }
    Ok(())
}

/// The share of the link that the bytes fill in such a time.
#[expect(clippy::cast_precision_loss, reason = "figures to be read have fewer digits than a f64 holds")]
fn share(flow: &Flow, time: Duration) -> f64 {
    flow.bytes as f64 / time.as_secs_f64() / f64::from(WAY.link_rate)
}

fn judge(measured: &[Measured]) -> anyhow::Result<()> {
    let last = measured.last().context("nothing was measured")?;
    let filled = share(&last.flow, last.flow.lasted());
    ensure!(filled >= LEAST_SHARE, "only {:.1} % of the link were filled", 100.0 * filled);
    let most = measured.iter().map(|one| one.run.spent.peak_bytes).max().unwrap_or_default();
    ensure!(most < MOST_MEMORY, "the program took {most} bytes of memory");
    Ok(())
}
