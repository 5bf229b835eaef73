//! The relief at a sixth of a degree for the gravity wave drag of the atmosphere: the final heights,
//! interpolated.

use std::ops::Range;

use dataset::{Attributes, Dataset};
use ndarray::Array2;
use rayon::prelude::*;

use crate::routing::cylinder::{Cylinder, row_major};

/// Longitudes of the relief.
const COLUMNS: usize = 2160;
/// Latitudes of the relief, when none are given.
const ROWS: usize = 1080;

/// What lies beyond the outermost cell centres of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// Sea level, as in the releases of 2021 and 2023: half a cell along the poles and the date line reads 0.
    SeaLevel,
    /// The map goes on around the globe, and its outermost rows up to the poles.
    Continued,
}

/// Heights above sea level on the fine grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Relief {
    /// Latitudes of the rows, degrees, as given or north to south.
    pub latitudes: Vec<f64>,
    /// Longitudes of the columns, degrees, west to east.
    pub longitudes: Vec<f64>,
    /// (latitudes, longitudes), m; 0 on sea.
    pub heights_m: Array2<f64>,
}

/// The 1080 regular latitudes, north to south: `90 - (i + 1/2) / 6`.
pub fn regular_latitudes() -> Vec<f64> {
    (0..ROWS).map(|i| 90.0 - (i as f64 + 0.5) / 6.0).collect()
}

/// Interpolates final heights (south-up, (ny, nx), m), first in latitude, then in longitude, each linearly
/// between cell centres; what is not above sea level is 0.
pub fn relief(heights_m: &Array2<f64>, latitudes: Vec<f64>, edges: Edges) -> Relief {
    let Cylinder { ny, nx } = Cylinder::from_array(heights_m);
    let longitudes = longitudes();
    let mut fine = vec![0.0; latitudes.len() * COLUMNS];
    if ny > 0 && nx > 0 {
        let source = row_major(heights_m);
        let rows = centres(90.0, ny);
        let columns = centres(180.0, nx);
        let runs = Run::all(longitudes.iter().map(|&lon| place_east(&columns, lon, edges)));
        fine.par_chunks_mut(COLUMNS).zip(&latitudes).for_each(|(out, &lat)| {
            let Some(place) = place_north(&rows, lat, edges) else { return };
            let row = place.between_rows(&rows, &source, nx);
            if row.iter().any(|&h| h > 0.0) {
                interpolate_row(&columns, &row, &runs, out);
            }
        });
    }
    let heights_m = Array2::from_shape_vec((latitudes.len(), COLUMNS), fine)
        .unwrap_or_else(|_| unreachable!("one value per latitude and longitude"));
    Relief { latitudes, longitudes, heights_m }
}

impl Relief {
    /// The file of the relief.
    pub fn into_dataset(self) -> Dataset {
        let mut file = Dataset::new();
        let attributes = Attributes::new().with("long_name", "relief");
        file.add_f64("RELIEF", &["latitude", "longitude"], self.heights_m.into_dyn(), attributes);
        for (name, values, axis) in [("latitude", self.latitudes, "Y"), ("longitude", self.longitudes, "X")] {
            let attributes = Attributes::new()
                .with("standard_name", name)
                .with("long_name", name)
                .with("units", "degrees")
                .with("axis", axis);
            file.add_f64(name, &[name], ndarray::Array1::from(values).into_dyn(), attributes);
        }
        file
    }
}

/// Every longitude is the first plus a multiple of the step that the first two have after rounding.
fn longitudes() -> Vec<f64> {
    let step = 360.0 / COLUMNS as f64;
    let first = -180.0 + step / 2.0;
    let second = first + step;
    let rounded_step = second - first;
    (0..COLUMNS)
        .map(|k| match k {
            0 => first,
            1 => second,
            _ => first + k as f64 * rounded_step,
        })
        .collect()
}

/// Centres of `count` cells between `-limit` and `limit`.
fn centres(limit: f64, count: usize) -> Vec<f64> {
    let step = 2.0 * limit / count as f64;
    (0..count).map(|k| (-limit + step / 2.0) + k as f64 * step).collect()
}

/// Where a target lies: between centre `low` and the next, `offset` beyond the first.
#[derive(Debug, Clone, Copy)]
struct SubCell {
    low: usize,
    offset: f64,
}

impl SubCell {
    /// Between the neighbours of `target`; `None` outside the outermost centres.
    fn inside(centres: &[f64], target: f64) -> Option<Self> {
        let (first, last) = (centres.first()?, centres.last()?);
        if centres.len() < 2 || !(*first..=*last).contains(&target) {
            return None;
        }
        let high = centres.partition_point(|&c| c < target).clamp(1, centres.len() - 1);
        Some(Self { low: high - 1, offset: target - centres[high - 1] })
    }

    /// The row of the map at this latitude.
    fn between_rows(self, rows: &[f64], source: &[f64], nx: usize) -> Vec<f64> {
        let low = &source[self.low * nx..][..nx];
        if self.low + 1 == rows.len() {
            return low.to_vec();
        }
        let high = &source[(self.low + 1) * nx..][..nx];
        let width = rows[self.low + 1] - rows[self.low];
        low.iter().zip(high).map(|(&y_l, &y_h)| ((y_h - y_l) / width) * self.offset + y_l).collect()
    }
}

fn place_north(rows: &[f64], lat: f64, edges: Edges) -> Option<SubCell> {
    SubCell::inside(rows, lat).or_else(|| {
        // The outermost row, as it is.
        let low = if lat < 0.0 { 0 } else { rows.len() - 1 };
        let outermost = SubCell { low, offset: 0.0 };
        (edges == Edges::Continued && lat.is_finite()).then_some(outermost)
    })
}

fn place_east(columns: &[f64], lon: f64, edges: Edges) -> Option<SubCell> {
    SubCell::inside(columns, lon).or_else(|| {
        let low = columns.len() - 1;
        let beyond = lon - columns[low];
        let offset = if beyond < 0.0 { beyond + 360.0 } else { beyond };
        (edges == Edges::Continued).then_some(SubCell { low, offset })
    })
}

/// One row in longitude; slopes are formed once per pair of columns, the last pair joins at the date line.
fn interpolate_row(columns: &[f64], row: &[f64], runs: &[Run], out: &mut [f64]) {
    let last = row.len() - 1;
    let slopes: Vec<f64> = (0..=last)
        .map(|l| {
            if l < last {
                (row[l + 1] - row[l]) / (columns[l + 1] - columns[l])
            } else {
                (row[0] - row[l]) / (columns[0] + 360.0 - columns[l])
            }
        })
        .collect();
    for run in runs {
        let (slope, start) = (slopes[run.low], row[run.low]);
        for (out, &offset) in out[run.columns.clone()].iter_mut().zip(&run.offsets) {
            let height = slope * offset + start;
            *out = if height > 0.0 { height } else { 0.0 };
        }
    }
}

/// Neighbouring columns of the relief between the same two columns of the map.
struct Run {
    low: usize,
    columns: Range<usize>,
    offsets: Vec<f64>,
}

impl Run {
    /// All runs of the columns that have a place.
    fn all(places: impl Iterator<Item = Option<SubCell>>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for (column, place) in places.enumerate() {
            let Some(SubCell { low, offset }) = place else { continue };
            match runs.last_mut() {
                Some(run) if run.low == low && run.columns.end == column => {
                    run.columns.end = column + 1;
                    run.offsets.push(offset);
                }
                _ => runs.push(Self { low, columns: column..column + 1, offsets: vec![offset] }),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_fine_grid_is_that_of_the_files() {
        let longitudes = longitudes();
        assert_eq!(longitudes.len(), COLUMNS);
        assert!((longitudes[0] + 180.0 - 1.0 / 12.0).abs() < 1e-12);
        assert!((longitudes[COLUMNS - 1] - 180.0 + 1.0 / 12.0).abs() < 1e-9);
        let latitudes = regular_latitudes();
        assert!(latitudes.iter().zip(latitudes.iter().rev()).all(|(n, s)| (n + s).abs() < 1e-9));
    }

    #[test]
    fn a_plain_stays_a_plain_within_the_rim() {
        let plain = Array2::from_elem((18, 36), 250.0);
        let rim = relief(&plain, regular_latitudes(), Edges::SeaLevel).heights_m;
        assert_eq!(rim[(540, 1080)], 250.0);
        assert_eq!((rim[(0, 1080)], rim[(540, 0)], rim[(540, 2159)]), (0.0, 0.0, 0.0));
        let whole = relief(&plain, regular_latitudes(), Edges::Continued).heights_m;
        assert!(whole.iter().all(|&h| h == 250.0));
    }

    #[test]
    fn heights_are_continued_across_the_date_line() {
        let map = array![[100.0, 50.0, 0.0, 50.0], [100.0, 50.0, 0.0, 50.0]];
        let whole = relief(&map, vec![0.0], Edges::Continued).heights_m;
        // Half way between the last column (50 m at 135 E) and the first (100 m at 135 W).
        assert!((whole[(0, 0)] - whole[(0, 2159)]).abs() < 0.2);
        assert!((whole[(0, 0)] - 75.0).abs() < 0.2);
    }

    #[test]
    fn a_single_column_or_row_works() {
        for map in [array![[3.0], [3.0], [3.0]], array![[3.0, 3.0, 3.0]], array![[3.0]]] {
            let whole = relief(&map, regular_latitudes(), Edges::Continued).heights_m;
            assert!(whole.iter().all(|&h| h == 3.0));
            assert!(
                relief(&map, regular_latitudes(), Edges::SeaLevel).heights_m.iter().all(|h| h.is_finite())
            );
        }
    }
}
