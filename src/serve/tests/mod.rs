//! The whole way over a loopback socket, against bytes that are typed by hand from what is known of the services.

mod first_server;
mod formats;
mod guard;
mod images;
mod lists;
mod md5;
mod page;
mod refusals;
mod server;
mod slow_clients;
mod version_4;

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::db::{Db, sample};
use crate::dicom::{Instance, Patient, Series, SeriesInstanceUid, SopInstanceUid, Study};
use crate::mirror::layout::Component;
use crate::mirror::{Expected, Root, SeriesPath, Staging};

const V4: &str = "/nbia-api/services/v4";
const V2: &str = "/nbia-api/services/v2";
const V1: &str = "/nbia-api/services/v1";
/// Bindaas, whose versions have their own numbers.
const FIRST: &str = "/services/TCIA/TCIA/query";
const V3: &str = "/services/v3/TCIA/query";

/// The series of an example of the guide, with a plain name for its UID.
const MR: &str = "1.3.6.1.4.1.14519.1";
const CT: &str = "1.3.6.1.4.1.9328.50.4.2";

/// A mirror of two series, served.
struct Served {
    base: String,
    http: reqwest::Client,
    root: TempDir,
    db: Db,
    stop: CancellationToken,
    server: JoinSet<()>,
}

struct Answer {
    status: StatusCode,
    label: Option<String>,
    disposition: Option<String>,
    length: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    async fn read(answer: reqwest::Response) -> Self {
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Self {
            status: answer.status(),
            label: header("content-type"),
            disposition: header("content-disposition"),
            length: header("content-length"),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Served {
    async fn new() -> Self {
        Self::set_up(|mirror| mirror).await
    }

    async fn packed(packing: Packing) -> Self {
        Self::set_up(|mirror| mirror.packed(packing)).await
    }

    async fn set_up(how: impl FnOnce(ServedMirror) -> ServedMirror) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::lock(directory.path()).unwrap();
        let db = Db::open(&root.state_file()).unwrap();
        lay(&root, &db, &mr_series(), &[("1.9.2", b"second"), ("1.9.1", b"first one")], Some(b"By us.\n"))
            .await;
        lay(&root, &db, &ct_series(), &[("1.8.1", b"only")], None).await;
        store_names(&db).await;
        drop(root);
        let mirror = Arc::new(how(ServedMirror::open(directory.path()).unwrap()));
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
        Answer::read(self.send(path).await).await
    }

    async fn get_with_token(&self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth("whoever");
        Answer::read(request.send().await.unwrap()).await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        let request = self.http.post(format!("{}{path}", self.base)).body(form.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Answer::read(request.bearer_auth("whoever").send().await.unwrap()).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.base.strip_prefix("http://").unwrap()).await.unwrap()
    }

    /// Sends a request, and of the answer takes no more than its status; gives that and the open connection.
    async fn stall(&self, request: &str) -> (String, TcpStream) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let address = self.base.strip_prefix("http://").unwrap().parse().unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut status).await.unwrap();
        (String::from_utf8_lossy(&status).into_owned(), stream)
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

    /// Lays one more series of one file.
    async fn lay(&self, series: &Series, uid: &str, bytes: &[u8]) {
        let root = Root::lock(self.root.path()).unwrap();
        lay(&root, &self.db, series, &[(uid, bytes)], None).await;
    }

    /// Lays one more series whose first file is more than pieces and sockets can hold; gives that file's bytes.
    async fn lay_large(&self, uid: &str, second: &[u8]) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(7);
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(10_000_000).collect();
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
