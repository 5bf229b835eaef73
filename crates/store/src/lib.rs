//! Accounts, data files, revisions, drafts, steps, runs, outbox and embedded queues, in SQLite or PostgreSQL, and the files of
//! the instance folder. Everything that the platform remembers is remembered here.
//!
//! All methods block (disk, database): async callers wrap them in `spawn_blocking`.
//!
//! # Invariants
//!
//! * A revision never changes, and its number is unique within its data file. Files may be shared by the revisions of
//!   copied data files, and go with the last row that names them.
//! * A row never names a file that is not whole on disk: content is flushed and renamed before the row is committed.
//! * What a user or a worker does is one transaction with the messages it owes to the bus (the outbox) and with what
//!   follows for other steps. Killed anywhere, all of it is there or nothing.
//! * What is edited by hand is a *draft*: every event of it is stored before it is confirmed, and never changed.
//! * A run has one result: only the latest claim counts.
//! * `steps.up_to_date` is true exactly when the step is done and nothing of it waits or runs, as earlier releases
//!   understand it. New tables and columns are additive: a database can go back to an earlier release.
//! * Nothing is ever wiped: opening an existing database adopts or migrates it, after a snapshot.
//!
//! One code base serves both kinds of database ([`diesel::MultiConnection`]); where SQL differs the code says so.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::connection::AnyConnection;

mod accounts;
mod adopt;
pub mod backup;
mod clock;
mod connection;
mod consequences;
mod data_files;
mod doctor;
mod drafts;
mod error;
mod files;
mod ids;
mod json;
mod open;
mod outbox;
mod password;
mod queue;
mod random;
mod recall;
mod revisions;
mod run_rows;
mod runs;
mod schema;
mod sessions;
mod steps;

pub use accounts::{PasswordChange, User};
pub use data_files::{DataFile, DataFileSummary, clean_filename};
pub use doctor::{Doctor, Report};
pub use drafts::{Appended, Draft, DraftEvent, DraftOf, NewEvent, Saved};
pub use error::{DISK_FULL, Error, chain, is_disk_full};
pub use files::Staged;
pub use ids::{DataFileId, DraftId, RevisionId, RunId, TokenId, UserId};
pub use open::{existing_database, set_database_aside};
pub use queue::{DeadLetter, Leased, Ticket};
pub use release::{Release, UnknownRelease};
pub use revisions::Revision;
pub use runs::{Activity, Claim, ClaimStatus, ClaimedRun, Finished, Output};
pub use sessions::{ApiToken, Flash, Session, SessionId, SessionToken};
pub use steps::{Edit, Finding, Reach, Request, Severity, StepState, StepStatus};

/// Days without use after which a session ends.
pub const SESSION_DAYS: i64 = 30;

/// Seconds for which a relay holds the outbox messages that it publishes.
pub const OUTBOX_LEASE_SECONDS: i64 = 30;

/// Where the store lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The instance folder: made if missing.
    pub instance: PathBuf,
    /// `postgres://...`; `None` is SQLite in `<instance>/netcdf_editor.sqlite`.
    pub database_url: Option<String>,
    /// Connections at most.
    pub pool_size: u32,
}

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    instance: PathBuf,
    database: connection::Database,
    outbox: Arc<Notify>,
    queues: Mutex<HashMap<String, Arc<Notify>>>,
    #[cfg(test)]
    fault: Mutex<Option<tests::Fault>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("instance", &self.0.instance).finish_non_exhaustive()
    }
}

impl Store {
    /// The instance folder.
    pub fn instance(&self) -> &Path {
        &self.0.instance
    }

    fn read<T>(&self, work: impl FnOnce(&mut AnyConnection) -> Result<T, Error>) -> Result<T, Error> {
        self.0.database.read(work)
    }

    fn write<T>(&self, work: impl FnOnce(&mut AnyConnection) -> Result<T, Error>) -> Result<T, Error> {
        self.0.database.write(work)
    }

    /// Fails here when a test asked for it.
    #[cfg(test)]
    fn fault(&self, point: &'static str) -> Result<(), Error> {
        tests::Fault::strike(&self.0.fault, point)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape of the test's version")]
    fn fault(&self, _point: &'static str) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
