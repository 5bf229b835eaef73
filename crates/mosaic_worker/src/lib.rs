//! The worker of the coupling weights.
//!
//! The name and the queue are those that operators know. The computation has its home in `coupling`; here the
//! bathymetry, the sub-basins and the ocean grid are found and loaded, the run configuration is read from the
//! parameters, and the archive is stored with the figures that the page of the result shows.

mod configuration;
mod ocean_grid;
mod steps;

use std::sync::Arc;

use service::{Context, Error};
use tokio_util::sync::CancellationToken;
use workflow::message::MOSAIC_QUEUE;

pub use configuration::stamps;
pub use steps::{CONFIGURATION, FIGURES, Weights};

/// Computes until `stop`. The process runs `service::relay` beside it.
///
/// # Errors
/// The threads cannot be started.
pub async fn run(context: &Context, stop: CancellationToken) -> Result<(), Error> {
    let settings = worker::Settings::from(&*context.config);
    worker::run(context, MOSAIC_QUEUE, Arc::new(Weights), settings, stop).await
}
