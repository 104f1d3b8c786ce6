//! What lies on disk against the record: every byte is read again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};

use rustix::fs::FileType;
use sha2::{Digest, Sha256};

use super::directory::Directory;
use super::layout::SeriesPath;
use super::root::{Root, STATE_DIRECTORY};
use super::staging::{LICENSE, READ_PIECE, file_name};
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
    /// As recorded, and not what the service has.
    Differs,
    /// As recorded, and the service has no such series.
    Withdrawn,
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
                if recorded.license.is_some() {
                    problem(LICENSE, kind_of(&error), None);
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
    judge(directory.read(name), Some(instance.size_bytes), instance.sha256)
}

fn check_license(directory: &Directory, license: [u8; 32]) -> Option<ProblemKind> {
    judge(directory.read(LICENSE), None, license)
}

/// Reads a file to its end. A file of another length than recorded is not read at all.
///
/// SHA-256 alone is compared: the other digests of the record were taken of the same bytes in the same pass, and MD5
/// costs more than twice as much as SHA-256 (0.42 and 1.16 GB/s a core), so that it and not the disk would set the pace.
fn judge(file: io::Result<File>, size_bytes: Option<u64>, sha256: [u8; 32]) -> Option<ProblemKind> {
    let digest = |file: File| {
        let is_as_long = size_bytes.is_none_or(|size| file.metadata().is_ok_and(|found| found.len() == size));
        if is_as_long { sha256_of(file).map(Some) } else { Ok(None) }
    };
    match file.and_then(digest) {
        Ok(found) => (found != Some(sha256)).then_some(ProblemKind::Corrupt),
        Err(error) => Some(kind_of(&error)),
    }
}

fn sha256_of(mut file: File) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut piece = vec![0; READ_PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(digest.finalize().into()),
            Ok(amount) => digest.update(&piece[..amount]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn kind_of(error: &io::Error) -> ProblemKind {
    if error.kind() == io::ErrorKind::NotFound { ProblemKind::Missing } else { ProblemKind::Unreadable }
}

/// Everything in the tree that leads to no recorded series, and what of it cannot be read, relative to the root.
///
/// `is_known` is asked for each directory down to the series, outermost first.
pub fn find_strangers(
    root: &Root,
    is_known: &mut impl FnMut(&str) -> bool,
    report: &mut impl FnMut(Problem),
) {
    let mut problem = |path, kind| report(Problem { path, kind, sop_instance_uid: None });
    let mut open = vec![(String::new(), 0)];
    while let Some((path, depth)) = open.pop() {
        let entries = match entries(root, &path) {
            Ok(entries) => entries,
            // a series that was revised meanwhile may have left an empty place behind
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => {
                problem(if path.is_empty() { ".".to_owned() } else { path }, ProblemKind::Unreadable);
                continue;
            }
        };
        for (name, kind) in entries {
            if depth == 0 && name == STATE_DIRECTORY {
                continue;
            }
            let inside = if path.is_empty() { name } else { format!("{path}/{name}") };
            if kind != Some(FileType::Directory) || !is_known(&inside) {
                if !holds_nothing(root, &inside) {
                    problem(inside, ProblemKind::Unexpected);
                }
            } else if depth < 3 {
                open.push((inside, depth + 1));
            }
        }
    }
}

/// Whether something is a directory without any file in it, as a series leaves that has moved.
fn holds_nothing(root: &Root, path: &str) -> bool {
    let all_hold_nothing = |entries: Vec<(String, Option<FileType>)>| {
        entries.iter().all(|(name, _)| holds_nothing(root, &format!("{path}/{name}")))
    };
    entries(root, path).is_ok_and(all_hold_nothing)
}

/// What is in a directory of the tree: names, and what kind of entry each is.
fn entries(root: &Root, path: &str) -> io::Result<Vec<(String, Option<FileType>)>> {
    let directory = path.split('/').filter(|name| !name.is_empty());
    let directory = directory.fold(root.directory.sub("."), |parent, name| parent?.sub(name))?;
    let kind = |name: String| directory.kind(&name).map(|kind| (name, kind));
    directory.names()?.into_iter().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::fixture::{FIRST, LICENCE_SHA256, LICENCE_TEXT, PLACE, SECOND, Scratch, hex, place};
    use super::*;

    const SERIES_FILE: &str = "Lung Tests/P-007/1.2.826.0.5/1.2.826.0.7/1.2.826.0.7.1.dcm";

    /// A root with a placed series of two instances and a licence.
    fn placed() -> Scratch {
        let scratch = Scratch::new();
        let mut staging = scratch.stage(&[FIRST, SECOND]);
        staging.keep_license(LICENCE_TEXT).unwrap();
        scratch.commit(staging, "1");
        scratch
    }

    /// Re-hashes that series: how many instances agree, and each problem as its name and kind.
    fn check(scratch: &Scratch, license: Option<[u8; 32]>) -> (u64, Vec<(String, ProblemKind)>) {
        let instances = [FIRST.instance(), SECOND.instance()];
        let mut problems = Vec::new();
        let agreed = check_series(
            &scratch.root,
            &place(),
            &Recorded { instances: &instances, license },
            &mut |problem| {
                let name = problem.path.strip_prefix(PLACE).unwrap().trim_start_matches('/');
                problems.push((name.to_owned(), problem.kind));
            },
        );
        (agreed, problems)
    }

    fn remove(scratch: &Scratch, inside: &str) {
        std::fs::remove_file(scratch.path(inside)).unwrap();
    }

    fn lengthen(scratch: &Scratch, inside: &str) {
        scratch.write(inside, &[scratch.read(inside), vec![0]].concat());
    }

    fn put_directory(scratch: &Scratch, inside: &str) {
        remove(scratch, inside);
        std::fs::create_dir(scratch.path(inside)).unwrap();
    }

    fn put_link(scratch: &Scratch, inside: &str) {
        scratch.write("elsewhere", &scratch.read(inside));
        remove(scratch, inside);
        symlink(scratch.path("elsewhere"), scratch.path(inside)).unwrap();
    }

    #[test]
    fn a_series_as_it_was_placed_has_no_problem() {
        assert_eq!(check(&placed(), Some(hex(LICENCE_SHA256))), (2, Vec::new()));
    }

    #[test]
    fn every_way_to_disagree_is_told_of_an_instance_and_of_the_licence() {
        type Damage = fn(&Scratch, &str);
        let cases: [(&str, Damage, ProblemKind); 6] = [
            ("no file", remove, ProblemKind::Missing),
            ("a flipped bit", Scratch::flip, ProblemKind::Corrupt),
            ("an empty file", |scratch, file| scratch.write(file, b""), ProblemKind::Corrupt),
            ("a longer file", lengthen, ProblemKind::Corrupt),
            ("a directory in its place", put_directory, ProblemKind::Unreadable),
            ("a link to the right bytes", put_link, ProblemKind::Unreadable),
        ];
        for (case, damage, kind) in cases {
            for (name, agreed) in [("1.2.826.0.7.1.dcm", 1), ("LICENSE", 2)] {
                let scratch = placed();
                damage(&scratch, &format!("{PLACE}/{name}"));

                let found = check(&scratch, Some(hex(LICENCE_SHA256)));

                assert_eq!(found, (agreed, vec![(name.to_owned(), kind)]), "{case}: {name}");
            }
        }
    }

    #[test]
    fn a_file_or_a_directory_too_many_is_unexpected() {
        let scratch = placed();
        scratch.write(&format!("{PLACE}/1.9.dcm"), FIRST.content);
        scratch.write(&format!("{PLACE}/more/file"), b"");

        let found = check(&scratch, Some(hex(LICENCE_SHA256)));

        let unexpected = ["1.9.dcm", "more"].map(|name| (name.to_owned(), ProblemKind::Unexpected));
        assert_eq!(found, (2, unexpected.to_vec()));
    }

    #[test]
    fn a_licence_that_is_not_recorded_is_unexpected() {
        let found = check(&placed(), None);

        assert_eq!(found, (2, vec![("LICENSE".to_owned(), ProblemKind::Unexpected)]));
    }

    #[test]
    fn a_problem_names_its_file_and_its_instance() {
        let scratch = placed();
        scratch.flip(SERIES_FILE);
        scratch.write(&format!("{PLACE}/1.9.dcm"), b"");
        let mut problems = Vec::new();

        let recorded = Recorded {
            instances: &[FIRST.instance(), SECOND.instance()],
            license: Some(hex(LICENCE_SHA256)),
        };
        check_series(&scratch.root, &place(), &recorded, &mut |problem| problems.push(problem));

        let of =
            |path: &str, kind, sop_instance_uid| Problem { path: path.to_owned(), kind, sop_instance_uid };
        let unexpected = format!("{PLACE}/1.9.dcm");
        assert_eq!(
            problems,
            [
                of(SERIES_FILE, ProblemKind::Corrupt, Some(FIRST.uid())),
                of(&unexpected, ProblemKind::Unexpected, None),
            ]
        );
    }

    #[test]
    fn a_series_that_is_gone_misses_each_file_and_its_licence() {
        let scratch = placed();
        std::fs::remove_dir_all(scratch.path("Lung Tests/P-007")).unwrap();

        let found = check(&scratch, Some(hex(LICENCE_SHA256)));

        let missing = ["1.2.826.0.7.1.dcm", "1.2.826.0.7.2.dcm", "LICENSE"]
            .map(|name| (name.to_owned(), ProblemKind::Missing));
        assert_eq!(found, (0, missing.to_vec()));
    }

    #[test]
    fn a_series_behind_a_link_is_unreadable() {
        let scratch = placed();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::remove_dir_all(scratch.path(PLACE)).unwrap();
        symlink(elsewhere.path(), scratch.path(PLACE)).unwrap();

        let (agreed, problems) = check(&scratch, None);

        assert_eq!(agreed, 0);
        assert!(problems.iter().all(|(_, kind)| *kind == ProblemKind::Unreadable));
        assert_eq!(problems.len(), 2);
    }
}
