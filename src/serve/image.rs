//! The image endpoints: a series as a ZIP, with or without a licence, an instance as a DICOM file.

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::outlet::Outlet;
use super::pack::{self, Naming, Parcel};
use super::refusal::Refusal;
use super::request::Request;
use super::served::{Fault, ServedMirror};
use crate::db::{Reader, ServedInstance, ServedSeries};
use crate::mirror::{SeriesFiles, SeriesPath, file_name};
use crate::nbia::dialect::{Endpoint, Family, Parameter};

/// Answers getImage and getImageWithMD5Hash.
pub(super) async fn series(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let series_instance_uid = request.required(Parameter::SeriesInstanceUid).to_owned();
    let found = look_up(&mirror, move |mirror, reader| {
        let Some(series) = reader.one_served_series(&series_instance_uid)? else { return Ok(None) };
        let files = open(mirror, &series.path)?;
        Ok(Some((series, files)))
    });
    let answered = match found.await {
        Ok(Some((series, files))) => send_zip(&mirror, &request, series, files).await,
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

async fn send_zip(
    mirror: &ServedMirror,
    request: &Request,
    series: ServedSeries,
    files: SeriesFiles,
) -> Result<Response, Fault> {
    let naming = match request.family() {
        Family::Bindaas => Naming::Blob,
        Family::Nbia if request.says_yes(Parameter::NewFileNames) => Naming::InAcquisition,
        Family::Nbia => Naming::Numbered,
    };
    let uid = series.series_instance_uid.clone();
    let with_md5_hash = request.endpoint.endpoint == Endpoint::ImageWithMd5Hash;
    let has_md5_list = with_md5_hash || request.says_yes(Parameter::IncludeMd5);
    let has_license = request.family() == Family::Nbia && !with_md5_hash;
    let parcel = Parcel { series, files, naming, packed_at: now(), has_license, has_md5_list };
    let inlet = mirror.send_image(uid.clone(), move |outlet| parcel.send(outlet)).await?;
    let zip = inlet.head().await.ok_or(Fault::BrokenOff)?;
    Ok(zip_answer(request.family(), &uid, zip.into_stream()))
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
    let send = move |outlet: Outlet| {
        let write = &mut |piece: &[u8]| (&outlet).write_all(piece);
        pack::copy_instance(&files, &found.path, &found.instance, write)?;
        Ok(outlet.finish()?)
    };
    let inlet = mirror.send_image(name.clone(), send).await?;
    let file = inlet.head().await.ok_or(Fault::BrokenOff)?.into_stream();
    let mut answer = match request.family() {
        // a single file goes out under the type that its name tells Java, which is none (`BlobDownloadPlugin.java`)
        Family::Bindaas => {
            labelled("application/octet-stream", &format!("attachment;filename=\"{name}\""), file)
        }
        Family::Nbia => labelled("application/dicom", &format!("attachment; filename={name}"), file),
    };
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size_bytes));
    Ok(answer)
}

fn labelled(label: &'static str, disposition: &str, body: Body) -> Response {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(label));
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    answer
}

fn refuse(request: &Request, fault: &Fault) -> Response {
    fault.report(request.required(Parameter::SeriesInstanceUid));
    Refusal::Fault.answer(request)
}
