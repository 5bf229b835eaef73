use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness;

use super::{Bench, on_both, one_upload, upload, user};
use crate::connection::{AnyConnection, Backend};
use crate::open::{DATABASE_NAME, POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS};
use crate::{Config, DataFileId, Error, Release, Store};

on_both!(
    /// D8: preparing an existing database again keeps the accounts.
    d8_opening_again_keeps_accounts,
    |bench| {
        let (owner, id) = one_upload(&bench.store);
        let again = Store::open(&bench.config).unwrap();
        assert_eq!(again.authenticate("alice", "a long password").unwrap().unwrap().id, owner);
        assert_eq!(again.data_files(owner).unwrap()[0].id, id);
    }
);

on_both!(a_newer_schema_is_refused_unless_marked_compatible, |bench| {
    user(&bench.store, "alice");
    let mark = |version: i32, oldest_reader: i32| {
        bench
            .store
            .write(|conn| {
                use crate::schema::climsim_schema as table;
                let row = (table::version.eq(version), table::oldest_reader.eq(oldest_reader));
                Ok(diesel::update(table::table).set(row).execute(conn)?)
            })
            .unwrap();
    };
    mark(7, 1);
    let store = Store::open(&bench.config).unwrap();
    assert!(store.user_by_name("alice").unwrap().is_some());
    mark(7, 6);
    match Store::open(&bench.config) {
        Err(Error::NewerSchema { found: 7, needs: 6, known: 3 }) => {}
        other => panic!("{other:?}"),
    }
});

/// A database as the schema before the column `release` has it, with one workflow; then opened.
fn opened_from_schema_2(instance: &std::path::Path, database_url: Option<String>) {
    std::fs::create_dir_all(instance).unwrap();
    let backend = match &database_url {
        Some(url) => Backend::Postgres(url.clone()),
        None => Backend::Sqlite(instance.join(DATABASE_NAME)),
    };
    let mut connection = backend.connect().unwrap();
    for _ in 0..3 {
        match &mut connection {
            AnyConnection::Sqlite(sqlite) => sqlite.run_next_migration(SQLITE_MIGRATIONS).map(drop).unwrap(),
            AnyConnection::Postgres(postgres) => {
                postgres.run_next_migration(POSTGRES_MIGRATIONS).map(drop).unwrap();
            }
        }
    }
    let rows = "INSERT INTO \"user\" (username, password) VALUES ('alice', 'x');
        INSERT INTO data_files (owner_id, filename) VALUES (1, 'a.nc');";
    connection.batch_execute(rows).unwrap();
    drop(connection);
    let config = Config { instance: instance.to_owned(), database_url, pool_size: 2 };
    let store = Store::open(&config).unwrap();
    let release = |id| store.data_file(id).unwrap().unwrap().release;
    assert_eq!(release(DataFileId(1)), Release::R2023, "it was computed with 2023 so far");
    assert_eq!(release(store.duplicate(DataFileId(1), 10).unwrap()), Release::R2023);
    assert_eq!(release(upload(&store, crate::UserId(1))), Release::default());
}

#[test]
fn workflows_of_before_the_column_stay_with_2023_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    opened_from_schema_2(&folder.path().join("instance"), None);
    let backups = std::fs::read_dir(folder.path().join("instance/backups")).unwrap();
    assert_eq!(backups.count(), 1, "a snapshot is made before");
}

#[test]
fn workflows_of_before_the_column_stay_with_2023_postgres() {
    let Some(database) = testkit::PostgresDatabase::create() else { return };
    let folder = tempfile::tempdir().unwrap();
    opened_from_schema_2(folder.path(), Some(database.url.clone()));
}

fn open_at_once(config: &crate::Config) {
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..6).map(|_| scope.spawn(|| Store::open(config).map(drop))).collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
}

#[test]
fn several_may_start_at_once_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let config = crate::Config { instance: folder.path().join("fresh"), database_url: None, pool_size: 2 };
    open_at_once(&config);
}

#[test]
fn several_may_start_at_once_postgres() {
    // Each with its own instance folder, as on several hosts: only the server's lock is between them.
    let Some(database) = testkit::PostgresDatabase::create() else { return };
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..6)
            .map(|_| {
                let url = database.url.clone();
                scope.spawn(move || {
                    let folder = tempfile::tempdir().unwrap();
                    let instance = folder.path().to_owned();
                    Store::open(&crate::Config { instance, database_url: Some(url), pool_size: 2 }).map(drop)
                })
            })
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
}

#[test]
fn an_address_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = Some("mysql://x".to_owned());
    let config = crate::Config { instance: folder.path().to_owned(), database_url: url, pool_size: 2 };
    assert!(matches!(Store::open(&config), Err(Error::Invalid { .. })));
}

#[test]
fn the_store_says_when_it_is_ready() {
    let bench = Bench::sqlite();
    bench.store.ready().unwrap();
    assert!(bench.files().is_empty());
}
