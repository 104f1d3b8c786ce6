//! The command line: one file per command; printing, progress, signals, exit codes.
//!
//! Standard output is data, standard error is talk. Nothing else in the program prints or ends it.

mod adopt;
mod arguments;
mod completions;
mod config;
mod contents;
mod csv_line;
mod daemon;
mod demo;
mod doctor;
mod exit;
mod export;
mod logs;
mod man;
mod manifests;
mod mirror;
mod paper;
mod plan;
mod print;
mod progress;
mod prune;
mod query;
mod resume;
mod retry;
mod serve;
mod session;
mod signals;
mod statement;
mod status;
mod sync;
mod verify;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use arguments::{Arguments, Command};
use exit::Exit;

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let parsed = Arguments::command().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Arguments::from_arg_matches(&matches)?, matches)));
    let (arguments, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return exit::of_usage(&error),
    };
    let log_format = arguments.global.log_format;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return exit::of_failure(&anyhow::Error::new(error).context("cannot start"), log_format);
        }
    };
    let ended = runtime.block_on(run(arguments, &matches));
    // what still reads for an answer that nobody waits for any more must not hold the process
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => exit::of_failure(&error, log_format),
    }
}

async fn run(arguments: Arguments, matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Arguments { global, command } = arguments;
    let bars = logs::start(&global, command.shows_progress())?;
    match command {
        Command::Mirror(command) => mirror::run(&global, command, bars).await,
        Command::Resume(command) => resume::run(&global, command, bars).await,
        Command::Plan(command) => plan::run(&global, command, bars).await,
        Command::Sync(command) => sync::run(&global, command, bars).await,
        Command::Adopt(command) => adopt::run(&global, command, bars).await,
        Command::Daemon(command) => daemon::run(&global, command).await,
        Command::Status(command) => status::run(&global, &command),
        Command::Verify(command) => verify::run(&global, command, bars).await,
        Command::Prune(command) => prune::run(&global, command, bars).await,
        Command::Retry(command) => retry::run(&global, command, bars).await,
        Command::Query(command) => query::run(&global, command).await,
        Command::Export(command) => export::run(&global, command).await,
        Command::Serve(command) => serve::run(&global, command).await,
        Command::Demo => demo::run(&global, bars).await,
        Command::Doctor => doctor::run(&global).await,
        Command::Config => config::run(&global, matches),
        Command::Completions(command) => completions::run(&command),
        Command::Man(command) => man::run(&command),
    }
}
