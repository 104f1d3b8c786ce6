//! Why a ZIP is refused.

use std::io;

use flate2::DecompressError;

use super::EntryName;

/// Why a ZIP is refused; entries that were read to their end before it stay proven.
///
/// `expected` is what was counted or promised before, `found` what stands against it; offsets count from the
/// first byte of the ZIP.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The source broke off; see [`UnpackError::is_cut`].
    #[error("the source of the ZIP broke off")]
    Source(#[source] io::Error),
    /// The source ended before the ZIP did; see [`UnpackError::is_cut`].
    #[error("the ZIP ends at byte {offset}, {within}")]
    Cut {
        /// Bytes that came.
        offset: u64,
        /// The part of the ZIP that was being read.
        within: &'static str,
    },
    /// Something else than a ZIP: an error page, a message in plain text.
    #[error("not a ZIP, it begins with \"{}\"", found.escape_ascii())]
    NotAZip {
        /// The first bytes, 28 at most.
        found: Box<[u8]>,
    },
    /// No record of a ZIP begins where one has to.
    #[error("\"{}\" at byte {offset} begins no record that may stand there", found.escape_ascii())]
    Signature {
        /// Where the record would begin.
        offset: u64,
        /// The four bytes there.
        found: [u8; 4],
    },
    /// The entry is encrypted, or one of the two headers says so.
    #[error("entry {entry} is encrypted (flags {flags:#06x})")]
    Encrypted {
        /// The entry.
        entry: EntryName,
        /// The flags of its header.
        flags: u16,
    },
    /// The entry is neither DEFLATED nor STORED with its size up front.
    #[error(
        "entry {entry} has method {method}, flags {flags:#06x}, expected method 8, or 0 without flag 0x0008"
    )]
    Method {
        /// The entry.
        entry: EntryName,
        /// The packing method of its local header.
        method: u16,
        /// The flags of its local header; with bit 3 a stored entry does not tell where it ends.
        flags: u16,
    },
    /// The packed data of an entry is damaged.
    #[error("the packed data of entry {entry} is damaged before byte {offset}")]
    Deflate {
        /// The entry.
        entry: EntryName,
        /// Bytes of the ZIP taken so far.
        offset: u64,
        /// What is wrong with the data.
        source: DecompressError,
    },
    /// The data of an entry is not what was packed.
    #[error("entry {entry} has CRC-32 {found:08x}, the ZIP states {expected:08x}")]
    Crc {
        /// The entry.
        entry: EntryName,
        /// What the ZIP states.
        expected: u32,
        /// Of the data as it came.
        found: u32,
    },
    /// The data of an entry is not as long as the ZIP states.
    #[error("entry {entry} has {found} bytes {state}, the ZIP states {expected}")]
    Size {
        /// The entry.
        entry: EntryName,
        /// `packed` or `unpacked`.
        state: &'static str,
        /// What the ZIP states.
        expected: u64,
        /// As counted.
        found: u64,
    },
    /// What follows the data of an entry agrees with it neither in CRC-32 nor in sizes.
    #[error("\"{}\" at byte {offset} is no data descriptor of entry {entry}", found.escape_ascii())]
    Descriptor {
        /// The entry.
        entry: EntryName,
        /// Where the descriptor would begin.
        offset: u64,
        /// The bytes there.
        found: Box<[u8]>,
    },
    /// The central directory or an end record disagrees with the entries that came.
    #[error("the directory record at byte {offset} states {field} {found}, expected {expected}")]
    Directory {
        /// Where the record begins.
        offset: u64,
        /// The number in disagreement.
        field: &'static str,
        /// As counted while the entries came.
        expected: u64,
        /// As the record states it.
        found: u64,
    },
    /// The central directory names an entry otherwise than its local header.
    #[error(
        "the directory record at byte {offset} gives the entry at byte {entry_offset} another name: {found}"
    )]
    DirectoryName {
        /// Where the record begins.
        offset: u64,
        /// Where the local header of the entry begins.
        entry_offset: u64,
        /// The name in the directory.
        found: EntryName,
    },
    /// Something follows the end of the ZIP.
    #[error("the ZIP is over at byte {offset}, but more follows")]
    Trailing {
        /// Length of the ZIP.
        offset: u64,
    },
    /// One of the [`Limits`](super::Limits) is passed.
    #[error("more than {allowed} {what} at byte {offset}")]
    OverLimit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        allowed: u64,
        /// Bytes of the ZIP taken so far.
        offset: u64,
    },
    /// A stream that goes on and on and unpacks to next to nothing, which the limits alone would never end.
    #[error("entry {entry} unpacks to only {uncompressed_bytes} bytes from {compressed_bytes}")]
    Hollow {
        /// The entry.
        entry: EntryName,
        /// Bytes taken.
        compressed_bytes: u64,
        /// Bytes they gave.
        uncompressed_bytes: u64,
    },
    /// The ZIP was read on after it had been refused.
    #[error("the ZIP was refused before")]
    Refused,
}

impl UnpackError {
    /// Did the transfer break off, so that the same request may bring the whole ZIP next time?
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Source(_) | Self::Cut { .. })
    }
}
