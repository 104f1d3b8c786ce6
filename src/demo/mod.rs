//! The sample archive: mirrors that are built in code, to be served without a network.
//!
//! [`build()`] makes the whole test server of the API's first guide, with generated images; a [`SampleMirror`] takes
//! any other catalogue. Both are written through `mirror` and `db` alone, so that what is served of them went the way
//! of a fetched series, and both leave the same files and the same record whenever they are built.
//! Runs no cycle, serves nothing and asks no clock.

mod build;
mod catalogue;
mod error;
mod generate;
mod sample;
mod sample_mirror;

pub use build::{SampleTotals, build};
pub use error::Error;
pub use generate::GenerateError;
pub use sample_mirror::SampleMirror;
