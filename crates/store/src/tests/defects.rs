//! Defects of the original that belong to the store, each by its number.

use serde_json::Map;
use workflow::{FileType, Step};

use super::{claimed, drain, finish, on_both, one_upload, outputs, request, settle_all, staged, task};
use crate::{Claim, ClaimStatus, Finished, StepState};

on_both!(
    /// D9: 200 writers at once get 200 numbers, and every number has its own file.
    d9_revision_numbers_are_unique,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        std::thread::scope(|scope| {
            for writer in 0..20 {
                scope.spawn(move || {
                    for n in 0..10 {
                        let content = staged(store, &format!("{writer}-{n}"));
                        store.add_revision(id, FileType::Coords, content, Map::new()).unwrap();
                    }
                });
            }
        });
        let revisions = store.revisions(id).unwrap();
        let numbers: Vec<i32> = revisions.iter().map(|revision| revision.revision).collect();
        assert_eq!(numbers, (0..=200).collect::<Vec<_>>());
        let mut contents: Vec<String> =
            revisions[1..].iter().map(|r| std::fs::read_to_string(store.path(r)).unwrap()).collect();
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), 200);
    }
);

on_both!(
    /// D3: a data file that is deleted while a run waits or runs ends its tasks.
    d3_a_deleted_data_file_ends_its_tasks,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        let waiting = store.request_step(request(id, Step::Routing)).unwrap();
        let running = store.request_step(request(id, Step::Regrid)).unwrap();
        let claim = claimed(store, &task(id, Step::Regrid, running.0));
        store.delete_data_file(id).unwrap();
        assert_eq!(store.claim(&task(id, Step::Routing, waiting.0)).unwrap(), Claim::Gone);
        assert_eq!(store.progress(&claim, "half", 0.5).unwrap(), ClaimStatus::Lost);
        let late = store.finish(&claim, outputs(store, &[FileType::Raw]), &[], &[]).unwrap();
        assert_eq!(late, Finished::Discarded);
        assert_eq!(store.fail(&claim, "late").unwrap(), ClaimStatus::Lost);
        assert!(bench.files().is_empty());
        assert_eq!(store.activity().unwrap().running, 0);
    }
);

on_both!(
    /// D17: a data file whose file is missing can be deleted, and nothing of it is left.
    d17_a_missing_file_does_not_hinder_deletion,
    |bench| {
        let store = &bench.store;
        let (owner, id) = one_upload(store);
        store.request_step(request(id, Step::Routing)).unwrap();
        settle_all(store);
        let soils = store.latest(id, FileType::Soils).unwrap().unwrap();
        std::fs::remove_file(store.path(&soils)).unwrap();
        store.delete_data_file(id).unwrap();
        assert!(store.data_files(owner).unwrap().is_empty() && bench.files().is_empty());
        assert!(store.steps(id).unwrap().iter().all(|status| status.state == StepState::NeverRun));
        let report = store.doctor(crate::Doctor::Look).unwrap();
        assert_eq!(report, crate::Report::default());
    }
);

on_both!(
    /// D18: an `invalidate` that is carried out after the re-run it precedes changes nothing.
    d18_a_late_invalidate_changes_nothing,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        store.request_step(request(id, Step::Routing)).unwrap();
        let first = drain(store);
        let messages = workflow::dispatch(&first[0]).unwrap();
        finish(store, &claimed(store, &messages[0]), &[]);
        let followers = workflow::dispatch(&drain(store)[0]).unwrap();
        let (invalidate, tasks) = followers.split_first().unwrap();
        assert_eq!(invalidate.key, "preprocessing.invalidate.python");
        let mut ran = 0;
        for message in tasks {
            if message.key.ends_with(".panel") {
                continue;
            }
            if let Claim::Run(run) = store.claim(message).unwrap() {
                finish(store, &run, &[]);
                ran += 1;
            }
        }
        assert_eq!(ran, 2);
        store.invalidate_by_message(invalidate).unwrap();
        assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Done);
        // One that nobody here recorded (a foreign worker) counts.
        let foreign = workflow::Message { run: None, ..invalidate.clone() };
        store.invalidate_by_message(&foreign).unwrap();
        assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Stale);
    }
);

on_both!(
    /// A run that waits when its input is renewed is not run twice.
    a_rerun_folds_into_the_run_that_waits,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        store.request_step(request(id, Step::Routing)).unwrap();
        settle_all(store);
        store.request_step(request(id, Step::Regrid)).unwrap();
        store.request_step(request(id, Step::Routing)).unwrap();
        settle_all(store);
        let bathys = store.revisions(id).unwrap().iter().filter(|r| r.file_type == FileType::Bathy).count();
        assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Done);
        assert_eq!(bathys, 2);
    }
);
