//! Which cells an action is about: geometry in degrees or in rows and columns, ranges of values, and combinations.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::geometry::{Centres, Map};

/// Two coordinates: longitude and latitude in degrees, or column and row counted from 0 at the centre of the first cell.
pub type Point = [f64; 2];

/// Which cells are meant. Geometry in degrees holds on any grid; geometry in rows and columns holds on the grid that it was
/// drawn on, and carries its outline in degrees once it is written into a recipe.
///
/// ```
/// use boundary::edit::{Map, Meaning, Selection};
/// let json = r#"{"intersection": [{"box": {"lon": [170, -170], "lat": [-90, 90]}}, {"range": {"of": "value", "to": 0}}]}"#;
/// let selection: Selection = serde_json::from_str(json)?;
/// let map = Map::regular(vec![-175.0, 0.0, 175.0], vec![0.0], Meaning::Elevation)?;
/// let values = ndarray::arr2(&[[-5.0, -5.0, 5.0]]);
/// assert_eq!(selection.select(&map, values.view()).cells().collect::<Vec<_>>(), [0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Selection {
    /// Every cell.
    #[default]
    All,
    /// Cells with a quantity between two limits, both included. Missing values are in no range that has a limit.
    Range {
        /// What is compared.
        of: Quantity,
        /// The lower limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<f64>,
        /// The upper limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<f64>,
    },
    /// Cells with their centre in a box, edges included.
    Box {
        /// Western and eastern edge, degrees. Eastwards from the first to the second: across the date line when the
        /// second is smaller; longitudes of any turn will do.
        lon: [f64; 2],
        /// Southern and northern edge, degrees.
        lat: [f64; 2],
    },
    /// Cells in a box of columns and rows, edges included.
    IndexBox {
        /// First and last column; beyond an edge where the map is joined.
        columns: [f64; 2],
        /// First and last row.
        rows: [f64; 2],
        /// The box in degrees, for other grids.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outline: Vec<Point>,
    },
    /// Cells with their centre in a polygon.
    Lasso {
        /// Corners in columns and rows; counts on the grid that it was drawn on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        column_row: Vec<Point>,
        /// Corners in degrees. A polygon across the date line goes on beyond 180 (or -180).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lon_lat: Vec<Point>,
    },
    /// Single cells.
    Cells(Vec<Cell>),
    /// Cells of any of these.
    Union(Vec<Selection>),
    /// Cells of all of these.
    Intersection(Vec<Selection>),
    /// Cells of the first that are not of the second.
    Difference(Box<[Selection; 2]>),
    /// Cells that are not of this.
    Complement(Box<Selection>),
}

/// What a range is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// The value of the edited variable.
    Value,
    /// The longitude as the file has it, degrees.
    Lon,
    /// The latitude as the file has it, degrees.
    Lat,
    /// The number of the column, from 0.
    Column,
    /// The number of the row, from 0.
    Row,
}

/// One cell; with its place and size in degrees once it is written into a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub column: usize,
    /// Longitude of the centre, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// Latitude of the centre, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Extent in longitude, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// Extent in latitude, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<f64>,
}

impl Cell {
    /// The cell in a row and column.
    pub fn new(row: usize, column: usize) -> Self {
        Self { row, column, ..Self::default() }
    }

    pub(super) fn index(&self, map: &Map) -> Option<usize> {
        (self.row < map.rows() && self.column < map.columns()).then(|| self.row * map.columns() + self.column)
    }

    /// With its place and size.
    pub(super) fn located(self, map: &Map) -> Self {
        let Some(cell) = self.index(map) else { return self };
        let Some([lon, lat]) = map.lon_lat(cell) else { return self };
        let rounded = |degrees: f64| (degrees * 1e6).round() / 1e6;
        let [width, height] = map.extent(cell).unwrap_or_default().map(rounded);
        Self { lon: Some(lon), lat: Some(lat), width: Some(width), height: Some(height), ..self }
    }
}

/// Selected cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    columns: usize,
    cells: Vec<bool>,
}

impl Mask {
    fn none(map: &Map) -> Self {
        Self { columns: map.columns(), cells: vec![false; map.cells()] }
    }

    /// True for a selected cell.
    pub fn contains(&self, cell: usize) -> bool {
        self.cells.get(cell).copied().unwrap_or(false)
    }

    /// One flag a cell, row-major.
    pub fn as_slice(&self) -> &[bool] {
        &self.cells
    }

    /// Indices of the selected cells, rising.
    pub fn cells(&self) -> impl Iterator<Item = usize> + '_ {
        self.cells.iter().enumerate().filter(|(_, selected)| **selected).map(|(cell, _)| cell)
    }

    /// Number of selected cells.
    pub fn count(&self) -> usize {
        self.cells.iter().filter(|selected| **selected).count()
    }

    /// First row, first column, number of rows and of columns around the selected cells; `None` without any.
    pub fn bounds(&self) -> Option<[usize; 4]> {
        bounds(self.cells(), self.columns)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        for (cell, selected) in self.cells.iter_mut().enumerate() {
            *selected = *selected && keep(cell);
        }
    }

    fn combine(&mut self, other: &Self, with: impl Fn(bool, bool) -> bool) {
        for (one, &two) in self.cells.iter_mut().zip(&other.cells) {
            *one = with(*one, two);
        }
    }
}

/// First row, first column, number of rows and of columns around cells.
pub(super) fn bounds(cells: impl IntoIterator<Item = usize>, columns: usize) -> Option<[usize; 4]> {
    let mut limits: Option<[usize; 4]> = None;
    for cell in cells {
        let (row, column) = (cell / columns, cell % columns);
        let [top, left, bottom, right] = limits.unwrap_or([row, column, row, column]);
        limits = Some([top.min(row), left.min(column), bottom.max(row), right.max(column)]);
    }
    limits.map(|[top, left, bottom, right]| [top, left, bottom - top + 1, right - left + 1])
}

impl Selection {
    /// True for the selection of every cell.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The selected cells of a map with these values (rows x columns of the map).
    pub fn select(&self, map: &Map, values: ArrayView2<f64>) -> Mask {
        let mut mask = Mask::none(map);
        match self {
            Self::All => mask.cells.fill(true),
            Self::Range { of, from, to } => {
                let within = |x: f64| from.is_none_or(|from| from <= x) && to.is_none_or(|to| x <= to);
                select_by(&mut mask, map, values, *of, within);
            }
            Self::Box { lon, lat } => {
                let [south, north] = *lat;
                let in_lon = |x: f64| within_turn(x, *lon);
                let in_lat = |y: f64| south <= y && y <= north;
                match map.centres() {
                    Centres::Axes { lon_deg, lat_deg } => {
                        by_axes(&mut mask, |j| in_lon(lon_deg[j]), |i| in_lat(lat_deg[i]));
                    }
                    Centres::Curvilinear(_) => by_cell(&mut mask, map, |[x, y]| in_lat(y) && in_lon(x)),
                    Centres::Unknown => {}
                }
            }
            Self::IndexBox { columns, rows, .. } => {
                let turn = joined_columns(map);
                let [first, last] = *rows;
                by_axes(
                    &mut mask,
                    |j| {
                        turns(j as f64, turn)
                            .into_iter()
                            .flatten()
                            .any(|x| columns[0] <= x && x <= columns[1])
                    },
                    |i| first <= i as f64 && i as f64 <= last,
                );
            }
            Self::Lasso { column_row, lon_lat } => match column_row.is_empty() {
                false => {
                    let turn = joined_columns(map);
                    by_polygon(&mut mask, column_row, turn, |j| j as f64, |i| i as f64);
                }
                true => match map.centres() {
                    Centres::Axes { lon_deg, lat_deg } => {
                        by_polygon(&mut mask, lon_lat, Some(360.0), |j| lon_deg[j], |i| lat_deg[i]);
                    }
                    Centres::Curvilinear(_) => {
                        let limits = Limits::from_points(lon_lat);
                        by_cell(&mut mask, map, |[lon, lat]| {
                            turns(lon, Some(360.0))
                                .into_iter()
                                .flatten()
                                .any(|lon| limits.hold([lon, lat]) && inside(lon_lat, [lon, lat]))
                        });
                    }
                    Centres::Unknown => {}
                },
            },
            Self::Cells(cells) => {
                for cell in cells.iter().filter_map(|cell| cell.index(map)) {
                    mask.cells[cell] = true;
                }
            }
            Self::Union(parts) => {
                for part in parts {
                    mask.combine(&part.select(map, values), |one, two| one || two);
                }
            }
            Self::Intersection(parts) => {
                mask.cells.fill(true);
                for part in parts {
                    mask.combine(&part.select(map, values), |one, two| one && two);
                }
            }
            Self::Difference(parts) => {
                mask = parts[0].select(map, values);
                mask.combine(&parts[1].select(map, values), |one, two| one && !two);
            }
            Self::Complement(part) => {
                mask = part.select(map, values);
                mask.cells.iter_mut().for_each(|selected| *selected = !*selected);
            }
        }
        mask
    }
}

fn select_by(
    mask: &mut Mask,
    map: &Map,
    values: ArrayView2<f64>,
    of: Quantity,
    within: impl Fn(f64) -> bool,
) {
    match (of, map.centres()) {
        (Quantity::Value, _) => {
            for (selected, &value) in mask.cells.iter_mut().zip(values) {
                *selected = within(value);
            }
        }
        (Quantity::Column, _) => by_axes(mask, |j| within(j as f64), |_| true),
        (Quantity::Row, _) => by_axes(mask, |_| true, |i| within(i as f64)),
        (Quantity::Lon, Centres::Axes { lon_deg, .. }) => by_axes(mask, |j| within(lon_deg[j]), |_| true),
        (Quantity::Lat, Centres::Axes { lat_deg, .. }) => by_axes(mask, |_| true, |i| within(lat_deg[i])),
        (Quantity::Lon, _) => by_cell(mask, map, |[lon, _]| within(lon)),
        (Quantity::Lat, _) => by_cell(mask, map, |[_, lat]| within(lat)),
    }
}

fn by_axes(mask: &mut Mask, in_column: impl Fn(usize) -> bool, in_row: impl Fn(usize) -> bool) {
    let columns: Vec<bool> = (0..mask.columns).map(in_column).collect();
    for (i, row) in mask.cells.chunks_mut(mask.columns.max(1)).enumerate() {
        if in_row(i) {
            row.copy_from_slice(&columns);
        }
    }
}

fn by_cell(mask: &mut Mask, map: &Map, within: impl Fn(Point) -> bool) {
    for (cell, selected) in mask.cells.iter_mut().enumerate() {
        *selected = map.lon_lat(cell).is_some_and(&within);
    }
}

/// Selects the cells whose coordinates `(x(column), y(row))` lie in a polygon: row by row, between its crossings.
fn by_polygon(
    mask: &mut Mask,
    corners: &[Point],
    turn: Option<f64>,
    x: impl Fn(usize) -> f64,
    y: impl Fn(usize) -> f64,
) {
    let columns: Vec<[Option<f64>; 3]> = (0..mask.columns).map(|j| turns(x(j), turn)).collect();
    let limits = Limits::from_points(corners);
    for (i, row) in mask.cells.chunks_mut(mask.columns.max(1)).enumerate() {
        let y = y(i);
        if !(limits.low[1] <= y && y <= limits.high[1]) {
            continue;
        }
        let mut crossings: Vec<f64> = edges(corners).filter_map(|edge| crossing(edge, y)).collect();
        crossings.sort_by(f64::total_cmp);
        for (selected, xs) in row.iter_mut().zip(&columns) {
            *selected = xs.iter().flatten().any(|x| crossings.partition_point(|c| c <= x) % 2 == 1);
        }
    }
}

/// A coordinate, and the same place a turn before and after.
fn turns(x: f64, turn: Option<f64>) -> [Option<f64>; 3] {
    [Some(x), turn.map(|turn| x + turn), turn.map(|turn| x - turn)]
}

fn joined_columns(map: &Map) -> Option<f64> {
    (map.seams().date_line == crate::components::DateLine::Joined).then_some(map.columns() as f64)
}

/// True for longitudes eastwards of the first limit up to the second, at any turn.
fn within_turn(lon: f64, [west, east]: [f64; 2]) -> bool {
    let east = if east < west { east + 360.0 } else { east };
    // The longitude itself first: its comparison is exact.
    turns(lon, Some(360.0)).into_iter().flatten().any(|x| west <= x && x <= east)
}

fn edges(corners: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
}

/// Where an edge crosses the row at `y`; it owns its lower end and not its upper.
fn crossing((from, to): (Point, Point), y: f64) -> Option<f64> {
    ((from[1] <= y) != (to[1] <= y)).then(|| from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0]))
}

/// True inside a polygon (even-odd rule).
fn inside(corners: &[Point], [x, y]: Point) -> bool {
    edges(corners).filter_map(|edge| crossing(edge, y)).filter(|&c| c <= x).count() % 2 == 1
}

/// The box around points.
struct Limits {
    low: Point,
    high: Point,
}

impl Limits {
    fn from_points(points: &[Point]) -> Self {
        let mut limits = Self { low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2] };
        for point in points {
            for k in 0..2 {
                limits.low[k] = limits.low[k].min(point[k]);
                limits.high[k] = limits.high[k].max(point[k]);
            }
        }
        limits
    }

    fn hold(&self, point: Point) -> bool {
        (0..2).all(|k| self.low[k] <= point[k] && point[k] <= self.high[k])
    }
}
