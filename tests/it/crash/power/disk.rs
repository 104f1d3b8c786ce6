//! A disk in memory: directories, files, and changes of them that can be made in part.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Names a directory or a file as long as it exists, whatever it is called.
pub(super) type Inode = usize;

/// The top directory.
pub(super) const TOP: Inode = 0;

/// A name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) directory: Inode,
    pub(super) name: String,
}

/// What a call changes.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Enter {
        at: Entry,
        inode: Inode,
        is_directory: bool,
    },
    Leave {
        at: Entry,
    },
    /// A rename happens whole or not at all, as every file system with a journal has it.
    Move {
        from: Entry,
        to: Entry,
        inode: Inode,
    },
    /// Two entries change places; the inodes are those that they have afterwards.
    Swap {
        one: (Entry, Inode),
        other: (Entry, Inode),
    },
    Write {
        inode: Inode,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        inode: Inode,
        length: usize,
    },
}

/// What lies on the disk.
#[derive(Clone, Default)]
pub(super) struct Disk {
    directories: BTreeMap<Inode, BTreeMap<String, Inode>>,
    files: BTreeMap<Inode, Arc<Vec<u8>>>,
}

impl Disk {
    /// What lies below a directory.
    pub(super) fn read(top: &Path) -> Self {
        let mut disk = Self::default();
        disk.read_directory(top);
        disk
    }

    fn read_directory(&mut self, path: &Path) -> Inode {
        let inode = self.free_inode();
        self.directories.insert(inode, BTreeMap::new());
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let inside = if entry.file_type().unwrap().is_dir() {
                self.read_directory(&entry.path())
            } else {
                let inode = self.free_inode();
                self.files.insert(inode, Arc::new(std::fs::read(entry.path()).unwrap()));
                inode
            };
            let name = entry.file_name().into_string().unwrap();
            self.directories.get_mut(&inode).unwrap().insert(name, inside);
        }
        inode
    }

    /// An inode that nothing has had so far.
    pub(super) fn free_inode(&self) -> Inode {
        let last = self.directories.keys().chain(self.files.keys()).max();
        last.map_or(TOP, |last| last + 1)
    }

    /// What has a path, relative to the top directory.
    pub(super) fn find(&self, path: &str) -> Option<Inode> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(TOP, |inode, name| self.directories.get(&inode)?.get(name).copied())
    }

    /// What has a name in a directory.
    pub(super) fn entry(&self, at: &Entry) -> Option<Inode> {
        self.directories.get(&at.directory)?.get(&at.name).copied()
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Enter { at, inode, is_directory: true } => {
                self.directories.entry(*inode).or_default();
                self.enter(at, *inode);
            }
            Change::Enter { at, inode, is_directory: false } => {
                self.files.entry(*inode).or_default();
                self.enter(at, *inode);
            }
            Change::Leave { at } => drop(self.names(at).remove(&at.name)),
            Change::Move { from, to, inode } => {
                if self.names(from).get(&from.name) == Some(inode) {
                    self.names(from).remove(&from.name);
                }
                self.enter(to, *inode);
            }
            Change::Swap { one, other } => {
                self.enter(&one.0, one.1);
                self.enter(&other.0, other.1);
            }
            Change::Write { inode, offset, bytes } => {
                let file = self.content(*inode);
                file.resize(file.len().max(offset + bytes.len()), 0);
                file[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Change::Truncate { inode, length } => self.content(*inode).resize(*length, 0),
        }
    }

    fn enter(&mut self, at: &Entry, inode: Inode) {
        self.names(at).insert(at.name.clone(), inode);
    }

    /// A directory whose own name was lost is there all the same, and nobody sees it.
    fn names(&mut self, at: &Entry) -> &mut BTreeMap<String, Inode> {
        self.directories.entry(at.directory).or_default()
    }

    fn content(&mut self, inode: Inode) -> &mut Vec<u8> {
        Arc::make_mut(self.files.entry(inode).or_default())
    }

    /// Everything that has a path: files with their bytes, directories without.
    pub(super) fn listing(&self) -> BTreeMap<String, Option<Arc<Vec<u8>>>> {
        let mut listing = BTreeMap::new();
        let mut open = vec![(String::new(), TOP)];
        while let Some((path, directory)) = open.pop() {
            for (name, inode) in &self.directories[&directory] {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                let file = self.files.get(inode).cloned();
                if file.is_none() {
                    open.push((path.clone(), *inode));
                }
                listing.insert(path, file);
            }
        }
        listing
    }

    /// Puts it on a real disk.
    #[expect(clippy::disallowed_methods, reason = "a test makes what a power cut leaves")]
    pub(super) fn write(&self, top: &Path) {
        std::fs::create_dir_all(top).unwrap();
        for (path, content) in self.listing() {
            match content {
                Some(bytes) => std::fs::write(top.join(path), &*bytes).unwrap(),
                None => std::fs::create_dir_all(top.join(path)).unwrap(),
            }
        }
    }
}
