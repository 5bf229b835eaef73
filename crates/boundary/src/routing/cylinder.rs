//! The grid that water runs on: a cylinder, joined at the date line and open at the poles.

use std::borrow::Cow;
use std::f64::consts::PI;

use ndarray::Array2;

/// Mean radius of the Earth of the routing scheme, km.
const EARTH_RADIUS_KM: f64 = 6370.0;

/// One of the eight flow directions, clockwise from north; the discriminants are the codes of ORCHIDEE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the variants are the compass points")]
pub enum Direction {
    North = 1,
    NorthEast = 2,
    East = 3,
    SouthEast = 4,
    South = 5,
    SouthWest = 6,
    West = 7,
    NorthWest = 8,
}

impl Direction {
    /// All directions in the order of their codes.
    pub const ALL: [Self; 8] = [
        Self::North,
        Self::NorthEast,
        Self::East,
        Self::SouthEast,
        Self::South,
        Self::SouthWest,
        Self::West,
        Self::NorthWest,
    ];

    /// The direction of a code 1..=8.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }

    /// Code 1..=8.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Rows to the north and columns to the east.
    fn offset(self) -> (isize, isize) {
        match self {
            Self::North => (1, 0),
            Self::NorthEast => (1, 1),
            Self::East => (0, 1),
            Self::SouthEast => (-1, 1),
            Self::South => (-1, 0),
            Self::SouthWest => (-1, -1),
            Self::West => (0, -1),
            Self::NorthWest => (1, -1),
        }
    }
}

/// What lies next to a cell in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbour {
    /// A cell of the grid.
    Cell(usize),
    /// Nothing, beyond a pole: the cell nearest to it, in the neighbour's own column.
    BeyondPole(usize),
}

/// Shape of a global regular grid of `ny` latitude rows, south to north, and `nx` longitude columns,
/// west to east from 180 W. Cells are numbered row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cylinder {
    /// Rows.
    pub ny: usize,
    /// Columns.
    pub nx: usize,
}

impl Cylinder {
    /// The grid of an array.
    pub fn from_array<T>(array: &Array2<T>) -> Self {
        let (ny, nx) = array.dim();
        Self { ny, nx }
    }

    /// Number of cells.
    pub fn cells(self) -> usize {
        self.ny * self.nx
    }

    /// Row and column of a cell.
    #[inline]
    pub fn position(self, cell: usize) -> (usize, usize) {
        // Fits, and divides several times faster.
        match (u32::try_from(cell), u32::try_from(self.nx)) {
            (Ok(cell), Ok(nx)) => ((cell / nx) as usize, (cell % nx) as usize),
            _ => (cell / self.nx, cell % self.nx),
        }
    }

    /// The eight neighbours of the cell at row `i`, column `j`, in the order of the direction codes.
    #[inline]
    pub(crate) fn neighbours(self, i: usize, j: usize) -> [Neighbour; 8] {
        let Self { ny, nx } = self;
        let east = if j + 1 == nx { 0 } else { j + 1 };
        let west = if j == 0 { nx - 1 } else { j - 1 };
        let here = i * nx;
        let at = |row: Option<usize>, column: usize| match row {
            Some(row) => Neighbour::Cell(row * nx + column),
            None => Neighbour::BeyondPole(here + column),
        };
        let north = (i + 1 < ny).then_some(i + 1);
        let south = i.checked_sub(1);
        [
            at(north, j),
            at(north, east),
            Neighbour::Cell(here + east),
            at(south, east),
            at(south, j),
            at(south, west),
            Neighbour::Cell(here + west),
            at(north, west),
        ]
    }

    /// The cell next to `cell` in a direction; `None` beyond a pole.
    #[inline]
    pub fn step(self, cell: usize, direction: Direction) -> Option<usize> {
        let (i, j) = self.position(cell);
        let (rows, columns) = direction.offset();
        let row = i.checked_add_signed(rows).filter(|&row| row < self.ny)?;
        let column = self.column(j, columns);
        Some(row * self.nx + column)
    }

    /// How far `values` falls from the cell at `(i, j)` to its eight neighbours, in the order of the codes.
    ///
    /// Beyond a pole stands the value of the nearest row, in the neighbour's own column, plus one. The first
    /// group of directions is formed as the negative of neighbour minus centre: between equal values it gives
    /// `-0.0`, the other group `+0.0`.
    #[inline]
    pub(crate) fn drops(self, values: &[f64], i: usize, j: usize) -> [f64; 8] {
        let centre = values[i * self.nx + j];
        let n = self.neighbours(i, j).map(|neighbour| match neighbour {
            Neighbour::Cell(cell) => values[cell],
            Neighbour::BeyondPole(nearest) => values[nearest] + 1.0,
        });
        [
            -(n[0] - centre),
            -(n[1] - centre),
            centre - n[2],
            centre - n[3],
            centre - n[4],
            centre - n[5],
            -(n[6] - centre),
            -(n[7] - centre),
        ]
    }

    /// The drop in one direction: an element of [`Self::drops`].
    #[inline]
    pub(crate) fn drop_towards(self, values: &[f64], i: usize, j: usize, direction: Direction) -> f64 {
        let centre = values[i * self.nx + j];
        let (rows, columns) = direction.offset();
        let column = self.column(j, columns);
        let neighbour = match i.checked_add_signed(rows).filter(|&row| row < self.ny) {
            Some(row) => values[row * self.nx + column],
            None => values[i * self.nx + column] + 1.0,
        };
        match direction {
            Direction::North | Direction::NorthEast | Direction::West | Direction::NorthWest => {
                -(neighbour - centre)
            }
            _ => centre - neighbour,
        }
    }

    /// The column `offset` (-1, 0 or 1) to the east of column `j`.
    fn column(self, j: usize, offset: isize) -> usize {
        match offset {
            0 => j,
            1 if j + 1 == self.nx => 0,
            1 => j + 1,
            _ if j == 0 => self.nx - 1,
            _ => j - 1,
        }
    }

    /// Latitude of the rows of a *written* file, north to south, degrees.
    ///
    /// Cosines are symmetric about the equator, so areas and distances may use it for south-up arrays too.
    pub fn latitudes_north_first(self) -> Vec<f64> {
        let step = 180.0 / self.ny as f64;
        (0..self.ny).map(|i| (90.0 - step / 2.0) - i as f64 * step).collect()
    }

    /// Longitude of the columns, west to east, degrees.
    pub fn longitudes(self) -> Vec<f64> {
        let step = 360.0 / self.nx as f64;
        (0..self.nx).map(|j| (-180.0 + step / 2.0) + j as f64 * step).collect()
    }

    /// Width of the cells of each row, west to east, km.
    pub fn widths_km(self) -> Vec<f64> {
        let around = 2.0 * PI * EARTH_RADIUS_KM;
        self.latitudes_north_first()
            .into_iter()
            .map(|lat| (around * (lat * PI / 180.0).cos()) / self.nx as f64)
            .collect()
    }

    /// Height of every cell, south to north, km.
    pub fn height_km(self) -> f64 {
        (PI * EARTH_RADIUS_KM) / self.ny as f64
    }

    /// Area of the cells of each row, km².
    pub fn areas_km2(self) -> Vec<f64> {
        let dy = self.height_km();
        self.widths_km().into_iter().map(|dx| dx * dy).collect()
    }
}

/// The values row by row, without copying when they lie so already.
pub(crate) fn row_major<T: Clone>(array: &Array2<T>) -> Cow<'_, [T]> {
    match array.as_slice() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(array.iter().cloned().collect()),
    }
}

/// The array of a grid from its values row by row.
///
/// # Panics
/// When the count differs from the number of cells, which the callers in this crate exclude.
pub(crate) fn gridded<T>(cylinder: Cylinder, values: Vec<T>) -> Array2<T> {
    Array2::from_shape_vec((cylinder.ny, cylinder.nx), values)
        .unwrap_or_else(|_| unreachable!("one value per cell of the {}x{} grid", cylinder.ny, cylinder.nx))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_wrap_in_longitude_and_stop_at_the_poles() {
        let grid = Cylinder { ny: 2, nx: 3 };
        use Neighbour::{BeyondPole, Cell};
        assert_eq!(
            grid.neighbours(0, 2),
            [Cell(5), Cell(3), Cell(0), BeyondPole(0), BeyondPole(2), BeyondPole(1), Cell(1), Cell(4)]
        );
        assert_eq!(grid.step(2, Direction::NorthEast), Some(3));
        assert_eq!(grid.step(2, Direction::South), None);
    }

    #[test]
    fn steps_and_neighbours_agree() {
        let grid = Cylinder { ny: 3, nx: 4 };
        for cell in 0..grid.cells() {
            let (i, j) = grid.position(cell);
            for (direction, neighbour) in Direction::ALL.into_iter().zip(grid.neighbours(i, j)) {
                let expected = match neighbour {
                    Neighbour::Cell(cell) => Some(cell),
                    Neighbour::BeyondPole(_) => None,
                };
                assert_eq!(grid.step(cell, direction), expected, "{cell} {direction:?}");
                let values: Vec<f64> = (0..grid.cells()).map(|cell| ((cell * 5) % 7) as f64).collect();
                let drop = grid.drops(&values, i, j)[usize::from(direction.code()) - 1];
                assert_eq!(grid.drop_towards(&values, i, j, direction).to_bits(), drop.to_bits());
            }
        }
    }

    #[test]
    fn drops_beyond_a_pole_are_one_down_and_zeros_keep_their_sign() {
        let grid = Cylinder { ny: 1, nx: 1 };
        let drops = grid.drops(&[7.0], 0, 0);
        assert_eq!(drops, [-1.0, -1.0, 0.0, -1.0, -1.0, -1.0, -0.0, -1.0]);
        assert!(drops[6].is_sign_negative() && drops[2].is_sign_positive());
    }

    #[test]
    fn one_degree_geometry_is_that_of_the_platform() {
        let grid = Cylinder { ny: 180, nx: 360 };
        let lat = grid.latitudes_north_first();
        let lon = grid.longitudes();
        assert!((0..180).all(|i| lat[i] == 89.5 - i as f64));
        assert!((0..360).all(|j| lon[j] == -179.5 + j as f64));
        let sphere = 4.0 * PI * EARTH_RADIUS_KM * EARTH_RADIUS_KM;
        let sum: f64 = grid.areas_km2().iter().map(|a| a * 360.0).sum();
        assert!((sum / sphere - 1.0).abs() < 1e-4);
    }
}
