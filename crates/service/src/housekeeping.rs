//! What is done once a day.

use std::time::Duration;

use store::Store;
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Tidies the store at the start and every day, until `stop`. One service does it; more do no harm.
pub async fn run(store: Store, stop: CancellationToken) {
    let mut days = tokio::time::interval(DAY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = days.tick() => {}
        }
        let store = store.clone();
        match tokio::task::spawn_blocking(move || store.tidy()).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(files)) => tracing::info!(files, "removed what had been left in the making"),
            Ok(Err(error)) => tracing::warn!(%error, "the store could not be tidied"),
        }
    }
}
