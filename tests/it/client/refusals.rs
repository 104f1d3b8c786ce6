//! Every way of answering that is no list of rows, family by family: what becomes of it, word for word.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tcia_mirror::nbia::{Client, Error, Scope};

use super::{
    BINDAAS_V1, BINDAAS_V3, NBIA_V1, NBIA_V2, NBIA_V4, bindaas_list, client, nbia_list, nbia_v4, options,
    read_until_end, series_uid, server_error, text, zero_bytes,
};
use crate::support::raw_server::{Answer, RawServer};

const ROW: &str =
    r#"{"SeriesInstanceUID":"1.2.3","StudyInstanceUID":"1.2","Collection":"C","PatientID":"P"}"#;

const HTML: &str = "<html>\r\n<h1>Bad Gateway</h1>\r\n</html>";

/// What is asked, how it is answered, and what is told of that.
type Case = (&'static str, Answer, &'static str);

/// Answers so in each of these dialects, as often as the client asks, and compares what the client tells.
async fn assert_told(paths: &[&str], cases: impl Fn() -> Vec<Case>) {
    for path in paths {
        for (case, answer, expected) in cases() {
            let server = RawServer::in_order([answer.clone(), answer.clone(), answer]).await;

            let told = tell(&client(&options(&server, path))).await;

            assert_eq!(told.replace(&server.authority(), "HOST"), expected, "{path}: {case}");
        }
    }
}

/// How many rows there are and how many make no sense, or what is wrong with the answer.
async fn tell(client: &Client) -> String {
    let read = match client.series(&Scope::default()).await {
        Ok(rows) => read_until_end(rows).await,
        Err(error) => (vec![], Err(error)),
    };
    match read {
        (series, Ok(rejected)) => format!("{} rows, {rejected} rejected", series.len()),
        (series, Err(Error::Unreadable { source, .. })) => format!("{} rows, then {source}", series.len()),
        (_, Err(error)) => error.to_string(),
    }
}

fn bytes(answer: &str) -> Answer {
    Answer::literal(answer)
}

/// Ten bytes of a gzip header, five of a block that is not compressed, and twenty of what is in it.
fn cut_gzip() -> Answer {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(format!("[{ROW}]").as_bytes()).unwrap();
    let cut = &gzip.finish().unwrap()[..35];
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 35\r\n\r\n";
    Answer::literal([head.as_bytes(), cut].concat())
}

#[rustfmt::skip]
fn answers_of_nbia() -> Vec<Case> {
    let denied = "The user has not been granted the access to image with given SeriesInstanceUID,1.2.3. Please contact System Admin to resolve this issue.";
    vec![
        ("no byte", zero_bytes(), "0 rows, 0 rejected"),
        ("no byte and no length", bytes("HTTP/1.1 200 OK\r\n\r\n").then_close(), "0 rows, 0 rejected"),
        ("empty brackets", nbia_list("[]"), "0 rows, 0 rejected"),
        ("nothing by status", bytes("HTTP/1.1 204 No Content\r\n\r\n"), "0 rows, 0 rejected"),
        ("a row of nulls", nbia_list("[{}]"), "0 rows, 1 rejected"),
        ("a parameter missing", text("400 Bad Request", "application/json", "A parameter, SeriesInstanceUID is required for this API call."), "getSeries answered 400 Bad Request: A parameter, SeriesInstanceUID is required for this API call."),
        ("a parameter unknown", text("400 Bad Request", "application/xml", "Invalid query parameter: 'x'. Allowed parameters are: [Collection]"), "getSeries answered 400 Bad Request: Invalid query parameter: 'x'. Allowed parameters are: [Collection]"),
        ("a series denied", text("400 Bad Request", "application/json", denied), "getSeries answered 400 Bad Request: The user has not been granted the access to image with given SeriesInstanceUID,1.2.3. Please contact System Admin to resolve this issue."),
        ("a bad token", bytes("HTTP/1.1 401 \r\nContent-Length: 0\r\n\r\n"), "getSeries answered 401 Unauthorized: "),
        ("a bad token with a page", text("401 Unauthorized", "text/html", "<html>401</html>"), "getSeries answered 401 Unauthorized: <html>401</html>"),
        ("parameters invalid", bytes("HTTP/1.1 422 \r\nContent-Length: 0\r\n\r\n"), "getSeries answered 422 Unprocessable Entity: "),
        ("too many requests", bytes("HTTP/1.1 429 \r\nContent-Length: 0\r\n\r\n"), "getSeries answered 429 Too Many Requests: "),
        ("anything thrown", server_error(), "getSeries answered 500 Internal Server Error: Server was not able to process your request null"),
        ("nobody behind nginx", text("502 Bad Gateway", "text/html", HTML), "getSeries answered 502 Bad Gateway: <html> <h1>Bad Gateway</h1> </html>"),
        ("nginx overloaded", text("503 Service Unavailable", "text/html", HTML), "getSeries answered 503 Service Unavailable: <html> <h1>Bad Gateway</h1> </html>"),
        ("nginx out of patience", text("504 Gateway Time-out", "text/html", HTML), "getSeries answered 504 Gateway Timeout: <html> <h1>Bad Gateway</h1> </html>"),
        ("a redirect to nowhere", bytes("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), "getSeries answered 302 Found: "),
        ("a page with success", text("200 OK", "text/html", "<html>login</html>"), r#"0 rows, then found "<html>login</html>" where a JSON list should begin"#),
        ("CSV", text("200 OK", "text/csv", "Collection\nC\n"), r#"0 rows, then found "Collection\nC\n" where a JSON list should begin"#),
        ("an object", nbia_list(r#"{"a":1}"#), r#"0 rows, then found "{\"a\":1}" where a JSON list should begin"#),
        ("null", nbia_list("null"), r#"0 rows, then found "null" where a JSON list should begin"#),
        ("numbers", nbia_list("[1]"), "0 rows, then found '1' at byte 1 of the list, expected `{`"),
        ("two lists", nbia_list("[][]"), "0 rows, then found '[' at byte 2 of the list, expected nothing more"),
        ("a list cut before its first row", nbia_list("["), "0 rows, then the list ends in the middle, after 1 bytes"),
        ("a list cut in a row", nbia_list(&format!("[{ROW},{{\"Seri")), "1 rows, then the list ends in the middle, after 95 bytes"),
        ("a list cut behind a comma", nbia_list(&format!("[{ROW},")), "1 rows, then the list ends in the middle, after 89 bytes"),
        ("gzip cut", cut_gzip(), "the answer of getSeries broke off after 20 bytes"),
        ("no gzip", bytes("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]"), "the answer of getSeries broke off after 0 bytes"),
        ("fewer bytes than said", bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[").then_close(), "the answer of getSeries broke off after 1 bytes"),
        ("no last chunk", bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n").then_close(), "the answer of getSeries broke off after 2 bytes"),
        ("a connection closed", bytes("").then_close(), "getSeries got no answer from HOST"),
        ("no HTTP", bytes("[]\r\n\r\n").then_close(), "getSeries got no answer from HOST"),
    ]
}

#[rustfmt::skip]
fn answers_of_bindaas() -> Vec<Case> {
    let missing = r#"{"errorDescription":"Missing parameter","suggestedAction":"Provide it","detailedMessage":"[Collection]"}"#;
    vec![
        ("empty brackets", bindaas_list("[]"), "0 rows, 0 rejected"),
        ("no byte", zero_bytes(), "0 rows, 0 rejected"),
        ("nothing by status", bytes("HTTP/1.1 204 No Content\r\n\r\n"), "0 rows, 0 rejected"),
        ("a row of nulls", bindaas_list("[{}]"), "0 rows, 1 rejected"),
        ("a bad key", bytes("HTTP/1.1 401 \r\nContent-Length: 0\r\n\r\n"), "getSeries answered 401 Unauthorized: "),
        ("a parameter missing", text("471 ", "application/json", missing), r#"getSeries answered 471 <unknown status code>: {"errorDescription":"Missing parameter","suggestedAction":"Provide it","detailedMessage":"[Collection]"}"#),
        ("a query that does not run", text("571 ", "application/json", "{}"), "getSeries answered 571 <unknown status code>: {}"),
        ("anything else", text("500 ", "application/json", r#"{"errorMessage":"QueryEndpoint [x] not found"}"#), r#"getSeries answered 500 Internal Server Error: {"errorMessage":"QueryEndpoint [x] not found"}"#),
        ("an endpoint unknown", text("404 ", "text/html", "<html>404</html>"), "getSeries answered 404 Not Found: <html>404</html>"),
        ("nobody behind the front end", text("502 Bad Gateway", "text/html", HTML), "getSeries answered 502 Bad Gateway: <html> <h1>Bad Gateway</h1> </html>"),
        ("a page with success", text("200 OK", "text/html", "<html>gone</html>"), r#"0 rows, then found "<html>gone</html>" where a JSON list should begin"#),
        ("an error with success", bindaas_list(r#"{"errorMessage":"x"}"#), r#"0 rows, then found "{\"errorMessage\":\"x\"}" where a JSON list should begin"#),
        ("XML", text("200 OK", "application/xml", "<Results>\n</Results>"), r#"0 rows, then found "<Results>\n</Results>" where a JSON list should begin"#),
        ("a query that fails while it is streamed", bindaas_list(&format!("[{ROW},{ROW}")), "2 rows, then the list ends in the middle, after 176 bytes"),
        ("gzip cut", cut_gzip(), "the answer of getSeries broke off after 20 bytes"),
        ("no last chunk", bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n").then_close(), "the answer of getSeries broke off after 2 bytes"),
    ]
}

#[tokio::test]
async fn whatever_the_archives_own_server_answers_is_told_for_what_it_is() {
    assert_told(&[NBIA_V1, NBIA_V2, NBIA_V4], answers_of_nbia).await;
}

#[tokio::test]
async fn whatever_bindaas_answers_is_told_for_what_it_is() {
    assert_told(&[BINDAAS_V1, BINDAAS_V3], answers_of_bindaas).await;
}

#[tokio::test]
async fn a_row_that_makes_no_sense_spoils_a_list_that_is_small_by_nature() {
    let cases = [
        ("[{}]", "missing field `SOPInstanceUID`"),
        (
            r#"[{"SOPInstanceUID":"1.2.3.4"},{"SOPInstanceUID":"../x"}]"#,
            "\"../x\" is not numbers joined by dots",
        ),
    ];
    let server = RawServer::in_order(cases.map(|(list, _)| nbia_list(list))).await;
    let client = nbia_v4(&server);
    for (_, reason) in cases {
        let error = client.sop_instance_uids(&series_uid("1.2.3")).await.unwrap_err();

        assert_eq!(error.to_string(), format!("a row of getSOPInstanceUIDs makes no sense: {reason}"));
        assert!(error.is_transient() && !error.is_outage());
    }
}
