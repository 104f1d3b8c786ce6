//! Any bytes as a DICOM file: an answer about its beginning is final, and the same for the whole of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcia_mirror::dicom::identify;

fuzz_target!(|bytes: &[u8]| {
    let whole = identify(bytes, true);
    assert!(!matches!(whole, Ok(None)), "a whole file has an answer");
    let whole = whole.ok().flatten();
    for length in [bytes.len() / 2, bytes.len()] {
        match identify(&bytes[..length], false) {
            Ok(None) => {}
            early => assert_eq!(early.ok().flatten(), whole, "the rest of the file has changed the answer"),
        }
    }
});
