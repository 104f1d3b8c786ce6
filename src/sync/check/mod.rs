//! What lies on disk against the record, and against what the services say: the engine of `verify`.

mod findings;
mod look;
mod pass;
mod sample;
mod statement;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use self::findings::{CheckTotals, Damage, Found};
pub use self::pass::{Aim, Pass, Run, next_sample};
pub use self::sample::{Sample, Share};
pub use self::statement::{Statement, Statements};

use self::look::{Checked, Version, look, search_strangers};
use self::sample::Draw;
use self::statement::Witness;
use super::{Error, is_wanted};
use crate::db::{PlacedSeries, Reader};
use crate::mirror::{Problem, Root};
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

    /// The service that listed a series; the first when that one is configured no more, none when it was withdrawn.
    fn witness(&self, series_id: i64) -> Result<Option<Arc<Witness>>, Error> {
        let Some(first) = self.witnesses.first() else { return Ok(None) };
        let Some(listed_by) = self.reader.listed_by(series_id)? else { return Ok(None) };
        let known = self.witnesses.iter().find(|witness| witness.base_url() == listed_by);
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
        let read = checked.read(now);
        self.pass.end(checked.version.0.series_id, checked.is_right(), read);
        let Checked { version: (placed, instances), ok, mut problems, testimony, .. } = checked;
        let totals = &mut self.found.totals;
        totals.instances += instances.len() as u64;
        totals.bytes += instances.iter().map(|instance| instance.size_bytes).sum::<u64>();
        totals.ok += ok;
        let mut reason = None;
        if let Some((witness, testimony)) = testimony {
            self.found.state(&placed.series.collection, &witness, testimony.as_ref(), &instances, now);
            if let Some((kind, text)) = testimony.and_then(|told| told.difference(&placed.series)) {
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
