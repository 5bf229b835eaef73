//! Connections to either kind of database, their pool, and transactions.
//!
//! Every transaction that writes takes the writer's place at its beginning: on SQLite with `BEGIN IMMEDIATE` (behind a
//! lock of this process, which is fair where SQLite's own waiting is not), on PostgreSQL by locking the data file's
//! row ([`lock_data_file`]). A transaction that would have to be repeated does not exist.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, Pool, PooledConnection};

use crate::schema::data_files;
use crate::{DataFileId, Error, UserId};

pub(crate) use any::AnyConnection;

#[expect(unreachable_pub, reason = "the derive makes its items public")]
mod any {
    /// Either kind of database.
    #[derive(diesel::MultiConnection)]
    pub enum AnyConnection {
        Postgres(diesel::PgConnection),
        Sqlite(diesel::SqliteConnection),
    }
}

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a caller waits for a connection to a file, which others may keep busy; and to a server, which may be away:
/// its visitors should hear so while they still look.
const POOL_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5));

/// The pragmas of every SQLite connection: the wait first, because the change to WAL may already need it.
const PRAGMAS: &str = "PRAGMA busy_timeout = 15000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;";

/// Where the database is.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Backend {
    pub(crate) fn connect(&self) -> Result<AnyConnection, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        match self {
            Self::Sqlite(path) => {
                let text = path.to_str().ok_or_else(|| {
                    ConnectionError(diesel::ConnectionError::InvalidConnectionUrl(format!(
                        "{} is not UTF-8",
                        path.display()
                    )))
                })?;
                let mut connection = diesel::SqliteConnection::establish(text).map_err(ConnectionError)?;
                connection.batch_execute(PRAGMAS).map_err(QueryError)?;
                Ok(AnyConnection::Sqlite(connection))
            }
            Self::Postgres(url) => {
                let mut connection = diesel::PgConnection::establish(url).map_err(ConnectionError)?;
                connection
                    .batch_execute(&format!("SET lock_timeout = {}", BUSY_TIMEOUT.as_millis()))
                    .map_err(QueryError)?;
                Ok(AnyConnection::Postgres(connection))
            }
        }
    }
}

/// Makes the pool's connections.
#[derive(Debug)]
pub(crate) struct Manager(Backend);

impl ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<AnyConnection, Self::Error> {
        self.0.connect()
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), Self::Error> {
        connection.batch_execute("SELECT 1").map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        // A panic inside a transaction leaves it open: such a connection is closed, which rolls it back.
        std::thread::panicking()
            || <AnyConnection as Connection>::TransactionManager::is_broken_transaction_manager(connection)
    }
}

/// The pooled database.
pub(crate) struct Database {
    pool: Pool<Manager>,
    writer: Option<Mutex<()>>,
}

impl Database {
    pub(crate) fn open(backend: &Backend, size: u32) -> Result<Self, Error> {
        let sqlite = matches!(backend, Backend::Sqlite(_));
        let pool = Pool::builder()
            .max_size(size.max(1))
            // One is kept even when nothing is done for long: it tells others that the database is in use. Where there may
            // be more, the next is made in the background as soon as one is taken.
            .min_idle(Some(1))
            .connection_timeout(if sqlite { POOL_TIMEOUTS.0 } else { POOL_TIMEOUTS.1 })
            // A file does not go away; a server does.
            .test_on_check_out(!sqlite)
            .build(Manager(backend.clone()))?;
        Ok(Self { pool, writer: sqlite.then(|| Mutex::new(())) })
    }

    fn connection(&self) -> Result<PooledConnection<Manager>, Error> {
        Ok(self.pool.get()?)
    }

    /// Reads outside a transaction.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        work(&mut *self.connection()?)
    }

    /// Runs `work` in one transaction: all of it or, on an error, nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _turn = self.writer.as_ref().map(|writer| writer.lock().unwrap_or_else(PoisonError::into_inner));
        let mut connection = self.connection()?;
        transaction(&mut connection, work)
    }
}

/// Runs `work` in one transaction of this connection.
pub(crate) fn transaction<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    type Manager = <AnyConnection as Connection>::TransactionManager;
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?
        }
        AnyConnection::Postgres(postgres) => AnsiTransactionManager::begin_transaction(postgres)?,
    }
    match work(connection) {
        Ok(value) => {
            Manager::commit_transaction(connection)?;
            Ok(value)
        }
        Err(error) => {
            if let Err(rollback) = Manager::rollback_transaction(connection) {
                tracing::warn!(error = %rollback, "cannot roll a transaction back; its connection is closed");
            }
            Err(error)
        }
    }
}

/// Makes this transaction the only one that changes the data file, and returns the owner; `None` when it is gone.
pub(crate) fn lock_data_file(
    connection: &mut AnyConnection,
    id: DataFileId,
) -> Result<Option<UserId>, Error> {
    let query = data_files::table.find(id.0).select(data_files::owner_id);
    let owner = match connection {
        AnyConnection::Sqlite(sqlite) => query.first::<i32>(sqlite).optional()?,
        AnyConnection::Postgres(postgres) => query.for_no_key_update().first::<i32>(postgres).optional()?,
    };
    Ok(owner.map(UserId))
}
