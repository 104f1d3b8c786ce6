//! A connection of its own for those who only read, beside a process that may be writing.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::instance::read_instances;
use super::placement::{PlacedSeries, next_placed};
use super::{Error, MIGRATIONS, connect};
use crate::dicom::Instance;

/// The record, open for reading.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the record of this release; one that another release made is an error.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = connect(path, flags)?;
        let open_error = |source| Error::Open { path: path.to_owned(), source };
        let version: u32 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(open_error)?;
        if version as usize == MIGRATIONS.len() {
            return Ok(Self { connection });
        }
        Err(Error::Content { expected: "a record of this release", found: format!("version {version}") })
    }

    /// The next series in the tree, in the order of the record; none is the end.
    pub fn placed_series(&self, after: i64, most: u32) -> Result<Vec<PlacedSeries>, Error> {
        next_placed(&self.connection, after, most)
    }

    /// Instances of a series that lie in the tree.
    pub fn instances(&self, series_id: i64) -> Result<Vec<Instance>, Error> {
        read_instances(&self.connection, "instance", series_id)
    }

    /// Whether a path below the root is that of a series that is placed or is being placed, or lies above one.
    pub fn leads_to_a_series(&self, path: &str) -> Result<bool, Error> {
        // '0' is the character behind '/': everything that begins with the path and a slash lies between
        let sql = "SELECT EXISTS (SELECT 1 FROM placement WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0'))
                   OR EXISTS (SELECT 1 FROM commit_intent WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0'))";
        Ok(self.connection.prepare_cached(sql)?.query_row([path], |row| row.get(0))?)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}
