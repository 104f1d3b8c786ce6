//! A server that sends literal bytes and keeps every request as it came.
//!
//! Of HTTP it knows the blank line behind the headers of a request and the length of its body, and nothing else: status
//! line, headers and framing of an answer are part of the bytes that a test types.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Sent where the script has no answer: a status that no client asks again for.
const NOT_IN_THE_SCRIPT: &[u8] =
    b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 31\r\n\r\nthe script has no answer to it\n";

/// What is sent for one request, and what becomes of the connection then.
#[derive(Clone)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    drip: Option<(Vec<u8>, Duration)>,
    piece_bytes: usize,
    afterwards: Afterwards,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    NextRequest,
    Close,
    Reset,
    Silence,
}

impl Answer {
    /// Sends these bytes and waits for the next request on the same connection.
    pub(crate) fn literal(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref().to_vec();
        Self { bytes, drip: None, piece_bytes: usize::MAX, afterwards: Afterwards::NextRequest }
    }

    /// Sends nothing, for as long as the client waits.
    pub(crate) fn silence() -> Self {
        Self::literal([]).then_silence()
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Closes the connection behind the bytes, as HTTP/1.0 ends a body.
    pub(crate) fn then_close(self) -> Self {
        Self { afterwards: Afterwards::Close, ..self }
    }

    /// Resets the connection behind the bytes.
    pub(crate) fn then_reset(self) -> Self {
        Self { afterwards: Afterwards::Reset, ..self }
    }

    /// Leaves the connection open behind the bytes and sends no more.
    pub(crate) fn then_silence(self) -> Self {
        Self { afterwards: Afterwards::Silence, ..self }
    }

    /// Sends a piece again and again behind the bytes, with a pause before each: for tests that pause the clock.
    pub(crate) fn then_drip(self, piece: &[u8], pause: Duration) -> Self {
        Self { drip: Some((piece.to_vec(), pause)), ..self }
    }

    /// Closes the connection after so many bytes.
    pub(crate) fn cut_after(mut self, length: usize) -> Self {
        self.bytes.truncate(length);
        self.then_close()
    }

    /// Sends each byte by itself.
    pub(crate) fn byte_by_byte(self) -> Self {
        Self { piece_bytes: 1, ..self }
    }

    async fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        for piece in self.bytes.chunks(self.piece_bytes) {
            stream.write_all(piece).await?;
        }
        while let Some((piece, pause)) = &self.drip {
            tokio::time::sleep(*pause).await;
            stream.write_all(piece).await?;
        }
        match self.afterwards {
            Afterwards::NextRequest => Ok(()),
            Afterwards::Close => stream.shutdown().await,
            Afterwards::Reset => stream.set_zero_linger(),
            Afterwards::Silence => std::future::pending().await,
        }
    }
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Request line and headers, up to and with the blank line.
    pub(crate) head: String,
    /// What follows them: a form.
    pub(crate) body: String,
    /// When it was here.
    pub(crate) at: Instant,
}

/// The server; its connections end with it.
pub(crate) struct RawServer {
    address: SocketAddr,
    requests: watch::Receiver<Vec<Request>>,
    _listening: JoinSet<()>,
}

/// Answers that are not sent yet, each for one request line or for any.
type Script = Arc<Mutex<Vec<(Option<String>, Answer)>>>;

impl RawServer {
    /// Gives the answers in this order, whatever is asked.
    pub(crate) async fn in_order(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start(answers.into_iter().map(|answer| (None, answer)).collect()).await
    }

    /// Gives each answer once, to the request line in front of it.
    pub(crate) async fn by_request<L: Into<String>>(answers: impl IntoIterator<Item = (L, Answer)>) -> Self {
        Self::start(answers.into_iter().map(|(line, answer)| (Some(line.into()), answer)).collect()).await
    }

    async fn start(script: Vec<(Option<String>, Answer)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (sender, requests) = watch::channel(Vec::new());
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, Arc::new(Mutex::new(script)), sender));
        Self { address, requests, _listening: listening }
    }

    /// `127.0.0.1` and the port.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The requests so far, in the order they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// Their first lines.
    pub(crate) fn request_lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| first_line(&request.head).to_owned()).collect()
    }

    /// Waits for the request of this number, counted from one.
    pub(crate) async fn request(&self, number: usize) -> Request {
        let mut requests = self.requests.clone();
        let arrived = requests.wait_for(|requests| requests.len() >= number).await;
        arrived.expect("the server lives as long as this")[number - 1].clone()
    }
}

async fn listen(listener: TcpListener, script: Script, requests: watch::Sender<Vec<Request>>) {
    let requests = Arc::new(requests);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (script, requests) = (Arc::clone(&script), Arc::clone(&requests));
        connections.spawn(async move {
            // a client that has heard enough hangs up, which is no concern of the server
            drop(answer_all(stream, &script, &requests).await);
        });
    }
}

async fn answer_all(
    mut stream: TcpStream,
    script: &Script,
    requests: &watch::Sender<Vec<Request>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(head) = read_head(&mut stream).await? {
        let answer = take_answer(script, first_line(&head));
        let body = read_body(&mut stream, &head).await?;
        requests.send_modify(|requests| requests.push(Request { head, body, at: Instant::now() }));
        answer.send(&mut stream).await?;
        if answer.afterwards != Afterwards::NextRequest {
            return Ok(());
        }
    }
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

async fn read_body(stream: &mut TcpStream, head: &str) -> io::Result<String> {
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("the client counts its bytes"))];
    stream.read_exact(&mut body).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn take_answer(script: &Script, request_line: &str) -> Answer {
    let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |(line, _): &(Option<String>, Answer)| line.as_deref().is_none_or(|line| line == request_line);
    match script.iter().position(fits) {
        Some(position) => script.remove(position).1,
        None => Answer::literal(NOT_IN_THE_SCRIPT).then_close(),
    }
}

fn first_line(head: &str) -> &str {
    head.lines().next().unwrap_or_default()
}
