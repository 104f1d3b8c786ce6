//! The last runs: how each ended, and what it changed.

use maud::{Markup, html};

use super::findings::grade_of;
use super::view::View;
use super::words::{ago, between, bytes, count, span, text};
use crate::db::{RunChanges, RunReport};

/// Runs in the table: nearly two weeks of nights.
const RUNS: usize = 12;

pub(super) fn cycles(view: &View) -> Markup {
    let runs = &view.overview.history;
    if runs.is_empty() {
        return html! { p { "None yet." } };
    }
    html! {
        table role="table" {
            caption { "The last " (count(runs.len().min(RUNS) as u64)) ", the newest first" }
            thead role="rowgroup" {
                tr role="row" {
                    @for name in ["Run", "Outcome", "Changes", "Downloaded", "Requests", "Took"] {
                        th scope="col" role="columnheader" { (name) }
                    }
                }
            }
            tbody role="rowgroup" { @for run in runs.iter().take(RUNS) { (row(run, view.now)) } }
        }
    }
}

fn row(run: &RunReport, now: i64) -> Markup {
    // the figures of a run are written down at its end
    let has_ended = run.outcome.is_some();
    let took = run.finished_at.as_ref().and_then(|finished| between(&run.started_at, finished));
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { (text(&run.command)) ", " (ago(&run.started_at, now)) }
            td role="cell" data-label="Outcome" { div { (outcome(run)) } }
            td role="cell" data-label="Changes" { (changes(&run.changes)) }
            td.number role="cell" data-label="Downloaded" {
                @if has_ended { (bytes(run.totals.downloaded_bytes)) } @else { "–" }
            }
            td.number role="cell" data-label="Requests" {
                @if has_ended { (count(run.totals.requests)) } @else { "–" }
                @if run.totals.retries > 0 { ", " (count(run.totals.retries)) " again" }
            }
            td.number role="cell" data-label="Took" { @if let Some(took) = took { (span(took)) } @else { "–" } }
        }
    }
}

fn outcome(run: &RunReport) -> Markup {
    let word = run.outcome.as_deref();
    html! {
        span class=(grade_of(word).word()) { (text(word.unwrap_or("under way"))) }
        @if let Some(reason) = &run.reason { ": " (text(reason)) }
    }
}

fn changes(changes: &RunChanges) -> Markup {
    let told: Vec<_> = changes.named().map(|(series, what)| format!("{} {what}", count(series))).collect();
    html! { (if told.is_empty() { "none".to_owned() } else { told.join(", ") }) }
}
