//! Records for tests: what a walk and a run leave behind.

use serde_json::Value;

use super::{CommitIntent, Db};
use crate::dicom::{Instance, Series, SopInstanceUid};

/// When sample series are placed unless a test says otherwise: 2024-02-03, in UTC seconds.
pub(crate) const PLACED_AT: i64 = 1_706_918_400;

/// A series out of the columns that matter to a test.
pub(crate) fn series(columns: Value) -> Series {
    serde_json::from_value(columns).expect("the test spells a series")
}

/// An instance with digests that are made up.
pub(crate) fn instance(uid: &str, size_bytes: u64) -> Instance {
    let sop_instance_uid = SopInstanceUid::parse(uid).expect("the test spells a UID");
    Instance { sop_instance_uid, size_bytes, crc32: 0, md5: [0xab; 16], sha256: [0; 32] }
}

/// Records a series as listed; gives its row.
pub(crate) async fn list(db: &Db, series: &Series) -> i64 {
    let walk = db.begin_walk("sample", "http://sample", "nbia-v4", 0).await.expect("a walk begins");
    db.store_series(walk.walk_id, vec![series.clone()]).await.expect("a series is stored");
    let listed = db.series(&series.series_instance_uid).await.expect("a series is read");
    listed.expect("the series was just stored").series_id
}

/// Records a series as listed and placed; gives its row.
pub(crate) async fn place(
    db: &Db,
    series: &Series,
    instances: Vec<Instance>,
    license_sha256: Option<[u8; 32]>,
    placed_at: i64,
) -> i64 {
    let series_id = list(db, series).await;
    let run_id = db.begin_run("sample", "http://sample", 0).await.expect("a run begins");
    db.enqueue(run_id, vec![series_id], 0).await.expect("a job is queued");
    let intent = CommitIntent {
        series_id,
        series_instance_uid: series.series_instance_uid.clone(),
        path: path(series),
        stamp: "sample".to_owned(),
        license_sha256,
        proof: "count".to_owned(),
        moved_from: None,
        listed: series.version(),
    };
    db.begin_commit(intent, instances).await.expect("a commit begins");
    db.complete(series_id, placed_at).await.expect("a commit ends");
    series_id
}

/// Where a sample series lies; its names are path components as they are.
pub(crate) fn path(series: &Series) -> String {
    let Series { collection, patient_id, study_instance_uid, series_instance_uid, .. } = series;
    format!("{collection}/{patient_id}/{study_instance_uid}/{series_instance_uid}")
}
