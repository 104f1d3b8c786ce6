//! The whole program against a server that we can break.

mod commands;
mod faults;
mod mirror;
mod resume;
mod support;
mod sync;
