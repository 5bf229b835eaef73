//! Whatever fails where: either all of it is stored or nothing, and trying again succeeds.

use std::process::Command;

use workflow::{FileType, Step};

use super::{
    Bench, Fault, claimed, drain, finish, on_both, one_upload, outputs, request, staged, stored_files, task,
};
use crate::{Config, Finished, StepState, Store};

const FINISH: [&str; 6] =
    ["before-rename", "after-rename", "after-revisions", "after-step", "after-consequences", "before-commit"];

on_both!(finish_is_all_or_nothing, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Routing)).unwrap();
    drain(store);
    let claim = claimed(store, &task(id, Step::Routing, run.0));
    for point in FINISH {
        store.arm(Fault::Error(point));
        assert!(store.finish(&claim, outputs(store, Step::Routing.outputs()), &[], &[]).is_err(), "{point}");
        assert_eq!(store.revisions(id).unwrap().len(), 1, "{point}");
        assert_eq!(bench.files().len(), 1, "{point}");
        assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Running, "{point}");
        assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::NeverRun, "{point}");
        assert!(drain(store).is_empty(), "{point}");
    }
    let finished = store.finish(&claim, outputs(store, Step::Routing.outputs()), &[], &[]).unwrap();
    assert!(matches!(finished, Finished::Stored(revisions) if revisions.len() == 4));
    assert_eq!(drain(store).len(), 1);
});

on_both!(everything_that_writes_is_all_or_nothing, |bench| {
    let store = &bench.store;
    let (owner, id) = one_upload(store);
    store.arm(Fault::Error("before-commit"));
    assert!(store.request_step(request(id, Step::Regrid)).is_err());
    assert_eq!((store.step(id, Step::Regrid).unwrap().state, drain(store).len()), (StepState::NeverRun, 0));
    store.arm(Fault::Error("before-commit"));
    assert!(store.duplicate(id, 1000).is_err());
    store.arm(Fault::Error("before-commit"));
    assert!(
        store
            .create_data_file(
                owner,
                "b.nc",
                serde_json::Map::new(),
                crate::Release::default(),
                staged(store, "b")
            )
            .is_err()
    );
    assert_eq!(store.data_files(owner).unwrap().len(), 1);
    store.arm(Fault::Error("before-commit"));
    assert!(store.delete_data_file(id).is_err());
    assert_eq!((store.revisions(id).unwrap().len(), bench.files().len()), (1, 1));
    let run = store.request_step(request(id, Step::Regrid)).unwrap();
    drain(store);
    let claim = claimed(store, &task(id, Step::Regrid, run.0));
    store.arm(Fault::Error("before-commit"));
    assert!(store.fail(&claim, "x").is_err());
    assert_eq!(store.step(id, Step::Regrid).unwrap().state, StepState::Running);
    assert!(drain(store).is_empty());
    finish(store, &claim, &[]);
});

/// Names the instance folder to [`killed_here`], run as a process of its own.
const INSTANCE: &str = "CLIMSIM_TEST_KILL_INSTANCE";
const POINT: &str = "CLIMSIM_TEST_KILL_POINT";

/// Not a test by itself: the process that [`d16_a_killed_worker_leaves_nothing_half`] lets die.
#[test]
fn killed_here() {
    let (Ok(instance), Ok(point)) = (std::env::var(INSTANCE), std::env::var(POINT)) else { return };
    let store = Store::open(&Config { instance: instance.into(), database_url: None, pool_size: 2 }).unwrap();
    let point = FINISH.into_iter().find(|name| *name == point).unwrap();
    let id = crate::DataFileId(1);
    let run = store.step(id, Step::Routing).unwrap().run.unwrap();
    let claim = claimed(&store, &task(id, Step::Routing, run.0));
    store.arm(Fault::Abort(point));
    finish(&store, &claim, &[]);
}

/// D16: a worker killed in the middle leaves no rows, and the redelivered task ends well.
#[test]
fn d16_a_killed_worker_leaves_nothing_half() {
    for point in FINISH {
        let bench = Bench::sqlite();
        let (_, id) = one_upload(&bench.store);
        assert_eq!(id.0, 1);
        let run = bench.store.request_step(request(id, Step::Routing)).unwrap();
        drain(&bench.store);
        let died = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::failure_points::killed_here", "--nocapture"])
            .env(INSTANCE, &bench.config.instance)
            .env(POINT, point)
            .output()
            .unwrap();
        assert!(!died.status.success(), "{point}: it was to die");
        let store = &bench.store;
        assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Running, "{point}");
        assert_eq!(store.revisions(id).unwrap().len(), 1, "{point}");
        assert!(drain(store).is_empty(), "{point}");
        let again = claimed(store, &task(id, Step::Routing, run.0));
        assert_eq!(again.attempt, 2);
        finish(store, &again, &[]);
        assert_eq!(store.revisions(id).unwrap().len(), 5);
        assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Done);
        assert!(store.latest(id, FileType::Bathy).unwrap().is_some());
        // What the dead process had staged or renamed is old enough to be swept by tomorrow.
        let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(200_000);
        for name in bench.files() {
            let file = std::fs::File::options().write(true).open(bench.config.instance.join(name)).unwrap();
            file.set_modified(yesterday).unwrap();
        }
        store.doctor(crate::Doctor::Sweep).unwrap();
        assert_eq!(stored_files(&bench.config.instance).len(), 5, "{point}");
    }
}
