//! `export`: what the mirror holds, in forms that other programs and people take. No service is asked.

mod arguments;
mod catalogue;
mod checksums;
mod citations;
mod links;
mod manifest;
mod metadata;
mod outside;
mod parquet;
mod table;
mod wanted;

use std::path::Path;

pub(super) use self::arguments::{CODES, Export};

use self::arguments::{Common, Kind};
use self::wanted::Wanted;
use super::arguments::{DownloadFlags, Global, SelectionFlags};
use super::exit::{Exit, UsageError};
use super::paper::{Paper, is_closed};
use super::session::{configure_locally, local_selections, open_root};
use super::signals::Signals;
use crate::config::Config;
use crate::db::{PlacedSeries, Reader, RecordedSeries};
use crate::mirror::Root;

/// Series that are read from the record at once.
const PAGE: u32 = 200;

pub(super) async fn run(global: &Global, Export { kind }: Export) -> anyhow::Result<Exit> {
    let config = configure_locally(global, &DownloadFlags::default())?;
    let signals = Signals::listen(config.sync.jobs.grace)?;
    let done = match signals.unless_stopped(make(global, &config, kind)).await {
        Ok(done) => done,
        Err(exit) => return Ok(exit),
    };
    // a reader that has seen enough has all that was asked
    done.or_else(|error| if is_closed(&error) { Ok(Exit::Done) } else { Err(error) })
}

async fn make(global: &Global, config: &Config, kind: Kind) -> anyhow::Result<Exit> {
    let json = global.json;
    match kind {
        Kind::Metadata(command) => {
            metadata::run(Source::open(config, &command.common.selection)?, &command, json).await
        }
        Kind::Manifest(command) => {
            refuse_json(json, "a manifest")?;
            manifest::run(Source::open(config, &command.common.selection)?, &command).await
        }
        Kind::Checksums(command) => {
            refuse_json(json, "a list of checksums")?;
            checksums::run(Source::open(config, &command.selection)?, &command).await
        }
        Kind::Catalogue(command) => {
            catalogue::run(Source::open(config, &command.common.selection)?, &command).await
        }
        Kind::Citations(command) => {
            citations::run(Source::open(config, &command.common.selection)?, &command, json).await
        }
        Kind::Links(command) => links::run(Source::open(config, &command.selection)?, &command, json).await,
    }
}

fn refuse_json(json: bool, what: &str) -> Result<(), UsageError> {
    if !json {
        return Ok(());
    }
    Err(UsageError(format!("{what} has no form in JSON: leave --json out, or print `export catalogue`")))
}

/// `--json` beside a format of another kind.
fn contradiction() -> UsageError {
    UsageError("--json and another --format contradict each other: leave one of them out".to_owned())
}

/// What an export is made of.
struct Source {
    mirror: Mirror,
    wanted: Wanted,
}

/// A mirror to be read.
struct Mirror {
    root: Root,
    reader: Reader,
}

impl Source {
    fn open(config: &Config, selection: &SelectionFlags) -> anyhow::Result<Self> {
        let wanted = Wanted::new(local_selections(config, selection)?.pop());
        let root = open_root(config)?;
        let reader = Reader::open_all(&root.records())?;
        Ok(Self { mirror: Mirror { root, reader }, wanted })
    }

    /// Where the export is written: anywhere but in the mirror.
    fn paper(&self, common: &Common) -> anyhow::Result<Paper> {
        self.paper_at(common.output.as_deref())
    }

    fn paper_at(&self, output: Option<&Path>) -> anyhow::Result<Paper> {
        if let Some(output) = output {
            outside::refuse_inside(&self.mirror.root, output)?;
        }
        Paper::new(output)
    }

    /// Every wanted series that was asked for, in the order of the record.
    async fn each_recorded(
        &mut self,
        work: impl FnMut(&Mirror, RecordedSeries) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.each_of(|_| true, work).await
    }

    /// Every wanted series that lies in the tree, in the order of the record; what does not is not there.
    async fn each_placed(
        &mut self,
        work: impl FnMut(&Mirror, RecordedSeries) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.each_of(|series| series.placed.is_some(), work).await
    }

    async fn each_of(
        &mut self,
        is_there: impl Fn(&RecordedSeries) -> bool,
        mut work: impl FnMut(&Mirror, RecordedSeries) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let page = self.mirror.reader.recorded_series(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.series_id;
            for series in page {
                if is_there(&series) && self.wanted.takes(&series.series) {
                    work(&self.mirror, series)?;
                }
            }
            // where a signal is seen
            tokio::task::yield_now().await;
        }
    }

    /// Every wanted series in the tree, in the order of their paths.
    async fn each_by_path(
        &mut self,
        mut work: impl FnMut(&Mirror, PlacedSeries) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut after = String::new();
        loop {
            let page = self.mirror.reader.placed_by_path(&after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.path);
            for series in page {
                if self.wanted.takes(&series.series) {
                    work(&self.mirror, series)?;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Ends an export: a file takes its name when all that was named is in it.
    fn close(self, paper: Paper) -> anyhow::Result<Exit> {
        let exit = self.wanted.close()?;
        if exit == Exit::Done {
            paper.keep()?;
        }
        Ok(exit)
    }
}
