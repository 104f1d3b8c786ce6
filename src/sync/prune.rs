//! `prune`: what is no longer of use is removed, when somebody asks for it.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::Error;
use super::cycle::Cycle;
use crate::db::Reader;
use crate::mirror::{Root, SeriesPath};

/// Something that may be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obsolete {
    /// Why it may be.
    pub kind: ObsoleteKind,
    /// Of which series.
    pub series_instance_uid: String,
    /// Where it lies, relative to the root.
    pub path: String,
    /// Files of it.
    pub files: u64,
    /// Bytes of them.
    pub size_bytes: u64,
    /// How long it has been so.
    pub age: Duration,
}

/// Why something may be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObsoleteKind {
    /// Another version has taken its place; by its name in `replaced/`.
    Replaced(String),
    /// The service does not list it any more; by its row.
    Withdrawn(i64),
}

impl ObsoleteKind {
    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Replaced(_) => "replaced",
            Self::Withdrawn(_) => "withdrawn",
        }
    }
}

/// What has been obsolete for some time at the least, at a time in UTC seconds; changes nothing.
pub fn obsolete(root: &Root, reader: &Reader, now: i64, at_least: Duration) -> Result<Vec<Obsolete>, Error> {
    let until = now.saturating_sub(i64::try_from(at_least.as_secs()).unwrap_or(i64::MAX));
    let age = |since: i64| Duration::from_secs((now - since).max(0).unsigned_abs());
    let replaced = root.replaced_versions().map_err(Error::Disk)?;
    let replaced = replaced.into_iter().filter(|version| version.left_at <= until).map(|version| Obsolete {
        series_instance_uid: version.series_instance_uid.to_string(),
        path: root.path_of_replaced(&version.name),
        files: version.files,
        size_bytes: version.size_bytes,
        age: age(version.left_at),
        kind: ObsoleteKind::Replaced(version.name),
    });
    let withdrawn = reader.withdrawn_until(until)?.into_iter().map(|withdrawn| Obsolete {
        kind: ObsoleteKind::Withdrawn(withdrawn.series_id),
        series_instance_uid: withdrawn.series.series_instance_uid.to_string(),
        path: withdrawn.path,
        files: withdrawn.instances,
        size_bytes: withdrawn.size_bytes,
        age: age(withdrawn.withdrawn_at),
    });
    Ok(replaced.chain(withdrawn).collect())
}

impl Cycle {
    /// Removes one of what [`obsolete`] found; whether it was still so.
    pub async fn prune(&self, obsolete: &Obsolete) -> Result<bool, Error> {
        if self.drain.is_cancelled() {
            return Err(Error::Stopped);
        }
        match &obsolete.kind {
            ObsoleteKind::Replaced(name) => {
                let (root, name) = (Arc::clone(&self.root), name.clone());
                let removed = tokio::task::spawn_blocking(move || root.remove_replaced(&name));
                removed.await.map_err(Error::Task)?.map_err(Error::Disk)?;
                Ok(true)
            }
            ObsoleteKind::Withdrawn(series_id) => match self.db.begin_removal(*series_id).await? {
                Some(path) => self.remove(path).await.map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// Ends removals that had begun when a process ended.
    pub(super) async fn replay_removals(&self) -> Result<(), Error> {
        for path in self.db.removals().await? {
            info!("removing {path}, as was begun before");
            self.remove(path).await?;
        }
        Ok(())
    }

    async fn remove(&self, path: String) -> Result<(), Error> {
        if let Some(place) = SeriesPath::recorded(&path) {
            let root = Arc::clone(&self.root);
            let removed = tokio::task::spawn_blocking(move || root.remove_series(&place));
            removed.await.map_err(Error::Task)?.map_err(Error::Disk)?;
        }
        Ok(self.db.end_removal(&path).await?)
    }
}
