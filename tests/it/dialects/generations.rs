//! The five generations as their guides and sources describe them, typed by hand: nothing here comes from the table
//! that client and server share.

use super::facts::{self, Fact};
use crate::support::catalogue::SampleSeries;

/// A program, and with it the formats and how they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Bindaas,
    Archive,
}

/// One question and the rows that answer it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The endpoint, `POST ` before it where it is asked by a form.
    pub(super) endpoint: &'static str,
    /// Parameters, the format aside.
    pub(super) asked: &'static str,
    /// Which series of the catalogue it is about.
    pub(super) about: fn(&SampleSeries) -> bool,
    /// What is told of them.
    pub(super) rows: fn(&[&SampleSeries]) -> Vec<Fact>,
    /// Names on the wire, each followed by `=` and its keyword where that is another.
    pub(super) columns: &'static str,
    /// Whether it can be asked for a format.
    pub(super) has_formats: bool,
}

pub(super) struct Generation {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) server: Server,
    /// How it writes an ISO day.
    pub(super) day: fn(&str) -> String,
    pub(super) questions: Vec<Question>,
}

fn iso(day: &str) -> String {
    day.to_owned()
}

fn timestamp(day: &str) -> String {
    format!("{day} 00:00:00.0")
}

pub(super) fn month_first(day: &str) -> String {
    format!("{}-{}", &day[5..], &day[..4])
}

fn all(_series: &SampleSeries) -> bool {
    true
}

fn one(series: &SampleSeries) -> bool {
    series.series == "1.2.826.1.1.2"
}

fn of_mr(series: &SampleSeries) -> bool {
    series.modality == "MR"
}

fn of_first_patient(series: &SampleSeries) -> bool {
    series.patient_id == "TEST-0001"
}

fn late(series: &SampleSeries) -> bool {
    series.released == "2021-03-04"
}

const fn ask(
    endpoint: &'static str,
    asked: &'static str,
    about: fn(&SampleSeries) -> bool,
    rows: fn(&[&SampleSeries]) -> Vec<Fact>,
    columns: &'static str,
) -> Question {
    Question { endpoint, asked, about, rows, columns, has_formats: true }
}

const fn in_json(question: Question) -> Question {
    Question { has_formats: false, ..question }
}

const BINDAAS_PATIENT: &str = "PatientID, PatientName, PatientBirthDate, PatientSex, EthnicGroup, Collection";
const BINDAAS_STUDY: &str = "StudyInstanceUID, StudyDate, StudyDescription, AdmittingDiagnosesDescription, StudyID, \
    PatientAge, PatientID, PatientName, PatientBirthDate, PatientSex, EthnicGroup, Collection, SeriesCount";
const BINDAAS_SERIES: &str = "SeriesInstanceUID, StudyInstanceUID, Modality, ProtocolName, SeriesDate, \
    SeriesDescription, BodyPartExamined, SeriesNumber, AnnotationsFlag, Collection, PatientID, Manufacturer, \
    ManufacturerModelName, SoftwareVersions, ImageCount";

const FIRST_PATIENT: &str = "PatientId=PatientID, PatientName, PatientBirthDate, PatientSex, EthnicGroup, Collection, \
    Phantom, SpeciesCode, SpeciesDescription";
const FIRST_STUDY: &str = "StudyInstanceUID, StudyDate, StudyDescription, AdmittingDiagnosesDescription, StudyID, \
    PatientAge, PatientID, PatientName, PatientBirthDate, PatientSex, EthnicGroup, Collection, SeriesCount, \
    LongitudinalTemporalEventType, LongitudinalTemporalOffsetFromEvent";
const FIRST_SERIES: &str = "SeriesInstanceUID, StudyInstanceUID, Modality, ProtocolName, SeriesDate, \
    SeriesDescription, BodyPartExamined, SeriesNumber, AnnotationsFlag, Collection, PatientID, Manufacturer, \
    ManufacturerModelName, SoftwareVersions, ImageCount, TimeStamp=SubmissionTimestamp, LicenseName, LicenseURI, \
    CollectionURI=DataDescriptionURI, FileSize, DateReleased, StudyDesc=StudyDescription, StudyDate, \
    ThirdPartyAnalysis";
const FIRST_RELEASED: &str = "SeriesInstanceUID, StudyInstanceUID, Modality, ProtocolName, SeriesDate, \
    SeriesDescription, BodyPartExamined, SeriesNumber, AnnotationsFlag, Collection, PatientID, Manufacturer, \
    ManufacturerModelName, SoftwareVersions, ImageCount, DateReleased";
const FIRST_METADATA: &str = "Series UID=SeriesInstanceUID, Collection, 3rd Party Analysis=ThirdPartyAnalysis, \
    Data Description URI=DataDescriptionURI, Subject ID=PatientID, Study UID=StudyInstanceUID, \
    Study Description=StudyDescription, Study Date=StudyDate, Series Description=PlainDescription, Manufacturer, \
    Modality, SOP Class UID=SOPClassUID, Number of Images=ImageCount, File Size=FileSize, File Location=StudyID, \
    Series Number=SeriesNumber, License Name=LicenseName, License URL=LicenseURI, Annotation Size=AnnotationSize, \
    Date Released=JavaDate, Series Date=SeriesDate, Protocol Name=ProtocolName, \
    Body Part Examined=BodyPartExamined, Annotations Flag=AnnotationsFlag, \
    Manufacturer Model Name=ManufacturerModelName, Software Versions=SoftwareVersions, TimeStamp=JavaTimestamp";

const PATIENT: &str = "PatientId=PatientID, PatientName, PatientSex, EthnicGroup, Collection, Phantom, SpeciesCode, \
    SpeciesDescription, Authorized";
const STUDY: &str = "StudyInstanceUID, StudyDate, StudyDescription, AdmittingDiagnosesDescription, StudyID, \
    PatientAge, PatientID, PatientName, PatientSex, EthnicGroup, Collection, SeriesCount, \
    LongitudinalTemporalEventType, LongitudinalTemporalOffsetFromEvent, Authorized";
const SERIES: &str = "SeriesInstanceUID, StudyInstanceUID, Modality, ProtocolName, SeriesDate, SeriesDescription, \
    BodyPartExamined, SeriesNumber, AnnotationsFlag, Collection, Site, PatientID, PatientSex, PatientAge, \
    AdmittingDiagnosisDescription, Manufacturer, ManufacturerModelName, SoftwareVersions, ImageCount, \
    MaxSubmissionTimestamp=SubmissionTimestamp, LicenseName, LicenseURI, DataDescriptionURI, FileSize, \
    ReleasedStatus, DateReleased, StudyDesc=StudyDescription, StudyDate, ThirdPartyAnalysis, Authorized";
const METADATA: &str = "PatientID, PatientName, PatientSex, EthnicGroup, Phantom, SpeciesCode, SpeciesDescription, \
    StudyInstanceUID, StudyDate, StudyDesc=StudyDescription, AdmittingDiagnosisDescription, StudyID, PatientAge, \
    LongitudinalTemporalEventType, LongitudinalTemporalOffsetFromEvent, SeriesInstanceUID, Collection, Site, \
    Modality, ProtocolName, SeriesDate, SeriesDescription, BodyPartExamined, SeriesNumber, AnnotationsFlag, \
    Manufacturer, ManufacturerModelName, PixelSpacing(mm)-Row, SliceThickness(mm), SoftwareVersions, ImageCount, \
    MaxSubmissionTimestamp=SubmissionTimestamp, LicenseName, LicenseURI, DataDescriptionURI, FileSize, \
    ReleasedStatus, DateReleased, ThirdPartyAnalysis, Authorized";

const COLLECTIONS: Question = ask("getCollectionValues", "", all, facts::collections, "Collection");
const OF_ONE: &str = "SeriesInstanceUID=1.2.826.1.1.2";
const SIZE: Question = ask("getSeriesSize", OF_ONE, one, facts::sizes, "TotalSizeInBytes, ObjectCount");
const INSTANCES: Question = ask("getSOPInstanceUIDs", OF_ONE, one, facts::instances, "SOPInstanceUID");
const MODALITIES: Question =
    ask("getModalityValues", "Collection=CT+COLONOGRAPHY", all, facts::modalities, "Modality");
const BODY_PARTS: Question = ask("getBodyPartValues", "Modality=MR", of_mr, facts::null, "BodyPartExamined");
const MANUFACTURERS: Question =
    ask("getManufacturerValues", "Collection=CT%20COLONOGRAPHY", all, facts::null, "Manufacturer");
const METADATA_OF_ONE: &str = "list=1.2.826.1.1.2,1.2.3";

fn bindaas(path: &'static str, name: &'static str, more: &[Question]) -> Generation {
    let common = [
        COLLECTIONS,
        MODALITIES,
        BODY_PARTS,
        MANUFACTURERS,
        ask("getPatient", "Collection=CT+COLONOGRAPHY", all, facts::patients, BINDAAS_PATIENT),
        ask("getPatientStudy", "PatientID=TEST-0001", of_first_patient, facts::studies, BINDAAS_STUDY),
        ask("getSeries", "Modality=MR", of_mr, facts::series, BINDAAS_SERIES),
        SIZE,
    ];
    let questions = common.iter().chain(more).copied().collect();
    Generation { name, path, server: Server::Bindaas, day: iso, questions }
}

fn bindaas_v3() -> [Question; 6] {
    let since = "Collection=CT+COLONOGRAPHY&Date=2021-03-04";
    [
        INSTANCES,
        ask("getSeries", OF_ONE, one, facts::series, BINDAAS_SERIES),
        ask(
            "PatientsByModality",
            "Collection=CT+COLONOGRAPHY&Modality=MR",
            of_mr,
            facts::patient_ids,
            "PatientID",
        ),
        ask("NewPatientsInCollection", since, late, facts::patients, BINDAAS_PATIENT),
        ask("NewStudiesInPatientCollection", since, late, facts::studies, BINDAAS_STUDY),
        in_json(ask("../../SharedList/query/ContentsByName", "name=x", all, facts::nothing, BINDAAS_SERIES)),
    ]
}

fn first_server(path: &'static str, name: &'static str) -> Generation {
    let of_modality = "Collection=CT+COLONOGRAPHY&Modality=MR";
    let since = "Collection=CT+COLONOGRAPHY&Date=2021/03/03";
    let questions = vec![
        COLLECTIONS,
        MODALITIES,
        BODY_PARTS,
        MANUFACTURERS,
        ask("getPatient", "PatientId=TEST-0001", of_first_patient, facts::patients, FIRST_PATIENT),
        ask(
            "getPatientByCollectionAndModality",
            of_modality,
            of_mr,
            facts::patient_ids,
            "PatientId=PatientID",
        ),
        ask("getPatientStudy", "Collection=CT+COLONOGRAPHY", all, facts::studies, FIRST_STUDY),
        ask("getSeries", "Collection=ct+colonography", all, facts::series, FIRST_SERIES),
        SIZE,
        INSTANCES,
        ask("NewPatientsInCollection", since, late, facts::patients, FIRST_PATIENT),
        ask("NewStudiesInPatientCollection", since, late, facts::studies, FIRST_STUDY),
        ask("getUpdatedSeries", "fromDate=03/03/2021", late, facts::series, FIRST_RELEASED),
        ask("getSeriesMetaData", OF_ONE, one, facts::metadata, FIRST_METADATA),
        in_json(ask("getContentsByName", "name=x", all, facts::nothing, FIRST_RELEASED)),
    ];
    Generation { name, path, server: Server::Archive, day: timestamp, questions }
}

fn version_4() -> Generation {
    let of_modality = "Collection=CT+COLONOGRAPHY&Modality=mr";
    let since = "Collection=CT+COLONOGRAPHY&fromDate=03-04-2021";
    let by_id = "PatientId=PatientID, Authorized";
    let counts = |endpoint, asked, about, rows, columns| in_json(ask(endpoint, asked, about, rows, columns));
    let questions = vec![
        COLLECTIONS,
        MODALITIES,
        BODY_PARTS,
        MANUFACTURERS,
        ask("getPatient", "PatientId=test-0001", of_first_patient, facts::patients, PATIENT),
        ask("getPatientByCollectionAndModality", of_modality, of_mr, facts::patient_ids, by_id),
        ask("getPatientStudy", "StudyInstanceUID=1.2.826.1.1", of_first_patient, facts::studies, STUDY),
        ask("getSeries", "", all, facts::series, SERIES),
        SIZE,
        INSTANCES,
        ask("NewPatientsInCollection", since, late, facts::patients, PATIENT),
        ask("NewStudiesInPatientCollection", since, late, facts::studies, STUDY),
        ask("getUpdatedSeries", "fromDate=03-03-2021", late, facts::series, SERIES),
        ask("POST getSeriesMetadata", METADATA_OF_ONE, one, facts::metadata, METADATA),
        counts(
            "getCollectionValuesAndCounts",
            "",
            all,
            facts::collection_counts,
            "Collection, Count, Authorized",
        ),
        counts("getModalityValuesAndCounts", "", all, facts::modality_counts, "Modality, Count, Authorized"),
        counts("getBodyPartValuesAndCounts", "", all, facts::null_counts, "BodyPart, Count, Authorized"),
        counts(
            "getManufacturerValuesAndCounts",
            "",
            all,
            facts::null_counts,
            "Manufacturer, Count, Authorized",
        ),
        counts("getSpeciesValuesAndCounts", "", all, facts::null_counts, "Species, Count, Authorized"),
    ];
    let path = "/nbia-api/services/v4";
    Generation { name: "nbia-v4", path, server: Server::Archive, day: month_first, questions }
}

/// All of them.
pub(super) fn generations() -> [Generation; 5] {
    [
        bindaas("/services/TCIA/TCIA/query", "bindaas-v1", &[]),
        bindaas("/services/v3/TCIA/query", "bindaas-v3", &bindaas_v3()),
        first_server("/nbia-api/services/v1", "nbia-v1"),
        first_server("/nbia-api/services/v2", "nbia-v2"),
        version_4(),
    ]
}
