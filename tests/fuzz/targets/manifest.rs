//! Any bytes as a manifest: what is read are series, each once, and written one a line they are read again.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tcia_mirror::plan::read_manifest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(series) = read_manifest(bytes) else { return };
    assert!(!series.is_empty(), "a manifest without a series");
    assert_eq!(series.iter().collect::<BTreeSet<_>>().len(), series.len(), "a series twice");

    let lines = series.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(read_manifest(lines.as_bytes()).ok(), Some(series), "bare UIDs are read as something else");
});
