//! Short ways to label arrays.

use dataset::{AttributeValue, Attributes, Dataset, Values, Variable};
use ndarray::{Array, Array2, ArrayD, Dimension};

/// Fill values of the NetCDF library, for variables that the original declares and never writes.
pub(super) const FILL_F64: f64 = 9.969_209_968_386_869e36;
pub(super) const FILL_I32: i32 = -2_147_483_647;

pub(super) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|&(name, text)| (name.to_owned(), AttributeValue::from(text))).collect()
}

/// The weight files have no `_FillValue`: the coupler's own attributes, and nothing else.
pub(super) fn f64s<D: Dimension>(
    file: &mut Dataset,
    name: &str,
    dimensions: &[&str],
    values: Array<f64, D>,
    attributes: Attributes,
) {
    file.variables.push(Variable::new(name, dimensions, Values::F64(values.into_dyn()), attributes));
}

pub(super) fn f32s<D: Dimension>(
    file: &mut Dataset,
    name: &str,
    dimensions: &[&str],
    values: Array<f32, D>,
    attributes: Attributes,
) {
    file.variables.push(Variable::new(name, dimensions, Values::F32(values.into_dyn()), attributes));
}

pub(super) fn i32s<D: Dimension>(
    file: &mut Dataset,
    name: &str,
    dimensions: &[&str],
    values: Array<i32, D>,
    attributes: Attributes,
) {
    file.variables.push(Variable::new(name, dimensions, Values::I32(values.into_dyn()), attributes));
}

/// Maps one above the other, as one array of one more dimension in front for each level of nesting.
pub(super) fn stacked<A: Clone>(maps: &[&Array2<A>], leading: &[usize]) -> ArrayD<A> {
    let (ny, nx) = maps[0].dim();
    let values: Vec<A> = maps.iter().flat_map(|map| map.iter().cloned()).collect();
    let shape: Vec<usize> = leading.iter().copied().chain([ny, nx]).collect();
    Array::from_shape_vec(shape, values)
        .unwrap_or_else(|_| unreachable!("as many maps as the leading shape says"))
}
