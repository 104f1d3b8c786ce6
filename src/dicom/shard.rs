//! Shares of one mirror that several processes make together, and which series is in which.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::SeriesInstanceUid;

/// Into so many a mirror can be split: SQLite attaches ten records to a reader (`SQLITE_MAX_ATTACHED`).
pub const MOST_SHARDS: u8 = 10;

/// One of several shares of a mirror.
///
/// A series is in exactly one of them, for good: the first eight bytes of the SHA-256 of its UID, as a number, modulo
/// the number of shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    number: u8,
    of: u8,
}

/// Where the record of a mirror lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// In one file.
    Whole(PathBuf),
    /// In one for each shard; one that has not been started yet has none.
    Shards(Vec<PathBuf>),
}

impl Shard {
    /// Every share of so many.
    pub fn all(of: u8) -> impl Iterator<Item = Self> {
        (1..=of).map(move |number| Self { number, of })
    }

    /// Which, from 1.
    pub fn number(self) -> u8 {
        self.number
    }

    /// Of how many.
    pub fn of(self) -> u8 {
        self.of
    }

    /// Whether a series is in it.
    pub fn holds(self, series: &SeriesInstanceUid) -> bool {
        number_of(series.as_str()) % u64::from(self.of) == u64::from(self.number - 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| Some(text).filter(|text| is_plain_number(text))?.parse().ok();
        let read =
            text.split_once('/').and_then(|(one, of)| Some(Self { number: number(one)?, of: number(of)? }));
        read.filter(|shard| (1..=shard.of).contains(&shard.number) && shard.of <= MOST_SHARDS).ok_or_else(
            || {
                format!(
                    "`{text}` is no share: write I/N like 1/4, with I from 1 to N and N up to {MOST_SHARDS}"
                )
            },
        )
    }
}

/// Whether a number is written in the one way in which names of directories have it.
fn is_plain_number(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|digit| digit.is_ascii_digit())
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

/// The first eight bytes of the SHA-256 of a text, the highest first.
pub fn number_of(text: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(text).into();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_is_written_in_one_way_and_anything_else_is_told_what_to_write() {
        for text in ["1/1", "1/4", "4/4", "10/10"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        let wrong = [
            "0/3",
            "4/3",
            "1/0",
            "0/0",
            "a/b",
            "1/11",
            "11/11",
            "1/256",
            "257/300",
            "1",
            "/",
            "1/",
            "/4",
            "1/4/4",
            "",
            "-1/4",
            "+1/4",
            "01/4",
            "1/04",
            " 1/4",
            "1/4 ",
            "1 / 4",
            "1.0/4",
            "\u{661}/4",
        ];
        for text in wrong {
            let refusal = text.parse::<Shard>().unwrap_err();
            assert!(refusal.contains("like 1/4"), "{refusal}");
        }
    }

    #[test]
    fn a_series_is_in_the_share_that_its_digest_names() {
        // printf %s 1.3.6.1.4.1.14519.5.2.1.7695.2311.4981 | sha256sum: 0xa2e5db416ed5c74f modulo 3, 4, 10
        let uid = SeriesInstanceUid::parse("1.3.6.1.4.1.14519.5.2.1.7695.2311.4981").unwrap();

        let numbers = [3, 4, 10].map(|of| Shard::all(of).find(|shard| shard.holds(&uid)).unwrap().number());

        assert_eq!(numbers, [2, 4, 2]);
    }

    proptest! {
        #[test]
        fn every_series_is_in_exactly_one_share(of in 1..=MOST_SHARDS, tail in 1..u64::MAX) {
            let uid = SeriesInstanceUid::parse(&format!("1.2.{tail}")).unwrap();

            prop_assert_eq!(Shard::all(of).filter(|shard| shard.holds(&uid)).count(), 1);
        }
    }
}
