//! A grid of polygon cells on the sphere.
//!
//! Cells are numbered row by row, as the arrays of the grid are stored. Corners run counter-clockwise seen from
//! outside. A regular grid stores each corner once; other grids store them cell by cell.

use grid::sphere::Vector;
use grid::{Fold, OceanGrid, RegularGrid, Topology};
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
    topology: Topology,
    /// The last column touches the first, none being there twice.
    periodic: bool,
    /// The first row, the last row touches a pole.
    poles: [bool; 2],
    active: Vec<bool>,
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

const NO_SEAM: Topology = Topology { overlap: grid::Overlap::None, fold: Fold::None };

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
        let round = (lon_edges_deg[columns] - lon_edges_deg[0]).abs();
        let periodic = (round - 360.0).abs() < CLOSED_DEG;
        let edge_columns = if periodic { columns } else { columns + 1 };
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
            topology: NO_SEAM,
            periodic,
            poles,
            active: (0..rows).flat_map(|_| once.iter().copied()).collect(),
        })
    }

    /// The T cells of an ocean grid, its duplicates masked. Where the grid has T points alone, corners are the means of the
    /// four points around them.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn ocean(grid: &OceanGrid) -> Result<Self, Error> {
        let (rows, columns) = grid.shape();
        check_size(rows * columns)?;
        let centres: Vec<(f64, f64)> =
            (0..rows * columns).map(|cell| grid.t().at(cell / columns, cell % columns)).collect();
        let mut mesh = Self::curvilinear_parts(rows, columns, centres, grid.topology());
        let vertices = if grid.mesh().is_some() {
            (0..rows * columns)
                .filter_map(|cell| grid.corners(cell / columns, cell % columns))
                .flatten()
                .map(Vector::from_degrees)
                .collect()
        } else {
            mesh.corners_between_centres()
        };
        mesh.corners = Corners::Cells { vertices: oriented(vertices, 4), per_cell: 4 };
        Ok(mesh)
    }

    /// Cells of any shape: centres row by row, and as many corners for each cell, (longitude, latitude) in degrees, in either
    /// direction; a corner may be repeated where a cell has fewer. Duplicates at the seams of ocean grids are masked.
    ///
    /// # Errors
    /// [`Error::Count`] where the arrays do not fit together, [`Error::TooLarge`].
    pub fn curvilinear(
        (rows, columns): (usize, usize),
        centres_deg: Vec<(f64, f64)>,
        corners_deg: &[(f64, f64)],
    ) -> Result<Self, Error> {
        let cells = rows * columns;
        check_size(cells)?;
        if cells == 0 || centres_deg.len() != cells {
            return Err(Error::Count { what: "centres", cells, values: centres_deg.len() });
        }
        let per_cell = corners_deg.len() / cells;
        if per_cell < 3 || corners_deg.len() != per_cell * cells {
            return Err(Error::Count { what: "corners", cells, values: corners_deg.len() });
        }
        let topology = topology(rows, columns, &centres_deg);
        let mut mesh = Self::curvilinear_parts(rows, columns, centres_deg, topology);
        let vertices = corners_deg.iter().map(|&corner| Vector::from_degrees(corner)).collect();
        mesh.corners = Corners::Cells { vertices: oriented(vertices, per_cell), per_cell };
        Ok(mesh)
    }

    fn curvilinear_parts(rows: usize, columns: usize, centres: Vec<(f64, f64)>, topology: Topology) -> Self {
        let mut mesh = Self {
            rows,
            columns,
            centres: Centres::Cells(centres),
            corners: Corners::Cells { vertices: Vec::new(), per_cell: 0 },
            topology,
            periodic: false,
            poles: [false; 2],
            active: Vec::new(),
        };
        mesh.periodic = topology.overlap == grid::Overlap::None && mesh.closes();
        mesh.active = (0..rows * columns)
            .map(|cell| mesh.cell_at((cell / columns) as isize, (cell % columns) as isize) == Some(cell))
            .collect();
        mesh
    }

    /// True when the last column is as near to the first as columns are to each other.
    fn closes(&self) -> bool {
        let at = |j: usize, i: usize| Vector::from_degrees(self.centre_deg(j * self.columns + i));
        let step = |j: usize, i: usize| at(j, i).minus(at(j, (i + 1) % self.columns)).length();
        self.columns > 3
            && (0..self.rows).all(|j| {
                let last = step(j, self.columns - 1);
                last > 0.0 && last < 1.5 * step(j, 0).max(step(j, self.columns - 2)) + 1e-6
            })
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

    /// (longitude, latitude) of a cell's centre, in degrees.
    pub fn centre_deg(&self, cell: usize) -> (f64, f64) {
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
                let edge_columns = if self.periodic { self.columns } else { self.columns + 1 };
                let (j, i) = (cell / self.columns, cell % self.columns);
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
        let (ny, nx) = (self.rows as isize, self.columns as isize);
        let around = |i: isize| match self.topology.overlap {
            grid::Overlap::TwoColumns => Some((i - 1).rem_euclid(nx - 2) + 1),
            grid::Overlap::None if self.periodic => Some(i.rem_euclid(nx)),
            grid::Overlap::None => (0..nx).contains(&i).then_some(i),
        };
        let mut i = around(i)?;
        let mut j = j;
        let pole = (j < 0 && self.poles[0]) || (j >= ny && self.poles[1]);
        if pole && self.periodic && nx % 2 == 0 {
            i = around(i + nx / 2)?;
            j = if j < 0 { -1 - j } else { 2 * ny - 1 - j };
        }
        match self.topology.fold {
            Fold::FPivot if j >= ny - 1 => (j, i) = (2 * ny - 3 - j, around(nx - 1 - i)?),
            Fold::TPivot if j >= ny - 1 => (j, i) = (2 * ny - 4 - j, around(nx - i)?),
            _ => {}
        }
        if self.topology.fold == Fold::TPivot && j == ny - 2 {
            // The row of the pivot is its own image.
            i = i.min(around(nx - i)?);
        }
        (0..ny).contains(&j).then(|| (j * nx + i) as usize)
    }

    /// The rows next to a pole that their centres do not reach.
    pub(crate) fn rows_at_poles(&self) -> impl Iterator<Item = usize> + '_ {
        let ends = [0, self.rows.saturating_sub(1)].into_iter().zip(self.poles);
        ends.filter(|&(row, at_pole)| {
            at_pole && self.periodic && self.centre_deg(row * self.columns).1.abs() < 90.0 - CLOSED_DEG
        })
        .map(|(row, _)| row)
    }

    /// The cells around a cell, each once, in a fixed order; masked ones too.
    pub(crate) fn neighbours(&self, cell: usize, found: &mut Vec<usize>) {
        found.clear();
        let (j, i) = ((cell / self.columns) as isize, (cell % self.columns) as isize);
        for (dj, di) in [(0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)] {
            if let Some(neighbour) = self.cell_at(j + dj, i + di)
                && neighbour != cell
                && !found.contains(&neighbour)
            {
                found.push(neighbour);
            }
        }
    }

    /// Four corners for each cell: means of the centres around them, those outside of the grid mirrored at its edge.
    fn corners_between_centres(&self) -> Vec<Vector> {
        let (ny, nx) = (self.rows as isize, self.columns as isize);
        let known = |j: isize, i: isize| {
            let inside = (0..ny).contains(&j) && (0..nx).contains(&i);
            let cell = if inside { Some((j * nx + i) as usize) } else { self.cell_at(j, i) };
            cell.map(|cell| self.centre(cell))
        };
        let mirrored = |edge: Option<Vector>, inner: Option<Vector>| Some(edge?.times(2.0).minus(inner?));
        let along = |j: isize, i: isize| {
            let inwards = if i < 0 { 1 } else { -1 };
            known(j, i).or_else(|| mirrored(known(j, i + inwards), known(j, i + 2 * inwards)))
        };
        let centre = |j: isize, i: isize| {
            let inwards = if j < 0 { 1 } else { -1 };
            along(j, i).or_else(|| mirrored(along(j + inwards, i), along(j + 2 * inwards, i)))
        };
        let around = |j: isize, i: isize| {
            let own = self.centre((j * nx + i) as usize);
            [(-1, -1), (-1, 1), (1, 1), (1, -1)].map(|(dj, di)| {
                [(0, di), (dj, 0), (dj, di)]
                    .into_iter()
                    .fold(own, |sum, (dj, di)| sum.plus(centre(j + dj, i + di).unwrap_or(own)))
                    .normalised()
            })
        };
        (0..ny).flat_map(|j| (0..nx).flat_map(move |i| around(j, i))).collect()
    }
}

fn check_size(cells: usize) -> Result<(), Error> {
    if cells > i32::MAX as usize { Err(Error::TooLarge { cells }) } else { Ok(()) }
}

/// How the cells of a file repeat, as `grid` finds it.
fn topology(rows: usize, columns: usize, centres: &[(f64, f64)]) -> Topology {
    let array = |part: fn(&(f64, f64)) -> f64| {
        ndarray::Array2::from_shape_vec((rows, columns), centres.iter().map(part).collect())
    };
    let (Ok(lon_deg), Ok(lat_deg)) = (array(|c| c.0), array(|c| c.1)) else { return NO_SEAM };
    OceanGrid::from_t_points(grid::Points { lon_deg, lat_deg }).map_or(NO_SEAM, |grid| grid.topology())
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
