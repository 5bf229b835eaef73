//! `climsim regrid`

use anyhow::{Context, Result};
use boundary::regrid::{self, Limits, Method, Parameters};

use crate::arguments::{self, Interpolator};
use crate::{files, terminal};

pub(crate) fn run(arguments: &arguments::Regrid) -> Result<()> {
    let source = files::read(&arguments.input)?;
    let (longitude, latitude) = files::coordinates(&source.header(), &arguments.coordinates)
        .with_context(|| arguments.input.display().to_string())?;
    let parameters = Parameters {
        longitude_step_degrees: arguments.lon_step,
        latitude_step_degrees: arguments.lat_step,
        limits: match arguments.limits {
            arguments::Limits::Default => Limits::Default,
            arguments::Limits::Data => Limits::Data,
        },
        method: match arguments.interpolator {
            Interpolator::Linear => Method::Linear,
            Interpolator::Nearest => Method::Nearest,
        },
        release: arguments.release.release,
        ..Parameters::one_degree(&longitude, &latitude)
    };
    let result = regrid::run(&source, &parameters, &terminal::Line::new("regrid"))
        .with_context(|| format!("regridding {}", arguments.input.display()))?;
    terminal::findings("regrid", &result.findings);
    files::write(&result.dataset, &arguments.output)
}
