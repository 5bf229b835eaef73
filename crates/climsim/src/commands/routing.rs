//! `climsim routing`

use std::path::Path;

use anyhow::{Context, Result};
use boundary::routing::{self, Parameters, Products};
use dataset::Dataset;
use grid::orca;
use grid::{OceanGrid, Points};

use crate::{arguments, files, terminal};

/// Routes, writes the four files, and hands them on.
pub(crate) fn run(arguments: &arguments::Routing) -> Result<Products> {
    let raw = files::read(&arguments.input)?;
    let topo_var = files::topography(&raw.header(), arguments.topo_var.as_deref(), "routing")
        .with_context(|| arguments.input.display().to_string())?;
    of_topography(&raw, &topo_var, arguments)
}

/// The same of a topography that has been read.
pub(super) fn of_topography(
    raw: &Dataset,
    topo_var: &str,
    arguments: &arguments::Routing,
) -> Result<Products> {
    let ocean = t_points(arguments)?;
    let parameters = Parameters {
        lon: arguments.coordinates.lon.clone(),
        lat: arguments.coordinates.lat.clone(),
        heights: arguments.heights.overrides(),
        release: arguments.release.release,
        relief_latitudes: arguments.relief_latitudes.as_deref().map(latitudes).transpose()?,
        ..Parameters::new(topo_var)
    };
    let products = routing::run(raw, &parameters, &ocean, &terminal::Line::new("routing"))
        .with_context(|| format!("routing {}", arguments.input.display()))?;
    terminal::findings("routing", &products.findings);
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("making the directory {}", arguments.out.display()))?;
    let named = [
        ("routing.nc", &products.routing),
        ("bathy.nc", &products.bathy),
        ("soils.nc", &products.soils),
        ("topo_high_res.nc", &products.topo_high_res),
    ];
    // The disk is the slowest part of the command: write the four at once.
    std::thread::scope(|scope| {
        let writers: Vec<_> = named
            .map(|(name, dataset)| {
                let path = arguments.out.join(name);
                scope.spawn(move || files::write(dataset, &path))
            })
            .into_iter()
            .collect();
        writers.into_iter().try_for_each(|writer| match writer.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(products)
}

fn t_points(arguments: &arguments::Routing) -> Result<Points> {
    let Some(path) = arguments.ocean_grid.as_deref() else {
        return orca::t_points(&orca::Parameters::default()).context("generating the ocean grid");
    };
    let file = files::read_grid(path)?;
    let read = OceanGrid::find(&file, arguments.ocean_coordinates.as_ref());
    let read = read.with_context(|| format!("reading the ocean grid {}", path.display()))?;
    for note in read.notes() {
        eprintln!("routing: note: {note}");
    }
    Ok(read.grid.t().clone())
}

/// The variable `latitude` of a file.
fn latitudes(path: &Path) -> Result<Vec<f64>> {
    let file = files::read(path)?;
    let variable = file
        .variable("latitude")
        .with_context(|| format!("{} has no variable 'latitude'", path.display()))?;
    let values = variable
        .decode()
        .with_context(|| format!("{}: 'latitude' holds text, not degrees", path.display()))?;
    Ok(values.into_iter().collect())
}
