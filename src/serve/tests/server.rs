//! Routes, and the way the server begins and ends.

use reqwest::StatusCode;

use super::*;
use crate::serve::{OpenError, ServedMirror};

/// What each path offers, typed from the guides and the sources of the services.
const ROUTES: [(&str, &str); 18] = [
    (
        FIRST,
        "getCollectionValues getModalityValues getBodyPartValues getManufacturerValues getPatient getPatientStudy \
         getSeries getSeriesSize getImage getSeries/metadata getImage/metadata",
    ),
    ("/services/v2/TCIA/query", BINDAAS),
    ("/services/v2/SharedList/query", "ContentsByName ContentsByName/metadata"),
    (V3, BINDAAS),
    ("/services/v3/SharedList/query", "ContentsByName ContentsByName/metadata"),
    ("/services/v4/TCIA/query", BINDAAS),
    ("/services/v4/SharedList/query", "ContentsByName ContentsByName/metadata"),
    (V1, FIRST_SERVER),
    ("/nbia-api/v1", FIRST_SERVER),
    (V2, FIRST_SERVER),
    ("/nbia-api/v2", FIRST_SERVER),
    ("/nbia-api/services", "getCollectionDescriptions POST:getMD5Hierarchy up"),
    ("/nbia-api", "getCollectionDescriptions POST:getMD5Hierarchy up"),
    (V4, VERSION_4),
    ("/nbia-api/v4", VERSION_4),
    (V4, "POST:getSeriesMetadata POST:getMD5Hierarchy getCollectionDescriptions up"),
    ("/nbia-api/v4", "POST:getSeriesMetadata POST:getMD5Hierarchy getCollectionDescriptions up"),
    (
        V4,
        "getCollectionValuesAndCounts getModalityValuesAndCounts getBodyPartValuesAndCounts \
         getManufacturerValuesAndCounts getSpeciesValuesAndCounts",
    ),
];

const BINDAAS: &str = "getCollectionValues getModalityValues getBodyPartValues getManufacturerValues getPatient \
    PatientsByModality getPatientStudy getSeries getSeriesSize getSOPInstanceUIDs getImage getSingleImage \
    NewPatientsInCollection NewStudiesInPatientCollection PatientsByModality/metadata";

const VERSION_4: &str = "getCollectionValues getModalityValues getBodyPartValues getManufacturerValues getPatient \
    getPatientByCollectionAndModality getPatientStudy getSeries getSeriesSize getSOPInstanceUIDs getImage \
    getImageWithMD5Hash getSingleImage NewPatientsInCollection NewStudiesInPatientCollection getUpdatedSeries";

const FIRST_SERVER: &str = "getCollectionValues getModalityValues getBodyPartValues getManufacturerValues getPatient \
    getPatientByCollectionAndModality getPatientStudy getSeries getSeriesSize getSOPInstanceUIDs getImage \
    getImageWithMD5Hash getSingleImage NewPatientsInCollection NewStudiesInPatientCollection getUpdatedSeries \
    getSeriesMetaData getContentsByName";

#[tokio::test]
async fn every_endpoint_of_every_dialect_has_a_route() {
    let served = Served::new().await;

    for (path, names) in ROUTES {
        for name in names.split_whitespace() {
            let answer = match name.strip_prefix("POST:") {
                Some(name) => served.post(&format!("{path}/{name}"), "").await,
                None => served.get_with_token(&format!("{path}/{name}")).await,
            };
            let no_route = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            assert!(!no_route.contains(&answer.status), "{path}/{name}: {}", answer.status);
        }
    }
    for path in
        [&format!("{V4}/getNothing"), &format!("{V4}/getSeries/metadata"), "/nbia-api/services/getSeries"]
    {
        assert_eq!(served.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(served.get("/healthz").await.text(), "ok");
    assert_eq!(served.get(&format!("{V4}/up")).await.text(), "up");
}

#[tokio::test]
async fn a_path_that_stands_for_another_answers_as_that() {
    let served = Served::new().await;

    for (path, other) in
        [("/services/v4/TCIA/query", V3), ("/nbia-api/v1", V1), ("/nbia-api/v2", V2), ("/nbia-api/v4", V4)]
    {
        let answers = [path, other].map(|path| format!("{path}/getSeries?format=json"));
        let [answer, expected] = [served.get(&answers[0]).await, served.get(&answers[1]).await];
        assert_eq!((answer.status, answer.text()), (expected.status, expected.text()), "{path}");
    }
}

#[tokio::test]
async fn bindaas_describes_its_endpoints() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V3}/PatientsByModality/metadata")).await;

    let described: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    let parameter =
        |name: &str, required: bool| json!({"name": name, "type": "string", "required": required});
    let expected = json!({
        "name": "PatientsByModality",
        "description": "rows of the columns that are named here",
        "parameters": [parameter("Collection", true), parameter("Modality", true), parameter("format", false)],
        "returnTypes": ["application/json", "application/csv", "application/xml", "text/html"],
        "columns": [{"name": "PatientID", "type": "string"}]
    });
    assert_eq!((answer.label.as_deref(), described), (Some("application/json"), expected));
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_comes_back_and_leaves_the_port() {
    let mut served = Served::new().await;
    assert_eq!(served.get("/healthz").await.status, StatusCode::OK);

    served.stop.cancel();
    served.server.join_next().await.unwrap().unwrap();

    assert!(served.http.get(format!("{}/healthz", served.base)).send().await.is_err());
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_holds_nothing_up() {
    let mut served = Served::new().await;
    served.lay_large("1.7", b"second").await;

    let mut answer = served.send(&format!("{V4}/getImage?SeriesInstanceUID=1.7")).await;
    assert!(answer.chunk().await.unwrap().is_some());
    drop(answer);
    served.stop.cancel();

    served.server.join_next().await.unwrap().unwrap();
}

#[test]
fn a_root_without_a_mirror_is_not_served() {
    let empty = tempfile::tempdir().unwrap();

    assert!(matches!(ServedMirror::open(empty.path()), Err(OpenError::Root(_))));
}
