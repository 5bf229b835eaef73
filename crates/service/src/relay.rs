//! Carries the outbox to the bus.
//!
//! A committed transaction owes messages to the bus; this pays. Broker away: the rows wait. Killed between publishing
//! and forgetting: the same messages go out again, and their receivers know them by their ids.

use std::sync::Arc;
use std::time::Duration;

use broker::Bus;
use store::{Error, Store};
use tokio_util::sync::CancellationToken;

/// How many messages are in hand at once.
const BATCH: i64 = 100;
/// How often rows of other processes, or of one that died, are looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How long to wait after a failure, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How often the bus is asked whether it still knows what it was given.
const RECALL_INTERVAL: Duration = Duration::from_secs(5);

/// Relays until `stop`. Runs in every process that writes to the outbox; several share the work.
pub async fn run(store: Store, bus: Arc<dyn Bus>, stop: CancellationToken) {
    tokio::join!(carry(&store, &bus, &stop), recall(&store, &bus, &stop));
}

/// Asks again for what a broker was given that has lost its memory.
async fn recall(store: &Store, bus: &Arc<dyn Bus>, stop: &CancellationToken) {
    let mut pulse = tokio::time::interval(RECALL_INTERVAL);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pulse.tick() => {}
        }
        let recalled = async {
            if !bus.has_marker().await? {
                let runs = blocking(store, Store::recall_runs).await?;
                // Only now: cut off before, it is done again.
                bus.put_marker().await?;
                if runs > 0 {
                    tracing::warn!(
                        runs,
                        "the message broker has lost its memory: what waits or runs is asked for again"
                    );
                }
            }
            Ok::<_, crate::Error>(())
        };
        tokio::select! {
            () = stop.cancelled() => return,
            outcome = recalled => if let Err(error) = outcome {
                tracing::debug!(%error, "the bus could not be asked what it knows");
            }
        }
    }
}

async fn carry(store: &Store, bus: &Arc<dyn Bus>, stop: &CancellationToken) {
    let wakeup = store.outbox_wakeup();
    let mut pause = BACKOFF.0;
    loop {
        match relay(store, bus).await {
            Ok(0) => {
                pause = BACKOFF.0;
                tokio::select! {
                    // What was written before the stop is tried once more.
                    () = stop.cancelled() => return drop(relay(store, bus).await),
                    () = wakeup.notified() => {}
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                }
            }
            Ok(_) => pause = BACKOFF.0,
            Err(error) => {
                tracing::debug!(%error, "the outbox waits");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    }
}

/// Publishes one batch; how many messages it was.
async fn relay(store: &Store, bus: &Arc<dyn Bus>) -> Result<usize, crate::Error> {
    let messages = blocking(store, |store| store.outbox_lease(BATCH)).await?;
    if messages.is_empty() {
        return Ok(0);
    }
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    if let Err(error) = bus.publish(&messages).await {
        blocking(store, move |store| store.outbox_release(&ids)).await?;
        return Err(error.into());
    }
    blocking(store, move |store| store.outbox_remove(&ids)).await?;
    Ok(messages.len())
}

async fn blocking<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
) -> Result<T, crate::Error> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || work(&store)).await;
    Ok(done.map_err(|_| crate::Error::Ended { what: "the store" })??)
}
