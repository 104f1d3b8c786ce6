//! What the user wants: equal flags widen, different flags narrow.

use std::collections::BTreeSet;

use super::rule::{Attribute, Exclusion, is_among, is_like, is_pattern};
use crate::dicom::{CollectionName, PatientId, Series, SeriesInstanceUid, StudyInstanceUid};
use crate::nbia::Scope;

/// What to list a collection takes at least, and is asked again for now and then.
const REQUESTS_OF_A_COLLECTION: usize = 4;

/// A set of series; an empty list does not narrow.
///
/// Texts match without regard to case, as the service compares them, and `*` and `?` stand for any characters and for
/// one; UIDs match exactly. Only names of the hierarchy are asked of the service: a list narrowed by modality and the
/// like cannot be compared with the SeriesCount of its studies, so the rest is applied here, to a listing that was proven
/// whole.
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
    /// Names or addresses of licences.
    pub licenses: Vec<String>,
    /// What is left out, whatever else selects it.
    pub exclude: Vec<Exclusion>,
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
        if self.patients.is_empty() || self.has_patterns_of_patients() {
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
        let is_like_it = |name: &CollectionName| is_like(name.as_str(), series.collection.as_str());
        (self.collections.is_empty() || self.collections.iter().any(is_like_it))
            && (self.has_patterns_of_patients() || self.has_patient(series))
            && (self.studies.is_empty() || self.studies.contains(&series.study_instance_uid))
            && (self.series.is_empty() || self.series.contains(&series.series_instance_uid))
    }

    /// Whether a series is wanted.
    pub fn matches(&self, series: &Series) -> bool {
        let wants =
            |(attribute, wanted): (Attribute, &Vec<String>)| is_among(wanted, attribute.values(series));
        self.covers(series)
            && self.has_patient(series)
            && self.kinds().into_iter().all(wants)
            && !self.exclude.iter().any(|rule| rule.holds(series))
    }

    /// Whether nothing of a collection is wanted.
    pub fn leaves_out(&self, collection: &CollectionName) -> bool {
        let mut rules = self.exclude.iter().filter(|rule| rule.attribute == Attribute::Collection);
        rules.any(|rule| is_like(&rule.pattern, collection.as_str()))
    }

    /// Whether collections are selected by what they look like.
    pub fn has_patterns_of_collections(&self) -> bool {
        self.collections.iter().any(|name| is_pattern(name.as_str()))
    }

    /// Whether patients are selected by what they look like: then they narrow a listing, and say nothing of where to look.
    fn has_patterns_of_patients(&self) -> bool {
        self.patients.iter().any(|patient| is_pattern(patient.as_str()))
    }

    fn has_patient(&self, series: &Series) -> bool {
        let is_like_it = |patient: &PatientId| is_like(patient.as_str(), series.patient_id.as_str());
        self.patients.is_empty() || self.patients.iter().any(is_like_it)
    }

    fn kinds(&self) -> [(Attribute, &Vec<String>); 5] {
        [
            (Attribute::Modality, &self.modalities),
            (Attribute::BodyPart, &self.body_parts),
            (Attribute::Manufacturer, &self.manufacturers),
            (Attribute::Model, &self.models),
            (Attribute::License, &self.licenses),
        ]
    }

    /// By what it narrows a collection, as text that is the same for the same narrowing.
    pub fn narrowed_by(&self) -> String {
        let folded = |value: &str| value.trim().to_lowercase();
        let in_words =
            |kind: &str, values: BTreeSet<String>| (!values.is_empty()).then(|| format!("{kind} {values:?}"));
        let patients = self.patients.iter().filter(|_| self.has_patterns_of_patients());
        let patients = patients.map(|patient| folded(patient.as_str())).collect();
        let kinds = self.kinds().into_iter().map(|(attribute, values)| {
            in_words(attribute.name(), values.iter().map(|value| folded(value)).collect())
        });
        let excluded = self.exclude.iter().filter(|rule| rule.attribute != Attribute::Collection);
        let excluded =
            excluded.map(|rule| format!("{} {}", rule.attribute.name(), folded(&rule.pattern))).collect();
        let parts = kinds.chain([in_words("patient", patients), in_words("without", excluded)]);
        parts.flatten().collect::<Vec<_>>().join(", ")
    }

    /// What it names and the service is asked about, for the report of what is not listed: of a series it is not asked
    /// in which collection it lies, and what patients look like is no name.
    pub fn named(&self) -> Vec<(&'static str, String)> {
        let collections = self.collections.iter().map(|name| ("collection", name.to_string()));
        let patients = self.patients.iter().filter(|_| !self.has_patterns_of_patients());
        let patients = patients.map(|name| ("patient", name.to_string()));
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
        let meant = self.collections.iter().filter(|name| is_like(name.as_str(), collection.as_str()));
        meant.map(|name| ("collection", name.to_string())).collect()
    }

    /// Which of [`Selection::named`] a series belongs to.
    pub fn names_of<'a>(&'a self, series: &'a Series) -> impl Iterator<Item = (&'static str, String)> + 'a {
        let is_meant = |name: &&PatientId| is_like(name.as_str(), series.patient_id.as_str());
        let patients = self.patients.iter().filter(is_meant).map(|name| ("patient", name.to_string()));
        let names = [
            self.studies
                .contains(&series.study_instance_uid)
                .then(|| ("study", series.study_instance_uid.to_string())),
            self.series
                .contains(&series.series_instance_uid)
                .then(|| ("series", series.series_instance_uid.to_string())),
        ];
        self.collections_named(&series.collection)
            .into_iter()
            .chain(patients)
            .chain(names.into_iter().flatten())
    }
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
    fn what_is_left_out_is_left_out_whatever_selects_it() {
        let all = Selection { all_collections: true, ..Selection::default() };
        let without = |attribute, pattern: &str| Selection {
            exclude: vec![Exclusion { attribute, pattern: pattern.to_owned() }],
            ..all.clone()
        };
        assert!(!without(Attribute::Modality, "ct").matches(&series()));
        assert!(without(Attribute::Modality, "ct").covers(&series()), "it lies where the selection looks");
        assert!(without(Attribute::Modality, "MR").matches(&series()));
        let of_a_collection = without(Attribute::Collection, "ct *");
        assert!(of_a_collection.leaves_out(&series().collection) && !of_a_collection.matches(&series()));
        assert!(!without(Attribute::Modality, "*").leaves_out(&series().collection));
    }

    #[test]
    fn what_patients_look_like_narrows_a_listing_and_says_nothing_of_where_to_look() {
        let collections = vec![CollectionName::new("CT COLONOGRAPHY")];
        let patients = |names: &[&str]| Selection {
            collections: collections.clone(),
            patients: names.iter().map(|name| PatientId::new(*name)).collect(),
            ..Selection::default()
        };
        let (named, like) = (patients(&["p1"]), patients(&["P?", "other"]));

        assert_eq!(
            like.scopes(AsksForSeries::ByUid).iter().map(describe).collect::<Vec<_>>(),
            ["collection `CT COLONOGRAPHY`"]
        );
        assert!(like.matches(&series()) && !patients(&["q*"]).matches(&series()));
        assert!(patients(&["q*"]).covers(&series()));
        // a name that is not listed is told, a pattern like which nobody is is not
        assert_eq!(named.named().len(), 2);
        assert_eq!(like.named(), [("collection", "CT COLONOGRAPHY".to_owned())]);
        // each has a watermark of its own
        assert_eq!(named.narrowed_by(), "");
        assert_eq!(like.narrowed_by(), "patient {\"other\", \"p?\"}");
    }

    #[test]
    fn a_watermark_is_of_what_was_selected_and_left_out() {
        let exclude = vec![
            Exclusion { attribute: Attribute::License, pattern: "*NC*".to_owned() },
            Exclusion { attribute: Attribute::Collection, pattern: "NLST".to_owned() },
        ];
        let selection = Selection {
            all_collections: true,
            modalities: vec!["MR".to_owned(), "ct".to_owned()],
            licenses: vec!["*/by/*".to_owned()],
            exclude,
            ..Selection::default()
        };
        assert_eq!(
            selection.narrowed_by(),
            "modality {\"ct\", \"mr\"}, license {\"*/by/*\"}, without {\"license *nc*\"}"
        );
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
