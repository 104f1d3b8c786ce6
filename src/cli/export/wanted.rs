//! Which series an export takes, and what was named and is not there.

use std::collections::BTreeSet;

use anyhow::bail;

use super::super::exit::Exit;
use super::super::print;
use crate::dicom::Series;
use crate::plan::Selection;

/// The series that are wanted.
pub(super) struct Wanted {
    /// None stands for everything.
    narrowed: Option<Narrowed>,
    found: u64,
}

struct Narrowed {
    selection: Selection,
    /// What was named and has not come yet.
    missing: BTreeSet<(&'static str, String)>,
}

impl Wanted {
    pub(super) fn new(selection: Option<Selection>) -> Self {
        let narrowed = selection
            .map(|selection| Narrowed { missing: selection.named().into_iter().collect(), selection });
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
        if !self.selection.covers(series) {
            return false;
        }
        // what is named is there, also where an attribute narrows it away
        for name in self.selection.names_of(series) {
            self.missing.remove(&name);
        }
        self.selection.matches(series)
    }
}
