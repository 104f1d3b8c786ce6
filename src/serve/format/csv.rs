//! Rows as CSV: quoted by the archive's server, escaped by Bindaas.

use super::has_one_column;
use super::value::values;
use crate::db::ListedRow;
use crate::nbia::dialect::Family;
use crate::serve::request::Request;

pub(super) fn header(request: &Request) -> String {
    let names: Vec<_> = request.endpoint.columns.iter().map(|column| column.name).collect();
    match request.family() {
        Family::Bindaas => names.join(","),
        Family::Nbia if has_one_column(request.endpoint) => format!("{}\n", names.join(",")),
        Family::Nbia => format!("\"{}\"\n", names.join("\",\"")),
    }
}

pub(super) fn line(request: &Request, row: &ListedRow) -> String {
    match request.family() {
        Family::Bindaas => format!("\n{}", escaped(request, row)),
        Family::Nbia if has_one_column(request.endpoint) => bare(request, row),
        Family::Nbia => quoted(request, row),
    }
}

/// The value of a list of one column as it is, or, where it is null, a line too much
/// (NBIA-TCIA 865725e, `FormatOutput.java`).
fn bare(request: &Request, row: &ListedRow) -> String {
    let mut values = values(request.endpoint, row).filter_map(|(_, text)| text);
    values.next().map_or_else(|| "\n\n".to_owned(), |text| format!("{text}\n"))
}

/// A line in which null is an empty field; as the first one it has no opening quote (`FormatOutput.java`).
fn quoted(request: &Request, row: &ListedRow) -> String {
    let mut line = String::new();
    for (number, (_, text)) in values(request.endpoint, row).enumerate() {
        line.push_str(if number == 0 && text.is_some() { "\"" } else { "\",\"" });
        line.push_str(&text.unwrap_or_default().replace('"', "\"\""));
    }
    line.push_str("\"\n");
    line
}

/// A line in which null is nothing at all.
fn escaped(request: &Request, row: &ListedRow) -> String {
    let fields = values(request.endpoint, row).map(|(_, text)| text.map(|text| escaped_field(&text)));
    fields.map(Option::unwrap_or_default).collect::<Vec<_>>().join(",")
}

/// The escapes of ECMAScript in double quotes (commons-lang, `escapeEcmaScript`).
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
