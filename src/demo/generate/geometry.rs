//! Where an image lies in the patient, and how much of the patient it shows.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::element::put_texts;
use super::modality::Modality;
use super::{Image, derived_uid};

/// Where a slice lies: which axes of the patient run along its columns, along its rows and out of it.
///
/// Axes are those of DICOM: 0 to the patient's left, 1 to the back, 2 to the head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) through: usize,
    /// -1 where the rows run towards the feet.
    pub(super) down_sign: f64,
    /// `ImageOrientationPatient`.
    pub(super) orientation: &'static str,
}

const AXIAL: Plane =
    Plane { across: 0, down: 1, through: 2, down_sign: 1.0, orientation: "1\\0\\0\\0\\1\\0" };
const CORONAL: Plane =
    Plane { across: 0, down: 2, through: 1, down_sign: -1.0, orientation: "1\\0\\0\\0\\0\\-1" };
const SAGITTAL: Plane =
    Plane { across: 1, down: 2, through: 0, down_sign: -1.0, orientation: "0\\1\\0\\0\\0\\-1" };

/// How far the slices of a series reach, as a part of half the field of view: to both sides of the middle.
const REACH: f64 = 0.8;

impl Image<'_> {
    pub(super) fn put_geometry(&self, data_set: &mut InMemDicomObject) {
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

    pub(super) fn is_scout(&self) -> bool {
        self.description.contains("SCOUT")
    }

    /// Whether the three images are one of each plane.
    fn is_three_plane_localizer(&self) -> bool {
        self.description.contains("LOC") && !self.description.contains("COR")
    }

    pub(super) fn plane(&self) -> Plane {
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
    pub(super) fn offset(&self) -> f64 {
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
