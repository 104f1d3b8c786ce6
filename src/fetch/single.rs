//! A series instance by instance: the list of its SOPInstanceUIDs, then each one that is not staged yet.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt};
use tokio::runtime::Handle;

use super::Fetch;
use super::arrival::Arrival;
use super::error::Error;
use super::series_zip::most_by_listing;
use crate::dicom::{Instance, SeriesInstanceUid, SopInstanceUid};
use crate::mirror::{Expected, Staging};
use crate::nbia::BodyReader;

/// What the instances of one series may have in all.
struct Budget {
    most: u64,
    /// What the service lists, where that is what sets the limit.
    listed: Option<u64>,
    spent: AtomicU64,
}

impl Budget {
    fn left(&self) -> u64 {
        self.most.saturating_sub(self.spent.load(Ordering::Relaxed))
    }
}

impl Fetch {
    /// Fetches what the service lists and the staging directory lacks; what is staged and not listed is for the proof.
    pub(super) async fn by_instances(
        &self,
        staging: Staging,
        mut expected: Expected,
    ) -> Result<(Staging, Expected), Error> {
        let series = staging.series_instance_uid().clone();
        let listed: BTreeSet<_> = self.client.sop_instance_uids(&series).await?.into_iter().collect();
        if listed.is_empty() {
            return Err(Error::NoInstances);
        }
        let staged_bytes = staging.instances().values().map(|instance| instance.size_bytes).sum();
        let most = self.most_bytes(&expected);
        let listed_bytes = expected.size_bytes.filter(|_| Some(most) == most_by_listing(&expected));
        let budget = Budget { most, listed: listed_bytes, spent: AtomicU64::new(staged_bytes) };
        let missing: Vec<_> =
            listed.iter().filter(|uid| !staging.instances().contains_key(uid)).cloned().collect();
        let staging = Arc::new(Mutex::new(staging));
        let hopeless = AtomicBool::new(false);
        let fetches = missing
            .into_iter()
            .map(|instance| self.single(Arc::clone(&staging), &series, instance, &hopeless, &budget));
        let at_once = self.options.instances_at_once.max(1);
        // what has begun runs to its end: a failure must not leave a thread behind, nor keep others from arriving
        let outcomes: Vec<_> = stream::iter(fetches).buffer_unordered(at_once).collect().await;
        outcomes.into_iter().collect::<Result<(), _>>()?;
        let staging = Arc::into_inner(staging)
            .map(|staging| staging.into_inner().unwrap_or_else(PoisonError::into_inner));
        let staging = staging.expect("every fetch has ended and dropped its share");
        // where nothing says how many there are, the fuller of the two answers counts
        let fuller = staging.instances().keys().filter(|_| expected.image_count.is_none()).cloned();
        expected.sop_instance_uids = Some(listed.into_iter().chain(fuller).collect());
        Ok((staging, expected))
    }

    /// Fetches one instance, unless an earlier one has found it `hopeless` to ask for more.
    async fn single(
        &self,
        staging: Arc<Mutex<Staging>>,
        series: &SeriesInstanceUid,
        asked: SopInstanceUid,
        hopeless: &AtomicBool,
        budget: &Budget,
    ) -> Result<(), Error> {
        if hopeless.load(Ordering::Relaxed) {
            return Err(crate::nbia::Error::Stopped.into());
        }
        let (left, most) = (budget.left(), self.options.max_instance);
        let fetched = self.stage_single(staging, series, asked, most.min(left)).await;
        let fetched = fetched.map_err(|error| match (error, budget.listed) {
            (Error::TooLarge { .. }, Some(listed)) if left < most => {
                Error::MoreThanListed { what: "bytes", listed }
            }
            (error, _) => error,
        });
        hopeless.fetch_or(fetched.as_ref().is_err_and(Error::concerns_every_instance), Ordering::Relaxed);
        let instance = fetched?;
        budget.spent.fetch_add(instance.size_bytes, Ordering::Relaxed);
        // nobody listens only when the run is over, and then the record is not needed
        drop(self.staged.send(instance).await);
        Ok(())
    }

    async fn stage_single(
        &self,
        staging: Arc<Mutex<Staging>>,
        series: &SeriesInstanceUid,
        asked: SopInstanceUid,
        limit: u64,
    ) -> Result<Instance, Error> {
        let reader = self.client.single_image(series, &asked).await?.into_reader(&Handle::current());
        let progress = Arc::clone(&self.progress);
        let series = series.clone();
        let thread = tokio::task::spawn_blocking(move || {
            let incoming = lock(&staging).begin()?;
            let arrival = Arrival::new(format!("instance {asked}"), &series, incoming, &progress);
            let instance = stage(reader, arrival, &staging, limit)?;
            if instance.sop_instance_uid == asked {
                return Ok(instance);
            }
            lock(&staging).remove(&instance.sop_instance_uid)?;
            Err(Error::OtherInstance { asked, found: instance.sop_instance_uid })
        });
        thread.await.map_err(|source| Error::Thread { source })?
    }
}

fn lock(staging: &Mutex<Staging>) -> std::sync::MutexGuard<'_, Staging> {
    staging.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stage(
    mut reader: BodyReader,
    mut arrival: Arrival<'_>,
    staging: &Mutex<Staging>,
    limit: u64,
) -> Result<Instance, Error> {
    loop {
        match take_piece(&mut reader, &mut arrival, limit) {
            Ok(true) => {}
            Ok(false) => {
                let mut staging = lock(staging);
                let (incoming, sop_instance_uid) = arrival.finish(&staging)?;
                return Ok(staging.keep(incoming, sop_instance_uid)?);
            }
            Err(error) => {
                arrival.discard(&lock(staging))?;
                return Err(error);
            }
        }
    }
}

/// Hands the next bytes on; `false` at the end of the body.
fn take_piece(reader: &mut BodyReader, arrival: &mut Arrival<'_>, limit: u64) -> Result<bool, Error> {
    let bytes = reader.fill_buf().map_err(Error::from_body)?;
    if arrival.size_bytes() + bytes.len() as u64 > limit {
        return Err(Error::TooLarge { entry: "an instance", limit });
    }
    arrival.write(bytes)?;
    let amount = bytes.len();
    reader.consume(amount);
    Ok(amount > 0)
}
