//! From a selection to a queue: walks go into the record, every listed series is decided, what is wanted is enqueued.

use std::sync::Arc;

use futures::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::cycle::Cycle;
use super::draft::{Draft, Others, PAGE, Plan, Planned, Walked, whole_collection};
use super::remote::{Place, Places};
use super::{Error, Event, SeriesEvent};
use crate::db::{Remark, Walk, WatermarkKey};
use crate::dicom::{CollectionName, Series};
use crate::nbia::{Scope, Traffic};
use crate::plan::{self, Listed, Outcome, Selection, describe};

/// Scopes that are walked at once; the client's rate is the real limit.
const WALKS_AT_ONCE: usize = 4;
/// Batches of rows that may wait to be recorded.
const LISTED_QUEUE: usize = 2;
/// Outages that one walk sits out; a service that comes and goes must not hold it for ever.
const MOST_OUTAGES: u32 = 20;

impl Cycle {
    /// Walks everything that the selections name, and decides.
    pub(super) async fn plan_whole(
        &self,
        selections: &[Selection],
        run_id: Option<i64>,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<Plan, Error> {
        let began = self.now();
        let mut draft = Draft::new(run_id);
        for selection in selections {
            let places = self.known_places(selection, &mut draft).await?;
            let keys = places.iter().filter_map(|place| watermark_key(selection, place));
            draft.watermarks.extend(keys.map(|key| (key, began)));
            self.plan_places(selection, places, &mut draft, visit).await?;
        }
        Ok(draft.finish(self.traffic(Traffic::requests)))
    }

    /// Walks what is new in the selected collections since their watermarks; whole what has none.
    pub(super) async fn plan_new(&self, selections: &[Selection], run_id: i64) -> Result<Plan, Error> {
        let mut draft = Draft::new(Some(run_id));
        for selection in selections {
            let places = self.places_to_sync(selection, &mut draft).await?;
            self.plan_places(selection, places, &mut draft, &mut |_| {}).await?;
        }
        Ok(draft.finish(self.traffic(Traffic::requests)))
    }

    pub(super) async fn known_places(
        &self,
        selection: &Selection,
        draft: &mut Draft,
    ) -> Result<Vec<Place>, Error> {
        let Places { to_walk, known, refused } = self.places(selection).await?;
        draft.totals.unwalked.extend(refused);
        draft.found.extend(known.iter().flat_map(|collection| selection.collections_named(collection)));
        Ok(to_walk)
    }

    async fn plan_places(
        &self,
        selection: &Selection,
        places: Vec<Place>,
        draft: &mut Draft,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<(), Error> {
        // all of them before any is decided: a walk that is not polled would look as if the service were silent
        let walks: Vec<_> = stream::iter(places)
            .map(|place| self.find(selection, place))
            .buffered(WALKS_AT_ONCE)
            .collect()
            .await;
        for walked in walks {
            match walked {
                Ok(walked) => self.decide_walk(selection, &walked, draft, visit).await?,
                Err((scope, error)) => draft.could_not_list(&scope, error)?,
            }
        }
        let of_others = selection.series.iter().filter(|series| !self.is_of_share(series));
        draft.found.extend(of_others.map(|series| ("series", series.to_string())));
        draft.note_missing(selection);
        Ok(())
    }

    /// Walks a place; where no collection says which service to ask, the next one when this one lists nothing.
    async fn find(&self, selection: &Selection, place: Place) -> Result<Walked, (Scope, Error)> {
        let mut walked = self.walk(selection, place.clone()).await?;
        if place.scope.collection.is_none() {
            for remote in self.remotes_after(&place.remote) {
                if walked.outcome.series_rows > 0 {
                    break;
                }
                let scope = place.scope.clone();
                // one that does not answer is not waited for: it may not be meant at all
                let answers = remote.client.collections().await;
                answers.map_err(|error| (scope.clone(), error.into()))?;
                walked = self.walk(selection, Place { remote: Arc::clone(remote), scope }).await?;
            }
        }
        Ok(walked)
    }

    /// Walks one place into the record, going on where an interrupted walk or an outage stopped it.
    async fn walk(&self, selection: &Selection, place: Place) -> Result<Walked, (Scope, Error)> {
        self.tell(Event::Walking { scope: describe(&place.scope) }).await;
        let attempts = place.remote.client.retry_options().attempts;
        let mut others = Others::default();
        for failures in 1.. {
            let error = match self.walk_once(&place, selection, &mut others).await {
                Ok((walk, outcome, unlisted)) => {
                    let (walk_id, started_at) = (walk.walk_id, walk.started_at);
                    return Ok(Walked { scope: place.scope, walk_id, started_at, outcome, others, unlisted });
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

    async fn walk_once(
        &self,
        place: &Place,
        selection: &Selection,
        others: &mut Others,
    ) -> Result<(Walk, Outcome, Vec<String>), Error> {
        let Place { remote, scope } = place;
        let dialect = remote.client.dialect().to_string();
        let walk = self.db.begin_walk(&describe(scope), remote.base_url(), &dialect, self.now()).await?;
        let (sender, receiver) = mpsc::channel(LISTED_QUEUE);
        let done = &walk.done;
        let walking = async move { plan::walk(&remote.client, scope, done, &sender).await };
        let recording = self.record(walk.walk_id, receiver, selection, others);
        let both = async { tokio::join!(walking, recording) };
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

    /// Records what a walk lists of the share that is made, and notes what it shows of others; gives what it could not list.
    async fn record(
        &self,
        walk_id: i64,
        mut listed: mpsc::Receiver<Listed>,
        selection: &Selection,
        others: &mut Others,
    ) -> Result<Vec<String>, Error> {
        let mut unlisted = Vec::new();
        while let Some(listed) = listed.recv().await {
            match listed {
                Listed::Patients(patients) => self.db.store_patients(walk_id, patients).await?,
                Listed::Studies(studies) => self.db.store_studies(walk_id, studies).await?,
                Listed::Series(series) => {
                    let is_ours = |series: &Series| self.is_of_share(&series.series_instance_uid);
                    let (ours, not_ours): (Vec<_>, Vec<_>) = series.into_iter().partition(is_ours);
                    for series in &not_ours {
                        others.note(selection, series);
                    }
                    self.db.store_series(walk_id, ours).await?;
                }
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
        draft: &mut Draft,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<(), Error> {
        draft.totals.rejected_rows += walked.outcome.rejected_rows;
        let whole = whole_collection(&walked.scope);
        let (mut after, mut listed) = ((walked.walk_id, 0), 0);
        loop {
            let page = self.db.listed_series(walked.walk_id, whole.cloned(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            (after, listed) = ((last.walk_id, last.series_id), listed + page.len());
            let wanted =
                page.iter().filter_map(|listed| draft.decide(selection, listed, true, visit)).collect();
            if let Some(run_id) = draft.run_id {
                self.db.enqueue(run_id, wanted, self.now()).await?;
            }
        }
        draft.settle(walked, listed);
        self.note_unlisted(selection, walked, draft, visit).await
    }

    /// What lies in the tree and was not listed; only a whole listing of a whole collection can tell.
    async fn note_unlisted(
        &self,
        selection: &Selection,
        walked: &Walked,
        draft: &mut Draft,
        visit: &mut (dyn FnMut(Planned<'_>) + Send),
    ) -> Result<(), Error> {
        let Some(collection) = whole_collection(&walked.scope) else { return Ok(()) };
        if !walked.outcome.is_whole || walked.outcome.series_rows == 0 {
            return Ok(());
        }
        if let Some(run_id) = draft.run_id {
            self.withdraw(run_id, collection, walked).await?;
        }
        let unlisted = self.db.unlisted_series(collection, walked.walk_id).await?;
        for listed in &unlisted {
            draft.decide(selection, listed, false, visit);
        }
        if !unlisted.is_empty() {
            info!(
                "{} series of collection `{collection}` are in the tree and not listed; their files stay",
                unlisted.len()
            );
        }
        Ok(())
    }

    /// Counts a whole listing, and records what has been missing in enough of them.
    async fn withdraw(&self, run_id: i64, collection: &CollectionName, walked: &Walked) -> Result<(), Error> {
        let Walked { walk_id, started_at, .. } = *walked;
        let confirmation = self.options.withdrawal;
        for listed in self.db.count_absences(run_id, collection, walk_id, started_at, confirmation).await? {
            let series_instance_uid = listed.series.series_instance_uid.to_string();
            let is_placed = listed.local.is_some_and(|local| local.placed.is_some());
            let reason = format!(
                "{} whole listings of `{collection}` did not show it; {}",
                confirmation.listings,
                if is_placed { "its files stay" } else { "it had not come" }
            );
            warn!(series.uid = %series_instance_uid, "series {series_instance_uid} is withdrawn: {reason}");
            self.count(|totals| totals.withdrawn += 1);
            let instances = u64::from(listed.series.image_count.unwrap_or(0));
            let bytes = listed.series.file_size.unwrap_or(0);
            let event = SeriesEvent {
                series_instance_uid,
                instances,
                bytes,
                attempts: 0,
                reason: Some(reason),
                path: None,
            };
            self.tell(Event::Withdrawn(event)).await;
        }
        Ok(())
    }
}

/// The watermark that a place stands for, when it is a whole collection.
///
/// Where only some of its series are wanted, the others would stay behind it.
pub(super) fn watermark_key(selection: &Selection, place: &Place) -> Option<WatermarkKey> {
    if !selection.series.is_empty() {
        return None;
    }
    Some(WatermarkKey {
        base_url: place.remote.base_url().to_owned(),
        collection: whole_collection(&place.scope)?.clone(),
        narrowed_by: selection.narrowed_by(),
    })
}
