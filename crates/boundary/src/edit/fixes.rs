//! The guided fixes: each takes the values (row-major) and the selected cells and gives the cells to set, rising.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use ndarray::aview1;

use super::Error;
use super::action::{CopiedCell, Fill, Line};
use super::geometry::{Centres, Map, Meaning};
use super::maps::Maps;
use super::selection::{Mask, Point};

/// Height of new land where there is none to take it from, m.
const PLAIN_LAND_M: f64 = 1.0;
/// Depth of new sea where there is none to take it from, m: what the bathymetry gives to water of no depth.
const PLAIN_SEA_M: f64 = 10.0;

type Cells = Vec<(u32, f64)>;

fn rising(mut cells: Cells) -> Cells {
    cells.sort_by_key(|&(cell, _)| cell);
    cells.dedup_by_key(|&mut (cell, _)| cell);
    cells
}

/// Fills the closed seas that have a selected cell.
pub(super) fn fill_seas(map: &Map, values: &[f64], mask: &Mask, to: Fill) -> Cells {
    let Ok(view) = aview1(values).into_shape_with_order(map.dim()) else { return Vec::new() };
    let maps = Maps::new(map, view);
    let labels = maps.sea_numbers();
    let mut chosen = vec![false; labels.iter().max().map_or(0, |&most| most as usize + 1)];
    mask.cells().for_each(|cell| chosen[labels[cell] as usize] = true);
    let mut seas: BTreeMap<u32, Vec<usize>> = maps
        .seas()
        .iter()
        .filter(|sea| !sea.main && chosen[sea.number as usize])
        .map(|s| (s.number, Vec::new()))
        .collect();
    for (cell, label) in labels.iter().enumerate().filter(|(_, label)| chosen[**label as usize]) {
        seas.entry(*label).and_modify(|cells| cells.push(cell));
    }
    let mut filled = Vec::new();
    let mut seen = Seen::new(values.len());
    for cells in seas.values() {
        match (to, map.meaning()) {
            (Fill::Sill, _) => {
                // Doubled cells that differ can be seas of different numbers side by side.
                if let Some(sill) = sill(map, values, labels, cells, &mut seen).filter(|&sill| sill > 0.0) {
                    let basin = basin_below(map, values, cells, sill, &mut seen);
                    filled.extend(basin.into_iter().map(|cell| (cell as u32, sill)));
                }
            }
            (Fill::Land { .. }, Meaning::Depth) => filled.extend(cells.iter().map(|&c| (c as u32, 0.0))),
            (Fill::Land { height_m }, _) => {
                let shore = cells.iter().flat_map(|&cell| map.touching(cell)).map(|cell| values[cell]);
                let lowest = shore.filter(|&height| height > 0.0).fold(f64::INFINITY, f64::min);
                let lowest = if lowest.is_finite() { lowest } else { PLAIN_LAND_M };
                let height = height_m.unwrap_or(lowest);
                filled.extend(cells.iter().map(|&c| (c as u32, height)));
            }
        }
    }
    // Two seas behind one sill fill the same land: to the higher sill.
    filled.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    filled.dedup_by_key(|&mut (cell, _)| cell);
    filled
}

/// The lowest height that water has to rise to, to run from these cells into another sea (Barnes et al. 2014,
/// doi:10.1016/j.cageo.2013.04.024, from the sea outwards); `None` when there is no way.
fn sill(map: &Map, values: &[f64], labels: &[u32], sea: &[usize], seen: &mut Seen) -> Option<f64> {
    let own = labels[*sea.first()?];
    seen.forget();
    let mut open = BinaryHeap::new();
    for &cell in sea {
        seen.first_time(cell);
        open.push(Reverse((Height(f64::NEG_INFINITY), cell)));
    }
    while let Some(Reverse((Height(level), cell))) = open.pop() {
        if labels[cell] != 0 && labels[cell] != own {
            return Some(level);
        }
        for next in map.touching(cell) {
            if seen.first_time(next) && !values[next].is_nan() {
                open.push(Reverse((Height(level.max(values[next])), next)));
            }
        }
    }
    None
}

/// The cells that are under water when it stands at `sill` over these.
fn basin_below(map: &Map, values: &[f64], sea: &[usize], sill: f64, seen: &mut Seen) -> Vec<usize> {
    seen.forget();
    sea.iter().for_each(|&cell| _ = seen.first_time(cell));
    let mut open = sea.to_vec();
    let mut basin = Vec::new();
    while let Some(cell) = open.pop() {
        basin.push(cell);
        for next in map.touching(cell) {
            if values[next] < sill && seen.first_time(next) {
                open.push(next);
            }
        }
    }
    basin
}

/// The cells that a search has met; made once for many searches.
struct Seen {
    search: u32,
    met_in: Vec<u32>,
}

impl Seen {
    fn new(cells: usize) -> Self {
        Self { search: 0, met_in: vec![0; cells] }
    }

    /// Begins another search.
    fn forget(&mut self) {
        self.search += 1;
    }

    fn first_time(&mut self, cell: usize) -> bool {
        std::mem::replace(&mut self.met_in[cell], self.search) != self.search
    }
}

/// A height in a heap; there are no missing ones.
#[derive(PartialEq)]
struct Height(f64);

impl Eq for Height {}

impl Ord for Height {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Height {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The most points that stand for a line on a map: six times around a global map of a minute of arc.
const MAX_SAMPLES: f64 = (1 << 19) as f64;

/// Makes sea along a line.
///
/// # Errors
/// [`Error::LongLine`], whatever the values are.
pub(super) fn open_channel(
    map: &Map,
    values: &[f64],
    mask: &Mask,
    line: &Line,
    width: u32,
    depth_m: f64,
) -> Result<Cells, Error> {
    let below = (width as usize - 1) / 2;
    let mut channel = vec![false; map.cells()];
    // A line that runs over itself is stamped once.
    let mut stamped = vec![false; map.cells()];
    follow(map, line, |cell| {
        if std::mem::replace(&mut stamped[cell], true) {
            return;
        }
        let (row, column) = map.position(cell);
        for i in 0..width as usize {
            for j in 0..width as usize {
                let row = (row + i).checked_sub(below).filter(|&row| row < map.rows());
                let column = wrapped(map, (column + j) as i64 - below as i64);
                if let (Some(row), Some(column)) = (row, column) {
                    channel[row * map.columns() + column] = true;
                }
            }
        }
    })?;
    let depth = map.meaning() == Meaning::Depth;
    let new = if depth { depth_m } else { -depth_m };
    let deep = |value: f64| if depth { value >= new } else { value <= new };
    let cells =
        (0..channel.len()).filter(|&cell| channel[cell] && mask.contains(cell) && !deep(values[cell]));
    Ok(cells.map(|cell| (cell as u32, new)).collect())
}

/// The column that a number stands for, across the date line where it is joined.
fn wrapped(map: &Map, column: i64) -> Option<usize> {
    let columns = map.columns() as i64;
    let joined = map.seams().date_line == crate::components::DateLine::Joined;
    let column = if joined { column.rem_euclid(columns) } else { column };
    (0..columns).contains(&column).then_some(column as usize)
}

/// Visits the cells along a line, each touching the one before along an edge.
fn follow(map: &Map, line: &Line, mut visit: impl FnMut(usize)) -> Result<(), Error> {
    let mut last = None;
    let mut go_to = |next: usize| match last.replace(next) {
        None => visit(next),
        Some(last) => steps(map, last, next).for_each(&mut visit),
    };
    if line.column_row.is_empty() {
        let spacing = sampling(map);
        check_length(&line.lon_lat, spacing)?;
        let mut near = None;
        for point in densified(&line.lon_lat, spacing) {
            near = map.nearest(point, near);
            near.into_iter().for_each(&mut go_to);
        }
    } else {
        let cell_at = |[column, row]: Point| {
            let row = row.round().clamp(0.0, map.rows() as f64 - 1.0) as usize;
            let column = wrapped(map, column.round() as i64).unwrap_or(if column < 0.0 {
                0
            } else {
                map.columns() - 1
            });
            row * map.columns() + column
        };
        let spacing = 0.25;
        check_length(&line.column_row, spacing)?;
        densified(&line.column_row, spacing).map(cell_at).for_each(&mut go_to);
    }
    Ok(())
}

/// Refuses a line that would be followed for hours: it is no line on this map.
fn check_length(points: &[Point], spacing: f64) -> Result<(), Error> {
    if samples(points, spacing) > MAX_SAMPLES { Err(Error::LongLine) } else { Ok(()) }
}

/// How many points stand for a line.
fn samples(points: &[Point], spacing: f64) -> f64 {
    points.windows(2).map(|ends| parts(ends[0], ends[1], spacing)).sum()
}

/// The spacing in degrees of points along a line that misses no cell that matters.
fn sampling(map: &Map) -> f64 {
    let spacing = match map.centres() {
        Centres::Axes { lon_deg, lat_deg } => {
            let step = |axis: &[f64]| {
                axis.windows(2)
                    .map(|pair| (pair[1] - pair[0]).abs())
                    .filter(|&s| s > 0.0)
                    .fold(90.0, f64::min)
            };
            step(lon_deg).min(step(lat_deg)) / 4.0
        }
        _ => 90.0 / (map.rows().max(map.columns()) as f64),
    };
    spacing.max(0.01)
}

/// Into how many parts a stretch of a line falls.
fn parts(from: Point, to: Point, spacing: f64) -> f64 {
    let apart = (to[0] - from[0]).abs().max((to[1] - from[1]).abs());
    (apart / spacing).ceil().max(1.0)
}

/// The points of a line and further ones between them, at most `spacing` apart in each coordinate; further apart on lines
/// that are too long for any map.
pub(super) fn densified(points: &[Point], spacing: f64) -> impl Iterator<Item = Point> + '_ {
    let spacing = spacing * (samples(points, spacing) / MAX_SAMPLES).max(1.0);
    let between = points.windows(2).flat_map(move |ends| {
        let [from, to] = [ends[0], ends[1]];
        let parts = parts(from, to, spacing) as usize;
        (1..=parts).map(move |k| {
            let t = k as f64 / parts as f64;
            [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]
        })
    });
    points.first().copied().into_iter().chain(between)
}

/// From one cell to another by edges, the shorter way around; without the first.
fn steps(map: &Map, from: usize, to: usize) -> impl Iterator<Item = usize> {
    let (mut row, mut column) = map.position(from);
    let (last_row, last_column) = map.position(to);
    let columns = map.columns() as i64;
    let mut across = last_column as i64 - column as i64;
    if map.seams().date_line == crate::components::DateLine::Joined && 2 * across.abs() > columns {
        across -= across.signum() * columns;
    }
    let along = last_row as i64 - row as i64;
    let (mut done_across, mut done_along) = (0_i64, 0_i64);
    std::iter::from_fn(move || {
        if done_across == across.abs() && done_along == along.abs() {
            return None;
        }
        // The direction that lags behind goes first.
        if (2 * done_across + 1) * along.abs() <= (2 * done_along + 1) * across.abs()
            && done_across < across.abs()
            || done_along == along.abs()
        {
            done_across += 1;
            column = (column as i64 + across.signum()).rem_euclid(columns) as usize;
        } else {
            done_along += 1;
            row = (row as i64 + along.signum()) as usize;
        }
        Some(row * map.columns() + column)
    })
}

/// A passage one cell wide: sea on both sides along it, land on both banks.
pub(super) struct Strait {
    pub(super) cell: usize,
    /// The land on either side, in the order of rows or columns.
    pub(super) banks: [usize; 2],
}

/// All passages one cell wide, each by its own pattern alone (the marks on the map also see each other), by cell; the date
/// line is joined where it is, and of doubled columns only the inner ones are looked at.
pub(super) fn straits(map: &Map, sea: &[bool]) -> Vec<Strait> {
    let mut straits = Vec::new();
    let outer = |cell: usize| outermost(map, cell % map.columns());
    for cell in (0..sea.len()).filter(|&cell| sea[cell] && !outer(cell)) {
        let [north, south, west, east] = map.beside(cell);
        let (Some(north), Some(south), Some(west), Some(east)) = (north, south, west, east) else { continue };
        match [sea[north], sea[south], sea[west], sea[east]] {
            [true, true, false, false] => straits.push(Strait { cell, banks: [west, east] }),
            [false, false, true, true] => straits.push(Strait { cell, banks: [north, south] }),
            _ => {}
        }
    }
    straits
}

fn sea_of(map: &Map, values: &[f64]) -> Vec<bool> {
    values.iter().map(|&value| map.meaning().is_sea(value)).collect()
}

/// Makes land of the selected passages.
pub(super) fn close_passages(map: &Map, values: &[f64], mask: &Mask, height_m: Option<f64>) -> Cells {
    let height = |strait: &Strait| match map.meaning() {
        Meaning::Depth => 0.0,
        _ => height_m.unwrap_or_else(|| land_or_plain(strait.banks.map(|bank| values[bank]))),
    };
    straits(map, &sea_of(map, values))
        .iter()
        .filter(|strait| mask.contains(strait.cell))
        .map(|strait| (strait.cell as u32, height(strait)))
        .collect()
}

/// The lower of two banks; banks without a height give a plain one.
fn land_or_plain(banks: [f64; 2]) -> f64 {
    let lower = banks[0].min(banks[1]);
    if lower.is_nan() { PLAIN_LAND_M } else { lower }
}

/// Makes sea of one bank of the selected passages: over a whole strait the same one, the one that does not open to a third
/// sea, else the lower, else the northern or western.
pub(super) fn widen_passages(map: &Map, values: &[f64], mask: &Mask) -> Cells {
    let sea = sea_of(map, values);
    let straits: Vec<Strait> =
        straits(map, &sea).into_iter().filter(|strait| mask.contains(strait.cell)).collect();
    let at = |cell: usize| straits.binary_search_by_key(&cell, |strait| strait.cell).ok();
    let along = |strait: &Strait| {
        let across = strait.banks.map(Some);
        map.beside(strait.cell).into_iter().filter(move |next| !across.contains(next)).flatten()
    };
    let mut seen = vec![false; straits.len()];
    let mut widened = Vec::new();
    for first in 0..straits.len() {
        if std::mem::replace(&mut seen[first], true) {
            continue;
        }
        let (mut group, mut open) = (Vec::new(), vec![first]);
        while let Some(number) = open.pop() {
            group.push(number);
            for next in along(&straits[number]).filter_map(at) {
                // Of a bend only what runs the same way.
                let same = straits[next].banks[0] + straits[number].cell
                    == straits[number].banks[0] + straits[next].cell;
                if same && !std::mem::replace(&mut seen[next], true) {
                    open.push(next);
                }
            }
        }
        let cost = |side: usize| {
            let banks = || group.iter().map(|&number| &straits[number]).map(|s| (s.cell, s.banks[side]));
            let opens = banks()
                .filter(|&(cell, bank)| beyond(map, cell, bank).is_some_and(|beyond| sea[beyond]))
                .count();
            let height: f64 = banks().map(|(_, bank)| values[bank]).filter(|h| !h.is_nan()).sum();
            (opens, height)
        };
        let (one, other) = (cost(0), cost(1));
        let side = usize::from(other.0.cmp(&one.0).then(other.1.total_cmp(&one.1)).is_lt());
        widened.extend(
            group.iter().map(|&number| (straits[number].banks[side] as u32, values[straits[number].cell])),
        );
    }
    rising(widened)
}

/// The cell on the other side of a neighbour.
fn beyond(map: &Map, cell: usize, neighbour: usize) -> Option<usize> {
    let direction = map.beside(cell).iter().position(|&next| next == Some(neighbour))?;
    map.beside(neighbour)[direction]
}

/// Corrects the selected cells that break the pole rules.
pub(super) fn pole_rules(map: &Map, values: &[f64], mask: &Mask) -> Cells {
    let Ok(view) = aview1(values).into_shape_with_order(map.dim()) else { return Vec::new() };
    let maps = Maps::new(map, view);
    let broken = || maps.broken_pole_rules().iter().map(|&cell| cell as usize).filter(|&c| mask.contains(c));
    let sea = maps.sea();
    let to_land: Vec<usize> = broken().filter(|&cell| sea[cell]).collect();
    let to_sea: Vec<usize> = broken().filter(|&cell| !sea[cell]).collect();
    let depth = map.meaning() == Meaning::Depth;
    let (plain_land, plain_sea) = if depth { (0.0, PLAIN_SEA_M) } else { (PLAIN_LAND_M, -PLAIN_SEA_M) };
    let mut cells =
        nearest_values(map, values, &to_land, |cell| !sea[cell] && !values[cell].is_nan(), plain_land);
    cells.extend(nearest_values(map, values, &to_sea, |cell| sea[cell], plain_sea));
    rising(cells)
}

/// For each of these cells the value of the nearest cell that `gives`, by edges through the others of these; else `plain`.
fn nearest_values(
    map: &Map,
    values: &[f64],
    wanting: &[usize],
    gives: impl Fn(usize) -> bool,
    plain: f64,
) -> Cells {
    let at = |cell: usize| wanting.binary_search(&cell).ok();
    let giver = |&cell: &usize| map.touching(cell).find(|&next| gives(next)).map(|next| values[next]);
    let mut value: Vec<Option<f64>> = wanting.iter().map(giver).collect();
    let mut open: VecDeque<usize> = (0..wanting.len()).filter(|&k| value[k].is_some()).collect();
    while let Some(known) = open.pop_front() {
        for next in map.touching(wanting[known]).filter_map(at) {
            if value[next].is_none() {
                value[next] = value[known];
                open.push_back(next);
            }
        }
    }
    wanting.iter().zip(value).map(|(&cell, value)| (cell as u32, value.unwrap_or(plain))).collect()
}

/// Smooths the selected cells.
pub(super) fn smooth(map: &Map, values: &[f64], mask: &Mask, passes: u32, keep_coast: bool) -> Cells {
    let selected: Vec<usize> = mask.cells().filter(|&cell| !values[cell].is_nan()).collect();
    let mut smoothed: Vec<f64> = values.to_vec();
    let kind = |cell: usize| !keep_coast || map.meaning().is_sea(values[cell]);
    for _ in 0..passes {
        let means: Vec<f64> = selected
            .iter()
            .map(|&cell| {
                let (mut sum, mut weights) = (4.0 * smoothed[cell], 4.0);
                let [north, south, west, east] = map.beside(cell);
                let mut add = |next: Option<usize>, weight: f64| {
                    let next = next.filter(|&next| !smoothed[next].is_nan() && kind(next) == kind(cell));
                    if let Some(next) = next {
                        sum += weight * smoothed[next];
                        weights += weight;
                    }
                };
                for next in [north, south, west, east] {
                    add(next, 2.0);
                }
                for row in [north, south].into_iter().flatten() {
                    let [_, _, west, east] = map.beside(row);
                    add(west, 1.0);
                    add(east, 1.0);
                }
                sum / weights
            })
            .collect();
        for (&cell, mean) in selected.iter().zip(means) {
            smoothed[cell] = mean;
        }
    }
    selected.into_iter().map(|cell| (cell as u32, smoothed[cell])).collect()
}

/// The selected ones of copied cells.
pub(super) fn copied(map: &Map, mask: &Mask, cells: &[CopiedCell]) -> Cells {
    rising(
        cells
            .iter()
            .filter_map(|copied| Some((copied.cell.index(map)?, copied.value.unwrap_or(f64::NAN))))
            .filter(|&(cell, _)| mask.contains(cell))
            .map(|(cell, value)| (cell as u32, value))
            .collect(),
    )
}

/// Gives the outer of two cells in the same place the value of the inner one.
pub(super) fn match_twins(map: &Map, values: &[f64], mask: &Mask) -> Cells {
    let seams = map.seams();
    if seams.overlap == grid::Overlap::None && seams.fold == grid::Fold::None {
        return Vec::new();
    }
    mask.cells().map(|cell| (cell as u32, values[inner(map, cell)])).collect()
}

/// The cell that the model keeps of those in the same place as `cell`: not in an outermost column, then of the southernmost
/// row, then in the western half of a pivot row.
pub(super) fn inner(map: &Map, cell: usize) -> usize {
    if map.twins(cell).next().is_none() {
        return cell;
    }
    let mut group = vec![cell];
    let mut known = 0;
    while known < group.len() {
        let twins: Vec<usize> = map.twins(group[known]).filter(|twin| !group.contains(twin)).collect();
        group.extend(twins);
        known += 1;
    }
    group.into_iter().min_by_key(|&cell| (outermost(map, cell % map.columns()), cell)).unwrap_or(cell)
}

/// True for the columns that ocean grids repeat for the sake of their neighbours.
fn outermost(map: &Map, column: usize) -> bool {
    map.seams().overlap == grid::Overlap::TwoColumns && (column == 0 || column + 1 == map.columns())
}
