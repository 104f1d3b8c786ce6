//! What a client wants of a file that it may have already, all of it or a part (RFC 9110, 13 and 14).

use std::ops::RangeInclusive;

use axum::http::HeaderMap;
use axum::http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};

/// The conditions of a request, as they were sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    if_none_match: Option<String>,
    if_range: Option<String>,
    range: Option<String>,
}

/// What is sent of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing: the client has it.
    Nothing,
    /// All of it.
    Whole,
    /// These bytes.
    Range(RangeInclusive<u64>),
    /// Nothing: it has no such bytes.
    Beyond,
}

impl Conditions {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        Self { if_none_match: text(IF_NONE_MATCH), if_range: text(IF_RANGE), range: text(RANGE) }
    }

    /// What is meant of a file with this entity tag and so many bytes.
    ///
    /// A range that makes no sense, or asks for several parts, gets all of it, as any server may answer.
    pub(super) fn part(&self, tag: &str, size_bytes: u64) -> Part {
        let names_it = |tags: &String| tags == "*" || tags.split(',').any(|known| known.trim() == tag);
        if self.if_none_match.as_ref().is_some_and(names_it) {
            return Part::Nothing;
        }
        let is_meant = self.if_range.as_ref().is_none_or(|meant| meant == tag);
        let Some(range) = self.range.as_ref().filter(|_| is_meant) else { return Part::Whole };
        match parse_range_header(range).and_then(|ranges| ranges.validate(size_bytes)) {
            Ok(ranges) if ranges.len() == 1 => Part::Range(ranges[0].clone()),
            Err(RangeUnsatisfiableError::Unsatisfiable) => Part::Beyond,
            Ok(_) | Err(_) => Part::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_holds() {
        let tag = "\"abc\"";
        for (if_none_match, if_range, range, expected) in [
            ("", "", "", Part::Whole),
            ("\"abc\"", "", "bytes=0-1", Part::Nothing),
            ("\"x\", \"abc\"", "", "", Part::Nothing),
            ("*", "", "", Part::Nothing),
            ("\"x\"", "", "", Part::Whole),
            ("", "", "bytes=0-3", Part::Range(0..=3)),
            ("", "", "bytes=4-", Part::Range(4..=9)),
            ("", "", "bytes=-3", Part::Range(7..=9)),
            ("", "", "bytes=4-400", Part::Range(4..=9)),
            ("", "", "bytes=10-", Part::Beyond),
            ("", "", "bytes=0-1,4-5", Part::Whole),
            ("", "", "bytes=5-4", Part::Whole),
            ("", "", "lines=1-2", Part::Whole),
            ("", "\"abc\"", "bytes=0-3", Part::Range(0..=3)),
            ("", "\"old\"", "bytes=0-3", Part::Whole),
        ] {
            let sent = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let conditions = Conditions {
                if_none_match: sent(if_none_match),
                if_range: sent(if_range),
                range: sent(range),
            };
            assert_eq!(conditions.part(tag, 10), expected, "{if_none_match} {if_range} {range}");
        }
    }
}
