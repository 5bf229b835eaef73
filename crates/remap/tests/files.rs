//! Grids read from files, and weight files as their readers know them.

use dataset::{Attributes, Dataset};
use grid::{RegularGrid, orca};
use ndarray::Array;
use remap::{Format, Mesh, Method, Norm, ReadError};

fn regular(columns: usize, rows: usize) -> RegularGrid {
    RegularGrid::global(columns, rows).expect("axes")
}

/// A CF file with a grid, and a mask that leaves out the first row.
fn cf_file(grid: &RegularGrid, with_bounds: bool) -> Dataset {
    let mut file = Dataset::new();
    let edges = [grid.lon_bounds_deg(), grid.lat_bounds_deg()];
    let axes = [("lon", "degrees_east", grid.lon_deg()), ("lat", "degrees_north", grid.lat_deg())];
    for ((name, units, centres), edges) in axes.into_iter().zip(edges) {
        let mut attributes = Attributes::new().with("units", units);
        let bounds = format!("{name}_bnds");
        if with_bounds {
            attributes.set("bounds", bounds.as_str());
        }
        file.add_f64(name, &[name], Array::from(centres.to_vec()).into_dyn(), attributes);
        let pairs: Vec<f64> = edges.windows(2).flatten().copied().collect();
        let pairs = Array::from_shape_vec((centres.len(), 2), pairs).expect("pairs").into_dyn();
        file.add_f64(&bounds, &[name, "two"], pairs, Attributes::new());
    }
    let shape = (grid.lat_deg().len(), grid.lon_deg().len());
    let mask = Array::from_shape_fn(shape, |(j, _)| f64::from(u8::from(j > 0)));
    file.add_f64("sea", &["lat", "lon"], mask.into_dyn(), Attributes::new());
    file
}

#[test]
fn a_regular_grid_is_read_with_and_without_bounds() {
    let grid = regular(36, 18);
    let made = Mesh::regular(&grid).expect("cells");
    for with_bounds in [true, false] {
        let read = Mesh::from_dataset(&cf_file(&grid, with_bounds), None).expect("a grid");
        assert_eq!(read, made);
    }
}

#[test]
fn a_mask_is_read_by_its_name() {
    let grid = regular(36, 18);
    let file = cf_file(&grid, true);
    let mesh = || Mesh::from_dataset(&file, None).expect("a grid");
    let count = |mesh: Mesh| mesh.active().iter().filter(|&&active| active).count();
    assert_eq!(count(mesh().masked_by(&file, "sea", None).expect("a mask")), 17 * 36);
    assert_eq!(count(mesh().masked_by(&file, "sea", Some(0.0)).expect("a mask")), 36);
    let error = mesh().masked_by(&file, "land", None).expect_err("no such variable");
    assert!(error.to_string().contains("'land'") && error.to_string().contains("sea"), "{error}");
    assert!(matches!(mesh().masked_by(&file, "lon", None), Err(ReadError::Shape { .. })));
}

#[test]
fn a_coordinates_file_of_the_ocean_is_read_with_its_corners() {
    let grid = orca::grid(&orca::Parameters::default()).expect("the default grid");
    let read = Mesh::from_dataset(&grid.to_dataset(), None).expect("a grid");
    assert_eq!(read, Mesh::ocean(&grid).expect("cells"));
    assert_eq!(read.active().iter().filter(|&&active| active).count(), 180 * 148);
}

#[test]
fn a_file_without_a_grid_is_refused_with_the_reason() {
    let error = Mesh::from_dataset(&Dataset::new(), None).expect_err("no grid");
    assert!(error.to_string().contains("longitude"), "{error}");
}

#[test]
fn the_matrix_comes_back_from_every_format() {
    let (source, target) =
        (Mesh::regular(&regular(36, 18)).expect("cells"), Mesh::regular(&regular(20, 11)).expect("cells"));
    let weights = remap::weights(&source, &target, Method::Conservative, Norm::FracArea);
    let field: Vec<f64> = (0..source.len()).map(|cell| cell as f64).collect();
    let expected = weights.apply(&field);
    let formats = [
        (Format::Oasis, ["src_address", "dst_address", "remap_matrix"]),
        (Format::Scrip, ["src_address", "dst_address", "remap_matrix"]),
        (Format::Esmf, ["col", "row", "S"]),
    ];
    for (format, names) in formats {
        let file = remap::to_dataset(&weights, (&source, "from"), (&target, "to"), format);
        let file =
            dataset::from_bytes(&dataset::to_bytes(&file).expect("bytes"), "weights.nc").expect("a file");
        let numbers = |name: &str| -> Vec<f64> {
            let variable = file.variable(name).unwrap_or_else(|| panic!("{name}"));
            variable.values.to_f64().expect("numbers").iter().copied().collect()
        };
        let [from, to, weight] = names.map(numbers);
        let mut found = vec![0.0; target.len()];
        for ((from, to), weight) in from.iter().zip(&to).zip(&weight) {
            found[*to as usize - 1] += weight * field[*from as usize - 1];
        }
        assert_eq!(found, expected, "{format:?}");
        assert_eq!(numbers("src_grid_dims"), [36.0, 18.0], "{format:?}");
    }
}

#[test]
fn corners_stand_around_their_centres() {
    let (source, target) = (
        Mesh::ocean(
            &orca::grid(&orca::Parameters::with_spacing_deg(10.0).expect("a spacing")).expect("a grid"),
        )
        .expect("cells"),
        Mesh::regular(&regular(20, 11)).expect("cells"),
    );
    let weights = remap::weights(&source, &target, Method::Nearest, Norm::FracArea);
    let file = remap::to_dataset(&weights, (&source, "from"), (&target, "to"), Format::Scrip);
    let numbers =
        |name: &str| file.variable(name).and_then(|v| v.values.to_f64()).unwrap_or_else(|| panic!("{name}"));
    for grid in ["src_grid", "dst_grid"] {
        let centres = numbers(&format!("{grid}_center_lon"));
        let corners = numbers(&format!("{grid}_corner_lon"));
        let apart = corners.indexed_iter().map(|(at, lon)| (lon - centres[[at[0]]]).abs());
        assert!(apart.fold(0.0, f64::max) <= 180.0, "{grid}");
    }
}
