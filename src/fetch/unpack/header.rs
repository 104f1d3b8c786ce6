//! What a local header and its twin in the central directory have in common.

use std::fmt;
use std::io::BufRead;

use super::UnpackError;
use super::source::Source;

/// First bytes of a local header.
pub(super) const LOCAL_HEADER: u32 = u32::from_le_bytes(*b"PK\x03\x04");

/// Id of the ZIP64 extra field.
const ZIP64_FIELD: u16 = 1;

/// Bytes of a name that a message shows; a hostile one has 65 535.
const SHOWN_NAME_BYTES: usize = 120;

/// Bits 0 (encrypted), 6 (strong encryption) and 13 (masked headers) of the flags.
const ENCRYPTION_FLAGS: u16 = 0x2041;

/// Bit 3 of the flags: CRC-32 and sizes follow the data.
const DESCRIPTOR_FLAG: u16 = 0x0008;

/// The name of an entry as the ZIP sent it: to be shown and compared, never to be used as a path.
///
/// `Display` escapes whatever is not printable ASCII and cuts off after 120 bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct EntryName(pub(super) Vec<u8>);

impl EntryName {
    /// The bytes as sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..SHOWN_NAME_BYTES);
        let tail = if shown.is_some_and(|shown| shown.len() < self.0.len()) { "…" } else { "" };
        write!(formatter, "{}{tail}", shown.unwrap_or(&self.0).escape_ascii())
    }
}

/// CRC-32 and sizes of one entry, as counted or as the ZIP states them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    pub(super) crc32: u32,
    pub(super) compressed_bytes: u64,
    pub(super) uncompressed_bytes: u64,
}

impl Tally {
    pub(super) fn sizes(&self) -> (u64, u64) {
        (self.compressed_bytes, self.uncompressed_bytes)
    }

    /// Compares what the ZIP states with what was `counted`.
    pub(super) fn hold_against(&self, counted: &Self, entry: &EntryName) -> Result<(), UnpackError> {
        let sizes = [
            ("packed", self.compressed_bytes, counted.compressed_bytes),
            ("unpacked", self.uncompressed_bytes, counted.uncompressed_bytes),
        ];
        for (state, expected, found) in sizes {
            if expected != found {
                return Err(UnpackError::Size { entry: entry.clone(), state, expected, found });
            }
        }
        let (expected, found) = (self.crc32, counted.crc32);
        if expected != found {
            return Err(UnpackError::Crc { entry: entry.clone(), expected, found });
        }
        Ok(())
    }
}

/// The run of fields that stands in both headers, from the version to the lengths.
pub(super) struct Header {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc32: u32,
    pub(super) compressed_bytes: u32,
    pub(super) uncompressed_bytes: u32,
    pub(super) name_bytes: u16,
    pub(super) extra_bytes: u16,
}

impl Header {
    pub(super) fn read<R: BufRead>(source: &mut Source<R>) -> Result<Self, UnpackError> {
        let _version_needed = source.u16()?;
        let (flags, method) = (source.u16()?, source.u16()?);
        let _modified = source.u32()?;
        // Read in the order of the format, which is the order of the lines.
        Ok(Self {
            flags,
            method,
            crc32: source.u32()?,
            compressed_bytes: source.u32()?,
            uncompressed_bytes: source.u32()?,
            name_bytes: source.u16()?,
            extra_bytes: source.u16()?,
        })
    }

    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & DESCRIPTOR_FLAG != 0
    }

    pub(super) fn refuse_encryption(&self, entry: &EntryName) -> Result<(), UnpackError> {
        match self.flags & ENCRYPTION_FLAGS {
            0 => Ok(()),
            _ => Err(UnpackError::Encrypted { entry: entry.clone(), flags: self.flags }),
        }
    }

    /// CRC-32 and sizes as stated, with what the ZIP64 extra field has in their place.
    pub(super) fn tally(&self, zip64: &mut Zip64<'_>) -> Tally {
        let uncompressed_bytes = zip64.widen(self.uncompressed_bytes);
        let compressed_bytes = zip64.widen(self.compressed_bytes);
        Tally { crc32: self.crc32, compressed_bytes, uncompressed_bytes }
    }
}

/// The ZIP64 extra field: the numbers that did not fit into the header, in the order of the format
/// (uncompressed size, compressed size, offset).
pub(super) struct Zip64<'a>(Fields<'a>);

impl<'a> Zip64<'a> {
    /// Finds the field among all extra fields; without it every number is what the header says.
    pub(super) fn among(extra: &'a [u8]) -> Self {
        let mut fields = Fields(extra);
        while let (Some(id), Some(length)) = (fields.u16(), fields.u16()) {
            match fields.0.split_at_checked(length.into()) {
                Some((content, _)) if id == ZIP64_FIELD => return Self(Fields(content)),
                Some((_, rest)) => fields = Fields(rest),
                None => break,
            }
        }
        Self(Fields(&[]))
    }

    /// The next number of the field if `narrow` says that it stands there, else `narrow` itself.
    pub(super) fn widen(&mut self, narrow: u32) -> u64 {
        match narrow {
            u32::MAX => self.0.u64().unwrap_or(narrow.into()),
            _ => narrow.into(),
        }
    }
}

/// Numbers in a piece of memory, one after the other; none where they run out.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*number)
    }
}
