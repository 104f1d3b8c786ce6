//! Reading a placed series, for those who hand its files out.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::directory::Directory;
use super::layout::SeriesPath;
use super::root::Root;
use super::staging::{LICENSE, file_name};
use crate::dicom::{IdentifyingHeader, SopInstanceUid, identify};

/// How much of a file is read at first for its header: most have it there.
const FIRST_BYTES: u64 = 8 << 10;

/// The directory of a placed series, held open: the files of a revision that takes its place meanwhile do not mix in.
#[derive(Debug)]
pub struct SeriesFiles(Directory);

impl Root {
    /// Opens the directory of a placed series.
    pub fn open_series(&self, path: &SeriesPath) -> io::Result<SeriesFiles> {
        self.parent_of(path)?.sub(path.name()).map(SeriesFiles)
    }
}

impl SeriesFiles {
    /// The file of an instance; a link or anything else that is no regular file is an error.
    pub fn instance(&self, instance: &SopInstanceUid) -> io::Result<File> {
        self.0.read(&file_name(instance))
    }

    /// What the header of an instance says, read as far as is needed; an error also where it cannot be told.
    pub fn header(&self, instance: &SopInstanceUid) -> io::Result<IdentifyingHeader> {
        let mut file = self.instance(instance)?;
        let (mut beginning, mut most) = (Vec::new(), FIRST_BYTES);
        loop {
            let wanted = most - beginning.len() as u64;
            let is_whole = (&mut file).take(wanted).read_to_end(&mut beginning)? as u64 != wanted;
            match identify(&beginning, is_whole) {
                Ok(Some(header)) => return Ok(header),
                Ok(None) => most *= 2,
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    }

    /// The licence text, under the same rule.
    pub fn license(&self) -> io::Result<File> {
        self.0.read(LICENSE)
    }

    /// The licence text, if it is the one of this SHA-256.
    pub fn recorded_license(&self, sha256: [u8; 32]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let read = self.license().and_then(|mut file| file.read_to_end(&mut text));
        (read.is_ok() && Sha256::digest(&text).as_slice() == sha256).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::super::fixture::{FIRST, LICENCE_TEXT, PLACE, SECOND, Scratch, THIRD, place};
    use super::*;

    fn content(file: io::Result<File>) -> Vec<u8> {
        let mut content = Vec::new();
        file.unwrap().read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn a_placed_series_gives_its_instances_and_its_licence() {
        let scratch = Scratch::new();
        let mut staging = scratch.stage(&[FIRST]);
        staging.keep_license(LICENCE_TEXT).unwrap();
        scratch.commit(staging, "1");

        let files = scratch.root.open_series(&place()).unwrap();

        assert_eq!(content(files.instance(&FIRST.uid())), FIRST.content);
        assert_eq!(content(files.license()), LICENCE_TEXT);
        assert_eq!(files.instance(&SECOND.uid()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_header_is_read_as_far_as_it_reaches() {
        let scratch = Scratch::new();
        let element = |tag: [u8; 4], vr: &str, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap().to_le_bytes();
            [tag.as_slice(), vr.as_bytes(), &length, value].concat()
        };
        let file = [
            &[0; 128],
            b"DICM".as_slice(),
            &element([0x08, 0, 0x16, 0], "UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
            &element([0x08, 0, 0x18, 0], "UI", b"1.2.826.0.7.1\0"),
            &element([0x10, 0, 0x10, 0], "LT", &vec![b'x'; 40_000]),
            &element([0x20, 0, 0x0D, 0], "UI", b"1.2.826.0.5\0"),
            &element([0x20, 0, 0x0E, 0], "UI", b"1.2.826.0.7\0"),
        ];
        scratch.write(&format!("{PLACE}/1.2.826.0.7.1.dcm"), &file.concat());
        scratch.write(&format!("{PLACE}/1.2.826.0.7.2.dcm"), SECOND.content);
        let files = scratch.root.open_series(&place()).unwrap();

        let class = files.header(&FIRST.uid()).unwrap().sop_class_uid.unwrap();

        assert_eq!(class.as_str(), "1.2.840.10008.5.1.4.1.1.2");
        assert_eq!(files.header(&SECOND.uid()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_link_is_not_handed_out() {
        let scratch = Scratch::new();
        scratch.place(&[FIRST], "1");
        scratch.write("secret", b"not ours");
        symlink(scratch.path("secret"), scratch.path(&format!("{PLACE}/LICENSE"))).unwrap();

        let files = scratch.root.open_series(&place()).unwrap();

        assert!(files.license().is_err());
    }

    #[test]
    fn a_revision_does_not_mix_into_a_series_that_is_being_read() {
        let scratch = Scratch::new();
        scratch.place(&[FIRST, SECOND], "1");
        let files = scratch.root.open_series(&place()).unwrap();

        scratch.place(&[SECOND.named_as(&FIRST), THIRD], "2");

        assert_eq!(content(files.instance(&FIRST.uid())), FIRST.content);
        assert_eq!(content(files.instance(&SECOND.uid())), SECOND.content);
        assert!(files.instance(&THIRD.uid()).is_err());
    }
}
