//! Recipes: the edits of a document as text that a modeller can read, keep, and apply to another topography or grid.
//!
//! A recipe says in degrees where each action was, also what was drawn in rows and columns. On the grid that it was made on
//! rows and columns count, and the result is the same bit for bit; on another grid the degrees count, and every action is
//! reported with how well it fits.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::fixes::densified;
use super::geometry::{Centres, Map, Meaning, turn_apart};
use super::selection::{Cell, Point, Quantity, Selection};
use super::{Action, CopiedCell, Document, Line, Operation};

/// What the first field of every recipe says.
const FORMAT: &str = "climsim edit recipe";
/// The latest version; older ones are read.
const VERSION: u32 = 2;
/// The version of a recipe in metres, which earlier releases read too.
const IN_METRES: u32 = 1;

/// Why a text is no recipe, or a recipe not for a map.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum Error {
    #[error("this is no edit recipe: {0}")]
    Json(#[from] serde_json::Error),
    #[error("this is no edit recipe: its format is '{found}', not '{FORMAT}'")]
    Format { found: String },
    #[error("the recipe has version {found} and this release reads up to {VERSION}: update climsim")]
    Version { found: u32 },
    #[error("the recipe is for {}, and this is {}", .recipe.described(), .map.described())]
    Meaning { recipe: Meaning, map: Meaning },
    #[error(
        "the numbers of the recipe are in units of {recipe} m, and those of this map in units of {map} m: convert one of the files, \
         or set 'metres' in the recipe if it was made in other units than it says"
    )]
    Units { recipe: f64, map: f64 },
}

/// The edits of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    format: String,
    version: u32,
    /// What the modeller calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Name of the edited variable.
    pub variable: String,
    /// What its numbers mean.
    pub meaning: Meaning,
    /// What the number 1 is of a height or depth, m. Absent where it is 1 m.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    metres: f64,
    /// The grid that it was made on.
    pub grid: Grid,
    /// The actions, in order.
    pub actions: Vec<Action>,
}

fn one() -> f64 {
    1.0
}

fn is_one(number: &f64) -> bool {
    *number == one()
}

/// The grid that a recipe was made on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Stands for the positions of all cells: equal on equal grids.
    pub fingerprint: String,
}

impl Grid {
    fn from_map(map: &Map) -> Self {
        let fingerprint = format!("{:016x}", map.fingerprint());
        Self { rows: map.rows(), columns: map.columns(), fingerprint }
    }
}

/// How well an action fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// It was done.
    Yes,
    /// It was done in part.
    Partly,
    /// It was not done, or there was nothing to do.
    No,
}

/// What became of an action of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its number in the recipe, from 0.
    pub number: usize,
    /// It, in a line.
    pub label: String,
    /// How well it fits.
    pub fit: Fit,
    /// Why not wholly, for the modeller; else how many cells it changed.
    pub message: String,
    /// The action as it was applied here, rows and columns being those of this grid; `None` when it was not.
    pub action: Option<Action>,
}

impl Recipe {
    /// The recipe of the present values of a document.
    pub fn new(document: &Document, variable: &str, title: &str) -> Self {
        let map = document.map();
        let metres = map.units().map_or(one(), |units| units.metres(1.0));
        Self {
            format: FORMAT.to_owned(),
            version: if is_one(&metres) { IN_METRES } else { VERSION },
            title: title.to_owned(),
            variable: variable.to_owned(),
            meaning: map.meaning(),
            metres,
            grid: Grid::from_map(map),
            actions: document.actions().into_iter().map(|action| located(action, map)).collect(),
        }
    }

    /// Reads a recipe.
    ///
    /// # Errors
    /// Text that is no recipe, or one of a later version.
    pub fn parse(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            format: String,
            #[serde(default)]
            version: u32,
        }
        // The head first: later versions may have fields that are not known here.
        let head: Head = serde_json::from_str(text)?;
        if head.format != FORMAT {
            return Err(Error::Format { found: head.format });
        }
        if head.version > VERSION {
            return Err(Error::Version { found: head.version });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The text of the recipe.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Applies the recipe to a document, on top of what was done there, and says of each action how well it fits.
    ///
    /// # Errors
    /// [`Error::Meaning`]: a recipe for a topography says nothing about a bathymetry. [`Error::Units`]: its numbers are others here.
    pub fn apply(&self, document: &mut Document) -> Result<Vec<Report>, Error> {
        let meaning = document.map().meaning();
        if meaning != self.meaning {
            return Err(Error::Meaning { recipe: self.meaning, map: meaning });
        }
        let metres = document.map().units().map(|units| units.metres(1.0));
        if let Some(map) = metres.filter(|metres| *metres != self.metres) {
            return Err(Error::Units { recipe: self.metres, map });
        }
        let same_grid = self.grid == Grid::from_map(document.map());
        let reports = self.actions.iter().enumerate().map(|(number, action)| {
            let mut fitting = Fitting { map: document.map(), lost: Vec::new() };
            let fitted = if same_grid { Some(action.clone()) } else { fitting.action(action) };
            let lost = fitting.lost;
            let (fit, message, action) = match fitted {
                None => (Fit::No, lost.join("; "), None),
                Some(action) => apply_one(document, action, lost),
            };
            Report { number, label: self.actions[number].label(), fit, message, action }
        });
        Ok(reports.collect())
    }
}

/// Applies an action that fits, apart from what was lost.
fn apply_one(document: &mut Document, action: Action, lost: Vec<String>) -> (Fit, String, Option<Action>) {
    let selected = action.select(document.map(), document.values()).count();
    if selected == 0 {
        return (Fit::No, "it selects no cell here".to_owned(), None);
    }
    let changed = match document.apply(action.clone()) {
        Ok(changes) => changes.cells.len(),
        Err(error) => return (Fit::No, error.to_string(), None),
    };
    let nothing = match &action.operation {
        Operation::FillSeas { .. } => "there is no closed sea to fill here",
        Operation::OpenChannel { .. } => "there is sea of that depth along the line already",
        Operation::ClosePassages { .. } | Operation::WidenPassages {} => "there is no one-cell passage here",
        Operation::PoleRules {} => "the pole rules hold here",
        _ => "the cells have these values already",
    };
    let objects = matches!(
        action.operation,
        Operation::FillSeas { .. } | Operation::ClosePassages { .. } | Operation::WidenPassages {}
    );
    let fit = match (changed, lost.is_empty()) {
        (0, _) if objects => Fit::No,
        (_, true) => Fit::Yes,
        (_, false) => Fit::Partly,
    };
    let mut parts = lost;
    parts.push(if changed == 0 { nothing.to_owned() } else { format!("{changed} cells changed") });
    (fit, parts.join("; "), Some(action))
}

/// An action with its places in degrees.
fn located(action: &Action, map: &Map) -> Action {
    let mut action = action.clone();
    action.selection = locate(action.selection, map);
    match &mut action.operation {
        Operation::OpenChannel { line, .. } if !line.column_row.is_empty() => {
            line.lon_lat = degrees_along(map, &line.column_row, false);
        }
        Operation::Copy { cells, .. } => {
            cells.iter_mut().for_each(|copied| copied.cell = copied.cell.located(map))
        }
        _ => {}
    }
    action
}

fn locate(selection: Selection, map: &Map) -> Selection {
    match selection {
        Selection::Range { .. } => locate_ranges(vec![selection], map),
        Selection::IndexBox { columns, rows, .. } => {
            Selection::IndexBox { columns, rows, outline: outline(map, columns, rows) }
        }
        Selection::Lasso { column_row, .. } if !column_row.is_empty() => {
            let lon_lat = degrees_along(map, &column_row, true);
            Selection::Lasso { column_row, lon_lat }
        }
        Selection::Cells(cells) => {
            Selection::Cells(cells.into_iter().map(|cell| cell.located(map)).collect())
        }
        Selection::Union(parts) => {
            Selection::Union(parts.into_iter().map(|part| locate(part, map)).collect())
        }
        Selection::Intersection(parts) => {
            let mut flat = Vec::new();
            flatten(parts, &mut flat);
            locate_ranges(flat, map)
        }
        Selection::Difference(parts) => Selection::Difference(Box::new(parts.map(|part| locate(part, map)))),
        Selection::Complement(part) => Selection::Complement(Box::new(locate(*part, map))),
        Selection::All | Selection::Box { .. } | Selection::Lasso { .. } => selection,
    }
}

fn flatten(parts: Vec<Selection>, into: &mut Vec<Selection>) {
    for part in parts {
        match part {
            Selection::Intersection(parts) => flatten(parts, into),
            other => into.push(other),
        }
    }
}

/// The intersection of these; ranges of coordinates become one box, which means the same on this grid and can be
/// understood on others.
fn locate_ranges(parts: Vec<Selection>, map: &Map) -> Selection {
    let mut limits: HashMap<Quantity, [f64; 2]> = HashMap::new();
    let mut others = Vec::new();
    for part in parts {
        match part {
            Selection::Range { of, from, to } if of != Quantity::Value => {
                let [low, high] = limits.entry(of).or_insert([f64::NEG_INFINITY, f64::INFINITY]);
                *low = low.max(from.unwrap_or(f64::NEG_INFINITY));
                *high = high.min(to.unwrap_or(f64::INFINITY));
            }
            other @ Selection::Range { .. } => others.push(other),
            other => others.push(locate(other, map)),
        }
    }
    let mut of = |quantity: Quantity, low: f64, high: f64| {
        let given = limits.remove(&quantity)?;
        // Ranges do not go around: within the extent of the map a box means the same.
        Some([given[0].max(low), given[1].min(high)])
    };
    let (rows, columns) = map.dim();
    let all = |count: usize| [-0.5, count as f64 - 0.5];
    let [[first_column, last_column], [first_row, last_row]] = [all(columns), all(rows)];
    let in_columns = of(Quantity::Column, first_column, last_column);
    let in_rows = of(Quantity::Row, first_row, last_row);
    if in_columns.is_some() || in_rows.is_some() {
        let (columns, rows) = (in_columns.unwrap_or(all(columns)), in_rows.unwrap_or(all(rows)));
        others.push(Selection::IndexBox { columns, rows, outline: outline(map, columns, rows) });
    }
    let [[west, east], [south, north]] = extremes(map);
    let in_lon = of(Quantity::Lon, west, east);
    let in_lat = of(Quantity::Lat, south, north);
    match (in_lon, in_lat) {
        (None, None) => {}
        (Some([from, to]), _) if from > to || to - from >= 360.0 => {
            // Nothing, or more than a turn: a box would mean something else.
            others.push(Selection::Range { of: Quantity::Lon, from: Some(from), to: Some(to) });
            if let Some([from, to]) = in_lat {
                others.push(Selection::Range { of: Quantity::Lat, from: Some(from), to: Some(to) });
            }
        }
        (lon, lat) => others.push(match lon {
            Some(lon) => Selection::Box { lon, lat: lat.unwrap_or([south, north]) },
            None => {
                let [from, to] = lat.unwrap_or([south, north]);
                Selection::Range { of: Quantity::Lat, from: Some(from), to: Some(to) }
            }
        }),
    }
    match others.len() {
        1 => others.remove(0),
        _ => Selection::Intersection(others),
    }
}

/// The smallest and the largest longitude and latitude of the centres.
fn extremes(map: &Map) -> [[f64; 2]; 2] {
    let mut extremes = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    for point in (0..map.cells()).filter_map(|cell| map.lon_lat(cell)) {
        for k in 0..2 {
            extremes[k] = [extremes[k][0].min(point[k]), extremes[k][1].max(point[k])];
        }
    }
    extremes
}

/// The outline in degrees of a box of columns and rows.
fn outline(map: &Map, columns: [f64; 2], rows: [f64; 2]) -> Vec<Point> {
    // The edges of the cells whose centres are inside.
    let [west, east] = [columns[0].ceil() - 0.5, columns[1].floor() + 0.5];
    let [first, last] = [rows[0].ceil().max(0.0) - 0.5, rows[1].floor().min(map.rows() as f64 - 1.0) + 0.5];
    if !(west < east && first < last) {
        return Vec::new();
    }
    degrees_along(map, &[[west, first], [east, first], [east, last], [west, last]], true)
}

/// A line or polygon of columns and rows in degrees, longitudes going on beyond 180; empty where positions are not known.
fn degrees_along(map: &Map, column_row: &[Point], closed: bool) -> Vec<Point> {
    let points: Vec<Point> = match map.centres() {
        // Straight lines stay straight.
        Centres::Axes { .. } => column_row.to_vec(),
        _ if closed => {
            let ring: Vec<Point> = column_row.iter().chain(column_row.first()).copied().collect();
            let mut points: Vec<Point> = densified(&ring, 0.5).collect();
            points.pop();
            points
        }
        _ => densified(column_row, 0.5).collect(),
    };
    let Some(mut degrees) = points.iter().map(|&point| map.at(point)).collect::<Option<Vec<Point>>>() else {
        return Vec::new();
    };
    if matches!(map.centres(), Centres::Curvilinear(_)) {
        for k in 1..degrees.len() {
            let turns = ((degrees[k][0] - degrees[k - 1][0]) / 360.0).round();
            degrees[k][0] -= 360.0 * turns;
        }
        if let (true, Some(&first), Some(&last)) = (closed, degrees.first(), degrees.last())
            && (last[0] - first[0]).abs() > 180.0
        {
            // Around a pole: the polygon is closed along it.
            let pole = 90.0_f64.copysign(degrees.iter().map(|point| point[1]).sum());
            let beyond = first[0] + 360.0_f64.copysign(last[0] - first[0]);
            degrees.extend([[beyond, first[1]], [beyond, pole], [first[0], pole]]);
        }
    }
    let rounded = |degrees: f64| (degrees * 1e6).round() / 1e6;
    degrees.into_iter().map(|[lon, lat]| [rounded(lon), rounded(lat)]).collect()
}

/// Brings actions to another grid.
struct Fitting<'a> {
    map: &'a Map,
    /// What could not be brought, in words.
    lost: Vec<String>,
}

impl Fitting<'_> {
    fn action(&mut self, action: &Action) -> Option<Action> {
        let mut action = action.clone();
        action.selection = self.selection(action.selection)?;
        match &mut action.operation {
            Operation::OpenChannel { line, .. } => {
                if line.lon_lat.len() < 2 {
                    self.lost.push("its line is known in rows and columns of another grid only".to_owned());
                    return None;
                }
                *line = Line { column_row: Vec::new(), lon_lat: std::mem::take(&mut line.lon_lat) };
            }
            Operation::Copy { cells, .. } => {
                let from: Vec<Cell> = cells.iter().map(|copied| copied.cell).collect();
                let here = self.cells(&from);
                *cells = here
                    .into_iter()
                    .map(|(cell, number)| CopiedCell { cell, value: cells[number].value })
                    .collect();
            }
            _ => {}
        }
        Some(action)
    }

    fn selection(&mut self, selection: Selection) -> Option<Selection> {
        let unknown = "its selection is known in rows and columns of another grid only";
        match selection {
            Selection::All | Selection::Box { .. } => Some(selection),
            Selection::Range { of: Quantity::Column | Quantity::Row, .. } => {
                self.lost.push(unknown.to_owned());
                None
            }
            Selection::Range { .. } => Some(selection),
            Selection::IndexBox { outline: lon_lat, .. } | Selection::Lasso { lon_lat, .. } => {
                if lon_lat.is_empty() {
                    self.lost.push(unknown.to_owned());
                    return None;
                }
                Some(Selection::Lasso { lon_lat, column_row: Vec::new() })
            }
            Selection::Cells(cells) => {
                let here = self.cells(&cells);
                Some(Selection::Cells(here.into_iter().map(|(cell, _)| cell).collect()))
            }
            Selection::Union(parts) => {
                let count = parts.len();
                let parts: Vec<Selection> =
                    parts.into_iter().filter_map(|part| self.selection(part)).collect();
                (count == 0 || !parts.is_empty()).then_some(Selection::Union(parts))
            }
            Selection::Intersection(parts) => {
                let parts: Option<Vec<Selection>> =
                    parts.into_iter().map(|part| self.selection(part)).collect();
                parts.map(Selection::Intersection)
            }
            Selection::Difference(parts) => {
                let [of, without] = *parts;
                Some(Selection::Difference(Box::new([self.selection(of)?, self.selection(without)?])))
            }
            Selection::Complement(part) => Some(Selection::Complement(Box::new(self.selection(*part)?))),
        }
    }

    /// The cells of this grid that stand where cells of another did, each with the number of that other cell: those whose centre
    /// lies in it; where a cell has none, because cells are larger here, the one that it lies in.
    fn cells(&mut self, from: &[Cell]) -> Vec<(Cell, usize)> {
        let places: Vec<(usize, [f64; 4])> = from
            .iter()
            .enumerate()
            .filter_map(|(k, cell)| Some((k, [cell.lon?, cell.lat?, cell.width?, cell.height?])))
            .collect();
        let unknown = from.len() - places.len();
        // Bins as large as the largest cell: a centre is looked for in its own and the bins around.
        let size = places.iter().fold(0.1_f64, |size, (_, [.., w, h])| size.max(*w).max(*h)).min(90.0);
        let turn = (360.0 / size).ceil() as i64;
        let bin = |lon: f64, lat: f64| {
            ((lon.rem_euclid(360.0) / size).floor() as i64, ((lat + 90.0) / size).floor() as i64)
        };
        let mut bins: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
        for (place, (_, [lon, lat, ..])) in places.iter().enumerate() {
            bins.entry(bin(*lon, *lat)).or_default().push(place);
        }
        let inside = |point: Point, [lon, lat, width, height]: [f64; 4]| {
            turn_apart(point[0], lon) <= width / 2.0 && (point[1] - lat).abs() <= height / 2.0
        };
        let mut met = vec![false; places.len()];
        let mut here = Vec::new();
        for cell in 0..self.map.cells() {
            let Some(point) = self.map.lon_lat(cell) else { continue };
            let (x, y) = bin(point[0], point[1]);
            let near = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| ((x + dx).rem_euclid(turn), y + dy)));
            let mut best: Option<(f64, usize)> = None;
            for place in near.filter_map(|key| bins.get(&key)).flatten().copied() {
                let at = places[place].1;
                if inside(point, at) {
                    met[place] = true;
                    let apart = turn_apart(point[0], at[0]) + (point[1] - at[1]).abs();
                    if best.is_none_or(|(least, first)| (apart, place) < (least, first)) {
                        best = Some((apart, place));
                    }
                }
            }
            if let Some((_, place)) = best {
                here.push((cell, places[place].0));
            }
        }
        let mut outside = 0;
        for (&(number, [lon, lat, ..]), _) in places.iter().zip(&met).filter(|(_, met)| !**met) {
            let within = self.map.nearest([lon, lat], None).filter(|&cell| {
                let (Some([x, y]), Some([width, height])) = (self.map.lon_lat(cell), self.map.extent(cell))
                else {
                    return false;
                };
                // A hair more: the sizes are halves of distances between centres.
                inside([lon, lat], [x, y, width * 1.01, height * 1.01])
            });
            match within {
                Some(cell) => here.push((cell, number)),
                None => outside += 1,
            }
        }
        here.sort_unstable();
        here.dedup_by_key(|(cell, _)| *cell);
        if unknown > 0 {
            self.lost.push(format!("{unknown} of {} cells are known by rows and columns only", from.len()));
        }
        if outside > 0 {
            self.lost.push(format!("{outside} of {} cells are outside of this grid", from.len()));
        }
        let cell = |cell: usize| {
            let (row, column) = self.map.position(cell);
            Cell::new(row, column)
        };
        here.into_iter().map(|(index, number)| (cell(index), number)).collect()
    }
}
