//! `climsim`: the platform in one process, and every step as a command on files.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Reading HDF5 re-runs this program as a child with nothing else to do.
    dataset::contained::run_if_child();
    climsim::run()
}
