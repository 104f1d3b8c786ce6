//! The documented test server, built on disk.

use std::collections::BTreeSet;
use std::path::Path;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::generate::{instance, sop_instance_uid};
use super::sample::{STUDIES, SampleSeries, SampleStudy};
use super::sample_mirror::{Files, run_blocking};
use super::{Error, GenerateError, SampleMirror, catalogue};
use crate::db::RunTotals;

/// Series whose images are computed while another is being written, each on a thread of its own.
///
/// They wait in memory, the largest with 11 MB.
const AHEAD: usize = 3;

/// What the sample holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the number of what it is named after")]
pub struct SampleTotals {
    pub collections: u64,
    pub patients: u64,
    pub studies: u64,
    pub series: u64,
    pub instances: u64,
    /// Of the DICOM files; licence texts are not counted.
    pub bytes: u64,
}

/// Builds the whole documented test server into a directory that is empty or not there yet: the same files and the
/// same record each time.
///
/// About 54 MB, see `sample` for what of it is the document's and what is invented.
pub async fn build(path: &Path) -> Result<SampleTotals, Error> {
    build_studies(path, &STUDIES).await
}

async fn build_studies(path: &Path, studies: &'static [SampleStudy]) -> Result<SampleTotals, Error> {
    let mut mirror = SampleMirror::create(path).await?;
    for study in studies {
        mirror.add_patient(catalogue::patient(study)).await?;
        mirror.add_study(catalogue::study(study)).await?;
    }
    let each = studies.iter().flat_map(|study| study.series.iter().map(move |series| make(study, series)));
    let mut made = stream::iter(each.collect::<Vec<_>>()).buffered(AHEAD);
    while let Some((study, series, files)) = made.try_next().await? {
        let license = catalogue::license(study.collection);
        mirror.add_series(catalogue::series(study, series), Some(&license), files).await?;
    }
    Ok(SampleTotals::of(studies, mirror.close().await?))
}

async fn make(
    study: &'static SampleStudy,
    series: &'static SampleSeries,
) -> Result<(&'static SampleStudy, &'static SampleSeries, Files), Error> {
    let numbers = 1..=series.image_count;
    let files =
        numbers.map(|number| Ok((sop_instance_uid(series, number), instance(study, series, number)?)));
    let files = run_blocking(move || Ok(files.collect::<Result<_, GenerateError>>()?)).await?;
    Ok((study, series, files))
}

impl SampleTotals {
    fn of(studies: &[SampleStudy], placed: RunTotals) -> Self {
        let collections: BTreeSet<_> = studies.iter().map(|study| study.collection).collect();
        let patients: BTreeSet<_> =
            studies.iter().map(|study| (study.collection, study.patient_id)).collect();
        Self {
            collections: collections.len() as u64,
            patients: patients.len() as u64,
            studies: studies.len() as u64,
            series: placed.placed,
            instances: placed.instances,
            bytes: placed.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::db::{PlacedSeries, Reader};
    use crate::dicom::{Instance, identify};
    use crate::mirror::{Recorded, Root, SeriesPath, check_series, file_name, find_strangers};

    /// What the record of a mirror says of the tree.
    fn recorded(root: &Path) -> Vec<(PlacedSeries, Vec<Instance>)> {
        let reader = Reader::open(&Root::state_file_of(root)).unwrap();
        let placed = reader.placed_series(0, 1000).unwrap();
        let instances: Vec<_> =
            placed.iter().map(|series| reader.instances(series.series_id).unwrap()).collect();
        placed.into_iter().zip(instances).collect()
    }

    /// Reads every byte of the tree again; gives how many instances agree with the record.
    fn assert_sound(path: &Path) -> u64 {
        let (root, recorded) = (Root::open(path).unwrap(), recorded(path));
        let mut problems = Vec::new();
        let mut agreed = 0;
        for (placed, instances) in &recorded {
            assert!(placed.license_sha256.is_some(), "{}", placed.path);
            let series_path = SeriesPath::recorded(&placed.path).unwrap();
            let known = Recorded { instances, license: placed.license_sha256 };
            agreed += check_series(&root, &series_path, &known, &mut |problem| problems.push(problem));
        }
        let mut is_known = |path: &str| recorded.iter().any(|(placed, _)| placed.path.starts_with(path));
        find_strangers(&root, &mut is_known, &mut |problem| problems.push(problem));
        assert_eq!(problems, []);
        assert_eq!(root.staged().unwrap(), [""; 0]);
        agreed
    }

    /// Finds every image of a series under its name, and the last with the bytes that it has when computed again:
    /// for all of them a debug build needs five seconds. Gives the bytes of the series.
    fn assert_computed(root: &Path, study: &SampleStudy, series: &SampleSeries) -> u64 {
        let SampleStudy { collection, patient_id, study_instance_uid, .. } = study;
        let directory = [collection, patient_id, study_instance_uid, series.series_instance_uid];
        let directory = root.join(directory.iter().collect::<PathBuf>());
        let mut size_bytes = 0;
        for number in 1..=series.image_count {
            let sop_instance_uid = sop_instance_uid(series, number);
            let file = fs::read(directory.join(file_name(&sop_instance_uid))).unwrap();
            let header = identify(&file, true).unwrap().unwrap();
            assert_eq!(header.sop_instance_uid, sop_instance_uid);
            assert_eq!(header.series_instance_uid.as_str(), series.series_instance_uid);
            let is_last = number == series.image_count;
            assert!(!is_last || file == instance(study, series, number).unwrap(), "{sop_instance_uid}");
            size_bytes += file.len() as u64;
        }
        size_bytes
    }

    /// Every file below a directory, the record included.
    fn files_below(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut open = vec![directory.to_owned()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let inside = path.strip_prefix(directory).unwrap().to_owned();
                    files.insert(inside, fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    #[tokio::test]
    async fn the_whole_sample_lies_in_its_mirror_and_agrees_with_the_table_and_the_record() {
        let root = tempfile::tempdir().unwrap();

        let totals = build(root.path()).await.unwrap();

        let each = STUDIES.iter().flat_map(|study| study.series.iter().map(move |series| (study, series)));
        let bytes = each.map(|(study, series)| assert_computed(root.path(), study, series)).sum();
        let expected =
            SampleTotals { collections: 15, patients: 15, studies: 16, series: 42, instances: 379, bytes };
        assert_eq!(totals, expected);
        assert_eq!(assert_sound(root.path()), 379);
    }

    #[tokio::test]
    async fn the_same_studies_give_the_same_files_and_the_same_record() {
        // one study of eight series: with all of them the test would take ten seconds
        let studies = &STUDIES[2..3];
        let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];

        build_studies(one.path(), studies).await.unwrap();
        build_studies(other.path(), studies).await.unwrap();

        let (one, other) = (files_below(one.path()), files_below(other.path()));
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (path, file) in &one {
            assert!(*file == other[path], "{}", path.display());
        }
    }
}
