//! A directory held open: everything below it is reached by name from here, and links are never followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// A directory, by descriptor.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

impl Directory {
    /// Opens a path that the user named; links in it are the user's own.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// A directory inside this one.
    pub(super) fn sub(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// A directory inside this one, made and put on stable storage when it is not there yet.
    pub(super) fn make(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.0, name, DIRECTORY_MODE) {
            // one that is there may have been made an instant ago, by a worker that has not come to this line
            Ok(()) | Err(Errno::EXIST) => self.sync()?,
            Err(error) => return Err(error.into()),
        }
        self.sub(name)
    }

    /// Makes a directory inside this one unless there is an entry of that name, whatever it is; a power cut may take it.
    pub(super) fn make_unsynced(&self, name: &str) -> io::Result<()> {
        match rustix::fs::mkdirat(&self.0, name, DIRECTORY_MODE) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// This directory once more.
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Makes a symbolic link; an entry that exists is an error.
    pub(super) fn symlink(&self, target: &OsStr, name: &str) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Where a symbolic link leads; anything else is an error.
    pub(super) fn read_link(&self, name: &str) -> io::Result<OsString> {
        Ok(OsString::from_vec(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes()))
    }

    /// A new file, which can be read back; one that exists is an error.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, FILE_MODE)?))
    }

    /// An existing regular file, for reading; anything else is an error, a pipe does not block.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }

    /// Moves an entry of this directory; what is at the target stays and is an error.
    pub(super) fn rename(&self, from: &str, to: &Self, name: &str) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.0, from, &to.0, name, RenameFlags::NOREPLACE) {
            Err(error) if is_unsupported(error) && to.kind(name)?.is_none() => {
                Ok(rustix::fs::renameat(&self.0, from, &to.0, name)?)
            }
            done => Ok(done?),
        }
    }

    /// Swaps two entries in one step; `false` where the file system cannot, and then nothing has happened.
    pub(super) fn exchange(&self, from: &str, to: &Self, name: &str) -> io::Result<bool> {
        match rustix::fs::renameat_with(&self.0, from, &to.0, name, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(error) if is_unsupported(error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file of this directory a second name in another one of the same file system.
    pub(super) fn link(&self, name: &str, to: &Self) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.0, name, &to.0, name, AtFlags::empty())?)
    }

    /// Gives the file at a path of the same file system a name in this directory; a link there is not followed.
    pub(super) fn link_from(&self, path: &Path, name: &str) -> io::Result<()> {
        Ok(rustix::fs::linkat(CWD, path, &self.0, name, AtFlags::empty())?)
    }

    /// Removes a directory if nothing is in it; whether it has gone.
    pub(super) fn remove_empty(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Length of an entry that is no directory.
    pub(super) fn file_size(&self, name: &str) -> io::Result<Option<u64>> {
        let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        Ok((!is_directory).then(|| u64::try_from(found.st_size).unwrap_or_default()))
    }

    /// Moves an entry of this directory to another name in it; what is there is replaced in the same step.
    pub(super) fn replace(&self, from: &str, name: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, name)?)
    }

    /// Removes a file that may not be there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        self.unlink(name, AtFlags::empty())
    }

    /// Removes an entry with all that is in it; links are removed, not followed.
    pub(super) fn remove_tree(&self, name: &str) -> io::Result<()> {
        if self.kind(name)? != Some(FileType::Directory) {
            return self.remove(name);
        }
        let inside = self.sub(name)?;
        for entry in inside.names()? {
            inside.remove_tree(&entry)?;
        }
        self.unlink(name, AtFlags::REMOVEDIR)
    }

    /// Names of all entries, sorted; one that is not UTF-8 is shown with replacement characters.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What kind of entry a name is, `None` when there is none.
    pub(super) fn kind(&self, name: &str) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the entries of this directory on stable storage.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Free bytes and free inodes of the file system; no end of the latter where it does not count them.
    pub(super) fn space(&self) -> io::Result<(u64, u64)> {
        let found = rustix::fs::fstatvfs(self.0.as_fd())?;
        let free_inodes = if found.f_files == 0 { u64::MAX } else { found.f_favail };
        Ok((found.f_bavail.saturating_mul(found.f_frsize), free_inodes))
    }

    /// The number by which `statfs(2)` knows the file system.
    pub(super) fn file_system(&self) -> io::Result<u64> {
        Ok(rustix::fs::fstatfs(&self.0)?.f_type.cast_unsigned())
    }

    fn unlink(&self, name: &str, flags: AtFlags) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a file system (NFS, for one) knows no flags of rename.
fn is_unsupported(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::super::fixture::{names, write};
    use super::*;

    fn scratch() -> (TempDir, Directory) {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        (scratch, directory)
    }

    #[test]
    fn a_directory_that_is_there_is_taken_as_it_is() {
        let (scratch, directory) = scratch();
        write(&scratch.path().join("inside/file"), b"kept");

        let inside = directory.make("inside").unwrap();

        assert_eq!(inside.names().unwrap(), ["file"]);
        assert!(directory.make("inside/file").is_err());
    }

    #[test]
    fn only_regular_files_are_read_and_a_pipe_does_not_block() {
        let (scratch, directory) = scratch();
        let path = |name: &str| scratch.path().join(name);
        write(&path("file"), b"content");
        symlink(path("file"), path("link")).unwrap();
        std::fs::create_dir(path("directory")).unwrap();
        rustix::fs::mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();

        assert!(directory.read("file").is_ok());
        for name in ["link", "directory", "pipe"] {
            assert_ne!(directory.read(name).unwrap_err().kind(), io::ErrorKind::NotFound, "{name}");
        }
        assert_eq!(directory.read("nothing").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_link_in_place_of_a_directory_is_not_entered() {
        let (scratch, directory) = scratch();
        std::fs::create_dir(scratch.path().join("real")).unwrap();
        symlink("real", scratch.path().join("link")).unwrap();

        assert!(directory.sub("real").is_ok());
        assert!(directory.sub("link").is_err());
        assert!(directory.make("link").is_err());
    }

    #[test]
    fn a_new_file_overwrites_nothing_not_even_the_target_of_a_link() {
        let (scratch, directory) = scratch();
        let path = |name: &str| scratch.path().join(name);
        write(&path("file"), b"old");
        symlink(path("elsewhere"), path("link")).unwrap();

        assert!(directory.create("file").is_err());
        assert!(directory.create("link").is_err());
        assert_eq!(std::fs::read(path("file")).unwrap(), b"old");
        assert!(!path("elsewhere").exists());
    }

    #[test]
    fn a_rename_leaves_what_is_at_the_target() {
        let (scratch, directory) = scratch();
        let path = |name: &str| scratch.path().join(name);
        write(&path("from/file"), b"one");
        write(&path("to/file"), b"two");

        let refused = directory.rename("from", &directory, "to").unwrap_err();
        directory.rename("from", &directory, "free").unwrap();

        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(path("to/file")).unwrap(), b"two");
        assert_eq!(names(scratch.path()), ["free", "to"]);
    }

    #[test]
    fn an_exchange_swaps_two_directories() {
        let (scratch, directory) = scratch();
        let path = |name: &str| scratch.path().join(name);
        write(&path("one/file"), b"one");
        write(&path("other/file"), b"two");

        let exchanged = directory.exchange("one", &directory, "other").unwrap();

        assert!(exchanged);
        assert_eq!(std::fs::read(path("one/file")).unwrap(), b"two");
        assert_eq!(std::fs::read(path("other/file")).unwrap(), b"one");
        assert!(directory.exchange("one", &directory, "nothing").is_err());
    }

    #[test]
    fn a_tree_is_removed_with_its_links_but_not_with_what_they_lead_to() {
        let (scratch, directory) = scratch();
        let path = |name: &str| scratch.path().join(name);
        write(&path("outside/file"), b"kept");
        write(&path("tree/a/b/file"), b"gone");
        symlink(path("outside"), path("tree/a/link")).unwrap();
        symlink(path("outside"), path("top")).unwrap();

        directory.remove_tree("tree").unwrap();
        directory.remove_tree("top").unwrap();
        directory.remove_tree("nothing").unwrap();

        assert_eq!(names(scratch.path()), ["outside"]);
        assert_eq!(names(&path("outside")), ["file"]);
    }

    #[test]
    fn every_kind_of_entry_is_named_and_told_apart() {
        let (scratch, directory) = scratch();
        let path = |name: &str| scratch.path().join(name);
        write(&path("b"), b"");
        std::fs::create_dir(path("a")).unwrap();
        symlink("a", path("c")).unwrap();
        write(&scratch.path().join(OsStr::from_bytes(b"\xff")), b"");

        assert_eq!(directory.names().unwrap(), ["a", "b", "c", "\u{fffd}"]);
        let kinds = ["a", "b", "c", "d"].map(|name| directory.kind(name).unwrap());
        let (directory, file, link) = (FileType::Directory, FileType::RegularFile, FileType::Symlink);
        assert_eq!(kinds, [Some(directory), Some(file), Some(link), None]);
    }
}
