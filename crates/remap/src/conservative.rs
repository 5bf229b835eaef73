//! Conservative weights of first and second order.
//!
//! First order: the weight is the overlap over the area of the target cell (Jones 1999).
//!
//! Second order: a source field is a plane in each cell, `f + g . (x - c)`, with `c` the centroid of the cell and `g` its gradient; the mean of
//! the plane over an overlap is its value at the overlap's centroid. The gradient is the least-squares fit
//! to the differences with the up to eight cells around, weighted by the inverse square of their distances, in the tangent plane at `c`:
//! unlike Gauss's theorem (Kritsikis et al. 2017) it is exact for linear fields on distorted cells, and needs no cell to have all of
//! its neighbours. Masked cells are left out, and where the others lie on one line, the gradient across it is zero. The gradient is not limited:
//! a target value may leave the range of its sources, the price of being linear in them.
//!
//! What makes it conservative: the centroid `c` of a source cell that is covered wholly is the mean of the centroids of its
//! overlaps, by the same sums, so that the gradients cancel in the integral.

use grid::sphere::Vector;
use rayon::prelude::*;

use crate::clip::ZERO;
use crate::overlap::{Moments, Overlaps, cell_centroid, overlaps};
use crate::weights::{Links, flat, merge};
use crate::{Mesh, Method, Norm, Weights};

/// How near to one the covered part of a source cell must be, to count as covered wholly.
const WHOLE: f64 = 1e-9;

pub(crate) fn first_order(source: &Mesh, target: &Mesh, norm: Norm) -> Weights {
    let found = overlaps(source, target, Moments::Without);
    let divisor = divisors(&found, norm);
    let mut weight = found.area_sr.clone();
    for (target, divisor) in divisor.iter().enumerate() {
        weight[found.row(target)].iter_mut().for_each(|weight| *weight /= divisor);
    }
    let (source_fraction, target_fraction) = fractions(&found);
    Weights {
        method: Method::Conservative,
        norm,
        row_start: found.row_start,
        source: found.source,
        weight,
        source_area_sr: found.source_area_sr,
        target_area_sr: found.target_area_sr,
        source_fraction,
        target_fraction,
    }
}

pub(crate) fn second_order(source: &Mesh, target: &Mesh, norm: Norm) -> Weights {
    let found = overlaps(source, target, Moments::With);
    let divisor = divisors(&found, norm);
    let (source_fraction, target_fraction) = fractions(&found);
    let centroids = centroids(source, &found, &source_fraction);
    let rows: Vec<Links> = (0..target.len())
        .into_par_iter()
        .map_init(Gradient::default, |gradient, target| {
            let mut row: Links = Vec::with_capacity(9 * found.row(target).len());
            for k in found.row(target) {
                let cell = found.source[k] as usize;
                let share = found.area_sr[k] / divisor[target];
                // From the cell's centroid to the overlap's, times the share.
                let reach = found.moment[k]
                    .minus(centroids[cell].times(found.area_sr[k]))
                    .times(1.0 / divisor[target]);
                gradient.fit(source, cell, &centroids);
                let mut own = share;
                for &(neighbour, slope) in &gradient.slopes {
                    let weight = slope.dot(reach);
                    own -= weight;
                    row.push((neighbour, weight));
                }
                row.push((cell as u32, own));
            }
            merge(&mut row);
            row.shrink_to_fit();
            row
        })
        .collect();
    let (row_start, source_cells, weight) = flat(rows);
    Weights {
        method: Method::Conservative2,
        norm,
        row_start,
        source: source_cells,
        weight,
        source_area_sr: found.source_area_sr,
        target_area_sr: found.target_area_sr,
        source_fraction,
        target_fraction,
    }
}

fn covered_sr(found: &Overlaps, target: usize) -> f64 {
    found.area_sr[found.row(target)].iter().sum()
}

fn divisors(found: &Overlaps, norm: Norm) -> Vec<f64> {
    match norm {
        Norm::DestArea => found.target_area_sr.clone(),
        Norm::FracArea => (0..found.target_area_sr.len()).map(|target| covered_sr(found, target)).collect(),
    }
}

/// The covered parts of source and of target cells.
fn fractions(found: &Overlaps) -> (Vec<f64>, Vec<f64>) {
    let part = |covered: f64, area: f64| if covered > 0.0 { covered / area } else { 0.0 };
    let mut source = vec![0.0; found.source_area_sr.len()];
    for (&cell, area) in found.source.iter().zip(&found.area_sr) {
        source[cell as usize] += area;
    }
    source.iter_mut().zip(&found.source_area_sr).for_each(|(covered, &area)| *covered = part(*covered, area));
    let target = found.target_area_sr.iter().enumerate();
    (source, target.map(|(target, &area)| part(covered_sr(found, target), area)).collect())
}

/// Centroids of the source cells.
fn centroids(source: &Mesh, found: &Overlaps, source_fraction: &[f64]) -> Vec<Vector> {
    let mut moments = vec![ZERO; source.len()];
    for (&cell, &moment) in found.source.iter().zip(&found.moment) {
        moments[cell as usize] = moments[cell as usize].plus(moment);
    }
    (0..source.len())
        .into_par_iter()
        .map_init(Vec::new, |polygon, cell| {
            if (source_fraction[cell] - 1.0).abs() < WHOLE {
                moments[cell].normalised()
            } else {
                cell_centroid(source, cell, polygon)
            }
        })
        .collect()
}

/// The gradient in a cell, as a sum over its neighbours: slope times difference of values.
#[derive(Default)]
struct Gradient {
    neighbours: Vec<usize>,
    slopes: Vec<(u32, Vector)>,
}

impl Gradient {
    fn fit(&mut self, mesh: &Mesh, cell: usize, centroids: &[Vector]) {
        self.slopes.clear();
        mesh.neighbours(cell, &mut self.neighbours);
        let centre = centroids[cell];
        let (east, north) = centre.tangents();
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for &neighbour in &self.neighbours {
            if !mesh.active()[neighbour] {
                continue;
            }
            let step = centroids[neighbour].minus(centre);
            let (x, y) = (step.dot(east), step.dot(north));
            let square = x * x + y * y;
            if square > 0.0 {
                let weight = 1.0 / square;
                (xx, xy, yy) = (xx + weight * x * x, xy + weight * x * y, yy + weight * y * y);
                self.slopes.push((neighbour as u32, Vector { x: weight * x, y: weight * y, z: 0.0 }));
            }
        }
        // The weighted sums of squares add up to the number of neighbours.
        let (trace, determinant) = (xx + yy, xx * yy - xy * xy);
        for (_, slope) in &mut self.slopes {
            let (x, y) = if determinant > 1e-3 * trace * trace {
                ((yy * slope.x - xy * slope.y) / determinant, (xx * slope.y - xy * slope.x) / determinant)
            } else {
                (slope.x / trace, slope.y / trace)
            };
            *slope = east.times(x).plus(north.times(y));
        }
    }
}
