//! Each row of the comparison of ZIP readers that a ZIP of a test can show, and what must hold for any bytes.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::*;

#[path = "../../../tests/it/support/java_zip.rs"]
mod java_zip;

use java_zip::{JavaZip, Oddity};

const LIMITS: Limits = Limits { max_entry_bytes: 1 << 33, max_total_bytes: 1 << 34, max_entries: 100_000 };

/// Name and data of one entry.
type Unpacked = (Vec<u8>, Vec<u8>);

/// What was proven, and how it ended.
struct Outcome {
    entries: Vec<Unpacked>,
    end: Result<(), UnpackError>,
}

impl Outcome {
    fn of(source: impl BufRead) -> Self {
        Self::within(LIMITS, source)
    }

    fn within(limits: Limits, source: impl BufRead) -> Self {
        let mut entries = Vec::new();
        let mut zip = ZipStream::new(source, limits);
        let end = loop {
            match zip.next_entry() {
                Ok(Some(entry)) => match read(entry) {
                    Ok(unpacked) => entries.push(unpacked),
                    Err(error) => break Err(error),
                },
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        Self { entries, end }
    }

    /// The entries of a ZIP in which nothing is wrong.
    fn whole(self) -> Vec<Unpacked> {
        self.end.unwrap();
        self.entries
    }

    /// The refusal of a ZIP in which something is wrong.
    fn refusal(self) -> UnpackError {
        self.end.unwrap_err()
    }
}

/// Reads an entry to its end.
fn read<R: BufRead>(mut entry: Entry<'_, R>) -> Result<Unpacked, UnpackError> {
    let mut content = Vec::new();
    while let Some(chunk) = entry.next_chunk()? {
        assert!(!chunk.is_empty() && chunk.len() <= CHUNK_BYTES);
        content.extend_from_slice(chunk);
    }
    assert!(entry.next_chunk()?.is_none());
    Ok((entry.name().as_bytes().to_vec(), content))
}

fn unpacked(name: &str, content: &[u8]) -> Unpacked {
    (name.into(), content.into())
}

/// Where a record with this signature begins for the first time.
fn position(body: &[u8], signature: &[u8]) -> usize {
    body.windows(4).position(|bytes| bytes == signature).unwrap()
}

/// Where a record with this signature begins for the last time.
fn last_position(body: &[u8], signature: &[u8]) -> usize {
    body.windows(4).rposition(|bytes| bytes == signature).unwrap()
}

/// Bytes that deflate cannot shrink.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// The answer to a request for one series, as small as it gets.
fn series() -> JavaZip {
    JavaZip::new()
        .entry("LICENSE", b"You agree to abide by terms of this license.")
        .entry("00000001.dcm", &noise(90))
        .entry("00000002.dcm", &[7; 300])
}

fn series_entries() -> Vec<Unpacked> {
    vec![
        unpacked("LICENSE", b"You agree to abide by terms of this license."),
        unpacked("00000001.dcm", &noise(90)),
        unpacked("00000002.dcm", &[7; 300]),
    ]
}

#[test]
fn a_zip_from_java_gives_its_entries_in_order() {
    let body = series().finish();

    let entries = Outcome::of(&body[..]).whole();

    assert_eq!(entries, series_entries());
}

#[test]
fn a_source_of_single_bytes_gives_the_same() {
    let body = series().odd_entry("wide", b"w", Oddity::WideDescriptor).finish();

    let entries = Outcome::of(BufReader::with_capacity(1, &body[..])).whole();

    assert_eq!(entries[..3], series_entries());
    assert_eq!(entries[3], unpacked("wide", b"w"));
}

#[test]
fn an_interrupted_source_is_read_on() {
    let body = series().finish();

    let entries = Outcome::of(BufReader::with_capacity(5, Interrupted::new(&body))).whole();

    assert_eq!(entries, series_entries());
}

#[test]
fn data_of_many_chunks_comes_whole() {
    let content = noise(3 * CHUNK_BYTES + 5);
    let body = JavaZip::new().entry("big", &content).entry("edge", &content[..CHUNK_BYTES]).finish();

    let entries = Outcome::of(BufReader::new(&body[..])).whole();

    assert!(entries == [unpacked("big", &content), unpacked("edge", &content[..CHUNK_BYTES])]);
}

#[test]
fn every_layout_of_a_data_descriptor_is_understood() {
    let layouts = [Oddity::WideDescriptor, Oddity::UnsignedDescriptor, Oddity::UnsignedWideDescriptor];
    for layout in layouts {
        for content in [&b""[..], b"some", &[0; 5000]] {
            let body = series().odd_entry("odd", content, layout).entry("next", b"n").finish();

            let entries = Outcome::of(&body[..]).whole();

            assert_eq!(entries[3..], [unpacked("odd", content), unpacked("next", b"n")], "{layout:?}");
        }
    }
}

#[test]
fn a_zip_of_22_bytes_has_no_entries() {
    let body = JavaZip::new().finish();
    assert_eq!(body.len(), 22);
    let mut zip = ZipStream::new(&body[..], LIMITS);

    assert!(zip.next_entry().unwrap().is_none());
    assert!(zip.next_entry().unwrap().is_none(), "and says so again");
}

#[test]
fn seventy_thousand_entries_end_in_zip64_records() {
    let names = (0..70_000_u32).map(|number| format!("{number:08}.dcm"));
    let body = names.clone().fold(JavaZip::new(), |zip, name| zip.entry(&name, name.as_bytes())).finish();

    let entries = Outcome::of(&body[..]).whole();

    assert!(entries.into_iter().eq(names.map(|name| unpacked(&name, name.as_bytes()))));
}

/// 65 537 blocks of 65 535 bytes are exactly 4 294 967 295: the first length that Java writes in 64 bits.
#[test]
fn an_entry_of_4294967295_bytes_and_one_behind_it_are_proven() {
    let zeros = vec![0; 0xFFFF];
    let block = [&b"\0\xff\xff\0\0"[..], &zeros].concat();
    let last_block = [&b"\x01\xff\xff\0\0"[..], &zeros].concat();
    let mut block_crc32 = crc32fast::Hasher::new();
    block_crc32.update(&zeros);
    let mut crc32 = crc32fast::Hasher::new();
    (0..65_537).for_each(|_| crc32.combine(&block_crc32));
    let packed_bytes = 65_537 * block.len() as u64;
    let (before, zip) = JavaZip::new().huge_entry("huge", crc32.finalize(), packed_bytes, 0xFFFF_FFFF);
    let after = [last_block, zip.entry("small", b"s").finish()].concat();
    let source = before.chain(Repeated { block, at: 0, left: 65_536 }).chain(&after[..]);
    let mut zip = ZipStream::new(source, LIMITS);

    let mut huge = zip.next_entry().unwrap().unwrap();
    let mut size_bytes = 0;
    while let Some(chunk) = huge.next_chunk().unwrap() {
        size_bytes += chunk.len() as u64;
    }
    assert_eq!(size_bytes, 0xFFFF_FFFF);
    let small = zip.next_entry().unwrap().unwrap();
    assert_eq!(read(small).unwrap(), unpacked("small", b"s"));
    assert!(zip.next_entry().unwrap().is_none());
}

#[test]
fn signatures_inside_the_data_mean_nothing() {
    let content =
        [&noise(60)[..], b"PK\x07\x08\0\0\0\0", &noise(60), b"PK\x03\x04", b"PK\x01\x02PK\x05\x06"].concat();
    let java = JavaZip::new().entry("a", &content).entry("b", &content).finish();
    let stored = written_by_zip_crate(stored(), &[unpacked("a", &content), unpacked("b", &content)]);

    for body in [java, stored] {
        let entries = Outcome::of(&body[..]).whole();

        assert_eq!(entries, [unpacked("a", &content), unpacked("b", &content)]);
    }
}

#[test]
fn entries_with_their_sizes_up_front_are_read() {
    let plain = [stored(), deflated()];
    let zip64 = plain.map(|options| options.large_file(true));
    for options in plain.into_iter().chain(zip64) {
        let body = written_by_zip_crate(options, &series_entries());

        let entries = Outcome::of(&body[..]).whole();

        assert_eq!(entries, series_entries(), "{options:?}");
    }
}

#[test]
fn descriptors_of_another_writer_are_read() {
    for options in [deflated(), deflated().large_file(true)] {
        let body = streamed_by_zip_crate(options, &series_entries());

        let entries = Outcome::of(&body[..]).whole();

        assert_eq!(entries, series_entries(), "{options:?}");
    }
}

#[test]
fn a_stored_entry_with_a_descriptor_is_refused() {
    let body = series().odd_entry("odd", b"PK\x07\x08", Oddity::Stored).finish();

    let outcome = Outcome::of(&body[..]);

    assert_eq!(outcome.entries, series_entries());
    assert!(matches!(outcome.refusal(), UnpackError::Method { method: 0, flags: 0x0808, .. }));
}

#[test]
fn an_unknown_method_is_refused() {
    let body = series().odd_entry("odd", b"o", Oddity::UnknownMethod).finish();

    let refusal = Outcome::of(&body[..]).refusal();

    assert!(matches!(refusal, UnpackError::Method { method: 99, .. }), "{refusal}");
}

#[test]
fn encryption_in_either_header_is_refused() {
    for oddity in [Oddity::Encrypted, Oddity::EncryptedInDirectory] {
        let body = series().odd_entry("odd", b"o", oddity).finish();

        let refusal = Outcome::of(&body[..]).refusal();

        assert!(matches!(refusal, UnpackError::Encrypted { flags: 0x0809, .. }), "{oddity:?}: {refusal}");
    }
}

#[test]
fn a_flipped_bit_in_the_data_is_a_wrong_crc() {
    let content = noise(1000);
    let mut body = JavaZip::new().entry("00000001.dcm", &content).finish();
    body[500] ^= 4;

    let refusal = Outcome::of(&body[..]).refusal();

    let expected_crc32 = crc32fast::hash(&content);
    assert!(matches!(refusal, UnpackError::Crc { expected, .. } if expected == expected_crc32), "{refusal}");
    assert!(!refusal.is_cut());
}

#[test]
fn data_that_is_no_deflate_is_refused() {
    let mut body = JavaZip::new().entry("a", b"content").finish();
    body[31] = 0xFF;

    let refusal = Outcome::of(&body[..]).refusal();

    assert!(matches!(refusal, UnpackError::Deflate { .. }), "{refusal}");
}

#[test]
fn a_descriptor_that_is_wrong_is_refused_for_what_is_wrong() {
    let refusal_of = |oddity| Outcome::of(&series().odd_entry("odd", b"o", oddity).finish()[..]).refusal();

    let found_crc32 = crc32fast::hash(b"o");
    let crc = refusal_of(Oddity::WrongCrc);
    let numbers = (found_crc32 ^ 1, found_crc32);
    assert!(matches!(crc, UnpackError::Crc { expected, found, .. } if (expected, found) == numbers), "{crc}");
    let size = refusal_of(Oddity::WrongSize);
    assert!(matches!(size, UnpackError::Size { state: "unpacked", expected: 2, found: 1, .. }), "{size}");
    let all = refusal_of(Oddity::WrongDescriptor);
    assert!(matches!(all, UnpackError::Descriptor { .. }), "{all}");
}

#[test]
fn an_entry_that_is_not_read_is_checked_all_the_same() {
    let body = JavaZip::new().odd_entry("odd", b"o", Oddity::WrongCrc).entry("next", b"n").finish();
    let mut zip = ZipStream::new(&body[..], LIMITS);

    assert_eq!(zip.next_entry().unwrap().unwrap().name().as_bytes(), b"odd");
    assert!(matches!(zip.next_entry().err(), Some(UnpackError::Crc { .. })));
}

#[test]
fn a_directory_that_hides_an_entry_is_refused() {
    let last = Outcome::of(&series().hide(2).finish()[..]);
    let first = Outcome::of(&series().hide(0).finish()[..]);

    assert_eq!(last.entries, series_entries());
    let last = last.refusal();
    assert!(
        matches!(last, UnpackError::Directory { field: "number of entries", expected: 3, found: 2, .. }),
        "{last}"
    );
    assert!(matches!(first.refusal(), UnpackError::DirectoryName { .. }));
}

#[test]
fn a_directory_that_lists_more_than_came_is_refused() {
    let body = series().finish();
    let second_header = last_position(&body, b"PK\x03\x04");
    let directory = position(&body, b"PK\x01\x02");
    let body = [&body[..second_header], &body[directory..]].concat();

    let refusal = Outcome::of(&body[..]).refusal();

    assert!(matches!(refusal, UnpackError::Directory { expected: 2, found: 3, .. }), "{refusal}");
}

#[test]
fn a_directory_with_another_name_is_refused() {
    let body = series().rename(1, "00000003.dcm").finish();

    let refusal = Outcome::of(&body[..]).refusal();

    assert!(
        matches!(&refusal, UnpackError::DirectoryName { found, .. } if found.as_bytes() == b"00000003.dcm"),
        "{refusal}"
    );
}

#[test]
fn each_number_of_directory_and_end_is_held_against_the_entries() {
    let body = series().with_zip64_end().finish();
    assert_eq!(Outcome::of(&body[..]).whole(), series_entries());
    let numbers = [
        (b"PK\x01\x02", 10, "packing method"),
        (b"PK\x01\x02", 16, "CRC-32"),
        (b"PK\x01\x02", 20, "packed size"),
        (b"PK\x01\x02", 24, "unpacked size"),
        (b"PK\x01\x02", 42, "entry offset"),
        (b"PK\x06\x06", 4, "ZIP64 end record size"),
        (b"PK\x06\x06", 16, "ZIP64 disk number"),
        (b"PK\x06\x06", 20, "ZIP64 disk number of the directory"),
        (b"PK\x06\x06", 24, "ZIP64 number of entries on this disk"),
        (b"PK\x06\x06", 32, "ZIP64 number of entries"),
        (b"PK\x06\x06", 40, "ZIP64 directory size"),
        (b"PK\x06\x06", 48, "ZIP64 directory offset"),
        (b"PK\x06\x07", 4, "disk number of the ZIP64 end record"),
        (b"PK\x06\x07", 8, "offset of the ZIP64 end record"),
        (b"PK\x06\x07", 16, "number of disks"),
        (b"PK\x05\x06", 4, "disk number"),
        (b"PK\x05\x06", 6, "disk number of the directory"),
        (b"PK\x05\x06", 8, "number of entries on this disk"),
        (b"PK\x05\x06", 10, "number of entries"),
        (b"PK\x05\x06", 12, "directory size"),
        (b"PK\x05\x06", 16, "directory offset"),
    ];
    for (signature, at, expected) in numbers {
        let mut body = body.clone();
        let number = position(&body, signature) + at;
        body[number] ^= 1;

        let outcome = Outcome::of(&body[..]);

        assert_eq!(outcome.entries, series_entries());
        let refusal = outcome.refusal();
        assert!(matches!(refusal, UnpackError::Directory { field, .. } if field == expected), "{refusal}");
    }
}

#[test]
fn the_zip64_field_is_found_behind_other_fields() {
    let timestamp = b"UT\x05\0\x01abcd";
    let zip64 = b"\x01\0\x10\0\x05\0\0\0\x01\0\0\0\x06\0\0\0\x01\0\0\0";
    let extra = [&timestamp[..], zip64].concat();

    let mut field = Zip64::among(&extra);

    assert_eq!(field.widen(7), 7, "fits into the header");
    assert_eq!([(); 3].map(|()| field.widen(u32::MAX)), [0x1_0000_0005, 0x1_0000_0006, 0xFFFF_FFFF]);
    assert_eq!(Zip64::among(&extra[..20]).widen(u32::MAX), 0xFFFF_FFFF, "torn");
}

#[test]
fn entries_of_the_same_name_both_come() {
    let body = JavaZip::new().entry("same", b"one").entry("same", b"two").finish();

    let entries = Outcome::of(&body[..]).whole();

    assert_eq!(entries, [unpacked("same", b"one"), unpacked("same", b"two")]);
}

#[test]
fn anything_behind_the_end_is_refused() {
    let length = series().finish().len() as u64;
    for trailing in [vec![0], series().finish()] {
        let outcome = Outcome::of(&series().finish_followed_by(&trailing)[..]);

        assert_eq!(outcome.entries, series_entries());
        let refusal = outcome.refusal();
        assert!(matches!(refusal, UnpackError::Trailing { offset } if offset == length), "{refusal}");
    }
}

#[test]
fn a_comment_belongs_to_the_zip() {
    let body = series().finish_with_comment("PK\x05\x06 thank you");

    assert_eq!(Outcome::of(&body[..]).whole(), series_entries());
}

#[test]
fn something_between_entries_is_refused() {
    let first = JavaZip::new().entry("LICENSE", b"l").finish();
    let directory = position(&first, b"PK\x01\x02");
    let body = [&first[..directory], b"<html>an error page in the middle</html>"].concat();

    let refusal = Outcome::of(&body[..]).refusal();

    assert!(matches!(refusal, UnpackError::Signature { found: [b'<', b'h', b't', b'm'], .. }), "{refusal}");
}

#[test]
fn every_cut_is_called_a_cut_and_keeps_what_came_before() {
    let zip = || series().odd_entry("empty", b"", Oddity::WideDescriptor);
    let whole = zip().finish();
    let entries = Outcome::of(&whole[..]).whole();

    for length in 0..whole.len() {
        let outcome = Outcome::of(BufReader::with_capacity(7, &zip().finish_cut(length)[..]));

        assert!(entries.starts_with(&outcome.entries));
        let refusal = outcome.refusal();
        assert!(refusal.is_cut(), "{length} of {}: {refusal}", whole.len());
    }
}

#[test]
fn a_cut_between_entries_keeps_the_entries_before_it() {
    let whole = series().finish();
    let third_header = last_position(&whole, b"PK\x03\x04");

    let outcome = Outcome::of(&series().finish_cut(third_header)[..]);

    assert_eq!(outcome.entries, series_entries()[..2]);
    assert!(matches!(outcome.refusal(), UnpackError::Cut { offset, .. } if offset == third_header as u64));
}

#[test]
fn no_bytes_at_all_are_a_cut() {
    assert!(Outcome::of(io::empty()).refusal().is_cut());
}

#[test]
fn a_source_that_fails_keeps_the_entries_before_the_failure() {
    let whole = series().finish();
    let third_header = last_position(&whole, b"PK\x03\x04");

    for (length, entries) in
        [(third_header - 1, 1), (third_header, 2), (third_header + 3, 2), (whole.len(), 3)]
    {
        let outcome = Outcome::of(whole[..length].chain(BufReader::new(Reset)));

        assert_eq!(outcome.entries, series_entries()[..entries]);
        let refusal = outcome.refusal();
        assert!(refusal.is_cut());
        assert!(matches!(refusal, UnpackError::Source(error) if error.kind() == ErrorKind::ConnectionReset));
    }
}

#[test]
fn a_refused_zip_stays_refused() {
    let body = JavaZip::new().odd_entry("odd", b"o", Oddity::WrongCrc).entry("next", b"n").finish();
    let mut zip = ZipStream::new(&body[..], LIMITS);
    let mut entry = zip.next_entry().unwrap().unwrap();
    assert_eq!(entry.next_chunk().unwrap(), Some(&b"o"[..]));
    assert!(entry.next_chunk().is_err());

    assert!(matches!(entry.next_chunk(), Err(UnpackError::Refused)));
    assert!(matches!(zip.next_entry().err(), Some(UnpackError::Refused)));
}

#[test]
fn a_text_is_no_zip_and_is_quoted() {
    let refusal =
        Outcome::of(&b"Image with given SeriesInstanceUID,1.2.3, is not in public domain."[..]).refusal();

    assert!(!refusal.is_cut());
    assert_eq!(refusal.to_string(), "not a ZIP, it begins with \"Image with given SeriesInsta\"");
}

#[test]
fn limits_allow_what_they_say_and_no_byte_more() {
    let body = JavaZip::new().entry("a", &[1; 1000]).entry("b", &[2; 500]).finish();
    let exact = Limits { max_entry_bytes: 1000, max_total_bytes: 1500, max_entries: 2 };
    let refusal = |limits| match Outcome::within(limits, &body[..]).refusal() {
        UnpackError::OverLimit { what, allowed, .. } => (what, allowed),
        other => panic!("{other}"),
    };

    assert_eq!(Outcome::within(exact, &body[..]).whole().len(), 2);
    assert_eq!(refusal(Limits { max_entry_bytes: 999, ..exact }), ("bytes in one entry", 999));
    assert_eq!(refusal(Limits { max_total_bytes: 1499, ..exact }), ("bytes in all entries", 1499));
    assert_eq!(refusal(Limits { max_entries: 1, ..exact }), ("entries", 1));
}

#[test]
fn an_entry_that_was_stored_is_held_to_the_limits_too() {
    let body = written_by_zip_crate(stored(), &[unpacked("a", &[0; 1000])]);

    let refusal = Outcome::within(Limits { max_entry_bytes: 999, ..LIMITS }, &body[..]).refusal();

    assert!(matches!(refusal, UnpackError::OverLimit { .. }), "{refusal}");
}

#[test]
fn a_bomb_is_given_up_within_a_chunk_of_its_limit() {
    let body = JavaZip::new().entry("bomb", &vec![0; 100 << 20]).finish();
    let limits = Limits { max_entry_bytes: 1 << 20, ..LIMITS };
    let mut zip = ZipStream::new(&body[..], limits);
    let mut entry = zip.next_entry().unwrap().unwrap();

    while entry.next_chunk().is_ok() {}

    assert!(zip.total_bytes <= (1 << 20) + CHUNK_BYTES as u64);
}

#[test]
fn packed_data_that_unpacks_to_nothing_is_given_up() {
    let header = JavaZip::new().entry("a", b"").finish_cut(31);
    let block = b"\0\0\0\xff\xff".to_vec();
    let source = header.chain(Repeated { block, at: 0, left: 1 << 20 });

    let refusal = Outcome::of(source).refusal();

    assert!(matches!(refusal, UnpackError::Hollow { uncompressed_bytes: 0, .. }), "{refusal}");
}

#[test]
fn a_name_is_shown_escaped_and_cut() {
    let name = EntryName(b"../\x1b[2J\xff ok".to_vec());
    assert_eq!(name.to_string(), "../\\x1b[2J\\xff ok");

    let name = EntryName(vec![b'n'; 65_535]);
    assert_eq!(name.to_string(), format!("{}…", "n".repeat(120)));
}

#[test]
fn each_flipped_bit_is_noticed_or_harmless() {
    let whole = series().finish();
    for bit in 0..whole.len() * 8 {
        let mut body = whole.clone();
        body[bit / 8] ^= 1 << (bit % 8);

        let outcome = Outcome::of(&body[..]);

        assert!(outcome.end.is_err() || outcome.entries == series_entries(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn any_entries_come_back_as_they_were_sent(
        entries in vec((".{0,20}", content()), 0..6),
        at_once in 1..9000_usize,
    ) {
        let zip = entries.iter().fold(JavaZip::new(), |zip, (name, content)| zip.entry(name, content));
        let body = zip.finish();

        let outcome = Outcome::of(BufReader::with_capacity(at_once, &body[..]));

        let sent: Vec<_> = entries.iter().map(|(name, content)| unpacked(name, content)).collect();
        prop_assert_eq!(outcome.whole(), sent);
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes in vec(any::<u8>(), 0..2000), known in 0..5_usize) {
        let beginnings: [&[u8]; 5] = [b"", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"];
        let body = [beginnings[known], &bytes].concat();

        let outcome = Outcome::within(Limits { max_total_bytes: 1 << 20, ..LIMITS }, &body[..]);

        prop_assert!(outcome.end.is_err());
    }

    #[test]
    fn a_damaged_zip_never_passes_for_another_one(
        at in any::<prop::sample::Index>(),
        removed in 0..40_usize,
        inserted in vec(any::<u8>(), 0..40),
    ) {
        let mut body = series().finish();
        let at = at.index(body.len());
        let end = (at + removed).min(body.len());
        body.splice(at..end, inserted);

        let outcome = Outcome::of(&body[..]);

        prop_assert!(outcome.end.is_err() || outcome.entries == series_entries());
    }

    #[test]
    fn every_beginning_of_a_zip_is_a_cut(
        entries in vec((".{0,20}", content()), 0..4),
        length in any::<prop::sample::Index>(),
        at_once in 1..9000_usize,
    ) {
        let zip = entries.iter().fold(JavaZip::new(), |zip, (name, content)| zip.entry(name, content));
        let mut body = zip.finish();
        body.truncate(length.index(body.len()));

        let refusal = Outcome::of(BufReader::with_capacity(at_once, &body[..])).refusal();

        prop_assert!(refusal.is_cut(), "{}", refusal);
    }

    #[test]
    fn the_zip_crate_reads_the_same(contents in vec(content(), 0..5)) {
        let entries = numbered(&contents);
        let add = |zip: JavaZip, (name, content): &Unpacked| zip.entry(str::from_utf8(name).unwrap(), content);
        let body = entries.iter().fold(JavaZip::new(), add).finish();

        prop_assert_eq!(Outcome::of(&body[..]).whole(), &entries[..]);
        prop_assert_eq!(read_by_zip_crate(&body), entries);
    }

    #[test]
    fn what_the_zip_crate_writes_is_read(contents in vec(content(), 0..5), form in 0..6_usize) {
        let entries = numbered(&contents);
        let body = match form {
            0 => written_by_zip_crate(stored(), &entries),
            1 => written_by_zip_crate(deflated(), &entries),
            2 => written_by_zip_crate(stored().large_file(true), &entries),
            3 => written_by_zip_crate(deflated().large_file(true), &entries),
            4 => streamed_by_zip_crate(deflated(), &entries),
            _ => streamed_by_zip_crate(deflated().large_file(true), &entries),
        };

        prop_assert_eq!(Outcome::of(&body[..]).whole(), entries);
    }
}

/// Data that shrinks well, or little.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..3000),
        (any::<u8>(), 0..600_000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// Entries of different names.
fn numbered(contents: &[Vec<u8>]) -> Vec<Unpacked> {
    let numbered = contents.iter().enumerate();
    numbered.map(|(number, content)| unpacked(&number.to_string(), content)).collect()
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

/// Sizes in the local headers: the `zip` crate goes back and fills them in.
fn written_by_zip_crate(options: SimpleFileOptions, entries: &[Unpacked]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    write_entries(ZipWriter::new(&mut bytes), options, entries);
    bytes.into_inner()
}

/// Sizes in descriptors.
fn streamed_by_zip_crate(options: SimpleFileOptions, entries: &[Unpacked]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_entries(ZipWriter::new_stream(&mut bytes), options, entries);
    bytes
}

fn write_entries<W: Write + io::Seek>(
    mut zip: ZipWriter<W>,
    options: SimpleFileOptions,
    entries: &[Unpacked],
) {
    for (name, content) in entries {
        zip.start_file(str::from_utf8(name).unwrap(), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().map(drop).unwrap();
}

fn read_by_zip_crate(body: &[u8]) -> Vec<Unpacked> {
    let mut zip = ZipArchive::new(Cursor::new(body)).unwrap();
    (0..zip.len())
        .map(|number| {
            let mut entry = zip.by_index(number).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name_raw().to_vec(), content)
        })
        .collect()
}

/// A source that has failed.
struct Reset;

impl Read for Reset {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::ConnectionReset.into())
    }
}

/// A source to which a signal comes before each read.
struct Interrupted<'a> {
    bytes: &'a [u8],
    is_interrupted: bool,
}

impl<'a> Interrupted<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, is_interrupted: false }
    }
}

impl Read for Interrupted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted { Err(ErrorKind::Interrupted.into()) } else { self.bytes.read(into) }
    }
}

/// The same bytes again and again.
struct Repeated {
    block: Vec<u8>,
    at: usize,
    left: u64,
}

impl BufRead for Repeated {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(if self.left > 0 { &self.block[self.at..] } else { &[] })
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
        if self.at == self.block.len() {
            self.at = 0;
            self.left -= 1;
        }
    }
}

impl Read for Repeated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}
