//! A tree of symbolic links beside the root, with names for people, whose leaves lead to series.
//!
//! Three directories and a link: collection, patient, study, series. Links are relative, so that root and links may be
//! mounted together at any place. Only links that lead into this root are ever replaced or removed; what else lies there
//! is somebody's own. Nothing is put on stable storage: whatever a power cut takes is made again.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component as Part, Path};

use rustix::fs::FileType;

use super::directory::Directory;
use super::layout::{Component, SeriesPath};

/// From the directory of a study up to that of the tree.
const UP: &str = "../../..";
/// A link that takes the place of another.
const NEXT: &str = ".tcia-mirror-next";
/// How much of what was in the way is told by name.
const MOST_NAMED: usize = 100;

/// The links of one patient: the names of study and series, and where each leads.
pub type LinksOfPatient = BTreeMap<(Component, Component), SeriesPath>;

/// What has become of the links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// That were not there.
    pub made: u64,
    /// That led elsewhere in the root.
    pub replaced: u64,
    /// That lead to nothing that is to be shown.
    pub removed: u64,
    /// That are as they were.
    pub kept: u64,
    /// That could not be made, because something else has their name.
    pub in_the_way: u64,
    /// The first of those, relative to the directory of the tree.
    pub named: Vec<String>,
}

/// A tree of links that is brought up to date.
pub struct LinkTree {
    directory: Directory,
    /// What every link begins with that leads into the root.
    into_root: Vec<u8>,
    /// Patients that were shown, each as the path of its directory.
    shown: HashSet<String>,
    counts: LinkCounts,
}

impl LinkTree {
    /// Opens a directory that lies outside of the root; both are paths without links.
    pub fn open(directory: &Path, root: &Path) -> io::Result<Self> {
        let mut into_root = Path::new(UP).join(between(directory, root)).into_os_string().into_vec();
        into_root.push(b'/');
        let directory = Directory::open(directory)?;
        Ok(Self { directory, into_root, shown: HashSet::new(), counts: LinkCounts::default() })
    }

    /// Makes the directory of a patient show these links, and no others that lead into the root.
    pub fn show(&mut self, [collection, patient]: [&str; 2], links: &LinksOfPatient) -> io::Result<()> {
        let place = format!("{collection}/{patient}");
        let Some(above) = self.enter(None, collection, collection)? else { return Ok(()) };
        if let Some(patient) = self.enter(Some(&above), patient, &place)? {
            for ((study, series), path) in links {
                let study_place = format!("{place}/{study}");
                if let Some(directory) = self.enter(Some(&patient), study.as_str(), &study_place)? {
                    self.link(&directory, series.as_str(), path, &study_place)?;
                }
            }
            self.sweep(&patient, |study, series| {
                // names are looked up as they are: none that is made here is encoded twice
                links.keys().any(|(known, name)| known.as_str() == study && name.as_str() == series)
            })?;
        }
        self.shown.insert(place);
        Ok(())
    }

    /// Removes the links of everybody who was not shown, and gives what has become of all.
    pub fn finish(mut self) -> io::Result<LinkCounts> {
        let top = self.directory.again()?;
        for collection in directories(&top)? {
            let inside = top.sub(&collection)?;
            let removed = self.counts.removed;
            for patient in directories(&inside)? {
                if self.shown.contains(&format!("{collection}/{patient}")) {
                    continue;
                }
                let removed = self.counts.removed;
                self.sweep(&inside.sub(&patient)?, |_, _| false)?;
                if self.counts.removed > removed {
                    inside.remove_empty(&patient)?;
                }
            }
            if self.counts.removed > removed {
                top.remove_empty(&collection)?;
            }
        }
        Ok(self.counts)
    }

    /// A directory of the tree, made where there is none; `None` where something else has its name.
    fn enter(&mut self, above: Option<&Directory>, name: &str, place: &str) -> io::Result<Option<Directory>> {
        let above = above.unwrap_or(&self.directory);
        above.make_unsynced(name)?;
        match above.sub(name) {
            Ok(directory) => Ok(Some(directory)),
            Err(error) if above.kind(name)? != Some(FileType::Directory) => {
                drop(error);
                self.note_in_the_way(place.to_owned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn link(&mut self, directory: &Directory, name: &str, path: &SeriesPath, place: &str) -> io::Result<()> {
        let mut target = self.into_root.clone();
        target.extend_from_slice(path.to_string().as_bytes());
        let target = OsString::from_vec(target);
        match directory.kind(name)? {
            None => {
                directory.symlink(&target, name)?;
                self.counts.made += 1;
            }
            Some(FileType::Symlink) if directory.read_link(name)? == target => self.counts.kept += 1,
            Some(FileType::Symlink) if self.leads_into_root(&directory.read_link(name)?) => {
                self.remove_if_ours(directory, NEXT)?;
                directory.symlink(&target, NEXT)?;
                directory.replace(NEXT, name)?;
                self.counts.replaced += 1;
            }
            Some(_) => self.note_in_the_way(format!("{place}/{name}")),
        }
        Ok(())
    }

    /// Removes every link of a patient that leads into the root and is not to be kept, and what is empty then.
    fn sweep(&mut self, patient: &Directory, is_kept: impl Fn(&str, &str) -> bool) -> io::Result<()> {
        for study in directories(patient)? {
            let directory = patient.sub(&study)?;
            let mut is_changed = false;
            for name in directory.names()?.iter().filter(|name| !is_kept(&study, name)) {
                if self.remove_if_ours(&directory, name)? {
                    self.counts.removed += 1;
                    is_changed = true;
                }
            }
            if is_changed {
                patient.remove_empty(&study)?;
            }
        }
        Ok(())
    }

    fn remove_if_ours(&self, directory: &Directory, name: &str) -> io::Result<bool> {
        let is_link = directory.kind(name)? == Some(FileType::Symlink);
        let is_ours = is_link && self.leads_into_root(&directory.read_link(name)?);
        if is_ours {
            directory.remove(name)?;
        }
        Ok(is_ours)
    }

    fn leads_into_root(&self, target: &OsStr) -> bool {
        let path = target.as_bytes().strip_prefix(self.into_root.as_slice()).map(String::from_utf8_lossy);
        path.is_some_and(|path| SeriesPath::recorded(&path).is_some())
    }

    fn note_in_the_way(&mut self, place: String) {
        self.counts.in_the_way += 1;
        if self.counts.named.len() < MOST_NAMED {
            self.counts.named.push(place);
        }
    }
}

fn directories(directory: &Directory) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for name in directory.names()? {
        if directory.kind(&name)? == Some(FileType::Directory) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The way from one directory to another; both are absolute and without links.
fn between(from: &Path, to: &Path) -> OsString {
    let (from, to): (Vec<Part<'_>>, Vec<Part<'_>>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from[common..].iter().map(|_| OsStr::new(".."));
    let down = to[common..].iter().map(|part| part.as_os_str());
    let parts: Vec<_> = up.chain(down).collect();
    parts.join(OsStr::new("/"))
}
