//! Why a topography cannot be routed.

use dataset::cf::CoordinatesError;

use super::heights::Undrained;
use crate::bathymetry::TPointsError;

/// Why a topography cannot be routed: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The file has no such variable.
    #[error("there is no variable '{name}' in the file; it has {}", dataset::listed(available))]
    NoVariable {
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        available: Vec<String>,
    },
    /// The variable cannot be read as heights.
    #[error(transparent)]
    Heights(#[from] dataset::heights::Error),
    /// The variable has not two dimensions of more than one value.
    #[error(
        "variable '{name}' has the dimensions ({}): routing needs one map, with a latitude and a longitude",
        dimensions.join(", ")
    )]
    NotAMap {
        /// The variable.
        name: String,
        /// Its dimensions with their lengths.
        dimensions: Vec<String>,
    },
    /// Routing it would take more memory than there may be.
    #[error(
        "variable '{name}' has {:.1} million cells, and at most {:.1} million are routed: regrid the file first, to 0.1 degree \
         or coarser",
        *cells as f64 / 1e6,
        super::MAX_CELLS as f64 / 1e6
    )]
    TooLarge {
        /// The variable.
        name: String,
        /// Its cells.
        cells: usize,
    },
    /// A dimension of the variable has no coordinate that says where its cells are.
    #[error(
        "no {axis} coordinate is known for the dimension(s) {} of variable '{name}': name it, or add a \
         one-dimensional variable with units degrees_north or degrees_east",
        dimensions.join(", ")
    )]
    NoCoordinate {
        /// The variable.
        name: String,
        /// Latitude or longitude.
        axis: &'static str,
        /// Dimensions without a known coordinate.
        dimensions: Vec<String>,
    },
    /// The coordinates cannot be used.
    #[error(transparent)]
    Coordinates(#[from] CoordinatesError),
    /// Rows and columns do not follow parallels and meridians.
    #[error(
        "variable '{name}' is on a curvilinear grid ('{lon}' and '{lat}'): routing needs rows of one latitude and columns of \
         one longitude; interpolate the file to such a grid first (cdo remapbil,r360x180)"
    )]
    Curvilinear {
        /// The variable.
        name: String,
        /// Its longitudes.
        lon: String,
        /// Its latitudes.
        lat: String,
    },
    /// The file is a part of the globe.
    #[error(
        "the {axis}s of '{name}' run from {first} to {last}: the file does not cover the globe, and rivers are routed on all \
         of it; add the rest of the heights first"
    )]
    Regional {
        /// The coordinate variable.
        name: String,
        /// Latitude or longitude.
        axis: &'static str,
        /// First value, degrees.
        first: f64,
        /// Last value, degrees.
        last: f64,
    },
    /// The cells are not those of a regular global grid.
    #[error(
        "the {count} {axis}s of '{name}' run from {first} to {last}: routing needs the centres of equal cells all around \
         the globe, here from {expected_first} to {expected_last}; regrid the file first, with the release 'corrected'"
    )]
    NotGlobal {
        /// The coordinate variable.
        name: String,
        /// Latitude or longitude.
        axis: &'static str,
        /// Number of values.
        count: usize,
        /// First value, degrees.
        first: f64,
        /// Last value, degrees.
        last: f64,
        /// Where the first of as many cells belongs, degrees.
        expected_first: f64,
        /// Where the last belongs, degrees.
        expected_last: f64,
    },
    /// Some cells have no height.
    #[error(
        "{count} of {cells} cells of variable '{name}' have no value, the first at latitude {lat}, longitude {lon}: {}, and run \
         routing again{causes}",
        if *at_edges {
            "regrid the original file with the release 'corrected', which leaves no gaps along the edges of a global map"
        } else {
            "give them a height, on the map of internal oceans, in the file, or with the option --fill-missing of climsim pipeline"
        }
    )]
    Missing {
        /// The variable.
        name: String,
        /// Cells without a value.
        count: usize,
        /// Cells in all.
        cells: usize,
        /// Latitude of the first, degrees.
        lat: f64,
        /// Longitude of the first, degrees.
        lon: f64,
        /// True if all of them are along the edges of the map, as an interpolation without poles and date line leaves them.
        at_edges: bool,
        /// Why cells that no marker marks are missing, to follow the sentence; empty without any.
        causes: String,
    },
    /// The values are no heights of a planet in metres.
    #[error(
        "variable '{name}' reaches {height} m at latitude {lat}, longitude {lon}: that is no height \
         (a fill value that the file does not declare, or other units? Declare the fill value in the file, or set 'units')"
    )]
    Implausible {
        /// The variable.
        name: String,
        /// The value.
        height: f64,
        /// Latitude, degrees.
        lat: f64,
        /// Longitude, degrees.
        lon: f64,
    },
    /// Nothing is above sea level.
    #[error("variable '{name}' has no land: no height is above 0, so there is nothing to route")]
    NoLand {
        /// The variable.
        name: String,
    },
    /// Nothing is at or below sea level.
    #[error(
        "variable '{name}' has no sea: all heights are above 0, so rivers have nowhere to go (is it the right variable, \
         in metres above sea level?)"
    )]
    NoSea {
        /// The variable.
        name: String,
    },
    /// Latitudes for the relief that are none.
    #[error(
        "the latitudes given for the relief are not usable: {count} values, of which {invalid} are not latitudes"
    )]
    ReliefLatitudes {
        /// How many were given.
        count: usize,
        /// How many are not within -90..90.
        invalid: usize,
    },
    /// Some land does not drain.
    #[error(transparent)]
    Undrained(#[from] Undrained),
    /// The ocean grid is none.
    #[error(transparent)]
    OceanGrid(#[from] TPointsError),
}
