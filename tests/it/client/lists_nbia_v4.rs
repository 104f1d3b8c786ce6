//! Every list of nbia-api v4: the line that asks for it, and what its answer means.

use jiff::civil::date;
use tcia_mirror::dicom::{CollectionName, PatientId};
use tcia_mirror::nbia::{Dialect, Endpoint, Scope, SeriesSize};

use super::{collection, nbia_list, nbia_v4, patient, series_uid, sop_uid, study_uid, zero_bytes};
use crate::support::raw_server::{Answer, RawServer};

/// The only patient of a list.
const PATIENT: &str = r#"[{"PatientId":"1.3.6.1.4.1.9328.50.4.0001","PatientName":"1.3.6.1.4.1.9328.50.4.0001","PatientSex":"F","Collection":"CT COLONOGRAPHY","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens","Authorized":1}]"#;

const STUDY: &str = r#"[{"StudyInstanceUID":"1.3.6.1.4.1.9328.50.4.10415","StudyDate":"01-01-2000","StudyDescription":"CT SCREENING VIRT COLONOSCOPY","StudyID":"1","PatientAge":"056Y","PatientID":"1.3.6.1.4.1.9328.50.4.0010","PatientName":"1.3.6.1.4.1.9328.50.4.0010","PatientSex":"M","Collection":"CT COLONOGRAPHY","SeriesCount":3,"Authorized":1}]"#;

const SERIES: &str = r#"[{"SeriesInstanceUID":"1.3.6.1.4.1.14519.5.2.1.7695.2311.498163603405178114978583022189","StudyInstanceUID":"1.3.6.1.4.1.14519.5.2.1.7695.2311.655527230305113320929910807554","Modality":"MR","SeriesDate":"06-19-1990","SeriesDescription":"Sagittal-IR_3DFGRE","BodyPartExamined":"BREAST","SeriesNumber":5,"Collection":"Breast-MRI-NACT-Pilot","Site":"UCSF","PatientID":"UCSF-BR-45","Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"GENESIS_SIGNA","SoftwareVersions":"07","ImageCount":180,"MaxSubmissionTimestamp":"08-04-2023","LicenseName":"Creative Commons Attribution 3.0 Unported License","LicenseURI":"http:\/\/creativecommons.org\/licenses\/by\/3.0\/","DataDescriptionURI":"https:\/\/doi.org\/10.7937\/K9\/TCIA.2016.QHSYHJKY","FileSize":24380256,"ReleasedStatus":"Yes","DateReleased":"08-07-2023","StudyDesc":"MR BREAST","StudyDate":"06-19-1990","ThirdPartyAnalysis":"NO","Authorized":1}]"#;

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
