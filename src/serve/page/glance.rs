//! The top of the page: whether all is well, the figures of the whole mirror, and those of each collection.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::findings::{Grade, findings, grade_of, worst};
use super::view::View;
use super::words::{ago, bytes, count, counted, moment, percent, span, text};
use crate::db::CollectionReport;

/// Collections that are shown; the archive has 141.
const MOST_COLLECTIONS: usize = 1000;

/// When all of it was so.
pub(super) fn stamp(view: &View) -> Markup {
    html! { "As of " (moment(view.now)) "." }
}

/// What a screen reader says when it changes: no figure, so that it seldom does.
pub(super) fn announcement(view: &View) -> Markup {
    let grade = worst(&findings(view));
    let verdict = match grade {
        Grade::Well => "All is well.",
        Grade::Look => "Something needs a look.",
        Grade::Trouble => "The mirror is in trouble.",
    };
    let work = match view.under_way() {
        Some(run) => format!("Under way: {}.", run.command),
        None => "Nothing is under way.".to_owned(),
    };
    html! { strong class=(grade.word()) { (verdict) } " " (work) }
}

pub(super) fn glance(view: &View) -> Markup {
    let found = findings(view);
    html! {
        @if !found.is_empty() {
            ul.findings { @for finding in &found { li class=(finding.grade.word()) { (text(&finding.text)) } } }
        }
        dl.figures { (of_series(view)) (of_bytes(view)) (of_work(view)) (of_disk(view)) (of_service(view)) }
    }
}

fn figure(name: &str, value: &Markup, more: &Markup) -> Markup {
    html! { div { dt { (name) } dd { span.value { (value) } span.more { (more) } } } }
}

fn of_series(view: &View) -> Markup {
    let series = &view.overview.status.series;
    let asked = series.queued + series.running + series.done + series.parked;
    let value = html! { (count(series.done)) " of " (count(asked)) };
    let more = html! {
        (progress("Series in the tree", series.done, asked)) (percent(series.done, asked)) " %"
        @if series.withdrawn > 0 { ", " (count(series.withdrawn)) " withdrawn" }
    };
    figure("Series", &value, &more)
}

fn of_bytes(view: &View) -> Markup {
    let status = &view.overview.status;
    let more = counted(status.instances, "instance", "instances");
    figure("In the tree", &html! { (bytes(status.bytes)) }, &html! { (more) })
}

fn of_work(view: &View) -> Markup {
    let status = &view.overview.status;
    let left = status.series.queued + status.series.running;
    let value = if left == 0 { "nothing".to_owned() } else { bytes(status.bytes_left) };
    let more = html! {
        (count(left)) " series"
        @if let Some(rate) = status.rate_bytes_s { ", " (bytes(rate)) "/s" }
        @if let Some(eta) = status.eta_s.and_then(|eta| i64::try_from(eta).ok()).filter(|_| left > 0) {
            ", about " (span(eta)) " left"
        }
    };
    figure("Still to come", &html! { (value) }, &more)
}

fn of_disk(view: &View) -> Markup {
    let Some(space) = view.space else {
        return figure("Disk", &html! { "unknown" }, &html! { "the root cannot be looked at" });
    };
    // file systems that do not count them say that there is no end of them
    let inodes = Some(space.free_inodes).filter(|inodes| *inodes < u64::MAX);
    let more = html! { @if let Some(inodes) = inodes { "room for " (counted(inodes, "file", "files")) } };
    figure("Disk free", &html! { (bytes(space.free_bytes)) }, &more)
}

fn of_service(view: &View) -> Markup {
    let Some(run) = view.last_ended() else {
        return figure("Last run", &html! { "none yet" }, &html! {});
    };
    let outcome = run.outcome.as_deref();
    let value = html! { span class=(grade_of(outcome).word()) { (text(outcome.unwrap_or_default())) } };
    let more = html! { (text(&run.command)) ", " (ago(run.finished_at.as_ref().unwrap_or(&run.started_at), view.now)) };
    figure("Last run", &value, &more)
}

fn progress(label: &str, done: u64, asked: u64) -> Markup {
    html! { progress aria-label=(label) value=(done) max=(asked.max(1)) {} }
}

pub(super) fn collections(view: &View) -> Markup {
    let all = &view.overview.status.collections;
    if all.is_empty() {
        return html! { p { "No series has been asked for yet." } };
    }
    let whole = all.iter().filter(|one| one.done >= one.series).count();
    let synced = synced_to(view);
    html! {
        table role="table" {
            caption { (counted(all.len() as u64, "collection", "collections")) ", " (count(whole as u64)) " of them whole" }
            thead role="rowgroup" {
                tr role="row" {
                    @for name in ["Collection", "Progress", "Series", "Instances", "Size", "Synced to"] {
                        th scope="col" role="columnheader" { (name) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for one in all.iter().take(MOST_COLLECTIONS) {
                    (collection(one, synced.get(&one.collection[..]).copied(), view.now))
                }
            }
        }
        @if all.len() > MOST_COLLECTIONS { p { "and " (count((all.len() - MOST_COLLECTIONS) as u64)) " more" } }
        (narrowed(view))
    }
}

fn collection(one: &CollectionReport, synced_to: Option<&str>, now: i64) -> Markup {
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { (text(&one.collection)) }
            td role="cell" data-label="Progress" {
                div { (progress("Series in the tree", one.done, one.series)) (percent(one.done, one.series)) " %" }
            }
            td.number role="cell" data-label="Series" { (count(one.done)) " of " (count(one.series)) }
            td.number role="cell" data-label="Instances" { (count(one.instances)) }
            td.number role="cell" data-label="Size" { (bytes(one.bytes)) }
            td role="cell" data-label="Synced to" {
                @if let Some(time) = synced_to { (ago(time, now)) } @else { "never as a whole" }
            }
        }
    }
}

/// The watermarks of whole collections, the last one of each.
fn synced_to(view: &View) -> BTreeMap<&str, &str> {
    let marks = view.overview.status.watermarks.iter().filter(|mark| mark.narrowed_by.is_empty());
    let mut last = BTreeMap::new();
    for mark in marks {
        let known = last.entry(&mark.collection[..]).or_insert(&mark.synced_to[..]);
        *known = (*known).max(&mark.synced_to);
    }
    last
}

/// The watermarks of parts of collections.
fn narrowed(view: &View) -> Markup {
    let marks: Vec<_> =
        view.overview.status.watermarks.iter().filter(|mark| !mark.narrowed_by.is_empty()).collect();
    html! {
        @if !marks.is_empty() {
            details #narrowed {
                summary #narrowed-summary { (counted(marks.len() as u64, "part", "parts")) " of collections synced by themselves" }
                ul {
                    @for mark in marks.iter().take(MOST_COLLECTIONS) {
                        li { (text(&mark.collection)) ", " (text(&mark.narrowed_by)) ": " (ago(&mark.synced_to, view.now)) }
                    }
                }
            }
        }
    }
}
