//! One series from literal answers into the staging directory: what is asked for, what is kept, what is proven.

mod bindaas;
mod hostile;
mod limits;
mod repaired;
mod resumed;
mod single_images;
mod too_little;
mod whole;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use md5::{Digest, Md5};
use tcia_mirror::dicom::{Instance, Series};
use tcia_mirror::fetch::{Error, Fetch, How, Options};
use tcia_mirror::mirror::{Expected, Proof, Root, Staging, VerifyError};
use tcia_mirror::nbia::Client;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{nbia_list, nbia_v4, series_uid, text};
use crate::support::dicom_bytes;
use crate::support::java_zip::JavaZip;
use crate::support::raw_server::{Answer, RawServer};

const ZIP: &str =
    "GET /nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.3&NewFileNames=Yes&IncludeMD5=yes HTTP/1.1";
const INSTANCES: &str = "GET /nbia-api/services/v4/getSOPInstanceUIDs?SeriesInstanceUID=1.2.3 HTTP/1.1";
/// The request for the one MD5 over the series.
const HIERARCHY: &str = "POST /nbia-api/services/v4/getMD5Hierarchy HTTP/1.1";
/// Where the series is staged, from the folder around the root.
const STAGING: &str = "root/.tcia-mirror/staging/1.2.3";
const LICENSE: &[u8] = b"License Information. The 4D-Lung collection is distributed under the CC BY 3.0 at https://creativecommons.org/licenses/by/3.0/ By downloading the data, you agree to abide by terms of this license.\n";
const HTML: &[u8] = b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n</html>\r\n";

/// The request line for one instance of the series.
fn single(number: usize) -> String {
    format!(
        "GET /nbia-api/services/v4/getSingleImage?SeriesInstanceUID=1.2.3&SOPInstanceUID=1.2.3.{number} HTTP/1.1"
    )
}

/// An instance of the series `1.2.3`: `1.2.3.` and its number.
fn file(number: usize) -> Vec<u8> {
    file_with(number, b"pixels of the instance with this number ")
}

fn file_with(number: usize, pixels: &[u8]) -> Vec<u8> {
    dicom_bytes::instance("1.2", "1.2.3", &format!("1.2.3.{number}"), &[pixels, &[b'0'; 2]].concat())
}

/// All instances of a series with so many.
fn files(count: usize) -> Vec<Vec<u8>> {
    (1..=count).map(file).collect()
}

/// A ZIP as far as getImage goes without a list of MD5s: the licence and files with new names.
fn zip_of<'a>(files: impl IntoIterator<Item = &'a Vec<u8>>) -> JavaZip {
    let licensed = JavaZip::new().entry("LICENSE", LICENSE);
    files
        .into_iter()
        .zip(1..)
        .fold(licensed, |zip, (file, number)| zip.entry(&format!("1-{number}.dcm"), file))
}

/// The list of MD5s that closes a ZIP: of these files, in an order that is not that of the entries.
fn md5_list<'a>(files: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut lines: Vec<_> = files
        .into_iter()
        .zip(1..)
        .map(|(file, number)| format!("1-{number}.dcm,{}\n", md5_hex(file)))
        .collect();
    lines.reverse();
    format!("Filename,MD5Hash\n{}", lines.concat()).into_bytes()
}

fn md5_hex(bytes: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(Md5::digest(bytes).into()))
}

/// A ZIP as the service streams it, in chunks of odd lengths.
fn zip_answer(zip: &[u8]) -> Answer {
    let head = "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/octet-stream\r\n\
                Content-Disposition: attachment; filename=\"1.2.3.zip\"\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks =
        zip.chunks(97).map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    Answer::literal([head.as_bytes(), &chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n"].concat())
}

fn single_answer(file: &[u8]) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/dicom\r\n\
         Content-Disposition: attachment; filename=1.2.3.4.dcm\r\nContent-Length: {}\r\n\r\n",
        file.len()
    );
    Answer::literal([head.as_bytes(), file].concat())
}

/// What getMD5Hierarchy says of a series with so many instances: the MD5 of their sorted MD5s.
fn hierarchy_answer(count: usize) -> Answer {
    let mut digests: Vec<_> = files(count).iter().map(|file| md5_hex(file)).collect();
    digests.sort();
    text("200 OK", "text/plain", &md5_hex(digests.concat().as_bytes()))
}

/// What getSOPInstanceUIDs says of a series with so many instances.
fn uid_list(count: usize) -> String {
    let rows: Vec<_> =
        (1..=count).map(|number| format!(r#"{{"SOPInstanceUID":"1.2.3.{number}"}}"#)).collect();
    format!("[{}]", rows.join(","))
}

fn instance_list(count: usize) -> Answer {
    nbia_list(&uid_list(count))
}

/// The series as it is listed when it has these files.
fn listed(files: &[Vec<u8>]) -> Series {
    let size: usize = files.iter().map(Vec::len).sum();
    listed_with(serde_json::json!({"ImageCount": files.len(), "FileSize": size}))
}

/// The series as it is listed with these columns and no other.
fn listed_with(mut columns: serde_json::Value) -> Series {
    for (name, value) in [
        ("Collection", "4D-Lung"),
        ("PatientID", "P"),
        ("StudyInstanceUID", "1.2"),
        ("SeriesInstanceUID", "1.2.3"),
    ] {
        columns[name] = value.into();
    }
    serde_json::from_value(columns).expect("the row is typed by hand")
}

/// A mirror with nothing in it.
struct Mirror {
    folder: TempDir,
    root: Root,
}

/// What came of one attempt.
struct Attempt {
    outcome: Result<(Staging, Expected), Error>,
    reported: BTreeSet<String>,
    progress_bytes: u64,
}

impl Mirror {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let root = Root::lock(&folder.path().join("root")).expect("nobody else knows the folder");
        Self { folder, root }
    }

    /// The staging directory of the series with what was recorded of it.
    fn staging(&self, recorded: Vec<Instance>) -> Staging {
        Staging::open(&self.root, &series_uid("1.2.3"), recorded).expect("the folder can be written")
    }

    /// The staging directory with these files in it, as an earlier attempt leaves it.
    fn staging_with(&self, numbers: impl IntoIterator<Item = usize>) -> Staging {
        let mut staging = self.staging(Vec::new());
        for number in numbers {
            let mut incoming = staging.begin().expect("the folder can be written");
            incoming.write(&file(number)).expect("the folder can be written");
            staging
                .keep(incoming, super::sop_uid(&format!("1.2.3.{number}")))
                .expect("each number comes once");
        }
        staging
    }

    /// Every file below the folder of the mirror and its root, by its path from there, but not the lock.
    fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        collect_files(self.folder.path(), &mut files);
        let inside = |path: &PathBuf| {
            path.strip_prefix(self.folder.path()).ok().map(|path| path.display().to_string())
        };
        files.iter().filter_map(inside).filter(|path| path != "root/.tcia-mirror/lock").collect()
    }

    /// Spoils a staged file, as a failing disk does.
    fn damage(&self, name: &str) {
        let path = self.folder.path().join(STAGING).join(name);
        let mut file = fs::File::options().append(true).open(path).expect("the file is staged");
        file.write_all(b"!").expect("the file can be written");
    }

    /// What is staged under a name.
    fn staged_file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(STAGING).join(name)).expect("the file is staged")
    }
}

fn collect_files(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            collect_files(&path, files);
        } else {
            files.insert(path);
        }
    }
}

/// The paths of these instances in the staging directory, besides nothing.
fn staged(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("{STAGING}/1.2.3.{number}.dcm")).collect()
}

/// The same with the licence.
fn staged_with_license(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    let mut paths = staged(numbers);
    paths.insert(format!("{STAGING}/LICENSE"));
    paths
}

/// Fetches a series for the first time, in the usual way, from a server of v4.
async fn fetch(mirror: &Mirror, server: &RawServer, series: &Series) -> Attempt {
    attempt(mirror.staging(Vec::new()), nbia_v4(server), Options::default(), series, 0).await
}

/// Fetches it in another way.
async fn fetch_by(how: How, mirror: &Mirror, server: &RawServer, series: &Series) -> Attempt {
    let options = Options { how, ..Options::default() };
    attempt(mirror.staging(Vec::new()), nbia_v4(server), options, series, 0).await
}

/// A series that is asked for in a way of its own, or not for the first time.
async fn attempt(
    staging: Staging,
    client: Client,
    options: Options,
    series: &Series,
    attempts_before: u32,
) -> Attempt {
    let (sender, mut reports) = mpsc::channel(1);
    let progress = Arc::new(AtomicU64::new(0));
    let fetch = Fetch { client: Arc::new(client), options, staged: sender, progress: Arc::clone(&progress) };
    let fetched = async move { fetch.series(staging, series, attempts_before).await };
    let reported = async {
        let mut reported = BTreeSet::new();
        while let Some(instance) = reports.recv().await {
            reported.insert(instance.sop_instance_uid.to_string());
        }
        reported
    };
    let (outcome, reported) = tokio::join!(fetched, reported);
    Attempt { outcome, reported, progress_bytes: progress.load(Ordering::Relaxed) }
}

impl Attempt {
    /// The verdict over a series that the fetch believes to be whole.
    fn verdict(self) -> Result<Proof, VerifyError> {
        let (staging, expected) = self.outcome.expect("the fetch came to its end");
        staging.finish().verify(&expected).map(|verified| verified.proof())
    }

    /// What a whole series was proven by.
    fn proof(self) -> String {
        self.verdict().expect("the series is whole").to_string()
    }

    /// Why the fetch gave up.
    fn error(self) -> Error {
        self.outcome.err().expect("the series is not whole")
    }
}

/// The request lines behind the first ones, sorted: instances come several at once.
fn sorted_lines_after(server: &RawServer, first: &[&str]) -> Vec<String> {
    let mut lines = server.request_lines();
    assert_eq!(lines[..first.len().min(lines.len())], *first);
    let mut rest = lines.split_off(first.len());
    // it can only be compared when everything is there
    rest.pop_if(|line| line == HIERARCHY);
    rest.sort_unstable();
    rest
}
