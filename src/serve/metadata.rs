//! `…/metadata`: what Bindaas tells of an endpoint itself.
//!
//! The archive's own texts are not known, nor their form; these are made from the table of dialects.

use serde_json::{Value, json};

use crate::nbia::dialect::{Answer, EndpointDescription, Kind};

/// The description of an endpoint.
pub(super) fn description(endpoint: &EndpointDescription) -> Value {
    let parameters = endpoint.parameters.iter().map(|(parameter, name)| {
        json!({"name": name, "type": "string", "required": endpoint.required.contains(parameter)})
    });
    json!({
        "name": endpoint.name,
        "description": answered(endpoint.answer),
        "parameters": parameters.collect::<Vec<_>>(),
        "returnTypes": return_types(endpoint),
        "columns": columns(endpoint),
    })
}

fn answered(answer: Answer) -> &'static str {
    match answer {
        Answer::List => "rows of the columns that are named here",
        Answer::Text => "one short text",
        Answer::Zip => "the DICOM files of one series in a ZIP",
        Answer::Dicom => "one DICOM file",
    }
}

fn return_types(endpoint: &EndpointDescription) -> &'static [&'static str] {
    match endpoint.answer {
        Answer::List => &["application/json", "application/csv", "application/xml", "text/html"],
        Answer::Text => &["text/plain"],
        Answer::Zip => &["application/zip"],
        Answer::Dicom => &["application/octet-stream"],
    }
}

fn columns(endpoint: &EndpointDescription) -> Vec<Value> {
    let kind = |kind| match kind {
        Kind::Text => "string",
        Kind::Flag => "boolean",
        Kind::Number | Kind::Count => "number",
        Kind::Date => "date",
    };
    endpoint.columns.iter().map(|column| json!({"name": column.name, "type": kind(column.kind)})).collect()
}
