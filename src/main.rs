//! The program: arguments, logs, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tcia_mirror::cli::main()
}
