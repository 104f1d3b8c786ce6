//! The rows of the record that tell of the sample: what the service would list of each study and series.
//!
//! Beyond the table in `sample` everything here is invented: the days of submission and release, the site, the
//! licence (a real one, which no collection of that name need have), and the address that describes the data.

use serde_json::Map;

use super::sample::{SampleSeries, SampleStudy};
use crate::dicom::{
    CollectionName, Patient, PatientId, Series, SeriesInstanceUid, Study, StudyInstanceUid, UidError,
};

const LICENSE_NAME: &str = "Creative Commons Attribution 4.0 International License";
const LICENSE_URI: &str = "https://creativecommons.org/licenses/by/4.0/";
/// An address that belongs to nobody (RFC 2606); the archive sends a DOI.
const DATA_DESCRIPTION_URI: &str = "https://example.org/tcia-mirror/sample";
const SUBMISSION_TIMESTAMP: &str = "2014-01-13 09:30:00";
const DATE_RELEASED: &str = "2014-01-14";

/// The row of a study's patient.
pub(super) fn patient(study: &SampleStudy) -> Patient {
    let is_phantom = study.collection.contains("PHANTOM");
    Patient {
        collection: CollectionName::new(study.collection),
        patient_id: PatientId::new(study.patient_id),
        patient_name: Some(study.patient_id.to_owned()),
        patient_birth_date: None,
        patient_sex: Some(study.patient_sex.to_owned()),
        ethnic_group: None,
        phantom: Some(if is_phantom { "YES" } else { "NO" }.to_owned()),
        // what the service says of every patient of whom it knows nothing else, phantoms as well
        // (NBIA-TCIA 865725e0, `PatientDAOImpl.java`)
        species_code: Some("337915000".to_owned()),
        species_description: Some("Homo sapiens".to_owned()),
        authorized: Some("1".to_owned()),
        other: Map::new(),
    }
}

/// The row of a study.
pub(super) fn study(study: &SampleStudy) -> Study {
    Study {
        collection: CollectionName::new(study.collection),
        patient_id: PatientId::new(study.patient_id),
        study_instance_uid: uid(StudyInstanceUid::parse(study.study_instance_uid)),
        study_date: Some(study.study_date.to_owned()),
        study_description: owned(study.study_description),
        admitting_diagnoses_description: owned(study.admitting_diagnoses_description),
        study_id: owned(study.study_id),
        patient_age: owned(study.patient_age),
        patient_name: Some(study.patient_id.to_owned()),
        patient_birth_date: None,
        patient_sex: Some(study.patient_sex.to_owned()),
        ethnic_group: None,
        series_count: u32::try_from(study.series.len()).ok(),
        longitudinal_temporal_event_type: None,
        longitudinal_temporal_offset_from_event: None,
        authorized: Some("1".to_owned()),
        other: Map::new(),
    }
}

/// The row of a series; its size is that of files which are not made yet.
pub(super) fn series(study: &SampleStudy, series: &SampleSeries) -> Series {
    Series {
        collection: CollectionName::new(study.collection),
        patient_id: PatientId::new(study.patient_id),
        study_instance_uid: uid(StudyInstanceUid::parse(study.study_instance_uid)),
        series_instance_uid: uid(SeriesInstanceUid::parse(series.series_instance_uid)),
        modality: Some(series.modality.to_owned()),
        protocol_name: owned(series.protocol_name),
        series_date: owned(series.series_date),
        series_description: owned(series.series_description),
        body_part_examined: owned(series.body_part_examined),
        series_number: Some(series.series_number.to_string()),
        annotations_flag: Some("false".to_owned()),
        site: Some("SAMPLE".to_owned()),
        patient_sex: Some(study.patient_sex.to_owned()),
        patient_age: owned(study.patient_age),
        admitting_diagnoses_description: owned(study.admitting_diagnoses_description),
        manufacturer: Some(series.manufacturer.to_owned()),
        manufacturer_model_name: Some(series.manufacturer_model_name.to_owned()),
        software_versions: Some(series.software_versions.to_owned()),
        image_count: Some(series.image_count),
        file_size: None,
        submission_timestamp: Some(SUBMISSION_TIMESTAMP.to_owned()),
        license_name: Some(LICENSE_NAME.to_owned()),
        license_uri: Some(LICENSE_URI.to_owned()),
        data_description_uri: Some(DATA_DESCRIPTION_URI.to_owned()),
        released_status: Some("Yes".to_owned()),
        date_released: Some(DATE_RELEASED.to_owned()),
        study_description: owned(study.study_description),
        study_date: Some(study.study_date.to_owned()),
        third_party_analysis: Some("NO".to_owned()),
        authorized: Some("1".to_owned()),
        other: Map::new(),
    }
}

/// The licence text of a series: the service's own sentence (NBIA-TCIA 865725e0, `nbia.properties`), and what it is
/// worth here.
pub(super) fn license(collection: &str) -> String {
    format!(
        "License Information. The {collection} collection is distributed under the {LICENSE_NAME} at {LICENSE_URI} \
         By downloading the data, you agree to abide by terms of this license.\n\
         This is invented sample data of tcia-mirror: no patient is behind it, and the text above only stands where \
         the archive puts the one of the collection.\n"
    )
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(ToOwned::to_owned)
}

fn uid<T>(parsed: Result<T, UidError>) -> T {
    parsed.expect("every UID of the table is one, a test of it says so")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::sample::STUDIES;
    use super::*;

    /// The columns of a row that are null.
    fn nulls(row: &impl serde::Serialize) -> BTreeSet<String> {
        let Value::Object(row) = serde_json::to_value(row).unwrap() else { panic!("a row is an object") };
        row.into_iter().filter(|(_, value)| value.is_null()).map(|(keyword, _)| keyword).collect()
    }

    /// Of all rows.
    fn always_null(rows: impl Iterator<Item = BTreeSet<String>>) -> Vec<String> {
        rows.reduce(|left, right| &left & &right).unwrap().into_iter().collect()
    }

    #[test]
    fn only_what_nobody_knows_of_the_sample_is_null_in_every_row() {
        let of_patients = always_null(STUDIES.iter().map(|row| nulls(&patient(row))));
        let of_studies = always_null(STUDIES.iter().map(|row| nulls(&study(row))));
        let of_series = always_null(
            STUDIES.iter().flat_map(|row| row.series.iter().map(move |one| nulls(&series(row, one)))),
        );

        assert_eq!(of_patients, ["EthnicGroup", "PatientBirthDate"]);
        assert_eq!(
            of_studies,
            [
                "AdmittingDiagnosesDescription",
                "EthnicGroup",
                "LongitudinalTemporalEventType",
                "LongitudinalTemporalOffsetFromEvent",
                "PatientBirthDate"
            ]
        );
        assert_eq!(of_series, ["AdmittingDiagnosesDescription", "FileSize"]);
    }

    #[test]
    fn a_null_of_the_document_is_null_and_its_empty_text_is_empty() {
        let of = |collection| study(STUDIES.iter().find(|row| row.collection == collection).unwrap());

        assert_eq!(of("TCGA-KIRC").patient_age, None);
        assert_eq!(of("LIDC-IDRI").patient_age.as_deref(), Some(""));
    }
}
