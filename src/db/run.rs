//! History: what each run of a command has done; watermarks; the heartbeat of the running process.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::placement::as_integer;
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

/// One run of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// Which command.
    pub command: String,
    /// When it began.
    pub started_at: String,
    /// When it ended, when it did.
    pub finished_at: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// What it did.
    #[serde(flatten)]
    pub totals: RunTotals,
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
            let sql = "INSERT INTO run (command, base_url, started_at) VALUES (?1, ?2, ?3)";
            connection.execute(sql, params![command, base_url, now])?;
            Ok(connection.last_insert_rowid())
        })
        .await
    }

    /// Records how a command ended.
    pub async fn finish_run(
        &self,
        run_id: i64,
        outcome: String,
        totals: RunTotals,
        now: i64,
    ) -> Result<(), Error> {
        self.call(move |connection| {
            connection.execute(
                "UPDATE run SET finished_at = ?2, outcome = ?3, placed = ?4, parked = ?5, kept = ?6, withdrawn = ?7,
                     instances = ?8, bytes = ?9, downloaded_bytes = ?10, requests = ?11, retries = ?12
                 WHERE run_id = ?1",
                params![
                    run_id,
                    now,
                    outcome,
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

    /// Tells readers that this process is alive and how fast it goes.
    pub async fn beat(&self, rate_bytes_s: u64, now: i64) -> Result<(), Error> {
        self.call(move |connection| {
            let sql = "INSERT OR REPLACE INTO heartbeat (only_row, beat_at, rate_bytes_s) VALUES (1, ?1, ?2)";
            connection.prepare_cached(sql)?.execute(params![now, as_integer(rate_bytes_s)])?;
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
