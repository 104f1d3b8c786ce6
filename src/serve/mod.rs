//! The mirror over HTTP, in every dialect of the archive's own API.
//!
//! Owns the routes, the lists and the images: what is asked, what the mirror has of it, and how each generation
//! would have said it. Endpoint names, parameters, columns and dates come from the table of dialects, which is all
//! that this module knows of `nbia`. Writes nothing, neither to the tree nor to the record, and asks no service.

mod format;
mod image;
mod list;
mod outlet;
mod pack;
mod refusal;
mod request;
mod served;
#[cfg(test)]
mod tests;

use std::future::IntoFuture;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::debug;

pub use served::{OpenError, ServedMirror};

use crate::nbia::dialect::{Dialect, Endpoint, EndpointDescription};
use request::Request;

/// How long answers that have begun may still take once the server is told to stop.
///
/// Enough for any list and for most series; whoever fetches a large one asks again, as after any cut.
const DRAIN: Duration = Duration::from_secs(10);

/// Where to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Address and port.
    pub listen: SocketAddr,
    /// Whether an address that other machines reach is allowed.
    pub allow_remote: bool,
}

impl Default for Options {
    /// Only this machine, port 8042: nobody is asked who they are.
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8042)), allow_remote: false }
    }
}

/// Every endpoint of every dialect, and `/healthz`.
pub fn router(mirror: Arc<ServedMirror>) -> Router {
    let mut router = Router::new().route("/healthz", get(async || "ok"));
    for dialect in Dialect::ALL {
        let description = dialect.description();
        for endpoint in description.endpoints() {
            let path = format!("{}/{}{}", description.path, endpoint.place, endpoint.name);
            let respond = move |State(mirror), RawQuery(query): RawQuery| async move {
                answer(mirror, dialect, endpoint, query.as_deref().unwrap_or_default()).await
            };
            router = router.route(&path, get(respond));
        }
    }
    router.with_state(mirror)
}

/// Serves until it is told to stop, then lets what has begun end for [`DRAIN`] and cuts the rest.
///
/// When it comes back, nothing reads the mirror any more.
pub async fn run(
    listener: TcpListener,
    mirror: Arc<ServedMirror>,
    stop: CancellationToken,
) -> io::Result<()> {
    let serving = axum::serve(listener, router(Arc::clone(&mirror)));
    let serving = serving.with_graceful_shutdown(stop.clone().cancelled_owned());
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let served = tokio::select! {
        served = serving.into_future() => served,
        () = overdue => Ok(()),
    };
    mirror.close().await;
    served
}

async fn answer(
    mirror: Arc<ServedMirror>,
    dialect: Dialect,
    endpoint: &'static EndpointDescription,
    query: &str,
) -> Response {
    let request = Request::read(dialect, endpoint, query);
    let response = match request.refusal() {
        Some(refusal) => refusal.answer(&request),
        None => match endpoint.endpoint {
            Endpoint::Image => image::series(mirror, request).await,
            Endpoint::SingleImage => image::single(mirror, request).await,
            _ => list::list(mirror, request).await,
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
