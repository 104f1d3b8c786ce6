//! What the tests share: a server that can be broken, a catalogue with known bytes, the program, the proof at the end.

pub(crate) mod catalogue;
pub(crate) mod dicom_file;
pub(crate) mod fake_tcia;
pub(crate) mod java_zip;
pub(crate) mod program;
pub(crate) mod sound;
