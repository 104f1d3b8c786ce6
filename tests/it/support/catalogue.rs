//! A catalogue of 68 series with known bytes, odd identifiers among them, as a mirror that can be served.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use tcia_mirror::demo::SampleMirror;
use tcia_mirror::dicom::SopInstanceUid;

use super::dicom_bytes;

/// The collection that all of it is in, unless a series says otherwise.
pub(crate) const COLLECTION: &str = "CT COLONOGRAPHY";
/// The licence text of every series that names no licence.
pub(crate) const LICENSE: &str = "License Information. Generated for a test.\n";
/// Identifiers that are no ordinary path components, with the components that the promise gives them.
const ODD_PATIENTS: [(&str, &str); 10] = [
    ("a/b", "a%2Fb"),
    ("..", "%2E%2E"),
    ("CON", "%43ON"),
    (" padded ", "%20padded%20"),
    ("M\u{fc}ller", "M\u{fc}ller"),
    ("100%", "100%25"),
    ("red\u{1b}[31m", "red%1B[31m"),
    ("1.3.6.1.4.1.9328.50.4.0114", "1.3.6.1.4.1.9328.50.4.0114"),
    ("GBM_DSC_MRI_DRO_Bo=3T", "GBM_DSC_MRI_DRO_Bo=3T"),
    ("P_01535_LEFT_CC_1.dcm", "P_01535_LEFT_CC_1.dcm"),
];

/// Noise of a linear congruential generator: does not shrink, and is the same in every run.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let states = std::iter::successors(Some(seed), next).skip(1);
    states.map(|state| state.to_be_bytes()[0]).take(length).collect()
}

/// One series and its files.
#[derive(Clone, Debug)]
pub(crate) struct SampleSeries {
    pub(crate) collection: String,
    pub(crate) patient_id: String,
    /// The directory that its patient has in a mirror.
    pub(crate) component: String,
    pub(crate) study: String,
    pub(crate) series: String,
    pub(crate) modality: &'static str,
    pub(crate) description: &'static str,
    pub(crate) study_date: &'static str,
    pub(crate) license_name: Option<&'static str>,
    /// The newest submission of any of its images.
    pub(crate) submitted: &'static str,
    /// The day it was made public.
    pub(crate) released: &'static str,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl SampleSeries {
    /// A series whose files have about `bytes` bytes each.
    pub(crate) fn new(
        patient: (&str, &str),
        study: &str,
        series: &str,
        instances: u64,
        bytes: usize,
    ) -> Self {
        let file = |number: u64| {
            let instance = format!("{series}.{number}");
            let length = bytes + usize::try_from(number).unwrap();
            let bytes = dicom_bytes::instance(study, series, &instance, &noise(length, number + instances));
            (instance, bytes)
        };
        Self {
            collection: COLLECTION.to_owned(),
            patient_id: patient.0.to_owned(),
            component: patient.1.to_owned(),
            study: study.to_owned(),
            series: series.to_owned(),
            modality: if instances.is_multiple_of(2) { "CT" } else { "MR" },
            description: "a/b \"quoted\"",
            study_date: "2001-02-03",
            license_name: None,
            submitted: "2020-01-01",
            released: "2020-01-02",
            files: (1..=instances).map(file).collect(),
        }
    }

    /// The text that comes with its images.
    pub(crate) fn license(&self) -> String {
        self.license_name.map_or_else(|| LICENSE.to_owned(), |name| format!("License Information. {name}.\n"))
    }

    /// Every file that a mirror of it must hold: path below the root, and bytes. The licence only where `licensed`.
    pub(crate) fn expected_tree(&self, licensed: bool) -> BTreeMap<String, Vec<u8>> {
        let Self { collection, component, study, series, .. } = self;
        let directory = format!("{collection}/{component}/{study}/{series}");
        let instance = |(uid, bytes): (&String, &Vec<u8>)| (format!("{directory}/{uid}.dcm"), bytes.clone());
        let license = licensed.then(|| (format!("{directory}/LICENSE"), self.license().into_bytes()));
        self.files.iter().map(instance).chain(license).collect()
    }

    /// Bytes of all its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.len() as u64).sum()
    }
}

/// Series of one service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) series: Vec<SampleSeries>,
}

impl Catalogue {
    /// 68 series of 18 patients.
    pub(crate) fn large() -> Self {
        let mut series = Vec::new();
        for patient in 1..=8_u32 {
            let name = format!("TEST-{patient:04}");
            for (study, number) in (1..=2).flat_map(|study| (1..=3_u64).map(move |number| (study, number))) {
                let study_uid = format!("1.2.826.{patient}.{study}");
                let uid = format!("{study_uid}.{number}");
                series.push(SampleSeries::new((&name, &name), &study_uid, &uid, number, 3000));
            }
        }
        for (patient, identifiers) in (101..).zip(ODD_PATIENTS) {
            let study = format!("1.2.826.{patient}.1");
            for number in 1..=2 {
                series.push(SampleSeries::new(
                    identifiers,
                    &study,
                    &format!("{study}.{number}"),
                    number + 1,
                    2000,
                ));
            }
        }
        Self { series }
    }

    /// So many series of one patient, each of `instances` files of `bytes` bytes.
    pub(crate) fn small(series: u32, instances: u64, bytes: usize) -> Self {
        let of = |number| {
            let uid = format!("1.2.826.1.1.{number}");
            SampleSeries::new(("TEST-0001", "TEST-0001"), "1.2.826.1.1", &uid, instances, bytes)
        };
        Self { series: (1..=series).map(of).collect() }
    }

    /// Puts the catalogue on disk as a mirror that can be served.
    pub(crate) fn build(&self, root: &Path) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.build_async(root));
    }

    async fn build_async(&self, root: &Path) {
        let mut mirror = SampleMirror::create(root).await.unwrap();
        let mut studies: BTreeMap<(&str, &str, &str), (&str, u32)> = BTreeMap::new();
        for series in &self.series {
            let key = (&*series.collection, &*series.patient_id, &*series.study);
            studies.entry(key).or_insert((series.study_date, 0)).1 += 1;
        }
        for ((collection, patient, study), (study_date, series_count)) in studies {
            let patient_row = json!({ "Collection": collection, "PatientID": patient, "PatientSex": "F" });
            mirror.add_patient(serde_json::from_value(patient_row).unwrap()).await.unwrap();
            let study_row = json!({ "Collection": collection, "PatientID": patient, "StudyInstanceUID": study,
                "StudyDate": study_date, "SeriesCount": series_count });
            mirror.add_study(serde_json::from_value(study_row).unwrap()).await.unwrap();
        }
        for series in &self.series {
            let row = json!({ "Collection": series.collection, "PatientID": series.patient_id,
                "StudyInstanceUID": series.study, "SeriesInstanceUID": series.series, "Modality": series.modality,
                "SeriesDescription": series.description, "LicenseName": series.license_name,
                "SubmissionTimestamp": series.submitted, "DateReleased": series.released });
            let named =
                |(uid, bytes): (&String, &Vec<u8>)| (SopInstanceUid::parse(uid).unwrap(), bytes.clone());
            let files = series.files.iter().map(named).collect();
            mirror
                .add_series(serde_json::from_value(row).unwrap(), Some(&series.license()), files)
                .await
                .unwrap();
        }
        mirror.close().await.unwrap();
    }

    /// Every file that a mirror of it must hold: path below the root, and bytes. Licences only where `licensed`.
    pub(crate) fn expected_tree(&self, licensed: bool) -> BTreeMap<String, Vec<u8>> {
        self.series.iter().flat_map(|series| series.expected_tree(licensed)).collect()
    }
}
