//! The job table: one job per series, claimed by one worker at a time, with its next try as data.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, params};

use super::catalogue::{listed, read_all, read_json};
use super::placement::{LOCAL_COLUMNS, as_size};
use super::{Db, Error, ListedSeries, columns};
use crate::dicom::{Series, SeriesInstanceUid};

/// Where a series stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Lies in the tree.
    Done,
    /// Given up until someone asks again.
    Parked,
    /// The service does not list it any more.
    Withdrawn,
}

impl JobState {
    const ALL: [(Self, &str); 5] = [
        (Self::Queued, "queued"),
        (Self::Running, "running"),
        (Self::Done, "done"),
        (Self::Parked, "parked"),
        (Self::Withdrawn, "withdrawn"),
    ];
}

impl fmt::Display for JobState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(name_of(&Self::ALL, self))
    }
}

impl FromStr for JobState {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let unknown = || Error::Content { expected: "the state of a job", found: name.to_owned() };
        named(&Self::ALL, name).ok_or_else(unknown)
    }
}

/// Which of the jobs that are due is claimed first; a try that was put off comes after those that were not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// As the service lists them.
    #[default]
    Listed,
    /// The one with the fewest bytes, as listed; those of which none are listed first of all.
    Smallest,
    /// The one with the most bytes, as listed.
    Largest,
}

impl Order {
    const ALL: [(Self, &str); 3] =
        [(Self::Listed, "listed"), (Self::Smallest, "smallest"), (Self::Largest, "largest")];

    /// What those do not come to soon that claim in this order.
    #[must_use]
    pub fn other_end(self) -> Self {
        match self {
            Self::Listed | Self::Largest => Self::Smallest,
            Self::Smallest => Self::Largest,
        }
    }

    fn columns(self) -> &'static str {
        match self {
            Self::Listed => "not_before, series_id",
            Self::Smallest => "not_before, listed_bytes, series_id",
            Self::Largest => "not_before, listed_bytes DESC, series_id",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(name_of(&Self::ALL, self))
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        named(&Self::ALL, name).ok_or_else(|| format!("`{name}` is no order: listed, smallest or largest"))
    }
}

fn name_of<T: PartialEq>(all: &[(T, &'static str)], wanted: &T) -> &'static str {
    all.iter().find(|(one, _)| one == wanted).map_or("", |(_, name)| *name)
}

fn named<T: Copy>(all: &[(T, &str)], wanted: &str) -> Option<T> {
    all.iter().find(|(_, name)| *name == wanted).map(|(one, _)| *one)
}

/// A job that a worker has claimed.
#[derive(Clone, Debug)]
pub struct SeriesJob {
    /// Row of the series.
    pub series_id: i64,
    /// As it was listed last.
    pub series: Series,
    /// The service that listed it last.
    pub base_url: String,
    /// Failed tries so far.
    pub attempts: u32,
    /// When the first of them ended, UTC seconds.
    pub failing_since: Option<i64>,
}

/// What becomes of a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Back to the queue until then (UTC seconds); counts as a try.
    RetryAt(i64),
    /// Back to the queue as if nothing had happened: it was not the series' fault.
    Requeue,
    /// Given up until someone asks again; counts as a try.
    Park,
}

impl Db {
    /// Puts series in the queue of a run, with all their tries before them; those that are queued already only go over
    /// to the run.
    pub async fn enqueue(&self, run_id: i64, series: Vec<i64>, now: i64) -> Result<(), Error> {
        self.call(move |connection| {
            let forget = "DELETE FROM series_job_failure WHERE series_id = ?1";
            let take_over = "UPDATE series_job SET run_id = ?2 WHERE series_id = ?1 AND state = 'queued'";
            let enqueue = "INSERT INTO series_job (series_id, state, run_id, queued_at, changed_at, listed_bytes)
                           VALUES (?1, 'queued', ?2, ?3, ?3,
                               (SELECT coalesce(file_size, 0) FROM series WHERE series_id = ?1))
                           ON CONFLICT (series_id) DO UPDATE SET state = 'queued', attempts = 0, not_before = 0,
                               last_error = NULL, run_id = excluded.run_id, queued_at = excluded.queued_at,
                               changed_at = excluded.changed_at, listed_bytes = excluded.listed_bytes";
            for series_id in series {
                if connection.prepare_cached(take_over)?.execute([series_id, run_id])? == 0 {
                    connection.prepare_cached(forget)?.execute([series_id])?;
                    connection.prepare_cached(enqueue)?.execute(params![series_id, run_id, now])?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Takes over every queued job for a run, as `resume` does.
    pub async fn adopt_queue(&self, run_id: i64) -> Result<u64, Error> {
        self.call(move |connection| {
            let sql = "UPDATE series_job SET run_id = ?1 WHERE state = 'queued'";
            Ok(connection.execute(sql, [run_id])? as u64)
        })
        .await
    }

    /// Makes every queued job of a run due at once, however long it was put off.
    pub async fn make_due(&self, run_id: i64) -> Result<(), Error> {
        self.call(move |connection| {
            let sql = "UPDATE series_job SET not_before = 0 WHERE state = 'queued' AND run_id = ?1";
            connection.execute(sql, [run_id])?;
            Ok(())
        })
        .await
    }

    /// Claims the first job of a run that is due, or none.
    pub async fn claim(&self, run_id: i64, order: Order, now: i64) -> Result<Option<SeriesJob>, Error> {
        self.call(move |connection| {
            let claimed = connection
                .prepare_cached(&claim_sql(order))?
                .query_row(params![run_id, now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            claimed
                .map(|(series_id, attempts, failing_since)| {
                    let (series, base_url) = series_of(connection, series_id)?;
                    Ok(SeriesJob { series_id, series, base_url, attempts, failing_since })
                })
                .transpose()
        })
        .await
    }

    /// Claims the job of one series when it is queued, however long it was put off.
    pub async fn claim_series(
        &self,
        series: SeriesInstanceUid,
        now: i64,
    ) -> Result<Option<SeriesJob>, Error> {
        self.call(move |connection| {
            let sql = "UPDATE series_job SET state = 'running', changed_at = ?2 WHERE state = 'queued' AND series_id =
                           (SELECT series_id FROM series WHERE series_instance_uid = ?1)
                       RETURNING series_id, attempts";
            let claimed = connection
                .prepare_cached(sql)?
                .query_row(params![series.as_str(), now], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            claimed
                .map(|(series_id, attempts)| {
                    let (series, base_url) = series_of(connection, series_id)?;
                    Ok(SeriesJob { series_id, series, base_url, attempts, failing_since: None })
                })
                .transpose()
        })
        .await
    }

    /// When the next queued job of a run is due, UTC seconds; `None` when none is queued.
    ///
    /// A job that was put off beyond `latest` was so by a clock that was ahead, and is due then.
    pub async fn next_due(&self, run_id: i64, latest: i64) -> Result<Option<i64>, Error> {
        self.call(move |connection| {
            let sql = "UPDATE series_job SET not_before = ?2
                       WHERE state = 'queued' AND run_id = ?1 AND not_before > ?2";
            connection.prepare_cached(sql)?.execute([run_id, latest])?;
            let sql = "SELECT min(not_before) FROM series_job WHERE state = 'queued' AND run_id = ?1";
            Ok(connection.prepare_cached(sql)?.query_row([run_id], |row| row.get(0))?)
        })
        .await
    }

    /// How many jobs of a run are not ended.
    pub async fn left_of_run(&self, run_id: i64) -> Result<u64, Error> {
        self.call(move |connection| {
            let sql = "SELECT count(*) FROM series_job WHERE state IN ('queued', 'running') AND run_id = ?1";
            Ok(as_size(connection.query_row(sql, [run_id], |row| row.get(0))?))
        })
        .await
    }

    /// Those of the series that are not done.
    pub async fn unfinished(&self, series: Vec<i64>) -> Result<BTreeSet<i64>, Error> {
        self.call(move |connection| {
            let sql = "SELECT state <> 'done' FROM series_job WHERE series_id = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let mut unfinished = BTreeSet::new();
            for series_id in series {
                if statement.query_row([series_id], |row| row.get(0))? {
                    unfinished.insert(series_id);
                }
            }
            Ok(unfinished)
        })
        .await
    }

    /// Records that a try failed, and what becomes of the job.
    pub async fn fail(
        &self,
        series_id: i64,
        failure: Failure,
        reason: String,
        now: i64,
    ) -> Result<(), Error> {
        self.call(move |connection| {
            let (state, tries, not_before) = match failure {
                Failure::RetryAt(not_before) => ("queued", 1, not_before),
                Failure::Requeue => ("queued", 0, 0),
                Failure::Park => ("parked", 1, 0),
            };
            connection.execute(
                "UPDATE series_job SET state = ?2, attempts = attempts + ?3, not_before = ?4, last_error = ?5,
                     changed_at = ?6 WHERE series_id = ?1",
                params![series_id, state, tries, not_before, reason, now],
            )?;
            if failure == Failure::Park {
                let sql = "INSERT OR IGNORE INTO series_change (run_id, change, series_id)
                           SELECT run_id, 'parked', series_id FROM series_job WHERE series_id = ?1";
                connection.execute(sql, [series_id])?;
            }
            if tries > 0 {
                let sql = "INSERT INTO series_job_failure (series_id, failed_at, reason) VALUES (?1, ?2, ?3)";
                connection.execute(sql, params![series_id, now, reason])?;
            }
            Ok(())
        })
        .await
    }

    /// Puts jobs that a dead process left running back in the queue.
    pub async fn requeue_running(&self) -> Result<u64, Error> {
        self.call(|connection| {
            let requeued = connection.execute(
                "UPDATE series_job SET state = 'queued', not_before = 0 WHERE state = 'running'",
                [],
            )?;
            Ok(requeued as u64)
        })
        .await
    }

    /// The next jobs in a state, in the order of the record; none is the end.
    pub async fn jobs_in(&self, state: JobState, after: i64, most: u32) -> Result<Vec<ListedSeries>, Error> {
        self.call(move |connection| next_jobs(connection, state, after, most)).await
    }
}

/// Claims the first job of the run `?1` that is due at the time `?2`.
fn claim_sql(order: Order) -> String {
    format!(
        "UPDATE series_job SET state = 'running', changed_at = ?2 WHERE series_id =
             (SELECT series_id FROM series_job WHERE state = 'queued' AND run_id = ?1 AND not_before <= ?2
              ORDER BY {} LIMIT 1)
         RETURNING series_id, attempts, (SELECT min(failed_at) FROM series_job_failure AS failure
             WHERE failure.series_id = series_job.series_id)",
        order.columns()
    )
}

/// The next jobs in a state, with their series.
pub(super) fn next_jobs(
    connection: &Connection,
    state: JobState,
    after: i64,
    most: u32,
) -> Result<Vec<ListedSeries>, Error> {
    let series = columns::as_json("asked", columns::SERIES);
    let sql = format!(
        "SELECT series_id, walk_id, {series}, {LOCAL_COLUMNS} FROM asked
         WHERE state = ?1 AND series_id > ?2 ORDER BY series_id LIMIT ?3"
    );
    read_all(connection, &sql, params![state.to_string(), after, most], listed)
}

/// A series and the service that listed it last.
fn series_of(connection: &Connection, series_id: i64) -> Result<(Series, String), Error> {
    let series = columns::as_json("series", columns::SERIES);
    let sql = format!(
        "SELECT {series}, coalesce(walk.base_url, '') FROM series LEFT JOIN walk USING (walk_id) WHERE series_id = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
    let (series, base_url) = connection.prepare_cached(&sql)?.query_row([series_id], read)?;
    Ok((read_json(&series)?, base_url))
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::super::fixture::{BASE_URL, in_memory, number, queue, uid};
    use super::*;

    #[tokio::test]
    async fn workers_that_claim_at_once_never_get_the_same_job() {
        let db = in_memory();
        let (run_id, rows) = queue(&db, 25).await;

        let claims = join_all((0..40).map(|_| db.claim(run_id, Order::Listed, 0))).await;

        let mut claimed: Vec<_> =
            claims.into_iter().filter_map(|claim| claim.unwrap().map(|job| job.series_id)).collect();
        claimed.sort_unstable();
        assert_eq!(claimed, rows);
    }

    #[tokio::test]
    async fn a_run_does_not_claim_the_jobs_of_another() {
        let db = in_memory();
        let (run_id, _) = queue(&db, 1).await;
        let other = db.begin_run("mirror", BASE_URL, 0).await.unwrap();

        assert!(db.claim(other, Order::Listed, 0).await.unwrap().is_none());
        assert_eq!(db.next_due(other, i64::MAX).await.unwrap(), None);
        assert!(db.claim(run_id, Order::Listed, 0).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_job_is_due_in_the_second_it_was_put_off_to() {
        let db = in_memory();
        let (run_id, rows) = queue(&db, 1).await;
        db.claim(run_id, Order::Listed, 100).await.unwrap();
        db.fail(rows[0], Failure::RetryAt(130), "reset".to_owned(), 100).await.unwrap();

        assert!(db.claim(run_id, Order::Listed, 129).await.unwrap().is_none());
        assert_eq!(db.claim(run_id, Order::Listed, 130).await.unwrap().unwrap().attempts, 1);
    }

    #[tokio::test]
    async fn a_job_put_off_by_a_clock_that_was_ahead_waits_no_longer_than_any_other() {
        let db = in_memory();
        let (run_id, rows) = queue(&db, 2).await;
        let (ahead, now, cap) = (1_000_000, 500, 60);
        for (row, not_before) in rows.iter().zip([ahead + 30, now + 20]) {
            db.claim(run_id, Order::Listed, now).await.unwrap();
            db.fail(*row, Failure::RetryAt(not_before), "reset".to_owned(), now).await.unwrap();
        }

        assert_eq!(db.next_due(run_id, now + cap).await.unwrap(), Some(now + 20));
        assert_eq!(db.claim(run_id, Order::Listed, now + 20).await.unwrap().unwrap().series_id, rows[1]);
        assert_eq!(db.next_due(run_id, now + 20 + cap).await.unwrap(), Some(now + cap));
        assert!(db.claim(run_id, Order::Listed, now + cap - 1).await.unwrap().is_none());
        assert_eq!(db.claim(run_id, Order::Listed, now + cap).await.unwrap().unwrap().series_id, rows[0]);
    }

    #[tokio::test]
    async fn a_parked_series_tells_why_until_it_is_queued_again() {
        let db = in_memory();
        let (run_id, rows) = queue(&db, 1).await;
        db.fail(rows[0], Failure::Park, "two files differ".to_owned(), 5).await.unwrap();
        let local = async || db.series(&uid("1.2.1")).await.unwrap().unwrap().local.unwrap();

        let parked = local().await;
        db.enqueue(run_id, rows, 6).await.unwrap();
        let queued = local().await;

        assert_eq!(
            (parked.state, parked.last_error.as_deref()),
            (JobState::Parked, Some("two files differ"))
        );
        assert_eq!((queued.state, queued.last_error), (JobState::Queued, None));
        assert_eq!(number(&db, "SELECT count(*) FROM series_job_failure").await, 0);
    }

    #[tokio::test]
    async fn no_order_of_claims_sorts_the_queue() {
        let db = in_memory();
        for order in [Order::Listed, Order::Smallest, Order::Largest] {
            let sql = format!("EXPLAIN QUERY PLAN {}", claim_sql(order));
            let steps = db
                .call(move |connection| {
                    read_all(connection, &sql, [1, 1], |row| Ok(row.get::<_, String>(3)?))
                })
                .await
                .unwrap();
            assert!(
                steps[0].contains("USING PRIMARY KEY") || steps[0].contains("USING INTEGER PRIMARY KEY"),
                "{steps:?}"
            );
            assert!(
                !steps.iter().any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE")),
                "{steps:?}"
            );
        }
    }

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for state in
            [JobState::Queued, JobState::Running, JobState::Done, JobState::Parked, JobState::Withdrawn]
        {
            assert_eq!(state.to_string().parse::<JobState>().unwrap(), state);
        }
        assert!("lost".parse::<JobState>().is_err());
    }
}
