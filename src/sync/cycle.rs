//! The cycle itself: what each command does, from the lock on the root to the watermark.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::chain;
use super::draft::{PAGE, Plan, PlanTotals, Planned};
use super::progress::Progress;
use super::remote::Remote;
use super::{Error, Event, Options, is_wanted};
use crate::db::{self, Db, JobState, Outcome, RunTotals};
use crate::dicom::SeriesInstanceUid;
use crate::mirror::{DaemonLock, Root, what_follows};
use crate::nbia::{Client, Traffic};
use crate::plan::Selection;

/// Of what could not be listed so much goes into the history; all of it is printed.
const MOST_REASONS: usize = 5;

/// What a cycle needs from outside.
pub struct Setup {
    /// The services, at least one; a collection is asked of the first that lists it.
    pub clients: Vec<Arc<Client>>,
    /// How it works.
    pub options: Options,
    /// Cancelled when nothing new may be begun.
    pub drain: CancellationToken,
    /// Receives what happens; bounded, so a slow reader slows the cycle.
    pub events: mpsc::Sender<Event>,
    /// The time of day.
    pub clock: fn() -> Timestamp,
    /// For the jitter of pauses.
    pub random: fastrand::Rng,
}

/// The owner of a root while a command works on it.
pub struct Cycle {
    // before the root, which holds the lock: the record must be closed when the lock is released
    pub(super) db: Db,
    pub(super) root: Arc<Root>,
    pub(super) remotes: Vec<Arc<Remote>>,
    pub(super) options: Options,
    pub(super) drain: CancellationToken,
    pub(super) progress: Arc<Progress>,
    /// Cancelled when nothing more may be claimed: by a signal, or by trouble of our own.
    pub(super) halt: CancellationToken,
    pub(super) job_ended: Notify,
    /// How many series may be under way, as it changes.
    pub(super) allowed: watch::Sender<usize>,
    /// Series of which nothing in the tree is used again.
    afresh: Mutex<BTreeSet<i64>>,
    /// How often an outage put a series back in the queue.
    pub(super) requeued: Mutex<HashMap<i64, u32>>,
    began: Instant,
    events: mpsc::Sender<Event>,
    clock: fn() -> Timestamp,
    random: Mutex<fastrand::Rng>,
    totals: Mutex<RunTotals>,
}

/// What a command has done.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Figures.
    pub totals: RunTotals,
    /// What the selection names and the service does not list, in words.
    pub unlisted: Vec<String>,
    /// What could not be listed, and why.
    pub unwalked: Vec<String>,
    /// Rows of series that made no sense.
    pub rejected_rows: u64,
    /// Jobs of this run that are still queued.
    pub left: u64,
    /// When the first of them is due, UTC seconds.
    pub next_due: Option<i64>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Report {
    /// How the run ended.
    pub fn outcome(&self) -> Outcome {
        if !self.unlisted.is_empty() || !self.unwalked.is_empty() {
            Outcome::Incomplete
        } else if self.left > 0 {
            Outcome::Unfinished
        } else if self.totals.parked > 0 || self.rejected_rows > 0 {
            Outcome::Parked
        } else {
            Outcome::Done
        }
    }

    /// What could not be done of what was asked, and will not be done by going on.
    pub fn trouble(&self) -> Option<String> {
        let unlisted = self.unlisted.iter().map(|name| format!("the service does not list {name}"));
        let unwalked = self.unwalked.iter().map(|what| format!("cannot list {what}"));
        let trouble: Vec<_> = unlisted.chain(unwalked).take(MOST_REASONS).collect();
        (!trouble.is_empty()).then(|| trouble.join("; "))
    }

    /// Why it ended so, for those who read the history.
    pub fn reason(&self) -> Option<String> {
        let left = (self.left > 0).then(|| format!("{} series are still queued", self.left));
        let parked = (self.totals.parked > 0).then(|| format!("{} series are parked", self.totals.parked));
        let rejected = (self.rejected_rows > 0)
            .then(|| format!("{} rows of the service made no sense", self.rejected_rows));
        let reasons: Vec<_> = self.trouble().into_iter().chain(left).chain(parked).chain(rejected).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

impl Cycle {
    /// Takes the root and brings what a dead process left to an end.
    pub async fn open(path: &Path, setup: Setup) -> Result<Arc<Self>, Error> {
        let root = Root::lock_share(path, setup.options.shard)?;
        if let (None, Some(file_system)) =
            (setup.options.shard, root.shared_file_system().map_err(Error::Disk)?)
        {
            warn!("{}", what_follows(file_system));
        }
        Self::open_root(root, setup).await
    }

    /// The same for the daemon of a root, which never makes one.
    pub async fn open_again(held: &DaemonLock, setup: Setup) -> Result<Arc<Self>, Error> {
        Self::open_root(Root::lock_again(held)?, setup).await
    }

    async fn open_root(root: Root, setup: Setup) -> Result<Arc<Self>, Error> {
        let root = Arc::new(root);
        if root.has_lost_its_record().map_err(Error::Disk)? {
            let finding = "the file is empty, and there is a tree".to_owned();
            return Err(db::Error::Damaged { path: root.state_file(), finding }.into());
        }
        if root.has_no_record().map_err(Error::Disk)? {
            let root = root.path().display();
            warn!(
                "there is no record of what lies in {root}: all of it is fetched again, and compared with what is there"
            );
        }
        let db = Db::open_share(&root.state_file(), setup.options.shard)?;
        let cycle = Self {
            root,
            db,
            remotes: setup.clients.into_iter().map(Remote::new).collect(),
            options: setup.options,
            halt: setup.drain.child_token(),
            drain: setup.drain,
            progress: Arc::default(),
            job_ended: Notify::new(),
            allowed: watch::Sender::new(0),
            afresh: Mutex::default(),
            requeued: Mutex::default(),
            began: Instant::now(),
            events: setup.events,
            clock: setup.clock,
            random: Mutex::new(setup.random),
            totals: Mutex::default(),
        };
        cycle.recover().await?;
        Ok(Arc::new(cycle))
    }

    /// Makes this process the one daemon of the root for as long as the lock is held, also between its cycles.
    pub fn lock_for_daemon(&self) -> Result<DaemonLock, Error> {
        Ok(self.root.lock_for_daemon()?)
    }

    /// Whether a series is one of the share that is made.
    pub(super) fn is_of_share(&self, series: &SeriesInstanceUid) -> bool {
        self.options.shard.is_none_or(|shard| shard.holds(series))
    }

    /// What is under way.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// What has been done since the root was taken.
    pub fn so_far(&self) -> Report {
        Report { totals: self.totals(), elapsed: self.began.elapsed(), ..Report::default() }
    }

    /// Walks the selections and shows what would be fetched.
    pub async fn plan(
        &self,
        selections: &[Selection],
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<PlanTotals, Error> {
        let selections = self.with_shared_lists(selections).await?;
        Ok(self.plan_whole(&selections, None, visit).await?.totals)
    }

    /// Walks the selections and fetches what is missing.
    pub async fn mirror(self: &Arc<Self>, selections: &[Selection]) -> Result<Report, Error> {
        self.run("mirror", async |run_id| {
            let selections = self.with_shared_lists(selections).await?;
            let plan = self.plan_whole(&selections, Some(run_id), &mut |_| {}).await?;
            self.fetch_planned(run_id, plan, &selections).await
        })
        .await
    }

    /// Walks what is new since the watermark, or `full` listings, and fetches what is missing; what earlier runs have
    /// left queued as well.
    pub async fn sync(self: &Arc<Self>, selections: &[Selection], full: bool) -> Result<Report, Error> {
        self.run(if full { "sync --full" } else { "sync" }, async |run_id| {
            let selections = self.with_shared_lists(selections).await?;
            let plan = if full {
                self.plan_whole(&selections, Some(run_id), &mut |_| {}).await?
            } else {
                self.plan_new(&selections, run_id).await?
            };
            self.take_over(run_id, JobState::Queued, &selections).await?;
            self.fetch_planned(run_id, plan, &selections).await
        })
        .await
    }

    /// Finishes whatever is queued.
    pub async fn resume(self: &Arc<Self>) -> Result<Report, Error> {
        self.run("resume", async |run_id| {
            self.db.adopt_queue(run_id).await?;
            self.fetch_planned(run_id, Plan::default(), &[]).await
        })
        .await
    }

    /// Puts parked series back in the queue and fetches them.
    pub async fn retry(self: &Arc<Self>, selections: &[Selection]) -> Result<Report, Error> {
        self.run("retry", async |run_id| {
            let selections = self.with_shared_lists(selections).await?;
            let taken = self.take_over(run_id, JobState::Parked, &selections).await?;
            self.db.forget_staged(taken).await?;
            self.fetch_planned(run_id, Plan::default(), &selections).await
        })
        .await
    }

    /// Fetches what is damaged of series; all of those that are to come `afresh`.
    pub async fn repair(self: &Arc<Self>, series: Vec<i64>, afresh: BTreeSet<i64>) -> Result<Report, Error> {
        *lock(&self.afresh) = afresh;
        self.run("verify", async |run_id| {
            self.db.enqueue(run_id, series, self.now()).await?;
            self.fetch_planned(run_id, Plan::default(), &[]).await
        })
        .await
    }

    /// Those of the series whose jobs have not ended in a placement.
    pub async fn unfinished(&self, series: Vec<i64>) -> Result<BTreeSet<i64>, Error> {
        Ok(self.db.unfinished(series).await?)
    }

    /// Records a command from its beginning to its end, whatever the end is.
    pub(super) async fn run(
        &self,
        command: &str,
        work: impl AsyncFnOnce(i64) -> Result<Report, Error>,
    ) -> Result<Report, Error> {
        let run_id = self.db.begin_run(command, self.first_remote().base_url(), self.now()).await?;
        let outcome = self.beside_heartbeat(Box::pin(work(run_id))).await.map(|report| {
            let Report { totals, elapsed, .. } = self.so_far();
            Report { totals, elapsed, ..report }
        });
        let is_stopped = self.drain.is_cancelled();
        let ended = match &outcome {
            Ok(report) if report.left == 0 || !is_stopped => (report.outcome(), report.reason()),
            Err(error) if !is_stopped => (Outcome::Failed, Some(chain(error))),
            Ok(_) | Err(_) => (Outcome::Stopped, None),
        };
        let recorded = self.end_run(run_id, ended).await;
        let report = outcome?;
        recorded?;
        Ok(report)
    }

    async fn end_run(&self, run_id: i64, ended: (Outcome, Option<String>)) -> Result<(), Error> {
        // no worker is left: what still counts as running is what none of them could record the end of
        self.db.requeue_running().await?;
        Ok(self.db.finish_run(run_id, ended, self.totals(), self.now()).await?)
    }

    async fn fetch_planned(
        self: &Arc<Self>,
        run_id: i64,
        plan: Plan,
        selections: &[Selection],
    ) -> Result<Report, Error> {
        self.count(|totals| {
            totals.kept += plan.totals.keep - plan.totals.parked;
        });
        let queued = (plan.totals.fetch, plan.totals.instances, plan.totals.bytes);
        let (series, instances, bytes) = queued;
        self.tell(Event::Enqueued { series, instances, bytes, kept: plan.totals.keep }).await;
        if self.options.jobs.steady.is_none() {
            self.db.make_due(run_id).await?;
        }
        self.drain_queue(run_id).await?;
        let left = self.db.left_of_run(run_id).await?;
        let parked = self.jobs_in(JobState::Parked, selections).await?.len() as u64;
        self.count(|totals| totals.parked = parked);
        if left == 0 {
            for (key, to) in plan.watermarks {
                self.db.move_watermark(key, to).await?;
            }
        }
        Ok(Report {
            unlisted: plan.totals.unlisted,
            unwalked: plan.totals.unwalked,
            rejected_rows: plan.totals.rejected_rows,
            left,
            next_due: self.db.next_due(run_id, i64::MAX).await?,
            ..Report::default()
        })
    }

    /// Puts jobs that wait elsewhere, and that the selections want, in the queue of a run.
    pub(super) async fn take_over(
        &self,
        run_id: i64,
        state: JobState,
        selections: &[Selection],
    ) -> Result<Vec<i64>, Error> {
        let wanted = self.jobs_in(state, selections).await?;
        self.db.enqueue(run_id, wanted.clone(), self.now()).await?;
        Ok(wanted)
    }

    /// Jobs in a state that the selections want; without any selection all of them.
    async fn jobs_in(&self, state: JobState, selections: &[Selection]) -> Result<Vec<i64>, Error> {
        let (mut after, mut wanted) = (0, Vec::new());
        loop {
            let page = self.db.jobs_in(state, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(wanted) };
            after = last.series_id;
            wanted.extend(
                page.iter().filter(|job| is_wanted(selections, &job.series)).map(|job| job.series_id),
            );
        }
    }

    /// Whether what lies in the tree of a series may be used again.
    pub(super) fn may_reuse(&self, series_id: i64) -> bool {
        !lock(&self.afresh).contains(&series_id)
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        (self.clock)().as_second()
    }

    /// A name for a version that is replaced now: milliseconds since 1970.
    pub(super) fn stamp(&self) -> String {
        (self.clock)().as_millisecond().to_string()
    }

    /// Sends an event; nobody may be listening.
    pub(super) async fn tell(&self, event: Event) {
        drop(self.events.send(event).await);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut RunTotals)) {
        change(&mut lock(&self.totals));
    }

    pub(super) fn with_random<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut lock(&self.random))
    }

    fn totals(&self) -> RunTotals {
        RunTotals {
            downloaded_bytes: self.traffic(Traffic::downloaded_bytes),
            requests: self.traffic(Traffic::requests),
            retries: self.traffic(Traffic::retries),
            ..*lock(&self.totals)
        }
    }

    /// A figure of the traffic with all services.
    pub(super) fn traffic(&self, figure: fn(&Traffic) -> u64) -> u64 {
        self.remotes.iter().map(|remote| figure(remote.client.traffic())).sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
