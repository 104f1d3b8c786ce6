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

const MODALITIES: EndpointDescription =
    LIST.called(Endpoint::ModalityValues, "getModalityValues").told(VALUE_FILTERS).listing(MODALITY_VALUES);
const BODY_PARTS: EndpointDescription =
    MODALITIES.called(Endpoint::BodyPartValues, "getBodyPartValues").listing(BODY_PART_VALUES);
const MANUFACTURERS: EndpointDescription =
    MODALITIES.called(Endpoint::ManufacturerValues, "getManufacturerValues").listing(MANUFACTURER_VALUES);
const PATIENTS: EndpointDescription =
    LIST.called(Endpoint::Patient, "getPatient").told(&[COLLECTION, FORMAT]).listing(PATIENT);
const STUDIES: EndpointDescription = LIST
    .called(Endpoint::PatientStudy, "getPatientStudy")
    .told(&[COLLECTION, PATIENT_ID, STUDY, FORMAT])
    .listing(PATIENT_STUDY);
const SERIES_SIZES: EndpointDescription = LIST
    .called(Endpoint::SeriesSize, "getSeriesSize")
    .told(&[SERIES, FORMAT])
    .needing(OF_SERIES)
    .listing(SERIES_SIZE);
const IMAGE: EndpointDescription =
    LIST.called(Endpoint::Image, "getImage").answering(Answer::Zip).told(&[SERIES]).needing(OF_SERIES);

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
        LIST.called(Endpoint::Series, "getSeries")
            .told(&[COLLECTION, PATIENT_ID, STUDY, MODALITY, FORMAT])
            .listing(SERIES_COLUMNS),
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
        MODALITIES.told(&[COLLECTION, BODY_PART, FORMAT]),
        BODY_PARTS.told(&[COLLECTION, MODALITY, FORMAT]),
        MANUFACTURERS.told(&[COLLECTION, MODALITY, BODY_PART, FORMAT]),
        PATIENTS,
        LIST.called(Endpoint::PatientsByModality, "PatientsByModality")
            .told(&[COLLECTION, MODALITY, FORMAT])
            .needing(OF_MODALITY)
            .listing(&[text("PatientID")]),
        STUDIES,
        LIST.called(Endpoint::Series, "getSeries").told(SERIES_FILTERS).listing(SERIES_COLUMNS),
        SERIES_SIZES,
        SERIES_SIZES.called(Endpoint::SopInstanceUids, "getSOPInstanceUIDs").listing(SOP_INSTANCE_UIDS),
        IMAGE,
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
            place: "../../SharedList/query/",
            asks_for_format: false,
            ..LIST
                .called(Endpoint::SharedList, "ContentsByName")
                .told(&[NAME])
                .needing(&[Parameter::Name])
                .listing(SHARED_LIST)
        },
    ]],
};
