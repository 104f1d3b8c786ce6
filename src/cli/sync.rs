//! `sync`: one incremental cycle.

use indicatif::MultiProgress;
use jiff::Timestamp;

use super::arguments::{Global, Planning, Sync};
use super::exit::Exit;
use super::plan;
use super::session::{clock, configure, fetch, open_root, selections};
use crate::config::Config;
use crate::db::{self, Reader};
use crate::mirror::RootError;

pub(super) async fn run(
    global: &Global,
    Sync { full, full_when_due, fetching: command }: Sync,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    if command.download.dry_run {
        return plan::run(global, Planning { selection: command.selection }, bars).await;
    }
    let config = configure(global, &command.download)?;
    let selections = selections(&config, &command.selection)?;
    let full = full || full_when_due && is_full_due(&config)?;
    fetch(&config, global, bars, async |cycle| cycle.sync(&selections, full).await).await
}

/// Whether `[daemon] full_every` has passed since the last whole comparison; before there is a mirror it has.
fn is_full_due(config: &Config) -> anyhow::Result<bool> {
    let root = match open_root(config) {
        Err(RootError::NoMirror { .. }) => return Ok(true),
        root => root?,
    };
    let last = match Reader::open_all(&root.records()) {
        Err(db::Error::OtherRelease { .. }) => None, // the cycle brings it up to date, or says that it cannot
        reader => reader?.last_cycles()?.full,
    };
    let last = last.and_then(|seconds| Timestamp::from_second(seconds).ok());
    Ok(config.daemon.schedule.is_full_due(last, clock()))
}
