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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::super::read_manifest;
    use super::*;

    /// A workbook as small as they get, with the XML between `<sheetData>` and its end for each sheet.
    fn workbook(sheets: &[&str]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut put = |name: &str, text: &str| {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        };
        let numbered = || (1..).zip(sheets);
        let ns = "http://schemas.openxmlformats.org";
        let (listed, related): (Vec<_>, Vec<_>) = numbered()
            .map(|(number, _)| {
                let listed = format!("<sheet name=\"Sheet {number}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>");
                let related = format!(
                    "<Relationship Id=\"rId{number}\" Type=\"{ns}/officeDocument/2006/relationships/worksheet\" \
                     Target=\"worksheets/sheet{number}.xml\"/>"
                );
                (listed, related)
            })
            .unzip();
        let (listed, related) = (listed.concat(), related.concat());
        put(
            "_rels/.rels",
            &format!(
                "<Relationships xmlns=\"{ns}/package/2006/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"{ns}/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>\
                 </Relationships>"
            ),
        );
        put(
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns=\"{ns}/spreadsheetml/2006/main\" \
                 xmlns:r=\"{ns}/officeDocument/2006/relationships\"><sheets>{listed}</sheets></workbook>"
            ),
        );
        put(
            "xl/_rels/workbook.xml.rels",
            &format!("<Relationships xmlns=\"{ns}/package/2006/relationships\">{related}</Relationships>"),
        );
        for (number, rows) in numbered() {
            let sheet = format!(
                "<worksheet xmlns=\"{ns}/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
            );
            put(&format!("xl/worksheets/sheet{number}.xml"), &sheet);
        }
        zip.finish().unwrap().into_inner()
    }

    fn text(place: &str, text: &str) -> String {
        format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
    }

    fn row(number: u32, cells: &[String]) -> String {
        format!("<row r=\"{number}\">{}</row>", cells.concat())
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>, ManifestError> {
        Ok(read_manifest(bytes)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_column_of_uids_is_found_in_any_sheet() {
        let notes = row(1, &[text("A1", "what I did")]) + &row(2, &[text("A2", "1.2.9")]);
        let series = [
            row(3, &[text("B3", "Collection"), text("D3", "Series UID")]),
            row(4, &[text("B4", "A, B"), text("D4", " 1.2.3 ")]),
            row(5, &[text("B5", "C"), text("D5", " ")]),
            row(9, &[text("D9", "1.2.4"), text("E9", "1.2.8")]),
        ]
        .concat();
        let more = row(1, &[text("A1", "SeriesInstanceUID")]) + &row(2, &[text("A2", "1.2.3")]);

        assert_eq!(read(&workbook(&[&notes, &series, "", &more])).unwrap(), ["1.2.3", "1.2.4"]);
    }

    #[test]
    fn a_number_where_a_uid_belongs_is_refused() {
        let header = row(1, &[text("A1", "SeriesInstanceUID")]);
        let sheet = header.clone()
            + &row(2, &[text("A2", "1.2.3")])
            + &row(7, &["<c r=\"A7\"><v>1.2</v></c>".to_owned()]);
        let patient = header + &row(2, &[text("A2", "TCGA-02-0003")]);

        let number = read(&workbook(&[&sheet])).unwrap_err();
        let patient = read(&workbook(&["", &patient])).unwrap_err();

        assert!(matches!(&number, ManifestError::Number { row: 7, sheet } if sheet == "Sheet 1"), "{number}");
        assert!(
            matches!(&patient, ManifestError::NoUidInSheet { row: 2, sheet, .. } if sheet == "Sheet 2"),
            "{patient}"
        );
    }

    #[test]
    fn a_workbook_without_such_a_column_says_so() {
        let sheet = row(1, &[text("A1", "seriesinstanceuid")]) + &row(2, &[text("A2", "1.2.3")]);
        let whole = workbook(&[&sheet]);

        assert!(matches!(read(&whole), Err(ManifestError::NoSheet)));
        for cut in [4, whole.len() / 2, whole.len() - 1] {
            assert!(matches!(read(&whole[..cut]), Err(ManifestError::NoWorkbook { .. })), "{cut}");
        }
    }

    #[test]
    fn a_cell_in_the_last_corner_takes_no_room_and_a_bomb_is_not_unpacked() {
        let corner = row(1, &[text("A1", "SeriesInstanceUID")])
            + &row(1_048_576, &[text("A1048576", "1.2.3"), text("XFD1048576", "x")]);
        let bomb = {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
            zip.start_file("xl/sharedStrings.xml", options).unwrap();
            for _ in 0..513 {
                zip.write_all(&vec![b' '; 1 << 20]).unwrap();
            }
            zip.finish().unwrap().into_inner()
        };

        assert_eq!(read(&workbook(&[&corner])).unwrap(), ["1.2.3"]);
        let refused = read(&bomb).unwrap_err().to_string();
        assert!(refused.contains("unpacks to more than 512 MiB"), "{refused}");
    }
}
