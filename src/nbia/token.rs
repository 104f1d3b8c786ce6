//! The token that a server asks for: got with a password, renewed before it expires, by one request at a time.
//!
//! OAuth 2.0, grants `password` and `refresh_token` (RFC 6749, sections 4.3 and 6), as the archive's server has them
//! (CBIIT/NBIA-TCIA 865725e, `KeycloakGetToken.java`).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::error::Error;
use super::http::{self, FORM, setup};
use super::options::Options;
use super::retry;
use super::secrets::Secrets;

/// How errors call the request.
const ENDPOINT: &str = "oauth/token";
/// A token is renewed so long before its end, or when a tenth of its life is left if that is less.
const AHEAD: Duration = Duration::from_mins(1);
/// Life of a token whose server does not tell it.
const UNKNOWN_LIFE: Duration = Duration::from_mins(5);
/// Longest life that is believed: the archive's tokens lived two hours.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// Longest answer that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// The reasons of RFC 6749, section 5.2; anything else might be what the server was sent.
const REASONS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// A user of a server that asks for tokens.
#[derive(Clone, Debug)]
pub struct Login {
    /// Where tokens are handed out.
    pub token_url: Url,
    /// Who asks.
    pub username: String,
    /// Their password.
    pub password: SecretString,
    /// The name of this program at that server.
    pub client_id: String,
    /// Its secret, when it has one.
    pub client_secret: Option<SecretString>,
}

/// Hands out a token that is good.
pub(super) struct TokenSource {
    login: Login,
    http: reqwest::Client,
    answer_within: Duration,
    clock: fn() -> Timestamp,
    secrets: Secrets,
    grant: Mutex<Option<Grant>>,
}

struct Grant {
    token: SecretString,
    refresh_token: Option<SecretString>,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl TokenSource {
    /// `secrets` learns the tokens that are handed out.
    pub(super) fn new(
        login: Login,
        options: &Options,
        secrets: Secrets,
        clock: fn() -> Timestamp,
    ) -> Result<Self, Error> {
        if login.token_url.password().is_some() || !login.token_url.username().is_empty() {
            return Err(Error::SecretInAddress);
        }
        let http = http::builder_without_secrets(options, &login.token_url)?.build().map_err(setup)?;
        let answer_within = options.http.first_byte_timeout;
        Ok(Self { login, http, answer_within, clock, secrets, grant: Mutex::new(None) })
    }

    /// The header of a request. Who comes while the server is asked waits for that one answer.
    pub(super) async fn header(&self) -> Result<HeaderValue, Error> {
        let mut grant = self.grant.lock().await;
        if grant.as_ref().is_none_or(|grant| Instant::now() >= grant.renew_at) {
            let refresh_token = grant.take().and_then(|old| old.refresh_token);
            *grant = Some(self.renew(refresh_token).await?);
        }
        let token = grant.as_ref().map_or("", |grant| grant.token.expose_secret());
        http::sensitive(&format!("Bearer {token}"))
    }

    /// Forgets a token that the server has refused, unless it was renewed meanwhile.
    pub(super) async fn forget(&self, refused: &HeaderValue) {
        let mut grant = self.grant.lock().await;
        let is_held = |grant: &Grant| refused.as_bytes().ends_with(grant.token.expose_secret().as_bytes());
        if grant.as_ref().is_some_and(is_held) {
            *grant = None;
        }
    }

    async fn renew(&self, refresh_token: Option<SecretString>) -> Result<Grant, Error> {
        if let Some(refresh_token) = refresh_token {
            let proof = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
            match self.ask(&proof).await {
                Err(Error::TokenRefused { .. }) => {} // it has expired as well
                answered => return answered,
            }
        }
        let (username, password) = (self.login.username.as_str(), self.login.password.expose_secret());
        self.ask(&[("grant_type", "password"), ("username", username), ("password", password)]).await
    }

    async fn ask(&self, proof: &[(&str, &str)]) -> Result<Grant, Error> {
        let request = self.http.post(self.login.token_url.clone());
        let request = request.header(CONTENT_TYPE, FORM).body(self.form(proof));
        let answered = tokio::time::timeout(self.answer_within, answer(request)).await;
        let late = |_elapsed| Error::NoFirstByte { endpoint: ENDPOINT, after: self.answer_within };
        let host = || self.login.token_url.authority().to_owned();
        let no_answer = |source: reqwest::Error| match http::detour(&source) {
            Some(detour) => {
                let detour = self.secrets.redact(&detour.to_string());
                Error::Redirected { endpoint: ENDPOINT, host: host(), detour }
            }
            None => Error::NoAnswer { endpoint: ENDPOINT, host: host(), source: source.without_url() },
        };
        let answer = answered.map_err(late)?.map_err(no_answer)?;
        self.read(&answer)
    }

    fn form(&self, proof: &[(&str, &str)]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(proof).append_pair("client_id", &self.login.client_id);
        if let Some(secret) = &self.login.client_secret {
            form.append_pair("client_secret", secret.expose_secret());
        }
        form.finish()
    }

    /// What the server says of itself is not repeated: it may hold what it was sent.
    fn read(&self, answer: &Answer) -> Result<Grant, Error> {
        let granted = answer.status.is_success().then(|| serde_json::from_slice(&answer.text).ok()).flatten();
        let Some(granted) = granted.filter(|granted: &Granted| !granted.access_token.is_empty()) else {
            return Err(self.refusal(answer));
        };
        let (token, refresh_token) =
            (granted.access_token.into(), granted.refresh_token.map(SecretString::from));
        std::iter::once(&token).chain(&refresh_token).for_each(|secret| self.secrets.learn(secret));
        let life = granted.expires_in.map_or(UNKNOWN_LIFE, Duration::from_secs).min(LONGEST_LIFE);
        Ok(Grant {
            token,
            refresh_token,
            renew_at: Instant::now() + life.saturating_sub(AHEAD.min(life / 10)),
        })
    }

    fn refusal(&self, answer: &Answer) -> Error {
        let (host, status) = (self.login.token_url.authority().to_owned(), answer.status);
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let retry_after = retry::retry_after(&answer.headers, (self.clock)());
            return Error::Status { endpoint: ENDPOINT, status, text: String::new(), retry_after };
        }
        let refused = serde_json::from_slice::<Refused>(&answer.text).ok();
        let reason = refused.and_then(|refused| REASONS.into_iter().find(|reason| **reason == refused.error));
        Error::TokenRefused { host, status, reason: reason.unwrap_or("no reason").to_owned() }
    }
}

/// An answer of the server, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: Vec<u8>,
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let mut text = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        text.extend_from_slice(&bytes);
        if text.len() > LONGEST_ANSWER {
            break;
        }
    }
    Ok(Answer { status: response.status(), headers: response.headers().clone(), text })
}
