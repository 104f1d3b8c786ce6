//! How fast requests go out: a service that asks for quiet gets it from every lane, and no wait outlives a stop.

use std::sync::Arc;
use std::time::Duration;

use tcia_mirror::nbia::{Client, Error, Rate};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    NBIA_V4, client, let_everything_run, nbia_list, nbia_v4, options, series_uid, stoppable_client,
    turn_until,
};
use crate::support::raw_server::{Answer, RawServer};

const LIST: &str = "GET /nbia-api/services/v4/getCollectionValues HTTP/1.1";
const IMAGE: &str =
    "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.3&NewFileNames=Yes&IncludeMD5=yes HTTP/1.1";

const HOUR: Duration = Duration::from_hours(1);

fn too_many_requests(headers: &str) -> Answer {
    Answer::literal(format!("HTTP/1.1 429 Too Many Requests\r\n{headers}Content-Length: 0\r\n\r\n"))
}

fn image() -> Answer {
    Answer::literal("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
}

/// Asks for a list, which is refused, and then for an image; gives how long after the refusal each of the requests
/// went out that followed it, on a clock that is moved by an hour.
async fn waits_after(refusal: Answer) -> Vec<Duration> {
    let answers = [(LIST, refusal), (LIST, nbia_list("[]")), (IMAGE, image())];
    let server = RawServer::by_request(answers).await;
    let client = Arc::new(nbia_v4(&server));
    let mut questions = JoinSet::new();
    questions.spawn(ask_for_collections(Arc::clone(&client)));
    let refused_at = server.request(1).await.at;
    turn_until(|| client.traffic().retries() == 1).await;

    tokio::time::pause();
    questions.spawn(ask_for_image(Arc::clone(&client)));
    let_everything_run().await;
    tokio::time::advance(HOUR).await;
    tokio::time::resume();

    questions.join_all().await;
    server.requests()[1..].iter().map(|request| request.at - refused_at).collect()
}

async fn ask_for_collections(client: Arc<Client>) {
    client.collections().await.expect("the second answer is a list");
}

async fn ask_for_image(client: Arc<Client>) {
    client.image(&series_uid("1.2.3")).await.expect("the only answer is an image");
}

fn assert_everybody_waited(waits: &[Duration]) {
    assert_eq!(waits.len(), 2);
    assert!(waits.iter().all(|wait| *wait >= HOUR), "{waits:?}");
}

#[tokio::test]
async fn a_429_with_retry_after_in_seconds_holds_the_other_lane_as_well() {
    assert_everybody_waited(&waits_after(too_many_requests("Retry-After: 3600\r\n")).await);
}

#[tokio::test]
async fn a_retry_after_as_a_date_counts_from_the_date_of_the_answer() {
    let headers = "Date: Sun, 06 Nov 1994 06:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 07:49:37 GMT\r\n";

    assert_everybody_waited(&waits_after(too_many_requests(headers)).await);
}

#[tokio::test]
async fn a_retry_after_as_a_date_counts_from_our_clock_when_the_answer_has_none() {
    // our clock stands at 08:49:37 that day
    let headers = "Retry-After: Sun, 06 Nov 1994 09:49:37 GMT\r\n";

    assert_everybody_waited(&waits_after(too_many_requests(headers)).await);
}

#[tokio::test]
async fn a_503_with_retry_after_holds_everybody_too() {
    let unavailable = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";

    assert_everybody_waited(&waits_after(Answer::literal(unavailable)).await);
}

#[tokio::test]
async fn a_500_holds_only_its_own_question() {
    let broken = "HTTP/1.1 500 \r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";

    let waits = waits_after(Answer::literal(broken)).await;

    let [image, list] = waits[..] else { panic!("{waits:?}") };
    assert!(image < HOUR && list >= HOUR, "{waits:?}");
}

#[tokio::test]
async fn a_429_after_the_last_attempt_still_holds_the_next_question() {
    let server =
        RawServer::by_request([(LIST, too_many_requests("Retry-After: 3600\r\n")), (IMAGE, image())]).await;
    let mut options = options(&server, NBIA_V4);
    options.retry.attempts = 1;
    let (client, series) = (client(&options), series_uid("1.2.3"));
    let began = Instant::now();

    let refused = client.collections().await.unwrap_err();
    tokio::time::pause();
    let (answered, ()) = tokio::join!(client.image(&series), async {
        let_everything_run().await;
        tokio::time::advance(HOUR).await;
        tokio::time::resume();
    });

    assert!(matches!(refused, Error::Status { retry_after: Some(HOUR), .. }), "{refused:?}");
    assert!(answered.is_ok());
    assert!(server.requests()[1].at - began >= HOUR);
}

#[tokio::test]
async fn a_429_without_retry_after_is_tried_again_by_the_usual_schedule() {
    let server = RawServer::in_order([too_many_requests(""), nbia_list("[]")]).await;
    let client = nbia_v4(&server);

    client.collections().await.unwrap();

    assert_eq!((client.traffic().requests(), client.traffic().retries()), (2, 1));
}

#[tokio::test]
async fn a_retry_after_of_zero_or_in_the_past_or_without_sense_holds_nobody() {
    let senses =
        ["0", "Sun, 06 Nov 1994 08:00:00 GMT", "soon"].map(|sense| format!("Retry-After: {sense}\r\n"));
    let answers = senses.iter().flat_map(|sense| [too_many_requests(sense), nbia_list("[]")]);
    let server = RawServer::in_order(answers).await;
    let client = nbia_v4(&server);

    for _ in 0..3 {
        client.collections().await.unwrap();
    }

    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn a_retry_after_beyond_all_time_is_waited_for_until_someone_stops_it() {
    let server = RawServer::in_order([too_many_requests("Retry-After: 18446744073709551615\r\n")]).await;
    let stop = CancellationToken::new();
    let client = stoppable_client(&options(&server, NBIA_V4), stop.clone());

    let (refused, ()) = tokio::join!(client.collections(), async {
        turn_until(|| client.traffic().retries() == 1).await;
        stop.cancel();
    });

    assert!(matches!(refused, Err(Error::Stopped)), "{refused:?}");
    assert_eq!(client.traffic().retries(), 1);
}

#[tokio::test]
async fn a_rate_of_one_list_an_hour_holds_the_second_list_and_no_image() {
    let server = RawServer::by_request([(LIST, nbia_list("[]")), (IMAGE, image())]).await;
    let mut options = options(&server, NBIA_V4);
    options.query_rate = Rate { amount: 1, per: HOUR };
    let stop = CancellationToken::new();
    let client = stoppable_client(&options, stop.clone());
    client.collections().await.unwrap();

    let (second, image) = tokio::join!(client.collections(), async {
        let image = client.image(&series_uid("1.2.3")).await;
        stop.cancel();
        image
    });

    assert!(matches!(second, Err(Error::Stopped)), "{second:?}");
    assert!(image.is_ok());
    assert_eq!(server.request_lines(), [LIST, IMAGE]);
}

#[tokio::test]
async fn a_request_to_stop_ends_the_wait_for_bandwidth() {
    let body = Answer::literal(format!("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{:60}", "PK"));
    let server = RawServer::in_order([body]).await;
    let mut options = options(&server, NBIA_V4);
    options.bandwidth = 1;
    let stop = CancellationToken::new();
    let client = stoppable_client(&options, stop.clone());
    let mut body = client.image(&series_uid("1.2.3")).await.unwrap().body;

    let (received, ()) = tokio::join!(body.chunk(), async {
        turn_until(|| client.traffic().downloaded_bytes() > 0).await;
        stop.cancel();
    });

    assert!(matches!(received, Err(Error::Stopped)), "{received:?}");
}
