//! The record of a mirror, as the library claims from it, and filled as if everything had been fetched.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tcia_mirror::db::{Db, Order};
use tcia_mirror::mirror::Root;

/// Claims that are measured.
const CLAIMS: usize = 2000;

/// How long claims took, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims {
    pub(crate) median: Duration,
    /// Slower than 99 of 100.
    pub(crate) slow: Duration,
}

/// Bytes of the file.
pub(crate) fn bytes(root: &Path) -> anyhow::Result<u64> {
    Ok(fs::metadata(Root::state_file_of(root))?.len())
}

/// Claims jobs in every order, as workers do.
pub(crate) fn claim(root: &Path) -> anyhow::Result<Claims> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let db = Db::open(&Root::state_file_of(root))?;
        let run_id = db.begin_run("resume", "http://localhost", 0).await?;
        db.adopt_queue(run_id).await?;
        let orders = [Order::Listed, Order::Smallest, Order::Largest];
        let mut took = Vec::with_capacity(CLAIMS);
        for order in orders.into_iter().cycle().take(CLAIMS) {
            let began = Instant::now();
            anyhow::ensure!(db.claim(run_id, order, 0).await?.is_some(), "the queue is too short");
            took.push(began.elapsed());
        }
        db.requeue_running().await?;
        took.sort_unstable();
        Ok(Claims { median: took[CLAIMS / 2], slow: took[CLAIMS * 99 / 100] })
    })
}

/// Makes every series one that was placed, with one instance, and every collection one that was synced.
pub(crate) fn place_all(root: &Path, base_url: &str) -> anyhow::Result<()> {
    let mut record = Connection::open(Root::state_file_of(root))?;
    let placing = record.transaction()?;
    let now: i64 = placing.query_row("SELECT max(started_at) FROM run", [], |row| row.get(0))?;
    let path = "collection || '/' || patient_id || '/' || study_instance_uid || '/' || series_instance_uid";
    placing.execute(
        &format!(
            "INSERT INTO placement (series_id, path, instance_count, size_bytes, proof, listed_image_count,
                 listed_size_bytes, listed_submission_timestamp, placed_at, listed_collection, listed_patient_id,
                 listed_study_instance_uid)
             SELECT series_id, {path}, 1, 1, '', image_count, file_size, submission_timestamp, ?1, collection, patient_id,
                 study_instance_uid FROM series"
        ),
        [now],
    )?;
    placing.execute(
        "INSERT INTO instance (series_id, sop_instance_uid, size_bytes, crc32, md5, sha256)
         SELECT series_id, series_instance_uid, 1, 0, zeroblob(16), zeroblob(32) FROM series",
        [],
    )?;
    placing.execute("UPDATE series_job SET state = 'done'", [])?;
    placing.execute(
        "INSERT INTO watermark (base_url, collection, narrowed_by, synced_to)
         SELECT DISTINCT ?1, collection, '', ?2 FROM series",
        params![base_url, now],
    )?;
    Ok(placing.commit()?)
}
