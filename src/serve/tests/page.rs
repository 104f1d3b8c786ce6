//! The status page: what it says, that nothing on it does anything, and how it stays up to date.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::*;
use crate::db::{self, Failure, Outcome, RunTotals};
use crate::serve::page::MOST_WATCHERS;

/// What a hostile service might call a collection.
const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}\u{1b}[2J\r\ndata: x";

/// Watches over a connection of its own, so that it can be counted.
async fn watch(served: &Served) -> reqwest::Response {
    served.send("/status/events").await
}

/// The events that arrive until one has a text in it; all of it when the stream ends before.
async fn until(stream: &mut reqwest::Response, text: &str) -> String {
    let mut arrived = String::new();
    while !arrived.contains(text) {
        let Some(bytes) = stream.chunk().await.unwrap() else { return arrived };
        arrived.push_str(&String::from_utf8_lossy(&bytes));
    }
    arrived
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// A run that gave one series up, after two tries.
async fn give_up(served: &Served, collection: &str, reason: &str) {
    let run_id = served.db.begin_run("sync", "http://sample", 100).await.unwrap();
    let series = sample::series(json!({
        "Collection": collection, "PatientID": "P", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3"
    }));
    let row = sample::list(&served.db, &series).await;
    served.db.enqueue(run_id, vec![row], 100).await.unwrap();
    served.db.fail(row, Failure::RetryAt(0), "the first reason".to_owned(), 110).await.unwrap();
    served.db.fail(row, Failure::Park, reason.to_owned(), 120).await.unwrap();
    let totals = RunTotals { downloaded_bytes: 12_300_000, requests: 12_345, ..RunTotals::default() };
    served.db.finish_run(run_id, (Outcome::Parked, None), totals, 160).await.unwrap();
}

#[tokio::test]
async fn the_page_shows_the_figures_of_the_record() {
    let served = Served::new().await;
    give_up(&served, "A", "two files differ").await;

    let page = served.get("/").await;

    let text = page.text();
    assert_eq!(page.label.as_deref(), Some("text/html; charset=utf-8"));
    for figure in [
        "2 of 3",
        "3 instances",
        "3 collections, 2 of them whole",
        "<bdi>Breast-MRI-NACT-Pilot</bdi>",
        "<bdi>two files differ</bdi>",
        "1 earlier try",
        "<bdi>the first reason</bdi>",
        "Something needs a look.",
        "12.3 MB",
        "12,345",
        "1 parked",
        "1 min</td>",
        "In the tree",
    ] {
        assert!(text.contains(figure), "{figure} is missing: {text}");
    }
}

#[tokio::test]
async fn nothing_that_a_service_says_does_anything_on_the_page() {
    let served = Served::new().await;
    give_up(&served, HOSTILE, &format!("<img src=x onerror=alert(1)>{HOSTILE}{}", "x".repeat(65_536))).await;
    let walk = served.db.begin_walk(HOSTILE, "http://sample", "nbia-v4", 0).await.unwrap().walk_id;
    let remark =
        db::Remark { is_rejected_row: true, subject: HOSTILE.to_owned(), remark: HOSTILE.to_owned() };
    served.db.remark(walk, remark).await.unwrap();

    let page = served.get("/").await;
    let events = until(&mut watch(&served).await, "event: remarks").await;

    for text in [page.text(), &events] {
        assert!(!text.contains("<script>") && !text.contains("<img"), "{text}");
        assert!(!text.contains(['\u{202e}', '\u{1b}', '\r']), "{text}");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{text}");
        assert!(text.len() < 40_000, "{}", text.len());
    }
    assert!(!events.lines().any(|line| line.starts_with("data: x")), "{events}");
}

#[tokio::test]
async fn the_page_may_load_and_do_nothing_but_what_is_its_own() {
    let served = Served::new().await;

    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/status.css", "text/css; charset=utf-8"),
        ("/status.js", "text/javascript; charset=utf-8"),
        ("/status.svg", "image/svg+xml"),
        ("/status/events", "text/event-stream"),
    ] {
        let answer = served.send(path).await;
        let headers = answer.headers();
        assert_eq!((answer.status(), header(headers, "content-type")), (StatusCode::OK, kind), "{path}");
        assert_eq!(header(headers, "cache-control"), "no-store", "{path}");
        assert_eq!(header(headers, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(headers, "referrer-policy"), "no-referrer", "{path}");
        let policy: Vec<_> = header(headers, "content-security-policy").split("; ").collect();
        let expected = [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ];
        assert_eq!(policy, expected, "{path}");
    }
    let page = served.get("/").await;
    for inline in [" style=", " onclick", "<style", "javascript:", "http://", "https://"] {
        assert!(!page.text().contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn a_change_of_the_record_arrives_as_an_event_and_nothing_else_does() {
    let served = Served::new().await;
    let mut stream = watch(&served).await;
    let first = until(&mut stream, "event: remarks").await;

    give_up(&served, "A", "two files differ").await;
    let mut then = until(&mut stream, "two files differ").await;
    served.db.begin_run("the next one", "http://sample", 200).await.unwrap();
    then += &until(&mut stream, "Under way: the next one").await;

    let names = |events: &str| -> Vec<String> {
        events.lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned).collect()
    };
    let all =
        ["stamp", "announcement", "glance", "running", "collections", "parked", "cycles", "plots", "remarks"];
    assert_eq!(names(&first), all);
    assert!(!first.contains("two files differ"), "{first}");
    assert!(then.contains("two files differ"), "{then}");
    assert!(!names(&then).contains(&"remarks".to_owned()), "{then}");
}

#[tokio::test]
async fn the_streams_end_at_once_when_the_server_stops() {
    let mut served = Served::new().await;
    let mut stream = watch(&served).await;
    until(&mut stream, "event: remarks").await;

    let began = std::time::Instant::now();
    served.stop.cancel();
    let rest = until(&mut stream, "nothing has this text").await;
    served.server.join_next().await.unwrap().unwrap();

    assert!(rest.len() < 10_000);
    assert!(began.elapsed() < DRAIN / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn too_many_watchers_are_refused_until_one_leaves() {
    let served = Served::new().await;
    let mut streams = Vec::new();
    for _ in 0..MOST_WATCHERS {
        streams.push(watch(&served).await);
    }

    let refused = watch(&served).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = served.get("/").await;
    drop(streams);
    let mut again = watch(&served).await;
    while again.status() == StatusCode::SERVICE_UNAVAILABLE {
        again = watch(&served).await;
    }

    assert_eq!(refused.text().await.unwrap(), "too many watch already\n");
    assert_eq!(page.status, StatusCode::OK);
    assert!(until(&mut again, "event: stamp").await.contains("As of"));
}
