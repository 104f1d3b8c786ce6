//! Which of the series that were found the service lists, and which of those are wanted.

use std::collections::BTreeSet;

use tracing::debug;

use super::super::cycle::Cycle;
use super::super::draft::Planned;
use super::super::{Error, Event, chain};
use super::{AdoptTotals, AdoptedSeries, Adoption, Done, Fate, doubtful};
use crate::db::{Finds, FoundSeries, JobState};
use crate::dicom::{CollectionName, Series, SeriesInstanceUid};
use crate::mirror::Intake;
use crate::nbia::dialect::Parameter;
use crate::nbia::{Client, Endpoint};
use crate::plan::{Decision, Reason, Selection};

/// Series that are asked about in one go.
const PAGE: u32 = 10_000;
/// Series that are named one by one in one selection.
const NAMED: u32 = 500;

/// What the service said of what was found.
#[derive(Default)]
pub(super) struct Matched {
    pub(super) unlisted: Vec<String>,
    pub(super) unwalked: Vec<String>,
}

impl Cycle {
    /// Plans the series that were found: lists whole collections where many of one were found, and asks for the others
    /// one by one. With a run, what is wanted is queued in it.
    pub(super) async fn match_found(
        &self,
        finds: &Finds,
        adoption: &Adoption,
        run_id: Option<i64>,
        totals: &mut AdoptTotals,
    ) -> Result<Matched, Error> {
        self.learn_collections(finds).await?;
        let selections = self.with_shared_lists(&adoption.selections).await?;
        let selections = if selections.is_empty() { vec![Selection::default()] } else { selections };
        let (mut matched, mut after) = (Matched::default(), None);
        while let Some((collection, series)) = finds.collection(after.as_ref())? {
            for selection in &selections {
                if let Some(narrowed) = narrowed(selection, Some(&collection), &series) {
                    self.match_some(finds, (&narrowed, adoption.intake), run_id, totals, &mut matched)
                        .await?;
                }
            }
            after = Some(collection);
        }
        let mut after = 0;
        loop {
            let page = finds.without_collection(after, NAMED)?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            let series = page.into_iter().map(|(_, series)| series).collect();
            for selection in &selections {
                if let Some(narrowed) = narrowed(selection, None, &series) {
                    self.match_some(finds, (&narrowed, adoption.intake), run_id, totals, &mut matched)
                        .await?;
                }
            }
        }
        totals.unwalked.clone_from(&matched.unwalked);
        Ok(matched)
    }

    /// Asks in which collections the series lie, ten thousand at a time, where the service tells that.
    async fn learn_collections(&self, finds: &Finds) -> Result<(), Error> {
        let remote = self.first_remote();
        if !remote.client.takes(Endpoint::SeriesMetadata, Parameter::SeriesList) {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let page = finds.without_collection(after, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let series: Vec<_> = page.into_iter().map(|(_, series)| series).collect();
            let told = self.ask(remote, async |client: &Client| client.series_metadata(&series).await).await;
            let told = match told {
                Err(Error::Remote(error)) if error.is_of_one_answer() => {
                    debug!("collections are not known before their series are listed: {}", chain(&error));
                    return Ok(());
                }
                told => told?,
            };
            let known = told.into_iter().map(|row| (row.series.series_instance_uid, row.series.collection));
            finds.note_collections(&known.collect::<Vec<_>>())?;
        }
    }

    async fn match_some(
        &self,
        finds: &Finds,
        (selection, intake): (&Selection, Intake),
        run_id: Option<i64>,
        totals: &mut AdoptTotals,
        matched: &mut Matched,
    ) -> Result<(), Error> {
        let (mut kept, mut wanted) = (Vec::new(), Ok(()));
        // of a series that is placed an interrupted run may have left files that were to be moved
        let moves = run_id.is_some() && intake == Intake::Move;
        let mut visit = |planned: Planned<'_>| {
            let is_kept = !matches!(planned.decision, Decision::Fetch(_) | Decision::Keep(Reason::Parked(_)));
            if is_kept {
                kept.push(kept_series(planned));
            }
            if wanted.is_ok() && (!is_kept || moves) {
                wanted = finds.want(&planned.series.series_instance_uid);
            }
        };
        let plan = self.plan_whole(std::slice::from_ref(selection), run_id, &mut visit).await?;
        wanted?;
        if let Some(run_id) = run_id {
            // files at hand are worth another try
            self.take_over(run_id, JobState::Parked, std::slice::from_ref(selection)).await?;
        }
        for series in kept {
            totals.count(Done { fate: Some(Fate::Kept), ..Done::default() });
            self.tell(Event::Adopted(series)).await;
        }
        for (kind, name) in plan.missing {
            matched.unlisted.push(format!("{kind} `{name}`"));
            totals.count(Done { fate: Some(Fate::Doubtful), ..Done::default() });
            self.tell(Event::Adopted(doubtful(name, "the service does not list it".to_owned()))).await;
        }
        matched.unwalked.extend(plan.totals.unwalked);
        Ok(())
    }

    /// Says of each series that would be taken whether all of it is there, as far as headers and lengths tell.
    pub(super) async fn foresee(&self, finds: &Finds, totals: &mut AdoptTotals) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let page = finds.series(after, NAMED)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.row;
            for found in page {
                let Some(listed) = self.db.series(&found.series_instance_uid).await? else { continue };
                let series = foreseen(&found, &listed.series);
                totals.count(Done {
                    fate: Some(series.fate),
                    instances: series.instances,
                    bytes: series.bytes,
                    missing: series.missing.unwrap_or(0),
                    duplicates: found.files - found.instances,
                    ..Done::default()
                });
                self.tell(Event::Adopted(series)).await;
            }
        }
    }
}

fn kept_series(planned: Planned<'_>) -> AdoptedSeries {
    AdoptedSeries {
        fate: Fate::Kept,
        series_instance_uid: planned.series.series_instance_uid.to_string(),
        instances: u64::from(planned.series.image_count.unwrap_or(0)),
        bytes: planned.series.file_size.unwrap_or(0),
        missing: Some(0),
        reason: Some(planned.decision.reason()),
    }
}

/// A selection narrowed to series that were found, all of them in one collection where that is known.
fn narrowed(
    selection: &Selection,
    lie_in: Option<&CollectionName>,
    found: &BTreeSet<SeriesInstanceUid>,
) -> Option<Selection> {
    let is_named =
        |series: &&SeriesInstanceUid| selection.series.is_empty() || selection.series.contains(*series);
    let series: BTreeSet<_> = found.iter().filter(is_named).cloned().collect();
    let narrowed = Selection { series, lie_in: lie_in.cloned(), ..selection.clone() };
    (!narrowed.series.is_empty()).then_some(narrowed)
}

/// What would become of a series, by what is found and what is listed.
fn foreseen(found: &FoundSeries, listed: &Series) -> AdoptedSeries {
    let missing = listed.image_count.map(|count| u64::from(count).saturating_sub(found.instances));
    let is_too_much = listed.image_count.is_some_and(|count| found.instances > u64::from(count));
    let is_other = listed.file_size.is_some_and(|size| size != found.bytes);
    let (fate, reason) = match missing {
        Some(missing @ 1..) => (Fate::Incomplete, Some(format!("{missing} instances are not there"))),
        _ if is_too_much => {
            let listed = listed.image_count.unwrap_or(0);
            (
                Fate::Doubtful,
                Some(format!("{} instances are there, the service lists {listed}", found.instances)),
            )
        }
        _ if is_other => {
            let listed = listed.file_size.unwrap_or(0);
            (
                Fate::Doubtful,
                Some(format!("its files have {} bytes, the service lists {listed}", found.bytes)),
            )
        }
        _ => (Fate::Adopted, None),
    };
    AdoptedSeries {
        fate,
        series_instance_uid: found.series_instance_uid.to_string(),
        instances: found.instances,
        bytes: found.bytes,
        missing,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> SeriesInstanceUid {
        SeriesInstanceUid::parse(text).unwrap()
    }

    #[test]
    fn a_selection_takes_of_what_was_found_what_it_names() {
        let found: BTreeSet<_> = ["1.1", "1.2"].map(uid).into();
        let collection = CollectionName::new("A");
        let by_name = Selection { series: [uid("1.2"), uid("1.9")].into(), ..Selection::default() };
        let nothing = Selection { series: [uid("1.9")].into(), ..Selection::default() };

        let all = narrowed(&Selection::default(), Some(&collection), &found).unwrap();
        let some = narrowed(&by_name, None, &found).unwrap();

        assert_eq!((all.series, all.lie_in), (found.clone(), Some(collection)));
        assert_eq!((some.series, some.lie_in), ([uid("1.2")].into(), None));
        assert_eq!(narrowed(&nothing, None, &found), None);
    }

    #[test]
    fn what_would_become_of_a_series_is_told_by_number_and_length() {
        let found = |instances, bytes| FoundSeries {
            row: 1,
            series_instance_uid: uid("1.2.3"),
            instances,
            files: instances,
            bytes,
        };
        let listed = |count: Option<u32>, bytes: Option<u64>| -> Series {
            serde_json::from_value(serde_json::json!({
                "Collection": "A", "PatientID": "P", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3",
                "ImageCount": count, "FileSize": bytes,
            }))
            .unwrap()
        };
        for (here, there, fate, missing) in [
            (found(2, 20), listed(Some(2), Some(20)), Fate::Adopted, Some(0)),
            (found(2, 20), listed(Some(2), None), Fate::Adopted, Some(0)),
            (found(2, 20), listed(None, None), Fate::Adopted, None),
            (found(1, 10), listed(Some(2), Some(20)), Fate::Incomplete, Some(1)),
            (found(2, 19), listed(Some(2), Some(20)), Fate::Doubtful, Some(0)),
            (found(3, 30), listed(Some(2), Some(20)), Fate::Doubtful, Some(0)),
        ] {
            let series = foreseen(&here, &there);
            assert_eq!((series.fate, series.missing), (fate, missing), "{here:?} {there:?}");
        }
    }
}
