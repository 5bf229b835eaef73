//! Messages: a routing key, a JSON body as the original speaks it, and properties that make it safe.
//!
//! The body is the public contract and holds nothing new. What the platform adds — ids, the run, the owner, the
//! request id — travels beside it in the properties, and a message without them (from a foreign worker) is
//! understood all the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Task, UnknownStep, Worker};

/// The topic exchange.
pub const EXCHANGE: &str = "preprocessing";

/// Queue of the dispatcher.
pub const DISPATCHER_QUEUE: &str = "preprocessing_task_queue";
/// Queue of the numerics.
pub const PYTHON_QUEUE: &str = "preprocessing_python_task_queue";
/// Queue of the coupling weights.
pub const MOSAIC_QUEUE: &str = "preprocessing_mosaic_task_queue";

/// Every queue with its bindings to [`EXCHANGE`]; all of them are declared by every service, so that no message
/// depends on who started first.
pub const TOPOLOGY: [(&str, &[&str]); 3] = [
    (DISPATCHER_QUEUE, &["preprocessing.*", "preprocessing.*.done"]),
    (PYTHON_QUEUE, &["preprocessing.*.python"]),
    (MOSAIC_QUEUE, &["preprocessing.*.mosaic", "preprocessing.*.mosaix"]),
];

/// The version of the properties; a worker leaves alone what is newer than itself.
pub const SCHEMA: u32 = 1;

/// A parsed routing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// `preprocessing.T`: somebody asks for T.
    Request(Task),
    /// `preprocessing.T.W`: T, for the workers W.
    ForWorker(Task, Worker),
    /// `preprocessing.T.done`
    Done(Task),
    /// `preprocessing.T.progress`
    Progress(Task),
    /// `preprocessing.T.failed`
    Failed(Task),
}

/// The text is no routing key of the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It does not read `preprocessing.TASK` or `preprocessing.TASK.WORD`.
    #[error("routing key '{0}' does not read preprocessing.TASK or preprocessing.TASK.WORD")]
    Shape(String),
    /// The task or the last word is unknown.
    #[error("routing key '{key}': {source}")]
    Word {
        /// The key.
        key: String,
        /// Which word.
        source: UnknownStep,
    },
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(task) => write!(f, "{EXCHANGE}.{task}"),
            Self::ForWorker(task, worker) => write!(f, "{EXCHANGE}.{task}.{}", worker.as_str()),
            Self::Done(task) => write!(f, "{EXCHANGE}.{task}.done"),
            Self::Progress(task) => write!(f, "{EXCHANGE}.{task}.progress"),
            Self::Failed(task) => write!(f, "{EXCHANGE}.{task}.failed"),
        }
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |source| InvalidKey::Word { key: text.to_owned(), source };
        let words: Vec<&str> = text.split('.').collect();
        match words[..] {
            [EXCHANGE, task] => task.parse().map(Self::Request).map_err(word),
            [EXCHANGE, task, last] => {
                let task = task.parse().map_err(word)?;
                match last {
                    "done" => Ok(Self::Done(task)),
                    "progress" => Ok(Self::Progress(task)),
                    "failed" => Ok(Self::Failed(task)),
                    worker => worker.parse().map(|worker| Self::ForWorker(task, worker)).map_err(word),
                }
            }
            _ => Err(InvalidKey::Shape(text.to_owned())),
        }
    }
}

/// A message as the bus carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Identity: the same message delivered or published twice has the same id.
    pub id: Uuid,
    /// Routing key, as text: a foreign key must survive until somebody rejects it with a reason.
    pub key: String,
    /// The JSON object of the contract.
    pub body: Map<String, Value>,
    /// The step run that a task for a worker carries out, or that a `done` reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// The owner of the data file when the task was accepted; checked again by the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<i32>,
    /// Follows one click through every log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// [`SCHEMA`] of the sender.
    #[serde(default)]
    pub schema: u32,
}

impl Message {
    /// A message with a fresh id and no properties.
    pub fn new(key: Key, body: Map<String, Value>) -> Self {
        Self {
            id: Uuid::new_v4(),
            key: key.to_string(),
            body,
            run: None,
            owner: None,
            request_id: None,
            schema: SCHEMA,
        }
    }

    /// A message that follows from this one: its id derives from this one's and from the key, so that handling a
    /// duplicate of this message yields the same ids again; owner and request id are handed on.
    pub fn follow(&self, key: Key, body: Map<String, Value>) -> Self {
        Self {
            id: derived_id(self.id, key),
            key: key.to_string(),
            body,
            run: None,
            owner: self.owner,
            request_id: self.request_id.clone(),
            schema: SCHEMA,
        }
    }

    /// The data file that the body speaks of.
    pub fn data_file(&self) -> Option<i32> {
        self.body.get("id").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok())
    }

    /// The message with the target model in its body: the release of 2023 names it in the routing key
    /// (`preprocessing.calculate_weights.mosaix`), and parameters are what is stored and taken again.
    pub fn with_target(mut self) -> Self {
        if self.key.ends_with(".mosaix") && !self.body.contains_key("engine") {
            self.body.insert("engine".into(), "mosaix".into());
        }
        self
    }

    /// True when the body asks for a re-run (`invalidated` is `yes` or `y`, in any case).
    pub fn is_rerun(&self) -> bool {
        self.flag("invalidated", &["yes", "y"])
    }

    /// True when the body says that the task needs no stored parameters (`has_params` is `no` or `n`).
    pub fn needs_no_params(&self) -> bool {
        self.flag("has_params", &["no", "n"])
    }

    fn flag(&self, field: &str, words: &[&str]) -> bool {
        let text = self.body.get(field).and_then(Value::as_str);
        text.is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
    }
}

/// The id of the message with key `key` that follows from the message `parent`.
pub fn derived_id(parent: Uuid, key: Key) -> Uuid {
    Uuid::new_v5(&parent, key.to_string().as_bytes())
}
