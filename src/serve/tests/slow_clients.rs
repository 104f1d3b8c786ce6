//! Clients that ask and then take nothing, and those behind them.

use reqwest::StatusCode;

use super::*;
use crate::serve::served::MOST_FORMS;

/// Longer than anything here takes, and shorter than the silence after which a client counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets so many clients ask and take nothing.
async fn stall(served: &Served, clients: usize, path: &str) -> Vec<TcpStream> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
    let mut stalled = Vec::new();
    for _ in 0..clients {
        let (status, stream) = served.stall(&request).await;
        assert_eq!(status, "HTTP/1.1 200");
        stalled.push(stream);
    }
    stalled
}

#[tokio::test]
async fn images_go_out_past_clients_that_take_nothing() {
    let served = Served::new().await;
    let bytes = served.lay_large("1.7", b"second").await;
    let image = format!("{V4}/getSingleImage?SeriesInstanceUID=1.7&SOPInstanceUID=1.7.1");

    let answer = tokio::time::timeout(PATIENCE, async {
        let stalled = stall(&served, 40, &image).await;
        let answer = served.get(&image).await;
        drop(stalled);
        answer
    });

    let answer = answer.await.expect("others hold the place of this client");
    assert!(answer.status == StatusCode::OK && answer.body == bytes);
}

/// Begins a form that is sent when the server says so.
async fn begin_form(served: &Served) -> TcpStream {
    let mut stream = served.connect().await;
    let head = format!(
        "POST {V4}/getMD5Hierarchy HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
         Expect: 100-continue\r\nContent-Length: 21\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn wait_for(stream: &mut TcpStream, text: &str) {
    let mut said = vec![0; text.len()];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&said), text);
}

#[tokio::test]
async fn a_form_is_taken_when_there_is_room_for_it() {
    let served = Served::new().await;
    let mut begun = Vec::new();
    for _ in 0..MOST_FORMS {
        let mut form = begin_form(&served).await;
        wait_for(&mut form, "HTTP/1.1 100 Continue").await;
        begun.push(form);
    }

    let mut next = begin_form(&served).await;
    let list = served.get(&format!("{V4}/getCollectionValues")).await;

    assert_eq!(list.status, StatusCode::OK);
    let early = next.try_read(&mut [0; 8]);
    assert_eq!(early.map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
    let mut first = begun.remove(0);
    first.write_all(b"SeriesInstanceUID=1.2").await.unwrap();
    wait_for(&mut first, "\r\n\r\nHTTP/1.1 200 OK").await;
    wait_for(&mut next, "HTTP/1.1 100 Continue").await;
}

#[tokio::test]
async fn a_form_that_never_ends_is_given_up() {
    let served = Served::new().await;
    tokio::time::pause();

    let mut form = begin_form(&served).await;

    wait_for(&mut form, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 Request Timeout").await;
}

#[tokio::test]
async fn lists_and_images_go_out_past_clients_that_take_no_list() {
    let served = Served::new().await;
    let long = "x".repeat(100_000);
    for number in 0..100 {
        let series =
            Series { series_description: Some(long.clone()), ..other_series(&format!("1.7.{number}")) };
        sample::place(&served.db, &series, Vec::new(), None, sample::PLACED_AT).await;
    }

    let answers = tokio::time::timeout(PATIENCE, async {
        let stalled = stall(&served, 20, &format!("{V4}/getSeries")).await;
        let list = served.get(&format!("{V4}/getCollectionValues")).await;
        let image = served.get(&format!("{V4}/getImage?SeriesInstanceUID={MR}")).await;
        drop(stalled);
        [list, image]
    });

    let answers = answers.await.expect("others hold the place of this client");
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
}
