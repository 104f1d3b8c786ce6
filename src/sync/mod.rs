//! One cycle: plan, enqueue, drain, move the watermark; the worker pool; what to do with each failure.
//!
//! The only module that sees network, disk and record together. Prints nothing: what happens is sent as [`Event`]s.

mod adopt;
mod check;
mod concurrency;
mod cycle;
mod draft;
mod hook;
mod job;
mod judge;
mod novelty;
mod outage;
mod planning;
mod pool;
mod progress;
mod prune;
mod recover;
mod remote;

use std::time::Duration;

use crate::dicom::{Series, Shard};
use crate::mirror::{CommitError, RootError, StagingError};
use crate::plan::Selection;
use crate::{db, fetch, nbia};

pub use crate::db::{Confirmation, Order};
pub use crate::nbia::chain;
pub use adopt::{AdoptTotals, AdoptedSeries, Adoption, Fate};
pub use check::{
    Aim, CheckTotals, Damage, Found, Pass, Question, Run, Sample, Share, Statement, Statements, check,
    next_sample,
};
pub use concurrency::Parallel;
pub use cycle::{Cycle, Report, Setup};
pub use draft::{PlanTotals, Planned, plan_jobs};
pub use hook::{Hooks, News, Occasion};
pub use pool::disk_guard;
pub use progress::{Progress, RunningSeries};
pub use prune::{Obsolete, ObsoleteKind, obsolete};

/// Whether selections want a series; without any it is every one.
fn is_wanted(selections: &[Selection], series: &Series) -> bool {
    selections.is_empty() || selections.iter().any(|selection| selection.matches(series))
}

/// How a cycle works.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The share of the mirror that is made; `None` for all of it.
    pub shard: Option<Shard>,
    /// Series at a time.
    pub parallel: Parallel,
    /// Which of them is begun first.
    pub order: Order,
    /// No new series is begun once so many bytes came over the wire.
    pub max_bytes: Option<u64>,
    /// Retry of whole series.
    pub jobs: JobOptions,
    /// What must stay free on the disk.
    pub disk: DiskOptions,
    /// When a series that is no longer listed counts as withdrawn.
    pub withdrawal: Confirmation,
    /// How a series is fetched.
    pub fetch: fetch::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shard: None,
            parallel: Parallel { least: 1, most: 4 },
            order: Order::default(),
            max_bytes: None,
            jobs: JobOptions::default(),
            disk: DiskOptions::default(),
            withdrawal: Confirmation { listings: 3, seconds_apart: 24 * 3600 },
            fetch: fetch::Options::default(),
        }
    }
}

/// How a series that failed is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOptions {
    /// Tries before it is parked.
    pub attempts: u32,
    /// Ceiling of the first pause.
    pub base: Duration,
    /// Highest ceiling.
    pub cap: Duration,
    /// How long running series may take to end after a request to stop.
    pub grace: Duration,
    /// What else is taken into account where cycles follow each other by themselves.
    pub steady: Option<Steady>,
}

/// How series that failed are treated where the next cycle comes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steady {
    /// How long a series must have failed, with all its tries, before it is parked.
    pub park_after: Duration,
    /// A cycle ends when all that it has left is put off for longer.
    pub patience: Duration,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            attempts: 6,
            base: Duration::from_secs(30),
            cap: Duration::from_hours(6),
            grace: Duration::from_secs(30),
            steady: None,
        }
    }
}

/// What must stay free on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// Bytes.
    pub min_free: u64,
    /// Files; file systems that do not count them are not asked.
    pub min_free_inodes: u64,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self { min_free: 10_000_000_000, min_free_inodes: 10_000 }
    }
}

/// Why a cycle cannot go on. Jobs are kept.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum Error {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Record(#[from] db::Error),
    #[error(transparent)]
    Remote(#[from] nbia::Error),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the service has not answered for {}", humantime::format_duration(Duration::from_secs(.since.as_secs())))]
    GaveUp { since: Duration, source: nbia::Error },
    #[error("the service lists no collection at all, asked several times")]
    NothingListed,
    #[error("the service lists no series under the shared list `{name}`")]
    NoSharedList { name: String },
    #[error("only {free} {unit} are free at the root, {least} must stay free")]
    DiskGuard { free: u64, least: u64, unit: &'static str },
    #[error("cannot work below the root")]
    Disk(#[source] std::io::Error),
    #[error("a task ended early")]
    Task(#[source] tokio::task::JoinError),
    #[error("stopped on request")]
    Stopped,
}

impl Error {
    /// Whether another process holds the root.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Root(RootError::Locked { .. }))
    }

    /// Why the root cannot be taken, when it is that.
    pub fn of_root(&self) -> Option<&RootError> {
        if let Self::Root(error) = self { Some(error) } else { None }
    }

    #[cfg(test)]
    pub(crate) fn locked(lock: &str) -> Self {
        Self::Root(RootError::Locked { lock: lock.into() })
    }
}

/// Something that a user may want to see.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are what they are named after")]
pub enum Event {
    /// A scope is being walked.
    Walking { scope: String },
    /// The queue is filled.
    Enqueued { series: u64, instances: u64, bytes: u64, kept: u64 },
    /// A series lies in the tree.
    Placed(SeriesEvent),
    /// A series is given up until someone asks again.
    Parked(SeriesEvent),
    /// Enough listings in a row did not show a series of the tree.
    Withdrawn(SeriesEvent),
    /// So many files of a folder were asked what they are.
    Scanned { files: u64 },
    /// What became of a series of a folder that is taken over.
    Adopted(AdoptedSeries),
    /// A file that is not taken.
    Doubtful(db::DoubtfulFile),
    /// A series will be tried again.
    Retrying { series_instance_uid: String, reason: String, pause: Duration },
    /// The service does not answer; it is asked again until `give_up`.
    Outage { since: Duration, give_up: Duration, reason: String },
    /// It answers again.
    Recovered,
}

/// What became of one series.
#[derive(Clone, Debug)]
pub struct SeriesEvent {
    /// Which.
    pub series_instance_uid: String,
    /// How many instances it has.
    pub instances: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was parked.
    pub reason: Option<String>,
    /// Where it was placed.
    pub path: Option<String>,
}
