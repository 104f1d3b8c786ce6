//! The mirror that is served: a series of ordinary size, a large one, and a collection with a long list.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;
use tcia_mirror::demo::SampleMirror;
use tcia_mirror::dicom::SopInstanceUid;

/// Series as nginx is given one: 20 instances of 524 288 bytes.
pub(crate) const ORDINARY: &str = "1.2.826.0.1";
/// A series of 1.0 GB: four instances.
pub(crate) const LARGE: &str = "1.2.826.0.2";
/// The collection with the long list.
pub(crate) const LISTED: &str = "LISTED";
/// As many series as the largest collection of the archive has (NLST, 203 087).
pub(crate) const LIST_ROWS: usize = 203_087;

/// One series that stands for all that are listed.
const PATTERN: &str = "1.2.826.0.3";

/// Builds the mirror.
pub(crate) fn build(root: &Path) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(place(root))?;
    let record = Connection::open(root.join(".tcia-mirror/state.sqlite"))?;
    let pattern =
        format!("series_id = (SELECT series_id FROM series WHERE series_instance_uid = '{PATTERN}')");
    for (table, unique) in [("series", "series_instance_uid"), ("placement", "path")] {
        record.execute_batch(&repeated(&record, table, unique, &pattern)?)?;
    }
    Ok(())
}

async fn place(root: &Path) -> anyhow::Result<()> {
    let mut mirror = SampleMirror::create(root).await?;
    for (uid, collection, instances, bytes) in
        [(ORDINARY, "SERVED", 20, 1 << 19), (LARGE, "SERVED", 4, 250_000_000), (PATTERN, LISTED, 1, 1000)]
    {
        // as long and as many texts as rows of the archive have
        let row = json!({ "Collection": collection, "PatientID": "100001", "StudyInstanceUID": "1.2.826.0",
            "SeriesInstanceUID": uid, "Modality": "CT", "BodyPartExamined": "CHEST", "SeriesDate": "01-02-1999",
            "SeriesDescription": "0,OPA,GE,LSQX,STANDARD,360,2.5,120,40,0.1,1.5", "SeriesNumber": "2",
            "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "LightSpeed QX/i",
            "LicenseName": "Creative Commons Attribution 4.0 International License",
            "LicenseURI": "https://creativecommons.org/licenses/by/4.0/", "ImageCount": instances,
            "DataDescriptionURI": "https://doi.org/10.7937/TCIA.HMQ8-J677", "FileSize": instances * bytes });
        let file = |number: usize| {
            let uid = SopInstanceUid::parse(&format!("{uid}.{number}"))?;
            anyhow::Ok((uid, std::iter::repeat_with(|| fastrand::u8(..)).take(bytes).collect()))
        };
        let files = (1..=instances).map(file).collect::<anyhow::Result<_>>()?;
        mirror.add_series(serde_json::from_value(row)?, None, files).await?;
    }
    mirror.close().await?;
    Ok(())
}

/// The statement that repeats a row of a table for every series of the list, but for what must be unique.
fn repeated(record: &Connection, table: &str, unique: &str, pattern: &str) -> rusqlite::Result<String> {
    let mut columns = record.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let value = |column: String| match column.as_str() {
        "series_id" => "series_id + number".to_owned(),
        column if column == unique => format!("{column} || '.' || number"),
        _ => column,
    };
    let values =
        columns.query_map([table], |row| Ok(value(row.get(0)?)))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let (values, last) = (values.join(", "), LIST_ROWS - 1);
    Ok(format!(
        "WITH RECURSIVE numbered (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbered WHERE number < {last})
         INSERT INTO {table} SELECT {values} FROM {table}, numbered WHERE {pattern};"
    ))
}
