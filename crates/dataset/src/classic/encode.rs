//! Writing: the layout, the header, the values.

use std::io::Write;

use super::element::Element;
use super::parse::{Placement, record_stride};
use super::{TAG_ATTRIBUTE, TAG_DIMENSION, TAG_VARIABLE, padded, type_code};
use crate::error::IN_MEMORY;
use crate::{AttributeValue, Attributes, DataType, Dataset, Error, Format, Header, Values};

/// Bytes converted at a time.
const CHUNK: usize = 1 << 16;

/// CDF-1 and CDF-2 keep the size of a variable in 32 bits.
pub(crate) const CDF2_VARIABLE_LIMIT: u64 = u32::MAX as u64 - 3;

/// What a header is written from.
pub(crate) struct HeaderParts<'a> {
    pub(crate) format: Format,
    pub(crate) records: u64,
    /// Names and lengths; 0 for the record dimension.
    pub(crate) dimensions: Vec<(&'a str, u64)>,
    pub(crate) attributes: &'a Attributes,
    pub(crate) variables: Vec<VariableParts<'a>>,
}

/// One variable of a header.
pub(crate) struct VariableParts<'a> {
    pub(crate) name: &'a str,
    pub(crate) dimensions: Vec<usize>,
    pub(crate) attributes: &'a Attributes,
    pub(crate) data_type: DataType,
    pub(crate) placement: Placement,
}

/// Writes `dataset`, whose types `format` holds, without holding more than a chunk beside it.
pub(crate) fn write_dataset(
    dataset: &Dataset,
    format: Format,
    out: &mut impl Write,
    file: &str,
) -> Result<(), Error> {
    let failed = || Error::io(file, "could not write");
    let header = dataset.header();
    let (parts, stride) = layout(&header, format)?;
    out.write_all(&encode_header(&parts)?).map_err(failed())?;
    let mut buffer = Vec::new();
    for (variable, part) in dataset.variables.iter().zip(&parts.variables) {
        if !part.placement.is_record {
            let len = values_len(&variable.values);
            write_values(&variable.values, 0, len, &mut buffer, out).map_err(failed())?;
            write_padding(part.placement.bytes, out).map_err(failed())?;
        }
    }
    let records =
        usize::try_from(parts.records).map_err(|_| Error::inconsistent("it has too many records"))?;
    for record in 0..records {
        for (variable, part) in dataset.variables.iter().zip(&parts.variables) {
            if part.placement.is_record {
                let len = values_len(&variable.values) / records;
                write_values(&variable.values, record * len, len, &mut buffer, out).map_err(failed())?;
                if stride != part.placement.bytes {
                    write_padding(part.placement.bytes, out).map_err(failed())?;
                }
            }
        }
    }
    Ok(())
}

/// The header of a file with the variables of `header`, and where the values of each begin.
#[cfg(feature = "netcdf4")]
pub(crate) fn laid_out(header: &Header, format: Format) -> Result<(Vec<u8>, Vec<u64>), Error> {
    let (parts, _) = layout(header, format)?;
    let begins = parts.variables.iter().map(|variable| variable.placement.begin).collect();
    Ok((encode_header(&parts)?, begins))
}

/// Places the variables and checks that the parts of the dataset agree.
fn layout(header: &Header, format: Format) -> Result<(HeaderParts<'_>, u64), Error> {
    let unlimited = record_dimension(header);
    let mut seen = std::collections::HashSet::new();
    for dimension in &header.dimensions {
        if !seen.insert(dimension.name.as_str()) {
            return Err(Error::inconsistent(format!("two dimensions are called '{}'", dimension.name)));
        }
    }
    seen.clear();
    let limit = if format == Format::Data64 { i64::MAX as u64 } else { i32::MAX as u64 };
    let mut dimensions = Vec::with_capacity(header.dimensions.len());
    for (id, dimension) in header.dimensions.iter().enumerate() {
        let len = dimension.len as u64;
        if len > limit {
            let what = format!("the dimension '{}'", dimension.name);
            return Err(Error::TooLarge { file: IN_MEMORY.to_owned(), what, size: len, limit });
        }
        if len == 0 && unlimited != Some(id) {
            return Err(Error::inconsistent(format!(
                "the dimension '{}' is empty, which the format has for the first, unlimited dimension only",
                dimension.name
            )));
        }
        dimensions.push((dimension.name.as_str(), if unlimited == Some(id) { 0 } else { len }));
    }
    let mut variables = Vec::with_capacity(header.variables.len());
    for variable in &header.variables {
        if !seen.insert(variable.name.as_str()) {
            return Err(Error::inconsistent(format!("two variables are called '{}'", variable.name)));
        }
        let shape = &variable.shape;
        if shape.len() != variable.dimensions.len() {
            return Err(Error::inconsistent(format!(
                "'{}' has {} dimensions, its values have {}",
                variable.name,
                variable.dimensions.len(),
                shape.len()
            )));
        }
        let mut ids = Vec::with_capacity(shape.len());
        for (name, &len) in variable.dimensions.iter().zip(shape) {
            let id = header.dimensions.iter().position(|d| d.name == *name && d.len == len);
            ids.push(id.ok_or_else(|| {
                Error::inconsistent(format!("'{}' has no dimension '{name}' of length {len}", variable.name))
            })?);
        }
        let is_record = ids.first().is_some_and(|&id| unlimited == Some(id));
        let size = variable.data_type.size() as u64;
        let bytes = shape[usize::from(is_record)..]
            .iter()
            .try_fold(size, |bytes, &len| bytes.checked_mul(len as u64));
        let bytes = bytes.filter(|&bytes| bytes <= i64::MAX as u64);
        let bytes =
            bytes.ok_or_else(|| Error::inconsistent(format!("the size of '{}' overflows", variable.name)))?;
        if format != Format::Data64 && bytes > CDF2_VARIABLE_LIMIT {
            let what = format!("the variable '{}' in bytes", variable.name);
            let file = IN_MEMORY.to_owned();
            return Err(Error::TooLarge { file, what, size: bytes, limit: CDF2_VARIABLE_LIMIT });
        }
        variables.push(VariableParts {
            name: &variable.name,
            dimensions: ids,
            attributes: &variable.attributes,
            data_type: variable.data_type,
            placement: Placement { begin: 0, bytes, is_record },
        });
    }
    let records = unlimited.map_or(0, |id| header.dimensions[id].len as u64);
    let mut parts = HeaderParts { format, records, dimensions, attributes: &header.attributes, variables };
    let stride = place(&mut parts).ok_or_else(|| Error::inconsistent("its size overflows"))??;
    Ok((parts, stride))
}

/// Fills in where the variables begin: the fixed ones, then the records. Returns the stride of the records.
fn place(parts: &mut HeaderParts<'_>) -> Option<Result<u64, Error>> {
    let mut at = match encode_header(parts) {
        Ok(header) => header.len() as u64,
        Err(error) => return Some(Err(error)),
    };
    for is_record in [false, true] {
        for variable in parts.variables.iter_mut().filter(|v| v.placement.is_record == is_record) {
            variable.placement.begin = at;
            at = at.checked_add(padded(variable.placement.bytes)?)?;
        }
    }
    let placements: Vec<Placement> = parts.variables.iter().map(|v| v.placement).collect();
    record_stride(&placements).map(Ok)
}

/// The dimension to write as record dimension: the format has one, which must be the first of its variables.
/// Other unlimited dimensions are written with their current length.
pub(crate) fn record_dimension(header: &Header) -> Option<usize> {
    header.dimensions.iter().position(|dimension| {
        let first_only = |names: &[String]| !names.iter().skip(1).any(|name| *name == dimension.name);
        dimension.unlimited && header.variables.iter().all(|variable| first_only(&variable.dimensions))
    })
}

/// The bytes of a header; lengths do not depend on where the variables begin.
pub(crate) fn encode_header(parts: &HeaderParts<'_>) -> Result<Vec<u8>, Error> {
    let version = match parts.format {
        Format::Classic => 1,
        Format::Data64 => 5,
        Format::Offset64 | Format::NetCdf4 | Format::Memory => 2,
    };
    let mut out = Encoder { bytes: vec![b'C', b'D', b'F', version], format: parts.format };
    out.count(parts.records)?;
    out.list(TAG_DIMENSION, parts.dimensions.len())?;
    for (name, len) in &parts.dimensions {
        out.name(name)?;
        out.count(*len)?;
    }
    out.attributes(parts.attributes)?;
    out.list(TAG_VARIABLE, parts.variables.len())?;
    for variable in &parts.variables {
        out.name(variable.name)?;
        out.count(variable.dimensions.len() as u64)?;
        for &id in &variable.dimensions {
            out.count(id as u64)?;
        }
        out.attributes(variable.attributes)?;
        let code = out.type_code(variable.data_type, variable.name)?;
        out.u32(code);
        let size = padded(variable.placement.bytes).unwrap_or(u64::MAX);
        match (out.format, u32::try_from(size)) {
            (Format::Data64, _) => out.u64(size),
            (_, size) => out.u32(size.unwrap_or(u32::MAX)),
        }
        match (out.format, u32::try_from(variable.placement.begin)) {
            (Format::Classic, Ok(begin)) => out.u32(begin),
            (Format::Classic, Err(_)) => return Err(Error::inconsistent("it is too long for CDF-1")),
            _ => out.u64(variable.placement.begin),
        }
    }
    Ok(out.bytes)
}

struct Encoder {
    bytes: Vec<u8>,
    format: Format,
}

impl Encoder {
    fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn count(&mut self, value: u64) -> Result<(), Error> {
        if self.format == Format::Data64 {
            self.u64(value);
            return Ok(());
        }
        let count = i32::try_from(value).ok().and_then(|value| u32::try_from(value).ok());
        self.u32(
            count.ok_or_else(|| Error::inconsistent(format!("the count {value} needs more than 31 bits")))?,
        );
        Ok(())
    }

    fn list(&mut self, tag: u32, len: usize) -> Result<(), Error> {
        self.u32(if len == 0 { 0 } else { tag });
        self.count(len as u64)
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn name(&mut self, name: &str) -> Result<(), Error> {
        if name.is_empty() {
            return Err(Error::inconsistent("a name is empty"));
        }
        self.count(name.len() as u64)?;
        self.bytes.extend(name.as_bytes());
        self.align();
        Ok(())
    }

    fn type_code(&self, data_type: DataType, name: &str) -> Result<u32, Error> {
        type_code(data_type).filter(|&code| code <= 6 || self.format == Format::Data64).ok_or_else(|| {
            Error::CannotHold {
                file: IN_MEMORY.to_owned(),
                name: name.to_owned(),
                what: format!("is of type {}, which the format does not have", data_type.name()),
            }
        })
    }

    fn attributes(&mut self, attributes: &Attributes) -> Result<(), Error> {
        self.list(TAG_ATTRIBUTE, attributes.len())?;
        for (name, value) in attributes.iter() {
            self.name(name)?;
            match value {
                AttributeValue::Text(text) => self.text(text)?,
                AttributeValue::Strings(list) => self.text(&list.join("\n"))?,
                AttributeValue::I8(v) => self.numbers(name, DataType::I8, v)?,
                AttributeValue::U8(v) => self.numbers(name, DataType::U8, v)?,
                AttributeValue::I16(v) => self.numbers(name, DataType::I16, v)?,
                AttributeValue::U16(v) => self.numbers(name, DataType::U16, v)?,
                AttributeValue::I32(v) => self.numbers(name, DataType::I32, v)?,
                AttributeValue::U32(v) => self.numbers(name, DataType::U32, v)?,
                AttributeValue::I64(v) => self.numbers(name, DataType::I64, v)?,
                AttributeValue::U64(v) => self.numbers(name, DataType::U64, v)?,
                AttributeValue::F32(v) => self.numbers(name, DataType::F32, v)?,
                AttributeValue::F64(v) => self.numbers(name, DataType::F64, v)?,
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.u32(2);
        self.count(text.len() as u64)?;
        self.bytes.extend(text.as_bytes());
        self.align();
        Ok(())
    }

    fn numbers<T: Element>(&mut self, name: &str, data_type: DataType, values: &[T]) -> Result<(), Error> {
        let code = self.type_code(data_type, name)?;
        self.u32(code);
        self.count(values.len() as u64)?;
        let start = self.bytes.len();
        self.bytes.resize(start + values.len() * T::SIZE, 0);
        T::encode(values, &mut self.bytes[start..]);
        self.align();
        Ok(())
    }
}

fn values_len(values: &Values) -> usize {
    values.shape().iter().product()
}

fn write_padding(bytes: u64, out: &mut impl Write) -> std::io::Result<()> {
    let missing = (4 - bytes % 4) % 4;
    out.write_all(&[0; 3][..missing as usize])
}

/// Writes `len` values from `start` in row-major order, by way of `buffer`.
pub(crate) fn write_values(
    values: &Values,
    start: usize,
    len: usize,
    buffer: &mut Vec<u8>,
    out: &mut impl Write,
) -> std::io::Result<()> {
    fn numbers<T: Element>(
        array: &ndarray::ArrayD<T>,
        start: usize,
        len: usize,
        buffer: &mut [u8],
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        let per_chunk = buffer.len() / T::SIZE;
        let mut put = |values: &[T]| {
            let bytes = &mut buffer[..values.len() * T::SIZE];
            T::encode(values, bytes);
            out.write_all(bytes)
        };
        if let Some(values) = array.as_slice() {
            return values[start..start + len].chunks(per_chunk).try_for_each(&mut put);
        }
        // A flipped or transposed view that was stored as it is.
        let mut values = array.iter().skip(start).take(len).copied();
        let mut chunk = Vec::with_capacity(per_chunk.min(len));
        loop {
            chunk.clear();
            chunk.extend(values.by_ref().take(per_chunk));
            if chunk.is_empty() {
                return Ok(());
            }
            put(&chunk)?;
        }
    }
    buffer.resize(CHUNK, 0);
    match values {
        Values::I8(a) => numbers(a, start, len, buffer, out),
        Values::U8(a) | Values::Char(a) => numbers(a, start, len, buffer, out),
        Values::I16(a) => numbers(a, start, len, buffer, out),
        Values::U16(a) => numbers(a, start, len, buffer, out),
        Values::I32(a) => numbers(a, start, len, buffer, out),
        Values::U32(a) => numbers(a, start, len, buffer, out),
        Values::I64(a) => numbers(a, start, len, buffer, out),
        Values::U64(a) => numbers(a, start, len, buffer, out),
        Values::F32(a) => numbers(a, start, len, buffer, out),
        Values::F64(a) => numbers(a, start, len, buffer, out),
        // Refused with the header: the format has no such type.
        Values::Text(_) => Ok(()),
    }
}
