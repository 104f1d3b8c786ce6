//! What a folder of another tool holds, while it is taken over: in a file of its own that goes with the command.
//!
//! A folder may hold ten million files, and what is known of each is kept here and not in memory: about 150 bytes a file
//! on the disk of the root, and a cache of a few megabytes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Error;
use super::catalogue::read_all;
use super::placement::{as_integer, as_size, uid};
use crate::dicom::{CollectionName, SeriesInstanceUid, SopInstanceUid};

const NAME: &str = "adopt.sqlite";

const SCHEMA: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE folder (folder_id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE) STRICT;
    CREATE TABLE series (
        series_id INTEGER PRIMARY KEY,
        series_instance_uid TEXT NOT NULL UNIQUE,
        collection TEXT,              -- as the service has it, once it was asked
        is_wanted INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE found (
        series_id INTEGER NOT NULL,
        folder_id INTEGER NOT NULL,
        name BLOB NOT NULL,
        entry INTEGER,                -- of a ZIP
        sop_instance_uid TEXT NOT NULL,
        size_bytes INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE doubt (
        folder_id INTEGER NOT NULL,
        name BLOB NOT NULL,
        entry TEXT,
        reason TEXT NOT NULL,
        is_skipped INTEGER NOT NULL
    ) STRICT;";

/// An instance that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundInstance {
    /// The file, or the ZIP that holds it.
    pub path: PathBuf,
    /// Which entry of a ZIP.
    pub entry: Option<u64>,
    /// What it says it is.
    pub sop_instance_uid: SopInstanceUid,
    /// Its series.
    pub series_instance_uid: SeriesInstanceUid,
    /// Its length.
    pub size_bytes: u64,
}

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtfulFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The name of an entry of a ZIP.
    pub entry: Option<String>,
    /// Why.
    pub reason: String,
    /// Whether it was not looked at on purpose, so that nothing is wrong with it.
    pub is_skipped: bool,
}

/// A series of which something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSeries {
    /// Where the next page begins.
    pub row: i64,
    /// Which one.
    pub series_instance_uid: SeriesInstanceUid,
    /// Instances, each counted once.
    pub instances: u64,
    /// Files, or entries of ZIPs.
    pub files: u64,
    /// Bytes of the instances; of files that differ in length the longest counts.
    pub bytes: u64,
}

/// The record of what was found; its file is removed with it.
pub struct Finds {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Drop for Finds {
    /// What stays is removed by the next one.
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

impl Finds {
    /// An empty one beside the file of the record; what a dead process left there goes.
    pub fn beside(record: &Path) -> Result<Self, Error> {
        let path = record.with_file_name(NAME);
        // one that cannot be removed is one in which no table can be made
        drop(std::fs::remove_file(&path));
        let connection = super::connect(&path, rusqlite::OpenFlags::default())?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Mutex::new(connection), path })
    }

    /// Notes what was found in some files.
    pub fn note(&self, instances: &[FoundInstance], doubts: &[DoubtfulFile]) -> Result<(), Error> {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        for found in instances {
            let series = found.series_instance_uid.as_str();
            let insert = "INSERT OR IGNORE INTO series (series_instance_uid) VALUES (?1)";
            transaction.prepare_cached(insert)?.execute([series])?;
            let (folder_id, name) = place(&transaction, &found.path)?;
            let insert = "INSERT INTO found (series_id, folder_id, name, entry, sop_instance_uid, size_bytes)
                 SELECT series_id, ?2, ?3, ?4, ?5, ?6 FROM series WHERE series_instance_uid = ?1";
            transaction.prepare_cached(insert)?.execute(params![
                series,
                folder_id,
                name,
                found.entry.map(as_integer),
                found.sop_instance_uid.as_str(),
                as_integer(found.size_bytes)
            ])?;
        }
        for doubt in doubts {
            let (folder_id, name) = place(&transaction, &doubt.path)?;
            let insert = "INSERT INTO doubt (folder_id, name, entry, reason, is_skipped)
                 VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.prepare_cached(insert)?.execute(params![
                folder_id,
                name,
                doubt.entry,
                doubt.reason,
                doubt.is_skipped
            ])?;
        }
        Ok(transaction.commit()?)
    }

    /// Ends the noting: from now on series are looked up.
    pub fn close(&self) -> Result<(), Error> {
        let index = "CREATE INDEX IF NOT EXISTS found_by_series ON found (series_id)";
        Ok(self.lock().execute_batch(index)?)
    }

    /// Hands on what is doubtful or skipped, in the order of the paths, until nobody takes more.
    pub fn each_doubt(&self, each: &mut dyn FnMut(DoubtfulFile) -> ControlFlow<()>) -> Result<(), Error> {
        let connection = self.lock();
        let sql =
            "SELECT folder.path, name, entry, reason, is_skipped FROM doubt JOIN folder USING (folder_id)
                   ORDER BY folder.path, name, doubt.rowid";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (path, entry, reason) = (path(row)?, row.get(2)?, row.get(3)?);
            if each(DoubtfulFile { path, entry, reason, is_skipped: row.get(4)? }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The next series after a row that are to be taken; none is the end.
    pub fn series(&self, after: i64, most: u32) -> Result<Vec<FoundSeries>, Error> {
        let sql = "SELECT series_id, series_instance_uid, count(*), sum(files), sum(size_bytes) FROM
                       (SELECT series_id, sop_instance_uid, count(*) AS files, max(size_bytes) AS size_bytes
                        FROM found WHERE series_id IN (SELECT series_id FROM series WHERE is_wanted AND series_id > ?1
                            ORDER BY series_id LIMIT ?2)
                        GROUP BY series_id, sop_instance_uid)
                   JOIN series USING (series_id) GROUP BY series_id ORDER BY series_id";
        read_all(&self.lock(), sql, params![after, most], |row| {
            Ok(FoundSeries {
                row: row.get(0)?,
                series_instance_uid: uid(&row.get::<_, String>(1)?)?,
                instances: as_size(row.get(2)?),
                files: as_size(row.get(3)?),
                bytes: as_size(row.get(4)?),
            })
        })
    }

    /// The files of one series, in the order of their paths, entries of a ZIP in theirs.
    pub fn files(&self, series: &SeriesInstanceUid) -> Result<Vec<(PathBuf, Option<u64>)>, Error> {
        let sql = "SELECT folder.path, name, entry FROM found JOIN folder USING (folder_id)
                   WHERE series_id = (SELECT series_id FROM series WHERE series_instance_uid = ?1)
                   ORDER BY folder.path, name, entry";
        read_all(&self.lock(), sql, [series.as_str()], |row| {
            Ok((path(row)?, row.get::<_, Option<i64>>(2)?.map(as_size)))
        })
    }

    /// Notes in which collections series lie.
    pub fn note_collections(&self, known: &[(SeriesInstanceUid, CollectionName)]) -> Result<(), Error> {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        for (series, collection) in known {
            let update = "UPDATE series SET collection = ?2 WHERE series_instance_uid = ?1";
            transaction.prepare_cached(update)?.execute([series.as_str(), collection.as_str()])?;
        }
        Ok(transaction.commit()?)
    }

    /// The next collection after one, by its name, with its series; `None` is the end.
    pub fn collection(
        &self,
        after: Option<&CollectionName>,
    ) -> Result<Option<(CollectionName, BTreeSet<SeriesInstanceUid>)>, Error> {
        let connection = self.lock();
        let sql = "SELECT min(collection) FROM series WHERE ?1 IS NULL OR collection > ?1";
        let after = after.map(CollectionName::as_str);
        let next: Option<String> = connection.query_row(sql, [after], |row| row.get(0))?;
        let Some(name) = next else { return Ok(None) };
        let sql = "SELECT series_instance_uid FROM series WHERE collection = ?1 ORDER BY series_id";
        let series = read_all(&connection, sql, [&name], |row| uid(&row.get::<_, String>(0)?))?;
        Ok(Some((CollectionName::new(name), series.into_iter().collect())))
    }

    /// The next series after a row whose collection is not known, with their rows.
    pub fn without_collection(&self, after: i64, most: u32) -> Result<Vec<(i64, SeriesInstanceUid)>, Error> {
        let sql =
            "SELECT series_id, series_instance_uid FROM series WHERE collection IS NULL AND series_id > ?1
                   ORDER BY series_id LIMIT ?2";
        read_all(&self.lock(), sql, params![after, most], |row| {
            Ok((row.get(0)?, uid(&row.get::<_, String>(1)?)?))
        })
    }

    /// Marks a series as one to be taken.
    pub fn want(&self, series: &SeriesInstanceUid) -> Result<(), Error> {
        let update = "UPDATE series SET is_wanted = 1 WHERE series_instance_uid = ?1";
        self.lock().prepare_cached(update)?.execute([series.as_str()])?;
        Ok(())
    }

    /// The next series after a row that is to be taken.
    pub fn wanted(&self, after: i64) -> Result<Option<(i64, SeriesInstanceUid)>, Error> {
        let sql = "SELECT series_id, series_instance_uid FROM series WHERE is_wanted AND series_id > ?1
                   ORDER BY series_id LIMIT 1";
        Ok(read_all(&self.lock(), sql, [after], |row| Ok((row.get(0)?, uid(&row.get::<_, String>(1)?)?)))?
            .pop())
    }

    /// How many series are to be taken, and the bytes of their files.
    pub fn sum(&self) -> Result<(u64, u64), Error> {
        let sql = "SELECT (SELECT count(*) FROM series WHERE is_wanted), coalesce(sum(size_bytes), 0)
                   FROM found JOIN series USING (series_id) WHERE is_wanted";
        let read = |row: &Row<'_>| Ok((as_size(row.get(0)?), as_size(row.get(1)?)));
        Ok(self.lock().query_row(sql, [], read)?)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder of a file, noted once, and its name.
fn place<'a>(connection: &Connection, path: &'a Path) -> Result<(i64, &'a [u8]), Error> {
    let folder = path.parent().unwrap_or(Path::new("")).as_os_str().as_bytes();
    let name = path.file_name().unwrap_or(path.as_os_str()).as_bytes();
    let select = "SELECT folder_id FROM folder WHERE path = ?1";
    let known = connection.prepare_cached(select)?.query_row([folder], |row| row.get(0)).optional()?;
    if let Some(folder_id) = known {
        return Ok((folder_id, name));
    }
    connection.prepare_cached("INSERT INTO folder (path) VALUES (?1)")?.execute([folder])?;
    Ok((connection.last_insert_rowid(), name))
}

fn path(row: &Row<'_>) -> Result<PathBuf, Error> {
    let (folder, name): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
    Ok(Path::new(OsStr::from_bytes(&folder)).join(OsStr::from_bytes(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &[u8], entry: Option<u64>, series: &str, instance: &str) -> FoundInstance {
        FoundInstance {
            path: Path::new(OsStr::from_bytes(path)).to_owned(),
            entry,
            sop_instance_uid: SopInstanceUid::parse(instance).unwrap(),
            series_instance_uid: SeriesInstanceUid::parse(series).unwrap(),
            size_bytes: 10,
        }
    }

    fn doubt(path: &str) -> DoubtfulFile {
        DoubtfulFile { path: path.into(), entry: None, reason: "odd".to_owned(), is_skipped: false }
    }

    fn series(uid: &str) -> SeriesInstanceUid {
        SeriesInstanceUid::parse(uid).unwrap()
    }

    fn finds() -> (tempfile::TempDir, Finds) {
        let directory = tempfile::tempdir().unwrap();
        let finds = Finds::beside(&directory.path().join("state.sqlite")).unwrap();
        (directory, finds)
    }

    #[test]
    fn files_come_back_by_series_in_the_order_of_their_paths_whatever_their_names() {
        let (_directory, finds) = finds();
        let names: [&[u8]; 4] = [b"/b/new\nline", b"/a/\xff.dcm", b"/a/z.zip", b"/a/z.zip"];
        let entries = [None, None, Some(11), Some(2)];
        let notes: Vec<_> =
            names.into_iter().zip(entries).map(|(path, entry)| found(path, entry, "1.2", "1.2.1")).collect();
        finds.note(&notes, &[]).unwrap();
        finds.note(&[found(b"/a/other", None, "1.3", "1.3.1")], &[]).unwrap();
        finds.close().unwrap();

        let files = finds.files(&series("1.2")).unwrap();

        let shown: Vec<_> = files.iter().map(|(path, entry)| (path.as_os_str().as_bytes(), *entry)).collect();
        assert_eq!(shown, [(names[2], Some(2)), (names[2], Some(11)), (names[1], None), (names[0], None)]);
    }

    #[test]
    fn an_instance_is_counted_once_and_only_wanted_series_come_page_by_page() {
        let (_directory, finds) = finds();
        for number in 1..=5 {
            let uid = format!("1.2.{number}");
            let instance = |last| found(b"/a/x", None, &uid, &format!("{uid}.{last}"));
            finds.note(&[instance(1), instance(2), instance(2)], &[]).unwrap();
        }
        finds.close().unwrap();
        for uid in ["1.2.1", "1.2.4", "1.2.5"] {
            finds.want(&series(uid)).unwrap();
        }

        let first = finds.series(0, 2).unwrap();
        let second = finds.series(first[1].row, 2).unwrap();

        let shown: Vec<_> = first.iter().chain(&second).map(|one| one.series_instance_uid.as_str()).collect();
        assert_eq!(shown, ["1.2.1", "1.2.4", "1.2.5"]);
        assert_eq!((first[0].instances, first[0].files, first[0].bytes), (2, 3, 20));
        assert_eq!(finds.sum().unwrap(), (3, 90));
        assert_eq!(finds.wanted(first[0].row).unwrap().unwrap().1, series("1.2.4"));
        assert_eq!(finds.wanted(second[0].row).unwrap(), None);
    }

    #[test]
    fn series_are_grouped_by_the_collection_that_the_service_tells() {
        let (_directory, finds) = finds();
        for uid in ["1.1", "1.2", "1.3", "1.4"] {
            finds.note(&[found(b"/x", None, uid, "1.9")], &[]).unwrap();
        }
        let known = [("1.3", "A"), ("1.1", "B"), ("1.4", "A")];
        let known = known.map(|(uid, collection)| (series(uid), CollectionName::new(collection)));
        finds.note_collections(&known).unwrap();

        let (first, in_first) = finds.collection(None).unwrap().unwrap();
        let (second, in_second) = finds.collection(Some(&first)).unwrap().unwrap();

        assert_eq!((first.as_str(), second.as_str()), ("A", "B"));
        assert_eq!(in_first, [series("1.3"), series("1.4")].into());
        assert_eq!(in_second, [series("1.1")].into());
        assert_eq!(finds.collection(Some(&second)).unwrap(), None);
        let rest = finds.without_collection(0, 9).unwrap();
        assert_eq!(rest.iter().map(|(_, uid)| uid.as_str()).collect::<Vec<_>>(), ["1.2"]);
    }

    #[test]
    fn doubts_come_sorted_until_nobody_takes_more() {
        let (_directory, finds) = finds();
        finds.note(&[], &["/b/1", "/a/2", "/a/1"].map(doubt)).unwrap();
        let mut seen = Vec::new();

        let take_two = &mut |file: DoubtfulFile| {
            seen.push(file);
            if seen.len() < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        finds.each_doubt(take_two).unwrap();

        assert_eq!(seen, ["/a/1", "/a/2"].map(doubt));
    }

    #[test]
    fn what_a_dead_process_left_is_replaced_and_nothing_stays() {
        let (directory, finds) = finds();
        finds.note(&[found(b"/x", None, "1.1", "1.9")], &[]).unwrap();
        // one that dies does not remove its file
        std::mem::forget(finds);

        let again = Finds::beside(&directory.path().join("state.sqlite")).unwrap();

        assert!(again.without_collection(0, 9).unwrap().is_empty());
        drop(again);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
