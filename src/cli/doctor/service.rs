//! What `doctor` finds at a service: whether it answers, whether the key is taken, what time it is there.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::super::session::clock;
use super::Finding;
use crate::nbia::{Client, Error, Options, RetryOptions};
use crate::sync::chain;

/// Days are compared, less one day; this is far below, and far above what NTP leaves.
const MOST_SECONDS_APART: i64 = 300;

pub(super) async fn examine(service: &Options, stop: CancellationToken) -> Vec<Finding> {
    let once = Options { retry: RetryOptions { attempts: 1, ..service.retry.clone() }, ..service.clone() };
    let client = match Client::new(&once, stop, clock, fastrand::Rng::new()) {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::wrong("service", chain(&error), "see to [service] in the configuration")];
        }
    };
    let place = format!("{} ({})", client.base_url(), client.dialect());
    let mut findings = vec![of_secrets(service)];
    match client.probe().await {
        Ok(there) => findings.extend(there.and_then(|there| of_their_clock(there.as_second()))),
        Err(error) => {
            findings.push(refused(&place, &error));
            return findings;
        }
    }
    let began = Instant::now();
    findings.push(match client.collections().await {
        Ok(collections) if collections.is_empty() => Finding::wrong(
            "service",
            format!("{place} lists no collection"),
            "it hides failures behind empty lists: try again later; what a key or a token lets see may be nothing, too",
        ),
        Ok(collections) => {
            let took_s = began.elapsed().as_secs_f64();
            Finding::well("service", format!("{place} lists {} collections in {took_s:.1} s", collections.len()))
        }
        Err(error) => refused(&place, &error),
    });
    findings
}

fn of_secrets(service: &Options) -> Finding {
    let secrets = [
        ("a key", service.api_key.is_some()),
        ("a token", service.token.is_some()),
        ("tokens of a user", service.login.is_some()),
    ];
    let sent: Vec<_> = secrets.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    let host = service.base_url.host_str().unwrap_or_default();
    if sent.is_empty() {
        return Finding::well("key", format!("{host} gets none: public collections need none"));
    }
    let found = format!("{host} gets {}", sent.join(" and "));
    let is_open = service.base_url.scheme() == "http" && !["localhost", "127.0.0.1", "[::1]"].contains(&host);
    if is_open {
        return Finding::doubtful(
            "key",
            found,
            "it travels in the clear: name the service with https:// if it has that",
        );
    }
    Finding::well("key", found)
}

fn of_their_clock(there: i64) -> Option<Finding> {
    let apart = clock().as_second() - there;
    (apart.abs() > MOST_SECONDS_APART).then(|| {
        let word = if apart > 0 { "ahead of" } else { "behind" };
        let found = format!("this one is {} s {word} that of the service", apart.abs());
        Finding::doubtful(
            "clock",
            found,
            "set the clock, and let NTP keep it: what is new is asked for by the day",
        )
    })
}

fn refused(place: &str, error: &Error) -> Finding {
    let hint = match error {
        Error::TokenRefused { .. } => "see to [service] username, password_file and token_url",
        error if error.refuses_everything() => {
            "see to the key or the token that is sent, and to the address in [service] base_url"
        }
        error if error.is_outage() => {
            "see that this machine reaches the host: its name, the network, a proxy (HTTPS_PROXY), certificates ([service] \
             ca_file); `tcia-mirror query --probe` asks in each dialect"
        }
        _ => {
            "see that [service] base_url names a service of the archive: `tcia-mirror query --probe` asks in each dialect"
        }
    };
    Finding::wrong("service", format!("{place}: {}", chain(error)), hint)
}
