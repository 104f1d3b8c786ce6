//! The columns of the catalogue, each with the keyword of [`crate::dicom`] that it holds.
//!
//! Rows travel as the JSON of their struct: SQLite takes it apart on the way in and puts it together on the way out.

use super::shards::next_id;

/// Keyword and column.
pub(super) type Columns = &'static [(&'static str, &'static str)];

pub(super) const PATIENT: Columns = &[
    ("Collection", "collection"),
    ("PatientID", "patient_id"),
    ("PatientName", "patient_name"),
    ("PatientBirthDate", "patient_birth_date"),
    ("PatientSex", "patient_sex"),
    ("EthnicGroup", "ethnic_group"),
    ("Phantom", "phantom"),
    ("SpeciesCode", "species_code"),
    ("SpeciesDescription", "species_description"),
    ("Authorized", "authorized"),
    ("Other", "other"),
];

pub(super) const STUDY: Columns = &[
    ("Collection", "collection"),
    ("PatientID", "patient_id"),
    ("StudyInstanceUID", "study_instance_uid"),
    ("StudyDate", "study_date"),
    ("StudyDescription", "study_description"),
    ("AdmittingDiagnosesDescription", "admitting_diagnoses_description"),
    ("StudyID", "study_id"),
    ("PatientAge", "patient_age"),
    ("PatientName", "patient_name"),
    ("PatientBirthDate", "patient_birth_date"),
    ("PatientSex", "patient_sex"),
    ("EthnicGroup", "ethnic_group"),
    ("SeriesCount", "series_count"),
    ("LongitudinalTemporalEventType", "longitudinal_temporal_event_type"),
    ("LongitudinalTemporalOffsetFromEvent", "longitudinal_temporal_offset_from_event"),
    ("Authorized", "authorized"),
    ("Other", "other"),
];

pub(super) const SERIES: Columns = &[
    ("SeriesInstanceUID", "series_instance_uid"),
    ("Collection", "collection"),
    ("PatientID", "patient_id"),
    ("StudyInstanceUID", "study_instance_uid"),
    ("Modality", "modality"),
    ("ProtocolName", "protocol_name"),
    ("SeriesDate", "series_date"),
    ("SeriesDescription", "series_description"),
    ("BodyPartExamined", "body_part_examined"),
    ("SeriesNumber", "series_number"),
    ("AnnotationsFlag", "annotations_flag"),
    ("Site", "site"),
    ("PatientSex", "patient_sex"),
    ("PatientAge", "patient_age"),
    ("AdmittingDiagnosesDescription", "admitting_diagnoses_description"),
    ("Manufacturer", "manufacturer"),
    ("ManufacturerModelName", "manufacturer_model_name"),
    ("SoftwareVersions", "software_versions"),
    ("ImageCount", "image_count"),
    ("FileSize", "file_size"),
    ("SubmissionTimestamp", "submission_timestamp"),
    ("LicenseName", "license_name"),
    ("LicenseURI", "license_uri"),
    ("DataDescriptionURI", "data_description_uri"),
    ("ReleasedStatus", "released_status"),
    ("DateReleased", "date_released"),
    ("StudyDescription", "study_description"),
    ("StudyDate", "study_date"),
    ("ThirdPartyAnalysis", "third_party_analysis"),
    ("Authorized", "authorized"),
    ("Other", "other"),
];

/// A statement that writes one row, given as JSON in `?1` and the walk that listed it in `?2`.
pub(super) fn upsert(table: &str, columns: Columns, key: &str) -> String {
    let mut names: Vec<_> = columns.iter().map(|(_, column)| *column).collect();
    let mut values: Vec<_> = columns.iter().map(|(keyword, _)| format!("?1 ->> '{keyword}'")).collect();
    let updates: Vec<_> = names.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    if table == "series" {
        names.push("series_id");
        values.push(next_id(table, "series_id"));
    }
    format!(
        "INSERT INTO {table} ({}, walk_id) SELECT {}, ?2 WHERE true
         ON CONFLICT ({key}) DO UPDATE SET {}, walk_id = excluded.walk_id",
        names.join(", "),
        values.join(", "),
        updates.join(", ")
    )
}

/// An expression that gives a row as the JSON of its struct; NULL stays null.
pub(super) fn as_json(table: &str, columns: Columns) -> String {
    let pair = |(keyword, column): &(&str, &str)| {
        if *keyword == "Other" {
            format!("'Other', json({table}.{column})")
        } else {
            format!("'{keyword}', {table}.{column}")
        }
    };
    let pairs: Vec<_> = columns.iter().map(pair).collect();
    format!("json_object({})", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::fixture::{block_on, in_memory, list, series, uid};
    use super::super::sample;
    use crate::dicom::{PatientId, Series};

    #[tokio::test]
    async fn a_series_comes_back_as_it_was_listed() {
        let db = in_memory();
        let listed = sample::series(json!({
            "Collection": "Lung \"Tests\"", "PatientID": "007", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3",
            "Modality": "", "SeriesDescription": "{\"not\": [\"json\"]}", "SeriesNumber": "1e3",
            "ImageCount": 48, "FileSize": 5_000_000_000_u64, "SubmissionTimestamp": "2015-05-27 17:12:21",
            "LicenseURI": "http://creativecommons.org/licenses/by/3.0/",
            "Other": {"Count": 3, "Ratio": 0.5, "Flag": false, "Nothing": null, "Nested": {"List": [1, "x"]}, "": "\\"},
        }));

        list(&db, 1, std::slice::from_ref(&listed)).await;

        assert_eq!(db.series(&uid("1.2.3")).await.unwrap().unwrap().series, listed);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_text_comes_back_as_it_was_sent(
            texts in vec(option::of("[\\x00-\\x1f\"\\\\'%;é\u{10ffff}]{0,4}|.{0,12}"), 4..5), key in ".{0,6}", size in 0..i64::MAX,
        ) {
            let sent = Series {
                patient_id: PatientId::new(texts[0].clone().unwrap_or_default()),
                series_description: texts[1].clone(),
                license_name: texts[2].clone(),
                file_size: u64::try_from(size).ok(),
                other: [(key, json!(texts[3]))].into_iter().collect(),
                ..series("A", "1.2.3")
            };

            let kept = block_on(async {
                let db = in_memory();
                list(&db, 1, std::slice::from_ref(&sent)).await;
                db.series(&uid("1.2.3")).await.unwrap().unwrap().series
            });

            prop_assert_eq!(kept, sent);
        }
    }
}
