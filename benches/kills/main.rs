//! One mirror, killed at random many times before it ends, and what had to be received twice for it:
//! `cargo bench --locked --bench kills`.
//!
//! Fails when the tree is wrong after any kill, when more was received than [`MOST_RATIO`] times the tree and the
//! instances that were in flight, or, more strictly, when what was received whole is more than that times the tree; and
//! when the program took more memory than [`MOST_MEMORY`].

#[path = "../../tests/it/support/java_zip.rs"]
#[expect(dead_code, reason = "the tests need ZIPs with one thing wrong, a measurement does not")]
mod java_zip;
#[path = "../pipeline/lists.rs"]
mod lists;
mod meter;
#[path = "../pipeline/prepared.rs"]
#[expect(dead_code, reason = "no instance here is too large for memory")]
mod prepared;
#[path = "../pipeline/sample.rs"]
mod sample;
mod service;
mod stock;
mod victim;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::Parser;

use crate::meter::{Counts, Meter};
use crate::sample::Shape;
use crate::stock::Stock;
use crate::victim::{Death, Victim};

/// Bytes received over bytes of the tree and of what was in flight.
const MOST_RATIO: f64 = 1.10;
/// Bytes.
const MOST_MEMORY: u64 = 200_000_000;
/// Of so many kills one strikes at a time of its own, whatever was sent: at start, while planning, in a commit.
const BY_TIME: u32 = 4;
const LONGEST_LIFE_MS: u64 = 400;
const LONGEST_DELAY_MS: u64 = 30;

/// Kills a mirror again and again and counts what is received.
#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// What the instances look like
    #[arg(long, value_enum, default_value_t = Shape::Ct)]
    shape: Shape,
    #[arg(long, default_value_t = 20)]
    series: usize,
    /// Of each series
    #[arg(long, default_value_t = 100)]
    instances: usize,
    /// Repeats a run
    #[arg(long)]
    seed: Option<u64>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    writeln!(io::stderr(), "bench: seed {seed}, preparing series")?;
    let stock = Arc::new(Stock::new(arguments.shape, arguments.series, arguments.instances)?);
    let meter = Arc::new(Meter::default());
    let address = service::start(Arc::clone(&stock), Arc::clone(&meter))?;
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut victim = Victim::new(directory.path(), address, &stock)?;
    let mut random = fastrand::Rng::with_seed(seed);
    for kills in 0..arguments.kills {
        let is_killed =
            victim.run(&meter, Some(death(&mut random, kills, arguments.kills, stock.bytes())))?;
        ensure!(is_killed, "the mirror had ended after {kills} kills");
    }
    ensure!(!victim.run(&meter, None)?, "somebody else killed the program");
    victim.check_all()?;
    report(&arguments, &stock, meter.counts(), victim.peak_bytes)
}

/// So that the mirror is nearly whole when the last one strikes.
fn death(random: &mut fastrand::Rng, kills: u32, of: u32, bytes: u64) -> Death {
    if kills % BY_TIME == BY_TIME - 1 {
        return Death { sent: 0, later: Duration::from_millis(random.u64(..LONGEST_LIFE_MS)) };
    }
    let by_bytes = u64::from(of - of / BY_TIME);
    let sent = random.u64(..bytes * 3 / 2 / by_bytes);
    Death { sent, later: Duration::from_millis(random.u64(..LONGEST_DELAY_MS)) }
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have fewer digits than a f64 holds")]
fn report(arguments: &Arguments, stock: &Stock, counts: Counts, peak_bytes: u64) -> anyhow::Result<()> {
    let (tree, Counts { sent, in_flight, broken_off }) = (stock.bytes(), counts);
    let ratio = sent as f64 / (tree + in_flight) as f64;
    let whole = (sent - broken_off) as f64 / tree as f64;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let mut out = io::stdout();
    writeln!(out, "| | | target |\n|---|---|---|")?;
    writeln!(
        out,
        "| kills, in {} instances of {} series | {} | |",
        stock.instances(),
        stock.0.len(),
        arguments.kills
    )?;
    writeln!(out, "| tree, MB | {:.1} | |", mb(tree))?;
    writeln!(out, "| instances in flight at the kills, MB | {:.1} | |", mb(in_flight))?;
    writeln!(out, "| received, MB | {:.1} | |", mb(sent))?;
    writeln!(out, "| **received / (tree + in flight)** | **{ratio:.3}** | ≤ {MOST_RATIO:.2} |")?;
    writeln!(out, "| received without what was broken off / tree | {whole:.3} | ≤ {MOST_RATIO:.2} |")?;
    writeln!(out, "| peak memory, MB | {:.1} | ≤ {:.0} |", mb(peak_bytes), mb(MOST_MEMORY))?;
    ensure!(ratio.max(whole) <= MOST_RATIO, "too much was received twice");
    ensure!(peak_bytes <= MOST_MEMORY, "the program took too much memory");
    Ok(())
}
