//! What a server does to getSeries, the list that all others are held against.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Kind;
use super::lies::{Row as Listed, acts, answer, body, gzipped, list, many_headers, with_body};
use super::lists::{Ending, HTML, JSON, ListRow, cut, failure, page, v4};
use super::server::{Act, Lie};
use crate::support::catalogue::COLLECTION;

pub(super) fn rows() -> Vec<ListRow> {
    [no_list(), huge(), short(), bad_rows()].into_iter().flatten().collect()
}

fn no_list() -> Vec<ListRow> {
    let row = |kind, does, lie, ending, placed| v4(kind, "getSeries", does, lie, ending, placed);
    let failed = |kind, does, lie, said| row(kind, does, lie, Ending::Failed(said), 0);
    vec![
        failed(Kind::NoList, "500 for the series", failure(), "500"),
        failed(Kind::NoList, "400 for the series", answer("400 Bad Request", "", "no"), "400"),
        failed(
            Kind::Down,
            "503 for the series alone",
            answer("503 Service Unavailable", HTML, "<html>down</html>"),
            "503",
        ),
        failed(Kind::NoList, "a page for the series", page(), "no list this program can read"),
        failed(
            Kind::NoList,
            "a JSON object for the series",
            answer("200 OK", JSON, r#"{"error":"no"}"#),
            "no list this program can read",
        ),
        row(
            Kind::NoList,
            "a list of series that stops in the middle",
            cut(),
            Ending::Failed("ends in the middle"),
            1,
        ),
        row(
            Kind::NoList,
            "a list of series that stops behind a row",
            body(|list| {
                let end = list.windows(2).position(|bytes| bytes == b"},").unwrap();
                list[..=end].to_vec()
            }),
            Ending::Failed("ends in the middle"),
            1,
        ),
        failed(
            Kind::NoList,
            "something behind the list of series",
            body(|list| [&list[..], b"<!-- 12 ms -->"].concat()),
            "expected nothing more",
        ),
    ]
}

fn huge() -> Vec<ListRow> {
    let failed = |does, lie, said| v4(Kind::NoList, "getSeries", does, lie, Ending::Failed(said), 0);
    vec![
        failed("50 MB of brackets", big(b"["), "expected `{`"),
        failed("50 MB of objects in objects", big(b"{\"a\":"), "a row of more than"),
        failed(
            "a text of 50 MB",
            acts(|_| vec![Act::Send(with_body(&[b"[{\"a\":\"", &FIFTY_MEGABYTES[..], b"\"}]"].concat()))]),
            "a row of more than",
        ),
        failed(
            "a text without end",
            acts(|_| {
                vec![
                    Act::Send(b"HTTP/1.1 200 OK\r\n\r\n[{\"a\":\"".to_vec()),
                    Act::Endless(vec![b'x'; 10_000]),
                ]
            }),
            "a row of more than",
        ),
        failed(
            "50 MB of blanks in a kilobyte of gzip",
            gzip(gzipped(&[b"[{\"a\":\"", &FIFTY_MEGABYTES[..]].concat())),
            "a row of more than",
        ),
        failed(
            "a gzip body that stops in the middle",
            gzip(gzipped(b"[{\"a\":1}]")[..20].to_vec()),
            "broke off",
        ),
        failed("bytes that are no text", answer("200 OK", JSON, [b'[', 0xff, 0xfe]), "expected `{`"),
        failed("10,000 headers before the series", answer("200 OK", &many_headers(), "[]"), "got no answer"),
        failed(
            "a drip of 1 kB a second for the series",
            acts(|honest| vec![Act::Drip(with_body(&[&[b' '; 60_000], &honest.body[..]].concat()), 1000)]),
            "bytes a second for",
        ),
    ]
}

fn short() -> Vec<ListRow> {
    let row = |kind, does, lie, ending, placed| v4(kind, "getSeries", does, lie, ending, placed);
    vec![
        row(
            Kind::ShortList,
            "zero bytes for the series",
            answer("200 OK", "", ""),
            Ending::Failed("lists no series"),
            0,
        ),
        row(
            Kind::ShortList,
            "one series of two",
            list(|mut rows| {
                rows.retain(|row| row["SeriesInstanceUID"] == "1.2.826.1.1.1");
                rows
            }),
            Ending::Done,
            1,
        ),
        row(Kind::Repeated, "every row twice", list(|rows| [rows.clone(), rows].concat()), Ending::Done, 2),
        row(
            Kind::Repeated,
            "every row twice, once with another ImageCount",
            list(|mut rows| {
                rows.extend(rows.clone().into_iter().map(|row| with(row, "ImageCount", json!(9))));
                rows
            }),
            Ending::Parked("the service lists 9"),
            0,
        ),
        row(
            Kind::Repeated,
            "a row of another collection",
            added(
                r#"{"SeriesInstanceUID":"1.2.826.9.9.9","StudyInstanceUID":"1.2.826.9.9","Collection":"OTHER","PatientID":"P","ImageCount":1,"FileSize":10}"#,
            ),
            Ending::Done,
            2,
        ),
    ]
}

/// Rows among those of getSeries that make no sense: the others count.
fn bad_rows() -> Vec<ListRow> {
    let row = |does, row: &str| ListRow {
        once: 3,
        ..v4(Kind::BadRow, "getSeries", does, added(row), Ending::Told("made no sense"), 2)
    };
    let of = |series: &str, study: &str| {
        format!(
            r#"{{"SeriesInstanceUID":"{series}","StudyInstanceUID":"{study}","Collection":"{COLLECTION}","PatientID":"TEST-0001"}}"#
        )
    };
    vec![
        row("a row without anything", "{}"),
        row("a series named ../../escaped", &of("../../escaped", "1.2.826.1.1")),
        row("a series named by a path", &of("/tmp/escaped", "1.2.826.1.1")),
        row("a study named ../..", &of("1.2.826.1.1.9", "../..")),
        row("a series named by nothing", &of("", "1.2.826.1.1")),
        row("a series named by 65 digits", &of(&"1".repeat(65), "1.2.826.1.1")),
        row("a series named by a number", r#"{"SeriesInstanceUID":12}"#),
        row(
            "a row with an ImageCount below nothing",
            &of("1.2.826.1.1.9", "1.2.826.1.1").replace('}', r#","ImageCount":-1}"#),
        ),
        row(
            "100,000 objects in objects as a row",
            &format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        ),
    ]
}

fn gzip(packed: Vec<u8>) -> Lie {
    answer("200 OK", "Content-Encoding: gzip\r\n", packed)
}

fn big(piece: &'static [u8]) -> Lie {
    acts(move |_| vec![Act::Send(with_body(&[b"[", &piece.repeat(50_000_000 / piece.len())[..]].concat()))])
}

/// One more row, as it stands.
fn added(row: &str) -> Lie {
    let row = row.to_owned();
    body(move |list| match list.strip_suffix(b"]") {
        Some(rows) => [rows, b",", row.as_bytes(), b"]"].concat(),
        None => list,
    })
}

fn with(mut row: Listed, column: &str, value: Value) -> Listed {
    row.insert(column.to_owned(), value);
    row
}

static FIFTY_MEGABYTES: LazyLock<Vec<u8>> = LazyLock::new(|| vec![b' '; 50_000_000]);
