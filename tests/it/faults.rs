//! A server that is broken over a time or for all series at once; one thing at a time is in `liars`.

use std::sync::Arc;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::dicom_bytes;
use crate::support::fake_tcia::{Entries, FakeTcia, Fault};
use crate::support::java_zip::JavaZip;
use crate::support::program::{Lab, is_instance, tree};
use crate::support::sound::assert_sound;

/// The series of every test here: its second one is the one that is broken.
fn catalogue() -> Catalogue {
    Catalogue::small(2, 4, 3000)
}

const BROKEN: &str = "1.2.826.1.1.2";

fn answer(status: u16, kind: &'static str, body: &str) -> Fault {
    Fault::Answer(status, vec![("content-type", kind)], body.as_bytes().to_vec())
}

fn rezip(change: impl Fn(Entries) -> Entries + Send + Sync + 'static) -> Fault {
    Fault::Rezip(Arc::new(move |entries| {
        let zip = change(entries).iter().fold(JavaZip::new(), |zip, (name, data)| zip.entry(name, data));
        zip.finish()
    }))
}

#[test]
fn a_server_that_cuts_every_zip_still_ends_in_whole_series_where_there_are_single_images() {
    let catalogue = catalogue();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());

    for dialect in ["nbia-v4", "bindaas-v3"] {
        fake.heal();
        fake.script("getImage", "", None, Fault::CutAfter(8000));
        let lab = Lab::new(&fake.base_url(dialect));
        lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

        assert_sound(&lab.root());
        let instances = tree(&lab.root()).into_iter().filter(|(path, _)| is_instance(path)).collect();
        assert!(catalogue.expected_tree(false) == instances, "{dialect}");
    }
}

#[test]
fn what_does_not_belong_to_a_series_is_left_out_of_it() {
    let catalogue = catalogue();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let stranger = dicom_bytes::instance("1.2.826.1.1", "1.2.826.1.1.99", "1.2.826.1.1.99.1", b"stranger");
    let page = b"<html>error</html>".to_vec();

    for (name, extra) in [("stranger.dcm", stranger), ("oops.dcm", page)] {
        fake.heal();
        let add = move |mut entries: Entries| {
            entries.insert(1, (name.to_owned(), extra.clone()));
            entries
        };
        fake.script("getImage", BROKEN, None, rezip(add));
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        let ended = lab.run(&["mirror", "--collection", COLLECTION, "--fetch", "series"]).assert_code(0);

        assert!(ended.stderr.contains(name), "{}", ended.stderr);
        assert!(tree(&lab.root()) == catalogue.expected_tree(true), "{name}");
        assert_sound(&lab.root());
    }
}

#[test]
fn a_service_that_is_down_for_a_while_costs_no_series_a_try() {
    let catalogue = catalogue();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("[jobs]\nattempts = 1\n[retry]\ngive_up = \"30s\"\n[limits]\nparallel = 1");
    // the image and every probe are refused until the service is up again
    fake.script("getImage", "", Some(3), answer(503, "text/html", "<html>down</html>"));
    fake.script("getCollectionValues", "", Some(4), answer(503, "text/html", "<html>down</html>"));

    let ended = lab.run(&["--json", "mirror", "--series", BROKEN]);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.summary()["placed"], 1);
    assert_sound(&lab.root());
}

#[test]
fn instances_of_an_older_version_are_never_mixed_with_a_newer_one() {
    let day_0 = Catalogue::small(1, 6, 3000);
    let mut day_1 = day_0.clone();
    for bytes in day_1.series[0].files.values_mut() {
        *bytes.last_mut().unwrap() ^= 1;
    }
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    day_0.build(first.path());
    day_1.series[0].submitted = "2030-01-01";
    day_1.build(second.path());
    let fake = FakeTcia::start(first.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    // five of six instances arrive, then neither ZIP nor single image brings the last one
    fake.script("getImage", "", None, Fault::CutAfter(17_000));
    fake.script("getSingleImage", "", None, answer(500, "text/plain", "no"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(3);

    let _fake = fake.restart(second.path());
    lab.run(&["retry"]).assert_code(0);
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert!(tree(&lab.root()) == day_1.expected_tree(true));
    assert_sound(&lab.root());
}

#[test]
fn an_outage_costs_no_series_a_try_however_many_meet_it() {
    let catalogue = Catalogue::small(8, 1, 1000);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("[jobs]\nattempts = 1\n[retry]\nattempts = 1\ngive_up = \"30s\"\n[limits]\nparallel = 4");
    let down = || answer(503, "text/html", "<html>down</html>");
    fake.script("getImage", "", Some(4), down());
    lab.run(&["plan", "--collection", COLLECTION]).assert_code(0);
    fake.script("getCollectionValues", "", Some(3), down());
    let ended = lab.run(&["mirror", "--study", "1.2.826.1.1"]);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}
