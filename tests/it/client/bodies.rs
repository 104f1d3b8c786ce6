//! Bodies that begin and do not end as they should: silence, a drip, a reset, a request to stop.

use std::io::{self, Read};
use std::time::Duration;

use tcia_mirror::nbia::{Body, Error, HttpOptions};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{NBIA_V4, client, nbia_v4, options, series_uid, stoppable_client, turn_until};
use crate::support::raw_server::{Answer, RawServer};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n";

/// A body whose head has come and whose clock is paused: what is waited for takes no time from here on.
async fn paused_body(answer: Answer, idle_timeout: Duration, min_rate: u64) -> (RawServer, Body) {
    let server = RawServer::in_order([answer]).await;
    let mut options = options(&server, NBIA_V4);
    options.http = HttpOptions { idle_timeout, min_rate, ..options.http };
    let image = client(&options).image(&series_uid("1.2.3")).await.expect("the answer is a success");
    tokio::time::pause();
    (server, image.body)
}

/// How many bytes came, and how the body ended.
async fn read(mut body: Body) -> (u64, Result<(), Error>) {
    let mut received = 0;
    loop {
        match body.chunk().await {
            Ok(Some(bytes)) => received += bytes.len() as u64,
            Ok(None) => return (received, Ok(())),
            Err(error) => return (received, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_list_that_falls_silent_is_given_up() {
    let server = RawServer::in_order([Answer::literal(format!("{HEAD}[{{")).then_silence()]).await;
    let client = nbia_v4(&server);

    let (answer, ()) = tokio::join!(client.collections(), async {
        turn_until(|| client.traffic().downloaded_bytes() == 2).await;
        tokio::time::pause();
    });

    let error = answer.unwrap_err();
    let Error::Silence { endpoint: "getCollectionValues", after, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*after, HttpOptions::default().idle_timeout);
    assert!(error.is_transient() && !error.is_outage() && error.is_too_much_asked());
    assert_eq!(client.traffic().retries(), 0, "the list had begun");
}

#[tokio::test]
async fn an_image_that_falls_silent_is_given_up_after_what_came() {
    let silent = Answer::literal(format!("{HEAD}PK")).then_silence();
    let (_server, body) = paused_body(silent, Duration::from_mins(1), 1).await;

    let (received, ended) = read(body).await;

    assert!(matches!(ended, Err(Error::Silence { endpoint: "getImage", .. })), "{ended:?}");
    assert!(received <= 2);
}

#[tokio::test]
async fn a_drip_below_the_least_rate_counts_as_silence() {
    let drip = Answer::literal(HEAD).then_drip(b".", Duration::from_millis(300));
    let (_server, body) = paused_body(drip, Duration::from_millis(900), 10).await;

    let (received, ended) = read(body).await;

    assert!(matches!(ended, Err(Error::Silence { min_rate: 10, .. })), "{ended:?}");
    assert!(received <= 4, "nine bytes were to come in the first 900 ms, {received} came");
}

#[tokio::test]
async fn a_drip_above_the_least_rate_is_a_body() {
    let drip = Answer::literal(HEAD).then_drip(b"..........", Duration::from_millis(300));
    let (_server, body) = paused_body(drip, Duration::from_millis(900), 10).await;

    let (received, ended) = read(body).await;

    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(received, 900);
}

#[tokio::test]
async fn a_reset_in_a_body_is_a_cut_that_counts_what_came() {
    let server = RawServer::in_order([Answer::literal(format!("{HEAD}PK")).then_reset()]).await;
    let body = nbia_v4(&server).image(&series_uid("1.2.3")).await.unwrap().body;

    let (received, ended) = read(body).await;

    assert!(
        matches!(ended, Err(Error::Cut { endpoint: "getImage", received: told, .. }) if told == received)
    );
}

#[tokio::test]
async fn a_reader_on_another_thread_gives_the_bytes_and_then_the_failure_itself() {
    let server = RawServer::in_order([Answer::literal(format!("{HEAD}PK\x03\x04")).then_close()]).await;
    let body = nbia_v4(&server).image(&series_uid("1.2.3")).await.unwrap().body;
    let mut reader = body.into_reader(&Handle::current());

    let (bytes, failure) = tokio::task::spawn_blocking(move || {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).map(|()| (bytes, io::read_to_string(reader).unwrap_err()))
    })
    .await
    .unwrap()
    .unwrap();

    assert_eq!(&bytes, b"PK\x03\x04");
    let failure = failure.downcast::<Error>().unwrap();
    assert!(matches!(failure, Error::Cut { received: 4, .. }), "{failure:?}");
}

#[tokio::test]
async fn a_reader_that_pauses_is_read_ahead_for_within_bounds_and_misses_nothing() {
    let sent: Vec<u8> = (0..32_u32 << 20).map(|index| (index % 251) as u8).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sent.len());
    let server = RawServer::in_order([Answer::literal([head.as_bytes(), &sent].concat())]).await;
    let client = nbia_v4(&server);
    let mut reader = client.image(&series_uid("1.2.3")).await.unwrap().body.into_reader(&Handle::current());

    turn_until(|| client.traffic().downloaded_bytes() > 512 << 10).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ahead = client.traffic().downloaded_bytes();
    let arrived = tokio::task::spawn_blocking(move || {
        let mut arrived = Vec::new();
        reader.read_to_end(&mut arrived).map(|_| arrived)
    });

    assert!(ahead < 4 << 20, "{ahead} bytes were read ahead");
    assert!(arrived.await.unwrap().unwrap() == sent);
}

#[tokio::test]
async fn an_image_that_is_encoded_though_nobody_asked_stays_as_it_came() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0";
    let server = RawServer::in_order([Answer::literal(answer)]).await;

    let mut image = nbia_v4(&server).image(&series_uid("1.2.3")).await.unwrap();

    assert_eq!(image.body.chunk().await.unwrap().unwrap().as_ref(), b"\x1f\x8b\x08\0");
}

#[tokio::test]
async fn a_request_to_stop_ends_the_wait_for_the_rest_of_a_body() {
    let server = RawServer::in_order([Answer::literal(format!("{HEAD}[")).then_silence()]).await;
    let stop = CancellationToken::new();
    let client = stoppable_client(&options(&server, NBIA_V4), stop.clone());

    let (answer, ()) = tokio::join!(client.collections(), async {
        server.request(1).await;
        stop.cancel();
    });

    assert!(matches!(answer, Err(Error::Stopped)), "{answer:?}");
}
