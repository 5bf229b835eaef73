//! Who looks at which workflow, and the word that it changed.
//!
//! One task listens to the bus and, every two seconds, compares the store with what it was, for the workflows that
//! somebody looks at; a page that is open costs a waiting future. What has changed is always read from the store.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker::Bus;
use store::{DataFileId, Store};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the store is asked, for what the bus did not tell.
const POLL: Duration = Duration::from_secs(2);

/// The workflows that somebody looks at.
#[derive(Debug)]
pub struct ChangeNotifier {
    watched: Mutex<HashMap<DataFileId, Watched>>,
    /// Ends the streams when the server stops.
    pub stop: CancellationToken,
}

#[derive(Debug)]
struct Watched {
    changes: watch::Sender<u64>,
    seen: Option<u64>,
}

impl ChangeNotifier {
    /// Nobody looks yet.
    pub fn new(stop: CancellationToken) -> Self {
        Self { watched: Mutex::default(), stop }
    }

    /// Changes of a workflow from now on.
    pub fn watch(&self, id: DataFileId) -> watch::Receiver<u64> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let entry =
            watched.entry(id).or_insert_with(|| Watched { changes: watch::Sender::new(0), seen: None });
        entry.changes.subscribe()
    }

    /// Tells those who look at a workflow to look again.
    pub fn changed(&self, id: DataFileId) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = watched.get(&id) {
            entry.changes.send_modify(|count| *count += 1);
        }
    }

    /// How many workflows are looked at.
    pub fn len(&self) -> usize {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// True when nobody looks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Passes on what the bus and the store tell, until the server stops.
    pub async fn run(self: Arc<Self>, bus: Arc<dyn Bus>, store: Store) {
        let mut messages = bus.observe();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                message = messages.recv() => match message {
                    Ok(message) => if let Some(id) = message.data_file() { self.changed(DataFileId(id)) },
                    Err(RecvError::Lagged(_)) => self.all_changed(),
                    // The bus is gone; the store is still there.
                    Err(RecvError::Closed) => tokio::time::sleep(POLL).await,
                },
                _ = poll.tick() => {
                    let (live, store) = (Arc::clone(&self), store.clone());
                    if let Err(error) = tokio::task::spawn_blocking(move || live.compare(&store)).await {
                        tracing::error!(%error, "looking for changes failed");
                    }
                }
            }
        }
    }

    fn all_changed(&self) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.values().for_each(|entry| entry.changes.send_modify(|count| *count += 1));
    }

    /// Forgets the workflows that nobody looks at any more, and finds those that are not as they were.
    fn compare(&self, store: &Store) {
        let ids: Vec<DataFileId> = {
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.retain(|_, entry| entry.changes.receiver_count() > 0);
            watched.keys().copied().collect()
        };
        for id in ids {
            let (Ok(steps), Ok(revisions), Ok(drafts)) =
                (store.steps(id), store.revisions(id), store.open_drafts(id))
            else {
                continue;
            };
            let mut hasher = DefaultHasher::new();
            for (draft, _) in drafts {
                (draft.id, draft.changed_at).hash(&mut hasher);
            }
            revisions.last().map(|revision| revision.revision).hash(&mut hasher);
            for step in steps {
                (step.state, step.stage, step.reason, step.run, step.fraction.map(f64::to_bits))
                    .hash(&mut hasher);
            }
            let now = hasher.finish();
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = watched.get_mut(&id)
                && entry.seen.replace(now).is_none_or(|seen| seen != now)
            {
                entry.changes.send_modify(|count| *count += 1);
            }
        }
    }
}
