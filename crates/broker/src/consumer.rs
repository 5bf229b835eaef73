//! The receiving side, as its user sees it, and what both homes of the bus share of it.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use uuid::Uuid;
use workflow::Message;

/// A message in a handler's hands.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// 1 for the first time; counts crashes, lost connections and retries.
    pub attempt: u32,
    /// Whether somebody may have had it before.
    pub redelivered: bool,
}

/// What becomes of a delivered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is dealt with.
    Ack,
    /// It went wrong: it comes again, and the attempt is counted.
    Retry {
        /// Not before this long.
        after: Duration,
    },
    /// Not now, for a reason that lies outside of the message: it comes again, however often, uncounted.
    Wait {
        /// Not before this long.
        after: Duration,
    },
    /// Never: it goes to the dead letters.
    Reject {
        /// Why, for the people who look there.
        reason: String,
    },
}

/// Deals with messages. A panic counts as a retry.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Deals with one message; must not block the thread.
    async fn handle(&self, delivery: Delivery) -> Outcome;

    /// Called instead of [`Handler::handle`] when the attempts are used up, before the message goes to the dead
    /// letters: the chance to tell whoever waits for it.
    async fn give_up(&self, _delivery: Delivery) {}
}

/// How a queue is consumed.
#[derive(Clone)]
pub struct Consumer {
    /// How many messages are in hand at once. They are started in the order of the queue.
    pub prefetch: u16,
    /// How many attempts a message has.
    pub max_attempts: u32,
    /// Who deals with them.
    pub handler: Arc<dyn Handler>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("prefetch", &self.prefetch)
            .field("max_attempts", &self.max_attempts)
            .finish_non_exhaustive()
    }
}

/// The messages that are in the handler's hands, by id: a redelivery after a lost connection (or a duplicate) joins
/// the work in progress instead of starting it again.
#[derive(Clone)]
pub(crate) struct InFlight {
    consumer: Consumer,
    work: Arc<Mutex<HashMap<Uuid, Shared<BoxFuture<'static, Outcome>>>>>,
}

impl InFlight {
    pub(crate) fn new(consumer: Consumer) -> Self {
        Self { consumer, work: Arc::default() }
    }

    /// The outcome for `delivery`, from the work already in progress if there is any. Call [`InFlight::settled`] once
    /// the outcome is carried out.
    pub(crate) fn outcome(&self, delivery: Delivery) -> Shared<BoxFuture<'static, Outcome>> {
        let id = delivery.message.id;
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let started =
            work.entry(id).or_insert_with(|| contained(self.consumer.clone(), delivery).boxed().shared());
        started.clone()
    }

    pub(crate) fn settled(&self, id: Uuid) {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Runs the handler within the bound of attempts, its panics contained.
async fn contained(consumer: Consumer, delivery: Delivery) -> Outcome {
    let (id, key, attempt) = (delivery.message.id, delivery.message.key.clone(), delivery.attempt);
    if attempt > consumer.max_attempts {
        if AssertUnwindSafe(consumer.handler.give_up(delivery)).catch_unwind().await.is_err() {
            tracing::error!(%id, key, "the handler panicked while giving up");
        }
        return Outcome::Reject { reason: format!("given up after {} attempts", consumer.max_attempts) };
    }
    let outcome = AssertUnwindSafe(consumer.handler.handle(delivery)).catch_unwind().await;
    outcome.unwrap_or_else(|_| {
        tracing::error!(%id, key, attempt, "the handler panicked");
        Outcome::Retry { after: backoff(attempt) }
    })
}

/// How long to wait before attempt `attempt` + 1: half a second, doubling, at most 30 s.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(500 << attempt.saturating_sub(1).min(6)).min(Duration::from_secs(30))
}
