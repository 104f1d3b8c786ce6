//! Unique identifiers, valid by construction.

use std::fmt;
use std::str::FromStr;

/// Most characters that DICOM allows in a UID (PS3.5 §9.1).
pub const LONGEST_UID: usize = 64;

/// A DICOM unique identifier: 1 to 64 characters, numbers joined by single dots.
///
/// Components with leading zeros break the standard but stand in real series, so they are taken as they are;
/// padding (a trailing NUL or blanks around the value) is dropped.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Uid(Box<str>);

/// Why a text is not a UID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// Nothing but padding.
    #[error("an empty text is not a UID")]
    Empty,
    /// Over [`LONGEST_UID`] characters.
    #[error("a UID has at most {LONGEST_UID} characters, {found} found")]
    TooLong {
        /// Characters found.
        found: usize,
    },
    /// A character that is neither digit nor dot, or a dot without a number on both sides.
    #[error("{found:?} is not numbers joined by dots")]
    Malformed {
        /// The text, cut to [`LONGEST_UID`] characters by the check before.
        found: String,
    },
}

impl Uid {
    /// Reads a UID, dropping padding around it.
    pub fn parse(text: &str) -> Result<Self, UidError> {
        let text = text.trim_matches([' ', '\0', '\t', '\r', '\n']);
        match text.chars().count() {
            0 => Err(UidError::Empty),
            found if found > LONGEST_UID => Err(UidError::TooLong { found }),
            _ if text.split('.').all(is_number) => Ok(Self(text.into())),
            _ => Err(UidError::Malformed { found: text.to_owned() }),
        }
    }

    /// The UID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_number(component: &str) -> bool {
    !component.is_empty() && component.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Uid {
    type Err = UidError;

    fn from_str(text: &str) -> Result<Self, UidError> {
        Self::parse(text)
    }
}

/// One kind of UID: the same checks, a type of its own.
macro_rules! uid_kind {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(Uid);

        impl $name {
            /// Reads a UID of this kind.
            pub fn parse(text: &str) -> Result<Self, UidError> {
                Uid::parse(text).map(Self)
            }

            /// The UID as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = UidError;

            fn from_str(text: &str) -> Result<Self, UidError> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

uid_kind!(
    /// Names one study: (0020,000D).
    StudyInstanceUid
);
uid_kind!(
    /// Names one series: (0020,000E). The key of the job table.
    SeriesInstanceUid
);
uid_kind!(
    /// Names one instance: (0008,0018) of the data set, never of the file meta group.
    SopInstanceUid
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn real_uids_and_tolerated_ones_are_taken() {
        let longest = format!("1.{}", "2".repeat(62));
        for text in ["1.3.6.1.4.1.14519.5.2.1", "2.25.1", "1.02.3", "7", longest.as_str()] {
            assert_eq!(Uid::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Uid::parse(" 1.2.3\0").unwrap().as_str(), "1.2.3");
    }

    #[test]
    fn anything_that_could_leave_a_directory_or_is_no_number_is_refused() {
        for text in ["", "  ", ".", "..", "1..2", "1.2.", ".1", "1/2", "1.2a", "1 2", "１.２"] {
            assert!(Uid::parse(text).is_err(), "{text:?} was taken");
        }
        assert_eq!(Uid::parse(&"1".repeat(65)), Err(UidError::TooLong { found: 65 }));
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(text in "[0-9]{1,9}(\\.[0-9]{1,9}){0,5}") {
            prop_assert_eq!(Uid::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            if let Ok(uid) = Uid::parse(&text) {
                prop_assert!(uid.as_str().len() <= LONGEST_UID);
            }
        }
    }
}
