//! How far a run is: for the store, and for those who watch.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use store::{ClaimStatus, ClaimedRun, Store};
use tokio::sync::mpsc;
use workflow::{Key, Message, Task};

/// At most five reports a second leave the worker.
const INTERVAL: Duration = Duration::from_millis(200);

/// Carried by the unwinding that ends a run which another worker has taken over.
pub(crate) struct Superseded;

/// Tells how far a run is. A step may report as often as it likes.
#[derive(Debug)]
pub struct Report {
    store: Store,
    run: ClaimedRun,
    received: Message,
    watchers: mpsc::Sender<Message>,
    last: Mutex<Instant>,
}

impl Report {
    pub(crate) fn new(
        store: Store,
        run: ClaimedRun,
        received: Message,
        watchers: mpsc::Sender<Message>,
    ) -> Self {
        // The first report comes after one interval: a quick step has ended by then and costs no writing at all.
        Self { store, run, received, watchers, last: Mutex::new(Instant::now()) }
    }

    /// `stage` in the modeller's words, `fraction` of the whole run from 0 to 1.
    ///
    /// Ends the run by unwinding when it no longer counts (another worker has taken it over, its data file is gone).
    pub fn report(&self, stage: &str, fraction: f64) {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() < INTERVAL {
                return;
            }
            *last = Instant::now();
        }
        match self.store.progress(&self.run, stage, fraction) {
            Ok(ClaimStatus::Held) => {}
            Ok(ClaimStatus::Lost) => std::panic::resume_unwind(Box::new(Superseded)),
            // How far it is, is not worth failing for.
            Err(error) => tracing::debug!(%error, "progress not noted"),
        }
        let mut message = Message::new(Key::Progress(Task::Step(self.run.step)), serde_json::Map::new());
        message.body.insert("id".into(), json!(self.run.data_file.0));
        message.body.insert("stage".into(), json!(stage));
        message.body.insert("fraction".into(), json!(fraction));
        message.run = Some(self.run.run.0);
        message.owner = Some(self.run.owner.0);
        message.request_id.clone_from(&self.received.request_id);
        // Full: the watchers are slow, and the next report says more than this one.
        let _ = self.watchers.try_send(message);
    }
}
