//! `kill -9` at random, again and again, until a mirror ends by itself.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::situation::{MIRROR, Tree};
use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Lab, tree};
use crate::support::sound::assert_sound;

/// Repeats a run that failed, which names its seed.
const SEED: Option<u64> = None;
/// So many kills, then the program is left alone: a machine that is busy enough would never let it end.
const MOST_KILLS: u32 = 40;
const LONGEST_LIFE_MS: u64 = 300;

/// Runs a command for so long at the most; gives how it ended, unless it was killed.
fn run_for(mut command: Command, life: Option<Duration>) -> Option<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (tell, told) = channel();
    let reader = std::thread::spawn(move || {
        let ended = stdout.read_to_end(&mut Vec::new());
        // nobody waits any more for one that is to be killed
        drop(tell.send(ended));
    });
    // without a limit it is one that nobody reaches
    let waited = told.recv_timeout(life.unwrap_or(Duration::from_hours(1)));
    let is_killed = waited.is_err();
    if is_killed {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    reader.join().unwrap();
    Some(status).filter(|_| !is_killed)
}

/// Directories of series in a tree; every one of them is whole.
fn placed(found: &Tree, expected: &Tree, about: &str) -> BTreeSet<String> {
    let series = |path: &str| path.rsplit_once('/').unwrap().0.to_owned();
    let placed: BTreeSet<_> = found.keys().map(|path| series(path)).collect();
    let should_be: Tree = expected
        .iter()
        .filter(|(path, _)| placed.contains(&series(path)))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    assert!(*found == should_be, "{about}: a series directory is not whole");
    placed
}

#[test]
fn a_mirror_that_is_killed_at_random_until_it_ends_is_right_each_time() {
    let seed = SEED.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    let catalogue = Catalogue::small(30, 7, 20_000);
    let expected = catalogue.expected_tree(true);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("[limits]\nparallel = 2\n[http]\nfirst_byte_timeout = \"60s\"\nidle_timeout = \"60s\"");
    let (mut kills, mut before) = (0, BTreeSet::new());
    loop {
        let about = format!("seed {seed}, after {kills} kills");
        let asked_before = fake.requests().len();
        let life = (kills < MOST_KILLS).then(|| Duration::from_millis(random.u64(..LONGEST_LIFE_MS)));
        let ended = run_for(lab.command(&MIRROR), life);

        let now =
            if lab.root().exists() { placed(&tree(&lab.root()), &expected, &about) } else { BTreeSet::new() };
        assert!(before.is_subset(&now), "{about}: a placed series is gone");
        let asked = fake.requests().split_off(asked_before);
        let is_asked_again = |directory: &String| {
            let uid = directory.rsplit('/').next().unwrap();
            let about_it = format!("SeriesInstanceUID={uid}&");
            asked
                .iter()
                .any(|request| request.contains("Image?") && format!("{request}&").contains(&about_it))
        };
        assert!(!before.iter().any(is_asked_again), "{about}: a placed series was asked for again");
        before = now;
        if let Some(status) = ended {
            assert!(status.success(), "{about}: {status}");
            break;
        }
        kills += 1;
    }

    lab.run(&["resume"]).assert_code(0);
    assert!(tree(&lab.root()) == expected, "seed {seed}");
    assert_sound(&lab.root());
}
