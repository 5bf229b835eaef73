//! Where the cells of a variable lie: its longitude and latitude, found as a modeller would.
//!
//! The names that the user confirmed for the file go first, then what [`dataset::cf`] finds for the variable. Two-dimensional
//! coordinates that vary along one dimension each are axes like any other.

use dataset::axes::{self, Axes};
use dataset::cf::{self, CoordinateQuery};
use dataset::{Header, VariableHeader};
use serde::Serialize;

use crate::MapError;
use crate::source::{Coordinates, Slabs};

/// The names of the coordinates that the user confirmed.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// Name of the longitude.
    pub longitude: Option<String>,
    /// Name of the latitude.
    pub latitude: Option<String>,
}

/// How the cells of a plane are placed.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Geometry {
    /// Rows and columns at fixed latitudes and longitudes.
    Regular {
        /// Degrees east of the columns; rising or falling, beyond 180 where the file crosses the date line.
        lon: Axis,
        /// Degrees north of the rows.
        lat: Axis,
    },
    /// Every cell has its own position: the corners come from `field/mesh`.
    Curvilinear {
        /// Name of the variable with the longitudes of the centres.
        lon: String,
        /// Name of the variable with the latitudes of the centres.
        lat: String,
    },
    /// No usable position.
    Index {
        /// Why, for the user; empty when the file has no coordinates at all.
        reason: String,
    },
}

/// Coordinates along one dimension.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Axis {
    /// Evenly spaced to a thousandth of a step.
    Even {
        /// The first coordinate.
        first: f64,
        /// Distance of neighbours; negative when falling.
        step: f64,
        /// How many.
        count: usize,
    },
    /// Any strictly rising or falling list.
    Listed {
        /// The coordinates.
        values: Vec<f64>,
    },
}

/// A geometry and the dimensions that it uses.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedGeometry {
    /// Which dimension of the variable runs north-south.
    pub y: usize,
    /// Which dimension of the variable runs east-west.
    pub x: usize,
    /// How the cells are placed.
    pub geometry: Geometry,
    /// Of a regular geometry: longitudes of the columns and latitudes of the rows, degrees, in the order of the file; longitudes
    /// that jump by a turn there go on beyond it.
    pub axes: Option<LonsLats>,
}

/// Longitudes of the columns and latitudes of the rows.
pub type LonsLats = (Vec<f64>, Vec<f64>);

/// Places the cells of a variable.
///
/// # Errors
/// When coordinates cannot be read.
pub fn place(
    source: &impl Slabs,
    header: &Header,
    variable: &VariableHeader,
    hints: &Hints,
) -> Result<PlacedGeometry, MapError> {
    let source = Coordinates(source);
    let n = variable.shape.len();
    let (last, before) = (n.saturating_sub(1), n.saturating_sub(2));
    let by_number = |y: usize, x: usize, reason: &str| {
        let mut letters = reason.chars();
        let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        let reason = if reason.is_empty() {
            String::new()
        } else {
            format!("{first}{}. Cells are shown by their number.", letters.as_str().trim_end_matches('.'))
        };
        Ok(PlacedGeometry { y, x, geometry: Geometry::Index { reason }, axes: None })
    };
    let Some(found) = coordinates(header, variable, hints) else {
        return by_number(before, last, &cf::projection(header).unwrap_or_default());
    };
    let along = |dimension: &str| variable.dimensions.iter().position(|own| own == dimension);
    let single = |dimension: usize| variable.shape[dimension] < 2;
    let read = Axes::read_with(header, &found, &mut |v, start, count| source.slab(v, start, count))?;
    let (rows, columns) = match &read {
        Ok(Some(axes)) => (along(axes.lat.dimension()), along(axes.lon.dimension())),
        Ok(None) | Err(_) => (along(&found.lat_dimension), along(&found.lon_dimension)),
    };
    let (Some(y), Some(x)) = (rows, columns) else { return by_number(before, last, "") };
    if single(y) || single(x) {
        return by_number(before, last, "the grid has a single row or column of positions");
    }
    match read {
        Err(error) => by_number(y, x, &error.to_string()),
        Ok(None) => {
            let geometry = Geometry::Curvilinear { lon: found.lon, lat: found.lat };
            Ok(PlacedGeometry { y, x, geometry, axes: None })
        }
        Ok(Some(axes)) => {
            let (lons, lats) = (axes.lon.degrees().to_vec(), axes.lat.degrees().to_vec());
            let (Some(lon), Some(lat)) = (Axis::new(lons.clone()), Axis::new(lats.clone())) else {
                return by_number(y, x, "the coordinates are not in order");
            };
            Ok(PlacedGeometry { y, x, geometry: Geometry::Regular { lon, lat }, axes: Some((lons, lats)) })
        }
    }
}

/// The coordinates of a variable: those that the user confirmed where they are the variable's, else the likeliest.
fn coordinates(header: &Header, variable: &VariableHeader, hints: &Hints) -> Option<cf::Coordinates> {
    let wanted = CoordinateQuery {
        lon: hints.longitude.as_deref(),
        lat: hints.latitude.as_deref(),
        variable: Some(&variable.name),
        grid_alone: true,
    };
    let confirmed = (wanted.lon.is_some() || wanted.lat.is_some()).then(|| cf::find(header, &wanted).ok());
    confirmed.flatten().or_else(|| cf::ranked(header, &variable.name).into_iter().next())
}

/// Part of a two-dimensional coordinate in degrees, row by row: from (row, column), so many rows and columns.
///
/// # Errors
/// When it cannot be read.
pub fn positions_deg(
    source: &impl Slabs,
    coordinate: &VariableHeader,
    (row, column): (usize, usize),
    (rows, columns): (usize, usize),
) -> Result<Vec<f64>, MapError> {
    let leading = coordinate.shape.len().saturating_sub(2);
    let start = [vec![0; leading], vec![row, column]].concat();
    let count = [vec![1; leading], vec![rows, columns]].concat();
    let values = source.coordinates(coordinate, &start, &count)?;
    let per_unit = axes::degrees_per_unit(&coordinate.name, &coordinate.attributes).unwrap_or(1.0);
    Ok(if per_unit == 1.0 { values } else { values.into_iter().map(|v| v * per_unit).collect() })
}

impl Axis {
    /// An axis of strictly rising or falling coordinates; `None` for anything else.
    pub fn new(values: Vec<f64>) -> Option<Self> {
        let (&first, &last) = (values.first()?, values.last()?);
        let rising = values.windows(2).all(|pair| pair[0] < pair[1]);
        let falling = values.windows(2).all(|pair| pair[0] > pair[1]);
        if !(rising || falling) || !first.is_finite() || !last.is_finite() {
            return None;
        }
        let count = values.len();
        let step = (last - first) / (count.max(2) - 1) as f64;
        let even = values
            .iter()
            .enumerate()
            .all(|(k, v)| (v - (first + step * k as f64)).abs() <= step.abs() * 1e-3);
        Some(if even && count > 1 { Self::Even { first, step, count } } else { Self::Listed { values } })
    }

    /// The coordinate of cell `k`.
    pub fn at(&self, k: usize) -> f64 {
        match self {
            Self::Even { first, step, .. } => first + step * k as f64,
            Self::Listed { values } => values.get(k).copied().unwrap_or(f64::NAN),
        }
    }
}
