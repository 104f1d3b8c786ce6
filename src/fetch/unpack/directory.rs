//! The central directory, held against the entries that came before it.

use std::hash::{BuildHasher, RandomState};
use std::io::BufRead;

use super::UnpackError;
use super::header::{EntryName, Header, Tally, Zip64};
use super::source::Source;

const DIRECTORY_HEADER: u32 = u32::from_le_bytes(*b"PK\x01\x02");
const END: u32 = u32::from_le_bytes(*b"PK\x05\x06");
const ZIP64_END: u32 = u32::from_le_bytes(*b"PK\x06\x06");
const ZIP64_LOCATOR: u32 = u32::from_le_bytes(*b"PK\x06\x07");

/// Length of a signature.
const SIGNATURE_BYTES: u64 = 4;

/// What a ZIP64 end record says of its own length: the fixed fields after that number, and nothing more.
const ZIP64_END_BYTES: u64 = 44;

/// All that is kept of an entry until the directory lists it: 48 bytes, however long its name.
struct Record {
    /// Keyed anew for each ZIP, so that no sender can make two names meet.
    name_hash: u64,
    offset: u64,
    tally: Tally,
    method: u16,
}

/// The entries read so far, in order, as the central directory has to list them.
#[derive(Default)]
pub(super) struct Directory {
    names: RandomState,
    records: Vec<Record>,
}

impl Directory {
    /// Number of entries read.
    pub(super) fn entries(&self) -> u64 {
        self.records.len() as u64
    }

    /// Notes an entry whose CRC-32 and sizes are proven.
    pub(super) fn note(&mut self, name: &EntryName, method: u16, offset: u64, tally: Tally) {
        let name_hash = self.names.hash_one(name);
        self.records.push(Record { name_hash, offset, tally, method });
    }

    /// Reads from behind `first_signature`, which followed the last entry, to the end of the source,
    /// which has to be the end of the ZIP.
    pub(super) fn compare<R: BufRead>(
        &self,
        source: &mut Source<R>,
        first_signature: u32,
    ) -> Result<(), UnpackError> {
        let offset = source.offset() - SIGNATURE_BYTES;
        let signature = self.compare_headers(source, first_signature)?;
        let size = source.offset() - SIGNATURE_BYTES - offset;
        let zip64 = signature == ZIP64_END;
        End { entries: self.entries(), size, offset, zip64 }.compare(source)?;
        match source.fill()? {
            [] => Ok(()),
            _ => Err(UnpackError::Trailing { offset: source.offset() }),
        }
    }

    /// Compares one header after the other; gives the signature that follows them.
    fn compare_headers<R: BufRead>(
        &self,
        source: &mut Source<R>,
        mut signature: u32,
    ) -> Result<u32, UnpackError> {
        source.begin("in its central directory");
        let offset = source.offset() - SIGNATURE_BYTES;
        let mut records = self.records.iter();
        let mut listed = 0;
        while signature == DIRECTORY_HEADER {
            listed += 1;
            match records.next() {
                Some(record) => self.compare_header(source, record)?,
                None => break,
            }
            signature = source.u32()?;
        }
        if !matches!(signature, DIRECTORY_HEADER | END | ZIP64_END) {
            return Err(unknown_signature(source, signature));
        }
        same(offset, "number of entries", self.entries(), listed)?;
        Ok(signature)
    }

    fn compare_header<R: BufRead>(&self, source: &mut Source<R>, record: &Record) -> Result<(), UnpackError> {
        let at = source.offset() - SIGNATURE_BYTES;
        let _made_by = source.u16()?;
        let header = Header::read(source)?;
        let comment_bytes = source.u16()?;
        let (_disk, _text, _mode) = (source.u16()?, source.u16()?, source.u32()?);
        let offset = source.u32()?;
        let name = EntryName(source.bytes(header.name_bytes)?);
        let extra = source.bytes(header.extra_bytes)?;
        source.bytes(comment_bytes)?;

        header.refuse_encryption(&name)?;
        let mut zip64 = Zip64::among(&extra);
        let tally = header.tally(&mut zip64);
        if self.names.hash_one(&name) != record.name_hash {
            return Err(UnpackError::DirectoryName { offset: at, entry_offset: record.offset, found: name });
        }
        same(at, "packing method", record.method.into(), header.method.into())?;
        same(at, "CRC-32", record.tally.crc32.into(), tally.crc32.into())?;
        same(at, "packed size", record.tally.compressed_bytes, tally.compressed_bytes)?;
        same(at, "unpacked size", record.tally.uncompressed_bytes, tally.uncompressed_bytes)?;
        same(at, "entry offset", record.offset, zip64.widen(offset))
    }
}

/// What the end of the ZIP has to say of the central directory.
struct End {
    entries: u64,
    size: u64,
    offset: u64,
    /// A ZIP64 end record comes first; the plain one may then have all bits set in place of a number.
    zip64: bool,
}

impl End {
    /// Reads from behind the first signature of the end to the ZIP's comment, which may be anything.
    fn compare<R: BufRead>(&self, source: &mut Source<R>) -> Result<(), UnpackError> {
        source.begin("in its end record");
        if self.zip64 {
            self.compare_zip64(source)?;
            expect_signature(source, END)?;
        }
        let at = source.offset() - SIGNATURE_BYTES;
        let counts = [
            ("disk number", 0),
            ("disk number of the directory", 0),
            ("number of entries on this disk", self.entries),
            ("number of entries", self.entries),
        ];
        for (field, expected) in counts {
            let found = source.u16()?;
            if !(self.zip64 && found == u16::MAX) {
                same(at, field, expected, found.into())?;
            }
        }
        for (field, expected) in [("directory size", self.size), ("directory offset", self.offset)] {
            let found = source.u32()?;
            if !(self.zip64 && found == u32::MAX) {
                same(at, field, expected, found.into())?;
            }
        }
        let comment_bytes = source.u16()?;
        source.bytes(comment_bytes).map(drop)
    }

    /// Reads the ZIP64 end record, from behind its signature, and the locator that points to it.
    fn compare_zip64<R: BufRead>(&self, source: &mut Source<R>) -> Result<(), UnpackError> {
        let at = source.offset() - SIGNATURE_BYTES;
        same(at, "ZIP64 end record size", ZIP64_END_BYTES, source.u64()?)?;
        let (_made_by, _version_needed) = (source.u16()?, source.u16()?);
        same(at, "ZIP64 disk number", 0, source.u32()?.into())?;
        same(at, "ZIP64 disk number of the directory", 0, source.u32()?.into())?;
        same(at, "ZIP64 number of entries on this disk", self.entries, source.u64()?)?;
        same(at, "ZIP64 number of entries", self.entries, source.u64()?)?;
        same(at, "ZIP64 directory size", self.size, source.u64()?)?;
        same(at, "ZIP64 directory offset", self.offset, source.u64()?)?;

        expect_signature(source, ZIP64_LOCATOR)?;
        same(at, "disk number of the ZIP64 end record", 0, source.u32()?.into())?;
        same(at, "offset of the ZIP64 end record", at, source.u64()?)?;
        same(at, "number of disks", 1, source.u32()?.into())
    }
}

/// Refuses a directory whose `field` is not `expected`; `offset` is where its record begins.
fn same(offset: u64, field: &'static str, expected: u64, found: u64) -> Result<(), UnpackError> {
    if expected == found { Ok(()) } else { Err(UnpackError::Directory { offset, field, expected, found }) }
}

/// Takes a signature and refuses any but the `expected` one.
fn expect_signature<R: BufRead>(source: &mut Source<R>, expected: u32) -> Result<(), UnpackError> {
    let found = source.u32()?;
    if expected == found { Ok(()) } else { Err(unknown_signature(source, found)) }
}

/// The refusal of a signature that was just taken.
fn unknown_signature<R: BufRead>(source: &Source<R>, found: u32) -> UnpackError {
    UnpackError::Signature { offset: source.offset() - SIGNATURE_BYTES, found: found.to_le_bytes() }
}
