//! Any bytes as the answer of any endpoint, through the client itself: the first byte says which endpoint of which
//! dialect, the second in what pieces the answer arrives.

#![no_main]

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use libfuzzer_sys::fuzz_target;
use tcia_mirror::dicom::{CollectionName, SeriesInstanceUid};
use tcia_mirror::nbia::{Client, Endpoint, HttpOptions, Md5Scope, Narrowing, Options, Rate, RetryOptions, Scope};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Where the dialects lie.
const PATHS: [&str; 5] = [
    "/nbia-api/services/v4",
    "/nbia-api/services/v2",
    "/nbia-api/services/v1",
    "/services/v3/TCIA/query",
    "/services/TCIA/TCIA/query",
];
/// Questions that are asked.
const QUESTIONS: u8 = 14;

/// A server that answers whatever is asked with what it holds, and clients of it.
struct Bench {
    answer: Arc<Mutex<(Vec<u8>, usize)>>,
    clients: Vec<Client>,
    runtime: Runtime,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
}

fuzz_target!(|bytes: &[u8]| {
    let [which, pieces, body @ ..] = bytes else { return };
    BENCH.with_borrow_mut(|bench| bench.ask(*which, *pieces, body));
});

impl Bench {
    fn new() -> Self {
        let answer = Arc::<Mutex<(Vec<u8>, usize)>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let held = Arc::clone(&answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let held = Arc::clone(&held);
                std::thread::spawn(move || serve(stream, &held));
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { answer, clients: PATHS.map(|path| client(address, path)).into(), runtime }
    }

    fn ask(&mut self, which: u8, pieces: u8, body: &[u8]) {
        *self.answer.lock().expect("no server thread has failed") = (body.to_vec(), usize::from(pieces) + 1);
        let client = &self.clients[usize::from(which / QUESTIONS) % PATHS.len()];
        self.runtime.block_on(question(client, which % QUESTIONS));
    }
}

fn client(address: SocketAddr, path: &str) -> Client {
    let pause = Duration::from_millis(1);
    let options = Options {
        base_url: format!("http://{address}{path}").parse().expect("typed by hand"),
        dialect: None,
        api_key: None,
        token: None,
        login: None,
        ca_file: None,
        contact: String::new(),
        http: HttpOptions::default(),
        query_rate: Rate::per_second(0),
        image_rate: Rate::per_second(0),
        bandwidth: 0,
        retry: RetryOptions { attempts: 1, base: pause, cap: pause, give_up: pause },
    };
    Client::new(&options, CancellationToken::new(), Timestamp::default, fastrand::Rng::with_seed(0)).expect("a client")
}

/// Asks, and takes every answer for what it may be: rows, or an error.
async fn question(client: &Client, number: u8) {
    let series = SeriesInstanceUid::parse("1.2.3").expect("a UID");
    let (collection, scope, narrowing) = (CollectionName::new("C"), Scope::default(), Narrowing::default());
    let day = date(2020, 1, 2);
    match number {
        0 => drop(client.collections().await),
        1 => drop(client.modalities(&scope, &narrowing).await),
        2 => drop(read(client.patients(&scope).await).await),
        3 => drop(read(client.studies(&scope).await).await),
        4 => drop(read(client.series(&scope).await).await),
        5 => drop(read(client.new_patients(&collection, day).await).await),
        6 => drop(read(client.new_studies(&collection, day).await).await),
        7 => drop(read(client.updated_series(day).await).await),
        8 => drop(client.series_size(&series).await),
        9 => drop(client.sop_instance_uids(&series).await),
        10 => drop(client.md5_hierarchy(&Md5Scope::Series(series)).await),
        11 => drop(client.series_metadata(&[series]).await),
        12 => drop(client.value_counts(Endpoint::CollectionCounts, &scope, &narrowing).await),
        _ => drop(client.collection_descriptions(None).await),
    }
}

async fn read<T, E>(rows: Result<tcia_mirror::nbia::Rows<T>, E>) -> Option<Vec<T>> {
    rows.ok()?.read_all().await.ok()
}

/// Answers the requests of one connection, each in pieces of so many bytes.
fn serve(mut stream: TcpStream, held: &Mutex<(Vec<u8>, usize)>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(amount @ 1..) = stream.read(&mut piece) {
        request.extend_from_slice(&piece[..amount]);
        if !is_whole(&request) {
            continue;
        }
        request.clear();
        let (body, pieces) = held.lock().expect("no other thread has failed").clone();
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(pieces.max(body.len() / 64)) {
            answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            answer.extend_from_slice(chunk);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

/// Whether a request has come to its end, with the form that it may carry.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}
