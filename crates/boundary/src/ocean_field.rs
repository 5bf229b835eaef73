//! What heat flow, viscosity and sub-basins read: a bathymetry with the longitude and latitude of its cells.

use dataset::axes;
use dataset::cf::{CoordinatesError, Role};
use dataset::heights::{self, Heights, MAX_DEPTH_M, Overrides, Positive};
use dataset::{Dataset, Values, Variable};
use ndarray::Array2;

use crate::Finding;

/// Why a dataset cannot be taken as a bathymetry on an ocean grid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum OceanFieldError {
    #[error("there is no variable 'Bathymetry' (there are: {known})")]
    NoBathymetry { known: String },
    #[error("'{name}' has the shape {shape:?}: a map with rows and columns is needed")]
    NotAMap { name: String, shape: Vec<usize> },
    // These files have no option 'units' beside them: the file itself is to be corrected.
    #[error(
        "'{name}' has units \"{units}\", which are none of a depth: correct its attribute 'units' (m, km, cm or ft)"
    )]
    Units { name: String, units: String },
    #[error(transparent)]
    Heights(heights::Error),
    #[error(transparent)]
    Coordinates(#[from] CoordinatesError),
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
        let Depths { depth_m: depth, dimensions, mut findings } = Depths::read(variable)?;
        findings.extend(negative(&depth));
        let (longitude, lon_variable) = coordinate(dataset, "nav_lon", Role::Longitude, &depth, &dimensions)?;
        let (latitude, lat_variable) = coordinate(dataset, "nav_lat", Role::Latitude, &depth, &dimensions)?;
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

/// The depths of a bathymetry: in metres, positive in the sea, whatever the file counts them in.
#[derive(Debug, Clone)]
pub struct Depths {
    /// Depth, m, positive in the sea (rows x columns); NaN where the file holds none.
    pub depth_m: Array2<f64>,
    /// Names of the dimensions: rows, columns.
    pub dimensions: [String; 2],
    /// What was done to the numbers, and how many are missing.
    pub findings: Vec<Finding>,
}

impl Depths {
    /// Reads a bathymetry, dimensions of length one (a time) dropped. Heights are turned round, their land is 0; depths beyond
    /// [`MAX_DEPTH_M`] are missing.
    ///
    /// # Errors
    /// No map, and numbers that are no depths.
    pub fn read(variable: &Variable) -> Result<Self, OceanFieldError> {
        let name = &variable.name;
        let not_a_map = || OceanFieldError::NotAMap { name: name.clone(), shape: variable.shape().to_vec() };
        let heights = Heights::read(variable, &Overrides::default()).map_err(|error| match error {
            heights::Error::Units { name, units } => OceanFieldError::Units { name, units },
            other => OceanFieldError::Heights(other),
        })?;
        let (depth, positive, mut findings) = heights.into_counted();
        // That a bathymetry holds depths is what its readers expect.
        findings.retain(|finding| finding.code != "depth-read");
        if positive == Positive::Up && !findings.iter().any(|finding| finding.code == "direction-doubtful") {
            let text = format!("'{name}' was read as heights above sea level and turned round to depths");
            findings.push(Finding::note("heights-turned", text));
        }
        let (mut depth_m, dimensions) = axes::one_map(variable, depth).ok_or_else(not_a_map)?;
        depth_m.mapv_inplace(|depth| match positive {
            _ if depth.is_nan() || depth.abs() > MAX_DEPTH_M => f64::NAN,
            Positive::Down => depth,
            Positive::Up if depth > 0.0 => 0.0,
            Positive::Up => 0.0 - depth,
        });
        let missing = depth_m.iter().filter(|depth| depth.is_nan()).count();
        if missing > 0 {
            let text = format!(
                "{missing} cells of the bathymetry hold no depth (not a number, a fill value, or more than {MAX_DEPTH_M} m): they count \
                 as land"
            );
            findings.push(Finding::warning("bathymetry-missing-values", text));
        }
        Ok(Self { depth_m, dimensions, findings })
    }
}

/// Tells of depths below 0.
fn negative(depth_m: &Array2<f64>) -> Option<Finding> {
    let negative = depth_m.iter().filter(|&&depth| depth < 0.0).count();
    let least = depth_m.iter().copied().fold(0.0, f64::min);
    let text = format!(
        "{negative} cells of the bathymetry have depths below 0 (down to {least:.0} m) and count as land: depths are positive in \
         the sea; heights above the sea level are turned round first"
    );
    (negative > 0).then(|| Finding::warning("bathymetry-negative-depths", text))
}

/// The coordinate `name` in degrees, one-dimensional ones spread over the map.
fn coordinate(
    dataset: &Dataset,
    name: &str,
    role: Role,
    depth: &Array2<f64>,
    dimensions: &[String; 2],
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
    let map = if variable.shape().len() == 1 {
        let values = axes::degrees(variable, role)?;
        let (len, along_columns) = match role {
            Role::Longitude => (columns, true),
            Role::Latitude => (rows, false),
        };
        if values.len() != len {
            return Err(wrong_shape());
        }
        Array2::from_shape_fn((rows, columns), |(i, j)| values[if along_columns { j } else { i }])
    } else {
        let (map, own) = axes::plane_deg(variable, role)?;
        if own[0] == dimensions[1] && own[1] == dimensions[0] { map.reversed_axes() } else { map }
    };
    if map.dim() != (rows, columns) {
        return Err(wrong_shape());
    }
    let mut attributes = variable.packing().unpacked(&variable.attributes);
    if axes::degrees_per_unit(name, &variable.attributes)? != 1.0 {
        let degrees = if role == Role::Longitude { "degrees_east" } else { "degrees_north" };
        attributes.set("units", degrees);
    }
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
    fn coordinates_are_degrees_in_the_order_of_the_map() {
        let plain = OceanField::read(&file(&["y", "x"], ArrayD::zeros(vec![2, 3]))).unwrap();
        let mut turned = file(&["y", "x"], ArrayD::zeros(vec![2, 3]));
        let lat = ndarray::array![[0.5, -0.5], [0.5, -0.5], [0.5, -0.5]];
        let radians = Attributes::new().with("units", "radians");
        turned.variables.retain(|variable| variable.name != "nav_lat");
        turned.add_f64("nav_lat", &["x", "y"], lat.into_dyn(), radians);
        let field = OceanField::read(&turned).unwrap();
        assert_eq!(field.latitude.dim(), plain.latitude.dim());
        assert!((field.latitude[[1, 2]] + 0.5_f64.to_degrees()).abs() < 1e-12);
        assert_eq!(field.coordinates[1].attributes.text("units"), Some("degrees_north"));
    }

    #[test]
    fn units_that_are_no_depth_are_refused_with_a_remedy_that_there_is() {
        let mut file = file(&["y", "x"], ArrayD::zeros(vec![2, 3]));
        for variable in &mut file.variables {
            if variable.name == "Bathymetry" {
                variable.attributes.set("units", "kelvin");
            }
        }
        let error = OceanField::read(&file).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("'Bathymetry' has units \"kelvin\"") && error.contains("correct"), "{error}");
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
