//! Why a field cannot be drawn.

/// An error of preparing a field for the map; its text is for the user.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages print")]
pub enum MapError {
    /// The file could not be read.
    #[error("{0}")]
    File(#[from] dataset::Error),
    /// The file has no variable with two axes.
    #[error("This file has no variable that can be drawn on a map: none has two axes with numbers.")]
    NothingToDraw,
    /// A variable was asked for that cannot be drawn.
    #[error("'{variable}' cannot be drawn; this file has {available}.")]
    NotDrawable { variable: String, available: String },
    /// The position along the leading dimensions does not fit.
    #[error("'{variable}' needs one position for each of {dimensions}, each below {lengths}; got '{given}'.")]
    BadPosition { variable: String, dimensions: String, lengths: String, given: String },
    /// A window outside of the field, or empty.
    #[error("The window {window} is not inside of the {ni} x {nj} cells of level {level}.")]
    BadWindow { window: String, level: u32, ni: usize, nj: usize },
    /// More cells than one answer may have.
    #[error(
        "{cells} cells are too many for one answer (limit {limit}): ask for a window or a coarser level."
    )]
    TooManyCells { cells: usize, limit: usize },
    /// Two revisions that are not on the same grid.
    #[error(
        "'{variable}' cannot be compared: it is {left} in one revision and {right} in the other. Compare \
         revisions on the same grid, for instance those since the last regridding."
    )]
    ShapesDiffer { variable: String, left: String, right: String },
    /// Two revisions without a variable in common.
    #[error(
        "'{variable}' is not in both revisions, which have in common: {available}. Compare revisions of one type."
    )]
    NotInBoth { variable: String, available: String },
    /// Cell shapes were asked for a field that has none.
    #[error("'{variable}' is not on a curvilinear grid: its axes are in the description of the field.")]
    NotCurvilinear { variable: String },
}
