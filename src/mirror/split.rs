//! One root for several processes: each shard has a directory of its own below the state, and a root is split one way only.

use std::io;
use std::path::{Path, PathBuf};

use super::directory::Directory;
use super::root::{LOCK, Root, RootError, STATE_DIRECTORY, STATE_FILE};
use crate::dicom::{Records, Shard};

/// How a root is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// Not at all: one process, one record.
    Whole,
    /// Into shards, one of which is meant.
    Shard(Shard),
    /// Into so many shards, all of which are meant: only to read.
    All(u8),
}

impl Split {
    pub(super) fn of(shard: Option<Shard>) -> Self {
        shard.map_or(Self::Whole, Self::Shard)
    }

    pub(super) fn shard(self) -> Option<Shard> {
        if let Self::Shard(shard) = self { Some(shard) } else { None }
    }

    /// Where the state lies, relative to the root.
    pub(super) fn state(self) -> PathBuf {
        let state = PathBuf::from(STATE_DIRECTORY);
        self.shard().map_or(state.clone(), |shard| state.join(name_of(shard)))
    }

    pub(super) fn records(self, root: &Path) -> Records {
        let record = |shard| root.join(Self::Shard(shard).state()).join(STATE_FILE);
        match self {
            Self::Whole => Records::Whole(root.join(STATE_DIRECTORY).join(STATE_FILE)),
            Self::Shard(shard) => Records::Shards(vec![record(shard)]),
            Self::All(of) => Records::Shards(Shard::all(of).map(record).collect()),
        }
    }
}

impl Root {
    /// Refuses a share of a root that is not split, or split otherwise; the whole of one that is split.
    pub fn refuse_other_split(path: &Path, shard: Option<Shard>) -> Result<(), RootError> {
        let is_other = |name: &&String| match shard {
            None => is_of_a_shard(name),
            Some(shard) => {
                let is_same = || Shard::all(shard.of()).any(|known| name_of(known) == **name);
                [STATE_FILE, LOCK].contains(&name.as_str()) || is_of_a_shard(name) && !is_same()
            }
        };
        // the last of them: the record, rather than its lock
        let Some(name) = names(path)?.iter().rfind(is_other).cloned() else { return Ok(()) };
        let found = path.join(STATE_DIRECTORY).join(&name);
        Err(if is_of_a_shard(&name) { RootError::IsSplit { found } } else { RootError::IsWhole { found } })
    }

    /// How a root is split that is only read: into what it holds, unless one shard is meant.
    pub(super) fn split_to_read(path: &Path, shard: Option<Shard>) -> Result<Split, RootError> {
        if shard.is_some() {
            Self::refuse_other_split(path, shard)?;
            return Ok(Split::of(shard));
        }
        if Self::state_file_of(path).exists() {
            return Ok(Split::Whole);
        }
        let names = names(path)?;
        let of = |of: &u8| Shard::all(*of).any(|shard| names.contains(&name_of(shard)));
        Ok((1..=crate::dicom::MOST_SHARDS).find(of).map_or(Split::Whole, Split::All))
    }

    /// The records that are meant.
    pub fn records(&self) -> Records {
        self.split.records(self.path())
    }

    /// The records of all who write to this root.
    pub fn all_records(&self) -> Records {
        self.split.shard().map_or(self.split, |shard| Split::All(shard.of())).records(self.path())
    }

    /// The record of one who is to write to a root.
    pub fn records_of(root: &Path, shard: Option<Shard>) -> Records {
        Split::of(shard).records(root)
    }

    /// Refuses a file system that takes `LOCK` for `lock`.
    ///
    /// Each shard decides on its own how identifiers become names; where capitals are not minded, two of them might give
    /// two identifiers one name.
    pub(super) fn refuse_folded_capitals(&self) -> Result<(), RootError> {
        match self.state.kind(&LOCK.to_uppercase()) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(RootError::FoldsCapitals { root: self.path().to_owned() }),
            Err(source) => Err(RootError::Unusable { root: self.path().to_owned(), source }),
        }
    }
}

/// The directory of a shard.
pub(super) fn name_of(shard: Shard) -> String {
    format!("shard-{}-of-{}", shard.number(), shard.of())
}

/// Whether a name is one of a shard, also of a split that this release does not make.
fn is_of_a_shard(name: &str) -> bool {
    name.strip_prefix("shard-").is_some_and(|rest| rest.contains("-of-"))
}

/// What lies in the directory of the state, if there is one.
fn names(root: &Path) -> Result<Vec<String>, RootError> {
    let found = Directory::open(root).and_then(|root| root.sub(STATE_DIRECTORY)?.names());
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(|source| RootError::Unusable { root: root.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::super::fixture::{names, write};
    use super::super::layout::SeriesPath;
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap()
    }

    fn lock(root: &TempDir, text: &str) -> Result<Root, RootError> {
        Root::lock_share(root.path(), Some(shard(text)))
    }

    #[test]
    fn a_shard_has_a_state_of_its_own_and_locks_no_other() {
        let root = tempfile::tempdir().unwrap();

        let held = ["1/3", "2/3", "3/3"].map(|text| lock(&root, text).unwrap());
        let second = lock(&root, "2/3").unwrap_err();

        let state = root.path().join(".tcia-mirror");
        assert_eq!(names(&state), ["shard-1-of-3", "shard-2-of-3", "shard-3-of-3"]);
        assert_eq!(names(&state.join("shard-2-of-3")), ["lock", "replaced", "staging"]);
        assert_eq!(held[1].state_file(), state.join("shard-2-of-3/state.sqlite"));
        let lock_path = state.join("shard-2-of-3/lock");
        assert!(matches!(second, RootError::Locked { lock } if lock == lock_path));
    }

    #[test]
    fn a_root_is_split_one_way_only_and_what_is_refused_makes_nothing() {
        for (there, asked, is_refused) in [
            ("state.sqlite", Some("1/4"), true),
            ("lock", Some("1/4"), true),
            ("shard-3-of-8/state.sqlite", Some("1/4"), true),
            ("shard-3-of-8", Some("1/4"), true),
            ("shard-12-of-20/lock", Some("1/4"), true),
            ("shard-3-of-4/state.sqlite", Some("1/4"), false),
            ("verify-0123456789abcdef", Some("1/4"), false),
            ("shard-1-of-4/state.sqlite", None, true),
            ("shard-1-of-4", None, true),
            ("state.sqlite", None, false),
        ] {
            let root = tempfile::tempdir().unwrap();
            write(&root.path().join(".tcia-mirror").join(there), b"");
            let before = names(&root.path().join(".tcia-mirror"));

            let taken = Root::lock_share(root.path(), asked.map(shard));

            assert_eq!(taken.is_err(), is_refused, "{there}, {asked:?}");
            if let Err(refused) = taken {
                assert!(refused.to_string().contains(there.split('/').next().unwrap()), "{refused}");
                assert_eq!(names(&root.path().join(".tcia-mirror")), before, "{there}, {asked:?}");
            }
        }
    }

    #[test]
    fn a_file_or_a_link_where_the_directory_of_a_shard_belongs_is_not_used() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let state = root.path().join(".tcia-mirror");
        write(&state.join("shard-1-of-2"), b"");
        symlink(outside.path(), state.join("shard-2-of-2")).unwrap();

        for text in ["1/2", "2/2"] {
            let Err(RootError::Unusable { source, .. }) = lock(&root, text) else { panic!("{text}") };
            assert!(source.to_string().contains("shard-"), "{source}");
        }
        assert!(names(outside.path()).is_empty());
    }

    #[test]
    fn a_file_system_that_does_not_mind_capitals_is_refused_to_a_shard_alone() {
        let root = tempfile::tempdir().unwrap();
        // what such a file system shows of the file `lock`
        write(&root.path().join(".tcia-mirror/shard-1-of-2/LOCK"), b"");
        let whole = tempfile::tempdir().unwrap();
        write(&whole.path().join(".tcia-mirror/LOCK"), b"");

        let refused = lock(&root, "1/2");

        assert!(matches!(refused, Err(RootError::FoldsCapitals { .. })), "{refused:?}");
        assert!(lock(&root, "2/2").is_ok());
        assert!(Root::lock(whole.path()).is_ok());
    }

    #[test]
    fn a_shard_leaves_directories_in_which_another_may_be_about_to_place_something() {
        let root = tempfile::tempdir().unwrap();
        let path = SeriesPath::recorded("A/P/1.2/1.2.3").unwrap();
        let series = root.path().join("A/P/1.2/1.2.3");
        write(&series.join("1.2.3.4.dcm"), b"");

        lock(&root, "1/2").unwrap().remove_series(&path).unwrap();

        assert!(!series.exists() && series.parent().unwrap().exists());
        assert_eq!(names(&root.path().join(".tcia-mirror/shard-1-of-2/replaced")), [""; 0]);
    }

    #[test]
    fn a_reader_finds_every_record_of_a_split_root_whether_it_is_there_or_not() {
        let root = tempfile::tempdir().unwrap();
        let none = Root::open(root.path());
        drop(lock(&root, "2/3").unwrap());
        let empty = Root::open(root.path());
        let record = |number| root.path().join(format!(".tcia-mirror/shard-{number}-of-3/state.sqlite"));
        write(&record(2), b"");

        let all = Root::open(root.path()).unwrap();
        let one = Root::open_share(root.path(), Some(shard("2/3"))).unwrap();

        for refused in [none, empty, Root::open_share(root.path(), Some(shard("1/3")))] {
            assert!(matches!(refused, Err(RootError::NoMirror { .. })), "{refused:?}");
        }
        assert!(matches!(Root::open_share(root.path(), Some(shard("1/2"))), Err(RootError::IsSplit { .. })));
        let every = Records::Shards([1, 2, 3].map(record).to_vec());
        assert_eq!((all.records(), all.all_records()), (every.clone(), every.clone()));
        assert_eq!((one.records(), one.all_records()), (Records::Shards(vec![record(2)]), every));
    }
}
