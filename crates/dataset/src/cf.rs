//! Finding the longitudes and latitudes of a file, after the CF conventions and the habits of ocean models.
//!
//! Evidence, best first: units (`degrees_east`), `standard_name` or `_CoordinateAxisType`, the `axis` attribute,
//! a well-known name, `x` and `y`. A guess is certain only when the best evidence leaves one usable pair; what is
//! doubtful is left to the user, with the candidates in order of likelihood.

use std::collections::HashSet;

use crate::{Header, VariableHeader};

/// The most candidates for an axis that are tried in pairs; a guess among thousands would take hours.
const MOST_CANDIDATES: usize = 64;

/// What [`guess`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guess {
    /// One pair, and it is usable.
    Certain {
        /// Name of the longitude variable.
        lon: String,
        /// Name of the latitude variable.
        lat: String,
    },
    /// None or several: ask.
    Ambiguous {
        /// Names of what may be the longitude, likeliest first.
        lon_candidates: Vec<String>,
        /// Names of what may be the latitude, likeliest first.
        lat_candidates: Vec<String>,
    },
}

/// Guesses the coordinate variables.
pub fn guess(header: &Header) -> Guess {
    let bounds = bounds_of(header);
    let lon = candidates(header, &bounds, Axis::Lon);
    let lat = candidates(header, &bounds, Axis::Lat);
    // Among more than any honest file has there is doubt enough; and pairs are many.
    if lon.len().max(lat.len()) <= MOST_CANDIDATES
        && let Some((lon, lat)) = best_pair(header, &bounds, &lon, &lat)
    {
        return Guess::Certain { lon: lon.name.clone(), lat: lat.name.clone() };
    }
    let names = |found: Vec<(Evidence, &VariableHeader)>| -> Vec<String> {
        if found.is_empty() {
            // Without any evidence every coordinate variable is offered.
            let coordinates =
                header.variables.iter().filter(|v| v.is_coordinate() && v.data_type.is_numeric());
            return coordinates.map(|v| v.name.clone()).collect();
        }
        found.into_iter().map(|(_, variable)| variable.name.clone()).collect()
    };
    Guess::Ambiguous { lon_candidates: names(lon), lat_candidates: names(lat) }
}

/// A usable pair.
struct Pair<'a> {
    lon: &'a VariableHeader,
    lat: &'a VariableHeader,
    /// Evidence, how much it is of coordinate variables, and how many variables are on its grid: coordinate variables
    /// proper come before auxiliary ones (`lon` before `nav_lon`), then what more fields use.
    worth: (Evidence, usize, usize),
}

/// The pair that is clearly the best.
fn best_pair<'a>(
    header: &'a Header,
    bounds: &HashSet<&str>,
    lon: &[(Evidence, &'a VariableHeader)],
    lat: &[(Evidence, &'a VariableHeader)],
) -> Option<(&'a VariableHeader, &'a VariableHeader)> {
    let mut pairs: Vec<Pair> = Vec::new();
    for &(lon_evidence, lon) in lon {
        for &(lat_evidence, lat) in lat {
            if let Ok(span) = span(lon, lat) {
                let fields = fields(header, bounds, &span).count();
                if fields > 0 {
                    let proper = usize::from(lon.is_coordinate()) + usize::from(lat.is_coordinate());
                    pairs.push(Pair { lon, lat, worth: (lon_evidence.min(lat_evidence), proper, fields) });
                }
            }
        }
    }
    let best = pairs.iter().map(|pair| pair.worth).max()?;
    let mut best_pairs = pairs.iter().filter(|pair| pair.worth == best);
    let (Some(found), None) = (best_pairs.next(), best_pairs.next()) else { return None };
    // Another pair with evidence as good, for other fields (staggered grids): not ours to choose.
    let rivals = pairs.iter().any(|other| {
        (other.worth.0, other.worth.1) == (best.0, best.1)
            && other.lon.name != found.lon.name
            && other.lat.name != found.lat.name
    });
    (!rivals).then_some((found.lon, found.lat))
}

/// A usable pair of coordinate variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinates {
    /// Name of the longitude variable.
    pub lon: String,
    /// Name of the latitude variable.
    pub lat: String,
    /// How they span the grid.
    pub kind: GridKind,
    /// The dimension along which the longitude, or the column of a curvilinear grid, changes.
    pub lon_dimension: String,
    /// The dimension along which the latitude, or the row of a curvilinear grid, changes.
    pub lat_dimension: String,
    /// The numeric variables on this grid, in file order; never empty.
    pub variables: Vec<String>,
}

/// How coordinates span a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridKind {
    /// 1-D longitudes times 1-D latitudes.
    Rectilinear,
    /// 2-D longitudes and latitudes, as of the ocean grid.
    Curvilinear,
}

/// Why a pair of coordinates cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages print")]
pub enum CoordinatesError {
    #[error("there is no variable '{name}' in the file; it has {available}")]
    Missing { name: String, available: String },
    #[error("longitude and latitude cannot be the same variable '{name}'")]
    Same { name: String },
    #[error("'{name}' is of type {data_type}: coordinates are numbers")]
    NotNumeric { name: String, data_type: &'static str },
    #[error("'{lon}' is a latitude and '{lat}' a longitude by their units: exchange them")]
    Exchanged { lon: String, lat: String },
    #[error("'{name}' has {rank} dimensions: coordinates have one, or two on a curvilinear grid")]
    Rank { name: String, rank: usize },
    #[error("'{lon}' is on ({lon_dimensions}) and '{lat}' on ({lat_dimensions}): they do not span one grid")]
    Dimensions { lon: String, lon_dimensions: String, lat: String, lat_dimensions: String },
    #[error("'{name}' has no values")]
    Empty { name: String },
    #[error("no variable of the file is on the grid of '{lon}' and '{lat}'")]
    Unused { lon: String, lat: String },
}

/// Checks that `lon` and `lat` can serve as coordinates, and of which variables.
///
/// # Errors
/// [`CoordinatesError`] says in the user's words what is wrong with the pair.
pub fn check_coordinates(header: &Header, lon: &str, lat: &str) -> Result<Coordinates, CoordinatesError> {
    let span = span(numeric(header, lon)?, numeric(header, lat)?)?;
    let variables: Vec<String> = fields(header, &bounds_of(header), &span).map(|v| v.name.clone()).collect();
    if variables.is_empty() {
        return Err(CoordinatesError::Unused { lon: lon.to_owned(), lat: lat.to_owned() });
    }
    Ok(Coordinates {
        lon: lon.to_owned(),
        lat: lat.to_owned(),
        kind: span.kind,
        lon_dimension: span.lon_dimension.to_owned(),
        lat_dimension: span.lat_dimension.to_owned(),
        variables,
    })
}

/// What a pair of coordinates spans.
struct Span<'a> {
    lon: &'a str,
    lat: &'a str,
    kind: GridKind,
    lon_dimension: &'a str,
    lat_dimension: &'a str,
}

/// The grid that two numeric variables span, whatever is on it.
fn span<'a>(x: &'a VariableHeader, y: &'a VariableHeader) -> Result<Span<'a>, CoordinatesError> {
    let (lon, lat) = (x.name.as_str(), y.name.as_str());
    if lon == lat {
        return Err(CoordinatesError::Same { name: lon.to_owned() });
    }
    if evidence(x, Axis::Lat) >= Some(Evidence::StandardName)
        && evidence(y, Axis::Lon) >= Some(Evidence::StandardName)
    {
        return Err(CoordinatesError::Exchanged { lon: lon.to_owned(), lat: lat.to_owned() });
    }
    for variable in [x, y] {
        if !(1..=2).contains(&variable.dimensions.len()) {
            let rank = variable.dimensions.len();
            return Err(CoordinatesError::Rank { name: variable.name.clone(), rank });
        }
        if variable.is_empty() {
            return Err(CoordinatesError::Empty { name: variable.name.clone() });
        }
    }
    let (kind, lat_dimension, lon_dimension) = match (y.dimensions.as_slice(), x.dimensions.as_slice()) {
        ([row], [column]) if row != column => (GridKind::Rectilinear, row, column),
        ([row, column], [x_row, x_column]) if row != column && row == x_row && column == x_column => {
            (GridKind::Curvilinear, row, column)
        }
        _ => {
            return Err(CoordinatesError::Dimensions {
                lon: lon.to_owned(),
                lon_dimensions: x.dimensions.join(", "),
                lat: lat.to_owned(),
                lat_dimensions: y.dimensions.join(", "),
            });
        }
    };
    Ok(Span { lon, lat, kind, lon_dimension, lat_dimension })
}

/// The numeric variables on a grid, in file order.
fn fields<'a>(
    header: &'a Header,
    bounds: &HashSet<&str>,
    span: &Span,
) -> impl Iterator<Item = &'a VariableHeader> {
    let has = |v: &VariableHeader, dimension: &str| v.dimensions.iter().any(|own| own == dimension);
    header
        .variables
        .iter()
        .filter(move |v| v.dimensions.len() >= 2 && has(v, span.lon_dimension) && has(v, span.lat_dimension))
        .filter(|v| {
            v.name != span.lon
                && v.name != span.lat
                && v.data_type.is_numeric()
                && !bounds.contains(v.name.as_str())
        })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    Lon,
    Lat,
}

/// How good a reason there is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    Letter,
    Name,
    AxisAttribute,
    StandardName,
    Units,
}

fn numeric<'a>(header: &'a Header, name: &str) -> Result<&'a VariableHeader, CoordinatesError> {
    let Some(variable) = header.variable(name) else {
        let names: Vec<&str> = header.variables.iter().map(|v| v.name.as_str()).collect();
        return Err(CoordinatesError::Missing { name: name.to_owned(), available: names.join(", ") });
    };
    if !variable.data_type.is_numeric() {
        return Err(CoordinatesError::NotNumeric {
            name: name.to_owned(),
            data_type: variable.data_type.name(),
        });
    }
    Ok(variable)
}

/// Names of variables that hold the corners of cells: they have the units of coordinates and are none.
fn bounds_of(header: &Header) -> HashSet<&str> {
    header.variables.iter().filter_map(|v| v.attributes.text("bounds")).collect()
}

fn candidates<'a>(
    header: &'a Header,
    bounds: &HashSet<&str>,
    axis: Axis,
) -> Vec<(Evidence, &'a VariableHeader)> {
    let mut found: Vec<(Evidence, &VariableHeader)> = header
        .variables
        .iter()
        .filter(|v| v.data_type.is_numeric() && (1..=2).contains(&v.dimensions.len()))
        .filter(|v| !bounds.contains(v.name.as_str()))
        .filter_map(|v| Some((evidence(v, axis)?, v)))
        .collect();
    // Stable: file order among equals.
    found.sort_by_key(|(evidence, _)| std::cmp::Reverse(*evidence));
    found
}

fn evidence(variable: &VariableHeader, axis: Axis) -> Option<Evidence> {
    let text = |name: &str| variable.attributes.text(name).map(|text| text.trim().to_lowercase());
    let (units, other_units, standard_name, axis_type, letter, names, single): (
        &[&str],
        &[&str],
        &str,
        &str,
        &str,
        &[&str],
        &str,
    ) = match axis {
        Axis::Lon => (&LON_UNITS, &LAT_UNITS, "longitude", "lon", "x", &LON_NAMES, "x"),
        Axis::Lat => (&LAT_UNITS, &LON_UNITS, "latitude", "lat", "y", &LAT_NAMES, "y"),
    };
    let own_units = text("units");
    if let Some(own) = own_units.as_deref() {
        if units.contains(&own) {
            return Some(Evidence::Units);
        }
        if other_units.contains(&own) {
            return None;
        }
    }
    if text("standard_name").is_some_and(|own| own == standard_name)
        || text("_CoordinateAxisType").is_some_and(|own| own == axis_type)
    {
        return Some(Evidence::StandardName);
    }
    // Anything else is a coordinate only if its units may be an angle: projections have x and y in metres.
    let may_be_angle = own_units.is_none_or(|own| own.is_empty() || own == "1" || own.starts_with("deg"));
    if !may_be_angle
        || variable.attributes.text("standard_name").is_some_and(|name| name.starts_with("projection"))
    {
        return None;
    }
    if text("axis").is_some_and(|own| own == letter) {
        return Some(Evidence::AxisAttribute);
    }
    let name = variable.name.to_lowercase();
    if names.contains(&name.as_str()) {
        return Some(Evidence::Name);
    }
    (name == single && variable.is_coordinate()).then_some(Evidence::Letter)
}

/// CF 1.11, section 4.2, and spellings met in files.
const LON_UNITS: [&str; 8] = [
    "degrees_east",
    "degree_east",
    "degree_e",
    "degrees_e",
    "degreee",
    "degreese",
    "degrees east",
    "degree east",
];

/// CF 1.11, section 4.1, and spellings met in files.
const LAT_UNITS: [&str; 8] = [
    "degrees_north",
    "degree_north",
    "degree_n",
    "degrees_n",
    "degreen",
    "degreesn",
    "degrees north",
    "degree north",
];

const LON_NAMES: [&str; 8] = ["lon", "longitude", "lons", "longitudes", "long", "nav_lon", "navlon", "tlon"];
const LAT_NAMES: [&str; 8] = ["lat", "latitude", "lats", "latitudes", "lati", "nav_lat", "navlat", "tlat"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attributes, DataType, Dimension, Format};

    fn variable(name: &str, dimensions: &[&str], attributes: &[(&str, &str)]) -> VariableHeader {
        let mut list = Attributes::new();
        for (name, value) in attributes {
            list.set(name, *value);
        }
        VariableHeader {
            name: name.to_owned(),
            dimensions: dimensions.iter().map(|&d| d.to_owned()).collect(),
            shape: vec![3; dimensions.len()],
            data_type: DataType::F64,
            attributes: list,
        }
    }

    fn header(variables: Vec<VariableHeader>) -> Header {
        let mut dimensions: Vec<Dimension> = Vec::new();
        for name in variables.iter().flat_map(|v| &v.dimensions) {
            if !dimensions.iter().any(|d| d.name == *name) {
                dimensions.push(Dimension { name: name.clone(), len: 3, unlimited: false });
            }
        }
        Header {
            format: Format::Memory,
            dimensions,
            variables,
            attributes: Attributes::new(),
            notes: Vec::new(),
        }
    }

    fn certain(lon: &str, lat: &str) -> Guess {
        Guess::Certain { lon: lon.to_owned(), lat: lat.to_owned() }
    }

    #[test]
    fn units_tell_whatever_the_names() {
        let header = header(vec![
            variable("a", &["a"], &[("units", "degrees_N")]),
            variable("b", &["b"], &[("units", "degreeE\0")]),
            variable("topo", &["a", "b"], &[]),
        ]);
        assert_eq!(guess(&header), certain("b", "a"));
    }

    #[test]
    fn names_tell_without_attributes() {
        for (lon, lat) in [("lon", "lat"), ("LONGITUDE", "LATITUDE"), ("x", "y")] {
            let header = header(vec![
                variable(lon, &[lon], &[]),
                variable(lat, &[lat], &[]),
                variable("z", &[lat, lon], &[]),
            ]);
            assert_eq!(guess(&header), certain(lon, lat));
        }
    }

    #[test]
    fn two_dimensional_coordinates_are_found() {
        let header = header(vec![
            variable("nav_lon", &["y", "x"], &[("standard_name", "longitude")]),
            variable("nav_lat", &["y", "x"], &[("_CoordinateAxisType", "Lat")]),
            variable("bathy", &["y", "x"], &[]),
        ]);
        assert_eq!(guess(&header), certain("nav_lon", "nav_lat"));
        let found = check_coordinates(&header, "nav_lon", "nav_lat").unwrap();
        assert_eq!((found.kind, found.variables), (GridKind::Curvilinear, vec!["bathy".to_owned()]));
    }

    #[test]
    fn staggered_grids_are_left_to_the_user() {
        let east = [("units", "degrees_east")];
        let north = [("units", "degrees_north")];
        let header = header(vec![
            variable("glamt", &["y", "x"], &east),
            variable("glamu", &["y", "x"], &east),
            variable("gphit", &["y", "x"], &north),
            variable("gphiu", &["y", "x"], &north),
            variable("e1t", &["y", "x"], &[]),
        ]);
        let Guess::Ambiguous { lon_candidates, lat_candidates } = guess(&header) else { panic!("certain") };
        assert_eq!((lon_candidates.len(), lat_candidates.len()), (2, 2));
    }

    #[test]
    fn projected_metres_and_cell_corners_are_no_coordinates() {
        let header = header(vec![
            variable("x", &["x"], &[("units", "m"), ("axis", "X")]),
            variable("y", &["y"], &[("units", "m"), ("axis", "Y")]),
            variable("lon", &["y", "x"], &[("units", "degrees_east"), ("bounds", "lon_bnds")]),
            variable("lat", &["y", "x"], &[("units", "degrees_north")]),
            variable("lon_bnds", &["y", "x"], &[("units", "degrees_east")]),
            variable("topo", &["y", "x"], &[]),
        ]);
        assert_eq!(guess(&header), certain("lon", "lat"));
    }

    /// Thousands of candidates would be millions of pairs.
    #[test]
    fn very_many_candidates_are_left_to_the_user_at_once() {
        let names: Vec<String> = (0..4000).map(|k| format!("v{k}")).collect();
        let many = |units: &str, names: &[String]| -> Vec<VariableHeader> {
            names.iter().map(|name| variable(name, &[name], &[("units", units)])).collect()
        };
        let mut all = many("degrees_east", &names[..2000]);
        all.extend(many("degrees_north", &names[2000..]));
        all.push(variable("topo", &["v2000", "v0"], &[]));
        let dimensions = Vec::new();
        let header = Header { dimensions, variables: all, ..header(Vec::new()) };
        let Guess::Ambiguous { lon_candidates, lat_candidates } = guess(&header) else { panic!("certain") };
        assert_eq!((lon_candidates.len(), lat_candidates.len()), (2000, 2000));
    }

    #[test]
    fn nothing_to_go_by_offers_every_coordinate() {
        let header = header(vec![
            variable("p", &["p"], &[]),
            variable("q", &["q"], &[]),
            variable("v", &["p", "q"], &[]),
        ]);
        let both = vec!["p".to_owned(), "q".to_owned()];
        assert_eq!(guess(&header), Guess::Ambiguous { lon_candidates: both.clone(), lat_candidates: both });
    }

    #[test]
    fn a_wrong_pair_is_explained() {
        let header = header(vec![
            variable("lon", &["lon"], &[("units", "degrees_east")]),
            variable("lat", &["lat"], &[("units", "degrees_north")]),
            variable("depth", &["depth"], &[]),
            variable("station", &["lon"], &[]),
            variable("topo", &["lat", "lon"], &[]),
        ]);
        let error = |lon: &str, lat: &str| check_coordinates(&header, lon, lat).unwrap_err();
        assert!(matches!(error("lat", "lon"), CoordinatesError::Exchanged { .. }));
        assert!(matches!(error("lon", "lon"), CoordinatesError::Same { .. }));
        assert!(matches!(error("lon", "la"), CoordinatesError::Missing { .. }));
        assert!(matches!(error("lon", "depth"), CoordinatesError::Unused { .. }));
        assert!(matches!(error("lon", "station"), CoordinatesError::Dimensions { .. }));
    }
}
