//! The mirror over HTTP, in every dialect of the archive's own API.
//!
//! Owns the routes, the lists and the images: what is asked, what the mirror has of it, and how each generation
//! would have said it; and what those who watch the mirror are told. Endpoint names, parameters, columns and dates come from the table of dialects, which is all
//! that this module knows of `nbia`. Writes nothing, neither to the tree nor to the record, and asks no service.

mod connection;
mod exposition;
mod format;
mod guard;
mod health;
mod image;
mod list;
mod md5;
mod metadata;
mod outlet;
mod pack;
mod page;
mod partial;
mod refusal;
mod request;
mod served;
mod stored;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{self, DefaultBodyLimit, FromRequest, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tracing::debug;

pub use format::{six_decimals, values};
pub use guard::Guard;
pub use health::Least;
pub use pack::Packing;
pub use served::{OpenError, ServedMirror};

use crate::nbia::dialect::{Answer, Dialect, Endpoint, EndpointDescription, Method};
use request::Request;

/// How long answers that have begun may still take once the server is told to stop.
///
/// Enough for any list and for most series; whoever fetches a large one asks again, as after any cut.
const DRAIN: Duration = Duration::from_secs(10);

/// Longest form that is taken: more than thirty thousand UIDs, where clients send ten thousand
/// (`tcia_utils` ef45a04).
const LONGEST_FORM: usize = 2 << 20;
/// Longest that a form may take to arrive: a slow line's time for the longest.
const FORM_TIME: Duration = Duration::from_mins(1);

/// Where to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Address and port.
    pub listen: SocketAddr,
    /// Whether an address that other machines reach is allowed.
    pub allow_remote: bool,
    /// How series are packed.
    pub packing: Packing,
    /// Connections that are open at a time; the next ones wait.
    pub connections: usize,
}

impl Default for Options {
    /// Only this machine, port 8042: nobody is asked who they are.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8042)),
            allow_remote: false,
            packing: Packing::Stored,
            connections: Guard::default().connections,
        }
    }
}

/// Where the archive's own server says that it is there (NBIA-TCIA 865725e, `GetHealthCheck.java`), without a version
/// and, as its guide has it, with the fourth.
const UP: [&str; 4] =
    ["/nbia-api/services/up", "/nbia-api/services/v4/up", "/nbia-api/up", "/nbia-api/v4/up"];

/// What lists are labelled.
const PACKED: [&str; 7] = [
    "application/csv",
    "application/json",
    "application/xml",
    "text/csv",
    "text/html",
    "text/plain",
    "text/xml",
];

/// Every endpoint of every dialect, `up`, and how the mirror does.
pub fn router(mirror: Arc<ServedMirror>) -> Router {
    let mut router = health::routes().merge(page::routes());
    for path in UP {
        router = router.route(path, get(async || ([(CONTENT_TYPE, "text/plain")], "up")));
    }
    let mut known = BTreeSet::new();
    for (dialect, path, endpoint) in offered() {
        let path = path_of(path, endpoint);
        // what stands above the versions belongs to more than one
        if !known.insert(path.clone()) {
            continue;
        }
        if dialect.description().describes_endpoints {
            router = router.route(&format!("{path}/metadata"), described(endpoint));
        }
        router = router.route(&path, answered(dialect, endpoint));
    }
    router.layer(DefaultBodyLimit::max(LONGEST_FORM)).with_state(mirror)
}

/// Every endpoint below every path of its dialect.
fn offered() -> impl Iterator<Item = (Dialect, &'static str, &'static EndpointDescription)> {
    Dialect::ALL.into_iter().flat_map(|dialect| {
        let description = dialect.description();
        let below = move |path| description.endpoints().map(move |endpoint| (dialect, path, endpoint));
        description.paths().flat_map(below)
    })
}

/// The path of an endpoint: from one of its dialect by way of its place, which may lead upwards, to its name.
fn path_of(path: &str, endpoint: &EndpointDescription) -> String {
    let mut way: Vec<_> = path.split('/').collect();
    for step in endpoint.place.split('/').filter(|step| !step.is_empty()) {
        if step == ".." {
            way.pop();
        } else {
            way.push(step);
        }
    }
    way.push(endpoint.name);
    way.join("/")
}

fn described(endpoint: &'static EndpointDescription) -> MethodRouter<Arc<ServedMirror>> {
    let label = [(CONTENT_TYPE, "application/json")];
    get(async move || (label, metadata::description(endpoint).to_string()))
}

fn answered(dialect: Dialect, endpoint: &'static EndpointDescription) -> MethodRouter<Arc<ServedMirror>> {
    match endpoint.method {
        Method::Get => get(async move |State(mirror), headers: HeaderMap, RawQuery(query): RawQuery| {
            let query = query.unwrap_or_default();
            answer(mirror, Request::read(dialect, endpoint, &headers, query.as_bytes())).await
        }),
        Method::Form => {
            post(async move |State(mirror): State<Arc<ServedMirror>>, asked: extract::Request| {
                let headers = asked.headers().clone();
                let Ok(_room) = mirror.room_for_form().await else {
                    return StatusCode::SERVICE_UNAVAILABLE.into_response();
                };
                match tokio::time::timeout(FORM_TIME, Bytes::from_request(asked, &())).await {
                    Ok(Ok(form)) => {
                        answer(Arc::clone(&mirror), Request::read(dialect, endpoint, &headers, &form)).await
                    }
                    Ok(Err(rejection)) => rejection.into_response(),
                    Err(_elapsed) => StatusCode::REQUEST_TIMEOUT.into_response(),
                }
            })
        }
    }
}

/// Serves those who are let in until it is told to stop, then lets what has begun end for [`DRAIN`] and cuts the rest.
///
/// When it comes back, nothing reads the mirror any more.
pub async fn run(listener: TcpListener, mirror: Arc<ServedMirror>, stop: CancellationToken) {
    let lists = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_list);
    let router =
        router(Arc::clone(&mirror)).layer(lists).layer(from_fn_with_state(Arc::clone(&mirror), guard::check));
    let overdue = async {
        stop.cancelled().await;
        mirror.leave();
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        () = connection::take(listener, router, mirror.guard().connections, &stop) => {}
        () = overdue => {}
    }
    mirror.close().await;
}

/// Whether an answer is worth packing: lists shrink to a tenth, images hardly do, and what is written bit by bit for
/// somebody who watches must not wait.
fn is_list(status: StatusCode, _version: Version, headers: &HeaderMap, _extensions: &Extensions) -> bool {
    let label = headers.get(CONTENT_TYPE).and_then(|label| label.to_str().ok()).unwrap_or_default();
    let kind = label.split(';').next().unwrap_or_default();
    // a refusal is short, and may be all that arrives of an answer to a request that was not read to its end
    status.is_success() && PACKED.contains(&kind)
}

async fn answer(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let (dialect, endpoint) = (request.dialect, request.endpoint);
    let response = match request.refusal() {
        Some(refusal) => refusal.answer(&request),
        None => match endpoint.answer {
            Answer::Zip => image::series(mirror, request).await,
            Answer::Dicom => image::single(mirror, request).await,
            Answer::Text if endpoint.endpoint == Endpoint::ImageMd5 => md5::of_image(mirror, request).await,
            Answer::Text => md5::hierarchy(mirror, request).await,
            Answer::List => list::list(mirror, request).await,
        },
    };
    let status = response.status();
    debug!(
        http.endpoint = endpoint.name,
        http.status = status.as_u16(),
        "answered {status} to {dialect} {}",
        endpoint.name
    );
    response
}
