//! Saving: the draft becomes a revision, in the layout of the file that was edited.
//!
//! Cells that were not changed keep the bits that they have in the file. A variable keeps its type as long as the type
//! holds what was done (integers widen instead of wrapping around, and become double with percentages); packed numbers are
//! stored as what they stand for.

use boundary::Silent;
use boundary::subbasins::{self, Basin};
use dataset::{AttributeValue, DataType, Dataset, Packing, Values, Variable};
use ndarray::{ArrayD, IxDyn};
use serde_json::{Map as Object, json};
use store::{Edit, Reach, Saved};
use uuid::Uuid;

use crate::base::{BASINS, stored_finding};
use crate::editor::Editor;
use crate::error::Error;
use crate::plane::Plane;
use crate::work::{Changed, Work};

/// Letters of a description at most.
const MOST_DESCRIPTION: usize = 10_000;

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
        let description: String = description.trim().chars().take(MOST_DESCRIPTION).collect();
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
            unpack(variable);
        }
        // Before any value is stored, and for all planes at once: a type that one needs is not taken back for another.
        if let Some(data_type) = widest(self.planes.values()) {
            widen(variable, data_type);
        }
        for (at, plane) in &self.planes {
            let document = &plane.document;
            let mut position = self.base.full_position(at)?;
            let original = document.original();
            for ((row, column), value) in document.values().indexed_iter() {
                if value.to_bits() == original[[row, column]].to_bits() {
                    continue;
                }
                (position[self.base.placed.y], position[self.base.placed.x]) = (row, column);
                put(variable, &position, *value);
            }
        }
        Ok((dataset, Vec::new()))
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

/// Replaces packed numbers by what they stand for.
fn unpack(variable: &mut Variable) {
    let Some(values) = variable.decode() else { return };
    for name in Packing::ATTRIBUTES {
        variable.attributes.remove(name);
    }
    variable.attributes.set_first("_FillValue", f64::NAN);
    variable.values = Values::F64(values);
}

/// The type that holds what was done on all planes; `None` where that of the file does.
fn widest<'a>(planes: impl Iterator<Item = &'a Plane>) -> Option<DataType> {
    /// What numbers widen to, each holding those before it.
    const WIDER: [DataType; 3] = [DataType::I16, DataType::I32, DataType::F64];
    let wider = planes.map(|plane| (plane.document.data_type(), plane.loaded_as));
    let wider = wider.filter(|(needed, loaded_as)| needed != loaded_as).map(|(needed, _)| needed);
    wider.max_by_key(|needed| WIDER.iter().position(|wider| wider == needed))
}

/// Stores the values in a wider type, and the attributes that have to be of the same type with them.
fn widen(variable: &mut Variable, to: DataType) {
    // In single precision a marker given in double stands as what it was rounded to, and goes on to stand so.
    let single = matches!(variable.values, Values::F32(_));
    let as_stored = |number: f64| if single { f64::from(number as f32) } else { number };
    let Some(values) = variable.values.to_f64() else { return };
    let Some(converted) = converted(values, to) else { return };
    variable.values = converted;
    for name in ["_FillValue", "missing_value"] {
        let numbers = variable.attributes.get(name).map(AttributeValue::numbers).unwrap_or_default();
        if numbers.is_empty() {
            continue;
        }
        let numbers = numbers.into_iter().map(as_stored);
        let value = match to {
            DataType::F64 => AttributeValue::F64(numbers.collect()),
            DataType::F32 => AttributeValue::F32(numbers.map(|x| x as f32).collect()),
            DataType::I8 => AttributeValue::I8(numbers.map(|x| x as i8).collect()),
            DataType::I16 => AttributeValue::I16(numbers.map(|x| x as i16).collect()),
            _ => AttributeValue::I32(numbers.map(|x| x as i32).collect()),
        };
        variable.attributes.set(name, value);
    }
}

fn converted(values: ArrayD<f64>, to: DataType) -> Option<Values> {
    Some(match to {
        DataType::I8 => Values::I8(values.mapv(|v| v as i8)),
        DataType::U8 => Values::U8(values.mapv(|v| v as u8)),
        DataType::I16 => Values::I16(values.mapv(|v| v as i16)),
        DataType::U16 => Values::U16(values.mapv(|v| v as u16)),
        DataType::I32 => Values::I32(values.mapv(|v| v as i32)),
        DataType::U32 => Values::U32(values.mapv(|v| v as u32)),
        DataType::I64 => Values::I64(values.mapv(|v| v as i64)),
        DataType::U64 => Values::U64(values.mapv(|v| v as u64)),
        DataType::F32 => Values::F32(values.mapv(|v| v as f32)),
        DataType::F64 => Values::F64(values),
        DataType::Char | DataType::Text => return None,
    })
}

/// Writes one value; a missing one as the variable marks missing values.
fn put(variable: &mut Variable, position: &[usize], value: f64) {
    let fill = ["_FillValue", "missing_value"]
        .iter()
        .find_map(|name| variable.attributes.get(name).and_then(AttributeValue::as_f64));
    let stored = if value.is_nan() { fill.unwrap_or(value) } else { value };
    if !fits(&variable.values, stored) {
        // Integers with missing values among them are edited as doubles, and may still become wider integers.
        let wider: &[DataType] = match variable.values {
            Values::I8(_) | Values::U8(_) => &[DataType::I16, DataType::I32],
            Values::I16(_) | Values::U16(_) => &[DataType::I32],
            _ => &[],
        };
        let wider = wider.iter().find(|wider| holds(**wider, stored));
        widen(variable, wider.copied().unwrap_or(DataType::F64));
    }
    let at = IxDyn(position);
    match &mut variable.values {
        Values::I8(a) => a[at] = stored as i8,
        Values::U8(a) => a[at] = stored as u8,
        Values::I16(a) => a[at] = stored as i16,
        Values::U16(a) => a[at] = stored as u16,
        Values::I32(a) => a[at] = stored as i32,
        Values::U32(a) => a[at] = stored as u32,
        Values::I64(a) => a[at] = stored as i64,
        Values::U64(a) => a[at] = stored as u64,
        Values::F32(a) => a[at] = stored as f32,
        Values::F64(a) => a[at] = stored,
        Values::Char(_) | Values::Text(_) => {}
    }
}

fn fits(values: &Values, value: f64) -> bool {
    let own = match values {
        Values::I8(_) => DataType::I8,
        Values::U8(_) => DataType::U8,
        Values::I16(_) => DataType::I16,
        Values::U16(_) => DataType::U16,
        Values::I32(_) => DataType::I32,
        Values::U32(_) => DataType::U32,
        Values::I64(_) => DataType::I64,
        Values::U64(_) => DataType::U64,
        Values::F32(_) | Values::F64(_) => return true,
        Values::Char(_) | Values::Text(_) => return false,
    };
    holds(own, value)
}

/// Whether an integer type holds a value.
fn holds(integer: DataType, value: f64) -> bool {
    let (least, most) = match integer {
        DataType::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
        DataType::U8 => (0.0, f64::from(u8::MAX)),
        DataType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::U16 => (0.0, f64::from(u16::MAX)),
        DataType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        DataType::U32 => (0.0, f64::from(u32::MAX)),
        // Beyond 2^53 nothing is edited.
        DataType::I64 => (-9e15, 9e15),
        DataType::U64 => (0.0, 9e15),
        DataType::F32 | DataType::F64 | DataType::Char | DataType::Text => return false,
    };
    value.fract() == 0.0 && (least..=most).contains(&value)
}
