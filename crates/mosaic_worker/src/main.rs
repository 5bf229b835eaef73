//! The worker of the coupling weights as a process of its own; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    worker::process::main("mosaic_worker", mosaic_worker::run)
}
