//! How each generation says no.

use reqwest::StatusCode;

use super::*;

#[tokio::test]
async fn version_4_refuses_in_its_own_sentences() {
    let served = Served::new().await;
    let json = Some("application/json");
    let cases = [
        (
            "getSeries?Collection=x&api_key=1",
            Some("text/plain"),
            "Invalid query parameter: 'api_key'. Allowed parameters are: [Collection, PatientID, StudyInstanceUID, SeriesInstanceUID, Modality, BodyPartExamined, Manufacturer, ManufacturerModelName, format]",
        ),
        (
            "getImage?format=json",
            Some("text/plain"),
            "Invalid query parameter: 'format'. Allowed parameters are: [SeriesInstanceUID, NewFileNames, IncludeMD5]",
        ),
        (
            "NewPatientsInCollection?Date=01-01-2020",
            Some("text/plain"),
            "Invalid query parameter: 'Date'. Allowed parameters are: [fromDate, Collection, format]",
        ),
        ("getSeriesSize", json, "A parameter, SeriesInstanceUID is required for this API call."),
        ("getSOPInstanceUIDs", json, "A parameter, SeriesInstanceUID is required for this API call."),
        ("getImage", json, "A parameter, SeriesInstanceUID, is required for this API call."),
        ("getImageWithMD5Hash", json, "A parameter, SeriesInstanceUID, is required for this API call."),
        (
            "getPatientByCollectionAndModality?Collection=x",
            json,
            "A parameter, Collection and Modality, are required for this API call.",
        ),
        (
            "getModalityValues?Modality=CT",
            Some("text/plain"),
            "Invalid query parameter: 'Modality'. Allowed parameters are: [Collection, BodyPartExamined, format]",
        ),
        (
            "getSingleImage?SeriesInstanceUID=1",
            json,
            "A parameter, SeriesInstanceUID and SOPInstanceUID, are required for this API call.",
        ),
        (
            "NewPatientsInCollection?fromDate=01-01-2020",
            json,
            "A parameter, Collection and Date are required for this API call.",
        ),
        (
            "NewStudiesInPatientCollection?Collection=x",
            json,
            "A parameter, Collection and Date are required for this API call.",
        ),
        (
            "getImage?SeriesInstanceUID=1.2.3",
            json,
            "The user has not been granted the access to image with given SeriesInstanceUID,1.2.3. Please contact System Admin to resolve this issue.",
        ),
    ];

    for (request, label, sentence) in cases {
        let answer = served.get(&format!("{V4}/{request}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::BAD_REQUEST, sentence), "{request}");
        assert_eq!(answer.label.as_deref(), label, "{request}");
    }
}

#[tokio::test]
async fn bindaas_has_a_status_of_its_own_for_a_missing_parameter() {
    let served = Served::new().await;

    for (request, name) in [
        ("getSeriesSize?format=json", "SeriesInstanceUID"),
        ("getImage", "SeriesInstanceUID"),
        ("NewPatientsInCollection?Collection=x", "Date"),
    ] {
        let answer = served.get(&format!("{V3}/{request}")).await;
        let expected = format!(
            r#"{{"errorDescription":"This error indicates one or many mandatory query parameters are missing","suggestedAction":"Check the API documentation to verify if all mandatory attributes were provided","detailedMessage":"Mandatory Attribute Missing : [{name}]"}}"#
        );
        assert_eq!((answer.status.as_u16(), answer.text()), (471, expected.as_str()), "{request}");
    }
}

#[tokio::test]
async fn an_unknown_single_image_is_a_fault_of_the_server() {
    let served = Served::new().await;
    let which = format!("getSingleImage?SeriesInstanceUID={MR}&SOPInstanceUID=1.8.1");

    let v4 = served.get(&format!("{V4}/{which}")).await;
    let v3 = served.get(&format!("{V3}/{which}")).await;

    assert_eq!(v4.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(v4.label.as_deref(), Some("text/plain"));
    assert_eq!(v4.text(), "Server was not able to process your request\nnull");
    assert_eq!(v3.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(v3.text(), r#"{"errorMessage":"java.lang.IndexOutOfBoundsException: Index: 0, Size: 0"}"#);
}

#[tokio::test]
async fn metadata_of_no_series_are_refused() {
    let served = Served::new().await;

    let v4 = served.post(&format!("{V4}/getSeriesMetadata"), "format=json&other=1").await;
    let v1 = served.get(&format!("{V1}/getSeriesMetaData")).await;

    let sentence = "A form parameter, list, containing at least one SeriesInstanceUID is required.";
    assert_eq!((v4.status, v4.text()), (StatusCode::BAD_REQUEST, sentence));
    let sentence = "A parameter, SeriesInstanceUID is required for this API call.";
    assert_eq!((v1.status, v1.text()), (StatusCode::BAD_REQUEST, sentence));
}
