//! Resampling straight from a file, in bands of rows: a large map is never in memory as a whole.

use std::ops::Range;

use dataset::{File, Packing, VariableHeader};
use ndarray::{ArrayD, IxDyn, Slice};

use super::Error;
use super::axis::Links;
use super::kernel::{self, Along, Rule};

/// Values of the source that are read at a time, at most, unless one target row needs more.
const MAX_BAND_VALUES: usize = 1 << 22;

/// As [`kernel::resample`], of a variable of numbers with both axes that is in `file`.
pub(super) fn resample(
    file: &File,
    variable: &VariableHeader,
    packing: &Packing,
    (lat_axis, lat): (usize, &Links),
    (lon_axis, lon): (usize, &Links),
    rule: &Rule,
) -> Result<ArrayD<f64>, Error> {
    let mut shape = variable.shape.clone();
    (shape[lat_axis], shape[lon_axis]) = (lat.len(), lon.len());
    let mut result = ArrayD::from_elem(IxDyn(&shape), f64::NAN);
    // Bands are cut along the slower axis: their rows are together in the file.
    let (axis, links) = if lat_axis < lon_axis { (lat_axis, lat) } else { (lon_axis, lon) };
    let across = variable.shape[lat_axis] * variable.shape[lon_axis] / variable.shape[axis];
    let per_target = variable.shape[axis].div_ceil(links.len()).max(1) * across;
    let targets_at_a_time = (MAX_BAND_VALUES / per_target).max(1);
    let others: Vec<usize> = variable
        .shape
        .iter()
        .enumerate()
        .map(|(own, &len)| if own == lat_axis || own == lon_axis { 1 } else { len })
        .collect();
    for at in ndarray::indices(IxDyn(&others)) {
        for first in (0..links.len()).step_by(targets_at_a_time) {
            let targets = first..(first + targets_at_a_time).min(links.len());
            let (band, needed) = links.band(targets.clone());
            if needed.is_empty() {
                continue;
            }
            let mut start: Vec<usize> = (0..others.len()).map(|own| at[own]).collect();
            let mut count = vec![1; others.len()];
            (start[lat_axis], start[lon_axis]) = (0, 0);
            (count[lat_axis], count[lon_axis]) = (variable.shape[lat_axis], variable.shape[lon_axis]);
            (start[axis], count[axis]) = (needed.start, needed.len());
            let values = file
                .read_slab(&variable.name, &start, &count)
                .map_err(|error| Error::Read { why: error.to_string() })?;
            let (lat, lon): (Along<'_>, Along<'_>) = if axis == lat_axis {
                ((Some(lat_axis), &band), (Some(lon_axis), lon))
            } else {
                ((Some(lat_axis), lat), (Some(lon_axis), &band))
            };
            let Some(made) = kernel::resample(&values, packing, lat, lon, rule) else { continue };
            let range = |own: usize| -> Range<usize> {
                match own {
                    own if own == axis => targets.clone(),
                    own if own == lat_axis || own == lon_axis => 0..shape[own],
                    own => at[own]..at[own] + 1,
                }
            };
            result
                .slice_each_axis_mut(|description| Slice::from(range(description.axis.index())))
                .assign(&made);
        }
    }
    Ok(result)
}
