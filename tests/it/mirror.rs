//! A whole catalogue through the program, in each dialect, compared byte by byte.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, is_instance, tree};
use crate::support::sound::assert_sound;

const DIALECTS: [&str; 5] = ["nbia-v4", "nbia-v2", "nbia-v1", "bindaas-v3", "bindaas-v1"];

/// Whether a selection should bring a series.
type Wanted = fn(&SampleSeries) -> bool;

fn served(catalogue: &Catalogue) -> (tempfile::TempDir, FakeTcia) {
    let directory = tempfile::tempdir().unwrap();
    catalogue.build(directory.path());
    let fake = FakeTcia::start(directory.path());
    (directory, fake)
}

/// Runs the program with a token, which only one of the dialects asks for.
fn run(lab: &Lab, arguments: &[&str]) -> Ended {
    let mut command = lab.command(arguments);
    Ended::from(command.env("TCIA_MIRROR_TOKEN", "whoever").output().unwrap()).assert_code(0)
}

/// Bindaas knows no licences.
fn sends_licences(dialect: &str) -> bool {
    dialect.starts_with("nbia")
}

#[test]
fn a_catalogue_arrives_byte_by_byte_in_every_dialect() {
    let catalogue = Catalogue::large();
    let (_source, fake) = served(&catalogue);

    for dialect in DIALECTS {
        let lab = Lab::new(&fake.base_url(dialect));
        let ended = run(&lab, &["--json", "mirror", "--collection", COLLECTION]);

        assert_eq!(ended.summary()["placed"], catalogue.series.len(), "{dialect}");
        let expected = catalogue.expected_tree(sends_licences(dialect));
        let found = tree(&lab.root());
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert!(found == expected, "{dialect}: some file has other bytes");
        assert_sound(&lab.root());
    }
}

#[test]
fn a_second_run_asks_for_no_image() {
    let catalogue = Catalogue::small(4, 3, 2000);
    let (_source, fake) = served(&catalogue);
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let before = fake.requests_of("getImage").len();

    let ended = lab.run(&["--json", "mirror", "--collection", COLLECTION]).assert_code(0);

    assert_eq!((fake.requests_of("getImage").len(), fake.requests_of("getSingleImage").len()), (before, 0));
    let summary = ended.summary();
    assert_eq!((&summary["placed"], &summary["kept"]), (&Value::from(0), &Value::from(4)));
}

#[test]
fn a_collection_costs_three_lists_and_one_for_the_names() {
    let (_source, fake) = served(&Catalogue::small(6, 1, 500));
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    let planned = lab.run(&["--json", "plan", "--collection", COLLECTION]).assert_code(0);

    let lists: Vec<_> =
        fake.requests().iter().map(|request| request.split('?').next().unwrap().to_owned()).collect();
    assert_eq!(lists, ["getCollectionValues", "getPatient", "getPatientStudy", "getSeries"]);
    assert_eq!(planned.summary()["requests"], 4);
}

#[test]
fn instances_can_be_fetched_one_by_one_in_every_dialect() {
    let catalogue = Catalogue::small(3, 4, 2000);
    let (_source, fake) = served(&catalogue);

    // the first generation hands out whole series only
    for dialect in DIALECTS.into_iter().filter(|dialect| *dialect != "bindaas-v1") {
        let lab = Lab::new(&fake.base_url(dialect));
        run(&lab, &["mirror", "--collection", COLLECTION, "--fetch", "instances"]);

        assert!(tree(&lab.root()) == catalogue.expected_tree(false), "{dialect}");
        assert_sound(&lab.root());
    }
    assert_eq!(fake.requests_of("getImage"), [""; 0]);
}

#[test]
fn selections_narrow_what_is_fetched() {
    let catalogue = Catalogue::large();
    let (_source, fake) = served(&catalogue);
    let cases: [(&[&str], Wanted); 5] = [
        (&["--patient", "TEST-0003"], |series| series.patient_id == "TEST-0003"),
        (&["--collection", COLLECTION, "--modality", "mr"], |series| series.modality == "MR"),
        (&["--study", "1.2.826.2.1"], |series| series.study == "1.2.826.2.1"),
        (&["--series", "1.2.826.2.1.2", "--series", "1.2.826.103.1.1"], |series| {
            series.series == "1.2.826.2.1.2" || series.series == "1.2.826.103.1.1"
        }),
        (&["--collection", "ct colonography", "--patient", "a/b"], |series| series.patient_id == "a/b"),
    ];

    for (flags, wanted) in cases {
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        lab.run(&[&["mirror"], flags].concat()).assert_code(0);

        let series = catalogue.series.iter().filter(|series| wanted(series)).cloned().collect();
        assert!(tree(&lab.root()) == Catalogue { series }.expected_tree(true), "{flags:?}");
    }
}

#[test]
fn identifiers_that_differ_only_in_case_get_paths_that_differ_in_more() {
    let series = ["AbC", "aBc"].map(|name| {
        let study = if name == "AbC" { "1.2.826.1" } else { "1.2.826.2" };
        SampleSeries::new((name, name), study, &format!("{study}.1"), 1, 100)
    });
    let (_source, fake) = served(&Catalogue { series: series.to_vec() });
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    lab.run(&["mirror", "--collection", COLLECTION, "--parallel", "1"]).assert_code(0);

    let patients: BTreeSet<_> =
        tree(&lab.root()).keys().map(|path| path.split('/').nth(1).unwrap().to_owned()).collect();
    let first = patients.contains("AbC") && patients.contains("%61%42%63");
    let second = patients.contains("aBc") && patients.contains("%41%62%43");
    assert!(first || second, "{patients:?}");
    assert_sound(&lab.root());
}

#[test]
fn a_listing_that_is_short_is_found_out_by_its_counts() {
    let catalogue = Catalogue::large();
    let (_source, fake) = served(&catalogue);
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    let one_row = br#"[{"SeriesInstanceUID":"1.2.826.1.1.1","StudyInstanceUID":"1.2.826.1.1","Collection":"CT COLONOGRAPHY","PatientID":"TEST-0001","ImageCount":1}]"#;
    let short = Fault::Answer(200, vec![("content-type", "application/json")], one_row.to_vec());
    fake.script("getSeries", "Collection", Some(1), short);

    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}

#[test]
fn a_listing_that_is_refused_cut_or_empty_is_asked_for_in_parts() {
    let catalogue = Catalogue::large();
    let (_source, fake) = served(&catalogue);
    let cut = Fault::CutAfter(700);
    let empty = Fault::Answer(200, Vec::new(), Vec::new());
    let page = Fault::Answer(200, vec![("content-type", "text/html")], b"<html>maintenance</html>".to_vec());
    let broken = Fault::Answer(
        500,
        vec![("content-type", "text/plain")],
        b"Server was not able to process your request".to_vec(),
    );
    let cases = [
        ("getSeries", "Collection=CT+COLONOGRAPHY&", None),
        ("getSeries", "", Some(cut.clone())),
        ("getSeries", "", Some(empty.clone())),
        ("getSeries", "", Some(page.clone())),
        ("getSeries", "", Some(broken.clone())),
        ("getPatientStudy", "", Some(cut)),
        ("getPatientStudy", "", Some(empty.clone())),
        ("getPatient", "", Some(empty.clone())),
        ("getPatient", "", Some(broken)),
        ("getCollectionValues", "", Some(empty)),
        ("getCollectionValues", "", Some(page)),
    ];

    for (endpoint, about, fault) in cases {
        fake.heal();
        let Some(fault) = fault else { continue };
        fake.script(endpoint, about, Some(2), fault);
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

        assert!(tree(&lab.root()) == catalogue.expected_tree(true), "{endpoint}");
        assert_sound(&lab.root());
    }
}

#[test]
fn a_service_that_contradicts_itself_is_shown_by_status() {
    let catalogue = Catalogue::small(2, 1, 500);
    let (_source, fake) = served(&catalogue);
    let study = br#"[{"StudyInstanceUID":"1.2.826.1.1","PatientID":"TEST-0001","Collection":"CT COLONOGRAPHY","SeriesCount":3}]"#;
    let answer = Fault::Answer(200, vec![("content-type", "application/json")], study.to_vec());
    fake.script("getPatientStudy", "", None, answer);
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    let status = lab.run(&["--json", "status"]).assert_code(0).json();
    let remark = status[0]["remarks"][0].to_string();
    assert!(remark.contains("SeriesCount is 3, getSeries lists 2"), "{remark}");
}

#[test]
fn a_revised_series_replaces_the_old_version_which_is_kept_aside() {
    let day_0 = Catalogue::small(2, 2, 1000);
    let mut day_1 = day_0.clone();
    day_1.series[1] = SampleSeries::new(("TEST-0001", "TEST-0001"), "1.2.826.1.1", "1.2.826.1.1.2", 3, 900);
    for dialect in DIALECTS {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        day_0.build(first.path());
        day_1.build(second.path());
        let fake = FakeTcia::start(first.path());
        let lab = Lab::new(&fake.base_url(dialect));
        run(&lab, &["mirror", "--collection", COLLECTION]);

        let fake = fake.restart(second.path());
        let plan = run(&lab, &["--json", "plan", "--collection", COLLECTION]).json();
        run(&lab, &["mirror", "--collection", COLLECTION]);

        assert!(plan.iter().any(|line| line["reason"] == "changed: 2 instances, now 3"), "{plan:?}");
        assert_eq!(fake.requests_of("getImage").len(), 1);
        assert!(tree(&lab.root()) == day_1.expected_tree(sends_licences(dialect)));
        assert_sound(&lab.root());
        let replaced = tree(&lab.root().join(".tcia-mirror/replaced"));
        let old: Vec<_> =
            replaced.into_iter().filter(|(path, _)| is_instance(path)).map(|(_, bytes)| bytes).collect();
        assert_eq!(old, day_0.series[1].files.values().cloned().collect::<Vec<_>>());
    }
}

#[test]
fn a_change_of_licence_or_description_fetches_nothing() {
    let catalogue = Catalogue::small(1, 1, 500);
    let (_source, fake) = served(&catalogue);
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let size = catalogue.series[0].bytes();
    let row = format!(
        r#"[{{"SeriesInstanceUID":"1.2.826.1.1.1","StudyInstanceUID":"1.2.826.1.1","Collection":"CT COLONOGRAPHY",
        "PatientID":"TEST-0001","ImageCount":1,"FileSize":{size},"LicenseName":"CC BY 4.0","DateReleased":"05-06-2024"}}]"#
    );
    fake.script(
        "getSeries",
        "",
        None,
        Fault::Answer(200, vec![("content-type", "application/json")], row.into_bytes()),
    );
    let before = fake.requests_of("getImage").len();

    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert_eq!(fake.requests_of("getImage").len(), before);
    let record = rusqlite::Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let licence: String = record.query_row("SELECT license_name FROM series", [], |row| row.get(0)).unwrap();
    assert_eq!(licence, "CC BY 4.0");
}

#[test]
fn a_listing_that_never_comes_whole_is_narrowed_or_fails_and_moves_no_watermark() {
    let catalogue = Catalogue::large();
    let (_source, fake) = served(&catalogue);
    let refused = || Fault::Answer(500, Vec::new(), b"Server was not able to process your request".to_vec());
    let empty = || Fault::Answer(200, Vec::new(), Vec::new());
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    // no list of a whole collection of series is ever given: every patient is asked for
    fake.script_without("getSeries", "PatientID", refused());
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));

    for (endpoint, fault) in
        [("getCollectionValues", empty()), ("getPatient", refused()), ("getSeries", empty())]
    {
        fake.heal();
        fake.script(endpoint, "", None, fault);
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        let ended = lab.run(&["mirror", "--all-collections"]);
        assert_eq!(ended.code, Some(1), "{endpoint}: {}", ended.stderr);
        let status = lab.run(&["--json", "status"]).json();
        assert_eq!(status[0]["watermarks"].as_array().unwrap().len(), 0, "{endpoint}");
    }
}

#[test]
fn a_patient_that_cannot_be_listed_is_named_and_the_others_are_mirrored() {
    let catalogue = Catalogue::large();
    let (_source, fake) = served(&catalogue);
    let refused = || Fault::Answer(500, Vec::new(), b"Server was not able to process your request".to_vec());
    fake.script("getSeries", "PatientID=TEST-0003", None, refused());
    fake.script_without("getSeries", "PatientID", refused());
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    let ended = lab.run(&["mirror", "--collection", COLLECTION]).assert_code(1);

    assert!(ended.stderr.contains("cannot list patient `TEST-0003`"), "{}", ended.stderr);
    let others = catalogue.series.iter().filter(|series| series.patient_id != "TEST-0003").cloned().collect();
    assert!(tree(&lab.root()) == Catalogue { series: others }.expected_tree(true));
    assert_sound(&lab.root());
}

/// What the record says every series was proven by.
fn proofs(lab: &Lab) -> BTreeSet<String> {
    let record = rusqlite::Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let mut statement = record.prepare("SELECT proof FROM placement").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn instances_that_come_without_their_md5s_are_proven_by_the_one_over_all_of_them() {
    let catalogue = Catalogue::small(2, 3, 500);
    let (_source, fake) = served(&catalogue);
    let mirror = ["mirror", "--collection", COLLECTION, "--fetch", "instances"];

    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&mirror).assert_code(0);
    assert_eq!(proofs(&lab), ["count+bytes+instances+hierarchy".to_owned()].into());

    let another = "0123456789abcdef0123456789abcdef";
    fake.script("getMD5Hierarchy", "", None, Fault::Answer(200, Vec::new(), another.into()));
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&mirror).assert_code(3);
    let status = lab.run(&["status"]).assert_code(0);
    assert!(status.stdout.contains(&format!("the service has {another}")), "{status:?}");
    assert!(tree(&lab.root()).is_empty());
}

#[test]
fn a_server_that_withholds_the_md5_over_a_series_takes_nothing_from_the_other_proofs() {
    let catalogue = Catalogue::small(4, 2, 500);
    let (_source, fake) = served(&catalogue);
    fake.script("getMD5Hierarchy", "", None, Fault::Answer(500, Vec::new(), b"no".to_vec()));
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    lab.run(&["mirror", "--collection", COLLECTION, "--fetch", "instances", "--parallel", "1"])
        .assert_code(0);

    assert!(tree(&lab.root()) == catalogue.expected_tree(false));
    assert_eq!(proofs(&lab), ["count+bytes+instances".to_owned()].into());
    assert_eq!(fake.requests_of("getMD5Hierarchy").len(), 3, "the tries of one request, then no more");
}

#[test]
fn rows_that_contradict_each_other_are_asked_for_again_and_the_narrower_answer_counts() {
    let catalogue = Catalogue::small(1, 2, 500);
    let (_source, fake) = served(&catalogue);
    let row = |count: u32| {
        format!(
            r#"{{"SeriesInstanceUID":"1.2.826.1.1.1","StudyInstanceUID":"1.2.826.1.1","Collection":"{COLLECTION}","PatientID":"TEST-0001","ImageCount":{count}}}"#
        )
    };
    let twice = format!("[{},{}]", row(2), row(7));
    fake.script_without("getSeries", "PatientID", Fault::Answer(200, Vec::new(), twice.clone().into()));
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));

    // a service that never agrees with itself is shown by `status`
    fake.script("getSeries", "", None, Fault::Answer(200, Vec::new(), twice.into()));
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(3);
    let status = lab.run(&["status"]).assert_code(0);
    assert!(status.stdout.contains("twice, with different figures"), "{status:?}");
}

#[test]
fn an_address_that_carries_a_key_is_refused_and_not_repeated() {
    for address in
        ["http://lab:hunter2@127.0.0.1:9/nbia-api/services/v4", "http://127.0.0.1:9/x?api_key=hunter2"]
    {
        let ended = Lab::new(address).run(&["mirror", "--collection", COLLECTION]).assert_code(2);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
}
