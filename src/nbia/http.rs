//! The HTTP client below ours: headers, certificates, proxies, and how far a redirect is followed.

use std::path::Path;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect;
use secrecy::ExposeSecret;
use url::Url;

use super::error::Error;
use super::options::Options;

/// The label of a form in a body.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
/// Redirects that are followed on the same host.
const MOST_REDIRECTS: usize = 5;

/// A client that sends the key and the token that are configured, and only to where it is told to.
pub(super) fn builder(options: &Options) -> Result<reqwest::ClientBuilder, Error> {
    let mut headers = HeaderMap::new();
    for (name, secret, prefix) in
        [("api_key", &options.api_key, ""), ("authorization", &options.token, "Bearer ")]
    {
        if let Some(secret) = secret {
            headers.insert(name, sensitive(&format!("{prefix}{}", secret.expose_secret().trim()))?);
        }
    }
    Ok(builder_without_secrets(options, &options.base_url)?.default_headers(headers))
}

/// The same without a secret, for another place.
pub(super) fn builder_without_secrets(
    options: &Options,
    place: &Url,
) -> Result<reqwest::ClientBuilder, Error> {
    let builder = plain_builder(&options.contact, place)?.connect_timeout(options.http.connect_timeout);
    trusting(builder, options.ca_file.as_deref())
}

/// The same with certificates of one's own besides the system's.
pub(super) fn trusting(
    builder: reqwest::ClientBuilder,
    ca_file: Option<&Path>,
) -> Result<reqwest::ClientBuilder, Error> {
    let Some(ca_file) = ca_file else { return Ok(builder) };
    let pem = std::fs::read(ca_file).map_err(setup)?;
    Ok(builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem).map_err(setup)?))
}

/// A client that says who we are, stays at the place it was sent to, and knows nothing else.
pub(super) fn plain_builder(contact: &str, place: &Url) -> Result<reqwest::ClientBuilder, Error> {
    let contact = if contact.is_empty() { String::new() } else { format!(" ({contact})") };
    let agent = format!("tcia-mirror/{}{contact}", env!("CARGO_PKG_VERSION"));
    let builder = reqwest::Client::builder()
        .user_agent(HeaderValue::from_str(&agent).map_err(setup)?)
        .redirect(redirect::Policy::custom(stay_at_the_place));
    // a proxy of the lab knows another loopback than we mean
    Ok(if is_loopback(place) { builder.no_proxy() } else { builder })
}

/// A header that no log shows.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(setup)?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn setup(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Setup { source: Box::new(source) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A redirect that is not followed.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Detour {
    /// It would have carried our key to another place.
    #[error("redirected to {0}")]
    Elsewhere(String),
    /// It leads in a circle, or on and on.
    #[error("redirected too often, at last to {0}")]
    Endless(String),
}

fn stay_at_the_place(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let target = attempt.url().to_string();
    if attempt.previous().first().is_none_or(|asked| !is_same_place(asked, attempt.url())) {
        return attempt.error(Detour::Elsewhere(target));
    }
    if attempt.previous().len() > MOST_REDIRECTS {
        return attempt.error(Detour::Endless(target));
    }
    attempt.follow()
}

/// Whether who is asked there is who is asked here, with nobody else listening.
fn is_same_place(here: &Url, there: &Url) -> bool {
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned));
    place(here) == place(there) && here.port_or_known_default() == there.port_or_known_default()
}

/// The redirect that an error is about.
pub(super) fn detour(error: &reqwest::Error) -> Option<Detour> {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if let Some(detour) = cause.downcast_ref::<Detour>() {
            return Some(detour.clone());
        }
        source = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_at_the_place_when_scheme_name_and_port_do() {
        let cases = [
            ("https://archive.example/a", "https://archive.example/b?c", true),
            ("https://archive.example/a", "https://ARCHIVE.example:443/b", true),
            ("https://archive.example/a", "http://archive.example/a", false),
            ("https://archive.example/a", "http://archive.example:443/a", false),
            ("http://archive.example/a", "https://archive.example/a", false),
            ("http://archive.example/a", "http://archive.example:8080/a", false),
            ("http://archive.example/a", "http://www.archive.example/a", false),
            ("http://127.0.0.1/a", "http://localhost/a", false),
        ];
        for (here, there, is_same) in cases {
            let (asked, target) = (here.parse().unwrap(), there.parse().unwrap());
            assert_eq!(is_same_place(&asked, &target), is_same, "{here} {there}");
        }
    }
}
