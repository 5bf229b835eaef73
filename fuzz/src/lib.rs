//! Files as fuzz targets make them: small, of every type, with names and attributes of which readers know the meaning.

use dataset::{AttributeValue, Attributes, Dataset, Values, Variable};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use ndarray::{ArrayD, IxDyn};

/// Lengths of the dimensions: none empty, and products stay small.
pub const LENGTHS: [usize; 6] = [1, 2, 3, 4, 5, 8];

/// Names of dimensions, as [`LENGTHS`].
const DIMENSIONS: [&str; 6] = ["time", "vertex", "y", "nyp", "x", "nxp"];

const NAMES: [&str; 26] = [
    "lon",
    "lat",
    "nav_lon",
    "nav_lat",
    "glamt",
    "gphit",
    "TLONG",
    "TLAT",
    "ULONG",
    "ULAT",
    "x",
    "y",
    "XC",
    "YC",
    "lon_bnds",
    "lat_bnds",
    "grid_center_lon",
    "grid_center_lat",
    "grid_corner_lon",
    "grid_corner_lat",
    "grid_dims",
    "grid_imask",
    "topo",
    "Bathymetry",
    "time",
    "depth",
];

const ATTRIBUTES: [&str; 20] = [
    "units",
    "standard_name",
    "long_name",
    "axis",
    "bounds",
    "coordinates",
    "positive",
    "_FillValue",
    "missing_value",
    "valid_min",
    "valid_max",
    "valid_range",
    "scale_factor",
    "add_offset",
    "_Unsigned",
    "grid_mapping",
    "cf_role",
    "actual_range",
    "flag_values",
    "_CoordinateAxisType",
];

const TEXTS: [&str; 28] = [
    "degrees_east",
    "degrees_north",
    "degrees",
    "radians",
    "m",
    "km",
    "ft",
    "m2/s2",
    "longitude",
    "latitude",
    "up",
    "down",
    "X",
    "Y",
    "lon_bnds",
    "lat_bnds",
    "lon lat",
    "TLONG TLAT",
    "true",
    "-9999",
    "1e400",
    "0, 200",
    "mesh_topology",
    "grid_longitude",
    "geographic_longitude",
    "geographic_latitude",
    "height",
    "depth",
];

/// An attribute's value.
#[derive(Debug, Arbitrary)]
pub enum Value {
    /// One of those that readers know.
    Known(u8),
    /// Any text.
    Text(String),
    /// Numbers of a type.
    I8(Vec<i8>),
    /// As above.
    I16(Vec<i16>),
    /// As above.
    I32(Vec<i32>),
    /// As above.
    F32(Vec<f32>),
    /// As above.
    F64(Vec<f64>),
}

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Known(choice) => Self::Text(pick(&TEXTS, choice).to_owned()),
            Value::Text(text) => Self::Text(text),
            Value::I8(list) => Self::I8(list),
            Value::I16(list) => Self::I16(list),
            Value::I32(list) => Self::I32(list),
            Value::F32(list) => Self::F32(list),
            Value::F64(list) => Self::F64(list),
        }
    }
}

/// How the numbers of a variable go on.
#[derive(Debug, Arbitrary)]
pub enum Numbers {
    /// First and step, along the last dimension or the one before.
    Ramp {
        /// The first.
        first: f32,
        /// The step.
        step: f32,
        /// Along the dimension before the last.
        rows: bool,
    },
    /// Any, again and again.
    List(Vec<f64>),
}

/// A variable.
#[derive(Debug, Arbitrary)]
pub struct Described {
    name: u8,
    dimensions: [u8; 3],
    rank: u8,
    data_type: u8,
    numbers: Numbers,
    attributes: Vec<(u8, Value)>,
}

fn pick<'a>(list: &[&'a str], choice: u8) -> &'a str {
    list[usize::from(choice) % list.len()]
}

/// The file with these variables; of several with one name the first.
pub fn file(described: Vec<Described>) -> Dataset {
    let mut file = Dataset::new();
    for (name, len) in DIMENSIONS.iter().zip(LENGTHS) {
        file.add_dimension(name, len);
    }
    for variable in described.into_iter().take(8) {
        let name = pick(&NAMES, variable.name);
        if file.variable(name).is_some() {
            continue;
        }
        let chosen = variable.dimensions.map(|d| usize::from(d) % DIMENSIONS.len());
        let chosen = &chosen[..usize::from(variable.rank % 4)];
        let shape: Vec<usize> = chosen.iter().map(|&d| LENGTHS[d]).collect();
        let dimensions: Vec<&str> = chosen.iter().map(|&d| DIMENSIONS[d]).collect();
        let mut attributes = Attributes::new();
        for (key, value) in variable.attributes.into_iter().take(6) {
            attributes.set(pick(&ATTRIBUTES, key), AttributeValue::from(value));
        }
        let values = values(variable.data_type, &shape, &variable.numbers);
        file.variables.push(Variable::new(name, &dimensions, values, attributes));
    }
    file
}

fn values(data_type: u8, shape: &[usize], numbers: &Numbers) -> Values {
    let columns = shape.last().copied().unwrap_or(1);
    let rows = shape.iter().rev().nth(1).copied().unwrap_or(1);
    let number = |cell: usize| match numbers {
        Numbers::Ramp { first, step, rows: along_rows } => {
            let k = if *along_rows { cell / columns % rows } else { cell % columns };
            f64::from(*first) + f64::from(*step) * k as f64
        }
        Numbers::List(list) => list.get(cell % list.len().max(1)).copied().unwrap_or(0.0),
    };
    let list: Vec<f64> = (0..shape.iter().product()).map(number).collect();
    // The shape is that of the list.
    let Ok(array) = ArrayD::from_shape_vec(IxDyn(shape), list) else {
        return Values::F64(ArrayD::zeros(IxDyn(shape)));
    };
    match data_type % 6 {
        0 => Values::I8(array.mapv(|v| v as i8)),
        1 => Values::I16(array.mapv(|v| v as i16)),
        2 => Values::I32(array.mapv(|v| v as i32)),
        3 => Values::F32(array.mapv(|v| v as f32)),
        _ => Values::F64(array),
    }
}

/// True when two values are the same bits, but for NaN.
pub fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}
