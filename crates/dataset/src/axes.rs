//! Coordinate values: longitudes and latitudes of a grid, in degrees.
//!
//! [`cf`](mod@crate::cf) finds which variables they are; here their values are read: radians become degrees, longitudes that
//! jump by a turn continue beyond it, columns that are there twice are known, and so is whether the longitudes close the
//! circle and the latitudes reach the poles, to the precision of what is stored.
//!
//! Invariants: an [`Axis`] is strictly rising or falling and finite; longitudes differ from the stored ones by whole turns only.

use std::collections::HashMap;
use std::f64::consts::{FRAC_PI_2, TAU};

use ndarray::{Array2, ArrayD, Ix2, Slice};

use crate::cf::{self, Angle, Coordinates, CoordinatesError, GridKind, Role};
use crate::{AttributeValue, Attributes, DataType, Dataset, File, Header, Variable, VariableHeader};

/// Places that differ by less than this part of a spacing are the same place.
const SAME_PLACE: f64 = 1e-3;
/// The gap that closes a circle is at most so many times its widest spacing: one column missing makes it twice.
const MAX_GAP: f64 = 1.5;
/// An outermost row this many spacings from the pole at most is the last before it: half of one where cells are equal,
/// 0.77 on Gaussian grids.
const POLE_REACH: f64 = 0.8;
/// No longitude is further from Greenwich, in degrees: two turns.
const MAX_LON_DEG: f64 = 720.0;
/// Two-dimensional coordinates are looked at in bands of so many cells.
const BAND_CELLS: usize = 1 << 18;
/// Two-dimensional coordinates of more cells than this are only looked at in some rows.
const MAX_CHECKED_CELLS: usize = 1 << 22;

/// One coordinate along one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    role: Role,
    name: String,
    dimension: String,
    degrees: Vec<f64>,
    distinct: usize,
    tolerance_deg: f64,
    was_unwrapped: bool,
}

/// The two axes of a regular grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    /// Longitudes of the columns.
    pub lon: Axis,
    /// Latitudes of the rows.
    pub lat: Axis,
}

impl Axis {
    /// The axis in a variable of one dimension (leading ones of length one aside).
    ///
    /// # Errors
    /// [`CoordinatesError`]: no numbers or no angle, missing values, no latitudes, not in order.
    pub fn from_variable(variable: &Variable, role: Role) -> Result<Self, CoordinatesError> {
        let header = header_of(variable);
        let dimensions = cf::squeezed(&header, 1);
        let [dimension] = dimensions else {
            return Err(CoordinatesError::Rank { name: variable.name.clone(), rank: dimensions.len() });
        };
        let degrees = degrees(variable, role)?;
        Self::new(role, &variable.name, dimension, degrees, rounding_deg(&header))
    }

    /// An axis of values in degrees, as stored: `rounding_deg` is how far they may be from what is meant, 0 for double precision.
    ///
    /// # Errors
    /// [`CoordinatesError::Empty`], [`CoordinatesError::NotFinite`], [`CoordinatesError::Beyond`],
    /// [`CoordinatesError::NotInOrder`].
    pub fn new(
        role: Role,
        name: &str,
        dimension: &str,
        degrees: Vec<f64>,
        rounding_deg: f64,
    ) -> Result<Self, CoordinatesError> {
        check_values(name, role, &degrees)?;
        let stored = degrees;
        let degrees = match role {
            Role::Latitude => stored.clone(),
            Role::Longitude => unwrapped(&stored),
        };
        if let Some((before, value)) = disorder(&degrees).map(|k| (stored[k], stored[k + 1])) {
            return Err(CoordinatesError::NotInOrder { name: name.to_owned(), role, before, value });
        }
        let spacing = smallest_spacing(&degrees);
        let tolerance_deg = rounding_deg.max(SAME_PLACE * spacing).min(spacing / 4.0);
        let turn = 360.0 - tolerance_deg;
        let distinct = match role {
            Role::Latitude => degrees.len(),
            Role::Longitude => {
                degrees.iter().position(|lon| (lon - degrees[0]).abs() >= turn).unwrap_or(degrees.len())
            }
        };
        let was_unwrapped = degrees != stored;
        Ok(Self {
            role,
            name: name.to_owned(),
            dimension: dimension.to_owned(),
            degrees,
            distinct,
            tolerance_deg,
            was_unwrapped,
        })
    }

    /// Longitude or latitude.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Name of the variable.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name of the dimension.
    pub fn dimension(&self) -> &str {
        &self.dimension
    }

    /// All values in stored order, degrees: strictly rising or falling; longitudes that jump by a turn in the file go on
    /// beyond it here.
    pub fn degrees(&self) -> &[f64] {
        &self.degrees
    }

    /// The values without the columns that stand in the place of one before them.
    pub fn distinct_deg(&self) -> &[f64] {
        &self.degrees[..self.distinct]
    }

    /// Number of columns at the end that stand in the place of one before them (a cyclic column, a halo).
    pub fn repeated(&self) -> usize {
        self.degrees.len() - self.distinct
    }

    /// True when longitudes had to be taken beyond a turn to be in order.
    pub fn was_unwrapped(&self) -> bool {
        self.was_unwrapped
    }

    /// True when values rise in stored order.
    pub fn rises(&self) -> bool {
        self.degrees.first() <= self.degrees.last()
    }

    /// Places nearer to each other than this are the same, degrees: the precision of what is stored, and a thousandth of the
    /// smallest spacing at least.
    pub fn tolerance_deg(&self) -> f64 {
        self.tolerance_deg
    }

    /// True when longitudes go all around: a column is there twice, or the gap between the last column and the first is a
    /// gap between columns like others.
    pub fn closes(&self) -> bool {
        if self.role == Role::Latitude {
            return false;
        }
        let distinct = self.distinct_deg();
        if self.repeated() > 0 {
            return distinct.len() > 2;
        }
        let [first, .., last] = distinct else { return false };
        let gap = 360.0 - (last - first).abs();
        distinct.len() > 2 && gap > 0.0 && gap <= MAX_GAP * widest_spacing(distinct)
    }

    /// True when the outermost row towards the pole (90 or -90) is the last before it, or stands on it.
    pub fn reaches(&self, pole_deg: f64) -> bool {
        let (Role::Latitude, [first, .., last]) = (self.role, self.degrees.as_slice()) else { return false };
        let count = self.degrees.len();
        let spacing = if (pole_deg > 0.0) == self.rises() {
            (last - self.degrees[count - 2]).abs()
        } else {
            (first - self.degrees[1]).abs()
        };
        let outermost = if pole_deg > 0.0 { first.max(*last) } else { first.min(*last) };
        let left = (pole_deg - outermost) * pole_deg.signum();
        left <= POLE_REACH * spacing + self.tolerance_deg
    }

    /// True when all spacings are equal, to the precision of what is stored.
    pub fn is_even(&self) -> bool {
        let distinct = self.distinct_deg();
        let [first, .., last] = distinct else { return true };
        let step = (last - first) / (distinct.len() - 1) as f64;
        let near =
            |(k, value): (usize, &f64)| (value - (first + step * k as f64)).abs() <= 2.0 * self.tolerance_deg;
        distinct.iter().enumerate().all(near)
    }

    /// Edges of the cells of [`Axis::distinct_deg`], one more than cells, in their order: half way between centres; exactly one
    /// turn apart where the circle closes, at the pole where the outermost row reaches it. `None` for a single value.
    pub fn edges_deg(&self) -> Option<Vec<f64>> {
        let centres = self.distinct_deg();
        let [first, second, ..] = centres else { return None };
        let [.., before, last] = centres else { return None };
        let mut edges = Vec::with_capacity(centres.len() + 1);
        edges.push(first - (second - first) / 2.0);
        edges.extend(centres.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2.0));
        edges.push(last + (last - before) / 2.0);
        let end = edges.len() - 1;
        let sign = if self.rises() { 1.0 } else { -1.0 };
        if self.closes() {
            let turn = 360.0 * sign;
            // Half way across the gap that is left.
            let seam = last.midpoint(first + turn);
            (edges[0], edges[end]) = (seam - turn, seam);
        }
        if self.role == Role::Latitude {
            let (low, high) = if self.rises() { (0, end) } else { (end, 0) };
            edges[low] = if self.reaches(-90.0) { -90.0 } else { edges[low].max(-90.0) };
            edges[high] = if self.reaches(90.0) { 90.0 } else { edges[high].min(90.0) };
        }
        Some(edges)
    }
}

impl Axes {
    /// The axes of the grid that coordinates span, when it is a regular one: two-dimensional coordinates that change along one
    /// dimension each are axes like others. `None` for a truly curvilinear grid.
    ///
    /// # Errors
    /// [`CoordinatesError`], exchanged coordinates among them.
    pub fn read(file: &Dataset, coordinates: &Coordinates) -> Result<Option<Self>, CoordinatesError> {
        let mut decoded: HashMap<String, ArrayD<f64>> = HashMap::new();
        let mut slab = |variable: &VariableHeader, start: &[usize], count: &[usize]| {
            let values = decoded.entry(variable.name.clone()).or_insert_with(|| {
                file.variable(&variable.name).and_then(Variable::decode).unwrap_or_default()
            });
            let part = values.slice_each_axis(|axis| {
                let first = start[axis.axis.index()];
                Slice::from(first..first + count[axis.axis.index()])
            });
            Ok::<_, std::convert::Infallible>(part.iter().copied().collect())
        };
        match Self::read_with(&file.header(), coordinates, &mut slab) {
            Ok(read) => read,
            Err(never) => match never {},
        }
    }

    /// As [`Axes::read`], from a file, of which only the coordinates are read.
    ///
    /// # Errors
    /// The outer error is that of reading the file.
    pub fn read_file(
        file: &File,
        coordinates: &Coordinates,
    ) -> Result<Result<Option<Self>, CoordinatesError>, crate::Error> {
        Self::read_with(file.header(), coordinates, &mut |variable, start, count| {
            let packing = variable.packing();
            let stored = file.read_slab(&variable.name, start, count)?.to_f64().unwrap_or_default();
            Ok(stored.iter().map(|&value| packing.value(value)).collect())
        })
    }

    /// As [`Axes::read`], from anything that gives parts of variables: `slab` is called with a variable, the first index and the
    /// number of values along each dimension, and returns them row by row, missing ones as NaN.
    ///
    /// # Errors
    /// The outer error is that of `slab`.
    #[expect(clippy::type_complexity, reason = "a result in a result: what reads may fail, and what is read")]
    pub fn read_with<E>(
        header: &Header,
        coordinates: &Coordinates,
        slab: &mut dyn FnMut(&VariableHeader, &[usize], &[usize]) -> Result<Vec<f64>, E>,
    ) -> Result<Result<Option<Self>, CoordinatesError>, E> {
        let missing = |name: &str| CoordinatesError::Missing {
            name: name.to_owned(),
            available: header.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", "),
        };
        let (Some(lon), Some(lat)) = (header.variable(&coordinates.lon), header.variable(&coordinates.lat))
        else {
            let gone =
                if header.variable(&coordinates.lon).is_none() { &coordinates.lon } else { &coordinates.lat };
            return Ok(Err(missing(gone)));
        };
        match coordinates.kind {
            GridKind::Rectilinear => {
                let lons = slab(lon, &vec![0; lon.shape.len()], &lon.shape)?;
                let lats = slab(lat, &vec![0; lat.shape.len()], &lat.shape)?;
                Ok(Self::of_values(coordinates, (lon, lons), (lat, lats)).map(Some))
            }
            GridKind::Curvilinear => {
                let [lon, lat] = [lon, lat].map(Plane);
                let lon_turned = Turned { lon: &lon, lat: &lat, turned: false };
                if let Some(found) = lon_turned.axes(slab)? {
                    return Ok(Self::of_values(coordinates, (lon.0, found.0), (lat.0, found.1)).map(Some));
                }
                let turned = Turned { turned: true, ..lon_turned };
                if let Some(found) = turned.axes(slab)? {
                    let exchanged = Coordinates {
                        lon_dimension: coordinates.lat_dimension.clone(),
                        lat_dimension: coordinates.lon_dimension.clone(),
                        ..coordinates.clone()
                    };
                    return Ok(Self::of_values(&exchanged, (lon.0, found.0), (lat.0, found.1)).map(Some));
                }
                Ok(exchanged_planes(&lon, &lat, slab)?.map_or(Ok(None), Err))
            }
        }
    }

    fn of_values(
        coordinates: &Coordinates,
        (lon, lons): (&VariableHeader, Vec<f64>),
        (lat, lats): (&VariableHeader, Vec<f64>),
    ) -> Result<Self, CoordinatesError> {
        let converted = |variable: &VariableHeader, values: Vec<f64>| -> Result<Vec<f64>, CoordinatesError> {
            let degrees = degrees_per_unit(&variable.name, &variable.attributes)?;
            Ok(if degrees == 1.0 {
                values
            } else {
                values.into_iter().map(|value| value * degrees).collect()
            })
        };
        refuse_unsaid_radians((&lon.name, &lon.attributes, &lons), (&lat.name, &lat.attributes, &lats))?;
        let (lons, lats) = (converted(lon, lons)?, converted(lat, lats)?);
        refuse_exchanged((&lon.name, &lons), (&lat.name, &lats))?;
        Ok(Self {
            lon: Axis::new(Role::Longitude, &lon.name, &coordinates.lon_dimension, lons, rounding_deg(lon))?,
            lat: Axis::new(Role::Latitude, &lat.name, &coordinates.lat_dimension, lats, rounding_deg(lat))?,
        })
    }
}

/// The one map of a variable: its values over the two dimensions that are left when dimensions of length one (a time, a level)
/// are dropped, outermost first, and the names of these two. `None` for anything else, and without any value.
pub fn one_map(variable: &Variable, values: ArrayD<f64>) -> Option<(Array2<f64>, [String; 2])> {
    let mut values = values;
    let mut dimensions = variable.dimensions.clone();
    while dimensions.len() > 2
        && let Some(single) = values.shape().iter().position(|&len| len == 1)
    {
        values = values.index_axis_move(ndarray::Axis(single), 0);
        dimensions.remove(single);
    }
    let map = values.into_dimensionality::<Ix2>().ok()?;
    let dimensions: [String; 2] = dimensions.try_into().ok()?;
    (!map.is_empty() && dimensions[0] != dimensions[1]).then_some((map, dimensions))
}

/// The values of a coordinate in degrees, in stored order and whatever their order is: finite, and what a longitude or a latitude
/// can be. Longitudes are not unwrapped.
///
/// # Errors
/// [`CoordinatesError`]: no numbers or no angle, missing values, no latitudes.
pub fn degrees(variable: &Variable, role: Role) -> Result<Vec<f64>, CoordinatesError> {
    let not_numeric = || CoordinatesError::NotNumeric {
        name: variable.name.clone(),
        data_type: variable.values.data_type().name(),
    };
    let values = variable.decode().ok_or_else(not_numeric)?;
    let per_unit = degrees_per_unit(&variable.name, &variable.attributes)?;
    let mut degrees: Vec<f64> = values.into_iter().collect();
    if per_unit != 1.0 {
        degrees.iter_mut().for_each(|value| *value *= per_unit);
    }
    check_values(&variable.name, role, &degrees)?;
    Ok(degrees)
}

/// A two-dimensional coordinate in degrees, leading dimensions of length one dropped, and the names of its dimensions. Values may
/// be missing in places (NaN).
///
/// # Errors
/// [`CoordinatesError`]: no numbers or no angle, not two dimensions.
pub fn plane_deg(variable: &Variable, role: Role) -> Result<(Array2<f64>, [String; 2]), CoordinatesError> {
    let header = header_of(variable);
    let not_numeric =
        || CoordinatesError::NotNumeric { name: variable.name.clone(), data_type: header.data_type.name() };
    let values = variable.decode().ok_or_else(not_numeric)?;
    let per_unit = degrees_per_unit(&variable.name, &variable.attributes)?;
    let no_plane =
        || CoordinatesError::Rank { name: variable.name.clone(), rank: cf::squeezed(&header, 2).len() };
    let (mut plane, dimensions) = one_map(variable, values).ok_or_else(no_plane)?;
    if per_unit != 1.0 {
        plane.mapv_inplace(|value| value * per_unit);
    }
    let limit = if role == Role::Latitude { 91.0 } else { MAX_LON_DEG };
    match plane.iter().find(|value| value.abs() > limit) {
        Some(&value) => Err(CoordinatesError::Beyond { name: variable.name.clone(), role, value, limit }),
        None => Ok((plane, dimensions)),
    }
}

/// Refuses longitudes and latitudes that are each other by their values: a latitude beyond the pole and a longitude that
/// could be one. Values in degrees.
///
/// # Errors
/// [`CoordinatesError::Exchanged`].
pub fn refuse_exchanged(
    (lon, lons): (&str, &[f64]),
    (lat, lats): (&str, &[f64]),
) -> Result<(), CoordinatesError> {
    let reach =
        |values: &[f64]| values.iter().filter(|v| v.is_finite()).fold(0.0, |most: f64, v| most.max(v.abs()));
    let limit = |values: &[f64]| latitude_limit(values);
    if reach(lats) > limit(lats) && !lons.is_empty() && reach(lons) <= limit(lons) {
        return Err(CoordinatesError::Exchanged { lon: lon.to_owned(), lat: lat.to_owned() });
    }
    Ok(())
}

/// Refuses longitudes and latitudes without units that span a globe in radians: as degrees they would be a speck at 0 E, 0 N.
/// Values as stored; missing ones do not count.
///
/// # Errors
/// [`CoordinatesError::UnsaidRadians`].
pub fn refuse_unsaid_radians(
    (lon, lon_attributes, lons): (&str, &Attributes, &[f64]),
    (lat, lat_attributes, lats): (&str, &Attributes, &[f64]),
) -> Result<(), CoordinatesError> {
    let unsaid = |attributes: &Attributes| cf::angle(attributes.text("units")) == Angle::Unsaid;
    if !unsaid(lon_attributes) || !unsaid(lat_attributes) {
        return Ok(());
    }
    let range = |values: &[f64]| {
        let finite = values.iter().filter(|value| value.is_finite());
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    };
    let ((west, east), (south, north)) = (range(lons), range(lats));
    let around = (0.9 * TAU..=1.01 * TAU).contains(&(east - west)) && east.max(-west) <= 1.01 * TAU;
    let to_a_pole = (0.85 * FRAC_PI_2..=1.001 * FRAC_PI_2).contains(&north.max(-south));
    if around && to_a_pole && north - south > FRAC_PI_2 {
        return Err(CoordinatesError::UnsaidRadians { lon: lon.to_owned(), lat: lat.to_owned() });
    }
    Ok(())
}

/// Degrees for one unit of a coordinate.
///
/// # Errors
/// [`CoordinatesError::NotAnAngle`].
pub fn degrees_per_unit(name: &str, attributes: &Attributes) -> Result<f64, CoordinatesError> {
    let units = attributes.text("units");
    match cf::angle(units) {
        Angle::Unsaid => Ok(1.0),
        Angle::Of { degrees, .. } => Ok(degrees),
        Angle::Other => Err(CoordinatesError::NotAnAngle {
            name: name.to_owned(),
            units: units.unwrap_or_default().to_owned(),
        }),
    }
}

fn header_of(variable: &Variable) -> VariableHeader {
    VariableHeader {
        name: variable.name.clone(),
        dimensions: variable.dimensions.clone(),
        shape: variable.shape().to_vec(),
        data_type: variable.values.data_type(),
        attributes: variable.attributes.clone(),
    }
}

/// How far stored coordinates may be from what is meant, by their type, degrees: some units in the last place of a value of a
/// turn, or half a step of what was packed.
pub fn rounding_deg(variable: &VariableHeader) -> f64 {
    let per_unit = degrees_per_unit(&variable.name, &variable.attributes).unwrap_or(1.0).abs();
    let scale = variable.attributes.get("scale_factor").and_then(AttributeValue::as_f64).map(f64::abs);
    match (variable.data_type, scale) {
        (DataType::F64, _) => 1e-9,
        // Single steps that were added up are off by more than one rounding.
        (DataType::F32, _) => 360.0 * 8.0 * f64::from(f32::EPSILON),
        (_, Some(scale)) => per_unit * scale,
        (_, None) => 1e-9,
    }
}

/// Latitudes may end this far beyond the pole, degrees: the last row of a step that does not divide the globe.
fn latitude_limit(degrees: &[f64]) -> f64 {
    90.0 + 1e-3 + smallest_spacing(degrees).min(10.0)
}

fn check_values(name: &str, role: Role, degrees: &[f64]) -> Result<(), CoordinatesError> {
    if degrees.is_empty() {
        return Err(CoordinatesError::Empty { name: name.to_owned() });
    }
    let missing = degrees.iter().filter(|value| !value.is_finite()).count();
    if missing > 0 {
        return Err(CoordinatesError::NotFinite { name: name.to_owned(), missing, len: degrees.len() });
    }
    let (allowed, limit) = match role {
        Role::Longitude => (MAX_LON_DEG, MAX_LON_DEG),
        Role::Latitude => (latitude_limit(degrees), 90.0),
    };
    match degrees.iter().find(|value| value.abs() > allowed) {
        Some(&value) => Err(CoordinatesError::Beyond { name: name.to_owned(), role, value, limit }),
        None => Ok(()),
    }
}

/// Where values stop to rise or to fall strictly.
fn disorder(values: &[f64]) -> Option<usize> {
    let rises = values.first() < values.get(1);
    values.windows(2).position(|pair| if rises { pair[0] >= pair[1] } else { pair[0] <= pair[1] })
}

/// Longitudes in order: as they are if they are, else each taken by whole turns to where it is nearest to the one before.
fn unwrapped(stored: &[f64]) -> Vec<f64> {
    if disorder(stored).is_none() {
        return stored.to_vec();
    }
    let mut turns = 0.0;
    let mut before = stored[0];
    stored
        .iter()
        .map(|&lon| {
            turns -= ((lon + turns - before) / 360.0).round() * 360.0;
            before = lon + turns;
            before
        })
        .collect()
}

fn smallest_spacing(values: &[f64]) -> f64 {
    let spacings =
        values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).filter(|s| s.is_finite() && *s > 0.0);
    let smallest = spacings.fold(f64::INFINITY, f64::min);
    if smallest.is_finite() { smallest } else { 0.0 }
}

fn widest_spacing(values: &[f64]) -> f64 {
    values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max)
}

/// A two-dimensional coordinate, leading dimensions of length one dropped.
struct Plane<'a>(&'a VariableHeader);

/// A two-dimensional pair, read as it is or with its dimensions exchanged.
struct Turned<'a> {
    lon: &'a Plane<'a>,
    lat: &'a Plane<'a>,
    /// Columns are the first dimension.
    turned: bool,
}

/// Longitudes of columns and latitudes of rows.
type LonsLats = (Vec<f64>, Vec<f64>);

type Slab<'a, E> = dyn FnMut(&VariableHeader, &[usize], &[usize]) -> Result<Vec<f64>, E> + 'a;

impl Plane<'_> {
    fn dim(&self) -> (usize, usize) {
        match self.0.shape.as_slice() {
            [.., rows, columns] => (*rows, *columns),
            _ => (0, 0),
        }
    }

    /// Part of the plane, row by row.
    fn part<E>(
        &self,
        (row, rows): (usize, usize),
        (column, columns): (usize, usize),
        slab: &mut Slab<E>,
    ) -> Result<Vec<f64>, E> {
        let rank = self.0.shape.len();
        let (mut start, mut count) = (vec![0; rank], vec![1; rank]);
        (start[rank - 2], start[rank - 1]) = (row, column);
        (count[rank - 2], count[rank - 1]) = (rows, columns);
        slab(self.0, &start, &count)
    }

    /// Rows to look at, in bands.
    fn bands(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (rows, columns) = self.dim();
        let all = rows.saturating_mul(columns) <= MAX_CHECKED_CELLS;
        let band = if all { (BAND_CELLS / columns.max(1)).max(1) } else { 1 };
        let step = if all { band } else { (rows / 16).max(1) };
        (0..rows).step_by(step).map(move |row| (row, band.min(rows - row)))
    }
}

impl Turned<'_> {
    /// Longitudes of the columns and latitudes of the rows, if each changes along its own dimension only. As stored.
    fn axes<E>(&self, slab: &mut Slab<E>) -> Result<Option<LonsLats>, E> {
        let (rows, columns) = self.lon.dim();
        if rows == 0 || columns == 0 || self.lat.dim() != (rows, columns) {
            return Ok(None);
        }
        // The one that changes along the second dimension, and the one that changes along the first.
        let (along, down) = if self.turned { (self.lat, self.lon) } else { (self.lon, self.lat) };
        let first_row = along.part((0, 1), (0, columns), slab)?;
        let first_column = down.part((0, rows), (0, 1), slab)?;
        let same = |plane: &Plane| {
            let tolerance = tolerance_in_units(plane.0);
            move |a: f64, b: f64| (a - b).abs() <= tolerance
        };
        let (same_along, same_down) = (same(along), same(down));
        for (row, count) in self.lon.bands() {
            let (a, d) =
                (along.part((row, count), (0, columns), slab)?, down.part((row, count), (0, columns), slab)?);
            for k in 0..count {
                let own = k * columns..(k + 1) * columns;
                let along_fits = a[own.clone()].iter().zip(&first_row).all(|(&x, &y)| same_along(x, y));
                let down_fits = d[own].iter().all(|&x| same_down(x, first_column[row + k]));
                if !along_fits || !down_fits {
                    return Ok(None);
                }
            }
        }
        Ok(Some(if self.turned { (first_column, first_row) } else { (first_row, first_column) }))
    }
}

/// How far stored values may be apart and mean the same, in their own unit.
fn tolerance_in_units(variable: &VariableHeader) -> f64 {
    let per_unit = degrees_per_unit(&variable.name, &variable.attributes).unwrap_or(1.0).abs();
    rounding_deg(variable).max(1e-6) / per_unit
}

/// The error for curvilinear coordinates that are each other by their values.
fn exchanged_planes<E>(lon: &Plane, lat: &Plane, slab: &mut Slab<E>) -> Result<Option<CoordinatesError>, E> {
    let columns = lon.dim().1;
    let [mut lon_reach, mut lat_reach] = [0.0_f64; 2];
    for (row, count) in lon.bands() {
        for (plane, reach) in [(lon, &mut lon_reach), (lat, &mut lat_reach)] {
            let per_unit = degrees_per_unit(&plane.0.name, &plane.0.attributes).unwrap_or(1.0).abs();
            let values = plane.part((row, count), (0, columns), slab)?;
            // Coordinates of land processors are missing or hold fill values.
            let finite = values.iter().map(|v| (v * per_unit).abs()).filter(|v| *v < MAX_LON_DEG);
            *reach = finite.fold(*reach, f64::max);
        }
    }
    Ok((lat_reach > 91.0 && lon_reach <= 91.0)
        .then(|| CoordinatesError::Exchanged { lon: lon.0.name.clone(), lat: lat.0.name.clone() }))
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;
    use crate::Values;

    fn lon(degrees: &[f64]) -> Axis {
        Axis::new(Role::Longitude, "lon", "lon", degrees.to_vec(), 0.0).unwrap()
    }

    fn lat(degrees: &[f64]) -> Axis {
        Axis::new(Role::Latitude, "lat", "lat", degrees.to_vec(), 0.0).unwrap()
    }

    fn steps(first: f64, step: f64, count: usize) -> Vec<f64> {
        (0..count).map(|k| first + step * k as f64).collect()
    }

    #[test]
    fn a_circle_is_closed_whatever_its_range_direction_and_rounding() {
        for (degrees, closes) in [
            (steps(-179.5, 1.0, 360), true),
            (steps(0.0, 1.0, 360), true),
            (steps(179.5, -1.0, 360), true),
            (steps(-180.0, 1.0, 361), true),
            (steps(0.0, 3.6_f32.into(), 100), true),
            (steps(0.5, 0.7, 515), true),
            (steps(-179.5, 1.0, 358), false),
            (steps(-20.0, 1.0, 60), false),
            (vec![0.0, 1.0], false),
            (vec![5.0], false),
            (vec![0.0, 100.0, 190.0, 280.0], true),
        ] {
            assert_eq!(lon(&degrees).closes(), closes, "{degrees:?}");
        }
        assert!(!lat(&steps(-89.5, 1.0, 180)).closes());
    }

    #[test]
    fn single_precision_closes_to_single_precision() {
        let degrees: Vec<f64> = (0..100).map(|k| f64::from(3.6_f32 * k as f32)).collect();
        let edges = lon(&degrees).edges_deg().unwrap();
        assert_eq!(edges[100] - edges[0], 360.0);
    }

    #[test]
    fn columns_that_are_there_twice_are_counted() {
        assert_eq!(lon(&steps(-180.0, 1.0, 361)).repeated(), 1);
        assert_eq!(lon(&steps(-1.0, 1.0, 362)).repeated(), 2);
        assert_eq!(lon(&steps(180.0, -1.0, 361)).repeated(), 1);
        assert_eq!(lon(&steps(0.0, 1.0, 360)).repeated(), 0);
        let mut stored_again = steps(0.0, 2.0, 180);
        stored_again.push(0.0);
        assert_eq!(lon(&stored_again).repeated(), 1);
        assert_eq!(lon(&stored_again).distinct_deg().last(), Some(&358.0));
    }

    #[test]
    fn longitudes_that_jump_by_a_turn_go_on() {
        let mut jump = steps(2.5, 5.0, 36);
        jump.extend(steps(-177.5, 5.0, 36));
        let axis = lon(&jump);
        assert!(axis.was_unwrapped() && axis.closes());
        assert_eq!(axis.degrees(), steps(2.5, 5.0, 72));
        let down: Vec<f64> = jump.into_iter().rev().collect();
        assert_eq!(lon(&down).degrees(), steps(-2.5, -5.0, 72));
        assert!(!lon(&steps(0.0, 1.0, 360)).was_unwrapped());
    }

    #[test]
    fn the_outermost_row_of_a_global_grid_reaches_the_pole() {
        let both = |axis: &Axis| (axis.reaches(-90.0), axis.reaches(90.0));
        assert_eq!(both(&lat(&steps(-89.5, 1.0, 180))), (true, true));
        assert_eq!(both(&lat(&steps(90.0, -2.5, 73))), (true, true));
        assert_eq!(both(&lat(&steps(-89.5, 1.0, 100))), (true, false));
        assert_eq!(both(&lat(&steps(50.5, -1.0, 141))), (true, false));
        // The outermost rows of a Gaussian grid of 64 rows.
        let gaussian = [-87.8638, -85.0965, -82.3129, 82.3129, 85.0965, 87.8638];
        assert_eq!(both(&lat(&gaussian)), (true, true));
        let edges = lat(&gaussian).edges_deg().unwrap();
        assert_eq!((edges[0], edges[6]), (-90.0, 90.0));
        assert_eq!(lat(&steps(20.0, 1.0, 3)).edges_deg().unwrap(), steps(19.5, 1.0, 4));
    }

    #[test]
    fn what_is_no_axis_is_refused() {
        let refused = |role, degrees: &[f64]| Axis::new(role, "c", "c", degrees.to_vec(), 0.0).unwrap_err();
        assert!(matches!(refused(Role::Latitude, &[]), CoordinatesError::Empty { .. }));
        assert!(matches!(
            refused(Role::Longitude, &[1.0, f64::NAN]),
            CoordinatesError::NotFinite { missing: 1, len: 2, .. }
        ));
        assert!(matches!(refused(Role::Latitude, &[0.0, 5.0, 3.0]), CoordinatesError::NotInOrder { .. }));
        assert!(matches!(refused(Role::Longitude, &[0.0, 5.0, 3.0]), CoordinatesError::NotInOrder { .. }));
        assert!(matches!(refused(Role::Latitude, &[0.0, 1.0, 120.0]), CoordinatesError::Beyond { .. }));
        assert!(matches!(refused(Role::Longitude, &[-2e6, 0.0]), CoordinatesError::Beyond { .. }));
    }

    fn file(variables: &[(&str, &[&str], ArrayD<f64>, &str)]) -> Dataset {
        let mut file = Dataset::new();
        for (name, dimensions, values, units) in variables {
            let attributes = match *units {
                "" => Attributes::new(),
                units => Attributes::new().with("units", units),
            };
            file.add_f64(name, dimensions, values.clone(), attributes);
        }
        file
    }

    fn read(file: &Dataset) -> Result<Option<Axes>, CoordinatesError> {
        let found = cf::find(
            &file.header(),
            &cf::CoordinateQuery { variable: Some("topo"), ..cf::CoordinateQuery::default() },
        )?;
        Axes::read(file, &found)
    }

    #[test]
    fn two_dimensional_coordinates_of_a_regular_grid_are_axes() {
        let (x, y) = (steps(0.0, 10.0, 36), steps(-85.0, 10.0, 18));
        let lon = Array2::from_shape_fn((18, 36), |(_, i)| x[i]);
        let lat = Array2::from_shape_fn((18, 36), |(j, _)| y[j]);
        let dims: &[&str] = &["y", "x"];
        let topo = Array2::zeros((18, 36)).into_dyn();
        let flat = file(&[
            ("lon", dims, lon.clone().into_dyn(), "degrees_east"),
            ("lat", dims, lat.clone().into_dyn(), "degrees_north"),
            ("topo", dims, topo.clone(), "m"),
        ]);
        let axes = read(&flat).unwrap().unwrap();
        assert_eq!((axes.lon.degrees(), axes.lat.degrees()), (x.as_slice(), y.as_slice()));
        assert_eq!((axes.lon.dimension(), axes.lat.dimension()), ("x", "y"));

        let transposed: &[&str] = &["x", "y"];
        let turned = file(&[
            ("lon", transposed, lon.t().to_owned().into_dyn(), "degrees_east"),
            ("lat", transposed, lat.t().to_owned().into_dyn(), "degrees_north"),
            ("topo", transposed, topo.clone().into_shape_with_order((36, 18)).unwrap().into_dyn(), "m"),
        ]);
        assert_eq!(read(&turned).unwrap().unwrap(), axes);

        let mut bent = lon;
        bent[[9, 20]] += 0.5;
        let curved = file(&[
            ("lon", dims, bent.into_dyn(), "degrees_east"),
            ("lat", dims, lat.into_dyn(), "degrees_north"),
            ("topo", dims, topo, "m"),
        ]);
        assert_eq!(read(&curved), Ok(None));
    }

    #[test]
    fn coordinates_that_are_each_other_by_their_values_are_refused() {
        let (x, y) = (arr1(&steps(-179.5, 1.0, 360)).into_dyn(), arr1(&steps(-89.5, 1.0, 180)).into_dyn());
        let file = file(&[
            ("a", &["a"], x, ""),
            ("b", &["b"], y, ""),
            ("topo", &["b", "a"], Array2::zeros((180, 360)).into_dyn(), "m"),
        ]);
        let axes = |lon, lat| {
            let wanted =
                cf::CoordinateQuery { lon: Some(lon), lat: Some(lat), ..cf::CoordinateQuery::default() };
            Axes::read(&file, &cf::find(&file.header(), &wanted).unwrap())
        };
        assert!(axes("a", "b").unwrap().is_some());
        let error = axes("b", "a").unwrap_err();
        assert_eq!(error, CoordinatesError::Exchanged { lon: "b".into(), lat: "a".into() });
    }

    #[test]
    fn radians_and_degrees_west_become_degrees_east() {
        let radians: Vec<f64> = steps(-175.0, 10.0, 36).into_iter().map(f64::to_radians).collect();
        let variable = |units: &str, values: &[f64]| {
            let attributes = Attributes::new().with("units", units);
            Variable::new("c", &["c"], Values::F64(arr1(values).into_dyn()), attributes)
        };
        let axis = Axis::from_variable(&variable("radian", &radians), Role::Longitude).unwrap();
        assert!(axis.degrees().iter().zip(steps(-175.0, 10.0, 36)).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(axis.closes() && axis.is_even());
        let west =
            Axis::from_variable(&variable("degrees_west", &[30.0, 20.0, 10.0]), Role::Longitude).unwrap();
        assert_eq!(west.degrees(), [-30.0, -20.0, -10.0]);
        let metres = Axis::from_variable(&variable("m", &[1.0, 2.0]), Role::Longitude);
        assert!(matches!(metres, Err(CoordinatesError::NotAnAngle { .. })));
    }

    #[test]
    fn a_single_time_before_the_dimension_does_not_matter() {
        let values = Values::F64(Array2::from_shape_vec((1, 3), vec![1.0, 2.0, 3.0]).unwrap().into_dyn());
        let variable = Variable::new("lon", &["time", "x"], values, Attributes::new());
        let axis = Axis::from_variable(&variable, Role::Longitude).unwrap();
        assert_eq!((axis.dimension(), axis.degrees().len()), ("x", 3));
    }
}
