//! The whole program against a server that we can break.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod adopt;
mod book;
mod changes;
mod client;
mod commands;
mod configuration;
mod contents;
mod crash;
mod daemon;
mod dialects;
mod docs;
mod doctor;
mod evolution;
mod exports;
mod faults;
mod liars;
mod manifests;
mod mirror;
mod parallel;
mod proof;
mod query;
mod resume;
mod screens;
mod secrets;
mod selections;
mod services;
mod shards;
mod support;
mod sync;
mod trouble;
mod two_mirrors;
mod verify;
