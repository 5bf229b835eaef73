//! Actions that come from elsewhere or go there: recipes, the list of the last save, a newer revision; and what is wrong
//! with the map.

use boundary::edit::recipe::{Fit, Recipe, Report};
use boundary::edit::{Action, Changes, Quantity, fitness, legacy};
use boundary::subbasins;
use field::geometry::Geometry;
use ndarray::Array2;
use serde_json::{Map as Object, Value, json};
use workflow::FileType;

use crate::base::{self, Base, stored_finding};
use crate::editor::Editor;
use crate::error::{Error, sentence};
use crate::history::Event;
use crate::plane::Effect;
use crate::query::object;
use crate::work::{AppliedChange, Work, ids};

/// Cells of a finding at most.
const MAX_CELLS: usize = 1000;

/// What was stored with the step by the last save.
struct Previous {
    actions: Vec<Action>,
    /// What says which grid the actions are of; absent in lists of earlier releases.
    head: Option<Value>,
    unreadable: Vec<Report>,
}

impl Work {
    /// The plane that is meant where none is named.
    pub(crate) fn first_plane(&self) -> Result<Vec<usize>, Error> {
        Ok(vec![0; self.base.leading()?.len()])
    }

    /// The actions in effect as a recipe.
    pub(crate) fn recipe(&mut self, at: Option<&[usize]>) -> Result<Value, Error> {
        let at = at.map_or_else(|| self.first_plane(), |at| Ok(at.to_vec()))?;
        let title = format!("{} of {}", self.base.editor.title(), self.base.data_file.filename);
        let variable = self.base.variable.clone();
        let recipe = Recipe::new(&self.plane(&at)?.document, &variable, &title);
        serde_json::to_value(recipe).map_err(Error::internal)
    }

    /// Applies a recipe.
    pub(crate) fn import(&mut self, recipe: &Value, at: Option<&[usize]>) -> Result<AppliedChange, Error> {
        let at = at.map_or_else(|| self.first_plane(), |at| Ok(at.to_vec()))?;
        let recipe = Recipe::parse(&recipe.to_string()).map_err(Error::invalid)?;
        self.applied(&recipe, &at, Vec::new())
    }

    /// Applies what fits of a recipe, action by action; `refused` are those that could not even be read.
    fn applied(
        &mut self,
        recipe: &Recipe,
        at: &[usize],
        refused: Vec<Report>,
    ) -> Result<AppliedChange, Error> {
        let plane = self.plane(at)?;
        let mut trial = plane.document.clone();
        let mut reports = recipe.apply(&mut trial).map_err(Error::invalid)?;
        let actions: Vec<Action> = reports.iter_mut().filter_map(|report| report.action.take()).collect();
        reports.extend(refused);
        if actions.is_empty() {
            let why = reports.iter().map(|r| format!("{}: {}", r.label, r.message)).collect::<Vec<_>>();
            return Err(Error::Invalid(format!("None of the actions fits this map. {}", why.join("; "))));
        }
        let mut net = std::collections::BTreeMap::new();
        let (mut events, mut effects) = (Vec::new(), Vec::new());
        for action in actions {
            let changes = plane.document.apply(action.clone())?;
            effects.push(Some(Effect::from_changes(&changes, plane.document.map())));
            net.extend(changes.cells.into_iter().zip(changes.values));
            events.push(Event::Apply { at: at.to_vec(), action: Box::new(action) });
        }
        let (cells, values) = net.into_iter().unzip();
        let maps = plane.follow(Changes { cells, values });
        Ok(AppliedChange {
            at: at.to_vec(),
            maps,
            effects,
            report: Some(told(&reports)),
            ..AppliedChange::from_events(events)
        })
    }

    /// How many actions *apply previous changes* has.
    pub(crate) fn previous_summary(&self) -> Result<Value, Error> {
        let Some(previous) = self.stored()? else { return Ok(Value::Null) };
        if previous.actions.is_empty() && previous.unreadable.is_empty() {
            return Ok(Value::Null);
        }
        Ok(json!({ "actions": previous.actions.len(), "unreadable": previous.unreadable.len() }))
    }

    /// Applies the edit list of the last save.
    pub(crate) fn previous(&mut self) -> Result<AppliedChange, Error> {
        let nothing =
            || Error::Invalid("There are no earlier changes: this step has not been saved yet.".to_owned());
        let previous = self.stored()?.ok_or_else(nothing)?;
        let at = self.first_plane()?;
        let own = self.recipe(Some(&at))?;
        let head = previous.head.unwrap_or(own);
        let recipe =
            Recipe::parse(&with_actions(head, &previous.actions)?.to_string()).map_err(Error::invalid)?;
        self.applied(&recipe, &at, previous.unreadable)
    }

    /// What the last save stored with the step.
    fn stored(&self) -> Result<Option<Previous>, Error> {
        let Some(step) = self.base.editor.step() else { return Ok(None) };
        let Some(parameters) = self.store.step(self.base.data_file.id, step)?.parameters else {
            return Ok(None);
        };
        let entries = entries(&parameters);
        if entries.is_empty() {
            return Ok(None);
        }
        let quantity = |name: &str| self.quantity(name);
        let head = parameters.get("recipe").filter(|head| head.is_object()).cloned();
        Ok(Some(Previous::read(&entries, head, &quantity)))
    }

    /// What a name in a selection of the original stands for.
    fn quantity(&self, name: &str) -> Option<Quantity> {
        let base = &self.base;
        let variable = base.header.variable(&base.variable)?;
        if name == base.variable {
            return Some(Quantity::Value);
        }
        let (row, column) = (&variable.dimensions[base.placed.y], &variable.dimensions[base.placed.x]);
        let curvilinear = matches!(base.placed.geometry, Geometry::Curvilinear { .. });
        let confirmed = |hint: &Option<String>| hint.as_deref() == Some(name);
        match name {
            name if curvilinear && name == row => Some(Quantity::Row),
            name if curvilinear && name == column => Some(Quantity::Column),
            name if name == row || confirmed(&base.hints.latitude) => Some(Quantity::Lat),
            name if name == column || confirmed(&base.hints.longitude) => Some(Quantity::Lon),
            _ => None,
        }
    }

    /// What is stored as the step's parameters: all actions since the step's input, those of earlier saves first, each
    /// with its place in degrees; and what says which grid they are of.
    pub(crate) fn parameters(&mut self) -> Result<Object<String, Value>, Error> {
        let mut list = Vec::new();
        let edited = self.base.edited();
        if edited.step.is_some() && edited.step == self.base.editor.step() {
            list = edited.parameters.as_ref().map(entries).unwrap_or_default();
        }
        let at = self.first_plane()?;
        let mut recipe = object(self.recipe(Some(&at))?);
        if let Some(Value::Array(actions)) = recipe.shift_remove("actions") {
            list.extend(actions);
        }
        let mut parameters = Object::new();
        // A list inside a text, as the original had it.
        parameters.insert("undo_list".into(), Value::Array(list).to_string().into());
        parameters.insert("recipe".into(), recipe.into());
        Ok(parameters)
    }

    /// Moves the draft to the newest revision: its actions are done anew on that, and fitted where it is another grid.
    pub(crate) fn rebase(&mut self) -> Result<AppliedChange, Error> {
        let Base { data_file, editor, file_type, variable, .. } = &self.base;
        let newest = base::newest(&self.store, data_file, *editor, *file_type)?;
        let ids = ids(&newest);
        if ids == self.draft.bases {
            return Err(Error::Invalid("The draft stands on the newest revision already.".to_owned()));
        }
        let base = Base::open(&self.store, data_file, *editor, *file_type, variable, &ids)?;
        if let Some(reason) = base.why_not_writable() {
            return Err(Error::ReadOnly(reason));
        }
        let (mut events, mut report) = (vec![Event::Rebase], None);
        if base.map != self.base.map {
            let name = "before moving to another grid".to_owned();
            events.extend([Event::Snapshot { name }, Event::Restore { to: 0 }]);
            let mut reports = Vec::new();
            for at in self.history.planes() {
                let recipe = Recipe::new(&self.plane(&at)?.document, &base.variable, "");
                let mut document = base.document(&at)?;
                for mut one in recipe.apply(&mut document).map_err(Error::invalid)? {
                    let action = one.action.take().map(Box::new);
                    events.extend(action.map(|action| Event::Apply { at: at.clone(), action }));
                    reports.push(one);
                }
            }
            report = Some(told(&reports));
        }
        let next = self.after(&events)?;
        let (old_base, old_history) =
            (std::mem::replace(&mut self.base, base), std::mem::replace(&mut self.history, next));
        self.planes.clear();
        let loaded = self.load_all();
        self.history = old_history;
        let base = std::mem::replace(&mut self.base, old_base);
        loaded?;
        Ok(AppliedChange { whole: true, report, base: Some(base), ..AppliedChange::from_events(events) })
    }

    /// What would make the model fail.
    pub(crate) fn fitness(&mut self, at: &[usize]) -> Result<Object<String, Value>, Error> {
        let problems = self.problems(at)?;
        let map = &self.base.map;
        let findings = problems.iter().map(|problem| {
            let cells: Vec<[usize; 2]> =
                problem.places(map).take(MAX_CELLS).map(|cell| [cell.column, cell.row]).collect();
            let finding = stored_finding(problem.finding.clone());
            json!({
                "code": finding.code,
                "severity": finding.severity,
                "message": sentence(&finding.message),
                "cells": cells,
                "of": problem.cells.len(),
            })
        });
        Ok(object(json!({ "findings": findings.collect::<Vec<_>>() })))
    }

    fn problems(&mut self, at: &[usize]) -> Result<Vec<fitness::Problem>, Error> {
        let beside = self.beside()?;
        let at = if at.is_empty() { self.first_plane()? } else { at.to_vec() };
        let editor = self.base.editor;
        let plane = self.plane(&at)?;
        let map = plane.document.map();
        let beside = match (&beside, editor) {
            (Some(other), _) if other.dim() != map.dim() => fitness::Beside::Nothing,
            (Some(other), Editor::SubBasins) => fitness::Beside::Depths(other.view()),
            (Some(other), _) => fitness::Beside::Basins(other.view()),
            (None, _) => fitness::Beside::Nothing,
        };
        Ok(fitness::check(map, plane.document.values(), &plane.maps, beside)?)
    }

    /// The map that has to have the same coast.
    fn beside(&self) -> Result<Option<Array2<f64>>, Error> {
        match self.base.editor {
            Editor::SubBasins => {
                let header = &self.base.header;
                let bathymetry = header.variables.iter().find(|v| v.name.eq_ignore_ascii_case("bathymetry"));
                let Some(name) = bathymetry.map(|variable| variable.name.clone()) else { return Ok(None) };
                self.base.plane(&self.base.file, header, &name, &[]).map(Some)
            }
            Editor::PassageProblems => {
                let Some(saved) = self.store.latest(self.base.data_file.id, FileType::SubBasins)? else {
                    return Ok(None);
                };
                // Sub-basins that cannot be read are the business of their own editor.
                let masks = dataset::read(self.store.path(&saved)).ok();
                let basins = masks.and_then(|masks| subbasins::from_dataset(&masks).ok());
                Ok(basins.as_ref().map(base::numbers))
            }
            Editor::InternalOceans | Editor::ValueChanger => Ok(None),
        }
    }

    /// What is left to correct, for the page of the steps.
    pub(crate) fn remaining(&mut self) -> Result<Vec<store::Finding>, Error> {
        if self.base.editor == Editor::ValueChanger {
            return Ok(Vec::new());
        }
        let at = self.first_plane()?;
        Ok(self.problems(&at)?.into_iter().map(|problem| stored_finding(problem.finding)).collect())
    }
}

impl Previous {
    /// Entries of this release are actions, those of earlier releases are read by their grammar.
    fn read(entries: &[Value], head: Option<Value>, quantity: &dyn Fn(&str) -> Option<Quantity>) -> Self {
        let old: Vec<Value> =
            entries.iter().filter(|entry| entry.get("operation").is_none()).cloned().collect();
        let mut old = legacy::read(&old, quantity).into_iter();
        let (mut actions, mut unreadable) = (Vec::new(), Vec::new());
        for (number, entry) in entries.iter().enumerate() {
            let action = match entry.get("operation") {
                Some(_) => serde_json::from_value(entry.clone()).map_err(|error| error.to_string()),
                None => match old.next() {
                    Some(stored) => stored.action.map_err(|error| error.to_string()),
                    None => continue,
                },
            };
            match action {
                Ok(action) => actions.push(action),
                Err(message) => unreadable.push(Report {
                    number,
                    label: format!("Stored action {}", number + 1),
                    fit: Fit::No,
                    message,
                    action: None,
                }),
            }
        }
        Self { actions, head, unreadable }
    }
}

/// The edit list in the parameters of a step: a list inside a text.
fn entries(parameters: &Object<String, Value>) -> Vec<Value> {
    match parameters.get("undo_list") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    }
}

/// A recipe of the head of one and these actions.
fn with_actions(head: Value, actions: &[Action]) -> Result<Value, Error> {
    let mut recipe = object(head);
    recipe.insert("actions".into(), serde_json::to_value(actions).map_err(Error::internal)?);
    Ok(recipe.into())
}

fn told(reports: &[Report]) -> Value {
    let lines = reports.iter().map(|report| {
        json!({
            "number": report.number + 1,
            "label": report.label,
            "fits": report.fit,
            "message": report.message,
        })
    });
    lines.collect()
}
