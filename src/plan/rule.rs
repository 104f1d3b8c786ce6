//! What a rule of a selection looks at, and what its texts stand for.

use wildmatch::WildMatch;

use crate::dicom::Series;

/// What a rule may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key it is named after")]
pub enum Attribute {
    Collection,
    Patient,
    Study,
    Series,
    Modality,
    BodyPart,
    Manufacturer,
    Model,
    /// Its name or its address.
    License,
}

impl Attribute {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Patient => "patient",
            Self::Study => "study",
            Self::Series => "series",
            Self::Modality => "modality",
            Self::BodyPart => "body part",
            Self::Manufacturer => "manufacturer",
            Self::Model => "model",
            Self::License => "license",
        }
    }

    /// What a series has of it.
    pub(super) fn values(self, series: &Series) -> impl Iterator<Item = &str> {
        let value = match self {
            Self::Collection => Some(series.collection.as_str()),
            Self::Patient => Some(series.patient_id.as_str()),
            Self::Study => Some(series.study_instance_uid.as_str()),
            Self::Series => Some(series.series_instance_uid.as_str()),
            Self::Modality => series.modality.as_deref(),
            Self::BodyPart => series.body_part_examined.as_deref(),
            Self::Manufacturer => series.manufacturer.as_deref(),
            Self::Model => series.manufacturer_model_name.as_deref(),
            Self::License => series.license_name.as_deref(),
        };
        let address = series.license_uri.as_deref().filter(|_| self == Self::License);
        [value, address].into_iter().flatten()
    }
}

/// A series is left out when this attribute of it looks like that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// What of a series it looks at.
    pub attribute: Attribute,
    /// A text or a pattern.
    pub pattern: String,
}

impl Exclusion {
    pub(super) fn holds(&self, series: &Series) -> bool {
        self.attribute.values(series).any(|found| is_like(self.pattern.trim(), found.trim()))
    }
}

/// Whether a text stands for others.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether a text is the wanted one, or one that it stands for.
pub fn is_like(wanted: &str, found: &str) -> bool {
    if is_pattern(wanted) {
        WildMatch::new_case_insensitive(wanted).matches(found)
    } else {
        wanted.to_lowercase() == found.to_lowercase()
    }
}

/// Whether one of the texts found is wanted; nothing wanted does not narrow.
pub(super) fn is_among<'a>(wanted: &[String], mut found: impl Iterator<Item = &'a str>) -> bool {
    wanted.is_empty() || found.any(|found| wanted.iter().any(|wanted| is_like(wanted.trim(), found.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        serde_json::from_value(serde_json::json!({
            "Collection": "CT COLONOGRAPHY", "PatientID": "1.3.6.1.4.1.9328.50.4.0114", "StudyInstanceUID": "1.2",
            "SeriesInstanceUID": "1.2.3", "Modality": "CT", "BodyPartExamined": "CHEST ",
            "LicenseName": "Creative Commons Attribution-NonCommercial 3.0 Unported License",
            "LicenseURI": "http://creativecommons.org/licenses/by-nc/3.0/"
        }))
        .unwrap()
    }

    #[test]
    fn a_text_stands_for_itself_in_any_letters_and_a_pattern_for_what_looks_like_it() {
        for (wanted, found, is_meant) in [
            ("tcga-gbm", "TCGA-GBM", true),
            ("TCGA", "TCGA-GBM", false),
            ("tcga-*", "TCGA-GBM", true),
            ("*", "", true),
            ("?", "", false),
            ("LUNG1-00?", "LUNG1-001", true),
            ("LUNG1-00?", "LUNG1-0010", false),
            ("*[1]*", "a[1]b", true),
            ("[ab]", "a", false),
            ("1.3", "1x3", false),
            ("m\u{dc}ll*", "M\u{fc}ller", true),
        ] {
            assert_eq!(is_like(wanted, found), is_meant, "{wanted} {found}");
        }
    }

    #[test]
    fn each_attribute_is_looked_at_where_it_stands_and_a_licence_in_both_places() {
        use Attribute::{BodyPart, Collection, License, Manufacturer, Modality, Model, Patient, Study};
        for (attribute, pattern, holds) in [
            (Collection, "CT*", true),
            (Patient, "1.3.*.0114", true),
            (Study, "1.2", true),
            (Attribute::Series, "1.2.4", false),
            (Modality, "MR", false),
            (BodyPart, "chest", true),
            (License, "*noncommercial*", true),
            (License, "*/by-nc/*", true),
            (License, "*/by/*", false),
            // a series that says nothing is not left out for what it might say
            (Manufacturer, "*", false),
            (Model, "*", false),
        ] {
            let rule = Exclusion { attribute, pattern: pattern.to_owned() };
            assert_eq!(rule.holds(&series()), holds, "{rule:?}");
        }
    }
}
