//! `climsim pipeline`: everything that needs no hand, as the platform does it after a click on *routing*.

use std::path::Path;

use anyhow::{Context, Result};
use coupling::{Options, Sources};
use grid::OceanGrid;

use super::{on_bathymetry, pft, routing, weights};
use crate::{arguments, files};

pub(crate) fn run(arguments: &arguments::Pipeline) -> Result<()> {
    let release = arguments.routing.release.release;
    let products = routing::run(&arguments.routing)?;
    let bathymetry = &products.bathy;
    let made = [
        ("pft.nc", pft::make(&products.routing, arguments.table.as_deref(), release).context("pft")?),
        ("heatflow.nc", on_bathymetry::make_heatflow(bathymetry, release).context("heatflow")?),
        ("ahmcoef.nc", on_bathymetry::make_ahmcoef(bathymetry).context("ahmcoef")?),
        ("sub_basins.nc", on_bathymetry::make_subbasins(bathymetry, release).context("subbasins")?),
    ];
    let out = &arguments.routing.out;
    for (name, dataset) in &made {
        files::write(dataset, &out.join(name))?;
    }
    let coordinates = match &arguments.routing.ocean_grid {
        None => weights::generated_grid(out)?,
        Some(grid) if full_grid(grid)? => grid.clone(),
        Some(grid) => {
            eprintln!("weights: note: not computed, for {} holds no full C grid", grid.display());
            return Ok(());
        }
    };
    let sources = Sources {
        coordinates: &coordinates,
        bathymetry: &out.join("bathy.nc"),
        basins: &out.join("sub_basins.nc"),
    };
    let stem = arguments.routing.input.file_stem().unwrap_or_default().to_string_lossy();
    let options =
        Options { name: Options::file_name(&stem), stamps: mosaic_worker::stamps(), ..Options::default() };
    weights::make(&sources, &options, &out.join("weights")).context("weights")
}

/// True when weights can be computed on the grid of a file.
fn full_grid(path: &Path) -> Result<bool> {
    Ok(OceanGrid::from_dataset(&files::read(path)?)?.grid.mesh().is_some())
}
