//! What grid to regrid to, from the grid that there is.

use dataset::{Dataset, File};

use super::origin::Source;
use super::source::{Cells, Grid, Regular};
use super::{Error, bounds_of};

/// Centres this far from where routing takes them to be, in cells, are there: coordinates in single precision.
const EXACT_CELLS: f64 = 0.01;

/// The grid of a file, and what to make of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// Columns, without repeated ones.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Mean spacing in longitude and latitude, degrees.
    pub spacing_degrees: (f64, f64),
    /// Goes around the globe and to both poles.
    pub global: bool,
    /// Equal cells that fill the globe from 180 W and 90 S, in any order: routing takes the map as it is.
    pub fits_routing: bool,
    /// The step to regrid to, degrees: one for a global file, that of the file for a regional one.
    pub step_degrees: f64,
}

/// Proposes a grid to regrid to. Of the dataset only the coordinates of these names (and their bounds) are looked at.
///
/// # Errors
/// Coordinates that [`run`](super::run) refuses with the corrected release.
pub fn propose(source: &Dataset, longitude: &str, latitude: &str) -> Result<Proposal, Error> {
    match Grid::read(source, longitude, latitude)? {
        Grid::Regular(regular) => Ok(of_regular(&regular)),
        Grid::Cells(cells) => Ok(of_cells(&cells)),
    }
}

/// As [`propose`], of a file: no more than the coordinates is read.
///
/// # Errors
/// As [`propose`].
pub fn propose_file(file: &File, longitude: &str, latitude: &str) -> Result<Proposal, Error> {
    let header = file.header();
    let names = [longitude, latitude, bounds_of(header, longitude), bounds_of(header, latitude)];
    propose(&*Source::File(file).some(header, &names)?, longitude, latitude)
}

fn of_cells(cells: &Cells) -> Proposal {
    let (rows, columns) = cells.mesh.shape();
    let areas: Vec<f64> = cells
        .mesh
        .areas_sr()
        .into_iter()
        .zip(cells.mesh.active())
        .filter_map(|(area, &active)| active.then_some(area))
        .collect();
    let total: f64 = areas.iter().sum();
    let side = (total / areas.len().max(1) as f64).sqrt().to_degrees();
    // Ocean grids end at the coast of Antarctica.
    let global = total > 0.9 * 4.0 * std::f64::consts::PI;
    let step_degrees = if global { 1.0 } else { side };
    Proposal { columns, rows, spacing_degrees: (side, side), global, fits_routing: false, step_degrees }
}

fn of_regular(regular: &Regular) -> Proposal {
    let (lon, lat) = (&regular.lon, &regular.lat);
    let spacing = (lon.spacing(), lat.spacing());
    let global = lon.whole() && lat.whole();
    let fits = |first: f64, step: f64, centres: &[f64]| {
        centres.iter().enumerate().all(|(k, centre)| {
            let cells = (centre - first) / step - k as f64;
            cells.abs() <= EXACT_CELLS
        })
    };
    // The first column may be any: the map is rolled.
    let (step_lon, step_lat) = (360.0 / lon.len() as f64, 180.0 / lat.len() as f64);
    let from_west = (lon.centres()[0] + 180.0) / step_lon - 0.5;
    let fits_routing = global
        && !regular.planes
        && regular.repeated == 0
        && (from_west - from_west.round()).abs() <= EXACT_CELLS
        && fits(lon.centres()[0], step_lon, lon.centres())
        && fits(-90.0 + step_lat / 2.0, step_lat, lat.centres());
    let own = (spacing.0.min(spacing.1) * 1e6).round() / 1e6;
    Proposal {
        columns: lon.len(),
        rows: lat.len(),
        spacing_degrees: spacing,
        global,
        fits_routing,
        step_degrees: if global { 1.0 } else { own },
    }
}
