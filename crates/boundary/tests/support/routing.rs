//! What the tests of the routing share.

#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use boundary::routing::basins::Basins;
use boundary::routing::cylinder::{Cylinder, Direction};
use boundary::routing::topography::{SouthernRow, raise_southern_row, round_to_millimetres};
use dataset::{Attributes, Dataset, Values};
use grid::Points;
use ndarray::{Array2, Ix2, s};

use crate::golden;

/// A committed file of the synthetic planet: its plain bytes, and read.
pub(crate) fn committed(name: &str) -> (Vec<u8>, Dataset) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/synthetic_free").join(name);
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut plain).unwrap();
    let read = dataset::from_bytes(&plain, name).unwrap();
    (plain, read)
}

/// A two-dimensional variable.
pub(crate) fn field(file: &Dataset, name: &str) -> Array2<f64> {
    let variable = file.variable(name).unwrap_or_else(|| panic!("no variable {name}"));
    variable.decode().unwrap().into_dimensionality::<Ix2>().unwrap()
}

/// The topography of a raw file as it is filled: south-up, rounded, the southern row raised everywhere.
pub(crate) fn prepared(raw: &Dataset, name: &str) -> Array2<f64> {
    let mut heights = field(raw, name);
    let latitude = ["lat", "latitude"].into_iter().find_map(|name| raw.variable(name)).unwrap();
    if latitude.decode().unwrap()[0] > 0.0 {
        heights = heights.slice(s![..;-1, ..]).as_standard_layout().into_owned();
    }
    round_to_millimetres(&mut heights);
    raise_southern_row(&mut heights, SouthernRow::Everywhere);
    heights
}

/// Equal to the last bit, signs of zeros included; any NaN equals any other.
pub(crate) fn assert_bits(what: &str, ours: &Array2<f64>, theirs: &Array2<f64>) {
    assert_eq!(ours.dim(), theirs.dim(), "{what}");
    let differ = |a: f64, b: f64| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan());
    let count = ours.iter().zip(theirs).filter(|&(&a, &b)| differ(a, b)).count();
    if let Some(((at, a), b)) = ours.indexed_iter().zip(theirs).find(|&((_, &a), &b)| differ(a, b)) {
        panic!("{what}: {count} values differ, the first at {at:?}: {a:e} and {b:e}");
    }
}

/// Equal within a relative tolerance; NaN in the same places.
pub(crate) fn assert_close(what: &str, ours: &Array2<f64>, theirs: &Array2<f64>, relative: f64) {
    for ((at, &a), &b) in ours.indexed_iter().zip(theirs) {
        assert_eq!(a.is_nan(), b.is_nan(), "{what}: at {at:?}");
        assert!(a.is_nan() || (a - b).abs() <= relative * b.abs(), "{what}: at {at:?}: {a:e} and {b:e}");
    }
}

/// The same basins, ranked by size: numbers may be exchanged between basins of exactly equal size only.
pub(crate) fn assert_same_basins(what: &str, ours: &Basins, theirs: &Array2<f64>) {
    assert_same_partition(what, &ours.numbers, theirs);
    for (at, &number) in ours.numbers.indexed_iter() {
        if number != 0 {
            let rank = theirs[at] as usize;
            let (mine, stored) = (ours.areas_km2[number as usize - 1], ours.areas_km2[rank - 1]);
            assert_eq!(mine, stored, "{what}: basins {number} and {rank} at {at:?}");
        }
    }
}

/// Equal up to the names of the labels; 0 and NaN stand for none.
pub(crate) fn assert_same_partition(what: &str, ours: &Array2<u32>, theirs: &Array2<f64>) {
    let mut forth = HashMap::new();
    let mut back = HashMap::new();
    for (at, &a) in ours.indexed_iter() {
        let b = theirs[at].to_bits();
        assert_eq!(a == 0, theirs[at] == 0.0 || theirs[at].is_nan(), "{what}: at {at:?}");
        assert_eq!(*forth.entry(a).or_insert(b), b, "{what}: at {at:?}");
        assert_eq!(*back.entry(b).or_insert(a), a, "{what}: at {at:?}");
    }
}

/// Same header and values to the last bit.
pub(crate) fn same(a: &Dataset, b: &Dataset) -> bool {
    dataset::to_bytes(a).unwrap() == dataset::to_bytes(b).unwrap()
}

/// The T points of a file with `lon` and `lat`.
pub(crate) fn t_points(grid: &Dataset) -> Points {
    Points { lon_deg: field(grid, "lon"), lat_deg: field(grid, "lat") }
}

/// The reference ocean grid.
pub(crate) fn reference_grid() -> Option<Points> {
    Some(t_points(&golden::dataset("grids/paleorca2_40Ma_grid.nc")?))
}

/// The tabulated latitudes of the reference relief.
pub(crate) fn reference_latitudes() -> Option<Vec<f64>> {
    let file = golden::dataset("grids/topo_high_res_latitudes.nc")?;
    Some(file.variable("latitude")?.decode()?.into_iter().collect())
}

/// A small regular ocean grid.
pub(crate) fn some_ocean_grid() -> Points {
    Points {
        lon_deg: Array2::from_shape_fn((17, 36), |(_, x)| -175.0 + 10.0 * x as f64),
        lat_deg: Array2::from_shape_fn((17, 36), |(y, _)| -80.0 + 10.0 * y as f64),
    }
}

/// Every land cell of a routing file reaches an outlet beside the sea, in a basin of one number, its length falling on the way.
pub(crate) fn assert_drained(what: &str, routing: &Dataset) {
    let south_up = |name: &str| field(routing, name).slice(s![..;-1, ..]).as_standard_layout().into_owned();
    let [trip, basins, lengths, heights] = ["trip", "basins", "disto", "topo"].map(south_up);
    let grid = Cylinder::from_array(&trip);
    let code = |cell: usize| trip[grid.position(cell)];
    for start in 0..grid.cells() {
        let at = grid.position(start);
        assert_eq!(heights[at] > 0.0, !trip[at].is_nan(), "{what}: {at:?} has a direction");
        assert_eq!(heights[at] > 0.0, basins[at] >= 1.0, "{what}: {at:?} has a basin");
        if heights[at] <= 0.0 {
            continue;
        }
        let mut cell = start;
        let mut steps = 0;
        while code(cell) < 90.0 {
            let here = grid.position(cell);
            let direction = Direction::from_code(code(cell) as u8).unwrap();
            cell = grid.step(cell, direction).unwrap_or_else(|| panic!("{what}: {here:?} leaves the map"));
            let next = grid.position(cell);
            assert!(lengths[next] < lengths[here], "{what}: {here:?} is longer than {next:?}");
            assert_eq!(basins[next], basins[at], "{what}: {here:?} leaves its basin");
            steps += 1;
            assert!(steps <= grid.cells(), "{what}: {at:?} never arrives");
        }
        let (i, j) = grid.position(cell);
        let beside_sea = Direction::ALL
            .into_iter()
            .filter_map(|direction| grid.step(i * grid.nx + j, direction))
            .any(|cell| heights[grid.position(cell)] <= 0.0);
        assert!(beside_sea, "{what}: outlet {:?} is inland", (i, j));
    }
}

/// The raw file turned in every way that is understood, with the code of the finding that says so.
pub(crate) fn turned(raw: &Dataset, topo: &str, lat: &str, lon: &str) -> Vec<(Dataset, &'static str)> {
    let heights = field(raw, topo);
    let axis =
        |name: &str| -> Vec<f64> { raw.variable(name).unwrap().decode().unwrap().into_iter().collect() };
    let (lats, lons) = (axis(lat), axis(lon));
    let file = |heights: Array2<f64>, first: &str, second: &str, lats: &[f64], lons: &[f64]| {
        let mut file = Dataset::new();
        file.add_f64(topo, &[first, second], heights.into_dyn(), Attributes::new());
        for (name, values) in [(lat, lats), (lon, lons)] {
            let values = Values::F64(ndarray::arr1(values).into_dyn());
            file.variables.push(dataset::Variable::new(name, &[name], values, Attributes::new()));
        }
        file
    };
    let half = lons.len() / 2;
    let rolled = Array2::from_shape_fn(heights.dim(), |(i, j)| heights[(i, (j + half) % lons.len())]);
    let rolled_lons: Vec<f64> =
        (0..lons.len()).map(|j| (lons[(j + half) % lons.len()] + 360.0) % 360.0).collect();
    let descending: Vec<f64> = lons.iter().rev().copied().collect();
    vec![
        (file(rolled, lat, lon, &lats, &rolled_lons), "longitudes-rolled"),
        (
            file(heights.slice(s![.., ..;-1]).to_owned(), lat, lon, &lats, &descending),
            "longitudes-descending",
        ),
        (file(heights.t().to_owned(), lon, lat, &lats, &lons), "transposed"),
    ]
}
