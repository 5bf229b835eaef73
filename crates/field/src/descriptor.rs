//! What a file offers to the map: variables, axes, and how each is best shown.

use std::collections::HashMap;

use dataset::{AttributeValue, DataType, Header, VariableHeader, cf};
use serde::Serialize;

use crate::MapError;
use crate::geometry::{self, Geometry, Hints, PlacedGeometry};
use crate::slice::Plane;
use crate::source::{Slabs, by_name};

/// The first look at a field has at most this many cells.
pub const OVERVIEW_CELLS: usize = 300_000;
/// Longer lists of coordinates of leading dimensions are not sent.
const LISTED: usize = 4096;

/// Everything that the browser needs before it asks for values.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Descriptor {
    /// The variable to show first.
    pub default: String,
    /// What can be drawn, data before coordinates.
    pub variables: Vec<Drawable>,
    /// Where cells lie; variables refer to these by position.
    pub grids: Vec<Geometry>,
    /// True when values are differences of two revisions.
    pub compared: bool,
}

/// A variable that can be drawn.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Drawable {
    /// Name in the file.
    pub name: String,
    /// `long_name`, else `standard_name`, else empty.
    pub long_name: String,
    /// `units`, or empty.
    pub units: String,
    /// Type as `ncdump` prints it.
    pub r#type: &'static str,
    /// Rows and columns at full detail.
    pub rows: usize,
    /// See `rows`.
    pub columns: usize,
    /// Which of the grids.
    pub grid: usize,
    /// The dimensions before rows and columns, in the order of `at`.
    pub dimensions: Vec<Leading>,
    /// How it is best shown.
    pub style: Style,
    /// The level of the first look.
    pub overview: u32,
    /// `flag_values` and `flag_meanings` (CF 3.5).
    pub flags: Vec<(f64, String)>,
    /// True for longitudes, latitudes and bounds.
    pub position: bool,
    /// The other attributes, for people.
    pub attributes: Vec<(String, String)>,
}

/// A dimension that is chosen by a slider.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Leading {
    /// Name in the file.
    pub name: String,
    /// Number of positions.
    pub length: usize,
    /// The coordinates, when the file has them and they are not too many.
    pub values: Vec<f64>,
    /// Units of the coordinates.
    pub units: String,
}

/// How a variable is best shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Height above the sea: sea and land colours that meet at zero.
    Relief,
    /// Depth below the sea, positive; land at zero.
    Depth,
    /// From little to much.
    Sequential,
    /// Differences: two hues that meet at zero.
    Diverging,
    /// Codes: one colour each.
    Categorical,
}

/// Which plane, at which position; the text forms are those of the query string.
#[derive(Debug, Clone, Default)]
pub struct Choice<'a> {
    /// The variable, else the default one.
    pub variable: Option<&'a str>,
    /// Positions along the leading dimensions, comma-separated, else all zero.
    pub at: Option<&'a str>,
}

/// A plane of a variable, placed.
#[derive(Debug)]
pub struct VariablePlane<'a> {
    /// What to read.
    pub plane: Plane<'a>,
    /// Where its cells lie.
    pub placed: PlacedGeometry,
    /// Positions along the leading dimensions.
    pub at: Vec<usize>,
}

/// Describes a file; `subtracted` is the file that it is compared with.
///
/// # Errors
/// [`MapError::NothingToDraw`]; when compared, [`MapError::ShapesDiffer`] or [`MapError::NotInBoth`] if no variable
/// can be compared; when coordinates cannot be read.
pub fn describe(
    source: &impl Slabs,
    header: &Header,
    subtracted: Option<&Header>,
    hints: &Hints,
) -> Result<Descriptor, MapError> {
    let mut grids: Vec<Geometry> = Vec::new();
    let mut known: HashMap<_, PlacedGeometry> = HashMap::new();
    let mut variables = Vec::new();
    for variable in comparable(header, subtracted)? {
        let key = (&variable.dimensions, variable.attributes.text("coordinates"));
        let placed = match known.get(&key) {
            Some(placed) => placed.clone(),
            None => {
                let placed = geometry::place(source, header, variable, hints)?;
                known.insert(key, placed.clone());
                placed
            }
        };
        let grid = grids.iter().position(|g| *g == placed.geometry).unwrap_or(grids.len());
        if grid == grids.len() {
            grids.push(placed.geometry.clone());
        }
        variables.push(drawable(source, header, variable, &placed, grid, subtracted.is_some())?);
    }
    variables.sort_by_key(|v| v.position);
    let default = default_variable(comparable(header, subtracted)?, header).name.clone();
    Ok(Descriptor { default, variables, grids, compared: subtracted.is_some() })
}

/// Finds the plane that a request is about.
///
/// # Errors
/// As [`describe`], and [`MapError::NotDrawable`], [`MapError::BadPosition`].
pub fn choose<'a>(
    source: &impl Slabs,
    header: &'a Header,
    subtracted: Option<&Header>,
    hints: &Hints,
    choice: &Choice<'_>,
) -> Result<VariablePlane<'a>, MapError> {
    let variable = match choice.variable {
        None => default_variable(comparable(header, subtracted)?, header),
        Some(name) => {
            let all = drawables(header)?;
            let found = all.iter().find(|v| v.name == name).copied();
            let variable = found
                .ok_or_else(|| MapError::NotDrawable { variable: name.to_owned(), available: names(&all) })?;
            if let Some(other) = subtracted {
                compare(variable, other).map_err(|error| error.with_available(header, other))?;
            }
            variable
        }
    };
    let placed = geometry::place(source, header, variable, hints)?;
    let leading = leading(variable, &placed);
    let bad = || MapError::BadPosition {
        variable: variable.name.clone(),
        dimensions: list(leading.iter().map(|&d| variable.dimensions[d].clone())),
        lengths: list(leading.iter().map(|&d| variable.shape[d].to_string())),
        given: choice.at.unwrap_or_default().to_owned(),
    };
    let at: Vec<usize> = match choice.at.filter(|text| !text.is_empty()) {
        None => vec![0; leading.len()],
        Some(text) => text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?,
    };
    if at.len() != leading.len() || at.iter().zip(&leading).any(|(&k, &d)| k >= variable.shape[d]) {
        return Err(bad());
    }
    let mut full = vec![0; variable.shape.len()];
    for (&k, &d) in at.iter().zip(&leading) {
        full[d] = k;
    }
    let plane = Plane { variable, y: placed.y, x: placed.x, at: full };
    Ok(VariablePlane { plane, placed, at })
}

/// How a variable is best shown; `compared` when its values are differences.
pub fn style(variable: &VariableHeader, compared: bool) -> Style {
    let text = |name: &str| variable.attributes.text(name).unwrap_or_default().to_lowercase();
    let name = variable.name.to_lowercase();
    let words = format!("{name} {} {}", text("long_name"), text("standard_name"));
    let has = |list: &[&str]| list.iter().any(|word| words.contains(word));
    let named = |list: &[&str]| list.iter().any(|word| name.contains(word));
    let integer = !matches!(variable.data_type, DataType::F32 | DataType::F64);
    let packed = variable.attributes.get("scale_factor").is_some();
    if compared {
        Style::Diverging
    } else if variable.attributes.get("flag_values").is_some()
        || named(&["msk", "mask", "basin", "continent", "soilcolor", "soiltext", "label", "flag", "_type"])
        || name == "trip"
        || has(&["direction of flow", "number for each", "internal_oceans", "passage_problems"])
    {
        Style::Categorical
    } else if has(&["bathy", "depth"]) && !has(&["index"]) {
        Style::Depth
    } else if (has(&["topo", "relief", "orog", "elevation", "altitude", "height above"])
        && !has(&["index", "topoind"]))
        || ["z", "hgt", "rbathy"].contains(&name.as_str())
    {
        Style::Relief
    } else if integer && !packed {
        Style::Categorical
    } else {
        Style::Sequential
    }
}

/// The variables with numbers along two dimensions or more.
fn drawables(header: &Header) -> Result<Vec<&VariableHeader>, MapError> {
    let numeric = |v: &VariableHeader| !matches!(v.data_type, DataType::Char | DataType::Text);
    let fits = |v: &&VariableHeader| v.shape.len() >= 2 && !v.is_empty() && numeric(v);
    let all: Vec<_> = header.variables.iter().filter(fits).collect();
    if all.is_empty() { Err(MapError::NothingToDraw) } else { Ok(all) }
}

/// The drawable variables that `subtracted`, if any, has in the same shape.
fn comparable<'a>(
    header: &'a Header,
    subtracted: Option<&Header>,
) -> Result<Vec<&'a VariableHeader>, MapError> {
    let all = drawables(header)?;
    let Some(other) = subtracted else { return Ok(all) };
    let (mut fitting, mut refused) = (Vec::new(), Vec::new());
    for variable in all {
        match compare(variable, other) {
            Ok(()) => fitting.push(variable),
            Err(error) => refused.push((cf::is_position(header, variable), error)),
        }
    }
    // Coordinates alone are no comparison: then say what is wrong with the data.
    let only_positions = fitting.iter().all(|v| cf::is_position(header, v));
    refused.sort_by_key(|(position, error)| (*position, matches!(error, MapError::NotInBoth { .. })));
    match refused.into_iter().next() {
        Some((false, error)) if only_positions => Err(error.with_available(header, other)),
        Some((_, error)) if fitting.is_empty() => Err(error.with_available(header, other)),
        _ => Ok(fitting),
    }
}

fn compare(variable: &VariableHeader, other: &Header) -> Result<(), MapError> {
    let name = || variable.name.clone();
    match other.variable(&variable.name) {
        None => Err(MapError::NotInBoth { variable: name(), available: String::new() }),
        Some(found) if found.shape == variable.shape => Ok(()),
        Some(found) => Err(MapError::ShapesDiffer {
            variable: name(),
            left: by_name(&variable.shape),
            right: by_name(&found.shape),
        }),
    }
}

impl MapError {
    /// Fills in what could be compared.
    fn with_available(self, left: &Header, right: &Header) -> Self {
        let Self::NotInBoth { variable, .. } = self else { return self };
        let both: Vec<_> = left.variables.iter().filter(|v| compare(v, right).is_ok()).collect();
        Self::NotInBoth {
            variable,
            available: if both.is_empty() { "none".to_owned() } else { names(&both) },
        }
    }
}

/// Data before coordinates, relief before the rest, else the order of the file.
fn default_variable<'a>(all: Vec<&'a VariableHeader>, header: &Header) -> &'a VariableHeader {
    let rank = |v: &&VariableHeader| {
        (cf::is_position(header, v), !matches!(style(v, false), Style::Relief | Style::Depth))
    };
    // Routing products come with their relief: what the file is for stands first there.
    let first_data = all.iter().copied().find(|v| !cf::is_position(header, v));
    let best = all.iter().copied().min_by_key(|v| rank(v));
    match (first_data, best) {
        (Some(first), _) if style(first, false) == Style::Categorical => first,
        (_, Some(best)) => best,
        _ => unreachable!("there is always something to draw here"),
    }
}

fn leading(variable: &VariableHeader, placed: &PlacedGeometry) -> Vec<usize> {
    (0..variable.shape.len()).filter(|&d| d != placed.y && d != placed.x).collect()
}

fn drawable(
    source: &impl Slabs,
    header: &Header,
    variable: &VariableHeader,
    placed: &PlacedGeometry,
    grid: usize,
    compared: bool,
) -> Result<Drawable, MapError> {
    let text = |name: &str| variable.attributes.text(name).map(str::to_owned);
    let plane = Plane { variable, y: placed.y, x: placed.x, at: vec![0; variable.shape.len()] };
    let mut dimensions = Vec::new();
    for d in leading(variable, placed) {
        let (name, length) = (variable.dimensions[d].clone(), variable.shape[d]);
        let own = header.variable(&name).filter(|v| v.is_coordinate() && length <= LISTED);
        let own = own.filter(|v| !matches!(v.data_type, DataType::Char | DataType::Text));
        let values = own.map(|v| source.coordinates(v, &[0], &v.shape)).transpose()?.unwrap_or_default();
        let units = own.and_then(|v| v.attributes.text("units")).unwrap_or_default().to_owned();
        dimensions.push(Leading { name, length, values, units });
    }
    let shown = ["long_name", "units", "_FillValue", "missing_value", "flag_values", "flag_meanings"];
    let attributes = variable.attributes.iter().filter(|(name, _)| !shown.contains(name));
    Ok(Drawable {
        name: variable.name.clone(),
        long_name: text("long_name").or_else(|| text("standard_name")).unwrap_or_default(),
        units: text("units").unwrap_or_default(),
        r#type: type_name(variable.data_type),
        rows: plane.rows(),
        columns: plane.columns(),
        grid,
        dimensions,
        style: style(variable, compared),
        overview: plane.level_below(OVERVIEW_CELLS),
        flags: flags(variable),
        position: cf::is_position(header, variable),
        attributes: attributes.take(64).map(|(name, value)| (name.to_owned(), in_words(value))).collect(),
    })
}

fn flags(variable: &VariableHeader) -> Vec<(f64, String)> {
    let values =
        variable.attributes.get("flag_values").and_then(AttributeValue::numbers_or_text).unwrap_or_default();
    let meanings = variable.attributes.text("flag_meanings").unwrap_or_default();
    let packing = variable.packing();
    let values = values.into_iter().map(|flag| packing.flag(flag));
    values.zip(meanings.split_whitespace().map(|m| m.replace('_', " "))).collect()
}

fn in_words(value: &AttributeValue) -> String {
    let text = match value {
        AttributeValue::Strings(list) => list.join(", "),
        other => match other.as_text() {
            Some(text) => text.to_owned(),
            None => list(other.numbers().into_iter().take(16).map(|x| x.to_string())),
        },
    };
    text.chars().take(500).collect()
}

fn type_name(data_type: DataType) -> &'static str {
    match data_type {
        DataType::I8 => "byte",
        DataType::Char => "char",
        DataType::I16 => "short",
        DataType::I32 => "int",
        DataType::F32 => "float",
        DataType::F64 => "double",
        DataType::U8 => "ubyte",
        DataType::U16 => "ushort",
        DataType::U32 => "uint",
        DataType::I64 => "int64",
        DataType::U64 => "uint64",
        DataType::Text => "string",
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn names(variables: &[&VariableHeader]) -> String {
    list(variables.iter().map(|v| format!("'{}'", v.name)))
}
