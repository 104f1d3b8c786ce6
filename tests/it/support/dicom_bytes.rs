//! DICOM files as small as they get, byte by byte: preamble, meta group, a data set in explicit VR little endian.

/// Explicit VR Little Endian.
const TRANSFER_SYNTAX: &str = "1.2.840.10008.1.2.1";

/// CT Image Storage.
const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.2";

/// A file that says it is this instance, with this in its pixels.
pub(crate) fn instance(study: &str, series: &str, sop_instance: &str, pixels: &[u8]) -> Vec<u8> {
    let meta = [
        uid([0x02, 0x00, 0x02, 0x00], SOP_CLASS),
        uid([0x02, 0x00, 0x03, 0x00], sop_instance),
        uid([0x02, 0x00, 0x10, 0x00], TRANSFER_SYNTAX),
    ]
    .concat();
    let data_set = [
        uid([0x08, 0x00, 0x16, 0x00], SOP_CLASS),
        uid([0x08, 0x00, 0x18, 0x00], sop_instance),
        uid([0x20, 0x00, 0x0D, 0x00], study),
        uid([0x20, 0x00, 0x0E, 0x00], series),
        pixel_data(pixels),
    ]
    .concat();
    let group_length = [b"\x02\x00\x00\x00UL\x04\x00".as_slice(), &length_32(&meta)].concat();
    [&[0; 128], b"DICM".as_slice(), &group_length, &meta, &data_set].concat()
}

/// An element of VR UI, padded with a zero to an even length.
fn uid(tag: [u8; 4], text: &str) -> Vec<u8> {
    let mut value = text.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(0);
    }
    let length = u16::try_from(value.len()).expect("a UID has at most 64 characters");
    [tag.as_slice(), b"UI", &length.to_le_bytes(), &value].concat()
}

fn pixel_data(pixels: &[u8]) -> Vec<u8> {
    [b"\xE0\x7F\x10\x00OB\x00\x00".as_slice(), &length_32(pixels), pixels].concat()
}

fn length_32(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("files of tests are small").to_le_bytes()
}
