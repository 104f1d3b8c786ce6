//! Every list of the first version: the seven lists of its guide, `PatientID` throughout, no way to name a series.

use serde_json::json;
use tcia_mirror::dicom::{CollectionName, SeriesInstanceUid};
use tcia_mirror::nbia::{Dialect, Endpoint, Error, Narrowing, Scope, SeriesSize};

use super::asked::{Asked, NOT_OFFERED, assert_asked};
use super::{BINDAAS_V1, bindaas_list, client, options, read, said, series_uid, text};
use crate::support::raw_server::{Answer, RawServer};

/// Named by hand from the guide of this version, format and all.
#[rustfmt::skip]
const ASKED: &[Asked] = &[
    (Endpoint::CollectionValues, "", "GET /services/TCIA/TCIA/query/getCollectionValues?format=json", ""),
    (Endpoint::ModalityValues, "", "GET /services/TCIA/TCIA/query/getModalityValues?format=json", ""),
    (Endpoint::ModalityValues, "C M B", "GET /services/TCIA/TCIA/query/getModalityValues?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD&format=json", ""),
    (Endpoint::BodyPartValues, "C M B", "GET /services/TCIA/TCIA/query/getBodyPartValues?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD&format=json", ""),
    (Endpoint::ManufacturerValues, "C M B", "GET /services/TCIA/TCIA/query/getManufacturerValues?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD&format=json", ""),
    (Endpoint::ManufacturerValues, "Ma", NOT_OFFERED, ""),
    (Endpoint::Patient, "", "GET /services/TCIA/TCIA/query/getPatient?format=json", ""),
    (Endpoint::Patient, "C", "GET /services/TCIA/TCIA/query/getPatient?Collection=CT+COLONOGRAPHY&format=json", ""),
    (Endpoint::Patient, "C P", NOT_OFFERED, ""),
    (Endpoint::PatientStudy, "C", "GET /services/TCIA/TCIA/query/getPatientStudy?Collection=CT+COLONOGRAPHY&format=json", ""),
    (Endpoint::PatientStudy, "C P St", "GET /services/TCIA/TCIA/query/getPatientStudy?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3&format=json", ""),
    (Endpoint::PatientStudy, "Se", NOT_OFFERED, ""),
    (Endpoint::Series, "", "GET /services/TCIA/TCIA/query/getSeries?format=json", ""),
    (Endpoint::Series, "C P St M", "GET /services/TCIA/TCIA/query/getSeries?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3&Modality=CT&format=json", ""),
    (Endpoint::Series, "Se", NOT_OFFERED, ""),
    (Endpoint::Series, "B", NOT_OFFERED, ""),
    (Endpoint::Series, "Ma", NOT_OFFERED, ""),
    (Endpoint::Series, "Mo", NOT_OFFERED, ""),
    (Endpoint::SeriesSize, "", "GET /services/TCIA/TCIA/query/getSeriesSize?SeriesInstanceUID=1.2.3.4&format=json", ""),
    (Endpoint::Image, "", "GET /services/TCIA/TCIA/query/getImage?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::PatientsByModality, "", NOT_OFFERED, ""),
    (Endpoint::SopInstanceUids, "", NOT_OFFERED, ""),
    (Endpoint::ImageWithMd5Hash, "", NOT_OFFERED, ""),
    (Endpoint::SingleImage, "", NOT_OFFERED, ""),
    (Endpoint::NewPatients, "", NOT_OFFERED, ""),
    (Endpoint::NewStudies, "", NOT_OFFERED, ""),
    (Endpoint::UpdatedSeries, "", NOT_OFFERED, ""),
    (Endpoint::SeriesMetadata, "", NOT_OFFERED, ""),
    (Endpoint::SharedList, "", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "Se", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "St", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "C P", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "C", NOT_OFFERED, ""),
    (Endpoint::CollectionDescriptions, "", NOT_OFFERED, ""),
    (Endpoint::CollectionDescriptions, "C", NOT_OFFERED, ""),
    (Endpoint::CollectionCounts, "", NOT_OFFERED, ""),
    (Endpoint::ModalityCounts, "", NOT_OFFERED, ""),
    (Endpoint::ModalityCounts, "C B", NOT_OFFERED, ""),
    (Endpoint::BodyPartCounts, "", NOT_OFFERED, ""),
    (Endpoint::BodyPartCounts, "C M", NOT_OFFERED, ""),
    (Endpoint::ManufacturerCounts, "", NOT_OFFERED, ""),
    (Endpoint::SpeciesCounts, "", NOT_OFFERED, ""),
];

#[tokio::test]
async fn each_endpoint_is_asked_as_the_guide_says_and_what_it_does_not_name_is_not_asked() {
    assert_asked(BINDAAS_V1, ASKED).await;
}

#[tokio::test]
async fn metadata_that_is_not_offered_is_refused_even_for_no_series_at_all() {
    let server = RawServer::in_order([]).await;
    let none: [SeriesInstanceUid; 0] = [];

    let refused = client(&options(&server, BINDAAS_V1)).series_metadata(&none).await.unwrap_err();

    assert!(matches!(refused, Error::NotOffered { dialect: Dialect::BindaasV1, .. }), "{refused}");
    assert_eq!(refused.to_string(), "the dialect bindaas-v1 does not offer getSeriesMetaData");
}

#[tokio::test]
async fn values_come_as_they_stand_and_rows_without_one_are_passed_over() {
    let server = RawServer::in_order([
        bindaas_list(r#"[{"Collection":"TCGA-GBM"},{"Collection":"LIDC-IDRI"}]"#),
        bindaas_list(r#"[{"Modality":"CT"},{"Modality":"MR"}]"#),
        bindaas_list(r#"[{},{"BodyPartExamined":"CHEST\/ABD"}]"#),
        bindaas_list(r#"[{"Manufacturer":"GE MEDICAL SYSTEMS"},{},{"Manufacturer":"\"GE Healthcare\""}]"#),
    ])
    .await;
    let client = client(&options(&server, BINDAAS_V1));
    let everything = (Scope::default(), Narrowing::default());

    let collections = client.collections().await.unwrap();
    let modalities = client.modalities(&everything.0, &everything.1).await.unwrap();
    let body_parts = client.body_parts(&everything.0, &everything.1).await.unwrap();
    let manufacturers = client.manufacturers(&everything.0, &everything.1).await.unwrap();

    assert_eq!(collections, ["TCGA-GBM", "LIDC-IDRI"].map(CollectionName::new));
    assert_eq!(modalities, ["CT", "MR"]);
    assert_eq!(body_parts, ["CHEST/ABD"]);
    assert_eq!(manufacturers, ["GE MEDICAL SYSTEMS", "\"GE Healthcare\""]);
}

#[tokio::test]
async fn patients_studies_and_series_come_with_iso_days_and_under_their_keywords() {
    let server = RawServer::in_order([
        bindaas_list(r#"[{"PatientID":"TCGA-08-0244","PatientName":"TCGA-08-0244","PatientBirthDate":"1931-07-15","PatientSex":"F","EthnicGroup":"WHITE","Collection":"TCGA-GBM"}]"#),
        bindaas_list(r#"[{"StudyInstanceUID":"1.2.3","StudyDate":"1995-02-26","StudyDescription":"MR BRAIN W\/WO","AdmittingDiagnosesDescription":"GBM","StudyID":"1","PatientAge":"061Y","PatientID":"TCGA-08-0244","PatientName":"TCGA-08-0244","PatientBirthDate":"1931-07-15","PatientSex":"F","EthnicGroup":"WHITE","Collection":"TCGA-GBM","SeriesCount":14}]"#),
        bindaas_list(r#"[{"SeriesInstanceUID":"1.2.3.4","StudyInstanceUID":"1.2.3","Modality":"MR","ProtocolName":"SE\/FL","SeriesDate":"1995-02-26","SeriesDescription":"AXIAL T1","BodyPartExamined":"BRAIN","SeriesNumber":4,"AnnotationsFlag":"false","Collection":"TCGA-GBM","PatientID":"TCGA-08-0244","Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"SIGNA EXCITE","SoftwareVersions":"11","ImageCount":22}]"#),
    ])
    .await;
    let client = client(&options(&server, BINDAAS_V1));

    let patients = read(client.patients(&Scope::default()).await).await;
    let studies = read(client.studies(&Scope::default()).await).await;
    let series = read(client.series(&Scope::default()).await).await;

    assert_eq!(
        patients.iter().map(said).collect::<Vec<_>>(),
        [json!({
            "PatientID": "TCGA-08-0244", "PatientName": "TCGA-08-0244", "PatientBirthDate": "1931-07-15",
            "PatientSex": "F", "EthnicGroup": "WHITE", "Collection": "TCGA-GBM",
        })]
    );
    assert_eq!(
        studies.iter().map(said).collect::<Vec<_>>(),
        [json!({
            "StudyInstanceUID": "1.2.3", "StudyDate": "1995-02-26", "StudyDescription": "MR BRAIN W/WO",
            "AdmittingDiagnosesDescription": "GBM", "StudyID": "1", "PatientAge": "061Y",
            "PatientID": "TCGA-08-0244", "PatientName": "TCGA-08-0244", "PatientBirthDate": "1931-07-15",
            "PatientSex": "F", "EthnicGroup": "WHITE", "Collection": "TCGA-GBM", "SeriesCount": 14,
        })]
    );
    assert_eq!(
        series.iter().map(said).collect::<Vec<_>>(),
        [json!({
            "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "Modality": "MR", "ProtocolName": "SE/FL",
            "SeriesDate": "1995-02-26", "SeriesDescription": "AXIAL T1", "BodyPartExamined": "BRAIN",
            "SeriesNumber": "4", "AnnotationsFlag": "false", "Collection": "TCGA-GBM",
            "PatientID": "TCGA-08-0244", "Manufacturer": "GE MEDICAL SYSTEMS",
            "ManufacturerModelName": "SIGNA EXCITE", "SoftwareVersions": "11", "ImageCount": 22,
        })]
    );
}

#[tokio::test]
async fn a_series_that_is_not_known_has_a_row_without_a_size() {
    let sized = bindaas_list(r#"[{"TotalSizeInBytes":149149266,"ObjectCount":22}]"#);
    let server = RawServer::in_order([sized, bindaas_list("[{}]"), bindaas_list("[]")]).await;
    let client = client(&options(&server, BINDAAS_V1));

    let mut sizes = Vec::new();
    for _ in 0..3 {
        sizes.push(client.series_size(&series_uid("1.2.3.4")).await.unwrap());
    }

    let expected = SeriesSize { total_size_in_bytes: Some(149_149_266), object_count: Some(22) };
    assert_eq!(sizes, [Some(expected), None, None]);
}

#[tokio::test]
async fn a_zip_is_asked_for_by_its_series_alone_and_no_list_of_md5s_is_expected() {
    let server = RawServer::in_order([text("200 OK", "application/zip", "PK")]).await;

    let image = client(&options(&server, BINDAAS_V1)).image(&series_uid("1.2.3.4")).await.unwrap();

    assert!(!image.md5_list_asked);
}

#[tokio::test]
async fn an_endpoint_tells_of_itself_whatever_its_administrator_wrote() {
    let told = r#"{"queryDescription":"All patients","params":[{"name":"Collection","required":"false"}]}"#;
    let server =
        RawServer::in_order([bindaas_list(told), Answer::literal("HTTP/1.1 204 No Content\r\n\r\n")]).await;
    let client = client(&options(&server, BINDAAS_V1));

    let description = client.endpoint_description(Endpoint::Patient).await.unwrap();
    let nothing = client.endpoint_description(Endpoint::Image).await.unwrap_err();
    let unknown = client.endpoint_description(Endpoint::SharedList).await.unwrap_err();

    assert_eq!(description["params"][0], json!({"name": "Collection", "required": "false"}));
    assert!(matches!(nothing, Error::Rejected { endpoint: "metadata", .. }), "{nothing}");
    assert!(matches!(unknown, Error::NotOffered { .. }), "{unknown}");
    assert_eq!(
        server.request_lines(),
        [
            "GET /services/TCIA/TCIA/query/getPatient/metadata HTTP/1.1",
            "GET /services/TCIA/TCIA/query/getImage/metadata HTTP/1.1",
        ]
    );
}
