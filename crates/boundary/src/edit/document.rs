//! An edited map: the loaded values, the commands given so far, and the values that follow from both.

use dataset::{DataType, Values};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::action::Outcome;
use super::geometry::{Map, Meaning};
use super::selection::bounds;
use super::{Action, Counts, Error, LayerChanges, Maps, values};

/// What the modeller did: history is a list of these with a cursor, undo and redo move the cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Does an action. (Boxed: actions are large, toggles are not.)
    Apply(Box<Action>),
    /// Takes the action of this command (counted from 0) out, all later ones staying; or puts it in again.
    Toggle(usize),
}

/// Cells that a step changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Indices of the cells (`row * columns + column`), rising.
    pub cells: Vec<u32>,
    /// Their values after the step.
    pub values: Vec<f64>,
}

impl Changes {
    /// True when the step changed nothing.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// First row, first column, number of rows and of columns around the changed cells.
    pub fn bounds(&self, map: &Map) -> Option<[usize; 4]> {
        bounds(self.cells.iter().map(|&cell| cell as usize), map.columns())
    }
}

/// A command of the history, as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// Its number, from 0.
    pub number: usize,
    /// The command.
    pub command: &'a Command,
    /// False for commands that were undone, and for actions that were taken out.
    pub active: bool,
    /// Number of cells that it changed when it was given; `None` for commands that were undone before the document was opened.
    pub cells: Option<usize>,
    /// First row, first column, number of rows and of columns around them.
    pub bounds: Option<[usize; 4]>,
}

/// What an action would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The cells that it would change.
    pub changes: Changes,
    /// The derived maps as they would be.
    pub maps: Maps,
    /// The cells of the derived maps that would change.
    pub layers: Vec<LayerChanges>,
    /// The counts as they are.
    pub before: Counts,
    /// The counts as they would be.
    pub after: Counts,
}

/// What a command did: enough to take it back, and to say how much it was.
#[derive(Debug, Clone)]
struct Done {
    /// The values on the other side of the command; dropped when there is too much of it.
    other: Option<Outcome>,
    cells: usize,
    bounds: Option<[usize; 4]>,
}

/// An edited map.
///
/// ```
/// use boundary::edit::{Action, Document, Map, Meaning, Operation, Selection};
/// let map = Map::regular(vec![0.0, 1.0], vec![50.0], Meaning::Elevation)?;
/// let mut document = Document::new(map, ndarray::arr2(&[[-5.0, 7.0]]), dataset::DataType::F64)?;
/// let lower = Action::new(Operation::Relative { value: -10.0 }, Selection::All);
/// assert_eq!(document.apply(lower)?.values, [-15.0, -3.0]);
/// assert_eq!(document.undo().map(|changes| changes.values), Some(vec![-5.0, 7.0]));
/// # Ok::<(), boundary::edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Document {
    map: Map,
    original: Values,
    original_type: DataType,
    values: Array2<f64>,
    data_type: DataType,
    commands: Vec<Command>,
    cursor: usize,
    /// One for each command; `None` for commands that were never carried out here.
    done: Vec<Option<Done>>,
}

impl Document {
    /// Opens a map with its values (rows x columns, CF conventions applied, missing values NaN). `data_type` is the type that they are
    /// stored with; where it does not hold all of them (missing values among integers) a wider one is taken.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotNumbers`], [`Error::Inexact`].
    pub fn new(map: Map, values: Array2<f64>, data_type: DataType) -> Result<Self, Error> {
        if values.dim() != map.dim() {
            return Err(Error::Shape { what: "the variable", found: values.dim(), map: map.dim() });
        }
        let values =
            if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() };
        let data_type = values::type_for(values.view(), data_type)?;
        Ok(Self {
            original: values::pack(values.view(), data_type),
            original_type: data_type,
            map,
            values,
            data_type,
            commands: Vec::new(),
            cursor: 0,
            done: Vec::new(),
        })
    }

    /// Geometry and meaning.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The present values (rows x columns, in standard layout).
    pub fn values(&self) -> ArrayView2<'_, f64> {
        self.values.view()
    }

    /// The type that the present values need, at least the type they were loaded with.
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The present values in that type.
    pub fn to_values(&self) -> Values {
        values::pack(self.values.view(), self.data_type)
    }

    /// The values as loaded.
    pub fn original(&self) -> Array2<f64> {
        values::unpack(&self.original).unwrap_or_default()
    }

    /// All commands, undone ones included, and how many of them are done.
    pub fn commands(&self) -> (&[Command], usize) {
        (&self.commands, self.cursor)
    }

    /// The actions that make the present values of the loaded ones, in order.
    pub fn actions(&self) -> Vec<&Action> {
        active(&self.commands[..self.cursor])
            .into_iter()
            .zip(&self.commands)
            .filter_map(|(active, command)| match command {
                Command::Apply(action) if active => Some(&**action),
                _ => None,
            })
            .collect()
    }

    /// All commands, undone ones included, for a list.
    pub fn history(&self) -> Vec<Entry<'_>> {
        let active = active(&self.commands[..self.cursor]);
        let entry = |(number, command): (usize, _)| {
            let done = self.done[number].as_ref();
            Entry {
                number,
                command,
                active: active.get(number).copied().unwrap_or(false),
                cells: done.map(|done| done.cells),
                bounds: done.and_then(|done| done.bounds),
            }
        };
        self.commands.iter().enumerate().map(entry).collect()
    }

    /// Does an action. Commands that were undone are forgotten.
    ///
    /// # Errors
    /// Invalid actions ([`Action::check`]); nothing is changed then.
    pub fn apply(&mut self, action: Action) -> Result<Changes, Error> {
        let outcome = action.outcome(&self.map, self.values.view(), self.data_type)?;
        self.forget_undone();
        Ok(self.push(Command::Apply(Box::new(action)), outcome))
    }

    /// Takes the action of command `number` out, or puts it in again, and does all later ones anew on what there is then.
    /// Commands that were undone are forgotten.
    ///
    /// # Errors
    /// [`Error::NoAction`] when that command is no action, or undone.
    pub fn toggle(&mut self, number: usize) -> Result<Changes, Error> {
        if number >= self.cursor || !matches!(self.commands[number], Command::Apply(_)) {
            return Err(Error::NoAction { number });
        }
        let mut commands = self.commands[..self.cursor].to_vec();
        commands.push(Command::Toggle(number));
        let (values, data_type) = self.replayed(&commands)?;
        self.forget_undone();
        let changes = difference(self.values.view(), values.view());
        Ok(self.push(Command::Toggle(number), Outcome { changes, data_type }))
    }

    /// Undoes the last command; `None` when there is none.
    pub fn undo(&mut self) -> Option<Changes> {
        let last = self.cursor.checked_sub(1)?;
        Some(self.step(last, last))
    }

    /// Does the command again that was undone last; `None` when there is none.
    pub fn redo(&mut self) -> Option<Changes> {
        let next = self.cursor;
        (next < self.commands.len()).then(|| self.step(next, next + 1))
    }

    /// Replaces the history, for instance by one that was stored: the first `cursor` commands are done, the others can be
    /// redone.
    ///
    /// # Errors
    /// A command that cannot be done; the document is then as before.
    pub fn restore(&mut self, commands: Vec<Command>, cursor: usize) -> Result<Changes, Error> {
        let mut other = Self {
            map: self.map.clone(),
            original: self.original.clone(),
            original_type: self.original_type,
            values: self.original(),
            data_type: self.original_type,
            commands: Vec::new(),
            cursor: 0,
            done: Vec::new(),
        };
        let mut commands = commands.into_iter();
        for command in commands.by_ref().take(cursor) {
            match command {
                Command::Apply(action) => other.apply(*action)?,
                Command::Toggle(number) => other.toggle(number)?,
            };
        }
        for command in commands {
            if let Command::Apply(action) = &command {
                action.check(self.map.meaning())?;
            }
            other.commands.push(command);
            other.done.push(None);
        }
        let changes = difference(self.values.view(), other.values.view());
        *self = other;
        Ok(changes)
    }

    /// What an action would do; `maps` are the derived maps of the present values.
    ///
    /// # Errors
    /// Invalid actions.
    pub fn preview(&self, action: &Action, maps: &Maps) -> Result<Preview, Error> {
        let outcome = action.outcome(&self.map, self.values.view(), self.data_type)?;
        let mut values = self.values.clone();
        let changes = outcome.changes;
        write(&mut values, &changes);
        let mut after = maps.clone();
        let layers = after.update(&self.map, values.view(), &changes.cells);
        Ok(Preview { changes, layers, before: maps.counts(), after: after.counts(), maps: after })
    }

    /// True when the edits raised or lowered land and touched no sea: of all changed cells, every one was land and is land.
    /// The routing then keeps the bathymetry (`next_step_only`). False without any change, and on anything but a
    /// topography.
    pub fn land_only(&self) -> bool {
        let up = match self.map.meaning() {
            Meaning::Elevation => 1.0,
            Meaning::Downwards => -1.0,
            Meaning::Depth | Meaning::Basins | Meaning::Plain => return false,
        };
        let (mut lowest_before, mut lowest_after) = (f64::NAN, f64::NAN);
        for (&before, &after) in self.original().iter().zip(&self.values) {
            // Cells that are missing before or after count as changed and have no height: `min` passes over them.
            if before != after {
                lowest_before = lowest_before.min(up * before);
                lowest_after = lowest_after.min(up * after);
            }
        }
        lowest_before > 0.0 && lowest_after > 0.0
    }

    fn forget_undone(&mut self) {
        self.commands.truncate(self.cursor);
        self.done.truncate(self.cursor);
    }

    /// Carries a command out whose effect is known.
    fn push(&mut self, command: Command, effect: Outcome) -> Changes {
        let (changes, done) = self.carry_out(effect);
        self.commands.push(command);
        self.done.push(Some(done));
        self.cursor = self.commands.len();
        self.bound_memory();
        changes
    }

    /// Goes across command `number` to the state in which `cursor` commands are done.
    fn step(&mut self, number: usize, cursor: usize) -> Changes {
        let kept = self.done[number].as_mut().and_then(|done| done.other.take());
        let effect = kept.unwrap_or_else(|| match self.replayed(&self.commands[..cursor]) {
            Ok((values, data_type)) => {
                Outcome { changes: difference(self.values.view(), values.view()), data_type }
            }
            // Commands in the history were accepted, and acceptance does not depend on values.
            Err(_) => Outcome { changes: Changes::default(), data_type: self.data_type },
        });
        let (changes, done) = self.carry_out(effect);
        match &mut self.done[number] {
            Some(known) => known.other = done.other,
            none => *none = Some(done),
        }
        self.cursor = cursor;
        self.bound_memory();
        changes
    }

    /// Writes what a command does, and keeps what it takes to go back.
    fn carry_out(&mut self, effect: Outcome) -> (Changes, Done) {
        let Outcome { changes, data_type } = effect;
        let mut other = changes.clone();
        let values = self.values.as_slice_mut().unwrap_or_default();
        for (&cell, value) in other.cells.iter().zip(&mut other.values) {
            std::mem::swap(value, &mut values[cell as usize]);
        }
        let data_type = std::mem::replace(&mut self.data_type, data_type);
        let (cells, bounds) = (changes.cells.len(), changes.bounds(&self.map));
        (changes, Done { other: Some(Outcome { changes: other, data_type }), cells, bounds })
    }

    /// Drops what it takes to go across the commands farthest from the cursor when it is more cells than the map has; they are
    /// then replayed.
    fn bound_memory(&mut self) {
        // On a small map it is little whatever it is, and replaying a long history for every undo is slow.
        let mut left = self.map.cells().max(1 << 16);
        // Those nearest to the cursor are needed first.
        let mut order: Vec<usize> = (0..self.done.len()).collect();
        order.sort_by_key(|&number| number.abs_diff(self.cursor));
        for number in order {
            let Some(done) = &mut self.done[number] else { continue };
            let size = done.other.as_ref().map_or(0, |other| other.changes.cells.len());
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => done.other = None,
            }
        }
    }

    /// The values after these commands, from the loaded ones.
    fn replayed(&self, commands: &[Command]) -> Result<(Array2<f64>, DataType), Error> {
        let mut values = self.original();
        let mut data_type = self.original_type;
        for (active, command) in active(commands).into_iter().zip(commands) {
            if let Command::Apply(action) = command
                && active
            {
                let outcome = action.outcome(&self.map, values.view(), data_type)?;
                write(&mut values, &outcome.changes);
                data_type = outcome.data_type;
            }
        }
        Ok((values, data_type))
    }
}

/// Which of the commands are in effect; actions that were toggled an odd number of times are not.
fn active(commands: &[Command]) -> Vec<bool> {
    let mut active = vec![true; commands.len()];
    for command in commands {
        if let Command::Toggle(number) = command
            && let Some(active) = active.get_mut(*number)
        {
            *active = !*active;
        }
    }
    active
}

fn write(values: &mut Array2<f64>, changes: &Changes) {
    let values = values.as_slice_mut().unwrap_or_default();
    for (&cell, &value) in changes.cells.iter().zip(&changes.values) {
        values[cell as usize] = value;
    }
}

/// The cells in which two maps differ in any bit, with the values of the second.
fn difference(from: ArrayView2<f64>, to: ArrayView2<f64>) -> Changes {
    let pairs = from.iter().zip(&to).enumerate();
    let differ = pairs.filter(|(_, (a, b))| a.to_bits() != b.to_bits());
    let (cells, values) = differ.map(|(cell, (_, &b))| (cell as u32, b)).unzip();
    Changes { cells, values }
}
