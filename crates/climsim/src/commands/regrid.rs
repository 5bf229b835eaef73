//! `climsim regrid`

use anyhow::{Context, Result};
use boundary::regrid::{self, Coast, Limits, Method, Parameters};
use dataset::cf::CoordinatesError;

use crate::arguments::{self, RegridMethod, RegridValues};
use crate::{files, terminal};

pub(crate) fn run(arguments: &arguments::Regrid) -> Result<()> {
    let source = dataset::File::open(&arguments.input)?;
    let found = files::coordinates(source.header(), &arguments.coordinates);
    // A list of cells with their corners is a grid to regridding, and to nothing else.
    let list = found.as_ref().err().and_then(|error| match error.downcast_ref() {
        Some(CoordinatesError::List { lon, lat, .. }) => Some((lon.clone(), lat.clone())),
        _ => None,
    });
    let (longitude, latitude) = match list {
        Some(names) => names,
        None => found.with_context(|| arguments.input.display().to_string())?,
    };
    let parameters = Parameters {
        longitude_step_degrees: arguments.lon_step,
        latitude_step_degrees: arguments.lat_step,
        limits: match arguments.limits {
            arguments::Limits::Default => Limits::Default,
            arguments::Limits::Data => Limits::Data,
        },
        release: arguments.release.release,
        ..with_values(Parameters::one_degree(&longitude, &latitude), &arguments.values)
    };
    let result = regrid::run_file(&source, &parameters, &terminal::Line::new("regrid"))
        .with_context(|| format!("regridding {}", arguments.input.display()))?;
    terminal::findings("regrid", &result.findings);
    files::write(&result.dataset, &arguments.output)
}

/// Parameters with the choices on how values are found.
pub(super) fn with_values(parameters: Parameters, values: &RegridValues) -> Parameters {
    Parameters {
        method: match values.method {
            RegridMethod::Auto => Method::Auto,
            RegridMethod::Conservative => Method::Conservative,
            RegridMethod::Conservative2 => Method::Conservative2,
            RegridMethod::Bilinear => Method::Linear,
            RegridMethod::Nearest => Method::Nearest,
        },
        min_valid_fraction: values.min_valid_fraction,
        coast: match (values.keep_coast, values.mix_coast) {
            (true, _) => Coast::Kept,
            (false, true) => Coast::Mixed,
            (false, false) => Coast::Auto,
        },
        ..parameters
    }
}
