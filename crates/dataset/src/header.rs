//! What a file says about its variables, without their values.

use crate::{Attributes, Dataset, Dimension, Values};

/// Dimensions, variables and attributes of a file, in file order, without values.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The format on disk.
    pub format: Format,
    /// The axes.
    pub dimensions: Vec<Dimension>,
    /// What is known of the variables without reading them.
    pub variables: Vec<VariableHeader>,
    /// Global attributes.
    pub attributes: Attributes,
    /// What was left out and why (NetCDF-4 groups, compound types, ...), for the user.
    pub notes: Vec<String>,
}

/// A variable without its values.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableHeader {
    /// Name, unique in the file.
    pub name: String,
    /// Names of the dimensions, slowest first.
    pub dimensions: Vec<String>,
    /// Lengths of the dimensions, the current number of records for the unlimited one.
    pub shape: Vec<usize>,
    /// Type of the stored values.
    pub data_type: DataType,
    /// Attributes in file order.
    pub attributes: Attributes,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CDF-1.
    Classic,
    /// CDF-2: classic with 64-bit offsets, what the platform writes.
    Offset64,
    /// CDF-5: 64-bit data, with unsigned and 64-bit integers.
    Data64,
    /// NetCDF-4, which is HDF5.
    NetCdf4,
    /// A dataset in memory that no file backs.
    Memory,
}

/// The external type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the NetCDF types")]
pub enum DataType {
    I8,
    Char,
    I16,
    I32,
    F32,
    F64,
    U8,
    U16,
    U32,
    I64,
    U64,
    /// `NC_STRING` (NetCDF-4 only).
    Text,
}

/// Names for the sentence "it has ...": with commas between, or that there are none.
pub fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { "no variables".to_owned() } else { names.join(", ") }
}

impl Header {
    /// The dimension `name`.
    pub fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|d| d.name == name)
    }

    /// The variable `name`.
    pub fn variable(&self, name: &str) -> Option<&VariableHeader> {
        self.variables.iter().find(|v| v.name == name)
    }
}

impl VariableHeader {
    /// Number of values.
    pub fn len(&self) -> usize {
        if self.is_empty() {
            0
        } else {
            self.shape.iter().fold(1, |len: usize, &axis| len.saturating_mul(axis))
        }
    }

    /// True without any value.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// True when named like its only dimension.
    pub fn is_coordinate(&self) -> bool {
        self.dimensions.len() == 1 && self.dimensions[0] == self.name
    }
}

impl Format {
    /// The name that users know.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "NetCDF classic",
            Self::Offset64 => "NetCDF classic, 64-bit offset",
            Self::Data64 => "NetCDF classic, 64-bit data (CDF-5)",
            Self::NetCdf4 => "NetCDF-4 (HDF5)",
            Self::Memory => "in memory",
        }
    }
}

impl DataType {
    /// Bytes of one value in a file; 0 for [`DataType::Text`], whose values differ in length.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::Char | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::F32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::Text => 0,
        }
    }

    /// The name that `ncdump` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::I8 => "byte",
            Self::Char => "char",
            Self::I16 => "short",
            Self::I32 => "int",
            Self::F32 => "float",
            Self::F64 => "double",
            Self::U8 => "ubyte",
            Self::U16 => "ushort",
            Self::U32 => "uint",
            Self::I64 => "int64",
            Self::U64 => "uint64",
            Self::Text => "string",
        }
    }

    /// True for every type but characters and strings.
    pub fn is_numeric(self) -> bool {
        !matches!(self, Self::Char | Self::Text)
    }
}

impl Values {
    /// The type of the values.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::I8(_) => DataType::I8,
            Self::U8(_) => DataType::U8,
            Self::I16(_) => DataType::I16,
            Self::U16(_) => DataType::U16,
            Self::I32(_) => DataType::I32,
            Self::U32(_) => DataType::U32,
            Self::I64(_) => DataType::I64,
            Self::U64(_) => DataType::U64,
            Self::F32(_) => DataType::F32,
            Self::F64(_) => DataType::F64,
            Self::Char(_) => DataType::Char,
            Self::Text(_) => DataType::Text,
        }
    }
}

impl Dataset {
    /// The header of the dataset, as [`crate::File::header`] gives it for a file.
    pub fn header(&self) -> Header {
        let variables = self.variables.iter().map(|variable| VariableHeader {
            name: variable.name.clone(),
            dimensions: variable.dimensions.clone(),
            shape: variable.shape().to_vec(),
            data_type: variable.values.data_type(),
            attributes: variable.attributes.clone(),
        });
        Header {
            format: Format::Memory,
            dimensions: self.dimensions.clone(),
            variables: variables.collect(),
            attributes: self.attributes.clone(),
            notes: Vec::new(),
        }
    }
}
