//! The routing file.

use dataset::{Attributes, Dataset};
use ndarray::{Array2, ArrayD, IxDyn};

use super::cylinder::{Cylinder, row_major};
use super::{Routed, directions::SEA};

const DIMENSIONS: [&str; 2] = ["y", "x"];
/// An empty attribute, as the library of the original stores it: one zero byte.
const NO_UNITS: &str = "\0";

/// The routing file, north-up.
pub(crate) fn routing_dataset(routed: &Routed) -> Dataset {
    let on_land = |code: u8, value: f64| if code == SEA { f64::NAN } else { value };
    let height = |&h: &f64| h;
    let mut file = Dataset::new();
    for (name, values, units, long_name) in [
        (
            "trip",
            north_up(&routed.final_directions, |&code| on_land(code, f64::from(code))),
            NO_UNITS,
            "Direction of flow from each box",
        ),
        (
            "basins",
            north_up(&routed.basins.numbers, |&n| if n == 0 { f64::NAN } else { f64::from(n) }),
            NO_UNITS,
            "Basin number for each grid box",
        ),
        (
            "topoind",
            north_up(&routed.topographic_index, height),
            NO_UNITS,
            "Topographic index of the retention time",
        ),
        (
            "hdiff",
            north_up(&routed.height_difference_m, height),
            "m",
            "Height difference with the outflow basin",
        ),
        ("riverl", north_up(&routed.length_to_downstream_m, height), "m", "River length to the next basin"),
        (
            "orog",
            north_up(&routed.drainage.heights_m, |&h| if h > 0.0 { h } else { f64::NAN }),
            "m",
            "Orography",
        ),
        ("disto", north_up(&routed.basins.river_length_km, height), "km", "Distance to ocean"),
    ] {
        let attributes = Attributes::new()
            .with("axis", "TYX")
            .with("units", units)
            .with("long_name", long_name)
            .with("associate", "nav_lat na")
            .with("coordinates", "nav_lat nav_lon");
        file.add_f64(name, &DIMENSIONS, values, attributes);
    }
    let attributes = Attributes::new().with("coordinates", "nav_lat nav_lon");
    file.add_f64("topo", &DIMENSIONS, north_up(&routed.drainage.heights_m, height), attributes);
    add_coordinates(&mut file, Cylinder::from_array(&routed.drainage.heights_m));
    file
}

/// Adds `nav_lon` and `nav_lat` of a regular grid, (y, x), north-up.
pub(crate) fn add_coordinates(file: &mut Dataset, cylinder: Cylinder) {
    let Cylinder { ny, nx } = cylinder;
    let lon = cylinder.longitudes();
    let lat = cylinder.latitudes_north_first();
    for (name, values, units, limit, long_name) in [
        ("nav_lon", field(ny, nx, lon.iter().copied().cycle()), "degrees_east", 180.0, "Longitude"),
        (
            "nav_lat",
            field(ny, nx, lat.into_iter().flat_map(|lat| std::iter::repeat_n(lat, nx))),
            "degrees_north",
            90.0,
            "Latitude",
        ),
    ] {
        let attributes = Attributes::new()
            .with("units", units)
            .with("valid_min", -limit)
            .with("valid_max", limit)
            .with("long_name", long_name);
        file.add_f64(name, &DIMENSIONS, values, attributes);
    }
}

/// A field as it is written, north-up, from one that runs south to north.
pub(crate) fn north_up<T: Clone>(south_up: &Array2<T>, value: impl Fn(&T) -> f64) -> ArrayD<f64> {
    let Cylinder { ny, nx } = Cylinder::from_array(south_up);
    let values = row_major(south_up);
    field(ny, nx, values.chunks_exact(nx.max(1)).rev().flatten().map(value))
}

fn field(ny: usize, nx: usize, values: impl Iterator<Item = f64>) -> ArrayD<f64> {
    let mut all = Vec::with_capacity(ny * nx);
    all.extend(values.take(ny * nx));
    ArrayD::from_shape_vec(IxDyn(&[ny, nx]), all).unwrap_or_else(|_| unreachable!("one value per cell"))
}
