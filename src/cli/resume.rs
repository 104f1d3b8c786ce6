//! `resume`: finish whatever the job table still holds.

use indicatif::MultiProgress;

use super::arguments::{Global, Resume};
use super::exit::Exit;
use super::plan;
use super::session::{configure, fetch};
use crate::db::JobState;

pub(super) async fn run(
    global: &Global,
    command: Resume,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    if command.download.dry_run {
        // one that is running now is queued again when its process dies
        return plan::show_jobs(global, &command.download, &[JobState::Running, JobState::Queued], &[]);
    }
    let config = configure(global, &command.download)?;
    fetch(&config, global, bars, async |cycle| cycle.resume().await).await
}
