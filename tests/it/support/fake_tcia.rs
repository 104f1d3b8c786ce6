//! The archive on loopback: `serve` over a mirror built in code, behind a layer that breaks answers by script.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use tcia_mirror::serve::{ServedMirror, router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Entries of a ZIP: name and bytes.
pub(crate) type Entries = Vec<(String, Vec<u8>)>;

/// What is done to an answer.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Another answer: status, headers, body.
    Answer(u16, Vec<(&'static str, &'static str)>, Vec<u8>),
    /// The answer, cut after so many bytes.
    CutAfter(usize),
    /// No answer, as long as the server lives.
    Stall,
    /// The answer up to so many bytes, then nothing more, as long as the server lives.
    StallAfter(usize),
    /// The answer, so many bytes every tenth of a second.
    Trickle(usize),
    /// The ZIP, made anew from its entries.
    Rezip(Arc<dyn Fn(Entries) -> Vec<u8> + Send + Sync>),
}

/// When a fault strikes.
struct Rule {
    endpoint: &'static str,
    /// A part of the query that must be there.
    about: String,
    /// Whether the part must be missing instead.
    inverted: bool,
    /// How often still; `None` for always.
    times: Option<u32>,
    fault: Fault,
}

#[derive(Default)]
struct Script {
    rules: Vec<Rule>,
    requests: Vec<String>,
}

/// The server; stops when it is dropped.
pub(crate) struct FakeTcia {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl FakeTcia {
    /// Serves the mirror at a path on a free port of loopback.
    pub(crate) fn start(mirror: &Path) -> Self {
        Self::start_at(mirror, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Stops, and serves another mirror at the same address: the service on another day.
    pub(crate) fn restart(self, mirror: &Path) -> Self {
        let address = self.address;
        drop(self);
        Self::start_at(mirror, address)
    }

    fn start_at(mirror: &Path, address: SocketAddr) -> Self {
        let (script, stop) = (Arc::<Mutex<Script>>::default(), CancellationToken::new());
        let served = Arc::new(ServedMirror::open(mirror).unwrap());
        let app = router(served).layer(from_fn_with_state((Arc::clone(&script), stop.clone()), interfere));
        let (tell, told) = std::sync::mpsc::channel();
        let ended = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(address).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    served = axum::serve(listener, app) => served.unwrap(),
                    () = ended.cancelled() => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { address: told.recv().unwrap(), script, stop, thread: Some(thread) }
    }

    /// Its address in a dialect.
    pub(crate) fn base_url(&self, dialect: &str) -> String {
        format!("http://{}{}", self.address, path_of(dialect))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks answers of an endpoint whose query has `about` in it, so often, or always.
    pub(crate) fn script(&self, endpoint: &'static str, about: &str, times: Option<u32>, fault: Fault) {
        self.script.lock().unwrap().rules.push(Rule {
            endpoint,
            about: about.to_owned(),
            inverted: false,
            times,
            fault,
        });
    }

    /// Always breaks answers of an endpoint whose query has not `about` in it.
    pub(crate) fn script_without(&self, endpoint: &'static str, about: &str, fault: Fault) {
        let about = about.to_owned();
        self.script.lock().unwrap().rules.push(Rule { endpoint, about, inverted: true, times: None, fault });
    }

    /// Breaks nothing any more.
    pub(crate) fn heal(&self) {
        self.script.lock().unwrap().rules.clear();
    }

    /// Every request so far: endpoint and query.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.script.lock().unwrap().requests.clone()
    }

    /// Requests of one endpoint so far.
    pub(crate) fn requests_of(&self, endpoint: &str) -> Vec<String> {
        self.requests().into_iter().filter(|request| request.split('?').next() == Some(endpoint)).collect()
    }
}

/// Where the endpoints of a dialect begin.
pub(crate) fn path_of(dialect: &str) -> &'static str {
    match dialect {
        "nbia-v4" => "/nbia-api/services/v4",
        "nbia-v2" => "/nbia-api/services/v2",
        "nbia-v1" => "/nbia-api/services/v1",
        "bindaas-v3" => "/services/v3/TCIA/query",
        "bindaas-v1" => "/services/TCIA/TCIA/query",
        _ => panic!("no such dialect: {dialect}"),
    }
}

impl Drop for FakeTcia {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn interfere(
    State((script, stop)): State<(Arc<Mutex<Script>>, CancellationToken)>,
    request: Request,
    next: Next,
) -> Response {
    let endpoint = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let fault = {
        let mut script = script.lock().unwrap();
        script.requests.push(format!("{endpoint}?{query}"));
        script.fault(&endpoint, &query)
    };
    match fault {
        None => next.run(request).await,
        Some(Fault::Answer(status, headers, body)) => answer(status, &headers, body),
        Some(Fault::Stall) => {
            stop.cancelled().await;
            answer(503, &[], Vec::new())
        }
        Some(fault) => spoil(next.run(request).await, fault, stop).await,
    }
}

impl Script {
    fn fault(&mut self, endpoint: &str, query: &str) -> Option<Fault> {
        let strikes = |rule: &&mut Rule| {
            rule.endpoint == endpoint
                && query.contains(&rule.about) != rule.inverted
                && rule.times.is_none_or(|times| times > 0)
        };
        let rule = self.rules.iter_mut().find(strikes)?;
        rule.times = rule.times.map(|times| times - 1);
        Some(rule.fault.clone())
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

async fn spoil(response: Response, fault: Fault, stop: CancellationToken) -> Response {
    let (mut head, body) = response.into_parts();
    head.headers.remove("content-length");
    let whole = to_bytes(body, usize::MAX).await.unwrap();
    let body = match fault {
        Fault::CutAfter(length) => {
            let piece = whole.slice(..length.min(whole.len()));
            // what stands before the cut goes out when the stream has to wait
            let cut = async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut by script"))
            };
            Body::from_stream(stream::StreamExt::chain(stream::iter([Ok(piece)]), stream::once(cut)))
        }
        Fault::StallAfter(length) => {
            let piece = whole.slice(..length.min(whole.len()));
            let rest = async move {
                stop.cancelled().await;
                Ok::<_, std::io::Error>(Bytes::new())
            };
            Body::from_stream(stream::StreamExt::chain(stream::iter([Ok(piece)]), stream::once(rest)))
        }
        Fault::Trickle(length) => Body::from_stream(stream::unfold(whole, move |mut left| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let piece = left.split_to(length.min(left.len()));
            (!piece.is_empty()).then_some((Ok::<_, std::io::Error>(piece), left))
        })),
        Fault::Rezip(change) => Body::from(change(entries(&whole))),
        Fault::Answer(..) | Fault::Stall => Body::from(whole),
    };
    Response::from_parts(head, body)
}

/// The entries of a ZIP, read by the `zip` crate.
pub(crate) fn entries(bytes: &[u8]) -> Entries {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).unwrap();
            let mut data = Vec::new();
            std::io::copy(&mut entry, &mut data).unwrap();
            (entry.name().unwrap().into_owned(), data)
        })
        .collect()
}
