//! Names in a ZIP that would leave the staging directory, or pretend to be something else.

use std::collections::BTreeSet;

use super::{
    HIERARCHY, INSTANCES, LICENSE, Mirror, ZIP, fetch, file, files, hierarchy_answer, instance_list, listed,
    md5_list, single, single_answer, sorted_lines_after, staged, staged_with_license, zip_answer,
};
use crate::support::java_zip::JavaZip;
use crate::support::raw_server::RawServer;

/// Fetches a series of so many instances from a ZIP that has to be enough.
async fn fetch_from(zip: JavaZip, count: usize) -> (Mirror, String) {
    let (mirror, server) = (Mirror::new(), RawServer::in_order([zip_answer(&zip.finish())]).await);
    let attempt = fetch(&mirror, &server, &listed(&files(count))).await;
    assert_eq!(server.request_lines(), [ZIP]);
    let proof = attempt.proof();
    (mirror, proof)
}

#[tokio::test]
async fn names_of_entries_are_never_paths() {
    let names =
        ["../../x.dcm", "/etc/cron.d/x", "..\\..\\x.dcm", "C:x.dcm", "1.2.3.1.dcm", "a/../../..", "con", ""];
    let zip =
        names.iter().zip(1..).fold(JavaZip::new(), |zip, (name, number)| zip.entry(name, &file(number)));
    let count = names.len();

    // the name without a letter is that of a directory
    let (mirror, proof) =
        fetch_from(zip.entry("8", &file(8)).entry("md5hashes.csv", &md5_list(&files(count))), count).await;

    assert_eq!(mirror.files(), staged(1..=count));
    assert_eq!(proof, "count+bytes+md5");
}

#[tokio::test]
async fn one_name_for_all_entries_makes_no_difference() {
    let zip = files(3).iter().fold(JavaZip::new(), |zip, file| zip.entry("00000001.dcm", file));

    let (mirror, proof) = fetch_from(zip.entry("md5hashes.csv", &md5_list(&files(3))), 3).await;

    assert_eq!(mirror.files(), staged(1..=3));
    assert_eq!(proof, "count+bytes+md5");
}

#[tokio::test]
async fn a_licence_with_a_path_before_it_is_the_licence_of_this_series_only() {
    let zip = JavaZip::new().entry("../../LICENSE", LICENSE).entry("1-1.dcm", &file(1));

    let (mirror, _) = fetch_from(zip.entry("md5hashes.csv", &md5_list(&files(1))), 1).await;

    assert_eq!(mirror.files(), staged_with_license([1]));
    assert_eq!(mirror.staged_file("LICENSE"), LICENSE);
}

#[tokio::test]
async fn of_two_licences_the_last_one_is_kept() {
    let zip = JavaZip::new().entry("LICENSE", b"first").entry("1-1.dcm", &file(1)).entry("LICENSE", b"last");

    let (mirror, _) = fetch_from(zip.entry("md5hashes.csv", &md5_list(&files(1))), 1).await;

    assert_eq!(mirror.staged_file("LICENSE"), b"last");
}

#[tokio::test]
async fn a_file_named_as_a_part_of_another_is_a_file_like_any() {
    let zip = JavaZip::new().entry("incoming-1", &file(1)).entry("LICENSE.dcm", &file(2));

    let (mirror, _) = fetch_from(zip.entry("md5hashes.csv", &md5_list(&files(2))), 2).await;

    assert_eq!(mirror.files(), staged(1..=2));
}

#[tokio::test]
async fn a_licence_without_end_spoils_the_zip_but_not_the_series() {
    let long = vec![b' '; (1 << 20) + 1];
    let zip = JavaZip::new().entry("1-1.dcm", &file(1)).entry("1-2.dcm", &file(2)).entry("LICENSE", &long);
    let answers = [
        (ZIP.to_owned(), zip_answer(&zip.finish())),
        (INSTANCES.to_owned(), instance_list(2)),
        (single(2), single_answer(&file(2))),
        (HIERARCHY.to_owned(), hierarchy_answer(2)),
    ];
    let (mirror, server) = (Mirror::new(), RawServer::by_request(answers).await);

    let attempt = fetch(&mirror, &server, &listed(&files(2))).await;

    assert_eq!(sorted_lines_after(&server, &[ZIP, INSTANCES]), [single(2)]);
    assert_eq!(mirror.files(), BTreeSet::from_iter(staged(1..=2)));
    assert_eq!(attempt.proof(), "count+bytes+instances+hierarchy");
}
