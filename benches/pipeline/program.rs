//! The program itself, run as a user runs it, and what the kernel says it took.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::Value;

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
/// How often the peak of memory is read; the kernel keeps it, so only growth after the last look is missed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) peak_bytes: u64,
    pub(crate) requests: u64,
    pub(crate) dicom_bytes: u64,
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
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let (peak_bytes, output) = watch(&mut child)?;
    waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let (wall, cpu) = (began.elapsed(), cpu_time(child.id())?);
    ensure!(child.wait()?.success(), "the program ended badly; it said: {output}");
    let summary: Value = serde_json::from_str(output.lines().last().context("the program said nothing")?)?;
    let figure = |name: &str| summary["summary"][name].as_u64().with_context(|| format!("no {name}"));
    Ok(Run { cpu, wall, peak_bytes, requests: figure("requests")?, dicom_bytes: figure("bytes")? })
}

/// Reads what the program prints, to its end, and its peak of memory meanwhile.
fn watch(child: &mut Child) -> anyhow::Result<(u64, String)> {
    let mut stdout = child.stdout.take().context("the program has no standard output")?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_bytes = 0;
    let (tell, told) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut output = String::new();
            let read = stdout.read_to_string(&mut output);
            // the receiver lives until something has come
            drop(tell.send(read.map(|_| output)));
        });
        loop {
            peak_bytes = peak_of(&fs::read_to_string(&status)?).unwrap_or(peak_bytes);
            match told.recv_timeout(LOOK_EVERY) {
                Ok(output) => return Ok((peak_bytes, output?)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
        }
    })
}

/// `VmHWM` of a `/proc/…/status`; a process that has ended has none.
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// User and system time of a process that has ended and was not waited for.
fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // the name of the program stands in parentheses and may hold anything; utime and stime are fields 14 and 15
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc/…/stat")?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<Result<u64, _>>()?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}
