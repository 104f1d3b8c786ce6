//! The data descriptor: CRC-32 and sizes behind the data, in four layouts that nothing announces.

use std::io::BufRead;

use super::UnpackError;
use super::header::{EntryName, Fields, Tally};
use super::source::{LOOKAHEAD, Source};

const SIGNATURE: &[u8; 4] = b"PK\x07\x08";

/// One way to write a descriptor.
#[derive(Clone, Copy)]
enum Layout {
    SignedWide,
    Wide,
    Signed,
    Narrow,
}

/// Longest first: the longest layout that agrees with the data is the one that was written
/// (Mark Adler's rule, libarchive pull request 1834).
///
/// Java writes the wide one from 4 294 967 295 bytes on, though its local header has no ZIP64 extra field
/// (JDK 17, `ZipOutputStream.writeEXT`).
const LAYOUTS: [Layout; 4] = [Layout::SignedWide, Layout::Wide, Layout::Signed, Layout::Narrow];

impl Layout {
    fn length(self) -> usize {
        match self {
            Self::SignedWide => LOOKAHEAD,
            Self::Wide => 20,
            Self::Signed => 16,
            Self::Narrow => 12,
        }
    }

    /// What `bytes` state in this layout; none if they cannot be in it.
    fn read(self, bytes: &[u8]) -> Option<Tally> {
        let mut fields = Fields(match self {
            Self::SignedWide | Self::Signed => bytes.strip_prefix(SIGNATURE)?,
            Self::Wide | Self::Narrow => bytes,
        });
        let crc32 = fields.u32()?;
        let (compressed_bytes, uncompressed_bytes) = match self {
            Self::SignedWide | Self::Wide => (fields.u64()?, fields.u64()?),
            Self::Signed | Self::Narrow => (fields.u32()?.into(), fields.u32()?.into()),
        };
        Some(Tally { crc32, compressed_bytes, uncompressed_bytes })
    }
}

/// Takes the descriptor that states what was `counted`; refuses the ZIP if none does.
pub(super) fn prove<R: BufRead>(
    source: &mut Source<R>,
    counted: &Tally,
    entry: &EntryName,
) -> Result<(), UnpackError> {
    source.begin("in a data descriptor");
    let offset = source.offset();
    let bytes = source.peek();
    let arrived = bytes.len();
    let written = LAYOUTS.into_iter().find(|layout| layout.read(bytes).as_ref() == Some(counted));
    if arrived < LOOKAHEAD {
        // Directory and end record do not fit into so little: the ZIP is cut, and what is left of it may be half
        // of a longer layout.
        source.consume(arrived);
        return written.map(drop).ok_or_else(|| source.broken_off());
    }
    match written {
        Some(layout) => source.consume(layout.length()),
        None => refuse(bytes, counted, entry, offset)?,
    }
    Ok(())
}

/// Tells a wrong CRC-32 from wrong sizes, by the shortest layout that is right about the other.
fn refuse(bytes: &[u8], counted: &Tally, entry: &EntryName, offset: u64) -> Result<(), UnpackError> {
    let half_right = |stated: &Tally| stated.crc32 == counted.crc32 || stated.sizes() == counted.sizes();
    let stated = LAYOUTS.into_iter().rev().filter_map(|layout| layout.read(bytes)).find(half_right);
    if let Some(stated) = stated {
        stated.hold_against(counted, entry)?;
    }
    Err(UnpackError::Descriptor { entry: entry.clone(), offset, found: bytes.into() })
}
