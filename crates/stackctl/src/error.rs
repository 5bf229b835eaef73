//! What can go wrong, in words for an operator. No variant holds a secret, and addresses are shown without one.

use std::path::PathBuf;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A missing or invalid argument: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// Something is not as the command needs it.
    #[error("{0}")]
    Refused(String),
    /// Nobody answers, or not in a way that can be understood.
    #[error("{what}: no usable answer")]
    Http {
        /// Who was asked for what.
        what: String,
        /// Why not.
        #[source]
        source: reqwest_tls::Error,
    },
    /// The answer is an error.
    #[error("{what}: answered {status}{}", if detail.is_empty() { String::new() } else { format!(" ({detail})") })]
    Status {
        /// Who was asked for what.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What the answer says of it, and what to do.
        detail: String,
    },
    /// The answer does not say what it should.
    #[error("{what}: {problem}")]
    CommandOutput {
        /// Who was asked for what.
        what: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// A file.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The TLS library or the runtime does not start.
    #[error("cannot start: {0}")]
    Start(String),
    /// The backup.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The message broker.
    #[error(transparent)]
    Broker(#[from] broker::Error),
}

impl Error {
    pub(crate) fn answer(what: &str, problem: impl Into<String>) -> Self {
        Self::CommandOutput { what: what.to_owned(), problem: problem.into() }
    }

    /// The exit status of the process.
    pub fn exit_status(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { 2 } else { 1 }
    }
}
