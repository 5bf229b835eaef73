//! The command line of the platform: `climsim serve` composes every service in one process, the other commands run
//! one step on files. Composes, decides nothing: a step is the same function that the worker calls.
//!
//! Exit codes: 0 done, 1 the work failed (a file, its content, the disk), 2 the command line was wrong.

mod arguments;
mod commands;
mod files;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line and carries it out.
pub fn run() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match commands::run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::failure(&error);
            ExitCode::FAILURE
        }
    }
}
