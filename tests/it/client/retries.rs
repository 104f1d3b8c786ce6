//! One request that fails before its body begins: sent again, and how often.

use std::net::TcpListener;
use std::time::Duration;

use tcia_mirror::dicom::CollectionName;
use tcia_mirror::nbia::{Client, Error};
use tokio_util::sync::CancellationToken;

use super::{
    NBIA_V4, client, nbia_list, nbia_v4, options, options_of, series_uid, server_error, stoppable_client,
    text,
};
use crate::support::raw_server::{Answer, RawServer};

/// How long the first byte of an answer may take.
const FIRST_BYTE: Duration = Duration::from_mins(5);

const COLLECTIONS: &str = r#"[{"Collection":"4D-Lung"}]"#;

/// Requests sent, and those of them that were sent again.
fn traffic(client: &Client) -> (u64, u64) {
    (client.traffic().requests(), client.traffic().retries())
}

#[tokio::test]
async fn two_failures_of_the_server_and_then_a_list_are_three_requests() {
    let server = RawServer::in_order([server_error(), server_error(), nbia_list(COLLECTIONS)]).await;
    let client = nbia_v4(&server);

    let collections = client.collections().await.unwrap();

    assert_eq!(collections, [CollectionName::new("4D-Lung")]);
    assert_eq!(server.request_lines(), ["GET /nbia-api/services/v4/getCollectionValues HTTP/1.1"; 3]);
    assert_eq!(traffic(&client), (3, 2));
}

#[tokio::test]
async fn a_service_that_stays_unavailable_is_given_up_after_the_last_attempt() {
    let unavailable = || text("503 Service Temporarily Unavailable", "text/html", "<html>503</html>");
    let server = RawServer::in_order([(); 9].map(|()| unavailable())).await;
    let client = nbia_v4(&server);

    let error = client.collections().await.unwrap_err();

    let Error::Status { status, text, .. } = &error else { panic!("{error:?}") };
    assert_eq!((status.as_u16(), text.as_str()), (503, "<html>503</html>"));
    assert!(error.is_outage());
    assert_eq!(traffic(&client), (3, 2));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn nobody_at_the_address_is_an_outage() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = client(&options_of(&format!("http://127.0.0.1:{port}{NBIA_V4}")));

    let error = client.collections().await.unwrap_err();

    let Error::NoAnswer { endpoint: "getCollectionValues", host, .. } = &error else { panic!("{error:?}") };
    assert_eq!(host, &format!("127.0.0.1:{port}"));
    assert!(error.is_outage() && error.is_transient() && !error.is_too_much_asked());
    assert_eq!(traffic(&client), (3, 2));
}

#[tokio::test]
async fn a_connection_closed_or_reset_before_the_status_is_no_answer_and_tried_again() {
    let closed = Answer::literal([]).then_close();
    let reset = Answer::literal([]).then_reset();
    let server = RawServer::in_order([closed, reset.clone(), reset]).await;
    let client = nbia_v4(&server);

    let error = client.collections().await.unwrap_err();

    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    assert_eq!(traffic(&client), (3, 2));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn something_else_than_http_is_no_answer() {
    let server =
        RawServer::in_order([(); 3].map(|()| Answer::literal("SSH-2.0-OpenSSH_9.6\r\n").then_close())).await;

    let error = nbia_v4(&server).collections().await.unwrap_err();

    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn a_service_that_never_begins_to_answer_is_asked_twice_and_no_more() {
    let half = Answer::literal("HTTP/1.1 200 O").then_silence();
    let server = RawServer::in_order([Answer::silence(), half]).await;
    let client = nbia_v4(&server);

    let (answer, ()) = tokio::join!(client.collections(), async {
        for attempt in 1..=2 {
            server.request(attempt).await;
            tokio::time::pause();
            tokio::time::advance(FIRST_BYTE).await;
            tokio::time::resume();
        }
    });

    let error = answer.unwrap_err();
    let Error::NoFirstByte { endpoint: "getCollectionValues", after: FIRST_BYTE } = &error else {
        panic!("{error:?}")
    };
    assert!(error.is_outage() && error.is_transient() && error.is_too_much_asked());
    assert_eq!(traffic(&client), (2, 1));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_image_is_tried_again_like_a_list() {
    let image = Answer::literal("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nPK");
    let server = RawServer::in_order([server_error(), image]).await;
    let client = nbia_v4(&server);

    let mut image = client.image(&series_uid("1.2.3")).await.unwrap();

    assert_eq!(image.body.chunk().await.unwrap().unwrap(), "PK");
    assert_eq!(traffic(&client), (2, 1));
}

#[tokio::test]
async fn a_connection_that_the_server_closes_between_two_requests_is_no_failure() {
    let server = RawServer::in_order([nbia_list("[]").then_close(), nbia_list("[]").then_close()]).await;
    let client = nbia_v4(&server);

    client.collections().await.unwrap();
    client.collections().await.unwrap();

    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_request_to_stop_ends_the_pause_before_the_next_attempt() {
    let server = RawServer::in_order([server_error()]).await;
    let mut options = options(&server, NBIA_V4);
    (options.retry.base, options.retry.cap) = (Duration::from_hours(1), Duration::from_hours(1));
    let stop = CancellationToken::new();
    let client = stoppable_client(&options, stop.clone());

    let (error, ()) = tokio::join!(client.collections(), async {
        server.request(1).await;
        stop.cancel();
    });

    assert!(matches!(error, Err(Error::Stopped)), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_request_to_stop_ends_the_wait_for_an_answer() {
    let server = RawServer::in_order([Answer::silence()]).await;
    let stop = CancellationToken::new();
    let client = stoppable_client(&options(&server, NBIA_V4), stop.clone());

    let (error, ()) = tokio::join!(client.collections(), async {
        server.request(1).await;
        stop.cancel();
    });

    assert!(matches!(error, Err(Error::Stopped)), "{error:?}");
}

#[tokio::test]
async fn once_stopped_nothing_is_sent() {
    let server = RawServer::in_order([]).await;
    let stop = CancellationToken::new();
    let client = stoppable_client(&options(&server, NBIA_V4), stop.clone());
    stop.cancel();

    let answers = (client.collections().await, client.probe().await, client.back_off(9).await);

    let (Err(Error::Stopped), Err(Error::Stopped), Err(Error::Stopped)) = answers else {
        panic!("{answers:?}")
    };
    assert!(server.requests().is_empty());
}
