//! What the catalogue says of itself, by DICOM keyword, with days as ISO writes them.

use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest, Md5};

use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};

/// One row, whatever it is called on the wire.
pub(super) type Fact = BTreeMap<&'static str, String>;

/// Two series of one patient, and one of a patient with a name that every format has to escape.
pub(super) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::small(2, 2, 400);
    let odd = SampleSeries::new(("<a> & 'b/c'", "-"), "1.2.826.9.1", "1.2.826.9.1.1", 1, 300);
    catalogue.series.push(SampleSeries { released: "2021-03-04", ..odd });
    catalogue
}

fn fact<const N: usize>(pairs: [(&'static str, &str); N]) -> Fact {
    pairs.into_iter().map(|(keyword, value)| (keyword, value.to_owned())).collect()
}

pub(super) fn series(of: &[&SampleSeries]) -> Vec<Fact> {
    let row = |series: &&SampleSeries| {
        fact([
            ("SeriesInstanceUID", &series.series),
            ("StudyInstanceUID", &series.study),
            ("PatientID", &series.patient_id),
            ("Collection", COLLECTION),
            ("Modality", series.modality),
            ("SeriesDescription", "a/b \"quoted\""),
            ("ImageCount", &series.files.len().to_string()),
            ("FileSize", &series.bytes().to_string()),
            ("SubmissionTimestamp", series.submitted),
            ("DateReleased", series.released),
            ("Authorized", "1"),
        ])
    };
    of.iter().map(row).collect()
}

/// Series with what is known of their patients and studies as well.
pub(super) fn metadata(of: &[&SampleSeries]) -> Vec<Fact> {
    let known = |row: Fact| row.into_iter().chain(fact([("PatientSex", "F"), ("StudyDate", "2001-02-03")]));
    series(of).into_iter().map(|row| known(row).collect()).collect()
}

pub(super) fn patients(of: &[&SampleSeries]) -> Vec<Fact> {
    let ids: BTreeSet<_> = of.iter().map(|series| series.patient_id.as_str()).collect();
    let row = |id| {
        fact([
            ("PatientID", id),
            ("Collection", COLLECTION),
            ("PatientSex", "F"),
            ("Phantom", "NO"),
            ("SpeciesCode", "337915000"),
            ("SpeciesDescription", "Homo sapiens"),
            ("Authorized", "1"),
        ])
    };
    ids.into_iter().map(row).collect()
}

pub(super) fn patient_ids(of: &[&SampleSeries]) -> Vec<Fact> {
    let ids: BTreeSet<_> = of.iter().map(|series| series.patient_id.as_str()).collect();
    ids.into_iter().map(|id| fact([("PatientID", id), ("Authorized", "1")])).collect()
}

pub(super) fn studies(of: &[&SampleSeries]) -> Vec<Fact> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for series in of {
        *counts.entry((&series.patient_id, &series.study)).or_default() += 1;
    }
    let row = |((patient, study), count): ((&str, &str), usize)| {
        fact([
            ("PatientID", patient),
            ("StudyInstanceUID", study),
            ("Collection", COLLECTION),
            ("StudyDate", "2001-02-03"),
            ("SeriesCount", &count.to_string()),
            ("Authorized", "1"),
        ])
    };
    counts.into_iter().map(row).collect()
}

pub(super) fn collections(_of: &[&SampleSeries]) -> Vec<Fact> {
    vec![fact([("Collection", COLLECTION)])]
}

pub(super) fn modalities(of: &[&SampleSeries]) -> Vec<Fact> {
    let modalities: BTreeSet<_> = of.iter().map(|series| series.modality).collect();
    modalities.into_iter().map(|modality| fact([("Modality", modality)])).collect()
}

/// No series of the catalogue has a body part, a manufacturer or a species: one row of null.
pub(super) fn null(_of: &[&SampleSeries]) -> Vec<Fact> {
    vec![Fact::new()]
}

pub(super) fn sizes(of: &[&SampleSeries]) -> Vec<Fact> {
    let row = |series: &&SampleSeries| {
        let (bytes, count) = (series.bytes().to_string(), series.files.len().to_string());
        fact([("TotalSizeInBytes", &bytes), ("ObjectCount", &count)])
    };
    of.iter().map(row).collect()
}

pub(super) fn instances(of: &[&SampleSeries]) -> Vec<Fact> {
    let uids = of.iter().flat_map(|series| series.files.keys());
    uids.map(|uid| fact([("SOPInstanceUID", uid)])).collect()
}

fn counted(
    of: &[&SampleSeries],
    keyword: &'static str,
    value: fn(&SampleSeries) -> Option<&str>,
) -> Vec<Fact> {
    let mut patients: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
    for series in of {
        patients.entry(value(series)).or_default().insert(&series.patient_id);
    }
    let row = |(value, patients): (Option<&str>, BTreeSet<&str>)| {
        let mut row = fact([("Count", &patients.len().to_string()), ("Authorized", "1")]);
        row.extend(value.map(|value| (keyword, value.to_owned())));
        row
    };
    patients.into_iter().map(row).collect()
}

pub(super) fn collection_counts(of: &[&SampleSeries]) -> Vec<Fact> {
    counted(of, "Collection", |_| Some(COLLECTION))
}

pub(super) fn modality_counts(of: &[&SampleSeries]) -> Vec<Fact> {
    counted(of, "Modality", |series| Some(series.modality))
}

pub(super) fn null_counts(of: &[&SampleSeries]) -> Vec<Fact> {
    counted(of, "Modality", |_| None)
}

pub(super) fn nothing(_of: &[&SampleSeries]) -> Vec<Fact> {
    Vec::new()
}

/// An MD5 as 32 digits.
pub(super) fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The MD5 of MD5s, sorted as texts and put one behind the other.
pub(super) fn md5_over(mut md5s: Vec<String>) -> String {
    md5s.sort();
    md5(md5s.concat().as_bytes())
}

pub(super) fn md5_of_series(series: &SampleSeries) -> String {
    md5_over(series.files.values().map(|file| md5(file)).collect())
}
