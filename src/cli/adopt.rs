//! `adopt`: take over what other tools have downloaded.

use std::io;
use std::path::{Path, PathBuf};

use indicatif::MultiProgress;
use serde_json::json;

use super::arguments::{Adopt, DownloadFlags, Global, IntakeFlags};
use super::exit::{Exit, UsageError};
use super::print;
use super::session::{Session, configure, optional_selections, say_what_is_not_listed};
use crate::db::DoubtfulFile;
use crate::mirror::Intake;
use crate::sync::{AdoptTotals, AdoptedSeries, Adoption, Fate};

pub(super) async fn run(
    global: &Global,
    command: Adopt,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    let download = DownloadFlags { parallel: command.parallel, ..DownloadFlags::default() };
    let config = configure(global, &download)?;
    let adoption = Adoption {
        folder: folder(&command.folder, &config.root)?,
        selections: optional_selections(&config, &command.selection)?,
        intake: intake(&command.intake),
    };
    let mut session = Session::open(&config, global, bars).await?;
    let cycle = session.cycle.clone();
    let outcome = if command.dry_run {
        session.watch(Box::pin(cycle.plan_adoption(&adoption))).await?
    } else {
        session.watch(Box::pin(cycle.adopt(&adoption))).await?
    };
    match (outcome, session.signals.received()) {
        (_, Some(exit)) => {
            print::talk("the same command goes on where this one was stopped");
            Ok(exit)
        }
        (Ok(totals), None) => conclude(global, &command, &totals),
        (Err(error), None) => Err(error.into()),
    }
}

fn intake(flags: &IntakeFlags) -> Intake {
    match flags {
        IntakeFlags { copy: true, .. } => Intake::Copy,
        IntakeFlags { link: true, .. } => Intake::Link,
        IntakeFlags { moves: true, .. } => Intake::Move,
        _ => Intake::Clone,
    }
}

/// The folder by its real path; one that holds the mirror, or lies in it, is refused.
fn folder(named: &Path, root: &Path) -> Result<PathBuf, UsageError> {
    let shown = print::plain(&named.to_string_lossy());
    let cannot = |error: io::Error| UsageError(format!("cannot adopt from {shown}: {error}"));
    let folder = named.canonicalize().map_err(cannot)?;
    if !folder.is_dir() {
        return Err(UsageError(format!(
            "cannot adopt from {shown}: it is no directory; name the one it lies in"
        )));
    }
    let root = real(root).map_err(cannot)?;
    if folder.starts_with(&root) || root.starts_with(&folder) {
        let text = format!(
            "{shown} and the mirror at {} lie in one another: move what is to be adopted, or the mirror, out of the other, \
             or name a folder beside it",
            print::plain(&root.to_string_lossy())
        );
        return Err(UsageError(text));
    }
    Ok(folder)
}

/// The real path of a directory that may not be there yet.
fn real(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let there = path.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    let rest = path.strip_prefix(there).unwrap_or(Path::new("")).to_owned();
    Ok(there.canonicalize()?.join(rest))
}

/// Shows what became of a series; people are told of those that are not whole.
pub(super) fn show_series(as_json: bool, series: &AdoptedSeries) -> anyhow::Result<()> {
    let AdoptedSeries { fate, series_instance_uid, instances, bytes, missing, reason } = series;
    if as_json {
        return print::json(&json!({
            "event": fate.name(), "series_instance_uid": series_instance_uid, "instances": instances, "bytes": bytes,
            "missing": missing, "reason": reason,
        }));
    }
    match fate {
        Fate::Adopted | Fate::Kept => Ok(()),
        Fate::Incomplete | Fate::Doubtful => print::data(&format!(
            "{}: series {series_instance_uid}: {}",
            fate.name(),
            print::plain(reason.as_deref().unwrap_or_default())
        )),
    }
}

/// Shows a file that is not taken.
pub(super) fn show_file(as_json: bool, file: &DoubtfulFile) -> anyhow::Result<()> {
    let DoubtfulFile { path, entry, reason, is_skipped } = file;
    let (path, event) = (path.to_string_lossy(), if *is_skipped { "skipped" } else { "doubtful" });
    if as_json {
        return print::json(&json!({ "event": event, "path": path, "entry": entry, "reason": reason }));
    }
    let entry = entry.as_ref().map_or(String::new(), |entry| format!(" ({entry})"));
    print::data(&format!("{event}: {}: {}", print::plain(&format!("{path}{entry}")), print::plain(reason)))
}

fn conclude(global: &Global, command: &Adopt, totals: &AdoptTotals) -> anyhow::Result<Exit> {
    if global.json {
        summary(totals, command.dry_run)?;
    } else {
        print::data(&sentence(totals, command.dry_run))?;
    }
    say_what_is_not_listed(&[], &totals.unwalked);
    say_what_to_do(totals, command.dry_run);
    let is_whole = totals.incomplete + totals.doubtful + totals.doubtful_files == 0;
    Ok(match is_whole {
        _ if !totals.unwalked.is_empty() => Exit::Failed,
        true => Exit::Done,
        false => Exit::Parked,
    })
}

fn summary(totals: &AdoptTotals, dry_run: bool) -> anyhow::Result<()> {
    print::json(&json!({ "summary": {
        "files": totals.files, "not_dicom": totals.not_dicom, "skipped": totals.skipped,
        "doubtful_files": totals.doubtful_files, "duplicates": totals.duplicates, "adopted": totals.adopted,
        "incomplete": totals.incomplete, "doubtful": totals.doubtful, "kept": totals.kept,
        "instances": totals.instances, "bytes": totals.bytes, "missing": totals.missing, "removed": totals.removed,
        "requests": totals.requests, "dry_run": dry_run,
    }}))
}

fn sentence(totals: &AdoptTotals, dry_run: bool) -> String {
    let verb = if dry_run { "would adopt" } else { "adopted" };
    let removed = match totals.removed {
        0 => String::new(),
        files => format!(", {files} removed where they lay"),
    };
    format!(
        "{verb} {} series ({} instances, {}), kept {}, incomplete {} ({} instances missing), doubtful {}; looked at {} files: \
         {} not DICOM, {} duplicates, {} skipped, {} doubtful{removed}; {} requests",
        totals.adopted,
        totals.instances,
        print::bytes(totals.bytes),
        totals.kept,
        totals.incomplete,
        totals.missing,
        totals.doubtful,
        totals.files,
        totals.not_dicom,
        totals.duplicates,
        totals.skipped,
        totals.doubtful_files,
        totals.requests,
    )
}

fn say_what_to_do(totals: &AdoptTotals, dry_run: bool) {
    if !dry_run && totals.incomplete + totals.doubtful > 0 {
        print::talk(
            "hint: `tcia-mirror resume` fetches what is missing of series that the service lists, and nothing twice",
        );
    }
    if totals.doubtful_files > 0 {
        print::talk("hint: doubtful files were left where they are; nothing of them is in the mirror");
    }
}
