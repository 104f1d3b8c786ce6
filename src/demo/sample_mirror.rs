//! A mirror that is built in code, series by series.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::db::{CommitIntent, Db, Outcome, RunTotals};
use crate::dicom::{Instance, Patient, Series, SopInstanceUid, Study};
use crate::mirror::{Expected, Root, SeriesPath, Staging, StagingError, Verified};

/// When every built mirror begins to be: 2014-01-15 12:00, in UTC seconds. A clock would make no two of them alike.
const BEGAN_AT: i64 = 1_389_787_200;
/// What the record names as the command, and as the scope of the walk.
const COMMAND: &str = "sample";
/// What the record names as the service; there is none.
const SERVICE: &str = "urn:tcia-mirror:sample";
/// The dialect whose columns a built catalogue can fill: the richest.
const DIALECT: &str = "nbia-v4";

/// Files of one series, each with its `SOPInstanceUID`.
pub(super) type Files = Vec<(SopInstanceUid, Vec<u8>)>;

/// A mirror built in code, to be served.
///
/// It holds the lock of its root until [`SampleMirror::close`]; readers of root and record may be at work meanwhile.
/// Every time in its record is made up: each series is placed one second after the one before.
pub struct SampleMirror {
    // before the root, which holds the lock: the record must be closed when the lock is released
    db: Db,
    root: Arc<Root>,
    walk_id: i64,
    run_id: i64,
    placed: RunTotals,
}

impl SampleMirror {
    /// Makes an empty mirror in a directory that is empty or not there yet.
    pub async fn create(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let (root, db) = run_blocking(move || {
            let root = Root::lock(&path)?;
            let db = Db::open(&root.state_file())?;
            Ok((Arc::new(root), db))
        })
        .await?;
        let walk_id = db.begin_walk(COMMAND, SERVICE, DIALECT, BEGAN_AT).await?.walk_id;
        let run_id = db.begin_run(COMMAND, SERVICE, BEGAN_AT).await?;
        Ok(Self { db, root, walk_id, run_id, placed: RunTotals::default() })
    }

    /// Lists a patient, and with it its collection.
    pub async fn add_patient(&self, patient: Patient) -> Result<(), Error> {
        Ok(self.db.store_patients(self.walk_id, vec![patient]).await?)
    }

    /// Lists a study; its `series_count` is taken as it is.
    pub async fn add_study(&self, study: Study) -> Result<(), Error> {
        Ok(self.db.store_studies(self.walk_id, vec![study]).await?)
    }

    /// Lists a series and places it with these files, of which at least one is wanted, each with its own
    /// `SOPInstanceUID`, which is not looked for in the file.
    ///
    /// `image_count` and `file_size` are set to what the files are. A series that was added before with other files is
    /// revised: the version that lay there moves to `replaced/`.
    pub async fn add_series(
        &mut self,
        series: Series,
        license: Option<&str>,
        files: Vec<(SopInstanceUid, Vec<u8>)>,
    ) -> Result<(), Error> {
        let series = counted(series, &files);
        let series_id = self.list(&series).await?;
        let (verified, instances) = self.stage(&series, license, files).await?;
        self.place(series_id, &series, verified, instances).await
    }

    /// Ends the walk and the run in the record, closes it and releases the lock; gives what was placed.
    pub async fn close(self) -> Result<RunTotals, Error> {
        let placed = self.placed;
        self.db.finish_walk(self.walk_id, 0, self.now()).await?;
        self.db.finish_run(self.run_id, (Outcome::Done, None), placed, self.now()).await?;
        run_blocking(move || {
            drop(self);
            Ok(placed)
        })
        .await
    }

    fn now(&self) -> i64 {
        BEGAN_AT.saturating_add_unsigned(self.placed.placed)
    }

    /// Records the series as listed and asked for; gives its row.
    async fn list(&self, series: &Series) -> Result<i64, Error> {
        self.db.store_series(self.walk_id, vec![series.clone()]).await?;
        let listed = self.db.series(&series.series_instance_uid).await?;
        let series_id = listed.expect("a series that was just stored is there").series_id;
        self.db.enqueue(self.run_id, vec![series_id], self.now()).await?;
        Ok(series_id)
    }

    async fn stage(
        &self,
        series: &Series,
        license: Option<&str>,
        files: Files,
    ) -> Result<(Verified, Vec<Instance>), Error> {
        let (root, series) = (Arc::clone(&self.root), series.clone());
        let license = license.map(ToOwned::to_owned);
        run_blocking(move || {
            let staging = staged(&root, &series, license.as_deref(), files)?;
            let instances = staging.instances().values().cloned().collect();
            Ok((verified(staging, &series)?, instances))
        })
        .await
    }

    async fn place(
        &mut self,
        series_id: i64,
        series: &Series,
        verified: Verified,
        instances: Vec<Instance>,
    ) -> Result<(), Error> {
        let component = |parent, identifier, forms| self.db.path_component(parent, identifier, forms);
        let path = SeriesPath::assigned(series, component).await?;
        let (root, stamp) = (Arc::clone(&self.root), self.now().to_string());
        let intent = CommitIntent {
            series_id,
            series_instance_uid: series.series_instance_uid.clone(),
            path: path.to_string(),
            stamp: stamp.clone(),
            license_sha256: verified.license(),
            proof: verified.proof().to_string(),
            moved_from: None,
            listed: series.version(),
        };
        self.db.begin_commit(intent, instances).await?;
        let placed = run_blocking(move || Ok(verified.commit(&root, &path, &stamp)?)).await?;
        self.db.complete(series_id, self.now()).await?;
        self.placed.placed += 1;
        self.placed.instances += u64::from(placed.instance_count);
        self.placed.bytes += placed.size_bytes;
        Ok(())
    }
}

/// Runs work that waits for the disk or the processor beside the asynchronous workers, to its end.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::Task)?
}

fn counted(series: Series, files: &[(SopInstanceUid, Vec<u8>)]) -> Series {
    let image_count = u32::try_from(files.len()).ok();
    let file_size = Some(files.iter().map(|(_, file)| file.len() as u64).sum());
    Series { image_count, file_size, ..series }
}

fn staged(root: &Root, series: &Series, license: Option<&str>, files: Files) -> Result<Staging, Error> {
    let series = &series.series_instance_uid;
    let mut staging = Staging::open(root, series, Vec::new())?;
    for (sop_instance_uid, file) in files {
        let mut incoming = staging.begin()?;
        incoming.write(&file).map_err(|source| StagingError::Write { series: series.clone(), source })?;
        staging.keep(incoming, sop_instance_uid)?;
    }
    if let Some(text) = license {
        staging.keep_license(text.as_bytes())?;
    }
    Ok(staging)
}

fn verified(staging: Staging, series: &Series) -> Result<Verified, Error> {
    let expected =
        Expected { image_count: series.image_count, size_bytes: series.file_size, ..Expected::default() };
    let verified = staging.finish().verify(&expected);
    verified.map_err(|source| Error::Verify { series: series.series_instance_uid.clone(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::db::Reader;
    use crate::mirror::{RootError, STATE_DIRECTORY, VerifyError};

    fn series(collection: &str) -> Series {
        serde_json::from_value(json!({
            "Collection": collection, "PatientID": "P 1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3",
            "ImageCount": 99
        }))
        .unwrap()
    }

    fn files(files: &[(&str, &str)]) -> Files {
        let file =
            |(uid, text): &(&str, &str)| (SopInstanceUid::parse(uid).unwrap(), text.as_bytes().to_vec());
        files.iter().map(file).collect()
    }

    #[tokio::test]
    async fn any_catalogue_lies_where_the_layout_puts_it_with_the_counts_of_its_files() {
        let root = tempfile::tempdir().unwrap();
        let mut mirror = SampleMirror::create(root.path()).await.unwrap();

        let given = files(&[("1.2.3.1", "one"), ("1.2.3.2", "three")]);
        mirror.add_series(series("a/b"), Some("free"), given).await.unwrap();

        let directory = root.path().join("a%2Fb/P 1/1.2/1.2.3");
        assert_eq!(fs::read_to_string(directory.join("1.2.3.2.dcm")).unwrap(), "three");
        assert_eq!(fs::read_to_string(directory.join("LICENSE")).unwrap(), "free");
        // read beside the mirror, which is still open
        let reader = Reader::open(&Root::state_file_of(root.path())).unwrap();
        let placed = reader.placed_series(0, 10).unwrap().remove(0);
        assert_eq!((placed.series.image_count, placed.series.file_size), (Some(2), Some(8)));
        let placed = mirror.close().await.unwrap();
        assert_eq!((placed.placed, placed.instances, placed.bytes), (1, 2, 8));
    }

    #[tokio::test]
    async fn a_series_added_again_is_revised() {
        let root = tempfile::tempdir().unwrap();
        let mut mirror = SampleMirror::create(root.path()).await.unwrap();

        for text in ["first", "second", "third"] {
            mirror.add_series(series("C"), None, files(&[("1.2.3.1", text)])).await.unwrap();
        }

        let file = root.path().join("C/P 1/1.2/1.2.3/1.2.3.1.dcm");
        assert_eq!(fs::read_to_string(file).unwrap(), "third");
        let replaced = root.path().join(STATE_DIRECTORY).join("replaced");
        assert_eq!(fs::read_dir(replaced).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn files_that_are_no_whole_series_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let mut mirror = SampleMirror::create(root.path()).await.unwrap();

        let none = mirror.add_series(series("C"), None, Vec::new()).await.unwrap_err();
        let twice = files(&[("1.2.3.1", "one"), ("1.2.3.1", "one")]);
        let twice = mirror.add_series(series("C"), None, twice).await.unwrap_err();

        assert!(matches!(none, Error::Verify { source: VerifyError::Empty, .. }), "{none}");
        assert!(matches!(twice, Error::Verify { source: VerifyError::InstanceCount { .. }, .. }), "{twice}");
        assert!(!root.path().join("C").exists());
    }

    #[tokio::test]
    async fn a_built_mirror_can_be_opened_once_it_is_closed() {
        let root = tempfile::tempdir().unwrap();
        let mirror = SampleMirror::create(root.path()).await.unwrap();

        assert!(matches!(Root::lock(root.path()), Err(RootError::Locked { .. })));
        mirror.close().await.unwrap();

        assert!(Root::lock(root.path()).is_ok());
    }
}
