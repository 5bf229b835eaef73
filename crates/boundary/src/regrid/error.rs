//! Why a dataset cannot be regridded.

use dataset::cf::CoordinatesError;

use super::Method;
use crate::Release;

/// Why a dataset cannot be regridded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum Error {
    #[error("the step of '{name}' is {step}: it has to be a positive number of degrees")]
    Step { name: String, step: f64 },
    #[error("there is no variable '{name}' to take as a coordinate (there are: {known})")]
    NoCoordinate { name: String, known: String },
    #[error(transparent)]
    Coordinates(#[from] CoordinatesError),
    #[error(
        "the method '{method}' is not in the release of {release}: choose the corrected release, or linear or nearest"
    )]
    NotInRelease { method: Method, release: Release },
    #[error("{why}")]
    Read { why: String },
    #[error("the cells that '{lon}' and '{lat}' span cannot be used: {why}")]
    Cells { lon: String, lat: String, why: String },
    #[error("'{name}' has {} dimensions ({}): this release regrids grids with one-dimensional longitude and latitude only; choose the corrected release", dimensions.len(), dimensions.join(", "))]
    Curvilinear { name: String, dimensions: Vec<String> },
    #[error("'{name}' holds text, not coordinates")]
    NotNumeric { name: String },
    #[error("'{name}' ({len} values) is empty or has missing values: it cannot be a coordinate")]
    NotFinite { name: String, len: usize },
    #[error(
        "'{name}' has only one distinct value: that gives neither a cell size nor anything to interpolate between"
    )]
    OnePoint { name: String },
    #[error(
        "'{longitude}' and '{latitude}' share the dimension '{dimension}': the points form a list, not a grid"
    )]
    NotAGrid { longitude: String, latitude: String, dimension: String },
    #[error(
        "the result would be a grid of {columns} x {rows} cells, {values} values in all, and at most {largest} are allowed: use larger steps"
    )]
    TooLarge { rows: u64, columns: u64, values: u64, largest: u64 },
    #[error("the result would be a grid of {columns} x {rows} cells: use smaller steps")]
    NoTarget { rows: u64, columns: u64 },
    #[error(
        "no cell of the result would have a value: the source covers longitudes {} to {} and latitudes {} to {}, {why}", extent[0].0, extent[0].1, extent[1].0, extent[1].1
    )]
    NoValues { extent: [(f64, f64); 2], why: String },
}
