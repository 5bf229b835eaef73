//! The binary, with an environment of its own.

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use end_to_end::binary;
use serde_json::Value;

/// `stackctl` with what is always said to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tool {
    pub(crate) environment: Vec<(String, String)>,
    /// What may appear in no output.
    pub(crate) secrets: Vec<String>,
}

impl Tool {
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// A variable whose value may never be seen again.
    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push(value.to_owned());
        self.with(name, value)
    }

    /// Runs a command line, off the runtime's threads, which serve the peers.
    pub(crate) async fn run(&self, line: &str) -> Result<ToolOutput> {
        let mut command = Command::new(binary("stackctl"));
        command.args(line.split_whitespace()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        self.said(line, &output)
    }

    pub(crate) fn said(&self, line: &str, output: &Output) -> Result<ToolOutput> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let status = output.status.code().with_context(|| format!("{line}: killed"))?;
        let said = ToolOutput {
            line: line.to_owned(),
            status,
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        for secret in &self.secrets {
            ensure!(!said.out.contains(secret) && !said.err.contains(secret), "a secret is told: {said:?}");
        }
        Ok(said)
    }
}

/// What it answered.
#[derive(Debug, Clone)]
pub(crate) struct ToolOutput {
    pub(crate) line: String,
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl ToolOutput {
    /// It did what it was asked, and all is well.
    pub(crate) fn well(self) -> Result<Self> {
        ensure!(self.status == 0, "{self:?}");
        Ok(self)
    }

    /// It did not, with this exit status and these words.
    pub(crate) fn refused(self, status: i32, words: &[&str]) -> Result<Self> {
        ensure!(self.status == status, "{self:?}");
        for word in words {
            ensure!(self.err.contains(word), "no '{word}' in {self:?}");
        }
        // One line: nothing of a stack trace or of a page.
        ensure!(status == 2 || self.err.lines().count() == 1, "{self:?}");
        Ok(self)
    }

    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{}: {self:?}", self.line))
    }
}
