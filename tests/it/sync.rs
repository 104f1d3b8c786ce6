//! The incremental cycle: what is new since the watermark, in each dialect's own dates.

use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, tree};
use crate::support::sound::assert_sound;

/// Two series, and a day later a new patient and a new study of a known one.
fn days() -> (Catalogue, Catalogue) {
    let day_0 = Catalogue::small(2, 2, 1000);
    let mut day_1 = day_0.clone();
    let patient = SampleSeries::new(("NEW-1", "NEW-1"), "1.2.826.9.1", "1.2.826.9.1.1", 2, 800);
    let study = SampleSeries::new(("TEST-0001", "TEST-0001"), "1.2.826.1.9", "1.2.826.1.9.1", 1, 800);
    day_1.series.extend([patient, study].map(|series| SampleSeries { released: "2099-01-01", ..series }));
    (day_0, day_1)
}

#[test]
fn new_patients_and_studies_arrive_and_nothing_else_is_asked_for() {
    let (day_0, day_1) = days();
    for dialect in ["nbia-v4", "bindaas-v3"] {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        day_0.build(first.path());
        day_1.build(second.path());
        let fake = FakeTcia::start(first.path());
        let lab = Lab::new(&fake.base_url(dialect));
        lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

        let fake = fake.restart(second.path());
        let ended = lab.run(&["--json", "sync", "--collection", COLLECTION]).assert_code(0);

        assert_eq!(ended.summary()["placed"], 2, "{dialect}");
        assert!(tree(&lab.root()) == day_1.expected_tree(dialect == "nbia-v4"), "{dialect}");
        assert_sound(&lab.root());
        assert_eq!(fake.requests_of("getImage").len(), 2);
        assert_eq!(fake.requests_of("getPatient"), [""; 0], "the collection is not listed whole");
        let series = fake.requests_of("getSeries");
        assert!(series.iter().all(|query| query.contains("PatientID=")), "{series:?}");
    }
}

#[test]
fn a_watermark_waits_for_everything_that_was_planned_under_it() {
    let (day_0, day_1) = days();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    day_0.build(first.path());
    day_1.build(second.path());
    let fake = FakeTcia::start(first.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let watermark = || lab.run(&["--json", "status"]).json()[0]["watermarks"][0]["synced_to"].clone();
    let before = watermark();

    let fake = fake.restart(second.path());
    lab.configure("[disk]\nmin_free = \"1000TB\"");
    lab.run(&["sync", "--collection", COLLECTION]).assert_code(1);
    assert_eq!(watermark(), before, "nothing was fetched, so nothing is synced");
    let refused = Fault::Answer(500, Vec::new(), b"down".to_vec());
    fake.script("NewPatientsInCollection", "", None, refused);
    lab.configure("");
    lab.run(&["sync", "--collection", COLLECTION]).assert_code(1);
    assert_eq!(watermark(), before, "nothing was listed, so nothing is synced");

    fake.heal();
    lab.run(&["sync", "--collection", COLLECTION]).assert_code(0);
    assert!(tree(&lab.root()) == day_1.expected_tree(true));
}

#[test]
fn a_collection_that_was_never_mirrored_is_walked_whole() {
    let (day_0, _) = days();
    let source = tempfile::tempdir().unwrap();
    day_0.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    lab.run(&["sync", "--collection", COLLECTION]).assert_code(0);

    assert!(tree(&lab.root()) == day_0.expected_tree(true));
    assert_eq!(fake.requests_of("NewPatientsInCollection"), [""; 0]);
}

#[test]
fn a_timer_compares_whole_listings_when_that_is_due() {
    let catalogue = Catalogue::small(1, 1, 500);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    let sync = || lab.run(&["sync", "--full-when-due", "--collection", COLLECTION]).assert_code(0);

    sync();
    sync();
    lab.configure("[daemon]\nfull_every = \"0s\"");
    sync();

    let history = lab.run(&["--json", "status", "--history"]).json();
    let commands: Vec<_> = history.iter().map(|run| run["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["sync --full", "sync", "sync --full"]);
}

#[test]
fn one_series_of_a_collection_leaves_the_others_before_the_watermark() {
    let source = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::small(3, 2, 700);
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    // a service that lists the collection for one of its series
    let lab = Lab::new(&fake.base_url("bindaas-v3"));
    lab.run(&["mirror", "--collection", COLLECTION, "--series", "1.2.826.1.1.2"]).assert_code(0);
    let before = tree(&lab.root()).len();

    lab.run(&["sync", "--collection", COLLECTION]).assert_code(0);

    assert_eq!(before, 2);
    assert!(tree(&lab.root()) == catalogue.expected_tree(false));
}
