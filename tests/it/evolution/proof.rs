//! The proof that a mirror is as it must be.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::days::name;
use super::held::{Held, replaced};
use super::service::asked_for;
use super::{VANISHED, set};
use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Lab, tree};
use crate::support::sound::assert_sound;

/// The names of the series that are recorded as withdrawn.
pub(super) fn withdrawn(lab: &Lab) -> BTreeSet<&'static str> {
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let sql =
        "SELECT series_instance_uid FROM series JOIN series_job USING (series_id) WHERE state = 'withdrawn'";
    let mut statement = record.prepare(sql).unwrap();
    let uids = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    uids.map(|uid| name(&uid.unwrap())).collect()
}

/// Tree, `replaced/`, record and `status` are as they must be, and nothing is left to do.
pub(super) fn assert_holds(fake: &FakeTcia, lab: &Lab, held: &Held, today: &Catalogue) {
    assert_files(lab, held);
    let gone: BTreeSet<_> = held.unlike(today)[0].difference(&set(&VANISHED)).copied().collect();
    assert_settled(fake, lab, today, &gone);
}

/// What is gone, and nothing else, counts as withdrawn; the rest is done, and the next night fetches nothing.
pub(super) fn assert_settled(fake: &FakeTcia, lab: &Lab, today: &Catalogue, gone: &BTreeSet<&'static str>) {
    assert_eq!(withdrawn(lab), *gone);
    let status = lab.run(&["--json", "status"]).json().remove(0);
    let counts = ["done", "withdrawn", "queued", "running", "parked"].map(|state| &status["series"][state]);
    let done = today.series.len() + VANISHED.len();
    assert_eq!(counts.map(|count| count.as_u64().unwrap()), [done as u64, gone.len() as u64, 0, 0, 0]);
    assert_recorded(lab, today);
    lab.run(&["verify"]).assert_code(0);
    assert_sound(&lab.root());
    let before = asked_for(fake);
    for quiet in [&["--json", "sync"][..], &["--json", "sync", "--full"]] {
        assert_eq!(lab.run(quiet).assert_code(0).summary()["placed"], 0);
    }
    assert_eq!(asked_for(fake), before, "a quiet night fetches nothing");
}

pub(super) fn assert_files(lab: &Lab, held: &Held) {
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
