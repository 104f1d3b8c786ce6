//! What it does and says from its start to its end.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Supervised;
use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, tree};
use crate::support::sound::assert_sound;

/// A service with a catalogue, and a lab that mirrors all of it.
pub(super) fn lab_of(catalogue: &Catalogue, more: &str) -> (tempfile::TempDir, FakeTcia, Lab) {
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    configure(&lab, more);
    (source, fake, lab)
}

pub(super) fn configure(lab: &Lab, more: &str) {
    lab.configure(&format!("{more}\n[[select]]\nall_collections = true\n"));
}

fn refusal() -> Fault {
    Fault::Answer(400, Vec::new(), b"not now".to_vec())
}

#[test]
fn a_supervisor_hears_that_it_is_ready_what_it_does_that_it_is_alive_and_that_it_stops() {
    let catalogue = Catalogue::small(2, 2, 500);
    let (_source, _fake, lab) = lab_of(&catalogue, "");
    let mut daemon = Supervised::start(&lab, Some(Duration::from_secs(2)));

    daemon.says("READY=1");
    daemon.waits();
    daemon.says("WATCHDOG=1");
    daemon.says("WATCHDOG=1");
    daemon.signal(Signal::TERM);
    daemon.says("STOPPING=1");
    let heard = daemon.heard.clone();

    assert_eq!(daemon.stop(), Some(143));
    assert_eq!(heard.first().map(String::as_str), Some("READY=1"), "{heard:?}");
    assert!(heard.iter().any(|line| line.starts_with("STATUS=sync --full")), "{heard:?}");
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}

#[test]
fn without_a_supervisor_it_works_all_the_same_and_without_a_selection_it_says_what_to_write() {
    let (_source, _fake, lab) = lab_of(&Catalogue::small(1, 1, 500), "");
    lab.configure("");

    let ended = lab.run(&["daemon"]).assert_code(2);

    assert!(ended.stderr.contains("[[select]]"), "{}", ended.stderr);
    assert!(!lab.root().exists());
}

#[test]
fn a_second_daemon_is_kept_out_and_any_other_command_only_while_a_cycle_runs() {
    let catalogue = Catalogue::small(2, 2, 500);
    let (_source, fake, lab) = lab_of(&catalogue, "");
    fake.script("getImage", "", None, Fault::Stall);
    let mut daemon = Supervised::start(&lab, None);
    daemon.says("STATUS=sync --full: 0 of 2 series placed");

    let during = (lab.run(&["daemon"]).code, lab.run(&["resume"]).code);
    fake.heal();
    daemon.waits();
    let between = (lab.run(&["daemon"]).code, lab.run(&["resume"]).code);

    assert_eq!((during, between), ((Some(10), Some(10)), (Some(10), Some(0))));
    assert_eq!(daemon.stop(), Some(143));
}

#[test]
fn one_that_is_stopped_in_mid_download_leaves_what_the_next_one_finishes() {
    let catalogue = Catalogue::small(3, 6, 40_000);
    let (_source, fake, lab) = lab_of(&catalogue, "[http]\nidle_timeout = \"60s\"");
    fake.script("getImage", "1.2.826.1.1.2", None, Fault::StallAfter(100_000));
    let mut daemon = Supervised::start(&lab, None);
    daemon.says("STATUS=sync --full: 2 of 3 series placed");

    let stopped = daemon.stop();
    let left = lab.run(&["--json", "status"]).json()[0].clone();
    fake.heal();
    let mut next = Supervised::start(&lab, None);
    next.waits();

    assert_eq!(stopped, Some(143));
    assert_eq!(left["series"]["queued"], 1);
    assert_eq!(left["last_cycle"]["outcome"], "stopped");
    assert_eq!(next.stop(), Some(143));
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
    let asked = fake.requests_of("getImage").len();
    assert!(asked <= 4, "what was placed is not asked for again: {asked}");
}

#[test]
fn what_becomes_public_comes_with_one_of_the_next_cycles() {
    let day_0 = Catalogue::small(2, 2, 500);
    let mut day_1 = day_0.clone();
    let new = SampleSeries::new(("NEW-1", "NEW-1"), "1.2.826.9.1", "1.2.826.9.1.1", 2, 800);
    day_1.series.push(SampleSeries { released: "2099-01-01", ..new });
    let (_source, fake, lab) = lab_of(&day_0, "[daemon]\ninterval = \"100ms\"");
    let daemon = Supervised::start(&lab, None);
    daemon.logs("the cycle has ended: done, 2 series placed");
    let second = tempfile::tempdir().unwrap();
    day_1.build(second.path());

    let _fake = fake.restart(second.path());
    daemon.logs("the cycle has ended: done, 1 series placed");

    assert_eq!(daemon.stop(), Some(143));
    assert!(tree(&lab.root()) == day_1.expected_tree(true));
    let history = lab.run(&["--json", "status", "--history", "1000"]).json();
    let changed: Vec<_> = history.iter().filter(|run| run["changes"]["new"] != 0).collect();
    assert_eq!(changed.len(), 2);
    assert_eq!((&changed[0]["command"], &changed[0]["changes"]["new"]), (&"sync".into(), &1.into()));
    assert_eq!((&changed[1]["command"], &changed[1]["changes"]["new"]), (&"sync --full".into(), &2.into()));
}

#[test]
fn a_hangup_reads_the_configuration_again_and_a_wrong_one_changes_nothing() {
    let catalogue = Catalogue::small(3, 2, 500);
    let (_source, _fake, lab) = lab_of(&catalogue, "");
    let one = "[daemon]\ninterval = \"100ms\"\n[[select]]\nseries = [\"1.2.826.1.1.1\"]\n";
    lab.configure(one);
    let mut daemon = Supervised::start(&lab, None);
    daemon.says("READY=1");
    daemon.logs("the cycle has ended: done, 1 series placed");
    let before = tree(&lab.root()).len();

    lab.configure(&one.replace("100ms", "1 fortnight"));
    daemon.signal(Signal::HUP);
    daemon.says("RELOADING=1");
    daemon.says("READY=1");
    daemon.logs("the configuration stays as it was");
    daemon.logs("the cycle has ended: done, 0 series placed");
    configure(&lab, "[daemon]\ninterval = \"100ms\"");
    daemon.signal(Signal::HUP);
    daemon.says("RELOADING=1");
    daemon.says("READY=1");
    daemon.logs("the cycle has ended: done, 2 series placed");

    assert_eq!(before, 3, "two instances and the licence of one series");
    assert_eq!(daemon.stop(), Some(143));
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}

#[test]
fn a_series_that_fails_is_parked_only_when_it_has_failed_for_long_enough() {
    let (_source, fake, lab) =
        lab_of(&Catalogue::small(1, 1, 500), "[jobs]\ncap = \"5ms\"\npark_after = \"1h\"");
    for endpoint in ["getImage", "getSingleImage"] {
        fake.script(endpoint, "", None, refusal());
    }
    let mut daemon = Supervised::start(&lab, None);
    let tries = |fake: &FakeTcia| fake.requests_of("getImage").len();
    daemon.says("STATUS=sync --full: 0 of 1 series placed");
    while tries(&fake) < 12 {
        std::thread::yield_now(); // a series without end would keep it here, and the daemon would not be heard of
    }
    let state = |lab: &Lab| lab.run(&["--json", "status"]).json()[0]["series"]["parked"].clone();

    let young = state(&lab);
    assert_eq!(daemon.stop(), Some(143));
    configure(&lab, "[jobs]\npark_after = \"0s\"");
    let mut daemon = Supervised::start(&lab, None);
    daemon.waits();

    assert_eq!((young, state(&lab)), (0.into(), 1.into()));
    assert_eq!(daemon.stop(), Some(143));
    let one_shot = lab.run(&["retry", "--collection", COLLECTION]).assert_code(3);
    assert!(one_shot.stdout.contains("parked 1"), "{}", one_shot.stdout);
}

#[test]
fn quiet_hours_hold_a_cycle_back() {
    let (_source, fake, lab) =
        lab_of(&Catalogue::small(1, 1, 500), "[daemon]\nquiet_hours = [\"00:00-24:00\"]");
    let mut daemon = Supervised::start(&lab, None);

    daemon.says("STATUS=quiet hours");

    assert_eq!(daemon.stop(), Some(143));
    assert_eq!(fake.requests(), [""; 0]);
}

#[test]
fn a_root_that_was_moved_away_is_not_made_anew_and_is_known_when_it_is_back() {
    let catalogue = Catalogue::small(2, 2, 500);
    let (_source, fake, lab) = lab_of(&catalogue, "[daemon]\ninterval = \"100ms\"");
    let daemon = Supervised::start(&lab, None);
    daemon.logs("the cycle has ended: done, 2 series placed");
    let asked = fake.requests_of("getImage").len();

    std::fs::create_dir(lab.beside("other")).unwrap();
    Command::new("mv").arg(lab.root()).arg(lab.beside("other")).status().unwrap();
    daemon.logs("is not the mirror any more that was there at the start");
    let was_made = lab.root().exists();
    Command::new("mv").arg(lab.beside("other").join("mirror")).arg(lab.root()).status().unwrap();
    daemon.logs("the cycle has ended: done, 0 series placed");

    assert!(!was_made);
    assert_eq!(fake.requests_of("getImage").len(), asked);
    assert_eq!(daemon.stop(), Some(143));
    assert_sound(&lab.root());
}

#[test]
fn the_bandwidth_holds_for_a_cycle_of_many_series() {
    let (_source, _fake, lab) =
        lab_of(&Catalogue::small(12, 1, 8_000), "[daemon]\nbandwidth = [\"00:00-24:00 20kB/s\"]");
    let daemon = Supervised::start(&lab, None);
    daemon.logs("a cycle begins");
    let began = Instant::now();

    daemon.logs("the cycle has ended: done, 12 series placed");

    // a hundred kilobytes, of which a second's worth passes at once
    assert!(began.elapsed() > Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(daemon.stop(), Some(143));
}
