//! One bit fallen over, at every place of a ZIP that means something.
//!
//! Either the place is of no account and the tree is right, or the ZIP is refused: never are there wrong bytes.

use super::lies::{added, zip};
use super::{Kind, Row, harmless, image};
use crate::support::java_zip::JavaZip;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";

/// What a bit that fell over means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Nothing that anybody reads.
    Nothing,
    /// The ZIP ends there: what follows does not arrive.
    End,
    /// All instances have come, and only the ZIP is refused: the next try finds them staged and proves them without it.
    Afterwards,
}

use Meaning::{Afterwards, End as Ends, Nothing};

/// Record, byte of it, what stands there, what the bit means.
type Place = ([u8; 4], usize, &'static str, Meaning);

const PLACES: [Place; 49] = [
    (LOCAL, 0, "the signature of a local header", Ends),
    (LOCAL, 4, "the version in a local header", Nothing),
    (LOCAL, 6, "the flag of encryption in a local header", Ends),
    (LOCAL, 8, "the packing method in a local header", Ends),
    (LOCAL, 10, "the time in a local header", Nothing),
    (LOCAL, 12, "the date in a local header", Nothing),
    (LOCAL, 14, "the unused CRC-32 in a local header", Nothing),
    (LOCAL, 18, "the unused packed size in a local header", Nothing),
    (LOCAL, 22, "the unused size in a local header", Nothing),
    (LOCAL, 26, "the length of the name in a local header", Ends),
    (LOCAL, 28, "the length of the extra field in a local header", Ends),
    (LOCAL, 30, "the name in a local header", Afterwards),
    (LOCAL, 37, "the first byte of the data", Ends),
    (LOCAL, 38, "the second byte of the data", Ends),
    (LOCAL, 200, "the middle of the data", Ends),
    (DESCRIPTOR, 0, "the signature of a descriptor", Ends),
    (DESCRIPTOR, 4, "the CRC-32 in a descriptor", Ends),
    (DESCRIPTOR, 7, "the last byte of the CRC-32 in a descriptor", Ends),
    (DESCRIPTOR, 8, "the packed size in a descriptor", Ends),
    (DESCRIPTOR, 11, "the last byte of the packed size in a descriptor", Ends),
    (DESCRIPTOR, 12, "the size in a descriptor", Ends),
    (DESCRIPTOR, 15, "the last byte of the size in a descriptor", Ends),
    (DIRECTORY, 0, "the signature of a directory header", Afterwards),
    (DIRECTORY, 4, "the maker in a directory header", Nothing),
    (DIRECTORY, 6, "the version in a directory header", Nothing),
    (DIRECTORY, 8, "the flag of encryption in a directory header", Afterwards),
    (DIRECTORY, 10, "the packing method in a directory header", Afterwards),
    (DIRECTORY, 12, "the time in a directory header", Nothing),
    (DIRECTORY, 16, "the CRC-32 in a directory header", Afterwards),
    (DIRECTORY, 20, "the packed size in a directory header", Afterwards),
    (DIRECTORY, 24, "the size in a directory header", Afterwards),
    (DIRECTORY, 28, "the length of the name in a directory header", Afterwards),
    (DIRECTORY, 30, "the length of the extra field in a directory header", Afterwards),
    (DIRECTORY, 32, "the length of the comment in a directory header", Afterwards),
    (DIRECTORY, 34, "the disk in a directory header", Nothing),
    (DIRECTORY, 36, "the inner attributes in a directory header", Nothing),
    (DIRECTORY, 38, "the outer attributes in a directory header", Nothing),
    (DIRECTORY, 42, "the offset in a directory header", Afterwards),
    (DIRECTORY, 46, "the name in a directory header", Afterwards),
    (END, 0, "the signature of the end", Afterwards),
    (END, 4, "the disk in the end", Afterwards),
    (END, 6, "the disk of the directory in the end", Afterwards),
    (END, 8, "the number of entries on this disk in the end", Afterwards),
    (END, 10, "the number of entries in the end", Afterwards),
    (END, 12, "the size of the directory in the end", Afterwards),
    (END, 14, "the third byte of the size of the directory in the end", Afterwards),
    (END, 16, "the offset of the directory in the end", Afterwards),
    (END, 19, "the last byte of the offset of the directory in the end", Afterwards),
    (END, 20, "the length of the comment in the end", Afterwards),
];

pub(super) fn rows() -> Vec<Row> {
    let row = |(signature, at, does, meaning): Place| {
        let flipped = zip(move |entries| {
            let mut zip = added(JavaZip::new(), &entries).finish();
            let place = second_record(&zip, signature) + at;
            zip[place] ^= 1;
            zip
        });
        match meaning {
            Nothing | Afterwards => harmless(Kind::Damaged, does, flipped),
            Ends => image(Kind::Damaged, does, flipped, "the ZIP cannot be read to its end"),
        }
    };
    PLACES.into_iter().map(row).collect()
}

/// Where the second record of a kind begins, the one of the first instance; of the end there is one only.
fn second_record(zip: &[u8], signature: [u8; 4]) -> usize {
    let records = zip.windows(4).enumerate().filter(|(_, bytes)| **bytes == signature);
    records.take(2).last().unwrap().0
}
