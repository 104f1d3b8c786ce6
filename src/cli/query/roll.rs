//! What is asked for by name, and whether the answer has it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::exit::Exit;
use super::super::print;
use super::sheet::Row;
use crate::nbia::dialect::{Endpoint, Parameter};
use crate::nbia::{Client, Error, Question};

/// What an answer may be asked about that must exist.
const NAMED: [Parameter; 7] = [
    Parameter::Collection,
    Parameter::PatientId,
    Parameter::StudyInstanceUid,
    Parameter::SeriesInstanceUid,
    Parameter::SopInstanceUid,
    Parameter::SeriesList,
    Parameter::Name,
];
/// Names that rows repeat, each with the keyword of the column that does.
const REPEATED: [(Parameter, &str); 2] =
    [(Parameter::SeriesList, "SeriesInstanceUID"), (Parameter::Collection, "Collection")];

/// Longest UID (DICOM PS3.5, 9.1).
const LONGEST_UID: usize = 64;

/// The names that were asked for, struck off as they come.
pub(super) struct Roll<'a> {
    question: &'a Question,
    /// By the column that repeats them, in small letters as well as they were typed.
    wanted: Vec<(&'static str, BTreeMap<String, &'a str>)>,
    is_empty: bool,
    /// The beginning of what may be a UID.
    uid: String,
}

impl<'a> Roll<'a> {
    pub(super) fn of(question: &'a Question) -> Self {
        let wanted = REPEATED.iter().filter_map(|(parameter, keyword)| {
            let column = question.endpoint.columns.iter().find(|column| column.keyword == *keyword)?;
            let names = names(question, *parameter).filter(|name| !name.is_empty());
            let names = names.map(|name| (name.to_ascii_lowercase(), name));
            Some((column.name, names.collect()))
        });
        Self { question, wanted: wanted.collect(), is_empty: true, uid: String::new() }
    }

    /// The names that can be found in a list as the service writes it, in whatever form: UIDs.
    pub(super) fn of_uids(question: &'a Question) -> Self {
        let mut roll = Self { is_empty: false, ..Self::of(question) };
        for (_, names) in &mut roll.wanted {
            names.retain(|name, _| name.bytes().all(is_of_uid));
        }
        roll
    }

    /// Strikes off every UID that stands in the next bytes of a list.
    pub(super) fn strike_uids(&mut self, bytes: &[u8]) {
        if self.wanted.iter().all(|(_, names)| names.is_empty()) {
            return;
        }
        for byte in bytes {
            if is_of_uid(*byte) && self.uid.len() <= LONGEST_UID {
                self.uid.push(char::from(*byte));
            } else if !self.uid.is_empty() {
                for (_, names) in &mut self.wanted {
                    names.remove(&self.uid);
                }
                self.uid.clear();
            }
        }
    }

    /// Strikes off what a row repeats; a row that does not say what it is about is believed.
    pub(super) fn strike(&mut self, row: &Row) {
        self.is_empty &= !is_listed(self.question, row);
        for (column, names) in &mut self.wanted {
            match row.get(*column).and_then(|value| serde_json::from_str::<String>(value.get()).ok()) {
                Some(name) => _ = names.remove(&name.trim().to_ascii_lowercase()),
                None => names.clear(),
            }
        }
    }

    /// Says which names nothing came for, if there are any.
    pub(super) async fn close(mut self, client: &Client) -> Result<Exit, Error> {
        self.strike_uids(b"\n"); // the end may be that of a UID
        let question = self.question;
        let missing: Vec<&str> = if self.is_empty {
            missing_from_nothing(question, client).await?
        } else {
            self.wanted.iter().flat_map(|(_, names)| names.values().copied()).collect()
        };
        if !missing.is_empty() {
            let missing = quoted(missing.into_iter());
            print::talk(&format!("error: {} lists nothing for {missing}", question.endpoint.name));
            return Ok(Exit::Failed);
        }
        if self.is_empty {
            print::talk("no rows");
        }
        Ok(Exit::Done)
    }
}

fn is_of_uid(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

/// Every name in a question, as it is shown.
pub(super) fn all_names(question: &Question) -> String {
    quoted(NAMED.iter().flat_map(|parameter| names(question, *parameter)))
}

/// Whether a list as the service writes it, in any of its forms, has a row.
pub(super) fn has_rows(question: &Question, list: &str) -> bool {
    let list = list.trim();
    if let Ok(rows) = serde_json::from_str::<Vec<Row>>(list) {
        return rows.iter().any(|row| is_listed(question, row));
    }
    if list.starts_with('<') {
        return has_text(list);
    }
    let mut lines = list.lines().skip(1);
    lines.any(|line| !is_sum(question) || line.contains(char::is_alphanumeric))
}

/// A sum has a row even over nothing, then without a value.
fn is_listed(question: &Question, row: &Row) -> bool {
    !is_sum(question) || row.values().map(Box::as_ref).any(|value: &RawValue| value.get() != "null")
}

fn is_sum(question: &Question) -> bool {
    question.endpoint.endpoint == Endpoint::SeriesSize
}

/// Whether markup holds any text beside the names of columns.
fn has_text(markup: &str) -> bool {
    let mut elements = markup.split('<').filter_map(|element| element.split_once('>'));
    elements.any(|(tag, text)| !tag.eq_ignore_ascii_case("th") && !text.trim().is_empty())
}

/// Nothing is new in many a collection, so that the collection itself is looked for.
async fn missing_from_nothing<'a>(question: &'a Question, client: &Client) -> Result<Vec<&'a str>, Error> {
    if question.value(Parameter::Since).is_none() {
        return Ok(NAMED.iter().flat_map(|parameter| names(question, *parameter)).collect());
    }
    let Some(name) = question.value(Parameter::Collection) else { return Ok(Vec::new()) };
    let collections = client.collections().await?;
    let is_there = collections.iter().any(|collection| collection.as_str().eq_ignore_ascii_case(name));
    Ok(if is_there { Vec::new() } else { vec![name] })
}

fn names(question: &Question, parameter: Parameter) -> impl Iterator<Item = &str> {
    let is_list = parameter == Parameter::SeriesList;
    let value = question.value(parameter).into_iter();
    value.flat_map(move |value| {
        let names = value.split(move |character| is_list && character == ',').map(str::trim);
        names.filter(move |name| !is_list || !name.is_empty())
    })
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{}`", print::plain(name))).collect::<Vec<_>>().join(", ")
}
