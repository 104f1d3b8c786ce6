//! Single images that are not what was asked for: the series is not whole, and what is good of it stays.

use tcia_mirror::fetch::{Error, How, Options};
use tcia_mirror::nbia;
use tokio_util::sync::CancellationToken;

use super::{
    Attempt, INSTANCES, Mirror, attempt, fetch_by, file, files, instance_list, listed, listed_with, single,
    single_answer, staged,
};
use crate::client::{
    NBIA_V4, let_everything_run, nbia_list, nbia_v4, options, server_error, stoppable_client, text,
    zero_bytes,
};
use crate::support::dicom_bytes;
use crate::support::raw_server::{Answer, RawServer};

/// An attempt at a series of three instances by themselves, of which the second is this answer.
async fn fetch_with_second(second: Answer) -> (Mirror, Attempt) {
    let seconds = [(); 3].map(|()| (single(2), second.clone()));
    let others = [(single(1), single_answer(&file(1))), (single(3), single_answer(&file(3)))];
    let answers = [(INSTANCES.to_owned(), instance_list(3))].into_iter().chain(others).chain(seconds);
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);
    let attempt = fetch_by(How::Instances, &mirror, &server, &listed(&files(3))).await;
    (mirror, attempt)
}

fn assert_the_others_stay(mirror: &Mirror, attempt: &Attempt) {
    assert_eq!(mirror.files(), staged([1, 3]));
    assert_eq!(attempt.reported.iter().collect::<Vec<_>>(), ["1.2.3.1", "1.2.3.3"]);
}

#[tokio::test]
async fn an_instance_that_the_server_cannot_send_is_its_error() {
    let (mirror, attempt) = fetch_with_second(server_error()).await;

    assert_the_others_stay(&mirror, &attempt);
    let error = attempt.error();
    let Error::Remote(nbia::Error::Status { endpoint: "getSingleImage", status, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(status.as_u16(), 500);
}

#[tokio::test]
async fn another_instance_than_the_one_asked_for_is_not_kept() {
    let (mirror, attempt) = fetch_with_second(single_answer(&file(7))).await;

    assert_the_others_stay(&mirror, &attempt);
    assert_eq!(
        attempt.error().to_string(),
        "getSingleImage sent instance 1.2.3.7 where 1.2.3.2 was asked for"
    );
}

#[tokio::test]
async fn an_instance_of_another_series_is_not_kept() {
    let stranger = dicom_bytes::instance("1.2", "1.2.9", "1.2.3.2", b"pixels");

    let (mirror, attempt) = fetch_with_second(single_answer(&stranger)).await;

    assert_the_others_stay(&mirror, &attempt);
    assert_eq!(attempt.error().to_string(), "instance 1.2.3.2 belongs to series 1.2.9");
}

#[tokio::test]
async fn a_page_of_html_with_status_200_is_no_instance() {
    let (mirror, attempt) = fetch_with_second(text("200 OK", "application/dicom", "<html>oops</html>")).await;

    assert_the_others_stay(&mirror, &attempt);
    assert!(matches!(attempt.error(), Error::Header { .. }));
}

#[tokio::test]
async fn no_byte_with_status_200_is_no_instance() {
    let (mirror, attempt) = fetch_with_second(zero_bytes()).await;

    assert_the_others_stay(&mirror, &attempt);
    assert!(matches!(attempt.error(), Error::Header { .. }));
}

#[tokio::test]
async fn an_instance_that_breaks_off_leaves_nothing_behind() {
    let answer = single_answer(&file(2));
    let short = answer.length() - 10;

    let (mirror, attempt) = fetch_with_second(answer.cut_after(short)).await;

    assert_the_others_stay(&mirror, &attempt);
    let error = attempt.error();
    assert!(matches!(error, Error::Remote(nbia::Error::Cut { .. })), "{error:?}");
}

#[tokio::test]
async fn no_more_than_so_many_instances_are_under_way_at_once_and_a_stop_ends_them() {
    let singles = (1..=6).map(|number| (single(number), Answer::silence()));
    let answers = [(INSTANCES.to_owned(), instance_list(6))].into_iter().chain(singles);
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);
    let stop = CancellationToken::new();
    let client = stoppable_client(&options(&server, NBIA_V4), stop.clone());
    let ways = Options { how: How::Instances, instances_at_once: 2, ..Options::default() };
    let series = listed(&files(6));

    let (attempt, under_way) =
        tokio::join!(attempt(mirror.staging(Vec::new()), client, ways, &series, 0), async {
            server.request(3).await;
            let_everything_run().await;
            stop.cancel();
            server.request_lines()
        });

    assert_eq!(under_way.len(), 3, "the list and two instances");
    assert!(matches!(attempt.error(), Error::Remote(nbia::Error::Stopped)));
    assert_eq!(server.requests().len(), 3);
    assert_eq!(mirror.files(), staged([]));
}

#[tokio::test]
async fn an_empty_list_of_instances_may_be_a_hidden_failure_and_takes_nothing_away() {
    let (mirror, server) = (Mirror::new(), RawServer::by_request([(INSTANCES, zero_bytes())]).await);
    let staging = mirror.staging_with([1, 2]);

    let attempt = attempt(staging, nbia_v4(&server), Options::default(), &listed(&files(3)), 0).await;

    assert_eq!(mirror.files(), staged([1, 2]));
    assert_eq!(server.request_lines(), [INSTANCES]);
    let error = attempt.error();
    assert!(matches!(error, Error::NoInstances), "{error:?}");
}

#[tokio::test]
async fn a_list_of_instances_with_a_row_that_makes_no_sense_proves_nothing() {
    let size_line = "GET /nbia-api/services/v4/getSeriesSize?SeriesInstanceUID=1.2.3 HTTP/1.1";
    let list = r#"[{"SOPInstanceUID":"1.2.3.1"},{"SOPInstanceUID":"1.2.3.2?"},{"SOPInstanceUID":"1.2.3.3"}]"#;
    let answers = [(size_line, zero_bytes()), (INSTANCES, nbia_list(list))];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);

    let attempt = fetch_by(How::Instances, &mirror, &server, &listed_with(serde_json::json!({}))).await;

    let error = attempt.error();
    assert!(matches!(error, Error::Remote(nbia::Error::Rejected { .. })), "{error:?}");
    assert_eq!(server.request_lines(), [size_line, INSTANCES]);
}
