//! `resume`: finish whatever the job table still holds.

use indicatif::MultiProgress;

use super::arguments::{Global, Resume};
use super::exit::Exit;
use super::session::{Session, configure};
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
    let mut session = Session::open(&config, global.json, bars).await?;
    let cycle = session.cycle.clone();
    let outcome = session.watch(cycle.resume()).await?;
    session.conclude(outcome)
}
