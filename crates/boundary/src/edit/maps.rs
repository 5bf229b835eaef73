//! The derived maps of an edited topography or bathymetry: internal oceans, passages, pole rules, kept up to date.
//!
//! The numbers of the seas and the marks of the passages are those of [`crate::internal_oceans`] and
//! [`crate::passages`]; seas are also connected across the fold of ocean grids. Everything that depends on the coast
//! alone is left as it is while edits move no coast.

use ndarray::{ArrayView2, aview1};

use super::geometry::{Centres, Map, Meaning};
use crate::poles::{NORTHERN_LIMIT_DEGREES, SOUTHERN_LIMIT_DEGREES};
use crate::{components, passages};

/// A derived map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The number of the sea from 1, -1 in the main ocean; NaN on land.
    InternalOceans,
    /// 2 where a passage is one cell wide, 1 on other sea; NaN on land. (The releases mark some cells beside such
    /// passages too; see [`passages::find`].)
    Passages,
    /// 1 where a cell breaks the pole rules, 0 on other sea; NaN on other land.
    Poles,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::InternalOceans, Self::Passages, Self::Poles];
}

/// A sea.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sea {
    /// Its number on the map.
    pub number: u32,
    /// Number of its cells.
    pub cells: usize,
    /// Its first cell in row-major order.
    pub first: usize,
    /// True for the main ocean: the sea of most cells, the smallest number among equals.
    pub main: bool,
}

/// A passage: marked cells that touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Number of its cells.
    pub cells: usize,
    /// Its first cell in row-major order.
    pub first: usize,
}

/// How much is left to correct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Seas other than the main ocean.
    pub internal_oceans: usize,
    /// Cells of those seas.
    pub internal_cells: usize,
    /// Cells that are passages one cell wide.
    pub passages: usize,
    /// Cells that break the pole rules.
    pub poles: usize,
}

/// Cells of a derived map that an edit changed, with their new values.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerChanges {
    /// The map.
    pub layer: Layer,
    /// Indices of the cells, rising.
    pub cells: Vec<u32>,
    /// Their new values.
    pub values: Vec<f32>,
}

/// The derived maps of a topography or bathymetry. On other maps there is nothing in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    meaning: Meaning,
    sea: Vec<bool>,
    /// Numbers of the seas, 0 on land.
    labels: Vec<u32>,
    /// The main ocean, or 0.
    main: u32,
    seas: Vec<Sea>,
    /// As [`passages::marks`].
    marks: Vec<i8>,
    passage_cells: usize,
    /// Cells south of the southern and north of the northern limit.
    polar: Polar,
    /// Cells that break the pole rules, rising.
    broken: Vec<u32>,
    pairs: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Polar {
    southern: Vec<u32>,
    northern: Vec<u32>,
}

impl Maps {
    /// The derived maps of these values.
    pub fn new(map: &Map, values: ArrayView2<f64>) -> Self {
        let mut maps = Self {
            meaning: map.meaning(),
            sea: Vec::new(),
            labels: Vec::new(),
            main: 0,
            seas: Vec::new(),
            marks: Vec::new(),
            passage_cells: 0,
            polar: Polar::default(),
            broken: Vec::new(),
            pairs: Vec::new(),
        };
        if maps.has_any() {
            let elevation = maps.meaning;
            maps.sea = values.iter().map(|&value| elevation.is_sea(value)).collect();
            maps.polar = Polar::from_map(map);
            maps.pairs = map.joined_pairs();
            maps.follow_coast(map);
            let values = values.as_standard_layout();
            maps.broken = maps.pole_rules(values.as_slice().unwrap_or_default());
        }
        maps
    }

    fn has_any(&self) -> bool {
        matches!(self.meaning, Meaning::Elevation | Meaning::Depth | Meaning::Downwards)
    }

    /// Follows an edit: `values` are those after it and `changed` the cells that it changed (in any order). Returns
    /// the cells of the derived maps that are different now.
    pub fn update(&mut self, map: &Map, values: ArrayView2<f64>, changed: &[u32]) -> Vec<LayerChanges> {
        if !self.has_any() {
            return Vec::new();
        }
        let Some(flat) = values.as_slice() else {
            // Only for arrays that are laid out in some other way.
            return self.update(map, values.as_standard_layout().view(), changed);
        };
        let mut coast: Vec<u32> = Vec::new();
        for &cell in changed {
            let sea = self.meaning.is_sea(flat[cell as usize]);
            if std::mem::replace(&mut self.sea[cell as usize], sea) != sea {
                coast.push(cell);
            }
        }
        let mut layers = Vec::new();
        if !coast.is_empty() {
            let (labels, main) = (std::mem::take(&mut self.labels), self.main);
            let marks = std::mem::take(&mut self.marks);
            self.follow_coast(map);
            // The main ocean looks the same whatever its number.
            let seen = |label: u32, main: u32| if label == main && label != 0 { u32::MAX } else { label };
            let cells = (0..labels.len())
                .filter(|&cell| seen(labels[cell], main) != seen(self.labels[cell], self.main));
            layers.push((Layer::InternalOceans, cells.map(|cell| cell as u32).collect::<Vec<_>>()));
            let cells = (0..marks.len()).filter(|&cell| marks[cell] != self.marks[cell]);
            layers.push((Layer::Passages, cells.map(|cell| cell as u32).collect()));
        }
        let broken = self.pole_rules(flat);
        let before = std::mem::replace(&mut self.broken, broken);
        if before != self.broken {
            let (mut was, mut is) = (before.iter().peekable(), self.broken.iter().peekable());
            while let Some(&&cell) = [was.peek(), is.peek()].into_iter().flatten().min() {
                let (before, after) = (was.next_if_eq(&&cell), is.next_if_eq(&&cell));
                if before.is_none() || after.is_none() {
                    coast.push(cell);
                }
            }
        }
        coast.sort_unstable();
        coast.dedup();
        // A cell that breaks the rules as land and then as sea looks the same.
        let broke =
            |cell: &u32| before.binary_search(cell).is_ok() && self.broken.binary_search(cell).is_ok();
        coast.retain(|cell| !broke(cell));
        layers.push((Layer::Poles, coast));
        layers
            .into_iter()
            .filter(|(_, cells)| !cells.is_empty())
            .map(|(layer, cells)| {
                let values = cells.iter().map(|&cell| self.value(layer, cell as usize)).collect();
                LayerChanges { layer, cells, values }
            })
            .collect()
    }

    /// How much is left to correct.
    pub fn counts(&self) -> Counts {
        let internal = || self.seas.iter().filter(|sea| !sea.main);
        Counts {
            internal_oceans: internal().count(),
            internal_cells: internal().map(|sea| sea.cells).sum(),
            passages: self.passage_cells,
            poles: self.broken.len(),
        }
    }

    /// The value of a derived map in a cell; NaN on maps that have none.
    pub fn value(&self, layer: Layer, cell: usize) -> f32 {
        let Some(&sea) = self.sea.get(cell) else { return f32::NAN };
        match layer {
            Layer::Poles if self.broken.binary_search(&(cell as u32)).is_ok() => 1.0,
            _ if !sea && layer != Layer::Passages => f32::NAN,
            Layer::Poles => 0.0,
            Layer::InternalOceans if self.labels[cell] == self.main => -1.0,
            Layer::InternalOceans => self.labels[cell] as f32,
            Layer::Passages if self.marks[cell] == -1 => f32::NAN,
            Layer::Passages => f32::from(self.marks[cell]),
        }
    }

    /// A whole derived map, row-major.
    pub fn layer(&self, layer: Layer) -> Vec<f32> {
        (0..self.sea.len()).map(|cell| self.value(layer, cell)).collect()
    }

    /// The seas by their numbers, the main ocean among them.
    pub fn seas(&self) -> &[Sea] {
        &self.seas
    }

    /// The number of the sea of each cell, 0 on land; empty on maps without seas.
    pub fn sea_numbers(&self) -> &[u32] {
        &self.labels
    }

    /// The sea flags, row-major; empty on maps without seas.
    pub(super) fn sea(&self) -> &[bool] {
        &self.sea
    }

    /// The marked passages: groups of cells that touch along an edge or a corner, in the order of their first cells.
    pub fn passages(&self, map: &Map) -> Vec<Passage> {
        let columns = map.columns();
        let marked = |cell: usize| self.marks[cell] == 2;
        let mut seen = std::collections::HashSet::new();
        let mut passages = Vec::new();
        for first in (0..self.marks.len()).filter(|&cell| marked(cell)) {
            if !seen.insert(first) {
                continue;
            }
            let mut open = vec![first];
            let mut cells = 0;
            while let Some(cell) = open.pop() {
                cells += 1;
                let (row, column) = (cell / columns, cell % columns);
                for i in row.saturating_sub(1)..(row + 2).min(map.rows()) {
                    for j in column.saturating_sub(1)..(column + 2).min(columns) {
                        let near = i * columns + j;
                        if marked(near) && seen.insert(near) {
                            open.push(near);
                        }
                    }
                }
            }
            passages.push(Passage { cells, first });
        }
        passages
    }

    /// The cells that break the pole rules, rising.
    pub fn broken_pole_rules(&self) -> &[u32] {
        &self.broken
    }

    /// Numbers the seas and marks the passages anew.
    fn follow_coast(&mut self, map: &Map) {
        let Ok(sea) = aview1(&self.sea).into_shape_with_order(map.dim()) else { return };
        self.labels = components::label_joined(sea, self.pairs.iter().copied()).into_raw_vec_and_offset().0;
        self.marks = passages::marks(sea).into_raw_vec_and_offset().0;
        self.passage_cells = self.marks.iter().filter(|&&mark| mark == 2).count();

        let mut seas: Vec<Sea> = Vec::new();
        let mut cell = 0;
        for run in self.labels.chunk_by(|one, next| one == next) {
            let (number, first) = (run[0], cell);
            cell += run.len();
            if number == 0 {
                continue;
            }
            while seas.len() < number as usize {
                seas.push(Sea { number: seas.len() as u32 + 1, cells: 0, first, main: false });
            }
            let sea = &mut seas[number as usize - 1];
            if sea.cells == 0 {
                sea.first = first;
            }
            sea.cells += run.len();
        }
        seas.retain(|sea| sea.cells > 0);
        // `max_by_key` takes the last of equals, so look from the end.
        self.main = seas.iter().rev().max_by_key(|sea| sea.cells).map_or(0, |sea| sea.number);
        for sea in &mut seas {
            sea.main = sea.number == self.main;
        }
        self.seas = seas;
    }

    /// The cells that break the pole rules.
    fn pole_rules(&self, values: &[f64]) -> Vec<u32> {
        let sea = |cell: &u32| self.sea[*cell as usize];
        let mut broken: Vec<u32> = self.polar.southern.iter().filter(|cell| sea(cell)).copied().collect();
        // By value and not by kind: a missing height is neither above 0 nor at most 0.
        let value = |cell: &u32| values[*cell as usize];
        let northern = &self.polar.northern;
        let positive = northern.iter().filter(|cell| value(cell) > 0.0).count();
        let mostly_positive = 2 * positive > northern.len();
        let wrong = |cell: &&u32| if mostly_positive { value(cell) <= 0.0 } else { value(cell) > 0.0 };
        broken.extend(northern.iter().filter(wrong));
        broken.sort_unstable();
        broken
    }
}

impl Polar {
    fn from_map(map: &Map) -> Self {
        let mut polar = Self::default();
        let mut add = |cell: usize, lat: f64| {
            if lat < SOUTHERN_LIMIT_DEGREES {
                polar.southern.push(cell as u32);
            } else if lat > NORTHERN_LIMIT_DEGREES {
                polar.northern.push(cell as u32);
            }
        };
        match map.centres() {
            Centres::Unknown => {}
            Centres::Axes { lat_deg, .. } => {
                for (row, &lat) in lat_deg.iter().enumerate() {
                    (0..map.columns()).for_each(|column| add(row * map.columns() + column, lat));
                }
            }
            Centres::Curvilinear(points) => {
                points.lat_deg.iter().enumerate().for_each(|(cell, &lat)| add(cell, lat));
            }
        }
        polar
    }
}
