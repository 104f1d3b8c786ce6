//! A client that takes all and looks at nothing: what it costs is the same for every server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

const PIECE_BYTES: usize = 256 << 10;

/// How an answer came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) bytes: u64,
    /// Until the first byte of the body.
    pub(crate) first_byte: Duration,
    pub(crate) whole: Duration,
}

/// Asks for a path by a connection of its own and takes the answer to its end.
pub(crate) fn take(address: SocketAddr, path: &str) -> anyhow::Result<Taken> {
    take_into(address, path, &mut std::io::sink())
}

/// The same, and keeps the body: as it is sent, so only where the length is told.
pub(crate) fn take_into(address: SocketAddr, path: &str, kept: &mut impl Write) -> anyhow::Result<Taken> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = BufReader::with_capacity(PIECE_BYTES, stream);
    let length = read_head(&mut answer)?;
    let first_byte = answer.fill_buf().map(|_| began.elapsed())?;
    let (mut bytes, mut piece) = (0, vec![0; PIECE_BYTES]);
    loop {
        let amount = answer.read(&mut piece)?;
        if amount == 0 {
            ensure!(length.is_none_or(|length| length == bytes), "{bytes} bytes came of {length:?}");
            return Ok(Taken { bytes, first_byte, whole: began.elapsed() });
        }
        kept.write_all(&piece[..amount])?;
        bytes += amount as u64;
    }
}

/// Reads the head of an answer; gives the length of its body, if it is told.
fn read_head(answer: &mut impl BufRead) -> anyhow::Result<Option<u64>> {
    let (mut lines, mut length) = (answer.lines(), None);
    let status = lines.next().context("no answer came")??;
    ensure!(status.starts_with("HTTP/1.1 200"), "the server answered {status}");
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(told) = line.strip_prefix("content-length:") {
            length = Some(told.trim().parse()?);
        }
    }
    Ok(length)
}
