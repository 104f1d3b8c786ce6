//! A server that passes on what an honest one answers, and lies by script, down to the bytes of HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::support::fake_tcia::path_of;

/// Where all of them run.
pub(super) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// What the honest server answers to a request.
pub(super) struct Honest {
    pub(super) status: String,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// What is done on a connection; behind the last act it is closed.
#[derive(Clone)]
pub(super) enum Act {
    /// These bytes go out.
    Send(Vec<u8>),
    /// These bytes go out, so many a second.
    Drip(Vec<u8>, usize),
    /// These bytes go out again and again, until nobody takes them any more.
    Endless(Vec<u8>),
    /// Nothing more, until the client hangs up.
    Silence,
    /// The connection is reset.
    Reset,
}

/// What is made of an honest answer.
pub(super) type Lie = Arc<dyn Fn(&Honest) -> Vec<Act> + Send + Sync>;

/// When a lie is told.
struct Rule {
    endpoint: &'static str,
    /// A whole `NAME=VALUE` of the query or the form; empty for any.
    about: String,
    /// How often still; `None` for always.
    times: Option<u32>,
    told: u32,
    lie: Lie,
}

/// The server; its connections end with it.
pub(super) struct Liar {
    address: SocketAddr,
    rules: Arc<Mutex<Vec<Rule>>>,
    asked: Arc<AtomicU32>,
    _listening: JoinSet<()>,
}

impl Liar {
    /// Stands before an honest server, and lies only where it is told to.
    pub(super) fn before(honest: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (rules, asked) = (Arc::<Mutex<Vec<Rule>>>::default(), Arc::<AtomicU32>::default());
        let mut listening = JoinSet::new();
        let listen = listen(listener, honest, Arc::clone(&rules), Arc::clone(&asked));
        listening.spawn_on(listen, RUNTIME.handle());
        Self { address, rules, asked, _listening: listening }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address in a dialect.
    pub(super) fn base_url(&self, dialect: &str) -> String {
        format!("http://{}{}", self.address, path_of(dialect))
    }

    /// Tells a lie about an endpoint, so often or always; `about` is empty or one `NAME=VALUE` that is asked.
    pub(super) fn tell(&self, endpoint: &'static str, about: &str, times: Option<u32>, lie: &Lie) {
        let about = about.to_owned();
        self.rules.lock().unwrap().push(Rule { endpoint, about, times, told: 0, lie: Arc::clone(lie) });
    }

    /// How often each lie was told, in the order in which they were given.
    pub(super) fn told(&self) -> Vec<u32> {
        self.rules.lock().unwrap().iter().map(|rule| rule.told).collect()
    }

    /// How many connections were made to it.
    pub(super) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Tells the truth from now on.
    pub(super) fn repent(&self) {
        self.rules.lock().unwrap().clear();
    }
}

impl Rule {
    fn strikes(&self, endpoint: &str, asked: &str) -> bool {
        let is_meant = self.about.is_empty() || asked.split('&').any(|pair| pair == self.about);
        self.endpoint == endpoint && is_meant && self.times.is_none_or(|times| self.told < times)
    }
}

async fn listen(
    listener: std::net::TcpListener,
    honest: SocketAddr,
    rules: Arc<Mutex<Vec<Rule>>>,
    asked: Arc<AtomicU32>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        asked.fetch_add(1, Ordering::Relaxed);
        let rules = Arc::clone(&rules);
        connections.spawn(async move {
            // a client that has heard enough hangs up, which is no concern of the server
            drop(answer(stream, honest, &rules).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, honest: SocketAddr, rules: &Mutex<Vec<Rule>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (head, form) = read_request(&mut stream).await?;
    let truth = ask(honest, &head, &form).await?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, &form));
    let endpoint = path.rsplit('/').next().unwrap_or_default();
    let lie = {
        let mut rules = rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.strikes(endpoint, query));
        rule.map(|rule| {
            rule.told += 1;
            Arc::clone(&rule.lie)
        })
    };
    let acts = lie.map_or_else(|| vec![Act::Send(truth.as_it_is())], |lie| lie(&truth));
    for act in acts {
        perform(act, &mut stream).await?;
    }
    stream.shutdown().await
}

async fn perform(act: Act, stream: &mut TcpStream) -> io::Result<()> {
    match act {
        Act::Send(bytes) => stream.write_all(&bytes).await,
        Act::Drip(bytes, a_second) => {
            for piece in bytes.chunks((a_second / 10).max(1)) {
                stream.write_all(piece).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        }
        Act::Endless(bytes) => loop {
            stream.write_all(&bytes).await?;
        },
        Act::Silence => stream.read_u8().await.map(drop),
        Act::Reset => {
            stream.set_zero_linger()?;
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
}

/// Head and body of a request.
async fn read_request(stream: &mut TcpStream) -> io::Result<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut form = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut form).await?;
    Ok((head, String::from_utf8(form).unwrap()))
}

/// Asks the honest server in HTTP/1.0, so that its answer ends with the connection and is in no chunks.
async fn ask(honest: SocketAddr, head: &str, form: &str) -> io::Result<Honest> {
    let mut stream = TcpStream::connect(honest).await?;
    let request_line = head.lines().next().unwrap_or_default().replace("HTTP/1.1", "HTTP/1.0");
    let kept = |line: &&str| line.starts_with("content-") || line.starts_with("authorization");
    let headers = head.lines().filter(kept).fold(String::new(), |headers, line| headers + line + "\r\n");
    stream.write_all(format!("{request_line}\r\nhost: honest\r\n{headers}\r\n{form}").as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(Honest::read(&bytes))
}

impl Honest {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&bytes[..end]);
        let status = head.lines().next().unwrap().split_once(' ').unwrap().1.to_owned();
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        let content_type = content_type.unwrap_or_default().to_owned();
        Self { status, content_type, body: bytes[end + 4..].to_vec() }
    }

    /// The answer as a server sends it that has nothing to hide.
    fn as_it_is(&self) -> Vec<u8> {
        let Self { status, content_type, body } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }
}
