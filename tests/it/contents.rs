//! What `status --collection` shows of a mirror, beside the catalogue that the test made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::Lab;

/// A mirror of all of a catalogue but one series, which is parked.
fn mirrored(catalogue: &Catalogue, parked: &str, shares: &[&str]) -> (TempDir, FakeTcia, Lab) {
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    fake.script("getImage", parked, None, Fault::Answer(404, vec![], vec![]));
    fake.script("getSingleImage", parked, None, Fault::Answer(404, vec![], vec![]));
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    for share in shares {
        let share: Vec<_> = share.split_whitespace().collect();
        lab.run(&[&["mirror", "--all-collections"], &share[..]].concat());
    }
    (source, fake, lab)
}

/// Figures of each patient as the catalogue has them.
fn expected(catalogue: &Catalogue, parked: &str) -> BTreeMap<String, Value> {
    let mut patients: BTreeMap<String, (BTreeSet<&str>, [u64; 5])> = BTreeMap::new();
    for series in &catalogue.series {
        let (studies, [all, done, failed, instances, bytes]) =
            patients.entry(series.patient_id.clone()).or_default();
        studies.insert(&series.study);
        *all += 1;
        if series.series == parked {
            *failed += 1;
            continue;
        }
        *done += 1;
        *instances += series.files.len() as u64;
        *bytes += series.bytes();
    }
    let row = |(patient, (studies, [series, done, parked, instances, bytes])): (
        String,
        (BTreeSet<&str>, [u64; 5]),
    )| {
        let row = json!({ "collection": COLLECTION, "patient_id": patient, "studies": studies.len(), "series": series,
            "done": done, "parked": parked, "instances": instances, "bytes": bytes });
        (patient, row)
    };
    patients.into_iter().map(row).collect()
}

#[test]
fn the_patients_of_a_collection_are_shown_with_what_is_there_of_each() {
    let catalogue = Catalogue::large();
    let parked = "1.2.826.3.2.1";
    for shares in [&[""][..], &["--shard 1/2", "--shard 2/2"]] {
        let (_source, _fake, lab) = mirrored(&catalogue, parked, shares);

        let shown = lab.run(&["--json", "status", "--collection", "ct col*"]).assert_code(0).json();

        let shown: BTreeMap<_, _> =
            shown.into_iter().map(|row| (row["patient_id"].as_str().unwrap().to_owned(), row)).collect();
        assert_eq!(shown, expected(&catalogue, parked), "{shares:?}");
    }
}

#[test]
fn the_series_of_a_patient_are_shown_with_where_they_lie() {
    let catalogue = Catalogue::large();
    let parked = "1.2.826.3.2.1";
    let (_source, _fake, lab) = mirrored(&catalogue, parked, &[""]);

    let asked = ["status", "--collection", COLLECTION, "--patient", "TEST-0003"];
    let shown = lab.run(&[&["--json"], &asked[..]].concat()).assert_code(0).json();

    let wanted: Vec<_> = catalogue.series.iter().filter(|series| series.patient_id == "TEST-0003").collect();
    assert_eq!(shown.len(), wanted.len());
    for (row, series) in shown.iter().zip(wanted) {
        let is_there = series.series != parked;
        let path = format!("{COLLECTION}/TEST-0003/{}/{}", series.study, series.series);
        assert_eq!(row["series_instance_uid"], series.series);
        assert_eq!(row["state"], if is_there { "done" } else { "parked" });
        assert_eq!(row["path"], if is_there { json!(path) } else { Value::Null });
        assert_eq!(row["bytes"], if is_there { series.bytes() } else { 0 });
        assert!(!is_there || lab.root().join(&path).is_dir());
    }
    let words = lab.run(&asked).assert_code(0).stdout;
    assert!(words.lines().count() == 7 && words.contains("parked"), "{words}");
    // what a terminal would obey is shown, not sent
    let odd = lab.run(&["status", "--collection", COLLECTION]).assert_code(0).stdout;
    assert!(odd.contains("[31m") && !odd.contains('\u{1b}'), "{odd}");
}

#[test]
fn a_name_under_which_nothing_was_asked_for_is_told() {
    let (_source, _fake, lab) = mirrored(&Catalogue::small(1, 1, 500), "none", &[""]);

    for (asked, named) in [
        (&["--collection", "Nothing"][..], "collection `Nothing`"),
        (&["--collection", COLLECTION, "--patient", "nobody"], "patient `nobody` of collection"),
    ] {
        let ended = lab.run(&[&["status"], asked].concat()).assert_code(2);
        assert!(ended.stderr.contains(named), "{}", ended.stderr);
    }
}
