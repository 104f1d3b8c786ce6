//! The program, started to be killed; and the tree that it leaves each time.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::meter::Meter;
use crate::service::PATH;
use crate::stock::{COLLECTION, Series, Stock};

/// No rates, no guard of the disk, short pauses.
const CONFIGURATION: &str = r#"
[limits]
query_rate = "0"
image_rate = "0"
[retry]
base = "10ms"
[jobs]
base = "10ms"
[disk]
min_free = "0"
min_free_inodes = 0
"#;
/// How often is looked whether the program still runs, and at its memory.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// When the program dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    /// So many more bytes were sent to it.
    pub(crate) sent: u64,
    /// So much later.
    pub(crate) later: Duration,
}

/// One mirror, and what was seen of it.
pub(crate) struct Victim<'a> {
    root: PathBuf,
    config: PathBuf,
    base_url: String,
    stock: &'a Stock,
    /// Series that were seen whole.
    placed: BTreeSet<String>,
    pub(crate) peak_bytes: u64,
}

impl<'a> Victim<'a> {
    pub(crate) fn new(directory: &Path, address: SocketAddr, stock: &'a Stock) -> anyhow::Result<Self> {
        let config = directory.join("config.toml");
        fs::File::create(&config)?.write_all(CONFIGURATION.as_bytes())?;
        Ok(Self {
            root: directory.join("mirror"),
            config,
            base_url: format!("http://{address}{PATH}"),
            stock,
            placed: BTreeSet::new(),
            peak_bytes: 0,
        })
    }

    /// Runs the program until it dies as it should, or to its end; tells whether it was killed.
    pub(crate) fn run(&mut self, meter: &Meter, death: Option<Death>) -> anyhow::Result<bool> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcia-mirror"));
        command.arg("--config").arg(&self.config).arg("--root").arg(&self.root);
        command.args([
            "--json",
            "--quiet",
            "--base-url",
            &self.base_url,
            "mirror",
            "--collection",
            COLLECTION,
        ]);
        command.args(["--parallel", "2"]).stdin(Stdio::null()).stdout(Stdio::null());
        let goal = death.map(|death| meter.counts().sent + death.sent);
        let mut child = command.spawn()?;
        let mut due = None;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            self.look_at_memory(&child);
            if due.is_some_and(|due| Instant::now() >= due) {
                child.kill()?;
            }
            let has_come = meter.wait_for(goal.filter(|_| due.is_none()).unwrap_or(u64::MAX), LOOK_EVERY);
            if has_come {
                due = death.map(|death| Instant::now() + death.later);
            }
        };
        ensure!(status.success() || status.code().is_none(), "the program ended with {status}");
        self.check()?;
        Ok(!status.success())
    }

    /// `VmHWM`; a process that has just ended has none.
    fn look_at_memory(&mut self, child: &Child) {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak_kb = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        self.peak_bytes = self.peak_bytes.max(peak_kb.unwrap_or(0) * 1024);
    }

    /// The tree holds whole series only, and all that were there before.
    fn check(&mut self) -> anyhow::Result<()> {
        for (uid, series) in &self.stock.0 {
            let place = self.root.join(series.place());
            if self.placed.contains(uid) {
                ensure!(place.is_dir(), "series {uid} is gone");
            } else if place.exists() {
                check_series(&place, series).with_context(|| format!("series {uid} is not whole"))?;
                self.placed.insert(uid.clone());
            }
        }
        Ok(())
    }

    /// Every byte of every series, at the end.
    pub(crate) fn check_all(&self) -> anyhow::Result<()> {
        self.stock.0.values().try_for_each(|series| check_series(&self.root.join(series.place()), series))
    }
}

fn check_series(place: &Path, series: &Series) -> anyhow::Result<()> {
    for (uid, bytes) in &series.instances {
        ensure!(fs::read(place.join(format!("{uid}.dcm")))? == *bytes, "instance {uid} has other bytes");
    }
    let others =
        fs::read_dir(place)?.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != "LICENSE"));
    ensure!(others.count() == series.instances.len(), "there are files too many");
    Ok(())
}
