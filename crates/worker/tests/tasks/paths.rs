//! What must come of a click, on both buses.

use std::time::Duration;

use serde_json::{Map, json};
use store::{Edit, Reach, Request, StepState};
use workflow::{FileType, Key, Message, Step, Task, Worker};

use crate::platform::{On, Platform, TIMEOUT, assert_numbered, count};

async fn rabbit() -> Option<On> {
    let server = tokio::task::spawn_blocking(testkit::rabbitmq).await.expect("no panic")?;
    Some(On::Rabbit(server.url()))
}

/// Each path is walked on both buses.
macro_rules! on_both {
    ($($path:ident),* $(,)?) => {
        mod embedded {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $path() {
                super::$path(super::On::Embedded).await;
            }
        )*}
        mod rabbit {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $path() {
                if let Some(on) = super::rabbit().await {
                    super::$path(on).await;
                }
            }
        )*}
    };
}

on_both!(
    a_click_leads_to_everything_that_follows,
    d3_a_bad_task_is_a_result_and_hurts_nobody_else,
    d5_d16_the_same_message_twice_runs_once,
    d7_a_land_edit_keeps_the_bathymetry,
    d2_d15_d19_what_is_not_ours_is_rejected,
    a_foreign_message_is_as_good_as_ours,
    two_routings_at_once_store_two_sets,
    a_worker_told_to_stop_gives_back_what_it_cannot_finish,
);

/// D5: a step that computes for several heartbeats without a word is neither cut off nor repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_step_longer_than_the_heartbeat_runs_once() {
    let Some(On::Rabbit(url)) = rabbit().await else { return };
    let platform = Platform::start(On::Rabbit(format!("{url}?heartbeat=1")), 1).await;
    let file = platform.upload().await;
    platform.ask(file, Step::Regrid, "busy").await;
    platform.becomes(file, Step::Regrid, StepState::Done).await;
    platform.settles().await;
    assert_eq!(platform.runs_of(Step::Regrid), 1);
    assert_eq!(count(&platform.revisions(file).await, FileType::Raw), 2);
    platform.dead_letters_become(0).await;
    platform.end().await;
}

async fn a_click_leads_to_everything_that_follows(on: On) {
    let platform = Platform::start(on, 1).await;
    let file = platform.upload().await;
    platform.ask(file, Step::Regrid, "ok").await;
    platform.becomes(file, Step::Regrid, StepState::Done).await;
    platform.settles().await;
    // Routing never ran: nothing follows by itself.
    assert_eq!(platform.step(file, Step::Routing).await.state, StepState::NeverRun);
    assert_eq!(platform.seen().len(), 1);

    platform.ask(file, Step::Routing, "ok").await;
    for step in [Step::Routing, Step::Heatflow, Step::Ahmcoef] {
        platform.becomes(file, step, StepState::Done).await;
    }
    platform.ask(file, Step::Pft, "ok").await;
    platform.becomes(file, Step::Pft, StepState::Done).await;
    platform.settles().await;

    // Regrid again: the whole chain runs again, with the stored parameters, and comes to rest (D18).
    platform.ask(file, Step::Regrid, "ok").await;
    platform.settles().await;
    for step in [Step::Regrid, Step::Routing, Step::Pft, Step::Heatflow, Step::Ahmcoef] {
        platform.becomes(file, step, StepState::Done).await;
        assert_eq!(platform.runs_of(step), 2, "{step}");
    }
    let again: Vec<_> = platform.seen().into_iter().filter(|seen| seen.step == Step::Routing).collect();
    assert_eq!(again[0].parameters["act"], again[1].parameters["act"]);
    let revisions = platform.revisions(file).await;
    assert_numbered(&revisions);
    assert_eq!(count(&revisions, FileType::Raw), 3);
    for file_type in
        [FileType::Routing, FileType::Bathy, FileType::Pft, FileType::Heatflow, FileType::Ahmcoef]
    {
        assert_eq!(count(&revisions, file_type), 2, "{file_type}");
    }
    platform.end().await;
}

async fn d3_a_bad_task_is_a_result_and_hurts_nobody_else(on: On) {
    let platform = Platform::start(on, 1).await;
    let (bad, good) = (platform.upload().await, platform.upload().await);
    platform.ask(bad, Step::Regrid, "fail").await;
    platform.ask(bad, Step::Routing, "panic").await;
    platform.ask(good, Step::Regrid, "ok").await;
    platform.becomes(good, Step::Regrid, StepState::Done).await;
    let failed = platform.becomes(bad, Step::Regrid, StepState::Failed).await;
    assert_eq!(failed.reason.as_deref(), Some("the variable 'z' is missing: choose another"));
    let failed = platform.becomes(bad, Step::Routing, StepState::Failed).await;
    assert!(failed.reason.unwrap().contains("an error of the program itself"));
    platform.settles().await;
    assert_eq!((platform.runs_of(Step::Regrid), platform.runs_of(Step::Routing)), (2, 1));
    assert_eq!(platform.revisions(bad).await.len(), 1, "only the upload");
    platform.dead_letters_become(0).await;
    // A retry with the same parameters fails again, and says so.
    platform.on_store(move |store| store.retry(bad, Step::Regrid, None).unwrap()).await;
    platform.settles().await;
    assert_eq!(platform.runs_of(Step::Regrid), 3);
    assert_eq!(platform.step(bad, Step::Regrid).await.state, StepState::Failed);
    platform.end().await;
}

async fn d5_d16_the_same_message_twice_runs_once(on: On) {
    let platform = Platform::start(on, 2).await;
    let file = platform.upload().await;
    let run = platform.ask(file, Step::Routing, "ok").await;
    platform.becomes(file, Step::Ahmcoef, StepState::Done).await;
    platform.settles().await;
    let before = platform.revisions(file).await;

    // As a relay that died before it could forget, then as a dispatcher, then as a broker would send it again.
    let mut body = Map::new();
    body.insert("act".into(), json!("ok"));
    body.insert("id".into(), json!(file.0));
    let mut request = Message::new(Key::Request(Task::Step(Step::Routing)), body.clone());
    request.id = run.0;
    request.run = Some(run.0);
    let for_worker = request.follow(Key::ForWorker(Task::Step(Step::Routing), Worker::Python), body.clone());
    let for_worker = Message { run: Some(run.0), ..for_worker };
    let done = Message { run: Some(run.0), ..for_worker.follow(Key::Done(Task::Step(Step::Routing)), body) };
    let done =
        Message { id: workflow::message::derived_id(run.0, Key::Done(Task::Step(Step::Routing))), ..done };
    for message in [&request, &request, &for_worker, &for_worker, &done, &done] {
        platform.publish(message).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    platform.settles().await;
    assert_eq!(platform.revisions(file).await, before);
    assert_eq!(platform.runs_of(Step::Routing), 1);
    assert_eq!((platform.runs_of(Step::Heatflow), platform.runs_of(Step::Ahmcoef)), (1, 1));
    for step in [Step::Routing, Step::Heatflow, Step::Ahmcoef] {
        assert_eq!(platform.step(file, step).await.state, StepState::Done, "{step}");
    }
    platform.end().await;
}

async fn d7_a_land_edit_keeps_the_bathymetry(on: On) {
    let platform = Platform::start(on, 1).await;
    let file = platform.upload().await;
    platform.ask(file, Step::Routing, "ok").await;
    platform.becomes(file, Step::Ahmcoef, StepState::Done).await;
    platform.becomes(file, Step::Heatflow, StepState::Done).await;
    platform.settles().await;
    platform
        .on_store(move |store| {
            let staged = store.stage(".nc").unwrap();
            std::fs::write(staged.path(), "an edited topography").unwrap();
            let raw = store.latest(file, FileType::Raw).unwrap().unwrap();
            store
                .record_edit(Edit {
                    data_file: file,
                    step: Some(Step::InternalOceans),
                    file_type: FileType::Raw,
                    staged,
                    info: Map::new(),
                    parameters: Map::new(),
                    parents: vec![raw.id],
                    findings: Vec::new(),
                    reach: Reach::LandOnly,
                    form_key: None,
                    request_id: None,
                })
                .unwrap();
        })
        .await;
    platform.settles().await;
    platform.becomes(file, Step::Routing, StepState::Done).await;
    let runs: Vec<_> = platform.seen().into_iter().filter(|seen| seen.step == Step::Routing).collect();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].parameters.get("next_step_only"), Some(&json!("done")));
    assert_eq!(runs[1].parameters.get("act"), Some(&json!("ok")), "the stored parameters are used");
    let revisions = platform.revisions(file).await;
    assert_eq!(count(&revisions, FileType::Bathy), 1, "the bathymetry is kept");
    assert_eq!(count(&revisions, FileType::Routing), 2);
    assert_eq!((platform.runs_of(Step::Heatflow), platform.runs_of(Step::Ahmcoef)), (1, 1));
    platform.end().await;
}

async fn d2_d15_d19_what_is_not_ours_is_rejected(on: On) {
    let platform = Platform::start(on, 1).await;
    let file = platform.upload().await;
    let task = |key: &str, body: serde_json::Value| {
        let mut message = Message::new(Key::Done(Task::Invalidate), body.as_object().unwrap().clone());
        message.key = key.to_owned();
        message
    };
    // D2: the message names another owner than the data file has.
    let mut stolen = task("preprocessing.regrid.python", json!({"id": file.0, "act": "ok"}));
    stolen.owner = Some(platform.owner.0 + 1);
    platform.publish(&stolen).await;
    // D15: no data file.
    platform.publish(&task("preprocessing.regrid.python", json!({}))).await;
    platform.publish(&task("preprocessing.regrid.done", json!({}))).await;
    // D19: a key is no code.
    platform.publish(&task("preprocessing.open('x','w').python", json!({"id": file.0}))).await;
    platform.publish(&task("preprocessing.calculate_weights.python", json!({"id": file.0}))).await;
    platform.dead_letters_become(5).await;
    assert_eq!(platform.revisions(file).await.len(), 1);
    // A data file that is not there ends its tasks without a word.
    platform.publish(&task("preprocessing.regrid.python", json!({"id": 4711, "act": "ok"}))).await;
    // The worker lives.
    platform.ask(file, Step::Regrid, "ok").await;
    platform.becomes(file, Step::Regrid, StepState::Done).await;
    platform.settles().await;
    platform.dead_letters_become(5).await;
    assert_eq!(platform.seen().len(), 1);
    platform.end().await;
}

async fn a_foreign_message_is_as_good_as_ours(on: On) {
    let platform = Platform::start(on, 1).await;
    let file = platform.upload().await;
    let mut passing = platform.context.bus.observe();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut body = Map::new();
    body.insert("id".into(), json!(file.0));
    body.insert("limits".into(), json!("default"));
    let mut request = Message::new(Key::Request(Task::Step(Step::Regrid)), body.clone());
    request.schema = 0;
    platform.publish(&request).await;
    platform.becomes(file, Step::Regrid, StepState::Done).await;
    platform.settles().await;
    // `.done` carries the body that the worker received.
    let mut done = None;
    while let Ok(Ok(message)) = tokio::time::timeout(Duration::from_secs(2), passing.recv()).await {
        if message.key == "preprocessing.regrid.done" {
            done = Some(message);
            break;
        }
    }
    assert_eq!(done.expect("a done").body, body);
    assert_eq!(count(&platform.revisions(file).await, FileType::Raw), 2);
    platform.end().await;
}

async fn two_routings_at_once_store_two_sets(on: On) {
    let platform = Platform::start(on, 3).await;
    let file = platform.upload().await;
    platform.ask(file, Step::Routing, "slow").await;
    platform.ask(file, Step::Routing, "slow").await;
    platform.settles().await;
    let revisions = platform.revisions(file).await;
    assert_numbered(&revisions);
    for file_type in [FileType::Routing, FileType::Bathy, FileType::Soils, FileType::TopoHighRes] {
        assert_eq!(count(&revisions, file_type), 2, "{file_type}");
    }
    for step in [Step::Routing, Step::Heatflow, Step::Ahmcoef] {
        assert_eq!(platform.step(file, step).await.state, StepState::Done, "{step}");
    }
    // D31: the same form twice is one run.
    let key = Some(uuid::Uuid::new_v4());
    let request =
        Request { data_file: file, step: Step::Regrid, body: Map::new(), form_key: key, request_id: None };
    let twice = request.clone();
    let runs = platform.on_store(move |store| (store.request_step(request), store.request_step(twice))).await;
    assert_eq!(runs.0.unwrap(), runs.1.unwrap());
    platform.settles().await;
    assert_eq!(platform.runs_of(Step::Regrid), 1);
    platform.end().await;
}

async fn a_worker_told_to_stop_gives_back_what_it_cannot_finish(on: On) {
    let mut platform = Platform::start(on, 1).await;
    let file = platform.upload().await;
    platform.ask(file, Step::Regrid, "very slow").await;
    platform.becomes(file, Step::Regrid, StepState::Running).await;
    // The step takes 20 s; a worker that is told to stop has 0.3 s.
    platform.replace_worker().await;
    let since = std::time::Instant::now();
    while platform.runs_of(Step::Regrid) < 2 {
        assert!(since.elapsed() < TIMEOUT, "nobody takes it over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A deleted data file ends the run: its next report finds that it no longer counts.
    platform.on_store(move |store| store.delete_data_file(file).unwrap()).await;
    platform.settles().await;
    platform.end().await;
}
