//! The remote: a typed client for the archive's service, in every generation that `dialect` describes.
//!
//! Owns requests, their pace, their retry before a body begins, and the reading of lists.
//! Knows no jobs, no files and no database. Retrying a series is the business of `sync`.

mod body;
mod client;
pub mod dialect;
mod error;
mod pace;
pub mod retry;
mod rows;
mod wire;

pub use body::{Body, BodyReader};
pub use client::{Client, HttpOptions, Image, Options, PUBLIC_SERVICE, Scope, SeriesSize, Traffic};
pub use dialect::{Dialect, Endpoint};
pub use error::Error;
pub use pace::Rate;
pub use retry::RetryOptions;
pub use rows::Rows;
pub use wire::{Rejected, WireError};
