//! Turning types that a format does not have into types that it has.
//!
//! CDF-2 has no unsigned and no 64-bit integers. `u8` becomes `i16`, `u16` becomes `i32`; `u32`, `i64` and `u64`
//! become `i32` if every value fits, else `f64`, rounded where that does not hold them ([`inexact`] tells: a time in
//! nanoseconds beside a map must not keep the map from being written). The attributes that are compared with values
//! (`_FillValue`, `valid_range`, ...) follow their variable, which becomes wide enough for them too; others are widened by the
//! same rule on their own, and become text where a double does not hold them. Strings become characters with a dimension for
//! their length.

use std::borrow::Cow;

use ndarray::{ArrayD, IxDyn};

use crate::error::IN_MEMORY;
use crate::rewrite::OF_THE_VALUES_TYPE;
use crate::{AttributeValue, Attributes, Dataset, Dimension, Error, Finding, Format, Values, Variable};

/// What is rounded when the dataset is written as [`crate::write()`] does: 64-bit integers that a double does not hold. A finding
/// for each variable.
pub fn inexact(dataset: &Dataset) -> Vec<Finding> {
    let found = dataset.variables.iter().filter_map(|variable| {
        let (value, error) = match &variable.values {
            Values::I64(a) => most_rounded(variable, a.iter().map(|&x| x.into())),
            Values::U64(a) => most_rounded(variable, a.iter().map(|&x| x.into())),
            _ => None,
        }?;
        let (name, data_type) = (&variable.name, variable.values.data_type().name());
        Some(Finding::warning(
            "values-rounded",
            format!(
                "'{name}' holds {value}, which is beyond exact double precision, and the format has no {data_type}: its values are \
                 stored in double precision, rounded by up to {error}"
            ),
        ))
    });
    found.collect()
}

/// The value that a double is farthest from, and how far; `None` when all are exact, or missing.
fn most_rounded(variable: &Variable, values: impl Iterator<Item = i128>) -> Option<(i128, i128)> {
    let packing = variable.packing();
    let fits_i32 = |x: i128| i32::try_from(x).is_ok();
    let rounded = values.filter(|&x| !fits_i32(x)).map(|x| (x, (x as f64 as i128 - x).abs()));
    let rounded = rounded.filter(|&(x, error)| error > 0 && !packing.is_missing(x as f64));
    rounded.max_by_key(|&(_, error)| error)
}

/// `dataset` in types that `format` has; borrowed when it is already.
pub(crate) fn storable(dataset: &Dataset, format: Format) -> Result<Cow<'_, Dataset>, Error> {
    let values_fit = |values: &Values| match values {
        Values::U8(_) | Values::U16(_) | Values::U32(_) | Values::I64(_) | Values::U64(_) => {
            format == Format::Data64
        }
        Values::Text(_) => false,
        _ => true,
    };
    let fits = attributes_fit(&dataset.attributes, format)
        && dataset.variables.iter().all(|v| values_fit(&v.values) && attributes_fit(&v.attributes, format));
    if fits {
        return Ok(Cow::Borrowed(dataset));
    }
    let mut dimensions = dataset.dimensions.clone();
    let mut variables = Vec::with_capacity(dataset.variables.len());
    for variable in &dataset.variables {
        variables.push(match &variable.values {
            Values::Text(strings) => characters(variable, strings, &mut dimensions, format)?,
            values if values_fit(values) => {
                Variable { attributes: widened_attributes(&variable.attributes, format), ..variable.clone() }
            }
            _ => widened(variable, format),
        });
    }
    let attributes = widened_attributes(&dataset.attributes, format);
    Ok(Cow::Owned(Dataset { dimensions, variables, attributes }))
}

/// `attributes` in types that `format` has.
pub(crate) fn widened_attributes(attributes: &Attributes, format: Format) -> Attributes {
    let widened = attributes.iter().map(|(name, value)| {
        let value = target(value, format).map_or_else(|| value.clone(), |target| converted(value, target));
        (name.to_owned(), value)
    });
    widened.collect()
}

fn attributes_fit(attributes: &Attributes, format: Format) -> bool {
    attributes.iter().all(|(_, value)| target(value, format).is_none())
}

fn cannot(name: &str, what: String) -> Error {
    Error::CannotHold { file: IN_MEMORY.to_owned(), name: name.to_owned(), what }
}

/// What to convert to, narrowest first.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Target {
    I16,
    I32,
    F64,
    /// Attributes only: digits that a double does not hold.
    Text,
}

impl Target {
    /// True for a number that stays what it is, beyond 2^53 but for rounding.
    fn holds(self, number: i128) -> bool {
        match self {
            Self::I16 => i16::try_from(number).is_ok(),
            Self::I32 => i32::try_from(number).is_ok(),
            Self::F64 | Self::Text => true,
        }
    }

    /// The narrowest for values; rounding them is left to who asks [`inexact`].
    fn of_values(values: impl Iterator<Item = i128>) -> Self {
        let mut values = values;
        if values.all(|value| Self::I32.holds(value)) { Self::I32 } else { Self::F64 }
    }
}

/// What an attribute becomes; `None` for one of a type that the format has.
fn target(value: &AttributeValue, format: Format) -> Option<Target> {
    if format == Format::Data64 {
        return None;
    }
    Some(match value {
        AttributeValue::U8(_) => Target::I16,
        AttributeValue::U16(_) => Target::I32,
        AttributeValue::U32(_) | AttributeValue::I64(_) | AttributeValue::U64(_) => {
            let numbers = integers(value);
            if numbers.iter().any(|&x| x as f64 as i128 != x) {
                Target::Text
            } else {
                Target::of_values(numbers.into_iter())
            }
        }
        _ => return None,
    })
}

fn converted(value: &AttributeValue, target: Target) -> AttributeValue {
    macro_rules! convert {
        ($values:ident) => {
            match target {
                Target::I16 => AttributeValue::I16($values.iter().map(|&x| x as i16).collect()),
                Target::I32 => AttributeValue::I32($values.iter().map(|&x| x as i32).collect()),
                Target::F64 => AttributeValue::F64($values.iter().map(|&x| x as f64).collect()),
                Target::Text => {
                    let words: Vec<String> = $values.iter().map(ToString::to_string).collect();
                    AttributeValue::Text(words.join(" "))
                }
            }
        };
    }
    match value {
        AttributeValue::U8(v) => convert!(v),
        AttributeValue::U16(v) => convert!(v),
        AttributeValue::U32(v) => convert!(v),
        AttributeValue::I64(v) => convert!(v),
        AttributeValue::U64(v) => convert!(v),
        other => other.clone(),
    }
}

fn widened(variable: &Variable, format: Format) -> Variable {
    if variable.packing().means_signed() {
        return signed(variable, format);
    }
    let least = match &variable.values {
        Values::U8(_) => Target::I16,
        Values::U16(_) => Target::I32,
        Values::U32(a) => Target::of_values(a.iter().map(|&x| x.into())),
        Values::I64(a) => Target::of_values(a.iter().map(|&x| x.into())),
        Values::U64(a) => Target::of_values(a.iter().map(|&x| x.into())),
        _ => Target::F64,
    };
    // A marker or limit that was cut to a narrower type would be another number, and mark other values.
    let follow = |name: &str| OF_THE_VALUES_TYPE.contains(&name);
    let numbers: Vec<i128> = variable
        .attributes
        .iter()
        .filter(|(name, _)| follow(name))
        .flat_map(|(_, value)| integers(value))
        .collect();
    let holds_all = |target: &Target| *target >= least && numbers.iter().all(|&x| target.holds(x));
    let target = [Target::I16, Target::I32].into_iter().find(holds_all).unwrap_or(Target::F64);
    macro_rules! convert {
        ($array:ident) => {
            match target {
                Target::I16 => Values::I16($array.mapv(|x| x as i16)),
                Target::I32 => Values::I32($array.mapv(|x| x as i32)),
                Target::F64 | Target::Text => Values::F64($array.mapv(|x| x as f64)),
            }
        };
    }
    let values = match &variable.values {
        Values::U8(a) => convert!(a),
        Values::U16(a) => convert!(a),
        Values::U32(a) => convert!(a),
        Values::I64(a) => convert!(a),
        Values::U64(a) => convert!(a),
        other => other.clone(),
    };
    let mut attributes = Attributes::new();
    // `_Unsigned` is about the type that was.
    for (name, value) in variable.attributes.iter().filter(|(name, _)| *name != "_Unsigned") {
        if follow(name) {
            attributes.set(name, converted(value, target));
        } else {
            let own = Attributes::new().with(name, value.clone());
            let own = widened_attributes(&own, format);
            attributes.set(name, own.get(name).cloned().unwrap_or_else(|| value.clone()));
        }
    }
    Variable { name: variable.name.clone(), dimensions: variable.dimensions.clone(), attributes, values }
}

/// Unsigned numbers that are meant to be signed (`_Unsigned = "false"`), as such; and what is compared with them.
fn signed(variable: &Variable, format: Format) -> Variable {
    let values = match &variable.values {
        Values::U8(a) => Values::I8(a.mapv(|x| x as i8)),
        Values::U16(a) => Values::I16(a.mapv(|x| x as i16)),
        Values::U32(a) => Values::I32(a.mapv(|x| x as i32)),
        other => other.clone(),
    };
    let mut attributes = variable.attributes.clone();
    attributes.remove("_Unsigned");
    for name in OF_THE_VALUES_TYPE {
        match attributes.get(name) {
            Some(AttributeValue::U8(v)) => {
                let list = v.iter().map(|&x| x as i8).collect();
                attributes.set(name, AttributeValue::I8(list));
            }
            Some(AttributeValue::U16(v)) => {
                let list = v.iter().map(|&x| x as i16).collect();
                attributes.set(name, AttributeValue::I16(list));
            }
            Some(AttributeValue::U32(v)) => {
                let list = v.iter().map(|&x| x as i32).collect();
                attributes.set(name, AttributeValue::I32(list));
            }
            _ => {}
        }
    }
    let attributes = widened_attributes(&attributes, format);
    Variable { name: variable.name.clone(), dimensions: variable.dimensions.clone(), attributes, values }
}

/// The whole numbers of an attribute of a type that has to be converted.
fn integers(value: &AttributeValue) -> Vec<i128> {
    fn all<T: Copy + Into<i128>>(list: &[T]) -> Vec<i128> {
        list.iter().map(|&x| x.into()).collect()
    }
    match value {
        AttributeValue::U8(v) => all(v),
        AttributeValue::U16(v) => all(v),
        AttributeValue::U32(v) => all(v),
        AttributeValue::I64(v) => all(v),
        AttributeValue::U64(v) => all(v),
        _ => Vec::new(),
    }
}

/// Strings as characters; the new last dimension is `string<length>`, as xarray names it.
fn characters(
    variable: &Variable,
    strings: &ArrayD<String>,
    dimensions: &mut Vec<Dimension>,
    format: Format,
) -> Result<Variable, Error> {
    let len = strings.iter().map(String::len).max().unwrap_or(0).max(1);
    let mut shape = strings.shape().to_vec();
    shape.push(len);
    // A dimension of the file may have the name, and another length.
    let names = std::iter::once(format!("string{len}")).chain((2..).map(|k| format!("string{len}_{k}")));
    let usable = |name: &String| {
        dimensions.iter().find(|d| d.name == *name).is_none_or(|d| d.len == len && !d.unlimited)
    };
    let name = names.into_iter().find(usable).unwrap_or_default();
    if !dimensions.iter().any(|d| d.name == name) {
        dimensions.push(Dimension { name: name.clone(), len, unlimited: false });
    }
    let mut bytes = Vec::with_capacity(strings.len() * len);
    for (index, string) in strings.iter().enumerate() {
        bytes.extend(string.as_bytes());
        bytes.resize((index + 1) * len, 0);
    }
    let array = ArrayD::from_shape_vec(IxDyn(&shape), bytes)
        .map_err(|_| cannot(&variable.name, "has strings of a shape that does not fit".to_owned()))?;
    let mut dimension_names = variable.dimensions.clone();
    dimension_names.push(name);
    Ok(Variable {
        name: variable.name.clone(),
        dimensions: dimension_names,
        attributes: widened_attributes(&variable.attributes, format),
        values: Values::Char(array),
    })
}
