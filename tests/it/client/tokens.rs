//! Who has to log in: the token that is got for a password, how long it is used, and what a refusal leads to.

use std::sync::Arc;
use std::time::Duration;

use tcia_mirror::dicom::CollectionName;
use tcia_mirror::nbia::{Client, Error, Login, Options, Scope};
use tokio::task::JoinSet;

use super::{NBIA_V4, client, nbia_list, options, series_uid, sop_uid, text};
use crate::support::raw_server::{Answer, RawServer};

const BY_PASSWORD: &str =
    "grant_type=password&username=nbia+guest&password=p%40ss%2Bw%26rd&client_id=nbia&client_secret=c-5";
const BY_REFRESH_TOKEN: &str =
    "grant_type=refresh_token&refresh_token=r%2F1&client_id=nbia&client_secret=c-5";

/// A token as the archive's own server hands it out, for so many seconds.
fn grant(token: &str, life_s: u64) -> Answer {
    text(
        "200 OK",
        "application/json",
        &format!(
            r#"{{"access_token":"{token}","token_type":"bearer","refresh_token":"r/1","expires_in":{life_s},"scope":"read write"}}"#
        ),
    )
}

fn refused(reason: &str) -> Answer {
    text("400 Bad Request", "application/json", &format!(r#"{{"error":"{reason}"}}"#))
}

fn unauthorized() -> Answer {
    Answer::literal("HTTP/1.1 401 Unauthorized\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")
}

fn lists<const LISTS: usize>() -> [Answer; LISTS] {
    [(); LISTS].map(|()| nbia_list("[]"))
}

/// A client of an archive with a key, whose tokens are handed out at another port.
fn options_with_login(archive: &RawServer, tokens: &RawServer) -> Options {
    let token_url = format!("http://{}/nbia-api/oauth/token", tokens.authority());
    let login = Login {
        token_url: token_url.parse().expect("the address is typed by hand"),
        username: "nbia guest".to_owned(),
        password: "p@ss+w&rd".into(),
        client_id: "nbia".to_owned(),
        client_secret: Some("c-5".into()),
    };
    Options { login: Some(login), api_key: Some("key-1".into()), ..options(archive, NBIA_V4) }
}

fn client_with_login(archive: &RawServer, tokens: &RawServer) -> Client {
    client(&options_with_login(archive, tokens))
}

/// What the requests say behind `authorization: `.
fn authorizations(server: &RawServer) -> Vec<String> {
    let heads = server.requests().into_iter().map(|request| request.head);
    let said =
        |head: String| head.lines().find_map(|line| Some(line.strip_prefix("authorization: ")?.into()));
    heads.map(|head| said(head).unwrap_or_default()).collect()
}

/// The forms that were sent.
fn forms(server: &RawServer) -> Vec<String> {
    server.requests().into_iter().map(|request| request.body).collect()
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_is_got_with_the_password_and_sent_with_every_request() {
    let zip = || text("200 OK", "application/octet-stream", "PK");
    let archive = RawServer::in_order([nbia_list("[]"), nbia_list("[]"), zip(), zip()]).await;
    let tokens = RawServer::in_order([grant("t-1", 7200)]).await;
    let (client, series) = (client_with_login(&archive, &tokens), series_uid("1.2.3"));

    client.collections().await.unwrap();
    client.series_metadata(std::slice::from_ref(&series)).await.unwrap();
    drop(client.image(&series).await.unwrap());
    drop(client.single_image(&series, &sop_uid("1.2.3.4")).await.unwrap());

    assert_eq!(tokens.request_lines(), ["POST /nbia-api/oauth/token HTTP/1.1"]);
    assert_eq!(forms(&tokens), [BY_PASSWORD]);
    let head = &tokens.requests()[0].head;
    assert!(head.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{head}");
    assert!(!head.contains("api_key") && !head.contains("authorization"), "{head}");
    assert_eq!(authorizations(&archive), ["Bearer t-1"; 4]);
    assert!(archive.requests().iter().all(|request| request.head.contains("\r\napi_key: key-1\r\n")));
    assert!(archive.request_lines()[1].starts_with("POST "));
}

#[tokio::test]
async fn a_program_without_a_secret_of_its_own_sends_none() {
    let archive = RawServer::in_order(lists::<1>()).await;
    let tokens = RawServer::in_order([grant("t-1", 7200)]).await;
    let mut options = options_with_login(&archive, &tokens);
    options.login.as_mut().unwrap().client_secret = None;

    client(&options).collections().await.unwrap();

    let form = "grant_type=password&username=nbia+guest&password=p%40ss%2Bw%26rd&client_id=nbia";
    assert_eq!(forms(&tokens), [form]);
}

#[tokio::test]
async fn a_token_is_renewed_a_minute_or_a_tenth_of_its_life_before_it_ends() {
    for (life_s, still_good_s) in [(7200, 7139), (100, 89)] {
        let archive = RawServer::in_order(lists::<3>()).await;
        let tokens = RawServer::in_order([grant("t-1", life_s), grant("t-2", life_s)]).await;
        let client = client_with_login(&archive, &tokens);

        client.collections().await.unwrap();
        pass(Duration::from_secs(still_good_s)).await;
        client.collections().await.unwrap();
        pass(Duration::from_secs(1)).await;
        client.collections().await.unwrap();

        assert_eq!(authorizations(&archive), ["Bearer t-1", "Bearer t-1", "Bearer t-2"], "{life_s}");
        assert_eq!(forms(&tokens), [BY_PASSWORD, BY_REFRESH_TOKEN], "{life_s}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_is_refused_leads_back_to_the_password() {
    let archive = RawServer::in_order(lists::<2>()).await;
    let answers = [grant("t-1", 60), refused("invalid_grant"), grant("t-2", 60)];
    let tokens = RawServer::in_order(answers).await;
    let client = client_with_login(&archive, &tokens);

    client.collections().await.unwrap();
    pass(Duration::from_mins(1)).await;
    client.collections().await.unwrap();

    assert_eq!(authorizations(&archive), ["Bearer t-1", "Bearer t-2"]);
    assert_eq!(forms(&tokens), [BY_PASSWORD, BY_REFRESH_TOKEN, BY_PASSWORD]);
}

#[tokio::test]
async fn a_token_without_a_refresh_token_and_without_an_end_lasts_five_minutes() {
    let bare = |token| text("200 OK", "application/json", &format!(r#"{{"access_token":"{token}"}}"#));
    let archive = RawServer::in_order(lists::<3>()).await;
    let tokens = RawServer::in_order([bare("t-1"), bare("t-2")]).await;
    let client = client_with_login(&archive, &tokens);

    client.collections().await.unwrap();
    pass(Duration::from_secs(269)).await;
    client.collections().await.unwrap();
    pass(Duration::from_secs(1)).await;
    client.collections().await.unwrap();

    assert_eq!(authorizations(&archive), ["Bearer t-1", "Bearer t-1", "Bearer t-2"]);
    assert_eq!(forms(&tokens), [BY_PASSWORD; 2]);
}

#[tokio::test]
async fn a_token_that_lives_longer_than_any_clock_is_a_token() {
    let archive = RawServer::in_order(lists::<1>()).await;
    let tokens = RawServer::in_order([grant("t-1", u64::MAX)]).await;

    client_with_login(&archive, &tokens).collections().await.unwrap();

    assert_eq!(authorizations(&archive), ["Bearer t-1"]);
}

#[tokio::test]
async fn a_token_that_the_archive_has_dropped_is_got_anew_and_the_request_sent_once_more() {
    let archive = RawServer::in_order([unauthorized(), nbia_list(r#"[{"Collection":"4D-Lung"}]"#)]).await;
    let tokens = RawServer::in_order([grant("t-1", 7200), grant("t-2", 7200)]).await;

    let collections = client_with_login(&archive, &tokens).collections().await.unwrap();

    assert_eq!(collections, [CollectionName::new("4D-Lung")]);
    assert_eq!(authorizations(&archive), ["Bearer t-1", "Bearer t-2"]);
    assert_eq!(forms(&tokens), [BY_PASSWORD; 2]);
}

#[tokio::test]
async fn a_form_that_is_sent_once_more_is_the_same_form() {
    let archive = RawServer::in_order([unauthorized(), nbia_list("[]")]).await;
    let tokens = RawServer::in_order([grant("t-1", 7200), grant("t-2", 7200)]).await;

    client_with_login(&archive, &tokens).series_metadata(&[series_uid("1.2.3")]).await.unwrap();

    assert_eq!(forms(&archive), ["list=1.2.3&format=json"; 2]);
}

#[tokio::test]
async fn an_archive_that_takes_no_token_at_all_is_asked_twice_and_no_more() {
    let archive = RawServer::in_order([(); 9].map(|()| unauthorized())).await;
    let tokens = RawServer::in_order([(); 9].map(|()| grant("t-1", 7200))).await;

    let error = client_with_login(&archive, &tokens).collections().await.unwrap_err();

    assert_eq!(error.to_string(), "getCollectionValues answered 401 Unauthorized: ");
    assert!(error.refuses_everything() && !error.is_transient());
    assert_eq!((archive.requests().len(), tokens.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_token_that_is_configured_is_sent_as_it_is_and_nobody_logs_in() {
    let archive = RawServer::in_order([nbia_list("[]"), unauthorized()]).await;
    let tokens = RawServer::in_order([grant("t-1", 7200)]).await;
    let options = Options { token: Some(" t-0 ".into()), ..options_with_login(&archive, &tokens) };
    let client = client(&options);

    client.collections().await.unwrap();
    let error = client.collections().await.unwrap_err();

    assert!(matches!(error, Error::Status { .. }), "{error}");
    assert_eq!(authorizations(&archive), ["Bearer t-0"; 2]);
    assert!(tokens.requests().is_empty());
}

#[tokio::test]
async fn ten_requests_at_once_wait_for_one_token() {
    let archive = RawServer::in_order(lists::<10>()).await;
    let tokens = RawServer::in_order([(); 10].map(|()| grant("t-1", 7200))).await;
    let client = Arc::new(client_with_login(&archive, &tokens));
    let mut questions = JoinSet::new();

    for _ in 0..10 {
        let client = Arc::clone(&client);
        questions.spawn(async move { client.collections().await });
    }
    let answers = questions.join_all().await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(authorizations(&archive), ["Bearer t-1"; 10]);
    assert_eq!(tokens.requests().len(), 1);
}

#[tokio::test]
async fn two_requests_whose_token_was_dropped_get_one_new_token_between_them() {
    let collections = "GET /nbia-api/services/v4/getCollectionValues HTTP/1.1";
    let patients = "GET /nbia-api/services/v4/getPatient HTTP/1.1";
    let archive = RawServer::by_request([
        (collections, nbia_list("[]")),
        (collections, unauthorized()),
        (patients, unauthorized()),
        (collections, nbia_list("[]")),
        (patients, nbia_list("[]")),
    ])
    .await;
    let tokens = RawServer::in_order(["t-1", "t-2", "t-3"].map(|token| grant(token, 7200))).await;
    let (client, everything) = (client_with_login(&archive, &tokens), Scope::default());
    client.collections().await.unwrap();

    let (one, other) = tokio::join!(client.collections(), client.patients(&everything));

    assert!(one.is_ok() && other.is_ok());
    let used = ["Bearer t-1", "Bearer t-1", "Bearer t-1", "Bearer t-2", "Bearer t-2"];
    assert_eq!(authorizations(&archive), used);
    assert_eq!(tokens.requests().len(), 2);
}

#[tokio::test]
async fn nobody_at_the_address_of_tokens_is_an_outage_and_the_archive_is_not_asked() {
    let archive = RawServer::in_order(lists::<1>()).await;
    let gone = RawServer::in_order([]).await;
    let options = options_with_login(&archive, &gone);
    let host = gone.authority();
    drop(gone);

    let error = client(&options).collections().await.unwrap_err();

    assert_eq!(error.to_string(), format!("oauth/token got no answer from {host}"));
    assert!(error.is_outage() && error.is_transient());
    assert!(!format!("{error:?}").contains("p@ss") && !format!("{error:?}").contains("p%40ss"));
    assert!(archive.requests().is_empty());
}

#[tokio::test]
async fn a_server_of_tokens_that_fails_is_asked_again() {
    let broken = || text("500 Internal Server Error", "text/plain", "password=p@ss+w&rd");
    let archive = RawServer::in_order(lists::<1>()).await;
    let tokens = RawServer::in_order([broken(), broken(), grant("t-1", 7200)]).await;

    client_with_login(&archive, &tokens).collections().await.unwrap();

    assert_eq!(forms(&tokens), [BY_PASSWORD; 3]);
    assert_eq!(authorizations(&archive), ["Bearer t-1"]);
}

#[tokio::test]
async fn a_pause_that_the_server_of_tokens_asks_for_is_kept() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
    let (archive, tokens) =
        (RawServer::in_order(lists::<0>()).await, RawServer::in_order([Answer::literal(busy)]).await);
    let mut options = options_with_login(&archive, &tokens);
    options.retry.attempts = 1;

    let refused = client(&options).collections().await.unwrap_err();

    let asked = Duration::from_hours(1);
    assert!(
        matches!(refused, Error::Status { retry_after: Some(pause), .. } if pause == asked),
        "{refused:?}"
    );
}

#[tokio::test]
async fn who_is_refused_a_token_is_told_why_where_the_reason_is_one_of_the_standard() {
    let cases = [
        (refused("invalid_grant"), "400 Bad Request, invalid_grant"),
        (refused("unauthorized_client"), "400 Bad Request, unauthorized_client"),
        (refused("unhappy_p_ss"), "400 Bad Request, no reason"),
        (text("401 Unauthorized", "text/html", "<html>p@ss+w&rd</html>"), "401 Unauthorized, no reason"),
        (text("200 OK", "text/html", "<html>sign in</html>"), "200 OK, no reason"),
        (text("200 OK", "application/json", "{}"), "200 OK, no reason"),
        (grant("", 7200), "200 OK, no reason"),
        (Answer::literal("HTTP/1.1 204 No Content\r\n\r\n"), "204 No Content, no reason"),
    ];
    let archive = RawServer::in_order(lists::<1>()).await;
    for (answer, reason) in cases {
        let tokens = RawServer::in_order([answer]).await;

        let error = client_with_login(&archive, &tokens).collections().await.unwrap_err();

        assert_eq!(error.to_string(), format!("{} gives no token: {reason}", tokens.authority()));
        assert!(error.refuses_everything() && !error.is_transient(), "{reason}");
        assert_eq!(tokens.requests().len(), 1, "{reason}");
    }
    assert!(archive.requests().is_empty());
}

#[tokio::test]
async fn a_server_of_tokens_that_says_nothing_does_not_hold_the_client_for_ever() {
    let archive = RawServer::in_order(lists::<1>()).await;
    let tokens = RawServer::in_order([Answer::silence(), Answer::silence()]).await;
    let client = client_with_login(&archive, &tokens);
    let mut asking = JoinSet::new();
    asking.spawn(async move { client.collections().await });

    for number in 1..=2 {
        tokens.request(number).await;
        pass(Duration::from_mins(6)).await;
    }

    let error = asking.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "oauth/token sent nothing for 5m");
}

#[tokio::test]
async fn a_password_in_the_address_of_tokens_is_refused_before_anything_is_sent() {
    let archive = RawServer::in_order(lists::<1>()).await;
    let mut options = options_with_login(&archive, &archive);
    for address in ["http://nbia:p4ss@127.0.0.1/token", "http://nbia@127.0.0.1/token"] {
        options.login.as_mut().unwrap().token_url = address.parse().unwrap();

        let refused = super::try_client(&options).err().unwrap();

        assert!(matches!(refused, Error::SecretInAddress), "{address}: {refused}");
    }
    assert!(archive.requests().is_empty());
}
