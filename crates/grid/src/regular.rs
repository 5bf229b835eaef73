//! Regular longitude-latitude grids: centres, bounds, cell areas.

use ndarray::Array2;

use crate::error::Error;
use crate::sphere::quad_area_m2;

/// A grid of meridians and parallels. The axes are strictly monotonic, in either direction.
#[derive(Debug, Clone, PartialEq)]
pub struct RegularGrid {
    lon_deg: Vec<f64>,
    lat_deg: Vec<f64>,
}

impl RegularGrid {
    /// A grid with the given centres, in degrees.
    ///
    /// # Errors
    /// [`Error::Axis`] when an axis has fewer than two values or is not strictly monotonic.
    pub fn new(lon_deg: Vec<f64>, lat_deg: Vec<f64>) -> Result<Self, Error> {
        for (axis, values) in [("longitudes", &lon_deg), ("latitudes", &lat_deg)] {
            let rising = values.windows(2).all(|w| w[0] < w[1]);
            let falling = values.windows(2).all(|w| w[0] > w[1]);
            if values.len() < 2 || values.iter().any(|v| !v.is_finite()) || !(rising || falling) {
                return Err(Error::Axis { axis });
            }
        }
        Ok(Self { lon_deg, lat_deg })
    }

    /// The global grid of `columns` by `rows` equal steps, cells from 180 W and 90 S.
    ///
    /// ```
    /// let grid = grid::RegularGrid::global(360, 180)?;
    /// assert_eq!((grid.lon_deg()[0], grid.lat_deg()[0]), (-179.5, -89.5));
    /// # Ok::<(), grid::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Axis`] with fewer than two columns or rows.
    pub fn global(columns: usize, rows: usize) -> Result<Self, Error> {
        let centre =
            |cell: usize, cells: usize, span: f64| (cell as f64 + 0.5) * span / cells as f64 - span / 2.0;
        Self::new(
            (0..columns).map(|i| centre(i, columns, 360.0)).collect(),
            (0..rows).map(|j| centre(j, rows, 180.0)).collect(),
        )
    }

    /// Longitudes of the centres, degrees.
    pub fn lon_deg(&self) -> &[f64] {
        &self.lon_deg
    }

    /// Latitudes of the centres, degrees.
    pub fn lat_deg(&self) -> &[f64] {
        &self.lat_deg
    }

    /// Longitudes of the cell edges: one more than columns, half way between the centres.
    pub fn lon_bounds_deg(&self) -> Vec<f64> {
        bounds(&self.lon_deg)
    }

    /// Latitudes of the cell edges: one more than rows, half way between the centres, within -90..=90.
    pub fn lat_bounds_deg(&self) -> Vec<f64> {
        bounds(&self.lat_deg).into_iter().map(|lat| lat.clamp(-90.0, 90.0)).collect()
    }

    /// Areas of the cells in square metres, rows by columns; positive whatever the direction of the axes.
    pub fn cell_areas_m2(&self) -> Array2<f64> {
        let (lon, lat) = (self.lon_bounds_deg(), self.lat_bounds_deg());
        Array2::from_shape_fn((self.lat_deg.len(), self.lon_deg.len()), |(j, i)| {
            quad_area_m2(lon[i], lon[i + 1], lat[j], lat[j + 1]).abs()
        })
    }
}

fn bounds(centres: &[f64]) -> Vec<f64> {
    let last = centres.len() - 1;
    let mut edges = Vec::with_capacity(centres.len() + 1);
    edges.push(centres[0] - (centres[1] - centres[0]) / 2.0);
    edges.extend(centres.windows(2).map(|w| w[0] + (w[1] - w[0]) / 2.0));
    edges.push(centres[last] + (centres[last] - centres[last - 1]) / 2.0);
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sphere::EARTH_RADIUS_M;
    use proptest::prelude::*;

    #[test]
    fn one_degree_cells_have_whole_degree_bounds() {
        let grid = RegularGrid::global(360, 180).unwrap();
        assert_eq!(grid.lon_bounds_deg()[..3], [-180.0, -179.0, -178.0]);
        assert_eq!(grid.lat_bounds_deg()[178..], [88.0, 89.0, 90.0]);
    }

    #[test]
    fn rows_that_stand_on_the_pole_end_there() {
        let grid = RegularGrid::new(vec![0.0, 1.0], vec![90.0, 0.0, -90.0]).unwrap();
        assert_eq!(grid.lat_bounds_deg(), [90.0, 45.0, -45.0, -90.0]);
        assert!(grid.cell_areas_m2().iter().all(|&area| area > 0.0));
    }

    #[test]
    fn axes_that_are_no_axes_are_refused() {
        let good = vec![0.0, 1.0];
        for bad in [vec![], vec![1.0], vec![1.0, 1.0], vec![0.0, 2.0, 1.0], vec![0.0, f64::NAN]] {
            assert_eq!(RegularGrid::new(bad.clone(), good.clone()), Err(Error::Axis { axis: "longitudes" }));
            assert_eq!(RegularGrid::new(good.clone(), bad), Err(Error::Axis { axis: "latitudes" }));
        }
    }

    proptest! {
        #[test]
        fn areas_of_a_global_grid_are_the_sphere(columns in 2_usize..50, rows in 2_usize..50) {
            let total = RegularGrid::global(columns, rows).unwrap().cell_areas_m2().sum();
            let sphere = 4.0 * std::f64::consts::PI * EARTH_RADIUS_M * EARTH_RADIUS_M;
            prop_assert!((total / sphere - 1.0).abs() < 1e-12);
        }
    }
}
