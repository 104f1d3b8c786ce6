//! Walks: which parts of the archive have been listed, so that an interrupted walk goes on where it stopped.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::catalogue::read_all;
use super::shards::next_id;
use super::{Db, Error, Remark};
use crate::dicom::CollectionName;

/// How old an interrupted walk may be to be gone on with; an older one begins anew.
const STALE_AFTER_S: i64 = 24 * 60 * 60;

/// A walk that is under way.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Its row in the record.
    pub walk_id: i64,
    /// When it began, UTC seconds: before that nothing that it has listed can have been asked for.
    pub started_at: i64,
    /// Parts that an interrupted run has listed already.
    pub done: BTreeSet<String>,
}

impl Db {
    /// The service that has listed series of a collection, the one whose rows are recorded.
    pub async fn source_of(&self, collection: &CollectionName) -> Result<Option<String>, Error> {
        let collection = collection.to_string();
        self.call(move |connection| {
            let sql =
                "SELECT walk.base_url FROM series JOIN walk USING (walk_id) WHERE collection = ?1 LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement.query_row([collection], |row| row.get(0)).optional()?)
        })
        .await
    }

    /// Begins a walk, or goes on with one of the same scope that was interrupted less than a day ago.
    ///
    /// One that has no part behind it is asked for anew from its beginning, and so is another walk: what it has recorded
    /// would count as listed again where the service lists it no more.
    pub async fn begin_walk(
        &self,
        scope: &str,
        base_url: &str,
        dialect: &str,
        now: i64,
    ) -> Result<Walk, Error> {
        let (scope, base_url, dialect) = (scope.to_owned(), base_url.to_owned(), dialect.to_owned());
        self.call(move |connection| {
            if let Some((walk_id, started_at)) = interrupted(connection, [&scope, &base_url, &dialect], now)?
            {
                let sql = "SELECT part FROM walk_part WHERE walk_id = ?1";
                let done = read_all(connection, sql, [walk_id], |row| Ok(row.get(0)?))?.into_iter().collect();
                return Ok(Walk { walk_id, started_at, done });
            }
            let next_id = next_id("walk", "walk_id");
            let sql = format!(
                "INSERT INTO walk (walk_id, scope, base_url, dialect, started_at) VALUES ({next_id}, ?1, ?2, ?3, ?4)"
            );
            connection.execute(&sql, params![scope, base_url, dialect, now])?;
            Ok(Walk { walk_id: connection.last_insert_rowid(), started_at: now, done: BTreeSet::new() })
        })
        .await
    }

    /// Records that a part of a walk is listed.
    pub async fn walk_part_done(&self, walk_id: i64, part: String) -> Result<(), Error> {
        self.call(move |connection| {
            let sql = "INSERT INTO walk_part (walk_id, part) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            connection.prepare_cached(sql)?.execute(params![walk_id, part])?;
            Ok(())
        })
        .await
    }

    /// Makes every interrupted walk begin anew.
    pub async fn forget_walk_parts(&self) -> Result<(), Error> {
        self.call(|connection| {
            connection.execute("DELETE FROM walk_part", [])?;
            Ok(())
        })
        .await
    }

    /// Records what is strange about an answer of the service.
    pub async fn remark(&self, walk_id: i64, remark: Remark) -> Result<(), Error> {
        self.call(move |connection| {
            let next_id = next_id("walk_remark", "remark_id");
            let sql = format!(
                "INSERT INTO walk_remark (remark_id, walk_id, kind, subject, remark)
                 VALUES ({next_id}, ?1, ?2, ?3, ?4)"
            );
            let kind = if remark.is_rejected_row { "rejected" } else { "disagreement" };
            connection.execute(&sql, params![walk_id, kind, remark.subject, remark.remark])?;
            Ok(())
        })
        .await
    }

    /// Ends a walk; what earlier ones of the same scope remarked is superseded.
    pub async fn finish_walk(&self, walk_id: i64, rejected_rows: u64, now: i64) -> Result<(), Error> {
        self.call(move |connection| {
            let rejected_rows = i64::try_from(rejected_rows).unwrap_or(i64::MAX);
            let sql = "UPDATE walk SET finished_at = ?2, rejected_rows = ?3 WHERE walk_id = ?1";
            connection.execute(sql, params![walk_id, now, rejected_rows])?;
            connection.execute("DELETE FROM walk_part WHERE walk_id = ?1", [walk_id])?;
            connection.execute(
                "DELETE FROM walk_remark WHERE walk_id IN (SELECT older.walk_id FROM walk AS older JOIN walk AS this
                     ON older.scope = this.scope AND older.base_url = this.base_url AND older.walk_id < this.walk_id
                 WHERE this.walk_id = ?1)",
                [walk_id],
            )?;
            Ok(())
        })
        .await
    }
}

fn interrupted(
    connection: &Connection,
    [scope, base_url, dialect]: [&str; 3],
    now: i64,
) -> Result<Option<(i64, i64)>, Error> {
    let sql = "SELECT walk_id, started_at FROM walk
               WHERE scope = ?1 AND base_url = ?2 AND dialect = ?3 AND finished_at IS NULL AND started_at > ?4
                   AND EXISTS (SELECT 1 FROM walk_part WHERE walk_part.walk_id = walk.walk_id)
               ORDER BY walk_id DESC LIMIT 1";
    let parameters = params![scope, base_url, dialect, now - STALE_AFTER_S];
    Ok(connection.query_row(sql, parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{BASE_URL, in_memory, number};
    use super::*;

    const SCOPE: &str = "collection `A`";
    const BEGAN: i64 = 1_700_000_000;
    const DAY: i64 = 86_400;

    async fn begin(db: &Db, scope: &str, now: i64) -> Walk {
        db.begin_walk(scope, BASE_URL, "nbia-v4", now).await.unwrap()
    }

    /// A record with a walk that was interrupted after one part.
    async fn interrupted_walk() -> (Db, i64) {
        let db = in_memory();
        let walk = begin(&db, SCOPE, BEGAN).await;
        for part in ["getPatient", "getPatient"] {
            db.walk_part_done(walk.walk_id, part.to_owned()).await.unwrap();
        }
        (db, walk.walk_id)
    }

    fn remark(subject: &str) -> Remark {
        Remark {
            is_rejected_row: false,
            subject: subject.to_owned(),
            remark: "2 series, 3 listed".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_interrupted_walk_of_less_than_a_day_goes_on() {
        let (db, walk_id) = interrupted_walk().await;

        let walk = begin(&db, SCOPE, BEGAN + DAY - 1).await;

        assert_eq!((walk.walk_id, walk.started_at), (walk_id, BEGAN));
        assert_eq!(walk.done, ["getPatient".to_owned()].into());
    }

    #[tokio::test]
    async fn an_interrupted_walk_of_a_day_begins_anew() {
        let (db, walk_id) = interrupted_walk().await;

        let walk = begin(&db, SCOPE, BEGAN + DAY).await;

        assert_ne!(walk.walk_id, walk_id);
        assert_eq!(walk.started_at, BEGAN + DAY);
        assert!(walk.done.is_empty());
    }

    #[tokio::test]
    async fn an_interrupted_walk_without_a_part_begins_anew() {
        let db = in_memory();
        let first = begin(&db, SCOPE, BEGAN).await;

        let second = begin(&db, SCOPE, BEGAN + 1).await;

        assert_ne!(second.walk_id, first.walk_id);
        assert_eq!(second.started_at, BEGAN + 1);
    }

    #[tokio::test]
    async fn a_finished_walk_begins_anew() {
        let (db, walk_id) = interrupted_walk().await;
        db.finish_walk(walk_id, 3, BEGAN + 5).await.unwrap();

        let walk = begin(&db, SCOPE, BEGAN + 6).await;

        assert_ne!(walk.walk_id, walk_id);
        assert!(walk.done.is_empty());
        assert_eq!(number(&db, "SELECT rejected_rows FROM walk WHERE finished_at = 1700000005").await, 3);
        assert_eq!(number(&db, "SELECT count(*) FROM walk_part").await, 0);
    }

    #[tokio::test]
    async fn a_walk_of_another_scope_or_service_does_not_go_on_with_it() {
        let (db, walk_id) = interrupted_walk().await;

        let other_scope = begin(&db, "collection `A B`", BEGAN + 1).await;
        let other_service = db.begin_walk(SCOPE, "http://127.0.0.2/v4", "nbia-v4", BEGAN + 1).await.unwrap();

        for walk in [other_scope, other_service] {
            assert_ne!(walk.walk_id, walk_id);
            assert!(walk.done.is_empty());
        }
    }

    #[tokio::test]
    async fn of_several_interrupted_walks_the_last_one_goes_on() {
        let (db, _) = interrupted_walk().await;
        let second = begin(&db, SCOPE, BEGAN + DAY).await;
        db.walk_part_done(second.walk_id, "getSeries".to_owned()).await.unwrap();

        let third = begin(&db, SCOPE, BEGAN + DAY + 1).await;

        assert_eq!(third.walk_id, second.walk_id);
        assert_eq!(third.done, ["getSeries".to_owned()].into());
    }

    #[tokio::test]
    async fn a_finished_walk_supersedes_the_remarks_of_earlier_ones_of_its_scope() {
        let (db, first) = interrupted_walk().await;
        let other = begin(&db, "collection `B`", BEGAN).await;
        let second = begin(&db, SCOPE, BEGAN + DAY).await;
        for (walk_id, subject) in [(first, "first"), (other.walk_id, "other"), (second.walk_id, "second")] {
            db.remark(walk_id, remark(subject)).await.unwrap();
        }

        db.finish_walk(second.walk_id, 0, BEGAN + DAY + 9).await.unwrap();

        let of =
            "SELECT count(*) FROM walk_remark WHERE kind = 'disagreement' AND subject IN ('other', 'second')";
        assert_eq!(number(&db, of).await, 2);
        assert_eq!(number(&db, "SELECT count(*) FROM walk_remark").await, 2);
    }
}
