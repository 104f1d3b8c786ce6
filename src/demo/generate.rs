//! Makes the sample's images: valid DICOM files with computed pictures.
//!
//! Identity, dates and descriptions come from the table in `sample`; the picture is a body of ellipsoids cut or
//! projected, with noise that makes it pack like a real one. Everything follows from the series and the number, so
//! that the same image has the same bytes on every machine. Nothing here touches disk, clock or network.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, WithMetaError, WriteError};
use sha2::{Digest, Sha256};

use super::sample::{SampleSeries, SampleStudy};

/// Why an image of the sample could not be made; no row of the sample's own table gives one.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The number is zero or past the end of the series.
    #[error("series {series_instance_uid} has images 1 to {image_count}, not {number}")]
    NoSuchImage {
        /// The series asked for.
        series_instance_uid: &'static str,
        /// How many images it has.
        image_count: u32,
        /// The image asked for.
        number: u32,
    },
    /// The modality is none of those that the sample knows.
    #[error("modality {modality} has no picture, only CR, CT, DX, MG, MR and PT have one")]
    UnknownModality {
        /// The modality found.
        modality: &'static str,
    },
    /// The file meta group could not be built.
    #[error("cannot build the file meta group of image {number} of series {series_instance_uid}")]
    Meta {
        /// The series asked for.
        series_instance_uid: &'static str,
        /// The image asked for.
        number: u32,
        /// The cause.
        source: Box<WithMetaError>,
    },
    /// The file could not be encoded.
    #[error("cannot encode image {number} of series {series_instance_uid}")]
    Encode {
        /// The series asked for.
        series_instance_uid: &'static str,
        /// The image asked for.
        number: u32,
        /// The cause.
        source: Box<WriteError>,
    },
}

/// Makes one image as a DICOM file in Explicit VR Little Endian; the first `number` is 1.
pub fn instance(study: &SampleStudy, series: &SampleSeries, number: u32) -> Result<Vec<u8>, GenerateError> {
    let series_instance_uid = series.series_instance_uid;
    let image = Image::new(study, series, number)?;
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let file = image.data_set().with_meta(meta).map_err(|source| GenerateError::Meta {
        series_instance_uid,
        number,
        source: Box::new(source),
    })?;

    let mut bytes = Vec::with_capacity(HEADER_BYTES + image.pixel_bytes());
    file.write_all(&mut bytes).map_err(|source| GenerateError::Encode {
        series_instance_uid,
        number,
        source: Box::new(source),
    })?;
    Ok(bytes)
}

/// The `SOPInstanceUID` that [`instance`] gives to this image: the same on every machine, distinct within the sample.
pub fn sop_instance_uid(series: &SampleSeries, number: u32) -> String {
    derived_uid(&format!("{}/{number}", series.series_instance_uid))
}

/// Room for everything but the pixels: the longest header of the sample has some 2,030 bytes.
const HEADER_BYTES: usize = 2560;

/// A UID of the UUID kind: a version 8 UUID whose free bits are of the name's SHA-256 (PS3.5 B.2, RFC 9562 5.8).
fn derived_uid(name: &str) -> String {
    let digest = Sha256::digest(name);
    let first_half = digest.iter().take(16).fold(0, |bits, &byte| bits << 8 | u128::from(byte));
    let free_bits = first_half & !(0xf << 76) & !(0b11 << 62);
    format!("2.25.{}", free_bits | 0x8 << 76 | 0b10 << 62)
}

/// A DICOM text attribute: of whatever kind, its value is written as text.
type Text<'a> = (Tag, VR, &'a str);

fn put_texts(data_set: &mut InMemDicomObject, texts: &[Text<'_>]) {
    for &(tag, vr, text) in texts {
        data_set.put_str(tag, vr, text);
    }
}

/// Leaves an attribute out that the document has no value for.
fn put_known(data_set: &mut InMemDicomObject, tag: Tag, vr: VR, text: Option<&str>) {
    if let Some(text) = text {
        data_set.put_str(tag, vr, text);
    }
}

fn put_number(data_set: &mut InMemDicomObject, tag: Tag, number: u16) {
    data_set.put(DataElement::new(tag, VR::US, PrimitiveValue::from(number)));
}

fn put_sequence(data_set: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    data_set.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

/// A code of SNOMED CT, as an item of a code sequence.
fn snomed(code: &str, meaning: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    let scheme = (tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SCT");
    put_texts(&mut item, &[(tags::CODE_VALUE, VR::SH, code), scheme, (tags::CODE_MEANING, VR::LO, meaning)]);
    item
}

/// `YYYY-MM-DD` as DICOM writes a date.
fn dicom_date(date: &str) -> String {
    date.replace('-', "")
}

/// The kinds of image in the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modality {
    Cr,
    Ct,
    Dx,
    Mg,
    Mr,
    Pt,
}

impl Modality {
    fn parse(modality: &'static str) -> Result<Self, GenerateError> {
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

    fn sop_class_uid(self) -> &'static str {
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
    fn texts(self) -> &'static [Text<'static>] {
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
    fn is_radiograph(self) -> bool {
        matches!(self, Self::Cr | Self::Dx | Self::Mg)
    }

    /// The stored value where there is no body: air in CT, a floor under the noise elsewhere.
    fn background(self) -> f64 {
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
const DIGITAL_X_RAY_TEXTS: &[Text<'static>] = &[
    (tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PRESENTATION"),
    (tags::PIXEL_INTENSITY_RELATIONSHIP, VR::CS, "LOG"),
    (tags::RESCALE_INTERCEPT, VR::DS, "0"),
    (tags::RESCALE_SLOPE, VR::DS, "1"),
    (tags::RESCALE_TYPE, VR::LO, "US"),
    (tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY"),
];

/// Where a slice lies: which axes of the patient run along its columns, along its rows and out of it.
///
/// Axes are those of DICOM: 0 to the patient's left, 1 to the back, 2 to the head.
#[derive(Debug, Clone, Copy)]
struct Plane {
    across: usize,
    down: usize,
    through: usize,
    /// -1 where the rows run towards the feet.
    down_sign: f64,
    /// `ImageOrientationPatient`.
    orientation: &'static str,
}

const AXIAL: Plane =
    Plane { across: 0, down: 1, through: 2, down_sign: 1.0, orientation: "1\\0\\0\\0\\1\\0" };
const CORONAL: Plane =
    Plane { across: 0, down: 2, through: 1, down_sign: -1.0, orientation: "1\\0\\0\\0\\0\\-1" };
const SAGITTAL: Plane =
    Plane { across: 1, down: 2, through: 0, down_sign: -1.0, orientation: "0\\1\\0\\0\\0\\-1" };

/// How far the slices of a series reach, as a part of half the field of view: to both sides of the middle.
const REACH: f64 = 0.8;

/// One image to be made.
struct Image<'a> {
    study: &'a SampleStudy,
    series: &'a SampleSeries,
    number: u32,
    modality: Modality,
    /// The description in capitals: plane, sequence and thickness are read from it.
    description: String,
}

impl<'a> Image<'a> {
    fn new(study: &'a SampleStudy, series: &'a SampleSeries, number: u32) -> Result<Self, GenerateError> {
        let SampleSeries { series_instance_uid, image_count, .. } = *series;
        if !(1..=image_count).contains(&number) {
            return Err(GenerateError::NoSuchImage { series_instance_uid, image_count, number });
        }
        let modality = Modality::parse(series.modality)?;
        let description = series.series_description.unwrap_or_default().to_ascii_uppercase();
        Ok(Self { study, series, number, modality, description })
    }

    fn pixel_bytes(&self) -> usize {
        usize::from(self.series.rows) * usize::from(self.series.columns) * 2
    }

    fn data_set(&self) -> InMemDicomObject {
        let mut data_set = InMemDicomObject::new_empty();
        put_texts(&mut data_set, self.modality.texts());
        self.put_patient(&mut data_set);
        self.put_study(&mut data_set);
        self.put_series(&mut data_set);
        self.put_general_image(&mut data_set);
        match self.modality {
            Modality::Cr => {}
            Modality::Ct => self.put_ct(&mut data_set),
            Modality::Dx => put_digital_x_ray(&mut data_set, snomed("51185008", "Thorax")),
            Modality::Mg => self.put_mg(&mut data_set),
            Modality::Mr => self.put_mr(&mut data_set),
            Modality::Pt => self.put_pt(&mut data_set),
        }
        self.put_geometry(&mut data_set);
        self.put_pixels(&mut data_set);
        data_set
    }

    fn put_patient(&self, data_set: &mut InMemDicomObject) {
        put_texts(
            data_set,
            &[
                (tags::PATIENT_NAME, VR::PN, self.study.patient_id),
                (tags::PATIENT_ID, VR::LO, self.study.patient_id),
                (tags::PATIENT_BIRTH_DATE, VR::DA, ""),
                (tags::PATIENT_SEX, VR::CS, self.study.patient_sex),
                (tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
                (tags::DEIDENTIFICATION_METHOD, VR::LO, "Generated by tcia-mirror: no patient behind it"),
            ],
        );
        put_known(data_set, tags::PATIENT_AGE, VR::AS, self.study.patient_age);
    }

    fn put_study(&self, data_set: &mut InMemDicomObject) {
        put_texts(
            data_set,
            &[
                (tags::STUDY_INSTANCE_UID, VR::UI, self.study.study_instance_uid),
                (tags::STUDY_DATE, VR::DA, &dicom_date(self.study.study_date)),
                (tags::STUDY_TIME, VR::TM, "120000"),
                (tags::STUDY_ID, VR::SH, self.study.study_id.unwrap_or_default()),
                (tags::REFERRING_PHYSICIAN_NAME, VR::PN, ""),
                (tags::ACCESSION_NUMBER, VR::SH, ""),
            ],
        );
        put_known(data_set, tags::STUDY_DESCRIPTION, VR::LO, self.study.study_description);
        let diagnoses = self.study.admitting_diagnoses_description;
        put_known(data_set, tags::ADMITTING_DIAGNOSES_DESCRIPTION, VR::LO, diagnoses);
    }

    fn put_series(&self, data_set: &mut InMemDicomObject) {
        let series = self.series;
        put_texts(
            data_set,
            &[
                (tags::SERIES_INSTANCE_UID, VR::UI, series.series_instance_uid),
                (tags::MODALITY, VR::CS, series.modality),
                (tags::SERIES_NUMBER, VR::IS, &series.series_number.to_string()),
                (tags::SERIES_TIME, VR::TM, "120000"),
                (tags::MANUFACTURER, VR::LO, series.manufacturer),
                (tags::MANUFACTURER_MODEL_NAME, VR::LO, series.manufacturer_model_name),
                (tags::SOFTWARE_VERSIONS, VR::LO, series.software_versions),
            ],
        );
        put_known(data_set, tags::SERIES_DATE, VR::DA, series.series_date.map(dicom_date).as_deref());
        put_known(data_set, tags::SERIES_DESCRIPTION, VR::LO, series.series_description);
        put_known(data_set, tags::PROTOCOL_NAME, VR::LO, series.protocol_name);
        let body_part = series.body_part_examined.map(str::to_ascii_uppercase);
        put_known(data_set, tags::BODY_PART_EXAMINED, VR::CS, body_part.as_deref());
    }

    fn put_general_image(&self, data_set: &mut InMemDicomObject) {
        let date = dicom_date(self.series.series_date.unwrap_or(self.study.study_date));
        put_texts(
            data_set,
            &[
                (tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100"),
                (tags::SOP_CLASS_UID, VR::UI, self.modality.sop_class_uid()),
                (tags::SOP_INSTANCE_UID, VR::UI, &sop_instance_uid(self.series, self.number)),
                (tags::IMAGE_LATERALITY, VR::CS, self.laterality()),
                (tags::INSTANCE_NUMBER, VR::IS, &self.number.to_string()),
                (tags::ACQUISITION_NUMBER, VR::IS, "1"),
                (tags::ACQUISITION_DATE, VR::DA, &date),
                (tags::ACQUISITION_TIME, VR::TM, "120000"),
                (tags::CONTENT_DATE, VR::DA, &date),
                (tags::CONTENT_TIME, VR::TM, "120000"),
                (tags::BURNED_IN_ANNOTATION, VR::CS, "NO"),
                (tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
                (tags::IMAGE_COMMENTS, VR::LT, "Generated sample data of tcia-mirror, not a patient"),
            ],
        );
    }

    /// Which side is shown: right, both, or none because the part is not paired.
    fn laterality(&self) -> &'static str {
        match self.series.body_part_examined {
            _ if self.modality == Modality::Mg => "R",
            Some("BREAST" | "Kidney" | "KIDNEY" | "LUNG" | "OVARY") => "B",
            _ => "U",
        }
    }

    fn put_ct(&self, data_set: &mut InMemDicomObject) {
        let kind = if self.is_scout() { "LOCALIZER" } else { "AXIAL" };
        data_set.put_str(tags::IMAGE_TYPE, VR::CS, format!("ORIGINAL\\PRIMARY\\{kind}"));
    }

    fn put_mg(&self, data_set: &mut InMemDicomObject) {
        put_digital_x_ray(data_set, snomed("76752008", "Breast"));
        let (orientation, code, meaning) = match self.description.as_str() {
            "R CC" => ("P\\L", "399162004", "cranio-caudal"),
            "R ML" => ("P\\F", "399260004", "medio-lateral"),
            "R LM" => ("P\\F", "399352003", "latero-medial"),
            _ => ("P\\FL", "399368009", "medio-lateral oblique"),
        };
        let mut view = snomed(code, meaning);
        put_sequence(&mut view, tags::VIEW_MODIFIER_CODE_SEQUENCE, Vec::new());
        put_sequence(data_set, tags::VIEW_CODE_SEQUENCE, vec![view]);
        data_set.put_str(tags::PATIENT_ORIENTATION, VR::CS, orientation);
    }

    fn put_mr(&self, data_set: &mut InMemDicomObject) {
        let flip_angle = self.description.strip_prefix("T1 FLIP = ").unwrap_or("90");
        let (sequence, repetition_ms, echo_ms) = match self.description.as_str() {
            text if text.contains("STIR") => ("IR", "5000", "60"),
            text if text.contains("VIBE") || text.contains("FE ") || text.contains("FLIP") => {
                ("GR", "6", "2")
            }
            text if text.contains("T2") => ("SE", "4000", "100"),
            _ => ("SE", "500", "15"),
        };
        put_texts(
            data_set,
            &[
                (tags::SCANNING_SEQUENCE, VR::CS, sequence),
                (tags::REPETITION_TIME, VR::DS, repetition_ms),
                (tags::ECHO_TIME, VR::DS, echo_ms),
                (tags::FLIP_ANGLE, VR::DS, flip_angle),
            ],
        );
        if sequence == "IR" {
            data_set.put_str(tags::INVERSION_TIME, VR::DS, "150");
        }
    }

    fn put_pt(&self, data_set: &mut InMemDicomObject) {
        put_number(data_set, tags::NUMBER_OF_SLICES, saturated(self.series.image_count));
        put_number(data_set, tags::IMAGE_INDEX, saturated(self.number));

        let mut tracer = InMemDicomObject::new_empty();
        put_texts(
            &mut tracer,
            &[
                (tags::RADIOPHARMACEUTICAL, VR::LO, "FDG"),
                (tags::RADIOPHARMACEUTICAL_START_TIME, VR::TM, "110000"),
                (tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS, "370000000"),
                (tags::RADIONUCLIDE_HALF_LIFE, VR::DS, "6586.2"),
            ],
        );
        put_sequence(&mut tracer, tags::RADIONUCLIDE_CODE_SEQUENCE, vec![snomed("77004003", "^18^Fluorine")]);
        put_sequence(data_set, tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, vec![tracer]);

        let mut posture = snomed("102538003", "recumbent");
        let supine = vec![snomed("40199007", "supine")];
        put_sequence(&mut posture, tags::PATIENT_ORIENTATION_MODIFIER_CODE_SEQUENCE, supine);
        put_sequence(data_set, tags::PATIENT_ORIENTATION_CODE_SEQUENCE, vec![posture]);
        let headfirst = vec![snomed("102540001", "headfirst")];
        put_sequence(data_set, tags::PATIENT_GANTRY_RELATIONSHIP_CODE_SEQUENCE, headfirst);
    }

    fn put_geometry(&self, data_set: &mut InMemDicomObject) {
        let pixel_mm = self.field_of_view_mm() / f64::from(self.series.columns);
        let spacing = format!("{pixel_mm:.4}\\{pixel_mm:.4}");
        if self.modality.is_radiograph() {
            data_set.put_str(tags::IMAGER_PIXEL_SPACING, VR::DS, spacing);
            return;
        }
        put_texts(
            data_set,
            &[
                (tags::PIXEL_SPACING, VR::DS, &spacing),
                (tags::SLICE_THICKNESS, VR::DS, self.slice_thickness_mm()),
                (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, self.plane().orientation),
                (tags::IMAGE_POSITION_PATIENT, VR::DS, &self.position()),
                (tags::FRAME_OF_REFERENCE_UID, VR::UI, &derived_uid(self.study.study_instance_uid)),
                (tags::POSITION_REFERENCE_INDICATOR, VR::LO, ""),
            ],
        );
    }

    /// `ImagePositionPatient`: the centre of the first pixel, with the origin in the middle of the body.
    fn position(&self) -> String {
        let plane = self.plane();
        let half_mm = self.field_of_view_mm() / 2.0;
        let pixel_mm = self.field_of_view_mm() / f64::from(self.series.columns);
        let mut corner = [0.0; 3];
        corner[plane.across] = pixel_mm / 2.0 - half_mm;
        corner[plane.down] = plane.down_sign * pixel_mm * (1.0 - f64::from(self.series.rows)) / 2.0;
        corner[plane.through] = self.offset() * half_mm;
        format!("{:.3}\\{:.3}\\{:.3}", corner[0], corner[1], corner[2])
    }

    fn put_pixels(&self, data_set: &mut InMemDicomObject) {
        data_set.put_str(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        let stored_bits: u16 = if self.modality == Modality::Pt { 16 } else { 12 };
        for (tag, number) in [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, self.series.rows),
            (tags::COLUMNS, self.series.columns),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, stored_bits),
            (tags::HIGH_BIT, stored_bits - 1),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            put_number(data_set, tag, number);
        }
        let pixels = PrimitiveValue::U8(self.pixels().into());
        data_set.put(DataElement::new(tags::PIXEL_DATA, VR::OW, pixels));
    }

    fn is_scout(&self) -> bool {
        self.description.contains("SCOUT")
    }

    /// Whether the three images are one of each plane.
    fn is_three_plane_localizer(&self) -> bool {
        self.description.contains("LOC") && !self.description.contains("COR")
    }

    fn plane(&self) -> Plane {
        match self.modality {
            Modality::Cr | Modality::Dx => CORONAL,
            _ if self.is_scout() || self.description.contains("COR") => CORONAL,
            _ if self.is_three_plane_localizer() => match self.number % 3 {
                1 => AXIAL,
                2 => CORONAL,
                _ => SAGITTAL,
            },
            _ => AXIAL,
        }
    }

    /// How far from the middle the slice lies, in halves of the field of view.
    fn offset(&self) -> f64 {
        if self.is_three_plane_localizer() || self.is_scout() {
            return 0.0;
        }
        let part = (f64::from(self.number) - 0.5) / f64::from(self.series.image_count);
        (2.0 * part - 1.0) * REACH
    }

    fn field_of_view_mm(&self) -> f64 {
        match self.series.body_part_examined {
            Some("BRAIN" | "PHANTOM" | "HEADNECK") => 240.0,
            Some("BREAST") if self.modality == Modality::Mg => 192.0,
            _ => 400.0,
        }
    }

    fn slice_thickness_mm(&self) -> &'static str {
        match self.modality {
            Modality::Pt => "4.25",
            Modality::Ct if !self.description.contains("5.0") => "2.5",
            _ => "5",
        }
    }
}

/// What DX and MG have in common, about this region of the body.
fn put_digital_x_ray(data_set: &mut InMemDicomObject, region: InMemDicomObject) {
    put_texts(data_set, DIGITAL_X_RAY_TEXTS);
    data_set.put(DataElement::new(
        tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN,
        VR::SS,
        PrimitiveValue::from(-1_i16),
    ));
    put_sequence(data_set, tags::ANATOMIC_REGION_SEQUENCE, vec![region]);
    put_sequence(data_set, tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new());
}

fn saturated(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// What a part of the body is made of.
#[derive(Debug, Clone, Copy)]
enum Tissue {
    Air,
    Lung,
    Fat,
    Soft,
    Organ,
    Fluid,
    Vessel,
    Bone,
    Tumour,
}

impl Tissue {
    /// Stored values in a slice of CT (Hounsfield units + 1024), MR and PT; then what the tissue adds to a
    /// projection beyond what it lies in, for a depth of half the field of view.
    fn levels(self) -> [f64; 4] {
        match self {
            Self::Air => [24.0, 0.0, 0.0, -1500.0],
            Self::Lung => [174.0, 60.0, 120.0, -2600.0],
            Self::Fat => [924.0, 720.0, 90.0, 900.0],
            Self::Soft => [1074.0, 330.0, 200.0, 2600.0],
            Self::Organ => [1104.0, 480.0, 500.0, 1300.0],
            Self::Fluid => [1034.0, 900.0, 150.0, 4500.0],
            Self::Vessel => [1224.0, 120.0, 330.0, 2500.0],
            Self::Bone => [1724.0, 90.0, 120.0, 4500.0],
            Self::Tumour => [1090.0, 800.0, 1900.0, 3500.0],
        }
    }
}

/// A part of the body, in halves of the field of view; in a slice, the later in a list covers the earlier.
struct Ellipsoid {
    tissue: Tissue,
    centre: [f64; 3],
    radius: [f64; 3],
}

const fn part(tissue: Tissue, centre: [f64; 3], radius: [f64; 3]) -> Ellipsoid {
    Ellipsoid { tissue, centre, radius }
}

const CHEST: &[Ellipsoid] = &[
    part(Tissue::Fat, [0.0, 0.0, 0.0], [0.92, 0.62, 2.5]),
    part(Tissue::Soft, [0.0, 0.0, 0.0], [0.84, 0.54, 2.5]),
    part(Tissue::Lung, [-0.42, -0.02, 0.1], [0.34, 0.42, 0.95]),
    part(Tissue::Lung, [0.42, -0.02, 0.1], [0.34, 0.42, 0.95]),
    part(Tissue::Organ, [0.10, -0.14, -0.25], [0.28, 0.26, 0.40]),
    part(Tissue::Vessel, [0.12, 0.20, 0.0], [0.07, 0.07, 2.5]),
    part(Tissue::Air, [0.0, 0.02, 0.7], [0.05, 0.05, 0.6]),
    part(Tissue::Bone, [0.0, 0.40, 0.0], [0.11, 0.09, 2.5]),
    part(Tissue::Fluid, [0.0, 0.42, 0.0], [0.035, 0.03, 2.5]),
    part(Tissue::Bone, [0.0, -0.50, 0.2], [0.10, 0.03, 0.6]),
    part(Tissue::Tumour, [-0.50, 0.08, 0.25], [0.08, 0.08, 0.2]),
    part(Tissue::Vessel, [-0.35, -0.10, 0.0], [0.03, 0.03, 0.6]),
    part(Tissue::Vessel, [0.50, 0.10, 0.0], [0.025, 0.03, 0.6]),
];

const ABDOMEN: &[Ellipsoid] = &[
    part(Tissue::Fat, [0.0, 0.0, 0.0], [0.90, 0.64, 2.5]),
    part(Tissue::Soft, [0.0, 0.02, 0.0], [0.80, 0.52, 2.5]),
    part(Tissue::Fat, [0.0, -0.02, -0.3], [0.70, 0.40, 1.0]),
    part(Tissue::Organ, [-0.40, -0.08, 0.40], [0.40, 0.38, 0.65]),
    part(Tissue::Organ, [0.55, 0.10, 0.45], [0.18, 0.24, 0.40]),
    part(Tissue::Organ, [-0.38, 0.22, -0.15], [0.14, 0.15, 0.38]),
    part(Tissue::Fluid, [-0.34, 0.22, -0.15], [0.05, 0.06, 0.20]),
    part(Tissue::Organ, [0.38, 0.22, -0.10], [0.14, 0.15, 0.38]),
    part(Tissue::Fluid, [0.34, 0.22, -0.10], [0.05, 0.06, 0.20]),
    part(Tissue::Tumour, [0.48, 0.20, 0.10], [0.09, 0.09, 0.14]),
    part(Tissue::Soft, [0.15, -0.25, -0.3], [0.22, 0.13, 0.35]),
    part(Tissue::Air, [0.15, -0.27, -0.3], [0.17, 0.09, 0.28]),
    part(Tissue::Soft, [-0.50, -0.15, -0.5], [0.13, 0.16, 0.40]),
    part(Tissue::Air, [-0.50, -0.17, -0.5], [0.09, 0.11, 0.34]),
    part(Tissue::Vessel, [0.08, 0.16, 0.0], [0.06, 0.06, 2.5]),
    part(Tissue::Bone, [0.0, 0.34, 0.0], [0.13, 0.10, 2.5]),
    part(Tissue::Fluid, [0.0, 0.38, 0.0], [0.04, 0.03, 2.5]),
];

const BRAIN: &[Ellipsoid] = &[
    part(Tissue::Fat, [0.0, 0.0, 0.0], [0.78, 0.94, 0.96]),
    part(Tissue::Bone, [0.0, 0.0, 0.0], [0.73, 0.89, 0.91]),
    part(Tissue::Fluid, [0.0, 0.0, 0.0], [0.67, 0.83, 0.85]),
    part(Tissue::Organ, [0.0, 0.0, 0.02], [0.63, 0.79, 0.80]),
    part(Tissue::Fluid, [0.03, -0.56, 0.1], [0.02, 0.24, 0.60]),
    part(Tissue::Fluid, [0.03, 0.56, 0.1], [0.02, 0.24, 0.60]),
    part(Tissue::Soft, [-0.30, 0.0, 0.10], [0.22, 0.56, 0.50]),
    part(Tissue::Soft, [0.30, 0.0, 0.10], [0.22, 0.56, 0.50]),
    part(Tissue::Soft, [0.0, 0.42, -0.48], [0.42, 0.26, 0.22]),
    part(Tissue::Soft, [0.0, 0.10, -0.50], [0.12, 0.13, 0.45]),
    part(Tissue::Fluid, [-0.13, -0.12, 0.1], [0.07, 0.26, 0.28]),
    part(Tissue::Fluid, [0.13, -0.12, 0.1], [0.07, 0.26, 0.28]),
    part(Tissue::Tumour, [0.36, 0.30, 0.15], [0.15, 0.17, 0.25]),
    part(Tissue::Vessel, [0.36, 0.30, 0.15], [0.06, 0.07, 0.12]),
];

const NECK: &[Ellipsoid] = &[
    part(Tissue::Fat, [0.0, 0.05, 0.0], [0.72, 0.78, 2.5]),
    part(Tissue::Soft, [0.0, 0.05, 0.0], [0.66, 0.72, 2.5]),
    part(Tissue::Bone, [0.0, -0.30, 0.35], [0.46, 0.36, 0.22]),
    part(Tissue::Organ, [0.0, -0.24, 0.35], [0.38, 0.32, 0.24]),
    part(Tissue::Air, [0.0, -0.18, 0.0], [0.11, 0.13, 2.5]),
    part(Tissue::Bone, [0.0, 0.26, 0.0], [0.20, 0.16, 2.5]),
    part(Tissue::Fluid, [0.0, 0.34, 0.0], [0.07, 0.06, 2.5]),
    part(Tissue::Vessel, [-0.34, 0.02, 0.0], [0.07, 0.07, 2.5]),
    part(Tissue::Vessel, [0.34, 0.02, 0.0], [0.07, 0.07, 2.5]),
    part(Tissue::Tumour, [0.44, -0.14, 0.1], [0.12, 0.14, 0.35]),
];

const BREASTS: &[Ellipsoid] = &[
    part(Tissue::Fat, [-0.44, -0.05, 0.0], [0.38, 0.60, 0.75]),
    part(Tissue::Fat, [0.44, -0.05, 0.0], [0.38, 0.60, 0.75]),
    part(Tissue::Soft, [-0.42, -0.18, 0.0], [0.24, 0.36, 0.50]),
    part(Tissue::Soft, [0.42, -0.18, 0.0], [0.26, 0.38, 0.50]),
    part(Tissue::Fat, [-0.38, -0.12, 0.1], [0.09, 0.16, 0.25]),
    part(Tissue::Fat, [0.48, -0.15, -0.1], [0.08, 0.18, 0.25]),
    part(Tissue::Tumour, [-0.52, -0.22, 0.1], [0.10, 0.10, 0.25]),
    part(Tissue::Fat, [0.0, 0.85, 0.0], [1.15, 0.70, 2.5]),
    part(Tissue::Soft, [0.0, 0.90, 0.0], [1.05, 0.64, 2.5]),
    part(Tissue::Lung, [-0.42, 0.90, 0.0], [0.34, 0.40, 1.5]),
    part(Tissue::Lung, [0.42, 0.90, 0.0], [0.34, 0.40, 1.5]),
    part(Tissue::Organ, [0.12, 0.72, -0.2], [0.24, 0.20, 0.6]),
];

/// A right breast as the mammograph sees it, the chest wall at the right edge of the picture.
const MAMMOGRAM: &[Ellipsoid] = &[
    part(Tissue::Fat, [1.05, 0.0, 0.0], [1.60, 0.98, 0.8]),
    part(Tissue::Organ, [0.60, 0.05, 0.0], [0.85, 0.62, 0.4]),
    part(Tissue::Organ, [0.25, -0.10, 0.0], [0.45, 0.36, 0.3]),
    part(Tissue::Soft, [0.70, 0.25, 0.0], [0.50, 0.16, 0.15]),
    part(Tissue::Soft, [0.45, -0.30, 0.0], [0.42, 0.10, 0.12]),
    part(Tissue::Tumour, [0.30, 0.18, 0.0], [0.13, 0.12, 0.13]),
    part(Tissue::Bone, [0.33, 0.15, 0.0], [0.015, 0.015, 0.15]),
    part(Tissue::Bone, [0.27, 0.21, 0.0], [0.012, 0.012, 0.15]),
    part(Tissue::Bone, [0.35, 0.22, 0.0], [0.010, 0.012, 0.15]),
];

const PHANTOM: &[Ellipsoid] = &[
    part(Tissue::Bone, [0.0, 0.0, 0.0], [0.84, 0.84, 1.2]),
    part(Tissue::Soft, [0.0, 0.0, 0.0], [0.80, 0.80, 1.15]),
    part(Tissue::Fluid, [0.50, 0.0, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Fat, [0.25, 0.43, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Tumour, [-0.25, 0.43, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Organ, [-0.50, 0.0, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Vessel, [-0.25, -0.43, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Air, [0.25, -0.43, 0.0], [0.16, 0.16, 0.9]),
];

/// The outline of a part in the picture, in pixels from its upper left corner.
struct Outline {
    across: f64,
    down: f64,
    half_width: f64,
    half_height: f64,
    level: f64,
}

impl Image<'_> {
    fn body(&self) -> &'static [Ellipsoid] {
        match self.series.body_part_examined {
            Some("BRAIN") => BRAIN,
            Some("HEADNECK") => NECK,
            Some("PHANTOM") => PHANTOM,
            Some("CHEST" | "LUNG") => CHEST,
            Some("BREAST") if self.modality == Modality::Mg => MAMMOGRAM,
            Some("BREAST") => BREASTS,
            _ => ABDOMEN,
        }
    }

    /// Whether the picture adds up what lies behind each point, rather than showing one slice.
    fn is_projection(&self) -> bool {
        self.modality.is_radiograph() || self.is_scout()
    }

    /// What the picture shows of the part; a part that the slice misses has no size.
    fn outline(&self, part: &Ellipsoid) -> Outline {
        let plane = self.plane();
        let [ct, mr, pt, shadow] = part.tissue.levels();
        let depth = part.radius[plane.through];
        let distance = (self.offset() - part.centre[plane.through]) / depth;
        let cut = (1.0 - distance * distance).max(0.0).sqrt();
        let (size, level) = match self.modality {
            _ if self.is_projection() => (1.0, shadow * depth),
            Modality::Mr => (cut, mr),
            Modality::Pt => (cut, pt),
            _ => (cut, ct),
        };
        let pixels = f64::from(self.series.columns) / 2.0;
        Outline {
            across: (1.0 + part.centre[plane.across]) * pixels,
            down: part.centre[plane.down] * plane.down_sign * pixels + f64::from(self.series.rows) / 2.0,
            half_width: part.radius[plane.across] * size * pixels,
            half_height: part.radius[plane.down] * size * pixels,
            level,
        }
    }

    /// Half the width of the noise: chosen so that slices of CT and MR deflate by about two, as real ones do.
    fn noise(&self) -> f64 {
        match self.modality {
            _ if self.is_projection() => 8.0,
            Modality::Mr => 23.0,
            Modality::Pt => 30.0,
            _ => 34.0,
        }
    }

    /// The stored values, row by row, in little endian.
    fn pixels(&self) -> Vec<u8> {
        let outlines: Vec<_> = self.body().iter().map(|part| self.outline(part)).collect();
        let mut noise = Noise::new(&sop_instance_uid(self.series, self.number), self.noise());
        let mut line = vec![0.0; usize::from(self.series.columns)];

        let mut bytes = Vec::with_capacity(self.pixel_bytes());
        for row in 0..self.series.rows {
            line.fill(self.modality.background());
            for outline in &outlines {
                if self.is_projection() {
                    outline.shade(&mut line, f64::from(row) + 0.5);
                } else {
                    outline.fill(&mut line, f64::from(row) + 0.5);
                }
            }
            for &level in &line {
                bytes.extend_from_slice(&stored(level + noise.next()).to_le_bytes());
            }
        }
        bytes
    }
}

impl Outline {
    fn fill(&self, line: &mut [f64], down: f64) {
        let (first, last) = self.span(self.depth(down));
        let first = first.min(line.len());
        let last = last.min(line.len());
        line[first..last].fill(self.level);
    }

    /// Adds what a ray finds of the part: most in its middle, nothing at its edge.
    fn shade(&self, line: &mut [f64], down: f64) {
        let depth = self.depth(down);
        let (first, last) = self.span(depth);
        for (level, column) in line.iter_mut().zip(0_u16..).take(last).skip(first) {
            let across = (f64::from(column) + 0.5 - self.across) / self.half_width;
            *level += self.level * (depth - across * across).max(0.0).sqrt();
        }
    }

    /// How thick the part is at this height, squared, as a part of its thickest; 0 outside.
    fn depth(&self, down: f64) -> f64 {
        let height = (down - self.down) / self.half_height;
        (1.0 - height * height).max(0.0)
    }

    /// The first column of the part and the first after it.
    fn span(&self, depth: f64) -> (usize, usize) {
        let half_width = self.half_width * depth.sqrt();
        let column = |across: f64| usize::from(nearest(across));
        (column(self.across - half_width), column(self.across + half_width))
    }
}

/// Noise of a triangular distribution around zero, from a xorshift generator (Marsaglia 2003).
struct Noise {
    state: u64,
    scale: f64,
}

impl Noise {
    fn new(seed: &str, half_width: f64) -> Self {
        let digest = Sha256::digest(seed);
        let bits = digest.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte));
        // A xorshift never leaves the state zero.
        Self { state: bits | 1, scale: half_width / f64::from(u8::MAX) }
    }

    fn next(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let [first, second, ..] = self.state.to_be_bytes();
        (f64::from(first) - f64::from(second)) * self.scale
    }
}

/// Twelve bits, in PT as well, though it declares sixteen.
fn stored(level: f64) -> u16 {
    nearest(level.min(4095.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at both ends"
)]
fn nearest(number: f64) -> u16 {
    (number + 0.5) as u16
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write;

    use dicom_object::DefaultDicomObject;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::super::sample::STUDIES;
    use super::*;

    fn all_series() -> impl Iterator<Item = (&'static SampleStudy, &'static SampleSeries)> {
        STUDIES.iter().flat_map(|study| study.series.iter().map(move |series| (study, series)))
    }

    /// The image in the middle of every series.
    fn middle_images() -> impl Iterator<Item = (&'static SampleSeries, Vec<u8>)> {
        all_series()
            .map(|(study, series)| (series, instance(study, series, series.image_count.div_ceil(2)).unwrap()))
    }

    fn parsed(bytes: &[u8]) -> DefaultDicomObject {
        dicom_object::from_reader(bytes).unwrap()
    }

    fn text(file: &DefaultDicomObject, tag: Tag) -> String {
        file.element(tag).unwrap().to_str().unwrap().into_owned()
    }

    fn deflate_ratio(bytes: &[u8]) -> f64 {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(bytes).unwrap();
        let deflated = encoder.finish().unwrap();
        f64::from(u32::try_from(bytes.len()).unwrap()) / f64::from(u32::try_from(deflated.len()).unwrap())
    }

    #[test]
    fn an_image_has_the_identity_and_the_size_that_the_table_gives_it() {
        for (study, series) in all_series() {
            let file = parsed(&instance(study, series, 1).unwrap());

            let uid = sop_instance_uid(series, 1);
            assert_eq!(file.meta().transfer_syntax(), uids::EXPLICIT_VR_LITTLE_ENDIAN);
            assert_eq!(file.meta().media_storage_sop_instance_uid(), uid);
            assert_eq!(file.meta().media_storage_sop_class_uid(), text(&file, tags::SOP_CLASS_UID));
            assert_eq!(text(&file, tags::SOP_INSTANCE_UID), uid);
            assert_eq!(text(&file, tags::SERIES_INSTANCE_UID), series.series_instance_uid);
            assert_eq!(text(&file, tags::STUDY_INSTANCE_UID), study.study_instance_uid);
            assert_eq!(text(&file, tags::PATIENT_ID), study.patient_id);
            assert_eq!(text(&file, tags::MODALITY), series.modality);
            assert_eq!(text(&file, tags::INSTANCE_NUMBER), "1");
            assert!(text(&file, tags::IMAGE_COMMENTS).contains("not a patient"));

            let pixels = file.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
            assert_eq!(file.element(tags::ROWS).unwrap().to_int::<u16>().unwrap(), series.rows);
            assert_eq!(file.element(tags::COLUMNS).unwrap().to_int::<u16>().unwrap(), series.columns);
            assert_eq!(pixels.len(), usize::from(series.rows) * usize::from(series.columns) * 2);
        }
    }

    #[test]
    fn a_null_of_the_document_is_absent_and_an_empty_text_is_empty() {
        for (study, series) in all_series() {
            let image = Image::new(study, series, 1).unwrap();
            let mut data_set = InMemDicomObject::new_empty();

            image.put_patient(&mut data_set);
            image.put_study(&mut data_set);
            image.put_series(&mut data_set);

            for (tag, value) in [
                (tags::STUDY_DESCRIPTION, study.study_description),
                (tags::PATIENT_AGE, study.patient_age),
                (tags::PROTOCOL_NAME, series.protocol_name),
                (tags::SERIES_DESCRIPTION, series.series_description),
            ] {
                let found = data_set.get(tag).map(|element| element.to_str().unwrap().into_owned());
                assert_eq!(found.as_deref(), value, "{tag} of series {}", series.series_instance_uid);
            }
        }
    }

    #[test]
    fn the_same_image_has_the_same_bytes_twice() {
        let (study, series) = all_series().next().unwrap();

        assert_eq!(instance(study, series, 1).unwrap(), instance(study, series, 1).unwrap());
    }

    #[test]
    fn the_images_of_a_series_have_different_pictures() {
        let (study, series) = all_series().find(|(_, series)| series.image_count == 47).unwrap();

        let pictures: BTreeSet<_> = (1..=series.image_count)
            .map(|number| Image::new(study, series, number).unwrap().pixels())
            .collect();

        assert_eq!(pictures.len(), 47);
    }

    #[test]
    fn every_image_has_a_valid_uid_of_its_own() {
        let uids: Vec<_> = all_series()
            .flat_map(|(_, series)| (1..=series.image_count).map(|number| sop_instance_uid(series, number)))
            .collect();

        let distinct: BTreeSet<_> = uids.iter().collect();
        assert_eq!(distinct.len(), uids.len());
        for uid in &uids {
            let digits = uid.strip_prefix("2.25.").unwrap();
            assert!(uid.len() <= 64 && !digits.starts_with('0'), "{uid}");
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{uid}");
        }
    }

    #[test]
    fn slices_of_ct_and_mr_deflate_as_real_ones_do() {
        let slices = middle_images()
            .filter(|(series, _)| matches!(series.modality, "CT" | "MR"))
            .filter(|(series, _)| series.series_description != Some("SCOUT CHEST"));

        for (series, bytes) in slices {
            let ratio = deflate_ratio(&bytes);
            assert!((1.8..=2.2).contains(&ratio), "{ratio} in series {}", series.series_instance_uid);
        }
    }

    #[test]
    fn the_sample_holds_about_fifty_megabytes() {
        // The images of a series differ in length by the digits of their numbers alone.
        let size_bytes: usize = middle_images()
            .map(|(series, bytes)| bytes.len() * usize::try_from(series.image_count).unwrap())
            .sum();

        assert!((45_000_000..=55_000_000).contains(&size_bytes), "{size_bytes}");
    }

    #[test]
    fn a_number_outside_the_series_is_refused() {
        let (study, series) = all_series().next().unwrap();

        for number in [0, series.image_count + 1] {
            let refusal = instance(study, series, number).unwrap_err();
            assert!(matches!(refusal, GenerateError::NoSuchImage { .. }), "{refusal}");
        }
    }

    #[test]
    fn an_unknown_modality_is_refused() {
        let (study, series) = all_series().next().unwrap();
        let ultrasound = SampleSeries { modality: "US", ..*series };

        let refusal = instance(study, &ultrasound, 1).unwrap_err();

        assert!(matches!(refusal, GenerateError::UnknownModality { modality: "US" }), "{refusal}");
    }
}
