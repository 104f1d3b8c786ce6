//! How far a verification has come, so that one that was cut off goes on instead of beginning anew.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;

use super::Question;
use super::sample::{Sample, Share};
use crate::dicom::number_of;
use crate::mirror::Root;
use crate::plan::Selection;

/// How often the place is written down at most: so much work is done again after `kill -9`.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// What one run of a verification has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Seconds since 1970.
    pub began_at: i64,
    /// When the last of its series was read.
    pub ended_at: i64,
    /// Series.
    pub series: u64,
    /// Their recorded instances.
    pub instances: u64,
    /// Bytes of those, as recorded.
    pub bytes: u64,
}

/// What a verification has behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Behind {
    /// Every series of the record up to this row was looked at and is right,
    through: i64,
    /// except these.
    damaged: BTreeSet<i64>,
    /// Where its sample begins.
    from: Option<u64>,
    /// Whether everything was looked at; what is left is to repair it.
    is_complete: bool,
    runs: Vec<Run>,
}

/// What becomes of what a finished verification has found damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// It is told.
    Find,
    /// It is told and fetched again.
    Repair,
}

/// The place of a verification, kept as a note beside the record.
pub struct Pass<'a> {
    root: &'a Root,
    name: String,
    behind: Behind,
    /// Rows that are being read.
    under_way: BTreeSet<i64>,
    /// The last row that was come to.
    at: i64,
    written: Option<Instant>,
    is_changed: bool,
    /// Whether it can be written down, as far as is known.
    is_kept: bool,
}

impl<'a> Pass<'a> {
    /// Begins a verification, or goes on with one of the same question that was cut off.
    ///
    /// One that came to its end and has found damage is gone on with by [`Aim::Repair`] only: whoever asks to find
    /// damage again wants every byte read again.
    pub fn open(root: &'a Root, question: &Question<'_>, aim: Aim) -> Self {
        let name = format!("verify-{}", question.name());
        let behind = read(root, &name).filter(|behind| !behind.is_complete || aim == Aim::Repair);
        Self::at(root, name, behind.unwrap_or_default(), question)
    }

    /// Begins a verification, whatever was cut off.
    pub fn anew(root: &'a Root, question: &Question<'_>) -> Self {
        Self::at(root, format!("verify-{}", question.name()), Behind::default(), question)
    }

    fn at(root: &'a Root, name: String, mut behind: Behind, question: &Question<'_>) -> Self {
        behind.is_complete = false;
        behind.from = behind.from.or(question.sample.map(|sample| sample.from));
        let now = (question.clock)().as_second();
        behind.runs.push(Run { began_at: now, ended_at: now, ..Run::default() });
        Self {
            root,
            name,
            behind,
            under_way: BTreeSet::new(),
            at: 0,
            written: None,
            is_changed: false,
            is_kept: true,
        }
    }

    /// Every run of it so far, this one last.
    pub fn runs(&self) -> &[Run] {
        &self.behind.runs
    }

    /// When it began, seconds since 1970.
    pub(super) fn began_at(&self) -> i64 {
        self.behind.runs.first().map_or(0, |run| run.began_at)
    }

    /// The sample of a question, beginning where that of the first run began.
    pub fn sample(&self, asked: Option<Sample>) -> Option<Sample> {
        asked.map(|sample| Sample { from: self.behind.from.unwrap_or(sample.from), ..sample })
    }

    /// Whether an earlier run has found a series right, as it was placed then.
    pub(super) fn has_behind(&self, series_id: i64) -> bool {
        series_id <= self.behind.through && !self.behind.damaged.contains(&series_id)
    }

    pub(super) fn begin(&mut self, series_id: i64) {
        self.under_way.insert(series_id);
        self.at = self.at.max(series_id);
    }

    /// Nothing is to be done for this row.
    pub(super) fn pass_by(&mut self, series_id: i64) {
        self.at = self.at.max(series_id);
    }

    /// A series was looked at.
    pub(super) fn end(&mut self, series_id: i64, is_right: bool, read: Run) {
        self.under_way.remove(&series_id);
        if is_right {
            self.behind.damaged.remove(&series_id);
        } else {
            self.behind.damaged.insert(series_id);
        }
        if let Some(run) = self.behind.runs.last_mut() {
            run.series += read.series;
            run.instances += read.instances;
            run.bytes += read.bytes;
            run.ended_at = read.ended_at;
        }
        let reached = self.under_way.first().map_or(self.at, |first| first - 1);
        self.behind.through = self.behind.through.max(reached);
        self.is_changed = true;
        if self.written.is_none_or(|written| written.elapsed() >= PAUSE) {
            self.keep();
        }
    }

    /// Everything was looked at: what was damaged stays known until it is repaired.
    pub(super) fn complete(&mut self) {
        self.behind.through = self.behind.through.max(self.at);
        self.behind.is_complete = true;
        self.write();
    }

    /// The command has done what it was to do: the next one begins anew, unless it is to repair what this one has found.
    pub fn close(self, aim: Aim) {
        if aim == Aim::Repair || self.behind.damaged.is_empty() {
            // one that stays is taken up again: that costs time and no truth
            drop(self.root.drop_note(&self.name));
        }
    }

    /// Writes the place down, unless it is.
    pub(super) fn keep(&mut self) {
        if std::mem::take(&mut self.is_changed) {
            self.write();
            self.written = Some(Instant::now());
        }
    }

    fn write(&mut self) {
        let text = serde_json::to_vec(&self.behind).unwrap_or_default();
        if let Err(error) = self.root.keep_note(&self.name, &text)
            && std::mem::take(&mut self.is_kept)
        {
            warn!(
                "the place of this verification cannot be kept ({error}): if it is cut off, the next one begins anew"
            );
        }
    }
}

fn read(root: &Root, name: &str) -> Option<Behind> {
    let text = root.note(name).ok().flatten()?;
    serde_json::from_slice(&text).ok()
}

/// The next sample of what selections want: behind the last one that came to its end, else at a place that was `drawn`.
pub fn next_sample(root: &Root, selections: &[Selection], share: Share, drawn: u64) -> Sample {
    let noted = root.note(&sample_name(selections)).ok().flatten();
    let noted: Option<u64> = noted.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
    // a place that cannot be moved on would show the same series each time
    let moves_on = |from: &u64| root.keep_note(&sample_name(selections), from.to_string().as_bytes()).is_ok();
    Sample { from: noted.filter(moves_on).unwrap_or(drawn), share }
}

/// Notes where the next sample begins. Where that cannot be written, each begins where it is drawn.
pub(super) fn keep_next_sample(root: &Root, selections: &[Selection], next: u64) {
    drop(root.keep_note(&sample_name(selections), next.to_string().as_bytes()));
}

fn sample_name(selections: &[Selection]) -> String {
    format!("sample-{}", name_of(&format!("{selections:?}")))
}

/// A short name for a text.
pub(super) fn name_of(text: &str) -> String {
    format!("{:016x}", number_of(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    fn root() -> (TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::lock(directory.path()).unwrap();
        (directory, root)
    }

    const QUESTION: Question<'static> = Question {
        selections: &[],
        sample: None,
        at_once: 1,
        services: Vec::new(),
        clock: jiff::Timestamp::default,
    };

    /// The rows that a pass has behind it.
    fn behind(pass: &Pass<'_>, rows: i64) -> Vec<i64> {
        (1..=rows).filter(|row| pass.has_behind(*row)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn in_whatever_order_series_end_none_is_behind_that_was_not_found_right(
            // for each row: whether it is wanted, whether it is right, and how many later ones begin before it ends
            rows in prop::collection::vec((any::<bool>(), any::<bool>(), 0..4_usize), 1..30),
            cut in 0..30_usize,
        ) {
            let (_directory, root) = root();
            let mut pass = Pass::anew(&root, &QUESTION);
            let mut under_way: Vec<(usize, i64, bool)> = Vec::new();
            let mut right = Vec::new();
            for (row, (is_wanted, is_right, delay)) in (1..).zip(rows.iter().take(cut)) {
                if *is_wanted {
                    pass.begin(row);
                    under_way.push((*delay, row, *is_right));
                } else {
                    pass.pass_by(row);
                }
                for (delay, row, is_right) in under_way.extract_if(.., |(delay, ..)| *delay == 0) {
                    pass.end(row, is_right, Run::default());
                    right.extend(Some(row).filter(|_| is_right && delay == 0));
                }
                for (delay, ..) in &mut under_way {
                    *delay -= 1;
                }
            }
            pass.keep();
            drop(pass);

            let resumed = Pass::open(&root, &QUESTION, Aim::Find);

            let unwanted = |row: &i64| rows.get(usize::try_from(*row - 1).unwrap()).is_none_or(|(is_wanted, ..)| !is_wanted);
            let found: Vec<_> = behind(&resumed, 30).into_iter().filter(|row| !unwanted(row)).collect();
            prop_assert!(found.iter().all(|row| right.contains(row)), "{found:?} of {right:?}");
        }
    }

    #[test]
    fn what_is_complete_is_taken_up_by_a_repair_alone() {
        let (_directory, root) = root();
        let mut pass = Pass::anew(&root, &QUESTION);
        for (row, is_right) in [(1, true), (2, false), (3, true)] {
            pass.begin(row);
            pass.end(row, is_right, Run::default());
        }
        pass.complete();
        pass.close(Aim::Find);

        assert_eq!(behind(&Pass::open(&root, &QUESTION, Aim::Repair), 9), [1, 3]);
        assert_eq!(behind(&Pass::open(&root, &QUESTION, Aim::Find), 9), Vec::<i64>::new());
        Pass::open(&root, &QUESTION, Aim::Repair).close(Aim::Repair);
        assert_eq!(behind(&Pass::open(&root, &QUESTION, Aim::Repair), 9), Vec::<i64>::new());
    }

    #[test]
    fn a_note_that_makes_no_sense_is_none() {
        let (_directory, root) = root();
        for text in ["", "{}", "{\"through\":true}", "null", "\u{0}"] {
            root.keep_note(&format!("verify-{}", QUESTION.name()), text.as_bytes()).unwrap();

            assert_eq!(behind(&Pass::open(&root, &QUESTION, Aim::Find), 9), Vec::<i64>::new(), "{text:?}");
        }
    }
}
