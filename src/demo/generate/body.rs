//! The bodies that the pictures show, each made of ellipsoids.

/// What a part of the body is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tissue {
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
    pub(super) fn levels(self) -> [f64; 4] {
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
pub(super) struct Ellipsoid {
    pub(super) tissue: Tissue,
    pub(super) centre: [f64; 3],
    pub(super) radius: [f64; 3],
}

const fn part(tissue: Tissue, centre: [f64; 3], radius: [f64; 3]) -> Ellipsoid {
    Ellipsoid { tissue, centre, radius }
}

pub(super) const CHEST: &[Ellipsoid] = &[
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

pub(super) const ABDOMEN: &[Ellipsoid] = &[
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

pub(super) const BRAIN: &[Ellipsoid] = &[
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

pub(super) const NECK: &[Ellipsoid] = &[
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

pub(super) const BREASTS: &[Ellipsoid] = &[
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
pub(super) const MAMMOGRAM: &[Ellipsoid] = &[
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

pub(super) const PHANTOM: &[Ellipsoid] = &[
    part(Tissue::Bone, [0.0, 0.0, 0.0], [0.84, 0.84, 1.2]),
    part(Tissue::Soft, [0.0, 0.0, 0.0], [0.80, 0.80, 1.15]),
    part(Tissue::Fluid, [0.50, 0.0, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Fat, [0.25, 0.43, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Tumour, [-0.25, 0.43, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Organ, [-0.50, 0.0, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Vessel, [-0.25, -0.43, 0.0], [0.16, 0.16, 0.9]),
    part(Tissue::Air, [0.25, -0.43, 0.0], [0.16, 0.16, 0.9]),
];
