use std::collections::HashSet;

use serde_json::{Map, json};
use workflow::{FileType, Step};

use super::{
    claimed, finish, object, on_both, one_upload, request, run_step, settle_all, staged, task, upload, user,
};
use crate::{DataFileId, Doctor, Error, Release, Request, StepState, Store, clean_filename};

#[test]
fn names_are_cleaned() {
    let clean = [
        ("topo.nc", "topo.nc"),
        ("../../etc/pass wd.NC", "pass_wd.nc"),
        ("C:\\maps\\a.b.nc", "a_b.nc"),
        ("été 60Ma.nc", "été_60Ma.nc"),
        (".nc", "topography.nc"),
        ("", "topography.nc"),
        ("<script>.nc", "script.nc"),
        ("世界.nc", "世界.nc"),
    ];
    for (name, expected) in clean {
        assert_eq!(clean_filename(name), expected, "{name}");
    }
    assert!(clean_filename(&"界".repeat(500)).len() < 255);
}

on_both!(an_upload_is_revision_0_with_its_hash, |bench| {
    let store = &bench.store;
    let (owner, id) = one_upload(store);
    let revisions = store.revisions(id).unwrap();
    assert_eq!(revisions.len(), 1);
    let raw = &revisions[0];
    assert_eq!((raw.revision, raw.file_type, raw.bytes), (0, FileType::Raw, Some(3)));
    assert_eq!(
        raw.sha256.as_deref(),
        Some("d7439bee24773bcbfa2d0a97947ee36227b10d1022b1a55847e928965bb6bfde")
    );
    assert_eq!(std::fs::read_to_string(store.path(raw)).unwrap(), "raw");
    assert!(raw.is_uploaded());
    assert_eq!(raw.called("topo.nc"), "Topography of 'topo.nc' (revision 0)");
    assert_eq!(raw.created.len(), "2021-01-01 00:00:00".len());
    assert_eq!(bench.files(), std::slice::from_ref(&raw.filepath));
    let (stem, extension) = raw.filepath.split_once('.').unwrap();
    assert_eq!((stem.len(), extension), (8, "nc"));
    let file = store.data_file(id).unwrap().unwrap();
    assert_eq!((file.owner, file.filename.as_str(), file.longitude), (owner, "topo.nc", None));
    store.set_coordinates(id, "lon", "lat").unwrap();
    assert_eq!(store.data_file(id).unwrap().unwrap().longitude.as_deref(), Some("lon"));
    assert_eq!(store.data_file(crate::DataFileId(999)).unwrap(), None);
    let summaries = store.data_files(owner).unwrap();
    assert_eq!(summaries[0].changed.as_deref(), Some(raw.created.as_str()));
    assert_eq!(summaries[0].info, object(json!({"age": "60"})));
});

on_both!(a_grid_is_added_and_the_latest_of_a_type_is_found, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let first = store.add_revision(id, FileType::Coords, staged(store, "one"), Map::new()).unwrap();
    let second = store.add_revision(id, FileType::Coords, staged(store, "two"), Map::new()).unwrap();
    assert_eq!((first.revision, second.revision), (1, 2));
    assert!(first.is_uploaded());
    let later = store.add_revision(id, FileType::Raw, staged(store, "three"), Map::new()).unwrap();
    assert!(!later.is_uploaded(), "a topography is uploaded once");
    assert_eq!(store.latest(id, FileType::Coords).unwrap(), Some(second.clone()));
    assert_eq!(store.revision(id, 1).unwrap(), Some(first));
    assert_eq!(store.latest(id, FileType::Pft).unwrap(), None);
    let gone = store.add_revision(crate::DataFileId(77), FileType::Coords, staged(store, "x"), Map::new());
    assert!(matches!(gone, Err(Error::NotFound { .. })));
    assert_eq!(bench.files().len(), 4);
});

on_both!(an_account_receives_no_more_than_it_may_keep, |bench| {
    let store = &bench.store;
    let (alice, id) = one_upload(store);
    let bob = user(store, "bob");
    assert!(matches!(store.duplicate(id, 1), Err(Error::NoRoom { limit: 1 })));
    store.send(id, bob, 1).unwrap();
    assert!(matches!(store.send(id, bob, 1), Err(Error::NoRoom { limit: 1 })));
    store.duplicate(id, 2).unwrap();
    assert_eq!((store.data_files(alice).unwrap().len(), store.data_files(bob).unwrap().len()), (2, 1));
});

/// A workflow that is computed with `release`.
fn workflow_of(store: &Store, release: Release) -> DataFileId {
    let owner = user(store, release.as_str());
    store.create_data_file(owner, "topo.nc", Map::new(), release, staged(store, "raw")).unwrap()
}

on_both!(a_workflow_and_its_copies_have_one_release, |bench| {
    let store = &bench.store;
    let bob = user(store, "bob");
    for release in Release::ALL {
        let id = workflow_of(store, release);
        let copies = [store.duplicate(id, 10).unwrap(), store.send(id, bob, 10).unwrap()];
        for id in copies.into_iter().chain([id]) {
            let file = store.data_file(id).unwrap().unwrap();
            assert_eq!(file.release, release);
            assert_eq!(file.release_of(&object(json!({"id": 1, "release": " "}))), Ok(release));
            assert_eq!(file.release_of(&object(json!({"release": "2021"}))), Ok(Release::R2021));
            assert!(file.release_of(&object(json!({"release": "1999"}))).is_err());
        }
    }
});

/// Asks for a step with the body, and carries it out.
fn done(store: &Store, id: DataFileId, step: Step, body: serde_json::Value) {
    let request = Request { data_file: id, step, body: object(body), form_key: None, request_id: None };
    let run = store.request_step(request).unwrap();
    finish(store, &claimed(store, &task(id, step, run.0)), &[]);
}

on_both!(another_release_makes_stale_what_followed_the_one_of_before, |bench| {
    let store = &bench.store;
    let id = workflow_of(store, Release::R2023);
    // Regrid follows by saying nothing, routing by naming the same; a choice of its own is for pft only.
    done(store, id, Step::Regrid, json!({}));
    done(store, id, Step::Routing, json!({"release": "2023"}));
    done(store, id, Step::Pft, json!({"release": "2021"}));
    settle_all(store);
    store.set_release(id, Release::R2023).unwrap();
    assert_eq!(store.step(id, Step::Regrid).unwrap().state, StepState::Done, "nothing changed");
    store.set_release(id, Release::Corrected).unwrap();
    assert_eq!(store.data_file(id).unwrap().unwrap().release, Release::Corrected);
    let reason = |step| {
        let status = store.step(id, step).unwrap();
        assert_eq!(status.state, StepState::Stale, "{step}");
        status.reason.unwrap()
    };
    let made = "made with release 2023, and the workflow has release corrected now";
    assert_eq!(reason(Step::Regrid), format!("it was {made}"));
    assert_eq!(reason(Step::Routing), format!("it was {made}"));
    for after in [Step::Pft, Step::Ahmcoef] {
        assert_eq!(reason(after), format!("what it was made from was {made}"));
    }
    let named = |step| store.step(id, step).unwrap().parameters.unwrap().get("release").cloned();
    assert_eq!(named(Step::Regrid), None);
    assert_eq!(named(Step::Routing), Some(json!("corrected")), "it follows");
    assert_eq!(named(Step::Pft), Some(json!("2021")), "it was chosen");
    // What runs again does so with the release of now.
    let run = store.retry(id, Step::Routing, None).unwrap();
    let claim = claimed(store, &task(id, Step::Routing, run.0));
    assert_eq!(claim.parameters["release"], "corrected");
    assert!(matches!(store.set_release(DataFileId(999), Release::R2021), Err(Error::NotFound { .. })));
});

on_both!(a_choice_of_its_own_survives_another_release, |bench| {
    let store = &bench.store;
    let id = workflow_of(store, Release::Corrected);
    done(store, id, Step::Routing, json!({"release": "2021"}));
    store.set_release(id, Release::R2023).unwrap();
    let routing = store.step(id, Step::Routing).unwrap();
    assert_eq!(
        (routing.state, routing.parameters.unwrap()["release"].clone()),
        (StepState::Done, json!("2021"))
    );
});

on_both!(a_copy_shares_files_until_the_last_is_deleted, |bench| {
    let store = &bench.store;
    let (alice, id) = one_upload(store);
    let bob = user(store, "bob");
    run_step(store, id, Step::Routing);
    let files: HashSet<String> = bench.files().into_iter().collect();
    let copy = store.duplicate(id, 1000).unwrap();
    let sent = store.send(id, bob, 1000).unwrap();
    let again = store.duplicate(copy, 1000).unwrap();
    let state = |id| store.data_file(id).unwrap().unwrap().state.unwrap();
    assert_eq!(state(copy), "DUPLICATED");
    assert_eq!(state(again), "DUPLICATED DUPLICATED");
    assert_eq!(state(sent), "RECEIVED from alice");
    assert_eq!(store.data_file(sent).unwrap().unwrap().owner, bob);
    let routing = store.step(copy, Step::Routing).unwrap();
    assert_eq!(routing.state, StepState::Done);
    assert_eq!(routing.parameters.unwrap()["id"], json!(copy));
    // heatflow was queued for the original only.
    assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Queued);
    assert_eq!(store.step(copy, Step::Heatflow).unwrap().state, StepState::NeverRun);
    assert_eq!(store.revisions(sent).unwrap().len(), 5);
    for (n, id) in [id, copy, sent].into_iter().enumerate() {
        store.delete_data_file(id).unwrap();
        assert_eq!(bench.files().into_iter().collect::<HashSet<_>>(), files, "after {n}");
    }
    store.delete_data_file(again).unwrap();
    assert!(bench.files().is_empty());
    assert!(store.data_files(alice).unwrap().is_empty());
    assert!(matches!(store.delete_data_file(again), Err(Error::NotFound { .. })));
});

on_both!(parents_of_a_copy_are_the_copies, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let raw = store.latest(id, FileType::Raw).unwrap().unwrap();
    let run = store.request_step(request(id, Step::Regrid)).unwrap();
    finish(store, &claimed(store, &task(id, Step::Regrid, run.0)), &[raw.id]);
    assert_eq!(store.latest(id, FileType::Raw).unwrap().unwrap().parents, [raw.id]);
    let copy = store.duplicate(id, 1000).unwrap();
    let copies = store.revisions(copy).unwrap();
    assert_eq!(copies[1].parents, [copies[0].id]);
    assert_ne!(copies[0].id, raw.id);
    assert_eq!(copies[1].run, Some(run));
});

on_both!(the_doctor_sees_what_does_not_fit, |bench| {
    let store = &bench.store;
    let (owner, id) = one_upload(store);
    let other = upload(store, owner);
    assert_eq!(store.doctor(Doctor::Look).unwrap(), crate::Report::default());
    let changed = store.latest(id, FileType::Raw).unwrap().unwrap();
    std::fs::write(store.path(&changed), "changed").unwrap();
    let missing = store.latest(other, FileType::Raw).unwrap().unwrap();
    std::fs::remove_file(store.path(&missing)).unwrap();
    let young = bench.config.instance.join("abcdefgh.nc");
    let old = bench.config.instance.join("abcdefg_.nc");
    let foreign = bench.config.instance.join("my-own-file.nc");
    for path in [&young, &old, &foreign] {
        std::fs::write(path, "x").unwrap();
    }
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    for path in [&old, &foreign] {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(yesterday).unwrap();
    }
    let report = store.doctor(Doctor::Look).unwrap();
    assert_eq!(report.changed_files, [changed.filepath]);
    assert_eq!(report.missing_files, [missing.filepath]);
    assert_eq!(report.orphan_files, ["abcdefg_.nc"]);
    assert!(old.exists());
    store.doctor(Doctor::Sweep).unwrap();
    assert!(young.exists() && foreign.exists() && !old.exists());
});

on_both!(only_what_was_in_the_making_is_tidied_away, |bench| {
    let store = &bench.store;
    one_upload(store);
    let instance = &bench.config.instance;
    let (killed, at_work) = (instance.join(".staged-killed.nc"), instance.join(".staged-at-work.nc"));
    let stored = instance.join("abcdefg_.nc");
    for path in [&killed, &at_work, &stored] {
        std::fs::write(path, "x").unwrap();
    }
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    for path in [&killed, &stored] {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(yesterday).unwrap();
    }
    assert_eq!(store.tidy().unwrap(), 1);
    assert!(!killed.exists() && at_work.exists() && stored.exists());
    assert_eq!(store.tidy().unwrap(), 0);
});
