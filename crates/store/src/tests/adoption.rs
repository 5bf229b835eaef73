//! Databases of the releases of 2021 and 2023, built with plain SQL, adopted.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use workflow::{FileType, Step};

use super::{claimed, finish, stored_files, task, upload};
use crate::{Config, DataFileId, Doctor, Release, StepState, Store, UserId, password};

pub(crate) fn build(instance: &Path, sql: &str) -> Config {
    std::fs::create_dir_all(instance).unwrap();
    let path = instance.join("netcdf_editor.sqlite");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
    connection.batch_execute(testkit::ORIGINAL_TABLES).unwrap();
    connection.batch_execute(sql).unwrap();
    Config { instance: instance.to_owned(), database_url: None, pool_size: 4 }
}

fn werkzeug(password: &str, rounds: u32) -> String {
    let mut out = [0; 32];
    pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha256>(password.as_bytes(), b"Ab0Cd1Ef2Gh3Ij4K", rounds, &mut out);
    format!("pbkdf2:sha256:{rounds}$Ab0Cd1Ef2Gh3Ij4K${}", hex::encode(out))
}

fn werkzeug_scrypt(password: &str) -> String {
    let mut out = [0; 64];
    let params = scrypt::Params::new(15, 8, 1).unwrap();
    scrypt::scrypt(password.as_bytes(), b"Ab0Cd1Ef2Gh3Ij4K", &params, &mut out).unwrap();
    format!("scrypt:32768:8:1$Ab0Cd1Ef2Gh3Ij4K${}", hex::encode(out))
}

#[test]
fn known_vectors_of_pbkdf2_and_scrypt_are_accepted() {
    // RFC 7914, sections 11 and 12.
    let pbkdf2 = "pbkdf2:sha256:1$salt$55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
                  49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783";
    assert_eq!(password::verify("passwd", pbkdf2), password::Verdict::RightButOld);
    let scrypt = "scrypt:1024:8:16$NaCl$fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
                  2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640";
    assert_eq!(password::verify("password", scrypt), password::Verdict::RightButOld);
    for broken in
        ["", "x", "pbkdf2:sha256:x$a$00", "pbkdf2:sha256:1$salt$", "scrypt:3:8:1$a$00", "$argon2id$"]
    {
        assert_eq!(password::verify("password", broken), password::Verdict::Wrong, "{broken}");
    }
}

#[test]
fn accounts_work_and_hashes_are_renewed_at_login() {
    let folder = tempfile::tempdir().unwrap();
    let users = [
        ("id", werkzeug("p1", 50_000)),
        ("O'Brien \"x\"", werkzeug("p2", 150_000)),
        ("admin", werkzeug("p3", 260_000)),
        ("Ünïcode 世界", werkzeug_scrypt("p4")),
        ("broken", "no hash at all".to_owned()),
    ];
    let rows: Vec<String> =
        users.iter().map(|(name, hash)| format!("('{}', '{hash}')", name.replace('\'', "''"))).collect();
    let config =
        build(folder.path(), &format!("INSERT INTO user (username, password) VALUES {};", rows.join(",")));
    let store = Store::open(&config).unwrap();
    let stored = |name: &str| -> String {
        use crate::schema::users;
        use diesel::prelude::*;
        store
            .read(|conn| {
                Ok(users::table.filter(users::username.eq(name)).select(users::password).first(conn)?)
            })
            .unwrap()
    };
    for (n, (name, hash)) in users[..4].iter().enumerate() {
        let password = format!("p{}", n + 1);
        assert_eq!(store.authenticate(name, "wrong").unwrap(), None);
        assert_eq!(stored(name), *hash, "a wrong password renews nothing");
        let user = store.authenticate(name, &password).unwrap().unwrap();
        assert_eq!(user.id.0, i32::try_from(n).unwrap() + 1);
        assert!(stored(name).starts_with("$argon2id$"));
        assert!(store.authenticate(name, &password).unwrap().is_some(), "the new hash works");
    }
    assert_eq!(store.authenticate("broken", "no hash at all").unwrap(), None);
}

const DAMAGED: &str = "
    INSERT INTO user (username, password) VALUES ('alice', 'x'), ('bob', 'x');
    INSERT INTO data_files (owner_id, filename, info) VALUES
        (1, 'a.nc', '{\"age\": \"60\", \"auth-ref\": \"me\"}'), (2, 'b.nc', NULL), (17, 'lost.nc', 'not json');
    INSERT INTO revisions (data_file_id, created, filepath, revision, file_type, info) VALUES
        (1, '2021-05-01 10:00:00', 'aaaaaaa1.nc', 0, 'raw', NULL),
        (1, '2021-05-01 11:00:00', 'aaaaaaa2.nc', 1, 'routing', '{}'),
        (1, '2021-05-01 11:00:00', 'aaaaaaa3.nc', 1, 'bathy', '{}'),
        (1, '2021-05-01 11:00:01', 'aaaaaaa4.nc', 2, 'soils', '{}'),
        (1, '2021-05-01 12:00:00', 'aaaaaaa5.nc', 3, 'bathy', '{\"changes\": \"widened\"}'),
        (2, '2021-06-01 10:00:00', 'bbbbbbb1.nc', 0, 'raw', NULL),
        (99, '2021-06-01 10:00:00', 'zzzzzzz1.nc', 0, 'raw', NULL);
    INSERT INTO steps (data_file_id, step, parameters, up_to_date) VALUES
        (1, 'routing', '{\"id\": 1, \"topo_var\": \"Z\", \"orcafile\": \"default\"}', 1),
        (1, 'pft', '{\"id\": 1}', 1),
        (1, 'pft', '{\"id\": 1, \"data\": \"{}\"}', 0),
        (99, 'regrid', '{}', 1);";

fn write_files(instance: &Path, names: &[&str]) {
    for name in names {
        std::fs::write(instance.join(format!("{name}.nc")), name).unwrap();
    }
}

#[test]
fn a_damaged_database_is_snapshotted_repaired_and_usable() {
    let folder = tempfile::tempdir().unwrap();
    let config = build(folder.path(), DAMAGED);
    write_files(folder.path(), &["aaaaaaa1", "aaaaaaa2", "aaaaaaa3", "aaaaaaa5", "bbbbbbb1", "zzzzzzz1"]);
    let store = Store::open(&config).unwrap();
    let alice = store.user_by_name("alice").unwrap().unwrap().id;
    let id = store.data_files(alice).unwrap()[0].id;
    let revisions = store.revisions(id).unwrap();
    let found: Vec<_> = revisions.iter().map(|r| (r.revision, r.filepath.as_str())).collect();
    let expected =
        [(0, "aaaaaaa1.nc"), (1, "aaaaaaa2.nc"), (2, "aaaaaaa3.nc"), (3, "aaaaaaa4.nc"), (4, "aaaaaaa5.nc")];
    assert_eq!(found, expected);
    // D9's harm: the latest of a type is its own file again.
    assert_eq!(store.latest(id, FileType::Bathy).unwrap().unwrap().filepath, "aaaaaaa5.nc");
    assert_eq!(revisions[4].info["changes"], "widened");
    assert_eq!((revisions[0].created.as_str(), revisions[0].sha256.clone()), ("2021-05-01 10:00:00", None));
    assert_eq!(store.data_files(alice).unwrap()[0].info["auth-ref"], "me");
    assert_eq!(store.data_files(alice).unwrap()[0].changed.as_deref(), Some("2021-05-01 12:00:00"));
    assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Done);
    let pft = store.step(id, Step::Pft).unwrap();
    assert_eq!((pft.state, pft.reason.is_some()), (StepState::Stale, true));
    assert_eq!(pft.parameters.unwrap()["data"], "{}", "the later row counts");
    // The data file of an account that is gone is kept, and nobody new inherits it.
    assert!(store.data_file(crate::DataFileId(3)).unwrap().is_some());
    assert!(store.create_user("carol", "a long password").unwrap().0 > 17);
    let report = store.doctor(Doctor::Look).unwrap();
    assert_eq!((report.missing_files, report.orphan_rows), (vec!["aaaaaaa4.nc".to_owned()], 0));
    assert_eq!(report.ownerless_data_files, 1);
    // New work continues from the old.
    let again = store.retry(id, Step::Routing, None).unwrap();
    let claim = claimed(&store, &task(id, Step::Routing, again.0));
    assert_eq!(claim.parameters["topo_var"], "Z");
    assert_eq!(finish(&store, &claim, &[])[0].revision, 5);
    store.delete_data_file(id).unwrap();
    // The snapshot is the database as it was.
    let backups: Vec<_> = std::fs::read_dir(folder.path().join("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(backups.len(), 1);
    let mut old = SqliteConnection::establish(backups[0].to_str().unwrap()).unwrap();
    old.batch_execute("SELECT count(*) FROM revisions").unwrap();
    assert!(old.batch_execute("SELECT * FROM runs").is_err());
    // Opening again adopts nothing.
    drop(store);
    let store = Store::open(&config).unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("backups")).unwrap().count(), 1);
    assert_eq!(store.data_files(crate::UserId(2)).unwrap().len(), 1);
    assert!(stored_files(&config.instance).contains(&"bbbbbbb1.nc".to_owned()));
}

#[test]
fn a_database_of_2023_keeps_its_states() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "ALTER TABLE data_files ADD COLUMN state TEXT;
        INSERT INTO user (username, password) VALUES ('alice', 'x');
        INSERT INTO data_files (owner_id, filename, state) VALUES (1, 'a.nc', 'RECEIVED from bob');";
    let store = Store::open(&build(folder.path(), sql)).unwrap();
    let file = &store.data_files(crate::UserId(1)).unwrap()[0];
    assert_eq!((file.state.as_deref(), file.changed.clone()), (Some("RECEIVED from bob"), None));
}

/// Whoever continues published work gets its numbers; whoever begins gets the corrected ones.
#[test]
fn adopted_workflows_and_their_copies_stay_with_2023() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&build(folder.path(), DAMAGED)).unwrap();
    let release = |id| store.data_file(id).unwrap().unwrap().release;
    let (alice, adopted) = (UserId(1), DataFileId(1));
    let copy = store.duplicate(adopted, 10).unwrap();
    let sent = store.send(copy, UserId(2), 10).unwrap();
    for id in [adopted, copy, sent] {
        assert_eq!(release(id), Release::R2023, "{id}");
        // The parameters of the original name none.
        let routing = store.step(id, Step::Routing).unwrap().parameters.unwrap();
        assert_eq!(store.data_file(id).unwrap().unwrap().release_of(&routing), Ok(Release::R2023));
    }
    assert_eq!(release(upload(&store, alice)), Release::default());
    // The original, or a release that does not know the column, beside this one.
    let path = folder.path().join("netcdf_editor.sqlite");
    let mut original = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    original.batch_execute("INSERT INTO data_files (id, owner_id, filename) VALUES (90, 1, 'z.nc')").unwrap();
    assert_eq!(release(DataFileId(90)), Release::R2023);
    // What a newer release wrote is not guessed.
    original.batch_execute("UPDATE data_files SET release = '2031' WHERE id = 90").unwrap();
    let error = store.data_file(DataFileId(90)).unwrap_err().to_string();
    assert!(error.contains("2031"), "{error}");
}

#[test]
fn two_that_start_at_once_adopt_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = build(folder.path(), DAMAGED);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| Store::open(&config).unwrap());
        }
    });
    assert_eq!(std::fs::read_dir(folder.path().join("backups")).unwrap().count(), 1);
    assert_eq!(Store::open(&config).unwrap().revisions(crate::DataFileId(1)).unwrap().len(), 5);
}

#[test]
fn the_original_can_still_read_and_write_what_was_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let config = build(folder.path(), DAMAGED);
    let store = Store::open(&config).unwrap();
    let path = folder.path().join("netcdf_editor.sqlite");
    let mut original = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    original
        .batch_execute(
            "INSERT INTO revisions (data_file_id, filepath, revision, file_type, info) VALUES (2, 'x.nc', 1, 'raw', '{}');
             INSERT INTO steps (data_file_id, step, parameters, up_to_date) VALUES (2, 'regrid', '{\"id\": 2}', 1);
             UPDATE steps SET up_to_date = 0 WHERE data_file_id = 1 AND step = 'routing';",
        )
        .unwrap();
    let b = crate::DataFileId(2);
    assert_eq!(store.revisions(b).unwrap().len(), 2);
    assert_eq!(store.step(b, Step::Regrid).unwrap().state, StepState::Done);
    assert_eq!(store.step(crate::DataFileId(1), Step::Routing).unwrap().state, StepState::Stale);
}
