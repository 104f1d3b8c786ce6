//! What the tests of this module work with: records in memory or in a temporary directory, and rows for them.

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::instance::read_instances;
use super::placement::next_placed;
pub(super) use super::sample::instance;
use super::{CommitIntent, Db, PlacedSeries, WatermarkKey, sample};
use crate::dicom::{CollectionName, Instance, Series, SeriesFingerprint, SeriesInstanceUid, SeriesVersion};

/// The service of the tests.
pub(super) const BASE_URL: &str = "http://127.0.0.1/nbia-api/services/v4";

/// A record that is forgotten with the test.
pub(super) fn in_memory() -> Db {
    Db::open(Path::new(":memory:")).unwrap()
}

/// A directory for a record, and where the record goes.
pub(super) fn on_disk() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.sqlite");
    (directory, path)
}

/// A series of which nothing is known but its place.
pub(super) fn series(collection: &str, series_instance_uid: &str) -> Series {
    sample::series(json!({
        "Collection": collection, "PatientID": "P", "StudyInstanceUID": "1.2", "SeriesInstanceUID": series_instance_uid,
    }))
}

/// Records series as one walk lists them; gives their rows.
pub(super) async fn list(db: &Db, walk_id: i64, series: &[Series]) -> Vec<i64> {
    db.store_series(walk_id, series.to_vec()).await.unwrap();
    let mut rows = Vec::new();
    for one in series {
        rows.push(db.series(&one.series_instance_uid).await.unwrap().unwrap().series_id);
    }
    rows
}

/// Records so many series of one collection and queues them in a run; gives the run and the rows.
pub(super) async fn queue(db: &Db, count: u32) -> (i64, Vec<i64>) {
    let run_id = db.begin_run("mirror", BASE_URL, 0).await.unwrap();
    let listed: Vec<_> = (1..=count).map(|number| series("A", &format!("1.2.{number}"))).collect();
    let rows = list(db, 1, &listed).await;
    db.enqueue(run_id, rows.clone(), 0).await.unwrap();
    (run_id, rows)
}

pub(super) fn uid(series_instance_uid: &str) -> SeriesInstanceUid {
    SeriesInstanceUid::parse(series_instance_uid).unwrap()
}

pub(super) fn intent(series_id: i64, series_instance_uid: &str, path: &str) -> CommitIntent {
    CommitIntent {
        series_id,
        series_instance_uid: uid(series_instance_uid),
        path: path.to_owned(),
        stamp: "1700000000".to_owned(),
        license_sha256: None,
        proof: "count".to_owned(),
        moved_from: None,
        listed: SeriesVersion {
            place: None,
            fingerprint: SeriesFingerprint { image_count: Some(1), ..SeriesFingerprint::default() },
        },
    }
}

/// Records that a series was placed at a path.
pub(super) async fn place(db: &Db, series_id: i64, path: &str, instances: Vec<Instance>) {
    db.begin_commit(intent(series_id, "1.2.3", path), instances).await.unwrap();
    db.complete(series_id, 1_700_000_000).await.unwrap();
}

/// Instances of a series that lie in the tree.
pub(super) async fn instances_of(db: &Db, series_id: i64) -> Vec<Instance> {
    db.call(move |connection| read_instances(connection, "instance", series_id)).await.unwrap()
}

/// The next series in the tree.
pub(super) async fn placed_series(db: &Db, after: i64, most: u32) -> Vec<PlacedSeries> {
    db.call(move |connection| next_placed(connection, "placed", after, most)).await.unwrap()
}

pub(super) fn watermark_key(collection: &str) -> WatermarkKey {
    WatermarkKey {
        base_url: BASE_URL.to_owned(),
        collection: CollectionName::new(collection),
        narrowed_by: String::new(),
    }
}

/// The first column of the first row that a statement gives.
pub(super) async fn number(db: &Db, sql: &'static str) -> i64 {
    db.call(move |connection| Ok(connection.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
}

/// Runs what a property asks for to its end.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}
