//! Every list of nbia-api v1: days in Java's own form, the day first in the one question and the year first in the
//! others, metadata with names for people.

use jiff::civil::date;
use serde_json::json;
use tcia_mirror::dicom::{CollectionName, PatientId};
use tcia_mirror::nbia::{Endpoint, Narrowing, Scope, SeriesSize};

use super::asked::{Asked, NOT_OFFERED, assert_asked};
use super::{NBIA_V1, client, nbia_list, options, read, said, series_uid, sop_uid, text, zero_bytes};
use crate::support::raw_server::{Answer, RawServer};

/// Named by hand from the source of the service, which takes only some of its own filters in each list.
#[rustfmt::skip]
const ASKED: &[Asked] = &[
    (Endpoint::CollectionValues, "", "GET /nbia-api/services/v1/getCollectionValues", ""),
    (Endpoint::ModalityValues, "", "GET /nbia-api/services/v1/getModalityValues", ""),
    (Endpoint::ModalityValues, "C B", "GET /nbia-api/services/v1/getModalityValues?Collection=CT+COLONOGRAPHY&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::ModalityValues, "M", NOT_OFFERED, ""),
    (Endpoint::BodyPartValues, "C M", "GET /nbia-api/services/v1/getBodyPartValues?Collection=CT+COLONOGRAPHY&Modality=CT", ""),
    (Endpoint::BodyPartValues, "B", NOT_OFFERED, ""),
    (Endpoint::ManufacturerValues, "C M B", "GET /nbia-api/services/v1/getManufacturerValues?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::ManufacturerValues, "Ma", NOT_OFFERED, ""),
    (Endpoint::Patient, "", "GET /nbia-api/services/v1/getPatient", ""),
    (Endpoint::Patient, "C P", "GET /nbia-api/services/v1/getPatient?Collection=CT+COLONOGRAPHY&PatientId=STS_010", ""),
    (Endpoint::Patient, "St", NOT_OFFERED, ""),
    (Endpoint::PatientsByModality, "", "GET /nbia-api/services/v1/getPatientByCollectionAndModality?Collection=CT+COLONOGRAPHY&Modality=CT", ""),
    (Endpoint::PatientStudy, "C P St", "GET /nbia-api/services/v1/getPatientStudy?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3", ""),
    (Endpoint::PatientStudy, "Se", NOT_OFFERED, ""),
    (Endpoint::Series, "", "GET /nbia-api/services/v1/getSeries", ""),
    (Endpoint::Series, "C P St Se M B Ma Mo", "GET /nbia-api/services/v1/getSeries?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3&SeriesInstanceUID=1.2.3.4&Modality=CT&BodyPartExamined=CHEST%2FABD&Manufacturer=CMS%2C+Inc.&ManufacturerModelName=SIGNA%2B", ""),
    (Endpoint::SeriesSize, "", "GET /nbia-api/services/v1/getSeriesSize?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SopInstanceUids, "", "GET /nbia-api/services/v1/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::Image, "", "GET /nbia-api/services/v1/getImage?SeriesInstanceUID=1.2.3.4&NewFileNames=Yes", ""),
    (Endpoint::ImageWithMd5Hash, "", "GET /nbia-api/services/v1/getImageWithMD5Hash?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SingleImage, "", "GET /nbia-api/services/v1/getSingleImage?SeriesInstanceUID=1.2.3.4&SOPInstanceUID=1.2.3.4.5", ""),
    (Endpoint::NewPatients, "", "GET /nbia-api/services/v1/NewPatientsInCollection?Date=2023%2F08%2F04&Collection=CT+COLONOGRAPHY", ""),
    (Endpoint::NewStudies, "", "GET /nbia-api/services/v1/NewStudiesInPatientCollection?Date=2023%2F08%2F04&Collection=CT+COLONOGRAPHY", ""),
    (Endpoint::UpdatedSeries, "", "GET /nbia-api/services/v1/getUpdatedSeries?fromDate=04%2F08%2F2023", ""),
    (Endpoint::SeriesMetadata, "", "GET /nbia-api/services/v1/getSeriesMetaData?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SharedList, "", "GET /nbia-api/services/v1/getContentsByName?name=nbia+5%267", ""),
    (Endpoint::Md5Hierarchy, "Se", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "St", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "C P", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "C", NOT_OFFERED, ""),
    (Endpoint::CollectionDescriptions, "", NOT_OFFERED, ""),
    (Endpoint::CollectionCounts, "", NOT_OFFERED, ""),
    (Endpoint::ModalityCounts, "", NOT_OFFERED, ""),
    (Endpoint::BodyPartCounts, "", NOT_OFFERED, ""),
    (Endpoint::ManufacturerCounts, "", NOT_OFFERED, ""),
    (Endpoint::SpeciesCounts, "", NOT_OFFERED, ""),
];

#[tokio::test]
async fn each_endpoint_is_asked_as_the_service_knows_it_and_what_it_lacks_is_not_asked() {
    assert_asked(NBIA_V1, ASKED).await;
}

#[tokio::test]
async fn values_keep_their_blanks_and_quotes_and_rows_without_one_are_passed_over() {
    let server = RawServer::in_order([
        nbia_list(r#"[{"Collection":"ACRIN-FLT-Breast"},{"Collection":"CT COLONOGRAPHY"}]"#),
        nbia_list(r#"[{"Modality":"CR"},{"Modality":"FUSION"},{"Modality":"KO"}]"#),
        nbia_list(r#"[{},{"BodyPartExamined":"ABDOMEN_PELVIS "},{"BodyPartExamined":"BRAIN W\/WO_AH32"},{"BodyPartExamined":"CHEST (THORAX) "}]"#),
        nbia_list(r#"[{},{"Manufacturer":"\"GE Healthcare\""},{"Manufacturer":"CTI \/ MIMvista"},{"Manufacturer":"CMS, Inc."}]"#),
        nbia_list(r#"[{"PatientId":"1215936303"},{"PatientId":"1.3.6.1.4.1.9328.50.1.0001"}]"#),
    ])
    .await;
    let client = client(&options(&server, NBIA_V1));
    let (scope, narrowing) = (Scope::default(), Narrowing::default());

    let collections = client.collections().await.unwrap();
    let modalities = client.modalities(&scope, &narrowing).await.unwrap();
    let body_parts = client.body_parts(&scope, &narrowing).await.unwrap();
    let manufacturers = client.manufacturers(&scope, &narrowing).await.unwrap();
    let patients = client.patients_by_modality(&CollectionName::new("VICTRE"), "MG").await.unwrap();

    assert_eq!(collections, ["ACRIN-FLT-Breast", "CT COLONOGRAPHY"].map(CollectionName::new));
    assert_eq!(modalities, ["CR", "FUSION", "KO"]);
    assert_eq!(body_parts, ["ABDOMEN_PELVIS ", "BRAIN W/WO_AH32", "CHEST (THORAX) "]);
    assert_eq!(manufacturers, ["\"GE Healthcare\"", "CTI / MIMvista", "CMS, Inc."]);
    assert_eq!(patients, ["1215936303", "1.3.6.1.4.1.9328.50.1.0001"].map(PatientId::new));
}

#[tokio::test]
async fn a_patient_comes_with_a_small_d_and_a_day_of_birth() {
    let list = r#"[{"PatientId":"100_HM10395","PatientName":"100_HM10395","PatientBirthDate":"1931-07-15 00:00:00.0","PatientSex":"M","EthnicGroup":"8","Collection":"4D-Lung","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens"}]"#;
    let server = RawServer::in_order([nbia_list(list), nbia_list(list)]).await;
    let client = client(&options(&server, NBIA_V1));

    let patients = read(client.patients(&Scope::default()).await).await;
    let new = read(client.new_patients(&CollectionName::new("4D-Lung"), date(2023, 8, 4)).await).await;

    let expected = json!({
        "PatientID": "100_HM10395", "PatientName": "100_HM10395", "PatientBirthDate": "1931-07-15",
        "PatientSex": "M", "EthnicGroup": "8", "Collection": "4D-Lung", "Phantom": "NO",
        "SpeciesCode": "337915000", "SpeciesDescription": "Homo sapiens",
    });
    assert_eq!(patients.iter().chain(&new).map(said).collect::<Vec<_>>(), [expected.clone(), expected]);
}

#[tokio::test]
async fn a_study_comes_with_the_day_of_its_timestamp() {
    let list = r#"[{"StudyInstanceUID":"1.2.3","StudyDate":"2016-07-21 00:00:00.0","StudyDescription":"p4","AdmittingDiagnosesDescription":"NSCLC","StudyID":"1","PatientAge":"056Y","PatientID":"100_HM10395","PatientName":"100_HM10395","PatientBirthDate":"1931-07-15 00:00:00.0","PatientSex":"M","EthnicGroup":"8","Collection":"4D-Lung","SeriesCount":3,"LongitudinalTemporalEventType":"DIAGNOSIS","LongitudinalTemporalOffsetFromEvent":12.000000}]"#;
    let server = RawServer::in_order([nbia_list(list), nbia_list(list)]).await;
    let client = client(&options(&server, NBIA_V1));

    let studies = read(client.studies(&Scope::default()).await).await;
    let new = read(client.new_studies(&CollectionName::new("4D-Lung"), date(2023, 8, 4)).await).await;

    let expected = json!({
        "StudyInstanceUID": "1.2.3", "StudyDate": "2016-07-21", "StudyDescription": "p4",
        "AdmittingDiagnosesDescription": "NSCLC", "StudyID": "1", "PatientAge": "056Y",
        "PatientID": "100_HM10395", "PatientName": "100_HM10395", "PatientBirthDate": "1931-07-15",
        "PatientSex": "M", "EthnicGroup": "8", "Collection": "4D-Lung", "SeriesCount": 3,
        "LongitudinalTemporalEventType": "DIAGNOSIS", "LongitudinalTemporalOffsetFromEvent": "12",
    });
    assert_eq!(studies.iter().chain(&new).map(said).collect::<Vec<_>>(), [expected.clone(), expected]);
}

#[tokio::test]
async fn a_series_comes_with_the_time_of_its_submission_and_a_flag_that_is_no_text() {
    let list = r#"[{"SeriesInstanceUID":"1.2.3.4","StudyInstanceUID":"1.2.3","Modality":"MR","ProtocolName":"ATD PROSTATE WITH DIFF\/1","SeriesDate":"2003-12-12 00:00:00.0","SeriesDescription":"2. AXIAL T1 BOTH LEGS - RESEARCH","BodyPartExamined":"EXTREMITY","SeriesNumber":2,"AnnotationsFlag":true,"Collection":"Soft-tissue-Sarcoma","PatientID":"STS_010","Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"SIGNA EXCITE","SoftwareVersions":"09","ImageCount":48,"TimeStamp":"2015-05-27 17:12:21.0","LicenseName":"Creative Commons Attribution 3.0 Unported License","LicenseURI":"http:\/\/creativecommons.org\/licenses\/by\/3.0\/","CollectionURI":"https:\/\/doi.org\/10.7937\/K9\/TCIA.2015.7GO2GSKS","FileSize":25273786,"DateReleased":"2015-06-01 00:00:00.0","StudyDesc":"MRI LT LEG +C","StudyDate":"2003-12-12 00:00:00.0","ThirdPartyAnalysis":"NO"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;

    let series = read(client(&options(&server, NBIA_V1)).series(&Scope::default()).await).await;

    let expected = json!({
        "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "Modality": "MR",
        "ProtocolName": "ATD PROSTATE WITH DIFF/1", "SeriesDate": "2003-12-12",
        "SeriesDescription": "2. AXIAL T1 BOTH LEGS - RESEARCH", "BodyPartExamined": "EXTREMITY",
        "SeriesNumber": "2", "AnnotationsFlag": "true", "Collection": "Soft-tissue-Sarcoma",
        "PatientID": "STS_010", "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "SIGNA EXCITE",
        "SoftwareVersions": "09", "ImageCount": 48, "SubmissionTimestamp": "2015-05-27 17:12:21",
        "LicenseName": "Creative Commons Attribution 3.0 Unported License",
        "LicenseURI": "http://creativecommons.org/licenses/by/3.0/",
        "DataDescriptionURI": "https://doi.org/10.7937/K9/TCIA.2015.7GO2GSKS", "FileSize": 25_273_786,
        "DateReleased": "2015-06-01", "StudyDescription": "MRI LT LEG +C", "StudyDate": "2003-12-12",
        "ThirdPartyAnalysis": "NO",
    });
    assert_eq!(series.iter().map(said).collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn the_day_of_release_is_written_with_a_space_in_a_shared_list_and_without_one_in_an_update() {
    let row = r#"{"SeriesInstanceUID":"1.2.3.4","StudyInstanceUID":"1.2.3","Modality":"MR","ProtocolName":"iCAD PROSTATE WITH DIFF\/","SeriesDate":"2005-09-01 00:00:00.0","SeriesDescription":"T2","BodyPartExamined":"PROSTATE","SeriesNumber":5,"AnnotationsFlag":false,"Collection":"TCGA-PRAD","PatientID":"TCGA-VP-A87E","Manufacturer":"SIEMENS","ManufacturerModelName":"Skyra","SoftwareVersions":"VD11","ImageCount":20,"DateReleased":"2011-11-08 08:08:01.0"}"#;
    let (updated, shared) = (format!("[{row}]"), format!("[{}]", row.replace("DateR", "Date R")));
    let server = RawServer::in_order([nbia_list(&updated), nbia_list(&shared)]).await;
    let client = client(&options(&server, NBIA_V1));

    let updated = read(client.updated_series(date(2011, 11, 7)).await).await;
    let shared = read(client.shared_list("prostates").await).await;

    let expected = json!({
        "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "Modality": "MR",
        "ProtocolName": "iCAD PROSTATE WITH DIFF/", "SeriesDate": "2005-09-01", "SeriesDescription": "T2",
        "BodyPartExamined": "PROSTATE", "SeriesNumber": "5", "AnnotationsFlag": "false",
        "Collection": "TCGA-PRAD", "PatientID": "TCGA-VP-A87E", "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "Skyra", "SoftwareVersions": "VD11", "ImageCount": 20,
        "DateReleased": "2011-11-08 08:08:01",
    });
    assert_eq!(updated.iter().chain(&shared).map(said).collect::<Vec<_>>(), [expected.clone(), expected]);
}

#[tokio::test]
async fn a_series_that_is_not_known_has_a_row_without_a_size_and_no_instance() {
    let sized = nbia_list(r#"[{"TotalSizeInBytes":25273786,"ObjectCount":48}]"#);
    let instances = nbia_list(r#"[{"SOPInstanceUID":"1.2.3.4.6"},{"SOPInstanceUID":"1.2.3.4.5"}]"#);
    let server = RawServer::in_order([sized, instances, nbia_list("[{}]"), zero_bytes()]).await;
    let (client, series) = (client(&options(&server, NBIA_V1)), series_uid("1.2.3.4"));

    let known =
        (client.series_size(&series).await.unwrap(), client.sop_instance_uids(&series).await.unwrap());
    let unknown =
        (client.series_size(&series).await.unwrap(), client.sop_instance_uids(&series).await.unwrap());

    let size = SeriesSize { total_size_in_bytes: Some(25_273_786), object_count: Some(48) };
    assert_eq!(known, (Some(size), ["1.2.3.4.6", "1.2.3.4.5"].map(sop_uid).to_vec()));
    assert_eq!(unknown, (None, vec![]));
}

#[tokio::test]
async fn metadata_is_asked_for_series_by_series_and_of_an_unknown_one_nothing_comes() {
    let list = r#"[{"Series UID":"1.2.3.4","Collection":"NSCLC-Radiomics","3rd Party Analysis":"NO","Data Description URI":"https:\/\/doi.org\/10.7937\/K9\/TCIA.2015.PF0M9REI","Subject ID":"LUNG1-001","Study UID":"1.2.3","Study Description":"CT","Study Date":"08-29-2017","Series Description":"Segmentation","Manufacturer":"CMS  Inc.","Modality":"RTSTRUCT","SOP Class UID":"1.2.840.10008.5.1.4.1.1.481.3","Number of Images":"48","File Size":"26405888","File Location":"12345","Series Number":"1.000000","License Name":"CC BY-NC 3.0","License URL":"http:\/\/creativecommons.org\/licenses\/by-nc\/3.0\/","Annotation Size":"0","Date Released":"Mon Nov 04 11:45:52 UTC 2013","Series Date":"09-15-1997","Protocol Name":"P4^P100","Body Part Examined":"LUNG","Annotations Flag":"false","Manufacturer Model Name":"XiO","Software Versions":"4.6","TimeStamp":"2015-05-27 17:12:21.0"}]"#;
    let none = Answer::literal("HTTP/1.1 204 No Content\r\nServer: nginx\r\n\r\n");
    let server = RawServer::in_order([none, nbia_list(list)]).await;

    let asked = [series_uid("1.2.3.5"), series_uid("1.2.3.4")];
    let metadata = client(&options(&server, NBIA_V1)).series_metadata(&asked).await.unwrap();

    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v1/getSeriesMetaData?SeriesInstanceUID=1.2.3.5 HTTP/1.1",
            "GET /nbia-api/services/v1/getSeriesMetaData?SeriesInstanceUID=1.2.3.4 HTTP/1.1",
        ]
    );
    let [of_series] = &metadata[..] else { panic!("{metadata:?}") };
    assert_eq!(
        said(&of_series.series),
        json!({
            "SeriesInstanceUID": "1.2.3.4", "Collection": "NSCLC-Radiomics", "ThirdPartyAnalysis": "NO",
            "DataDescriptionURI": "https://doi.org/10.7937/K9/TCIA.2015.PF0M9REI", "PatientID": "LUNG1-001",
            "StudyInstanceUID": "1.2.3", "StudyDescription": "CT", "StudyDate": "2017-08-29",
            "SeriesDescription": "Segmentation", "Manufacturer": "CMS  Inc.", "Modality": "RTSTRUCT",
            "ImageCount": 48, "FileSize": 26_405_888, "SeriesNumber": "1", "LicenseName": "CC BY-NC 3.0",
            "LicenseURI": "http://creativecommons.org/licenses/by-nc/3.0/",
            "DateReleased": "Mon Nov 04 11:45:52 UTC 2013", "SeriesDate": "1997-09-15",
            "ProtocolName": "P4^P100", "BodyPartExamined": "LUNG", "AnnotationsFlag": "false",
            "ManufacturerModelName": "XiO", "SoftwareVersions": "4.6",
            "SubmissionTimestamp": "2015-05-27 17:12:21.0",
        })
    );
    assert_eq!(of_series.sop_class_uid.as_deref(), Some("1.2.840.10008.5.1.4.1.1.481.3"));
    assert_eq!(of_series.study_id.as_deref(), Some("12345"));
    assert_eq!(of_series.annotation_size.as_deref(), Some("0"));
    assert_eq!((&of_series.patient_name, &of_series.slice_thickness), (&None, &None));
}

#[tokio::test]
async fn a_list_of_md5s_is_expected_from_the_endpoint_that_has_one_only() {
    let zip = || text("200 OK", "application/octet-stream", "PK");
    let server = RawServer::in_order([zip(), zip()]).await;
    let (client, series) = (client(&options(&server, NBIA_V1)), series_uid("1.2.3.4"));

    let image = client.image(&series).await.unwrap();
    let with_md5_hash = client.image_with_md5_hash(&series).await.unwrap();

    assert!(!image.md5_list_asked && with_md5_hash.md5_list_asked);
}
