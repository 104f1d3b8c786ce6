//! What the tests of this module work with: a root in a temporary directory, and files whose digests are known.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Expected, Incoming, Placed, Root, SeriesPath, Staging};
use crate::dicom::{Instance, SeriesInstanceUid, SopInstanceUid};

/// The series of the tests.
pub(super) const SERIES: &str = "1.2.826.0.7";
/// Where it goes.
pub(super) const PLACE: &str = "Lung Tests/P-007/1.2.826.0.5/1.2.826.0.7";
/// Where it waits.
pub(super) const STAGED: &str = ".tcia-mirror/staging/1.2.826.0.7";

/// A file and what `md5sum`, `sha256sum` and Python's `zlib.crc32` say of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) sop_instance_uid: &'static str,
    pub(super) content: &'static [u8],
    crc32: u32,
    md5: &'static str,
    sha256: &'static str,
}

pub(super) const FIRST: Sample = Sample {
    sop_instance_uid: "1.2.826.0.7.1",
    content: b"the first instance\n",
    crc32: 0x5422_4755,
    md5: "a414123299213f72c6d0d41bbc30268e",
    sha256: "585cd41ac83d898586115e1973fd78068ad76befff8ab09fb712d2ee29754501",
};

pub(super) const SECOND: Sample = Sample {
    sop_instance_uid: "1.2.826.0.7.2",
    content: b"the second instance\n",
    crc32: 0x44a9_ea21,
    md5: "7b6c022f289c3517803a24cee043e730",
    sha256: "fad68977074972134b60811300a8ba0b6be0df4e62f00a9e478506dab23c4eb1",
};

pub(super) const THIRD: Sample = Sample {
    sop_instance_uid: "1.2.826.0.7.3",
    content: b"the third instance\n",
    crc32: 0x4354_1920,
    md5: "753701963e4a7c5fd32da2dbdec8bafe",
    sha256: "1af7dada114dc5a131be09e8f67aa87012412b259ae7df71714ead7d39ef93a7",
};

pub(super) const LICENCE_TEXT: &[u8] = b"a licence\n";
/// What `sha256sum` says of it.
pub(super) const LICENCE_SHA256: &str = "740530fc57f0adbfb57d94c79e96d6dd2fb066542ab02cd23f668435d728d33a";

impl Sample {
    pub(super) fn uid(&self) -> SopInstanceUid {
        SopInstanceUid::parse(self.sop_instance_uid).unwrap()
    }

    pub(super) fn md5(&self) -> [u8; 16] {
        hex(self.md5)
    }

    pub(super) fn instance(&self) -> Instance {
        Instance {
            sop_instance_uid: self.uid(),
            size_bytes: self.content.len() as u64,
            crc32: self.crc32,
            md5: self.md5(),
            sha256: hex(self.sha256),
        }
    }

    /// These bytes under the name of another instance.
    pub(super) fn named_as(self, other: &Self) -> Self {
        Self { sop_instance_uid: other.sop_instance_uid, ..self }
    }
}

/// Digits as a digest.
pub(super) fn hex<const BYTES: usize>(digits: &str) -> [u8; BYTES] {
    assert_eq!(digits.len(), 2 * BYTES);
    std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
}

pub(super) fn series() -> SeriesInstanceUid {
    SeriesInstanceUid::parse(SERIES).unwrap()
}

pub(super) fn place() -> SeriesPath {
    SeriesPath::recorded(PLACE).unwrap()
}

/// A root that goes with the test.
pub(super) struct Scratch {
    pub(super) root: Root,
    directory: TempDir,
}

impl Scratch {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { root: Root::lock(directory.path()).unwrap(), directory }
    }

    /// A path inside the root.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.directory.path().join(inside)
    }

    /// Writes a file behind the back of the program, with the directories above it.
    pub(super) fn write(&self, inside: &str, content: &[u8]) {
        write(&self.path(inside), content);
    }

    pub(super) fn read(&self, inside: &str) -> Vec<u8> {
        std::fs::read(self.path(inside)).unwrap()
    }

    /// Flips one bit in the middle of a file.
    pub(super) fn flip(&self, inside: &str) {
        let mut content = self.read(inside);
        let middle = content.len() / 2;
        content[middle] ^= 1;
        self.write(inside, &content);
    }

    /// Sorted names of the entries of a directory.
    pub(super) fn names(&self, inside: &str) -> Vec<String> {
        names(&self.path(inside))
    }

    /// Opens the staging directory of the series and stages files in it.
    pub(super) fn stage(&self, samples: &[Sample]) -> Staging {
        let mut staging = Staging::open(&self.root, &series(), Vec::new()).unwrap();
        for sample in samples {
            let incoming = arrive(&mut staging, sample.content);
            staging.keep(incoming, sample.uid()).unwrap();
        }
        staging
    }

    /// Stages, verifies and places a series without a licence.
    pub(super) fn place(&self, samples: &[Sample], stamp: &str) -> Placed {
        self.commit(self.stage(samples), stamp)
    }

    /// Verifies and places what is staged.
    pub(super) fn commit(&self, staging: Staging, stamp: &str) -> Placed {
        let image_count = u32::try_from(staging.instances().len()).ok();
        let expected = Expected { image_count, ..Expected::default() };
        staging.finish().verify(&expected).unwrap().commit(&self.root, &place(), stamp).unwrap()
    }
}

/// A file that arrives in two pieces.
pub(super) fn arrive(staging: &mut Staging, content: &[u8]) -> Incoming {
    let mut incoming = staging.begin().unwrap();
    let (beginning, end) = content.split_at(content.len() / 3);
    incoming.write(beginning).unwrap();
    incoming.write(end).unwrap();
    incoming
}

pub(super) fn write(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(content).unwrap();
}

pub(super) fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}
