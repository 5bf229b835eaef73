//! What an edited topography means for the steps after it: river basins, and the bathymetry of the ocean model.
//!
//! The same calculation as the routing step, without its files: what is shown here is what the step will write.

use dataset::{Attributes, Dataset};
use grid::Points;
use ndarray::{Array2, ArrayView2};

use super::geometry::{Centres, Map, Meaning};
use super::maps::Maps;
use crate::bathymetry::sample_depths;
use crate::routing::{self, Parameters};
use crate::{Finding, Release};

/// The name of the heights in what is handed to the routing, and so in its messages.
const HEIGHTS: &str = "topography";

/// Why there are no consequences to show.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The map is no topography, or not on axes.
    #[error("rivers need a topography on longitudes and latitudes")]
    NoTopography,
    /// What the numbers are is not known.
    #[error("rivers need heights in known units: set 'units' in the routing form first")]
    Units,
    /// The topography cannot be routed.
    #[error(transparent)]
    Routing(#[from] routing::Error),
}

/// What follows from a topography.
#[derive(Debug, Clone, PartialEq)]
pub struct Consequences {
    /// The number of the river basin of each cell, 1 for the largest, 0 on sea: rows and columns of the edited map.
    pub river_basins: Array2<u32>,
    /// Depths on the ocean grid, m, 0 on land (rows x columns of that grid), when one was given.
    pub depths_m: Option<Array2<f64>>,
    /// What to tell the modeller.
    pub findings: Vec<Finding>,
}

/// Routes a topography (rows x columns of the map) and samples it on an ocean grid.
///
/// # Errors
/// [`Error`] says what is wrong with the topography.
pub fn compute(
    map: &Map,
    values: ArrayView2<f64>,
    ocean: Option<&Points>,
    release: Release,
) -> Result<Consequences, Error> {
    let (Meaning::Elevation | Meaning::Downwards, Centres::Axes { lon_deg, lat_deg }) =
        (map.meaning(), map.centres())
    else {
        return Err(Error::NoTopography);
    };
    if map.units().is_none() {
        return Err(Error::Units);
    }
    let heights = values.mapv(|number| map.metres(number));
    let mut file = Dataset::new();
    let metres = Attributes::new().with("units", "m");
    file.add_f64(HEIGHTS, &["latitude", "longitude"], heights.into_dyn(), metres);
    for (name, degrees) in [("latitude", lat_deg), ("longitude", lon_deg)] {
        file.add_f64(name, &[name], ndarray::aview1(degrees).to_owned().into_dyn(), Attributes::new());
    }
    let mut parameters = Parameters::new(HEIGHTS);
    parameters.release = release;
    let topography = routing::prepared(&file, &parameters)?;
    let routed = routing::route(&topography.heights_m, release).map_err(routing::Error::from)?;
    let river_basins = Array2::from_shape_fn(map.dim(), |(i, j)| {
        routed.basins.numbers[[topography.rows[i], topography.columns[j]]]
    });
    let depths_m = match ocean {
        None => None,
        Some(points) => {
            Some(sample_depths(&routed.drainage.heights_m, points, release).map_err(routing::Error::from)?)
        }
    };
    let mut findings = topography.findings;
    if let (Some(depths), Some(points)) = (&depths_m, ocean) {
        findings.extend(ocean_findings(depths, points));
    }
    Ok(Consequences { river_basins, depths_m, findings })
}

/// What the bathymetry will have to be corrected for.
fn ocean_findings(depths_m: &Array2<f64>, points: &Points) -> Vec<Finding> {
    let Ok(map) = Map::curvilinear(points.clone(), Meaning::Depth) else { return Vec::new() };
    let counts = Maps::new(&map, depths_m.view()).counts();
    if counts.internal_oceans == 0 && counts.passages == 0 {
        return Vec::new();
    }
    let text = format!(
        "the bathymetry has {} internal ocean(s) of {} cell(s) and {} cell(s) in passages one cell wide",
        counts.internal_oceans, counts.internal_cells, counts.passages
    );
    vec![Finding::note("bathymetry-to-correct", text)]
}
