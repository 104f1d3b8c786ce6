//! What has left the tree: versions in `replaced/`, and how they and series of the tree are removed for good.

use std::io;

use super::directory::Directory;
use super::layout::SeriesPath;
use super::root::{REPLACED, Root, replaced_name};
use super::split::Split;
use crate::dicom::SeriesInstanceUid;

/// A version of a series that another has replaced, or that has left its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedVersion {
    /// Its name in `replaced/`.
    pub name: String,
    /// The series.
    pub series_instance_uid: SeriesInstanceUid,
    /// When it left the tree: UTC seconds.
    pub left_at: i64,
    /// Files in it.
    pub files: u64,
    /// Bytes of them.
    pub size_bytes: u64,
}

impl Root {
    /// Everything in `replaced/` that this program put there; names of anything else are left alone.
    pub fn replaced_versions(&self) -> io::Result<Vec<ReplacedVersion>> {
        let replaced = self.replaced()?;
        let names = replaced.names()?;
        let known =
            names.into_iter().filter_map(|name| read_name(&name).map(|(uid, left_at)| (name, uid, left_at)));
        let version = |(name, series_instance_uid, left_at): (String, _, _)| {
            let (files, size_bytes) = replaced.extent(&name)?;
            Ok(ReplacedVersion { name, series_instance_uid, left_at, files, size_bytes })
        };
        known.map(version).collect()
    }

    /// Where a version lies, relative to the root.
    pub fn path_of_replaced(&self, name: &str) -> String {
        self.split.state().join(REPLACED).join(name).display().to_string()
    }

    /// Removes a version from `replaced/`.
    pub fn remove_replaced(&self, name: &str) -> io::Result<()> {
        let replaced = self.replaced()?;
        replaced.remove_tree(name)?;
        replaced.sync()
    }

    /// Removes a series from the tree in one step, then its files, then what is empty above it.
    ///
    /// What has gone before is no error: a removal that was interrupted is done again. Nobody else may be at work.
    pub fn remove_series(&self, path: &SeriesPath) -> io::Result<()> {
        let Ok(series) = SeriesInstanceUid::parse(path.name()) else { return Ok(()) };
        // an age that is old enough for every later removal, should this one end here
        self.retire(path, &series, "0")?;
        self.remove_replaced(&format!("{}~moved", replaced_name(&series, "0")))?;
        // another shard may be about to place a series there
        if self.split == Split::Whole { self.remove_empty_above(path) } else { Ok(()) }
    }

    fn remove_empty_above(&self, path: &SeriesPath) -> io::Result<()> {
        let parents = path.parents();
        for depth in (0..parents.len()).rev() {
            let above =
                parents[..depth].iter().try_fold(self.directory.sub(".")?, |above, name| above.sub(name));
            match above.and_then(|above| Ok((above.remove_empty(&parents[depth])?, above))) {
                Ok((true, above)) => above.sync()?,
                Ok((false, _)) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Directory {
    /// Files below an entry, and their bytes.
    fn extent(&self, name: &str) -> io::Result<(u64, u64)> {
        if let Some(size_bytes) = self.file_size(name)? {
            return Ok((1, size_bytes));
        }
        let inside = self.sub(name)?;
        inside.names()?.iter().try_fold((0, 0), |(files, bytes), entry| {
            let (more, of_bytes) = inside.extent(entry)?;
            Ok((files + more, bytes + of_bytes))
        })
    }
}

/// The series and the time, in UTC seconds, of a name that [`replaced_name`] made.
fn read_name(name: &str) -> Option<(SeriesInstanceUid, i64)> {
    let (series, stamp) = name.split_once('~')?;
    let milliseconds: i64 = stamp.trim_end_matches("~moved").parse().ok()?;
    Some((SeriesInstanceUid::parse(series).ok()?, milliseconds / 1000))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{FIRST, PLACE, SECOND, Scratch, THIRD, place};
    use super::*;

    const REPLACED: &str = ".tcia-mirror/replaced";

    #[test]
    fn a_version_that_was_replaced_is_listed_with_its_age_and_its_bytes() {
        let scratch = Scratch::new();
        scratch.place(&[FIRST, SECOND], "1");
        scratch.place(&[FIRST, THIRD], "1700000000123");
        scratch.write(&format!("{REPLACED}/notes.txt"), b"somebody's own");

        let versions = scratch.root.replaced_versions().unwrap();

        let expected = ReplacedVersion {
            name: "1.2.826.0.7~1700000000123".to_owned(),
            series_instance_uid: super::super::fixture::series(),
            left_at: 1_700_000_000,
            files: 2,
            size_bytes: 39,
        };
        assert_eq!(versions, [expected]);
        scratch.root.remove_replaced(&versions[0].name).unwrap();
        assert_eq!(scratch.names(REPLACED), ["notes.txt"]);
    }

    #[test]
    fn a_series_is_removed_with_the_directories_that_only_it_needed() {
        let scratch = Scratch::new();
        scratch.place(&[FIRST], "1");
        scratch.write("Lung Tests/another patient/file", b"stays");

        scratch.root.remove_series(&place()).unwrap();
        scratch.root.remove_series(&place()).unwrap();

        assert!(!scratch.path(PLACE).exists());
        assert_eq!(scratch.names("Lung Tests"), ["another patient"]);
        assert!(scratch.names(REPLACED).is_empty());
    }
}
