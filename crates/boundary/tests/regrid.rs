//! Regridding: parity with reference files, and what holds for every grid.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/golden.rs"]
mod golden;

use boundary::regrid::{self, Error, Limits, Method, Parameters};
use boundary::{Output, Release, Silent};
use dataset::{AttributeValue, Attributes, Dataset, Dimension, Values, Variable};
use ndarray::{Array1, Array2, ArrayD, IxDyn, arr1};
use proptest::prelude::*;

/// As the published releases regrid, unless a test names another.
fn parameters(steps: (f64, f64), limits: Limits, method: Method) -> Parameters {
    Parameters {
        longitude_step_degrees: steps.0,
        latitude_step_degrees: steps.1,
        limits,
        method,
        release: Release::R2023,
        ..Parameters::one_degree("lon", "lat")
    }
}

fn regrid(source: &Dataset, parameters: &Parameters) -> Output {
    regrid::run(source, parameters, &Silent).unwrap()
}

#[test]
fn every_small_case_is_the_same_file() {
    let Some(report) = golden::bytes("regrid_small/report.json") else { return };
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let cases = report.as_object().unwrap();
    assert!(cases.len() >= 20);
    for (case, entry) in cases {
        let Some(source) = golden::dataset(&format!("regrid_small/{case}/source.nc")) else { continue };
        let steps = (entry["lon_step"].as_f64().unwrap(), entry["lat_step"].as_f64().unwrap());
        let limits = entry["limits"].as_str().unwrap().parse().unwrap();
        let method = entry["interpolator"].as_str().unwrap().parse().unwrap();
        let output = regrid(&source, &parameters(steps, limits, method));
        golden::assert_same_file(&output.dataset, &format!("regrid_small/{case}/result.nc"));
        let missing = entry["nan"].as_u64().unwrap() > 0;
        assert_eq!(output.findings.iter().any(|f| f.code == "regrid-empty-cells"), missing, "{case}");
    }
}

#[test]
fn the_half_degree_demonstration_file_is_the_same_file() {
    let Some(source) = golden::dataset("standard_regrid/source/source.nc") else { return };
    for (case, steps, limits, method) in [
        ("linear_default", 1.0, Limits::Default, Method::Linear),
        ("nearest_default", 1.0, Limits::Default, Method::Nearest),
        ("linear_data", 1.0, Limits::Data, Method::Linear),
        ("linear_default_0p7", 0.7, Limits::Default, Method::Linear),
    ] {
        for release in [Release::R2021, Release::R2023] {
            let parameters = Parameters {
                longitude: "longitude".into(),
                latitude: "latitude".into(),
                release,
                ..parameters((steps, steps), limits, method)
            };
            let output = regrid(&source, &parameters);
            golden::assert_same_file(&output.dataset, &format!("standard_regrid/{case}/raw.nc"));
        }
    }
}

/// A map `topo(lat, lon)` on cell centres of a regular grid with `rows` x `columns` cells.
fn regular(rows: usize, columns: usize, height: impl Fn(f64, f64) -> f64) -> Dataset {
    let lat = Array1::from_shape_fn(rows, |i| -90.0 + (i as f64 + 0.5) * 180.0 / rows as f64);
    let lon = Array1::from_shape_fn(columns, |j| -180.0 + (j as f64 + 0.5) * 360.0 / columns as f64);
    let topo = Array2::from_shape_fn((rows, columns), |(i, j)| height(lat[i], lon[j]));
    let mut map = Dataset::new();
    map.add_f64("topo", &["lat", "lon"], topo.into_dyn(), Attributes::new());
    map.add_f64("lat", &["lat"], lat.into_dyn(), Attributes::new());
    map.add_f64("lon", &["lon"], lon.into_dyn(), Attributes::new());
    map
}

fn topo(dataset: &Dataset) -> ArrayD<f64> {
    dataset.variable("topo").unwrap().decode().unwrap()
}

#[test]
fn a_refined_global_map_has_a_rim_that_the_corrected_release_fills() {
    let source = regular(18, 36, |lat, lon| lat + lon.to_radians().cos());
    for method in [Method::Linear, Method::Nearest] {
        let published = parameters((5.0, 5.0), Limits::Default, method);
        let corrected = Parameters { release: Release::Corrected, ..published.clone() };
        let (before, after) = (regrid(&source, &published), regrid(&source, &corrected));
        let (rows, columns) = (36, 72);
        let rim = topo(&before.dataset).iter().filter(|h| h.is_nan()).count();
        assert_eq!(rim, rows * columns - (rows - 2) * (columns - 2));
        assert!(before.findings[0].message.contains(&format!("{rim} of each map")));
        assert!(topo(&after.dataset).iter().all(|h| h.is_finite()));
        assert!(after.findings.is_empty());
        // Inside, both are the same but for the order of the sums.
        let inside = topo(&before.dataset);
        assert!(inside.iter().zip(&topo(&after.dataset)).all(|(a, b)| a.is_nan() || (a - b).abs() < 1e-9));
        // The date line is half way between its neighbours.
        assert!(after.dataset.attributes.text("history").unwrap().contains("longitude closed"));
        assert!(before.dataset.attributes.get("history").is_none());
    }
}

#[test]
fn corrected_longitudes_may_run_from_0_to_360() {
    let east = |lon: f64| if lon < 0.0 { lon + 360.0 } else { lon };
    let centred = regular(18, 36, |lat, lon| 3.0 * lat + lon.to_radians().sin());
    let mut shifted = centred.clone();
    // The same cells, stored from 5 to 355.
    let order: Vec<usize> = (18..36).chain(0..18).collect();
    for variable in &mut shifted.variables {
        let Values::F64(values) = &variable.values else { continue };
        variable.values = Values::F64(match variable.name.as_str() {
            "topo" => values.select(ndarray::Axis(1), &order),
            "lon" => values.select(ndarray::Axis(0), &order).mapv(east),
            _ => values.clone(),
        });
    }
    let corrected =
        Parameters { release: Release::Corrected, ..parameters((4.0, 4.0), Limits::Default, Method::Linear) };
    let (a, b) = (topo(&regrid(&centred, &corrected).dataset), topo(&regrid(&shifted, &corrected).dataset));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9));
    let published = Parameters { release: Release::R2023, ..corrected };
    let output = regrid(&shifted, &published);
    assert!(output.findings.iter().any(|f| f.code == "regrid-longitudes-0-360"));
}

#[test]
fn a_regional_map_is_not_extended_by_any_release() {
    let mut source = regular(18, 36, |lat, _| lat);
    for variable in &mut source.variables {
        if variable.name != "topo"
            && let Values::F64(values) = &mut variable.values
        {
            values.mapv_inplace(|degrees| degrees / 4.0);
        }
    }
    let steps = parameters((1.0, 1.0), Limits::Default, Method::Linear);
    for release in Release::ALL {
        let output = regrid(&source, &Parameters { release, ..steps.clone() });
        let empty = topo(&output.dataset).iter().filter(|h| h.is_nan()).count();
        assert_eq!(empty, 180 * 360 - 42 * 88, "{release}");
    }
}

#[test]
fn packed_integers_dates_text_and_truth_values() {
    let mut source = regular(4, 8, |lat, _| lat);
    let packed = Attributes::new().with("scale_factor", 0.5).with("add_offset", 10.0).with("_FillValue", -9);
    let stored = ArrayD::from_shape_fn(IxDyn(&[4, 8]), |at| if at[0] == 0 { -9_i32 } else { at[0] as i32 });
    source.variables.push(Variable::new("packed", &["lat", "lon"], Values::I32(stored), packed));
    let since = Attributes::new().with("units", "days since 2000-01-01");
    let days = Values::F64(ArrayD::zeros(IxDyn(&[4])));
    source.variables.push(Variable::new("when", &["lat"], days, since));
    source.add_dimension("letters", 2);
    let text = ndarray::arr2(&[[b'a', b'1'], [b'b', b'2'], [b'c', b'3'], [b'd', b'4']]).into_dyn();
    source.variables.push(Variable::new("zone", &["lat", "letters"], Values::Char(text), Attributes::new()));
    let truth = ArrayD::from_shape_fn(IxDyn(&[4, 8]), |at| i8::from(at[1] >= 4));
    let attributes = Attributes::new().with("dtype", "bool");
    source.variables.push(Variable::new("east", &["lat", "lon"], Values::I8(truth), attributes));

    let output = regrid(&source, &parameters((90.0, 90.0), Limits::Default, Method::Linear));
    let names: Vec<&str> = output.dataset.variables.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["topo", "packed", "zone", "east", "lon", "lat"]);
    assert!(output.findings.iter().any(|f| f.code == "regrid-date-dropped" && f.message.contains("'when'")));
    let packed = output.dataset.variable("packed").unwrap();
    assert_eq!(packed.attributes.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["_FillValue"]);
    let values = packed.decode().unwrap();
    // Between rows 0 (missing) and 1, and half way between rows 2 and 3.
    assert!(values[[0, 0]].is_nan());
    assert_eq!(values[[1, 0]], 10.0 + 0.5 * 2.5);
    // Half way the larger label is taken: -45 lies between -67.5 and -22.5.
    let Values::Char(zone) = &output.dataset.variable("zone").unwrap().values else {
        panic!("text stays text")
    };
    assert_eq!(zone.iter().copied().collect::<Vec<u8>>(), *b"b2d4");
    let Values::I8(east) = &output.dataset.variable("east").unwrap().values else {
        panic!("bytes stay bytes")
    };
    assert_eq!(east.iter().copied().collect::<Vec<i8>>(), [0, 0, 1, 1, 0, 0, 1, 1]);
}

/// A hole marked by a double in single precision must not become a deep sea, with either way of handling single precision.
#[test]
fn holes_in_single_precision_stay_holes() {
    let mut source = regular(4, 8, |lat, _| lat);
    let attributes = Attributes::new().with("missing_value", AttributeValue::F64(vec![-1.0, -9999.9]));
    let heights = ArrayD::from_shape_fn(IxDyn(&[4, 8]), |at| if at[0] == 0 { -9999.9_f32 } else { 5.0 });
    source.variables[0] = Variable::new("topo", &["lat", "lon"], Values::F32(heights), attributes);
    for release in [Release::R2023, Release::Corrected] {
        for method in [Method::Nearest, Method::Linear] {
            let steps = parameters((45.0, 45.0), Limits::Default, method);
            let output = regrid(&source, &Parameters { release, ..steps });
            let values = topo(&output.dataset);
            assert!(values.iter().all(|&height| height.is_nan() || height == 5.0), "{release}: {values}");
            assert!(values.index_axis(ndarray::Axis(0), 0).iter().all(|height| height.is_nan()));
        }
    }
}

#[test]
fn unsigned_bytes_are_regridded_as_what_they_mean() {
    let mut source = regular(4, 8, |lat, _| lat);
    let attributes =
        Attributes::new().with("_Unsigned", "true").with("_FillValue", AttributeValue::I8(vec![-1]));
    let stored = ArrayD::from_shape_fn(IxDyn(&[4, 8]), |at| if at[0] == 0 { -1_i8 } else { -56 });
    source.variables.push(Variable::new("share", &["lat", "lon"], Values::I8(stored), attributes));
    let output = regrid(&source, &parameters((45.0, 45.0), Limits::Default, Method::Nearest));
    let share = output.dataset.variable("share").unwrap();
    assert_eq!(share.attributes.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["_FillValue"]);
    let values = share.decode().unwrap();
    assert!(values[[0, 0]].is_nan() && values[[1, 0]] == 200.0, "{values}");
}

#[test]
fn variables_without_records_are_left_out_and_named() {
    let mut source = regular(4, 8, |lat, _| lat);
    source.dimensions.push(Dimension { name: "time".into(), len: 0, unlimited: true });
    source.add_f64("time", &["time"], ArrayD::zeros(IxDyn(&[0])), Attributes::new());
    source.add_f64("rain", &["time", "lat", "lon"], ArrayD::zeros(IxDyn(&[0, 4, 8])), Attributes::new());
    let output = regrid(&source, &parameters((45.0, 45.0), Limits::Default, Method::Linear));
    assert!(dataset::to_bytes(&output.dataset).is_ok());
    let names: Vec<&str> = output.dataset.variables.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["topo", "lon", "lat"]);
    for name in ["'time'", "'rain'"] {
        let named = |f: &boundary::Finding| f.code == "regrid-empty-dropped" && f.message.contains(name);
        assert!(output.findings.iter().any(named), "{name}");
    }
}

#[test]
fn what_cannot_be_regridded_is_refused_with_the_reason() {
    let source = regular(4, 8, |lat, _| lat);
    let good = parameters((1.0, 1.0), Limits::Default, Method::Linear);
    let refused =
        |source: &Dataset, parameters: Parameters| regrid::run(source, &parameters, &Silent).unwrap_err();
    for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = refused(&source, Parameters { longitude_step_degrees: step, ..good.clone() });
        assert!(matches!(error, Error::Step { .. }), "{step}");
    }
    for step in [1e-3, 1e-9, f64::MIN_POSITIVE] {
        let error = refused(
            &source,
            Parameters { latitude_step_degrees: step, longitude_step_degrees: step, ..good.clone() },
        );
        assert!(matches!(error, Error::TooLarge { .. }), "{step}: {error}");
    }
    let error = refused(&source, Parameters { longitude: "x".into(), ..good.clone() });
    assert!(error.to_string().contains("topo, lat, lon"), "{error}");
    let error = refused(&source, Parameters { longitude: "topo".into(), ..good.clone() });
    assert!(matches!(error, Error::Curvilinear { .. }));
    let error = refused(&source, Parameters { longitude: "lat".into(), ..good.clone() });
    assert!(matches!(error, Error::NotAGrid { .. }));
    let mut holed = source.clone();
    holed.variables[2].values = Values::F64(Array1::from_elem(8, f64::NAN).into_dyn());
    assert!(matches!(refused(&holed, good.clone()), Error::NotFinite { .. }));
    let mut text = source.clone();
    text.variables[2].values = Values::Char(Array1::from_elem(8, b'x').into_dyn());
    assert!(matches!(refused(&text, good.clone()), Error::NotNumeric { .. }));
    let one = regular(1, 8, |lat, _| lat);
    assert!(matches!(refused(&one, good.clone()), Error::OnePoint { .. }));
}

#[test]
fn a_step_that_does_not_divide_the_extent_is_said() {
    let source = regular(18, 36, |lat, _| lat);
    let output = regrid(&source, &parameters((7.0, 10.0), Limits::Default, Method::Nearest));
    let said: Vec<&str> = output.findings.iter().map(|f| f.code).collect();
    assert_eq!(said, ["regrid-overshoot", "regrid-empty-cells"]);
    assert!(output.findings[0].message.contains("ends at 184"), "{}", output.findings[0].message);
    // Nor is the rounding of many small steps an overshoot.
    for step in [0.1, 0.001] {
        let divides = regrid(&source, &parameters((step, 10.0), Limits::Default, Method::Nearest));
        assert!(divides.findings.iter().all(|f| f.code != "regrid-overshoot"), "{step}");
    }
}

/// The rule as one would write it down, for one variable in double on ascending axes: along longitude, then along
/// latitude.
fn slow_linear(
    source: &Array2<f64>,
    lat: &[f64],
    lon: &[f64],
    to_lat: &[f64],
    to_lon: &[f64],
) -> Array2<f64> {
    let one = |x: &[f64], y: &[f64], t: f64| {
        if t < x[0] || t > x[x.len() - 1] {
            return f64::NAN;
        }
        let mut high = 1;
        while x[high] < t {
            high += 1;
        }
        ((y[high] - y[high - 1]) / (x[high] - x[high - 1])) * (t - x[high - 1]) + y[high - 1]
    };
    let along_lon = Array2::from_shape_fn((lat.len(), to_lon.len()), |(i, j)| {
        one(lon, &source.row(i).to_vec(), to_lon[j])
    });
    Array2::from_shape_fn((to_lat.len(), to_lon.len()), |(i, j)| {
        one(lat, &along_lon.column(j).to_vec(), to_lat[i])
    })
}

fn ascending(count: usize, limit: f64) -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0.1_f64..1.0, count).prop_map(move |gaps| {
        let total: f64 = gaps.iter().sum();
        let mut at = -limit;
        gaps.iter()
            .map(|gap| {
                at += gap / total * 1.9 * limit;
                at
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_fast_way_is_the_slow_way(
        lat in ascending(6, 90.0),
        lon in ascending(9, 180.0),
        heights in proptest::collection::vec(-5000.0_f64..5000.0, 54),
        steps in (5.0_f64..60.0, 5.0_f64..60.0),
        descending in any::<bool>(),
    ) {
        let heights = Array2::from_shape_vec((6, 9), heights).unwrap();
        let mut source = Dataset::new();
        let flip = |mut lat: Array1<f64>, mut topo: Array2<f64>| {
            if descending {
                lat.invert_axis(ndarray::Axis(0));
                topo.invert_axis(ndarray::Axis(0));
            }
            (lat.as_standard_layout().into_owned(), topo.as_standard_layout().into_owned())
        };
        let (stored_lat, stored) = flip(arr1(&lat), heights.clone());
        source.add_f64("topo", &["lat", "lon"], stored.into_dyn(), Attributes::new());
        source.add_f64("lat", &["lat"], stored_lat.into_dyn(), Attributes::new());
        source.add_f64("lon", &["lon"], arr1(&lon).into_dyn(), Attributes::new());
        let output = regrid(&source, &parameters(steps, Limits::Default, Method::Linear));
        let to_lon = regrid::range(-180.0, 180.0, steps.0);
        let to_lat = regrid::range(-90.0, 90.0, steps.1);
        let expected = slow_linear(&heights, &lat, &lon, &to_lat, &to_lon);
        let result = topo(&output.dataset);
        prop_assert_eq!(result.shape(), expected.shape());
        prop_assert!(result.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn results_stay_within_the_source(
        heights in proptest::collection::vec(-5000.0_f64..5000.0, 18 * 9),
        steps in (3.0_f64..60.0, 3.0_f64..60.0),
        nearest in any::<bool>(),
        release in proptest::sample::select(Release::ALL.to_vec()),
    ) {
        let heights = Array2::from_shape_vec((9, 18), heights).unwrap();
        let source = regular(9, 18, |lat, lon| heights[[((lat + 90.0) / 20.0) as usize, ((lon + 180.0) / 20.0) as usize]]);
        let method = if nearest { Method::Nearest } else { Method::Linear };
        let output = regrid(&source, &Parameters { release, ..parameters(steps, Limits::Default, method) });
        let low = heights.iter().copied().fold(f64::MAX, f64::min) - 1e-9;
        let high = heights.iter().copied().fold(f64::MIN, f64::max) + 1e-9;
        for value in topo(&output.dataset) {
            prop_assert!((low..=high).contains(&value) || (value.is_nan() && release != Release::Corrected));
        }
    }

    #[test]
    fn targets_are_evenly_spaced_and_start_half_a_step_inside(step in 0.05_f64..200.0) {
        let targets = regrid::range(-180.0, 180.0, step);
        prop_assert_eq!(targets.len() as u64, regrid::target_count(-180.0, 180.0, step));
        prop_assert!((targets[0] - (-180.0 + step / 2.0)).abs() < 1e-12);
        prop_assert!(targets.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-9));
        let last = targets[targets.len() - 1];
        prop_assert!(last < 180.0 + step / 2.0 + 1e-9 && last >= 180.0 - step / 2.0 - 1e-9);
    }
}

/// A variable beside the map never stops regridding: what can be kept is, the rest is named.
#[test]
fn variables_beside_the_map_are_kept_or_named() {
    let mut source = regular(18, 36, |lat, _| lat);
    let square = Values::F64(ArrayD::zeros(IxDyn(&[18, 18])));
    source.variables.push(Variable::new("square", &["lat", "lat"], square, Attributes::new()));
    let time = Values::I64(ndarray::arr0(1_609_459_200_123_456_789).into_dyn());
    let units = Attributes::new().with("units", "nanoseconds since 1970-01-01");
    source.variables.push(Variable::new("time", &[], time, units));
    let output = regrid(&source, &parameters((10.0, 10.0), Limits::Default, Method::Nearest));
    let said: Vec<&str> = output.findings.iter().map(|f| f.code).collect();
    assert_eq!(said, ["regrid-repeated-dropped", "values-rounded"]);
    assert!(output.dataset.variable("square").is_none() && output.dataset.variable("time").is_some());
    dataset::to_bytes(&output.dataset).unwrap();
}

/// Numbers that are stored unpacked keep nothing that is about packed ones.
#[test]
fn ranges_of_packed_numbers_are_not_left_on_unpacked_ones() {
    let mut source = regular(18, 36, |lat, _| lat);
    let topo = source.variables.iter_mut().find(|v| v.name == "topo").unwrap();
    let packed = topo.values.to_f64().unwrap().mapv(|lat| (lat as i16 + 100) / 2);
    topo.values = Values::I16(packed);
    topo.attributes = Attributes::new()
        .with("_FillValue", AttributeValue::I16(vec![-1]))
        .with("scale_factor", 50.0)
        .with("add_offset", -5000.0)
        .with("valid_range", AttributeValue::I16(vec![0, 200]))
        .with("valid_max", AttributeValue::I16(vec![200]))
        .with("actual_range", AttributeValue::F64(vec![-5000.0, 5000.0]));
    let expected = topo.decode().unwrap();
    let output = regrid(&source, &parameters((10.0, 10.0), Limits::Default, Method::Nearest));
    let topo = output.dataset.variable("topo").unwrap();
    assert_eq!(topo.decode().unwrap(), expected, "every cell has its value, by the attributes that are left");
    assert!(topo.attributes.iter().all(|(name, _)| !name.contains("valid") && !name.contains("range")));
}
