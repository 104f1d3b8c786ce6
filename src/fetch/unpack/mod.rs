//! The ZIP reader: front to back, while the ZIP arrives, and with every check that a ZIP allows.
//!
//! An entry counts when its data, CRC-32 and both sizes agree; the ZIP counts when its central directory and end
//! records list exactly the entries that came and the source ends there. No maintained crate does both: those that
//! seek look only at the directory, those that stream never do, and Java's entries need the rule in `descriptor`.
//!
//! It writes nothing, makes no path of a name, and keeps one chunk and 48 bytes an entry, whatever the ZIP says.
//! That the ZIP holds all it should is not for it to judge: on a read error the server closes the ZIP properly and
//! the status stays 200 (NBIA-TCIA 865725e0, `V4_getImage.java`), so a short ZIP is well-formed.

mod descriptor;
mod directory;
mod error;
mod header;
mod source;
#[cfg(test)]
mod tests;

use std::io::BufRead;

use flate2::{Decompress, DecompressError, FlushDecompress, Status};

use self::directory::Directory;
pub use self::error::UnpackError;
pub use self::header::EntryName;
use self::header::{Header, LOCAL_HEADER, Tally, Zip64};
use self::source::Source;

/// Most bytes of one chunk: few calls for the digests, and it stays in a core's cache between them.
const CHUNK_BYTES: usize = 256 * 1024;

/// Packed bytes that any entry may have beyond twice what it unpacks to.
///
/// Deflate adds five bytes to every 65 535 that it cannot shrink. A stream of empty blocks has no such bound.
const HOLLOW_BYTES: u64 = 64 * 1024;

const DEFLATED: u16 = 8;
const STORED: u16 = 0;

/// What a ZIP may cost before it is given up.
///
/// No ratio: real segmentations shrink a thousand times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of one entry, unpacked.
    pub max_entry_bytes: u64,
    /// Most bytes of all entries together, unpacked.
    pub max_total_bytes: u64,
    /// Most entries; each takes 48 bytes of memory until the end.
    pub max_entries: u64,
}

/// Reads a ZIP front to back while it arrives: entries DEFLATED, or STORED with their size up front.
///
/// After an error it gives only [`UnpackError::Refused`].
pub struct ZipStream<R> {
    source: Source<R>,
    limits: Limits,
    stage: Stage,
    entry: Current,
    directory: Directory,
    inflate: Decompress,
    chunk: Box<[u8]>,
    total_bytes: u64,
}

/// Where in the ZIP the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    BetweenEntries,
    Data,
    DataEnd,
    Over,
    Refused,
}

/// The entry being read, or read last.
#[derive(Default)]
struct Current {
    name: EntryName,
    offset: u64,
    method: u16,
    /// What the local header promises; nothing if a descriptor follows the data.
    promised: Option<Tally>,
    crc32: crc32fast::Hasher,
    compressed_bytes: u64,
    uncompressed_bytes: u64,
}

/// One entry of the ZIP, borrowed from its [`ZipStream`].
pub struct Entry<'a, R> {
    zip: &'a mut ZipStream<R>,
}

impl<R: BufRead> Entry<'_, R> {
    /// The name as sent.
    pub fn name(&self) -> &EntryName {
        &self.zip.entry.name
    }

    /// The next piece of the data, at most 256 KiB; none at the end, and then CRC-32 and sizes are proven.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, UnpackError> {
        let length = self.zip.checked(ZipStream::read_chunk)?;
        Ok(length.map(|length| &self.zip.chunk[..length]))
    }
}

impl<R: BufRead> ZipStream<R> {
    /// A reader of the ZIP that begins with the next byte of `source`.
    pub fn new(source: R, limits: Limits) -> Self {
        Self {
            source: Source::new(source),
            limits,
            stage: Stage::BetweenEntries,
            entry: Current::default(),
            directory: Directory::default(),
            inflate: Decompress::new(false),
            chunk: vec![0; CHUNK_BYTES].into(),
            total_bytes: 0,
        }
    }

    /// The next entry; none once directory and end agree with what was read and the source ended there.
    ///
    /// An entry that was not read to its end is read through, and checked, first.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_, R>>, UnpackError> {
        let is_entry = self.checked(Self::advance)?;
        Ok(is_entry.then_some(Entry { zip: self }))
    }

    /// Takes one `step`; an error is for good.
    fn checked<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, UnpackError>,
    ) -> Result<T, UnpackError> {
        step(self).inspect_err(|_| self.stage = Stage::Refused)
    }

    /// Goes to the next entry, or checks the end of the ZIP; was there an entry?
    fn advance(&mut self) -> Result<bool, UnpackError> {
        if self.stage == Stage::Over {
            return Ok(false);
        }
        while self.read_chunk()?.is_some() {}
        self.source.begin("before its central directory");
        match self.source.u32()? {
            LOCAL_HEADER => self.begin_entry()?,
            signature => {
                self.refuse_other_formats(signature)?;
                self.directory.compare(&mut self.source, signature)?;
                self.stage = Stage::Over;
            }
        }
        Ok(self.stage != Stage::Over)
    }

    /// Tells a body that never was a ZIP from a damaged one: each of a ZIP's records begins with `PK`.
    fn refuse_other_formats(&mut self, signature: u32) -> Result<(), UnpackError> {
        let first = signature.to_le_bytes();
        if self.source.offset() > 4 || first.starts_with(b"PK") {
            return Ok(());
        }
        let found = [&first, self.source.peek()].concat().into();
        Err(UnpackError::NotAZip { found })
    }

    /// Reads a local header, from behind its signature.
    fn begin_entry(&mut self) -> Result<(), UnpackError> {
        let offset = self.source.offset() - 4;
        self.limit("entries", self.directory.entries() + 1, self.limits.max_entries)?;
        self.source.begin("in a local header");
        let header = Header::read(&mut self.source)?;
        let name = EntryName(self.source.bytes(header.name_bytes)?);
        let extra = self.source.bytes(header.extra_bytes)?;

        header.refuse_encryption(&name)?;
        let (method, flags) = (header.method, header.flags);
        let promised = match (method, header.has_descriptor()) {
            (DEFLATED, true) => None,
            (DEFLATED | STORED, false) => Some(header.tally(&mut Zip64::among(&extra))),
            _ => return Err(UnpackError::Method { entry: name, method, flags }),
        };
        self.entry = Current { name, offset, method, promised, ..Current::default() };
        self.inflate.reset(false);
        self.stage = Stage::Data;
        self.source.begin("in the data of an entry");
        Ok(())
    }

    /// Fills the chunk with the next data; none at the end of the entry, once it is proven.
    fn read_chunk(&mut self) -> Result<Option<usize>, UnpackError> {
        if self.stage == Stage::Refused {
            return Err(UnpackError::Refused);
        }
        if self.stage == Stage::Data {
            let length = match self.entry.stored_bytes_left() {
                Some(left) => self.copy_chunk(left)?,
                None => self.inflate_chunk()?,
            };
            if length > 0 {
                self.entry.crc32.update(&self.chunk[..length]);
                return Ok(Some(length));
            }
        }
        if self.stage == Stage::DataEnd {
            self.prove_entry()?;
            self.stage = Stage::BetweenEntries;
        }
        Ok(None)
    }

    /// Inflates until the chunk is full or the data is over.
    fn inflate_chunk(&mut self) -> Result<usize, UnpackError> {
        let mut filled = 0;
        while filled < CHUNK_BYTES && self.stage == Stage::Data {
            let input = self.source.fill()?;
            let step = Step::take(&mut self.inflate, input, &mut self.chunk[filled..]);
            let step = step.map_err(|source| self.damaged(source))?;
            self.source.consume(step.taken);
            self.count(step.taken, step.given)?;
            filled += step.given;
            if step.is_last {
                self.stage = Stage::DataEnd;
            } else if step.taken + step.given == 0 {
                // There was room, so what inflate lacked is input.
                return Err(self.source.broken_off());
            }
        }
        Ok(filled)
    }

    /// Copies until the chunk is full or the data, of which `left` bytes are to come, is over.
    fn copy_chunk(&mut self, left: u64) -> Result<usize, UnpackError> {
        let length = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        self.source.read(&mut self.chunk[..length])?;
        self.count(length, length)?;
        if length as u64 == left {
            self.stage = Stage::DataEnd;
        }
        Ok(length)
    }

    /// Counts data, within the limits.
    fn count(&mut self, taken: usize, given: usize) -> Result<(), UnpackError> {
        self.entry.compressed_bytes += taken as u64;
        self.entry.uncompressed_bytes += given as u64;
        self.total_bytes += given as u64;
        self.limit("bytes in one entry", self.entry.uncompressed_bytes, self.limits.max_entry_bytes)?;
        self.limit("bytes in all entries", self.total_bytes, self.limits.max_total_bytes)?;
        self.entry.refuse_hollow()
    }

    fn limit(&self, what: &'static str, found: u64, allowed: u64) -> Result<(), UnpackError> {
        let offset = self.source.offset();
        if found <= allowed { Ok(()) } else { Err(UnpackError::OverLimit { what, allowed, offset }) }
    }

    fn damaged(&self, source: DecompressError) -> UnpackError {
        UnpackError::Deflate { entry: self.entry.name.clone(), offset: self.source.offset(), source }
    }

    /// Holds the data that came against its local header or its descriptor, and notes it for the directory.
    fn prove_entry(&mut self) -> Result<(), UnpackError> {
        let entry = &self.entry;
        let counted = entry.counted();
        match &entry.promised {
            Some(promised) => promised.hold_against(&counted, &entry.name)?,
            None => descriptor::prove(&mut self.source, &counted, &entry.name)?,
        }
        self.directory.note(&entry.name, entry.method, entry.offset, counted);
        Ok(())
    }
}

impl Current {
    /// Bytes of a stored entry that are still to come; none if inflate tells the end.
    fn stored_bytes_left(&self) -> Option<u64> {
        let promised = self.promised.filter(|_| self.method == STORED)?;
        Some(promised.compressed_bytes - self.compressed_bytes)
    }

    fn counted(&self) -> Tally {
        Tally {
            crc32: self.crc32.clone().finalize(),
            compressed_bytes: self.compressed_bytes,
            uncompressed_bytes: self.uncompressed_bytes,
        }
    }

    fn refuse_hollow(&self) -> Result<(), UnpackError> {
        let &Self { compressed_bytes, uncompressed_bytes, .. } = self;
        if compressed_bytes <= uncompressed_bytes.saturating_mul(2).saturating_add(HOLLOW_BYTES) {
            return Ok(());
        }
        Err(UnpackError::Hollow { entry: self.name.clone(), compressed_bytes, uncompressed_bytes })
    }
}

/// What one call of inflate did.
struct Step {
    taken: usize,
    given: usize,
    is_last: bool,
}

impl Step {
    fn take(inflate: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Self, DecompressError> {
        let (taken_before, given_before) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(input, output, FlushDecompress::None)?;
        Ok(Self {
            taken: usize::try_from(inflate.total_in() - taken_before).unwrap_or(input.len()),
            given: usize::try_from(inflate.total_out() - given_before).unwrap_or(output.len()),
            is_last: status == Status::StreamEnd,
        })
    }
}
