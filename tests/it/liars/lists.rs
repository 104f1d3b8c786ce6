//! What a server does to the lists that a plan is made of: a mirror of its own for each row.

use serde_json::json;

use super::lies::{acts, answer, beginning, body, each_row, literal};
use super::server::{Act, Lie};
use super::{Kind, listed_series};

/// The label of a list.
pub(super) const JSON: &str = "Content-Type: application/json\r\n";
/// The label of a page.
pub(super) const HTML: &str = "Content-Type: text/html\r\n";

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

/// A row about a list of the newest dialect, after which a run that is told it once ends in 0.
pub(super) fn v4(
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
    [collections(), patients(), studies(), listed_series::rows(), other_dialects()]
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
                row.retain(|key, _| key.ends_with("UID") || key == "Collection" || key == "PatientID");
            }),
            Ending::Done,
            2,
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
            Kind::Refused,
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

/// What nbia-api answers to whatever its code did not foresee.
pub(super) fn failure() -> Lie {
    answer(
        "500 Internal Server Error",
        "Content-Type: text/plain\r\n",
        "Server was not able to process your request\nnull",
    )
}

/// A page in place of a list.
pub(super) fn page() -> Lie {
    answer("200 OK", HTML, "<html>maintenance</html>")
}

/// A list without its last two bytes.
pub(super) fn cut() -> Lie {
    body(|mut list| {
        list.truncate(list.len() - 2);
        list
    })
}
