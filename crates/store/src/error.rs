//! What can go wrong, in words that a page may show.

use std::path::PathBuf;

use workflow::Step;

use crate::DataFileId;

/// Anything that goes wrong in the store. `Display` is fit for a user; the cause is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for does not exist (any more).
    #[error("there is no {what} {id}")]
    NotFound {
        /// The kind of thing, in the user's words.
        what: &'static str,
        /// Its name or number.
        id: String,
    },
    /// Somebody has this user name already.
    #[error("the name '{name}' is taken: choose another")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The account keeps as many workflows as it may.
    #[error("you have {limit} workflows, the most that this server keeps: delete one first")]
    NoRoom {
        /// How many that is.
        limit: usize,
    },
    /// A value that cannot be stored.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which value.
        field: &'static str,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// The step is a person's work in an editor: no worker can be asked for it.
    #[error("{} is done by hand in its editor: nothing to run", step.title())]
    ByHand {
        /// The step.
        step: Step,
    },
    /// There is nothing to repeat: the step never ran.
    #[error("{} never ran on data file {data_file}: nothing to repeat", step.title())]
    NothingToRetry {
        /// The workflow.
        data_file: DataFileId,
        /// The step.
        step: Step,
    },
    /// Only a queued step can be cancelled.
    #[error("{} of data file {data_file} is not waiting: nothing to cancel", step.title())]
    NotQueued {
        /// The workflow.
        data_file: DataFileId,
        /// The step.
        step: Step,
    },
    /// The database did not answer in time.
    #[error("the database is busy or cannot be reached: try again in a moment")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refused.
    #[error("the database failed")]
    Database(#[source] diesel::result::Error),
    /// A file of the instance folder could not be read or written.
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
    /// The database could not be brought to this release's schema.
    #[error("the database cannot be migrated ({step})")]
    Migration {
        /// Which part failed.
        step: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A newer release has migrated the database in a way that this one cannot work with.
    #[error(
        "the database has schema {found}, which needs a release that knows schema {needs}; this one knows {known}: \
         start a newer release, or restore the snapshot made before the migration"
    )]
    NewerSchema {
        /// Version of the database.
        found: i32,
        /// Oldest version that can work with it.
        needs: i32,
        /// The version of this release.
        known: i32,
    },
    /// A stored value is not what this crate writes.
    #[error("the database holds an unreadable {what}: {value}")]
    Unreadable {
        /// The kind of value.
        what: &'static str,
        /// As stored.
        value: String,
    },
    /// Not possible with this kind of database.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The operating system gave no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
    /// A password could not be hashed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// What a modeller reads when the disk is full.
pub const DISK_FULL: &str = "the disk of this server is full, so nothing could be stored: tell its administrator, and try \
    again when there is space";

/// Whether an error, of this or of another library, comes from a disk without space.
pub fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind;
    let full = |error: &(dyn std::error::Error + 'static)| match error.downcast_ref::<std::io::Error>() {
        Some(error) => matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
        // SQLite has a sentence only.
        None => error.to_string().contains("database or disk is full"),
    };
    std::iter::successors(Some(error), |error| error.source()).any(full)
}

/// An error with everything that caused it, on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error as Diesel};
        match &error {
            Diesel::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::SerializationFailure,
                _,
            ) => Self::Busy(Box::new(error)),
            Diesel::DatabaseError(_, info) if info.message().contains("database is locked") => {
                Self::Busy(Box::new(error))
            }
            _ => Self::Database(error),
        }
    }
}

impl From<diesel::r2d2::PoolError> for Error {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Busy(Box::new(error))
    }
}

impl Error {
    pub(crate) fn no_data_file(id: DataFileId) -> Self {
        Self::NotFound { what: "data file", id: id.to_string() }
    }

    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { action, path: path.into(), source }
    }
}
