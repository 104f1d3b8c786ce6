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
            Err(error) => doubtful(chain(&error)),
        }),
    }
}

/// Whether it begins as a ZIP does; a preamble may be any 128 bytes, and what has one is DICOM.
fn is_zip(file: &File) -> io::Result<bool> {
    let mut beginning = [0; 132];
    let mut filled = 0;
    while filled < beginning.len() {
        match file.read_at(&mut beginning[filled..], filled as u64)? {
            0 => break,
            amount => filled += amount,
        }
    }
    Ok(beginning.starts_with(ZIP) && &beginning[128..] != b"DICM")
}

/// Other files are no images, and neither is a directory of them (DICOMDIR), which is no instance.
fn is_no_image(error: &HeaderError) -> bool {
    matches!(error, HeaderError::NotDicom { .. } | HeaderError::Missing { tag: tags::SOP_INSTANCE_UID })
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
        Err(error) if !is_no_image(&error) => Look::Doubtful {
            entry: Some(name),
            reason: format!("its header cannot be read: {}", chain(&error)),
        },
        _ => Look::NotDicom,
    })
}
