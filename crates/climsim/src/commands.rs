//! One module per command; each loads, calls the step, saves, and prints what the step noticed.

mod instance;
mod labels;
mod ocean_grid;
mod on_bathymetry;
mod pft;
mod pipeline;
mod regrid;
mod remap_weights;
mod routing;
mod serve;
mod weights;

use std::mem::ManuallyDrop;

use anyhow::Result;

use crate::arguments::Command;

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Regrid(arguments) => regrid::run(&arguments),
        Command::Routing(arguments) => {
            // The process ends here, and that is quicker than giving the memory back piece by piece.
            routing::run(&arguments).map(ManuallyDrop::new).map(|_| ())
        }
        Command::Pft(arguments) => pft::run(&arguments),
        Command::Subbasins(arguments) => on_bathymetry::subbasins(&arguments),
        Command::Heatflow(arguments) => on_bathymetry::heatflow(&arguments),
        Command::Ahmcoef(arguments) => on_bathymetry::ahmcoef(&arguments),
        Command::InternalOceans(arguments) => labels::internal_oceans(&arguments),
        Command::Passages(arguments) => labels::passages(&arguments),
        Command::OceanGrid(arguments) => ocean_grid::run(&arguments),
        Command::RemapWeights(arguments) => remap_weights::run(&arguments),
        Command::Weights(arguments) => weights::run(&arguments),
        Command::WeightsCompare(arguments) => weights::run_compare(&arguments),
        Command::Pipeline(arguments) => pipeline::run(&arguments),
        Command::User(command) => instance::user(&command),
        Command::InitDb(arguments) => instance::init_db(&arguments),
        Command::Doctor(arguments) => instance::doctor(&arguments),
    }
}
