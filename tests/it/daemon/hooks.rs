//! Who is told how a cycle ended.

use std::fs;

use serde_json::Value;

use super::Supervised;
use super::cycles::{configure, lab_of};
use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::Fault;
use crate::support::program::{Lab, tree};
use crate::support::raw_server::{Answer, RawServer};

fn down() -> Fault {
    Fault::Answer(500, Vec::new(), b"down".to_vec())
}

/// A hook that keeps what it is told in a file, a line each.
fn keeper(lab: &Lab) -> String {
    let file = lab.beside("told");
    format!("[hooks]\ncommand = [\"sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]\n", file.display())
}

fn told(lab: &Lab) -> Vec<Value> {
    let text = fs::read_to_string(lab.beside("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_cycle_that_fails_does_not_end_the_daemon_and_is_told_of_once_and_so_is_its_recovery() {
    let catalogue = Catalogue::small(2, 2, 500);
    let (_source, fake, lab) = lab_of(&catalogue, "");
    configure(&lab, &keeper(&lab));
    fake.script("getCollectionValues", "", None, down());
    let mut daemon = Supervised::start(&lab, None);
    daemon.logs("the cycle could not go on");
    daemon.logs("the cycle could not go on");

    fake.heal();
    daemon.logs("the cycle has ended: done, 2 series placed");
    daemon.waits();
    assert_eq!(daemon.stop(), Some(143));

    assert!(tree(&lab.root()) == catalogue.expected_tree(true));
    let told = told(&lab);
    let [failed, recovered, changed] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((&failed["occasion"], &recovered["occasion"]), (&"failure".into(), &"recovered".into()));
    assert_eq!((&changed["occasion"], &changed["cycle"]), (&"changed".into(), &recovered["cycle"]));
    assert!(failed["error"].as_str().unwrap().contains("getCollectionValues answered 500"), "{failed:#}");
    assert_eq!(failed["cycle"]["outcome"], "failed");
    assert_eq!(recovered["error"], Value::Null);
    assert_eq!(
        (&recovered["cycle"]["outcome"], &recovered["cycle"]["changes"]["new"]),
        (&"done".into(), &2.into())
    );
    assert_eq!(recovered["root"].as_str(), lab.root().to_str());
}

#[test]
fn a_sync_by_a_timer_tells_of_what_is_new_and_of_what_was_given_up_and_a_quiet_one_of_nothing() {
    let catalogue = Catalogue::small(2, 2, 500);
    let (_source, fake, lab) = lab_of(&catalogue, "");
    configure(&lab, &keeper(&lab));
    for endpoint in ["getImage", "getSingleImage"] {
        let refused = Fault::Answer(400, Vec::new(), b"not granted".to_vec());
        fake.script(endpoint, "1.2.826.1.1.2", None, refused);
    }

    lab.run(&["sync"]).assert_code(3);
    lab.run(&["sync", "--full"]).assert_code(3);
    fake.heal();
    lab.run(&["retry"]).assert_code(0);
    lab.run(&["sync"]).assert_code(0);

    let told = told(&lab);
    let occasions: Vec<_> = told.iter().map(|news| &news["occasion"]).collect();
    assert_eq!(occasions, ["failure", "changed"], "what is parked already is no news");
    assert_eq!(told[0]["parked"][0]["series_instance_uid"], "1.2.826.1.1.2");
    assert!(told[0]["parked"][0]["reason"].as_str().unwrap().contains("not granted"));
    assert_eq!(
        told[0]["cycle"]["changes"],
        serde_json::json!({
            "new": 1, "revised": 0, "moved": 0, "restored": 0, "described": 0, "withdrawn": 0, "parked": 1,
        })
    );
    assert_eq!(told[1]["cycle"]["command"], "retry");
}

#[test]
fn a_webhook_gets_the_same_and_one_that_does_not_take_it_changes_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let refused = Answer::literal("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    let server = runtime.block_on(RawServer::in_order([refused]));
    let (_source, _fake, lab) = lab_of(&Catalogue::small(1, 1, 500), "");
    let secret = "path-of-a-secret";
    let slow = "command = [\"sleep\", \"60\"]\ntimeout = \"200ms\"";
    configure(&lab, &format!("[hooks]\nwebhook = \"http://{}/{secret}\"\n{slow}", server.authority()));

    let ended = lab.run(&["-vv", "sync"]).assert_code(0);

    let request = runtime.block_on(server.request(1));
    assert!(request.head.starts_with(&format!("POST /{secret} HTTP/1.1\r\n")), "{}", request.head);
    assert!(request.head.contains("content-type: application/json"), "{}", request.head);
    let news: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&news["occasion"], &news["cycle"]["placed"]), (&"changed".into(), &1.into()));
    assert!(ended.stderr.contains("did not take the news: the webhook answered 500"), "{}", ended.stderr);
    assert!(ended.stderr.contains("took longer than 200ms"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
}

#[test]
fn a_hook_learns_no_secret_and_a_redirect_tells_none_to_the_log() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let moved = "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/path-of-a-secret\r\nContent-Length: 0\r\n\r\n";
    let server = runtime.block_on(RawServer::in_order([Answer::literal(moved)]));
    let (_source, _fake, lab) = lab_of(&Catalogue::small(1, 1, 500), "");
    let keeper = format!("command = [\"sh\", \"-c\", \"env > {}; exit 7\"]", lab.beside("told").display());
    let address = format!("http://user:word-of-a-secret@{}/path-of-a-secret", server.authority());
    configure(&lab, &format!("[hooks]\nwebhook = \"{address}\"\n{keeper}"));
    let mut command = lab.command(&["-vv", "sync"]);

    let ended =
        command.env("TCIA_MIRROR_API_KEY", "key-of-a-secret").env("NOTIFY_SOCKET", "@x").output().unwrap();

    let log = String::from_utf8(ended.stderr).unwrap();
    assert!(log.contains("the webhook answered 301") && log.contains("exit status: 7"), "{log}");
    assert!(!log.contains("of-a-secret"), "{log}");
    let environment = fs::read_to_string(lab.beside("told")).unwrap();
    assert!(!environment.contains("of-a-secret") && !environment.contains("NOTIFY_SOCKET"), "{environment}");
    assert!(environment.contains("PATH="), "{environment}");
}
