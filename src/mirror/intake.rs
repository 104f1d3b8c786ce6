//! Files that lie elsewhere on this machine, taken into a staging directory: cloned, copied or linked, and digested as
//! they are there.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::grouped::Grouped;
use super::staging::{Incoming, READ_PIECE, StagingError, has_digests_of};
use crate::dicom::Instance;

/// How the bytes of a file come into the mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intake {
    /// The file system lets both share them until one is changed; copied where it cannot.
    #[default]
    Clone,
    /// Copied.
    Copy,
    /// A second name of the same file.
    Link,
    /// A second name where that can be, else a copy: the first one goes when its series is placed.
    Move,
}

/// Why a file cannot be taken.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum IntakeError {
    #[error("it cannot be read")]
    Source(#[source] io::Error),
    #[error("it was changed while it was read")]
    Changed,
    #[error("it cannot be linked into the mirror")]
    Link(#[source] io::Error),
    #[error(transparent)]
    Staging(#[from] StagingError),
}

impl Grouped {
    /// Takes a file that is open for reading and lies at a path; `passed` is told of each piece that was digested.
    ///
    /// What is digested is what lies in the staging directory then, also where the file is changed meanwhile.
    pub fn take(
        &mut self,
        source: &File,
        path: &Path,
        intake: Intake,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(Incoming, FileState), IntakeError> {
        let before = FileState::of(source).map_err(IntakeError::Source)?;
        let linked = match intake {
            Intake::Link => Some(self.link(source, path)?),
            Intake::Move => match self.link(source, path) {
                Err(IntakeError::Link(_)) => None,
                linked => Some(linked?),
            },
            Intake::Clone | Intake::Copy => None,
        };
        let is_linked = linked.is_some();
        let mut incoming = linked.map_or_else(|| self.begin(), Ok)?;
        let is_there = is_linked
            || (intake != Intake::Copy && rustix::fs::ioctl_ficlone(incoming.file(), source).is_ok());
        let taken = if is_there {
            read_through(&mut incoming, passed)
        } else {
            self.copy(source, &mut incoming, passed)
        };
        let after = FileState::of(source).map_err(IntakeError::Source);
        let is_same =
            after.and_then(|after| if after == before { Ok(()) } else { Err(IntakeError::Changed) });
        match taken.and(is_same) {
            Ok(()) => Ok((incoming, before)),
            Err(error) => {
                self.staging().discard(incoming)?;
                Err(error)
            }
        }
    }

    fn copy(
        &mut self,
        mut source: &File,
        incoming: &mut Incoming,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(), IntakeError> {
        let mut piece = vec![0; READ_PIECE];
        while let Some(amount) = next_piece(&mut source, &mut piece)? {
            incoming.write(&piece[..amount]).map_err(|source| self.staging().fault(source))?;
            passed(amount as u64);
        }
        Ok(())
    }

    fn link(&mut self, source: &File, path: &Path) -> Result<Incoming, IntakeError> {
        let incoming = self.staging().begin_linked(path).map_err(IntakeError::Link)?;
        // whoever has put another file in its place meanwhile has given that one a second name
        let inode = |file: &File| file.metadata().map(|found| (found.dev(), found.ino()));
        if inode(incoming.file()).is_ok_and(|linked| inode(source).is_ok_and(|opened| opened == linked)) {
            return Ok(incoming);
        }
        self.staging().discard(incoming)?;
        Err(IntakeError::Changed)
    }
}

/// What shows that a file is another one, or was written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
}

impl FileState {
    fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(|found| Self::from(&found))
    }

    /// The state of a file that has the bytes of an instance; none of one that has others, or was changed meanwhile.
    pub fn of_same(file: &File, instance: &Instance) -> io::Result<Option<Self>> {
        let before = Self::of(file)?;
        let is_the_same = before.size_bytes == instance.size_bytes && has_digests_of(file, instance)?;
        Ok(Some(before)
            .filter(|_| is_the_same)
            .filter(|before| Self::of(file).is_ok_and(|after| after == *before)))
    }

    /// Removes the file at a path if it is still the one that was taken; whether it was.
    pub fn remove(&self, path: &Path) -> io::Result<bool> {
        let is_the_same = Self::from(&path.symlink_metadata()?) == *self;
        if is_the_same {
            std::fs::remove_file(path)?;
        }
        Ok(is_the_same)
    }
}

impl From<&Metadata> for FileState {
    fn from(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size_bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }
}

/// Digests a file that lies in the staging directory with all that it has.
fn read_through(incoming: &mut Incoming, passed: &mut dyn FnMut(u64)) -> Result<(), IntakeError> {
    incoming.expect_its_length().map_err(IntakeError::Source)?;
    let mut piece = vec![0; READ_PIECE];
    while let Some(amount) = next_piece(&mut incoming.file(), &mut piece)? {
        incoming.note(&piece[..amount]);
        passed(amount as u64);
    }
    Ok(())
}

/// The next bytes of a file; none at its end.
fn next_piece(source: &mut &File, piece: &mut [u8]) -> Result<Option<usize>, IntakeError> {
    loop {
        match source.read(piece) {
            Ok(0) => return Ok(None),
            Ok(amount) => return Ok(Some(amount)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(IntakeError::Source(source)),
        }
    }
}
