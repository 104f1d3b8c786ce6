//! Where an answer is written: standard output, or a file that appears only when it is whole.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// The end that an answer comes out of.
pub(super) enum Paper {
    /// Standard output.
    Standard(io::Stdout),
    /// A file beside the one that is meant, until all has come.
    File(NamedTempFile, PathBuf),
}

impl Paper {
    /// Opens a file, or standard output when none is named.
    pub(super) fn new(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Standard(io::stdout())) };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")));
        let file = file.with_context(|| format!("cannot write beside {}", path.display()))?;
        Ok(Self::File(file, path.to_owned()))
    }

    /// Whether someone looks at it.
    pub(super) fn is_screen(&self) -> bool {
        matches!(self, Self::Standard(output) if output.is_terminal())
    }

    /// Ends a whole answer: a file takes its name.
    pub(super) fn keep(self) -> anyhow::Result<()> {
        match self {
            Self::Standard(mut output) => Ok(unless_closed(output.flush())?),
            Self::File(file, path) => {
                file.as_file().sync_all()?;
                file.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
                Ok(())
            }
        }
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(output) => unless_closed(output.write_all(bytes)).map(|()| bytes.len()),
            Self::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that has seen enough closes the pipe; that is no failure.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
