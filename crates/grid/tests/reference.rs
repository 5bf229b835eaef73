//! The generated default against the platform's reference grid, where that is at hand.

use std::path::PathBuf;

use grid::OceanGrid;
use grid::orca::{self, Parameters};
use grid::sphere::distance_m;

fn reference(path: &str) -> Option<OceanGrid> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden").join(path);
    if !path.exists() {
        eprintln!("SKIPPED: no reference file {}", path.display());
        return None;
    }
    let file = dataset::read(&path).expect("the reference file is readable");
    let read = OceanGrid::from_dataset(&file).expect("the reference file is a grid");
    eprintln!("{}", read.chosen);
    Some(read.grid)
}

#[test]
fn the_default_grid_comes_close_to_the_reference() {
    let Some(reference) = reference("grids/paleorca2_40Ma_grid.nc") else { return };
    let ours = orca::t_points(&Parameters::default()).unwrap();
    let theirs = reference.t();
    assert_eq!(reference.shape(), (149, 182));

    let mut worst_zonal_deg: f64 = 0.0;
    let mut worst_mercator_deg: f64 = 0.0;
    for j in 0..=95 {
        for i in 0..182 {
            assert_eq!(ours.lon_deg[[j, i]], theirs.lon_deg[[j, i]], "longitude in row {j}, column {i}");
            let off = (ours.lat_deg[[j, i]] - theirs.lat_deg[[j, i]]).abs();
            worst_zonal_deg = worst_zonal_deg.max(off);
            if j <= 55 {
                worst_mercator_deg = worst_mercator_deg.max(off);
            }
        }
    }
    eprintln!(
        "rows up to 19.6 N: latitudes off by at most {worst_zonal_deg:.5}, south of 20 S {worst_mercator_deg:.6}"
    );
    assert!(worst_zonal_deg < 0.015);
    assert!(worst_mercator_deg < 1e-4);

    let km = |rows: std::ops::Range<usize>| {
        let cells = rows.flat_map(|j| (0..182).map(move |i| (j, i)));
        let mut km: Vec<f64> =
            cells.map(|(j, i)| distance_m(ours.at(j, i), theirs.at(j, i)) / 1000.0).collect();
        km.sort_by(f64::total_cmp);
        (km[km.len() / 2], km[km.len() * 95 / 100], km[km.len() - 1])
    };
    let (cap, all) = (km(96..149), km(0..149));
    eprintln!(
        "cap: median {:.2}, p95 {:.2}, max {:.2} km; whole grid: {:.2}, {:.2}, {:.2} km",
        cap.0, cap.1, cap.2, all.0, all.1, all.2
    );
    assert!(cap.0 < 3.0 && cap.1 < 14.0 && cap.2 < 55.0, "{cap:?}");
    assert!(all.0 < 0.5 && all.1 < 9.0, "{all:?}");
}

#[test]
fn the_reference_grid_has_the_topology_of_the_generated_one() {
    let Some(reference) = reference("grids/paleorca2_40Ma_grid.nc") else { return };
    assert!(reference.mesh().is_none());
    let ours = orca::grid(&Parameters::default()).unwrap();
    assert_eq!(reference.topology(), ours.topology());
}

#[test]
fn a_full_coordinates_file_of_the_coupling_case_is_a_mesh_and_close_to_ours() {
    let Some(reference) = reference("mosaic_dev/inputs/coordinates.nc") else { return };
    let ours = orca::grid(&Parameters::default()).unwrap();
    let (theirs, mesh) = (reference.mesh().expect("a whole mesh"), ours.mesh().unwrap());
    // Sizes, away from the grid poles, where the reference's columns run together.
    let mut ratios: Vec<f64> = Vec::new();
    for j in 1..140 {
        for i in 1..181 {
            ratios.push((mesh.t_scale.e1_m[[j, i]] / theirs.t_scale.e1_m[[j, i]] - 1.0).abs());
            ratios.push((mesh.t_scale.e2_m[[j, i]] / theirs.t_scale.e2_m[[j, i]] - 1.0).abs());
        }
    }
    ratios.sort_by(f64::total_cmp);
    let (median, p99) = (ratios[ratios.len() / 2], ratios[ratios.len() * 99 / 100]);
    eprintln!("sizes of T cells: median off by {median:.5}, p99 {p99:.5}");
    assert!(median < 0.001 && p99 < 0.05, "{median} {p99}");
}

#[test]
fn grids_of_users_are_read() {
    for name in ["lon_0_360", "regular_sign", "without_coordinates_attribute"] {
        let Some(grid) = reference(&format!("orca_custom/{name}_grid.nc")) else { return };
        assert_eq!(grid.shape(), (24, 30), "{name}");
        assert!(grid.t().lon_deg.iter().all(|l| (-180.0..=180.0).contains(l)), "{name}");
    }
}
