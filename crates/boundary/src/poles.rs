//! Pole rules: what the climate model needs around the poles.
//!
//! South of 78 S everything has to be land. North of 86 N everything has to be of one kind, the one that most
//! cells there have: a single land cell in the Arctic ocean, or a hole in an Arctic continent, breaks the fold
//! of the ocean grid.

use ndarray::{Array2, ArrayView2};

use crate::Elevation;

/// South of this latitude all cells have to be land, in degrees.
pub const SOUTHERN_LIMIT_DEGREES: f64 = -78.0;

/// North of this latitude all cells have to be of one kind, in degrees.
pub const NORTHERN_LIMIT_DEGREES: f64 = 86.0;

/// The cells that break the pole rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Poles {
    /// 1 where a cell is to be corrected, NaN on other land, 0 elsewhere.
    pub layer: Array2<f64>,
    /// Number of cells to correct.
    pub count: usize,
}

/// Marks the cells of `field` that break the pole rules; `latitude` (degrees) has the shape of `field`
/// (broadcast a one-dimensional coordinate). Returns `None` when the shapes differ.
///
/// In a bathymetry a depth of exactly 0 counts as sea in the south, as in every release.
pub fn mark(field: ArrayView2<f64>, latitude: ArrayView2<f64>, elevation: Elevation) -> Option<Poles> {
    if field.dim() != latitude.dim() {
        return None;
    }
    let rule = match elevation {
        Elevation::PositiveUp => Elevation::PositiveUp,
        Elevation::PositiveDown | Elevation::TopographyDown => Elevation::TopographyDown,
    };
    let (mut cells, mut positive) = (0_usize, 0_usize);
    for (&value, &lat) in field.iter().zip(&latitude) {
        if lat > NORTHERN_LIMIT_DEGREES {
            cells += 1;
            positive += usize::from(value > 0.0);
        }
    }
    let mostly_positive = 2 * positive > cells;

    let mut layer = Array2::zeros(field.dim());
    let mut count = 0;
    ndarray::Zip::from(&mut layer).and(&field).and(&latitude).for_each(|mark, &value, &lat| {
        let wrong_south = lat < SOUTHERN_LIMIT_DEGREES && rule.is_sea(value);
        let wrong_north =
            lat > NORTHERN_LIMIT_DEGREES && if mostly_positive { value <= 0.0 } else { value > 0.0 };
        if wrong_south || wrong_north {
            *mark = 1.0;
            count += 1;
        } else if rule.is_land(value) {
            *mark = f64::NAN;
        }
    });
    Some(Poles { layer, count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    fn latitudes() -> Array2<f64> {
        arr2(&[[-79.0; 3], [-78.0; 3], [86.0; 3], [87.0; 3]])
    }

    #[test]
    fn southern_sea_and_the_northern_minority_are_marked() {
        let heights = arr2(&[[0.0, 5.0, -1.0], [-1.0, 5.0, -1.0], [9.0, -2.0, 9.0], [9.0, -2.0, 9.0]]);
        let poles = mark(heights.view(), latitudes().view(), Elevation::PositiveUp).unwrap();
        assert_eq!(poles.count, 3);
        assert_eq!(poles.layer[[0, 0]], 1.0);
        assert!(poles.layer[[0, 1]].is_nan());
        assert_eq!(poles.layer[[1, 0]], 0.0);
        assert_eq!(poles.layer[[3, 1]], 1.0);
    }

    #[test]
    fn half_and_half_counts_as_sea() {
        let heights = arr2(&[[9.0, 9.0, -2.0, -2.0]]);
        let poles = mark(heights.view(), arr2(&[[88.0; 4]]).view(), Elevation::PositiveUp).unwrap();
        assert_eq!(poles.layer.row(0).to_vec(), [1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn shapes_have_to_agree() {
        let heights = Array2::zeros((2, 2));
        assert!(mark(heights.view(), latitudes().view(), Elevation::PositiveUp).is_none());
    }
}
