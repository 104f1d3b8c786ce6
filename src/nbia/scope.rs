//! What a list is asked about.

use super::dialect::Parameter;
use crate::dicom::{CollectionName, PatientId, SeriesInstanceUid, StudyInstanceUid};

/// What a list is asked about; what is `None` is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// One collection.
    pub collection: Option<CollectionName>,
    /// One patient.
    pub patient_id: Option<PatientId>,
    /// One study.
    pub study_instance_uid: Option<StudyInstanceUid>,
    /// One series.
    pub series_instance_uid: Option<SeriesInstanceUid>,
}

/// By what lists of series and of their values are narrowed, beside the hierarchy; what is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "DICOM keywords, see crate::dicom")]
pub struct Narrowing {
    pub modality: Option<String>,
    pub body_part_examined: Option<String>,
    pub manufacturer: Option<String>,
    pub manufacturer_model_name: Option<String>,
}

impl Scope {
    pub(super) fn parameters(&self) -> Vec<(Parameter, String)> {
        named([
            (Parameter::Collection, self.collection.as_ref().map(ToString::to_string)),
            (Parameter::PatientId, self.patient_id.as_ref().map(ToString::to_string)),
            (Parameter::StudyInstanceUid, self.study_instance_uid.as_ref().map(ToString::to_string)),
            (Parameter::SeriesInstanceUid, self.series_instance_uid.as_ref().map(ToString::to_string)),
        ])
    }
}

impl Narrowing {
    pub(super) fn parameters(&self) -> Vec<(Parameter, String)> {
        named([
            (Parameter::Modality, self.modality.clone()),
            (Parameter::BodyPartExamined, self.body_part_examined.clone()),
            (Parameter::Manufacturer, self.manufacturer.clone()),
            (Parameter::ManufacturerModelName, self.manufacturer_model_name.clone()),
        ])
    }
}

fn named<const N: usize>(parameters: [(Parameter, Option<String>); N]) -> Vec<(Parameter, String)> {
    parameters.into_iter().filter_map(|(parameter, value)| Some((parameter, value?))).collect()
}
