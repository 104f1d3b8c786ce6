//! Collection → Patient → Study → Series → Instance, as the archive describes them.
//!
//! Field names are DICOM keywords; what no generation of the service spells alike is spelled as DICOM does.
//! An attribute that the service left out or sent as null is `None`; one that it sent empty is `Some("")`.
//! Dates are ISO (`YYYY-MM-DD`, with ` hh:mm:ss` where the service gave it) when they could be read, else as sent.
//! What no field is made for is kept in `other`, under the service's own name.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid};

/// Any text that names something: kept as it came, never a path by itself.
macro_rules! name_kind {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes any text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name_kind!(
    /// The name of a collection, spaces and capitals included.
    CollectionName
);
name_kind!(
    /// PatientID as the listing gives it; unique only within its collection.
    PatientId
);

/// One patient of one collection (getPatient).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "DICOM keywords and the service's columns, see the module's documentation")]
pub struct Patient {
    pub collection: CollectionName,
    #[serde(rename = "PatientID")]
    pub patient_id: PatientId,
    pub patient_name: Option<String>,
    pub patient_birth_date: Option<String>,
    pub patient_sex: Option<String>,
    pub ethnic_group: Option<String>,
    pub phantom: Option<String>,
    pub species_code: Option<String>,
    pub species_description: Option<String>,
    pub authorized: Option<String>,
    #[serde(default)]
    pub other: Map<String, Value>,
}

/// One study of one patient (getPatientStudy); `series_count` is what the service says it holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "DICOM keywords and the service's columns, see the module's documentation")]
pub struct Study {
    pub collection: CollectionName,
    #[serde(rename = "PatientID")]
    pub patient_id: PatientId,
    #[serde(rename = "StudyInstanceUID")]
    pub study_instance_uid: StudyInstanceUid,
    pub study_date: Option<String>,
    pub study_description: Option<String>,
    pub admitting_diagnoses_description: Option<String>,
    #[serde(rename = "StudyID")]
    pub study_id: Option<String>,
    pub patient_age: Option<String>,
    pub patient_name: Option<String>,
    pub patient_birth_date: Option<String>,
    pub patient_sex: Option<String>,
    pub ethnic_group: Option<String>,
    pub series_count: Option<u32>,
    pub longitudinal_temporal_event_type: Option<String>,
    pub longitudinal_temporal_offset_from_event: Option<String>,
    pub authorized: Option<String>,
    #[serde(default)]
    pub other: Map<String, Value>,
}

/// One series (getSeries); `file_size` is the sum of its DICOM files in bytes, `submission_timestamp` the newest
/// submission of any of its images.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "DICOM keywords and the service's columns, see the module's documentation")]
pub struct Series {
    pub collection: CollectionName,
    #[serde(rename = "PatientID")]
    pub patient_id: PatientId,
    #[serde(rename = "StudyInstanceUID")]
    pub study_instance_uid: StudyInstanceUid,
    #[serde(rename = "SeriesInstanceUID")]
    pub series_instance_uid: SeriesInstanceUid,
    pub modality: Option<String>,
    pub protocol_name: Option<String>,
    pub series_date: Option<String>,
    pub series_description: Option<String>,
    pub body_part_examined: Option<String>,
    pub series_number: Option<String>,
    pub annotations_flag: Option<String>,
    pub site: Option<String>,
    pub patient_sex: Option<String>,
    pub patient_age: Option<String>,
    pub admitting_diagnoses_description: Option<String>,
    pub manufacturer: Option<String>,
    pub manufacturer_model_name: Option<String>,
    pub software_versions: Option<String>,
    pub image_count: Option<u32>,
    pub file_size: Option<u64>,
    pub submission_timestamp: Option<String>,
    pub license_name: Option<String>,
    #[serde(rename = "LicenseURI")]
    pub license_uri: Option<String>,
    #[serde(rename = "DataDescriptionURI")]
    pub data_description_uri: Option<String>,
    pub released_status: Option<String>,
    pub date_released: Option<String>,
    pub study_description: Option<String>,
    pub study_date: Option<String>,
    pub third_party_analysis: Option<String>,
    pub authorized: Option<String>,
    #[serde(default)]
    pub other: Map<String, Value>,
}

impl Series {
    /// This series as it is listed now: what is compared with what was placed.
    pub fn version(&self) -> SeriesVersion {
        let place = SeriesPlace {
            collection: self.collection.clone(),
            patient_id: self.patient_id.clone(),
            study_instance_uid: self.study_instance_uid.clone(),
        };
        SeriesVersion { place: Some(place), fingerprint: self.fingerprint() }
    }

    /// What tells one version of this series from another.
    pub fn fingerprint(&self) -> SeriesFingerprint {
        SeriesFingerprint {
            image_count: self.image_count,
            size_bytes: self.file_size,
            submission_timestamp: self.submission_timestamp.clone(),
        }
    }
}

/// Where a series stands above its instances.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each is the level it is named after")]
pub struct SeriesPlace {
    pub collection: CollectionName,
    pub patient_id: PatientId,
    pub study_instance_uid: StudyInstanceUid,
}

impl fmt::Display for SeriesPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, patient_id, study_instance_uid } = self;
        write!(formatter, "study {study_instance_uid} of patient `{patient_id}` of collection `{collection}`")
    }
}

/// A version of a series at a place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct SeriesVersion {
    /// Where it is listed; an old record may not tell.
    pub place: Option<SeriesPlace>,
    /// Which images it has.
    pub fingerprint: SeriesFingerprint,
}

impl SeriesVersion {
    /// How a newer listing differs, as text for the user: in its images, else in its place.
    pub fn difference(&self, newer: &Self) -> Option<String> {
        self.fingerprint.difference(&newer.fingerprint).or_else(|| {
            let (old, new) = (self.place.as_ref()?, newer.place.as_ref()?);
            (old != new).then(|| format!("was {old}, now {new}"))
        })
    }
}

/// What a listing tells of the version of a series: compared between the service and the record.
///
/// Count and size alone do not show every revision; a licence, a release date or a description is no part of it,
/// because none of them touches the images.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct SeriesFingerprint {
    /// Instances in the series.
    pub image_count: Option<u32>,
    /// Sum of its DICOM files in bytes.
    pub size_bytes: Option<u64>,
    /// Newest submission of any of its images.
    pub submission_timestamp: Option<String>,
}

impl SeriesFingerprint {
    /// The first value that both sides know and that differs, as text for the user.
    ///
    /// A value that one side does not know says nothing; a day agrees with a time on that day.
    pub fn difference(&self, newer: &Self) -> Option<String> {
        changed("instances", self.image_count, newer.image_count)
            .or_else(|| changed("bytes", self.size_bytes, newer.size_bytes))
            .or_else(|| {
                let (old, new) =
                    (self.submission_timestamp.as_deref()?, newer.submission_timestamp.as_deref()?);
                let same = old.starts_with(new) || new.starts_with(old);
                (!same).then(|| format!("submitted {old}, now {new}"))
            })
    }
}

fn changed<T: PartialEq + fmt::Display>(what: &str, old: Option<T>, new: Option<T>) -> Option<String> {
    let (old, new) = (old?, new?);
    (old != new).then(|| format!("{old} {what}, now {new}"))
}

/// One DICOM file, known by its digests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// (0008,0018) of the data set.
    pub sop_instance_uid: SopInstanceUid,
    /// Length of the file.
    pub size_bytes: u64,
    /// CRC-32 of the file, as ZIP uses it.
    pub crc32: u32,
    /// MD5 of the file, as the service records it.
    pub md5: [u8; 16],
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(count: Option<u32>, size: Option<u64>, stamp: Option<&str>) -> SeriesFingerprint {
        SeriesFingerprint {
            image_count: count,
            size_bytes: size,
            submission_timestamp: stamp.map(Into::into),
        }
    }

    #[test]
    fn only_what_both_sides_know_can_differ() {
        let recorded = fingerprint(Some(3), None, Some("2015-05-27 17:12:21"));

        assert_eq!(recorded.difference(&fingerprint(None, Some(9), None)), None);
        assert_eq!(recorded.difference(&fingerprint(Some(3), Some(9), Some("2015-05-27"))), None);
        assert_eq!(recorded.difference(&fingerprint(Some(4), None, None)).unwrap(), "3 instances, now 4");
        assert!(recorded.difference(&fingerprint(Some(3), None, Some("2015-05-28"))).is_some());
    }

    #[test]
    fn null_and_empty_stay_apart() {
        let row = serde_json::json!({
            "Collection": "C", "PatientID": "P", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3", "Modality": ""
        });

        let series: Series = serde_json::from_value(row).unwrap();

        assert_eq!(series.modality.as_deref(), Some(""));
        assert_eq!(series.series_description, None);
    }
}
