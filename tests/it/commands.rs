//! The promises that scripts rely on: every exit code, every shape of JSON, every message that says what to do.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, program, tree};
use crate::support::sound::assert_sound;

fn lab(catalogue: &Catalogue) -> (tempfile::TempDir, FakeTcia, Lab) {
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    (source, fake, lab)
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_has_the_documented_keys() {
    let (_source, _fake, lab) = lab(&Catalogue::small(2, 2, 500));

    let plan = lab.run(&["--json", "plan", "--collection", COLLECTION]).assert_code(0).json();
    assert_eq!(plan.len(), 3);
    let series = "collection patient_id study_instance_uid series_instance_uid modality image_count size_bytes decision reason";
    assert_eq!(keys(&plan[0]), series.split(' ').collect());
    assert_eq!((&plan[0]["decision"], &plan[0]["reason"]), (&"fetch".into(), &"new".into()));
    let summary = "collections patients studies series fetch keep withdrawn instances bytes requests";
    assert_eq!(keys(&plan[2]["summary"]), summary.split(' ').collect());

    let mirror = lab.run(&["--json", "mirror", "--collection", COLLECTION]).assert_code(0).json();
    assert_eq!(
        keys(&mirror[0]),
        "event series_instance_uid instances bytes attempts reason".split(' ').collect()
    );
    assert_eq!((&mirror[0]["event"], &mirror[0]["instances"]), (&"placed".into(), &2.into()));
    let summary = "placed parked kept withdrawn instances bytes downloaded_bytes requests retries elapsed_s";
    assert_eq!(keys(&mirror[2]["summary"]), summary.split(' ').collect());

    let status = lab.run(&["--json", "status"]).assert_code(0).json();
    let promised =
        "series instances bytes bytes_left rate_bytes_s eta_s collections parked watermarks last_cycle";
    assert!(promised.split(' ').all(|key| keys(&status[0]).contains(key)), "{status:?}");
    assert_eq!(keys(&status[0]["series"]), "queued running done parked withdrawn".split(' ').collect());
    assert_eq!((&status[0]["rate_bytes_s"], &status[0]["instances"]), (&Value::Null, &4.into()));

    let verify = lab.run(&["--json", "verify"]).assert_code(0);
    let promised = "instances bytes ok missing corrupt unexpected repaired";
    assert!(promised.split(' ').all(|key| keys(&verify.summary()).contains(key)), "{verify:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test damages files")]
fn damage_is_found_named_and_mended() {
    let catalogue = Catalogue::small(3, 2, 500);
    let (_source, _fake, lab) = lab(&catalogue);
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let file = |series: u32, instance: u32| {
        let uid = format!("1.2.826.1.1.{series}");
        lab.root().join(format!("{COLLECTION}/TEST-0001/1.2.826.1.1/{uid}/{uid}.{instance}.dcm"))
    };
    let mut bytes = std::fs::read(file(1, 1)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(file(1, 1), &bytes).unwrap();
    std::fs::remove_file(file(2, 2)).unwrap();
    std::fs::write(lab.root().join(COLLECTION).join("notes.txt"), "mine").unwrap();

    let found = lab.run(&["--json", "verify"]).assert_code(3);

    let problems: BTreeSet<_> =
        found.json().iter().filter_map(|line| line["problem"].as_str().map(str::to_owned)).collect();
    assert_eq!(problems, ["corrupt", "missing", "unexpected"].map(str::to_owned).into());
    let corrupt = found.json().into_iter().find(|line| line["problem"] == "corrupt").unwrap();
    assert_eq!(keys(&corrupt), "path problem series_instance_uid sop_instance_uid".split(' ').collect());
    assert_eq!(corrupt["sop_instance_uid"], "1.2.826.1.1.1.1");

    std::fs::remove_file(lab.root().join(COLLECTION).join("notes.txt")).unwrap();
    let mended = lab.run(&["--json", "verify", "--repair"]).assert_code(0);
    assert_eq!(mended.summary()["repaired"], 2);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    assert_sound(&lab.root());
    let replaced = std::fs::read_dir(lab.root().join(".tcia-mirror/replaced")).unwrap().count();
    assert_eq!(replaced, 2, "what was damaged is kept aside");
    lab.run(&["verify"]).assert_code(0);
}

#[test]
fn what_the_service_does_not_list_is_named_and_fails() {
    let (_source, _fake, lab) = lab(&Catalogue::small(1, 1, 500));
    let manifest = lab.beside("manifest.tcia");
    let text = "downloadServerUrl=x\nListOfSeriesToDownload=\n1.2.826.1.1.1\n9.9.9\n";
    std::io::Write::write_all(&mut std::fs::File::create(&manifest).unwrap(), text.as_bytes()).unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--collection", "NO-SUCH"], "collection `NO-SUCH`"),
        (&["--patient", "nobody"], "patient `nobody`"),
        (&["--study", "9.9"], "study `9.9`"),
        (&["--series", "9.9.1"], "series `9.9.1`"),
        (&["--manifest", manifest.to_str().unwrap()], "series `9.9.9`"),
    ];

    for (flags, name) in cases {
        let ended = lab.run(&[&["mirror"], flags].concat()).assert_code(1);
        assert!(ended.stderr.contains(&format!("does not list {name}")), "{}", ended.stderr);
        let planned = lab.run(&[&["plan"], flags].concat()).assert_code(1);
        assert!(planned.stderr.contains(name), "{}", planned.stderr);
    }
    assert_eq!(tree(&lab.root()).len(), 2, "the entry of the manifest that is listed was placed");
}

#[test]
fn what_is_typed_wrong_ends_in_2_and_says_what_to_type() {
    let lab = Lab::new("http://127.0.0.1:9/nbia-api/services/v4");
    let nothing = lab.run(&["mirror"]).assert_code(2);
    assert!(
        nothing.stderr.contains("--collection NAME") && nothing.stderr.contains("[[select]]"),
        "{}",
        nothing.stderr
    );
    lab.run(&["mirror", "--modality", "CT"]).assert_code(2);
    lab.run(&["mirror", "--series", "not-a-uid"]).assert_code(2);
    lab.run(&["mirror", "--no-such-flag"]).assert_code(2);
    let unknown = lab.run(&["--base-url", "http://127.0.0.1:9/somewhere", "plan", "--collection", "X"]);
    assert!(unknown.code == Some(2), "{}", unknown.stderr);
    lab.configure("[limits]\nparallell = 2");
    let key = lab.run(&["mirror", "--collection", "X"]).assert_code(2);
    assert!(key.stderr.contains("parallell") && key.stderr.contains("parallel"), "{}", key.stderr);
    assert!(!lab.root().exists(), "a mistake leaves nothing behind");
}

#[test]
fn a_second_process_on_a_root_ends_in_10() {
    let (_source, fake, lab) = lab(&Catalogue::small(1, 1, 500));
    lab.configure("[http]\nfirst_byte_timeout = \"60s\"");
    fake.script("getImage", "", Some(1), Fault::Stall);
    let mut first = lab.start(&["mirror", "--collection", COLLECTION]);
    while fake.requests_of("getImage").is_empty() {
        std::thread::yield_now();
    }

    let second = lab.run(&["mirror", "--collection", COLLECTION]).assert_code(10);
    lab.run(&["status"]).assert_code(0);

    assert!(second.stderr.contains("another process holds"), "{}", second.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_signal_drains_and_nothing_is_lost() {
    let catalogue = Catalogue::small(3, 2, 500);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (_source, fake, lab) = lab(&catalogue);
        lab.configure("[http]\nfirst_byte_timeout = \"60s\"\n[limits]\nparallel = 1");
        fake.script("getImage", "1.2.826.1.1.2", Some(1), Fault::Stall);
        let child = lab.start(&["mirror", "--collection", COLLECTION]);
        while fake.requests_of("getImage").len() < 2 {
            std::thread::yield_now();
        }

        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        let ended: Ended = child.wait_with_output().unwrap().into();

        assert!(sent.success());
        let ended = ended.assert_code(code);
        assert!(ended.stdout.contains("2 series are still queued"), "{}", ended.stdout);
        assert_sound(&lab.root());
        lab.run(&["resume"]).assert_code(0);
        assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    }
}

#[test]
fn a_service_that_never_answers_ends_in_1_and_jobs_are_kept() {
    let catalogue = Catalogue::small(2, 1, 500);
    let (_source, fake, lab) = lab(&catalogue);
    fake.script("getImage", "", None, Fault::Answer(503, Vec::new(), Vec::new()));
    lab.configure("[disk]\nmin_free = \"1000TB\"");
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(1);
    lab.configure("");
    fake.script("getCollectionValues", "", None, Fault::Answer(503, Vec::new(), Vec::new()));

    let ended = lab.run(&["resume"]).assert_code(1);

    assert!(ended.stderr.contains("has not answered"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: jobs are kept"), "{}", ended.stderr);
    fake.heal();
    lab.run(&["resume"]).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    let nobody = Lab::new("http://127.0.0.1:9/nbia-api/services/v4");
    nobody.run(&["mirror", "--all-collections"]).assert_code(1);
}

#[test]
fn a_run_that_cannot_go_on_still_ends_in_a_summary_of_what_was_done() {
    let (_source, fake, lab) = lab(&Catalogue::small(3, 2, 500));
    let down = || Fault::Answer(503, Vec::new(), Vec::new());
    let one_at_a_time = "[limits]\nparallel = 1\n[jobs]\nattempts = 1\n[disk]\nmin_free = ";
    lab.configure(&format!("{one_at_a_time}\"1000TB\""));
    let full = lab.run(&["--json", "mirror", "--collection", COLLECTION]).assert_code(1);
    lab.configure(&format!("{one_at_a_time}\"0\""));
    fake.script("getImage", "1.2.826.1.1.1", None, Fault::Answer(400, Vec::new(), b"no".to_vec()));
    fake.script("getImage", "1.2.826.1.1.3", None, down());
    fake.script("getCollectionValues", "", None, down());

    let given_up = lab.run(&["--json", "resume"]).assert_code(1);

    assert_eq!((&full.summary()["placed"], full.json().len()), (&0.into(), 1));
    assert!(full.stderr.contains("must stay free"), "{}", full.stderr);
    let summary = given_up.summary();
    let done = ["placed", "parked", "instances", "kept"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(done, [1, 1, 2, 0]);
    let promised = "placed parked kept withdrawn instances bytes downloaded_bytes requests retries elapsed_s";
    assert_eq!(keys(&summary), promised.split(' ').collect());
    assert!(given_up.stderr.contains("has not answered"), "{}", given_up.stderr);
}

#[test]
fn a_disk_that_is_too_full_ends_in_1_before_anything_is_written() {
    let catalogue = Catalogue::small(1, 1, 500);
    let (_source, fake, lab) = lab(&catalogue);
    lab.configure("[disk]\nmin_free = \"1000TB\"");

    let full = lab.run(&["mirror", "--collection", COLLECTION]).assert_code(1);

    assert!(
        full.stderr.contains("must stay free") && full.stderr.contains("hint: free space"),
        "{}",
        full.stderr
    );
    assert_eq!(fake.requests_of("getImage"), [""; 0]);
    lab.configure("");
    lab.run(&["resume"]).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}

#[test]
fn what_stands_where_a_directory_belongs_is_named_with_what_to_do() {
    let catalogue = Catalogue::small(1, 1, 500);
    let in_the_way = [COLLECTION.to_owned(), format!("{COLLECTION}/TEST-0001/1.2.826.1.1")];
    for place in in_the_way {
        let (_source, _fake, lab) = lab(&catalogue);
        let place = lab.root().join(place);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("elsewhere", &place).unwrap();

        let first = lab.run(&["mirror", "--collection", COLLECTION]).assert_code(1);
        let again = lab.run(&["resume"]).assert_code(1);
        std::fs::remove_file(&place).unwrap();
        lab.run(&["resume"]).assert_code(0);

        for ended in [first, again] {
            let named = format!("{} is no directory", place.display());
            assert!(
                ended.stderr.contains(&named) && ended.stderr.contains("hint: move it away"),
                "{}",
                ended.stderr
            );
        }
        assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test damages the record")]
fn a_damaged_record_ends_in_1_and_the_tree_stays_as_it_is() {
    let catalogue = Catalogue::small(1, 1, 500);
    let (_source, _fake, lab) = lab(&catalogue);
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let state = lab.root().join(".tcia-mirror/state.sqlite");
    std::fs::write(&state, "this is no database, and it is long enough to be read as one".repeat(100))
        .unwrap();

    for command in [&["mirror", "--collection", COLLECTION] as &[&str], &["resume"], &["verify"], &["status"]]
    {
        let ended = lab.run(command).assert_code(1);
        assert!(ended.stderr.contains("the tree was not touched"), "{command:?}: {}", ended.stderr);
    }
    std::fs::write(&state, "").unwrap();
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(1);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}

#[test]
fn a_limit_of_bytes_begins_no_more_and_leaves_the_rest_queued() {
    let catalogue = Catalogue::small(4, 2, 20_000);
    let (_source, _fake, lab) = lab(&catalogue);

    let limited = lab.run(&["mirror", "--collection", COLLECTION, "--max-bytes", "50kB", "--parallel", "1"]);

    let limited = limited.assert_code(1);
    assert!(limited.stdout.contains("are still queued"), "{}", limited.stdout);
    assert!(tree(&lab.root()).len() < catalogue.expected_tree(true).len());
    lab.run(&["resume"]).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}

#[test]
fn no_job_is_running_any_more_when_a_run_has_ended_in_an_error() {
    let catalogue = Catalogue::small(2, 1, 500);
    let (_source, _fake, lab) = lab(&catalogue);
    lab.configure("[disk]\nmin_free = \"1000TB\"");
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(1);
    lab.configure("");
    // the end of a job cannot be recorded, neither that it is done nor that it failed
    let record = rusqlite::Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF attempts ON series_job BEGIN SELECT RAISE(ABORT, 'refused'); END";
    record.execute_batch(refuse).unwrap();

    let ended = lab.run(&["resume"]).assert_code(1);

    assert!(ended.stderr.contains("refused"), "{}", ended.stderr);
    let series = lab.run(&["--json", "status"]).assert_code(0).json()[0]["series"].clone();
    assert_eq!((&series["running"], &series["queued"]), (&0.into(), &2.into()));
    record.execute_batch("DROP TRIGGER refuse").unwrap();
    lab.run(&["resume"]).assert_code(0);
    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
}

#[test]
fn a_dry_run_of_resume_or_retry_is_the_plan_of_its_jobs_and_changes_nothing() {
    let (_source, fake, lab) = lab(&Catalogue::small(3, 2, 500));
    lab.configure("[limits]\nparallel = 1\n[jobs]\nattempts = 1");
    lab.run(&["plan", "--collection", COLLECTION]).assert_code(0);
    fake.script("getImage", "1.2.826.1.1.1", None, Fault::Answer(400, Vec::new(), b"no".to_vec()));
    fake.script("getImage", "1.2.826.1.1.3", None, Fault::Answer(503, Vec::new(), Vec::new()));
    fake.script("getCollectionValues", "", None, Fault::Answer(503, Vec::new(), Vec::new()));
    lab.run(&["mirror", "--study", "1.2.826.1.1"]).assert_code(1);
    let (status, asked) = (lab.run(&["--json", "status"]).stdout, fake.requests().len());

    let resume = lab.run(&["--json", "resume", "--dry-run"]).assert_code(0).json();
    let retry = lab.run(&["--json", "retry", "--dry-run", "--modality", "CT"]).assert_code(0).json();
    let nothing = lab.run(&["--json", "retry", "--dry-run", "--modality", "MR"]).assert_code(0).json();
    let table = lab.run(&["resume", "--dry-run"]).assert_code(0).stdout;

    assert_eq!((lab.run(&["--json", "status"]).stdout, fake.requests().len()), (status, asked));
    let line = |planned: &[Value]| {
        let [series, summary] = planned else { panic!("not one series and a summary: {planned:?}") };
        assert_eq!((&series["decision"], &summary["summary"]["fetch"]), (&"fetch".into(), &1.into()));
        assert_eq!(
            (&summary["summary"]["instances"], &summary["summary"]["requests"]),
            (&2.into(), &0.into())
        );
        [&series["series_instance_uid"], &series["reason"]].map(|value| value.as_str().unwrap().to_owned())
    };
    assert_eq!(line(&resume), ["1.2.826.1.1.3", "asked for before, not finished"]);
    let [parked, reason] = line(&retry);
    assert!(parked == "1.2.826.1.1.1" && reason.starts_with("parked: "), "{reason}");
    assert_eq!((nothing.len(), &nothing[0]["summary"]["series"]), (1, &0.into()));
    assert!(table.contains("1.2.826.1.1.3") && table.contains("fetch 1 (2 instances"), "{table}");
    fake.heal();
    let plan = lab.run(&["--json", "plan", "--collection", COLLECTION]).assert_code(0).json();
    assert_eq!(keys(&resume[0]), keys(&plan[0]));
    assert_eq!(keys(&resume[1]["summary"]), keys(&plan[3]["summary"]));
}

/// Every command.
const COMMANDS: [&str; 18] = [
    "mirror",
    "resume",
    "plan",
    "sync",
    "daemon",
    "status",
    "verify",
    "retry",
    "query",
    "serve",
    "demo",
    "prune",
    "export",
    "adopt",
    "doctor",
    "config",
    "completions",
    "man",
];

#[test]
fn every_help_ends_in_its_exit_codes() {
    for command in COMMANDS {
        let help: Ended = program().args([command, "--help"]).output().unwrap().into();
        let help = help.assert_code(0);
        assert!(help.stdout.contains("Exit codes: 0"), "{command}: {}", help.stdout);
    }
    let script: Ended = program().args(["completions", "bash"]).output().unwrap().into();
    assert!(script.assert_code(0).stdout.contains("tcia-mirror"));
}

#[test]
fn every_command_has_a_page_of_the_manual_with_its_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");

    let written: Ended = program().args(["man", "--output"]).arg(&pages).output().unwrap().into();
    written.assert_code(0);

    assert_eq!(std::fs::read_dir(&pages).unwrap().count(), COMMANDS.len() + 1);
    for name in COMMANDS.map(|command| format!("-{command}")).iter().map(String::as_str).chain([""]) {
        let page = std::fs::read_to_string(pages.join(format!("tcia-mirror{name}.1"))).unwrap();
        let printed: Ended = program().arg("man").args(name.strip_prefix('-')).output().unwrap().into();
        assert_eq!(printed.assert_code(0).stdout.trim_end(), page.trim_end());
        assert!(page.starts_with(&format!(".TH tcia-mirror{name} 1 ")), "{page}");
        assert!(page.contains("\n.SH \"EXIT STATUS\"\n.nf\n0 "), "{name}: {page}");
        assert!(page.contains("TCIA_MIRROR_ROOT") && page.is_ascii(), "{name}: {page}");
    }
}

#[test]
fn a_page_of_no_command_is_a_mistake_in_what_was_typed() {
    let ended: Ended = program().args(["man", "mirorr"]).output().unwrap().into();

    assert!(ended.assert_code(2).stderr.contains("no command \"mirorr\""));
}

#[test]
fn every_global_flag_is_an_environment_variable_too() {
    let catalogue = Catalogue::small(1, 1, 500);
    let (_source, fake, lab) = lab(&catalogue);
    let mut command = program();
    command.env("TCIA_MIRROR_CONFIG", lab.beside("config.toml")).env("TCIA_MIRROR_ROOT", lab.root());
    command.env("TCIA_MIRROR_BASE_URL", fake.base_url("bindaas-v3")).env("TCIA_MIRROR_JSON", "true");

    let ended: Ended = command.args(["mirror", "--collection", COLLECTION]).output().unwrap().into();

    assert_eq!(ended.assert_code(0).summary()["placed"], 1);
    assert!(tree(&lab.root()) == catalogue.expected_tree(false));
}

#[test]
fn the_demo_leaves_a_tree_that_another_tool_agrees_with() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("demo");
    let ended: Ended = program().arg("--root").arg(&root).arg("demo").output().unwrap().into();
    let ended = ended.assert_code(0);

    assert!(ended.stdout.contains("379 instances, 379 as recorded, 0 damaged"), "{}", ended.stdout);
    let record = rusqlite::Connection::open(root.join(".tcia-mirror/state.sqlite")).unwrap();
    let sql = "SELECT lower(hex(sha256)) || '  ' || path || '/' || sop_instance_uid || '.dcm'
               FROM instance JOIN placement USING (series_id) ORDER BY path, sop_instance_uid";
    let mut statement = record.prepare(sql).unwrap();
    let lines: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let list = directory.path().join("SHA256SUMS");
    std::io::Write::write_all(&mut std::fs::File::create(&list).unwrap(), lines.join("\n").as_bytes())
        .unwrap();
    let checked: Ended = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet"])
        .arg(&list)
        .current_dir(&root)
        .output()
        .unwrap()
        .into();
    checked.assert_code(0);
    assert_eq!(lines.len(), 379);
}

#[test]
fn what_asks_no_service_needs_no_key_and_what_asks_one_names_the_file_that_is_missing() {
    let (_source, _fake, lab) = lab(&Catalogue::small(1, 1, 500));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let run = |arguments: &[&str]| {
        let mut command = lab.command(arguments);
        Ended::from(command.env("TCIA_MIRROR_API_KEY_FILE", "/nonexistent/key").output().unwrap())
    };

    for local in [&["status"][..], &["verify"], &["resume", "--dry-run"], &["retry", "--dry-run"]] {
        run(local).assert_code(0);
    }
    let remote = run(&["mirror", "--collection", COLLECTION]).assert_code(2);
    assert!(remote.stderr.contains("/nonexistent/key"), "{remote:?}");
}

#[test]
fn an_address_that_is_not_of_http_is_a_mistake_and_no_outage() {
    let lab = Lab::new("ftp://127.0.0.1/nbia-api/services/v4");

    let refused = lab.run(&["mirror", "--collection", COLLECTION]).assert_code(2);

    assert!(refused.stderr.contains("must begin with http://"), "{refused:?}");
}

#[test]
fn a_run_that_still_lists_counts_as_under_way() {
    let (_source, fake, lab) = lab(&Catalogue::small(1, 1, 500));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let rate = || lab.run(&["--json", "status"]).json()[0]["rate_bytes_s"].clone();
    assert_eq!(rate(), Value::Null);
    fake.script("getSeries", "", None, Fault::Stall);
    let mut listing = lab.start(&["mirror", "--collection", COLLECTION]);

    let is_seen = (0..1000).any(|_| rate() == 0);
    listing.kill().unwrap();
    listing.wait().unwrap();

    assert!(is_seen);
}

#[test]
fn a_quiet_command_says_nothing_of_what_went_well_and_all_of_what_did_not() {
    let (_source, _fake, lab) = lab(&Catalogue::small(2, 2, 500));
    for well in
        [&["mirror", "--all-collections"][..], &["sync", "--all-collections"], &["resume"], &["verify"]]
    {
        let ended = lab.run(&[&["--quiet"], well].concat()).assert_code(0);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "{well:?}");
    }

    std::fs::remove_dir_all(lab.root().join("CT COLONOGRAPHY/TEST-0001/1.2.826.1.1/1.2.826.1.1.2")).unwrap();
    let found = lab.run(&["--quiet", "verify"]).assert_code(3);
    assert!(found.stdout.contains("missing"), "{}", found.stdout);
    let wrong =
        lab.run(&["--quiet", "mirror", "--all-collections", "--manifest", "no-such-file"]).assert_code(2);
    assert!(wrong.stderr.contains("no-such-file"), "{}", wrong.stderr);
}

#[test]
fn a_terminal_gets_colours_unless_it_wants_none() {
    let lab = Lab::new("http://127.0.0.1:1/nbia-api/services/v4");
    let on_a_terminal = |no_color: Option<&str>| {
        // `script` gives it a terminal
        let (program, root) = (env!("CARGO_BIN_EXE_tcia-mirror"), lab.root());
        let wrong = format!(
            "{program} --root {} --config {} mirror -v --base-url http://127.0.0.1:1/nbia-api/services/v4 --all-collections",
            root.display(),
            lab.beside("config.toml").display()
        );
        let mut command = Command::new("script");
        command.args(["-qec", &wrong, "/dev/null"]).env_remove("NO_COLOR").env("TERM", "xterm");
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let coloured = |text: &str| text.contains("\u{1b}[3") || text.contains("\u{1b}[2m");

    assert!(coloured(&on_a_terminal(None)) && coloured(&on_a_terminal(Some(""))));
    let plain = on_a_terminal(Some("1"));
    assert!(!coloured(&plain) && plain.contains("127.0.0.1"), "{plain}");
}
