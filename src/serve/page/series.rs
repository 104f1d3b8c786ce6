//! Series that are under way, series that were given up, and what is strange in the answers of the service.

use maud::{Markup, html};

use super::view::View;
use super::words::{ago, bytes, count, counted, text};
use crate::db::{FailedTry, ParkedSeries, RunningSeries};

/// Parked series that are shown at once; the others are folded away, so that what follows is found.
const UNFOLDED: usize = 10;

pub(super) fn running(view: &View) -> Markup {
    let status = &view.overview.status;
    let Some(run) = view.under_way() else {
        return html! {
            p { "Nothing is under way." @if status.series.queued > 0 { " " (count(status.series.queued)) " series are queued." } }
        };
    };
    html! {
        p {
            (text(&run.command)) ", begun " (ago(&run.started_at, view.now)) ": "
            @match status.rate_bytes_s {
                Some(rate) => { (bytes(rate)) "/s, " (counted(status.series.running, "series", "series")) " at a time"
                    @if let Some(most) = status.parallel.filter(|most| *most > 0) { " of up to " (count(most)) } ", "
                    (count(status.series.queued)) " queued." },
                None => "it asks what there is, or its process has gone.",
            }
        }
        @if view.is_alive() && !view.overview.running.is_empty() { (under_way(&view.overview.running, view.now)) }
    }
}

fn under_way(running: &[RunningSeries], now: i64) -> Markup {
    html! {
        table role="table" {
            caption { "Series under way" }
            thead role="rowgroup" {
                tr role="row" {
                    @for name in ["Series", "Collection", "Instances", "Size", "Begun"] {
                        th scope="col" role="columnheader" { (name) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for one in running {
                    tr role="row" {
                        th.uid scope="row" role="rowheader" { (text(&one.series_instance_uid)) }
                        td role="cell" data-label="Collection" { (text(&one.collection)) }
                        td.number role="cell" data-label="Instances" {
                            @if let Some(images) = one.image_count { (count(images.into())) } @else { "not told" }
                        }
                        td.number role="cell" data-label="Size" {
                            @if let Some(size) = one.file_size { (bytes(size)) } @else { "not told" }
                        }
                        td role="cell" data-label="Begun" { (ago(&one.since, now)) }
                    }
                }
            }
        }
    }
}

pub(super) fn parked(view: &View) -> Markup {
    let (shown, all) = (&view.overview.status.parked, view.overview.status.series.parked);
    if shown.is_empty() {
        return html! { p { "None." } };
    }
    let (first, rest) = shown.split_at(shown.len().min(UNFOLDED));
    html! {
        p {
            (count(all)) " series " (if all == 1 { "was" } else { "were" }) " given up"
            @if all > shown.len() as u64 {
                "; the last " (count(shown.len() as u64)) " are shown, " code { "tcia-mirror status" } " names all"
            }
            ". " code { "tcia-mirror retry" } " asks for them again."
        }
        (all_given_up(first, "The last ones", view.now))
        @if !rest.is_empty() {
            details #earlier-parked {
                summary #earlier-parked-summary { (count(rest.len() as u64)) " more" }
                (all_given_up(rest, "Those before", view.now))
            }
        }
    }
}

fn all_given_up(parked: &[ParkedSeries], caption: &str, now: i64) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for name in ["Series", "Why", "Tries", "Since"] { th scope="col" role="columnheader" { (name) } }
                }
            }
            tbody role="rowgroup" { @for one in parked { (given_up(one, now)) } }
        }
    }
}

fn given_up(one: &ParkedSeries, now: i64) -> Markup {
    // the last try is the reason itself
    let earlier = one.failures.split_last().map_or(&[][..], |(_, earlier)| earlier);
    let id = format!("tries-{}", one.series_instance_uid);
    html! {
        tr role="row" {
            th.uid scope="row" role="rowheader" { (text(&one.series_instance_uid)) }
            td role="cell" data-label="Why" {
                div { (text(&one.reason)) @if !earlier.is_empty() { (earlier_tries(&id, earlier, now)) } }
            }
            td.number role="cell" data-label="Tries" { (count(one.attempts.into())) }
            td role="cell" data-label="Since" { (ago(&one.since, now)) }
        }
    }
}

fn earlier_tries(id: &str, earlier: &[FailedTry], now: i64) -> Markup {
    html! {
        details id=(id) {
            summary id={ (id) "-summary" } { (counted(earlier.len() as u64, "earlier try", "earlier tries")) }
            ol { @for one in earlier { li { (ago(&one.at, now)) ": " (text(&one.reason)) } } }
        }
    }
}

pub(super) fn remarks(view: &View) -> Markup {
    let (shown, all) = (&view.overview.status.remarks, view.overview.remarks);
    if shown.is_empty() {
        return html! { p { "None." } };
    }
    html! {
        @if all > shown.len() as u64 {
            p { (count(all)) " remarks; the first " (count(shown.len() as u64)) " are shown." }
        }
        ul.remarks {
            @for remark in shown {
                li {
                    (if remark.is_rejected_row { "Unreadable row of " } else { "The service contradicts itself about " })
                    (text(&remark.subject)) ": " (text(&remark.remark))
                }
            }
        }
    }
}
