//! ZIPs and single images: how they are asked for, and which form of the question a service takes.

use tcia_mirror::nbia::{Body, Error};

use super::{bindaas_v3, nbia_v4, series_uid, server_error, sop_uid, text};
use crate::support::raw_server::{Answer, RawServer};

const REFUSED: &str =
    "Invalid query parameter: 'IncludeMD5'. Allowed parameters are: [SeriesInstanceUID, NewFileNames]";
const NOT_GRANTED: &str = "The user has not been granted the access to image with given SeriesInstanceUID,1.2.3. Please contact System Admin to resolve this issue.";

/// A body as Jersey streams it, in two chunks.
fn streamed() -> Answer {
    Answer::literal(
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/octet-stream\r\n\
         Content-Disposition: attachment; filename=\"1.2.3.zip\"\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\nPK\x05\x06\r\n00012\r\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n0\r\n\r\n",
    )
}

async fn read(mut body: Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await.expect("the body is whole") {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

#[tokio::test]
async fn v4_is_asked_for_the_most_robust_names_and_the_list_of_md5s() {
    let server = RawServer::in_order([streamed()]).await;
    let client = nbia_v4(&server);

    let image = client.image(&series_uid("1.2.3")).await.unwrap();

    assert!(image.md5_list_asked);
    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.3&NewFileNames=Yes&IncludeMD5=yes HTTP/1.1"
        ]
    );
    assert_eq!(read(image.body).await, [b"PK\x05\x06".as_slice(), &[0; 18]].concat());
    assert_eq!(client.traffic().downloaded_bytes(), 22);
}

#[tokio::test]
async fn an_older_v4_is_asked_without_the_list_and_remembered() {
    let refusal = text("400 Bad Request", "application/octet-stream", REFUSED);
    let server = RawServer::in_order([refusal, streamed(), streamed()]).await;
    let client = nbia_v4(&server);

    let first = client.image(&series_uid("1.2.3")).await.unwrap();
    let second = client.image(&series_uid("1.2.4")).await.unwrap();

    assert!(!first.md5_list_asked && !second.md5_list_asked);
    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.3&NewFileNames=Yes&IncludeMD5=yes HTTP/1.1",
            "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.3&NewFileNames=Yes HTTP/1.1",
            "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.4&NewFileNames=Yes HTTP/1.1",
        ]
    );
    assert_eq!(client.traffic().retries(), 0);
}

#[tokio::test]
async fn a_service_that_takes_no_parameter_at_all_is_asked_for_the_series_alone() {
    let refusal =
        || text("400 Bad Request", "application/octet-stream", "Invalid query parameter: 'NewFileNames'.");
    let server = RawServer::in_order([refusal(), refusal(), streamed()]).await;

    let image = nbia_v4(&server).image(&series_uid("1.2.3")).await.unwrap();

    assert!(!image.md5_list_asked);
    assert_eq!(
        server.request_lines().last().unwrap(),
        "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.3 HTTP/1.1"
    );
}

#[tokio::test]
async fn a_service_that_refuses_even_the_series_is_asked_no_fourth_time() {
    let refusal = || text("400 Bad Request", "text/plain", "Invalid query parameter: 'SeriesInstanceUID'.");
    let server = RawServer::in_order([(); 9].map(|()| refusal())).await;

    let error = nbia_v4(&server).image(&series_uid("1.2.3")).await.err().unwrap();

    assert!(matches!(error, Error::Status { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_400_that_grants_no_access_is_returned_at_once_and_may_pass() {
    let refusal = text("400 Bad Request", "application/json", NOT_GRANTED);
    let server = RawServer::in_order([refusal, streamed()]).await;
    let client = nbia_v4(&server);

    let error = client.image(&series_uid("1.2.3")).await.err().unwrap();
    let later = client.image(&series_uid("1.2.3")).await.unwrap();

    let Error::Status { endpoint: "getImage", status, text, .. } = &error else { panic!("{error:?}") };
    assert_eq!((status.as_u16(), text.as_str()), (400, NOT_GRANTED));
    assert!(error.is_transient() && !error.is_outage());
    assert!(later.md5_list_asked, "a refusal of access says nothing about parameters");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_single_image_is_asked_for_by_both_uids_and_nothing_else() {
    let file = "HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\n\
                Content-Disposition: attachment; filename=1.2.3.4.dcm\r\nContent-Length: 4\r\n\r\nDICM";
    let server = RawServer::in_order([Answer::literal(file)]).await;

    let body = nbia_v4(&server).single_image(&series_uid("1.2.3"), &sop_uid("1.2.3.4")).await.unwrap();

    assert_eq!(read(body).await, b"DICM");
    assert_eq!(
        server.request_lines(),
        ["GET /nbia-api/services/v4/getSingleImage?SeriesInstanceUID=1.2.3&SOPInstanceUID=1.2.3.4 HTTP/1.1"]
    );
}

#[tokio::test]
async fn an_unknown_single_image_is_a_failure_of_the_server_that_was_asked_as_often_as_allowed() {
    let server = RawServer::in_order([(); 3].map(|()| server_error())).await;

    let error = nbia_v4(&server).single_image(&series_uid("1.2.3"), &sop_uid("1.2.3.4")).await.err().unwrap();

    assert_eq!(
        error.to_string(),
        "getSingleImage answered 500 Internal Server Error: Server was not able to process your request null"
    );
    assert!(error.is_transient() && !error.is_outage());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn bindaas_is_asked_for_images_without_format_and_without_what_v4_added() {
    let blob = "HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\
                Content-Disposition: attachment;filename=\"bindaas-blob-download.zip\"\r\nContent-Length: 2\r\n\r\nPK";
    let server = RawServer::in_order([Answer::literal(blob), Answer::literal(blob)]).await;
    let client = bindaas_v3(&server);

    let image = client.image(&series_uid("1.2.3")).await.unwrap();
    let single = client.single_image(&series_uid("1.2.3"), &sop_uid("1.2.3.4")).await.unwrap();

    assert!(!image.md5_list_asked);
    assert_eq!((read(image.body).await, read(single).await), (b"PK".to_vec(), b"PK".to_vec()));
    assert_eq!(
        server.request_lines(),
        [
            "GET /services/v3/TCIA/query/getImage?SeriesInstanceUID=1.2.3 HTTP/1.1",
            "GET /services/v3/TCIA/query/getSingleImage?SeriesInstanceUID=1.2.3&SOPInstanceUID=1.2.3.4 HTTP/1.1",
        ]
    );
}
