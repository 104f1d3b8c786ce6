//! Answers that stop the run, because every other request would be answered alike: keys that are refused, redirects.

use rusqlite::Connection;

use super::Kind;
use super::lies::answer;
use super::server::{Liar, Lie};
use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::assert_sound;

/// One answer that stops the run.
pub(crate) struct Stop {
    pub(crate) kind: Kind,
    does: &'static str,
    lie: Lie,
    /// What is said.
    said: &'static str,
}

/// The table of what stops a run; `elsewhere` is another server.
fn rows(elsewhere: &Liar) -> Vec<Stop> {
    let stop = |kind, does, lie, said| Stop { kind, does, lie, said };
    let html = "Content-Type: text/html\r\n";
    let moved = |to: &str| answer("302 Found", &format!("Location: {to}\r\n"), "");
    vec![
        stop(Kind::Key, "401 without a word", answer("401 Unauthorized", "", ""), "401"),
        stop(Kind::Key, "403 with a page", answer("403 Forbidden", html, "<html>key revoked</html>"), "403"),
        stop(Kind::Key, "407", answer("407 Proxy Authentication Required", "", ""), "407"),
        stop(
            Kind::Redirect,
            "a redirect to another port",
            moved(&format!("http://{}/x", elsewhere.address())),
            "redirected to http://127.0.0.1",
        ),
        stop(
            Kind::Redirect,
            "a redirect to another name",
            moved("http://localhost:9/"),
            "redirected to http://localhost:9/",
        ),
        stop(
            Kind::Redirect,
            "a redirect to another scheme",
            moved(&format!("https://{}/x", elsewhere.address())),
            "redirected to https://127.0.0.1",
        ),
        stop(Kind::Redirect, "a redirect to a file", moved("file:///etc/passwd"), "302"),
        stop(Kind::Redirect, "a redirect to nowhere", answer("302 Found", "", ""), "302"),
        stop(Kind::Redirect, "a redirect in a circle", moved("?round"), "redirected too often"),
    ]
}

/// The kinds in the table.
pub(crate) const KINDS: [Kind; 2] = [Kind::Key, Kind::Redirect];

#[test]
fn what_refuses_everything_stops_the_run_with_its_jobs_kept_and_sends_no_key_away() {
    let catalogue = Catalogue::small(2, 2, 600);
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let honest = FakeTcia::start(source.path());
    let elsewhere = Liar::before(honest.address());

    for row in rows(&elsewhere) {
        assert!(KINDS.contains(&row.kind));
        for (endpoint, queued) in [("getCollectionValues", 0), ("getSeries", 0), ("getImage", 2)] {
            let liar = Liar::before(honest.address());
            liar.tell(endpoint, "", None, &row.lie);
            let lab = Lab::new(&liar.base_url("nbia-v4"));
            let mut command = lab.command(&["mirror", "--collection", COLLECTION]);
            let ended = Ended::from(command.env("TCIA_MIRROR_API_KEY", "s3cret-key").output().unwrap());

            let context = format!("{} of {endpoint}: {}", row.does, ended.stderr);
            assert_eq!(ended.code, Some(1), "{context}");
            assert!(ended.stderr.contains(row.said) && !ended.stderr.contains("s3cret-key"), "{context}");
            assert!(tree(&lab.root()).is_empty(), "{context}");
            assert_eq!(queued_without_a_try(&lab), queued, "{context}");
            assert_sound(&lab.root());
            liar.repent();
            lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
            assert!(tree(&lab.root()) == catalogue.expected_tree(true), "{}", row.does);
        }
    }
    assert_eq!(elsewhere.asked(), 0, "nobody was asked there");
}

fn queued_without_a_try(lab: &Lab) -> i64 {
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let sql = "SELECT count(*) FROM series_job WHERE state = 'queued' AND attempts = 0";
    record.query_row(sql, [], |row| row.get(0)).unwrap()
}
