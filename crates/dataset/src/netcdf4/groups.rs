//! What of a file with groups is its content.
//!
//! The platform knows files as flat lists of variables. Maps outside of groups are the content; without any, those of the
//! only group that has maps, together with what stands above it (dimensions, coordinates, attributes); with several such groups the
//! file is refused, naming them.

use std::collections::HashMap;

use netcdf::types::{FloatType, IntType, NcVariableType};

use super::{UNPACK, explain};
use crate::contained::Refusal;
use crate::{AttributeValue, Attributes, DataType, Dimension, Format, Header, VariableHeader};

/// Groups inside of groups, at most.
pub(super) const MAX_DEPTH: usize = 32;

/// Names listed in a message, at most.
const MAX_NAMES: usize = 8;

/// A group, or what stands outside of groups.
struct Group {
    /// Empty for what stands outside of groups, else `group/group`.
    path: String,
    dimensions: Vec<Dimension>,
    variables: Vec<VariableHeader>,
    attributes: Attributes,
    notes: Vec<String>,
    /// Maps that are left out because of their compression, and that.
    unreadable: Vec<(String, String)>,
}

impl Group {
    fn maps(&self) -> impl Iterator<Item = &str> {
        let maps = self.variables.iter().filter(|variable| {
            variable.data_type.is_numeric() && !variable.is_coordinate() && !variable.shape.is_empty()
        });
        maps.map(|variable| variable.name.as_str())
    }

    /// `'group' (variable, variable)`.
    fn listed(&self) -> String {
        let names = self.variables.iter().map(|variable| variable.name.as_str());
        format!("'{}' ({})", self.path, listed(names))
    }

    /// The variables' names with those of their groups before them.
    fn full_name(&self, variable: &str) -> String {
        full_name(&self.path, variable)
    }

    fn holds(&self, other: &Self) -> bool {
        self.path.is_empty() || other.path == self.path || other.path.starts_with(&format!("{}/", self.path))
    }
}

pub(super) fn full_name(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..MAX_NAMES].join(", ")),
    }
}

/// The header of a file as a flat list, and the full names of its variables. `unreadable` are the full names of variables with the
/// compression that is not known.
pub(super) fn header(
    file: &netcdf::File,
    unreadable: &HashMap<String, String>,
) -> Result<(Header, Vec<String>), Refusal> {
    let mut groups = vec![content("", file.dimensions(), file.variables(), file.attributes(), unreadable)];
    let inner = file.groups().map_err(|error| explain(&error, "the file"))?;
    for group in inner {
        collect(&group, "", 1, unreadable, &mut groups)?;
    }
    let chosen = choose(&groups)?;
    let mut header = Header {
        format: Format::NetCdf4,
        dimensions: Vec::new(),
        variables: Vec::new(),
        attributes: Attributes::new(),
        notes: Vec::new(),
    };
    let mut paths = Vec::new();
    // The chosen group first: what is nearer hides what is above it.
    let mut content: Vec<&Group> = groups.iter().filter(|group| group.holds(chosen)).collect();
    content.sort_by_key(|group| std::cmp::Reverse(group.path.len()));
    for group in &content {
        for dimension in &group.dimensions {
            if header.dimension(&dimension.name).is_none() {
                header.dimensions.push(dimension.clone());
            }
        }
    }
    for group in &content {
        for variable in &group.variables {
            let fits = variable
                .dimensions
                .iter()
                .zip(&variable.shape)
                .all(|(name, &len)| header.dimension(name).is_some_and(|dimension| dimension.len == len));
            if fits && header.variable(&variable.name).is_none() {
                header.variables.push(variable.clone());
                paths.push(group.full_name(&variable.name));
            }
        }
        for (name, value) in group.attributes.iter() {
            if header.attributes.get(name).is_none() {
                header.attributes.set(name, value.clone());
            }
        }
        header.notes.extend(group.notes.iter().cloned());
    }
    if !chosen.path.is_empty() {
        header.notes.push(format!(
            "the variables are in the group '{}', which is read as the content of the file",
            chosen.path
        ));
    }
    for group in groups.iter().filter(|group| !group.holds(chosen) && !group.variables.is_empty()) {
        header.notes.push(format!("the group {} was left out", group.listed()));
    }
    let maps = header.variables.iter().any(|v| v.data_type.is_numeric() && !v.is_coordinate());
    let lost: Vec<_> = content.iter().flat_map(|group| &group.unreadable).collect();
    if let (false, Some((_, method))) = (maps, lost.first()) {
        let names = listed(lost.iter().map(|(name, _)| name.as_str()));
        return Err(Refusal::Unsupported {
            what: format!("{names}: compressed by {method}, which is not known here"),
            remedy: UNPACK.to_owned(),
        });
    }
    Ok((header, paths))
}

/// The group that has the maps.
fn choose(groups: &[Group]) -> Result<&Group, Refusal> {
    let with_maps: Vec<&Group> =
        groups.iter().filter(|group| group.maps().next().is_some() || !group.unreadable.is_empty()).collect();
    match with_maps.as_slice() {
        // Nothing to see; the first is what stands outside of groups, and always there.
        [] => Ok(&groups[0]),
        [first, ..] if first.path.is_empty() => Ok(first),
        [only] => Ok(only),
        [first, ..] => {
            let groups: Vec<String> = with_maps.iter().map(|group| group.listed()).collect();
            Err(Refusal::Unsupported {
                what: format!("its variables are in several groups: {}", groups.join("; ")),
                remedy: format!("Write a file with one of them, 'nccopy -G {} in.nc out.nc'", first.path),
            })
        }
    }
}

fn collect(
    group: &netcdf::Group<'_>,
    above: &str,
    depth: usize,
    unreadable: &HashMap<String, String>,
    groups: &mut Vec<Group>,
) -> Result<(), Refusal> {
    if depth > MAX_DEPTH {
        return Err(Refusal::Unsupported {
            what: format!("it has groups inside of groups, more than {MAX_DEPTH} deep"),
            remedy: "Write the variables into a file without groups".to_owned(),
        });
    }
    let path = full_name(above, &group.name());
    groups.push(content(&path, group.dimensions(), group.variables(), group.attributes(), unreadable));
    for inner in group.groups() {
        collect(&inner, &path, depth + 1, unreadable, groups)?;
    }
    Ok(())
}

fn content<'a>(
    path: &str,
    dimensions: impl Iterator<Item = netcdf::Dimension<'a>>,
    variables: impl Iterator<Item = netcdf::Variable<'a>>,
    own_attributes: impl Iterator<Item = netcdf::Attribute<'a>>,
    compressed: &HashMap<String, String>,
) -> Group {
    let mut notes = Vec::new();
    let dimensions = dimensions
        .map(|dimension| Dimension {
            name: dimension.name(),
            len: dimension.len(),
            unlimited: dimension.is_unlimited(),
        })
        .collect();
    let mut found = Vec::new();
    let mut unreadable = Vec::new();
    for variable in variables {
        let name = variable.name();
        let data_type = match data_type(&variable.vartype()) {
            Ok(data_type) => data_type,
            Err(kind) => {
                notes.push(format!("the variable '{name}' is of {kind} type and was left out"));
                continue;
            }
        };
        if let Some(method) = compressed.get(&full_name(path, &name)) {
            notes.push(format!(
                "the variable '{name}' is compressed by {method}, which is not known here, and was left out. {UNPACK}"
            ));
            unreadable.push((name, method.clone()));
            continue;
        }
        let attributes = attributes(variable.attributes(), &format!("'{name}'"), &mut notes);
        found.push(VariableHeader {
            name,
            dimensions: variable.dimensions().iter().map(netcdf::Dimension::name).collect(),
            shape: variable.dimensions().iter().map(netcdf::Dimension::len).collect(),
            data_type,
            attributes,
        });
    }
    let attributes = attributes(own_attributes, "the file", &mut notes);
    Group { path: path.to_owned(), dimensions, variables: found, attributes, notes, unreadable }
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
            Err(_) => {
                notes.push(format!("the attribute '{name}' of {of} could not be read and was left out"));
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
