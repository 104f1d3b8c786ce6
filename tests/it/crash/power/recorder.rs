//! What a call means for a disk: which names and files it changes, by their inodes.

use std::collections::HashMap;

use super::super::strace::{Argument, Call};
use super::disk::{Change, Disk, Entry, Inode};
use super::recording::Act;

/// The file of the record and those beside it.
const RECORD: &str = "state.sqlite";

/// Follows the calls along a disk on which everything happens.
pub(super) struct Recorder<'a> {
    top: &'a str,
    live: Disk,
    next: Inode,
    /// Where the next `write` to an open file goes.
    offsets: HashMap<String, usize>,
    /// Inodes of the record.
    record: Vec<Inode>,
}

impl<'a> Recorder<'a> {
    /// Of a disk whose top directory is at this path.
    pub(super) fn new(live: Disk, top: &'a str) -> Self {
        Self { top, next: live.free_inode(), live, offsets: HashMap::new(), record: Vec::new() }
    }

    /// What a call does to the disk, if anything, and whether to a file of the record.
    pub(super) fn act(&mut self, call: &Call) -> Option<(Act, bool)> {
        let done = self.understand(call);
        if let Some((Act::Change(change), _)) = &done {
            self.live.apply(change);
        }
        done
    }

    fn understand(&mut self, call: &Call) -> Option<(Act, bool)> {
        let arguments = &call.arguments;
        match call.name.as_str() {
            "openat" => self.open(call).map(|change| self.entry_change(change)),
            "mkdir" => Some(self.make(self.entry(None, &arguments[0])?)),
            "mkdirat" => Some(self.make(self.entry(Some(&arguments[0]), &arguments[1])?)),
            "unlink" | "rmdir" => {
                let at = self.entry(None, &arguments[0])?;
                Some(self.entry_change(Change::Leave { at }))
            }
            "unlinkat" => {
                let at = self.entry(Some(&arguments[0]), &arguments[1])?;
                Some(self.entry_change(Change::Leave { at }))
            }
            "linkat" => {
                let inode = self.inode_at(&self.entry(Some(&arguments[0]), &arguments[1])?)?;
                let at = self.entry(Some(&arguments[2]), &arguments[3])?;
                Some(self.entry_change(Change::Enter { at, inode, is_directory: false }))
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
        let file = call.arguments.first()?;
        let inode = self.inode(&file.name()?)?;
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
                let offset = self.offsets.entry(file.descriptor()?).or_default();
                *offset += answer;
                Act::Change(Change::Write {
                    inode,
                    offset: *offset - answer,
                    bytes: bytes[..answer].to_vec(),
                })
            }
            "lseek" => {
                self.offsets.insert(file.descriptor()?, answer);
                return None;
            }
            unknown => panic!("the model does not know {unknown}"),
        };
        Some((act, is_of_the_record))
    }

    /// Every open file begins at its beginning; some begin to exist.
    fn open(&mut self, call: &Call) -> Option<Change> {
        let at = self.entry(Some(&call.arguments[0]), &call.arguments[1])?;
        if let Some(descriptor) = call.answer.as_ref().and_then(Argument::descriptor) {
            self.offsets.insert(descriptor, 0);
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

    fn make(&mut self, at: Entry) -> (Act, bool) {
        let inode = self.new_inode();
        self.entry_change(Change::Enter { at, inode, is_directory: true })
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
