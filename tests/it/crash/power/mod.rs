//! A power cut at every point of a commit, on a disk that keeps what was synced and loses the rest in the worst ways.
//!
//! One run of the program is recorded and replayed in memory. At each point, what no sync has made durable is lost, all
//! of it or in part: names of files and directories, renames, bytes. SQLite is trusted with the record: its file is as
//! its last sync left it. Every state that differs is checked; some of them the program has to start with.

mod disk;
mod recorder;
mod recording;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::situation::{MIRROR, Situation, Tree};
use super::strace;
use disk::Disk;
use recording::{Bytes, Recording, Survivors};

/// States that the program is started with; all others are only looked at.
const STARTS: usize = 40;

/// A disk after a power cut, and how it came about.
struct Aftermath {
    disk: Disk,
    /// Which version of the record it has.
    record: usize,
    about: String,
}

/// Records one run of the program, with what makes the file system a lesser one.
fn record(situation: &Situation, faults: &[&str]) -> Recording {
    let lab = situation.lab();
    let before = Disk::read(&lab.root());
    let log = lab.beside("strace.log");
    let ended = strace::run(&lab.command(&MIRROR), &recording::CALLS, faults, &log);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Recording::of(before, lab.root().to_str().unwrap(), &strace::read(&log))
}

/// Every state that differs from all before it.
fn aftermaths(recording: &Recording) -> Vec<Aftermath> {
    let (mut seen, mut states) = (BTreeSet::new(), Vec::new());
    for cut in recording.cuts() {
        let record = recording.record_at(cut);
        for (survivors, bytes) in losses(recording, cut) {
            let disk = recording.disk_after(cut, survivors, bytes);
            let mut hasher = DefaultHasher::new();
            (record, visible(&disk)).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                let about = format!(
                    "power lost at step {cut}, unsynced names {survivors:?}, unsynced bytes {bytes:?}"
                );
                states.push(Aftermath { disk, record, about });
            }
        }
    }
    states
}

/// None of it, all of it, each by itself, all but each.
fn losses(recording: &Recording, cut: usize) -> Vec<(Survivors, Bytes)> {
    let mut losses = vec![(Survivors::None, Bytes::Lost)];
    losses.extend(
        [Bytes::Lost, Bytes::Zeros, Bytes::FirstHalf, Bytes::Whole].map(|bytes| (Survivors::All, bytes)),
    );
    for open in recording.open_at(cut) {
        losses.extend(
            [Survivors::Only(open), Survivors::AllBut(open)].map(|survivors| (survivors, Bytes::Zeros)),
        );
    }
    losses
}

/// What lies on a disk, the record aside.
fn visible(disk: &Disk) -> Vec<(String, Option<Vec<u8>>)> {
    let listing = disk.listing().into_iter().filter(|(path, _)| !path.contains("state.sqlite"));
    listing.map(|(path, bytes)| (path, bytes.map(|bytes| bytes.to_vec()))).collect()
}

/// The files of the tree.
fn tree_of(disk: &Disk) -> Tree {
    let files = visible(disk).into_iter().filter_map(|(path, bytes)| Some((path, bytes?)));
    files.filter(|(path, _)| !path.starts_with(".tcia-mirror/")).collect()
}

/// Files that the record believes to lie in the tree, with their SHA-256; series whose commit has begun aside.
fn believed(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let record = Connection::open(root.join(".tcia-mirror/state.sqlite")).unwrap();
    let sql = "WITH done AS (SELECT * FROM placement WHERE series_id NOT IN (SELECT series_id FROM commit_intent))
               SELECT path || '/' || sop_instance_uid || '.dcm', sha256 FROM instance JOIN done USING (series_id)
               UNION ALL SELECT path || '/LICENSE', license_sha256 FROM done WHERE license_sha256 IS NOT NULL";
    let mut statement = record.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Looks at every state, and starts the program with some of them.
fn lose_power_everywhere(situation: &Situation, faults: &[&str]) {
    let states = aftermaths(&record(situation, faults));
    let mut records = HashMap::new();
    for state in &states {
        let found = tree_of(&state.disk);
        situation.assert_each_series_whole(&found, &state.about);
        let believed = records.entry(state.record).or_insert_with(|| {
            let place = tempfile::tempdir().unwrap();
            state.disk.write(place.path());
            believed(place.path())
        });
        for (path, sha256) in believed {
            let is_there = found.get(path).is_some_and(|bytes| Sha256::digest(bytes).as_slice() == sha256);
            assert!(is_there, "{}: the record believes in {path}", state.about);
        }
    }
    for state in states.iter().step_by(states.len().div_ceil(STARTS)) {
        let lab = situation.empty_lab();
        state.disk.write(&lab.root());
        situation.assert_whole(&lab.root(), &state.about);
        situation.assert_ends_well(&lab, &state.about);
    }
}

#[test]
fn a_power_cut_at_any_point_of_a_first_placement_makes_no_wrong_file_believed() {
    lose_power_everywhere(&Situation::first_placement(), &[]);
}

#[test]
fn a_power_cut_at_any_point_of_a_revision_leaves_the_old_or_the_new_version() {
    lose_power_everywhere(&Situation::revision(), &[]);
}

#[test]
fn a_power_cut_at_any_point_of_a_move_loses_nothing() {
    lose_power_everywhere(&Situation::moved(), &[]);
}

#[test]
fn a_power_cut_where_versions_cannot_be_exchanged_in_one_step_loses_neither() {
    lose_power_everywhere(&Situation::revision(), &["--inject=renameat2:error=EINVAL"]);
}
