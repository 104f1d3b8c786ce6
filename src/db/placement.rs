//! What lies in the tree, and the commits that put it there.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::catalogue::{read_all, read_json};
use super::instance::{read_instances, replace_staged};
use super::job::JobState;
use super::{Db, Error, columns};
use crate::dicom::{
    CollectionName, Instance, PatientId, Series, SeriesFingerprint, SeriesInstanceUid, SeriesPlace,
    SeriesVersion, StudyInstanceUid,
};

/// What the mirror knows of a series that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// State of its job.
    pub state: JobState,
    /// The version that was placed last, when one was.
    pub placed: Option<SeriesVersion>,
    /// Why its last attempt failed.
    pub last_error: Option<String>,
}

/// The columns that [`Local::read`] expects, in its order. Where no bytes were listed, those that came stand for them:
/// another dialect may list them later.
pub(super) const LOCAL_COLUMNS: &str = "state, last_error, path, listed_image_count,
    coalesce(listed_size_bytes, size_bytes), listed_submission_timestamp, listed_collection, listed_patient_id,
    listed_study_instance_uid";

impl Local {
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Option<Self>, Error> {
        let Some(state) = row.get::<_, Option<String>>(first)? else { return Ok(None) };
        let is_placed = row.get::<_, Option<String>>(first + 2)?.is_some();
        let placed = is_placed.then(|| version(row, first + 3)).transpose()?;
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
    /// Where the version lies that it replaces, when that is another place; known once it is written down.
    pub moved_from: Option<String>,
    /// The version, as it was listed.
    pub listed: SeriesVersion,
}

/// A series in the tree.
#[derive(Clone, Debug, PartialEq)]
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
    /// Each of its two forms comes with what a case-insensitive file system compares; the second is taken when another
    /// identifier holds the first.
    pub async fn path_component(
        &self,
        parent: String,
        identifier: String,
        forms: [(String, String); 2],
    ) -> Result<String, Error> {
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
    ///
    /// Gives where the version lies that it replaces, when that is another place.
    pub async fn begin_commit(
        &self,
        intent: CommitIntent,
        instances: Vec<Instance>,
    ) -> Result<Option<String>, Error> {
        self.call(move |connection| {
            replace_staged(connection, intent.series_id, &instances)?;
            let sql = "INSERT OR REPLACE INTO commit_intent (series_id, path, stamp, license_sha256, proof,
                           listed_image_count, listed_size_bytes, listed_submission_timestamp, listed_collection,
                           listed_patient_id, listed_study_instance_uid, moved_from)
                       VALUES (:series_id, :path, :stamp, :license, :proof, :image_count, :size_bytes, :timestamp,
                           :collection, :patient, :study,
                           (SELECT path FROM placement WHERE series_id = :series_id AND path <> :path))
                       RETURNING moved_from";
            let CommitIntent { listed: SeriesVersion { place, fingerprint }, .. } = intent;
            let moved_from = connection.prepare_cached(sql)?.query_row(
                named_params! {
                    ":series_id": intent.series_id,
                    ":path": intent.path,
                    ":stamp": intent.stamp,
                    ":license": intent.license_sha256,
                    ":proof": intent.proof,
                    ":image_count": fingerprint.image_count,
                    ":size_bytes": fingerprint.size_bytes.map(as_integer),
                    ":timestamp": fingerprint.submission_timestamp,
                    ":collection": place.as_ref().map(|place| place.collection.as_str()),
                    ":patient": place.as_ref().map(|place| place.patient_id.as_str()),
                    ":study": place.as_ref().map(|place| place.study_instance_uid.as_str()),
                },
                |row| row.get(0),
            )?;
            Ok(moved_from)
        })
        .await
    }

    /// Commits that had begun when a process ended.
    pub async fn commit_intents(&self) -> Result<Vec<CommitIntent>, Error> {
        self.call(|connection| {
            let sql = "SELECT series_id, series_instance_uid, path, stamp, license_sha256, proof, moved_from,
                           listed_image_count, listed_size_bytes, listed_submission_timestamp,
                           commit_intent.listed_collection, commit_intent.listed_patient_id,
                           commit_intent.listed_study_instance_uid
                       FROM commit_intent JOIN series USING (series_id) ORDER BY series_id";
            read_all(connection, sql, [], |row| {
                Ok(CommitIntent {
                    series_id: row.get(0)?,
                    series_instance_uid: uid(&row.get::<_, String>(1)?)?,
                    path: row.get(2)?,
                    stamp: row.get(3)?,
                    license_sha256: row.get(4)?,
                    proof: row.get(5)?,
                    moved_from: row.get(6)?,
                    listed: version(row, 7)?,
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

    /// What lies in the tree of a series: where, which version, which instances.
    pub async fn placed(
        &self,
        series_id: i64,
    ) -> Result<Option<(String, SeriesVersion, Vec<Instance>)>, Error> {
        self.call(move |connection| {
            let sql = "SELECT path, listed_image_count, coalesce(listed_size_bytes, size_bytes),
                           listed_submission_timestamp, listed_collection, listed_patient_id, listed_study_instance_uid
                       FROM placement WHERE series_id = ?1";
            let found = read_all(connection, sql, [series_id], |row| Ok((row.get(0)?, version(row, 1)?)))?;
            let Some((path, listed)) = found.into_iter().next() else { return Ok(None) };
            Ok(Some((path, listed, read_instances(connection, "instance", series_id)?)))
        })
        .await
    }

    /// Where a series lies whose licence text is recorded, relative to the root, and the SHA-256 of that text.
    pub async fn placed_license(&self, series_id: i64) -> Result<Option<(String, [u8; 32])>, Error> {
        self.call(move |connection| {
            let sql = "SELECT path, license_sha256 FROM placement
                       WHERE series_id = ?1 AND license_sha256 IS NOT NULL";
            let found =
                connection.query_row(sql, [series_id], |row| Ok((row.get(0)?, row.get(1)?))).optional();
            Ok(found?)
        })
        .await
    }

    /// Records that a commit has happened: what was staged is what lies at the place of the intent, the job is done.
    pub async fn complete(&self, series_id: i64, now: i64) -> Result<(), Error> {
        self.call(move |connection| {
            note_change(connection, series_id)?;
            connection.execute("DELETE FROM instance WHERE series_id = ?1", [series_id])?;
            connection.execute(
                "INSERT INTO instance (series_id, sop_instance_uid, size_bytes, crc32, md5, sha256)
                 SELECT series_id, sop_instance_uid, size_bytes, crc32, md5, sha256 FROM staged_instance
                 WHERE series_id = ?1",
                [series_id],
            )?;
            connection.execute(
                "INSERT OR REPLACE INTO placement (series_id, path, instance_count, size_bytes, license_sha256, proof,
                     listed_image_count, listed_size_bytes, listed_submission_timestamp, listed_collection,
                     listed_patient_id, listed_study_instance_uid, placed_at)
                 SELECT series_id, path, (SELECT count(*) FROM instance WHERE instance.series_id = ?1),
                     (SELECT coalesce(sum(size_bytes), 0) FROM instance WHERE instance.series_id = ?1),
                     license_sha256, proof,
                     listed_image_count, listed_size_bytes, listed_submission_timestamp, listed_collection,
                     listed_patient_id, listed_study_instance_uid, ?2
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
}

/// Notes in the history of its run what the commit that has happened makes of a series; moved and revised may be at once.
fn note_change(connection: &Connection, series_id: i64) -> Result<(), Error> {
    let sql = "WITH this AS (
                   SELECT job.run_id, before.series_id IS NULL AS is_new, before.path <> after.path AS is_moved,
                       (before.listed_image_count, before.listed_size_bytes, before.listed_submission_timestamp)
                           IS NOT (after.listed_image_count, after.listed_size_bytes, after.listed_submission_timestamp)
                       AS is_revised
                   FROM series_job AS job JOIN commit_intent AS after USING (series_id)
                       LEFT JOIN placement AS before USING (series_id)
                   WHERE job.series_id = ?1)
               INSERT OR IGNORE INTO series_change (run_id, change, series_id)
               SELECT run_id, 'new', ?1 FROM this WHERE is_new
               UNION ALL SELECT run_id, 'moved', ?1 FROM this WHERE is_moved
               UNION ALL SELECT run_id, 'revised', ?1 FROM this WHERE is_revised AND NOT is_new
               UNION ALL SELECT run_id, 'restored', ?1 FROM this WHERE NOT is_new AND NOT is_moved AND NOT is_revised";
    connection.prepare_cached(sql)?.execute([series_id])?;
    Ok(())
}

/// The next series of a view, `placed` or `begun`.
pub(super) fn next_placed(
    connection: &Connection,
    view: &str,
    after: i64,
    most: u32,
) -> Result<Vec<PlacedSeries>, Error> {
    let series = columns::as_json(view, columns::SERIES);
    let sql = format!(
        "SELECT series_id, {series}, path, license_sha256 FROM {view} WHERE series_id > ?1 ORDER BY series_id LIMIT ?2"
    );
    read_all(connection, &sql, params![after, most], read_placed)
}

/// One row of the columns that [`next_placed`] selects.
pub(super) fn read_placed(row: &Row<'_>) -> Result<PlacedSeries, Error> {
    Ok(PlacedSeries {
        series_id: row.get(0)?,
        series: read_json(&row.get::<_, String>(1)?)?,
        path: row.get(2)?,
        license_sha256: row.get(3)?,
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

fn version(row: &Row<'_>, first: usize) -> Result<SeriesVersion, Error> {
    let fingerprint = SeriesFingerprint {
        image_count: row.get(first)?,
        size_bytes: row.get::<_, Option<i64>>(first + 1)?.map(as_size),
        submission_timestamp: row.get(first + 2)?,
    };
    Ok(SeriesVersion { place: place(row, first + 3)?, fingerprint })
}

fn place(row: &Row<'_>, first: usize) -> Result<Option<SeriesPlace>, Error> {
    let Some(collection) = row.get::<_, Option<String>>(first)? else { return Ok(None) };
    let study: String = row.get(first + 2)?;
    let study_instance_uid = StudyInstanceUid::parse(&study)
        .map_err(|_not_a_uid| Error::Content { expected: "a StudyInstanceUID", found: study })?;
    let patient_id = PatientId::new(row.get::<_, String>(first + 1)?);
    Ok(Some(SeriesPlace { collection: CollectionName::new(collection), patient_id, study_instance_uid }))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        in_memory, instance, instances_of, intent, number, place, placed_series, queue, uid,
    };
    use super::super::{Failure, Order};
    use super::*;

    const PATH: &str = "A/P/1.2/1.2.1";

    #[tokio::test]
    async fn a_completed_series_has_its_instances_and_nothing_is_staged() {
        let db = in_memory();
        let (run_id, rows) = queue(&db, 2).await;
        db.claim(run_id, Order::Listed, 0).await.unwrap();
        db.fail(rows[0], Failure::RetryAt(0), "reset".to_owned(), 0).await.unwrap();
        db.store_staged(rows[1], vec![instance("1.2.2.1", 7)]).await.unwrap();
        let instances = vec![instance("1.2.1.1", 19), instance("1.2.1.2", 20)];
        let begun = CommitIntent { license_sha256: Some([7; 32]), ..intent(rows[0], "1.2.1", PATH) };

        db.begin_commit(begun.clone(), instances.clone()).await.unwrap();
        let intents = db.commit_intents().await.unwrap();
        db.complete(rows[0], 1_700_000_000).await.unwrap();

        assert_eq!(intents, [begun]);
        assert!(db.commit_intents().await.unwrap().is_empty());
        assert_eq!(instances_of(&db, rows[0]).await, instances);
        assert!(db.staged_instances(rows[0]).await.unwrap().is_empty());
        assert_eq!(db.staged_instances(rows[1]).await.unwrap().len(), 1, "another series keeps its own");
        assert_eq!(db.placed_license(rows[0]).await.unwrap(), Some((PATH.to_owned(), [7; 32])));
        assert_eq!(db.placed_license(rows[1]).await.unwrap(), None);
        let placed = placed_series(&db, 0, 10).await;
        assert_eq!(placed.len(), 1);
        assert_eq!((placed[0].path.as_str(), placed[0].license_sha256), (PATH, Some([7; 32])));
        assert_eq!(number(&db, "SELECT instance_count FROM placement").await, 2);
        assert_eq!(number(&db, "SELECT size_bytes FROM placement").await, 39);
        assert_eq!(number(&db, "SELECT placed_at FROM placement").await, 1_700_000_000);
        assert_eq!(number(&db, "SELECT count(*) FROM series_job_failure").await, 0);
        assert_eq!(db.left_of_run(run_id).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_completed_series_is_done_in_the_version_that_was_listed_when_its_commit_began() {
        let db = in_memory();
        let (_, rows) = queue(&db, 1).await;
        let fingerprint = SeriesFingerprint {
            image_count: Some(2),
            size_bytes: Some(39),
            submission_timestamp: Some("2015-05-27 17:12:21".to_owned()),
        };
        let place = super::super::fixture::series("A", "1.2.1").version().place;
        let listed = SeriesVersion { place, fingerprint };
        let begun = CommitIntent { listed: listed.clone(), ..intent(rows[0], "1.2.1", PATH) };

        db.begin_commit(begun, vec![instance("1.2.1.1", 19)]).await.unwrap();
        let before = db.series(&uid("1.2.1")).await.unwrap().unwrap().local.unwrap();
        db.complete(rows[0], 9).await.unwrap();
        let after = db.series(&uid("1.2.1")).await.unwrap().unwrap().local.unwrap();

        assert_eq!(before, Local { state: JobState::Queued, placed: None, last_error: None });
        assert_eq!(after, Local { state: JobState::Done, placed: Some(listed), last_error: None });
    }

    #[tokio::test]
    async fn a_commit_at_another_place_knows_the_one_that_is_left() {
        let db = in_memory();
        let (_, rows) = queue(&db, 1).await;
        place(&db, rows[0], PATH, vec![instance("1.2.1.1", 1)]).await;

        let begin =
            async |path: &str| db.begin_commit(intent(rows[0], "1.2.1", path), Vec::new()).await.unwrap();
        let same = begin(PATH).await;
        let other = begin("B/P/1.2/1.2.1").await;

        assert_eq!((same, other), (None, Some(PATH.to_owned())));
        assert_eq!(db.commit_intents().await.unwrap()[0].moved_from.as_deref(), Some(PATH));
    }

    #[tokio::test]
    async fn a_new_version_takes_the_place_of_the_old_one() {
        let db = in_memory();
        let (run_id, rows) = queue(&db, 1).await;
        place(&db, rows[0], PATH, vec![instance("1.2.1.1", 19), instance("1.2.1.2", 20)]).await;
        db.enqueue(run_id, rows.clone(), 1).await.unwrap();

        place(&db, rows[0], PATH, vec![instance("1.2.1.2", 20), instance("1.2.1.3", 1)]).await;

        let instances = [instance("1.2.1.2", 20), instance("1.2.1.3", 1)];
        assert_eq!(instances_of(&db, rows[0]).await, instances);
        assert_eq!(number(&db, "SELECT size_bytes FROM placement").await, 21);
        assert_eq!(number(&db, "SELECT count(*) FROM placement").await, 1);
    }

    #[tokio::test]
    async fn a_commit_that_begins_again_is_known_only_by_its_last_beginning() {
        let db = in_memory();
        let (_, rows) = queue(&db, 1).await;
        db.store_staged(rows[0], vec![instance("1.2.1.9", 9)]).await.unwrap();
        db.begin_commit(intent(rows[0], "1.2.1", "old/P/1.2/1.2.1"), vec![instance("1.2.1.1", 1)])
            .await
            .unwrap();
        let last = CommitIntent { stamp: "2".to_owned(), ..intent(rows[0], "1.2.1", PATH) };

        db.begin_commit(last.clone(), vec![instance("1.2.1.2", 2)]).await.unwrap();

        assert_eq!(db.commit_intents().await.unwrap(), [last]);
        assert_eq!(db.staged_instances(rows[0]).await.unwrap(), [instance("1.2.1.2", 2)]);
    }

    #[tokio::test]
    async fn a_commit_that_did_not_happen_is_forgotten_and_what_is_staged_stays() {
        let db = in_memory();
        let (run_id, rows) = queue(&db, 1).await;
        db.begin_commit(intent(rows[0], "1.2.1", PATH), vec![instance("1.2.1.1", 1)]).await.unwrap();

        db.drop_intent(rows[0]).await.unwrap();

        assert!(db.commit_intents().await.unwrap().is_empty());
        assert!(placed_series(&db, 0, 10).await.is_empty());
        assert_eq!(db.staged_instances(rows[0]).await.unwrap(), [instance("1.2.1.1", 1)]);
        assert_eq!(db.left_of_run(run_id).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn placed_series_come_page_by_page() {
        let db = in_memory();
        let (_, rows) = queue(&db, 5).await;
        for row in [rows[0], rows[1], rows[4]] {
            place(&db, row, &format!("A/P/1.2/1.2.{row}"), vec![instance("1.2.3.4", 1)]).await;
        }

        let first = placed_series(&db, 0, 2).await;
        let second = placed_series(&db, first[1].series_id, 2).await;
        let end = placed_series(&db, second[0].series_id, 2).await;

        let ids = |page: &[PlacedSeries]| page.iter().map(|placed| placed.series_id).collect::<Vec<_>>();
        assert_eq!((ids(&first), ids(&second)), (vec![rows[0], rows[1]], vec![rows[4]]));
        assert!(end.is_empty());
    }
}
