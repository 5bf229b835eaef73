//! Saving: the draft becomes a revision, in the layout of the file that was edited.
//!
//! Cells that were not changed keep the bits that they have in the file. A variable keeps its type as long as the type
//! holds what was done (integers widen instead of wrapping around, and become double with percentages); packed numbers are
//! stored as what they stand for; a value that marks missing ones in the file stays a value ([`dataset::Variable::put`]).

use boundary::Silent;
use boundary::subbasins::{self, Basin};
use dataset::{DataType, Dataset};
use serde_json::{Map as Object, json};
use store::{Edit, Reach, Saved};
use uuid::Uuid;

use crate::base::{BASINS, stored_finding};
use crate::editor::Editor;
use crate::error::Error;
use crate::plane::Plane;
use crate::work::{Changed, Work};

/// Letters of a description at most.
const MAX_DESCRIPTION_LETTERS: usize = 10_000;

impl Work {
    /// Saves the draft. D7b: the page leaves only after this has been answered.
    pub(crate) fn save(&mut self, key: Uuid, description: &str, sequence: i64) -> Result<Changed, Error> {
        if let Some(revision) = self.saved() {
            return Ok(Changed::Saved { revision, findings: json!([]) });
        }
        if let Some(reason) = self.base.why_not_writable() {
            return Err(Error::ReadOnly(reason));
        }
        if sequence != self.history.sequence {
            return Err(moved());
        }
        for at in self.history.planes() {
            self.plane(&at)?;
        }
        let (dataset, mut findings) = self.result()?;
        findings.extend(self.remaining()?);
        let staged = self.store.stage(self.base.file_type.extension())?;
        dataset::write(&dataset, staged.path()).map_err(|error| {
            if store::is_disk_full(&error) {
                return Error::invalid(store::DISK_FULL);
            }
            if matches!(error, dataset::Error::Io { .. }) {
                return Error::internal(store::chain(&error));
            }
            let edited = self.base.edited().called(&self.base.data_file.filename);
            Error::invalid(error.renamed(&format!("The edited {edited}")))
        })?;
        let mut info = Object::new();
        let description: String = description.trim().chars().take(MAX_DESCRIPTION_LETTERS).collect();
        // The sub-basins never had a description in the original; what is said is kept all the same.
        if !description.is_empty() || self.base.editor != Editor::SubBasins {
            info.insert("changes".into(), description.into());
        }
        let parameters = match self.base.editor.step() {
            Some(_) => self.parameters()?,
            None => Object::new(),
        };
        let told = json!(findings);
        let edit = Edit {
            data_file: self.base.data_file.id,
            step: self.base.editor.step(),
            file_type: self.base.file_type,
            staged,
            info,
            parameters,
            parents: self.draft.bases.clone(),
            findings,
            reach: if self.is_land_only() { Reach::LandOnly } else { Reach::Everything },
            form_key: Some(key),
            request_id: None,
        };
        match self.store.save_draft(self.draft.id, sequence, edit)? {
            Saved::Revision(revision) => Ok(Changed::Saved { revision: revision.revision, findings: told }),
            Saved::Moved => {
                self.read_anew()?;
                Err(moved())
            }
        }
    }

    /// Whether the edits raised or lowered land and nothing else: then the bathymetry is kept.
    fn is_land_only(&self) -> bool {
        let changed = |plane: &&Plane| {
            let original = plane.document.original();
            original.iter().zip(plane.document.values()).any(|(a, b)| a.to_bits() != b.to_bits())
        };
        let mut changed = self.planes.values().filter(changed).peekable();
        self.base.editor == Editor::InternalOceans
            && changed.peek().is_some()
            && changed.all(|plane| plane.document.land_only())
    }

    /// The edited file.
    fn result(&self) -> Result<(Dataset, Vec<store::Finding>), Error> {
        let mut dataset = self.base.dataset()?;
        if self.base.variable == BASINS && self.base.editor == Editor::SubBasins {
            return self.divided(&dataset);
        }
        let name = &self.base.variable;
        let missing = || Error::NotFound(format!("There is no variable '{name}'."));
        let variable = dataset.variables.iter_mut().find(|v| v.name == *name).ok_or_else(missing)?;
        if self.base.data_type()? != self.base.variable_header()?.data_type {
            variable.unpack();
        }
        // Before any value is stored, and for all planes at once: a type that one needs is not taken back for another.
        if let Some(data_type) = widest(self.planes.values()) {
            variable.retype(data_type);
        }
        let shape = variable.shape().to_vec();
        let mut changes = Vec::new();
        for (at, plane) in &self.planes {
            let document = &plane.document;
            let mut position = self.base.full_position(at)?;
            let original = document.original();
            for ((row, column), value) in document.values().indexed_iter() {
                if value.to_bits() == original[[row, column]].to_bits() {
                    continue;
                }
                (position[self.base.placed.y], position[self.base.placed.x]) = (row, column);
                let flat = position.iter().zip(&shape).fold(0, |flat, (&k, &len)| flat * len + k);
                changes.push((flat, *value));
            }
        }
        let mut findings = variable.put(&changes);
        findings.extend(dataset::inexact(&dataset));
        Ok((dataset, findings.into_iter().map(stored_finding).collect()))
    }

    /// The masks of the edited sub-basins.
    fn divided(&self, bathymetry: &Dataset) -> Result<(Dataset, Vec<store::Finding>), Error> {
        let plane = self.planes.values().next().ok_or_else(|| Error::internal("no plane of sub-basins"))?;
        let basin = |&number: &f64| Basin::from_number(number).unwrap_or_default();
        let saved = Some(plane.document.values().map(basin));
        let parameters = subbasins::Parameters { release: self.base.data_file.release, saved };
        let made = subbasins::run(bathymetry, &parameters, &Silent).map_err(Error::invalid)?;
        Ok((made.dataset, made.findings.into_iter().map(stored_finding).collect()))
    }
}

fn moved() -> Error {
    Error::Conflict("The draft has changed since this page saw it: look at it, and save again.".to_owned())
}

/// The type that holds what was done on all planes; `None` where that of the file does.
fn widest<'a>(planes: impl Iterator<Item = &'a Plane>) -> Option<DataType> {
    /// What numbers widen to, each holding those before it.
    const WIDER: [DataType; 3] = [DataType::I16, DataType::I32, DataType::F64];
    let wider = planes.map(|plane| (plane.document.data_type(), plane.loaded_as));
    let wider = wider.filter(|(needed, loaded_as)| needed != loaded_as).map(|(needed, _)| needed);
    wider.max_by_key(|needed| WIDER.iter().position(|wider| wider == needed))
}
