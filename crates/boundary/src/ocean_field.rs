//! What heat flow, viscosity and sub-basins read: a bathymetry with the longitude and latitude of its cells.

use dataset::{Attributes, Dataset, Packing, Values, Variable};
use ndarray::{Array2, Ix2};

/// Why a dataset cannot be taken as a bathymetry on an ocean grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum OceanFieldError {
    #[error("there is no variable 'Bathymetry' (there are: {known})")]
    NoBathymetry { known: String },
    #[error("'{name}' has the shape {shape:?}: a map with rows and columns is needed")]
    NotAMap { name: String, shape: Vec<usize> },
    #[error("there is no variable '{name}': the longitude and latitude of the cells are needed")]
    NoCoordinate { name: String },
    #[error(
        "'{name}' has the shape {shape:?}, which does not fit the {rows} x {columns} cells of the bathymetry"
    )]
    CoordinateShape { name: String, shape: Vec<usize>, rows: usize, columns: usize },
}

/// A bathymetry on an ocean grid.
pub(crate) struct OceanField {
    /// Depth in metres, positive; 0 on land (rows x columns).
    pub(crate) depth: Array2<f64>,
    /// Longitude of the cells, in degrees.
    pub(crate) longitude: Array2<f64>,
    /// Latitude of the cells, in degrees.
    pub(crate) latitude: Array2<f64>,
    /// `nav_lon` and `nav_lat` as they go into results: two-dimensional, attributes kept.
    coordinates: [Variable; 2],
    /// Names of the dimensions: rows, columns.
    pub(crate) dimensions: [String; 2],
}

impl OceanField {
    /// Reads `Bathymetry`, `nav_lon` and `nav_lat`.
    pub(crate) fn read(dataset: &Dataset) -> Result<Self, OceanFieldError> {
        let variable = dataset
            .variable("Bathymetry")
            .or_else(|| dataset.variables.iter().find(|v| v.name.eq_ignore_ascii_case("bathymetry")))
            .ok_or_else(|| OceanFieldError::NoBathymetry {
                known: dataset.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", "),
            })?;
        let not_a_map =
            || OceanFieldError::NotAMap { name: variable.name.clone(), shape: variable.shape().to_vec() };
        let depth = variable
            .decode()
            .and_then(|depth| depth.into_dimensionality::<Ix2>().ok())
            .filter(|depth| !depth.is_empty())
            .ok_or_else(not_a_map)?;
        let [rows, columns] = variable.dimensions.as_slice() else { return Err(not_a_map()) };
        let dimensions = [rows.clone(), columns.clone()];
        let (longitude, lon_variable) = coordinate(dataset, "nav_lon", &depth, &dimensions, 1)?;
        let (latitude, lat_variable) = coordinate(dataset, "nav_lat", &depth, &dimensions, 0)?;
        Ok(Self { depth, longitude, latitude, coordinates: [lon_variable, lat_variable], dimensions })
    }

    /// The names of the dimensions, as the calls that add variables want them.
    pub(crate) fn dims(&self) -> [&str; 2] {
        [&self.dimensions[0], &self.dimensions[1]]
    }

    /// A dataset that starts with `nav_lon` and `nav_lat`.
    pub(crate) fn start(&self) -> Dataset {
        let mut dataset = Dataset::new();
        let (rows, columns) = self.depth.dim();
        dataset.add_dimension(&self.dimensions[0], rows);
        dataset.add_dimension(&self.dimensions[1], columns);
        dataset.variables.extend(self.coordinates.iter().cloned());
        dataset
    }
}

/// The coordinate `name`, one-dimensional ones (along `axis` of the map) spread over the map.
fn coordinate(
    dataset: &Dataset,
    name: &str,
    depth: &Array2<f64>,
    dimensions: &[String; 2],
    axis: usize,
) -> Result<(Array2<f64>, Variable), OceanFieldError> {
    let variable =
        dataset.variable(name).ok_or_else(|| OceanFieldError::NoCoordinate { name: name.to_owned() })?;
    let (rows, columns) = depth.dim();
    let wrong_shape = || OceanFieldError::CoordinateShape {
        name: name.to_owned(),
        shape: variable.shape().to_vec(),
        rows,
        columns,
    };
    let values = variable.decode().ok_or_else(wrong_shape)?;
    let map = match values.shape() {
        [i, j] if (*i, *j) == (rows, columns) => {
            values.into_dimensionality::<Ix2>().map_err(|_| wrong_shape())?
        }
        [n] if *n == [rows, columns][axis] => {
            Array2::from_shape_fn((rows, columns), |(i, j)| values[[if axis == 0 { i } else { j }]])
        }
        _ => return Err(wrong_shape()),
    };
    let mut attributes: Attributes = variable.attributes.clone();
    for packing in Packing::ATTRIBUTES {
        attributes.remove(packing);
    }
    attributes.set_first("_FillValue", f64::NAN);
    let dims = [dimensions[0].as_str(), dimensions[1].as_str()];
    let copy = Variable::new(name, &dims, Values::F64(map.clone().into_dyn()), attributes);
    Ok((map, copy))
}
