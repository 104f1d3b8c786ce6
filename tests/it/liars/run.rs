//! The table, carried out: all rows about one series in one run, a series each, and one series that nobody lies about.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::Value;

use super::server::Liar;
use super::{End, MOST_MEMORY, Row, Told, lies, rows, singles};
use crate::support::catalogue::{COLLECTION, Catalogue, LICENSE};
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Ended, Lab, is_instance, tree};
use crate::support::sound::assert_sound;

/// Instances of each series, and bytes of each of them.
const INSTANCES: u64 = 4;
const BYTES: usize = 700;
/// The flags under which a series can only come as a ZIP.
const ZIPS: [&str; 2] = ["--fetch", "series"];
/// Lies that hold a worker up must not hold all of them up; a drip of 1 kB a second is too slow.
const CONFIGURATION: &str =
    "[limits]\nparallel = 12\n[http]\nmin_rate = \"8KiB/s\"\n[retry]\nattempts = 2\n[jobs]\nattempts = ";

/// An honest archive with a series for each row, a liar before it, and a mirror to be filled.
struct Stage {
    rows: Vec<Row>,
    catalogue: Catalogue,
    liar: Liar,
    lab: Lab,
    _honest: FakeTcia,
    _source: tempfile::TempDir,
}

/// A part of the table.
type Rows = fn() -> Vec<Row>;
/// What became of a series: the state of its job, and the reason.
type Fate = (String, String);

impl Stage {
    /// A series is parked after so many tries.
    fn new(rows: Vec<Row>, tries: u32) -> Self {
        let catalogue = Catalogue::small(u32::try_from(rows.len()).unwrap() + 1, INSTANCES, BYTES);
        let source = tempfile::tempdir().unwrap();
        catalogue.build(source.path());
        let honest = FakeTcia::start(source.path());
        let liar = Liar::before(honest.address());
        let lab = Lab::new(&liar.base_url("nbia-v4"));
        lab.configure(&format!("{CONFIGURATION}{tries}"));
        Self { rows, catalogue, liar, lab, _honest: honest, _source: source }
    }

    /// The series of a row; the last one of all is nobody's.
    fn series(&self, row: usize) -> &str {
        &self.catalogue.series[row].series
    }

    /// Tells each row's lie about its series.
    fn lie(&self, times: Option<u32>) {
        let mut listed = BTreeMap::new();
        for (number, row) in self.rows.iter().enumerate() {
            match &row.told {
                Told::In(endpoint, lie) => {
                    self.liar.tell(
                        endpoint,
                        &format!("SeriesInstanceUID={}", self.series(number)),
                        times,
                        lie,
                    );
                }
                Told::AsListed(change) => drop(listed.insert(self.series(number).to_owned(), *change)),
            }
        }
        let changed = lies::each_row(move |row| {
            if let Some(change) = listed.get(row["SeriesInstanceUID"].as_str().unwrap()) {
                change(row);
            }
        });
        self.liar.tell("getSeries", "", times, &changed);
    }

    fn mirror(&self, flags: &[&str]) -> Ended {
        let (ended, peak_bytes) =
            self.lab.run_watched(&[&["--json", "mirror", "--collection", COLLECTION], flags].concat());
        assert!(peak_bytes < MOST_MEMORY, "{peak_bytes} bytes of memory");
        ended
    }

    /// State and reason of every series, in the order of the rows.
    fn fates(&self) -> Vec<Fate> {
        let record = Connection::open(self.lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
        let sql = "SELECT state, coalesce(last_error, '') FROM series_job JOIN series USING (series_id)
                   WHERE series_instance_uid = ?1";
        let fate =
            |series: &str| record.query_row(sql, [series], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        self.catalogue.series.iter().map(|series| fate(&series.series)).collect()
    }

    /// What is not as the table says, row by row.
    fn complaints(&self, ended: &Ended, end_of: fn(&Row) -> End) -> Vec<String> {
        let events: Vec<_> = ended.json().into_iter().filter(|line| line["event"] == "parked").collect();
        let mut complaints = Vec::new();
        for ((number, row), (state, reason)) in self.rows.iter().enumerate().zip(self.fates()) {
            let is_right = match end_of(row) {
                End::Placed => state == "done",
                End::Parked(words) => {
                    state == "parked"
                        && reason.contains(words)
                        && is_told(&events, self.series(number), &reason)
                }
            };
            if !is_right {
                complaints.push(format!("{}: {state}, {reason:?}", row.does));
            }
        }
        complaints
    }

    /// The tree holds exactly the series that should be there, whole, and nothing was written anywhere else.
    ///
    /// Single images bring no licence, so that it may be missing where `flags` do not rule them out.
    fn assert_tree(&self, is_there: impl Fn(usize) -> bool, flags: &[&str]) {
        let series = self.catalogue.series.iter().enumerate();
        let series =
            series.filter(|(number, _)| is_there(*number)).map(|(_, series)| series.clone()).collect();
        let (mut found, is_licensed) = (tree(&self.lab.root()), flags == ZIPS);
        let expected = Catalogue { series }.expected_tree(is_licensed);
        if !is_licensed {
            found.retain(|path, text| is_instance(path) || text != LICENSE.as_bytes());
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert!(found == expected, "some file has other bytes");
        let mut beside: Vec<_> =
            std::fs::read_dir(self.lab.beside("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        beside.sort();
        assert_eq!(beside, ["config.toml", "mirror"]);
        assert_sound(&self.lab.root());
    }
}

fn is_told(events: &[Value], series: &str, reason: &str) -> bool {
    events.iter().any(|event| event["series_instance_uid"] == series && event["reason"] == reason)
}

/// Carries rows out for as long as the lies last, then with an honest server.
pub(super) fn while_they_last(rows: Vec<Row>, end_of: fn(&Row) -> End, flags: &[&str]) {
    let stage = Stage::new(rows, 2);
    stage.lie(None);

    let ended = stage.mirror(flags);

    let complaints = stage.complaints(&ended, end_of);
    assert!(complaints.is_empty(), "{}\n{}", complaints.join("\n"), ended.stderr);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    stage.assert_tree(|number| stage.rows.get(number).is_none_or(|row| end_of(row) == End::Placed), flags);
    stage.liar.repent();
    stage.lab.run(&[&["retry"], flags].concat()).assert_code(0);
    stage.assert_tree(|_| true, flags);
}

#[test]
fn a_lie_that_lasts_parks_its_own_series_alone_where_there_are_only_zips() {
    while_they_last(rows(), |row| row.zip_only, &ZIPS);
}

#[test]
fn a_lie_that_lasts_about_zips_is_answered_by_single_images() {
    while_they_last(rows(), |row| row.with_singles, &[]);
}

#[test]
fn a_lie_that_is_told_once_costs_a_try_and_nothing_else() {
    let (about_zips, about_singles): (Rows, Rows) = (rows, singles::rows);
    let runs: [(Rows, &[&str], usize); 3] =
        // the MD5 over a series is not asked for where each instance has its own
        [(about_zips, &ZIPS, 1), (about_zips, &[], 1), (about_singles, &["--fetch", "instances"], 0)];
    for (rows, flags, untold) in runs {
        let stage = Stage::new(rows(), 4);
        stage.lie(Some(1));

        let ended = stage.mirror(flags);

        let unhealed = stage.complaints(&ended, |_| End::Placed);
        assert!(unhealed.is_empty(), "{}\n{}", unhealed.join("\n"), ended.stderr);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        stage.assert_tree(|_| true, flags);
        assert_eq!(
            stage.liar.told().iter().filter(|told| **told == 0).count(),
            untold,
            "lies that were never told"
        );
    }
}
