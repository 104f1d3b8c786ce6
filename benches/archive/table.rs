//! The result, as one table of markdown: a column for each part of the archive.

use std::fmt;

use crate::machine::Machine;
use crate::process::Spent;
use crate::record::Claims;

/// How many times as fast as the archive planning may grow: caches that hold a small record do not hold a large one.
pub(crate) const MOST_GROWTH: f64 = 1.5;
/// What is done, in the order of [`Measured::steps`].
const STEPS: [&str; 11] = [
    "`plan --all-collections`",
    "`mirror`, up to the first image",
    "`status` of a queue",
    "`sync` without news",
    "`status` of everything placed",
    "`verify --sample 1%` of files that are not there",
    "`export metadata`, its files not there",
    "`export metadata --columns v4 --format parquet`",
    "`export manifest`",
    "`export catalogue`",
    "`export checksums`, one instance each",
];
const MB: f64 = 1e6;

/// One command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) spent: Spent,
    pub(crate) requests: u64,
}

/// Everything of one part of the archive.
pub(crate) struct Measured {
    pub(crate) series: u64,
    pub(crate) collections: u64,
    pub(crate) steps: [Step; STEPS.len()],
    pub(crate) claims: Claims,
    pub(crate) queued_bytes: u64,
    pub(crate) placed_bytes: u64,
}

/// A figure that must not be larger than another.
pub(crate) struct Target {
    name: &'static str,
    unit: &'static str,
    most: f64,
    found: f64,
}

impl Target {
    pub(crate) fn is_reached(&self) -> bool {
        self.found <= self.most
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, most, found } = self;
        let verdict = if self.is_reached() { "reached" } else { "**not reached**" };
        write!(formatter, "{name}: {found:.2} {unit} (≤ {most} {unit}: {verdict})")
    }
}

impl Measured {
    /// What must be reached, whatever the size.
    pub(crate) fn targets(&self) -> [Target; 5] {
        let [plan, queue, status, _, status_of_all, ..] = &self.steps;
        let memory = self.steps.iter().map(|step| step.spent.peak_bytes).max().unwrap_or_default();
        let ms = |step: &Step| step.spent.wall.as_secs_f64() * 1e3;
        let target = |name, unit, most, found| Target { name, unit, most, found };
        let per_collection = as_f64(plan.requests.max(queue.requests)) / as_f64(self.collections);
        [
            target("requests of a plan for each collection", "requests", 4.0, per_collection),
            target("peak memory of any command", "MB", 200.0, as_f64(memory) / MB),
            target("claim, median", "ms", 1.0, self.claims.median.as_secs_f64() * 1e3),
            target("`status` of a queue", "ms", 200.0, ms(status)),
            target("`status` of everything placed", "ms", 200.0, ms(status_of_all)),
        ]
    }

    /// How many times as fast as the number of series planning has grown, in processor time.
    pub(crate) fn growth_since(&self, smaller: &Self) -> f64 {
        let per_series = |of: &Self| of.steps[0].spent.cpu.as_secs_f64() / as_f64(of.series);
        per_series(self) / per_series(smaller)
    }
}

pub(crate) fn table(machine: &Machine, measured: &[Measured]) -> String {
    let mut text = format!("# The record at the size of the archive\n\n{machine}\n\n");
    text += &row("series", measured, |of| of.series.to_string());
    text += &row("---", measured, |_| "---".to_owned());
    for (number, name) in STEPS.iter().enumerate() {
        text += &row(name, measured, |of| {
            let Step { spent, requests } = of.steps[number];
            let (wall, cpu) = (spent.wall.as_secs_f64(), spent.cpu.as_secs_f64());
            let memory = as_f64(spent.peak_bytes) / MB;
            format!("{wall:.2} s, {cpu:.2} CPU-s, {memory:.0} MB, {requests} requests")
        });
    }
    text += &row("claim, median and 99 of 100", measured, |of| {
        format!(
            "{:.0} and {:.0} µs",
            of.claims.median.as_secs_f64() * 1e6,
            of.claims.slow.as_secs_f64() * 1e6
        )
    });
    text += &row("record, queued and placed, MB", measured, |of| {
        format!("{:.1} and {:.1}", as_f64(of.queued_bytes) / MB, as_f64(of.placed_bytes) / MB)
    });
    for number in 0..measured.first().map_or(0, |of| of.targets().len()) {
        let name = measured[0].targets()[number].name;
        text += &row(&format!("**{name}**"), measured, |of| {
            let target = of.targets()[number].to_string();
            target.trim_start_matches(name).trim_start_matches(": ").to_owned()
        });
    }
    text
}

fn row(name: &str, measured: &[Measured], cell: impl Fn(&Measured) -> String) -> String {
    let cells: Vec<_> = measured.iter().map(cell).collect();
    format!("| {name} | {} |\n", cells.join(" | "))
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have fewer digits than a f64 holds")]
fn as_f64(number: u64) -> f64 {
    number as f64
}
