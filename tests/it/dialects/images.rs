//! Series, instances and their MD5s in every generation, byte by byte.

use std::io::Read;

use reqwest::StatusCode;

use super::facts::{md5, md5_of_series, md5_over};
use super::generations::{Generation, Server, generations};
use super::{Served, block_on};
use crate::support::catalogue::{COLLECTION, LICENSE, SampleSeries};

fn entries(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

/// What must be in the ZIP of a series, instances in the order of their UIDs.
fn expected(series: &SampleSeries, server: Server, endpoint: &str) -> Vec<(String, Vec<u8>)> {
    let numbered = (1..).zip(&series.files).map(|(number, (uid, bytes))| match server {
        Server::Bindaas => (format!("./{number}-{uid}.dcm"), bytes.clone()),
        Server::Archive => (format!("{number:08}.dcm"), bytes.clone()),
    });
    let files: Vec<_> = numbered.collect();
    let line = |(name, bytes): &(String, Vec<u8>)| format!("{name},{}\n", md5(bytes));
    let md5_list = format!("Filename,MD5Hash\n{}", files.iter().map(line).collect::<Vec<_>>().concat());
    match (server, endpoint) {
        (Server::Bindaas, _) => [vec![("./".to_owned(), Vec::new())], files].concat(),
        (Server::Archive, "getImage") => [vec![("LICENSE".to_owned(), LICENSE.into())], files].concat(),
        (Server::Archive, _) => [files, vec![("md5hashes.csv".to_owned(), md5_list.into())]].concat(),
    }
}

#[test]
fn every_series_comes_whole_in_every_generation() {
    let served = Served::new();

    block_on(async {
        for generation in generations() {
            let endpoints = match generation.server {
                Server::Bindaas => ["getImage"].as_slice(),
                Server::Archive => &["getImage", "getImageWithMD5Hash"],
            };
            for (series, endpoint) in
                served.series.iter().flat_map(|series| endpoints.iter().map(move |name| (series, *name)))
            {
                let asked = format!("SeriesInstanceUID={}", series.series);
                let answer = served.ask(&generation, endpoint, &asked).await;
                assert_eq!(answer.status, StatusCode::OK, "{} {endpoint}", generation.name);
                let expected = expected(series, generation.server, endpoint);
                assert!(entries(&answer.body) == expected, "{} {endpoint} {asked}", generation.name);
            }
        }
    });
}

#[test]
fn every_instance_comes_alone_where_there_are_single_images() {
    let served = Served::new();
    let [first, others @ ..] = generations();

    block_on(async {
        for generation in others {
            for series in &served.series {
                for (uid, bytes) in &series.files {
                    let asked = format!("SeriesInstanceUID={}&SOPInstanceUID={uid}", series.series);
                    let answer = served.ask(&generation, "getSingleImage", &asked).await;
                    assert!(answer.body == *bytes, "{} {uid}", generation.name);
                }
            }
        }
        let none = served.ask(&first, "getSingleImage", "").await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "the first version has no single images");
    });
}

#[test]
fn the_md5_over_a_hierarchy_is_that_of_its_files() {
    let served = Served::new();
    let [.., v2, v4] = generations();
    let study = |uid: &str| {
        let of = served.series.iter().filter(|series| series.study == uid);
        md5_over(of.map(md5_of_series).collect())
    };
    let patients = ["1.2.826.1.1", "1.2.826.9.1"].map(|uid| md5_over(vec![study(uid)]));
    let cases = [
        (format!("SeriesInstanceUID={}", served.series[1].series), md5_of_series(&served.series[1])),
        ("StudyInstanceUID=1.2.826.1.1".to_owned(), study("1.2.826.1.1")),
        ("PatientID=TEST-0001&Collection=CT+COLONOGRAPHY".to_owned(), patients[0].clone()),
        ("Collection=CT+COLONOGRAPHY".to_owned(), md5_over(patients.to_vec())),
        ("SeriesInstanceUID=1.2".to_owned(), String::new()),
    ];

    block_on(async {
        for (form, expected) in &cases {
            let versioned = served.ask(&v4, "POST getMD5Hierarchy", form).await;
            let unversioned = served.ask(&v2, "POST ../getMD5Hierarchy", form).await;
            assert_eq!(
                (versioned.text(), unversioned.text()),
                (expected.as_str(), expected.as_str()),
                "{form}"
            );
            assert_eq!(versioned.label.as_deref(), Some("text/plain"));
        }
    });
}

#[test]
fn collections_are_described_with_a_number_and_every_null() {
    let served = Served::new();
    let [.., v2, v4] = generations();
    let described = async |generation: &Generation, endpoint: &str| {
        let answer = served.ask(generation, endpoint, "collectionName=CT+COLONOGRAPHY").await;
        let rows: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(answer.text()).unwrap();
        rows
    };

    block_on(async {
        let versioned = described(&v4, "getCollectionDescriptions").await;
        assert_eq!(versioned, described(&v2, "../getCollectionDescriptions").await);
        let [row] = versioned.try_into().unwrap();
        assert_eq!(row["collectionName"], COLLECTION);
        assert!(row["id"].is_u64() && row["description"].is_null() && row["descriptionURI"].is_null());
        assert_eq!(row.len(), 4);
        let none = served.ask(&v4, "getCollectionDescriptions", "collectionName=none").await;
        assert_eq!(none.text(), "[]");
    });
}
