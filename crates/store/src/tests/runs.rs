use serde_json::{Value, json};
use uuid::Uuid;
use workflow::message::derived_id;
use workflow::{FileType, Key, Message, Step, Task, Worker};

use super::{
    claimed, drain, finish, object, on_both, one_upload, outputs, request, run_step, settle_all, staged,
    task, upload, user,
};
use crate::{Claim, ClaimStatus, Edit, Error, Finding, Finished, Reach, Severity, StepState};

fn edit(store: &crate::Store, data_file: crate::DataFileId, step: Option<Step>, file_type: FileType) -> Edit {
    Edit {
        data_file,
        step,
        file_type,
        staged: staged(store, "edited"),
        info: object(json!({"changes": "a strait was opened"})),
        parameters: object(json!({"undo_list": "[]"})),
        parents: Vec::new(),
        findings: Vec::new(),
        reach: Reach::Everything,
        form_key: None,
        request_id: None,
    }
}

on_both!(a_later_ocean_grid_says_nothing_about_a_chosen_one, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let grid = || store.add_revision(id, FileType::Coords, staged(store, "a grid"), Default::default());
    let chosen = grid().unwrap();
    grid().unwrap();
    let run = store.request_step(request(id, Step::CalculateWeights)).unwrap();
    let run = claimed(store, &task(id, Step::CalculateWeights, run.0));
    let made = finish(store, &run, &[chosen.id]);
    assert_eq!(made[0].parents, [chosen.id]);
    assert_eq!(store.step(id, Step::CalculateWeights).unwrap().state, StepState::Done);
});

on_both!(a_request_is_run_state_and_message_at_once, |bench| {
    let store = &bench.store;
    let (owner, id) = one_upload(store);
    let mut wanted = request(id, Step::Regrid);
    wanted.body =
        object(json!({"limits": "default", "id": 999, "invalidated": "yes", "next_step_only": "done"}));
    let run = store.request_step(wanted).unwrap();
    let status = store.step(id, Step::Regrid).unwrap();
    assert_eq!((status.state, status.run, status.up_to_date), (StepState::Queued, Some(run), false));
    assert!(status.parameters.is_none() && status.queued_at.is_some());
    let sent = drain(store);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].id, sent[0].run, sent[0].owner), (run.0, Some(run.0), Some(owner.0)));
    assert_eq!(sent[0].key, "preprocessing.regrid");
    assert_eq!(
        Value::Object(sent[0].body.clone()).to_string(),
        format!(r#"{{"id":{id},"limits":"default"}}"#)
    );
    assert_eq!(sent[0].request_id.as_deref(), Some("click"));
    let others = store.steps(id).unwrap();
    assert_eq!(others.iter().map(|status| status.step).collect::<Vec<_>>(), Step::ALL);
    assert_eq!(others.iter().filter(|status| status.state == StepState::NeverRun).count(), 8);
    assert!(matches!(store.request_step(request(id, Step::Subbasins)), Err(Error::ByHand { .. })));
    let gone = store.request_step(request(crate::DataFileId(99), Step::Regrid));
    assert!(matches!(gone, Err(Error::NotFound { .. })));
    assert_eq!(store.activity().unwrap().queued, 1);
});

on_both!(
    /// D31: two clicks on the same form are one run.
    d31_a_form_key_counts_once,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        let wanted = crate::Request { form_key: Some(Uuid::new_v4()), ..request(id, Step::Regrid) };
        let mut runs: Vec<crate::RunId> = std::thread::scope(|scope| {
            let clicks: Vec<_> =
                (0..8).map(|_| scope.spawn(|| store.request_step(wanted.clone()).unwrap())).collect();
            clicks.into_iter().map(|click| click.join().unwrap()).collect()
        });
        runs.dedup();
        assert_eq!(runs.len(), 1);
        assert_eq!(drain(store).len(), 1);
        let next = crate::Request { form_key: Some(Uuid::new_v4()), ..wanted };
        assert_ne!(store.request_step(next).unwrap(), runs[0]);
    }
);

on_both!(a_run_shows_its_progress_and_its_end, |bench| {
    let store = &bench.store;
    let (owner, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Routing)).unwrap();
    drain(store);
    let claim = claimed(store, &task(id, Step::Routing, run.0));
    assert_eq!((claim.attempt, claim.owner, claim.run), (1, owner, run));
    assert_eq!(Value::Object(claim.parameters.clone()), json!({"id": id, "a": "1"}));
    assert_eq!(store.progress(&claim, "river lengths", 0.5).unwrap(), ClaimStatus::Held);
    let status = store.step(id, Step::Routing).unwrap();
    assert_eq!(status.state, StepState::Running);
    assert_eq!((status.stage.as_deref(), status.fraction), (Some("river lengths"), Some(0.5)));
    let raw = store.latest(id, FileType::Raw).unwrap().unwrap();
    let finding = Finding {
        code: "zero-depth".into(),
        severity: Severity::Warning,
        message: "340 cells are 0 m".into(),
    };
    let finished = store.finish(
        &claim,
        outputs(store, Step::Routing.outputs()),
        &[raw.id],
        std::slice::from_ref(&finding),
    );
    let Finished::Stored(revisions) = finished.unwrap() else { panic!("discarded") };
    let numbers: Vec<_> = revisions.iter().map(|r| (r.revision, r.file_type)).collect();
    let expected =
        [(1, FileType::Routing), (2, FileType::Bathy), (3, FileType::Soils), (4, FileType::TopoHighRes)];
    assert_eq!(numbers, expected);
    assert_eq!(revisions[..], store.revisions(id).unwrap()[1..]);
    let bathy = store.latest(id, FileType::Bathy).unwrap().unwrap();
    assert_eq!(
        (bathy.run, bathy.step, bathy.parents.clone()),
        (Some(run), Some(Step::Routing), vec![raw.id])
    );
    assert_eq!(bathy.parameters.unwrap(), claim.parameters);
    let status = store.step(id, Step::Routing).unwrap();
    assert_eq!((status.state, status.up_to_date, status.fraction), (StepState::Done, true, None));
    assert_eq!(status.findings, [finding]);
    assert!(status.finished_at.is_some());
    // The consequences are there at once: what needs no parameters is queued, under the ids of the dispatcher.
    let sent = drain(store);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].key, "preprocessing.routing.done");
    assert_eq!(sent[0].id, derived_id(run.0, Key::Done(Task::Step(Step::Routing))));
    let heatflow = store.step(id, Step::Heatflow).unwrap();
    assert_eq!(heatflow.state, StepState::Queued);
    assert_eq!(heatflow.run.unwrap().0, workflow::rerun_id(sent[0].id, Step::Heatflow));
    assert_eq!(store.step(id, Step::Pft).unwrap().state, StepState::NeverRun);
    // The lost claim is told so.
    assert_eq!(store.progress(&claim, "again", 0.9).unwrap(), ClaimStatus::Lost);
});

on_both!(the_whole_chain_follows_and_ends_valid, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    store.request_step(request(id, Step::Routing)).unwrap();
    let keys = settle_all(store);
    let states = |steps: &[Step]| steps.iter().map(|s| store.step(id, *s).unwrap().state).collect::<Vec<_>>();
    assert_eq!(states(&[Step::Routing, Step::Heatflow, Step::Ahmcoef]), [StepState::Done; 3], "{keys:?}");
    store.request_step(request(id, Step::Pft)).unwrap();
    settle_all(store);
    // Regrid renews routing and, through it, pft with its stored parameters.
    store.request_step(request(id, Step::Regrid)).unwrap();
    settle_all(store);
    assert_eq!(states(&[Step::Regrid, Step::Routing, Step::Pft, Step::Heatflow]), [StepState::Done; 4]);
    let count = |t| store.revisions(id).unwrap().iter().filter(|r| r.file_type == t).count();
    assert_eq!((count(FileType::Bathy), count(FileType::Pft), count(FileType::Heatflow)), (2, 2, 2));
    assert_eq!(
        Value::Object(store.step(id, Step::Pft).unwrap().parameters.unwrap()),
        json!({"id": id, "a": "1"})
    );
    let idle = store.activity().unwrap();
    assert_eq!((idle.queued, idle.running, idle.outbox), (0, 0, 0));
});

on_both!(the_same_message_twice_is_one_result, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Regrid)).unwrap();
    let message = task(id, Step::Regrid, run.0);
    finish(store, &claimed(store, &message), &[]);
    assert_eq!(store.claim(&message).unwrap(), Claim::Ended);
    assert_eq!(store.revisions(id).unwrap().len(), 2);
});

on_both!(a_superseded_claim_is_discarded, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Regrid)).unwrap();
    let message = task(id, Step::Regrid, run.0);
    let slow = claimed(store, &message);
    let redelivered = claimed(store, &message);
    assert_eq!(redelivered.attempt, 2);
    let late = store.finish(&slow, outputs(store, &[FileType::Raw]), &[], &[]).unwrap();
    assert_eq!(late, Finished::Discarded);
    assert_eq!(store.fail(&slow, "late").unwrap(), ClaimStatus::Lost);
    assert_eq!(store.progress(&slow, "late", 0.1).unwrap(), ClaimStatus::Lost);
    finish(store, &redelivered, &[]);
    assert_eq!(store.revisions(id).unwrap().len(), 2);
    assert_eq!(bench.files().len(), 2);
});

on_both!(two_runs_of_one_step_are_both_stored, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let claims: Vec<_> = (0..2)
        .map(|_| {
            claimed(store, &task(id, Step::Regrid, store.request_step(request(id, Step::Regrid)).unwrap().0))
        })
        .collect();
    std::thread::scope(|scope| {
        for claim in &claims {
            scope.spawn(|| finish(store, claim, &[]));
        }
    });
    let numbers: Vec<i32> = store.revisions(id).unwrap().iter().map(|r| r.revision).collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(store.step(id, Step::Regrid).unwrap().state, StepState::Done);
});

on_both!(results_from_a_replaced_input_are_stale_at_once, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let raw = store.latest(id, FileType::Raw).unwrap().unwrap();
    let run = store.request_step(request(id, Step::Routing)).unwrap();
    let claim = claimed(store, &task(id, Step::Routing, run.0));
    let mut other = edit(store, id, None, FileType::Raw);
    other.parents = vec![raw.id];
    store.record_edit(other).unwrap();
    finish(store, &claim, &[raw.id]);
    let status = store.step(id, Step::Routing).unwrap();
    assert_eq!((status.state, status.up_to_date), (StepState::Stale, false));
    assert!(status.reason.unwrap().contains("edited"));
});

on_both!(a_failure_says_why_and_can_be_repeated, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Routing)).unwrap();
    drain(store);
    let claim = claimed(store, &task(id, Step::Routing, run.0));
    assert_eq!(store.fail(&claim, "no variable 'z'").unwrap(), ClaimStatus::Held);
    let status = store.step(id, Step::Routing).unwrap();
    assert_eq!((status.state, status.reason.as_deref()), (StepState::Failed, Some("no variable 'z'")));
    let sent = drain(store);
    assert_eq!(
        (sent[0].key.as_str(), sent[0].body["reason"].as_str()),
        ("preprocessing.routing.failed", Some("no variable 'z'"))
    );
    assert_eq!(store.claim(&task(id, Step::Routing, run.0)).unwrap(), Claim::Ended);
    let again = store.retry(id, Step::Routing, None).unwrap();
    assert_ne!(again, run);
    assert_eq!(store.retry(id, Step::Routing, None).unwrap(), again, "a second click");
    assert_eq!(drain(store)[0].body, claim.parameters);
    finish(store, &claimed(store, &task(id, Step::Routing, again.0)), &[]);
    let status = store.step(id, Step::Routing).unwrap();
    assert_eq!((status.state, status.reason), (StepState::Done, None));
    assert!(matches!(store.retry(id, Step::Pft, None), Err(Error::NothingToRetry { .. })));
});

on_both!(a_queued_run_can_be_taken_back, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Regrid)).unwrap();
    store.cancel(id, Step::Regrid).unwrap();
    assert_eq!(store.step(id, Step::Regrid).unwrap().state, StepState::NeverRun);
    assert!(drain(store).is_empty());
    assert_eq!(store.claim(&task(id, Step::Regrid, run.0)).unwrap(), Claim::Ended);
    run_step(store, id, Step::Regrid);
    let second = store.request_step(request(id, Step::Regrid)).unwrap();
    assert!(!store.step(id, Step::Regrid).unwrap().up_to_date);
    store.cancel(id, Step::Regrid).unwrap();
    let status = store.step(id, Step::Regrid).unwrap();
    assert_eq!((status.state, status.up_to_date), (StepState::Done, true));
    assert_ne!(status.run, Some(second));
    let third = store.request_step(request(id, Step::Regrid)).unwrap();
    claimed(store, &task(id, Step::Regrid, third.0));
    assert!(matches!(store.cancel(id, Step::Regrid), Err(Error::NotQueued { .. })));
});

on_both!(a_run_given_back_waits_again_and_the_attempt_does_not_count, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Regrid)).unwrap();
    let claim = claimed(store, &task(id, Step::Regrid, run.0));
    assert_eq!(store.release(&claim).unwrap(), ClaimStatus::Held);
    assert_eq!(store.step(id, Step::Regrid).unwrap().state, StepState::Queued);
    assert_eq!(claimed(store, &task(id, Step::Regrid, run.0)).attempt, 1);
});

on_both!(
    /// D2: the owner in a message is checked again; a run cannot be turned on another data file.
    d2_a_message_for_anothers_data_file_is_rejected,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        let mallory = user(store, "mallory");
        let own = upload(store, mallory);
        let run = store.request_step(request(own, Step::Regrid)).unwrap();
        let mut forged = task(id, Step::Regrid, Uuid::new_v4());
        forged.owner = Some(mallory.0);
        assert!(matches!(store.claim(&forged).unwrap(), Claim::Rejected { .. }));
        assert!(matches!(store.claim(&task(id, Step::Regrid, run.0)).unwrap(), Claim::Rejected { .. }));
        assert!(matches!(store.claim(&task(own, Step::Routing, run.0)).unwrap(), Claim::Rejected { .. }));
        let unknown = Message { key: "preprocessing.__import__('os').python".to_owned(), ..forged.clone() };
        assert!(matches!(store.claim(&unknown).unwrap(), Claim::Rejected { .. }));
        let no_id = Message { body: object(json!({})), ..forged };
        assert!(matches!(store.claim(&no_id).unwrap(), Claim::Rejected { .. }));
    }
);

on_both!(a_foreign_message_runs_under_its_own_id, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let regrid = Key::ForWorker(Task::Step(Step::Regrid), Worker::Python);
    let message = Message::new(regrid, object(json!({"id": id, "limits": "data"})));
    let claim = claimed(store, &message);
    assert_eq!((claim.run.0, claim.parameters["limits"].as_str()), (message.id, Some("data")));
    finish(store, &claim, &[]);
    assert_eq!(store.claim(&message).unwrap(), Claim::Ended);
    let rerun = |body| Message::new(Key::ForWorker(Task::Step(Step::Routing), Worker::Python), object(body));
    assert_eq!(store.claim(&rerun(json!({"id": id, "invalidated": "YES"}))).unwrap(), Claim::NothingToDo);
    let heatflow = Key::ForWorker(Task::Step(Step::Heatflow), Worker::Python);
    let message = Message::new(heatflow, object(json!({"id": id, "invalidated": "y", "has_params": "no"})));
    finish(store, &claimed(store, &message), &[]);
});

on_both!(
    /// D7: a land-only edit reaches the step, which keeps the bathymetry; what follows it stays valid.
    d7_next_step_only_reaches_the_step,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        store.request_step(request(id, Step::Routing)).unwrap();
        settle_all(store);
        let land = Edit { reach: Reach::LandOnly, ..edit(store, id, Some(Step::InternalOceans), FileType::Raw) };
        store.record_edit(land).unwrap();
        let sent = drain(store);
        assert_eq!(sent[0].key, "preprocessing.internal_oceans.done");
        assert_eq!(Value::Object(sent[0].body.clone()), json!({"id": id, "next_step_only": true}));
        assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Queued);
        assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Done);
        let messages = workflow::dispatch(&sent[0]).unwrap();
        let claim = claimed(store, &messages[1]);
        assert_eq!(Value::Object(claim.parameters.clone()), json!({"id": id, "a": "1", "next_step_only": "done"}));
        let kept = [FileType::Routing, FileType::Soils, FileType::TopoHighRes];
        store.finish(&claim, outputs(store, &kept), &[], &[]).unwrap();
        assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Done);
        let done = drain(store);
        assert_eq!(done[0].body["next_step_only"], json!("done"));
        let stored = store.step(id, Step::Routing).unwrap().parameters.unwrap();
        assert!(!stored.contains_key("next_step_only"), "it belongs to one run");
    }
);

on_both!(an_edit_is_a_step_with_everything_that_follows, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    store.request_step(request(id, Step::Routing)).unwrap();
    settle_all(store);
    let key = Some(Uuid::new_v4());
    let save = || Edit { form_key: key, ..edit(store, id, Some(Step::PassageProblems), FileType::Bathy) };
    let first = store.record_edit(save()).unwrap();
    let files = bench.files().len();
    assert_eq!(store.record_edit(save()).unwrap(), first, "saved twice");
    assert_eq!(bench.files().len(), files);
    let status = store.step(id, Step::PassageProblems).unwrap();
    assert_eq!(
        (status.state, first.info["changes"].as_str()),
        (StepState::Done, Some("a strait was opened"))
    );
    assert_eq!(Value::Object(status.parameters.unwrap()), json!({"id": id, "undo_list": "[]"}));
    assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Queued);
    assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Done);
    settle_all(store);
    assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Done);
});

on_both!(
    /// D11: what the variable explorer changes makes later steps stale.
    d11_an_exploration_makes_later_steps_stale,
    |bench| {
        let store = &bench.store;
        let (_, id) = one_upload(store);
        store.request_step(request(id, Step::Routing)).unwrap();
        settle_all(store);
        store.record_edit(edit(store, id, None, FileType::Bathy)).unwrap();
        assert!(drain(store).is_empty());
        let heatflow = store.step(id, Step::Heatflow).unwrap();
        assert_eq!((heatflow.state, heatflow.up_to_date), (StepState::Stale, false));
        assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Done);
        let again = store.retry(id, Step::Heatflow, None).unwrap();
        finish(store, &claimed(store, &task(id, Step::Heatflow, again.0)), &[]);
        assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Done);
    }
);

on_both!(steps_can_be_marked_stale, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    run_step(store, id, Step::Regrid);
    store.invalidate(id, &[Step::Regrid, Step::Pft], "because").unwrap();
    let status = store.step(id, Step::Regrid).unwrap();
    assert_eq!((status.state, status.reason.as_deref()), (StepState::Stale, Some("because")));
    assert_eq!(store.step(id, Step::Pft).unwrap().state, StepState::NeverRun);
    store.invalidate(crate::DataFileId(99), &[Step::Regrid], "because").unwrap();
});

on_both!(outbox_messages_are_leased_and_given_back, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    for _ in 0..3 {
        store.request_step(request(id, Step::Regrid)).unwrap();
    }
    let leased = store.outbox_lease(2).unwrap();
    assert_eq!((leased.len(), store.outbox_lease(10).unwrap().len()), (2, 1));
    assert!(store.outbox_lease(10).unwrap().is_empty());
    store.outbox_release(&[leased[1].id]).unwrap();
    assert_eq!(store.outbox_lease(10).unwrap()[0].id, leased[1].id);
    store.outbox_remove(&leased.iter().map(|message| message.id).collect::<Vec<_>>()).unwrap();
    assert_eq!(store.activity().unwrap().outbox, 1);
});

on_both!(what_a_bus_has_forgotten_is_asked_for_again_under_the_same_ids, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let run = store.request_step(request(id, Step::Routing)).unwrap();
    // The request itself still waits to be sent.
    assert_eq!(store.recall_runs().unwrap(), 0);
    let dispatched = workflow::dispatch(&drain(store)[0]).unwrap();
    // Lost while it waits, and while it runs.
    assert_eq!((store.recall_runs().unwrap(), store.recall_runs().unwrap()), (1, 0));
    assert_eq!(drain(store), dispatched);
    let claim = claimed(store, &dispatched[0]);
    assert_eq!((claim.run, store.recall_runs().unwrap()), (run, 1));
    assert_eq!(drain(store)[0].id, dispatched[0].id);
    // A re-run that follows has the id that the lost `done` would have given it.
    finish(store, &claim, &[]);
    let done = drain(store);
    let reruns = workflow::dispatch(&done[0]).unwrap();
    assert_eq!(store.recall_runs().unwrap(), 2, "heat flow and ahmcoef");
    for again in drain(store) {
        assert!(reruns.contains(&again), "{again:?}");
        finish(store, &claimed(store, &again), &[]);
        assert_eq!(store.claim(&again).unwrap(), Claim::Ended);
    }
    drain(store);
    assert_eq!(store.recall_runs().unwrap(), 0);
});
