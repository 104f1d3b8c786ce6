//! `serve`: the mirror re-served through the same REST API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tracing::warn;

use super::arguments::{DownloadFlags, Global, Serve};
use super::exit::{Exit, UsageError};
use super::print;
use super::session::{clock, configure_locally};
use super::signals::Signals;
use crate::config::Config;
use crate::nbia::Dialect;
use crate::serve::{self, Guard, Least, ServedMirror};

/// How long answers under way may take after the first signal, before the process ends by force.
const GRACE: Duration = Duration::from_secs(15);

pub(super) async fn run(global: &Global, command: Serve) -> anyhow::Result<Exit> {
    let config = configure_locally(global, &DownloadFlags::default())?;
    let listen = command.listen.unwrap_or(config.serve.listen);
    let signals = Signals::listen(GRACE)?;
    let (listener, mirror) = begin(&config, listen).await?;
    announce(&listener)?;
    serve::run(listener, mirror, signals.drain.clone()).await;
    Ok(signals.received().unwrap_or(Exit::Done))
}

/// Opens the mirror and the port where it is served.
pub(super) async fn begin(
    config: &Config,
    listen: SocketAddr,
) -> anyhow::Result<(TcpListener, Arc<ServedMirror>)> {
    guard(listen, config.serve.allow_remote)?;
    let disk = &config.sync.disk;
    let least = Least { free_bytes: disk.min_free, free_inodes: disk.min_free_inodes };
    let token = config.serve_token()?;
    if token.is_none() && !listen.ip().is_loopback() {
        warn!(
            "whoever reaches {listen} may read the mirror: [serve] token_file names a token if that is not meant"
        );
    }
    let mirror = ServedMirror::open_share(&config.root, config.sync.shard)?;
    let mirror = mirror.watched(least, clock).packed(config.serve.packing);
    let mirror = Arc::new(mirror.guarded(Guard { connections: config.serve.connections, token }));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    Ok((listener, mirror))
}

fn guard(listen: SocketAddr, allow_remote: bool) -> Result<(), UsageError> {
    if listen.ip().is_loopback() || allow_remote {
        return Ok(());
    }
    Err(UsageError(format!(
        "other machines reach {listen}: write allow_remote = true into [serve] if that is meant"
    )))
}

fn announce(listener: &TcpListener) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    print::talk(&format!("status page at http://{address}/"));
    for dialect in Dialect::ALL {
        print::talk(&format!("serving {dialect} at http://{address}{}", dialect.description().path));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served_unless_the_configuration_says_otherwise() {
        for (listen, allow_remote, is_allowed) in [
            ("127.0.0.1:8042", false, true),
            ("[::1]:8042", false, true),
            ("0.0.0.0:8042", false, false),
            ("192.168.0.1:8042", false, false),
            ("0.0.0.0:8042", true, true),
        ] {
            assert_eq!(guard(listen.parse().unwrap(), allow_remote).is_ok(), is_allowed, "{listen}");
        }
    }
}
