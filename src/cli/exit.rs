//! How a command ends: one table of exit codes, one way to print an error.

use std::io;
use std::process::ExitCode;

use super::arguments::LogFormat;
use super::print;
use crate::config::ConfigError;
use crate::db::Outcome;
use crate::mirror::{CommitError, RootError};
use crate::serve::OpenError;
use crate::sync::{self, Report};
use crate::{db, nbia};

/// The exit codes that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// Could not go on; jobs are kept.
    Failed = 1,
    /// The arguments or the configuration are wrong.
    Usage = 2,
    /// Finished, but series are parked or damage was found.
    Parked = 3,
    /// Another process holds the root.
    Locked = 10,
    /// Stopped by SIGINT.
    Interrupted = 130,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A mistake in what was typed, with what to type instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

impl Exit {
    /// What a finished run means to a script.
    pub(super) fn of_report(report: &Report) -> Self {
        match report.outcome() {
            Outcome::Done => Self::Done,
            Outcome::Parked => Self::Parked,
            _ => Self::Failed,
        }
    }

    fn of_error(error: &anyhow::Error) -> Self {
        for cause in error.chain() {
            let is_usage = cause.is::<UsageError>()
                || cause.is::<ConfigError>()
                || matches!(
                    cause.downcast_ref(),
                    Some(
                        nbia::Error::UnknownService { .. }
                            | nbia::Error::SecretInAddress
                            | nbia::Error::NotHttp { .. }
                            | nbia::Error::Setup { .. }
                    )
                )
                || of_root(cause).is_some_and(RootError::is_usage);
            if is_usage {
                return Self::Usage;
            }
            if is_locked(cause) {
                return Self::Locked;
            }
        }
        Self::Failed
    }
}

fn is_locked(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(of_root(cause), Some(RootError::Locked { .. }))
}

/// Why a root cannot be used, whoever found it.
fn of_root<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a RootError> {
    let of_server =
        |error: &'a OpenError| if let OpenError::Root(error) = error { Some(error) } else { None };
    cause
        .downcast_ref()
        .or_else(|| cause.downcast_ref().and_then(sync::Error::of_root))
        .or_else(|| cause.downcast_ref().and_then(of_server))
}

/// Prints what clap has to say.
pub(super) fn of_usage(error: &clap::Error) -> ExitCode {
    print::clap(error);
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

/// Prints an error once, as a chain, then what can be done about it.
///
/// systemd's journal takes the level of a line from its beginning (`sd-daemon(3)`).
pub(super) fn of_failure(error: &anyhow::Error, log_format: LogFormat) -> ExitCode {
    let text = sync::chain(error.as_ref());
    let level = if log_format == LogFormat::Journald { "<3>" } else { "" };
    // a mistake in the configuration is shown with its lines
    let lines: Vec<_> = text.lines().map(print::plain).collect();
    print::talk(&format!("{level}error: {}", lines.join(&format!("\n{level}"))));
    if let Some(hint) = hint(error) {
        print::talk(&format!("{level}hint: {hint}"));
    }
    Exit::of_error(error).into()
}

fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if is_locked(cause) {
            return Some(
                "wait until the other command has ended, or look at it with `tcia-mirror status`".to_owned(),
            );
        }
        if let Some(hint) = of_root(cause).and_then(of_split) {
            return Some(hint.to_owned());
        }
        if let Some(RootError::NoMirror { .. }) = of_root(cause) {
            return Some(
                "name the root with --root, or begin one with `tcia-mirror mirror --collection NAME`"
                    .to_owned(),
            );
        }
        if let Some(db::Error::NotClosed { .. }) = cause.downcast_ref() {
            return Some("let the owner of the root run `tcia-mirror resume`, then look again".to_owned());
        }
        if let Some(db::Error::OtherRelease { found, known, .. }) = cause.downcast_ref() {
            return Some(of_another_release(*found, *known).to_owned());
        }
        if is_damaged(cause.downcast_ref()) {
            return Some(DAMAGED.to_owned());
        }
        of_cycle(cause.downcast_ref()?)
    })
}

fn of_split(error: &RootError) -> Option<&'static str> {
    Some(match error {
        RootError::IsSplit { .. } => {
            "name one of its shards with --shard, like 1/4, with the number of them that the directory tells"
        }
        RootError::IsWhole { .. } => {
            "leave --shard out, or name an empty directory with --root: a mirror is split from its beginning or never"
        }
        RootError::FoldsCapitals { .. } => "name a root on another file system, or leave --shard out",
        _ => return None,
    })
}

fn of_another_release(found: u32, known: u32) -> &'static str {
    if found < known {
        "`tcia-mirror resume`, or any other command that may write, copies it and brings it up to date"
    } else {
        "use the release that made it, or a newer one"
    }
}

/// What can be done about a damaged record.
const DAMAGED: &str =
    "the tree was not touched; restore state.sqlite from a backup, or move it away and mirror again";

/// What can be done about a disk that takes no more.
const SEE_TO_THE_DISK: &str =
    "see to the disk of the root, then run the same command again: it goes on where it stopped";

fn is_damaged(error: Option<&db::Error>) -> bool {
    error.is_some_and(db::Error::is_damage)
}

fn of_cycle(error: &sync::Error) -> Option<String> {
    let text = match error {
        sync::Error::DiskGuard { .. } => {
            "free space at the root or lower [disk] min_free, then run the same command again: it goes on where it stopped"
        }
        sync::Error::Disk(source) | sync::Error::Commit(CommitError { source, .. })
            if source.kind() == io::ErrorKind::NotADirectory =>
        {
            "move it away, then run the same command again: it goes on where it stopped"
        }
        sync::Error::Root(RootError::Replaced { .. }) => {
            "mount its disk, or bring it back; the daemon goes on by itself"
        }
        sync::Error::Root(RootError::Unusable { .. }) => {
            "see that the root is a directory that may be written, or name another one with --root"
        }
        sync::Error::Record(error) if error.is_of_the_disk() => SEE_TO_THE_DISK,
        sync::Error::Disk(_) | sync::Error::Staging(_) | sync::Error::Commit(_) => SEE_TO_THE_DISK,
        sync::Error::Record(error) if is_damaged(Some(error)) => DAMAGED,
        sync::Error::GaveUp { .. } => "jobs are kept; run the same command again when the service answers",
        sync::Error::Remote(nbia::Error::Redirected { .. }) => {
            "name the address that it leads to with --base-url"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
