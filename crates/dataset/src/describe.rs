//! What a file holds, in words: for a page, and as `ncdump -h` prints it.

use std::fmt::{self, Display, Formatter, Write};

use serde::Serialize;

use crate::{AttributeValue, Attributes, Header, VariableHeader};

/// A header for a page: everything is text, in file order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The format that users know, for example `NetCDF-4 (HDF5)`.
    pub format: String,
    /// The axes.
    pub dimensions: Vec<DimensionDescription>,
    /// Variables that are named like their only dimension.
    pub coordinates: Vec<VariableDescription>,
    /// The other variables.
    pub variables: Vec<VariableDescription>,
    /// Global attributes.
    pub attributes: Vec<AttributeDescription>,
    /// What was left out of the file, and why.
    pub notes: Vec<String>,
}

/// An axis of a [`Description`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DimensionDescription {
    /// Name.
    pub name: String,
    /// Number of cells.
    pub len: usize,
    /// True for a record dimension.
    pub unlimited: bool,
}

/// A variable of a [`Description`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariableDescription {
    /// Name.
    pub name: String,
    /// `double`, `short`, ...
    pub type_name: String,
    /// Names of the dimensions, for example `lat, lon`.
    pub dimensions: String,
    /// Lengths of the dimensions, for example `180 x 360`; empty for a single value.
    pub shape: String,
    /// Attributes.
    pub attributes: Vec<AttributeDescription>,
}

/// An attribute of a [`Description`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttributeDescription {
    /// Name.
    pub name: String,
    /// The value as text; numbers as `ncdump` prints them.
    pub value: String,
}

impl Header {
    /// The header in words. `Display` of the header is its CDL, as `ncdump -h` prints it.
    pub fn describe(&self) -> Description {
        let (coordinates, variables): (Vec<_>, Vec<_>) =
            self.variables.iter().partition(|v| v.is_coordinate());
        Description {
            format: self.format.name().to_owned(),
            dimensions: self
                .dimensions
                .iter()
                .map(|d| DimensionDescription { name: d.name.clone(), len: d.len, unlimited: d.unlimited })
                .collect(),
            coordinates: coordinates.into_iter().map(describe_variable).collect(),
            variables: variables.into_iter().map(describe_variable).collect(),
            attributes: describe_attributes(&self.attributes),
            notes: self.notes.clone(),
        }
    }
}

fn describe_variable(variable: &VariableHeader) -> VariableDescription {
    let lengths: Vec<String> = variable.shape.iter().map(usize::to_string).collect();
    VariableDescription {
        name: variable.name.clone(),
        type_name: variable.data_type.name().to_owned(),
        dimensions: variable.dimensions.join(", "),
        shape: lengths.join(" x "),
        attributes: describe_attributes(&variable.attributes),
    }
}

fn describe_attributes(attributes: &Attributes) -> Vec<AttributeDescription> {
    attributes
        .iter()
        .map(|(name, value)| AttributeDescription { name: name.to_owned(), value: value.to_string() })
        .collect()
}

/// Text as it is, numbers as `ncdump` prints them.
impl Display for AttributeValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text.trim_end_matches('\0')),
            Self::Strings(list) => f.write_str(&list.join(", ")),
            Self::I8(v) => list(f, v, |x| format!("{x}b")),
            Self::U8(v) => list(f, v, |x| format!("{x}ub")),
            Self::I16(v) => list(f, v, |x| format!("{x}s")),
            Self::U16(v) => list(f, v, |x| format!("{x}us")),
            Self::I32(v) => list(f, v, |x| x.to_string()),
            Self::U32(v) => list(f, v, |x| format!("{x}u")),
            Self::I64(v) => list(f, v, |x| format!("{x}ll")),
            Self::U64(v) => list(f, v, |x| format!("{x}ull")),
            Self::F32(v) => list(f, v, |x| real(&format!("{x:e}"), "f")),
            Self::F64(v) => list(f, v, |x| real(&format!("{x:e}"), "")),
        }
    }
}

fn list<T>(f: &mut Formatter<'_>, values: &[T], text: impl Fn(&T) -> String) -> fmt::Result {
    for (index, value) in values.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        f.write_str(&text(value))?;
    }
    Ok(())
}

/// A number given as `m.mmme9`, in the form of C's `%.15g` with a point: `200.`, `1.5e-05`, `NaNf`.
fn real(scientific: &str, suffix: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        // NaN and infinities.
        let name = if scientific.ends_with("inf") {
            scientific.replace("inf", "Infinity")
        } else {
            scientific.into()
        };
        return name + suffix;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let digits = digits.replace('.', "");
    let mut text = sign.to_owned();
    match usize::try_from(exponent) {
        Ok(whole) if whole < 15 => {
            let (before, after) = digits.split_at_checked(whole + 1).unwrap_or((&digits, ""));
            text += &format!("{before:0<width$}.{after}", width = whole + 1);
        }
        Err(_) if exponent >= -4 => {
            text += &format!("0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1))
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            text += &format!(
                "{first}.{rest}e{}{:02}",
                if exponent < 0 { '-' } else { '+' },
                exponent.unsigned_abs()
            );
        }
    }
    text + suffix
}

/// CDL without values, as `ncdump -h` prints it after the line with the name of the file.
impl Display for Header {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.dimensions.is_empty() {
            writeln!(f, "dimensions:")?;
        }
        for dimension in &self.dimensions {
            let name = identifier(&dimension.name);
            if dimension.unlimited {
                writeln!(f, "\t{name} = UNLIMITED ; // ({} currently)", dimension.len)?;
            } else {
                writeln!(f, "\t{name} = {} ;", dimension.len)?;
            }
        }
        if !self.variables.is_empty() {
            writeln!(f, "variables:")?;
        }
        for variable in &self.variables {
            let name = identifier(&variable.name);
            write!(f, "\t{} {name}", variable.data_type.name())?;
            if !variable.dimensions.is_empty() {
                let dimensions: Vec<String> = variable.dimensions.iter().map(|d| identifier(d)).collect();
                write!(f, "({})", dimensions.join(", "))?;
            }
            writeln!(f, " ;")?;
            cdl_attributes(f, &name, &variable.attributes)?;
        }
        if !self.attributes.is_empty() {
            writeln!(f, "\n// global attributes:")?;
        }
        cdl_attributes(f, "", &self.attributes)
    }
}

fn cdl_attributes(f: &mut Formatter<'_>, of: &str, attributes: &Attributes) -> fmt::Result {
    for (name, value) in attributes.iter() {
        let string = if matches!(value, AttributeValue::Strings(_)) { "string " } else { "" };
        write!(f, "\t\t{string}{of}:{} = ", identifier(name))?;
        match value {
            AttributeValue::Text(text) => quoted(f, text.trim_end_matches('\0'))?,
            AttributeValue::Strings(list) => {
                for (index, text) in list.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    quoted(f, text)?;
                }
            }
            numbers => write!(f, "{numbers}")?,
        }
        writeln!(f, " ;")?;
    }
    Ok(())
}

/// Text in quotes; each line of it on a line of its own.
fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => {
                f.write_str("\\n")?;
                if characters.peek().is_some() {
                    f.write_str("\",\n\t\t\t\"")?;
                }
            }
            '"' | '\\' => write!(f, "\\{character}")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
}

/// A name with its special characters escaped.
fn identifier(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii() && !character.is_ascii_alphanumeric() && !"_.@+-".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_those_of_ncdump() {
        let cases = [
            (0.0, "0."),
            (200.0, "200."),
            (-1.0e34, "-1.e+34"),
            (1.5e-5, "1.5e-05"),
            (0.001_25, "0.00125"),
            (123_456.75, "123456.75"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(AttributeValue::F64(vec![value]).to_string(), text);
        }
        assert_eq!(AttributeValue::F32(vec![176.25, f32::NAN]).to_string(), "176.25f, NaNf");
        assert_eq!(AttributeValue::I16(vec![-3, 4]).to_string(), "-3s, 4s");
    }

    #[test]
    fn text_is_escaped_and_broken_at_newlines() {
        let header = Header {
            format: crate::Format::Memory,
            dimensions: Vec::new(),
            variables: Vec::new(),
            attributes: Attributes::new().with("a b", "say \"x\"\nand\n"),
            notes: Vec::new(),
        };
        assert_eq!(
            header.to_string(),
            "\n// global attributes:\n\t\t:a\\ b = \"say \\\"x\\\"\\n\",\n\t\t\t\"and\\n\" ;\n"
        );
    }
}
