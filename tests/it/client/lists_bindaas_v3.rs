//! Every list of the Bindaas generation: asked for as JSON by name, with ISO days and `PatientID` throughout.

use jiff::civil::date;
use serde_json::json;
use tcia_mirror::dicom::{CollectionName, PatientId};
use tcia_mirror::nbia::{Dialect, Endpoint, Error, Narrowing, Scope, SeriesSize};

use super::asked::{Asked, NOT_OFFERED, assert_asked};
use super::{
    BINDAAS_V3, bindaas_list, bindaas_v3, client, collection, options, patient, read, said, series_uid,
    sop_uid, study_uid,
};
use crate::support::raw_server::RawServer;

const PATIENT: &str = r#"[{"PatientID":"TCGA-08-0244","PatientName":"TCGA-08-0244","PatientBirthDate":"1931-07-15","PatientSex":"F","Collection":"TCGA-GBM"}]"#;

const STUDY: &str = r#"[{"StudyInstanceUID":"1.3.6.1.4.1.14519.5.2.1.4591.4001.151679082681232740021018262895","StudyDate":"1995-02-26","StudyDescription":"MR BRAIN WITH & WITHOUT CONTRAST","PatientAge":"061Y","PatientID":"TCGA-08-0244","PatientName":"TCGA-08-0244","PatientSex":"F","Collection":"TCGA-GBM","SeriesCount":14}]"#;

const SERIES: &str = r#"[{"SeriesInstanceUID":"1.3.6.1.4.1.14519.5.2.1.4591.4001.179997366585559259370250155567","StudyInstanceUID":"1.3.6.1.4.1.14519.5.2.1.4591.4001.151679082681232740021018262895","Modality":"MR","ProtocolName":"SE\/FL","SeriesDate":"1995-02-26","SeriesDescription":"AXIAL T1","BodyPartExamined":"BRAIN","SeriesNumber":"4.000000","AnnotationsFlag":false,"Collection":"TCGA-GBM","PatientID":"TCGA-08-0244","Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"SIGNA EXCITE","SoftwareVersions":"11","ImageCount":"22"}]"#;

/// Named by hand from the guide of this version, format and all.
#[rustfmt::skip]
const ASKED: &[Asked] = &[
    (Endpoint::CollectionValues, "", "GET /services/v3/TCIA/query/getCollectionValues?format=json", ""),
    (Endpoint::ModalityValues, "", "GET /services/v3/TCIA/query/getModalityValues?format=json", ""),
    (Endpoint::ModalityValues, "C B", "GET /services/v3/TCIA/query/getModalityValues?Collection=CT+COLONOGRAPHY&BodyPartExamined=CHEST%2FABD&format=json", ""),
    (Endpoint::ModalityValues, "M", NOT_OFFERED, ""),
    (Endpoint::BodyPartValues, "C M", "GET /services/v3/TCIA/query/getBodyPartValues?Collection=CT+COLONOGRAPHY&Modality=CT&format=json", ""),
    (Endpoint::BodyPartValues, "B", NOT_OFFERED, ""),
    (Endpoint::ManufacturerValues, "C M B", "GET /services/v3/TCIA/query/getManufacturerValues?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD&format=json", ""),
    (Endpoint::Patient, "C", "GET /services/v3/TCIA/query/getPatient?Collection=CT+COLONOGRAPHY&format=json", ""),
    (Endpoint::Patient, "P", NOT_OFFERED, ""),
    (Endpoint::PatientsByModality, "", "GET /services/v3/TCIA/query/PatientsByModality?Collection=CT+COLONOGRAPHY&Modality=CT&format=json", ""),
    (Endpoint::PatientStudy, "C P St", "GET /services/v3/TCIA/query/getPatientStudy?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3&format=json", ""),
    (Endpoint::Series, "C P St Se M B Ma Mo", "GET /services/v3/TCIA/query/getSeries?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3&SeriesInstanceUID=1.2.3.4&Modality=CT&BodyPartExamined=CHEST%2FABD&Manufacturer=CMS%2C+Inc.&ManufacturerModelName=SIGNA%2B&format=json", ""),
    (Endpoint::SeriesSize, "", "GET /services/v3/TCIA/query/getSeriesSize?SeriesInstanceUID=1.2.3.4&format=json", ""),
    (Endpoint::SopInstanceUids, "", "GET /services/v3/TCIA/query/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3.4&format=json", ""),
    (Endpoint::Image, "", "GET /services/v3/TCIA/query/getImage?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SingleImage, "", "GET /services/v3/TCIA/query/getSingleImage?SeriesInstanceUID=1.2.3.4&SOPInstanceUID=1.2.3.4.5", ""),
    (Endpoint::NewPatients, "", "GET /services/v3/TCIA/query/NewPatientsInCollection?Date=2023-08-04&Collection=CT+COLONOGRAPHY&format=json", ""),
    (Endpoint::NewStudies, "", "GET /services/v3/TCIA/query/NewStudiesInPatientCollection?Date=2023-08-04&Collection=CT+COLONOGRAPHY&format=json", ""),
    (Endpoint::SharedList, "", "GET /services/v3/SharedList/query/ContentsByName?name=nbia+5%267", ""),
    (Endpoint::ImageWithMd5Hash, "", NOT_OFFERED, ""),
    (Endpoint::UpdatedSeries, "", NOT_OFFERED, ""),
    (Endpoint::SeriesMetadata, "", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "Se", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "C P", NOT_OFFERED, ""),
    (Endpoint::CollectionDescriptions, "", NOT_OFFERED, ""),
    (Endpoint::CollectionCounts, "", NOT_OFFERED, ""),
    (Endpoint::ModalityCounts, "", NOT_OFFERED, ""),
    (Endpoint::BodyPartCounts, "", NOT_OFFERED, ""),
    (Endpoint::ManufacturerCounts, "", NOT_OFFERED, ""),
    (Endpoint::SpeciesCounts, "", NOT_OFFERED, ""),
];

#[tokio::test]
async fn each_endpoint_is_asked_as_the_guide_says_and_what_it_does_not_name_is_not_asked() {
    assert_asked(BINDAAS_V3, ASKED).await;
}

#[tokio::test]
async fn collections_are_asked_for_as_json() {
    let server = RawServer::in_order([bindaas_list(r#"[{"Collection":"TCGA-GBM"}]"#)]).await;
    let client = bindaas_v3(&server);

    let collections = client.collections().await.unwrap();

    assert_eq!(client.dialect(), Dialect::BindaasV3);
    assert_eq!(
        server.request_lines(),
        ["GET /services/v3/TCIA/query/getCollectionValues?format=json HTTP/1.1"]
    );
    assert_eq!(collections, [CollectionName::new("TCGA-GBM")]);
}

#[tokio::test]
async fn the_address_may_stop_before_the_query_or_have_a_slash_behind_it() {
    for path in ["/services/v3", "/services/v3/TCIA/", "/services/v3/TCIA/query/"] {
        let server = RawServer::in_order([bindaas_list("[]")]).await;

        client(&options(&server, path)).collections().await.unwrap();

        assert_eq!(
            server.request_lines(),
            ["GET /services/v3/TCIA/query/getCollectionValues?format=json HTTP/1.1"]
        );
    }
}

#[tokio::test]
async fn a_path_that_tells_nothing_is_kept_when_the_dialect_is_named() {
    let server = RawServer::in_order([bindaas_list("[]")]).await;
    let mut options = options(&server, "/gateway/of/the/lab/#gone");
    options.dialect = Some(Dialect::BindaasV3);

    client(&options).collections().await.unwrap();

    assert_eq!(server.request_lines(), ["GET /gateway/of/the/lab/getCollectionValues?format=json HTTP/1.1"]);
}

#[tokio::test]
async fn patients_come_with_their_day_of_birth() {
    let server = RawServer::in_order([bindaas_list(PATIENT)]).await;

    let patients = bindaas_v3(&server).patients(&collection("TCGA-GBM")).await.unwrap();
    let patients = patients.read_all().await.unwrap();

    assert_eq!(
        server.request_lines(),
        ["GET /services/v3/TCIA/query/getPatient?Collection=TCGA-GBM&format=json HTTP/1.1"]
    );
    let [patient] = &patients[..] else { panic!("{patients:?}") };
    assert_eq!(patient.patient_id, PatientId::new("TCGA-08-0244"));
    assert_eq!(patient.patient_birth_date.as_deref(), Some("1931-07-15"));
    assert_eq!((&patient.phantom, &patient.species_code, &patient.authorized), (&None, &None, &None));
    assert!(patient.other.is_empty());
}

#[tokio::test]
async fn one_patient_cannot_be_asked_for_and_nothing_is_sent() {
    let server = RawServer::in_order([]).await;

    let refused = bindaas_v3(&server).patients(&patient("TCGA-08-0244")).await.err().unwrap();

    assert!(matches!(refused, Error::NotOffered { .. }), "{refused}");
    assert!(!refused.is_transient() && !refused.is_outage());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn studies_are_asked_for_by_collection_patient_and_study() {
    let server = RawServer::in_order([bindaas_list("[]"), bindaas_list("[]"), bindaas_list("[]")]).await;
    let client = bindaas_v3(&server);
    let scopes = [
        collection("TCGA-GBM"),
        Scope { patient_id: Some(PatientId::new("TCGA-08-0244")), ..collection("TCGA-GBM") },
        Scope { study_instance_uid: Some(study_uid("1.2.3")), ..patient("TCGA-08-0244") },
    ];

    for scope in scopes {
        client.studies(&scope).await.unwrap().read_all().await.unwrap();
    }

    assert_eq!(
        server.request_lines(),
        [
            "GET /services/v3/TCIA/query/getPatientStudy?Collection=TCGA-GBM&format=json HTTP/1.1",
            "GET /services/v3/TCIA/query/getPatientStudy?Collection=TCGA-GBM&PatientID=TCGA-08-0244&format=json HTTP/1.1",
            "GET /services/v3/TCIA/query/getPatientStudy?PatientID=TCGA-08-0244&StudyInstanceUID=1.2.3&format=json HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_study_comes_with_the_day_as_it_is_sent() {
    let server = RawServer::in_order([bindaas_list(STUDY)]).await;

    let studies = bindaas_v3(&server).studies(&Scope::default()).await.unwrap().read_all().await.unwrap();

    let [study] = &studies[..] else { panic!("{studies:?}") };
    assert_eq!(study.study_date.as_deref(), Some("1995-02-26"));
    assert_eq!(study.study_description.as_deref(), Some("MR BRAIN WITH & WITHOUT CONTRAST"));
    assert_eq!(study.series_count, Some(14));
    assert_eq!((&study.study_id, &study.patient_birth_date), (&None, &None));
}

#[tokio::test]
async fn series_are_asked_for_by_each_form_of_scope() {
    let server = RawServer::in_order([(); 4].map(|()| bindaas_list("[]"))).await;
    let client = bindaas_v3(&server);
    let scopes = [
        collection("QIBA CT-1C"),
        Scope { patient_id: Some(PatientId::new("TCGA-08-0244")), ..collection("TCGA-GBM") },
        Scope { study_instance_uid: Some(study_uid("1.2.3")), ..Scope::default() },
        Scope { series_instance_uid: Some(series_uid("1.2.3.4")), ..Scope::default() },
    ];

    for scope in scopes {
        client.series(&scope).await.unwrap().read_all().await.unwrap();
    }

    assert_eq!(
        server.request_lines(),
        [
            "GET /services/v3/TCIA/query/getSeries?Collection=QIBA+CT-1C&format=json HTTP/1.1",
            "GET /services/v3/TCIA/query/getSeries?Collection=TCGA-GBM&PatientID=TCGA-08-0244&format=json HTTP/1.1",
            "GET /services/v3/TCIA/query/getSeries?StudyInstanceUID=1.2.3&format=json HTTP/1.1",
            "GET /services/v3/TCIA/query/getSeries?SeriesInstanceUID=1.2.3.4&format=json HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_series_comes_with_the_fifteen_columns_and_without_those_of_later_years() {
    let server = RawServer::in_order([bindaas_list(SERIES)]).await;

    let series = bindaas_v3(&server).series(&Scope::default()).await.unwrap().read_all().await.unwrap();

    let [series] = &series[..] else { panic!("{series:?}") };
    let uid = "1.3.6.1.4.1.14519.5.2.1.4591.4001.179997366585559259370250155567";
    assert_eq!(series.series_instance_uid, series_uid(uid));
    assert_eq!(series.image_count, Some(22));
    for (found, expected) in [
        (&series.modality, "MR"),
        (&series.protocol_name, "SE/FL"),
        (&series.series_date, "1995-02-26"),
        (&series.series_description, "AXIAL T1"),
        (&series.body_part_examined, "BRAIN"),
        (&series.series_number, "4"),
        (&series.annotations_flag, "false"),
        (&series.manufacturer, "GE MEDICAL SYSTEMS"),
        (&series.manufacturer_model_name, "SIGNA EXCITE"),
        (&series.software_versions, "11"),
    ] {
        assert_eq!(found.as_deref(), Some(expected));
    }
    assert_eq!((series.file_size, &series.submission_timestamp, &series.study_date), (None, &None, &None));
    assert!(series.other.is_empty());
}

#[tokio::test]
async fn new_patients_and_studies_are_asked_for_by_an_iso_day() {
    let server = RawServer::in_order([bindaas_list(PATIENT), bindaas_list(STUDY)]).await;
    let (client, name, since) = (bindaas_v3(&server), CollectionName::new("TCGA-GBM"), date(2014, 1, 9));

    let patients = client.new_patients(&name, since).await.unwrap().read_all().await.unwrap();
    let studies = client.new_studies(&name, since).await.unwrap().read_all().await.unwrap();

    assert_eq!((patients.len(), studies.len()), (1, 1));
    assert_eq!(
        server.request_lines(),
        [
            "GET /services/v3/TCIA/query/NewPatientsInCollection?Date=2014-01-09&Collection=TCGA-GBM&format=json HTTP/1.1",
            "GET /services/v3/TCIA/query/NewStudiesInPatientCollection?Date=2014-01-09&Collection=TCGA-GBM&format=json HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn the_size_of_a_series_may_come_as_text() {
    let sized = bindaas_list(r#"[{"TotalSizeInBytes":"149149266.000000","ObjectCount":"22"}]"#);
    let server = RawServer::in_order([sized, bindaas_list("[{}]")]).await;
    let client = bindaas_v3(&server);

    let size = client.series_size(&series_uid("1.2.3")).await.unwrap();
    let unknown = client.series_size(&series_uid("1.2.4")).await.unwrap();

    let expected = SeriesSize { total_size_in_bytes: Some(149_149_266), object_count: Some(22) };
    assert_eq!((size, unknown), (Some(expected), None));
    assert_eq!(
        server.request_lines(),
        [
            "GET /services/v3/TCIA/query/getSeriesSize?SeriesInstanceUID=1.2.3&format=json HTTP/1.1",
            "GET /services/v3/TCIA/query/getSeriesSize?SeriesInstanceUID=1.2.4&format=json HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn the_instances_of_a_series_are_asked_for_as_json() {
    let server = RawServer::in_order([bindaas_list(r#"[{"SOPInstanceUID":"1.2.3.1"}]"#)]).await;

    let instances = bindaas_v3(&server).sop_instance_uids(&series_uid("1.2.3")).await.unwrap();

    assert_eq!(instances, [sop_uid("1.2.3.1")]);
    assert_eq!(
        server.request_lines(),
        ["GET /services/v3/TCIA/query/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3&format=json HTTP/1.1"]
    );
}

#[tokio::test]
async fn a_probe_asks_for_the_collections() {
    let server = RawServer::in_order([bindaas_list("[]")]).await;
    let mut options = options(&server, BINDAAS_V3);
    options.api_key = Some("key".into());

    client(&options).probe().await.unwrap();

    assert!(server.requests()[0].head.starts_with("GET /services/v3/TCIA/query/getCollectionValues"));
    assert!(server.requests()[0].head.contains("\r\napi_key: key\r\n"));
}

#[tokio::test]
async fn values_come_as_they_stand_and_rows_without_one_are_passed_over() {
    let server = RawServer::in_order([
        bindaas_list(r#"[{"Modality":"CT"},{"Modality":"MR"}]"#),
        bindaas_list(r#"[{},{"BodyPartExamined":"CHEST\/ABD"}]"#),
        bindaas_list(r#"[{"Manufacturer":"GE MEDICAL SYSTEMS"},{}]"#),
        bindaas_list(r#"[{"PatientID":"TCGA-08-0244"},{"PatientID":"1215936303"}]"#),
    ])
    .await;
    let (client, scope, narrowing) = (bindaas_v3(&server), Scope::default(), Narrowing::default());

    let modalities = client.modalities(&scope, &narrowing).await.unwrap();
    let body_parts = client.body_parts(&scope, &narrowing).await.unwrap();
    let manufacturers = client.manufacturers(&scope, &narrowing).await.unwrap();
    let patients = client.patients_by_modality(&CollectionName::new("TCGA-GBM"), "MR").await.unwrap();

    assert_eq!(modalities, ["CT", "MR"]);
    assert_eq!(body_parts, ["CHEST/ABD"]);
    assert_eq!(manufacturers, ["GE MEDICAL SYSTEMS"]);
    assert_eq!(patients, ["TCGA-08-0244", "1215936303"].map(PatientId::new));
}

#[tokio::test]
async fn a_shared_list_stands_beside_the_queries_of_its_own_version() {
    let list = r#"[{"SeriesInstanceUID":"1.2.3.4","StudyInstanceUID":"1.2.3","Modality":"MR","SeriesDate":"1995-02-26","SeriesNumber":4,"Collection":"TCGA-PRAD","PatientID":"TCGA-08-0244","ImageCount":22,"Date Released":"2012-05-04"}]"#;
    for path in ["/services/v3", "/services/v4/TCIA/query", "/gateway/services/v2"] {
        let server = RawServer::in_order([bindaas_list(list)]).await;
        let place = path.trim_end_matches("/TCIA/query");

        let series = read(client(&options(&server, path)).shared_list("prostates").await).await;

        let asked = format!("GET {place}/SharedList/query/ContentsByName?name=prostates HTTP/1.1");
        assert_eq!(server.request_lines(), [asked]);
        assert_eq!(
            series.iter().map(said).collect::<Vec<_>>(),
            [json!({
                "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "Modality": "MR",
                "SeriesDate": "1995-02-26", "SeriesNumber": "4", "Collection": "TCGA-PRAD",
                "PatientID": "TCGA-08-0244", "ImageCount": 22, "DateReleased": "2012-05-04",
            })]
        );
    }
}

#[tokio::test]
async fn an_endpoint_tells_of_itself_on_request() {
    let server = RawServer::in_order([bindaas_list(r#"{"queryDescription":"series"}"#)]).await;

    let told = bindaas_v3(&server).endpoint_description(Endpoint::Series).await.unwrap();

    assert_eq!(told, json!({"queryDescription": "series"}));
    assert_eq!(server.request_lines(), ["GET /services/v3/TCIA/query/getSeries/metadata HTTP/1.1"]);
}
