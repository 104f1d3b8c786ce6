//! The program: arguments, logs, run, exit code.

fn main() {}
