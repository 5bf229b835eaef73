//! What heat flow, viscosity and sub-basins read: a bathymetry with the longitude and latitude of its cells.

use dataset::axes::one_map;
use dataset::heights::{self, Heights, Overrides, Positive};
use dataset::{Dataset, Values, Variable};
use ndarray::{Array2, Ix2};

use crate::Finding;

/// Deeper than any ocean, m: a fill value that the file does not declare. The coupling weights have the same limit.
const DEEPEST_M: f64 = 20_000.0;

/// Why a dataset cannot be taken as a bathymetry on an ocean grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum OceanFieldError {
    #[error("there is no variable 'Bathymetry' (there are: {known})")]
    NoBathymetry { known: String },
    #[error("'{name}' has the shape {shape:?}: a map with rows and columns is needed")]
    NotAMap { name: String, shape: Vec<usize> },
    #[error(transparent)]
    Heights(#[from] heights::Error),
    #[error("there is no variable '{name}': the longitude and latitude of the cells are needed")]
    NoCoordinate { name: String },
    #[error(
        "'{name}' has the shape {shape:?}, which does not fit the {rows} x {columns} cells of the bathymetry"
    )]
    CoordinateShape { name: String, shape: Vec<usize>, rows: usize, columns: usize },
}

/// A bathymetry on an ocean grid.
pub(crate) struct OceanField {
    /// Depth in metres, positive; 0 on land, NaN where the file holds none (rows x columns).
    pub(crate) depth: Array2<f64>,
    /// Longitude of the cells, in degrees.
    pub(crate) longitude: Array2<f64>,
    /// Latitude of the cells, in degrees.
    pub(crate) latitude: Array2<f64>,
    /// `nav_lon` and `nav_lat` as they go into results: two-dimensional, attributes kept.
    coordinates: [Variable; 2],
    /// Names of the dimensions: rows, columns.
    pub(crate) dimensions: [String; 2],
    /// What is doubtful about the depths.
    pub(crate) findings: Vec<Finding>,
}

impl OceanField {
    /// Reads `Bathymetry`, `nav_lon` and `nav_lat`, dimensions of length one (a time) dropped. Depths that no ocean has are missing.
    pub(crate) fn read(dataset: &Dataset) -> Result<Self, OceanFieldError> {
        let variable = dataset
            .variable("Bathymetry")
            .or_else(|| dataset.variables.iter().find(|v| v.name.eq_ignore_ascii_case("bathymetry")))
            .ok_or_else(|| OceanFieldError::NoBathymetry {
                known: dataset.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", "),
            })?;
        let not_a_map =
            || OceanFieldError::NotAMap { name: variable.name.clone(), shape: variable.shape().to_vec() };
        let (depth, positive, mut findings) = Heights::read(variable, &Overrides::default())?.into_counted();
        // That a bathymetry holds depths is what its readers expect.
        findings.retain(|finding| finding.code != "depth-read");
        let (mut depth, dimensions) = one_map(variable, depth).ok_or_else(not_a_map)?;
        depth.mapv_inplace(|depth| match positive {
            _ if depth.is_nan() || depth.abs() > DEEPEST_M => f64::NAN,
            Positive::Down => depth,
            Positive::Up if depth > 0.0 => 0.0,
            Positive::Up => 0.0 - depth,
        });
        findings.extend(doubts(&depth));
        let (longitude, lon_variable) = coordinate(dataset, "nav_lon", &depth, &dimensions, 1)?;
        let (latitude, lat_variable) = coordinate(dataset, "nav_lat", &depth, &dimensions, 0)?;
        let coordinates = [lon_variable, lat_variable];
        Ok(Self { depth, longitude, latitude, coordinates, dimensions, findings })
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

/// What the modeller should know of the depths.
fn doubts(depth_m: &Array2<f64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let missing = depth_m.iter().filter(|depth| depth.is_nan()).count();
    if missing > 0 {
        findings.push(Finding::warning(
            "bathymetry-missing-values",
            format!(
                "{missing} cells of the bathymetry hold no depth (not a number, a fill value, or more than {DEEPEST_M} m): they count \
                 as land"
            ),
        ));
    }
    let negative = depth_m.iter().filter(|&&depth| depth < 0.0).count();
    if negative > 0 {
        let least = depth_m.iter().copied().fold(0.0, f64::min);
        findings.push(Finding::warning(
            "bathymetry-negative-depths",
            format!(
                "{negative} cells of the bathymetry have depths below 0 (down to {least:.0} m) and count as land: depths are positive in \
                 the sea; heights above the sea level are turned round first"
            ),
        ));
    }
    findings
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
    let mut values = variable.decode().ok_or_else(wrong_shape)?;
    while values.ndim() > 2 && values.shape()[0] == 1 {
        values = values.index_axis_move(ndarray::Axis(0), 0);
    }
    let map = match values.shape() {
        [i, j] if (*i, *j) == (rows, columns) => {
            values.into_dimensionality::<Ix2>().map_err(|_| wrong_shape())?
        }
        [n] if *n == [rows, columns][axis] => {
            Array2::from_shape_fn((rows, columns), |(i, j)| values[[if axis == 0 { i } else { j }]])
        }
        _ => return Err(wrong_shape()),
    };
    let mut attributes = variable.packing().unpacked(&variable.attributes);
    attributes.set_first("_FillValue", f64::NAN);
    let dims = [dimensions[0].as_str(), dimensions[1].as_str()];
    let copy = Variable::new(name, &dims, Values::F64(map.clone().into_dyn()), attributes);
    Ok((map, copy))
}

#[cfg(test)]
mod tests {
    use dataset::Attributes;
    use ndarray::{Array3, ArrayD};

    use super::*;

    fn file(dimensions: &[&str], depth: ArrayD<f64>) -> Dataset {
        let mut file = Dataset::new();
        for name in ["nav_lon", "nav_lat"] {
            file.add_f64(name, &["y", "x"], Array2::zeros((2, 3)).into_dyn(), Attributes::new());
        }
        file.add_f64("Bathymetry", dimensions, depth, Attributes::new());
        file
    }

    #[test]
    fn a_single_time_is_dropped_and_several_are_refused() {
        let depth = Array3::from_shape_fn((1, 2, 3), |(_, j, i)| (10 * j + i) as f64);
        let field = OceanField::read(&file(&["t", "y", "x"], depth.into_dyn())).unwrap();
        assert_eq!((field.depth[[1, 2]], field.dims()), (12.0, ["y", "x"]));
        assert!(field.findings.is_empty());
        let two = file(&["t", "y", "x"], Array3::zeros((2, 2, 3)).into_dyn());
        assert!(matches!(OceanField::read(&two), Err(OceanFieldError::NotAMap { .. })));
    }

    #[test]
    fn what_no_ocean_has_is_missing_and_said_so() {
        let depth = ndarray::array![[9.969_209_968_386_869e36, 4000.0, -20.0], [0.0, f64::NAN, 11_000.0]];
        let field = OceanField::read(&file(&["y", "x"], depth.into_dyn())).unwrap();
        assert!(field.depth[[0, 0]].is_nan() && field.depth[[1, 2]] == 11_000.0);
        let codes: Vec<&str> = field.findings.iter().map(|finding| finding.code).collect();
        let expected = ["default-fill-values", "bathymetry-missing-values", "bathymetry-negative-depths"];
        assert_eq!(codes, expected);
        assert!(field.findings[1].message.starts_with("2 cells"), "{}", field.findings[1].message);
    }
}
