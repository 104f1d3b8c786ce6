//! Who is told how a run ended: a command of the lab, an address.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tracing::warn;
use url::Url;

use super::{Error, Report, chain};
use crate::db::{FailedSeries, Outcome, Reader, RunChanges, RunReport};
use crate::dicom::Records;
use crate::nbia::{self, post_json};

/// Of the series that a run has given up so many are told of by name.
const MOST_PARKED_TOLD: u32 = 100;
/// What is none of its business.
const WITHHELD: [&str; 9] = [
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "TCIA_MIRROR_API_KEY",
    "TCIA_MIRROR_CLIENT_SECRET",
    "TCIA_MIRROR_PASSWORD",
    "TCIA_MIRROR_SERVE_TOKEN",
    "TCIA_MIRROR_TOKEN",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];
/// Of the end of what a hook says so much is logged.
const LAST_WORDS: u64 = 500;

/// Who is told, and how long telling may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// A program and its arguments; it gets the news on standard input.
    pub command: Vec<String>,
    /// Where the news are posted. Its path may be a secret.
    pub webhook: Option<Url>,
    /// After so long it is given up.
    pub timeout: Duration,
}

/// Why someone is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// The run could not do all that was asked, or series were given up in it.
    Failure,
    /// The mirror holds something else than before.
    Changed,
    /// The run is the first one without a failure after one with it.
    Recovered,
}

/// What is told, as one JSON object.
#[derive(Clone, Debug, Serialize)]
pub struct News {
    /// Why; `None` when nobody need be told.
    pub occasion: Option<Occasion>,
    /// Which mirror.
    pub root: PathBuf,
    /// Why the run could not go on, or not begin.
    pub error: Option<String>,
    /// What is named and not listed.
    pub unlisted: Vec<String>,
    /// What could not be listed.
    pub unwalked: Vec<String>,
    /// Series that were given up in the run.
    pub parked: Vec<FailedSeries>,
    /// The run, as `status --history` shows it; none that could not begin.
    pub cycle: Option<RunReport>,
}

/// Why a hook did not take the news.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error(transparent)]
    Post(#[from] nbia::Error),
    #[error("cannot run it")]
    Run(#[from] std::io::Error),
    #[error("{status}; its last words: {words}")]
    Ended { status: std::process::ExitStatus, words: String },
    #[error("it took longer than {}", humantime::format_duration(*.0))]
    TooSlow(Duration),
}

impl News {
    /// Of a run that has ended, as the record shows it; it began at `began` (UTC seconds) or later. Blocks.
    pub fn of(root: &Path, record: &Records, began: i64, ended: &Result<Report, Error>) -> Self {
        let (cycle, parked) = last_run(record, began).unwrap_or_else(|error| {
            warn!("the history cannot be read: {}", chain(&error));
            (None, Vec::new())
        });
        let report = ended.as_ref().ok();
        Self {
            occasion: occasion(ended, cycle.as_ref().map(|run| run.changes).unwrap_or_default()),
            root: root.to_owned(),
            error: ended.as_ref().err().map(|error| chain(error)),
            unlisted: report.map(|report| report.unlisted.clone()).unwrap_or_default(),
            unwalked: report.map(|report| report.unwalked.clone()).unwrap_or_default(),
            parked,
            cycle,
        }
    }
}

fn last_run(record: &Records, began: i64) -> Result<(Option<RunReport>, Vec<FailedSeries>), Error> {
    let reader = Reader::open_all(record)?;
    // one that could not begin has left no row
    let is_this = |run: &RunReport| run.started_at.parse().is_ok_and(|at: Timestamp| at.as_second() >= began);
    let Some(run) = reader.history(1)?.pop().filter(is_this) else { return Ok((None, Vec::new())) };
    Ok((Some(run), reader.parked_in_last_run(MOST_PARKED_TOLD)?))
}

/// Whether the end of a run is one to tell of; that someone stopped it is none.
fn occasion(ended: &Result<Report, Error>, changes: RunChanges) -> Option<Occasion> {
    let changed = changes.new + changes.revised + changes.moved + changes.withdrawn;
    match ended.as_ref().map(Report::outcome) {
        Err(Error::Stopped) => None,
        Err(_) | Ok(Outcome::Incomplete) => Some(Occasion::Failure),
        Ok(_) if changes.parked > 0 => Some(Occasion::Failure),
        Ok(_) => (changed > 0).then_some(Occasion::Changed),
    }
}

impl Hooks {
    /// Tells whoever wants to know, if there is an occasion; one that does not take it is said in the log and changes
    /// nothing else.
    pub async fn tell(&self, news: &News) {
        if news.occasion.is_none() {
            return;
        }
        let json = match serde_json::to_string(news) {
            Ok(json) => json,
            Err(error) => return warn!("the news cannot be written: {error}"),
        };
        if let Some(address) = &self.webhook
            && let Err(error) = post_json(address, json.clone(), self.timeout).await
        {
            let host = address.host_str().unwrap_or_default();
            warn!("the webhook at {host} did not take the news: {}", chain(&error));
        }
        if let Some((program, arguments)) = self.command.split_first()
            && let Err(error) = self.run(program, arguments, &json).await
        {
            warn!("the command `{program}` did not take the news: {}", chain(&error));
        }
    }

    async fn run(&self, program: &str, arguments: &[String], json: &str) -> Result<(), HookError> {
        // not a pipe: what it leaves running may hold that open for ever
        let mut words = tempfile::tempfile()?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(words.try_clone()?);
        for name in WITHHELD {
            command.env_remove(name);
        }
        let mut child = command.kill_on_drop(true).process_group(0).spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let mut input = child.stdin.take();
        let whole = async {
            if let Some(input) = &mut input {
                // a command that does not read what it is told has its reasons
                drop(input.write_all(json.as_bytes()).await);
            }
            drop(input.take());
            child.wait().await
        };
        let Ok(status) = tokio::time::timeout(self.timeout, whole).await else {
            // what it has started ends with it
            if let Some(Err(error)) = group.map(|group| kill_process_group(group, Signal::KILL)) {
                warn!("the command `{program}` cannot be ended: {error}");
            }
            return Err(HookError::TooSlow(self.timeout));
        };
        match status? {
            status if status.success() => Ok(()),
            status => Err(HookError::Ended { status, words: end_of(&mut words)? }),
        }
    }
}

/// The end of a text, on one line.
fn end_of(text: &mut File) -> std::io::Result<String> {
    let length = text.metadata()?.len();
    text.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS)))?;
    let mut end = Vec::new();
    text.read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: RunChanges =
        RunChanges { new: 0, revised: 0, moved: 0, restored: 0, described: 0, withdrawn: 0, parked: 0 };

    #[test]
    fn a_run_is_told_of_when_it_failed_or_changed_what_lies_in_the_mirror() {
        let unlisted = Report { unlisted: vec!["collection `A`".to_owned()], ..Report::default() };
        let left = Report { left: 1, ..Report::default() };
        for (ended, changes, expected) in [
            (Ok(Report::default()), NONE, None),
            (Ok(Report::default()), RunChanges { described: 1, restored: 1, ..NONE }, None),
            (Ok(Report::default()), RunChanges { new: 1, ..NONE }, Some(Occasion::Changed)),
            (Ok(left), RunChanges { withdrawn: 1, ..NONE }, Some(Occasion::Changed)),
            (Ok(Report::default()), RunChanges { new: 1, parked: 1, ..NONE }, Some(Occasion::Failure)),
            (Ok(unlisted), RunChanges { new: 1, ..NONE }, Some(Occasion::Failure)),
            (Err(Error::NothingListed), RunChanges { new: 1, ..NONE }, Some(Occasion::Failure)),
            (Err(Error::Stopped), RunChanges { new: 1, ..NONE }, None),
        ] {
            assert_eq!(occasion(&ended, changes), expected, "{ended:?} {changes:?}");
        }
    }
}
