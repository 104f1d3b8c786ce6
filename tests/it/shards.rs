//! One mirror that several processes make together, each its share of the series.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::exports::hex;
use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::{assert_sound, states};

/// The number of the share that a series is in, as the manual of the split says, and as `sha256sum` would tell.
fn share_of(series: &str, of: u64) -> u64 {
    let digest = Sha256::digest(series);
    u64::from_be_bytes(digest[..8].try_into().unwrap()) % of + 1
}

fn of_share(catalogue: &Catalogue, number: u64, of: u64) -> BTreeSet<&str> {
    let all = catalogue.series.iter().map(|series| series.series.as_str());
    all.filter(|series| share_of(series, of) == number).collect()
}

fn shards(of: u64) -> impl Iterator<Item = String> {
    (1..=of).map(move |number| format!("{number}/{of}"))
}

/// Runs a command as every shard, all at once; gives how they ended.
fn run_all(lab: &Lab, of: u64, arguments: &[&str]) -> Vec<Ended> {
    let with = |shard: String| lab.start(&[arguments, &["--shard", &shard]].concat());
    let running: Vec<Child> = shards(of).map(with).collect();
    running.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
}

/// A mirror of a catalogue that three shards have made at once, and the service that it is of.
fn split_in_three(catalogue: &Catalogue) -> (Lab, FakeTcia, TempDir) {
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    for ended in run_all(&lab, 3, &["mirror", "--collection", COLLECTION]) {
        ended.assert_code(0);
    }
    (lab, fake, source)
}

fn record(lab: &Lab, shard: &str) -> Connection {
    let (number, of) = shard.split_once('/').unwrap();
    Connection::open(lab.root().join(format!(".tcia-mirror/shard-{number}-of-{of}/state.sqlite"))).unwrap()
}

fn texts(record: &Connection, sql: &str) -> BTreeSet<String> {
    let mut statement = record.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Every file in the directory of the state, and in those of the shards.
fn state_files(root: &Path) -> Vec<String> {
    let directories = states(root).into_iter().chain([root.join(".tcia-mirror")]);
    let names = directories.flat_map(|directory| std::fs::read_dir(directory).unwrap());
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn exports_are_of_all_shards_together() {
    let catalogue = Catalogue::large();
    let (lab, _fake, _source) = split_in_three(&catalogue);
    let lines = |arguments: &[&str]| {
        let text = lab.run(&[&["-q", "export"], arguments].concat()).assert_code(0).stdout;
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };

    let sums = lines(&["checksums"]);

    let files: BTreeMap<_, _> = sums
        .iter()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(sum, path)| (path.to_owned(), sum))
        .collect();
    for (path, bytes) in catalogue.expected_tree(true) {
        assert_eq!(files[&path], hex(&bytes), "{path}");
    }
    assert_eq!(sums.len(), catalogue.expected_tree(true).len());
    assert_eq!(lines(&["metadata"]).len(), 1 + 68);
    assert_eq!(lines(&["manifest"]).len(), 6 + 68);
    assert_eq!(lines(&["catalogue"]).len(), 68);
    assert_eq!(lines(&["manifest", "--shard", "1/3"]).len(), 6 + of_share(&catalogue, 1, 3).len());
    assert_eq!(
        lines(&["links", "--output", lab.beside("names").to_str().unwrap()]),
        ["links: 68 made, 0 replaced, 0 removed, 0 as they were"]
    );
}

#[test]
fn three_shards_at_once_make_the_tree_of_one_process() {
    let catalogue = Catalogue::large();

    let (lab, fake, _source) = split_in_three(&catalogue);

    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
    let mut ids = BTreeSet::new();
    for (shard, number) in shards(3).zip(1..) {
        let record = record(&lab, &shard);
        let own: BTreeSet<String> = of_share(&catalogue, number, 3).into_iter().map(str::to_owned).collect();
        assert!(own.len() > 10, "{own:?}");
        let placed = "SELECT series_instance_uid FROM placement JOIN series USING (series_id)";
        assert_eq!(texts(&record, placed), own, "{shard}");
        assert_eq!(texts(&record, "SELECT series_instance_uid FROM series"), own, "others are not recorded");
        assert_eq!(texts(&record, "PRAGMA journal_mode"), ["delete".to_owned()].into());
        for (table, id) in [("series", "series_id"), ("walk", "walk_id"), ("run", "run_id")] {
            for id in texts(&record, &format!("SELECT CAST({id} AS TEXT) FROM {table}")) {
                assert!(ids.insert((table, id.clone())), "{table} {id} is in two records");
            }
        }
    }
    let files = state_files(&lab.root());
    assert!(!files.iter().any(|name| name.ends_with("-wal") || name.ends_with("-shm")), "{files:?}");
    assert_eq!(fake.requests_of("getImage").len() + fake.requests_of("getImageWithMD5Hash").len(), 68);
}

#[test]
fn a_second_run_of_every_shard_fetches_nothing_and_counts_its_own_share() {
    let catalogue = Catalogue::large();
    let (lab, fake, _source) = split_in_three(&catalogue);
    let images = || fake.requests_of("getImage").len();
    let before = images();

    for arguments in [
        &["--json", "mirror", "--collection", COLLECTION][..],
        &["--json", "sync", "--full", "--collection", COLLECTION],
    ] {
        for (ended, number) in run_all(&lab, 3, arguments).into_iter().zip(1..) {
            let summary = ended.assert_code(0).summary();
            assert_eq!((&summary["placed"], &summary["withdrawn"]), (&json!(0), &json!(0)));
            assert_eq!(summary["kept"], of_share(&catalogue, number, 3).len());
        }
    }
    for (shard, number) in shards(3).zip(1..) {
        let plan = lab.run(&["--json", "plan", "--collection", COLLECTION, "--shard", &shard]).assert_code(0);
        let lines = plan.json();
        let planned: BTreeSet<_> =
            lines.iter().filter_map(|line| line["series_instance_uid"].as_str()).collect();
        assert_eq!(planned, of_share(&catalogue, number, 3), "{shard}");
    }

    assert_eq!(images(), before);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}

/// What a status says of the mirror, whoever made it: without times, in one order.
fn facts(status: &Value) -> Value {
    let names = |list: &str, names: &[&str]| -> BTreeSet<String> {
        let rows = status[list].as_array().unwrap().iter();
        rows.map(|row| names.iter().map(|name| row[name].to_string()).collect::<Vec<_>>().join(" ")).collect()
    };
    json!({
        "series": status["series"], "instances": status["instances"], "bytes": status["bytes"],
        "bytes_left": status["bytes_left"], "collections": status["collections"],
        "watermarks": names("watermarks", &["collection", "narrowed_by"]), "remarks": status["remarks"],
        "parked": names("parked", &["series_instance_uid", "reason", "attempts"]),
        "outcome": status["last_cycle"]["outcome"], "command": status["last_cycle"]["command"],
    })
}

fn rows(ended: Ended) -> BTreeMap<String, u32> {
    let mut rows = BTreeMap::new();
    let answer: Vec<Value> = serde_json::from_str(&ended.assert_code(0).stdout).unwrap();
    for mut row in answer {
        // the number of a collection is one that its own mirror has given it
        if let Some(row) = row.as_object_mut() {
            row.remove("Id");
        }
        *rows.entry(row.to_string()).or_default() += 1;
    }
    rows
}

#[test]
fn what_readers_show_of_a_split_mirror_is_what_they_show_of_one_that_is_not() {
    let catalogue = Catalogue::large();
    let (split, fake, _source) = split_in_three(&catalogue);
    let whole = Lab::new(&fake.base_url("nbia-v4"));
    whole.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    let status = |lab: &Lab| facts(&lab.run(&["--json", "status"]).assert_code(0).json()[0]);
    assert_eq!(status(&split), status(&whole));
    let verified = |lab: &Lab| lab.run(&["--json", "verify"]).assert_code(0).summary();
    assert_eq!(verified(&split), verified(&whole));
    assert_eq!(split.run(&["--json", "status", "--history"]).assert_code(0).json().len(), 3);
    let (of_split, of_whole) = (FakeTcia::start(&split.root()), FakeTcia::start(&whole.root()));
    let study = "StudyInstanceUID=1.2.826.1.1";
    let series = "SeriesInstanceUID=1.2.826.1.1.2";
    for question in [
        &["getCollectionValues"][..],
        &["getCollectionValuesAndCounts"],
        &["getCollectionDescriptions"],
        &["getModalityValues"],
        &["getModalityValuesAndCounts"],
        &["getBodyPartValues"],
        &["getManufacturerValues"],
        &["getManufacturerValuesAndCounts"],
        &["getSpeciesValuesAndCounts"],
        &["getPatient"],
        &["getPatient", "Collection=ct colonography"],
        &["getPatientStudy"],
        &["getPatientStudy", study],
        &["getPatientByCollectionAndModality", "Collection=CT COLONOGRAPHY", "Modality=CT"],
        &["getSeries"],
        &["getSeries", "Modality=MR"],
        &["getSeries", study],
        &["getSeriesSize", series],
        &["getSeriesMetaData", series],
        &["getSOPInstanceUIDs", series],
        &["NewPatientsInCollection", "Collection=CT COLONOGRAPHY", "Date=2019-01-01"],
        &["NewStudiesInPatientCollection", "Collection=CT COLONOGRAPHY", "Date=2019-01-01"],
        &["getUpdatedSeries", "fromDate=2019-01-01"],
    ] {
        let answer = |of: &FakeTcia| {
            let lab = Lab::new(&of.base_url("nbia-v4"));
            rows(lab.run(&[&["query", "--format", "json"], question].concat()))
        };
        let expected = answer(&of_whole);
        assert!(!expected.is_empty(), "{question:?}");
        assert_eq!(answer(&of_split), expected, "{question:?}");
    }
    // images, and the MD5s over series that `verify --remote` compares
    let second = Lab::new(&of_split.base_url("nbia-v4"));
    second.run(&["mirror", "--all-collections"]).assert_code(0);
    assert!(tree(&second.root()) == catalogue.expected_tree(true));
    second.run(&["verify", "--remote"]).assert_code(0);
}

#[test]
fn a_shard_that_is_killed_goes_on_and_nobody_else_minds() {
    let catalogue = Catalogue::large();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("[http]\nidle_timeout = \"60s\"\nfirst_byte_timeout = \"60s\"");
    let own = of_share(&catalogue, 2, 3);
    let last = own.iter().next_back().unwrap();
    fake.script("getImage", last, Some(1), Fault::StallAfter(500));
    let mirror = ["mirror", "--collection", COLLECTION];

    let mut killed = lab.start(&[&mirror[..], &["--shard", "2/3"]].concat());
    let others = ["1/3", "3/3"].map(|shard| lab.start(&[&mirror[..], &["--shard", shard]].concat()));
    for other in others {
        Ended::from(other.wait_with_output().unwrap()).assert_code(0);
    }
    let same = lab.run(&[&mirror[..], &["--shard", "2/3"]].concat()).assert_code(10);
    killed.kill().unwrap();
    killed.wait().unwrap();
    lab.run(&["status"]).assert_code(0);
    lab.run(&["resume", "--shard", "2/3"]).assert_code(0);

    assert!(same.stderr.contains("shard-2-of-3"), "{}", same.stderr);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
    lab.run(&["verify"]).assert_code(0);
}

#[test]
fn a_root_that_is_split_otherwise_is_refused_with_what_to_do_and_left_as_it_is() {
    let catalogue = Catalogue::small(2, 1, 500);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let (whole, split) = (Lab::new(&fake.base_url("nbia-v4")), Lab::new(&fake.base_url("nbia-v4")));
    let mirror = ["mirror", "--collection", COLLECTION];
    whole.run(&mirror).assert_code(0);
    split.run(&[&mirror[..], &["--shard", "1/2"]].concat()).assert_code(0);
    let names = |lab: &Lab| {
        let mut names = state_files(&lab.root());
        names.sort();
        names
    };
    let before = [names(&whole), names(&split)];

    let of_whole = whole.run(&[&mirror[..], &["--shard", "1/4"]].concat()).assert_code(2);
    let of_split = split.run(&[&mirror[..], &["--shard", "1/4"]].concat()).assert_code(2);

    assert!(
        of_whole.stderr.contains("state.sqlite") && of_whole.stderr.contains("leave --shard out"),
        "{}",
        of_whole.stderr
    );
    assert!(
        of_split.stderr.contains("shard-1-of-2") && of_split.stderr.contains("--shard"),
        "{}",
        of_split.stderr
    );
    for command in [
        &mirror[..],
        &["sync", "--collection", COLLECTION],
        &["plan", "--collection", COLLECTION],
        &["resume"],
        &["retry"],
        &["verify", "--repair"],
        &["prune"],
        &["prune", "--dry-run"],
    ] {
        let refused = split.run(command).assert_code(2);
        assert!(refused.stderr.contains("shard-1-of-2"), "{command:?}: {}", refused.stderr);
    }
    for command in [&["status", "--shard", "1/3"][..], &["verify", "--shard", "1/3"]] {
        split.run(command).assert_code(2);
        whole.run(command).assert_code(2);
    }
    for wrong in ["0/3", "4/3", "1/0", "a/b", "1/11", "1"] {
        split.run(&["status", "--shard", wrong]).assert_code(2);
    }
    assert_eq!([names(&whole), names(&split)], before);
    assert_sound(&whole.root());
    assert_sound(&split.root());
}

#[test]
fn what_is_named_of_other_shards_is_neither_fetched_nor_missed() {
    let catalogue = Catalogue::large();
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    let foreign = *of_share(&catalogue, 2, 3).first().unwrap();
    let own = *of_share(&catalogue, 1, 3).first().unwrap();
    let placed = |arguments: &[&str]| {
        let ended = lab.run(&[&["--json", "mirror", "--shard", "1/3"], arguments].concat()).assert_code(0);
        ended.summary()["placed"].clone()
    };

    assert_eq!(placed(&["--series", foreign]), 0);
    assert_eq!(fake.requests_of("getSeries"), [""; 0], "nobody need be asked");
    assert_eq!(placed(&["--series", foreign, "--series", own]), 1);
    // what has series of other shards alone is listed all the same
    let is_foreign = |study: &str| {
        let mut of_study = catalogue.series.iter().filter(|series| series.study == study);
        of_study.all(|series| share_of(&series.series, 3) != 1)
    };
    let foreign: Vec<_> = catalogue.series.iter().filter(|series| is_foreign(&series.study)).collect();
    assert!(!foreign.is_empty());
    for series in foreign {
        assert_eq!(placed(&["--study", &series.study]), 0);
        placed(&["--patient", &series.patient_id]);
    }
    let nowhere: Vec<String> = (1..).map(|number| format!("1.9.{number}")).take(40).collect();
    let nowhere = nowhere.iter().find(|uid| share_of(uid, 3) == 1).unwrap();
    lab.run(&["mirror", "--shard", "1/3", "--series", nowhere]).assert_code(1);
    lab.run(&["mirror", "--shard", "2/3", "--series", nowhere]).assert_code(0);
    lab.run(&["mirror", "--shard", "1/3", "--patient", "nobody"]).assert_code(1);
    assert_sound(&lab.root());
}

#[test]
fn new_series_arrive_at_the_shard_whose_they_are() {
    let day_0 = Catalogue::small(6, 1, 600);
    let mut day_1 = day_0.clone();
    let new = (1..=6).map(|number| {
        let uid = format!("1.2.826.9.1.{number}");
        let series = SampleSeries::new(("NEW-1", "NEW-1"), "1.2.826.9.1", &uid, 1, 700);
        SampleSeries { released: "2099-01-01", ..series }
    });
    day_1.series.extend(new);
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    day_0.build(first.path());
    day_1.build(second.path());
    let fake = FakeTcia::start(first.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    for ended in run_all(&lab, 2, &["mirror", "--collection", COLLECTION]) {
        ended.assert_code(0);
    }
    let images = fake.requests_of("getImage").len();

    let fake = fake.restart(second.path());
    let ended = run_all(&lab, 2, &["--json", "sync", "--collection", COLLECTION]);

    let placed: Vec<_> =
        ended.into_iter().map(|ended| ended.assert_code(0).summary()["placed"].clone()).collect();
    let of = |number| json!(of_share(&day_1, number, 2).len() - of_share(&day_0, number, 2).len());
    assert_eq!(placed, [of(1), of(2)]);
    assert_eq!((images, fake.requests_of("getImage").len()), (6, 6));
    assert!(tree(&lab.root()) == day_1.expected_tree(true));
    assert_sound(&lab.root());
}

#[test]
fn damage_and_strangers_are_told_from_what_other_shards_have() {
    let catalogue = Catalogue::large();
    let (lab, _fake, _source) = split_in_three(&catalogue);
    let damaged = *of_share(&catalogue, 3, 3).first().unwrap();
    let series = catalogue.series.iter().find(|series| series.series == damaged).unwrap();
    let directory =
        lab.root().join(COLLECTION).join(&series.component).join(&series.study).join(&series.series);
    let instance = series.files.keys().next().unwrap();
    std::fs::remove_file(directory.join(format!("{instance}.dcm"))).unwrap();
    std::fs::File::create(lab.root().join(COLLECTION).join("stranger")).unwrap();
    let problems = |arguments: &[&str], code| {
        let lines = lab.run(&[&["--json", "verify"], arguments].concat()).assert_code(code).json();
        let kinds = lines.iter().filter_map(|line| line["problem"].as_str().map(str::to_owned));
        kinds.collect::<Vec<_>>()
    };

    assert_eq!(problems(&[], 3), ["missing", "unexpected"]);
    assert_eq!(problems(&["--shard", "1/3"], 3), ["unexpected"]);
    assert_eq!(problems(&["--shard", "3/3"], 3), ["missing", "unexpected"]);
    problems(&["--shard", "3/3", "--repair"], 3);
    std::fs::remove_file(lab.root().join(COLLECTION).join("stranger")).unwrap();
    assert_eq!(problems(&[], 0), [""; 0]);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}

#[test]
fn a_shard_that_begins_while_the_mirror_is_served_is_noticed() {
    let catalogue = Catalogue::small(12, 1, 600);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    let mirror = ["mirror", "--collection", COLLECTION, "--shard"];
    lab.run(&[&mirror[..], &["2/3"]].concat()).assert_code(0);

    let served = FakeTcia::start(&lab.root());
    let reader = Lab::new(&served.base_url("nbia-v4"));
    let count = || rows(reader.run(&["query", "getSeries", "--format", "json"])).len();
    let watermarks = || lab.run(&["--json", "status"]).json()[0]["watermarks"].as_array().unwrap().len();
    let mut counts = vec![(count(), watermarks())];
    for shard in ["1/3", "3/3"] {
        // as it is for an instant, when somebody may look
        let state = lab.root().join(".tcia-mirror").join(format!("shard-{}-of-3", &shard[..1]));
        std::fs::create_dir(&state).unwrap();
        std::fs::File::create(state.join("state.sqlite")).unwrap();
        assert_eq!((count(), watermarks()), *counts.last().unwrap());
        lab.run(&[&mirror[..], &[shard]].concat()).assert_code(0);
        counts.push((count(), watermarks()));
    }

    let of =
        |numbers: &[u64]| numbers.iter().map(|number| of_share(&catalogue, *number, 3).len()).sum::<usize>();
    // nothing is synced before every shard has synced it
    assert_eq!(counts, [(of(&[2]), 0), (of(&[1, 2]), 0), (12, 1)]);
}

#[test]
fn rates_of_flags_are_divided_as_well() {
    let catalogue = Catalogue::small(1, 1, 500);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    let began = Instant::now();
    lab.run(&["mirror", "--collection", COLLECTION, "--rate", "4/s", "--shard", "1/4"]).assert_code(0);

    // one a second, the first at once; undivided, four at once
    let requests = fake.requests().iter().filter(|request| !request.starts_with("getImage")).count();
    let requests = u32::try_from(requests).unwrap();
    assert!(requests >= 4, "{requests}");
    assert!(began.elapsed() >= Duration::from_secs(1) * (requests - 1), "{:?}", began.elapsed());
}

#[test]
fn the_names_of_patients_that_differ_in_capitals_alone_are_the_same_in_every_shard() {
    let mut catalogue = Catalogue::default();
    for (patient, name) in ["Patient", "PATIENT"].into_iter().enumerate() {
        let study = format!("1.2.826.7.{patient}");
        let of = |number| SampleSeries::new((name, name), &study, &format!("{study}.{number}"), 1, 500);
        catalogue.series.extend((1..=8).map(of));
    }

    let (lab, _fake, _source) = split_in_three(&catalogue);

    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
}

#[test]
fn the_job_of_kubernetes_begins_each_shard_once() {
    let job = include_str!("../../config/kubernetes/tcia-mirror-job.yaml");
    let after = |key: &str| job.split_once(key).unwrap().1.split(['\n', '\'', '#']).next().unwrap().trim();
    let script = after("command: [sh, -c, '").replace("exec tcia-mirror", "echo");
    let of = after("completions: ");
    assert!(job.contains(&format!("name: SHARDS\n              value: \"{of}\"")));

    let begun = (0..of.parse().unwrap()).map(|index: u32| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("JOB_COMPLETION_INDEX", index.to_string()).env("SHARDS", of);
        Ended::from(shell.output().unwrap()).assert_code(0).stdout
    });

    let expected = shards(of.parse().unwrap()).map(|shard| format!("--shard {shard} sync\n"));
    assert_eq!(begun.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
