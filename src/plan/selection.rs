//! What the user wants: equal flags widen, different flags narrow.

use std::collections::BTreeSet;

use crate::dicom::{CollectionName, PatientId, Series, SeriesInstanceUid, StudyInstanceUid};
use crate::nbia::Scope;

/// What to list a collection takes at least, and is asked again for now and then.
const REQUESTS_OF_A_COLLECTION: usize = 4;

/// A set of series; an empty list does not narrow.
///
/// Texts match without regard to case, as the service compares them; UIDs match exactly.
/// Only the hierarchy is asked of the service: a list narrowed by modality, body part, manufacturer or model cannot be
/// compared with the SeriesCount of its studies, so those four are applied here, to a listing that was proven whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the flag it is named after")]
pub struct Selection {
    pub all_collections: bool,
    pub collections: Vec<CollectionName>,
    pub patients: Vec<PatientId>,
    pub studies: Vec<StudyInstanceUid>,
    pub series: BTreeSet<SeriesInstanceUid>,
    /// Lists of series that the service keeps under a name; they widen `series` once the service has been asked.
    pub shared_lists: Vec<String>,
    /// The collection in which all of `series` are known to lie; where they are many it is listed whole.
    pub lie_in: Option<CollectionName>,
    pub modalities: Vec<String>,
    pub body_parts: Vec<String>,
    pub manufacturers: Vec<String>,
    pub models: Vec<String>,
}

/// How exactly a service can be asked for series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsksForSeries {
    /// By SeriesInstanceUID.
    ByUid,
    /// Not below the study.
    ByStudy,
}

impl Selection {
    /// Whether it says nothing about where to look.
    pub fn names_nothing(&self) -> bool {
        !self.all_collections
            && self.collections.is_empty()
            && self.patients.is_empty()
            && self.studies.is_empty()
            && self.series.is_empty()
            && self.shared_lists.is_empty()
    }

    /// The places where to look, the most exact ones that it names; none stands for every collection.
    ///
    /// A service that cannot be asked for single series (`asks_for_series`) is asked for what they lie in.
    pub fn scopes(&self, asks_for_series: AsksForSeries) -> Vec<Scope> {
        let is_worth_a_list = self.series.len() > REQUESTS_OF_A_COLLECTION;
        if let Some(collection) = self.lie_in.clone().filter(|_| is_worth_a_list) {
            return vec![Scope { collection: Some(collection), ..Scope::default() }];
        }
        if !self.series.is_empty() && asks_for_series == AsksForSeries::ByUid {
            let of = |series: &SeriesInstanceUid| Scope {
                series_instance_uid: Some(series.clone()),
                ..Scope::default()
            };
            return self.series.iter().map(of).collect();
        }
        if !self.studies.is_empty() {
            let of = |study: &StudyInstanceUid| Scope {
                study_instance_uid: Some(study.clone()),
                ..Scope::default()
            };
            return self.studies.iter().map(of).collect();
        }
        let collections: Vec<_> = self.collections.iter().cloned().map(Some).collect();
        if self.patients.is_empty() {
            return collections
                .into_iter()
                .map(|collection| Scope { collection, ..Scope::default() })
                .collect();
        }
        let collections = if collections.is_empty() { vec![None] } else { collections };
        let pairs = collections
            .iter()
            .flat_map(|collection| self.patients.iter().map(move |patient| (collection, patient)));
        pairs
            .map(|(collection, patient)| Scope {
                collection: collection.clone(),
                patient_id: Some(patient.clone()),
                ..Scope::default()
            })
            .collect()
    }

    /// Whether a series lies where it looks.
    pub fn covers(&self, series: &Series) -> bool {
        let same_name = |name: &CollectionName| same(name.as_str(), series.collection.as_str());
        let same_patient = |patient: &PatientId| same(patient.as_str(), series.patient_id.as_str());
        (self.collections.is_empty() || self.collections.iter().any(same_name))
            && (self.patients.is_empty() || self.patients.iter().any(same_patient))
            && (self.studies.is_empty() || self.studies.contains(&series.study_instance_uid))
            && (self.series.is_empty() || self.series.contains(&series.series_instance_uid))
    }

    /// Whether a series is wanted.
    pub fn matches(&self, series: &Series) -> bool {
        self.covers(series)
            && is_among(&self.modalities, series.modality.as_deref())
            && is_among(&self.body_parts, series.body_part_examined.as_deref())
            && is_among(&self.manufacturers, series.manufacturer.as_deref())
            && is_among(&self.models, series.manufacturer_model_name.as_deref())
    }

    /// By what it narrows a collection, as text that is the same for the same narrowing.
    pub fn narrowed_by(&self) -> String {
        let kinds = [
            ("modality", &self.modalities),
            ("body part", &self.body_parts),
            ("manufacturer", &self.manufacturers),
            ("model", &self.models),
        ];
        let parts = kinds.into_iter().filter(|(_, values)| !values.is_empty()).map(|(kind, values)| {
            let values: BTreeSet<_> = values.iter().map(|value| value.trim().to_lowercase()).collect();
            format!("{kind} {values:?}")
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// What it names and the service is asked about, for the report of what is not listed: of a series it is not asked
    /// in which collection it lies.
    pub fn named(&self) -> Vec<(&'static str, String)> {
        let collections = self.collections.iter().map(|name| ("collection", name.to_string()));
        let patients = self.patients.iter().map(|name| ("patient", name.to_string()));
        let studies = self.studies.iter().map(|uid| ("study", uid.to_string()));
        let series = self.series.iter().map(|uid| ("series", uid.to_string()));
        match (self.series.is_empty(), self.studies.is_empty()) {
            (false, _) => series.collect(),
            (true, false) => studies.collect(),
            (true, true) => collections.chain(patients).collect(),
        }
    }

    /// Which of [`Selection::named`] stand for a collection.
    pub fn collections_named(&self, collection: &CollectionName) -> Vec<(&'static str, String)> {
        let meant = self.collections.iter().filter(|name| same(name.as_str(), collection.as_str()));
        meant.map(|name| ("collection", name.to_string())).collect()
    }

    /// Which of [`Selection::named`] a series belongs to.
    pub fn names_of<'a>(&'a self, series: &'a Series) -> impl Iterator<Item = (&'static str, String)> + 'a {
        let collection = self.collections.iter().find(|name| same(name.as_str(), series.collection.as_str()));
        let patient = self.patients.iter().find(|name| same(name.as_str(), series.patient_id.as_str()));
        let names = [
            collection.map(|name| ("collection", name.to_string())),
            patient.map(|name| ("patient", name.to_string())),
            self.studies
                .contains(&series.study_instance_uid)
                .then(|| ("study", series.study_instance_uid.to_string())),
            self.series
                .contains(&series.series_instance_uid)
                .then(|| ("series", series.series_instance_uid.to_string())),
        ];
        names.into_iter().flatten()
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn is_among(wanted: &[String], found: Option<&str>) -> bool {
    wanted.is_empty()
        || found.is_some_and(|found| wanted.iter().any(|wanted| same(wanted.trim(), found.trim())))
}

/// A scope in words.
pub fn describe(scope: &Scope) -> String {
    let mut parts = Vec::new();
    if let Some(series) = &scope.series_instance_uid {
        parts.push(format!("series {series}"));
    }
    if let Some(study) = &scope.study_instance_uid {
        parts.push(format!("study {study}"));
    }
    if let Some(patient) = &scope.patient_id {
        parts.push(format!("patient `{patient}`"));
    }
    if let Some(collection) = &scope.collection {
        parts.push(format!("collection `{collection}`"));
    }
    parts.join(" of ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        serde_json::from_value(serde_json::json!({
            "Collection": "CT COLONOGRAPHY", "PatientID": "p1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3",
            "Modality": "CT", "BodyPartExamined": "CHEST "
        }))
        .unwrap()
    }

    #[test]
    fn equal_flags_widen_and_different_flags_narrow() {
        let collections = vec![CollectionName::new("Other"), CollectionName::new("ct colonography")];
        let wide = Selection { collections: collections.clone(), ..Selection::default() };
        assert!(wide.matches(&series()));
        let modality = |name: &str| Selection { modalities: vec![name.to_owned()], ..wide.clone() };
        assert!(modality("ct").matches(&series()));
        assert!(!modality("MR").matches(&series()));
        assert!(modality("MR").covers(&series()));
        let body_part = Selection { body_parts: vec!["chest".to_owned()], ..wide.clone() };
        assert!(body_part.matches(&series()));
        let model = Selection { models: vec!["unknown".to_owned()], ..wide };
        assert!(!model.matches(&series()), "a series without the attribute is not of that kind");
    }

    #[test]
    fn the_most_exact_flags_say_where_to_look() {
        let patients = vec![PatientId::new("p1"), PatientId::new("p2")];
        let collections = vec![CollectionName::new("A"), CollectionName::new("B")];
        let selection = Selection { collections, patients, ..Selection::default() };
        let scopes: Vec<_> = selection.scopes(AsksForSeries::ByUid).iter().map(describe).collect();
        assert_eq!(scopes.len(), 4);
        assert_eq!(scopes[0], "patient `p1` of collection `A`");
        let exact = Selection { series: [SeriesInstanceUid::parse("1.2.3").unwrap()].into(), ..selection };
        let scopes = |how| exact.scopes(how).iter().map(describe).collect::<Vec<_>>();
        assert_eq!(scopes(AsksForSeries::ByUid), ["series 1.2.3"]);
        assert_eq!(scopes(AsksForSeries::ByStudy).len(), 4);
    }
}
