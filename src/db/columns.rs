//! The columns of the catalogue, each with the keyword of [`crate::dicom`] that it holds.
//!
//! Rows travel as the JSON of their struct: SQLite takes it apart on the way in and puts it together on the way out.

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
    let names: Vec<_> = columns.iter().map(|(_, column)| *column).collect();
    let values: Vec<_> = columns.iter().map(|(keyword, _)| format!("?1 ->> '{keyword}'")).collect();
    let updates: Vec<_> = names.iter().map(|column| format!("{column} = excluded.{column}")).collect();
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
