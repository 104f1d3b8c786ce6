//! What lies on disk against the record, and against what the services say: the engine of `verify`.

mod pass;
mod sample;
mod statement;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use self::pass::{Aim, Pass, Run, next_sample};
pub use self::sample::{Sample, Share};
pub use self::statement::{Statement, Statements};

use self::sample::Draw;
use self::statement::{Testimony, Witness};
use super::{Error, is_wanted};
use crate::db::{self, PlacedSeries, Reader};
use crate::dicom::{Instance, SeriesInstanceUid};
use crate::mirror::{Problem, ProblemKind, Recorded, Root, SeriesPath, check_series, find_strangers};
use crate::nbia::Client;
use crate::plan::Selection;

/// Series that are read from the record at once.
const PAGE: u32 = 200;
/// Problems that may wait to be reported.
const PROBLEM_QUEUE: usize = 64;

/// What is to be verified, and how.
#[derive(Clone)]
pub struct Question<'a> {
    /// Which series; without any it is every one, and then files that lead to no recorded series are looked for too.
    pub selections: &'a [Selection],
    /// How many of them; `None` for all.
    pub sample: Option<Sample>,
    /// Series that are read at a time.
    pub at_once: usize,
    /// Services that are asked about each series that is right; without any, the record alone counts.
    pub services: Vec<Arc<Client>>,
    /// The time of day.
    pub clock: fn() -> Timestamp,
}

impl Question<'_> {
    /// The same for the same series: what one run has read, the next need not, whatever else they do.
    fn name(&self) -> String {
        let share = self.sample.map(|sample| sample.share);
        pass::name_of(&format!("{:?} {share:?}", self.selections))
    }
}

/// A file that disagrees with the record, or a series that disagrees with its service.
#[derive(Clone, Debug)]
pub struct Damage {
    /// The file and how it disagrees.
    pub problem: Problem,
    /// Its series, when it belongs to one.
    pub series: Option<(i64, SeriesInstanceUid)>,
    /// What the service says, where that is the problem.
    pub reason: Option<String>,
}

/// What was found in all, earlier runs of the same verification included.
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
    /// Series that are not what their service has.
    pub differing: u64,
}

impl CheckTotals {
    /// Files and series that disagree.
    pub fn damaged(&self) -> u64 {
        self.missing + self.corrupt + self.unexpected + self.unreadable + self.differing
    }

    fn count(&mut self, kind: ProblemKind) {
        *match kind {
            ProblemKind::Missing => &mut self.missing,
            ProblemKind::Corrupt => &mut self.corrupt,
            ProblemKind::Unexpected => &mut self.unexpected,
            ProblemKind::Unreadable => &mut self.unreadable,
            ProblemKind::Differs | ProblemKind::Withdrawn => &mut self.differing,
        } += 1;
    }
}

/// What a verification has found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Figures.
    pub totals: CheckTotals,
    /// What the services say.
    pub statements: Statements,
}

/// A series as the record has it.
type Version = (PlacedSeries, Vec<Instance>);

/// One series that was looked at.
struct Checked {
    version: Version,
    ok: u64,
    problems: Vec<Problem>,
    /// The service that was to be asked, and what it said; nothing is asked about what is damaged.
    testimony: Option<(Arc<Witness>, Option<Testimony>)>,
    /// Whether an earlier run has read it.
    is_behind: bool,
}

/// A check that is under way.
struct Check<'a, 'b> {
    root: &'a Arc<Root>,
    reader: &'a Reader,
    question: &'a Question<'a>,
    witnesses: Vec<Arc<Witness>>,
    pass: &'a mut Pass<'b>,
    under_way: JoinSet<Result<Checked, Error>>,
    found: Found,
    report: &'a mut dyn FnMut(Damage),
}

/// Re-hashes what a question names, several series at a time, and asks the services about it where it names some.
///
/// What the pass has behind it is not read again, unless it was placed since.
pub async fn check(
    root: &Arc<Root>,
    reader: &Reader,
    question: &Question<'_>,
    pass: &mut Pass<'_>,
    report: &mut dyn FnMut(Damage),
) -> Result<Found, Error> {
    let witnesses = question.services.iter().cloned().map(Witness::new).collect();
    let (under_way, found) = (JoinSet::new(), Found::default());
    let mut check = Check { root, reader, question, witnesses, pass, under_way, found, report };
    let outcome = check.run().await;
    match &outcome {
        Ok(()) => check.pass.complete(),
        Err(_) => check.pass.keep(),
    }
    outcome.map(|()| check.found)
}

impl Check<'_, '_> {
    async fn run(&mut self) -> Result<(), Error> {
        let mut draw = Draw::new(self.pass.sample(self.question.sample));
        self.look_at_all(&mut draw).await?;
        if let Some(series_id) = draw.instead() {
            for placed in self.reader.placed_series(series_id - 1, 1)? {
                self.look_at(placed).await?;
            }
        }
        while !self.under_way.is_empty() {
            self.end_one().await?;
        }
        match draw.next() {
            Some(next) => pass::keep_next_sample(self.root, self.question.selections, next),
            None if self.question.selections.is_empty() => self.strangers().await?,
            None => {}
        }
        Ok(())
    }

    async fn look_at_all(&mut self, draw: &mut Draw) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let page = self.reader.placed_series(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.series_id;
            for placed in page {
                let is_wanted = is_wanted(self.question.selections, &placed.series);
                if is_wanted && draw.takes(placed.series_id, &placed.series.series_instance_uid) {
                    self.look_at(placed).await?;
                } else {
                    self.pass.pass_by(placed.series_id);
                }
            }
        }
    }

    /// Begins with a series once there is room for it.
    async fn look_at(&mut self, placed: PlacedSeries) -> Result<(), Error> {
        while self.under_way.len() >= self.question.at_once.max(1) {
            self.end_one().await?;
        }
        let series_id = placed.series_id;
        let is_old = self.reader.placed_at(series_id)? < Some(self.pass.began_at());
        let is_behind = is_old && self.pass.has_behind(series_id);
        let instances = self.reader.instances(series_id)?;
        self.pass.begin(series_id);
        self.begin((placed, instances), is_behind)
    }

    fn begin(&mut self, version: Version, is_behind: bool) -> Result<(), Error> {
        let witness = self.witness(version.0.series_id)?;
        let root = Arc::clone(self.root);
        self.under_way.spawn(look(root, version, is_behind, witness));
        Ok(())
    }

    /// The service that listed a series; the first when that one is configured no more.
    fn witness(&self, series_id: i64) -> Result<Option<Arc<Witness>>, Error> {
        let Some(first) = self.witnesses.first() else { return Ok(None) };
        let listed_by = self.reader.listed_by(series_id)?;
        let known = self.witnesses.iter().find(|witness| Some(witness.base_url()) == listed_by.as_deref());
        Ok(Some(Arc::clone(known.unwrap_or(first))))
    }

    /// Waits a little for one series. What looks like damage may be a version that took its place meanwhile, and then that one
    /// is looked at.
    async fn end_one(&mut self) -> Result<(), Error> {
        let Ok(ended) = timeout(pass::PAUSE, self.under_way.join_next()).await else {
            self.pass.keep();
            return Ok(());
        };
        let Some(checked) = ended else { return Ok(()) };
        let checked = checked.map_err(Error::Task)??;
        if checked.is_right() {
            self.count(checked);
            return Ok(());
        }
        let series_id = checked.version.0.series_id;
        match self.reader.latest(series_id)? {
            Some(version) if version == checked.version => self.count(checked),
            Some(version) => self.begin(version, false)?,
            None => self.pass.end(series_id, true, Run::default()),
        }
        Ok(())
    }

    fn count(&mut self, checked: Checked) {
        let now = (self.question.clock)().as_second();
        let is_right = checked.is_right();
        let Checked { version: (placed, instances), ok, mut problems, testimony, is_behind } = checked;
        let bytes = instances.iter().map(|instance| instance.size_bytes).sum::<u64>();
        let count = instances.len() as u64;
        let totals = &mut self.found.totals;
        (totals.instances, totals.bytes, totals.ok) =
            (totals.instances + count, totals.bytes + bytes, totals.ok + ok);
        let read = if is_behind {
            Run { ended_at: now, ..Run::default() }
        } else {
            Run { series: 1, instances: count, bytes, ended_at: now, ..Run::default() }
        };
        self.pass.end(placed.series_id, is_right, read);
        let mut reason = None;
        if let Some((witness, testimony)) = testimony {
            let key = (placed.series.collection.clone(), witness.base_url().to_owned());
            let statement = self.found.statements.entry(key).or_default();
            statement.add(testimony.as_ref(), &instances, now);
            statement.tells_md5s = witness.client.tells_md5s();
            let difference = testimony.and_then(|testimony| testimony.difference(&placed.series));
            if let Some((kind, text)) = difference {
                problems.push(Problem { path: placed.path, kind, sop_instance_uid: None });
                reason = Some(text);
            }
        }
        let series = (placed.series_id, placed.series.series_instance_uid);
        for problem in problems {
            self.tell(Damage { problem, series: Some(series.clone()), reason: reason.clone() });
        }
    }

    async fn strangers(&mut self) -> Result<(), Error> {
        let (found, mut problems) = mpsc::channel(PROBLEM_QUEUE);
        let root = Arc::clone(self.root);
        let search = tokio::task::spawn_blocking(move || search_strangers(&root, &found));
        while let Some(problem) = problems.recv().await {
            self.tell(Damage { problem, series: None, reason: None });
        }
        Ok(search.await.map_err(Error::Task)??)
    }

    fn tell(&mut self, damage: Damage) {
        self.found.totals.count(damage.problem.kind);
        (self.report)(damage);
    }
}

impl Checked {
    fn is_right(&self) -> bool {
        let testimony = self.testimony.as_ref().and_then(|(_, testimony)| testimony.as_ref());
        self.problems.is_empty() && !testimony.is_some_and(Testimony::is_difference)
    }
}

/// Reads one series, unless an earlier run has, and asks about it.
async fn look(
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
