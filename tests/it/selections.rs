//! What `[[select]]` tables and patterns take and leave out, at a service and in what is recorded.

use std::collections::BTreeMap;

use crate::support::catalogue::{Catalogue, SampleSeries};
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::assert_sound;

const BY: &str = "Creative Commons Attribution 4.0 International License";
const BY_NC: &str = "Creative Commons Attribution-NonCommercial 3.0 Unported License";

/// Four collections of one series each.
fn catalogue() -> Catalogue {
    let of = |number: u32, (collection, patient, modality, license)| {
        let study = format!("1.2.826.{number}");
        let uid = format!("{study}.1");
        let series = SampleSeries::new((patient, patient), &study, &uid, 2, 500);
        SampleSeries { collection: String::from(collection), modality, license_name: Some(license), ..series }
    };
    let series = [
        ("LUNG-1", "L-001", "CT", BY),
        ("LUNG-2", "L-002", "MR", BY),
        ("LUNG-3", "M-003", "CT", BY_NC),
        ("OTHER", "L-004", "CT", BY),
    ];
    Catalogue { series: (1..).zip(series).map(|(number, series)| of(number, series)).collect() }
}

/// A mirror of it, made by a command with a configuration.
struct Made {
    _source: tempfile::TempDir,
    fake: FakeTcia,
    lab: Lab,
    ended: Ended,
}

fn make(select: &str, arguments: &[&str]) -> Made {
    let source = tempfile::tempdir().unwrap();
    catalogue().build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure(select);
    let ended = lab.run(arguments);
    Made { _source: source, fake, lab, ended }
}

fn expected(collections: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let series = catalogue().series.into_iter().filter(|series| collections.contains(&&*series.collection));
    series.flat_map(|series| series.expected_tree(true)).collect()
}

#[test]
fn what_a_table_leaves_out_is_not_fetched_by_whatever_it_is_known() {
    for (rules, collections) in [
        ("license = [\"*NonCommercial*\"]", &["LUNG-1", "LUNG-2", "OTHER"][..]),
        ("collection = [\"lung-*\"]", &["OTHER"]),
        ("patient = [\"L-00[1]\", \"L-00?\"]", &["LUNG-3"]),
        ("modality = [\"mr\"]\nseries = [\"1.2.826.4.1\"]", &["LUNG-1", "LUNG-3"]),
        ("study = [\"1.2.826.1\"]", &["LUNG-2", "LUNG-3", "OTHER"]),
    ] {
        let made =
            make(&format!("[[select]]\nall_collections = true\n[select.exclude]\n{rules}"), &["mirror"]);

        made.ended.assert_code(0);
        assert_sound(&made.lab.root());
        assert!(tree(&made.lab.root()) == expected(collections), "{rules}");
    }
}

#[test]
fn a_collection_that_is_left_out_is_not_even_asked_about() {
    let select = "[[select]]\nall_collections = true\nexclude = { collection = [\"LUNG-*\"] }";
    let made = make(select, &["mirror"]);

    made.ended.assert_code(0);
    let asked = made.fake.requests().concat();
    assert!(asked.contains("OTHER") && !asked.contains("LUNG"), "{asked}");
}

#[test]
fn a_pattern_takes_the_collections_that_look_like_it() {
    for (pattern, collections) in
        [("lung-?", &["LUNG-1", "LUNG-2", "LUNG-3"][..]), ("*", &["LUNG-1", "LUNG-2", "LUNG-3", "OTHER"])]
    {
        let made = make("", &["mirror", "--collection", pattern]);

        made.ended.assert_code(0);
        assert!(tree(&made.lab.root()) == expected(collections), "{pattern}");
    }
    let made =
        make("", &["mirror", "--collection", "LUNG-*", "--patient", "L-*", "--license", "*Attribution 4*"]);
    made.ended.assert_code(0);
    assert!(tree(&made.lab.root()) == expected(&["LUNG-1", "LUNG-2"]));
    made.lab.run(&["verify", "--collection", "*-1"]).assert_code(0);
}

#[test]
fn a_pattern_like_which_no_collection_is_is_named() {
    let made = make("", &["mirror", "--collection", "LUNG-*", "--collection", "BRAIN-*"]);

    let ended = made.ended.assert_code(1);
    assert!(ended.stderr.contains("BRAIN-*"), "{}", ended.stderr);
    assert!(tree(&made.lab.root()) == expected(&["LUNG-1", "LUNG-2", "LUNG-3"]));
}

#[test]
fn a_nightly_sync_by_a_pattern_of_patients_has_nothing_to_complain_of_when_only_others_are_new() {
    let select = "[[select]]\ncollection = [\"LUNG-*\"]\npatient = [\"L-*\"]";
    let made = make(select, &["sync"]);
    made.ended.assert_code(0);
    assert!(tree(&made.lab.root()) == expected(&["LUNG-1", "LUNG-2"]));

    let mut later = catalogue();
    let new = SampleSeries::new(("M-005", "M-005"), "1.2.826.5", "1.2.826.5.1", 2, 500);

    later.series.push(SampleSeries { collection: "LUNG-3".to_owned(), released: "2099-01-01", ..new });
    let source = tempfile::tempdir().unwrap();
    later.build(source.path());
    let fake = made.fake.restart(source.path());
    let again = made.lab.run(&["--json", "sync"]).assert_code(0);

    assert!(
        fake.requests_of("getSeries").concat().contains("M-005"),
        "the new one was listed: {:?}",
        fake.requests()
    );
    assert_eq!(again.summary()["placed"], 0);
    assert!(tree(&made.lab.root()) == expected(&["LUNG-1", "LUNG-2"]));
}
