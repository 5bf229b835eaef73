//! Errors of this crate.

/// Why a grid could not be read or generated.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// No pair of coordinate variables, or more than one and nothing to choose by.
    #[error(
        "no longitude and latitude of the grid points found: expected lon and lat, glamt and gphit, nav_lon and \
         nav_lat, or exactly one variable with \"lon\" and one with \"lat\" in its name (longitudes: {}; \
         latitudes: {}; corners and U, V and F points do not count): name the two of the cell centres",
        list(longitudes),
        list(latitudes)
    )]
    NoCoordinates {
        /// Numeric variables whose name contains `lon` or `glam`, with their dimensions.
        longitudes: Vec<String>,
        /// Numeric variables whose name contains `lat` or `gphi`, with their dimensions.
        latitudes: Vec<String>,
    },
    /// A named variable that is not there.
    #[error("there is no variable '{name}' with numbers in the file; it has {}", list(known))]
    NoVariable {
        /// The name.
        name: String,
        /// Names in the file.
        known: Vec<String>,
    },
    /// A mesh where rows and columns are needed.
    #[error(
        "the file is {kind} of {cells} cells without rows and columns: an ocean grid has them, as a NEMO coordinates file or a SCRIP \
         file with two grid_dims"
    )]
    Unstructured {
        /// What the file is.
        kind: &'static str,
        /// Its cells.
        cells: usize,
    },
    /// A file that describes cells one by one, and something is wrong with it.
    #[error("the file is {kind}, and '{name}' cannot be read: {problem}")]
    CellFile {
        /// What the file is.
        kind: &'static str,
        /// The variable.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// Coordinates that are no angles.
    #[error(transparent)]
    Coordinates(#[from] dataset::cf::CoordinatesError),
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
    /// Coordinates that are missing, or the same, for most of the cells.
    #[error(
        "{cells} of {of} cells have no place by {lon} and {lat}: their coordinates are missing, no angles, or the same for many \
         cells; name the variables with the longitude and latitude of the cells in degrees"
    )]
    NoPlaces {
        /// Name of the longitudes.
        lon: String,
        /// Name of the latitudes.
        lat: String,
        /// Cells without a place.
        cells: usize,
        /// All cells.
        of: usize,
    },
    /// Coordinates that are no angles in degrees.
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
