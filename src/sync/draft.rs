//! What a plan holds so far: the decision over each series, the figures, what could not be listed, which watermarks
//! may move.

use std::collections::{BTreeSet, HashSet};

use tracing::warn;

use super::chain;
use super::{Error, is_wanted};
use crate::db::{JobState, ListedSeries, Local, Reader, WatermarkKey};
use crate::dicom::{CollectionName, PatientId, Series, StudyInstanceUid};
use crate::nbia::Scope;
use crate::plan::{Decision, LocalState, Outcome, Reason, Selection, decide, describe};

/// Series that are decided and enqueued in one go.
pub(super) const PAGE: u32 = 500;

/// One series and what is done with it.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// The series, as it was listed last.
    pub series: &'a Series,
    /// What is done with it.
    pub decision: &'a Decision,
}

/// A plan in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the figures are what they are named after, over the series that the selection wants"
)]
pub struct PlanTotals {
    pub collections: u64,
    pub patients: u64,
    pub studies: u64,
    pub series: u64,
    pub fetch: u64,
    pub keep: u64,
    pub withdrawn: u64,
    /// Instances to fetch, as far as they are listed.
    pub instances: u64,
    /// Bytes of their files, as far as they are listed.
    pub bytes: u64,
    /// Requests that planning took.
    pub requests: u64,
    /// Of those kept, series that are parked.
    pub parked: u64,
    /// Rows of the service that made no sense.
    pub rejected_rows: u64,
    /// What the selection names and the service does not list, in words.
    pub unlisted: Vec<String>,
    /// What could not be listed, and why.
    pub unwalked: Vec<String>,
}

/// A plan that is carried out.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) totals: PlanTotals,
    /// What the selections name and the service does not list: what kind it is, and its name.
    pub(super) missing: Vec<(&'static str, String)>,
    /// Where the watermarks move when all of it has ended.
    pub(super) watermarks: Vec<(WatermarkKey, i64)>,
}

/// A scope that was listed.
pub(super) struct Walked {
    pub(super) scope: Scope,
    pub(super) walk_id: i64,
    pub(super) started_at: i64,
    pub(super) outcome: Outcome,
    /// What it has shown of other shares.
    pub(super) others: Others,
    /// Patients of it that could not be listed, and why.
    pub(super) unlisted: Vec<String>,
}

/// What a walk has listed that is in another share of the mirror, and therefore not recorded.
#[derive(Default)]
pub(super) struct Others {
    rows: usize,
    found: BTreeSet<(&'static str, String)>,
    coverage: Option<bool>,
}

impl Others {
    pub(super) fn note(&mut self, selection: &Selection, series: &Series) {
        self.rows += 1;
        self.found.extend(selection.names_of(series));
        self.coverage = self.coverage.max(Some(selection.covers(series)));
    }
}

/// A plan while it is made.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) run_id: Option<i64>,
    pub(super) totals: PlanTotals,
    pub(super) watermarks: Vec<(WatermarkKey, i64)>,
    /// Collections that did not come whole, whose watermarks stay.
    unsettled: HashSet<CollectionName>,
    pub(super) found: BTreeSet<(&'static str, String)>,
    /// Whether any series of the selection's lists lies everywhere where it looks; `None` before there is one.
    coverage: Option<bool>,
    missing: Vec<(&'static str, String)>,
    decided: HashSet<i64>,
    collections: HashSet<CollectionName>,
    patients: HashSet<(CollectionName, PatientId)>,
    studies: HashSet<StudyInstanceUid>,
}

/// Plans the jobs in some states that the selections want, as if they were taken up now; changes nothing.
pub fn plan_jobs(
    reader: &Reader,
    states: &[JobState],
    selections: &[Selection],
    visit: &mut dyn FnMut(Planned<'_>),
) -> Result<PlanTotals, Error> {
    let mut draft = Draft::new(None);
    for state in states {
        let mut after = 0;
        loop {
            let page = reader.jobs_in(*state, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.series_id;
            for job in page.iter().filter(|job| is_wanted(selections, &job.series)) {
                let decision = Decision::Fetch(reason_of(job));
                visit(Planned { series: &job.series, decision: &decision });
                draft.count(&job.series, &decision);
            }
        }
    }
    Ok(draft.finish(0).totals)
}

/// Why a job that is taken up is not done yet.
fn reason_of(job: &ListedSeries) -> Reason {
    match job.local.as_ref().map(local_state) {
        Some(LocalState::Parked(why)) => Reason::Parked(why),
        _ => Reason::Unfinished,
    }
}

impl Draft {
    pub(super) fn new(run_id: Option<i64>) -> Self {
        Self { run_id, ..Self::default() }
    }

    /// Decides one series, once; gives its row when it is to be fetched.
    pub(super) fn decide(
        &mut self,
        selection: &Selection,
        listed: &ListedSeries,
        is_listed: bool,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Option<i64> {
        let series = &listed.series;
        if is_listed {
            self.found.extend(selection.names_of(series));
            self.coverage = self.coverage.max(Some(selection.covers(series)));
        }
        if !selection.matches(series) || !self.decided.insert(listed.series_id) {
            return None;
        }
        let version = is_listed.then(|| series.version());
        let decision = decide(version.as_ref(), listed.local.as_ref().map(local_state).as_ref());
        visit(Planned { series, decision: &decision });
        self.count(series, &decision);
        matches!(decision, Decision::Fetch(_)).then_some(listed.series_id)
    }

    fn count(&mut self, series: &Series, decision: &Decision) {
        self.collections.insert(series.collection.clone());
        self.patients.insert((series.collection.clone(), series.patient_id.clone()));
        self.studies.insert(series.study_instance_uid.clone());
        let totals = &mut self.totals;
        totals.series += 1;
        match decision {
            Decision::Fetch(_) => {
                totals.fetch += 1;
                totals.instances += u64::from(series.image_count.unwrap_or(0));
                totals.bytes += series.file_size.unwrap_or(0);
            }
            Decision::Keep(reason) => {
                totals.keep += 1;
                totals.parked += u64::from(matches!(reason, Reason::Parked(_)));
            }
            Decision::Withdrawn => totals.withdrawn += 1,
        }
    }

    /// Notes a scope that could not be listed; an error that concerns more than it ends the planning.
    pub(super) fn could_not_list(&mut self, scope: &Scope, error: Error) -> Result<(), Error> {
        let Error::Remote(error) = error else { return Err(error) };
        if matches!(error, crate::nbia::Error::Stopped) || error.refuses_everything() {
            return Err(error.into());
        }
        warn!("cannot list {}: {}", describe(scope), chain(&error));
        self.totals.unwalked.push(format!("{}: {}", describe(scope), chain(&error)));
        self.unsettled.extend(scope.collection.clone());
        // it is named with its reason, which says more than that it is not listed
        let named = [
            scope.patient_id.as_ref().map(|patient| ("patient", patient.to_string())),
            scope.study_instance_uid.as_ref().map(|study| ("study", study.to_string())),
            scope.series_instance_uid.as_ref().map(|series| ("series", series.to_string())),
        ];
        self.found.extend(named.into_iter().flatten());
        Ok(())
    }

    /// Notes how a walk ended: a collection without a series is a hidden failure, and no watermark moves past anything
    /// that was not listed.
    pub(super) fn settle(&mut self, walked: &Walked, listed: usize) {
        let listed = listed + walked.others.rows;
        self.found.extend(walked.others.found.iter().cloned());
        self.coverage = self.coverage.max(walked.others.coverage);
        let Some(collection) = &walked.scope.collection else { return };
        let is_whole_collection = whole_collection(&walked.scope).is_some();
        if is_whole_collection && listed == 0 {
            self.totals
                .unwalked
                .push(format!("collection `{collection}`: the service lists no series of it"));
        }
        // what remains of a whole collection was confirmed by asking again; of something new it may still be to come
        let is_open = if is_whole_collection { listed == 0 } else { !walked.outcome.is_whole };
        if is_open || !walked.unlisted.is_empty() {
            self.unsettled.insert(collection.clone());
        }
        self.totals.unwalked.extend(walked.unlisted.iter().cloned());
        for (_, to) in self.watermarks.iter_mut().filter(|(key, _)| key.collection == *collection) {
            *to = walked.started_at.min(*to);
        }
    }

    /// Notes what a selection names and no list has shown.
    pub(super) fn note_missing(&mut self, selection: &Selection) {
        let mut missing = selection.named();
        missing.retain(|name| !self.found.contains(name));
        self.totals.unlisted.extend(missing.iter().map(|(kind, name)| format!("{kind} `{name}`")));
        self.missing.append(&mut missing);
        if self.coverage.take() == Some(false) {
            self.totals.unlisted.push("any series that lies in all of what is named at once".to_owned());
        }
    }

    pub(super) fn finish(mut self, requests: u64) -> Plan {
        self.totals.collections = self.collections.len() as u64;
        self.totals.patients = self.patients.len() as u64;
        self.totals.studies = self.studies.len() as u64;
        self.totals.requests = requests;
        self.watermarks.retain(|(key, _)| !self.unsettled.contains(&key.collection));
        Plan { totals: self.totals, missing: self.missing, watermarks: self.watermarks }
    }
}

/// The collection, when all of it is meant.
pub(super) fn whole_collection(scope: &Scope) -> Option<&CollectionName> {
    let is_narrower = scope.patient_id.is_some()
        || scope.study_instance_uid.is_some()
        || scope.series_instance_uid.is_some();
    scope.collection.as_ref().filter(|_| !is_narrower)
}

fn local_state(local: &Local) -> LocalState {
    match (local.state, &local.placed) {
        (JobState::Done, Some(placed)) => LocalState::Placed(placed.clone()),
        (JobState::Done | JobState::Queued | JobState::Running, _) => LocalState::Unfinished,
        (JobState::Parked, _) => LocalState::Parked(local.last_error.clone().unwrap_or_default()),
        (JobState::Withdrawn, _) => LocalState::Withdrawn,
    }
}
