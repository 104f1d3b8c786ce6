//! ZIPs that bring less than all, or something wrong: what is good of them stays, the rest is fetched by itself.

use tcia_mirror::fetch::How;

use super::{
    HIERARCHY, HTML, INSTANCES, Mirror, ZIP, fetch, fetch_by, file, file_with, files, hierarchy_answer,
    instance_list, listed, md5_list, single, single_answer, sorted_lines_after, staged_with_license,
    zip_answer, zip_of,
};
use crate::support::dicom_bytes;
use crate::support::java_zip::{JavaZip, Oddity};
use crate::support::raw_server::{Answer, RawServer};

/// A server with this answer to getImage, a list of so many instances, and each of them.
async fn server(zip: Answer, count: usize) -> RawServer {
    let singles = (1..=count).map(|number| (single(number), single_answer(&file(number))));
    let lists = [
        (ZIP.to_owned(), zip),
        (INSTANCES.to_owned(), instance_list(count)),
        (HIERARCHY.to_owned(), hierarchy_answer(count)),
    ];
    RawServer::by_request(lists.into_iter().chain(singles)).await
}

/// Fetches a series of so many instances whose ZIP is this answer, and expects it whole in the end, after these
/// single images.
async fn assert_repaired(zip: Answer, count: usize, fetched_by_themselves: &[usize], proof: &str) {
    let (mirror, server) = (Mirror::new(), server(zip, count).await);

    let attempt = fetch(&mirror, &server, &listed(&files(count))).await;

    let expected: Vec<_> = fetched_by_themselves.iter().map(|number| single(*number)).collect();
    assert_eq!(sorted_lines_after(&server, &[ZIP, INSTANCES]), expected);
    assert_eq!(mirror.files(), staged_with_license(1..=count));
    for number in 1..=count {
        assert_eq!(mirror.staged_file(&format!("1.2.3.{number}.dcm")), file(number));
    }
    assert_eq!(attempt.proof(), proof);
}

/// A whole ZIP of four instances with something else in the place of the third, and the list of MD5s of the right four.
fn zip_with_third(third: &[u8]) -> Answer {
    let zip = zip_of(&files(2)).entry("1-3.dcm", third).entry("1-4.dcm", &file(4));
    zip_answer(&zip.entry("md5hashes.csv", &md5_list(&files(4))).finish())
}

#[tokio::test]
async fn a_short_but_well_formed_zip_is_completed_by_what_it_lacks_and_its_doubtful_end() {
    let zip = zip_answer(&zip_of(&files(4)[..3]).finish());

    assert_repaired(zip, 4, &[3, 4], "count+bytes+instances+hierarchy").await;
}

#[tokio::test]
async fn a_zip_with_all_files_but_no_list_of_md5s_has_its_last_file_fetched_again() {
    let zip = zip_answer(&zip_of(&files(4)).finish());

    assert_repaired(zip, 4, &[4], "count+bytes+instances+hierarchy").await;
}

#[tokio::test]
async fn of_a_zip_cut_in_the_middle_what_was_proven_stays() {
    let before_the_fifth = zip_of(&files(4)).finish();
    let central_directory = before_the_fifth.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let zip = zip_of(&files(6)).finish_cut(central_directory + 100);

    let head_and_chunks = zip_answer(&zip);
    let without_the_last_chunk = head_and_chunks.length() - "0\r\n\r\n".len();

    assert_repaired(
        head_and_chunks.cut_after(without_the_last_chunk),
        6,
        &[4, 5, 6],
        "count+bytes+instances+hierarchy",
    )
    .await;
}

#[tokio::test]
async fn a_zip_whose_end_is_missing_though_http_ends_well_is_completed() {
    let zip = zip_of(&files(4)).finish();
    let end = zip.windows(4).position(|bytes| bytes == b"PK\x05\x06").unwrap();

    assert_repaired(zip_answer(&zip[..end]), 4, &[4], "count+bytes+instances+hierarchy").await;
}

#[tokio::test]
async fn a_file_cut_short_with_a_matching_crc_is_the_last_and_fetched_again() {
    let short = file(4)[..file(4).len() - 20].to_vec();
    let zip = zip_of(&files(3)).entry("1-4.dcm", &short).finish();

    assert_repaired(zip_answer(&zip), 4, &[4], "count+bytes+instances+hierarchy").await;
}

#[tokio::test]
async fn a_file_that_is_not_in_the_list_of_md5s_is_fetched_again() {
    let damaged = zip_with_third(&file_with(3, b"pixels of the instance with THIS number "));

    assert_repaired(damaged, 4, &[3], "count+bytes+md5+instances").await;
}

#[tokio::test]
async fn a_page_of_html_in_the_place_of_a_file_is_replaced_by_the_file() {
    assert_repaired(zip_with_third(HTML), 4, &[3], "count+bytes+md5+instances").await;
}

#[tokio::test]
async fn an_instance_of_another_series_is_replaced_by_the_right_one() {
    let stranger = dicom_bytes::instance("1.2", "1.2.9", "1.2.9.1", b"pixels");

    assert_repaired(zip_with_third(&stranger), 4, &[3], "count+bytes+md5+instances").await;
}

#[tokio::test]
async fn an_empty_file_is_replaced_by_the_right_one() {
    assert_repaired(zip_with_third(b""), 4, &[3], "count+bytes+md5+instances").await;
}

#[tokio::test]
async fn a_file_with_a_wrong_crc_ends_the_zip_there() {
    let zip = zip_of(&files(4)).odd_entry("1-5.dcm", &file(5), Oddity::WrongCrc).entry("1-6.dcm", &file(6));

    assert_repaired(zip_answer(&zip.finish()), 6, &[4, 5, 6], "count+bytes+instances+hierarchy").await;
}

#[tokio::test]
async fn a_stored_file_that_does_not_tell_its_length_ends_the_zip_there() {
    let zip = zip_of(&files(3)).odd_entry("1-4.dcm", &file(4), Oddity::Stored);

    assert_repaired(zip_answer(&zip.finish()), 4, &[3, 4], "count+bytes+instances+hierarchy").await;
}

#[tokio::test]
async fn something_behind_the_zip_spoils_it_but_not_its_proven_files() {
    let zip = zip_of(&files(4)).entry("md5hashes.csv", &md5_list(&files(4))).finish_followed_by(HTML);

    assert_repaired(zip_answer(&zip), 4, &[], "count+bytes+md5+instances").await;
}

#[tokio::test]
async fn an_md5_that_stays_different_proves_nothing() {
    let wrong = file_with(3, b"what the service has taken its digest of ");
    let list = md5_list(&[file(1), file(2), wrong]);
    let zip = zip_of(&files(3)).entry("md5hashes.csv", &list).finish();
    let (mirror, server) = (Mirror::new(), server(zip_answer(&zip), 3).await);

    let attempt = fetch(&mirror, &server, &listed(&files(3))).await;

    assert_eq!(sorted_lines_after(&server, &[ZIP, INSTANCES]), [single(3)]);
    assert_eq!(
        attempt.verdict().unwrap_err().to_string(),
        "1 instances are not in the service's list of MD5s, 1 of its MD5s belong to no instance"
    );
}

#[tokio::test]
async fn of_two_files_of_one_instance_that_differ_neither_is_believed() {
    let other = file_with(2, b"pixels of the instance with THIS number ");
    let all = [file(1), file(2), other];
    let zip = zip_of(&all).entry("md5hashes.csv", &md5_list(&all)).finish();
    let (mirror, server) = (Mirror::new(), server(zip_answer(&zip), 2).await);

    let attempt = fetch_by(How::Series, &mirror, &server, &listed(&all)).await;

    assert_eq!(server.request_lines(), [ZIP]);
    assert_eq!(mirror.files(), staged_with_license(1..=1));
    assert!(attempt.error().taints_what_is_staged());
}

#[tokio::test]
async fn an_instance_that_the_list_of_instances_does_not_have_stays_and_proves_nothing() {
    let all = files(4);
    let zip = zip_of(&all).entry("md5hashes.csv", &md5_list(&all)).finish();
    let (mirror, server) = (Mirror::new(), server(zip_answer(&zip), 3).await);

    let attempt = fetch(&mirror, &server, &listed(&files(3))).await;

    assert_eq!(server.request_lines(), [ZIP, INSTANCES]);
    assert_eq!(mirror.files(), staged_with_license(1..=4));
    // the list of MD5s still has the fourth: the service contradicts itself
    assert!(attempt.verdict().is_err());
}

#[tokio::test]
async fn an_extra_file_of_another_series_is_not_kept_and_proves_nothing() {
    let stranger = dicom_bytes::instance("1.2", "1.2.9", "1.2.9.1", b"pixels");
    let all = [file(1), file(2), stranger];
    let zip = JavaZip::new().entry("1-1.dcm", &all[0]).entry("1-2.dcm", &all[1]).entry("1-3.dcm", &all[2]);
    let zip = zip.entry("md5hashes.csv", &md5_list(&all)).finish();
    let (mirror, server) = (Mirror::new(), server(zip_answer(&zip), 2).await);

    let attempt = fetch(&mirror, &server, &listed(&files(2))).await;

    assert_eq!(server.request_lines(), [ZIP, INSTANCES]);
    assert_eq!(mirror.files(), super::staged(1..=2));
    assert!(attempt.verdict().is_err());
}
