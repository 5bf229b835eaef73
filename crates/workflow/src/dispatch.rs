//! What follows from a message.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::message::{Key, Message, derived_id};
use crate::{Step, Task, Worker};

/// Why a message is refused; it goes to the dead letters with this reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The routing key is none of the platform's.
    #[error(transparent)]
    Key(#[from] crate::message::InvalidKey),
    /// The key is not one that the dispatcher handles.
    #[error("routing key '{0}' is not for the dispatcher")]
    NotForDispatcher(String),
    /// The body has no data file.
    #[error("the body of '{key}' has no whole number 'id'")]
    NoDataFile {
        /// The routing key.
        key: String,
    },
}

/// What a finished step means for the steps after it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Consequences {
    /// Steps that are no longer valid.
    pub invalidated: Vec<Step>,
    /// Steps that are asked to run again, each with the body of its message.
    pub rerun: Vec<(Step, Map<String, Value>)>,
}

/// The messages that follow from `message`, in the order in which they must be sent.
///
/// # Errors
/// A message that is none of the contract, with the reason.
pub fn dispatch(message: &Message) -> Result<Vec<Message>, Rejected> {
    let key: Key = message.key.parse()?;
    let data_file = || message.data_file().ok_or_else(|| Rejected::NoDataFile { key: message.key.clone() });
    match key {
        Key::Request(task) => {
            data_file()?;
            let mut to_worker = message.follow(Key::ForWorker(task, task.worker()), message.body.clone());
            to_worker.run = message.run.or(Some(message.id));
            Ok(vec![to_worker])
        }
        Key::Done(Task::Invalidate) => Ok(Vec::new()),
        Key::Done(Task::Step(step)) => {
            let id = data_file()?;
            Ok(after(message, step, id))
        }
        Key::ForWorker(..) | Key::Progress(_) | Key::Failed(_) => {
            Err(Rejected::NotForDispatcher(message.key.clone()))
        }
    }
}

fn after(done: &Message, step: Step, data_file: i32) -> Vec<Message> {
    if step.successors().is_empty() {
        return Vec::new();
    }
    let consequences = consequences(step, data_file, done.body.get("next_step_only"));
    let tasks: Vec<&str> = consequences.invalidated.iter().map(|s| s.as_str()).collect();
    let Value::Object(body) = json!({ "id": data_file, "tasks": tasks }) else { return Vec::new() };
    let mut invalidate = done.follow(Key::ForWorker(Task::Invalidate, Worker::Python), body);
    // Tells the worker that whoever recorded this run has already recorded its consequences.
    invalidate.run = done.run;
    let mut messages = vec![invalidate];
    for (successor, body) in consequences.rerun {
        let mut message = done.follow(rerun_key(successor), body);
        message.run = Some(message.id);
        messages.push(message);
    }
    messages
}

/// What `step` being done means for the steps after it; `next_step_only` is the field of the `done` body: absent
/// (or anything else) renews everything, `true` (an edit of land only) just the direct successors, `"done"` nothing.
pub fn consequences(step: Step, data_file: i32, next_step_only: Option<&Value>) -> Consequences {
    let land_only = next_step_only == Some(&Value::Bool(true));
    if next_step_only.and_then(Value::as_str) == Some("done") {
        return Consequences::default();
    }
    let direct = step.successors();
    let invalidated = if land_only { direct.to_vec() } else { step.reachable() };
    let rerun = direct
        .iter()
        .map(|&successor| {
            let mut body = Map::new();
            body.insert("id".into(), data_file.into());
            body.insert("invalidated".into(), "yes".into());
            if !successor.has_params() {
                body.insert("has_params".into(), "no".into());
            }
            if land_only {
                body.insert("next_step_only".into(), "done".into());
            }
            (successor, body)
        })
        .collect();
    Consequences { invalidated, rerun }
}

/// The run (and message) id under which `successor` is re-run because of the `done` message `done`: whoever records
/// the end of a step can record the queued re-runs with it, under the ids that the dispatcher will use.
pub fn rerun_id(done: Uuid, successor: Step) -> Uuid {
    derived_id(done, rerun_key(successor))
}

fn rerun_key(step: Step) -> Key {
    Key::ForWorker(Task::Step(step), step.worker())
}
