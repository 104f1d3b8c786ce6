//! What a broken or lying server does, what is on disk afterwards, and what becomes of the job.

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

/// Name of a fault, the fault, and words of the reason that the parked series shows.
type Case = (&'static str, Fault, &'static str);

fn faults() -> Vec<Case> {
    [answers_that_are_no_zip(), zips_that_are_short(), zips_that_lie()].concat()
}

fn answers_that_are_no_zip() -> Vec<Case> {
    vec![
        ("500 text", answer(500, "text/plain", "Server was not able to process your request\nnull"), "500"),
        ("502 page", answer(502, "text/html", "<html>bad gateway</html>"), "502"),
        ("429", Fault::Answer(429, vec![("retry-after", "0")], Vec::new()), "429"),
        (
            "400 not granted",
            answer(400, "application/json", "The user has not been granted the access to image"),
            "not been granted",
        ),
        ("an HTML page with 200", answer(200, "text/html", "<html>login</html>"), "<html>login"),
        ("an empty body with 200", answer(200, "application/octet-stream", ""), "ZIP"),
        ("an empty ZIP", rezip(|_| Vec::new()), "MD5"),
        (
            "only a licence",
            rezip(|entries| entries.into_iter().filter(|(name, _)| name == "LICENSE").collect()),
            "MD5",
        ),
        ("cut in an entry", Fault::CutAfter(5000), "broke off"),
        ("cut in the first bytes", Fault::CutAfter(10), "broke off"),
        ("silence", Fault::StallAfter(4000), "fewer than"),
        ("no first byte", Fault::Stall, "sent nothing"),
    ]
}

fn zips_that_are_short() -> Vec<Case> {
    let first_instance = |entries: &Entries| entries.iter().position(|(name, _)| is_instance(name)).unwrap();
    vec![
        (
            "short but well-formed",
            rezip(|mut entries| {
                entries.truncate(3);
                entries
            }),
            "MD5",
        ),
        (
            "short by one, with the list of MD5s of all",
            rezip(move |mut entries| {
                entries.remove(first_instance(&entries));
                entries
            }),
            "3 instances, the service lists 4",
        ),
        (
            "an instance cut short around which the ZIP was closed",
            rezip(|mut entries| {
                entries.retain(|(name, _)| name != "md5hashes.csv");
                let last = entries.len() - 1;
                let half = entries[last].1.len() / 2;
                entries[last].1.truncate(half);
                entries
            }),
            "MD5",
        ),
    ]
}

fn zips_that_lie() -> Vec<Case> {
    vec![
        (
            "other bytes than the MD5 says",
            rezip(|mut entries| {
                let instance = entries.iter_mut().find(|(name, _)| is_instance(name)).unwrap();
                *instance.1.last_mut().unwrap() ^= 1;
                entries
            }),
            "MD5",
        ),
        (
            "the same instance twice with other bytes",
            rezip(|mut entries| {
                let (_, mut twin) = entries.iter().find(|(name, _)| is_instance(name)).unwrap().clone();
                *twin.last_mut().unwrap() ^= 1;
                entries.insert(1, ("twin.dcm".to_owned(), twin));
                entries
            }),
            "differ",
        ),
    ]
}

#[test]
fn every_fault_of_a_zip_is_healed_when_the_server_heals() {
    let catalogue = catalogue();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());

    for (name, fault, _) in faults() {
        fake.heal();
        fake.script("getImage", BROKEN, Some(1), fault);
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        let ended = lab.run(&["mirror", "--collection", COLLECTION]);

        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        assert!(tree(&lab.root()) == catalogue.expected_tree(true), "{name}");
        assert_sound(&lab.root());
    }
}

#[test]
fn a_fault_that_stays_parks_its_series_with_the_reason_and_no_other() {
    let catalogue = catalogue();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let whole = Catalogue { series: catalogue.series[..1].to_vec() };

    for (name, fault, reason) in faults() {
        fake.heal();
        fake.script("getImage", BROKEN, None, fault);
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        let ended = lab.run(&["--json", "mirror", "--collection", COLLECTION, "--fetch", "series"]);

        assert_eq!(ended.code, Some(3), "{name}: {}", ended.stderr);
        assert!(tree(&lab.root()) == whole.expected_tree(true), "{name}");
        assert_sound(&lab.root());
        let parked = ended.json().into_iter().find(|line| line["event"] == "parked").unwrap();
        assert_eq!(parked["series_instance_uid"], BROKEN, "{name}");
        assert!(parked["reason"].as_str().unwrap().contains(reason), "{name}: {parked}");

        fake.heal();
        lab.run(&["retry"]).assert_code(0);
        assert!(tree(&lab.root()) == catalogue.expected_tree(true), "{name}");
        assert_sound(&lab.root());
    }
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
fn names_in_a_zip_never_become_paths() {
    let catalogue = Catalogue::small(1, 3, 1000);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let hostile = rezip(|mut entries| {
        let names = ["../../../escaped.dcm", "/tmp/escaped.dcm", "..\\..\\escaped.dcm"];
        let instances = entries.iter_mut().filter(|(name, _)| is_instance(name));
        instances.zip(names).for_each(|((name, _), hostile)| hostile.clone_into(name));
        entries
    });
    fake.script("getImage", "", None, hostile);
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert!(!lab.beside("escaped.dcm").exists());
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

#[test]
fn a_service_that_refuses_everything_stops_the_run_and_parks_nothing() {
    let catalogue = catalogue();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    fake.script("getImage", "", None, answer(403, "text/html", "<html>key revoked</html>"));

    let ended = lab.run(&["mirror", "--collection", COLLECTION]).assert_code(1);

    assert!(ended.stderr.contains("403"), "{}", ended.stderr);
    fake.heal();
    lab.run(&["resume"]).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}
