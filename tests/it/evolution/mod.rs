//! Day 0, day 1, day 2 of a service that changes in every way that was seen between its real releases: no change is
//! missed that it can tell of, and nothing else is fetched.

mod days;
mod detours;
mod held;
mod proof;
mod service;

use std::collections::BTreeSet;

use self::days::name;
use self::held::Held;
use self::proof::{assert_files, assert_holds, assert_settled};
use self::service::{Service, asked_for};
use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Ended, Lab, tree};

const EVERYTHING: &str = "--all-collections";
const MIRROR: [&str; 2] = ["mirror", EVERYTHING];
const SYNC: [&str; 3] = ["--json", "sync", EVERYTHING];
const FULL: [&str; 4] = ["--json", "sync", "--full", EVERYTHING];
/// Everything, and each whole listing counts, however soon it comes after the one before.
const AT_ONCE: &str =
    "[[select]]\nall_collections = true\n[daemon]\nconfirm_withdrawn = { listings = 2, hours = 0 }\n";

/// What `sync` finds on a day, through each dialect: whatever was released since the day before.
const FOUND: [&[&str]; 3] = [
    &[],
    &[
        "of a new patient",
        "in a new study",
        "in an old study",
        "here for a day",
        "here for a day in an old study",
        "under a new UID 1",
        "of a new collection",
        "grown and released again",
        "moved and grown",
    ],
    &[
        "of a newer patient",
        "in a newer study",
        "in a study of a day",
        "under a new UID 2",
        "of a new name 1",
        "of a new name 2",
        "of a newer collection",
        "away and grown",
        "revised twice",
    ],
];
/// What `sync` finds on day 1 where a time is listed.
const FOUND_BY_ITS_TIME: &str = "retouched and released again";
/// What is listed no more on day 2 and stays where it was.
const WITHDRAWN: [&str; 10] = [
    "gone with its patient 1",
    "gone with its patient 2",
    "gone",
    "under an old UID 1",
    "under an old UID 2",
    "of an old name 1",
    "of an old name 2",
    "revised, then gone",
    "here for a day",
    "here for a day in an old study",
];
/// The same, of a collection that is in no list of collections, which may be short: they do not count as withdrawn.
const VANISHED: [&str; 2] = ["vanished 1", "vanished 2"];
/// What has other images on day 2, and just as many of just as many bytes: only a time tells.
const RETOUCHED: [&str; 5] = [
    "away and retouched",
    "moved and retouched",
    "retouched",
    "retouched and released again",
    "retouched within a day",
];

fn set<'a>(names: impl IntoIterator<Item = &'a &'static str>) -> BTreeSet<&'static str> {
    names.into_iter().copied().collect()
}

/// Two whole listings, as many as a withdrawal takes.
fn sync_twice_in_full(lab: &Lab) -> [Ended; 2] {
    [lab.run(&FULL).assert_code(0), lab.run(&FULL).assert_code(0)]
}

/// What a mirror of day 2 is not, of the service of that day: kept on purpose, older images, older licence texts.
fn assert_unlike_day_2(held: &Held, day_2: &Catalogue, older: &[&'static str]) {
    let [kept, older_images, older_licences] = held.unlike(day_2);
    assert_eq!(kept, WITHDRAWN.iter().chain(&VANISHED).copied().collect());
    assert_eq!(older_images, set(older));
    // the text stays with the images that it came with
    assert_eq!(older_licences, set(&["licensed otherwise"]));
}

/// A mirror that begins on day 2 has what the service has, and nothing else.
fn assert_fresh_mirror(fake: &FakeTcia, dialect: &str, day_2: &Catalogue) {
    let lab = Lab::new(&fake.base_url(dialect));

    lab.run(&MIRROR).assert_code(0);

    assert!(tree(&lab.root()) == day_2.expected_tree(dialect != "bindaas-v3"), "{dialect}");
}

/// Day after day; gives the service of day 2, the mirror and what it holds.
fn three_days(service: &Service, dialect: &'static str) -> (FakeTcia, Lab, Held) {
    let (mut fake, lab, mut held) = service.mirror_day_0(dialect);
    for (day, found) in FOUND.iter().enumerate().skip(1) {
        fake = service.next_day(fake, &lab, day);
        let lists_times = dialect != "bindaas-v3" && day == 1;
        let found: BTreeSet<_> =
            found.iter().chain(lists_times.then_some(&FOUND_BY_ITS_TIME)).copied().collect();

        lab.run(&SYNC).assert_code(0);
        let found_at_once = asked_for(&fake);
        let [first, second] = sync_twice_in_full(&lab);

        assert_eq!(found_at_once, found, "{dialect}, day {day}");
        assert_eq!(asked_for(&fake), held.take(&service.days[day]), "{dialect}, day {day}");
        assert_eq!(first.summary()["withdrawn"], 0, "one listing proves nothing");
        assert!(second.summary()["withdrawn"].as_u64() > Some(0));
        assert_holds(&fake, &lab, &held, &service.days[day]);
    }
    (fake, lab, held)
}

/// What `verify --remote` says of each series that the service has otherwise.
fn said_of_the_service(ended: &Ended) -> BTreeSet<(String, &'static str)> {
    let lines = ended.json().into_iter().filter(|line| line["problem"].is_string());
    let said = |line: serde_json::Value| {
        (line["problem"].as_str().unwrap().to_owned(), name(line["series_instance_uid"].as_str().unwrap()))
    };
    lines.map(said).collect()
}

/// `verify --remote` names what has vanished, and what `differs`; with `--repair` that comes as well.
fn assert_remote_proof(lab: &Lab, held: &mut Held, day_2: &Catalogue, differs: &[&'static str]) {
    let vanished = VANISHED.map(|name| ("withdrawn".to_owned(), name));
    let expected: BTreeSet<_> =
        differs.iter().map(|name| ("differs".to_owned(), *name)).chain(vanished).collect();
    for name in differs {
        held.repair(name, day_2);
    }

    let said = lab.run(&["--json", "verify", "--remote"]).assert_code(3);
    lab.run(&["--json", "verify", "--remote", "--repair"]).assert_code(3);

    assert_eq!(said_of_the_service(&said), expected);
    assert_files(lab, held);
}

/// `prune` leaves what the service has, and what is in no list of collections; the nights after are quiet.
fn assert_prune(fake: &FakeTcia, lab: &Lab, held: &mut Held, day_2: &Catalogue) {
    held.prune(&WITHDRAWN);

    lab.run(&["prune", "--older-than", "0s"]).assert_code(0);

    assert_files(lab, held);
    assert_settled(fake, lab, day_2, &WITHDRAWN.into());
}

#[test]
fn bindaas_v3_lists_no_time_and_all_else_that_it_tells_arrives() {
    let service = Service::build();

    let (fake, lab, mut held) = three_days(&service, "bindaas-v3");

    // it lists no bytes either, and tells them when it is asked about one series
    let older: Vec<_> = RETOUCHED.iter().chain(&["resized"]).copied().collect();
    assert_unlike_day_2(&held, &service.days[2], &older);
    assert_fresh_mirror(&fake, "bindaas-v3", &service.days[2]);
    assert_remote_proof(&lab, &mut held, &service.days[2], &["resized"]);
    assert_prune(&fake, &lab, &mut held, &service.days[2]);
}

#[test]
fn every_change_arrives_through_nbia_v1() {
    let service = Service::build();

    let (fake, lab, mut held) = three_days(&service, "nbia-v1");

    assert_unlike_day_2(&held, &service.days[2], &[]);
    assert_fresh_mirror(&fake, "nbia-v1", &service.days[2]);
    assert_remote_proof(&lab, &mut held, &service.days[2], &[]);
    assert_prune(&fake, &lab, &mut held, &service.days[2]);
}

#[test]
fn nbia_v4_lists_days_and_all_else_that_it_tells_arrives() {
    let service = Service::build();

    let (fake, lab, mut held) = three_days(&service, "nbia-v4");

    let within_a_day = ["retouched within a day"];
    assert_unlike_day_2(&held, &service.days[2], &within_a_day);
    assert_fresh_mirror(&fake, "nbia-v4", &service.days[2]);
    // the MD5 over its images tells
    assert_remote_proof(&lab, &mut held, &service.days[2], &within_a_day);
    assert_prune(&fake, &lab, &mut held, &service.days[2]);
}
