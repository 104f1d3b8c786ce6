//! A question as a user types it, checked against the dialect before anything is sent.

use jiff::civil::Date;

use super::body::Body;
use super::client::{Client, Request};
use super::dialect::{Answer, Dialect, Endpoint, EndpointDescription, Parameter};
use super::error::Error;
use super::rows::Rows;
use super::wire::SentRow;

/// Behind the name of an endpoint: what the service tells of it.
const DESCRIPTION: &str = "/metadata";
/// Names that documents give to endpoints beside those of the dialects.
const OTHER_NAMES: [(&str, Endpoint); 3] = [
    ("NewStudiesInPatientsCollection", Endpoint::NewStudies),
    ("SharedList/ContentsByName", Endpoint::SharedList),
    ("getSeriesMetadata", Endpoint::SeriesMetadata),
];
/// How much of a name may be wrong for the nearest one to be offered: 0 none of it, 1 all of it.
const NEAR: f64 = 0.6;

/// What is wrong with a question.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum QuestionError {
    #[error("there is no endpoint `{name}`{}", nearest.as_ref().map(|it| format!("; did you mean `{it}`?")).unwrap_or_default())]
    UnknownEndpoint { name: String, nearest: Option<String> },
    #[error("the dialect {dialect} does not offer {endpoint}; {}", who(offered_by))]
    NotOffered { dialect: Dialect, endpoint: String, offered_by: Vec<Dialect> },
    #[error("{endpoint} has no parameter `{name}`{}; it takes {}",
        nearest.as_ref().map(|it| format!(", did you mean `{it}`?")).unwrap_or_default(), listed(known))]
    UnknownParameter {
        endpoint: &'static str,
        name: String,
        nearest: Option<String>,
        known: Vec<&'static str>,
    },
    #[error("{endpoint} needs {}", listed(names))]
    Missing { endpoint: &'static str, names: Vec<&'static str> },
    #[error("{endpoint} is told `{name}` twice")]
    Twice { endpoint: &'static str, name: &'static str },
    #[error("`{name}` is a day, written YYYY-MM-DD; found `{value}`")]
    NoDate { name: &'static str, value: String },
    #[error("the form of the answer is chosen with --format, or with --as-sent as the service writes it")]
    FormatAsParameter,
}

/// A question that the dialect can be asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is asked.
    pub endpoint: &'static EndpointDescription,
    /// Whether the endpoint itself is asked about.
    pub is_about_endpoint: bool,
    parameters: Vec<(&'static str, String)>,
}

impl Question {
    /// Reads an endpoint, by any name that a document gives it, and its parameters, by the name of any dialect.
    pub fn read(dialect: Dialect, name: &str, pairs: &[(String, String)]) -> Result<Self, QuestionError> {
        let (name, is_about_endpoint) = match name.strip_suffix(DESCRIPTION) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let endpoint = endpoint_named(name)?;
        let offered = |dialect: &Dialect| {
            let described = dialect.description();
            described.endpoint(endpoint).filter(|_| !is_about_endpoint || described.describes_endpoints)
        };
        let described = offered(&dialect).ok_or_else(|| QuestionError::NotOffered {
            dialect,
            endpoint: if is_about_endpoint { format!("{name}{DESCRIPTION}") } else { name.to_owned() },
            offered_by: Dialect::ALL.into_iter().filter(|other| offered(other).is_some()).collect(),
        })?;
        let parameters: Result<Vec<_>, _> =
            pairs.iter().map(|(name, value)| spell(described, name, value)).collect();
        let question = Self { endpoint: described, is_about_endpoint, parameters: parameters? };
        if let Some(name) = question.told_twice() {
            return Err(QuestionError::Twice { endpoint: described.name, name });
        }
        let missing = question.missing();
        if missing.is_empty() || is_about_endpoint {
            Ok(question)
        } else {
            Err(QuestionError::Missing { endpoint: described.name, names: missing })
        }
    }

    /// Whether the answer is a list of rows.
    pub fn asks_for_list(&self) -> bool {
        self.endpoint.answer == Answer::List && !self.is_about_endpoint
    }

    /// The value that was given for a parameter.
    pub fn value(&self, parameter: Parameter) -> Option<&str> {
        let name = self.endpoint.parameter(parameter)?;
        self.parameters.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    fn told_twice(&self) -> Option<&'static str> {
        let names = || self.parameters.iter().map(|(name, _)| *name);
        names()
            .enumerate()
            .find(|(place, name)| names().take(*place).any(|other| other == *name))
            .map(|it| it.1)
    }

    fn missing(&self) -> Vec<&'static str> {
        let required = self.endpoint.required.iter();
        let missing = required.filter(|required| self.value(**required).is_none());
        missing.filter_map(|required| self.endpoint.parameter(*required)).collect()
    }
}

impl Client {
    /// Asks and reads the rows, with the names and values that the service gives them.
    pub async fn rows_of(&self, question: &Question) -> Result<Rows<SentRow>, Error> {
        let format = question.endpoint.asks_for_format.then_some("json");
        let body = self.body(&self.asked(question, format)?).await?;
        Ok(Rows::as_sent(body, question.endpoint))
    }

    /// Asks and hands on the answer as it comes, in the service's own `format` when one is named.
    pub async fn answer_to(&self, question: &Question, format: Option<&str>) -> Result<Body, Error> {
        self.body(&self.asked(question, format)?).await
    }

    fn asked(&self, question: &Question, format: Option<&str>) -> Result<Request, Error> {
        let endpoint = question.endpoint;
        let name = endpoint.name.to_owned() + if question.is_about_endpoint { DESCRIPTION } else { "" };
        let given = question.parameters.iter().map(|(name, value)| (*name, value.as_str()));
        let format = endpoint.parameter(Parameter::Format).zip(format).filter(|_| question.asks_for_list());
        self.spelled(endpoint, &name, &given.chain(format).collect::<Vec<_>>())
    }
}

/// Every name of every endpoint, in all dialects.
fn names() -> impl Iterator<Item = (&'static str, Endpoint)> {
    let described = Dialect::ALL.into_iter().flat_map(|dialect| dialect.description().endpoints());
    described.map(|described| (described.name, described.endpoint)).chain(OTHER_NAMES)
}

fn endpoint_named(name: &str) -> Result<Endpoint, QuestionError> {
    let found = names().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, endpoint)| endpoint);
    found.ok_or_else(|| QuestionError::UnknownEndpoint {
        name: name.to_owned(),
        nearest: nearest(name, names().map(|(known, _)| known)),
    })
}

/// A parameter as the dialect spells it, whatever dialect it was named in.
fn spell(
    endpoint: &'static EndpointDescription,
    name: &str,
    value: &str,
) -> Result<(&'static str, String), QuestionError> {
    let known = endpoint.parameters.iter().filter(|(parameter, _)| *parameter != Parameter::Format);
    let known: Vec<&'static str> = known.map(|(_, name)| *name).collect();
    let parameter = parameter_named(endpoint, name);
    if parameter == Some(Parameter::Format) {
        return Err(QuestionError::FormatAsParameter);
    }
    let (parameter, name) = parameter
        .map(|parameter| offered(endpoint, parameter))
        .and_then(|parameter| Some((parameter, endpoint.parameter(parameter)?)))
        .ok_or_else(|| QuestionError::UnknownParameter {
            endpoint: endpoint.name,
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()),
            known,
        })?;
    if parameter != Parameter::Since {
        return Ok((name, value.to_owned()));
    }
    let day = value.parse().ok().filter(|day: &Date| day.year() > 0);
    let day = day.ok_or_else(|| QuestionError::NoDate { name, value: value.to_owned() })?;
    Ok((name, endpoint.asked_dates.write(day)))
}

/// getSeriesMetadata is told of series by a list in one generation, of one series in others: each takes both.
fn offered(endpoint: &EndpointDescription, parameter: Parameter) -> Parameter {
    let other = match parameter {
        Parameter::SeriesInstanceUid => Parameter::SeriesList,
        Parameter::SeriesList => Parameter::SeriesInstanceUid,
        _ => return parameter,
    };
    let is_twin = endpoint.endpoint == Endpoint::SeriesMetadata && endpoint.parameter(parameter).is_none();
    if is_twin { other } else { parameter }
}

/// What a name means: to the endpoint itself, else to the same endpoint in another dialect, else anywhere.
fn parameter_named(endpoint: &'static EndpointDescription, name: &str) -> Option<Parameter> {
    let everywhere = || Dialect::ALL.into_iter().flat_map(|dialect| dialect.description().endpoints());
    let namesakes = everywhere().filter(|other| other.endpoint == endpoint.endpoint);
    let described = std::iter::once(endpoint).chain(namesakes).chain(everywhere());
    let mut parameters = described.flat_map(|described| described.parameters);
    parameters.find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(parameter, _)| *parameter)
}

/// The known name that is most like another one, if any is like it at all.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&name, &known.to_lowercase());
    let all = known.map(|known| (likeness(known), known));
    let best = all.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= NEAR).then(|| best.1.to_owned())
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn who(dialects: &[Dialect]) -> String {
    let names: Vec<_> = dialects.iter().map(ToString::to_string).collect();
    format!("offered by {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, name: &str, pairs: &[(&str, &str)]) -> Result<Question, QuestionError> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Question::read(dialect, name, &pairs)
    }

    fn said(dialect: Dialect, name: &str, pairs: &[(&str, &str)]) -> String {
        read(dialect, name, pairs).unwrap_err().to_string()
    }

    #[test]
    fn every_documented_name_is_understood_in_the_dialect_that_is_spoken() {
        for (name, sent) in [
            ("PatientsByModality", "getPatientByCollectionAndModality"),
            ("getpatientbycollectionandmodality", "getPatientByCollectionAndModality"),
            ("NewStudiesInPatientsCollection", "NewStudiesInPatientCollection"),
            ("NewStudiesInPatientCollection", "NewStudiesInPatientCollection"),
            ("getSeriesMetaData", "getSeriesMetadata"),
        ] {
            let needed = [("Collection", "C"), ("Modality", "CT"), ("Date", "2023-08-04"), ("list", "1.2")];
            let all = Dialect::NbiaV4.description().endpoints().find(|it| it.name == sent).unwrap();
            let needed: Vec<_> = needed
                .into_iter()
                .filter(|(name, _)| parameter_named(all, name).is_some_and(|it| all.required.contains(&it)))
                .collect();
            assert_eq!(read(Dialect::NbiaV4, name, &needed).unwrap().endpoint.name, sent, "{name}");
        }
    }

    #[test]
    fn parameters_are_spelled_and_days_written_as_the_dialect_does() {
        let asked = [("Date", "2023-08-04"), ("collection", "4D-Lung")];
        let cases = [
            (Dialect::BindaasV3, ("Date", "2023-08-04")),
            (Dialect::NbiaV1, ("Date", "2023/08/04")),
            (Dialect::NbiaV4, ("fromDate", "08-04-2023")),
        ];
        for (dialect, (name, day)) in cases {
            let question = read(dialect, "NewPatientsInCollection", &asked).unwrap();
            assert_eq!(question.parameters, [(name, day.to_owned()), ("Collection", "4D-Lung".to_owned())]);
        }
        let updated = read(Dialect::NbiaV2, "getUpdatedSeries", &[("Date", "2023-08-04")]).unwrap();
        assert_eq!(updated.parameters, [("fromDate", "04/08/2023".to_owned())]);
        let patient = read(Dialect::NbiaV4, "getPatient", &[("PatientID", "P")]).unwrap();
        assert_eq!(patient.parameters, [("PatientId", "P".to_owned())]);
    }

    #[test]
    fn what_cannot_be_asked_is_said_before_anything_is_sent() {
        let v4 = Dialect::NbiaV4;
        assert_eq!(said(v4, "getSerie", &[]), "there is no endpoint `getSerie`; did you mean `getSeries`?");
        assert_eq!(said(v4, "nonsense", &[]), "there is no endpoint `nonsense`");
        assert_eq!(
            said(v4, "getModalityValues", &[("Colection", "x")]),
            "getModalityValues has no parameter `Colection`, did you mean `Collection`?; \
             it takes Collection, BodyPartExamined"
        );
        assert_eq!(
            said(v4, "getModalityValues", &[("Modality", "CT")]),
            "getModalityValues has no parameter `Modality`; it takes Collection, BodyPartExamined"
        );
        assert_eq!(said(v4, "getImage", &[]), "getImage needs SeriesInstanceUID");
        assert_eq!(
            said(v4, "NewPatientsInCollection", &[("Collection", "C"), ("fromDate", "08-04-2023")]),
            "`fromDate` is a day, written YYYY-MM-DD; found `08-04-2023`"
        );
        assert_eq!(
            said(Dialect::BindaasV1, "getSingleImage", &[]),
            "the dialect bindaas-v1 does not offer getSingleImage; offered by bindaas-v3, nbia-v1, nbia-v2, nbia-v4"
        );
        assert_eq!(
            said(v4, "getSeries/metadata", &[]),
            "the dialect nbia-v4 does not offer getSeries/metadata; offered by bindaas-v1, bindaas-v3"
        );
        assert!(said(v4, "getSeries", &[("format", "csv")]).starts_with("the form of the answer"));
    }

    #[test]
    fn a_name_told_twice_and_a_year_that_no_calendar_has_are_refused() {
        let v4 = Dialect::NbiaV4;
        for other in ["Collection", "collection"] {
            let pairs = [("Collection", "A"), (other, "A")];
            assert_eq!(said(v4, "getSeries", &pairs), "getSeries is told `Collection` twice");
        }
        for day in ["-000001-01-01", "0000-01-01", "2023-02-30", ""] {
            let said = said(v4, "getUpdatedSeries", &[("Date", day)]);
            assert!(said.contains("is a day, written YYYY-MM-DD"), "{said}");
        }
    }

    #[test]
    fn one_series_and_a_list_of_series_are_the_same_where_only_one_of_them_is_offered() {
        let one = [("SeriesInstanceUID", "1.2")];
        let list = [("list", "1.2")];
        for asked in [one, list] {
            let v4 = read(Dialect::NbiaV4, "getSeriesMetadata", &asked).unwrap();
            assert_eq!(v4.parameters, [("list", "1.2".to_owned())]);
            let v1 = read(Dialect::NbiaV1, "getSeriesMetaData", &asked).unwrap();
            assert_eq!(v1.parameters, [("SeriesInstanceUID", "1.2".to_owned())]);
        }
        assert!(said(Dialect::NbiaV4, "getSeriesMetadata", &[one[0], list[0]]).ends_with("twice"));
    }

    #[test]
    fn an_endpoint_can_be_asked_about_without_its_parameters() {
        let question = read(Dialect::BindaasV3, "getImage/metadata", &[]).unwrap();
        assert!(question.is_about_endpoint && !question.asks_for_list());
    }
}
