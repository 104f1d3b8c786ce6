//! One value as its dialect spells it, before a format puts quotes or tags around it.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime};
use serde_json::Value;

use crate::db::ListedRow;
use crate::nbia::dialect::{Column, DateFormat, EndpointDescription, Kind};

/// The values of a row in the order of the table; `None` is null.
pub fn values<'row>(
    endpoint: &'static EndpointDescription,
    row: &'row ListedRow,
) -> impl Iterator<Item = (&'static Column, Option<Cow<'row, str>>)> {
    endpoint.columns.iter().map(|column| (column, value(endpoint, row, column)))
}

fn value<'row>(
    endpoint: &EndpointDescription,
    row: &'row ListedRow,
    column: &Column,
) -> Option<Cow<'row, str>> {
    let text: Cow<'row, str> = match row.get(column.keyword) {
        None | Some(Value::Null) => column.default?.into(),
        Some(Value::String(text)) => text.into(),
        Some(other) => other.to_string().into(),
    };
    Some(match column.kind {
        Kind::Date => endpoint.dates.from_iso(&text).into(),
        Kind::Flag => flag(text),
        _ if endpoint.has_only_texts => for_people(column, text),
        _ => text,
    })
}

/// A flag of the record, which is the text that some generation sent, as Java writes it.
fn flag(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => "true".into(),
        "false" | "0" | "no" => "false".into(),
        _ => text,
    }
}

/// What getSeriesMetaData does to some values: it was made for a program that takes commas for ends of fields
/// (NBIA-TCIA 865725e, `V1_getSeriesMetaData.java`).
fn for_people<'row>(column: &Column, text: Cow<'row, str>) -> Cow<'row, str> {
    match column.keyword {
        "StudyDescription" | "SeriesDescription" => text.replace(|letter| !is_plain(letter), "").into(),
        "Manufacturer" => text.replace(',', " ").into(),
        "SeriesNumber" => six_decimals(&text).into(),
        "DateReleased" => java_date(&text).map_or(text, Cow::Owned),
        "SubmissionTimestamp" => DateFormat::Timestamp.from_iso(&text).into(),
        _ => text,
    }
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '.' | '-')
}

/// `1` → `1.000000`, as the column of the archive's database has it; what is no number stays as it is.
pub fn six_decimals(number: &str) -> String {
    if !is_number(number) {
        return number.to_owned();
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    format!("{whole}.{fraction:0<6}")
}

/// `2013-11-04 11:45:52` → `Mon Nov 04 11:45:52 UTC 2013`, as Java's `Date` writes itself.
fn java_date(iso: &str) -> Option<String> {
    let day = || Some(Date::strptime("%Y-%m-%d", iso).ok()?.at(0, 0, 0, 0));
    let time = DateTime::strptime("%Y-%m-%d %H:%M:%S", iso).ok().or_else(day)?;
    Some(time.strftime("%a %b %d %H:%M:%S UTC %Y").to_string())
}

/// Whether a text is a number as JSON writes it without an exponent.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_people_is_spelled_for_them() {
        assert_eq!(six_decimals("1"), "1.000000");
        assert_eq!(six_decimals("-2.5"), "-2.500000");
        assert_eq!(six_decimals("2a"), "2a");
        // the date of a stored answer (python-samples/NBIA_API_Python_Examples.ipynb)
        assert_eq!(java_date("2013-11-04 11:45:52").as_deref(), Some("Mon Nov 04 11:45:52 UTC 2013"));
        assert_eq!(java_date("2013-11-04").as_deref(), Some("Mon Nov 04 00:00:00 UTC 2013"));
        assert_eq!(java_date("soon"), None);
    }

    #[test]
    fn a_flag_is_one_in_whatever_words_it_was_recorded() {
        for (recorded, sent) in [("true", "true"), ("1", "true"), ("NO", "false"), ("0", "false"), ("?", "?")]
        {
            assert_eq!(flag(recorded.into()), sent);
        }
    }
}
