//! Errors of this crate.

/// Why a grid could not be read or generated.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// No pair of coordinate variables, or more than one and nothing to choose by.
    #[error(
        "no longitude and latitude of the grid points found: expected lon and lat, glamt and gphit, nav_lon and \
         nav_lat, or exactly one variable with \"lon\" and one with \"lat\" in its name (longitudes: {}; \
         latitudes: {})",
        list(longitudes),
        list(latitudes)
    )]
    NoCoordinates {
        /// Numeric variables whose name contains `lon` or `glam`, with their dimensions.
        longitudes: Vec<String>,
        /// Numeric variables whose name contains `lat` or `gphi`, with their dimensions.
        latitudes: Vec<String>,
    },
    /// A chosen pair does not fit together.
    #[error("{lon} has shape {lon_shape:?} but {lat} has {lat_shape:?}")]
    ShapesDiffer {
        /// Name of the longitudes.
        lon: String,
        /// Name of the latitudes.
        lat: String,
        /// Shape of the longitudes.
        lon_shape: Vec<usize>,
        /// Shape of the latitudes.
        lat_shape: Vec<usize>,
    },
    /// Axes that span more points than a grid may have.
    #[error(
        "{lon} and {lat} span {rows} x {columns} points, and a grid may have {most}: use a coarser or smaller grid"
    )]
    TooLarge {
        /// Name of the longitudes.
        lon: String,
        /// Name of the latitudes.
        lat: String,
        /// Number of latitudes.
        rows: usize,
        /// Number of longitudes.
        columns: usize,
        /// The most points.
        most: usize,
    },
    /// A grid without points.
    #[error("{lon} and {lat} hold no point")]
    Empty {
        /// Name of the longitudes.
        lon: String,
        /// Name of the latitudes.
        lat: String,
    },
    /// Coordinates that are missing or no angles in degrees.
    #[error("{name} is {value} at row {row}, column {column} (counted from 0): not a coordinate in degrees")]
    BadCoordinate {
        /// Name of the variable.
        name: String,
        /// The value found.
        value: f64,
        /// Row of the first such value.
        row: usize,
        /// Column of the first such value.
        column: usize,
    },
    /// A parameter of a generated grid outside what the method can make.
    #[error("the ocean grid cannot be generated with {name} = {value}: {reason}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must satisfy.
        reason: &'static str,
    },
    /// Axes of a regular grid that are not strictly monotonic or too short.
    #[error("the {axis} of a regular grid must be at least two strictly increasing or decreasing numbers")]
    Axis {
        /// `longitudes` or `latitudes`.
        axis: &'static str,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
