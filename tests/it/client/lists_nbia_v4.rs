//! Every list of nbia-api v4: the line that asks for it, and what its answer means.

use jiff::civil::date;
use serde_json::json;
use tcia_mirror::dicom::{CollectionName, PatientId, SeriesInstanceUid};
use tcia_mirror::nbia::{
    CollectionDescription, Dialect, Endpoint, Error, Md5Scope, Narrowing, Scope, SeriesSize, ValueCount,
};

use super::asked::{Asked, NOT_OFFERED, assert_asked};
use super::{
    NBIA_V1, NBIA_V2, NBIA_V4, client, collection, nbia_list, nbia_v4, options, patient, read, said,
    series_uid, sop_uid, study_uid, text, zero_bytes,
};
use crate::support::raw_server::{Answer, RawServer};

/// The only patient of a list.
const PATIENT: &str = r#"[{"PatientId":"1.3.6.1.4.1.9328.50.4.0001","PatientName":"1.3.6.1.4.1.9328.50.4.0001","PatientSex":"F","Collection":"CT COLONOGRAPHY","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens","Authorized":1}]"#;

const STUDY: &str = r#"[{"StudyInstanceUID":"1.3.6.1.4.1.9328.50.4.10415","StudyDate":"01-01-2000","StudyDescription":"CT SCREENING VIRT COLONOSCOPY","StudyID":"1","PatientAge":"056Y","PatientID":"1.3.6.1.4.1.9328.50.4.0010","PatientName":"1.3.6.1.4.1.9328.50.4.0010","PatientSex":"M","Collection":"CT COLONOGRAPHY","SeriesCount":3,"Authorized":1}]"#;

const SERIES: &str = r#"[{"SeriesInstanceUID":"1.3.6.1.4.1.14519.5.2.1.7695.2311.498163603405178114978583022189","StudyInstanceUID":"1.3.6.1.4.1.14519.5.2.1.7695.2311.655527230305113320929910807554","Modality":"MR","SeriesDate":"06-19-1990","SeriesDescription":"Sagittal-IR_3DFGRE","BodyPartExamined":"BREAST","SeriesNumber":5,"Collection":"Breast-MRI-NACT-Pilot","Site":"UCSF","PatientID":"UCSF-BR-45","Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"GENESIS_SIGNA","SoftwareVersions":"07","ImageCount":180,"MaxSubmissionTimestamp":"08-04-2023","LicenseName":"Creative Commons Attribution 3.0 Unported License","LicenseURI":"http:\/\/creativecommons.org\/licenses\/by\/3.0\/","DataDescriptionURI":"https:\/\/doi.org\/10.7937\/K9\/TCIA.2016.QHSYHJKY","FileSize":24380256,"ReleasedStatus":"Yes","DateReleased":"08-07-2023","StudyDesc":"MR BREAST","StudyDate":"06-19-1990","ThirdPartyAnalysis":"NO","Authorized":1}]"#;

/// Named by hand from the source of the service, which refuses every filter that a list does not have.
#[rustfmt::skip]
const ASKED: &[Asked] = &[
    (Endpoint::CollectionValues, "", "GET /nbia-api/services/v4/getCollectionValues", ""),
    (Endpoint::ModalityValues, "", "GET /nbia-api/services/v4/getModalityValues", ""),
    (Endpoint::ModalityValues, "C B", "GET /nbia-api/services/v4/getModalityValues?Collection=CT+COLONOGRAPHY&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::ModalityValues, "M", NOT_OFFERED, ""),
    (Endpoint::BodyPartValues, "C M", "GET /nbia-api/services/v4/getBodyPartValues?Collection=CT+COLONOGRAPHY&Modality=CT", ""),
    (Endpoint::BodyPartValues, "B", NOT_OFFERED, ""),
    (Endpoint::ManufacturerValues, "C M B", "GET /nbia-api/services/v4/getManufacturerValues?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::ManufacturerValues, "Ma", NOT_OFFERED, ""),
    (Endpoint::Patient, "", "GET /nbia-api/services/v4/getPatient", ""),
    (Endpoint::Patient, "C P", "GET /nbia-api/services/v4/getPatient?Collection=CT+COLONOGRAPHY&PatientId=STS_010", ""),
    (Endpoint::Patient, "St", NOT_OFFERED, ""),
    (Endpoint::PatientsByModality, "", "GET /nbia-api/services/v4/getPatientByCollectionAndModality?Collection=CT+COLONOGRAPHY&Modality=CT", ""),
    (Endpoint::PatientStudy, "C P St", "GET /nbia-api/services/v4/getPatientStudy?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3", ""),
    (Endpoint::PatientStudy, "Se", NOT_OFFERED, ""),
    (Endpoint::Series, "", "GET /nbia-api/services/v4/getSeries", ""),
    (Endpoint::Series, "C P St Se M B Ma Mo", "GET /nbia-api/services/v4/getSeries?Collection=CT+COLONOGRAPHY&PatientID=STS_010&StudyInstanceUID=1.2.3&SeriesInstanceUID=1.2.3.4&Modality=CT&BodyPartExamined=CHEST%2FABD&Manufacturer=CMS%2C+Inc.&ManufacturerModelName=SIGNA%2B", ""),
    (Endpoint::SeriesSize, "", "GET /nbia-api/services/v4/getSeriesSize?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SopInstanceUids, "", "GET /nbia-api/services/v4/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::Image, "", "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.3.4&NewFileNames=Yes&IncludeMD5=yes", ""),
    (Endpoint::ImageWithMd5Hash, "", "GET /nbia-api/services/v4/getImageWithMD5Hash?SeriesInstanceUID=1.2.3.4", ""),
    (Endpoint::SingleImage, "", "GET /nbia-api/services/v4/getSingleImage?SeriesInstanceUID=1.2.3.4&SOPInstanceUID=1.2.3.4.5", ""),
    (Endpoint::NewPatients, "", "GET /nbia-api/services/v4/NewPatientsInCollection?fromDate=08-04-2023&Collection=CT+COLONOGRAPHY", ""),
    (Endpoint::NewStudies, "", "GET /nbia-api/services/v4/NewStudiesInPatientCollection?fromDate=08-04-2023&Collection=CT+COLONOGRAPHY", ""),
    (Endpoint::UpdatedSeries, "", "GET /nbia-api/services/v4/getUpdatedSeries?fromDate=08-04-2023", ""),
    (Endpoint::SeriesMetadata, "", "POST /nbia-api/services/v4/getSeriesMetadata", "list=1.2.3.4&format=json"),
    (Endpoint::SharedList, "", NOT_OFFERED, ""),
    (Endpoint::Md5Hierarchy, "Se", "POST /nbia-api/services/v4/getMD5Hierarchy", "SeriesInstanceUID=1.2.3.4"),
    (Endpoint::Md5Hierarchy, "St", "POST /nbia-api/services/v4/getMD5Hierarchy", "StudyInstanceUID=1.2.3"),
    (Endpoint::Md5Hierarchy, "C P", "POST /nbia-api/services/v4/getMD5Hierarchy", "PatientID=STS_010&Collection=CT+COLONOGRAPHY"),
    (Endpoint::Md5Hierarchy, "C", "POST /nbia-api/services/v4/getMD5Hierarchy", "Collection=CT+COLONOGRAPHY"),
    (Endpoint::ImageMd5, "", "GET /nbia-api/services/v4/getMD5HashForImage?SOPInstanceUID=1.2.3.4.5", ""),
    (Endpoint::CollectionDescriptions, "", "GET /nbia-api/services/v4/getCollectionDescriptions", ""),
    (Endpoint::CollectionDescriptions, "C", "GET /nbia-api/services/v4/getCollectionDescriptions?collectionName=CT+COLONOGRAPHY", ""),
    (Endpoint::CollectionCounts, "", "GET /nbia-api/services/v4/getCollectionValuesAndCounts", ""),
    (Endpoint::CollectionCounts, "C", NOT_OFFERED, ""),
    (Endpoint::ModalityCounts, "C B", "GET /nbia-api/services/v4/getModalityValuesAndCounts?Collection=CT+COLONOGRAPHY&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::ModalityCounts, "M", NOT_OFFERED, ""),
    (Endpoint::BodyPartCounts, "C M", "GET /nbia-api/services/v4/getBodyPartValuesAndCounts?Collection=CT+COLONOGRAPHY&Modality=CT", ""),
    (Endpoint::ManufacturerCounts, "C M B", "GET /nbia-api/services/v4/getManufacturerValuesAndCounts?Collection=CT+COLONOGRAPHY&Modality=CT&BodyPartExamined=CHEST%2FABD", ""),
    (Endpoint::SpeciesCounts, "", "GET /nbia-api/services/v4/getSpeciesValuesAndCounts", ""),
];

#[tokio::test]
async fn each_endpoint_is_asked_as_the_service_knows_it_and_what_it_lacks_is_not_asked() {
    assert_asked(NBIA_V4, ASKED).await;
}

#[tokio::test]
async fn collections_are_asked_for_without_any_parameter() {
    let list =
        r#"[{"Collection":"4D-Lung"},{"Collection":"ACRIN-FLT-Breast"},{"Collection":"CT COLONOGRAPHY"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;
    let client = nbia_v4(&server);

    let collections = client.collections().await.unwrap();

    assert_eq!(client.dialect(), Dialect::NbiaV4);
    assert_eq!(server.request_lines(), ["GET /nbia-api/services/v4/getCollectionValues HTTP/1.1"]);
    assert_eq!(collections, ["4D-Lung", "ACRIN-FLT-Breast", "CT COLONOGRAPHY"].map(CollectionName::new));
}

#[tokio::test]
async fn a_collection_without_a_name_is_passed_over() {
    let server = RawServer::in_order([nbia_list(r#"[{},{"Collection":"4D-Lung"}]"#)]).await;

    let collections = nbia_v4(&server).collections().await.unwrap();

    assert_eq!(collections, [CollectionName::new("4D-Lung")]);
}

#[tokio::test]
async fn patients_are_asked_for_by_collection_and_come_with_a_small_d() {
    let server = RawServer::in_order([nbia_list(PATIENT)]).await;

    let patients = nbia_v4(&server).patients(&collection("CT COLONOGRAPHY")).await.unwrap();
    let patients = patients.read_all().await.unwrap();

    assert_eq!(
        server.request_lines(),
        ["GET /nbia-api/services/v4/getPatient?Collection=CT+COLONOGRAPHY HTTP/1.1"]
    );
    let [patient] = &patients[..] else { panic!("{patients:?}") };
    assert_eq!(patient.patient_id, PatientId::new("1.3.6.1.4.1.9328.50.4.0001"));
    assert_eq!(patient.patient_name.as_deref(), Some("1.3.6.1.4.1.9328.50.4.0001"));
    assert_eq!(patient.collection, CollectionName::new("CT COLONOGRAPHY"));
    assert_eq!(patient.patient_sex.as_deref(), Some("F"));
    assert_eq!(patient.phantom.as_deref(), Some("NO"));
    assert_eq!(patient.species_code.as_deref(), Some("337915000"));
    assert_eq!(patient.species_description.as_deref(), Some("Homo sapiens"));
    assert_eq!(patient.authorized.as_deref(), Some("1"));
    assert_eq!((&patient.patient_birth_date, &patient.ethnic_group), (&None, &None));
    assert!(patient.other.is_empty());
}

#[tokio::test]
async fn one_patient_is_asked_for_with_a_small_d_as_well() {
    let server = RawServer::in_order([zero_bytes()]).await;
    let scope = Scope { patient_id: Some(PatientId::new("1215936303")), ..collection("VICTRE") };

    nbia_v4(&server).patients(&scope).await.unwrap().read_all().await.unwrap();

    assert_eq!(
        server.request_lines(),
        ["GET /nbia-api/services/v4/getPatient?Collection=VICTRE&PatientId=1215936303 HTTP/1.1"]
    );
}

#[tokio::test]
async fn studies_are_asked_for_by_collection_patient_and_study() {
    let server = RawServer::in_order([zero_bytes(), zero_bytes(), zero_bytes(), zero_bytes()]).await;
    let client = nbia_v4(&server);
    let study = Some(study_uid("1.3.6.1.4.1.9328.50.4.10415"));
    let scopes = [
        collection("CT COLONOGRAPHY"),
        Scope {
            patient_id: Some(PatientId::new("1.3.6.1.4.1.9328.50.4.0010")),
            ..collection("CT COLONOGRAPHY")
        },
        Scope { study_instance_uid: study.clone(), ..patient("1.3.6.1.4.1.9328.50.4.0010") },
        Scope { study_instance_uid: study, ..Scope::default() },
    ];

    for scope in scopes {
        client.studies(&scope).await.unwrap().read_all().await.unwrap();
    }

    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/getPatientStudy?Collection=CT+COLONOGRAPHY HTTP/1.1",
            "GET /nbia-api/services/v4/getPatientStudy?Collection=CT+COLONOGRAPHY&PatientID=1.3.6.1.4.1.9328.50.4.0010 HTTP/1.1",
            "GET /nbia-api/services/v4/getPatientStudy?PatientID=1.3.6.1.4.1.9328.50.4.0010&StudyInstanceUID=1.3.6.1.4.1.9328.50.4.10415 HTTP/1.1",
            "GET /nbia-api/services/v4/getPatientStudy?StudyInstanceUID=1.3.6.1.4.1.9328.50.4.10415 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_study_comes_with_its_iso_date_and_the_number_of_its_series() {
    let server = RawServer::in_order([nbia_list(STUDY)]).await;

    let studies = nbia_v4(&server).studies(&Scope::default()).await.unwrap().read_all().await.unwrap();

    assert_eq!(server.request_lines(), ["GET /nbia-api/services/v4/getPatientStudy HTTP/1.1"]);
    let [study] = &studies[..] else { panic!("{studies:?}") };
    assert_eq!(study.study_instance_uid, study_uid("1.3.6.1.4.1.9328.50.4.10415"));
    assert_eq!(study.collection, CollectionName::new("CT COLONOGRAPHY"));
    assert_eq!(study.patient_id, PatientId::new("1.3.6.1.4.1.9328.50.4.0010"));
    assert_eq!(study.study_date.as_deref(), Some("2000-01-01"));
    assert_eq!(study.study_description.as_deref(), Some("CT SCREENING VIRT COLONOSCOPY"));
    assert_eq!(study.study_id.as_deref(), Some("1"));
    assert_eq!(study.patient_age.as_deref(), Some("056Y"));
    assert_eq!(study.patient_sex.as_deref(), Some("M"));
    assert_eq!(study.series_count, Some(3));
    assert_eq!(study.authorized.as_deref(), Some("1"));
    assert_eq!((&study.admitting_diagnoses_description, &study.ethnic_group), (&None, &None));
    assert_eq!(study.longitudinal_temporal_offset_from_event, None);
    assert!(study.other.is_empty());
}

#[tokio::test]
async fn series_are_asked_for_by_each_form_of_scope() {
    let server = RawServer::in_order([(); 6].map(|()| zero_bytes())).await;
    let client = nbia_v4(&server);
    let study = Some(study_uid("1.2.3"));
    let scopes = [
        Scope::default(),
        collection("Anti-PD-1_Lung"),
        Scope { patient_id: Some(PatientId::new("STS_010")), ..collection("Soft-tissue-Sarcoma") },
        Scope { study_instance_uid: study.clone(), ..patient("STS_010") },
        Scope { study_instance_uid: study, ..Scope::default() },
        Scope { series_instance_uid: Some(series_uid("1.2.3.4")), ..Scope::default() },
    ];

    for scope in scopes {
        client.series(&scope).await.unwrap().read_all().await.unwrap();
    }

    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/getSeries HTTP/1.1",
            "GET /nbia-api/services/v4/getSeries?Collection=Anti-PD-1_Lung HTTP/1.1",
            "GET /nbia-api/services/v4/getSeries?Collection=Soft-tissue-Sarcoma&PatientID=STS_010 HTTP/1.1",
            "GET /nbia-api/services/v4/getSeries?PatientID=STS_010&StudyInstanceUID=1.2.3 HTTP/1.1",
            "GET /nbia-api/services/v4/getSeries?StudyInstanceUID=1.2.3 HTTP/1.1",
            "GET /nbia-api/services/v4/getSeries?SeriesInstanceUID=1.2.3.4 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_series_comes_with_every_column_of_v4_under_its_dicom_keyword() {
    let server = RawServer::in_order([nbia_list(SERIES)]).await;

    let series = nbia_v4(&server).series(&Scope::default()).await.unwrap().read_all().await.unwrap();

    let [series] = &series[..] else { panic!("{series:?}") };
    let uid = "1.3.6.1.4.1.14519.5.2.1.7695.2311.498163603405178114978583022189";
    assert_eq!(series.series_instance_uid, series_uid(uid));
    let study = "1.3.6.1.4.1.14519.5.2.1.7695.2311.655527230305113320929910807554";
    assert_eq!(series.study_instance_uid, study_uid(study));
    assert_eq!(series.collection, CollectionName::new("Breast-MRI-NACT-Pilot"));
    assert_eq!(series.patient_id, PatientId::new("UCSF-BR-45"));
    assert_eq!((series.image_count, series.file_size), (Some(180), Some(24_380_256)));
    for (found, expected) in [
        (&series.modality, "MR"),
        (&series.series_date, "1990-06-19"),
        (&series.series_description, "Sagittal-IR_3DFGRE"),
        (&series.body_part_examined, "BREAST"),
        (&series.series_number, "5"),
        (&series.site, "UCSF"),
        (&series.manufacturer, "GE MEDICAL SYSTEMS"),
        (&series.manufacturer_model_name, "GENESIS_SIGNA"),
        (&series.software_versions, "07"),
        (&series.submission_timestamp, "2023-08-04"),
        (&series.license_name, "Creative Commons Attribution 3.0 Unported License"),
        (&series.license_uri, "http://creativecommons.org/licenses/by/3.0/"),
        (&series.data_description_uri, "https://doi.org/10.7937/K9/TCIA.2016.QHSYHJKY"),
        (&series.released_status, "Yes"),
        (&series.date_released, "2023-08-07"),
        (&series.study_description, "MR BREAST"),
        (&series.study_date, "1990-06-19"),
        (&series.third_party_analysis, "NO"),
        (&series.authorized, "1"),
    ] {
        assert_eq!(found.as_deref(), Some(expected));
    }
    for absent in [
        &series.protocol_name,
        &series.annotations_flag,
        &series.patient_sex,
        &series.patient_age,
        &series.admitting_diagnoses_description,
    ] {
        assert_eq!(*absent, None);
    }
    assert!(series.other.is_empty());
}

#[tokio::test]
async fn new_patients_are_asked_for_by_from_date_with_the_month_first() {
    let server = RawServer::in_order([nbia_list(PATIENT)]).await;
    let since = date(2023, 8, 4);

    let patients =
        nbia_v4(&server).new_patients(&CollectionName::new("CT COLONOGRAPHY"), since).await.unwrap();
    let patients = patients.read_all().await.unwrap();

    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/NewPatientsInCollection?fromDate=08-04-2023&Collection=CT+COLONOGRAPHY HTTP/1.1"
        ]
    );
    assert_eq!(patients[0].patient_id, PatientId::new("1.3.6.1.4.1.9328.50.4.0001"));
}

#[tokio::test]
async fn new_studies_are_asked_for_by_from_date_with_the_month_first() {
    let server = RawServer::in_order([nbia_list(STUDY)]).await;
    let since = date(2012, 12, 3);

    let studies = nbia_v4(&server).new_studies(&CollectionName::new("CT COLONOGRAPHY"), since).await.unwrap();
    let studies = studies.read_all().await.unwrap();

    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/NewStudiesInPatientCollection?fromDate=12-03-2012&Collection=CT+COLONOGRAPHY HTTP/1.1"
        ]
    );
    assert_eq!(studies[0].study_instance_uid, study_uid("1.3.6.1.4.1.9328.50.4.10415"));
}

#[tokio::test]
async fn the_size_of_a_series_is_its_bytes_and_objects() {
    let sized = nbia_list(r#"[{"TotalSizeInBytes":25273786,"ObjectCount":48}]"#);
    let server = RawServer::in_order([sized]).await;

    let size = nbia_v4(&server).series_size(&series_uid("1.2.3")).await.unwrap();

    assert_eq!(
        server.request_lines(),
        ["GET /nbia-api/services/v4/getSeriesSize?SeriesInstanceUID=1.2.3 HTTP/1.1"]
    );
    let expected = SeriesSize { total_size_in_bytes: Some(25_273_786), object_count: Some(48) };
    assert_eq!(size, Some(expected));
}

#[tokio::test]
async fn a_series_that_the_service_does_not_know_has_no_size_in_either_form_of_that_answer() {
    let unknown = [zero_bytes(), nbia_list("[{}]"), nbia_list("[]")];
    let server = RawServer::in_order(unknown).await;
    let client = nbia_v4(&server);

    for _ in 0..3 {
        let size = client.series_size(&series_uid("1.2.3")).await.unwrap();

        assert_eq!(size, None);
    }
}

#[tokio::test]
async fn the_instances_of_a_series_come_as_their_uids() {
    let list =
        r#"[{"SOPInstanceUID":"1.3.6.1.4.1.14519.5.2.1.2"},{"SOPInstanceUID":"1.3.6.1.4.1.14519.5.2.1.1"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;

    let instances = nbia_v4(&server).sop_instance_uids(&series_uid("1.2.3")).await.unwrap();

    assert_eq!(
        server.request_lines(),
        ["GET /nbia-api/services/v4/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3 HTTP/1.1"]
    );
    assert_eq!(instances, [sop_uid("1.3.6.1.4.1.14519.5.2.1.2"), sop_uid("1.3.6.1.4.1.14519.5.2.1.1")]);
}

#[tokio::test]
async fn a_probe_is_one_question_for_the_collections_and_never_repeated() {
    let down = || Answer::literal("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let server = RawServer::in_order([nbia_list(r#"[{"Collection":"4D-Lung"}]"#), down(), down()]).await;
    let client = nbia_v4(&server);

    let up = client.probe().await;
    let refused = client.probe().await.unwrap_err();

    assert!(up.is_ok() && refused.is_outage());
    assert_eq!(server.request_lines(), ["GET /nbia-api/services/v4/getCollectionValues HTTP/1.1"; 2]);
    assert_eq!((client.traffic().requests(), client.traffic().retries()), (2, 0));
}

#[tokio::test]
async fn every_endpoint_that_the_mirror_needs_is_offered() {
    let server = RawServer::in_order([]).await;

    let client = nbia_v4(&server);

    for endpoint in
        [Endpoint::SingleImage, Endpoint::SopInstanceUids, Endpoint::SeriesSize, Endpoint::NewPatients]
    {
        assert!(client.offers(endpoint), "{endpoint:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn values_keep_their_blanks_and_quotes_and_rows_without_one_are_passed_over() {
    let server = RawServer::in_order([
        nbia_list(r#"[{"Modality":"CT"},{"Modality":"MR"}]"#),
        nbia_list(r#"[{},{"BodyPartExamined":"ABDOMEN_PELVIS "},{"BodyPartExamined":"CHEST\/ABD"}]"#),
        nbia_list(r#"[{},{"Manufacturer":"CTI \/ MIMVISTA"},{"Manufacturer":"\"GE HEALTHCARE\""}]"#),
        nbia_list(r#"[{"PatientId":"1215936303","Authorized":1}]"#),
    ])
    .await;
    let (client, scope, narrowing) = (nbia_v4(&server), Scope::default(), Narrowing::default());

    let modalities = client.modalities(&scope, &narrowing).await.unwrap();
    let body_parts = client.body_parts(&scope, &narrowing).await.unwrap();
    let manufacturers = client.manufacturers(&scope, &narrowing).await.unwrap();
    let patients = client.patients_by_modality(&CollectionName::new("VICTRE"), "MG").await.unwrap();

    assert_eq!(modalities, ["CT", "MR"]);
    assert_eq!(body_parts, ["ABDOMEN_PELVIS ", "CHEST/ABD"]);
    assert_eq!(manufacturers, ["CTI / MIMVISTA", "\"GE HEALTHCARE\""]);
    assert_eq!(patients, [PatientId::new("1215936303")]);
}

#[tokio::test]
async fn a_value_that_is_no_text_is_not_passed_over_like_one_that_is_not_there() {
    let list = r#"[{},{"Collection":{"name":"4D-Lung"}},{"Collection":"VICTRE"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;

    let error = nbia_v4(&server).collections().await.unwrap_err();

    assert!(matches!(error, Error::Rejected { endpoint: "getCollectionValues", .. }), "{error}");
}

#[tokio::test]
async fn no_endpoint_of_the_archives_own_server_tells_of_itself() {
    let server = RawServer::in_order([]).await;
    for path in [NBIA_V1, NBIA_V2, NBIA_V4] {
        let client = client(&options(&server, path));

        let refused = client.endpoint_description(Endpoint::Patient).await.unwrap_err();

        let told = format!("the dialect {} does not offer metadata", client.dialect());
        assert_eq!(refused.to_string(), told);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn updated_series_come_like_any_others() {
    let server = RawServer::in_order([nbia_list(SERIES), nbia_list(SERIES)]).await;
    let client = nbia_v4(&server);

    let updated = read(client.updated_series(date(2023, 8, 6)).await).await;

    assert_eq!(updated, read(client.series(&Scope::default()).await).await);
    assert_eq!(updated[0].date_released.as_deref(), Some("2023-08-07"));
}

#[tokio::test]
async fn counts_name_their_column_each_in_its_own_way() {
    let cases = [
        (
            Endpoint::CollectionCounts,
            r#"[{"Collection":"4D-Lung","Count":20,"Authorized":1}]"#,
            "4D-Lung",
            20,
        ),
        (Endpoint::ModalityCounts, r#"[{"Modality":"CT","Count":20,"Authorized":1}]"#, "CT", 20),
        (Endpoint::BodyPartCounts, r#"[{"BodyPart":"CHEST\/ABD","Count":3,"Authorized":1}]"#, "CHEST/ABD", 3),
        (Endpoint::ManufacturerCounts, r#"[{"Manufacturer":"GE","Count":"4","Authorized":1}]"#, "GE", 4),
        (Endpoint::SpeciesCounts, r#"[{"Species":"Homo sapiens","Count":5}]"#, "Homo sapiens", 5),
    ];
    let server = RawServer::in_order(cases.iter().map(|(_, list, ..)| nbia_list(list))).await;
    let client = nbia_v4(&server);
    for (endpoint, _, value, count) in cases {
        let counts = client.value_counts(endpoint, &Scope::default(), &Narrowing::default()).await.unwrap();

        assert_eq!(counts, [ValueCount { value: Some(value.to_owned()), count }]);
    }
}

#[tokio::test]
async fn patients_without_a_value_are_counted_too() {
    let server = RawServer::in_order([nbia_list(r#"[{"Count":3,"Authorized":1}]"#)]).await;
    let (scope, narrowing) = (Scope::default(), Narrowing::default());

    let counts = nbia_v4(&server).value_counts(Endpoint::BodyPartCounts, &scope, &narrowing).await.unwrap();

    assert_eq!(counts, [ValueCount { value: None, count: 3 }]);
}

#[tokio::test]
async fn metadata_comes_with_every_column_and_numbers_as_texts() {
    let list = r#"[{"PatientID":"100_HM10395","PatientName":"100_HM10395","PatientSex":"M","EthnicGroup":"8","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens","StudyInstanceUID":"1.2.3","StudyDate":"09-15-1997","StudyDesc":"p4","AdmittingDiagnosisDescription":"NSCLC","StudyID":"1","PatientAge":"056Y","LongitudinalTemporalEventType":"DIAGNOSIS","LongitudinalTemporalOffsetFromEvent":"12.0","SeriesInstanceUID":"1.2.3.4","Collection":"4D-Lung","Site":"VCU","Modality":"CT","ProtocolName":"4D","SeriesDate":"09-15-1997","SeriesDescription":"P4^P100^S100^I0, Gated, 0.0%","BodyPartExamined":"LUNG","SeriesNumber":"500.000000","AnnotationsFlag":"NO","Manufacturer":"Philips","ManufacturerModelName":"Brilliance Big Bore","PixelSpacing(mm)-Row":"0.9765620","SliceThickness(mm)":"3.000000","SoftwareVersions":"3.6","ImageCount":"50","MaxSubmissionTimestamp":"08-04-2016","LicenseName":"CC BY 3.0","LicenseURI":"http:\/\/creativecommons.org\/licenses\/by\/3.0\/","DataDescriptionURI":"https:\/\/doi.org\/10.7937\/K9\/TCIA.2016.ELN8YGLE","FileSize":"26405888","ReleasedStatus":"Yes","DateReleased":"08-05-2016","ThirdPartyAnalysis":"NO","Authorized":"1"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;

    let asked = [series_uid("1.2.3.4"), series_uid("1.2.3.5")];
    let metadata = nbia_v4(&server).series_metadata(&asked).await.unwrap();

    assert_eq!(server.requests()[0].body, "list=1.2.3.4%2C1.2.3.5&format=json");
    assert!(server.requests()[0].head.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"));
    let [of_series] = &metadata[..] else { panic!("{metadata:?}") };
    assert_eq!(
        said(&of_series.series),
        json!({
            "PatientID": "100_HM10395", "PatientSex": "M", "StudyInstanceUID": "1.2.3", "StudyDate": "1997-09-15",
            "StudyDescription": "p4", "AdmittingDiagnosesDescription": "NSCLC", "PatientAge": "056Y",
            "SeriesInstanceUID": "1.2.3.4", "Collection": "4D-Lung", "Site": "VCU", "Modality": "CT",
            "ProtocolName": "4D", "SeriesDate": "1997-09-15",
            "SeriesDescription": "P4^P100^S100^I0, Gated, 0.0%", "BodyPartExamined": "LUNG",
            "SeriesNumber": "500", "AnnotationsFlag": "NO", "Manufacturer": "Philips",
            "ManufacturerModelName": "Brilliance Big Bore", "SoftwareVersions": "3.6", "ImageCount": 50,
            "SubmissionTimestamp": "2016-08-04", "LicenseName": "CC BY 3.0",
            "LicenseURI": "http://creativecommons.org/licenses/by/3.0/",
            "DataDescriptionURI": "https://doi.org/10.7937/K9/TCIA.2016.ELN8YGLE", "FileSize": 26_405_888,
            "ReleasedStatus": "Yes", "DateReleased": "2016-08-05", "ThirdPartyAnalysis": "NO",
            "Authorized": "1",
        })
    );
    for (found, expected) in [
        (&of_series.patient_name, "100_HM10395"),
        (&of_series.ethnic_group, "8"),
        (&of_series.phantom, "NO"),
        (&of_series.species_code, "337915000"),
        (&of_series.species_description, "Homo sapiens"),
        (&of_series.study_id, "1"),
        (&of_series.longitudinal_temporal_event_type, "DIAGNOSIS"),
        (&of_series.longitudinal_temporal_offset_from_event, "12"),
        (&of_series.pixel_spacing, "0.976562"),
        (&of_series.slice_thickness, "3"),
    ] {
        assert_eq!(found.as_deref(), Some(expected));
    }
    assert_eq!((&of_series.sop_class_uid, &of_series.annotation_size), (&None, &None));
}

#[tokio::test]
async fn more_than_ten_thousand_series_are_two_forms_and_none_is_none() {
    let row = |uid| {
        nbia_list(&format!(
            r#"[{{"SeriesInstanceUID":"{uid}","StudyInstanceUID":"1.2","Collection":"C","PatientID":"P"}}]"#
        ))
    };
    let server = RawServer::in_order([row("1.2.1"), row("1.2.10001")]).await;
    let series: Vec<_> = (1..=10_001).map(|number| series_uid(&format!("1.2.{number}"))).collect();
    let none: [SeriesInstanceUid; 0] = [];

    let of_none = nbia_v4(&server).series_metadata(&none).await.unwrap();
    let metadata = nbia_v4(&server).series_metadata(&series).await.unwrap();

    assert!(of_none.is_empty());
    let uids: Vec<_> =
        metadata.iter().map(|of_series| of_series.series.series_instance_uid.as_str()).collect();
    assert_eq!(uids, ["1.2.1", "1.2.10001"]);
    let requests = server.requests();
    assert_eq!(server.request_lines(), ["POST /nbia-api/services/v4/getSeriesMetadata HTTP/1.1"; 2]);
    assert_eq!(requests[0].body.matches("%2C").count(), 9_999);
    assert!(requests[0].body.starts_with("list=1.2.1%2C1.2.2%2C"));
    assert!(requests[0].body.ends_with("%2C1.2.10000&format=json"));
    assert_eq!(requests[1].body, "list=1.2.10001&format=json");
}

#[tokio::test]
async fn an_md5_is_thirty_two_digits_or_none_and_anything_else_is_refused() {
    let answers = ["d41d8cd98f00b204e9800998ecf8427e", "", "d41d8cd9", "<html>\n</html>"];
    let server = RawServer::in_order(answers.map(|answer| text("200 OK", "text/plain", answer))).await;
    let (client, of) = (nbia_v4(&server), Md5Scope::Collection(CollectionName::new("4D-Lung")));

    let known = client.md5_hierarchy(&of).await.unwrap();
    let unknown = client.md5_hierarchy(&of).await.unwrap();

    let expected =
        [0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e];
    assert_eq!((known, unknown), (Some(expected), None));
    for _ in 0..2 {
        let refused = client.md5_hierarchy(&of).await.unwrap_err();
        assert!(matches!(refused, Error::Rejected { endpoint: "getMD5Hierarchy", .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_description_comes_as_html_with_its_doi() {
    let list = r#"[{"description":"<p>4D \"Lung\"<\/p>","id":123,"collectionName":"4D-Lung","descriptionURI":"https://doi.org/10.7937/K9/TCIA.2016.ELN8YGLE"},{"description":null,"id":124,"collectionName":"VICTRE","descriptionURI":null}]"#;
    let server = RawServer::in_order([nbia_list(list), nbia_list("[]")]).await;
    let client = nbia_v4(&server);

    let descriptions = client.collection_descriptions(None).await.unwrap();
    let none = client.collection_descriptions(Some(&CollectionName::new("4D"))).await.unwrap();

    let described = CollectionDescription {
        collection: CollectionName::new("4D-Lung"),
        description: Some("<p>4D \"Lung\"</p>".to_owned()),
        data_description_uri: Some("https://doi.org/10.7937/K9/TCIA.2016.ELN8YGLE".to_owned()),
    };
    let bare = CollectionDescription {
        collection: CollectionName::new("VICTRE"),
        description: None,
        data_description_uri: None,
    };
    assert_eq!((descriptions, none), (vec![described, bare], vec![]));
}
