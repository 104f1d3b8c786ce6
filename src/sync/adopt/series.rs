//! One series from its files to its placement.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tracing::{info, warn};

use super::super::cycle::Cycle;
use super::super::job::{Failed, local, running};
use super::super::{Error, Event, chain};
use super::proving::{Proof, Verdict};
use super::{AdoptedSeries, Adoption, Done, Fate, doubtful};
use crate::db::{DoubtfulFile, Failure, Finds, SeriesJob};
use crate::dicom::SeriesInstanceUid;
use crate::fetch::local::{Doubt, Gathered, LocalFile, gather, remove_placed};
use crate::mirror::{FileState, Intake, Recorded, SeriesPath, check_series};

/// What a series ended with.
struct Ended {
    series: AdoptedSeries,
    duplicates: u64,
    doubts: Vec<Doubt>,
    /// Files whose bytes lie in the tree now, and how they were.
    placed: Vec<(PathBuf, FileState)>,
}

impl Cycle {
    /// Takes one series over, unless somebody else has its job; an error is one that stops all.
    pub(super) async fn adopt_series(
        &self,
        adoption: &Adoption,
        finds: &Finds,
        series: SeriesInstanceUid,
    ) -> Result<Done, Error> {
        self.guard_disk()?;
        let Some(job) = self.db.claim_series(series.clone(), self.now()).await? else {
            let moves = adoption.intake == Intake::Move;
            return if moves { self.clear_kept(finds, series).await } else { Ok(Done::default()) };
        };
        let found = finds.files(&job.series.series_instance_uid)?;
        let files: Arc<[_]> = found.into_iter().map(|(path, entry)| LocalFile { path, entry }).collect();
        let arrived = Arc::new(AtomicU64::new(0));
        self.progress.begin(job.series_id, running(&job.series, &arrived));
        let outcome = self.take_series(adoption, &job, &files, &arrived).await;
        self.progress.end(job.series_id);
        match outcome {
            Ok(ended) => self.tell_series(&files, ended).await,
            // the others may still be proven
            Err(Failed::Here(Error::Remote(error))) if error.is_of_one_answer() => {
                let reason = format!("nothing proves it: {}", chain(&error));
                self.db.fail(job.series_id, Failure::Requeue, reason.clone(), self.now()).await?;
                let series = doubtful(job.series.series_instance_uid.to_string(), reason);
                let ended = Ended { series, duplicates: 0, doubts: Vec::new(), placed: Vec::new() };
                self.tell_series(&files, ended).await
            }
            Err(failed) => {
                let error = match failed {
                    Failed::Fetch(error) => local(error),
                    Failed::Here(error) => error,
                };
                self.db.fail(job.series_id, Failure::Requeue, chain(&error), self.now()).await?;
                Err(error)
            }
        }
    }

    async fn take_series(
        &self,
        adoption: &Adoption,
        job: &SeriesJob,
        files: &Arc<[LocalFile]>,
        arrived: &Arc<AtomicU64>,
    ) -> Result<Ended, Failed> {
        let staging = self.open_staging(job).await?;
        let (shared, intake) = (Arc::clone(files), adoption.intake);
        let (progress, stop) = (Arc::clone(arrived), self.halt.clone());
        let gathering = move || gather(staging, &shared, intake, &progress, &stop);
        let gathered = tokio::task::spawn_blocking(gathering).await.map_err(Error::Task)?;
        let gathered = gathered.map_err(Failed::Fetch)?;
        let Proof { gathered, expected, verdict } = self.prove(job, gathered, files, intake).await?;
        let Gathered { staging, taken, doubtful, states, .. } = gathered;
        let (mut placed, mut duplicates) = (Vec::new(), 0);
        for same in taken.values() {
            duplicates += same.len().saturating_sub(1) as u64;
            let state = |file: &usize| Some((files[*file].path.clone(), states.get(file)?.clone()));
            placed.extend(same.iter().filter_map(state));
        }
        let (instances, bytes) = (staging.instances().len() as u64, staging.size_bytes());
        let series = |fate, missing, reason| AdoptedSeries {
            fate,
            series_instance_uid: job.series.series_instance_uid.to_string(),
            instances,
            bytes,
            missing,
            reason,
        };
        let series = match verdict {
            Verdict::Whole => {
                self.place(job, staging, &expected).await?;
                series(Fate::Adopted, Some(0), None)
            }
            Verdict::Lacking { missing, reason } => {
                placed.clear();
                let staged = staging.instances().values().cloned().collect();
                self.db.forget_staged(vec![job.series_id]).await?;
                self.db.store_staged(job.series_id, staged).await?;
                self.db.fail(job.series_id, Failure::Requeue, reason.clone(), self.now()).await?;
                series(Fate::Incomplete, missing, Some(reason))
            }
            Verdict::Contradicted(reason) => {
                placed.clear();
                self.db.forget_staged(vec![job.series_id]).await?;
                self.db.fail(job.series_id, Failure::Requeue, reason.clone(), self.now()).await?;
                series(Fate::Doubtful, None, Some(reason))
            }
        };
        if adoption.intake != Intake::Move {
            placed.clear();
        }
        Ok(Ended { series, duplicates, doubts: doubtful, placed })
    }

    /// Removes the files of a series that was placed before, once the tree is found to hold it as it is recorded.
    async fn clear_kept(&self, finds: &Finds, series: SeriesInstanceUid) -> Result<Done, Error> {
        let Some(known) = self.db.series(&series).await? else { return Ok(Done::default()) };
        let Some((path, _, instances)) = self.db.placed(known.series_id).await? else {
            return Ok(Done::default());
        };
        let license = self.db.placed_license(known.series_id).await?.map(|(_, sha256)| sha256);
        let mut files = finds.files(&series)?;
        files.retain(|(_, entry)| entry.is_none());
        let (root, stop) = (Arc::clone(&self.root), self.halt.clone());
        let uid = series.to_string();
        let clearing = move || {
            let recorded = Recorded { instances: &instances, license };
            let mut is_whole = true;
            let place = SeriesPath::recorded(&path)?;
            check_series(&root, &place, &recorded, &mut |_problem| is_whole = false);
            let placed = instances.into_iter().map(|one| (one.sop_instance_uid.clone(), one)).collect();
            let files = files.into_iter().take_while(|_| !stop.is_cancelled()).map(|(path, _)| path);
            is_whole.then(|| {
                files.partition::<Vec<_>, _>(|path| remove_placed(path, &series, &placed).unwrap_or(false))
            })
        };
        let cleared = tokio::task::spawn_blocking(clearing).await.map_err(Error::Task)?;
        let Some((removed, other)) = cleared else {
            let reason =
                "it is damaged in the mirror, and its files stay: `tcia-mirror verify --repair` mends it";
            self.tell(Event::Adopted(doubtful(uid, reason.to_owned()))).await;
            return Ok(Done { fate: Some(Fate::Doubtful), ..Done::default() });
        };
        let doubtful_files = other.len() as u64;
        for path in other {
            let reason = "it is not what the mirror holds of this instance, and stays".to_owned();
            self.tell(Event::Doubtful(DoubtfulFile { path, entry: None, reason, is_skipped: false })).await;
        }
        Ok(Done { removed: removed.len() as u64, doubtful_files, ..Done::default() })
    }

    /// Tells what became of a series and of its files, and removes those that have moved into the tree.
    async fn tell_series(&self, files: &[LocalFile], ended: Ended) -> Result<Done, Error> {
        let Ended { series, duplicates, doubts, placed } = ended;
        let doubtful_files = doubts.len() as u64;
        for Doubt { file, reason } in doubts {
            let LocalFile { path, entry } = files[file].clone();
            let entry = entry.map(|number| format!("entry {number}"));
            self.tell(Event::Doubtful(DoubtfulFile { path, entry, reason, is_skipped: false })).await;
        }
        let removed = tokio::task::spawn_blocking(move || remove(placed)).await.map_err(Error::Task)?;
        if series.fate == Fate::Adopted {
            let (uid, instances) = (&series.series_instance_uid, series.instances);
            info!(series.uid = %uid, instances, size_bytes = series.bytes, "adopted series {uid}: {instances} instances");
            self.count(|totals| {
                totals.placed += 1;
                totals.instances += instances;
                totals.bytes += series.bytes;
            });
        }
        let done = Done {
            fate: Some(series.fate),
            instances: series.instances,
            bytes: series.bytes,
            missing: series.missing.unwrap_or(0),
            duplicates,
            doubtful_files,
            removed,
        };
        self.tell(Event::Adopted(series)).await;
        Ok(done)
    }
}

/// Removes files whose bytes are in the tree; one that was changed since it was taken stays.
fn remove(placed: Vec<(PathBuf, FileState)>) -> u64 {
    let mut removed = 0;
    for (path, state) in placed {
        match state.remove(&path) {
            Ok(true) => removed += 1,
            Ok(false) => warn!("{} was changed after it was taken, and stays", path.display()),
            Err(error) => warn!("{} is in the mirror and cannot be removed: {error}", path.display()),
        }
    }
    removed
}
