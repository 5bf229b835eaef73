//! PFT: the share of each plant functional type, from a table by latitude and the land of a routing file.
//!
//! The vegetation model (ORCHIDEE; Krinner et al. 2005, *Global Biogeochemical Cycles* 19, GB1015) reads maps of
//! 13 types at twice the resolution of the routing: 360 x 720 for one degree. On a routing grid of `ny` x `nx`
//! cells the maps have `2 ny` x `2 nx`.
//!
//! Invariants: rows run from north to south; the bands of the table are mirrored at the equator; all types are
//! NaN in the sea. The published releases sample the land a quarter of a (one-degree) cell too far to the south
//! and east, and never mask the last row and column; the corrected release samples at the centres of the cells.

mod table;

use dataset::{Attributes, Dataset};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array4, ArrayView2, Axis as Dim, Ix2, arr1};

pub use table::{Band, TYPES, Table, TableError};

use crate::history::note_corrections;
use crate::interpolate::{Axis, Beyond, Bracket, Sample};
use crate::{Output, Progress, Release};

/// What the vegetation is made from, beside the routing file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// Vegetation by latitude.
    pub table: Table,
    /// Which generation of the numerics to follow; 2021 and 2023 are the same.
    pub release: Release,
}

/// Why there is no vegetation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum Error {
    #[error("there is no variable 'topo' in the routing file (there are: {known})")]
    NoTopography { known: String },
    #[error("'topo' has the shape {shape:?}: a map of heights with rows and columns is needed")]
    NotAMap { shape: Vec<usize> },
}

/// Makes the PFT file of a routing file (`topo`, rows from north to south).
///
/// # Errors
/// A dataset without a map of heights.
pub fn run(routing: &Dataset, parameters: &Parameters, progress: &dyn Progress) -> Result<Output, Error> {
    progress.report("vegetation", 0.0);
    let known = || routing.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ");
    let variable = routing.variable("topo").ok_or_else(|| Error::NoTopography { known: known() })?;
    let heights = variable
        .decode()
        .and_then(|heights| heights.into_dimensionality::<Ix2>().ok())
        .filter(|heights| !heights.is_empty())
        .ok_or_else(|| Error::NotAMap { shape: variable.shape().to_vec() })?;
    let land_heights = mask_heights(heights.view(), parameters.release);
    progress.report("vegetation", 0.5);
    let fractions = fractions(&parameters.table, land_heights.view());
    let (_, _, rows, columns) = fractions.dim();
    let mut dataset = Dataset::new();
    dataset.add_f64(
        "maxvegetfrac",
        &["time_counter", "veget", "lat", "lon"],
        fractions.into_dyn(),
        Attributes::new(),
    );
    let latitude = ndarray::Array1::from_shape_fn(rows, |k| 90.0 - (k as f64 + 0.5) * (180.0 / rows as f64));
    let attributes = Attributes::new()
        .with("bounds", "bounds_lat")
        .with("valid_max", 90.0)
        .with("long_name", "Latitude")
        .with("valid_min", -90.0)
        .with("units", "degrees_north")
        .with("axis", "Y");
    dataset.add_f64("lat", &["lat"], latitude.into_dyn(), attributes);
    let longitude =
        ndarray::Array1::from_shape_fn(columns, |k| -180.0 + (k as f64 + 0.5) * (360.0 / columns as f64));
    let attributes = Attributes::new()
        .with("bounds", "bounds_lon")
        .with("valid_max", 180.0)
        .with("long_name", "Longitude")
        .with("valid_min", -180.0)
        .with("axis", "X")
        .with("units", "degrees_east")
        .with("modulo", 360.0)
        .with("topology", "circular");
    dataset.add_f64("lon", &["lon"], longitude.into_dyn(), attributes);
    let attributes =
        Attributes::new().with("units", "years since 0-1-1").with("calendar", "gregorian").with("axis", "T");
    dataset.add_i32("time_counter", &["time_counter"], arr1(&[1]).into_dyn(), attributes);
    let types = TYPES as i32;
    let attributes = Attributes::new()
        .with("valid_max", types)
        .with("long_name", "Vegetation Classes")
        .with("valid_min", 1)
        .with("units", "-");
    dataset.add_i32("veget", &["veget"], ndarray::Array1::from_iter(1..=types).into_dyn(), attributes);
    if parameters.release == Release::Corrected {
        note_corrections(
            &mut dataset,
            "pft",
            &["land sampled at the centres of the cells, all rows and columns masked"],
        );
    }
    progress.report("vegetation", 1.0);
    Ok(Output { dataset, findings: parameters.table.findings() })
}

/// The heights that decide what is land, on twice as many rows and columns as `heights` (north to south).
///
/// Linear interpolation between the cells' indices, rows first. Published: at 0, 0.5, 1, ..., NaN beyond the last
/// row and column. Corrected: at the centres of the new cells, longitude periodic, the outermost rows at the
/// poles.
pub fn mask_heights(heights: ArrayView2<f64>, release: Release) -> Array2<f64> {
    let brackets = |len: usize, corrected: Beyond| -> Vec<Option<Bracket>> {
        let (first, beyond) = match release {
            Release::R2021 | Release::R2023 => (0.0, Beyond::Missing),
            Release::Corrected => (-0.25, corrected),
        };
        let targets: Vec<f64> = (0..2 * len).map(|k| first + k as f64 / 2.0).collect();
        Axis::indices(len).map_or_else(Vec::new, |axis| axis.brackets(&targets, beyond))
    };
    let (rows, columns) = heights.dim();
    let down = brackets(rows, Beyond::Nearest);
    let along = brackets(columns, Beyond::Periodic(columns as f64));
    let mut result = Array2::from_elem((2 * rows, 2 * columns), f64::NAN);
    result.axis_iter_mut(Dim(0)).into_par_iter().zip(&down).for_each(|(mut out, down)| {
        let Some(down) = down else { return };
        let between: Vec<f64> = (0..columns)
            .map(|j| f64::between(heights[[down.low, j]], heights[[down.high, j]], down))
            .collect();
        for (value, along) in out.iter_mut().zip(&along) {
            if let Some(along) = along {
                *value = f64::between(between[along.low], between[along.high], along);
            }
        }
    });
    result
}

/// The share of each type (0 to 1) on the rows and columns of `land_heights` (north to south): time (one), type,
/// row, column. NaN where the height is at or below zero; a height that is missing counts as land.
pub fn fractions(table: &Table, land_heights: ArrayView2<f64>) -> Array4<f64> {
    let (rows, columns) = land_heights.dim();
    let spacing = 180.0 / rows as f64;
    // The first row at or south of a latitude, clamped for tables of more digits than rows.
    let row_of = |latitude: f64| (((90.0 - latitude) / spacing).trunc() as usize).min(rows / 2);
    let mut share_of_row = vec![[0.0; TYPES]; rows];
    let mut from = 0.0;
    for band in table.bands() {
        let (first, end) = (row_of(band.up_to_degrees), row_of(from));
        let share = band.percent.map(|percent| percent / 100.0);
        for row in (first..end).chain(rows - end..rows - first) {
            share_of_row[row] = share;
        }
        from = band.up_to_degrees;
    }
    let mut result = Array4::zeros((1, TYPES, rows, columns));
    for mut time in result.outer_iter_mut() {
        time.axis_iter_mut(Dim(0)).into_par_iter().enumerate().for_each(|(kind, mut map)| {
            for ((mut out, heights), share) in
                map.rows_mut().into_iter().zip(land_heights.rows()).zip(&share_of_row)
            {
                for (value, &height) in out.iter_mut().zip(heights) {
                    *value = if height <= 0.0 { f64::NAN } else { share[kind] };
                }
            }
        });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_mirrored_at_the_equator() {
        let land = Array2::from_elem((360, 2), 1.0);
        let fractions = fractions(&Table::default(), land.view());
        // 0.25 N and S have the first band, 15.25 the second, 89.75 the last.
        for (row, kind, share) in
            [(179, 1, 0.75), (180, 1, 0.75), (149, 1, 0.15), (210, 1, 0.15), (0, 8, 0.4), (359, 8, 0.4)]
        {
            assert_eq!(fractions[[0, kind, row, 0]], share, "row {row}");
        }
        let totals = fractions.sum_axis(Dim(1));
        assert!(totals.iter().all(|total| (total - 1.0).abs() < 1e-12));
    }

    #[test]
    fn the_sea_has_no_vegetation_and_the_published_rim_always_has() {
        let sea = Array2::from_elem((4, 6), -1.0);
        let published = mask_heights(sea.view(), Release::R2023);
        assert!(published.row(7).iter().chain(published.column(11).iter()).all(|height| height.is_nan()));
        assert_eq!(published.iter().filter(|height| height.is_nan()).count(), 8 + 12 - 1);
        let corrected = mask_heights(sea.view(), Release::Corrected);
        assert!(corrected.iter().all(|&height| height == -1.0));
        assert!(fractions(&Table::default(), corrected.view()).iter().all(|share| share.is_nan()));
    }

    #[test]
    fn a_single_land_cell_keeps_its_place_when_corrected() {
        let mut heights = Array2::from_elem((4, 6), -100.0);
        heights[[1, 2]] = 100.0;
        let land = |release| -> Vec<(usize, usize)> {
            let heights = mask_heights(heights.view(), release);
            heights.indexed_iter().filter(|(_, height)| **height > 0.0).map(|(at, _)| at).collect()
        };
        assert_eq!(land(Release::Corrected), [(2, 4), (2, 5), (3, 4), (3, 5)]);
        assert_eq!(land(Release::R2023), [(2, 4)]);
    }
}
