//! Reading the header.

use super::element::Element;
use super::{Source, TAG_ATTRIBUTE, TAG_DIMENSION, TAG_VARIABLE, padded, type_of_code};
use crate::{
    AttributeValue, Attributes, DataType, Dimension, Error, Format, Header, VariableHeader, foreign,
};

/// Headers of real files are kilobytes; this bounds what a hostile one makes us hold.
const HEADER_LIMIT: u64 = 16 << 20;
/// Most files' headers are in here, so that opening is one read.
const FIRST_READ: u64 = 16 << 10;
/// Dimension references over all variables: each copies a name of up to `NAME_LIMIT` bytes.
const REFERENCE_LIMIT: usize = 1 << 17;
/// Twice `NC_MAX_NAME`.
const NAME_LIMIT: u64 = 512;
/// `NC_MAX_VAR_DIMS` is 1024; no array library goes near it.
const RANK_LIMIT: u64 = 64;

/// Whether the variables' data must be inside of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataCheck {
    /// They must.
    Inside,
    /// The file is a header only.
    HeaderOnly,
}

/// A parsed header, and where the values are.
#[derive(Debug, Clone)]
pub(crate) struct Classic {
    pub(crate) header: Header,
    pub(crate) placements: Vec<Placement>,
    /// Numbers of the dimensions of every variable.
    pub(crate) dimension_ids: Vec<Vec<usize>>,
    pub(crate) records: u64,
    /// Bytes from one record to the next.
    pub(crate) record_stride: u64,
    /// Bytes of the header.
    pub(crate) header_len: u64,
}

/// Where a variable's values are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) begin: u64,
    /// Bytes of the values without padding, of one record for record variables.
    pub(crate) bytes: u64,
    pub(crate) is_record: bool,
}

/// True when `start` are the first bytes of a classic file.
pub(crate) fn is_classic(start: &[u8]) -> bool {
    matches!(start, [b'C', b'D', b'F', 1 | 2 | 5, ..])
}

/// Reads the header of `source`.
pub(crate) fn parse(source: &impl Source, file: &str, check: DataCheck) -> Result<Classic, Error> {
    let size = source.size();
    let mut take = FIRST_READ;
    loop {
        let prefix = source.bytes(0, take.min(size).min(HEADER_LIMIT), file)?;
        let mut cursor = Cursor { bytes: &prefix, at: 0, format: Format::Classic };
        let raw = match cursor.header() {
            Ok(raw) => raw,
            Err(Stop::Corrupt(_)) if foreign::classic_copied_as_text(&prefix) => {
                return Err(Error::foreign(file, foreign::COPIED_AS_TEXT));
            }
            Err(Stop::Corrupt(what)) => return Err(Error::corrupt(file, what)),
            Err(Stop::Foreign) => {
                let start = prefix.get(..foreign::START_BYTES).unwrap_or(&prefix);
                return Err(Error::foreign(file, foreign::identify(start)));
            }
            Err(Stop::Short) if take < size.min(HEADER_LIMIT) => {
                take = take.saturating_mul(4);
                continue;
            }
            Err(Stop::Short) if size > HEADER_LIMIT => {
                return Err(Error::TooLarge {
                    file: file.to_owned(),
                    what: "the header in bytes".to_owned(),
                    size,
                    limit: HEADER_LIMIT,
                });
            }
            Err(Stop::Short) => {
                let what = "the header".to_owned();
                return Err(Error::Truncated { file: file.to_owned(), what, needed: size + 1, size });
            }
        };
        return raw.placed(size, file, check);
    }
}

/// Why parsing stopped.
enum Stop {
    /// The bytes given end within the header.
    Short,
    Corrupt(String),
    /// Not of this format.
    Foreign,
}

fn corrupt<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Corrupt(what.into()))
}

/// The header as written.
struct Raw {
    format: Format,
    /// `None`: the writer streamed, and the size of the file tells.
    records: Option<u64>,
    /// Length 0 is the record dimension.
    dimensions: Vec<(String, u64)>,
    attributes: Attributes,
    variables: Vec<RawVariable>,
    header_len: u64,
}

struct RawVariable {
    name: String,
    dimensions: Vec<usize>,
    attributes: Attributes,
    data_type: DataType,
    begin: u64,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    format: Format,
}

impl<'a> Cursor<'a> {
    fn header(&mut self) -> Result<Raw, Stop> {
        self.format = match self.take(4) {
            Ok([b'C', b'D', b'F', 1]) => Format::Classic,
            Ok([b'C', b'D', b'F', 2]) => Format::Offset64,
            Ok([b'C', b'D', b'F', 5]) => Format::Data64,
            _ => return Err(Stop::Foreign),
        };
        let streaming = if self.format == Format::Data64 { u64::MAX } else { u64::from(u32::MAX) };
        let records = self.raw_count()?;
        let records = (records != streaming).then_some(records);
        let dimensions = self.dimensions()?;
        let attributes = self.attributes("the file")?;
        let variables = self.variables(&dimensions)?;
        let header_len = self.at as u64;
        Ok(Raw { format: self.format, records, dimensions, attributes, variables, header_len })
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Stop> {
        let end =
            usize::try_from(count).ok().and_then(|count| self.at.checked_add(count)).ok_or(Stop::Short)?;
        let part = self.bytes.get(self.at..end).ok_or(Stop::Short)?;
        self.at = end;
        Ok(part)
    }

    /// `count` bytes and the padding after them.
    fn take_padded(&mut self, count: u64) -> Result<&'a [u8], Stop> {
        let part = self.take(count)?;
        self.take(padded(count).ok_or(Stop::Short)? - count)?;
        Ok(part)
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |value, &byte| (value << 8) | u32::from(byte)))
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().fold(0, |value, &byte| (value << 8) | u64::from(byte)))
    }

    /// A count of the width of the format, as it stands.
    fn raw_count(&mut self) -> Result<u64, Stop> {
        if self.format == Format::Data64 { self.u64() } else { self.u32().map(u64::from) }
    }

    /// A non-negative count.
    fn count(&mut self, what: &str) -> Result<u64, Stop> {
        let limit = if self.format == Format::Data64 { i64::MAX as u64 } else { i32::MAX as u64 };
        let count = self.raw_count()?;
        if count > limit {
            return corrupt(format!("{what} is negative"));
        }
        Ok(count)
    }

    /// The number of entries of a list that starts with `tag` or is absent.
    fn list(&mut self, tag: u32, what: &str) -> Result<u64, Stop> {
        let found = self.u32()?;
        let count = self.count(what)?;
        match (found, count) {
            (0, 0) => Ok(0),
            (found, count) if found == tag => Ok(count),
            _ => corrupt(format!("{what} does not start with its tag")),
        }
    }

    fn name(&mut self, of: &str) -> Result<String, Stop> {
        let len = self.count("the length of a name")?;
        if len == 0 || len > NAME_LIMIT {
            return corrupt(format!("the name of {of} has {len} bytes"));
        }
        Ok(text(self.take_padded(len)?))
    }

    fn dimensions(&mut self) -> Result<Vec<(String, u64)>, Stop> {
        let count = self.list(TAG_DIMENSION, "the list of dimensions")?;
        let mut dimensions: Vec<(String, u64)> = Vec::new();
        for _ in 0..count {
            let name = self.name("a dimension")?;
            let len = self.count("the length of a dimension")?;
            if len == 0 && dimensions.iter().any(|(_, len)| *len == 0) {
                return corrupt("it has two record dimensions");
            }
            dimensions.push((name, len));
        }
        Ok(dimensions)
    }

    fn attributes(&mut self, of: &str) -> Result<Attributes, Stop> {
        let count = self.list(TAG_ATTRIBUTE, "a list of attributes")?;
        let mut attributes = Vec::new();
        for _ in 0..count {
            let name = self.name("an attribute")?;
            let code = self.u32()?;
            let Some(data_type) = type_of_code(code, self.format) else {
                return corrupt(format!("the attribute '{name}' of {of} has the unknown type {code}"));
            };
            let values = self.count("the length of an attribute")?;
            let bytes = values.checked_mul(data_type.size() as u64).ok_or(Stop::Short)?;
            let value = attribute_value(data_type, self.take_padded(bytes)?);
            attributes.push((name, value));
        }
        Ok(Attributes::from_iter(attributes))
    }

    fn variables(&mut self, dimensions: &[(String, u64)]) -> Result<Vec<RawVariable>, Stop> {
        let count = self.list(TAG_VARIABLE, "the list of variables")?;
        let mut variables = Vec::new();
        let mut references = 0;
        for _ in 0..count {
            let name = self.name("a variable")?;
            let rank = self.count("the number of dimensions of a variable")?;
            if rank > RANK_LIMIT {
                return corrupt(format!("'{name}' has {rank} dimensions"));
            }
            let mut ids = Vec::new();
            for axis in 0..rank {
                let id = self.count("the number of a dimension")?;
                let id = usize::try_from(id).ok().filter(|&id| id < dimensions.len());
                let Some(id) = id else {
                    return corrupt(format!("'{name}' has a dimension that does not exist"));
                };
                if axis > 0 && dimensions[id].1 == 0 {
                    return corrupt(format!("the record dimension of '{name}' is not the first"));
                }
                ids.push(id);
            }
            references += ids.len();
            if references > REFERENCE_LIMIT {
                return corrupt("the variables have too many dimensions");
            }
            let attributes = self.attributes(&format!("'{name}'"))?;
            let code = self.u32()?;
            let Some(data_type) = type_of_code(code, self.format) else {
                return corrupt(format!("'{name}' has the unknown type {code}"));
            };
            // The stored size is redundant, and known to be wrong above 4 GiB: shape and type tell.
            self.raw_count()?;
            let begin = if self.format == Format::Classic { self.u32()?.into() } else { self.u64()? };
            variables.push(RawVariable { name, dimensions: ids, attributes, data_type, begin });
        }
        Ok(variables)
    }
}

impl Raw {
    /// Checks that the values are inside of a file of `size` bytes.
    fn placed(self, size: u64, file: &str, check: DataCheck) -> Result<Classic, Error> {
        let overflow = |name: &str| Error::corrupt(file, format!("the size of '{name}' overflows"));
        let mut placements = Vec::with_capacity(self.variables.len());
        for variable in &self.variables {
            let is_record = variable.dimensions.first().is_some_and(|&id| self.dimensions[id].1 == 0);
            let fixed = variable.dimensions.get(usize::from(is_record)..).unwrap_or_default();
            let bytes = fixed
                .iter()
                .try_fold(variable.data_type.size() as u64, |bytes, &id| {
                    bytes.checked_mul(self.dimensions[id].1)
                })
                .filter(|&bytes| bytes <= i64::MAX as u64)
                .ok_or_else(|| overflow(&variable.name))?;
            placements.push(Placement { begin: variable.begin, bytes, is_record });
        }
        let record_stride = record_stride(&placements).ok_or_else(|| overflow("a record"))?;
        let records = match self.records {
            Some(records) => records,
            None => placements
                .iter()
                .filter(|p| p.is_record)
                .map(|p| p.begin)
                .min()
                .and_then(|begin| size.saturating_sub(begin).checked_div(record_stride))
                .unwrap_or(0),
        };
        let mut total: u64 = 0;
        for (variable, placement) in self.variables.iter().zip(&placements) {
            let count = if placement.is_record { records } else { 1 };
            let end = placement.end(records, record_stride).ok_or_else(|| overflow(&variable.name))?;
            if count == 0 || placement.bytes == 0 || check == DataCheck::HeaderOnly {
                continue;
            }
            if placement.begin < self.header_len {
                return Err(Error::corrupt(
                    file,
                    format!("the values of '{}' start in the header", variable.name),
                ));
            }
            if end > size {
                let what = format!("the variable '{}'", variable.name);
                return Err(Error::Truncated { file: file.to_owned(), what, needed: end, size });
            }
            total = total
                .checked_add(placement.bytes.checked_mul(count).ok_or_else(|| overflow(&variable.name))?)
                .ok_or_else(|| overflow(&variable.name))?;
        }
        // Variables on top of one another would make a small file large in memory.
        if total > size {
            return Err(Error::corrupt(
                file,
                "the variables overlap: together they are larger than the file",
            ));
        }
        self.named(placements, records, record_stride, file)
    }

    fn named(
        self,
        placements: Vec<Placement>,
        records: u64,
        record_stride: u64,
        file: &str,
    ) -> Result<Classic, Error> {
        let mut dimensions = Vec::with_capacity(self.dimensions.len());
        for (name, len) in self.dimensions {
            let unlimited = len == 0;
            let len = usize::try_from(if unlimited { records } else { len })
                .map_err(|_| Error::corrupt(file, format!("the length of '{name}' overflows")))?;
            dimensions.push(Dimension { name, len, unlimited });
        }
        let mut variables = Vec::with_capacity(self.variables.len());
        let mut dimension_ids = Vec::with_capacity(self.variables.len());
        for variable in self.variables {
            variables.push(VariableHeader {
                name: variable.name,
                dimensions: variable.dimensions.iter().map(|&id| dimensions[id].name.clone()).collect(),
                shape: variable.dimensions.iter().map(|&id| dimensions[id].len).collect(),
                data_type: variable.data_type,
                attributes: variable.attributes,
            });
            dimension_ids.push(variable.dimensions);
        }
        unique(dimensions.iter().map(|d| d.name.as_str()), "dimensions", file)?;
        unique(variables.iter().map(|v| v.name.as_str()), "variables", file)?;
        let header = Header {
            format: self.format,
            dimensions,
            variables,
            attributes: self.attributes,
            notes: Vec::new(),
        };
        Ok(Classic { header, placements, dimension_ids, records, record_stride, header_len: self.header_len })
    }
}

impl Placement {
    /// The first byte after the values.
    pub(crate) fn end(&self, records: u64, record_stride: u64) -> Option<u64> {
        let before = match (self.is_record, records) {
            (true, 0) => return Some(self.begin),
            (true, records) => record_stride.checked_mul(records - 1)?,
            (false, _) => 0,
        };
        self.begin.checked_add(before)?.checked_add(self.bytes)
    }
}

/// Bytes from one record to the next: the record variables, each padded, unless there is only one.
pub(super) fn record_stride(placements: &[Placement]) -> Option<u64> {
    let mut of_records = placements.iter().filter(|p| p.is_record);
    match (of_records.next(), of_records.next()) {
        (None, _) => Some(0),
        (Some(only), None) => Some(only.bytes),
        _ => placements
            .iter()
            .filter(|p| p.is_record)
            .try_fold(0u64, |sum, p| sum.checked_add(padded(p.bytes)?)),
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>, what: &str, file: &str) -> Result<(), Error> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::corrupt(file, format!("two of its {what} are called '{name}'")));
        }
    }
    Ok(())
}

/// Text is UTF-8; what is not comes from old files and is read as Latin-1.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn attribute_value(data_type: DataType, bytes: &[u8]) -> AttributeValue {
    fn numbers<T: Element>(bytes: &[u8]) -> Vec<T> {
        let mut values = Vec::with_capacity(bytes.len() / T::SIZE);
        T::decode(bytes, &mut values);
        values
    }
    match data_type {
        DataType::Char | DataType::Text => AttributeValue::Text(text(bytes)),
        DataType::I8 => AttributeValue::I8(numbers(bytes)),
        DataType::U8 => AttributeValue::U8(numbers(bytes)),
        DataType::I16 => AttributeValue::I16(numbers(bytes)),
        DataType::U16 => AttributeValue::U16(numbers(bytes)),
        DataType::I32 => AttributeValue::I32(numbers(bytes)),
        DataType::U32 => AttributeValue::U32(numbers(bytes)),
        DataType::I64 => AttributeValue::I64(numbers(bytes)),
        DataType::U64 => AttributeValue::U64(numbers(bytes)),
        DataType::F32 => AttributeValue::F32(numbers(bytes)),
        DataType::F64 => AttributeValue::F64(numbers(bytes)),
    }
}
