//! What other tools have downloaded, taken over: found by its headers, matched to what the service lists, proven as a
//! download is, and placed.
//!
//! The folder is only read, unless its files are to be moved; then one goes when its series lies in the tree, on stable
//! storage and on record.

mod matching;
mod proving;
mod scan;
mod series;

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};

use self::matching::Matched;
use super::cycle::{Cycle, Report};
use super::{Error, Event};
use crate::db::Finds;
use crate::mirror::Intake;
use crate::nbia::Traffic;
use crate::plan::Selection;

/// What is to be taken over, and how.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// Where it lies.
    pub folder: PathBuf,
    /// Which of it; without any all that is found.
    pub selections: Vec<Selection>,
    /// How its bytes come into the mirror; [`Intake::Move`] removes what was taken.
    pub intake: Intake,
}

/// What was found and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the figures are what they are named after")]
pub struct AdoptTotals {
    /// Files that were looked at.
    pub files: u64,
    /// Files, and entries of ZIPs, that are no images.
    pub not_dicom: u64,
    /// Links and special files.
    pub skipped: u64,
    /// Files, and entries of ZIPs, that were not taken because something is wrong with them.
    pub doubtful_files: u64,
    pub adopted: u64,
    pub incomplete: u64,
    pub kept: u64,
    /// Series that the service does not list, or that are not what it lists.
    pub doubtful: u64,
    /// Instances of the series that were adopted.
    pub instances: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Files that say the same as another one, byte by byte.
    pub duplicates: u64,
    /// Instances that incomplete series lack, as far as is known.
    pub missing: u64,
    /// Files that were removed where they lay.
    pub removed: u64,
    pub requests: u64,
    /// What could not be listed, and why.
    pub unwalked: Vec<String>,
}

/// What became of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It lies in the tree.
    Adopted,
    /// What was right of it is staged, the rest is to be fetched.
    Incomplete,
    /// It is not what the service has, or the service does not have it.
    Doubtful,
    /// It lay in the tree before.
    Kept,
}

impl Fate {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::Incomplete => "incomplete",
            Self::Doubtful => "doubtful",
            Self::Kept => "kept",
        }
    }
}

/// A series and what became of it.
#[derive(Clone, Debug)]
pub struct AdoptedSeries {
    /// What became of it.
    pub fate: Fate,
    /// Which one.
    pub series_instance_uid: String,
    /// Instances that were taken, or would be.
    pub instances: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Instances that it lacks; `None` where nobody says how many it has.
    pub missing: Option<u64>,
    /// Why it was not adopted.
    pub reason: Option<String>,
}

impl Cycle {
    /// Takes a folder over.
    pub async fn adopt(self: &Arc<Self>, adoption: &Adoption) -> Result<AdoptTotals, Error> {
        let mut totals = AdoptTotals::default();
        let working = async |run_id| {
            let (finds, matched) = self.find_and_match(adoption, Some(run_id), &mut totals).await?;
            self.take_matched(adoption, &finds, &mut totals).await?;
            let left = self.db.left_of_run(run_id).await?;
            Ok(Report { unlisted: matched.unlisted, unwalked: matched.unwalked, left, ..Report::default() })
        };
        self.run("adopt", working).await?;
        totals.requests = self.traffic(Traffic::requests);
        Ok(totals)
    }

    /// Says what would be taken over: by headers and lengths, no file is read to its end.
    pub async fn plan_adoption(self: &Arc<Self>, adoption: &Adoption) -> Result<AdoptTotals, Error> {
        let mut totals = AdoptTotals::default();
        let (finds, _) = self.find_and_match(adoption, None, &mut totals).await?;
        self.foresee(&finds, &mut totals).await?;
        totals.requests = self.traffic(Traffic::requests);
        Ok(totals)
    }

    async fn find_and_match(
        self: &Arc<Self>,
        adoption: &Adoption,
        run_id: Option<i64>,
        totals: &mut AdoptTotals,
    ) -> Result<(Arc<Finds>, Matched), Error> {
        let finds = Arc::new(Finds::beside(&self.root.state_file())?);
        self.scan(&adoption.folder, &finds, totals).await?;
        let matched = self.match_found(&finds, adoption, run_id, totals).await?;
        Ok((finds, matched))
    }

    /// Works on every series that is to be taken, several at a time: here no service has to be spared.
    async fn take_matched(
        self: &Arc<Self>,
        adoption: &Adoption,
        finds: &Arc<Finds>,
        totals: &mut AdoptTotals,
    ) -> Result<(), Error> {
        let (series, bytes) = finds.sum()?;
        self.tell(Event::Enqueued { series, instances: 0, bytes, kept: totals.kept }).await;
        self.allowed.send_replace(self.options.parallel.most);
        let wanted = stream::try_unfold(0, |after| async move {
            if self.halt.is_cancelled() {
                return Ok(None);
            }
            Ok::<_, Error>(finds.wanted(after)?.map(|(row, series)| (series, row)))
        });
        let ended = wanted.map_ok(|series| self.adopt_series(adoption, finds, series));
        let mut ended = pin!(ended.try_buffer_unordered(self.options.parallel.most.max(1)));
        let mut outcome = Ok(());
        while let Some(ended) = ended.next().await {
            match ended {
                Ok(done) => totals.count(done),
                Err(error) => {
                    // what is under way ends; one that says why comes before one that was only stopped because of it
                    self.halt.cancel();
                    outcome =
                        if matches!(outcome, Ok(()) | Err(Error::Stopped)) { Err(error) } else { outcome };
                }
            }
        }
        self.allowed.send_replace(0);
        if outcome.is_ok() && self.halt.is_cancelled() { Err(Error::Stopped) } else { outcome }
    }
}

/// A series of which nothing is taken.
fn doubtful(series_instance_uid: String, reason: String) -> AdoptedSeries {
    AdoptedSeries {
        fate: Fate::Doubtful,
        series_instance_uid,
        instances: 0,
        bytes: 0,
        missing: None,
        reason: Some(reason),
    }
}

/// What one series adds to the totals.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    fate: Option<Fate>,
    instances: u64,
    bytes: u64,
    missing: u64,
    duplicates: u64,
    doubtful_files: u64,
    removed: u64,
}

impl AdoptTotals {
    fn count(&mut self, done: Done) {
        match done.fate {
            Some(Fate::Adopted) => {
                self.adopted += 1;
                self.instances += done.instances;
                self.bytes += done.bytes;
            }
            Some(Fate::Incomplete) => self.incomplete += 1,
            Some(Fate::Doubtful) => self.doubtful += 1,
            Some(Fate::Kept) => self.kept += 1,
            None => {}
        }
        self.missing += done.missing;
        self.duplicates += done.duplicates;
        self.doubtful_files += done.doubtful_files;
        self.removed += done.removed;
    }
}
