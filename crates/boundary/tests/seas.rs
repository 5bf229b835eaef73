//! The maps of the editors (internal oceans, poles, passages): parity with reference files, and the fast way
//! against the obvious one.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/golden.rs"]
mod golden;

use boundary::components::{self, DateLine};
use boundary::{Elevation, internal_oceans, passages, poles};
use dataset::Dataset;
use ndarray::{Array2, Ix2};
use proptest::prelude::*;

const CASES: [&str; 3] = ["input_60ma", "standard_regrid/linear_default", "synthetic_free"];

fn map(dataset: &Dataset, name: &str) -> Array2<f64> {
    dataset.variable(name).unwrap().decode().unwrap().into_dimensionality::<Ix2>().unwrap()
}

fn assert_same(ours: &Array2<f64>, labels: &Dataset, name: &str, case: &str) {
    let expected = map(labels, name);
    assert_eq!(ours.dim(), expected.dim());
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let other = ours.iter().zip(&expected).filter(|&(&a, &b)| !same(a, b)).count();
    assert_eq!(other, 0, "{case}: {name} differs in {other} cells");
}

#[test]
fn every_label_is_that_of_the_reference() {
    for case in CASES {
        let Some(labels) = golden::dataset(&format!("{case}/labels.nc")) else { continue };
        if let Some(raw) = golden::dataset(&format!("{case}/raw.nc")) {
            assert_topography_labels(&raw, &labels, case);
        }
        if let Some(bathymetry) = golden::dataset(&format!("{case}/bathy.nc")) {
            let depths = map(&bathymetry, "Bathymetry");
            let down = Elevation::PositiveDown;
            let narrow = passages::find(depths.view(), down);
            assert_same(&narrow.layer, &labels, "bathy_passage_problems", case);
            let twos = narrow.layer.iter().filter(|&&mark| mark == 2.0).count();
            assert_eq!(narrow.count, twos);
            let seas = internal_oceans::find(depths.view(), down, DateLine::Joined);
            assert_same(&seas.layer(), &labels, "bathy_internal_oceans", case);
        }
    }
}

#[test]
fn the_committed_planet_has_its_committed_labels() {
    assert_topography_labels(&golden::committed("raw.nc"), &golden::committed("labels.nc"), "committed");
}

fn assert_topography_labels(raw: &Dataset, labels: &Dataset, case: &str) {
    let variable = raw.variables.iter().find(|v| v.dimensions.len() == 2).unwrap();
    let heights = map(raw, &variable.name);
    let lat = raw.variable(&variable.dimensions[0]).unwrap().decode().unwrap();
    let latitude = Array2::from_shape_fn(heights.dim(), |(i, _)| lat[[i]]);
    let up = Elevation::PositiveUp;
    let joined = internal_oceans::find(heights.view(), up, DateLine::Joined);
    assert_same(&joined.layer(), labels, "raw_internal_oceans", case);
    let open = internal_oceans::find(heights.view(), up, DateLine::Open);
    assert_same(&open.layer(), labels, "raw_internal_oceans_base", case);
    let marks = poles::mark(heights.view(), latitude.view(), up).unwrap();
    assert_same(&marks.layer, labels, "raw_ensure_poles", case);
    let narrow = passages::find(heights.view(), up);
    assert_same(&narrow.layer, labels, "raw_passage_problems_base", case);
}

/// Labels by filling from each cell in turn.
fn flood(mask: &Array2<bool>, date_line: DateLine) -> Array2<u32> {
    let (rows, columns) = mask.dim();
    let mut labels = Array2::<u32>::zeros(mask.dim());
    // Numbers are those of the open map.
    let mut next = 0;
    for i in 0..rows {
        for j in 0..columns {
            if mask[[i, j]] && labels[[i, j]] == 0 {
                next += 1;
                spread(mask, &mut labels, (i, j), next, DateLine::Open);
            }
        }
    }
    if date_line == DateLine::Joined {
        // Each sea of the closed map takes the smallest number in it.
        let open = labels.clone();
        let mut done = Array2::<u32>::zeros(mask.dim());
        for number in 1..=next {
            let (at, _) = open.indexed_iter().find(|(_, label)| **label == number).unwrap();
            if done[at] == 0 {
                spread(mask, &mut done, at, number, DateLine::Joined);
            }
        }
        labels = done;
    }
    labels
}

fn spread(
    mask: &Array2<bool>,
    labels: &mut Array2<u32>,
    from: (usize, usize),
    number: u32,
    date_line: DateLine,
) {
    let (rows, columns) = mask.dim();
    let mut stack = vec![from];
    while let Some((i, j)) = stack.pop() {
        if !mask[[i, j]] || labels[[i, j]] != 0 {
            continue;
        }
        labels[[i, j]] = number;
        if i > 0 {
            stack.push((i - 1, j));
        }
        if i + 1 < rows {
            stack.push((i + 1, j));
        }
        if j > 0 || date_line == DateLine::Joined {
            stack.push((i, (j + columns - 1) % columns));
        }
        if j + 1 < columns || date_line == DateLine::Joined {
            stack.push((i, (j + 1) % columns));
        }
    }
}

fn masks() -> impl Strategy<Value = Array2<bool>> {
    (1_usize..12, 1_usize..12, 0.2_f64..0.8).prop_flat_map(|(rows, columns, share)| {
        proptest::collection::vec(proptest::bool::weighted(share), rows * columns)
            .prop_map(move |cells| Array2::from_shape_vec((rows, columns), cells).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn labels_are_those_of_a_flood(mask in masks()) {
        for date_line in [DateLine::Open, DateLine::Joined] {
            prop_assert_eq!(components::label(mask.view(), date_line), flood(&mask, date_line));
        }
    }

    #[test]
    fn passages_do_not_depend_on_the_way_round(mask in masks()) {
        let depths = mask.mapv(|sea| if sea { 10.0 } else { 0.0 });
        let mut mirrored = depths.clone();
        mirrored.invert_axis(ndarray::Axis(1));
        mirrored.invert_axis(ndarray::Axis(0));
        let down = Elevation::PositiveDown;
        let (ours, theirs) = (passages::find(depths.view(), down), passages::find(mirrored.view(), down));
        prop_assert_eq!(ours.count, theirs.count);
        // The sea is 1 or 2; land is marked only between marks (the sums of the second pattern see those of the first).
        for ((i, j), &mark) in ours.layer.indexed_iter() {
            let marked = |j: Option<usize>| j.and_then(|j| ours.layer.get([i, j])).is_some_and(|&mark| mark == 2.0);
            if mask[[i, j]] {
                prop_assert!(mark == 1.0 || mark == 2.0);
            } else if !mark.is_nan() {
                prop_assert!(mark == 2.0 && marked(j.checked_sub(1)) && marked(Some(j + 1)));
            }
        }
    }

    #[test]
    fn internal_cells_are_the_sea_without_the_main_ocean(mask in masks()) {
        let heights = mask.mapv(|sea| if sea { -10.0 } else { 10.0 });
        let seas = internal_oceans::find(heights.view(), Elevation::PositiveUp, DateLine::Joined);
        let highlighted = seas.highlighted().iter().filter(|&&h| h).count();
        prop_assert_eq!(highlighted, seas.internal_cells);
        prop_assert_eq!(seas.internal_cells > 0, seas.count > 0);
        prop_assert!(mask.iter().zip(&seas.labels).all(|(&sea, &label)| sea == (label > 0)));
    }
}
