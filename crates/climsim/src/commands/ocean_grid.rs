//! `climsim ocean-grid`

use anyhow::{Context, Result};
use grid::orca::{self, Parameters};

use crate::{arguments, files};

pub(crate) fn run(arguments: &arguments::OceanGrid) -> Result<()> {
    let mut parameters = Parameters::with_spacing_deg(arguments.resolution)?;
    if let Some(poles) = arguments.poles {
        parameters.first_pole_lon_deg = poles.first_lon;
        parameters.first_pole_lat_deg = poles.first_lat;
        parameters.second_pole_lat_deg = poles.second_lat;
    }
    let grid = orca::grid(&parameters).context("generating the ocean grid")?;
    files::write(&grid.to_dataset(), &arguments.output)?;
    println!("{}: {} columns, {} rows", arguments.output.display(), parameters.columns, parameters.rows);
    Ok(())
}
