//! `stackctl`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stackctl::main()
}
