//! The worker of the numerics as a process of its own; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    worker::process::main("python_worker", python_worker::run)
}
