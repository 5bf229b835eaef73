//! Reading NetCDF-4 through the C library, in this process: for the child of `contained`, and for trusted files.

use std::io::Write;
use std::path::Path;

use ndarray::{ArrayD, Dimension as _, IxDyn};
use netcdf::types::{FloatType, IntType, NcVariableType};

use crate::contained::Part;
use crate::model::shaped;
use crate::{
    AttributeValue, Attributes, DataType, Dataset, Dimension, Error, Format, Header, Values, Variable,
    VariableHeader, classic,
};

/// Reads a whole file with the C library, in this process.
///
/// **For trusted files only**, such as one this program has just written: on damaged files the library crashes or
/// takes all memory. [`crate::read`] reads any file.
///
/// # Errors
/// [`Error::NetCdf4`] with what the library says.
pub fn read_in_process(path: impl AsRef<Path>) -> Result<Dataset, Error> {
    let path = path.as_ref();
    let failed = |what| Error::NetCdf4 { file: path.display().to_string(), what };
    let opened = Opened::open(path).map_err(failed)?;
    opened.dataset(u64::MAX).map_err(failed)
}

/// Writes the file as CDF-5, or only the header of it. Gives notes for the user, and the unlimited dimensions that CDF-5 cannot express.
pub(crate) fn convert(
    path: &Path,
    part: Part,
    data_limit_bytes: u64,
    out: &mut impl Write,
) -> Result<(Vec<String>, Vec<String>), String> {
    let mut opened = Opened::open(path)?;
    opened.drop_empty();
    let header = &opened.header;
    let kept = classic::record_dimension(header);
    let others = header.dimensions.iter().enumerate().filter(|&(id, d)| d.unlimited && Some(id) != kept);
    let unlimited = others.map(|(_, d)| d.name.clone()).collect();
    let name = path.display().to_string();
    let written = match part {
        Part::All => {
            let dataset = opened.dataset(data_limit_bytes)?;
            classic::storable(&dataset, Format::Data64)
                .and_then(|dataset| classic::write_dataset(&dataset, Format::Data64, out, &name))
        }
        Part::Header => classic::write_header(&opened.header_with_characters()?, Format::Data64, out, &name),
    };
    written.map_err(|error| error.to_string())?;
    Ok((opened.header.notes, unlimited))
}

struct Opened {
    file: netcdf::File,
    header: Header,
}

impl Opened {
    fn open(path: &Path) -> Result<Self, String> {
        let file = netcdf::open(path).map_err(|error| error.to_string())?;
        let header = header(&file)?;
        Ok(Self { file, header })
    }

    fn dataset(&self, limit_bytes: u64) -> Result<Dataset, String> {
        let mut total: u64 = 0;
        for variable in &self.header.variables {
            let bytes = (variable.len() as u64).saturating_mul(match variable.data_type {
                // Two pointers and two lengths, here and in the library.
                DataType::Text => 64,
                numeric => numeric.size() as u64,
            });
            total = total.saturating_add(bytes);
            if total > limit_bytes {
                return Err(format!(
                    "its variables up to '{}' have {} MiB, the limit is {} MiB",
                    variable.name,
                    total >> 20,
                    limit_bytes >> 20
                ));
            }
        }
        let mut variables = Vec::with_capacity(self.header.variables.len());
        for variable in &self.header.variables {
            variables.push(Variable {
                name: variable.name.clone(),
                dimensions: variable.dimensions.clone(),
                attributes: variable.attributes.clone(),
                values: self.values(variable)?,
            });
        }
        let dimensions = self.header.dimensions.clone();
        Ok(Dataset { dimensions, variables, attributes: self.header.attributes.clone() })
    }

    /// The header with strings as characters; how long these are takes reading them.
    fn header_with_characters(&self) -> Result<Header, String> {
        let mut strings = Dataset { dimensions: self.header.dimensions.clone(), ..Dataset::new() };
        for variable in self.header.variables.iter().filter(|v| v.data_type == DataType::Text) {
            let values = self.values(variable)?;
            let attributes = variable.attributes.clone();
            let (name, dimensions) = (variable.name.clone(), variable.dimensions.clone());
            strings.variables.push(Variable { name, dimensions, attributes, values });
        }
        let strings =
            classic::storable(&strings, Format::Data64).map_err(|error| error.to_string())?.header();
        let mut header = Header { dimensions: strings.dimensions.clone(), ..self.header.clone() };
        for variable in &mut header.variables {
            if let Some(characters) = strings.variable(&variable.name) {
                variable.clone_from(characters);
            }
        }
        Ok(header)
    }

    /// CDF-5 has one dimension of length 0; other empty ones go, and what is on them.
    fn drop_empty(&mut self) {
        let kept = classic::record_dimension(&self.header);
        let mut gone = Vec::new();
        for (id, dimension) in self.header.dimensions.iter().enumerate() {
            if dimension.len == 0 && Some(id) != kept {
                gone.push(dimension.name.clone());
            }
        }
        let notes = &mut self.header.notes;
        self.header.variables.retain(|variable| {
            let empty = variable.dimensions.iter().any(|name| gone.contains(name));
            if empty {
                notes.push(format!("the variable '{}' is empty and was left out", variable.name));
            }
            !empty
        });
        self.header.dimensions.retain(|dimension| !gone.contains(&dimension.name));
    }

    fn values(&self, header: &VariableHeader) -> Result<Values, String> {
        let of = |error: netcdf::Error| format!("the variable '{}': {error}", header.name);
        let Some(variable) = self.file.variable(&header.name) else {
            return Err(format!("the variable '{}' has gone", header.name));
        };
        let misshapen = || format!("the shape of '{}'", header.name);
        macro_rules! numbers {
            ($variant:ident) => {{
                let mut values = Vec::new();
                if !header.is_empty() {
                    values
                        .try_reserve_exact(header.len())
                        .map_err(|_| format!("no memory for '{}'", header.name))?;
                    values.resize(header.len(), Default::default());
                    variable.get_values_into(&mut values, ..).map_err(of)?;
                }
                Values::$variant(shaped(&header.shape, values).ok_or_else(misshapen)?)
            }};
        }
        Ok(match header.data_type {
            DataType::I8 => numbers!(I8),
            DataType::U8 => numbers!(U8),
            DataType::I16 => numbers!(I16),
            DataType::U16 => numbers!(U16),
            DataType::I32 => numbers!(I32),
            DataType::U32 => numbers!(U32),
            DataType::I64 => numbers!(I64),
            DataType::U64 => numbers!(U64),
            DataType::F32 => numbers!(F32),
            DataType::F64 => numbers!(F64),
            DataType::Char => {
                let bytes =
                    if header.is_empty() { Vec::new() } else { variable.get_raw_values(..).map_err(of)? };
                Values::Char(shaped(&header.shape, bytes).ok_or_else(misshapen)?)
            }
            DataType::Text => {
                let indices = ndarray::indices(IxDyn(&header.shape)).into_iter();
                let strings: Result<Vec<String>, _> =
                    indices.map(|at| variable.get_string(at.slice())).collect();
                let array: Option<ArrayD<String>> = shaped(&header.shape, strings.map_err(of)?);
                Values::Text(array.ok_or_else(misshapen)?)
            }
        })
    }
}

fn header(file: &netcdf::File) -> Result<Header, String> {
    let mut notes = Vec::new();
    let mut dimensions: Vec<Dimension> = Vec::new();
    for dimension in file.dimensions() {
        dimensions.push(Dimension {
            name: dimension.name(),
            len: dimension.len(),
            unlimited: dimension.is_unlimited(),
        });
    }
    let mut variables = Vec::new();
    for variable in file.variables() {
        let name = variable.name();
        let data_type = match data_type(&variable.vartype()) {
            Ok(data_type) => data_type,
            Err(kind) => {
                notes.push(format!("the variable '{name}' is of {kind} type and was left out"));
                continue;
            }
        };
        let found = attributes(variable.attributes(), &format!("'{name}'"), &mut notes);
        variables.push(VariableHeader {
            name,
            dimensions: variable.dimensions().iter().map(netcdf::Dimension::name).collect(),
            shape: variable.dimensions().iter().map(netcdf::Dimension::len).collect(),
            data_type,
            attributes: found,
        });
    }
    for group in file.groups().map_err(|error| error.to_string())? {
        notes.push(format!("the group '{}' was left out: only the root group is read", group.name()));
    }
    let attributes = attributes(file.attributes(), "the file", &mut notes);
    Ok(Header { format: Format::NetCdf4, dimensions, variables, attributes, notes })
}

fn data_type(own: &NcVariableType) -> Result<DataType, &'static str> {
    Ok(match own {
        NcVariableType::Int(IntType::I8) => DataType::I8,
        NcVariableType::Int(IntType::U8) => DataType::U8,
        NcVariableType::Int(IntType::I16) => DataType::I16,
        NcVariableType::Int(IntType::U16) => DataType::U16,
        NcVariableType::Int(IntType::I32) => DataType::I32,
        NcVariableType::Int(IntType::U32) => DataType::U32,
        NcVariableType::Int(IntType::I64) => DataType::I64,
        NcVariableType::Int(IntType::U64) => DataType::U64,
        NcVariableType::Float(FloatType::F32) => DataType::F32,
        NcVariableType::Float(FloatType::F64) => DataType::F64,
        NcVariableType::Char => DataType::Char,
        NcVariableType::String => DataType::Text,
        NcVariableType::Compound(_) => return Err("compound"),
        NcVariableType::Opaque(_) => return Err("opaque"),
        NcVariableType::Enum(_) => return Err("enumeration"),
        NcVariableType::Vlen(_) => return Err("variable-length"),
    })
}

fn attributes<'a>(
    list: impl Iterator<Item = netcdf::Attribute<'a>>,
    of: &str,
    notes: &mut Vec<String>,
) -> Attributes {
    use netcdf::AttributeValue as Own;
    let mut entries = Vec::new();
    for attribute in list {
        let name = attribute.name().to_owned();
        let value = match attribute.value() {
            Ok(value) => value,
            Err(error) => {
                notes.push(format!("the attribute '{name}' of {of} was left out: {error}"));
                continue;
            }
        };
        let value = match value {
            Own::Uchar(x) => AttributeValue::U8(vec![x]),
            Own::Uchars(v) => AttributeValue::U8(v),
            Own::Schar(x) => AttributeValue::I8(vec![x]),
            Own::Schars(v) => AttributeValue::I8(v),
            Own::Ushort(x) => AttributeValue::U16(vec![x]),
            Own::Ushorts(v) => AttributeValue::U16(v),
            Own::Short(x) => AttributeValue::I16(vec![x]),
            Own::Shorts(v) => AttributeValue::I16(v),
            Own::Uint(x) => AttributeValue::U32(vec![x]),
            Own::Uints(v) => AttributeValue::U32(v),
            Own::Int(x) => AttributeValue::I32(vec![x]),
            Own::Ints(v) => AttributeValue::I32(v),
            Own::Ulonglong(x) => AttributeValue::U64(vec![x]),
            Own::Ulonglongs(v) => AttributeValue::U64(v),
            Own::Longlong(x) => AttributeValue::I64(vec![x]),
            Own::Longlongs(v) => AttributeValue::I64(v),
            Own::Float(x) => AttributeValue::F32(vec![x]),
            Own::Floats(v) => AttributeValue::F32(v),
            Own::Double(x) => AttributeValue::F64(vec![x]),
            Own::Doubles(v) => AttributeValue::F64(v),
            Own::Str(text) => AttributeValue::Text(text),
            Own::Strs(list) => AttributeValue::Strings(list),
        };
        entries.push((name, value));
    }
    entries.into_iter().collect()
}
