//! Any variables as coordinates: what is found is a grid, whoever looks for it.
#![no_main]

use climsim_fuzz::{Described, file};
use dataset::axes::Axes;
use dataset::cf::{self, CoordinateQuery};
use grid::OceanGrid;
use libfuzzer_sys::fuzz_target;
use remap::Mesh;

fuzz_target!(|described: Vec<Described>| {
    let file = file(described);
    let header = file.header();
    for variable in &header.variables {
        let _ = cf::guess_for(&header, &variable.name);
        for found in cf::ranked(&header, &variable.name) {
            assert!(found.span(variable));
        }
    }
    for grid_alone in [false, true] {
        let Ok(found) = cf::find(&header, &CoordinateQuery { grid_alone, ..CoordinateQuery::default() }) else { continue };
        if let Ok(Some(axes)) = Axes::read(&file, &found) {
            for axis in [&axes.lon, &axes.lat] {
                let steps = axis.degrees().windows(2);
                assert!(steps.clone().all(|w| w[0] < w[1]) || steps.clone().all(|w| w[0] > w[1]));
                if let Some(edges) = axis.edges_deg() {
                    assert_eq!(edges.len(), axis.distinct_deg().len() + 1);
                }
            }
        }
    }
    if let Ok(read) = OceanGrid::from_dataset(&file) {
        let grid = read.grid;
        for (lon, lat) in grid.t().lon_deg.iter().zip(&grid.t().lat_deg) {
            assert_eq!(lon.is_nan(), lat.is_nan());
            assert!(lon.is_nan() || (lon.abs() <= 180.0 && lat.abs() <= 90.1));
        }
    }
    if let Ok(mesh) = Mesh::from_dataset(&file, None) {
        let areas = mesh.areas_sr();
        assert_eq!(areas.len(), mesh.active().len());
        for (cell, area) in areas.iter().enumerate().filter(|(cell, _)| mesh.active()[*cell]) {
            let (lon, lat) = mesh.centre_deg(cell);
            assert!(area.is_finite() && lon.is_finite() && lat.is_finite());
        }
    }
});
