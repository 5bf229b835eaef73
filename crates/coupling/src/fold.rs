//! Which cells of an ORCA grid stand for the same place, and the operator that makes their values agree.
//!
//! The last two columns repeat the first two, and the northern rows repeat themselves mirrored, folded on a T or an
//! F point (NEMO book, "north fold"). No sign changes: the operator is
//! applied to positions, masks and sizes, never to vectors.
//!
//! Indices are counted from 0 here; the papers and the delivered files count from 1.

use grid::{Fold, Overlap, Topology};
use ndarray::Array2;

/// The points of the C grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Centres of the cells.
    T,
    /// Middles of the eastern edges.
    U,
    /// Middles of the northern edges.
    V,
    /// North-eastern corners.
    F,
}

impl Point {
    /// All of them, in the order of the files.
    pub const ALL: [Self; 4] = [Self::T, Self::U, Self::V, Self::F];

    /// The letter in the names of variables.
    pub fn letter(self) -> char {
        match self {
            Self::T => 't',
            Self::U => 'u',
            Self::V => 'v',
            Self::F => 'f',
        }
    }
}

/// Copies every repeated value from the cell that it repeats: first the columns, then the northern rows.
pub fn apply<A: Copy>(field: &mut Array2<A>, point: Point, topology: Topology) {
    repeat_columns(field, topology);
    repeat_rows(field, point, topology);
    // A fold at T points changes the row before the last, its repeated columns among it. So does one at F points
    // for V and F, where the original leaves the first column as it was: positions and sizes do not differ.
    if topology.fold == Fold::TPivot {
        repeat_columns(field, topology);
    }
}

fn repeat_columns<A: Copy>(field: &mut Array2<A>, topology: Topology) {
    let (ny, nx) = field.dim();
    if topology.overlap == Overlap::TwoColumns && nx >= 4 {
        for j in 0..ny {
            field[[j, 0]] = field[[j, nx - 2]];
            field[[j, nx - 1]] = field[[j, 1]];
        }
    }
}

/// The second half of the operator alone: what the original's version for integers does.
pub fn repeat_rows<A: Copy>(field: &mut Array2<A>, point: Point, topology: Topology) {
    let (ny, nx) = field.dim();
    if ny < 4 || nx < 4 {
        return;
    }
    let (last, half) = (ny - 1, nx / 2);
    // Mirrors of a column about the two kinds of points that a fold can turn on.
    let about_edge = |i: usize| nx - 1 - i;
    let before = |i: usize| if i == nx - 1 { 0 } else { nx - 2 - i };
    let after = |i: usize| if i == 0 { 2 } else { nx - i };
    let mut row =
        |to: usize, from: usize, mirror: &dyn Fn(usize) -> usize, columns: std::ops::Range<usize>| {
            for i in columns {
                field[[to, i]] = field[[from, mirror(i)]];
            }
        };
    match (topology.fold, point) {
        (Fold::None, _) => {}
        // Rows are not repeated; the row of the pivot repeats itself where it is the last.
        (Fold::Other(_), Point::T) => {
            for i in (0..nx).filter(|&i| topology.is_repeated((ny, nx), last, i)) {
                if let Some(source) = topology.cell((ny, nx), last as isize, i as isize) {
                    field[[last, i]] = field[source];
                }
            }
        }
        (Fold::Other(_), _) => {}
        (Fold::FPivot, Point::T) => row(last, last - 1, &about_edge, 0..nx),
        (Fold::FPivot, Point::U) => row(last, last - 1, &before, 0..nx),
        (Fold::FPivot, Point::V) => {
            row(last, last - 2, &about_edge, 0..nx);
            row(last - 1, last - 1, &about_edge, half..nx);
        }
        (Fold::FPivot, Point::F) => {
            row(last, last - 2, &before, 0..nx);
            row(last - 1, last - 1, &before, half..nx - 1);
        }
        (Fold::TPivot, Point::T) => {
            row(last, last - 2, &after, 0..nx);
            row(last - 1, last - 1, &after, half + 1..nx);
        }
        (Fold::TPivot, Point::U) => {
            row(last, last - 2, &about_edge, 0..nx);
            row(last - 1, last - 1, &about_edge, half..nx);
        }
        (Fold::TPivot, Point::V) => {
            row(last - 1, last - 2, &after, 0..nx);
            row(last, last - 3, &after, 0..nx);
        }
        (Fold::TPivot, Point::F) => {
            row(last - 1, last - 2, &about_edge, 0..nx);
            row(last, last - 3, &about_edge, 0..nx);
        }
    }
}

/// For every T cell the cell whose value it takes, itself unless it is a repetition: row-major addresses.
pub fn sources(shape: (usize, usize), topology: Topology) -> Array2<usize> {
    let mut sources = Array2::from_shape_fn(shape, |(j, i)| j * shape.1 + i);
    apply(&mut sources, Point::T, topology);
    sources
}

/// True for the cells that the coupler must not count: repeated columns and rows.
pub fn duplicates(shape: (usize, usize), topology: Topology) -> Array2<bool> {
    let (ny, nx) = shape;
    let columns = topology.overlap == Overlap::TwoColumns;
    Array2::from_shape_fn(shape, |(j, i)| {
        let north = match topology.fold {
            Fold::None => false,
            Fold::Other(_) => j == ny - 1 && topology.is_repeated(shape, j, i),
            Fold::FPivot => j == ny - 1,
            Fold::TPivot => j == ny - 1 || (j + 2 == ny && i > nx / 2),
        };
        north || (columns && (i == 0 || i == nx - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topologies() -> impl Iterator<Item = Topology> {
        [Overlap::TwoColumns, Overlap::None].into_iter().flat_map(|overlap| {
            [Fold::FPivot, Fold::TPivot, Fold::None].map(|fold| Topology { overlap, fold, periodic: true })
        })
    }

    #[test]
    fn applying_twice_is_applying_once() {
        for topology in topologies().filter(|t| t.overlap == Overlap::TwoColumns) {
            for point in Point::ALL {
                if topology.fold == Fold::FPivot && point != Point::T {
                    continue;
                }
                let mut once = Array2::from_shape_fn((9, 12), |(j, i)| 12 * j + i);
                apply(&mut once, point, topology);
                let mut twice = once.clone();
                apply(&mut twice, point, topology);
                assert_eq!(once, twice, "{point:?} {topology:?}");
            }
        }
    }

    #[test]
    fn every_duplicate_takes_its_value_from_a_cell_that_is_none() {
        for topology in topologies() {
            let (sources, duplicates) = (sources((9, 12), topology), duplicates((9, 12), topology));
            for ((index, &source), &duplicate) in sources.indexed_iter().zip(&duplicates) {
                let itself = source == index.0 * 12 + index.1;
                // Without repeated columns a fold at a T point maps the first column onto itself.
                if topology.overlap == Overlap::TwoColumns {
                    assert_eq!(itself, !duplicate, "{index:?} {topology:?}");
                    assert!(!duplicates[[source / 12, source % 12]], "{index:?} {topology:?}");
                }
            }
        }
    }

    #[test]
    fn an_orca_grid_repeats_its_own_positions() {
        let grid = grid::orca::grid(&grid::orca::Parameters::for_size(62, 51)).unwrap();
        let topology = grid.topology();
        assert_eq!(topology.fold, Fold::FPivot);
        let mut lat = grid.t().lat_deg.clone();
        apply(&mut lat, Point::T, topology);
        let worst = lat.iter().zip(&grid.t().lat_deg).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-9, "{worst}");
    }
}
