//! A ZIP whose entries lie in it as they are: laid out before anything is read, so that its length can be promised.
//!
//! The record knows size and CRC-32 of every instance, which the local header of an entry therefore carries (APPNOTE.TXT
//! 6.3.10, 4.3). Names are ASCII. Sizes and offsets beyond 32 bits take the fields of ZIP64.

use jiff::civil;

/// What does not fit stands in an extra field.
const MOST_32: u64 = u32::MAX as u64;
const MOST_16: u64 = u16::MAX as u64;
/// Version 2.0 reads these entries, 4.5 those with the fields of ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
const LOCAL_HEADER: u64 = 30;
const DIRECTORY_ENTRY: u64 = 46;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: String,
    /// Bytes of its content.
    pub(super) size_bytes: u64,
    /// Of its content.
    pub(super) crc32: u32,
}

impl Entry {
    fn is_large(&self) -> bool {
        self.size_bytes >= MOST_32
    }

    /// Bytes up to the end of its content.
    fn length(&self) -> u64 {
        LOCAL_HEADER + self.name.len() as u64 + if self.is_large() { 20 } else { 0 } + self.size_bytes
    }

    /// What stands before its content.
    pub(super) fn header(&self, dated: civil::DateTime) -> Vec<u8> {
        let extra = if self.is_large() { zip64(&[self.size_bytes; 2]) } else { Vec::new() };
        let mut header = Fields::default();
        header.u32(0x0403_4b50).u16(if self.is_large() { ZIP64 } else { PLAIN });
        self.common(&mut header, dated, &extra);
        header.bytes(self.name.as_bytes()).bytes(&extra);
        header.0
    }

    /// Flags to length of the extra field: the same in both places.
    fn common(&self, fields: &mut Fields, dated: civil::DateTime, extra: &[u8]) {
        let (date, time) = dos(dated);
        fields.u16(0).u16(0).u16(time).u16(date).u32(self.crc32);
        fields.u32(capped_32(self.size_bytes)).u32(capped_32(self.size_bytes));
        fields.u16(capped_16(self.name.len() as u64)).u16(capped_16(extra.len() as u64));
    }

    fn in_directory(&self, offset: u64, dated: civil::DateTime, directory: &mut Fields) {
        let sizes = if self.is_large() { &[self.size_bytes; 2][..] } else { &[] };
        let offsets = if offset >= MOST_32 { &[offset][..] } else { &[] };
        let extra = zip64(&[sizes, offsets].concat());
        let version = if extra.is_empty() { PLAIN } else { ZIP64 };
        directory.u32(0x0201_4b50).u16(version).u16(version);
        self.common(directory, dated, &extra);
        directory.u16(0).u16(0).u16(0).u32(0).u32(capped_32(offset));
        directory.bytes(self.name.as_bytes()).bytes(&extra);
    }
}

/// Bytes of the whole ZIP.
pub(super) fn length(entries: &[Entry]) -> u64 {
    let (mut offset, mut directory) = (0, 0);
    for entry in entries {
        let fields = if entry.is_large() { 16 } else { 0 } + if offset >= MOST_32 { 8 } else { 0 };
        directory += DIRECTORY_ENTRY + entry.name.len() as u64 + if fields > 0 { 4 + fields } else { 0 };
        offset += entry.length();
    }
    offset + directory + end(entries.len() as u64, directory, offset).len() as u64
}

/// What stands behind the contents.
pub(super) fn directory(entries: &[Entry], dated: civil::DateTime) -> Vec<u8> {
    let (mut offset, mut directory) = (0, Fields::default());
    for entry in entries {
        entry.in_directory(offset, dated, &mut directory);
        offset += entry.length();
    }
    let end = end(entries.len() as u64, directory.0.len() as u64, offset);
    directory.bytes(&end);
    directory.0
}

fn end(entries: u64, directory_bytes: u64, offset: u64) -> Vec<u8> {
    let mut end = Fields::default();
    if entries >= MOST_16 || directory_bytes >= MOST_32 || offset >= MOST_32 {
        end.u32(0x0606_4b50).u64(44).u16(ZIP64).u16(ZIP64).u32(0).u32(0);
        end.u64(entries).u64(entries).u64(directory_bytes).u64(offset);
        end.u32(0x0706_4b50).u32(0).u64(offset + directory_bytes).u32(1);
    }
    end.u32(0x0605_4b50).u16(0).u16(0).u16(capped_16(entries)).u16(capped_16(entries));
    end.u32(capped_32(directory_bytes)).u32(capped_32(offset)).u16(0);
    end.0
}

/// The extra field of ZIP64; none without a value.
fn zip64(values: &[u64]) -> Vec<u8> {
    let mut extra = Fields::default();
    if !values.is_empty() {
        extra.u16(1).u16(capped_16(8 * values.len() as u64));
        for value in values {
            extra.u64(*value);
        }
    }
    extra.0
}

fn capped_16(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn capped_32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// A date and a time as MS-DOS has them, in steps of two seconds; what it cannot say is its first day.
fn dos(at: civil::DateTime) -> (u16, u16) {
    let part = |value: i8| u16::from(value.unsigned_abs());
    let Some(year) = u16::try_from(at.year() - 1980).ok().filter(|year| *year < 128) else {
        return (0x21, 0);
    };
    let date = year << 9 | part(at.month()) << 5 | part(at.day());
    (date, part(at.hour()) << 11 | part(at.minute()) << 5 | (part(at.second()) / 2))
}

/// Numbers one after the other, the least byte first.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use jiff::civil::datetime;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn dated() -> civil::DateTime {
        datetime(2024, 2, 29, 13, 37, 42, 0)
    }

    fn written(contents: &[(String, Vec<u8>)]) -> (Vec<Entry>, Vec<u8>) {
        let entry = |(name, content): &(String, Vec<u8>)| Entry {
            name: name.clone(),
            size_bytes: content.len() as u64,
            crc32: crc32fast::hash(content),
        };
        let entries: Vec<_> = contents.iter().map(entry).collect();
        let mut bytes = Vec::new();
        for (entry, (_, content)) in entries.iter().zip(contents) {
            bytes.extend(entry.header(dated()));
            bytes.extend(content);
        }
        bytes.extend(directory(&entries, dated()));
        (entries, bytes)
    }

    proptest! {
        #[test]
        fn another_reader_finds_every_entry_and_the_length_is_the_promised_one(
            contents in vec(("[a-z0-9./-]{1,40}", vec(any::<u8>(), 0..300)), 0..40)
        ) {
            let names: std::collections::BTreeMap<_, _> = contents.into_iter().collect();
            let contents: Vec<_> = names.into_iter().collect();
            let (entries, bytes) = written(&contents);

            prop_assert_eq!(bytes.len() as u64, length(&entries));
            let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
            prop_assert_eq!(archive.len(), contents.len());
            for (index, (name, content)) in contents.iter().enumerate() {
                let mut entry = archive.by_index(index).unwrap();
                let mut found = Vec::new();
                entry.read_to_end(&mut found).unwrap();
                prop_assert_eq!(entry.name().unwrap(), name.as_str());
                prop_assert_eq!(&found, content);
                prop_assert_eq!(entry.last_modified().unwrap().to_string(), "2024-02-29 13:37:42");
            }
        }
    }

    #[test]
    fn more_entries_than_16_bits_count_are_found_as_well() {
        let contents: Vec<_> = (0..70_000).map(|number| (format!("{number:08}.dcm"), vec![7])).collect();

        let (entries, bytes) = written(&contents);

        assert_eq!(bytes.len() as u64, length(&entries));
        assert_eq!(zip::ZipArchive::new(Cursor::new(&bytes)).unwrap().len(), 70_000);
    }

    /// Zeros that take no room.
    struct Sparse {
        parts: Vec<(u64, Vec<u8>)>,
        length: u64,
        position: u64,
    }

    impl Read for Sparse {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let left = self.length.saturating_sub(self.position);
            let amount = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            buffer[..amount].fill(0);
            for (at, bytes) in &self.parts {
                for (place, byte) in (*at..).zip(bytes) {
                    if let Some(place) =
                        place.checked_sub(self.position).filter(|place| *place < amount as u64)
                    {
                        buffer[usize::try_from(place).unwrap()] = *byte;
                    }
                }
            }
            self.position += amount as u64;
            Ok(amount)
        }
    }

    impl std::io::Seek for Sparse {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.position = match to {
                std::io::SeekFrom::Start(position) => position,
                std::io::SeekFrom::End(back) => self.length.saturating_add_signed(back),
                std::io::SeekFrom::Current(on) => self.position.saturating_add_signed(on),
            };
            Ok(self.position)
        }
    }

    #[test]
    fn entries_and_offsets_beyond_32_bits_are_found() {
        let large = |name: &str, size_bytes| Entry { name: name.to_owned(), size_bytes, crc32: 1 };
        let entries = [
            large("first", 10),
            large("large", MOST_32),
            large("behind", 10),
            large("larger", 5 << 30),
            large("last", 3),
        ];
        let (mut parts, mut offset) = (Vec::new(), 0);
        for entry in &entries {
            parts.push((offset, entry.header(dated())));
            offset += entry.length();
        }
        parts.push((offset, directory(&entries, dated())));

        let mut archive =
            zip::ZipArchive::new(Sparse { parts, length: length(&entries), position: 0 }).unwrap();

        let found: Vec<_> = (0..archive.len())
            .map(|index| {
                let entry = archive.by_index_raw(index).unwrap();
                (entry.name().unwrap().into_owned(), entry.size(), entry.data_start())
            })
            .collect();
        let mut expected = Vec::new();
        let mut end = 0;
        for entry in &entries {
            end += entry.length();
            expected.push((entry.name.clone(), entry.size_bytes, Some(end - entry.size_bytes)));
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_time_that_ms_dos_cannot_say_is_its_first_day() {
        assert_eq!(dos(datetime(1979, 12, 31, 23, 0, 0, 0)), (0x21, 0));
        assert_eq!(dos(datetime(2108, 1, 1, 0, 0, 0, 0)), (0x21, 0));
        assert_eq!(dos(datetime(1980, 1, 1, 0, 0, 2, 0)), (0x21, 1));
    }
}
