//! Instances with their digests: those in the tree, and those that wait in the staging directory.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};

use super::catalogue::read_all;
use super::placement::{as_integer, as_size};
use super::{Db, Error};
use crate::dicom::{Instance, SopInstanceUid};

impl Db {
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{in_memory, instance, instances_of, intent, list, queue, series};
    use super::*;
    use crate::dicom::Series;

    #[tokio::test]
    async fn an_instance_comes_back_as_it_was_stored() {
        let db = in_memory();
        let (_, rows) = queue(&db, 1).await;
        let odd = Instance {
            size_bytes: 5_000_000_000,
            crc32: u32::MAX,
            md5: [0; 16],
            sha256: std::array::from_fn(|at| u8::try_from(at * 8).unwrap()),
            ..instance("1.2.1.1", 0)
        };

        db.store_staged(rows[0], vec![odd.clone()]).await.unwrap();

        assert_eq!(db.staged_instances(rows[0]).await.unwrap(), [odd]);
        assert!(instances_of(&db, rows[0]).await.is_empty());
    }

    #[tokio::test]
    async fn an_instance_that_is_staged_again_counts_as_it_came_last() {
        let db = in_memory();
        let (_, rows) = queue(&db, 2).await;

        db.store_staged(rows[0], vec![instance("1.2.1.1", 1), instance("1.2.1.2", 2)]).await.unwrap();
        db.store_staged(rows[0], vec![instance("1.2.1.1", 3)]).await.unwrap();
        db.store_staged(rows[1], vec![instance("1.2.1.1", 4)]).await.unwrap();

        let staged = db.staged_instances(rows[0]).await.unwrap();
        assert_eq!(staged, [instance("1.2.1.1", 3), instance("1.2.1.2", 2)]);
        assert_eq!(db.staged_instances(rows[1]).await.unwrap(), [instance("1.2.1.1", 4)]);
    }

    #[tokio::test]
    async fn series_with_staged_instances_are_named_once() {
        let db = in_memory();
        let (_, rows) = queue(&db, 3).await;
        for row in [rows[0], rows[2]] {
            db.store_staged(row, vec![instance("1.2.1.1", 1), instance("1.2.1.2", 2)]).await.unwrap();
        }

        let named = db.series_with_staged().await.unwrap();

        assert_eq!(named, ["1.2.1", "1.2.3"].map(ToOwned::to_owned).into());
    }

    #[tokio::test]
    async fn what_is_staged_of_a_series_goes_with_its_version() {
        let listed = |count| Series { image_count: count, ..series("A", "1.2.3") };
        for (first, second, stays) in [
            (Some(2), Some(2), 1),
            (Some(2), Some(3), 0),
            (None, Some(2), 0),
            (Some(2), None, 0),
            (None, None, 1),
        ] {
            let db = in_memory();
            let rows = list(&db, 1, &[listed(first)]).await;
            db.store_staged(rows[0], vec![instance("1.2.3.1", 19)]).await.unwrap();

            let relisted = Series { license_name: Some("CC BY 4.0".to_owned()), ..listed(second) };
            list(&db, 2, &[relisted]).await;

            let staged = db.staged_instances(rows[0]).await.unwrap().len();
            assert_eq!(staged, stays, "{first:?}, then {second:?}");
        }
    }

    #[tokio::test]
    async fn what_a_commit_has_begun_to_place_stays_although_the_listing_changes() {
        let db = in_memory();
        let rows = list(&db, 1, &[series("A", "1.2.3")]).await;
        let begun = intent(rows[0], "1.2.3", "A/P/1.2/1.2.3");
        db.begin_commit(begun, vec![instance("1.2.3.1", 19)]).await.unwrap();

        list(&db, 2, &[Series { image_count: Some(9), ..series("A", "1.2.3") }]).await;

        assert_eq!(db.staged_instances(rows[0]).await.unwrap(), [instance("1.2.3.1", 19)]);
    }
}
