//! `export manifest`: the series that were asked for, as a list that this program and others fetch again.

use url::Url;

use super::super::exit::Exit;
use super::super::session::clock;
use super::arguments::{Format, Manifest, ManifestFormat};
use super::table::{Cell, Column, Kind, Lines, Table};
use super::{Mirror, Source};
use crate::db::RecordedSeries;
use crate::nbia::PUBLIC_SERVICE;

/// Where the archive's downloader asks for images, at the host of the service.
const DOWNLOADS: &str = "/nbia-download/servlet/DownloadServlet";
/// What a table names of each series.
const COLUMNS: [Column; 4] = [
    ("SeriesInstanceUID", Kind::Text),
    ("Collection", Kind::Text),
    ("PatientID", Kind::Text),
    ("StudyInstanceUID", Kind::Text),
];

pub(super) async fn run(mut source: Source, command: &Manifest) -> anyhow::Result<Exit> {
    let paper = source.paper(&command.common)?;
    let is_meant =
        |recorded: &RecordedSeries| command.state.is_empty() || command.state.contains(&recorded.state);
    let paper = match command.format {
        ManifestFormat::Csv => {
            let mut table = Table::begin(Format::Csv, &COLUMNS, paper)?;
            let each = |_: &Mirror, recorded: RecordedSeries| {
                if is_meant(&recorded) { table.row(row(&recorded)) } else { Ok(()) }
            };
            source.each_recorded(each).await?;
            table.end()?
        }
        ManifestFormat::Tcia => {
            let (mut lines, mut is_begun) = (Lines::new(paper), false);
            let each = |_: &Mirror, recorded: RecordedSeries| {
                if !is_meant(&recorded) {
                    return Ok(());
                }
                if !is_begun {
                    lines.put(&head(recorded.listed_by.as_deref()))?;
                    is_begun = true;
                }
                lines.put(&format!("{}\n", recorded.series.series_instance_uid))
            };
            source.each_recorded(each).await?;
            if !is_begun {
                lines.put(&head(None))?;
            }
            lines.end()?
        }
    };
    source.close(paper)
}

fn row(recorded: &RecordedSeries) -> Vec<Cell> {
    let series = &recorded.series;
    vec![
        Cell::text(series.series_instance_uid.as_str()),
        Cell::text(series.collection.as_str()),
        Cell::text(series.patient_id.as_str()),
        Cell::text(series.study_instance_uid.as_str()),
    ]
}

/// What stands before the first UID (NBIA-TCIA, `ManifestMaker.java`; `noOfrRetry` is spelled so).
fn head(listed_by: Option<&str>) -> String {
    let service = listed_by.unwrap_or(PUBLIC_SERVICE);
    let downloads = Url::parse(service).and_then(|service| service.join(DOWNLOADS));
    let downloads = downloads.map_or_else(|_| DOWNLOADS.to_owned(), String::from);
    let number = clock().as_millisecond();
    format!(
        "downloadServerUrl={downloads}\nincludeAnnotation=true\nnoOfrRetry=4\n\
         databasketId=manifest-{number}.tcia\nmanifestVersion=3.0\nListOfSeriesToDownload=\n"
    )
}
