//! What a verification finds.

use serde::Serialize;

use super::statement::{Statements, Testimony, Witness};
use crate::dicom::{CollectionName, Instance, SeriesInstanceUid};
use crate::mirror::{Problem, ProblemKind};

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

    pub(super) fn count(&mut self, kind: ProblemKind) {
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

impl Found {
    /// Counts a series in the statement about its collection; without testimony it is damaged here.
    pub(super) fn state(
        &mut self,
        collection: &CollectionName,
        witness: &Witness,
        testimony: Option<&Testimony>,
        instances: &[Instance],
        now: i64,
    ) {
        let key = (collection.clone(), witness.base_url().to_owned());
        let statement = self.statements.entry(key).or_default();
        statement.add(testimony, instances, now);
        statement.tells_md5s = witness.client.tells_md5s();
    }
}
