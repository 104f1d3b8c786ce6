//! The client and the fetch of a series against literal request lines and literal answers, typed by hand from the
//! source and the stored responses of the services: nothing here is made by our own server.

mod asked;
mod bodies;
mod downloads;
mod headers;
mod lists_bindaas_v1;
mod lists_bindaas_v3;
mod lists_nbia_v1;
mod lists_nbia_v2;
mod lists_nbia_v4;
mod no_lists;
mod pace;
mod recognition;
mod redirects;
mod refusals;
mod retries;
mod rows;
mod secrets;
mod series;
mod tokens;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tcia_mirror::dicom::{CollectionName, PatientId, SeriesInstanceUid, SopInstanceUid, StudyInstanceUid};
use tcia_mirror::nbia::{self, Client, HttpOptions, Options, Rate, RetryOptions, Rows, Scope};
use tokio_util::sync::CancellationToken;

use crate::support::raw_server::{Answer, RawServer};

/// Where endpoints begin today.
const NBIA_V4: &str = "/nbia-api/services/v4";
/// Where they begin for guests and for who has a token.
const NBIA_V1: &str = "/nbia-api/services/v1";
const NBIA_V2: &str = "/nbia-api/services/v2";
/// Where they began until 2022, and in the beginning.
const BINDAAS_V3: &str = "/services/v3/TCIA/query";
const BINDAAS_V1: &str = "/services/TCIA/TCIA/query";

/// Sun, 06 Nov 1994 08:49:37 GMT, the date of the examples in RFC 9110.
const NOW: Timestamp = Timestamp::constant(784_111_777, 0);

/// A client that speaks to the server below a path, asks three times at most, and waits a millisecond between.
fn options(server: &RawServer, path: &str) -> Options {
    options_of(&format!("http://{}{path}", server.authority()))
}

fn options_of(base_url: &str) -> Options {
    let pause = Duration::from_millis(1);
    Options {
        base_url: base_url.parse().expect("the address is typed by hand"),
        dialect: None,
        api_key: None,
        token: None,
        login: None,
        ca_file: None,
        contact: "tests@example.org".to_owned(),
        http: HttpOptions::default(),
        query_rate: Rate::per_second(0),
        image_rate: Rate::per_second(0),
        bandwidth: 0,
        retry: RetryOptions { attempts: 3, base: pause, cap: pause, give_up: pause },
    }
}

fn client(options: &Options) -> Client {
    stoppable_client(options, CancellationToken::new())
}

fn stoppable_client(options: &Options, stop: CancellationToken) -> Client {
    Client::new(options, stop, || NOW, fastrand::Rng::with_seed(7)).expect("nothing is sent yet")
}

/// A client of an address that may be refused.
fn try_client(options: &Options) -> Result<Client, nbia::Error> {
    Client::new(options, CancellationToken::new(), || NOW, fastrand::Rng::with_seed(7))
}

fn nbia_v4(server: &RawServer) -> Client {
    client(&options(server, NBIA_V4))
}

fn bindaas_v3(server: &RawServer) -> Client {
    client(&options(server, BINDAAS_V3))
}

/// A list as nbia-api sends it: nothing in the content type but the type, no whitespace, no line end.
fn nbia_list(list: &str) -> Answer {
    let length = list.len();
    Answer::literal(format!(
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{list}"
    ))
}

/// A list as Bindaas streams it, with the headers that it adds to every answer.
fn bindaas_list(list: &str) -> Answer {
    let length = list.len();
    Answer::literal(format!(
        "HTTP/1.1 200 OK\r\nmetadata: {{\"queryDescription\":\"\"}}\r\ntags: []\r\nresponseTime: 12\r\n\
         Bindaas-version: 3.0.0\r\nVendor: BMI\r\nAccess-Control-Allow-Origin: *\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{list}\r\n0\r\n\r\n"
    ))
}

/// What nbia-api sends where there is no row: no byte, and no content type.
fn zero_bytes() -> Answer {
    Answer::literal("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")
}

/// Any status with a text, labelled as nbia-api labels it.
fn text(status_line: &str, content_type: &str, text: &str) -> Answer {
    let length = text.len();
    Answer::literal(format!(
        "HTTP/1.1 {status_line}\r\nServer: nginx\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{text}"
    ))
}

/// What nbia-api answers to whatever its code did not foresee.
fn server_error() -> Answer {
    Answer::literal(
        "HTTP/1.1 500 \r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 48\r\n\r\n\
         Server was not able to process your request\nnull",
    )
}

fn collection(name: &str) -> Scope {
    Scope { collection: Some(CollectionName::new(name)), ..Scope::default() }
}

fn patient(id: &str) -> Scope {
    Scope { patient_id: Some(PatientId::new(id)), ..Scope::default() }
}

fn study_uid(text: &str) -> StudyInstanceUid {
    text.parse().expect("the UID is typed by hand")
}

fn series_uid(text: &str) -> SeriesInstanceUid {
    text.parse().expect("the UID is typed by hand")
}

fn sop_uid(text: &str) -> SopInstanceUid {
    text.parse().expect("the UID is typed by hand")
}

/// Lets everything else run until something is so.
async fn turn_until(is_so: impl Fn() -> bool) {
    for _ in 0..10_000_000 {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("ten million turns of the runtime did not bring it about");
}

/// Lets everything else run for as long as a request takes to reach the server, if one is on its way.
async fn let_everything_run() {
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
}

/// The rows of a list that is whole.
async fn read<T: DeserializeOwned>(rows: Result<Rows<T>, nbia::Error>) -> Vec<T> {
    rows.expect("the answer is a success").read_all().await.expect("the list is whole")
}

/// What a row says, under the keywords of the record; what it leaves out is left out.
fn said(row: &impl Serialize) -> Value {
    let mut said = serde_json::to_value(row).expect("a row is an object");
    let fields = said.as_object_mut().expect("a row is an object");
    fields.retain(|_, value| !value.is_null() && *value != json!({}));
    said
}

/// The rows of a list, those before a break included, and how the list ended.
async fn read_until_end<T: DeserializeOwned>(mut rows: Rows<T>) -> (Vec<T>, Result<u64, nbia::Error>) {
    let mut all = Vec::new();
    loop {
        match rows.next().await {
            Ok(Some(batch)) => all.extend(batch),
            Ok(None) => return (all, Ok(rows.rejected().0)),
            Err(error) => return (all, Err(error)),
        }
    }
}
