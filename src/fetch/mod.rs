//! One series: from the service into the staging directory, with everything that proves it whole.
//!
//! The ZIP is unpacked while it arrives; what is missing or wrong afterwards is fetched instance by instance.
//! Places nothing and records nothing: that is for `mirror` and `sync`.

mod arrival;
mod error;
mod figures;
pub mod local;
mod repair;
mod series_zip;
mod single;
pub mod unpack;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::mpsc;
use tracing::{debug, info};

use self::repair::{Repair, Shortfall};

pub use error::Error;
pub use figures::{figures, md5_hierarchy};

use crate::dicom::{Instance, Series, SeriesInstanceUid, SopInstanceUid};
use crate::mirror::{Expected, Staging};
use crate::nbia::{self, Client, Endpoint, Md5Scope};

/// What a listing may be wrong by before the download is given up: a tenth and a MiB.
const LISTED_SIZE_MARGIN: u64 = 1 << 20;

/// How a series is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// The ZIP, repaired by single instances.
    #[default]
    Auto,
    /// ZIPs only.
    Series,
    /// The list of instances, and each of them by itself.
    Instances,
}

impl FromStr for How {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Self::Auto),
            "series" => Ok(Self::Series),
            "instances" => Ok(Self::Instances),
            _ => Err(format!("`{name}` is none of auto, series, instances")),
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "auto",
            Self::Series => "series",
            Self::Instances => "instances",
        })
    }
}

/// What one series may cost, and how it is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// ZIP or instances.
    pub how: How,
    /// Most bytes of one instance.
    pub max_instance: u64,
    /// Most bytes of one series.
    pub max_series: u64,
    /// Single instances of one series under way at once.
    pub instances_at_once: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { how: How::Auto, max_instance: 16 << 30, max_series: 256 << 30, instances_at_once: 4 }
    }
}

/// The fetch of one series.
pub struct Fetch {
    /// The service.
    pub client: Arc<Client>,
    /// Limits.
    pub options: Options,
    /// Every instance that was staged is reported here.
    pub staged: mpsc::Sender<Instance>,
    /// Counts the bytes of instances as they arrive.
    pub progress: Arc<AtomicU64>,
}

/// What is staged of a series and what is not; a series of unknown length has what is staged.
fn shortfall_of(staging: &Staging, expected: &Expected, earlier_attempts: u32) -> Shortfall {
    let staged = staging.instances().len() as u64;
    Shortfall {
        staged,
        staged_bytes: staging.instances().values().map(|instance| instance.size_bytes).sum(),
        wanted: expected.image_count.map_or(staged, u64::from),
        wanted_bytes: expected.size_bytes,
        earlier_attempts,
    }
}

/// Whether what earlier attempts have staged is to be kept.
fn is_mostly_there(staging: &Staging, expected: &Expected) -> bool {
    let shortfall = shortfall_of(staging, expected, 0);
    shortfall.staged > 0 && shortfall.repair() == Repair::Instances
}

impl Fetch {
    /// Fills the staging directory of a series; gives it back with what the service says the series holds.
    ///
    /// What earlier attempts have staged stays and is not fetched again where that can be avoided. The caller still
    /// verifies: this function only stops early when it knows that it has not succeeded.
    pub async fn series(
        &self,
        staging: Staging,
        series: &Series,
        attempts: u32,
    ) -> Result<(Staging, Expected), Error> {
        let (staging, mut expected) = self.instances(staging, series, attempts).await?;
        if expected.md5_list.is_none() && self.client.tells_md5s() {
            expected.md5_hierarchy = self.md5_hierarchy(&series.series_instance_uid).await?;
        }
        Ok((staging, expected))
    }

    /// The one MD5 over all instances, for want of one for each. A server that fails to tell it takes nothing from the
    /// other proofs.
    async fn md5_hierarchy(&self, series: &SeriesInstanceUid) -> Result<Option<[u8; 16]>, Error> {
        match self.client.md5_hierarchy(&Md5Scope::Series(series.clone())).await {
            Err(error) if !error.is_outage() && !matches!(error, nbia::Error::Stopped) => {
                debug!(series.uid = %series, "series {series} is proven without an MD5 over it: {error}");
                Ok(None)
            }
            told => Ok(told?),
        }
    }

    async fn instances(
        &self,
        staging: Staging,
        series: &Series,
        attempts: u32,
    ) -> Result<(Staging, Expected), Error> {
        let expected = self.expected(series).await?;
        if expected.size_bytes.is_some() && staging.check(&expected).is_ok() {
            return Ok((staging, expected));
        }
        let limit = self.options.max_series;
        if expected.size_bytes.is_some_and(|size_bytes| size_bytes > limit) {
            return Err(Error::TooLarge { entry: "the series", limit });
        }
        let singles =
            self.client.offers(Endpoint::SingleImage) && self.client.offers(Endpoint::SopInstanceUids);
        match self.options.how {
            How::Instances => self.by_instances(staging, expected).await,
            How::Auto if singles && is_mostly_there(&staging, &expected) => {
                info!(series.uid = %series.series_instance_uid, "going on with series {}: {} instances are staged", series.series_instance_uid, staging.instances().len());
                self.by_instances(staging, expected).await
            }
            how => {
                let repairable = how == How::Auto && singles;
                self.by_zip(staging, expected, series, attempts, repairable).await
            }
        }
    }

    /// What the listing says, completed by getSeriesSize where the listing says too little.
    async fn expected(&self, series: &Series) -> Result<Expected, Error> {
        let (image_count, size_bytes) = figures(&self.client, series).await?;
        let sop_instance_uids = match image_count {
            Some(_) => None,
            None => Some(self.listed_instances(series).await?),
        };
        Ok(Expected { image_count, size_bytes, sop_instance_uids, ..Expected::default() })
    }

    async fn listed_instances(&self, series: &Series) -> Result<BTreeSet<SopInstanceUid>, Error> {
        Ok(self.client.sop_instance_uids(&series.series_instance_uid).await?.into_iter().collect())
    }

    async fn by_zip(
        &self,
        staging: Staging,
        mut expected: Expected,
        series: &Series,
        attempts: u32,
        repairable: bool,
    ) -> Result<(Staging, Expected), Error> {
        let image = match self.client.image(&series.series_instance_uid).await {
            Ok(image) => image,
            // whole ZIPs have failed before; the instances may still come one by one
            Err(error) if repairable && attempts > 0 && error.is_worth_another_request() => {
                return self.by_instances(staging, expected).await;
            }
            Err(error) => return Err(error.into()),
        };
        let unpacked = self.unpack(image, staging, &expected).await?;
        let mut staging = unpacked.staging;
        expected.md5_list = unpacked.md5_list;
        let shortfall = match unpacked.ended {
            // single instances would only bring the rest of what is too much
            Err(error) if !error.is_of_the_answer() || error.is_over_limit() => return Err(error),
            Err(error) => error,
            Ok(()) => match staging.check(&expected) {
                Ok(_) => return Ok((staging, expected)),
                Err(mismatch) => Error::Verify(mismatch),
            },
        };
        debug!(series.uid = %series.series_instance_uid, "the ZIP of series {} is not enough: {shortfall}", series.series_instance_uid);
        series_zip::remove_doubtful(&mut staging, expected.md5_list.as_ref(), unpacked.last)?;
        if !repairable || shortfall_of(&staging, &expected, attempts).repair() == Repair::WholeAgain {
            return Err(shortfall);
        }
        info!(series.uid = %series.series_instance_uid, "series {}: {shortfall}; fetching what is missing one by one", series.series_instance_uid);
        self.by_instances(staging, expected).await
    }
}
