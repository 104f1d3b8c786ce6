//! Rows as JSON, in the manner of the library that each server writes it with.

use serde_json::Value;

use super::value::{is_number, values};
use crate::db::ListedRow;
use crate::nbia::dialect::{Column, EndpointDescription, JsonStyle, Kind};

/// An object with the columns in the order of the table.
pub(super) fn object(endpoint: &'static EndpointDescription, row: &ListedRow) -> String {
    let pairs = values(endpoint, row).filter_map(|(column, text)| {
        let value = match text {
            Some(text) => literal(endpoint, column, &text),
            None if endpoint.json == JsonStyle::Jackson => "null".to_owned(),
            None => return None,
        };
        Some(format!("{}:{value}", quoted(endpoint.json, column.name)))
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

fn literal(endpoint: &EndpointDescription, column: &Column, text: &str) -> String {
    let is_bare = match column.kind {
        Kind::Number | Kind::Count => is_number(text) && !endpoint.has_only_texts,
        Kind::Flag => matches!(text, "true" | "false"),
        Kind::Text | Kind::Date => false,
    };
    if is_bare { text.to_owned() } else { quoted(endpoint.json, text) }
}

fn quoted(style: JsonStyle, text: &str) -> String {
    let quoted = Value::from(text).to_string();
    match style {
        JsonStyle::Jettison => quoted.replace('/', "\\/"),
        JsonStyle::Gson | JsonStyle::Jackson => quoted,
    }
}
