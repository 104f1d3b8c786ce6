//! The list endpoints: rows go from the record into the body as they are read.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;

use super::format::{Form, ListWriter};
use super::outlet::{Head, Outlet};
use super::refusal::Refusal;
use super::request::Request;
use super::served::{Fault, ServedMirror};
use crate::db::{self, EachRow, ListedRow, Reader};
use crate::nbia::dialect::{Endpoint, Family, Parameter};

/// Answers a list endpoint.
///
/// A list that breaks off in the middle cuts the connection; unlike the archive's server, which then sends an empty
/// list, a fault is never told as if there were nothing.
pub(super) async fn list(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let request = Arc::new(request);
    let (outlet, inlet) = mirror.outlet();
    let asked = Arc::clone(&request);
    let reading = mirror.read(move |_, reader| {
        write_list(reader, &asked, outlet).inspect_err(|fault| fault.report(asked.endpoint.name))
    });
    if let Err(fault) = reading.await.map(drop) {
        fault.report(request.endpoint.name);
        return Refusal::Fault.answer(&request);
    }
    match inlet.head().await {
        None => Refusal::Fault.answer(&request),
        // neither a byte nor a label, in whatever format
        Some(Head::Whole(list)) if list.is_empty() => Response::new(Body::empty()),
        Some(Head::Whole(list)) => Form::asked(&request).answer(&request, list.into()),
        Some(Head::Long(list)) => Form::asked(&request).answer(&request, list),
    }
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
    match request.endpoint.endpoint {
        Endpoint::CollectionValues => reader.served_collections(each),
        Endpoint::Patient | Endpoint::NewPatients => reader.served_patients(&filter, each),
        Endpoint::PatientStudy | Endpoint::NewStudies => reader.served_studies(&filter, each),
        Endpoint::Series => reader.served_series(&filter, each),
        Endpoint::SeriesSize => reader.served_size(series, each),
        Endpoint::SopInstanceUids => reader.served_instances(series, each),
        _ => Ok(()), // no lists
    }
}

/// Whether the answer is a sum, which has its one row even over nothing: a row of nulls
/// (`pamelarussell/TCIApathfinder` 3b73302, `test_get_series_size.R`).
fn sums_up_nothing(request: &Request) -> bool {
    request.family == Family::Bindaas && request.endpoint.endpoint == Endpoint::SeriesSize
}
