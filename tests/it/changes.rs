//! What becomes of the mirror when the service lists something else than before.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, is_instance, tree};
use crate::support::sound::assert_sound;

const FULL: [&str; 5] = ["--json", "sync", "--full", "--collection", COLLECTION];
/// Each whole listing counts, however soon it comes after the one before.
const AT_ONCE: &str = "[daemon]\nconfirm_withdrawn = { listings = 2, hours = 0 }";

fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer(status, vec![("content-type", "application/json")], body.as_bytes().to_vec())
}

/// A mirror of a catalogue, and the service on the next day.
fn next_day(day_0: &Catalogue, day_1: &Catalogue, dialect: &str) -> (FakeTcia, Lab, [tempfile::TempDir; 2]) {
    let places = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    day_0.build(places[0].path());
    day_1.build(places[1].path());
    let fake = FakeTcia::start(places[0].path());
    let lab = Lab::new(&fake.base_url(dialect));
    lab.configure(AT_ONCE);
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    (fake.restart(places[1].path()), lab, places)
}

/// Files of versions that left the tree, without the names that they have there.
fn replaced(root: &Path) -> Vec<Vec<u8>> {
    let files: BTreeMap<_, _> = tree(&root.join(".tcia-mirror/replaced"));
    files.into_iter().filter(|(path, _)| is_instance(path)).map(|(_, bytes)| bytes).collect()
}

fn withdrawn(lab: &Lab) -> u64 {
    lab.run(&["--json", "status"]).json()[0]["series"]["withdrawn"].as_u64().unwrap()
}

#[test]
fn a_new_series_in_an_old_study_comes_with_its_release() {
    let day_0 = Catalogue::small(2, 2, 1000);
    let mut day_1 = day_0.clone();
    let new = SampleSeries::new(("TEST-0001", "TEST-0001"), "1.2.826.1.1", "1.2.826.1.1.9", 2, 700);
    day_1.series.push(SampleSeries { released: "2099-01-01", ..new });

    for dialect in ["nbia-v4", "nbia-v1"] {
        let (fake, lab, _places) = next_day(&day_0, &day_1, dialect);
        // neither its patient nor its study is new
        for endpoint in ["NewPatientsInCollection", "NewStudiesInPatientCollection"] {
            fake.script(endpoint, "", None, answer(200, "[]"));
        }

        let ended = lab.run(&["--json", "sync", "--collection", COLLECTION]).assert_code(0);

        assert_eq!(ended.summary()["placed"], 1, "{dialect}");
        assert!(tree(&lab.root()) == day_1.expected_tree(true), "{dialect}");
        assert_eq!(fake.requests_of("getUpdatedSeries").len(), 1, "{dialect}");
        let asked = fake.requests_of("getSeries");
        assert!(asked.iter().all(|query| query.contains("StudyInstanceUID=1.2.826.1.1")), "{asked:?}");
    }
}

#[test]
fn a_service_that_cannot_tell_what_was_released_moves_no_watermark() {
    let day_0 = Catalogue::small(1, 1, 500);
    let mut day_1 = day_0.clone();
    let new = SampleSeries::new(("NEW-1", "NEW-1"), "1.2.826.9.1", "1.2.826.9.1.1", 1, 700);
    day_1.series.push(SampleSeries { released: "2099-01-01", ..new });
    let (fake, lab, _places) = next_day(&day_0, &day_1, "nbia-v4");
    let watermark = || lab.run(&["--json", "status"]).json()[0]["watermarks"][0]["synced_to"].clone();
    // so that it would be seen to move, in whole seconds
    let record = rusqlite::Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    record.execute("UPDATE watermark SET synced_to = synced_to - 60", []).unwrap();
    drop(record);
    let before = watermark();
    fake.script("getUpdatedSeries", "", None, answer(500, "down"));

    let ended = lab.run(&["sync", "--collection", COLLECTION]).assert_code(1);
    let after = watermark();
    fake.heal();
    lab.run(&["sync", "--collection", COLLECTION]).assert_code(0);

    assert!(ended.stderr.contains("getUpdatedSeries"), "{}", ended.stderr);
    assert_eq!(after, before);
    assert!(tree(&lab.root()) == day_1.expected_tree(true), "what is new has come all the same");
    assert_ne!(watermark(), before);
}

#[test]
fn a_series_that_stands_elsewhere_goes_there_and_is_not_fetched_again() {
    let day_0 = Catalogue::small(3, 3, 1000);
    let mut day_1 = day_0.clone();
    let moved = &mut day_1.series[1];
    (moved.patient_id, moved.component) = ("NEW/1".to_owned(), "NEW%2F1".to_owned());

    for dialect in ["nbia-v4", "nbia-v1", "bindaas-v3"] {
        let (fake, lab, _places) = next_day(&day_0, &day_1, dialect);

        let ended = lab.run(&FULL).assert_code(0);

        assert_eq!(
            (&ended.summary()["placed"], &ended.summary()["kept"]),
            (&1.into(), &2.into()),
            "{dialect}"
        );
        assert!(tree(&lab.root()) == day_1.expected_tree(dialect != "bindaas-v3"), "{dialect}");
        assert_sound(&lab.root());
        assert_eq!(fake.requests_of("getImage"), [""; 0], "{dialect}");
        assert_eq!(fake.requests_of("getSingleImage"), [""; 0], "{dialect}");
        let old: Vec<_> = day_0.series[1].files.values().cloned().collect();
        assert!(replaced(&lab.root()) == old, "{dialect}");
        assert_eq!(lab.run(&FULL).assert_code(0).summary()["kept"], 3, "{dialect}");
    }
}

#[test]
fn a_series_that_stands_elsewhere_and_was_damaged_here_is_fetched_where_it_is_damaged() {
    let day_0 = Catalogue::small(1, 4, 1000);
    let mut day_1 = day_0.clone();
    let moved = &mut day_1.series[0];
    (moved.patient_id, moved.component) = ("NEW".to_owned(), "NEW".to_owned());
    let (fake, lab, _places) = next_day(&day_0, &day_1, "nbia-v4");
    let damaged = day_0.expected_tree(false).into_keys().next().unwrap();
    // longer than anybody waits for its digest
    std::fs::File::options().write(true).open(lab.root().join(damaged)).unwrap().set_len(1 << 40).unwrap();

    lab.run(&FULL).assert_code(0);

    assert!(tree(&lab.root()) == day_1.expected_tree(true));
    assert_sound(&lab.root());
    assert_eq!(fake.requests_of("getImage"), [""; 0]);
    assert_eq!(fake.requests_of("getSingleImage").len(), 1);
    // the place that it has left is empty, and that is no damage
    lab.run(&["verify"]).assert_code(0);
}

#[test]
fn a_series_that_enough_listings_do_not_show_is_withdrawn_and_its_files_stay() {
    let day_0 = Catalogue::small(3, 2, 1000);
    let day_1 = Catalogue { series: day_0.series[..2].to_vec() };

    for dialect in ["nbia-v4", "nbia-v1", "bindaas-v3"] {
        let (fake, lab, places) = next_day(&day_0, &day_1, dialect);

        let first = lab.run(&FULL).assert_code(0);
        let after_first = withdrawn(&lab);
        let second = lab.run(&FULL).assert_code(0);

        assert_eq!((&first.summary()["withdrawn"], after_first), (&0.into(), 0), "{dialect}");
        assert_eq!((&second.summary()["withdrawn"], withdrawn(&lab)), (&1.into(), 1), "{dialect}");
        let event = second.json().into_iter().find(|line| line["event"] == "withdrawn").unwrap();
        assert_eq!(event["series_instance_uid"], "1.2.826.1.1.3");
        assert!(tree(&lab.root()) == day_0.expected_tree(dialect != "bindaas-v3"), "{dialect}");
        assert_eq!(lab.run(&FULL).assert_code(0).summary()["withdrawn"], 0, "it is withdrawn once");

        let fake = fake.restart(places[0].path());
        lab.run(&FULL).assert_code(0);
        assert_eq!(withdrawn(&lab), 0, "{dialect}");
        assert_eq!(fake.requests_of("getImage"), [""; 0], "it is here already");
        assert_sound(&lab.root());
    }
}

#[test]
fn a_listing_that_may_have_failed_withdraws_nothing() {
    let catalogue = Catalogue::small(3, 2, 1000);
    let rows = "[{\"Collection\":\"CT COLONOGRAPHY\",\"PatientID\":\"TEST-0001\",\"StudyInstanceUID\":\"1.2.826.1.1\",\
        \"SeriesInstanceUID\":\"1.2.826.1.1.1\",\"ImageCount\":2}";
    let whole = format!("{rows}]");
    let faults: [(&str, &str, Fault); 8] = [
        ("an empty answer", "getSeries", answer(200, "")),
        ("an empty list", "getSeries", answer(200, "[]")),
        ("a list that was cut", "getSeries", answer(200, rows)),
        ("a list without its end", "getSeries", Fault::CutAfter(300)),
        ("a refusal", "getSeries", answer(400, "no")),
        ("a failure", "getSeries", answer(500, "no")),
        ("a list that was shortened silently", "getSeries", answer(200, &whole)),
        ("a list of collections without this one", "getCollectionValues", answer(200, "[]")),
    ];
    for (name, endpoint, fault) in faults {
        let (fake, lab, _places) = next_day(&catalogue, &catalogue, "nbia-v4");
        fake.script(endpoint, "", None, fault);

        for _ in 0..3 {
            lab.run(&FULL);
        }

        assert_eq!(withdrawn(&lab), 0, "{name}");
        assert!(tree(&lab.root()) == catalogue.expected_tree(true), "{name}");
        assert_sound(&lab.root());
    }
}

#[test]
fn what_is_obsolete_goes_when_it_is_old_enough_and_somebody_asks() {
    let day_0 = Catalogue::small(3, 2, 1000);
    let mut day_1 = Catalogue { series: day_0.series[..2].to_vec() };
    let revised = SampleSeries::new(("TEST-0001", "TEST-0001"), "1.2.826.1.1", "1.2.826.1.1.2", 3, 600);
    day_1.series[1] = SampleSeries { submitted: "2030-01-01", ..revised };
    let (_fake, lab, _places) = next_day(&day_0, &day_1, "nbia-v4");
    for _ in 0..2 {
        lab.run(&FULL).assert_code(0);
    }
    let mut both = day_0.expected_tree(true);
    both.retain(|path, _| path.contains("1.2.826.1.1.3/"));
    both.extend(day_1.expected_tree(true));
    let prune = |flags: &[&str]| lab.run(&[&["--json", "prune"], flags].concat()).assert_code(0);

    let too_young = prune(&[]);
    let shown = prune(&["--older-than", "0s", "--dry-run"]);
    let kept = (tree(&lab.root()) == both, replaced(&lab.root()).len());
    let pruned = prune(&["--older-than", "0s"]);

    assert_eq!((&too_young.summary()["replaced"], &too_young.summary()["withdrawn"]), (&0.into(), &0.into()));
    assert_eq!((&shown.summary()["replaced"], &shown.summary()["withdrawn"]), (&1.into(), &1.into()));
    assert_eq!(kept, (true, 2));
    let kinds = |ended: &crate::support::program::Ended| {
        ended.json().iter().filter_map(|line| line["kind"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!((kinds(&shown), kinds(&pruned)), (vec!["replaced".into(), "withdrawn".into()], kinds(&shown)));
    assert!(tree(&lab.root()) == day_1.expected_tree(true));
    assert!(replaced(&lab.root()).is_empty());
    assert_sound(&lab.root());
    assert_eq!(prune(&["--older-than", "0s"]).summary()["withdrawn"], 0);
}

#[test]
fn a_removal_that_was_interrupted_is_ended_at_start() {
    let catalogue = Catalogue::small(2, 2, 1000);
    let (_fake, lab, _places) = next_day(&catalogue, &catalogue, "nbia-v4");
    // the record as it stands once the removal is written down and nothing has gone yet
    let record = rusqlite::Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let begun = "INSERT INTO removal SELECT path FROM placement WHERE path LIKE '%.2';
        DELETE FROM instance WHERE series_id IN (SELECT series_id FROM placement WHERE path LIKE '%.2');
        UPDATE series_job SET state = 'withdrawn' WHERE series_id IN (SELECT series_id FROM placement WHERE path LIKE '%.2');
        DELETE FROM placement WHERE path LIKE '%.2';";
    record.execute_batch(begun).unwrap();
    drop(record);

    lab.run(&["resume"]).assert_code(0);

    let left = Catalogue { series: catalogue.series[..1].to_vec() };
    assert!(tree(&lab.root()) == left.expected_tree(true));
    assert_sound(&lab.root());
    // it is listed again, so it comes again
    lab.run(&FULL).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}
