//! A grid of polygon cells on the sphere.
//!
//! Cells are numbered row by row, as the arrays of the grid are stored. Corners run counter-clockwise seen from
//! outside. A regular grid stores each corner once; other grids store them cell by cell.

use grid::sphere::Vector;
use grid::{CellFile, Layout, Mirror, OceanGrid, Points, RegularGrid, Topology};
use ndarray::Array2;
use rayon::prelude::*;

use crate::clip::polygon_area_sr;

/// How near to a pole an edge counts as the pole, and how exactly columns must close the circle, in degrees.
const CLOSED_DEG: f64 = 1e-6;

/// Why cells cannot be made of a grid.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Great circles cannot bound such cells.
    #[error(
        "the cells of column {column} (counted from 0) are {width_deg} degrees wide: less than 120 is needed"
    )]
    TooWide {
        /// The column.
        column: usize,
        /// Its width.
        width_deg: f64,
    },
    /// Fewer edges than cells need.
    #[error(
        "a regular grid of {columns} columns and {rows} rows needs one edge more of each, not {lon_edges} and {lat_edges}"
    )]
    Edges {
        /// Columns.
        columns: usize,
        /// Rows.
        rows: usize,
        /// Edges given along the longitude.
        lon_edges: usize,
        /// Edges given along the latitude.
        lat_edges: usize,
    },
    /// Arrays that do not fit together.
    #[error("the {what} of {cells} cells are {values} numbers")]
    Count {
        /// What does not fit.
        what: &'static str,
        /// Cells of the grid.
        cells: usize,
        /// Numbers given.
        values: usize,
    },
    /// Cells that cover the same place: what is interpolated would count twice.
    #[error(
        "the cells of the {side} grid overlap each other: the parts of {wrong} cells of the {other} grid add up to more than the whole, \
         to {sum:.4} in cell {cell} (counted from 0, in the order of the file); mask the cells that are there twice, or correct the \
         corners"
    )]
    Overlapping {
        /// `source` or `target`: whose cells overlap.
        side: &'static str,
        /// The other one.
        other: &'static str,
        /// How many cells of the other grid are covered more than once.
        wrong: usize,
        /// The one that is covered the most.
        cell: usize,
        /// How much of it.
        sum: f64,
    },
    /// A method that needs to know which cells are neighbours.
    #[error(
        "{method} weights need a source grid of rows and columns, and this one is a list of cells: use conservative or nearest"
    )]
    NoNeighbours {
        /// The method.
        method: &'static str,
    },
    /// Positions that make no grid.
    #[error(transparent)]
    Grid(#[from] grid::Error),
    /// More cells than a weight file can number.
    #[error("a grid of {cells} cells is too large: weight files number up to {} cells", i32::MAX)]
    TooLarge {
        /// Cells of the grid.
        cells: usize,
    },
}

/// A grid of cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    rows: usize,
    columns: usize,
    centres: Centres,
    corners: Corners,
    /// Where the cells of the grid, rows south to north, are stored; `None` for a list of cells, of which no two are neighbours.
    order: Option<Order>,
    topology: Topology,
    /// Columns of the first turn of a regular grid, all columns of others: those beyond stand in the places of the first.
    turn: usize,
    /// The first row, the last row touches a pole.
    poles: [bool; 2],
    active: Vec<bool>,
}

/// The order in which cells are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Order {
    /// Rows and columns of the grid, not as stored.
    shape: (usize, usize),
    transposed: bool,
    flipped: bool,
}

impl Order {
    fn cell(self, (j, i): (usize, usize)) -> usize {
        let (rows, columns) = self.shape;
        let j = if self.flipped { rows - 1 - j } else { j };
        if self.transposed { i * rows + j } else { j * columns + i }
    }

    fn place(self, cell: usize) -> (usize, usize) {
        let (rows, columns) = self.shape;
        let (j, i) =
            if self.transposed { (cell % rows, cell / rows) } else { (cell / columns, cell % columns) };
        (if self.flipped { rows - 1 - j } else { j }, i)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Centres {
    Axes { lon_deg: Vec<f64>, lat_deg: Vec<f64> },
    Cells(Vec<(f64, f64)>),
}

#[derive(Debug, Clone, PartialEq)]
enum Corners {
    /// Vertices of a regular grid, row by row; the last column of edges is the first where they close the circle.
    Lattice { vertices: Vec<Vector>, edges: Edges, northwards: bool },
    /// So many vertices for each cell.
    Cells { vertices: Vec<Vector>, per_cell: usize },
}

/// Edges of a regular grid: west to east, and in the order of its rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edges {
    pub(crate) lon_deg: Vec<f64>,
    pub(crate) lat_deg: Vec<f64>,
}

impl Mesh {
    /// The cells of a regular grid, their edges half way between the centres (the atmosphere's grid too: the rows that stand on
    /// its poles are half cells).
    ///
    /// # Errors
    /// [`Error::TooWide`].
    pub fn regular(grid: &RegularGrid) -> Result<Self, Error> {
        Self::rectilinear(grid, grid.lon_bounds_deg(), grid.lat_bounds_deg())
    }

    /// The cells of a regular grid with the given edges: one more than columns, one more than rows, in the same order. Columns
    /// that go round more than once are masked.
    ///
    /// # Errors
    /// [`Error::TooWide`], [`Error::Edges`].
    pub fn rectilinear(
        grid: &RegularGrid,
        lon_edges_deg: Vec<f64>,
        lat_edges_deg: Vec<f64>,
    ) -> Result<Self, Error> {
        let (columns, rows) = (grid.lon_deg().len(), grid.lat_deg().len());
        if lon_edges_deg.len() != columns + 1 || lat_edges_deg.len() != rows + 1 {
            return Err(Error::Edges {
                columns,
                rows,
                lon_edges: lon_edges_deg.len(),
                lat_edges: lat_edges_deg.len(),
            });
        }
        check_size(rows * columns)?;
        let wide = lon_edges_deg.windows(2).position(|w| (w[1] - w[0]).abs() >= 120.0);
        if let Some(column) = wide {
            let width_deg = (lon_edges_deg[column + 1] - lon_edges_deg[column]).abs();
            return Err(Error::TooWide { column, width_deg });
        }
        let closes = |edge: &f64| ((edge - lon_edges_deg[0]).abs() - 360.0).abs() < CLOSED_DEG;
        let turn = lon_edges_deg.iter().position(closes);
        let (periodic, turn) = (turn.is_some(), turn.unwrap_or(columns));
        let edge_columns = if periodic { turn } else { columns + 1 };
        let across: Vec<(f64, f64)> =
            lon_edges_deg[..edge_columns].iter().map(|lon| lon.to_radians().sin_cos()).collect();
        let vertices = lat_edges_deg
            .iter()
            .flat_map(|&lat| {
                // The cosine of exactly 90 degrees is not zero; the pole is one point.
                let at_pole = lat.abs() > 90.0 - 1e-12;
                let (sin_lat, cos_lat) =
                    if at_pole { (lat.signum(), 0.0) } else { lat.to_radians().sin_cos() };
                across.iter().map(move |&(sin_lon, cos_lon)| Vector {
                    x: cos_lat * cos_lon,
                    y: cos_lat * sin_lon,
                    z: sin_lat,
                })
            })
            .collect();
        let first_turn = |i: usize| (lon_edges_deg[i + 1] - lon_edges_deg[0]).abs() < 360.0 + CLOSED_DEG;
        let once: Vec<bool> = (0..columns).map(first_turn).collect();
        let poles = [lat_edges_deg[0], lat_edges_deg[rows]].map(|lat| lat.abs() > 90.0 - CLOSED_DEG);
        let eastwards = lon_edges_deg[columns] > lon_edges_deg[0];
        let upwards = lat_edges_deg[rows] > lat_edges_deg[0];
        Ok(Self {
            rows,
            columns,
            centres: Centres::Axes { lon_deg: grid.lon_deg().to_vec(), lat_deg: grid.lat_deg().to_vec() },
            corners: Corners::Lattice {
                vertices,
                edges: Edges { lon_deg: lon_edges_deg, lat_deg: lat_edges_deg },
                northwards: eastwards == upwards,
            },
            order: Some(Order { shape: (rows, columns), transposed: false, flipped: false }),
            topology: Topology { periodic, ..Topology::OPEN },
            turn,
            poles,
            active: (0..rows).flat_map(|_| once.iter().copied()).collect(),
        })
    }

    /// The T cells of an ocean grid; its duplicates, and cells without a place, are masked. Where the grid has T points alone, and
    /// beside cells without a place, corners are the means of the four points around them.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn ocean(grid: &OceanGrid) -> Result<Self, Error> {
        let (rows, columns) = grid.shape();
        let layout = Layout { transposed: false, flipped: false, topology: grid.topology() };
        let mut mesh = Self::of_points(grid.t(), layout)?;
        let between = mesh.corners_between_centres();
        let vertices = if grid.mesh().is_some() {
            let known = |(cell, between): (usize, &[Vector])| {
                let corners =
                    grid.corners(cell / columns, cell % columns).map(|c| c.map(Vector::from_degrees));
                let known = corners.filter(|corners| corners.iter().all(|corner| corner.x.is_finite()));
                known.map_or_else(|| between.to_vec(), |corners| corners.to_vec())
            };
            (0..rows * columns).zip(between.chunks_exact(4)).flat_map(known).collect()
        } else {
            between
        };
        mesh.corners = Corners::Cells { vertices: oriented(vertices, 4), per_cell: 4 };
        Ok(mesh)
    }

    /// The T cells of an ocean grid that its file stores as columns by rows, in the order of the file.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub(crate) fn ocean_transposed(grid: &OceanGrid) -> Result<Self, Error> {
        let mesh = Self::ocean(grid)?;
        let (rows, columns) = (mesh.rows, mesh.columns);
        let order = Order { shape: (rows, columns), transposed: true, flipped: false };
        let from = |cell: usize| {
            let (j, i) = order.place(cell);
            j * columns + i
        };
        let cells = 0..rows * columns;
        let centres = cells.clone().map(|cell| mesh.stored_centre_deg(from(cell))).collect();
        let Corners::Cells { vertices, per_cell } = &mesh.corners else { return Ok(mesh) };
        let moved = |cell: usize| vertices[from(cell) * per_cell..][..*per_cell].to_vec();
        let corners =
            Corners::Cells { vertices: cells.clone().flat_map(moved).collect(), per_cell: *per_cell };
        let active = cells.map(|cell| mesh.active[from(cell)]).collect();
        Ok(Self {
            rows: columns,
            columns: rows,
            centres: Centres::Cells(centres),
            corners,
            order: Some(order),
            active,
            ..mesh
        })
    }

    /// Cells of any shape: centres row by row, and as many corners for each cell, (longitude, latitude) in degrees, in either
    /// direction; a corner may be repeated where a cell has fewer. Duplicates at the seams of ocean grids, and cells
    /// without a place, are masked.
    ///
    /// # Errors
    /// [`Error::Count`] where the arrays do not fit together, [`Error::TooLarge`], [`Error::Grid`] for positions that make no grid.
    pub fn curvilinear(
        (rows, columns): (usize, usize),
        centres_deg: Vec<(f64, f64)>,
        corners_deg: &[(f64, f64)],
    ) -> Result<Self, Error> {
        let per_cell = corners_per_cell(rows * columns, &centres_deg, corners_deg)?;
        let points = points((rows, columns), &centres_deg);
        let placed = OceanGrid::from_t_points(points)?;
        let mut mesh = Self::of_points(placed.t(), Layout::find(placed.t()))?;
        let vertices = corners_deg.iter().map(|&corner| Vector::from_degrees(corner)).collect();
        mesh.corners = Corners::Cells { vertices: oriented(vertices, per_cell), per_cell };
        // A cell of which a corner is missing has no shape.
        mesh.mask_shapeless();
        Ok(mesh)
    }

    /// Cells around these points, as they are stored; corners are the means of the four points around them.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Grid`] for positions that make no grid.
    pub fn of_centres(stored: Points) -> Result<Self, Error> {
        let placed = OceanGrid::from_t_points(stored)?;
        let mut mesh = Self::of_points(placed.t(), Layout::find(placed.t()))?;
        let vertices = mesh.corners_between_centres();
        mesh.corners = Corners::Cells { vertices: oriented(vertices, 4), per_cell: 4 };
        Ok(mesh)
    }

    /// A list of cells of any shape, of which no two are known to be neighbours; arguments as of [`curvilinear`](Self::curvilinear).
    ///
    /// # Errors
    /// [`Error::Count`] where the arrays do not fit together, [`Error::TooLarge`].
    pub fn list(centres_deg: Vec<(f64, f64)>, corners_deg: &[(f64, f64)]) -> Result<Self, Error> {
        let cells = centres_deg.len();
        let per_cell = corners_per_cell(cells, &centres_deg, corners_deg)?;
        let vertices = corners_deg.iter().map(|&corner| Vector::from_degrees(corner)).collect();
        let mut mesh = Self {
            rows: 1,
            columns: cells,
            centres: Centres::Cells(centres_deg),
            corners: Corners::Cells { vertices: oriented(vertices, per_cell), per_cell },
            order: None,
            topology: Topology::OPEN,
            turn: cells,
            poles: [false; 2],
            active: vec![true; cells],
        };
        mesh.mask_shapeless();
        Ok(mesh)
    }

    /// The cells that a file describes one by one.
    ///
    /// # Errors
    /// As [`curvilinear`](Self::curvilinear).
    pub fn of_cell_file(cells: CellFile) -> Result<Self, Error> {
        let mesh = match cells.shape {
            Some(shape) => Self::curvilinear(shape, cells.centres_deg, &cells.corners_deg)?,
            None => Self::list(cells.centres_deg, &cells.corners_deg)?,
        };
        mesh.masked(&cells.active)
    }

    /// A grid of these points, as they are stored, whose corners are still to be found.
    fn of_points(stored: &Points, layout: Layout) -> Result<Self, Error> {
        let (rows, columns) = stored.lon_deg.dim();
        check_size(rows * columns)?;
        let shape = if layout.transposed { (columns, rows) } else { (rows, columns) };
        let mut mesh = Self {
            rows,
            columns,
            centres: Centres::Cells(
                stored.lon_deg.iter().copied().zip(stored.lat_deg.iter().copied()).collect(),
            ),
            corners: Corners::Cells { vertices: Vec::new(), per_cell: 0 },
            order: Some(Order { shape, transposed: layout.transposed, flipped: layout.flipped }),
            topology: layout.topology,
            turn: shape.1,
            poles: [false; 2],
            active: Vec::new(),
        };
        mesh.active = (0..rows * columns)
            .map(|cell| {
                let (j, i) = mesh.place(cell);
                mesh.cell_at(j as isize, i as isize) == Some(cell)
            })
            .collect();
        Ok(mesh)
    }

    fn mask_shapeless(&mut self) {
        if let Corners::Cells { vertices, per_cell } = &mut self.corners {
            for (corners, active) in vertices.chunks_exact_mut(*per_cell).zip(&mut self.active) {
                if !corners.iter().all(|corner| corner.x.is_finite()) {
                    *active = false;
                    corners.fill(Vector::from_degrees((0.0, 0.0)));
                }
            }
        }
    }

    /// Masks the cells for which `takes_part` is false, beside those that already are.
    ///
    /// # Errors
    /// [`Error::Count`] when it is not one value for each cell.
    pub fn masked(mut self, takes_part: &[bool]) -> Result<Self, Error> {
        if takes_part.len() != self.len() {
            return Err(Error::Count { what: "mask", cells: self.len(), values: takes_part.len() });
        }
        for (active, &takes_part) in self.active.iter_mut().zip(takes_part) {
            *active &= takes_part;
        }
        Ok(self)
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// True without any cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Which cells take part.
    pub fn active(&self) -> &[bool] {
        &self.active
    }

    /// (longitude, latitude) of a cell's centre, in degrees; zero where the cell has no place.
    pub fn centre_deg(&self, cell: usize) -> (f64, f64) {
        let (lon, lat) = self.stored_centre_deg(cell);
        if lon.is_nan() { (0.0, 0.0) } else { (lon, lat) }
    }

    /// Number of cells that have no place: their coordinates are missing, or the same for many cells.
    pub fn absent_cells(&self) -> usize {
        (0..self.len()).filter(|&cell| self.stored_centre_deg(cell).0.is_nan()).count()
    }

    /// Row and column in the grid, rows running south to north.
    pub(crate) fn place(&self, cell: usize) -> (usize, usize) {
        self.order.map_or((0, cell), |order| order.place(cell))
    }

    /// Rows and columns of the grid, rows running south to north.
    pub(crate) fn grid_shape(&self) -> (usize, usize) {
        self.order.map_or((1, self.len()), |order| order.shape)
    }

    /// Refuses a method that this mesh cannot be the source of.
    ///
    /// # Errors
    /// [`Error::NoNeighbours`] for a list of cells and a method that needs to know which are neighbours.
    pub fn supports(&self, method: crate::Method) -> Result<(), Error> {
        let needs = match method {
            crate::Method::Conservative | crate::Method::Nearest => None,
            crate::Method::Conservative2 => Some("second-order conservative"),
            crate::Method::Bilinear => Some("bilinear"),
        };
        match needs.filter(|_| self.order.is_none()) {
            Some(method) => Err(Error::NoNeighbours { method }),
            None => Ok(()),
        }
    }

    /// True when the rows north of the last one are to be had across a fold right behind it.
    pub(crate) fn folds_behind_last_row(&self) -> bool {
        let shape = self.grid_shape();
        self.topology.fold.mirror(shape).is_some_and(|Mirror { rows, .. }| rows + 1 == 2 * shape.0)
    }

    /// NaN where the cell has no place.
    fn stored_centre_deg(&self, cell: usize) -> (f64, f64) {
        match &self.centres {
            Centres::Axes { lon_deg, lat_deg } => {
                (lon_deg[cell % self.columns], lat_deg[cell / self.columns])
            }
            Centres::Cells(centres) => centres[cell],
        }
    }

    /// A cell's centre.
    pub(crate) fn centre(&self, cell: usize) -> Vector {
        Vector::from_degrees(self.centre_deg(cell))
    }

    /// Corners that each cell has, repeated ones included.
    pub fn corners_per_cell(&self) -> usize {
        match &self.corners {
            Corners::Lattice { .. } => 4,
            Corners::Cells { per_cell, .. } => *per_cell,
        }
    }

    /// Puts the corners of a cell into `polygon`, counter-clockwise, repeated ones included.
    pub(crate) fn corners(&self, cell: usize, polygon: &mut Vec<Vector>) {
        polygon.clear();
        match &self.corners {
            Corners::Lattice { vertices, northwards, .. } => {
                let edge_columns = if self.topology.periodic { self.turn } else { self.columns + 1 };
                let (j, i) = (cell / self.columns, cell % self.columns % self.turn);
                let next = if i + 1 == edge_columns { 0 } else { i + 1 };
                let (this_row, next_row) = (j * edge_columns, (j + 1) * edge_columns);
                let turn = if *northwards {
                    [this_row + i, this_row + next, next_row + next, next_row + i]
                } else {
                    [next_row + i, next_row + next, this_row + next, this_row + i]
                };
                polygon.extend(turn.map(|vertex| vertices[vertex]));
            }
            Corners::Cells { vertices, per_cell } => {
                polygon.extend_from_slice(&vertices[cell * per_cell..(cell + 1) * per_cell]);
            }
        }
    }

    /// Puts the corners of a cell into `polygon`, counter-clockwise, each once.
    pub fn polygon(&self, cell: usize, polygon: &mut Vec<Vector>) {
        self.corners(cell, polygon);
        polygon.dedup();
        while polygon.len() > 1 && polygon.first() == polygon.last() {
            polygon.pop();
        }
    }

    /// Areas of the cells as polygons of great circles, in steradians.
    pub fn areas_sr(&self) -> Vec<f64> {
        (0..self.len())
            .into_par_iter()
            .map_init(Vec::new, |polygon, cell| {
                self.polygon(cell, polygon);
                polygon_area_sr(polygon)
            })
            .collect()
    }

    /// The edges of a regular grid.
    pub(crate) fn edges(&self) -> Option<&Edges> {
        match &self.corners {
            Corners::Lattice { edges, .. } => Some(edges),
            Corners::Cells { .. } => None,
        }
    }

    /// The one cell that stands for row `j` and column `i`, which may lie one outside of the grid: across the date line, the fold or
    /// the pole. `None` where the grid ends.
    pub(crate) fn cell_at(&self, j: isize, i: isize) -> Option<usize> {
        let order = self.order?;
        let (ny, turn) = (order.shape.0 as isize, self.turn as isize);
        let (mut j, mut i) = (j, i);
        let pole = (j < 0 && self.poles[0]) || (j >= ny && self.poles[1]);
        if pole && self.topology.periodic && turn % 2 == 0 {
            i += turn / 2;
            j = if j < 0 { -1 - j } else { 2 * ny - 1 - j };
        }
        if self.turn < order.shape.1 {
            i = i.rem_euclid(turn);
        }
        let cell = order.cell(self.topology.cell(order.shape, j, i)?);
        (!self.stored_centre_deg(cell).0.is_nan()).then_some(cell)
    }

    /// The rows next to a pole that their centres do not reach.
    pub(crate) fn rows_at_poles(&self) -> impl Iterator<Item = usize> + '_ {
        let ends = [0, self.rows.saturating_sub(1)].into_iter().zip(self.poles);
        ends.filter(|&(row, at_pole)| {
            at_pole
                && self.topology.periodic
                && self.centre_deg(row * self.columns).1.abs() < 90.0 - CLOSED_DEG
        })
        .map(|(row, _)| row)
    }

    /// The cells around a cell, each once, in a fixed order; masked ones too.
    pub(crate) fn neighbours(&self, cell: usize, found: &mut Vec<usize>) {
        found.clear();
        let (j, i) = self.place(cell);
        let (j, i) = (j as isize, i as isize);
        for (dj, di) in [(0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)] {
            if let Some(neighbour) = self.cell_at(j + dj, i + di)
                && neighbour != cell
                && !found.contains(&neighbour)
            {
                found.push(neighbour);
            }
        }
    }

    /// Four corners for each cell, as stored: means of the centres around them, those outside of the grid mirrored at its edge, those
    /// without a place at the cell.
    fn corners_between_centres(&self) -> Vec<Vector> {
        let shape = self.grid_shape();
        let (ny, nx) = (shape.0 as isize, shape.1 as isize);
        let stored = |j: isize, i: isize| self.order.map(|order| order.cell((j as usize, i as usize)));
        let known = |j: isize, i: isize| {
            let inside = (0..ny).contains(&j) && (0..nx).contains(&i);
            let cell = if inside { stored(j, i) } else { self.cell_at(j, i) };
            cell.map(|cell| self.stored_centre_deg(cell))
                .filter(|at| at.0.is_finite())
                .map(Vector::from_degrees)
        };
        let mirrored = |edge: Option<Vector>, inner: Option<Vector>| Some(edge?.times(2.0).minus(inner?));
        let along = |j: isize, i: isize| {
            let inwards = if i < 0 { 1 } else { -1 };
            known(j, i).or_else(|| {
                let outside = !(0..nx).contains(&i);
                if outside { mirrored(known(j, i + inwards), known(j, i + 2 * inwards)) } else { None }
            })
        };
        let centre = |j: isize, i: isize| {
            let inwards = if j < 0 { 1 } else { -1 };
            along(j, i).or_else(|| {
                let outside = !(0..ny).contains(&j);
                if outside { mirrored(along(j + inwards, i), along(j + 2 * inwards, i)) } else { None }
            })
        };
        let around = |cell: usize| {
            let (j, i) = self.place(cell);
            let (j, i) = (j as isize, i as isize);
            let Some(own) = known(j, i) else { return [Vector::from_degrees((0.0, 0.0)); 4] };
            // Cells without a place are where the others of the corner have them, so that neighbours agree on their corners.
            let beyond =
                |edge: Vector, j: isize, i: isize| mirrored(Some(edge), centre(j, i)).unwrap_or(edge);
            [(-1, -1), (-1, 1), (1, 1), (1, -1)].map(|(dj, di)| {
                let across_up = (centre(j, i + di), centre(j + dj, i), centre(j + dj, i + di));
                let [across, up, corner] = match across_up {
                    (Some(across), Some(up), Some(corner)) => [across, up, corner],
                    (Some(across), Some(up), None) => [across, up, across.plus(up).minus(own)],
                    (Some(across), None, Some(corner)) => [across, own.plus(corner).minus(across), corner],
                    (None, Some(up), Some(corner)) => [own.plus(corner).minus(up), up, corner],
                    (Some(across), None, None) => {
                        [across, beyond(own, j - dj, i), beyond(across, j - dj, i + di)]
                    }
                    (None, Some(up), None) => [beyond(own, j, i - di), up, beyond(up, j + dj, i - di)],
                    (None, None, Some(corner)) => [own, corner, corner],
                    (None, None, None) => {
                        let (across, up) = (beyond(own, j, i - di), beyond(own, j - dj, i));
                        [across, up, across.plus(up).minus(own)]
                    }
                };
                own.plus(across).plus(up).plus(corner).normalised()
            })
        };
        (0..self.len()).flat_map(around).collect()
    }
}

fn check_size(cells: usize) -> Result<(), Error> {
    if cells > i32::MAX as usize { Err(Error::TooLarge { cells }) } else { Ok(()) }
}

/// Corners that each of `cells` has.
fn corners_per_cell(
    cells: usize,
    centres_deg: &[(f64, f64)],
    corners_deg: &[(f64, f64)],
) -> Result<usize, Error> {
    check_size(cells)?;
    if cells == 0 || centres_deg.len() != cells {
        return Err(Error::Count { what: "centres", cells, values: centres_deg.len() });
    }
    let per_cell = corners_deg.len() / cells;
    if per_cell < 3 || corners_deg.len() != per_cell * cells {
        return Err(Error::Count { what: "corners", cells, values: corners_deg.len() });
    }
    Ok(per_cell)
}

/// Centres as arrays.
fn points((rows, columns): (usize, usize), centres_deg: &[(f64, f64)]) -> Points {
    let at = |j: usize, i: usize| centres_deg[j * columns + i];
    Points {
        lon_deg: Array2::from_shape_fn((rows, columns), |(j, i)| at(j, i).0),
        lat_deg: Array2::from_shape_fn((rows, columns), |(j, i)| at(j, i).1),
    }
}

/// Turns the clockwise cells round.
fn oriented(mut vertices: Vec<Vector>, per_cell: usize) -> Vec<Vector> {
    for cell in vertices.chunks_exact_mut(per_cell) {
        if polygon_area_sr(cell) < 0.0 {
            cell.reverse();
        }
    }
    vertices
}
