//! The columns of lists: the service's names for them, and ours.

/// How a column's values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A number that is only shown: kept as text in the shortest form.
    Number,
    /// A number that is counted with.
    Count,
    /// A day, or a day and a time, in the endpoint's format.
    Date,
}

/// One column of a list: the service's name for it, and ours.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name on the wire.
    pub name: &'static str,
    /// The name in [`crate::dicom`]'s structs and everywhere else.
    pub keyword: &'static str,
    /// How its values are written.
    pub kind: Kind,
    /// What the service sends where it knows nothing; for most columns null.
    pub default: Option<&'static str>,
}

impl Column {
    /// This column under a name that the service alone uses.
    pub(super) const fn sent_as(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// This column with a value where there is none.
    pub(super) const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }
}

pub(super) const fn text(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Text, default: None }
}

pub(super) const fn flag(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Flag, default: None }
}

pub(super) const fn number(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Number, default: None }
}

pub(super) const fn count(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Count, default: None }
}

pub(super) const fn date(name: &'static str) -> Column {
    Column { name, keyword: name, kind: Kind::Date, default: None }
}

pub(super) const COLLECTION_VALUES: &[Column] = &[text("Collection")];
pub(super) const MODALITY_VALUES: &[Column] = &[text("Modality")];
pub(super) const BODY_PART_VALUES: &[Column] = &[text("BodyPartExamined")];
pub(super) const MANUFACTURER_VALUES: &[Column] = &[text("Manufacturer")];
pub(super) const SERIES_SIZE: &[Column] = &[count("TotalSizeInBytes"), count("ObjectCount")];
pub(super) const SOP_INSTANCE_UIDS: &[Column] = &[text("SOPInstanceUID")];

/// The archive's own server takes a patient of whom nothing else is known for a human being
/// (NBIA-TCIA 865725e, `PatientDAOImpl.java`).
pub(super) const PHANTOM: Column = text("Phantom").or("NO");
pub(super) const SPECIES_CODE: Column = text("SpeciesCode").or("337915000");
pub(super) const SPECIES_DESCRIPTION: Column = text("SpeciesDescription").or("Homo sapiens");
/// It lists only what whoever asks may have (`GeneralSeriesDAOImpl.java`).
pub(super) const AUTHORIZED: Column = number("Authorized").or("1");
