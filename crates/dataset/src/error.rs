//! What can go wrong with a file; every variant names the file.

use std::io;

use crate::foreign::Foreign;

/// An error of reading or writing a dataset.
///
/// `file` is the path or name that the caller gave, for messages; datasets that have no name yet are called
/// `(in memory)`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages print")]
pub enum Error {
    /// The first bytes are those of no NetCDF format.
    #[error("{file} is not a NetCDF file: it is {what}. {remedy}")]
    NotNetcdf { file: String, what: &'static str, remedy: &'static str },
    /// The file ends before what its header announces.
    #[error("{file} was cut short: {what} needs {needed} bytes, the file has {size}. Copy it again")]
    Truncated { file: String, what: String, needed: u64, size: u64 },
    /// The file contradicts the format or itself.
    #[error("{file} is damaged: {what}. Copy it again from where it came from")]
    Corrupt { file: String, what: String },
    /// Beyond what is accepted or what the format can hold.
    #[error("{file} is too large: {what} is {size}, the limit is {limit}")]
    TooLarge { file: String, what: String, size: u64, limit: u64 },
    /// Valid, but not something this build or format handles; `remedy` says what to do.
    #[error("{file} cannot be handled: {what}. {remedy}")]
    Unsupported { file: String, what: String, remedy: String },
    /// A variable was asked for that the file does not have.
    #[error("{file} has no variable '{variable}'; it has {available}")]
    NoVariable { file: String, variable: String, available: String },
    /// A slab outside of the variable.
    #[error("{file}: the part start {start:?}, count {count:?} is not inside of '{variable}' {shape:?}")]
    OutOfBounds { file: String, variable: String, start: Vec<usize>, count: Vec<usize>, shape: Vec<usize> },
    /// The dataset in memory is not consistent, and was not written.
    #[error("{file} cannot be written: {what}")]
    Inconsistent { file: String, what: String },
    /// A variable or attribute holds values that the written format cannot.
    #[error("{file} cannot be written: '{name}' {what}")]
    CannotHold { file: String, name: String, what: String },
    /// Reading NetCDF-4 in the child process ended badly.
    #[error("{file} could not be read as NetCDF-4: {what}")]
    NetCdf4 { file: String, what: String },
    /// The operating system refused.
    #[error("{action} {file}")]
    Io {
        file: String,
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

/// The name of datasets without a file, in messages.
pub(crate) const IN_MEMORY: &str = "(in memory)";

impl Error {
    /// The file that the error is about.
    pub fn file(&self) -> &str {
        match self {
            Self::NotNetcdf { file, .. }
            | Self::Truncated { file, .. }
            | Self::Corrupt { file, .. }
            | Self::TooLarge { file, .. }
            | Self::Unsupported { file, .. }
            | Self::NoVariable { file, .. }
            | Self::OutOfBounds { file, .. }
            | Self::Inconsistent { file, .. }
            | Self::CannotHold { file, .. }
            | Self::NetCdf4 { file, .. }
            | Self::Io { file, .. } => file,
        }
    }

    /// The same error under another name of the file: what users called it, not where it is stored.
    #[must_use]
    pub fn renamed(mut self, name: &str) -> Self {
        match &mut self {
            Self::NotNetcdf { file, .. }
            | Self::Truncated { file, .. }
            | Self::Corrupt { file, .. }
            | Self::TooLarge { file, .. }
            | Self::Unsupported { file, .. }
            | Self::NoVariable { file, .. }
            | Self::OutOfBounds { file, .. }
            | Self::Inconsistent { file, .. }
            | Self::CannotHold { file, .. }
            | Self::NetCdf4 { file, .. }
            | Self::Io { file, .. } => name.clone_into(file),
        }
        self
    }

    pub(crate) fn io(file: &str, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { file: file.to_owned(), action, source }
    }

    pub(crate) fn foreign(file: &str, foreign: Foreign) -> Self {
        Self::NotNetcdf { file: file.to_owned(), what: foreign.what, remedy: foreign.remedy }
    }

    pub(crate) fn corrupt(file: &str, what: impl Into<String>) -> Self {
        Self::Corrupt { file: file.to_owned(), what: what.into() }
    }

    pub(crate) fn inconsistent(what: impl Into<String>) -> Self {
        Self::Inconsistent { file: IN_MEMORY.to_owned(), what: what.into() }
    }
}
