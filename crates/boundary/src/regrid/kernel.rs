//! Weighted sums over the cells of a regular source, straight from the stored values.
//!
//! A target value is the sum of weight times value over the source cells that have one, divided by the sum of these
//! weights, where the latter reaches [`Rule::min_valid_fraction`]. A target row depends on nothing but its source
//! rows: the result is the same, bit for bit, for any number of threads, and no intermediate field is kept.

use dataset::{Packing, Values};
use ndarray::parallel::prelude::*;
use ndarray::{Array1, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2, Axis as Dim, IxDyn};

use super::axis::{Links, Neighbour};

/// How sums become values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    /// The part of a target cell that has to have values, 0 to 1.
    pub(super) min_valid_fraction: f64,
    /// How land and sea are told apart, where they are.
    pub(super) split: Split,
    /// Source cells are planes.
    pub(super) slopes: bool,
}

/// Whether land (above 0) and sea are kept apart, and which of both a target cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// They are mixed.
    None,
    /// What most of the cell is.
    Majority,
    /// What the nearest source cell is.
    Nearest,
}

/// Sums for one target cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) values: f64,
    pub(super) weights: f64,
}

impl Sum {
    fn mean(self) -> f64 {
        self.values / self.weights
    }
}

impl Rule {
    /// The value of a cell with these sums over land and over sea (all in one where they are mixed); `nearest` is the value of
    /// the nearest source cell.
    pub(super) fn value(&self, land: Sum, sea: Sum, nearest: f64) -> f64 {
        let weights = land.weights + sea.weights;
        // Weights carry rounding.
        if !(weights > 0.0 && weights >= self.min_valid_fraction - 1e-9) {
            return f64::NAN;
        }
        let as_nearest = self.split == Split::Nearest && !nearest.is_nan();
        let is_land = if as_nearest { nearest > 0.0 } else { land.weights > sea.weights };
        let chosen = match (is_land, land.weights > 0.0, sea.weights > 0.0) {
            (true, true, _) | (false, true, false) => land,
            _ => sea,
        };
        chosen.mean()
    }
}

/// An axis of a variable, absent where it does not have one, and the links along it.
pub(super) type Along<'a> = (Option<usize>, &'a Links);

/// Resamples numbers: the values of `values`, decoded, along the axes `lat` and `lon` (absent where the variable
/// does not have one).
pub(super) fn resample(
    values: &Values,
    packing: &Packing,
    (lat_axis, lat): Along<'_>,
    (lon_axis, lon): Along<'_>,
    rule: &Rule,
) -> Option<ArrayD<f64>> {
    let plane = Planes { lat_axis, lat, lon_axis, lon };
    macro_rules! decoded {
        ($array:expr, $to:expr) => {
            Some(plane.map($array.view(), |source, row| {
                weighted(source, &|x| packing.value($to(x)), lat, lon, rule, row);
            }))
        };
    }
    match values {
        Values::F64(array) => decoded!(array, |x: f64| x),
        Values::F32(array) => decoded!(array, f64::from),
        Values::I8(array) => decoded!(array, f64::from),
        Values::U8(array) => decoded!(array, f64::from),
        Values::I16(array) => decoded!(array, f64::from),
        Values::U16(array) => decoded!(array, f64::from),
        Values::I32(array) => decoded!(array, f64::from),
        Values::U32(array) => decoded!(array, f64::from),
        Values::I64(array) => decoded!(array, |x: i64| x as f64),
        Values::U64(array) => decoded!(array, |x: u64| x as f64),
        Values::Char(_) | Values::Text(_) => None,
    }
}

/// Takes for every target cell the number that covers the largest part of it, the lowest of several; NaN where there
/// is none. For numbers that stand for classes.
pub(super) fn largest_share(
    values: &ArrayD<f64>,
    (lat_axis, lat): Along<'_>,
    (lon_axis, lon): Along<'_>,
) -> ArrayD<f64> {
    let planes = Planes { lat_axis, lat, lon_axis, lon };
    planes.map(values.view(), |source, out: ArrayViewMut2<f64>| {
        rows(out, |i, mut row| {
            let mut shares: Vec<(f64, f64)> = Vec::new();
            for (j, value) in row.iter_mut().enumerate() {
                shares.clear();
                for south in lat.of(i) {
                    for west in lon.of(j) {
                        let (class, weight) =
                            (source[(south.position, west.position)], south.weight * west.weight);
                        match shares.iter_mut().find(|share| share.0 == class) {
                            Some(share) => share.1 += weight,
                            None if class.is_nan() => {}
                            None => shares.push((class, weight)),
                        }
                    }
                }
                *value = largest(&shares);
            }
        });
    })
}

/// The class of the largest share, the lowest of several; NaN without any.
pub(super) fn largest(shares: &[(f64, f64)]) -> f64 {
    let best = shares.iter().copied().reduce(|best, other| {
        let more = other.1 - best.1;
        // Shares carry rounding.
        if more > 1e-9 || (more.abs() <= 1e-9 && other.0 < best.0) { other } else { best }
    });
    best.map_or(f64::NAN, |best| best.0)
}

/// The planes of latitude by longitude of an array.
struct Planes<'a> {
    lat_axis: Option<usize>,
    lat: &'a Links,
    lon_axis: Option<usize>,
    lon: &'a Links,
}

impl Planes<'_> {
    /// Fills the plane of targets of every plane of sources.
    fn map<T: Copy>(
        &self,
        source: ArrayViewD<T>,
        fill: impl Fn(ArrayView2<T>, ArrayViewMut2<f64>),
    ) -> ArrayD<f64> {
        let rank = source.ndim();
        let mut shape = source.shape().to_vec();
        for (axis, links) in [(self.lat_axis, self.lat), (self.lon_axis, self.lon)] {
            if let Some(axis) = axis {
                shape[axis] = links.len();
            }
        }
        let mut result = ArrayD::zeros(IxDyn(&shape));
        // Both axes last; one of length one stands for one that is not there.
        let (mut from, mut to) = (source, result.view_mut());
        let mut order: Vec<usize> =
            (0..rank).filter(|&axis| Some(axis) != self.lat_axis && Some(axis) != self.lon_axis).collect();
        let mut added = rank;
        for axis in [self.lat_axis, self.lon_axis] {
            order.push(axis.unwrap_or(added));
            if axis.is_none() {
                (from, to) = (from.insert_axis(Dim(added)), to.insert_axis(Dim(added)));
                added += 1;
            }
        }
        let (from, mut to) = (from.permuted_axes(order.as_slice()), to.permuted_axes(order));
        let others = from.ndim() - 2;
        for at in ndarray::indices(&from.shape()[..others]) {
            let (mut plane, mut target) = (from.view(), to.view_mut());
            for axis in 0..others {
                plane = plane.index_axis_move(Dim(0), at[axis]);
                target = target.index_axis_move(Dim(0), at[axis]);
            }
            if let (Ok(plane), Ok(target)) = (plane.into_dimensionality(), target.into_dimensionality()) {
                fill(plane, target);
            }
        }
        result
    }
}

/// Computes the rows of a target plane, shared out among threads.
fn rows(mut out: ArrayViewMut2<f64>, work: impl Fn(usize, ndarray::ArrayViewMut1<f64>) + Sync) {
    out.outer_iter_mut().into_par_iter().enumerate().for_each(|(i, row)| work(i, row));
}

fn weighted<T, L>(
    source: ArrayView2<T>,
    load: &L,
    lat: &Links,
    lon: &Links,
    rule: &Rule,
    out: ArrayViewMut2<f64>,
) where
    T: Copy + Send + Sync,
    L: Fn(T) -> f64 + Sync,
{
    rows(out, |i, mut row| {
        let sums = |land: Option<bool>| {
            let kept = |value: f64| match land {
                Some(land) if (value > 0.0) != land => f64::NAN,
                _ => value,
            };
            row_sums(source, &|x| kept(load(x)), i, lat, lon, rule.slopes)
        };
        if rule.split == Split::None {
            let all = sums(None);
            for (value, sum) in row.iter_mut().zip(all) {
                *value = rule.value(sum, Sum::default(), f64::NAN);
            }
            return;
        }
        let nearest = |j: usize| match (lat.nearest.get(i), lon.nearest.get(j)) {
            (Some(&Some(i)), Some(&Some(j))) => load(source[(i, j)]),
            _ => f64::NAN,
        };
        for (j, (value, (land, sea))) in
            row.iter_mut().zip(sums(Some(true)).into_iter().zip(sums(Some(false)))).enumerate()
        {
            *value = rule.value(land, sea, nearest(j));
        }
    });
}

/// The sums of one target row.
fn row_sums<T, L>(
    source: ArrayView2<T>,
    load: &L,
    i: usize,
    lat: &Links,
    lon: &Links,
    slopes: bool,
) -> Vec<Sum>
where
    T: Copy,
    L: Fn(T) -> f64,
{
    let mut sums = vec![Sum::default(); lon.len()];
    for south in lat.of(i) {
        let values: Array1<f64> = source.row(south.position).mapv(load);
        let slope = slopes.then(|| Slopes::new(source, load, &values, south.position, lat, lon));
        for (j, sum) in sums.iter_mut().enumerate() {
            let mut row = Sum::default();
            for west in lon.of(j) {
                let value = values[west.position];
                if value.is_nan() {
                    continue;
                }
                let plane = slope.as_ref().map_or(0.0, |slope| {
                    slope.eastward[west.position] * west.reach + slope.northward[west.position] * south.reach
                });
                row.values += west.weight * (value + plane);
                row.weights += west.weight;
            }
            sum.values += south.weight * row.values;
            sum.weights += south.weight * row.weights;
        }
    }
    sums
}

/// The slopes of the planes through the cells of one source row, per degree.
struct Slopes {
    eastward: Vec<f64>,
    northward: Vec<f64>,
}

impl Slopes {
    fn new<T: Copy, L: Fn(T) -> f64>(
        source: ArrayView2<T>,
        load: &L,
        values: &Array1<f64>,
        row: usize,
        lat: &Links,
        lon: &Links,
    ) -> Self {
        let columns = values.len();
        let eastward = (0..columns)
            .map(|column| {
                let around = lon.around.get(column).copied().unwrap_or_default();
                let beside = |neighbour: Neighbour| (values[neighbour.position], neighbour.distance);
                slope(around.before.map(beside), values[column], around.after.map(beside))
            })
            .collect();
        let around = lat.around.get(row).copied().unwrap_or_default();
        let northward = (0..columns)
            .map(|column| {
                let beside = |neighbour: Neighbour| {
                    let column = match neighbour.across {
                        true => lon.around.get(column).and_then(|around| around.opposite),
                        false => Some(column),
                    };
                    let value = column.map_or(f64::NAN, |column| load(source[(neighbour.position, column)]));
                    (value, neighbour.distance)
                };
                slope(around.before.map(beside), values[column], around.after.map(beside))
            })
            .collect();
        Self { eastward, northward }
    }
}

/// The slope through a cell and those of its neighbours that have values.
fn slope(before: Option<(f64, f64)>, own: f64, after: Option<(f64, f64)>) -> f64 {
    let known = |neighbour: Option<(f64, f64)>| {
        neighbour.filter(|&(value, distance)| !value.is_nan() && distance > 0.0)
    };
    match (known(before), known(after)) {
        _ if own.is_nan() => 0.0,
        (Some((low, below)), Some((high, above))) => (high - low) / (below + above),
        (Some((low, below)), None) => (own - low) / below,
        (None, Some((high, above))) => (high - own) / above,
        (None, None) => 0.0,
    }
}
