//! Any numbers as the cells of a SCRIP grid, an ESMF mesh, a MOM supergrid, or a list.
#![no_main]

use dataset::{Attributes, Dataset};
use grid::{CellFile, OceanGrid};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use ndarray::{ArrayD, IxDyn};
use remap::{Mesh, Method, Norm};

#[derive(Debug, Arbitrary)]
struct Input {
    kind: u8,
    size: [u8; 2],
    dims: Vec<i16>,
    angles: Vec<f32>,
    indices: Vec<i8>,
    radians: bool,
}

fuzz_target!(|input: Input| {
    let [rows, columns] = input.size.map(|n| usize::from(n % 6) + 1);
    let mut file = Dataset::new();
    let units = if input.radians { "radians" } else { "degrees" };
    let mut add = |name: &str, shape: &[usize], shift: usize, list: &[f64]| {
        let dimensions: Vec<String> = shape.iter().map(|len| format!("n{len}")).collect();
        let dimensions: Vec<&str> = dimensions.iter().map(String::as_str).collect();
        let values = (0..shape.iter().product())
            .map(|k: usize| list.get((k + shift) % list.len().max(1)).copied().unwrap_or(0.0));
        if let Ok(values) = ArrayD::from_shape_vec(IxDyn(shape), values.collect()) {
            let bounds = format!("{name}_bounds");
            file.add_f64(
                name,
                &dimensions,
                values,
                Attributes::new().with("units", units).with("bounds", bounds.as_str()),
            );
        }
    };
    let angles: Vec<f64> = input.angles.iter().map(|&v| f64::from(v)).collect();
    let indices: Vec<f64> = input.indices.iter().map(|&v| f64::from(v)).collect();
    let dims: Vec<f64> = input.dims.iter().map(|&v| f64::from(v)).collect();
    let cells = rows * columns;
    match input.kind % 4 {
        0 => {
            add("grid_dims", &[2], 0, &dims);
            add("grid_center_lon", &[cells], 0, &angles);
            add("grid_center_lat", &[cells], 1, &angles);
            add("grid_corner_lon", &[cells, 4], 2, &angles);
            add("grid_corner_lat", &[cells, 4], 3, &angles);
            add("grid_imask", &[cells], 0, &indices);
        }
        1 => {
            add("nodeCoords", &[columns + 2, 2], 0, &angles);
            add("elementConn", &[rows, 4], 0, &indices);
            add("numElementConn", &[rows], 1, &indices);
        }
        2 => {
            for (name, shift) in [("x", 0), ("y", 1)] {
                add(name, &[rows, columns], shift, &angles);
            }
            for (name, standard) in [("x", "geographic_longitude"), ("y", "geographic_latitude")] {
                file.variables
                    .iter_mut()
                    .filter(|v| v.name == name)
                    .for_each(|v| v.attributes.set("standard_name", standard));
            }
        }
        _ => {
            for (name, shift) in [("clon", 0), ("clat", 1)] {
                add(name, &[cells], shift, &angles);
                add(&format!("{name}_bounds"), &[cells, 3], shift + 2, &angles);
            }
        }
    }
    if let Ok(Some(read)) = CellFile::read(&file) {
        assert_eq!(read.centres_deg.len(), read.active.len());
        assert_eq!(read.corners_deg.len(), read.active.len() * read.corners_per_cell);
        if let Some((rows, columns)) = read.shape {
            assert_eq!(rows * columns, read.active.len());
        }
    }
    let _ = OceanGrid::from_dataset(&file);
    if let Ok(mesh) = Mesh::from_dataset(&file, None) {
        let target = Mesh::from_dataset(&file, None).expect("the same again");
        for method in [Method::Conservative, Method::Nearest] {
            let weights = remap::weights(&mesh, &target, method, Norm::FracArea);
            assert!(weights.weight.iter().all(|weight| weight.is_finite()), "{method:?}");
        }
    }
});
