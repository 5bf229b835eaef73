//! The dispatcher: a request or a `done` in, tasks for the right workers out.
//!
//! It knows no files and no database; what follows from a message is `workflow::dispatch`, pure. Here is only the
//! order that loses nothing: publish what follows, confirmed, then acknowledge. Killed in between, it sends the same
//! messages with the same ids again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::{Bus, Consumer, Delivery, Handler, Outcome};
use tokio_util::sync::CancellationToken;
use workflow::message::{DISPATCHER_QUEUE, SCHEMA};

/// How many messages are on their way through at once: their confirmations overlap.
const PREFETCH: u16 = 256;

/// Far more than a worker's: handling a message cannot crash, so what is counted are lost connections.
const MAX_ATTEMPTS: u32 = 50;

/// Dispatches until `stop`; the broker may come and go.
pub async fn run(bus: Arc<dyn Bus>, stop: CancellationToken) {
    let handler = Arc::new(Dispatcher { bus: Arc::clone(&bus) });
    let consumer = Consumer { prefetch: PREFETCH, max_attempts: MAX_ATTEMPTS, handler };
    bus.consume(DISPATCHER_QUEUE, consumer, stop).await;
}

struct Dispatcher {
    bus: Arc<dyn Bus>,
}

#[async_trait]
impl Handler for Dispatcher {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let message = delivery.message;
        if message.schema > SCHEMA {
            // A newer dispatcher may be on its way up; this one would drop what it does not know.
            return Outcome::Wait { after: Duration::from_secs(5) };
        }
        let next = match workflow::dispatch(&message) {
            Ok(next) => next,
            Err(rejected) => return Outcome::Reject { reason: rejected.to_string() },
        };
        if next.is_empty() {
            return Outcome::Ack;
        }
        match self.bus.publish(&next).await {
            Ok(()) => {
                let keys: Vec<&str> = next.iter().map(|message| message.key.as_str()).collect();
                tracing::debug!(key = message.key, request = message.request_id, ?keys, "dispatched");
                Outcome::Ack
            }
            Err(error) => {
                tracing::debug!(key = message.key, %error, "not dispatched yet");
                Outcome::Wait { after: Duration::from_secs(1) }
            }
        }
    }
}
