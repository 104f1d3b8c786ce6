//! `daemon`: `sync` on a schedule, with the server of `serve` beside it.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::arguments::{Daemon, DownloadFlags, Global, Planning, SelectionFlags};
use super::exit::Exit;
use super::print;
use super::session::{clock, configure, selections, setup};
use super::signals::Signals;
use super::{plan, serve};
use crate::config::Config;
use crate::daemon::{self, Assignment, Orders, Setup, Task, Work};
use crate::mirror::{DaemonLock, Root};
use crate::plan::Selection;
use crate::sync::{self, Cycle, Event, Report, Steady};

/// A cycle waits so long for a series that was put off; what is put off for longer gets a cycle of its own.
const PATIENCE: Duration = Duration::from_mins(5);

pub(super) async fn run(global: &Global, Daemon { download }: Daemon) -> anyhow::Result<Exit> {
    if download.dry_run {
        return plan::run(global, Planning { selection: SelectionFlags::default() }, None).await;
    }
    let (config, selections) = read(global, &download)?;
    let signals = Signals::listen(config.sync.jobs.grace)?;
    let hangups = signal(SignalKind::hangup())?;
    let lock = Arc::new(take(&config, &signals).await?);
    let server =
        if config.daemon_serves { Some(serve::begin(&config, config.serve.listen).await?) } else { None };
    if let Some((listener, _)) = &server {
        info!("serving the mirror at http://{}", listener.local_addr()?);
    }
    let (root, records) = (config.root.clone(), Root::records_of(&config.root, config.sync.shard));
    let (again, abort) = ((global.clone(), download), signals.abort.clone());
    let held = Arc::clone(&lock);
    let reload = move || reload(&again, &root, &abort, &held).map_err(|error| format!("{error:#}"));
    let setup = Setup {
        root: config.root.clone(),
        records,
        orders: orders(config, selections, signals.abort.clone(), lock),
        reload: Box::new(reload),
        hangups,
        stop: signals.drain.clone(),
        server,
        clock,
        random: fastrand::Rng::new(),
    };
    daemon::run(setup).await?;
    Ok(signals.received().unwrap_or(Exit::Failed))
}

/// The configuration, and what it selects.
fn read(global: &Global, download: &DownloadFlags) -> anyhow::Result<(Config, Vec<Selection>)> {
    let mut config = configure(global, download)?;
    config.sync.jobs.steady = Some(Steady { park_after: config.park_after, patience: PATIENCE });
    let selections = selections(&config, &SelectionFlags::default())?;
    Ok((config, selections))
}

fn reload(
    (global, download): &(Global, DownloadFlags),
    root: &std::path::Path,
    abort: &CancellationToken,
    lock: &Arc<DaemonLock>,
) -> anyhow::Result<Orders> {
    let (config, selections) = read(global, download)?;
    anyhow::ensure!(config.root == root, "another root takes a new start of the daemon");
    Ok(orders(config, selections, abort.clone(), Arc::clone(lock)))
}

/// Brings the mirror in order, or makes it, and keeps any other daemon out for as long as the lock is held.
async fn take(config: &Config, signals: &Signals) -> anyhow::Result<DaemonLock> {
    let (setup, _events) = setup(config, signals.drain.clone(), &signals.abort)?;
    let cycle = Cycle::open(&config.root, setup).await?;
    Ok(cycle.lock_for_daemon()?)
}

fn orders(
    config: Config,
    selections: Vec<Selection>,
    abort: CancellationToken,
    lock: Arc<DaemonLock>,
) -> Orders {
    let (options, hooks) = (config.daemon.clone(), config.hooks.clone());
    let shared = Arc::new((config, selections));
    let work: Work = Box::new(move |assignment| {
        let (shared, abort, lock) = (Arc::clone(&shared), abort.clone(), Arc::clone(&lock));
        Box::pin(async move { cycle(&shared.0, &shared.1, &lock, abort, assignment).await })
    });
    Orders { options, hooks, work }
}

/// One cycle, from the lock on the root to its report.
async fn cycle(
    config: &Config,
    selections: &[Selection],
    lock: &DaemonLock,
    abort: CancellationToken,
    assignment: Assignment,
) -> Result<Report, sync::Error> {
    let Assignment { task, drain, mut bandwidth, status } = assignment;
    let (setup, mut events) = setup(config, drain, &abort)?;
    let clients = setup.clients.clone();
    let cycle = Cycle::open_again(lock, setup).await?;
    let work = async {
        match task {
            Task::Sync => cycle.sync(selections, false).await,
            Task::Full => cycle.sync(selections, true).await,
            Task::Resume => cycle.resume().await,
        }
    };
    tokio::pin!(work);
    let mut shown = Shown::default();
    let limit = |limit| clients.iter().for_each(|client| client.limit_bandwidth(limit));
    limit(*bandwidth.borrow_and_update());
    loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => drop(status.send_replace(shown.after(&event))),
            report = &mut work => return report,
            Ok(()) = bandwidth.changed() => limit(*bandwidth.borrow_and_update()),
        }
    }
}

/// What a line of status says of a cycle.
#[derive(Default)]
struct Shown {
    wanted: u64,
    placed: u64,
    parked: u64,
    bytes: u64,
}

impl Shown {
    fn after(&mut self, event: &Event) -> String {
        match event {
            Event::Walking { scope } => return format!("listing {}", print::plain(scope)),
            Event::Outage { since, reason, .. } => {
                return format!("no answer for {} s: {}", since.as_secs(), print::plain(reason));
            }
            Event::Enqueued { series, .. } => self.wanted = *series,
            Event::Placed(series) => {
                self.placed += 1;
                self.bytes += series.bytes;
            }
            Event::Parked(_) => self.parked += 1,
            Event::Recovered
            | Event::Retrying { .. }
            | Event::Withdrawn(_)
            | Event::Scanned { .. }
            | Event::Adopted(_)
            | Event::Doubtful(_) => {}
        }
        let bytes = print::bytes(self.bytes);
        format!("{} of {} series placed, {bytes}, {} parked", self.placed, self.wanted, self.parked)
    }
}
