//! Runs of commands, from their beginning to their end; watermarks; the heartbeat of the running process.

use std::fmt;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::placement::as_integer;
use super::shards::next_id;
use super::{Db, Error};
use crate::dicom::CollectionName;

/// What a run has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunTotals {
    /// Series that were placed.
    pub placed: u64,
    /// Series that are parked.
    pub parked: u64,
    /// Series that lay there already.
    pub kept: u64,
    /// Series that the service does not list any more.
    pub withdrawn: u64,
    /// Instances of the placed series.
    pub instances: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes that came over the wire.
    pub downloaded_bytes: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that were repeated.
    pub retries: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was asked is done.
    Done,
    /// It came to its end, but series are parked, or rows of the service made no sense.
    Parked,
    /// Something could not be listed, or is not.
    Incomplete,
    /// Jobs of it are still queued.
    Unfinished,
    /// Someone asked it to stop.
    Stopped,
    /// It could not go on.
    Failed,
    /// Its process died.
    Died,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Done => "done",
            Self::Parked => "parked",
            Self::Incomplete => "incomplete",
            Self::Unfinished => "unfinished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Died => "died",
        })
    }
}

/// What a watermark is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatermarkKey {
    /// Which service.
    pub base_url: String,
    /// Which collection.
    pub collection: CollectionName,
    /// Which part of it, as text; empty for all of it.
    pub narrowed_by: String,
}

impl Db {
    /// Records that a command begins.
    pub async fn begin_run(&self, command: &str, base_url: &str, now: i64) -> Result<i64, Error> {
        let (command, base_url) = (command.to_owned(), base_url.to_owned());
        self.call(move |connection| {
            let next_id = next_id("run", "run_id");
            let sql = format!(
                "INSERT INTO run (run_id, command, base_url, started_at) VALUES ({next_id}, ?1, ?2, ?3)"
            );
            connection.execute(&sql, params![command, base_url, now])?;
            Ok(connection.last_insert_rowid())
        })
        .await
    }

    /// Records how a command ended, and why, where the outcome alone does not say.
    pub async fn finish_run(
        &self,
        run_id: i64,
        (outcome, reason): (Outcome, Option<String>),
        totals: RunTotals,
        now: i64,
    ) -> Result<(), Error> {
        self.call(move |connection| {
            connection.execute(
                "UPDATE run SET finished_at = ?2, outcome = ?3, reason = ?4, placed = ?5, parked = ?6, kept = ?7,
                     withdrawn = ?8, instances = ?9, bytes = ?10, downloaded_bytes = ?11, requests = ?12, retries = ?13
                 WHERE run_id = ?1",
                params![
                    run_id,
                    now,
                    outcome.to_string(),
                    reason,
                    as_integer(totals.placed),
                    as_integer(totals.parked),
                    as_integer(totals.kept),
                    as_integer(totals.withdrawn),
                    as_integer(totals.instances),
                    as_integer(totals.bytes),
                    as_integer(totals.downloaded_bytes),
                    as_integer(totals.requests),
                    as_integer(totals.retries),
                ],
            )?;
            connection.execute("DELETE FROM heartbeat", [])?;
            Ok(())
        })
        .await
    }

    /// Records of runs whose process died that they have ended.
    pub async fn bury_dead_runs(&self) -> Result<(), Error> {
        self.call(|connection| {
            connection
                .execute("UPDATE run SET outcome = ?1 WHERE outcome IS NULL", [Outcome::Died.to_string()])?;
            Ok(())
        })
        .await
    }

    /// Tells readers that this process is alive, how fast it goes, and how many series it may work on at a time.
    pub async fn beat(&self, rate_bytes_s: u64, parallel: u64, now: i64) -> Result<(), Error> {
        self.call(move |connection| {
            let sql = "INSERT OR REPLACE INTO heartbeat (only_row, beat_at, rate_bytes_s, parallel)
                       VALUES (1, ?1, ?2, ?3)";
            let beat = params![now, as_integer(rate_bytes_s), as_integer(parallel)];
            connection.prepare_cached(sql)?.execute(beat)?;
            Ok(())
        })
        .await
    }

    /// Up to when a collection of a service has been synced, UTC seconds.
    pub async fn watermark(&self, key: WatermarkKey) -> Result<Option<i64>, Error> {
        self.call(move |connection| {
            let sql = "SELECT synced_to FROM watermark WHERE base_url = ?1 AND collection = ?2 AND narrowed_by = ?3";
            let parameters = [&key.base_url, key.collection.as_str(), &key.narrowed_by];
            Ok(connection.query_row(sql, parameters, |row| row.get(0)).optional()?)
        })
        .await
    }

    /// Moves a watermark; only a clock that was wrong lets it go back.
    pub async fn move_watermark(&self, key: WatermarkKey, to: i64) -> Result<(), Error> {
        self.call(move |connection| {
            let sql =
                "INSERT INTO watermark (base_url, collection, narrowed_by, synced_to) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (base_url, collection, narrowed_by) DO UPDATE
                       SET synced_to = excluded.synced_to";
            connection.execute(sql, params![key.base_url, key.collection.as_str(), key.narrowed_by, to])?;
            Ok(())
        })
        .await
    }
}

/// UTC seconds as people and JSON read them.
pub(super) fn as_time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{BASE_URL, in_memory, number, watermark_key};
    use super::*;

    #[tokio::test]
    async fn a_watermark_stands_where_it_was_moved_last() {
        let db = in_memory();
        let key = watermark_key("A");
        let mut seen = vec![db.watermark(key.clone()).await.unwrap()];

        for to in [100, 300, 200] {
            db.move_watermark(key.clone(), to).await.unwrap();
            seen.push(db.watermark(key.clone()).await.unwrap());
        }

        assert_eq!(seen, [None, Some(100), Some(300), Some(200)]);
    }

    #[tokio::test]
    async fn a_watermark_stands_for_one_service_one_collection_and_one_part_of_it() {
        let db = in_memory();
        let key = watermark_key("A");
        db.move_watermark(key.clone(), 100).await.unwrap();

        let others = [
            watermark_key("a"),
            WatermarkKey { base_url: "http://127.0.0.2/v4".to_owned(), ..key.clone() },
            WatermarkKey { narrowed_by: "modality CT".to_owned(), ..key },
        ];

        for other in others {
            assert_eq!(db.watermark(other).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn there_is_one_heartbeat_and_it_ends_with_the_run() {
        let db = in_memory();
        let run_id = db.begin_run("sync", BASE_URL, 10).await.unwrap();
        db.beat(5, 4, 11).await.unwrap();
        db.beat(7, 4, 13).await.unwrap();
        let (beats, rate) = (
            number(&db, "SELECT count(*) FROM heartbeat").await,
            number(&db, "SELECT rate_bytes_s FROM heartbeat WHERE beat_at = 13").await,
        );

        db.finish_run(run_id, (Outcome::Done, None), RunTotals::default(), 14).await.unwrap();

        assert_eq!((beats, rate), (1, 7));
        assert_eq!(number(&db, "SELECT count(*) FROM heartbeat").await, 0);
    }

    #[tokio::test]
    async fn the_end_of_a_run_is_recorded_with_that_run_only() {
        let db = in_memory();
        let ended = db.begin_run("sync", BASE_URL, 10).await.unwrap();
        db.begin_run("mirror", BASE_URL, 20).await.unwrap();

        let totals = RunTotals { placed: 3, downloaded_bytes: u64::MAX, ..RunTotals::default() };
        db.finish_run(ended, (Outcome::Stopped, None), totals, 30).await.unwrap();

        assert_eq!(number(&db, "SELECT count(*) FROM run WHERE finished_at IS NULL").await, 1);
        assert_eq!(number(&db, "SELECT placed FROM run WHERE outcome = 'stopped'").await, 3);
        assert_eq!(number(&db, "SELECT max(downloaded_bytes) FROM run").await, i64::MAX);
    }

    #[tokio::test]
    async fn a_run_whose_process_died_is_no_longer_under_way() {
        let db = in_memory();
        db.begin_run("sync", BASE_URL, 10).await.unwrap();
        let ended = db.begin_run("sync", BASE_URL, 20).await.unwrap();
        db.finish_run(ended, (Outcome::Done, None), RunTotals::default(), 30).await.unwrap();

        db.bury_dead_runs().await.unwrap();

        let died = "SELECT count(*) FROM run WHERE outcome = 'died' AND finished_at IS NULL";
        assert_eq!(number(&db, died).await, 1);
        assert_eq!(number(&db, "SELECT count(*) FROM run WHERE outcome = 'done'").await, 1);
    }

    #[test]
    fn a_time_is_written_as_people_read_it() {
        // the text is that of `date --utc --date @1700000000 --iso-8601=seconds`
        assert_eq!(as_time(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(as_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(as_time(i64::MAX), "9223372036854775807");
    }
}
