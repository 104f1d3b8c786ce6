//! What the status page shows: as much of everything as a page may hold.

use rusqlite::Connection;

use super::catalogue::read_all;
use super::history::{RunReport, last_runs};
use super::placement::as_size;
use super::report::{Status, parked_last, remarks, status};
use super::run::as_time;
use super::{Error, Reader};

/// Series under way that are shown; no run has more at a time unless somebody asks for it.
const MOST_RUNNING: u32 = 16;

/// The state of the mirror, its long lists cut short, and what has become of it over time.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The state; of what is parked the last ones, of the remarks the first ones.
    pub status: Status,
    /// How many remarks there are.
    pub remarks: u64,
    /// Series that are under way.
    pub running: Vec<RunningSeries>,
    /// The last runs, the newest first.
    pub history: Vec<RunReport>,
    /// What lies in the tree, by the day on which it was placed, the oldest first.
    pub days: Vec<Day>,
}

/// A series that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningSeries {
    /// Which.
    pub series_instance_uid: String,
    /// Of which collection.
    pub collection: String,
    /// How many instances the service lists.
    pub image_count: Option<u32>,
    /// How many bytes the service lists.
    pub file_size: Option<u64>,
    /// Since when.
    pub since: String,
}

/// What of the tree was placed on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01, in UTC.
    pub day: i64,
    /// Bytes of the files.
    pub bytes: u64,
}

impl Reader {
    /// The mirror at a time (UTC seconds), with so many runs, and so many of what else may be long.
    pub fn overview(&self, now: i64, runs: u32, most: u32) -> Result<Overview, Error> {
        let connection = self.connection();
        // all of it as it was at one instant
        let instant = connection.unchecked_transaction()?;
        let overview = Overview {
            status: status(connection, now, parked_last(connection, most)?, remarks(connection, most)?)?,
            remarks: count_remarks(connection)?,
            running: running(connection)?,
            history: last_runs(connection, runs)?,
            days: days(connection)?,
        };
        instant.finish()?;
        Ok(overview)
    }
}

fn count_remarks(connection: &Connection) -> Result<u64, Error> {
    Ok(as_size(connection.query_row("SELECT count(*) FROM walk_remark", [], |row| row.get(0))?))
}

fn running(connection: &Connection) -> Result<Vec<RunningSeries>, Error> {
    let sql = "SELECT series_instance_uid, collection, image_count, file_size, changed_at
               FROM asked WHERE state = 'running' ORDER BY series_id LIMIT ?1";
    read_all(connection, sql, [MOST_RUNNING], |row| {
        Ok(RunningSeries {
            series_instance_uid: row.get(0)?,
            collection: row.get(1)?,
            image_count: row.get(2)?,
            file_size: row.get::<_, Option<i64>>(3)?.map(as_size),
            since: as_time(row.get(4)?),
        })
    })
}

fn days(connection: &Connection) -> Result<Vec<Day>, Error> {
    let sql = "SELECT day, sum(bytes) FROM placement_sum WHERE series > 0 GROUP BY day ORDER BY day";
    read_all(connection, sql, [], |row| Ok(Day { day: row.get(0)?, bytes: as_size(row.get(1)?) }))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{BASE_URL, instance, on_disk, place, queue};
    use super::super::report::Remark;
    use super::super::{Db, Failure, Order, Outcome, RunTotals};
    use super::*;

    fn remark(subject: &str) -> Remark {
        Remark { is_rejected_row: true, subject: subject.to_owned(), remark: "odd".to_owned() }
    }

    /// Six series: the first placed, those after it given up one after the other, the last one running.
    async fn known_state(db: &Db) {
        let (run_id, rows) = queue(db, 6).await;
        place(db, rows[0], "A/P/1.2/1.2.1", vec![instance("1.1.1", 19)]).await;
        for (row, at) in rows[1..5].iter().zip(100..) {
            db.fail(*row, Failure::Park, "reset".to_owned(), at).await.unwrap();
        }
        db.claim(run_id, Order::Listed, 60).await.unwrap();
        let walk = db.begin_walk("collection `A`", BASE_URL, "nbia-v4", 0).await.unwrap();
        for subject in ["first", "second", "third"] {
            db.remark(walk.walk_id, remark(subject)).await.unwrap();
        }
        for began in [200, 300] {
            let run_id = db.begin_run("sync", BASE_URL, began).await.unwrap();
            db.finish_run(run_id, (Outcome::Done, None), RunTotals::default(), began + 1).await.unwrap();
        }
    }

    #[tokio::test]
    async fn long_lists_are_cut_short_and_what_is_cut_is_counted() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        known_state(&db).await;

        let overview = Reader::open(&path).unwrap().overview(1_700_000_000, 2, 2).unwrap();

        let parked: Vec<_> = overview.status.parked.iter().map(|one| &one.series_instance_uid[..]).collect();
        assert_eq!((parked, overview.status.series.parked), (vec!["1.2.5", "1.2.4"], 4));
        assert_eq!((overview.status.remarks, overview.remarks), (vec![remark("first"), remark("second")], 3));
        let began: Vec<_> = overview.history.iter().map(|run| &run.started_at[..]).collect();
        assert_eq!(began, ["1970-01-01T00:05:00Z", "1970-01-01T00:03:20Z"]);
    }

    #[tokio::test]
    async fn what_is_under_way_and_what_each_day_brought_is_told() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        known_state(&db).await;

        let overview = Reader::open(&path).unwrap().overview(1_700_000_000, 2, 2).unwrap();

        let running = RunningSeries {
            series_instance_uid: "1.2.6".to_owned(),
            collection: "A".to_owned(),
            image_count: None,
            file_size: None,
            since: "1970-01-01T00:01:00Z".to_owned(),
        };
        assert_eq!(overview.running, [running]);
        assert_eq!(overview.days, [Day { day: 19_675, bytes: 19 }]);
    }
}
