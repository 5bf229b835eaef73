//! The LMDZ grid: regular, both poles among its rows.
//!
//! Rows run **north to south**, as LMDZ and the coupler have them; columns from the date line eastward. Sizes
//! and constants are those of the original's generator, so that the numbers are its numbers.

use ndarray::Array2;

use crate::{AtmosphereSize, Mode};

/// Radius of the Earth in metres.
pub const RADIUS_M: f64 = 6_371_229.0;

/// Degrees to radians as the original writes it, cut after the tenth digit.
pub(crate) const RAD: f64 = 0.017_453_292_5;

/// Pi as the original writes it.
#[expect(clippy::approx_constant, reason = "its eleven digits are the point")]
pub(crate) const PI_CUT: f64 = 3.141_592_653_6;

/// The LMDZ grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Atmosphere {
    /// Columns and intervals.
    pub size: AtmosphereSize,
    /// Longitudes of the centres, eastward from -180.
    pub lon_deg: Vec<f64>,
    /// Latitudes of the centres, from the north pole to the south pole.
    pub lat_deg: Vec<f64>,
    /// Western limits of the columns.
    pub west_deg: Vec<f64>,
    /// Eastern limits of the columns.
    pub east_deg: Vec<f64>,
    /// Northern limits of the rows.
    pub north_deg: Vec<f64>,
    /// Southern limits of the rows.
    pub south_deg: Vec<f64>,
    /// Area of the cells of each row in square metres; those of the polar rows are sectors of the cap.
    pub area_m2: Vec<f64>,
}

impl Atmosphere {
    /// The grid of this size.
    pub fn new(size: AtmosphereSize) -> Self {
        let (columns, intervals) = (size.columns as f64, size.intervals as f64);
        // A limit is the centre of a row or column half a step on, evaluated in the same way: the last bit of
        // a limit shows in the weights of thin overlaps.
        let lon = |i: f64| -180.0 + i / columns * 360.0;
        let lat = |j: f64| 90.0 - j / intervals * 180.0;
        let along =
            |count: usize, f: &dyn Fn(f64) -> f64| -> Vec<f64> { (0..count).map(|k| f(k as f64)).collect() };
        let (nx, ny) = (size.columns, size.rows());
        let lon_deg = along(nx, &lon);
        let lat_deg = along(ny, &lat);
        let west_deg = along(nx, &|i| lon(i - 0.5));
        let east_deg = along(nx, &|i| lon(i + 0.5));
        let north_deg = along(ny, &|j| lat(j - 0.5).min(90.0));
        let south_deg = along(ny, &|j| lat(j + 0.5).max(-90.0));
        let last = size.intervals;
        let dl = east_deg[0] - west_deg[0];
        let area_m2 = (0..=last)
            .map(|j| {
                let cap = |limit: f64| dl * (1.0 - (RAD * limit).sin().abs()) * RAD * RADIUS_M * RADIUS_M;
                match j {
                    0 => cap(south_deg[0]),
                    j if j == last => cap(north_deg[last]),
                    j => {
                        let df = north_deg[j] - south_deg[j];
                        dl * df * (RAD * lat_deg[j]).cos() * RAD * RAD * RADIUS_M * RADIUS_M
                    }
                }
            })
            .collect();
        Self { size, lon_deg, lat_deg, west_deg, east_deg, north_deg, south_deg, area_m2 }
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.size.rows(), self.size.columns)
    }

    /// True for the rows at the poles, whose cells are sectors of one cap.
    pub fn is_polar(&self, row: usize) -> bool {
        row == 0 || row + 1 == self.size.rows()
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.size.rows() * self.size.columns
    }

    /// Areas with each polar row merged in its first cell, the others of the row 0; row-major.
    ///
    /// The original's south pole is one sector too large; nothing is ever coupled to it.
    pub fn merged_area_m2(&self, mode: Mode) -> Vec<f64> {
        let (rows, columns) = self.shape();
        let mut areas: Vec<f64> = (0..self.cells()).map(|a| self.area_m2[a / columns]).collect();
        let cap: f64 = (0..columns).map(|_| self.area_m2[rows - 1]).sum();
        let south = (rows - 1) * columns;
        for row in [0, south] {
            areas[row..row + columns].fill(0.0);
        }
        areas[0] = cap;
        areas[south] = match mode {
            Mode::Legacy => cap + self.area_m2[0],
            Mode::Corrected => cap,
        };
        areas
    }

    /// A value of each row as a map.
    pub fn by_row(&self, values: &[f64]) -> Array2<f64> {
        Array2::from_shape_fn(self.shape(), |(j, _)| values[j])
    }

    /// A value of each column as a map.
    pub fn by_column(&self, values: &[f64]) -> Array2<f64> {
        Array2::from_shape_fn(self.shape(), |(_, i)| values[i])
    }

    /// Outline of the cell in row `j` and column `i`, eight points clockwise from the north-west, then the centre:
    /// (longitude, latitude) in degrees.
    pub fn outline(&self, j: usize, i: usize) -> [(f64, f64); 9] {
        let (w, l, e) = (self.west_deg[i], self.lon_deg[i], self.east_deg[i]);
        let (n, f, s) = (self.north_deg[j], self.lat_deg[j], self.south_deg[j]);
        let centre = ((e + w) / 2.0, (n + s) / 2.0);
        [(w, n), (l, n), (e, n), (e, f), (e, s), (l, s), (w, s), (w, f), centre]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_the_sphere() {
        for size in [AtmosphereSize::LMDZ_96X95, AtmosphereSize::LMDZ_144X142] {
            let grid = Atmosphere::new(size);
            let total: f64 = grid.area_m2.iter().map(|area| area * size.columns as f64).sum();
            let sphere = 4.0 * std::f64::consts::PI * RADIUS_M * RADIUS_M;
            // The mid-point rule of the zones is a little too large.
            assert!((0.0..6e-5).contains(&(total / sphere - 1.0)), "{size}: {}", total / sphere - 1.0);
            let merged: f64 = grid.merged_area_m2(Mode::Corrected).iter().sum();
            assert!((merged / total - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn rows_run_from_pole_to_pole() {
        let grid = Atmosphere::new(AtmosphereSize::LMDZ_96X95);
        assert_eq!((grid.lat_deg[0], grid.lat_deg[95]), (90.0, -90.0));
        assert_eq!((grid.north_deg[0], grid.south_deg[95]), (90.0, -90.0));
        assert_eq!((grid.west_deg[0], grid.east_deg[95]), (-181.875, 178.125));
    }
}
