//! The image endpoints: a series as a ZIP, with or without a licence, an instance as a DICOM file.

use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::outlet::Outlet;
use super::pack::{self, Naming, Parcel};
use super::partial::Part;
use super::refusal::Refusal;
use super::request::Request;
use super::served::{Fault, ServedMirror};
use crate::db::{Reader, ServedInstance, ServedSeries};
use crate::mirror::{SeriesFiles, SeriesPath, file_name};
use crate::nbia::dialect::{Endpoint, Family, Parameter};

/// Answers getImage and getImageWithMD5Hash.
pub(super) async fn series(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let series_instance_uid = request.required(Parameter::SeriesInstanceUid).to_owned();
    let has_license =
        request.family() == Family::Nbia && request.endpoint.endpoint != Endpoint::ImageWithMd5Hash;
    let found = look_up(&mirror, move |mirror, reader| {
        let Some(series) = reader.one_served_series(&series_instance_uid)? else { return Ok(None) };
        let files = open(mirror, &series.path)?;
        let license = if has_license { read_license(&series, &files)? } else { None };
        Ok(Some((series, files, license)))
    });
    let answered = match found.await {
        Ok(Some((series, files, license))) => send_zip(&mirror, &request, series, files, license).await,
        Ok(None) if request.family() == Family::Bindaas => empty_zip(),
        Ok(None) => return Refusal::NoSuchSeries.answer(&request),
        Err(fault) => Err(fault),
    };
    answered.unwrap_or_else(|fault| refuse(&request, &fault))
}

/// Answers getSingleImage.
pub(super) async fn single(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let series_instance_uid = request.required(Parameter::SeriesInstanceUid).to_owned();
    let sop_instance_uid = request.required(Parameter::SopInstanceUid).to_owned();
    let found = look_up(&mirror, move |mirror, reader| {
        let found = reader.one_served_instance(&series_instance_uid, &sop_instance_uid)?;
        let Some(found) = found else { return Ok(None) };
        let files = open(mirror, &found.path)?;
        check_size(&files, &found)?;
        Ok(Some((found, files)))
    });
    let answered = match found.await {
        Ok(Some((found, files))) => send_file(&mirror, &request, found, files).await,
        Ok(None) => return Refusal::NoSuchInstance.answer(&request),
        Err(fault) => Err(fault),
    };
    answered.unwrap_or_else(|fault| refuse(&request, &fault))
}

async fn look_up<T: Send + 'static>(
    mirror: &Arc<ServedMirror>,
    look: impl FnOnce(&ServedMirror, &Reader) -> Result<Option<T>, Fault> + Send + 'static,
) -> Result<Option<T>, Fault> {
    Arc::clone(mirror).read(look).await
}

fn open(mirror: &ServedMirror, path: &str) -> Result<SeriesFiles, Fault> {
    let series_path = SeriesPath::recorded(path).ok_or_else(|| Fault::Damaged { path: path.to_owned() })?;
    let opened = mirror.root().open_series(&series_path);
    opened.map_err(|source| Fault::Tree { path: path.to_owned(), source })
}

/// What can be known of a file before its length is promised.
fn check_size(files: &SeriesFiles, found: &ServedInstance) -> Result<(), Fault> {
    let uid = &found.instance.sop_instance_uid;
    let path = || format!("{}/{}", found.path, file_name(uid));
    let length = files.instance(uid).and_then(|file| Ok(file.metadata()?.len()));
    match length.map_err(|source| Fault::Tree { path: path(), source })? {
        length if length == found.instance.size_bytes => Ok(()),
        _ => Err(Fault::Damaged { path: path() }),
    }
}

fn read_license(series: &ServedSeries, files: &SeriesFiles) -> Result<Option<Vec<u8>>, Fault> {
    if series.license_sha256.is_none() {
        return Ok(None);
    }
    let mut text = Vec::new();
    let read = files.license().and_then(|mut file| file.read_to_end(&mut text));
    read.map_err(|source| Fault::Tree { path: format!("{}/LICENSE", series.path), source })?;
    Ok(Some(text))
}

async fn send_zip(
    mirror: &ServedMirror,
    request: &Request,
    series: ServedSeries,
    files: SeriesFiles,
    license: Option<Vec<u8>>,
) -> Result<Response, Fault> {
    let naming = match request.family() {
        Family::Bindaas => Naming::Blob,
        Family::Nbia if request.says_yes(Parameter::NewFileNames) => Naming::InAcquisition,
        Family::Nbia => Naming::Numbered,
    };
    let uid = series.series_instance_uid.clone();
    let with_md5_hash = request.endpoint.endpoint == Endpoint::ImageWithMd5Hash;
    let has_md5_list = with_md5_hash || request.says_yes(Parameter::IncludeMd5);
    let parcel = Parcel { series, files, naming, packed_at: now(), license, has_md5_list };
    let packing = mirror.packing();
    let length = parcel.length(packing);
    let inlet = mirror.send_image(uid.clone(), move |outlet| parcel.send(packing, outlet)).await?;
    let zip = inlet.head().await.ok_or(Fault::BrokenOff)?;
    let mut answer = zip_answer(request.family(), &uid, zip.into_stream());
    if let Some(length) = length {
        answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(answer)
}

/// The ZIP of a series, or of none: what Bindaas finds no files for is a ZIP without files
/// (`BlobDownloadPlugin.java`).
fn empty_zip() -> Result<Response, Fault> {
    Ok(zip_answer(Family::Bindaas, "", pack::without_files(now())?.into()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge of this module: entries of a ZIP are as old as the answer"
)]
fn now() -> civil::DateTime {
    TimeZone::UTC.to_datetime(Timestamp::now())
}

fn zip_answer(family: Family, series_instance_uid: &str, body: Body) -> Response {
    match family {
        Family::Bindaas => {
            labelled("application/zip", "attachment;filename=\"bindaas-blob-download.zip\"", body)
        }
        Family::Nbia => {
            let disposition = format!("attachment; filename=\"{series_instance_uid}.zip\"");
            labelled("application/octet-stream", &disposition, body)
        }
    }
}

async fn send_file(
    mirror: &ServedMirror,
    request: &Request,
    found: ServedInstance,
    files: SeriesFiles,
) -> Result<Response, Fault> {
    let (name, size_bytes) = (file_name(&found.instance.sop_instance_uid), found.instance.size_bytes);
    let tag = entity_tag(&found.instance.sha256);
    let part = request.conditions.part(&tag, size_bytes);
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, None),
        Part::Range(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Part::Nothing => return Ok(tagged(StatusCode::NOT_MODIFIED, &tag, Body::empty())),
        Part::Beyond => return Ok(beyond(&tag, size_bytes)),
    };
    let (length, bytes) = match &range {
        None => (size_bytes, None),
        Some(range) => {
            let bytes = format!("bytes {}-{}/{size_bytes}", range.start(), range.end());
            (range.end() - range.start() + 1, Some(bytes))
        }
    };
    let send = move |outlet: Outlet| {
        let mut out = Window { out: &outlet, passed: 0, range };
        pack::copy_instance(&files, &found.path, &found.instance, &mut |piece| out.give(piece))?;
        Ok(outlet.finish()?)
    };
    let inlet = mirror.send_image(name.clone(), send).await?;
    let file = inlet.head().await.ok_or(Fault::BrokenOff)?.into_stream();
    let mut answer = tagged(status, &tag, file);
    let headers = answer.headers_mut();
    let (label, disposition) = match request.family() {
        // a single file goes out under the type that its name tells Java, which is none (`BlobDownloadPlugin.java`)
        Family::Bindaas => ("application/octet-stream", format!("attachment;filename=\"{name}\"")),
        Family::Nbia => ("application/dicom", format!("attachment; filename={name}")),
    };
    label_as(headers, label, &disposition);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.extend(bytes.and_then(|bytes| Some((CONTENT_RANGE, HeaderValue::try_from(bytes).ok()?))));
    Ok(answer)
}

/// The name of exactly these bytes.
fn entity_tag(sha256: &[u8; 32]) -> String {
    let hex: String = sha256.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect();
    format!("\"{hex}\"")
}

fn hex_digit(half: u8) -> char {
    char::from_digit(u32::from(half), 16).unwrap_or('0')
}

fn tagged(status: StatusCode, tag: &str, body: Body) -> Response {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().extend(HeaderValue::try_from(tag).ok().map(|tag| (ETAG, tag)));
    answer
}

fn beyond(tag: &str, size_bytes: u64) -> Response {
    let mut answer = tagged(StatusCode::RANGE_NOT_SATISFIABLE, tag, Body::empty());
    let size = HeaderValue::try_from(format!("bytes */{size_bytes}")).ok();
    answer.headers_mut().extend(size.map(|size| (CONTENT_RANGE, size)));
    answer
}

/// Lets a range of what is written pass.
struct Window<'a> {
    out: &'a Outlet,
    passed: u64,
    range: Option<RangeInclusive<u64>>,
}

impl Window<'_> {
    fn give(&mut self, piece: Bytes) -> io::Result<()> {
        let begins = self.passed;
        self.passed += piece.len() as u64;
        let Some(range) = &self.range else { return self.out.give(piece) };
        let inside =
            |at: u64| usize::try_from(at.saturating_sub(begins)).unwrap_or(usize::MAX).min(piece.len());
        self.out.give(piece.slice(inside(*range.start())..inside(range.end() + 1)))
    }
}

fn labelled(label: &'static str, disposition: &str, body: Body) -> Response {
    let mut answer = Response::new(body);
    label_as(answer.headers_mut(), label, disposition);
    answer
}

fn label_as(headers: &mut HeaderMap, label: &'static str, disposition: &str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(label));
    headers.extend(HeaderValue::try_from(disposition).ok().map(|text| (CONTENT_DISPOSITION, text)));
}

fn refuse(request: &Request, fault: &Fault) -> Response {
    fault.report(request.required(Parameter::SeriesInstanceUid));
    Refusal::Fault.answer(request)
}
