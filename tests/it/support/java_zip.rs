//! ZIPs as `java.util.zip.ZipOutputStream` writes them to a stream, byte by byte, and the same with one thing
//! wrong.
//!
//! Checked against JDK 17, byte for byte: flags 0x0808, method 8, CRC-32 and sizes zero in the local header, a
//! signed descriptor after the data; from 4 294 967 295 bytes on, ZIP64 numbers in descriptor and directory, but
//! not in the local header; from 65 535 entries on, ZIP64 end records. It shares no code with the reader, nor with
//! the `zip` crate, which cannot write such ZIPs.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Version needed to extract, and the version that made it.
const VERSION: u16 = 20;

/// Descriptor after the data, name in UTF-8.
const FLAGS: u16 = 0x0808;

/// Midnight of 1 April 2021, when TCIA began to send LICENSE files, as DOS has it (time, then date).
const MODIFIED: [u16; 2] = [0, (2021 - 1980) << 9 | 4 << 5 | 1];

/// Sizes and offsets from here on are written as ZIP64.
const ZIP64_BYTES: u64 = 0xFFFF_FFFF;

/// Number of entries from which Java writes ZIP64 end records.
const ZIP64_ENTRIES: u64 = 0xFFFF;

/// One thing that differs from what Java does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Oddity {
    /// Descriptor and directory agree on a CRC-32 that is not that of the data.
    WrongCrc,
    /// Descriptor and directory agree on a size that is one more than that of the data.
    WrongSize,
    /// Only the descriptor is wrong, in all it says.
    WrongDescriptor,
    /// Flag of encryption in both headers.
    Encrypted,
    /// Flag of encryption in the directory only.
    EncryptedInDirectory,
    /// Sizes of 64 bits in the descriptor: 24 bytes, as Java writes it from 4 294 967 295 bytes on.
    WideDescriptor,
    /// Descriptor without signature: 12 bytes.
    UnsignedDescriptor,
    /// Sizes of 64 bits and no signature: 20 bytes.
    UnsignedWideDescriptor,
    /// STORED with a descriptor, so that nothing tells where the data ends.
    Stored,
    /// Packed by a method that nobody reads here (99).
    UnknownMethod,
}

/// A ZIP being written.
#[derive(Default)]
pub(crate) struct JavaZip {
    bytes: Bytes,
    /// Bytes of the ZIP before `bytes`, which are in other hands.
    given_away_bytes: u64,
    listed: Vec<Listed>,
    has_zip64_end: bool,
}

/// An entry as the directory will list it.
struct Listed {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc32: u32,
    compressed_bytes: u64,
    uncompressed_bytes: u64,
    offset: u64,
}

impl JavaZip {
    /// A ZIP without entries.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds an entry as Java does.
    pub(crate) fn entry(self, name: &str, content: &[u8]) -> Self {
        self.add(name, content, None)
    }

    /// Adds an entry as Java does, but for one thing.
    pub(crate) fn odd_entry(self, name: &str, content: &[u8], oddity: Oddity) -> Self {
        self.add(name, content, Some(oddity))
    }

    /// Adds an entry whose packed data is too much for memory: gives the ZIP up to that data, and the rest of it
    /// to be added to and finished.
    pub(crate) fn huge_entry(
        mut self,
        name: &str,
        crc32: u32,
        compressed_bytes: u64,
        uncompressed_bytes: u64,
    ) -> (Vec<u8>, Self) {
        let (flags, method, offset) = (FLAGS, 8, self.offset());
        let entry =
            Listed { name: name.into(), flags, method, crc32, compressed_bytes, uncompressed_bytes, offset };
        self.bytes.put_local_header(&entry);
        self.given_away_bytes = self.offset() + compressed_bytes;
        let before = std::mem::take(&mut self.bytes).0;
        self.bytes.put_descriptor(&entry, None);
        self.listed.push(entry);
        (before, self)
    }

    /// Leaves the entry of this number (from 0) out of the directory, though its data is there.
    pub(crate) fn hide(mut self, number: usize) -> Self {
        self.listed.remove(number);
        self
    }

    /// Gives the entry of this number (from 0) another name in the directory.
    pub(crate) fn rename(mut self, number: usize, name: &str) -> Self {
        self.listed[number].name = name.into();
        self
    }

    /// Writes ZIP64 end records, which Java does only where it has to.
    pub(crate) fn with_zip64_end(mut self) -> Self {
        self.has_zip64_end = true;
        self
    }

    /// The whole ZIP.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.finish_with_comment("")
    }

    /// The ZIP with a comment at its very end.
    pub(crate) fn finish_with_comment(mut self, comment: &str) -> Vec<u8> {
        let directory_offset = self.offset();
        for entry in &self.listed {
            self.bytes.put_directory_header(entry);
        }
        self.put_end(directory_offset);
        self.bytes.u16(length_16(comment.as_bytes()));
        self.bytes.raw(comment.as_bytes());
        self.bytes.0
    }

    /// The first bytes of the ZIP, as a broken transfer leaves them.
    pub(crate) fn finish_cut(self, length: usize) -> Vec<u8> {
        let mut bytes = self.finish();
        bytes.truncate(length);
        bytes
    }

    /// The ZIP with something behind its end.
    pub(crate) fn finish_followed_by(self, trailing: &[u8]) -> Vec<u8> {
        [&self.finish(), trailing].concat()
    }

    fn add(mut self, name: &str, content: &[u8], oddity: Option<Oddity>) -> Self {
        let packed = if oddity == Some(Oddity::Stored) { content.into() } else { deflated(content) };
        let mut entry = Listed {
            name: name.into(),
            flags: FLAGS,
            method: 8,
            crc32: crc32fast::hash(content),
            compressed_bytes: packed.len() as u64,
            uncompressed_bytes: content.len() as u64,
            offset: self.offset(),
        };
        match oddity {
            Some(Oddity::WrongCrc) => entry.crc32 ^= 1,
            Some(Oddity::WrongSize) => entry.uncompressed_bytes += 1,
            Some(Oddity::Encrypted) => entry.flags |= 1,
            Some(Oddity::Stored) => entry.method = 0,
            Some(Oddity::UnknownMethod) => entry.method = 99,
            _ => {}
        }
        self.bytes.put_local_header(&entry);
        self.bytes.raw(&packed);
        self.bytes.put_descriptor(&entry, oddity);
        if oddity == Some(Oddity::EncryptedInDirectory) {
            entry.flags |= 1;
        }
        self.listed.push(entry);
        self
    }

    /// The end records, up to the length of the comment.
    fn put_end(&mut self, directory_offset: u64) {
        let end_offset = self.offset();
        let size = end_offset - directory_offset;
        let entries = self.listed.len() as u64;
        let is_huge = entries >= ZIP64_ENTRIES || directory_offset.max(size) >= ZIP64_BYTES;
        if is_huge || self.has_zip64_end {
            self.bytes.raw(b"PK\x06\x06").u64(44).u16(45).u16(45).u32(0).u32(0);
            self.bytes.u64(entries).u64(entries).u64(size).u64(directory_offset);
            self.bytes.raw(b"PK\x06\x07").u32(0).u64(end_offset).u32(1);
        }
        let entries = u16::try_from(entries).unwrap_or(u16::MAX);
        self.bytes.raw(b"PK\x05\x06").u16(0).u16(0).u16(entries).u16(entries);
        self.bytes.u32(narrow(size)).u32(narrow(directory_offset));
    }

    /// Where in the ZIP the next byte will stand.
    fn offset(&self) -> u64 {
        self.given_away_bytes + self.bytes.0.len() as u64
    }
}

/// What has been written, number after number.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn put_local_header(&mut self, entry: &Listed) {
        self.raw(b"PK\x03\x04").u16(VERSION).u16(entry.flags).u16(entry.method);
        self.u16(MODIFIED[0]).u16(MODIFIED[1]).u32(0).u32(0).u32(0);
        self.u16(length_16(&entry.name)).u16(0).raw(&entry.name);
    }

    fn put_descriptor(&mut self, entry: &Listed, oddity: Option<Oddity>) {
        if !matches!(oddity, Some(Oddity::UnsignedDescriptor | Oddity::UnsignedWideDescriptor)) {
            self.raw(b"PK\x07\x08");
        }
        let (packed, unpacked) = (entry.compressed_bytes, entry.uncompressed_bytes);
        let is_huge = packed.max(unpacked) >= ZIP64_BYTES;
        match oddity {
            Some(Oddity::WrongDescriptor) => {
                self.u32(!entry.crc32).u32(!narrow(packed)).u32(!narrow(unpacked))
            }
            Some(Oddity::WideDescriptor | Oddity::UnsignedWideDescriptor) => {
                self.u32(entry.crc32).u64(packed).u64(unpacked)
            }
            _ if is_huge => self.u32(entry.crc32).u64(packed).u64(unpacked),
            _ => self.u32(entry.crc32).u32(narrow(packed)).u32(narrow(unpacked)),
        };
    }

    fn put_directory_header(&mut self, entry: &Listed) {
        let numbers = [entry.uncompressed_bytes, entry.compressed_bytes, entry.offset];
        let mut zip64 = Self::default();
        for number in numbers.into_iter().filter(|number| *number >= ZIP64_BYTES) {
            zip64.u64(number);
        }
        let (version, extra_bytes) = match length_16(&zip64.0) {
            0 => (VERSION, 0),
            wide => (45, 4 + wide),
        };
        self.raw(b"PK\x01\x02").u16(version).u16(version).u16(entry.flags).u16(entry.method);
        self.u16(MODIFIED[0]).u16(MODIFIED[1]).u32(entry.crc32);
        self.u32(narrow(entry.compressed_bytes)).u32(narrow(entry.uncompressed_bytes));
        // Lengths of name, extra field and comment; disk; attributes inside (2 bytes) and outside (4).
        self.u16(length_16(&entry.name)).u16(extra_bytes).u16(0).u16(0).u16(0).u32(0);
        self.u32(narrow(entry.offset)).raw(&entry.name);
        if extra_bytes > 0 {
            self.u16(1).u16(length_16(&zip64.0)).raw(&zip64.0);
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, number: u16) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }

    fn u32(&mut self, number: u32) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }

    fn u64(&mut self, number: u64) -> &mut Self {
        self.raw(&number.to_le_bytes())
    }
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn length_16(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).expect("names and comments of tests are short")
}

/// A number as it stands in a field of 32 bits: all bits set if its place is the ZIP64 field.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
