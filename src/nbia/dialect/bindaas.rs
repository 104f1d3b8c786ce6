//! The archive's API until 2022, by the middleware of that time (sharmalab/bindaas), in its first and third version.
//!
//! Sources: the archive's API guides of these versions.

use super::column::{
    BODY_PART_VALUES, COLLECTION_VALUES, Column, MANUFACTURER_VALUES, MODALITY_VALUES, SERIES_SIZE,
    SOP_INSTANCE_UIDS, count, date, number, text,
};
use super::date::DateFormat;
use super::endpoint::{
    Answer, BODY_PART, COLLECTION, DATE, EmptyList, Endpoint, EndpointDescription, FORMAT, JsonStyle,
    MODALITY, Method, NAME, OF_COLLECTION_SINCE, OF_INSTANCE, OF_MODALITY, OF_SERIES, PATIENT_ID, Parameter,
    SERIES, SERIES_FILTERS, SOP, STUDY,
};
use super::{Access, Description, Family};

const PATIENT: &[Column] = &[
    text("PatientID"),
    text("PatientName"),
    date("PatientBirthDate"),
    text("PatientSex"),
    text("EthnicGroup"),
    text("Collection"),
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
    text("PatientID"),
    text("Manufacturer"),
    text("ManufacturerModelName"),
    text("SoftwareVersions"),
    count("ImageCount"),
];

/// The columns of a shared list as the archive's own server sends them; those of Bindaas are not known.
const SHARED_LIST: &[Column] = &[
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
    date("DateReleased").sent_as("Date Released"),
];

const VALUE_FILTERS: &[(Parameter, &str)] = &[COLLECTION, BODY_PART, MODALITY, FORMAT];

/// What the endpoints have in common; the default form of a list is not known, so that it is always asked for.
const LIST: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::CollectionValues,
    name: "getCollectionValues",
    place: "",
    method: Method::Get,
    answer: Answer::List,
    parameters: &[FORMAT],
    required: &[],
    refuses_unknown_parameters: false,
    asks_for_format: true,
    columns: COLLECTION_VALUES,
    dates: DateFormat::Iso,
    asked_dates: DateFormat::Iso,
    empty_list: EmptyList::Brackets,
    json: JsonStyle::Gson,
    has_only_texts: false,
};

const MODALITIES: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::ModalityValues,
    name: "getModalityValues",
    parameters: VALUE_FILTERS,
    columns: MODALITY_VALUES,
    ..LIST
};
const BODY_PARTS: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::BodyPartValues,
    name: "getBodyPartValues",
    columns: BODY_PART_VALUES,
    ..MODALITIES
};
const MANUFACTURERS: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::ManufacturerValues,
    name: "getManufacturerValues",
    columns: MANUFACTURER_VALUES,
    ..MODALITIES
};
const PATIENTS: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::Patient,
    name: "getPatient",
    parameters: &[COLLECTION, FORMAT],
    columns: PATIENT,
    ..LIST
};
const STUDIES: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::PatientStudy,
    name: "getPatientStudy",
    parameters: &[COLLECTION, PATIENT_ID, STUDY, FORMAT],
    columns: PATIENT_STUDY,
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
const IMAGE: EndpointDescription = EndpointDescription {
    endpoint: Endpoint::Image,
    name: "getImage",
    answer: Answer::Zip,
    parameters: &[SERIES],
    required: OF_SERIES,
    asks_for_format: false,
    columns: &[],
    ..LIST
};

pub(super) static V1: Description = Description {
    name: "bindaas-v1",
    family: Family::Bindaas,
    path: "/services/TCIA/TCIA/query",
    other_paths: &[
        ("/services/TCIA/TCIA", "/services/TCIA/TCIA/query"),
        ("/services/TCIA", "/services/TCIA/TCIA/query"),
    ],
    nearest_paths: &[],
    access: Access::Key,
    describes_endpoints: true,
    denial: ["", ""],
    endpoints: &[&[
        LIST,
        MODALITIES,
        BODY_PARTS,
        MANUFACTURERS,
        PATIENTS,
        STUDIES,
        EndpointDescription {
            endpoint: Endpoint::Series,
            name: "getSeries",
            parameters: &[COLLECTION, PATIENT_ID, STUDY, MODALITY, FORMAT],
            columns: SERIES_COLUMNS,
            ..LIST
        },
        SERIES_SIZES,
        IMAGE,
    ]],
};

pub(super) static V3: Description = Description {
    name: "bindaas-v3",
    family: Family::Bindaas,
    access: Access::Key,
    describes_endpoints: true,
    denial: ["", ""],
    path: "/services/v3/TCIA/query",
    other_paths: &[
        ("/services/v3/TCIA", "/services/v3/TCIA/query"),
        ("/services/v3", "/services/v3/TCIA/query"),
    ],
    nearest_paths: &[
        ("/services/v2/TCIA/query", "/services/v2/TCIA/query"),
        ("/services/v2/TCIA", "/services/v2/TCIA/query"),
        ("/services/v2", "/services/v2/TCIA/query"),
        ("/services/v4/TCIA/query", "/services/v4/TCIA/query"),
        ("/services/v4/TCIA", "/services/v4/TCIA/query"),
    ],
    endpoints: &[&[
        LIST,
        EndpointDescription { parameters: &[COLLECTION, BODY_PART, FORMAT], ..MODALITIES },
        EndpointDescription { parameters: &[COLLECTION, MODALITY, FORMAT], ..BODY_PARTS },
        EndpointDescription { parameters: &[COLLECTION, MODALITY, BODY_PART, FORMAT], ..MANUFACTURERS },
        PATIENTS,
        EndpointDescription {
            endpoint: Endpoint::PatientsByModality,
            name: "PatientsByModality",
            parameters: &[COLLECTION, MODALITY, FORMAT],
            required: OF_MODALITY,
            columns: &[text("PatientID")],
            ..LIST
        },
        STUDIES,
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
            parameters: &[DATE, COLLECTION, FORMAT],
            required: OF_COLLECTION_SINCE,
            columns: PATIENT,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::NewStudies,
            name: "NewStudiesInPatientCollection",
            parameters: &[DATE, COLLECTION, PATIENT_ID, FORMAT],
            required: OF_COLLECTION_SINCE,
            columns: PATIENT_STUDY,
            ..LIST
        },
        EndpointDescription {
            endpoint: Endpoint::SharedList,
            name: "ContentsByName",
            place: "../../SharedList/query/",
            parameters: &[NAME],
            required: &[Parameter::Name],
            asks_for_format: false,
            columns: SHARED_LIST,
            ..LIST
        },
    ]],
};
