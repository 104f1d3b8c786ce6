//! What can be asked, and how one generation wants to be asked.

use super::Dialect;
use super::column::Column;
use super::date::DateFormat;

/// What can be asked of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Endpoint {
    /// Names of all collections.
    CollectionValues,
    /// Modalities of the series that a filter takes.
    ModalityValues,
    /// Body parts of the series that a filter takes.
    BodyPartValues,
    /// Manufacturers of the series that a filter takes.
    ManufacturerValues,
    /// Patients of a collection.
    Patient,
    /// The patients of a collection that have a series of a modality, by their IDs.
    PatientsByModality,
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
    /// One series as a ZIP without a licence, closed by a list of MD5s.
    ImageWithMd5Hash,
    /// One instance as a DICOM file.
    SingleImage,
    /// Patients added to a collection since a day.
    NewPatients,
    /// Studies added to a collection since a day.
    NewStudies,
    /// Series released after a day.
    UpdatedSeries,
    /// Everything that is known of some series, by their UIDs.
    SeriesMetadata,
    /// The series of a list that somebody has shared under a name.
    SharedList,
    /// One MD5 over all images of a series, a study, a patient or a collection.
    Md5Hierarchy,
    /// The MD5 of one image.
    ImageMd5,
    /// What each collection is, as HTML, with its DOI.
    CollectionDescriptions,
    /// Collections with the number of their patients.
    CollectionCounts,
    /// Modalities with the number of their patients.
    ModalityCounts,
    /// Body parts with the number of their patients.
    BodyPartCounts,
    /// Manufacturers with the number of their patients.
    ManufacturerCounts,
    /// Species with the number of their patients.
    SpeciesCounts,
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
    /// The name of a shared list.
    Name,
    /// SeriesInstanceUIDs with commas between them.
    SeriesList,
    /// How a list is written.
    Format,
}

/// How a question travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET, parameters in the query.
    Get,
    /// POST, parameters as a form in the body.
    Form,
}

/// What comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Rows.
    List,
    /// One short text.
    Text,
    /// A ZIP of DICOM files.
    Zip,
    /// A DICOM file.
    Dicom,
}

impl Answer {
    /// Whether it is an image, which is large and asked for at a pace of its own.
    pub fn is_image(self) -> bool {
        matches!(self, Self::Zip | Self::Dicom)
    }
}

/// How a list without rows is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EmptyList {
    /// `[]`.
    Brackets,
    /// Status 200 and no byte.
    ZeroBytes,
    /// Status 204.
    NoContent,
}

/// Which library writes the JSON of a list; each has its own way with nulls and slashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JsonStyle {
    /// Nulls have no key.
    Gson,
    /// Nulls have no key, slashes are escaped.
    Jettison,
    /// Nulls are written.
    Jackson,
}

/// Parameters and their names on the wire.
pub(super) type Parameters = &'static [(Parameter, &'static str)];

/// One endpoint as one dialect offers it.
#[derive(Clone, Copy, Debug)]
pub struct EndpointDescription {
    /// Which it is.
    pub endpoint: Endpoint,
    /// The last component of its path.
    pub name: &'static str,
    /// The way to that component from the path of the dialect; empty for most.
    pub place: &'static str,
    /// How it is asked.
    pub method: Method,
    /// What it answers.
    pub answer: Answer,
    /// What it can be told.
    pub parameters: Parameters,
    /// Without which of them the service refuses.
    pub required: &'static [Parameter],
    /// Whether it refuses parameters that it does not know.
    pub refuses_unknown_parameters: bool,
    /// Whether a list must be asked for as JSON by name.
    pub asks_for_format: bool,
    /// Columns of the list; empty for what is no list.
    pub columns: &'static [Column],
    /// Days in its rows.
    pub dates: DateFormat,
    /// Days in its parameters.
    pub asked_dates: DateFormat,
    /// Its list without rows.
    pub empty_list: EmptyList,
    /// Who writes its JSON.
    pub json: JsonStyle,
    /// Whether its JSON writes numbers as texts.
    pub has_only_texts: bool,
}

/// How the tables are written: each row says in what it differs from the one that it begins with.
impl EndpointDescription {
    pub(super) const fn called(self, endpoint: Endpoint, name: &'static str) -> Self {
        Self { endpoint, name, ..self }
    }

    pub(super) const fn told(self, parameters: Parameters) -> Self {
        Self { parameters, ..self }
    }

    pub(super) const fn needing(self, required: &'static [Parameter]) -> Self {
        Self { required, ..self }
    }

    pub(super) const fn listing(self, columns: &'static [Column]) -> Self {
        Self { columns, ..self }
    }

    pub(super) const fn answering(self, answer: Answer) -> Self {
        Self { answer, asks_for_format: false, columns: &[], ..self }
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

pub(super) const FORMAT: (Parameter, &str) = (Parameter::Format, "format");
pub(super) const COLLECTION: (Parameter, &str) = (Parameter::Collection, "Collection");
pub(super) const PATIENT_ID: (Parameter, &str) = (Parameter::PatientId, "PatientID");
pub(super) const STUDY: (Parameter, &str) = (Parameter::StudyInstanceUid, "StudyInstanceUID");
pub(super) const SERIES: (Parameter, &str) = (Parameter::SeriesInstanceUid, "SeriesInstanceUID");
pub(super) const SOP: (Parameter, &str) = (Parameter::SopInstanceUid, "SOPInstanceUID");
pub(super) const MODALITY: (Parameter, &str) = (Parameter::Modality, "Modality");
pub(super) const BODY_PART: (Parameter, &str) = (Parameter::BodyPartExamined, "BodyPartExamined");
pub(super) const NEW_FILE_NAMES: (Parameter, &str) = (Parameter::NewFileNames, "NewFileNames");
pub(super) const DATE: (Parameter, &str) = (Parameter::Since, "Date");
pub(super) const FROM_DATE: (Parameter, &str) = (Parameter::Since, "fromDate");
pub(super) const NAME: (Parameter, &str) = (Parameter::Name, "name");

pub(super) const OF_SERIES: &[Parameter] = &[Parameter::SeriesInstanceUid];
pub(super) const OF_INSTANCE: &[Parameter] = &[Parameter::SeriesInstanceUid, Parameter::SopInstanceUid];
pub(super) const OF_COLLECTION_SINCE: &[Parameter] = &[Parameter::Since, Parameter::Collection];
pub(super) const OF_MODALITY: &[Parameter] = &[Parameter::Collection, Parameter::Modality];

pub(super) const SERIES_FILTERS: Parameters = &[
    COLLECTION,
    PATIENT_ID,
    STUDY,
    SERIES,
    MODALITY,
    BODY_PART,
    (Parameter::Manufacturer, "Manufacturer"),
    (Parameter::ManufacturerModelName, "ManufacturerModelName"),
    FORMAT,
];
