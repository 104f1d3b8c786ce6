//! Where manifests come from: standard input and the web, beside files.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use tokio::runtime::Runtime;

use crate::support::catalogue::Catalogue;
use crate::support::program::{Ended, Lab};
use crate::support::raw_server::{Answer, RawServer};

/// A manifest of two of three series.
const TWO: &str = "downloadServerUrl=https://x/y\r\nmanifestVersion=3.0\r\nListOfSeriesToDownload=\r\n1.2.826.1.1.1\r\n1.2.826.1.1.3\r\n";

/// A mirror of three series.
fn lab() -> Lab {
    let lab = Lab::new("http://127.0.0.1:9/nbia-api/services/v4");
    Catalogue::small(3, 1, 500).build(&lab.root());
    lab
}

/// The series of a mirror that a manifest names.
fn selected(ended: Ended) -> Vec<String> {
    ended.assert_code(0).stdout.lines().skip(6).map(str::to_owned).collect()
}

/// A server for one request, and what it runs on.
fn server(answer: Answer) -> (RawServer, Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    (runtime.block_on(RawServer::in_order([answer])), runtime)
}

fn answer(status: &str, label: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::literal(format!(
        "HTTP/1.1 {status}\r\nContent-Type: {label}\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

#[test]
fn a_manifest_comes_from_standard_input() {
    let lab = lab();
    let mut child = lab.command(&["export", "manifest", "--manifest", "-"]);
    let mut child =
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    child.stdin.take().unwrap().write_all(TWO.as_bytes()).unwrap();

    assert_eq!(selected(child.wait_with_output().unwrap().into()), ["1.2.826.1.1.1", "1.2.826.1.1.3"]);
}

#[test]
fn a_manifest_comes_from_the_web_and_no_key_goes_there() {
    let lab = lab();
    lab.configure("[service]\ncontact = \"mirror@lab.example\"");
    let (server, _runtime) = server(answer("200 OK", "application/x-nbia-manifest-file", TWO));
    let address = format!("http://{}/manifests/mine.tcia?version=1", server.authority());

    let mut command = lab.command(&["export", "manifest", "--manifest", &address]);
    let ended = command
        .env("TCIA_MIRROR_API_KEY", "key-of-the-service")
        .env("TCIA_MIRROR_TOKEN", "token-of-it")
        .output();

    assert_eq!(selected(ended.unwrap().into()), ["1.2.826.1.1.1", "1.2.826.1.1.3"]);
    let head = server.requests()[0].head.clone();
    assert!(head.starts_with("GET /manifests/mine.tcia?version=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("(mirror@lab.example)"), "{head}");
    assert!(!head.contains("of-the-service") && !head.contains("of-it"), "{head}");
}

#[test]
fn what_is_no_manifest_on_the_web_is_refused_with_what_it_is() {
    let lab = lab();
    lab.configure("[http]\nfirst_byte_timeout = \"200ms\"\nidle_timeout = \"200ms\"");
    let page = "<html><a href=\"1.2.826.1.1.1\">1.2.826.1.1.1</a></html>";
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:9/other\r\nContent-Length: 0\r\n\r\n";
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 80000000\r\n\r\n".to_owned()
        + &"1.2.826.1.1.1\n".repeat(5_000_000);
    let cases = [
        (answer("200 OK", "text/html;charset=UTF-8", page), 1, "127.0.0.1 sent a web page"),
        (answer("200 OK", "text/plain", page), 2, "it is a web page, and no list of series"),
        (answer("404 Not Found", "text/plain", "no"), 1, "answered 404 Not Found"),
        (Answer::literal(elsewhere), 1, "redirected to http://127.0.0.2:9/other: not followed"),
        (Answer::silence(), 1, "sent nothing for 200ms"),
        (
            Answer::literal("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n1.2.826.1.1.1\n").then_silence(),
            1,
            "fewer than",
        ),
        (
            Answer::literal("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n1.2.826.1.1.1\n").then_close(),
            1,
            "broke off after 14 bytes",
        ),
        (Answer::literal(long), 1, "sent more than 67108864 bytes"),
    ];
    for (answer, code, expected) in cases {
        let (server, _runtime) = server(answer);
        let address = format!("http://{}/mine.tcia?key=secret", server.authority());

        let said = lab.run(&["export", "manifest", "--manifest", &address]).assert_code(code).stderr;

        assert!(said.contains(expected), "{expected}: {said}");
        assert!(said.contains("/mine.tcia") && !said.contains("secret"), "{said}");
    }
    let said = lab
        .run(&["export", "manifest", "--manifest", "http://me:hidden@127.0.0.1:9/x"])
        .assert_code(2)
        .stderr;
    assert!(said.contains("holds a name or a password") && !said.contains("hidden"), "{said}");
}

#[test]
fn a_series_of_a_manifest_that_is_not_there_is_named() {
    let lab = lab();
    let file = lab.beside("list.csv");
    File::create(&file).unwrap().write_all(b"Name;\"Series UID\"\r\na;1.2.826.1.1.2\r\nb;9.9.9\r\n").unwrap();

    let ended = lab.run(&["export", "manifest", "--manifest", file.to_str().unwrap()]).assert_code(1);

    assert!(ended.stderr.contains("error: the mirror has no series `9.9.9`"), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("\n1.2.826.1.1.2\n"), "{}", ended.stdout);
}
