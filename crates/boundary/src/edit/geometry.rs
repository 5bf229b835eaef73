//! Where the cells of an edited map lie, which of them meet or are the same, and what the numbers mean.

use dataset::axes::Axis;
use dataset::cf::Role;
use dataset::heights::Units;
use grid::sphere::{self, Vector};
use grid::{Fold, OceanGrid, Overlap, Points};
use serde::{Deserialize, Serialize};

use super::{Error, Point};
use crate::Elevation;
use crate::components::DateLine;

/// What the numbers of the edited variable mean: what is sea, and what may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Height above sea level, m: sea is at or below 0.
    Elevation,
    /// Depth, m: sea is above 0, land is 0. Edits never leave values below 0.
    Depth,
    /// A topography counted downwards, m: sea is at or above 0, as in one of heights, land below it.
    Downwards,
    /// Numbers of sub-basins: 0 land, which edits never touch, 1 Atlantic, 2 Pacific, 3 Indian ocean.
    Basins,
    /// Anything else.
    Plain,
}

impl Meaning {
    /// The sign convention; `None` where there is neither land nor sea.
    pub fn elevation(self) -> Option<Elevation> {
        match self {
            Self::Elevation => Some(Elevation::PositiveUp),
            Self::Depth | Self::Basins => Some(Elevation::PositiveDown),
            Self::Downwards => Some(Elevation::TopographyDown),
            Self::Plain => None,
        }
    }

    /// True for a cell of the sea; false everywhere on a plain map.
    pub fn is_sea(self, value: f64) -> bool {
        self.elevation().is_some_and(|elevation| elevation.is_sea(value))
    }

    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Elevation => "a topography",
            Self::Depth => "a bathymetry",
            Self::Downwards => "a topography that is counted downwards",
            Self::Basins => "sub-basins",
            Self::Plain => "a map without land and sea",
        }
    }
}

/// Positions of the centres of the cells, degrees.
#[derive(Debug, Clone, PartialEq)]
pub enum Centres {
    /// One longitude for each column, one latitude for each row.
    Axes {
        /// Longitudes, as in the file; those that jump by a turn there go on beyond it.
        lon_deg: Vec<f64>,
        /// Latitudes, as in the file.
        lat_deg: Vec<f64>,
    },
    /// A position for each cell.
    Curvilinear(Points),
    /// Not known: there are only rows and columns.
    Unknown,
}

/// Where cells meet beyond the edges of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seams {
    /// Whether the last column has the first as its neighbour.
    pub date_line: DateLine,
    /// Columns that are there twice.
    pub overlap: Overlap,
    /// Northern rows that are there twice.
    pub fold: Fold,
}

impl Seams {
    /// A map with four edges.
    pub const NONE: Self = Self { date_line: DateLine::Open, overlap: Overlap::None, fold: Fold::None };
}

/// Geometry and meaning of an edited map, rows x columns as in the file. A cell's index is `row * columns + column`.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    rows: usize,
    columns: usize,
    centres: Centres,
    seams: Seams,
    meaning: Meaning,
    /// What the numbers are in metres; `None` where that is not known.
    units: Option<Units>,
    /// Its longitudes have columns that are there twice.
    has_copied_columns: bool,
}

impl Map {
    /// A map on axes: longitudes of the columns and latitudes of the rows, in any order and convention. The date line is
    /// joined when the longitudes go around the globe, and columns that are there twice are known as such; a regional map has
    /// four edges.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn regular(lon_deg: Vec<f64>, lat_deg: Vec<f64>, meaning: Meaning) -> Result<Self, Error> {
        let axis = Axis::new(Role::Longitude, "lon", "lon", lon_deg.clone(), 0.0);
        let date_line = if axis.as_ref().is_ok_and(Axis::closes) { DateLine::Joined } else { DateLine::Open };
        let overlap = match axis.as_ref().map_or(0, Axis::repeated) {
            1 => Overlap::OneColumn,
            2 => Overlap::TwoColumns,
            _ => Overlap::None,
        };
        // Longitudes in no order leave the map with four edges.
        let lon_deg = axis.map_or(lon_deg, |axis| axis.degrees().to_vec());
        let (rows, columns) = (lat_deg.len(), lon_deg.len());
        let centres = Centres::Axes { lon_deg, lat_deg };
        let map = Self::new(rows, columns, centres, Seams { date_line, overlap, ..Seams::NONE }, meaning)?;
        Ok(Self { has_copied_columns: overlap != Overlap::None, ..map })
    }

    /// A map on a curvilinear grid. The overlap and the fold of ORCA grids are recognised by cells that stand in the same
    /// place; the date line is joined on grids whose first and last columns are neighbours or the same.
    ///
    /// # Errors
    /// [`Error::Shape`] when longitudes and latitudes are not of one shape, [`Error::TooLarge`].
    pub fn curvilinear(points: Points, meaning: Meaning) -> Result<Self, Error> {
        let (rows, columns) = points.lon_deg.dim();
        if points.lat_deg.dim() != (rows, columns) {
            let found = points.lat_deg.dim();
            return Err(Error::Shape { what: "the latitude", found, map: (rows, columns) });
        }
        // Positions that are missing in some cells leave the array with plain edges.
        let mut seams = Seams::NONE;
        let points = match OceanGrid::from_t_points(points.clone()) {
            Err(_) => points,
            Ok(grid) => {
                let topology = grid.topology();
                let joined = topology.overlap != Overlap::None || neighbours_across(&points);
                let date_line = if joined { DateLine::Joined } else { DateLine::Open };
                seams = Seams { date_line, overlap: topology.overlap, fold: topology.fold };
                points
            }
        };
        Self::new(rows, columns, Centres::Curvilinear(points), seams, meaning)
    }

    /// A map of which only rows and columns are known.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn unplaced(rows: usize, columns: usize, meaning: Meaning) -> Result<Self, Error> {
        Self::new(rows, columns, Centres::Unknown, Seams::NONE, meaning)
    }

    fn new(
        rows: usize,
        columns: usize,
        centres: Centres,
        seams: Seams,
        meaning: Meaning,
    ) -> Result<Self, Error> {
        match rows.checked_mul(columns) {
            Some(cells) if u32::try_from(cells).is_ok() => {
                let units = Some(Units::METRES);
                Ok(Self { rows, columns, centres, seams, meaning, units, has_copied_columns: false })
            }
            _ => Err(Error::TooLarge { rows, columns }),
        }
    }

    /// The same map with other seams than those recognised.
    #[must_use]
    pub fn with_seams(self, seams: Seams) -> Self {
        Self { seams, ..self }
    }

    /// The same map with another meaning.
    #[must_use]
    pub fn with_meaning(self, meaning: Meaning) -> Self {
        Self { meaning, ..self }
    }

    /// The same map with numbers in these units, where they are heights or depths; `None` where it is not known what they are.
    #[must_use]
    pub fn with_units(self, units: Option<Units>) -> Self {
        Self { units, ..self }
    }

    /// What the numbers of heights and depths are in metres; `None` where it is not known.
    pub fn units(&self) -> Option<Units> {
        self.units
    }

    /// The same map with its numbers as the fixes take them: in metres, upwards if it is a topography. `None` for a
    /// map that is so already, and for one without heights.
    pub(super) fn in_metres(&self) -> Option<Self> {
        let meaning = match self.meaning {
            Meaning::Downwards => Meaning::Elevation,
            Meaning::Elevation | Meaning::Depth if self.units != Some(Units::METRES) => self.meaning,
            _ => return None,
        };
        Some(self.clone().with_meaning(meaning).with_units(Some(Units::METRES)))
    }

    /// The height of a number, m, or its depth on a bathymetry; numbers of unknown units are taken as they are.
    pub(super) fn metres(&self, number: f64) -> f64 {
        let metres = self.units.map_or(number, |units| units.metres(number));
        if self.meaning == Meaning::Downwards { 0.0 - metres } else { metres }
    }

    /// The number for a height, or for a depth on a bathymetry, m.
    pub(super) fn number(&self, metres: f64) -> f64 {
        let metres = if self.meaning == Meaning::Downwards { 0.0 - metres } else { metres };
        self.units.map_or(metres, |units| units.of_metres(metres))
    }

    /// True for a map on axes with columns that are there twice: an edit of one is one of the other. (On curvilinear grids the
    /// modeller decides, by [`super::Operation::MatchTwins`].)
    pub(super) fn has_copied_columns(&self) -> bool {
        self.has_copied_columns
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.rows * self.columns
    }

    /// Positions of the centres.
    pub fn centres(&self) -> &Centres {
        &self.centres
    }

    /// Where cells meet beyond the edges.
    pub fn seams(&self) -> Seams {
        self.seams
    }

    /// What the numbers mean.
    pub fn meaning(&self) -> Meaning {
        self.meaning
    }

    /// Row and column of a cell.
    pub fn position(&self, cell: usize) -> (usize, usize) {
        (cell / self.columns, cell % self.columns)
    }

    /// Longitude and latitude of a cell's centre as the file has them, degrees; `None` where they are not known.
    pub fn lon_lat(&self, cell: usize) -> Option<Point> {
        let (row, column) = self.position(cell);
        match &self.centres {
            Centres::Axes { lon_deg, lat_deg } => Some([lon_deg[column], lat_deg[row]]),
            Centres::Curvilinear(points) => {
                Some([points.lon_deg[[row, column]], points.lat_deg[[row, column]]])
            }
            Centres::Unknown => None,
        }
        .filter(|point| point.iter().all(|degrees| degrees.is_finite()))
    }

    /// Longitude and latitude at a column and row between centres, degrees; half a cell beyond the edges at most on curvilinear
    /// grids, where the nearest centre stands for them.
    pub(super) fn at(&self, [column, row]: Point) -> Option<Point> {
        match &self.centres {
            Centres::Unknown => None,
            Centres::Axes { lon_deg, lat_deg } => {
                let repeated = match self.seams.overlap {
                    Overlap::None => 0,
                    Overlap::OneColumn => 1,
                    Overlap::TwoColumns => 2,
                };
                let distinct = self.columns.saturating_sub(repeated);
                let turn = (self.seams.date_line == DateLine::Joined).then_some(distinct as f64);
                let turns = turn.map_or(0.0, |turn| (column / turn).floor());
                let around = 360.0_f64.copysign(lon_deg.last()? - lon_deg.first()?);
                let lon = between(lon_deg, column - turns * turn.unwrap_or(0.0))? + turns * around;
                Some([lon, between(lat_deg, row)?.clamp(-90.0, 90.0)])
            }
            Centres::Curvilinear(points) => {
                let inside = |x: f64, count: usize| x.clamp(0.0, count as f64 - 1.0);
                let (x, y) = (inside(column, self.columns), inside(row, self.rows));
                let (i, j) = (y.floor() as usize, x.floor() as usize);
                let mut sum = Vector { x: 0.0, y: 0.0, z: 0.0 };
                for (row, weight) in [(i, 1.0 - y.fract()), (i + 1, y.fract())] {
                    for (column, share) in [(j, 1.0 - x.fract()), (j + 1, x.fract())] {
                        if weight * share > 0.0 {
                            let at = (points.lon_deg[[row, column]], points.lat_deg[[row, column]]);
                            sum = sum.plus(Vector::from_degrees(at).times(weight * share));
                        }
                    }
                }
                let (lon, lat) = sum.to_degrees();
                (lon.is_finite() && lat.is_finite()).then_some([lon, lat])
            }
        }
    }

    /// The four neighbours of a cell: north, south (by rows), west, east (by columns). The date line is joined where it is; of
    /// doubled columns the outer one has the neighbour of the inner.
    pub(super) fn beside(&self, cell: usize) -> [Option<usize>; 4] {
        let (row, column) = self.position(cell);
        let beyond = match (self.seams.date_line, self.seams.overlap) {
            (DateLine::Open, _) => None,
            (DateLine::Joined, Overlap::TwoColumns) if self.columns >= 4 => Some(self.columns - 3),
            (DateLine::Joined, Overlap::OneColumn) if self.columns >= 4 => Some(self.columns - 2),
            (DateLine::Joined, _) => Some(self.columns - 1),
        };
        [
            (row > 0).then(|| cell - self.columns),
            (row + 1 < self.rows).then(|| cell + self.columns),
            if column > 0 { Some(cell - 1) } else { beyond.map(|beyond| cell + beyond) },
            if column + 1 < self.columns { Some(cell + 1) } else { beyond.map(|beyond| cell - beyond) },
        ]
        .map(|other| other.filter(|&other| other != cell))
    }

    /// Cells that stand for the same place as `cell`.
    pub(super) fn twins(&self, cell: usize) -> impl Iterator<Item = usize> + use<> {
        let (row, column) = self.position(cell);
        let (rows, columns) = self.dim();
        let at = |row: usize, column: usize| row * columns + column;
        let across = match self.seams.overlap {
            Overlap::TwoColumns if columns >= 4 && column < 2 => Some(at(row, column + columns - 2)),
            Overlap::TwoColumns if columns >= 4 && column + 2 >= columns => {
                Some(at(row, column + 2 - columns))
            }
            Overlap::OneColumn if column == 0 => Some(at(row, columns - 1)),
            Overlap::OneColumn if column + 1 == columns => Some(at(row, 0)),
            _ => None,
        };
        let folded = match self.seams.fold {
            Fold::FPivot if rows >= 2 && row + 2 >= rows => {
                let other = if row + 1 == rows { row - 1 } else { row + 1 };
                Some(at(other, columns - 1 - column))
            }
            Fold::TPivot if rows >= 3 && row + 3 >= rows && column >= 1 => {
                Some(at(2 * (rows - 2) - row, columns - column))
            }
            Fold::Other(mirror) if mirror.rows >= row && mirror.rows - row < rows => {
                self.across(mirror, row, column)
            }
            _ => None,
        };
        across.into_iter().chain(folded).filter(move |&other| other != cell)
    }

    /// The cell in the same place as one, or across the fold from it, by the sums of rows and columns.
    fn across(&self, mirror: grid::Mirror, row: usize, column: usize) -> Option<usize> {
        let topology = grid::Topology {
            overlap: self.seams.overlap,
            fold: Fold::None,
            periodic: self.seams.date_line == DateLine::Joined,
        };
        let (row, column) = (mirror.rows as isize - row as isize, mirror.columns as isize - column as isize);
        topology.cell(self.dim(), row, column).map(|(row, column)| row * self.columns + column)
    }

    /// The neighbour of a cell of the last row across a fold right behind it, where no row is repeated.
    fn behind(&self, cell: usize) -> Option<usize> {
        let (row, column) = self.position(cell);
        match self.seams.fold {
            Fold::Other(mirror) if row + 1 == self.rows && mirror.rows + 1 == 2 * self.rows => {
                let mirror = grid::Mirror { rows: mirror.rows - 1, ..mirror };
                self.across(mirror, row, column).filter(|&other| other != cell)
            }
            _ => None,
        }
    }

    /// All cells that touch a cell along an edge: those beside it and those beside the cells in the same place, and these
    /// themselves.
    pub(super) fn touching(&self, cell: usize) -> impl Iterator<Item = usize> {
        self.beside(cell).into_iter().flatten().chain(self.twins(cell)).chain(self.behind(cell))
    }

    /// Pairs of cells that are connected though they are no neighbours in the array.
    pub(super) fn joined_pairs(&self) -> Vec<(usize, usize)> {
        let (rows, columns) = self.dim();
        let mut pairs = Vec::new();
        if self.seams.date_line == DateLine::Joined && columns > 1 {
            pairs.extend((0..rows).map(|row| (row * columns, (row + 1) * columns - 1)));
        }
        if self.seams.overlap != Overlap::None || self.seams.fold != Fold::None {
            let northern = rows.saturating_sub(3) * columns..rows * columns;
            let western = (0..rows).flat_map(|row| [row * columns, row * columns + 1.min(columns - 1)]);
            for cell in western.chain(northern) {
                pairs.extend(self.twins(cell).chain(self.behind(cell)).map(|other| (cell, other)));
            }
        }
        pairs
    }

    /// The cell whose centre is nearest to a point, the first among equals; `None` where positions are not known. `near` is
    /// a cell to look from, for a point that is close to it.
    pub(super) fn nearest(&self, point: Point, near: Option<usize>) -> Option<usize> {
        match &self.centres {
            Centres::Unknown => None,
            Centres::Axes { lon_deg, lat_deg } => {
                let column = nearest_by(lon_deg, |lon| turn_apart(lon, point[0]))?;
                let row = nearest_by(lat_deg, |lat| (lat - point[1]).abs())?;
                Some(row * self.columns + column)
            }
            Centres::Curvilinear(points) => {
                let here = Vector::from_degrees((point[0], point[1]));
                let apart = |cell: usize| {
                    let (row, column) = self.position(cell);
                    let at = (points.lon_deg[[row, column]], points.lat_deg[[row, column]]);
                    let distance = Vector::from_degrees(at).minus(here).length();
                    if distance.is_nan() { f64::INFINITY } else { distance }
                };
                let mut best = match near {
                    Some(cell) => cell,
                    None => (0..self.cells()).min_by(|&a, &b| apart(a).total_cmp(&apart(b)))?,
                };
                // Downhill from neighbour to neighbour.
                loop {
                    let next = self
                        .touching(best)
                        .flat_map(|cell| self.beside(cell).into_iter().flatten().chain([cell]))
                        .min_by(|&a, &b| apart(a).total_cmp(&apart(b)).then(a.cmp(&b)))?;
                    if apart(next) >= apart(best) {
                        return apart(best).is_finite().then_some(best);
                    }
                    best = next;
                }
            }
        }
    }

    /// The extent of a cell in longitude and latitude, degrees: what a position has to lie in to be in it.
    pub(super) fn extent(&self, cell: usize) -> Option<[f64; 2]> {
        let here = self.lon_lat(cell)?;
        let [north, south, west, east] = self.beside(cell).map(|other| other.and_then(|o| self.lon_lat(o)));
        let spans = |axis: usize| {
            let pairs = [[north, south], [west, east]];
            let apart = |one: Point, other: Point| match axis {
                0 => turn_apart(one[0], other[0]),
                _ => (one[1] - other[1]).abs(),
            };
            pairs
                .iter()
                .filter_map(|pair| match pair {
                    [Some(one), Some(other)] => Some(apart(*one, here).midpoint(apart(*other, here))),
                    [Some(one), None] | [None, Some(one)] => Some(apart(*one, here)),
                    [None, None] => None,
                })
                .fold(0.0, f64::max)
        };
        Some([spans(0), spans(1)])
    }

    /// A number that differs between grids: positions and shape of all cells.
    pub(super) fn fingerprint(&self) -> u64 {
        // FNV-1a, which never changes.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |word: u64| {
            for byte in word.to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        take(self.rows as u64);
        take(self.columns as u64);
        let mut degrees = |values: &mut dyn Iterator<Item = &f64>| values.for_each(|d| take(d.to_bits()));
        match &self.centres {
            Centres::Axes { lon_deg, lat_deg } => degrees(&mut lon_deg.iter().chain(lat_deg)),
            Centres::Curvilinear(points) => degrees(&mut points.lon_deg.iter().chain(&points.lat_deg)),
            Centres::Unknown => {}
        }
        hash
    }
}

/// The shorter way between two longitudes, degrees.
pub(super) fn turn_apart(one: f64, other: f64) -> f64 {
    let apart = (one - other).abs() % 360.0;
    apart.min(360.0 - apart)
}

fn nearest_by(axis: &[f64], apart: impl Fn(f64) -> f64) -> Option<usize> {
    let finite = axis.iter().enumerate().filter(|(_, degrees)| degrees.is_finite());
    finite.map(|(k, &degrees)| (k, apart(degrees))).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(k, _)| k)
}

/// The value of an axis at a position between its centres, or beyond the ends.
fn between(axis: &[f64], position: f64) -> Option<f64> {
    if let [only] = axis {
        return Some(*only);
    }
    let first = (position.floor().max(0.0) as usize).min(axis.len().checked_sub(2)?);
    Some(axis[first] + (position - first as f64) * (axis[first + 1] - axis[first]))
}

/// True when the first and the last column are as near to each other as columns are.
fn neighbours_across(points: &Points) -> bool {
    let (rows, columns) = points.lon_deg.dim();
    let at = |row: usize, column: usize| (points.lon_deg[[row, column]], points.lat_deg[[row, column]]);
    columns > 2
        && [rows / 4, rows / 2, 3 * rows / 4].into_iter().all(|row| {
            let step = sphere::distance_m(at(row, 0), at(row, 1));
            sphere::distance_m(at(row, 0), at(row, columns - 1)) < 1.5 * step
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(first: f64, step: f64, count: usize) -> Vec<f64> {
        (0..count).map(|k| first + step * k as f64).collect()
    }

    fn seams(date_line: DateLine, overlap: Overlap, fold: Fold) -> Seams {
        Seams { date_line, overlap, fold }
    }

    #[test]
    fn longitudes_that_go_around_join_the_date_line() {
        for (lon, joined) in [
            (axis(-179.5, 1.0, 360), true),
            (axis(0.0, 1.0, 360), true),
            (axis(179.5, -1.0, 360), true),
            (axis(-180.0, 1.0, 361), true),
            (axis(-179.5, 1.0, 358), false),
            (axis(0.0, 1.0, 2), false),
            (vec![5.0], false),
            ([axis(0.5, 1.0, 180), axis(-179.5, 1.0, 180)].concat(), true),
            ([axis(150.5, 1.0, 30), axis(-179.5, 1.0, 30)].concat(), false),
        ] {
            let map = Map::regular(lon, axis(-89.5, 1.0, 180), Meaning::Elevation).unwrap();
            assert_eq!(map.seams().date_line == DateLine::Joined, joined);
        }
    }

    #[test]
    fn the_seams_of_orca_grids_are_recognised() {
        for (columns, rows) in [(182, 149), (92, 76)] {
            let grid = grid::orca::t_points(&grid::orca::Parameters::for_size(columns, rows)).unwrap();
            let expected = OceanGrid::from_t_points(grid.clone()).unwrap().topology();
            let map = Map::curvilinear(grid, Meaning::Depth).unwrap();
            assert_eq!(map.seams(), seams(DateLine::Joined, expected.overlap, expected.fold));
            assert_ne!(map.seams().fold, Fold::None);
        }
    }

    #[test]
    fn twins_stand_in_the_same_place_and_are_mutual() {
        let points = grid::orca::t_points(&grid::orca::Parameters::for_size(92, 76)).unwrap();
        let map = Map::curvilinear(points, Meaning::Depth).unwrap();
        let mut found = 0;
        for cell in 0..map.cells() {
            for twin in map.twins(cell) {
                let (a, b) = (map.lon_lat(cell).unwrap(), map.lon_lat(twin).unwrap());
                assert!(
                    sphere::distance_m((a[0], a[1]), (b[0], b[1])) < 1000.0,
                    "{cell} {twin}: {a:?} {b:?}"
                );
                assert!(map.twins(twin).any(|back| back == cell));
                found += 1;
            }
        }
        assert!(found > 2 * 76);
    }

    #[test]
    fn the_pivot_row_of_a_t_fold_is_its_own_mirror() {
        let map = Map::unplaced(5, 6, Meaning::Depth).unwrap().with_seams(seams(
            DateLine::Open,
            Overlap::None,
            Fold::TPivot,
        ));
        let twins = |row: usize, column: usize| {
            map.twins(row * 6 + column).map(|twin| map.position(twin)).collect::<Vec<_>>()
        };
        assert_eq!(twins(4, 1), [(2, 5)]);
        assert_eq!(twins(2, 5), [(4, 1)]);
        assert_eq!(twins(3, 1), [(3, 5)]);
        assert_eq!(twins(3, 3), []);
        assert_eq!(twins(1, 1), []);
    }

    #[test]
    fn the_nearest_cell_is_found_across_the_date_line() {
        let map = Map::regular(axis(-175.0, 10.0, 36), axis(85.0, -10.0, 18), Meaning::Plain).unwrap();
        assert_eq!(map.nearest([184.0, 84.0], None), Some(0));
        assert_eq!(map.nearest([-184.0, -84.0], None), Some(17 * 36 + 35));
        assert_eq!(map.extent(0), Some([10.0, 10.0]));
        assert_eq!(map.extent(40), Some([10.0, 10.0]));
    }

    #[test]
    fn walking_to_the_nearest_cell_finds_what_looking_everywhere_finds() {
        let points = grid::orca::t_points(&grid::orca::Parameters::for_size(92, 76)).unwrap();
        let map = Map::curvilinear(points, Meaning::Depth).unwrap();
        let mut from = map.nearest([-60.0, 10.0], None);
        for step in 0..200 {
            let point = [-60.0 + 1.5 * f64::from(step), 10.0 + 0.3 * f64::from(step)];
            from = map.nearest(point, from);
            let everywhere = map.nearest(point, None);
            let apart = |cell: Option<usize>| {
                let at = map.lon_lat(cell.unwrap()).unwrap();
                sphere::distance_m((at[0], at[1]), (point[0], point[1]))
            };
            assert!(apart(from) <= apart(everywhere) + 1.0, "{point:?}");
        }
    }
}
