//! `status`: what the job table holds, and what the last runs have done.

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::arguments::{DownloadFlags, Global, Status};
use super::contents;
use super::exit::Exit;
use super::print;
use super::session::{clock, configure_locally, open_root};
use crate::db::{self, Reader, RunReport};

pub(super) fn run(global: &Global, command: &Status) -> anyhow::Result<Exit> {
    let config = configure_locally(global, &DownloadFlags::default())?;
    let reader = Reader::open_all(&open_root(&config)?.records())?;
    let now = clock().as_second();
    if let Some(collection) = &command.collection {
        contents::show(&reader, now, collection, command.patient.as_deref(), global.json)?;
        return Ok(Exit::Done);
    }
    match command.history {
        Some(most) => show_history(&reader.history(most)?, global.json)?,
        None if global.json => print::json(&reader.status(now)?)?,
        None => show(&reader.status(now)?)?,
    }
    Ok(Exit::Done)
}

fn show_history(runs: &[RunReport], json: bool) -> anyhow::Result<()> {
    for run in runs {
        if json { print::json(run)? } else { print::data(&sentence(run))? }
    }
    Ok(())
}

fn show(status: &db::Status) -> anyhow::Result<()> {
    let series = &status.series;
    print::data(&format!(
        "series: {} done, {} queued, {} running, {} parked, {} withdrawn",
        series.done, series.queued, series.running, series.parked, series.withdrawn
    ))?;
    print::data(&format!(
        "on disk: {} instances, {}; still to come: {}",
        status.instances,
        print::bytes(status.bytes),
        print::bytes(status.bytes_left)
    ))?;
    print::data(&format!("running: {}", running(status)))?;
    show_collections(status)?;
    show_parked(status)?;
    for remark in &status.remarks {
        let kind =
            if remark.is_rejected_row { "unreadable row of" } else { "the service contradicts itself about" };
        print::data(&print::plain(&format!("{kind} {}: {}", remark.subject, remark.remark)))?;
    }
    for mark in &status.watermarks {
        let part =
            if mark.narrowed_by.is_empty() { String::new() } else { format!(" ({})", mark.narrowed_by) };
        print::data(&print::plain(&format!("synced: {}{part} to {}", mark.collection, mark.synced_to)))?;
    }
    if let Some(run) = &status.last_cycle {
        print::data(&format!("last run: {}", sentence(run)))?;
    }
    Ok(())
}

fn running(status: &db::Status) -> String {
    let Some(rate) = status.rate_bytes_s else { return "nothing".to_owned() };
    let left = status.eta_s.map(|eta| format!(", about {eta} s left"));
    let parallel = status.parallel.filter(|parallel| *parallel > 0);
    let parallel = parallel.map(|parallel| format!(", up to {parallel} series at a time"));
    [Some(format!("{}/s", print::bytes(rate))), left, parallel].into_iter().flatten().collect()
}

/// One run in a line.
fn sentence(run: &RunReport) -> String {
    let changes: Vec<_> = run.changes.named().map(|(series, what)| format!(", {series} {what}")).collect();
    let outcome = run.outcome.as_deref().unwrap_or("under way");
    let reason =
        run.reason.as_deref().map(|reason| format!(": {}", print::plain(reason))).unwrap_or_default();
    format!(
        "{} of {}, {outcome}{}, {} downloaded with {} requests{reason}",
        run.command,
        run.started_at,
        changes.concat(),
        print::bytes(run.totals.downloaded_bytes),
        run.totals.requests
    )
}

fn show_collections(status: &db::Status) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["collection", "series", "done", "instances", "size"]);
    for collection in &status.collections {
        table.add_row([
            print::plain(&collection.collection),
            collection.series.to_string(),
            collection.done.to_string(),
            collection.instances.to_string(),
            print::bytes(collection.bytes),
        ]);
    }
    if status.collections.is_empty() { Ok(()) } else { print::data(&table.to_string()) }
}

fn show_parked(status: &db::Status) -> anyhow::Result<()> {
    for parked in &status.parked {
        print::data(&format!(
            "parked: {} since {} after {} tries: {}",
            parked.series_instance_uid,
            parked.since,
            parked.attempts,
            print::plain(&parked.reason)
        ))?;
        // the last one is the reason above
        for failed in parked.failures.iter().rev().skip(1).rev() {
            print::data(&format!("  earlier, {}: {}", failed.at, print::plain(&failed.reason)))?;
        }
    }
    Ok(())
}
