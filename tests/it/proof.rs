//! How far `verify` has come, what a sample takes, and what the services say of what lies here.

use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::assert_sound;
use crate::verify::{make_endless, mirrored, record, series_directory};

/// An MD5 that no series has.
const LIE: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A mirror of so many series of one instance, placed long ago.
fn old_mirror(series: u32) -> (tempfile::TempDir, FakeTcia, Lab) {
    let (source, fake, lab) = mirrored(&Catalogue::small(series, 1, 500));
    record(&lab).execute("UPDATE placement SET placed_at = 1", []).unwrap();
    (source, fake, lab)
}

/// Names of the notes of `verify` beside the record.
fn notes(lab: &Lab, kind: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(lab.root().join(".tcia-mirror")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_one = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(kind) && !name.contains(".new")
    };
    paths.filter(is_one).collect()
}

/// Waits until a verification has written down that it has come so far; gives up after a minute.
fn await_place(lab: &Lab, through: i64) {
    let end = Instant::now() + Duration::from_mins(1);
    let place = || {
        let text = std::fs::read(notes(lab, "verify-").pop()?).ok()?;
        serde_json::from_slice::<Value>(&text).ok()?["through"].as_i64()
    };
    while place().is_none_or(|place| place < through) {
        assert!(Instant::now() < end, "no place was kept: {:?}", place());
        thread::yield_now();
    }
}

/// Starts a verification that cannot get past one series, and ends it by a signal once it waits there.
fn cut_off(lab: &Lab, arguments: &[&str], endless: u32, signal: &str) -> ExitStatus {
    make_endless(lab, endless);
    let mut child = lab.start(&[arguments, &["--parallel", "1"]].concat());
    await_place(lab, i64::from(endless) - 1);
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap()
}

/// Makes a series as short again as it was.
fn make_right(lab: &Lab, catalogue: &Catalogue, number: u32) {
    let bytes = catalogue.series[number as usize - 1].bytes();
    let name = format!("1.2.826.1.1.{number}.1");
    let file = series_directory(lab, number).join(format!("{name}.dcm"));
    std::fs::File::options().write(true).open(file).unwrap().set_len(bytes).unwrap();
    let size = i64::try_from(bytes).unwrap();
    let sql = "UPDATE instance SET size_bytes = ?1 WHERE sop_instance_uid = ?2";
    record(lab).execute(sql, rusqlite::params![size, name]).unwrap();
}

fn lines_of(ended: &Ended, kind: &str) -> Vec<Value> {
    ended.json().iter().filter(|line| !line[kind].is_null()).map(|line| line[kind].clone()).collect()
}

#[test]
fn a_verification_that_was_cut_off_goes_on_where_it_stopped() {
    for signal in ["KILL", "TERM", "INT"] {
        let (_source, _fake, lab) = old_mirror(4);
        let catalogue = Catalogue::small(4, 1, 500);

        let cut = cut_off(&lab, &["verify"], 3, signal);
        make_right(&lab, &catalogue, 3);
        // what was read before the cut is not read again, so that nobody sees this
        std::fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm")).unwrap();
        let resumed = lab.run(&["--json", "verify"]).assert_code(0);
        let again = lab.run(&["--json", "verify"]).assert_code(3);

        let code = [("KILL", None), ("TERM", Some(143)), ("INT", Some(130))];
        assert!(code.contains(&(signal, cut.code())), "{signal}");
        assert!(resumed.stderr.contains("going on with the verification"), "{}", resumed.stderr);
        assert!(resumed.stderr.contains("2 series"), "{}", resumed.stderr);
        let runs: Vec<_> = lines_of(&resumed, "run").iter().map(|run| run["series"].as_u64()).collect();
        assert_eq!(runs, [Some(2), Some(2)], "what each run has read");
        assert_eq!((&resumed.summary()["instances"], &resumed.summary()["ok"]), (&4.into(), &4.into()));
        assert_eq!(again.summary()["missing"], 1, "the next one begins anew");
        assert!(lines_of(&again, "run").is_empty());
    }
}

#[test]
fn what_was_placed_since_and_what_was_damaged_is_read_again() {
    let (_source, _fake, lab) = old_mirror(4);
    let catalogue = Catalogue::small(4, 1, 500);
    let gone = |number: u32| series_directory(&lab, number).join(format!("1.2.826.1.1.{number}.1.dcm"));
    std::fs::remove_file(gone(2)).unwrap();

    cut_off(&lab, &["verify"], 4, "KILL");
    make_right(&lab, &catalogue, 4);
    std::fs::remove_file(gone(1)).unwrap();
    std::fs::remove_file(gone(3)).unwrap();
    record(&lab).execute("UPDATE placement SET placed_at = 1 << 40 WHERE series_id = 1", []).unwrap();
    let resumed = lab.run(&["--json", "verify"]).assert_code(3);

    let mut missing: Vec<_> = resumed
        .json()
        .iter()
        .filter_map(|line| line["series_instance_uid"].as_str().map(str::to_owned))
        .collect();
    missing.sort();
    assert_eq!(missing, ["1.2.826.1.1.1", "1.2.826.1.1.2"]);
    assert_eq!((&resumed.summary()["ok"], &resumed.summary()["missing"]), (&2.into(), &2.into()));
}

#[test]
fn another_question_or_a_restart_takes_up_nothing() {
    let (_source, _fake, lab) = old_mirror(3);
    let catalogue = Catalogue::small(3, 1, 500);
    cut_off(&lab, &["verify"], 3, "KILL");
    make_right(&lab, &catalogue, 3);
    std::fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm")).unwrap();

    let other = lab.run(&["--json", "verify", "--collection", COLLECTION]).assert_code(3);
    let restarted = lab.run(&["--json", "verify", "--restart"]).assert_code(3);

    for ended in [&other, &restarted] {
        assert_eq!(ended.summary()["missing"], 1);
        assert!(!ended.stderr.contains("going on"), "{}", ended.stderr);
    }
}

#[test]
fn a_repair_takes_up_what_the_verification_before_it_has_found() {
    let (_source, _fake, lab) = old_mirror(3);
    std::fs::remove_file(series_directory(&lab, 2).join("1.2.826.1.1.2.1.dcm")).unwrap();
    lab.run(&["verify"]).assert_code(3);
    assert_eq!(notes(&lab, "verify-").len(), 1);

    let repaired = lab.run(&["--json", "verify", "--repair"]).assert_code(0);

    let runs: Vec<_> = lines_of(&repaired, "run").iter().map(|run| run["series"].as_u64()).collect();
    assert_eq!(runs, [Some(3), Some(1)], "only the damaged one is read again");
    assert_eq!((&repaired.summary()["repaired"], &repaired.summary()["instances"]), (&1.into(), &3.into()));
    assert!(notes(&lab, "verify-").is_empty(), "nothing is left to be done");
    assert_sound(&lab.root());
}

#[test]
fn a_repair_fetches_the_damaged_instance_and_no_other() {
    let catalogue = Catalogue::small(2, 5, 500);
    let (_source, fake, lab) = mirrored(&catalogue);
    let damaged = series_directory(&lab, 1).join("1.2.826.1.1.1.3.dcm");
    let mut bytes = std::fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    damage(&damaged, &bytes);
    std::fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.5.dcm")).unwrap();
    let before = fake.requests_of("getImage").len();

    let repaired = lab.run(&["--json", "verify", "--repair", "--sample", "100%", "--remote"]).assert_code(0);

    assert_eq!(repaired.summary()["repaired"], 2);
    assert_eq!(fake.requests_of("getImage").len(), before, "no ZIP");
    let mut fetched = fake.requests_of("getSingleImage");
    fetched.sort();
    assert_eq!(fetched.len(), 2, "{fetched:?}");
    assert!(fetched[0].contains("1.2.826.1.1.1.3") && fetched[1].contains("1.2.826.1.1.1.5"), "{fetched:?}");
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}

#[test]
fn a_damaged_licence_comes_again_with_its_series() {
    let catalogue = Catalogue::small(1, 3, 500);
    let (_source, _fake, lab) = mirrored(&catalogue);
    damage(&series_directory(&lab, 1).join("LICENSE"), b"do as you like\n");

    lab.run(&["verify", "--repair"]).assert_code(0);

    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}

#[expect(clippy::disallowed_methods, reason = "the test damages a file")]
fn damage(file: &std::path::Path, bytes: &[u8]) {
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn samples_cover_everything_in_turn_and_take_at_least_one_series() {
    let (_source, _fake, lab) = old_mirror(12);
    let sample = |share: &str| {
        let ended = lab.run(&["--json", "verify", "--sample", share]).assert_code(0);
        (ended.summary()["instances"].as_u64().unwrap(), lines_of(&ended, "sample"))
    };

    let quarters: Vec<_> = (0..4).map(|_| sample("25%")).collect();
    let (tiny, line) = sample("0.0001%");

    assert_eq!(quarters.iter().map(|(taken, _)| taken).sum::<u64>(), 12, "{quarters:?}");
    let from: std::collections::BTreeSet<_> =
        quarters.iter().map(|(_, line)| line[0]["from"].to_string()).collect();
    assert_eq!(from.len(), 4, "each begins elsewhere");
    assert_eq!(tiny, 1);
    assert_eq!(line[0]["share"], "0.0001%");
}

#[test]
fn a_sample_finds_damage_and_looks_for_no_strangers() {
    let (_source, _fake, lab) = old_mirror(2);
    std::fs::create_dir(lab.root().join("stranger")).unwrap();
    lab.run(&["verify", "--sample", "100%"]).assert_code(0);
    std::fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm")).unwrap();

    let found = lab.run(&["--json", "verify", "--sample", "100%"]).assert_code(3);

    assert_eq!((&found.summary()["missing"], &found.summary()["unexpected"]), (&1.into(), &0.into()));
}

#[test]
fn a_share_that_is_none_is_a_usage_error_that_says_what_to_type() {
    let (_source, _fake, lab) = old_mirror(1);
    for share in ["5", "0%", "101%", "many", "-1%"] {
        let refused = lab.run(&["verify", &format!("--sample={share}")]).assert_code(2);
        assert!(refused.stderr.contains("like 5%"), "{}", refused.stderr);
    }
}

/// Statements that a verification makes about a mirror in a dialect.
fn statements(dialect: &str, spoil: impl Fn(&FakeTcia)) -> (Ended, Vec<Value>) {
    let catalogue = Catalogue::small(3, 2, 500);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url(dialect));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    spoil(&fake);
    let ended = lab.run(&["--json", "verify", "--remote"]);
    let statements = lines_of(&ended, "statement");
    (ended, statements)
}

#[test]
fn each_dialect_proves_a_collection_as_well_as_it_can_and_says_how() {
    for (dialect, proof, tells_md5s) in [
        ("nbia-v4", "hierarchy", true),
        ("nbia-v1", "count+bytes+instances", false),
        ("bindaas-v3", "count+bytes+instances", false),
        ("bindaas-v1", "count+bytes", false),
    ] {
        let (ended, statements) = statements(dialect, |_| ());

        assert_eq!(ended.code, Some(0), "{dialect}: {ended:?}");
        let [statement] = &statements[..] else { panic!("{dialect}: {statements:?}") };
        assert_eq!(statement["collection"], COLLECTION);
        assert_eq!((&statement["series"], &statement["instances"]), (&3.into(), &6.into()), "{dialect}");
        assert_eq!(statement["proofs"], serde_json::json!({ proof: 3 }), "{dialect}");
        assert_eq!(statement["tells_md5s"], tells_md5s, "{dialect}");
        let as_of: jiff::Timestamp = statement["as_of"].as_str().unwrap().parse().unwrap();
        assert!(as_of.as_second() > 1_700_000_000, "{statement}");
        assert_eq!(ended.json().last().unwrap()["summary"]["differing"], 0);
    }
}

#[test]
fn a_service_that_lies_about_one_md5_is_asked_twice_and_then_named() {
    let lie = Fault::Answer(200, vec![("content-type", "text/plain")], LIE.to_vec());
    let (once, _) = statements("nbia-v4", |fake| fake.script("getMD5Hierarchy", "", Some(1), lie.clone()));
    let (always, statement) =
        statements("nbia-v4", |fake| fake.script("getMD5Hierarchy", "", None, lie.clone()));

    assert_eq!(once.code, Some(0), "{once:?}");
    assert_eq!(always.code, Some(3), "{always:?}");
    let mut problems: Vec<_> = always.json().into_iter().filter(|line| !line["problem"].is_null()).collect();
    assert_eq!(problems.len(), 3);
    // several series are read at a time
    problems.sort_by_key(|problem| problem["path"].to_string());
    assert_eq!(problems[0]["problem"], "differs");
    assert_eq!(problems[0]["series_instance_uid"], "1.2.826.1.1.1");
    assert_eq!(problems[0]["path"], format!("{COLLECTION}/TEST-0001/1.2.826.1.1/1.2.826.1.1.1"));
    let reason = problems[0]["reason"].as_str().unwrap();
    assert!(reason.ends_with("the service has 0123456789abcdef0123456789abcdef"), "{reason}");
    assert_eq!((&statement[0]["series"], &statement[0]["differing"]), (&0.into(), &3.into()));
    assert_eq!((&always.summary()["ok"], &always.summary()["differing"]), (&6.into(), &3.into()));
}

#[test]
fn a_difference_that_a_repair_does_not_end_is_not_called_repaired() {
    let source = tempfile::tempdir().unwrap();
    Catalogue::small(2, 2, 500).build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let lie = Fault::Answer(200, vec![("content-type", "text/plain")], LIE.to_vec());
    fake.script("getMD5Hierarchy", "", None, lie);

    let ended = lab.run(&["--json", "verify", "--remote", "--repair"]).assert_code(3);

    assert_eq!((&ended.summary()["differing"], &ended.summary()["repaired"]), (&2.into(), &0.into()));
}

#[test]
fn a_service_that_lists_another_number_or_nothing_is_named() {
    let row = |count: u32| {
        serde_json::json!([{ "Collection": COLLECTION, "PatientID": "TEST-0001", "StudyInstanceUID": "1.2.826.1.1",
            "SeriesInstanceUID": "1.2.826.1.1.1", "ImageCount": count, "FileSize": 1 }])
    };
    let body = row(7).to_string().into_bytes();
    let more = Fault::Answer(200, vec![("content-type", "application/json")], body);
    let none = Fault::Answer(200, vec![("content-type", "application/json")], Vec::new());

    let (more, _) =
        statements("nbia-v1", |fake| fake.script("getSeries", "1.2.826.1.1.1", None, more.clone()));
    let (none, statement) =
        statements("nbia-v1", |fake| fake.script("getSeries", "1.2.826.1.1.1", None, none.clone()));

    assert_eq!((more.code, none.code), (Some(3), Some(3)));
    assert_eq!(more.json()[0]["reason"], "the series holds 2 instances, the service lists 7");
    assert_eq!(none.json()[0]["problem"], "withdrawn");
    assert_eq!((&statement[0]["withdrawn"], &statement[0]["series"]), (&1.into(), &2.into()));
}

#[test]
fn a_service_that_cannot_be_asked_proves_nothing_and_ends_in_1() {
    let refused = Fault::Answer(400, Vec::new(), b"not granted".to_vec());
    let (ended, statement) =
        statements("nbia-v1", |fake| fake.script("getSeries", "1.2.826.1.1.1", None, refused.clone()));

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!((&statement[0]["not_answered"], &statement[0]["series"]), (&1.into(), &2.into()));
    assert!(ended.stderr.contains("could not be compared"), "{}", ended.stderr);
}

#[test]
fn a_service_that_is_gone_ends_the_comparison_and_what_was_read_is_kept() {
    let (_source, fake, lab) = old_mirror(3);
    drop(fake);

    let ended = lab.run(&["verify", "--remote"]).assert_code(1);
    std::fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm")).unwrap();
    lab.run(&["verify"]).assert_code(3);

    assert!(ended.stderr.contains("has not answered"), "{}", ended.stderr);
}
