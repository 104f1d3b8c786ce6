//! How the mirror does: for those who watch it, `/readyz`, `/metrics` and `/api/status`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::exposition;
use super::served::{Fault, ServedMirror};

/// Where the server says that it is alive.
pub(super) const ALIVE: &str = "/healthz";
const JSON: &str = "application/json";
/// The text format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What must be so for the mirror to count as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Least {
    /// Bytes that are free at the root.
    pub free_bytes: u64,
    /// Files that may still be made there.
    pub free_inodes: u64,
}

pub(super) fn routes() -> Router<Arc<ServedMirror>> {
    Router::new()
        .route(ALIVE, get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
}

/// Alive is not ready: the record can be read, there is room on the disk, and the daemon has nothing to complain of.
async fn ready(State(mirror): State<Arc<ServedMirror>>) -> Response {
    let read = Arc::clone(&mirror).read(|mirror, reader| {
        reader.history(1)?;
        Ok(complaint(mirror))
    });
    match read.await.unwrap_or_else(|fault| Some(fault.to_string())) {
        None => "ready\n".into_response(),
        Some(complaint) => (StatusCode::SERVICE_UNAVAILABLE, format!("{complaint}\n")).into_response(),
    }
}

/// Why the mirror is not kept as it should be.
fn complaint(mirror: &ServedMirror) -> Option<String> {
    lack_of_space(mirror).or_else(|| mirror.trouble())
}

pub(super) fn lack_of_space(mirror: &ServedMirror) -> Option<String> {
    let least = mirror.least();
    match mirror.root().space() {
        Err(error) => Some(format!("the root cannot be looked at: {error}")),
        Ok(space) if space.free_bytes < least.free_bytes => Some(format!(
            "only {} bytes are free at the root, {} must be",
            space.free_bytes, least.free_bytes
        )),
        Ok(space) if space.free_inodes < least.free_inodes => Some(format!(
            "only {} inodes are free at the root, {} must be",
            space.free_inodes, least.free_inodes
        )),
        Ok(_) => None,
    }
}

async fn status(State(mirror): State<Arc<ServedMirror>>) -> Response {
    let read = mirror
        .read(|mirror, reader| Ok(serde_json::to_string(&reader.status(mirror.now())?).map_err(other)?));
    answer(read.await, JSON)
}

async fn metrics(State(mirror): State<Arc<ServedMirror>>) -> Response {
    let read = mirror.read(|mirror, reader| {
        let (status, runs) = (reader.status(mirror.now())?, reader.run_sums()?);
        let (space, is_ready) = (mirror.root().space().ok(), complaint(mirror).is_none());
        Ok(exposition::text(&status, &runs, space, is_ready).map_err(other)?)
    });
    answer(read.await, EXPOSITION)
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> std::io::Error {
    std::io::Error::other(error)
}

fn answer(read: Result<String, Fault>, kind: &'static str) -> Response {
    match read {
        Ok(text) => ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], text).into_response(),
        Err(fault) => {
            fault.report("the state of the mirror");
            (StatusCode::INTERNAL_SERVER_ERROR, "the record cannot be read\n").into_response()
        }
    }
}
