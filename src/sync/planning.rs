//! From a selection to a queue: walks go into the record, every listed series is decided, what is wanted is enqueued.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::cycle::Cycle;
use super::judge::chain;
use super::remote::Place;
use super::{Error, Event, is_wanted};
use crate::db::{JobState, ListedSeries, Local, Reader, Remark, Walk, WatermarkKey};
use crate::dicom::{CollectionName, PatientId, Series, StudyInstanceUid};
use crate::nbia::{Client, Scope, Traffic};
use crate::plan::{self, Decision, Listed, LocalState, Outcome, Reason, Selection, decide, describe};

/// Scopes that are walked at once; the client's rate is the real limit.
const WALKS_AT_ONCE: usize = 4;
/// Batches of rows that may wait to be recorded.
const LISTED_QUEUE: usize = 16;
/// Outages that one walk sits out; a service that comes and goes must not hold it for ever.
const MOST_OUTAGES: u32 = 20;
/// Series that are decided and enqueued in one go.
pub(super) const PAGE: u32 = 500;
/// How far before the watermark is asked: the service compares days, in its own time zone.
const OVERLAP_DAYS: i64 = 1;

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
    /// Where the watermarks move when all of it has ended.
    pub(super) watermarks: Vec<(WatermarkKey, i64)>,
}

/// A scope that was listed.
struct Walked {
    scope: Scope,
    walk_id: i64,
    started_at: i64,
    outcome: Outcome,
    /// Patients of it that could not be listed, and why.
    unlisted: Vec<String>,
}

/// Where planning stands.
#[derive(Default)]
struct Planning {
    run_id: Option<i64>,
    totals: PlanTotals,
    watermarks: Vec<(WatermarkKey, i64)>,
    /// Collections that did not come whole, whose watermarks stay.
    unsettled: HashSet<CollectionName>,
    found: BTreeSet<(&'static str, String)>,
    decided: HashSet<i64>,
    collections: HashSet<CollectionName>,
    patients: HashSet<(CollectionName, PatientId)>,
    studies: HashSet<StudyInstanceUid>,
}

impl Cycle {
    /// Walks everything that the selections name, and decides.
    pub(super) async fn plan_whole(
        &self,
        selections: &[Selection],
        run_id: Option<i64>,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<Plan, Error> {
        let began = self.now();
        let mut planning = Planning::new(run_id);
        for selection in selections {
            let places = self.known_places(selection, &mut planning).await?;
            let keys = places.iter().filter_map(|place| watermark_key(selection, place));
            planning.watermarks.extend(keys.map(|key| (key, began)));
            self.plan_places(selection, places, &mut planning, visit).await?;
        }
        Ok(planning.finish(self.traffic(Traffic::requests)))
    }

    /// Walks what is new in the selected collections since their watermarks; whole what has none.
    pub(super) async fn plan_new(&self, selections: &[Selection], run_id: i64) -> Result<Plan, Error> {
        let mut planning = Planning::new(Some(run_id));
        for selection in selections {
            let places = self.places_to_sync(selection, &mut planning).await?;
            self.plan_places(selection, places, &mut planning, &mut |_| {}).await?;
        }
        Ok(planning.finish(self.traffic(Traffic::requests)))
    }

    async fn known_places(
        &self,
        selection: &Selection,
        planning: &mut Planning,
    ) -> Result<Vec<Place>, Error> {
        let (places, known) = self.places(selection).await?;
        planning.found.extend(known.iter().flat_map(|collection| selection.collections_named(collection)));
        Ok(places)
    }

    async fn places_to_sync(
        &self,
        selection: &Selection,
        planning: &mut Planning,
    ) -> Result<Vec<Place>, Error> {
        let began = self.now();
        let mut places = Vec::new();
        for place in self.known_places(selection, planning).await? {
            let Some(key) = watermark_key(selection, &place) else {
                places.push(place);
                continue;
            };
            let synced_to = self.db.watermark(key.clone()).await?;
            let is_usable = |synced_to: &i64| place.remote.tells_what_is_new() && *synced_to <= began;
            match synced_to.filter(is_usable) {
                Some(synced_to) => match self.new_places(&place, &key.collection, synced_to).await {
                    // an empty answer may hide a failure: the watermark stays, which costs nothing
                    Ok(new) if new.is_empty() => continue,
                    Ok(new) => places.extend(new),
                    Err(error) => planning.could_not_list(&place.scope, error)?,
                },
                // never synced, or by a clock that was ahead, or the service cannot be asked for what is new
                None => places.push(place),
            }
            planning.watermarks.push((key, began));
        }
        Ok(places)
    }

    /// What NewPatientsInCollection and NewStudiesInPatientCollection name, as places to walk.
    async fn new_places(
        &self,
        place: &Place,
        collection: &CollectionName,
        synced_to: i64,
    ) -> Result<Vec<Place>, Error> {
        let since = day_of(synced_to).saturating_sub(OVERLAP_DAYS.days());
        self.tell(Event::Walking { scope: format!("collection `{collection}` since {since}") }).await;
        let patients = async |client: &Client| client.new_patients(collection, since).await?.read_all().await;
        let patients: BTreeSet<_> =
            self.ask(&place.remote, patients).await?.into_iter().map(|patient| patient.patient_id).collect();
        let studies = async |client: &Client| client.new_studies(collection, since).await?.read_all().await;
        let mut studies = self.ask(&place.remote, studies).await?;
        studies.retain(|study| !patients.contains(&study.patient_id));
        let of_patient =
            patients.into_iter().map(|patient_id| Scope { patient_id: Some(patient_id), ..Scope::default() });
        let of_study = studies.into_iter().map(|study| Scope {
            patient_id: Some(study.patient_id),
            study_instance_uid: Some(study.study_instance_uid),
            ..Scope::default()
        });
        let places = of_patient.chain(of_study).map(|scope| Place {
            remote: Arc::clone(&place.remote),
            scope: Scope { collection: Some(collection.clone()), ..scope },
        });
        Ok(places.collect())
    }

    async fn plan_places(
        &self,
        selection: &Selection,
        places: Vec<Place>,
        planning: &mut Planning,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<(), Error> {
        // all of them before any is decided: a walk that is not polled would look as if the service were silent
        let walks: Vec<_> =
            stream::iter(places).map(|place| self.find(place)).buffered(WALKS_AT_ONCE).collect().await;
        for walked in walks {
            match walked {
                Ok(walked) => self.decide_walk(selection, &walked, planning, visit).await?,
                Err((scope, error)) => planning.could_not_list(&scope, error)?,
            }
        }
        planning.note_missing(selection);
        Ok(())
    }

    /// Walks a place; where no collection says which service to ask, the next one when this one lists nothing.
    async fn find(&self, place: Place) -> Result<Walked, (Scope, Error)> {
        let mut walked = self.walk(place.clone()).await?;
        if place.scope.collection.is_none() {
            for remote in self.remotes_after(&place.remote) {
                if walked.outcome.series_rows > 0 {
                    break;
                }
                let scope = place.scope.clone();
                walked = self.walk(Place { remote: Arc::clone(remote), scope }).await?;
            }
        }
        Ok(walked)
    }

    /// Walks one place into the record, going on where an interrupted walk or an outage stopped it.
    async fn walk(&self, place: Place) -> Result<Walked, (Scope, Error)> {
        self.tell(Event::Walking { scope: describe(&place.scope) }).await;
        let attempts = place.remote.client.retry_options().attempts;
        for failures in 1.. {
            let error = match self.walk_once(&place).await {
                Ok((walk, outcome, unlisted)) => {
                    let (walk_id, started_at) = (walk.walk_id, walk.started_at);
                    return Ok(Walked { scope: place.scope, walk_id, started_at, outcome, unlisted });
                }
                Err(Error::Remote(error)) if error.is_outage() => error,
                Err(error) => return Err((place.scope, error)),
            };
            match self.wait_out_an_outage(&place.remote).await {
                Ok(true) if failures < MOST_OUTAGES => {}
                Ok(false) if failures < attempts => {}
                Ok(_) => return Err((place.scope, error.into())),
                Err(error) => return Err((place.scope, error)),
            }
        }
        Err((place.scope, Error::Stopped)) // not reached: the loop has no end of its own
    }

    async fn walk_once(&self, place: &Place) -> Result<(Walk, Outcome, Vec<String>), Error> {
        let Place { remote, scope } = place;
        let dialect = remote.client.dialect().to_string();
        let walk = self.db.begin_walk(&describe(scope), remote.base_url(), &dialect, self.now()).await?;
        let (sender, receiver) = mpsc::channel(LISTED_QUEUE);
        let done = &walk.done;
        let walking = async move { plan::walk(&remote.client, scope, done, &sender).await };
        let both = async { tokio::join!(walking, self.record(walk.walk_id, receiver)) };
        let (outcome, recorded) = tokio::select! {
            biased;
            () = self.drain.cancelled() => return Err(Error::Stopped),
            both = both => both,
        };
        let unlisted = recorded?;
        let outcome = outcome?;
        self.db.finish_walk(walk.walk_id, outcome.rejected_rows, self.now()).await?;
        Ok((walk, outcome, unlisted))
    }

    /// Records what a walk lists; gives what it could not list.
    async fn record(&self, walk_id: i64, mut listed: mpsc::Receiver<Listed>) -> Result<Vec<String>, Error> {
        let mut unlisted = Vec::new();
        while let Some(listed) = listed.recv().await {
            match listed {
                Listed::Patients(patients) => self.db.store_patients(walk_id, patients).await?,
                Listed::Studies(studies) => self.db.store_studies(walk_id, studies).await?,
                Listed::Series(series) => self.db.store_series(walk_id, series).await?,
                Listed::Unlisted(what) => unlisted.push(what),
                Listed::PartDone(part) => self.db.walk_part_done(walk_id, part).await?,
                Listed::Disagreement(subject, remark) => {
                    self.db.remark(walk_id, Remark { is_rejected_row: false, subject, remark }).await?;
                }
                Listed::Rejected(endpoint, rows) => {
                    for row in rows {
                        let remark = format!("{}: {}", row.reason, row.row);
                        let remark = Remark { is_rejected_row: true, subject: endpoint.to_owned(), remark };
                        self.db.remark(walk_id, remark).await?;
                    }
                }
            }
        }
        Ok(unlisted)
    }

    async fn decide_walk(
        &self,
        selection: &Selection,
        walked: &Walked,
        planning: &mut Planning,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<(), Error> {
        planning.totals.rejected_rows += walked.outcome.rejected_rows;
        let whole = whole_collection(&walked.scope);
        let (mut after, mut listed) = ((walked.walk_id, 0), 0);
        loop {
            let page = self.db.listed_series(walked.walk_id, whole.cloned(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            (after, listed) = ((last.walk_id, last.series_id), listed + page.len());
            let wanted =
                page.iter().filter_map(|listed| planning.decide(selection, listed, true, visit)).collect();
            if let Some(run_id) = planning.run_id {
                self.db.enqueue(run_id, wanted, self.now()).await?;
            }
        }
        planning.settle(walked, listed);
        self.note_unlisted(selection, walked, planning, visit).await
    }

    /// What lies in the tree and was not listed; only a whole listing of a whole collection can tell.
    async fn note_unlisted(
        &self,
        selection: &Selection,
        walked: &Walked,
        planning: &mut Planning,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<(), Error> {
        let Some(collection) = whole_collection(&walked.scope) else { return Ok(()) };
        if !walked.outcome.is_whole || walked.outcome.series_rows == 0 {
            return Ok(());
        }
        let unlisted = self.db.unlisted_series(collection, walked.walk_id).await?;
        let before = planning.totals.withdrawn;
        for listed in &unlisted {
            planning.decide(selection, listed, false, visit);
        }
        let withdrawn = planning.totals.withdrawn - before;
        if withdrawn > 0 {
            info!("{withdrawn} series of collection `{collection}` are no longer listed; their files stay");
        }
        Ok(())
    }
}

/// Plans the jobs in some states that the selections want, as if they were taken up now; changes nothing.
pub fn plan_jobs(
    reader: &Reader,
    states: &[JobState],
    selections: &[Selection],
    visit: &mut dyn FnMut(Planned<'_>),
) -> Result<PlanTotals, Error> {
    let mut planning = Planning::new(None);
    for state in states {
        let mut after = 0;
        loop {
            let page = reader.jobs_in(*state, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.series_id;
            for job in page.iter().filter(|job| is_wanted(selections, &job.series)) {
                let decision = Decision::Fetch(reason_of(job));
                visit(Planned { series: &job.series, decision: &decision });
                planning.count(&job.series, &decision);
            }
        }
    }
    Ok(planning.finish(0).totals)
}

/// Why a job that is taken up is not done yet.
fn reason_of(job: &ListedSeries) -> Reason {
    match job.local.as_ref().map(local_state) {
        Some(LocalState::Parked(why)) => Reason::Parked(why),
        _ => Reason::Unfinished,
    }
}

impl Planning {
    fn new(run_id: Option<i64>) -> Self {
        Self { run_id, ..Self::default() }
    }

    /// Decides one series, once; gives its row when it is to be fetched.
    fn decide(
        &mut self,
        selection: &Selection,
        listed: &ListedSeries,
        is_listed: bool,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Option<i64> {
        let series = &listed.series;
        if is_listed && selection.covers(series) {
            self.found.extend(selection.names_of(series));
        }
        if !selection.matches(series) || !self.decided.insert(listed.series_id) {
            return None;
        }
        let fingerprint = is_listed.then(|| series.fingerprint());
        let decision = decide(fingerprint.as_ref(), listed.local.as_ref().map(local_state).as_ref());
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
    fn could_not_list(&mut self, scope: &Scope, error: Error) -> Result<(), Error> {
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
    fn settle(&mut self, walked: &Walked, listed: usize) {
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
    fn note_missing(&mut self, selection: &Selection) {
        let missing = selection.named().into_iter().filter(|name| !self.found.contains(name));
        self.totals.unlisted.extend(missing.map(|(kind, name)| format!("{kind} `{name}`")));
    }

    fn finish(mut self, requests: u64) -> Plan {
        self.totals.collections = self.collections.len() as u64;
        self.totals.patients = self.patients.len() as u64;
        self.totals.studies = self.studies.len() as u64;
        self.totals.requests = requests;
        self.watermarks.retain(|(key, _)| !self.unsettled.contains(&key.collection));
        Plan { totals: self.totals, watermarks: self.watermarks }
    }
}

/// The watermark that a place stands for, when it is a whole collection.
fn watermark_key(selection: &Selection, place: &Place) -> Option<WatermarkKey> {
    Some(WatermarkKey {
        base_url: place.remote.base_url().to_owned(),
        collection: whole_collection(&place.scope)?.clone(),
        narrowed_by: selection.narrowed_by(),
    })
}

/// The collection, when all of it is meant.
fn whole_collection(scope: &Scope) -> Option<&CollectionName> {
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

fn day_of(seconds: i64) -> Date {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}
