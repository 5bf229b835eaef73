//! Masks of land and sea, and continents.

use ndarray::Array2;

use super::cylinder::{Cylinder, Neighbour, gridded, row_major};
use crate::components::{self, DateLine};

/// 1 where the sea is (height <= 0), 0 on land; (ny, nx).
pub fn ocean_mask(heights_m: &Array2<f64>) -> Array2<f64> {
    heights_m.mapv(|h| if h > 0.0 { 0.0 } else { 1.0 })
}

/// The height on land, NaN on sea; (ny, nx), m.
pub fn orography(heights_m: &Array2<f64>) -> Array2<f64> {
    heights_m.mapv(|h| if h > 0.0 { h } else { f64::NAN })
}

/// 1 on land with at least one sea cell among its eight neighbours (joined at the date line), else 0; (ny,
/// nx).
pub fn coast_mask(heights_m: &Array2<f64>) -> Array2<f64> {
    let cylinder = Cylinder::from_array(heights_m);
    let heights = row_major(heights_m);
    let is_coast = |cell: usize| {
        let (i, j) = cylinder.position(cell);
        heights[cell] > 0.0
            && cylinder.neighbours(i, j).into_iter().any(|neighbour| match neighbour {
                Neighbour::Cell(cell) | Neighbour::BeyondPole(cell) => heights[cell] <= 0.0,
            })
    };
    let coast = (0..cylinder.cells()).map(|cell| f64::from(u8::from(is_coast(cell)))).collect();
    gridded(cylinder, coast)
}

/// Connected land: 4-connected, joined at the date line, 0 on sea, else numbered from 1; (ny, nx).
///
/// Only the partition means something; see [`components`] for how the numbers are given.
pub fn continents(heights_m: &Array2<f64>) -> Array2<u32> {
    components::label(heights_m.mapv(|h| h > 0.0).view(), DateLine::Joined)
}

/// Seas that are not connected with the largest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnclosedSeas {
    /// How many there are.
    pub seas: usize,
    /// Their cells, together.
    pub cells: usize,
}

/// Counts the seas (4-connected, joined at the date line) beside the largest.
pub fn enclosed_seas(heights_m: &Array2<f64>) -> EnclosedSeas {
    let labels = components::label(heights_m.mapv(|h| h <= 0.0).view(), DateLine::Joined);
    let counts = components::cell_counts(labels.view());
    let sizes = || counts.iter().skip(1).copied().filter(|&cells| cells > 0);
    let largest = sizes().max().unwrap_or(0);
    EnclosedSeas { seas: sizes().count().saturating_sub(1), cells: sizes().sum::<usize>() - largest }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn continents_join_at_the_date_line_but_not_over_corners() {
        let map = array![[1.0, -1.0, -1.0, 1.0], [-1.0, 1.0, -1.0, -1.0], [-1.0, -1.0, -1.0, 1.0]];
        let land = continents(&map);
        assert_eq!(land[(0, 0)], land[(0, 3)]);
        assert_ne!(land[(0, 0)], land[(1, 1)]);
        assert_ne!(land[(1, 1)], land[(2, 3)]);
        assert!(land.iter().zip(&map).all(|(&label, &h)| (label != 0) == (h > 0.0)));
        assert_eq!(enclosed_seas(&map), EnclosedSeas { seas: 0, cells: 0 });
        let lake = array![[-1.0, 1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0], [-1.0, 1.0, 1.0, 1.0]];
        assert_eq!(enclosed_seas(&lake), EnclosedSeas { seas: 1, cells: 1 });
    }

    #[test]
    fn joining_at_the_date_line_is_transitive() {
        // Two pieces on the east side are linked through the west side only.
        let map = array![[1.0, -1.0, 1.0], [1.0, -1.0, -1.0], [1.0, -1.0, 1.0]];
        assert_eq!(continents(&map), array![[1, 0, 1], [1, 0, 0], [1, 0, 1]]);
    }

    #[test]
    fn coasts_touch_the_sea() {
        let map = array![[1.0, 1.0, 1.0, 1.0, -1.0]];
        assert_eq!(coast_mask(&map), array![[1.0, 0.0, 0.0, 1.0, 0.0]]);
    }
}
