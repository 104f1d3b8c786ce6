//! `kill -9` on the way into every file operation of a commit, and of the recovery from one.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use super::situation::{MIRROR, Situation};
use super::strace::{self, Call};
use crate::support::program::Lab;

/// Calls that change what is on disk, or make it durable.
const CALLS: [&str; 14] = [
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rmdir",
    "fsync",
    "fdatasync",
];
/// Of writes so many are cut; of everything else each.
const WRITES: usize = 8;

/// A call as strace can be told to wait for it: by its name, by a path that it is about, and by how many such calls the
/// same thread has made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Cut {
    call: String,
    /// An absolute path with `{root}` for the root, or a name in a directory.
    about: String,
    rank: usize,
}

const ROOT: &str = "{root}";

/// The cuts that one run of the program offers.
fn cuts(calls: &[Call], root: &Path) -> Vec<Cut> {
    let root = root.to_str().unwrap();
    let inside = |call: &Call| {
        call.arguments.iter().filter_map(strace::Argument::name).any(|name| name.starts_with(root))
    };
    let changes =
        |call: &Call| call.name != "openat" || call.arguments.iter().any(|flags| flags.has_flag("O_CREAT"));
    let mut cuts = BTreeSet::new();
    for (place, call) in calls.iter().enumerate().filter(|(_, call)| inside(call) && changes(call)) {
        let about = target(call);
        let alike =
            |other: &&Call| other.thread == call.thread && other.name == call.name && other.is_about(&about);
        let rank = calls[..=place].iter().filter(alike).count();
        cuts.insert(Cut { call: call.name.clone(), about: about.replace(root, ROOT), rank });
    }
    thinned(cuts)
}

/// The name that a call gives to an entry, or else the file that it works on.
fn target(call: &Call) -> String {
    let is_data = matches!(call.name.as_str(), "write" | "pwrite64" | "ftruncate");
    let mut names =
        call.arguments.iter().filter(|one| !(is_data && matches!(one, strace::Argument::Text(_))));
    let text = names.clone().find(|one| matches!(one, strace::Argument::Text(_)));
    text.or_else(|| names.next()).and_then(strace::Argument::name).unwrap()
}

/// A killed process leaves the same disk before and after a write to the log of the record as far as the tree goes, so
/// that a few of them stand for all.
fn thinned(cuts: BTreeSet<Cut>) -> Vec<Cut> {
    let (writes, others): (Vec<_>, Vec<_>) =
        cuts.into_iter().partition(|cut| matches!(cut.call.as_str(), "write" | "pwrite64"));
    let step = writes.len().div_ceil(WRITES).max(1);
    others.into_iter().chain(writes.into_iter().step_by(step)).collect()
}

impl Cut {
    /// Runs the program until it dies here; `false` when it came to its end.
    fn kill(&self, lab: &Lab, arguments: &[&str], more: &[&str]) -> bool {
        let about = self.about.replace(ROOT, lab.root().to_str().unwrap());
        let inject = format!("--inject={}:signal=KILL:when={}", self.call, self.rank);
        let options = [&["-P", &about, &inject], more].concat();
        let ended = strace::run(&lab.command(arguments), &[&self.call], &options, &lab.beside("strace.log"));
        ended.status.signal() == Some(9)
    }
}

/// Kills a command at every file operation that it does in a situation.
fn kill_everywhere(situation: &Situation, prepare: impl Fn() -> Lab, arguments: &[&str], more: &[&str]) {
    let lab = prepare();
    let log = lab.beside("strace.log");
    let ended = strace::run(&lab.command(arguments), &CALLS, more, &log);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let cuts = cuts(&strace::read(&log), &lab.root());
    let mut survived = Vec::new();
    for cut in &cuts {
        let lab = prepare();
        if !cut.kill(&lab, arguments, more) {
            survived.push(cut);
        }
        let about = format!("killed at {cut:?}");
        situation.assert_whole(&lab.root(), &about);
        situation.assert_ends_well(&lab, &about);
    }
    eprintln!("{} cuts, {} survived: {survived:?}", cuts.len(), survived.len());
}

#[test]
fn a_kill_at_any_operation_of_a_first_placement_loses_nothing() {
    let situation = Situation::first_placement();

    kill_everywhere(&situation, || situation.lab(), &MIRROR, &[]);
}

#[test]
fn a_kill_at_any_operation_of_a_revision_leaves_the_old_or_the_new_version() {
    let situation = Situation::revision();

    kill_everywhere(&situation, || situation.lab(), &MIRROR, &[]);
}
