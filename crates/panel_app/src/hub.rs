//! The drafts that are open, and the pages that show them.
//!
//! A draft that a page shows is held by one task, which does what the pages ask one after another, on a blocking thread, and
//! tells every page what is different. It belongs to the draft and not to a connection: pages come and go. Some time
//! after the last page has gone the task ends and the memory is free; the draft stays in the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use field::Container;
use serde_json::{Map as Object, Value, json};
use service::Metrics;
use store::{DraftId, Store, UserId};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::consequence::{self, Consequences, Kind, Outcome};
use crate::error::Error;
use crate::protocol::{Change, Query, Request};
use crate::query::{QueryResult, with_changes};
use crate::work::{self, Changed, DraftUpdate, OpenRequest, Work};

/// Requests of a draft that wait at most; then its pages wait.
const WAITING: usize = 64;
/// Frames that a page has not taken yet; one that is slower is cut off and starts again.
const UNSENT: usize = 256;
/// How often it is looked whether the workflow has a newer revision.
const REVISION_POLL_INTERVAL: Duration = Duration::from_secs(20);
/// Drafts that are read at the same time.
const OPENING: usize = 2;
/// Consequences (routing) that are computed at the same time.
const COMPUTING: usize = 1;
/// Cells of all the maps in memory at most.
const CELLS: usize = 40_000_000;

/// What the editor allows.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections at most.
    pub connections: usize,
    /// Of one account.
    pub connections_of_account: usize,
    /// After this time without a page a draft is dropped from memory.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1000, connections_of_account: 100, idle: Duration::from_secs(60) }
    }
}

/// The open drafts. Clones share them.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    store: Store,
    metrics: Metrics,
    limits: Limits,
    stop: CancellationToken,
    /// Another one at every start.
    server: Uuid,
    drafts: Mutex<HashMap<DraftId, mpsc::Sender<Job>>>,
    connections: Mutex<HashMap<UserId, usize>>,
    in_flight: AtomicUsize,
    cells: AtomicUsize,
    opening: Semaphore,
    computing: Arc<Semaphore>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// What goes to a page.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    Text(String),
    Binary(Bytes),
    /// The last one: `again` says whether connecting again makes sense.
    End {
        message: String,
        again: bool,
    },
}

/// A page that shows a draft.
pub(crate) struct Page {
    /// Who it is, as the author of what it does.
    pub(crate) tab: String,
    frames: mpsc::Sender<Frame>,
    wants: BTreeSet<Kind>,
}

/// Commands to a draft's task.
pub(crate) enum Job {
    Join { page: Page, answer: oneshot::Sender<Result<(), Error>> },
    Leave { tab: String },
    Request { tab: String, id: Value, request: Request, _in_flight: Option<InFlight> },
    Computed(Outcome),
}

/// A change that is not answered yet: an update of the service waits for it.
pub(crate) struct InFlight(Hub);

impl Drop for InFlight {
    fn drop(&mut self) {
        let before = self.0.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.0.metrics.set(IN_FLIGHT, &[], before.saturating_sub(1) as f64);
    }
}

/// A place among the connections.
pub(crate) struct ConnectionSlot {
    hub: Hub,
    user: UserId,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut connections = self.hub.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = connections.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.user);
            }
        }
        self.hub.0.metrics.set(OPEN, &[], connections.values().sum::<usize>() as f64);
    }
}

/// Gauge of changes that are not answered yet.
pub const IN_FLIGHT: &str = "climsim_editor_changes_in_flight";
/// Gauge of open editors.
const OPEN: &str = "climsim_open_editors";
/// Gauge of drafts in memory.
const DRAFTS: &str = "climsim_editor_drafts_in_memory";

impl Hub {
    /// A hub without drafts; from `stop` on it says good-bye to every page.
    pub fn new(store: Store, metrics: Metrics, limits: Limits, stop: CancellationToken) -> Self {
        for gauge in [IN_FLIGHT, OPEN, DRAFTS] {
            metrics.set(gauge, &[], 0.0);
        }
        Self(Arc::new(Inner {
            store,
            metrics,
            limits,
            stop,
            server: Uuid::new_v4(),
            drafts: Mutex::default(),
            connections: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            cells: AtomicUsize::new(0),
            opening: Semaphore::new(OPENING),
            computing: Arc::new(Semaphore::new(COMPUTING)),
        }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// A place for one more connection of an account; `None` when there are too many.
    pub(crate) fn place(&self, user: UserId) -> Option<ConnectionSlot> {
        let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = connections.values().sum();
        let own = connections.get(&user).copied().unwrap_or(0);
        let Limits { connections: most, connections_of_account, .. } = self.0.limits;
        if all >= most || own >= connections_of_account {
            return None;
        }
        connections.insert(user, own + 1);
        self.0.metrics.set(OPEN, &[], (all + 1) as f64);
        Some(ConnectionSlot { hub: self.clone(), user })
    }

    /// Counts a change until what is returned is dropped.
    pub(crate) fn in_flight(&self) -> InFlight {
        let before = self.0.in_flight.fetch_add(1, Ordering::SeqCst);
        self.0.metrics.set(IN_FLIGHT, &[], (before + 1) as f64);
        InFlight(self.clone())
    }

    /// Lets a page take part in a draft, which is read into memory if it is not there. Its frames begin with `hello`.
    pub(crate) async fn join(
        &self,
        wanted: &OpenRequest,
    ) -> Result<(String, mpsc::Sender<Job>, mpsc::Receiver<Frame>), Error> {
        let draft = {
            let (store, wanted) = (self.0.store.clone(), wanted.clone());
            blocking(move || work::find(&store, &wanted)).await??
        };
        loop {
            let jobs = self.jobs(draft.id, wanted);
            let (frames, receiver) = mpsc::channel(UNSENT);
            let (answer, answered) = oneshot::channel();
            let tab = Uuid::new_v4().simple().to_string()[..8].to_owned();
            let page = Page { tab: tab.clone(), frames, wants: BTreeSet::new() };
            if jobs.send(Job::Join { page, answer }).await.is_err() {
                // Its task was just ending: there is another one now.
                continue;
            }
            match answered.await {
                Ok(Ok(())) => return Ok((tab, jobs, receiver)),
                Ok(Err(error)) => return Err(error),
                Err(_) if self.0.stop.is_cancelled() => {
                    return Err(Error::Conflict("The editor is stopping: try again in a moment.".to_owned()));
                }
                // As above, or a panic: a draft that always panics ends the loop by its answer.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    /// The way to a draft's task, which is started when there is none.
    fn jobs(&self, id: DraftId, wanted: &OpenRequest) -> mpsc::Sender<Job> {
        let mut drafts = self.0.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = drafts.get(&id)
            && !jobs.is_closed()
        {
            return jobs.clone();
        }
        let (jobs, receiver) = mpsc::channel(WAITING);
        drafts.insert(id, jobs.clone());
        self.0.metrics.set(DRAFTS, &[], drafts.len() as f64);
        let task = Task {
            hub: self.clone(),
            id,
            wanted: wanted.clone(),
            jobs: jobs.downgrade(),
            pages: HashMap::new(),
            work: None,
            cells: 0,
            consequences: Consequences::default(),
        };
        tokio::spawn(task.run(receiver));
        jobs
    }

    /// Takes a draft out of the list, if nothing waits for it.
    fn forget(&self, id: DraftId, receiver: &mut mpsc::Receiver<Job>) -> bool {
        let mut drafts = self.0.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        if !receiver.is_empty() {
            return false;
        }
        receiver.close();
        drafts.remove(&id);
        self.0.metrics.set(DRAFTS, &[], drafts.len() as f64);
        true
    }
}

/// Runs what blocks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(format!("it panicked: {error}")))
}

/// The task of one draft.
struct Task {
    hub: Hub,
    id: DraftId,
    wanted: OpenRequest,
    jobs: mpsc::WeakSender<Job>,
    pages: HashMap<String, Page>,
    work: Option<Work>,
    /// What it has taken of the cells of all.
    cells: usize,
    consequences: Consequences,
}

impl Task {
    async fn run(mut self, mut receiver: mpsc::Receiver<Job>) {
        let stop = self.hub.0.stop.clone();
        let mut look = tokio::time::interval(REVISION_POLL_INTERVAL);
        look.tick().await;
        loop {
            let idle = self.hub.0.limits.idle;
            tokio::select! {
                job = receiver.recv() => match job {
                    Some(job) => self.job(job).await,
                    None => break,
                },
                () = tokio::time::sleep(idle), if self.pages.is_empty() => {
                    if self.hub.forget(self.id, &mut receiver) {
                        break;
                    }
                }
                _ = look.tick(), if !self.pages.is_empty() => self.look().await,
                () = stop.cancelled() => {
                    let message = "The editor is being restarted. Nothing is lost.".to_owned();
                    self.end(&message, true);
                    break;
                }
            }
        }
        self.hub.0.cells.fetch_sub(self.cells, Ordering::SeqCst);
    }

    /// Ends every page's connection.
    fn end(&mut self, message: &str, again: bool) {
        for page in self.pages.drain().map(|(_, page)| page) {
            let _ = page.frames.try_send(Frame::End { message: message.to_owned(), again });
        }
    }

    async fn job(&mut self, job: Job) {
        match job {
            Job::Join { page, answer } => {
                let result = self.join(page).await;
                let _ = answer.send(result);
            }
            Job::Leave { tab } => {
                self.pages.remove(&tab);
                self.tell_open();
            }
            Job::Request { tab, id, request, _in_flight } => self.request(&tab, id, request).await,
            Job::Computed(outcome) => self.computed(outcome),
        }
    }

    /// Does something with the draft, on a blocking thread. A panic drops the draft from memory and ends its pages'
    /// connections: they find it as the store has it.
    async fn with<T: Send + 'static>(
        &mut self,
        what: impl FnOnce(&mut Work) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Some(mut work) = self.work.take() else {
            return Err(Error::Conflict("The draft is not open.".to_owned()));
        };
        let done = blocking(move || {
            let result = what(&mut work);
            (work, result)
        });
        match done.await {
            Ok((work, result)) => {
                self.work = Some(work);
                result
            }
            Err(error) => {
                tracing::error!(draft = %self.id, %error, cause = ?error, "an editor's work ended unexpectedly");
                self.end("Something went wrong with this. What was confirmed is kept.", true);
                Err(error)
            }
        }
    }

    async fn open(&mut self) -> Result<(), Error> {
        if self.work.is_some() {
            return Ok(());
        }
        let Ok(_permit) = self.hub.0.opening.acquire().await else {
            return Err(Error::internal("the semaphore was closed"));
        };
        let (store, wanted, id) = (self.hub.0.store.clone(), self.wanted.clone(), self.id);
        let work = blocking(move || {
            let gone = || Error::NotFound("The draft is gone: its workflow was deleted.".to_owned());
            let draft = store.draft(id)?.ok_or_else(gone)?;
            if draft.closed_at.is_some() {
                return Err(Error::Conflict(
                    "The draft has just been saved: open the editor again.".to_owned(),
                ));
            }
            Work::open(&store, &wanted, draft)
        })
        .await??;
        let cells = if work.planes.is_empty() { 0 } else { work.base.map.cells() * work.planes.len() };
        self.hub.0.cells.fetch_sub(self.cells, Ordering::SeqCst);
        self.cells = 0;
        let all = self.hub.0.cells.fetch_add(cells, Ordering::SeqCst) + cells;
        self.cells = cells;
        if all > CELLS && all > cells {
            return Err(Error::TooLarge(
                "Too many large maps are being edited at this moment: try again when others have finished."
                    .to_owned(),
            ));
        }
        self.work = Some(work);
        Ok(())
    }

    async fn join(&mut self, page: Page) -> Result<(), Error> {
        // One that is read now is as the store has it.
        if self.work.is_some() && self.with(Work::catch_up).await? {
            // The pages that are here come again: they have not been told what the other process did.
            self.pages.clear();
        }
        self.open().await?;
        let (mut hello, frames) = self.with(|work| Ok((work.hello()?, work.overview()?))).await?;
        hello.insert("server".into(), json!(self.hub.0.server));
        hello.insert("tab".into(), json!(page.tab));
        hello.insert("consequences".into(), json!(consequence::offered(self.wanted.editor)));
        if let Some(state) = hello.get_mut("state") {
            state["open"] = json!(self.pages.len() + 1);
        }
        page.send(Frame::Text(Value::Object(hello).to_string()));
        for mut frame in frames {
            frame.set("id", Value::Null);
            page.send(Frame::Binary(frame.to_bytes().into()));
        }
        self.pages.insert(page.tab.clone(), page);
        self.tell_open();
        Ok(())
    }

    fn tell_open(&mut self) {
        let text = json!({ "type": "open", "open": self.pages.len() }).to_string();
        self.tell_all(&Frame::Text(text));
    }

    /// Sends to every page; one that cannot take it is cut off.
    fn tell_all(&mut self, frame: &Frame) {
        self.pages.retain(|_, page| page.send(frame.clone()));
    }

    fn answer(&mut self, tab: &str, frame: Frame) {
        if let Some(page) = self.pages.get(tab)
            && !page.send(frame)
        {
            self.pages.remove(tab);
        }
    }

    async fn request(&mut self, tab: &str, id: Value, request: Request) {
        let result = match request {
            Request::Change(change) => self.change(tab, &id, change).await,
            Request::Query(Query::Consequences { on }) => {
                self.want(tab, &on).map(|()| Some(done(&id, Object::new())))
            }
            Request::Query(ask) => self.with(|work| work.ask(ask)).await.map(|answer| {
                Some(match answer {
                    QueryResult::Done(values) => done(&id, values),
                    QueryResult::Binary(mut container) => {
                        container.set("id", id.clone());
                        Frame::Binary(container.to_bytes().into())
                    }
                })
            }),
        };
        match result {
            Ok(None) => {}
            Ok(Some(frame)) => self.answer(tab, frame),
            Err(error) => {
                if let Error::Internal(cause) = &error {
                    tracing::error!(draft = %self.id, cause, "a request of the editor failed");
                }
                let frame =
                    json!({ "type": "error", "id": id, "code": error.code(), "message": error.to_string() });
                self.answer(tab, Frame::Text(frame.to_string()));
            }
        }
        self.compute();
    }

    /// A change: its answer and what the other pages are told are one frame, all pages at once.
    async fn change(&mut self, tab: &str, id: &Value, change: Change) -> Result<Option<Frame>, Error> {
        let author = tab.to_owned();
        let changed = self
            .with(move |work| {
                let changed = work.change(&author, &change)?;
                let container = match &changed {
                    Changed::Draft(told) => Some(container(told, &author, work)),
                    Changed::Saved { .. } => None,
                };
                Ok((changed, container))
            })
            .await?;
        match changed {
            (Changed::Saved { revision, findings }, _) => {
                let redirect = format!("/{}/steps", self.wanted.data_file.id);
                let answer = crate::query::object(
                    json!({ "revision": revision, "redirect": redirect, "findings": findings }),
                );
                let saved = Frame::Text(json!({ "type": "saved", "revision": revision }).to_string());
                self.pages.retain(|other, page| other == tab || page.send(saved.clone()));
                self.work = None;
                Ok(Some(done(id, answer)))
            }
            (Changed::Draft(_), container) => {
                let Some(mut container) = container else { return Ok(None) };
                if self.pages.len() > 1 {
                    container.set("id", Value::Null);
                    let others = Frame::Binary(container.to_bytes().into());
                    self.pages.retain(|other, page| other == tab || page.send(others.clone()));
                }
                container.set("id", id.clone());
                Ok(Some(Frame::Binary(container.to_bytes().into())))
            }
        }
    }

    /// Looks whether the workflow has moved on.
    async fn look(&mut self) {
        let looked = self
            .with(|work| {
                let newest = work.look()?;
                Ok((newest, work.base.file_type))
            })
            .await;
        match looked {
            Ok((Some(revision), file_type)) => {
                let told = json!({ "type": "newest", "revision": revision, "file_type": file_type.as_str() });
                self.tell_all(&Frame::Text(told.to_string()));
            }
            Ok((None, _)) => {}
            Err(Error::NotFound(message)) => self.end(&message, false),
            Err(error) => tracing::debug!(draft = %self.id, %error, "cannot look for newer revisions"),
        }
    }

    /// From now on the page is shown these consequences.
    fn want(&mut self, tab: &str, on: &[String]) -> Result<(), Error> {
        let kinds =
            on.iter().map(|name| consequence::kind(self.wanted.editor, name)).collect::<Result<_, _>>()?;
        let Some(page) = self.pages.get_mut(tab) else { return Ok(()) };
        let before = std::mem::replace(&mut page.wants, kinds);
        let new: Vec<Kind> = page.wants.difference(&before).copied().collect();
        for kind in new {
            // What is there already is shown at once.
            match self.consequences.shown(kind) {
                Some(frame) => self.answer(tab, frame),
                None => self.consequences.try_again(kind),
            }
        }
        Ok(())
    }

    /// Starts what is wanted and outdated.
    fn compute(&mut self) {
        let wanted: BTreeSet<Kind> =
            self.pages.values().flat_map(|page| page.wants.iter().copied()).collect();
        if let (Some(work), Some(jobs)) = (&mut self.work, self.jobs.upgrade()) {
            self.consequences.start(&wanted, work, &jobs, &self.hub.0.computing);
        }
    }

    fn computed(&mut self, outcome: Outcome) {
        let now = self.work.as_ref().map_or(-1, |work| work.history.sequence);
        for (kind, frame) in self.consequences.take(outcome, now) {
            self.pages.retain(|_, page| !page.wants.contains(&kind) || page.send(frame.clone()));
        }
        self.compute();
    }
}

impl Page {
    /// False when the page is gone, or so slow that it has to start again.
    fn send(&self, frame: Frame) -> bool {
        self.frames.try_send(frame).is_ok()
    }
}

fn done(id: &Value, mut values: Object<String, Value>) -> Frame {
    values.insert("type".into(), "done".into());
    values.insert("id".into(), id.clone());
    Frame::Text(Value::Object(values).to_string())
}

fn container(told: &DraftUpdate, author: &str, work: &Work) -> Container {
    let mut header = Object::new();
    header.insert("type".into(), "change".into());
    header.insert("author".into(), author.into());
    header.insert("sequence".into(), json!(work.history.sequence));
    header.insert("what".into(), told.what.into());
    header.insert("at".into(), json!(told.at));
    header.insert("state".into(), told.state.clone());
    header.insert("revision".into(), json!(work.base.edited().revision));
    header.insert("newest".into(), json!(work.newest));
    if let Some(report) = &told.report {
        header.insert("report".into(), report.clone());
    }
    let container = Container::new(header);
    if told.whole {
        let mut container = container;
        let layers = work.base.editor.layers(work.base.meaning);
        let names =
            std::iter::once("values").chain(layers.iter().map(|&layer| crate::editor::layer_name(layer)));
        let maps = names.map(|map| json!({ "map": map, "cells": null, "bounds": null, "whole": true }));
        container.set("maps", maps.collect::<Value>());
        return container;
    }
    with_changes(container, &told.maps, &work.base.map)
}
