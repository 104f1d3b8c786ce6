//! The one request that goes elsewhere than to a service: JSON for whoever wants to be told.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect;
use url::Url;

use super::error::Error;
use super::http::{plain_builder, setup};

const NAME: &str = "the webhook";

/// Posts JSON to an address; its path may be a secret, and stands in no error.
pub async fn post_json(address: &Url, json: String, within: Duration) -> Result<(), Error> {
    // where it leads to may hold the same secret
    let client = plain_builder("", address)?.redirect(redirect::Policy::none()).timeout(within);
    let client = client.build().map_err(setup)?;
    let sent = client.post(address.clone()).header(CONTENT_TYPE, "application/json").body(json).send().await;
    let host = address.host_str().unwrap_or_default().to_owned();
    let response =
        sent.map_err(|source| Error::NoAnswer { endpoint: NAME, host, source: source.without_url() })?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    Err(Error::Status { endpoint: NAME, status, text: String::new(), retry_after: None })
}
