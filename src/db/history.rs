//! History: what each run of a command has done, and which series it has changed.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::catalogue::read_all;
use super::placement::as_size;
use super::run::{RunTotals, as_time};
use super::{Error, Reader};

/// Series by what happened to them in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunChanges {
    /// Placed for the first time.
    pub new: u64,
    /// Placed in another version.
    pub revised: u64,
    /// Placed elsewhere.
    pub moved: u64,
    /// Placed again as they were.
    pub restored: u64,
    /// Described, licensed or released anew, with the same images.
    pub described: u64,
    /// Withdrawn.
    pub withdrawn: u64,
    /// Given up.
    pub parked: u64,
}

impl RunChanges {
    /// Each number that is not 0, and what happened to so many series.
    pub fn named(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let all = [
            (self.new, "new"),
            (self.revised, "revised"),
            (self.moved, "moved"),
            (self.restored, "restored"),
            (self.described, "described anew"),
            (self.withdrawn, "withdrawn"),
            (self.parked, "parked"),
        ];
        all.into_iter().filter(|(series, _)| *series > 0)
    }
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
    /// How it ended: the word of an [`Outcome`](super::Outcome).
    pub outcome: Option<String>,
    /// Why it ended so, where the outcome alone does not say.
    pub reason: Option<String>,
    /// What it did.
    #[serde(flatten)]
    pub totals: RunTotals,
    /// What it changed.
    pub changes: RunChanges,
}

/// A series that was given up, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedSeries {
    /// Which.
    pub series_instance_uid: String,
    /// Why the last try failed.
    pub reason: String,
}

/// All ended runs of a command that had one outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSum {
    /// Which command.
    pub command: String,
    /// Which outcome.
    pub outcome: String,
    /// How many.
    pub runs: u64,
    /// When the last of them began, UTC seconds.
    pub started_at: u64,
    /// When the last of them ended, where that is known.
    pub finished_at: Option<u64>,
    /// What they did, all together; figures that cannot be added up are zero.
    pub totals: RunTotals,
}

/// When the last cycles began that came to their end, UTC seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastCycles {
    /// Of any kind.
    pub any: Option<i64>,
    /// With complete listings.
    pub full: Option<i64>,
}

impl Reader {
    /// The last runs, the newest first.
    pub fn history(&self, most: u32) -> Result<Vec<RunReport>, Error> {
        last_runs(self.connection(), most)
    }

    /// Ended runs by command and outcome, those with the run that began last at the end.
    pub fn run_sums(&self) -> Result<Vec<RunSum>, Error> {
        let sql = "SELECT command, outcome, count(*), max(started_at), max(finished_at), sum(placed), sum(instances),
                       sum(bytes), sum(downloaded_bytes), sum(requests), sum(retries)
                   FROM runs WHERE outcome IS NOT NULL GROUP BY command, outcome ORDER BY max(began), max(run_id)";
        read_all(self.connection(), sql, [], |row| {
            let size = |column: usize| row.get(column).map(as_size);
            let totals = RunTotals {
                placed: size(5)?,
                instances: size(6)?,
                bytes: size(7)?,
                downloaded_bytes: size(8)?,
                requests: size(9)?,
                retries: size(10)?,
                ..RunTotals::default()
            };
            let finished_at = row.get::<_, Option<i64>>(4)?.map(as_size);
            Ok(RunSum {
                command: row.get(0)?,
                outcome: row.get(1)?,
                runs: size(2)?,
                started_at: size(3)?,
                finished_at,
                totals,
            })
        })
    }

    /// Series that were given up in the last run, so many at the most.
    pub fn parked_in_last_run(&self, most: u32) -> Result<Vec<FailedSeries>, Error> {
        let sql = "SELECT series_instance_uid, coalesce(last_error, '') FROM asked
                   WHERE state = 'parked' AND series_id IN (SELECT series_id FROM series_change
                       WHERE run_id = (SELECT max(run_id) FROM run) AND change = 'parked')
                   ORDER BY series_instance_uid LIMIT ?1";
        read_all(self.connection(), sql, [most], |row| {
            Ok(FailedSeries { series_instance_uid: row.get(0)?, reason: row.get(1)? })
        })
    }

    /// When the last cycles began that came to their end.
    pub fn last_cycles(&self) -> Result<LastCycles, Error> {
        let sql = "SELECT max(started_at), max(started_at) FILTER (WHERE command = 'sync --full') FROM run
                   WHERE command IN ('sync', 'sync --full') AND outcome IN ('done', 'parked')";
        let read = |row: &Row<'_>| Ok(LastCycles { any: row.get(0)?, full: row.get(1)? });
        Ok(self.connection().query_row(sql, [], read)?)
    }
}

/// The last runs, the newest first.
pub(super) fn last_runs(connection: &Connection, most: u32) -> Result<Vec<RunReport>, Error> {
    let sql =
        "SELECT run_id, command, started_at, finished_at, outcome, reason, placed, parked, kept, withdrawn,
                   instances, bytes, downloaded_bytes, requests, retries FROM runs
               ORDER BY began DESC, run_id DESC LIMIT ?1";
    read_all(connection, sql, [most], |row| run_report(connection, row))
}

fn run_report(connection: &Connection, row: &Row<'_>) -> Result<RunReport, Error> {
    let total = |column: usize| row.get(column).map(as_size);
    Ok(RunReport {
        command: row.get(1)?,
        started_at: as_time(row.get(2)?),
        finished_at: row.get::<_, Option<i64>>(3)?.map(as_time),
        outcome: row.get(4)?,
        reason: row.get(5)?,
        totals: RunTotals {
            placed: total(6)?,
            parked: total(7)?,
            kept: total(8)?,
            withdrawn: total(9)?,
            instances: total(10)?,
            bytes: total(11)?,
            downloaded_bytes: total(12)?,
            requests: total(13)?,
            retries: total(14)?,
        },
        changes: changes(connection, row.get(0)?)?,
    })
}

fn changes(connection: &Connection, run_id: i64) -> Result<RunChanges, Error> {
    let sql = "SELECT change, series FROM change_sum WHERE run_id = ?1";
    let mut changes = RunChanges::default();
    let counted = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    for (change, count) in read_all(connection, sql, [run_id], counted)? {
        let known = match change.as_str() {
            "new" => &mut changes.new,
            "revised" => &mut changes.revised,
            "moved" => &mut changes.moved,
            "restored" => &mut changes.restored,
            "described" => &mut changes.described,
            "withdrawn" => &mut changes.withdrawn,
            _ => &mut changes.parked,
        };
        *known = as_size(count);
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{BASE_URL, in_memory, intent, list, on_disk, place, series};
    use super::super::{Confirmation, Db, Failure, Outcome};
    use super::*;
    use crate::dicom::{CollectionName, Series};

    #[tokio::test]
    async fn the_last_run_is_shown_with_its_totals() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        let none = reader.status(1_700_000_000).unwrap().last_cycle;
        db.begin_run("mirror", BASE_URL, 1_699_999_500).await.unwrap();
        let run_id = db.begin_run("sync", BASE_URL, 1_700_000_000).await.unwrap();
        let under_way = reader.status(1_700_000_000).unwrap().last_cycle.unwrap();
        let totals = RunTotals {
            placed: 1,
            parked: 2,
            kept: 3,
            withdrawn: 4,
            instances: 5,
            bytes: 6,
            downloaded_bytes: 7,
            requests: 8,
            retries: 9,
        };

        db.finish_run(run_id, (Outcome::Failed, Some("down".to_owned())), totals, 1_700_000_040)
            .await
            .unwrap();

        let ended = reader.status(1_700_000_000).unwrap().last_cycle.unwrap();
        assert_eq!(none, None);
        assert_eq!((under_way.finished_at, under_way.outcome), (None, None));
        let expected = RunReport {
            command: "sync".to_owned(),
            started_at: "2023-11-14T22:13:20Z".to_owned(),
            finished_at: Some("2023-11-14T22:14:00Z".to_owned()),
            outcome: Some("failed".to_owned()),
            reason: Some("down".to_owned()),
            totals,
            changes: RunChanges::default(),
        };
        assert_eq!(ended, expected);
    }

    /// A record with one series that lies in the tree, and a run that has begun after that.
    async fn placed() -> (Db, i64, i64) {
        let db = in_memory();
        let first = db.begin_run("mirror", BASE_URL, 0).await.unwrap();
        let row = list(&db, 1, &[series("A", "1.2.3")]).await[0];
        db.enqueue(first, vec![row], 0).await.unwrap();
        place(&db, row, "A/P/1.2/1.2.3", Vec::new()).await;
        db.finish_run(first, (Outcome::Done, None), RunTotals::default(), 1).await.unwrap();
        let run_id = db.begin_run("sync", BASE_URL, 10).await.unwrap();
        db.enqueue(run_id, vec![row], 10).await.unwrap();
        (db, run_id, row)
    }

    async fn changes_of(db: &Db, run_id: i64) -> RunChanges {
        db.call(move |connection| changes(connection, run_id)).await.unwrap()
    }

    #[tokio::test]
    async fn a_placement_is_new_once_then_restored_revised_or_moved() {
        let (db, run_id, row) = placed().await;
        let none = RunChanges::default();
        assert_eq!(changes_of(&db, run_id - 1).await, RunChanges { new: 1, ..none });

        place(&db, row, "A/P/1.2/1.2.3", Vec::new()).await;
        let restored = changes_of(&db, run_id).await;
        let mut revised = intent(row, "1.2.3", "B/P/1.2/1.2.3");
        revised.listed.fingerprint.image_count = Some(2);
        db.begin_commit(revised, Vec::new()).await.unwrap();
        db.complete(row, 20).await.unwrap();

        assert_eq!(restored, RunChanges { restored: 1, ..none });
        let all = RunChanges { restored: 1, revised: 1, moved: 1, ..none };
        assert_eq!(changes_of(&db, run_id).await, all, "both at once");
    }

    #[tokio::test]
    async fn a_series_that_is_described_anew_is_counted_once_and_only_while_a_run_is_under_way() {
        let (db, run_id, _) = placed().await;
        let licensed = |name: &str| Series { license_name: Some(name.to_owned()), ..series("A", "1.2.3") };

        list(&db, 2, &[series("A", "1.2.3")]).await;
        let unchanged = changes_of(&db, run_id).await;
        list(&db, 3, &[licensed("CC BY 3.0")]).await;
        list(&db, 4, &[licensed("CC BY 4.0")]).await;
        let changed = changes_of(&db, run_id).await;
        db.finish_run(run_id, (Outcome::Done, None), RunTotals::default(), 20).await.unwrap();
        let other = db.begin_run("sync", BASE_URL, 30).await.unwrap();
        db.finish_run(other, (Outcome::Done, None), RunTotals::default(), 31).await.unwrap();
        list(&db, 5, &[licensed("CC BY 5.0")]).await;

        assert_eq!(unchanged, RunChanges::default());
        assert_eq!(changed, RunChanges { described: 1, ..RunChanges::default() });
        assert_eq!(changes_of(&db, other).await, RunChanges::default());
    }

    #[tokio::test]
    async fn what_is_parked_and_what_is_withdrawn_is_counted() {
        let (db, run_id, row) = placed().await;

        db.fail(row, Failure::RetryAt(0), "reset".to_owned(), 11).await.unwrap();
        let failed = changes_of(&db, run_id).await;
        db.fail(row, Failure::Park, "reset".to_owned(), 12).await.unwrap();
        let parked = changes_of(&db, run_id).await;
        db.enqueue(run_id, vec![row], 13).await.unwrap();
        place(&db, row, "A/P/1.2/1.2.3", Vec::new()).await;
        let enough = Confirmation { listings: 1, seconds_apart: 0 };
        db.count_absences(run_id, &CollectionName::new("A"), 2, 14, enough).await.unwrap();

        assert_eq!((failed, parked.parked), (RunChanges::default(), 1));
        let all = RunChanges { parked: 1, restored: 1, withdrawn: 1, ..RunChanges::default() };
        assert_eq!(changes_of(&db, run_id).await, all);
    }

    #[tokio::test]
    async fn the_last_run_is_the_one_that_began_last_also_where_the_clock_was_set_back() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        for (command, began) in [("mirror", 100), ("sync", 50)] {
            db.begin_run(command, BASE_URL, began).await.unwrap();
        }

        let history = Reader::open(&path).unwrap().history(9).unwrap();

        assert_eq!(history.iter().map(|run| run.command.as_str()).collect::<Vec<_>>(), ["sync", "mirror"]);
    }

    #[tokio::test]
    async fn only_cycles_that_came_to_their_end_tell_when_the_last_one_was() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let none = Reader::open(&path).unwrap().last_cycles().unwrap();

        for (command, outcome, began) in [
            ("sync --full", Outcome::Parked, 10),
            ("sync", Outcome::Done, 20),
            ("sync --full", Outcome::Incomplete, 30),
            ("sync", Outcome::Unfinished, 40),
            ("mirror", Outcome::Done, 50),
            ("sync", Outcome::Failed, 60),
        ] {
            let run_id = db.begin_run(command, BASE_URL, began).await.unwrap();
            db.finish_run(run_id, (outcome, None), RunTotals::default(), began + 1).await.unwrap();
        }

        assert_eq!(none, LastCycles::default());
        let last = Reader::open(&path).unwrap().last_cycles().unwrap();
        assert_eq!(last, LastCycles { any: Some(20), full: Some(10) });
        let history = Reader::open(&path).unwrap().history(2).unwrap();
        assert_eq!(history.iter().map(|run| run.command.as_str()).collect::<Vec<_>>(), ["sync", "mirror"]);
    }
}
