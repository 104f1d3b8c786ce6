//! The smallest DICOM files that name themselves, written byte by byte: Explicit VR Little Endian.

/// A file of CT Image Storage with `pixels` bytes of noise that depends on `seed`.
pub(crate) fn file(study: &str, series: &str, instance: &str, pixels: usize, seed: u64) -> Vec<u8> {
    let mut meta = Vec::new();
    element(&mut meta, (0x0002, 0x0002), *b"UI", b"1.2.840.10008.5.1.4.1.1.2");
    element(&mut meta, (0x0002, 0x0003), *b"UI", instance.as_bytes());
    element(&mut meta, (0x0002, 0x0010), *b"UI", b"1.2.840.10008.1.2.1");
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    let length = u32::try_from(meta.len()).unwrap().to_le_bytes();
    element(&mut file, (0x0002, 0x0000), *b"UL", &length);
    file.extend(meta);
    element(&mut file, (0x0008, 0x0016), *b"UI", b"1.2.840.10008.5.1.4.1.1.2");
    element(&mut file, (0x0008, 0x0018), *b"UI", instance.as_bytes());
    element(&mut file, (0x0008, 0x0060), *b"CS", b"CT");
    element(&mut file, (0x0020, 0x000D), *b"UI", study.as_bytes());
    element(&mut file, (0x0020, 0x000E), *b"UI", series.as_bytes());
    pixel_data(&mut file, pixels, seed);
    file
}

fn element(file: &mut Vec<u8>, (group, number): (u16, u16), representation: [u8; 2], value: &[u8]) {
    file.extend(group.to_le_bytes());
    file.extend(number.to_le_bytes());
    file.extend(representation);
    let padding = value.len() % 2;
    file.extend(u16::try_from(value.len() + padding).unwrap().to_le_bytes());
    file.extend(value);
    file.extend(vec![if representation == *b"UI" { 0 } else { b' ' }; padding]);
}

/// Noise of a linear congruential generator: does not shrink, and is the same in every run.
fn pixel_data(file: &mut Vec<u8>, pixels: usize, seed: u64) {
    file.extend([0xE0, 0x7F, 0x10, 0x00, b'O', b'W', 0, 0]);
    file.extend(u32::try_from(pixels).unwrap().to_le_bytes());
    let mut state = seed;
    file.extend((0..pixels).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    }));
}
