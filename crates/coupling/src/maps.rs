//! Maps to look at: the result on both grids in one small file, for pages and for a quick look at what was computed.

use dataset::{AttributeValue, Attributes, Dataset};
use ndarray::{Array1, Array2};

use crate::fold::Point;
use crate::run::Outcome;
use crate::runoff::{Class, Served};

/// The maps of a result. On the atmosphere grid (`lat`, `lon`; rows north to south): the fraction of ocean, the class
/// of the cells, how many ocean cells give to them, and what becomes of their run-off. On the ocean grid (`y`, `x` with
/// `nav_lat`, `nav_lon`): the sea of the coupler, how many atmosphere cells give to each cell, which part of it they
/// cover, the land that drains to it, and the band of its calving. NaN where there is nothing to say.
pub fn maps(outcome: &Outcome) -> Dataset {
    let mut file = Dataset::new();
    file.attributes.set("Conventions", "CF-1.8");
    file.attributes.set("title", "Coupling weights: maps to check them by");
    atmosphere(outcome, &mut file);
    ocean(outcome, &mut file);
    file
}

fn atmosphere(outcome: &Outcome, file: &mut Dataset) {
    let grid = &outcome.atmosphere;
    let axis = |values: &[f64]| Array1::from(values.to_vec()).into_dyn();
    let degrees = |units: &str, name: &str| described(name, units).with("standard_name", name);
    file.add_f64("lat", &["lat"], axis(&grid.lat_deg), degrees("degrees_north", "latitude"));
    file.add_f64("lon", &["lon"], axis(&grid.lon_deg), degrees("degrees_east", "longitude"));
    let mut add = |name: &str, attributes: Attributes, value: &dyn Fn(usize) -> f64| {
        let columns = grid.size.columns;
        let values = Array2::from_shape_fn(grid.shape(), |(j, i)| value(j * columns + i));
        file.add_f64(name, &["lat", "lon"], values.into_dyn(), attributes.with("_FillValue", f64::NAN));
    };
    let links = &outcome.fluxes.to_atmosphere;
    add("ocean_fraction", described("fraction of the atmosphere cell that is ocean", "1"), &|a| {
        outcome.fluxes.fraction[a]
    });
    let class = described("class of the atmosphere cell", "1");
    add("atmosphere_class", flags(class, "land coast ocean"), &|a| match outcome.runoff.class[a] {
        Class::Land => 0.0,
        Class::Coast => 1.0,
        Class::Ocean => 2.0,
    });
    add("ocean_neighbours", described("ocean cells that give to the atmosphere cell", "1"), &|a| {
        some(links.count(a))
    });
    let fate = flags(
        described("where the run-off of the atmosphere cell goes", "1"),
        "no_run-off to_the_coast_it_overlaps to_the_nearest_coast spread_along_the_coast nowhere",
    );
    add("runoff_fate", fate, &|a| match outcome.runoff.served[a] {
        Served::NoSource => 0.0,
        Served::Overlap => 1.0,
        Served::Nearest => 2.0,
        Served::Spread => 3.0,
        Served::Lost => 4.0,
    });
}

fn ocean(outcome: &Outcome, file: &mut Dataset) {
    let (ocean, fluxes) = (&outcome.ocean, &outcome.fluxes);
    let (shape, columns) = (ocean.shape(), ocean.shape().1);
    let points = ocean.at(Point::T);
    let dimensions = ["y", "x"];
    let degrees = |units: &str, name: &str| described(name, units).with("standard_name", name);
    let lon = points.lon_deg.mapv(grid::sphere::wrap_longitude).into_dyn();
    file.add_f64(
        "nav_lat",
        &dimensions,
        points.lat_deg.clone().into_dyn(),
        degrees("degrees_north", "latitude"),
    );
    file.add_f64("nav_lon", &dimensions, lon, degrees("degrees_east", "longitude"));
    let mut add = |name: &str, attributes: Attributes, value: &dyn Fn(usize) -> f64| {
        let values = Array2::from_shape_fn(shape, |(j, i)| value(j * columns + i));
        let attributes = attributes.with("coordinates", "nav_lon nav_lat").with("_FillValue", f64::NAN);
        file.add_f64(name, &dimensions, values.into_dyn(), attributes);
    };
    let at = |o: usize| [o / columns, o % columns];
    let sea = flags(described("sea of the coupler", "1"), "land sea repeated_sea");
    add("sea", sea, &|o| match (fluxes.sea[at(o)], fluxes.unique_sea[at(o)]) {
        (false, _) => 0.0,
        (true, true) => 1.0,
        (true, false) => 2.0,
    });
    add("atmosphere_neighbours", described("atmosphere cells that give to the ocean cell", "1"), &|o| {
        some(fluxes.to_ocean.count(o))
    });
    add("coverage", described("sum of the weights from the atmosphere to the ocean cell", "1"), &|o| {
        let weights = fluxes.to_ocean.weights_of(o);
        if weights.is_empty() { f64::NAN } else { weights.iter().sum() }
    });
    let drained = described("land that drains to the ocean cell", "km2");
    add("drained_land", drained, &|o| {
        let links = outcome.runoff.links.row(o);
        let land_m2 = |a: usize| fluxes.atmosphere_area_m2[a] * (1.0 - fluxes.fraction[a]).max(0.0);
        let received_m2: f64 =
            links.map(|(a, weight)| weight * fluxes.ocean_area_m2[o] * land_m2(a as usize)).sum();
        if received_m2 > 0.0 { received_m2 / 1e6 } else { f64::NAN }
    });
    add("calving_rows", described("rows of the atmosphere whose ice melts in the ocean cell", "1"), &|o| {
        some(outcome.calving.row(o).len())
    });
    add("depth", described("depth of the sea", "m"), &|o| {
        let depth = ocean.depth_m[at(o)];
        if depth > 0.0 { depth } else { f64::NAN }
    });
}

fn described(name: &str, units: &str) -> Attributes {
    Attributes::new().with("long_name", name).with("units", units)
}

/// Codes 0, 1, ... and what they mean.
fn flags(attributes: Attributes, meanings: &str) -> Attributes {
    let values: Vec<f64> = (0..meanings.split(' ').count()).map(|code| code as f64).collect();
    attributes.with("flag_values", AttributeValue::F64(values)).with("flag_meanings", meanings)
}

/// A count; none is nothing to draw.
fn some(count: usize) -> f64 {
    if count > 0 { count as f64 } else { f64::NAN }
}
