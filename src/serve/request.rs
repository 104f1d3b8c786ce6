//! What is asked: an endpoint of a dialect with its parameters.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::civil::Date;
use url::form_urlencoded;

use super::partial::Conditions;
use super::refusal::Refusal;
use crate::db::{Released, ServedFilter};
use crate::nbia::dialect::{Access, Description, Dialect, Endpoint, EndpointDescription, Family, Parameter};

/// One request for an endpoint of a dialect.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) dialect: Dialect,
    pub(super) endpoint: &'static EndpointDescription,
    /// Names and values in the order they came; of one name the first counts, as in JAX-RS.
    parameters: Vec<(String, String)>,
    /// Whether it says who asks, be it anybody.
    has_authorization: bool,
    /// What it wants of a file that the client may have already.
    pub(super) conditions: Conditions,
}

impl Request {
    /// A request out of its query or, where the endpoint is asked by a form, its form.
    pub(super) fn read(
        dialect: Dialect,
        endpoint: &'static EndpointDescription,
        headers: &HeaderMap,
        sent: &[u8],
    ) -> Self {
        let parameters = form_urlencoded::parse(sent);
        let owned = parameters.map(|(name, value)| (Cow::into_owned(name), Cow::into_owned(value)));
        let has_authorization = headers.contains_key(AUTHORIZATION);
        let conditions = Conditions::read(headers);
        Self { dialect, endpoint, parameters: owned.collect(), has_authorization, conditions }
    }

    pub(super) fn family(&self) -> Family {
        self.description().family
    }

    pub(super) fn description(&self) -> &'static Description {
        self.dialect.description()
    }

    /// The value of a parameter; one that came empty is a value.
    pub(super) fn value(&self, parameter: Parameter) -> Option<&str> {
        self.values(parameter).next()
    }

    /// The value of a parameter, when it is more than nothing.
    pub(super) fn filled(&self, parameter: Parameter) -> Option<&str> {
        self.value(parameter).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that [`Self::refusal`] has found to be there.
    pub(super) fn required(&self, parameter: Parameter) -> &str {
        self.value(parameter).unwrap_or_default()
    }

    /// Whether a parameter says `yes`, in whatever capitals.
    pub(super) fn says_yes(&self, parameter: Parameter) -> bool {
        self.value(parameter).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// The series that metadata are asked of: one, or fields with commas between many.
    pub(super) fn series_list(&self) -> Vec<String> {
        let lists = self.values(Parameter::SeriesList).chain(self.value(Parameter::SeriesInstanceUid));
        let uids = lists.flat_map(|list| list.split(',')).map(str::trim);
        uids.filter(|uid| !uid.is_empty()).map(str::to_owned).collect()
    }

    /// Why the request is refused before the mirror is asked at all.
    ///
    /// Version 2 stumbles over a missing token whatever is asked (`getData.java`); what stands above the versions is
    /// told to anybody, since who may reach the port may read the mirror. Version 4 looks for unknown
    /// parameters first and then for missing ones (`V4_getImage.java`); the others take what they have a place for.
    pub(super) fn refusal(&self) -> Option<Refusal<'_>> {
        let asks_for_token = self.description().access == Access::Token && self.endpoint.place.is_empty();
        if asks_for_token && !self.has_authorization {
            return Some(Refusal::NoToken);
        }
        let refuses = self.endpoint.refuses_unknown_parameters;
        let unknown = self.parameters.iter().find(|(sent, _)| refuses && !self.is_known(sent));
        let missing = || self.endpoint.required.iter().find(|required| self.value(**required).is_none());
        match unknown {
            Some((name, _)) => Some(Refusal::UnknownParameter { name }),
            None => missing().map(|parameter| Refusal::Missing { parameter: *parameter }),
        }
    }

    /// Which part of the mirror is asked about; `None` when the date is none, for then nothing can be new.
    pub(super) fn filter(&self) -> Option<ServedFilter> {
        let text = |parameter| self.value(parameter).map(str::to_owned);
        let released = match self.value(Parameter::Since) {
            Some(date) => Some(self.released(self.day(date)?)),
            None => None,
        };
        Some(ServedFilter {
            collection: text(Parameter::Collection),
            patient_id: text(Parameter::PatientId),
            study_instance_uid: text(Parameter::StudyInstanceUid),
            series_instance_uid: text(Parameter::SeriesInstanceUid),
            modality: text(Parameter::Modality),
            body_part_examined: text(Parameter::BodyPartExamined),
            manufacturer: text(Parameter::Manufacturer),
            manufacturer_model_name: text(Parameter::ManufacturerModelName),
            minds_capitals: self.is_of_first_server(),
            released,
        })
    }

    /// Whether it is asked of one of the first two versions of the archive's own server.
    pub(super) fn is_of_first_server(&self) -> bool {
        matches!(self.dialect, Dialect::NbiaV1 | Dialect::NbiaV2)
    }

    /// getUpdatedSeries leaves the day itself out, and so did the first two versions of the archive's server with
    /// patients and studies (`GeneralSeriesDAOImpl.java`, `PatientDAOImpl.java`, `StudyDAOImpl.java`).
    fn released(&self, day: Date) -> Released {
        if self.is_of_first_server() || self.endpoint.endpoint == Endpoint::UpdatedSeries {
            Released::After(day)
        } else {
            Released::Since(day)
        }
    }

    fn day(&self, text: &str) -> Option<Date> {
        let format = self.endpoint.asked_dates;
        if self.is_of_first_server() {
            format.read_as_java(text)
        } else {
            format.to_iso(text)?.get(..10)?.parse().ok()
        }
    }

    fn values(&self, parameter: Parameter) -> impl Iterator<Item = &str> {
        let name = self.endpoint.parameter(parameter);
        let sent = self.parameters.iter().filter(move |(sent, _)| Some(sent.as_str()) == name);
        sent.map(|(_, value)| value.as_str())
    }

    fn is_known(&self, name: &str) -> bool {
        self.endpoint.parameters.iter().any(|(_, known)| *known == name)
    }
}
