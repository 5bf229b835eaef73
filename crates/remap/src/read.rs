//! The cells of the grid in a file.
//!
//! * A SCRIP grid file, an ESMF unstructured mesh, a MOM supergrid, a CF list of cells: centres, corners and mask as they are there.
//! * A NEMO coordinates file (T points and F points among others): the T cells.
//! * Axes or two-dimensional longitudes and latitudes after the CF conventions, with the bounds that their `bounds`
//!   attributes name, or else with edges half way between the centres.

use dataset::axes::{Axes, Axis};
use dataset::cf::{self, CoordinateQuery, Coordinates, CoordinatesError, GridKind};
use dataset::{Dataset, Variable};
use grid::{CellFile, OceanGrid, ReadGrid, RegularGrid};
use ndarray::{Ix2, Ix3};

use crate::{Error, Mesh};

/// Why the grid of a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages print")]
pub enum ReadError {
    /// Nothing to go by, or coordinates that are none.
    #[error(transparent)]
    Coordinates(#[from] CoordinatesError),
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
        if let Some(cells) = named.map(|_| CellFile::list(file, named)).transpose()?.flatten() {
            return Ok(Self::of_cell_file(cells)?);
        }
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
        let wanted = CoordinateQuery {
            lon: named.map(|(lon, _)| lon),
            lat: named.map(|(_, lat)| lat),
            variable: None,
            // A file of nothing but its grid is a grid all the same.
            grid_alone: true,
        };
        match cf::find(&file.header(), &wanted) {
            Ok(found) => of_coordinates(file, &found),
            Err(error @ CoordinatesError::Ambiguous { .. }) => {
                // The habits of ocean models, that the conventions do not cover.
                let Ok(read) = OceanGrid::from_dataset(file) else {
                    return Err(CellFile::bare_list(file).map_or_else(|| error.into(), ReadError::from));
                };
                let chosen =
                    CoordinateQuery { lon: Some(&read.chosen.lon), lat: Some(&read.chosen.lat), ..wanted };
                of_coordinates(file, &cf::find(&file.header(), &chosen)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Masks the cells where variable `name` is missing or zero, or, with a value, where it is anything else.
    ///
    /// # Errors
    /// [`ReadError::NoMask`], [`ReadError::Shape`].
    pub fn masked_by(self, file: &Dataset, name: &str, value: Option<f64>) -> Result<Self, ReadError> {
        let Some(variable) = file.variable(name) else {
            return Err(ReadError::NoMask { name: name.to_owned(), available: names(file) });
        };
        let (rows, columns) = self.shape();
        let expected = || format!("one value for each of {rows} rows by {columns} columns");
        let values = variable.decode().ok_or_else(|| shape(variable, expected()))?;
        // Of several times or levels the first.
        let axes = values.shape();
        let last = &axes[axes.len().saturating_sub(2)..];
        // Files that describe cells one by one have masks along one dimension.
        if last != [rows, columns] && axes != [self.len()] {
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

fn of_coordinates(file: &Dataset, found: &Coordinates) -> Result<Mesh, ReadError> {
    let axes = Axes::read(file, found)?;
    let variable = |name: &str| {
        let missing = || CoordinatesError::Missing { name: name.to_owned(), available: names(file) };
        file.variable(name).ok_or_else(missing)
    };
    let (lon, lat) = (variable(&found.lon)?, variable(&found.lat)?);
    let has_corners = bounds(file, lon).is_some() && bounds(file, lat).is_some();
    match (axes, found.kind) {
        (Some(axes), GridKind::Rectilinear) => rectilinear(file, &axes),
        // Cells are numbered as the file stores them, row by row.
        (Some(axes), GridKind::Curvilinear)
            if !has_corners && axes.lat.dimension() == found.lat_dimension =>
        {
            rectilinear(file, &axes)
        }
        _ => curvilinear(file, lon, lat),
    }
}

fn names(file: &Dataset) -> String {
    file.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The variable that holds a coordinate's cell bounds.
fn bounds<'a>(file: &'a Dataset, coordinate: &Variable) -> Option<&'a Variable> {
    file.variable(coordinate.attributes.text("bounds")?)
}

fn rectilinear(file: &Dataset, axes: &Axes) -> Result<Mesh, ReadError> {
    let (lon, lat) = (axes.lon.degrees(), axes.lat.degrees());
    let grid = RegularGrid::new(lon.to_vec(), lat.to_vec())?;
    let given = |axis: &Axis, turn: f64| {
        let coordinate = file.variable(axis.name())?;
        let of_cells = bounds(file, coordinate)?;
        edges(of_cells, axis.degrees(), turn, degrees_per_unit(of_cells, coordinate))
    };
    let lon_edges = given(&axes.lon, 360.0).unwrap_or_else(|| grid.lon_bounds_deg());
    let lat_edges = given(&axes.lat, 0.0).unwrap_or_else(|| grid.lat_bounds_deg());
    Ok(Mesh::rectilinear(&grid, closed(&axes.lon, lon_edges), reaching(&axes.lat, lat_edges))?)
}

/// Edges of columns, exactly a turn apart where the longitudes go all around.
fn closed(lon: &Axis, mut edges: Vec<f64>) -> Vec<f64> {
    let distinct = lon.distinct_deg().len();
    let turn = 360.0_f64.copysign(edges[distinct] - edges[0]);
    let off = (edges[distinct] - edges[0] - turn).abs();
    if !lon.closes() || (lon.repeated() == 0 && off < 1e-9) {
        return edges;
    }
    // Half way across what is left or is there twice.
    let seam = edges[distinct].midpoint(edges[0] + turn);
    (edges[0], edges[distinct]) = (seam - turn, seam);
    for k in distinct + 1..edges.len() {
        edges[k] = edges[k - distinct] + turn;
    }
    edges
}

/// Edges of rows, the outermost on the pole where they come as near as their precision.
fn reaching(lat: &Axis, mut edges: Vec<f64>) -> Vec<f64> {
    let last = edges.len() - 1;
    for k in [0, last] {
        let left = 90.0 - edges[k].abs();
        if left.abs() <= 2.0 * lat.tolerance_deg() {
            edges[k] = 90.0_f64.copysign(edges[k]);
        }
    }
    edges
}

/// Degrees per unit of the bounds of a coordinate, which may leave the units to the coordinate.
fn degrees_per_unit(bounds: &Variable, coordinate: &Variable) -> f64 {
    let owner = if bounds.attributes.text("units").is_some() { bounds } else { coordinate };
    dataset::axes::degrees_per_unit(&owner.name, &owner.attributes).unwrap_or(1.0)
}

/// The edges that bounds of shape (cells, 2) describe, if each cell ends where the next begins and holds its centre.
fn edges(bounds: &Variable, centres: &[f64], turn: f64, per_unit: f64) -> Option<Vec<f64>> {
    let values = bounds.decode()?.into_dimensionality::<Ix2>().ok()?.mapv_into(|edge| edge * per_unit);
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
        let per_unit = degrees_per_unit(of_cells, coordinate);
        let mut values = of_cells.decode()?;
        while values.ndim() > 3 && values.shape()[0] == 1 {
            values = values.index_axis_move(ndarray::Axis(0), 0);
        }
        let mut values = values.into_dimensionality::<Ix3>().ok()?.mapv_into(|edge| edge * per_unit);
        // Some files have the corners first.
        if of_cells.dimensions.ends_with(&coordinate.dimensions) {
            values = values.permuted_axes([1, 2, 0]).as_standard_layout().into_owned();
        }
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
