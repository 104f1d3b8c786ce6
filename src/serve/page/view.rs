//! What the page is made of, read at one instant.

use crate::db::{Overview, Reader, RunReport};
use crate::mirror::Space;

use super::super::health::lack_of_space;
use super::super::served::{Fault, ServedMirror};

/// Runs in the plot of throughput: two months of nights.
const RUNS: u32 = 60;
/// Rows that are shown of what may be thousands.
const ROWS: u32 = 200;

/// The mirror at an instant.
pub(super) struct View {
    pub(super) overview: Overview,
    pub(super) space: Option<Space>,
    /// Too little space, or what the daemon says.
    pub(super) complaints: Vec<String>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl View {
    pub(super) fn read(mirror: &ServedMirror, reader: &Reader) -> Result<Self, Fault> {
        let now = mirror.now();
        let overview = reader.overview(now, RUNS, ROWS)?;
        let complaints = mirror.trouble().into_iter().chain(lack_of_space(mirror)).collect();
        Ok(Self { overview, space: mirror.root().space().ok(), complaints, now })
    }

    /// The run that has not ended.
    pub(super) fn under_way(&self) -> Option<&RunReport> {
        self.overview.history.first().filter(|run| run.outcome.is_none())
    }

    /// Whether its process has told of itself of late.
    pub(super) fn is_alive(&self) -> bool {
        self.overview.status.rate_bytes_s.is_some()
    }

    /// The last run that has ended.
    pub(super) fn last_ended(&self) -> Option<&RunReport> {
        self.overview.history.iter().find(|run| run.outcome.is_some())
    }
}
