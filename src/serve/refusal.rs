//! How each generation says no.
//!
//! The archive's own server answers with sentences, most of them labelled as JSON, which they are not
//! (NBIA-TCIA 865725e, `restAPI/v4`); Bindaas answers with JSON of two shapes (sharmalab/bindaas,
//! `AbstractHttpCodeException.java`). Clients match on status and text, so both are kept to the letter.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::request::Request;
use crate::nbia::dialect::{Endpoint, EndpointDescription, Family, Method, Parameter};

/// What the archive's server says whenever something went wrong inside it.
pub(super) const NOT_ABLE: &str = "Server was not able to process your request";
/// What Bindaas says when a list that should hold one file holds none (TCIA-API-SDK issue 6).
const NO_FILE: &str = "java.lang.IndexOutOfBoundsException: Index: 0, Size: 0";
/// Bindaas' own status for a missing parameter (`AbstractHttpCodeException.java`).
const BINDAAS_MISSING: u16 = 471;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal<'a> {
    /// Nobody says who asks, where somebody must.
    NoToken,
    /// A parameter that the endpoint does not have.
    UnknownParameter { name: &'a str },
    /// A parameter without which the endpoint does nothing.
    Missing { parameter: Parameter },
    /// A series that does not lie in the tree.
    NoSuchSeries,
    /// An instance that does not lie in the tree.
    NoSuchInstance,
    /// The record or the tree cannot be read.
    Fault,
}

impl Refusal<'_> {
    /// The answer, as the generation that was asked gives it.
    pub(super) fn answer(self, request: &Request) -> Response {
        match request.family() {
            Family::Bindaas => self.in_bindaas(request.endpoint),
            Family::Nbia => self.in_nbia(request),
        }
    }

    fn in_nbia(self, request: &Request) -> Response {
        let endpoint = request.endpoint;
        match self {
            // the server's label depends on what the endpoint produces; a foreign text is labelled as text here
            Self::UnknownParameter { name } => say(StatusCode::BAD_REQUEST, TEXT, unknown(endpoint, name)),
            Self::Missing { .. } => say(StatusCode::BAD_REQUEST, JSON, missing(endpoint)),
            Self::NoSuchSeries => say(StatusCode::BAD_REQUEST, JSON, denied(request)),
            // a NullPointerException has no message (tcia_utils issue 21)
            Self::NoToken | Self::NoSuchInstance => {
                say(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{NOT_ABLE}\nnull"))
            }
            Self::Fault => {
                say(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{NOT_ABLE}\nthe mirror cannot be read"))
            }
        }
    }

    fn in_bindaas(self, endpoint: &EndpointDescription) -> Response {
        let (status, body) = match self {
            Self::Missing { parameter } => {
                let name = endpoint.parameter(parameter).unwrap_or_default();
                let status = StatusCode::from_u16(BINDAAS_MISSING).unwrap_or(StatusCode::BAD_REQUEST);
                (status, bindaas_missing(name))
            }
            Self::NoSuchSeries | Self::NoSuchInstance => {
                (StatusCode::INTERNAL_SERVER_ERROR, json!({"errorMessage": NO_FILE}).to_string())
            }
            Self::NoToken | Self::UnknownParameter { .. } | Self::Fault => (
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({"errorMessage": "the mirror cannot be read"}).to_string(),
            ),
        };
        say(status, JSON, body)
    }
}

fn say(status: StatusCode, label: HeaderValue, text: String) -> Response {
    (status, [(CONTENT_TYPE, label)], Body::from(text)).into_response()
}

/// The sentence of a Java `Set`; its order is none, so ours is that of the table.
fn unknown(endpoint: &EndpointDescription, name: &str) -> String {
    let allowed: Vec<_> = endpoint.parameters.iter().map(|(_, name)| *name).collect();
    let place = if endpoint.method == Method::Form { "form" } else { "query" };
    format!("Invalid {place} parameter: '{name}'. Allowed parameters are: [{}]", allowed.join(", "))
}

/// Each endpoint has its own commas.
fn missing(endpoint: &EndpointDescription) -> String {
    if endpoint.method == Method::Form {
        return "A form parameter, list, containing at least one SeriesInstanceUID is required.".to_owned();
    }
    let what = match endpoint.endpoint {
        Endpoint::SeriesSize | Endpoint::SopInstanceUids | Endpoint::SeriesMetadata => {
            "SeriesInstanceUID is".to_owned()
        }
        Endpoint::Image | Endpoint::ImageWithMd5Hash => "SeriesInstanceUID, is".to_owned(),
        // the text still says Date where the parameter is called fromDate
        Endpoint::NewPatients | Endpoint::NewStudies => "Collection and Date are".to_owned(),
        _ => {
            let names = endpoint.required.iter().filter_map(|required| endpoint.parameter(*required));
            format!("{}, are", names.collect::<Vec<_>>().join(" and "))
        }
    };
    format!("A parameter, {what} required for this API call.")
}

/// Unknown, withdrawn and forbidden are all the same to the server.
fn denied(request: &Request) -> String {
    let [before, behind] = request.description().denial;
    format!("{before}{}{behind}", request.required(Parameter::SeriesInstanceUid))
}

fn bindaas_missing(name: &str) -> String {
    let description = "This error indicates one or many mandatory query parameters are missing";
    let action = "Check the API documentation to verify if all mandatory attributes were provided";
    let detail = json!(format!("Mandatory Attribute Missing : [{name}]"));
    // written out because the order of the keys is part of the text
    format!(
        r#"{{"errorDescription":"{description}","suggestedAction":"{action}","detailedMessage":{detail}}}"#
    )
}
