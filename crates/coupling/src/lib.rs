//! Masks and ocean-atmosphere coupling weights: arrays in, arrays and findings out.

mod angle;
pub mod atmosphere;
pub mod compare;
mod error;
pub mod files;
pub mod fluxes;
pub mod fold;
mod input;
pub mod levels;
pub mod links;
pub mod ocean;
mod options;
pub mod outlines;
pub mod overlap;
pub mod remap;

pub use atmosphere::Atmosphere;
pub use error::Error;
pub use fluxes::Fluxes;
pub use input::Input;
pub use links::Links;
pub use ocean::{Basins, Ocean};
pub use options::{AtmosphereSize, InlandRunoff, Mode, Options, Stamps};
