//! What the service lists of the series of a measurement.

use anyhow::bail;
use serde_json::{Value, json};

use crate::prepared::Listed;

/// The lists of the service, for series of one patient and one study in each collection.
pub(crate) fn list(endpoint: &str, series: &[&Listed]) -> anyhow::Result<Value> {
    let mut one_of_each: Vec<&Listed> = series.to_vec();
    one_of_each.dedup_by_key(|listed| &listed.collection);
    let rows = |listed: &[&Listed], row: fn(&Listed) -> Value| listed.iter().map(|one| row(one)).collect();
    Ok(match endpoint {
        "/getCollectionValues" => rows(&one_of_each, |one| json!({ "Collection": one.collection })),
        "/getPatient" => {
            rows(&one_of_each, |one| json!({ "PatientId": one.collection, "Collection": one.collection }))
        }
        "/getPatientStudy" => rows(&one_of_each, |one| {
            json!({ "Collection": one.collection, "PatientID": one.collection,
                    "StudyInstanceUID": one.study_instance_uid })
        }),
        "/getSeries" => rows(series, |one| {
            json!({ "Collection": one.collection, "PatientID": one.collection, "Modality": "CT",
                    "StudyInstanceUID": one.study_instance_uid, "SeriesInstanceUID": one.series_instance_uid,
                    "ImageCount": one.image_count, "FileSize": one.file_size })
        }),
        other => bail!("the bench has no answer to {other}"),
    })
}
