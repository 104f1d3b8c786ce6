//! `kill -9` on the way into every file operation of a commit, and of the recovery from one.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;

use super::situation::{MIRROR, Situation, copy};
use super::strace::{self, Argument, Call};
use crate::support::program::Lab;

/// Calls that change what is on disk, or make it durable.
const CALLS: [&str; 15] = [
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rmdir",
    "fsync",
    "fdatasync",
];
/// Of writes so many are cut; of everything else each.
const WRITES: usize = 6;
/// Stands for the root in the name of a place.
const ROOT: &str = "{root}";

/// A call as strace can be told to wait for it: by its name, by a path that it is about, and by how many such calls the
/// same thread has made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Cut {
    call: String,
    /// An absolute path, or a name in a directory.
    about: String,
    rank: usize,
}

/// A command that is killed again and again, each time in a copy of the same mirror.
struct Scene<'a> {
    situation: &'a Situation,
    mirror: &'a Lab,
    command: &'a [&'a str],
    /// A call that the file system does not know.
    unknown: Option<&'a str>,
}

impl Scene<'_> {
    /// Kills the command on the way into each of its file operations, and goes on each time.
    fn kill_everywhere(&self) {
        let calls = self.record();
        let unknown = self.names_in_unknown(&calls);
        let (mut died, mut survived) = (BTreeSet::new(), BTreeSet::new());
        let mut cuts = thinned(cuts(&calls, &unknown));
        // what the record goes through is the same in every scene
        cuts.retain(|cut| self.unknown.is_none() || !cut.about.contains("state.sqlite"));
        for cut in cuts {
            let lab = self.lab();
            let is_dead = self.kill(&lab, &cut, &unknown);
            let about = format!("killed at {cut:?}");
            self.situation.assert_whole(&lab.root(), &about);
            self.situation.assert_ends_well(&lab, &about);
            if is_dead { &mut died } else { &mut survived }.insert((cut.call, cut.about));
        }
        // which thread makes a call that is made several times may differ from run to run
        let never: Vec<_> = survived.difference(&died).collect();
        assert!(never.is_empty() && died.len() > 10, "it did not die at {never:?}, but at {died:?}");
    }

    fn lab(&self) -> Lab {
        let lab = self.situation.empty_lab();
        copy(&self.mirror.root(), &lab.root());
        lab
    }

    /// Its calls when nothing kills it, with [`ROOT`] for the root.
    fn record(&self) -> Vec<Call> {
        let lab = self.lab();
        let fault = self.unknown.map(|call| format!("--inject={call}:error=EINVAL"));
        let fault: Vec<_> = fault.iter().map(String::as_str).collect();
        let ended = strace::run(&lab.command(self.command), &CALLS, &fault, &lab.beside("strace.log"));
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let mut calls = strace::read(&lab.beside("strace.log"));
        let arguments = calls.iter_mut().flat_map(|call| &mut call.arguments);
        arguments.for_each(|argument| argument.replace(lab.root().to_str().unwrap(), ROOT));
        calls
    }

    /// What strace has to look at besides, for the unknown call to fail wherever it is made.
    fn names_in_unknown(&self, calls: &[Call]) -> BTreeSet<String> {
        let unknown = calls.iter().filter(|call| Some(call.name.as_str()) == self.unknown);
        unknown.map(|call| call.arguments[1].name().unwrap()).collect()
    }

    /// Runs the command until it dies at a cut; `false` when it came to its end.
    fn kill(&self, lab: &Lab, cut: &Cut, unknown: &BTreeSet<String>) -> bool {
        let (log, root) = (lab.beside("strace.log"), lab.root());
        let about = cut.about.replace(ROOT, root.to_str().unwrap());
        let inject = format!("--inject={}:signal=KILL:when={}", cut.call, cut.rank);
        let mut options = vec!["-P", &about, &inject];
        options.extend(unknown.iter().flat_map(|name| ["-P", name.as_str()]));
        let fault = self.unknown.map(|call| format!("--inject={call}:error=EINVAL"));
        options.extend(fault.as_deref());
        let calls: Vec<_> = [cut.call.as_str()].into_iter().chain(self.unknown).collect();
        let ended = strace::run(&lab.command(self.command), &calls, &options, &log);
        ended.status.signal() == Some(9)
    }
}

/// The cuts that one run offers, when strace looks at some names `besides`.
fn cuts(calls: &[Call], besides: &BTreeSet<String>) -> BTreeSet<Cut> {
    let inside =
        |call: &Call| call.arguments.iter().filter_map(Argument::name).any(|name| name.starts_with(ROOT));
    let changes =
        |call: &Call| call.name != "openat" || call.arguments.iter().any(|flags| flags.has_flag("O_CREAT"));
    let mut cuts = BTreeSet::new();
    let offers = |call: &Call| inside(call) && changes(call) && !call.has_failed();
    for (place, call) in calls.iter().enumerate().filter(|(_, call)| offers(call)) {
        let about = target(call);
        let is_seen =
            |other: &Call| other.is_about(&about) || besides.iter().any(|name| other.is_about(name));
        let is_alike =
            |other: &&Call| other.thread == call.thread && other.name == call.name && is_seen(other);
        let rank = calls[..=place].iter().filter(is_alike).count();
        cuts.insert(Cut { call: call.name.clone(), about, rank });
    }
    cuts
}

/// The name that a call gives to an entry, or else the file that it works on.
fn target(call: &Call) -> String {
    let is_data = is_write(&call.name);
    let names = call.arguments.iter().filter(|argument| !is_data || !matches!(argument, Argument::Text(_)));
    let text = names.clone().find(|argument| matches!(argument, Argument::Text(_)));
    text.or_else(|| names.clone().next()).and_then(Argument::name).unwrap()
}

fn is_write(call: &str) -> bool {
    matches!(call, "write" | "pwrite64")
}

/// Most writes go to the log of the record, which counts from its sync on: a few of them stand for all.
fn thinned(cuts: BTreeSet<Cut>) -> Vec<Cut> {
    let (writes, others): (Vec<_>, Vec<_>) = cuts.into_iter().partition(|cut| is_write(&cut.call));
    let step = writes.len().div_ceil(WRITES).max(1);
    others.into_iter().chain(writes.into_iter().step_by(step)).collect()
}

#[test]
fn a_kill_at_any_operation_of_a_first_placement_loses_nothing() {
    let situation = Situation::first_placement();

    Scene { situation: &situation, mirror: &situation.before, command: &MIRROR, unknown: None }
        .kill_everywhere();
}

#[test]
fn a_kill_at_any_operation_of_a_revision_leaves_the_old_or_the_new_version() {
    let situation = Situation::revision();

    Scene { situation: &situation, mirror: &situation.before, command: &MIRROR, unknown: None }
        .kill_everywhere();
}

#[test]
fn a_kill_at_any_operation_of_a_move_loses_nothing_and_fetches_nothing() {
    let situation = Situation::moved();

    Scene { situation: &situation, mirror: &situation.before, command: &MIRROR, unknown: None }
        .kill_everywhere();

    assert_eq!(situation.fake.requests_of("getImage"), [""; 0]);
    assert_eq!(situation.fake.requests_of("getSingleImage"), [""; 0]);
}

#[test]
fn a_kill_where_versions_cannot_be_exchanged_in_one_step_loses_neither() {
    let situation = Situation::revision();

    let scene = Scene {
        situation: &situation,
        mirror: &situation.before,
        command: &MIRROR,
        unknown: Some("renameat2"),
    };

    scene.kill_everywhere();
}

#[test]
fn a_kill_at_any_operation_of_a_recovery_is_recovered_from() {
    for situation in [Situation::first_placement(), Situation::revision()] {
        let scene =
            Scene { situation: &situation, mirror: &situation.before, command: &MIRROR, unknown: None };
        // behind the rename, before the record of it
        let series = situation.new.keys().next().and_then(|path| path.rsplit_once('/')).unwrap().0;
        let about = format!("{ROOT}/{}", series.rsplit_once('/').unwrap().0);
        let interrupted = scene.lab();
        let rename = Cut { call: "fsync".to_owned(), about, rank: 1 };
        assert!(scene.kill(&interrupted, &rename, &BTreeSet::new()));

        Scene { mirror: &interrupted, command: &["resume"], ..scene }.kill_everywhere();
    }
}
