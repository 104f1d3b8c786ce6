//! Every list of nbia-api v2: those of v1 for who has a token, and what stands above the versions.

use serde_json::json;
use tcia_mirror::dicom::CollectionName;
use tcia_mirror::nbia::{CollectionDescription, Endpoint, Md5Scope, Scope};

use super::asked::{Asked, NOT_OFFERED, assert_asked};
use super::{NBIA_V2, client, nbia_list, options, read, said, series_uid, text};
use crate::support::raw_server::{Answer, RawServer};

/// Named by hand from the source of the service; what a token opens stands above the version.
#[rustfmt::skip]
const ASKED: &[Asked] = &[
    (Endpoint::CollectionValues, "", "GET /nbia-api/services/v2/getCollectionValues", ""),
    (Endpoint::ModalityValues, "", "GET /nbia-api/services/v2/getModalityValues", ""),
    (Endpoint::ModalityValues, "C B", "GET /nbia-api/services/v2/getModalityValues?Collection=CT+COLONOGRAPHY&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::ModalityValues, "M", NOT_OFFERED, ""),
    (Endpoint::BodyPartValues, "C M", "GET /nbia-api/services/v2/getBodyPartValues?Collection=CT+COLONOGRAPHY&Modality=CT", ""),
    (Endpoint::BodyPartValues, "B", NOT_OFFERED, ""),
    (Endpoint::ManufacturerValues, "C M B", "GET /nbia-api/services/v2/getManufacturerValues?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::ManufacturerValues, "Ma", NOT_OFFERED, ""),
    (Endpoint::Patient, "", "GET /nbia-api/services/v2/getPatient", ""),
    (Endpoint::Patient, "C P", "GET /nbia-api/services/v2/getPatient?Collection=CT+COLONOGRAPHY&PatientId=STS_010", ""),
    (Endpoint::Patient, "St", NOT_OFFERED, ""),
    (Endpoint::PatientsByModality, "", "GET /nbia-api/services/v2/getPatientByCollectionAndModality?Collection=CT+COLONOGRAPHY&Modality=CT", ""),
    (Endpoint::PatientStudy, "C P St", "GET /nbia-api/services/v2/getPatientStudy?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3", ""),
    (Endpoint::PatientStudy, "Se", NOT_OFFERED, ""),
    (Endpoint::Series, "", "GET /nbia-api/services/v2/getSeries", ""),
    (Endpoint::Series, "C P St Se M B Ma Mo", "GET /nbia-api/services/v2/getSeries?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3&SeriesInstanceUID=1.2.3.4&Modality=CT&BodyPartExamined=CHEST%2FABD&Manufacturer=CMS%2C+Inc.&ManufacturerModelName=SIGNA%2B", ""),
    (Endpoint::SeriesSize, "", "GET /nbia-api/services/v2/getSeriesSize?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SopInstanceUids, "", "GET /nbia-api/services/v2/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::Image, "", "GET /nbia-api/services/v2/getImage?SeriesInstanceUID=1.2.3.4&NewFileNames=Yes", ""),
    (Endpoint::ImageWithMd5Hash, "", "GET /nbia-api/services/v2/getImageWithMD5Hash?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SingleImage, "", "GET /nbia-api/services/v2/getSingleImage?SeriesInstanceUID=1.2.3.4&SOPInstanceUID=1.2.3.4.5", ""),
    (Endpoint::NewPatients, "", "GET /nbia-api/services/v2/NewPatientsInCollection?Date=2023%2F08%2F04&Collection=CT+COLONOGRAPHY", ""),
    (Endpoint::NewStudies, "", "GET /nbia-api/services/v2/NewStudiesInPatientCollection?Date=2023%2F08%2F04&Collection=CT+COLONOGRAPHY", ""),
    (Endpoint::UpdatedSeries, "", "GET /nbia-api/services/v2/getUpdatedSeries?fromDate=04%2F08%2F2023", ""),
    (Endpoint::SeriesMetadata, "", "GET /nbia-api/services/v2/getSeriesMetaData?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SharedList, "", "GET /nbia-api/services/v2/getContentsByName?name=nbia+5%267", ""),
    (Endpoint::Md5Hierarchy, "Se", "POST /nbia-api/services/getMD5Hierarchy", "SeriesInstanceUID=1.2.3.4"),
    (Endpoint::Md5Hierarchy, "St", "POST /nbia-api/services/getMD5Hierarchy", "StudyInstanceUID=1.2.3"),
    (Endpoint::Md5Hierarchy, "C P", "POST /nbia-api/services/getMD5Hierarchy", "PatientID=STS_010&Collection=CT+COLONOGRAPHY"),
    (Endpoint::Md5Hierarchy, "C", "POST /nbia-api/services/getMD5Hierarchy", "Collection=CT+COLONOGRAPHY"),
    (Endpoint::CollectionDescriptions, "", "GET /nbia-api/services/getCollectionDescriptions", ""),
    (Endpoint::CollectionDescriptions, "C", "GET /nbia-api/services/getCollectionDescriptions?collectionName=CT+COLONOGRAPHY", ""),
    (Endpoint::CollectionCounts, "", NOT_OFFERED, ""),
    (Endpoint::ModalityCounts, "", NOT_OFFERED, ""),
    (Endpoint::BodyPartCounts, "", NOT_OFFERED, ""),
    (Endpoint::ManufacturerCounts, "", NOT_OFFERED, ""),
    (Endpoint::SpeciesCounts, "", NOT_OFFERED, ""),
];

#[tokio::test]
async fn each_endpoint_is_asked_as_the_service_knows_it_and_what_it_lacks_is_not_asked() {
    assert_asked(NBIA_V2, ASKED).await;
}

#[tokio::test]
async fn a_series_comes_without_the_keys_that_are_null() {
    let list = r#"[{"SeriesInstanceUID":"1.2.3.4","StudyInstanceUID":"1.2.3","Modality":"MR","SeriesDate":"2003-12-12 00:00:00.0","SeriesDescription":"2. AXIAL T1 BOTH LEGS - RESEARCH","SeriesNumber":2,"Collection":"Soft-tissue-Sarcoma","PatientID":"STS_010","ImageCount":48,"TimeStamp":"2015-05-27 17:12:21.0","FileSize":25273786,"StudyDesc":"MRI LT LEG +C"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;
    let mut options = options(&server, NBIA_V2);
    options.token = Some("eyJhbGciOi".into());

    let series = read(client(&options).series(&Scope::default()).await).await;

    let expected = json!({
        "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "Modality": "MR", "SeriesDate": "2003-12-12",
        "SeriesDescription": "2. AXIAL T1 BOTH LEGS - RESEARCH", "SeriesNumber": "2",
        "Collection": "Soft-tissue-Sarcoma", "PatientID": "STS_010", "ImageCount": 48,
        "SubmissionTimestamp": "2015-05-27 17:12:21", "FileSize": 25_273_786, "StudyDescription": "MRI LT LEG +C",
    });
    assert_eq!(series.iter().map(said).collect::<Vec<_>>(), [expected]);
    assert!(server.requests()[0].head.contains("\r\nauthorization: Bearer eyJhbGciOi\r\n"));
}

#[tokio::test]
async fn an_md5_comes_as_text_and_of_what_is_not_known_there_is_none() {
    let digest = text("200 OK", "text/plain", "0cc175b9c0f1b6a831c399e269772661");
    let server = RawServer::in_order([digest, text("200 OK", "text/plain", "")]).await;
    let (client, of) = (client(&options(&server, NBIA_V2)), Md5Scope::Series(series_uid("1.2.3.4")));

    let known = client.md5_hierarchy(&of).await.unwrap();
    let unknown = client.md5_hierarchy(&of).await.unwrap();

    let expected =
        [0x0c, 0xc1, 0x75, 0xb9, 0xc0, 0xf1, 0xb6, 0xa8, 0x31, 0xc3, 0x99, 0xe2, 0x69, 0x77, 0x26, 0x61];
    assert_eq!((known, unknown), (Some(expected), None));
}

#[tokio::test]
async fn a_description_above_the_versions_has_more_columns_and_written_nulls() {
    let list = r#"[{"description":null,"id":7,"collectionName":"4D-Lung","descriptionURI":null,"collectionDescTimestamp":1433894400000,"userName":"nbia","licenseId":null}]"#;
    let server =
        RawServer::in_order([nbia_list(list), Answer::literal("HTTP/1.1 204 No Content\r\n\r\n")]).await;
    let client = client(&options(&server, NBIA_V2));

    let descriptions = client.collection_descriptions(None).await.unwrap();
    let none = client.collection_descriptions(Some(&CollectionName::new("4D"))).await.unwrap();

    let expected = CollectionDescription {
        collection: CollectionName::new("4D-Lung"),
        description: None,
        data_description_uri: None,
    };
    assert_eq!((descriptions, none), (vec![expected], vec![]));
}
