//! `status --collection`: what a collection, or a patient of it, consists of.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::exit::UsageError;
use super::print;
use crate::db::{PatientReport, Reader, SeriesReport};
use crate::plan::is_like;

/// Shows the patients of the collections that look so; with names of patients the series of those.
pub(super) fn show(
    reader: &Reader,
    now: i64,
    collection: &str,
    patient: Option<&str>,
    json: bool,
) -> anyhow::Result<()> {
    let recorded = reader.status(now)?.collections;
    let meant =
        recorded.iter().map(|known| known.collection.as_str()).filter(|name| is_like(collection, name));
    let mut patients = Vec::new();
    for name in meant {
        patients.extend(reader.patients_of(name)?);
    }
    patients.retain(|found| patient.is_none_or(|wanted| is_like(wanted, &found.patient_id)));
    if patients.is_empty() {
        return Err(nothing(collection, patient).into());
    }
    if patient.is_none() {
        return rows(&patients, json, &PATIENT_COLUMNS, as_patient);
    }
    let mut series = Vec::new();
    for found in &patients {
        series.extend(reader.series_of(&found.collection, &found.patient_id)?);
    }
    rows(&series, json, &SERIES_COLUMNS, as_series)
}

fn nothing(collection: &str, patient: Option<&str>) -> UsageError {
    let what = patient.map_or_else(String::new, |patient| format!("patient `{patient}` of "));
    UsageError(format!(
        "nothing of {what}collection `{collection}` was ever asked for; `tcia-mirror status` names what was"
    ))
}

const PATIENT_COLUMNS: [&str; 8] =
    ["collection", "patient", "studies", "series", "done", "parked", "instances", "size"];
const SERIES_COLUMNS: [&str; 8] =
    ["study", "series", "modality", "description", "state", "instances", "size", "path"];

fn as_patient(patient: &PatientReport) -> [String; 8] {
    [
        print::plain(&patient.collection),
        print::plain(&patient.patient_id),
        patient.studies.to_string(),
        patient.series.to_string(),
        patient.done.to_string(),
        patient.parked.to_string(),
        patient.instances.to_string(),
        print::bytes(patient.bytes),
    ]
}

fn as_series(series: &SeriesReport) -> [String; 8] {
    let text = |text: &Option<String>| print::plain(text.as_deref().unwrap_or_default());
    [
        series.study_instance_uid.clone(),
        series.series_instance_uid.clone(),
        text(&series.modality),
        text(&series.series_description),
        series.state.clone(),
        series.instances.to_string(),
        print::bytes(series.bytes),
        text(&series.path),
    ]
}

fn rows<T: Serialize>(
    all: &[T],
    json: bool,
    columns: &[&str; 8],
    as_row: fn(&T) -> [String; 8],
) -> anyhow::Result<()> {
    if json {
        return all.iter().try_for_each(print::json);
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(columns);
    for one in all {
        table.add_row(as_row(one));
    }
    print::data(&table.to_string())
}
