//! Withdrawn series that are taken out of the tree: told to the record before the first file goes.

use rusqlite::params;

use super::catalogue::{read_all, read_json};
use super::placement::as_size;
use super::{Db, Error, Reader, columns};
use crate::dicom::Series;

/// A series in the tree that the service does not list any more.
#[derive(Clone, Debug, PartialEq)]
pub struct WithdrawnSeries {
    /// Row of the series.
    pub series_id: i64,
    /// As it was listed last.
    pub series: Series,
    /// Where it lies, relative to the root.
    pub path: String,
    /// Instances of it.
    pub instances: u64,
    /// Bytes of their files.
    pub size_bytes: u64,
    /// When that was recorded: UTC seconds.
    pub withdrawn_at: i64,
}

impl Reader {
    /// Series in the tree that were withdrawn at a time, UTC seconds, or before it.
    pub fn withdrawn_until(&self, time: i64) -> Result<Vec<WithdrawnSeries>, Error> {
        let series = columns::as_json("asked", columns::SERIES);
        let sql = format!(
            "SELECT series_id, {series}, path, instance_count, size_bytes, changed_at FROM asked
             WHERE state = 'withdrawn' AND path IS NOT NULL AND changed_at <= ?1 ORDER BY path"
        );
        read_all(self.connection(), &sql, [time], |row| {
            Ok(WithdrawnSeries {
                series_id: row.get(0)?,
                series: read_json(&row.get::<_, String>(1)?)?,
                path: row.get(2)?,
                instances: as_size(row.get(3)?),
                size_bytes: as_size(row.get(4)?),
                withdrawn_at: row.get(5)?,
            })
        })
    }
}

impl Db {
    /// Forgets what lies in the tree of a withdrawn series, and writes down that it has to go; gives where it lies.
    ///
    /// None when it is not withdrawn any more, or lies nowhere.
    pub async fn begin_removal(&self, series_id: i64) -> Result<Option<String>, Error> {
        self.call(move |connection| {
            let sql = "INSERT OR REPLACE INTO removal (path)
                       SELECT path FROM placement JOIN series_job USING (series_id)
                       WHERE series_id = ?1 AND state = 'withdrawn' RETURNING path";
            let path: Option<String> = read_all(connection, sql, [series_id], |row| Ok(row.get(0)?))?.pop();
            if path.is_some() {
                connection.execute("DELETE FROM instance WHERE series_id = ?1", [series_id])?;
                connection.execute("DELETE FROM placement WHERE series_id = ?1", [series_id])?;
            }
            Ok(path)
        })
        .await
    }

    /// Where series lie that have to go.
    pub async fn removals(&self) -> Result<Vec<String>, Error> {
        self.call(|connection| read_all(connection, "SELECT path FROM removal", [], |row| Ok(row.get(0)?)))
            .await
    }

    /// Records that nothing is left at a place.
    pub async fn end_removal(&self, path: &str) -> Result<(), Error> {
        let path = path.to_owned();
        self.call(move |connection| {
            connection.execute("DELETE FROM removal WHERE path = ?1", params![path])?;
            Ok(())
        })
        .await
    }
}
