//! Errors of this crate.

/// Why the masks or the weights could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Centres alone make no weights.
    #[error(
        "the ocean coordinates hold no full C grid{}; weights need glamt, glamu, glamv, glamf, gphit, gphiu, \
         gphiv, gphif, e1t, e1u, e1v, e1f, e2t, e2u, e2v and e2f",
        .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
    )]
    NoMesh {
        /// What is missing or wrong, where known.
        reason: Option<String>,
    },
    /// Coordinates that are none.
    #[error("the ocean coordinates cannot be read: {0}")]
    Grid(#[from] grid::Error),
    /// A bathymetry whose numbers are no depths.
    #[error("the bathymetry cannot be read: {0}")]
    Bathymetry(#[from] boundary::OceanFieldError),
    /// A variable that must be there.
    #[error("the {file} file has no variable {wanted}; it has {known}")]
    NoVariable {
        /// Which file, in the modeller's words.
        file: &'static str,
        /// Names that would do.
        wanted: &'static str,
        /// Names found.
        known: String,
    },
    /// A field of another shape than the grid.
    #[error(
        "{name} is {} rows by {} columns, but the ocean coordinates are {} by {}: they belong to different grids",
        found.0, found.1, grid.0, grid.1
    )]
    Shape {
        /// The variable.
        name: String,
        /// Its rows and columns.
        found: (usize, usize),
        /// Rows and columns of the coordinates.
        grid: (usize, usize),
    },
    /// A field that is no map.
    #[error("{name} has the dimensions {shape:?}; a map of rows by columns was expected")]
    NotAMap {
        /// The variable.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A basin mask with something else than 0 and 1.
    #[error("{name} holds {value} at row {row}, column {column} (counted from 0): a mask holds 0 and 1")]
    NoMask {
        /// The variable.
        name: String,
        /// The value.
        value: f64,
        /// Row of the first such value.
        row: usize,
        /// Column of the first such value.
        column: usize,
    },
    /// A grid on which nothing can be computed.
    #[error("an ocean grid of {rows} rows and {columns} columns is too small for coupling weights")]
    TooSmall {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// Points of one type that do not repeat where the T points do.
    #[error(
        "{point} points do not repeat as the T points do: row {row}, column {column} (counted from 0) is \
         {distance_m:.0} m away from the point that it should repeat (at most {limit_m:.0} m); the coordinates are \
         not those of one consistent grid"
    )]
    Inconsistent {
        /// U, V or F.
        point: char,
        /// Row of the worst point.
        row: usize,
        /// Column of the worst point.
        column: usize,
        /// How far apart the two copies are.
        distance_m: f64,
        /// How far apart they may be.
        limit_m: f64,
    },
    /// Points that are meant to be the same, and are not.
    #[error(
        "the {seam} of the ocean grid repeat{} others, but not exactly: row {row}, column {column} (counted from 0) is \
         {distance_m:.0} m away from its copy (at most {limit_m:.0} m); the coordinates are not those of one consistent grid",
        if seam.ends_with('s') { "" } else { "s" }
    )]
    NearlyRepeats {
        /// Which part of the grid.
        seam: &'static str,
        /// Row of the worst point.
        row: usize,
        /// Column of the worst point.
        column: usize,
        /// How far apart the two copies are.
        distance_m: f64,
        /// How far apart they may be.
        limit_m: f64,
    },
    /// A grid that repeats its cells in a way that the coupler does not know.
    #[error("the ocean grid cannot be coupled as it is stored: {reason}")]
    Layout {
        /// What it is, and what to do.
        reason: String,
    },
    /// Ocean cells that cover the same place.
    #[error(
        "the cells of the ocean grid overlap each other: they cover {sum:.4} of the atmosphere cell in row {row}, column {column} (counted \
         from 0, from the north); the coordinates are not those of one consistent grid"
    )]
    Overlapping {
        /// What they cover, as a part of the cell.
        sum: f64,
        /// Row of the atmosphere cell that is covered the most.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// A grid of a part of the globe.
    #[error(
        "the ocean grid does not go around the globe: in row {row} (counted from 0) the last column is {:.0} km away from \
         the first, where columns are {:.0} km apart; coupling weights need a global grid",
        gap_m / 1000.0, spacing_m / 1000.0
    )]
    NotGlobal {
        /// The first such row.
        row: usize,
        /// From the last column to the first.
        gap_m: f64,
        /// From column to column.
        spacing_m: f64,
    },
    /// Sea where the method has no atmosphere cells.
    #[error(
        "there is sea at {latitude:.2} degrees north; the coupling leaves out the atmosphere cells around the south \
         pole, so ocean cells south of {limit:.2} must be land"
    )]
    SeaAtSouthPole {
        /// Latitude of the southernmost sea cell.
        latitude: f64,
        /// Southernmost latitude that can be sea.
        limit: f64,
    },
    /// Nothing to couple.
    #[error(
        "the bathymetry has no sea cell (deeper than 1 m, depths being positive): there is nothing to couple"
    )]
    NoSea,
    /// An atmosphere grid that is none.
    #[error("'{text}' is no atmosphere grid: {reason}")]
    Atmosphere {
        /// As written.
        text: String,
        /// What it must satisfy.
        reason: &'static str,
    },
    /// A name that the delivered files cannot bear.
    #[error(
        "the name '{0}' cannot be used in file names: 1 to 15 letters, digits, '_', '-' or '.', without 'x' \
         (readers split the names of the files at it)"
    )]
    Name(String),
    /// An option out of its range.
    #[error("{option} = {value}: {reason}")]
    Option {
        /// Name in the run configuration.
        option: &'static str,
        /// What was given.
        value: String,
        /// What it must satisfy.
        reason: &'static str,
    },
    /// Cells that great circles cannot bound.
    #[error("the cells of the two grids cannot be overlapped")]
    Mesh(#[from] remap::Error),
    /// A file that could not be delivered.
    #[error("could not write {path}")]
    Write {
        /// The file, as a path within the delivered tree.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// An input that could not be copied into the delivered tree.
    #[error("could not read {path} again to deliver it with the weights")]
    Source {
        /// The input.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A result that NetCDF cannot hold.
    #[error("{path} cannot be written as NetCDF")]
    Encode {
        /// The file, as a path within the delivered tree.
        path: String,
        /// Why.
        source: Box<dataset::Error>,
    },
}
