//! The labelled dataset: an ordered list of dimensions, of variables and of attributes.

use ndarray::{ArrayD, IxDyn};

use crate::DataType;

/// A named axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// Name, unique in the dataset.
    pub name: String,
    /// Number of cells along the axis.
    pub len: usize,
    /// True for a record (unlimited) dimension.
    pub unlimited: bool,
}

/// The value of an attribute: text, or a list of numbers of one type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the NetCDF types")]
pub enum AttributeValue {
    Text(String),
    Strings(Vec<String>),
    I8(Vec<i8>),
    U8(Vec<u8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Attributes in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(Vec<(String, AttributeValue)>);

/// The values of a variable, row-major in the order of its dimensions.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the NetCDF types")]
pub enum Values {
    I8(ArrayD<i8>),
    U8(ArrayD<u8>),
    I16(ArrayD<i16>),
    U16(ArrayD<u16>),
    I32(ArrayD<i32>),
    U32(ArrayD<u32>),
    I64(ArrayD<i64>),
    U64(ArrayD<u64>),
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
    /// `NC_CHAR`: the last dimension is the length of the strings.
    Char(ArrayD<u8>),
    /// `NC_STRING` (NetCDF-4 only).
    Text(ArrayD<String>),
}

/// A named array with dimensions and attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Name, unique in the dataset.
    pub name: String,
    /// Names of the dimensions, slowest first; as many as `values` has axes.
    pub dimensions: Vec<String>,
    /// Attributes in file order (`_FillValue` among them).
    pub attributes: Attributes,
    /// The stored (packed) values.
    pub values: Values,
}

/// Dimensions, variables and global attributes, all in file order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// The axes.
    pub dimensions: Vec<Dimension>,
    /// The arrays; a variable with the name of its only dimension is that dimension's coordinate.
    pub variables: Vec<Variable>,
    /// Global attributes.
    pub attributes: Attributes,
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for AttributeValue {
    fn from(value: f64) -> Self {
        Self::F64(vec![value])
    }
}

impl From<f32> for AttributeValue {
    fn from(value: f32) -> Self {
        Self::F32(vec![value])
    }
}

impl From<i32> for AttributeValue {
    fn from(value: i32) -> Self {
        Self::I32(vec![value])
    }
}

impl AttributeValue {
    /// The text of a text attribute, without the terminators that C and Fortran programs leave in files.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim_end_matches('\0')),
            Self::Strings(list) if list.len() == 1 => list.first().map(String::as_str),
            _ => None,
        }
    }

    /// The numbers of a numeric attribute, in double; none for text.
    pub fn numbers(&self) -> Vec<f64> {
        fn all<T: Copy + Into<f64>>(list: &[T]) -> Vec<f64> {
            list.iter().map(|&x| x.into()).collect()
        }
        match self {
            Self::Text(_) | Self::Strings(_) => Vec::new(),
            Self::I8(v) => all(v),
            Self::U8(v) => all(v),
            Self::I16(v) => all(v),
            Self::U16(v) => all(v),
            Self::I32(v) => all(v),
            Self::U32(v) => all(v),
            Self::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Self::U64(v) => v.iter().map(|&x| x as f64).collect(),
            Self::F32(v) => all(v),
            Self::F64(v) => v.clone(),
        }
    }

    /// The first number of a numeric attribute, in double.
    pub fn as_f64(&self) -> Option<f64> {
        self.numbers().first().copied()
    }
}

impl FromIterator<(String, AttributeValue)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (String, AttributeValue)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Attributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of the attribute `name`.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text of the attribute `name`, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(AttributeValue::as_text)
    }

    /// Sets an attribute: in place if it exists, else at the end.
    pub fn set(&mut self, name: &str, value: impl Into<AttributeValue>) {
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Sets an attribute and returns the list, for building one in an expression.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<AttributeValue>) -> Self {
        self.set(name, value);
        self
    }

    /// Removes the attribute `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<AttributeValue> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// Puts an attribute first (`_FillValue` stands first in the files of the platform).
    pub fn set_first(&mut self, name: &str, value: impl Into<AttributeValue>) {
        self.remove(name);
        self.0.insert(0, (name.to_owned(), value.into()));
    }

    /// Attributes in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Number of attributes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any attribute.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Calls `$body` with `$array` bound to the numeric array, or `$text` for character data.
macro_rules! for_numeric {
    ($values:expr, $array:ident => $body:expr, else $other:expr) => {
        match $values {
            Values::I8($array) => $body,
            Values::U8($array) => $body,
            Values::I16($array) => $body,
            Values::U16($array) => $body,
            Values::I32($array) => $body,
            Values::U32($array) => $body,
            Values::I64($array) => $body,
            Values::U64($array) => $body,
            Values::F32($array) => $body,
            Values::F64($array) => $body,
            Values::Char(_) | Values::Text(_) => $other,
        }
    };
}

impl Values {
    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Char(a) => a.shape(),
            Self::Text(a) => a.shape(),
            numeric => for_numeric!(numeric, a => a.shape(), else &[]),
        }
    }

    /// True for every type but characters and strings.
    pub fn is_numeric(&self) -> bool {
        !matches!(self, Self::Char(_) | Self::Text(_))
    }

    /// Calls `look` with every stored number, in double, in row-major order; not at all for text.
    pub fn for_each_number(&self, mut look: impl FnMut(f64)) {
        #[expect(clippy::unnecessary_cast, reason = "the macro serves every numeric type")]
        {
            for_numeric!(self, a => a.iter().for_each(|&x| look(x as f64)), else ());
        }
    }

    /// Numbers stored in a type, which has to hold them; `None` for text.
    pub fn from_f64(numbers: ArrayD<f64>, data_type: DataType) -> Option<Self> {
        Some(match data_type {
            DataType::I8 => Self::I8(numbers.mapv(|x| x as i8)),
            DataType::U8 => Self::U8(numbers.mapv(|x| x as u8)),
            DataType::I16 => Self::I16(numbers.mapv(|x| x as i16)),
            DataType::U16 => Self::U16(numbers.mapv(|x| x as u16)),
            DataType::I32 => Self::I32(numbers.mapv(|x| x as i32)),
            DataType::U32 => Self::U32(numbers.mapv(|x| x as u32)),
            DataType::I64 => Self::I64(numbers.mapv(|x| x as i64)),
            DataType::U64 => Self::U64(numbers.mapv(|x| x as u64)),
            DataType::F32 => Self::F32(numbers.mapv(|x| x as f32)),
            DataType::F64 => Self::F64(numbers),
            DataType::Char | DataType::Text => return None,
        })
    }

    /// The stored numbers in double (no fill value or packing applied); `None` for text.
    pub fn to_f64(&self) -> Option<ArrayD<f64>> {
        #[expect(clippy::unnecessary_cast, reason = "the macro serves every numeric type")]
        let array = for_numeric!(self, a => a.mapv(|x| x as f64), else return None);
        Some(array)
    }
}

impl Variable {
    /// A variable with the given parts.
    pub fn new(name: &str, dimensions: &[&str], values: Values, attributes: Attributes) -> Self {
        Self {
            name: name.to_owned(),
            dimensions: dimensions.iter().map(|&d| d.to_owned()).collect(),
            attributes,
            values,
        }
    }

    /// The values with the CF conventions applied ([`Packing`](crate::Packing)): fill and missing values and what is outside of the valid range
    /// become NaN; `_Unsigned`, `scale_factor` and `add_offset` are applied. `None` for text.
    pub fn decode(&self) -> Option<ArrayD<f64>> {
        let mut array = self.values.to_f64()?;
        let packing = self.packing();
        array.mapv_inplace(|stored| packing.value(stored));
        Some(array)
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        self.values.shape()
    }
}

impl Dataset {
    /// An empty dataset.
    pub fn new() -> Self {
        Self::default()
    }

    /// The dimension `name`.
    pub fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|d| d.name == name)
    }

    /// Adds a fixed dimension unless one of that name exists.
    pub fn add_dimension(&mut self, name: &str, len: usize) {
        if self.dimension(name).is_none() {
            self.dimensions.push(Dimension { name: name.to_owned(), len, unlimited: false });
        }
    }

    /// The variable `name`.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|v| v.name == name)
    }

    /// Adds a variable of doubles with `_FillValue = NaN` as its first attribute, as every floating-point
    /// variable of the platform's files has; its dimensions are added when they are new.
    pub fn add_f64(&mut self, name: &str, dimensions: &[&str], values: ArrayD<f64>, attributes: Attributes) {
        for (dimension, &len) in dimensions.iter().zip(values.shape()) {
            self.add_dimension(dimension, len);
        }
        let mut attributes = attributes;
        attributes.set_first("_FillValue", f64::NAN);
        self.variables.push(Variable::new(name, dimensions, Values::F64(values), attributes));
    }

    /// Adds a variable of 32-bit integers; its dimensions are added when they are new.
    pub fn add_i32(&mut self, name: &str, dimensions: &[&str], values: ArrayD<i32>, attributes: Attributes) {
        for (dimension, &len) in dimensions.iter().zip(values.shape()) {
            self.add_dimension(dimension, len);
        }
        self.variables.push(Variable::new(name, dimensions, Values::I32(values), attributes));
    }

    /// True when `name` is a variable named like its only dimension.
    pub fn is_coordinate(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|v| v.dimensions.len() == 1 && v.dimensions[0] == v.name)
    }
}

/// An array of shape `shape` from row-major values; `None` when the counts disagree.
pub(crate) fn shaped<T>(shape: &[usize], values: Vec<T>) -> Option<ArrayD<T>> {
    ArrayD::from_shape_vec(IxDyn(shape), values).ok()
}
