//! Regridding straight from a file, in bands of rows: a large map is never in memory as a whole.

use std::ops::Range;

use dataset::{File, GapCounts, Packing, Values, VariableHeader};
use ndarray::{ArrayD, IxDyn, Slice};

use super::Error;
use super::axis::Links;
use super::kernel::Along;

/// Values of the source that are read at a time, at most, unless one target row needs more.
const MAX_BAND_VALUES: usize = 1 << 22;

/// Variables of more values than this are read from a file in bands, where they can be.
pub(super) const MAX_HELD_VALUES: usize = 1 << 22;

/// Counts the cells that are missing without a marker, each row once, however often it is read.
struct Ledger<'a> {
    packing: &'a Packing,
    counts: GapCounts,
    counted: Vec<bool>,
    /// Values of a row.
    across: usize,
}

impl<'a> Ledger<'a> {
    fn new(packing: &'a Packing) -> Self {
        Self { packing, counts: GapCounts::default(), counted: Vec::new(), across: 0 }
    }

    /// Goes on to a plane of so many rows, none of them counted.
    fn begin(&mut self, rows: usize, across: usize) {
        self.counted = vec![false; rows];
        self.across = across;
    }

    /// Counts the rows of a slab that begins at row `first`.
    fn count(&mut self, first: usize, slab: &Values) {
        if !self.packing.has_unmarked_gaps() {
            return;
        }
        let (mut row, mut column) = (first, 0);
        slab.for_each_number(|number| {
            if !self.counted[row] {
                self.counts.add(number, self.packing.gap(number));
            }
            column += 1;
            if column == self.across {
                self.counted[row] = true;
                (row, column) = (row + 1, 0);
            }
        });
    }

    /// The next rows that were not counted, no more than `limit`.
    fn rest(&self, limit: usize) -> Option<Range<usize>> {
        if !self.packing.has_unmarked_gaps() {
            return None;
        }
        let first = self.counted.iter().position(|counted| !counted)?;
        let rows = self.counted[first..].iter().take(limit).take_while(|counted| !**counted).count();
        Some(first..first + rows)
    }
}

/// The plane of longitude and latitude of a variable that is in a file, and the targets along the slower of both axes: its
/// rows are together in the file.
pub(super) struct Bands<'a> {
    file: &'a File,
    pub(super) variable: &'a VariableHeader,
    pub(super) packing: &'a Packing,
    /// Axis of longitude, and targets along it.
    pub(super) lon: (usize, usize),
    /// Axis of latitude, and targets along it.
    pub(super) lat: (usize, usize),
}

impl<'a> Bands<'a> {
    /// The plane of a variable: `lon` and `lat` are an axis and the number of targets along it.
    pub(super) fn new(
        file: &'a File,
        variable: &'a VariableHeader,
        packing: &'a Packing,
        lon: (usize, usize),
        lat: (usize, usize),
    ) -> Self {
        Self { file, variable, packing, lon, lat }
    }

    /// The axis that is cut.
    pub(super) fn axis(&self) -> usize {
        self.lon.0.min(self.lat.0)
    }

    /// Makes the result band by band, and counts the cells of the source. `band` gives what is needed for some targets: in
    /// words of the caller, and as rows of the source. `make` makes these targets of such rows.
    pub(super) fn run<B, T: Clone>(
        &self,
        missing: T,
        band: impl Fn(Range<usize>) -> (B, Range<usize>),
        make: impl Fn(&Values, &B) -> Option<ArrayD<T>>,
    ) -> Result<(ArrayD<T>, GapCounts), Error> {
        let source = &self.variable.shape;
        let ((lon_axis, _), (lat_axis, _)) = (self.lon, self.lat);
        let axis = self.axis();
        let mut shape = source.clone();
        (shape[lon_axis], shape[lat_axis]) = (self.lon.1, self.lat.1);
        let mut result = ArrayD::from_elem(IxDyn(&shape), missing);
        let across = source[lat_axis] * source[lon_axis] / source[axis];
        let per_target = source[axis].div_ceil(shape[axis]).max(1) * across;
        let targets_at_a_time = (MAX_BAND_VALUES / per_target).max(1);
        let is_other = |own: usize| own != lat_axis && own != lon_axis;
        let others: Vec<usize> =
            source.iter().enumerate().map(|(own, &len)| if is_other(own) { len } else { 1 }).collect();
        let mut ledger = Ledger::new(self.packing);
        for at in ndarray::indices(IxDyn(&others)) {
            ledger.begin(source[axis], across);
            let part = |rows: &Range<usize>| {
                let mut start: Vec<usize> = (0..others.len()).map(|own| at[own]).collect();
                let mut count = vec![1; others.len()];
                (count[lat_axis], count[lon_axis]) = (source[lat_axis], source[lon_axis]);
                (start[axis], count[axis]) = (rows.start, rows.len());
                let read = self.file.read_slab(&self.variable.name, &start, &count);
                read.map_err(|error| Error::Read { why: error.to_string() })
            };
            for first in (0..shape[axis]).step_by(targets_at_a_time) {
                let targets = first..(first + targets_at_a_time).min(shape[axis]);
                let (needed, rows) = band(targets.clone());
                if rows.is_empty() {
                    continue;
                }
                let values = part(&rows)?;
                ledger.count(rows.start, &values);
                let Some(made) = make(&values, &needed) else { continue };
                let range = |own: usize| -> Range<usize> {
                    match own {
                        own if own == axis => targets.clone(),
                        own if is_other(own) => at[own]..at[own] + 1,
                        own => 0..shape[own],
                    }
                };
                result
                    .slice_each_axis_mut(|description| Slice::from(range(description.axis.index())))
                    .assign(&made);
            }
            while let Some(rows) = ledger.rest((MAX_BAND_VALUES / across).max(1)) {
                ledger.count(rows.start, &part(&rows)?);
            }
        }
        Ok((result, ledger.counts))
    }

    /// As [`Bands::run`] with links along both axes.
    pub(super) fn resample(
        &self,
        lat: &Links,
        lon: &Links,
        make: impl Fn(&Values, Along<'_>, Along<'_>) -> Option<ArrayD<f64>>,
    ) -> Result<(ArrayD<f64>, GapCounts), Error> {
        let is_lat = self.axis() == self.lat.0;
        let cut = if is_lat { lat } else { lon };
        self.run(
            f64::NAN,
            |targets| cut.band(targets),
            |values, band| {
                let (lat, lon) = if is_lat { (band, lon) } else { (lat, band) };
                make(values, (Some(self.lat.0), lat), (Some(self.lon.0), lon))
            },
        )
    }
}
