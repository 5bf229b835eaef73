//! Masks and ocean-atmosphere coupling weights: arrays in, arrays and findings out.
//!
//! [`run`] takes an ocean grid, its depths and its basins ([`Input`]), and computes what couples it to an LMDZ atmosphere: masks,
//! areas, and four matrices of weights ([`Outcome`]); [`Outcome::write_archive`] and [`Outcome::write_tree`] deliver them as the files
//! that OASIS3-MCT, LMDZ and the modeller take. The crate [`remap`] is interpolation between any two grids, which the chain uses for
//! great-circle edges only.
//!
//! ```
//! use coupling::{Basins, Input, Options};
//! use ndarray::Array2;
//!
//! let grid = grid::orca::grid(&grid::orca::Parameters::for_size(62, 51))?;
//! let south = grid.t().lat_deg.mapv(|lat| lat < -65.0);
//! let none = Array2::zeros(grid.shape());
//! let basins = Basins { atlantic: none.clone(), pacific: none.clone(), indian: none };
//! let depth = south.mapv(|antarctica| if antarctica { 0.0 } else { 4000.0 });
//! let input = Input { grid, bathymetry_m: depth, basins, findings: Vec::new() };
//! let options = Options { atmosphere: "32x24".parse()?, ..Options::default() };
//!
//! let outcome = coupling::run(&input, &options, &mut |stage| println!("{}", stage.label()))?;
//! let row_sums = outcome.figures.to_atmosphere.row_sums;
//! assert!((row_sums.min - 1.0).abs() < 1e-12 && (row_sums.max - 1.0).abs() < 1e-12);
//! assert!(outcome.figures.to_ocean.conservation < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The method
//!
//! | stage | module | from | to |
//! | --- | --- | --- | --- |
//! | ocean grid and masks | [`ocean`] | coordinates, depths, basins | [`Ocean`] |
//! | atmosphere grid | [`atmosphere`] | its size | [`Atmosphere`] |
//! | overlaps | [`outlines`], [`overlap`] | both | the fraction of every atmosphere cell in each ocean cell |
//! | matrices of the fluxes | [`fluxes`] | overlaps, areas | [`Fluxes`]: means to the atmosphere, conserved sums to the ocean |
//! | run-off | [`runoff`] | fluxes, coasts | [`Runoff`] |
//! | calving | [`calving`] | masks, bands of latitude | [`Calving`] |
//! | files | [`files`] | all | [`Product`]s |
//!
//! Invariants: the result is the same, bit for bit, for any number of threads; nothing but [`Outcome`]'s writers touches a file; there is
//! no clock ([`Stamps`] come from the caller).
//!
//! # The original, and what is done differently
//!
//! The method is that of the programs DOMSK and MOZAIC of IPSL. With [`Mode::Legacy`] every number is theirs; with [`Mode::Corrected`],
//! the default, their slips are mended. What each of them is and what becomes of it:
//!
//! | | in the original | legacy | corrected |
//! | --- | --- | --- | --- |
//! | Q1 | basin masks are not made cyclic | as there | made cyclic; the same for consistent input |
//! | Q2 | longitudes of the row before the fold are a turn too large | as there | as there: the place is the same |
//! | Q3 | `mask_noclose` and `mask_nomed` remove no closed sea | as there | `mask_noclose` keeps the largest ocean only; `calving_nomed = false` uses it, else closed seas receive calving |
//! | Q4 | text parameters end at the first blank (`production`) | as there | as there |
//! | Q5 | volumes and an index of three dimensions in maps | first level; 1..31 in one row | first level; number of wet levels |
//! | Q6 | ocean fractions are all the mask of F points | as there | the mask of each point |
//! | Q7 | `MASK` and `MASKDRAW` exchanged in the `gridCF` file | as there | right |
//! | Q8 | areas of the atmosphere by the mid-point rule, 4.6e-5 too large | as there | as there: LMDZ and the coupler have them |
//! | Q9 | corners of the atmosphere run clockwise | as there | as there: nothing reads them |
//! | Q10 | the ocean fraction passes through single precision | as there | as there: it decides land and coast as the files say |
//! | Q11 | area of the first ocean row, which is land, is half a cap | as there | the row's own areas |
//! | Q12 | area of the south pole is a sector too large | as there | as many sectors as columns |
//! | Q13 | the south pole is never coupled | sea there is refused | refused ([`Error::SeaAtSouthPole`]) |
//! | Q14 | sums of the conserved fluxes in single precision: 2e-7 per source | as there | double: 1e-15 |
//! | Q15 | the row at -90 is in no band of the calving, its ice is lost | as there | in the southernmost band |
//! | Q16 | the fourth corner in the weight files is the middle of an edge | as there | the corner |
//! | Q17 | the ocean's repeated cells mask atmosphere cells of the same number | as there | sea where there is ocean |
//! | Q18 | source mask of the run-off is land everywhere | as there | every cell takes part |
//! | Q19 | no more than so many neighbours | no limit | no limit |
//! | Q20 | variables that are never written (`MaskPer`, `SurfacePol`, `mask_t`, ...) | fill values, zeros | what the names say |
//! | Q21 | a failed stage still delivers | an [`Error`] | an [`Error`] |
//!
//! Besides, in both: files are NetCDF classic with 64-bit offsets also where the original writes NetCDF-4, their headers the same; no
//! `HOSTNAME`, `LOGNAME`, `NCO`; calving weights with options in their names are delivered too; coastal cells of the atmosphere that touch no
//! coastal ocean cell send their run-off to the nearest one (corrected). The archive begins with `maps.nc` and `README.txt`.
//!
//! The run-off of land more than [`Options::runoff_reach_m`] from the coast, some 70 % of the land, is dropped as in the original, which counts on
//! the river routing of the land model; [`InlandRunoff::NearestCoast`] delivers it, and a finding says how much it is.

//!
//! # Sums of weights
//!
//! Before they are normalised, the overlaps of an atmosphere cell are parts of it and add up to at most one: more than that, by more than the
//! distortion of the projection, is [`Error::Overlapping`]. The delivered matrices are normalised afterwards, by sums and by the areas
//! that the grid's scale factors give; where these are not the areas of the cells (a generated grid: up to 28 % beside the grid poles), the
//! weights to the ocean keep what is conserved and do not add up to one.

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
