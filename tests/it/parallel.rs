//! How many series are under way at a time, and in which order they are begun.

use std::process::Child;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, wait_until};

/// No answer that is held back ends before the test does.
const PATIENT: &str = "[http]\nidle_timeout = \"60s\"\nfirst_byte_timeout = \"60s\"\n";

/// A server with a catalogue, and a mirror that is empty.
fn lab(catalogue: &Catalogue) -> (TempDir, FakeTcia, Lab) {
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure(PATIENT);
    (source, fake, lab)
}

/// The number at a time that `status` tells, also in words.
fn allowed(lab: &Lab) -> Option<u64> {
    let told = lab.run(&["--json", "status"]).json().first()?["parallel"].as_u64();
    told.filter(|number| {
        let words = lab.run(&["status"]).stdout;
        words.contains(&format!("up to {number} series at a time")) || *number == 0
    })
}

fn begun(fake: &FakeTcia) -> usize {
    fake.requests_of("getImage").len()
}

fn end(mut running: Child) {
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn more_series_are_begun_while_the_service_bears_it_up_to_the_bound() {
    let (_source, fake, lab) = lab(&Catalogue::small(12, 40, 5_000));
    // ten instances a second: each series takes four
    fake.script("getImage", "", None, Fault::Trickle(5_000));
    let running = lab.start(&["mirror", "--collection", COLLECTION, "--parallel", "6"]);

    wait_until("the first ones", || begun(&fake) > 0);
    wait_until("the bound", || allowed(&lab) == Some(6));

    assert!((6..12).contains(&begun(&fake)), "{}", begun(&fake));
    end(running);
}

#[test]
fn a_flag_below_the_configured_least_is_the_least_as_well() {
    let (_source, fake, lab) = lab(&Catalogue::small(6, 40, 5_000));
    lab.configure(&format!("{PATIENT}[limits]\nparallel_least = 4\n"));
    fake.script("getImage", "", None, Fault::Trickle(5_000));
    let running = lab.start(&["mirror", "--collection", COLLECTION, "--parallel", "2"]);

    wait_until("the number", || allowed(&lab) == Some(2));

    assert_eq!(begun(&fake), 2);
    end(running);
}

#[test]
fn no_more_are_begun_while_nothing_comes() {
    let (_source, fake, lab) = lab(&Catalogue::small(12, 4, 5_000));
    fake.script("getImage", "", None, Fault::StallAfter(100));
    let running = lab.start(&["mirror", "--collection", COLLECTION, "--parallel", "12"]);

    wait_until("those that are begun at once", || begun(&fake) == 4);
    let beats = |number: i64| wait_until("a heartbeat", || beat_at(&lab) > number);
    beats(0);
    beats(beat_at(&lab) + 1);

    assert_eq!((begun(&fake), allowed(&lab)), (4, Some(4)));
    end(running);
}

/// When the process said last that it is alive.
fn beat_at(lab: &Lab) -> i64 {
    let record = rusqlite::Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    record.query_row("SELECT max(beat_at) FROM heartbeat", [], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn fewer_are_under_way_when_the_service_says_that_it_has_too_much_to_do() {
    for status in [429, 503] {
        let (_source, fake, lab) = lab(&Catalogue::small(12, 4, 5_000));
        fake.script("getImage", "", Some(1), Fault::Answer(status, vec![("retry-after", "0")], Vec::new()));
        fake.script("getImage", "", None, Fault::StallAfter(100));

        let running = lab.start(&["mirror", "--collection", COLLECTION, "--parallel", "4"]);

        wait_until("one fewer", || allowed(&lab) == Some(3));
        end(running);
    }
}

#[test]
fn there_are_never_fewer_than_the_configuration_says() {
    let (_source, fake, lab) = lab(&Catalogue::small(12, 4, 5_000));
    lab.configure(&format!("{PATIENT}[limits]\nparallel = 4\nparallel_least = 4"));
    fake.script("getImage", "", Some(4), Fault::Answer(503, vec![("retry-after", "0")], Vec::new()));
    fake.script("getImage", "", None, Fault::StallAfter(100));

    let running = lab.start(&["mirror", "--collection", COLLECTION]);
    wait_until("all of them again", || begun(&fake) == 8);
    let began = beat_at(&lab);
    wait_until("a heartbeat after the next step", || beat_at(&lab) > began + 1);

    assert_eq!(allowed(&lab), Some(4));
    end(running);
}

/// Series of different sizes, whose order by size is not the one by name.
fn uneven() -> Catalogue {
    let sizes = [30_000, 2_000, 50_000, 9_000, 70_000, 500];
    let of = |(number, bytes)| {
        let uid = format!("1.2.826.1.1.{number}");
        SampleSeries::new(("TEST-0001", "TEST-0001"), "1.2.826.1.1", &uid, 1, bytes)
    };
    Catalogue { series: (1..).zip(sizes).map(of).collect() }
}

/// The last parts of the UIDs of the series that were asked for, in the order of the requests.
fn asked(fake: &FakeTcia) -> Vec<u64> {
    let number = |request: &String| {
        let uid = request.split("SeriesInstanceUID=1.2.826.1.1.").nth(1).unwrap();
        uid.split('&').next().unwrap().parse().unwrap()
    };
    fake.requests_of("getImage").iter().map(number).collect()
}

#[test]
fn series_are_begun_in_the_order_that_is_configured() {
    for (order, expected) in
        [("listed", [1, 2, 3, 4, 5, 6]), ("smallest", [6, 2, 4, 1, 3, 5]), ("largest", [5, 3, 1, 4, 2, 6])]
    {
        let (_source, fake, lab) = lab(&uneven());
        lab.configure(&format!("[limits]\nparallel = 1\n[jobs]\norder = \"{order}\""));

        lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

        assert_eq!(asked(&fake), expected, "{order}");
    }
}

#[test]
fn neither_small_series_nor_large_ones_wait_for_all_of_the_others() {
    for (order, last) in [("largest", 6), ("smallest", 5), ("listed", 6)] {
        let (_source, fake, lab) = lab(&uneven());
        lab.configure(&format!("{PATIENT}[limits]\nparallel = 2\n[jobs]\norder = \"{order}\""));
        fake.script_without("getImage", &format!("1.2.826.1.1.{last}"), Fault::Stall);

        let running = lab.start(&["mirror", "--collection", COLLECTION]);

        wait_until("the other end of the queue", || asked(&fake).contains(&last));
        end(running);
    }
}

#[test]
fn an_order_that_there_is_none_of_is_refused() {
    let (_source, _fake, lab) = lab(&Catalogue::small(1, 1, 500));
    lab.configure("[jobs]\norder = \"biggest\"");

    let refused = lab.run(&["mirror", "--collection", COLLECTION]).assert_code(2);

    assert!(refused.stderr.contains("biggest") && refused.stderr.contains("largest"), "{refused:?}");
}

#[test]
fn nothing_is_allowed_at_a_time_when_nothing_runs() {
    let (_source, _fake, lab) = lab(&Catalogue::small(1, 1, 500));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert_eq!(lab.run(&["--json", "status"]).json()[0]["parallel"], Value::Null);
}
