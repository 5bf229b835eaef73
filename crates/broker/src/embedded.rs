//! The bus inside one process, durable in the store's queues.
//!
//! The store keeps the queues; this gives them the manners of a broker: bindings, prefetch, redelivery of what a
//! dead process held, dead letters. Only one process may consume (it takes the leases of its predecessor at start).

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use store::{Leased, Store, Ticket};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use workflow::Message;

use crate::consumer::{Consumer, Delivery, InFlight, Outcome};
use crate::{Bus, DEAD_LETTERS, Error, OBSERVER_BACKLOG, routing};

/// How often a consumer looks for messages whose delay is over.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often, and how long after each other, a message's end is written to a busy store.
const SETTLE_ATTEMPTS: u32 = 20;
const SETTLE_BACKOFF: Duration = Duration::from_millis(250);

/// The bus inside one process.
#[derive(Debug)]
pub struct EmbeddedBus {
    store: Store,
    observers: broadcast::Sender<Message>,
}

impl EmbeddedBus {
    /// The bus on `store`. Blocks for a moment: messages that an earlier process held are made available again.
    ///
    /// # Errors
    /// A failing database.
    pub fn new(store: Store) -> Result<Self, Error> {
        store.release_leases()?;
        let (observers, _) = broadcast::channel(OBSERVER_BACKLOG);
        Ok(Self { store, observers })
    }
}

/// Runs `work` on the store where it may block.
async fn blocking<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Store) -> Result<T, store::Error> + Send + 'static,
) -> Result<T, Error> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || work(&store)).await;
    Ok(done.map_err(|_| Error::Stopping)??)
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn publish(&self, messages: &[Message]) -> Result<(), Error> {
        let mut queued = Vec::with_capacity(messages.len());
        for message in messages {
            let queues = routing::queues(&message.key);
            if queues.is_empty() && routing::needs_queue(&message.key) {
                return Err(Error::Unroutable { key: message.key.clone() });
            }
            queued.extend(queues.into_iter().map(|queue| (queue.to_owned(), message.clone())));
        }
        if !queued.is_empty() {
            blocking(&self.store, move |store| store.enqueue(queued)).await?;
        }
        for message in messages {
            // Nobody looking is no error.
            let _ = self.observers.send(message.clone());
        }
        Ok(())
    }

    async fn consume(&self, queue: &str, consumer: Consumer, stop: CancellationToken) {
        let in_flight = InFlight::new(consumer.clone());
        let available = self.store.queue_wakeup(queue);
        let mut work: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        while !stop.is_cancelled() {
            let free = usize::from(consumer.prefetch).saturating_sub(work.len());
            let mut taken = 0;
            if free > 0 {
                let (name, limit) = (queue.to_owned(), i64::try_from(free).unwrap_or(i64::MAX));
                match blocking(&self.store, move |store| store.lease(&name, limit)).await {
                    Ok(leased) => {
                        taken = leased.len();
                        for leased in leased {
                            work.push(handle(self.store.clone(), leased, in_flight.clone()).boxed());
                        }
                    }
                    Err(error) => {
                        tracing::warn!(queue, %error, "cannot read the embedded queue; trying again")
                    }
                }
            }
            if free > 0 && taken == free {
                // Prefetch limit reached: wait for a completion.
                tokio::select! {
                    Some(()) = work.next() => {}
                    () = stop.cancelled() => {}
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(()) = work.next(), if !work.is_empty() => {}
                () = available.notified(), if free > 0 => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
        while work.next().await.is_some() {}
    }

    fn observe(&self) -> broadcast::Receiver<Message> {
        self.observers.subscribe()
    }

    async fn ready(&self) -> Result<(), Error> {
        self.depth(DEAD_LETTERS).await.map(drop)
    }

    async fn depth(&self, queue: &str) -> Result<u64, Error> {
        let queue = queue.to_owned();
        let depth = blocking(&self.store, move |store| {
            if queue == DEAD_LETTERS {
                let letters = store.dead_letters(i64::from(i32::MAX))?;
                return Ok(i64::try_from(letters.len()).unwrap_or(i64::MAX));
            }
            store.depth(&queue)
        });
        Ok(u64::try_from(depth.await?).unwrap_or(0))
    }
}

/// One message from its lease to its end.
async fn handle(store: Store, leased: Leased, in_flight: InFlight) {
    let Leased { ticket, message, attempt } = leased;
    let (id, key) = (message.id, message.key.clone());
    let mut held = HeldMessage { store: &store, ticket, settled: false };
    let outcome = in_flight.outcome(Delivery { message, attempt, redelivered: attempt > 1 }).await;
    if let Outcome::Reject { reason } = &outcome {
        tracing::warn!(key, reason, "message rejected; it is kept among the dead letters");
    }
    for attempt in 1..=SETTLE_ATTEMPTS {
        let outcome = outcome.clone();
        match blocking(&store, move |store| settle(store, ticket, &outcome)).await {
            Ok(()) => {
                held.settled = true;
                break;
            }
            Err(error) if attempt == SETTLE_ATTEMPTS => {
                tracing::error!(key, %error, "could not settle a message; it comes again after a restart");
            }
            Err(_) => tokio::time::sleep(SETTLE_BACKOFF).await,
        }
    }
    in_flight.settled(id);
}

/// Gives a message back when its handling is dropped half-way: a worker whose grace period is over.
struct HeldMessage<'a> {
    store: &'a Store,
    ticket: Ticket,
    settled: bool,
}

impl Drop for HeldMessage<'_> {
    fn drop(&mut self) {
        // One short write, at the end of a service; a failure is made good at the next start.
        if !self.settled
            && let Err(error) = self.store.retry_later(self.ticket, Duration::ZERO)
        {
            tracing::debug!(%error, "could not give a message back");
        }
    }
}

fn settle(store: &Store, ticket: Ticket, outcome: &Outcome) -> Result<(), store::Error> {
    match outcome {
        Outcome::Ack => store.ack(ticket),
        Outcome::Retry { after } => store.retry_later(ticket, *after),
        Outcome::Wait { after } => store.put_off(ticket, *after),
        Outcome::Reject { reason } => store.dead_letter(ticket, reason),
    }
}
