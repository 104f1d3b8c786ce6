//! Trouble of our own: a disk that is full or may not be written, a root that goes away. Each is told with what to do,
//! keeps the jobs, and is over when the same command is run again after it has ended.
//!
//! A second process, something in the way of a directory, too little free space, a damaged record and files that a hand
//! has changed are in `commands`.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::assert_sound;

/// A service with a few series of some size, and a root for them.
struct Trouble {
    catalogue: Catalogue,
    fake: FakeTcia,
    lab: Lab,
    _source: tempfile::TempDir,
}

impl Trouble {
    /// So many series of four files of so many bytes.
    fn with(series: u32, bytes: usize) -> Self {
        let (catalogue, source) = (Catalogue::small(series, 4, bytes), tempfile::tempdir().unwrap());
        catalogue.build(source.path());
        let fake = FakeTcia::start(source.path());
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        std::fs::create_dir(lab.root()).unwrap();
        Self { catalogue, fake, lab, _source: source }
    }

    /// Runs a shell script in which `"$@"` is the program with its flags.
    fn script(&self, shell: &[&str], script: &str) -> Ended {
        let program = self.lab.command(&[]);
        let words: Vec<OsString> =
            std::iter::once(program.get_program()).chain(program.get_args()).map(OsString::from).collect();
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", script, "sh"]).args(words);
        command
            .env("ROOT", self.lab.root())
            .env("COPY", self.lab.beside("copy"))
            .env("COLLECTION", COLLECTION);
        command.output().unwrap().into()
    }

    /// The same with mounts of its own, which end with the script; nothing where nobody may mount, as in a container
    /// without privileges. What the program does there is what it does where a file may not grow.
    fn among_own_mounts(&self, script: &str) -> Option<Ended> {
        let own_mounts = ["unshare", "--map-root-user", "--mount", "sh"];
        let may_mount = self.script(&own_mounts, r#"mount -t tmpfs tmpfs "$ROOT""#).code == Some(0);
        may_mount.then(|| self.script(&own_mounts, script))
    }

    fn mirror(&self) -> Ended {
        self.lab.run(&["mirror", "--collection", COLLECTION])
    }

    fn assert_whole(&self, root: &Path) {
        assert!(tree(root) == self.catalogue.expected_tree(true));
        assert_sound(root);
    }
}

/// Fails unless the first run has said this and ended in 1, with a hint, and the second one in 0.
fn assert_told(ended: &Ended, words: &[&str]) {
    let said = words.iter().any(|words| ended.stderr.contains(words));
    assert!(said && ended.stderr.contains("hint: "), "{ended:?}");
    assert!(ended.stdout.contains("first ended in 1\n") && ended.code == Some(0), "{ended:?}");
}

#[test]
fn a_disk_or_its_inodes_that_run_out_end_in_1_and_what_has_come_is_not_lost() {
    for (least, most) in [("size=3m", "size=64m"), ("nr_inodes=42", "nr_inodes=10000")] {
        let trouble = Trouble::with(8, 150_000);
        let script = format!(
            r#"mount -t tmpfs -o {least} tmpfs "$ROOT" || exit 99
            "$@" mirror --collection "$COLLECTION"; echo "first ended in $?"
            find "$ROOT/$COLLECTION" -name '*.dcm' | wc -l
            mount -o remount,{most} "$ROOT"
            "$@" mirror --collection "$COLLECTION"; code=$?
            cp -a "$ROOT" "$COPY"; exit $code"#
        );

        let Some(ended) = trouble.among_own_mounts(&script) else { return };

        assert_told(&ended, &["No space left on device", "database or disk is full"]);
        let placed: u32 = ended.stdout.lines().find_map(|line| line.trim().parse().ok()).unwrap();
        assert!(placed > 0 && placed < 32 && placed.is_multiple_of(4), "{ended:?}");
        trouble.assert_whole(&trouble.lab.beside("copy"));
        let asked = trouble.fake.requests_of("getImage").len();
        assert!(asked <= 8 + 4, "{asked} ZIPs for 8 series, of which 4 at a time can be under way");
    }
}

#[test]
fn a_file_system_that_turns_read_only_ends_in_1_and_can_still_be_looked_at() {
    let trouble = Trouble::with(2, 500);
    let script = r#"mount -t tmpfs tmpfs "$ROOT" || exit 99
        "$@" mirror --series 1.2.826.1.1.1 || exit 98
        mount -o remount,ro "$ROOT"
        "$@" status || exit 97
        "$@" verify || exit 96
        "$@" mirror --collection "$COLLECTION"; echo "first ended in $?"
        mount -o remount,rw "$ROOT"
        "$@" mirror --collection "$COLLECTION"; code=$?
        cp -a "$ROOT" "$COPY"; exit $code"#;

    let Some(ended) = trouble.among_own_mounts(script) else { return };

    assert_told(&ended, &["Read-only file system"]);
    trouble.assert_whole(&trouble.lab.beside("copy"));
}

#[test]
fn a_file_that_may_not_grow_ends_in_1_with_its_jobs_kept() {
    let trouble = Trouble::with(2, 3_000_000);
    let script = r#"(ulimit -f 4000; "$@" mirror --collection "$COLLECTION"); echo "first ended in $?"
        "$@" resume"#;

    let ended = trouble.script(&["sh"], script);

    assert_told(&ended, &["File too large"]);
    trouble.assert_whole(&trouble.lab.root());
}

#[test]
fn a_root_that_may_not_be_written_ends_in_1() {
    let trouble = Trouble::with(2, 500);
    trouble.lab.run(&["mirror", "--series", "1.2.826.1.1.1"]).assert_code(0);

    let refused = trouble.lab.run_as_reader(&["mirror", "--collection", COLLECTION]).assert_code(1);

    assert!(refused.stderr.contains("Permission denied") && refused.stderr.contains("hint: "), "{refused:?}");
    trouble.mirror().assert_code(0);
    trouble.assert_whole(&trouble.lab.root());
}

/// Runs a mirror and does something to its root while the second series is awaited.
fn while_it_works(trouble: &Trouble, harm: impl FnOnce()) -> Ended {
    trouble.lab.configure("[limits]\nparallel = 1");
    trouble.fake.script("getImage", "1.2.826.1.1.2", Some(1), Fault::Stall);
    let child = trouble.lab.start(&["mirror", "--collection", COLLECTION]);
    while trouble.fake.requests_of("getImage").len() < 2 {
        std::thread::yield_now();
    }
    harm();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_root_that_is_deleted_in_mid_run_ends_in_1_and_is_made_again_by_the_next_run() {
    let trouble = Trouble::with(3, 500);

    let ended = while_it_works(&trouble, || std::fs::remove_dir_all(trouble.lab.root()).unwrap());

    let ended = ended.assert_code(1);
    assert!(ended.stderr.contains("error: ") && ended.stderr.contains("hint: "), "{ended:?}");
    trouble.mirror().assert_code(0);
    trouble.assert_whole(&trouble.lab.root());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test moves the root away")]
fn a_root_that_is_moved_away_in_mid_run_is_never_begun_anew_in_its_old_place() {
    let trouble = Trouble::with(3, 500);
    let away = trouble.lab.beside("away");

    let ended = while_it_works(&trouble, || std::fs::rename(trouble.lab.root(), &away).unwrap());

    assert!(!trouble.lab.root().exists(), "{ended:?}");
    std::fs::rename(&away, trouble.lab.root()).unwrap();
    trouble.mirror().assert_code(0);
    trouble.assert_whole(&trouble.lab.root());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test does what a hand does")]
fn a_link_in_the_tree_is_followed_out_of_it_by_no_command() {
    let trouble = Trouble::with(2, 500);
    trouble.mirror().assert_code(0);
    let outside = trouble.lab.beside("outside");
    let study = trouble.lab.root().join(format!("{COLLECTION}/TEST-0001/1.2.826.1.1"));
    let (series, instance) = (study.join("1.2.826.1.1.1"), study.join("1.2.826.1.1.2/1.2.826.1.1.2.1.dcm"));
    std::fs::rename(&series, &outside).unwrap();
    symlink(&outside, &series).unwrap();
    std::fs::remove_file(&instance).unwrap();
    symlink(outside.join("1.2.826.1.1.1.1.dcm"), &instance).unwrap();
    let before = tree(&outside);

    let served = FakeTcia::start(&trouble.lab.root());
    for (series, instance) in [("1.2.826.1.1.1", "1.2.826.1.1.1.1"), ("1.2.826.1.1.2", "1.2.826.1.1.2.1")] {
        let asked = [format!("SeriesInstanceUID={series}"), format!("SOPInstanceUID={instance}")];
        let base_url = served.base_url("nbia-v4");
        let query = [
            "--base-url",
            &base_url,
            "query",
            "getSingleImage",
            &asked[0],
            &asked[1],
            "--output",
            "/dev/null",
        ];
        trouble.lab.run_as_configured(&query).assert_code(1);
    }
    let found = trouble.lab.run(&["verify"]).assert_code(3);
    trouble.lab.run(&["verify", "--repair"]);
    trouble.lab.run(&["prune", "--older-than", "0s"]);

    assert!(found.stdout.contains("1.2.826.1.1.2.1.dcm"), "{found:?}");
    assert!(tree(&outside) == before, "what the links lead to is as it was");
    trouble.lab.run(&["verify"]).assert_code(0);
    trouble.assert_whole(&trouble.lab.root());
}
