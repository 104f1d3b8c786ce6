//! The archive's own server, fourth version: what runs today. (Its third version is user administration.)
//!
//! Source: CBIIT/NBIA-TCIA 865725e, `restAPI/v4/*.java`.

use super::column::{
    BODY_PART_VALUES, COLLECTION_VALUES, Column, MANUFACTURER_VALUES, MODALITY_VALUES, SERIES_SIZE,
    SOP_INSTANCE_UIDS, count, date, number, text,
};
use super::date::DateFormat;
use super::endpoint::{
    Answer, BODY_PART, COLLECTION, EmptyList, Endpoint, EndpointDescription, FORMAT, FROM_DATE, JsonStyle,
    MODALITY, Method, NEW_FILE_NAMES, OF_COLLECTION_SINCE, OF_INSTANCE, OF_MODALITY, OF_SERIES, PATIENT_ID,
    Parameter, SERIES, SERIES_FILTERS, SOP, STUDY,
};
use super::{Access, Description, Family};

const PATIENT: &[Column] = &[
    text("PatientID").sent_as("PatientId"),
    text("PatientName"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
    text("Phantom"),
    text("SpeciesCode"),
    text("SpeciesDescription"),
    number("Authorized"),
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
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
    count("SeriesCount"),
    text("LongitudinalTemporalEventType"),
    number("LongitudinalTemporalOffsetFromEvent"),
    number("Authorized"),
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
    text("AnnotationsFlag"),
    text("Collection"),
    text("Site"),
    text("PatientID"),
    text("PatientSex"),
    text("PatientAge"),
    text("AdmittingDiagnosesDescription").sent_as("AdmittingDiagnosisDescription"),
    text("Manufacturer"),
    text("ManufacturerModelName"),
    text("SoftwareVersions"),
    count("ImageCount"),
    date("SubmissionTimestamp").sent_as("MaxSubmissionTimestamp"),
    text("LicenseName"),
    text("LicenseURI"),
    text("DataDescriptionURI"),
    count("FileSize"),
    text("ReleasedStatus"),
    date("DateReleased"),
    text("StudyDescription").sent_as("StudyDesc"),
    date("StudyDate"),
    text("ThirdPartyAnalysis"),
    number("Authorized"),
];

const SERIES_METADATA: &[Column] = &[
    text("PatientID"),
    text("PatientName"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Phantom"),
    text("SpeciesCode"),
    text("SpeciesDescription"),
    text("StudyInstanceUID"),
    date("StudyDate"),
    text("StudyDescription").sent_as("StudyDesc"),
    text("AdmittingDiagnosesDescription").sent_as("AdmittingDiagnosisDescription"),
    text("StudyID"),
    text("PatientAge"),
    text("LongitudinalTemporalEventType"),
    number("LongitudinalTemporalOffsetFromEvent"),
    text("SeriesInstanceUID"),
    text("Collection"),
    text("Site"),
    text("Modality"),
    text("ProtocolName"),
    date("SeriesDate"),
    text("SeriesDescription"),
    text("BodyPartExamined"),
    number("SeriesNumber"),
    text("AnnotationsFlag"),
    text("Manufacturer"),
    text("ManufacturerModelName"),
    number("PixelSpacing").sent_as("PixelSpacing(mm)-Row"),
    number("SliceThickness").sent_as("SliceThickness(mm)"),
    text("SoftwareVersions"),
    count("ImageCount"),
    date("SubmissionTimestamp").sent_as("MaxSubmissionTimestamp"),
    text("LicenseName"),
    text("LicenseURI"),
    text("DataDescriptionURI"),
    count("FileSize"),
    text("ReleasedStatus"),
    date("DateReleased"),
    text("ThirdPartyAnalysis"),
    number("Authorized"),
];

const COLLECTION_DESCRIPTIONS: &[Column] = &[
    text("Description").sent_as("description"),
    count("Id").sent_as("id"),
    text("Collection").sent_as("collectionName"),
    text("DataDescriptionURI").sent_as("descriptionURI"),
];

const COLLECTION_COUNTS: &[Column] = &[text("Collection"), count("Count"), number("Authorized")];
const MODALITY_COUNTS: &[Column] = &[text("Modality"), count("Count"), number("Authorized")];
const BODY_PART_COUNTS: &[Column] =
    &[text("BodyPartExamined").sent_as("BodyPart"), count("Count"), number("Authorized")];
const MANUFACTURER_COUNTS: &[Column] = &[text("Manufacturer"), count("Count"), number("Authorized")];
const SPECIES_COUNTS: &[Column] =
    &[text("SpeciesDescription").sent_as("Species"), count("Count"), number("Authorized")];

const LIST: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::CollectionValues,
    name: "getCollectionValues",
    place: "",
    method: Method::Get,
    answer: Answer::List,
    parameters: &[FORMAT],
    required: &[],
    refuses_unknown_parameters: true,
    asks_for_format: false,
    columns: COLLECTION_VALUES,
    dates: DateFormat::MonthDayYear,
    asked_dates: DateFormat::MonthDayYear,
    empty_list: EmptyList::ZeroBytes,
    json: JsonStyle::Jettison,
    has_only_texts: false,
};

const IMAGE: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::Image,
    name: "getImage",
    answer: Answer::Zip,
    parameters: &[SERIES, NEW_FILE_NAMES, (Parameter::IncludeMd5, "IncludeMD5")],
    required: OF_SERIES,
    columns: &[],
    ..LIST
};

const SERIES_SIZES: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::SeriesSize,
    name: "getSeriesSize",
    parameters: &[SERIES, FORMAT],
    required: OF_SERIES,
    columns: SERIES_SIZE,
    ..LIST
};

/// One MD5 over the MD5s of all images below a series, a study, a patient or a collection: exactly one of them.
pub(super) const MD5_HIERARCHY: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::Md5Hierarchy,
    name: "getMD5Hierarchy",
    method: Method::Form,
    answer: Answer::Text,
    parameters: &[SERIES, STUDY, PATIENT_ID, COLLECTION],
    columns: &[],
    ..LIST
};

pub(super) const DESCRIPTIONS: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::CollectionDescriptions,
    name: "getCollectionDescriptions",
    parameters: &[(Parameter::Collection, "collectionName")],
    columns: COLLECTION_DESCRIPTIONS,
    empty_list: EmptyList::Brackets,
    json: JsonStyle::Jackson,
    ..LIST
};

/// What the server says of a series that it does not hand out, around its UID; version 2 says the same.
pub(super) const DENIAL: [&str; 2] = [
    "The user has not been granted the access to image with given SeriesInstanceUID,",
    ". Please contact System Admin to resolve this issue.",
];

pub(super) static V4: Description = Description {
    name: "nbia-v4",
    family: Family::Nbia,
    path: "/nbia-api/services/v4",
    other_paths: &[("/nbia-api/v4", "/nbia-api/services/v4")],
    nearest_paths: &[],
    access: Access::GuestOrToken,
    describes_endpoints: false,
    denial: DENIAL,
    endpoints: &[&[
        LIST,
        EndpointDescription {
            endpoint: Endpoint::ModalityValues,
            name: "getModalityValues",
            parameters: &[COLLECTION, BODY_PART, FORMAT],
            columns: MODALITY_VALUES,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::BodyPartValues,
            name: "getBodyPartValues",
            parameters: &[COLLECTION, MODALITY, FORMAT],
            columns: BODY_PART_VALUES,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::ManufacturerValues,
            name: "getManufacturerValues",
            parameters: &[COLLECTION, MODALITY, BODY_PART, FORMAT],
            columns: MANUFACTURER_VALUES,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::Patient,
            name: "getPatient",
            parameters: &[COLLECTION, (Parameter::PatientId, "PatientId"), FORMAT],
            columns: PATIENT,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::PatientsByModality,
            name: "getPatientByCollectionAndModality",
            parameters: &[COLLECTION, MODALITY, FORMAT],
            required: OF_MODALITY,
            columns: &[text("PatientID").sent_as("PatientId"), number("Authorized")],
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::PatientStudy,
            name: "getPatientStudy",
            parameters: &[COLLECTION, PATIENT_ID, STUDY, FORMAT],
            columns: PATIENT_STUDY,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::Series,
            name: "getSeries",
            parameters: SERIES_FILTERS,
            columns: SERIES_COLUMNS,
            ..LIST
        },
        SERIES_SIZES,
        EndpointDescription {
            endpoint: Endpoint::SopInstanceUids,
            name: "getSOPInstanceUIDs",
            columns: SOP_INSTANCE_UIDS,
            ..SERIES_SIZES
        },
        IMAGE,
        EndpointDescription {
            endpoint: Endpoint::ImageWithMd5Hash,
            name: "getImageWithMD5Hash",
            parameters: &[SERIES],
            ..IMAGE
        },
        EndpointDescription {
            endpoint: Endpoint::SingleImage,
            name: "getSingleImage",
            answer: Answer::Dicom,
            parameters: &[SERIES, SOP],
            required: OF_INSTANCE,
            ..IMAGE
        },
        EndpointDescription {
            endpoint: Endpoint::NewPatients,
            name: "NewPatientsInCollection",
            parameters: &[FROM_DATE, COLLECTION, FORMAT],
            required: OF_COLLECTION_SINCE,
            columns: PATIENT,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::NewStudies,
            name: "NewStudiesInPatientCollection",
            parameters: &[FROM_DATE, COLLECTION, PATIENT_ID, FORMAT],
            required: OF_COLLECTION_SINCE,
            columns: PATIENT_STUDY,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::UpdatedSeries,
            name: "getUpdatedSeries",
            parameters: &[FROM_DATE, FORMAT],
            columns: SERIES_COLUMNS,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::SeriesMetadata,
            name: "getSeriesMetadata",
            method: Method::Form,
            parameters: &[(Parameter::SeriesList, "list"), FORMAT],
            required: &[Parameter::SeriesList],
            refuses_unknown_parameters: false,
            // without it, and with CSV, it sends a file of CSV
            asks_for_format: true,
            columns: SERIES_METADATA,
            ..LIST
        },
        MD5_HIERARCHY,
        DESCRIPTIONS,
        EndpointDescription {
            endpoint: Endpoint::CollectionCounts,
            name: "getCollectionValuesAndCounts",
            parameters: &[],
            columns: COLLECTION_COUNTS,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::ModalityCounts,
            name: "getModalityValuesAndCounts",
            parameters: &[COLLECTION, BODY_PART],
            columns: MODALITY_COUNTS,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::BodyPartCounts,
            name: "getBodyPartValuesAndCounts",
            parameters: &[COLLECTION, MODALITY],
            columns: BODY_PART_COUNTS,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::ManufacturerCounts,
            name: "getManufacturerValuesAndCounts",
            parameters: &[COLLECTION, MODALITY, BODY_PART],
            columns: MANUFACTURER_COUNTS,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::SpeciesCounts,
            name: "getSpeciesValuesAndCounts",
            parameters: &[],
            columns: SPECIES_COUNTS,
            ..LIST
        },
    ]],
};
