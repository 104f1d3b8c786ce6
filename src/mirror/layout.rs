//! From identifiers to path components: readable where they are ordinary, safe and reversible where they are not.
//!
//! The only place where text from the network becomes a path. A component never is empty, `.`, `..` or longer than
//! a file system takes, holds no separator and no character that some file system refuses, and two different
//! identifiers never give the same component. Letters that differ only in case can still meet on a case-insensitive
//! file system: [`Component::folded`] tells, and [`Component::with_letters_encoded`] is the way out.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::dicom::{Series, SeriesInstanceUid, StudyInstanceUid};

/// Longest name that common file systems take, in bytes.
const LONGEST: usize = 255;
/// Hex digits of the digest that stands for the cut end of a name that is too long.
const DIGEST_DIGITS: usize = 16;
/// Besides separators and control characters, what Windows forbids in names.
const FORBIDDEN: &str = r#"/\<>:"|?*%"#;
/// Names of devices that Windows reserves, with and without an extension.
const RESERVED: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];
/// The same, followed by one digit (superscript ones count).
const RESERVED_WITH_DIGIT: [&str; 2] = ["COM", "LPT"];

/// Both forms of an identifier, the ordinary one first, each with what a case-insensitive file system compares.
type Forms = [(String, String); 2];

/// One path component, made of one identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Component(String);

impl Component {
    /// The ordinary form of an identifier: as it is, as far as that is safe.
    pub fn new(identifier: &str) -> Self {
        let last = identifier.chars().count().saturating_sub(1);
        let reserved = is_reserved(identifier);
        let encoded = identifier.chars().enumerate().map(|(position, character)| {
            let at_the_rim = position == 0 || position == last;
            let encode = is_unsafe(character)
                || (at_the_rim && matches!(character, ' ' | '.'))
                || (position == 0 && reserved);
            Piece { character, encode }
        });
        Self::join(identifier, encoded)
    }

    /// The form for an identifier whose ordinary form meets another one after case folding.
    pub fn with_letters_encoded(identifier: &str) -> Self {
        let last = identifier.chars().count().saturating_sub(1);
        let encoded = identifier.chars().enumerate().map(|(position, character)| {
            let at_the_rim = (position == 0 || position == last) && matches!(character, ' ' | '.');
            Piece { character, encode: is_unsafe(character) || at_the_rim || character.is_alphabetic() }
        });
        Self::join(identifier, encoded)
    }

    /// The name on disk.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that a record assigns to an identifier below a parent.
    async fn assigned<E, F: Future<Output = Result<String, E>>>(
        parent: &str,
        identifier: &str,
        assign: &impl Fn(String, String, Forms) -> F,
    ) -> Result<Self, E> {
        let [ordinary, encoded] = [Self::new(identifier), Self::with_letters_encoded(identifier)];
        let forms = [&ordinary, &encoded].map(|form| (form.to_string(), form.folded()));
        let assigned = assign(parent.to_owned(), identifier.to_owned(), forms).await?;
        Ok(if ordinary.as_str() == assigned { ordinary } else { encoded })
    }

    /// What a case-insensitive file system compares.
    pub fn folded(&self) -> String {
        // down first: only the small `ß` has the capitals `SS` that file systems fold the capital `ẞ` to as well
        self.0.to_lowercase().to_uppercase().to_lowercase()
    }

    fn join(identifier: &str, pieces: impl Iterator<Item = Piece>) -> Self {
        if identifier.is_empty() {
            return Self("%".to_owned());
        }
        let mut component = String::new();
        let mut cut_at = 0;
        for piece in pieces {
            component.push_str(&piece.to_string());
            if component.len() <= LONGEST - DIGEST_DIGITS - "%~".len() {
                cut_at = component.len();
            }
        }
        if component.len() > LONGEST {
            component.truncate(cut_at);
            component.push_str("%~");
            component.push_str(&digest(identifier));
        }
        Self(component)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A name on disk that is made of a component: one that would be too long is cut, and keeps its ending.
pub fn with_ending(component: &str, ending: &str) -> String {
    if component.len() + ending.len() <= LONGEST {
        return format!("{component}{ending}");
    }
    let most = LONGEST - DIGEST_DIGITS - "%~".len() - ending.len();
    let cut_at = (0..=most).rev().find(|at| component.is_char_boundary(*at)).unwrap_or(0);
    format!("{}%~{}{ending}", &component[..cut_at], digest(component))
}

/// One character of an identifier, and whether it may stand in a name.
struct Piece {
    character: char,
    encode: bool,
}

impl fmt::Display for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.encode {
            return write!(formatter, "{}", self.character);
        }
        let mut bytes = [0; 4];
        self.character.encode_utf8(&mut bytes).bytes().try_for_each(|byte| write!(formatter, "%{byte:02X}"))
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || FORBIDDEN.contains(character)
}

fn is_reserved(identifier: &str) -> bool {
    let stem = identifier.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    RESERVED.contains(&stem.as_str())
        || RESERVED_WITH_DIGIT.iter().any(|name| {
            let digit = stem.strip_prefix(name).map(|rest| rest.chars().collect::<Vec<_>>());
            matches!(digit.as_deref(), Some(['0'..='9' | '¹' | '²' | '³']))
        })
}

fn digest(identifier: &str) -> String {
    let digest = Sha256::digest(identifier.as_bytes());
    let beginning = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{beginning:0DIGEST_DIGITS$x}")
}

/// Where a series lies below the root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesPath {
    /// Collection, patient, study, series.
    components: [String; 4],
}

impl SeriesPath {
    /// The path of a series; UIDs are digits and dots and need no encoding.
    pub fn new(
        collection: &Component,
        patient: &Component,
        study: &StudyInstanceUid,
        series: &SeriesInstanceUid,
    ) -> Self {
        Self {
            components: [collection.to_string(), patient.to_string(), study.to_string(), series.to_string()],
        }
    }

    /// A path that was recorded, `None` unless it has four components that name something inside their parent.
    pub fn recorded(path: &str) -> Option<Self> {
        let parts: Vec<_> = path.split('/').collect();
        let inside = parts.iter().all(|part| !matches!(*part, "" | "." | "..") && !part.contains('\0'));
        let components = <[&str; 4]>::try_from(parts).ok().filter(|_| inside)?;
        Some(Self { components: components.map(ToOwned::to_owned) })
    }

    /// The path of a series in the components that a record assigns: it is asked with the path above, the identifier and
    /// both forms of it.
    pub async fn assigned<E, F: Future<Output = Result<String, E>>>(
        series: &Series,
        assign: impl Fn(String, String, Forms) -> F,
    ) -> Result<Self, E> {
        let collection = Component::assigned("", series.collection.as_str(), &assign).await?;
        let patient = Component::assigned(collection.as_str(), series.patient_id.as_str(), &assign).await?;
        Ok(Self::new(&collection, &patient, &series.study_instance_uid, &series.series_instance_uid))
    }

    /// The directories above the series, outermost first.
    pub fn parents(&self) -> &[String] {
        &self.components[..3]
    }

    /// The series' own directory.
    pub fn name(&self) -> &str {
        &self.components[3]
    }
}

impl fmt::Display for SeriesPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.components.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component as PathComponent, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_identifier_has_its_form() {
        let cases = [
            ("TCGA-GBM", "TCGA-GBM"),
            ("CT COLONOGRAPHY", "CT COLONOGRAPHY"),
            ("P_01535_LEFT_CC_1.dcm", "P_01535_LEFT_CC_1.dcm"),
            ("GBM_DSC_MRI_DRO_Bo=3T", "GBM_DSC_MRI_DRO_Bo=3T"),
            ("Müller", "Müller"),
            ("a/b\\c", "a%2Fb%5Cc"),
            ("100%", "100%25"),
            ("a\0b\u{1b}", "a%00b%1B"),
            ("<>:\"|?*", "%3C%3E%3A%22%7C%3F%2A"),
            (" padded ", "%20padded%20"),
            (".hidden.", "%2Ehidden%2E"),
            (".tcia-mirror", "%2Etcia-mirror"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("...", "%2E.%2E"),
            ("CON", "%43ON"),
            ("con.txt", "%63on.txt"),
            ("LPT1", "%4CPT1"),
            ("CONSOLE", "CONSOLE"),
            ("COM12", "COM12"),
            ("", "%"),
        ];
        for (identifier, expected) in cases {
            assert_eq!(Component::new(identifier).as_str(), expected, "{identifier:?}");
        }
    }

    #[test]
    fn a_long_identifier_ends_in_its_digest() {
        let long = "é".repeat(200);
        let component = Component::new(&long);
        assert!(component.as_str().len() <= 255);
        // the digits are those of Python's hashlib
        assert!(component.as_str().ends_with("%~df20b2aa6262e99e"));
        assert_eq!(component.as_str().chars().filter(|c| *c == 'é').count(), 118);
        assert_eq!(Component::new(&"a".repeat(255)).as_str().len(), 255);
        let slashes = Component::new(&"/".repeat(100));
        assert!(slashes.as_str().starts_with("%2F%2F") && !slashes.as_str().contains("%2%~"));
    }

    #[test]
    fn letters_are_encoded_where_case_alone_would_tell_two_apart() {
        assert_eq!(Component::new("Abc").folded(), Component::new("aBC").folded());
        assert_eq!(Component::with_letters_encoded("aB-1").as_str(), "%61%42-1");
    }

    #[test]
    fn whatever_a_file_system_may_fold_together_is_folded_together() {
        // equal by Python's str.casefold, which is the full case folding of Unicode
        let cases = [
            ("TCGA-GBM", "tcga-gbm"),
            ("\u{00c9}", "\u{00e9}"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("\u{212a}", "k"),
            ("\u{017f}", "S"),
            ("straße", "STRASSE"),
            ("straße", "STRA\u{1e9e}E"),
            ("\u{fb03}", "FFI"),
        ];
        for (one, other) in cases {
            assert_eq!(Component::new(one).folded(), Component::new(other).folded(), "{one} and {other}");
        }
    }

    #[test]
    fn a_recorded_path_that_leads_outside_is_refused() {
        assert!(SeriesPath::recorded("C/P/1.2/1.2.3").is_some());
        for path in ["", "C/P/1.2", "../P/1.2/3", "C//1.2/3", "/C/P/1/2", "C/P/1.2/3/4", "C/./1/2"] {
            assert!(SeriesPath::recorded(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_name_that_is_made_of_a_component_keeps_its_ending() {
        let [one, other] =
            ["é".repeat(120) + "a", "é".repeat(120) + "b"].map(|name| with_ending(&name, ".SHA256SUMS"));

        assert_eq!(with_ending("CT COLONOGRAPHY", ".SHA256SUMS"), "CT COLONOGRAPHY.SHA256SUMS");
        for name in [&one, &other] {
            assert!(name.len() <= 255 && name.starts_with('é') && name.ends_with(".SHA256SUMS"), "{name}");
        }
        assert_ne!(one, other);
    }

    proptest! {
        #[test]
        fn no_component_holds_what_sha256sum_would_escape(identifier in "\\PC*|.*|[\\\\\r\na\0]*") {
            for component in [Component::new(&identifier), Component::with_letters_encoded(&identifier)] {
                prop_assert!(!component.as_str().contains(['\\', '\n', '\r', '\0']), "{component:?}");
            }
        }

        #[test]
        fn any_identifier_is_one_component_inside_its_parent(identifier in "\\PC*|.*|[./\\\\ %\0]*") {
            for component in [Component::new(&identifier), Component::with_letters_encoded(&identifier)] {
                let parts: Vec<_> = Path::new(component.as_str()).components().collect();
                prop_assert!(matches!(parts.as_slice(), [PathComponent::Normal(_)]), "{component}");
                prop_assert!(component.as_str().len() <= 255);
            }
        }

        #[test]
        fn two_identifiers_never_share_a_name(
            one in "[aAkKéÉſ%./ ]{0,4}|\\PC{0,4}", other in "[aAkKéÉſ%./ ]{0,4}|\\PC{0,4}",
        ) {
            prop_assume!(one != other);
            let (first, [ordinary, encoded]) = (
                Component::new(&one),
                [Component::new(&other), Component::with_letters_encoded(&other)],
            );

            prop_assert_ne!(&first, &ordinary);
            prop_assert_ne!(first.folded(), encoded.folded());
            prop_assert_ne!(Component::with_letters_encoded(&one).folded(), encoded.folded());
        }

        #[test]
        fn short_identifiers_decode_to_themselves(identifier in "\\PC{0,20}|[./\\\\ %\0a-c]{0,20}") {
            for component in [Component::new(&identifier), Component::with_letters_encoded(&identifier)] {
                prop_assert_eq!(decode(component.as_str()), identifier.clone());
            }
        }
    }

    /// The way back, written from the promise and not from the code above.
    fn decode(component: &str) -> String {
        if component == "%" {
            return String::new();
        }
        let mut bytes = Vec::new();
        let mut rest = component.as_bytes();
        while let [first, tail @ ..] = rest {
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        String::from_utf8(bytes).unwrap()
    }
}
