//! What `verify` finds and what it mends, whatever else is at work.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;
use tcia_mirror::db::Reader;
use tcia_mirror::mirror::Root;
use tcia_mirror::sync::{Damage, Pass, Question, check};

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, tree};
use crate::support::sound::assert_sound;

/// A mirror of a catalogue, and the service that it came from.
pub(crate) fn mirrored(catalogue: &Catalogue) -> (tempfile::TempDir, FakeTcia, Lab) {
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    (source, fake, lab)
}

/// The directory of a series of a small catalogue.
pub(crate) fn series_directory(lab: &Lab, number: u32) -> std::path::PathBuf {
    lab.root().join(format!("{COLLECTION}/TEST-0001/1.2.826.1.1/1.2.826.1.1.{number}"))
}

/// The record of a mirror, to be looked at and to be changed behind the back of the program.
pub(crate) fn record(lab: &Lab) -> Connection {
    Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap()
}

/// Makes the one instance of a series so long, on disk and in the record, that nobody waits for its digest.
pub(crate) fn make_endless(lab: &Lab, number: u32) {
    let file = series_directory(lab, number).join(format!("1.2.826.1.1.{number}.1.dcm"));
    std::fs::File::options().write(true).open(file).unwrap().set_len(1 << 35).unwrap();
    let sql = "UPDATE instance SET size_bytes = 1 << 35 WHERE sop_instance_uid = ?1";
    record(lab).execute(sql, [format!("1.2.826.1.1.{number}.1")]).unwrap();
}

#[test]
fn a_licence_outlives_a_repair_by_single_images() {
    let catalogue = Catalogue::small(1, 2, 500);
    let (_source, fake, lab) = mirrored(&catalogue);
    std::fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.2.dcm")).unwrap();
    let before = fake.requests_of("getImage").len();

    lab.run(&["verify", "--repair", "--fetch", "instances"]).assert_code(0);

    assert_eq!(fake.requests_of("getImage").len(), before);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
    let license: Option<Vec<u8>> =
        record(&lab).query_row("SELECT license_sha256 FROM placement", [], |row| row.get(0)).unwrap();
    assert!(license.is_some(), "the digest is recorded with the new version");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test damages a file")]
fn a_licence_that_was_tampered_with_is_left_out_of_a_repair() {
    let catalogue = Catalogue::small(1, 2, 500);
    let (_source, _fake, lab) = mirrored(&catalogue);
    std::fs::write(series_directory(&lab, 1).join("LICENSE"), "do as you like\n").unwrap();

    let repaired = lab.run(&["verify", "--repair", "--fetch", "instances"]).assert_code(0);

    assert!(repaired.stderr.contains("LICENSE"), "{}", repaired.stderr);
    assert!(tree(&lab.root()) == catalogue.expected_tree(false));
    assert_sound(&lab.root());
    lab.run(&["verify"]).assert_code(0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test leaves a log behind")]
fn a_mirror_that_may_only_be_read_is_read_unless_its_log_is_needed() {
    let (_source, _fake, lab) = mirrored(&Catalogue::small(2, 2, 500));

    let status = lab.run_as_reader(&["--json", "status"]).assert_code(0);
    let verify = lab.run_as_reader(&["--json", "verify"]).assert_code(0);
    std::fs::write(lab.root().join(".tcia-mirror/state.sqlite-wal"), "not empty").unwrap();
    let unclosed = lab.run_as_reader(&["status"]).assert_code(1);

    assert_eq!(status.json()[0]["series"]["done"], 2);
    assert_eq!(verify.summary()["ok"], 4);
    assert!(verify.stderr.contains("cannot be kept"), "{}", verify.stderr);
    assert!(unclosed.stderr.contains("was not closed cleanly"), "{}", unclosed.stderr);
}

#[test]
fn readers_do_not_ask_for_what_only_a_writer_needs() {
    let (_source, _fake, lab) = mirrored(&Catalogue::small(1, 2, 500));
    let state = lab.root().join(".tcia-mirror");
    for directory in ["staging", "replaced"] {
        std::fs::remove_dir(state.join(directory)).unwrap();
    }
    std::fs::remove_file(state.join("lock")).unwrap();

    lab.run(&["status"]).assert_code(0);
    lab.run(&["verify"]).assert_code(0);
}

#[test]
fn a_directory_that_cannot_be_read_is_reported_and_the_rest_is_looked_at() {
    let (_source, _fake, lab) = mirrored(&Catalogue::small(1, 2, 500));
    let patient = format!("{COLLECTION}/TEST-0001");
    let close =
        |mode| std::fs::set_permissions(lab.root().join(&patient), Permissions::from_mode(mode)).unwrap();
    std::fs::create_dir_all(lab.root().join("stranger/inside")).unwrap();
    std::fs::File::create(lab.root().join("stranger/inside/file")).unwrap();
    std::fs::create_dir_all(lab.root().join("empty/inside")).unwrap();

    close(0o000);
    let ended = lab.run_as_reader(&["--json", "verify"]);
    close(0o755);

    let lines = ended.assert_code(3).json();
    let problem_of = |path: &str| lines.iter().find(|line| line["path"] == path).map(|line| &line["problem"]);
    assert_eq!(problem_of(&patient), Some(&"unreadable".into()), "{lines:?}");
    assert_eq!(problem_of("stranger"), Some(&"unexpected".into()), "{lines:?}");
    assert_eq!(problem_of("empty"), None, "{lines:?}");
    assert_eq!(lines.last().unwrap()["summary"]["missing"], 0);
}

#[test]
fn a_series_is_right_as_what_a_commit_that_has_begun_makes_of_it() {
    let (_source, _fake, lab) = mirrored(&Catalogue::small(1, 2, 500));
    // between the rename and the placement: the old version is recorded, the new one lies there
    let between = "INSERT INTO staged_instance SELECT * FROM instance;
        INSERT INTO commit_intent (series_id, path, stamp, license_sha256, proof)
            SELECT series_id, path, '7', license_sha256, proof FROM placement;
        UPDATE instance SET sha256 = zeroblob(32);";
    record(&lab).execute_batch(between).unwrap();

    let right = lab.run(&["--json", "verify"]).assert_code(0);
    record(&lab).execute_batch("DELETE FROM commit_intent").unwrap();
    let wrong = lab.run(&["--json", "verify"]).assert_code(3);

    assert_eq!((&right.summary()["ok"], &right.summary()["instances"]), (&2.into(), &2.into()));
    assert_eq!(wrong.summary()["corrupt"], 2);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test does what a revision does")]
fn a_series_that_is_placed_anew_while_others_are_checked_is_looked_at_again() {
    let (_source, _fake, lab) = mirrored(&Catalogue::small(2, 2, 500));
    let damaged = series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm");
    std::fs::remove_file(&damaged).unwrap();
    let root = Arc::new(Root::open(&lab.root()).unwrap());
    let reader = Reader::open(&root.state_file()).unwrap();
    let elsewhere = lab.root().join(COLLECTION).join("TEST-0002/1.2.826.1.1");
    let mut found = Vec::new();

    // the second series is already read from the record when the first is reported
    let mut report = |damage: Damage| {
        if found.is_empty() {
            std::fs::create_dir_all(&elsewhere).unwrap();
            std::fs::rename(series_directory(&lab, 2), elsewhere.join("1.2.826.1.1.2")).unwrap();
            let sql =
                "UPDATE placement SET path = replace(path, 'TEST-0001', 'TEST-0002') WHERE path LIKE '%.2'";
            record(&lab).execute_batch(sql).unwrap();
        }
        found.push(lab.root().join(damage.problem.path));
    };
    let question = Question {
        selections: &[],
        sample: None,
        at_once: 1,
        services: Vec::new(),
        clock: Timestamp::default,
    };
    let mut pass = Pass::anew(&root, &question);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found_in_all = runtime.block_on(check(&root, &reader, &question, &mut pass, &mut report)).unwrap();
    let totals = found_in_all.totals;

    assert_eq!(found, [damaged]);
    assert_eq!((totals.instances, totals.ok, totals.missing), (4, 3, 1));
}

#[test]
fn a_repair_that_cannot_go_on_still_ends_in_the_summary_of_what_was_found() {
    let (_source, fake, lab) = mirrored(&Catalogue::small(1, 2, 500));
    std::fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm")).unwrap();
    for endpoint in ["getImage", "getSOPInstanceUIDs", "getCollectionValues"] {
        fake.script(endpoint, "", None, Fault::Answer(503, Vec::new(), Vec::new()));
    }

    let ended = lab.run(&["--json", "verify", "--repair"]).assert_code(1);

    let summary = ended.summary();
    assert_eq!(
        (&summary["missing"], &summary["ok"], &summary["repaired"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert!(ended.stderr.contains("has not answered"), "{}", ended.stderr);
}

#[test]
fn a_signal_ends_a_repair_that_is_still_hashing() {
    let (_source, _fake, lab) = mirrored(&Catalogue::small(2, 1, 500));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // one series is found damaged at once, the other takes longer than anybody waits
        let first = series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm");
        drop(std::fs::remove_file(first));
        make_endless(&lab, 2);

        let mut child = lab.start(&["verify", "--repair"]);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        let ended = child.wait().unwrap();

        assert!(line.starts_with("missing: ") && sent.success(), "{line}");
        assert_eq!(ended.code(), Some(code));
    }
}
