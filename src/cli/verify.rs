//! `verify`: re-hash what lies on disk against the record, and fetch again what is damaged when asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::bail;
use indicatif::MultiProgress;
use serde_json::json;

use super::arguments::{Global, Verify};
use super::exit::Exit;
use super::print;
use super::session::{Session, configure, configure_locally, local_selections};
use crate::config::Config;
use crate::db::Reader;
use crate::mirror::{ProblemKind, Root};
use crate::plan::Selection;
use crate::sync::{CheckTotals, Damage, check};

pub(super) async fn run(
    global: &Global,
    command: Verify,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    let repairs = command.repair && !command.download.dry_run;
    let configure = if repairs { configure } else { configure_locally };
    let config = configure(global, &command.download)?;
    let selections = local_selections(&command.selection)?;
    if !Root::state_file_of(&config.root).exists() {
        Root::open(&config.root)?;
    }
    let session = if repairs { Some(Session::open(&config, global.json, bars).await?) } else { None };
    let finding = find(global, &config, &selections);
    let found = match &session {
        None => finding.await?,
        Some(session) => match session.unless_stopped(finding).await {
            Ok(found) => found?,
            Err(exit) => return Ok(exit),
        },
    };
    let Found { totals, damaged } = found;
    let ended = match session {
        Some(session) if !damaged.is_empty() => repair(session, &damaged).await,
        _ => Ok((0, Exit::Done)),
    };
    // what was found is found, also where the repair could not go on
    conclude(global, &totals, ended.as_ref().map_or(0, |(repaired, _)| *repaired))?;
    let (repaired, exit) = ended?;
    if !selections.is_empty() && totals.instances == 0 {
        bail!("nothing in the mirror matches the selection");
    }
    let remaining = totals.damaged() - repaired;
    Ok(if exit == Exit::Done && remaining > 0 { Exit::Parked } else { exit })
}

struct Found {
    totals: CheckTotals,
    /// Damaged series, with how many of their files can be fetched again.
    damaged: BTreeMap<i64, u64>,
}

async fn find(global: &Global, config: &Config, selections: &[Selection]) -> anyhow::Result<Found> {
    let root = Arc::new(Root::open(&config.root)?);
    let reader = Reader::open(&root.state_file())?;
    let mut damaged = BTreeMap::new();
    let mut printed = Ok(());
    let mut report = |damage: Damage| {
        if let Some((series_id, _)) =
            damage.series.as_ref().filter(|_| damage.problem.kind != ProblemKind::Unexpected)
        {
            *damaged.entry(*series_id).or_insert(0) += 1;
        }
        if printed.is_ok() {
            printed = show(global.json, &damage);
        }
    };
    let totals = check(&root, &reader, selections, config.sync.parallel, &mut report).await?;
    printed?;
    Ok(Found { totals, damaged })
}

fn show(as_json: bool, damage: &Damage) -> anyhow::Result<()> {
    let Damage { problem, series } = damage;
    if as_json {
        return print::json(&json!({
            "path": problem.path, "problem": problem.kind,
            "series_instance_uid": series.as_ref().map(|(_, uid)| uid), "sop_instance_uid": problem.sop_instance_uid,
        }));
    }
    let kind = match problem.kind {
        ProblemKind::Missing => "missing",
        ProblemKind::Corrupt => "corrupt",
        ProblemKind::Unexpected => "unexpected",
        ProblemKind::Unreadable => "unreadable",
    };
    print::data(&format!("{kind}: {}", print::plain(&problem.path)))
}

/// Fetches damaged series again; gives how many damaged files that has mended.
async fn repair(mut session: Session, damaged: &BTreeMap<i64, u64>) -> anyhow::Result<(u64, Exit)> {
    let cycle = session.cycle.clone();
    let outcome = session.watch(cycle.repair(damaged.keys().copied().collect())).await?;
    let report = match (outcome, session.signals.received()) {
        (_, Some(exit)) => return Ok((0, exit)),
        (outcome, None) => outcome?,
    };
    if report.totals.parked == 0 && report.left == 0 {
        return Ok((damaged.values().sum(), Exit::Done));
    }
    let unfinished = cycle.unfinished(damaged.keys().copied().collect()).await?;
    let mended =
        damaged.iter().filter(|(series_id, _)| !unfinished.contains(series_id)).map(|(_, files)| files).sum();
    Ok((mended, Exit::Parked))
}

fn conclude(global: &Global, totals: &CheckTotals, repaired: u64) -> anyhow::Result<()> {
    if global.json {
        return print::json(&json!({ "summary": {
            "instances": totals.instances, "bytes": totals.bytes, "ok": totals.ok, "missing": totals.missing,
            "corrupt": totals.corrupt, "unexpected": totals.unexpected, "unreadable": totals.unreadable,
            "repaired": repaired,
        }}));
    }
    print::data(&format!(
        "{} instances, {}: {} as recorded, {} missing, {} corrupt, {} unexpected, {} unreadable; repaired {repaired}",
        totals.instances,
        print::bytes(totals.bytes),
        totals.ok,
        totals.missing,
        totals.corrupt,
        totals.unexpected,
        totals.unreadable,
    ))
}
