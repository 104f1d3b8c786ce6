//! The whole way over a loopback socket, against bytes that are typed by hand from what is known of the services.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::db::{Db, sample};
use crate::dicom::{Instance, Patient, Series, SeriesInstanceUid, SopInstanceUid, Study};
use crate::mirror::layout::Component;
use crate::mirror::{Expected, Root, SeriesPath, Staging};

const V4: &str = "/nbia-api/services/v4";
const V3: &str = "/services/v3/TCIA/query";

/// The series of the guide (nbia-service.md §2.8), with a plain name for its UID.
const MR: &str = "1.3.6.1.4.1.14519.1";
const CT: &str = "1.3.6.1.4.1.9328.50.4.2";

/// A mirror of two series, served.
struct Served {
    base: String,
    http: reqwest::Client,
    root: TempDir,
    db: Db,
    stop: CancellationToken,
    server: JoinSet<io::Result<()>>,
}

struct Answer {
    status: StatusCode,
    label: Option<String>,
    disposition: Option<String>,
    length: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Served {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::lock(directory.path()).unwrap();
        let db = Db::open(&root.state_file()).unwrap();
        lay(&root, &db, &mr_series(), &[("1.9.2", b"second"), ("1.9.1", b"first one")], Some(b"By us.\n"))
            .await;
        lay(&root, &db, &ct_series(), &[("1.8.1", b"only")], None).await;
        store_names(&db).await;
        drop(root);
        let mirror = Arc::new(ServedMirror::open(directory.path()).unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(run(listener, mirror, stop.clone()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { base, http, root: directory, db, stop, server }
    }

    async fn send(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        let answer = self.send(path).await;
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Answer {
            status: answer.status(),
            label: header("content-type"),
            disposition: header("content-disposition"),
            length: header("content-length"),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    /// What arrives of an answer that breaks off; of a short one perhaps not even the status.
    async fn cut(&self, path: &str) -> Vec<u8> {
        let mut arrived = Vec::new();
        let Ok(mut answer) = self.http.get(format!("{}{path}", self.base)).send().await else {
            return arrived;
        };
        assert_eq!(answer.status(), StatusCode::OK);
        loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => arrived.extend_from_slice(&bytes),
                Ok(None) => panic!("the answer ended as if it were whole"),
                Err(_) => return arrived,
            }
        }
    }

    /// Lays one more series whose first file fills many pieces; gives that file's bytes.
    async fn lay_large(&self, uid: &str, second: &[u8]) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(7);
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(3_000_000).collect();
        let root = Root::lock(self.root.path()).unwrap();
        lay(&root, &self.db, &other_series(uid), &[("1.7.1", &bytes), ("1.7.2", second)], None).await;
        bytes
    }

    fn file(&self, series: &Series, uid: &str) -> PathBuf {
        self.root.path().join(sample::path(series)).join(format!("{uid}.dcm"))
    }
}

fn mr_series() -> Series {
    sample::series(json!({
        "SeriesInstanceUID": MR, "StudyInstanceUID": "1.3.6.1.4.1.14519.2", "Modality": "MR",
        "SeriesDate": "1990-06-19", "SeriesDescription": "Sagittal-IR_3DFGRE", "BodyPartExamined": "BREAST",
        "SeriesNumber": "5", "Collection": "Breast-MRI-NACT-Pilot", "Site": "UCSF", "PatientID": "UCSF-BR-45",
        "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "GENESIS_SIGNA", "SoftwareVersions": "07",
        "ImageCount": 180, "SubmissionTimestamp": "2023-08-04 17:12:21",
        "LicenseName": "Creative Commons Attribution 3.0 Unported License",
        "LicenseURI": "http://creativecommons.org/licenses/by/3.0/", "FileSize": 24_380_256,
        "DataDescriptionURI": "https://doi.org/10.7937/K9/TCIA.2016.QHSYHJKY", "ReleasedStatus": "Yes",
        "DateReleased": "2023-08-07", "StudyDescription": "MR BREAST", "StudyDate": "1990-06-19",
        "ThirdPartyAnalysis": "NO", "Authorized": "1"
    }))
}

fn ct_series() -> Series {
    sample::series(json!({
        "SeriesInstanceUID": CT, "StudyInstanceUID": "1.3.6.1.4.1.9328.50.4.1", "Collection": "CT COLONOGRAPHY",
        "PatientID": "1.3.6.1.4.1.9328.50.4.0001", "Modality": "CT", "Manufacturer": "\"GE Healthcare\", O'Neil/é",
        "DateReleased": "2012-05-10"
    }))
}

/// One more series of the same study as [`ct_series`].
fn other_series(uid: &str) -> Series {
    let series_instance_uid = SeriesInstanceUid::parse(uid).unwrap();
    Series { series_instance_uid, ..ct_series() }
}

async fn store_names(db: &Db) {
    let walk = db.begin_walk("names", "http://sample", "nbia-v4", 0).await.unwrap().walk_id;
    let patient: Patient = serde_json::from_value(json!({
        "PatientID": "1.3.6.1.4.1.9328.50.4.0001", "PatientName": "1.3.6.1.4.1.9328.50.4.0001", "PatientSex": "F",
        "Collection": "CT COLONOGRAPHY", "Phantom": "NO", "SpeciesCode": "337915000",
        "SpeciesDescription": "Homo sapiens", "Authorized": "1"
    }))
    .unwrap();
    db.store_patients(walk, vec![patient]).await.unwrap();
    let study: Study = serde_json::from_value(json!({
        "StudyInstanceUID": "1.3.6.1.4.1.9328.50.4.1", "StudyDate": "2000-01-01", "PatientAge": "056Y",
        "StudyDescription": "CT SCREENING VIRT COLONOSCOPY", "StudyID": "1", "SeriesCount": 3, "PatientSex": "M",
        "PatientID": "1.3.6.1.4.1.9328.50.4.0001", "Collection": "CT COLONOGRAPHY", "Authorized": "1"
    }))
    .unwrap();
    db.store_studies(walk, vec![study]).await.unwrap();
}

/// Places a series as a run does, in the tree and in the record.
async fn lay(root: &Root, db: &Db, series: &Series, files: &[(&str, &[u8])], license: Option<&[u8]>) {
    let mut staging = Staging::open(root, &series.series_instance_uid, Vec::new()).unwrap();
    for (uid, bytes) in files {
        let mut incoming = staging.begin().unwrap();
        incoming.write(bytes).unwrap();
        staging.keep(incoming, SopInstanceUid::parse(uid).unwrap()).unwrap();
    }
    if let Some(text) = license {
        staging.keep_license(text).unwrap();
    }
    let instances: Vec<Instance> = staging.instances().values().cloned().collect();
    let expected = Expected { image_count: u32::try_from(files.len()).ok(), ..Expected::default() };
    let verified = staging.finish().verify(&expected).unwrap();
    let license = verified.license();
    let [collection, patient] = [series.collection.as_str(), series.patient_id.as_str()].map(Component::new);
    let path =
        SeriesPath::new(&collection, &patient, &series.study_instance_uid, &series.series_instance_uid);
    verified.commit(root, &path, "sample").unwrap();
    sample::place(db, series, instances, license, sample::PLACED_AT).await;
}

/// Puts other bytes in the place of a placed file.
fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

fn entries(zip: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.name().unwrap().into_owned(), text)
        })
        .collect()
}

fn pairs(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

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
            r#"[{"PatientId":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot"}]"#,
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
            r#"[{"PatientId":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot"}]"#,
        ),
        (
            "NewStudiesInPatientCollection?Collection=Breast-MRI-NACT-Pilot&fromDate=08-07-2023&PatientID=UCSF-BR-45",
            r#"[{"StudyInstanceUID":"1.3.6.1.4.1.14519.2","PatientID":"UCSF-BR-45","Collection":"Breast-MRI-NACT-Pilot","SeriesCount":1}]"#,
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
async fn version_4_fails_over_a_format_that_it_does_not_know() {
    let served = Served::new().await;

    for request in ["getSeries?format=xls", "getSeries?format=", "getCollectionValues?format=csvquoted"] {
        let answer = served.get(&format!("{V4}/{request}")).await;
        let expected = (StatusCode::INTERNAL_SERVER_ERROR, "Server was not able to process your request");
        assert_eq!((answer.status, answer.text()), expected, "{request}");
    }
}

#[tokio::test]
async fn version_4_quotes_csv_of_many_columns_and_no_csv_of_one() {
    let served = Served::new().await;
    let csv = Some("text/csv");
    let name = Some("attachment; filename=\"SeriesMetaData.csv\"");
    let size = "\"TotalSizeInBytes\",\"ObjectCount\"\n\"15\",\"2\"\n";
    let collections = "Collection\nBreast-MRI-NACT-Pilot\nCT COLONOGRAPHY\n";
    let of = |format: &str| format!("getSeriesSize?SeriesInstanceUID={MR}&format={format}");
    let cases = [
        (of("csv"), csv, None, size),
        (of("CSVQUOTED"), csv, None, size),
        (of("csv-download"), csv, name, size),
        ("getCollectionValues?format=CSV".to_owned(), csv, None, collections),
        (
            "getCollectionValues?format=CSV-DOWNLOAD".to_owned(),
            Some("application/force-download"),
            name,
            collections,
        ),
    ];

    for (request, label, disposition, text) in cases {
        let answer = served.get(&format!("{V4}/{request}")).await;
        assert_eq!(answer.text(), text, "{request}");
        assert_eq!(
            (answer.label.as_deref(), answer.disposition.as_deref()),
            (label, disposition),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_null_is_an_empty_field_and_a_quote_is_doubled() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V4}/getSeries?SeriesInstanceUID={CT}&format=csv")).await;

    let line = answer.text().lines().nth(1).unwrap();
    let expected = concat!(
        r#""1.3.6.1.4.1.9328.50.4.2","1.3.6.1.4.1.9328.50.4.1","CT","","","","","","","CT COLONOGRAPHY","","#,
        r#""1.3.6.1.4.1.9328.50.4.0001","","","","""GE Healthcare"", O'Neil/é","","","1","","","","","4","","#,
        r#""05-10-2012","","","","""#
    );
    assert_eq!(line, expected);
}

#[tokio::test]
async fn a_number_that_is_none_goes_out_as_text() {
    let served = Served::new().await;
    for (uid, number) in [("1.1", "-7"), ("1.2", "2.5"), ("1.3", "007"), ("1.4", "1e9"), ("1.5", "")] {
        let series = Series { series_number: Some(number.to_owned()), ..other_series(uid) };
        sample::place(&served.db, &series, Vec::new(), None, sample::PLACED_AT).await;
    }
    let mut numbers = Vec::new();

    for uid in ["1.1", "1.2", "1.3", "1.4", "1.5"] {
        let answer = served.get(&format!("{V4}/getSeries?SeriesInstanceUID={uid}")).await;
        let text = answer.text().split_once("\"SeriesNumber\":").unwrap().1.to_owned();
        numbers.push(text.split_once(',').unwrap().0.to_owned());
    }

    assert_eq!(numbers, ["-7", "2.5", "\"007\"", "\"1e9\"", "\"\""]);
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
async fn bindaas_escapes_csv_as_a_script_does() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V3}/getSeries?SeriesInstanceUID={CT}&format=csv")).await;
    let nothing = served.get(&format!("{V3}/getSOPInstanceUIDs?SeriesInstanceUID=1.2&format=csv")).await;

    assert_eq!(answer.label.as_deref(), Some("application/csv"));
    assert_eq!(
        answer.text(),
        concat!(
            "SeriesInstanceUID,StudyInstanceUID,Modality,ProtocolName,SeriesDate,SeriesDescription,",
            "BodyPartExamined,SeriesNumber,AnnotationsFlag,Collection,PatientID,Manufacturer,ManufacturerModelName,",
            "SoftwareVersions,ImageCount\n",
            r#""1.3.6.1.4.1.9328.50.4.2","1.3.6.1.4.1.9328.50.4.1","CT",,,,,,,"CT COLONOGRAPHY","#,
            r#""1.3.6.1.4.1.9328.50.4.0001","\"GE Healthcare\", O\'Neil\/\u00E9",,,"1""#
        )
    );
    assert_eq!(nothing.text(), "SOPInstanceUID");
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
async fn version_4_packs_the_licence_and_numbered_files() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V4}/getImage?SeriesInstanceUID={MR}")).await;

    assert_eq!(answer.label.as_deref(), Some("application/octet-stream"));
    assert_eq!(answer.disposition.as_deref(), Some("attachment; filename=\"1.3.6.1.4.1.14519.1.zip\""));
    assert_eq!(answer.length, None);
    let expected = [("LICENSE", "By us.\n"), ("00000001.dcm", "first one"), ("00000002.dcm", "second")];
    assert_eq!(entries(&answer.body), pairs(&expected));
    // deflated, sizes behind the data: signature, version 20, bit 3, method 8, neither CRC nor sizes
    assert_eq!(answer.body[..10], *b"PK\x03\x04\x14\0\x08\0\x08\0");
    assert_eq!(answer.body[14..26], [0; 12]);
}

#[tokio::test]
async fn version_4_packs_new_names_and_a_list_of_md5s_when_asked() {
    let served = Served::new().await;

    let request = format!("{V4}/getImage?SeriesInstanceUID={MR}&NewFileNames=Yes&IncludeMD5=YES");
    let answer = served.get(&request).await;
    let without_license = served.get(&format!("{V4}/getImage?SeriesInstanceUID={CT}&NewFileNames=no")).await;

    // the digests are those of md5sum
    let md5_list = concat!(
        "Filename,MD5Hash\n",
        "1-1.dcm,0ae76f5ad21601023b80bf3df383cd18\n",
        "1-2.dcm,a9f0e61a137d86aa9db53465e0801612\n"
    );
    let expected = [
        ("LICENSE", "By us.\n"),
        ("1-1.dcm", "first one"),
        ("1-2.dcm", "second"),
        ("md5hashes.csv", md5_list),
    ];
    assert_eq!(entries(&answer.body), pairs(&expected));
    assert_eq!(entries(&without_license.body), pairs(&[("00000001.dcm", "only")]));
}

#[tokio::test]
async fn bindaas_packs_blobs_and_nothing_of_a_series_that_it_does_not_know() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V3}/getImage?SeriesInstanceUID={MR}")).await;
    let unknown = served.get(&format!("{V3}/getImage?SeriesInstanceUID=1.2")).await;

    let expected = [("./", ""), ("./1-1.9.1.dcm", "first one"), ("./2-1.9.2.dcm", "second")];
    assert_eq!(entries(&answer.body), pairs(&expected));
    assert_eq!(entries(&unknown.body), pairs(&[("./", "")]));
    for answer in [answer, unknown] {
        assert_eq!((answer.status, answer.label.as_deref()), (StatusCode::OK, Some("application/zip")));
        let name = Some("attachment;filename=\"bindaas-blob-download.zip\"");
        assert_eq!(answer.disposition.as_deref(), name);
    }
}

#[tokio::test]
async fn a_single_image_comes_with_its_length() {
    let served = Served::new().await;
    let which = format!("getSingleImage?SeriesInstanceUID={MR}&SOPInstanceUID=1.9.1");

    let v4 = served.get(&format!("{V4}/{which}")).await;
    let v3 = served.get(&format!("{V3}/{which}")).await;

    assert_eq!((v4.text(), v4.length.as_deref()), ("first one", Some("9")));
    assert_eq!(v4.label.as_deref(), Some("application/dicom"));
    assert_eq!(v4.disposition.as_deref(), Some("attachment; filename=1.9.1.dcm"));
    assert_eq!((v3.text(), v3.length.as_deref()), ("first one", Some("9")));
    assert_eq!(v3.disposition.as_deref(), Some("attachment;filename=\"1.9.1.dcm\""));
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
async fn a_zip_with_a_damaged_missing_or_linked_file_is_cut_before_its_end() {
    let served = Served::new().await;
    served.lay_large("1.7", b"second").await;
    let file = served.file(&other_series("1.7"), "1.7.2");
    let request = format!("{V4}/getImage?SeriesInstanceUID=1.7");
    let end_of_zip = |bytes: &[u8]| bytes.windows(4).any(|four| four == b"PK\x05\x06");

    overwrite(&file, b"sEcond");
    assert!(!end_of_zip(&served.cut(&request).await), "damaged");
    overwrite(&file, b"secon");
    assert!(!end_of_zip(&served.cut(&request).await), "too short");
    std::fs::remove_file(&file).unwrap();
    assert!(!end_of_zip(&served.cut(&request).await), "missing");
    std::os::unix::fs::symlink(served.file(&mr_series(), "1.9.2"), &file).unwrap();
    assert!(!end_of_zip(&served.cut(&request).await), "linked");
}

#[tokio::test]
async fn a_large_single_image_that_is_damaged_is_never_whole() {
    let served = Served::new().await;
    let mut bytes = served.lay_large("1.7", b"second").await;
    *bytes.last_mut().unwrap() ^= 1;
    overwrite(&served.file(&other_series("1.7"), "1.7.1"), &bytes);

    let request = format!("{V4}/getSingleImage?SeriesInstanceUID=1.7&SOPInstanceUID=1.7.1");
    let arrived = served.cut(&request).await;

    assert!(arrived.len() < bytes.len());
}

#[tokio::test]
async fn damage_that_shows_before_anything_is_sent_is_told() {
    let served = Served::new().await;
    let requests = [
        format!("getImage?SeriesInstanceUID={MR}"),
        format!("getSingleImage?SeriesInstanceUID={MR}&SOPInstanceUID=1.9.2"),
    ];

    for bytes in [b"sEcond".as_slice(), b"secon"] {
        overwrite(&served.file(&mr_series(), "1.9.2"), bytes);
        for request in &requests {
            let v4 = served.get(&format!("{V4}/{request}")).await;
            let v3 = served.get(&format!("{V3}/{request}")).await;
            assert_eq!(
                (v4.status, v3.status.as_u16()),
                (StatusCode::INTERNAL_SERVER_ERROR, 500),
                "{request}"
            );
            let sentence = "Server was not able to process your request\nthe mirror cannot be read";
            assert_eq!(v4.text(), sentence, "{request}");
            assert_eq!(v3.text(), r#"{"errorMessage":"the mirror cannot be read"}"#, "{request}");
        }
    }
}

#[tokio::test]
async fn a_series_whose_directory_is_gone_is_a_fault_and_not_unknown() {
    let served = Served::new().await;
    std::fs::remove_dir_all(served.file(&mr_series(), "1.9.1").parent().unwrap()).unwrap();

    let v4 = served.get(&format!("{V4}/getImage?SeriesInstanceUID={MR}")).await;
    let v3 = served.get(&format!("{V3}/getImage?SeriesInstanceUID={MR}")).await;

    assert_eq!(v4.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(v3.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(v3.text(), r#"{"errorMessage":"the mirror cannot be read"}"#);
}

#[tokio::test]
async fn an_image_of_many_pieces_arrives_byte_for_byte() {
    let served = Served::new().await;
    let bytes = served.lay_large("1.7", b"second").await;

    let zip = served.get(&format!("{V4}/getImage?SeriesInstanceUID=1.7")).await;
    let single = format!("{V4}/getSingleImage?SeriesInstanceUID=1.7&SOPInstanceUID=1.7.1");
    let single = served.get(&single).await;

    let mut archive = zip::ZipArchive::new(Cursor::new(zip.body)).unwrap();
    let mut unpacked = Vec::new();
    archive.by_index(0).unwrap().read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == bytes && single.body == bytes);
}

#[tokio::test]
async fn every_endpoint_of_every_dialect_has_a_route() {
    let served = Served::new().await;

    for dialect in Dialect::ALL.map(Dialect::description) {
        for endpoint in dialect.endpoints() {
            let path = format!("{}/{}", dialect.path, endpoint.name);
            assert_ne!(served.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    assert_eq!(served.get(&format!("{V4}/getNothing")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(served.get("/healthz").await.text(), "ok");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_comes_back_and_leaves_the_port() {
    let mut served = Served::new().await;
    assert_eq!(served.get("/healthz").await.status, StatusCode::OK);

    served.stop.cancel();
    let ended = served.server.join_next().await.unwrap().unwrap();

    assert!(ended.is_ok());
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

    assert!(served.server.join_next().await.unwrap().unwrap().is_ok());
}

#[test]
fn a_root_without_a_mirror_is_not_served() {
    let empty = tempfile::tempdir().unwrap();

    assert!(matches!(ServedMirror::open(empty.path()), Err(OpenError::Root(_))));
}
