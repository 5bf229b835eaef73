//! What interpolation weights must keep, on the grids that they are made for.

use grid::sphere::Vector;
use grid::{OceanGrid, RegularGrid, orca};
use proptest::prelude::*;
use remap::{Mesh, Method, Moments, Norm, Weights, polygon_overlap};

/// The built-in ocean grid, 182 by 149.
fn orca2() -> Mesh {
    let grid = orca::grid(&orca::Parameters::default()).expect("the default grid");
    Mesh::ocean(&grid).expect("its cells")
}

/// An atmosphere's grid: rows stand on both poles, from north to south.
fn lmdz(columns: usize, rows: usize) -> Mesh {
    let lon = (0..columns).map(|i| -180.0 + i as f64 * 360.0 / columns as f64).collect();
    let lat = (0..rows).map(|j| 90.0 - j as f64 * 180.0 / (rows - 1) as f64).collect();
    Mesh::regular(&RegularGrid::new(lon, lat).expect("axes")).expect("cells")
}

/// A regular grid as polygons, so that its edges are great circles beside any other mesh.
fn polygons(columns: usize, rows: usize) -> Mesh {
    let (dlon, dlat) = (360.0 / columns as f64, 180.0 / rows as f64);
    let (mut centres, mut corners) = (Vec::new(), Vec::new());
    for j in 0..rows {
        for i in 0..columns {
            let (west, south) = (i as f64 * dlon, -90.0 + j as f64 * dlat);
            centres.push((west + dlon / 2.0, south + dlat / 2.0));
            let (east, north) = (west + dlon, south + dlat);
            corners.extend([(west, south), (east, south), (east, north), (west, north)]);
        }
    }
    Mesh::curvilinear((rows, columns), centres, &corners).expect("cells")
}

fn pairs() -> Vec<(&'static str, Mesh, Mesh)> {
    vec![
        ("ORCA2 to LMDZ 96x95", orca2(), lmdz(96, 96)),
        ("ORCA2 to LMDZ 144x143", orca2(), lmdz(144, 143)),
        ("LMDZ 144x143 to ORCA2", lmdz(144, 143), orca2()),
        ("regular to regular", lmdz(144, 143), lmdz(96, 96)),
        ("regular to polygons", lmdz(96, 96), polygons(150, 81)),
    ]
}

fn wavy(mesh: &Mesh) -> Vec<f64> {
    (0..mesh.len())
        .map(|cell| {
            let p = Vector::from_degrees(mesh.centre_deg(cell));
            2.0 + p.x * p.y - 0.3 * p.z + (3.0 * p.y).sin()
        })
        .collect()
}

fn row_sums(weights: &Weights) -> Vec<f64> {
    weights.apply(&vec![1.0; weights.source_area_sr.len()])
}

#[test]
fn overlaps_sum_to_the_area_of_cells_that_the_source_covers() {
    // The atmosphere covers the sphere, so every ocean cell is covered.
    for (source, target) in
        [(lmdz(144, 143), orca2()), (polygons(50, 40), lmdz(96, 96)), (lmdz(96, 96), lmdz(144, 143))]
    {
        let found = remap::overlaps(&source, &target, Moments::Without);
        for cell in (0..target.len()).filter(|&cell| target.active()[cell]) {
            let sum: f64 = found.area_sr[found.row(cell)].iter().sum();
            let area = found.target_area_sr[cell];
            assert!((sum / area - 1.0).abs() < 1e-11, "cell {cell}: {sum} of {area}");
        }
    }
}

#[test]
fn the_ocean_grid_tiles_the_sphere_north_of_its_first_row() {
    // Found in the atmosphere, ocean cells that overlapped each other would cover more than there is.
    let found = remap::overlaps(&orca2(), &lmdz(144, 143), Moments::Without);
    for cell in 0..found.target_area_sr.len() {
        let (row, sum) = (cell / 144, found.area_sr[found.row(cell)].iter().sum::<f64>());
        let part = sum / found.target_area_sr[cell];
        assert!(part < 1.0 + 1e-6, "cell {cell} of row {row}: {part}");
        if row < 130 {
            assert!(part > 1.0 - 1e-6, "cell {cell} of row {row}: {part}");
        }
    }
}

#[test]
fn rows_sum_to_one_or_to_the_covered_part() {
    for (name, source, target) in pairs() {
        for method in [Method::Conservative, Method::Conservative2] {
            let means = remap::weights(&source, &target, method, Norm::FracArea);
            let fluxes = remap::weights(&source, &target, method, Norm::DestArea);
            let sums = row_sums(&means).into_iter().zip(row_sums(&fluxes));
            for (cell, (mean, flux)) in sums.enumerate() {
                let part = means.target_fraction[cell];
                assert!(
                    part == 0.0 || (mean - 1.0).abs() < 1e-12,
                    "{name}, {method:?}: {mean} in cell {cell}"
                );
                assert!(
                    (flux - part).abs() < 1e-12,
                    "{name}, {method:?}: {flux}, not {part}, in cell {cell}"
                );
            }
        }
    }
}

#[test]
fn integrals_are_kept() {
    for (name, source, target) in pairs() {
        for norm in [Norm::FracArea, Norm::DestArea] {
            for (field, bound) in [(vec![1.0; source.len()], 1e-13), (wavy(&source), 1e-12)] {
                let weights = remap::weights(&source, &target, Method::Conservative, norm);
                let before = weights.source_integral(&field);
                let after = weights.target_integral(&weights.apply(&field));
                assert!((after / before - 1.0).abs() < bound, "{name}, {norm:?}: {after} from {before}");
            }
        }
    }
}

#[test]
fn the_second_order_keeps_integrals_where_sources_are_covered_wholly() {
    for (source, target) in
        [(orca2(), lmdz(144, 143)), (lmdz(144, 143), lmdz(96, 96)), (lmdz(96, 96), polygons(60, 31))]
    {
        let weights = remap::weights(&source, &target, Method::Conservative2, Norm::FracArea);
        let field = wavy(&source);
        let before = weights.source_integral(&field);
        let after = weights.target_integral(&weights.apply(&field));
        assert!((after / before - 1.0).abs() < 1e-12, "{after} from {before}");
    }
}

#[test]
fn masked_cells_neither_give_nor_take() {
    let east =
        |mesh: &Mesh| -> Vec<bool> { (0..mesh.len()).map(|cell| mesh.centre_deg(cell).0 < 40.0).collect() };
    let (source, target) = (orca2(), lmdz(96, 96));
    let (source_sea, target_sea) = (east(&source), east(&target));
    let source = source.masked(&source_sea).expect("a mask");
    let target = target.masked(&target_sea).expect("a mask");
    for method in [Method::Conservative, Method::Conservative2] {
        let weights = remap::weights(&source, &target, method, Norm::FracArea);
        for (cell, &sea) in target_sea.iter().enumerate() {
            assert!(weights.row(cell).all(|(from, _)| sea && source_sea[from]));
        }
        let before = weights.source_integral(&vec![1.0; source.len()]);
        let after = weights.target_integral(&row_sums(&weights));
        assert!((after / before - 1.0).abs() < 1e-13, "{method:?}: {after} from {before}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (ocean, atmosphere) = (orca2(), lmdz(96, 96));
    for method in [Method::Conservative, Method::Conservative2, Method::Bilinear, Method::Nearest] {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| remap::weights(&ocean, &atmosphere, method, Norm::FracArea))
        };
        let one = with(1);
        let bits = |weights: &Weights| weights.weight.iter().map(|w| w.to_bits()).collect::<Vec<u64>>();
        for threads in [2, 4] {
            let other = with(threads);
            assert!(bits(&one) == bits(&other) && one == other, "{method:?} with {threads} threads");
        }
    }
}

#[test]
fn a_linear_field_comes_out_better_by_the_second_order() {
    // Means over whole cells, so that nothing is left but the error of the method.
    let means = |mesh: &Mesh| -> Vec<f64> {
        let mut cell = Vec::new();
        let plane = |p: Vector| 0.3 * p.x - 0.5 * p.y + 0.8 * p.z;
        (0..mesh.len())
            .map(|number| {
                mesh.polygon(number, &mut cell);
                let whole = polygon_overlap(&cell, &cell);
                plane(whole.moment) / whole.area_sr
            })
            .collect()
    };
    for (name, source, target) in pairs() {
        let (field, exact) = (means(&source), means(&target));
        let error = |method| {
            let weights = remap::weights(&source, &target, method, Norm::FracArea);
            let found = weights.apply(&field);
            let errors: Vec<f64> = (0..target.len())
                .filter(|&cell| target.active()[cell] && weights.target_fraction[cell] > 0.999)
                .map(|cell| (found[cell] - exact[cell]).powi(2))
                .collect();
            (errors.iter().sum::<f64>() / errors.len() as f64).sqrt()
        };
        let (first, second) = (error(Method::Conservative), error(Method::Conservative2));
        assert!(second < 0.25 * first, "{name}: {second} against {first}");
    }
}

#[test]
fn an_ocean_grid_of_centres_alone_is_given_corners() {
    let grid = orca::grid(&orca::Parameters::default()).expect("the default grid");
    let centres = OceanGrid::from_t_points(grid.t().clone()).expect("points");
    let (with, without) = (Mesh::ocean(&grid).expect("cells"), Mesh::ocean(&centres).expect("cells"));
    assert_eq!(with.active(), without.active());
    let (known, guessed) = (with.areas_sr(), without.areas_sr());
    let sum =
        |areas: &[f64]| -> f64 { (0..areas.len()).filter(|&c| with.active()[c]).map(|c| areas[c]).sum() };
    assert!((sum(&guessed) / sum(&known) - 1.0).abs() < 1e-3, "{} {}", sum(&guessed), sum(&known));
}

#[test]
fn bilinear_and_nearest_reach_every_cell_of_a_whole_sphere() {
    // Poles, date line, and the fold of the target among them.
    for (name, source, target) in [
        ("LMDZ to ORCA", lmdz(144, 143), orca2()),
        (
            "regular to LMDZ",
            Mesh::regular(&RegularGrid::global(72, 36).expect("axes")).expect("cells"),
            lmdz(96, 96),
        ),
    ] {
        for method in [Method::Bilinear, Method::Nearest] {
            let weights = remap::weights(&source, &target, method, Norm::FracArea);
            let found = weights.apply(&wavy(&source));
            for (cell, (sum, exact)) in row_sums(&weights).into_iter().zip(wavy(&target)).enumerate() {
                if target.active()[cell] {
                    assert!((sum - 1.0).abs() < 1e-12, "{name}, {method:?}: {sum} in cell {cell}");
                    let bound = if method == Method::Bilinear { 0.01 } else { 0.2 };
                    assert!((found[cell] - exact).abs() < bound, "{name}, {method:?}: cell {cell}");
                }
            }
        }
    }
}

#[test]
fn bilinear_weights_cross_the_fold_of_the_ocean_grid() {
    let (source, target) = (orca2(), lmdz(144, 143));
    let weights = remap::weights(&source, &target, Method::Bilinear, Norm::FracArea);
    let found = weights.apply(&wavy(&source));
    for (cell, exact) in wavy(&target).into_iter().enumerate() {
        // The ocean grid ends at 78 S; north of that no point is left out.
        if target.centre_deg(cell).1 > -77.0 {
            assert!(weights.row(cell).count() > 0, "{:?}", target.centre_deg(cell));
            assert!(
                (found[cell] - exact).abs() < 0.01,
                "{:?}: {} {exact}",
                target.centre_deg(cell),
                found[cell]
            );
        }
    }
}

#[test]
fn bilinear_weights_leave_masked_cells_out() {
    let source = orca2();
    let sea: Vec<bool> = (0..source.len()).map(|cell| cell % 3 != 0).collect();
    let source = source.masked(&sea).expect("a mask");
    let weights = remap::weights(&source, &lmdz(96, 96), Method::Bilinear, Norm::FracArea);
    for (cell, sum) in row_sums(&weights).into_iter().enumerate() {
        assert!(weights.row(cell).all(|(from, _)| sea[from]));
        assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-12, "{sum}");
    }
}

/// Corners of a regular grid pushed about, so that no edge meets another by design.
fn shaken(columns: usize, rows: usize, seeds: &[f64]) -> Mesh {
    let corner = |j: usize, i: usize| {
        let seed = |k: usize| seeds[(7 * j + 13 * (i % columns) + k) % seeds.len()] - 0.5;
        let inner = if j == 0 || j == rows { 0.0 } else { 0.5 };
        let lon = (i as f64 + inner * seed(0)) * 360.0 / columns as f64;
        (lon, -90.0 + (j as f64 + inner * seed(1)) * 180.0 / rows as f64)
    };
    let (mut centres, mut corners) = (Vec::new(), Vec::new());
    for j in 0..rows {
        for i in 0..columns {
            let cell = [corner(j, i), corner(j, i + 1), corner(j + 1, i + 1), corner(j + 1, i)];
            let zero = Vector { x: 0.0, y: 0.0, z: 0.0 };
            centres.push(cell.iter().fold(zero, |sum, &c| sum.plus(Vector::from_degrees(c))).to_degrees());
            corners.extend(cell);
        }
    }
    Mesh::curvilinear((rows, columns), centres, &corners).expect("cells")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn searched_overlaps_are_those_of_every_pair(
        seeds in proptest::collection::vec(0.0..1.0_f64, 17),
        (columns, rows) in (4_usize..9, 3_usize..7),
    ) {
        // Slow but obvious: every cell against every cell.
        let (source, target) = (shaken(columns, rows, &seeds), shaken(7, 5, &seeds[3..]));
        let found = remap::overlaps(&source, &target, Moments::Without);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for cell in 0..target.len() {
            target.polygon(cell, &mut a);
            let mut searched = vec![0.0; source.len()];
            found.row(cell).for_each(|k| searched[found.source[k] as usize] = found.area_sr[k]);
            for other in 0..source.len() {
                source.polygon(other, &mut b);
                let area = polygon_overlap(&a, &b).area_sr;
                prop_assert!((searched[other] - area).abs() < 1e-12, "{cell}, {other}: {} {area}", searched[other]);
            }
            let covered: f64 = searched.iter().sum();
            prop_assert!((covered - found.target_area_sr[cell]).abs() < 1e-11);
        }
    }
}
