//! `mirror`: walk, record the work, download until nothing is left.

use indicatif::MultiProgress;

use super::arguments::{Fetching, Global, Planning};
use super::exit::Exit;
use super::plan;
use super::session::{configure, fetch, selections};

pub(super) async fn run(
    global: &Global,
    command: Fetching,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    if command.download.dry_run {
        return plan::run(global, Planning { selection: command.selection }, bars).await;
    }
    let config = configure(global, &command.download)?;
    let selections = selections(&config, &command.selection)?;
    fetch(&config, global, bars, async |cycle| cycle.mirror(&selections).await).await
}
