//! The answers, from real files in a temporary folder.

use dataset::{Attributes, Dataset, File, Values, Variable};
use ndarray::{Array, ArrayD, Dimension as _, IxDyn};
use serde_json::Value;
use tempfile::TempDir;

use crate::MapError;
use crate::answer::{Part, View};
use crate::container::MAGIC;
use crate::descriptor::{Choice, Style, describe};
use crate::geometry::{Axis, Geometry, Hints};
use crate::slice::Window;
use crate::source::Difference;

fn array(shape: &[usize], value: impl Fn(&[usize]) -> f64) -> ArrayD<f64> {
    Array::from_shape_fn(IxDyn(shape), |index| value(index.slice()))
}

fn axis(first: f64, step: f64, n: usize) -> ArrayD<f64> {
    array(&[n], |at| first + step * at[0] as f64)
}

/// A 1-degree-like map of 6 x 12 cells with a time and a level dimension.
fn regular() -> Dataset {
    let mut d = Dataset::new();
    let units = |u: &str| Attributes::new().with("units", u);
    d.add_f64("lat", &["lat"], axis(-75.0, 30.0, 6), units("degrees_north"));
    d.add_f64("lon", &["lon"], axis(-165.0, 30.0, 12), units("degrees_east"));
    let topo =
        array(&[6, 12], |at| if *at == [2, 3] { f64::NAN } else { (at[0] * 100 + at[1]) as f64 - 250.0 });
    d.add_f64("topo", &["lat", "lon"], topo, units("m"));
    d.add_f64(
        "frac",
        &["time", "veget", "lat", "lon"],
        array(&[1, 3, 6, 12], |at| at[1] as f64),
        Attributes::new(),
    );
    let codes = Values::I32(Array::from_shape_fn(IxDyn(&[6, 12]), |at| (at[0] + at[1]) as i32));
    d.variables.push(Variable::new("codes", &["lat", "lon"], codes, Attributes::new()));
    d
}

fn stored(folder: &TempDir, name: &str, dataset: &Dataset) -> File {
    let path = folder.path().join(name);
    dataset::write(dataset, &path).unwrap();
    File::open(path).unwrap()
}

fn opened(answer: &[u8]) -> (Value, &[u8]) {
    assert_eq!(&answer[..4], MAGIC);
    let length = u32::from_le_bytes(answer[4..8].try_into().unwrap()) as usize;
    assert_eq!(length % 8, 0);
    (serde_json::from_slice(&answer[8..8 + length]).unwrap(), &answer[8 + length..])
}

fn view<'a>(file: &'a File, hints: &'a Hints) -> View<'a, File> {
    View { source: file, header: file.header(), subtracted: None, hints }
}

#[test]
fn a_file_is_described_without_its_values() {
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, "a.nc", &regular());
    let description = describe(&file, file.header(), None, &Hints::default()).unwrap();
    assert_eq!(description.default, "topo");
    let names: Vec<_> = description.variables.iter().map(|v| (v.name.as_str(), v.style)).collect();
    let expected = [("topo", Style::Relief), ("frac", Style::Sequential), ("codes", Style::Categorical)];
    assert_eq!(names, expected);
    let leading: Vec<_> =
        description.variables[1].dimensions.iter().map(|d| (d.name.as_str(), d.length)).collect();
    assert_eq!(leading, [("time", 1), ("veget", 3)]);
    let even = |first, count| Axis::Even { first, step: 30.0, count };
    assert_eq!(description.grids, [Geometry::Regular { lon: even(-165.0, 12), lat: even(-75.0, 6) }]);
}

#[test]
fn the_position_along_leading_dimensions_is_checked() {
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, "a.nc", &regular());
    let hints = Hints::default();
    let at =
        |at| view(&file, &hints).field(&Choice { variable: Some("frac"), at: Some(at) }, Part::default());
    let answer = at("0,2").unwrap().to_bytes();
    let (header, codes) = opened(&answer);
    assert_eq!(header["at"], serde_json::json!([0, 2]));
    assert_eq!(header["planes"][0]["table"], serde_json::json!([2.0]));
    assert!(codes.len() == 72 && codes.iter().all(|&code| code == 0));
    for wrong in ["0", "0,3", "1,0", "0,0,0", "x,y", "-1,0"] {
        assert!(matches!(at(wrong), Err(MapError::BadPosition { .. })), "{wrong}");
    }
}

#[test]
fn unknown_variables_are_named_with_those_that_exist() {
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, "a.nc", &regular());
    let choice = Choice { variable: Some("nothing"), at: None };
    let error = view(&file, &Hints::default()).field(&choice, Part::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("'nothing'") && text.contains("'topo'") && text.contains("'frac'"), "{text}");
}

#[test]
fn one_cell_is_delivered_exactly_and_missing_is_null() {
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, "a.nc", &regular());
    let hints = Hints::default();
    let choice = Choice { variable: Some("topo"), at: None };
    let cell = view(&file, &hints).value(&choice, 7, 4).unwrap();
    assert_eq!(cell, serde_json::json!({ "i": 7, "j": 4, "value": 157.0, "lon": 45.0, "lat": 45.0 }));
    assert_eq!(view(&file, &hints).value(&choice, 3, 2).unwrap()["value"], Value::Null);
    assert!(matches!(view(&file, &hints).value(&choice, 12, 0), Err(MapError::BadWindow { .. })));
}

#[test]
fn differences_go_by_position_whatever_the_dimensions_are_called() {
    let folder = TempDir::new().unwrap();
    let left = stored(&folder, "a.nc", &regular());
    let mut other = Dataset::new();
    other.add_f64("topo", &["row", "column"], array(&[6, 12], |at| (at[0] * 100) as f64), Attributes::new());
    let right = stored(&folder, "b.nc", &other);
    let source = Difference { left: &left, right: &right, right_header: right.header() };
    let hints = Hints::default();
    let view =
        View { source: &source, header: left.header(), subtracted: Some(right.header()), hints: &hints };
    let description = describe(&source, left.header(), Some(right.header()), &hints).unwrap();
    assert!(description.compared);
    assert_eq!(description.variables.len(), 1);
    assert_eq!(description.variables[0].style, Style::Diverging);
    let choice = Choice { variable: Some("topo"), at: None };
    let cell = view.value(&choice, 7, 4).unwrap();
    assert_eq!(cell, serde_json::json!({ "i": 7, "j": 4, "value": -243.0, "lon": 45.0, "lat": 45.0 }));
    let missing = view.field(&Choice { variable: Some("codes"), at: None }, Part::default()).unwrap_err();
    assert!(missing.to_string().contains("'topo'"), "{missing}");
}

#[test]
fn different_grids_are_refused_with_both_sizes() {
    let folder = TempDir::new().unwrap();
    let left = stored(&folder, "a.nc", &regular());
    let mut other = Dataset::new();
    other.add_f64("topo", &["lat", "lon"], array(&[3, 6], |_| 0.0), Attributes::new());
    let right = stored(&folder, "b.nc", &other);
    let source = Difference { left: &left, right: &right, right_header: right.header() };
    let error = describe(&source, left.header(), Some(right.header()), &Hints::default()).unwrap_err();
    assert!(matches!(&error, MapError::ShapesDiffer { .. }), "{error}");
    assert!(error.to_string().contains("6 x 12") && error.to_string().contains("3 x 6"), "{error}");
}

#[test]
fn two_dimensional_coordinates_that_are_axes_are_told_from_a_curvilinear_grid() {
    let folder = TempDir::new().unwrap();
    for (bend, curvilinear) in [(0.0, false), (3.0, true)] {
        let mut d = Dataset::new();
        let lon = array(&[5, 8], |at| 10.0 * at[1] as f64 + bend * at[0] as f64);
        let lat = array(&[5, 8], |at| 5.0 * at[0] as f64 + bend * at[1] as f64 / 3.0);
        d.add_f64("nav_lon", &["y", "x"], lon, Attributes::new());
        d.add_f64("nav_lat", &["y", "x"], lat, Attributes::new());
        d.add_f64("Bathymetry", &["y", "x"], array(&[5, 8], |_| 1.5), Attributes::new());
        let file = stored(&folder, if curvilinear { "c.nc" } else { "r.nc" }, &d);
        let description = describe(&file, file.header(), None, &Hints::default()).unwrap();
        assert_eq!(
            (description.default.as_str(), description.variables[0].style),
            ("Bathymetry", Style::Depth)
        );
        let hints = Hints::default();
        let mesh = view(&file, &hints).mesh(&Choice::default(), None);
        if curvilinear {
            assert!(matches!(description.grids[0], Geometry::Curvilinear { .. }));
            let mesh = mesh.unwrap().to_bytes();
            let (header, _) = opened(&mesh);
            assert_eq!(header["window"], serde_json::json!([0, 0, 9, 6]));
            assert_eq!(header["planes"].as_array().unwrap().len(), 2);
        } else {
            assert!(matches!(description.grids[0], Geometry::Regular { .. }));
            assert!(matches!(mesh, Err(MapError::NotCurvilinear { .. })));
        }
    }
}

#[test]
fn coordinates_in_no_order_give_cell_numbers_and_the_reason() {
    let folder = TempDir::new().unwrap();
    let mut d = Dataset::new();
    let lons = [10.0, -20.0, 30.0, -40.0];
    d.add_f64("lon", &["lon"], array(&[4], |at| lons[at[0]]), Attributes::new());
    d.add_f64("lat", &["lat"], axis(-10.0, 10.0, 3), Attributes::new());
    d.add_f64("topo", &["lat", "lon"], array(&[3, 4], |_| 1.0), Attributes::new());
    let file = stored(&folder, "a.nc", &d);
    let description = describe(&file, file.header(), None, &Hints::default()).unwrap();
    assert!(matches!(&description.grids[0], Geometry::Index { reason } if reason.contains("longitudes")));
}

#[test]
fn longitudes_that_start_in_the_middle_continue_beyond_the_date_line() {
    let folder = TempDir::new().unwrap();
    let mut d = Dataset::new();
    let lon = array(&[36], |at| if at[0] < 19 { 10.0 * at[0] as f64 } else { 10.0 * at[0] as f64 - 360.0 });
    d.add_f64("lon", &["lon"], lon, Attributes::new());
    d.add_f64("lat", &["lat"], axis(80.0, -20.0, 9), Attributes::new());
    d.add_f64("topo", &["lon", "lat"], array(&[36, 9], |at| at[0] as f64), Attributes::new());
    let file = stored(&folder, "a.nc", &d);
    let description = describe(&file, file.header(), None, &Hints::default()).unwrap();
    let lon = Axis::Even { first: 0.0, step: 10.0, count: 36 };
    let lat = Axis::Even { first: 80.0, step: -20.0, count: 9 };
    assert_eq!(description.grids, [Geometry::Regular { lon, lat }]);
    let topo = &description.variables[0];
    assert_eq!((topo.rows, topo.columns), (9, 36));
}

#[test]
fn confirmed_coordinates_go_before_what_looks_like_some() {
    let folder = TempDir::new().unwrap();
    let mut d = regular();
    d.add_f64("east", &["lon"], axis(5.0, 1.0, 12), Attributes::new());
    let file = stored(&folder, "a.nc", &d);
    let hints = Hints { longitude: Some("east".to_owned()), latitude: None };
    let description = describe(&file, file.header(), None, &hints).unwrap();
    let Geometry::Regular { lon, .. } = &description.grids[0] else { panic!("{:?}", description.grids) };
    assert_eq!(lon.at(0), 5.0);
}

/// A map of 4 x 5 cells whose cells the coordinates `names` place.
fn placed_by(names: [&str; 2], attributes: &[(&str, &str)]) -> Dataset {
    let mut d = Dataset::new();
    for name in ["ULONG", "TLONG"] {
        let shift = if name == "ULONG" { 1.5 } else { 0.0 };
        let lon = array(&[1, 4, 5], |at| 3.0 * at[2] as f64 + 0.5 * at[1] as f64 + shift);
        let units = Attributes::new().with("units", "degrees_east");
        d.add_f64(name, &["time", "y", "x"], lon, units);
        let lat = array(&[1, 4, 5], |at| 3.0 * at[1] as f64 + shift);
        let units = Attributes::new().with("units", "degrees_north");
        d.add_f64(&name.replace("LONG", "LAT"), &["time", "y", "x"], lat, units);
    }
    let mut own = Attributes::new().with("coordinates", names.join(" ").as_str());
    attributes.iter().for_each(|(name, value)| own.set(name, *value));
    d.add_f64("depth", &["time", "y", "x"], array(&[1, 4, 5], |at| at[2] as f64), own);
    d
}

#[test]
fn the_coordinates_attribute_and_single_times_are_followed() {
    let folder = TempDir::new().unwrap();
    for (names, lon) in [(["TLONG", "TLAT"], 3.5), (["ULONG", "ULAT"], 5.0)] {
        let file = stored(&folder, "a.nc", &placed_by(names, &[]));
        let hints = Hints::default();
        let choice = Choice { variable: Some("depth"), at: None };
        assert_eq!(view(&file, &hints).value(&choice, 1, 1).unwrap()["lon"], lon);
        assert!(view(&file, &hints).mesh(&choice, None).is_ok());
    }
}

#[test]
fn radians_are_shown_in_degrees() {
    let folder = TempDir::new().unwrap();
    let mut d = regular();
    for variable in &mut d.variables[..2] {
        let radians = variable.decode().unwrap().mapv(f64::to_radians);
        variable.values = Values::F64(radians);
        variable.attributes.set("units", "radians");
    }
    let file = stored(&folder, "a.nc", &d);
    let description = describe(&file, file.header(), None, &Hints::default()).unwrap();
    let Geometry::Regular { lon, lat } = &description.grids[0] else { panic!("{:?}", description.grids) };
    assert!((lon.at(0) + 165.0).abs() < 1e-9 && (lat.at(5) - 75.0).abs() < 1e-9);
}

#[test]
fn a_rotated_pole_is_shown_by_numbers_and_said() {
    let folder = TempDir::new().unwrap();
    let mut d = Dataset::new();
    let rotated = |name: &str| Attributes::new().with("units", "degrees").with("standard_name", name);
    d.add_f64("rlon", &["rlon"], axis(-5.0, 1.0, 11), rotated("grid_longitude"));
    d.add_f64("rlat", &["rlat"], axis(-4.0, 1.0, 9), rotated("grid_latitude"));
    d.add_f64("topo", &["rlat", "rlon"], array(&[9, 11], |at| at[0] as f64), Attributes::new());
    let file = stored(&folder, "a.nc", &d);
    let description = describe(&file, file.header(), None, &Hints::default()).unwrap();
    let Geometry::Index { reason } = &description.grids[0] else { panic!("{:?}", description.grids) };
    assert!(reason.contains("rotated pole"), "{reason}");
}

#[test]
fn packed_and_missing_values_are_decoded() {
    let folder = TempDir::new().unwrap();
    let mut d = regular();
    let values =
        Values::I16(Array::from_shape_fn(IxDyn(&[6, 12]), |at| if at[0] == 0 { -999 } else { at[1] as i16 }));
    let attributes = Attributes::new()
        .with("missing_value", dataset::AttributeValue::I16(vec![-999]))
        .with("scale_factor", 0.5)
        .with("add_offset", 100.0);
    d.variables.push(Variable::new("packed", &["lat", "lon"], values, attributes));
    let file = stored(&folder, "a.nc", &d);
    let hints = Hints::default();
    let choice = Choice { variable: Some("packed"), at: None };
    assert_eq!(view(&file, &hints).value(&choice, 4, 1).unwrap()["value"], 102.0);
    assert_eq!(view(&file, &hints).value(&choice, 4, 0).unwrap()["value"], Value::Null);
}

#[test]
fn holes_in_single_precision_and_unsigned_bytes_are_shown_as_they_are_meant() {
    let folder = TempDir::new().unwrap();
    let mut d = regular();
    let holes = Array::from_shape_fn(IxDyn(&[6, 12]), |at| if at[0] == 0 { -9999.9_f32 } else { 5.0 });
    let attributes = Attributes::new().with("missing_value", -9999.9);
    d.variables.push(Variable::new("holes", &["lat", "lon"], Values::F32(holes), attributes));
    let classes = Array::from_shape_fn(IxDyn(&[6, 12]), |_| -126_i8);
    let attributes = Attributes::new()
        .with("_Unsigned", "true")
        .with("flag_values", dataset::AttributeValue::I8(vec![10, -126]))
        .with("flag_meanings", "crops shrubs");
    d.variables.push(Variable::new("classes", &["lat", "lon"], Values::I8(classes), attributes));
    let file = stored(&folder, "a.nc", &d);
    let hints = Hints::default();
    let value = |name, i, j| {
        let choice = Choice { variable: Some(name), at: None };
        view(&file, &hints).value(&choice, i, j).unwrap()["value"].clone()
    };
    assert_eq!((value("holes", 4, 0), value("holes", 4, 1)), (Value::Null, Value::from(5.0)));
    assert_eq!(value("classes", 0, 0), 130.0);
    let description = describe(&file, file.header(), None, &hints).unwrap();
    let classes = description.variables.iter().find(|v| v.name == "classes").unwrap();
    assert_eq!(classes.flags, [(10.0, "crops".to_owned()), (130.0, "shrubs".to_owned())]);
}

#[test]
fn a_window_names_what_it_is() {
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, "a.nc", &regular());
    let hints = Hints::default();
    let part = Part { level: Some(1), window: Some(Window { i: 4, j: 1, ni: 2, nj: 2 }) };
    let answer = view(&file, &hints).field(&Choice { variable: Some("topo"), at: None }, part).unwrap();
    let answer = answer.to_bytes();
    let (header, codes) = opened(&answer);
    assert_eq!(header["size"], serde_json::json!([6, 3]));
    assert_eq!(header["window"], serde_json::json!([4, 1, 2, 2]));
    assert_eq!(header["range"], serde_json::json!([-42.0, 261.0]));
    assert_eq!(codes.len(), header["planes"][0]["bytes"].as_u64().unwrap() as usize);
}

#[test]
fn a_file_without_maps_says_so() {
    let folder = TempDir::new().unwrap();
    let mut d = Dataset::new();
    d.add_f64("lat", &["lat"], axis(0.0, 1.0, 4), Attributes::new());
    let file = stored(&folder, "a.nc", &d);
    let error = describe(&file, file.header(), None, &Hints::default()).unwrap_err();
    assert!(matches!(error, MapError::NothingToDraw));
}
