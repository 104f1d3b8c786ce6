//! What a person sees: help, plan, status, errors. Times and places are taken out, the rest is as it is printed.

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, program};

/// A screen without what differs from run to run.
fn settled(text: &str, lab: Option<&Lab>) -> String {
    let text =
        lab.map_or_else(|| text.to_owned(), |lab| text.replace(lab.root().to_str().unwrap(), "<root>"));
    let word = |word: &str| {
        let is_time = word.len() >= 20 && word.contains('T') && word.contains(':') && word.starts_with("20");
        if is_time { "<time>".to_owned() } else { word.trim_end().to_owned() }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ").trim_end().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn help() {
    let ended: Ended = program().arg("--help").env("COLUMNS", "110").output().unwrap().into();
    insta::assert_snapshot!(settled(&ended.assert_code(0).stdout, None));
}

#[test]
fn plan_and_status_of_a_small_collection() {
    let source = tempfile::tempdir().unwrap();
    Catalogue::small(3, 2, 1500).build(source.path());
    let fake = FakeTcia::start(source.path());
    fake.script(
        "getImage",
        "1.2.826.1.1.3",
        None,
        Fault::Answer(400, Vec::new(), b"not \x1b[31mgranted".to_vec()),
    );
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    let plan = lab.run(&["plan", "--collection", COLLECTION]).assert_code(0);
    insta::assert_snapshot!("plan", settled(&plan.stdout, Some(&lab)));
    let mirror = lab.run(&["--quiet", "mirror", "--collection", COLLECTION]).assert_code(3);
    insta::assert_snapshot!("what_is_said_of_parked_series", settled(&mirror.stderr, Some(&lab)));
    let status = lab.run(&["status"]).assert_code(0);
    insta::assert_snapshot!("status", settled(&status.stdout, Some(&lab)));
}

#[test]
fn errors_say_what_to_do() {
    let lab = Lab::new("http://127.0.0.1:9/nbia-api/services/v4");
    let said = |arguments: &[&str]| settled(&lab.run(arguments).stderr, Some(&lab));
    insta::assert_snapshot!("nothing_selected", said(&["mirror"]));
    insta::assert_snapshot!("no_mirror", said(&["status"]));
    lab.configure("[limits]\nparalel = 4");
    let wrong = said(&["status"]).replace(lab.beside("config.toml").to_str().unwrap(), "<config>");
    insta::assert_snapshot!("a_key_that_is_misspelt", wrong);
}
