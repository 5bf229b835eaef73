//! Ocean sub-basins: which cells belong to the Atlantic, the Pacific and the Indian ocean.
//!
//! Invariants: every sea cell (depth above 0) belongs to exactly one basin, every other cell to none. The
//! default divides the grid by columns and is meant to be edited; a saved division is re-applied when the
//! bathymetry changes.

use std::f64::consts::PI;

use dataset::{Attributes, Dataset};
use ndarray::{Array2, ArrayView2};

use crate::ocean_field::OceanField;
use crate::{Finding, OceanFieldError, Output, Progress, Release};

/// An ocean basin; the discriminant is the number that the editor shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Basin {
    /// No basin: land.
    #[default]
    Land = 0,
    /// The Atlantic.
    Atlantic = 1,
    /// The Pacific.
    Pacific = 2,
    /// The Indian ocean.
    Indian = 3,
}

impl Basin {
    /// The three oceans, in the order of the file.
    pub const OCEANS: [Self; 3] = [Self::Atlantic, Self::Pacific, Self::Indian];

    /// The basin of a number from the editor; `None` unless it is 0 to 3.
    pub fn from_number(number: f64) -> Option<Self> {
        [Self::Land, Self::Atlantic, Self::Pacific, Self::Indian]
            .into_iter()
            .find(|b| f64::from(*b as u8) == number)
    }

    fn mask_name(self) -> Option<&'static str> {
        match self {
            Self::Land => None,
            Self::Atlantic => Some("atlmsk"),
            Self::Pacific => Some("pacmsk"),
            Self::Indian => Some("indmsk"),
        }
    }
}

/// Why there are no sub-basins.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum Error {
    #[error(transparent)]
    Bathymetry(#[from] OceanFieldError),
    #[error(
        "the default sub-basins of release 2021 are for 182 columns, and the grid has {columns}: use release 2023"
    )]
    Columns2021 { columns: usize },
    #[error(
        "the saved sub-basins have {saved:?} cells and the bathymetry {bathymetry:?}: they are of another grid"
    )]
    OtherGrid { saved: (usize, usize), bathymetry: (usize, usize) },
    #[error("'{name}' is not a map of numbers in the saved sub-basins")]
    NoMask { name: &'static str },
}

/// Where to start from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// The default of which generation; 2023 and corrected are the same.
    pub release: Release,
    /// A division to re-apply instead of the default.
    pub saved: Option<Array2<Basin>>,
}

/// Makes the sub-basin file of a bathymetry file (`Bathymetry`, `nav_lon`, `nav_lat`).
///
/// # Errors
/// A dataset that is not a bathymetry with coordinates, or a saved division of another grid.
pub fn run(bathymetry: &Dataset, parameters: &Parameters, progress: &dyn Progress) -> Result<Output, Error> {
    progress.report("sub-basins", 0.0);
    let field = OceanField::read(bathymetry)?;
    let mut findings = field.findings.clone();
    let basins = match &parameters.saved {
        None => default_basins(field.depth.view(), parameters.release)?,
        Some(saved) => {
            let default = || default_basins(field.depth.view(), Release::R2023);
            let again = reapply(saved, field.depth.view(), field.longitude.view(), field.latitude.view())?;
            findings.extend(again.findings());
            match again.nothing_to_take_from {
                true => default()?,
                false => again.basins,
            }
        }
    };
    let dataset = to_dataset(&field, &basins);
    progress.report("sub-basins", 1.0);
    Ok(Output { dataset, findings })
}

/// The default division of `depth_m` (positive in the sea; rows x columns), by columns.
///
/// The text of 2021 names columns: 0 to 92 Pacific, 93 to 144 Atlantic, 145 to 181 Indian, on grids of 182 columns and
/// no others. The text of 2023 says "thirds of the width, rounded to the nearest integer (half to even)": the first
/// third Pacific, the second Atlantic, the last Indian. Here the *limits* `w/3` and `2w/3` are what is rounded, so that
/// the thirds leave no gap; 182 columns are cut before columns 61 and 121. Which way a half is rounded does not matter:
/// a third of a whole number never ends in one half.
///
/// # Errors
/// Release 2021 on a grid of another width.
pub fn default_basins(depth_m: ArrayView2<f64>, release: Release) -> Result<Array2<Basin>, Error> {
    let columns = depth_m.ncols();
    let (pacific_end, atlantic_end) = match release {
        Release::R2021 if columns == 182 => (93, 145),
        Release::R2021 => return Err(Error::Columns2021 { columns }),
        Release::R2023 | Release::Corrected => ((columns + 1) / 3, (2 * columns + 1) / 3),
    };
    Ok(Array2::from_shape_fn(depth_m.dim(), |(i, j)| {
        if depth_m[[i, j]].is_nan() || depth_m[[i, j]] <= 0.0 {
            Basin::Land
        } else if j < pacific_end {
            Basin::Pacific
        } else if j < atlantic_end {
            Basin::Atlantic
        } else {
            Basin::Indian
        }
    }))
}

/// A sea cell that had no basin, and the one it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub column: usize,
    /// The basin of the nearest sea cell that had one.
    pub basin: Basin,
}

/// A division re-applied to a bathymetry.
#[derive(Debug, Clone, PartialEq)]
pub struct Reapplied {
    /// The division.
    pub basins: Array2<Basin>,
    /// Cells that became sea, in row-major order.
    pub assigned: Vec<Assigned>,
    /// Number of cells that became land.
    pub became_land: usize,
    /// True when there is sea but no sea cell with a basin to take from: all stay without one.
    pub nothing_to_take_from: bool,
}

/// Re-applies `saved` to a changed bathymetry: land loses its basin; cells that became sea take the basin of the
/// nearest sea cell that has one (great circle; the first in row-major order among equals).
///
/// # Errors
/// A saved division of another shape.
pub fn reapply(
    saved: &Array2<Basin>,
    depth_m: ArrayView2<f64>,
    longitude: ArrayView2<f64>,
    latitude: ArrayView2<f64>,
) -> Result<Reapplied, Error> {
    if saved.dim() != depth_m.dim() {
        return Err(Error::OtherGrid { saved: saved.dim(), bathymetry: depth_m.dim() });
    }
    let mut basins = saved.clone();
    let mut became_land = 0;
    let (mut known, mut wanting) = (Vec::new(), Vec::new());
    for ((i, j), basin) in basins.indexed_iter_mut() {
        let here = point(longitude[[i, j]], latitude[[i, j]]);
        match (depth_m[[i, j]] > 0.0, *basin) {
            (true, Basin::Land) => wanting.push((i, j, here)),
            (true, basin) => known.push((here, known.len(), basin)),
            (false, Basin::Land) => {}
            (false, _) => {
                *basin = Basin::Land;
                became_land += 1;
            }
        }
    }
    // Sorted by height above the equator, the search can stop once that alone is farther than the best.
    known.sort_by(|a, b| a.0[2].total_cmp(&b.0[2]));
    let mut assigned = Vec::new();
    for (row, column, here) in &wanting {
        if let Some(basin) = nearest(&known, *here) {
            basins[[*row, *column]] = basin;
            assigned.push(Assigned { row: *row, column: *column, basin });
        }
    }
    let nothing_to_take_from = known.is_empty() && !wanting.is_empty();
    Ok(Reapplied { basins, assigned, became_land, nothing_to_take_from })
}

impl Reapplied {
    /// What to tell the modeller.
    pub fn findings(&self) -> Vec<Finding> {
        if self.nothing_to_take_from {
            let text = "no sea cell of the saved sub-basins is left: the default is used";
            return vec![Finding::warning("sub-basins-default-again", text)];
        }
        if self.assigned.is_empty() {
            return Vec::new();
        }
        const LISTED: usize = 20;
        let mut cells: Vec<String> = self
            .assigned
            .iter()
            .take(LISTED)
            .map(|cell| format!("({}, {}) {:?}", cell.row, cell.column, cell.basin))
            .collect();
        if self.assigned.len() > LISTED {
            cells.push(format!("and {} more", self.assigned.len() - LISTED));
        }
        let text = format!(
            "{} cells became sea since the sub-basins were saved and take the basin of the nearest sea cell (row, column): {}",
            self.assigned.len(),
            cells.join(", ")
        );
        vec![Finding::warning("sub-basins-new-sea", text)]
    }
}

/// Reads the division back from a sub-basin file (`atlmsk`, `pacmsk`, `indmsk`); where masks overlap the first of
/// them wins.
///
/// # Errors
/// A mask that is missing or not a map.
pub fn from_dataset(dataset: &Dataset) -> Result<Array2<Basin>, Error> {
    let mut basins: Option<Array2<Basin>> = None;
    for basin in Basin::OCEANS {
        let Some(name) = basin.mask_name() else { continue };
        let mask = dataset
            .variable(name)
            .and_then(|variable| variable.decode())
            .and_then(|values| values.into_dimensionality::<ndarray::Ix2>().ok())
            .ok_or(Error::NoMask { name })?;
        let basins = basins.get_or_insert_with(|| Array2::from_elem(mask.dim(), Basin::Land));
        if basins.dim() != mask.dim() {
            return Err(Error::NoMask { name });
        }
        ndarray::Zip::from(basins).and(&mask).for_each(|cell, &set| {
            if set == 1.0 && *cell == Basin::Land {
                *cell = basin;
            }
        });
    }
    Ok(basins.unwrap_or_default())
}

fn to_dataset(field: &OceanField, basins: &Array2<Basin>) -> Dataset {
    let mut dataset = Dataset::new();
    let dims = field.dims();
    let degrees = |unit: &str| Attributes::new().with("units", unit);
    dataset.add_f64("navlat", &dims, field.latitude.clone().into_dyn(), degrees("degrees_north"));
    dataset.add_f64("navlon", &dims, field.longitude.clone().into_dyn(), degrees("degrees_east"));
    for basin in Basin::OCEANS {
        if let Some(name) = basin.mask_name() {
            let mask = basins.mapv(|cell| i32::from(cell == basin));
            dataset.add_i32(name, &dims, mask.into_dyn(), Attributes::new());
        }
    }
    dataset
}

/// The point of the unit sphere at these degrees.
fn point(longitude: f64, latitude: f64) -> [f64; 3] {
    let (lon, lat) = (longitude * PI / 180.0, latitude * PI / 180.0);
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

/// The basin of the point of `known` (sorted by its third coordinate) nearest to `here`.
fn nearest(known: &[([f64; 3], usize, Basin)], here: [f64; 3]) -> Option<Basin> {
    let start = known.partition_point(|(point, _, _)| point[2] < here[2]);
    let mut best: Option<(f64, usize, Basin)> = None;
    let (mut below, mut above) = (start, start);
    // Whether a candidate can still be among the nearest, equals included, by its third coordinate.
    let near = |candidate: Option<&([f64; 3], usize, Basin)>, best: &Option<(f64, usize, Basin)>| {
        candidate.is_some_and(|(point, _, _)| {
            let up = point[2] - here[2];
            best.is_none_or(|(distance, _, _)| up * up <= distance)
        })
    };
    let consider = |(point, order, basin): &([f64; 3], usize, Basin),
                    best: &mut Option<(f64, usize, Basin)>| {
        let distance: f64 = point.iter().zip(&here).map(|(a, b)| (a - b) * (a - b)).sum();
        if best.is_none_or(|(least, first, _)| (distance, *order) < (least, first)) {
            *best = Some((distance, *order, *basin));
        }
    };
    loop {
        let down = below.checked_sub(1).filter(|&k| near(known.get(k), &best));
        let up = Some(above).filter(|&k| near(known.get(k), &best));
        if let Some(k) = down {
            consider(&known[k], &mut best);
            below = k;
        }
        if let Some(k) = up {
            consider(&known[k], &mut best);
            above = k + 1;
        }
        if down.is_none() && up.is_none() {
            return best.map(|(_, _, basin)| basin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Basin::{Atlantic, Indian, Land, Pacific};

    #[test]
    fn the_defaults_divide_the_width() {
        let depth = Array2::from_elem((1, 182), 10.0);
        let ends = |release| {
            let basins = default_basins(depth.view(), release).unwrap();
            let end = |basin| basins.row(0).iter().rposition(|&b| b == basin).unwrap();
            [end(Pacific), end(Atlantic), end(Indian)]
        };
        assert_eq!(ends(Release::R2021), [92, 144, 181]);
        assert_eq!(ends(Release::R2023), [60, 120, 181]);
        let other = Array2::from_elem((1, 100), 10.0);
        assert_eq!(default_basins(other.view(), Release::R2021), Err(Error::Columns2021 { columns: 100 }));
        assert!(default_basins(other.view(), Release::R2023).is_ok());
    }

    /// Against the text of 2023 as it stands, in floating point; and the cuts of narrow grids by hand.
    #[test]
    fn the_thirds_of_2023_are_rounded_to_the_nearest_column() {
        let cuts = |columns: usize| {
            let depth = Array2::from_elem((1, columns), 10.0);
            let basins = default_basins(depth.view(), Release::R2023).unwrap();
            let count = |basin| basins.iter().filter(|&&b| b == basin).count();
            assert!(
                basins.iter().is_sorted_by_key(|b| [Pacific, Atlantic, Indian].iter().position(|o| o == b))
            );
            (count(Pacific), count(Pacific) + count(Atlantic))
        };
        for columns in 0..=1500 {
            let limit = |n: f64| (n * columns as f64 / 3.0).round_ties_even() as usize;
            assert_eq!(cuts(columns), (limit(1.0), limit(2.0)), "{columns} columns");
        }
        assert_eq!([1, 2, 4, 5, 7].map(cuts), [(0, 1), (1, 1), (1, 3), (2, 3), (2, 5)]);
        assert_eq!(
            [180, 181, 182, 183, 362].map(cuts),
            [(60, 120), (60, 121), (61, 121), (61, 122), (121, 241)]
        );
    }

    #[test]
    fn new_sea_takes_the_nearest_basin_and_new_land_none() {
        let saved = ndarray::arr2(&[[Atlantic, Land, Land, Pacific, Indian]]);
        let depth = ndarray::arr2(&[[5.0, 5.0, 5.0, 5.0, 0.0]]);
        let lon = ndarray::arr2(&[[0.0, 10.0, 20.0, 29.0, 40.0]]);
        let lat = Array2::zeros((1, 5));
        let again = reapply(&saved, depth.view(), lon.view(), lat.view()).unwrap();
        assert_eq!(again.basins, ndarray::arr2(&[[Atlantic, Atlantic, Pacific, Pacific, Land]]));
        assert_eq!(again.became_land, 1);
        assert_eq!(again.assigned.len(), 2);
        assert!(again.findings()[0].message.contains("(0, 2) Pacific"));
    }

    #[test]
    fn the_nearest_cell_may_lie_across_the_date_line() {
        let saved = ndarray::arr2(&[[Land, Atlantic, Pacific]]);
        let depth = Array2::from_elem((1, 3), 5.0);
        let lon = ndarray::arr2(&[[-179.0, -150.0, 178.0]]);
        let again = reapply(&saved, depth.view(), lon.view(), Array2::zeros((1, 3)).view()).unwrap();
        assert_eq!(again.basins[[0, 0]], Pacific);
    }

    #[test]
    fn another_grid_is_refused() {
        let saved = Array2::from_elem((2, 2), Atlantic);
        let zeros = Array2::zeros((1, 3));
        assert!(reapply(&saved, zeros.view(), zeros.view(), zeros.view()).is_err());
    }
}
