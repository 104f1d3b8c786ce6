//! Where files are written: on the disk that the build lies on, which every measurement finds as quiet as the others.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// Places to write to, one for each measurement.
pub(crate) struct Workshop(TempDir);

impl Workshop {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?))
    }

    /// Lends a new directory; what was written is emptied afterwards and waited for, so that nobody pays for it.
    ///
    /// Emptied, not removed: ext4 passes by every recently deleted inode, one by one, whenever it makes a file
    /// (`recently_deleted` in fs/ext4/ialloc.c), and no mirror deletes a thousand files before it writes.
    pub(crate) fn lend<T>(&self, work: impl FnOnce(&Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let place = tempfile::tempdir_in(&self.0)?.keep();
        let done = work(&place)?;
        empty(&place)?;
        rustix::fs::syncfs(File::open(&place)?)?;
        Ok(done)
    }
}

fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            empty(&path)?;
        } else {
            File::options().write(true).truncate(true).open(&path)?;
        }
    }
    Ok(())
}
