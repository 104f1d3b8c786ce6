//! Redirects: followed where our key may go, refused where it may not.

use tcia_mirror::dicom::CollectionName;
use tcia_mirror::nbia::{Error, Login, Options};

use super::{NBIA_V4, client, nbia_list, nbia_v4, options, series_uid};
use crate::support::raw_server::{Answer, RawServer};

fn redirect(status_line: &str, location: &str) -> Answer {
    Answer::literal(format!("HTTP/1.1 {status_line}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_with_the_key() {
    let moved = redirect("301 Moved Permanently", "/nbia-api/v4/getCollectionValues?from=nginx");
    let server = RawServer::in_order([moved, nbia_list(r#"[{"Collection":"4D-Lung"}]"#)]).await;
    let mut options = options(&server, NBIA_V4);
    options.api_key = Some("key".into());

    let collections = client(&options).collections().await.unwrap();

    assert_eq!(collections, [CollectionName::new("4D-Lung")]);
    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/getCollectionValues HTTP/1.1",
            "GET /nbia-api/v4/getCollectionValues?from=nginx HTTP/1.1",
        ]
    );
    assert!(server.requests().iter().all(|request| request.head.contains("\r\napi_key: key\r\n")));
}

#[tokio::test]
async fn a_redirect_to_another_port_is_refused_and_nobody_there_is_asked() {
    let elsewhere = RawServer::in_order([nbia_list("[]")]).await;
    let target = format!("http://{}/nbia-api/services/v4/getCollectionValues", elsewhere.authority());
    let kinds = ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"];
    let server = RawServer::in_order(kinds.map(|status_line| redirect(status_line, &target))).await;
    let mut options = options(&server, NBIA_V4);
    options.api_key = Some("key".into());
    let client = client(&options);

    for status_line in kinds {
        let error = client.collections().await.unwrap_err();

        let here = server.authority();
        assert_eq!(
            error.to_string(),
            format!("getCollectionValues of {here} is redirected to {target}: not followed"),
            "{status_line}"
        );
        assert!(!error.is_transient() && !error.is_outage() && !error.is_too_much_asked());
    }
    assert_eq!(server.requests().len(), kinds.len());
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_to_another_name_or_scheme_is_refused() {
    let elsewhere = RawServer::in_order([]).await;
    let port = elsewhere.authority().replace("127.0.0.1:", "");
    let targets =
        ["http://localhost", "https://127.0.0.1", "//localhost"].map(|place| format!("{place}:{port}/"));
    let server = RawServer::in_order(targets.each_ref().map(|target| redirect("302 Found", target))).await;
    let client = nbia_v4(&server);

    for target in targets {
        let error = client.collections().await.unwrap_err();

        assert!(matches!(error, Error::Redirected { .. }), "{target}: {error:?}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_by_way_of_the_same_host_is_refused_where_it_leaves_it() {
    let elsewhere = RawServer::in_order([]).await;
    let away = format!("http://{}/", elsewhere.authority());
    let server = RawServer::in_order([redirect("302 Found", "/here"), redirect("302 Found", &away)]).await;

    let error = nbia_v4(&server).collections().await.unwrap_err();

    assert!(matches!(&error, Error::Redirected { detour, .. } if detour.ends_with(&away)), "{error:?}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends_after_five_rounds() {
    let server = RawServer::in_order([(); 20].map(|()| redirect("302 Found", "/round"))).await;

    let error = nbia_v4(&server).collections().await.unwrap_err();

    assert!(matches!(error, Error::Redirected { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn five_redirects_are_followed_with_the_token_and_a_sixth_is_told_by_its_target() {
    let rounds = || (1..=5).map(|round| redirect("302 Found", &format!("/round/{round}")));
    let answers =
        rounds().chain([nbia_list("[]")]).chain(rounds()).chain([redirect("302 Found", "/round/6")]);
    let server = RawServer::in_order(answers).await;
    let mut options = options(&server, NBIA_V4);
    options.token = Some("eyJhbGciOi".into());
    let client = client(&options);

    let followed = client.collections().await;
    let error = client.collections().await.unwrap_err();

    assert!(followed.is_ok(), "{followed:?}");
    assert_eq!(server.requests().len(), 12);
    let bearer = "\r\nauthorization: Bearer eyJhbGciOi\r\n";
    assert!(server.requests().iter().all(|request| request.head.contains(bearer)));
    let here = server.authority();
    assert_eq!(
        error.to_string(),
        format!(
            "getCollectionValues of {here} is redirected too often, at last to http://{here}/round/6: not followed"
        )
    );
}

#[tokio::test]
async fn a_form_is_sent_again_where_the_redirect_says_so() {
    let moved = redirect("307 Temporary Redirect", "/elsewhere");
    let server = RawServer::in_order([moved, nbia_list("[]")]).await;

    nbia_v4(&server).series_metadata(&[series_uid("1.2.3")]).await.unwrap();

    assert_eq!(server.request_lines()[1], "POST /elsewhere HTTP/1.1");
    let forms: Vec<_> = server.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(forms, ["list=1.2.3&format=json"; 2]);
}

#[tokio::test]
async fn a_form_an_image_and_a_login_that_are_sent_elsewhere_arrive_nowhere() {
    let elsewhere = RawServer::in_order([]).await;
    let away = format!("http://{}/", elsewhere.authority());
    let server = RawServer::in_order([(); 3].map(|()| redirect("307 Temporary Redirect", &away))).await;
    let mut options = options(&server, NBIA_V4);
    options.api_key = Some("key".into());
    let login = Login {
        token_url: format!("http://{}/oauth/token", server.authority()).parse().unwrap(),
        username: "nbia_guest".to_owned(),
        password: "password".into(),
        client_id: "nbia".to_owned(),
        client_secret: None,
    };
    let (without, with) = (client(&options), client(&Options { login: Some(login), ..options.clone() }));

    let form = without.series_metadata(&[series_uid("1.2.3")]).await.unwrap_err();
    let image = without.image(&series_uid("1.2.3")).await.err().unwrap();
    let token = with.collections().await.unwrap_err();

    for (error, endpoint) in [(form, "getSeriesMetadata"), (image, "getImage"), (token, "oauth/token")] {
        let here = server.authority();
        let told = format!("{endpoint} of {here} is redirected to {away}: not followed");
        assert_eq!(error.to_string(), told);
        assert!(error.refuses_everything());
    }
    assert!(elsewhere.requests().is_empty());
}
