//! One table that describes each generation of the API: paths, endpoints, parameters, columns, dates, habits.
//!
//! The client and `serve` both read it, and nothing else in the program knows which generation it talks to.
//! Sources: the API guides of the archive (versions 1 and 3) for the Bindaas generations, the source of
//! CBIIT/NBIA-TCIA (865725e) for the nbia-api ones.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

/// One generation of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Dialect {
    /// `/services/v3/TCIA/query/…`, the archive's API until 2022 and that of its gateways.
    BindaasV3,
    /// `/nbia-api/services/v4/…`, what runs today.
    NbiaV4,
}

/// What can be asked of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Endpoint {
    /// Names of all collections.
    CollectionValues,
    /// Patients of a collection.
    Patient,
    /// Studies of a collection or a patient.
    PatientStudy,
    /// Series, by any of eight filters.
    Series,
    /// Bytes and number of objects of one series.
    SeriesSize,
    /// The SOPInstanceUIDs of one series.
    SopInstanceUids,
    /// One series as a ZIP.
    Image,
    /// One instance as a DICOM file.
    SingleImage,
    /// Patients added to a collection since a day.
    NewPatients,
    /// Studies added to a collection since a day.
    NewStudies,
}

impl Endpoint {
    /// The name under which most generations offer it.
    pub fn name(self) -> &'static str {
        let described = Dialect::ALL.iter().find_map(|dialect| dialect.description().endpoint(self));
        described.map_or("this endpoint", |endpoint| endpoint.name)
    }
}

/// What an endpoint can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "each is the keyword it is named after")]
pub enum Parameter {
    Collection,
    PatientId,
    StudyInstanceUid,
    SeriesInstanceUid,
    SopInstanceUid,
    Modality,
    BodyPartExamined,
    Manufacturer,
    ManufacturerModelName,
    /// The day from which additions are wanted.
    Since,
    /// `Yes`: entries named by acquisition and instance; the most robust form of getImage.
    NewFileNames,
    /// `yes`: a list of MD5s closes the ZIP.
    IncludeMd5,
    /// How a list is written.
    Format,
}

/// How a column's values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A number that is only shown: kept as text in the shortest form.
    Number,
    /// A number that is counted with.
    Count,
    /// A day, or a day and a time, in the dialect's format.
    Date,
}

/// One column of a list: the service's name for it, and ours.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name on the wire.
    pub name: &'static str,
    /// The name in [`crate::dicom`]'s structs and everywhere else.
    pub keyword: &'static str,
    /// How its values are written.
    pub kind: Kind,
}

/// One endpoint as one dialect offers it.
#[derive(Debug)]
pub struct EndpointDescription {
    /// Which it is.
    pub endpoint: Endpoint,
    /// The last component of its path.
    pub name: &'static str,
    /// Parameters and their names on the wire.
    pub parameters: &'static [(Parameter, &'static str)],
    /// Those of them without which the service refuses.
    pub required: &'static [Parameter],
    /// Columns of the list; empty for what is no list.
    pub columns: &'static [Column],
}

/// How a dialect writes days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DateFormat {
    /// `2023-08-04`.
    Iso,
    /// `08-04-2023`.
    MonthDayYear,
}

/// How a list without rows is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EmptyList {
    /// `[]`.
    Brackets,
    /// Status 200 and no byte.
    ZeroBytes,
}

/// Everything that sets one generation apart.
#[derive(Debug)]
pub struct Description {
    /// Name for `--dialect`.
    pub name: &'static str,
    /// Path between host and endpoint.
    pub path: &'static str,
    /// Other paths that lead to the same service.
    pub path_aliases: &'static [&'static str],
    /// What it offers.
    pub endpoints: &'static [EndpointDescription],
    /// Dates in parameters and in lists.
    pub dates: DateFormat,
    /// A list without rows.
    pub empty_list: EmptyList,
    /// Whether a list must be asked for as JSON by name.
    pub asks_for_format: bool,
}

impl Dialect {
    /// All that are known.
    pub const ALL: [Self; 2] = [Self::BindaasV3, Self::NbiaV4];

    /// Its row of the table.
    pub fn description(self) -> &'static Description {
        match self {
            Self::BindaasV3 => &BINDAAS_V3,
            Self::NbiaV4 => &NBIA_V4,
        }
    }

    /// The dialect that is spoken below a path, and the path up to where endpoints begin.
    ///
    /// `/proxy/services/v3` and `/proxy/services/v3/TCIA/query/` both give `/proxy/services/v3/TCIA/query`.
    pub fn recognise(path: &str) -> Option<(Self, String)> {
        let path = path.trim_end_matches('/');
        Self::ALL.into_iter().find_map(|dialect| {
            let description = dialect.description();
            let mut known = std::iter::once(&description.path).chain(description.path_aliases).copied();
            // `/nbia-api/services/v3` is that server's user administration
            let prefix = known.find_map(|suffix| path.strip_suffix(suffix))?;
            let prefix = Some(prefix).filter(|prefix| !prefix.ends_with("/nbia-api"))?;
            Some((dialect, format!("{prefix}{}", description.path)))
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.description().name)
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|dialect| dialect.description().name == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|dialect| dialect.description().name).collect();
            format!("`{name}` is no dialect this program speaks; known: {}", known.join(", "))
        })
    }
}

impl Description {
    /// An endpoint as this dialect offers it, or `None`.
    pub fn endpoint(&self, endpoint: Endpoint) -> Option<&'static EndpointDescription> {
        self.endpoints.iter().find(|description| description.endpoint == endpoint)
    }
}

impl EndpointDescription {
    /// The name of a parameter on the wire, or `None` where the dialect has no such parameter.
    pub fn parameter(&self, parameter: Parameter) -> Option<&'static str> {
        self.parameters.iter().find(|(known, _)| *known == parameter).map(|(_, name)| *name)
    }

    /// The column that a key of the service stands for; spelling differs in capitals between endpoints.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

impl DateFormat {
    /// Its pattern for `strftime` and `strptime`.
    fn pattern(self) -> &'static str {
        match self {
            Self::Iso => "%Y-%m-%d",
            Self::MonthDayYear => "%m-%d-%Y",
        }
    }

    /// A day as the dialect writes it.
    pub fn write(self, date: Date) -> String {
        date.strftime(self.pattern()).to_string()
    }

    /// A date of the service as ISO text; `None` when it is none that the dialect could have written.
    ///
    /// A time of day behind the date is kept, fractions of a second are not.
    pub fn to_iso(self, text: &str) -> Option<String> {
        let (day, time) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), ""));
        let day = Date::strptime(self.pattern(), day).ok()?;
        let time = time.split('.').next().filter(|time| !time.is_empty());
        Some(time.map_or_else(|| day.to_string(), |time| format!("{day} {time}")))
    }

    /// An ISO text of the record as the dialect writes it; anything else as it is.
    pub fn from_iso(self, text: &str) -> String {
        let day = text.get(..10).and_then(|day| Date::strptime("%Y-%m-%d", day).ok());
        day.map_or_else(|| text.to_owned(), |day| self.write(day))
    }
}

const fn text(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Text }
}

const fn date(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Date }
}

const fn number(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Number }
}

const fn count(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Count }
}

const fn named(column: Column, keyword: &'static str) -> Column {
    Column { keyword, ..column }
}

const COLLECTION_VALUES: &[Column] = &[text("Collection")];
const SERIES_SIZE: &[Column] = &[count("TotalSizeInBytes"), count("ObjectCount")];
const SOP_INSTANCE_UIDS: &[Column] = &[text("SOPInstanceUID")];

const FORMAT: (Parameter, &str) = (Parameter::Format, "format");
const COLLECTION: (Parameter, &str) = (Parameter::Collection, "Collection");
const PATIENT_ID: (Parameter, &str) = (Parameter::PatientId, "PatientID");
const STUDY: (Parameter, &str) = (Parameter::StudyInstanceUid, "StudyInstanceUID");
const SERIES: (Parameter, &str) = (Parameter::SeriesInstanceUid, "SeriesInstanceUID");
const SOP: (Parameter, &str) = (Parameter::SopInstanceUid, "SOPInstanceUID");

const SERIES_FILTERS: &[(Parameter, &str)] = &[
    COLLECTION,
    PATIENT_ID,
    STUDY,
    SERIES,
    (Parameter::Modality, "Modality"),
    (Parameter::BodyPartExamined, "BodyPartExamined"),
    (Parameter::Manufacturer, "Manufacturer"),
    (Parameter::ManufacturerModelName, "ManufacturerModelName"),
    FORMAT,
];

const BINDAAS_PATIENT: &[Column] = &[
    text("PatientID"),
    text("PatientName"),
    date("PatientBirthDate"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
];

const BINDAAS_STUDY: &[Column] = &[
    text("StudyInstanceUID"),
    date("StudyDate"),
    text("StudyDescription"),
    text("AdmittingDiagnosesDescription"),
    text("StudyID"),
    text("PatientAge"),
    text("PatientID"),
    text("PatientName"),
    date("PatientBirthDate"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
    count("SeriesCount"),
];

const BINDAAS_SERIES: &[Column] = &[
    text("SeriesInstanceUID"),
    text("StudyInstanceUID"),
    text("Modality"),
    text("ProtocolName"),
    date("SeriesDate"),
    text("SeriesDescription"),
    text("BodyPartExamined"),
    number("SeriesNumber"),
    text("AnnotationsFlag"),
    text("Collection"),
    text("PatientID"),
    text("Manufacturer"),
    text("ManufacturerModelName"),
    text("SoftwareVersions"),
    count("ImageCount"),
];

const V4_PATIENT: &[Column] = &[
    named(text("PatientId"), "PatientID"),
    text("PatientName"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
    text("Phantom"),
    text("SpeciesCode"),
    text("SpeciesDescription"),
    number("Authorized"),
];

const V4_STUDY: &[Column] = &[
    text("StudyInstanceUID"),
    date("StudyDate"),
    text("StudyDescription"),
    text("AdmittingDiagnosesDescription"),
    text("StudyID"),
    text("PatientAge"),
    text("PatientID"),
    text("PatientName"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
    count("SeriesCount"),
    text("LongitudinalTemporalEventType"),
    number("LongitudinalTemporalOffsetFromEvent"),
    number("Authorized"),
];

const V4_SERIES: &[Column] = &[
    text("SeriesInstanceUID"),
    text("StudyInstanceUID"),
    text("Modality"),
    text("ProtocolName"),
    date("SeriesDate"),
    text("SeriesDescription"),
    text("BodyPartExamined"),
    number("SeriesNumber"),
    text("AnnotationsFlag"),
    text("Collection"),
    text("Site"),
    text("PatientID"),
    text("PatientSex"),
    text("PatientAge"),
    named(text("AdmittingDiagnosisDescription"), "AdmittingDiagnosesDescription"),
    text("Manufacturer"),
    text("ManufacturerModelName"),
    text("SoftwareVersions"),
    count("ImageCount"),
    named(date("MaxSubmissionTimestamp"), "SubmissionTimestamp"),
    text("LicenseName"),
    text("LicenseURI"),
    text("DataDescriptionURI"),
    count("FileSize"),
    text("ReleasedStatus"),
    date("DateReleased"),
    named(text("StudyDesc"), "StudyDescription"),
    date("StudyDate"),
    text("ThirdPartyAnalysis"),
    number("Authorized"),
];

const fn list(
    endpoint: Endpoint,
    name: &'static str,
    parameters: &'static [(Parameter, &'static str)],
    required: &'static [Parameter],
    columns: &'static [Column],
) -> EndpointDescription {
    EndpointDescription { endpoint, name, parameters, required, columns }
}

const COLLECTION_VALUES_LIST: EndpointDescription =
    list(Endpoint::CollectionValues, "getCollectionValues", &[FORMAT], &[], COLLECTION_VALUES);
const SERIES_SIZE_LIST: EndpointDescription = list(
    Endpoint::SeriesSize,
    "getSeriesSize",
    &[SERIES, FORMAT],
    &[Parameter::SeriesInstanceUid],
    SERIES_SIZE,
);
const SOP_INSTANCE_UIDS_LIST: EndpointDescription = list(
    Endpoint::SopInstanceUids,
    "getSOPInstanceUIDs",
    &[SERIES, FORMAT],
    &[Parameter::SeriesInstanceUid],
    SOP_INSTANCE_UIDS,
);
const SINGLE_IMAGE: EndpointDescription = list(
    Endpoint::SingleImage,
    "getSingleImage",
    &[SERIES, SOP],
    &[Parameter::SeriesInstanceUid, Parameter::SopInstanceUid],
    &[],
);

static BINDAAS_V3: Description = Description {
    name: "bindaas-v3",
    path: "/services/v3/TCIA/query",
    path_aliases: &["/services/v3/TCIA", "/services/v3"],
    dates: DateFormat::Iso,
    empty_list: EmptyList::Brackets,
    asks_for_format: true,
    endpoints: &[
        COLLECTION_VALUES_LIST,
        list(Endpoint::Patient, "getPatient", &[COLLECTION, FORMAT], &[], BINDAAS_PATIENT),
        list(
            Endpoint::PatientStudy,
            "getPatientStudy",
            &[COLLECTION, PATIENT_ID, STUDY, FORMAT],
            &[],
            BINDAAS_STUDY,
        ),
        list(Endpoint::Series, "getSeries", SERIES_FILTERS, &[], BINDAAS_SERIES),
        SERIES_SIZE_LIST,
        SOP_INSTANCE_UIDS_LIST,
        list(Endpoint::Image, "getImage", &[SERIES], &[Parameter::SeriesInstanceUid], &[]),
        SINGLE_IMAGE,
        list(
            Endpoint::NewPatients,
            "NewPatientsInCollection",
            &[(Parameter::Since, "Date"), COLLECTION, FORMAT],
            &[Parameter::Since, Parameter::Collection],
            BINDAAS_PATIENT,
        ),
        list(
            Endpoint::NewStudies,
            "NewStudiesInPatientCollection",
            &[(Parameter::Since, "Date"), COLLECTION, PATIENT_ID, FORMAT],
            &[Parameter::Since, Parameter::Collection],
            BINDAAS_STUDY,
        ),
    ],
};

static NBIA_V4: Description = Description {
    name: "nbia-v4",
    path: "/nbia-api/services/v4",
    path_aliases: &["/nbia-api/v4"],
    dates: DateFormat::MonthDayYear,
    empty_list: EmptyList::ZeroBytes,
    asks_for_format: false,
    endpoints: &[
        COLLECTION_VALUES_LIST,
        list(
            Endpoint::Patient,
            "getPatient",
            &[COLLECTION, (Parameter::PatientId, "PatientId"), FORMAT],
            &[],
            V4_PATIENT,
        ),
        list(
            Endpoint::PatientStudy,
            "getPatientStudy",
            &[COLLECTION, PATIENT_ID, STUDY, FORMAT],
            &[],
            V4_STUDY,
        ),
        list(Endpoint::Series, "getSeries", SERIES_FILTERS, &[], V4_SERIES),
        SERIES_SIZE_LIST,
        SOP_INSTANCE_UIDS_LIST,
        list(
            Endpoint::Image,
            "getImage",
            &[SERIES, (Parameter::NewFileNames, "NewFileNames"), (Parameter::IncludeMd5, "IncludeMD5")],
            &[Parameter::SeriesInstanceUid],
            &[],
        ),
        SINGLE_IMAGE,
        list(
            Endpoint::NewPatients,
            "NewPatientsInCollection",
            &[(Parameter::Since, "fromDate"), COLLECTION, FORMAT],
            &[Parameter::Since, Parameter::Collection],
            V4_PATIENT,
        ),
        list(
            Endpoint::NewStudies,
            "NewStudiesInPatientCollection",
            &[(Parameter::Since, "fromDate"), COLLECTION, PATIENT_ID, FORMAT],
            &[Parameter::Since, Parameter::Collection],
            V4_STUDY,
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_dialect_and_where_endpoints_begin() {
        let cases = [
            ("/nbia-api/services/v4", Some((Dialect::NbiaV4, "/nbia-api/services/v4"))),
            ("/nbia-api/services/v4/", Some((Dialect::NbiaV4, "/nbia-api/services/v4"))),
            ("/lab/nbia-api/v4", Some((Dialect::NbiaV4, "/lab/nbia-api/services/v4"))),
            ("/services/v3", Some((Dialect::BindaasV3, "/services/v3/TCIA/query"))),
            ("/x/services/v3/TCIA/query/", Some((Dialect::BindaasV3, "/x/services/v3/TCIA/query"))),
            ("/nbia-api/services/v3", None),
            ("/", None),
        ];
        for (path, expected) in cases {
            let expected = expected.map(|(dialect, base)| (dialect, base.to_owned()));
            assert_eq!(Dialect::recognise(path), expected, "{path}");
        }
    }

    #[test]
    fn dates_are_read_and_written_as_each_dialect_does() {
        let v4 = DateFormat::MonthDayYear;
        assert_eq!(v4.to_iso("08-04-2023").as_deref(), Some("2023-08-04"));
        assert_eq!(v4.from_iso("2023-08-04"), "08-04-2023");
        assert_eq!(v4.to_iso("2023-08-04"), None);
        assert_eq!(DateFormat::Iso.to_iso("2015-05-27 17:12:21.0").as_deref(), Some("2015-05-27 17:12:21"));
        assert_eq!(v4.from_iso("not a date"), "not a date");
    }

    #[test]
    fn every_required_parameter_has_a_name() {
        for dialect in Dialect::ALL {
            for endpoint in dialect.description().endpoints {
                for required in endpoint.required {
                    assert!(endpoint.parameter(*required).is_some(), "{dialect} {}", endpoint.name);
                }
            }
        }
    }
}
