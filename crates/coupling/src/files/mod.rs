//! The delivered files, as the readers of the climate model expect them.

pub mod coupler;
pub mod domsk;
mod labels;
pub mod o2a;
pub mod readme;
pub mod rmp;
pub mod run_def;
