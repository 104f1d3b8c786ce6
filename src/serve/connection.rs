//! The connections: how many there are, and how long a client may keep one without doing anything with it.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The longest that the head of a request may take, and that a connection may wait for the next one.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// The longest head, with room for a thousand UIDs in an address; and as much of an answer waits for the client.
const LONGEST_HEAD: usize = 128 << 10;
/// How long a client may take nothing before it counts as gone: as long as the client of this program waits for a
/// silent server.
const CLIENT_SILENCE: Duration = Duration::from_mins(1);
/// How long to wait where no connection can be taken, as when this process may open no more files.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes connections, so many at a time, until it is told to stop, then waits until what they have asked for is
/// answered.
///
/// Whoever drops it cuts them.
pub(super) async fn take(listener: TcpListener, router: Router, most: usize, stop: &CancellationToken) {
    let (graceful, mut open, mut is_full) = (GracefulShutdown::new(), JoinSet::new(), false);
    let taking = async {
        loop {
            while open.try_join_next().is_some() {}
            let was_full = std::mem::replace(&mut is_full, open.len() == most);
            if is_full {
                if !was_full {
                    warn!("{most} connections are open, as many as [serve] connections allows: others wait");
                }
                open.join_next().await;
            }
            open.spawn(talk(next(&listener).await, router.clone(), graceful.watcher()));
        }
    };
    stop.run_until_cancelled(taking).await;
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection; one that has gone again meanwhile is none.
async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _address)) => return stream,
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                warn!(error = %error, "no connection can be taken: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers what comes by one connection.
async fn talk(stream: TcpStream, router: Router, watcher: Watcher) {
    // the last piece of an answer is short and must not wait for what follows
    drop(stream.set_nodelay(true));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(CLIENT_SILENCE));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(LONGEST_HEAD);
    let talk = server.serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(talk).await {
        debug!(error = %error, "a connection broke off: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use axum::routing::get;
    use futures::stream;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_of_an_answer_is_let_go() {
        let (taken, stop) = (CancellationToken::new(), CancellationToken::new());
        let gone = taken.clone();
        let endless = move || {
            let cancels_when_dropped = gone.clone().drop_guard();
            stream::repeat_with(move || {
                let _held = &cancels_when_dropped;
                Ok::<_, Infallible>(vec![7; 1000])
            })
        };
        let router = Router::new().route("/", get(async move || Body::from_stream(endless())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move { take(listener, router, 1, &stop).await });
        tokio::time::pause();
        let began = tokio::time::Instant::now();

        client.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
        taken.cancelled().await;

        assert_eq!(began.elapsed().as_secs(), CLIENT_SILENCE.as_secs());
    }
}
