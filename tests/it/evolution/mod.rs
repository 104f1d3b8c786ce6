//! Day 0, day 1, day 2 of a service that changes in every way that was seen between its real releases: no change is
//! missed that it can tell of, and nothing else is fetched.

mod days;
mod held;

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use self::days::{RELEASED, days, name};
use self::held::{Held, replaced};
use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::assert_sound;

const EVERYTHING: &str = "--all-collections";
const MIRROR: [&str; 2] = ["mirror", EVERYTHING];
const SYNC: [&str; 3] = ["--json", "sync", EVERYTHING];
const FULL: [&str; 4] = ["--json", "sync", "--full", EVERYTHING];
/// Each whole listing counts, however soon it comes after the one before.
const AT_ONCE: &str = "[daemon]\nconfirm_withdrawn = { listings = 2, hours = 0 }\n";

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

/// The service on each of the days, on disk.
struct Service {
    days: [Catalogue; 3],
    places: [TempDir; 3],
}

impl Service {
    fn build() -> Self {
        let days = days();
        let places = days.each_ref().map(|day| {
            let place = tempfile::tempdir().unwrap();
            day.build(place.path());
            place
        });
        Self { days, places }
    }

    /// The next day, of which a mirror knows nothing yet.
    fn next_day(&self, fake: FakeTcia, lab: &Lab, day: usize) -> FakeTcia {
        set_watermarks(lab, &format!("{}T00:00:00Z", RELEASED[day]));
        fake.restart(self.places[day].path())
    }

    /// A mirror of day 0, and what it must hold.
    fn mirror_day_0(&self, dialect: &'static str) -> (FakeTcia, Lab, Held) {
        let fake = FakeTcia::start(self.places[0].path());
        let lab = Lab::new(&fake.base_url(dialect));
        lab.configure(AT_ONCE);
        let mut held = Held::nothing(dialect);

        lab.run(&MIRROR).assert_code(0);

        assert_eq!(asked_for(&fake), held.take(&self.days[0]));
        assert!(tree(&lab.root()) == self.days[0].expected_tree(dialect != "bindaas-v3"), "{dialect}");
        (fake, lab, held)
    }
}

/// As if the mirror had been synced then.
fn set_watermarks(lab: &Lab, time: &str) {
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let time: Timestamp = time.parse().unwrap();
    record.execute("UPDATE watermark SET synced_to = ?1", [time.as_second()]).unwrap();
}

/// The names of the series whose images were asked for.
fn asked_for(fake: &FakeTcia) -> BTreeSet<&'static str> {
    let requests =
        ["getImage", "getImageWithMD5Hash", "getSingleImage"].map(|endpoint| fake.requests_of(endpoint));
    let uid = |query: &String| {
        let (_, from) = query.split_once("SeriesInstanceUID=").unwrap();
        name(from.split('&').next().unwrap())
    };
    requests.iter().flatten().map(uid).collect()
}

/// Two whole listings, as many as a withdrawal takes.
fn sync_twice_in_full(lab: &Lab) -> [Ended; 2] {
    [lab.run(&FULL).assert_code(0), lab.run(&FULL).assert_code(0)]
}

/// The names of the series that are recorded as withdrawn.
fn withdrawn(lab: &Lab) -> BTreeSet<&'static str> {
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let sql =
        "SELECT series_instance_uid FROM series JOIN series_job USING (series_id) WHERE state = 'withdrawn'";
    let mut statement = record.prepare(sql).unwrap();
    let uids = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    uids.map(|uid| name(&uid.unwrap())).collect()
}

/// Tree, `replaced/`, record and `status` are as they must be, and nothing is left to do.
fn assert_holds(fake: &FakeTcia, lab: &Lab, held: &Held, today: &Catalogue) {
    assert_files(lab, held);
    let gone: BTreeSet<_> = held.unlike(today)[0].difference(&set(&VANISHED)).copied().collect();
    assert_eq!(withdrawn(lab), gone);
    let status = lab.run(&["--json", "status"]).json().remove(0);
    let counts = ["done", "withdrawn", "queued", "running", "parked"].map(|state| &status["series"][state]);
    let done = held.names().len() - gone.len();
    assert_eq!(counts.map(|count| count.as_u64().unwrap()), [done as u64, gone.len() as u64, 0, 0, 0]);
    assert_recorded(lab, today);
    lab.run(&["verify"]).assert_code(0);
    let before = asked_for(fake);
    for quiet in [&SYNC[..], &FULL] {
        assert_eq!(lab.run(quiet).assert_code(0).summary()["placed"], 0);
    }
    assert_eq!(asked_for(fake), before, "a quiet night fetches nothing");
}

fn assert_files(lab: &Lab, held: &Held) {
    let (found, expected) = (tree(&lab.root()), held.tree());
    let unlike: Vec<_> = found.iter().filter(|file| expected.get(file.0) != Some(file.1)).collect();
    let paths: Vec<_> = unlike.iter().map(|(path, _)| path).collect();
    let missing: Vec<_> = expected.keys().filter(|path| !found.contains_key(*path)).collect();
    assert!(found == expected, "unlike: {paths:?}, missing: {missing:?}");
    let mut left = held.replaced.clone();
    left.sort();
    assert!(replaced(&lab.root()) == left, "other versions were replaced than were listed no more");
    assert_sound(&lab.root());
}

/// Licence, description and date of the study stand in the record as they are listed, whatever was fetched.
fn assert_recorded(lab: &Lab, today: &Catalogue) {
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let sql = "SELECT series_description, license_name, study.study_date, walk.dialect
               FROM series JOIN walk USING (walk_id) JOIN study USING (collection, patient_id, study_instance_uid)
               WHERE series_instance_uid = ?1";
    for series in &today.series {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (description, license, date, dialect): (String, Option<String>, String, String) =
            record.query_row(sql, [&series.series], read).unwrap();
        let listed = series.license_name.filter(|_| dialect != "bindaas-v3");
        assert_eq!(
            (&*description, license.as_deref(), &*date),
            (series.description, listed, series.study_date)
        );
    }
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
    for day in 1..=2 {
        fake = service.next_day(fake, &lab, day);
        let lists_times = dialect != "bindaas-v3" && day == 1;
        let found: BTreeSet<_> =
            FOUND[day].iter().chain(lists_times.then_some(&FOUND_BY_ITS_TIME)).copied().collect();

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

/// `verify --remote` names what was vanished, and what `differs`; with `--repair` that comes as well.
fn assert_remote_proof(lab: &Lab, mut held: Held, day_2: &Catalogue, differs: &[&'static str]) {
    let vanished = VANISHED.map(|name| ("withdrawn".to_owned(), name));
    let expected: BTreeSet<_> =
        differs.iter().map(|name| ("differs".to_owned(), *name)).chain(vanished).collect();
    for name in differs {
        held.repair(name, day_2);
    }

    let said = lab.run(&["--json", "verify", "--remote"]).assert_code(3);
    lab.run(&["--json", "verify", "--remote", "--repair"]).assert_code(3);

    assert_eq!(said_of_the_service(&said), expected);
    assert_files(lab, &held);
}

#[test]
fn bindaas_v3_lists_no_time_and_all_else_that_it_tells_arrives() {
    let service = Service::build();

    let (fake, lab, held) = three_days(&service, "bindaas-v3");

    // it lists no bytes either, and tells them when it is asked about one series
    let older: Vec<_> = RETOUCHED.iter().chain(&["resized"]).copied().collect();
    assert_unlike_day_2(&held, &service.days[2], &older);
    assert_fresh_mirror(&fake, "bindaas-v3", &service.days[2]);
    assert_remote_proof(&lab, held, &service.days[2], &["resized"]);
}

#[test]
fn every_change_arrives_through_nbia_v1() {
    let service = Service::build();

    let (fake, lab, held) = three_days(&service, "nbia-v1");

    assert_unlike_day_2(&held, &service.days[2], &[]);
    assert_fresh_mirror(&fake, "nbia-v1", &service.days[2]);
    assert_remote_proof(&lab, held, &service.days[2], &[]);
}

#[test]
fn nbia_v4_lists_days_and_all_else_that_it_tells_arrives() {
    let service = Service::build();

    let (fake, lab, held) = three_days(&service, "nbia-v4");

    let within_a_day = ["retouched within a day"];
    assert_unlike_day_2(&held, &service.days[2], &within_a_day);
    assert_fresh_mirror(&fake, "nbia-v4", &service.days[2]);
    // the MD5 over its images tells
    assert_remote_proof(&lab, held, &service.days[2], &within_a_day);
}
