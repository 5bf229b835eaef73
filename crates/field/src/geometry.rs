//! Where the cells of a variable lie: its longitude and latitude, found as a modeller would.
//!
//! In this order: the names that the user confirmed for the file, the `coordinates` attribute (CF 5), any variable
//! that by units, standard name, axis or usual name is a longitude or latitude along dimensions of the variable.
//! Two-dimensional coordinates that vary along one dimension each are axes like any other.

use std::ops::Range;

use dataset::{Header, VariableHeader};
use serde::Serialize;

use crate::MapError;
use crate::slice::Plane;
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
pub struct Placed {
    /// Which dimension of the variable runs north-south.
    pub y: usize,
    /// Which dimension of the variable runs east-west.
    pub x: usize,
    /// How the cells are placed.
    pub geometry: Geometry,
    /// Of a regular geometry: longitudes of the columns and latitudes of the rows as the file has them.
    pub axes: Option<LonsLats>,
}

/// Longitudes of the columns and latitudes of the rows.
pub type LonsLats = (Vec<f64>, Vec<f64>);

/// Coordinates of more cells than this are only looked at in some rows to tell axes from a curvilinear grid.
const LOOK_AT_ALL: usize = 1 << 22;

/// Places the cells of a variable.
///
/// # Errors
/// When coordinates cannot be read.
pub fn place(
    source: &impl Slabs,
    header: &Header,
    variable: &VariableHeader,
    hints: &Hints,
) -> Result<Placed, MapError> {
    let source = &Coordinates(source);
    let n = variable.shape.len();
    let fallback = |reason: &str| Placed {
        y: n.saturating_sub(2),
        x: n.saturating_sub(1),
        geometry: Geometry::Index { reason: reason.to_owned() },
        axes: None,
    };
    let along = |coordinate: &VariableHeader| -> Option<Vec<usize>> {
        let position = |d: &String| variable.dimensions.iter().position(|own| own == d);
        coordinate.dimensions.iter().map(position).collect()
    };
    let fits = |dimensions: &[usize]| match *dimensions {
        [one] => variable.shape[one] > 1,
        [first, second] => first != second,
        _ => false,
    };
    let [lon, lat] =
        [(Direction::East, hints.longitude.as_ref()), (Direction::North, hints.latitude.as_ref())].map(
            |(wanted, hint)| {
                candidates(header, variable, wanted, hint)
                    .filter_map(|coordinate| Some((coordinate, along(coordinate)?)))
                    .find(|(_, dimensions)| fits(dimensions))
            },
        );
    let (Some((lon, lon_along)), Some((lat, lat_along))) = (lon, lat) else {
        return Ok(fallback(""));
    };
    match (&lon_along[..], &lat_along[..]) {
        (&[x], &[y]) if x != y => {
            let lons = source.slab(lon, &[0], &lon.shape)?;
            let lats = source.slab(lat, &[0], &lat.shape)?;
            Ok(regular(y, x, lons, lats))
        }
        (&[first, second], other) if other == [first, second] => {
            // Which of the two is east-west is only certain when they are axes; else rows are the first.
            for (y, x, turned) in [(first, second, false), (second, first, true)] {
                if let Some((lons, lats)) = as_axes(source, lon, lat, turned)? {
                    return Ok(regular(y, x, lons, lats));
                }
            }
            if variable.shape[first] < 2 || variable.shape[second] < 2 {
                return Ok(fallback("The grid has a single row or column of positions."));
            }
            let geometry = Geometry::Curvilinear { lon: lon.name.clone(), lat: lat.name.clone() };
            Ok(Placed { y: first, x: second, geometry, axes: None })
        }
        _ => Ok(fallback("Longitude and latitude do not belong to two dimensions of this variable.")),
    }
}

/// True for what only says where cells are.
pub fn is_position(header: &Header, variable: &VariableHeader) -> bool {
    let is_bounds = |other: &VariableHeader| other.attributes.text("bounds") == Some(&variable.name);
    let name = variable.name.to_lowercase();
    looks_like(variable, Direction::East)
        || looks_like(variable, Direction::North)
        || header.variables.iter().any(is_bounds)
        || ["bounds_", "bnds_"].iter().any(|p| name.starts_with(p))
        || ["_bounds", "_bnds", "_vertices"].iter().any(|s| name.ends_with(s))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    East,
    North,
}

fn candidates<'a>(
    header: &'a Header,
    variable: &'a VariableHeader,
    wanted: Direction,
    hint: Option<&'a String>,
) -> impl Iterator<Item = &'a VariableHeader> {
    let named = variable.attributes.text("coordinates").unwrap_or_default();
    let confirmed = hint.and_then(|name| header.variable(name));
    let listed = named.split_whitespace().filter_map(|name| header.variable(name));
    // A dimension's own coordinate goes before another variable along it.
    let own = header.variables.iter().filter(|v| v.is_coordinate());
    let any = header.variables.iter();
    confirmed
        .into_iter()
        .chain(listed.chain(own).chain(any).filter(move |v| looks_like(v, wanted)))
        .filter(|v| v.data_type.size() > 0 && v.data_type != dataset::DataType::Char)
}

fn looks_like(variable: &VariableHeader, wanted: Direction) -> bool {
    let attribute = |name: &str| variable.attributes.text(name).unwrap_or_default().trim().to_lowercase();
    let (word, short, axis) = match wanted {
        Direction::East => ("longitude", "lon", "x"),
        Direction::North => ("latitude", "lat", "y"),
    };
    let units = match wanted {
        Direction::East => ["degrees_east", "degree_east", "degreese", "degrees_e", "degree_e"],
        Direction::North => ["degrees_north", "degree_north", "degreesn", "degrees_n", "degree_n"],
    };
    let usual = match wanted {
        Direction::East => ["nav_lon", "navlon", "glamt", "tlon", "xlon", "rlonv", "plon", "lons"],
        Direction::North => ["nav_lat", "navlat", "gphit", "tlat", "xlat", "rlatu", "plat", "lats"],
    };
    let name = variable.name.to_lowercase();
    attribute("standard_name") == word
        || units.contains(&attribute("units").as_str())
        || attribute("_coordinateaxistype") == short
        || variable.attributes.text("_CoordinateAxisType").is_some_and(|t| t.eq_ignore_ascii_case(short))
        || name == word
        || name == short
        || usual.contains(&name.as_str())
        || (variable.is_coordinate()
            && (attribute("axis") == axis || name == axis && attribute("units").starts_with("degree")))
}

fn regular(y: usize, x: usize, lons: Vec<f64>, lats: Vec<f64>) -> Placed {
    let axes = (lons.clone(), lats.clone());
    let reason = |what: &str| {
        let reason =
            format!("The {what} are not in order, or some are missing, so cells are shown by their number.");
        Placed { y, x, geometry: Geometry::Index { reason }, axes: None }
    };
    match (Axis::new(unwrapped(lons)), Axis::new(lats)) {
        (None, _) => reason("longitudes"),
        (_, None) => reason("latitudes"),
        (Some(lon), Some(lat)) => Placed { y, x, geometry: Geometry::Regular { lon, lat }, axes: Some(axes) },
    }
}

/// Longitudes that jump back by a turn once continue beyond 180 instead.
fn unwrapped(mut lons: Vec<f64>) -> Vec<f64> {
    let falls = lons.windows(2).filter(|pair| pair[1] < pair[0]).count();
    if falls == 1 && lons.len() > 2 && lons[lons.len() - 1] < lons[0] {
        let jump = lons.windows(2).position(|pair| pair[1] < pair[0]).map_or(lons.len(), |k| k + 1);
        lons[jump..].iter_mut().for_each(|lon| *lon += 360.0);
    }
    lons
}

/// The axes of two-dimensional coordinates, when they are axes: `turned` when columns are the first dimension.
fn as_axes(
    source: &impl Slabs,
    lon: &VariableHeader,
    lat: &VariableHeader,
    turned: bool,
) -> Result<Option<LonsLats>, MapError> {
    let (y, x) = if turned { (1, 0) } else { (0, 1) };
    let plane = |variable| Plane { variable, y, x, at: vec![0, 0] };
    let (lon, lat) = (plane(lon), plane(lat));
    let (rows, columns) = (lon.rows(), lon.columns());
    if rows == 0 || columns == 0 {
        return Ok(None);
    }
    let lons = lon.read(source, 0..1, 0..columns)?;
    let lats = lat.read(source, 0..rows, 0..1)?;
    let all = rows.saturating_mul(columns) <= LOOK_AT_ALL;
    let step = if all { 1 } else { (rows / 16).max(1) };
    let band = if all { (LOOK_AT_ALL / 16 / columns).max(1) } else { 1 };
    let mut row = 0;
    while row < rows {
        let some: Range<usize> = row..rows.min(row + band);
        let lon_rows = lon.read(source, some.clone(), 0..columns)?;
        let lat_rows = lat.read(source, some.clone(), 0..columns)?;
        for (k, (lon_row, lat_row)) in lon_rows.chunks(columns).zip(lat_rows.chunks(columns)).enumerate() {
            let same_lon = lon_row.iter().zip(&lons).all(|(a, b)| (a - b).abs() < 1e-6);
            let same_lat = lat_row.iter().all(|lat| (lat - lats[row + k]).abs() < 1e-6);
            if !same_lon || !same_lat {
                return Ok(None);
            }
        }
        row += band.max(step);
    }
    Ok(Some((lons, lats)))
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
