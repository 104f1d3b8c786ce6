//! Instances with their digests: those in the tree, and those that wait in the staging directory.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};

use super::catalogue::read_all;
use super::placement::{as_integer, as_size};
use super::{Db, Error};
use crate::dicom::{Instance, SopInstanceUid};

impl Db {
    /// Instances of a series that lie in the tree.
    pub async fn instances(&self, series_id: i64) -> Result<Vec<Instance>, Error> {
        self.call(move |connection| read_instances(connection, "instance", series_id)).await
    }

    /// Instances of a series that wait in the staging directory.
    pub async fn staged_instances(&self, series_id: i64) -> Result<Vec<Instance>, Error> {
        self.call(move |connection| read_instances(connection, "staged_instance", series_id)).await
    }

    /// Records instances that were staged.
    pub async fn store_staged(&self, series_id: i64, instances: Vec<Instance>) -> Result<(), Error> {
        self.call(move |connection| insert_staged(connection, series_id, &instances)).await
    }

    /// Forgets what is staged of series: the next attempt begins with an empty directory.
    pub async fn forget_staged(&self, series: Vec<i64>) -> Result<(), Error> {
        self.call(move |connection| {
            let mut statement =
                connection.prepare_cached("DELETE FROM staged_instance WHERE series_id = ?1")?;
            series.iter().try_for_each(|series_id| statement.execute([series_id]).map(drop))?;
            Ok(())
        })
        .await
    }

    /// Every series that has staged instances.
    pub async fn series_with_staged(&self) -> Result<BTreeSet<String>, Error> {
        self.call(|connection| {
            let sql =
                "SELECT DISTINCT series_instance_uid FROM staged_instance JOIN series USING (series_id)";
            Ok(read_all(connection, sql, [], |row| Ok(row.get(0)?))?.into_iter().collect())
        })
        .await
    }
}

/// Makes the staged instances of a series exactly these.
pub(super) fn replace_staged(
    connection: &Connection,
    series_id: i64,
    instances: &[Instance],
) -> Result<(), Error> {
    connection.execute("DELETE FROM staged_instance WHERE series_id = ?1", [series_id])?;
    insert_staged(connection, series_id, instances)
}

fn insert_staged(connection: &Connection, series_id: i64, instances: &[Instance]) -> Result<(), Error> {
    let sql =
        "INSERT OR REPLACE INTO staged_instance (series_id, sop_instance_uid, size_bytes, crc32, md5, sha256)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = connection.prepare_cached(sql)?;
    for instance in instances {
        let uid = instance.sop_instance_uid.as_str();
        let size_bytes = as_integer(instance.size_bytes);
        statement.execute(params![
            series_id,
            uid,
            size_bytes,
            instance.crc32,
            instance.md5,
            instance.sha256
        ])?;
    }
    Ok(())
}

/// The instances of one series in a table that has the columns of `instance`.
pub(super) fn read_instances(
    connection: &Connection,
    table: &str,
    series_id: i64,
) -> Result<Vec<Instance>, Error> {
    let sql = format!(
        "SELECT sop_instance_uid, size_bytes, crc32, md5, sha256 FROM {table} WHERE series_id = ?1
         ORDER BY sop_instance_uid"
    );
    read_all(connection, &sql, [series_id], read_instance)
}

/// One row of the columns that [`read_instances`] selects.
pub(super) fn read_instance(row: &Row<'_>) -> Result<Instance, Error> {
    let uid: String = row.get(0)?;
    let sop_instance_uid = SopInstanceUid::parse(&uid)
        .map_err(|_not_a_uid| Error::Content { expected: "a SOPInstanceUID", found: uid })?;
    Ok(Instance {
        sop_instance_uid,
        size_bytes: as_size(row.get(1)?),
        crc32: row.get(2)?,
        md5: row.get(3)?,
        sha256: row.get(4)?,
    })
}
