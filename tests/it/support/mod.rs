//! What the tests are made of: servers, ZIPs and DICOM files written byte by byte, a catalogue with known bytes, the
//! program, the proof at the end.

pub(crate) mod catalogue;
pub(crate) mod dicom_bytes;
pub(crate) mod fake_tcia;
#[expect(
    dead_code,
    reason = "the tests of the ZIP reader in `src` include the same file and use the rest of it"
)]
pub(crate) mod java_zip;
pub(crate) mod program;
pub(crate) mod raw_server;
pub(crate) mod sound;
