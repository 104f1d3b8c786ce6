//! The root of a mirror: its own directory, the lock that keeps a second writer out, free space.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::directory::Directory;
use super::layout::SeriesPath;
use super::split::{Split, name_of};
use crate::dicom::{Records, SeriesInstanceUid, Shard};

/// Where everything lies that is not the mirrored tree itself.
pub const STATE_DIRECTORY: &str = ".tcia-mirror";
const STAGING: &str = "staging";
pub(super) const REPLACED: &str = "replaced";
pub(super) const LOCK: &str = "lock";
const DAEMON: &str = "daemon";
pub(super) const STATE_FILE: &str = "state.sqlite";

/// Why a root cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RootError {
    #[error("another process holds {}", .lock.display())]
    Locked { lock: PathBuf },
    #[error("there is no mirror at {}", .root.display())]
    NoMirror { root: PathBuf },
    #[error("the mirror here is split into shards, and this is not one of them: there is {}", .found.display())]
    IsSplit { found: PathBuf },
    #[error("the mirror here is not split into shards: there is {}", .found.display())]
    IsWhole { found: PathBuf },
    #[error("{} lies on a file system that does not tell capitals from small letters, where no mirror can be split", .root.display())]
    FoldsCapitals { root: PathBuf },
    #[error("{} is not the mirror any more that was there at the start", .root.display())]
    Replaced { root: PathBuf },
    #[error("cannot use {} as the root of a mirror", .root.display())]
    Unusable { root: PathBuf, source: io::Error },
}

impl RootError {
    /// Whether another share must be named, or another root.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::IsSplit { .. } | Self::IsWhole { .. } | Self::FoldsCapitals { .. })
    }
}

/// What keeps a second daemon out, and knows the mirror again.
#[derive(Debug)]
pub struct DaemonLock {
    root: PathBuf,
    split: Split,
    file: File,
}

/// What is left on the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still write.
    pub free_bytes: u64,
    /// Files that it may still make; no end of them where the file system does not count them.
    pub free_inodes: u64,
}

/// The root of a mirror.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    pub(super) split: Split,
    pub(super) directory: Directory,
    pub(super) state: Directory,
    lock: Option<File>,
}

impl Root {
    /// Opens a root to write to it, making it when it is not there; at most one process at a time can.
    pub fn lock(path: &Path) -> Result<Self, RootError> {
        Self::lock_share(path, None)
    }

    /// The same for a share of it, beside processes that have the others.
    pub fn lock_share(path: &Path, shard: Option<Shard>) -> Result<Self, RootError> {
        let unusable = |source| RootError::Unusable { root: path.to_owned(), source };
        Self::refuse_other_split(path, shard)?;
        make_durably(path).map_err(unusable)?;
        let mut root = Self::reach(path, Split::of(shard), Directory::make).map_err(unusable)?;
        root.lock = Some(root.take(LOCK)?);
        // once more, now that who comes after this one is refused because of it
        Self::refuse_other_split(path, shard)?;
        if shard.is_some() {
            root.refuse_folded_capitals()?;
        }
        root.state.make(STAGING).map_err(unusable)?;
        root.state.make(REPLACED).map_err(unusable)?;
        Ok(root)
    }

    /// Whether another process is writing to this root, as far as its lock tells.
    pub fn is_held(&self) -> Result<bool, RootError> {
        match self.take(LOCK) {
            Ok(_) => Ok(false),
            Err(RootError::Locked { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Makes this process the one daemon of the root for as long as the lock is held; between its cycles the root itself
    /// is free for other commands.
    pub fn lock_for_daemon(&self) -> Result<DaemonLock, RootError> {
        Ok(DaemonLock { root: self.path.clone(), split: self.split, file: self.take(DAEMON)? })
    }

    fn take(&self, name: &str) -> Result<File, RootError> {
        let unusable = |source| RootError::Unusable { root: self.path.clone(), source };
        let path = self.path.join(self.split.state()).join(name);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(RootError::Locked { lock: path }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The same for the daemon of a root, which never makes one: that its disk is not mounted, or that it was moved away,
    /// must not begin a new mirror in its place.
    pub fn lock_again(held: &DaemonLock) -> Result<Self, RootError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => RootError::Replaced { root: held.root.clone() },
            _ => RootError::Unusable { root: held.root.clone(), source },
        };
        let mut root = Self::reach(&held.root, held.split, Directory::sub).map_err(failed)?;
        let there = root.state.read(DAEMON).and_then(|file| file.metadata()).map_err(failed)?;
        let known = held.file.metadata().map_err(failed)?;
        if (there.dev(), there.ino()) != (known.dev(), known.ino()) {
            return Err(RootError::Replaced { root: held.root.clone() });
        }
        root.lock = Some(root.take(LOCK)?);
        Ok(root)
    }

    /// Opens a root only to read from it, beside processes that may be writing: all of its shards where it is split.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        Self::open_share(path, None)
    }

    /// The same for one share of it.
    pub fn open_share(path: &Path, shard: Option<Shard>) -> Result<Self, RootError> {
        let unusable = |source| RootError::Unusable { root: path.to_owned(), source };
        let split = Self::split_to_read(path, shard)?;
        let is_there = match split.records(path) {
            Records::Whole(record) => record.try_exists().map_err(unusable)?,
            Records::Shards(records) => records.iter().any(|record| record.exists()),
        };
        if is_there {
            return Self::reach(path, split, Directory::sub).map_err(unusable);
        }
        Err(RootError::NoMirror { root: path.to_owned() })
    }

    fn reach(
        path: &Path,
        split: Split,
        step: fn(&Directory, &str) -> io::Result<Directory>,
    ) -> io::Result<Self> {
        let directory = Directory::open(path)?;
        let mut state = step(&directory, STATE_DIRECTORY)?;
        if let Some(shard) = split.shard() {
            let place = path.join(split.state());
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", place.display()));
            state = step(&state, &name_of(shard)).map_err(named)?;
        }
        Ok(Self { path: path.to_owned(), split, directory, state, lock: None })
    }

    /// Where unfinished series are; a root that was only ever read has none.
    pub(super) fn staging(&self) -> io::Result<Directory> {
        self.state.sub(STAGING)
    }

    /// Where versions are that were replaced.
    pub(super) fn replaced(&self) -> io::Result<Directory> {
        self.state.sub(REPLACED)
    }

    /// The root as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the record.
    pub fn state_file(&self) -> PathBuf {
        self.path.join(self.split.state()).join(STATE_FILE)
    }

    /// The file of the record below a root.
    pub fn state_file_of(root: &Path) -> PathBuf {
        root.join(STATE_DIRECTORY).join(STATE_FILE)
    }

    /// Whether there is a tree beside a file of the record that is empty, as a power cut may leave it. Beside that of a
    /// shard the tree may be of others, and an empty file is one that was just begun.
    pub fn has_lost_its_record(&self) -> io::Result<bool> {
        let is_empty = std::fs::metadata(self.state_file()).is_ok_and(|found| found.len() == 0);
        Ok(is_empty && self.split == Split::Whole && self.has_tree()?)
    }

    /// Whether there is a tree and no record of it, not even one of another shard.
    pub fn has_no_record(&self) -> io::Result<bool> {
        let is_there = match self.all_records() {
            Records::Whole(record) => record.exists(),
            Records::Shards(records) => records.iter().any(|record| record.exists()),
        };
        Ok(!is_there && self.has_tree()?)
    }

    fn has_tree(&self) -> io::Result<bool> {
        Ok(self.directory.names()?.iter().any(|name| name != STATE_DIRECTORY))
    }

    /// What is left on the file system.
    pub fn space(&self) -> io::Result<Space> {
        let (free_bytes, free_inodes) = self.directory.space()?;
        Ok(Space { free_bytes, free_inodes })
    }

    /// Series that have something staged.
    pub fn staged(&self) -> io::Result<Vec<String>> {
        self.staging()?.names()
    }

    /// Removes what is staged of a series.
    pub fn discard_staged(&self, name: &str) -> io::Result<()> {
        self.staging()?.remove_tree(name)
    }

    /// Moves what is staged under the name of a series aside into `replaced/`: the old version after an exchange.
    pub fn set_aside(&self, series: &SeriesInstanceUid, stamp: &str) -> io::Result<()> {
        let (staging, replaced) = (self.staging()?, self.replaced()?);
        if staging.kind(series.as_str())?.is_none() {
            return Ok(());
        }
        staging.rename(series.as_str(), &replaced, &replaced_name(series, stamp))?;
        replaced.sync()?;
        staging.sync()
    }

    /// Brings back a version that left its place for one that never arrived there.
    pub fn bring_back(&self, path: &SeriesPath, series: &SeriesInstanceUid, stamp: &str) -> io::Result<()> {
        let (parent, replaced) = (self.parent_of(path)?, self.replaced()?);
        let aside = replaced_name(series, stamp);
        if parent.kind(path.name())?.is_none() && replaced.kind(&aside)?.is_some() {
            replaced.rename(&aside, &parent, path.name())?;
            parent.sync()?;
            replaced.sync()?;
        }
        Ok(())
    }

    /// Takes a series out of the tree into `replaced/`.
    ///
    /// What has left before is no error: a move that was interrupted takes this step again.
    pub fn retire(&self, path: &SeriesPath, series: &SeriesInstanceUid, stamp: &str) -> io::Result<()> {
        let parent = match self.parent_of(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            parent => parent?,
        };
        if parent.kind(path.name())?.is_some() {
            let replaced = self.replaced()?;
            // another name than that of a version which lay at the new place
            parent.rename(path.name(), &replaced, &format!("{}~moved", replaced_name(series, stamp)))?;
            replaced.sync()?;
            parent.sync()?;
        }
        Ok(())
    }

    /// Puts the directories around a placed series on stable storage once more, after an interrupted commit.
    pub fn sync_placed(&self, path: &SeriesPath) -> io::Result<()> {
        self.parent_of(path)?.sync()?;
        self.staging()?.sync()
    }

    /// The directory that holds a series directory.
    pub(super) fn parent_of(&self, path: &SeriesPath) -> io::Result<Directory> {
        self.above(path, Directory::sub)
    }

    /// The same, made where it is not there yet.
    pub(super) fn make_parent_of(&self, path: &SeriesPath) -> io::Result<Directory> {
        self.above(path, Directory::make)
    }

    fn above(
        &self,
        path: &SeriesPath,
        step: fn(&Directory, &str) -> io::Result<Directory>,
    ) -> io::Result<Directory> {
        let mut parents = path.parents().iter();
        let reached = parents.try_fold(self.directory.sub(".")?, |directory, name| step(&directory, name));
        reached.map_err(|error| self.in_the_way_of(path).unwrap_or(error))
    }

    /// An error that names what stands where a directory above a series belongs.
    fn in_the_way_of(&self, path: &SeriesPath) -> Option<io::Error> {
        let below = |above: &mut PathBuf, name: &String| {
            above.push(name);
            Some(above.clone())
        };
        let is_no_directory = |path: &PathBuf| path.symlink_metadata().is_ok_and(|found| !found.is_dir());
        let place = path.parents().iter().scan(self.path.clone(), below).find(is_no_directory)?;
        Some(io::Error::new(
            io::ErrorKind::NotADirectory,
            format!("{} is no directory, and one belongs there", place.display()),
        ))
    }
}

/// Makes a directory and those above it that are not there, and puts them on stable storage.
fn make_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    make_durably(parent)?;
    std::fs::create_dir_all(path)?;
    Directory::open(parent)?.sync()
}

/// The name under which `replaced/` holds a version of a series.
pub(super) fn replaced_name(series: &SeriesInstanceUid, stamp: &str) -> String {
    format!("{series}~{stamp}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::fixture::{FIRST, PLACE, SERIES, Scratch, names, place, series, write};
    use super::*;

    #[test]
    fn a_second_writer_is_refused_until_the_first_has_gone() {
        let scratch = tempfile::tempdir().unwrap();
        let first = Root::lock(scratch.path()).unwrap();

        let refused = Root::lock(scratch.path()).unwrap_err();
        drop(first);
        let second = Root::lock(scratch.path());

        let lock_path = scratch.path().join(".tcia-mirror/lock");
        assert!(matches!(refused, RootError::Locked { lock } if lock == lock_path));
        assert!(second.is_ok());
    }

    #[test]
    fn two_roots_do_not_lock_each_other() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

        let locks = [Root::lock(one.path()), Root::lock(other.path())];

        assert!(locks.iter().all(Result::is_ok));
    }

    #[test]
    fn a_reader_opens_a_root_beside_its_writer() {
        let scratch = Scratch::new();
        scratch.write(".tcia-mirror/state.sqlite", b"");

        let readers = [Root::open(scratch.root.path()), Root::open(scratch.root.path())];

        assert!(readers.iter().all(Result::is_ok));
    }

    #[test]
    fn a_reader_needs_no_directory_of_a_writer() {
        let scratch = Scratch::new();
        scratch.write(".tcia-mirror/state.sqlite", b"");
        for directory in ["staging", "replaced"] {
            std::fs::remove_dir(scratch.path(".tcia-mirror").join(directory)).unwrap();
        }

        assert!(Root::open(scratch.root.path()).is_ok());
        assert_eq!(scratch.names(".tcia-mirror"), ["lock", "state.sqlite"]);
    }

    #[test]
    fn a_reader_finds_no_mirror_where_none_is_and_makes_none() {
        let scratch = tempfile::tempdir().unwrap();

        let refused = Root::open(scratch.path()).unwrap_err();

        assert!(matches!(refused, RootError::NoMirror { root } if root == scratch.path()));
        assert!(names(scratch.path()).is_empty());
    }

    #[test]
    fn a_new_root_is_made_with_everything_it_needs() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("not/there/yet");

        let root = Root::lock(&path).unwrap();

        assert_eq!(names(&path), [".tcia-mirror"]);
        assert_eq!(names(&path.join(".tcia-mirror")), ["lock", "replaced", "staging"]);
        assert_eq!(root.state_file(), path.join(".tcia-mirror/state.sqlite"));
        assert!(root.space().unwrap().free_bytes > 0);
    }

    #[test]
    fn a_file_or_a_link_where_a_directory_belongs_makes_a_root_unusable() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        write(&path("file"), b"");
        std::fs::create_dir_all(path("outside")).unwrap();
        std::fs::create_dir_all(path("linked")).unwrap();
        symlink(path("outside"), path("linked/.tcia-mirror")).unwrap();

        for name in ["file", "linked"] {
            let refused = Root::lock(&path(name)).unwrap_err();
            assert!(matches!(refused, RootError::Unusable { .. }), "{name}: {refused}");
        }
        assert!(names(&path("outside")).is_empty());
    }

    #[test]
    fn what_is_staged_is_listed_until_it_is_discarded() {
        let scratch = Scratch::new();
        scratch.stage(&[FIRST]);

        let before = scratch.root.staged().unwrap();
        scratch.root.discard_staged(SERIES).unwrap();
        scratch.root.discard_staged(SERIES).unwrap();

        assert_eq!(before, ["1.2.826.0.7"]);
        assert!(scratch.root.staged().unwrap().is_empty());
    }

    #[test]
    fn what_is_set_aside_keeps_its_name_and_its_stamp() {
        let scratch = Scratch::new();
        scratch.stage(&[FIRST]);

        scratch.root.set_aside(&series(), "1700000000").unwrap();
        scratch.root.set_aside(&series(), "1700000000").unwrap();

        assert!(scratch.root.staged().unwrap().is_empty());
        assert_eq!(scratch.names(".tcia-mirror/replaced"), ["1.2.826.0.7~1700000000"]);
        assert_eq!(scratch.names(".tcia-mirror/replaced/1.2.826.0.7~1700000000"), ["1.2.826.0.7.1.dcm"]);
    }

    #[test]
    fn a_version_that_left_is_brought_back_where_none_has_arrived() {
        let scratch = Scratch::new();
        scratch.write(".tcia-mirror/replaced/1.2.826.0.7~5/file", b"old");
        std::fs::create_dir_all(scratch.path(PLACE).parent().unwrap()).unwrap();

        scratch.root.bring_back(&place(), &series(), "4").unwrap();
        let not_that_one = scratch.path(PLACE).exists();
        scratch.root.bring_back(&place(), &series(), "5").unwrap();
        scratch.root.bring_back(&place(), &series(), "5").unwrap();

        assert!(!not_that_one);
        assert_eq!(scratch.read(&format!("{PLACE}/file")), b"old");
        assert!(scratch.names(".tcia-mirror/replaced").is_empty());
    }

    #[test]
    fn a_version_that_has_arrived_is_not_displaced_by_the_one_that_left() {
        let scratch = Scratch::new();
        scratch.write(".tcia-mirror/replaced/1.2.826.0.7~5/file", b"old");
        scratch.write(&format!("{PLACE}/file"), b"new");

        scratch.root.bring_back(&place(), &series(), "5").unwrap();

        assert_eq!(scratch.read(&format!("{PLACE}/file")), b"new");
        assert_eq!(scratch.names(".tcia-mirror/replaced"), ["1.2.826.0.7~5"]);
    }

    #[test]
    fn the_directories_around_a_placed_series_can_be_synced_again() {
        let scratch = Scratch::new();
        let missing = scratch.root.sync_placed(&place());
        scratch.write(&format!("{PLACE}/file"), b"");

        assert!(missing.is_err());
        assert!(scratch.root.sync_placed(&place()).is_ok());
    }
}
