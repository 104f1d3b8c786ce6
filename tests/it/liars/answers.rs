//! Status, page, cut, silence: what comes in place of the ZIP, or ends it.

use super::framing::chunk;
use super::lies::{acts, answer, beginning, body, chunked, gzipped, head, literal, with_body};
use super::server::Act;
use super::{End, Kind, Row, harmless, image};
use crate::support::fake_tcia::entries;

const HTML: &str = "Content-Type: text/html\r\n";
/// What is said of a body that is no ZIP, or not all of one.
pub(super) const UNREADABLE: &str = "the ZIP cannot be read to its end";
/// What is said where no head came that HTTP knows.
pub(super) const NO_ANSWER: &str = "getImage got no answer from";
/// What is said where the body does not end as its head has promised.
pub(super) const CUT: &str = "the answer of getImage broke off";

pub(super) fn rows() -> Vec<Row> {
    [refusals(), pages(), cuts(), silences()].into_iter().flatten().collect()
}

fn refusals() -> Vec<Row> {
    let row = |does, status, headers, text: &str, reason| {
        image(Kind::Failing, does, answer(status, headers, text), reason)
    };
    // whoever may not have the ZIP is not asked for its instances either
    let alone = |does, status, headers, text: &str, reason| Row {
        kind: Kind::Refused,
        with_singles: End::Parked(reason),
        ..row(does, status, headers, text, reason)
    };
    let busy = "429 Too Many Requests";
    vec![
        alone(
            "400, as for every failure of its access check",
            "400 Bad Request",
            "Content-Type: application/json\r\n",
            "The user has not been granted the access to image with given SeriesInstanceUID",
            "not been granted",
        ),
        alone("404", "404 Not Found", HTML, "<html>gone</html>", "404"),
        row("429", busy, "", "", "429"),
        row("429 with Retry-After: 0", busy, "Retry-After: 0\r\n", "", "429"),
        row(
            "429 with a Retry-After in the past",
            busy,
            "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            "",
            "429",
        ),
        row("429 with a Retry-After that makes no sense", busy, "Retry-After: -5 parsecs\r\n", "", "429"),
        row(
            "500 in plain text",
            "500 Internal Server Error",
            "Content-Type: text/plain\r\n",
            "Server was not able to process your request\nnull",
            "500",
        ),
        row("502 with a page", "502 Bad Gateway", HTML, "<html>bad gateway</html>", "502"),
        row("503 with a page", "503 Service Unavailable", HTML, "<html>down</html>", "503"),
        row("504 with a page", "504 Gateway Timeout", HTML, "<html>slow</html>", "504"),
        row(
            "500 with a page that never ends",
            "500 Internal Server Error",
            HTML,
            &"<br>".repeat(1 << 20),
            "500",
        ),
    ]
}

fn pages() -> Vec<Row> {
    let ok = "200 OK";
    vec![
        image(Kind::Page, "a login page with 200", answer(ok, HTML, "<html>login</html>"), "<html>login"),
        image(Kind::Page, "200 without a byte", answer(ok, "", ""), UNREADABLE),
        image(Kind::Page, "204", literal("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), UNREADABLE),
        image(
            Kind::Page,
            "JSON with 200",
            answer(ok, "Content-Type: application/json\r\n", "[]"),
            UNREADABLE,
        ),
        image(
            Kind::Page,
            "a DICOM file in place of the ZIP",
            body(|zip| entries(&zip)[1].1.clone()),
            "not a ZIP",
        ),
        image(
            Kind::Page,
            "the ZIP packed by gzip, which nobody asked for",
            acts(|honest| {
                let packed = gzipped(&honest.body);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    packed.len()
                );
                vec![Act::Send([head.as_bytes(), &packed].concat())]
            }),
            "not a ZIP",
        ),
        image(
            Kind::Page,
            "half of the ZIP as 206",
            head(|length| {
                format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    length / 2
                )
            }),
            UNREADABLE,
        ),
    ]
}

fn cuts() -> Vec<Row> {
    let (none, close) = (Act::Send(Vec::new()), Act::Reset);
    vec![
        image(Kind::Cut, "closed before the answer", literal(""), NO_ANSWER),
        image(Kind::Cut, "closed in the head", literal("HTTP/1.1 200 OK\r\nContent-Ty"), NO_ANSWER),
        image(Kind::Cut, "closed behind the head", beginning(0, &none), CUT),
        image(Kind::Cut, "closed in the first bytes", beginning(10, &none), CUT),
        image(Kind::Cut, "closed in the middle of an instance", beginning(1800, &none), CUT),
        image(Kind::Cut, "reset before the answer", acts(|_| vec![Act::Reset]), NO_ANSWER),
        image(
            Kind::Cut,
            "reset in the head",
            acts(|_| vec![Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Act::Reset]),
            NO_ANSWER,
        ),
        image(Kind::Cut, "reset in the middle of an instance", beginning(1800, &close), CUT),
        harmless(Kind::Cut, "chunks without the last one", chunked(|zip| chunk(zip, ""))),
        image(
            Kind::Cut,
            "a chunk that stops in the middle",
            chunked(|zip| {
                let mut chunk = chunk(zip, "");
                chunk.truncate(1800);
                chunk
            }),
            CUT,
        ),
        harmless(
            Kind::Cut,
            "the ZIP without its end record, though HTTP ends well",
            body(|mut zip| {
                zip.truncate(zip.len() - 22);
                zip
            }),
        ),
        image(
            Kind::Cut,
            "half of the ZIP, though HTTP ends well",
            body(|mut zip| {
                zip.truncate(zip.len() / 2);
                zip
            }),
            UNREADABLE,
        ),
    ]
}

fn silences() -> Vec<Row> {
    let silence = || Act::Silence;
    vec![
        image(Kind::Silence, "no byte", acts(|_| vec![Act::Silence]), "getImage sent nothing for"),
        image(
            Kind::Silence,
            "silence in the head",
            acts(|_| vec![Act::Send(b"HTTP/1.1 200 O".to_vec()), Act::Silence]),
            "getImage sent nothing for",
        ),
        image(
            Kind::Silence,
            "interim answers without end",
            acts(|_| vec![Act::Drip(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), 1000)]),
            "getImage sent nothing for",
        ),
        image(Kind::Silence, "silence behind the head", beginning(0, &silence()), "bytes a second for"),
        image(
            Kind::Silence,
            "silence in the middle of an instance",
            beginning(1800, &silence()),
            "bytes a second for",
        ),
        image(
            Kind::Silence,
            "a drip of 1 kB a second",
            acts(|honest| vec![Act::Drip(with_body(&[&honest.body[..], &[0; 60_000]].concat()), 1000)]),
            "bytes a second for",
        ),
    ]
}
