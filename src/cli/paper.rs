//! Where an answer is written: standard output, a file that is replaced only by a whole answer, or a device as it comes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use super::print;

/// Names of standard output.
const STANDARD: [&str; 2] = ["-", "/dev/stdout"];
/// What a new file may be used for, before the umask has its say.
const NEW_FILE: u32 = 0o666;
/// Most links that lead to one another, as in the kernel (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// A reader that has seen enough closes its end; that is no failure, and nothing more is worth reading.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads on")]
pub(super) struct Closed;

/// What an answer is written on.
pub(super) struct Paper {
    end: End,
    screen: Option<Screen>,
}

enum End {
    Standard(io::Stdout),
    /// A device or a pipe: what is there cannot be replaced, only written to.
    Device(File),
    /// A file beside the one that is meant, until all has come.
    File(NamedTempFile, PathBuf),
}

/// Someone who looks at it, whose terminal must not obey what the service sends.
#[derive(Default)]
struct Screen {
    /// The beginning of a character whose rest comes with the next bytes.
    cut: Vec<u8>,
}

impl Paper {
    /// Opens a file or a device, or standard output when none is named.
    pub(super) fn new(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = path.filter(|path| !STANDARD.iter().any(|name| path.as_os_str() == *name));
        let end = match path {
            None => End::Standard(io::stdout()),
            Some(path) => End::open(path).with_context(|| format!("cannot write {}", path.display()))?,
        };
        let screen = end.is_terminal().then(Screen::default);
        Ok(Self { end, screen })
    }

    /// Whether someone looks at it.
    pub(super) fn is_screen(&self) -> bool {
        self.screen.is_some()
    }

    /// Writes the next bytes; an error is [`Closed`] when nobody reads them.
    pub(super) fn put(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = match &mut self.screen {
            Some(screen) => self.end.writer().write_all(screen.clean(bytes).as_bytes()),
            None => self.end.writer().write_all(bytes),
        };
        written.map_err(closed)
    }

    /// Ends a whole answer: a file takes its name.
    pub(super) fn keep(mut self) -> anyhow::Result<()> {
        self.end.writer().flush().map_err(closed)?;
        if let End::File(file, path) = self.end {
            file.as_file().sync_all()?;
            file.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// For writers that want to write by themselves, of what no terminal shows.
impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.end.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end.writer().flush()
    }
}

impl End {
    fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(there) if there.is_file() => {
                // what is closed to us is not replaced either
                drop(OpenOptions::new().append(true).open(path)?);
                Self::beside(path.canonicalize()?, Some(there.permissions()))
            }
            Ok(_) => OpenOptions::new().write(true).open(path).map(Self::Device),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::beside(followed(path), None),
            Err(error) => Err(error),
        }
    }

    /// A new file beside the one that is meant, with the permissions that that one has or will have.
    fn beside(path: PathBuf, kept: Option<Permissions>) -> io::Result<Self> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let permissions = kept.clone().unwrap_or(Permissions::from_mode(NEW_FILE));
        let file = tempfile::Builder::new()
            .permissions(permissions)
            .tempfile_in(directory.unwrap_or(Path::new(".")))?;
        if let Some(permissions) = kept {
            file.as_file().set_permissions(permissions)?;
        }
        Ok(Self::File(file, path))
    }

    fn is_terminal(&self) -> bool {
        match self {
            Self::Standard(output) => output.is_terminal(),
            Self::Device(device) => device.is_terminal(),
            Self::File(..) => false,
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Standard(output) => output,
            Self::Device(device) => device,
            Self::File(file, _) => file,
        }
    }
}

impl Screen {
    fn clean(&mut self, bytes: &[u8]) -> String {
        self.cut.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.cut) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.cut.len(),
        };
        let rest = self.cut.split_off(whole);
        let text = String::from_utf8_lossy(&self.cut).replace("\r\n", "\n");
        self.cut = rest;
        text.split_inclusive(['\n', '\t']).map(clean_line).collect()
    }
}

fn clean_line(line: &str) -> String {
    let end = line.len() - usize::from(line.ends_with(['\n', '\t']));
    print::plain(&line[..end]) + &line[end..]
}

/// The file that a link to nothing names, as every other program would make it.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(link) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    path
}

/// Whether an error only tells that a reader has seen enough.
pub(super) fn is_closed(error: &anyhow::Error) -> bool {
    let is_closed_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.is::<Closed>() || error.chain().any(|cause| cause.downcast_ref().is_some_and(is_closed_pipe))
}

fn closed(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Closed.into()
    } else {
        anyhow::Error::new(error).context("cannot write the answer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_obey_wherever_the_bytes_are_cut() {
        let sent = "é\u{1b}[31m\tred\r\n\u{9b}2J \u{202e}txt\u{2066}\u{7f} \u{1f600}\n".as_bytes();
        let expected = "é\u{fffd}[31m\tred\n\u{fffd}2J \u{fffd}txt\u{fffd}\u{fffd} \u{1f600}\n";

        for cut in (0..=sent.len()).filter(|cut| sent.get(cut - usize::from(*cut > 0)) != Some(&b'\r')) {
            let mut screen = Screen::default();
            let shown = screen.clean(&sent[..cut]) + &screen.clean(&sent[cut..]);
            assert_eq!(shown, expected, "{cut}");
        }
    }
}
