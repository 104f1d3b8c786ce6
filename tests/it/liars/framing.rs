//! HTTP around the ZIP: what is odd and still clear, and what cannot be read.

use super::answers::{CUT, NO_ANSWER, UNREADABLE};
use super::lies::{acts, answer, chunked, head, literal, many_headers};
use super::server::Act;
use super::{Kind, Row, harmless, image};

pub(super) fn rows() -> Vec<Row> {
    [odd_http(), lengths(), bad_chunks(), bad_heads()].into_iter().flatten().collect()
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
    ]
}

fn bad_chunks() -> Vec<Row> {
    vec![
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
    vec![
        row("a status line that is none", literal("SMTP ready\r\n\r\n")),
        row("the body alone", literal("<html>no head</html>")),
        row("a status of four digits", literal("HTTP/1.1 2000 OK\r\n\r\n")),
        row("a header of two megabytes", with_header(&format!("X: {}\r\n", "y".repeat(2 << 20)))),
        row(
            "a header without end",
            acts(|_| vec![Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Act::Endless(vec![b'y'; 10_000])]),
        ),
        row("10,000 headers", with_header(&many_headers())),
        row("a NUL in a header", with_header("X: a\0b\r\n")),
        row("a control character in the name of a header", with_header("X\u{1b}[2J: y\r\n")),
        row("a line that is no header", with_header("this is no header\r\n")),
    ]
}

/// A chunk of HTTP, with what stands behind its size.
pub(super) fn chunk(bytes: &[u8], extension: &str) -> Vec<u8> {
    [format!("{:x}{extension}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
