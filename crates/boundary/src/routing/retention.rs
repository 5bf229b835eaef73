//! What the river routing scheme of the land model needs beside directions: the length to the downstream
//! cell, the height difference and the topographic index of the retention time.

use std::hint::black_box;

use ndarray::Array2;

use super::basins::{COASTAL, RIVER};
use super::cylinder::{Cylinder, Direction, gridded, row_major};

/// Smallest height difference, m.
const SMALLEST_DROP_M: f64 = 5.0;

/// What sea cells carry in the length to the downstream cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverSea {
    /// The difference of length to the cell in the north, as the releases of 2021 and 2023 have it: `-0.0`
    /// where that is sea, minus its length where it is land, -1000 in the northernmost row.
    NorthernDifference,
    /// NaN.
    Missing,
}

/// Length difference to the downstream cell, m: `drop of the river length (0 on sea) * 1000`; (ny, nx).
///
/// `river_length_km` is NaN on sea, `directions` are codes 1..=8 on land, 0 on sea; both south-up.
pub fn length_to_downstream_m(
    river_length_km: &Array2<f64>,
    directions: &Array2<u8>,
    over_sea: OverSea,
) -> Array2<f64> {
    let cylinder = Cylinder::from_array(directions);
    let codes = row_major(directions);
    let lengths: Vec<f64> = river_length_km.iter().map(|&km| if km.is_nan() { 0.0 } else { km }).collect();
    each_cell(cylinder, |cell, i, j| {
        let direction = match (Direction::from_code(codes[cell]), over_sea) {
            (Some(direction), _) => direction,
            (None, OverSea::NorthernDifference) => Direction::North,
            (None, OverSea::Missing) => return f64::NAN,
        };
        cylinder.drop_towards(&lengths, i, j, direction) * 1000.0
    })
}

/// Height difference to the downstream cell on land, of an outlet to sea level, at least 5; 0 on sea; m, (ny,
/// nx).
///
/// `directions` have their outlets marked ([`super::basins::mark_outlets`]).
pub fn height_difference_m(heights_m: &Array2<f64>, directions: &Array2<u8>) -> Array2<f64> {
    let cylinder = Cylinder::from_array(heights_m);
    let heights = row_major(heights_m);
    let codes = row_major(directions);
    each_cell(cylinder, |cell, i, j| {
        let drop = match codes[cell] {
            RIVER | COASTAL => heights[cell],
            code => match Direction::from_code(code) {
                Some(direction) => cylinder.drop_towards(&heights, i, j, direction),
                None => return 0.0,
            },
        };
        if drop > SMALLEST_DROP_M { drop } else { SMALLEST_DROP_M }
    })
}

/// Topographic index of the retention time, `sqrt(length³ / (height difference * 10⁶))` on land, NaN on sea;
/// (ny, nx).
pub fn topographic_index(
    length_m: &Array2<f64>,
    height_difference_m: &Array2<f64>,
    directions: &Array2<u8>,
) -> Array2<f64> {
    // The library's power, not a product: they differ in the last bit of every fourth cell.
    let cube = black_box(3.0);
    let mut index = Array2::from_elem(directions.dim(), f64::NAN);
    ndarray::Zip::from(&mut index).and(length_m).and(height_difference_m).and(directions).for_each(
        |index, &length, &drop, &code| {
            if code != super::directions::SEA {
                *index = (length.powf(cube) / (drop * 1e6)).sqrt();
            }
        },
    );
    index
}

fn each_cell(cylinder: Cylinder, value: impl Fn(usize, usize, usize) -> f64) -> Array2<f64> {
    let mut values = Vec::with_capacity(cylinder.cells());
    for i in 0..cylinder.ny {
        for j in 0..cylinder.nx {
            values.push(value(i * cylinder.nx + j, i, j));
        }
    }
    gridded(cylinder, values)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::routing::directions::SEA;

    #[test]
    fn sea_cells_carry_what_the_release_says() {
        let lengths = array![[f64::NAN, f64::NAN], [80.0, f64::NAN]];
        let directions = array![[SEA, SEA], [5, SEA]];
        let quirk = length_to_downstream_m(&lengths, &directions, OverSea::NorthernDifference);
        assert_eq!(quirk, array![[-80_000.0, -0.0], [80_000.0, -1000.0]]);
        assert!(quirk[(0, 1)].is_sign_negative());
        let missing = length_to_downstream_m(&lengths, &directions, OverSea::Missing);
        assert!(missing[(0, 0)].is_nan() && missing[(1, 0)] == 80_000.0);
    }

    #[test]
    fn height_differences_are_at_least_five_metres() {
        let heights = array![[-3.0, 3.0, 100.0, 40.0]];
        let directions = array![[SEA, COASTAL, 3, RIVER]];
        assert_eq!(height_difference_m(&heights, &directions), array![[0.0, 5.0, 60.0, 40.0]]);
    }

    #[test]
    fn the_index_grows_with_length_and_falls_with_height() {
        let directions = array![[SEA, 7, RIVER]];
        let index = topographic_index(
            &array![[0.0, 100_000.0, 50_000.0]],
            &array![[0.0, 1000.0, 1000.0]],
            &directions,
        );
        assert!(index[(0, 0)].is_nan());
        assert!((index[(0, 1)] - 1000.0).abs() < 1e-9);
        assert!(index[(0, 2)] < index[(0, 1)]);
    }
}
