//! Masks and ocean-atmosphere coupling weights: arrays in, arrays and findings out.

mod angle;
pub mod compare;
mod error;
pub mod files;
pub mod fold;
mod input;
pub mod levels;
pub mod ocean;
mod options;
pub mod remap;

pub use error::Error;
pub use input::Input;
pub use ocean::{Basins, Ocean};
pub use options::{AtmosphereSize, InlandRunoff, Mode, Options, Stamps};
