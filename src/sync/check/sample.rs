//! A share of all series: each sample goes on where the one before has ended, so that in the end all were in one.

use std::fmt;
use std::str::FromStr;

use crate::dicom::{SeriesInstanceUid, number_of};

/// Parts of a whole.
const WHOLE: u32 = 1_000_000;
/// Digits behind the point of a percentage that a millionth has.
const DIGITS: usize = 4;

/// How much of the mirror a sample takes, in millionths of its series: more than none, at most all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = text.trim().strip_suffix('%').and_then(|percent| millionths(percent.trim_end()));
        share.filter(|share| (1..=WHOLE).contains(share)).map(Self).ok_or_else(|| {
            format!("`{text}` is no share: write a percentage above 0% and up to 100%, like 5% or 0.25%")
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", percent(self.0))
    }
}

/// A percentage with at most four digits behind its point.
fn millionths(percent: &str) -> Option<u32> {
    let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !are_digits(whole) || !are_digits(part) || part.len() > DIGITS {
        return None;
    }
    let part: u32 = format!("{part:0<DIGITS$}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(WHOLE / 100)?.checked_add(part)
}

fn percent(millionths: u32) -> String {
    let (whole, part) = (millionths / (WHOLE / 100), millionths % (WHOLE / 100));
    let text = format!("{whole}.{part:0DIGITS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One sample: the series whose places lie within a share behind a beginning.
///
/// The place of a series is drawn once and for good, by the SHA-256 of its UID; places form a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Where it begins on the ring.
    pub from: u64,
    /// How much of the ring it takes.
    pub share: Share,
}

impl Sample {
    /// How far behind the beginning a series lies.
    fn distance(self, series: &SeriesInstanceUid) -> u64 {
        place_of(series).wrapping_sub(self.from)
    }

    fn takes(self, distance: u64) -> bool {
        self.share.0 == WHOLE || distance < self.width()
    }

    /// Where the next sample begins.
    fn end(self) -> u64 {
        self.from.wrapping_add(self.width())
    }

    /// Where the next one begins when no series lies in this one, and the nearest behind it was taken instead.
    fn end_behind(self, distance: u64) -> u64 {
        self.from.wrapping_add(distance).wrapping_add(1)
    }

    /// The beginning as a percentage of the ring.
    pub fn beginning(self) -> String {
        let millionths = (u128::from(self.from) * u128::from(WHOLE)) >> u64::BITS;
        format!("{}%", percent(u32::try_from(millionths).unwrap_or(WHOLE)))
    }

    fn width(self) -> u64 {
        let width = (u128::from(self.share.0) << u64::BITS) / u128::from(WHOLE);
        u64::try_from(width).unwrap_or(u64::MAX)
    }
}

/// Draws the series of a sample out of all that pass by; without a sample that is every one.
pub(super) struct Draw {
    sample: Option<Sample>,
    has_taken: bool,
    /// The series that lies next behind the sample: how far, and its row.
    nearest: Option<(u64, i64)>,
}

impl Draw {
    pub(super) fn new(sample: Option<Sample>) -> Self {
        Self { sample, has_taken: false, nearest: None }
    }

    pub(super) fn takes(&mut self, series_id: i64, series: &SeriesInstanceUid) -> bool {
        let Some(sample) = self.sample else { return true };
        let distance = sample.distance(series);
        if sample.takes(distance) {
            self.has_taken = true;
        } else if self.nearest.is_none_or(|(nearest, _)| distance < nearest) {
            self.nearest = Some((distance, series_id));
        }
        sample.takes(distance)
    }

    /// The series to take when the sample turned out empty.
    pub(super) fn instead(&self) -> Option<i64> {
        self.nearest.filter(|_| !self.has_taken).map(|(_, series_id)| series_id)
    }

    /// Where the next sample begins.
    pub(super) fn next(&self) -> Option<u64> {
        let sample = self.sample?;
        let nearest = self.nearest.filter(|_| !self.has_taken);
        Some(nearest.map_or(sample.end(), |(distance, _)| sample.end_behind(distance)))
    }
}

fn place_of(series: &SeriesInstanceUid) -> u64 {
    number_of(series.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_is_a_percentage_and_anything_else_is_told_what_to_write() {
        for (text, millionths, shown) in [
            ("5%", 50_000, "5%"),
            (" 0.25 %", 2_500, "0.25%"),
            ("100%", 1_000_000, "100%"),
            ("0.0001%", 1, "0.0001%"),
            ("12.50%", 125_000, "12.5%"),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.0, share.to_string().as_str()), (millionths, shown), "{text}");
        }
        for text in [
            "5",
            "100",
            "0%",
            "0.00001%",
            "100.1%",
            "-5%",
            "+5%",
            "5%%",
            "%",
            ".5%",
            "5.%",
            "1e1%",
            "99999999999%",
            "",
        ] {
            let refusal = text.parse::<Share>().unwrap_err();
            assert!(refusal.contains("like 5%"), "{refusal}");
        }
    }

    fn series(number: u32) -> SeriesInstanceUid {
        SeriesInstanceUid::parse(&format!("1.2.{number}")).unwrap()
    }

    #[test]
    fn samples_one_behind_the_other_take_every_series_exactly_once() {
        let mut sample = Sample { from: 0xdead_beef_dead_beef, share: "5%".parse().unwrap() };
        let mut taken = vec![0; 500];
        for _ in 0..20 {
            for (number, times) in (0..).zip(&mut taken) {
                *times += u32::from(sample.takes(sample.distance(&series(number))));
            }
            sample.from = sample.end();
        }

        // a twentieth of the ring is rounded down, so that twenty of them end a little before its end
        assert!(taken.iter().all(|times| *times == 1), "{taken:?}");
    }

    proptest! {
        #[test]
        fn a_sample_takes_its_share_wherever_it_begins(from in any::<u64>(), percent in 1..=100_u32) {
            let sample = Sample { from, share: format!("{percent}%").parse().unwrap() };

            let taken = (0..2000).filter(|number| sample.takes(sample.distance(&series(*number)))).count();

            let expected = 20 * percent as usize;
            prop_assert!(taken.abs_diff(expected) <= 160, "{taken} of 2000 for {percent} %");
            prop_assert!(percent < 100 || taken == 2000);
        }
    }
}
