//! A connection of its own for those who only read, beside a process that may be writing.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use rustix::fs::Access;
use rustix::io::Errno;
use url::Url;

use super::instance::read_instances;
use super::job::{JobState, next_jobs};
use super::placement::{PlacedSeries, next_placed};
use super::upkeep::has_log;
use super::{Error, ListedSeries, MIGRATIONS, connect, views};
use crate::dicom::Instance;

/// The record, open for reading.
pub struct Reader {
    pub(super) connection: Connection,
    /// How many records it reads.
    pub(super) records: usize,
}

impl Reader {
    /// Opens the record of this release; one that another release made is an error.
    ///
    /// Where nothing can be written beside the record it is read as it lies, if it was closed cleanly: changes that a
    /// writer makes from then on may not be seen, or damage an answer.
    pub fn open(path: &Path) -> Result<Self, Error> {
        match Self::open_at(path) {
            Err(Error::Open { .. }) if must_be_read_as_it_lies(path, write_access(path))? => {
                Self::open_at(&as_it_lies(path))
            }
            opened => opened,
        }
    }

    fn open_at(path: &Path) -> Result<Self, Error> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = connect(path, flags)?;
        let open_error = |source| Error::Open { path: path.to_owned(), source };
        let version: u32 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(open_error)?;
        of_this_release(path, version)?;
        views::of_one(&connection)?;
        Ok(Self { connection, records: 1 })
    }

    /// How many records it reads: of shards that were not started yet there is none.
    pub fn records(&self) -> usize {
        self.records
    }

    /// The next series in the tree, in the order of the record; none is the end.
    pub fn placed_series(&self, after: i64, most: u32) -> Result<Vec<PlacedSeries>, Error> {
        next_placed(&self.connection, "placed", after, most)
    }

    /// A series as it lies in the tree, or will in an instant: a commit that has begun counts.
    pub fn latest(&self, series_id: i64) -> Result<Option<(PlacedSeries, Vec<Instance>)>, Error> {
        for (series, instances) in [("begun", "staged_instance"), ("placed", "instance")] {
            let next = next_placed(&self.connection, series, series_id - 1, 1)?.pop();
            if let Some(placed) = next.filter(|placed| placed.series_id == series_id) {
                return Ok(Some((placed, read_instances(&self.connection, instances, series_id)?)));
            }
        }
        Ok(None)
    }

    /// The next jobs in a state, in the order of the record; none is the end.
    pub fn jobs_in(&self, state: JobState, after: i64, most: u32) -> Result<Vec<ListedSeries>, Error> {
        next_jobs(&self.connection, state, after, most)
    }

    /// Instances of a series that lie in the tree.
    pub fn instances(&self, series_id: i64) -> Result<Vec<Instance>, Error> {
        read_instances(&self.connection, "instance", series_id)
    }

    /// When a series was placed, UTC seconds; `None` when it is not in the tree.
    pub fn placed_at(&self, series_id: i64) -> Result<Option<i64>, Error> {
        let sql = "SELECT placed_at FROM placed WHERE series_id = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([series_id], |row| row.get(0)).optional()?)
    }

    /// The address of the service that listed a series last, `None` when the service has withdrawn it.
    pub fn listed_by(&self, series_id: i64) -> Result<Option<String>, Error> {
        let sql = "SELECT (SELECT base_url FROM walk WHERE walk.walk_id = asked.walk_id) FROM asked
                   WHERE series_id = ?1 AND state <> 'withdrawn'";
        let found =
            self.connection.prepare_cached(sql)?.query_row([series_id], |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    /// Whether a path below the root is that of a series that is placed or is being placed, or lies above one.
    pub fn leads_to_a_series(&self, path: &str) -> Result<bool, Error> {
        // '0' is the character behind '/': everything that begins with the path and a slash lies between
        let sql = "SELECT EXISTS (SELECT 1 FROM placed WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0'))
                   OR EXISTS (SELECT 1 FROM begun WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0'))";
        Ok(self.connection.prepare_cached(sql)?.query_row([path], |row| row.get(0))?)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Refuses a record with another schema than this release has.
pub(super) fn of_this_release(path: &Path, found: u32) -> Result<(), Error> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found == known { Ok(()) } else { Err(Error::OtherRelease { path: path.to_owned(), found, known }) }
}

/// Whether this process may make files beside a record.
fn write_access(path: &Path) -> rustix::io::Result<()> {
    rustix::fs::access(path.parent().unwrap_or(path), Access::WRITE_OK)
}

/// Whether SQLite has no room for the file through which readers and a writer of a log find each other.
///
/// Without that file the log cannot be read either, and what it holds is missing from the record.
fn must_be_read_as_it_lies(path: &Path, write_access: rustix::io::Result<()>) -> Result<bool, Error> {
    if !matches!(write_access, Err(Errno::ROFS | Errno::ACCESS)) {
        return Ok(false);
    }
    if has_log(path) {
        return Err(Error::NotClosed { path: path.to_owned() });
    }
    Ok(true)
}

/// The address of a record that SQLite takes for one that never changes.
fn as_it_lies(path: &Path) -> PathBuf {
    let address = std::path::absolute(path).ok().and_then(|path| Url::from_file_path(path).ok());
    address.map_or_else(|| path.to_owned(), |address| PathBuf::from(format!("{address}?immutable=1")))
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
    async fn a_commit_that_has_begun_is_the_latest_of_a_series() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        let (_, rows) = queue(&db, 3).await;
        place(&db, rows[0], "A/P/1.2/1.2.1", vec![instance("1.2.1.1", 1)]).await;
        place(&db, rows[1], "A/P/1.2/1.2.2", vec![instance("1.2.2.1", 2)]).await;
        let begun = intent(rows[0], "1.2.1", "B/P/1.2/1.2.1");
        db.begin_commit(begun, vec![instance("1.2.1.1", 3)]).await.unwrap();

        let reader = Reader::open(&path).unwrap();
        let latest = |row| {
            let (placed, instances) = reader.latest(row).unwrap()?;
            Some((placed.series_id, placed.path, instances[0].size_bytes))
        };

        assert_eq!(latest(rows[0]), Some((rows[0], "B/P/1.2/1.2.1".to_owned(), 3)));
        assert_eq!(latest(rows[1]), Some((rows[1], "A/P/1.2/1.2.2".to_owned(), 2)));
        assert_eq!(latest(rows[2]), None);
    }

    #[tokio::test]
    async fn a_record_is_read_as_it_lies_only_where_it_is_whole_and_nothing_can_be_written() {
        let (directory, path) = on_disk();
        let decide = |write_access| must_be_read_as_it_lies(&path, write_access);
        drop(Db::open(&path).unwrap());

        for errno in [Errno::ROFS, Errno::ACCESS] {
            assert!(decide(Err(errno)).unwrap(), "{errno}");
        }
        assert!(!decide(Ok(())).unwrap());
        assert!(!decide(Err(Errno::NOENT)).unwrap());
        let log = directory.path().join("state.sqlite-wal");
        std::fs::File::create(&log).unwrap();
        assert!(decide(Err(Errno::ROFS)).unwrap(), "an empty log holds nothing");
        std::fs::copy(&path, &log).unwrap();
        assert!(matches!(decide(Err(Errno::ACCESS)), Err(Error::NotClosed { .. })));
        assert!(!decide(Ok(())).unwrap(), "SQLite itself reads the log");
    }

    #[tokio::test]
    async fn a_record_that_is_read_as_it_lies_needs_no_file_beside_it_whatever_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("100% M\u{fc}ller?mode=rw&a#b c");
        drop(Db::open(&path).unwrap());

        let reader = Reader::open_at(&as_it_lies(&path)).unwrap();

        assert!(reader.placed_series(0, 10).unwrap().is_empty());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
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

        assert!(matches!(refused, Some(Error::OtherRelease { .. })));
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
