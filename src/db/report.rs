//! What `status` and the status page show.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::catalogue::read_all;
use super::history::{RunReport, last_runs};
use super::placement::as_size;
use super::run::as_time;
use super::{Error, Reader};

/// A heartbeat older than this is of a process that is gone.
const LIVELY_S: i64 = 15;

/// Series by the state of their jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the state it is named after")]
pub struct StateCounts {
    pub queued: u64,
    pub running: u64,
    pub done: u64,
    pub parked: u64,
    pub withdrawn: u64,
}

/// One collection at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollectionReport {
    /// Its name.
    pub collection: String,
    /// Series that were asked for.
    pub series: u64,
    /// Series in the tree.
    pub done: u64,
    /// Instances in the tree.
    pub instances: u64,
    /// Bytes in the tree.
    pub bytes: u64,
}

/// A series that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParkedSeries {
    /// Which.
    pub series_instance_uid: String,
    /// Why.
    pub reason: String,
    /// After how many tries.
    pub attempts: u32,
    /// Since when.
    pub since: String,
    /// Each of the tries, the first one first.
    pub failures: Vec<FailedTry>,
}

/// A try that did not bring the series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedTry {
    /// When it ended.
    pub at: String,
    /// Why.
    pub reason: String,
}

/// Up to when a collection is synced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WatermarkReport {
    /// Which collection.
    pub collection: String,
    /// Which part of it, empty for all of it.
    pub narrowed_by: String,
    /// Of which service.
    pub base_url: String,
    /// Up to when.
    pub synced_to: String,
}

/// Something strange in an answer of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Whether it is a row that could not be read; otherwise the service contradicts itself.
    pub is_rejected_row: bool,
    /// What it is about.
    pub subject: String,
    /// What is strange.
    pub remark: String,
}

/// What the running process says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Bytes a second of late.
    pub rate_bytes_s: u64,
    /// Series that it may work on at a time.
    pub parallel: u64,
}

/// Everything that `status` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Series by state.
    pub series: StateCounts,
    /// Instances in the tree.
    pub instances: u64,
    /// Bytes in the tree.
    pub bytes: u64,
    /// Bytes that are listed and not there yet.
    pub bytes_left: u64,
    /// Bytes a second of the running process, if one runs.
    pub rate_bytes_s: Option<u64>,
    /// Seconds until it will be done, if that can be told.
    pub eta_s: Option<u64>,
    /// Series that the running process may work on at a time; it changes with what the service bears.
    pub parallel: Option<u64>,
    /// Each collection.
    pub collections: Vec<CollectionReport>,
    /// Each parked series.
    pub parked: Vec<ParkedSeries>,
    /// Each watermark.
    pub watermarks: Vec<WatermarkReport>,
    /// The last run of a command.
    pub last_cycle: Option<RunReport>,
    /// Where the service contradicts itself.
    pub remarks: Vec<Remark>,
}

impl Reader {
    /// The state of the mirror at a time (UTC seconds).
    pub fn status(&self, now: i64) -> Result<Status, Error> {
        let connection = self.connection();
        status(connection, now, parked(connection)?, remarks(connection, u32::MAX)?)
    }
}

/// The state of the mirror with those lists that may be long.
pub(super) fn status(
    connection: &Connection,
    now: i64,
    parked: Vec<ParkedSeries>,
    remarks: Vec<Remark>,
) -> Result<Status, Error> {
    let collections = collections(connection)?;
    let bytes_left = bytes_left(connection)?;
    let heartbeat = heartbeat(connection, now)?;
    let rate_bytes_s = heartbeat.map(|beat| beat.rate_bytes_s);
    Ok(Status {
        series: state_counts(connection)?,
        instances: collections.iter().map(|collection| collection.instances).sum(),
        bytes: collections.iter().map(|collection| collection.bytes).sum(),
        bytes_left,
        rate_bytes_s,
        eta_s: rate_bytes_s.filter(|rate| *rate > 0).map(|rate| bytes_left.div_ceil(rate)),
        parallel: heartbeat.map(|beat| beat.parallel),
        collections,
        parked,
        watermarks: watermarks(connection)?,
        last_cycle: last_runs(connection, 1)?.pop(),
        remarks,
    })
}

fn state_counts(connection: &Connection) -> Result<StateCounts, Error> {
    let mut counts = StateCounts::default();
    let sql = "SELECT state, sum(series) FROM job_sum GROUP BY state";
    for (state, count) in
        read_all(connection, sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?
    {
        let count = as_size(count);
        match state.as_str() {
            "queued" => counts.queued = count,
            "running" => counts.running = count,
            "done" => counts.done = count,
            "parked" => counts.parked = count,
            _ => counts.withdrawn = count,
        }
    }
    Ok(counts)
}

fn collections(connection: &Connection) -> Result<Vec<CollectionReport>, Error> {
    let sql = "WITH asked AS (SELECT collection, sum(series) AS series FROM job_sum GROUP BY collection),
                   placed AS (SELECT collection, sum(series) AS series, sum(instances) AS instances, sum(bytes) AS bytes
                              FROM placement_sum GROUP BY collection)
               SELECT collection, asked.series, coalesce(placed.series, 0), coalesce(instances, 0), coalesce(bytes, 0)
               FROM asked LEFT JOIN placed USING (collection) WHERE asked.series > 0 ORDER BY collection";
    read_all(connection, sql, [], |row| {
        Ok(CollectionReport {
            collection: row.get(0)?,
            series: as_size(row.get(1)?),
            done: as_size(row.get(2)?),
            instances: as_size(row.get(3)?),
            bytes: as_size(row.get(4)?),
        })
    })
}

fn bytes_left(connection: &Connection) -> Result<u64, Error> {
    let sql = "SELECT coalesce(sum(listed_bytes), 0) FROM job_sum WHERE state IN ('queued', 'running')";
    Ok(as_size(connection.query_row(sql, [], |row| row.get(0))?))
}

fn heartbeat(connection: &Connection, now: i64) -> Result<Option<Heartbeat>, Error> {
    let sql = "SELECT sum(rate_bytes_s), sum(parallel) FROM heartbeat WHERE beat_at > ?1";
    let sums: (Option<i64>, Option<i64>) =
        connection.query_row(sql, [now - LIVELY_S], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(rate), Some(parallel)) = sums else { return Ok(None) };
    Ok(Some(Heartbeat { rate_bytes_s: as_size(rate), parallel: as_size(parallel) }))
}

fn parked(connection: &Connection) -> Result<Vec<ParkedSeries>, Error> {
    let sql = "SELECT series_instance_uid, coalesce(last_error, ''), attempts, changed_at, series_id
               FROM asked WHERE state = 'parked' ORDER BY series_instance_uid";
    read_all(connection, sql, [], |row| parked_series(connection, row))
}

/// The series that were given up last.
pub(super) fn parked_last(connection: &Connection, most: u32) -> Result<Vec<ParkedSeries>, Error> {
    let sql = "SELECT series_instance_uid, coalesce(last_error, ''), attempts, changed_at, series_id
               FROM asked WHERE state = 'parked'
               ORDER BY changed_at DESC, series_id LIMIT ?1";
    read_all(connection, sql, [most], |row| parked_series(connection, row))
}

fn parked_series(connection: &Connection, row: &Row<'_>) -> Result<ParkedSeries, Error> {
    Ok(ParkedSeries {
        series_instance_uid: row.get(0)?,
        reason: row.get(1)?,
        attempts: row.get(2)?,
        since: as_time(row.get(3)?),
        failures: failures(connection, row.get(4)?)?,
    })
}

fn failures(connection: &Connection, series_id: i64) -> Result<Vec<FailedTry>, Error> {
    let sql = "SELECT failed_at, reason FROM series_job_failure WHERE series_id = ?1 ORDER BY rowid";
    read_all(connection, sql, [series_id], |row| {
        Ok(FailedTry { at: as_time(row.get(0)?), reason: row.get(1)? })
    })
}

fn watermarks(connection: &Connection) -> Result<Vec<WatermarkReport>, Error> {
    let sql = "SELECT collection, narrowed_by, base_url, synced_to FROM watermark ORDER BY collection, narrowed_by, base_url";
    read_all(connection, sql, [], |row| {
        Ok(WatermarkReport {
            collection: row.get(0)?,
            narrowed_by: row.get(1)?,
            base_url: row.get(2)?,
            synced_to: as_time(row.get(3)?),
        })
    })
}

pub(super) fn remarks(connection: &Connection, most: u32) -> Result<Vec<Remark>, Error> {
    let sql = "SELECT kind = 'rejected', subject, remark FROM walk_remark ORDER BY remark_id LIMIT ?1";
    read_all(connection, sql, [most], |row| {
        Ok(Remark { is_rejected_row: row.get(0)?, subject: row.get(1)?, remark: row.get(2)? })
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{BASE_URL, instance, list, on_disk, place, series, watermark_key};
    use super::super::{Db, Failure, Order, WatermarkKey};
    use super::*;
    use crate::dicom::Series;

    const NOW: i64 = 1_700_000_000;

    fn sized(collection: &str, series_instance_uid: &str, file_size: Option<u64>) -> Series {
        Series { file_size, ..series(collection, series_instance_uid) }
    }

    /// Two collections with seven series: two done, two queued, one running, one parked after two tries, one never
    /// asked for.
    async fn known_state(db: &Db) {
        let run_id = db.begin_run("mirror", BASE_URL, NOW - 100).await.unwrap();
        let listed = [
            sized("A", "1.1", Some(39)),
            sized("A", "1.2", Some(1)),
            sized("A", "1.3", Some(1000)),
            sized("B", "1.4", None),
            sized("B", "1.5", Some(501)),
            sized("B", "1.6", Some(70_000)),
            sized("B", "1.7", Some(80_000)),
        ];
        let rows = list(db, 1, &listed).await;
        db.enqueue(run_id, rows[..6].to_vec(), NOW - 90).await.unwrap();
        place(db, rows[0], "A/P/1.2/1.1", vec![instance("1.1.1", 19), instance("1.1.2", 20)]).await;
        place(db, rows[1], "A/P/1.2/1.2", vec![instance("1.2.1", 1)]).await;
        db.fail(rows[5], Failure::RetryAt(0), "reset".to_owned(), NOW - 80).await.unwrap();
        db.fail(rows[5], Failure::Park, "two files differ".to_owned(), NOW - 70).await.unwrap();
        db.claim(run_id, Order::Listed, NOW - 60).await.unwrap();
    }

    #[tokio::test]
    async fn every_figure_of_a_known_state_is_right() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        known_state(&db).await;

        let status = Reader::open(&path).unwrap().status(NOW).unwrap();

        assert_eq!(status.series, StateCounts { queued: 2, running: 1, done: 2, parked: 1, withdrawn: 0 });
        assert_eq!((status.instances, status.bytes, status.bytes_left), (3, 40, 1501));
        let collection = |collection: &str, series, done, instances, bytes| CollectionReport {
            collection: collection.to_owned(),
            series,
            done,
            instances,
            bytes,
        };
        assert_eq!(status.collections, [collection("A", 3, 2, 3, 40), collection("B", 3, 0, 0, 0)]);
        let parked = ParkedSeries {
            series_instance_uid: "1.6".to_owned(),
            reason: "two files differ".to_owned(),
            attempts: 2,
            since: "2023-11-14T22:12:10Z".to_owned(),
            failures: vec![
                FailedTry { at: "2023-11-14T22:12:00Z".to_owned(), reason: "reset".to_owned() },
                FailedTry { at: "2023-11-14T22:12:10Z".to_owned(), reason: "two files differ".to_owned() },
            ],
        };
        assert_eq!(status.parked, [parked]);
        assert_eq!((status.rate_bytes_s, status.eta_s), (None, None));
    }

    #[tokio::test]
    async fn what_a_process_says_of_itself_counts_while_its_heartbeat_is_not_too_old() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        known_state(&db).await;
        let reader = Reader::open(&path).unwrap();
        let figures = |now| {
            let status = reader.status(now).unwrap();
            (status.rate_bytes_s, status.eta_s, status.parallel)
        };

        db.beat(500, 3, NOW).await.unwrap();
        let (lively, last_second, gone) = (figures(NOW), figures(NOW + 14), figures(NOW + 15));
        db.beat(0, 3, NOW).await.unwrap();
        let still = figures(NOW);

        // 1501 bytes at 500 bytes a second are over in the fourth second
        assert_eq!(lively, (Some(500), Some(4), Some(3)));
        assert_eq!(last_second, lively);
        assert_eq!(gone, (None, None, None));
        assert_eq!(still, (Some(0), None, Some(3)));
    }

    #[tokio::test]
    async fn watermarks_and_remarks_are_shown_as_they_were_recorded() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let narrowed = WatermarkKey { narrowed_by: "modality CT".to_owned(), ..watermark_key("A") };
        for (key, to) in [(watermark_key("B"), NOW), (narrowed, 60), (watermark_key("A"), 0)] {
            db.move_watermark(key, to).await.unwrap();
        }
        let walk = db.begin_walk("collection `A`", BASE_URL, "nbia-v4", NOW).await.unwrap();
        let remark = |is_rejected_row, subject: &str| Remark {
            is_rejected_row,
            subject: subject.to_owned(),
            remark: "odd".to_owned(),
        };
        for (is_rejected_row, subject) in [(true, "getSeries"), (false, "patient `P`")] {
            db.remark(walk.walk_id, remark(is_rejected_row, subject)).await.unwrap();
        }

        let status = Reader::open(&path).unwrap().status(NOW).unwrap();

        let mark = |collection: &str, narrowed_by: &str, synced_to: &str| WatermarkReport {
            collection: collection.to_owned(),
            narrowed_by: narrowed_by.to_owned(),
            base_url: BASE_URL.to_owned(),
            synced_to: synced_to.to_owned(),
        };
        let expected = [
            mark("A", "", "1970-01-01T00:00:00Z"),
            mark("A", "modality CT", "1970-01-01T00:01:00Z"),
            mark("B", "", "2023-11-14T22:13:20Z"),
        ];
        assert_eq!(status.watermarks, expected);
        assert_eq!(status.remarks, [remark(true, "getSeries"), remark(false, "patient `P`")]);
    }
}
