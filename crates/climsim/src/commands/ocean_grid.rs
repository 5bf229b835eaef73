//! `climsim ocean-grid`

use anyhow::{Context, Result, bail};
use grid::orca::{self, Parameters};

use crate::{arguments, files};

pub(crate) fn run(arguments: &arguments::OceanGrid) -> Result<()> {
    let mut parameters = Parameters::with_spacing_deg(arguments.resolution)?;
    if let Some(poles) = &arguments.poles {
        let &[lon, lat, second_lon, second_lat] = poles.as_slice() else {
            bail!("--poles takes four numbers: LON,LAT,LON,LAT");
        };
        let apart = (second_lon - lon).rem_euclid(360.0);
        if (apart - 180.0).abs() > 1e-6 {
            bail!("--poles: the two poles must lie on opposite meridians, and {lon} and {second_lon} do not");
        }
        parameters.first_pole_lon_deg = lon;
        parameters.first_pole_lat_deg = lat;
        parameters.second_pole_lat_deg = second_lat;
    }
    let grid = orca::grid(&parameters).context("generating the ocean grid")?;
    files::write(&grid.to_dataset(), &arguments.output)?;
    println!("{}: {} columns, {} rows", arguments.output.display(), parameters.columns, parameters.rows);
    Ok(())
}
