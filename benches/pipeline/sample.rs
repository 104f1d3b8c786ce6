//! Real DICOM files with new UIDs and rolled voxels: series of any length that shrink as real ones do.

use clap::ValueEnum;

const CT: &[u8] = include_bytes!("../data/ct_512_explicit_le.dcm");
const MR: [&[u8]; 4] = [
    include_bytes!("../data/mr_brain_002.dcm"),
    include_bytes!("../data/mr_brain_003.dcm"),
    include_bytes!("../data/mr_brain_004.dcm"),
    include_bytes!("../data/mr_brain_005.dcm"),
];

/// Tag, representation and reserved bytes of pixel data; four bytes of length follow.
const PIXEL_DATA: &[u8] = b"\xE0\x7F\x10\x00OW\0\0";
/// Bytes of a voxel: rolling by whole voxels keeps their high bytes where they were.
const VOXEL_BYTES: usize = 2;
/// A prime number of voxels, so that no two instances of a series are rolled alike.
const ROLL_VOXELS: usize = 9973;

const META_INSTANCE: &[u8] = b"\x02\x00\x03\x00UI";
const SOP_INSTANCE: &[u8] = b"\x08\x00\x18\x00UI";
const STUDY_INSTANCE: &[u8] = b"\x20\x00\x0D\x00UI";
const SERIES_INSTANCE: &[u8] = b"\x20\x00\x0E\x00UI";

/// What the instances of a series look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Shape {
    /// CT, 526 kB: every second instance has the voxels of four MR slices.
    Ct,
    /// MR, 133 kB.
    Mr,
}

/// One instance.
pub(crate) struct Instance {
    pub(crate) study_instance_uid: String,
    pub(crate) series_instance_uid: String,
    pub(crate) header: Vec<u8>,
    pub(crate) voxels: Vec<u8>,
}

impl Shape {
    /// The instance of this number in the series of this number.
    pub(crate) fn instance(self, series: usize, number: usize) -> Instance {
        let sample = match self {
            Self::Ct => CT,
            Self::Mr => MR[number % MR.len()],
        };
        let (header, voxels) = split(sample);
        let mut voxels = match self {
            Self::Ct if number % 2 == 1 => MR.map(|slice| split(slice).1).concat(),
            _ => voxels.to_vec(),
        };
        let roll = number * ROLL_VOXELS * VOXEL_BYTES % voxels.len();
        voxels.rotate_left(roll);
        let mut header = header.to_vec();
        let instance = (series + 1) * 1_000_000 + number;
        set_uid(&mut header, META_INSTANCE, instance);
        set_uid(&mut header, SOP_INSTANCE, instance);
        let study_instance_uid = set_uid(&mut header, STUDY_INSTANCE, 1);
        let series_instance_uid = set_uid(&mut header, SERIES_INSTANCE, series + 2);
        Instance { study_instance_uid, series_instance_uid, header, voxels }
    }
}

impl Instance {
    /// The whole file.
    pub(crate) fn file(&self) -> Vec<u8> {
        [self.header.as_slice(), &self.voxels].concat()
    }

    /// Makes the header announce so many bytes of voxels.
    pub(crate) fn announce_voxels(&mut self, bytes: u32) {
        let at = self.header.len() - 4;
        self.header[at..].copy_from_slice(&bytes.to_le_bytes());
    }
}

/// Everything before the voxels, and the voxels.
fn split(file: &[u8]) -> (&[u8], &[u8]) {
    file.split_at(position(file, PIXEL_DATA) + PIXEL_DATA.len() + 4)
}

/// Gives an element another UID, exactly as long as the one it had; gives that UID.
fn set_uid(header: &mut [u8], element: &[u8], number: usize) -> String {
    let at = position(header, element) + element.len();
    let length = usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let value = &mut header[at + 2..at + 2 + length];
    let digits = value.strip_suffix(b"\0").unwrap_or(value).len() - "2.25.1".len();
    let uid = format!("2.25.1{number:0>digits$}");
    value[..uid.len()].copy_from_slice(uid.as_bytes());
    uid
}

fn position(file: &[u8], pattern: &[u8]) -> usize {
    let found = file.windows(pattern.len()).position(|window| window == pattern);
    found.expect("every file of benches/data has this element")
}
