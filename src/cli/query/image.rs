//! Whether what arrives is an image at all, told from its two ends.

use std::io::Cursor;

use zip::ZipArchive;

use crate::nbia::dialect::Answer;

/// What a ZIP begins with.
const ZIP: &[u8] = b"PK";
/// What stands in a DICOM file behind its preamble.
const DICOM: &[u8] = b"DICM";
const PREAMBLE: usize = 128;
/// What the end record of a ZIP begins with.
const END: &[u8] = b"PK\x05\x06";
/// The end record without its comment, and the longest comment (APPNOTE 4.3.16).
const END_BYTES: usize = 22;
const LONGEST_COMMENT: usize = 0xFFFF;

/// What an answer is, by its ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// An image.
    Whole,
    /// A ZIP that ends in the middle.
    Cut,
    /// A ZIP without any file.
    WithoutFiles,
}

/// Whether an answer may be an image, by its first bytes; a DICOM file need not have a preamble.
pub(super) fn begins_well(answer: Answer, beginning: &[u8]) -> bool {
    match answer {
        Answer::Zip => beginning.starts_with(ZIP),
        Answer::Dicom => {
            let is_page = beginning.trim_ascii_start().starts_with(b"<");
            !is_page || beginning.get(PREAMBLE..).is_some_and(|rest| rest.starts_with(DICOM))
        }
        Answer::List | Answer::Text => true,
    }
}

/// The last bytes of an answer.
#[derive(Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    received: usize,
}

impl Tail {
    /// Takes the next bytes and forgets what no end record can reach back to.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        self.bytes.extend_from_slice(bytes);
        let kept = END_BYTES + LONGEST_COMMENT;
        if self.bytes.len() > 2 * kept {
            self.bytes.drain(..self.bytes.len() - kept);
        }
    }

    /// What the answer was.
    pub(super) fn judge(self, answer: Answer) -> Ending {
        if answer != Answer::Zip {
            return Ending::Whole;
        }
        if !has_end(&self.bytes) {
            return Ending::Cut;
        }
        // a ZIP without files is short: all of it is here
        if self.received > self.bytes.len() { Ending::Whole } else { judge_short(&self.bytes) }
    }
}

fn has_end(tail: &[u8]) -> bool {
    let mut ends = tail.windows(END_BYTES).enumerate().filter(|(_, record)| record.starts_with(END));
    ends.any(|(at, record)| {
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        at + END_BYTES + comment == tail.len()
    })
}

fn judge_short(zip: &[u8]) -> Ending {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(zip)) else { return Ending::Cut };
    let mut entries = 0..archive.len();
    let has_files = entries.any(|entry| archive.by_index_raw(entry).is_ok_and(|entry| !entry.is_dir()));
    if has_files { Ending::Whole } else { Ending::WithoutFiles }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn a_long_zip_is_whole_only_with_its_last_byte() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file("1.dcm", stored).unwrap();
        zip.write_all(&vec![0; 5 * LONGEST_COMMENT]).unwrap();
        let zip = zip.finish().unwrap().into_inner();

        for (bytes, ending) in [(&zip[..], Ending::Whole), (&zip[..zip.len() - 1], Ending::Cut)] {
            let mut tail = Tail::default();
            bytes.chunks(10_000).for_each(|piece| tail.push(piece));
            assert_eq!(tail.judge(Answer::Zip), ending);
        }
    }

    #[test]
    fn a_dicom_file_may_begin_with_anything() {
        let preamble = [b"<".as_slice(), &[0; PREAMBLE - 1], DICOM].concat();
        assert!(begins_well(Answer::Dicom, &preamble));
        assert!(begins_well(Answer::Dicom, b"\x08\0\x05\0"));
        assert!(!begins_well(Answer::Dicom, b"\r\n<html>"));
    }
}
