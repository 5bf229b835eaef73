//! A draft that is open: the truth behind every page that shows it.
//!
//! Everything here blocks (disk, database, numerics) and runs on a blocking thread, one request of a draft at a time.
//!
//! Invariants: what a change answers is in the store; what is in memory is what the stored events tell. A change is carried
//! out, then stored, then told; where it cannot be stored, what it did in memory is dropped and read anew.

use std::collections::{HashMap, HashSet};

use boundary::edit::Changes;
use serde_json::{Map as Object, Value, json};
use store::{Appended, DataFile, Draft, DraftEvent, DraftOf, NewEvent, Revision, RevisionId, Store};
use uuid::Uuid;
use workflow::FileType;

use crate::base::{self, Base};
use crate::editor::{Editor, layer_name};
use crate::error::Error;
use crate::history::{self, Event, History};
use crate::plane::{Effect, MapChange, Plane};
use crate::protocol::{Change, ChangeKind, CopyFrom};

/// Events of a draft at most.
const MAX_EVENTS: i64 = 100_000;

/// How often a change is tried again when another process was quicker.
const ATTEMPTS: usize = 5;

/// A draft that is open.
pub(crate) struct Work {
    pub(crate) store: Store,
    pub(crate) draft: Draft,
    pub(crate) base: Base,
    pub(crate) history: History,
    pub(crate) planes: HashMap<Vec<usize>, Plane>,
    /// The number of the newest revision of the type.
    pub(crate) newest: i32,
    /// Numbers and statuses of the commands as they were told last.
    told: Vec<(i64, &'static str)>,
    saved: Option<i32>,
}

/// What a change came to.
#[derive(Debug)]
pub(crate) enum Changed {
    /// The draft is different now.
    Draft(DraftUpdate),
    /// It is a revision now.
    Saved {
        /// Its number.
        revision: i32,
        findings: Value,
    },
}

/// What is told of a change.
#[derive(Debug)]
pub(crate) struct DraftUpdate {
    pub(crate) what: &'static str,
    pub(crate) at: Vec<usize>,
    pub(crate) maps: Vec<MapChange>,
    /// All maps have to be asked for again.
    pub(crate) whole: bool,
    pub(crate) report: Option<Value>,
    pub(crate) state: Value,
}

/// A change that was carried out in memory.
pub(crate) struct AppliedChange {
    pub(crate) events: Vec<Event>,
    pub(crate) at: Vec<usize>,
    pub(crate) maps: Vec<MapChange>,
    /// What each event did.
    pub(crate) effects: Vec<Option<Effect>>,
    /// All maps have to be asked for again.
    pub(crate) whole: bool,
    pub(crate) report: Option<Value>,
    /// What the draft stands on from now on.
    pub(crate) base: Option<Base>,
}

/// What is asked to be opened.
#[derive(Debug, Clone)]
pub(crate) struct OpenRequest {
    pub(crate) data_file: DataFile,
    pub(crate) editor: Editor,
    pub(crate) file_type: FileType,
    pub(crate) variable: Option<String>,
}

/// Finds the draft that is meant, and makes it when there is none.
///
/// # Errors
/// Nothing to edit, or a failing store.
pub(crate) fn find(store: &Store, wanted: &OpenRequest) -> Result<Draft, Error> {
    let OpenRequest { data_file, editor, file_type, variable } = wanted;
    let newest = base::newest(store, data_file, *editor, *file_type)?;
    let variable = base::variable(store, data_file, *editor, &newest, variable.as_deref())?;
    let of = DraftOf {
        data_file: data_file.id,
        editor: editor.as_str().to_owned(),
        file_type: *file_type,
        variable,
    };
    Ok(store.open_draft(&of, &ids(&newest))?)
}

pub(crate) fn ids(revisions: &[Revision]) -> Vec<RevisionId> {
    revisions.iter().map(|revision| revision.id).collect()
}

impl Work {
    /// Opens a draft with everything that was done in it; one in which nothing was done begins on the newest revisions.
    ///
    /// # Errors
    /// Revisions that are gone or cannot be read, or a failing store.
    pub(crate) fn open(store: &Store, wanted: &OpenRequest, mut draft: Draft) -> Result<Self, Error> {
        let OpenRequest { data_file, editor, file_type, .. } = wanted;
        let newest = base::newest(store, data_file, *editor, *file_type)?;
        let mut events = store.draft_events(draft.id, 0)?;
        if events.is_empty() && draft.bases != ids(&newest) {
            // Only while it is read: what is done on older revisions in memory would be done anew on the newer ones.
            store.append_to_draft(draft.id, 0, Vec::new(), Some(&ids(&newest)))?;
            // As it is now, also when another process was quicker.
            draft = store.draft(draft.id)?.unwrap_or(draft);
            events = store.draft_events(draft.id, 0)?;
        }
        let base = Base::open(store, data_file, *editor, *file_type, &draft.of.variable, &draft.bases)?;
        let history = History::from_events(events)?;
        let newest = newest.first().map_or(0, |revision| revision.revision);
        let mut work = Self {
            store: store.clone(),
            draft,
            base,
            history,
            planes: HashMap::new(),
            newest,
            told: Vec::new(),
            saved: None,
        };
        work.load_all()?;
        work.told = work.statuses();
        Ok(work)
    }

    /// Brings every plane that has been edited into memory, and the first one of a plain map.
    pub(crate) fn load_all(&mut self) -> Result<(), Error> {
        if self.base.why_not_writable().is_some() {
            return Ok(());
        }
        let mut planes = self.history.planes();
        if self.base.leading()?.is_empty() && planes.is_empty() {
            planes.push(Vec::new());
        }
        for at in planes {
            self.plane(&at)?;
        }
        Ok(())
    }

    /// A plane, read and brought to the present state where it is not in memory.
    pub(crate) fn plane(&mut self, at: &[usize]) -> Result<&mut Plane, Error> {
        if !self.planes.contains_key(at) {
            // Those that were only looked at are not kept: a variable may have more of them than there is memory for.
            let edited = self.history.planes();
            self.planes.retain(|other, _| edited.contains(other));
            let (commands, cursor) = self.history.commands(at);
            let plane = Plane::new(self.base.document(at)?, commands, cursor)?;
            self.planes.insert(at.to_vec(), plane);
        }
        match self.planes.get_mut(at) {
            Some(plane) => Ok(plane),
            None => unreachable!("it was just inserted"),
        }
    }

    /// Carries a change out, stores it, and says what is different now.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub(crate) fn change(&mut self, author: &str, change: &Change) -> Result<Changed, Error> {
        if let ChangeKind::Save { description, sequence } = &change.what {
            return self.save(change.key, description, *sequence);
        }
        if let Some(revision) = self.saved {
            return Err(saved_already(revision));
        }
        if let Some(reason) = self.base.why_not_writable() {
            return Err(Error::ReadOnly(reason));
        }
        let mut moved = false;
        for _ in 0..ATTEMPTS {
            let carried = match self.carry_out(change) {
                Ok(carried) => carried,
                Err(error) => {
                    // Perhaps this very click is stored already, and has no meaning a second time.
                    if let Some(told) = self.known(change)? {
                        return Ok(Changed::Draft(told));
                    }
                    return Err(error);
                }
            };
            if let Some(mut told) = self.store(author, change, carried)? {
                if moved {
                    // The pages have not been told what the other process did.
                    (told.maps, told.whole) = (Vec::new(), true);
                }
                return Ok(Changed::Draft(told));
            }
            moved = true;
        }
        Err(Error::Conflict("Others are changing this draft at the same moment: try again.".to_owned()))
    }

    /// Takes up what another process has stored of the draft meanwhile; true when there was something.
    pub(crate) fn catch_up(&mut self) -> Result<bool, Error> {
        let behind = !self.store.draft_events(self.draft.id, self.history.sequence)?.is_empty();
        if behind {
            self.read_anew()?;
        }
        Ok(behind)
    }

    /// What a click that is stored already answers; `None` when it is not.
    fn known(&mut self, change: &Change) -> Result<Option<DraftUpdate>, Error> {
        let after = self.history.sequence;
        let newer = self.store.draft_events(self.draft.id, after)?;
        let stored = newer.iter().any(|event| event.key == change.key) || self.history.has(change.key);
        if !stored {
            return Ok(None);
        }
        if !newer.is_empty() {
            self.read_anew()?;
        }
        Ok(Some(self.told(change.what.name(), Vec::new(), Vec::new(), !newer.is_empty())))
    }

    /// Does it in memory.
    fn carry_out(&mut self, change: &Change) -> Result<AppliedChange, Error> {
        match &change.what {
            ChangeKind::Apply { action, at, copy } => {
                let mut action = action.clone();
                if let Some(from) = copy {
                    self.fill_in(&mut action, at, from)?;
                }
                let plane = self.plane(at)?;
                let changes = plane.document.apply((*action).clone())?;
                Ok(self.carried(Event::Apply { at: at.clone(), action }, at.clone(), changes))
            }
            ChangeKind::Undo => {
                self.history.check(&Event::Undo)?;
                let at = self.history.items[self.history.cursor - 1].at.clone();
                let changes = self.plane(&at)?.document.undo().unwrap_or_default();
                Ok(self.carried(Event::Undo, at, changes))
            }
            ChangeKind::Redo => {
                self.history.check(&Event::Redo)?;
                let at = self.history.items[self.history.cursor].at.clone();
                let changes = self.plane(&at)?.document.redo().unwrap_or_default();
                Ok(self.carried(Event::Redo, at, changes))
            }
            ChangeKind::Revert { number } => {
                let event = Event::Toggle { number: *number };
                self.history.check(&event)?;
                let item = self.history.items.iter().find(|item| item.number == *number);
                let at = item.map(|item| item.at.clone()).unwrap_or_default();
                let local = self.history.local(*number).unwrap_or(usize::MAX);
                let changes = self.plane(&at)?.document.toggle(local)?;
                Ok(self.carried(event, at, changes))
            }
            ChangeKind::Snapshot { name } => {
                let name: String = name.trim().chars().take(100).collect();
                if name.is_empty() {
                    return Err(Error::Invalid("Give the snapshot a name.".to_owned()));
                }
                Ok(AppliedChange::from_events(vec![Event::Snapshot { name }]))
            }
            ChangeKind::Restore { sequence } => {
                let event = Event::Restore { to: *sequence };
                self.history.check(&event)?;
                let before = format!("before going back to {sequence}");
                self.recomputed(vec![Event::Snapshot { name: before }, event])
            }
            ChangeKind::Previous => self.previous(),
            ChangeKind::Import { recipe, at } => self.import(recipe, at.as_deref()),
            ChangeKind::Rebase => self.rebase(),
            ChangeKind::Save { .. } => Err(Error::internal("a save is no event")),
        }
    }

    /// What one event did on a plane.
    fn carried(&mut self, event: Event, at: Vec<usize>, changes: Changes) -> AppliedChange {
        let Some(plane) = self.planes.get_mut(&at) else { return AppliedChange::from_events(vec![event]) };
        let effect = match event {
            Event::Apply { .. } | Event::Toggle { .. } => {
                Some(Effect::from_changes(&changes, plane.document.map()))
            }
            _ => None,
        };
        let maps = plane.follow(changes);
        AppliedChange { at, maps, effects: vec![effect], ..AppliedChange::from_events(vec![event]) }
    }

    /// What events do that are not one step on one plane: the planes are computed anew from the history after them.
    pub(crate) fn recomputed(&mut self, events: Vec<Event>) -> Result<AppliedChange, Error> {
        let next = self.after(&events)?;
        let only = match (self.planes.len(), self.planes.keys().next()) {
            (1, Some(at)) if next.planes().iter().all(|plane| plane == at) => Some(at.clone()),
            _ => None,
        };
        let previous = std::mem::replace(&mut self.history, next);
        let result = self.compute_anew(only);
        self.history = previous;
        let mut carried = result?;
        carried.events = events;
        Ok(carried)
    }

    /// The history as it would be after these events.
    pub(crate) fn after(&self, events: &[Event]) -> Result<History, Error> {
        let mut next = self.history.clone();
        for event in events {
            next.take(provisional(&next, event)?)?;
        }
        Ok(next)
    }

    /// Computes the planes from the history. Of a single plane the differences are told, else all is told to be different.
    fn compute_anew(&mut self, only: Option<Vec<usize>>) -> Result<AppliedChange, Error> {
        let mut old = std::mem::take(&mut self.planes);
        self.load_all()?;
        let Some(at) = only else {
            return Ok(AppliedChange { whole: true, ..AppliedChange::from_events(Vec::new()) });
        };
        let (Some(old), plane) = (old.remove(&at), self.plane(&at)?) else {
            return Ok(AppliedChange { whole: true, ..AppliedChange::from_events(Vec::new()) });
        };
        let changes = difference(&old, plane);
        // The old derived maps know what they were: let them follow to tell what is different.
        plane.maps = old.maps;
        let maps = plane.follow(changes);
        Ok(AppliedChange { at, maps, ..AppliedChange::from_events(Vec::new()) })
    }

    /// Stores what was carried out. `None`: another process was quicker; all is read anew, and it may be tried again.
    fn store(
        &mut self,
        author: &str,
        change: &Change,
        carried: AppliedChange,
    ) -> Result<Option<DraftUpdate>, Error> {
        let after = self.history.sequence;
        if after + carried.events.len() as i64 > MAX_EVENTS {
            self.planes.clear();
            return Err(Error::TooLarge(format!(
                "This draft has {MAX_EVENTS} entries, which is the most: save it, and go on from there."
            )));
        }
        let mut events = Vec::new();
        for (k, event) in carried.events.iter().enumerate() {
            let key = if k == 0 { change.key } else { Uuid::new_v5(&change.key, k.to_string().as_bytes()) };
            let event = serde_json::to_value(event).map_err(Error::internal)?;
            events.push(NewEvent { key, author: author.to_owned(), event });
        }
        let bases = carried.base.as_ref().map(|base| ids(&base.revisions));
        match self.store.append_to_draft(self.draft.id, after, events, bases.as_deref()) {
            Ok(Appended::Stored(stored)) => Ok(Some(self.follow(change.what.name(), carried, stored)?)),
            Ok(Appended::Known(_)) => {
                self.read_anew()?;
                Ok(Some(self.told(change.what.name(), Vec::new(), Vec::new(), true)))
            }
            Ok(Appended::Moved) => {
                self.read_anew()?;
                Ok(None)
            }
            Ok(Appended::Closed) => {
                self.read_anew()?;
                Err(saved_already(self.saved.unwrap_or_default()))
            }
            Err(error) => {
                // What is in memory is not stored.
                self.planes.clear();
                self.load_all()?;
                Err(error.into())
            }
        }
    }

    /// The history follows what was stored.
    fn follow(
        &mut self,
        what: &'static str,
        carried: AppliedChange,
        stored: Vec<DraftEvent>,
    ) -> Result<DraftUpdate, Error> {
        let AppliedChange { at, maps, effects, whole, report, base, .. } = carried;
        if let Some(base) = base {
            self.newest = base.edited().revision;
            self.draft.bases = ids(&base.revisions);
            self.base = base;
        }
        let mut effects = effects.into_iter();
        for event in stored {
            if let (Some(Some(effect)), Some(plane)) = (effects.next(), self.planes.get_mut(&at)) {
                plane.effects.insert(event.sequence, effect);
            }
            self.history.take(event)?;
        }
        // Planes other than this one may still hold commands that are forgotten now.
        let items = &self.history.items;
        let commands = |at: &Vec<usize>| items.iter().filter(|item| item.at == *at).count();
        self.planes.retain(|at, plane| plane.document.commands().0.len() == commands(at));
        Ok(DraftUpdate { report, ..self.told(what, at, maps, whole) })
    }

    /// Reads everything anew that the store tells.
    pub(crate) fn read_anew(&mut self) -> Result<(), Error> {
        let gone = || Error::NotFound("The draft is gone: its workflow was deleted.".to_owned());
        let draft = self.store.draft(self.draft.id)?.ok_or_else(gone)?;
        if draft.bases != self.draft.bases {
            let Base { data_file, editor, file_type, variable, .. } = &self.base;
            self.base = Base::open(&self.store, data_file, *editor, *file_type, variable, &draft.bases)?;
        }
        if let Some(id) = draft.revision {
            let revisions = self.store.revisions(draft.of.data_file)?;
            self.saved =
                revisions.iter().find(|revision| revision.id == id).map(|revision| revision.revision);
        }
        self.history = History::from_events(self.store.draft_events(draft.id, 0)?)?;
        self.draft = draft;
        self.planes.clear();
        self.load_all()
    }

    /// The number of the revision that it was saved as.
    pub(crate) fn saved(&self) -> Option<i32> {
        self.saved
    }

    /// Looks whether the type has a newer revision than was known, and gives its number.
    pub(crate) fn look(&mut self) -> Result<Option<i32>, Error> {
        let Base { data_file, editor, file_type, .. } = &self.base;
        let newest = base::newest(&self.store, data_file, *editor, *file_type)?;
        let newest = newest.first().map_or(0, |revision| revision.revision);
        let moved = newest != self.newest;
        self.newest = newest;
        Ok(moved.then_some(newest))
    }

    fn statuses(&self) -> Vec<(i64, &'static str)> {
        let numbers = self.history.items.iter().map(|item| item.number);
        numbers.zip(self.history.statuses()).collect()
    }

    /// What is told of the present state, and of what is different from the one told before.
    fn told(&mut self, what: &'static str, at: Vec<usize>, maps: Vec<MapChange>, whole: bool) -> DraftUpdate {
        let statuses = self.statuses();
        let before: HashMap<i64, &str> = self.told.iter().copied().collect();
        let changed = |k: usize| {
            let (number, status) = statuses[k];
            before.get(&number) != Some(&status)
        };
        let mut state = self.state(&at, changed);
        let now: HashSet<i64> = statuses.iter().map(|(number, _)| *number).collect();
        let gone = self.told.iter().filter(|(number, _)| !now.contains(number));
        state.insert("dropped".into(), gone.map(|(number, _)| *number).collect());
        self.told = statuses;
        let maps = self.shown(maps);
        DraftUpdate { what, at, maps, whole, report: None, state: state.into() }
    }

    /// Those of the changes that are on maps that this editor shows.
    pub(crate) fn shown(&self, mut changes: Vec<MapChange>) -> Vec<MapChange> {
        let layers = self.base.editor.layers(self.base.meaning);
        let is_shown = |map: &str| map == "values" || layers.iter().any(|&layer| layer_name(layer) == map);
        changes.retain(|change| is_shown(change.map));
        changes
    }

    /// The state with all actions.
    pub(crate) fn whole_state(&self) -> Result<Value, Error> {
        let mut state = self.state(&self.first_plane()?, |_| true);
        state.insert("dropped".into(), json!([]));
        Ok(state.into())
    }

    /// The state, with those of the actions that `shown` picks, and what there is on the plane `at`.
    fn state(&self, at: &[usize], shown: impl Fn(usize) -> bool) -> Object<String, Value> {
        let History { items, cursor, snapshots, sequence, .. } = &self.history;
        let statuses = self.history.statuses();
        let actions = items.iter().enumerate().filter(|(k, _)| shown(*k)).map(|(k, item)| {
            let effect = self.planes.get(&item.at).and_then(|plane| plane.effects.get(&item.number));
            let (kind, label, action) = match &item.what {
                history::EventKind::Apply(action) => (action.kind(), action.label(), json!(action)),
                history::EventKind::Toggle(target) => {
                    ("revert", self.reverted_label(*target), json!({ "number": target }))
                }
            };
            json!({
                "number": item.number,
                "label": label,
                "kind": kind,
                "at": item.at,
                "cells": effect.map(|effect| effect.cells),
                "bounds": effect.and_then(|effect| effect.bounds),
                "thumbnail": effect.map(|effect| &effect.thumbnail),
                "status": statuses[k],
                "author": item.author,
                "created": item.created,
                "action": action,
            })
        });
        let mut state = Object::new();
        state.insert("sequence".into(), json!(sequence));
        state.insert("cursor".into(), json!(cursor));
        state.insert("actions".into(), actions.collect());
        state.insert("can_undo".into(), json!(*cursor > 0));
        state.insert("can_redo".into(), json!(*cursor < items.len()));
        state.insert("snapshots".into(), json!(snapshots));
        state.insert("counts".into(), self.counts(at));
        state.insert("range".into(), json!(self.range(at)));
        state
    }

    fn reverted_label(&self, target: i64) -> String {
        let action = self.history.items.iter().find_map(|item| match &item.what {
            history::EventKind::Apply(action) if item.number == target => Some(action),
            _ => None,
        });
        action.map_or_else(
            || "Take out, or put in again".to_owned(),
            |action| format!("Take out, or put in again: {}", action.label()),
        )
    }

    /// What is left to correct on a plane.
    fn counts(&self, at: &[usize]) -> Value {
        let layers = self.base.editor.layers(self.base.meaning);
        let (Some(plane), false) = (self.planes.get(at), layers.is_empty()) else { return json!({}) };
        counts(self, &plane.maps.counts())
    }

    /// Smallest and largest value of a plane; `None` of one that is not in memory.
    fn range(&self, at: &[usize]) -> Option<[f64; 2]> {
        let values = self.planes.get(at)?.document.values();
        let known = values.iter().filter(|value| !value.is_nan());
        let range = known.fold([f64::INFINITY, f64::NEG_INFINITY], |[min, max], &v| [min.min(v), max.max(v)]);
        range[0].is_finite().then_some(range)
    }

    /// Cells to copy, from another revision, into an action that says so.
    pub(crate) fn fill_in(
        &mut self,
        action: &mut boundary::edit::Action,
        at: &[usize],
        from: &CopyFrom,
    ) -> Result<(), Error> {
        use boundary::edit::{Cell, CopiedCell, Operation};
        let Operation::Copy { .. } = action.operation else {
            return Err(Error::Invalid("Only a copy takes values of another revision.".to_owned()));
        };
        let (revision, file) = self.base.other(&self.store, from.revision)?;
        let name = from.variable.clone().unwrap_or_else(|| self.base.variable.clone());
        let values = self.base.copied(&revision, &file, &name, at)?;
        let plane = self.plane(at)?;
        let (map, present) = (plane.document.map(), plane.document.values());
        let mask = action.select(map, present);
        let cells = mask.cells().filter_map(|cell| {
            let (row, column) = map.position(cell);
            let value = values[[row, column]];
            // What is the same already need not be said.
            (value.to_bits() != present[[row, column]].to_bits()).then(|| CopiedCell {
                cell: Cell::new(row, column),
                value: Some(value).filter(|value| value.is_finite()),
            })
        });
        let source = format!("{name} of revision {} ({})", revision.revision, revision.file_type.title());
        action.operation = Operation::Copy { source, cells: cells.collect() };
        Ok(())
    }
}

/// The counts of the maps that an editor shows, under the names of the protocol.
pub(crate) fn counts(work: &Work, counts: &boundary::edit::Counts) -> Value {
    use boundary::edit::Layer;
    let mut named = Object::new();
    for layer in work.base.editor.layers(work.base.meaning) {
        match layer {
            Layer::InternalOceans => {
                named.insert("oceans".into(), json!(counts.internal_oceans));
                named.insert("ocean_cells".into(), json!(counts.internal_cells));
            }
            Layer::Passages => drop(named.insert("passages".into(), json!(counts.passages))),
            Layer::Poles => drop(named.insert("poles".into(), json!(counts.poles))),
        }
    }
    named.into()
}

fn saved_already(revision: i32) -> Error {
    Error::Conflict(format!(
        "This draft has been saved as revision {revision}: open the editor again to go on."
    ))
}

/// An event as it will be stored.
fn provisional(history: &History, event: &Event) -> Result<DraftEvent, Error> {
    Ok(DraftEvent {
        sequence: history.sequence + 1,
        key: Uuid::nil(),
        author: String::new(),
        event: serde_json::to_value(event).map_err(Error::internal)?,
        created_at: String::new(),
    })
}

/// The cells in which two planes differ in any bit, with the values of the second.
fn difference(old: &Plane, new: &Plane) -> Changes {
    let (old, new) = (old.document.values(), new.document.values());
    if old.dim() != new.dim() {
        return Changes::default();
    }
    let mut changes = Changes::default();
    for (cell, (a, b)) in (0_u32..).zip(old.iter().zip(&new)) {
        if a.to_bits() != b.to_bits() {
            changes.cells.push(cell);
            changes.values.push(*b);
        }
    }
    changes
}

impl AppliedChange {
    pub(crate) fn from_events(events: Vec<Event>) -> Self {
        Self {
            events,
            at: Vec::new(),
            maps: Vec::new(),
            effects: Vec::new(),
            whole: false,
            report: None,
            base: None,
        }
    }
}
