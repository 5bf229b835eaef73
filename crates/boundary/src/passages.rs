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
    let mut layer = field.mapv(|value| if elevation.is_sea(value) { 1_i32 } else { -1 });
    mark(&mut layer, |centre, [north, south], [west, east]| centre + north + south - east - west);
    mark(&mut layer, |centre, [north, south], [west, east]| centre + east + west - north - south);
    let count = layer.iter().filter(|&&cell| cell == 2).count();
    Passages { layer: layer.mapv(|cell| if cell == -1 { f64::NAN } else { f64::from(cell) }), count }
}

/// Sets to 2 the cells whose pattern sums to 5; all sums are taken before any cell is set.
fn mark(layer: &mut Array2<i32>, pattern: impl Fn(i32, [i32; 2], [i32; 2]) -> i32) {
    let (rows, columns) = layer.dim();
    let at = |i: Option<usize>, j: Option<usize>| match (i, j) {
        (Some(i), Some(j)) => layer.get([i, j]).copied().unwrap_or(0),
        _ => 0,
    };
    let mut found = Vec::new();
    for i in 0..rows {
        for j in 0..columns {
            let across = [at(i.checked_sub(1), Some(j)), at(Some(i + 1), Some(j))];
            let along = [at(Some(i), j.checked_sub(1)), at(Some(i), Some(j + 1))];
            if pattern(layer[[i, j]], across, along) == 5 {
                found.push([i, j]);
            }
        }
    }
    for cell in found {
        layer[cell] = 2;
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
