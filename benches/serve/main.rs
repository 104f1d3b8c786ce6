//! What `serve` does of its own: beside nginx with the same bytes as a prepared file, in turns in one run, and its memory
//! under many large downloads and a long list: `cargo bench --locked --bench serve`.
//!
//! Fails when a body comes short, when memory grows with what is sent, or when the long list is slow to begin.

mod client;
#[path = "../pipeline/machine.rs"]
mod machine;
mod server;
mod stock;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;

use crate::client::Taken;
use crate::machine::Machine;
use crate::server::{Nginx, Program};

const API: &str = "/nbia-api/services/v4";
/// Most memory that 64 downloads, and the long list, may take beyond that of one download.
const MOST_GROWTH: u64 = 100_000_000;
/// Longest that the first byte of the long list may take.
const LONGEST_FIRST_BYTE: Duration = Duration::from_secs(1);
const MB: f64 = 1e6;

/// Measures what `serve` sends.
#[derive(Parser)]
struct Arguments {
    /// Turns of nginx and the program
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests of each turn
    #[arg(long, default_value_t = 60)]
    requests: usize,
    /// Downloads of 1 GB at a time
    #[arg(long, default_value_t = 64)]
    downloads: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let machine = Machine::look()?;
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    say("building a mirror")?;
    let root = place.path().join("mirror");
    stock::build(&root)?;
    let program = Program::serve(&root)?;
    let mut table = format!("Measured on {machine}.\n\n| | |\n|---|---|\n");
    table += &beside_nginx(&program, place.path(), &arguments)?;
    table += &many_downloads(&program, arguments.downloads)?;
    table += &long_list(&program)?;
    publish(&table)
}

/// The same bytes from both, in turns.
fn beside_nginx(program: &Program, place: &Path, arguments: &Arguments) -> anyhow::Result<String> {
    let image = format!("{API}/getImage?SeriesInstanceUID={}", stock::ORDINARY);
    client::take_into(program.address, &image, &mut File::create(place.join("series.zip"))?)?;
    let Some(nginx) = Nginx::serve(place)? else {
        return Ok("| beside nginx | not measured: nginx is not installed |\n".to_owned());
    };
    let mut shares = Vec::new();
    for round in 1..=arguments.rounds {
        say(&format!("round {round} with nginx"))?;
        let theirs = rate(nginx.address, "/series.zip", arguments.requests)?;
        let ours = rate(program.address, &image, arguments.requests)?;
        shares.push(ours / theirs);
    }
    shares.sort_by(f64::total_cmp);
    let (least, median, most) = (shares[0], shares[shares.len() / 2], shares[shares.len() - 1]);
    let requests = arguments.requests;
    Ok(format!(
        "| getImage of 10.5 MB beside nginx with the same bytes as a file, {requests} requests a turn | \
         {median:.2} [{least:.2} – {most:.2}] of its speed |\n"
    ))
}

/// Bytes a second of so many requests, one after the other.
fn rate(address: SocketAddr, path: &str, requests: usize) -> anyhow::Result<f64> {
    let taken: Vec<Taken> =
        (0..requests).map(|_| client::take(address, path)).collect::<anyhow::Result<_>>()?;
    let bytes: u64 = taken.iter().map(|one| one.bytes).sum();
    let time: Duration = taken.iter().map(|one| one.whole).sum();
    Ok(float(bytes) / time.as_secs_f64())
}

fn many_downloads(program: &Program, downloads: usize) -> anyhow::Result<String> {
    let image = format!("{API}/getImage?SeriesInstanceUID={}", stock::LARGE);
    program.peak_bytes()?;
    client::take(program.address, &image)?;
    let alone = program.peak_bytes()?;
    say(&format!("{downloads} downloads of 1 GB"))?;
    let taken = thread::scope(|scope| {
        let all: Vec<_> =
            (0..downloads).map(|_| scope.spawn(|| client::take(program.address, &image))).collect();
        let ended =
            all.into_iter().map(|one| one.join().map_err(|_panic| anyhow::anyhow!("a client panicked"))?);
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let together = program.peak_bytes()?;
    let bytes: u64 = taken.iter().map(|one| one.bytes).sum();
    ensure!(together < alone + MOST_GROWTH, "{downloads} downloads took {together} bytes, one took {alone}");
    Ok(format!(
        "| peak memory, one download of 1 GB and {downloads} at a time ({:.0} GB in all) | {:.0} and {:.0} MB |\n",
        float(bytes) / 1e9,
        float(alone) / MB,
        float(together) / MB
    ))
}

fn long_list(program: &Program) -> anyhow::Result<String> {
    say("a long list")?;
    let mut rows = String::new();
    for format in ["json", "csv"] {
        let before = program.peak_bytes()?;
        let list = format!("{API}/getSeries?Collection={}&format={format}", stock::LISTED);
        let taken = client::take(program.address, &list)?;
        let peak = program.peak_bytes()?;
        let Taken { bytes, first_byte, whole } = taken;
        ensure!(first_byte < LONGEST_FIRST_BYTE, "the list took {first_byte:?} to begin");
        ensure!(peak < before + MOST_GROWTH, "the list took {peak} bytes of memory");
        writeln!(
            rows,
            "| getSeries of {} series as {format}, {:.0} MB | first byte after {:.3} s, all in {:.1} s, \
             peak memory {:.0} MB |",
            stock::LIST_ROWS,
            float(bytes) / MB,
            first_byte.as_secs_f64(),
            whole.as_secs_f64(),
            float(peak) / MB
        )?;
    }
    Ok(rows)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn float(value: u64) -> f64 {
    value as f64
}

fn say(step: &str) -> io::Result<()> {
    writeln!(io::stderr(), "bench: {step}")
}

/// Prints the table and keeps it in `target/bench/serve.md`.
fn publish(table: &str) -> anyhow::Result<()> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&directory).context("no place for the table")?;
    File::create(directory.join("serve.md"))?.write_all(table.as_bytes())?;
    Ok(write!(io::stdout(), "{table}")?)
}
