//! Who is let in: so many connections at a time, and whoever brings the token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use headers::authorization::{Basic, Bearer};
use headers::{Authorization, HeaderMapExt};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::health::ALIVE;
use super::served::ServedMirror;

/// The header in which clients of the first generation bring what lets them in (TCIA Programmatic Interface, bindaas).
const API_KEY: &str = "api_key";
/// A browser asks its user for the token where it reads this.
const CHALLENGE: &str = "Basic realm=\"tcia-mirror\", charset=\"UTF-8\"";
const REFUSAL: &str = "this mirror is read with a token: bring it as `Authorization: Bearer TOKEN`, in the header \
    `api_key`, or as the password of whatever user\n";

/// Who is let in.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Connections that are open at a time; the next ones wait.
    pub connections: usize,
    /// What has to be brought, where one is set; only to ask whether the server is alive needs none.
    pub token: Option<SecretString>,
}

impl Default for Guard {
    /// As many connections as images may be under way, which leaves room below the 1024 files that a process may
    /// usually open.
    fn default() -> Self {
        Self { connections: 256, token: None }
    }
}

impl Guard {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let is_token = |brought: &[u8]| bool::from(brought.ct_eq(token.expose_secret().as_bytes()));
        headers
            .typed_get()
            .is_some_and(|Authorization::<Bearer>(brought)| is_token(brought.token().as_bytes()))
            || headers
                .typed_get()
                .is_some_and(|Authorization::<Basic>(brought)| is_token(brought.password().as_bytes()))
            || headers.get(API_KEY).is_some_and(|brought| is_token(brought.as_bytes()))
    }
}

/// Answers those who are let in and turns the others away.
pub(super) async fn check(State(mirror): State<Arc<ServedMirror>>, request: Request, next: Next) -> Response {
    if request.uri().path() == ALIVE || mirror.guard().admits(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, CHALLENGE)], REFUSAL).into_response()
}
