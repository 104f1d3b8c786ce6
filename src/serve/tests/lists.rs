//! Which rows each generation lists, and how it names their columns.

use reqwest::StatusCode;

use super::*;

#[tokio::test]
async fn version_4_lists_series_with_its_thirty_columns() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V4}/getSeries?Collection=breast-mri-nact-pilot")).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.label.as_deref(), Some("application/json"));
    assert_eq!(
        answer.text(),
        concat!(
            r#"[{"SeriesInstanceUID":"1.3.6.1.4.1.14519.1","StudyInstanceUID":"1.3.6.1.4.1.14519.2","Modality":"MR","#,
            r#""SeriesDate":"06-19-1990","SeriesDescription":"Sagittal-IR_3DFGRE","BodyPartExamined":"BREAST","#,
            r#""SeriesNumber":5,"Collection":"Breast-MRI-NACT-Pilot","Site":"UCSF","PatientID":"UCSF-BR-45","#,
            r#""Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"GENESIS_SIGNA","SoftwareVersions":"07","#,
            r#""ImageCount":2,"MaxSubmissionTimestamp":"08-04-2023","#,
            r#""LicenseName":"Creative Commons Attribution 3.0 Unported License","#,
            r#""LicenseURI":"http:\/\/creativecommons.org\/licenses\/by\/3.0\/","#,
            r#""DataDescriptionURI":"https:\/\/doi.org\/10.7937\/K9\/TCIA.2016.QHSYHJKY","FileSize":15,"#,
            r#""ReleasedStatus":"Yes","DateReleased":"08-07-2023","StudyDesc":"MR BREAST","StudyDate":"06-19-1990","#,
            r#""ThirdPartyAnalysis":"NO","Authorized":1}]"#
        )
    );
}

#[tokio::test]
async fn version_4_lists_what_a_series_belongs_to() {
    let served = Served::new().await;
    let cases = [
        (
            "getCollectionValues",
            r#"[{"Collection":"Breast-MRI-NACT-Pilot"},{"Collection":"CT COLONOGRAPHY"}]"#,
        ),
        (
            "getPatient?Collection=CT%20COLONOGRAPHY",
            r#"[{"PatientId":"1.3.6.1.4.1.9328.50.4.0001","PatientName":"1.3.6.1.4.1.9328.50.4.0001","PatientSex":"F","Collection":"CT COLONOGRAPHY","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens","Authorized":1}]"#,
        ),
        (
            "getPatient?PatientId=UCSF-BR-45",
            r#"[{"PatientId":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens","Authorized":1}]"#,
        ),
        (
            "getPatientStudy?Collection=CT+COLONOGRAPHY&format=JSON",
            r#"[{"StudyInstanceUID":"1.3.6.1.4.1.9328.50.4.1","StudyDate":"01-01-2000","StudyDescription":"CT SCREENING VIRT COLONOSCOPY","StudyID":"1","PatientAge":"056Y","PatientID":"1.3.6.1.4.1.9328.50.4.0001","PatientSex":"M","Collection":"CT COLONOGRAPHY","SeriesCount":1,"Authorized":1}]"#,
        ),
        (
            "getSeriesSize?SeriesInstanceUID=1.3.6.1.4.1.14519.1",
            r#"[{"TotalSizeInBytes":15,"ObjectCount":2}]"#,
        ),
        (
            "getSOPInstanceUIDs?SeriesInstanceUID=1.3.6.1.4.1.14519.1",
            r#"[{"SOPInstanceUID":"1.9.1"},{"SOPInstanceUID":"1.9.2"}]"#,
        ),
        (
            "NewPatientsInCollection?Collection=Breast-MRI-NACT-Pilot&fromDate=08-07-2023",
            r#"[{"PatientId":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot","Phantom":"NO","SpeciesCode":"337915000","SpeciesDescription":"Homo sapiens","Authorized":1}]"#,
        ),
        (
            "NewStudiesInPatientCollection?Collection=Breast-MRI-NACT-Pilot&fromDate=08-07-2023&PatientID=UCSF-BR-45",
            r#"[{"StudyInstanceUID":"1.3.6.1.4.1.14519.2","PatientID":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot","SeriesCount":1,"Authorized":1}]"#,
        ),
    ];

    for (request, expected) in cases {
        let answer = served.get(&format!("{V4}/{request}")).await;
        assert_eq!(answer.text(), expected, "{request}");
        assert_eq!(answer.label.as_deref(), Some("application/json"), "{request}");
    }
}

#[tokio::test]
async fn version_4_sends_no_byte_and_no_label_for_an_empty_list() {
    let served = Served::new().await;
    let requests = [
        "getSeries?Collection=NLST",
        "getSeries?Collection=NLST&format=csv",
        "getSeries?Collection=NLST&format=nonsense",
        "getSeriesSize?SeriesInstanceUID=1.2",
        "getSOPInstanceUIDs?SeriesInstanceUID=1.2",
        "NewPatientsInCollection?Collection=Breast-MRI-NACT-Pilot&fromDate=08-08-2023",
        // a date in another spelling is no error, and nothing is newer than it
        "NewPatientsInCollection?Collection=Breast-MRI-NACT-Pilot&fromDate=2012-01-01",
    ];

    for request in requests {
        let answer = served.get(&format!("{V4}/{request}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, ""), "{request}");
        assert_eq!((answer.label, answer.length.as_deref()), (None, Some("0")), "{request}");
    }
}

#[tokio::test]
async fn a_list_longer_than_the_buffers_arrives_whole() {
    let served = Served::new().await;
    let long = "x".repeat(20_000);
    for number in 0..40 {
        let series =
            Series { series_description: Some(long.clone()), ..other_series(&format!("1.7.{number}")) };
        sample::place(&served.db, &series, Vec::new(), None, sample::PLACED_AT).await;
    }

    let answer = served.get(&format!("{V4}/getSeries?Collection=CT+COLONOGRAPHY")).await;

    let rows: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((rows.len(), answer.length), (41, None));
}

#[tokio::test]
async fn bindaas_lists_in_its_own_columns_and_dates() {
    let served = Served::new().await;
    let cases = [
        (
            format!("getSeries?SeriesInstanceUID={MR}&format=json&whatever=1"),
            concat!(
                r#"[{"SeriesInstanceUID":"1.3.6.1.4.1.14519.1","StudyInstanceUID":"1.3.6.1.4.1.14519.2","Modality":"MR","#,
                r#""SeriesDate":"1990-06-19","SeriesDescription":"Sagittal-IR_3DFGRE","BodyPartExamined":"BREAST","#,
                r#""SeriesNumber":5,"Collection":"Breast-MRI-NACT-Pilot","PatientID":"UCSF-BR-45","#,
                r#""Manufacturer":"GE MEDICAL SYSTEMS","ManufacturerModelName":"GENESIS_SIGNA","SoftwareVersions":"07","#,
                r#""ImageCount":2}]"#
            ),
        ),
        (
            "getPatient?Collection=Breast-MRI-NACT-Pilot".to_owned(),
            r#"[{"PatientID":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot"}]"#,
        ),
        (
            "NewPatientsInCollection?Collection=Breast-MRI-NACT-Pilot&Date=2023-08-07".to_owned(),
            r#"[{"PatientID":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot"}]"#,
        ),
        ("getSeries?Collection=NLST&format=json".to_owned(), "[]"),
        // what it does not know is JSON to it
        ("getSeries?Collection=NLST&format=xls".to_owned(), "[]"),
        // a sum has a row even over nothing
        ("getSeriesSize?SeriesInstanceUID=1.2&format=json".to_owned(), "[{}]"),
    ];

    for (request, expected) in cases {
        let answer = served.get(&format!("{V3}/{request}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected), "{request}");
        assert_eq!(answer.label.as_deref(), Some("application/json"), "{request}");
    }
}

#[tokio::test]
async fn a_list_comes_packed_to_who_unpacks_it_and_an_image_does_not() {
    let served = Served::new().await;
    let http = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let ask = async |path: &str| {
        let request = http.get(format!("{}{path}", served.base)).header("accept-encoding", "gzip");
        let answer = request.send().await.unwrap();
        let encoding = answer.headers().get("content-encoding").map(|name| name.to_str().unwrap().to_owned());
        (encoding, answer.bytes().await.unwrap().to_vec())
    };
    let list = format!("{V4}/getSeries");

    let (encoding, packed) = ask(&list).await;
    let (image_encoding, image) = ask(&format!("{V4}/getImage?SeriesInstanceUID={MR}")).await;

    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(encoding.as_deref(), Some("gzip"));
    assert!(unpacked == served.get(&list).await.body && packed.len() < unpacked.len());
    assert_eq!((image_encoding, &image[..4]), (None, &b"PK\x03\x04"[..]));
}
