//! Regridding by the corrected release: what holds for every source, and the methods that keep areas.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use boundary::regrid::{self, Coast, Error, Limits, Method, Parameters};
use boundary::{Output, Release, Silent};
use dataset::{AttributeValue, Attributes, Dataset, Values, Variable};
use ndarray::{Array2, ArrayD, Axis, IxDyn, arr1};
use proptest::prelude::*;
use remap::{Mesh, Norm};

fn parameters(step: f64, method: Method) -> Parameters {
    Parameters {
        longitude_step_degrees: step,
        latitude_step_degrees: step,
        method,
        release: Release::Corrected,
        ..Parameters::one_degree("lon", "lat")
    }
}

fn regrid(source: &Dataset, parameters: &Parameters) -> Output {
    regrid::run(source, parameters, &Silent).unwrap()
}

fn codes(output: &Output) -> Vec<&'static str> {
    output.findings.iter().map(|f| f.code).collect()
}

fn values(dataset: &Dataset, name: &str) -> ArrayD<f64> {
    dataset.variable(name).unwrap().decode().unwrap()
}

/// A map on these centres.
fn map(lat: &[f64], lon: &[f64], value: impl Fn(f64, f64) -> f64) -> Dataset {
    let topo = Array2::from_shape_fn((lat.len(), lon.len()), |(i, j)| value(lat[i], lon[j]));
    let mut map = Dataset::new();
    map.add_f64("topo", &["lat", "lon"], topo.into_dyn(), Attributes::new().with("units", "m"));
    let units = |units: &str| Attributes::new().with("units", units);
    map.add_f64("lat", &["lat"], arr1(lat).into_dyn(), units("degrees_north"));
    map.add_f64("lon", &["lon"], arr1(lon).into_dyn(), units("degrees_east"));
    map
}

fn cells(lower: f64, upper: f64, count: usize) -> Vec<f64> {
    (0..count).map(|k| lower + (k as f64 + 0.5) * (upper - lower) / count as f64).collect()
}

fn planet(rows: usize, columns: usize) -> Dataset {
    map(&cells(-90.0, 90.0, rows), &cells(-180.0, 180.0, columns), relief)
}

fn relief(lat: f64, lon: f64) -> f64 {
    let (y, x) = (lat.to_radians(), lon.to_radians());
    3000.0 * (2.0 * x).sin() * y.cos() - 900.0 + 2000.0 * (3.0 * y).sin()
}

fn edit(source: &mut Dataset, name: &str, change: impl Fn(&mut Variable)) {
    change(source.variables.iter_mut().find(|v| v.name == name).unwrap());
}

fn numbers(variable: &mut Variable) -> &mut ArrayD<f64> {
    let Values::F64(array) = &mut variable.values else { panic!("doubles") };
    array
}

/// The planet in the ways that files store it: each is the same result.
fn encodings() -> Vec<(&'static str, Dataset)> {
    let plain = planet(36, 72);
    let mut all = vec![("plain", plain.clone())];
    let rolled = |by: usize, lon: &dyn Fn(f64) -> f64| {
        let order: Vec<usize> = (0..72).map(|j| (j + by) % 72).collect();
        let mut file = plain.clone();
        edit(&mut file, "topo", |v| *numbers(v) = numbers(v).select(Axis(1), &order));
        edit(&mut file, "lon", |v| *numbers(v) = numbers(v).select(Axis(0), &order).mapv(lon));
        file
    };
    all.push(("0 to 360", rolled(36, &|lon| lon.rem_euclid(360.0))));
    all.push(("a jump inside", rolled(20, &|lon| lon)));
    let mut north_up = plain.clone();
    edit(&mut north_up, "topo", |v| numbers(v).invert_axis(Axis(0)));
    edit(&mut north_up, "lat", |v| numbers(v).invert_axis(Axis(0)));
    all.push(("north up", north_up));
    let mut westwards = plain.clone();
    edit(&mut westwards, "topo", |v| numbers(v).invert_axis(Axis(1)));
    edit(&mut westwards, "lon", |v| numbers(v).invert_axis(Axis(0)));
    all.push(("westwards", westwards));
    let mut single = plain.clone();
    for name in ["lat", "lon"] {
        edit(&mut single, name, |v| v.values = Values::F32(numbers(v).mapv(|x| x as f32)));
    }
    all.push(("coordinates in single precision", single));
    let mut cyclic = plain.clone();
    let order: Vec<usize> = (0..73).map(|j| j % 72).collect();
    edit(&mut cyclic, "topo", |v| *numbers(v) = numbers(v).select(Axis(1), &order));
    edit(&mut cyclic, "lon", |v| *numbers(v) = arr1(&cells(-180.0, 185.0, 73)).into_dyn());
    cyclic.dimensions.iter_mut().find(|d| d.name == "lon").unwrap().len = 73;
    all.push(("a repeated column", cyclic));
    let mut transposed = plain.clone();
    edit(&mut transposed, "topo", |v| {
        let turned = numbers(v).t().as_standard_layout().into_owned();
        *numbers(v) = turned;
        v.dimensions.reverse();
    });
    all.push(("longitude first", transposed));
    let mut radians = plain.clone();
    for name in ["lat", "lon"] {
        edit(&mut radians, name, |v| {
            numbers(v).mapv_inplace(f64::to_radians);
            v.attributes.set("units", "radians");
        });
    }
    all.push(("radians", radians));
    let (lat, lon) = (values(&plain, "lat"), values(&plain, "lon"));
    let mut planes = Dataset::new();
    planes.add_f64("topo", &["y", "x"], values(&plain, "topo"), Attributes::new().with("units", "m"));
    for (name, units, plane) in [
        ("lat", "degrees_north", Array2::from_shape_fn((36, 72), |(i, _)| lat[i])),
        ("lon", "degrees_east", Array2::from_shape_fn((36, 72), |(_, j)| lon[j])),
    ] {
        planes.add_f64(name, &["y", "x"], plane.into_dyn(), Attributes::new().with("units", units));
    }
    all.push(("planes of coordinates", planes));
    let mut packed = plain;
    edit(&mut packed, "topo", |v| {
        let stored = numbers(v).mapv(|height| (height / 0.001).round() as i32);
        v.values = Values::I32(stored);
        v.attributes.set("scale_factor", 0.001);
    });
    all.push(("packed", packed));
    all
}

#[test]
fn every_way_to_store_a_planet_is_the_same_planet() {
    for (step, method) in [
        (5.0, Method::Auto),
        (4.0, Method::Auto),
        (4.0, Method::Linear),
        (7.5, Method::Conservative),
        (7.5, Method::Conservative2),
        (4.0, Method::Conservative2),
        // No target half way between two sources, where rounding decides.
        (4.5, Method::Nearest),
    ] {
        let mut expected: Option<ArrayD<f64>> = None;
        for (name, source) in encodings() {
            let output = regrid(&source, &parameters(step, method));
            let mut made = values(&output.dataset, "topo");
            if name == "longitude first" {
                made = made.t().as_standard_layout().into_owned();
            }
            assert!(made.iter().all(|height| height.is_finite()), "{name}, {step}, {method}");
            let repeated = codes(&output).contains(&"regrid-cyclic-column");
            assert_eq!(repeated, name == "a repeated column");
            let expected = expected.get_or_insert_with(|| made.clone());
            let apart = made.iter().zip(expected.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // Packing rounds to half a millimetre, single precision to 1e-5 degrees, of slopes of 100 m a degree.
            assert!(apart < 2e-3, "{name}, {step}, {method}: {apart}");
            let lon = output.dataset.variable("lon").unwrap();
            assert_eq!(lon.dimensions.len(), 1);
            assert_eq!(lon.attributes.text("units"), Some("degrees_east"), "{name}");
        }
    }
}

#[test]
fn its_own_grid_gives_a_file_its_own_values_in_single_precision_too() {
    // 3.6 degrees are not exact in single precision.
    let single = |values: Vec<f64>| -> Vec<f64> { values.iter().map(|&x| f64::from(x as f32)).collect() };
    let source = map(&single(cells(-90.0, 90.0, 50)), &single(cells(-180.0, 180.0, 100)), |lat, lon| {
        relief(lat, lon).round()
    });
    let mut stored = source.clone();
    for name in ["lat", "lon"] {
        edit(&mut stored, name, |v| v.values = Values::F32(numbers(v).mapv(|x| x as f32)));
    }
    for method in [Method::Auto, Method::Linear, Method::Nearest, Method::Conservative] {
        let output = regrid(&stored, &parameters(3.6, method));
        assert_eq!(values(&output.dataset, "topo"), values(&source, "topo"), "{method}");
    }
}

/// Integral over the sphere of a global map of equal cells, in units of the map times steradians.
fn integral(map: &ArrayD<f64>) -> f64 {
    let (rows, columns) = (map.shape()[0], map.shape()[1]);
    let edge = |i: usize| (-90.0 + 180.0 * i as f64 / rows as f64).to_radians().sin();
    map.indexed_iter()
        .map(|(at, value)| value * (edge(at[0] + 1) - edge(at[0])) * std::f64::consts::TAU / columns as f64)
        .sum()
}

#[test]
fn conservative_means_are_those_of_the_slow_weights_of_polygons() {
    let source = planet(20, 30);
    let mesh = |rows: usize, columns: usize| {
        Mesh::regular(&grid::RegularGrid::global(columns, rows).unwrap()).unwrap()
    };
    for step in [15.0, 10.0, 4.0] {
        let (rows, columns) = ((180.0 / step) as usize, (360.0 / step) as usize);
        let weights =
            remap::weights(&mesh(20, 30), &mesh(rows, columns), remap::Method::Conservative, Norm::DestArea);
        let flat: Vec<f64> = values(&source, "topo").iter().copied().collect();
        let expected = weights.apply(&flat);
        let made = values(&regrid(&source, &parameters(step, Method::Conservative)).dataset, "topo");
        assert!(made.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{step}");
    }
}

#[test]
fn the_second_order_is_exact_for_linear_fields_and_nearer_to_smooth_ones() {
    let linear = |lat: f64, lon: f64| 3.0 * lat - 2.0 * lon + 7.0;
    // The mean of a field over a cell is not its value at the centre: cells hold means of linear fields in latitude at
    // the centroid, so a regional grid of thin rows near the equator shows it.
    let source = map(&cells(-10.0, 10.0, 20), &cells(20.0, 60.0, 40), linear);
    let fine = Parameters { limits: Limits::Data, ..parameters(0.25, Method::Conservative2) };
    let made = regrid(&source, &fine);
    let (lat, lon) = (values(&made.dataset, "lat"), values(&made.dataset, "lon"));
    for (at, value) in values(&made.dataset, "topo").indexed_iter() {
        let apart = value - linear(lat[at[0]], lon[at[1]]);
        assert!(apart.abs() < 2e-3, "{at:?}: {apart}");
    }
    let source = planet(45, 90);
    let error = |method| {
        let made = regrid(&source, &parameters(1.0, method)).dataset;
        let (lat, lon) = (values(&made, "lat"), values(&made, "lon"));
        let apart = values(&made, "topo");
        let apart = apart.indexed_iter().map(|(at, value)| (value - relief(lat[at[0]], lon[at[1]])).powi(2));
        apart.sum::<f64>().sqrt()
    };
    let (first, second) = (error(Method::Conservative), error(Method::Conservative2));
    assert!(second < first / 10.0, "{second} against {first}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn conservative_methods_keep_area_integrals_and_constants(
        rows in 3_usize..20,
        columns in 5_usize..30,
        west in -360.0_f64..360.0,
        steps in (4.0_f64..50.0, 4.0_f64..50.0),
        seed in proptest::collection::vec(-5000.0_f64..5000.0, 600),
        second in any::<bool>(),
        westwards in any::<bool>(),
    ) {
        let mut lon = cells(west, west + 360.0, columns);
        if westwards {
            lon.reverse();
        }
        let lat = cells(-90.0, 90.0, rows);
        let mut source = map(&lat, &lon, |_, _| 0.0);
        edit(&mut source, "topo", |v| {
            for (value, seed) in numbers(v).iter_mut().zip(&seed) {
                *value = *seed;
            }
        });
        source.add_f64("one", &["lat", "lon"], ArrayD::from_elem(IxDyn(&[rows, columns]), 1.25), Attributes::new());
        let method = if second { Method::Conservative2 } else { Method::Conservative };
        let parameters = Parameters { longitude_step_degrees: steps.0, latitude_step_degrees: steps.1, ..parameters(1.0, method) };
        let made = regrid(&source, &parameters).dataset;
        let (before, after) = (integral(&values(&source, "topo")), integral(&values(&made, "topo")));
        // Relative to the integral of the absolute values: the sum itself may cancel.
        let scale = integral(&values(&source, "topo").mapv(f64::abs));
        prop_assert!((before - after).abs() < 1e-12 * scale, "{before} {after}");
        prop_assert!(values(&made, "one").iter().all(|one| (one - 1.25).abs() < 1e-12));
    }

    #[test]
    fn first_order_and_bilinear_means_stay_within_their_sources(
        seed in proptest::collection::vec(-5000.0_f64..5000.0, 18 * 9),
        step in 3.0_f64..60.0,
        method in proptest::sample::select(vec![Method::Auto, Method::Linear, Method::Conservative, Method::Nearest]),
        coast in proptest::sample::select(vec![Coast::Auto, Coast::Kept, Coast::Mixed]),
    ) {
        let mut source = planet(9, 18);
        edit(&mut source, "topo", |v| {
            for (value, seed) in numbers(v).iter_mut().zip(&seed) {
                *value = *seed;
            }
        });
        let made = regrid(&source, &Parameters { coast, ..parameters(step, method) }).dataset;
        let low = seed.iter().copied().fold(f64::MAX, f64::min) - 1e-9;
        let high = seed.iter().copied().fold(f64::MIN, f64::max) + 1e-9;
        for value in values(&made, "topo") {
            prop_assert!((low..=high).contains(&value));
        }
    }
}

#[test]
fn rows_on_the_poles_and_gaussian_rows_reach_them() {
    // 2.5 degrees from pole to pole, and the rows of a Gaussian grid of 8 rows.
    let on_poles: Vec<f64> = (0..73).map(|i| -90.0 + 2.5 * f64::from(i)).collect();
    let gaussian = [-73.799, -52.813, -31.704, -10.57, 10.57, 31.704, 52.813, 73.799];
    for lat in [on_poles.as_slice(), &gaussian] {
        let source = map(lat, &cells(0.0, 360.0, 36), |_, _| 1.0);
        for method in
            [Method::Auto, Method::Linear, Method::Nearest, Method::Conservative, Method::Conservative2]
        {
            for step in [1.0, 10.0] {
                let output = regrid(&source, &parameters(step, method));
                let made = values(&output.dataset, "topo");
                assert!(
                    made.iter().all(|one| (one - 1.0).abs() < 1e-12),
                    "{} rows, {method}, {step}",
                    lat.len()
                );
                assert!(!codes(&output).contains(&"regrid-regional"));
            }
        }
    }
}

#[test]
fn a_regional_file_stays_regional_and_says_so() {
    let source = map(&cells(30.0, 50.0, 40), &cells(340.0, 380.0, 80), |lat, lon| lat + lon);
    for method in [Method::Auto, Method::Linear, Method::Nearest, Method::Conservative, Method::Conservative2]
    {
        let output = regrid(&source, &parameters(1.0, method));
        let made = values(&output.dataset, "topo");
        let (lat, lon) = (values(&output.dataset, "lat"), values(&output.dataset, "lon"));
        for (at, value) in made.indexed_iter() {
            let (lat, lon) = (lat[at[0]], lon[at[1]]);
            let inside = (30.0..=50.0).contains(&lat) && (-20.0..=20.0).contains(&lon);
            assert_eq!(value.is_finite(), inside, "{method} at {lat}, {lon}");
        }
        let said = output.findings.iter().find(|f| f.code == "regrid-regional").unwrap();
        for word in ["does not cover the globe", "340", "380", "30", "50", "limits = data"] {
            assert!(said.message.contains(word), "{}", said.message);
        }
        assert!(output.findings.iter().all(|f| !f.message.contains("corrected release")));
        let limited = regrid(&source, &Parameters { limits: Limits::Data, ..parameters(1.0, method) });
        assert_eq!(values(&limited.dataset, "topo").shape(), [20, 40]);
        assert!(values(&limited.dataset, "topo").iter().all(|value| value.is_finite()), "{method}");
    }
}

#[test]
fn bounds_are_those_of_the_new_cells_and_others_stay() {
    let mut source = planet(36, 72);
    for (axis, bounds, limit, count) in [("lat", "lat_bnds", 90.0, 36), ("lon", "lon_bnds", 180.0, 72)] {
        edit(&mut source, axis, |v| v.attributes.set("bounds", bounds));
        let edges = Array2::from_shape_fn((count, 2), |(k, side)| -limit + 5.0 * (k + side) as f64);
        source.add_f64(bounds, &[axis, "bnds"], edges.into_dyn(), Attributes::new());
    }
    source.add_f64("time_bnds", &["time", "bnds"], ArrayD::ones(IxDyn(&[1, 2])), Attributes::new());
    let made = regrid(&source, &parameters(10.0, Method::Auto)).dataset;
    for (name, limit, count) in [("lat_bnds", 90.0, 18), ("lon_bnds", 180.0, 36)] {
        let edges = values(&made, name);
        assert_eq!(edges.shape(), [count, 2]);
        for k in 0..count {
            let expected = [-limit + 10.0 * k as f64, -limit + 10.0 * (k + 1) as f64];
            assert_eq!([edges[[k, 0]], edges[[k, 1]]], expected, "{name}");
        }
    }
    assert_eq!(values(&made, "time_bnds"), values(&source, "time_bnds"));
    // The published releases interpolate them, and say so.
    let published = Parameters { release: Release::R2023, ..parameters(10.0, Method::Auto) };
    let said = codes(&regrid(&source, &published));
    assert_eq!(said.iter().filter(|code| **code == "regrid-bounds-interpolated").count(), 2);
}

#[test]
fn bounds_of_the_source_say_where_its_cells_end() {
    // One row of two holds nine tenths of the globe's latitudes.
    let mut source =
        map(&[-40.0, 85.0], &cells(-180.0, 180.0, 4), |lat, _| if lat > 0.0 { 1.0 } else { 0.0 });
    edit(&mut source, "lat", |v| v.attributes.set("bounds", "lat_bnds"));
    let edges = ndarray::arr2(&[[-90.0, 72.0], [72.0, 90.0]]);
    source.add_f64("lat_bnds", &["lat", "bnds"], edges.into_dyn(), Attributes::new());
    let made = regrid(&source, &parameters(90.0, Method::Conservative)).dataset;
    let north = 1.0 - 72.0_f64.to_radians().sin();
    let made = values(&made, "topo");
    assert!((made[[1, 0]] - north).abs() < 1e-12 && made[[0, 0]].abs() < 1e-12, "{made}");
}

#[test]
fn holes_take_no_part_and_enough_of_a_cell_has_to_be_known() {
    let mut source = planet(18, 36);
    let hole = |at: &IxDyn| at[1].is_multiple_of(2) && at[0] < 9;
    edit(&mut source, "topo", |v| {
        for (at, value) in numbers(v).indexed_iter_mut() {
            *value = if hole(&at) { f64::NAN } else { 5.0 };
        }
    });
    let known = |fraction: f64, step: f64| {
        let parameters =
            Parameters { min_valid_fraction: fraction, ..parameters(step, Method::Conservative) };
        let made = values(&regrid(&source, &parameters).dataset, "topo");
        assert!(made.iter().all(|value| value.is_nan() || (value - 5.0).abs() < 1e-12));
        made.iter().filter(|value| value.is_finite()).count()
    };
    // Cells of 20 degrees: half of each southern one is known; the row on the equator is half southern.
    let (rows, columns) = (9, 18);
    assert_eq!(known(0.0, 20.0), rows * columns);
    assert_eq!(known(0.5, 20.0), rows * columns);
    assert_eq!(known(0.6, 20.0), 5 * columns);
    assert_eq!(known(1.0, 20.0), 4 * columns);
}

#[test]
fn a_strait_and_an_isthmus_stay_as_wide_as_they_are_when_a_topography_is_refined() {
    // A continent with a strait of one column, and a sea with an isthmus of one column.
    let height = |lat: f64, lon: f64| match (lon > 0.0, (lon.abs() - 90.0).abs() < 5.0) {
        (true, false) => 800.0,
        (true, true) => -20.0,
        (false, false) => -4000.0,
        (false, true) => {
            if lat > 0.0 {
                30.0
            } else {
                -4000.0
            }
        }
    };
    let source = map(&cells(-90.0, 90.0, 18), &cells(-180.0, 180.0, 36), height);
    let land = |parameters: &Parameters, name: &str| {
        let mut file = source.clone();
        edit(&mut file, "topo", |v| v.name = name.to_owned());
        values(&regrid(&file, parameters).dataset, name).mapv(|height| height > 0.0)
    };
    let nearest = land(&parameters(2.0, Method::Nearest), "topo");
    assert_eq!(land(&parameters(2.0, Method::Auto), "topo"), nearest);
    assert_eq!(land(&Parameters { coast: Coast::Kept, ..parameters(2.0, Method::Linear) }, "topo"), nearest);
    // The strait would close, and the isthmus drown.
    assert_ne!(land(&parameters(2.0, Method::Linear), "topo"), nearest);
    assert_ne!(land(&Parameters { coast: Coast::Mixed, ..parameters(2.0, Method::Auto) }, "topo"), nearest);
    // What is no topography has no coast.
    assert_ne!(land(&parameters(2.0, Method::Auto), "temperature_anomaly"), nearest);
}

#[test]
fn where_asked_a_coarse_cell_is_of_land_only_or_of_sea_only() {
    // In each coarse cell of 2 x 2: one, two or three cells of land at 100 m, the sea at -1000 m.
    let source = map(&cells(-90.0, 90.0, 36), &cells(-180.0, 180.0, 72), |lat, lon| {
        let (i, j) = (((lat + 90.0) / 5.0) as usize, ((lon + 180.0) / 5.0) as usize);
        let land = match (j / 2) % 3 {
            0 => i % 2 == 0 && j % 2 == 0,
            1 => j % 2 == 0,
            _ => i % 2 == 0 || j % 2 == 0,
        };
        if land { 100.0 } else { -1000.0 }
    });
    let kept = Parameters { coast: Coast::Kept, ..parameters(10.0, Method::Conservative) };
    let made = values(&regrid(&source, &kept).dataset, "topo");
    for (at, value) in made.indexed_iter() {
        let expected = if at[1] % 3 == 2 { 100.0 } else { -1000.0 };
        assert!((value - expected).abs() < 1e-9, "{at:?}: {value}");
    }
    let mixed = values(&regrid(&source, &parameters(10.0, Method::Conservative)).dataset, "topo");
    assert!(mixed.iter().any(|value| (-999.0..99.0).contains(value)));
}

#[test]
fn classes_are_not_averaged() {
    let mut source = planet(36, 72);
    let flags = Attributes::new()
        .with("flag_values", AttributeValue::I8(vec![1, 2, 9]))
        .with("flag_meanings", "a b c");
    // Three of four cells of each coarse one are of class 9.
    let stored =
        ArrayD::from_shape_fn(IxDyn(&[36, 72]), |at| if at[0] % 2 == 0 && at[1] % 2 == 0 { 1_i8 } else { 9 });
    source.variables.push(Variable::new("kind", &["lat", "lon"], Values::I8(stored), flags));
    let mask = ArrayD::from_shape_fn(IxDyn(&[36, 72]), |at| i16::from(at[1] < 36));
    source.variables.push(Variable::new("land_mask", &["lat", "lon"], Values::I16(mask), Attributes::new()));
    for step in [10.0, 2.0] {
        let made = regrid(&source, &parameters(step, Method::Auto)).dataset;
        let kind = made.variable("kind").unwrap();
        let Values::I8(stored) = &kind.values else { panic!("{step}: classes keep their type") };
        assert!(stored.iter().all(|class| if step > 5.0 { *class == 9 } else { [1, 9].contains(class) }));
        assert!(kind.attributes.get("flag_values").is_some());
        let Values::I16(mask) = &made.variable("land_mask").unwrap().values else { panic!("{step}: a mask") };
        assert!(mask.indexed_iter().all(|(at, land)| (*land == 1) == (2 * at[1] < mask.shape()[1])));
    }
}

#[test]
fn cells_of_any_shape_are_regridded_and_keep_their_integral() {
    // The ocean grid covers the sphere from 78 S or so to the pole.
    let ocean = grid::orca::grid(&grid::orca::Parameters::with_spacing_deg(6.0).unwrap()).unwrap();
    let (rows, columns) = ocean.shape();
    let mut source = Dataset::new();
    let plane = |value: &dyn Fn(f64, f64) -> f64| {
        Array2::from_shape_fn((rows, columns), |(j, i)| {
            let (lon, lat) = ocean.t().at(j, i);
            value(lon, lat)
        })
        .into_dyn()
    };
    source.add_f64(
        "depth",
        &["y", "x"],
        plane(&|lon, lat| 4000.0 + relief(lat, lon) / 2.0),
        Attributes::new(),
    );
    source.add_f64(
        "one",
        &["y", "x"],
        plane(&|_, _| 1.5),
        Attributes::new().with("coordinates", "nav_lat nav_lon"),
    );
    let units = |units: &str| Attributes::new().with("units", units);
    source.add_f64("nav_lon", &["y", "x"], plane(&|lon, _| lon), units("degrees_east"));
    source.add_f64("nav_lat", &["y", "x"], plane(&|_, lat| lat), units("degrees_north"));
    source.add_f64("glamu", &["y", "x"], plane(&|lon, _| lon + 3.0), Attributes::new());
    source.add_f64("e1t", &["y", "x"], plane(&|_, lat| 6e5 * lat.to_radians().cos()), Attributes::new());
    for method in [Method::Auto, Method::Conservative2, Method::Linear, Method::Nearest] {
        let parameters = Parameters {
            longitude: "nav_lon".into(),
            latitude: "nav_lat".into(),
            ..parameters(15.0, method)
        };
        let output = regrid(&source, &parameters);
        // Antarctica is not on the ocean grid, and positions and sizes of its cells are not those of the new ones.
        let outside = |f: &boundary::Finding| {
            f.code == "regrid-empty-cells" && f.message.contains("outside the source")
        };
        if matches!(method, Method::Auto | Method::Conservative2) {
            assert!(output.findings.iter().any(outside), "{:?}", output.findings);
        }
        assert_eq!(codes(&output).iter().filter(|code| **code == "regrid-coordinates-dropped").count(), 2);
        let made = output.dataset;
        assert!(made.variable("glamu").is_none() && made.variable("e1t").is_none());
        let one = made.variable("one").unwrap();
        assert_eq!(one.dimensions, ["nav_lat", "nav_lon"], "{method}");
        assert!(one.attributes.get("coordinates").is_none());
        let one = values(&made, "one");
        assert_eq!(one.shape(), [12, 24]);
        assert!(one.iter().all(|value| value.is_nan() || (value - 1.5).abs() < 1e-9), "{method}");
        let depth = values(&made, "depth");
        let (lat, lon) = (values(&made, "nav_lat"), values(&made, "nav_lon"));
        let north = depth.indexed_iter().filter(|(at, _)| lat[at[0]] > -60.0);
        for (at, value) in north {
            let expected = 4000.0 + relief(lat[at[0]], lon[at[1]]) / 2.0;
            assert!((value - expected).abs() < 600.0, "{method} at {at:?}: {value}, {expected}");
        }
    }
}

#[test]
fn a_result_without_any_value_is_refused_with_steps_that_work() {
    // A map of 60 km: less than half of every cell of one degree.
    let small = map(&cells(45.0, 45.5, 30), &cells(7.0, 7.5, 30), relief);
    let coarse = parameters(1.0, Method::Auto);
    let error = regrid::run(&small, &coarse, &Silent).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::NoValues { .. }), "{said}");
    assert!(said.contains("steps of 0.01 degrees and limits = data"), "{said}");
    let fine = Parameters { limits: Limits::Data, ..parameters(0.01, Method::Auto) };
    let made = values(&regrid(&small, &fine).dataset, "topo");
    assert!(made.iter().filter(|value| value.is_finite()).count() * 10 > made.len() * 9);

    let mut missing = planet(18, 36);
    edit(&mut missing, "topo", |topo| topo.attributes.set("valid_max", -20_000.0));
    let said = regrid::run(&missing, &coarse, &Silent).unwrap_err().to_string();
    assert!(said.contains("valid range"), "{said}");
    // One map with values is a result.
    missing.add_f64("one", &["lat", "lon"], Array2::ones((18, 36)).into_dyn(), Attributes::new());
    assert!(codes(&regrid(&missing, &coarse)).contains(&"regrid-empty-cells"));
}

#[test]
fn numbers_beyond_measure_beside_ordinary_ones_are_found() {
    for release in [Release::Corrected, Release::R2023] {
        let parameters = Parameters { release, ..parameters(5.0, Method::Linear) };
        let mut filled = planet(36, 72);
        edit(&mut filled, "topo", |topo| {
            let Values::F64(numbers) = &mut topo.values else { return };
            numbers.mapv_inplace(|height| if height < -3000.0 { 1e20 } else { height });
        });
        assert!(codes(&regrid(&filled, &parameters)).contains(&"regrid-beyond-measure"), "{release}");
        edit(&mut filled, "topo", |topo| {
            let Values::F64(numbers) = &mut topo.values else { return };
            numbers.mapv_inplace(|height| if height == 1e20 { -9999.0 } else { height });
        });
        assert!(codes(&regrid(&filled, &parameters)).contains(&"marker-undeclared"), "{release}");
        // Joules are many.
        edit(&mut filled, "topo", |topo| {
            topo.values = Values::F64(ArrayD::from_elem(IxDyn(&[36, 72]), 3e20))
        });
        assert!(!codes(&regrid(&filled, &parameters)).contains(&"regrid-beyond-measure"), "{release}");
    }
}

#[test]
fn a_large_file_is_read_in_bands_with_the_same_result() {
    // More values than are held at a time, stored either way round, with two levels.
    let (rows, columns) = (1200, 2000);
    let (lat, lon) = (cells(90.0, -90.0, rows), cells(0.0, 360.0, columns));
    let folder = tempfile::tempdir().unwrap();
    for turned in [false, true] {
        let mut source = Dataset::new();
        let units = |units: &str| Attributes::new().with("units", units);
        source.add_f64("lat", &["lat"], arr1(&lat).into_dyn(), units("degrees_north"));
        source.add_f64("lon", &["lon"], arr1(&lon).into_dyn(), units("degrees_east"));
        source.add_dimension("level", 2);
        let value =
            |level: usize, i: usize, j: usize| (relief(lat[i], lon[j]) + 1000.0 * level as f64) as i16;
        let (shape, dimensions) = if turned {
            ([2, columns, rows], ["level", "lon", "lat"])
        } else {
            ([2, rows, columns], ["level", "lat", "lon"])
        };
        let heights = ArrayD::from_shape_fn(IxDyn(&shape), |at| {
            if turned { value(at[0], at[2], at[1]) } else { value(at[0], at[1], at[2]) }
        });
        // Numbers that stand for classes, and cells that count as missing though no marker says so.
        let classes = heights.mapv(|height| (height / 1000) as i8);
        let limited = Attributes::new().with("valid_range", AttributeValue::I16(vec![-3000, 3000]));
        source.variables.push(Variable::new("topo", &dimensions, Values::I16(heights), limited));
        source.variables.push(Variable::new("mask", &dimensions, Values::I8(classes), Attributes::new()));
        let path = folder.path().join("large.nc");
        dataset::write(&source, &path).unwrap();
        let file = dataset::File::open(&path).unwrap();
        for (release, method) in [
            (Release::Corrected, Method::Conservative),
            (Release::Corrected, Method::Conservative2),
            (Release::Corrected, Method::Linear),
            // Of which only some rows are needed.
            (Release::Corrected, Method::Nearest),
            (Release::R2023, Method::Linear),
            (Release::R2023, Method::Nearest),
        ] {
            let parameters = Parameters { release, ..parameters(3.0, method) };
            let streamed = regrid::run_file(&file, &parameters, &Silent).unwrap();
            let held = regrid(&source, &parameters);
            for name in ["topo", "mask"] {
                let bits = |made: &Output| values(&made.dataset, name).mapv(f64::to_bits);
                assert!(bits(&streamed) == bits(&held), "{turned} {release} {method} {name}");
            }
            assert_eq!(streamed.findings, held.findings, "{turned} {release} {method}");
            assert!(codes(&held).contains(&"outside-valid-range"));
        }
    }
}

#[test]
fn exchanged_coordinates_and_methods_of_another_release_are_refused() {
    let source = planet(18, 36);
    let refused = |parameters: Parameters| regrid::run(&source, &parameters, &Silent).unwrap_err();
    for release in Release::ALL {
        let exchanged = Parameters {
            longitude: "lat".into(),
            latitude: "lon".into(),
            release,
            ..parameters(5.0, Method::Auto)
        };
        let error = refused(exchanged).to_string();
        assert!(error.contains("exchange them"), "{error}");
    }
    let error = refused(Parameters { release: Release::R2023, ..parameters(5.0, Method::Conservative) });
    assert!(matches!(error, Error::NotInRelease { method: Method::Conservative, .. }));
    assert!(error.to_string().contains("corrected"), "{error}");
    let mut disordered = planet(18, 36);
    edit(&mut disordered, "lat", |v| numbers(v)[[3]] = 80.0);
    let error = regrid::run(&disordered, &parameters(5.0, Method::Auto), &Silent).unwrap_err();
    assert!(error.to_string().contains("'lat'"), "{error}");
}

#[test]
fn one_remedy_is_named_for_each_kind_of_file_in_a_published_release() {
    let published = Parameters { release: Release::R2023, ..parameters(4.0, Method::Auto) };
    let messages = |source: &Dataset| -> String {
        regrid(source, &published).findings.into_iter().map(|f| f.message).collect::<Vec<_>>().join("\n")
    };
    let east = map(&cells(-90.0, 90.0, 36), &cells(0.0, 360.0, 72), relief);
    let said = messages(&east);
    assert!(said.contains("choose the corrected release") && !said.contains("limits"), "{said}");
    let regional = map(&cells(0.0, 45.0, 36), &cells(0.0, 90.0, 72), relief);
    let said = messages(&regional);
    assert!(said.contains("does not cover the globe") && !said.contains("corrected"), "{said}");
}

#[test]
fn a_step_that_does_not_divide_the_globe_is_adjusted_and_said() {
    let output = regrid(&planet(18, 36), &parameters(7.0, Method::Auto));
    assert_eq!(values(&output.dataset, "topo").shape(), [26, 51]);
    assert_eq!(codes(&output).iter().filter(|code| **code == "regrid-step-adjusted").count(), 2);
    let last = values(&output.dataset, "lat")[[25]];
    assert!(last < 90.0, "{last}");
}

#[test]
fn what_is_proposed_fits_the_file() {
    let proposal = |source: &Dataset| regrid::propose(source, "lon", "lat").unwrap();
    let plain = proposal(&planet(36, 72));
    assert!(plain.global && plain.fits_routing && plain.step_degrees == 1.0);
    assert_eq!((plain.columns, plain.rows), (72, 36));
    let on_edges: Vec<f64> = (0..73).map(|j| -180.0 + 5.0 * f64::from(j)).collect();
    let lat: Vec<f64> = (0..37).map(|i| -90.0 + 5.0 * f64::from(i)).collect();
    let gridlines = proposal(&map(&lat, &on_edges, relief));
    assert!(gridlines.global && !gridlines.fits_routing);
    assert_eq!((gridlines.columns, gridlines.rows), (72, 37));
    let regional = proposal(&map(&cells(30.0, 50.0, 40), &cells(340.0, 380.0, 80), relief));
    assert!(!regional.global && (regional.step_degrees - 0.5).abs() < 1e-9);
}

#[test]
fn the_nearest_cell_of_any_shape_is_a_hole_where_it_has_none_and_nothing_beyond_the_map() {
    // A regional map on turned axes, so that its cells are no longitudes times latitudes; one of them is a hole.
    let place = |j: usize, i: usize| {
        let (x, y) = (i as f64 - 9.5, j as f64 - 9.5);
        (20.0 + x - 0.3 * y, 10.0 + y + 0.3 * x)
    };
    let plane = |value: &dyn Fn(usize, usize) -> f64| {
        Array2::from_shape_fn((20, 20), |(j, i)| value(j, i)).into_dyn()
    };
    let hole = (9, 9);
    let mut source = Dataset::new();
    let units = |units: &str| Attributes::new().with("units", units);
    source.add_f64("lon", &["y", "x"], plane(&|j, i| place(j, i).0), units("degrees_east"));
    source.add_f64("lat", &["y", "x"], plane(&|j, i| place(j, i).1), units("degrees_north"));
    let value = |j, i| if (j, i) == hole { f64::NAN } else { (20 * j + i) as f64 };
    source.add_f64("t", &["y", "x"], plane(&value), units("K"));
    let output = regrid(&source, &parameters(0.5, Method::Nearest));
    let made = output.dataset;
    let (t, lat, lon) = (values(&made, "t"), values(&made, "lat"), values(&made, "lon"));
    let (mut holes, mut known) = (0, 0);
    for (at, value) in t.indexed_iter() {
        let (x, y) = (lon[at[1]] - 20.0, lat[at[0]] - 10.0);
        // Column and row, of cells of one.
        let turned = ((x + 0.3 * y) / 1.09 + 9.5, (y - 0.3 * x) / 1.09 + 9.5);
        let within = |margin: f64| {
            [turned.0, turned.1].iter().all(|part| (-0.5 - margin..=19.5 + margin).contains(part))
        };
        let off_edge = [turned.0, turned.1].iter().all(|part| (part.fract().abs() - 0.5).abs() > 0.05);
        if !within(0.1) {
            assert!(value.is_nan(), "{at:?}: {value} beyond the map");
        } else if within(-0.1) && off_edge {
            let nearest = (turned.1.round() as usize, turned.0.round() as usize);
            assert_eq!(value.is_nan(), nearest == hole, "{at:?}");
            if nearest == hole {
                holes += 1;
            } else {
                known += 1;
                assert_eq!(*value, (20 * nearest.0 + nearest.1) as f64, "{at:?}");
            }
        }
    }
    assert!(holes > 0 && known > 500, "{holes} {known}");
    assert!(output.findings.iter().any(|f| f.message.contains("outside the source")));
}
