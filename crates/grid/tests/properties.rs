//! Properties of the generated tripolar grids, over sizes, refinements and positions of the poles.

use grid::orca::{self, Parameters};
use grid::sphere::{EARTH_RADIUS_M, angle_deg, distance_m, polygon_area_m2};
use grid::{Error, Fold, OceanGrid, Overlap, Points, Topology};
use proptest::prelude::*;

fn sizes() -> Vec<Parameters> {
    vec![
        Parameters::default(),
        Parameters::for_size(92, 76),
        Parameters::for_size(362, 292),
        Parameters::for_size(122, 99),
    ]
}

fn variants() -> Vec<Parameters> {
    let default = Parameters::default();
    let mut all = sizes();
    all.extend([
        Parameters { first_pole_lon_deg: 100.0, ..default },
        Parameters {
            first_pole_lon_deg: -33.3,
            first_pole_lat_deg: 65.0,
            second_pole_lat_deg: 65.0,
            ..default
        },
        Parameters { first_pole_lat_deg: 55.0, second_pole_lat_deg: 55.0, ..default },
        Parameters { first_pole_lat_deg: 66.0, second_pole_lat_deg: 58.0, ..default },
        Parameters { equatorial_refinement: 1.0, ..Parameters::for_size(182, 139) },
        Parameters { equatorial_refinement: 0.5, ..default },
    ]);
    all
}

fn make(parameters: &Parameters) -> OceanGrid {
    orca::grid(parameters).unwrap_or_else(|error| panic!("{parameters:?}: {error}"))
}

fn all_points(grid: &OceanGrid) -> [(&'static str, &Points); 4] {
    let mesh = grid.mesh().expect("a generated grid has a mesh");
    [("T", grid.t()), ("U", &mesh.u.points), ("V", &mesh.v.points), ("F", &mesh.f.points)]
}

#[test]
fn the_first_and_last_two_columns_are_the_same_bit_for_bit() {
    for parameters in variants() {
        let grid = make(&parameters);
        let (ny, nx) = grid.shape();
        for (name, points) in all_points(&grid) {
            for j in 0..ny {
                assert_eq!(points.at(j, 0), points.at(j, nx - 2), "{name} row {j} of {parameters:?}");
                assert_eq!(points.at(j, 1), points.at(j, nx - 1), "{name} row {j} of {parameters:?}");
            }
        }
    }
}

#[test]
fn the_last_rows_are_folded_at_an_f_point_bit_for_bit() {
    for parameters in variants() {
        let grid = make(&parameters);
        let (ny, nx) = grid.shape();
        let [(_, t), (_, u), (_, v), (_, f)] = all_points(&grid);
        for i in 0..nx {
            assert_eq!(t.at(ny - 1, i), t.at(ny - 2, nx - 1 - i));
            assert_eq!(v.at(ny - 1, i), v.at(ny - 3, nx - 1 - i));
            assert_eq!(v.at(ny - 2, i), v.at(ny - 2, nx - 1 - i));
        }
        for i in 0..nx - 1 {
            assert_eq!(u.at(ny - 1, i), u.at(ny - 2, nx - 2 - i));
            assert_eq!(f.at(ny - 1, i), f.at(ny - 3, nx - 2 - i));
            assert_eq!(f.at(ny - 2, i), f.at(ny - 2, nx - 2 - i));
        }
        let scale = &grid.mesh().unwrap().f.scale;
        for i in 0..nx - 1 {
            assert_eq!(scale.e1_m[[ny - 1, i]], scale.e1_m[[ny - 3, nx - 2 - i]]);
            assert_eq!(scale.e2_m[[ny - 2, i]], scale.e2_m[[ny - 2, nx - 2 - i]]);
        }
        assert_eq!(
            grid.topology(),
            Topology { overlap: Overlap::TwoColumns, fold: Fold::FPivot, periodic: true }
        );
    }
}

#[test]
fn the_grid_poles_are_f_points_where_they_were_asked_for() {
    for parameters in variants() {
        let grid = make(&parameters);
        let (ny, nx) = grid.shape();
        let f = &grid.mesh().unwrap().f.points;
        for (column, pole) in [0, (nx - 2) / 2].into_iter().zip(parameters.poles()) {
            let (lon, lat) = f.at(ny - 2, column);
            assert!((lon - pole.0).abs() < 1e-9, "{lon} {pole:?}");
            assert!((lat - pole.1).abs() < 1e-9, "{lat} {pole:?}");
        }
    }
}

#[test]
fn the_default_has_whole_degree_longitudes_and_the_equator_as_a_row() {
    let grid = make(&Parameters::default());
    for i in 0..182 {
        for j in 0..=95 {
            assert_eq!(grid.t().lon_deg[[j, i]].fract(), 0.0, "row {j}");
        }
        assert_eq!(grid.t().lat_deg[[75, i]], 0.0);
        for k in 1..=20 {
            assert_eq!(grid.t().lat_deg[[75 + k, i]], -grid.t().lat_deg[[75 - k, i]]);
        }
    }
    let step = grid.t().lat_deg[[76, 0]] - grid.t().lat_deg[[75, 0]];
    assert!((step - 0.5).abs() < 1e-3, "{step}");
    let (southern, top) = (grid.t().lat_deg[[0, 0]], grid.t().lat_deg[[95, 0]]);
    assert!((southern + 78.19).abs() < 0.01 && (top - 19.606).abs() < 0.001);
}

#[test]
fn t_points_alone_are_those_of_the_whole_grid() {
    for parameters in variants() {
        assert_eq!(&orca::t_points(&parameters).unwrap(), make(&parameters).t(), "{parameters:?}");
    }
}

#[test]
fn cells_are_convex_and_tile_the_globe_north_of_the_southern_edge() {
    for parameters in variants() {
        let grid = make(&parameters);
        let (ny, nx) = grid.shape();
        let areas = grid.cell_areas_m2().unwrap();
        let mut total = 0.0;
        for j in 0..ny - 1 {
            for i in 1..nx - 1 {
                assert!(areas[[j, i]] > 0.0, "cell {j} {i} of {parameters:?} is inverted: {}", areas[[j, i]]);
                total += areas[[j, i]];
                let corners = grid.corners(j, i).unwrap();
                for corner in 0..4 {
                    let (a, b, c) = (corners[corner], corners[(corner + 1) % 4], corners[(corner + 2) % 4]);
                    let turn = polygon_area_m2(&[a, b, c]);
                    // On the fold, three corners of a cell beside a grid pole lie on one great circle.
                    assert!(
                        turn > -1.0,
                        "corner {corner} of cell {j} {i} of {parameters:?} is concave: {turn}"
                    );
                }
            }
        }
        let south: Vec<(f64, f64)> = (1..nx - 1).map(|i| grid.corners(0, i).unwrap()[0]).collect();
        let covered = polygon_area_m2(&south);
        let sphere = 4.0 * std::f64::consts::PI * EARTH_RADIUS_M * EARTH_RADIUS_M;
        // Eastward is clockwise for who looks at the south pole from outside, hence the sign.
        let uncovered = -covered;
        assert!(
            ((total + uncovered) / sphere - 1.0).abs() < 1e-9,
            "{parameters:?}: {total} + {uncovered} {sphere}"
        );
    }
}

#[test]
fn sizes_agree_with_the_distances_between_the_points() {
    for parameters in sizes() {
        let grid = make(&parameters);
        let (ny, nx) = grid.shape();
        let mesh = grid.mesh().unwrap();
        for scale in [&mesh.t_scale, &mesh.u.scale, &mesh.v.scale, &mesh.f.scale] {
            assert!(scale.e1_m.iter().chain(&scale.e2_m).all(|&e| e > 10.0), "{parameters:?}");
        }
        // Spacing in degrees over the 2 of the default: a chord is shorter than its arc by the square of it.
        let tolerance = 0.003 * (180.0 / (nx - 2) as f64).powi(2).max(1.0);
        for j in 1..ny - 2 {
            for i in 1..nx - 1 {
                let e1 = mesh.t_scale.e1_m[[j, i]]
                    / distance_m(mesh.u.points.at(j, i - 1), mesh.u.points.at(j, i));
                let e2 = mesh.t_scale.e2_m[[j, i]]
                    / distance_m(mesh.v.points.at(j - 1, i), mesh.v.points.at(j, i));
                let area = mesh.t_scale.e1_m[[j, i]] * mesh.t_scale.e2_m[[j, i]];
                let area = area / polygon_area_m2(&grid.corners(j, i).unwrap());
                // Beside a grid pole rows turn by up to half a circle within a cell: the way by the centre is longer
                // than the chord, and the cell no rectangle.
                let from_pole = i.min(nx - 1 - i).min(i.abs_diff(nx / 2));
                if j > ny - 8 && from_pole < 4 {
                    assert!(
                        (0.999..2.0).contains(&e1) && (0.999..1.1).contains(&e2),
                        "{j} {i} {parameters:?}: {e1} {e2}"
                    );
                } else {
                    assert!((e1 - 1.0).abs() < tolerance, "e1t {j} {i} {parameters:?}: {e1}");
                    assert!((e2 - 1.0).abs() < tolerance, "e2t {j} {i} {parameters:?}: {e2}");
                    assert!((area - 1.0).abs() < 0.05, "area {j} {i} {parameters:?}: {area}");
                }
            }
        }
    }
}

#[test]
fn rows_and_columns_cross_at_right_angles() {
    for parameters in variants() {
        let grid = make(&parameters);
        let (ny, nx) = grid.shape();
        let mesh = grid.mesh().unwrap();
        let mut off: Vec<(f64, usize, usize)> = Vec::new();
        for j in 1..ny - 2 {
            for i in 1..nx - 1 {
                // Between the chord through the western and eastern edges and the one through the southern and
                // northern: centred, so that curvature drops out.
                let t = grid.t().at(j, i);
                let bearing = |from, to| {
                    let a = grid::sphere::bearing_deg(t, from);
                    let b = grid::sphere::bearing_deg(t, to);
                    // Mean direction of "away from `from`" and "towards `to`".
                    let back = (a + 180.0 - b).rem_euclid(360.0);
                    b + (if back > 180.0 { back - 360.0 } else { back }) / 2.0
                };
                let east = bearing(mesh.u.points.at(j, i - 1), mesh.u.points.at(j, i));
                let north = bearing(mesh.v.points.at(j - 1, i), mesh.v.points.at(j, i));
                let angle = (east - north).rem_euclid(360.0);
                off.push(((angle - 90.0).abs(), j, i));
            }
        }
        off.sort_by(|a, b| b.0.total_cmp(&a.0));
        let p99 = off[off.len() / 100].0;
        eprintln!("{}x{}: off the right angle at most {:?}, 99th percentile {p99:.4}", nx, ny, &off[0]);
        let coarseness = (180.0 / (nx - 2) as f64).max(1.0).powi(2);
        assert!(p99 < 0.05 * coarseness, "{parameters:?}: {p99}");
        assert!(off[0].0 < 1.0, "{parameters:?}: {:?}", off[0]);
    }
}

#[test]
fn angle_of_a_t_cell_is_right_far_from_the_poles() {
    let grid = make(&Parameters::default());
    let mesh = grid.mesh().unwrap();
    let angle = angle_deg(grid.t().at(110, 40), mesh.u.points.at(110, 40), mesh.v.points.at(110, 40));
    assert!((angle - 90.0).abs() < 0.7, "{angle}");
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason() {
    let default = Parameters::default();
    for (bad, name) in [
        (Parameters::for_size(181, 149), "columns"),
        (Parameters::for_size(4, 149), "columns"),
        (Parameters::for_size(182, 2), "rows"),
        (Parameters::for_size(182, 1000), "rows"),
        (Parameters::for_size(182, usize::MAX), "rows"),
        (Parameters::for_size(usize::MAX - 1, 149), "columns"),
        (Parameters { equatorial_refinement: 0.0, ..default }, "equatorial refinement"),
        (Parameters { first_pole_lon_deg: f64::NAN, ..default }, "longitude of the first pole"),
        (Parameters { first_pole_lat_deg: 10.0, ..default }, "latitude of the first pole"),
        (Parameters { second_pole_lat_deg: 90.0, ..default }, "latitude of the second pole"),
    ] {
        match orca::t_points(&bad) {
            Err(Error::Parameter { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{bad:?} gave {other:?}"),
        }
    }
}

#[test]
fn spacing_chooses_the_customary_sizes() {
    let size = |spacing| {
        let p = Parameters::with_spacing_deg(spacing).unwrap();
        (p.columns, p.rows)
    };
    assert_eq!(size(2.0), (182, 149));
    assert_eq!(size(4.0).0, 92);
    assert_eq!(size(1.0).0, 362);
    assert!(Parameters::with_spacing_deg(0.0).is_err());
    for spacing in [0.5, 1.0, 1.7, 2.0, 3.0, 4.0, 6.0] {
        let points = orca::t_points(&Parameters::with_spacing_deg(spacing).unwrap()).unwrap();
        assert!((points.lat_deg[[0, 0]] + 78.2).abs() < 1.5, "{spacing}: {}", points.lat_deg[[0, 0]]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_grid_that_is_made_is_sound(
        columns in 20_usize..60, lon in -180.0..180.0, first in 52.0..68.0_f64, apart in -6.0..6.0, ratio in 0.2..1.0,
    ) {
        let mut parameters = Parameters::with_spacing_deg(180.0 / columns as f64).unwrap();
        parameters.first_pole_lon_deg = lon;
        parameters.first_pole_lat_deg = first;
        parameters.second_pole_lat_deg = first + apart;
        parameters.equatorial_refinement = ratio;
        let made = orca::grid(&parameters);
        prop_assume!(made.is_ok());
        let grid = made.unwrap();
        prop_assert_eq!(grid.topology(), Topology { overlap: Overlap::TwoColumns, fold: Fold::FPivot, periodic: true });
        let (ny, nx) = grid.shape();
        let areas = grid.cell_areas_m2().unwrap();
        for j in 0..ny - 1 {
            for i in 1..nx - 1 {
                prop_assert!(areas[[j, i]] > 0.0, "cell {} {} is inverted", j, i);
            }
        }
        let (lon, lat) = (&grid.t().lon_deg, &grid.t().lat_deg);
        prop_assert!(lon.iter().all(|l| (-180.0..=180.0).contains(l)));
        prop_assert!(lat.iter().all(|l| (-90.0..=90.0).contains(l)));
    }
}
