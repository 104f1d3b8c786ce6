//! `prune`: remove withdrawn and replaced data, only when asked.

use std::time::Duration;

use indicatif::MultiProgress;
use serde_json::json;

use super::arguments::{DownloadFlags, Global, Prune};
use super::exit::Exit;
use super::print;
use super::session::{Session, clock, configure, configure_locally, open_root};
use crate::db::Reader;
use crate::mirror::Root;
use crate::sync::{Error, Obsolete, chain, obsolete};

pub(super) async fn run(
    global: &Global,
    command: Prune,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    let configure = if command.dry_run { configure_locally } else { configure };
    let config = configure(global, &DownloadFlags::default())?;
    let at_least = command.older_than.map_or(config.retain, Into::into);
    // who is to remove something takes the root first, so that nothing changes between looking and removing
    Root::refuse_other_split(&config.root, config.sync.shard)?;
    let root = open_root(&config)?;
    let session = if command.dry_run { None } else { Some(Session::open(&config, global, bars).await?) };
    let found = obsolete(&root, &Reader::open_all(&root.records())?, clock().as_second(), at_least)?;
    let outcome = match &session {
        None => found.iter().try_for_each(|one| show(global, "obsolete", one)).map(|()| Exit::Done),
        Some(session) => {
            announce(&found, at_least);
            remove(global, session, &found).await
        }
    };
    let exit = outcome?;
    conclude(global, &found, command.dry_run, exit)?;
    Ok(exit)
}

/// Says what is about to go, before it goes.
fn announce(found: &[Obsolete], at_least: Duration) {
    let bytes: u64 = found.iter().map(|one| one.size_bytes).sum();
    let age = humantime::format_duration(at_least);
    print::talk(&format!(
        "removing {} versions and series that have been obsolete for {age} or longer, {}",
        found.len(),
        print::bytes(bytes)
    ));
}

async fn remove(global: &Global, session: &Session, found: &[Obsolete]) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for one in found {
        match session.cycle.prune(one).await {
            Ok(true) => show(global, "pruned", one)?,
            Ok(false) => {}
            Err(Error::Stopped) => return Ok(session.signals.received().unwrap_or(Exit::Failed)),
            // one that cannot go must not keep the others
            Err(error) => {
                print::talk(&format!(
                    "error: cannot remove {}: {}",
                    print::plain(&one.path),
                    print::plain(&chain(&error))
                ));
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

fn show(global: &Global, event: &str, one: &Obsolete) -> anyhow::Result<()> {
    let (kind, age) = (one.kind.name(), Duration::from_secs(one.age.as_secs()));
    if global.json {
        return print::json(&json!({
            "event": event, "kind": kind, "series_instance_uid": one.series_instance_uid, "path": one.path,
            "files": one.files, "bytes": one.size_bytes, "age_s": age.as_secs(),
        }));
    }
    let (path, size) = (print::plain(&one.path), print::bytes(one.size_bytes));
    print::data(&format!(
        "{kind} {} ago: {path} ({} files, {size})",
        humantime::format_duration(age),
        one.files
    ))
}

fn conclude(global: &Global, found: &[Obsolete], dry_run: bool, exit: Exit) -> anyhow::Result<()> {
    let count = |kind: &str| found.iter().filter(|one| one.kind.name() == kind).count();
    let files: u64 = found.iter().map(|one| one.files).sum();
    let bytes: u64 = found.iter().map(|one| one.size_bytes).sum();
    let (replaced, withdrawn) = (count("replaced"), count("withdrawn"));
    if global.json {
        return print::json(&json!({ "summary": {
            "replaced": replaced, "withdrawn": withdrawn, "files": files, "bytes": bytes, "dry_run": dry_run,
        }}));
    }
    let verb = match (dry_run, exit) {
        (true, _) => "would remove",
        (false, Exit::Done) => "removed",
        (false, _) => "could not remove all of",
    };
    let bytes = print::bytes(bytes);
    let told = format!(
        "{verb} {replaced} replaced versions and {withdrawn} withdrawn series: {files} files, {bytes}"
    );
    print::summary(global, &told)
}
