//! Weight files, as OASIS3-MCT, SCRIP and ESMF read them.
//!
//! * SCRIP: P. W. Jones (1998), A User's Guide for SCRIP, chapter 2: `src_address`, `dst_address` (counted from 1, columns fastest),
//!   `remap_matrix`, centres, corners, masks (1 takes part), areas (steradians) and fractions.
//! * OASIS3-MCT (`rmp_*.nc`): the same, of which it reads addresses and matrix; corners are left out.
//! * ESMF: `col`, `row`, `S`, and `xc`, `yc`, `xv`, `yv`, `mask`, `area`, `frac` with the suffixes `_a` (source) and `_b`.
//!
//! Links are sorted by target cell, then by source cell.

use dataset::{Attributes, Dataset};
use grid::sphere::Vector;
use ndarray::{Array1, ArrayD, IxDyn};

use crate::{Mesh, Method, Norm, Weights};

/// The programs that read weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OASIS3-MCT.
    Oasis,
    /// SCRIP, and CDO.
    Scrip,
    /// ESMF, and xESMF.
    Esmf,
}

/// The file of a matrix; `source_name` and `target_name` are the grids' names in its attributes.
pub fn to_dataset(
    weights: &Weights,
    (source, source_name): (&Mesh, &str),
    (target, target_name): (&Mesh, &str),
    format: Format,
) -> Dataset {
    let mut file = Dataset::new();
    file.attributes = attributes(weights, source_name, target_name, format);
    let sides = [
        Side { mesh: source, area_sr: &weights.source_area_sr, fraction: &weights.source_fraction },
        Side { mesh: target, area_sr: &weights.target_area_sr, fraction: &weights.target_fraction },
    ];
    if format == Format::Esmf {
        esmf(&mut file, weights, &sides)
    } else {
        scrip(&mut file, weights, &sides, format)
    }
    file
}

struct Side<'a> {
    mesh: &'a Mesh,
    area_sr: &'a [f64],
    fraction: &'a [f64],
}

fn attributes(weights: &Weights, source: &str, target: &str, format: Format) -> Attributes {
    let norm = match weights.norm {
        Norm::DestArea => "destarea",
        Norm::FracArea => "fracarea",
    };
    let (scrip, esmf) = match weights.method {
        Method::Conservative => ("Conservative remapping", "Conservative remapping"),
        Method::Conservative2 => ("Conservative remapping", "2nd-order conservative remapping"),
        Method::Bilinear => ("Bilinear remapping", "Bilinear remapping"),
        Method::Nearest => ("Distance weighted avg of nearest neighbors", "Nearest source to destination"),
    };
    let title = format!("{source} to {target}");
    if format == Format::Esmf {
        Attributes::new()
            .with("title", title)
            .with("normalization", norm)
            .with("map_method", esmf)
            .with("conventions", "NCAR-CSM")
            .with("domain_a", source)
            .with("domain_b", target)
    } else {
        Attributes::new()
            .with("title", title)
            .with("normalization", norm)
            .with("map_method", scrip)
            .with("conventions", "SCRIP")
            .with("source_grid", source)
            .with("dest_grid", target)
    }
}

fn scrip(file: &mut Dataset, weights: &Weights, sides: &[Side; 2], format: Format) {
    for (side, name) in sides.iter().zip(["src", "dst"]) {
        let size = format!("{name}_grid_size");
        file.add_dimension(&size, side.mesh.len());
        if format == Format::Scrip {
            file.add_dimension(&format!("{name}_grid_corners"), side.mesh.corners_per_cell());
        }
    }
    file.add_dimension("src_grid_rank", 2);
    file.add_dimension("dst_grid_rank", 2);
    file.add_dimension("num_links", weights.len());
    file.add_dimension("num_wgts", 1);
    for (side, name) in sides.iter().zip(["src", "dst"]) {
        let of = |what: &str| format!("{name}_grid_{what}");
        let size = of("size");
        integers(file, &of("dims"), &of("rank"), side.dims(), Attributes::new());
        numbers(file, &of("center_lat"), &[&size], side.centres(|c| c.1), degrees());
        numbers(file, &of("center_lon"), &[&size], side.centres(|c| c.0), degrees());
        if format == Format::Scrip {
            let (lon, lat) = side.corners_deg();
            numbers(file, &of("corner_lat"), &[&size, &of("corners")], lat, degrees());
            numbers(file, &of("corner_lon"), &[&size, &of("corners")], lon, degrees());
        }
        integers(file, &of("imask"), &size, side.mask(), unitless());
        numbers(
            file,
            &of("area"),
            &[&size],
            side.area_sr.to_vec(),
            Attributes::new().with("units", "square radians"),
        );
        numbers(file, &of("frac"), &[&size], side.fraction.to_vec(), unitless());
    }
    integers(file, "src_address", "num_links", sources(weights), Attributes::new());
    integers(file, "dst_address", "num_links", targets(weights), Attributes::new());
    numbers(file, "remap_matrix", &["num_links", "num_wgts"], weights.weight.clone(), Attributes::new());
}

fn esmf(file: &mut Dataset, weights: &Weights, sides: &[Side; 2]) {
    for (side, suffix) in sides.iter().zip(["a", "b"]) {
        file.add_dimension(&format!("n_{suffix}"), side.mesh.len());
        file.add_dimension(&format!("nv_{suffix}"), side.mesh.corners_per_cell());
    }
    file.add_dimension("src_grid_rank", 2);
    file.add_dimension("dst_grid_rank", 2);
    file.add_dimension("n_s", weights.len());
    integers(file, "src_grid_dims", "src_grid_rank", sides[0].dims(), Attributes::new());
    integers(file, "dst_grid_dims", "dst_grid_rank", sides[1].dims(), Attributes::new());
    for (side, suffix) in sides.iter().zip(["a", "b"]) {
        let of = |what: &str| format!("{what}_{suffix}");
        let (cells, corners) = (of("n"), of("nv"));
        let (lon, lat) = side.corners_deg();
        numbers(file, &of("yc"), &[&cells], side.centres(|c| c.1), degrees());
        numbers(file, &of("xc"), &[&cells], side.centres(|c| c.0), degrees());
        numbers(file, &of("yv"), &[&cells, &corners], lat, degrees());
        numbers(file, &of("xv"), &[&cells, &corners], lon, degrees());
        integers(file, &of("mask"), &cells, side.mask(), unitless());
        numbers(
            file,
            &of("area"),
            &[&cells],
            side.area_sr.to_vec(),
            Attributes::new().with("units", "square radians"),
        );
        numbers(file, &of("frac"), &[&cells], side.fraction.to_vec(), unitless());
    }
    integers(file, "col", "n_s", sources(weights), Attributes::new());
    integers(file, "row", "n_s", targets(weights), Attributes::new());
    numbers(file, "S", &["n_s"], weights.weight.clone(), Attributes::new());
}

impl Side<'_> {
    /// Columns first, as in Fortran.
    fn dims(&self) -> Vec<i32> {
        let (rows, columns) = self.mesh.shape();
        vec![columns as i32, rows as i32]
    }

    fn centres(&self, part: fn((f64, f64)) -> f64) -> Vec<f64> {
        (0..self.mesh.len()).map(|cell| part(self.mesh.centre_deg(cell))).collect()
    }

    fn mask(&self) -> Vec<i32> {
        self.mesh.active().iter().map(|&active| i32::from(active)).collect()
    }

    /// Longitudes and latitudes of the corners, cell by cell; longitudes within half a turn of the centre.
    fn corners_deg(&self) -> (Vec<f64>, Vec<f64>) {
        let count = self.mesh.len() * self.mesh.corners_per_cell();
        let (mut lon, mut lat) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut corners: Vec<Vector> = Vec::new();
        for cell in 0..self.mesh.len() {
            let (centre_lon, _) = self.mesh.centre_deg(cell);
            self.mesh.corners(cell, &mut corners);
            for corner in &corners {
                let (corner_lon, corner_lat) = corner.to_degrees();
                // The pole has every longitude.
                let near = if corner_lat.abs() > 90.0 - 1e-9 { centre_lon } else { corner_lon };
                lon.push(centre_lon + (near - centre_lon + 180.0).rem_euclid(360.0) - 180.0);
                lat.push(corner_lat);
            }
        }
        (lon, lat)
    }
}

/// Source cells of the links, counted from 1.
fn sources(weights: &Weights) -> Vec<i32> {
    weights.source.iter().map(|&cell| cell as i32 + 1).collect()
}

/// Target cells of the links, counted from 1.
fn targets(weights: &Weights) -> Vec<i32> {
    let rows = weights.row_start.windows(2).zip(1..);
    rows.flat_map(|(row, number)| std::iter::repeat_n(number, row[1] - row[0])).collect()
}

fn degrees() -> Attributes {
    Attributes::new().with("units", "degrees")
}

fn unitless() -> Attributes {
    Attributes::new().with("units", "unitless")
}

fn integers(file: &mut Dataset, name: &str, dimension: &str, values: Vec<i32>, attributes: Attributes) {
    file.add_i32(name, &[dimension], Array1::from_vec(values).into_dyn(), attributes);
}

/// Doubles without a fill value: every number is there.
fn numbers(file: &mut Dataset, name: &str, dimensions: &[&str], values: Vec<f64>, attributes: Attributes) {
    let shape: Vec<usize> = dimensions.iter().filter_map(|d| file.dimension(d)).map(|d| d.len).collect();
    if let Ok(array) = ArrayD::from_shape_vec(IxDyn(&shape), values) {
        file.variables.push(dataset::Variable::new(
            name,
            dimensions,
            dataset::Values::F64(array),
            attributes,
        ));
    }
}
