//! What lies on disk against the record: every byte is read again.

use std::collections::BTreeSet;
use std::io;

use rustix::fs::FileType;

use super::directory::Directory;
use super::layout::SeriesPath;
use super::root::{Root, STATE_DIRECTORY};
use super::staging::{Digests, LICENSE, file_name};
use crate::dicom::{Instance, SopInstanceUid};

/// What the record says of one series.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Its instances.
    pub instances: &'a [Instance],
    /// SHA-256 of its licence text.
    pub license: Option<[u8; 32]>,
}

/// How a file disagrees with the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemKind {
    /// Recorded and not there.
    Missing,
    /// Other bytes than recorded.
    Corrupt,
    /// There and not recorded.
    Unexpected,
    /// There, and the file system does not give it.
    Unreadable,
}

/// One file that disagrees with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the root.
    pub path: String,
    /// How it disagrees.
    pub kind: ProblemKind,
    /// The instance, when it is one.
    pub sop_instance_uid: Option<SopInstanceUid>,
}

/// Re-hashes one series; each disagreement is reported. Gives how many instances agreed.
pub fn check_series(
    root: &Root,
    path: &SeriesPath,
    recorded: &Recorded<'_>,
    report: &mut impl FnMut(Problem),
) -> u64 {
    let mut problem = |name: &str, kind, sop_instance_uid| {
        report(Problem { path: format!("{path}/{name}"), kind, sop_instance_uid });
    };
    let directory = root.parent_of(path).and_then(|parent| parent.sub(path.name()));
    let (directory, found) =
        match directory.and_then(|directory| directory.names().map(|names| (directory, names))) {
            Ok((directory, names)) => (directory, names.into_iter().collect::<BTreeSet<_>>()),
            Err(error) => {
                for instance in recorded.instances {
                    let uid = &instance.sop_instance_uid;
                    problem(&file_name(uid), kind_of(&error), Some(uid.clone()));
                }
                return 0;
            }
        };
    let mut agreed = 0;
    let mut known = BTreeSet::new();
    for instance in recorded.instances {
        let name = file_name(&instance.sop_instance_uid);
        match check_instance(&directory, &name, instance) {
            None => agreed += 1,
            Some(kind) => problem(&name, kind, Some(instance.sop_instance_uid.clone())),
        }
        known.insert(name);
    }
    if let Some(license) = recorded.license {
        if let Some(kind) = check_license(&directory, license) {
            problem(LICENSE, kind, None);
        }
        known.insert(LICENSE.to_owned());
    }
    found.difference(&known).for_each(|name| problem(name, ProblemKind::Unexpected, None));
    agreed
}

fn check_instance(directory: &Directory, name: &str, instance: &Instance) -> Option<ProblemKind> {
    match directory.read(name).and_then(Digests::of) {
        Ok(digests) => {
            let found = digests.finish(instance.sop_instance_uid.clone());
            (found != *instance).then_some(ProblemKind::Corrupt)
        }
        Err(error) => Some(kind_of(&error)),
    }
}

fn check_license(directory: &Directory, license: [u8; 32]) -> Option<ProblemKind> {
    let read = |mut file: std::fs::File| {
        let mut text = Vec::new();
        io::Read::read_to_end(&mut file, &mut text).map(|_| text)
    };
    match directory.read(LICENSE).and_then(read) {
        Ok(text) => {
            let digest: [u8; 32] =
                sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(text)).into();
            (digest != license).then_some(ProblemKind::Corrupt)
        }
        Err(error) => Some(kind_of(&error)),
    }
}

fn kind_of(error: &io::Error) -> ProblemKind {
    if error.kind() == io::ErrorKind::NotFound { ProblemKind::Missing } else { ProblemKind::Unreadable }
}

/// Everything in the tree that leads to no recorded series, relative to the root.
///
/// `is_known` is asked for each directory down to the series, outermost first.
pub fn find_strangers(
    root: &Root,
    is_known: &mut impl FnMut(&str) -> bool,
    report: &mut impl FnMut(Problem),
) -> io::Result<()> {
    let mut open = vec![(String::new(), 0)];
    while let Some((path, depth)) = open.pop() {
        let directory = path.split('/').filter(|name| !name.is_empty());
        let directory = directory.fold(root.directory.sub("."), |parent, name| parent?.sub(name))?;
        for name in directory.names()? {
            let inside = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if depth == 0 && name == STATE_DIRECTORY {
                continue;
            }
            if directory.kind(&name)? != Some(FileType::Directory) || !is_known(&inside) {
                report(Problem { path: inside, kind: ProblemKind::Unexpected, sop_instance_uid: None });
            } else if depth < 3 {
                open.push((inside, depth + 1));
            }
        }
    }
    Ok(())
}
