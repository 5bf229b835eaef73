//! Resampling from cells of any shape, by the weights of `remap`.

use ndarray::{ArrayD, ArrayView1, Axis as Dim, IxDyn};
use rayon::prelude::*;
use remap::{Mesh, Norm, Weights};

use super::kernel::{Rule, Split, Sum};
use super::method::Method;
use super::source::Cells;

/// Weights from all cells, and those from the cells that had values last.
pub(super) struct CellWeights {
    method: remap::Method,
    all: Weights,
    /// Target cells that may have a value: with the nearest cell there is one everywhere, also far from a regional map.
    covered: Option<Vec<bool>>,
    nearest: Option<Weights>,
    masked: Option<(Vec<bool>, Weights)>,
}

impl CellWeights {
    pub(super) fn new(source: &Mesh, target: &Mesh, method: Method) -> Self {
        let method = match method {
            Method::Conservative => remap::Method::Conservative,
            Method::Conservative2 => remap::Method::Conservative2,
            Method::Auto | Method::Linear => remap::Method::Bilinear,
            Method::Nearest => remap::Method::Nearest,
        };
        let all = remap::weights(source, target, method, Norm::DestArea);
        let covered = (method == remap::Method::Nearest).then(|| remap::centres_covered(source, target));
        Self { method, all, covered, nearest: None, masked: None }
    }

    /// Number of target cells of which too little is covered by source cells.
    pub(super) fn outside(&self, min_valid_fraction: f64) -> usize {
        if let Some(covered) = &self.covered {
            return covered.iter().filter(|&&covered| !covered).count();
        }
        let enough = |part: f64| part > 0.0 && part >= min_valid_fraction - 1e-9;
        self.all.target_fraction.iter().filter(|&&part| !enough(part)).count()
    }

    /// The values on the target, of every plane of `values`.
    pub(super) fn resample(
        &mut self,
        cells: &Cells,
        target: &Mesh,
        values: &ArrayD<f64>,
        found: (Option<usize>, Option<usize>),
        shape: (usize, usize),
        rule: &Rule,
    ) -> ArrayD<f64> {
        if rule.split == Split::Nearest && self.nearest.is_none() {
            self.nearest = Some(remap::weights(&cells.mesh, target, remap::Method::Nearest, Norm::DestArea));
        }
        planes(values, found, shape, |plane| {
            if rule.split == Split::None {
                let known: Vec<bool> = plane.iter().map(|value| !value.is_nan()).collect();
                let sums = self.sums(cells, target, &plane, known);
                return sums.into_iter().map(|sum| rule.value(sum, Sum::default(), f64::NAN)).collect();
            }
            let land = self.sums(cells, target, &plane, plane.iter().map(|&value| value > 0.0).collect());
            let sea = self.sums(cells, target, &plane, plane.iter().map(|&value| value <= 0.0).collect());
            let nearest = |cell: usize| {
                let link = self.nearest.as_ref().and_then(|weights| weights.row(cell).next());
                link.map_or(f64::NAN, |(source, _)| plane[source])
            };
            land.into_iter()
                .zip(sea)
                .enumerate()
                .map(|(cell, (land, sea))| rule.value(land, sea, nearest(cell)))
                .collect()
        })
    }

    /// The sums over the cells that are `kept`.
    fn sums(&mut self, cells: &Cells, target: &Mesh, plane: &[f64], kept: Vec<bool>) -> Vec<Sum> {
        let all = kept.iter().zip(cells.mesh.active()).all(|(&kept, &active)| kept || !active);
        // The links of the first order stand for themselves, and a hole next to a point is a hole; slopes and the cells
        // around a point change with the mask.
        let stand_alone = matches!(self.method, remap::Method::Conservative | remap::Method::Nearest);
        let fixed = stand_alone || all;
        if !fixed && self.masked.as_ref().is_none_or(|(mask, _)| *mask != kept) {
            let weights = cells
                .mesh
                .clone()
                .masked(&kept)
                .map(|mesh| remap::weights(&mesh, target, self.method, Norm::DestArea));
            self.masked = weights.ok().map(|weights| (kept.clone(), weights));
        }
        let weights = match &self.masked {
            Some((_, weights)) if !fixed => weights,
            _ => &self.all,
        };
        (0..weights.target_area_sr.len())
            .into_par_iter()
            .map(|cell| {
                if self.covered.as_ref().is_some_and(|covered| !covered[cell]) {
                    return Sum::default();
                }
                let links = weights.row(cell).filter(|&(source, _)| kept[source]);
                links.fold(Sum::default(), |sum, (source, weight)| Sum {
                    values: sum.values + weight * plane[source],
                    weights: sum.weights + weight,
                })
            })
            .collect()
    }

    /// For every target cell the number that covers the largest part of it; NaN where there is none.
    pub(super) fn largest_share(
        &self,
        numbers: &ArrayD<f64>,
        found: (Option<usize>, Option<usize>),
        shape: (usize, usize),
    ) -> ArrayD<f64> {
        planes(numbers, found, shape, |plane| {
            (0..self.all.target_area_sr.len())
                .map(|cell| {
                    let mut shares: Vec<(f64, f64)> = Vec::new();
                    for (source, weight) in self.all.row(cell) {
                        let class = plane[source];
                        match shares.iter_mut().find(|share| share.0 == class) {
                            Some(share) => share.1 += weight,
                            None if class.is_nan() => {}
                            None => shares.push((class, weight)),
                        }
                    }
                    super::kernel::largest(&shares)
                })
                .collect()
        })
    }
}

/// Maps every plane of cells to a plane of targets.
fn planes(
    values: &ArrayD<f64>,
    found: (Option<usize>, Option<usize>),
    (rows, columns): (usize, usize),
    mut work: impl FnMut(Vec<f64>) -> Vec<f64>,
) -> ArrayD<f64> {
    let (Some(column_axis), Some(row_axis)) = found else { return ArrayD::zeros(IxDyn(&[0])) };
    let mut shape = values.shape().to_vec();
    shape[row_axis] = rows;
    let target_column_axis = if column_axis == row_axis {
        shape.insert(row_axis + 1, columns);
        row_axis + 1
    } else {
        shape[column_axis] = columns;
        column_axis
    };
    let mut result = ArrayD::from_elem(IxDyn(&shape), f64::NAN);
    let order = |rank: usize, row: usize, column: usize| -> Vec<usize> {
        let mut order: Vec<usize> = (0..rank).filter(|&axis| axis != row && axis != column).collect();
        order.push(row);
        if column != row {
            order.push(column);
        }
        order
    };
    let from = values.view().permuted_axes(order(values.ndim(), row_axis, column_axis));
    let mut to = result.view_mut().permuted_axes(order(shape.len(), row_axis, target_column_axis));
    let others = to.ndim() - 2;
    for at in ndarray::indices(&from.shape()[..others]) {
        let (mut plane, mut target) = (from.view(), to.view_mut());
        for axis in 0..others {
            plane = plane.index_axis_move(Dim(0), at[axis]);
            target = target.index_axis_move(Dim(0), at[axis]);
        }
        let made = work(plane.iter().copied().collect());
        let made = ArrayView1::from(&made);
        for (value, &made) in target.iter_mut().zip(made) {
            *value = made;
        }
    }
    result
}
