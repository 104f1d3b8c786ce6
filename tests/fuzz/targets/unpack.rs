//! Any bytes as a ZIP: the reader ends, keeps its limits, does not depend on the pieces in which the ZIP arrives, and
//! gives what the `zip` crate gives wherever both accept.

#![no_main]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Cursor, Read};

use libfuzzer_sys::fuzz_target;
use tcia_mirror::fetch::unpack::{Limits, UnpackError, ZipStream};

const LIMITS: Limits = Limits { max_entry_bytes: 1 << 16, max_total_bytes: 1 << 18, max_entries: 64 };

/// Name and bytes of each entry that was proven.
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fuzz_target!(|bytes: &[u8]| {
    let (whole, end) = read(bytes);
    let (in_pieces, end_in_pieces) = read(BufReader::with_capacity(3, bytes));

    assert_eq!(whole, in_pieces, "the pieces change what is read");
    assert_eq!(end.is_ok(), end_in_pieces.is_ok(), "the pieces change how it ends");
    if end.is_ok()
        && let Some(theirs) = by_the_zip_crate(bytes)
    {
        let names: BTreeSet<_> = whole.iter().map(|(name, _)| name).collect();
        // of two entries of one name the crate gives one
        assert!(names.len() < whole.len() || whole == theirs, "the zip crate reads something else");
    }
});

fn read(source: impl BufRead) -> (Entries, Result<(), UnpackError>) {
    let (mut entries, mut total) = (Vec::new(), 0);
    let mut zip = ZipStream::new(source, LIMITS);
    loop {
        let mut entry = match zip.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => return (entries, Ok(())),
            Err(error) => return (entries, Err(error)),
        };
        let (name, mut data) = (entry.name().as_bytes().to_vec(), Vec::new());
        loop {
            match entry.next_chunk() {
                Ok(Some(chunk)) => data.extend_from_slice(chunk),
                Ok(None) => break,
                Err(error) => return (entries, Err(error)),
            }
            assert!(data.len() as u64 <= LIMITS.max_entry_bytes, "an entry over the limit");
        }
        total += data.len() as u64;
        entries.push((name, data));
        assert!(total <= LIMITS.max_total_bytes && entries.len() as u64 <= LIMITS.max_entries, "a ZIP over the limit");
    }
}

/// What the other reader makes of it, if it takes it whole.
fn by_the_zip_crate(bytes: &[u8]) -> Option<Entries> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut entries = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).ok()?;
        let mut data = Vec::new();
        entry.read_to_end(&mut data).ok()?;
        entries.push((entry.name_raw().to_vec(), data));
    }
    Some(entries)
}
