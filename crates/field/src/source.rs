//! Where values come from: parts of variables, in double, with what is missing as NaN.

use dataset::{Dataset, Header, Packing, VariableHeader};
use ndarray::Slice;

use crate::MapError;

/// Anything that can deliver parts of variables. Implementations read only what is asked for.
pub trait Slabs {
    /// The values from index `start`, `count` along each axis, row-major; missing values are NaN.
    fn slab(&self, variable: &VariableHeader, start: &[usize], count: &[usize])
    -> Result<Vec<f64>, MapError>;

    /// The same for what says where cells are, which is not subtracted in a difference.
    fn coordinates(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        self.slab(variable, start, count)
    }
}

/// The coordinates of a source.
pub struct Coordinates<'a, S>(pub &'a S);

impl<S: Slabs> Slabs for Coordinates<'_, S> {
    fn slab(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        self.0.coordinates(variable, start, count)
    }
}

/// Numbers that a map does not show: the colours of all others would be one.
const BEYOND_ANY_MAP: f64 = 9.9e36;

/// The value to show of a stored number; NaN when it is missing or nothing that a map can show.
fn shown(packing: &Packing, stored: f64) -> f64 {
    if !stored.is_finite() || stored.abs() >= BEYOND_ANY_MAP {
        return f64::NAN;
    }
    packing.value(stored)
}

impl Slabs for dataset::File {
    fn slab(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        let stored = self.read_slab(&variable.name, start, count)?.to_f64().unwrap_or_default();
        let packing = variable.packing();
        Ok(stored.iter().map(|&value| shown(&packing, value)).collect())
    }
}

/// A file on disk, or the maps inside an archive.
pub enum FieldSource {
    /// NetCDF.
    File(dataset::File),
    /// Small enough to be held.
    Memory {
        /// Its content.
        dataset: Dataset,
        /// What it holds.
        header: Header,
    },
}

impl FieldSource {
    /// What there is.
    pub fn header(&self) -> &Header {
        match self {
            Self::File(file) => file.header(),
            Self::Memory { header, .. } => header,
        }
    }
}

impl From<Dataset> for FieldSource {
    fn from(dataset: Dataset) -> Self {
        Self::Memory { header: dataset.header(), dataset }
    }
}

impl Slabs for FieldSource {
    fn slab(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        let dataset = match self {
            Self::File(file) => return file.slab(variable, start, count),
            Self::Memory { dataset, .. } => dataset,
        };
        let stored = dataset.variable(&variable.name).and_then(|variable| variable.values.to_f64());
        let stored = stored.unwrap_or_default();
        let packing = variable.packing();
        let part = stored.slice_each_axis(|axis| {
            let first = start[axis.axis.index()];
            Slice::from(first..first + count[axis.axis.index()])
        });
        Ok(part.iter().map(|&value| shown(&packing, value)).collect())
    }
}

/// The difference of two files, cell by cell: position counts, names of dimensions do not.
pub struct Difference<'a, A, B> {
    /// The file that stands for the axes.
    pub left: &'a A,
    /// What is subtracted.
    pub right: &'a B,
    /// The variables of the second file.
    pub right_header: &'a Header,
}

impl<A: Slabs, B: Slabs> Slabs for Difference<'_, A, B> {
    fn slab(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        let other = self.right_header.variable(&variable.name).ok_or_else(|| MapError::NotInBoth {
            variable: variable.name.clone(),
            available: String::from("none"),
        })?;
        if other.shape != variable.shape {
            return Err(MapError::ShapesDiffer {
                variable: variable.name.clone(),
                left: by_name(&variable.shape),
                right: by_name(&other.shape),
            });
        }
        let mut values = self.left.slab(variable, start, count)?;
        for (value, subtracted) in values.iter_mut().zip(self.right.slab(other, start, count)?) {
            *value -= subtracted;
        }
        Ok(values)
    }

    fn coordinates(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        self.left.coordinates(variable, start, count)
    }
}

/// A shape in words: `180 x 360`.
pub fn by_name(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
