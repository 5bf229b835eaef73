//! Opening the store: the folder, the lock, the original's database, the migrations, the key.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::Notify;

use crate::connection::{AnyConnection, Backend, Database};
use crate::schema::climsim_schema;
use crate::{Config, Error, Inner, Staged, Store, adopt, clock, files, random};

/// The schema that this release knows; the last migration sets it.
pub(crate) const SCHEMA_VERSION: i32 = 3;

pub(crate) const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
pub(crate) const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Names PostgreSQL's advisory lock of the migration ("climsim" in letters).
const ADVISORY_LOCK: i64 = 0x63_6c_69_6d_73_69_6d;

/// The SQLite database in the instance folder.
pub(crate) const DATABASE_NAME: &str = "netcdf_editor.sqlite";

/// Snapshots of the database go here.
pub(crate) const BACKUPS: &str = "backups";

pub(crate) const LOCK_NAME: &str = ".lock";
const KEY_NAME: &str = "secret_key";

impl Store {
    /// Opens the store: makes what is missing, adopts a database of the original, migrates to this release's schema
    /// (a snapshot of an SQLite database is made before), all under a lock. Never wipes anything.
    ///
    /// # Errors
    /// [`Error::Busy`] when the database cannot be reached, [`Error::NewerSchema`], [`Error::Migration`], or a
    /// failing disk.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let instance = config.instance.clone();
        fs::create_dir_all(&instance).map_err(|error| Error::file("create", &instance, error))?;
        let backend = match &config.database_url {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Backend::Postgres(with_patience(url))
            }
            Some(_) => {
                let problem = "it must begin with postgres:// or postgresql://".to_owned();
                return Err(Error::Invalid { field: "database URL", problem });
            }
            None => Backend::Sqlite(instance.join(DATABASE_NAME)),
        };
        {
            let _lock = lock(&instance)?;
            let mut connection = backend.connect().map_err(|error| Error::Busy(Box::new(error)))?;
            prepare(&mut connection, &instance)?;
        }
        let database = Database::open(&backend, config.pool_size)?;
        Ok(Self(Arc::new(Inner {
            instance,
            database,
            outbox: Arc::new(Notify::new()),
            queues: Mutex::default(),
            #[cfg(test)]
            fault: Mutex::default(),
        })))
    }

    /// Answers when the database answers and the instance folder can be written: for readiness checks.
    ///
    /// # Errors
    /// What is wrong.
    pub fn ready(&self) -> Result<(), Error> {
        self.read(|conn| Ok(climsim_schema::table.select(climsim_schema::version).first::<i32>(conn)?))?;
        Staged::new(&self.0.instance, ".ready").map(drop)
    }

    /// The key of the installation, for signed cookies: random, made once, kept in `<instance>/secret_key`.
    ///
    /// # Errors
    /// A failing disk, or a file that holds no key.
    pub fn secret_key(&self) -> Result<[u8; 64], Error> {
        let path = self.0.instance.join(KEY_NAME);
        let _lock = lock(&self.0.instance)?;
        match fs::read(&path) {
            Ok(bytes) => {
                let length = bytes.len();
                bytes.try_into().map_err(|_| Error::Unreadable {
                    what: "secret key",
                    value: format!("{} has {length} bytes instead of 64", path.display()),
                })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = random::bytes::<64>()?;
                let fresh = path.with_extension("new");
                write_private(&fresh, &key).map_err(|error| Error::file("write", &fresh, error))?;
                fs::rename(&fresh, &path).map_err(|error| Error::file("rename", &fresh, error))?;
                files::sync_folder(&self.0.instance)?;
                Ok(key)
            }
            Err(error) => Err(Error::file("read", path, error)),
        }
    }
}

/// What ends a wait for a server that has vanished without a word, host and all; in seconds, the last in milliseconds.
const TCP_TIMEOUTS: [(&str, u32); 5] = [
    ("connect_timeout", 10),
    ("keepalives_idle", 15),
    ("keepalives_interval", 5),
    ("keepalives_count", 3),
    ("tcp_user_timeout", 20_000),
];

/// The address of PostgreSQL with [`TCP_TIMEOUTS`], as far as it has none of its own.
fn with_patience(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in TCP_TIMEOUTS {
        if !url.contains(&format!("{name}=")) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{name}={value}"));
        }
    }
    url
}

/// The SQLite database of a configuration, where there is one; `None` also for PostgreSQL.
pub fn existing_database(config: &Config) -> Option<PathBuf> {
    let path = config.instance.join(DATABASE_NAME);
    (config.database_url.is_none() && path.exists()).then_some(path)
}

/// Moves an SQLite database into the folder `backups` of its instance, so that the next [`Store::open`] starts anew; returns
/// where it is now, `None` when there was none. No process may have it open.
///
/// # Errors
/// A failing disk.
pub fn set_database_aside(config: &Config) -> Result<Option<PathBuf>, Error> {
    let Some(path) = existing_database(config) else { return Ok(None) };
    let _lock = lock(&config.instance)?;
    let folder = config.instance.join(BACKUPS);
    fs::create_dir_all(&folder).map_err(|error| Error::file("create", &folder, error))?;
    let aside = folder.join(format!("set-aside-{}-{}.sqlite", clock::stamp(), random::file_stem()?));
    // The journal goes first: a database without its journal would open without its last transactions.
    for ending in ["-wal", "-shm", ""] {
        let with_ending = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        let from = with_ending(&path);
        if from.exists() {
            fs::rename(&from, with_ending(&aside)).map_err(|error| Error::file("move", &from, error))?;
        }
    }
    files::sync_folder(&config.instance)?;
    Ok(Some(aside))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Held by one process of the instance folder at a time, until it is dropped or the process ends.
fn lock(instance: &Path) -> Result<File, Error> {
    let path = instance.join(LOCK_NAME);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| Error::file("open", &path, error))?;
    file.lock().map_err(|error| Error::file("lock", &path, error))?;
    Ok(file)
}

fn prepare(connection: &mut AnyConnection, instance: &Path) -> Result<(), Error> {
    if let AnyConnection::Postgres(postgres) = connection {
        // The instance folder may differ between hosts that share a server: the server's own lock as well. It waits
        // for as long as a migration takes, so without the lock timeout of ordinary statements.
        postgres.batch_execute(&format!(
            "SET lock_timeout = 0; SELECT pg_advisory_lock({ADVISORY_LOCK}); SET lock_timeout = DEFAULT"
        ))?;
    }
    // The connection is dropped by the caller: the advisory lock ends with it.
    match schema_version(connection)? {
        Some((found, needs)) if found > SCHEMA_VERSION => {
            if needs > SCHEMA_VERSION {
                return Err(Error::NewerSchema { found, needs, known: SCHEMA_VERSION });
            }
            tracing::warn!(
                found,
                known = SCHEMA_VERSION,
                "the database has a newer schema that is marked compatible"
            );
            return Ok(());
        }
        Some((found, _)) if found == SCHEMA_VERSION => return Ok(()),
        Some((found, _)) => {
            snapshot(connection, instance, &format!("schema-{found}"))?;
        }
        None if adopt::is_original(connection)? => {
            let snapshot = snapshot(connection, instance, "original")?;
            tracing::info!(snapshot = %snapshot.display(), "adopting the database of an earlier release");
            adopt::repair(connection, instance)?;
        }
        None => {}
    }
    let applied = match connection {
        AnyConnection::Sqlite(sqlite) => {
            sqlite.run_pending_migrations(SQLITE_MIGRATIONS).map(|done| done.len())
        }
        AnyConnection::Postgres(postgres) => {
            postgres.run_pending_migrations(POSTGRES_MIGRATIONS).map(|done| done.len())
        }
    };
    let applied = applied.map_err(|source| Error::Migration { step: "schema", source })?;
    tracing::info!(applied, schema = SCHEMA_VERSION, "the database is ready");
    Ok(())
}

/// The version of the schema and the oldest that can work with it; `None` before the first migration.
fn schema_version(connection: &mut AnyConnection) -> Result<Option<(i32, i32)>, Error> {
    if !table_exists(connection, "climsim_schema")? {
        return Ok(None);
    }
    let row = climsim_schema::table.select((climsim_schema::version, climsim_schema::oldest_reader));
    Ok(Some(row.order(climsim_schema::version.desc()).first(connection)?))
}

#[derive(QueryableByName)]
struct Flag {
    #[diesel(sql_type = Integer)]
    found: i32,
}

pub(crate) fn table_exists(connection: &mut AnyConnection, table: &str) -> Result<bool, Error> {
    let query = match connection {
        AnyConnection::Sqlite(_) => {
            "SELECT CAST(count(*) AS INTEGER) AS found FROM sqlite_master WHERE type = 'table' AND name = $1"
        }
        AnyConnection::Postgres(_) => "SELECT CAST(to_regclass($1) IS NOT NULL AS INTEGER) AS found",
    };
    let row: Flag = diesel::sql_query(query).bind::<Text, _>(table).get_result(connection)?;
    Ok(row.found > 0)
}

/// Copies an SQLite database to the backups. PostgreSQL has its own tools for that.
fn snapshot(connection: &mut AnyConnection, instance: &Path, label: &str) -> Result<PathBuf, Error> {
    let folder = instance.join(BACKUPS);
    fs::create_dir_all(&folder).map_err(|error| Error::file("create", &folder, error))?;
    let path = folder.join(format!("{label}-{}-{}.sqlite", clock::stamp(), random::file_stem()?));
    if matches!(connection, AnyConnection::Sqlite(_)) {
        copy_database(connection, &path)?;
    }
    Ok(path)
}

/// Writes a consistent copy of an SQLite database, flushed.
pub(crate) fn copy_database(connection: &mut AnyConnection, path: &Path) -> Result<(), Error> {
    let Some(text) = path.to_str() else {
        return Err(Error::Invalid { field: "path", problem: format!("{} is not UTF-8", path.display()) });
    };
    diesel::sql_query("VACUUM INTO $1").bind::<Text, _>(text).execute(connection)?;
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| Error::file("flush", path, error))
}
