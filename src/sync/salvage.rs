//! A repair fetches only what is damaged: what is right of a series is staged from the tree.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::debug;

use super::Error;
use super::cycle::Cycle;
use crate::db::{PlacedSeries, Reader};
use crate::dicom::Instance;
use crate::mirror::SeriesPath;

impl Cycle {
    /// Stages what lies in the tree of series that are to be fetched again; their files are read before they count.
    pub(super) async fn salvage(&self, series: &BTreeSet<i64>) -> Result<(), Error> {
        let reader = Reader::open(&self.root.state_file())?;
        for series_id in series {
            if let Some((placed, instances)) = reader.latest(*series_id)?
                && self.is_still_listed(&placed).await?
            {
                self.salvage_one(placed, instances).await?;
            }
        }
        Ok(())
    }

    /// Whether the version in the tree is the one that will be fetched; instances of two must not mix.
    async fn is_still_listed(&self, placed: &PlacedSeries) -> Result<bool, Error> {
        let known = self.db.series(&placed.series.series_instance_uid).await?;
        let version = known.and_then(|known| known.local?.placed);
        Ok(version.is_some_and(|version| version.difference(&placed.series.fingerprint()).is_none()))
    }

    async fn salvage_one(&self, placed: PlacedSeries, instances: Vec<Instance>) -> Result<(), Error> {
        let Some(path) = SeriesPath::recorded(&placed.path) else { return Ok(()) };
        let (root, uid) = (Arc::clone(&self.root), placed.series.series_instance_uid.clone());
        let stage = move || root.stage_placed(&uid, &path, instances);
        match tokio::task::spawn_blocking(stage).await.map_err(Error::Task)? {
            Ok(staged) => Ok(self.db.store_staged(placed.series_id, staged).await?),
            Err(error) => {
                debug!("nothing of {} can be staged again: {error}", placed.path);
                Ok(())
            }
        }
    }
}
