//! The first two versions of the archive's own server.

use reqwest::StatusCode;

use super::*;

#[tokio::test]
async fn it_lists_series_with_times_flags_and_names_of_its_own() {
    let served = Served::new().await;
    let marked = Series { annotations_flag: Some("true".to_owned()), ..other_series("1.7") };
    served.lay(&marked, "1.7.1", b"x").await;

    let answer = served.get(&format!("{V1}/getSeries?Modality=MR&api_key=1")).await;
    let flag = served.get(&format!("{V1}/getSeries?SeriesInstanceUID=1.7")).await;

    assert_eq!(answer.label.as_deref(), Some("application/json"));
    assert_eq!(
        answer.text(),
        concat!(
            r#"[{"SeriesInstanceUID":"1.3.6.1.4.1.14519.1","StudyInstanceUID":"1.3.6.1.4.1.14519.2","Modality":"MR","#,
            r#""SeriesDate":"1990-06-19 00:00:00.0","SeriesDescription":"Sagittal-IR_3DFGRE","#,
            r#""BodyPartExamined":"BREAST","SeriesNumber":5,"Collection":"Breast-MRI-NACT-Pilot","#,
            r#""PatientID":"UCSF-BR-45","Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"GENESIS_SIGNA","#,
            r#""SoftwareVersions":"07","ImageCount":2,"TimeStamp":"2023-08-04 17:12:21.0","#,
            r#""LicenseName":"Creative Commons Attribution 3.0 Unported License","#,
            r#""LicenseURI":"http:\/\/creativecommons.org\/licenses\/by\/3.0\/","#,
            r#""CollectionURI":"https:\/\/doi.org\/10.7937\/K9\/TCIA.2016.QHSYHJKY","FileSize":15,"#,
            r#""DateReleased":"2023-08-07 00:00:00.0","StudyDesc":"MR BREAST","#,
            r#""StudyDate":"1990-06-19 00:00:00.0","ThirdPartyAnalysis":"NO"}]"#
        )
    );
    assert!(flag.text().contains(r#","AnnotationsFlag":true,"#), "{}", flag.text());
}

#[tokio::test]
async fn its_lists_have_its_columns_and_dates() {
    let served = Served::new().await;
    let patient = r#"[{"PatientId":"1.3.6.1.4.1.9328.50.4.0001","PatientName":"1.3.6.1.4.1.9328.50.4.0001","PatientSex":"F","Collection":"CT COLONOGRAPHY","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens"}]"#;
    let cases = [
        ("getPatient?Collection=CT%20COLONOGRAPHY", patient),
        (
            "getPatient?PatientId=UCSF-BR-45",
            r#"[{"PatientId":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens"}]"#,
        ),
        ("NewPatientsInCollection?Collection=CT+COLONOGRAPHY&Date=2012/05/09", patient),
        // the day itself is not new, and a date in another spelling is none
        ("NewPatientsInCollection?Collection=CT+COLONOGRAPHY&Date=2012/05/10", ""),
        ("NewPatientsInCollection?Collection=CT+COLONOGRAPHY&Date=2012-05-09", ""),
        // but Java counts on where a month or a day is too large
        ("NewPatientsInCollection?Collection=CT+COLONOGRAPHY&Date=2011/17/09", patient),
        ("NewPatientsInCollection?Collection=CT+COLONOGRAPHY&Date=2012/04/40", ""),
        ("NewStudiesInPatientCollection?Collection=CT+COLONOGRAPHY&Date=2012/05/10", ""),
        (
            "NewStudiesInPatientCollection?Collection=CT+COLONOGRAPHY&Date=2012/05/09",
            r#"[{"StudyInstanceUID":"1.3.6.1.4.1.9328.50.4.1","StudyDate":"2000-01-01 00:00:00.0","StudyDescription":"CT SCREENING VIRT COLONOSCOPY","StudyID":"1","PatientAge":"056Y","PatientID":"1.3.6.1.4.1.9328.50.4.0001","PatientSex":"M","Collection":"CT COLONOGRAPHY","SeriesCount":1}]"#,
        ),
        (
            "getPatientByCollectionAndModality?Collection=breast-mri-nact-pilot&Modality=MR",
            r#"[{"PatientId":"UCSF-BR-45"}]"#,
        ),
        (
            "getSeriesSize?SeriesInstanceUID=1.3.6.1.4.1.14519.1",
            r#"[{"TotalSizeInBytes":15,"ObjectCount":2}]"#,
        ),
        // a sum has a row even over nothing
        ("getSeriesSize?SeriesInstanceUID=1.2", "[{}]"),
        ("getSOPInstanceUIDs?SeriesInstanceUID=1.3.6.1.4.1.9328.50.4.2", r#"[{"SOPInstanceUID":"1.8.1"}]"#),
        // it minds the capitals of everything but collections and patients
        ("getSeries?Modality=mr", ""),
        ("getModalityValues?BodyPartExamined=breast", ""),
        ("getModalityValues?BodyPartExamined=BREAST", r#"[{"Modality":"MR"}]"#),
        ("getManufacturerValues?Modality=MR", r#"[{"Manufacturer":"GE MEDICAL SYSTEMS"}]"#),
        ("getContentsByName?name=nbia-1", ""),
    ];

    for (request, expected) in cases {
        let v1 = served.get(&format!("{V1}/{request}")).await;
        let v2 = served.get_with_token(&format!("{V2}/{request}")).await;
        assert_eq!((v1.status, v1.text()), (StatusCode::OK, expected), "{request}");
        assert_eq!((v2.status, v2.text()), (StatusCode::OK, expected), "{request}");
        let label = (!expected.is_empty()).then_some("application/json");
        assert_eq!(v1.label.as_deref(), label, "{request}");
    }
}

#[tokio::test]
async fn series_are_updated_after_a_day_and_come_in_sixteen_columns() {
    let served = Served::new().await;
    let updated = async |query: &str| served.get(&format!("{V1}/getUpdatedSeries{query}")).await;

    let answer = updated("?fromDate=06/08/2023").await;

    assert_eq!(
        answer.text(),
        concat!(
            r#"[{"SeriesInstanceUID":"1.3.6.1.4.1.14519.1","StudyInstanceUID":"1.3.6.1.4.1.14519.2","Modality":"MR","#,
            r#""SeriesDate":"1990-06-19 00:00:00.0","SeriesDescription":"Sagittal-IR_3DFGRE","#,
            r#""BodyPartExamined":"BREAST","SeriesNumber":5,"Collection":"Breast-MRI-NACT-Pilot","#,
            r#""PatientID":"UCSF-BR-45","Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"GENESIS_SIGNA","#,
            r#""SoftwareVersions":"07","ImageCount":2,"DateReleased":"2023-08-07 00:00:00.0"}]"#
        )
    );
    assert_eq!(updated("?fromDate=07/08/2023").await.text(), "");
    assert_eq!(updated("?fromDate=37/07/2023").await.text(), answer.text());
    assert_eq!(updated("?fromDate=2012-01-01").await.text(), "");
    assert_eq!(updated("").await.text().matches("SeriesInstanceUID").count(), 2);
}

#[tokio::test]
async fn metadata_of_a_series_are_texts_for_people() {
    let served = Served::new().await;
    let series = Series {
        series_description: Some("2. AX/IAL, T1 + \"C\"".to_owned()),
        manufacturer: Some("CMS, Inc.".to_owned()),
        series_number: Some("2".to_owned()),
        study_date: Some("2017-08-29".to_owned()),
        date_released: Some("2013-11-04 11:45:52".to_owned()),
        submission_timestamp: Some("2015-05-27 17:12:21".to_owned()),
        ..other_series("1.7")
    };
    served.lay(&series, "1.7.1", b"four").await;

    let answer = served.get(&format!("{V1}/getSeriesMetaData?SeriesInstanceUID=1.7")).await;
    let none = served.get(&format!("{V1}/getSeriesMetaData?SeriesInstanceUID=1.2")).await;

    assert_eq!(
        answer.text(),
        concat!(
            r#"[{"Series UID":"1.7","Collection":"CT COLONOGRAPHY","Subject ID":"1.3.6.1.4.1.9328.50.4.0001","#,
            r#""Study UID":"1.3.6.1.4.1.9328.50.4.1","Study Description":"CT SCREENING VIRT COLONOSCOPY","#,
            r#""Study Date":"08-29-2017","#,
            r#""Series Description":"2. AXIAL T1  C","Manufacturer":"CMS  Inc.","Modality":"CT","#,
            r#""Number of Images":"1","File Size":"4","File Location":"1","Series Number":"2.000000","#,
            r#""Date Released":"Mon Nov 04 11:45:52 UTC 2013","TimeStamp":"2015-05-27 17:12:21.0"}]"#
        )
    );
    assert_eq!((none.status, none.text(), none.label.as_deref()), (StatusCode::NO_CONTENT, "", None));
}

#[tokio::test]
async fn version_2_answers_nobody_who_has_no_token() {
    let served = Served::new().await;
    let list = format!("{V2}/getCollectionValues");
    let image = format!("{V2}/getImage?SeriesInstanceUID={MR}");

    for path in [list, image] {
        let path = path.as_str();
        let refused = served.get(path).await;
        let answered = served.get_with_token(path).await;
        assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(refused.text(), "Server was not able to process your request\nnull", "{path}");
        assert_eq!(refused.label.as_deref(), Some("text/plain"), "{path}");
        assert_eq!(answered.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn what_stands_above_the_versions_is_told_to_anybody() {
    let served = Served::new().await;

    let described = served.get("/nbia-api/services/getCollectionDescriptions").await;
    let form = served.http.post(format!("{}/nbia-api/services/getMD5Hierarchy", served.base));
    let md5 = Answer::read(form.body(format!("SeriesInstanceUID={MR}")).send().await.unwrap()).await;

    assert_eq!(described.status, StatusCode::OK);
    assert_eq!((md5.status, md5.body.len()), (StatusCode::OK, 32));
}

#[tokio::test]
async fn each_version_denies_a_series_in_its_own_words() {
    let served = Served::new().await;
    let v1 = "Image with given SeriesInstanceUID,1.2.3, is not in public domain.";
    let v2 = "The user has not been granted the access to image with given SeriesInstanceUID,1.2.3. Please contact System Admin to resolve this issue.";

    for endpoint in ["getImage", "getImageWithMD5Hash"] {
        for (base, sentence) in [(V1, v1), (V2, v2), (V4, v2)] {
            let answer = served.get_with_token(&format!("{base}/{endpoint}?SeriesInstanceUID=1.2.3")).await;
            assert_eq!((answer.status, answer.text()), (StatusCode::BAD_REQUEST, sentence), "{base}");
            assert_eq!(answer.label.as_deref(), Some("application/json"), "{base}");
        }
    }
}
