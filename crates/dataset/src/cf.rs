//! Finding the longitudes and latitudes of a file, after the CF conventions and the habits of models.
//!
//! Evidence, best first: units (`degrees_east`), `standard_name` or `_CoordinateAxisType`, the `axis` attribute,
//! a well-known name, `x` and `y`; among pairs with evidence as good, coordinate variables proper, then those that a
//! `coordinates` attribute names, then those of most fields. A guess is certain only when the best evidence leaves one
//! usable pair; what is doubtful is left to the user, with the candidates in order of likelihood.
//!
//! Corners of cells, weights, and the coordinates of rotated poles and map projections are never taken.

mod evidence;

use crate::{Header, VariableHeader};
pub use evidence::Role;
pub(crate) use evidence::{Angle, angle};
use evidence::{Context, Evidence, Projection};

/// The most candidates for an axis that are tried in pairs; a guess among thousands would take hours.
const MAX_CANDIDATES: usize = 64;

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

/// Guesses the coordinate variables of a file.
pub fn guess(header: &Header) -> Guess {
    guess_among(header, &CoordinateQuery::default())
}

/// Guesses the coordinate variables of one variable: those along its dimensions, first of all those that its
/// `coordinates` attribute names.
pub fn guess_for(header: &Header, variable: &str) -> Guess {
    guess_among(header, &CoordinateQuery { variable: Some(variable), ..CoordinateQuery::default() })
}

/// What is already known when coordinates are looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct CoordinateQuery<'a> {
    /// The name of the longitude, as the user gave it.
    pub lon: Option<&'a str>,
    /// The name of the latitude, as the user gave it.
    pub lat: Option<&'a str>,
    /// The variable that is to be placed; any without it.
    pub variable: Option<&'a str>,
    /// A grid without any variable on it will do.
    pub grid_alone: bool,
}

/// Finds the coordinates: those that were named, else those that the file shows beyond doubt.
///
/// # Errors
/// [`CoordinatesError`] says in the user's words what is wrong with the named ones, or between what the user has to choose.
pub fn find(header: &Header, wanted: &CoordinateQuery) -> Result<Coordinates, CoordinatesError> {
    for (name, role) in [(wanted.lon, Role::Longitude), (wanted.lat, Role::Latitude)] {
        if let Some(name) = name {
            let variable = numeric(header, name)?;
            let context = Context::new(header);
            refuse_projected(&context, variable)?;
            refuse_other_role(&context, variable, role, wanted)?;
        }
    }
    let (lon, lat) = match (wanted.lon, wanted.lat, guess_among(header, wanted)) {
        (Some(lon), Some(lat), _) => (lon.to_owned(), lat.to_owned()),
        (_, _, Guess::Certain { lon, lat }) => (lon, lat),
        (_, _, Guess::Ambiguous { lon_candidates, lat_candidates }) => {
            let context = Context::new(header);
            let none = candidates(header, &context, wanted).iter().any(Vec::is_empty);
            if let (true, Some((projection, names))) = (none, context.projected_pair()) {
                return Err(CoordinatesError::projected(projection, &names));
            }
            let placed = wanted.variable.and_then(|name| header.variable(name));
            let mut fields =
                header.variables.iter().filter(|v| placed.is_none_or(|placed| placed.name == v.name));
            if let Some(name) = fields.find_map(|field| on_faces(header, &context, field)) {
                let rank = header.variable(name).map_or(0, |v| squeezed(v, 2).len());
                return Err(CoordinatesError::Rank { name: name.to_owned(), rank });
            }
            if let ([lon], [lat]) = (&lon_candidates[..], &lat_candidates[..])
                && let (Some(x), Some(y)) = (header.variable(lon), header.variable(lat))
                && let Err(list @ CoordinatesError::List { .. }) = span(&context, x, y)
            {
                return Err(list);
            }
            return Err(CoordinatesError::Ambiguous { lon_candidates, lat_candidates });
        }
    };
    let found = match check_coordinates(header, &lon, &lat) {
        Err(CoordinatesError::Unused { .. }) if wanted.grid_alone => {
            let context = Context::new(header);
            let span = span(&context, numeric(header, &lon)?, numeric(header, &lat)?)?;
            Coordinates::new(&span, Vec::new())
        }
        found => found?,
    };
    match wanted.variable.and_then(|name| header.variable(name)) {
        Some(variable) if !found.span(variable) => Err(CoordinatesError::Elsewhere {
            lon,
            lat,
            variable: variable.name.clone(),
            dimensions: variable.dimensions.join(", "),
        }),
        _ => Ok(found),
    }
}

/// All usable pairs of coordinates of a variable, the best first.
pub fn ranked(header: &Header, variable: &str) -> Vec<Coordinates> {
    let context = Context::new(header);
    let wanted = CoordinateQuery { variable: Some(variable), ..CoordinateQuery::default() };
    let [lon, lat] = candidates(header, &context, &wanted);
    let mut pairs = pairs(header, &context, &lon, &lat, &wanted);
    // Stable: file order among equals.
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.worth));
    let variables = |span: &Span| fields(header, &context, span).map(|v| v.name.clone()).collect();
    pairs.iter().map(|pair| Coordinates::new(&pair.span, variables(&pair.span))).collect()
}

/// True for what only says where cells are: longitudes, latitudes, and corners of cells.
pub fn is_position(header: &Header, variable: &VariableHeader) -> bool {
    Context::new(header).is_position(variable)
}

/// Why the cells of a file have no longitude and latitude though it has coordinates: a rotated pole, a map projection.
/// In the user's words; `None` for other files.
pub fn projection(header: &Header) -> Option<String> {
    let (projection, names) = Context::new(header).projected_pair()?;
    Some(CoordinatesError::projected(projection, &names).to_string())
}

fn guess_among(header: &Header, wanted: &CoordinateQuery) -> Guess {
    let context = Context::new(header);
    let [lon, lat] = candidates(header, &context, wanted);
    // Among more than any honest file has there is doubt enough; and pairs are many.
    if lon.len().max(lat.len()) <= MAX_CANDIDATES
        && let Some((lon, lat)) = best_pair(pairs(header, &context, &lon, &lat, wanted))
    {
        return Guess::Certain { lon: lon.to_owned(), lat: lat.to_owned() };
    }
    let names = |found: Vec<(Evidence, &VariableHeader)>, role: Role| -> Vec<String> {
        if found.is_empty() {
            // Without any evidence every coordinate variable is offered that is not the other one.
            let coordinates = header.variables.iter().filter(|v| {
                v.is_coordinate()
                    && v.data_type.is_numeric()
                    && !context.is_bounds(v)
                    && !is_time_or_level(v)
                    && context.projection(v).is_none()
                    && context.evidence(v, role.other()).is_none()
            });
            return coordinates.map(|v| v.name.clone()).collect();
        }
        found.into_iter().map(|(_, variable)| variable.name.clone()).collect()
    };
    Guess::Ambiguous {
        lon_candidates: names(lon, Role::Longitude),
        lat_candidates: names(lat, Role::Latitude),
    }
}

/// True for a coordinate that says of itself to be a time or a level (CF 4.3, 4.4).
fn is_time_or_level(variable: &VariableHeader) -> bool {
    let text = |name: &str| variable.attributes.text(name).unwrap_or_default().trim().to_lowercase();
    ["z", "t"].contains(&text("axis").as_str())
        || text("units").contains(" since ")
        || variable.attributes.get("positive").is_some()
}

/// A usable pair.
struct Pair<'a> {
    span: Span<'a>,
    worth: Worth,
}

/// How likely a pair is, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    /// Not nominal: nominal are coordinate variables of no usual name beside two-dimensional positions of the same cells.
    true_place: bool,
    evidence: Evidence,
    /// How many of both are coordinate variables proper with a usual name, which come before auxiliary ones (`lon` before
    /// `nav_lon`).
    usual: usize,
    /// Whether the `coordinates` attribute of what is to be placed names them.
    listed: bool,
    /// How many of both are coordinate variables proper of any name: models have nominal ones beside the true positions.
    proper: usize,
    /// How many variables are on the grid.
    fields: usize,
}

/// The pair that is clearly the best.
fn best_pair(pairs: Vec<Pair<'_>>) -> Option<(&str, &str)> {
    let best = pairs.iter().map(|pair| pair.worth).max()?;
    let mut best_pairs = pairs.iter().filter(|pair| pair.worth == best);
    let (Some(found), None) = (best_pairs.next(), best_pairs.next()) else { return None };
    // Another pair with evidence as good, for other fields (staggered grids): not ours to choose.
    let rank = |worth: Worth| (worth.true_place, worth.evidence, worth.usual, worth.listed, worth.proper);
    let rivals = pairs.iter().any(|other| {
        rank(other.worth) == rank(best)
            && other.span.lon != found.span.lon
            && other.span.lat != found.span.lat
    });
    (!rivals).then_some((found.span.lon, found.span.lat))
}

/// The usable pairs among candidates, in no order.
fn pairs<'a>(
    header: &'a Header,
    context: &Context<'a>,
    lon: &[(Evidence, &'a VariableHeader)],
    lat: &[(Evidence, &'a VariableHeader)],
    wanted: &CoordinateQuery,
) -> Vec<Pair<'a>> {
    let placed = wanted.variable.and_then(|name| header.variable(name));
    let is_placed = |field: &VariableHeader| placed.is_none_or(|placed| placed.name == field.name);
    let with_faces: Vec<&str> = header
        .variables
        .iter()
        .filter(|field| is_placed(field) && on_faces(header, context, field).is_some())
        .map(|field| field.name.as_str())
        .collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for &(lon_evidence, lon) in lon.iter().take(MAX_CANDIDATES) {
        for &(lat_evidence, lat) in lat.iter().take(MAX_CANDIDATES) {
            let Ok(span) = span(context, lon, lat) else { continue };
            if placed.is_some_and(|variable| !span.fits(variable)) {
                continue;
            }
            let (mut count, mut listed, mut faces) = (0, false, false);
            for field in fields(header, context, &span) {
                count += 1;
                faces |= with_faces.contains(&field.name.as_str());
                listed |= is_placed(field) && lists(field, &span);
            }
            listed |= placed.is_some_and(|placed| lists(placed, &span));
            // Numbers of rows and columns of each face, given as degrees for programs that know nothing else.
            if faces && span.kind == GridKind::Rectilinear && !listed {
                continue;
            }
            if count > 0 || placed.is_some() || wanted.grid_alone {
                let both = [(lon, Role::Longitude), (lat, Role::Latitude)];
                let proper = both.iter().filter(|(v, _)| v.is_coordinate());
                let usual = proper.clone().filter(|(v, role)| evidence::has_usual_name(v, *role));
                let worth = Worth {
                    true_place: true,
                    evidence: lon_evidence.min(lat_evidence),
                    usual: usual.count(),
                    listed,
                    proper: proper.count(),
                    fields: count,
                };
                pairs.push(Pair { span, worth });
            }
        }
    }
    let planes: Vec<_> = pairs
        .iter()
        .filter(|pair| pair.span.kind == GridKind::Curvilinear && pair.worth.evidence >= Evidence::Name)
        .map(|pair| (pair.span.lat_dimension, pair.span.lon_dimension))
        .collect();
    for Pair { span, worth } in &mut pairs {
        let dimensions = (span.lat_dimension, span.lon_dimension);
        let same = |&(row, column): &(&str, &str)| (row, column) == dimensions || (column, row) == dimensions;
        let nominal = span.kind == GridKind::Rectilinear && worth.usual == 0 && planes.iter().any(same);
        worth.true_place = !nominal;
    }
    pairs
}

/// The names in a `coordinates` attribute: blanks separate them (CF 5), in some files commas.
pub fn names_in(attribute: &str) -> impl Iterator<Item = &str> {
    attribute.split(|c: char| c.is_whitespace() || c.is_control() || c == ',').filter(|name| !name.is_empty())
}

/// True when the `coordinates` attribute (CF 5) of a variable names both coordinates.
fn lists(variable: &VariableHeader, span: &Span) -> bool {
    let names: Vec<&str> = names_in(variable.attributes.text("coordinates").unwrap_or_default()).collect();
    names.contains(&span.lon) && names.contains(&span.lat)
}

/// The longitude that the `coordinates` attribute of a field names, if it and the latitude have more than two dimensions: the
/// field lies on several faces (a cubed sphere), or its cells move.
fn on_faces<'a>(header: &'a Header, context: &Context, field: &VariableHeader) -> Option<&'a str> {
    let names = names_in(field.attributes.text("coordinates").unwrap_or_default());
    let deep: Vec<_> =
        names.filter_map(|name| header.variable(name)).filter(|v| squeezed(v, 2).len() > 2).collect();
    let found = |role| deep.iter().find(|v| context.evidence(v, role) > Some(Evidence::Letter));
    found(Role::Latitude)?;
    found(Role::Longitude).map(|v| v.name.as_str())
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
    /// The numeric variables on this grid, in file order; empty only for a grid alone.
    pub variables: Vec<String>,
}

impl Coordinates {
    fn new(span: &Span, variables: Vec<String>) -> Self {
        Self {
            lon: span.lon.to_owned(),
            lat: span.lat.to_owned(),
            kind: span.kind,
            lon_dimension: span.lon_dimension.to_owned(),
            lat_dimension: span.lat_dimension.to_owned(),
            variables,
        }
    }

    /// True for a variable along both dimensions of the grid.
    pub fn span(&self, variable: &VariableHeader) -> bool {
        has(variable, &self.lon_dimension) && has(variable, &self.lat_dimension)
    }
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
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages print")]
pub enum CoordinatesError {
    #[error("there is no variable '{name}' in the file; it has {available}")]
    Missing { name: String, available: String },
    #[error("longitude and latitude cannot be the same variable '{name}'")]
    Same { name: String },
    #[error("'{name}' is of type {data_type}: coordinates are numbers")]
    NotNumeric { name: String, data_type: &'static str },
    #[error("'{lon}' is a latitude and '{lat}' a longitude: exchange them")]
    Exchanged { lon: String, lat: String },
    #[error("'{name}' is a {found}: name another variable as the {}", found.other())]
    OtherRole { name: String, found: Role },
    #[error(
        "'{name}' has {rank} dimensions: coordinates have one, or two on a curvilinear grid{}",
        if *rank > 2 { ". Interpolate the file to longitudes and latitudes first; the faces of a cubed sphere have to be made one list of cells for that (xarray: stack, cdo: remapnn)" } else { "" }
    )]
    Rank { name: String, rank: usize },
    #[error("'{lon}' is on ({lon_dimensions}) and '{lat}' on ({lat_dimensions}): they do not span one grid")]
    Dimensions { lon: String, lon_dimensions: String, lat: String, lat_dimensions: String },
    #[error(
        "'{lon}' and '{lat}' list the cells along '{dimension}': there are no rows and columns. Interpolate the file to longitudes and latitudes first (cdo remapnn,r360x180)"
    )]
    List { lon: String, lat: String, dimension: String },
    #[error("'{name}' has no values")]
    Empty { name: String },
    #[error("no variable of the file is on the grid of '{lon}' and '{lat}'")]
    Unused { lon: String, lat: String },
    #[error(
        "'{lon}' and '{lat}' do not say where '{variable}' ({dimensions}) lies: they are on other dimensions"
    )]
    Elsewhere { lon: String, lat: String, variable: String, dimensions: String },
    #[error(
        "cannot tell which variables are longitude and latitude (candidates: {} and {}): name them",
        or_none(lon_candidates),
        or_none(lat_candidates)
    )]
    Ambiguous { lon_candidates: Vec<String>, lat_candidates: Vec<String> },
    #[error(
        "{names} belong to a rotated pole: they are no longitudes and latitudes. Interpolate the file to longitudes and latitudes first (cdo remapbil,r360x180), or add those of its cells to it as two-dimensional variables with the units degrees_east and degrees_north"
    )]
    RotatedPole { names: String },
    #[error(
        "{names} belong to a map projection: they are no longitudes and latitudes. Interpolate the file to longitudes and latitudes first (gdalwarp -t_srs EPSG:4326), or add those of its cells to it as two-dimensional variables with the units degrees_east and degrees_north"
    )]
    Projected { names: String },
    #[error(
        "'{lon}' and '{lat}' have no units and span a globe in radians: give both the units radians, or degrees if that is what they are"
    )]
    UnsaidRadians { lon: String, lat: String },
    #[error("'{name}' has the units '{units}', which are no angle: coordinates are in degrees or radians")]
    NotAnAngle { name: String, units: String },
    #[error(
        "'{name}' has no value in {missing} of its {len} cells: coordinates have to be complete (set the missing ones)"
    )]
    NotFinite { name: String, missing: usize, len: usize },
    #[error(
        "'{name}' reaches {value}: no {role} is beyond {limit} degrees (is it in other units, or another variable?)"
    )]
    Beyond { name: String, role: Role, value: f64, limit: f64 },
    #[error(
        "the {role}s of '{name}' are not in order: {before} is followed by {value} (sort the file along them first)"
    )]
    NotInOrder { name: String, role: Role, before: f64, value: f64 },
}

impl CoordinatesError {
    fn projected(projection: Projection, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().take(4).map(|name| format!("'{name}'")).collect();
        let names = names.join(" and ");
        match projection {
            Projection::RotatedPole => Self::RotatedPole { names },
            Projection::Map => Self::Projected { names },
        }
    }
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Checks that `lon` and `lat` can serve as coordinates, and of which variables.
///
/// Their values are another matter: [`Axes`](crate::axes::Axes) reads them.
///
/// # Errors
/// [`CoordinatesError`] says in the user's words what is wrong with the pair.
pub fn check_coordinates(header: &Header, lon: &str, lat: &str) -> Result<Coordinates, CoordinatesError> {
    let context = Context::new(header);
    let (x, y) = (numeric(header, lon)?, numeric(header, lat)?);
    for variable in [x, y] {
        refuse_projected(&context, variable)?;
    }
    let wanted = CoordinateQuery { lon: Some(lon), lat: Some(lat), ..CoordinateQuery::default() };
    for (variable, role) in [(x, Role::Longitude), (y, Role::Latitude)] {
        refuse_other_role(&context, variable, role, &wanted)?;
        if let (Angle::Other, Some(units)) =
            (angle(variable.attributes.text("units")), variable.attributes.text("units"))
        {
            return Err(CoordinatesError::NotAnAngle {
                name: variable.name.clone(),
                units: units.to_owned(),
            });
        }
    }
    let span = span(&context, x, y)?;
    let variables: Vec<String> = fields(header, &context, &span).map(|v| v.name.clone()).collect();
    if variables.is_empty() {
        return Err(CoordinatesError::Unused { lon: lon.to_owned(), lat: lat.to_owned() });
    }
    Ok(Coordinates::new(&span, variables))
}

fn refuse_projected(context: &Context, variable: &VariableHeader) -> Result<(), CoordinatesError> {
    match context.projection(variable) {
        None => Ok(()),
        Some(projection) => Err(CoordinatesError::projected(projection, &[&variable.name])),
    }
}

/// Refuses a latitude as the longitude, and the other way round.
fn refuse_other_role(
    context: &Context,
    variable: &VariableHeader,
    role: Role,
    wanted: &CoordinateQuery,
) -> Result<(), CoordinatesError> {
    let is_other = |v: &VariableHeader, role: Role| {
        context.evidence(v, role).is_none() && context.evidence(v, role.other()) > Some(Evidence::NamePart)
    };
    if !is_other(variable, role) {
        return Ok(());
    }
    let other_name = match role {
        Role::Longitude => wanted.lat,
        Role::Latitude => wanted.lon,
    };
    let other = other_name.and_then(|name| context.header().variable(name));
    match (other, role) {
        (Some(other), _) if other.name == variable.name => {
            Err(CoordinatesError::Same { name: variable.name.clone() })
        }
        (Some(other), Role::Longitude) if is_other(other, role.other()) => {
            Err(CoordinatesError::Exchanged { lon: variable.name.clone(), lat: other.name.clone() })
        }
        (Some(other), Role::Latitude) if is_other(other, role.other()) => {
            Err(CoordinatesError::Exchanged { lon: other.name.clone(), lat: variable.name.clone() })
        }
        _ => Err(CoordinatesError::OtherRole { name: variable.name.clone(), found: role.other() }),
    }
}

/// What a pair of coordinates spans.
struct Span<'a> {
    lon: &'a str,
    lat: &'a str,
    kind: GridKind,
    lon_dimension: &'a str,
    lat_dimension: &'a str,
}

impl Span<'_> {
    fn fits(&self, variable: &VariableHeader) -> bool {
        has(variable, self.lon_dimension) && has(variable, self.lat_dimension)
    }
}

fn has(variable: &VariableHeader, dimension: &str) -> bool {
    variable.dimensions.iter().any(|own| own == dimension)
}

/// The dimensions of a variable without leading ones of length one (a time, a level), of which `rank` are kept at least.
pub(crate) fn squeezed(variable: &VariableHeader, rank: usize) -> &[String] {
    let droppable = variable.shape.len().saturating_sub(rank);
    let single = variable.shape.iter().take(droppable).take_while(|&&len| len == 1).count();
    &variable.dimensions[single..]
}

/// The grid that two numeric variables span, whatever is on it.
fn span<'a>(
    context: &Context<'a>,
    x: &'a VariableHeader,
    y: &'a VariableHeader,
) -> Result<Span<'a>, CoordinatesError> {
    let (lon, lat) = (x.name.as_str(), y.name.as_str());
    if lon == lat {
        return Err(CoordinatesError::Same { name: lon.to_owned() });
    }
    let wanted = CoordinateQuery { lon: Some(lon), lat: Some(lat), ..CoordinateQuery::default() };
    refuse_other_role(context, x, Role::Longitude, &wanted)?;
    refuse_other_role(context, y, Role::Latitude, &wanted)?;
    for variable in [x, y] {
        let rank = squeezed(variable, 2).len();
        if !(1..=2).contains(&rank) {
            return Err(CoordinatesError::Rank { name: variable.name.clone(), rank });
        }
        if variable.is_empty() {
            return Err(CoordinatesError::Empty { name: variable.name.clone() });
        }
    }
    for rank in [2, 1] {
        let (kind, lat_dimension, lon_dimension) = match (squeezed(y, rank), squeezed(x, rank)) {
            ([row], [column]) if row != column => (GridKind::Rectilinear, row, column),
            ([row, column], [x_row, x_column]) if row != column && row == x_row && column == x_column => {
                (GridKind::Curvilinear, row, column)
            }
            _ => continue,
        };
        return Ok(Span { lon, lat, kind, lon_dimension, lat_dimension });
    }
    if let ([one], [other]) = (squeezed(x, 1), squeezed(y, 1))
        && one == other
        && !x.is_coordinate()
        && !y.is_coordinate()
    {
        let (lon, lat) = (lon.to_owned(), lat.to_owned());
        return Err(CoordinatesError::List { lon, lat, dimension: one.clone() });
    }
    Err(CoordinatesError::Dimensions {
        lon: lon.to_owned(),
        lon_dimensions: x.dimensions.join(", "),
        lat: lat.to_owned(),
        lat_dimensions: y.dimensions.join(", "),
    })
}

/// The numeric variables on a grid, in file order.
fn fields<'a>(
    header: &'a Header,
    context: &Context<'a>,
    span: &Span,
) -> impl Iterator<Item = &'a VariableHeader> {
    header.variables.iter().filter(move |v| v.dimensions.len() >= 2 && span.fits(v)).filter(|v| {
        v.name != span.lon && v.name != span.lat && v.data_type.is_numeric() && !context.is_bounds(v)
    })
}

fn numeric<'a>(header: &'a Header, name: &str) -> Result<&'a VariableHeader, CoordinatesError> {
    let Some(variable) = header.variable(name) else {
        let names: Vec<&str> = header.variables.iter().map(|v| v.name.as_str()).collect();
        return Err(CoordinatesError::Missing { name: name.to_owned(), available: crate::listed(&names) });
    };
    if !variable.data_type.is_numeric() {
        return Err(CoordinatesError::NotNumeric {
            name: name.to_owned(),
            data_type: variable.data_type.name(),
        });
    }
    Ok(variable)
}

/// What may be the longitude and what the latitude, likeliest first; what was named alone.
fn candidates<'a>(
    header: &'a Header,
    context: &Context<'a>,
    wanted: &CoordinateQuery,
) -> [Vec<(Evidence, &'a VariableHeader)>; 2] {
    [(Role::Longitude, wanted.lon), (Role::Latitude, wanted.lat)].map(|(role, named)| {
        if let Some(variable) = named.and_then(|name| header.variable(name)) {
            return vec![(Evidence::Units, variable)];
        }
        let mut found: Vec<(Evidence, &VariableHeader)> = header
            .variables
            .iter()
            .filter(|v| v.data_type.is_numeric() && (1..=2).contains(&squeezed(v, 2).len()))
            .filter_map(|v| Some((context.evidence(v, role)?, v)))
            .collect();
        // Stable: file order among equals.
        found.sort_by_key(|(evidence, _)| std::cmp::Reverse(*evidence));
        found
    })
}

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
    fn a_list_of_cells_is_named_with_its_dimension() {
        let header = header(vec![
            variable("clon", &["ncells"], &[("units", "radian"), ("standard_name", "longitude")]),
            variable("clat", &["ncells"], &[("units", "radian"), ("standard_name", "latitude")]),
            variable("topo", &["ncells"], &[("coordinates", "clat clon")]),
        ]);
        for wanted in [
            CoordinateQuery::default(),
            CoordinateQuery { lon: Some("clon"), lat: Some("clat"), ..CoordinateQuery::default() },
        ] {
            let found = find(&header, &wanted);
            let Err(CoordinatesError::List { dimension, .. }) = &found else { panic!("{found:?}") };
            assert_eq!(dimension, "ncells");
        }
    }

    #[test]
    fn the_nominal_axes_of_a_cubed_sphere_are_no_coordinates() {
        let degrees = |units| [("units", units)];
        let header = header(vec![
            variable("Xdim", &["Xdim"], &degrees("degrees_east")),
            variable("Ydim", &["Ydim"], &degrees("degrees_north")),
            variable("lons", &["nf", "Ydim", "Xdim"], &degrees("degrees_east")),
            variable("lats", &["nf", "Ydim", "Xdim"], &degrees("degrees_north")),
            variable("topo", &["nf", "Ydim", "Xdim"], &[("coordinates", "lons lats")]),
        ]);
        for variable in [None, Some("topo")] {
            let found = find(&header, &CoordinateQuery { variable, ..CoordinateQuery::default() });
            assert!(
                matches!(&found, Err(CoordinatesError::Rank { name, rank: 3 }) if name == "lons"),
                "{found:?}"
            );
        }
        assert!(!matches!(guess(&header), Guess::Certain { .. }));
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

    /// The names are those of POP: several grids, and an attribute that says which is the variable's.
    #[test]
    fn the_coordinates_attribute_says_which_pair() {
        let units = |units: &'static str| [("units", units)];
        let mut variables = vec![
            variable("ULAT", &["nlat", "nlon"], &units("degrees_north")),
            variable("ULONG", &["nlat", "nlon"], &units("degrees_east")),
            variable("TLAT", &["nlat", "nlon"], &units("degrees_north")),
            variable("TLONG", &["nlat", "nlon"], &units("degrees_east")),
            variable("KMT", &["nlat", "nlon"], &[("coordinates", "TLONG TLAT")]),
        ];
        assert_eq!(guess(&header(variables.clone())), certain("TLONG", "TLAT"));
        variables[4].attributes.set("coordinates", "TLAT,TLONG\0");
        assert_eq!(guess(&header(variables.clone())), certain("TLONG", "TLAT"));
        variables.push(variable("KMU", &["nlat", "nlon"], &[("coordinates", "ULONG ULAT time")]));
        let both = header(variables);
        assert!(matches!(guess(&both), Guess::Ambiguous { .. }));
        assert_eq!(guess_for(&both, "KMT"), certain("TLONG", "TLAT"));
        assert_eq!(guess_for(&both, "KMU"), certain("ULONG", "ULAT"));
        assert_eq!(ranked(&both, "KMU")[0].lon, "ULONG");
    }

    #[test]
    fn a_listed_pair_goes_before_nominal_axes_and_after_usual_ones() {
        let east = [("units", "degrees_E")];
        let north = [("units", "degrees_N")];
        let file = |x: &'static str, y: &'static str| {
            header(vec![
                variable(x, &[x], &east),
                variable(y, &[y], &north),
                variable("geolon_t", &[y, x], &east),
                variable("geolat_t", &[y, x], &north),
                variable("ht", &[y, x], &[("coordinates", "geolon_t geolat_t")]),
            ])
        };
        assert_eq!(guess(&file("xt_ocean", "yt_ocean")), certain("geolon_t", "geolat_t"));
        assert_eq!(guess(&file("lon", "lat")), certain("lon", "lat"));
    }

    /// The names are those of MOM4 and MOM6: axes that are true in the south only, with the better attributes.
    #[test]
    fn two_dimensional_positions_go_before_nominal_axes_of_the_same_cells() {
        let file = |x: &'static str, y: &'static str, units: [&'static str; 2]| {
            header(vec![
                variable(x, &[x], &[("units", "degrees_east")]),
                variable(y, &[y], &[("units", "degrees_north")]),
                variable("geolon", &[y, x], &[("units", units[0])]),
                variable("geolat", &[y, x], &[("units", units[1])]),
                variable("D", &[y, x], &[]),
            ])
        };
        for units in [["degrees_east", "degrees_north"], ["degree", "degree"]] {
            assert_eq!(guess(&file("lonh", "lath", units)), certain("geolon", "geolat"));
            assert_eq!(guess(&file("grid_x_T", "grid_y_T", units)), certain("geolon", "geolat"));
        }
        // Other cells are another matter.
        let mut other = file("xh", "yh", ["degree", "degree"]);
        other.variables.iter_mut().filter(|v| v.name.starts_with("geo")).for_each(|v| {
            v.dimensions = vec!["yq".to_owned(), "xq".to_owned()];
        });
        assert_eq!(guess(&other), certain("xh", "yh"));
    }

    #[test]
    fn rotated_and_projected_coordinates_are_never_longitude_and_latitude() {
        let rotated = |x: &'static str, y: &'static str| {
            vec![
                variable(
                    x,
                    &[x],
                    &[("units", "degrees"), ("axis", "X"), ("standard_name", "grid_longitude")],
                ),
                variable(y, &[y], &[("units", "degrees"), ("axis", "Y"), ("standard_name", "grid_latitude")]),
                variable("topo", &["time", y, x], &[("grid_mapping", "pole")]),
                variable("pole", &[], &[("grid_mapping_name", "rotated_latitude_longitude")]),
                // Times and levels are no longitudes for want of better ones.
                variable("time", &["time"], &[("units", "days since 1949-12-01")]),
                variable("level", &["level"], &[("axis", "Z")]),
            ]
        };
        for (x, y) in [("rlon", "rlat"), ("lon", "lat"), ("x", "y")] {
            let file = header(rotated(x, y));
            assert_eq!(
                guess(&file),
                Guess::Ambiguous { lon_candidates: Vec::new(), lat_candidates: Vec::new() }
            );
            let error = find(&file, &CoordinateQuery::default()).unwrap_err();
            assert!(matches!(&error, CoordinatesError::RotatedPole { .. }), "{error}");
            assert!(error.to_string().contains(&format!("'{x}' and '{y}' belong to a rotated pole")));
            assert!(matches!(check_coordinates(&file, x, y), Err(CoordinatesError::RotatedPole { .. })));
            assert!(projection(&file).is_some());
        }
        // Without standard names the grid mapping says it.
        let mut bare = rotated("lon", "lat");
        bare.iter_mut().take(2).for_each(|v| {
            v.attributes.remove("standard_name");
        });
        assert!(matches!(
            find(&header(bare), &CoordinateQuery::default()),
            Err(CoordinatesError::RotatedPole { .. })
        ));
        // The true ones, where the file has them.
        let mut with_true = rotated("rlon", "rlat");
        with_true.push(variable("lon", &["rlat", "rlon"], &[("units", "degrees_east")]));
        with_true.push(variable("lat", &["rlat", "rlon"], &[("units", "degrees_north")]));
        assert_eq!(guess(&header(with_true)), certain("lon", "lat"));
        let projected = header(vec![
            variable("x", &["x"], &[("standard_name", "projection_x_coordinate"), ("units", "degrees")]),
            variable("y", &["y"], &[("standard_name", "projection_y_coordinate"), ("units", "degrees")]),
            variable("topo", &["y", "x"], &[]),
        ]);
        assert!(matches!(
            find(&projected, &CoordinateQuery::default()),
            Err(CoordinatesError::Projected { .. })
        ));
    }

    #[test]
    fn bounds_and_weights_are_never_taken() {
        for (lon, lat) in [
            ("lon_bnds", "lat_bnds"),
            ("lon_vertices", "lat_vertices"),
            ("bounds_lon", "bounds_lat"),
            ("grid_corner_lon", "grid_corner_lat"),
        ] {
            let header = header(vec![
                variable(lon, &["y", "x"], &[("units", "degrees_east")]),
                variable(lat, &["y", "x"], &[("units", "degrees_north")]),
                variable("gw", &["y"], &[("long_name", "latitude weights")]),
                variable("topo", &["y", "x"], &[]),
            ]);
            assert!(matches!(guess(&header), Guess::Ambiguous { .. }), "{lon}");
            assert!(is_position(&header, &header.variables[0]));
            assert!(!is_position(&header, &header.variables[3]));
        }
    }

    #[test]
    fn single_leading_dimensions_of_coordinates_do_not_matter() {
        let mut variables = vec![
            variable("XLONG", &["Time", "south_north", "west_east"], &[("units", "degree_east")]),
            variable("XLAT", &["Time", "south_north", "west_east"], &[("units", "degree_north")]),
            variable("HGT", &["Time", "south_north", "west_east"], &[]),
        ];
        variables.iter_mut().for_each(|v| v.shape[0] = 1);
        let file = header(variables);
        assert_eq!(guess(&file), certain("XLONG", "XLAT"));
        let found = check_coordinates(&file, "XLONG", "XLAT").unwrap();
        assert_eq!((found.kind, found.lat_dimension.as_str()), (GridKind::Curvilinear, "south_north"));
    }

    #[test]
    fn exchanged_names_are_refused_whatever_says_so() {
        for (lon, lat) in [("lon", "lat"), ("X", "Y"), ("nav_lon", "nav_lat")] {
            let header = header(vec![
                variable(lon, &[lon], &[]),
                variable(lat, &[lat], &[]),
                variable("p", &["p"], &[]),
                variable("topo", &[lat, lon], &[]),
            ]);
            let named =
                |lon, lat| CoordinateQuery { lon: Some(lon), lat: Some(lat), ..CoordinateQuery::default() };
            let error = |lon, lat| find(&header, &named(lon, lat)).unwrap_err();
            assert!(matches!(error(lat, lon), CoordinatesError::Exchanged { .. }), "{lon}");
            assert!(matches!(error(lat, "p"), CoordinatesError::OtherRole { .. }), "{lon}");
            let half = find(&header, &CoordinateQuery { lon: Some(lat), ..CoordinateQuery::default() });
            assert!(matches!(half, Err(CoordinatesError::OtherRole { .. })), "{lon}");
        }
    }

    #[test]
    fn a_grid_alone_and_a_variable_elsewhere() {
        let file = header(vec![
            variable("lon", &["lon"], &[]),
            variable("lat", &["lat"], &[]),
            variable("profile", &["depth", "time"], &[]),
        ]);
        assert!(matches!(find(&file, &CoordinateQuery::default()), Err(CoordinatesError::Ambiguous { .. })));
        let alone = find(&file, &CoordinateQuery { grid_alone: true, ..CoordinateQuery::default() }).unwrap();
        assert_eq!((alone.lon.as_str(), alone.variables.len()), ("lon", 0));
        let named = CoordinateQuery {
            lon: Some("lon"),
            lat: Some("lat"),
            variable: Some("profile"),
            grid_alone: true,
        };
        assert!(matches!(find(&file, &named), Err(CoordinatesError::Elsewhere { .. })));
    }
}
