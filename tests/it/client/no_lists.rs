//! Answers that are no list: what the failure is, and what it means for asking again.

use tcia_mirror::dicom::Series;
use tcia_mirror::nbia::{Error, Scope, WireError};

use super::{bindaas_list, bindaas_v3, nbia_list, nbia_v4, read_until_end, series_uid, text};
use crate::support::raw_server::{Answer, RawServer};

const HTML: &str =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n";

const ROW: &str =
    r#"{"SeriesInstanceUID":"1.2.3","StudyInstanceUID":"1.2","Collection":"C","PatientID":"P"}"#;

/// Asks for series and reads the answer to wherever it ends.
async fn ask(answer: Answer) -> (Vec<Series>, Error) {
    let server = RawServer::in_order([answer]).await;
    let rows = nbia_v4(&server).series(&Scope::default()).await.expect("the answer begins as a success");
    let (series, ended) = read_until_end(rows).await;
    assert_eq!(server.requests().len(), 1, "a list that began is not asked for again");
    (series, ended.expect_err("the answer is no list"))
}

/// Whether the same question may be answered later, the service may be down, a narrower question may do better.
fn meaning(error: &Error) -> [bool; 3] {
    [error.is_transient(), error.is_outage(), error.is_too_much_asked()]
}

#[tokio::test]
async fn a_page_of_html_with_status_200_is_no_list_and_shows_itself() {
    let (_, error) = ask(text("200 OK", "text/html", HTML)).await;

    let Error::Unreadable { endpoint: "getSeries", source: WireError::NotAList { found } } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(found, HTML);
    assert_eq!(meaning(&error), [true, false, true]);
}

#[tokio::test]
async fn a_json_object_is_no_list() {
    let (_, error) = ask(nbia_list(r#"{"errorMessage":"Index: 0, Size: 0"}"#)).await;

    assert!(matches!(error, Error::Unreadable { source: WireError::NotAList { .. }, .. }), "{error:?}");
}

#[tokio::test]
async fn a_list_that_stops_in_a_row_brings_the_rows_before_and_is_cut() {
    let list = format!("[{ROW},{ROW},{{\"SeriesInstanceUID\":\"1.2");

    let (series, error) = ask(nbia_list(&list)).await;

    assert_eq!(series.len(), 2);
    let Error::Unreadable { source: WireError::Cut { at }, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*at, list.len() as u64);
    assert_eq!(meaning(&error), [true, false, true]);
}

#[tokio::test]
async fn a_streamed_list_of_bindaas_that_stops_between_rows_is_cut_though_http_is_content() {
    let server = RawServer::in_order([bindaas_list(&format!("[{ROW},{ROW}"))]).await;

    let rows = bindaas_v3(&server).series(&Scope::default()).await.unwrap();

    let (series, ended) = read_until_end(rows).await;
    assert_eq!(series.len(), 2);
    assert!(matches!(ended, Err(Error::Unreadable { source: WireError::Cut { .. }, .. })), "{ended:?}");
}

#[tokio::test]
async fn something_behind_the_list_spoils_it() {
    let (series, error) = ask(nbia_list(&format!("[{ROW}]Server was not able"))).await;

    let Error::Unreadable { source: WireError::Syntax { at, found: 'S', .. }, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*at, ROW.len() as u64 + 2);
    assert!(series.len() <= 1);
}

#[tokio::test]
async fn a_connection_closed_in_the_middle_of_a_chunk_is_a_cut() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n[{\"SeriesInstanceUID\"";

    let (_, error) = ask(Answer::literal(answer).then_close()).await;

    assert!(matches!(error, Error::Cut { endpoint: "getSeries", received: 21, .. }), "{error:?}");
    assert_eq!(meaning(&error), [true, false, true]);
}

#[tokio::test]
async fn chunks_without_the_last_one_are_a_cut_even_around_a_whole_list() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n";

    let (_, error) = ask(Answer::literal(answer).then_close()).await;

    assert!(matches!(error, Error::Cut { received: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_reset_in_the_middle_of_a_list_is_a_cut() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[";

    let (_, error) = ask(Answer::literal(answer).then_reset()).await;

    assert!(matches!(error, Error::Cut { .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_a_cut() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]";

    let (_, error) = ask(Answer::literal(answer).then_close()).await;

    assert!(matches!(error, Error::Cut { received: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_longer_than_its_content_length_is_a_list_that_stops_in_the_middle() {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[{ROW}]");

    let (_, error) = ask(Answer::literal(answer).then_close()).await;

    assert!(matches!(error, Error::Unreadable { source: WireError::Cut { at: 5 }, .. }), "{error:?}");
}

#[tokio::test]
async fn a_gzip_body_that_stops_in_the_middle_is_a_cut() {
    let gzip_header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n";

    let (_, error) = ask(Answer::literal([&head[..], gzip_header].concat())).await;

    assert!(matches!(error, Error::Cut { .. }), "{error:?}");
}

#[tokio::test]
async fn a_400_in_plain_text_labelled_as_json_is_a_status_with_its_words() {
    let words = "A parameter, SeriesInstanceUID is required for this API call.";
    let server = RawServer::in_order([text("400 Bad Request", "application/json", words)]).await;

    let error = nbia_v4(&server).sop_instance_uids(&series_uid("1.2.3")).await.unwrap_err();

    let Error::Status { endpoint: "getSOPInstanceUIDs", status, text, retry_after: None } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((status.as_u16(), text.as_str()), (400, words));
    assert_eq!(meaning(&error), [true, false, true]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn each_status_means_what_the_service_means_by_it() {
    let [yes, no] = [true, false];
    // status line, transient, outage, narrower question, requests
    let cases = [
        ("302 Found", [no, no, yes], 1),
        ("400 Bad Request", [yes, no, yes], 1),
        ("401 Unauthorized", [no, no, yes], 1),
        ("404 Not Found", [yes, no, yes], 1),
        ("408 Request Timeout", [yes, no, yes], 3),
        ("422 Unprocessable Entity", [no, no, yes], 1),
        ("429 Too Many Requests", [yes, yes, no], 3),
        ("471 ", [no, no, yes], 1),
        ("500 Internal Server Error", [yes, no, yes], 3),
        ("502 Bad Gateway", [yes, yes, yes], 3),
        ("503 Service Unavailable", [yes, yes, no], 3),
        ("504 Gateway Time-out", [yes, yes, yes], 3),
        ("571 ", [yes, no, yes], 3),
    ];
    let answers = cases
        .iter()
        .flat_map(|(status_line, _, requests)| vec![text(status_line, "text/html", HTML); *requests]);
    let server = RawServer::in_order(answers).await;
    let client = nbia_v4(&server);
    for (status_line, expected, requests) in cases {
        let before = server.requests().len();

        let error = client.series(&Scope::default()).await.err().unwrap();

        assert!(matches!(error, Error::Status { .. }), "{status_line}: {error:?}");
        assert_eq!(meaning(&error), expected, "{status_line}");
        assert_eq!(server.requests().len() - before, requests, "{status_line}");
    }
}

#[tokio::test]
async fn of_a_long_error_page_the_beginning_is_kept_on_one_line() {
    let page = format!("<html>\r\n\t<b>{}\u{1b}[31m", "x ".repeat(10_000));
    let server = RawServer::in_order([text("404 Not Found", "text/html", &page)]).await;

    let error = nbia_v4(&server).collections().await.unwrap_err();

    let Error::Status { text, .. } = &error else { panic!("{error:?}") };
    assert!(text.starts_with("<html> <b>x x") && text.len() <= 300, "{text}");
    assert!(!error.to_string().contains(char::is_control));
}

#[tokio::test]
async fn an_error_page_that_breaks_off_still_has_its_status() {
    let page = "HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\nnot h\u{1b}ere";
    let server = RawServer::in_order([Answer::literal(page).then_close()]).await;

    let error = nbia_v4(&server).collections().await.unwrap_err();

    assert_eq!(error.to_string(), "getCollectionValues answered 404 Not Found: not h\u{fffd}ere");
}
