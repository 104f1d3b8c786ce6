//! A mirror in front of a commit, to be interrupted again and again: each time in a copy of it.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Lab, tree};
use crate::support::sound::assert_sound;

/// Files below a root, its own state aside: path and bytes.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

/// One job at a time, so that calls come in the same order in each run; patience on a busy machine.
pub(super) const CONFIGURATION: &str =
    "[limits]\nparallel = 1\n[http]\nfirst_byte_timeout = \"60s\"\nidle_timeout = \"60s\"";
/// The command that has the commit in it.
pub(super) const MIRROR: [&str; 3] = ["mirror", "--collection", COLLECTION];

/// What a commit begins with and what it leads to.
pub(super) struct Situation {
    pub(super) fake: FakeTcia,
    /// The mirror before it.
    pub(super) before: Lab,
    /// What lies in the tree before it, if anything does.
    pub(super) old: Tree,
    /// What lies there when all is done.
    pub(super) new: Tree,
    _sources: Vec<TempDir>,
}

impl Situation {
    /// A series that was planned and lies nowhere yet.
    pub(super) fn first_placement() -> Self {
        let (source, catalogue) = (tempfile::tempdir().unwrap(), small());
        catalogue.build(source.path());
        let fake = FakeTcia::start(source.path());
        let before = new_lab(&fake);
        before.run(&["plan", "--collection", COLLECTION]).assert_code(0);
        Self { fake, before, old: Tree::new(), new: catalogue.expected_tree(true), _sources: vec![source] }
    }

    /// A series that is placed, and of which the service has other files by now.
    pub(super) fn revision() -> Self {
        let catalogue = small();
        let mut revised = catalogue.clone();
        revised.series[0].submitted = "2030-01-01";
        revised.series[0].files.values_mut().for_each(|file| *file.last_mut().unwrap() ^= 1);
        Self::changed(&catalogue, &revised)
    }

    /// A series that is placed, and that the service lists under another patient by now.
    pub(super) fn moved() -> Self {
        let catalogue = small();
        let mut moved = catalogue.clone();
        (moved.series[0].patient_id, moved.series[0].component) = ("NEW/1".to_owned(), "NEW%2F1".to_owned());
        Self::changed(&catalogue, &moved)
    }

    /// A mirror of one catalogue, and the service with another.
    fn changed(catalogue: &Catalogue, changed: &Catalogue) -> Self {
        let sources = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        catalogue.build(sources[0].path());
        changed.build(sources[1].path());
        let fake = FakeTcia::start(sources[0].path());
        let before = new_lab(&fake);
        before.run(&MIRROR).assert_code(0);
        let fake = fake.restart(sources[1].path());
        let (old, new) = (catalogue.expected_tree(true), changed.expected_tree(true));
        Self { fake, before, old, new, _sources: sources.into() }
    }

    /// A mirror with nothing in it yet.
    pub(super) fn empty_lab(&self) -> Lab {
        new_lab(&self.fake)
    }

    /// A copy of the mirror as it lies before the commit.
    pub(super) fn lab(&self) -> Lab {
        let lab = self.empty_lab();
        copy(&self.before.root(), &lab.root());
        lab
    }

    /// What an interruption may leave: under its final name a series lies whole, as it was or as it will be, and the
    /// version that was there before is still somewhere.
    pub(super) fn assert_whole(&self, root: &Path, about: &str) {
        let found = tree(root);
        self.assert_each_series_whole(&found, about);
        let (found, aside) = (by_series(&found), aside(root));
        for (series, files) in by_series(&self.old) {
            let is_kept = found.get(&series) == Some(&files) || aside.contains(&files);
            assert!(is_kept, "{about}: the old version of {series} is lost");
        }
    }

    pub(super) fn assert_each_series_whole(&self, found: &Tree, about: &str) {
        let (old, new) = (by_series(&self.old), by_series(&self.new));
        for (series, files) in by_series(found) {
            let is_one = [&old, &new].into_iter().any(|version| version.get(&series) == Some(&files));
            assert!(is_one, "{about}: {series} is neither the old nor the new version: {:?}", files.keys());
        }
    }

    /// Goes on after an interruption: everything ends as if there had been none, and what was placed is not asked for.
    pub(super) fn assert_ends_well(&self, lab: &Lab, about: &str) {
        if tree(&lab.root()).is_empty() && !self.old.is_empty() {
            // whatever takes the root mends it, also where nothing can be fetched
            lab.run(&["plan", "--collection", COLLECTION]).assert_code(0);
            let mended = tree(&lab.root());
            assert!(
                mended == self.old || mended == self.new,
                "{about}: the old version was not brought back"
            );
        }
        let was_placed = tree(&lab.root()) == self.new;
        let before = self.downloads();
        let resumed = lab.run(&["resume"]);
        assert_eq!(resumed.code, Some(0), "{about}: {}", resumed.stderr);
        if tree(&lab.root()) != self.new {
            let ended = lab.run(&MIRROR);
            assert_eq!(ended.code, Some(0), "{about}: {}", ended.stderr);
        }
        assert!(tree(&lab.root()) == self.new, "{about}: the tree is not what it should be");
        assert_sound(&lab.root());
        assert!(!was_placed || self.downloads() == before, "{about}: a placed series was asked for again");
        self.assert_old_is_kept(&lab.root(), about);
    }

    fn downloads(&self) -> usize {
        ["getImage", "getImageWithMD5Hash", "getSingleImage"]
            .map(|endpoint| self.fake.requests_of(endpoint).len())
            .iter()
            .sum()
    }

    /// Once, and nothing else is.
    fn assert_old_is_kept(&self, root: &Path, about: &str) {
        let kept = versions_in(&root.join(".tcia-mirror/replaced"));
        let expected: Vec<_> = by_series(&self.old).into_values().collect();
        assert!(kept == expected, "{about}: not the old version was kept, but {} others", kept.len());
    }
}

fn small() -> Catalogue {
    Catalogue::small(1, 2, 1500)
}

fn new_lab(fake: &FakeTcia) -> Lab {
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure(CONFIGURATION);
    lab
}

/// The files of each directory, by their names in it.
fn by_series(tree: &Tree) -> BTreeMap<String, Tree> {
    let mut series: BTreeMap<_, Tree> = BTreeMap::new();
    for (path, bytes) in tree {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        series.entry(directory.to_owned()).or_default().insert(name.to_owned(), bytes.clone());
    }
    series
}

/// What each directory of a place holds.
fn versions_in(place: &Path) -> Vec<Tree> {
    by_series(&tree(place)).into_values().collect()
}

/// What is staged, and what was replaced.
fn aside(root: &Path) -> Vec<Tree> {
    let state = root.join(".tcia-mirror");
    [versions_in(&state.join("staging")), versions_in(&state.join("replaced"))].concat()
}

/// Copies a directory with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
