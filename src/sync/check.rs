//! What lies on disk against the record: the engine of `verify`.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Error, is_wanted};
use crate::db::{self, PlacedSeries, Reader};
use crate::dicom::{Instance, SeriesInstanceUid};
use crate::mirror::{Problem, ProblemKind, Recorded, Root, SeriesPath, check_series, find_strangers};
use crate::plan::Selection;

/// Series that are read from the record at once.
const PAGE: u32 = 200;
/// Problems that may wait to be reported.
const PROBLEM_QUEUE: usize = 64;

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

/// A series as the record has it.
type Version = (PlacedSeries, Vec<Instance>);

/// One series that was re-hashed.
struct Checked {
    version: Version,
    ok: u64,
    problems: Vec<Problem>,
}

/// A check that is under way.
struct Check<'a> {
    root: &'a Arc<Root>,
    reader: &'a Reader,
    under_way: JoinSet<Checked>,
    totals: CheckTotals,
    report: &'a mut dyn FnMut(Damage),
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
    let (totals, under_way) = (CheckTotals::default(), JoinSet::new());
    let mut check = Check { root, reader, under_way, totals, report };
    let mut after = 0;
    loop {
        let page = reader.placed_series(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.series_id;
        for placed in page.into_iter().filter(|placed| is_wanted(selections, &placed.series)) {
            while check.under_way.len() >= at_once.max(1) {
                check.end_one().await?;
            }
            let instances = reader.instances(placed.series_id)?;
            check.begin((placed, instances));
        }
    }
    while !check.under_way.is_empty() {
        check.end_one().await?;
    }
    if selections.is_empty() {
        check.strangers().await?;
    }
    Ok(check.totals)
}

impl Check<'_> {
    fn begin(&mut self, version: Version) {
        let root = Arc::clone(self.root);
        self.under_way.spawn_blocking(move || check_one(&root, version));
    }

    /// Waits for one series. What looks like damage may be a version that took its place meanwhile, and then that one
    /// is looked at.
    async fn end_one(&mut self) -> Result<(), Error> {
        let Some(checked) = self.under_way.join_next().await else { return Ok(()) };
        let Checked { version, ok, problems } = checked.map_err(Error::Task)?;
        if !problems.is_empty() {
            let latest = self.reader.latest(version.0.series_id)?;
            if latest.as_ref() != Some(&version) {
                if let Some(version) = latest {
                    self.begin(version);
                }
                return Ok(());
            }
        }
        let (placed, instances) = version;
        self.totals.instances += instances.len() as u64;
        self.totals.bytes += instances.iter().map(|instance| instance.size_bytes).sum::<u64>();
        self.totals.ok += ok;
        let series = (placed.series_id, placed.series.series_instance_uid);
        for problem in problems {
            self.tell(problem, Some(series.clone()));
        }
        Ok(())
    }

    async fn strangers(&mut self) -> Result<(), Error> {
        let (found, mut problems) = mpsc::channel(PROBLEM_QUEUE);
        let root = Arc::clone(self.root);
        let search = tokio::task::spawn_blocking(move || search_strangers(&root, &found));
        while let Some(problem) = problems.recv().await {
            self.tell(problem, None);
        }
        Ok(search.await.map_err(Error::Task)??)
    }

    fn tell(&mut self, problem: Problem, series: Option<(i64, SeriesInstanceUid)>) {
        self.totals.count(problem.kind);
        (self.report)(Damage { problem, series });
    }
}

fn check_one(root: &Root, version: Version) -> Checked {
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
    Checked { version, ok, problems }
}

/// Sends what leads to no recorded series; the record is read through a connection of this thread's own.
fn search_strangers(root: &Root, found: &mpsc::Sender<Problem>) -> Result<(), db::Error> {
    let reader = Reader::open(&root.state_file())?;
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
