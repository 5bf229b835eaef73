//! The commands that make one file from a bathymetry: `heatflow`, `ahmcoef`, `subbasins`.

use anyhow::{Context, Result};
use boundary::{Output, Release, ahmcoef, heatflow, subbasins};
use dataset::Dataset;

use crate::arguments::OnBathymetry;
use crate::{files, terminal};

pub(crate) fn heatflow(arguments: &OnBathymetry) -> Result<()> {
    on_file(arguments, make_heatflow)
}

pub(crate) fn ahmcoef(arguments: &OnBathymetry) -> Result<()> {
    on_file(arguments, |bathymetry, _| make_ahmcoef(bathymetry))
}

pub(crate) fn subbasins(arguments: &OnBathymetry) -> Result<()> {
    on_file(arguments, make_subbasins)
}

fn on_file(arguments: &OnBathymetry, make: impl Fn(&Dataset, Release) -> Result<Dataset>) -> Result<()> {
    let bathymetry = files::read(&arguments.bathymetry)?;
    let made = make(&bathymetry, arguments.release.release)
        .with_context(|| arguments.bathymetry.display().to_string())?;
    files::write(&made, &arguments.output)
}

pub(crate) fn make_heatflow(bathymetry: &Dataset, release: Release) -> Result<Dataset> {
    let parameters = heatflow::Parameters { time_stamp: python_worker::time_stamp(), release };
    finished("heatflow", heatflow::run(bathymetry, &parameters, &terminal::Line::new("heatflow"))?)
}

pub(crate) fn make_ahmcoef(bathymetry: &Dataset) -> Result<Dataset> {
    finished("ahmcoef", ahmcoef::run(bathymetry, &terminal::Line::new("ahmcoef"))?)
}

pub(crate) fn make_subbasins(bathymetry: &Dataset, release: Release) -> Result<Dataset> {
    let parameters = subbasins::Parameters { release, saved: None };
    finished("subbasins", subbasins::run(bathymetry, &parameters, &terminal::Line::new("subbasins"))?)
}

fn finished(step: &str, output: Output) -> Result<Dataset> {
    terminal::findings(step, &output.findings);
    Ok(output.dataset)
}
