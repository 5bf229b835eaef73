//! Routing against the reference files: every stage and every file, bit for bit.
//!
//! The files of the synthetic planet were made with another mathematical library and another sort (vector
//! instructions): the order of basins of exactly equal size and the last bit of the topographic index are
//! theirs alone. There the comparison is up to a permutation of such basins, and within 5e-16 relative for
//! the index; everything else, and every other case, is bit for bit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/golden.rs"]
mod golden;
#[path = "support/routing.rs"]
mod support;

use boundary::routing::directions::{PolarRows, SEA, Steepest, flow_directions};
use boundary::routing::flats::{Increments, slope_flats};
use boundary::routing::flood::{fill_towards_ring, fill_towards_sea};
use boundary::routing::heights::Remedy;
use boundary::routing::{self, Error, Parameters, Products, masks};
use boundary::{Release, Severity, Silent};
use dataset::{Dataset, Values};
use ndarray::{Array2, s};
use support::{
    assert_bits, assert_close, assert_same_basins, assert_same_partition, committed, field, prepared,
    reference_grid, reference_latitudes,
};

/// The cases of the release of 2021 and their variable of heights.
const CASES: [(&str, &str); 3] =
    [("input_60ma", "topo"), ("synthetic_free", "topo"), ("standard_regrid/linear_default", "Z")];

/// How far a reference is defined.
#[derive(Clone, Copy, PartialEq)]
enum Defined {
    ToTheBit,
    /// But for the order of equal basins and the last bit of powers.
    ButForTies,
}

fn defined(case: &str) -> Defined {
    if case.ends_with("synthetic_free") { Defined::ButForTies } else { Defined::ToTheBit }
}

/// Compares every stage that the reference holds.
fn assert_stages(case: &str, raw: &Dataset, topo_var: &str, stages: &Dataset) {
    let topography = prepared(raw, topo_var);
    let filled = fill_towards_ring(&topography);
    let has = |name: &str| stages.variable(name).is_some();
    let same = |name: &str, ours: Array2<f64>| {
        if has(name) {
            assert_bits(&format!("{case}: {name}"), &ours, &field(stages, name));
        }
    };
    same("filled", filled.clone());
    let routed = routing::route(&topography, Release::R2021).unwrap();
    assert_eq!(routed.drainage.remedy, Remedy::None);
    let heights = &routed.drainage.heights_m;
    assert_bits("one way or the other", &slope_flats(&filled, Increments::Full), heights);
    same("fix_topo", heights.clone());
    same("orog", masks::orography(heights));
    same("omsk", masks::ocean_mask(heights));
    same("cmsk", masks::coast_mask(heights));
    let or_nan = |code: u8| if code == SEA { f64::NAN } else { f64::from(code) };
    let directions = flow_directions(heights, Steepest::Drop, PolarRows::AwayFromPole);
    assert_eq!(directions, routed.drainage.directions);
    same("trip", directions.mapv(or_nan));
    let (ny, nx) = heights.dim();
    let areas = routing::cylinder::Cylinder { ny, nx }.areas_km2();
    same("area", Array2::from_shape_fn((ny, nx), |(i, _)| areas[i]));
    same("ocean_distances", routed.basins.step_km.clone());
    same("river_length", routed.basins.river_length_km.clone());
    same("distbox", routed.length_to_downstream_m.clone());
    same("trip_outflow", routed.final_directions.mapv(or_nan));
    same("dzz", routed.height_difference_m.clone());
    match defined(case) {
        Defined::ToTheBit => {
            same("basins", routed.basins.numbers.mapv(|n| if n == 0 { f64::NAN } else { f64::from(n) }));
            same("topo_index", routed.topographic_index.clone());
        }
        Defined::ButForTies => {
            if has("topo_index") {
                assert_close(case, &routed.topographic_index, &field(stages, "topo_index"), 5e-16);
            }
            if has("basins") {
                assert_same_basins(case, &routed.basins, &field(stages, "basins"));
            }
            let theirs = field(stages, "outflow_points");
            let mut outlets = routed.basins.outlets.clone();
            let mut stored: Vec<_> =
                theirs.rows().into_iter().map(|o| (o[0] as usize, o[1] as usize)).collect();
            // Rank by rank an outlet of a basin of the same size.
            for (&(i, j), area) in stored.iter().zip(&routed.basins.areas_km2) {
                let number = routed.basins.numbers[(i, j)] as usize;
                assert_eq!(routed.basins.areas_km2[number - 1], *area, "{case}: outlet {i} {j}");
            }
            outlets.sort_unstable();
            stored.sort_unstable();
            assert_eq!(outlets, stored, "{case}: outlets");
            assert_same_partition(case, &masks::continents(heights), &field(stages, "continents"));
            return;
        }
    }
    let outlets = &routed.basins.outlets;
    same(
        "outflow_points",
        Array2::from_shape_fn((outlets.len(), 2), |(n, axis)| {
            (if axis == 0 { outlets[n].0 } else { outlets[n].1 }) as f64
        }),
    );
    assert_same_partition(case, &masks::continents(heights), &field(stages, "continents"));
}

fn assert_routing(case: &str, raw: &Dataset, release: Release, ours: &Dataset, name: &str) {
    match defined(case) {
        Defined::ToTheBit => golden::assert_same_file(ours, name),
        Defined::ButForTies => {
            let Some(theirs) = golden::dataset(name) else { return };
            assert_routing_but_for_ties(case, raw, release, ours, &theirs);
        }
    }
}

/// The same file but for the order of equal basins and the last bit of powers.
fn assert_routing_but_for_ties(
    case: &str,
    raw: &Dataset,
    release: Release,
    ours: &Dataset,
    theirs: &Dataset,
) {
    let routed = routing::route(&prepared(raw, "topo"), release).unwrap();
    let mut rest = ours.clone();
    for name in ["basins", "topoind"] {
        let (mine, stored) = (field(ours, name), field(theirs, name));
        if name == "basins" {
            assert_same_basins(case, &routed.basins, &stored.slice(s![..;-1, ..]).to_owned());
        } else {
            assert_close(case, &mine, &stored, 5e-16);
        }
        let variable = rest.variables.iter_mut().find(|v| v.name == name).unwrap();
        variable.values = Values::F64(stored.into_dyn());
    }
    // With the two replaced the files are the same to the byte: header, order, every other variable.
    for (a, b) in rest.variables.iter().zip(&theirs.variables) {
        let field = |v: &dataset::Variable| v.decode().unwrap().into_dimensionality().unwrap();
        assert_bits(&format!("{case}: {}", a.name), &field(a), &field(b));
    }
    assert!(support::same(&rest, theirs), "{case}: header");
}

fn parameters(topo_var: &str, release: Release) -> Parameters {
    Parameters { release, relief_latitudes: reference_latitudes(), ..Parameters::new(topo_var) }
}

fn codes(products: &Products) -> Vec<&'static str> {
    products.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn the_committed_planet_has_every_stage_of_2021() {
    let (raw, stages) = (committed("raw.nc.gz"), committed("stages.nc.gz"));
    assert_stages("committed synthetic_free", &raw.1, "topo", &stages.1);
}

#[test]
fn the_committed_planet_has_the_files_of_2021_to_the_byte() {
    let raw = committed("raw.nc.gz").1;
    let parameters = Parameters { release: Release::R2021, ..Parameters::new("topo") };
    let products = routing::run(&raw, &parameters, &support::some_ocean_grid(), &Silent).unwrap();
    let stored = committed("routing.nc.gz").1;
    assert_routing_but_for_ties("committed", &raw, Release::R2021, &products.routing, &stored);
    assert!(dataset::to_bytes(&products.soils).unwrap() == committed("soils.nc.gz").0, "soils");
}

#[test]
fn the_committed_planet_has_the_heights_of_2023() {
    let (raw, reference) = (committed("raw.nc.gz").1, committed("fix_topo_2023.nc.gz").1);
    let routed = routing::route(&prepared(&raw, "topo"), Release::R2023).unwrap();
    assert_bits("committed", &routed.drainage.heights_m, &field(&reference, "fix_topo"));
}

#[test]
fn every_case_has_every_stage_of_2021() {
    for (case, topo_var) in CASES {
        let Some(raw) = golden::dataset(&format!("{case}/raw.nc")) else { continue };
        let Some(stages) = golden::dataset(&format!("{case}/intermediates.nc")) else { continue };
        assert_stages(case, &raw, topo_var, &stages);
    }
}

#[test]
fn every_case_has_the_files_of_2021_to_the_byte() {
    for (case, topo_var) in CASES {
        let Some(ocean) = reference_grid() else { return };
        let Some(raw) = golden::dataset(&format!("{case}/raw.nc")) else { continue };
        let products = routing::run(&raw, &parameters(topo_var, Release::R2021), &ocean, &Silent).unwrap();
        assert_routing(case, &raw, Release::R2021, &products.routing, &format!("{case}/routing.nc"));
        golden::assert_same_file(&products.bathy, &format!("{case}/bathy.nc"));
        golden::assert_same_file(&products.soils, &format!("{case}/soils.nc"));
        if case == "input_60ma" {
            golden::assert_same_file(&products.topo_high_res, &format!("{case}/topo_high_res.nc"));
        }
    }
}

#[test]
fn every_case_has_the_files_of_2023_to_the_byte() {
    for case in ["input_60ma", "synthetic_free"] {
        let Some(ocean) = reference_grid() else { return };
        let Some(raw) = golden::dataset(&format!("{case}/raw.nc")) else { continue };
        let products = routing::run(&raw, &parameters("topo", Release::R2023), &ocean, &Silent).unwrap();
        assert_routing(
            case,
            &raw,
            Release::R2023,
            &products.routing,
            &format!("release_2023/{case}/routing.nc"),
        );
        golden::assert_same_file(&products.bathy, &format!("release_2023/{case}/bathy.nc"));
        let Some(reference) = golden::dataset(&format!("release_2023/{case}/fix_topo.nc")) else { continue };
        let routed = routing::route(&prepared(&raw, "topo"), Release::R2023).unwrap();
        assert_bits(case, &routed.drainage.heights_m, &field(&reference, "fix_topo"));
    }
}

#[test]
fn single_precision_heights_are_routed_in_double() {
    let Some(ocean) = reference_grid() else { return };
    let (Some(single), Some(double)) =
        (golden::dataset("input_float32/raw.nc"), golden::dataset("input_60ma/raw.nc"))
    else {
        return;
    };
    assert!(matches!(single.variable("topo").map(|v| &v.values), Some(Values::F32(_))));
    for release in Release::ALL {
        let ours = routing::run(&single, &parameters("topo", release), &ocean, &Silent).unwrap();
        let theirs = routing::run(&double, &parameters("topo", release), &ocean, &Silent).unwrap();
        let bytes = |file: &Dataset| dataset::to_bytes(file).unwrap();
        assert!(bytes(&ours.routing) == bytes(&theirs.routing), "{release}: routing");
        assert!(bytes(&ours.bathy) == bytes(&theirs.bathy), "{release}: bathymetry");
    }
    // What does not depend on the last bits of heights is what the platform stored for single precision.
    let Some(stored) = golden::dataset("input_float32/routing.nc") else { return };
    let ours = routing::run(&single, &parameters("topo", Release::R2021), &ocean, &Silent).unwrap().routing;
    for name in ["trip", "basins", "disto", "riverl"] {
        assert_bits(name, &field(&ours, name), &field(&stored, name));
    }
}

#[test]
fn ocean_grids_of_the_users_own() {
    let Some(raw) = golden::dataset("input_60ma/raw.nc") else { return };
    let run = |grid: &str, release| {
        let ocean = support::t_points(&golden::dataset(&format!("orca_custom/{grid}_grid.nc"))?);
        Some(routing::run(&raw, &parameters("topo", release), &ocean, &Silent).unwrap())
    };
    let Some(regular) = run("regular_sign", Release::R2021) else { return };
    golden::assert_same_file(&regular.bathy, "orca_custom/regular_sign_bathy.nc");

    // Longitudes 0..360 are the same places as -180..180; the platform took all beyond 180 for 179.5 E.
    let turned = run("lon_0_360", Release::R2021).unwrap();
    let mut ocean = support::t_points(&golden::dataset("orca_custom/lon_0_360_grid.nc").unwrap());
    ocean.lon_deg.mapv_inplace(|lon| if lon > 180.0 { lon - 360.0 } else { lon });
    let expected = routing::run(&raw, &parameters("topo", Release::R2021), &ocean, &Silent).unwrap();
    let depths = field(&turned.bathy, "Bathymetry");
    assert_bits("0..360", &depths, &field(&expected.bathy, "Bathymetry"));
    let stored = golden::dataset("orca_custom/lon_0_360_bathy.nc").unwrap();
    let wrong = field(&stored, "Bathymetry");
    assert!(depths != wrong, "the stored file shows the defect");
    for (at, &lon) in field(&stored, "nav_lon").indexed_iter() {
        assert!(lon > 180.0 || depths[at] == wrong[at], "west of 180 nothing changes");
    }
    assert!(codes(&turned).contains(&"ocean-grid-longitudes"));
    assert_bits("0..360", &field(&turned.bathy, "nav_lon"), &field(&stored, "nav_lon"));

    // A grid that no `coordinates` attribute names is sampled like any other; the platform wrote the map
    // itself.
    let plain = run("without_coordinates_attribute", Release::R2021).unwrap();
    assert_eq!(plain.bathy.variable("Bathymetry").map(|v| v.shape().to_vec()), Some(vec![24, 30]));
    assert_bits("plain", &field(&plain.bathy, "Bathymetry"), &field(&regular.bathy, "Bathymetry"));
}

/// The constructed topography `name` as a file of its own.
fn constructed(inputs: &Dataset, name: &str) -> Dataset {
    let mut file = inputs.clone();
    file.variables.retain(|v| [name, "lat", "lon"].contains(&v.name.as_str()));
    file
}

#[test]
fn what_the_platform_failed_on_is_routed() {
    let Some(inputs) = golden::dataset("failures/inputs.nc") else { return };
    let ocean = support::some_ocean_grid();
    for name in [
        "cone_no_flats",
        "basin_larger_than_ocean",
        "pit_by_gradient",
        "river_900_cells",
        "river_1200_cells",
        "long_flat",
        "high_plateau_float32",
        "north_pole_flat",
        "enclosed_sea",
        "landlocked_rows",
        "shallow_south_row",
    ] {
        let file = constructed(&inputs, name);
        for release in Release::ALL {
            let products = routing::run(&file, &parameters(name, release), &ocean, &Silent)
                .unwrap_or_else(|error| panic!("{name}, {release}: {error}"));
            support::assert_drained(&format!("{name}, {release}"), &products.routing);
            eprintln!("{name}, {release}: {:?}", codes(&products));
        }
    }
}

#[test]
fn constructed_topographies_say_what_is_odd_about_them() {
    let Some(inputs) = golden::dataset("failures/inputs.nc") else { return };
    let ocean = support::some_ocean_grid();
    let findings = |name: &str, release| {
        let file = constructed(&inputs, name);
        codes(&routing::run(&file, &parameters(name, release), &ocean, &Silent).unwrap())
    };
    assert!(findings("pit_by_gradient", Release::R2021).contains(&"small-increments"));
    assert!(findings("enclosed_sea", Release::R2021).contains(&"ring-flooding"));
    assert!(findings("landlocked_rows", Release::R2023).contains(&"ring-flooding"));
    assert!(findings("shallow_south_row", Release::R2023).contains(&"southern-row"));
    assert!(findings("enclosed_sea", Release::R2023).contains(&"enclosed-seas"));
    for name in ["enclosed_sea", "landlocked_rows", "shallow_south_row"] {
        let corrected = findings(name, Release::Corrected);
        assert!(!corrected.contains(&"ring-flooding") && !corrected.contains(&"southern-row"), "{name}");
    }
}

#[test]
fn what_cannot_be_routed_is_refused_with_a_reason() {
    let Some(inputs) = golden::dataset("failures/inputs.nc") else { return };
    let ocean = support::some_ocean_grid();
    for release in Release::ALL {
        let refused = |name: &str| {
            routing::run(&constructed(&inputs, name), &parameters(name, release), &ocean, &Silent)
                .unwrap_err()
        };
        assert!(matches!(refused("all_ocean"), Error::NoLand { .. }));
        assert!(matches!(refused("all_land"), Error::NoSea { .. }));
        assert!(matches!(refused("nan_one_ocean"), Error::Missing { count: 1, .. }));
        assert!(matches!(refused("nan_one_land"), Error::Missing { count: 1, .. }));
        assert!(matches!(refused("nan_edges"), Error::Missing { .. }));
        let message = refused("nan_edges").to_string();
        assert!(message.contains("'nan_edges'") && message.contains("latitude"), "{message}");
    }
}

#[test]
fn single_cells_of_the_constructed_topographies_drain_as_they_did() {
    // Where the platform routed them, heights are its heights: the fill of the enclosed sea is that of the
    // ring.
    let Some(inputs) = golden::dataset("failures/inputs.nc") else { return };
    let topography = prepared(&constructed(&inputs, "enclosed_sea"), "enclosed_sea");
    let (ring, sea) = (fill_towards_ring(&topography), fill_towards_sea(&topography));
    assert!(ring.iter().zip(&sea).any(|(r, s)| r > s));
    assert_bits("2021", &ring, &routing::route(&topography, Release::R2021).unwrap().drainage.filled_m);
    assert_bits(
        "corrected",
        &sea,
        &routing::route(&topography, Release::Corrected).unwrap().drainage.filled_m,
    );
}

#[test]
fn corrections_are_named_in_the_history_and_only_there() {
    let raw = committed("raw.nc.gz").1;
    let ocean = support::some_ocean_grid();
    for release in Release::ALL {
        let parameters = Parameters { release, ..Parameters::new("topo") };
        let products = routing::run(&raw, &parameters, &ocean, &Silent).unwrap();
        for file in [&products.routing, &products.bathy, &products.soils, &products.topo_high_res] {
            let history = file.attributes.text("history");
            assert_eq!(history.is_some(), release == Release::Corrected, "{history:?}");
            if let Some(history) = history {
                assert!(history.contains("southernmost row"), "{history}");
            }
        }
        if release == Release::Corrected {
            let (trip, riverl) = (field(&products.routing, "trip"), field(&products.routing, "riverl"));
            assert!(trip.iter().zip(&riverl).all(|(t, r)| t.is_nan() == r.is_nan()), "missing over sea");
        } else {
            assert!(products.findings.iter().any(|f| f.severity == Severity::Warning));
        }
    }
}

#[test]
fn turned_inputs_give_the_same_files() {
    let raw = committed("raw.nc.gz").1;
    let ocean = support::some_ocean_grid();
    let parameters = Parameters::new("topo");
    let expected = routing::run(&raw, &parameters, &ocean, &Silent).unwrap();
    for (turned, code) in support::turned(&raw, "topo", "lat", "lon") {
        let products = routing::run(&turned, &parameters, &ocean, &Silent).unwrap();
        assert!(
            products.routing == expected.routing || support::same(&products.routing, &expected.routing),
            "{code}"
        );
        assert!(support::same(&products.topo_high_res, &expected.topo_high_res), "{code}");
        assert!(codes(&products).contains(&code), "{code}: {:?}", codes(&products));
    }
}
