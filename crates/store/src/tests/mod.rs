//! The tests run against SQLite and, where there is a server, against PostgreSQL: every test of [`on_both!`] twice.

mod accounts;
mod adoption;
mod backup;
mod data_files;
mod defects;
mod drafts;
mod failure_points;
mod queues;
mod runs;
mod schema;

use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::{Map, Value, json};
use testkit::PostgresDatabase;
use uuid::Uuid;
use workflow::{FileType, Key, Message, Step, Task};

use crate::{
    Claim, ClaimedRun, Config, DataFileId, Error, Finished, Output, Release, Request, Revision, RevisionId,
    Staged, Store, UserId,
};

/// Where the store is made to fail, once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Error(&'static str),
    /// The process ends there, as by `kill -9`.
    Abort(&'static str),
}

impl Fault {
    pub(crate) fn strike(armed: &Mutex<Option<Self>>, point: &'static str) -> Result<(), Error> {
        let mut armed = armed.lock().unwrap();
        match *armed {
            Some(Self::Error(at)) if at == point => {
                *armed = None;
                Err(Error::Unsupported("the test failed here"))
            }
            Some(Self::Abort(at)) if at == point => std::process::abort(),
            _ => Ok(()),
        }
    }
}

impl Store {
    pub(crate) fn arm(&self, fault: Fault) {
        *self.0.fault.lock().unwrap() = Some(fault);
    }
}

/// A store of its own, gone with the test.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) config: Config,
    _folder: tempfile::TempDir,
    _database: Option<PostgresDatabase>,
}

impl Bench {
    pub(crate) fn sqlite() -> Self {
        Self::new(None)
    }

    /// `None`, loudly, where there is no server.
    pub(crate) fn postgres() -> Option<Self> {
        PostgresDatabase::create().map(|database| Self::new(Some(database)))
    }

    fn new(database: Option<PostgresDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            instance: folder.path().join("instance"),
            database_url: database.as_ref().map(|database| database.url.clone()),
            pool_size: 8,
        };
        let store = Store::open(&config).unwrap();
        Self { store, config, _folder: folder, _database: database }
    }

    pub(crate) fn files(&self) -> Vec<String> {
        stored_files(&self.config.instance)
    }
}

/// Names of stored and staged files.
pub(crate) fn stored_files(instance: &PathBuf) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(instance)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".nc") || name.ends_with(".tar.gz"))
        .collect();
    names.sort();
    names
}

/// `on_both!(name, |bench| { ... })` makes `name::sqlite` and `name::postgres`.
macro_rules! on_both {
    ($(#[$attribute:meta])* $name:ident, |$bench:ident| $body:block) => {
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn run($bench: &$crate::tests::Bench) $body

            #[test]
            fn sqlite() {
                run(&$crate::tests::Bench::sqlite());
            }

            #[test]
            fn postgres() {
                if let Some(bench) = $crate::tests::Bench::postgres() {
                    run(&bench);
                }
            }
        }
    };
}
pub(crate) use on_both;

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

pub(crate) fn staged(store: &Store, content: &str) -> Staged {
    let staged = store.stage(".nc").unwrap();
    std::fs::write(staged.path(), content).unwrap();
    staged
}

pub(crate) fn user(store: &Store, name: &str) -> UserId {
    store.create_user(name, "a long password").unwrap()
}

pub(crate) fn upload(store: &Store, owner: UserId) -> DataFileId {
    store
        .create_data_file(
            owner,
            "topo.nc",
            object(json!({"age": "60"})),
            Release::default(),
            staged(store, "raw"),
        )
        .unwrap()
}

/// A store with one user and one upload.
pub(crate) fn one_upload(store: &Store) -> (UserId, DataFileId) {
    let owner = user(store, "alice");
    (owner, upload(store, owner))
}

pub(crate) fn request(data_file: DataFileId, step: Step) -> Request {
    let body = object(json!({"a": "1"}));
    Request { data_file, step, body, form_key: None, request_id: Some("click".to_owned()) }
}

/// The message that the dispatcher makes of the request of that run.
pub(crate) fn task(data_file: DataFileId, step: Step, run: Uuid) -> Message {
    let mut message =
        Message::new(Key::ForWorker(Task::Step(step), step.worker()), object(json!({"id": data_file})));
    message.run = Some(run);
    message
}

pub(crate) fn claimed(store: &Store, message: &Message) -> ClaimedRun {
    match store.claim(message).unwrap() {
        Claim::Run(run) => run,
        other => panic!("{} was not claimed: {other:?}", message.key),
    }
}

pub(crate) fn outputs(store: &Store, types: &[FileType]) -> Vec<Output> {
    let output = |file_type: &FileType| Output {
        file_type: *file_type,
        staged: staged(store, file_type.as_str()),
        info: Map::new(),
    };
    types.iter().map(output).collect()
}

pub(crate) fn finish(store: &Store, run: &ClaimedRun, parents: &[RevisionId]) -> Vec<Revision> {
    match store.finish(run, outputs(store, run.step.outputs()), parents, &[]).unwrap() {
        Finished::Stored(revisions) => revisions,
        Finished::Discarded => panic!("the results of {} were discarded", run.step),
    }
}

/// Asks for a step and carries it out.
pub(crate) fn run_step(store: &Store, data_file: DataFileId, step: Step) -> Vec<Revision> {
    let run = store.request_step(request(data_file, step)).unwrap();
    finish(store, &claimed(store, &task(data_file, step, run.0)), &[])
}

/// Everything in the outbox, taken.
pub(crate) fn drain(store: &Store) -> Vec<Message> {
    let messages = store.outbox_lease(1000).unwrap();
    let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
    store.outbox_remove(&ids).unwrap();
    messages
}

/// Does what dispatcher and workers do until nothing moves; returns the keys in order.
pub(crate) fn settle_all(store: &Store) -> Vec<String> {
    let mut seen = Vec::new();
    let mut waiting: std::collections::VecDeque<Message> = drain(store).into();
    while let Some(message) = waiting.pop_front() {
        seen.push(message.key.clone());
        match message.key.parse().unwrap() {
            Key::Request(_) | Key::Done(_) => waiting.extend(workflow::dispatch(&message).unwrap()),
            Key::ForWorker(Task::Invalidate, _) => store.invalidate_by_message(&message).unwrap(),
            Key::ForWorker(Task::Step(step), _) if step.worker() == workflow::Worker::Panel => {}
            Key::ForWorker(..) => {
                if let Claim::Run(run) = store.claim(&message).unwrap() {
                    finish(store, &run, &[]);
                }
                waiting.extend(drain(store));
            }
            Key::Progress(_) | Key::Failed(_) => {}
        }
    }
    seen
}
