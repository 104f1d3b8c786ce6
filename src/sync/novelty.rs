//! What is new at a service since the watermark, as places to walk.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tracing::info;

use super::cycle::Cycle;
use super::draft::Draft;
use super::planning::watermark_key;
use super::remote::{Place, Remote};
use super::{Error, Event};
use crate::db::WatermarkKey;
use crate::dicom::Series;
use crate::nbia::{self, Client, Endpoint, Scope};
use crate::plan::Selection;

/// How far before the watermark is asked: the service compares days, in its own time zone.
const OVERLAP_DAYS: i64 = 1;

/// A collection that has been synced before.
struct Synced {
    place: Place,
    key: WatermarkKey,
    since: Date,
}

/// Studies with series that were released of late, by the service that says so; none where it could not be asked.
type Updated = HashMap<String, Option<BTreeSet<Scope>>>;

impl Cycle {
    /// Of the selected collections what is new since their watermarks; whole what has none.
    pub(super) async fn places_to_sync(
        &self,
        selection: &Selection,
        draft: &mut Draft,
    ) -> Result<Vec<Place>, Error> {
        let began = self.now();
        let (mut places, mut synced) = (Vec::new(), Vec::new());
        for place in self.known_places(selection, draft).await? {
            let Some(key) = watermark_key(selection, &place) else {
                places.push(place);
                continue;
            };
            let synced_to = self.db.watermark(key.clone()).await?;
            // never synced, or by a clock that was ahead, or the service cannot be asked for what is new
            let is_usable = |synced_to: &i64| place.remote.tells_what_is_new() && *synced_to <= began;
            if let Some(synced_to) = synced_to.filter(is_usable) {
                let since = day_of(synced_to).saturating_sub(OVERLAP_DAYS.days());
                synced.push(Synced { place, key, since });
            } else {
                draft.watermarks.push((key, began));
                places.push(place);
            }
        }
        let updated = self.updated_studies(&synced, draft).await?;
        for one in synced {
            let of_remote = updated.get(one.place.remote.base_url());
            match self.new_places(&one, of_remote.and_then(Option::as_ref)).await {
                // an empty answer may hide a failure: the watermark stays, which costs nothing
                Ok(new) if new.is_empty() => continue,
                Ok(new) => places.extend(new),
                Err(error) => draft.could_not_list(&one.place.scope, error)?,
            }
            if !matches!(of_remote, Some(None)) {
                draft.watermarks.push((one.key, began));
            }
        }
        Ok(places)
    }

    /// Asks each service once for all of its collections (getUpdatedSeries): new series in studies that are not new.
    async fn updated_studies(&self, synced: &[Synced], draft: &mut Draft) -> Result<Updated, Error> {
        let mut updated = Updated::new();
        for Synced { place: Place { remote, .. }, .. } in synced {
            let base_url = remote.base_url();
            if updated.contains_key(base_url) || !remote.client.offers(Endpoint::UpdatedSeries) {
                continue;
            }
            let of_remote: Vec<_> =
                synced.iter().filter(|one| one.place.remote.base_url() == base_url).collect();
            let studies = match self.updated_at(remote, &of_remote).await {
                Ok(studies) => Some(studies),
                Err(Error::Remote(nbia::Error::Status { status, .. })) if status.as_u16() == 404 => {
                    info!(
                        "{base_url} does not know getUpdatedSeries; new series in old studies are found by `sync --full`"
                    );
                    Some(BTreeSet::new())
                }
                Err(error) => {
                    draft.could_not_list(&Scope::default(), error)?;
                    None
                }
            };
            updated.insert(base_url.to_owned(), studies);
        }
        Ok(updated)
    }

    async fn updated_at(&self, remote: &Remote, synced: &[&Synced]) -> Result<BTreeSet<Scope>, Error> {
        let earliest = synced.iter().map(|one| one.since).min().unwrap_or(Date::MIN);
        // the day that is named is left out by the service
        let after = earliest.saturating_sub(1.days());
        let is_meant = |series: &Series| {
            let of_collection = synced.iter().find(|one| one.key.collection == series.collection);
            of_collection.is_some_and(|one| is_released_since(series, one.since))
        };
        self.tell(Event::Walking { scope: format!("series released since {earliest}") }).await;
        self.ask(remote, async |client: &Client| {
            let (mut rows, mut studies) = (client.updated_series(after).await?, BTreeSet::new());
            while let Some(series) = rows.next().await? {
                studies.extend(series.iter().filter(|series| is_meant(series)).map(study_of));
            }
            Ok(studies)
        })
        .await
    }

    /// What NewPatientsInCollection and NewStudiesInPatientCollection name, and what was `updated` besides.
    async fn new_places(
        &self,
        synced: &Synced,
        updated: Option<&BTreeSet<Scope>>,
    ) -> Result<Vec<Place>, Error> {
        let Synced { place, key: WatermarkKey { collection, .. }, since } = synced;
        self.tell(Event::Walking { scope: format!("collection `{collection}` since {since}") }).await;
        let patients =
            async |client: &Client| client.new_patients(collection, *since).await?.read_all().await;
        let patients: BTreeSet<_> =
            self.ask(&place.remote, patients).await?.into_iter().map(|patient| patient.patient_id).collect();
        let studies = async |client: &Client| client.new_studies(collection, *since).await?.read_all().await;
        let studies = self.ask(&place.remote, studies).await?.into_iter().map(|study| Scope {
            collection: Some(collection.clone()),
            patient_id: Some(study.patient_id),
            study_instance_uid: Some(study.study_instance_uid),
            ..Scope::default()
        });
        let updated =
            updated.into_iter().flatten().filter(|scope| scope.collection.as_ref() == Some(collection));
        let studies: BTreeSet<_> = studies.chain(updated.cloned()).collect();
        let is_covered =
            |scope: &Scope| scope.patient_id.as_ref().is_some_and(|patient| patients.contains(patient));
        let studies = studies.into_iter().filter(|scope| !is_covered(scope));
        let of_patient = patients.iter().map(|patient_id| Scope {
            collection: Some(collection.clone()),
            patient_id: Some(patient_id.clone()),
            ..Scope::default()
        });
        let at_remote = |scope| Place { remote: Arc::clone(&place.remote), scope };
        Ok(of_patient.chain(studies).map(at_remote).collect())
    }
}

/// Whether a series was released on a day or after it; one whose day cannot be read may have been.
fn is_released_since(series: &Series, since: Date) -> bool {
    let released = series.date_released.as_deref().and_then(|text| text.get(..10)).map(str::parse::<Date>);
    released.is_none_or(|released| released.map_or(true, |released| released >= since))
}

fn study_of(series: &Series) -> Scope {
    Scope {
        collection: Some(series.collection.clone()),
        patient_id: Some(series.patient_id.clone()),
        study_instance_uid: Some(series.study_instance_uid.clone()),
        ..Scope::default()
    }
}

fn day_of(seconds: i64) -> Date {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}
