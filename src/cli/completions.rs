//! `completions`: a completion script for a shell.

use clap::CommandFactory;

use super::arguments::{Arguments, Completions};
use super::exit::Exit;
use super::print;

pub(super) fn run(command: &Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "tcia-mirror", &mut script);
    print::data(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}
