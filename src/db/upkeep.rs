//! The care of the file before it is used: checked where it was not closed, copied before its schema changes.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;
use rusqlite_migration::{M, Migrations};
use tempfile::Builder;
use tracing::debug;

use super::Error;

/// Pages that are copied at once: 16 MiB.
const PAGES_AT_ONCE: i32 = 4096;

/// How long a record that is closed waits for those who read in it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A file beside the record: its log, a copy of it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Whether the log beside a record, or the journal beside that of a shard, holds anything. SQLite removes it when a writer
/// closes the record, so that one which is there tells of a process that died, of a power cut, or of a reader that was at
/// work at the time.
pub(super) fn has_log(path: &Path) -> bool {
    let holds_something = |suffix| std::fs::metadata(beside(path, suffix)).is_ok_and(|found| found.len() > 0);
    holds_something("-wal") || holds_something("-journal")
}

/// Merges the log into the record and empties it, also beside readers, so that the next start finds one that was closed.
pub(super) fn close(connection: &Connection) {
    let emptied = connection
        .busy_timeout(LAST_WORDS)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    if let Err(error) = emptied {
        debug!("the log of the record is left as it is: {error}");
    }
}

/// Reads through the structure of the file; a damaged record must not steer anything.
///
/// Takes as long as reading the file: minutes for 10 GB, which is why a record that was closed is believed.
pub(super) fn check(path: &Path, connection: &Connection) -> Result<(), Error> {
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let finding = check.map_err(|source| Error::Open { path: path.to_owned(), source })?;
    if finding == "ok" { Ok(()) } else { Err(Error::Damaged { path: path.to_owned(), finding }) }
}

/// Brings the schema up to date; a record of an older release is copied first, beside itself.
pub(super) fn migrate(
    path: &Path,
    connection: &mut Connection,
    migrations: &[(&str, &str)],
) -> Result<(), Error> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if (1..migrations.len()).contains(&(version as usize)) {
        let copy = beside(path, &format!(".before-{}", migrations.len()));
        back_up(connection, &copy).map_err(|source| Error::BackUp { copy, source })?;
    }
    let migrations = Migrations::new(migrations.iter().map(|(_, sql)| M::up(sql)).collect());
    migrations.to_latest(connection).map_err(|source| Error::Migrate { path: path.to_owned(), source })
}

/// Copies a record to a file that appears whole and on stable storage, or not at all.
fn back_up(connection: &Connection, copy: &Path) -> io::Result<()> {
    let directory = copy.parent().unwrap_or(copy);
    let part = beside(copy, ".part");
    // what a process that died has left
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let part =
        Builder::new().prefix(part.file_name().unwrap_or_default()).rand_bytes(0).tempfile_in(directory)?;
    copy_pages(connection, part.path()).map_err(io::Error::other)?;
    part.as_file().sync_all()?;
    part.persist(copy)?;
    File::open(directory)?.sync_all()
}

fn copy_pages(connection: &Connection, copy: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(copy)?;
    Backup::new(connection, &mut copy)?.run_to_completion(PAGES_AT_ONCE, Duration::ZERO, None)?;
    copy.close().map_err(|(_, error)| error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixture::{on_disk, queue};
    use super::super::{Db, JobState, MIGRATIONS, Reader};
    use super::*;

    const NEXT: (&str, &str) =
        ("0002_next.sql", "ALTER TABLE run ADD COLUMN host TEXT; CREATE TABLE next (one TEXT);");
    const WRONG: (&str, &str) =
        ("0002_wrong.sql", "ALTER TABLE run ADD COLUMN host TEXT; SELECT no_such_function();");

    fn older_and(next: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
        MIGRATIONS.iter().copied().chain([next]).collect()
    }

    /// Opens a record as a release with these migrations would.
    fn open_with(path: &Path, migrations: &[(&str, &str)]) -> Result<Connection, Error> {
        let mut connection = Connection::open(path).unwrap();
        migrate(path, &mut connection, migrations).map(|()| connection)
    }

    fn number(path: &Path, sql: &str) -> i64 {
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path.parent().unwrap()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn a_record_of_an_older_release_is_copied_before_it_is_changed() {
        let (_directory, path) = on_disk();
        queue(&Db::open(&path).unwrap(), 3).await;
        let version = MIGRATIONS.len();
        let copy = path.with_file_name(format!("state.sqlite.before-{}", version + 1));

        drop(open_with(&path, &older_and(NEXT)).unwrap());

        assert_eq!(names(&path), ["state.sqlite", &format!("state.sqlite.before-{}", version + 1)]);
        assert_eq!(number(&path, "SELECT count(*) FROM pragma_table_info('run') WHERE name = 'host'"), 1);
        assert_eq!(number(&copy, "SELECT count(*) FROM pragma_table_info('run') WHERE name = 'host'"), 0);
        fs::copy(&copy, &path).unwrap();
        let older = Db::open(&path).unwrap();
        assert_eq!(older.left_of_run(1).await.unwrap(), 3, "the older release goes on with the copy");
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_a_record_that_the_older_release_goes_on_with() {
        let (_directory, path) = on_disk();
        queue(&Db::open(&path).unwrap(), 3).await;

        let refused = [open_with(&path, &older_and(WRONG)).err(), open_with(&path, &older_and(WRONG)).err()];

        assert!(refused.iter().all(|error| matches!(error, Some(Error::Migrate { .. }))), "{refused:?}");
        let older = Db::open(&path).unwrap();
        assert_eq!(older.left_of_run(1).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_is_only_in_the_log_is_copied_as_well_and_a_broken_copy_is_begun_anew() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        queue(&db, 3).await;
        let (_elsewhere, left) = on_disk();
        for suffix in ["", "-wal"] {
            fs::copy(beside(&path, suffix), beside(&left, suffix)).unwrap();
        }
        let version = MIGRATIONS.len() + 1;
        File::create(beside(&left, &format!(".before-{version}.part"))).unwrap();

        drop(open_with(&left, &older_and(NEXT)).unwrap());

        let copy = beside(&left, &format!(".before-{version}"));
        assert_eq!(number(&copy, "SELECT count(*) FROM series_job"), 3);
        assert!(!beside(&copy, ".part").exists());
    }

    #[tokio::test]
    async fn without_room_for_the_copy_nothing_is_changed() {
        let (_directory, path) = on_disk();
        queue(&Db::open(&path).unwrap(), 3).await;
        let copy = beside(&path, &format!(".before-{}", MIGRATIONS.len() + 1));
        fs::create_dir(&copy).unwrap();

        let refused = open_with(&path, &older_and(NEXT)).err();

        assert!(matches!(refused, Some(Error::BackUp { .. })), "{refused:?}");
        let version = number(&path, "SELECT user_version FROM pragma_user_version");
        assert_eq!(version, i64::try_from(MIGRATIONS.len()).unwrap());
    }

    #[tokio::test]
    async fn a_record_is_closed_also_beside_a_reader() {
        let (_directory, path) = on_disk();
        let db = Db::open(&path).unwrap();
        queue(&db, 3).await;
        let reader = Reader::open(&path).unwrap();
        let open = has_log(&path);

        drop(db);

        assert!(open && !has_log(&path));
        assert_eq!(reader.jobs_in(JobState::Queued, 0, 9).unwrap().len(), 3);
    }

    #[test]
    fn a_new_record_and_one_of_this_release_are_not_copied() {
        let (_directory, path) = on_disk();

        drop(open_with(&path, &older_and(NEXT)).unwrap());
        drop(open_with(&path, &older_and(NEXT)).unwrap());

        assert_eq!(names(&path), ["state.sqlite"]);
    }
}
