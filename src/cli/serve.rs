//! `serve`: the mirror re-served through the same REST API.
use super::arguments::{Global, Serve};
use super::exit::Exit;

pub(super) async fn run(_global: &Global, _command: Serve) -> anyhow::Result<Exit> {
    Ok(Exit::Done)
}
