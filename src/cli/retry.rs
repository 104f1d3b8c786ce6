//! `retry`: put parked series back in the queue and fetch them.

use indicatif::MultiProgress;

use super::arguments::{Fetching, Global};
use super::exit::Exit;
use super::session::{configure, fetch, optional_selections};
use super::status;

pub(super) async fn run(
    global: &Global,
    command: Fetching,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    if command.download.dry_run {
        return status::run(global);
    }
    let config = configure(global, &command.download)?;
    let selections = optional_selections(&command.selection)?;
    fetch(&config, global.json, bars, async |cycle| cycle.retry(&selections).await).await
}
