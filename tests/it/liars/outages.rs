//! A service that is down as a whole, while some of its answers are still under way.

use super::lies::{acts, answer, with_body};
use super::server::{Act, Liar};
use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::assert_sound;

#[test]
fn while_a_service_is_down_nothing_is_begun_and_afterwards_all_goes_on_by_itself() {
    let (catalogue, source) = (Catalogue::small(5, 2, 4000), tempfile::tempdir().unwrap());
    catalogue.build(source.path());
    let honest = FakeTcia::start(source.path());
    let liar = Liar::before(honest.address());
    let lab = Lab::new(&liar.base_url("nbia-v4"));
    lab.configure("[limits]\nparallel = 2\n[jobs]\nattempts = 1\n[retry]\nattempts = 2\ngive_up = \"5m\"");
    lab.run(&["plan", "--collection", COLLECTION]).assert_code(0);
    let down = answer("503 Service Unavailable", "", "");
    let slowly = acts(|honest| vec![Act::Drip(with_body(&honest.body), 4000)]);
    liar.tell("getImage", "SeriesInstanceUID=1.2.826.1.1.1", None, &slowly);
    let begun = ["2", "3", "4", "5"].map(|number| format!("SeriesInstanceUID=1.2.826.1.1.{number}"));
    for series in &begun {
        liar.tell("getImage", series, None, &down);
    }
    liar.tell("getCollectionValues", "", None, &down);

    // a study is asked for without the list of collections
    let child = lab.start(&["mirror", "--study", "1.2.826.1.1"]);
    let placed = lab.root().join(format!("{COLLECTION}/TEST-0001/1.2.826.1.1/1.2.826.1.1.1"));
    wait_until(|| placed.exists());
    let probes = || liar.told()[5];
    let probes_before = probes();
    wait_until(|| probes() > probes_before + 5);

    let told = liar.told();
    assert_eq!(told[1..5], [2, 0, 0, 0], "one series has met it, twice, and no other was begun");
    liar.repent();
    let ended = Ended::from(child.wait_with_output().unwrap()).assert_code(0);
    for words in ["the service does not answer", "the service answers again"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

#[test]
fn a_series_that_is_parked_tells_of_each_of_its_tries() {
    let (catalogue, source) = (Catalogue::small(2, 1, 600), tempfile::tempdir().unwrap());
    catalogue.build(source.path());
    let honest = FakeTcia::start(source.path());
    let liar = Liar::before(honest.address());
    let about = "SeriesInstanceUID=1.2.826.1.1.1";
    liar.tell("getImage", about, Some(1), &answer("400 Bad Request", "", "first"));
    liar.tell("getImage", about, Some(1), &answer("404 Not Found", "", "second"));
    liar.tell("getImage", about, None, &answer("400 Bad Request", "", "third"));
    let lab = Lab::new(&liar.base_url("nbia-v4"));

    lab.run(&["mirror", "--collection", COLLECTION, "--fetch", "series"]).assert_code(3);

    let status = lab.run(&["--json", "status"]).assert_code(0).json().remove(0);
    let failures = status["parked"][0]["failures"].as_array().unwrap();
    let reasons: Vec<_> = failures.iter().map(|failed| failed["reason"].as_str().unwrap()).collect();
    let expected = ["400 Bad Request: first", "404 Not Found: second", "400 Bad Request: third"];
    assert_eq!(reasons, expected.map(|words| format!("getImage answered {words}")));
    let shown = lab.run(&["status"]).assert_code(0).stdout;
    assert!(expected.iter().all(|words| shown.contains(words)), "{shown}");
}
