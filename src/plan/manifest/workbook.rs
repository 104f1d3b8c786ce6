//! Workbooks of Excel (XLSX): the cells of any sheet whose first row names a column of UIDs.

use std::io::{self, Cursor, Read};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use super::{ManifestError, is_of_uids};
use crate::dicom::SeriesInstanceUid;

/// What a ZIP begins with, as every workbook does.
const ZIP: &[u8] = b"PK\x03\x04";
/// Most that a workbook may unpack to: a bomb of 64 MB would make gigabytes, and texts are kept in memory.
const MOST_BYTES: u64 = 512 << 20;

type Book<'a> = Xlsx<Cursor<&'a [u8]>>;

pub(super) fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(ZIP)
}

/// The UIDs of all sheets, in their order. Cells come one by one: a sheet with one in its last corner has room for
/// seventeen thousand million.
pub(super) fn series(bytes: &[u8]) -> Result<Vec<SeriesInstanceUid>, ManifestError> {
    refuse_bomb(bytes)?;
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(unreadable)?;
    let (mut series, mut has_column) = (Vec::new(), false);
    for sheet in book.sheet_names() {
        has_column |= read_sheet(&mut book, &sheet, &mut series)?;
    }
    if has_column { Ok(series) } else { Err(ManifestError::NoSheet) }
}

fn unreadable(error: impl std::error::Error) -> ManifestError {
    ManifestError::NoWorkbook { reason: error.to_string() }
}

/// Reads what the workbook unpacks to, whatever it says of itself.
fn refuse_bomb(bytes: &[u8]) -> Result<(), ManifestError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    let mut left = MOST_BYTES;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(unreadable)?;
        left -= io::copy(&mut entry.take(left), &mut io::sink()).map_err(unreadable)?;
        if left == 0 {
            let reason = format!("it unpacks to more than {} MiB", MOST_BYTES >> 20);
            return Err(ManifestError::NoWorkbook { reason });
        }
    }
    Ok(())
}

/// Reads the column of UIDs of a sheet; whether it has one. A sheet that holds no cells, as a chart, has none.
fn read_sheet(
    book: &mut Book<'_>,
    sheet: &str,
    series: &mut Vec<SeriesInstanceUid>,
) -> Result<bool, ManifestError> {
    let Ok(mut cells) = book.worksheet_cells_reader(sheet) else { return Ok(false) };
    let (mut first_row, mut column) = (None, None);
    while let Some(cell) = cells.next_cell().map_err(unreadable)? {
        let (row, at) = cell.get_position();
        if *cell.get_value() == DataRef::Empty {
            continue;
        }
        let is_header = *first_row.get_or_insert(row) == row;
        if is_header && column.is_none() {
            column = text(cell.get_value()).filter(|name| is_of_uids(name)).map(|_| at);
        } else if !is_header && column.is_none() {
            return Ok(false);
        } else if !is_header && column == Some(at) {
            series.extend(uid(cell.get_value(), sheet, row)?);
        }
    }
    Ok(column.is_some())
}

fn text<'a>(value: &'a DataRef<'_>) -> Option<&'a str> {
    match value {
        DataRef::String(text) => Some(text),
        DataRef::SharedString(text) => Some(text),
        _ => None,
    }
}

/// The UID of a cell; none of one that holds blanks alone. A number may stand for other digits than were typed.
fn uid(value: &DataRef<'_>, sheet: &str, row: u32) -> Result<Option<SeriesInstanceUid>, ManifestError> {
    let (sheet, row) = (sheet.to_owned(), u64::from(row) + 1);
    let Some(text) = text(value) else { return Err(ManifestError::Number { sheet, row }) };
    if text.trim().is_empty() {
        return Ok(None);
    }
    SeriesInstanceUid::parse(text).map(Some).map_err(|source| ManifestError::NoUidInSheet {
        sheet,
        row,
        source,
    })
}
