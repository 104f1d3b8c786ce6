//! The record at the size of the whole archive, and of a hundredth and a tenth of it: what planning, queueing, claiming,
//! `status`, a `sync` without news, `verify --sample` and exports take: `cargo bench --locked --bench archive`.
//!
//! No image is fetched: what would lie in the tree is written into the record. Fails when a target of [`judge`] is missed.

mod catalogue;
#[path = "../pipeline/machine.rs"]
mod machine;
#[path = "../pipeline/process.rs"]
mod process;
mod record;
mod service;
mod table;
#[path = "../pipeline/workshop.rs"]
mod workshop;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use clap::Parser;

use crate::catalogue::{COLLECTIONS, Catalogue};
use crate::machine::Machine;
use crate::process::{Spent, run_to};
use crate::service::Service;
use crate::table::{Measured, Step};
use crate::workshop::Workshop;

/// No rates, and no guard of the disk.
const CONFIGURATION: &str = r#"
[limits]
query_rate = "0"
[disk]
min_free = "0"
min_free_inodes = 0
"#;
/// Exit codes of a run that leaves jobs queued, and of one that finds damage.
const UNFINISHED: i32 = 1;
const DAMAGED: i32 = 3;

/// Measures the record at the size of the whole archive.
#[derive(Parser)]
struct Arguments {
    /// Parts of the archive, in percent
    #[arg(long, default_values_t = [1.0, 10.0, 100.0])]
    percent: Vec<f64>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (machine, workshop) = (Machine::look()?, Workshop::new()?);
    let measure = |percent: &f64| workshop.lend(|place| measure(*percent, place));
    let measured = arguments.percent.iter().map(measure).collect::<anyhow::Result<Vec<_>>>()?;
    write!(io::stdout(), "{}", table::table(&machine, &measured))?;
    judge(&measured)
}

/// Everything of one part of the archive.
fn measure(percent: f64, place: &Path) -> anyhow::Result<Measured> {
    let catalogue = Catalogue::part(percent / 100.0);
    let service = Service::start(&catalogue)?;
    fs::File::create(place.join("config.toml"))?.write_all(CONFIGURATION.as_bytes())?;
    let program = |arguments: &[&str], code: i32| -> anyhow::Result<Step> {
        writeln!(io::stderr(), "bench: {percent} %: {}", arguments.join(" "))?;
        let spent = tcia_mirror(place, &service, arguments, code)?;
        Ok(Step { spent, requests: service.take_requests() })
    };
    let root = place.join("mirror");
    let plan = program(&["plan", "--all-collections"], 0)?;
    let queue = program(&["mirror", "--all-collections", "--max-bytes", "1"], UNFINISHED)?;
    let queued_bytes = record::bytes(&root)?;
    let claims = record::claim(&root)?;
    let status = program(&["status"], 0)?;
    record::place_all(&root, &service.base_url())?;
    let sync = program(&["sync", "--all-collections"], 0)?;
    let status_of_all = program(&["status"], 0)?;
    let verify = program(&["verify", "--sample", "1%"], DAMAGED)?;
    let export =
        |arguments: &[&str]| program(&[&["export"], arguments, &["--output", "/dev/null"]].concat(), 0);
    let metadata = export(&["metadata"])?;
    let parquet = export(&["metadata", "--columns", "v4", "--format", "parquet"])?;
    let manifest = export(&["manifest"])?;
    let catalogued = export(&["catalogue"])?;
    let checksums = export(&["checksums"])?;
    let (series, collections) = (catalogue.series(), COLLECTIONS);
    let placed_bytes = record::bytes(&root)?;
    let steps = [
        plan,
        queue,
        status,
        sync,
        status_of_all,
        verify,
        metadata,
        parquet,
        manifest,
        catalogued,
        checksums,
    ];
    Ok(Measured { series, collections, steps, claims, queued_bytes, placed_bytes })
}

fn tcia_mirror(place: &Path, service: &Service, arguments: &[&str], code: i32) -> anyhow::Result<Spent> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcia-mirror"));
    command.arg("--config").arg(place.join("config.toml")).arg("--root").arg(place.join("mirror"));
    command.args(["--quiet", "--base-url", &service.base_url()]);
    // some exports have no form in JSON
    command.args((arguments[0] != "export").then_some("--json")).args(arguments);
    Ok(run_to(&mut command, code)?.0)
}

/// The targets: requests of a plan for each collection, memory, the time of a claim and of `status`, and growth.
fn judge(measured: &[Measured]) -> anyhow::Result<()> {
    for of in measured {
        let missed = of.targets().into_iter().filter(|target| !target.is_reached());
        let missed: Vec<_> = missed.map(|target| target.to_string()).collect();
        ensure!(missed.is_empty(), "{} series: {}", of.series, missed.join("; "));
    }
    for pair in measured.windows(2) {
        let growth = pair[1].growth_since(&pair[0]);
        ensure!(growth <= table::MOST_GROWTH, "planning grows {growth:.2} times as fast as the archive");
    }
    Ok(())
}
