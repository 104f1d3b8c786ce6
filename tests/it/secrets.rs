//! A key, a token or a password reaches the service that it is for, and nothing and nobody else: not a second host, not
//! a log line, not the output.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::program::program;

const KEY: &str = "key-7f3a9c55";
const TOKEN: &str = "token-1b2c3d4e";
const PASSWORD: &str = "pass word&-99";
const PERCENT_ENCODED_PASSWORD: &str = "pass+word%26-99";

/// How a server abuses what it was sent.
#[derive(Clone, Copy, Debug)]
enum Abuse {
    /// An error text that repeats it.
    Error(u16),
    /// A page instead of a list.
    Page,
    /// Rows that make no sense, and rows that do, with it in them.
    Rows,
    /// A list that is cut behind it.
    CutList,
    /// A redirect to another port, with it in the address.
    Redirect(u16),
}

/// A server that repeats every header and body it gets, and remembers them.
struct Echo {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Echo {
    fn start(abuse: Abuse) -> Self {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let app = Router::new().fallback(answer).with_state((abuse, Arc::clone(&seen)));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    served = axum::serve(listener, app) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address: told.recv().unwrap(), seen, stop: Some(stop) }
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().join("\n")
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
    }
}

type Memory = (Abuse, Arc<Mutex<Vec<String>>>);

async fn answer(State((abuse, seen)): State<Memory>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let values: Vec<_> =
        headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let said = format!("{} {}", values.join(" "), String::from_utf8_lossy(&body));
    seen.lock().unwrap().push(format!("{uri} {said}"));
    if uri.path().ends_with("/oauth/token") && !matches!(abuse, Abuse::Error(401)) {
        let grant = format!(r#"{{"access_token":"{TOKEN}","refresh_token":"{TOKEN}-r","expires_in":3600}}"#);
        return grant.into_response();
    }
    let quoted = said.replace('"', "'");
    match abuse {
        Abuse::Error(status) => (StatusCode::from_u16(status).unwrap(), said).into_response(),
        Abuse::Page => format!("<html>{said}</html>").into_response(),
        Abuse::Rows => {
            format!(r#"[{{"{quoted}":}},{{"Collection":["{quoted}"]}},{{"Collection":"{quoted}"}}]"#)
                .into_response()
        }
        Abuse::CutList => format!(r#"[{{"Collection":"{quoted}"#).into_response(),
        Abuse::Redirect(port) => {
            let query: String = url::form_urlencoded::byte_serialize(said.as_bytes()).collect();
            let target =
                format!("http://127.0.0.1:{port}/nbia-api/services/v4/getCollectionValues?{said}&{query}");
            let target = target.replace(|character: char| character.is_control(), "");
            (StatusCode::FOUND, [("location", target)]).into_response()
        }
    }
}

/// Everything that the program prints for a command, whatever becomes of it.
fn printed(echo: &Echo, secrets: &[(&str, &str)], arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let base_url = format!("http://{}/nbia-api/services/v4", echo.address);
    let config = "[retry]\nattempts = 2\nbase = \"1ms\"\ncap = \"1ms\"\ngive_up = \"5ms\"\n[limits]\nquery_rate = \"0\"\n";
    let file = directory.path().join("config.toml");
    #[expect(clippy::disallowed_methods, reason = "a test writes its own configuration")]
    std::fs::write(&file, config).unwrap();
    let mut command = program();
    command.arg("--config").arg(&file).arg("--root").arg(directory.path().join("mirror"));
    command.args(["--base-url", &base_url]).args(arguments).envs(secrets.iter().copied());
    let output = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const COMMANDS: [&[&str]; 6] = [
    &["-vv", "mirror", "--collection", "C"],
    &["-vv", "--json", "plan", "--all-collections"],
    &["-vv", "--log-format", "json", "sync", "--collection", "C"],
    &["-vv", "query", "getCollectionValues"],
    &["--json", "query", "getSeries", "Collection=C"],
    &["-vv", "query", "--probe"],
];

#[test]
fn no_secret_reaches_a_second_host_or_anything_that_is_printed() {
    let second = Echo::start(Abuse::Page);
    let abuses = [
        Abuse::Error(400),
        Abuse::Error(401),
        Abuse::Error(500),
        Abuse::Page,
        Abuse::Rows,
        Abuse::CutList,
        Abuse::Redirect(second.address.port()),
    ];
    let given: [&[(&str, &str)]; 3] = [
        &[("TCIA_MIRROR_API_KEY", KEY)],
        &[("TCIA_MIRROR_TOKEN", TOKEN)],
        &[("TCIA_MIRROR_USERNAME", "somebody"), ("TCIA_MIRROR_PASSWORD", PASSWORD)],
    ];
    for abuse in abuses {
        let echo = Echo::start(abuse);
        for (secrets, arguments) in
            given.iter().flat_map(|secrets| COMMANDS.map(|command| (secrets, command)))
        {
            let text = printed(&echo, secrets, arguments);

            for secret in [KEY, TOKEN, PASSWORD, PERCENT_ENCODED_PASSWORD] {
                assert!(!text.contains(secret), "{abuse:?} {arguments:?} prints {secret}: {text}");
            }
        }
        let sent = echo.seen();
        for secret in [KEY, PERCENT_ENCODED_PASSWORD] {
            assert!(sent.contains(secret), "the service itself is to get {secret}");
        }
        let addresses = sent.lines().map(|line| line.split(' ').next().unwrap().to_owned());
        assert!(addresses.into_iter().all(|address| !address.contains(KEY)), "no key in an address");
    }
    assert_eq!(second.seen(), "", "nobody asks where a redirect leads to");
}
