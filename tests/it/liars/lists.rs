//! What a server does to the lists that a plan is made of: a mirror of its own for each row.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Kind;
use super::lies::{
    Row as Listed, acts, answer, beginning, body, each_row, gzipped, list, literal, with_body,
};
use super::server::{Act, Lie};
use crate::support::catalogue::COLLECTION;

const JSON: &str = "Content-Type: application/json\r\n";
const HTML: &str = "Content-Type: text/html\r\n";

/// How a run ends while the lie lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// Exit 0 with the whole tree: something else told the truth.
    Done,
    /// Exit 1, and this is said. What was listed is there.
    Failed(&'static str),
    /// Exit 3 with the whole tree, and this is said: there were rows that made no sense.
    Told(&'static str),
    /// Exit 3, and this is said: what was listed is parked until someone asks again.
    Parked(&'static str),
}

/// One thing that a server does to a list.
pub(crate) struct ListRow {
    pub(crate) kind: Kind,
    pub(crate) does: &'static str,
    pub(super) dialect: &'static str,
    pub(super) endpoint: &'static str,
    pub(super) lie: Lie,
    pub(crate) ending: Ending,
    /// How many of the two series are in the tree meanwhile.
    pub(super) placed: usize,
    /// How a run ends in which it was told once.
    pub(super) once: i32,
}

fn v4(
    kind: Kind,
    endpoint: &'static str,
    does: &'static str,
    lie: Lie,
    ending: Ending,
    placed: usize,
) -> ListRow {
    ListRow { kind, does, dialect: "nbia-v4", endpoint, lie, ending, placed, once: 0 }
}

/// The table of what is done to lists.
pub(crate) fn rows() -> Vec<ListRow> {
    [collections(), patients(), studies(), series(), rows_of_series(), other_dialects()]
        .into_iter()
        .flatten()
        .collect()
}

fn collections() -> Vec<ListRow> {
    let row = |kind, does, lie, said| v4(kind, "getCollectionValues", does, lie, Ending::Failed(said), 0);
    vec![
        row(Kind::NoList, "500 for the collections", failure(), "500"),
        row(
            Kind::Down,
            "503 for the collections",
            answer("503 Service Unavailable", HTML, "<html>down</html>"),
            "has not answered",
        ),
        row(
            Kind::Down,
            "504 for the collections",
            answer("504 Gateway Timeout", HTML, "<html>slow</html>"),
            "has not answered",
        ),
        row(
            Kind::Down,
            "429 for the collections",
            answer("429 Too Many Requests", "", ""),
            "has not answered",
        ),
        row(Kind::Down, "a reset for the collections", acts(|_| vec![Act::Reset]), "has not answered"),
        row(
            Kind::NoList,
            "404 for the collections",
            answer("404 Not Found", HTML, "<html>gone</html>"),
            "404",
        ),
        row(Kind::NoList, "a page for the collections", page(), "no list this program can read"),
        row(
            Kind::ShortList,
            "zero bytes for the collections",
            answer("200 OK", "", ""),
            "lists no collection at all",
        ),
        row(
            Kind::ShortList,
            "204 for the collections",
            literal("HTTP/1.1 204 No Content\r\n\r\n"),
            "lists no collection at all",
        ),
        v4(
            Kind::ShortList,
            "getCollectionValues",
            "other collections only",
            answer("200 OK", JSON, r#"[{"Collection":"OTHER"}]"#),
            Ending::Done,
            2,
        ),
        row(
            Kind::NoList,
            "collections of the wrong type",
            answer("200 OK", JSON, r#"[{"Collection":{"a":1}}]"#),
            "makes no sense",
        ),
    ]
}

fn patients() -> Vec<ListRow> {
    let row = |kind, does, lie, said| v4(kind, "getPatient", does, lie, Ending::Failed(said), 0);
    vec![
        row(Kind::NoList, "500 for the patients", failure(), "500"),
        row(Kind::NoList, "a page for the patients", page(), "no list this program can read"),
        row(Kind::NoList, "a list of patients that stops in the middle", cut(), "ends in the middle"),
        row(Kind::NoList, "a list of patients that is cut", beginning(20, &Act::Reset), "broke off"),
        v4(
            Kind::ShortList,
            "getPatient",
            "zero bytes for the patients",
            answer("200 OK", "", ""),
            Ending::Done,
            2,
        ),
    ]
}

fn studies() -> Vec<ListRow> {
    let row = |kind, does, lie, ending, placed| v4(kind, "getPatientStudy", does, lie, ending, placed);
    vec![
        row(Kind::NoList, "500 for the studies", failure(), Ending::Failed("500"), 2),
        row(
            Kind::NoList,
            "a page for the studies",
            page(),
            Ending::Failed("no list this program can read"),
            2,
        ),
        row(
            Kind::NoList,
            "silence for the studies",
            acts(|_| vec![Act::Silence]),
            Ending::Failed("sent nothing"),
            0,
        ),
        row(Kind::ShortList, "zero bytes for the studies", answer("200 OK", "", ""), Ending::Done, 2),
        row(
            Kind::ShortList,
            "a SeriesCount that is too high",
            each_row(|row| drop(row.insert("SeriesCount".to_owned(), json!(3)))),
            Ending::Done,
            2,
        ),
        row(
            Kind::ShortList,
            "a SeriesCount that is too low",
            each_row(|row| drop(row.insert("SeriesCount".to_owned(), json!(1)))),
            Ending::Done,
            2,
        ),
        row(
            Kind::ShortList,
            "no SeriesCount and no date",
            each_row(|row| {
                row.retain(|key, _| key.ends_with("UID") || key == "Collection" || key == "PatientID")
            }),
            Ending::Done,
            2,
        ),
    ]
}

fn series() -> Vec<ListRow> {
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
        failed(Kind::NoList, "50 MB of brackets", big(b"["), "expected `{`"),
        failed(Kind::NoList, "50 MB of objects in objects", big(b"{\"a\":"), "a row of more than"),
        failed(
            Kind::NoList,
            "a text of 50 MB",
            acts(|_| vec![Act::Send(with_body(&[b"[{\"a\":\"", &FIFTY_MEGABYTES[..], b"\"}]"].concat()))]),
            "a row of more than",
        ),
        failed(
            Kind::NoList,
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
            Kind::NoList,
            "50 MB of blanks in a kilobyte of gzip",
            gzip(gzipped(&[b"[{\"a\":\"", &FIFTY_MEGABYTES[..]].concat())),
            "a row of more than",
        ),
        failed(
            Kind::NoList,
            "a gzip body that stops in the middle",
            gzip(gzipped(b"[{\"a\":1}]")[..20].to_vec()),
            "broke off",
        ),
        failed(
            Kind::NoList,
            "bytes that are no text",
            answer("200 OK", JSON, [b'[', 0xff, 0xfe]),
            "expected `{`",
        ),
        failed(
            Kind::NoList,
            "10,000 headers before the series",
            answer("200 OK", &many_headers(), "[]"),
            "got no answer",
        ),
        failed(
            Kind::NoList,
            "a drip of 1 kB a second for the series",
            acts(|honest| vec![Act::Drip(with_body(&[&[b' '; 60_000], &honest.body[..]].concat()), 1000)]),
            "bytes a second for",
        ),
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
fn rows_of_series() -> Vec<ListRow> {
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

fn other_dialects() -> Vec<ListRow> {
    let row = |dialect, kind, endpoint, does, lie, ending, placed| ListRow {
        dialect,
        ..v4(kind, endpoint, does, lie, ending, placed)
    };
    vec![
        row(
            "bindaas-v3",
            Kind::NoList,
            "getSeries",
            "a streamed list that stops in the middle",
            cut(),
            Ending::Failed("ends in the middle"),
            1,
        ),
        row(
            "nbia-v4",
            Kind::Refusal,
            "getImage",
            "400 for a parameter of getImage",
            answer("400 Bad Request", "", "Invalid query parameter: 'IncludeMD5'"),
            Ending::Parked("Invalid query parameter"),
            0,
        ),
        row(
            "bindaas-v3",
            Kind::ShortList,
            "getSeriesSize",
            "a size without a figure",
            answer("200 OK", JSON, "[{}]"),
            Ending::Done,
            2,
        ),
        row(
            "bindaas-v3",
            Kind::ShortList,
            "getSeriesSize",
            "no size at all",
            answer("200 OK", "", ""),
            Ending::Done,
            2,
        ),
    ]
}

fn failure() -> Lie {
    answer(
        "500 Internal Server Error",
        "Content-Type: text/plain\r\n",
        "Server was not able to process your request\nnull",
    )
}

fn page() -> Lie {
    answer("200 OK", HTML, "<html>maintenance</html>")
}

fn cut() -> Lie {
    body(|mut list| {
        list.truncate(list.len() - 2);
        list
    })
}

fn gzip(packed: Vec<u8>) -> Lie {
    answer("200 OK", "Content-Encoding: gzip\r\n", packed)
}

fn big(piece: &'static [u8]) -> Lie {
    acts(move |_| vec![Act::Send(with_body(&[b"[", &piece.repeat(50_000_000 / piece.len())[..]].concat()))])
}

fn many_headers() -> String {
    (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect()
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
