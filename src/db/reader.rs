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

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::super::Db;
    use super::super::fixture::{block_on, instance, intent, list, on_disk, place, queue, series};
    use super::*;

    #[tokio::test]
    async fn a_path_leads_to_a_series_when_it_is_one_or_lies_above_one() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let (_, rows) = queue(&db, 4).await;
        let places = ["A/P/1.2/1.2.1", "A B/P 1/1.2/1.2.2", "C/10/1.2/1.2.3", "C%_/P/1.2/1.2.4"];
        for (row, place_of) in rows.into_iter().zip(places) {
            place(&db, row, place_of, Vec::new()).await;
        }

        let reader = Reader::open(&path).unwrap();

        for (path, leads) in [
            ("A", true),
            ("A B", true),
            ("A B/P 1", true),
            ("C/10", true),
            ("C/10/1.2", true),
            ("A/P/1.2/1.2.1", true),
            ("C%_", true),
            ("A ", false),
            ("A B/P", false),
            ("A/P 1", false),
            ("C/1", false),
            ("C/100", false),
            ("C/", false),
            ("C/10/", false),
            ("A/P/1.2/1.2", false),
            ("A/P/1.2/1.2.10", false),
            ("A/P/1.2/1.2.1/file", false),
            ("a", false),
            ("A0", false),
            ("A.", false),
            ("%", false),
            ("_", false),
            ("", false),
        ] {
            assert_eq!(reader.leads_to_a_series(path).unwrap(), leads, "{path:?}");
        }
    }

    #[tokio::test]
    async fn a_path_leads_to_a_series_that_is_being_placed() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let (_, rows) = queue(&db, 1).await;
        let reader = Reader::open(&path).unwrap();
        let leads =
            || ["A", "A/P", "A/P/1.2", "A/P/1.2/1.2.1"].map(|path| reader.leads_to_a_series(path).unwrap());

        db.begin_commit(intent(rows[0], "1.2.1", "A/P/1.2/1.2.1"), Vec::new()).await.unwrap();
        let begun = leads();
        db.drop_intent(rows[0]).await.unwrap();

        assert_eq!(begun, [true; 4]);
        assert_eq!(leads(), [false; 4]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn whatever_the_names_exactly_the_paths_above_a_series_lead_to_it(
            places in btree_set("[ab0 .é-]{1,2}/[ab0 .é-]{1,2}/1/1", 1..6),
            asked in btree_set("[ab0 .é-]{1,2}(/[ab0 .é-]{1,2}(/1(/1)?)?)?", 1..20),
        ) {
            let found = block_on(async {
                let (_directory, path) = on_disk();
                let db = Db::open(&path).unwrap();
                let (_, rows) = queue(&db, 5).await;
                for (row, place_of) in rows.into_iter().zip(&places) {
                    place(&db, row, place_of, Vec::new()).await;
                }
                let reader = Reader::open(&path).unwrap();
                asked.iter().map(|path| reader.leads_to_a_series(path).unwrap()).collect::<Vec<_>>()
            });

            let leads = |asked: &String| {
                let asked: Vec<_> = asked.split('/').collect();
                places.iter().any(|place| place.split('/').collect::<Vec<_>>().starts_with(&asked))
            };
            prop_assert_eq!(found, asked.iter().map(leads).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_reader_beside_a_writer_sees_what_is_committed_and_writes_nothing() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let (_, rows) = queue(&db, 1).await;
        let reader = Reader::open(&path).unwrap();
        let before = reader.placed_series(0, 10).unwrap().len();

        place(&db, rows[0], "A/P/1.2/1.2.1", vec![instance("1.2.1.1", 19)]).await;

        let placed = reader.placed_series(0, 10).unwrap();
        assert_eq!((before, placed.len()), (0, 1));
        assert_eq!(placed[0].path, "A/P/1.2/1.2.1");
        assert_eq!(reader.instances(placed[0].series_id).unwrap(), [instance("1.2.1.1", 19)]);
        assert!(reader.connection().execute("DELETE FROM placement", []).is_err());
    }

    #[tokio::test]
    async fn a_reader_makes_no_record_where_none_is() {
        let (directory, path) = on_disk();

        let refused = Reader::open(&path).err();

        assert!(matches!(refused, Some(Error::Open { .. })));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_record_of_an_older_release_is_refused_until_it_is_brought_up_to_date() {
        let (_directory, path) = on_disk();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE older (column_of_old)").unwrap();

        let refused = Reader::open(&path).err();

        assert!(matches!(refused, Some(Error::Content { .. })));
    }

    #[tokio::test]
    async fn a_series_is_shown_as_it_was_listed_last() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let (_, rows) = queue(&db, 1).await;
        place(&db, rows[0], "A/P/1.2/1.2.1", Vec::new()).await;
        let revised =
            crate::dicom::Series { license_name: Some("CC BY 4.0".to_owned()), ..series("A", "1.2.1") };
        list(&db, 2, std::slice::from_ref(&revised)).await;

        let placed = Reader::open(&path).unwrap().placed_series(0, 10).unwrap();

        assert_eq!(placed[0].series, revised);
    }
}
