//! The services that a cycle works with, and which of them is asked for what.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Error;
use super::chain;
use super::cycle::Cycle;
use super::outage::LastOutage;
use crate::dicom::{CollectionName, SeriesInstanceUid};
use crate::nbia::dialect::Parameter;
use crate::nbia::{self, Client, Endpoint, Scope};
use crate::plan::{AsksForSeries, Selection, describe, is_like, is_pattern};

/// One service, and how its last outage ended.
pub(super) struct Remote {
    pub(super) client: Arc<Client>,
    pub(super) last_outage: Mutex<LastOutage>,
}

/// What is walked, and where.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) remote: Arc<Remote>,
    pub(super) scope: Scope,
}

/// Where to look for a selection.
#[derive(Default)]
pub(super) struct Places {
    pub(super) to_walk: Vec<Place>,
    /// Names of collections by which any service knows them.
    pub(super) known: Vec<CollectionName>,
    /// What is not looked for, and why.
    pub(super) refused: Vec<String>,
}

/// A collection as a service spells it.
type Listed = (Arc<Remote>, CollectionName);

impl Remote {
    pub(super) fn new(client: Arc<Client>) -> Arc<Self> {
        Arc::new(Self { client, last_outage: Mutex::default() })
    }

    /// The name under which the record knows it.
    pub(super) fn base_url(&self) -> &str {
        self.client.base_url().as_str()
    }

    pub(super) fn tells_what_is_new(&self) -> bool {
        self.client.offers(Endpoint::NewPatients) && self.client.offers(Endpoint::NewStudies)
    }

    fn asks_for_series(&self) -> AsksForSeries {
        let by_uid = self.client.takes(Endpoint::Series, Parameter::SeriesInstanceUid);
        if by_uid { AsksForSeries::ByUid } else { AsksForSeries::ByStudy }
    }
}

impl Cycle {
    /// The service that comes first.
    pub(super) fn first_remote(&self) -> &Arc<Remote> {
        &self.remotes[0]
    }

    /// The service that has listed something; the first when that one is configured no more.
    pub(super) fn remote_at(&self, base_url: &str) -> &Arc<Remote> {
        let known = self.remotes.iter().find(|remote| remote.base_url() == base_url);
        known.unwrap_or_else(|| self.first_remote())
    }

    /// The services after one.
    pub(super) fn remotes_after(&self, remote: &Arc<Remote>) -> impl Iterator<Item = &Arc<Remote>> {
        self.remotes.iter().skip_while(|known| !Arc::ptr_eq(known, remote)).skip(1)
    }

    /// The places to look for a selection.
    ///
    /// A collection is looked for where it is listed first; what names no collection begins at the first service.
    pub(super) async fn places(&self, selection: &Selection) -> Result<Places, Error> {
        let mut scopes = selection.scopes(self.first_remote().asks_for_series());
        let is_of_share =
            |scope: &Scope| scope.series_instance_uid.as_ref().is_none_or(|series| self.is_of_share(series));
        if !scopes.is_empty() && !scopes.iter().any(is_of_share) {
            return Ok(Places::default());
        }
        scopes.retain(is_of_share);
        if scopes.iter().all(|scope| scope.collection.is_none()) && !scopes.is_empty() {
            let at_first = |scope| Place { remote: Arc::clone(self.first_remote()), scope };
            return Ok(Places { to_walk: scopes.into_iter().map(at_first).collect(), ..Places::default() });
        }
        let mut named: Vec<_> = scopes.iter().filter_map(|scope| scope.collection.clone()).collect();
        if selection.has_patterns_of_collections() {
            named.clear();
        }
        let (listed, silent) = self.collections(&named).await?;
        let whole =
            |(_, collection): &Listed| Scope { collection: Some(collection.clone()), ..Scope::default() };
        let scopes = if scopes.is_empty() {
            listed.iter().map(whole).collect()
        } else {
            with_collections_like(scopes, &listed)
        };
        let mut seen = HashSet::new();
        let is_left_out =
            |scope: &Scope| scope.collection.as_ref().is_some_and(|name| selection.leaves_out(name));
        let scopes = scopes.into_iter().filter(|scope| !is_left_out(scope));
        let places = scopes.map(|scope| self.place_of(scope, &listed));
        let known = listed.iter().map(|(_, name)| name.clone()).collect();
        let mut found = Places { known, refused: silent, ..Places::default() };
        for place in places.filter(|place| seen.insert(place.scope.clone())) {
            match self.other_source(&place).await? {
                Some(other) => found.refused.push(refusal(&place, &other)),
                None => found.to_walk.push(place),
            }
        }
        Ok(found)
    }

    /// The configured service from which a collection has been mirrored so far, when that is another one.
    ///
    /// One list that lacks a collection proves nothing, and must not change where it comes from.
    async fn other_source(&self, place: &Place) -> Result<Option<Arc<Remote>>, Error> {
        let Some(collection) = &place.scope.collection else { return Ok(None) };
        let source = self.db.source_of(collection).await?;
        let known = self.remotes.iter().find(|remote| Some(remote.base_url()) == source.as_deref());
        Ok(known.filter(|known| !Arc::ptr_eq(known, &place.remote)).cloned())
    }

    fn place_of(&self, scope: Scope, listed: &[Listed]) -> Place {
        let known = scope.collection.as_ref().and_then(|name| as_listed(name, listed));
        match known {
            Some((remote, name)) => {
                Place { remote: Arc::clone(remote), scope: Scope { collection: Some(name.clone()), ..scope } }
            }
            None => Place { remote: Arc::clone(self.first_remote()), scope },
        }
    }

    /// The collections of all services, each where it is listed first; only as many services as the names take.
    ///
    /// The first is waited for. Another one that does not answer is said, and keeps nobody from what the others list.
    async fn collections(&self, named: &[CollectionName]) -> Result<(Vec<Listed>, Vec<String>), Error> {
        let (mut listed, mut silent): (Vec<Listed>, _) = (Vec::new(), Vec::new());
        for remote in &self.remotes {
            let are_found = !named.is_empty() && named.iter().all(|name| as_listed(name, &listed).is_some());
            if are_found {
                break;
            }
            let names = if Arc::ptr_eq(remote, self.first_remote()) {
                self.collections_of(remote).await?
            } else {
                self.collections_if_it_answers(remote, &mut silent).await?
            };
            let is_new = |name: &CollectionName| listed.iter().all(|(_, known)| known != name);
            let new: Vec<_> = names.into_iter().filter(is_new).collect();
            listed.extend(new.into_iter().map(|name| (Arc::clone(remote), name)));
        }
        listed.sort_by(|(_, one), (_, other)| one.cmp(other));
        Ok((listed, silent))
    }

    async fn collections_if_it_answers(
        &self,
        remote: &Remote,
        silent: &mut Vec<String>,
    ) -> Result<Vec<CollectionName>, Error> {
        match remote.client.collections().await {
            Err(nbia::Error::Stopped) => Err(Error::Stopped),
            Err(error) => {
                silent.push(format!("what {} may have: {}", remote.base_url(), chain(&error)));
                Ok(Vec::new())
            }
            Ok(names) => Ok(names),
        }
    }

    /// All collections of a service; an empty answer is a hidden failure and is asked for again.
    async fn collections_of(&self, remote: &Remote) -> Result<Vec<CollectionName>, Error> {
        for failures in 1..=remote.client.retry_options().attempts {
            let listed = self.ask(remote, async |client: &Client| client.collections().await).await?;
            if !listed.is_empty() {
                return Ok(listed);
            }
            remote.client.back_off(failures).await?;
        }
        Err(Error::NothingListed)
    }

    /// Selections with the series of their shared lists in place of the lists.
    pub(super) async fn with_shared_lists(&self, selections: &[Selection]) -> Result<Vec<Selection>, Error> {
        let mut resolved = selections.to_vec();
        for selection in &mut resolved {
            for name in std::mem::take(&mut selection.shared_lists) {
                selection.series.extend(self.shared_list(&name).await?);
            }
        }
        Ok(resolved)
    }

    /// The series of a shared list, from the first service that has it.
    async fn shared_list(&self, name: &str) -> Result<Vec<SeriesInstanceUid>, Error> {
        let mut outcome = Err(Error::NoSharedList { name: name.to_owned() });
        for remote in &self.remotes {
            let question = async |client: &Client| client.shared_list(name).await?.read_all().await;
            match self.ask(remote, question).await {
                Ok(series) if series.is_empty() => {}
                Ok(series) => return Ok(series.into_iter().map(|row| row.series_instance_uid).collect()),
                Err(Error::Remote(error @ nbia::Error::NotOffered { .. })) => outcome = Err(error.into()),
                Err(error) => return Err(error),
            }
        }
        outcome
    }

    /// Asks until the service answers or is given up.
    pub(super) async fn ask<T>(
        &self,
        remote: &Remote,
        question: impl AsyncFn(&Client) -> Result<T, nbia::Error>,
    ) -> Result<T, Error> {
        for failures in 1.. {
            let error = match question(&remote.client).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let was_down = error.is_outage() && self.wait_out_an_outage(remote).await?;
            let gives_up = !error.is_transient() || failures >= remote.client.retry_options().attempts;
            if !was_down && gives_up {
                return Err(error.into());
            }
            remote.client.back_off(failures).await?;
        }
        Err(Error::Stopped) // not reached: the loop has no end of its own
    }
}

/// Scopes with every collection that looks like a pattern in its place; a pattern like which none is stays.
fn with_collections_like(scopes: Vec<Scope>, listed: &[Listed]) -> Vec<Scope> {
    let resolve = |scope: Scope| {
        let is_meant = |name: &&CollectionName| {
            scope
                .collection
                .as_ref()
                .is_some_and(|wanted| is_pattern(wanted.as_str()) && is_like(wanted.as_str(), name.as_str()))
        };
        let meant = listed.iter().map(|(_, name)| name).filter(is_meant);
        let all: Vec<_> =
            meant.map(|name| Scope { collection: Some(name.clone()), ..scope.clone() }).collect();
        if all.is_empty() { vec![scope] } else { all }
    };
    scopes.into_iter().flat_map(resolve).collect()
}

fn refusal(place: &Place, source: &Remote) -> String {
    format!(
        "{}: it has been mirrored from {}, which does not list it now; {} does, and is used once --base-url names it",
        describe(&place.scope),
        source.base_url(),
        place.remote.base_url()
    )
}

/// A name as a service spells it, where one lists it.
fn as_listed<'a>(name: &CollectionName, listed: &'a [Listed]) -> Option<&'a Listed> {
    let same = |known: &CollectionName| known.as_str().to_lowercase() == name.as_str().to_lowercase();
    let exact = listed.iter().find(|(_, known)| known == name);
    exact.or_else(|| listed.iter().find(|(_, known)| same(known)))
}
