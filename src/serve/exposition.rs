//! The metrics in the text format of Prometheus: all of them are read from the record when they are asked for.

use jiff::Timestamp;
use prometheus::{CounterVec, GaugeVec, Opts, Registry, TextEncoder};

use crate::db::{RunSum, Status};
use crate::metrics::{self, Metric};
use crate::mirror::Space;

/// The values of a metric, each with its labels.
type Values<'a> = Vec<(Vec<&'a str>, u64)>;

/// The whole page; `runs` has the one that began last at its end.
pub(super) fn text(
    status: &Status,
    runs: &[RunSum],
    space: Option<Space>,
    is_ready: bool,
) -> prometheus::Result<String> {
    let page = Registry::new();
    for (metric, values) in
        of_the_mirror(status, is_ready).into_iter().chain(of_the_disk(space)).chain(of_last(runs))
    {
        let gauge = GaugeVec::new(Opts::new(metric.name, metric.help), metric.labels)?;
        for (labels, value) in values {
            gauge.get_metric_with_label_values(&labels)?.set(float(value));
        }
        page.register(Box::new(gauge))?;
    }
    for (metric, values) in of_all(runs) {
        let counter = CounterVec::new(Opts::new(metric.name, metric.help), metric.labels)?;
        for (labels, value) in values {
            counter.get_metric_with_label_values(&labels)?.inc_by(float(value));
        }
        page.register(Box::new(counter))?;
    }
    TextEncoder::new().encode_to_string(&page.gather())
}

fn of_the_mirror(status: &Status, is_ready: bool) -> Vec<(Metric, Values<'_>)> {
    let states = &status.series;
    let states = [
        ("queued", states.queued),
        ("running", states.running),
        ("done", states.done),
        ("parked", states.parked),
        ("withdrawn", states.withdrawn),
    ];
    let collections = || status.collections.iter();
    let whole = status.watermarks.iter().filter(|mark| mark.narrowed_by.is_empty());
    vec![
        (metrics::BUILD, one_of(&[env!("CARGO_PKG_VERSION")], 1)),
        (metrics::READY, one_of(&[], is_ready.into())),
        (metrics::SERIES, states.iter().map(|(state, series)| (vec![*state], *series)).collect()),
        (metrics::INSTANCES, one_of(&[], status.instances)),
        (metrics::BYTES, one_of(&[], status.bytes)),
        (metrics::BYTES_LEFT, one_of(&[], status.bytes_left)),
        (metrics::RATE, one_of(&[], status.rate_bytes_s.unwrap_or(0))),
        (metrics::PARALLEL, one_of(&[], status.parallel.unwrap_or(0))),
        (
            metrics::COLLECTION_SERIES,
            collections().map(|one| (vec![&one.collection[..]], one.series)).collect(),
        ),
        (
            metrics::COLLECTION_SERIES_DONE,
            collections().map(|one| (vec![&one.collection[..]], one.done)).collect(),
        ),
        (
            metrics::COLLECTION_BYTES,
            collections().map(|one| (vec![&one.collection[..]], one.bytes)).collect(),
        ),
        (
            metrics::SYNCED_TO,
            whole.map(|mark| (vec![&mark.collection[..]], seconds(&mark.synced_to))).collect(),
        ),
    ]
}

fn of_the_disk(space: Option<Space>) -> Vec<(Metric, Values<'static>)> {
    let Some(space) = space else { return Vec::new() };
    // file systems that do not count them say that there is no end of them
    let inodes = Some(space.free_inodes).filter(|inodes| *inodes < u64::MAX);
    vec![
        (metrics::FREE_BYTES, one_of(&[], space.free_bytes)),
        (metrics::FREE_INODES, inodes.map(|inodes| (Vec::new(), inodes)).into_iter().collect()),
    ]
}

fn of_last(runs: &[RunSum]) -> Vec<(Metric, Values<'_>)> {
    let started = runs.iter().map(|run| (vec![&run.command[..]], run.started_at)).collect();
    let finished = runs.iter().filter_map(|run| Some((labels(run), run.finished_at?))).collect();
    vec![(metrics::LAST_RUN_STARTED, started), (metrics::LAST_RUN_FINISHED, finished)]
}

fn of_all(runs: &[RunSum]) -> Vec<(Metric, Values<'_>)> {
    let sum = |figure: fn(&RunSum) -> u64| one_of(&[], runs.iter().map(figure).sum());
    vec![
        (metrics::RUNS, runs.iter().map(|run| (labels(run), run.runs)).collect()),
        (metrics::REQUESTS, sum(|run| run.totals.requests)),
        (metrics::RETRIES, sum(|run| run.totals.retries)),
        (metrics::DOWNLOADED, sum(|run| run.totals.downloaded_bytes)),
        (metrics::PLACED, sum(|run| run.totals.placed)),
    ]
}

fn one_of<'a>(labels: &[&'a str], value: u64) -> Values<'a> {
    vec![(labels.to_vec(), value)]
}

fn labels(run: &RunSum) -> Vec<&str> {
    vec![&run.command, &run.outcome]
}

fn seconds(time: &str) -> u64 {
    let seconds = time.parse::<Timestamp>().map_or(0, Timestamp::as_second);
    u64::try_from(seconds).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn float(value: u64) -> f64 {
    value as f64
}
