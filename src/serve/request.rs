//! What is asked: an endpoint of a dialect with its parameters.

use std::borrow::Cow;

use jiff::civil::Date;
use url::form_urlencoded;

use super::refusal::Refusal;
use crate::db::ServedFilter;
use crate::nbia::dialect::{Dialect, EndpointDescription, Family, Parameter};

/// One request for an endpoint of a dialect.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) family: Family,
    pub(super) endpoint: &'static EndpointDescription,
    /// Names and values in the order they came; of one name the first counts, as in JAX-RS.
    parameters: Vec<(String, String)>,
}

impl Request {
    pub(super) fn read(dialect: Dialect, endpoint: &'static EndpointDescription, query: &str) -> Self {
        let parameters = form_urlencoded::parse(query.as_bytes());
        let owned = parameters.map(|(name, value)| (Cow::into_owned(name), Cow::into_owned(value)));
        Self { family: dialect.description().family, endpoint, parameters: owned.collect() }
    }

    /// The value of a parameter; one that came empty is a value.
    pub(super) fn value(&self, parameter: Parameter) -> Option<&str> {
        let name = self.endpoint.parameter(parameter)?;
        self.parameters.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that [`Self::refusal`] has found to be there.
    pub(super) fn required(&self, parameter: Parameter) -> &str {
        self.value(parameter).unwrap_or_default()
    }

    /// Whether a parameter says `yes`, in whatever capitals.
    pub(super) fn says_yes(&self, parameter: Parameter) -> bool {
        self.value(parameter).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// Why the request is refused before the mirror is asked at all.
    ///
    /// Version 4 looks for unknown parameters first and then for missing ones (`V4_getImage.java`); Bindaas takes from
    /// the query what it has a place for (`ExecutionTaskImpl.java`).
    pub(super) fn refusal(&self) -> Option<Refusal<'_>> {
        let unknown = match self.family {
            Family::Bindaas => None,
            Family::Nbia => self.parameters.iter().find(|(sent, _)| !self.is_known(sent)),
        };
        let missing = || self.endpoint.required.iter().find(|required| self.value(**required).is_none());
        match unknown {
            Some((name, _)) => Some(Refusal::UnknownParameter { name }),
            None => missing().map(|parameter| Refusal::Missing { parameter: *parameter }),
        }
    }

    /// Which part of the mirror is asked about; `None` when the date is none, for then nothing can be new.
    pub(super) fn filter(&self) -> Option<ServedFilter> {
        let text = |parameter| self.value(parameter).map(str::to_owned);
        let released_since = match self.value(Parameter::Since) {
            Some(date) => Some(self.day(date)?),
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
            released_since,
        })
    }

    fn day(&self, text: &str) -> Option<Date> {
        self.endpoint.asked_dates.to_iso(text)?.get(..10)?.parse().ok()
    }

    fn is_known(&self, name: &str) -> bool {
        self.endpoint.parameters.iter().any(|(_, known)| *known == name)
    }
}
