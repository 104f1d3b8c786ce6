//! `demo`
use super::arguments::Global;
use super::exit::Exit;
use indicatif::MultiProgress;

pub(super) async fn run(_global: &Global, _bars: Option<MultiProgress>) -> anyhow::Result<Exit> {
    Ok(Exit::Done)
}
