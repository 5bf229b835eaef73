//! The cells of the grid in a file.
//!
//! * A SCRIP grid file, an ESMF unstructured mesh: centres, corners and mask as they are there.
//! * A NEMO coordinates file (T points and F points among others): the T cells.
//! * Axes or two-dimensional longitudes and latitudes after the CF conventions, with the bounds that their `bounds`
//!   attributes name, or else with edges half way between the centres.

use dataset::cf::{self, GridKind, Guess};
use dataset::{Dataset, Variable};
use grid::{CellFile, OceanGrid, ReadGrid, RegularGrid};
use ndarray::{Ix1, Ix2, Ix3};

use crate::{Error, Mesh};

/// Why the grid of a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages print")]
pub enum ReadError {
    /// Nothing to go by.
    #[error(
        "cannot tell which variables are longitude and latitude (candidates: {lon} and {lat}): name them"
    )]
    Ambiguous { lon: String, lat: String },
    /// A chosen pair does not fit together.
    #[error(transparent)]
    Coordinates(#[from] cf::CoordinatesError),
    /// A variable that is not what it should be.
    #[error("'{name}' has shape {shape:?}, and {expected} was expected")]
    Shape { name: String, shape: Vec<usize>, expected: String },
    /// A mask that is not in the file.
    #[error("there is no variable '{name}' for the mask; the file has {available}")]
    NoMask { name: String, available: String },
    /// The coordinates make no grid.
    #[error(transparent)]
    Grid(#[from] grid::Error),
    /// The grid makes no cells.
    #[error(transparent)]
    Mesh(#[from] Error),
}

impl Mesh {
    /// The cells of the grid in a file. `named` are the names of longitude and latitude; without them they are looked for.
    ///
    /// # Errors
    /// [`ReadError`], without the file's name.
    pub fn from_dataset(file: &Dataset, named: Option<(&str, &str)>) -> Result<Self, ReadError> {
        if named.is_none() {
            if let Some(cells) = CellFile::read(file)? {
                return Ok(Self::of_cell_file(cells)?);
            }
            if let Ok(read) = OceanGrid::from_dataset(file)
                && read.grid.mesh().is_some()
            {
                return Ok(of_ocean(&read)?);
            }
        }
        let header = file.header();
        let (lon, lat) = match (named, cf::guess(&header)) {
            (Some((lon, lat)), _) => (lon.to_owned(), lat.to_owned()),
            (None, Guess::Certain { lon, lat }) => (lon, lat),
            (None, Guess::Ambiguous { lon_candidates, lat_candidates }) => {
                // The habits of ocean models, that the conventions do not cover.
                if let Ok(read) = OceanGrid::from_dataset(file) {
                    return of_names(file, &read.chosen.lon, &read.chosen.lat);
                }
                let (lon, lat) = (lon_candidates.join(", "), lat_candidates.join(", "));
                return Err(ReadError::Ambiguous { lon, lat });
            }
        };
        let found = cf::check_coordinates(&header, &lon, &lat);
        match found {
            // A file of nothing but its grid is a grid all the same.
            Ok(_) | Err(cf::CoordinatesError::Unused { .. }) => of_names(file, &lon, &lat),
            Err(error) => Err(error.into()),
        }
    }

    /// Masks the cells where variable `name` is missing or zero, or, with a value, where it is anything else.
    ///
    /// # Errors
    /// [`ReadError::NoMask`], [`ReadError::Shape`].
    pub fn masked_by(self, file: &Dataset, name: &str, value: Option<f64>) -> Result<Self, ReadError> {
        let Some(variable) = file.variable(name) else {
            let names: Vec<&str> = file.variables.iter().map(|v| v.name.as_str()).collect();
            return Err(ReadError::NoMask { name: name.to_owned(), available: names.join(", ") });
        };
        let (rows, columns) = self.shape();
        let expected = || format!("one value for each of {rows} rows by {columns} columns");
        let values = variable.decode().ok_or_else(|| shape(variable, expected()))?;
        // Of several times or levels the first.
        let axes = values.shape();
        let last = &axes[axes.len().saturating_sub(2)..];
        if last != [rows, columns] {
            return Err(shape(variable, expected()));
        }
        let takes_part: Vec<bool> = values
            .iter()
            .take(self.len())
            .map(|&v| v.is_finite() && value.map_or(v != 0.0, |wanted| v == wanted))
            .collect();
        Ok(self.masked(&takes_part)?)
    }
}

fn shape(variable: &Variable, expected: String) -> ReadError {
    ReadError::Shape { name: variable.name.clone(), shape: variable.shape().to_vec(), expected }
}

/// The cells of an ocean grid, in the order of its file.
fn of_ocean(read: &ReadGrid) -> Result<Mesh, Error> {
    if read.transposed { Mesh::ocean_transposed(&read.grid) } else { Mesh::ocean(&read.grid) }
}

fn of_names(file: &Dataset, lon: &str, lat: &str) -> Result<Mesh, ReadError> {
    let variable = |name: &str| {
        let available = || file.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ");
        let missing = || cf::CoordinatesError::Missing { name: name.to_owned(), available: available() };
        file.variable(name).ok_or_else(missing)
    };
    let (lon, lat) = (variable(lon)?, variable(lat)?);
    let kind = if lon.dimensions.len() == 1 { GridKind::Rectilinear } else { GridKind::Curvilinear };
    match kind {
        GridKind::Rectilinear => rectilinear(file, lon, lat),
        GridKind::Curvilinear => curvilinear(file, lon, lat),
    }
}

/// The variable that holds a coordinate's cell bounds.
fn bounds<'a>(file: &'a Dataset, coordinate: &Variable) -> Option<&'a Variable> {
    file.variable(coordinate.attributes.text("bounds")?)
}

fn rectilinear(file: &Dataset, lon: &Variable, lat: &Variable) -> Result<Mesh, ReadError> {
    let axis = |v: &Variable| {
        let values = v.decode().and_then(|values| values.into_dimensionality::<Ix1>().ok());
        values.map(|values| values.to_vec()).ok_or_else(|| shape(v, "an axis of numbers".to_owned()))
    };
    let grid = RegularGrid::new(axis(lon)?, axis(lat)?)?;
    let lon_edges = bounds(file, lon).and_then(|b| edges(b, grid.lon_deg(), 360.0));
    let lat_edges = bounds(file, lat).and_then(|b| edges(b, grid.lat_deg(), 0.0));
    Ok(Mesh::rectilinear(
        &grid,
        lon_edges.unwrap_or_else(|| grid.lon_bounds_deg()),
        lat_edges.unwrap_or_else(|| grid.lat_bounds_deg()),
    )?)
}

/// The edges that bounds of shape (cells, 2) describe, if each cell ends where the next begins and holds its centre.
fn edges(bounds: &Variable, centres: &[f64], turn: f64) -> Option<Vec<f64>> {
    let values = bounds.decode()?.into_dimensionality::<Ix2>().ok()?;
    if values.dim() != (centres.len(), 2) {
        return None;
    }
    let rising = centres[1] > centres[0];
    let mut edges: Vec<f64> = Vec::with_capacity(centres.len() + 1);
    for (cell, &centre) in values.rows().into_iter().zip(centres) {
        // Some files wrap bounds to a range that they do not keep to for the centres.
        let near = |edge: f64| if turn > 0.0 { edge - turn * ((edge - centre) / turn).round() } else { edge };
        let (low, high) = (near(cell[0]).min(near(cell[1])), near(cell[0]).max(near(cell[1])));
        let (begin, end) = if rising { (low, high) } else { (high, low) };
        let joins = edges.last().is_none_or(|&last| (last - begin).abs() < 1e-4);
        if !joins || !(low..=high).contains(&centre) {
            return None;
        }
        if edges.is_empty() {
            edges.push(begin);
        }
        edges.push(end);
    }
    Some(edges)
}

fn curvilinear(file: &Dataset, lon: &Variable, lat: &Variable) -> Result<Mesh, ReadError> {
    let read = OceanGrid::from_named(file, &lon.name, &lat.name)?;
    let stored = read.grid.t().clone().rearranged(read.transposed, false);
    let (rows, columns) = stored.lon_deg.dim();
    let corners = |coordinate: &Variable| {
        let of_cells = bounds(file, coordinate)?;
        // Bounds may leave the units to the coordinate.
        let units = of_cells.attributes.text("units").or_else(|| coordinate.attributes.text("units"));
        let in_radians = units.is_some_and(|units| units.trim().to_lowercase().starts_with("rad"));
        let values = of_cells.decode()?.into_dimensionality::<Ix3>().ok()?;
        let values = if in_radians { values.mapv_into(f64::to_degrees) } else { values };
        (values.dim().0 == rows && values.dim().1 == columns && values.dim().2 >= 3).then_some(values)
    };
    if let (Some(corner_lon), Some(corner_lat)) = (corners(lon), corners(lat))
        && corner_lon.dim() == corner_lat.dim()
    {
        let pairs = |a: &mut dyn Iterator<Item = &f64>,
                     b: &mut dyn Iterator<Item = &f64>|
         -> Vec<(f64, f64)> { a.copied().zip(b.copied()).collect() };
        let centres = pairs(&mut stored.lon_deg.iter(), &mut stored.lat_deg.iter());
        let corners = pairs(&mut corner_lon.iter(), &mut corner_lat.iter());
        return Ok(Mesh::curvilinear((rows, columns), centres, &corners)?);
    }
    Ok(if read.grid.mesh().is_some() { of_ocean(&read)? } else { Mesh::of_centres(stored)? })
}
