//! Makes the sample's images: valid DICOM files with computed pictures.
//!
//! Identity, dates and descriptions come from the table in `sample`; the picture is a body of ellipsoids cut or
//! projected, with noise that makes it pack like a real one. Everything follows from the series and the number, so
//! that the same image has the same bytes on every machine. Nothing here touches disk, clock or network.

mod attributes;
mod body;
mod element;
mod geometry;
mod modality;
mod picture;

use dicom_dictionary_std::uids;
use dicom_object::{FileMetaTableBuilder, WithMetaError, WriteError};
use sha2::{Digest, Sha256};

use self::modality::Modality;
use super::sample::{SampleSeries, SampleStudy};
use crate::dicom::SopInstanceUid;

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
pub(super) fn instance(
    study: &SampleStudy,
    series: &SampleSeries,
    number: u32,
) -> Result<Vec<u8>, GenerateError> {
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
pub(super) fn sop_instance_uid(series: &SampleSeries, number: u32) -> SopInstanceUid {
    let derived = derived_uid(&format!("{}/{number}", series.series_instance_uid));
    SopInstanceUid::parse(&derived).expect("`2.25.` and the at most 39 digits of a 128-bit number are a UID")
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write;

    use dicom_core::Tag;
    use dicom_dictionary_std::tags;
    use dicom_object::{DefaultDicomObject, InMemDicomObject};
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

            let uid = sop_instance_uid(series, 1).to_string();
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
            let digits = uid.as_str().strip_prefix("2.25.").unwrap();
            assert!(!digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()), "{uid}");
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
