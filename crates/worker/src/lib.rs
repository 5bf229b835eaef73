//! What every worker shares: take a task, run it once to effect, tell how far it is, and end it as done or failed.
//!
//! A worker knows [`Steps`], which turn a claimed run into files. Everything else is here: the claim (so that a
//! duplicate runs once), a thread for the computation (so that heartbeats go on), containment of panics (so that one
//! bad task hurts nobody else), one transaction for results, consequences and outgoing messages, and reasons that a
//! modeller understands.
//!
//! Invariants: a message is acknowledged only when the store says how its run ended; a step's error is a result, not
//! a reason to repeat; nothing in a message is believed that the store knows better.

mod handler;
pub mod inputs;
mod parameters;
pub mod process;
mod progress;
mod steps;

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use broker::Consumer;
use service::{Context, Error};
use tokio_util::sync::CancellationToken;

pub use parameters::Fields;
pub use progress::Report;
pub use steps::{Job, StepError, StepOutput, Steps};

/// How often a run may be begun (crashes of the worker included) before it counts as failed.
pub const MAX_ATTEMPTS: u32 = 5;

/// How a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many runs at once.
    pub concurrency: u16,
    /// How many threads compute, all runs together; `None` is the number of processors.
    pub threads: Option<usize>,
    /// How long the runs in hand may take to finish once the worker is told to stop; then they are given back.
    pub stop_grace: Duration,
}

impl From<&service::Config> for Settings {
    fn from(config: &service::Config) -> Self {
        Self {
            concurrency: config.worker_concurrency,
            threads: config.worker_threads,
            // The rest of the grace period is for the acknowledgements.
            stop_grace: config.stop_grace.mul_f64(0.8),
        }
    }
}

/// Works off `queue` until `stop`. The outbox that it fills is carried to the bus by `service::relay`, which the
/// process runs beside it.
///
/// # Errors
/// The threads cannot be started.
pub async fn run(
    context: &Context,
    queue: &str,
    steps: Arc<dyn Steps>,
    settings: Settings,
    stop: CancellationToken,
) -> Result<(), Error> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads.unwrap_or(processors))
        .thread_name(|n| format!("step-{n}"))
        .build()
        .map_err(|error| Error::Other(format!("cannot start the threads that compute: {error}")))?;
    let handler = Arc::new(handler::Worker::new(context, steps, threads));
    let consumer = Consumer {
        prefetch: settings.concurrency,
        // The store counts what it has seen begin; the bus also counts what never came so far.
        max_attempts: MAX_ATTEMPTS * 2,
        handler: handler.clone(),
    };
    let told = stop.clone();
    tokio::select! {
        () = context.bus.consume(queue, consumer, stop) => {}
        () = async { told.cancelled().await; tokio::time::sleep(settings.stop_grace).await } => {
            handler.release_all().await;
        }
    }
    Ok(())
}
