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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use md5::{Digest, Md5};

    use super::super::fixture::{FIRST, SECOND, STAGED, Scratch, write};
    use super::*;

    const ALL: [Intake; 4] = [Intake::Clone, Intake::Copy, Intake::Link, Intake::Move];

    /// Takes the file `old/name` below a scratch root.
    fn take(
        grouped: &mut Grouped,
        scratch: &Scratch,
        intake: Intake,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(Incoming, FileState), IntakeError> {
        let path = scratch.path("old/name");
        grouped.take(&File::open(&path).unwrap(), &path, intake, passed)
    }

    fn inode(scratch: &Scratch, inside: &str) -> u64 {
        std::fs::symlink_metadata(scratch.path(inside)).unwrap().ino()
    }

    #[test]
    fn a_file_that_is_taken_has_its_digests_and_stays_where_it_was() {
        for intake in ALL {
            let scratch = Scratch::new();
            scratch.write("old/name", FIRST.content);
            let mut grouped = Grouped::new(scratch.stage(&[]));
            let mut read = 0;

            let (incoming, _) = take(&mut grouped, &scratch, intake, &mut |amount| read += amount).unwrap();
            grouped.keep(incoming, FIRST.uid()).unwrap();
            let (staging, _) = grouped.end().unwrap();

            assert_eq!(staging.instances()[&FIRST.uid()], FIRST.instance(), "{intake:?}");
            assert_eq!(read, 19, "{intake:?}: each byte is read once");
            assert_eq!(scratch.read("old/name"), FIRST.content);
            let is_one =
                inode(&scratch, "old/name") == inode(&scratch, &format!("{STAGED}/1.2.826.0.7.1.dcm"));
            assert_eq!(is_one, matches!(intake, Intake::Link | Intake::Move), "{intake:?}");
        }
    }

    #[test]
    fn a_large_file_waits_for_no_other() {
        for intake in [Intake::Copy, Intake::Link] {
            let scratch = Scratch::new();
            let content: Vec<u8> = (0..(9_u32 << 20)).map(|at| (at / 5).to_le_bytes()[0]).collect();
            scratch.write("old/name", &content);
            let mut grouped = Grouped::new(scratch.stage(&[SECOND]));

            let (incoming, _) = take(&mut grouped, &scratch, intake, &mut |_| {}).unwrap();
            let completed = grouped.keep(incoming, FIRST.uid()).unwrap();

            assert_eq!(completed[0].md5, <[u8; 16]>::from(Md5::digest(&content)), "{intake:?}");
        }
    }

    #[test]
    fn a_file_that_is_changed_while_it_is_read_is_not_taken() {
        for intake in ALL {
            let scratch = Scratch::new();
            scratch.write("old/name", FIRST.content);
            let mut grouped = Grouped::new(scratch.stage(&[]));

            let mut change = |_| scratch.write("old/name", b"longer than it was before\n");
            let refused = take(&mut grouped, &scratch, intake, &mut change).err().unwrap();

            assert!(matches!(refused, IntakeError::Changed), "{intake:?}: {refused}");
            assert!(scratch.names(STAGED).is_empty(), "{intake:?}");
        }
    }

    #[test]
    fn another_file_in_the_place_of_the_one_that_was_opened_is_not_linked() {
        let scratch = Scratch::new();
        scratch.write("old/name", FIRST.content);
        let mut grouped = Grouped::new(scratch.stage(&[]));
        let path = scratch.path("old/name");
        let opened = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        write(&path, SECOND.content);

        let refused = grouped.take(&opened, &path, Intake::Link, &mut |_| {}).err().unwrap();

        assert!(matches!(refused, IntakeError::Changed), "{refused}");
        assert!(scratch.names(STAGED).is_empty());
    }

    #[test]
    fn a_link_that_cannot_be_made_is_an_error_and_a_move_copies_instead() {
        let scratch = Scratch::new();
        scratch.write("old/real", FIRST.content);
        symlink(scratch.path("old/real"), scratch.path("old/name")).unwrap();
        let mut grouped = Grouped::new(scratch.stage(&[]));

        // a link stands for whatever the file system does not link
        let linked = take(&mut grouped, &scratch, Intake::Link, &mut |_| {}).err().unwrap();
        let (moved, _) = take(&mut grouped, &scratch, Intake::Move, &mut |_| {}).unwrap();
        grouped.keep(moved, FIRST.uid()).unwrap();

        assert!(matches!(linked, IntakeError::Link(_)), "{linked}");
        assert_eq!(scratch.read(&format!("{STAGED}/1.2.826.0.7.1.dcm")), FIRST.content);
    }

    #[test]
    fn only_the_file_that_was_taken_is_removed() {
        let scratch = Scratch::new();
        let path = scratch.path("old/name");
        for (other, is_removed) in [(None, true), (Some(SECOND.content), false)] {
            scratch.write("old/name", FIRST.content);
            let opened = File::open(&path).unwrap();
            let state = FileState::of_same(&opened, &FIRST.instance()).unwrap().unwrap();
            if let Some(other) = other {
                scratch.write("old/name", other);
            }

            assert_eq!(state.remove(&path).unwrap(), is_removed);

            assert_eq!(path.exists(), !is_removed);
        }
        assert_eq!(FileState::of_same(&File::open(&path).unwrap(), &FIRST.instance()).unwrap(), None);
    }
}
