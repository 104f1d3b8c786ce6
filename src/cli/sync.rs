//! `sync`: one incremental cycle.

use indicatif::MultiProgress;

use super::arguments::{Global, Planning, Sync};
use super::exit::Exit;
use super::plan;
use super::session::{configure, fetch, selections};

pub(super) async fn run(
    global: &Global,
    Sync { full, fetching: command }: Sync,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    if command.download.dry_run {
        return plan::run(global, Planning { selection: command.selection }, bars).await;
    }
    let config = configure(global, &command.download)?;
    let selections = selections(&config, &command.selection)?;
    fetch(&config, global.json, bars, async |cycle| cycle.sync(&selections, full).await).await
}
