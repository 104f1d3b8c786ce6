//! What stands around the ZIP: status, headers, framing, connection, and how fast all of it comes.

use std::sync::LazyLock;

use super::lies::{acts, added, answer, beginning, body, chunked, gzipped, head, literal, with_body};
use super::server::Act;
use super::{End, Kind, Row, harmless, image};
use crate::support::fake_tcia::entries;
use crate::support::java_zip::JavaZip;

const HTML: &str = "Content-Type: text/html\r\n";
const UNREADABLE: &str = "the ZIP cannot be read to its end";
const NO_ANSWER: &str = "getImage got no answer from";
const CUT: &str = "the answer of getImage broke off";

pub(super) fn rows() -> Vec<Row> {
    [refusals(), pages(), cuts(), silences(), odd_http(), lengths(), bad_heads(), bombs()]
        .into_iter()
        .flatten()
        .collect()
}

fn refusals() -> Vec<Row> {
    let row = |does, status, headers, text: &str, reason| {
        image(Kind::Refusal, does, answer(status, headers, text), reason)
    };
    // whoever may not have the ZIP is not asked for its instances either
    let alone = |does, status, headers, text: &str, reason| Row {
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

fn odd_http() -> Vec<Row> {
    let row = |does, lie| harmless(Kind::OddHttp, does, lie);
    vec![
        row("HTTP/1.0, the end of the connection as the end", head(|_| "HTTP/1.0 200 OK\r\n\r\n".to_owned())),
        row(
            "no length, the end of the connection as the end",
            head(|_| "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned()),
        ),
        row(
            "chunks with extensions and a trailer",
            chunked(|zip| {
                [
                    chunk(&zip[..7], ";name=\"value\""),
                    chunk(&zip[7..], ";x"),
                    b"0\r\nTrailer: yes\r\n\r\n".to_vec(),
                ]
                .concat()
            }),
        ),
        row(
            "ten bytes in each chunk",
            chunked(|zip| {
                let chunks: Vec<u8> = zip.chunks(10).flat_map(|bytes| chunk(bytes, "")).collect();
                [&chunks[..], b"0\r\n\r\n"].concat()
            }),
        ),
        row(
            "the ZIP as text/html",
            head(|length| {
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n")
            }),
        ),
        row(
            "the ZIP labelled as packed by gzip",
            head(|length| {
                format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n")
            }),
        ),
        row(
            "an interim answer first",
            head(|length| {
                format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")
            }),
        ),
        row(
            "the same length twice",
            head(|length| {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n\r\n")
            }),
        ),
        row(
            "a file name that leads out of the tree",
            head(|length| {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"../../escaped.dcm\"\r\nContent-Length: {length}\r\n\r\n"
                )
            }),
        ),
    ]
}

fn lengths() -> Vec<Row> {
    // all instances have come before anything is wrong, and are proven without the ZIP
    let whole_before = |does, length: fn(usize) -> String| {
        harmless(
            Kind::BadHttp,
            does,
            head(move |bytes| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{}\r\n", length(bytes))),
        )
    };
    let with_length = |does, length: fn(usize) -> String, reason| {
        image(
            Kind::BadHttp,
            does,
            head(move |bytes| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{}\r\n", length(bytes))),
            reason,
        )
    };
    vec![
        with_length(
            "a length that is too short by far",
            |bytes| format!("Content-Length: {}\r\n", bytes / 2),
            UNREADABLE,
        ),
        whole_before("a length that is too long", |bytes| format!("Content-Length: {}\r\n", bytes + 100)),
        whole_before("a length that is too short", |bytes| format!("Content-Length: {}\r\n", bytes - 100)),
        with_length(
            "two lengths",
            |bytes| format!("Content-Length: {bytes}\r\nContent-Length: {}\r\n", bytes - 1),
            NO_ANSWER,
        ),
        with_length("a negative length", |_| "Content-Length: -1\r\n".to_owned(), NO_ANSWER),
        with_length("a length that is no number", |_| "Content-Length: many\r\n".to_owned(), NO_ANSWER),
        with_length(
            "a length beyond all numbers",
            |_| "Content-Length: 99999999999999999999\r\n".to_owned(),
            NO_ANSWER,
        ),
        image(
            Kind::BadHttp,
            "a chunk whose size is no number",
            chunked(|zip| [b"zz\r\n", zip, b"\r\n0\r\n\r\n"].concat()),
            CUT,
        ),
        image(
            Kind::BadHttp,
            "a chunk whose size is beyond all numbers",
            chunked(|zip| [b"ffffffffffffffffffff\r\n", zip].concat()),
            CUT,
        ),
        image(
            Kind::BadHttp,
            "a chunk that is longer than it says",
            chunked(|zip| [b"5\r\n", zip, b"\r\n0\r\n\r\n"].concat()),
            CUT,
        ),
        image(
            Kind::BadHttp,
            "an extension of a chunk without end",
            acts(|_| {
                vec![
                    Act::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;".to_vec()),
                    Act::Endless(vec![b'x'; 10_000]),
                ]
            }),
            CUT,
        ),
    ]
}

fn bad_heads() -> Vec<Row> {
    let row = |does, lie| image(Kind::BadHttp, does, lie, NO_ANSWER);
    let with_header = |header: &str| answer("200 OK", header, "PK");
    let many: String = (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect();
    vec![
        row("a status line that is none", literal("SMTP ready\r\n\r\n")),
        row("the body alone", literal("<html>no head</html>")),
        row("a status of four digits", literal("HTTP/1.1 2000 OK\r\n\r\n")),
        row("a header of two megabytes", with_header(&format!("X: {}\r\n", "y".repeat(2 << 20)))),
        row(
            "a header without end",
            acts(|_| vec![Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Act::Endless(vec![b'y'; 10_000])]),
        ),
        row("10,000 headers", with_header(&many)),
        row("a NUL in a header", with_header("X: a\0b\r\n")),
        row("a control character in the name of a header", with_header("X\u{1b}[2J: y\r\n")),
        row("a line that is no header", with_header("this is no header\r\n")),
    ]
}

fn bombs() -> Vec<Row> {
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

fn chunk(bytes: &[u8], extension: &str) -> Vec<u8> {
    [format!("{:x}{extension}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

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
    [&b"\0\xff\x7f\0\x80"[..], &[0; 0x7fff]].concat()
}
