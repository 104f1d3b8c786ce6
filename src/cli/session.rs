//! What every command that works on a mirror needs: configuration, client, cycle, signals, someone who watches.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indicatif::MultiProgress;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::arguments::{DownloadFlags, Global, SelectionFlags};
use super::exit::{Exit, UsageError};
use super::progress::Watcher;
use super::signals::Signals;
use super::{manifests, print};
use crate::config::{Config, Overrides, Select};
use crate::dicom::{CollectionName, PatientId, SeriesInstanceUid};
use crate::mirror::{Root, RootError};
use crate::nbia::Client;
use crate::plan::Selection;
use crate::sync::{self, Cycle, Event, News, Parallel, Report, Setup};

/// Events that may wait to be shown.
const EVENT_QUEUE: usize = 256;
/// How often the bars are drawn.
const TICK: Duration = Duration::from_millis(200);

/// A command at work on a mirror.
pub(super) struct Session {
    pub(super) cycle: Arc<Cycle>,
    pub(super) signals: Signals,
    events: mpsc::Receiver<Event>,
    watcher: Watcher,
    global: Global,
}

/// The time of day, for everything below.
#[expect(clippy::disallowed_methods, reason = "this is the place where the clock is read and handed down")]
pub(super) fn clock() -> Timestamp {
    Timestamp::now()
}

/// What flags and the environment say over the file.
pub(super) fn overrides(global: &Global) -> Overrides {
    Overrides {
        config: global.config.clone(),
        root: global.root.clone(),
        base_url: global.base_url.clone(),
        dialect: global.dialect,
    }
}

/// The configuration with the flags of this command over it.
pub(super) fn configure(global: &Global, download: &DownloadFlags) -> anyhow::Result<Config> {
    Ok(with_flags(Config::load(overrides(global))?, global, download))
}

/// The same for a command that asks no service, and may run where its keys cannot be read.
pub(super) fn configure_locally(global: &Global, download: &DownloadFlags) -> anyhow::Result<Config> {
    Ok(with_flags(Config::load_without_services(overrides(global))?, global, download))
}

fn with_flags(mut config: Config, global: &Global, download: &DownloadFlags) -> Config {
    let sync = &mut config.sync;
    sync.shard = global.shard;
    if let Some(most) = download.parallel.map(|parallel| parallel as usize) {
        sync.parallel = Parallel { least: sync.parallel.least.min(most), most };
    }
    sync.fetch.how = download.fetch.unwrap_or(sync.fetch.how);
    sync.max_bytes = download.max_bytes;
    if let Some(rate) = download.rate {
        let services = config.services.iter_mut();
        services.for_each(|service| (service.query_rate, service.image_rate) = (rate, rate));
    }
    for service in &mut config.services {
        service.bandwidth = download.bandwidth.unwrap_or(service.bandwidth);
    }
    config.divided()
}

/// The mirror of a configuration, only to read from it.
pub(super) fn open_root(config: &Config) -> Result<Root, RootError> {
    Root::open_share(&config.root, config.sync.shard)
}

/// What flags or, without any, the configuration select; a usage error with neither.
pub(super) fn selections(config: &Config, flags: &SelectionFlags) -> anyhow::Result<Vec<Selection>> {
    let selections = match optional_selections(config, flags)? {
        selections if selections.is_empty() => {
            config.select.iter().map(|table| select(config, table)).collect::<Result<_, _>>()?
        }
        selections => selections,
    };
    if selections.is_empty() || selections.iter().any(Selection::names_nothing) {
        let text = "nothing says what to mirror: name it with --collection NAME (or --patient, --study, --series, --manifest), \
                    take everything with --all-collections, or write a [[select]] table into the configuration";
        return Err(UsageError(text.to_owned()).into());
    }
    Ok(selections)
}

/// What flags select; none stands for everything that is recorded.
pub(super) fn optional_selections(config: &Config, flags: &SelectionFlags) -> anyhow::Result<Vec<Selection>> {
    let series = with_manifests(config, flags.series.iter().cloned(), &flags.manifest)?;
    let selection = Selection {
        all_collections: flags.all_collections,
        collections: flags.collection.iter().map(CollectionName::new).collect(),
        patients: flags.patient.iter().map(PatientId::new).collect(),
        studies: flags.study.clone(),
        series,
        shared_lists: flags.shared_list.clone(),
        lie_in: None,
        modalities: flags.modality.clone(),
        body_parts: flags.body_part.clone(),
        manufacturers: flags.manufacturer.clone(),
        models: flags.model.clone(),
        licenses: flags.license.clone(),
        exclude: Vec::new(),
    };
    Ok(if selection == Selection::default() { Vec::new() } else { vec![selection] })
}

/// What flags select, for a command that asks no service.
pub(super) fn local_selections(config: &Config, flags: &SelectionFlags) -> anyhow::Result<Vec<Selection>> {
    if !flags.shared_list.is_empty() {
        let text = "a shared list is known to the service alone, which is not asked here: name the series with --manifest";
        return Err(UsageError(text.to_owned()).into());
    }
    optional_selections(config, flags)
}

/// A [[select]] table with its manifests read.
fn select(config: &Config, select: &Select) -> anyhow::Result<Selection> {
    if select.manifests.iter().any(|manifest| manifests::is_standard_input(manifest)) {
        let text = "a manifest of a [[select]] table cannot be standard input, which is read once: name a file or an address";
        return Err(UsageError(text.to_owned()).into());
    }
    let series = with_manifests(config, select.selection.series.iter().cloned(), &select.manifests)?;
    Ok(Selection { series, ..select.selection.clone() })
}

fn with_manifests(
    config: &Config,
    series: impl Iterator<Item = SeriesInstanceUid>,
    manifests: &[PathBuf],
) -> anyhow::Result<BTreeSet<SeriesInstanceUid>> {
    let mut series: BTreeSet<_> = series.collect();
    for manifest in manifests {
        series.extend(manifests::read(&config.reach, manifest)?);
    }
    Ok(series)
}

/// What a cycle of a configuration needs, and where it says what happens.
pub(super) fn setup(
    config: &Config,
    drain: CancellationToken,
    abort: &CancellationToken,
) -> Result<(Setup, mpsc::Receiver<Event>), crate::nbia::Error> {
    let client = |service| Client::new(service, abort.clone(), clock, fastrand::Rng::new()).map(Arc::new);
    let clients: Result<Vec<_>, _> = config.services.iter().map(client).collect();
    let (sender, events) = mpsc::channel(EVENT_QUEUE);
    let setup = Setup {
        clients: clients?,
        options: config.sync.clone(),
        drain,
        events: sender,
        clock,
        random: fastrand::Rng::new(),
    };
    Ok((setup, events))
}

/// Runs a command that fetches, from the lock on the root to the exit code.
pub(super) async fn fetch(
    config: &Config,
    global: &Global,
    bars: Option<MultiProgress>,
    work: impl AsyncFnOnce(&Arc<Cycle>) -> Result<Report, sync::Error>,
) -> anyhow::Result<Exit> {
    let began = clock().as_second();
    let mut session = Session::open(config, global, bars).await?;
    let cycle = Arc::clone(&session.cycle);
    let outcome = session.watch(work(&cycle)).await?;
    if session.signals.received().is_none() {
        let records = Root::records_of(&config.root, config.sync.shard);
        let news = News::of(&config.root, &records, began, &outcome);
        config.hooks.tell(&news).await;
    }
    session.conclude(outcome)
}

impl Session {
    /// Takes the root and makes everything ready; nothing is asked of the service yet.
    pub(super) async fn open(
        config: &Config,
        global: &Global,
        bars: Option<MultiProgress>,
    ) -> anyhow::Result<Self> {
        let signals = Signals::listen(config.sync.jobs.grace)?;
        let (setup, events) = setup(config, signals.drain.clone(), &signals.abort)?;
        let cycle = Cycle::open(&config.root, setup).await?;
        let watcher = Watcher::new(global.json, bars, cycle.progress());
        Ok(Self { cycle, signals, events, watcher, global: global.clone() })
    }

    /// Runs the work of a command and shows what happens meanwhile.
    pub(super) async fn watch<T>(
        &mut self,
        work: impl Future<Output = Result<T, sync::Error>>,
    ) -> anyhow::Result<Result<T, sync::Error>> {
        tokio::pin!(work);
        let mut ticks = tokio::time::interval(TICK);
        let outcome = loop {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => self.watcher.show(&event)?,
                outcome = &mut work => break outcome,
                _ = ticks.tick() => self.watcher.tick(),
            }
        };
        while let Ok(event) = self.events.try_recv() {
            self.watcher.show(&event)?;
        }
        self.watcher.finish();
        Ok(outcome)
    }

    /// Says how a run ended and what that means to a script.
    pub(super) fn conclude(&self, outcome: Result<Report, sync::Error>) -> anyhow::Result<Exit> {
        let report = match outcome {
            Ok(report) => report,
            Err(error) => return self.give_up(error),
        };
        if self.global.json {
            print_summary(&report)?;
        } else {
            print::summary(&self.global, &sentence(&report))?;
        }
        say_what_is_missing(&report);
        Ok(self.signals.received().unwrap_or_else(|| Exit::of_report(&report)))
    }

    /// Ends a run that could not go on: scripts are told what it has done all the same.
    fn give_up(&self, error: sync::Error) -> anyhow::Result<Exit> {
        if self.global.json {
            print_summary(&self.cycle.so_far())?;
        }
        self.signals.received().map_or_else(|| Err(error.into()), Ok)
    }
}

fn print_summary(report: &Report) -> anyhow::Result<()> {
    let totals = &report.totals;
    print::json(&json!({ "summary": {
        "placed": totals.placed, "parked": totals.parked, "kept": totals.kept, "withdrawn": totals.withdrawn,
        "instances": totals.instances, "bytes": totals.bytes, "downloaded_bytes": totals.downloaded_bytes,
        "requests": totals.requests, "retries": totals.retries,
        "elapsed_s": (report.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
    }}))
}

fn sentence(report: &Report) -> String {
    let totals = &report.totals;
    let mut text = format!(
        "placed {} series ({} instances, {}), kept {}, parked {}; {} downloaded in {:.1} s with {} requests",
        totals.placed,
        totals.instances,
        print::bytes(totals.bytes),
        totals.kept,
        totals.parked,
        print::bytes(totals.downloaded_bytes),
        report.elapsed.as_secs_f64(),
        totals.requests,
    );
    if report.left > 0 {
        text += "; ";
        text += &report.left.to_string();
        text += " series are still queued, `tcia-mirror resume` goes on";
    }
    text
}

fn say_what_is_missing(report: &Report) {
    say_what_is_not_listed(&report.unlisted, &report.unwalked);
    if report.rejected_rows > 0 {
        let rows = report.rejected_rows;
        print::talk(&format!(
            "warning: {rows} rows of the service made no sense; `tcia-mirror status` shows them"
        ));
    }
    if report.totals.parked > 0 {
        print::talk(&format!(
            "warning: {} series are parked; `tcia-mirror status` says why, `tcia-mirror retry` tries them again",
            report.totals.parked
        ));
    }
}

/// Names what was asked for and is not listed, or could not be.
pub(super) fn say_what_is_not_listed(unlisted: &[String], unwalked: &[String]) {
    for name in unlisted {
        print::talk(&format!("error: the service does not list {}", print::plain(name)));
    }
    for what in unwalked {
        print::talk(&format!("error: cannot list {}", print::plain(what)));
    }
}
