//! `plan`: walk and show what would be fetched and why; downloads nothing.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use indicatif::MultiProgress;
use serde_json::{Value, json};

use super::arguments::{DownloadFlags, Global, Planning};
use super::exit::Exit;
use super::print;
use super::session::{Session, configure, configure_locally, open_root, say_what_is_not_listed, selections};
use crate::db::{JobState, Reader};
use crate::plan::Selection;
use crate::sync::{PlanTotals, Planned, plan_jobs};

pub(super) async fn run(
    global: &Global,
    command: Planning,
    bars: Option<MultiProgress>,
) -> anyhow::Result<Exit> {
    let config = configure(global, &DownloadFlags::default())?;
    let selections = selections(&config, &command.selection)?;
    let mut session = Session::open(&config, global, bars).await?;
    let cycle = session.cycle.clone();
    let mut lines = Lines::new(global.json);
    let outcome = {
        let mut visit = |planned: Planned<'_>| lines.add(planned);
        session.watch(cycle.plan(&selections, &mut visit)).await?
    };
    let totals = match (outcome, session.signals.received()) {
        (Ok(totals), None) => totals,
        (_, Some(exit)) => return Ok(exit),
        (Err(error), None) => return Err(error.into()),
    };
    lines.finish(&totals)?;
    say_what_is_not_listed(&totals.unlisted, &totals.unwalked);
    Ok(if totals.unlisted.is_empty() && totals.unwalked.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Shows jobs that a command would take up, beside whoever is at work; nothing is changed and nobody is asked.
pub(super) fn show_jobs(
    global: &Global,
    download: &DownloadFlags,
    states: &[JobState],
    selections: &[Selection],
) -> anyhow::Result<Exit> {
    let reader = Reader::open_all(&open_root(&configure_locally(global, download)?)?.records())?;
    let mut lines = Lines::new(global.json);
    let totals = plan_jobs(&reader, states, selections, &mut |planned| lines.add(planned))?;
    lines.finish(&totals)?;
    Ok(Exit::Done)
}

/// Rows of one table: the whole archive would not fit into memory as one.
const MOST_ROWS: usize = 10_000;

/// The lines of a plan: written as they come in JSON, as tables for people.
struct Lines {
    json: bool,
    table: Table,
    outcome: anyhow::Result<()>,
}

impl Lines {
    fn new(json: bool) -> Self {
        Self { json, table: empty_table(), outcome: Ok(()) }
    }

    fn add(&mut self, planned: Planned<'_>) {
        if self.outcome.is_ok() {
            self.outcome = self.write(planned);
        }
    }

    fn write(&mut self, planned: Planned<'_>) -> anyhow::Result<()> {
        if self.json {
            return print::json(&as_json(planned));
        }
        self.keep(as_row(planned)).map_or(Ok(()), |full| print::data(&full.to_string()))
    }

    /// Adds a row; gives the table that is full with it.
    fn keep(&mut self, row: [String; 8]) -> Option<Table> {
        self.table.add_row(row);
        (self.table.row_count() == MOST_ROWS).then(|| std::mem::replace(&mut self.table, empty_table()))
    }

    fn finish(self, totals: &PlanTotals) -> anyhow::Result<()> {
        self.outcome?;
        if self.json {
            return print::json(&json!({ "summary": {
                "collections": totals.collections, "patients": totals.patients, "studies": totals.studies,
                "series": totals.series, "fetch": totals.fetch, "keep": totals.keep, "withdrawn": totals.withdrawn,
                "instances": totals.instances, "bytes": totals.bytes, "requests": totals.requests,
            }}));
        }
        print::data(&self.table.to_string())?;
        print::data(&format!(
            "{} series of {} studies, {} patients, {} collections: fetch {} ({} instances, {}), keep {}, withdrawn {}; {} requests",
            totals.series,
            totals.studies,
            totals.patients,
            totals.collections,
            totals.fetch,
            totals.instances,
            print::bytes(totals.bytes),
            totals.keep,
            totals.withdrawn,
            totals.requests,
        ))
    }
}

fn empty_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "decision",
        "collection",
        "patient",
        "series",
        "modality",
        "instances",
        "size",
        "reason",
    ]);
    table
}

fn as_json(planned: Planned<'_>) -> Value {
    let Planned { series, decision } = planned;
    json!({
        "collection": series.collection, "patient_id": series.patient_id,
        "study_instance_uid": series.study_instance_uid, "series_instance_uid": series.series_instance_uid,
        "modality": series.modality, "image_count": series.image_count, "size_bytes": series.file_size,
        "decision": decision.name(), "reason": decision.reason(),
    })
}

fn as_row(planned: Planned<'_>) -> [String; 8] {
    let Planned { series, decision } = planned;
    let unknown = || "?".to_owned();
    [
        decision.name().to_owned(),
        print::plain(series.collection.as_str()),
        print::plain(series.patient_id.as_str()),
        series.series_instance_uid.to_string(),
        print::plain(series.modality.as_deref().unwrap_or_default()),
        series.image_count.map_or_else(unknown, |count| count.to_string()),
        series.file_size.map_or_else(unknown, print::bytes),
        print::plain(&decision.reason()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_when_it_is_full_and_no_row_is_lost() {
        let mut lines = Lines::new(false);
        let row = |number: usize| std::array::from_fn(|_column| number.to_string());

        let full: Vec<_> = (0..25_000).filter_map(|number| lines.keep(row(number))).collect();

        let tables = full.iter().chain([&lines.table]);
        assert_eq!(tables.clone().map(Table::row_count).collect::<Vec<_>>(), [10_000, 10_000, 5_000]);
        let first = |table: &Table| {
            table.row(0).and_then(|row| row.cell_iter().next()).map(comfy_table::Cell::content)
        };
        assert_eq!(
            tables.map(first).collect::<Vec<_>>(),
            [Some("0".to_owned()), Some("10000".to_owned()), Some("20000".to_owned())]
        );
    }
}
