//! Lists of series that other tools write: `.tcia` manifests, spreadsheets, bare UIDs.

mod workbook;

use std::collections::HashSet;

use crate::dicom::{SeriesInstanceUid, UidError};

/// Columns that hold the UID of a series, as other tools name them.
const COLUMNS: [&str; 2] = ["SeriesInstanceUID", "Series UID"];
/// What stands between columns; Excel writes semicolons where the comma is that of decimals.
const SEPARATORS: [u8; 3] = [b',', b'\t', b';'];
/// A line that some `.tcia` files have between their header and their UIDs.
const STRAY_HEADER: &str = "Series ID";
/// How a line of a manifest for s5cmd, and one of a web page, may begin.
const COPIES: [&str; 2] = ["cp ", "s3://"];
const PAGE: &str = "<";
/// How much of a header is shown.
const SHOWN: usize = 120;

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ManifestError {
    #[error("line {line} is no SeriesInstanceUID")]
    NoUid { line: u64, source: UidError },
    #[error("it cannot be read as a table")]
    NoTable(#[from] csv::Error),
    #[error("it cannot be read as a workbook: {reason}")]
    NoWorkbook { reason: String },
    #[error("row {row} of the sheet `{sheet}` is no SeriesInstanceUID")]
    NoUidInSheet { sheet: String, row: u64, source: UidError },
    #[error(
        "row {row} of the sheet `{sheet}` holds a number, whose digits a spreadsheet rounds: make the column one of text, and paste the UIDs again"
    )]
    Number { sheet: String, row: u64 },
    #[error("its first line is a header without a column SeriesInstanceUID or `Series UID`: {header}")]
    NoColumn { header: String },
    #[error("no sheet of it has a column SeriesInstanceUID or `Series UID`")]
    NoSheet,
    #[error(
        "it is a manifest for s5cmd, which names places in a cloud and no series: export it as a list of SeriesInstanceUIDs"
    )]
    Copies,
    #[error("it is a web page, and no list of series")]
    Page,
    #[error("it names no series")]
    NoSeries,
}

/// The series of a manifest, each once, in its order; what is no UID is an error that names it.
///
/// What it is shows in its bytes: a workbook of Excel, a table whose header names a column of UIDs, or lines.
pub fn read_manifest(bytes: &[u8]) -> Result<Vec<SeriesInstanceUid>, ManifestError> {
    if workbook::is_workbook(bytes) {
        return once_each(workbook::series(bytes)?);
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{FEFF}');
    let entries = match separator(text) {
        Some(separator) => column(text, separator)?,
        None => lines(text)?,
    };
    let parse = |(line, entry): (u64, String)| {
        SeriesInstanceUid::parse(&entry).map_err(|source| ManifestError::NoUid { line, source })
    };
    once_each(entries.into_iter().map(parse).collect::<Result<_, _>>()?)
}

fn once_each(series: Vec<SeriesInstanceUid>) -> Result<Vec<SeriesInstanceUid>, ManifestError> {
    let mut seen = HashSet::new();
    let series: Vec<_> = series.into_iter().filter(|uid| seen.insert(uid.clone())).collect();
    if series.is_empty() { Err(ManifestError::NoSeries) } else { Ok(series) }
}

fn is_of_uids(name: &str) -> bool {
    COLUMNS.contains(&name.trim())
}

/// What separates columns, when the first line names one that holds UIDs.
fn separator(text: &str) -> Option<u8> {
    let first = text.lines().next()?;
    SEPARATORS.into_iter().find(|separator| {
        first.split(char::from(*separator)).any(|name| is_of_uids(name.trim().trim_matches('"')))
    })
}

/// Every line that is no `key=value` of a header.
fn lines(text: &str) -> Result<Vec<(u64, String)>, ManifestError> {
    let numbered = (1..).zip(text.lines().map(str::trim));
    let entries =
        numbered.filter(|(_, line)| !line.is_empty() && !line.contains('=') && *line != STRAY_HEADER);
    let entries: Vec<_> = entries.map(|(number, line)| (number, line.to_owned())).collect();
    refuse_what_is_none(text, &entries).map(|()| entries)
}

/// Says what a text is that is no list of UIDs, as far as its first lines tell.
fn refuse_what_is_none(text: &str, entries: &[(u64, String)]) -> Result<(), ManifestError> {
    if text.trim_start().starts_with(PAGE) {
        return Err(ManifestError::Page);
    }
    if text.lines().any(|line| COPIES.iter().any(|copy| line.trim_start().starts_with(copy))) {
        return Err(ManifestError::Copies);
    }
    match entries.first() {
        Some((1, header)) if SEPARATORS.iter().any(|separator| header.contains(char::from(*separator))) => {
            Err(ManifestError::NoColumn { header: header.chars().take(SHOWN).collect() })
        }
        _ => Ok(()),
    }
}

fn column(text: &str, separator: u8) -> Result<Vec<(u64, String)>, csv::Error> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers()?.clone();
    let column = headers.iter().position(is_of_uids).unwrap_or(0);
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
        let excel = "\u{feff}Name;\"Series UID\"\r\n\"A; B\";1.2.3\r\nC;1.2.4\r\n";
        let bare = "1.2.3\n\n 1.2.4 \n";
        assert_eq!(read_text(stray).unwrap(), ["2.25.7"]);
        for text in [tcia, csv, tsv, excel, bare] {
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

    #[test]
    fn what_is_no_list_of_series_is_called_what_it_is() {
        let copies = "# manifest\ncp s3://idc-open-data/0a1b/* .\n";
        let page = "<!DOCTYPE html>\n<html><a href=\"x\">1.2.3</a></html>\n";
        let images = "collectionName,imageUrl\nA,https://x/1.svs\n";
        let small_letters = "seriesinstanceuid,x\n1.2.3,y\n";

        assert!(matches!(read_text(copies), Err(ManifestError::Copies)));
        assert!(matches!(read_text(page), Err(ManifestError::Page)));
        for table in [images, small_letters] {
            assert!(matches!(read_text(table), Err(ManifestError::NoColumn { .. })), "{table}");
        }
        assert!(matches!(read_manifest(b""), Err(ManifestError::NoSeries)));
    }
}
