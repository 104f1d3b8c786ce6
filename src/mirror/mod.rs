//! The tree on our disk: root and lock, layout, staging, proof, the durable commit, re-hashing.
//!
//! Only this module writes below the root, except `db` its own file; only [`Verified`] can be placed.
//! Knows no network and no record: what should be there is told to it.

mod commit;
mod directory;
#[cfg(test)]
mod fixture;
mod ground;
mod grouped;
mod intake;
mod lanes;
pub mod layout;
mod links;
mod medium;
mod notes;
mod rehash;
mod replaced;
mod root;
mod salvage;
mod series_files;
mod split;
mod staging;
#[cfg(test)]
mod tests;
mod verify;

pub use commit::{CommitError, Placed};
pub use ground::{Ground, GroundError};
pub use grouped::Grouped;
pub use intake::{FileState, Intake, IntakeError};
pub use lanes::{LANES, md5_of_each};
pub use layout::SeriesPath;
pub use links::{LinkCounts, LinkTree, LinksOfPatient};
pub use medium::what_follows;
pub use rehash::{Problem, ProblemKind, Recorded, check_series, find_strangers};
pub use replaced::ReplacedVersion;
pub use root::{DaemonLock, Root, RootError, STATE_DIRECTORY, Space};
pub use series_files::SeriesFiles;
pub use staging::{Incoming, LICENSE, Staging, StagingError, file_name};
pub use verify::{Expected, Md5List, Proof, Staged, Verified, VerifyError, compare};
