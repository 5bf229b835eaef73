//! `o2a.nc`: how much of each atmosphere cell is ocean, which LMDZ reads to make its initial state.
//!
//! Rows run **south to north**, the reverse of every other file. Where the original writes nothing (`MaskPer`) or zeros
//! (`SurfacePol`), the corrected computation writes what the names say: the cells that are not repeated (one of each polar
//! row), and areas with each polar row as its sectors.

use dataset::{Attributes, Dataset};
use ndarray::{Array2, Array3};

use super::labels::{FILL_I32, attributes, f32s, f64s, i32s};
use crate::fluxes::SMALLEST_FRACTION;
use crate::{Mode, Outcome};

const YX: &[&str] = &["y", "x"];

/// The file.
pub fn o2a(outcome: &Outcome) -> Dataset {
    let grid = &outcome.atmosphere;
    let (rows, columns) = grid.shape();
    let links = &outcome.fluxes.to_atmosphere;
    let fraction = &outcome.fluxes.fraction;
    let legacy = outcome.options.mode == Mode::Legacy;
    let mut file = Dataset { attributes: attributes(&[("Conventions", "CF-1.1")]), ..Dataset::default() };
    for (name, len) in [("x", columns), ("y", rows), ("n", links.most()), ("edge", 9)] {
        file.add_dimension(name, len);
    }

    // (row from the north, column) of a cell of the file.
    let at = |(j, i): (usize, usize)| (rows - 1 - j, i);
    let address = |cell: (usize, usize)| {
        let (j, i) = at(cell);
        j * columns + i
    };
    let single =
        |of: &dyn Fn(usize) -> f64| Array2::from_shape_fn((rows, columns), |c| of(address(c)) as f32);
    let whole = |of: &dyn Fn(usize) -> i32| Array2::from_shape_fn((rows, columns), |c| of(address(c)));
    for (name, axis, word, units, values) in [
        ("nav_lon", "X", "longitude", "degrees_east", single(&|a| grid.lon_deg[a % columns])),
        ("nav_lat", "Y", "latitude", "degrees_north", single(&|a| grid.lat_deg[a / columns])),
    ] {
        let extreme = |pick: fn(f32, f32) -> f32| values.iter().copied().reduce(pick).unwrap_or(0.0);
        let label = attributes(&[("axis", axis), ("standard_name", word), ("units", units)])
            .with("valid_min", extreme(f32::min))
            .with("valid_max", extreme(f32::max));
        f32s(&mut file, name, YX, values, label);
    }
    let missing = || Attributes::new().with("missing_value", 0.0);
    let named = |name: &str| attributes(&[("standard_name", name)]).with("missing_value", 0.0);
    let largest = single(&|a| links.weights_of(a).iter().copied().fold(0.0, f64::max));
    f32s(&mut file, "Weights_Max1", YX, largest, named("Oce -> Atm max weights"));
    i32s(&mut file, "Neighbors1", YX, whole(&|a| links.count(a) as i32), named("Oce -> Atm Neighbors"));
    let sum = single(&|a| links.weights_of(a).iter().fold(0.0, |sum, weight| sum + weight));
    f32s(&mut file, "Weights_Sum1", YX, sum, named("Oce -> Atm sum weights"));
    i32s(&mut file, "Mask", YX, whole(&|_| 1), named("Oce -> Atm mask"));
    f32s(&mut file, "OceMask", YX, single(&|a| fraction[a]), named("Oce ->Atm OceMask"));
    let plain = || attributes(&[("standard_name", "Oce ->Atm OceMask")]);
    i32s(&mut file, "OceMask_int", YX, whole(&|a| i32::from(fraction[a] <= 0.0)), plain());
    let not_whole = whole(&|a| i32::from(fraction[a] <= 1.0 - SMALLEST_FRACTION));
    i32s(&mut file, "OceMask_ext", YX, not_whole, plain());
    let edges = |part: fn((f64, f64)) -> f64| {
        Array3::from_shape_fn((9, rows, columns), |(edge, j, i)| {
            let (j, i) = at((j, i));
            part(outcome.atmosphere.outline(j, i)[edge]) as f32
        })
    };
    f32s(&mut file, "LonEdge", &["edge", "y", "x"], edges(|p| p.0), missing());
    f32s(&mut file, "LatEdge", &["edge", "y", "x"], edges(|p| p.1), missing());
    let unique = |a: usize| i32::from(!grid.is_polar(a / columns) || a.is_multiple_of(columns));
    i32s(&mut file, "MaskPer", YX, whole(&|a| if legacy { FILL_I32 } else { unique(a) }), missing());
    let area = |of: &dyn Fn(usize) -> f64| Array2::from_shape_fn((rows, columns), |c| of(address(c)));
    let merged = area(&|a| outcome.fluxes.atmosphere_area_m2[a]);
    f64s(&mut file, "Surface", YX, merged, missing());
    let sectors = area(&|a| if legacy { 0.0 } else { grid.area_m2[a / columns] });
    f64s(&mut file, "SurfacePol", YX, sectors, missing());
    file
}
