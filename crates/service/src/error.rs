//! Why a service cannot start or go on.

use std::path::PathBuf;

/// Why a service cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An environment variable holds what it cannot mean.
    #[error("environment variable {name}: {problem}")]
    Variable {
        /// Which.
        name: String,
        /// What is wrong, and what may stand there.
        problem: String,
    },
    /// The file that a `*_FILE` variable names cannot be read.
    #[error("environment variable {name}: cannot read {}", path.display())]
    Secret {
        /// Which variable.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] store::Error),
    /// The bus cannot be opened.
    #[error("cannot open the message bus")]
    Bus(#[from] broker::Error),
    /// No server on that address.
    #[error("cannot listen on {address}")]
    Listen {
        /// Host and port.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A part of the service ended that must not.
    #[error("{what} ended unexpectedly")]
    Ended {
        /// Which part.
        what: &'static str,
    },
    /// The service was told to stop while it waited for a peer.
    #[error("told to stop before {what} could be reached")]
    Stopped {
        /// Which peer.
        what: &'static str,
    },
    /// Anything a single service has to say.
    #[error("{0}")]
    Other(String),
}
