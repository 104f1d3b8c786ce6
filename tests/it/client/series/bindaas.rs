//! Series from the Bindaas generation: no licence, no MD5s, no size in the listing, `./` before every name.

use serde_json::json;
use tcia_mirror::fetch::{Error, Options};
use tcia_mirror::mirror::VerifyError;

use super::{
    Attempt, HTML, Mirror, attempt, file, files, listed_with, single_answer, sorted_lines_after, staged,
    uid_list,
};
use crate::client::{bindaas_list, bindaas_v3};
use crate::support::java_zip::JavaZip;
use crate::support::raw_server::{Answer, RawServer};

const SIZE: &str = "GET /services/v3/TCIA/query/getSeriesSize?SeriesInstanceUID=1.2.3&format=json HTTP/1.1";
const ZIP: &str = "GET /services/v3/TCIA/query/getImage?SeriesInstanceUID=1.2.3 HTTP/1.1";
const INSTANCES: &str =
    "GET /services/v3/TCIA/query/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3&format=json HTTP/1.1";

fn single(number: usize) -> String {
    format!(
        "GET /services/v3/TCIA/query/getSingleImage?SeriesInstanceUID=1.2.3&SOPInstanceUID=1.2.3.{number} HTTP/1.1"
    )
}

/// What getSeriesSize says of a series with these files.
fn size(files: &[Vec<u8>]) -> Answer {
    let bytes = files.concat().len();
    bindaas_list(&format!(r#"[{{"TotalSizeInBytes":"{bytes}.000000","ObjectCount":"{}"}}]"#, files.len()))
}

/// A ZIP of the plugin for blobs.
fn blob(files: &[Vec<u8>]) -> JavaZip {
    let directory = JavaZip::new().entry("./", b"");
    files
        .iter()
        .zip(1..)
        .fold(directory, |zip, (file, number)| zip.entry(&format!("./1-{number:06}.dcm"), file))
}

fn blob_answer(zip: &[u8]) -> Answer {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\
                Content-Disposition: attachment;filename=\"bindaas-blob-download.zip\"\r\n\r\n";
    Answer::literal([head.as_bytes(), zip].concat()).then_close()
}

/// One entry as most programs write it: stored, with its length before it.
fn stored_zip(content: &[u8]) -> Vec<u8> {
    let length_32 =
        |bytes: &[u8]| u32::try_from(bytes.len()).expect("files of tests are small").to_le_bytes();
    let length = length_32(content);
    let crc = crc32fast::hash(content).to_le_bytes();
    // version, flags, method, time, date; CRC-32, both sizes; lengths of name and extra field
    let common = [b"\x0a\0\0\0\0\0\0\0\x21\x58".as_slice(), &crc, &length, &length, b"\x05\0\0\0"].concat();
    let local = [b"PK\x03\x04".as_slice(), &common, b"1.dcm", content].concat();
    let header = [b"PK\x01\x02\x14\0".as_slice(), &common, &[0; 14], b"1.dcm"].concat();
    let end =
        [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &length_32(&header), &length_32(&local), b"\0\0"];
    [local, header, end.concat()].concat()
}

/// Fetches the series as Bindaas lists it with three instances, or without a count.
async fn fetch(mirror: &Mirror, server: &RawServer, columns: serde_json::Value) -> Attempt {
    attempt(mirror.staging(Vec::new()), bindaas_v3(server), Options::default(), &listed_with(columns), 0)
        .await
}

#[tokio::test]
async fn the_size_that_the_listing_lacks_is_asked_for_and_proves_the_zip() {
    let (files, mirror) = (files(3), Mirror::new());
    let answers = [(SIZE, size(&files)), (ZIP, blob_answer(&blob(&files).finish()))];
    let server = RawServer::by_request(answers).await;

    let attempt = fetch(&mirror, &server, json!({"ImageCount": 3})).await;

    assert_eq!(server.request_lines(), [SIZE, ZIP]);
    assert_eq!(mirror.files(), staged(1..=3));
    assert_eq!(attempt.proof(), "count+bytes");
}

#[tokio::test]
async fn a_short_zip_is_completed_by_single_images_without_format() {
    let (files, mirror) = (files(4), Mirror::new());
    let answers = [
        (SIZE.to_owned(), size(&files)),
        (ZIP.to_owned(), blob_answer(&blob(&files[..3]).finish())),
        (INSTANCES.to_owned(), bindaas_list(&uid_list(4))),
        (single(3), single_answer(&file(3))),
        (single(4), single_answer(&file(4))),
    ];
    let server = RawServer::by_request(answers).await;

    let attempt = fetch(&mirror, &server, json!({"ImageCount": 4})).await;

    assert_eq!(sorted_lines_after(&server, &[SIZE, ZIP, INSTANCES]), [single(3), single(4)]);
    assert_eq!(attempt.proof(), "count+bytes+instances");
}

#[tokio::test]
async fn a_short_zip_that_is_short_by_bytes_alone_has_its_last_file_fetched_again() {
    let (mut short, mirror) = (files(3), Mirror::new());
    short[2].truncate(file(3).len() - 20);
    let answers = [
        (SIZE.to_owned(), size(&files(3))),
        (ZIP.to_owned(), blob_answer(&blob(&short).finish())),
        (INSTANCES.to_owned(), bindaas_list(&uid_list(3))),
        (single(3), single_answer(&file(3))),
    ];
    let server = RawServer::by_request(answers).await;

    let attempt = fetch(&mirror, &server, json!({"ImageCount": 3})).await;

    assert_eq!(sorted_lines_after(&server, &[SIZE, ZIP, INSTANCES]), [single(3)]);
    assert_eq!(attempt.proof(), "count+bytes+instances");
}

#[tokio::test]
async fn the_same_file_under_two_names_is_one_instance() {
    let (files, mirror) = (files(2), Mirror::new());
    let zip = blob(&files).entry("./1-000003.dcm", &files[0]).finish();
    let server = RawServer::by_request([(SIZE, size(&files)), (ZIP, blob_answer(&zip))]).await;

    let attempt = fetch(&mirror, &server, json!({"ImageCount": 2})).await;

    assert_eq!(attempt.proof(), "count+bytes");
}

#[tokio::test]
async fn a_stored_entry_that_tells_its_length_is_taken() {
    let (files, mirror) = (files(1), Mirror::new());
    let answers = [(SIZE, size(&files)), (ZIP, blob_answer(&stored_zip(&files[0])))];
    let server = RawServer::by_request(answers).await;

    let attempt = fetch(&mirror, &server, json!({"ImageCount": 1})).await;

    assert_eq!(mirror.files(), staged([1]));
    assert_eq!(attempt.proof(), "count+bytes");
}

#[tokio::test]
async fn where_neither_count_nor_size_is_known_the_list_of_instances_is_the_proof() {
    let (files, mirror) = (files(2), Mirror::new());
    let answers = [
        (SIZE, bindaas_list("[{}]")),
        (INSTANCES, bindaas_list(&uid_list(2))),
        (ZIP, blob_answer(&blob(&files).finish())),
    ];
    let server = RawServer::by_request(answers).await;

    let attempt = fetch(&mirror, &server, json!({})).await;

    assert_eq!(server.request_lines(), [SIZE, INSTANCES, ZIP]);
    assert_eq!(attempt.proof(), "instances");
}

#[tokio::test]
async fn an_empty_zip_holds_no_instance() {
    let mirror = Mirror::new();
    let answers = [(SIZE, size(&files(3))), (ZIP, blob_answer(&JavaZip::new().finish()))];
    let server = RawServer::by_request(answers).await;

    let attempt = fetch(&mirror, &server, json!({"ImageCount": 3})).await;

    let error = attempt.error();
    assert!(matches!(error, Error::Verify(VerifyError::Empty)), "{error:?}");
    assert_eq!(server.request_lines(), [SIZE, ZIP]);
}

#[tokio::test]
async fn a_list_of_instances_that_breaks_off_proves_nothing() {
    let (files, mirror) = (files(4), Mirror::new());
    let broken = uid_list(4);
    let answers = [
        (SIZE, size(&files)),
        (ZIP, blob_answer(&blob(&files[..3]).finish())),
        (INSTANCES, bindaas_list(&broken[..broken.len() - 1])),
    ];
    let server = RawServer::by_request(answers).await;

    let attempt = fetch(&mirror, &server, json!({"ImageCount": 4})).await;

    assert!(matches!(attempt.error(), Error::Remote(_)));
    assert_eq!(server.request_lines(), [SIZE, ZIP, INSTANCES]);
    assert_eq!(mirror.files(), staged(1..=2), "what the ZIP brought stays, but for its doubtful end");
}

#[tokio::test]
async fn a_page_of_html_among_the_files_is_no_instance_and_no_end_of_the_zip() {
    let (files, mirror) = (files(3), Mirror::new());
    let zip =
        JavaZip::new().entry("./1-1.dcm", &files[0]).entry("./1-2.dcm", HTML).entry("./1-3.dcm", &files[2]);
    let answers = [
        (SIZE.to_owned(), size(&files)),
        (ZIP.to_owned(), blob_answer(&zip.finish())),
        (INSTANCES.to_owned(), bindaas_list(&uid_list(3))),
        (single(2), single_answer(&file(2))),
        (single(3), single_answer(&file(3))),
    ];
    let server = RawServer::by_request(answers).await;

    let attempt = attempt(
        mirror.staging(Vec::new()),
        bindaas_v3(&server),
        Options::default(),
        &listed_with(json!({"ImageCount": 3})),
        1,
    )
    .await;

    assert_eq!(sorted_lines_after(&server, &[SIZE, ZIP, INSTANCES]), [single(2), single(3)]);
    assert_eq!(attempt.proof(), "count+bytes+instances");
}
