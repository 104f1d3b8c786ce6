//! One series from claim to placement.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::chain;
use super::cycle::Cycle;
use super::judge::{Cause, Verdict, cause_of, judge};
use super::progress::RunningSeries;
use super::{Error, Event, SeriesEvent};
use crate::db::{CommitIntent, Failure, SeriesJob};
use crate::dicom::{Instance, Series};
use crate::fetch::{self, Fetch};
use crate::mirror::{Expected, Placed, SeriesPath, Staging, Verified};
use crate::nbia::retry;

/// Staged instances that may wait to be recorded, and that are recorded in one transaction.
const STAGED_BATCH: usize = 64;

/// How an attempt failed.
pub(super) enum Failed {
    /// The series did not come.
    Fetch(fetch::Error),
    /// Our side.
    Here(Error),
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Here(error.into())
    }
}

impl Cycle {
    /// Works on one claimed job until it is placed, queued again or parked. An error is one that stops the pool.
    pub(super) async fn work_on(&self, job: SeriesJob) -> Result<(), Error> {
        let arrived = Arc::new(AtomicU64::new(0));
        self.progress.begin(job.series_id, running(&job.series, &arrived));
        let outcome = self.attempt(&job, arrived).await;
        self.progress.end(job.series_id);
        match outcome {
            Ok(placed) => self.placed(&job, &placed).await,
            Err(Failed::Fetch(error)) => self.failed(job, error).await,
            Err(Failed::Here(error)) => {
                // before the job is back in the queue, where another worker would meet the same trouble
                self.halt.cancel();
                self.db.fail(job.series_id, Failure::Requeue, chain(&error), self.now()).await?;
                Err(error)
            }
        }
    }

    async fn attempt(&self, job: &SeriesJob, arrived: Arc<AtomicU64>) -> Result<Placed, Failed> {
        self.remote_at(&job.base_url).until_it_answers().await?;
        let staging = self.open_staging(job).await?;
        let (staged, reports) = mpsc::channel(STAGED_BATCH);
        let fetch = Fetch {
            client: Arc::clone(&self.remote_at(&job.base_url).client),
            options: self.options.fetch.clone(),
            staged,
            progress: arrived,
        };
        let fetched = async move { fetch.series(staging, &job.series, job.attempts).await };
        let (fetched, recorded) = tokio::join!(fetched, self.record_staged(job.series_id, reports));
        recorded?;
        let (staging, expected) = fetched.map_err(Failed::Fetch)?;
        self.place(job, staging, &expected).await
    }

    pub(super) async fn open_staging(&self, job: &SeriesJob) -> Result<Staging, Failed> {
        let mut recorded = self.db.staged_instances(job.series_id).await?;
        if recorded.is_empty() && job.attempts == 0 && self.may_reuse(job.series_id) {
            recorded = self.stage_placed(job).await?;
        }
        let (root, series) = (Arc::clone(&self.root), job.series.series_instance_uid.clone());
        let opened = tokio::task::spawn_blocking(move || Staging::open(&root, &series, recorded));
        Ok(opened.await.map_err(Error::Task)??)
    }

    /// What lies in the tree in the version that is listed need not come again: it only moves, or is damaged in part.
    ///
    /// After a failed try it does: the service may have another version than its listing shows.
    async fn stage_placed(&self, job: &SeriesJob) -> Result<Vec<Instance>, Error> {
        let Some((path, version, instances)) = self.db.placed(job.series_id).await? else {
            return Ok(Vec::new());
        };
        let Some(path) = SeriesPath::recorded(&path) else { return Ok(Vec::new()) };
        if version.fingerprint.difference(&job.series.fingerprint()).is_some()
            || !self.has_its_license(job.series_id).await?
        {
            return Ok(Vec::new());
        }
        let (root, series) = (Arc::clone(&self.root), job.series.series_instance_uid.clone());
        let linked = tokio::task::spawn_blocking(move || root.stage_placed(&series, &path, instances));
        match linked.await.map_err(Error::Task)? {
            Ok(linked) => {
                // recorded before, it would keep a process that comes after this one from linking what this one did not come to
                self.db.store_staged(job.series_id, linked.clone()).await?;
                Ok(linked)
            }
            Err(error) => {
                debug!(series.uid = %job.series.series_instance_uid, "what lies in the tree cannot be used again: {error}");
                Ok(Vec::new())
            }
        }
    }

    /// Whether the licence text lies in the tree as it is recorded; only the ZIP brings another.
    async fn has_its_license(&self, series_id: i64) -> Result<bool, Error> {
        let Some((path, sha256)) = self.db.placed_license(series_id).await? else { return Ok(true) };
        let root = Arc::clone(&self.root);
        let look = move || {
            let placed = SeriesPath::recorded(&path).and_then(|path| root.open_series(&path).ok());
            placed.and_then(|placed| placed.recorded_license(sha256)).is_some()
        };
        tokio::task::spawn_blocking(look).await.map_err(Error::Task)
    }

    async fn record_staged(
        &self,
        series_id: i64,
        mut reports: mpsc::Receiver<Instance>,
    ) -> Result<(), Error> {
        let mut batch = Vec::with_capacity(STAGED_BATCH);
        while reports.recv_many(&mut batch, STAGED_BATCH).await > 0 {
            self.db.store_staged(series_id, std::mem::take(&mut batch)).await?;
        }
        Ok(())
    }

    /// Single images bring no licence text: the one that lies in the tree goes over to the version that replaces it.
    async fn carry_license(&self, job: &SeriesJob, mut staging: Staging) -> Result<Staging, Error> {
        let recorded = self.db.placed_license(job.series_id).await?.filter(|_| staging.license().is_none());
        let Some((path, sha256)) = recorded else { return Ok(staging) };
        let (root, series) = (Arc::clone(&self.root), job.series.series_instance_uid.clone());
        let carry = move || {
            let placed = SeriesPath::recorded(&path).and_then(|path| root.open_series(&path).ok());
            let carried = placed.map(|placed| staging.keep_license_of(&placed, sha256)).transpose()?;
            if carried != Some(true) {
                warn!(series.uid = %series, "series {series}: {path}/LICENSE is not the one that is recorded, and is left out");
            }
            Ok(staging)
        };
        tokio::task::spawn_blocking(carry).await.map_err(Error::Task)?
    }

    pub(super) async fn place(
        &self,
        job: &SeriesJob,
        staging: Staging,
        expected: &Expected,
    ) -> Result<Placed, Failed> {
        let staging = self.carry_license(job, staging).await?;
        let instances = staging.instances().values().cloned().collect();
        let verified = staging.finish().verify(expected).map_err(|error| Failed::Fetch(error.into()))?;
        let component = |parent, identifier, forms: [(String, String); 2]| {
            // every shard must come to the same name without asking the others; where it may be, capitals are minded
            let as_it_is = |(name, _folded): (String, String)| (name.clone(), name);
            let forms = if self.options.shard.is_some() { forms.map(as_it_is) } else { forms };
            self.db.path_component(parent, identifier, forms)
        };
        let path = SeriesPath::assigned(&job.series, component).await?;
        let intent = self.intent(job, &verified, &path);
        let (stamp, left_stamp) = (intent.stamp.clone(), intent.stamp.clone());
        let moved_from = self.db.begin_commit(intent, instances).await?;
        let root = Arc::clone(&self.root);
        let committed = tokio::task::spawn_blocking(move || verified.commit(&root, &path, &stamp));
        let placed = committed.await.map_err(Error::Task)??;
        self.leave(moved_from, &job.series.series_instance_uid, &left_stamp).await?;
        self.db.complete(job.series_id, self.now()).await?;
        Ok(placed)
    }

    fn intent(&self, job: &SeriesJob, verified: &Verified, path: &SeriesPath) -> CommitIntent {
        CommitIntent {
            series_id: job.series_id,
            series_instance_uid: job.series.series_instance_uid.clone(),
            path: path.to_string(),
            stamp: self.stamp(),
            license_sha256: verified.license(),
            proof: verified.proof().to_string(),
            moved_from: None,
            listed: job.series.version(),
        }
    }

    async fn placed(&self, job: &SeriesJob, placed: &Placed) -> Result<(), Error> {
        let series = &job.series.series_instance_uid;
        let (instances, size_bytes) = (u64::from(placed.instance_count), placed.size_bytes);
        info!(series.uid = %series, instances, size_bytes, "placed series {series}: {instances} instances");
        self.count(|totals| {
            totals.placed += 1;
            totals.instances += instances;
            totals.bytes += size_bytes;
        });
        let path = Some(placed.path.to_string());
        self.tell(Event::Placed(event(job, instances, size_bytes, job.attempts + 1, None, path))).await;
        Ok(())
    }

    async fn failed(&self, job: SeriesJob, error: fetch::Error) -> Result<(), Error> {
        let mut cause = cause_of(&error);
        if matches!(&error, fetch::Error::Remote(remote) if remote.is_outage()) {
            match self.wait_out_an_outage(self.remote_at(&job.base_url)).await {
                Ok(true) if self.may_requeue(job.series_id) => cause = Cause::Outage,
                Ok(_) => {}
                Err(stopped) => {
                    self.db.fail(job.series_id, Failure::Requeue, chain(&error), self.now()).await?;
                    return Err(stopped);
                }
            }
        }
        if error.taints_what_is_staged() {
            self.db.forget_staged(vec![job.series_id]).await?;
        }
        if error.contradicts_listing() {
            self.list_again(&job).await;
        }
        let failures = job.attempts + 1;
        let failing_s = job.failing_since.map_or(0, |since| self.now().saturating_sub(since).max(0));
        let failing_for = Duration::from_secs(failing_s.unsigned_abs());
        let draw = |failures| self.draw_job_pause(failures);
        let verdict = judge(cause, failures, failing_for, &self.options.jobs, draw);
        self.carry_out(&job, verdict, chain(&error), error).await
    }

    async fn carry_out(
        &self,
        job: &SeriesJob,
        verdict: Verdict,
        reason: String,
        error: fetch::Error,
    ) -> Result<(), Error> {
        let (series, now) = (&job.series.series_instance_uid, self.now());
        match verdict {
            Verdict::Requeue => self.db.fail(job.series_id, Failure::Requeue, reason, now).await?,
            Verdict::Halt => {
                self.halt.cancel();
                self.db.fail(job.series_id, Failure::Requeue, reason, now).await?;
                return Err(local(error));
            }
            Verdict::Retry(pause) => {
                let not_before = now.saturating_add(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX));
                warn!(series.uid = %series, job.attempt = job.attempts + 1, "series {series}: {reason}; again in {} s", pause.as_secs());
                self.db.fail(job.series_id, Failure::RetryAt(not_before), reason.clone(), now).await?;
                self.tell(Event::Retrying { series_instance_uid: series.to_string(), reason, pause }).await;
            }
            Verdict::Park => {
                warn!(series.uid = %series, job.attempt = job.attempts + 1, "parked series {series}: {reason}");
                self.db.fail(job.series_id, Failure::Park, reason.clone(), now).await?;
                self.count(|totals| totals.parked += 1);
                self.tell(Event::Parked(event(job, 0, 0, job.attempts + 1, Some(reason), None))).await;
            }
        }
        Ok(())
    }

    /// Whether an outage may cost this series no try once more; a service that comes and goes must not hold it for ever.
    fn may_requeue(&self, series_id: i64) -> bool {
        let mut requeued = self.requeued.lock().unwrap_or_else(PoisonError::into_inner);
        let times = requeued.entry(series_id).or_insert(0_u32);
        *times += 1;
        *times <= self.options.jobs.attempts
    }

    /// The listing may have changed since the walk; the next try compares with what is listed then.
    async fn list_again(&self, job: &SeriesJob) {
        let (client, series) = (&self.remote_at(&job.base_url).client, &job.series);
        let listed = client.one_series(&series.study_instance_uid, &series.series_instance_uid);
        match listed.await {
            Ok(rows) => {
                for row in rows {
                    if let Err(error) = self.db.relist_series(row).await {
                        warn!("{}", chain(&error));
                    }
                }
            }
            Err(error) => debug!("{}", chain(&error)),
        }
    }

    fn draw_job_pause(&self, failures: u32) -> Duration {
        let jobs = &self.options.jobs;
        self.with_random(|random| retry::pause(jobs.base, jobs.cap, failures, random))
    }
}

/// A failure of our own side, out of the fetch that met it.
pub(super) fn local(error: fetch::Error) -> Error {
    match error {
        fetch::Error::Staging(error) => Error::Staging(error),
        fetch::Error::Thread { source } => Error::Task(source),
        fetch::Error::Remote(error) => Error::Remote(error),
        _ => Error::Stopped,
    }
}

pub(super) fn running(series: &Series, arrived: &Arc<AtomicU64>) -> RunningSeries {
    RunningSeries {
        series_instance_uid: series.series_instance_uid.to_string(),
        label: format!("{} / {}", series.collection, series.patient_id),
        arrived: Arc::clone(arrived),
        listed: series.file_size.unwrap_or(0),
    }
}

fn event(
    job: &SeriesJob,
    instances: u64,
    bytes: u64,
    attempts: u32,
    reason: Option<String>,
    path: Option<String>,
) -> SeriesEvent {
    let series_instance_uid = job.series.series_instance_uid.to_string();
    SeriesEvent { series_instance_uid, instances, bytes, attempts, reason, path }
}
