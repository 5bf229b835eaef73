//! The grids of the coupler: `grids.nc`, `areas.nc`, `masks.nc` (and `fracs.nc`, which it does not need).
//!
//! The five grids of the ocean, then three of the atmosphere: `tlmd`, `afra` (areas and fractions of its wet parts) and `aone` (no masks,
//! areas of one). Repeated ocean cells and the first row are land for the coupler.

use dataset::{Attributes, Dataset, Variable};
use grid::Overlap;
use ndarray::{Array2, Zip};

use super::domsk::{self, globals, stamp};
use super::labels::{attributes, f64s, i32s, stacked};
use crate::Outcome;
use crate::ocean::Ocean;

const ATMOSPHERE: &[&str] = &["jpja", "jpia"];
const GRIDS: [&str; 3] = ["afra", "aone", "tlmd"];

/// The atmosphere's name in `Model`, which stands for both.
fn model(outcome: &Outcome) -> String {
    let (rows, columns) = outcome.atmosphere.shape();
    format!("LMDZ {columns:03}x{rows:03}")
}

/// An empty file with the dimensions of both grids.
fn both_grids(outcome: &Outcome, with_corners: bool) -> Dataset {
    let ((ny, nx), (rows, columns)) = (outcome.ocean.shape(), outcome.atmosphere.shape());
    let mut file = Dataset { attributes: globals(&outcome.options, &model(outcome)), ..Dataset::default() };
    file.add_dimension("jpjo", ny);
    file.add_dimension("jpio", nx);
    if with_corners {
        file.add_dimension("corners", 4);
    }
    file.add_dimension("jpja", rows);
    file.add_dimension("jpia", columns);
    file
}

fn sorted(ocean: Dataset) -> Vec<Variable> {
    let mut variables = ocean.variables;
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    variables
}

/// `grids.nc`: positions and corners. Corners of the atmosphere run clockwise, as the original's do.
pub fn grids(outcome: &Outcome) -> Dataset {
    let mut file = both_grids(outcome, true);
    file.variables = sorted(domsk::grids(&outcome.ocean, &outcome.options));
    let grid = &outcome.atmosphere;
    let label = |units: &str, title: &str| {
        attributes(&[("units", units), ("title", title), ("grid_type", "P")]).with("overlap", 0)
    };
    let (east, west) = (grid.by_column(&grid.east_deg), grid.by_column(&grid.west_deg));
    let (south, north) = (grid.by_row(&grid.south_deg), grid.by_row(&grid.north_deg));
    for name in GRIDS {
        for (short, title, units, four) in [
            ("cla", "Latitudes for t-cell corner", "degrees_north", [&south, &south, &north, &north]),
            ("clo", "Longitudes for t-cell corner", "degrees_east", [&east, &west, &west, &east]),
        ] {
            let corners = stacked(&four, &[4]);
            f64s(
                &mut file,
                &format!("{name}.{short}"),
                &["corners", "jpja", "jpia"],
                corners,
                label(units, title),
            );
        }
        let lat = label("degrees_north", "lmdz-t latitudes");
        f64s(&mut file, &format!("{name}.lat"), ATMOSPHERE, grid.by_row(&grid.lat_deg), lat);
        let lon = label("degrees_east", "lmdz-t longitudes");
        f64s(&mut file, &format!("{name}.lon"), ATMOSPHERE, grid.by_column(&grid.lon_deg), lon);
    }
    file
}

/// `areas.nc`: areas. Polar cells of the atmosphere are sectors, each with its own.
pub fn areas(outcome: &Outcome) -> Dataset {
    let mut file = both_grids(outcome, false);
    file.variables = sorted(domsk::areas(&outcome.ocean, &outcome.options));
    let area = outcome.atmosphere.by_row(&outcome.atmosphere.area_m2);
    let wet = &area * &stored_fraction(outcome);
    for (name, values, title) in [
        ("afra", wet, "lmdz-t mesh surface, set to 1"),
        ("aone", Array2::ones(area.dim()), "lmdz-t mesh surface, set to 1"),
        ("tlmd", area, "lmdz-t mesh surface"),
    ] {
        let label = attributes(&[("units", "m^2"), ("title", title)]);
        f64s(&mut file, &format!("{name}.srf"), ATMOSPHERE, values, label);
    }
    file
}

/// `masks.nc`: masks, 1 on land. An atmosphere cell is land when no part of it is ocean.
pub fn masks(outcome: &Outcome) -> Dataset {
    let mut file = both_grids(outcome, false);
    let ocean = domsk::masks_file(&outcome.ocean, &outcome.options);
    // The order that the original's tools leave, of variables and of attributes.
    for name in ["oint", "forc", "vorc", "uorc", "torc"] {
        let Some(mut variable) = ocean.variable(&format!("{name}.msk")).cloned() else { continue };
        let mut in_order = Attributes::new();
        for attribute in ["land_value", "sea_value", "title", "units"] {
            if let Some(value) = variable.attributes.get(attribute) {
                in_order.set(attribute, value.clone());
            }
        }
        variable.attributes = in_order;
        if let dataset::Values::I32(mask) = &mut variable.values {
            let land = uncoupled(&outcome.ocean);
            mask.iter_mut().zip(&land).filter(|(_, land)| **land).for_each(|(mask, _)| *mask = 1);
        }
        file.variables.push(variable);
    }
    let land = stored_fraction(outcome).mapv(|fraction| i32::from(fraction == 0.0));
    for (name, values, title) in [
        ("afra", land.clone(), "lmdz-t land-sea mask"),
        ("aone", Array2::zeros(land.dim()), "lmdz-t land-sea mask, forced to not masked"),
        ("tlmd", land, "lmdz-t land-sea mask"),
    ] {
        let label =
            attributes(&[("units", "n")]).with("land_value", 1).with("sea_value", 0).with("title", title);
        i32s(&mut file, &format!("{name}.msk"), ATMOSPHERE, values, label);
    }
    file
}

/// `fracs.nc`: fractions of ocean. The original makes it and does not deliver it.
pub fn fracs(outcome: &Outcome) -> Dataset {
    let mut file = both_grids(outcome, false);
    file.attributes = attributes(&[("Conventions", "CF-1.1")]);
    stamp(&mut file.attributes, &outcome.options);
    file.attributes.set("Model", model(outcome));
    file.variables = sorted(domsk::fracs(&outcome.ocean, &outcome.options));
    let fraction = stored_fraction(outcome);
    for (name, values, title) in [
        ("afra", fraction.clone(), "lmdz-t mesh fraction, set to 1"),
        ("aone", Array2::ones(fraction.dim()), "lmdz-t mesh fraction, set to 1"),
        ("tlmd", fraction, "lmdz-t mesh fraction"),
    ] {
        let label = attributes(&[("units", "m^2"), ("title", title)]);
        f64s(&mut file, &format!("{name}.fra"), ATMOSPHERE, values, label);
    }
    file
}

fn stored_fraction(outcome: &Outcome) -> Array2<f64> {
    let columns = outcome.atmosphere.size.columns;
    let fraction = outcome.fluxes.stored_fraction();
    Array2::from_shape_fn(outcome.atmosphere.shape(), |(j, i)| fraction[j * columns + i])
}

/// The first row, and the repeated columns and last row, whatever the type of the points.
fn uncoupled(ocean: &Ocean) -> Array2<bool> {
    let (ny, nx) = ocean.shape();
    let mut land = Array2::from_shape_fn((ny, nx), |(j, i)| {
        let north = ocean.topology.fold.repeats_last_row() && j == ny - 1;
        let side = ocean.topology.overlap == Overlap::TwoColumns && (i == 0 || i == nx - 1);
        j == 0 || north || side
    });
    // Of a fold at T points, half of the row before too.
    Zip::from(&mut land).and(&ocean.duplicate).for_each(|land, &duplicate| *land |= duplicate);
    land
}
