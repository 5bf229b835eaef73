//! Regrid: every variable of a dataset interpolated to regular longitudes and latitudes.
//!
//! Each variable is interpolated along the two dimensions on its own, longitude first; all other variables,
//! attributes and dimensions survive. Targets ascend, so the result runs south to north whatever the source.
//!
//! Invariants: the longitude and latitude of the result are evenly spaced cell centres that start half a step
//! above the lower limit; a target beyond the outermost source centres is NaN. The corrected release closes the
//! circle of longitude and takes the outermost row at a pole instead, so that a refined global map has no rim.
//!
//! Only the source rows that a target needs are touched, straight from the stored values: a 21600 x 10800
//! source is neither copied nor widened as a whole.

mod apply;
mod error;
mod target;

use dataset::{AttributeValue, Attributes, Dataset, Packing, Values, Variable};

pub use crate::interpolate::Method;
pub use error::Error;
pub use target::{Limits, range, target_count};

use crate::history::note_corrections;
use crate::interpolate::{Axis, Beyond, Precision};
use crate::{Finding, Output, Progress, Release};
use apply::Places;

/// Values that a result may have at most, over all its variables, unless the caller says otherwise: half a
/// gigabyte in double precision, a global grid of four minutes of arc four times over.
pub const DEFAULT_LARGEST_RESULT: u64 = 1 << 26;

/// What to regrid to.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Name of the variable with the longitudes.
    pub longitude: String,
    /// Name of the variable with the latitudes.
    pub latitude: String,
    /// Target spacing of the longitudes, in degrees.
    pub longitude_step_degrees: f64,
    /// Target spacing of the latitudes, in degrees.
    pub latitude_step_degrees: f64,
    /// What the target covers.
    pub limits: Limits,
    /// How to interpolate.
    pub method: Method,
    /// Which generation of the numerics to follow; 2021 and 2023 are the same.
    pub release: Release,
    /// Refuse a result of more values than this.
    pub largest_result: u64,
}

impl Parameters {
    /// A global one-degree grid by linear interpolation, with the coordinates of these names.
    pub fn one_degree(longitude: &str, latitude: &str) -> Self {
        Self {
            longitude: longitude.to_owned(),
            latitude: latitude.to_owned(),
            longitude_step_degrees: 1.0,
            latitude_step_degrees: 1.0,
            limits: Limits::Default,
            method: Method::Linear,
            release: Release::default(),
            largest_result: DEFAULT_LARGEST_RESULT,
        }
    }
}

/// Regrids `source`; the result replaces it.
///
/// # Errors
/// Steps that are not positive, coordinates that are missing, not one-dimensional or not finite, and a result
/// that would be too large.
pub fn run(source: &Dataset, parameters: &Parameters, progress: &dyn Progress) -> Result<Output, Error> {
    let single_stays_single = parameters.release != Release::Corrected;
    let lon = Direction::new(source, Coordinate::Longitude, parameters)?;
    let lat = Direction::new(source, Coordinate::Latitude, parameters)?;
    if lon.dimension == lat.dimension {
        let (longitude, latitude) = (lon.name.clone(), lat.name.clone());
        return Err(Error::NotAGrid { longitude, latitude, dimension: lon.dimension });
    }
    let (n_lon, n_lat) = (lon.count, lat.count);
    refuse_large(source, parameters, &lon, &lat)?;
    let (lon, lat) = (lon.with_places(), lat.with_places());

    let mut result = Dataset { attributes: source.attributes.clone(), ..Dataset::new() };
    let mut findings = target_findings(parameters, &lon, &lat);
    let treated: Vec<&Variable> =
        source.variables.iter().filter(|v| v.name != lon.name && v.name != lat.name).collect();
    let rim = (n_lon * n_lat - lon.inside() * lat.inside()) as usize;
    for (done, variable) in treated.iter().enumerate() {
        progress.report(&format!("regridding {}", variable.name), done as f64 / treated.len() as f64);
        // A record dimension without records: the result has fixed dimensions, which cannot be empty.
        if variable.shape().contains(&0) {
            findings.push(Finding::warning(
                "regrid-empty-dropped",
                format!("'{}' has no values: it is left out", variable.name),
            ));
            continue;
        }
        let along = |direction: &Direction| {
            let mut axes = variable.dimensions.iter().enumerate().filter(|(_, d)| **d == direction.dimension);
            let first = axes.next().map(|(axis, _)| axis);
            match axes.next() {
                Some(_) => Err(Error::RepeatedDimension {
                    variable: variable.name.clone(),
                    dimension: direction.dimension.clone(),
                }),
                None => Ok(first),
            }
        };
        let axes = [(along(&lon)?, &lon), (along(&lat)?, &lat)];
        let used: Vec<(usize, &Places)> = axes
            .iter()
            .filter_map(|(axis, direction)| Some(((*axis)?, direction.places.as_ref()?)))
            .collect();
        if used.is_empty() {
            push(&mut result, source, copied(variable));
            continue;
        }
        if variable.values.is_numeric() && is_date(variable) {
            findings.push(Finding::warning(
                "regrid-date-dropped",
                format!("'{}' holds dates, which cannot be interpolated: it is left out", variable.name),
            ));
            continue;
        }
        let packing = variable.packing();
        let values = if variable.values.is_numeric() && !is_boolean(variable) {
            apply::interpolate(&variable.values, &packing, &used, single_stays_single)
        } else {
            apply::relabel(&variable.values, &used)
        };
        if used.len() == 2 {
            findings.extend(emptiness(&variable.name, &values, rim, parameters.release));
        }
        let attributes = if variable.values.is_numeric() {
            unpacked(&variable.attributes)
        } else {
            variable.attributes.clone()
        };
        let variable = Variable {
            name: variable.name.clone(),
            dimensions: variable.dimensions.clone(),
            attributes: with_fill_value(attributes, &values),
            values,
        };
        push(&mut result, source, variable);
    }
    for direction in [&lon, &lat] {
        let values = Values::F64(ndarray::Array1::from(direction.targets.clone()).into_dyn());
        let attributes = with_fill_value(unpacked(&direction.attributes), &values);
        push(
            &mut result,
            source,
            Variable::new(&direction.name, &[&direction.dimension], values, attributes),
        );
    }
    if parameters.release == Release::Corrected {
        note_corrections(
            &mut result,
            "regrid",
            &["longitude closed on itself", "outermost row at the poles", "computed in double precision"],
        );
    }
    progress.report("regridded", 1.0);
    Ok(Output { dataset: result, findings })
}

/// Which of the two coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coordinate {
    Longitude,
    Latitude,
}

/// One of the two coordinates: where it comes from and where it goes.
struct Direction {
    coordinate: Coordinate,
    name: String,
    dimension: String,
    attributes: Attributes,
    axis: Axis,
    beyond: Beyond,
    method: Method,
    lower: f64,
    upper: f64,
    step: f64,
    count: u64,
    targets: Vec<f64>,
    places: Option<Places>,
}

impl Direction {
    fn new(source: &Dataset, coordinate: Coordinate, parameters: &Parameters) -> Result<Self, Error> {
        let (name, step, limit) = match coordinate {
            Coordinate::Longitude => (&parameters.longitude, parameters.longitude_step_degrees, 180.0),
            Coordinate::Latitude => (&parameters.latitude, parameters.latitude_step_degrees, 90.0),
        };
        if !(step.is_finite() && step > 0.0) {
            return Err(Error::Step { name: name.clone(), step });
        }
        let variable = source
            .variable(name)
            .ok_or_else(|| Error::NoCoordinate { name: name.clone(), known: names(source) })?;
        if variable.dimensions.len() != 1 {
            return Err(Error::Curvilinear { name: name.clone(), dimensions: variable.dimensions.clone() });
        }
        let values = variable.decode().ok_or_else(|| Error::NotNumeric { name: name.clone() })?;
        let packed = variable.packing().changes_values();
        let precision = match variable.values {
            Values::F32(_) if !packed && parameters.release != Release::Corrected => Precision::Single,
            _ => Precision::Double,
        };
        let values: Vec<f64> = values.iter().copied().collect();
        let axis = Axis::new(&values, precision)
            .ok_or_else(|| Error::NotFinite { name: name.clone(), len: values.len() })?;
        let distinct = axis.distinct();
        let needs_two = parameters.method == Method::Linear || parameters.limits == Limits::Data;
        if distinct.len() < 2 && needs_two {
            return Err(Error::OnePoint { name: name.clone() });
        }
        let (lower, upper) = match parameters.limits {
            Limits::Default => (-limit, limit),
            Limits::Data => target::data_limits(&distinct, precision),
        };
        let beyond = match (parameters.release, coordinate) {
            (Release::Corrected, Coordinate::Longitude) if axis.closes(360.0) => Beyond::Periodic(360.0),
            (Release::Corrected, Coordinate::Latitude) => Beyond::NearestAt { limit: 90.0 },
            _ => Beyond::Missing,
        };
        let count = target_count(lower, upper, step);
        Ok(Self {
            coordinate,
            name: name.clone(),
            dimension: variable.dimensions[0].clone(),
            attributes: variable.attributes.clone(),
            axis,
            beyond,
            method: parameters.method,
            lower,
            upper,
            step,
            count,
            targets: Vec::new(),
            places: None,
        })
    }

    /// Computes the targets, once their number is known to be reasonable.
    fn with_places(mut self) -> Self {
        self.targets = range(self.lower, self.upper, self.step);
        self.places = Some(Places::new(&self.axis, &self.targets, self.method, self.beyond));
        self
    }

    fn inside(&self) -> u64 {
        self.places.as_ref().map_or(0, Places::inside)
    }
}

/// Counts the values of the whole result before anything is allocated.
fn refuse_large(
    source: &Dataset,
    parameters: &Parameters,
    lon: &Direction,
    lat: &Direction,
) -> Result<(), Error> {
    let mut values = 0_u64;
    for variable in &source.variables {
        let mut product = 1_u64;
        for (name, &len) in variable.dimensions.iter().zip(variable.shape()) {
            let len = match name {
                name if *name == lon.dimension => lon.count,
                name if *name == lat.dimension => lat.count,
                _ => len as u64,
            };
            product = product.saturating_mul(len);
        }
        values = values.saturating_add(product);
    }
    let (columns, rows) = (lon.count, lat.count);
    values = values.max(columns.saturating_mul(rows));
    if values > parameters.largest_result {
        return Err(Error::TooLarge { rows, columns, values, largest: parameters.largest_result });
    }
    if rows == 0 || columns == 0 {
        return Err(Error::NoTarget { rows, columns });
    }
    Ok(())
}

/// What the target coordinates alone give reason to say.
fn target_findings(parameters: &Parameters, lon: &Direction, lat: &Direction) -> Vec<Finding> {
    let mut findings = Vec::new();
    for direction in [lon, lat] {
        let edge = direction.targets.last().map_or(direction.upper, |last| last + direction.step / 2.0);
        let word = match direction.coordinate {
            Coordinate::Longitude => "longitude",
            Coordinate::Latitude => "latitude",
        };
        // Every target carries the rounding of the step: no overshoot.
        let rounding = direction.targets.len() as f64 * f64::EPSILON * direction.upper.abs();
        if edge > direction.upper + 1e-6 * direction.step + rounding {
            findings.push(Finding::warning(
                "regrid-overshoot",
                format!(
                    "a step of {} degrees does not divide the extent in {word}: the last cell ends at {edge} instead of {}",
                    direction.step, direction.upper
                ),
            ));
        }
    }
    let to_the_east = lon.axis.values().last().is_some_and(|&last| last > 181.0);
    if parameters.limits == Limits::Default && lon.beyond == Beyond::Missing && to_the_east {
        findings.push(Finding::warning(
            "regrid-longitudes-0-360",
            format!(
                "'{}' runs up to {} while the target runs from -180 to 180: the western half is empty; use limits = data, or the corrected release",
                lon.name,
                lon.axis.values().last().copied().unwrap_or_default()
            ),
        ));
    }
    findings
}

/// What to say about missing values in the result.
fn emptiness(name: &str, values: &Values, rim: usize, release: Release) -> Vec<Finding> {
    let (empty, len) = match values {
        Values::F64(a) => (a.iter().filter(|x| x.is_nan()).count(), a.len()),
        Values::F32(a) => (a.iter().filter(|x| x.is_nan()).count(), a.len()),
        _ => (0, 0),
    };
    if empty == 0 {
        return Vec::new();
    }
    let cause = match (rim > 0, release) {
        (true, Release::Corrected) => format!("{rim} of each map lie outside the source"),
        (true, _) => format!(
            "{rim} of each map lie beyond the outermost cell centres of the source; the corrected release closes the date line and fills the poles"
        ),
        (false, _) => "where the source has missing values".to_owned(),
    };
    vec![Finding::warning(
        "regrid-empty-cells",
        format!(
            "'{name}' has no value in {empty} of {len} cells ({cause}): routing needs a value everywhere"
        ),
    )]
}

/// Adds a variable and those of its dimensions that are new: dimensions stand in the order of first use.
fn push(result: &mut Dataset, source: &Dataset, variable: Variable) {
    for (dimension, &len) in variable.dimensions.iter().zip(variable.values.shape()) {
        result.add_dimension(dimension, len);
    }
    debug_assert!(source.variable(&variable.name).is_some());
    result.variables.push(variable);
}

/// A variable that has neither of the two dimensions: its stored values are kept, packed or not.
fn copied(variable: &Variable) -> Variable {
    let mut copy = variable.clone();
    match copy.attributes.remove("_FillValue") {
        Some(fill) => copy.attributes.set_first("_FillValue", fill),
        None => copy.attributes = with_fill_value(copy.attributes, &copy.values),
    }
    copy
}

/// Attributes without those that describe the packing.
fn unpacked(attributes: &Attributes) -> Attributes {
    let mut kept = attributes.clone();
    for name in Packing::ATTRIBUTES {
        kept.remove(name);
    }
    kept
}

/// Puts `_FillValue = NaN` first on floating-point values.
fn with_fill_value(mut attributes: Attributes, values: &Values) -> Attributes {
    match values {
        Values::F64(_) => attributes.set_first("_FillValue", f64::NAN),
        Values::F32(_) => attributes.set_first("_FillValue", f32::NAN),
        _ => {}
    }
    attributes
}

/// True for times by the conventions ("days since ...").
fn is_date(variable: &Variable) -> bool {
    variable.attributes.text("units").is_some_and(|units| units.contains(" since "))
}

/// True for booleans, which NetCDF stores as bytes.
fn is_boolean(variable: &Variable) -> bool {
    variable.attributes.get("dtype").and_then(AttributeValue::as_text) == Some("bool")
}

fn names(source: &Dataset) -> String {
    source.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ")
}
