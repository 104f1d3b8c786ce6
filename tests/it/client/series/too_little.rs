//! Answers to getImage that bring nothing, or too little to go on with: the series is asked for again another time.

use tcia_mirror::fetch::{Error, How, Options};
use tcia_mirror::mirror::VerifyError;
use tcia_mirror::nbia;

use super::{
    Attempt, HIERARCHY, HTML, INSTANCES, LICENSE, Mirror, ZIP, attempt, fetch, fetch_by, file, files,
    hierarchy_answer, instance_list, listed, listed_with, single, single_answer, sorted_lines_after, staged,
    staged_with_license, zip_answer, zip_of,
};
use crate::client::{nbia_v4, text, zero_bytes};
use crate::support::java_zip::JavaZip;
use crate::support::raw_server::{Answer, RawServer};

/// An attempt at a series of three instances that this answer to getImage is all there is to.
async fn fetch_hopeless(answer: Answer) -> (Mirror, Attempt) {
    let (mirror, server) = (Mirror::new(), RawServer::in_order([answer]).await);
    let attempt = fetch(&mirror, &server, &listed(&files(3))).await;
    assert_eq!(server.request_lines(), [ZIP]);
    assert!(attempt.reported.is_empty());
    (mirror, attempt)
}

#[tokio::test]
async fn a_zip_with_nothing_but_the_licence_brings_nothing() {
    let (mirror, attempt) = fetch_hopeless(zip_answer(&zip_of(&[]).finish())).await;

    assert!(matches!(attempt.error(), Error::NoMd5List));
    assert_eq!(mirror.files(), staged_with_license([]));
}

#[tokio::test]
async fn a_zip_of_22_bytes_brings_nothing() {
    let empty = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    let (mirror, attempt) = fetch_hopeless(zip_answer(empty)).await;

    assert_eq!(empty.len(), 22);
    assert!(matches!(attempt.error(), Error::NoMd5List));
    assert_eq!(mirror.files(), staged([]));
}

#[tokio::test]
async fn a_zip_with_an_empty_list_of_md5s_holds_no_instance() {
    let zip = JavaZip::new().entry("LICENSE", LICENSE).entry("md5hashes.csv", b"Filename,MD5Hash\n");

    let (_, attempt) = fetch_hopeless(zip_answer(&zip.finish())).await;

    let error = attempt.error();
    assert!(matches!(error, Error::Verify(VerifyError::Empty)), "{error:?}");
}

#[tokio::test]
async fn a_body_without_a_byte_is_no_zip_to_its_end() {
    let (mirror, attempt) = fetch_hopeless(zero_bytes()).await;

    let error = attempt.error();
    let Error::Unpack(cause) = &error else { panic!("{error:?}") };
    assert_eq!(cause.to_string(), "the ZIP ends at byte 0, before its central directory");
    assert!(cause.is_cut());
    assert_eq!(mirror.files(), staged([]));
}

#[tokio::test]
async fn a_page_of_html_with_status_200_is_not_a_zip_and_shows_itself() {
    let page = text("200 OK", "text/html", str::from_utf8(HTML).unwrap());

    let (mirror, attempt) = fetch_hopeless(page).await;

    let error = attempt.error();
    let Error::Unpack(cause) = &error else { panic!("{error:?}") };
    assert!(cause.to_string().starts_with("not a ZIP, it begins with \"<html>"), "{cause}");
    assert!(!error.is_over_limit() && !error.contradicts_listing());
    assert_eq!(mirror.files(), staged([]));
}

#[tokio::test]
async fn a_dicom_file_in_the_place_of_the_zip_is_not_a_zip() {
    let (_, attempt) = fetch_hopeless(zip_answer(&file(1))).await;

    let error = attempt.error();
    assert!(matches!(&error, Error::Unpack(cause) if !cause.is_cut()), "{error:?}");
}

#[tokio::test]
async fn a_400_that_grants_no_access_is_the_error_itself() {
    let refusal = "The user has not been granted the access to image with given SeriesInstanceUID,1.2.3. Please contact System Admin to resolve this issue.";

    let (mirror, attempt) = fetch_hopeless(text("400 Bad Request", "application/json", refusal)).await;

    let error = attempt.error();
    let Error::Remote(remote @ nbia::Error::Status { text, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(text, refusal);
    assert!(remote.is_transient());
    assert_eq!(mirror.files(), staged([]));
}

#[tokio::test]
async fn a_zip_that_breaks_off_early_is_left_to_a_second_attempt_with_what_it_brought() {
    let answer = zip_answer(&zip_of(&files(45)).finish());
    let in_the_fourth_file = answer.length() / 15;
    let (mirror, server) = (Mirror::new(), RawServer::in_order([answer.cut_after(in_the_fourth_file)]).await);

    let attempt = fetch(&mirror, &server, &listed(&files(45))).await;

    assert_eq!(server.request_lines(), [ZIP]);
    let kept = mirror.files().len() - 1;
    assert!((1..=4).contains(&kept), "{:?}", mirror.files());
    assert_eq!(mirror.files(), staged_with_license(1..=kept));
    let error = attempt.error();
    assert!(matches!(error, Error::Remote(nbia::Error::Cut { .. })), "{error:?}");
}

#[tokio::test]
async fn after_a_failure_even_a_zip_that_brings_nothing_is_followed_by_single_images() {
    let answers = [
        (ZIP.to_owned(), zip_answer(&zip_of(&[]).finish())),
        (INSTANCES.to_owned(), instance_list(3)),
        (single(1), single_answer(&file(1))),
        (single(2), single_answer(&file(2))),
        (single(3), single_answer(&file(3))),
        (HIERARCHY.to_owned(), hierarchy_answer(3)),
    ];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);
    let staging = mirror.staging(Vec::new());

    let attempt = attempt(staging, nbia_v4(&server), Options::default(), &listed(&files(3)), 1).await;

    assert_eq!(sorted_lines_after(&server, &[ZIP, INSTANCES]), [single(1), single(2), single(3)]);
    assert_eq!(attempt.proof(), "count+bytes+instances+hierarchy");
}

#[tokio::test]
async fn a_series_wanted_by_zip_alone_is_never_completed_by_single_images() {
    let (mirror, server) =
        (Mirror::new(), RawServer::in_order([zip_answer(&zip_of(&files(3)).finish())]).await);

    let attempt = fetch_by(How::Series, &mirror, &server, &listed(&files(4))).await;

    assert_eq!(server.request_lines(), [ZIP]);
    assert_eq!(mirror.files(), staged_with_license(1..=2), "the last is doubtful");
    assert!(matches!(attempt.error(), Error::NoMd5List));
}

#[tokio::test]
async fn a_series_that_is_listed_without_a_count_is_compared_with_the_list_of_its_instances() {
    let size_line = "GET /nbia-api/services/v4/getSeriesSize?SeriesInstanceUID=1.2.3 HTTP/1.1";
    let zip = zip_of(&files(3)).entry("md5hashes.csv", &super::md5_list(&files(3))).finish();
    let answers = [(size_line, zero_bytes()), (INSTANCES, instance_list(3)), (ZIP, zip_answer(&zip))];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);

    let attempt = fetch(&mirror, &server, &listed_with(serde_json::json!({}))).await;

    assert_eq!(server.request_lines(), [size_line, INSTANCES, ZIP]);
    assert_eq!(attempt.proof(), "md5+instances");
}
