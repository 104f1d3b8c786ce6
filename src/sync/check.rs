//! What lies on disk against the record: the engine of `verify`.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::JoinSet;

use super::Error;
use crate::db::{PlacedSeries, Reader};
use crate::dicom::{Instance, SeriesInstanceUid};
use crate::mirror::{Problem, ProblemKind, Recorded, Root, SeriesPath, check_series, find_strangers};
use crate::plan::Selection;

/// Series that are read from the record at once.
const PAGE: u32 = 200;

/// A file that disagrees with the record.
#[derive(Clone, Debug)]
pub struct Damage {
    /// The file and how it disagrees.
    pub problem: Problem,
    /// Its series, when it belongs to one.
    pub series: Option<(i64, SeriesInstanceUid)>,
}

/// What was found in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckTotals {
    /// Recorded instances that were looked at.
    pub instances: u64,
    /// Bytes of their files, as recorded.
    pub bytes: u64,
    /// Instances that agree.
    pub ok: u64,
    /// Files that are not there.
    pub missing: u64,
    /// Files with other bytes.
    pub corrupt: u64,
    /// Files that are not recorded.
    pub unexpected: u64,
    /// Files that the file system does not give.
    pub unreadable: u64,
}

impl CheckTotals {
    /// Files that disagree.
    pub fn damaged(&self) -> u64 {
        self.missing + self.corrupt + self.unexpected + self.unreadable
    }

    fn count(&mut self, kind: ProblemKind) {
        *match kind {
            ProblemKind::Missing => &mut self.missing,
            ProblemKind::Corrupt => &mut self.corrupt,
            ProblemKind::Unexpected => &mut self.unexpected,
            ProblemKind::Unreadable => &mut self.unreadable,
        } += 1;
    }
}

/// One series that was re-hashed.
struct Checked {
    placed: PlacedSeries,
    instances: u64,
    bytes: u64,
    ok: u64,
    problems: Vec<Problem>,
}

/// Re-hashes what the selections want, `at_once` series at a time; without any it is everything, and then files that
/// lead to no recorded series are looked for as well.
pub async fn check(
    root: &Arc<Root>,
    reader: &Reader,
    selections: &[Selection],
    at_once: usize,
    report: &mut dyn FnMut(Damage),
) -> Result<CheckTotals, Error> {
    let is_wanted = |placed: &PlacedSeries| {
        selections.is_empty() || selections.iter().any(|selection| selection.matches(&placed.series))
    };
    let mut totals = CheckTotals::default();
    let mut checks = JoinSet::new();
    let mut after = 0;
    loop {
        let page = reader.placed_series(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.series_id;
        for placed in page.into_iter().filter(|placed| is_wanted(placed)) {
            while checks.len() >= at_once.max(1) {
                take(&mut checks, &mut totals, report).await?;
            }
            let (root, instances) = (Arc::clone(root), reader.instances(placed.series_id)?);
            checks.spawn_blocking(move || check_one(&root, placed, &instances));
        }
    }
    while !checks.is_empty() {
        take(&mut checks, &mut totals, report).await?;
    }
    if selections.is_empty() {
        check_strangers(root, reader, &mut totals, report)?;
    }
    Ok(totals)
}

async fn take(
    checks: &mut JoinSet<Checked>,
    totals: &mut CheckTotals,
    report: &mut dyn FnMut(Damage),
) -> Result<(), Error> {
    let Some(checked) = checks.join_next().await else { return Ok(()) };
    let Checked { placed, instances, bytes, ok, problems } = checked.map_err(Error::Task)?;
    totals.instances += instances;
    totals.bytes += bytes;
    totals.ok += ok;
    for problem in problems {
        totals.count(problem.kind);
        report(Damage {
            problem,
            series: Some((placed.series_id, placed.series.series_instance_uid.clone())),
        });
    }
    Ok(())
}

fn check_one(root: &Root, placed: PlacedSeries, instances: &[Instance]) -> Checked {
    let mut problems = Vec::new();
    let recorded = Recorded { instances, license: placed.license_sha256 };
    let mut report = |problem| problems.push(problem);
    let ok = if let Some(path) = SeriesPath::recorded(&placed.path) {
        check_series(root, &path, &recorded, &mut report)
    } else {
        report(Problem { path: placed.path.clone(), kind: ProblemKind::Unreadable, sop_instance_uid: None });
        0
    };
    let bytes = instances.iter().map(|instance| instance.size_bytes).sum();
    Checked { placed, instances: instances.len() as u64, bytes, ok, problems }
}

fn check_strangers(
    root: &Root,
    reader: &Reader,
    totals: &mut CheckTotals,
    report: &mut dyn FnMut(Damage),
) -> Result<(), Error> {
    let mut failed = None;
    let mut is_known = |path: &str| {
        reader.leads_to_a_series(path).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            true
        })
    };
    let mut found = |problem: Problem| {
        totals.count(problem.kind);
        report(Damage { problem, series: None });
    };
    find_strangers(root, &mut is_known, &mut found).map_err(Error::Disk)?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}
