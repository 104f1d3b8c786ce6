//! What outlives an attempt in the staging directory, and what else may lie in a tree.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;

use proptest::collection::vec;
use proptest::prelude::*;

use super::fixture::{
    FIRST, LICENCE_SHA256, LICENCE_TEXT, PLACE, SECOND, STAGED, Sample, Scratch, THIRD, arrive, hex, series,
    write,
};
use super::*;

/// Opens what an earlier attempt has left, of which these are recorded.
fn reopen(scratch: &Scratch, recorded: &[Sample]) -> Staging {
    Staging::open(&scratch.root, &series(), recorded.iter().map(Sample::instance).collect()).unwrap()
}

fn file_of(sample: &Sample) -> String {
    format!("{STAGED}/{}.dcm", sample.sop_instance_uid)
}

#[test]
fn of_what_an_earlier_attempt_left_only_recorded_instances_and_the_licence_stay() {
    let scratch = Scratch::new();
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("file"), b"not ours");
    let mut earlier = scratch.stage(&[FIRST, SECOND]);
    earlier.keep_license(LICENCE_TEXT).unwrap();
    drop(arrive(&mut earlier, b"half of"));
    scratch.write(&format!("{STAGED}/incoming-license"), b"half of");
    scratch.write(&format!("{STAGED}/directory/file"), b"stray");
    symlink(outside.path(), scratch.path(&format!("{STAGED}/link"))).unwrap();

    let staging = reopen(&scratch, &[FIRST]);

    assert_eq!(staging.instances().values().collect::<Vec<_>>(), [&FIRST.instance()]);
    assert_eq!(staging.license(), Some(hex(LICENCE_SHA256)));
    assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.1.dcm", "LICENSE"]);
    assert!(outside.path().join("file").exists());
}

#[test]
fn a_recorded_instance_is_hashed_again_before_it_is_believed() {
    type Damage = fn(&Scratch, &str);
    let cases: [(&str, Damage); 6] = [
        ("a flipped bit", |scratch, file| scratch.flip(file)),
        ("a cut file", |scratch, file| scratch.write(file, &FIRST.content[..18])),
        ("a longer file", |scratch, file| scratch.write(file, b"the first instance\n\0")),
        ("an empty file", |scratch, file| scratch.write(file, b"")),
        ("no file", |scratch, file| std::fs::remove_file(scratch.path(file)).unwrap()),
        ("a link to the right bytes", |scratch, file| {
            std::fs::remove_file(scratch.path(file)).unwrap();
            scratch.write("elsewhere", FIRST.content);
            symlink(scratch.path("elsewhere"), scratch.path(file)).unwrap();
        }),
    ];
    for (case, damage) in cases {
        let scratch = Scratch::new();
        drop(scratch.stage(&[FIRST, SECOND]));
        damage(&scratch, &file_of(&FIRST));

        let staging = reopen(&scratch, &[FIRST, SECOND]);

        assert_eq!(staging.instances().values().collect::<Vec<_>>(), [&SECOND.instance()], "{case}");
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.2.dcm"], "{case}");
    }
}

#[test]
fn strangers_in_the_tree_are_found_and_the_state_directory_is_none() {
    let scratch = Scratch::new();
    scratch.place(&[FIRST, SECOND], "1");
    for stranger in [
        "notes.txt",
        "Other/P/1.2/1.2.3/file",
        "Lung Tests/notes.txt",
        "Lung Tests/P-008/1.2/1.2.3/file",
        "Lung Tests/P-007/.tcia-mirror/file",
        "Lung Tests/P-007/1.2.826.0.5/1.2.826.0.70/file",
        ".tcia-mirror/state.sqlite",
    ] {
        scratch.write(stranger, b"");
    }
    symlink(scratch.path("Lung Tests"), scratch.path("link")).unwrap();
    let mut asked = Vec::new();
    let mut found = Vec::new();

    let mut is_known = |path: &str| {
        asked.push(path.to_owned());
        PLACE == path || PLACE.starts_with(&format!("{path}/"))
    };
    find_strangers(&scratch.root, &mut is_known, &mut |problem| found.push(problem));

    assert!(found.iter().all(|problem| problem.kind == ProblemKind::Unexpected));
    assert!(found.iter().all(|problem| problem.sop_instance_uid.is_none()));
    let mut paths: Vec<_> = found.into_iter().map(|problem| problem.path).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "Lung Tests/P-007/.tcia-mirror",
            "Lung Tests/P-007/1.2.826.0.5/1.2.826.0.70",
            "Lung Tests/P-008",
            "Lung Tests/notes.txt",
            "Other",
            "link",
            "notes.txt",
        ]
    );
    assert!(!asked.iter().any(|path| path.starts_with("Other/")), "what is unknown is not entered");
    assert!(!asked.iter().any(|path| path.starts_with(".tcia-mirror")));
}

#[test]
fn a_directory_that_cannot_be_entered_is_unreadable_and_one_that_has_gone_is_nothing() {
    let scratch = Scratch::new();
    for directory in ["closed", "gone", "open"] {
        scratch.write(&format!("{directory}/file"), b"");
    }
    let mut found = Vec::new();

    // each is a directory when it is listed, and what it is then turned into when it is entered
    let mut turn = |path: &str| {
        if path != "open" {
            std::fs::remove_dir_all(scratch.path(path)).unwrap();
        }
        if path == "closed" {
            scratch.write(path, b"");
        }
        true
    };
    find_strangers(&scratch.root, &mut turn, &mut |problem| found.push((problem.path, problem.kind)));

    found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let expected = [("closed", ProblemKind::Unreadable), ("open/file", ProblemKind::Unexpected)];
    assert_eq!(found, expected.map(|(path, kind)| (path.to_owned(), kind)));
}

/// What may happen to one of three instances while a series is staged.
#[derive(Clone, Debug)]
enum Step {
    /// It arrives with its own bytes, or with those of another instance.
    Keep { instance: usize, content: usize },
    /// It is taken back.
    Remove { instance: usize },
    /// It arrives and is dropped.
    Discard { content: usize },
    /// The attempt ends and another begins; the record holds these of the instances that are staged.
    Reopen { recorded: BTreeSet<usize> },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..3_usize).prop_map(|(instance, content)| Step::Keep { instance, content }),
        1 => (0..3_usize).prop_map(|instance| Step::Remove { instance }),
        1 => (0..3_usize).prop_map(|content| Step::Discard { content }),
        2 => proptest::collection::btree_set(0..3_usize, 0..4)
            .prop_map(|recorded| Step::Reopen { recorded }),
    ]
}

/// Does a step with the staging directory and with the model: which instance has which bytes.
fn take(step: Step, scratch: &Scratch, staging: &mut Staging, model: &mut BTreeMap<usize, usize>) {
    let samples = [FIRST, SECOND, THIRD];
    match step {
        Step::Keep { instance, content } => {
            let incoming = arrive(staging, samples[content].content);
            let kept = staging.keep(incoming, samples[instance].uid());
            let holds = *model.entry(instance).or_insert(content);
            assert_eq!(kept.ok(), (holds == content).then(|| named(content, instance).instance()));
        }
        Step::Remove { instance } => {
            staging.remove(&samples[instance].uid()).unwrap();
            model.remove(&instance);
        }
        Step::Discard { content } => {
            let incoming = arrive(staging, samples[content].content);
            staging.discard(incoming).unwrap();
        }
        Step::Reopen { recorded } => {
            model.retain(|instance, _| recorded.contains(instance));
            let rows: Vec<_> = model.iter().map(|(instance, content)| named(*content, *instance)).collect();
            *staging = reopen(scratch, &rows);
        }
    }
}

/// The bytes of one sample under the name of another.
fn named(content: usize, instance: usize) -> Sample {
    let samples = [FIRST, SECOND, THIRD];
    samples[content].named_as(&samples[instance])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn disk_and_account_of_a_staging_directory_always_agree(steps in vec(step(), 0..24)) {
        let scratch = Scratch::new();
        let mut staging = reopen(&scratch, &[]);
        let mut model = BTreeMap::new();

        for step in steps {
            take(step, &scratch, &mut staging, &mut model);

            let expected: Vec<_> =
                model.iter().map(|(instance, content)| named(*content, *instance)).collect();
            let instances: Vec<_> = staging.instances().values().cloned().collect();
            prop_assert_eq!(instances, expected.iter().map(Sample::instance).collect::<Vec<_>>());
            let files: Vec<_> =
                expected.iter().map(|sample| format!("{}.dcm", sample.sop_instance_uid)).collect();
            prop_assert_eq!(scratch.names(STAGED), files);
            for sample in expected {
                prop_assert_eq!(scratch.read(&file_of(&sample)), sample.content);
            }
        }
    }
}
