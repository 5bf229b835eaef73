//! Log lines: for people on a terminal, one JSON object a line elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::Config;
use crate::config::LogFormat;

/// Starts logging for the process, to standard error. A second call changes nothing.
pub fn log(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|error| {
        eprintln!("what to log ('{}') is not understood ({error}): logging at info", config.log);
        EnvFilter::new("info")
    });
    let terminal = std::io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if terminal { LogFormat::Human } else { LogFormat::Json });
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    // Somebody else (a test, the process around an embedded service) may have begun: theirs counts.
    let _ = match format {
        LogFormat::Human => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
