//! ZIPs that bring all there is.

use super::{
    Attempt, HIERARCHY, INSTANCES, LICENSE, Mirror, ZIP, fetch, fetch_by, file, files, hierarchy_answer,
    instance_list, listed, md5_list, single, single_answer, sorted_lines_after, staged, staged_with_license,
    zip_answer, zip_of,
};
use crate::client::text;
use crate::support::java_zip::JavaZip;
use crate::support::raw_server::{Answer, RawServer};
use tcia_mirror::fetch::How;

/// MD5 of `file(1)` as `md5sum` gives it.
const MD5_OF_FILE_1: &str = "a832ad1974357a8f353da5c55f637d42";

async fn fetch_whole(answer: Answer) -> (Mirror, RawServer, Attempt) {
    let (mirror, server) = (Mirror::new(), RawServer::in_order([answer]).await);
    let attempt = fetch(&mirror, &server, &listed(&files(3))).await;
    (mirror, server, attempt)
}

fn whole_zip() -> JavaZip {
    let files = files(3);
    zip_of(&files).entry("md5hashes.csv", &md5_list(&files))
}

#[tokio::test]
async fn a_whole_zip_is_one_request_and_proven_by_count_bytes_and_md5s() {
    let (mirror, server, attempt) = fetch_whole(zip_answer(&whole_zip().finish())).await;

    assert_eq!(server.request_lines(), [ZIP]);
    assert_eq!(mirror.files(), staged_with_license(1..=3));
    for number in 1..=3 {
        assert_eq!(mirror.staged_file(&format!("1.2.3.{number}.dcm")), file(number));
    }
    assert_eq!(mirror.staged_file("LICENSE"), LICENSE);
    assert_eq!(attempt.progress_bytes, files(3).concat().len() as u64);
    assert_eq!(attempt.reported.iter().collect::<Vec<_>>(), ["1.2.3.1", "1.2.3.2", "1.2.3.3"]);
    assert_eq!(attempt.proof(), "count+bytes+md5");
}

#[tokio::test]
async fn the_digest_of_an_instance_is_that_of_md5sum() {
    let (_mirror, _server, attempt) = fetch_whole(zip_answer(&whole_zip().finish())).await;

    let (staging, _) = attempt.outcome.ok().unwrap();

    let first = staging.instances().values().next().unwrap();
    assert_eq!(format!("{:032x}", u128::from_be_bytes(first.md5)), MD5_OF_FILE_1);
}

#[tokio::test]
async fn a_zip_that_arrives_byte_by_byte_is_the_same() {
    let (_mirror, server, attempt) = fetch_whole(zip_answer(&whole_zip().finish()).byte_by_byte()).await;

    assert_eq!(attempt.proof(), "count+bytes+md5");
    assert_eq!(server.request_lines(), [ZIP]);
}

#[tokio::test]
async fn a_file_without_a_digest_in_the_list_leaves_count_and_bytes_to_prove_it() {
    let files = files(3);
    let list = String::from_utf8(md5_list(&files[..2])).unwrap() + "1-3.dcm,\n";
    let zip = zip_of(&files).entry("md5hashes.csv", list.as_bytes()).finish();

    let (_mirror, server, attempt) = fetch_whole(zip_answer(&zip)).await;

    assert_eq!(attempt.proof(), "count+bytes");
    assert_eq!(server.request_lines(), [ZIP]);
}

#[tokio::test]
async fn a_server_that_knows_no_list_of_md5s_is_not_expected_to_send_one() {
    let refusal = text("400 Bad Request", "text/plain", "Invalid query parameter: 'IncludeMD5'.");
    let zip = zip_answer(&zip_of(&files(3)).finish());
    let (mirror, server) = (Mirror::new(), RawServer::in_order([refusal, zip, hierarchy_answer(3)]).await);

    let attempt = fetch(&mirror, &server, &listed(&files(3))).await;

    assert_eq!(attempt.proof(), "count+bytes+hierarchy");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn instances_asked_for_by_themselves_never_need_the_zip() {
    let answers = [
        (INSTANCES.to_owned(), instance_list(3)),
        (single(1), single_answer(&file(1))),
        (single(2), single_answer(&file(2))),
        (single(3), single_answer(&file(3))),
        (HIERARCHY.to_owned(), hierarchy_answer(3)),
    ];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);

    let attempt = fetch_by(How::Instances, &mirror, &server, &listed(&files(3))).await;

    assert_eq!(sorted_lines_after(&server, &[INSTANCES]), [single(1), single(2), single(3)]);
    assert_eq!(mirror.files(), staged(1..=3));
    assert_eq!(attempt.progress_bytes, files(3).concat().len() as u64);
    assert_eq!(attempt.reported.len(), 3);
    assert_eq!(attempt.proof(), "count+bytes+instances+hierarchy");
}
