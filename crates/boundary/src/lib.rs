//! The numerics of the boundary conditions: arrays in, arrays and findings out.
//!
//! Every step of the platform has its one home here. A step's module holds the algorithm on plain arrays
//! (no files, no clock, no async) and a `run` that takes and returns labelled in-memory [`dataset::Dataset`]s,
//! laid out as the readers of the climate model expect; the worker and the command line only load, call and save.

pub mod ahmcoef;
pub mod bathymetry;
pub mod components;
pub mod edit;
mod elevation;
pub mod heatflow;
mod history;
pub mod internal_oceans;
pub mod interpolate;
mod ocean_field;
mod output;
pub mod passages;
pub mod pft;
pub mod poles;
mod progress;
pub mod regrid;
pub mod relief;
pub mod routing;
pub mod soils;
pub mod subbasins;

pub use dataset::{Finding, Severity};
pub use elevation::Elevation;
pub use ocean_field::{Depths, OceanFieldError};
pub use output::Output;
pub use progress::{Progress, Silent};
pub use release::{Release, UnknownRelease};
