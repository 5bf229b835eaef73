//! What holds for the routing of every topography, and slow but obvious ways against the quick ones.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use boundary::Release;
use boundary::routing::cylinder::{Cylinder, Direction};
use boundary::routing::directions::{SEA, stranded};
use boundary::routing::flats::{Increments, slope_flats};
use boundary::routing::flood::{fill_towards_ring, fill_towards_sea};
use boundary::routing::pits::remove_pits;
use boundary::routing::topography::{SouthernRow, raise_southern_row, round_to_millimetres};
use boundary::routing::{Routed, route};
use ndarray::Array2;
use proptest::prelude::*;

/// How heights are drawn: the coarser, the more flats; the finer, the more neighbours a hair above a flat.
fn heights() -> impl Strategy<Value = BoxedStrategy<f64>> {
    prop_oneof![
        Just((-3..4_i32).prop_map(f64::from).boxed()),
        Just((-2000..4000_i32).prop_map(f64::from).boxed()),
        Just((-4..12_i32).prop_map(|mm| f64::from(mm) / 1000.0).boxed()),
        Just((-30..60_i32).prop_map(|mm| 5.0 * f64::from(mm > 0) + f64::from(mm) / 1000.0).boxed()),
        Just((1..5_i32).prop_map(f64::from).boxed()),
        Just((-5..1_i32).prop_map(f64::from).boxed()),
        Just(prop_oneof![1 => Just(-10.0), 12 => (1..3_i32).prop_map(f64::from)].boxed()),
    ]
}

fn topographies(rows: usize, columns: usize) -> impl Strategy<Value = Array2<f64>> {
    let shape = prop_oneof![
        6 => (1..=rows, 1..=columns),
        1 => (1..=rows, Just(1_usize)),
        1 => (Just(1_usize), 1..=columns),
        1 => Just((1, 1)),
    ];
    (shape, heights()).prop_flat_map(|((ny, nx), height)| {
        prop::collection::vec(height, ny * nx)
            .prop_map(move |values| Array2::from_shape_vec((ny, nx), values).unwrap())
    })
}

fn releases() -> impl Strategy<Value = Release> {
    prop::sample::select(Release::ALL.to_vec())
}

/// As the step prepares them.
fn prepared(map: &Array2<f64>, release: Release) -> Array2<f64> {
    let mut map = map.clone();
    round_to_millimetres(&mut map);
    let which = if release == Release::Corrected { SouthernRow::LandOnly } else { SouthernRow::Everywhere };
    raise_southern_row(&mut map, which);
    map
}

/// Checks everything that must hold for routed heights; all land drains.
fn check(topography: &Array2<f64>, routed: &Routed) -> Result<(), TestCaseError> {
    let grid = Cylinder::from_array(topography);
    let heights = &routed.drainage.heights_m;
    let directions = &routed.drainage.directions;
    let lengths = &routed.basins.river_length_km;
    let numbers = &routed.basins.numbers;
    prop_assert!(stranded(directions).is_empty());
    let mut areas = BTreeMap::new();
    let row_areas = grid.areas_km2();
    for cell in 0..grid.cells() {
        let at = grid.position(cell);
        prop_assert_eq!(topography[at] > 0.0, heights[at] > 0.0, "land stays land at {:?}", at);
        if heights[at] <= 0.0 {
            prop_assert_eq!(heights[at], topography[at], "sea is not changed");
            prop_assert_eq!((directions[at], numbers[at]), (SEA, 0));
            prop_assert!(lengths[at].is_nan() && routed.topographic_index[at].is_nan());
            continue;
        }
        // Re-rounding may take a differing last bit away.
        prop_assert!(routed.drainage.filled_m[at] >= topography[at] - 1e-9, "filled >= input at {:?}", at);
        prop_assert!(heights[at] >= routed.drainage.filled_m[at]);
        for (name, value) in [
            ("length", lengths[at]),
            ("step", routed.basins.step_km[at]),
            ("riverl", routed.length_to_downstream_m[at]),
            ("hdiff", routed.height_difference_m[at]),
            ("topoind", routed.topographic_index[at]),
        ] {
            prop_assert!(value.is_finite() && value >= 0.0, "{} is {} at {:?}", name, value, at);
        }
        *areas.entry(numbers[at]).or_insert(0.0) += row_areas[at.0];
        let direction = Direction::from_code(directions[at]).unwrap();
        let next = grid.position(grid.step(cell, direction).unwrap());
        let step = routed.basins.step_km[at];
        if heights[next] > 0.0 {
            prop_assert_eq!(numbers[next], numbers[at]);
            let expected = lengths[next] + step;
            prop_assert!((lengths[at] - expected).abs() <= 1e-12 * expected);
            prop_assert_eq!(routed.final_directions[at], directions[at]);
        } else {
            prop_assert!((lengths[at] - step).abs() <= 1e-12 * step);
            let outlet = routed.basins.outlets[numbers[at] as usize - 1];
            prop_assert_eq!(outlet, at, "one outlet per basin");
            let code = if numbers[at] < 200 { 99 } else { 98 };
            prop_assert_eq!(routed.final_directions[at], code);
        }
    }
    prop_assert_eq!(areas.len(), routed.basins.areas_km2.len());
    for (n, (number, area)) in areas.into_iter().enumerate() {
        prop_assert_eq!(number as usize, n + 1, "numbers have no gaps");
        prop_assert_eq!(area, routed.basins.areas_km2[n]);
    }
    prop_assert!(routed.basins.areas_km2.windows(2).all(|w| w[0] >= w[1]), "largest first");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_land_cell_drains_and_everything_is_consistent(
        map in topographies(14, 18),
        release in releases(),
    ) {
        let topography = prepared(&map, release);
        let land = topography.iter().filter(|&&h| h > 0.0).count();
        match route(&topography, release) {
            Ok(routed) => {
                check(&topography, &routed)?;
                prop_assert!(land < topography.len());
            }
            Err(undrained) => {
                prop_assert_eq!(land, topography.len(), "refused only without any sea");
                prop_assert_eq!(undrained.cells, land);
            }
        }
    }

    #[test]
    fn the_ring_flood_is_the_minimax_over_three_copies(map in topographies(9, 8)) {
        prop_assert_eq!(fill_towards_ring(&map), slow_ring(&map));
    }

    #[test]
    fn the_sea_flood_is_the_minimax_towards_the_sea(map in topographies(9, 12)) {
        prop_assert_eq!(fill_towards_sea(&map), slow_sea(&map));
    }

    #[test]
    fn filling_twice_is_filling_once(map in topographies(12, 12)) {
        let filled = fill_towards_sea(&map);
        prop_assert_eq!(fill_towards_sea(&filled), filled.clone());
        prop_assert!(filled.iter().zip(&map).all(|(f, h)| f >= h));
        let ring = fill_towards_ring(&map);
        prop_assert!(ring.iter().zip(&map).all(|(f, h)| f >= h));
    }

    #[test]
    fn layers_are_those_found_round_by_round(map in topographies(10, 10)) {
        let filled = fill_towards_ring(&map);
        prop_assert_eq!(slope_flats(&filled, Increments::Full), slow_slope(&filled));
    }

    #[test]
    fn pits_are_removed_as_if_every_cell_were_looked_at_in_every_round(map in topographies(8, 8)) {
        let filled = slope_flats(&fill_towards_ring(&map), Increments::Full);
        if let Ok(removed) = remove_pits(&filled) {
            prop_assert_eq!(removed.heights_m, slow_pits(&filled));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn larger_maps_drain_too(map in topographies(90, 180), release in releases()) {
        let topography = prepared(&map, release);
        if let Ok(routed) = route(&topography, release) {
            check(&topography, &routed)?;
        }
    }
}

/// A corridor that winds four times around the globe before it meets an open row: more than the copies hold.
#[test]
fn valleys_that_wind_around_the_globe_are_flooded_as_in_three_copies() {
    // Three rows up with every turn, so that every row holds walls.
    let (nx, turns, climb) = (12, 4, 3);
    let ny = turns * climb + 2;
    let mut map = Array2::from_elem((ny, nx), 900.0);
    for unrolled in 0..turns * nx {
        map[(1 + unrolled * climb / nx, unrolled % nx)] = 100.0;
    }
    map.row_mut(ny - 1).fill(-5.0);
    let filled = fill_towards_ring(&map);
    assert_eq!(filled, slow_ring(&map));
    // Joined without end, the valley would drain from its beginning.
    assert_eq!((filled[(1, 0)], fill_towards_sea(&map)[(1, 0)]), (900.0, 100.0));
}

#[test]
fn all_land_all_sea_and_one_cell() {
    for release in Release::ALL {
        for (ny, nx) in [(1, 1), (1, 7), (7, 1), (6, 9)] {
            let sea = Array2::from_elem((ny, nx), -100.0);
            let routed = route(&sea, release).unwrap();
            assert!(routed.basins.outlets.is_empty());
            assert!(routed.final_directions.iter().all(|&code| code == SEA));
            let land = Array2::from_elem((ny, nx), 100.0);
            assert_eq!(route(&land, release).unwrap_err().cells, ny * nx);
        }
        assert!(route(&Array2::zeros((0, 0)), release).is_ok());
    }
}

/// Relaxes levels until nothing changes: `level = max(height, lowest level around)`.
fn relax(heights: &Array2<f64>, outlet: impl Fn((usize, usize)) -> Option<f64>, wraps: bool) -> Array2<f64> {
    let (ny, nx) = heights.dim();
    let mut levels = Array2::from_shape_fn((ny, nx), |at| outlet(at).unwrap_or(f64::INFINITY));
    loop {
        let mut changed = false;
        for i in 0..ny as isize {
            for j in 0..nx as isize {
                let mut lowest = f64::INFINITY;
                for (di, dj) in [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)] {
                    let row = i + di;
                    let column = if wraps { (j + dj).rem_euclid(nx as isize) } else { j + dj };
                    if (0..ny as isize).contains(&row) && (0..nx as isize).contains(&column) {
                        lowest = lowest.min(levels[(row as usize, column as usize)]);
                    }
                }
                let at = (i as usize, j as usize);
                let level = heights[at].max(lowest);
                if level < levels[at] {
                    levels[at] = level;
                    changed = true;
                }
            }
        }
        if !changed {
            return levels;
        }
    }
}

/// The rule to the letter: three copies, a ring of maxima, minimax paths to the ring, sea put back.
fn slow_ring(map: &Array2<f64>) -> Array2<f64> {
    let (ny, nx) = map.dim();
    let wide = Array2::from_shape_fn((ny, 3 * nx), |(i, j)| map[(i, j % nx)]);
    let largest = |values: ndarray::ArrayView1<f64>| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let all = wide.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let on_ring = |i: usize, j: usize| (i == 0 || i == ny + 1, j == 0 || j == 3 * nx + 1);
    let padded = Array2::from_shape_fn((ny + 2, 3 * nx + 2), |(i, j)| match on_ring(i, j) {
        (true, true) => all,
        (true, false) => largest(wide.column(j - 1)),
        (false, true) => largest(wide.row(i - 1)),
        (false, false) => wide[(i - 1, j - 1)],
    });
    let levels = relax(&padded, |(i, j)| (on_ring(i, j) != (false, false)).then(|| padded[(i, j)]), false);
    Array2::from_shape_fn(
        (ny, nx),
        |(i, j)| {
            if map[(i, j)] > 0.0 { levels[(i + 1, nx + j + 1)] } else { map[(i, j)] }
        },
    )
}

fn slow_sea(map: &Array2<f64>) -> Array2<f64> {
    if map.iter().all(|&h| h > 0.0) {
        return map.clone();
    }
    relax(map, |at| (map[at] <= 0.0).then_some(map[at]), true)
}

/// The eight differences of a cell by the definition, beyond a pole one higher than the row.
fn differences(map: &Array2<f64>, i: usize, j: usize) -> Vec<(f64, Option<(usize, usize)>)> {
    let (ny, nx) = map.dim();
    let offsets = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)];
    offsets
        .into_iter()
        .map(|(di, dj): (isize, isize)| {
            let column = (j as isize + dj).rem_euclid(nx as isize) as usize;
            match i.checked_add_signed(di).filter(|&row| row < ny) {
                Some(row) => (map[(i, j)] - map[(row, column)], Some((row, column))),
                None => (map[(i, j)] - (map[(i, column)] + 1.0), None),
            }
        })
        .collect()
}

fn slow_slope(filled: &Array2<f64>) -> Array2<f64> {
    let (ny, nx) = filled.dim();
    let mut layers = Array2::<u32>::zeros((ny, nx));
    for ((i, j), &height) in filled.indexed_iter() {
        let around = differences(filled, i, j);
        if height > 0.0 && around.iter().any(|d| d.0 > 0.0) && around.iter().any(|d| d.0 == 0.0) {
            layers[(i, j)] = 1;
        }
    }
    let mut layer = 0;
    while layers.iter().any(|&l| l == layer + 1) {
        layer += 1;
        let now = layers.clone();
        for ((i, j), _) in now.indexed_iter().filter(|&(_, &l)| l == layer) {
            for (difference, neighbour) in differences(filled, i, j) {
                if let Some(at) = neighbour
                    && difference == 0.0
                    && layers[at] == 0
                {
                    layers[at] = layer + 1;
                }
            }
        }
    }
    if layer == 0 {
        return filled.clone();
    }
    let increment = 1.0 / (100.0 * f64::from(layer));
    Array2::from_shape_fn((ny, nx), |at| filled[at] + f64::from(layers[at]) * increment)
}

fn slow_pits(heights: &Array2<f64>) -> Array2<f64> {
    let mut heights = heights.clone();
    loop {
        let before = heights.clone();
        for ((i, j), &height) in before.indexed_iter() {
            let around = differences(&before, i, j);
            if height > 0.0 && around.iter().all(|d| d.0 < 0.0) {
                heights[(i, j)] += (around.iter().map(|d| d.0).sum::<f64>() / 8.0).abs();
            }
        }
        if before == heights {
            return heights;
        }
    }
}
