//! One edit: an operation on a selection. Plain data, with a JSON form that a modeller can read.

use std::collections::BTreeMap;

use dataset::DataType;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::geometry::{Map, Meaning};
use super::selection::{Cell, Mask, Point, Selection};
use super::{Changes, Error, fixes, values};
use crate::Elevation;

/// The widest channel, cells.
const MAX_WIDTH: u32 = 100;
/// The most passes of smoothing.
const MAX_PASSES: u32 = 100;
/// The most cells that one action carries with their values.
const MAX_COPIED: usize = 250_000;

/// One edit.
///
/// ```
/// use boundary::edit::Action;
/// let json = r#"{"operation": {"relative": {"value": -200.0}}, "selection": {"box": {"lon": [0.0, 10.0], "lat": [40.0, 50.0]}},
///     "filter": {"land": false, "ocean": true}, "note": "deepen the shelf"}"#;
/// let action: Action = serde_json::from_str(json)?;
/// assert_eq!(serde_json::from_str::<Action>(&serde_json::to_string(&action)?)?, action);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What is done.
    pub operation: Operation,
    /// Where.
    #[serde(default, skip_serializing_if = "Selection::is_all")]
    pub selection: Selection,
    /// Whether land and ocean of the selection are meant.
    #[serde(default, skip_serializing_if = "Filter::is_both")]
    pub filter: Filter,
    /// Which generation's rules hold.
    #[serde(default, skip_serializing_if = "Rules::is_current")]
    pub rules: Rules,
    /// What the modeller says about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What an action does.
///
/// The first three and [`Smooth`](Self::Smooth), [`Copy`](Self::Copy), [`OpenChannel`](Self::OpenChannel),
/// [`ClosePassages`](Self::ClosePassages), [`PoleRules`](Self::PoleRules) and [`MatchTwins`](Self::MatchTwins) change selected cells only. For
/// [`FillSeas`](Self::FillSeas) and [`WidenPassages`](Self::WidenPassages) the selection says which seas and passages are meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Sets cells to a value.
    Absolute {
        /// The value.
        value: f64,
    },
    /// Adds to cells.
    Relative {
        /// What is added.
        value: f64,
    },
    /// Multiplies cells by `(100 + value) / 100`.
    Percentage {
        /// The change, percent.
        value: f64,
    },
    /// Fills every closed sea that has a selected cell; the main ocean is left alone.
    FillSeas {
        /// Up to where.
        to: Fill,
    },
    /// Makes sea along a line, where there is none of the depth yet.
    OpenChannel {
        /// The line.
        line: Line,
        /// Width, cells.
        width: u32,
        /// Depth, m, above 0.
        depth_m: f64,
    },
    /// Makes land of the selected passages of one cell's width. Beside the new land there may be new ones; a preview tells.
    ClosePassages {
        /// Height of the new land above sea level, m; that of the lower bank when absent. Bathymetries have 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height_m: Option<f64>,
    },
    /// Makes every selected passage of one cell's width two cells wide, with the depth it has.
    WidenPassages {},
    /// Makes land south of 78 S, and all cells north of 86 N what most of them are. New land and sea take the value of the
    /// nearest land or sea that they join; new land of its own is 1 m high, new sea 10 m deep.
    PoleRules {},
    /// Replaces every selected cell by the mean over it and its eight neighbours (weights 4, 2 along the edges, 1 across the
    /// corners).
    Smooth {
        /// How many times.
        passes: u32,
        /// Land takes from land and sea from sea, so that the coast stays where it is.
        #[serde(default = "yes")]
        keep_coast: bool,
    },
    /// Sets cells to values of another revision or file.
    Copy {
        /// Where the values come from, in words.
        source: String,
        /// The values; cells that are not here are left alone.
        cells: Vec<CopiedCell>,
    },
    /// Gives cells that stand for the same place (the overlap and the fold of ocean grids) the value of the inner one,
    /// which is what the ocean model does.
    MatchTwins {},
}

fn yes() -> bool {
    true
}

/// Up to where a closed sea is filled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fill {
    /// To the lowest height over which it would run into another sea; lower land around it is filled with it.
    Sill,
    /// To land.
    Land {
        /// Height above sea level, m; that of the lowest shore when absent. Bathymetries have 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height_m: Option<f64>,
    },
}

/// A drawn line.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Points in columns and rows; count on the grid that it was drawn on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub column_row: Vec<Point>,
    /// Points in degrees. A line across the date line goes on beyond 180 (or -180).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lon_lat: Vec<Point>,
}

/// A cell with the value it takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CopiedCell {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// The value; `null` is missing.
    pub value: Option<f64>,
}

/// Whether land and ocean are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Land is changed.
    pub land: bool,
    /// Ocean is changed.
    pub ocean: bool,
}

impl Filter {
    /// Land and ocean.
    pub const BOTH: Self = Self { land: true, ocean: true };

    fn is_both(&self) -> bool {
        *self == Self::BOTH
    }

    /// True for a value that the filter lets through; missing values always pass.
    fn passes(self, value: f64, meaning: Meaning, rules: Rules) -> bool {
        let elevation = match (meaning, rules) {
            // The release of 2021 took sub-basins for heights, and lets 0 of a bathymetry be ocean.
            (Meaning::Basins, Rules::R2021) => Elevation::PositiveUp,
            (Meaning::Depth, Rules::R2021) => Elevation::TopographyDown,
            // A plain map is filtered by its sign.
            (meaning, _) => meaning.elevation().unwrap_or(Elevation::PositiveUp),
        };
        (self.land || !elevation.is_land(value)) && (self.ocean || !elevation.is_sea(value))
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::BOTH
    }
}

/// The generation whose rules an action follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rules {
    /// In bathymetries land is at most 0 and sea above it; no value goes below 0.
    #[default]
    Current,
    /// Edit lists stored by the release of 2021: in bathymetries land is below 0 and sea from 0 on, and values may go
    /// below 0.
    #[serde(rename = "2021")]
    R2021,
}

impl Rules {
    fn is_current(&self) -> bool {
        *self == Self::Current
    }
}

/// What an action makes of a map.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// The cells that change, with their new values.
    pub(super) changes: Changes,
    /// The type that holds them.
    pub(super) data_type: DataType,
}

/// A guided fix: the cells that it changes, and their new values.
type Fix<'a> = &'a dyn Fn(&Map, &[f64]) -> Result<Vec<(u32, f64)>, Error>;

impl Action {
    /// An operation on a selection, land and ocean, by the current rules.
    pub fn new(operation: Operation, selection: Selection) -> Self {
        Self { operation, selection, filter: Filter::BOTH, rules: Rules::Current, note: String::new() }
    }

    /// The cells that the action is about: selected, and let through by the filter.
    pub fn select(&self, map: &Map, values: ArrayView2<f64>) -> Mask {
        let mut mask = self.selection.select(map, values);
        if self.filter != Filter::BOTH
            && let Some(values) = values.as_slice()
        {
            mask.retain(|cell| self.filter.passes(values[cell], map.meaning(), self.rules));
        }
        mask
    }

    /// One line for a list of actions, without the place: "Relative -200, ocean only".
    pub fn label(&self) -> String {
        let mut text = match &self.operation {
            Operation::Absolute { value } => format!("Set to {value}"),
            Operation::Relative { value } if *value < 0.0 => format!("Lower by {}", -value),
            Operation::Relative { value } => format!("Raise by {value}"),
            Operation::Percentage { value } => format!("Change by {value} %"),
            Operation::FillSeas { to: Fill::Sill } => "Fill closed seas to their sill".to_owned(),
            Operation::FillSeas { to: Fill::Land { .. } } => "Fill closed seas to land".to_owned(),
            Operation::OpenChannel { width, depth_m, .. } => {
                format!("Open a channel, {width} cells wide and {depth_m} m deep")
            }
            Operation::ClosePassages { .. } => "Close one-cell passages".to_owned(),
            Operation::WidenPassages {} => "Widen one-cell passages".to_owned(),
            Operation::PoleRules {} => "Apply the pole rules".to_owned(),
            Operation::Smooth { passes: 1, .. } => "Smooth".to_owned(),
            Operation::Smooth { passes, .. } => format!("Smooth {passes} times"),
            Operation::Copy { source, .. } => format!("Copy from {source}"),
            Operation::MatchTwins {} => "Make doubled cells agree".to_owned(),
        };
        match self.filter {
            Filter { land: true, ocean: true } => {}
            Filter { land: true, ocean: false } => text.push_str(", land only"),
            Filter { land: false, ocean: true } => text.push_str(", ocean only"),
            Filter { land: false, ocean: false } => text.push_str(", neither land nor ocean"),
        }
        text
    }

    /// The name of the operation in JSON.
    pub fn kind(&self) -> &'static str {
        match &self.operation {
            Operation::Absolute { .. } => "absolute",
            Operation::Relative { .. } => "relative",
            Operation::Percentage { .. } => "percentage",
            Operation::FillSeas { .. } => "fill_seas",
            Operation::OpenChannel { .. } => "open_channel",
            Operation::ClosePassages { .. } => "close_passages",
            Operation::WidenPassages {} => "widen_passages",
            Operation::PoleRules {} => "pole_rules",
            Operation::Smooth { .. } => "smooth",
            Operation::Copy { .. } => "copy",
            Operation::MatchTwins {} => "match_twins",
        }
    }

    /// Says whether the action can be meant on maps of this meaning; an action that passes can be done on any values, but for a
    /// line that is far too long for the map.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, meaning: Meaning) -> Result<(), Error> {
        let no_meaning = || Error::NoMeaning { operation: self.kind(), meaning };
        let on_seas = || match meaning {
            Meaning::Elevation | Meaning::Depth | Meaning::Downwards => Ok(()),
            Meaning::Basins | Meaning::Plain => Err(no_meaning()),
        };
        let height = |height_m: Option<f64>| match height_m {
            Some(height_m) if !(height_m > 0.0 && height_m.is_finite()) => Err(Error::Height { height_m }),
            _ => Ok(()),
        };
        match &self.operation {
            Operation::Absolute { value } => {
                finite("the value", *value)?;
                match meaning {
                    Meaning::Basins if ![1.0, 2.0, 3.0].contains(value) => {
                        Err(Error::NotABasin { value: *value })
                    }
                    _ => Ok(()),
                }
            }
            Operation::Relative { value } | Operation::Percentage { value } => {
                finite("the value", *value)?;
                if meaning == Meaning::Basins { Err(no_meaning()) } else { Ok(()) }
            }
            Operation::FillSeas { to: Fill::Sill }
                if !matches!(meaning, Meaning::Elevation | Meaning::Downwards) =>
            {
                Err(no_meaning())
            }
            Operation::FillSeas { to: Fill::Sill } => Ok(()),
            Operation::FillSeas { to: Fill::Land { height_m } } | Operation::ClosePassages { height_m } => {
                on_seas()?;
                height(*height_m)
            }
            Operation::OpenChannel { line, width, depth_m } => {
                on_seas()?;
                if !(1..=MAX_WIDTH).contains(width) {
                    return Err(Error::Width { width: *width, most: MAX_WIDTH });
                }
                if !(*depth_m > 0.0 && depth_m.is_finite()) {
                    return Err(Error::Depth { depth_m: *depth_m });
                }
                let points = if line.column_row.is_empty() { &line.lon_lat } else { &line.column_row };
                if points.len() < 2 {
                    return Err(Error::ShortLine);
                }
                points.iter().flatten().try_for_each(|&x| finite("a point of the line", x))
            }
            Operation::WidenPassages {} | Operation::PoleRules {} => on_seas(),
            Operation::Smooth { passes, .. } => {
                if meaning == Meaning::Basins {
                    return Err(no_meaning());
                }
                match passes {
                    1..=MAX_PASSES => Ok(()),
                    _ => Err(Error::Passes { passes: *passes, most: MAX_PASSES }),
                }
            }
            Operation::Copy { cells, .. } => {
                if cells.len() > MAX_COPIED {
                    return Err(Error::TooManyCells { cells: cells.len(), most: MAX_COPIED });
                }
                for value in cells.iter().filter_map(|cell| cell.value) {
                    finite("a copied value", value)?;
                    if meaning == Meaning::Basins && ![0.0, 1.0, 2.0, 3.0].contains(&value) {
                        return Err(Error::NotABasin { value });
                    }
                }
                Ok(())
            }
            Operation::MatchTwins {} => Ok(()),
        }
    }

    /// What the action makes of these values.
    pub(super) fn outcome(
        &self,
        map: &Map,
        values: ArrayView2<f64>,
        data_type: DataType,
    ) -> Result<Outcome, Error> {
        let meaning = map.meaning();
        self.check(meaning)?;
        let mask = self.select(map, values);
        let values = values.as_slice().unwrap_or_default();
        // Cells that stay as they are, to the bit, are left out.
        let gather = |changing: &mut dyn Iterator<Item = (u32, f64)>, most: usize| {
            let mut changes = Changes { cells: Vec::with_capacity(most), values: Vec::with_capacity(most) };
            for (cell, new) in changing {
                let old = values[cell as usize];
                if let Some(new) =
                    self.allowed(meaning, old, new).filter(|new| new.to_bits() != old.to_bits())
                {
                    changes.cells.push(cell);
                    changes.values.push(new);
                }
            }
            changes
        };
        let each = |new: &dyn Fn(f64) -> f64| {
            gather(&mut mask.cells().map(|cell| (cell as u32, new(values[cell]))), mask.count())
        };
        let fixed = |cells: Vec<(u32, f64)>| gather(&mut cells.into_iter(), 0);
        // The fixes of coasts are made in metres and upwards; other numbers are converted for them, and back.
        let coasts = |fix: Fix| -> Result<Changes, Error> {
            let Some(plain) = map.in_metres() else { return Ok(fixed(fix(map, values)?)) };
            if map.units().is_none() {
                return Err(Error::NoUnits { operation: self.kind() });
            }
            let heights: Vec<f64> = values.iter().map(|&number| map.metres(number)).collect();
            let cells = fix(&plain, &heights)?;
            // A cell that keeps its height keeps its number, to the bit.
            let changed = cells.into_iter().filter(|&(cell, height)| {
                let before = heights[cell as usize];
                height.to_bits() != before.to_bits()
            });
            Ok(fixed(changed.map(|(cell, height)| (cell, map.number(height))).collect()))
        };
        let changes = match &self.operation {
            Operation::Absolute { value } => each(&|_| *value),
            Operation::Relative { value } => each(&|old| old + value),
            Operation::Percentage { value } => {
                let factor = (100.0 + value) / 100.0;
                each(&|old| old * factor)
            }
            Operation::FillSeas { to } => {
                coasts(&|map, values| Ok(fixes::fill_seas(map, values, &mask, *to)))?
            }
            Operation::OpenChannel { line, width, depth_m } => {
                coasts(&|map, values| fixes::open_channel(map, values, &mask, line, *width, *depth_m))?
            }
            Operation::ClosePassages { height_m } => {
                coasts(&|map, values| Ok(fixes::close_passages(map, values, &mask, *height_m)))?
            }
            Operation::WidenPassages {} => {
                coasts(&|map, values| Ok(fixes::widen_passages(map, values, &mask)))?
            }
            Operation::PoleRules {} => coasts(&|map, values| Ok(fixes::pole_rules(map, values, &mask)))?,
            Operation::Smooth { passes, keep_coast } => {
                coasts(&|map, values| Ok(fixes::smooth(map, values, &mask, *passes, *keep_coast)))?
            }
            Operation::Copy { cells, .. } => fixed(fixes::copied(map, &mask, cells)),
            Operation::MatchTwins {} => fixed(fixes::match_twins(map, values, &mask)),
        };
        let changes = if map.has_copied_columns() { with_copies(map, values, changes) } else { changes };
        // Percentages make integers double even where the products are whole.
        let double = matches!(self.operation, Operation::Percentage { .. }) && mask.cells().next().is_some();
        let data_type = match data_type {
            DataType::F32 | DataType::F64 => data_type,
            _ if double => DataType::F64,
            _ => data_type,
        };
        Ok(stored(changes, values, data_type))
    }

    /// What a map of this meaning takes for a new value; `None` where it keeps the old one.
    fn allowed(&self, meaning: Meaning, old: f64, new: f64) -> Option<f64> {
        match meaning {
            Meaning::Depth if self.rules == Rules::Current && new <= 0.0 => Some(0.0),
            Meaning::Basins if !(old > 0.0 && new > 0.0) => None,
            _ => Some(new),
        }
    }
}

/// The changes with those of the cells that stand for the same places, which take the same values.
fn with_copies(map: &Map, values: &[f64], changes: Changes) -> Changes {
    let mut all: BTreeMap<u32, f64> = BTreeMap::new();
    for (&cell, &value) in changes.cells.iter().zip(&changes.values) {
        for twin in map.twins(cell as usize) {
            if values[twin].to_bits() != value.to_bits() {
                all.insert(twin as u32, value);
            }
        }
    }
    // What the action itself did to a cell goes before what it did to its copy.
    all.extend(changes.cells.into_iter().zip(changes.values));
    let (cells, values) = all.into_iter().unzip();
    Changes { cells, values }
}

/// The changes as they are stored, in a type that is wide enough.
fn stored(mut changes: Changes, old: &[f64], data_type: DataType) -> Outcome {
    let data_type = changes.values.iter().fold(data_type, |data_type, &new| values::widened(data_type, new));
    if data_type != DataType::F64 {
        let new = changes.values.into_iter().map(|new| values::stored(data_type, new));
        let differ = |&(cell, new): &(u32, f64)| new.to_bits() != old[cell as usize].to_bits();
        let (cells, values) = changes.cells.into_iter().zip(new).filter(differ).unzip();
        changes = Changes { cells, values };
    }
    Outcome { changes, data_type }
}

fn finite(what: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() { Ok(()) } else { Err(Error::NotFinite { what }) }
}
