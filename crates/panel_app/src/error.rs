//! What can go wrong, as the page is told.

use boundary::edit;
use field::MapError;

use crate::history::HistoryError;

/// Anything that goes wrong with a draft or a request. `Display` is for the modeller, [`Error::code`] for the page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request or its action is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The draft has been saved, or has moved on.
    #[error("{0}")]
    Conflict(String),
    /// The map is shown, not edited.
    #[error("{0}")]
    ReadOnly(String),
    /// No such revision, variable, or workflow.
    #[error("{0}")]
    NotFound(String),
    /// Beyond a limit.
    #[error("{0}")]
    TooLarge(String),
    /// The store does not answer: nothing was done.
    #[error("Nothing was changed: {0}. Try again.")]
    Unavailable(store::Error),
    /// A defect of the server; the cause is for the log.
    #[error("This did not work, and the error has been written to the log. Nothing was changed.")]
    Internal(String),
}

impl Error {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::ReadOnly(_) => "read_only",
            Self::NotFound(_) => "not_found",
            Self::TooLarge(_) => "too_large",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }

    /// An invalid request; `what` becomes a sentence.
    pub(crate) fn invalid(what: impl std::fmt::Display) -> Self {
        Self::Invalid(sentence(&what.to_string()))
    }
}

/// The text with a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String =
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound { .. } => Self::NotFound(sentence(&error.to_string())),
            other => Self::Unavailable(other),
        }
    }
}

impl From<edit::Error> for Error {
    fn from(error: edit::Error) -> Self {
        Self::invalid(error)
    }
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<MapError> for Error {
    fn from(error: MapError) -> Self {
        match error {
            MapError::File(error) => error.into(),
            other => Self::invalid(other),
        }
    }
}

/// Files are opened under the name that their owner knows, so that the error says it.
impl From<dataset::Error> for Error {
    fn from(error: dataset::Error) -> Self {
        let cause = store::chain(&error);
        if store::is_disk_full(&error) {
            return Self::invalid(store::DISK_FULL);
        }
        match &error {
            dataset::Error::Io { file, .. } => {
                tracing::error!(cause, "a stored file cannot be read");
                Self::Invalid(format!(
                    "{file} cannot be read on the server. The operator has to restore it from a backup."
                ))
            }
            other => Self::invalid(other),
        }
    }
}
