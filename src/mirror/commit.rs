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
        let (parent, staging) = (root.make_parent_of(path)?, root.staging()?);
        if parent.kind(path.name())?.is_none() {
            self.sync_files(root)?;
            staging.rename(name, &parent, path.name())?;
            parent.sync()?;
            staging.sync()?;
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
        let (series, staging, replaced) = (self.series_instance_uid(), root.staging()?, root.replaced()?);
        if staging.exchange(series.as_str(), parent, path.name())? {
            parent.sync()?;
            return root.set_aside(series, stamp);
        }
        parent.rename(path.name(), &replaced, &replaced_name(series, stamp))?;
        replaced.sync()?;
        staging.rename(series.as_str(), parent, path.name())?;
        parent.sync()?;
        staging.sync()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::super::fixture::{
        FIRST, LICENCE_SHA256, LICENCE_TEXT, PLACE, SECOND, STAGED, Scratch, THIRD, arrive, hex, names,
        place, series, write,
    };
    use super::super::{Expected, Staging};
    use super::*;

    const REPLACED: &str = ".tcia-mirror/replaced";

    fn inode(scratch: &Scratch, inside: &str) -> u64 {
        std::fs::symlink_metadata(scratch.path(inside)).unwrap().ino()
    }

    fn verified(staging: Staging) -> Verified {
        let image_count = u32::try_from(staging.instances().len()).ok();
        staging.finish().verify(&Expected { image_count, ..Expected::default() }).unwrap()
    }

    #[test]
    fn a_series_appears_whole_under_its_final_name() {
        let scratch = Scratch::new();
        let mut staging = scratch.stage(&[FIRST, SECOND]);
        staging.keep_license(LICENCE_TEXT).unwrap();
        let staged = inode(&scratch, STAGED);

        let placed = scratch.commit(staging, "1");

        assert_eq!(placed, Placed { path: place(), instance_count: 2, size_bytes: 39 });
        assert_eq!(scratch.names(PLACE), ["1.2.826.0.7.1.dcm", "1.2.826.0.7.2.dcm", "LICENSE"]);
        assert_eq!(scratch.read(&format!("{PLACE}/1.2.826.0.7.2.dcm")), SECOND.content);
        assert_eq!(scratch.read(&format!("{PLACE}/LICENSE")), LICENCE_TEXT);
        assert_eq!(inode(&scratch, PLACE), staged, "moved in one step, not copied");
        assert!(scratch.root.staged().unwrap().is_empty());
        assert!(scratch.names(REPLACED).is_empty());
    }

    #[test]
    fn a_second_commit_of_the_same_files_leaves_the_placed_directory_untouched() {
        let scratch = Scratch::new();
        let file = format!("{PLACE}/1.2.826.0.7.1.dcm");
        scratch.place(&[FIRST, SECOND], "1");
        let before = (inode(&scratch, PLACE), inode(&scratch, &file));

        let placed = scratch.place(&[FIRST, SECOND], "2");

        assert_eq!(placed, Placed { path: place(), instance_count: 2, size_bytes: 39 });
        assert_eq!((inode(&scratch, PLACE), inode(&scratch, &file)), before);
        assert!(scratch.root.staged().unwrap().is_empty());
        assert!(scratch.names(REPLACED).is_empty());
    }

    #[test]
    fn a_commit_of_other_files_moves_the_old_version_to_replaced() {
        let scratch = Scratch::new();
        scratch.place(&[FIRST, SECOND], "1");

        scratch.place(&[FIRST, THIRD], "1700000000");

        assert_eq!(scratch.names(PLACE), ["1.2.826.0.7.1.dcm", "1.2.826.0.7.3.dcm"]);
        assert_eq!(scratch.names(REPLACED), ["1.2.826.0.7~1700000000"]);
        let old = format!("{REPLACED}/1.2.826.0.7~1700000000");
        assert_eq!(scratch.names(&old), ["1.2.826.0.7.1.dcm", "1.2.826.0.7.2.dcm"]);
        assert_eq!(scratch.read(&format!("{old}/1.2.826.0.7.2.dcm")), SECOND.content);
        assert!(scratch.root.staged().unwrap().is_empty());
    }

    #[test]
    fn whatever_differs_in_the_placed_directory_makes_it_an_old_version() {
        type Change = fn(&Scratch);
        let cases: [(&str, Change); 5] = [
            ("a flipped bit", |scratch| scratch.flip(&format!("{PLACE}/1.2.826.0.7.1.dcm"))),
            ("a file too many", |scratch| scratch.write(&format!("{PLACE}/notes.txt"), b"mine")),
            ("a file too few", |scratch| {
                std::fs::remove_file(scratch.path(&format!("{PLACE}/1.2.826.0.7.2.dcm"))).unwrap();
            }),
            ("another licence", |scratch| scratch.write(&format!("{PLACE}/LICENSE"), b"another licence\n")),
            ("no licence", |scratch| {
                std::fs::remove_file(scratch.path(&format!("{PLACE}/LICENSE"))).unwrap();
            }),
        ];
        for (case, change) in cases {
            let scratch = Scratch::new();
            let stage = || {
                let mut staging = scratch.stage(&[FIRST, SECOND]);
                staging.keep_license(LICENCE_TEXT).unwrap();
                staging
            };
            scratch.commit(stage(), "1");
            change(&scratch);

            scratch.commit(stage(), "2");

            assert_eq!(scratch.names(REPLACED), ["1.2.826.0.7~2"], "{case}");
            assert_eq!(scratch.names(PLACE), ["1.2.826.0.7.1.dcm", "1.2.826.0.7.2.dcm", "LICENSE"], "{case}");
            assert_eq!(scratch.read(&format!("{PLACE}/1.2.826.0.7.1.dcm")), FIRST.content, "{case}");
            assert_eq!(scratch.read(&format!("{PLACE}/LICENSE")), LICENCE_TEXT, "{case}");
        }
    }

    #[test]
    fn a_link_in_place_of_a_directory_above_the_series_is_not_followed() {
        for linked in ["Lung Tests", "Lung Tests/P-007", "Lung Tests/P-007/1.2.826.0.5"] {
            let scratch = Scratch::new();
            let outside = tempfile::tempdir().unwrap();
            let link = scratch.path(linked);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(outside.path(), &link).unwrap();
            let verified = verified(scratch.stage(&[FIRST]));

            let refused = verified.commit(&scratch.root, &place(), "1").unwrap_err();

            assert_eq!(refused.series, series(), "{linked}");
            assert!(names(outside.path()).is_empty(), "{linked}");
            assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.1.dcm"], "{linked}");
        }
    }

    #[test]
    fn a_link_in_place_of_the_series_is_moved_away_and_not_followed() {
        let scratch = Scratch::new();
        let outside = tempfile::tempdir().unwrap();
        write(&outside.path().join("1.2.826.0.7.1.dcm"), FIRST.content);
        std::fs::create_dir_all(scratch.path(PLACE).parent().unwrap()).unwrap();
        symlink(outside.path(), scratch.path(PLACE)).unwrap();

        scratch.place(&[FIRST], "1");

        let replaced = scratch.path(&format!("{REPLACED}/1.2.826.0.7~1"));
        assert!(std::fs::symlink_metadata(scratch.path(PLACE)).unwrap().is_dir());
        assert_eq!(std::fs::read_link(replaced).unwrap(), outside.path());
        assert_eq!(names(outside.path()), ["1.2.826.0.7.1.dcm"]);
    }

    #[test]
    fn a_file_in_place_of_a_parent_fails_the_commit_and_keeps_what_is_staged() {
        let scratch = Scratch::new();
        scratch.write("Lung Tests", b"in the way");
        let verified = verified(scratch.stage(&[FIRST]));

        let refused = verified.commit(&scratch.root, &place(), "1").unwrap_err();

        assert_eq!(refused.to_string(), "cannot place series 1.2.826.0.7 on stable storage");
        let cause = refused.source.to_string();
        assert_eq!(
            cause,
            format!("{} is no directory, and one belongs there", scratch.path("Lung Tests").display())
        );
        assert_eq!(scratch.read("Lung Tests"), b"in the way");
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.1.dcm"]);
    }

    #[test]
    fn what_could_not_be_synced_is_neither_placed_nor_kept() {
        let scratch = Scratch::new();
        let verified = verified(scratch.stage(&[FIRST, SECOND]));
        std::fs::remove_file(scratch.path(&format!("{STAGED}/1.2.826.0.7.1.dcm"))).unwrap();

        let refused = verified.commit(&scratch.root, &place(), "1");

        assert!(refused.is_err());
        assert!(!scratch.path(PLACE).exists());
        assert!(scratch.root.staged().unwrap().is_empty());
    }

    #[test]
    fn a_replaced_version_is_never_overwritten_by_another() {
        let scratch = Scratch::new();
        scratch.place(&[FIRST], "1");
        scratch.place(&[SECOND], "2");
        let verified = verified(scratch.stage(&[THIRD]));

        let refused = verified.commit(&scratch.root, &place(), "2");

        assert!(refused.is_err());
        assert_eq!(scratch.names(&format!("{REPLACED}/1.2.826.0.7~2")), ["1.2.826.0.7.1.dcm"]);
        assert_eq!(scratch.names(PLACE), ["1.2.826.0.7.3.dcm"]);
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.2.dcm"], "waits to be moved");
    }

    #[test]
    fn series_of_one_patient_lie_side_by_side() {
        let scratch = Scratch::new();
        let other = SeriesInstanceUid::parse("1.2.826.0.8").unwrap();
        let other_place = SeriesPath::recorded("Lung Tests/P-007/1.2.826.0.5/1.2.826.0.8").unwrap();
        let mut staging = Staging::open(&scratch.root, &other, Vec::new()).unwrap();
        let incoming = arrive(&mut staging, THIRD.content);
        staging.keep(incoming, THIRD.uid()).unwrap();
        staging.keep_license(LICENCE_TEXT).unwrap();
        let licence = staging.license();

        scratch.place(&[FIRST], "1");
        verified(staging).commit(&scratch.root, &other_place, "1").unwrap();

        assert_eq!(licence, Some(hex(LICENCE_SHA256)));
        assert_eq!(scratch.names("Lung Tests/P-007/1.2.826.0.5"), ["1.2.826.0.7", "1.2.826.0.8"]);
        assert_eq!(
            scratch.names("Lung Tests/P-007/1.2.826.0.5/1.2.826.0.8"),
            ["1.2.826.0.7.3.dcm", "LICENSE"]
        );
    }
}
