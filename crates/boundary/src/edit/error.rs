use super::Meaning;

/// Why an action cannot be done, or a map not be edited. None of them depends on the values: an action that was accepted once
/// can always be done again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum Error {
    #[error("{what} has {found:?} cells and the map {map:?}: they must have the same rows and columns")]
    Shape { what: &'static str, found: (usize, usize), map: (usize, usize) },
    #[error("a map of {rows} x {columns} cells is too large to edit: at most 4294967295 cells")]
    TooLarge { rows: usize, columns: usize },
    #[error("{cells} cells hold integers beyond 9007199254740992, which cannot be edited exactly")]
    Inexact { cells: usize },
    #[error("'{name}' is text: only numbers can be edited")]
    NotNumbers { name: &'static str },
    #[error("{what} must be a finite number")]
    NotFinite { what: &'static str },
    #[error("sub-basins are 1 (Atlantic), 2 (Pacific) or 3 (Indian ocean), not {value}")]
    NotABasin { value: f64 },
    #[error("'{operation}' has no meaning on {}", .meaning.described())]
    NoMeaning { operation: &'static str, meaning: Meaning },
    #[error(
        "'{operation}' works in metres, and the units of this variable are not known: set 'units' for it in the routing form first"
    )]
    NoUnits { operation: &'static str },
    #[error("a channel needs a line of at least two points")]
    ShortLine,
    #[error(
        "the line is far too long for this map: draw it within the map, and around it a few times at the most"
    )]
    LongLine,
    #[error("a width of {width} cells: use 1 to {most}")]
    Width { width: u32, most: u32 },
    #[error("{passes} passes of smoothing: use 1 to {most}")]
    Passes { passes: u32, most: u32 },
    #[error("a depth of {depth_m} m: use a depth above 0")]
    Depth { depth_m: f64 },
    #[error("a height of {height_m} m is not land: use a height above 0")]
    Height { height_m: f64 },
    #[error("{cells} copied cells: at most {most} in one action; select fewer")]
    TooManyCells { cells: usize, most: usize },
    #[error("there is no action {number} to take out")]
    NoAction { number: usize },
}
