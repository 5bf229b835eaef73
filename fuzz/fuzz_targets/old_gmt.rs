//! Any ranges, lengths and values as an old GMT grid.
#![no_main]

use dataset::{Attributes, Dataset, Dimension, Values, Variable};
use libfuzzer_sys::fuzz_target;
use ndarray::Array1;

fuzz_target!(|input: ([f64; 2], [f64; 2], [i32; 2], u8, Vec<f32>)| {
    let (x, y, counts, offset, z) = input;
    if z.is_empty() || z.len() > 10_000 {
        return;
    }
    let mut grid = Dataset::new();
    for (name, len) in [("side", 2), ("xysize", z.len())] {
        grid.dimensions.push(Dimension { name: name.to_owned(), len, unlimited: false });
    }
    let mut add = |name: &str, dimension: &str, values: Values, attributes: Attributes| {
        grid.variables.push(Variable::new(name, &[dimension], values, attributes));
    };
    let numbers = |values: [f64; 2]| Values::F64(Array1::from(values.to_vec()).into_dyn());
    for (name, values) in [("x_range", x), ("y_range", y), ("z_range", [0.0, 1.0]), ("spacing", [1.0, 1.0])] {
        add(name, "side", numbers(values), Attributes::new());
    }
    add("dimension", "side", Values::I32(Array1::from(counts.to_vec()).into_dyn()), Attributes::new());
    let attributes = Attributes::new().with("node_offset", i32::from(offset % 2));
    add("z", "xysize", Values::F32(Array1::from(z).into_dyn()), attributes);
    if let Ok(bytes) = dataset::to_bytes(&grid) {
        let _ = dataset::from_bytes(&bytes, "fuzz.grd");
    }
});
