//! The rows of a list on paper: a table, JSON, CSV, XML or HTML of our own, with the service's names and values.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use quick_xml::escape::escape;
use serde_json::value::RawValue;

use super::super::arguments::QueryFormat;
use super::super::csv_line::csv_line;
use super::super::paper::Paper;
use super::super::print;
use crate::nbia::dialect::EndpointDescription;

/// Most rows of a table, whose widths wait for the last of them; more is nothing that anyone reads.
const TABLE_ROWS: u64 = 10_000;

/// A row as the service sent it.
pub(super) type Row = BTreeMap<String, Box<RawValue>>;

/// A list that is written while it arrives; only a table waits for all of it.
pub(super) struct Sheet {
    form: Form,
    columns: Vec<String>,
    /// Columns that a later row brought, for which there is no place any more.
    late: BTreeSet<String>,
    paper: Paper,
    rows: u64,
}

enum Form {
    Table(Box<Table>),
    /// One array.
    Json,
    /// One object on a line.
    JsonLines,
    Csv,
    Xml,
    Html,
}

impl Sheet {
    pub(super) fn begin(
        format: QueryFormat,
        json_lines: bool,
        endpoint: &EndpointDescription,
        paper: Paper,
    ) -> Self {
        let form = match format {
            _ if json_lines => Form::JsonLines,
            QueryFormat::Json => Form::Json,
            QueryFormat::Csv => Form::Csv,
            QueryFormat::Xml => Form::Xml,
            QueryFormat::Html => Form::Html,
            QueryFormat::Table | QueryFormat::Raw => Form::Table(Box::new(Table::new())),
        };
        let columns = endpoint.columns.iter().map(|column| column.name.to_owned()).collect();
        Self { form, columns, late: BTreeSet::new(), paper, rows: 0 }
    }

    /// Writes one row. The first one says which columns there are beside the documented ones.
    pub(super) fn add(&mut self, row: &Row) -> anyhow::Result<()> {
        if self.rows == 0 {
            let unknown = row.keys().filter(|name| !self.columns.contains(name)).cloned().collect::<Vec<_>>();
            self.columns.extend(unknown);
            self.head()?;
        }
        let is_first = self.rows == 0;
        self.rows += 1;
        if self.is_cut() {
            return Ok(());
        }
        self.late.extend(row.keys().filter(|name| !self.columns.contains(name)).cloned());
        let fields = || self.columns.iter().map(|name| text_of(value(row, name))).collect::<Vec<_>>();
        let line = match &mut self.form {
            Form::Table(table) => {
                table.add_row(fields().iter().map(|field| print::plain(field)));
                return Ok(());
            }
            Form::Json => format!("{}{}", if is_first { "\n" } else { ",\n" }, serde_json::to_string(row)?),
            Form::JsonLines => format!("{}\n", serde_json::to_string(row)?),
            Form::Csv => csv_line(&fields())?,
            Form::Xml => xml_row(&self.columns, row),
            Form::Html => html_row("td", &fields()),
        };
        self.paper.put(line.as_bytes())
    }

    /// Whether there are more rows than a table shows.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self.form, Form::Table(_)) && self.rows > TABLE_ROWS
    }

    /// Ends the list and gives the paper back.
    pub(super) fn end(mut self) -> anyhow::Result<Paper> {
        if self.rows == 0 {
            self.head()?;
        }
        let end = match &self.form {
            Form::Table(table) if self.rows > 0 => format!("{table}\n"),
            Form::Table(_) | Form::JsonLines | Form::Csv => String::new(),
            Form::Json => "\n]\n".to_owned(),
            Form::Xml => "</Results>\n".to_owned(),
            Form::Html => "</table>\n".to_owned(),
        };
        self.paper.put(end.as_bytes())?;
        if self.is_cut() {
            print::talk(&format!(
                "only the first {TABLE_ROWS} rows are shown: --format csv and --format json print all"
            ));
        }
        if !self.late.is_empty() && !matches!(self.form, Form::Json | Form::JsonLines) {
            let late: Vec<_> = self.late.iter().map(|name| print::plain(name)).collect();
            let late = late.join(", ");
            print::talk(&format!("warning: only later rows have {late}: left out, --format json shows them"));
        }
        Ok(self.paper)
    }

    fn head(&mut self) -> anyhow::Result<()> {
        let head = match &mut self.form {
            Form::Table(table) => {
                table.load_style(NOTHING);
                table.set_header(self.columns.iter().map(|name| print::plain(name)));
                return Ok(());
            }
            Form::JsonLines => return Ok(()),
            Form::Json => "[".to_owned(),
            Form::Csv => csv_line(&self.columns)?,
            Form::Xml => "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Results>\n".to_owned(),
            Form::Html => format!(
                "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<table>\n{}",
                html_row("th", &self.columns)
            ),
        };
        self.paper.put(head.as_bytes())
    }
}

/// A value that is there.
fn value<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name).map(|value| value.get()).filter(|value| *value != "null")
}

/// Numbers have the digits that were sent.
fn text_of(value: Option<&str>) -> String {
    match value {
        None => String::new(),
        Some(sent) => serde_json::from_str(sent).unwrap_or_else(|_| sent.to_owned()),
    }
}

/// Columns stand in an attribute: not every name of the service may name an element.
fn xml_row(columns: &[String], row: &Row) -> String {
    let present = columns.iter().filter_map(|name| Some((name, value(row, name)?)));
    let values = present.map(|(name, value)| {
        let text = text_of(Some(value)).replace(is_not_xml, "\u{FFFD}");
        format!("<Value column=\"{}\">{}</Value>", escape(name.replace(is_not_xml, "\u{FFFD}")), escape(text))
    });
    format!("<Row>{}</Row>\n", values.collect::<String>())
}

/// Characters that no XML may hold, not even escaped.
fn is_not_xml(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn html_row(cell: &str, fields: &[String]) -> String {
    let cells = fields.iter().map(|field| format!("<{cell}>{}</{cell}>", escape(field.as_str())));
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}
