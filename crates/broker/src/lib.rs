//! The message bus: one trait, [`Bus`], with two homes: RabbitMQ ([`rabbit`]) and the store itself ([`EmbeddedBus`]).
//!
//! Both are durable, both deliver *at least once*: a message is gone only when its handler said so. What makes that
//! *once to effect* lies elsewhere: ids that derive from each other (`workflow`) and claims (`store`).
//!
//! Invariants:
//! - [`Bus::publish`] returns only when every message is safe; a message that must have a queue and finds none is an
//!   error, never a silence.
//! - Nobody needs the broker to start: consumers and observers wait for it and come back after every loss.
//! - A handler never blocks the thread: whoever computes does so in a thread of its own, and heartbeats go on.
//! - A message that is in a handler's hands here is never handed over a second time; its redelivery joins the first.
//! - Attempts are bounded, and what cannot be handled ends in the dead letters with the reason beside it.

mod consumer;
mod embedded;
mod error;
pub mod rabbit;
mod routing;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use workflow::Message;

pub use consumer::{Consumer, Delivery, Handler, Outcome};
pub use embedded::EmbeddedBus;
pub use error::Error;
pub use rabbit::RabbitBus;

/// How many messages an observer may lag behind before it loses the oldest.
const OBSERVER_BACKLOG: usize = 1024;

/// What carries messages between the services.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends `messages` in this order and returns once all of them are safe.
    ///
    /// Keys that nobody has to listen to (`.panel`, `.progress`, `.failed`) may find no queue.
    ///
    /// # Errors
    /// The broker is away, refuses, or has no queue for a message that needs one. Some of the messages may have been
    /// sent: send all of them again, receivers fold duplicates by id.
    async fn publish(&self, messages: &[Message]) -> Result<(), Error>;

    /// Hands the messages of `queue` to the consumer's handler until `stop`; reconnects for ever. On `stop` no more
    /// work is taken, what is in hand is finished, and the rest goes back to the queue.
    async fn consume(&self, queue: &str, consumer: Consumer, stop: CancellationToken);

    /// Everything that passes from now on, for those who show it to people. Lossy: the store knows the truth.
    fn observe(&self) -> broadcast::Receiver<Message>;

    /// Whether messages can be sent right now.
    ///
    /// # Errors
    /// Why not, for `/readyz`.
    async fn ready(&self) -> Result<(), Error>;

    /// How many messages wait in `queue` ([`DEAD_LETTERS`] included).
    ///
    /// # Errors
    /// The broker is away or has no such queue.
    async fn depth(&self, queue: &str) -> Result<u64, Error>;

    /// Whether this is the bus on which [`Bus::put_marker`] was called. One that was made anew, without its memory, is not:
    /// what it had been given is gone, and has to be asked for again by whoever remembers better. A bus that lives in the
    /// store forgets nothing that the store knows.
    ///
    /// # Errors
    /// The broker is away.
    async fn has_marker(&self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Leaves the sign by which [`Bus::has_marker`] knows this bus again.
    ///
    /// # Errors
    /// The broker is away or refuses.
    async fn put_marker(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// The queue of what could not be handled.
pub const DEAD_LETTERS: &str = "preprocessing_dead_letters";
