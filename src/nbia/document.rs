//! A file somewhere on the web, fetched whole: no service, and nothing of what is meant for one goes there.

use std::path::PathBuf;

use reqwest::header::CONTENT_TYPE;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::error::Error;
use super::http::{detour, plain_builder, setup, trusting};
use super::options::HttpOptions;

const NAME: &str = "the address";

/// How the web is reached, whatever is asked of whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// PEM file of certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Who runs this mirror; goes into the User-Agent.
    pub contact: String,
    /// Time-outs.
    pub http: HttpOptions,
}

/// Fetches a document of `limit` bytes at the most; a redirect to another place is an error, and so is a page for people.
///
/// Its query may be a secret, and stands in no error.
pub async fn fetch_document(
    address: &Url,
    reach: &Reach,
    limit: u64,
    stop: &CancellationToken,
) -> Result<Vec<u8>, Error> {
    let fetch = fetch(address, reach, limit);
    stop.run_until_cancelled(fetch).await.unwrap_or(Err(Error::Stopped))
}

async fn fetch(address: &Url, reach: &Reach, limit: u64) -> Result<Vec<u8>, Error> {
    let builder = plain_builder(&reach.contact, address)?.connect_timeout(reach.http.connect_timeout);
    let client = trusting(builder, reach.ca_file.as_deref())?.build().map_err(setup)?;
    let after = reach.http.first_byte_timeout;
    let sent = timeout(after, client.get(address.clone()).send()).await;
    let host = || address.host_str().unwrap_or_default().to_owned();
    let no_answer = |source: reqwest::Error| match detour(&source) {
        Some(detour) => Error::Redirected { endpoint: NAME, host: host(), detour: detour.to_string() },
        None => Error::NoAnswer { endpoint: NAME, host: host(), source: source.without_url() },
    };
    let sent = sent.map_err(|_elapsed| Error::NoFirstByte { endpoint: NAME, after })?;
    let mut response = sent.map_err(no_answer)?;
    let status = response.status();
    if !status.is_success() {
        return Err(Error::Status { endpoint: NAME, status, text: String::new(), retry_after: None });
    }
    let label = response.headers().get(CONTENT_TYPE).and_then(|label| label.to_str().ok());
    if label.is_some_and(|label| label.trim_start().to_ascii_lowercase().starts_with("text/html")) {
        return Err(Error::Page { host: host() });
    }
    let mut document = Vec::new();
    let idle = reach.http.idle_timeout;
    loop {
        let silence = |_elapsed| Error::Silence { endpoint: NAME, min_rate: 1, after: idle };
        let received = document.len() as u64;
        let cut =
            |source: reqwest::Error| Error::Cut { endpoint: NAME, received, source: source.without_url() };
        let Some(bytes) = timeout(idle, response.chunk()).await.map_err(silence)?.map_err(cut)? else {
            return Ok(document);
        };
        document.extend_from_slice(&bytes);
        if document.len() as u64 > limit {
            return Err(Error::TooLong { endpoint: NAME, limit });
        }
    }
}
