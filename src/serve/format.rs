//! Lists as bytes: JSON and CSV, in the spelling of each family.
//!
//! XML and HTML are not written yet: who asks for them is answered as one who asks for a format that there is not.

use std::borrow::Cow;
use std::io::{self, Write};

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::outlet::Outlet;
use super::refusal::NOT_ABLE;
use super::request::Request;
use crate::db::ListedRow;
use crate::nbia::dialect::{Column, EmptyList, Family, Kind, Parameter};

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An array of objects.
    Json,
    /// A header and lines.
    Csv,
    /// The same, to be saved under a name.
    CsvDownload,
    /// One that the archive's server does not know: it fails as soon as there is a row.
    Unknown,
}

impl Form {
    /// The form that is asked for.
    ///
    /// Bindaas takes what it does not know for JSON (`GenericSQLQueryHandler.java`); the archive's server has no
    /// quoted CSV for lists of one column (NBIA-TCIA 865725e, `restAPI/v4/getData.java`).
    pub(super) fn asked(request: &Request) -> Self {
        let asked = request.value(Parameter::Format).map(str::to_ascii_uppercase);
        match (request.family, asked.as_deref()) {
            (Family::Bindaas | Family::Nbia, Some("CSV")) => Self::Csv,
            (Family::Bindaas, _) | (Family::Nbia, None | Some("JSON")) => Self::Json,
            (Family::Nbia, Some("CSVQUOTED")) if !has_one_column(request) => Self::Csv,
            (Family::Nbia, Some("CSV-DOWNLOAD")) => Self::CsvDownload,
            (Family::Nbia, Some(_)) => Self::Unknown,
        }
    }

    /// The answer around a list that is not empty.
    pub(super) fn answer(self, request: &Request, list: Body) -> Response {
        let label = match self {
            Self::Json => "application/json",
            Self::Csv if request.family == Family::Bindaas => "application/csv",
            Self::CsvDownload if has_one_column(request) => "application/force-download",
            Self::Csv | Self::CsvDownload => "text/csv",
            Self::Unknown => "text/plain",
        };
        let mut answer = ([(CONTENT_TYPE, HeaderValue::from_static(label))], list).into_response();
        if self == Self::CsvDownload {
            let name = HeaderValue::from_static("attachment; filename=\"SeriesMetaData.csv\"");
            answer.headers_mut().insert(CONTENT_DISPOSITION, name);
        }
        if self == Self::Unknown {
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        answer
    }
}

fn has_one_column(request: &Request) -> bool {
    request.endpoint.columns.len() == 1
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
            self.write(&self.beginning())?;
        }
        let is_first = self.rows == 0;
        self.rows += 1;
        match (self.form, self.request.family) {
            (Form::Json, _) => self.write(&[if is_first { "" } else { "," }, &self.json(row)].concat()),
            (Form::Unknown, _) => Ok(()),
            (_, Family::Bindaas) => self.write(&format!("\n{}", self.fields(row, escaped_field))),
            (_, Family::Nbia) if has_one_column(self.request) => {
                self.write(&format!("{}\n", self.fields(row, str::to_owned)))
            }
            (_, Family::Nbia) => self.write(&format!("{}\n", self.quoted(row))),
        }
    }

    /// Closes the list; one without rows is the empty list of the dialect.
    pub(super) fn end(self) -> io::Result<()> {
        match (self.rows, self.request.endpoint.empty_list) {
            (0, EmptyList::ZeroBytes | EmptyList::NoContent) => return Ok(()),
            (0, EmptyList::Brackets) => self.write(&self.beginning())?,
            _ => {}
        }
        self.write(if self.form == Form::Json { "]" } else { "" })
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut out = self.out;
        out.write_all(text.as_bytes())
    }

    fn beginning(&self) -> String {
        let names: Vec<_> = self.request.endpoint.columns.iter().map(|column| column.name).collect();
        match (self.form, self.request.family) {
            (Form::Json, _) => "[".to_owned(),
            (Form::Unknown, _) => NOT_ABLE.to_owned(),
            (_, Family::Bindaas) => names.join(","),
            (_, Family::Nbia) if names.len() == 1 => format!("{}\n", names.join(",")),
            (_, Family::Nbia) => format!("\"{}\"\n", names.join("\",\"")),
        }
    }

    /// An object with the columns in the order of the table; what is null has no key.
    fn json(&self, row: &ListedRow) -> String {
        let pairs = self.request.endpoint.columns.iter().filter_map(|column| {
            let text = self.text(row, column)?;
            let counts = matches!(column.kind, Kind::Number | Kind::Count) && is_number(&text);
            let value = if counts { text.into_owned() } else { self.json_text(&text) };
            Some(format!("\"{}\":{value}", column.name))
        });
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    }

    /// The archive's server escapes slashes (Jettison), Bindaas does not (Gson).
    fn json_text(&self, text: &str) -> String {
        let quoted = Value::from(text).to_string();
        match self.request.family {
            Family::Bindaas => quoted,
            Family::Nbia => quoted.replace('/', "\\/"),
        }
    }

    /// A line of CSV as the archive's server quotes it; null is an empty field.
    fn quoted(&self, row: &ListedRow) -> String {
        let columns = self.request.endpoint.columns.iter();
        let fields = columns.map(|column| self.text(row, column).unwrap_or_default().replace('"', "\"\""));
        format!("\"{}\"", fields.collect::<Vec<_>>().join("\",\""))
    }

    /// A line of CSV in which null is nothing at all.
    fn fields(&self, row: &ListedRow, write: fn(&str) -> String) -> String {
        let columns = self.request.endpoint.columns.iter();
        let fields =
            columns.map(|column| self.text(row, column).map(|text| write(&text)).unwrap_or_default());
        fields.collect::<Vec<_>>().join(",")
    }

    /// A value as the dialect spells it, `None` when it is null.
    fn text<'row>(&self, row: &'row ListedRow, column: &Column) -> Option<Cow<'row, str>> {
        match row.get(column.keyword)? {
            Value::Null => None,
            Value::String(text) if column.kind == Kind::Date => {
                Some(self.request.endpoint.dates.from_iso(text).into())
            }
            Value::String(text) => Some(text.into()),
            other => Some(other.to_string().into()),
        }
    }
}

/// Whether a text is a number as JSON writes it without an exponent.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

/// A field of Bindaas' CSV: the escapes of ECMAScript in double quotes (commons-lang, `escapeEcmaScript`).
fn escaped_field(text: &str) -> String {
    let mut field = String::from("\"");
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' | '/' => field.extend(['\\', character]),
            '\u{8}' => field.push_str("\\b"),
            '\n' => field.push_str("\\n"),
            '\t' => field.push_str("\\t"),
            '\u{c}' => field.push_str("\\f"),
            '\r' => field.push_str("\\r"),
            ' '..='\u{7f}' => field.push(character),
            _ => {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units);
                field.extend(units.iter().map(|unit| format!("\\u{unit:04X}")));
            }
        }
    }
    field.push('"');
    field
}
