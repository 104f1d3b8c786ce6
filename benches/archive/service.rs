//! A service that lists a catalogue, row by row, and counts what it is asked.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Context;
use url::Url;

use crate::catalogue::Catalogue;

/// Bytes of one chunk, as Tomcat sends them.
const CHUNK_BYTES: usize = 8 << 10;

/// The running service; it ends with the process.
pub(crate) struct Service {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Service {
    pub(crate) fn start(catalogue: &Catalogue) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, requests) = (listener.local_addr()?, Arc::<AtomicU64>::default());
        let (catalogue, counted) = (catalogue.clone(), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (catalogue, requests) = (catalogue.clone(), Arc::clone(&counted));
                // a client that goes away ends its thread, and nothing else
                thread::spawn(move || drop(converse(&stream, &catalogue, &requests)));
            }
        });
        Ok(Self { address, requests })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/nbia-api/services/v4", self.address)
    }

    /// Requests since the last time that this was asked.
    pub(crate) fn take_requests(&self) -> u64 {
        self.requests.swap(0, Ordering::Relaxed)
    }
}

/// Answers one request after the other until the client closes.
fn converse(stream: &TcpStream, catalogue: &Catalogue, requests: &AtomicU64) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().transpose()? {
        requests.fetch_add(1, Ordering::Relaxed);
        let target = line.split(' ').nth(1).context("no request line")?;
        let url = Url::parse("http://localhost")?.join(target)?;
        while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
        answer(&mut BufWriter::new(stream), &url, catalogue)?;
    }
    Ok(())
}

fn answer(stream: &mut impl Write, url: &Url, catalogue: &Catalogue) -> anyhow::Result<()> {
    let endpoint = url.path().rsplit('/').next().unwrap_or_default();
    let collection =
        url.query_pairs().find(|(key, _)| key == "Collection").map(|(_, value)| value.into_owned());
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    let (mut chunk, mut separator) = (b"[".to_vec(), "");
    for row in catalogue.rows(endpoint, collection.as_deref()) {
        write!(chunk, "{separator}{row}")?;
        separator = ",";
        if chunk.len() >= CHUNK_BYTES {
            send(stream, &chunk)?;
            chunk.clear();
        }
    }
    chunk.push(b']');
    send(stream, &chunk)?;
    stream.write_all(b"0\r\n\r\n")?;
    Ok(stream.flush()?)
}

fn send(stream: &mut impl Write, chunk: &[u8]) -> std::io::Result<()> {
    write!(stream, "{:x}\r\n", chunk.len())?;
    stream.write_all(chunk)?;
    stream.write_all(b"\r\n")
}
