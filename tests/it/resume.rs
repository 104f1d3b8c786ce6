//! The program killed in mid-download, and what the next one makes of it.

use std::collections::BTreeSet;

use rusqlite::{Connection, OpenFlags};

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, is_instance, tree, wait_until};
use crate::support::sound::assert_sound;

/// The record of a mirror that may not be there yet.
fn record(lab: &Lab) -> Option<Connection> {
    let path = lab.root().join(".tcia-mirror/state.sqlite");
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()
}

fn staged(lab: &Lab, series: &str) -> i64 {
    let Some(record) = record(lab) else { return 0 };
    let sql =
        "SELECT count(*) FROM staged_instance JOIN series USING (series_id) WHERE series_instance_uid = ?1";
    record.query_row(sql, [series], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn a_kill_in_mid_download_loses_nothing_that_was_placed_or_staged() {
    let catalogue = Catalogue::small(3, 6, 40_000);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("[limits]\nparallel = 1\n[http]\nidle_timeout = \"60s\"\nfirst_byte_timeout = \"60s\"");
    // the second series stops after five of its six instances, the last of which waits for its MD5
    fake.script("getImage", "1.2.826.1.1.2", Some(1), Fault::StallAfter(225_000));

    let mut killed = lab.start(&["mirror", "--collection", COLLECTION]);
    wait_until("four staged instances", || staged(&lab, "1.2.826.1.1.2") >= 4);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let placed_before: BTreeSet<_> = tree(&lab.root()).into_keys().collect();
    let asked_before = fake.requests_of("getImage").len();
    lab.run(&["resume"]).assert_code(0);

    assert_sound(&lab.root());
    let instances = |tree: std::collections::BTreeMap<String, Vec<u8>>| {
        tree.into_iter().filter(|(path, _)| is_instance(path)).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert!(instances(tree(&lab.root())) == catalogue.expected_tree(false));
    assert!(
        placed_before.iter().any(|path| path.contains("1.2.826.1.1.1/")),
        "the first series was placed before"
    );
    let asked = fake.requests_of("getImage").split_off(asked_before);
    assert_eq!(asked.len(), 1, "only the third series is asked for whole: {asked:?}");
    assert!(asked[0].contains("1.2.826.1.1.3"), "{asked:?}");
    let single: Vec<_> = fake.requests_of("getSingleImage");
    assert_eq!(single.len(), 2, "one instance was missing, and one was not on record: {single:?}");
}

#[test]
fn a_walk_that_was_killed_goes_on_where_it_stopped() {
    let catalogue = Catalogue::large();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("[http]\nfirst_byte_timeout = \"60s\"");
    let refused = Fault::Answer(500, Vec::new(), b"too large".to_vec());
    // the whole collection is refused, so that patients are asked for one by one; one of them hangs
    fake.script("getSeries", "PatientID=TEST-0008", Some(1), Fault::Stall);
    fake.script("getSeries", "Collection=CT+COLONOGRAPHY", Some(3), refused);

    let mut killed = lab.start(&["mirror", "--collection", COLLECTION]);
    wait_until("the patient that hangs, and the others", || {
        let asked = fake.requests_of("getSeries");
        asked.iter().any(|request| request.contains("TEST-0008")) && parts_done(&lab) >= 10
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let done = parts_done(&lab);
    let before = fake.requests_of("getPatientStudy").len();
    let refused = Fault::Answer(500, Vec::new(), b"too large".to_vec());
    fake.script("getSeries", "", Some(3), refused);
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    let asked_again = fake.requests_of("getPatientStudy").len() - before - 1;
    assert_eq!(
        i64::try_from(asked_again).unwrap(),
        18 - done,
        "only patients that were not listed are asked for"
    );
}

fn parts_done(lab: &Lab) -> i64 {
    let Some(record) = record(lab) else { return 0 };
    record.query_row("SELECT count(*) FROM walk_part", [], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn a_commit_that_was_interrupted_after_its_rename_is_ended_at_start() {
    let catalogue = Catalogue::small(1, 2, 1000);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let before = fake.requests_of("getImage").len();
    // the record as it stands between the rename and the placement
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    record
        .execute_batch(
            "INSERT INTO staged_instance SELECT * FROM instance;
             INSERT INTO commit_intent (series_id, path, stamp, license_sha256, proof, listed_image_count,
                 listed_size_bytes)
             SELECT series_id, path, '7', license_sha256, proof, listed_image_count, listed_size_bytes FROM placement;
             DELETE FROM placement; DELETE FROM instance; UPDATE series_job SET state = 'running';",
        )
        .unwrap();
    drop(record);

    lab.run(&["resume"]).assert_code(0);

    assert_sound(&lab.root());
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_eq!(fake.requests_of("getImage").len(), before);
}
