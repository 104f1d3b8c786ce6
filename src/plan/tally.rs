//! Whether a listing is whole: each study's SeriesCount against the series that came, each patient against its studies.
//!
//! The service hides its failures behind lists that are short and valid; this is what tells.

use std::collections::hash_map::DefaultHasher;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use crate::dicom::{PatientId, Series, Study, StudyInstanceUid};

/// What has been listed of a scope so far; a few dozen bytes a study, two dozen a series.
#[derive(Debug, Default)]
pub(super) struct Tally {
    patients: HashSet<PatientId>,
    studies: HashMap<StudyKey, StudyTally>,
    series: HashMap<u64, Seen>,
    /// How many lists of series have begun.
    answer: u32,
}

/// The last row of a series.
#[derive(Clone, Copy, Debug)]
struct Seen {
    fingerprint: u64,
    answer: u32,
}

/// A study is known by its patient as well: real StudyInstanceUIDs stand under two.
pub(super) type StudyKey = (PatientId, StudyInstanceUid);

/// One study: what the service says, and what came.
#[derive(Clone, Copy, Debug, Default)]
struct StudyTally {
    is_listed: bool,
    series_count: Option<u32>,
    found: u32,
    /// The answer in which two rows of one of its series told different things.
    contradicted_in: Option<u32>,
}

impl StudyTally {
    fn is_whole(&self) -> bool {
        self.contradicted_in.is_none()
            && self.is_listed
            && self.series_count.map_or(self.found > 0, |count| count == self.found)
    }
}

impl Tally {
    pub(super) fn add_patient(&mut self, patient: &PatientId) {
        self.patients.insert(patient.clone());
    }

    pub(super) fn add_study(&mut self, study: &Study) {
        let tally = self.study(&study.patient_id, &study.study_instance_uid);
        tally.is_listed = true;
        tally.series_count = tally.series_count.max(study.series_count);
    }

    /// A list of series begins: what it says of a study counts more than what an earlier one has said.
    pub(super) fn begin_series(&mut self) {
        self.answer += 1;
    }

    /// Counts a series, once however often it is listed; rows of one answer must agree about it.
    pub(super) fn add_series(&mut self, series: &Series) {
        let answer = self.answer;
        let key = hash_of(&(&series.series_instance_uid, &series.study_instance_uid, &series.patient_id));
        let seen = Seen { fingerprint: hash_of(&series.fingerprint()), answer };
        let (is_new, contradicts) = match self.series.entry(key) {
            Entry::Vacant(place) => {
                place.insert(seen);
                (true, false)
            }
            Entry::Occupied(mut place) => {
                let before = place.insert(seen);
                (false, before.answer == answer && before.fingerprint != seen.fingerprint)
            }
        };
        let study = self.study(&series.patient_id, &series.study_instance_uid);
        study.found += u32::from(is_new);
        if contradicts {
            study.contradicted_in = Some(answer);
        } else if study.contradicted_in.is_some_and(|earlier| earlier < answer) {
            study.contradicted_in = None;
        }
    }

    pub(super) fn has_patients(&self) -> bool {
        !self.patients.is_empty()
    }

    pub(super) fn has_studies(&self) -> bool {
        self.studies.values().any(|study| study.is_listed)
    }

    pub(super) fn has_series(&self) -> bool {
        !self.series.is_empty()
    }

    /// Every patient that any list has named.
    pub(super) fn all_patients(&self) -> BTreeSet<PatientId> {
        self.patients.iter().chain(self.studies.keys().map(|(patient, _)| patient)).cloned().collect()
    }

    /// Patients for whom the lists do not agree.
    pub(super) fn doubtful_patients(&self) -> BTreeSet<PatientId> {
        let with_studies: HashSet<_> = self.studies.keys().map(|(patient, _)| patient).collect();
        let without = self.patients.iter().filter(|patient| !with_studies.contains(patient));
        let doubtful = self.doubtful_studies().into_iter().map(|(patient, _)| patient);
        without.cloned().chain(doubtful).collect()
    }

    /// Studies for which the lists do not agree.
    pub(super) fn doubtful_studies(&self) -> Vec<StudyKey> {
        self.studies.iter().filter(|(_, study)| !study.is_whole()).map(|(key, _)| key.clone()).collect()
    }

    /// Every study that any list has named.
    pub(super) fn all_studies(&self) -> Vec<StudyKey> {
        self.studies.keys().cloned().collect()
    }

    /// What is wrong with a study.
    pub(super) fn complaint(&self, key: &StudyKey) -> String {
        let study = self.studies.get(key).copied().unwrap_or_default();
        if study.contradicted_in.is_some() {
            return "getSeries lists one of its series twice, with different figures".to_owned();
        }
        match (study.is_listed, study.series_count) {
            (true, Some(count)) => format!("SeriesCount is {count}, getSeries lists {}", study.found),
            (true, None) => "it has no SeriesCount, and getSeries lists nothing of it".to_owned(),
            (false, _) => {
                format!("getSeries lists {} series of it, getPatientStudy does not list it", study.found)
            }
        }
    }

    fn study(&mut self, patient: &PatientId, study: &StudyInstanceUid) -> &mut StudyTally {
        self.studies.entry((patient.clone(), study.clone())).or_default()
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn study(uid: &str, series_count: Option<u32>) -> Study {
        let row = json!({"Collection": "C", "PatientID": "P", "StudyInstanceUID": uid, "SeriesCount": series_count});
        serde_json::from_value(row).unwrap()
    }

    fn series(study: &str, uid: &str) -> Series {
        let row =
            json!({"Collection": "C", "PatientID": "P", "StudyInstanceUID": study, "SeriesInstanceUID": uid});
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_list_that_is_short_of_one_series_is_doubtful() {
        let mut tally = Tally::default();
        tally.add_study(&study("1", Some(2)));
        tally.add_series(&series("1", "1.1"));
        tally.add_series(&series("1", "1.1"));
        assert_eq!(tally.complaint(&tally.doubtful_studies()[0]), "SeriesCount is 2, getSeries lists 1");

        tally.add_series(&series("1", "1.2"));
        assert!(tally.doubtful_patients().is_empty());
    }

    #[test]
    fn rows_of_one_answer_that_contradict_each_other_are_doubtful_until_a_later_answer_does_not() {
        let counted = |count: u32| Series { image_count: Some(count), ..series("1", "1.1") };
        let mut tally = Tally::default();
        tally.add_study(&study("1", Some(1)));

        tally.begin_series();
        tally.add_series(&counted(3));
        tally.add_series(&counted(4));
        assert_eq!(
            tally.complaint(&tally.doubtful_studies()[0]),
            "getSeries lists one of its series twice, with different figures"
        );

        tally.begin_series();
        tally.add_series(&counted(3));
        tally.add_series(&counted(3));
        assert!(tally.doubtful_studies().is_empty());
    }

    #[test]
    fn a_patient_without_a_study_and_a_series_without_one_are_doubtful() {
        let mut tally = Tally::default();
        tally.add_patient(&PatientId::new("alone"));
        tally.add_series(&series("9", "9.1"));
        let doubtful: Vec<_> =
            tally.doubtful_patients().into_iter().map(|patient| patient.to_string()).collect();
        assert_eq!(doubtful, ["P", "alone"]);
    }

    #[test]
    fn a_study_whose_count_is_not_said_must_have_a_series() {
        let mut tally = Tally::default();
        tally.add_study(&study("1", None));
        assert_eq!(tally.doubtful_studies().len(), 1);
        tally.add_series(&series("1", "1.1"));
        assert!(tally.doubtful_patients().is_empty());
    }
}
