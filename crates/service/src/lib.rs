//! What every service shares: configuration, logs, metrics, health, graceful stop, the relay that carries the outbox to
//! the bus, and housekeeping.
//!
//! A service starts without its peers, says so at `/readyz`, and waits for them for ever. Nothing here knows what a
//! step is.

pub mod config;
mod context;
mod error;
mod health;
pub mod housekeeping;
mod logging;
mod metrics;
pub mod process;
pub mod relay;

pub use config::Config;
pub use context::{Context, broker_only};
pub use error::Error;
pub use health::Health;
pub use logging::log;
pub use metrics::Metrics;
