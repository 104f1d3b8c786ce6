//! The remote: a typed client for the archive's service, in every generation that `dialect` describes.
//!
//! Owns requests, their pace, their retry before a body begins, and the reading of lists.
//! Knows no jobs, no files and no database. Retrying a series is the business of `sync`.

mod body;
mod client;
pub mod dialect;
mod document;
mod endpoints;
mod error;
mod http;
mod latency;
mod options;
mod pace;
mod question;
mod reader;
pub mod retry;
mod rows;
mod scope;
mod secrets;
mod token;
mod traffic;
mod webhook;
mod wire;

pub use body::Body;
pub use client::Client;
pub use dialect::{Dialect, Endpoint};
pub use document::{Reach, fetch_document};
pub use endpoints::{CollectionDescription, Image, Md5Scope, SeriesMetadata, SeriesSize, ValueCount};
pub use error::{Error, chain};
pub use options::{HttpOptions, NLST_SERVICE, Options, PUBLIC_SERVICE};
pub use pace::Rate;
pub use question::{Question, QuestionError, nearest};
pub use reader::BodyReader;
pub use retry::RetryOptions;
pub use rows::Rows;
pub use scope::{Narrowing, Scope};
pub use token::Login;
pub use traffic::Traffic;
pub use webhook::post_json;
pub use wire::{Rejected, WireError};
