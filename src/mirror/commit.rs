//! The durable step from staging to the tree: files, then their directory, then one rename, then the parents.
//!
//! An error of a sync is final for the attempt: the kernel may have dropped the pages, so asking again proves nothing.

use std::io;
use std::os::fd::OwnedFd;

use super::directory::Directory;
use super::layout::SeriesPath;
use super::rehash::{Problem, Recorded, check_series};
use super::root::{Root, replaced_name};
use super::staging::{LICENSE, file_name};
use super::verify::Verified;
use crate::dicom::SeriesInstanceUid;

/// Why a verified series could not be placed.
#[derive(Debug, thiserror::Error)]
#[error("cannot place series {series} on stable storage")]
pub struct CommitError {
    /// The series.
    pub series: SeriesInstanceUid,
    /// What the file system said.
    pub source: io::Error,
}

/// A series in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub path: SeriesPath,
    /// How many instances.
    pub instance_count: u32,
    /// Bytes of their files.
    pub size_bytes: u64,
}

impl Verified {
    /// Puts the series under its final name, whole and on stable storage.
    ///
    /// Where a version of it lies already, one with the same files stays as it is; another is exchanged for this one
    /// in one step and then moved to `replaced/` under `stamp`.
    pub fn commit(self, root: &Root, path: &SeriesPath, stamp: &str) -> Result<Placed, CommitError> {
        let series = self.series_instance_uid().clone();
        self.place(root, path, stamp).map_err(|source| CommitError { series, source })
    }

    fn place(self, root: &Root, path: &SeriesPath, stamp: &str) -> io::Result<Placed> {
        let name = self.series_instance_uid().as_str();
        let parent = root.make_parent_of(path)?;
        if parent.kind(path.name())?.is_none() {
            self.sync_files(root)?;
            root.staging.rename(name, &parent, path.name())?;
            parent.sync()?;
            root.staging.sync()?;
        } else if self.is_what_lies_at(root, path) {
            root.discard_staged(name)?;
        } else {
            self.sync_files(root)?;
            self.replace(root, path, &parent, stamp)?;
        }
        Ok(self.placed(path))
    }

    /// Swaps the versions; where the file system cannot, the old one leaves first and a reader may find none for an
    /// instant.
    fn replace(&self, root: &Root, path: &SeriesPath, parent: &Directory, stamp: &str) -> io::Result<()> {
        let series = self.series_instance_uid();
        if root.staging.exchange(series.as_str(), parent, path.name())? {
            parent.sync()?;
            return root.set_aside(series, stamp);
        }
        parent.rename(path.name(), &root.replaced, &replaced_name(series, stamp))?;
        root.replaced.sync()?;
        root.staging.rename(series.as_str(), parent, path.name())?;
        parent.sync()?;
        root.staging.sync()
    }

    /// After an error nothing that was staged can be believed any more, so that none of it is found by another attempt.
    fn sync_files(&self, root: &Root) -> io::Result<()> {
        self.sync_each_file().or_else(|error| {
            root.discard_staged(self.series_instance_uid().as_str())?;
            Err(error)
        })
    }

    fn sync_each_file(&self) -> io::Result<()> {
        let directory = self.staging.directory();
        let license = self.license().map(|_| LICENSE.to_owned());
        for name in self.staging.instances().keys().map(file_name).chain(license) {
            let file: OwnedFd = directory.read(&name)?.into();
            rustix::fs::fdatasync(file)?;
        }
        directory.sync()
    }

    fn is_what_lies_at(&self, root: &Root, path: &SeriesPath) -> bool {
        let instances: Vec<_> = self.staging.instances().values().cloned().collect();
        let recorded = Recorded { instances: &instances, license: self.license() };
        let mut same = true;
        check_series(root, path, &recorded, &mut |_: Problem| same = false);
        same
    }

    fn placed(&self, path: &SeriesPath) -> Placed {
        let instances = self.staging.instances();
        Placed {
            path: path.clone(),
            instance_count: u32::try_from(instances.len()).unwrap_or(u32::MAX),
            size_bytes: instances.values().map(|instance| instance.size_bytes).sum(),
        }
    }
}
