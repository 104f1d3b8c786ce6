//! `export catalogue`: all that is recorded of each series, one JSON object on a line.

use serde_json::{Map, Value, json};

use super::super::exit::Exit;
use super::super::statement::time;
use super::arguments::Catalogue;
use super::checksums::hex;
use super::table::Lines;
use super::{Mirror, Source};
use crate::db::{Placement, RecordedSeries};
use crate::dicom::{Instance, Series};
use crate::mirror::file_name;

/// Attributes that stand beside the others, under the names that every command gives them.
const IDENTIFIERS: [&str; 4] = ["Collection", "PatientID", "StudyInstanceUID", "SeriesInstanceUID"];

pub(super) async fn run(mut source: Source, command: &Catalogue) -> anyhow::Result<Exit> {
    let mut lines = Lines::new(source.paper(&command.common)?);
    let each = |mirror: &Mirror, recorded: RecordedSeries| {
        lines.json(&object(&recorded)?)?;
        let Some(placed) = recorded.placed.as_ref().filter(|_| command.instances) else { return Ok(()) };
        let instances = mirror.reader.instances(recorded.series_id)?;
        instances.iter().try_for_each(|instance| lines.json(&of_instance(&recorded.series, placed, instance)))
    };
    source.each_recorded(each).await?;
    let paper = lines.end()?;
    source.close(paper)
}

fn object(recorded: &RecordedSeries) -> anyhow::Result<Value> {
    let series = &recorded.series;
    let placed = recorded.placed.as_ref();
    Ok(json!({
        "collection": series.collection, "patient_id": series.patient_id,
        "study_instance_uid": series.study_instance_uid, "series_instance_uid": series.series_instance_uid,
        "attributes": attributes(series)?,
        "state": recorded.state.to_string(), "attempts": recorded.attempts, "reason": recorded.last_error,
        "listed_by": recorded.listed_by,
        "path": placed.map(|placed| &placed.path), "proof": placed.map(|placed| &placed.proof),
        "instances": placed.map(|placed| placed.instances), "bytes": placed.map(|placed| placed.bytes),
        "license_sha256": placed.and_then(|placed| placed.license_sha256).map(|digest| hex(&digest)),
        "placed_at": placed.map(|placed| time(placed.placed_at)),
        "placed_submission_timestamp": placed.and_then(|placed| placed.submission_timestamp.as_ref()),
    }))
}

/// What the service said when it listed the series last; what it did not say is left out.
fn attributes(series: &Series) -> anyhow::Result<Map<String, Value>> {
    let Value::Object(mut attributes) = serde_json::to_value(series)? else { return Ok(Map::new()) };
    let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    attributes.retain(|keyword, value| {
        let says_nothing = value.is_null() || keyword == "Other" && is_empty(value);
        !says_nothing && !IDENTIFIERS.contains(&keyword.as_str())
    });
    Ok(attributes)
}

fn of_instance(series: &Series, placed: &Placement, instance: &Instance) -> Value {
    json!({
        "series_instance_uid": series.series_instance_uid,
        "sop_instance_uid": instance.sop_instance_uid.as_str(),
        "path": format!("{}/{}", placed.path, file_name(&instance.sop_instance_uid)),
        "bytes": instance.size_bytes, "crc32": hex(&instance.crc32.to_be_bytes()),
        "md5": hex(&instance.md5), "sha256": hex(&instance.sha256),
    })
}
