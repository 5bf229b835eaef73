//! Passages one cell wide: straits through which the ocean model cannot transport.
//!
//! Velocities live between cells (Arakawa C grid), so a strait needs two cells across. A cell is a *passage
//! problem* when it and both its neighbours along one direction are sea, and both across it are land.

use ndarray::{Array2, ArrayView2};

use crate::{Elevation, Finding};

/// The one-cell passages of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Passages {
    /// 2 on passage problems, 1 on other sea, NaN on land.
    pub layer: Array2<f64>,
    /// Number of cells that are passage problems.
    pub count: usize,
}

/// Finds the one-cell passages of `field` (rows x columns). Cells outside the array count as neither land nor
/// sea; the date line is not joined.
///
/// The north-south pattern is looked for first; the marks it leaves count as 2 in the sums of the east-west
/// pattern, so that land between two marks may be marked too (in every release: users know these labels).
pub fn find(field: ArrayView2<f64>, elevation: Elevation) -> Passages {
    let cells = marks(field.mapv(|value| elevation.is_sea(value)).view());
    let count = cells.iter().filter(|&&cell| cell == 2).count();
    Passages { layer: cells.mapv(|cell| if cell == -1 { f64::NAN } else { f64::from(cell) }), count }
}

/// The passages of a map of seas (rows x columns): 2 on passage problems, 1 on other sea, -1 on land.
pub fn marks(sea: ArrayView2<bool>) -> Array2<i8> {
    let mut cells = sea.as_standard_layout().mapv(|sea| if sea { 1 } else { -1 });
    mark(&mut cells, |centre, [north, south], [west, east]| centre + north + south - east - west);
    mark(&mut cells, |centre, [north, south], [west, east]| centre + east + west - north - south);
    cells
}

/// Sets to 2 the cells whose pattern sums to 5; all sums are taken before any cell is set.
fn mark(cells: &mut Array2<i8>, pattern: impl Fn(i8, [i8; 2], [i8; 2]) -> i8) {
    let (rows, columns) = cells.dim();
    let Some(flat) = cells.as_slice_mut().filter(|flat| !flat.is_empty()) else { return };
    let beyond = vec![0; columns];
    let mut found = Vec::new();
    for i in 0..rows {
        let row_at = |i: usize| &flat[i * columns..(i + 1) * columns];
        let row = row_at(i);
        let north = if i > 0 { row_at(i - 1) } else { &beyond };
        let south = if i + 1 < rows { row_at(i + 1) } else { &beyond };
        let west = |j: usize| if j > 0 { row[j - 1] } else { 0 };
        let east = |j: usize| row.get(j + 1).copied().unwrap_or(0);
        let at = |j: usize| pattern(row[j], [north[j], south[j]], [west(j), east(j)]) == 5;
        // A first look over the row without branches: most rows have none.
        let inner = row
            .windows(3)
            .zip(north.iter().skip(1).zip(south.iter().skip(1)))
            .fold(false, |any, (w, (&n, &s))| any | (pattern(w[1], [n, s], [w[0], w[2]]) == 5));
        if inner || at(0) || at(columns - 1) {
            found.extend((0..columns).filter(|&j| at(j)).map(|j| i * columns + j));
        }
    }
    for cell in found {
        flat[cell] = 2;
    }
}

impl Passages {
    /// What to tell the modeller.
    pub fn findings(&self) -> Vec<Finding> {
        if self.count == 0 {
            return Vec::new();
        }
        let cells = self.count;
        vec![Finding::warning(
            "passage-problems",
            format!(
                "{cells} cell(s) are passages one cell wide, through which the ocean cannot flow: widen or close them"
            ),
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rows: &[&str]) -> usize {
        let depths =
            Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| match rows[i].as_bytes()[j] {
                b'~' => 100.0,
                _ => 0.0,
            });
        find(depths.view(), Elevation::PositiveDown).count
    }

    #[test]
    fn a_strait_one_cell_wide_is_a_problem_and_a_wider_one_is_not() {
        assert_eq!(count(&["~~~~~", "##~##", "~~~~~"]), 1);
        assert_eq!(count(&["~~~~~", "#~~##", "~~~~~"]), 0);
        assert_eq!(count(&["~#~", "~~~", "~#~"]), 1);
    }

    #[test]
    fn a_bay_and_the_edge_of_the_map_are_none() {
        assert_eq!(count(&["#####", "##~##", "~~~~~"]), 0);
        assert_eq!(count(&["##~##", "##~##"]), 0);
    }
}
