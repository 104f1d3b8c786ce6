//! A response body with its watchdogs: silence, a drip, the bandwidth, the request to stop.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::client::Shared;
use super::error::Error;

/// A body that arrives.
pub struct Body {
    response: reqwest::Response,
    endpoint: &'static str,
    shared: Arc<Shared>,
    received: u64,
    window: Window,
}

/// What came in while we waited; time that we spent on the bytes is not the service's silence.
#[derive(Default)]
struct Window {
    waited: Duration,
    received: u64,
}

impl Body {
    pub(super) fn new(response: reqwest::Response, endpoint: &'static str, shared: Arc<Shared>) -> Self {
        Self { response, endpoint, shared, received: 0, window: Window::default() }
    }

    /// The next bytes, `None` at the end that HTTP announces.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let idle = self.shared.http.idle_timeout;
        let began = Instant::now();
        let arrived = tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return Err(Error::Stopped),
            arrived = timeout(idle, self.response.chunk()) => arrived,
        };
        let Ok(arrived) = arrived else { return Err(self.silence()) };
        let (endpoint, received) = (self.endpoint, self.received);
        let Some(bytes) = arrived.map_err(|source| Error::Cut { endpoint, received, source })? else {
            return Ok(None);
        };
        self.count(bytes.len(), began.elapsed())?;
        tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return Err(Error::Stopped),
            () = self.shared.pace.bytes(bytes.len()) => {}
        }
        Ok(Some(bytes))
    }

    /// Counts what arrived; an error when it came slower than the least rate for the whole idle time.
    fn count(&mut self, bytes: usize, waited: Duration) -> Result<(), Error> {
        self.received += bytes as u64;
        self.shared.traffic.count_bytes(bytes as u64);
        self.window.received += bytes as u64;
        self.window.waited += waited;
        if self.window.waited >= self.shared.http.idle_timeout {
            let least = u128::from(self.shared.http.min_rate) * self.window.waited.as_millis() / 1000;
            if u128::from(self.window.received) < least {
                return Err(self.silence());
            }
            self.window = Window::default();
        }
        Ok(())
    }

    fn silence(&self) -> Error {
        let http = &self.shared.http;
        let (endpoint, min_rate) = (self.endpoint, http.min_rate.max(1));
        let silence = Error::Silence { endpoint, min_rate, after: http.idle_timeout };
        self.shared.traffic.count_error(&silence);
        silence
    }

    /// All of a body that is short by nature, as text.
    pub(super) async fn text(mut self, limit: usize) -> Result<String, Error> {
        let mut text = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            text.extend_from_slice(&bytes);
            if text.len() > limit {
                return Err(Error::TooLong { endpoint: self.endpoint, limit: limit as u64 });
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether bytes of the service hold a secret that it was sent, as it was sent.
    pub(super) fn repeats_a_secret(&self, bytes: &[u8]) -> bool {
        self.shared.secrets.stand_in(bytes)
    }

    /// A text of the service without the secrets that it was sent.
    pub fn redact(&self, text: &str) -> String {
        self.shared.secrets.redact(text)
    }
}
