//! Reading and writing what the commands work on.

use std::path::Path;

use anyhow::{Context, Result, bail};
use dataset::cf::{self, CoordinateQuery, CoordinatesError};
use dataset::{Dataset, Header, topography};

use crate::arguments::Coordinates;

pub(crate) fn read(path: &Path) -> Result<Dataset> {
    // The error names the file.
    Ok(dataset::read(path)?)
}

/// A file with an ocean grid, of which no more is read than the grid needs.
pub(crate) fn read_grid(path: &Path) -> Result<Dataset> {
    Ok(dataset::File::open(path)?.read_first_maps()?)
}

pub(crate) fn write(dataset: &Dataset, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("making the directory {}", folder.display()))?;
    }
    Ok(dataset::write(dataset, path)?)
}

/// The names of longitude and latitude: as given, else as the file shows beyond doubt.
pub(crate) fn coordinates(header: &Header, given: &Coordinates) -> Result<(String, String)> {
    let wanted = CoordinateQuery {
        lon: given.lon.as_deref(),
        lat: given.lat.as_deref(),
        ..CoordinateQuery::default()
    };
    match cf::find(header, &wanted) {
        Ok(found) => Ok((found.lon, found.lat)),
        Err(error @ CoordinatesError::Ambiguous { .. }) => bail!("{error} with --lon and --lat"),
        Err(error) => Err(error.into()),
    }
}

/// The name of the topography: as given, else as guessed and said.
pub(crate) fn topography(header: &Header, given: Option<&str>, step: &str) -> Result<String> {
    if let Some(name) = given {
        return Ok(name.to_owned());
    }
    match topography::guess(header) {
        topography::Guess::Certain(name) => {
            eprintln!("{step}: note: the topography is '{name}'");
            Ok(name)
        }
        topography::Guess::Ambiguous(names) => {
            bail!("which variable is the topography? Name one of {} with --topo-var", names.join(", "))
        }
        topography::Guess::None => {
            let names: Vec<&str> = header.variables.iter().map(|v| v.name.as_str()).collect();
            bail!(
                "no variable is a map of heights over longitude and latitude (there are: {})",
                names.join(", ")
            )
        }
    }
}
