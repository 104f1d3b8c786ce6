//! The words of which lies are made: an answer, a head, a body, a ZIP.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::server::{Act, Honest, Lie};
use crate::support::fake_tcia::{Entries, entries};
use crate::support::java_zip::JavaZip;

/// A row of a list, as the service sends it.
pub(super) type Row = Map<String, Value>;

/// Whatever is done on the connection.
pub(super) fn acts(make: impl Fn(&Honest) -> Vec<Act> + Send + Sync + 'static) -> Lie {
    Arc::new(make)
}

/// Literal bytes in place of the answer.
pub(super) fn literal(bytes: impl AsRef<[u8]>) -> Lie {
    let bytes = bytes.as_ref().to_vec();
    acts(move |_| vec![Act::Send(bytes.clone())])
}

/// Another answer: status, further headers (each with its line end), body.
pub(super) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Lie {
    literal(framed(status, headers, body.as_ref()))
}

/// The right body behind another head, which is typed to the blank line.
pub(super) fn head(head: impl Fn(usize) -> String + Send + Sync + 'static) -> Lie {
    acts(move |honest| vec![Act::Send([head(honest.body.len()).as_bytes(), &honest.body].concat())])
}

/// Another body in an answer that is otherwise right.
pub(super) fn body(change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Lie {
    acts(move |honest| vec![Act::Send(with_body(&change(honest.body.clone())))])
}

/// The beginning of a right answer that says how long it is, then something else.
pub(super) fn beginning(body_bytes: usize, then: &Act) -> Lie {
    let then = then.clone();
    acts(move |honest| {
        let whole = with_body(&honest.body);
        let length = whole.len() - honest.body.len() + body_bytes.min(honest.body.len());
        vec![Act::Send(whole[..length].to_vec()), then.clone()]
    })
}

/// The body in chunks of HTTP, each written by hand.
pub(super) fn chunked(write: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Lie {
    acts(move |honest| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        vec![Act::Send([head.as_bytes(), &write(&honest.body)].concat())]
    })
}

/// The ZIP, made anew from other entries as Java would.
pub(super) fn rezip(change: impl Fn(Entries) -> Entries + Send + Sync + 'static) -> Lie {
    zip(move |entries| added(JavaZip::new(), &change(entries)).finish())
}

/// Other bytes in place of the ZIP, made from its entries.
pub(super) fn zip(make: impl Fn(Entries) -> Vec<u8> + Send + Sync + 'static) -> Lie {
    body(move |zip| make(entries(&zip)))
}

/// Another list, made from the rows of the right one.
pub(super) fn list(change: impl Fn(Vec<Row>) -> Vec<Row> + Send + Sync + 'static) -> Lie {
    body(move |list| {
        let rows = if list.is_empty() { Vec::new() } else { serde_json::from_slice(&list).unwrap() };
        serde_json::to_vec(&change(rows)).unwrap()
    })
}

/// Each row of the right list changed.
pub(super) fn each_row(change: impl Fn(&mut Row) + Send + Sync + 'static) -> Lie {
    list(move |mut rows| {
        rows.iter_mut().for_each(&change);
        rows
    })
}

/// Adds entries to a ZIP as Java would.
pub(super) fn added(zip: JavaZip, entries: &[(String, Vec<u8>)]) -> JavaZip {
    entries.iter().fold(zip, |zip, (name, data)| zip.entry(name, data))
}

/// 10,000 lines of a head.
pub(super) fn many_headers() -> String {
    (0..10_000).fold(String::new(), |lines, number| lines + &format!("X-{number}: y\r\n"))
}

/// What is packed by gzip.
pub(super) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An answer of 200 around a body.
pub(super) fn with_body(body: &[u8]) -> Vec<u8> {
    framed("200 OK", "Content-Type: application/octet-stream\r\n", body)
}

fn framed(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}
