//! Single images and the list of them, where the user has asked for nothing else (`--fetch instances`).

use serde_json::json;

use super::lies::{acts, answer, beginning, body, list, literal};
use super::run::while_they_last;
use super::server::{Act, Lie};
use super::{End, Kind, Row, Told};
use crate::support::dicom_bytes;

const HTML: &str = "Content-Type: text/html\r\n";

/// A row about an endpoint of instances.
fn row(endpoint: &'static str, does: &'static str, lie: Lie, end: End) -> Row {
    Row { kind: Kind::Single, does, told: Told::In(endpoint, lie), zip_only: end, with_singles: end }
}

fn images() -> Vec<Row> {
    let row = |does, lie, reason| row("getSingleImage", does, lie, End::Parked(reason));
    let of = |series: &'static str, instance: &'static str| {
        body(move |_| dicom_bytes::instance("1.2.826.1.1", series, instance, b"pixels"))
    };
    vec![
        row(
            "500 for an instance",
            answer(
                "500 Internal Server Error",
                "Content-Type: text/plain\r\n",
                "Server was not able to process your request\nnull",
            ),
            "500",
        ),
        row("a page for an instance", answer("200 OK", HTML, "<html>login</html>"), "is no DICOM file"),
        row("nothing for an instance", answer("200 OK", "", ""), "is no DICOM file"),
        row(
            "another instance than the one asked for",
            of("1.2.826.1.1.4", "1.2.826.1.1.4.99"),
            "sent instance 1.2.826.1.1.4.99 where",
        ),
        row("an instance of another series", of("1.2.826.1.1.999", "1.2.826.1.1.999.1"), "belongs to series"),
        row(
            "an instance with another last byte",
            body(|mut file| {
                *file.last_mut().unwrap() ^= 1;
                file
            }),
            "MD5",
        ),
        row(
            "half of each instance",
            body(|mut file| {
                file.truncate(file.len() / 2);
                file
            }),
            "bytes, the service lists",
        ),
        row("each instance cut", beginning(300, &Act::Reset), "broke off"),
        row("silence in each instance", beginning(300, &Act::Silence), "bytes a second for"),
        row(
            "an instance without end",
            acts(|honest| {
                vec![
                    Act::Send([b"HTTP/1.1 200 OK\r\n\r\n", &honest.body[..]].concat()),
                    Act::Endless(vec![0; 10_000]),
                ]
            }),
            "sends more bytes than",
        ),
    ]
}

fn lists() -> Vec<Row> {
    let row = |does, lie, end| row("getSOPInstanceUIDs", does, lie, end);
    let with = |uid: &'static str| {
        list(move |mut rows| {
            rows.push(json!({ "SOPInstanceUID": uid }).as_object().unwrap().clone());
            rows
        })
    };
    let nothing = || list(|_| Vec::new());
    vec![
        row("no instance listed, in zero bytes", answer("200 OK", "", ""), End::Parked("lists no instance")),
        row("no instance listed, in brackets", nothing(), End::Parked("lists no instance")),
        row(
            "an instance not listed",
            list(|mut rows| {
                rows.pop();
                rows
            }),
            End::Parked("holds 3 instances, the service lists 4"),
        ),
        row("an instance listed that there is not", with("1.2.826.1.1.1.99"), End::Placed),
        row(
            "an instance listed twice",
            list(|mut rows| {
                rows.push(rows[0].clone());
                rows
            }),
            End::Placed,
        ),
        row("an instance named ../../escaped", with("../../escaped"), End::Parked("makes no sense")),
        row(
            "a page for the list of instances",
            answer("200 OK", HTML, "<html>login</html>"),
            End::Parked("no list this program can read"),
        ),
        row(
            "a list of instances that stops in the middle",
            body(|mut list| {
                list.truncate(list.len() - 4);
                list
            }),
            End::Parked("ends in the middle"),
        ),
        row("nothing at all for the list of instances", literal(""), End::Parked("got no answer")),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    [images(), lists()].into_iter().flatten().collect()
}

#[test]
fn a_lie_about_single_images_parks_its_own_series_alone() {
    while_they_last(rows(), |row| row.with_singles, &["--fetch", "instances"]);
}
