//! What a process that died has left: running jobs, begun commits, staged files.

use std::sync::Arc;

use crate::dicom::SeriesInstanceUid;
use crate::mirror::{ProblemKind, Recorded, SeriesPath, check_series};
use tracing::{info, warn};

use super::Error;
use super::cycle::Cycle;
use crate::db::CommitIntent;

impl Cycle {
    /// Brings disk and record to one state before anything new is begun.
    pub(super) async fn recover(&self) -> Result<(), Error> {
        for intent in self.db.commit_intents().await? {
            self.replay(intent).await?;
        }
        self.replay_removals().await?;
        self.db.bury_dead_runs().await?;
        if self.options.shard.is_some() {
            // what an interrupted walk has shown of other shards is nowhere recorded
            self.db.forget_walk_parts().await?;
        }
        let requeued = self.db.requeue_running().await?;
        if requeued > 0 {
            info!("{requeued} series were under way when the last run ended; they are queued again");
        }
        self.clear_staging().await
    }

    /// A commit had begun. What the tree shows decides: either all of it happened, or it happens again.
    async fn replay(&self, intent: CommitIntent) -> Result<(), Error> {
        let instances = self.db.staged_instances(intent.series_id).await?;
        let Some(path) = SeriesPath::recorded(&intent.path) else {
            warn!(
                "the record holds `{}` for series {}, which is no path",
                intent.path, intent.series_instance_uid
            );
            return Ok(self.db.drop_intent(intent.series_id).await?);
        };
        let (root, at, license) = (Arc::clone(&self.root), path.clone(), intent.license_sha256);
        let agrees = tokio::task::spawn_blocking(move || {
            let mut agrees = !instances.is_empty();
            let recorded = Recorded { instances: &instances, license };
            check_series(&root, &at, &recorded, &mut |problem| {
                agrees &= problem.kind == ProblemKind::Unexpected;
            });
            agrees
        });
        if !agrees.await.map_err(Error::Task)? {
            let undone = self.root.bring_back(&path, &intent.series_instance_uid, &intent.stamp);
            undone.or_else(unless_missing).map_err(Error::Disk)?;
            return Ok(self.db.drop_intent(intent.series_id).await?);
        }
        self.root.sync_placed(&path).map_err(Error::Disk)?;
        self.root.set_aside(&intent.series_instance_uid, &intent.stamp).map_err(Error::Disk)?;
        self.leave(intent.moved_from, &intent.series_instance_uid, &intent.stamp).await?;
        self.db.complete(intent.series_id, self.now()).await?;
        info!(series.uid = %intent.series_instance_uid, "finished the interrupted commit of series {}", intent.series_instance_uid);
        Ok(())
    }

    /// A version that has arrived at a new place leaves the old one.
    pub(super) async fn leave(
        &self,
        moved_from: Option<String>,
        series: &SeriesInstanceUid,
        stamp: &str,
    ) -> Result<(), Error> {
        let Some(path) = moved_from.as_deref().and_then(SeriesPath::recorded) else { return Ok(()) };
        let (root, series, stamp) = (Arc::clone(&self.root), series.clone(), stamp.to_owned());
        let left = tokio::task::spawn_blocking(move || root.retire(&path, &series, &stamp));
        left.await.map_err(Error::Task)?.map_err(Error::Disk)
    }

    /// Staged files whose digests are recorded wait for their series; everything else goes.
    async fn clear_staging(&self) -> Result<(), Error> {
        let known = self.db.series_with_staged().await?;
        for name in self.root.staged().map_err(Error::Disk)? {
            let is_known = SeriesInstanceUid::parse(&name).is_ok() && known.contains(&name);
            if !is_known {
                self.root.discard_staged(&name).map_err(Error::Disk)?;
            }
        }
        Ok(())
    }
}

/// A directory above the series that was never made is as good as one without it.
fn unless_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
