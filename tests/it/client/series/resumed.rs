//! Series of which an earlier attempt has left something.

use std::sync::Arc;

use tcia_mirror::fetch::{Error, Fetch, Options};
use tcia_mirror::nbia;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    HIERARCHY, INSTANCES, Mirror, ZIP, attempt, file, files, hierarchy_answer, instance_list, listed,
    md5_list, single, single_answer, sorted_lines_after, staged, staged_with_license, zip_answer, zip_of,
};
use crate::client::{NBIA_V4, nbia_v4, options, stoppable_client};
use crate::support::raw_server::RawServer;

#[tokio::test]
async fn of_a_series_that_is_staged_whole_no_image_is_asked_for() {
    let (mirror, server) = (Mirror::new(), RawServer::in_order([hierarchy_answer(3)]).await);
    let staging = mirror.staging_with(1..=3);

    let attempt = attempt(staging, nbia_v4(&server), Options::default(), &listed(&files(3)), 1).await;

    assert_eq!(server.request_lines(), [HIERARCHY]);
    assert_eq!(attempt.proof(), "count+bytes+hierarchy");
}

#[tokio::test]
async fn a_series_that_is_mostly_staged_is_completed_without_its_zip() {
    let answers = [
        (INSTANCES.to_owned(), instance_list(4)),
        (single(2), single_answer(&file(2))),
        (HIERARCHY.to_owned(), hierarchy_answer(4)),
    ];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);
    let staging = mirror.staging_with([1, 3, 4]);

    let attempt = attempt(staging, nbia_v4(&server), Options::default(), &listed(&files(4)), 0).await;

    assert_eq!(server.request_lines(), [INSTANCES.to_owned(), single(2), HIERARCHY.to_owned()]);
    assert_eq!(mirror.files(), staged(1..=4));
    assert_eq!(attempt.reported.iter().collect::<Vec<_>>(), ["1.2.3.2"], "the others are on record");
    assert_eq!(attempt.proof(), "count+bytes+instances+hierarchy");
}

#[tokio::test]
async fn a_series_of_which_little_is_staged_comes_as_a_zip_again() {
    let zip = zip_of(&files(12)).entry("md5hashes.csv", &md5_list(&files(12))).finish();
    let (mirror, server) = (Mirror::new(), RawServer::in_order([zip_answer(&zip)]).await);
    let staging = mirror.staging_with([3]);

    let attempt = attempt(staging, nbia_v4(&server), Options::default(), &listed(&files(12)), 0).await;

    assert_eq!(server.request_lines(), [ZIP]);
    assert_eq!(mirror.files(), staged_with_license(1..=12));
    assert_eq!(attempt.proof(), "count+bytes+md5");
}

#[tokio::test]
async fn a_staged_instance_of_an_older_version_makes_room_for_the_new_one() {
    let mut new = files(12);
    new[0] = super::file_with(1, b"pixels of the instance with NEW numbers ");
    let zip = zip_of(&new).entry("md5hashes.csv", &md5_list(&new)).finish();
    let answers = [
        (ZIP.to_owned(), zip_answer(&zip)),
        (INSTANCES.to_owned(), instance_list(12)),
        (single(1), single_answer(&new[0])),
    ];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);
    let staging = mirror.staging_with([1]);

    let attempt = attempt(staging, nbia_v4(&server), Options::default(), &listed(&new), 1).await;

    assert_eq!(sorted_lines_after(&server, &[ZIP, INSTANCES]), [single(1)]);
    assert_eq!(mirror.staged_file("1.2.3.1.dcm"), new[0]);
    assert_eq!(attempt.proof(), "count+bytes+md5+instances");
}

#[tokio::test]
async fn a_request_to_stop_in_the_middle_of_a_zip_leaves_what_is_whole() {
    let answer = zip_answer(&zip_of(&files(4)).finish());
    let beginning = answer.clone().cut_after(answer.length() / 2).then_silence();
    let (mirror, server) = (Mirror::new(), RawServer::in_order([beginning]).await);
    let stop = CancellationToken::new();
    let client = stoppable_client(&options(&server, NBIA_V4), stop.clone());
    let (sender, mut reports) = mpsc::channel(4);
    let fetch = Fetch {
        client: Arc::new(client),
        options: Options::default(),
        staged: sender,
        progress: Arc::default(),
    };
    let series = listed(&files(4));

    let (fetched, first) = tokio::join!(fetch.series(mirror.staging(Vec::new()), &series, 0), async {
        let first = reports.recv().await;
        stop.cancel();
        first
    });

    assert!(matches!(fetched, Err(Error::Remote(nbia::Error::Stopped))));
    assert_eq!(first.unwrap().sop_instance_uid.as_str(), "1.2.3.1");
    assert_eq!(server.request_lines(), [ZIP]);
    let kept = mirror.files().len() - 1;
    assert!((1..=2).contains(&kept), "{:?}", mirror.files());
    assert_eq!(mirror.files(), staged_with_license(1..=kept));
}

#[tokio::test]
async fn a_recorded_file_that_was_damaged_on_our_disk_does_not_count() {
    let (mirror, server) = (Mirror::new(), RawServer::in_order([]).await);
    let recorded: Vec<_> = mirror.staging_with([1, 2, 3]).instances().values().cloned().collect();
    mirror.damage("1.2.3.2.dcm");

    let reopened = mirror.staging(recorded);

    assert_eq!(mirror.files(), staged([1, 3]));
    assert_eq!(reopened.instances().len(), 2);
    assert!(server.requests().is_empty());
}
