//! Where manifests are read from: a file, standard input, or the web.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::exit::UsageError;
use crate::dicom::SeriesInstanceUid;
use crate::nbia::{Reach, fetch_document};
use crate::plan::read_manifest;
use crate::sync;

/// Longest manifest that is read: a million series.
const LONGEST: u64 = 64 << 20;
/// The name of standard input.
const STANDARD_INPUT: &str = "-";

/// The series that a manifest names, wherever it is.
pub(super) fn read(reach: &Reach, place: &Path) -> anyhow::Result<Vec<SeriesInstanceUid>> {
    let Some(address) = address_of(place) else {
        let wrong = |error: &dyn Error| usage(&place.display().to_string(), error);
        let bytes = read_here(place).map_err(|error| wrong(&error))?;
        return Ok(read_manifest(&bytes).map_err(|error| wrong(&error))?);
    };
    let shown = without_secrets(&address);
    if !address.username().is_empty() || address.password().is_some() {
        let text = format!(
            "the address of the manifest at {shown} holds a name or a password: download it, and name the file"
        );
        return Err(UsageError(text).into());
    }
    // selections are read where nothing may be awaited, too: when a daemon reads its configuration again
    let fetched = block_in_place(|| {
        Handle::current().block_on(fetch_document(&address, reach, LONGEST, &CancellationToken::new()))
    });
    let bytes = fetched
        .map_err(|error| anyhow::Error::new(error).context(format!("cannot use the manifest {shown}")))?;
    Ok(read_manifest(&bytes).map_err(|error| usage(&shown, &error))?)
}

/// Whether a manifest comes from standard input.
pub(super) fn is_standard_input(place: &Path) -> bool {
    place.as_os_str() == STANDARD_INPUT
}

fn usage(place: &str, error: &dyn Error) -> UsageError {
    UsageError(format!("cannot use the manifest {place}: {}", sync::chain(error)))
}

fn address_of(place: &Path) -> Option<Url> {
    let address = Url::parse(place.to_str()?).ok()?;
    matches!(address.scheme(), "http" | "https").then_some(address)
}

/// What of an address may be shown: a query may be a key.
fn without_secrets(address: &Url) -> String {
    format!("{}://{}{}", address.scheme(), address.host_str().unwrap_or_default(), address.path())
}

fn read_here(place: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut source: Box<dyn Read> =
        if is_standard_input(place) { Box::new(io::stdin()) } else { Box::new(File::open(place)?) };
    source.by_ref().take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        let text = format!("it is longer than {} MiB", LONGEST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}
