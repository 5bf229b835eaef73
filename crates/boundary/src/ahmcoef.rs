//! `ahmcoef`: where the ocean model keeps its lateral viscosity high, along the western coasts of tropical seas.
//!
//! The ocean model lowers its horizontal viscosity in the tropics, to let the equatorial currents be swift, but
//! not in the western boundary currents (Madec et al., *NEMO ocean engine*, lateral mixing with a prescribed
//! 2-D coefficient). The file holds 100 where viscosity stays as it is (land, rows outside the tropics, beside
//! a western coast), falling to 0 over five columns eastward from the coast.
//!
//! Invariants: 0 to 100; land is 100; rows go around the globe.
//!
//! The published releases name rows 55 to 92 of their 149 rows as the tropics. Those are the rows of that grid
//! between 20 S and 15 N; this is the rule here, so that any grid has its tropics, and that grid the same rows.

use dataset::{Attributes, Dataset};
use ndarray::{Array2, ArrayView2};

use crate::ocean_field::OceanField;
use crate::{OceanFieldError, Output, Progress};

/// Southern limit of the rows where viscosity is lowered, in degrees.
pub const SOUTHERN_LIMIT_DEGREES: f64 = -20.0;

/// Northern limit of the rows where viscosity is lowered, in degrees.
pub const NORTHERN_LIMIT_DEGREES: f64 = 15.0;

/// Coefficients of the columns from a western coast eastward.
const FROM_THE_COAST: [f64; 6] = [100.0, 96.0, 69.0, 31.0, 4.0, 0.0];

/// Computes the `ahmcoef` file of a bathymetry file (`Bathymetry`, `nav_lon`, `nav_lat`). The rule is the same in
/// every release.
///
/// # Errors
/// A dataset that is not a bathymetry with coordinates.
pub fn run(bathymetry: &Dataset, progress: &dyn Progress) -> Result<Output, OceanFieldError> {
    progress.report("lateral viscosity", 0.0);
    let field = OceanField::read(bathymetry)?;
    let rows: Vec<bool> =
        field.latitude.rows().into_iter().map(|row| is_tropical(row.iter().copied())).collect();
    let values = coefficients(field.depth.view(), &rows);
    let mut dataset = field.start();
    let attributes = Attributes::new()
        .with("valid_min", 0.0)
        .with("valid_max", 100.0)
        .with("coordinates", "nav_lat nav_lon");
    dataset.add_f64("icof", &field.dims(), values.into_dyn(), attributes);
    progress.report("lateral viscosity", 1.0);
    Ok(Output { dataset, findings: field.findings })
}

/// True for a row whose mean latitude (degrees, missing values left out) lies in the tropics of this file.
pub fn is_tropical(latitudes: impl Iterator<Item = f64>) -> bool {
    let (sum, count) = latitudes
        .filter(|lat| lat.is_finite())
        .fold((0.0, 0_usize), |(sum, count), lat| (sum + lat, count + 1));
    let mean = sum / count as f64;
    (SOUTHERN_LIMIT_DEGREES..=NORTHERN_LIMIT_DEGREES).contains(&mean)
}

/// The coefficient of every cell, for `depth_m` (positive in the sea; rows x columns); `tropical` tells for each
/// row whether viscosity is lowered there (rows beyond its end are not).
///
/// The columns from a coast are written nearest first, farther ones over nearer ones, whether they are sea or
/// land: so the far columns of one coast may overwrite those of the next.
pub fn coefficients(depth_m: ArrayView2<f64>, tropical: &[bool]) -> Array2<f64> {
    let (_, columns) = depth_m.dim();
    let mut result = Array2::from_elem(depth_m.dim(), 100.0);
    for (i, depth) in depth_m.rows().into_iter().enumerate() {
        if !tropical.get(i).copied().unwrap_or(false) {
            continue;
        }
        let sea: Vec<bool> = depth.iter().map(|&depth| depth > 0.0).collect();
        let coasts: Vec<usize> =
            (0..columns).filter(|&j| sea[j] && !sea[(j + columns - 1) % columns]).collect();
        let mut row = result.row_mut(i);
        for (value, &sea) in row.iter_mut().zip(&sea) {
            *value = if sea { 0.0 } else { 100.0 };
        }
        for (east, coefficient) in FROM_THE_COAST.into_iter().enumerate() {
            for coast in &coasts {
                row[(coast + east) % columns] = coefficient;
            }
        }
        for (value, &sea) in row.iter_mut().zip(&sea) {
            if !sea {
                *value = 100.0;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(map: &str) -> Vec<f64> {
        let depth =
            Array2::from_shape_fn((1, map.len()), |(_, j)| f64::from(u8::from(map.as_bytes()[j] == b'~')));
        coefficients(depth.view(), &[true]).row(0).to_vec()
    }

    #[test]
    fn viscosity_falls_eastward_from_a_western_coast() {
        assert_eq!(row("#~~~~~~~#"), [100.0, 100.0, 96.0, 69.0, 31.0, 4.0, 0.0, 0.0, 100.0]);
    }

    #[test]
    fn a_row_goes_around_the_globe() {
        assert_eq!(row("~~~#~~"), [69.0, 31.0, 4.0, 100.0, 100.0, 96.0]);
        assert_eq!(row("~~~~~~~~"), [0.0; 8]);
    }

    #[test]
    fn the_far_columns_of_one_coast_overwrite_the_near_ones_of_the_next() {
        // The sixth column from the first coast is the second from the island's.
        assert_eq!(row("#~~#~~~~~~~~")[4..7], [31.0, 4.0, 0.0]);
    }

    #[test]
    fn other_rows_keep_their_viscosity() {
        let depth = Array2::from_elem((2, 3), 5.0);
        assert_eq!(coefficients(depth.view(), &[false, true]).row(0).to_vec(), [100.0; 3]);
        assert!(is_tropical([-20.0, -18.0].into_iter()));
        assert!(!is_tropical([15.81].into_iter()));
        assert!(!is_tropical([f64::NAN].into_iter()));
    }
}
