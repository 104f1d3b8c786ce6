//! The kinds of image in the sample, and what every image of a kind says of itself.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};

use super::GenerateError;
use super::element::Text;

/// The kinds of image in the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modality {
    Cr,
    Ct,
    Dx,
    Mg,
    Mr,
    Pt,
}

impl Modality {
    pub(super) fn parse(modality: &'static str) -> Result<Self, GenerateError> {
        match modality {
            "CR" => Ok(Self::Cr),
            "CT" => Ok(Self::Ct),
            "DX" => Ok(Self::Dx),
            "MG" => Ok(Self::Mg),
            "MR" => Ok(Self::Mr),
            "PT" => Ok(Self::Pt),
            _ => Err(GenerateError::UnknownModality { modality }),
        }
    }

    pub(super) fn sop_class_uid(self) -> &'static str {
        match self {
            Self::Cr => uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE,
            Self::Ct => uids::CT_IMAGE_STORAGE,
            Self::Dx => uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
            Self::Mg => uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
            Self::Mr => uids::MR_IMAGE_STORAGE,
            Self::Pt => uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE,
        }
    }

    /// What every image of the modality says of itself.
    pub(super) fn texts(self) -> &'static [Text<'static>] {
        match self {
            Self::Cr => CR_TEXTS,
            Self::Ct => CT_TEXTS,
            Self::Dx => DX_TEXTS,
            Self::Mg => MG_TEXTS,
            Self::Mr => MR_TEXTS,
            Self::Pt => PT_TEXTS,
        }
    }

    /// Whether the image is an X-ray without a place in space, not a slice.
    pub(super) fn is_radiograph(self) -> bool {
        matches!(self, Self::Cr | Self::Dx | Self::Mg)
    }

    /// The stored value where there is no body: air in CT, a floor under the noise elsewhere.
    pub(super) fn background(self) -> f64 {
        match self {
            Self::Ct => 24.0,
            Self::Mr => 20.0,
            Self::Pt => 5.0,
            Self::Cr | Self::Dx | Self::Mg => 100.0,
        }
    }
}

const CR_TEXTS: &[Text<'static>] = &[
    (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY"),
    (tags::PATIENT_ORIENTATION, VR::CS, "L\\F"),
    (tags::VIEW_POSITION, VR::CS, "AP"),
    (tags::KVP, VR::DS, "75"),
    (tags::WINDOW_CENTER, VR::DS, "1700"),
    (tags::WINDOW_WIDTH, VR::DS, "3400"),
];

const CT_TEXTS: &[Text<'static>] = &[
    (tags::PATIENT_POSITION, VR::CS, "HFS"),
    (tags::KVP, VR::DS, "120"),
    (tags::RESCALE_INTERCEPT, VR::DS, "-1024"),
    (tags::RESCALE_SLOPE, VR::DS, "1"),
    (tags::WINDOW_CENTER, VR::DS, "40\\-500"),
    (tags::WINDOW_WIDTH, VR::DS, "400\\1500"),
];

const DX_TEXTS: &[Text<'static>] = &[
    (tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
    (tags::PATIENT_ORIENTATION, VR::CS, "L\\F"),
    (tags::KVP, VR::DS, "120"),
    (tags::DETECTOR_TYPE, VR::CS, "SCINTILLATOR"),
    (tags::WINDOW_CENTER, VR::DS, "1700"),
    (tags::WINDOW_WIDTH, VR::DS, "3400"),
];

const MG_TEXTS: &[Text<'static>] = &[
    (tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
    (tags::ORGAN_EXPOSED, VR::CS, "BREAST"),
    (tags::POSITIONER_TYPE, VR::CS, "MAMMOGRAPHIC"),
    (tags::KVP, VR::DS, "28"),
    (tags::DETECTOR_TYPE, VR::CS, "SCINTILLATOR"),
    (tags::WINDOW_CENTER, VR::DS, "1300"),
    (tags::WINDOW_WIDTH, VR::DS, "2600"),
];

const MR_TEXTS: &[Text<'static>] = &[
    (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\OTHER"),
    (tags::PATIENT_POSITION, VR::CS, "HFS"),
    (tags::MAGNETIC_FIELD_STRENGTH, VR::DS, "1.5"),
    (tags::SCAN_OPTIONS, VR::CS, ""),
    (tags::SEQUENCE_VARIANT, VR::CS, "SK"),
    (tags::MR_ACQUISITION_TYPE, VR::CS, "2D"),
    (tags::ECHO_TRAIN_LENGTH, VR::IS, "1"),
    (tags::WINDOW_CENTER, VR::DS, "500"),
    (tags::WINDOW_WIDTH, VR::DS, "1000"),
];

const PT_TEXTS: &[Text<'static>] = &[
    (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY"),
    (tags::UNITS, VR::CS, "BQML"),
    (tags::COUNTS_SOURCE, VR::CS, "EMISSION"),
    (tags::SERIES_TYPE, VR::CS, "STATIC\\IMAGE"),
    (tags::CORRECTED_IMAGE, VR::CS, "DECY\\ATTN\\SCAT\\RAN"),
    (tags::DECAY_CORRECTION, VR::CS, "START"),
    (tags::DECAY_FACTOR, VR::DS, "1"),
    (tags::COLLIMATOR_TYPE, VR::CS, "NONE"),
    (tags::FRAME_REFERENCE_TIME, VR::DS, "0"),
    (tags::ACTUAL_FRAME_DURATION, VR::IS, "300000"),
    (tags::RESCALE_INTERCEPT, VR::DS, "0"),
    (tags::RESCALE_SLOPE, VR::DS, "10"),
    (tags::WINDOW_CENTER, VR::DS, "3500"),
    (tags::WINDOW_WIDTH, VR::DS, "7000"),
];

/// The texts that DX and MG have in common (PS3.3 A.26 and A.27).
pub(super) const DIGITAL_X_RAY_TEXTS: &[Text<'static>] = &[
    (tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PRESENTATION"),
    (tags::PIXEL_INTENSITY_RELATIONSHIP, VR::CS, "LOG"),
    (tags::RESCALE_INTERCEPT, VR::DS, "0"),
    (tags::RESCALE_SLOPE, VR::DS, "1"),
    (tags::RESCALE_TYPE, VR::LO, "US"),
    (tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY"),
];
