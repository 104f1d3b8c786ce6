//! Clients that ask and then take nothing, and those behind them.

use reqwest::StatusCode;

use super::*;

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
