//! Turning types that a format does not have into types that it has.
//!
//! CDF-2 has no unsigned and no 64-bit integers. `u8` becomes `i16`, `u16` becomes `i32`; `u32`, `i64` and `u64`
//! become `i32` if every value fits, else `f64` if it holds every value exactly, else they are refused. The
//! attributes that are compared with values (`_FillValue`, `valid_range`, ...) follow their variable; others
//! are widened by the same rule on their own. Strings become characters with a dimension for their length.

use std::borrow::Cow;

use ndarray::{ArrayD, IxDyn};

use crate::error::IN_MEMORY;
use crate::{AttributeValue, Attributes, Dataset, Dimension, Error, Format, Values, Variable};

/// CF: these have the type of their variable.
const OF_THE_VALUES_TYPE: [&str; 6] =
    ["_FillValue", "missing_value", "valid_min", "valid_max", "valid_range", "flag_values"];

/// Integers up to here are exact in double precision.
const EXACT_LIMIT: i128 = 1 << 53;

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
            values if values_fit(values) => Variable {
                attributes: widened_attributes(&variable.attributes, format, &variable.name)?,
                ..variable.clone()
            },
            _ => widened(variable, format)?,
        });
    }
    let attributes = widened_attributes(&dataset.attributes, format, "global attributes")?;
    Ok(Cow::Owned(Dataset { dimensions, variables, attributes }))
}

/// `attributes` in types that `format` has.
pub(crate) fn widened_attributes(
    attributes: &Attributes,
    format: Format,
    of: &str,
) -> Result<Attributes, Error> {
    attributes
        .iter()
        .map(|(name, value)| {
            let target = target(value, format).map_err(|what| cannot(&format!("{of}:{name}"), what))?;
            Ok((name.to_owned(), target.map_or_else(|| value.clone(), |target| converted(value, target))))
        })
        .collect()
}

fn attributes_fit(attributes: &Attributes, format: Format) -> bool {
    let needs = |value: &AttributeValue| !matches!(target(value, format), Ok(None));
    !attributes.iter().any(|(_, value)| needs(value))
}

fn cannot(name: &str, what: String) -> Error {
    Error::CannotHold { file: IN_MEMORY.to_owned(), name: name.to_owned(), what }
}

/// What to convert to.
#[derive(Clone, Copy)]
enum Target {
    I16,
    I32,
    F64,
}

fn target(value: &AttributeValue, format: Format) -> Result<Option<Target>, String> {
    if format == Format::Data64 {
        return Ok(None);
    }
    Ok(Some(match value {
        AttributeValue::U8(_) => Target::I16,
        AttributeValue::U16(_) => Target::I32,
        AttributeValue::U32(v) => target_for(v.iter().map(|&x| x.into()))?,
        AttributeValue::I64(v) => target_for(v.iter().map(|&x| x.into()))?,
        AttributeValue::U64(v) => target_for(v.iter().map(|&x| x.into()))?,
        _ => return Ok(None),
    }))
}

fn target_for(mut values: impl Iterator<Item = i128>) -> Result<Target, String> {
    let mut target = Target::I32;
    match values.find(|&value| {
        if i32::try_from(value).is_err() {
            target = Target::F64;
        }
        value.abs() > EXACT_LIMIT
    }) {
        Some(value) => {
            Err(format!("holds {value}, which is beyond 32-bit integers and exact double precision"))
        }
        None => Ok(target),
    }
}

fn converted(value: &AttributeValue, target: Target) -> AttributeValue {
    macro_rules! convert {
        ($values:ident) => {
            match target {
                Target::I16 => AttributeValue::I16($values.iter().map(|&x| x as i16).collect()),
                Target::I32 => AttributeValue::I32($values.iter().map(|&x| x as i32).collect()),
                Target::F64 => AttributeValue::F64($values.iter().map(|&x| x as f64).collect()),
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

fn widened(variable: &Variable, format: Format) -> Result<Variable, Error> {
    // A fill value outside of the target (the default one of i64 is -2^63 + 2) only has to stay equal to the
    // values that it marks, which the same rounding of both guarantees.
    let fill = variable.attributes.get("_FillValue").and_then(integer);
    macro_rules! choose {
        ($array:ident) => {{
            let values = $array.iter().map(|&x| i128::from(x)).filter(|&x| Some(x) != fill);
            let fits = |fill: i128| i32::try_from(fill).is_ok();
            match target_for(values).map_err(|what| cannot(&variable.name, what))? {
                Target::I32 if !fill.is_none_or(fits) => Target::F64,
                target => target,
            }
        }};
    }
    macro_rules! convert {
        ($array:ident, $target:expr) => {
            match $target {
                Target::I16 => Values::I16($array.mapv(|x| x as i16)),
                Target::I32 => Values::I32($array.mapv(|x| x as i32)),
                Target::F64 => Values::F64($array.mapv(|x| x as f64)),
            }
        };
    }
    let (values, target) = match &variable.values {
        Values::U8(a) => (convert!(a, Target::I16), Target::I16),
        Values::U16(a) => (convert!(a, Target::I32), Target::I32),
        Values::U32(a) => {
            let target = choose!(a);
            (convert!(a, target), target)
        }
        Values::I64(a) => {
            let target = choose!(a);
            (convert!(a, target), target)
        }
        Values::U64(a) => {
            let target = choose!(a);
            (convert!(a, target), target)
        }
        other => (other.clone(), Target::F64),
    };
    let mut attributes = Attributes::new();
    for (name, value) in variable.attributes.iter() {
        if OF_THE_VALUES_TYPE.contains(&name) {
            attributes.set(name, converted(value, target));
        } else {
            let own = Attributes::new().with(name, value.clone());
            let own = widened_attributes(&own, format, &variable.name)?;
            attributes.set(name, own.get(name).cloned().unwrap_or_else(|| value.clone()));
        }
    }
    Ok(Variable { name: variable.name.clone(), dimensions: variable.dimensions.clone(), attributes, values })
}

fn integer(value: &AttributeValue) -> Option<i128> {
    Some(match value {
        AttributeValue::U8(v) => (*v.first()?).into(),
        AttributeValue::U16(v) => (*v.first()?).into(),
        AttributeValue::U32(v) => (*v.first()?).into(),
        AttributeValue::I64(v) => (*v.first()?).into(),
        AttributeValue::U64(v) => (*v.first()?).into(),
        _ => return None,
    })
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
    let name = format!("string{len}");
    match dimensions.iter().find(|d| d.name == name) {
        Some(dimension) if dimension.len == len && !dimension.unlimited => {}
        Some(_) => {
            return Err(cannot(&variable.name, format!("needs the dimension '{name}', which is taken")));
        }
        None => dimensions.push(Dimension { name: name.clone(), len, unlimited: false }),
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
        attributes: widened_attributes(&variable.attributes, format, &variable.name)?,
        values: Values::Char(array),
    })
}
