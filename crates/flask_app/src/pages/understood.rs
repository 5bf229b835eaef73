//! What was understood of an uploaded topography, in a few sentences: what needs no decision is told, not asked.

use dataset::axes::{Axes, Axis};
use dataset::cf::{Coordinates, GridKind, check_coordinates, projection};
use dataset::{File, Header};

/// Names of variables that are told.
const MAX_NAMES: usize = 6;

/// What was understood of a file with these coordinates, as sentences; of the file only the coordinates are read.
pub(crate) fn sentences(file: &File, lon: &str, lat: &str) -> Vec<String> {
    let header = file.header();
    let Ok(coordinates) = check_coordinates(header, lon, lat) else { return Vec::new() };
    let mut told = vec![maps(header, &coordinates)];
    match Axes::read_file(file, &coordinates) {
        Ok(Ok(Some(axes))) => told.extend(grid(&axes)),
        Ok(Ok(None)) if coordinates.kind == GridKind::Curvilinear => {
            told.push("The grid is curvilinear: regrid it to a longitude-latitude grid first.".to_owned());
        }
        Ok(Ok(None)) => {}
        // In the same words as a step would say it.
        Ok(Err(error)) => told.push(format!("The coordinates cannot be used as they are: {error}.")),
        Err(error) => told.push(format!("The coordinates cannot be read: {error}.")),
    }
    told.extend(header.notes.iter().map(|note| format!("Note: {note}.")));
    told
}

/// Why nothing is certain about the coordinates of a file, as far as that is known.
pub(crate) fn notes(header: &Header) -> Vec<String> {
    let projection = projection(header).map(|why| format!("Note: {}.", why.trim_end_matches('.')));
    projection.into_iter().chain(header.notes.iter().map(|note| format!("Note: {note}."))).collect()
}

fn maps(header: &Header, coordinates: &Coordinates) -> String {
    let described = |name: &String| {
        let attributes = header.variable(name).map(|variable| &variable.attributes);
        let units = attributes.and_then(|a| a.text("units")).filter(|units| !units.trim().is_empty());
        let positive = attributes.and_then(|a| a.text("positive"));
        let units =
            units.map_or_else(|| ", without units (taken as m)".to_owned(), |units| format!(" in {units}"));
        let positive = positive.map_or_else(String::new, |positive| format!(", positive {positive}"));
        format!("'{name}'{units}{positive}")
    };
    match coordinates.variables.as_slice() {
        [only] => format!("The map is {}.", described(only)),
        several => {
            let names: Vec<String> = several.iter().take(MAX_NAMES).map(described).collect();
            let more = several.len().saturating_sub(MAX_NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("The maps are {}{more}.", names.join("; "))
        }
    }
}

fn grid(axes: &Axes) -> Vec<String> {
    let (columns, rows) = (axes.lon.distinct_deg().len(), axes.lat.distinct_deg().len());
    let is_global = axes.lon.closes() && axes.lat.reaches(90.0) && axes.lat.reaches(-90.0);
    let steps = spacing(&axes.lon).zip(spacing(&axes.lat)).map(|(lon, lat)| format!("{lon} x {lat} degrees"));
    let step = steps.as_ref().map_or_else(String::new, |steps| format!(" of {steps}"));
    let mut told = Vec::new();
    if is_global {
        told.push(format!("It covers the globe: {columns} x {rows} cells{step}."));
    } else {
        let [west, east] = ends(&axes.lon);
        let [south, north] = ends(&axes.lat);
        told.push(format!(
            "It covers a region: {columns} x {rows} cells{step}, longitudes {west} to {east}, latitudes {south} to {north}. The routing needs the whole globe."
        ));
    }
    if axes.lon.repeated() > 0 {
        told.push(format!(
            "Columns that repeat others ({}) are left out by the regridding.",
            axes.lon.repeated()
        ));
    }
    if axes.lon.was_unwrapped() {
        told.push("Longitudes that jump by a turn are read as going on.".to_owned());
    }
    if let Some(steps) = steps.filter(|_| is_global) {
        told.push(format!("Regridding to {steps} keeps its resolution."));
    }
    told
}

/// The mean spacing in degrees, to four digits.
fn spacing(axis: &Axis) -> Option<f64> {
    let degrees = axis.distinct_deg();
    let (first, last) = (degrees.first()?, degrees.last()?);
    (degrees.len() > 1).then(|| rounded((last - first).abs() / (degrees.len() - 1) as f64))
}

fn ends(axis: &Axis) -> [f64; 2] {
    let degrees = axis.distinct_deg();
    let bounds = degrees.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], &x| [a.min(x), b.max(x)]);
    bounds.map(rounded)
}

fn rounded(degrees: f64) -> f64 {
    (degrees * 1e4).round() / 1e4
}
