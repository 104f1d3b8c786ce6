//! The service: lists, ZIPs and single images over loopback, slowly enough that nothing waits in a buffer and a client
//! that is gone is noticed within one piece.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use url::Url;

use crate::lists::list;
use crate::meter::Meter;
use crate::stock::{Series, Stock};

/// Path between host and endpoints.
pub(crate) const PATH: &str = "/nbia-api/services/v4";
/// Bytes that go out at once, and the pause behind them: 4 MB/s on a connection at the most.
const PIECE_BYTES: usize = 16 << 10;
const PAUSE: Duration = Duration::from_millis(4);

/// Starts to answer, for as long as the process lives.
pub(crate) fn start(stock: Arc<Stock>, meter: Arc<Meter>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (stock, meter) = (Arc::clone(&stock), Arc::clone(&meter));
            // a client that goes away ends its thread, and nothing else
            thread::spawn(move || drop(converse(stream, &stock, &meter)));
        }
    });
    Ok(address)
}

/// Answers one request after the other until the client closes.
fn converse(mut stream: TcpStream, stock: &Stock, meter: &Meter) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream.try_clone()?).lines();
    while let Some(line) = requests.next().transpose()? {
        let target = line.split(' ').nth(1).context("no request line")?;
        let url = Url::parse("http://localhost")?.join(target)?;
        while requests.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
        answer(&mut stream, &url, stock, meter)?;
    }
    Ok(())
}

fn answer(stream: &mut TcpStream, url: &Url, stock: &Stock, meter: &Meter) -> anyhow::Result<()> {
    let asked =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let series = asked("SeriesInstanceUID").and_then(|uid| stock.0.get(&uid));
    let endpoint = url.path().strip_prefix(PATH).unwrap_or_default();
    match (endpoint, series) {
        ("/getImage", Some(series)) => Download::of_zip(series).send(stream, meter),
        ("/getSingleImage", Some(series)) => {
            let uid = asked("SOPInstanceUID").context("no instance is named")?;
            Download::of_instance(series, &uid).context("no such instance")?.send(stream, meter)
        }
        ("/getSOPInstanceUIDs", Some(series)) => {
            let rows = series.instances.keys().map(|uid| json!({ "SOPInstanceUID": uid })).collect();
            send_list(stream, "200 OK", &Value::Array(rows))
        }
        ("/getMD5Hierarchy", _) => send_list(stream, "500 Internal Server Error", &Value::Null),
        _ => {
            let all: Vec<_> = stock.0.values().map(|series| &series.listed).collect();
            send_list(stream, "200 OK", &list(endpoint, &all)?)
        }
    }
}

fn send_list(stream: &mut TcpStream, status: &str, list: &Value) -> anyhow::Result<()> {
    let list = list.to_string();
    let length = list.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    Ok(stream.write_all((head + &list).as_bytes())?)
}

/// A body that counts.
struct Download<'a> {
    kind: &'static str,
    body: &'a [u8],
    /// Bytes of DICOM that the body stands for, and those of the instance that is on its way.
    dicom_bytes: u64,
    instance_bytes: u64,
}

impl<'a> Download<'a> {
    fn of_zip(series: &'a Series) -> Self {
        let (dicom_bytes, instance_bytes) = (series.listed.file_size, series.instance_bytes());
        Self { kind: "application/zip", body: &series.zip, dicom_bytes, instance_bytes }
    }

    fn of_instance(series: &'a Series, uid: &str) -> Option<Self> {
        let body = series.instances.get(uid)?;
        let dicom_bytes = body.len() as u64;
        Some(Self { kind: "application/dicom", body, dicom_bytes, instance_bytes: dicom_bytes })
    }

    /// Sends piece by piece and counts each; what the client has not waited for is in flight.
    fn send(&self, stream: &mut TcpStream, meter: &Meter) -> anyhow::Result<()> {
        let (kind, length) = (self.kind, self.body.len());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let mut sent = 0;
        for piece in self.body.chunks(PIECE_BYTES) {
            if let Err(error) = is_still_there(stream).and_then(|()| stream.write_all(piece)) {
                meter.break_off(self.instance_bytes, self.share(sent) % self.instance_bytes);
                return Err(error.into());
            }
            meter.add_sent(self.share(sent + piece.len()) - self.share(sent));
            sent += piece.len();
        }
        Ok(())
    }

    /// Bytes of DICOM in so many of the body.
    fn share(&self, sent: usize) -> u64 {
        self.dicom_bytes * sent as u64 / self.body.len() as u64
    }
}

/// Waits a moment for a client that says nothing; an error when it has gone.
fn is_still_there(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PAUSE))?;
    let heard = stream.peek(&mut [0]);
    stream.set_read_timeout(None)?;
    match heard {
        Ok(0) => Err(ErrorKind::ConnectionReset.into()),
        Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(error),
        _ => Ok(()),
    }
}
