//! From bytes to rows: a JSON array is taken apart while it arrives, each row is turned into a struct of `dicom`.
//!
//! An answer of 160 MB costs the memory of one row. What is no row is counted and kept for the report, never guessed.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::dialect::{Column, DateFormat, EndpointDescription, Kind};

/// Longest row that is taken; real ones have about 800 bytes.
const LONGEST_ROW: usize = 1 << 20;
/// How much of a row that makes no sense, and of the reason, is kept for the report.
const QUOTED: usize = 200;

/// Why an answer is no list.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum WireError {
    #[error("found {found:?} where a JSON list should begin")]
    NotAList { found: String },
    #[error("found {found:?} at byte {at} of the list, expected {expected}")]
    Syntax { at: u64, found: char, expected: &'static str },
    #[error("the list ends in the middle, after {at} bytes")]
    Cut { at: u64 },
    #[error("a row of more than {LONGEST_ROW} bytes at byte {at}")]
    RowTooLong { at: u64 },
}

/// A row of the service that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What is wrong with it.
    pub reason: String,
    /// Its beginning.
    pub row: String,
}

impl Rejected {
    /// A row that holds what this program has sent to prove who it is: no list has a use for that.
    pub(super) fn of_secret() -> Self {
        Self { reason: "it repeats a secret that was sent".to_owned(), row: String::new() }
    }
}

/// A row with the names and values that the service gave them.
pub(super) type SentRow = BTreeMap<String, Box<RawValue>>;

/// Cuts a JSON array into its elements, whatever pieces it arrives in.
#[derive(Debug, Default)]
pub(super) struct RowSplitter {
    place: Place,
    row: Vec<u8>,
    at: u64,
    beginning: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    BeforeList,
    BeforeFirstRow,
    InRow {
        depth: u32,
        string: StringPlace,
    },
    AfterRow,
    AfterComma,
    AfterList,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StringPlace {
    Outside,
    Inside,
    Escape,
}

impl RowSplitter {
    /// Takes the next bytes and hands out every row they complete.
    pub(super) fn push(&mut self, bytes: &[u8], row: &mut impl FnMut(&[u8])) -> Result<(), WireError> {
        if self.place == Place::BeforeList {
            self.beginning.extend(bytes.iter().take(QUOTED.saturating_sub(self.beginning.len())));
        }
        for byte in bytes {
            self.step(*byte, row)?;
            self.at += 1;
        }
        Ok(())
    }

    /// Whether the list is whole; an answer without any byte is an empty list.
    pub(super) fn finish(&self) -> Result<(), WireError> {
        match self.place {
            Place::AfterList => Ok(()),
            Place::BeforeList if self.at == 0 => Ok(()),
            Place::BeforeList => Err(self.not_a_list()),
            _ => Err(WireError::Cut { at: self.at }),
        }
    }

    fn step(&mut self, byte: u8, row: &mut impl FnMut(&[u8])) -> Result<(), WireError> {
        self.place = match self.place {
            Place::InRow { depth, string } => return self.step_in_row(byte, depth, string, row),
            place if byte.is_ascii_whitespace() => place,
            Place::BeforeList if byte == b'[' => Place::BeforeFirstRow,
            Place::BeforeList => return Err(self.not_a_list()),
            Place::BeforeFirstRow | Place::AfterRow if byte == b']' => Place::AfterList,
            Place::BeforeFirstRow | Place::AfterComma if byte == b'{' => {
                self.row.clear();
                self.row.push(byte);
                Place::InRow { depth: 1, string: StringPlace::Outside }
            }
            Place::AfterRow if byte == b',' => Place::AfterComma,
            Place::AfterRow => return Err(self.syntax(byte, "`,` or `]`")),
            Place::AfterList => return Err(self.syntax(byte, "nothing more")),
            Place::BeforeFirstRow | Place::AfterComma => return Err(self.syntax(byte, "`{`")),
        };
        Ok(())
    }

    fn step_in_row(
        &mut self,
        byte: u8,
        depth: u32,
        string: StringPlace,
        row: &mut impl FnMut(&[u8]),
    ) -> Result<(), WireError> {
        if self.row.len() == LONGEST_ROW {
            return Err(WireError::RowTooLong { at: self.at });
        }
        self.row.push(byte);
        let (depth, string) = match (string, byte) {
            (StringPlace::Inside, b'\\') => (depth, StringPlace::Escape),
            (StringPlace::Inside, b'"') => (depth, StringPlace::Outside),
            (StringPlace::Escape, _) | (StringPlace::Outside, b'"') => (depth, StringPlace::Inside),
            (StringPlace::Outside, b'{' | b'[') => (depth + 1, string),
            (StringPlace::Outside, b'}' | b']') => (depth - 1, string),
            _ => (depth, string),
        };
        self.place = Place::InRow { depth, string };
        if depth == 0 {
            row(&self.row);
            self.place = Place::AfterRow;
        }
        Ok(())
    }

    fn not_a_list(&self) -> WireError {
        WireError::NotAList { found: String::from_utf8_lossy(&self.beginning).into_owned() }
    }

    fn syntax(&self, byte: u8, expected: &'static str) -> WireError {
        WireError::Syntax { at: self.at, found: char::from(byte), expected }
    }
}

/// Turns one row of a list into a struct of `dicom`.
pub(super) fn read_row<T: DeserializeOwned>(
    row: &[u8],
    endpoint: &EndpointDescription,
) -> Result<T, Rejected> {
    let reject = |error| reject(&error, row);
    let sent: Map<String, Value> = serde_json::from_slice(row).map_err(reject)?;
    serde_json::from_value(Value::Object(to_keywords(sent, endpoint))).map_err(reject)
}

/// One row with the names and values that the service gave them.
pub(super) fn read_as_sent(row: &[u8], _endpoint: &EndpointDescription) -> Result<SentRow, Rejected> {
    let sent: Result<SentRow, _> = serde_json::from_slice(row);
    let sent = sent.and_then(|sent| sent.into_iter().map(as_sent).collect());
    sent.map_err(|error| reject(&error, row))
}

/// A number keeps its digits, which may be more than any of our numbers holds; all else is checked.
fn as_sent((name, value): (String, Box<RawValue>)) -> serde_json::Result<(String, Box<RawValue>)> {
    let is_number = value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let value = if is_number { value } else { to_raw_value(&serde_json::from_str::<Value>(value.get())?)? };
    Ok((name, value))
}

fn reject(error: &serde_json::Error, row: &[u8]) -> Rejected {
    Rejected { reason: quote(error.to_string().as_bytes()), row: quote(row) }
}

/// The beginning of a text that may be as long as a row.
fn quote(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(QUOTED)]).into_owned()
}

/// Renames columns to our keywords; null is left out, what we have no name for goes under `Other`.
fn to_keywords(sent: Map<String, Value>, endpoint: &EndpointDescription) -> Map<String, Value> {
    let mut row = Map::new();
    let mut other = Map::new();
    for (name, value) in sent.into_iter().filter(|(_, value)| !value.is_null()) {
        match endpoint.column(&name) {
            Some(column) => row.insert(column.keyword.to_owned(), read_value(value, column, endpoint.dates)),
            None => other.insert(name, value),
        };
    }
    row.insert("Other".to_owned(), Value::Object(other));
    row
}

fn read_value(value: Value, column: &Column, dates: DateFormat) -> Value {
    match (column.kind, value) {
        // what no count is, or more than the record could hold, is left as a text, which no row takes
        (Kind::Count, value) => {
            let count = count(&value).filter(|count| i64::try_from(*count).is_ok());
            count.map_or_else(|| Value::String(value.to_string()), Value::from)
        }
        (Kind::Date, Value::String(text)) => Value::String(dates.to_iso(&text).unwrap_or(text)),
        (Kind::Number, Value::String(text)) => Value::String(shortest_number(&text)),
        (Kind::Number, Value::Number(number)) => Value::String(shortest_number(&number.to_string())),
        (_, Value::String(text)) => Value::String(text),
        (_, Value::Bool(flag)) => Value::String(flag.to_string()),
        (_, Value::Number(number)) => Value::String(number.to_string()),
        (_, strange) => strange,
    }
}

/// A count, written `48`, `48.0` or `"48"`.
fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => {
            number.as_u64().or_else(|| shortest_number(&number.to_string()).parse().ok())
        }
        Value::String(text) => shortest_number(text).parse().ok(),
        _ => None,
    }
}

/// `500.000000` → `500`; what is no decimal number stays as it is.
fn shortest_number(text: &str) -> String {
    let text = text.trim();
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        Some((_, fraction)) if fraction.bytes().all(|digit| digit.is_ascii_digit()) => {
            text.trim_end_matches('0').to_owned()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dialect::{Dialect, Endpoint};
    use super::*;
    use crate::dicom::{Patient, Series};

    fn rows(pieces: &[&[u8]]) -> Result<Vec<String>, WireError> {
        let mut splitter = RowSplitter::default();
        let mut rows = Vec::new();
        for piece in pieces {
            splitter.push(piece, &mut |row| rows.push(String::from_utf8_lossy(row).into_owned()))?;
        }
        splitter.finish().map(|()| rows)
    }

    #[test]
    fn a_list_is_taken_apart_wherever_it_is_cut_into_pieces() {
        let list = br#" [ {"a":"}]\"{","b":[{},1]} , {} ,{"c":"\\"}] "#;
        let whole = rows(&[list]).unwrap();
        assert_eq!(whole, [r#"{"a":"}]\"{","b":[{},1]}"#, "{}", r#"{"c":"\\"}"#]);
        for cut in 0..list.len() {
            assert_eq!(rows(&[&list[..cut], &list[cut..]]).unwrap(), whole);
        }
        let bytes: Vec<&[u8]> = list.chunks(1).collect();
        assert_eq!(rows(&bytes).unwrap(), whole);
    }

    #[test]
    fn nothing_at_all_and_empty_brackets_are_lists_without_rows() {
        assert_eq!(rows(&[]).unwrap(), [""; 0]);
        assert_eq!(rows(&[b"[]"]).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_cut_or_no_list_is_an_error() {
        for text in ["[", "[{}", "[{},", r#"[{"a":1}"#, r#"[{"a":"x"#] {
            assert!(matches!(rows(&[text.as_bytes()]), Err(WireError::Cut { .. })), "{text}");
        }
        for text in ["<html>", "{}", "  ", "null", "A parameter, SeriesInstanceUID"] {
            assert!(matches!(rows(&[text.as_bytes()]), Err(WireError::NotAList { .. })), "{text}");
        }
        for text in ["[1]", "[{} {}]", "[,{}]", "[{},]", "[] []", "[[]]"] {
            assert!(matches!(rows(&[text.as_bytes()]), Err(WireError::Syntax { .. })), "{text}");
        }
        let long = format!("[{{\"a\":\"{}", "x".repeat(LONGEST_ROW));
        assert!(matches!(rows(&[long.as_bytes()]), Err(WireError::RowTooLong { .. })));
    }

    #[test]
    fn a_v4_row_becomes_a_series_with_iso_dates_and_unknown_columns_kept() {
        let row = br#"{"SeriesInstanceUID":"1.2.3","StudyInstanceUID":"1.2","Collection":"C","PatientID":"P","SeriesDate":"06-19-1990",
            "SeriesNumber":5,"ImageCount":"180.000000","FileSize":24380256,"LicenseURI":"http:\/\/x\/","Brand":"new","StudyDesc":""}"#;
        let v4 = Dialect::NbiaV4.description();

        let series: Series = read_row(row, v4.endpoint(Endpoint::Series).unwrap()).unwrap();

        assert_eq!(series.series_date.as_deref(), Some("1990-06-19"));
        assert_eq!((series.image_count, series.file_size), (Some(180), Some(24_380_256)));
        assert_eq!(series.series_number.as_deref(), Some("5"));
        assert_eq!(series.license_uri.as_deref(), Some("http://x/"));
        assert_eq!(series.study_description.as_deref(), Some(""));
        assert_eq!(series.other.get("Brand"), Some(&Value::from("new")));
        assert_eq!(series.modality, None);
    }

    #[test]
    fn a_row_that_makes_no_sense_is_quoted_with_its_reason() {
        let v4 = Dialect::NbiaV4.description();
        let endpoint = v4.endpoint(Endpoint::Patient).unwrap();
        let series = v4.endpoint(Endpoint::Series).unwrap();
        let huge = r#"{"SeriesInstanceUID":"1.2.3","StudyInstanceUID":"1.2","Collection":"C","PatientID":"P","FileSize":9223372036854775808}"#;
        assert!(read_row::<Series>(huge.as_bytes(), series).is_err());
        for row in ["{}", r#"{"PatientId":"P"}"#, r#"{"PatientId":{},"Collection":"C"}"#] {
            let rejected = read_row::<Patient>(row.as_bytes(), endpoint).unwrap_err();
            assert_eq!(rejected.row, row);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _any_outcome = rows(&[&bytes]);
        }

        #[test]
        fn every_row_comes_back(texts in proptest::collection::vec(".*", 0..8)) {
            let list = serde_json::to_vec(&texts.iter().map(|t| serde_json::json!({"a": t})).collect::<Vec<_>>()).unwrap();
            let back: Vec<Value> = rows(&[&list]).unwrap().iter().map(|row| serde_json::from_str(row).unwrap()).collect();
            prop_assert_eq!(back.len(), texts.len());
            for (row, text) in back.iter().zip(&texts) {
                prop_assert_eq!(&row["a"], text);
            }
        }
    }
}
