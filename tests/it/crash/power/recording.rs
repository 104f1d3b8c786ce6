//! What one run of the program did to its disk, step by step, and what is left of it when the power fails.

use std::collections::HashMap;

use super::super::strace::{Argument, Call};
use super::disk::{Change, Disk, Entry, Inode};

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
/// The file of the record and those beside it.
const RECORD: &str = "state.sqlite";

/// A change, or the promise of the kernel that changes of a file or a directory will outlive a power cut.
#[derive(Debug)]
enum Act {
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
        let mut recorder = Recorder {
            top,
            next: before.free_inode(),
            live: before.clone(),
            offsets: HashMap::new(),
            record: Vec::new(),
        };
        let mut steps = Vec::new();
        for call in calls.iter().filter(|call| !call.has_failed()) {
            if let Some((act, is_of_the_record)) = recorder.act(call) {
                if let Act::Change(change) = &act {
                    recorder.live.apply(change);
                }
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
                what_is_left(change, bytes).iter().for_each(|change| disk.apply(change));
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

/// Follows the calls along a disk on which everything happens.
struct Recorder<'a> {
    top: &'a str,
    live: Disk,
    next: Inode,
    /// Where the next `write` to an open file goes.
    offsets: HashMap<String, usize>,
    /// Inodes of the record.
    record: Vec<Inode>,
}

impl Recorder<'_> {
    fn act(&mut self, call: &Call) -> Option<(Act, bool)> {
        let arguments = &call.arguments;
        match call.name.as_str() {
            "openat" => self.open(call).map(|change| self.entry_change(change)),
            "mkdir" => self.make(self.entry(None, &arguments[0])?, true),
            "mkdirat" => self.make(self.entry(Some(&arguments[0]), &arguments[1])?, true),
            "unlink" | "rmdir" => {
                let at = self.entry(None, &arguments[0])?;
                Some(self.entry_change(Change::Leave { at }))
            }
            "unlinkat" => {
                let at = self.entry(Some(&arguments[0]), &arguments[1])?;
                Some(self.entry_change(Change::Leave { at }))
            }
            "rename" => {
                self.rename(self.entry(None, &arguments[0])?, self.entry(None, &arguments[1])?, false)
            }
            "renameat" | "renameat2" => {
                let from = self.entry(Some(&arguments[0]), &arguments[1])?;
                let to = self.entry(Some(&arguments[2]), &arguments[3])?;
                let swaps = arguments.get(4).is_some_and(|flags| flags.has_flag("RENAME_EXCHANGE"));
                self.rename(from, to, swaps)
            }
            _ => self.data_act(call),
        }
    }

    fn data_act(&mut self, call: &Call) -> Option<(Act, bool)> {
        let Argument::Descriptor(descriptor, path) = call.arguments.first()? else { return None };
        let inode = self.inode(path)?;
        let is_of_the_record = self.record.contains(&inode);
        let bytes = match call.arguments.get(1) {
            Some(Argument::Text(bytes)) => bytes.clone(),
            _ => Vec::new(),
        };
        let number = |place: usize| {
            call.arguments[place].number().and_then(|number| usize::try_from(number).ok()).unwrap()
        };
        let answer = call
            .answer
            .as_ref()
            .and_then(Argument::number)
            .and_then(|answer| usize::try_from(answer).ok())?;
        let act = match call.name.as_str() {
            "fsync" | "fdatasync" => Act::Sync(inode),
            "ftruncate" => Act::Change(Change::Truncate { inode, length: number(1) }),
            "pwrite64" => {
                Act::Change(Change::Write { inode, offset: number(3), bytes: bytes[..answer].to_vec() })
            }
            "write" => {
                let offset = self.offsets.entry(descriptor.clone()).or_default();
                *offset += answer;
                Act::Change(Change::Write {
                    inode,
                    offset: *offset - answer,
                    bytes: bytes[..answer].to_vec(),
                })
            }
            "lseek" => {
                self.offsets.insert(descriptor.clone(), answer);
                return None;
            }
            unknown => panic!("the model does not know {unknown}"),
        };
        Some((act, is_of_the_record))
    }

    /// Every open file begins at its beginning; some begin to exist.
    fn open(&mut self, call: &Call) -> Option<Change> {
        let at = self.entry(Some(&call.arguments[0]), &call.arguments[1])?;
        if let Some(Argument::Descriptor(descriptor, _)) = &call.answer {
            self.offsets.insert(descriptor.clone(), 0);
        }
        let known = self.inode_at(&at);
        let flags = &call.arguments[2];
        match known {
            Some(inode) if flags.has_flag("O_TRUNC") => Some(Change::Truncate { inode, length: 0 }),
            Some(inode) => {
                if at.name.starts_with(RECORD) {
                    self.record.push(inode);
                }
                None
            }
            None if flags.has_flag("O_CREAT") => {
                Some(Change::Enter { at, inode: self.new_inode(), is_directory: false })
            }
            None => None,
        }
    }

    fn make(&mut self, at: Entry, is_directory: bool) -> Option<(Act, bool)> {
        let inode = self.new_inode();
        Some(self.entry_change(Change::Enter { at, inode, is_directory }))
    }

    fn rename(&self, from: Entry, to: Entry, swaps: bool) -> Option<(Act, bool)> {
        let inode = self.inode_at(&from)?;
        let change = if swaps {
            let other = self.inode_at(&to)?;
            Change::Swap { one: (from, other), other: (to, inode) }
        } else {
            Change::Move { from, to, inode }
        };
        Some((Act::Change(change), false))
    }

    fn entry_change(&mut self, change: Change) -> (Act, bool) {
        let is_of_the_record = match &change {
            Change::Enter { at, .. } | Change::Leave { at } => at.name.starts_with(RECORD),
            Change::Truncate { inode, .. } => self.record.contains(inode),
            _ => false,
        };
        if let Change::Enter { inode, .. } = &change
            && is_of_the_record
        {
            self.record.push(*inode);
        }
        (Act::Change(change), is_of_the_record)
    }

    fn new_inode(&mut self) -> Inode {
        self.next += 1;
        self.next - 1
    }

    /// A name in a directory of this disk.
    fn entry(&self, directory: Option<&Argument>, name: &Argument) -> Option<Entry> {
        let name = name.name()?;
        let path = match directory.and_then(Argument::name) {
            Some(directory) if !name.starts_with('/') => format!("{directory}/{name}"),
            _ => name,
        };
        let (directory, name) = path.rsplit_once('/')?;
        Some(Entry { directory: self.inode(directory)?, name: name.to_owned() })
    }

    fn inode(&self, path: &str) -> Option<Inode> {
        let inside = path.strip_prefix(self.top)?;
        if inside.ends_with(" (deleted)") {
            return None;
        }
        Some(self.live.find(inside).unwrap_or_else(|| panic!("the model has no {inside}")))
    }

    fn inode_at(&self, at: &Entry) -> Option<Inode> {
        self.live.entry(at)
    }
}
