//! Which plane of a variable is drawn, and reading a window of it at a level of detail.
//!
//! Level `L` has one cell for each block of `2^L` x `2^L` cells of the file; the last row and column of blocks may
//! be incomplete. Memory is bounded by the window (at most [`MAX_CELLS`]) and one band of rows, time by
//! [`READ_BUDGET`]: of very large blocks only some rows are read, evenly spread, and the result says so.

use std::ops::Range;

use dataset::VariableHeader;

use crate::MapError;
use crate::source::Slabs;

/// Cells of one answer at most.
pub const MAX_CELLS: usize = 1 << 20;
/// Cells that are read at once.
const BAND_CELLS: usize = 1 << 20;
/// Cells of the file that one answer may read before rows of its blocks are skipped.
pub const READ_BUDGET: usize = 1 << 23;

/// Two dimensions of a variable, the others held fixed.
#[derive(Debug, Clone)]
pub struct Plane<'a> {
    /// The variable.
    pub variable: &'a VariableHeader,
    /// Which dimension runs north-south (row).
    pub y: usize,
    /// Which dimension runs east-west (column).
    pub x: usize,
    /// Position along every dimension; those of `x` and `y` are not used.
    pub at: Vec<usize>,
}

/// How several cells become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blend {
    /// The mean of those that have a value.
    Mean,
    /// The one in the middle: for codes, which have no mean.
    Middle,
}

/// A rectangle of cells of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub i: usize,
    /// First row.
    pub j: usize,
    /// Number of columns.
    pub ni: usize,
    /// Number of rows.
    pub nj: usize,
}

/// The values of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Row-major, `window.nj` rows of `window.ni`; NaN where nothing is known.
    pub values: Vec<f64>,
    /// Smallest and largest of all the cells that were read; `None` when all are missing.
    pub range: Option<(f64, f64)>,
    /// True when rows were skipped.
    pub sampled: bool,
}

impl Plane<'_> {
    /// Rows of the file.
    pub fn rows(&self) -> usize {
        self.variable.shape[self.y]
    }

    /// Columns of the file.
    pub fn columns(&self) -> usize {
        self.variable.shape[self.x]
    }

    /// Columns and rows of a level.
    pub fn size(&self, level: u32) -> (usize, usize) {
        let block = block(level);
        (self.columns().div_ceil(block), self.rows().div_ceil(block))
    }

    /// The finest level with at most `cells` cells.
    pub fn level_below(&self, cells: usize) -> u32 {
        let fits = |&level: &u32| {
            let (ni, nj) = self.size(level);
            ni.saturating_mul(nj) <= cells
        };
        (0..=MAX_LEVEL).find(fits).unwrap_or(MAX_LEVEL)
    }

    /// Reads some rows of some columns, row-major whatever the order of the dimensions in the file.
    pub fn read(
        &self,
        source: &impl Slabs,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Vec<f64>, MapError> {
        let mut start = self.at.clone();
        let mut count = vec![1; start.len()];
        (start[self.y], count[self.y]) = (rows.start, rows.len());
        (start[self.x], count[self.x]) = (columns.start, columns.len());
        let values = source.slab(self.variable, &start, &count)?;
        if self.y < self.x {
            return Ok(values);
        }
        let mut turned = Vec::with_capacity(values.len());
        for row in 0..rows.len() {
            turned.extend(values.iter().skip(row).step_by(rows.len()));
        }
        Ok(turned)
    }

    /// Checks that a window is inside of a level and small enough.
    pub fn check(&self, level: u32, window: Window) -> Result<(), MapError> {
        let (ni, nj) = self.size(level);
        let inside = |first: usize, count: usize, all: usize| {
            count > 0 && first.checked_add(count).is_some_and(|end| end <= all)
        };
        if level > MAX_LEVEL || !inside(window.i, window.ni, ni) || !inside(window.j, window.nj, nj) {
            let window = format!("{},{},{},{}", window.i, window.j, window.ni, window.nj);
            return Err(MapError::BadWindow { window, level, ni, nj });
        }
        let cells = window.ni.saturating_mul(window.nj);
        if cells > MAX_CELLS {
            return Err(MapError::TooManyCells { cells, limit: MAX_CELLS });
        }
        Ok(())
    }

    /// The values of a window of a level.
    ///
    /// # Errors
    /// [`MapError::BadWindow`], [`MapError::TooManyCells`], or when the file cannot be read.
    pub fn window(
        &self,
        source: &impl Slabs,
        level: u32,
        window: Window,
        blend: Blend,
    ) -> Result<Patch, MapError> {
        self.check(level, window)?;
        let block = block(level);
        let columns = window.i * block..self.columns().min((window.i + window.ni) * block);
        let mut sums = Blocks::new(window, columns.len(), block, blend);
        let mut sampled = false;
        let per_block = (READ_BUDGET / window.nj.saturating_mul(columns.len())).clamp(1, block);
        if block == 1 {
            let mut seen = 0;
            self.bands(source, window.j..window.j + window.nj, &columns, |at, values| {
                sums.add(seen / columns.len(), at, values);
                seen += values.len();
            })?;
            return Ok(Patch { range: sums.range(), values: sums.finish(), sampled });
        }
        for row in 0..window.nj {
            let rows = (window.j + row) * block..self.rows().min((window.j + row + 1) * block);
            let mut some =
                |rows: Range<usize>| self.bands(source, rows, &columns, |at, v| sums.add(row, at, v));
            if blend == Blend::Middle {
                let middle = rows.start + (rows.len() - 1) / 2;
                some(middle..middle + 1)?;
            } else if per_block >= rows.len() {
                some(rows)?;
            } else {
                sampled = true;
                for k in 0..per_block {
                    let one = rows.start + (2 * k + 1) * rows.len() / (2 * per_block);
                    some(one..one + 1)?;
                }
            }
        }
        Ok(Patch { range: sums.range(), values: sums.finish(), sampled })
    }

    /// Hands out the rows one after another, each in pieces `(offset of the first column, values)`.
    fn bands(
        &self,
        source: &impl Slabs,
        rows: Range<usize>,
        columns: &Range<usize>,
        mut take: impl FnMut(usize, &[f64]),
    ) -> Result<(), MapError> {
        let wide = columns.len().min(BAND_CELLS);
        let high = (BAND_CELLS / wide).max(1);
        if wide < columns.len() {
            for row in rows {
                for first in columns.clone().step_by(wide) {
                    let piece = first..columns.end.min(first + wide);
                    take(first - columns.start, &self.read(source, row..row + 1, piece)?);
                }
            }
            return Ok(());
        }
        for first in rows.clone().step_by(high) {
            let band = self.read(source, first..rows.end.min(first + high), columns.clone())?;
            for row in band.chunks_exact(wide) {
                take(0, row);
            }
        }
        Ok(())
    }
}

/// No field has more than 2^32 cells along an axis that could be drawn.
const MAX_LEVEL: u32 = 30;

fn block(level: u32) -> usize {
    1 << level.min(MAX_LEVEL)
}

/// Sums and counts of the blocks of a window.
struct Blocks {
    ni: usize,
    block: usize,
    columns: usize,
    middle: bool,
    sums: Vec<f64>,
    counts: Vec<u32>,
    min: f64,
    max: f64,
}

impl Blocks {
    fn new(window: Window, columns: usize, block: usize, blend: Blend) -> Self {
        let cells = window.ni * window.nj;
        let counts = if block == 1 { Vec::new() } else { vec![0; cells] };
        Self {
            ni: window.ni,
            block,
            columns,
            middle: blend == Blend::Middle,
            sums: vec![if block == 1 { f64::NAN } else { 0.0 }; cells],
            counts,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    fn add(&mut self, row: usize, offset: usize, values: &[f64]) {
        for &value in values {
            if value < self.min {
                self.min = value;
            }
            if value > self.max {
                self.max = value;
            }
        }
        let sums = &mut self.sums[row * self.ni..(row + 1) * self.ni];
        if self.block == 1 {
            sums[offset..offset + values.len()].copy_from_slice(values);
            return;
        }
        let counts = &mut self.counts[row * self.ni..(row + 1) * self.ni];
        for (k, &value) in values.iter().enumerate() {
            let (cell, within) = ((offset + k) / self.block, (offset + k) % self.block);
            // The last block may be incomplete.
            let width = self.block.min(self.columns - cell * self.block);
            if value.is_nan() || (self.middle && within != (width - 1) / 2) {
                continue;
            }
            sums[cell] += value;
            counts[cell] += 1;
        }
    }

    fn range(&self) -> Option<(f64, f64)> {
        (self.min <= self.max).then_some((self.min, self.max))
    }

    fn finish(mut self) -> Vec<f64> {
        for (sum, &count) in self.sums.iter_mut().zip(&self.counts) {
            *sum = if count == 0 { f64::NAN } else { *sum / f64::from(count) };
        }
        self.sums
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use dataset::{Attributes, DataType};

    use super::*;

    /// A file in memory whose value is a function of the index, and that counts what is read.
    struct Fake {
        value: fn(&[usize]) -> f64,
        cells_read: Cell<usize>,
        largest: Cell<usize>,
        starts: RefCell<Vec<Vec<usize>>>,
    }

    impl Fake {
        fn new(value: fn(&[usize]) -> f64) -> Self {
            Self { value, cells_read: Cell::new(0), largest: Cell::new(0), starts: RefCell::default() }
        }
    }

    impl Slabs for Fake {
        fn slab(&self, v: &VariableHeader, start: &[usize], count: &[usize]) -> Result<Vec<f64>, MapError> {
            for ((&first, &n), &len) in start.iter().zip(count).zip(&v.shape) {
                assert!(first + n <= len, "read {start:?} + {count:?} of {:?}", v.shape);
            }
            let cells: usize = count.iter().product();
            self.cells_read.set(self.cells_read.get() + cells);
            self.largest.set(self.largest.get().max(cells));
            self.starts.borrow_mut().push(start.to_vec());
            let value = |k: usize| {
                let mut rest = k;
                let mut index = vec![0; count.len()];
                for axis in (0..count.len()).rev() {
                    index[axis] = start[axis] + rest % count[axis];
                    rest /= count[axis];
                }
                (self.value)(&index)
            };
            Ok((0..cells).map(value).collect())
        }
    }

    fn variable(shape: &[usize]) -> VariableHeader {
        VariableHeader {
            name: "topo".to_owned(),
            dimensions: (0..shape.len()).map(|k| format!("d{k}")).collect(),
            shape: shape.to_vec(),
            data_type: DataType::F64,
            attributes: Attributes::new(),
        }
    }

    fn plane(variable: &VariableHeader) -> Plane<'_> {
        let n = variable.shape.len();
        Plane { variable, y: n - 2, x: n - 1, at: vec![0; n] }
    }

    fn all(plane: &Plane<'_>, level: u32) -> Window {
        let (ni, nj) = plane.size(level);
        Window { i: 0, j: 0, ni, nj }
    }

    #[test]
    fn a_window_at_full_detail_is_that_part_of_the_file() {
        let v = variable(&[7, 9]);
        let fake = Fake::new(|at| (at[0] * 10 + at[1]) as f64);
        let window = Window { i: 2, j: 3, ni: 3, nj: 2 };
        let patch = plane(&v).window(&fake, 0, window, Blend::Mean).unwrap();
        assert_eq!(patch.values, [32.0, 33.0, 34.0, 42.0, 43.0, 44.0]);
        assert_eq!(patch.range, Some((32.0, 44.0)));
        assert_eq!(fake.cells_read.get(), 6);
    }

    #[test]
    fn coarse_cells_are_means_of_what_is_known_also_at_the_rim() {
        let v = variable(&[3, 5]);
        let fake = Fake::new(|at| if *at == [0, 0] { f64::NAN } else { (at[0] * 10 + at[1]) as f64 });
        let plane = plane(&v);
        assert_eq!(plane.size(1), (3, 2));
        let patch = plane.window(&fake, 1, all(&plane, 1), Blend::Mean).unwrap();
        let means = [(1.0 + 10.0 + 11.0) / 3.0, 7.5, 9.0, 20.5, 22.5, 24.0];
        assert_eq!(patch.values, means);
        // The range is that of the file, not of the means.
        assert_eq!(patch.range, Some((1.0, 24.0)));
        assert!(!patch.sampled);
    }

    #[test]
    fn codes_are_picked_never_mixed() {
        let v = variable(&[9, 9]);
        let fake = Fake::new(|at| (at[0] * 10 + at[1]) as f64);
        let plane = plane(&v);
        let patch = plane.window(&fake, 2, all(&plane, 2), Blend::Middle).unwrap();
        assert_eq!(patch.values, [11.0, 15.0, 18.0, 51.0, 55.0, 58.0, 81.0, 85.0, 88.0]);
    }

    #[test]
    fn transposed_files_and_leading_dimensions_are_read_as_rows() {
        let v = variable(&[4, 3, 2]);
        let fake = Fake::new(|at| (at[0] * 100 + at[1] * 10 + at[2]) as f64);
        let plane = Plane { variable: &v, y: 2, x: 0, at: vec![0, 1, 0] };
        let patch = plane.window(&fake, 0, all(&plane, 0), Blend::Mean).unwrap();
        assert_eq!(patch.values, [10.0, 110.0, 210.0, 310.0, 11.0, 111.0, 211.0, 311.0]);
    }

    #[test]
    fn a_field_with_nothing_in_it_has_no_range() {
        let v = variable(&[2, 2]);
        let plane = plane(&v);
        let patch = plane.window(&Fake::new(|_| f64::NAN), 1, all(&plane, 1), Blend::Mean).unwrap();
        assert!(patch.values[0].is_nan() && patch.range.is_none());
    }

    #[test]
    fn a_giant_field_is_read_in_parts_within_the_budget() {
        let v = variable(&[10_800, 21_600]);
        let fake = Fake::new(|at| at[0] as f64);
        let plane = plane(&v);
        let level = plane.level_below(300_000);
        assert_eq!(plane.size(level), (675, 338));
        let patch = plane.window(&fake, level, all(&plane, level), Blend::Mean).unwrap();
        assert!(patch.sampled);
        assert!(fake.cells_read.get() <= READ_BUDGET, "{} cells read", fake.cells_read.get());
        assert!(fake.largest.get() <= BAND_CELLS);
        // The chosen row stands for the middle of its block.
        assert!((patch.values[675 * 100] - 3215.5).abs() <= 1.0, "{}", patch.values[675 * 100]);
        // A window at full detail reads nothing else.
        let fake = Fake::new(|at| at[1] as f64);
        let window = Window { i: 20_000, j: 9_000, ni: 512, nj: 512 };
        let patch = plane.window(&fake, 0, window, Blend::Mean).unwrap();
        assert_eq!((patch.values[0], fake.cells_read.get()), (20_000.0, 512 * 512));
    }

    #[test]
    fn windows_outside_or_too_large_are_refused_with_the_size() {
        let v = variable(&[2000, 3000]);
        let plane = plane(&v);
        for window in [
            Window { i: 0, j: 0, ni: 0, nj: 1 },
            Window { i: 2999, j: 0, ni: 2, nj: 1 },
            Window { i: 0, j: usize::MAX, ni: 1, nj: 2 },
        ] {
            assert!(matches!(plane.check(0, window), Err(MapError::BadWindow { ni: 3000, nj: 2000, .. })));
        }
        let all = all(&plane, 0);
        assert!(matches!(plane.check(0, all), Err(MapError::TooManyCells { cells: 6_000_000, .. })));
        assert!(plane.check(99, Window { i: 0, j: 0, ni: 1, nj: 1 }).is_err());
    }
}
