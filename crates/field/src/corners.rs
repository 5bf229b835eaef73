//! The corners of the cells of a curvilinear grid, from the centres.
//!
//! A corner is the mean of the four centres around it, taken as directions in space: so the date line and the
//! poles need no care. At the rim the grid is continued by reflection in space (`2 a - b`). Where a neighbour has
//! no position, the corner comes from those that remain.
//!
//! Invariant: corners of neighbouring cells are shared, so the cells cover the sphere without gaps wherever the
//! grid does.

type Vec3 = [f64; 3];

/// Longitudes and latitudes of the `(rows + 1) x (columns + 1)` corners, in degrees, row-major; NaN where unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Corners {
    /// Degrees east, -180 to 180.
    pub lon: Vec<f64>,
    /// Degrees north.
    pub lat: Vec<f64>,
}

/// Estimates corners from centres, `columns` of them per row.
pub fn corners(lon: &[f64], lat: &[f64], columns: usize) -> Corners {
    if columns == 0 || lon.len() != lat.len() {
        return Corners { lon: Vec::new(), lat: Vec::new() };
    }
    let rows = lon.len() / columns;
    let centres: Vec<Vec3> = lon.iter().zip(lat).map(|(&lon, &lat)| direction(lon, lat)).collect();
    let centre = |row: isize, column: isize| extended(&centres, rows, columns, row, column);
    let mut result = Corners { lon: Vec::new(), lat: Vec::new() };
    for row in 0..=rows.cast_signed() {
        for column in 0..=columns.cast_signed() {
            let around = [
                centre(row - 1, column - 1),
                centre(row - 1, column),
                centre(row, column - 1),
                centre(row, column),
            ];
            let (lon, lat) = position(mean(&around));
            result.lon.push(lon);
            result.lat.push(lat);
        }
    }
    result
}

/// The centre of a cell, continued by one cell beyond the rim.
fn extended(centres: &[Vec3], rows: usize, columns: usize, row: isize, column: isize) -> Vec3 {
    let at = |row: isize, column: isize| centres[row.cast_unsigned() * columns + column.cast_unsigned()];
    let inside = |k: isize, n: usize| k.clamp(0, n.cast_signed() - 1);
    let (r, c) = (inside(row, rows), inside(column, columns));
    if (r, c) == (row, column) {
        return at(r, c);
    }
    let (inner_r, inner_c) = (inside(2 * r - row, rows), inside(2 * c - column, columns));
    let (edge, inner) = (at(r, c), at(inner_r, inner_c));
    normalised(std::array::from_fn(|k| 2.0 * edge[k] - inner[k])).unwrap_or([f64::NAN; 3])
}

fn mean(around: &[Vec3; 4]) -> Vec3 {
    let known: Vec<&Vec3> = around.iter().filter(|v| !v[0].is_nan()).collect();
    let sum = known.iter().fold([0.0; 3], |sum: Vec3, v| std::array::from_fn(|k| sum[k] + v[k]));
    normalised(sum).unwrap_or([f64::NAN; 3])
}

fn direction(lon: f64, lat: f64) -> Vec3 {
    let (lon, lat) = (lon.to_radians(), lat.to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

fn normalised(v: Vec3) -> Option<Vec3> {
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    (length > 1e-9).then(|| v.map(|x| x / length))
}

fn position(v: Vec3) -> (f64, f64) {
    (v[1].atan2(v[0]).to_degrees(), v[2].atan2(v[0].hypot(v[1])).to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh(lons: &[f64], lats: &[f64]) -> Corners {
        let lon: Vec<f64> = lats.iter().flat_map(|_| lons.iter().copied()).collect();
        let lat: Vec<f64> = lats.iter().flat_map(|&lat| lons.iter().map(move |_| lat)).collect();
        corners(&lon, &lat, lons.len())
    }

    fn same_lon(a: f64, b: f64) -> bool {
        ((a - b + 540.0).rem_euclid(360.0) - 180.0).abs() < 0.02
    }

    #[test]
    fn regular_cells_get_the_corners_halfway() {
        let corners = mesh(&[9.0, 10.0, 11.0], &[-1.0, 0.0, 1.0]);
        assert_eq!(corners.lon.len(), 16);
        for row in 0..4 {
            for column in 0..4 {
                let k = row * 4 + column;
                assert!((corners.lon[k] - (8.5 + column as f64)).abs() < 1e-3, "lon {}", corners.lon[k]);
                assert!((corners.lat[k] - (row as f64 - 1.5)).abs() < 1e-3, "lat {}", corners.lat[k]);
            }
        }
    }

    #[test]
    fn the_date_line_needs_no_care() {
        let corners = mesh(&[178.0, 179.5, -179.0, -177.5], &[40.0, 41.0]);
        for (k, lon) in [177.25, 178.75, -179.75, -178.25, -176.75].into_iter().enumerate() {
            assert!(same_lon(corners.lon[5 + k], lon), "corner {k}: {} is not {lon}", corners.lon[5 + k]);
        }
    }

    #[test]
    fn the_pole_is_a_corner_of_four_cells_around_it() {
        // Two rows that run on either side of the pole, as at the fold of a tripolar grid.
        let lon = [-45.0, 45.0, -135.0, 135.0];
        let corners = corners(&lon, &[89.0; 4], 2);
        assert!((corners.lat[4] - 90.0).abs() < 1e-6, "centre corner at {}", corners.lat[4]);
    }

    #[test]
    fn unknown_centres_leave_the_others_their_corners() {
        let lon = [0.0, 1.0, 2.0, 0.0, f64::NAN, 2.0];
        let lat = [0.0, 0.0, 0.0, 1.0, f64::NAN, 1.0];
        let corners = corners(&lon, &lat, 3);
        assert!(corners.lat[0].is_finite() && corners.lat[5].is_finite());
    }

    #[test]
    fn a_single_cell_and_no_cell_do_not_panic() {
        assert_eq!(corners(&[20.0], &[10.0], 1).lat.len(), 4);
        assert!(corners(&[], &[], 0).lat.is_empty());
        assert!(corners(&[1.0], &[], 1).lat.is_empty());
    }
}
