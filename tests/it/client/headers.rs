//! What a request says besides its line: who asks, what is taken, and where the key stands.

use tcia_mirror::nbia::Client;

use super::{NBIA_V4, client, nbia_list, nbia_v4, options, series_uid};
use crate::support::raw_server::{Answer, RawServer};

/// The headers of a request without the one that names the port, in the order of their names.
fn headers(head: &str) -> Vec<String> {
    let lines = head.trim_end().lines().skip(1).map(str::to_owned);
    let mut headers: Vec<_> = lines.filter(|line| !line.starts_with("host: ")).collect();
    headers.sort_unstable();
    headers
}

fn user_agent() -> String {
    format!("user-agent: tcia-mirror/{} (tests@example.org)", env!("CARGO_PKG_VERSION"))
}

async fn ask_for_an_image(client: &Client) {
    drop(client.image(&series_uid("1.2.3")).await.expect("the answer is a success"));
}

#[tokio::test]
async fn a_request_for_a_list_names_the_program_takes_any_type_and_gzip() {
    let server = RawServer::in_order([nbia_list("[]")]).await;

    nbia_v4(&server).collections().await.unwrap();

    let head = server.requests()[0].head.clone();
    assert_eq!(headers(&head), ["accept-encoding: gzip", "accept: */*", &user_agent()]);
    assert!(head.contains(&format!("\r\nhost: {}\r\n", server.authority())), "{head}");
}

#[tokio::test]
async fn a_request_for_an_image_takes_no_encoding_because_the_zip_is_packed_already() {
    let image = Answer::literal("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = RawServer::in_order([image.clone(), image]).await;
    let client = nbia_v4(&server);

    ask_for_an_image(&client).await;
    drop(client.single_image(&series_uid("1.2.3"), &super::sop_uid("1.2.3.4")).await.unwrap());

    for request in server.requests() {
        assert_eq!(headers(&request.head), ["accept: */*", &user_agent()]);
    }
}

#[tokio::test]
async fn the_api_key_goes_into_its_header_and_never_into_the_address() {
    let image = Answer::literal("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = RawServer::in_order([nbia_list("[]"), nbia_list("[]"), image]).await;
    let mut options = options(&server, NBIA_V4);
    options.api_key = Some(" 7c5c1f84-secret \n".into());
    let client = client(&options);

    client.collections().await.unwrap();
    client.series_metadata(&[series_uid("1.2.3")]).await.unwrap();
    ask_for_an_image(&client).await;

    assert_eq!(server.requests().len(), 3);
    for request in server.requests() {
        assert!(headers(&request.head).contains(&"api_key: 7c5c1f84-secret".to_owned()), "{}", request.head);
    }
    assert!(server.request_lines().iter().all(|line| !line.contains("7c5c1f84")));
    assert!(server.requests().iter().all(|request| !request.body.contains("7c5c1f84")));
    assert!(!client.base_url().as_str().contains("7c5c1f84"));
}

#[tokio::test]
async fn a_token_is_sent_as_a_bearer() {
    let server = RawServer::in_order([nbia_list("[]")]).await;
    let mut options = options(&server, NBIA_V4);
    options.token = Some("eyJhbGciOi".into());

    client(&options).collections().await.unwrap();

    let head = &server.requests()[0].head;
    assert!(headers(head).contains(&"authorization: Bearer eyJhbGciOi".to_owned()), "{head}");
}

#[tokio::test]
async fn without_a_contact_the_program_names_only_itself() {
    let server = RawServer::in_order([nbia_list("[]")]).await;
    let mut options = options(&server, NBIA_V4);
    options.contact = String::new();

    client(&options).collections().await.unwrap();

    let expected = format!("user-agent: tcia-mirror/{}", env!("CARGO_PKG_VERSION"));
    assert!(headers(&server.requests()[0].head).contains(&expected));
}
