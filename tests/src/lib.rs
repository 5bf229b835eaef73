//! What the end-to-end tests share: the platform's processes on free ports with their own instance folder, a browser
//! under WebDriver, and the synthetic planet.
//!
//! The tests run the binaries that `scripts/test` has built before them, wait for states and never sleep for a fixed time, and
//! keep logs and data of a run that failed.

mod browser;
mod data;
pub mod deployment;
pub mod editor;
pub mod engine;
mod form_client;
mod modeller;
mod original;
mod platform;
mod registry;
pub mod runbook;
mod stack;
pub mod visitor;

pub use browser::Browser;
pub use data::{planet, planet_file, regridded};
pub use deployment::Deployment;
pub use editor::Editor;
pub use form_client::{Answer, FormClient};
pub use modeller::Modeller;
pub use original::original_instance;
pub use platform::{Platform, binary, terminate};
pub use registry::{Door, Registry};
pub use stack::Stack;
pub use visitor::Visitor;

/// The error with its causes, and after them what was last said: first comes what the reader of a log is after.
pub fn with_last_words(error: &anyhow::Error, told: &str) -> anyhow::Error {
    anyhow::anyhow!("{error:?}\n\n{told}")
}
