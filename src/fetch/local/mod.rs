//! Files on this machine that other tools have downloaded: what each says it is, and those of one series staged.
//!
//! Names and folders mean nothing: the header says which instance a file is. Nothing is written beside the staging
//! directory, links are not followed, and only regular files are opened.

mod gather;
mod look;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

pub use self::gather::{Contest, Doubt, Gathered, LocalFile, OTHER_MD5, gather, settle};
pub use self::look::{Look, look};
use super::unpack::Limits;
use crate::dicom::{HeaderError, IdentifyingHeader, Instance, SeriesInstanceUid, SopInstanceUid, identify};
use crate::mirror::FileState;

/// How much of a file is looked at first; the usual image has its UIDs in it.
const FIRST_LOOK: usize = 8 << 10;

/// What a ZIP that lies here may cost: what is not DICOM is passed over and never written anywhere.
const LIMITS: Limits =
    Limits { max_entry_bytes: 16 << 30, max_total_bytes: u64::MAX, max_entries: 4_000_000 };

/// Why a file cannot say which instance it is.
#[derive(Debug, thiserror::Error)]
enum Unidentified {
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    #[error("its header cannot be read")]
    Header(#[source] HeaderError),
}

/// Opens a regular file, and nothing else: a pipe would block, a link may lead anywhere.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// Looks for the UIDs of a file, from its beginning, whoever has read in it before.
fn identify_file(file: &File) -> Result<IdentifyingHeader, Unidentified> {
    let (mut beginning, mut filled) = (vec![0; FIRST_LOOK], 0);
    loop {
        while filled < beginning.len() {
            match file.read_at(&mut beginning[filled..], filled as u64) {
                Ok(0) => break,
                Ok(amount) => filled += amount,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Unidentified::Read(error)),
            }
        }
        let is_whole = filled < beginning.len();
        match identify(&beginning[..filled], is_whole) {
            Ok(Some(header)) => return Ok(header),
            Ok(None) => beginning.resize(beginning.len() * 2, 0),
            Err(error) => return Err(Unidentified::Header(error)),
        }
    }
}

/// Removes a file if it is an instance of a series that is placed, with the same bytes; whether it was.
pub fn remove_placed(
    path: &Path,
    series: &SeriesInstanceUid,
    placed: &BTreeMap<SopInstanceUid, Instance>,
) -> io::Result<bool> {
    let file = open(path)?;
    let Ok(header) = identify_file(&file) else { return Ok(false) };
    let instance = placed.get(&header.sop_instance_uid).filter(|_| header.series_instance_uid == *series);
    let Some(instance) = instance else { return Ok(false) };
    FileState::of_same(&file, instance)?.map_or(Ok(false), |state| state.remove(path))
}
