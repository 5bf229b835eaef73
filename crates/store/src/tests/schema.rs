use diesel::prelude::*;

use super::{Bench, on_both, one_upload, user};
use crate::{Error, Store};

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
        Err(Error::NewerSchema { found: 7, needs: 6, known: 2 }) => {}
        other => panic!("{other:?}"),
    }
});

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
