//! What is listed of a series, and what the service says of it beside the ZIP.

use serde_json::Value;

use super::lies::{Row as Listed, answer};
use super::server::Lie;
use super::{End, Kind, Row, Told};

pub(super) fn rows() -> Vec<Row> {
    [figures(), hierarchies()].into_iter().flatten().collect()
}

/// A figure of the series in every answer of getSeries that names it.
fn figures() -> Vec<Row> {
    let row = |does, change: fn(&mut Listed), reason| Row {
        kind: Kind::Figures,
        does,
        told: Told::AsListed(change),
        zip_only: End::Parked(reason),
        with_singles: End::Parked(reason),
    };
    vec![
        row(
            "an ImageCount that is too high",
            |row| plus(row, "ImageCount", 1),
            "holds 4 instances, the service lists 5",
        ),
        row(
            "an ImageCount that is too low",
            |row| plus(row, "ImageCount", -1),
            "holds 4 instances, the service lists 3",
        ),
        row("a FileSize that is too high", |row| plus(row, "FileSize", 10), "bytes, the service lists"),
        row("a FileSize that is too low", |row| plus(row, "FileSize", -10), "bytes, the service lists"),
        row(
            "an ImageCount of two thousand million",
            |row| plus(row, "ImageCount", 2_000_000_000),
            "the service lists 2000000004",
        ),
    ]
}

/// The one MD5 over the series is the proof where single images came without a list of MD5s.
fn hierarchies() -> Vec<Row> {
    let row = |does, lie: Lie, with_singles| Row {
        kind: Kind::Wrong,
        does,
        told: Told::In("getMD5Hierarchy", lie),
        zip_only: End::Placed,
        with_singles,
    };
    vec![row(
        "an MD5 over the series that nobody asked for",
        answer("200 OK", "", "d41d8cd98f00b204e9800998ecf8427e"),
        End::Placed,
    )]
}

fn plus(row: &mut Listed, column: &str, difference: i64) {
    let figure = row[column].as_i64().unwrap();
    row.insert(column.to_owned(), Value::from(figure + difference));
}
