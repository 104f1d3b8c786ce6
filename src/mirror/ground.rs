//! What a directory is good for, before a mirror is entrusted to it: each step of a commit, taken with a file of its own.

use std::io::{self, Write};
use std::path::Path;

use super::directory::Directory;
use super::medium::name_of;
use super::root::Space;

/// What the scratch directory is called that is there for an instant.
const SCRATCH: &str = ".tcia-mirror-trial-";
/// The longest name that `layout` makes.
const LONGEST_NAME: usize = 255;

/// What a file system does with what a mirror needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// What is left on it.
    pub space: Space,
    /// Its name, when it is one of several machines.
    pub shared_file_system: Option<&'static str>,
    /// Whether two directories change places in one step, as a revision and the version before it do.
    pub exchanges: bool,
    /// Whether it does not tell capitals from small letters.
    pub folds_capitals: bool,
}

/// A step of a commit that a directory does not allow.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}")]
pub struct GroundError {
    /// What was tried.
    pub step: &'static str,
    source: io::Error,
}

impl Ground {
    /// Tries in a directory what a commit does; what was made for it is gone afterwards.
    pub fn examine(directory: &Path) -> Result<Self, GroundError> {
        let at = |step| move |source| GroundError { step, source };
        let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(directory);
        let scratch = scratch.map_err(at("make a directory"))?;
        let place = Directory::open(scratch.path()).map_err(at("open a directory"))?;
        let space = place.space().map_err(at("ask how much is free"))?;
        let file_system = place.file_system().map_err(at("ask what kind of file system it is"))?;
        write(&place).map_err(at("write a file and put it on stable storage"))?;
        place.make("one").and_then(|_| place.make("other")).map_err(at("make a directory in another"))?;
        place.rename("one", &place, "final").map_err(at("move a directory to another name"))?;
        let exchanges =
            place.exchange("final", &place, "other").map_err(at("let two directories change places"))?;
        let longest = "n".repeat(LONGEST_NAME);
        place.create(&longest).map_err(at("make a file whose name has 255 bytes"))?;
        place.sync().map_err(at("put a directory on stable storage"))?;
        let folded = place.kind("FINAL").map_err(at("look for a file"))?;
        scratch.close().map_err(at("remove what was made"))?;
        Ok(Self {
            space: Space { free_bytes: space.0, free_inodes: space.1 },
            shared_file_system: name_of(file_system),
            exchanges,
            folds_capitals: folded.is_some(),
        })
    }
}

fn write(place: &Directory) -> io::Result<()> {
    let mut file = place.create("file")?;
    file.write_all(b"a trial of what the disk does\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_this_machine_is_good_for_a_mirror_and_stays_as_it_was() {
        let directory = tempfile::tempdir().unwrap();

        let ground = Ground::examine(directory.path()).unwrap();

        assert!(ground.exchanges && !ground.folds_capitals && ground.shared_file_system.is_none());
        assert!(ground.space.free_bytes > 0 && ground.space.free_inodes > 0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        // not even root makes a directory there
        let refused = Ground::examine(Path::new("/proc")).unwrap_err();

        assert_eq!(refused.to_string(), "cannot make a directory");
    }
}
