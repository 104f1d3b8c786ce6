//! What only version 4 of the archive's own server offers, and what others have in another form.

use reqwest::StatusCode;

use super::*;

#[tokio::test]
async fn values_come_once_null_first_and_partly_in_capitals() {
    let served = Served::new().await;
    let series = Series {
        manufacturer: Some("Carestream".to_owned()),
        body_part_examined: Some("Chest/Abd ".to_owned()),
        ..other_series("1.7")
    };
    served.lay(&series, "1.7.1", b"x").await;
    served.lay(&Series { manufacturer: None, ..other_series("1.6") }, "1.6.1", b"x").await;
    let modalities = r#"[{"Modality":"CT"},{"Modality":"MR"}]"#;
    let ge = r#"{"Manufacturer":"\"GE Healthcare\", O'Neil/é"}"#;
    let cases = [
        (V4, "getModalityValues", modalities.to_owned()),
        (V4, "getModalityValues?Collection=ct+colonography", r#"[{"Modality":"CT"}]"#.to_owned()),
        (V4, "getModalityValues?Collection=x", String::new()),
        (V1, "getModalityValues", modalities.to_owned()),
        (FIRST, "getModalityValues?format=json", modalities.to_owned()),
        (FIRST, "getModalityValues?format=json&Modality=MR", r#"[{"Modality":"MR"}]"#.to_owned()),
        (V3, "getModalityValues?format=json&Collection=x", "[]".to_owned()),
        (
            V4,
            "getBodyPartValues",
            r#"[{},{"BodyPartExamined":"BREAST"},{"BodyPartExamined":"CHEST\/ABD "}]"#.to_owned(),
        ),
        (V1, "getBodyPartValues?Modality=CT", r#"[{},{"BodyPartExamined":"CHEST\/ABD "}]"#.to_owned()),
        (V3, "getBodyPartValues?Modality=CT", r#"[{},{"BodyPartExamined":"Chest/Abd "}]"#.to_owned()),
        (
            V4,
            "getManufacturerValues?Modality=CT",
            r#"[{},{"Manufacturer":"\"GE HEALTHCARE\", O'NEIL\/é"},{"Manufacturer":"CARESTREAM"}]"#
                .to_owned(),
        ),
        (V3, "getManufacturerValues?Modality=CT", format!(r#"[{{}},{ge},{{"Manufacturer":"Carestream"}}]"#)),
    ];

    for (base, request, expected) in cases {
        let answer = served.get(&format!("{base}/{request}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected.as_str()), "{base} {request}");
    }
}

#[tokio::test]
async fn values_are_counted_by_patients() {
    let served = Served::new().await;
    served.lay(&other_series("1.7"), "1.7.1", b"x").await;
    let cases = [
        (
            "getCollectionValuesAndCounts",
            r#"[{"Collection":"Breast-MRI-NACT-Pilot","Count":1,"Authorized":1},{"Collection":"CT COLONOGRAPHY","Count":1,"Authorized":1}]"#,
        ),
        (
            "getModalityValuesAndCounts?Collection=CT+COLONOGRAPHY",
            r#"[{"Modality":"CT","Count":1,"Authorized":1}]"#,
        ),
        (
            "getBodyPartValuesAndCounts",
            r#"[{"Count":1,"Authorized":1},{"BodyPart":"BREAST","Count":1,"Authorized":1}]"#,
        ),
        (
            "getManufacturerValuesAndCounts?Modality=MR&BodyPartExamined=breast",
            r#"[{"Manufacturer":"GE MEDICAL SYSTEMS","Count":1,"Authorized":1}]"#,
        ),
        (
            "getSpeciesValuesAndCounts",
            r#"[{"Count":1,"Authorized":1},{"Species":"Homo sapiens","Count":1,"Authorized":1}]"#,
        ),
        (
            "getPatientByCollectionAndModality?Collection=CT+COLONOGRAPHY&Modality=ct",
            r#"[{"PatientId":"1.3.6.1.4.1.9328.50.4.0001","Authorized":1}]"#,
        ),
        ("getPatientByCollectionAndModality?Collection=CT+COLONOGRAPHY&Modality=MR", ""),
    ];

    for (request, expected) in cases {
        let answer = served.get(&format!("{V4}/{request}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected), "{request}");
    }
}

#[tokio::test]
async fn series_are_updated_after_a_day() {
    let served = Served::new().await;
    let updated = async |query: &str| {
        let answer = served.get(&format!("{V4}/getUpdatedSeries{query}")).await;
        let uids = answer.text().matches("\"SeriesInstanceUID\"").count();
        (uids, answer.text().matches("\"MaxSubmissionTimestamp\":\"08-04-2023\"").count())
    };

    assert_eq!(updated("?fromDate=05-09-2012").await, (2, 1));
    assert_eq!(updated("?fromDate=05-10-2012").await, (1, 1));
    assert_eq!(updated("?fromDate=08-07-2023").await, (0, 0));
    assert_eq!(updated("").await, (2, 1));
}

#[tokio::test]
async fn metadata_are_asked_for_by_a_form_and_come_as_a_file_of_csv() {
    let served = Served::new().await;
    let path = format!("{V4}/getSeriesMetadata");
    let header = concat!(
        r#""PatientID","PatientName","PatientSex","EthnicGroup","Phantom","SpeciesCode","SpeciesDescription","#,
        r#""StudyInstanceUID","StudyDate","StudyDesc","AdmittingDiagnosisDescription","StudyID","PatientAge","#,
        r#""LongitudinalTemporalEventType","LongitudinalTemporalOffsetFromEvent","SeriesInstanceUID","Collection","#,
        r#""Site","Modality","ProtocolName","SeriesDate","SeriesDescription","BodyPartExamined","SeriesNumber","#,
        r#""AnnotationsFlag","Manufacturer","ManufacturerModelName","PixelSpacing(mm)-Row","SliceThickness(mm)","#,
        r#""SoftwareVersions","ImageCount","MaxSubmissionTimestamp","LicenseName","LicenseURI","DataDescriptionURI","#,
        r#""FileSize","ReleasedStatus","DateReleased","ThirdPartyAnalysis","Authorized""#,
        "\n"
    );
    let row = concat!(
        r#""1.3.6.1.4.1.9328.50.4.0001","1.3.6.1.4.1.9328.50.4.0001","F","","NO","337915000","Homo sapiens","#,
        r#""1.3.6.1.4.1.9328.50.4.1","01-01-2000","CT SCREENING VIRT COLONOSCOPY","","1","056Y","","","1.3.6.1.4.1.9328.50.4.2","CT COLONOGRAPHY","","CT","","","#,
        r#""","","","","""GE Healthcare"", O'Neil/é","","","","","1","","","","","4","","05-10-2012","","1""#,
        "\n"
    );

    for form in [format!("list={CT}"), format!("list={CT},1.2&format=csv&whatever=1")] {
        let answer = served.post(&path, &form).await;
        assert_eq!(answer.text(), format!("{header}{row}"), "{form}");
        assert_eq!(answer.label.as_deref(), Some("text/csv"), "{form}");
        let name = Some("attachment; filename=\"SeriesMetaData.csv\"");
        assert_eq!(answer.disposition.as_deref(), name, "{form}");
    }
}

#[tokio::test]
async fn metadata_are_asked_for_in_fields_and_with_commas() {
    let served = Served::new().await;
    served.lay(&other_series("1.7"), "1.7.1", b"x").await;
    let path = format!("{V4}/getSeriesMetadata");
    let rows = async |form: &str| {
        let answer = served.post(&path, form).await;
        assert_eq!(answer.status, StatusCode::OK, "{form}");
        answer.text().matches("\"SeriesInstanceUID\":").count()
    };

    assert_eq!(rows(&format!("format=json&list={CT}%2C1.7&list={MR}")).await, 3);
    assert_eq!(rows(&format!("format=json&list={CT}&list={CT},")).await, 1);
    assert_eq!(rows("format=json&list=1.2").await, 0);
    // ten thousand UIDs are asked for at once, which is less than a megabyte
    assert_eq!(rows(&format!("format=json&list={}", format!("{},", "1".repeat(64)).repeat(10_000))).await, 0);
    let endless = served.post(&path, &format!("list={}", "1.2,".repeat(3 << 20))).await;
    assert_eq!(endless.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn collections_are_described_with_every_null() {
    let served = Served::new().await;
    let mr = r#"{"description":null,"id":1,"collectionName":"Breast-MRI-NACT-Pilot","descriptionURI":"https://doi.org/10.7937/K9/TCIA.2016.QHSYHJKY"}"#;
    let ct = r#"{"description":null,"id":2,"collectionName":"CT COLONOGRAPHY","descriptionURI":null}"#;

    for base in [V4, "/nbia-api/services"] {
        let path = format!("{base}/getCollectionDescriptions");
        let all = served.get_with_token(&path).await;
        let one = served.get_with_token(&format!("{path}?collectionName=CT+COLONOGRAPHY")).await;
        let none = served.get_with_token(&format!("{path}?collectionName=x")).await;
        assert_eq!(all.text(), format!("[{mr},{ct}]"), "{base}");
        assert_eq!(one.text(), format!("[{ct}]"), "{base}");
        assert_eq!((none.text(), none.label.as_deref()), ("[]", Some("application/json")), "{base}");
    }
}

#[tokio::test]
async fn a_mirror_has_no_shared_lists() {
    let served = Served::new().await;

    let bindaas = served.get("/services/v3/SharedList/query/ContentsByName?name=x").await;
    let nameless = served.get("/services/v3/SharedList/query/ContentsByName").await;

    assert_eq!((bindaas.text(), bindaas.label.as_deref()), ("[]", Some("application/json")));
    assert_eq!(nameless.status.as_u16(), 471);
}
