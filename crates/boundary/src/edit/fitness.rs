//! Is the map fit for the model? What would make it fail, each with the cells to go to.

use dataset::heights::DEEPEST_OF_EARTH_M as DEEPEST_M;
use ndarray::ArrayView2;

use super::Error;
use super::fixes::{inner, straits};
use super::geometry::{Map, Meaning};
use super::maps::Maps;
use super::selection::Cell;
use crate::Finding;

/// Heights beyond this are none on Earth, m.
const HIGHEST_M: f64 = 10_000.0;

/// Something that is wrong with the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What it is.
    pub finding: Finding,
    /// The cells to go to, in the order in which to look at them: one for each closed sea (largest first), every cell of anything
    /// else.
    pub cells: Vec<u32>,
}

impl Problem {
    /// The cells with rows and columns.
    pub fn places<'a>(&'a self, map: &'a Map) -> impl Iterator<Item = Cell> + 'a {
        self.cells.iter().map(|&cell| {
            let (row, column) = map.position(cell as usize);
            Cell::new(row, column)
        })
    }
}

/// The other map that has to have the same coast.
#[derive(Debug, Clone, Copy)]
pub enum Beside<'a> {
    /// Nothing.
    Nothing,
    /// Sub-basins (0 to 3), beside an edited bathymetry.
    Basins(ArrayView2<'a, f64>),
    /// Depths, m, beside edited sub-basins.
    Depths(ArrayView2<'a, f64>),
}

/// Looks the map over; `maps` are its derived maps. What makes the model fail comes first.
///
/// # Errors
/// [`Error::Shape`] when the map beside is of another grid.
pub fn check(
    map: &Map,
    values: ArrayView2<f64>,
    maps: &Maps,
    beside: Beside<'_>,
) -> Result<Vec<Problem>, Error> {
    let values = values.as_standard_layout();
    let flat = values.as_slice().unwrap_or_default();
    let mut problems = match (map.meaning(), map.in_metres()) {
        (Meaning::Basins, _) => of_basins(map, flat),
        (Meaning::Plain, _) => Vec::new(),
        (_, None) => of_seas(map, flat, maps),
        (_, Some(plain)) => {
            let metres: Vec<f64> = flat.iter().map(|&number| map.metres(number)).collect();
            of_seas(&plain, &metres, maps)
        }
    };
    if map.units().is_none() {
        // Nothing is known of how high or deep the cells are.
        problems.retain(|problem| problem.finding.code != "values-out-of-range");
    }
    let other = match beside {
        Beside::Nothing => None,
        Beside::Basins(other) | Beside::Depths(other) => Some(other),
    };
    if let Some(other) = other {
        if other.dim() != map.dim() {
            return Err(Error::Shape { what: "the map beside", found: other.dim(), map: map.dim() });
        }
        let other = other.as_standard_layout();
        let other = other.as_slice().unwrap_or_default();
        let (basins, depths) =
            if matches!(beside, Beside::Basins(_)) { (other, flat) } else { (flat, other) };
        problems.extend(of_coasts(basins, depths));
    }
    problems.extend(of_doubles(map, flat));
    Ok(problems)
}

/// Warns of cells, when there are any; `{}` in the text is their number.
fn cells_where(
    code: &'static str,
    text: &str,
    count: usize,
    is_one: impl Fn(usize) -> bool,
) -> Option<Problem> {
    let cells: Vec<u32> = (0..count).filter(|&cell| is_one(cell)).map(|cell| cell as u32).collect();
    (!cells.is_empty()).then(|| Problem {
        finding: Finding::warning(code, text.replace("{}", &cells.len().to_string())),
        cells,
    })
}

fn of_seas(map: &Map, values: &[f64], maps: &Maps) -> Vec<Problem> {
    let elevation = map.meaning() == Meaning::Elevation;
    let sea = maps.sea();
    let count = values.len();
    let mut problems = Vec::new();

    let water = sea.iter().filter(|&&sea| sea).count();
    if water == 0 || water == count {
        let text = if water == 0 { "there is no sea" } else { "there is no land" };
        let text = format!("{text}: the model needs both");
        problems.push(Problem { finding: Finding::warning("one-kind-only", text), cells: Vec::new() });
    }

    let mut closed: Vec<_> = maps.seas().iter().filter(|sea| !sea.main).collect();
    closed.sort_by_key(|sea| (std::cmp::Reverse(sea.cells), sea.first));
    if !closed.is_empty() {
        let cells: usize = closed.iter().map(|sea| sea.cells).sum();
        let text = format!(
            "{} closed sea(s) of {cells} cell(s) in all: fill them, or open a channel to the ocean",
            closed.len()
        );
        problems.push(Problem {
            finding: Finding::warning("internal-oceans", text),
            cells: closed.iter().map(|sea| sea.first as u32).collect(),
        });
    }

    let straits: Vec<u32> = straits(map, sea).iter().map(|strait| strait.cell as u32).collect();
    if !straits.is_empty() {
        let mut text = format!(
            "{} cell(s) are passages one cell wide, through which the ocean cannot flow: widen or close them",
            straits.len()
        );
        let marked = maps.counts().passages;
        if marked != straits.len() {
            text.push_str(&format!(
                " (the map marks {marked}: also cells beside such passages, none at the date line)"
            ));
        }
        problems.push(Problem { finding: Finding::warning("passage-problems", text), cells: straits });
    }

    let broken = maps.broken_pole_rules();
    if !broken.is_empty() {
        let text = format!(
            "{} cell(s) break the pole rules: south of 78 S all has to be land, north of 86 N all of one kind",
            broken.len()
        );
        problems.push(Problem { finding: Finding::warning("pole-rules", text), cells: broken.to_vec() });
    }

    let alone = |cell: usize| {
        let mut beside = map.touching(cell).filter(|&other| !values[other].is_nan()).peekable();
        beside.peek().is_some() && beside.all(|other| sea[other] != sea[cell])
    };
    let missing = |cell: usize| values[cell].is_nan();
    let limits = if elevation { [-DEEPEST_M, HIGHEST_M] } else { [0.0, DEEPEST_M] };
    problems.extend(
        [
            cells_where("isolated-sea-cells", "{} sea cell(s) have land all around", count, |cell| {
                sea[cell] && alone(cell)
            }),
            cells_where(
                "isolated-land-cells",
                "{} land cell(s) have sea all around: islands of one cell",
                count,
                |cell| !sea[cell] && !missing(cell) && alone(cell),
            ),
            cells_where(
                "values-out-of-range",
                &match elevation {
                    true => {
                        format!("{{}} cell(s) are higher than {HIGHEST_M} m or deeper than {DEEPEST_M} m")
                    }
                    false => format!("{{}} cell(s) have a depth below 0 or beyond {DEEPEST_M} m"),
                },
                count,
                |cell| values[cell] < limits[0] || values[cell] > limits[1],
            ),
            cells_where("values-missing", "{} cell(s) have no value", count, missing),
        ]
        .into_iter()
        .flatten(),
    );
    if elevation {
        let zero = cells_where(
            "zero-metre-cells",
            "{} cell(s) of exactly 0 m count as sea here and in the routing; the bathymetry makes them 10 m deep",
            count,
            |cell| values[cell] == 0.0,
        );
        problems.extend(zero.map(|problem| Problem {
            finding: Finding::note(problem.finding.code, problem.finding.message),
            ..problem
        }));
    }
    problems
}

fn of_basins(map: &Map, values: &[f64]) -> Vec<Problem> {
    let sea = |cell: usize| values[cell] > 0.0;
    let stray = |cell: usize| {
        let mut beside = map.touching(cell).filter(|&other| sea(other)).peekable();
        sea(cell) && beside.peek().is_some() && beside.all(|other| values[other] != values[cell])
    };
    [
        cells_where(
            "values-out-of-range",
            "{} cell(s) are of no sub-basin: use 0 (land), 1, 2 or 3",
            values.len(),
            |cell| ![0.0, 1.0, 2.0, 3.0].contains(&values[cell]),
        ),
        cells_where("stray-basin-cells", "{} cell(s) lie alone in another sub-basin", values.len(), stray),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Where sub-basins and bathymetry have different coasts.
fn of_coasts(basins: &[f64], depths: &[f64]) -> Vec<Problem> {
    [
        cells_where(
            "sea-without-basin",
            "{} sea cell(s) of the bathymetry have no sub-basin: they take that of the nearest one when it is re-applied",
            depths.len(),
            |cell| depths[cell] > 0.0 && basins[cell].is_nan() | (basins[cell] <= 0.0),
        ),
        cells_where(
            "basin-on-land",
            "{} cell(s) of the sub-basins are land in the bathymetry",
            depths.len(),
            |cell| basins[cell] > 0.0 && depths[cell].is_nan() | (depths[cell] <= 0.0),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Cells that stand for the same place and differ.
fn of_doubles(map: &Map, values: &[f64]) -> Option<Problem> {
    cells_where(
        "doubled-cells-differ",
        "{} cell(s) of the overlap or the fold differ from the cell that they repeat, whose value the model takes",
        values.len(),
        |cell| {
            let of = inner(map, cell);
            values[of] != values[cell] && !(values[of].is_nan() && values[cell].is_nan())
        },
    )
}
