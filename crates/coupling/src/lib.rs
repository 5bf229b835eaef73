//! Masks and ocean-atmosphere coupling weights: arrays in, arrays and findings out.

mod angle;
mod archive;
pub mod atmosphere;
pub mod calving;
pub mod compare;
mod delivery;
mod error;
pub mod figures;
pub mod files;
pub mod fluxes;
pub mod fold;
mod input;
pub mod levels;
pub mod links;
mod maps;
pub mod ocean;
mod options;
pub mod outlines;
pub mod overlap;
pub mod remap;
mod run;
pub mod runoff;
mod spherical;

pub use atmosphere::Atmosphere;
pub use calving::Calving;
pub use delivery::{Content, Product, Sources};
pub use error::Error;
pub use figures::Figures;
pub use fluxes::Fluxes;
pub use input::Input;
pub use links::Links;
pub use maps::maps;
pub use ocean::{Basins, Ocean};
pub use options::{AtmosphereSize, Geometry, InlandRunoff, Mode, Options, Stamps};
pub use run::{Outcome, Stage, run};
pub use runoff::Runoff;
