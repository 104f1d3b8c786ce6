//! The list endpoints: rows go from the record into the body as they are read.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;

use super::format::{Form, ListWriter};
use super::outlet::{Head, Outlet};
use super::refusal::Refusal;
use super::request::Request;
use super::served::{Fault, ServedMirror};
use crate::db::{self, Capitals, EachRow, ListedRow, Reader, ServedFilter, ValuesOf};
use crate::nbia::dialect::{Dialect, EmptyList, Endpoint, Family, Parameter};

/// Answers a list endpoint.
///
/// A list that breaks off in the middle cuts the connection; unlike the archive's server, which then sends an empty
/// list, a fault is never told as if there were nothing.
pub(super) async fn list(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let name = request.endpoint.name;
    let inlet = match mirror.send_list(name, move |reader, outlet| write_list(reader, &asked, outlet)).await {
        Ok(inlet) => inlet,
        Err(fault) => {
            fault.report(name);
            return Refusal::Fault.answer(&request);
        }
    };
    match inlet.head().await {
        None => Refusal::Fault.answer(&request),
        Some(Head::Whole(list)) if list.is_empty() => nothing(request.endpoint.empty_list),
        Some(Head::Whole(list)) => Form::asked(&request).answer(&request, list.into()),
        Some(Head::Long(list)) => Form::asked(&request).answer(&request, list),
    }
}

/// Neither a byte nor a label, in whatever format.
fn nothing(empty_list: EmptyList) -> Response {
    let mut answer = Response::new(Body::empty());
    if empty_list == EmptyList::NoContent {
        *answer.status_mut() = StatusCode::NO_CONTENT;
    }
    answer
}

fn write_list(reader: &Reader, request: &Request, outlet: Outlet) -> Result<(), Fault> {
    let mut writer = ListWriter::new(request, &outlet);
    let mut written = Ok(());
    each_row(reader, request, &mut |row| {
        written = writer.row(&row);
        if written.is_ok() && writer.takes_more() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    written?;
    if writer.rows() == 0 && sums_up_nothing(request) {
        writer.row(&ListedRow::new())?;
    }
    writer.end()?;
    Ok(outlet.finish()?)
}

fn each_row(reader: &Reader, request: &Request, each: EachRow<'_>) -> Result<(), db::Error> {
    let Some(filter) = request.filter() else { return Ok(()) };
    let series = request.value(Parameter::SeriesInstanceUid).unwrap_or_default();
    let endpoint = request.endpoint.endpoint;
    match endpoint {
        Endpoint::CollectionValues => reader.served_collections(each),
        Endpoint::Patient | Endpoint::NewPatients => reader.served_patients(&filter, each),
        Endpoint::PatientsByModality => reader.served_patient_ids(&filter, each),
        Endpoint::PatientStudy | Endpoint::NewStudies => reader.served_studies(&filter, each),
        Endpoint::Series | Endpoint::UpdatedSeries => reader.served_series(&filter, each),
        Endpoint::SeriesSize => reader.served_size(series, each),
        Endpoint::SopInstanceUids => reader.served_instances(series, each),
        Endpoint::SeriesMetadata => reader.served_metadata(&request.series_list(), each),
        Endpoint::CollectionDescriptions => reader.served_descriptions(&filter, each),
        Endpoint::ModalityValues | Endpoint::BodyPartValues | Endpoint::ManufacturerValues => {
            each_value(reader, request, &filter, each)
        }
        Endpoint::CollectionCounts
        | Endpoint::ModalityCounts
        | Endpoint::BodyPartCounts
        | Endpoint::ManufacturerCounts
        | Endpoint::SpeciesCounts => each_count(reader, request, &filter, each),
        // nobody has shared a list with a mirror, and the others are no lists
        Endpoint::SharedList
        | Endpoint::Image
        | Endpoint::ImageWithMd5Hash
        | Endpoint::SingleImage
        | Endpoint::Md5Hierarchy
        | Endpoint::ImageMd5 => Ok(()),
    }
}

fn each_value(
    reader: &Reader,
    request: &Request,
    filter: &ServedFilter,
    each: EachRow<'_>,
) -> Result<(), db::Error> {
    let of = values_of(request.endpoint.endpoint);
    reader.served_values(of, capitals(request, of), filter, each)
}

fn each_count(
    reader: &Reader,
    request: &Request,
    filter: &ServedFilter,
    each: EachRow<'_>,
) -> Result<(), db::Error> {
    let of = values_of(request.endpoint.endpoint);
    reader.served_value_counts(of, capitals(request, of), filter, each)
}

fn values_of(endpoint: Endpoint) -> ValuesOf {
    match endpoint {
        Endpoint::ModalityValues | Endpoint::ModalityCounts => ValuesOf::Modality,
        Endpoint::BodyPartValues | Endpoint::BodyPartCounts => ValuesOf::BodyPartExamined,
        Endpoint::ManufacturerValues | Endpoint::ManufacturerCounts => ValuesOf::Manufacturer,
        Endpoint::SpeciesCounts => ValuesOf::SpeciesDescription,
        _ => ValuesOf::Collection,
    }
}

/// The archive's own server has body parts in capitals, and version 4 manufacturers as well
/// (NBIA-TCIA 865725e, `GeneralSeriesDAOImpl.java`).
fn capitals(request: &Request, of: ValuesOf) -> Capitals {
    match (request.dialect, of) {
        (Dialect::NbiaV1 | Dialect::NbiaV2 | Dialect::NbiaV4, ValuesOf::BodyPartExamined)
        | (Dialect::NbiaV4, ValuesOf::Manufacturer) => Capitals::Only,
        _ => Capitals::AsListed,
    }
}

/// Whether the answer is a sum, which has its one row even over nothing: a row of nulls
/// (`pamelarussell/TCIApathfinder` 3b73302, `test_get_series_size.R`; NBIA-TCIA 865725e, `GeneralSeriesDAOImpl.java`).
fn sums_up_nothing(request: &Request) -> bool {
    let sums_up_anything = request.family() == Family::Bindaas || request.is_of_first_server();
    sums_up_anything && request.endpoint.endpoint == Endpoint::SeriesSize
}
