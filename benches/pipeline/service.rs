//! The service in a process of its own, so that its time is not the program's: lists and ZIPs from memory, over
//! loopback, with as little work as HTTP/1.1 allows.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::lists::list;
use crate::prepared::{Listed, Prepared};

/// The argument that makes the bench be the service.
pub(crate) const SERVE: &str = "--serve";
/// Path between host and endpoints.
pub(crate) const PATH: &str = "/nbia-api/services/v4";
/// Bytes of one chunk, and of one write.
const CHUNK_BYTES: usize = 64 << 10;

/// The running service, seen from the bench.
pub(crate) struct Service {
    process: Child,
    pub(crate) address: SocketAddr,
}

/// What goes before the bytes of a series when it is handed to the service.
#[derive(Serialize, Deserialize)]
struct Announced {
    listed: Listed,
    /// Length and how often, of each piece of the ZIP.
    pieces: Vec<(usize, usize)>,
}

impl Service {
    /// Starts the process and hands it the series.
    pub(crate) fn start<'a>(series: impl IntoIterator<Item = &'a Prepared>) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.as_mut().context("the service has no standard input")?;
        for one in series {
            let pieces = one.zip.iter().map(|piece| (piece.bytes.len(), piece.times)).collect();
            let announced = Announced { listed: one.listed.clone(), pieces };
            writeln!(input, "{}", serde_json::to_string(&announced)?)?;
            one.zip.iter().try_for_each(|piece| input.write_all(&piece.bytes))?;
        }
        writeln!(input)?;
        input.flush()?;
        let output = process.stdout.take().context("the service has no standard output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().parse().context("the service did not start")?;
        Ok(Self { process, address })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // the service ends when its standard input does
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// A series as the service holds it: chunks of HTTP, length and line ends included.
struct Sent {
    listed: Listed,
    pieces: Vec<(Vec<Vec<u8>>, usize)>,
}

/// Is the service, until standard input ends.
pub(crate) fn serve() -> anyhow::Result<()> {
    let mut input = io::stdin().lock();
    let mut series = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        series.push(Sent::read(serde_json::from_str(&line)?, &mut input)?);
    }
    let (listener, series) = (TcpListener::bind("127.0.0.1:0")?, Arc::new(series));
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let series = Arc::clone(&series);
            // a client that goes away ends its thread, and nothing else
            thread::spawn(move || drop(converse(stream, &series)));
        }
    });
    input.read_to_end(&mut Vec::new())?;
    Ok(())
}

impl Sent {
    fn read(announced: Announced, input: &mut impl Read) -> anyhow::Result<Self> {
        let mut pieces = Vec::new();
        for (length, times) in announced.pieces {
            let mut bytes = vec![0; length];
            input.read_exact(&mut bytes)?;
            let framed = |chunk: &[u8]| {
                let mut frame = format!("{:x}\r\n", chunk.len()).into_bytes();
                frame.extend_from_slice(chunk);
                frame.extend_from_slice(b"\r\n");
                frame
            };
            pieces.push((bytes.chunks(CHUNK_BYTES).map(framed).collect(), times));
        }
        Ok(Self { listed: announced.listed, pieces })
    }

    fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        for (frames, times) in &self.pieces {
            for frame in std::iter::repeat_n(frames, *times).flatten() {
                stream.write_all(frame)?;
            }
        }
        stream.write_all(b"0\r\n\r\n")
    }
}

/// Answers one request after the other until the client closes.
fn converse(mut stream: TcpStream, series: &[Sent]) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream.try_clone()?).lines();
    while let Some(line) = requests.next().transpose()? {
        let target = line.split(' ').nth(1).context("no request line")?;
        let url = Url::parse("http://localhost")?.join(target)?;
        while requests.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
        answer(&mut stream, &url, series)?;
    }
    Ok(())
}

fn answer(stream: &mut TcpStream, url: &Url, series: &[Sent]) -> anyhow::Result<()> {
    let asked = |name: &str| {
        let value = url.query_pairs().find(|(key, _)| key == name);
        value.map(|(_, value)| value.into_owned())
    };
    let endpoint = url.path().strip_prefix(PATH).unwrap_or_default();
    if endpoint == "/getImage" {
        let wanted = asked("SeriesInstanceUID");
        let found = series.iter().find(|one| Some(&one.listed.series_instance_uid) == wanted.as_ref());
        return Ok(found.context("no such series")?.send(stream)?);
    }
    let collection = asked("Collection");
    let is_wanted = |listed: &&Listed| collection.as_ref().is_none_or(|wanted| *wanted == listed.collection);
    let wanted: Vec<_> = series.iter().map(|one| &one.listed).filter(is_wanted).collect();
    let list = list(endpoint, &wanted)?.to_string();
    let length = list.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    Ok(stream.write_all((head + &list).as_bytes())?)
}
