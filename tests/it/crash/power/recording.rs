//! What one run of the program did to its disk, step by step, and what is left of it when the power fails.

use super::super::strace::Call;
use super::disk::{Change, Disk, Inode};
use super::recorder::Recorder;

/// Calls that are recorded: those of the model, and those that it would have to learn about.
pub(super) const CALLS: [&str; 29] = [
    "openat",
    "lseek",
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
    "writev",
    "pwritev",
    "pwritev2",
    "copy_file_range",
    "sendfile",
    "splice",
    "fallocate",
    "truncate",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "syncfs",
    "open",
];

/// A change, or the promise of the kernel that changes of a file or a directory will outlive a power cut.
#[derive(Debug)]
pub(super) enum Act {
    Change(Change),
    Sync(Inode),
}

#[derive(Debug)]
struct Step {
    act: Act,
    /// Whether it is SQLite's, which is trusted with its own files.
    is_of_the_record: bool,
    began: usize,
    ended: usize,
}

/// Which changes outlive the power cut though nothing has made them durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Survivors {
    None,
    All,
    Only(usize),
    AllBut(usize),
}

/// What becomes of bytes that were not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bytes {
    Lost,
    Zeros,
    FirstHalf,
    Whole,
}

/// The steps of a run.
pub(super) struct Recording {
    before: Disk,
    steps: Vec<Step>,
}

impl Recording {
    /// Of calls on a disk whose top directory was at this path.
    pub(super) fn of(before: Disk, top: &str, calls: &[Call]) -> Self {
        let mut recorder = Recorder::new(before.clone(), top);
        let mut steps = Vec::new();
        for call in calls.iter().filter(|call| !call.has_failed()) {
            if let Some((act, is_of_the_record)) = recorder.act(call) {
                steps.push(Step { act, is_of_the_record, began: call.began, ended: call.ended });
            }
        }
        Self { before, steps }
    }

    /// How many points there are at which the power may fail: before each step and after the last.
    pub(super) fn cuts(&self) -> std::ops::RangeInclusive<usize> {
        0..=self.steps.len()
    }

    /// Which state of the record a cut meets: everything up to its last sync.
    pub(super) fn record_at(&self, cut: usize) -> usize {
        let is_sync = |step: &Step| step.is_of_the_record && matches!(step.act, Act::Sync(_));
        self.steps[..cut].iter().rposition(is_sync).map_or(0, |place| place + 1)
    }

    /// Changes of the tree's directories that are not durable at a cut.
    pub(super) fn open_at(&self, cut: usize) -> Vec<usize> {
        let is_open = |place: &usize| {
            let step = &self.steps[*place];
            let is_entry = matches!(&step.act, Act::Change(change) if !is_data(change));
            is_entry && !step.is_of_the_record && !self.is_durable(*place, cut)
        };
        (0..cut).filter(is_open).collect()
    }

    /// The disk as one power cut may leave it.
    pub(super) fn disk_after(&self, cut: usize, survivors: Survivors, bytes: Bytes) -> Disk {
        let (mut disk, record) = (self.before.clone(), self.record_at(cut));
        for (place, step) in self.steps[..cut].iter().enumerate() {
            let Act::Change(change) = &step.act else { continue };
            let survives = match survivors {
                Survivors::None => false,
                Survivors::All => true,
                Survivors::Only(only) => place == only,
                Survivors::AllBut(lost) => place != lost,
            };
            if step.is_of_the_record {
                if place < record {
                    disk.apply(change);
                }
            } else if self.is_durable(place, cut) {
                disk.apply(change);
            } else if is_data(change) {
                if let Some(left) = what_is_left(change, bytes) {
                    disk.apply(&left);
                }
            } else if survives {
                disk.apply(change);
            }
        }
        disk
    }

    /// Whether what it changed was synced between it and the cut. A rename is durable with the directory it leads to.
    fn is_durable(&self, place: usize, cut: usize) -> bool {
        let Act::Change(change) = &self.steps[place].act else { return true };
        let changed = match change {
            Change::Enter { at, .. } | Change::Leave { at } => at.directory,
            Change::Move { to, .. } | Change::Swap { other: (to, _), .. } => to.directory,
            Change::Write { inode, .. } | Change::Truncate { inode, .. } => *inode,
        };
        let covers = |step: &Step| {
            matches!(step.act, Act::Sync(inode) if inode == changed) && step.began > self.steps[place].ended
        };
        self.steps[place..cut].iter().any(covers)
    }
}

fn is_data(change: &Change) -> bool {
    matches!(change, Change::Write { .. } | Change::Truncate { .. })
}

fn what_is_left(change: &Change, bytes: Bytes) -> Option<Change> {
    let Change::Write { inode, offset, bytes: all } = change else { return Some(change.clone()) };
    let left = match bytes {
        Bytes::Lost => return None,
        Bytes::Zeros => vec![0; all.len()],
        Bytes::FirstHalf => all[..all.len() / 2].to_vec(),
        Bytes::Whole => all.clone(),
    };
    Some(Change::Write { inode: *inode, offset: *offset, bytes: left })
}
