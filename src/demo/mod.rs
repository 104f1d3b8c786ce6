//! The sample archive.
pub mod generate;
pub mod sample;
