//! The proof at the end of a test: record and disk agree, whatever happened before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::program::tree;

/// Every recorded instance lies where it should with its digest, every file of the tree is recorded, nothing is left
/// half done: no job runs, no commit has begun, and nothing is staged for a series that is done. Of a split mirror that
/// is so for its shards together, and nothing is recorded twice.
pub(crate) fn assert_sound(root: &Path) {
    let mut files = tree(root);
    for state in states(root) {
        let record = Connection::open(state.join("state.sqlite")).unwrap();
        for (path, sha256) in recorded(&record) {
            let bytes = files.remove(&path).unwrap_or_else(|| panic!("{path} is recorded and not there"));
            assert_eq!(Sha256::digest(&bytes).as_slice(), sha256, "{path}");
        }
        assert_ended(&state, &record);
    }
    assert!(files.is_empty(), "not recorded: {:?}", files.keys());
}

/// The directories with records in them: one, or one for each shard.
pub(crate) fn states(root: &Path) -> Vec<PathBuf> {
    let state = root.join(".tcia-mirror");
    let shards = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path());
    let mut states: Vec<_> =
        shards.chain([state.clone()]).filter(|path| path.join("state.sqlite").exists()).collect();
    states.sort();
    states
}

fn assert_ended(state: &Path, record: &Connection) {
    let count = |sql: &str| record.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM series_job WHERE state = 'running'"), 0);
    assert_eq!(count("SELECT count(*) FROM commit_intent"), 0);
    assert_eq!(
        count(
            "SELECT count(*) FROM series_job LEFT JOIN placement USING (series_id)
                      WHERE state = 'done' AND placement.series_id IS NULL"
        ),
        0
    );
    for entry in std::fs::read_dir(state.join("staging")).unwrap() {
        let series = entry.unwrap().file_name().into_string().unwrap();
        let sql = "SELECT count(*) FROM series_job JOIN series USING (series_id)
                   WHERE series_instance_uid = ?1 AND state <> 'done'";
        let unfinished: i64 = record.query_row(sql, [&series], |row| row.get(0)).unwrap();
        assert_eq!(unfinished, 1, "staging holds {series}");
    }
}

fn recorded(record: &Connection) -> BTreeMap<String, Vec<u8>> {
    let sql = "SELECT path || '/' || sop_instance_uid || '.dcm', sha256 FROM instance JOIN placement USING (series_id)
               UNION ALL SELECT path || '/LICENSE', license_sha256 FROM placement WHERE license_sha256 IS NOT NULL";
    let mut statement = record.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
