//! What is different in the record of a shard: its ids, which no other shard has, and its journal, which other machines
//! can read beside its writer.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use url::Url;

use super::reader::of_this_release;
use super::{BUSY, BUSY_OF_SHARD, Error, MIGRATIONS, Reader, upkeep, views};
use crate::dicom::{Records, Shard};

/// The id of the next row of a table: the ids of shard I begin at `(I - 1) << 48`.
///
/// The number of the shard is the `application_id` of its record, which is 0 where nothing is split.
pub(super) fn next_id(table: &str, column: &str) -> String {
    format!(
        "(SELECT coalesce(max({column}), (SELECT max(application_id - 1, 0) << 48 FROM pragma_application_id)) + 1
          FROM {table})"
    )
}

/// Sets how a record is written, and refuses one that another shard has made.
///
/// The log of SQLite works on one machine only (sqlite.org, "Write-Ahead Logging", Overview): a shard has a rollback
/// journal, and with EXTRA its removal too is on stable storage before anything that was committed is relied on.
pub(super) fn begin_to_write(
    path: &Path,
    connection: &Connection,
    shard: Option<Shard>,
) -> Result<(), Error> {
    let begin = || {
        let Some(shard) = shard else {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            return Ok(true);
        };
        connection.busy_timeout(BUSY_OF_SHARD)?;
        if pragma(connection, "main", "user_version")? == 0 {
            connection.pragma_update(None, "application_id", shard.number())?;
        }
        connection.pragma_update(None, "synchronous", "extra")?;
        Ok(pragma(connection, "main", "application_id")? == u32::from(shard.number()))
    };
    match (begin().map_err(|source| Error::Open { path: path.to_owned(), source })?, shard) {
        (false, Some(shard)) => Err(Error::OtherShard { path: path.to_owned(), shard }),
        _ => Ok(()),
    }
}

fn pragma(connection: &Connection, schema: &str, name: &str) -> rusqlite::Result<u32> {
    connection.query_row(&format!("PRAGMA {schema}.{name}"), [], |row| row.get(0))
}

impl Reader {
    /// Opens the records of a mirror, as far as they are there.
    pub fn open_all(records: &Records) -> Result<Self, Error> {
        match records {
            Records::Whole(record) => Self::open(record),
            Records::Shards(records) => Self::open_shards(records),
        }
    }

    fn open_shards(records: &[PathBuf]) -> Result<Self, Error> {
        let nowhere = PathBuf::from(":memory:");
        let open_error = |source| Error::Open { path: nowhere.clone(), source };
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(&nowhere, flags).map_err(open_error)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(64);
        let mut attached = Vec::new();
        for (record, number) in records.iter().zip(1..).filter(|(record, _)| record.exists()) {
            let schema = format!("shard_{number}");
            if attach(&connection, record, &schema)? {
                attached.push(schema);
            }
        }
        let found = attached.len();
        if attached.is_empty() {
            // all of them are about to be made: as good as an empty one
            upkeep::migrate(&nowhere, &mut connection, &MIGRATIONS)?;
            attached.push("main".to_owned());
        }
        views::of_several(&connection, &attached, records.len())?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self { connection, records: found })
    }
}

/// Attaches a record under a name; `false` for one that its shard is about to make.
///
/// For reading and writing, where that is allowed: what a process that died has left half written is taken back by
/// whoever comes next, and that may be a reader, which writes nothing else.
fn attach(connection: &Connection, record: &Path, schema: &str) -> Result<bool, Error> {
    let open_error = |source| Error::Open { path: record.to_owned(), source };
    let address = std::path::absolute(record).ok().and_then(|path| Url::from_file_path(path).ok());
    let address = address.map_or_else(String::new, |address| format!("{address}?mode=rw"));
    connection.execute(&format!("ATTACH ?1 AS {schema}"), [address]).map_err(open_error)?;
    let found = pragma(connection, schema, "user_version").map_err(open_error)?;
    if found == 0 {
        connection.execute(&format!("DETACH {schema}"), [])?;
        return Ok(false);
    }
    of_this_release(record, found).map(|()| true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use tempfile::TempDir;

    use super::super::fixture::{BASE_URL, list, place, series, watermark_key};
    use super::super::{Db, JobState, Outcome, Remark, RunTotals};
    use super::*;

    const NOW: i64 = 1_700_000_000;

    struct Split {
        directory: TempDir,
        shards: Vec<Shard>,
    }

    impl Split {
        fn of(number: u8) -> Self {
            Self { directory: tempfile::tempdir().unwrap(), shards: Shard::all(number).collect() }
        }

        fn path(&self, shard: Shard) -> PathBuf {
            self.directory.path().join(format!("{}.sqlite", shard.number()))
        }

        fn db(&self, shard: Shard) -> Db {
            Db::open_share(&self.path(shard), Some(shard)).unwrap()
        }

        fn reader(&self) -> Reader {
            let records = self.shards.iter().map(|shard| self.path(*shard)).collect();
            Reader::open_all(&Records::Shards(records)).unwrap()
        }

        /// So many series in each record, all of them placed but the last.
        async fn fill(&self, count: u32) {
            for shard in &self.shards {
                let db = self.db(*shard);
                let run_id = db.begin_run("mirror", BASE_URL, NOW + i64::from(shard.number())).await.unwrap();
                let uid = |number| format!("1.{}.{number}", shard.number());
                let listed: Vec<_> = (1..=count).map(|number| series("A", &uid(number))).collect();
                let rows = list(&db, 1, &listed).await;
                db.enqueue(run_id, rows.clone(), 0).await.unwrap();
                for row in &rows[1..] {
                    place(&db, *row, &format!("A/P/1.2/{row}"), Vec::new()).await;
                }
                let ended = (Outcome::Unfinished, None);
                db.finish_run(run_id, ended, RunTotals::default(), NOW + 60).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn pages_over_all_shards_come_in_the_order_of_their_rows_and_miss_nothing() {
        let split = Split::of(3);
        split.fill(5).await;
        let reader = split.reader();

        let (mut after, mut rows) = (0, Vec::new());
        while let Some(last) = reader.placed_series(after, 2).unwrap().pop() {
            rows.extend(reader.placed_series(after, 2).unwrap().into_iter().map(|placed| placed.series_id));
            after = last.series_id;
        }

        let of = |number: i64| (2..=5).map(move |row| ((number - 1) << 48) + row);
        assert_eq!(rows, (1..=3).flat_map(of).collect::<Vec<_>>());
        assert_eq!(reader.jobs_in(JobState::Queued, 0, 9).unwrap().len(), 3);
        let began: Vec<_> = reader.history(9).unwrap().into_iter().map(|run| run.started_at).collect();
        assert!(began.is_sorted_by(|newer, older| newer > older) && began.len() == 3, "{began:?}");
    }

    #[tokio::test]
    async fn exports_over_all_shards_miss_nothing_and_come_in_their_order() {
        let split = Split::of(3);
        split.fill(5).await;
        let reader = split.reader();

        let (mut after, mut asked_for) = (0, Vec::new());
        while let Some(last) = reader.recorded_series(after, 2).unwrap().pop() {
            asked_for.extend(reader.recorded_series(after, 2).unwrap());
            after = last.series_id;
        }
        let (mut after, mut paths) = (String::new(), Vec::new());
        while let Some(last) = reader.placed_by_path(&after, 2).unwrap().pop() {
            paths.extend(reader.placed_by_path(&after, 2).unwrap().into_iter().map(|placed| placed.path));
            after = last.path;
        }

        assert_eq!(asked_for.len(), 15);
        assert!(asked_for.is_sorted_by(|one, other| one.series_id < other.series_id));
        let queued: Vec<_> = asked_for.iter().filter(|series| series.placed.is_none()).collect();
        assert_eq!(queued.iter().map(|series| series.state).collect::<Vec<_>>(), [JobState::Queued; 3]);
        assert_eq!(asked_for[1].placed.as_ref().unwrap().path, "A/P/1.2/2");
        assert_eq!(asked_for[1].listed_by, None, "no walk is recorded");
        assert!(paths.is_sorted_by(|one, other| one < other) && paths.len() == 12, "{paths:?}");
    }

    #[tokio::test]
    async fn what_is_asked_of_a_view_goes_along_an_index_in_each_record() {
        let split = Split::of(10);
        split.fill(3).await;
        let reader = split.reader();

        for (asked, part) in [
            ("path FROM placed WHERE series_id > ?1 ORDER BY series_id LIMIT ?2", "placement"),
            ("path FROM placed WHERE path > ?1 ORDER BY path LIMIT ?2", "placement"),
            ("state FROM asked WHERE series_id > ?1 ORDER BY series_id LIMIT ?2", "series_job"),
            ("path FROM placed WHERE series_instance_uid = ?1", "series"),
            ("path FROM placed WHERE study_instance_uid = ?1", "series"),
            ("count(*) FROM placed WHERE study_instance_uid = ?1 GROUP BY patient_id", "series"),
            ("path FROM placed WHERE series_instance_uid IN (SELECT value FROM json_each(?1))", "series"),
            (
                "path FROM placed WHERE collection IN (SELECT collection FROM job_sum WHERE collection = ?1)",
                "series",
            ),
            ("EXISTS (SELECT 1 FROM placed WHERE path = ?1 OR (path > ?1 AND path < ?2))", "placement"),
            (
                "last_error FROM asked WHERE state = ?1 AND series_id > ?2 ORDER BY series_id LIMIT ?3",
                "series_job",
            ),
            (
                "last_error FROM asked WHERE state = 'parked' ORDER BY changed_at DESC, series_id LIMIT 9",
                "series_job",
            ),
            (
                "md5 FROM instance WHERE series_id = (SELECT series_id FROM placed WHERE series_instance_uid = ?1)",
                "instance",
            ),
            ("patient_sex FROM patient WHERE collection = ?1 AND patient_id = ?2 LIMIT 1", "patient"),
        ] {
            let plan = plan(&reader, asked);
            for number in 1..=10 {
                let searched = format!("SEARCH shard_{number}.{part} ");
                assert!(plan.contains(&searched), "{asked}: {plan}");
                // the sums are a few rows for each collection
                let read_whole = format!("SCAN shard_{number}.");
                let read_whole = plan.replace(&format!("{read_whole}job_sum"), "").contains(&read_whole);
                assert!(!read_whole, "{asked}: {plan}");
            }
        }
    }

    fn plan(reader: &Reader, asked: &str) -> String {
        let mut statement =
            reader.connection().prepare(&format!("EXPLAIN QUERY PLAN SELECT {asked}")).unwrap();
        let nothing = vec![0; statement.parameter_count()];
        let steps =
            statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>(3)).unwrap();
        steps.map(|step| step.unwrap() + " \n").collect()
    }

    #[tokio::test]
    async fn a_record_that_is_not_there_or_not_made_yet_is_left_out() {
        let split = Split::of(4);
        for shard in [split.shards[1], split.shards[3]] {
            drop(split.db(shard));
        }
        let one_and_none = split.reader().records();
        // as it is for an instant when its shard begins
        fs::File::create(split.path(split.shards[0])).unwrap();

        assert_eq!((one_and_none, split.reader().records()), (2, 2));
        drop(split.db(split.shards[0]));
        assert_eq!(split.reader().records(), 3);
    }

    #[tokio::test]
    async fn a_collection_is_synced_up_to_where_every_shard_has_synced_it() {
        let split = Split::of(3);
        for (shard, to) in split.shards.iter().zip([30, 10, 20]) {
            assert!(split.reader().status(NOW).unwrap().watermarks.is_empty());
            split.db(*shard).move_watermark(watermark_key("A"), to).await.unwrap();
        }

        let watermarks = split.reader().status(NOW).unwrap().watermarks;

        assert_eq!(watermarks.len(), 1);
        assert_eq!(watermarks[0].synced_to, "1970-01-01T00:00:10Z");
    }

    #[tokio::test]
    async fn rates_are_added_up_and_what_every_shard_was_told_is_told_once() {
        let split = Split::of(3);
        for (shard, rate) in split.shards.iter().zip([100, 20, 3]) {
            let db = split.db(*shard);
            db.beat(rate, 2, NOW).await.unwrap();
            let walk = db.begin_walk("collection `A`", BASE_URL, "nbia-v4", NOW).await.unwrap();
            let remark = Remark { is_rejected_row: false, subject: "P".to_owned(), remark: "odd".to_owned() };
            db.remark(walk.walk_id, remark).await.unwrap();
        }

        let status = split.reader().status(NOW).unwrap();

        assert_eq!((status.rate_bytes_s, status.parallel, status.remarks.len()), (Some(123), Some(6), 1));
    }

    #[tokio::test]
    async fn a_record_of_another_shard_or_of_a_whole_mirror_is_refused() {
        let split = Split::of(3);
        drop(split.db(split.shards[0]));
        let whole = split.directory.path().join("whole.sqlite");
        drop(Db::open(&whole).unwrap());

        for copied in [split.path(split.shards[0]), whole] {
            fs::copy(&copied, split.path(split.shards[1])).unwrap();
            let refused = Db::open_share(&split.path(split.shards[1]), Some(split.shards[1])).err();
            assert!(matches!(refused, Some(Error::OtherShard { .. })), "{}: {refused:?}", copied.display());
        }
    }

    #[tokio::test]
    async fn ids_of_one_shard_are_those_of_no_other_and_those_of_a_whole_mirror_begin_at_one() {
        let split = Split::of(10);
        split.fill(2).await;
        let (_directory, path) = super::super::fixture::on_disk();
        let whole = Db::open(&path).unwrap();

        let rows = list(&whole, 1, &[series("A", "1.1"), series("A", "1.2")]).await;
        let mut ids = BTreeSet::new();
        for shard in &split.shards {
            let record = Connection::open(split.path(*shard)).unwrap();
            let id: i64 =
                record.query_row("SELECT max(series_id) FROM series", [], |row| row.get(0)).unwrap();
            assert_eq!(id, ((i64::from(shard.number()) - 1) << 48) + 2);
            ids.insert(id);
        }

        assert_eq!((rows, ids.len()), (vec![1, 2], 10));
    }

    #[tokio::test]
    async fn what_a_shard_that_died_has_half_written_is_taken_back_by_whoever_reads_next() {
        let split = Split::of(2);
        split.fill(3).await;
        let (path, left) = (split.path(split.shards[0]), split.path(split.shards[1]));
        let journal = |path: &Path| PathBuf::from(format!("{}-journal", path.display()));
        let dying = Connection::open(&path).unwrap();
        // so little memory that pages of the transaction reach the file before its end
        dying.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE").unwrap();
        dying
            .execute_batch(
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000)
                 INSERT INTO removal SELECT 'path ' || x FROM n; DELETE FROM placement",
            )
            .unwrap();
        fs::copy(&path, &left).unwrap();
        fs::copy(journal(&path), journal(&left)).unwrap();
        drop(dying);

        let reader = Reader::open_all(&Records::Shards(vec![left.clone()])).unwrap();

        assert_eq!(reader.placed_series(0, 9).unwrap().len(), 2);
        assert!(
            reader.connection().execute("DELETE FROM shard_1.placement", []).is_err(),
            "it writes nothing else"
        );
        assert!(!journal(&left).exists());
    }
}
