//! Interpolating one variable as the published releases do, straight from its stored values.

use std::ops::Range;

use dataset::{DataType, GapCounts, Packing, Values};
use ndarray::parallel::prelude::*;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis as Dim, IxDyn, Zip};

use super::Error;
use super::stream::Bands;
use crate::interpolate::{Axis, Beyond, Bracket, Sample, Scheme};

/// Where each target of one coordinate finds its value.
pub(super) struct Places {
    by: By,
    /// Stored position of the nearest label, for what cannot be averaged.
    labels: Vec<usize>,
}

enum By {
    Linear(Vec<Option<Bracket>>),
    Nearest(Vec<Option<usize>>),
}

impl Places {
    pub(super) fn new(axis: &Axis, targets: &[f64], scheme: Scheme, beyond: Beyond) -> Self {
        let by = match scheme {
            Scheme::Linear => By::Linear(axis.brackets(targets, beyond)),
            Scheme::Nearest => By::Nearest(axis.nearest(targets, beyond)),
        };
        Self { by, labels: axis.nearest_label(targets) }
    }

    /// Number of targets that have a value.
    pub(super) fn inside(&self) -> u64 {
        match &self.by {
            By::Linear(brackets) => brackets.iter().flatten().count() as u64,
            By::Nearest(positions) => positions.iter().flatten().count() as u64,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Those of some targets, counted from the first position that is needed for them, and the positions that are.
    pub(super) fn band(&self, targets: Range<usize>) -> (Self, Range<usize>) {
        let mut needed: Vec<usize> = match &self.by {
            By::Linear(brackets) => {
                brackets[targets.clone()].iter().flatten().flat_map(|b| [b.low, b.high]).collect()
            }
            By::Nearest(positions) => positions[targets.clone()].iter().flatten().copied().collect(),
        };
        needed.sort_unstable();
        let (Some(&low), Some(&high)) = (needed.first(), needed.last()) else {
            return (Self { by: By::Nearest(Vec::new()), labels: Vec::new() }, 0..0);
        };
        let by = match &self.by {
            By::Linear(brackets) => By::Linear(
                brackets[targets.clone()]
                    .iter()
                    .map(|bracket| {
                        let mut bracket = (*bracket)?;
                        bracket.low -= low;
                        bracket.high -= low;
                        Some(bracket)
                    })
                    .collect(),
            ),
            By::Nearest(positions) => {
                By::Nearest(positions[targets.clone()].iter().map(|at| at.map(|at| at - low)).collect())
            }
        };
        // Labels are for what is not cut into bands.
        (Self { by, labels: vec![0; targets.len()] }, low..high + 1)
    }

    /// True when values are taken as they are.
    fn is_nearest(&self) -> bool {
        matches!(self.by, By::Nearest(_))
    }
}

/// As [`interpolate`], of a variable of numbers that is in a file; and the counts of its cells.
pub(super) fn interpolate_file(
    bands: &Bands<'_>,
    lon: &Places,
    lat: &Places,
) -> Result<(Values, GapCounts), Error> {
    let is_lat = bands.axis() == bands.lat.0;
    let cut = if is_lat { lat } else { lon };
    let made = |values: &Values, band: &Places| {
        let (lon, lat) = if is_lat { (lon, band) } else { (band, lat) };
        interpolate(values, bands.packing, &[(bands.lon.0, lon), (bands.lat.0, lat)])
    };
    let is_single = bands.variable.data_type == DataType::F32
        && !bands.packing.changes_values()
        && lon.is_nearest()
        && lat.is_nearest();
    if is_single {
        let (values, counts) = bands.run(
            f32::NAN,
            |targets| cut.band(targets),
            |values, band| match made(values, band) {
                Values::F32(made) => Some(made),
                _ => None,
            },
        )?;
        return Ok((Values::F32(values), counts));
    }
    let (values, counts) = bands.run(
        f64::NAN,
        |targets| cut.band(targets),
        |values, band| match made(values, band) {
            Values::F64(made) => Some(made),
            _ => None,
        },
    )?;
    Ok((Values::F64(values), counts))
}

/// Interpolates numbers along `axes`: pairs of an axis of the variable and the places along it, longitude first.
///
/// Integers and packed numbers are taken in double. Single precision becomes double by linear interpolation and
/// stays single by nearest.
pub(super) fn interpolate(values: &Values, packing: &Packing, axes: &[(usize, &Places)]) -> Values {
    macro_rules! in_double {
        ($array:expr, $to:expr) => {
            Values::F64(numbers($array.view(), |x| packing.value($to(x)), axes, f64::NAN, |x| x))
        };
    }
    match values {
        Values::F32(array) if !packing.changes_values() => {
            let load = |x: f32| if packing.is_missing(f64::from(x)) { f32::NAN } else { x };
            match axes.iter().all(|(_, places)| places.is_nearest()) {
                true => Values::F32(gathered(array.view(), load, axes, f32::NAN)),
                false => Values::F64(numbers(array.view(), load, axes, f32::NAN, f64::from)),
            }
        }
        Values::F32(array) => in_double!(array, f64::from),
        Values::F64(array) => in_double!(array, |x: f64| x),
        Values::I8(array) => in_double!(array, f64::from),
        Values::U8(array) => in_double!(array, f64::from),
        Values::I16(array) => in_double!(array, f64::from),
        Values::U16(array) => in_double!(array, f64::from),
        Values::I32(array) => in_double!(array, f64::from),
        Values::U32(array) => in_double!(array, f64::from),
        Values::I64(array) => in_double!(array, |x: i64| x as f64),
        Values::U64(array) => in_double!(array, |x: u64| x as f64),
        text @ (Values::Char(_) | Values::Text(_)) => relabel(text, axes),
    }
}

/// Takes the nearest label along `axes`: for text and truth values.
pub(super) fn relabel(values: &Values, axes: &[(usize, &Places)]) -> Values {
    macro_rules! select {
        ($($variant:ident),*) => {
            match values {
                $(Values::$variant(array) => {
                    let mut selected = array.clone();
                    for (axis, places) in axes {
                        selected = selected.select(Dim(*axis), &places.labels);
                    }
                    Values::$variant(selected)
                })*
            }
        };
    }
    select!(I8, U8, I16, U16, I32, U32, I64, U64, F32, F64, Char, Text)
}

fn numbers<T, W, L>(
    source: ArrayViewD<T>,
    load: L,
    axes: &[(usize, &Places)],
    missing: W,
    widen: impl Fn(W) -> f64 + Sync,
) -> ArrayD<f64>
where
    T: Copy + Send + Sync,
    W: Sample,
    L: Fn(T) -> W + Sync,
{
    let brackets: Vec<(usize, &[Option<Bracket>])> = axes
        .iter()
        .filter_map(|(axis, places)| match &places.by {
            By::Linear(brackets) => Some((*axis, brackets.as_slice())),
            By::Nearest(_) => None,
        })
        .collect();
    match brackets.as_slice() {
        [] => gathered(source, |x| widen(load(x)), axes, widen(missing)),
        [only] => along_one(source, load, *only),
        [first, second, ..] => along_two(source, load, *first, *second),
    }
}

/// Takes the value at the place of every target, `missing` where there is none.
fn gathered<T, W, L>(source: ArrayViewD<T>, load: L, axes: &[(usize, &Places)], missing: W) -> ArrayD<W>
where
    T: Copy + Send + Sync,
    W: Copy + Send + Sync,
    L: Fn(T) -> W + Sync,
{
    let mut shape = source.shape().to_vec();
    let mut positions: Vec<Vec<Option<usize>>> = shape.iter().map(|&n| (0..n).map(Some).collect()).collect();
    for (axis, places) in axes {
        shape[*axis] = places.len();
        if let By::Nearest(nearest) = &places.by {
            positions[*axis].clone_from(nearest);
        }
    }
    let mut result = ArrayD::from_elem(IxDyn(&shape), missing);
    // The slowest axis that is interpolated is the one to share out; slower ones are few or one.
    let shared = axes.iter().map(|(axis, _)| *axis).min().unwrap_or(0);
    result.axis_iter_mut(Dim(shared)).into_par_iter().zip(&positions[shared]).for_each(
        |(mut slice, place)| {
            let Some(place) = place else { return };
            let from = source.index_axis(Dim(shared), *place);
            let rest: Vec<&Vec<Option<usize>>> =
                positions.iter().enumerate().filter(|(axis, _)| *axis != shared).map(|(_, p)| p).collect();
            let mut at = vec![0_usize; rest.len()];
            for (index, value) in slice.indexed_iter_mut() {
                let mut inside = true;
                for (axis, wanted) in rest.iter().enumerate() {
                    match wanted[index[axis]] {
                        Some(position) => at[axis] = position,
                        None => inside = false,
                    }
                }
                if inside {
                    *value = load(from[at.as_slice()]);
                }
            }
        },
    );
    result
}

/// Linear interpolation along one axis.
fn along_one<T, W, L>(
    source: ArrayViewD<T>,
    load: L,
    (axis, brackets): (usize, &[Option<Bracket>]),
) -> ArrayD<f64>
where
    T: Copy + Send + Sync,
    W: Sample,
    L: Fn(T) -> W + Sync,
{
    let mut shape = source.shape().to_vec();
    shape[axis] = brackets.len();
    let mut result = ArrayD::zeros(IxDyn(&shape));
    let mut order: Vec<usize> = (0..shape.len()).filter(|&other| other != axis).collect();
    order.push(axis);
    lanes(source.permuted_axes(order.as_slice()), result.view_mut().permuted_axes(order), &load, brackets);
    result
}

/// Linear interpolation along `first` and then along `second`.
///
/// The first pass treats only the positions along `second` that the second pass needs, so the intermediate has at
/// most two of them per target.
fn along_two<T, W, L>(
    source: ArrayViewD<T>,
    load: L,
    (first, first_brackets): (usize, &[Option<Bracket>]),
    (second, second_brackets): (usize, &[Option<Bracket>]),
) -> ArrayD<f64>
where
    T: Copy + Send + Sync,
    W: Sample,
    L: Fn(T) -> W + Sync,
{
    let mut shape = source.shape().to_vec();
    let mut order = vec![second];
    order.extend((0..shape.len()).filter(|&axis| axis != first && axis != second));
    order.push(first);
    let source = source.permuted_axes(order.as_slice());

    let mut needed: Vec<usize> =
        second_brackets.iter().flatten().flat_map(|bracket| [bracket.low, bracket.high]).collect();
    needed.sort_unstable();
    needed.dedup();
    let mut rank = vec![0; source.shape()[0]];
    for (k, &position) in needed.iter().enumerate() {
        rank[position] = k;
    }
    let mut between_shape = source.shape().to_vec();
    between_shape[0] = needed.len();
    if let Some(last) = between_shape.last_mut() {
        *last = first_brackets.len();
    }
    let mut between = ArrayD::<f64>::zeros(IxDyn(&between_shape));
    between.axis_iter_mut(Dim(0)).into_par_iter().zip(&needed).for_each(|(row, &position)| {
        lanes(source.index_axis(Dim(0), position), row, &load, first_brackets);
    });

    shape[first] = first_brackets.len();
    shape[second] = second_brackets.len();
    let mut result = ArrayD::zeros(IxDyn(&shape));
    let mut view = result.view_mut().permuted_axes(order);
    view.axis_iter_mut(Dim(0)).into_par_iter().zip(second_brackets).for_each(|(mut row, bracket)| {
        let Some(bracket) = bracket else {
            row.fill(f64::NAN);
            return;
        };
        let low = between.index_axis(Dim(0), rank[bracket.low]);
        let high = between.index_axis(Dim(0), rank[bracket.high]);
        Zip::from(&mut row).and(&low).and(&high).for_each(|value, &low, &high| {
            *value = plain_nan(f64::between(low, high, bracket));
        });
    });
    result
}

/// Linear interpolation along the last axis, lane by lane.
fn lanes<T, W, L>(
    source: ArrayViewD<T>,
    mut result: ArrayViewMutD<f64>,
    load: &L,
    brackets: &[Option<Bracket>],
) where
    T: Copy,
    W: Sample,
    L: Fn(T) -> W,
{
    let last = Dim(source.ndim() - 1);
    Zip::from(result.lanes_mut(last)).and(source.lanes(last)).for_each(|mut out, lane| {
        for (value, bracket) in out.iter_mut().zip(brackets) {
            *value = bracket.as_ref().map_or(f64::NAN, |bracket| {
                plain_nan(W::between(load(lane[bracket.low]), load(lane[bracket.high]), bracket))
            });
        }
    });
}

/// One bit pattern for all missing values, whatever arithmetic made them.
fn plain_nan(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}
