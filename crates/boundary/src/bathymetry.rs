//! The bathymetry on the ocean grid: each of its cells takes the depth of the nearest cell of the map.

use dataset::{Attributes, Dataset};
use grid::Points;
use ndarray::{Array2, ArrayView2, Zip};

use crate::Release;

/// Depth that the releases from 2023 on give to water of no depth, m.
const SHALLOWEST_M: f64 = 10.0;

/// The points are no ocean grid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TPointsError {
    /// Longitudes and latitudes are not of one shape.
    #[error("the ocean grid has {lon:?} longitudes and {lat:?} latitudes: they must have the same shape")]
    Shape {
        /// Shape of the longitudes.
        lon: (usize, usize),
        /// Shape of the latitudes.
        lat: (usize, usize),
    },
    /// Some positions are missing or impossible.
    #[error(
        "{count} points of the ocean grid have no valid position, the first in row {row}, column {column} \
         (longitude {lon}, latitude {lat}): use a file in which every T point has one"
    )]
    Position {
        /// How many.
        count: usize,
        /// Row of the first.
        row: usize,
        /// Column of the first.
        column: usize,
        /// Its longitude.
        lon: f64,
        /// Its latitude.
        lat: f64,
    },
}

/// Depths on an ocean grid, (y, x), m: positive on sea, 0 on land.
///
/// `heights_m` is south-up, (ny, nx), global and regular from 180 W; `points` are the T points of the ocean grid. Latitude and longitude are taken to the
/// nearest cell each on its own; exactly half way the southern and the western wins. Longitudes are taken to
/// -180..180 first. Cells without a place (longitude and latitude NaN) are land. A height of exactly 0 m is water of depth -0.0 in the release of 2021, and of 10 m since.
///
/// # Errors
/// [`TPointsError`] when the points are not those of a grid.
pub fn sample_depths(
    heights_m: &Array2<f64>,
    points: &Points,
    release: Release,
) -> Result<Array2<f64>, TPointsError> {
    check(points)?;
    let (ny, nx) = heights_m.dim();
    let mut depths = Array2::zeros(points.lon_deg.dim());
    Zip::from(&mut depths).and(&points.lon_deg).and(&points.lat_deg).for_each(|depth, &lon, &lat| {
        if is_absent(lon, lat) {
            return;
        }
        let row = nearest(lat, 90.0, ny);
        let column = nearest(within_one_turn(lon), 180.0, nx);
        let height = heights_m[(row, column)];
        *depth = match release {
            _ if height > 0.0 => 0.0,
            Release::R2023 | Release::Corrected if height == 0.0 => SHALLOWEST_M,
            _ => -height,
        };
    });
    Ok(depths)
}

/// The bathymetry file for depths on an ocean grid, (y, x), m.
pub fn bathymetry(depths_m: Array2<f64>, points: &Points) -> Dataset {
    let mut file = Dataset::new();
    let dimensions = ["y", "x"];
    let attributes = Attributes::new().with("coordinates", "nav_lat nav_lon");
    file.add_f64("Bathymetry", &dimensions, depths_m.into_dyn(), attributes);
    for (name, values, standard_name, units, axis) in [
        ("nav_lon", &points.lon_deg, "longitude", "degrees_east", "Lon"),
        ("nav_lat", &points.lat_deg, "latitude", "degrees_north", "Lat"),
    ] {
        let attributes = Attributes::new()
            .with("standard_name", standard_name)
            .with("long_name", standard_name)
            .with("units", units)
            .with("_CoordinateAxisType", axis);
        file.add_f64(name, &dimensions, values.to_owned().into_dyn(), attributes);
    }
    file
}

/// True for a cell that its file places nowhere.
fn is_absent(lon: f64, lat: f64) -> bool {
    lon.is_nan() && lat.is_nan()
}

/// Number of the cells that have no place.
pub(crate) fn absent_cells(points: &Points) -> usize {
    points.lon_deg.iter().zip(&points.lat_deg).filter(|&(&lon, &lat)| is_absent(lon, lat)).count()
}

/// True if some longitudes lie beyond -180..180.
pub(crate) fn beyond_one_turn(lon: ArrayView2<f64>) -> bool {
    lon.iter().any(|lon| lon.abs() > 180.0)
}

fn check(points: &Points) -> Result<(), TPointsError> {
    let (lon, lat) = (points.lon_deg.dim(), points.lat_deg.dim());
    if lon != lat {
        return Err(TPointsError::Shape { lon, lat });
    }
    // Pole points computed in single precision may lie a hair beyond 90 degrees.
    let valid = |lon: f64, lat: f64| lon.is_finite() && lon.abs() < 1e6 && lat.abs() < 90.01;
    let mut invalid = points
        .lon_deg
        .indexed_iter()
        .zip(&points.lat_deg)
        .filter(|&((_, &lon), &lat)| !valid(lon, lat) && !is_absent(lon, lat));
    match invalid.next() {
        None => Ok(()),
        Some((((row, column), &lon), &lat)) => {
            Err(TPointsError::Position { count: 1 + invalid.count(), row, column, lon, lat })
        }
    }
}

/// The longitude within -180..180; unchanged if it is there already.
fn within_one_turn(lon: f64) -> f64 {
    if lon.abs() <= 180.0 { lon } else { lon - 360.0 * ((lon + 180.0) / 360.0).floor() }
}

/// Index of the nearest of `count` cell centres between `-limit` and `limit`; half way the lower.
fn nearest(value: f64, limit: f64, count: usize) -> usize {
    let step = 2.0 * limit / count as f64;
    let first = -limit + step / 2.0;
    let index = ((value - first) / step - 0.5).ceil();
    // Casts saturate: below zero is the first cell.
    (index as usize).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn points(lon: f64, lat: f64) -> Points {
        Points { lon_deg: array![[lon]], lat_deg: array![[lat]] }
    }

    #[test]
    fn half_way_the_southern_and_western_cell_wins() {
        assert_eq!(nearest(-179.0, 180.0, 360), 0);
        assert_eq!(nearest(-178.999, 180.0, 360), 1);
        assert_eq!(nearest(180.0, 180.0, 360), 359);
        assert_eq!(nearest(-180.0, 180.0, 360), 0);
        assert_eq!(nearest(90.0, 90.0, 180), 179);
        assert_eq!(nearest(0.25, 90.0, 720), 360);
    }

    #[test]
    fn longitudes_of_any_turn_find_their_cell() {
        let map = Array2::from_shape_fn((180, 360), |(i, j)| -((i * 1000 + j) as f64) - 1.0);
        for release in Release::ALL {
            let here = sample_depths(&map, &points(-120.3, 10.2), release).unwrap();
            for turns in [-720.0, 360.0, 720.0] {
                assert_eq!(sample_depths(&map, &points(-120.3 + turns, 10.2), release).unwrap(), here);
            }
        }
    }

    #[test]
    fn water_without_depth_is_ten_metres_since_2023() {
        let map = array![[0.0, 7.0, -30.0]];
        let at = |lon: f64, release| sample_depths(&map, &points(lon, 0.0), release).unwrap()[(0, 0)];
        assert_eq!(at(-120.0, Release::R2021).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(at(-120.0, Release::R2023), 10.0);
        assert_eq!(at(0.0, Release::R2023).to_bits(), 0.0_f64.to_bits());
        assert_eq!(at(120.0, Release::R2023), 30.0);
    }

    #[test]
    fn cells_without_a_place_are_land() {
        let map = array![[-1.0]];
        let points = Points { lon_deg: array![[f64::NAN, 3.0]], lat_deg: array![[f64::NAN, 4.0]] };
        assert_eq!(sample_depths(&map, &points, Release::R2023).unwrap(), array![[0.0, 1.0]]);
        assert_eq!(absent_cells(&points), 1);
    }

    #[test]
    fn a_grid_with_holes_is_refused() {
        let map = array![[-1.0]];
        let error = sample_depths(&map, &points(f64::NAN, 0.0), Release::R2023).unwrap_err();
        assert!(matches!(error, TPointsError::Position { count: 1, row: 0, column: 0, .. }));
    }
}
