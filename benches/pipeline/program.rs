//! The program itself, run as a user runs it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use crate::process::{Spent, run_to};
use crate::service::{PATH, Service};

/// No rates, no guard of the disk, and no second try: what fails here is to be seen.
const CONFIGURATION: &str = r#"
[limits]
query_rate = "0"
image_rate = "0"
[retry]
attempts = 1
[jobs]
attempts = 1
[disk]
min_free = "0"
min_free_inodes = 0
"#;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) spent: Spent,
    pub(crate) requests: u64,
}

/// Mirrors a collection into a new root below `directory`, `parallel` series at a time.
pub(crate) fn mirror(
    service: &Service,
    directory: &Path,
    collection: &str,
    parallel: usize,
) -> anyhow::Result<Run> {
    let (root, config) = (directory.join("mirror"), directory.join("config.toml"));
    fs::File::create(&config)
        .and_then(|mut file| std::io::Write::write_all(&mut file, CONFIGURATION.as_bytes()))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcia-mirror"));
    command.arg("--config").arg(config).arg("--root").arg(&root);
    command.args(["--json", "--quiet", "--base-url", &format!("http://{}{PATH}", service.address)]);
    command.args(["mirror", "--collection", collection, "--parallel", &parallel.to_string()]);
    let (spent, output) = run_to(&mut command, 0)?;
    let summary: Value = serde_json::from_str(output.lines().last().context("the program said nothing")?)?;
    let requests = summary["summary"]["requests"].as_u64().context("no requests")?;
    Ok(Run { spent, requests })
}
