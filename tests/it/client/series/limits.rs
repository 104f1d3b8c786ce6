//! Series that are larger than they may be.

use tcia_mirror::fetch::{Error, How, Options};

use super::{
    INSTANCES, Mirror, ZIP, attempt, fetch, file, files, instance_list, listed, listed_with, single,
    single_answer, zip_answer, zip_of,
};
use crate::client::nbia_v4;
use crate::support::raw_server::RawServer;

/// Options for a series that takes at most so many bytes.
fn at_most(max_series: u64, how: How) -> Options {
    Options { how, max_series, ..Options::default() }
}

#[tokio::test]
async fn a_series_that_is_listed_with_more_bytes_than_it_may_have_is_not_even_asked_for() {
    let series = listed(&files(4));
    let limit = series.file_size.unwrap() - 1;
    for how in [How::Auto, How::Series, How::Instances] {
        let (mirror, server) = (Mirror::new(), RawServer::in_order([]).await);

        let staging = mirror.staging(Vec::new());
        let attempt = attempt(staging, nbia_v4(&server), at_most(limit, how), &series, 0).await;

        let error = attempt.error();
        assert!(error.is_over_limit(), "{error:?}");
        assert_eq!(error.to_string(), format!("the series is larger than {limit} bytes"));
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_series_of_exactly_as_many_bytes_as_it_may_have_is_taken() {
    let series = listed(&files(4));
    let zip = zip_of(&files(4)).entry("md5hashes.csv", &super::md5_list(&files(4))).finish();
    let (mirror, server) = (Mirror::new(), RawServer::in_order([zip_answer(&zip)]).await);
    // the licence and the list of MD5s count as well
    let limit = series.file_size.unwrap() + 4096;

    let attempt =
        attempt(mirror.staging(Vec::new()), nbia_v4(&server), at_most(limit, How::Auto), &series, 0).await;

    assert_eq!(attempt.proof(), "count+bytes+md5");
}

#[tokio::test]
async fn a_series_whose_size_nobody_lists_stops_at_the_limit_and_is_not_continued_by_single_images() {
    let size_line = "GET /nbia-api/services/v4/getSeriesSize?SeriesInstanceUID=1.2.3 HTTP/1.1";
    let answers = [
        (size_line.to_owned(), super::nbia_list("[{}]")),
        (ZIP.to_owned(), zip_answer(&zip_of(&files(4)).finish())),
        (INSTANCES.to_owned(), instance_list(4)),
        (single(3), single_answer(&file(3))),
        (single(4), single_answer(&file(4))),
    ];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);
    let limit = listed(&files(3)).file_size.unwrap() + 400;
    let series = listed_with(serde_json::json!({"ImageCount": 4}));

    let attempt =
        attempt(mirror.staging(Vec::new()), nbia_v4(&server), at_most(limit, How::Auto), &series, 0).await;

    let error = attempt.error();
    assert!(error.is_over_limit(), "{error:?}");
    assert_eq!(server.request_lines(), [size_line, ZIP]);
}

#[tokio::test]
async fn a_zip_of_far_more_bytes_than_are_listed_contradicts_the_listing() {
    let bomb = super::file_with(1, &vec![0; 3 << 20]);
    let (mirror, server) =
        (Mirror::new(), RawServer::in_order([zip_answer(&zip_of([&bomb]).finish())]).await);

    let attempt = fetch(&mirror, &server, &listed(&files(1))).await;

    let error = attempt.error();
    assert!(!error.is_over_limit() && error.contradicts_listing(), "{error:?}");
    assert_eq!(server.request_lines(), [ZIP]);
    assert_eq!(mirror.files(), super::staged_with_license([]));
}

#[tokio::test]
async fn a_zip_of_far_more_entries_than_are_listed_contradicts_the_listing() {
    let zip = (0..40).fold(zip_of(&[]), |zip, _| zip.entry("1-1.dcm", &file(1)));
    let (mirror, server) = (Mirror::new(), RawServer::in_order([zip_answer(&zip.finish())]).await);

    let attempt = fetch(&mirror, &server, &listed(&files(1))).await;

    let error = attempt.error();
    assert!(!error.is_over_limit() && error.contradicts_listing(), "{error:?}");
    assert_eq!(server.request_lines(), [ZIP]);
}

#[tokio::test]
async fn a_single_image_larger_than_an_instance_may_be_is_given_up() {
    let answers = [(INSTANCES.to_owned(), instance_list(1)), (single(1), single_answer(&file(1)))];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);
    let max_instance = file(1).len() as u64 - 1;
    let options = Options { how: How::Instances, max_instance, ..Options::default() };

    let attempt = attempt(mirror.staging(Vec::new()), nbia_v4(&server), options, &listed(&files(1)), 0).await;

    let error = attempt.error();
    assert!(matches!(error, Error::TooLarge { .. }) && error.is_over_limit(), "{error:?}");
    assert_eq!(mirror.files(), super::staged([]));
}
