//! The files of one series, staged as downloaded ones are: digested in the pass that brings them, named by their header.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use super::super::arrival::Arrival;
use super::super::error::Error;
use super::super::unpack::{Entry, ZipStream};
use super::{LIMITS, identify_file, open};
use crate::dicom::{SeriesInstanceUid, SopInstanceUid};
use crate::mirror::{FileState, Grouped, Incoming, Intake, IntakeError, Staging, StagingError};
use crate::nbia::{self, chain};

/// A file, or an entry of a ZIP by its number, that says it is an instance of the series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Which entry of it.
    pub entry: Option<u64>,
}

/// A file that is not taken, by its place among those that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Its place.
    pub file: usize,
    /// Why.
    pub reason: String,
}

/// Why a file is not taken that the service has otherwise.
pub const OTHER_MD5: &str = "its MD5 is not the one that the service tells of this instance";

/// Files that all say they are one instance and differ.
pub type Contest = (SopInstanceUid, Vec<usize>);

/// What was staged of the files.
pub struct Gathered {
    /// With everything that nothing speaks against so far.
    pub staging: Staging,
    /// Where each instance came from: one file, or several that have the same bytes.
    pub taken: BTreeMap<SopInstanceUid, Vec<usize>>,
    /// Instances of which files differ; none of them is staged.
    pub contested: BTreeMap<SopInstanceUid, Vec<usize>>,
    /// Files that are not taken.
    pub doubtful: Vec<Doubt>,
    /// How each plain file was when it was taken.
    pub states: BTreeMap<usize, FileState>,
}

struct Gathering<'a> {
    grouped: Grouped,
    series: SeriesInstanceUid,
    intake: Intake,
    progress: &'a AtomicU64,
    stop: &'a CancellationToken,
    taken: BTreeMap<SopInstanceUid, Vec<usize>>,
    contested: BTreeMap<SopInstanceUid, Vec<usize>>,
    doubtful: Vec<Doubt>,
    states: BTreeMap<usize, FileState>,
}

/// Stages files of a series; entries of one ZIP stand one behind the other.
///
/// What is wrong with one file keeps none of the others; an error is one of our own side, or a request to stop.
pub fn gather(
    staging: Staging,
    files: &[LocalFile],
    intake: Intake,
    progress: &AtomicU64,
    stop: &CancellationToken,
) -> Result<Gathered, Error> {
    let mut gathering = Gathering {
        series: staging.series_instance_uid().clone(),
        grouped: Grouped::new(staging),
        intake,
        progress,
        stop,
        taken: BTreeMap::new(),
        contested: BTreeMap::new(),
        doubtful: Vec::new(),
        states: BTreeMap::new(),
    };
    let numbered: Vec<_> = files.iter().enumerate().collect();
    for same_path in numbered.chunk_by(|(_, one), (_, other)| one.path == other.path) {
        gathering.take_all(same_path)?;
    }
    let Gathering { grouped, taken, contested, doubtful, states, .. } = gathering;
    Ok(Gathered { staging: grouped.end()?.0, taken, contested, doubtful, states })
}

/// Takes those of the contesting files that have the MD5 which the service tells of the instance; the others are doubtful.
pub fn settle(
    gathered: Gathered,
    files: &[LocalFile],
    contest: &Contest,
    md5: [u8; 16],
    intake: Intake,
) -> Result<Gathered, Error> {
    let Gathered { mut staging, mut taken, mut contested, mut doubtful, mut states } = gathered;
    let (instance, candidates) = contest;
    contested.remove(instance);
    let (progress, stop) = (AtomicU64::new(0), CancellationToken::new());
    let mut right = Vec::new();
    for candidate in candidates {
        staging.remove(instance)?;
        let found = gather(staging, std::slice::from_ref(&files[*candidate]), intake, &progress, &stop)?;
        staging = found.staging;
        if staging.instances().get(instance).is_some_and(|staged| staged.md5 == md5) {
            right.push(*candidate);
            states.extend(found.states.into_values().map(|state| (*candidate, state)));
        } else {
            let told = found.doubtful.into_iter().next().map(|doubt| doubt.reason);
            let reason = told.unwrap_or_else(|| OTHER_MD5.to_owned());
            doubtful.push(Doubt { file: *candidate, reason });
        }
    }
    staging.remove(instance)?;
    if let Some(first) = right.first() {
        staging = gather(staging, std::slice::from_ref(&files[*first]), intake, &progress, &stop)?.staging;
        taken.insert(instance.clone(), right);
    }
    Ok(Gathered { staging, taken, contested, doubtful, states })
}

impl Gathered {
    /// Takes an instance back, and its files with it.
    pub fn take_back(&mut self, instance: &SopInstanceUid, reason: &str) -> Result<(), StagingError> {
        let files = self.taken.remove(instance).into_iter().chain(self.contested.remove(instance)).flatten();
        self.doubtful.extend(files.map(|file| Doubt { file, reason: reason.to_owned() }));
        self.staging.remove(instance)
    }
}

impl Gathering<'_> {
    /// Takes what lies under one path.
    fn take_all(&mut self, files: &[(usize, &LocalFile)]) -> Result<(), Error> {
        let [(first, file), ..] = files else { return Ok(()) };
        if self.stop.is_cancelled() {
            return Err(nbia::Error::Stopped.into());
        }
        if file.entry.is_none() {
            return match self.take(&file.path) {
                Ok((incoming, instance, state)) => {
                    self.states.insert(*first, state);
                    self.keep(*first, incoming, instance)
                }
                Err(error) => self.doubt(&[*first], error),
            };
        }
        let mut left: BTreeMap<u64, usize> =
            files.iter().filter_map(|(place, file)| Some((file.entry?, *place))).collect();
        match self.take_entries(&file.path, &mut left) {
            Ok(()) => Ok(()),
            Err(error) => self.doubt(&left.into_values().collect::<Vec<_>>(), error),
        }
    }

    fn take(&mut self, path: &Path) -> Result<(Incoming, SopInstanceUid, FileState), Error> {
        let file = open(path).map_err(IntakeError::Source)?;
        let progress = self.progress;
        let mut passed = |amount| {
            progress.fetch_add(amount, Ordering::Relaxed);
        };
        let (incoming, state) = self.grouped.take(&file, path, self.intake, &mut passed)?;
        let found = identify_file(incoming.file()).ok();
        if let Some(header) = found.filter(|header| header.series_instance_uid == self.series) {
            return Ok((incoming, header.sop_instance_uid, state));
        }
        self.grouped.staging().discard(incoming)?;
        Err(IntakeError::Changed.into())
    }

    /// Takes entries of a ZIP, and crosses out those that it is done with.
    fn take_entries(&mut self, path: &Path, left: &mut BTreeMap<u64, usize>) -> Result<(), Error> {
        let file = open(path).map_err(IntakeError::Source)?;
        let mut zip = ZipStream::new(BufReader::with_capacity(256 << 10, file), LIMITS);
        let mut number = 0;
        while !left.is_empty() {
            if self.stop.is_cancelled() {
                return Err(nbia::Error::Stopped.into());
            }
            let Some(mut entry) = zip.next_entry()? else { return Err(IntakeError::Changed.into()) };
            if let Some(place) = left.get(&number).copied() {
                match self.take_entry(&mut entry) {
                    Ok((incoming, instance)) => self.keep(place, incoming, instance)?,
                    Err(error @ Error::Unpack(_)) => return Err(error),
                    Err(error) => self.doubt(&[place], error)?,
                }
                left.remove(&number);
            }
            number += 1;
        }
        Ok(())
    }

    fn take_entry<R: BufRead>(
        &mut self,
        entry: &mut Entry<'_, R>,
    ) -> Result<(Incoming, SopInstanceUid), Error> {
        let series = self.series.clone();
        let incoming = self.grouped.begin()?;
        let mut arrival = Arrival::new("it".to_owned(), &series, incoming, self.progress);
        loop {
            match entry.next_chunk() {
                Ok(Some(bytes)) => arrival.write(bytes)?,
                Ok(None) => return arrival.finish(self.grouped.staging()),
                Err(error) => {
                    arrival.discard(self.grouped.staging())?;
                    return Err(error.into());
                }
            }
        }
    }

    /// Names what was taken, unless other bytes have the name.
    fn keep(&mut self, file: usize, incoming: Incoming, instance: SopInstanceUid) -> Result<(), Error> {
        if let Some(files) = self.contested.get_mut(&instance) {
            files.push(file);
            return Ok(self.grouped.staging().discard(incoming)?);
        }
        match self.grouped.keep(incoming, instance.clone()) {
            Ok(_completed) => self.taken.entry(instance).or_default().push(file),
            Err(StagingError::Conflict { instance }) => {
                self.grouped.remove(&instance)?;
                let mut files = self.taken.remove(&instance).unwrap_or_default();
                files.push(file);
                self.contested.insert(instance, files);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Passes over files for a reason that is theirs alone.
    fn doubt(&mut self, files: &[usize], error: Error) -> Result<(), Error> {
        if error.concerns_every_instance() {
            return Err(error);
        }
        let reason = chain(&error);
        let files: BTreeSet<_> = files.iter().copied().collect();
        self.doubtful.extend(files.into_iter().map(|file| Doubt { file, reason: reason.clone() }));
        Ok(())
    }
}
