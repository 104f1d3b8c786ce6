//! Lists of series that other tools write: `.tcia` manifests, spreadsheets, bare UIDs.

use std::collections::HashSet;

use crate::dicom::{SeriesInstanceUid, UidError};

/// Columns that hold the UID of a series, as other tools name them.
const COLUMNS: [&str; 2] = ["SeriesInstanceUID", "Series UID"];
/// A line that some `.tcia` files have between their header and their UIDs.
const STRAY_HEADER: &str = "Series ID";

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ManifestError {
    #[error("line {line} is no SeriesInstanceUID")]
    NoUid { line: u64, source: UidError },
    #[error("it cannot be read as a table")]
    NoTable(#[from] csv::Error),
    #[error("it names no series")]
    NoSeries,
}

/// The series of a manifest, each once, in its order; what is no UID is an error that names it.
pub fn read_manifest(bytes: &[u8]) -> Result<Vec<SeriesInstanceUid>, ManifestError> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{FEFF}');
    let entries = match separator(text) {
        Some(separator) => column(text, separator)?,
        None => lines(text),
    };
    let mut seen = HashSet::new();
    let mut series = Vec::new();
    for (line, entry) in entries {
        let uid = SeriesInstanceUid::parse(&entry).map_err(|source| ManifestError::NoUid { line, source })?;
        if seen.insert(uid.clone()) {
            series.push(uid);
        }
    }
    if series.is_empty() { Err(ManifestError::NoSeries) } else { Ok(series) }
}

/// What separates columns, when the first line names one that holds UIDs.
fn separator(text: &str) -> Option<u8> {
    let first = text.lines().next()?;
    [b',', b'\t'].into_iter().find(|separator| {
        first.split(char::from(*separator)).any(|name| COLUMNS.contains(&name.trim().trim_matches('"')))
    })
}

/// Every line that is no `key=value` of a header.
fn lines(text: &str) -> Vec<(u64, String)> {
    let numbered = (1..).zip(text.lines().map(str::trim));
    let entries =
        numbered.filter(|(_, line)| !line.is_empty() && !line.contains('=') && *line != STRAY_HEADER);
    entries.map(|(number, line)| (number, line.to_owned())).collect()
}

fn column(text: &str, separator: u8) -> Result<Vec<(u64, String)>, csv::Error> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers()?.clone();
    let column = headers.iter().position(|name| COLUMNS.contains(&name.trim())).unwrap_or(0);
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let entry = record.get(column).unwrap_or_default().trim();
        if !entry.is_empty() {
            entries.push((line, entry.to_owned()));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<String>, ManifestError> {
        Ok(read_manifest(text.as_bytes())?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_kind_of_manifest_gives_its_series_once() {
        let tcia = "downloadServerUrl=https://x/y\r\nincludeAnnotation=true\r\nnoOfrRetry=4\r\ndatabasketId=m.tcia\r\n\
                    manifestVersion=3.0\r\nListOfSeriesToDownload=\r\n1.2.3\r\n1.2.4\r\n1.2.3\r\n";
        let stray = "manifestVersion=3.0\nListOfSeriesToDownload=\nSeries ID\n2.25.7\n";
        let csv = "Collection,Series UID,Note\n\"A, B\",1.2.3,x\nC,1.2.4,\n";
        let tsv = "name\tSeriesInstanceUID\na\t1.2.3\nb\t1.2.4\n";
        let bare = "1.2.3\n\n 1.2.4 \n";
        assert_eq!(read_text(stray).unwrap(), ["2.25.7"]);
        for text in [tcia, csv, tsv, bare] {
            assert_eq!(read_text(text).unwrap(), ["1.2.3", "1.2.4"], "{text}");
        }
    }

    #[test]
    fn what_is_no_uid_is_named_with_its_line() {
        let refused = read_text("1.2.3\nTCGA-GBM\n").unwrap_err();

        let ManifestError::NoUid { line, source } = refused else { panic!("{refused:?}") };
        assert_eq!(line, 2);
        assert!(source.to_string().contains("TCGA-GBM"), "{source}");
        assert!(matches!(read_text("a=b\n"), Err(ManifestError::NoSeries)));
    }
}
