//! The archive's own server, first and second version: the same lists, once for guests and once for a token.
//!
//! Source: CBIIT/NBIA-TCIA 865725e, `restAPI/V1_*.java` and `restAPI/V2_*.java`.

use super::column::{
    BODY_PART_VALUES, COLLECTION_VALUES, Column, MANUFACTURER_VALUES, MODALITY_VALUES, PHANTOM, SERIES_SIZE,
    SOP_INSTANCE_UIDS, SPECIES_CODE, SPECIES_DESCRIPTION, count, date, flag, number, text,
};
use super::date::DateFormat;
use super::endpoint::{
    Answer, BODY_PART, COLLECTION, DATE, EmptyList, Endpoint, EndpointDescription, FORMAT, FROM_DATE,
    JsonStyle, MODALITY, Method, NAME, NEW_FILE_NAMES, OF_COLLECTION_SINCE, OF_INSTANCE, OF_MODALITY,
    OF_SERIES, PATIENT_ID, Parameter, SERIES, SERIES_FILTERS, SOP, STUDY,
};
use super::{Access, Description, Family, nbia_v4};

const PATIENT: &[Column] = &[
    text("PatientID").sent_as("PatientId"),
    text("PatientName"),
    date("PatientBirthDate"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
    PHANTOM,
    SPECIES_CODE,
    SPECIES_DESCRIPTION,
];

const PATIENT_STUDY: &[Column] = &[
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
    text("LongitudinalTemporalEventType"),
    number("LongitudinalTemporalOffsetFromEvent"),
];

const SERIES_COLUMNS: &[Column] = &[
    text("SeriesInstanceUID"),
    text("StudyInstanceUID"),
    text("Modality"),
    text("ProtocolName"),
    date("SeriesDate"),
    text("SeriesDescription"),
    text("BodyPartExamined"),
    number("SeriesNumber"),
    flag("AnnotationsFlag"),
    text("Collection"),
    text("PatientID"),
    text("Manufacturer"),
    text("ManufacturerModelName"),
    text("SoftwareVersions"),
    count("ImageCount"),
    date("SubmissionTimestamp").sent_as("TimeStamp"),
    text("LicenseName"),
    text("LicenseURI"),
    text("DataDescriptionURI").sent_as("CollectionURI"),
    count("FileSize"),
    date("DateReleased"),
    text("StudyDescription").sent_as("StudyDesc"),
    date("StudyDate"),
    text("ThirdPartyAnalysis"),
];

const fn released(name: &'static str) -> [Column; 16] {
    [
        text("SeriesInstanceUID"),
        text("StudyInstanceUID"),
        text("Modality"),
        text("ProtocolName"),
        date("SeriesDate"),
        text("SeriesDescription"),
        text("BodyPartExamined"),
        number("SeriesNumber"),
        flag("AnnotationsFlag"),
        text("Collection"),
        text("PatientID"),
        text("Manufacturer"),
        text("ManufacturerModelName"),
        text("SoftwareVersions"),
        count("ImageCount"),
        date("DateReleased").sent_as(name),
    ]
}

/// Columns with names for people; the place of a file that they tell is the `StudyID`.
const SERIES_METADATA: &[Column] = &[
    text("SeriesInstanceUID").sent_as("Series UID"),
    text("Collection"),
    text("ThirdPartyAnalysis").sent_as("3rd Party Analysis"),
    text("DataDescriptionURI").sent_as("Data Description URI"),
    text("PatientID").sent_as("Subject ID"),
    text("StudyInstanceUID").sent_as("Study UID"),
    text("StudyDescription").sent_as("Study Description"),
    date("StudyDate").sent_as("Study Date"),
    text("SeriesDescription").sent_as("Series Description"),
    text("Manufacturer"),
    text("Modality"),
    text("SOPClassUID").sent_as("SOP Class UID"),
    count("ImageCount").sent_as("Number of Images"),
    count("FileSize").sent_as("File Size"),
    text("StudyID").sent_as("File Location"),
    number("SeriesNumber").sent_as("Series Number"),
    text("LicenseName").sent_as("License Name"),
    text("LicenseURI").sent_as("License URL"),
    number("AnnotationSize").sent_as("Annotation Size"),
    text("DateReleased").sent_as("Date Released"),
    date("SeriesDate").sent_as("Series Date"),
    text("ProtocolName").sent_as("Protocol Name"),
    text("BodyPartExamined").sent_as("Body Part Examined"),
    text("AnnotationsFlag").sent_as("Annotations Flag"),
    text("ManufacturerModelName").sent_as("Manufacturer Model Name"),
    text("SoftwareVersions").sent_as("Software Versions"),
    text("SubmissionTimestamp").sent_as("TimeStamp"),
];

const LIST: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::CollectionValues,
    name: "getCollectionValues",
    place: "",
    method: Method::Get,
    answer: Answer::List,
    parameters: &[FORMAT],
    required: &[],
    refuses_unknown_parameters: false,
    asks_for_format: false,
    columns: COLLECTION_VALUES,
    dates: DateFormat::Timestamp,
    asked_dates: DateFormat::YearMonthDay,
    empty_list: EmptyList::ZeroBytes,
    json: JsonStyle::Jettison,
    has_only_texts: false,
};

const IMAGE: EndpointDescription = LIST
    .called(Endpoint::Image, "getImage")
    .answering(Answer::Zip)
    .told(&[SERIES, NEW_FILE_NAMES])
    .needing(OF_SERIES);

const SERIES_SIZES: EndpointDescription = LIST
    .called(Endpoint::SeriesSize, "getSeriesSize")
    .told(&[SERIES, FORMAT])
    .needing(OF_SERIES)
    .listing(SERIES_SIZE);

/// What both versions offer.
const COMMON: [EndpointDescription; 18] = [
    LIST,
    LIST.called(Endpoint::ModalityValues, "getModalityValues")
        .told(&[COLLECTION, BODY_PART, FORMAT])
        .listing(MODALITY_VALUES),
    LIST.called(Endpoint::BodyPartValues, "getBodyPartValues")
        .told(&[COLLECTION, MODALITY, FORMAT])
        .listing(BODY_PART_VALUES),
    LIST.called(Endpoint::ManufacturerValues, "getManufacturerValues")
        .told(&[COLLECTION, MODALITY, BODY_PART, FORMAT])
        .listing(MANUFACTURER_VALUES),
    LIST.called(Endpoint::Patient, "getPatient")
        .told(&[COLLECTION, (Parameter::PatientId, "PatientId"), FORMAT])
        .listing(PATIENT),
    LIST.called(Endpoint::PatientsByModality, "getPatientByCollectionAndModality")
        .told(&[COLLECTION, MODALITY, FORMAT])
        .needing(OF_MODALITY)
        .listing(&[text("PatientID").sent_as("PatientId")]),
    LIST.called(Endpoint::PatientStudy, "getPatientStudy")
        .told(&[COLLECTION, PATIENT_ID, STUDY, FORMAT])
        .listing(PATIENT_STUDY),
    LIST.called(Endpoint::Series, "getSeries").told(SERIES_FILTERS).listing(SERIES_COLUMNS),
    SERIES_SIZES,
    SERIES_SIZES.called(Endpoint::SopInstanceUids, "getSOPInstanceUIDs").listing(SOP_INSTANCE_UIDS),
    IMAGE,
    IMAGE.called(Endpoint::ImageWithMd5Hash, "getImageWithMD5Hash").told(&[SERIES]),
    IMAGE
        .called(Endpoint::SingleImage, "getSingleImage")
        .answering(Answer::Dicom)
        .told(&[SERIES, SOP])
        .needing(OF_INSTANCE),
    LIST.called(Endpoint::NewPatients, "NewPatientsInCollection")
        .told(&[DATE, COLLECTION, FORMAT])
        .needing(OF_COLLECTION_SINCE)
        .listing(PATIENT),
    LIST.called(Endpoint::NewStudies, "NewStudiesInPatientCollection")
        .told(&[DATE, COLLECTION, PATIENT_ID, FORMAT])
        .needing(OF_COLLECTION_SINCE)
        .listing(PATIENT_STUDY),
    EndpointDescription {
        asked_dates: DateFormat::DayMonthYear,
        ..LIST
            .called(Endpoint::UpdatedSeries, "getUpdatedSeries")
            .told(&[FROM_DATE, FORMAT])
            .listing(&released("DateReleased"))
    },
    EndpointDescription {
        dates: DateFormat::MonthDayYear,
        empty_list: EmptyList::NoContent,
        has_only_texts: true,
        ..LIST
            .called(Endpoint::SeriesMetadata, "getSeriesMetaData")
            .told(&[SERIES, FORMAT])
            .needing(OF_SERIES)
            .listing(SERIES_METADATA)
    },
    LIST.called(Endpoint::SharedList, "getContentsByName")
        .told(&[NAME])
        .needing(&[Parameter::Name])
        .listing(&released("Date Released")),
];

/// What stands above the versions; the archive's server asks for a token there.
const WITH_TOKEN: [EndpointDescription; 2] = [
    EndpointDescription { place: "../", refuses_unknown_parameters: false, ..nbia_v4::MD5_HIERARCHY },
    EndpointDescription { place: "../", refuses_unknown_parameters: false, ..nbia_v4::DESCRIPTIONS },
];

pub(super) static V1: Description = Description {
    name: "nbia-v1",
    family: Family::Nbia,
    path: "/nbia-api/services/v1",
    other_paths: &[("/nbia-api/v1", "/nbia-api/services/v1")],
    nearest_paths: &[],
    access: Access::Guest,
    describes_endpoints: false,
    denial: ["Image with given SeriesInstanceUID,", ", is not in public domain."],
    endpoints: &[&COMMON],
};

pub(super) static V2: Description = Description {
    name: "nbia-v2",
    family: Family::Nbia,
    path: "/nbia-api/services/v2",
    other_paths: &[("/nbia-api/v2", "/nbia-api/services/v2")],
    nearest_paths: &[],
    access: Access::Token,
    describes_endpoints: false,
    denial: nbia_v4::DENIAL,
    endpoints: &[&COMMON, &WITH_TOKEN],
};
