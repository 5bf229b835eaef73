//! Geothermal heat flow through the sea floor, from its depth.
//!
//! Depth gives the age of the crust and age its heat flow, by the relations of Stein and Stein (1992, *Nature*
//! 359, 123-129): with age `t` in million years and depth `d` in metres, `d = 2600 + 365 sqrt(t)` for young and
//! `d = 5651 - 2473 exp(-0.0278 t)` for old crust. Heat flow is `490 / sqrt(t)` mW/m2 at all ages, at most 400;
//! shelves (shallower than 2500 m) have 48 mW/m2, land has none.
//!
//! Invariants: finite everywhere, 0 to 400, 0 on land. Where the depth jumps from cell to cell the age means
//! nothing: the published releases leave 0 there, the corrected release the median of the neighbours.

use dataset::{Attributes, Dataset, Values, Variable};
use ndarray::{Array2, ArrayView2, arr1};

use crate::history::note_corrections;
use crate::ocean_field::OceanField;
use crate::{Finding, OceanFieldError, Output, Progress, Release};

/// Heat flow of shelves and of crust too old for the relation, in mW/m2.
const BACKGROUND_MW_M2: f64 = 48.0;

/// The highest heat flow that is written, in mW/m2.
const HIGHEST_MW_M2: f64 = 400.0;

/// Sea floor shallower than this is shelf, in metres.
const SHELF_DEPTH_M: f64 = 2500.0;

/// Depth that old crust tends to, in metres.
const OLDEST_DEPTH_M: f64 = 5651.0;

/// What heat flow needs beside the bathymetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// The global attribute `TimeStamp`: local time of creation, as in `2021-06-01 10:20:30.123456`.
    pub time_stamp: String,
    /// Which generation of the numerics to follow; 2021 and 2023 are the same.
    pub release: Release,
}

/// Computes the heat flow file of a bathymetry file (`Bathymetry`, `nav_lon`, `nav_lat`).
///
/// # Errors
/// A dataset that is not a bathymetry with coordinates.
pub fn run(
    bathymetry: &Dataset,
    parameters: &Parameters,
    progress: &dyn Progress,
) -> Result<Output, OceanFieldError> {
    progress.report("heat flow", 0.0);
    let field = OceanField::read(bathymetry)?;
    let result = heat_flow(field.depth.view(), parameters.release);
    let mut dataset = field.start();
    let (rows, columns) = field.depth.dim();
    let [y, x] = field.dims();
    dataset.add_dimension("time_counter", 1);
    let attributes = Attributes::new()
        .with("units", "mW/m2")
        .with("title", "heatflow")
        .with("long_name", "heatflow")
        .with("Minvalue=", 0.0)
        .with("Maxvalue=", 200.0)
        .with("coordinates", "nav_lat nav_lon");
    let values = result.milliwatts_per_m2.insert_axis(ndarray::Axis(0)).into_dyn();
    debug_assert_eq!(values.shape(), [1, rows, columns]);
    dataset.add_f64("heatflow", &["time_counter", y, x], values, attributes);
    let attributes = Attributes::new()
        .with("_FillValue", f32::NAN)
        .with("units", "seconds since 0000-12-15 00:00:00 ")
        .with("calendar", "noleap")
        .with("title", "Time")
        .with("long_name", "Time axis")
        .with("time_origin", "0000-DEC-15 00:00:00");
    let time = Values::F32(arr1(&[1.0_f32]).into_dyn());
    dataset.variables.push(Variable::new("time_counter", &["time_counter"], time, attributes));
    let attributes = Attributes::new()
        .with("units", "timesteps since 0000-12-15 00:00:00 ")
        .with("title", "Time steps")
        .with("tstep_sec", 0.0_f32)
        .with("long_name", "Time step axis")
        .with("time_origin", "0000-DEC-15 00:00:00");
    dataset.add_i32("time_steps", &["time_counter"], arr1(&[0]).into_dyn(), attributes);
    dataset.attributes.set("Conventions", "GDT 1.2");
    dataset.attributes.set("TimeStamp", parameters.time_stamp.as_str());

    let mut findings = field.findings;
    let (steep, deep) = (result.steep_cells, result.too_deep_cells);
    if parameters.release == Release::Corrected {
        note_corrections(
            &mut dataset,
            "heatflow",
            &[
                "cells of steep relief take the median of their neighbours",
                "48 mW/m2 down to and at 2500 m and below 5651 m",
                "one depth separates young from old crust",
            ],
        );
        if steep > 0 {
            let text = format!("{steep} cells of steep relief take the median of their neighbours");
            findings.push(Finding::note("heatflow-steep-filled", text));
        }
    } else {
        if steep > 0 {
            let text = format!(
                "{steep} sea cells of steep relief have no heat flow (0); the corrected release gives them the median of their neighbours"
            );
            findings.push(Finding::warning("heatflow-steep-zero", text));
        }
        if deep > 0 {
            let text = format!(
                "{deep} sea cells are deeper than {OLDEST_DEPTH_M} m and have no heat flow (0); the corrected release gives them {BACKGROUND_MW_M2} mW/m2"
            );
            findings.push(Finding::warning("heatflow-deep-zero", text));
        }
    }
    progress.report("heat flow", 1.0);
    Ok(Output { dataset, findings })
}

/// The heat flow of a map, and what is doubtful about it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatFlow {
    /// Heat flow in mW/m2 (rows x columns).
    pub milliwatts_per_m2: Array2<f64>,
    /// Cells whose depth changes too much from cell to cell.
    pub steep_cells: usize,
    /// Sea cells deeper than any age explains.
    pub too_deep_cells: usize,
}

/// Computes the heat flow for `depth_m` (metres, positive, 0 on land; rows x columns).
pub fn heat_flow(depth_m: ArrayView2<f64>, release: Release) -> HeatFlow {
    let law = match release {
        Release::R2021 | Release::R2023 => published,
        Release::Corrected => corrected,
    };
    let mut flow = depth_m.mapv(law);
    let mixed = mixed_difference(depth_m);
    let steep = Array2::from_shape_fn(flow.dim(), |at| mixed[at].abs() > 500.0 && flow[at] > 100.0);
    let too_deep_cells = depth_m.iter().filter(|&&depth| depth > OLDEST_DEPTH_M).count();
    let steep_cells = steep.iter().filter(|&&is| is).count();
    ndarray::Zip::from(&mut flow).and(&steep).for_each(|flow, &steep| {
        if steep {
            *flow = match release {
                Release::R2021 | Release::R2023 => 0.0,
                Release::Corrected => f64::NAN,
            };
        }
    });
    if release == Release::Corrected {
        fill_by_median(&mut flow, depth_m);
    }
    // No heat flow on land.
    ndarray::Zip::from(&mut flow).and(depth_m).for_each(|flow, &depth| {
        if depth <= 0.0 {
            *flow = 0.0;
        }
    });
    HeatFlow { milliwatts_per_m2: flow, steep_cells, too_deep_cells }
}

/// Age in million years by the relation for young crust.
fn young_age(depth: f64) -> f64 {
    let root = (depth - 2600.0) / 365.0;
    root * root
}

/// Age in million years by the relation for old crust; NaN below the depth it tends to.
fn old_age(depth: f64) -> f64 {
    (-1.0 / 0.0278) * ((depth - OLDEST_DEPTH_M) / -2473.0).ln()
}

/// The law of the published releases, term by term: where neither relation applies (a band of 0.4 m) the age is
/// zero and the heat flow the highest, and where the age is NaN there is none.
fn published(depth: f64) -> f64 {
    let (young, old) = (young_age(depth), old_age(depth));
    let age = young * if young > 20.0 { 0.0 } else { 1.0 } + old * if old >= 20.0 { 1.0 } else { 0.0 };
    let mut flow = 490.0 / age.sqrt() * if depth > SHELF_DEPTH_M { 1.0 } else { 0.0 };
    if flow > HIGHEST_MW_M2 {
        flow = HIGHEST_MW_M2;
    }
    // Not a number is not more than zero either.
    flow = if flow > 0.0 { flow } else { 0.0 };
    if depth > 0.0 && depth < SHELF_DEPTH_M {
        flow += BACKGROUND_MW_M2;
    }
    flow
}

/// The same law without gaps: one depth, that of 20 million years, separates young from old crust.
fn corrected(depth: f64) -> f64 {
    if depth.is_nan() || depth <= 0.0 {
        0.0
    } else if depth <= SHELF_DEPTH_M || depth > OLDEST_DEPTH_M {
        BACKGROUND_MW_M2
    } else {
        let youngest_old_depth = 2600.0 + 365.0 * 20.0_f64.sqrt();
        let age = if depth <= youngest_old_depth { young_age(depth) } else { old_age(depth) };
        (490.0 / age.sqrt()).min(HIGHEST_MW_M2)
    }
}

/// The second difference along rows and columns, in metres per cell and cell: down the columns first, then
/// along the rows; central inside, one-sided at the edges.
fn mixed_difference(depth: ArrayView2<f64>) -> Array2<f64> {
    let (rows, columns) = depth.dim();
    let down = Array2::from_shape_fn((rows, columns), |(i, j)| difference(|i| depth[[i, j]], i, rows));
    Array2::from_shape_fn((rows, columns), |(i, j)| difference(|j| down[[i, j]], j, columns))
}

fn difference(value: impl Fn(usize) -> f64, k: usize, len: usize) -> f64 {
    match (k, len) {
        (_, 0 | 1) => 0.0,
        (0, _) => value(1) - value(0),
        (k, len) if k == len - 1 => value(k) - value(k - 1),
        (k, _) => (value(k + 1) - value(k - 1)) / 2.0,
    }
}

/// Gives missing sea cells the median of their sea neighbours (3 x 3 cells), pass after pass from the rim of a
/// patch inwards; the background where there is no neighbour at all.
fn fill_by_median(flow: &mut Array2<f64>, depth: ArrayView2<f64>) {
    let (rows, columns) = flow.dim();
    let mut missing: Vec<(usize, usize)> =
        flow.indexed_iter().filter(|(_, value)| value.is_nan()).map(|(at, _)| at).collect();
    while !missing.is_empty() {
        let mut found = Vec::new();
        for &(i, j) in &missing {
            let mut near = Vec::with_capacity(8);
            for i in i.saturating_sub(1)..(i + 2).min(rows) {
                for j in j.saturating_sub(1)..(j + 2).min(columns) {
                    if depth[[i, j]] > 0.0 && !flow[[i, j]].is_nan() {
                        near.push(flow[[i, j]]);
                    }
                }
            }
            if let Some(median) = median(&mut near) {
                found.push(((i, j), median));
            }
        }
        if found.is_empty() {
            found.extend(missing.iter().map(|&at| (at, BACKGROUND_MW_M2)));
        }
        for (at, value) in found {
            flow[at] = value;
        }
        missing.retain(|&at| flow[at].is_nan());
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_law_has_its_gaps_and_the_corrected_none() {
        for (depth, before, after) in [
            (0.0, 0.0, 0.0),
            (100.0, 48.0, 48.0),
            (2500.0, 0.0, 48.0),
            (2600.0, 400.0, 400.0),
            (6000.0, 0.0, 48.0),
            (f64::NAN, 0.0, 0.0),
        ] {
            assert_eq!((published(depth), corrected(depth)), (before, after), "{depth} m");
        }
        assert_eq!(published(4232.5), 400.0);
        assert!((corrected(4232.5) - 490.0 / 20.0_f64.sqrt()).abs() < 0.1);
        // 100 million years: 5651 - 2473 exp(-2.78) m.
        let depth = 5651.0 - 2473.0 * (-2.78_f64).exp();
        assert!((published(depth) - 49.0).abs() < 1e-9);
    }

    #[test]
    fn a_steep_cell_takes_the_median_of_its_neighbours() {
        let mut depth = Array2::from_elem((5, 5), 3000.0);
        depth[[0, 0]] = 9000.0;
        let before = heat_flow(depth.view(), Release::R2023);
        let after = heat_flow(depth.view(), Release::Corrected);
        assert!(before.steep_cells > 0);
        assert_eq!(before.milliwatts_per_m2[[1, 1]], 0.0);
        assert_eq!(after.milliwatts_per_m2[[1, 1]], corrected(3000.0));
        assert_eq!(after.milliwatts_per_m2[[0, 0]], 48.0);
    }

    #[test]
    fn one_row_or_column_has_no_mixed_difference() {
        let depth = ndarray::arr2(&[[0.0, 9000.0, 3000.0]]);
        assert_eq!(heat_flow(depth.view(), Release::R2023).steep_cells, 0);
    }
}
