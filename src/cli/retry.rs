//! `retry`: put parked series back in the queue and fetch them.

use indicatif::MultiProgress;

use super::arguments::{Fetching, Global};
use super::exit::Exit;
use super::plan;
use super::session::{configure, configure_locally, fetch, local_selections, optional_selections};
use crate::db::JobState;

pub(super) async fn run(
    global: &Global,
    command: Fetching,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    if command.download.dry_run {
        let config = configure_locally(global, &command.download)?;
        let selections = local_selections(&config, &command.selection)?;
        return plan::show_jobs(global, &command.download, &[JobState::Parked], &selections);
    }
    let config = configure(global, &command.download)?;
    let selections = optional_selections(&config, &command.selection)?;
    fetch(&config, global, bars, async |cycle| cycle.retry(&selections).await).await
}
