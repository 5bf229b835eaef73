//! What a person at a terminal sees: a progress line while a step runs, findings after it, one clear error.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use boundary::{Finding, Progress, Severity};
use indicatif::{ProgressBar, ProgressStyle};

/// A progress line on a terminal; silent elsewhere, so that logs stay readable.
pub(crate) struct Line {
    bar: ProgressBar,
}

impl Line {
    pub(crate) fn new(step: &'static str) -> Self {
        let bar = if stderr().is_terminal() { ProgressBar::new(1000) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {percent:>3} % {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(step);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Line {
    fn report(&self, stage: &str, fraction: f64) {
        self.bar.set_position((fraction.clamp(0.0, 1.0) * 1000.0) as u64);
        self.bar.set_message(stage.to_owned());
    }
}

/// Prints what a step noticed.
pub(crate) fn findings(step: &str, findings: &[Finding]) {
    for finding in findings {
        let word = match finding.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
        };
        eprintln!("{step}: {word}: {} [{}]", finding.message, finding.code);
    }
}

/// Prints an error once, with its causes.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("climsim: {error:#}");
}
