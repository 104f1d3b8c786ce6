//! What lies in the tree, and the commits that put it there.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::catalogue::{read_all, read_json};
use super::instance::replace_staged;
use super::job::JobState;
use super::{Db, Error, columns};
use crate::dicom::{Instance, Series, SeriesFingerprint, SeriesInstanceUid};

/// What the mirror knows of a series that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// State of its job.
    pub state: JobState,
    /// The version that was placed last, when one was.
    pub placed: Option<SeriesFingerprint>,
    /// Why its last attempt failed.
    pub last_error: Option<String>,
}

/// The columns that [`Local::read`] expects, in its order.
pub(super) const LOCAL_COLUMNS: &str = "series_job.state, series_job.last_error, placement.series_id,
    placement.listed_image_count, placement.listed_size_bytes, placement.listed_submission_timestamp";

impl Local {
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Option<Self>, Error> {
        let Some(state) = row.get::<_, Option<String>>(first)? else { return Ok(None) };
        let is_placed = row.get::<_, Option<i64>>(first + 2)?.is_some();
        let placed = is_placed.then(|| fingerprint(row, first + 3)).transpose()?;
        Ok(Some(Self { state: state.parse()?, placed, last_error: row.get(first + 1)? }))
    }
}

/// A commit that has begun, written before the first rename.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitIntent {
    /// Row of the series.
    pub series_id: i64,
    /// The series.
    pub series_instance_uid: SeriesInstanceUid,
    /// Where it goes, relative to the root.
    pub path: String,
    /// Names the version that it replaces.
    pub stamp: String,
    /// SHA-256 of the licence text.
    pub license_sha256: Option<[u8; 32]>,
    /// Which statements of the service it agrees with.
    pub proof: String,
    /// The version, as it was listed.
    pub listed: SeriesFingerprint,
}

/// A series in the tree.
#[derive(Clone, Debug)]
pub struct PlacedSeries {
    /// Row of the series.
    pub series_id: i64,
    /// As it was listed last.
    pub series: Series,
    /// Where it lies, relative to the root.
    pub path: String,
    /// SHA-256 of its licence text.
    pub license_sha256: Option<[u8; 32]>,
}

impl Db {
    /// The path component that stands for an identifier below a parent, assigned once and for good.
    ///
    /// `ordinary` and `encoded` are the two forms, each with what a case-insensitive file system compares; the second
    /// is taken when another identifier holds the first.
    pub async fn path_component(
        &self,
        parent: &str,
        identifier: &str,
        forms: [(String, String); 2],
    ) -> Result<String, Error> {
        let (parent, identifier) = (parent.to_owned(), identifier.to_owned());
        self.call(move |connection| {
            if let Some(component) = component_of(connection, &parent, &identifier)? {
                return Ok(component);
            }
            for (component, folded) in &forms {
                let sql = "INSERT INTO path_component (parent, identifier, component, folded) VALUES (?1, ?2, ?3, ?4)
                           ON CONFLICT (parent, folded) DO NOTHING";
                let taken = connection.prepare_cached(sql)?.execute(params![parent, identifier, component, folded])?;
                if taken == 1 {
                    return Ok(component.clone());
                }
            }
            Err(Error::Content { expected: "a free path component", found: forms[1].0.clone() })
        })
        .await
    }

    /// Writes down that a commit begins, and exactly which instances it places.
    pub async fn begin_commit(&self, intent: CommitIntent, instances: Vec<Instance>) -> Result<(), Error> {
        self.call(move |connection| {
            replace_staged(connection, intent.series_id, &instances)?;
            let sql = "INSERT INTO commit_intent (series_id, path, stamp, license_sha256, proof, listed_image_count,
                           listed_size_bytes, listed_submission_timestamp)
                       VALUES (:series_id, :path, :stamp, :license, :proof, :image_count, :size_bytes, :timestamp)
                       ON CONFLICT (series_id) DO UPDATE SET path = excluded.path, stamp = excluded.stamp,
                           license_sha256 = excluded.license_sha256, proof = excluded.proof,
                           listed_image_count = excluded.listed_image_count,
                           listed_size_bytes = excluded.listed_size_bytes,
                           listed_submission_timestamp = excluded.listed_submission_timestamp";
            connection.prepare_cached(sql)?.execute(named_params! {
                ":series_id": intent.series_id,
                ":path": intent.path,
                ":stamp": intent.stamp,
                ":license": intent.license_sha256,
                ":proof": intent.proof,
                ":image_count": intent.listed.image_count,
                ":size_bytes": intent.listed.size_bytes.map(as_integer),
                ":timestamp": intent.listed.submission_timestamp,
            })?;
            Ok(())
        })
        .await
    }

    /// Commits that had begun when a process ended.
    pub async fn commit_intents(&self) -> Result<Vec<CommitIntent>, Error> {
        self.call(|connection| {
            let sql = "SELECT series_id, series_instance_uid, path, stamp, license_sha256, proof, listed_image_count,
                           listed_size_bytes, listed_submission_timestamp
                       FROM commit_intent JOIN series USING (series_id) ORDER BY series_id";
            read_all(connection, sql, [], |row| {
                Ok(CommitIntent {
                    series_id: row.get(0)?,
                    series_instance_uid: uid(&row.get::<_, String>(1)?)?,
                    path: row.get(2)?,
                    stamp: row.get(3)?,
                    license_sha256: row.get(4)?,
                    proof: row.get(5)?,
                    listed: fingerprint(row, 6)?,
                })
            })
        })
        .await
    }

    /// Forgets a commit that did not happen.
    pub async fn drop_intent(&self, series_id: i64) -> Result<(), Error> {
        self.call(move |connection| {
            connection.execute("DELETE FROM commit_intent WHERE series_id = ?1", [series_id])?;
            Ok(())
        })
        .await
    }

    /// Records that a commit has happened: what was staged is what lies at the place of the intent, the job is done.
    pub async fn complete(&self, series_id: i64, now: i64) -> Result<(), Error> {
        self.call(move |connection| {
            connection.execute("DELETE FROM instance WHERE series_id = ?1", [series_id])?;
            connection.execute(
                "INSERT INTO instance (series_id, sop_instance_uid, size_bytes, crc32, md5, sha256)
                 SELECT series_id, sop_instance_uid, size_bytes, crc32, md5, sha256 FROM staged_instance
                 WHERE series_id = ?1",
                [series_id],
            )?;
            connection.execute(
                "INSERT OR REPLACE INTO placement (series_id, path, instance_count, size_bytes, license_sha256, proof,
                     listed_image_count, listed_size_bytes, listed_submission_timestamp, placed_at)
                 SELECT series_id, path, (SELECT count(*) FROM instance WHERE instance.series_id = ?1),
                     (SELECT coalesce(sum(size_bytes), 0) FROM instance WHERE instance.series_id = ?1),
                     license_sha256, proof,
                     listed_image_count, listed_size_bytes, listed_submission_timestamp, ?2
                 FROM commit_intent WHERE series_id = ?1",
                params![series_id, now],
            )?;
            for table in ["staged_instance", "commit_intent", "series_job_failure"] {
                connection.execute(&format!("DELETE FROM {table} WHERE series_id = ?1"), [series_id])?;
            }
            connection.execute(
                "UPDATE series_job SET state = 'done', attempts = 0, last_error = NULL, changed_at = ?2
                 WHERE series_id = ?1",
                params![series_id, now],
            )?;
            Ok(())
        })
        .await
    }

    /// The next series in the tree, in the order of the record; none is the end.
    pub async fn placed_series(&self, after: i64, most: u32) -> Result<Vec<PlacedSeries>, Error> {
        self.call(move |connection| next_placed(connection, after, most)).await
    }
}

/// The next series in the tree, without its instances.
pub(super) fn next_placed(
    connection: &Connection,
    after: i64,
    most: u32,
) -> Result<Vec<PlacedSeries>, Error> {
    let series = columns::as_json("series", columns::SERIES);
    let sql = format!(
        "SELECT placement.series_id, {series}, path, license_sha256 FROM placement JOIN series USING (series_id)
         WHERE placement.series_id > ?1 ORDER BY placement.series_id LIMIT ?2"
    );
    read_all(connection, &sql, params![after, most], |row| {
        Ok(PlacedSeries {
            series_id: row.get(0)?,
            series: read_json(&row.get::<_, String>(1)?)?,
            path: row.get(2)?,
            license_sha256: row.get(3)?,
        })
    })
}

fn component_of(connection: &Connection, parent: &str, identifier: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT component FROM path_component WHERE parent = ?1 AND identifier = ?2";
    Ok(connection.prepare_cached(sql)?.query_row([parent, identifier], |row| row.get(0)).optional()?)
}

/// Sizes fit: SQLite's integers reach over nine exabytes.
pub(super) fn as_integer(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(super) fn as_size(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

pub(super) fn uid(text: &str) -> Result<SeriesInstanceUid, Error> {
    SeriesInstanceUid::parse(text)
        .map_err(|_not_a_uid| Error::Content { expected: "a SeriesInstanceUID", found: text.to_owned() })
}

fn fingerprint(row: &Row<'_>, first: usize) -> Result<SeriesFingerprint, Error> {
    Ok(SeriesFingerprint {
        image_count: row.get(first)?,
        size_bytes: row.get::<_, Option<i64>>(first + 1)?.map(as_size),
        submission_timestamp: row.get(first + 2)?,
    })
}
