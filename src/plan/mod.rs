//! What is to be done: the walk Collection → Patient → Study → Series, and the decision over each series.
//!
//! Asks the service through `nbia` and hands on what it lists; stores nothing and fetches nothing.

mod decide;
mod manifest;
mod rule;
mod selection;
mod tally;
mod walk;

pub use decide::{Decision, LocalState, Reason, decide};
pub use manifest::{ManifestError, read_manifest};
pub use rule::{Attribute, Exclusion, is_like, is_pattern};
pub use selection::{AsksForSeries, Selection, describe};
pub use walk::{Listed, Outcome, walk};
