//! Which series an export takes, and what was named and is not there.

use std::collections::{BTreeSet, HashSet};

use anyhow::bail;

use super::super::exit::Exit;
use super::super::print;
use crate::dicom::{Series, SeriesInstanceUid};
use crate::plan::Selection;

/// The series that are wanted; a manifest of a hundred thousand is looked up, not searched through.
pub(super) struct Wanted {
    /// None stands for everything.
    narrowed: Option<Narrowed>,
    found: u64,
}

struct Narrowed {
    series: HashSet<SeriesInstanceUid>,
    /// What is selected beside single series.
    rest: Selection,
    /// What was named and has not come yet.
    missing: BTreeSet<(&'static str, String)>,
}

impl Wanted {
    pub(super) fn new(selection: Option<Selection>) -> Self {
        let narrowed = selection.map(|mut selection| Narrowed {
            missing: selection.named().into_iter().collect(),
            series: selection.series.drain(..).collect(),
            rest: selection,
        });
        Self { narrowed, found: 0 }
    }

    /// Whether a series is wanted; each is asked about once.
    pub(super) fn takes(&mut self, series: &Series) -> bool {
        let is_wanted = self.narrowed.as_mut().is_none_or(|narrowed| narrowed.takes(series));
        self.found += u64::from(is_wanted);
        is_wanted
    }

    /// Says what was named and is not there.
    pub(super) fn close(self) -> anyhow::Result<Exit> {
        let Some(narrowed) = self.narrowed else { return Ok(Exit::Done) };
        for (kind, name) in &narrowed.missing {
            print::talk(&format!("error: the mirror has no {kind} `{}`", print::plain(name)));
        }
        if self.found == 0 {
            bail!("nothing in the mirror matches the selection");
        }
        Ok(if narrowed.missing.is_empty() { Exit::Done } else { Exit::Failed })
    }
}

impl Narrowed {
    fn takes(&mut self, series: &Series) -> bool {
        let uid = &series.series_instance_uid;
        if !(self.series.is_empty() || self.series.contains(uid)) || !self.rest.covers(series) {
            return false;
        }
        // what is named is there, also where an attribute narrows it away
        self.missing.remove(&("series", uid.to_string()));
        for name in self.rest.names_of(series) {
            self.missing.remove(&name);
        }
        self.rest.matches(series)
    }
}
