//! A service that repeats what it was sent: nothing that we tell of its answer shows the key, the token or the password.

use tcia_mirror::nbia::{Error, Login, Options, Scope};

use super::{NBIA_V4, client, nbia_list, options, series_uid, text, try_client};
use crate::support::raw_server::{Answer, RawServer};

/// A secret with everything that is encoded somewhere, and at both ends what is encoded nowhere.
const SECRET: &str = r#"q7Xw9/+&"<% =q7Xw9"#;
const SHOWN: &str = "q7Xw9";

/// The same as a service may write it: as it is, in an address, in a form, in JSON, in HTML.
const WRITTEN: [&str; 6] = [
    SECRET,
    "q7Xw9%2F%2B%26%22%3C%25%20%3Dq7Xw9",
    "q7Xw9%2f%2b%26%22%3c%25+%3dq7Xw9",
    r#"q7Xw9\/+&\"<% =q7Xw9"#,
    r"q7Xw9/+\u0026\u0022\u003C% \u003dq7Xw9",
    "q7Xw9&#x2f;&#43;&amp;&quot;&lt;% &#61;q7Xw9",
];

fn with_key(options: &mut Options) {
    options.api_key = Some(SECRET.into());
}

fn with_token(options: &mut Options) {
    options.token = Some(SECRET.into());
}

fn with_password(options: &mut Options) {
    options.login = Some(login(options.base_url.as_str(), SECRET, "another"));
    options.token = Some("a token is used before a password".into());
}

fn with_client_secret(options: &mut Options) {
    options.login = Some(login(options.base_url.as_str(), "another", SECRET));
    options.token = Some("a token is used before a password".into());
}

fn login(token_url: &str, password: &str, client_secret: &str) -> Login {
    Login {
        token_url: token_url.parse().expect("the address is typed by hand"),
        username: "nbia_guest".to_owned(),
        password: password.into(),
        client_id: "nbia".to_owned(),
        client_secret: Some(client_secret.into()),
    }
}

const EACH_SECRET: [fn(&mut Options); 4] = [with_key, with_token, with_password, with_client_secret];

/// An error as every log could show it: itself, its causes, its fields.
fn everything(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |cause| cause.source());
    causes.map(|cause| format!("{cause}\n{cause:?}")).collect::<Vec<_>>().join("\n")
}

fn assert_hidden(told: &str) {
    assert!(told.contains("[secret]"), "{told}");
    assert!(!told.contains(SHOWN), "{told}");
}

/// Asks a service that repeats a secret: each of them as it is, and the key in each way to write it.
async fn assert_hidden_in(repeat: impl Fn(&str) -> Answer) {
    let each_secret = EACH_SECRET.map(|with_secret| (with_secret, SECRET));
    let each_form = WRITTEN.map(|written| (EACH_SECRET[0], written));
    for (with_secret, written) in each_secret.into_iter().chain(each_form) {
        let server = RawServer::in_order([(); 9].map(|()| repeat(written))).await;
        let mut options = options(&server, NBIA_V4);
        with_secret(&mut options);

        let error = client(&options).sop_instance_uids(&series_uid("1.2.3")).await.unwrap_err();

        assert_hidden(&everything(&error));
    }
}

fn redirect(target: &str) -> Answer {
    Answer::literal(format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"))
}

#[tokio::test]
async fn a_secret_in_the_text_of_a_refusal_is_not_told() {
    assert_hidden_in(|written| text("400 Bad Request", "application/json", &format!("key {written}!"))).await;
    assert_hidden_in(|written| text("500 ", "text/plain", &format!("no\n{written}"))).await;
}

#[tokio::test]
async fn a_secret_in_a_page_of_html_is_not_told() {
    assert_hidden_in(|written| text("200 OK", "text/html", &format!("<html>{written}</html>"))).await;
    assert_hidden_in(|written| text("502 Bad Gateway", "text/html", &format!("<p>{written}</p>"))).await;
}

#[tokio::test]
async fn a_secret_in_the_target_of_a_redirect_is_not_told() {
    assert_hidden_in(|written| redirect(&format!("http://localhost:1/?key={written}"))).await;
    assert_hidden_in(|written| redirect(&format!("/round?key={written}"))).await;
}

#[tokio::test]
async fn a_secret_in_a_row_that_makes_no_sense_is_not_told() {
    for written in [r#"q7Xw9\/+&\"<% =q7Xw9"#, r"q7Xw9/+\u0026\u0022\u003C% \u003dq7Xw9"] {
        let list = format!(r#"[{{"SOPInstanceUID":"{written}"}}]"#);
        let server = RawServer::in_order([nbia_list(&list), nbia_list(&list.replace("SOP", "Series"))]).await;
        let mut options = options(&server, NBIA_V4);
        with_key(&mut options);
        let client = client(&options);

        let error = client.sop_instance_uids(&series_uid("1.2.3")).await.unwrap_err();
        let mut rows = client.series(&Scope::default()).await.unwrap();
        while rows.next().await.unwrap().is_some() {}

        assert_hidden(&everything(&error));
        assert_hidden(&format!("{:?}", rows.rejected()));
    }
}

#[tokio::test]
async fn the_beginning_of_a_secret_where_a_long_text_is_cut_is_not_told() {
    let padding = "x".repeat(190);
    let page = format!("<html>{padding}{SECRET}");
    let cut = format!("{}{}", "x".repeat(294), &SECRET[..6]);
    let refusal = format!(
        "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n12c\r\n{cut}\r\n3\r\n&\"<\r\n0\r\n\r\n"
    );
    for answer in [text("200 OK", "text/html", &page), Answer::literal(refusal)] {
        let server = RawServer::in_order([answer]).await;
        let mut options = options(&server, NBIA_V4);
        with_key(&mut options);

        let error = client(&options).sop_instance_uids(&series_uid("1.2.3")).await.unwrap_err();

        assert!(!everything(&error).contains("q7Xw"), "{error}");
    }
}

#[tokio::test]
async fn a_secret_in_the_address_of_a_body_that_breaks_off_is_not_told() {
    let cut = Answer::literal("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[").then_close();
    let server = RawServer::in_order([redirect("/list?key=q7Xw9"), cut]).await;
    let mut options = options(&server, NBIA_V4);
    options.api_key = Some(SHOWN.into());

    let error = client(&options).collections().await.unwrap_err();

    assert!(matches!(error, Error::Cut { .. }), "{error:?}");
    assert!(!everything(&error).contains(SHOWN), "{error:?}");
}

#[tokio::test]
async fn a_token_that_was_got_with_a_password_is_as_secret_as_one_that_is_configured() {
    let granted = r#"{"access_token":"ta/q7Xw9+==","refresh_token":"tr/q7Xw9","expires_in":7200}"#;
    for told in
        ["Bearer ta/q7Xw9+==", "Bearer ta\\/q7Xw9+==", "ta%2Fq7Xw9%2B%3D%3D", "refresh_token=tr%2Fq7Xw9"]
    {
        let archive = RawServer::in_order([text("400 Bad Request", "text/plain", told)]).await;
        let tokens = RawServer::in_order([text("200 OK", "application/json", granted)]).await;
        let mut options = options(&archive, NBIA_V4);
        let token_url = format!("http://{}/oauth/token", tokens.authority());
        options.login = Some(login(&token_url, "another", "another"));

        let error = client(&options).collections().await.unwrap_err();

        assert_hidden(&everything(&error));
    }
}

#[tokio::test]
async fn a_password_that_the_server_of_tokens_repeats_is_not_told() {
    let elsewhere = "http://localhost:1/?password=q7Xw9%2F%2B%26%22%3C%25+%3Dq7Xw9";
    let said = format!(r#"{{"error":"{SHOWN}","error_description":"{SHOWN}"}}"#);
    for answer in [
        redirect(elsewhere),
        redirect("/round?password=q7Xw9/+&\"<%25%20=q7Xw9"),
        text("400 Bad Request", "application/json", &said),
        text("401 Unauthorized", "text/html", &format!("<html>{SECRET}</html>")),
        text("500 ", "text/plain", SECRET),
    ] {
        let tokens = RawServer::in_order([(); 9].map(|()| answer.clone())).await;
        let mut options = options(&tokens, NBIA_V4);
        options.login = Some(login(&format!("http://{}/oauth/token", tokens.authority()), SECRET, SECRET));

        let error = client(&options).collections().await.unwrap_err();

        assert!(!everything(&error).contains(SHOWN), "{}", everything(&error));
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_hold_is_refused_without_being_told() {
    let server = RawServer::in_order([]).await;
    let broken = || Some("q7Xw9\nq7Xw9".into());

    for secret in [
        Options { api_key: broken(), ..options(&server, NBIA_V4) },
        Options { token: broken(), ..options(&server, NBIA_V4) },
    ] {
        let error = try_client(&secret).err().unwrap();

        assert!(matches!(error, Error::Setup { .. }), "{error}");
        assert!(!everything(&error).contains(SHOWN), "{error:?}");
    }
}

#[tokio::test]
async fn options_and_logins_do_not_show_their_secrets() {
    let server = RawServer::in_order([]).await;
    for with_secret in EACH_SECRET {
        let mut options = options(&server, NBIA_V4);
        with_secret(&mut options);

        let told = format!("{options:?} {options:#?} {:?}", options.login);

        assert!(!told.contains(SHOWN), "{told}");
    }
}
