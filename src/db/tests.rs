//! How the record is opened: made, brought up to date, refused; and the names that it gives to paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::fixture::{block_on, in_memory, list, number, on_disk, queue, series};
use super::*;

/// Every statement that made the schema, sorted.
fn schema(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn set_version(path: &Path, version: usize) {
    let version = i64::try_from(version).unwrap();
    Connection::open(path).unwrap().pragma_update(None, "user_version", version).unwrap();
}

fn overwrite_page(path: &Path, page: u64) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(page * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
}

/// Leaves what a process that died leaves: a log, here one that holds nothing of use.
fn leave_a_log(path: &Path) {
    File::create(log(path)).unwrap().write_all(b"not empty").unwrap();
}

fn log(path: &Path) -> PathBuf {
    path.with_file_name("state.sqlite-wal")
}

/// A record with a thousand queued series, closed.
async fn filled(path: &Path) {
    let db = Db::open(path).unwrap();
    queue(&db, 1000).await;
}

#[test]
fn the_compiled_migrations_are_the_files_in_their_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort_unstable();

    let on_disk: Vec<_> = files
        .iter()
        .map(|path| (path.file_name().unwrap().to_str().unwrap(), fs::read_to_string(path).unwrap()))
        .collect();

    let compiled: Vec<_> = MIGRATIONS.iter().map(|(name, sql)| (*name, (*sql).to_owned())).collect();
    assert_eq!(compiled, on_disk);
}

#[test]
fn migrations_are_numbered_without_a_gap() {
    for (number, (name, _)) in (1..).zip(MIGRATIONS) {
        assert!(name.starts_with(&format!("{number:04}_")), "{name}");
    }
}

#[tokio::test]
async fn opening_a_record_again_changes_nothing() {
    let (_directory, path) = on_disk();
    let db = Db::open(&path).unwrap();
    list(&db, 1, &[series("A", "1.2.3")]).await;
    drop(db);
    let before = schema(&path);

    let db = Db::open(&path).unwrap();
    let kept = number(&db, "SELECT count(*) FROM series").await;
    let version = number(&db, "SELECT user_version FROM pragma_user_version").await;
    drop(db);

    assert_eq!((kept, version), (1, i64::try_from(MIGRATIONS.len()).unwrap()));
    assert_eq!(schema(&path), before);
    assert!(before.len() > 20);
}

#[tokio::test]
async fn a_record_of_a_newer_release_is_refused_and_left_as_it_is() {
    let (_directory, path) = on_disk();
    filled(&path).await;
    set_version(&path, MIGRATIONS.len() + 1);
    let before = fs::read(&path).unwrap();

    let (writer, reader) = (Db::open(&path).err().unwrap(), Reader::open(&path).err().unwrap());

    assert!(matches!(writer, Error::Migrate { .. }), "{writer}");
    assert!(matches!(reader, Error::OtherRelease { .. }), "{reader}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_record_that_was_damaged_when_it_was_not_closed_is_refused_and_left_as_it_is() {
    let (_directory, path) = on_disk();
    filled(&path).await;
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    for page in [pages / 4, pages / 2, pages - 1] {
        let (_elsewhere, damaged) = on_disk();
        fs::copy(&path, &damaged).unwrap();
        overwrite_page(&damaged, page);
        leave_a_log(&damaged);
        let before = fs::read(&damaged).unwrap();

        let refused = Db::open(&damaged).err();

        let refused = refused.unwrap_or_else(|| panic!("page {page} of {pages} was believed"));
        assert!(matches!(refused, Error::Damaged { .. } | Error::Open { .. }), "{refused}");
        assert!(fs::read(&damaged).unwrap() == before, "page {page} of {pages}: the file has changed");
    }
}

/// A process that was killed leaves the log of its last transactions beside the record.
#[tokio::test]
async fn the_log_beside_a_refused_record_is_not_merged_into_it() {
    let (_directory, path) = on_disk();
    filled(&path).await;
    let db = Db::open(&path).unwrap();
    queue(&db, 1).await;
    let (_elsewhere, damaged) = on_disk();
    fs::copy(&path, &damaged).unwrap();
    fs::copy(log(&path), log(&damaged)).unwrap();
    overwrite_page(&damaged, fs::metadata(&path).unwrap().len() / 4096 - 1);
    let before = (fs::read(&damaged).unwrap(), fs::read(log(&damaged)).unwrap());

    let refused = Db::open(&damaged).err();

    assert!(refused.is_some());
    assert!(fs::read(&damaged).unwrap() == before.0, "the record has changed");
    assert!(fs::read(log(&damaged)).is_ok_and(|log| log == before.1), "the log has changed");
}

#[tokio::test]
async fn a_record_that_is_cut_off_is_refused_and_left_as_it_is() {
    let (_directory, path) = on_disk();
    filled(&path).await;
    let length = fs::metadata(&path).unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
    let before = fs::read(&path).unwrap();

    let refused = Db::open(&path).err().unwrap();

    assert!(matches!(refused, Error::Damaged { .. } | Error::Open { .. }), "{refused}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_file_that_is_no_record_is_refused_and_left_as_it_is() {
    let (_directory, path) = on_disk();
    let text = "SeriesInstanceUID,Collection\n".repeat(500);
    File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();

    let refused = Db::open(&path).err().unwrap();

    assert!(matches!(refused, Error::Open { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn what_was_sent_before_the_record_is_closed_is_kept() {
    let (_directory, path) = on_disk();
    let db = Db::open(&path).unwrap();

    let (run_id, rows) = queue(&db, 3).await;
    drop(db);

    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the log is merged");
    let db = Db::open(&path).unwrap();
    assert_eq!(db.left_of_run(run_id).await.unwrap(), 3);
    assert_eq!(db.unfinished(rows.clone()).await.unwrap().into_iter().collect::<Vec<_>>(), rows);
}

#[tokio::test]
async fn work_that_goes_wrong_half_way_leaves_no_trace() {
    let (_directory, path) = on_disk();
    let db = Db::open(&path).unwrap();
    let (run_id, rows) = queue(&db, 2).await;

    // the second row is no series, so the first one must not be queued anew either
    let refused = db.enqueue(run_id, vec![rows[0], 99], 777).await;

    assert!(refused.is_err());
    assert_eq!(number(&db, "SELECT count(*) FROM series_job WHERE queued_at = 777").await, 0);
}

/// Both forms of an identifier of ASCII letters, digits and dashes, with what is compared.
fn forms(identifier: &str) -> [(String, String); 2] {
    let encode = |letter: char| {
        if letter.is_ascii_alphabetic() { format!("%{:02X}", letter as u32) } else { letter.to_string() }
    };
    let encoded: String = identifier.chars().map(encode).collect();
    [identifier.to_owned(), encoded].map(|form| (form.clone(), form.to_ascii_lowercase()))
}

async fn component(db: &Db, parent: &str, identifier: &str) -> String {
    db.path_component(parent.to_owned(), identifier.to_owned(), forms(identifier)).await.unwrap()
}

#[tokio::test]
async fn of_two_identifiers_that_differ_in_case_the_later_one_is_encoded() {
    let db = in_memory();

    let mut components = Vec::new();
    for identifier in ["Lung-1", "LUNG-1", "lung-1", "LUNG-1", "Lung-1", "Lung-2"] {
        components.push(component(&db, "", identifier).await);
    }

    assert_eq!(
        components,
        ["Lung-1", "%4C%55%4E%47-1", "%6C%75%6E%67-1", "%4C%55%4E%47-1", "Lung-1", "Lung-2"]
    );
}

#[tokio::test]
async fn a_name_is_taken_only_below_its_own_parent() {
    let db = in_memory();

    let components = [
        component(&db, "A", "P-1").await,
        component(&db, "A", "p-1").await,
        component(&db, "B", "p-1").await,
    ];

    assert_eq!(components, ["P-1", "%70-1", "p-1"]);
}

#[tokio::test]
async fn without_a_free_name_there_is_none() {
    let db = in_memory();
    let both = || ["one", "two"].map(|form| (form.to_owned(), "same".to_owned()));
    let assign = |identifier: &str| db.path_component(String::new(), identifier.to_owned(), both());
    assign("first").await.unwrap();

    let refused = assign("second").await.unwrap_err();

    assert!(matches!(refused, Error::Content { .. }), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_two_identifiers_share_a_path_and_none_ever_moves(
        asked in vec(("[AB]", "[aAbB1]{1,2}"), 1..40),
    ) {
        let assigned = block_on(async {
            let db = in_memory();
            let mut assigned = Vec::new();
            for (parent, identifier) in asked {
                let component = component(&db, &parent, &identifier).await;
                assigned.push(((parent, identifier), component));
            }
            assigned
        });
        let mut first: BTreeMap<_, _> = BTreeMap::new();
        for (place, component) in assigned {
            prop_assert_eq!(first.entry(place).or_insert(component.clone()), &component);
        }
        let folded: BTreeSet<_> = first
            .iter()
            .map(|((parent, _), component)| (parent, component.to_ascii_uppercase()))
            .collect();
        prop_assert_eq!(folded.len(), first.len());
    }
}
