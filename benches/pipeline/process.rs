//! A command, run to its end, and what the kernel says that it and all that it started took.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// How often the peak of memory is read; the kernel keeps it, so only growth after the last look is missed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// User and system time of all threads of all its processes.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Of the process that took most.
    pub(crate) peak_bytes: u64,
}

/// Runs a command, which must end with a code; gives what it printed as well.
pub(crate) fn run_to(command: &mut Command, code: i32) -> anyhow::Result<(Spent, String)> {
    // a group of its own: whatever it starts is found by that
    let command = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let (peak_bytes, output) = watch(&mut child)?;
    waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let (wall, cpu) = (began.elapsed(), cpu_time(child.id())?);
    let status = child.wait()?;
    ensure!(
        status.code() == Some(code),
        "{command:?} ended with {status}; its last words: {:?}",
        output.lines().last()
    );
    Ok((Spent { cpu, wall, peak_bytes }, output))
}

/// Reads what a command prints, to its end, and the peak of memory of its group meanwhile.
fn watch(child: &mut Child) -> anyhow::Result<(u64, String)> {
    let mut stdout = child.stdout.take().context("the command has no standard output")?;
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
            peak_bytes = peak_bytes.max(peak_of_group(child.id())?);
            match told.recv_timeout(LOOK_EVERY) {
                Ok(output) => return Ok((peak_bytes, output?)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
        }
    })
}

/// The largest `VmHWM` of a group of processes; one that has just ended has none.
fn peak_of_group(group: u32) -> anyhow::Result<u64> {
    let mut peak_bytes = 0;
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let is_of_group =
            stat(&path.join("stat")).is_some_and(|fields| fields.get(2) == Some(&u64::from(group)));
        if is_of_group {
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            peak_bytes = peak_bytes.max(peak_of(&status).unwrap_or(0));
        }
    }
    Ok(peak_bytes)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// User and system time of a process that has ended and was not waited for, and of those that it has waited for.
fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let fields = stat(format!("/proc/{process}/stat").as_ref()).context("no times in /proc/…/stat")?;
    // utime, stime, cutime and cstime are fields 14 to 17
    let ticks = fields.get(11..15).context("too few fields in /proc/…/stat")?.iter().sum::<u64>();
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// The fields behind the name, the third one first; what is no number that counts something is 0.
fn stat(path: &std::path::Path) -> Option<Vec<u64>> {
    let stat = fs::read_to_string(path).ok()?;
    // the name of the program stands in parentheses and may hold anything
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}
