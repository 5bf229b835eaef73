//! Heat flow, `ahmcoef` and sub-basins: parity with reference files, and what holds for every bathymetry.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/golden.rs"]
mod golden;

use boundary::subbasins::{self, Basin};
use boundary::{OceanFieldError, Output, Release, Silent, ahmcoef, heatflow};
use dataset::{Attributes, Dataset, Values};
use ndarray::Array2;
use proptest::prelude::*;

const CASES_2021: [&str; 3] = ["input_60ma", "standard_regrid/linear_default", "synthetic_free"];
const CASES_2023: [&str; 2] = ["release_2023/input_60ma", "release_2023/synthetic_free"];

fn heat_flow(bathymetry: &Dataset, time_stamp: &str, release: Release) -> Dataset {
    let parameters = heatflow::Parameters { time_stamp: time_stamp.into(), release };
    heatflow::run(bathymetry, &parameters, &Silent).unwrap().dataset
}

#[test]
fn heat_flow_is_the_same_file() {
    for (case, release) in CASES_2021
        .map(|case| (case, Release::R2021))
        .into_iter()
        .chain(CASES_2023.map(|case| (case, Release::R2023)))
    {
        let Some(bathymetry) = golden::dataset(&format!("{case}/bathy.nc")) else { continue };
        let Some(expected) = golden::dataset(&format!("{case}/heatflow.nc")) else { continue };
        let stamp = expected.attributes.text("TimeStamp").unwrap();
        let mut result = heat_flow(&bathymetry, stamp, release);
        // The logarithm may differ in its last bit between mathematical libraries; everything else may not.
        let last_bits = take_over_last_bits(&mut result, &expected);
        eprintln!("{case}: {last_bits} cells differ in the last bits");
        golden::assert_same_file(&result, &format!("{case}/heatflow.nc"));
    }
}

/// Takes over the reference's heat flow where ours is the same to 1e-14; returns the number of cells that differ.
fn take_over_last_bits(result: &mut Dataset, expected: &Dataset) -> usize {
    let theirs = expected.variable("heatflow").unwrap().decode().unwrap();
    let ours = result.variables.iter_mut().find(|v| v.name == "heatflow").unwrap();
    let dataset::Values::F64(values) = &mut ours.values else { panic!("heat flow is double") };
    let mut other = 0;
    ndarray::Zip::from(values).and(&theirs).for_each(|ours, &theirs| {
        if *ours != theirs && (*ours - theirs).abs() <= 1e-14 * theirs.abs() {
            *ours = theirs;
            other += 1;
        }
    });
    other
}

#[test]
fn heat_flow_of_single_precision_is_computed_in_double() {
    // The original computes this case in single precision: the same to its rounding, but where that decides on
    // which side of a threshold a cell falls.
    let Some(bathymetry) = golden::dataset("input_float32/bathy.nc") else { return };
    let Some(expected) = golden::dataset("input_float32/heatflow.nc") else { return };
    let values = |dataset: &Dataset| dataset.variable("heatflow").unwrap().decode().unwrap();
    let ours = values(&heat_flow(&bathymetry, "", Release::R2021));
    let other = ours.iter().zip(&values(&expected)).filter(|(a, b)| (*a - *b).abs() > 1e-4 * b.abs()).count();
    assert!(other <= 20, "{other} cells differ");
}

#[test]
fn ahmcoef_is_the_same_file() {
    for case in CASES_2021.into_iter().chain(CASES_2023).chain(["input_float32"]) {
        let Some(bathymetry) = golden::dataset(&format!("{case}/bathy.nc")) else { continue };
        let result = ahmcoef::run(&bathymetry, &Silent).unwrap().dataset;
        golden::assert_same_file(&result, &format!("{case}/ahmcoef.nc"));
    }
}

#[test]
fn sub_basins_are_the_same_file() {
    for case in CASES_2021 {
        let Some(bathymetry) = golden::dataset(&format!("{case}/bathy.nc")) else { continue };
        let parameters = subbasins::Parameters { release: Release::R2021, saved: None };
        let result = subbasins::run(&bathymetry, &parameters, &Silent).unwrap().dataset;
        golden::assert_same_file(&result, &format!("{case}/sub_basins.nc"));
        // Saved and opened again on the same bathymetry, nothing changes.
        let saved = Some(subbasins::from_dataset(&result).unwrap());
        let parameters = subbasins::Parameters { release: Release::R2023, saved };
        let again = subbasins::run(&bathymetry, &parameters, &Silent).unwrap();
        golden::assert_same_file(&again.dataset, &format!("{case}/sub_basins.nc"));
        assert!(again.findings.is_empty());
    }
}

/// A bathymetry on a regular grid.
fn bathymetry(depth: &Array2<f64>) -> Dataset {
    let (rows, columns) = depth.dim();
    let lat = Array2::from_shape_fn((rows, columns), |(i, _)| -90.0 + (i as f64 + 0.5) * 180.0 / rows as f64);
    let lon =
        Array2::from_shape_fn((rows, columns), |(_, j)| -180.0 + (j as f64 + 0.5) * 360.0 / columns as f64);
    let mut dataset = Dataset::new();
    dataset.add_f64("Bathymetry", &["y", "x"], depth.clone().into_dyn(), Attributes::new());
    dataset.add_f64("nav_lon", &["y", "x"], lon.into_dyn(), Attributes::new().with("units", "degrees_east"));
    dataset.add_f64("nav_lat", &["y", "x"], lat.into_dyn(), Attributes::new().with("units", "degrees_north"));
    dataset
}

/// Case 30: cells that were never written are no deep sea, and heights below the sea are depths.
#[test]
fn depths_are_what_the_file_means() {
    let depth =
        Array2::from_shape_fn((6, 8), |(j, i)| if (j + i) % 3 == 0 { 0.0 } else { 1000.0 + i as f64 });
    let plain = ahmcoef::run(&bathymetry(&depth), &Silent).unwrap();
    let with = |values: Array2<f64>, attributes: Attributes| {
        let mut file = bathymetry(&depth);
        let variable = file.variables.iter_mut().find(|v| v.name == "Bathymetry").unwrap();
        (variable.values, variable.attributes) = (Values::F64(values.into_dyn()), attributes);
        ahmcoef::run(&file, &Silent).unwrap()
    };
    let icof = |output: &Output| output.dataset.variable("icof").unwrap().values.clone();
    let unwritten =
        with(depth.mapv(|d| if d == 0.0 { 9.969_209_968_386_869e36 } else { d }), Attributes::new());
    assert_eq!(icof(&unwritten), icof(&plain));
    assert_eq!(unwritten.findings[0].code, "default-fill-values");
    let km = with(depth.mapv(|d| d / 1000.0), Attributes::new().with("units", "km"));
    assert_eq!(icof(&km), icof(&plain));
    let heights = with(depth.mapv(|d| if d == 0.0 { 5.0 } else { -d }), Attributes::new());
    assert_eq!(icof(&heights), icof(&plain));
    assert_eq!(heights.findings[0].code, "direction-doubtful");
}

#[test]
fn what_is_no_bathymetry_is_refused_with_the_reason() {
    let whole = bathymetry(&Array2::zeros((3, 4)));
    let without = |name: &str| {
        let mut part = whole.clone();
        part.variables.retain(|v| v.name != name);
        ahmcoef::run(&part, &Silent).unwrap_err()
    };
    assert!(
        matches!(without("Bathymetry"), OceanFieldError::NoBathymetry { known } if known == "nav_lon, nav_lat")
    );
    assert_eq!(without("nav_lat"), OceanFieldError::NoCoordinate { name: "nav_lat".into() });
    let mut other = whole.clone();
    other.variables[1] = bathymetry(&Array2::zeros((4, 3))).variables[1].clone();
    assert!(matches!(ahmcoef::run(&other, &Silent), Err(OceanFieldError::CoordinateShape { .. })));
    let mut list = whole;
    list.variables[0].values = dataset::Values::F64(ndarray::arr1(&[1.0]).into_dyn());
    list.variables[0].dimensions = vec!["x".into()];
    assert!(matches!(ahmcoef::run(&list, &Silent), Err(OceanFieldError::NotAMap { .. })));
}

#[test]
fn one_dimensional_coordinates_are_spread_over_the_map() {
    let mut regular = bathymetry(&Array2::from_elem((3, 4), 10.0));
    let expected = ahmcoef::run(&regular, &Silent).unwrap().dataset;
    for (name, dim, axis) in [("nav_lon", "x", 0), ("nav_lat", "y", 1)] {
        let variable = regular.variables.iter_mut().find(|v| v.name == name).unwrap();
        let values = variable.decode().unwrap().index_axis(ndarray::Axis(axis), 0).to_owned();
        variable.values = dataset::Values::F64(values);
        variable.dimensions = vec![dim.into()];
    }
    let result = ahmcoef::run(&regular, &Silent).unwrap().dataset;
    assert_eq!(dataset::to_bytes(&result).unwrap(), dataset::to_bytes(&expected).unwrap());
}

fn depths() -> impl Strategy<Value = Array2<f64>> {
    (1_usize..9, 1_usize..14).prop_flat_map(|(rows, columns)| {
        let depth = prop_oneof![2 => Just(0.0), 5 => 0.0_f64..7000.0, 1 => Just(2500.0), 1 => Just(4232.5)];
        proptest::collection::vec(depth, rows * columns)
            .prop_map(move |values| Array2::from_shape_vec((rows, columns), values).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn heat_flow_is_finite_bounded_and_zero_on_land(depth in depths()) {
        for release in Release::ALL {
            let flow = heatflow::heat_flow(depth.view(), release).milliwatts_per_m2;
            for (flow, &depth) in flow.iter().zip(&depth) {
                prop_assert!((0.0..=400.0).contains(flow));
                prop_assert!(depth > 0.0 || *flow == 0.0);
                prop_assert!(release != Release::Corrected || depth <= 0.0 || *flow > 0.0);
            }
        }
    }

    #[test]
    fn viscosity_by_the_letter(depth in depths()) {
        // The rule on a row continued by six columns on both sides, as it is written.
        let tropical = vec![true; depth.nrows()];
        let fast = ahmcoef::coefficients(depth.view(), &tropical);
        for (row, result) in depth.rows().into_iter().zip(fast.rows()) {
            let columns = row.len();
            let wide: Vec<bool> = (0..columns + 12).map(|k| row[(k + 6 * columns - 6) % columns] > 0.0).collect();
            let mut class = vec![0_usize; wide.len()];
            let mut marks: Vec<bool> = (0..wide.len()).map(|k| k > 0 && wide[k] && !wide[k - 1]).collect();
            for number in 2..=7 {
                for (class, &mark) in class.iter_mut().zip(&marks) {
                    if mark {
                        *class = number;
                    }
                }
                marks = (0..wide.len()).map(|k| k > 0 && marks[k - 1] && !marks[k]).collect();
            }
            for j in 0..columns {
                let value = match (wide[j + 6], class[j + 6]) {
                    (false, _) => 100.0,
                    (true, 0) => 0.0,
                    (true, class) => [100.0, 96.0, 69.0, 31.0, 4.0, 0.0][class - 2],
                };
                prop_assert_eq!(result[j], value);
            }
        }
    }

    #[test]
    fn sub_basins_share_out_the_sea(before in depths(), seed in any::<u64>()) {
        let file = bathymetry(&before);
        let parameters = subbasins::Parameters { release: Release::R2023, saved: None };
        let masks = subbasins::run(&file, &parameters, &Silent).unwrap().dataset;
        let saved = subbasins::from_dataset(&masks).unwrap();
        // Some cells change between land and sea.
        let mut state = seed | 1;
        let after = before.mapv(|depth| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match state >> 62 {
                0 => 0.0,
                1 => 100.0,
                _ => depth,
            }
        });
        let parameters = subbasins::Parameters { saved: Some(saved.clone()), ..parameters };
        let output = subbasins::run(&bathymetry(&after), &parameters, &Silent).unwrap();
        let sum = ["atlmsk", "pacmsk", "indmsk"]
            .map(|name| output.dataset.variable(name).unwrap().decode().unwrap())
            .into_iter()
            .reduce(|a, b| a + b)
            .unwrap();
        for (sum, &depth) in sum.iter().zip(&after) {
            prop_assert_eq!(*sum, f64::from(u8::from(depth > 0.0)));
        }
        // The fast search for the nearest basin is the slow one.
        let lat = file.variable("nav_lat").unwrap().decode().unwrap();
        let lon = file.variable("nav_lon").unwrap().decode().unwrap();
        let map = |a: &ndarray::ArrayD<f64>| a.clone().into_dimensionality::<ndarray::Ix2>().unwrap();
        let again = subbasins::reapply(&saved, after.view(), map(&lon).view(), map(&lat).view()).unwrap();
        let point = |i: usize, j: usize| {
            let (lat, lon) = (lat[[i, j]].to_radians(), lon[[i, j]].to_radians());
            [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
        };
        for cell in &again.assigned {
            let here = point(cell.row, cell.column);
            let distance = |(i, j): (usize, usize)| -> f64 {
                point(i, j).iter().zip(&here).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let known = saved.indexed_iter().filter(|(at, basin)| **basin != Basin::Land && after[*at] > 0.0);
            let least = known.clone().map(|(at, _)| distance(at)).fold(f64::MAX, f64::min);
            prop_assert!(known.clone().any(|(at, basin)| distance(at) <= least + 1e-12 && *basin == cell.basin));
        }
    }
}
