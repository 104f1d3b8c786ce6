//! One series: read to its last byte, and asked about.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::super::Error;
use super::pass::Run;
use super::statement::{Testimony, Witness};
use crate::db::{self, PlacedSeries, Reader};
use crate::dicom::Instance;
use crate::mirror::{Problem, ProblemKind, Recorded, Root, SeriesPath, check_series, find_strangers};

/// A series as the record has it.
pub(super) type Version = (PlacedSeries, Vec<Instance>);

/// One series that was looked at.
pub(super) struct Checked {
    pub(super) version: Version,
    pub(super) ok: u64,
    pub(super) problems: Vec<Problem>,
    /// The service that was to be asked, and what it said; nothing is asked about what is damaged.
    pub(super) testimony: Option<(Arc<Witness>, Option<Testimony>)>,
    /// Whether an earlier run has read it.
    pub(super) is_behind: bool,
}

impl Checked {
    /// What this run has read of it.
    pub(super) fn read(&self, now: i64) -> Run {
        if self.is_behind {
            return Run { ended_at: now, ..Run::default() };
        }
        let instances = &self.version.1;
        let bytes = instances.iter().map(|instance| instance.size_bytes).sum();
        Run { series: 1, instances: instances.len() as u64, bytes, ended_at: now, ..Run::default() }
    }

    pub(super) fn is_right(&self) -> bool {
        let testimony = self.testimony.as_ref().and_then(|(_, testimony)| testimony.as_ref());
        self.problems.is_empty() && !testimony.is_some_and(Testimony::is_difference)
    }
}

/// Reads one series, unless an earlier run has, and asks about it.
pub(super) async fn look(
    root: Arc<Root>,
    version: Version,
    is_behind: bool,
    witness: Option<Arc<Witness>>,
) -> Result<Checked, Error> {
    let (version, ok, problems) = if is_behind {
        let ok = version.1.len() as u64;
        (version, ok, Vec::new())
    } else {
        tokio::task::spawn_blocking(move || read(&root, version)).await.map_err(Error::Task)?
    };
    let testimony = match witness {
        None => None,
        Some(witness) if problems.is_empty() => {
            let told = witness.ask(&version.0.series, &version.1).await?;
            Some((witness, Some(told)))
        }
        Some(witness) => Some((witness, None)),
    };
    Ok(Checked { version, ok, problems, testimony, is_behind })
}

fn read(root: &Root, version: Version) -> (Version, u64, Vec<Problem>) {
    let (placed, instances) = &version;
    let mut problems = Vec::new();
    let recorded = Recorded { instances, license: placed.license_sha256 };
    let mut report = |problem| problems.push(problem);
    let ok = if let Some(path) = SeriesPath::recorded(&placed.path) {
        check_series(root, &path, &recorded, &mut report)
    } else {
        report(Problem { path: placed.path.clone(), kind: ProblemKind::Unreadable, sop_instance_uid: None });
        0
    };
    (version, ok, problems)
}

/// Sends what leads to no recorded series; the record is read through a connection of this thread's own.
pub(super) fn search_strangers(root: &Root, found: &mpsc::Sender<Problem>) -> Result<(), db::Error> {
    // what another shard has placed is no stranger
    let reader = Reader::open_all(&root.all_records())?;
    let mut failed = None;
    let mut is_known = |path: &str| {
        reader.leads_to_a_series(path).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            true
        })
    };
    // nobody listens only when the whole check was given up
    find_strangers(root, &mut is_known, &mut |problem| drop(found.blocking_send(problem)));
    failed.map_or(Ok(()), Err)
}
