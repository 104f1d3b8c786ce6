//! What the services say of series that lie here, and one statement for each collection.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use super::super::Error;
use super::super::chain;
use crate::dicom::{CollectionName, Instance, Series};
use crate::fetch::{figures, md5_hierarchy};
use crate::mirror::{Expected, ProblemKind, Proof, compare};
use crate::nbia::{self, Client, Endpoint};

/// How a series compares with what a service says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Testimony {
    /// It is what the service has, as far as this was compared.
    Agrees(Proof),
    /// It is not, and why, asked twice.
    Differs(String),
    /// The service has no such series.
    NotListed,
    /// The service did not answer about this series, and why.
    NotAnswered(String),
}

/// What was compared in one collection with one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Series that are what the service has.
    pub series: u64,
    /// Their instances.
    pub instances: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// How many series by which proof, as the record names proofs.
    pub proofs: BTreeMap<String, u64>,
    /// Series that differ.
    pub differing: u64,
    /// Series that the service does not have.
    pub withdrawn: u64,
    /// Series about which the service gave no answer.
    pub not_answered: u64,
    /// Series that are damaged here, and were not compared.
    pub damaged: u64,
    /// When the last of them was compared, seconds since 1970.
    pub as_of: i64,
    /// Whether the service tells MD5s.
    pub tells_md5s: bool,
}

/// Statements by collection and address of the service.
pub type Statements = BTreeMap<(CollectionName, String), Statement>;

/// A service that is asked about series. An outage is waited out, by one question at a time.
pub(super) struct Witness {
    pub(super) client: Arc<Client>,
    probing: Mutex<()>,
}

impl Witness {
    pub(super) fn new(client: Arc<Client>) -> Arc<Self> {
        Arc::new(Self { client, probing: Mutex::default() })
    }

    pub(super) fn base_url(&self) -> &str {
        self.client.base_url().as_str()
    }

    /// Compares a series with what the service says. What differs is asked again before it counts.
    pub(super) async fn ask(&self, series: &Series, instances: &[Instance]) -> Result<Testimony, Error> {
        let first = self.ask_patiently(series, instances).await?;
        if first.is_difference() { self.ask_patiently(series, instances).await } else { Ok(first) }
    }

    /// Asks, and asks again once the service is there after an outage.
    async fn ask_patiently(&self, series: &Series, instances: &[Instance]) -> Result<Testimony, Error> {
        let mut left = self.client.retry_options().attempts;
        loop {
            let error = match self.expected(series).await {
                Ok(Some(expected)) => return Ok(judge(instances, &expected)),
                Ok(None) => return Ok(Testimony::NotListed),
                Err(error) => error,
            };
            left = left.saturating_sub(1);
            let was_down = error.is_outage() && self.wait_out_an_outage().await?;
            if error.refuses_everything() || matches!(error, nbia::Error::Stopped) {
                return Err(error.into());
            }
            if !was_down || left == 0 {
                return Ok(Testimony::NotAnswered(chain(&error)));
            }
        }
    }

    /// Everything that the service says of a series: one MD5 over it where it tells one, else number, bytes and names.
    async fn expected(&self, series: &Series) -> Result<Option<Expected>, nbia::Error> {
        let (client, uid) = (&self.client, &series.series_instance_uid);
        let md5_hierarchy = md5_hierarchy(client, series).await?;
        if md5_hierarchy.is_some() {
            return Ok(Some(Expected { md5_hierarchy, ..Expected::default() }));
        }
        let rows = client.one_series(&series.study_instance_uid, uid).await?;
        let Some(listed) = rows.first() else { return Ok(None) };
        let (image_count, size_bytes) = figures(client, listed).await?;
        let mut expected = Expected { image_count, size_bytes, ..Expected::default() };
        if client.offers(Endpoint::SopInstanceUids) {
            expected.sop_instance_uids = Some(client.sop_instance_uids(uid).await?.into_iter().collect());
        }
        Ok(Some(expected))
    }

    /// Waits until the service answers at all, as long as is configured; `true` when it was down.
    async fn wait_out_an_outage(&self) -> Result<bool, Error> {
        let _alone = self.probing.lock().await;
        let (began, give_up) = (Instant::now(), self.client.retry_options().give_up);
        for failures in 1.. {
            let source = match self.client.probe().await {
                Err(error) if error.is_outage() => error,
                Err(nbia::Error::Stopped) => return Err(Error::Stopped),
                _ => return Ok(failures > 1),
            };
            let since = began.elapsed();
            if since >= give_up {
                return Err(Error::GaveUp { since, source });
            }
            warn!("the service does not answer: {}", chain(&source));
            self.client.back_off(failures).await?;
        }
        Ok(true)
    }
}

fn judge(instances: &[Instance], expected: &Expected) -> Testimony {
    let named = instances.iter().map(|instance| (instance.sop_instance_uid.clone(), instance.clone()));
    match compare(&named.collect(), expected) {
        Ok(proof) => Testimony::Agrees(proof),
        Err(difference) => Testimony::Differs(difference.to_string()),
    }
}

impl Statement {
    /// Counts a series; one without testimony is damaged here.
    pub(super) fn add(&mut self, testimony: Option<&Testimony>, instances: &[Instance], now: i64) {
        self.as_of = now;
        match testimony {
            Some(Testimony::Agrees(proof)) => {
                self.series += 1;
                self.instances += instances.len() as u64;
                self.bytes += instances.iter().map(|instance| instance.size_bytes).sum::<u64>();
                *self.proofs.entry(proof.to_string()).or_default() += 1;
            }
            Some(Testimony::Differs(_)) => self.differing += 1,
            Some(Testimony::NotListed) => self.withdrawn += 1,
            Some(Testimony::NotAnswered(_)) => self.not_answered += 1,
            None => self.damaged += 1,
        }
    }
}

impl Testimony {
    pub(super) fn is_difference(&self) -> bool {
        matches!(self, Self::Differs(_) | Self::NotListed)
    }

    /// What of it is a problem, and why. A service that did not answer has proven nothing, and that is said here.
    pub(super) fn difference(self, series: &Series) -> Option<(ProblemKind, String)> {
        match self {
            Self::Agrees(_) => None,
            Self::Differs(reason) => Some((ProblemKind::Differs, reason)),
            Self::NotListed => Some((ProblemKind::Withdrawn, "the service has no such series".to_owned())),
            Self::NotAnswered(reason) => {
                let uid = &series.series_instance_uid;
                warn!(series.uid = %uid, "series {uid} could not be compared: {reason}");
                None
            }
        }
    }
}
