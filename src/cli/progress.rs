//! What is shown while a command works: events as JSON, or bars on a terminal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use super::{adopt, print};
use crate::sync::{Event, Fate, Progress, SeriesEvent};

/// Lines for running series, at the most.
const MOST_LINES: usize = 16;

/// Shows events and, on a terminal, bars.
pub(super) struct Watcher {
    json: bool,
    progress: Arc<Progress>,
    bars: Option<Bars>,
}

struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    series: BTreeMap<String, ProgressBar>,
    wanted: u64,
    ended: u64,
}

impl Watcher {
    pub(super) fn new(json: bool, bars: Option<MultiProgress>, progress: Arc<Progress>) -> Self {
        Self { json, progress, bars: bars.map(Bars::new) }
    }

    /// Shows one event. Logs say the same of downloads for people, so that of those only JSON is printed.
    pub(super) fn show(&mut self, event: &Event) -> anyhow::Result<()> {
        if let Some(bars) = &mut self.bars {
            bars.show(event);
        }
        match event {
            Event::Placed(series) if self.json => print_series("placed", series),
            Event::Parked(series) if self.json => print_series("parked", series),
            Event::Withdrawn(series) if self.json => print_series("withdrawn", series),
            Event::Adopted(series) => adopt::show_series(self.json, series),
            Event::Doubtful(file) => adopt::show_file(self.json, file),
            _ => Ok(()),
        }
    }

    /// Draws the bars as things stand.
    pub(super) fn tick(&mut self) {
        if let Some(bars) = &mut self.bars {
            bars.draw(&self.progress);
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.overall.finish_and_clear();
            bars.series.values().for_each(ProgressBar::finish_and_clear);
        }
    }
}

fn print_series(event: &str, series: &SeriesEvent) -> anyhow::Result<()> {
    print::json(&json!({
        "event": event, "series_instance_uid": series.series_instance_uid, "instances": series.instances,
        "bytes": series.bytes, "attempts": series.attempts, "reason": series.reason,
    }))
}

impl Bars {
    fn new(all: MultiProgress) -> Self {
        let overall = all.add(ProgressBar::no_length());
        overall.set_style(style("{spinner} {msg}  {decimal_bytes_per_sec}  {elapsed_precise}"));
        overall.set_message("planning");
        Self { all, overall, series: BTreeMap::new(), wanted: 0, ended: 0 }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::Walking { scope } => self.overall.set_message(format!("listing {}", print::plain(scope))),
            Event::Enqueued { series, bytes, .. } => self.begin(*series, *bytes),
            Event::Scanned { files } => self.overall.set_message(format!("looking at files: {files}")),
            Event::Adopted(series) if series.fate == Fate::Kept => {}
            Event::Placed(_) | Event::Parked(_) | Event::Adopted(_) => {
                self.ended += 1;
                self.say_where_it_stands();
            }
            Event::Outage { since, reason, .. } => {
                let text = format!("no answer for {} s: {}", since.as_secs(), print::plain(reason));
                self.overall.set_message(text);
            }
            Event::Recovered => self.say_where_it_stands(),
            Event::Retrying { .. } | Event::Withdrawn(_) | Event::Doubtful(_) => {}
        }
    }

    fn begin(&mut self, series: u64, bytes: u64) {
        self.wanted = series;
        if bytes > 0 {
            self.overall.set_length(bytes);
            let template = "{bar:30} {percent:>3}%  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  ETA {eta}  {msg}";
            self.overall.set_style(style(template));
        }
        self.overall.reset_eta();
        self.say_where_it_stands();
    }

    fn say_where_it_stands(&self) {
        self.overall.set_message(format!("{} of {} series", self.ended, self.wanted));
    }

    fn draw(&mut self, progress: &Progress) {
        self.overall.set_position(progress.arrived());
        self.overall.tick();
        let running = progress.running();
        self.series.retain(|uid, bar| {
            let is_running = running.iter().any(|series| series.series_instance_uid == *uid);
            if !is_running {
                bar.finish_and_clear();
                self.all.remove(bar);
            }
            is_running
        });
        for series in running.into_iter().take(MOST_LINES) {
            let bar = self.series.entry(series.series_instance_uid).or_insert_with_key(|uid| {
                let bar = self.all.add(ProgressBar::new(series.listed));
                // a generation that does not list sizes gives a bar nothing to fill
                let template = if series.listed > 0 {
                    "  {bar:20} {decimal_bytes:>9}  {msg}"
                } else {
                    "  {decimal_bytes:>9}  {msg}"
                };
                bar.set_style(style(template));
                let tail: String = uid.chars().skip(uid.chars().count().saturating_sub(12)).collect();
                bar.set_message(format!("{}  …{tail}", print::plain(&series.label)));
                bar
            });
            bar.set_position(series.arrived.load(Ordering::Relaxed));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
