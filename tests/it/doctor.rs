//! What `doctor` finds, and what it says is to be done.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, tree, wait_until};

const SELECT: &str = "[[select]]\nall_collections = true\n";

/// A service, and a mirror of all of it.
fn mirrored() -> (TempDir, FakeTcia, Lab) {
    let source = tempfile::tempdir().unwrap();
    Catalogue::small(2, 2, 500).build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure(SELECT);
    lab.run(&["mirror"]).assert_code(0);
    (source, fake, lab)
}

/// State, what was found and what is to be done, of every check of a name.
fn of<'a>(ended: &'a [Value], check: &'a str) -> Vec<(&'a str, &'a str, &'a str)> {
    let text = |one: &'a Value, key: &str| one[key].as_str().unwrap_or_default();
    let found = ended.iter().filter(|one| one["check"] == check);
    found.map(|one| (text(one, "state"), text(one, "found"), text(one, "hint"))).collect()
}

#[test]
fn where_all_is_well_nothing_is_wrong_and_nothing_is_left_behind() {
    let (_source, fake, lab) = mirrored();
    let everything = || {
        let listed = Command::new("find").arg(lab.root()).args(["-printf", "%p %y %T@\n"]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        // the directory itself has held the trial, and whoever reads in the record has files beside it
        let is_ours = |line: &&str| !line.contains(".tcia-mirror d") && !line.contains("state.sqlite-");
        listed.lines().filter(is_ours).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = everything();

    let ended = lab.run(&["--json", "doctor"]).assert_code(0);

    let found = ended.json();
    for check in ["configuration", "root", "disk", "space", "lock", "record", "clock", "key", "service"] {
        assert_eq!(of(&found, check).iter().map(|(state, ..)| *state).collect::<Vec<_>>(), ["ok"], "{check}");
    }
    assert!(of(&found, "record")[0].1.starts_with("2 series, 2 of them done"));
    assert!(of(&found, "service")[0].1.contains("lists 1 collections"));
    assert_eq!(ended.summary(), serde_json::json!({ "ok": 9, "warnings": 0, "wrong": 0 }));
    assert_eq!(everything(), before);
    assert!(fake.requests_of("getImage").len() == 2, "nothing was fetched again");
    let words = lab.run(&["doctor"]).assert_code(0).stdout;
    assert!(words.lines().all(|line| line.starts_with("ok ") || line.starts_with("9 ok")), "{words}");
}

#[test]
fn a_root_on_nfs_is_told_what_follows() {
    let (_source, _fake, lab) = mirrored();
    let doctor = lab.command(&["--json", "doctor"]);

    // what fstatfs(2) gives on NFS: 0x6969 in the first word
    let mut traced = Command::new("strace");
    traced.args(["-f", "-o"]).arg(lab.beside("strace.log"));
    traced.args(["-e", "trace=fstatfs", "-e", "inject=fstatfs:poke_exit=@arg2=6969000000000000"]);
    let ended: Ended = traced.arg(doctor.get_program()).args(doctor.get_args()).output().unwrap().into();

    let found = ended.assert_code(0).json();
    let [(state, name, hint)] = of(&found, "file system")[..] else { panic!("{found:?}") };
    assert_eq!((state, name), ("warning", "NFS"));
    assert!(hint.contains("one machine only") && hint.contains("--shard"), "{hint}");
}

#[test]
fn a_root_that_is_not_there_a_full_disk_and_a_foreign_one_are_told_apart() {
    let (_source, _fake, lab) = mirrored();
    let doctor = |arguments: &[&str]| lab.run(&[&["--json", "doctor"], arguments].concat());

    let nowhere = doctor(&["--root", lab.beside("nothing/here").to_str().unwrap()]).assert_code(0).json();
    assert_eq!(of(&nowhere, "root")[0].0, "warning");
    assert!(of(&nowhere, "lock").is_empty() && !lab.beside("nothing").exists());
    lab.configure(&format!("{SELECT}[disk]\nmin_free = \"1000TB\"\n"));
    let full = doctor(&[]).assert_code(1).json();
    assert_eq!(of(&full, "space")[0].0, "wrong");
    let foreign = lab.run_as_reader(&["--json", "doctor"]).assert_code(1).json();
    let (state, found, hint) = of(&foreign, "disk")[0];
    assert!(
        state == "wrong" && found.contains("Permission denied") && hint.contains("sudo -u"),
        "{foreign:?}"
    );
    let a_file = doctor(&["--root", lab.beside("config.toml").to_str().unwrap()]).assert_code(1).json();
    assert_eq!(of(&a_file, "root")[0].0, "wrong");
}

#[test]
fn another_process_is_told_and_not_disturbed() {
    let (_source, fake, lab) = mirrored();
    fake.script("getPatient", "", None, Fault::Stall);
    let mut running = lab.start(&["mirror"]);
    wait_until("the root to be held", || {
        of(&lab.run(&["--json", "doctor"]).json(), "lock").first().is_some_and(|lock| lock.0 == "warning")
    });

    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(of(&lab.run(&["--json", "doctor"]).assert_code(0).json(), "lock")[0].0, "ok");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test damages a record of its own")]
fn a_damaged_record_is_wrong_and_nothing_is_touched() {
    let (_source, _fake, lab) = mirrored();
    let record = lab.root().join(".tcia-mirror/state.sqlite");
    fs::write(&record, [b"SQLite format 3\0".as_slice(), &[0x5a; 8000]].concat()).unwrap();
    let before = (tree(&lab.root()), fs::read(&record).unwrap());

    let found = lab.run(&["--json", "doctor"]).assert_code(1).json();

    assert_eq!(of(&found, "record")[0].0, "wrong");
    assert!(before == (tree(&lab.root()), fs::read(&record).unwrap()));
}

#[test]
fn what_is_wrong_with_a_service_is_told_with_what_to_do() {
    let (_source, fake, lab) = mirrored();
    let in_1994 = vec![("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let collections = format!("[{{\"Collection\":\"{COLLECTION}\"}}]").into_bytes();
    for (fault, code, check, state, says) in [
        (Fault::Answer(401, vec![], vec![]), 1, "service", "wrong", "key"),
        (Fault::Answer(403, vec![], vec![]), 1, "service", "wrong", "key"),
        (Fault::Answer(503, vec![], vec![]), 1, "service", "wrong", "HTTPS_PROXY"),
        (Fault::Answer(404, vec![], vec![]), 1, "service", "wrong", "--probe"),
        (Fault::Answer(200, vec![], vec![]), 1, "service", "wrong", "hides failures"),
        (Fault::Answer(200, vec![], b"<html>".to_vec()), 1, "service", "wrong", "--probe"),
        (Fault::Answer(200, in_1994, collections), 0, "clock", "warning", "NTP"),
    ] {
        fake.heal();
        fake.script("getCollectionValues", "", None, fault);
        let found = lab.run(&["--json", "doctor"]).assert_code(code).json();
        let matching = |(found, _, hint): &(&str, &str, &str)| *found == state && hint.contains(says);
        assert!(of(&found, check).iter().any(matching), "{says}: {found:?}");
    }
    let nobody = Lab::new("http://127.0.0.1:1/nbia-api/services/v4");
    let found = nobody.run(&["--json", "doctor"]).assert_code(1).json();
    assert!(of(&found, "service")[0].2.contains("reaches the host"), "{found:?}");
    let elsewhere = nobody.run(&["--json", "doctor", "--base-url", "http://127.0.0.1:1/what/is/it"]);
    assert!(of(&elsewhere.assert_code(1).json(), "service")[0].1.contains("known paths"));
}

#[test]
fn a_key_is_told_and_not_shown_and_a_proxy_neither() {
    let (_source, _fake, lab) = mirrored();
    let secret = "s3cret-of-the-lab";
    let mut command = lab.command(&["--json", "doctor"]);
    command
        .env("TCIA_MIRROR_API_KEY", secret)
        .env("HTTPS_PROXY", format!("http://u:{secret}@proxy.example:3128"));

    let ended: Ended = command.output().unwrap().into();

    let ended = ended.assert_code(0);
    let found = ended.json();
    assert!(of(&found, "key")[0].1.contains("a key"), "{found:?}");
    assert!(of(&found, "proxy")[0].1.contains("proxy.example:3128"), "{found:?}");
    assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
}
