//! Every check of the inputs, and what it says.

mod support;

use coupling::{Error, Options};
use dataset::{Attributes, Dataset, Values};
use grid::Overlap;
use ndarray::Array2;
use support::made::{Files, array, f_pivot, regular};

fn good() -> Files {
    Files::planet(f_pivot(42, 35))
}

/// Puts other values in place of a variable's.
fn change(file: &mut Dataset, name: &str, change: impl Fn((usize, usize), f64) -> f64) {
    let values = array(file, name);
    let changed = Array2::from_shape_fn(values.dim(), |at| change(at, values[at]));
    let variable = file.variables.iter_mut().find(|v| v.name == name).expect("a variable");
    variable.values = Values::F64(changed.into_dyn());
}

fn message(files: &Files) -> String {
    let error = files.read().err().map(|error| error.to_string());
    error.expect("an error")
}

#[test]
fn good_inputs_raise_no_finding() {
    assert_eq!(good().read().expect("good inputs").findings, []);
}

#[test]
fn leading_dimensions_of_one_and_other_names_are_fine() {
    let mut files = good();
    for (name, other) in [("atlmsk", "tmaskatl"), ("pacmsk", "tmaskpac"), ("indmsk", "tmaskind")] {
        let variable = files.basins.variables.iter_mut().find(|v| v.name == name).expect("a basin");
        variable.name = other.to_owned();
    }
    let depth = array(&files.bathymetry, "Bathymetry");
    let mut bathymetry = Dataset::new();
    let with_time = depth.insert_axis(ndarray::Axis(0)).into_dyn();
    bathymetry.add_f64("Bathymetry", &["time", "y", "x"], with_time, Attributes::new());
    files.bathymetry = bathymetry;
    assert_eq!(files.read().expect("good inputs").bathymetry_m, good().read().expect("good").bathymetry_m);
}

#[test]
fn what_is_missing_is_named() {
    let mut files = good();
    files.coordinates.variables.retain(|v| v.name != "glamf" && v.name != "e2u");
    assert!(message(&files).contains("the file has no glamf, e2u"), "{}", message(&files));

    let mut files = good();
    files.basins.variables.retain(|v| v.name != "pacmsk");
    let said = message(&files);
    assert!(
        said.contains("sub-basins") && said.contains("pacmsk") && said.contains("atlmsk, indmsk"),
        "{said}"
    );

    let mut files = good();
    files.bathymetry.variables[0].name = "depth".to_owned();
    assert!(message(&files).contains("no variable Bathymetry"), "{}", message(&files));
}

#[test]
fn fields_of_another_grid_are_refused() {
    let files = Files { bathymetry: Files::planet(f_pivot(62, 51)).bathymetry, ..good() };
    let said = message(&files);
    assert!(said.contains("51 rows by 62 columns") && said.contains("35 by 42"), "{said}");
}

#[test]
fn missing_depths_are_land_and_said_to_be() {
    let mut files = good();
    let sea = files.read().expect("good").bathymetry_m.indexed_iter().filter(|(_, d)| **d > 100.0).count();
    change(&mut files.bathymetry, "Bathymetry", |(j, i), depth| match (j, i) {
        (20, 10) => f64::NAN,
        (20, 11) => 9.969_209_968_386_869e36,
        _ => depth,
    });
    let input = files.read().expect("good inputs");
    assert_eq!(input.findings.len(), 1);
    assert_eq!(input.findings[0].code, "bathymetry-missing-values");
    assert!(input.findings[0].message.starts_with("2 cells"), "{}", input.findings[0].message);
    let outcome = coupling::run(&input, &Options::default(), &mut |_| {}).expect("a result");
    assert_eq!((outcome.ocean.mbathy[[20, 10]], outcome.ocean.mbathy[[20, 11]]), (0, 0));
    assert!(sea > 0);
}

/// The bathymetry of `good` in other numbers: each with the attributes that say what they are.
fn encoded(attributes: Attributes, encode: impl Fn(f64) -> f64) -> Files {
    let mut files = good();
    change(&mut files.bathymetry, "Bathymetry", |_, depth| encode(depth.max(0.0)));
    for variable in &mut files.bathymetry.variables {
        if variable.name == "Bathymetry" {
            variable.attributes = attributes.clone();
        }
    }
    files
}

#[test]
fn depths_in_any_units_and_direction_are_the_same_depths() {
    let plain = encoded(Attributes::new(), |depth| depth).read().expect("good");
    let units = |units: &str| Attributes::new().with("units", units);
    let up = Attributes::new().with("units", "m").with("positive", "up");
    for (files, code) in [
        (encoded(units("km"), |depth| depth / 1000.0), "units-converted"),
        (encoded(units("cm"), |depth| depth * 100.0), "units-converted"),
        (encoded(units("fathoms"), |depth| depth / 1.8288), "units-converted"),
        (encoded(up, |depth| if depth > 0.0 { -depth } else { 300.0 }), "heights-turned"),
        (encoded(Attributes::new(), |depth| if depth > 0.0 { -depth } else { 300.0 }), "direction-doubtful"),
    ] {
        let read = files.read().expect("good");
        let codes: Vec<&str> = read.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [code]);
        for (read, plain) in read.bathymetry_m.iter().zip(&plain.bathymetry_m) {
            assert!((read - plain).abs() < 1e-9, "{code}: {read} for {plain}");
        }
    }
}

#[test]
fn units_that_are_no_depth_are_refused() {
    let said = message(&encoded(Attributes::new().with("units", "kelvin"), |depth| depth));
    assert!(said.contains("'Bathymetry' has units \"kelvin\"") && said.contains("correct"), "{said}");
}

#[test]
fn a_basin_holds_zeros_and_ones() {
    let mut files = good();
    change(&mut files.basins, "indmsk", |at, value| if at == (3, 4) { 2.0 } else { value });
    let said = message(&files);
    assert!(said.contains("indmsk holds 2 at row 3, column 4"), "{said}");
    // Nothing known is outside.
    let mut files = good();
    change(&mut files.basins, "indmsk", |at, value| if at == (3, 4) { f64::NAN } else { value });
    assert_eq!(files.read().expect("good").basins.indian[[3, 4]], 0);
}

#[test]
fn sizes_must_be_above_zero() {
    let mut files = good();
    change(&mut files.coordinates, "e1v", |at, size| if at == (5, 6) { 0.0 } else { size });
    let said = message(&files);
    assert!(said.contains("e1v is 0 at row 5, column 6"), "{said}");
}

#[test]
fn points_that_should_repeat_must() {
    // A tenth of a degree is 11 km: neither the same point, nor another one.
    for name in ["gphit", "gphiu", "gphiv", "gphif"] {
        let mut files = good();
        change(&mut files.coordinates, name, |(j, i), lat| if (j, i) == (10, 41) { lat + 0.1 } else { lat });
        let said = message(&files);
        assert!(said.contains("row 10, column 41") && said.contains("at most 200 m"), "{name}: {said}");
    }
    let mut files = good();
    change(&mut files.coordinates, "gphit", |(j, i), lat| if (j, i) == (34, 20) { lat + 0.1 } else { lat });
    let said = message(&files);
    assert!(said.contains("the last row of the ocean grid repeats others, but not exactly"), "{said}");
    // As far off as single precision is allowed.
    let mut files = good();
    change(&mut files.coordinates, "gphit", |(j, i), lat| if (j, i) == (10, 41) { lat + 0.001 } else { lat });
    assert!(files.read().is_ok());
}

#[test]
fn a_part_of_the_globe_is_refused() {
    let whole = regular(60, 30, Overlap::None);
    let mut part = Dataset::new();
    for variable in &whole.variables {
        let values = array(&whole, &variable.name).slice(ndarray::s![.., ..40]).to_owned();
        part.add_f64(&variable.name, &["y", "x"], values.into_dyn(), Attributes::new());
    }
    let said = message(&Files::planet(part));
    assert!(said.contains("does not go around the globe"), "{said}");
}

#[test]
fn without_sea_there_is_nothing_to_couple() {
    let files = Files::with_depths(f_pivot(42, 35), |_, _| 0.0);
    let run = coupling::run(&files.read().expect("good"), &Options::default(), &mut |_| {});
    assert!(matches!(run, Err(Error::NoSea)));
}

#[test]
fn sea_at_the_south_pole_is_refused() {
    let files = Files::with_depths(regular(360, 360, Overlap::None), |_, _| 1000.0);
    let run = coupling::run(&files.read().expect("good"), &Options::default(), &mut |_| {});
    let said = run.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("there is sea at -89.50 degrees north") && said.contains("-89.05"), "{said}");
}

#[test]
fn options_are_checked() {
    let input = good().read().expect("good");
    for options in [
        Options { name: "axb".to_owned(), ..Options::default() },
        Options { runoff_reach_m: -1.0, ..Options::default() },
        Options { calving_limits_deg: vec![0.0], ..Options::default() },
    ] {
        assert!(coupling::run(&input, &options, &mut |_| {}).is_err(), "{options:?}");
    }
}

/// Sea in the first row of the grid is told of, for the coupler drops it.
#[test]
fn sea_in_the_first_row_is_told_of() {
    let files = Files::with_depths(f_pivot(42, 35), |_, _| 1000.0);
    let outcome = coupling::run(&files.read().expect("good"), &Options::default(), &mut |_| {});
    let findings = outcome.expect("a result").findings;
    assert!(findings.iter().any(|f| f.code == "ocean-first-row-is-sea" && f.message.starts_with("42 cells")));
}
