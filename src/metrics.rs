//! Every metric: its name, its unit as the last word of it, and what it says.

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, after the conventions of Prometheus.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// The labels that tell its values apart.
    pub labels: &'static [&'static str],
}

const fn metric(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, help, labels }
}

/// 1, with the release.
pub const BUILD: Metric = metric("tcia_mirror_build_info", &["version"], "1, with the release that answers");
/// 1 when `/readyz` says so.
pub const READY: Metric = metric(
    "tcia_mirror_ready",
    &[],
    "1 when the mirror is kept as it should be, 0 when `/readyz` says why not",
);
/// Series by state.
pub const SERIES: Metric =
    metric("tcia_mirror_series", &["state"], "Series that were asked for, by the state of their jobs");
/// Instances in the tree.
pub const INSTANCES: Metric = metric("tcia_mirror_instances", &[], "Instances in the tree");
/// Bytes in the tree.
pub const BYTES: Metric = metric("tcia_mirror_size_bytes", &[], "Bytes of the instances in the tree");
/// Bytes still to come.
pub const BYTES_LEFT: Metric =
    metric("tcia_mirror_left_bytes", &[], "Bytes that are listed, queued and not in the tree yet");
/// Rate of the running process.
pub const RATE: Metric = metric(
    "tcia_mirror_rate_bytes_per_second",
    &[],
    "Bytes of instances that arrive a second; 0 when nothing runs",
);
/// Series that the running process may work on at a time.
pub const PARALLEL: Metric = metric(
    "tcia_mirror_parallel",
    &[],
    "Series that may be under way at a time, as far as the service bears it; 0 when nothing runs",
);
/// Series of a collection.
pub const COLLECTION_SERIES: Metric =
    metric("tcia_mirror_collection_series", &["collection"], "Series of a collection that were asked for");
/// Series of a collection in the tree.
pub const COLLECTION_SERIES_DONE: Metric =
    metric("tcia_mirror_collection_series_done", &["collection"], "Series of a collection in the tree");
/// Bytes of a collection in the tree.
pub const COLLECTION_BYTES: Metric =
    metric("tcia_mirror_collection_size_bytes", &["collection"], "Bytes of a collection in the tree");
/// Up to when a collection is synced.
pub const SYNCED_TO: Metric = metric(
    "tcia_mirror_collection_synced_timestamp_seconds",
    &["collection"],
    "Up to when all of a collection that was released is in the tree, or parked",
);
/// When the last run began.
pub const LAST_RUN_STARTED: Metric = metric(
    "tcia_mirror_last_run_started_timestamp_seconds",
    &["command"],
    "When the last run of a command began",
);
/// When the last run ended.
pub const LAST_RUN_FINISHED: Metric = metric(
    "tcia_mirror_last_run_finished_timestamp_seconds",
    &["command", "outcome"],
    "When the last run of a command ended, and how",
);
/// Runs.
pub const RUNS: Metric =
    metric("tcia_mirror_runs_total", &["command", "outcome"], "Runs that have ended, by command and outcome");
/// Requests.
pub const REQUESTS: Metric = metric("tcia_mirror_requests_total", &[], "Requests that ended runs have sent");
/// Requests that were repeated.
pub const RETRIES: Metric =
    metric("tcia_mirror_request_retries_total", &[], "Requests that ended runs have sent again");
/// Bytes over the wire.
pub const DOWNLOADED: Metric =
    metric("tcia_mirror_downloaded_bytes_total", &[], "Bytes of bodies that ended runs have received");
/// Series placed.
pub const PLACED: Metric =
    metric("tcia_mirror_placed_series_total", &[], "Series that ended runs have placed");
/// Free bytes.
pub const FREE_BYTES: Metric = metric("tcia_mirror_disk_free_bytes", &[], "Bytes that are free at the root");
/// Free inodes.
pub const FREE_INODES: Metric = metric(
    "tcia_mirror_disk_free_inodes",
    &[],
    "Files that may still be made at the root; missing where nobody counts them",
);

/// All of them, as they are documented.
pub const ALL: [Metric; 21] = [
    BUILD,
    READY,
    SERIES,
    INSTANCES,
    BYTES,
    BYTES_LEFT,
    RATE,
    PARALLEL,
    COLLECTION_SERIES,
    COLLECTION_SERIES_DONE,
    COLLECTION_BYTES,
    SYNCED_TO,
    LAST_RUN_STARTED,
    LAST_RUN_FINISHED,
    RUNS,
    REQUESTS,
    RETRIES,
    DOWNLOADED,
    PLACED,
    FREE_BYTES,
    FREE_INODES,
];
