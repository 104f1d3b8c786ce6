//! The archive's own server, fourth version: what runs today. (Its third version is user administration.)
//!
//! Source: CBIIT/NBIA-TCIA 865725e, `restAPI/v4/*.java`.

use super::column::{
    AUTHORIZED, BODY_PART_VALUES, COLLECTION_VALUES, Column, MANUFACTURER_VALUES, MODALITY_VALUES, PHANTOM,
    SERIES_SIZE, SOP_INSTANCE_UIDS, SPECIES_CODE, SPECIES_DESCRIPTION, count, date, number, text,
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
    PHANTOM,
    SPECIES_CODE,
    SPECIES_DESCRIPTION,
    AUTHORIZED,
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
    AUTHORIZED,
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
    AUTHORIZED,
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
    AUTHORIZED,
];

const COLLECTION_DESCRIPTIONS: &[Column] = &[
    text("Description").sent_as("description"),
    count("Id").sent_as("id"),
    text("Collection").sent_as("collectionName"),
    text("DataDescriptionURI").sent_as("descriptionURI"),
];

const COLLECTION_COUNTS: &[Column] = &[text("Collection"), count("Count"), AUTHORIZED];
const MODALITY_COUNTS: &[Column] = &[text("Modality"), count("Count"), AUTHORIZED];
const BODY_PART_COUNTS: &[Column] =
    &[text("BodyPartExamined").sent_as("BodyPart"), count("Count"), AUTHORIZED];
const MANUFACTURER_COUNTS: &[Column] = &[text("Manufacturer"), count("Count"), AUTHORIZED];
const SPECIES_COUNTS: &[Column] =
    &[text("SpeciesDescription").sent_as("Species"), count("Count"), AUTHORIZED];

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

const IMAGE: EndpointDescription = LIST
    .called(Endpoint::Image, "getImage")
    .answering(Answer::Zip)
    .told(&[SERIES, NEW_FILE_NAMES, (Parameter::IncludeMd5, "IncludeMD5")])
    .needing(OF_SERIES);

const SERIES_SIZES: EndpointDescription = LIST
    .called(Endpoint::SeriesSize, "getSeriesSize")
    .told(&[SERIES, FORMAT])
    .needing(OF_SERIES)
    .listing(SERIES_SIZE);

/// One MD5 over the MD5s of all images below a series, a study, a patient or a collection: exactly one of them.
pub(super) const MD5_HIERARCHY: EndpointDescription = EndpointDescription {
    method: Method::Form,
    ..LIST
        .called(Endpoint::Md5Hierarchy, "getMD5Hierarchy")
        .answering(Answer::Text)
        .told(&[SERIES, STUDY, PATIENT_ID, COLLECTION])
};

pub(super) const DESCRIPTIONS: EndpointDescription = EndpointDescription {
    empty_list: EmptyList::Brackets,
    json: JsonStyle::Jackson,
    ..LIST
        .called(Endpoint::CollectionDescriptions, "getCollectionDescriptions")
        .told(&[(Parameter::Collection, "collectionName")])
        .listing(COLLECTION_DESCRIPTIONS)
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
            .listing(&[text("PatientID").sent_as("PatientId"), AUTHORIZED]),
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
            .told(&[FROM_DATE, COLLECTION, FORMAT])
            .needing(OF_COLLECTION_SINCE)
            .listing(PATIENT),
        LIST.called(Endpoint::NewStudies, "NewStudiesInPatientCollection")
            .told(&[FROM_DATE, COLLECTION, PATIENT_ID, FORMAT])
            .needing(OF_COLLECTION_SINCE)
            .listing(PATIENT_STUDY),
        LIST.called(Endpoint::UpdatedSeries, "getUpdatedSeries")
            .told(&[FROM_DATE, FORMAT])
            .listing(SERIES_COLUMNS),
        EndpointDescription {
            method: Method::Form,
            refuses_unknown_parameters: false,
            // without it, and with CSV, it sends a file of CSV
            asks_for_format: true,
            ..LIST
                .called(Endpoint::SeriesMetadata, "getSeriesMetadata")
                .told(&[(Parameter::SeriesList, "list"), FORMAT])
                .needing(&[Parameter::SeriesList])
                .listing(SERIES_METADATA)
        },
        MD5_HIERARCHY,
        LIST.called(Endpoint::ImageMd5, "getMD5HashForImage")
            .answering(Answer::Text)
            .told(&[SOP])
            .needing(&[Parameter::SopInstanceUid]),
        DESCRIPTIONS,
        LIST.called(Endpoint::CollectionCounts, "getCollectionValuesAndCounts")
            .told(&[])
            .listing(COLLECTION_COUNTS),
        LIST.called(Endpoint::ModalityCounts, "getModalityValuesAndCounts")
            .told(&[COLLECTION, BODY_PART])
            .listing(MODALITY_COUNTS),
        LIST.called(Endpoint::BodyPartCounts, "getBodyPartValuesAndCounts")
            .told(&[COLLECTION, MODALITY])
            .listing(BODY_PART_COUNTS),
        LIST.called(Endpoint::ManufacturerCounts, "getManufacturerValuesAndCounts")
            .told(&[COLLECTION, MODALITY, BODY_PART])
            .listing(MANUFACTURER_COUNTS),
        LIST.called(Endpoint::SpeciesCounts, "getSpeciesValuesAndCounts").told(&[]).listing(SPECIES_COUNTS),
    ]],
};
