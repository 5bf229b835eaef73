//! Vegetation: parity with reference files, and what holds for every table and grid.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/golden.rs"]
mod golden;

use boundary::pft::{self, Band, Parameters, TYPES, Table};
use boundary::{Release, Silent};
use dataset::{Attributes, Dataset};
use ndarray::Array2;
use proptest::prelude::*;

const CASES: [&str; 3] = ["input_60ma", "standard_regrid/linear_default", "synthetic_free"];

fn vegetation(routing: &Dataset, table: Table, release: Release) -> Dataset {
    pft::run(routing, &Parameters { table, release }, &Silent).unwrap().dataset
}

#[test]
fn every_case_is_the_same_file() {
    for case in CASES {
        let Some(routing) = golden::dataset(&format!("{case}/routing.nc")) else { continue };
        for release in [Release::R2021, Release::R2023] {
            let result = vegetation(&routing, Table::default(), release);
            golden::assert_same_file(&result, &format!("{case}/pft.nc"));
        }
    }
}

#[test]
fn the_committed_planet_has_its_committed_vegetation() {
    let result = vegetation(&golden::committed("routing.nc"), Table::default(), Release::R2021);
    let (ours, expected) = (dataset::to_bytes(&result), dataset::to_bytes(&golden::committed("pft.nc")));
    assert!(ours.unwrap() == expected.unwrap());
}

#[test]
fn the_table_comes_back_from_the_reference_files() {
    for case in CASES {
        let Some(file) = golden::dataset(&format!("{case}/pft.nc")) else { continue };
        assert_eq!(Table::recover(&file), Some(Table::default()), "{case}");
    }
}

#[test]
fn the_corrected_release_says_so_and_masks_every_sea_cell() {
    let Some(routing) = golden::dataset("synthetic_free/routing.nc") else { return };
    let result = vegetation(&routing, Table::default(), Release::Corrected);
    assert!(result.attributes.text("history").unwrap().contains("centres of the cells"));
    let fractions = result.variable("maxvegetfrac").unwrap().decode().unwrap();
    let topo = routing.variable("topo").unwrap().decode().unwrap();
    // A cell whose four neighbours are all sea (all land) is sea (land) at its four quarters.
    for i in 1..179 {
        for j in 0..360 {
            let around = [(i, j), (i - 1, j), (i + 1, j), (i, (j + 1) % 360), (i, (j + 359) % 360)];
            let corners = [
                (i - 1, (j + 1) % 360),
                (i - 1, (j + 359) % 360),
                (i + 1, (j + 1) % 360),
                (i + 1, (j + 359) % 360),
            ];
            let sea = |&(i, j): &(usize, usize)| topo[[i, j]] <= 0.0;
            let kinds: Vec<bool> = around.iter().chain(&corners).map(sea).collect();
            if kinds.iter().all(|&k| k == kinds[0]) {
                for (row, column) in
                    [(2 * i, 2 * j), (2 * i + 1, 2 * j), (2 * i, 2 * j + 1), (2 * i + 1, 2 * j + 1)]
                {
                    assert_eq!(fractions[[0, 0, row, column]].is_nan(), kinds[0], "{i} {j}");
                }
            }
        }
    }
}

#[test]
fn a_file_without_heights_is_refused() {
    let error = pft::run(&Dataset::new(), &Parameters::default(), &Silent).unwrap_err();
    assert!(error.to_string().contains("'topo'"));
    let mut flat = Dataset::new();
    flat.add_f64("topo", &["x"], ndarray::arr1(&[1.0]).into_dyn(), Attributes::new());
    assert!(matches!(pft::run(&flat, &Parameters::default(), &Silent), Err(pft::Error::NotAMap { .. })));
}

fn tables() -> impl Strategy<Value = Table> {
    // Ends on whole rows of an 18-row routing grid: five degrees.
    (proptest::collection::btree_set(1_u32..18, 0..6), proptest::collection::vec(0_u32..=100, 7 * TYPES))
        .prop_map(|(ends, shares)| {
            let mut bands: Vec<Band> = Vec::new();
            for (row, end) in ends.into_iter().chain([18]).enumerate() {
                let mut percent = [0.0; TYPES];
                for (kind, share) in percent.iter_mut().enumerate() {
                    *share = f64::from(shares[row * TYPES + kind]);
                }
                percent[0] = 2.0 + row as f64;
                bands.push(Band { up_to_degrees: f64::from(end * 5), percent });
            }
            Table::new(bands).unwrap()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn a_table_survives_the_file(table in tables(), heights in proptest::collection::vec(-10.0_f64..10.0, 18 * 4)) {
        let mut routing = Dataset::new();
        let heights = Array2::from_shape_vec((18, 4), heights).unwrap();
        routing.add_f64("topo", &["y", "x"], heights.into_dyn(), Attributes::new());
        let file = vegetation(&routing, table, Release::R2023);
        let recovered = Table::recover(&file).unwrap();
        let again = vegetation(&routing, recovered, Release::R2023);
        prop_assert_eq!(dataset::to_bytes(&again).unwrap(), dataset::to_bytes(&file).unwrap());
    }

    #[test]
    fn on_land_every_row_has_the_shares_of_its_band(table in tables()) {
        let mut routing = Dataset::new();
        routing.add_f64("topo", &["y", "x"], Array2::from_elem((18, 3), 1.0).into_dyn(), Attributes::new());
        let file = vegetation(&routing, table.clone(), Release::Corrected);
        let fractions = file.variable("maxvegetfrac").unwrap().decode().unwrap();
        let latitude = file.variable("lat").unwrap().decode().unwrap();
        for (row, latitude) in latitude.iter().enumerate() {
            let band = table.bands().iter().find(|band| latitude.abs() < band.up_to_degrees).unwrap();
            for kind in 0..TYPES {
                prop_assert_eq!(fractions[[0, kind, row, 0]], band.percent[kind] / 100.0);
            }
        }
    }

    #[test]
    fn the_form_never_panics(text in "\\PC{0,60}") {
        let _ = Table::from_json(&text);
        let _ = Table::from_json(&format!("{{\"dataArray\": {text}}}"));
    }
}
