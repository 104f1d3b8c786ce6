//! Other ways to day 2: a mirror that sleeps through day 1, that is killed on it, whose service fails on it. The end is
//! the same.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::days::uid;
use super::held::{Held, replaced};
use super::proof::{assert_holds, assert_settled, withdrawn};
use super::service::{Service, asked_for};
use super::{AT_ONCE, EVERYTHING, FOUND, FOUND_BY_ITS_TIME, FULL, RETOUCHED, SYNC, VANISHED, WITHDRAWN};
use super::{set, sync_twice_in_full};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, tree};

/// What there is on day 1 only.
const OF_DAY_1: [&str; 2] = ["here for a day", "here for a day in an old study"];
/// What a mirror that knows of day 1 and has not fetched it asks for on day 2 in vain.
const QUEUED_IN_VAIN: [&str; 3] = ["here for a day", "here for a day in an old study", "revised, then gone"];
/// What `bindaas-v3` does not tell one who has not seen day 1, where the count was another or the series was away.
const UNTOLD_WITHOUT_DAY_1: [&str; 2] = ["away and resized", "revised twice"];

fn untold(dialect: &str) -> BTreeSet<&'static str> {
    match dialect {
        "bindaas-v3" => RETOUCHED.iter().chain(&UNTOLD_WITHOUT_DAY_1).chain(&["resized"]).copied().collect(),
        "nbia-v4" => set(&["retouched within a day"]),
        _ => BTreeSet::new(),
    }
}

/// What is new since day 0 for a `sync` on day 2.
fn found_after_two_days(dialect: &str) -> BTreeSet<&'static str> {
    let by_time = (dialect != "bindaas-v3").then_some(&FOUND_BY_ITS_TIME);
    let found: BTreeSet<_> = FOUND.into_iter().flatten().chain(by_time).copied().collect();
    let hidden = if dialect == "bindaas-v3" { set(&UNTOLD_WITHOUT_DAY_1) } else { BTreeSet::new() };
    found.difference(&set(&OF_DAY_1)).filter(|name| !hidden.contains(*name)).copied().collect()
}

/// Sleeps through day 1.
fn two_days(dialect: &'static str) {
    let service = Service::build();
    let (fake, lab, mut held) = service.mirror_day_0(dialect);
    let fake = service.wake_on_day_2(fake, &lab);
    let day_2 = &service.days[2];

    lab.run(&SYNC).assert_code(0);
    let found_at_once = asked_for(&fake);
    sync_twice_in_full(&lab);

    assert_eq!(found_at_once, found_after_two_days(dialect));
    assert_eq!(asked_for(&fake), held.take(day_2));
    assert_holds(&fake, &lab, &held, day_2);
    let [kept, older_images, older_licences] = held.unlike(day_2);
    let gone: BTreeSet<_> = WITHDRAWN.iter().chain(&VANISHED).copied().collect();
    assert_eq!(kept, gone.difference(&set(&OF_DAY_1)).copied().collect());
    assert_eq!(older_images, untold(dialect));
    assert_eq!(older_licences, set(&["licensed otherwise"]));
}

#[test]
fn a_mirror_that_slept_through_a_day_misses_nothing_in_bindaas_v3() {
    two_days("bindaas-v3");
}

#[test]
fn a_mirror_that_slept_through_a_day_misses_nothing_in_nbia_v1() {
    two_days("nbia-v1");
}

#[test]
fn a_mirror_that_slept_through_a_day_misses_nothing_in_nbia_v4() {
    two_days("nbia-v4");
}

/// Brings a mirror of which day 1 was spoiled to day 2, and proves it to be as if it had slept through it.
fn assert_as_if_it_had_slept(service: &Service, fake: FakeTcia, lab: &Lab, mut held: Held) {
    let fake = service.wake_on_day_2(fake, lab);
    let day_2 = &service.days[2];

    // its count was another one on day 1, so that it was queued, and is asked about
    held.look_at("revised twice");
    // what was listed on day 1 and is gone is asked for in vain, until it is known to be gone
    lab.run(&SYNC);
    lab.run(&FULL);
    lab.run(&FULL);
    lab.run(&["retry", EVERYTHING]).assert_code(0);

    let expected: BTreeSet<_> = held.take(day_2).into_iter().chain(QUEUED_IN_VAIN).collect();
    assert!(asked_for(&fake).is_subset(&expected), "{:?}", asked_for(&fake));
    assert!(tree(&lab.root()) == held.tree());
    // it may have gone to its place of day 1 and back, which takes no image
    let mut left = replaced(&lab.root());
    left.retain(|(file, _)| !file.starts_with(&uid("there and back")));
    held.replaced.sort();
    assert!(left == held.replaced);
    assert_settled(&fake, lab, day_2, &WITHDRAWN.into());
}

/// All of day 1 is listed and queued, and no image of it has come when the program is killed.
fn killed_on_day_1(dialect: &'static str) {
    let service = Service::build();
    let (fake, lab, held) = service.mirror_day_0(dialect);
    lab.configure(&format!("{AT_ONCE}[http]\nfirst_byte_timeout = \"60s\""));
    let fake = service.next_day(fake, &lab, 1);
    let before = asked_for(&fake);
    fake.script("getImage", "", None, Fault::Stall);

    let mut killed = lab.start(&FULL);
    while asked_for(&fake) == before {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();

    assert!(tree(&lab.root()).keys().all(|path| !path.contains(&uid("of a new patient"))));
    assert_as_if_it_had_slept(&service, fake, &lab, held);
}

#[test]
fn a_mirror_that_was_killed_on_a_day_misses_nothing_in_bindaas_v3() {
    killed_on_day_1("bindaas-v3");
}

#[test]
fn a_mirror_that_was_killed_on_a_day_misses_nothing_in_nbia_v4() {
    killed_on_day_1("nbia-v4");
}

/// A list of day 1 is recorded as far as it came, and not at its end when the program is killed.
#[test]
fn what_was_listed_before_a_kill_and_is_gone_is_not_taken_as_listed() {
    let service = Service::build();
    let (fake, lab, mut held) = service.mirror_day_0("nbia-v4");
    lab.configure(&format!("{AT_ONCE}[http]\nidle_timeout = \"60s\""));
    let fake = service.next_day(fake, &lab, 1);
    fake.script("getSeries", "Collection=NLST", None, Fault::StallAfter(usize::MAX));
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let sql = "SELECT count(*) FROM series WHERE series_instance_uid = ?1";
    let is_listed =
        || record.query_row(sql, [uid("here for a day")], |row| row.get::<_, i64>(0)).unwrap() > 0;

    let mut killed = lab.start(&FULL);
    while !is_listed() {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let fake = service.wake_on_day_2(fake, &lab);
    sync_twice_in_full(&lab);

    assert_eq!(asked_for(&fake), held.take(&service.days[2]));
    assert_holds(&fake, &lab, &held, &service.days[2]);
}

/// Day 1 of a service of which every list, then every image, is a failure or nothing.
fn failing_on_day_1(dialect: &'static str) {
    let service = Service::build();
    let (fake, lab, held) = service.mirror_day_0(dialect);
    let fake = service.next_day(fake, &lab, 1);
    let before = tree(&lab.root());
    let down = || Fault::Answer(500, Vec::new(), b"down".to_vec());
    let nothing = || Fault::Answer(200, vec![("content-type", "application/json")], Vec::new());

    for (endpoints, fault) in [
        (&["getCollectionValues"][..], down()),
        (&["getCollectionValues"], nothing()),
        (&["getPatient", "getPatientStudy", "getSeries"], down()),
        (&["getPatient", "getPatientStudy", "getSeries"], nothing()),
    ] {
        for endpoint in endpoints {
            fake.script(endpoint, "", None, fault.clone());
        }
        for night in [&SYNC[..], &FULL, &FULL] {
            lab.run(night);
        }
        fake.heal();
    }
    assert!(tree(&lab.root()) == before);
    assert!(withdrawn(&lab).is_empty(), "a failure is no listing");
    for endpoint in ["getImage", "getImageWithMD5Hash", "getSingleImage"] {
        fake.script(endpoint, "", None, down());
    }
    lab.run(&FULL).assert_code(3);

    assert_as_if_it_had_slept(&service, fake, &lab, held);
}

#[test]
fn a_mirror_whose_service_failed_for_a_day_misses_nothing_in_bindaas_v3() {
    failing_on_day_1("bindaas-v3");
}

#[test]
fn a_mirror_whose_service_failed_for_a_day_misses_nothing_in_nbia_v1() {
    failing_on_day_1("nbia-v1");
}

#[test]
fn bytes_that_one_dialect_did_not_list_are_compared_when_another_lists_them() {
    let service = Service::build();
    let (fake, lab, mut held) = service.mirror_day_0("bindaas-v3");
    let fake = service.next_day(fake, &lab, 1);
    let service_of_day_1 = format!("[[service]]\nbase_url = \"{}\"", fake.base_url("nbia-v4"));
    lab.configure(&format!("{AT_ONCE}{service_of_day_1}"));

    lab.run_as_configured(&FULL).assert_code(0);

    let mut expected = held.take(&service.days[1]);
    expected.insert("resized");
    assert_eq!(asked_for(&fake), expected);
}
