//! The program killed at every file operation of a commit and at random; the power lost at every point of a commit.
//!
//! Without hooks in the program: strace kills it on the way into a chosen call, and writes down its calls for a model of
//! a disk that loses whatever was not synced.

mod everywhere;
mod new_root;
mod power;
mod random;
mod situation;
mod strace;
