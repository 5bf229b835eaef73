//! Regrid: every variable of a dataset on regular longitudes and latitudes; all other variables, attributes and
//! dimensions survive. Targets ascend, so the result runs south to north whatever the source.
//!
//! Invariants: the longitude and latitude of the result are evenly spaced cell centres that start half a step
//! above the lower limit.
//!
//! # The published releases
//!
//! Each variable is interpolated along the two dimensions on its own, longitude first; a target beyond the outermost
//! source centres is NaN.
//!
//! # The corrected release
//!
//! * The source is a regular grid in any order, direction, precision and turn of its longitudes, or cells of any shape
//!   ([`remap::Mesh`]). A circle is closed, repeated columns are left out, the outermost rows of a global grid reach the
//!   poles; a regional source gives nothing outside of it.
//! * A target value is a weighted mean of the source cells that have values, where these are enough of the cell
//!   ([`Parameters::min_valid_fraction`]). Conservative means have the areas of the overlaps as weights: area integrals
//!   are kept to rounding. [`Method::Auto`] is conservative where the target is nowhere finer than the source, and
//!   bilinear elsewhere, with land and sea of a topography kept apart ([`Coast`]): interpolation across a coast
//!   would drown narrow land and close narrow straits, which are as wide as they are in the source.
//! * Numbers that stand for classes are not averaged. Bounds of longitude and latitude are those of the new cells.
//! * Results are in double: single precision would not keep integrals.
//!
//! Conservative remapping of first and second order follows P. W. Jones (1999), Monthly Weather Review 127, 2204-2210.
//!
//! Only the source rows that a target needs are touched, straight from the stored values: a 21600 x 10800
//! source is neither copied nor widened as a whole.

mod apply;
mod axis;
mod cells;
mod corrected;
mod error;
mod kernel;
mod method;
mod origin;
mod proposal;
mod source;
mod stream;
mod target;

use dataset::axes::Axes;
use dataset::cf::{self, CoordinatesError};
use dataset::{AttributeValue, Attributes, Dataset, File, Header, Values, Variable, VariableHeader};

pub use error::Error;
pub use method::{Coast, Method};
pub use proposal::{Proposal, propose, propose_file};
pub use target::{Limits, range, target_count};

use crate::interpolate::{Axis, Beyond, Precision, Scheme};
use crate::{Finding, Output, Progress, Release};
use apply::Places;
use axis::Coordinate;
use origin::Source;
use stream::{Bands, MAX_HELD_VALUES};

/// Values that a result may have at most, over all its variables, unless the caller says otherwise: half a
/// gigabyte in double precision, a global grid of four minutes of arc four times over.
pub const DEFAULT_LARGEST_RESULT: u64 = 1 << 26;

/// The part of a target cell that has to have source values, unless the caller says otherwise: half of it, so that the
/// coast of a field of the sea stays where it is.
pub const DEFAULT_MIN_VALID_FRACTION: f64 = 0.5;

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
    /// How the values are found.
    pub method: Method,
    /// The part of a target cell, 0 to 1, that has to have source values for it to have one: above 0 any part will do
    /// when it is 0. Corrected release only; the others need every value they interpolate between.
    pub min_valid_fraction: f64,
    /// Whether land and sea are kept apart. Corrected release only.
    pub coast: Coast,
    /// Which generation of the numerics to follow; 2021 and 2023 are the same.
    pub release: Release,
    /// Refuse a result of more values than this.
    pub largest_result: u64,
}

impl Parameters {
    /// A global one-degree grid by the default method of the release, with the coordinates of these names.
    pub fn one_degree(longitude: &str, latitude: &str) -> Self {
        Self {
            longitude: longitude.to_owned(),
            latitude: latitude.to_owned(),
            longitude_step_degrees: 1.0,
            latitude_step_degrees: 1.0,
            limits: Limits::Default,
            method: Method::default(),
            min_valid_fraction: DEFAULT_MIN_VALID_FRACTION,
            coast: Coast::default(),
            release: Release::default(),
            largest_result: DEFAULT_LARGEST_RESULT,
        }
    }
}

/// Regrids `source`; the result replaces it.
///
/// # Errors
/// Steps that are not positive, coordinates that are missing, exchanged, not finite or without order, a method that the
/// release does not have, and a result that would be too large.
pub fn run(source: &Dataset, parameters: &Parameters, progress: &dyn Progress) -> Result<Output, Error> {
    let made = match parameters.release {
        Release::Corrected => corrected::run(Source::Memory(source), parameters, progress),
        Release::R2021 | Release::R2023 => published(Source::Memory(source), parameters, progress),
    };
    made.map(with_rounded)
}

/// The same of a file. Large maps are read in bands: memory is bounded by the result.
///
/// # Errors
/// As [`run`], and what reading the file may meet.
pub fn run_file(file: &File, parameters: &Parameters, progress: &dyn Progress) -> Result<Output, Error> {
    let made = match parameters.release {
        Release::Corrected => corrected::run(Source::File(file), parameters, progress),
        Release::R2021 | Release::R2023 => published(Source::File(file), parameters, progress),
    };
    made.map(with_rounded)
}

/// As [`run_file`], of the variables of these names alone; the coordinates have to be among them.
///
/// # Errors
/// As [`run_file`].
pub fn run_part(
    file: &File,
    names: &[String],
    parameters: &Parameters,
    progress: &dyn Progress,
) -> Result<Output, Error> {
    let source = Source::Part(file, names);
    let made = match parameters.release {
        Release::Corrected => corrected::run(source, parameters, progress),
        Release::R2021 | Release::R2023 => published(source, parameters, progress),
    };
    made.map(with_rounded)
}

/// Says what is rounded when the result is written.
fn with_rounded(mut made: Output) -> Output {
    made.findings.extend(dataset::inexact(&made.dataset));
    made
}

/// The name of the bounds of a coordinate; empty without any.
fn bounds_of<'a>(header: &'a Header, name: &str) -> &'a str {
    let named = header.variable(name).and_then(|variable| variable.attributes.text("bounds"));
    named.map(str::trim).unwrap_or_default()
}

/// Refuses steps that are none.
fn checked_steps(parameters: &Parameters) -> Result<(), Error> {
    for (name, step) in [
        (&parameters.longitude, parameters.longitude_step_degrees),
        (&parameters.latitude, parameters.latitude_step_degrees),
    ] {
        if !(step.is_finite() && step > 0.0) {
            return Err(Error::Step { name: name.clone(), step });
        }
    }
    Ok(())
}

/// Refuses a longitude that is a latitude; whatever else may be wrong with coordinates has its own words here.
fn refuse_exchanged(header: &Header, coordinates: &Dataset, parameters: &Parameters) -> Result<(), Error> {
    let (lon, lat) = (&parameters.longitude, &parameters.latitude);
    let found = cf::check_coordinates(header, lon, lat);
    match found.and_then(|found| Axes::read(coordinates, &found)) {
        Err(error @ (CoordinatesError::Exchanged { .. } | CoordinatesError::OtherRole { .. })) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

/// Regridding as in the releases of 2021 and 2023, bit for bit.
fn published(source: Source<'_>, parameters: &Parameters, progress: &dyn Progress) -> Result<Output, Error> {
    checked_steps(parameters)?;
    let header = source.header();
    let coordinates = source.some(&header, &[&parameters.longitude, &parameters.latitude])?;
    refuse_exchanged(&header, &coordinates, parameters)?;
    let scheme = match parameters.method {
        Method::Auto | Method::Linear => Scheme::Linear,
        Method::Nearest => Scheme::Nearest,
        method => return Err(Error::NotInRelease { method, release: parameters.release }),
    };
    let lon = Direction::new(&header, &coordinates, Coordinate::Longitude, parameters, scheme)?;
    let lat = Direction::new(&header, &coordinates, Coordinate::Latitude, parameters, scheme)?;
    if lon.dimension == lat.dimension {
        let (longitude, latitude) = (lon.name.clone(), lat.name.clone());
        return Err(Error::NotAGrid { longitude, latitude, dimension: lon.dimension });
    }
    let (n_lon, n_lat) = (lon.count, lat.count);
    let lengths = [(lon.dimension.clone(), n_lon), (lat.dimension.clone(), n_lat)];
    refuse_large(&header, parameters, &lengths, n_lon, n_lat)?;
    let (lon, lat) = (lon.with_places(), lat.with_places());

    let mut result = Dataset { attributes: header.attributes.clone(), ..Dataset::new() };
    let mut findings = target_findings(parameters, &lon, &lat);
    let treated: Vec<&VariableHeader> =
        header.variables.iter().filter(|v| v.name != lon.name && v.name != lat.name).collect();
    let rim = (n_lon * n_lat - lon.inside() * lat.inside()) as usize;
    for (done, variable) in treated.iter().enumerate() {
        progress.report(&format!("regridding {}", variable.name), done as f64 / treated.len() as f64);
        // A record dimension without records: the result has fixed dimensions, which cannot be empty.
        if variable.is_empty() {
            findings.push(Finding::warning(
                "regrid-empty-dropped",
                format!("'{}' has no values: it is left out", variable.name),
            ));
            continue;
        }
        let along = |direction: &Direction| {
            let mut axes = variable.dimensions.iter().enumerate().filter(|(_, d)| **d == direction.dimension);
            let first = axes.next().map(|(axis, _)| axis);
            axes.next().is_none().then_some(first).ok_or_else(|| direction.dimension.clone())
        };
        let axes = match (along(&lon), along(&lat)) {
            (Ok(columns), Ok(rows)) => [(columns, &lon), (rows, &lat)],
            // A matrix between all columns, say: beside the map, and no reason not to make one.
            (Err(dimension), _) | (_, Err(dimension)) => {
                findings.push(Finding::warning(
                    "regrid-repeated-dropped",
                    format!("'{}' has the dimension '{dimension}' twice: it is left out", variable.name),
                ));
                continue;
            }
        };
        let used: Vec<(usize, &Places)> = axes
            .iter()
            .filter_map(|(axis, direction)| Some(((*axis)?, direction.places.as_ref()?)))
            .collect();
        if used.is_empty() {
            push(&mut result, copied(&*source.read(&variable.name)?));
            continue;
        }
        if variable.data_type.is_numeric() && is_date(&variable.attributes) {
            findings.push(Finding::warning(
                "regrid-date-dropped",
                format!("'{}' holds dates, which cannot be interpolated: it is left out", variable.name),
            ));
            continue;
        }
        if [&lon, &lat].iter().any(|direction| direction.attributes.text("bounds") == Some(&variable.name)) {
            findings.push(Finding::warning(
                "regrid-bounds-interpolated",
                format!(
                    "'{}' holds the bounds of the source's cells; this release interpolates them, so they are not those of the new cells: choose the corrected release, or do not rely on them",
                    variable.name
                ),
            ));
        }
        let packing = variable.packing();
        let is_numbers = variable.data_type.is_numeric() && !is_boolean(&variable.attributes);
        let values = match (source, used.as_slice()) {
            (Source::File(file) | Source::Part(file, _), &[(x, columns), (y, rows)])
                if is_numbers && variable.len() > MAX_HELD_VALUES =>
            {
                let bands = Bands::new(file, variable, &packing, (x, columns.len()), (y, rows.len()));
                let (values, counts) = apply::interpolate_file(&bands, columns, rows)?;
                findings.extend(packing.findings_of_counts(&variable.name, &counts));
                values
            }
            _ => {
                let read = source.read(&variable.name)?;
                findings.extend(packing.findings(&variable.name, &read.values));
                match is_numbers {
                    true => apply::interpolate(&read.values, &packing, &used),
                    false => apply::relabel(&read.values, &used),
                }
            }
        };
        if used.len() == 2 {
            findings.extend(emptiness(&variable.name, &values, rim, lon.global && lat.global));
            findings.extend(beyond_measure(&variable.name, &values));
        }
        let attributes = if variable.data_type.is_numeric() {
            packing.unpacked(&variable.attributes)
        } else {
            variable.attributes.clone()
        };
        let variable = Variable {
            name: variable.name.clone(),
            dimensions: variable.dimensions.clone(),
            attributes: with_fill_value(attributes, &values),
            values,
        };
        push(&mut result, variable);
    }
    for direction in [&lon, &lat] {
        let values = Values::F64(ndarray::Array1::from(direction.targets.clone()).into_dyn());
        let attributes = with_fill_value(direction.attributes.clone(), &values);
        push(&mut result, Variable::new(&direction.name, &[&direction.dimension], values, attributes));
    }
    progress.report("regridded", 1.0);
    Ok(Output { dataset: result, findings })
}

/// One of the two coordinates: where it comes from and where it goes.
struct Direction {
    coordinate: Coordinate,
    name: String,
    dimension: String,
    attributes: Attributes,
    axis: Axis,
    scheme: Scheme,
    /// Goes around the globe, or to both poles.
    global: bool,
    lower: f64,
    upper: f64,
    step: f64,
    count: u64,
    targets: Vec<f64>,
    places: Option<Places>,
}

impl Direction {
    fn new(
        header: &Header,
        coordinates: &Dataset,
        coordinate: Coordinate,
        parameters: &Parameters,
        scheme: Scheme,
    ) -> Result<Self, Error> {
        let limit = coordinate.limit();
        let (name, step) = match coordinate {
            Coordinate::Longitude => (&parameters.longitude, parameters.longitude_step_degrees),
            Coordinate::Latitude => (&parameters.latitude, parameters.latitude_step_degrees),
        };
        let variable = coordinates
            .variable(name)
            .ok_or_else(|| Error::NoCoordinate { name: name.clone(), known: names(header) })?;
        if variable.dimensions.len() != 1 {
            return Err(Error::Curvilinear { name: name.clone(), dimensions: variable.dimensions.clone() });
        }
        let values = variable.decode().ok_or_else(|| Error::NotNumeric { name: name.clone() })?;
        let packed = variable.packing().changes_values();
        let precision = match variable.values {
            Values::F32(_) if !packed => Precision::Single,
            _ => Precision::Double,
        };
        let values: Vec<f64> = values.iter().copied().collect();
        let axis = Axis::new(&values, precision)
            .ok_or_else(|| Error::NotFinite { name: name.clone(), len: values.len() })?;
        let distinct = axis.distinct();
        let needs_two = scheme == Scheme::Linear || parameters.limits == Limits::Data;
        if distinct.len() < 2 && needs_two {
            return Err(Error::OnePoint { name: name.clone() });
        }
        let (lower, upper) = match parameters.limits {
            Limits::Default => (-limit, limit),
            Limits::Data => target::data_limits(&distinct, precision),
        };
        let (first, last) = (distinct[0], distinct[distinct.len() - 1]);
        let spacing = (last - first) / (distinct.len().max(2) - 1) as f64;
        let global = match coordinate {
            Coordinate::Longitude => axis.closes(360.0),
            Coordinate::Latitude => (limit - last).max(first + limit) <= 1.01 * spacing,
        };
        let count = target_count(lower, upper, step);
        Ok(Self {
            coordinate,
            name: name.clone(),
            dimension: variable.dimensions[0].clone(),
            attributes: variable.packing().unpacked(&variable.attributes),
            axis,
            scheme,
            global,
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
        self.places = Some(Places::new(&self.axis, &self.targets, self.scheme, Beyond::Missing));
        self
    }

    fn inside(&self) -> u64 {
        self.places.as_ref().map_or(0, Places::inside)
    }
}

/// Counts the values of the whole result before anything is allocated: `lengths` are those that dimensions of the
/// source have in it.
fn refuse_large(
    source: &Header,
    parameters: &Parameters,
    lengths: &[(String, u64)],
    columns: u64,
    rows: u64,
) -> Result<(), Error> {
    let mut values = 0_u64;
    for variable in &source.variables {
        let mut product = 1_u64;
        for (name, &len) in variable.dimensions.iter().zip(&variable.shape) {
            let target = lengths.iter().find(|(dimension, _)| dimension == name);
            product = product.saturating_mul(target.map_or(len as u64, |(_, len)| *len));
        }
        values = values.saturating_add(product);
    }
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
        let word = direction.coordinate.word();
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
    let (west, east) = ends(&lon.axis);
    let (south, north) = ends(&lat.axis);
    if parameters.limits != Limits::Default {
        return findings;
    }
    if !(lon.global && lat.global) {
        findings.push(Finding::warning(
            "regrid-regional",
            format!(
                "the file does not cover the globe: '{}' runs from {west} to {east} and '{}' from {south} to {north}; cells outside have no value. With limits = data the result has the extent of the file",
                lon.name, lat.name
            ),
        ));
    } else if east > 181.0 {
        findings.push(Finding::warning(
            "regrid-longitudes-0-360",
            format!(
                "'{}' runs up to {east} while the target runs from -180 to 180: the western half is empty in this release; choose the corrected release",
                lon.name
            ),
        ));
    }
    findings
}

/// The outermost centres.
fn ends(axis: &Axis) -> (f64, f64) {
    let values = axis.values();
    values.first().copied().zip(values.last().copied()).unwrap_or_default()
}

/// What to say about missing values in the result.
fn emptiness(name: &str, values: &Values, rim: usize, global: bool) -> Vec<Finding> {
    let (empty, len) = match values {
        Values::F64(a) => (a.iter().filter(|x| x.is_nan()).count(), a.len()),
        Values::F32(a) => (a.iter().filter(|x| x.is_nan()).count(), a.len()),
        _ => (0, 0),
    };
    if empty == 0 {
        return Vec::new();
    }
    let cause = match (rim > 0, global) {
        (true, true) => format!(
            "{rim} of each map lie beyond the outermost cell centres of the source; the corrected release closes the date line and fills the poles"
        ),
        (true, false) => {
            format!("{rim} of each map lie outside of the source, which does not cover the globe")
        }
        (false, _) => "where the source has missing values".to_owned(),
    };
    vec![Finding::warning(
        "regrid-empty-cells",
        format!(
            "'{name}' has no value in {empty} of {len} cells ({cause}): routing needs a value everywhere"
        ),
    )]
}

/// What to say of numbers that a fill value made of values: beyond all measure, beside others that are ordinary.
fn beyond_measure(name: &str, values: &Values) -> Option<Finding> {
    let Values::F64(array) = values else { return None };
    let beyond = |x: &&f64| x.abs() > dataset::BEYOND_MEASURE;
    let count = array.iter().filter(beyond).count();
    let ordinary = array.iter().any(|x| *x != 0.0 && x.abs() < dataset::BEYOND_MEASURE / 1e6);
    let first = array.iter().find(beyond).filter(|_| ordinary)?;
    Some(Finding::warning(
        "regrid-beyond-measure",
        format!(
            "'{name}' has numbers such as {first:e} in {count} of {} cells, beside ordinary values: the source seems to mark missing \
             values by a number that it does not declare; declare it as _FillValue in the file and regrid again",
            array.len()
        ),
    ))
}

/// Adds a variable and those of its dimensions that are new: dimensions stand in the order of first use.
fn push(result: &mut Dataset, variable: Variable) {
    for (dimension, &len) in variable.dimensions.iter().zip(variable.values.shape()) {
        result.add_dimension(dimension, len);
    }
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
fn is_date(attributes: &Attributes) -> bool {
    attributes.text("units").is_some_and(|units| units.contains(" since "))
}

/// True for booleans, which NetCDF stores as bytes.
fn is_boolean(attributes: &Attributes) -> bool {
    attributes.get("dtype").and_then(AttributeValue::as_text) == Some("bool")
}

fn names(header: &Header) -> String {
    header.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ")
}
