//! What the worker alone must get right, on the embedded bus.

use std::time::Duration;

use store::{Claim, StepState};
use workflow::message::PYTHON_QUEUE;
use workflow::{Key, Step, Task, Worker};

use crate::platform::{On, Platform};

/// D10: how far a step is, is seen while it runs, a few times a second and not a thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_progress_is_seen_and_throttled() {
    let platform = Platform::start(On::Embedded, 1).await;
    let file = platform.upload().await;
    let mut passing = platform.context.bus.observe();
    platform.ask(file, Step::Regrid, "slow").await;
    let mut stages = Vec::new();
    let mut status = platform.becomes(file, Step::Regrid, StepState::Running).await;
    while status.state == StepState::Running {
        stages.extend(status.stage.clone().zip(status.fraction));
        tokio::time::sleep(Duration::from_millis(20)).await;
        status = platform.step(file, Step::Regrid).await;
    }
    assert!(stages.iter().any(|(stage, fraction)| stage == "river lengths" && *fraction > 0.0), "{stages:?}");
    assert!(stages.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{stages:?}");
    platform.settles().await;
    let mut reports = 0;
    while let Ok(message) = passing.try_recv() {
        if message.key.parse() == Ok(Key::Progress(Task::Step(Step::Regrid))) {
            assert_eq!(message.body["id"], file.0);
            assert_eq!(message.owner, Some(platform.owner.0));
            reports += 1;
        }
    }
    assert!((2..=20).contains(&reports), "{reports} reports of a thousand");
    platform.end().await;
}

/// D3, D16: a task whose worker dies each time is given up with a reason, and kept among the dead letters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_a_task_that_kills_its_worker_is_given_up() {
    let platform = Platform::start(On::Embedded, 1).await;
    let file = platform.upload().await;
    // Workers that claim and die, as the store sees it.
    let mut body = serde_json::Map::new();
    body.insert("id".into(), file.0.into());
    let mut message = workflow::Message::new(Key::ForWorker(Task::Step(Step::Regrid), Worker::Python), body);
    message.run = Some(message.id);
    let claimed = message.clone();
    platform
        .on_store(move |store| {
            for _ in 0..worker::MAX_ATTEMPTS {
                assert!(matches!(store.claim(&claimed).unwrap(), Claim::Run(_)));
            }
        })
        .await;
    platform.publish(&message).await;
    let failed = platform.becomes(file, Step::Regrid, StepState::Failed).await;
    assert!(failed.reason.unwrap().contains("5 times in a row"));
    platform.dead_letters_become(1).await;
    assert!(platform.seen().is_empty());
    platform.end().await;
}

/// D3: a data file deleted while its task waits ends the task.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_a_deleted_data_file_ends_its_tasks() {
    let platform = Platform::start(On::Embedded, 1).await;
    let (busy, deleted) = (platform.upload().await, platform.upload().await);
    platform.ask(busy, Step::Regrid, "held").await;
    platform.becomes(busy, Step::Regrid, StepState::Running).await;
    platform.ask(deleted, Step::Regrid, "ok").await;
    platform.on_store(move |store| store.delete_data_file(deleted).unwrap()).await;
    platform.release();
    platform.becomes(busy, Step::Regrid, StepState::Done).await;
    platform.settles().await;
    assert_eq!(platform.seen().len(), 1);
    platform.dead_letters_become(0).await;
    platform.end().await;
}

/// A message of a later release is left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_newer_than_the_worker_waits_for_a_newer_one() {
    let platform = Platform::start(On::Embedded, 1).await;
    let file = platform.upload().await;
    let mut body = serde_json::Map::new();
    body.insert("id".into(), file.0.into());
    let mut message = workflow::Message::new(Key::ForWorker(Task::Step(Step::Regrid), Worker::Python), body);
    message.schema = workflow::message::SCHEMA + 1;
    platform.publish(&message).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(platform.seen().is_empty());
    assert_eq!(platform.context.bus.depth(PYTHON_QUEUE).await.unwrap(), 1);
    platform.dead_letters_become(0).await;
    platform.end().await;
}
