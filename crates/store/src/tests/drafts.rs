//! Drafts: what was confirmed is there, in order, once; saving is all or nothing.

use std::process::Command;

use serde_json::{Value, json};
use uuid::Uuid;
use workflow::{FileType, Step};

use super::{Bench, Fault, drain, object, on_both, one_upload, request, settle_all, staged};
use crate::{
    Appended, Config, DataFileId, Draft, DraftOf, Edit, Error, NewEvent, Reach, Revision, Saved, StepState,
    Store,
};

fn of(data_file: DataFileId) -> DraftOf {
    DraftOf {
        data_file,
        editor: "passage_problems".into(),
        file_type: FileType::Bathy,
        variable: "Bathymetry".into(),
    }
}

fn event(n: i64) -> NewEvent {
    NewEvent { key: Uuid::new_v4(), author: "t1".into(), event: json!({ "apply": n }) }
}

fn append(store: &Store, draft: &Draft, after: i64) -> Appended {
    store.append_to_draft(draft.id, after, vec![event(after + 1)], None).unwrap()
}

fn appended(store: &Store, draft: &Draft, after: i64) {
    let result = append(store, draft, after);
    assert!(matches!(result, Appended::Stored(_)), "{result:?}");
}

/// A workflow with a bathymetry, and a draft on it.
fn with_draft(store: &Store) -> (DataFileId, Revision, Draft) {
    let (_, id) = one_upload(store);
    store.request_step(request(id, Step::Routing)).unwrap();
    settle_all(store);
    let bathy = store.latest(id, FileType::Bathy).unwrap().unwrap();
    let draft = store.open_draft(&of(id), &[bathy.id]).unwrap();
    (id, bathy, draft)
}

fn edit(store: &Store, draft: &Draft, step: Option<Step>) -> Edit {
    Edit {
        data_file: draft.of.data_file,
        step,
        file_type: draft.of.file_type,
        staged: staged(store, "edited"),
        info: object(json!({ "changes": "an isthmus" })),
        parameters: object(json!({ "undo_list": "[1]" })),
        parents: draft.bases.clone(),
        findings: Vec::new(),
        reach: Reach::Everything,
        form_key: Some(Uuid::new_v4()),
        request_id: None,
    }
}

fn saved(result: Saved) -> Revision {
    match result {
        Saved::Revision(revision) => *revision,
        Saved::Moved => panic!("the draft moved"),
    }
}

on_both!(events_come_back_in_order_and_the_draft_is_found_again, |bench| {
    let store = &bench.store;
    let (id, bathy, draft) = with_draft(store);
    for after in 0..5 {
        appended(store, &draft, after);
    }
    let again = Store::open(&bench.config).unwrap();
    let resumed = again.open_draft(&of(id), &[]).unwrap();
    assert_eq!((resumed.id, resumed.bases.as_slice()), (draft.id, [bathy.id].as_slice()));
    let events = again.draft_events(draft.id, 0).unwrap();
    let told: Vec<(i64, Value)> = events.iter().map(|e| (e.sequence, e.event.clone())).collect();
    assert_eq!(told, (1..=5).map(|n| (n, json!({ "apply": n }))).collect::<Vec<_>>());
    assert_eq!(again.draft_events(draft.id, 3).unwrap().len(), 2);
    assert_eq!(again.open_drafts(id).unwrap(), [(again.draft(draft.id).unwrap().unwrap(), 5)]);
});

on_both!(
    /// The same click a second time, after a lost connection, is known.
    a_click_is_stored_once,
    |bench| {
        let store = &bench.store;
        let (_, _, draft) = with_draft(store);
        appended(store, &draft, 0);
        let click = event(2);
        let first = store.append_to_draft(draft.id, 1, vec![click.clone(), event(3)], None).unwrap();
        assert!(matches!(first, Appended::Stored(events) if events.len() == 2));
        assert_eq!(store.append_to_draft(draft.id, 1, vec![click], None).unwrap(), Appended::Known(2));
        assert_eq!(store.draft_events(draft.id, 0).unwrap().len(), 3);
    }
);

on_both!(
    /// Many at once on one draft: nobody's event is lost, none is stored without its author knowing those before it.
    writers_at_once_see_each_other,
    |bench| {
        let store = &bench.store;
        let (_, _, draft) = with_draft(store);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (mut known, mut stored) = (0, 0);
                    while stored < 10 {
                        match append(store, &draft, known) {
                            Appended::Stored(events) => (known, stored) = (events[0].sequence, stored + 1),
                            Appended::Moved => {
                                known = store.draft_events(draft.id, known).unwrap().last().map_or(known, |e| e.sequence);
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                });
            }
        });
        let numbers: Vec<i64> = store.draft_events(draft.id, 0).unwrap().iter().map(|e| e.sequence).collect();
        assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    }
);

on_both!(two_who_open_at_once_get_one_draft, |bench| {
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let ids: Vec<_> = std::thread::scope(|scope| {
        let openers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| store.open_draft(&of(id), &[]).unwrap().id)).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    let other = DraftOf { variable: "other".into(), ..of(id) };
    assert_ne!(store.open_draft(&other, &[]).unwrap().id, ids[0]);
});

on_both!(
    /// D6b: the save and its message are one; the broker is not asked.
    d6b_saving_is_one_transaction_with_the_message,
    |bench| {
        let store = &bench.store;
        let (id, bathy, draft) = with_draft(store);
        appended(store, &draft, 0);
        let edit = edit(store, &draft, Some(Step::PassageProblems));
        let revision = saved(store.save_draft(draft.id, 1, edit).unwrap());
        assert_eq!((revision.file_type, revision.parents.as_slice()), (FileType::Bathy, [bathy.id].as_slice()));
        let sent = drain(store);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].key, "preprocessing.passage_problems.done");
        assert_eq!(Value::Object(sent[0].body.clone()), json!({ "id": id }));
        let step = store.step(id, Step::PassageProblems).unwrap();
        assert_eq!(step.state, StepState::Done);
        assert_eq!(step.parameters.unwrap()["undo_list"], json!("[1]"));
        assert_eq!(store.step(id, Step::Heatflow).unwrap().state, StepState::Queued);
        let closed = store.draft(draft.id).unwrap().unwrap();
        assert_eq!(closed.revision, Some(revision.id));
        assert!(closed.closed_at.is_some() && store.open_drafts(id).unwrap().is_empty());
        assert_eq!(append(store, &draft, 1), Appended::Closed);
        assert_ne!(store.open_draft(&of(id), &[revision.id]).unwrap().id, draft.id);
    }
);

on_both!(
    /// A save that is asked for again (its answer was lost) gives the first revision, and sends nothing.
    a_draft_is_saved_once,
    |bench| {
        let store = &bench.store;
        let (id, _, draft) = with_draft(store);
        appended(store, &draft, 0);
        for step in [Some(Step::PassageProblems), None] {
            let before = store.revisions(id).unwrap().len();
            let draft = store.open_draft(&of(id), &draft.bases).unwrap();
            let last = store.draft_events(draft.id, 0).unwrap().len() as i64;
            let first = saved(store.save_draft(draft.id, last, edit(store, &draft, step)).unwrap());
            drain(store);
            let again = saved(store.save_draft(draft.id, last, edit(store, &draft, step)).unwrap());
            assert_eq!(again, first);
            assert_eq!(store.revisions(id).unwrap().len(), before + 1);
            assert_eq!(bench.files().len(), store.revisions(id).unwrap().len());
            assert!(drain(store).is_empty());
        }
    }
);

on_both!(a_save_that_does_not_know_all_events_is_refused, |bench| {
    let store = &bench.store;
    let (id, _, draft) = with_draft(store);
    appended(store, &draft, 0);
    appended(store, &draft, 1);
    let before = store.revisions(id).unwrap().len();
    let result = store.save_draft(draft.id, 1, edit(store, &draft, Some(Step::PassageProblems))).unwrap();
    assert_eq!(result, Saved::Moved);
    assert_eq!(store.revisions(id).unwrap().len(), before);
    assert_eq!(bench.files().len(), before);
});

on_both!(
    /// D11: what was made from a file that the variable explorer saved is stale.
    d11_saving_an_exploration_makes_later_steps_stale,
    |bench| {
        let store = &bench.store;
        let (id, _, draft) = with_draft(store);
        appended(store, &draft, 0);
        saved(store.save_draft(draft.id, 1, edit(store, &draft, None)).unwrap());
        assert!(drain(store).is_empty(), "the explorer is no step");
        let heatflow = store.step(id, Step::Heatflow).unwrap();
        assert_eq!((heatflow.state, heatflow.reason.as_deref()), (StepState::Stale, Some("Bathymetry was edited after it")));
        assert_eq!(store.step(id, Step::Routing).unwrap().state, StepState::Done);
    }
);

on_both!(a_draft_goes_with_its_data_file, |bench| {
    let store = &bench.store;
    let (id, _, draft) = with_draft(store);
    appended(store, &draft, 0);
    store.delete_data_file(id).unwrap();
    assert!(store.draft(draft.id).unwrap().is_none());
    assert!(store.draft_events(draft.id, 0).unwrap().is_empty());
    let gone = store.append_to_draft(draft.id, 1, vec![event(2)], None);
    assert!(matches!(gone, Err(Error::NotFound { what: "draft", .. })), "{gone:?}");
    assert!(matches!(store.open_draft(&of(id), &[]), Err(Error::NotFound { .. })));
});

const SAVE: [&str; 5] = ["before-rename", "after-rename", "after-revision", "before-commit", "after-commit"];

on_both!(saving_and_appending_are_all_or_nothing, |bench| {
    let store = &bench.store;
    let (id, bathy, draft) = with_draft(store);
    for point in ["after-events", "before-commit"] {
        store.arm(Fault::Error(point));
        assert!(store.append_to_draft(draft.id, 0, vec![event(1), event(2)], Some(&[])).is_err(), "{point}");
        assert!(store.draft_events(draft.id, 0).unwrap().is_empty(), "{point}");
        assert_eq!(store.draft(draft.id).unwrap().unwrap().bases, [bathy.id], "{point}");
    }
    appended(store, &draft, 0);
    let before = store.revisions(id).unwrap().len();
    for point in &SAVE[..4] {
        store.arm(Fault::Error(point));
        let edit = edit(store, &draft, Some(Step::PassageProblems));
        assert!(store.save_draft(draft.id, 1, edit).is_err(), "{point}");
        assert_eq!(store.revisions(id).unwrap().len(), before, "{point}");
        assert_eq!(bench.files().len(), before, "{point}");
        assert_eq!(store.step(id, Step::PassageProblems).unwrap().state, StepState::NeverRun, "{point}");
        assert_eq!(store.open_drafts(id).unwrap().len(), 1, "{point}");
        assert!(drain(store).is_empty(), "{point}");
    }
    saved(store.save_draft(draft.id, 1, edit(store, &draft, Some(Step::PassageProblems))).unwrap());
    assert_eq!((store.revisions(id).unwrap().len(), drain(store).len()), (before + 1, 1));
});

/// Names the instance folder to [`killed_here`], run as a process of its own.
const INSTANCE: &str = "CLIMSIM_TEST_DRAFT_INSTANCE";
const POINT: &str = "CLIMSIM_TEST_DRAFT_POINT";

/// Not a test by itself: the process that [`a_killed_save_leaves_the_draft_or_the_revision`] lets die.
#[test]
fn killed_here() {
    let (Ok(instance), Ok(point)) = (std::env::var(INSTANCE), std::env::var(POINT)) else { return };
    let store = Store::open(&Config { instance: instance.into(), database_url: None, pool_size: 2 }).unwrap();
    let point = SAVE.into_iter().find(|name| *name == point).unwrap();
    let draft = store.open_draft(&of(DataFileId(1)), &[]).unwrap();
    store.arm(Fault::Abort(point));
    let edit = edit(&store, &draft, Some(Step::PassageProblems));
    saved(store.save_draft(draft.id, 3, edit).unwrap());
    std::process::abort();
}

#[test]
fn a_killed_save_leaves_the_draft_or_the_revision() {
    for point in SAVE {
        let bench = Bench::sqlite();
        let store = &bench.store;
        let (id, _, draft) = with_draft(store);
        assert_eq!(id.0, 1);
        (0..3).for_each(|after| appended(store, &draft, after));
        let before = store.revisions(id).unwrap().len();
        let died = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::drafts::killed_here", "--nocapture"])
            .env(INSTANCE, &bench.config.instance)
            .env(POINT, point)
            .output()
            .unwrap();
        assert!(!died.status.success(), "{point}: it was to die");
        assert_eq!(store.draft_events(draft.id, 0).unwrap().len(), 3, "{point}");
        let committed = point == "after-commit";
        assert_eq!(store.revisions(id).unwrap().len(), before + usize::from(committed), "{point}");
        assert_eq!(store.open_drafts(id).unwrap().is_empty(), committed, "{point}");
        assert_eq!(drain(store).len(), usize::from(committed), "{point}");
        // Asking again ends at the same: one revision.
        let again =
            saved(store.save_draft(draft.id, 3, edit(store, &draft, Some(Step::PassageProblems))).unwrap());
        assert_eq!(store.latest(id, FileType::Bathy).unwrap().unwrap().id, again.id, "{point}");
        assert_eq!(store.revisions(id).unwrap().len(), before + 1, "{point}");
    }
}

/// An older release does not know drafts: what it deletes goes all the same.
#[test]
fn deleting_by_an_older_release_takes_the_draft_along() {
    use diesel::prelude::*;
    let bench = Bench::sqlite();
    let store = &bench.store;
    let (_, id) = one_upload(store);
    let draft = store.open_draft(&of(id), &[]).unwrap();
    appended(store, &draft, 0);
    store
        .write(|conn| {
            use crate::schema::{data_files, revisions};
            diesel::delete(revisions::table.filter(revisions::data_file_id.eq(id.0))).execute(conn)?;
            diesel::delete(data_files::table.find(id.0)).execute(conn)?;
            Ok(())
        })
        .unwrap();
    assert!(store.draft(draft.id).unwrap().is_none());
    assert!(store.draft_events(draft.id, 0).unwrap().is_empty());
}
