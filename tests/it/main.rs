//! The whole program against a server that we can break.

mod commands;
mod docs;
mod faults;
mod mirror;
mod resume;
mod screens;
mod support;
mod sync;
