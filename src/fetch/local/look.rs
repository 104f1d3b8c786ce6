//! What a file says it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;

use dicom_dictionary_std::tags;

use super::super::unpack::{Entry, UnpackError, ZipStream};
use super::{LIMITS, Unidentified, identify_file, open};
use crate::dicom::{HeaderError, IdentifyingHeader, identify};
use crate::nbia::chain;

/// First bytes of a ZIP that has an entry.
const ZIP: &[u8] = b"PK\x03\x04";
/// (0002,0002) of a DICOMDIR, the table of contents of a medium (PS3.6, Media Storage Directory Storage).
const DIRECTORY: &[u8] = b"1.2.840.10008.1.3.10";
/// It stands within so many bytes, behind a preamble and three short elements.
const DIRECTORY_WITHIN: usize = 256;

/// What was found in a file.
#[derive(Debug)]
pub enum Look {
    /// An instance: the file itself, or an entry of it, by its number among the entries of the ZIP.
    Instance {
        /// Which entry.
        entry: Option<u64>,
        /// What it says it is.
        header: IdentifyingHeader,
        /// Its length.
        size_bytes: u64,
    },
    /// Neither an image nor a ZIP; of a ZIP each entry that is no image.
    NotDicom,
    /// What should be an image and cannot be one, or a file that cannot be read to its end.
    Doubtful {
        /// The name of an entry of a ZIP.
        entry: Option<String>,
        /// Why.
        reason: String,
    },
}

/// Tells what a file says it is, and of a ZIP what each of its entries does. Plain files are read as far as their UIDs.
pub fn look(path: &Path, tell: &mut dyn FnMut(Look)) {
    let doubtful = |reason| Look::Doubtful { entry: None, reason };
    let found = open(path).and_then(|file| {
        let size_bytes = file.metadata()?.len();
        let is_zip = is_zip(&file)?;
        Ok((file, size_bytes, is_zip))
    });
    match found {
        Err(error) => tell(doubtful(format!("it cannot be read: {error}"))),
        Ok((file, _, true)) => {
            if let Err(error) = look_into_zip(file, tell) {
                tell(doubtful(format!("the ZIP cannot be read to its end: {}", chain(&error))));
            }
        }
        Ok((file, size_bytes, false)) => tell(match identify_file(&file) {
            Ok(header) => Look::Instance { entry: None, header, size_bytes },
            Err(Unidentified::Header(error)) if is_no_image(&error) => Look::NotDicom,
            Err(_)
                if beginning::<DIRECTORY_WITHIN>(&file).is_ok_and(|beginning| is_directory(&beginning)) =>
            {
                Look::NotDicom
            }
            Err(error) => doubtful(chain(&error)),
        }),
    }
}

/// Whether it begins as a ZIP does; a preamble may be any 128 bytes, and what has one is DICOM.
fn is_zip(file: &File) -> io::Result<bool> {
    let beginning = beginning::<132>(file)?;
    Ok(beginning.starts_with(ZIP) && &beginning[128..] != b"DICM")
}

/// The first bytes of a file, zeros behind a shorter one.
fn beginning<const LENGTH: usize>(file: &File) -> io::Result<[u8; LENGTH]> {
    let mut beginning = [0; LENGTH];
    let mut filled = 0;
    while filled < LENGTH {
        match file.read_at(&mut beginning[filled..], filled as u64)? {
            0 => break,
            amount => filled += amount,
        }
    }
    Ok(beginning)
}

fn is_no_image(error: &HeaderError) -> bool {
    matches!(error, HeaderError::NotDicom { .. } | HeaderError::Missing { tag: tags::SOP_INSTANCE_UID })
}

/// Whether a file lists images, and is none itself.
fn is_directory(beginning: &[u8]) -> bool {
    let beginning = &beginning[..beginning.len().min(DIRECTORY_WITHIN)];
    beginning.windows(DIRECTORY.len()).any(|bytes| bytes == DIRECTORY)
}

fn look_into_zip(file: File, tell: &mut dyn FnMut(Look)) -> Result<(), UnpackError> {
    let mut zip = ZipStream::new(BufReader::with_capacity(256 << 10, file), LIMITS);
    let mut number = 0;
    // what was read to its end before the ZIP breaks off is proven by its CRC-32
    while let Some(mut entry) = zip.next_entry()? {
        let found = look_at_entry(&mut entry, number)?;
        tell(found);
        number += 1;
    }
    Ok(())
}

fn look_at_entry<R: BufRead>(entry: &mut Entry<'_, R>, number: u64) -> Result<Look, UnpackError> {
    let name = entry.name().to_string();
    let (mut beginning, mut size_bytes, mut header) = (Vec::new(), 0, Ok(None));
    while let Some(bytes) = entry.next_chunk()? {
        size_bytes += bytes.len() as u64;
        if matches!(header, Ok(None)) {
            // looked at once a chunk: what an image refers to before its UIDs may be long
            beginning.extend_from_slice(bytes);
            header = identify(&beginning, false);
        }
    }
    if matches!(header, Ok(None)) {
        header = identify(&beginning, true);
    }
    Ok(match header {
        Ok(Some(header)) => Look::Instance { entry: Some(number), header, size_bytes },
        Err(error) if !is_no_image(&error) && !is_directory(&beginning) => Look::Doubtful {
            entry: Some(name),
            reason: format!("its header cannot be read: {}", chain(&error)),
        },
        _ => Look::NotDicom,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dicom").join(name)
    }

    fn found_in(path: &Path) -> Vec<Look> {
        let mut found = Vec::new();
        look(path, &mut |one| found.push(one));
        found
    }

    fn zip_of(entries: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
        for (name, bytes) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    fn temporary(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn every_kind_of_image_is_one_and_what_lists_images_is_none() {
        for name in ["rtstruct_no_meta.dcm", "mr_implicit_le.dcm", "ot_deflated.dcm", "seg.dcm"] {
            let found = found_in(&data(name));
            assert!(matches!(found[..], [Look::Instance { entry: None, .. }]), "{name}: {found:?}");
        }
        for path in [data("dicomdir"), data("README.md")] {
            let found = found_in(&path);
            assert!(matches!(found[..], [Look::NotDicom]), "{}: {found:?}", path.display());
        }
    }

    #[test]
    fn a_zip_is_looked_into_and_its_entries_keep_their_numbers() {
        let image = std::fs::read(data("mr_implicit_le.dcm")).unwrap();
        let zip =
            zip_of(&[("LICENSE", b"text"), ("a.dcm", &image), ("cut.dcm", &image[..300]), ("b", &image)]);

        let found = found_in(zip.path());

        let [
            Look::NotDicom,
            Look::Instance { entry: Some(1), size_bytes, .. },
            Look::Doubtful { entry, .. },
            last,
        ] = &found[..]
        else {
            panic!("{found:?}")
        };
        assert_eq!((*size_bytes, entry.as_deref()), (image.len() as u64, Some("cut.dcm")));
        assert!(matches!(last, Look::Instance { entry: Some(3), .. }), "{last:?}");
    }

    #[test]
    fn an_image_with_the_preamble_of_a_zip_is_an_image() {
        let mut image = std::fs::read(data("mr_implicit_le.dcm")).unwrap();
        image[..4].copy_from_slice(ZIP);

        let found = found_in(temporary(&image).path());

        assert!(matches!(found[..], [Look::Instance { entry: None, .. }]), "{found:?}");
    }

    #[test]
    fn what_cannot_be_opened_is_doubtful() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().to_owned(), directory.path().join("nothing")] {
            let found = found_in(&path);
            assert!(matches!(found[..], [Look::Doubtful { entry: None, .. }]), "{found:?}");
        }
    }
}
