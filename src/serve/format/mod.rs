//! Lists as bytes, in every format of each family.
//!
//! Each file owns the spelling of one format; this one chooses between them and labels what they write.

mod csv;
mod json;
mod markup;
mod value;

use std::io::{self, Write};

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

pub use value::{six_decimals, values};

use super::outlet::Outlet;
use super::refusal::NOT_ABLE;
use super::request::Request;
use crate::db::ListedRow;
use crate::nbia::dialect::{EmptyList, EndpointDescription, Family, Parameter};

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An array of objects.
    Json,
    /// A header and lines.
    Csv,
    /// The same, to be saved under a name.
    CsvDownload,
    /// Rows of elements that are named after the columns.
    Xml,
    /// A table for people.
    Html,
    /// One that the archive's server does not know: it fails as soon as there is a row.
    Unknown,
}

impl Form {
    /// The form that is asked for.
    ///
    /// Bindaas takes what it does not know for JSON (`GenericSQLQueryHandler.java`); the archive's server has no
    /// quoted CSV for lists of one column (NBIA-TCIA 865725e, `restAPI/v4/getData.java`), and sends a file of CSV
    /// where it is not asked for anything else (`V4_getSeriesMetadata.java`).
    pub(super) fn asked(request: &Request) -> Self {
        let endpoint = request.endpoint;
        let asked = request.value(Parameter::Format).map(str::to_ascii_uppercase);
        match (request.family(), asked.as_deref()) {
            (Family::Nbia, None | Some("CSV")) if endpoint.asks_for_format => Self::CsvDownload,
            (_, Some("CSV")) => Self::Csv,
            (_, Some("XML")) => Self::Xml,
            (_, Some("HTML")) => Self::Html,
            (Family::Bindaas, _) | (Family::Nbia, None | Some("JSON")) => Self::Json,
            (Family::Nbia, Some("CSVQUOTED")) if !has_one_column(endpoint) => Self::Csv,
            (Family::Nbia, Some("CSV-DOWNLOAD")) => Self::CsvDownload,
            (Family::Nbia, Some(_)) => Self::Unknown,
        }
    }

    /// The answer around a list that is not empty.
    pub(super) fn answer(self, request: &Request, list: Body) -> Response {
        let label = HeaderValue::from_static(self.label(request));
        let mut answer = ([(CONTENT_TYPE, label)], list).into_response();
        if self == Self::CsvDownload {
            let name = HeaderValue::from_static("attachment; filename=\"SeriesMetaData.csv\"");
            answer.headers_mut().insert(CONTENT_DISPOSITION, name);
        }
        if self == Self::Unknown {
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        answer
    }

    fn label(self, request: &Request) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv if request.family() == Family::Bindaas => "application/csv",
            Self::CsvDownload if has_one_column(request.endpoint) => "application/force-download",
            Self::Csv | Self::CsvDownload => "text/csv",
            Self::Xml => "application/xml",
            Self::Html => "text/html",
            Self::Unknown => "text/plain",
        }
    }

    /// What stands before the first row.
    fn beginning(self, request: &Request) -> String {
        match self {
            Self::Json => "[".to_owned(),
            Self::Csv | Self::CsvDownload => csv::header(request),
            Self::Xml => markup::xml_beginning(request.family()).to_owned(),
            Self::Html => markup::html_beginning(request),
            Self::Unknown => NOT_ABLE.to_owned(),
        }
    }

    fn row(self, request: &Request, row: &ListedRow) -> String {
        match self {
            Self::Json => json::object(request.endpoint, row),
            Self::Csv | Self::CsvDownload => csv::line(request, row),
            Self::Xml => markup::xml_row(request, row),
            Self::Html => markup::html_row(request, row),
            Self::Unknown => String::new(),
        }
    }

    /// What stands between two rows.
    fn between(self) -> &'static str {
        if self == Self::Json { "," } else { "" }
    }

    /// What stands behind the last row.
    fn end(self, request: &Request) -> &'static str {
        match self {
            Self::Json => "]",
            Self::Csv | Self::CsvDownload | Self::Unknown => "",
            Self::Xml => "</Results>",
            Self::Html => markup::html_end(request.family()),
        }
    }
}

fn has_one_column(endpoint: &EndpointDescription) -> bool {
    endpoint.columns.len() == 1
}

/// Writes one list, row by row.
pub(super) struct ListWriter<'a> {
    request: &'a Request,
    form: Form,
    out: &'a Outlet,
    rows: u64,
}

impl<'a> ListWriter<'a> {
    pub(super) fn new(request: &'a Request, out: &'a Outlet) -> Self {
        Self { request, form: Form::asked(request), out, rows: 0 }
    }

    /// How many rows were written so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether another row would change the answer.
    pub(super) fn takes_more(&self) -> bool {
        self.form != Form::Unknown
    }

    pub(super) fn row(&mut self, row: &ListedRow) -> io::Result<()> {
        if self.rows == 0 {
            self.write(&self.form.beginning(self.request))?;
        } else {
            self.write(self.form.between())?;
        }
        self.rows += 1;
        self.write(&self.form.row(self.request, row))
    }

    /// Closes the list; one without rows is the empty list of the dialect.
    pub(super) fn end(self) -> io::Result<()> {
        match (self.rows, self.request.endpoint.empty_list) {
            (0, EmptyList::ZeroBytes | EmptyList::NoContent) => return Ok(()),
            (0, EmptyList::Brackets) => self.write(&self.form.beginning(self.request))?,
            _ => {}
        }
        self.write(self.form.end(self.request))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut out = self.out;
        out.write_all(text.as_bytes())
    }
}
