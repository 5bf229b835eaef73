//! `climsim pipeline`: everything that needs no hand, as the platform does it after a click on *routing*.

use anyhow::{Context, Result};

use super::{on_bathymetry, pft, routing};
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
    for (name, dataset) in &made {
        files::write(dataset, &arguments.routing.out.join(name))?;
    }
    Ok(())
}
