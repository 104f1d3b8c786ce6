//! Files that lie elsewhere on this machine, taken into a staging directory: cloned, copied or linked, and digested as
//! they are there.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::grouped::Grouped;
use super::staging::{Incoming, READ_PIECE, StagingError};

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
    ) -> Result<Incoming, IntakeError> {
        let before = state_of(source)?;
        let mut incoming = match intake {
            Intake::Link => self.link(source, path)?,
            Intake::Clone | Intake::Copy => self.begin()?,
        };
        let taken = match intake {
            Intake::Link => read_through(&mut incoming, passed),
            Intake::Clone if rustix::fs::ioctl_ficlone(incoming.file(), source).is_ok() => {
                read_through(&mut incoming, passed)
            }
            Intake::Clone | Intake::Copy => self.copy(source, &mut incoming, passed),
        };
        let is_same = state_of(source).and_then(|after| match after == before {
            true => Ok(()),
            false => Err(IntakeError::Changed),
        });
        match taken.and(is_same) {
            Ok(()) => Ok(incoming),
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
        let (linked, opened) = (state_of(incoming.file())?, state_of(source)?);
        if (linked.device, linked.inode) == (opened.device, opened.inode) {
            return Ok(incoming);
        }
        self.staging().discard(incoming)?;
        Err(IntakeError::Changed)
    }
}

/// What shows that a file is another one, or was written to.
#[derive(PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
}

fn state_of(file: &File) -> Result<FileState, IntakeError> {
    let found = file.metadata().map_err(IntakeError::Source)?;
    Ok(FileState {
        device: found.dev(),
        inode: found.ino(),
        size_bytes: found.len(),
        modified: (found.mtime(), found.mtime_nsec()),
    })
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
