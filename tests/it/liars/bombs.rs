//! More than there should be, or no end of it.

use std::sync::LazyLock;

use super::lies::{acts, added, body};
use super::server::Act;
use super::{Kind, Row, harmless, image};
use crate::support::java_zip::JavaZip;

pub(super) fn rows() -> Vec<Row> {
    let more = "sends more";
    vec![
        image(Kind::Bomb, "64 MiB of zeros as an instance", body(|_| BOMB.clone()), more),
        image(
            Kind::Bomb,
            "zeros without end as an instance",
            acts(|_| vec![open_entry("1.dcm"), Act::Endless(zeros_block())]),
            more,
        ),
        image(
            Kind::Bomb,
            "packed blocks without a byte, without end",
            acts(|_| vec![open_entry("1.dcm"), Act::Endless(b"\0\0\0\xff\xff".repeat(2000))]),
            "unpacks to only",
        ),
        image(
            Kind::Bomb,
            "a licence without end",
            acts(|_| vec![open_entry("LICENSE"), Act::Endless(zeros_block())]),
            more,
        ),
        image(
            Kind::Bomb,
            "a list of MD5s without end",
            acts(|_| vec![open_entry("md5hashes.csv"), Act::Endless(zeros_block())]),
            "than",
        ),
        image(
            Kind::Bomb,
            "entry after entry without end",
            acts(|_| {
                let zip = added(JavaZip::new(), &[("1.txt".to_owned(), Vec::new())]).finish();
                let entry = zip[..zip.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap()].to_vec();
                vec![open_answer(), Act::Endless(entry)]
            }),
            "sends more entries than",
        ),
        harmless(
            Kind::Bomb,
            "bytes without end behind the ZIP",
            acts(|honest| vec![open_answer(), Act::Send(honest.body.clone()), Act::Endless(vec![0; 10_000])]),
        ),
        image(
            Kind::Bomb,
            "a page without end",
            acts(|_| vec![open_answer(), Act::Endless(b"<br>".repeat(2000))]),
            "not a ZIP",
        ),
    ]
}

/// A ZIP of one instance that unpacks to 64 MiB.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| JavaZip::new().entry("1.dcm", &vec![0; 64 << 20]).finish());

/// The head of an answer that ends with its connection.
fn open_answer() -> Act {
    Act::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec())
}

/// The same, and the beginning of an entry.
fn open_entry(name: &str) -> Act {
    let header = JavaZip::new().entry(name, b"").finish_cut(30 + name.len());
    Act::Send([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(), &header].concat())
}

/// Zeros as a block of deflate that is not the last one.
fn zeros_block() -> Vec<u8> {
    [&b"\0\xff\x7f\0\x80"[..], &vec![0; 0x7fff]].concat()
}
