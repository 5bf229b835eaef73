//! The worker of the numerics: regrid, routing, pft, heatflow, ahmcoef, and the marking of stale steps.
//!
//! The name is the one that operators know; nothing of Python is in it. Each step has its home in `boundary`; here
//! inputs are found and loaded, parameters read from the form of the message, results staged, and errors put in the
//! words of the file and the step that they happened to.

mod ocean;
mod parameters;
mod steps;

use std::sync::Arc;

use service::{Context, Error};
use tokio_util::sync::CancellationToken;
use workflow::message::PYTHON_QUEUE;

pub use steps::{Numerics, time_stamp};

/// Computes until `stop`. The process runs `service::relay` beside it.
///
/// # Errors
/// The threads cannot be started.
pub async fn run(context: &Context, stop: CancellationToken) -> Result<(), Error> {
    let settings = worker::Settings::from(&*context.config);
    worker::run(context, PYTHON_QUEUE, Arc::new(Numerics), settings, stop).await
}
