//! Who is let in, and for how long.

use reqwest::{RequestBuilder, StatusCode};

use super::*;

const TOKEN: &str = "token of the lab";

async fn guarded() -> Served {
    let guard = Guard { token: Some(TOKEN.into()), ..Guard::default() };
    Served::set_up(|mirror| mirror.guarded(guard)).await
}

#[tokio::test]
async fn without_the_token_nothing_is_answered_but_that_the_server_is_alive() {
    let served = guarded().await;

    for path in
        ["/", "/metrics", "/readyz", "/status/events", "/nowhere", &format!("{V4}/getCollectionValues")]
    {
        let refused = served.send(path).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
        assert!(refused.text().await.unwrap().contains("Authorization: Bearer"));
    }
    assert_eq!(served.get("/healthz").await.text(), "ok");
}

#[tokio::test]
async fn the_token_is_taken_in_each_way_that_clients_bring_one_and_only_whole() {
    let served = guarded().await;
    let ask = async |bring: fn(RequestBuilder, &str) -> RequestBuilder, token: &str| {
        let request = served.http.get(format!("{}{V4}/getCollectionValues", served.base));
        bring(request, token).send().await.unwrap().status()
    };
    let ways: [fn(RequestBuilder, &str) -> RequestBuilder; 3] = [
        |request, token| request.bearer_auth(token),
        |request, token| request.basic_auth("whoever", Some(token)),
        |request, token| request.header("api_key", token),
    ];

    for bring in ways {
        assert_eq!(ask(bring, TOKEN).await, StatusCode::OK);
        for wrong in ["", "token of the la", "token of the lab2", "Token of the lab"] {
            assert_eq!(ask(bring, wrong).await, StatusCode::UNAUTHORIZED, "{wrong}");
        }
    }
}

/// What still comes, until the server ends the connection.
async fn rest(mut stream: TcpStream) -> usize {
    let mut rest = Vec::new();
    // a connection that is reset has ended as well
    drop(stream.read_to_end(&mut rest).await);
    rest.len()
}

#[tokio::test]
async fn who_does_not_ask_to_the_end_or_no_more_is_let_go() {
    let served = Served::new().await;
    let whole = format!("GET {V4}/up HTTP/1.1\r\nHost: here\r\n\r\n");
    let mut streams = Vec::new();
    for (said, answer) in [("", ""), ("GET / HTT", ""), (&whole, "\r\n\r\nup")] {
        let mut stream = served.connect().await;
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(answer.as_bytes()) {
            heard.push(stream.read_u8().await.unwrap());
        }
        streams.push(stream);
    }

    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for stream in streams {
        assert_eq!(rest(stream).await, 0);
    }

    let took = began.elapsed();
    assert!((Duration::from_secs(20)..Duration::from_secs(40)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_until_one_ends() {
    let guard = Guard { connections: 2, ..Guard::default() };
    let served = Served::set_up(|mirror| mirror.guarded(guard)).await;
    let held = [served.connect().await, served.connect().await];
    // the order in which connections are taken is the one in which they came
    let mut next = served.connect().await;
    next.write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();

    let early = tokio::time::timeout(Duration::from_millis(300), next.readable()).await;
    drop(held);
    let mut status = [0; "HTTP/1.1 200".len()];
    next.read_exact(&mut status).await.unwrap();

    assert!(early.is_err());
    assert_eq!(&status, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let served = Served::new().await;
    let path = format!("{V4}/getSeries?Collection={}", "x".repeat(1 << 20));

    let answer = served.http.get(format!("{}{path}", served.base)).send().await;

    assert!(answer.is_err() || answer.unwrap().status().is_client_error());
    assert_eq!(served.get("/healthz").await.status, StatusCode::OK);
}
