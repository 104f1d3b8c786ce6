//! `resume`: finish whatever the job table still holds.

use indicatif::MultiProgress;

use super::arguments::{Global, Resume};
use super::exit::Exit;
use super::session::{configure, fetch};
use super::status;

pub(super) async fn run(
    global: &Global,
    command: Resume,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    if command.download.dry_run {
        return status::run(global);
    }
    let config = configure(global, &command.download)?;
    fetch(&config, global.json, bars, async |cycle| cycle.resume().await).await
}
