//! Backups: of a folder that is being written to, of the original's, checked, and put back without removing anything.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::json;
use workflow::FileType;

use super::{Bench, object, one_upload, staged, upload};
use crate::{Config, Error, Store, backup};

fn config(instance: &Path) -> Config {
    Config { instance: instance.to_owned(), database_url: None, pool_size: 2 }
}

/// Everything below a folder, by path, with its content.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_restored_is_what_was_there() {
    let bench = Bench::sqlite();
    let (owner, data_file) = one_upload(&bench.store);
    let key = bench.store.secret_key().unwrap();
    fs::write(bench.config.instance.join("notes.txt"), "an operator's own").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");

    let made = backup::create(&bench.config, &backups).unwrap();
    assert_eq!((made.missing.len(), made.changed.len()), (0, 0));
    // Database, upload, key, notes.
    assert_eq!(made.files, 4);
    let checked = backup::check(&made.manifest).unwrap();
    assert!(checked.damaged.is_empty(), "{checked:?}");
    assert!(checked.report.missing_files.is_empty() && checked.report.changed_files.is_empty());

    let instance = folder.path().join("restored");
    let restored = backup::restore(&made.manifest, &instance).unwrap();
    assert_eq!((restored.written, restored.kept, restored.set_aside.len()), (4, 0, 0));
    let store = Store::open(&config(&instance)).unwrap();
    assert_eq!(store.data_files(owner).unwrap().len(), 1);
    assert_eq!(store.secret_key().unwrap(), key);
    let raw = store.latest(data_file, FileType::Raw).unwrap().unwrap();
    assert_eq!(fs::read(store.path(&raw)).unwrap(), b"raw");
    assert_eq!(fs::read(instance.join("notes.txt")).unwrap(), b"an operator's own");
}

#[test]
fn a_later_backup_copies_only_what_is_new() {
    let bench = Bench::sqlite();
    let (owner, _) = one_upload(&bench.store);
    let folder = tempfile::tempdir().unwrap();
    let first = backup::create(&bench.config, folder.path()).unwrap();
    let again = backup::create(&bench.config, folder.path()).unwrap();
    assert_eq!(again.new_bytes, 0);
    let content = "x".repeat(100_000);
    bench
        .store
        .create_data_file(
            owner,
            "b.nc",
            object(json!({})),
            crate::Release::default(),
            staged(&bench.store, &content),
        )
        .unwrap();
    let later = backup::create(&bench.config, folder.path()).unwrap();
    assert!(later.new_bytes > 100_000 && later.new_bytes < first.bytes + 200_000, "{later:?}");
    assert_eq!(backup::list(folder.path()).unwrap().len(), 3);

    assert_eq!(backup::prune(folder.path(), 1).unwrap(), 2);
    assert_eq!(backup::list(folder.path()).unwrap(), std::slice::from_ref(&later.manifest));
    assert!(backup::check(&later.manifest).unwrap().damaged.is_empty());
}

#[test]
fn every_backup_of_a_folder_in_use_is_whole() {
    let bench = Bench::sqlite();
    let (owner, _) = one_upload(&bench.store);
    let folder = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let made = upload(&bench.store, owner);
                    upload(&bench.store, owner);
                    bench.store.delete_data_file(made).unwrap();
                }
            });
        }
        let mut backups = Vec::new();
        for _ in 0..8 {
            backups.push(backup::create(&bench.config, folder.path()));
        }
        stop.store(true, Ordering::Relaxed);
        for made in backups {
            let made = made.unwrap();
            assert_eq!((made.missing, made.changed), (vec![], vec![]));
            let checked = backup::check(&made.manifest).unwrap();
            assert_eq!(checked.damaged, Vec::<String>::new());
            assert_eq!(checked.report.missing_files, Vec::<String>::new());
        }
    });
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn the_next_backup_removes_what_a_killed_one_left() {
    let bench = Bench::sqlite();
    one_upload(&bench.store);
    let folder = tempfile::tempdir().unwrap();
    let check = folder.path().join(".check-a");
    let (old, young) = (folder.path().join("files/.new-old"), folder.path().join("files/.new-young"));
    fs::create_dir_all(&check).unwrap();
    fs::create_dir_all(folder.path().join("files")).unwrap();
    for path in [&check.join("netcdf_editor.sqlite"), &old, &young] {
        fs::write(path, "half").unwrap();
    }
    let days_ago = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
    for path in [&check, &old] {
        File::open(path).unwrap().set_modified(days_ago).unwrap();
    }
    backup::create(&bench.config, folder.path()).unwrap();
    // The young one may belong to a backup under way.
    assert_eq!([&check, &old, &young].map(|path| path.exists()), [false, false, true]);
}

#[test]
fn damage_is_found_and_nothing_is_restored_from_it() {
    let bench = Bench::sqlite();
    one_upload(&bench.store);
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");
    let made = backup::create(&bench.config, &backups).unwrap();
    let manifest: backup::Manifest = serde_json::from_slice(&fs::read(&made.manifest).unwrap()).unwrap();
    let content = |entry: &backup::Entry| backups.join("files").join(&entry.sha256[..2]).join(&entry.sha256);
    let file = content(&manifest.files[0]);
    let good = fs::read(&file).unwrap();

    fs::write(&file, "bit rot").unwrap();
    let checked = backup::check(&made.manifest).unwrap();
    assert_eq!(checked.damaged.len(), 1);
    assert!(checked.damaged[0].contains("is damaged"), "{checked:?}");
    let instance = folder.path().join("restored");
    let refused = backup::restore(&made.manifest, &instance).unwrap_err();
    assert!(refused.to_string().contains("is damaged"), "{refused}");
    assert!(!instance.exists());

    fs::remove_file(&file).unwrap();
    assert!(backup::check(&made.manifest).unwrap().damaged[0].contains("cannot be read"));
    fs::write(&file, good).unwrap();
    backup::restore(&made.manifest, &instance).unwrap();
}

#[test]
fn a_file_that_rots_in_the_instance_is_told_and_one_that_is_gone_too() {
    let bench = Bench::sqlite();
    let (owner, data_file) = one_upload(&bench.store);
    let gone = upload(&bench.store, owner);
    let path = |file| bench.store.path(&bench.store.latest(file, FileType::Raw).unwrap().unwrap());
    fs::write(path(data_file), "other").unwrap();
    fs::remove_file(path(gone)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let made = backup::create(&bench.config, folder.path()).unwrap();
    assert_eq!((made.missing.len(), made.changed.len()), (1, 1), "{made:?}");
    let report = backup::check(&made.manifest).unwrap().report;
    assert_eq!((report.missing_files.len(), report.changed_files.len()), (1, 1), "{report:?}");
}

#[test]
fn a_restore_removes_nothing_and_waits_until_it_is_alone() {
    let bench = Bench::sqlite();
    let (owner, data_file) = one_upload(&bench.store);
    let folder = tempfile::tempdir().unwrap();
    let made = backup::create(&bench.config, folder.path()).unwrap();
    let later = upload(&bench.store, owner);
    let path = |file| bench.store.path(&bench.store.latest(file, FileType::Raw).unwrap().unwrap());
    let (damaged, kept) = (path(data_file), path(later));
    fs::write(&damaged, "damaged").unwrap();

    let refused = backup::restore(&made.manifest, &bench.config.instance).unwrap_err();
    assert!(matches!(refused, Error::Invalid { .. }), "{refused:?}");
    assert!(refused.to_string().contains("stop the services"), "{refused}");

    let Bench { store, config, _folder, _database } = bench;
    drop(store);
    let restored = backup::restore(&made.manifest, &config.instance).unwrap();
    assert_eq!(fs::read(&damaged).unwrap(), b"raw");
    assert!(kept.exists(), "a file that the backup does not name is gone");
    assert_eq!(restored.set_aside.len(), 2, "{restored:?}");
    assert!(restored.set_aside.iter().any(|path| fs::read(path).unwrap() == b"damaged"));
    let store = Store::open(&config).unwrap();
    assert_eq!(store.data_files(owner).unwrap().len(), 1);
}

#[test]
fn an_instance_of_the_original_is_backed_up_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let instance = folder.path().join("instance");
    let original = super::adoption::build(
        &instance,
        "INSERT INTO user VALUES (1, 'a', 'x');
         INSERT INTO data_files VALUES (1, 1, 'topo.nc', 'lon', 'lat', NULL);
         INSERT INTO revisions (data_file_id, filepath, revision, file_type) VALUES (1, 'abcdefgh.nc', 0, 'raw');",
    );
    fs::write(instance.join("abcdefgh.nc"), "raw").unwrap();
    let before = tree(&instance);
    let made = backup::create(&original, &folder.path().join("backups")).unwrap();
    assert_eq!(tree(&instance), before);
    assert_eq!(made.files, 2);
    // The rehearsal adopts the copy.
    let checked = backup::check(&made.manifest).unwrap();
    assert!(checked.damaged.is_empty() && checked.report.missing_files.is_empty(), "{checked:?}");
}

#[test]
fn a_manifest_cannot_lead_out_of_its_folder() {
    let bench = Bench::sqlite();
    one_upload(&bench.store);
    let folder = tempfile::tempdir().unwrap();
    let made = backup::create(&bench.config, folder.path()).unwrap();
    let text = fs::read_to_string(&made.manifest).unwrap();
    let manifest: backup::Manifest = serde_json::from_str(&text).unwrap();
    let name = &manifest.files[0].name;
    for hostile in ["../outside.nc", "/etc/outside.nc", "", "a/../../b.nc"] {
        let manifest = text.replace(&format!("\"{name}\""), &format!("\"{hostile}\""));
        assert_ne!(manifest, text);
        let path = folder.path().join("hostile.json");
        fs::write(&path, manifest).unwrap();
        let instance = folder.path().join("restored");
        let refused = backup::restore(&path, &instance).unwrap_err();
        assert!(refused.to_string().contains("name in a manifest"), "{refused}");
        assert!(!instance.exists());
    }
    let other = text.replace("\"format\": 1", "\"format\": 2");
    fs::write(folder.path().join("other.json"), other).unwrap();
    let refused = backup::check(&folder.path().join("other.json")).unwrap_err();
    assert!(refused.to_string().contains("format 2"), "{refused}");
}

#[test]
fn what_cannot_be_backed_up_says_so() {
    let bench = Bench::sqlite();
    let inside = backup::create(&bench.config, &bench.config.instance.join("here")).unwrap_err();
    assert!(inside.to_string().contains("lies inside the instance folder"), "{inside}");
    assert!(!bench.config.instance.join("here").exists());
    let folder = tempfile::tempdir().unwrap();
    let empty = backup::create(&config(folder.path()), &folder.path().join("b")).unwrap_err();
    assert!(matches!(empty, Error::NotFound { .. }), "{empty:?}");
    let postgres = Config { database_url: Some("postgres://x".to_owned()), ..bench.config.clone() };
    assert!(backup::create(&postgres, folder.path()).unwrap_err().to_string().contains("pg_dump"));
}
