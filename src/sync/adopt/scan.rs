//! What lies in a folder: every file is asked what it is, several at a time, and nothing but a batch is kept in memory.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

use super::super::cycle::Cycle;
use super::super::{Error, Event};
use super::AdoptTotals;
use crate::db::{self, DoubtfulFile, Finds, FoundInstance};
use crate::fetch::local::{Look, look};

/// Paths that one thread looks at in one go, and findings that are noted in one go.
const BATCH: usize = 512;
/// Batches that may wait.
const WAITING: usize = 2;
/// Doubtful files that may wait to be told of.
const DOUBTS: usize = 64;

/// What some files were.
#[derive(Default)]
struct Looked {
    files: u64,
    not_dicom: u64,
    instances: Vec<FoundInstance>,
    doubts: Vec<DoubtfulFile>,
}

impl Cycle {
    /// Notes every instance in a folder, and tells of what is doubtful or skipped, in the order of the paths.
    pub(super) async fn scan(
        &self,
        folder: &Path,
        finds: &Arc<Finds>,
        totals: &mut AdoptTotals,
    ) -> Result<(), Error> {
        let (sender, mut batches) = mpsc::channel(WAITING);
        let (walked, noted, stop) = (folder.to_owned(), Arc::clone(finds), self.halt.clone());
        let walking = tokio::task::spawn_blocking(move || walk(&walked, &noted, &sender, &stop));
        let (mut looking, mut outcome) = (JoinSet::new(), Ok(()));
        while let Some(batch) = batches.recv().await {
            if looking.len() >= self.options.parallel.most.max(1) {
                outcome = outcome.and(self.count_next(&mut looking, totals).await);
            }
            let (finds, stop) = (Arc::clone(finds), self.halt.clone());
            looking.spawn_blocking(move || look_at(batch, &finds, &stop));
        }
        while !looking.is_empty() {
            outcome = outcome.and(self.count_next(&mut looking, totals).await);
        }
        walking.await.map_err(Error::Task)??;
        outcome?;
        if self.halt.is_cancelled() {
            return Err(Error::Stopped);
        }
        finds.close()?;
        self.tell_doubts(finds, totals).await
    }

    async fn count_next(
        &self,
        looking: &mut JoinSet<Result<Looked, db::Error>>,
        totals: &mut AdoptTotals,
    ) -> Result<(), Error> {
        let Some(looked) = looking.join_next().await else { return Ok(()) };
        let looked = looked.map_err(Error::Task)??;
        totals.files += looked.files;
        totals.not_dicom += looked.not_dicom;
        self.tell(Event::Scanned { files: totals.files }).await;
        Ok(())
    }

    async fn tell_doubts(&self, finds: &Arc<Finds>, totals: &mut AdoptTotals) -> Result<(), Error> {
        let (sender, mut doubts) = mpsc::channel(DOUBTS);
        let finds = Arc::clone(finds);
        let reading = tokio::task::spawn_blocking(move || {
            finds.each_doubt(&mut |doubt| match sender.blocking_send(doubt) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_nobody_listens) => ControlFlow::Break(()),
            })
        });
        while let Some(doubt) = doubts.recv().await {
            totals.skipped += u64::from(doubt.is_skipped);
            totals.doubtful_files += u64::from(!doubt.is_skipped);
            self.tell(Event::Doubtful(doubt)).await;
        }
        Ok(reading.await.map_err(Error::Task)??)
    }
}

/// Sends the paths of all regular files. Links are noted, never followed; nothing else is opened.
fn walk(
    folder: &Path,
    finds: &Finds,
    batches: &mpsc::Sender<Vec<PathBuf>>,
    stop: &CancellationToken,
) -> Result<(), db::Error> {
    let mut batch = Vec::with_capacity(BATCH);
    for entry in WalkDir::new(folder) {
        if stop.is_cancelled() {
            return Ok(());
        }
        match entry {
            Ok(entry) if entry.file_type().is_file() => batch.push(entry.into_path()),
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let is_link = entry.file_type().is_symlink();
                let reason = if is_link { "a link, not followed" } else { "no regular file, not opened" };
                finds.note(&[], &[doubt(entry.into_path(), reason.to_owned(), true)])?;
            }
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                finds.note(&[], &[doubt(path, format!("it cannot be read: {reason}"), false)])?;
            }
        }
        if batch.len() == BATCH
            && batches.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_err()
        {
            return Ok(());
        }
    }
    // nobody listens only when the whole scan was given up
    drop(batches.blocking_send(batch));
    Ok(())
}

fn look_at(paths: Vec<PathBuf>, finds: &Finds, stop: &CancellationToken) -> Result<Looked, db::Error> {
    let mut looked = Looked::default();
    for path in paths {
        if stop.is_cancelled() {
            break;
        }
        looked.files += 1;
        let mut noted = Ok(());
        look(&path, &mut |found| {
            looked.add(&path, found);
            // a ZIP may have a million entries
            if looked.instances.len() + looked.doubts.len() >= BATCH {
                let outcome = looked.note(finds);
                if noted.is_ok() {
                    noted = outcome;
                }
            }
        });
        noted?;
    }
    looked.note(finds)?;
    Ok(looked)
}

impl Looked {
    fn add(&mut self, path: &Path, found: Look) {
        match found {
            Look::Instance { entry, header, size_bytes } => self.instances.push(FoundInstance {
                path: path.to_owned(),
                entry,
                sop_instance_uid: header.sop_instance_uid,
                series_instance_uid: header.series_instance_uid,
                size_bytes,
            }),
            Look::NotDicom => self.not_dicom += 1,
            Look::Doubtful { entry, reason } => {
                self.doubts.push(DoubtfulFile { entry, ..doubt(path.to_owned(), reason, false) });
            }
        }
    }

    fn note(&mut self, finds: &Finds) -> Result<(), db::Error> {
        finds.note(&self.instances, &self.doubts)?;
        self.instances.clear();
        self.doubts.clear();
        Ok(())
    }
}

fn doubt(path: PathBuf, reason: String, is_skipped: bool) -> DoubtfulFile {
    DoubtfulFile { path, entry: None, reason, is_skipped }
}
