//! What `config` shows, and what is said of a configuration that is wrong.

use serde_json::{Value, json};

use crate::support::program::{Ended, Lab};

const EXAMPLE: &str = include_str!("../../config/tcia-mirror.toml");

/// Runs `config` over a file.
fn config(lab: &Lab, text: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    write(lab, text);
    let mut command = crate::support::program::program();
    command.current_dir(lab.beside("")).args(["--config", "own.toml", "config"]).args(arguments);
    command.envs(environment.iter().copied()).output().unwrap().into()
}

#[expect(clippy::disallowed_methods, reason = "a test writes its own configuration")]
fn write(lab: &Lab, text: &str) {
    std::fs::write(lab.beside("own.toml"), text).unwrap();
}

fn lab() -> Lab {
    Lab::new("http://127.0.0.1:1/nbia-api/services/v4")
}

/// Value, origin and place of a key.
fn told(ended: &Ended, table: &str, key: &str) -> (Value, String, Value) {
    let found = ended.json().into_iter().find(|one| one["table"] == table && one["key"] == key);
    let found = found.unwrap_or_else(|| panic!("no {table} {key}: {}", ended.stdout));
    (found["value"].clone(), found["origin"].as_str().unwrap().to_owned(), found["place"].clone())
}

#[test]
fn without_a_file_every_key_has_the_default_that_is_handed_out() {
    let ended = config(&lab(), "", &[], &[]).assert_code(0);

    let mut shown: toml::Table = ended.stdout.parse().unwrap();
    let mut expected: toml::Table = EXAMPLE.parse().unwrap();
    expected.insert("root".to_owned(), "./tcia".into());
    // a key that would make the daemon serve, and the twin of the public service
    expected["serve"].as_table_mut().unwrap().remove("listen");
    let twin = shown["service"].as_array_mut().unwrap().pop().unwrap();
    assert!(twin["base_url"].as_str().unwrap().contains("//nlst."), "{twin}");
    let only = shown["service"].as_array_mut().unwrap().remove(0);
    shown.insert("service".to_owned(), only);
    assert_eq!(shown, expected);
}

#[test]
fn each_value_says_where_it_comes_from_and_the_flag_beats_all() {
    let text = "root = \"/data/tcia\"\n\n[limits]\nparallel = 7\n[[select]]\ncollection = [\"A\"]\n";
    let lab = lab();

    let file = config(&lab, text, &["--json"], &[]).assert_code(0);
    let root = ("TCIA_MIRROR_ROOT", "/from/environment");
    let environment = config(&lab, text, &["--json"], &[root]).assert_code(0);
    let flag = config(&lab, text, &["--json", "--root", "/from/flag"], &[root]).assert_code(0);

    let line = |number: u32| json!(format!("own.toml:{number}"));
    assert_eq!(told(&file, "", "root"), (json!("/data/tcia"), "file".to_owned(), line(1)));
    assert_eq!(told(&file, "limits", "parallel"), (json!(7), "file".to_owned(), line(4)));
    assert_eq!(told(&file, "limits", "parallel_least"), (json!(1), "default".to_owned(), Value::Null));
    assert_eq!(told(&file, "select", "collection"), (json!(["A"]), "file".to_owned(), line(6)));
    assert_eq!(
        told(&environment, "", "root"),
        (json!("/from/environment"), "environment".to_owned(), json!("TCIA_MIRROR_ROOT"))
    );
    assert_eq!(told(&flag, "", "root"), (json!("/from/flag"), "flag".to_owned(), json!("--root")));
}

#[test]
fn secrets_are_shown_to_be_there_and_are_not_shown() {
    let lab = lab();
    let secret = "s3cret-of-the-lab";
    let text = format!(
        "[service]\nbase_url = \"https://lab.example.org/nbia-api/services/v4\"\ntoken_file = \"own-token\"\n\
         [hooks]\nwebhook = \"https://hooks.example.org/{secret}\"\n"
    );
    #[expect(clippy::disallowed_methods, reason = "a test writes a secret of its own")]
    std::fs::write(lab.beside("own-token"), secret).unwrap();
    let environment = [("TCIA_MIRROR_API_KEY", secret), ("TCIA_MIRROR_SERVE_TOKEN_FILE", "own-token")];

    for arguments in [&[][..], &["--json"]] {
        let ended = config(&lab, &text, arguments, &environment).assert_code(0);
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{}", ended.stdout);
    }
    let ended = config(&lab, &text, &["--json"], &environment);
    let masked = |key: &str| told(&ended, "service", key);
    assert_eq!(masked("api_key"), (json!("***"), "environment".to_owned(), json!("TCIA_MIRROR_API_KEY")));
    assert_eq!(masked("token"), (json!("***"), "secret file".to_owned(), json!("own-token")));
    assert_eq!(told(&ended, "serve", "token").2, json!("own-token"));
    // another host is not told what is meant for the first
    let elsewhere = ["--json", "--base-url", "https://other.example.org/nbia-api/services/v4"];
    let ended = config(&lab, &text, &elsewhere, &environment).assert_code(0);
    assert!(
        ended.json().iter().all(|one| one["table"] != "service" || one["value"] != "***"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_file_that_is_wrong_is_told_with_its_line_and_what_is_meant() {
    for (text, line, meant) in [
        ("[limits]\nparalel = 3", 2, "did you mean `parallel`?"),
        ("\n[limits]\nmin_free = \"3GB\"", 3, "`min_free` is a key of [disk]"),
        ("[limit]\nparallel = 3", 1, "did you mean `limits`?"),
        ("paralel = 3", 1, "`parallel` is a key of [limits]"),
        ("[serve]\nroot = \"/x\"", 2, "`root` is a key at the top"),
        ("[[select]]\ncolection = [\"A\"]", 2, "did you mean `collection`?"),
        ("[select.exclude]\nlicence = [\"A\"]", 1, "select"),
        ("[[select]]\n[select.exclude]\nlicence = [\"A\"]", 3, "did you mean `license`?"),
        ("[http]\nidle_timeout = 60", 2, "expected a length of time like \"60s\""),
        ("[http]\nidle_timeout = \"60 parsecs\"", 2, "like 200ms, 5s, 15m, 24h or 3d"),
        ("[disk]\nmin_free = \"ten\"", 2, "like 64MiB, 10GB or 0"),
        ("[limits]\nquery_rate = 10", 2, "expected a rate like \"10/s\""),
        ("[service]\ndialect = \"nbia\"", 2, "nbia-v4"),
        ("[daemon]\nat = [2]", 2, "expected a time of day like \"02:30\""),
        ("root = \"unended", 1, "own.toml"),
    ] {
        let ended = config(&lab(), text, &[], &[]).assert_code(2);
        let told = &ended.stderr;
        assert!(told.contains("own.toml") && told.contains(&format!("line {line},")), "{text}: {told}");
        assert!(told.contains(meant), "{text}: {told}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_told_after_all_that_can() {
    let text = "[service]\napi_key_file = \"/nonexistent/key\"\n";
    let ended = config(&lab(), text, &[], &[]).assert_code(2);

    assert!(ended.stdout.contains("# api_key = ***") && ended.stdout.contains("[serve]"), "{}", ended.stdout);
    assert!(ended.stderr.contains("/nonexistent/key"), "{}", ended.stderr);
}
