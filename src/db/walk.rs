//! Walks: which parts of the archive have been listed, so that an interrupted walk goes on where it stopped.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::catalogue::read_all;
use super::{Db, Error, Remark};

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
    /// Begins a walk, or goes on with one of the same scope that was interrupted less than a day ago.
    pub async fn begin_walk(
        &self,
        scope: &str,
        base_url: &str,
        dialect: &str,
        now: i64,
    ) -> Result<Walk, Error> {
        let (scope, base_url, dialect) = (scope.to_owned(), base_url.to_owned(), dialect.to_owned());
        self.call(move |connection| {
            if let Some((walk_id, started_at)) = interrupted(connection, &scope, &base_url, now)? {
                let sql = "SELECT part FROM walk_part WHERE walk_id = ?1";
                let done = read_all(connection, sql, [walk_id], |row| Ok(row.get(0)?))?.into_iter().collect();
                return Ok(Walk { walk_id, started_at, done });
            }
            let sql = "INSERT INTO walk (scope, base_url, dialect, started_at) VALUES (?1, ?2, ?3, ?4)";
            connection.execute(sql, params![scope, base_url, dialect, now])?;
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

    /// Records what is strange about an answer of the service.
    pub async fn remark(&self, walk_id: i64, remark: Remark) -> Result<(), Error> {
        self.call(move |connection| {
            let sql = "INSERT INTO walk_remark (walk_id, kind, subject, remark) VALUES (?1, ?2, ?3, ?4)";
            let kind = if remark.is_rejected_row { "rejected" } else { "disagreement" };
            connection.execute(sql, params![walk_id, kind, remark.subject, remark.remark])?;
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
    scope: &str,
    base_url: &str,
    now: i64,
) -> Result<Option<(i64, i64)>, Error> {
    let sql = "SELECT walk_id, started_at FROM walk
               WHERE scope = ?1 AND base_url = ?2 AND finished_at IS NULL AND started_at > ?3
               ORDER BY walk_id DESC LIMIT 1";
    let parameters = params![scope, base_url, now - STALE_AFTER_S];
    Ok(connection.query_row(sql, parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}
