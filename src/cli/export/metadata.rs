//! `export metadata`: the series that lie in the tree, each with its number of files and bytes as they lie there.

use serde_json::Value;

use super::super::exit::{Exit, UsageError};
use super::super::paper::Paper;
use super::super::print;
use super::super::statement::time;
use super::arguments::{Columns, Format, Metadata};
use super::table::{Cell, Column, Kind, Table};
use super::{Mirror, Source, contradiction};
use crate::db::{ListedRow, Placement, RecordedSeries};
use crate::dicom::{Uid, sop_class_name};
use crate::mirror::SeriesPath;
use crate::nbia::dialect::{self, DateFormat, Dialect, Endpoint, EndpointDescription};
use crate::serve::values;

/// The columns of the metadata.csv of the archive's downloader (NBIA Data Retriever, `DataRetrieverCLI.java`).
const RETRIEVER: [Column; 17] = [
    ("Series UID", Kind::Text),
    ("Collection", Kind::Text),
    ("3rd Party Analysis", Kind::Text),
    ("Data Description URI", Kind::Text),
    ("Subject ID", Kind::Text),
    ("Study UID", Kind::Text),
    ("Study Description", Kind::Text),
    ("Study Date", Kind::Text),
    ("Series Description", Kind::Text),
    ("Manufacturer", Kind::Text),
    ("Modality", Kind::Text),
    ("SOP Class Name", Kind::Text),
    ("SOP Class UID", Kind::Text),
    ("Number of Images", Kind::Count),
    ("File Size", Kind::Text),
    ("File Location", Kind::Text),
    ("Download Timestamp", Kind::Text),
];
/// The units of its sizes, each a thousand of the one before.
const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];

pub(super) async fn run(mut source: Source, command: &Metadata, json: bool) -> anyhow::Result<Exit> {
    let format = format(command, json)?;
    let paper = source.paper(&command.common)?;
    let paper = match command.columns {
        Columns::Retriever => retriever(&mut source, Table::begin(format, &RETRIEVER, paper)?).await?,
        Columns::V4 => {
            let endpoint = Dialect::NbiaV4.description().endpoint(Endpoint::Series);
            let endpoint = endpoint.expect("the fourth version lists series");
            let columns: Vec<_> = endpoint.columns.iter().map(column).collect();
            version_4(&mut source, endpoint, Table::begin(format, &columns, paper)?).await?
        }
    };
    source.close(paper)
}

fn format(command: &Metadata, json: bool) -> Result<Format, UsageError> {
    match command.format {
        Some(other) if json && other != Format::Json => Err(contradiction()),
        None if json => Ok(Format::Json),
        format => Ok(format.unwrap_or(Format::Csv)),
    }
}

/// Writes the table of the downloader; says of how many series no file could tell its class.
async fn retriever(source: &mut Source, mut table: Table) -> anyhow::Result<Paper> {
    let mut unread = 0_u64;
    let each = |mirror: &Mirror, recorded: RecordedSeries| {
        let Some(placed) = &recorded.placed else { return Ok(()) };
        let class = sop_class(mirror, recorded.series_id, placed)?;
        unread += u64::from(class.is_none());
        table.row(retriever_row(&recorded, placed, class.as_ref()))
    };
    source.each_placed(each).await?;
    if unread > 0 {
        print::talk(&format!(
            "warning: of {unread} series no file tells its SOP class: it is left empty; `tcia-mirror verify` says what is wrong"
        ));
    }
    table.end()
}

/// The class of the first instance of a series; `None` where its file does not tell.
fn sop_class(mirror: &Mirror, series_id: i64, placed: &Placement) -> anyhow::Result<Option<Uid>> {
    let Some(first) = mirror.reader.first_instance(series_id)? else { return Ok(None) };
    let Some(path) = SeriesPath::recorded(&placed.path) else { return Ok(None) };
    let header = mirror.root.open_series(&path).and_then(|files| files.header(&first));
    Ok(header.ok().and_then(|header| header.sop_class_uid))
}

fn retriever_row(recorded: &RecordedSeries, placed: &Placement, class: Option<&Uid>) -> Vec<Cell> {
    let series = &recorded.series;
    let date = series.study_date.as_deref().map(|date| DateFormat::MonthDayYear.from_iso(date));
    vec![
        Cell::text(series.series_instance_uid.as_str()),
        Cell::text(series.collection.as_str()),
        Cell::from(series.third_party_analysis.as_deref()),
        Cell::from(series.data_description_uri.as_deref()),
        Cell::text(series.patient_id.as_str()),
        Cell::text(series.study_instance_uid.as_str()),
        Cell::from(series.study_description.as_deref()),
        Cell::from(date),
        Cell::from(series.series_description.as_deref()),
        Cell::from(series.manufacturer.as_deref()),
        Cell::from(series.modality.as_deref()),
        Cell::from(class.and_then(sop_class_name)),
        Cell::from(class.map(Uid::as_str)),
        Cell::Count(placed.instances),
        Cell::Text(size(placed.bytes)),
        Cell::Text(format!("./{}", placed.path)),
        Cell::Text(time(placed.placed_at)),
    ]
}

/// `163.31 KB`, as the downloader writes sizes.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while amount >= 1000.0
        && let Some(larger) = units.next()
    {
        amount /= 1000.0;
        unit = Some(larger);
    }
    format!("{amount:.2} {}", unit.unwrap_or(&""))
}

fn column(column: &dialect::Column) -> Column {
    (column.name, if column.kind == dialect::Kind::Count { Kind::Count } else { Kind::Text })
}

/// Writes the table of version 4 of the API, its values as `serve` sends them.
async fn version_4(
    source: &mut Source,
    endpoint: &'static EndpointDescription,
    mut table: Table,
) -> anyhow::Result<Paper> {
    let each = |_: &Mirror, recorded: RecordedSeries| {
        let Some(placed) = &recorded.placed else { return Ok(()) };
        let row = as_placed(&recorded, placed)?;
        let cells = values(endpoint, &row).map(|(column, text)| match (column.kind, text) {
            (_, None) => Cell::Nothing,
            (dialect::Kind::Count, Some(text)) => {
                text.parse().map_or_else(|_| Cell::text(&text), Cell::Count)
            }
            (_, Some(text)) => Cell::Text(text.into_owned()),
        });
        table.row(cells.collect())
    };
    source.each_placed(each).await?;
    table.end()
}

/// A series as it lies in the tree, which may be an older version than the one that is listed.
fn as_placed(recorded: &RecordedSeries, placed: &Placement) -> anyhow::Result<ListedRow> {
    let Value::Object(mut row) = serde_json::to_value(&recorded.series)? else { return Ok(ListedRow::new()) };
    row.insert("ImageCount".to_owned(), placed.instances.into());
    row.insert("FileSize".to_owned(), placed.bytes.into());
    if let Some(submitted) = &placed.submission_timestamp {
        row.insert("SubmissionTimestamp".to_owned(), submitted.as_str().into());
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_written_as_the_downloader_does() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (163_310, "163.31 KB"),
            (4_340_000, "4.34 MB"),
            (1_500_000_000, "1.50 GB"),
        ];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
    }
}
