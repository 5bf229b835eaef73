//! The grid of the source, as the corrected release understands it.

use dataset::axes::{self, Axes};
use dataset::cf::{self, CoordinateQuery, CoordinatesError, GridKind};
use dataset::{Dataset, Values};
use ndarray::Ix2;
use remap::Mesh;

use super::Error;
use super::axis::SourceAxis;

/// The grid of the source.
pub(super) enum Grid {
    /// Longitudes times latitudes.
    Regular(Box<Regular>),
    /// Cells of any shape, numbered along the dimensions of the coordinates.
    Cells(Box<Cells>),
}

/// Longitudes times latitudes.
pub(super) struct Regular {
    pub(super) lon: SourceAxis,
    pub(super) lat: SourceAxis,
    pub(super) lon_dimension: String,
    pub(super) lat_dimension: String,
    /// The coordinates are stored as planes.
    pub(super) planes: bool,
    /// Columns that repeat the first ones, one turn on.
    pub(super) repeated: usize,
}

/// Cells of any shape.
pub(super) struct Cells {
    pub(super) mesh: Mesh,
    /// The dimensions that number the cells, slowest first.
    pub(super) dimensions: Vec<String>,
}

impl Grid {
    /// Reads the grid that the variables `longitude` and `latitude` span.
    pub(super) fn read(source: &Dataset, longitude: &str, latitude: &str) -> Result<Self, Error> {
        let wanted =
            CoordinateQuery { lon: Some(longitude), lat: Some(latitude), grid_alone: true, variable: None };
        match cf::find(&source.header(), &wanted) {
            Ok(found) => match Axes::read(source, &found)? {
                Some(axes) => {
                    let planes = found.kind == GridKind::Curvilinear;
                    Ok(Self::Regular(Box::new(regular(source, &axes, planes)?)))
                }
                None => cells(source, longitude, latitude),
            },
            Err(CoordinatesError::List { .. }) => cells(source, longitude, latitude),
            Err(error) => Err(error.into()),
        }
    }
}

fn regular(source: &Dataset, axes: &Axes, planes: bool) -> Result<Regular, Error> {
    let axis = |axis: &axes::Axis| {
        let bounds = if planes { None } else { bounds(source, axis) };
        SourceAxis::new(axis, rounding_deg(source, axis), bounds.as_deref())
            .ok_or_else(|| Error::OnePoint { name: axis.name().to_owned() })
    };
    Ok(Regular {
        lon: axis(&axes.lon)?,
        lat: axis(&axes.lat)?,
        lon_dimension: axes.lon.dimension().to_owned(),
        lat_dimension: axes.lat.dimension().to_owned(),
        planes,
        repeated: axes.lon.repeated(),
    })
}

fn cells(source: &Dataset, longitude: &str, latitude: &str) -> Result<Grid, Error> {
    let refused = |why: String| Error::Cells { lon: longitude.to_owned(), lat: latitude.to_owned(), why };
    let mesh = Mesh::from_dataset(source, Some((longitude, latitude)))
        .map_err(|error| refused(error.to_string()))?;
    let lon = source.variable(longitude);
    let (mut dimensions, mut shape) =
        lon.map(|v| (v.dimensions.clone(), v.shape().to_vec())).unwrap_or_default();
    // A time of one before the cells.
    while shape.len() > 2 && shape[0] == 1 {
        dimensions.remove(0);
        shape.remove(0);
    }
    if shape.iter().product::<usize>() != mesh.len() || dimensions.len() > 2 {
        let why = "they list cells without corners. Interpolate the file to longitudes and latitudes first (cdo remapnn,r360x180)";
        return Err(refused(why.to_owned()));
    }
    Ok(Grid::Cells(Box::new(Cells { mesh, dimensions })))
}

/// How far the values of an axis may be from what is meant, degrees: a few units in the last place of single precision where they
/// are stored in it, or were before.
fn rounding_deg(source: &Dataset, axis: &axes::Axis) -> f64 {
    let stored = source.variable(axis.name()).map(|v| &v.values);
    let single = |value: &f64| f64::from(*value as f32) == *value;
    let rounded = match stored {
        Some(Values::F32(_)) => true,
        Some(Values::F64(values)) => values.iter().all(single),
        _ => false,
    };
    let largest = axis.degrees().iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let precision = if rounded { 4.0 * f64::from(f32::EPSILON) } else { 8.0 * f64::EPSILON };
    (precision * largest).min(axis.tolerance_deg())
}

/// The bounds of an axis in the units of the file, as its attribute names them, in stored order.
fn bounds(source: &Dataset, axis: &axes::Axis) -> Option<Vec<[f64; 2]>> {
    let coordinate = source.variable(axis.name())?;
    let bounds = source.variable(coordinate.attributes.text("bounds")?.trim())?;
    let values = bounds.decode()?.into_dimensionality::<Ix2>().ok()?;
    let per_unit = axes::degrees_per_unit(&coordinate.name, &coordinate.attributes).ok()?;
    (values.dim() == (axis.degrees().len(), 2))
        .then(|| values.rows().into_iter().map(|row| [row[0] * per_unit, row[1] * per_unit]).collect())
}
