//! The only place that writes to standard output and standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::arguments::Global;
use crate::dicom::is_obeyed;
pub(super) use crate::dicom::plain;

/// Writes a line of data.
pub(super) fn data(line: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}").or_else(unless_closed)
}

/// Writes how a command ended; a quiet one that went well says nothing, as cron wants it.
pub(super) fn summary(global: &Global, line: &str) -> anyhow::Result<()> {
    if global.quiet { Ok(()) } else { data(line) }
}

/// Writes one object on a line of data, what a terminal would obey escaped.
pub(super) fn json(object: &impl Serialize) -> anyhow::Result<()> {
    data(&escaped(&serde_json::to_string(object)?))
}

/// Writes a line to whoever watches. A standard error that is gone is no reason to stop.
pub(super) fn talk(line: &str) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Writes what clap has to say, to the stream where it belongs.
pub(super) fn clap(error: &clap::Error) {
    drop(error.print());
}

/// Whether someone watches standard error.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// The same JSON in other letters: what a terminal would obey can only stand in a string, where it may be escaped.
pub(super) fn escaped(json: &str) -> String {
    let escape = |character: char| {
        if is_obeyed(character) { format!("\\u{:04x}", u32::from(character)) } else { character.to_string() }
    };
    if json.contains(is_obeyed) { json.chars().map(escape).collect() } else { json.to_owned() }
}

/// `1.5 GB`, as disks are sold.
pub(super) fn bytes(amount: u64) -> String {
    bytesize::ByteSize::b(amount).display().si().to_string()
}

/// A reader that has seen enough closes the pipe; that is no failure.
fn unless_closed(error: io::Error) -> anyhow::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error.into()) }
}
