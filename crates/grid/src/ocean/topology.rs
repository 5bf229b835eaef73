//! How the cells of a curvilinear grid repeat each other, and which meet beyond the edges of its arrays: found from their
//! positions alone.
//!
//! The grids of ocean models come with and without the columns and rows that are there twice, cut in many ways. Rows run south
//! to north; cells without a position (NaN) are left out of every comparison.

use super::Points;
use crate::sphere::Vector;

/// How far two copies of one point may lie apart and still count as one, in metres. Files in single precision
/// are off by as much as 150 m.
const SAME_POINT_M: f64 = 200.0;

/// Rows that may lie between the last row and the one that it repeats.
const MAX_ROWS_BETWEEN: usize = 4;

/// Cells of the last row for which the repeated cell is looked for: two of them may be their own mirror image.
const PROBES: usize = 8;

/// Columns that are there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// The last two columns repeat the first two, as in ORCA.
    TwoColumns,
    /// The last column repeats the first.
    OneColumn,
    /// None.
    None,
}

/// How the northern rows meet, folded on the line between the grid poles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Around an F point (`nperio = 6`): the last row of T repeats the row before it.
    FPivot,
    /// Around a T point (`nperio = 4`): the last row of T repeats the second row before it.
    TPivot,
    /// Any other: without repeated rows, with the row of the pivot last, or with columns cut off.
    Other(Mirror),
    /// Not folded.
    None,
}

/// Of two cells across a fold, the numbers of the rows have one sum, and those of the columns another (around the globe, where
/// the grid closes). A row sum of more than twice the last row is a fold behind it, without repeated rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mirror {
    /// Sum of two rows.
    pub rows: usize,
    /// Sum of two columns.
    pub columns: usize,
}

/// Which cells of a grid stand for the same place, and which meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topology {
    /// Around the globe.
    pub overlap: Overlap,
    /// Across the north.
    pub fold: Fold,
    /// Whether the last column has the first as its neighbour, repeated columns left out.
    pub periodic: bool,
}

impl Fold {
    /// True when the whole last row repeats another, in the ways of NEMO's full grids.
    pub fn repeats_last_row(self) -> bool {
        matches!(self, Self::FPivot | Self::TPivot)
    }

    /// Which cells of a grid of `shape` (rows, columns) the fold brings together.
    pub fn mirror(self, (rows, columns): (usize, usize)) -> Option<Mirror> {
        match self {
            Self::None => None,
            Self::FPivot => Some(Mirror { rows: (2 * rows).saturating_sub(3), columns: columns - 1 }),
            Self::TPivot => Some(Mirror { rows: (2 * rows).saturating_sub(4), columns }),
            Self::Other(mirror) => Some(mirror),
        }
    }
}

impl Topology {
    /// A grid that ends at its edges, and repeats nothing.
    pub const OPEN: Self = Self { overlap: Overlap::None, fold: Fold::None, periodic: false };

    /// The one cell of a grid of `shape` (rows, columns) that stands for row `j` and column `i`, which may lie outside of it:
    /// across the date line, or across the fold. `None` where the grid ends.
    pub fn cell(self, shape: (usize, usize), j: isize, i: isize) -> Option<(usize, usize)> {
        let around = |i: isize| self.around(shape.1, i);
        let (mut j, mut i) = (j, around(i)?);
        if let Some(mirror) = self.fold.mirror(shape) {
            let (rows, columns) = (mirror.rows as isize, mirror.columns as isize);
            if 2 * j > rows {
                (j, i) = (rows - j, around(columns - i)?);
            } else if 2 * j == rows {
                // The row of the pivot is its own image.
                i = around(columns - i).map_or(i, |image| i.min(image));
            }
        }
        (0..shape.0 as isize).contains(&j).then_some((j as usize, i as usize))
    }

    /// True for a cell that another one stands for.
    pub fn is_repeated(self, shape: (usize, usize), j: usize, i: usize) -> bool {
        self.cell(shape, j as isize, i as isize) != Some((j, i))
    }

    /// The column that stands for `i`, which may lie outside.
    fn around(self, columns: usize, i: isize) -> Option<isize> {
        let columns = columns as isize;
        match self.overlap {
            Overlap::TwoColumns => Some((i - 1).rem_euclid(columns - 2) + 1),
            Overlap::OneColumn => Some(i.rem_euclid(columns - 1)),
            Overlap::None if self.periodic => Some(i.rem_euclid(columns)),
            Overlap::None => (0..columns).contains(&i).then_some(i),
        }
    }

    /// Finds how the cells with these positions repeat and meet; those without a place are NaN.
    pub fn find(points: &Points) -> Self {
        let finder = Finder { points };
        let overlap = finder.overlap();
        let periodic = overlap != Overlap::None || finder.closes();
        let open = Self { overlap, fold: Fold::None, periodic };
        Self { fold: finder.fold(open), ..open }
    }
}

/// How a file stores the cells of a grid whose rows run south to north.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns by rows (x, y).
    pub transposed: bool,
    /// Rows north to south.
    pub flipped: bool,
    /// How the cells repeat and meet, as rows by columns from south to north.
    pub topology: Topology,
}

impl Layout {
    /// The layout in which the cells with these positions, as they are stored, repeat and meet the most: across the north, else
    /// around the globe; as they are where it makes no difference.
    pub fn find(stored: &Points) -> Self {
        let worth = |topology: Topology| (topology.fold != Fold::None, topology.periodic);
        let mut best = Self { transposed: false, flipped: false, topology: Topology::find(stored) };
        for (transposed, flipped) in [(false, true), (true, false), (true, true)] {
            // Around the globe is found in both directions of the rows.
            if best.topology.fold != Fold::None || (transposed && best.topology.periodic && !best.transposed)
            {
                break;
            }
            let topology = Topology::find(&stored.clone().rearranged(transposed, flipped));
            if worth(topology) > worth(best.topology) {
                best = Self { transposed, flipped, topology };
            }
        }
        best
    }
}

struct Finder<'a> {
    points: &'a Points,
}

fn same(a: Vector, b: Vector) -> bool {
    a.distance_m(b) < SAME_POINT_M
}

impl Finder<'_> {
    fn shape(&self) -> (usize, usize) {
        self.points.lon_deg.dim()
    }

    fn at(&self, j: usize, i: usize) -> Option<Vector> {
        let (lon, lat) = self.points.at(j, i);
        (lon.is_finite() && lat.is_finite()).then(|| Vector::from_degrees((lon, lat)))
    }

    fn row(&self, j: usize) -> Vec<Option<Vector>> {
        (0..self.shape().1).map(|i| self.at(j, i)).collect()
    }

    fn overlap(&self) -> Overlap {
        let (ny, nx) = self.shape();
        let repeats = |count: usize| {
            let mut compared = 0;
            (0..ny).flat_map(|j| (0..count).map(move |i| (j, i))).all(|(j, i)| {
                let pair = self.at(j, i).zip(self.at(j, nx - count + i));
                compared += usize::from(pair.is_some());
                pair.is_none_or(|(a, b)| same(a, b))
            }) && 2 * compared > ny
        };
        if nx >= 4 && repeats(2) {
            Overlap::TwoColumns
        } else if nx >= 4 && repeats(1) && self.has_columns() {
            Overlap::OneColumn
        } else {
            Overlap::None
        }
    }

    /// True when the first two columns are different places in most rows: those of a single meridian are no columns.
    fn has_columns(&self) -> bool {
        let ny = self.shape().0;
        let apart = |j: &usize| self.at(*j, 0).zip(self.at(*j, 1)).is_some_and(|(a, b)| !same(a, b));
        2 * (0..ny).filter(apart).count() > ny
    }

    /// True when the last column is as near to the first as columns are to each other.
    fn closes(&self) -> bool {
        let (ny, nx) = self.shape();
        let step = |j: usize, i: usize| {
            let (a, b) = (self.at(j, i)?, self.at(j, (i + 1) % nx)?);
            Some(a.minus(b).length())
        };
        let mut compared = 0;
        nx > 3
            && (0..ny).all(|j| {
                let Some(last) = step(j, nx - 1) else { return true };
                let beside = [step(j, 0), step(j, nx - 2)].into_iter().flatten().fold(0.0, f64::max);
                if last == 0.0 && beside == 0.0 {
                    // A row that is one point, at a pole.
                    return true;
                }
                compared += 1;
                last > 0.0 && last < 1.5 * beside + 1e-6
            })
            && 2 * compared > ny
    }

    /// The fold of a grid whose columns meet as `open` says.
    fn fold(&self, open: Topology) -> Fold {
        let (ny, nx) = self.shape();
        if ny < 2 || nx < 4 {
            return Fold::None;
        }
        // Northern rows that are only land may be without positions.
        let placed = |j: &usize| 2 * self.row(*j).iter().flatten().count() >= nx;
        let Some(top) = (0..ny).rev().find(placed) else { return Fold::None };
        let columns: Vec<usize> =
            (0..nx).filter(|&i| open.around(nx, i as isize) == Some(i as isize)).collect();
        let rows: Vec<Vec<Option<Vector>>> =
            (0..=MAX_ROWS_BETWEEN + 1).map_while(|back| top.checked_sub(back)).map(|j| self.row(j)).collect();
        let last = Last { rows: &rows, columns: &columns, open, width: nx };
        let found = (0..=MAX_ROWS_BETWEEN.min(top))
            .find_map(|back| Some(Mirror { rows: 2 * top - back, columns: last.repeats(back)? }))
            .or_else(|| Some(Mirror { rows: 2 * top + 1, columns: last.meets_itself()? }));
        let Some(found) = found else { return Fold::None };
        let is = |fold: Fold| {
            fold.mirror((ny, nx)).is_some_and(|other| {
                other.rows == found.rows
                    && columns.iter().all(|&i| {
                        let image = |sum: usize| open.around(nx, sum as isize - i as isize);
                        image(other.columns) == image(found.columns)
                    })
            })
        };
        [Fold::FPivot, Fold::TPivot].into_iter().find(|&fold| is(fold)).unwrap_or(Fold::Other(found))
    }
}

/// The northernmost rows, the last one first.
struct Last<'a> {
    rows: &'a [Vec<Option<Vector>>],
    /// Columns that are not repeated.
    columns: &'a [usize],
    open: Topology,
    width: usize,
}

impl Last<'_> {
    fn image(&self, sum: usize, i: usize) -> Option<usize> {
        self.open.around(self.width, sum as isize - i as isize).map(|image| image as usize)
    }

    /// The column sum with which the last row repeats the row that is `back` rows before it.
    fn repeats(&self, back: usize) -> Option<usize> {
        let (last, partner) = (self.rows.first()?, self.rows.get(back)?);
        // Where neighbours are one place (a row at a pole), any column would do.
        let pairs = || self.columns.iter().zip(self.columns.iter().skip(1));
        let one_place = |(a, b): &(&usize, &usize)| last[**a].zip(last[**b]).is_some_and(|(a, b)| same(a, b));
        if 2 * pairs().filter(one_place).count() > self.columns.len() {
            return None;
        }
        let placed: Vec<usize> = self.columns.iter().copied().filter(|&i| last[i].is_some()).collect();
        let probes = placed.iter().step_by((placed.len() / PROBES).max(1));
        let sums = probes.filter_map(|&i| {
            let here = last[i]?;
            let there = self.columns.iter().copied().filter(|&m| back > 0 || m != i);
            there.into_iter().find(|&m| partner[m].is_some_and(|point| same(here, point))).map(|m| i + m)
        });
        let mut tried = Vec::new();
        for sum in sums {
            if !tried.contains(&sum) {
                if self.holds(sum, back) {
                    return Some(self.normal(sum));
                }
                tried.push(sum);
            }
        }
        None
    }

    /// True when every row behind the fold repeats the one before it that belongs to it.
    fn holds(&self, sum: usize, back: usize) -> bool {
        let mut compared = 0;
        let holds = (0..=back / 2).filter(|&k| back == 0 || 2 * k < back).all(|k| {
            let (row, partner) = (&self.rows[k], &self.rows[back - k]);
            self.columns.iter().all(|&i| {
                let pair = self.image(sum, i).filter(|&m| back > 0 || m != i);
                let pair = pair.and_then(|m| row[i].zip(partner[m]));
                compared += usize::from(pair.is_some() && k == 0);
                pair.is_none_or(|(a, b)| same(a, b))
            })
        });
        holds && 2 * compared >= self.columns.len()
    }

    /// The sum within the width of the grid where it closes, so that equal folds have equal sums.
    fn normal(&self, sum: usize) -> usize {
        let period = match self.open.overlap {
            Overlap::TwoColumns => self.width - 2,
            Overlap::OneColumn => self.width - 1,
            Overlap::None if self.open.periodic => self.width,
            Overlap::None => return sum,
        };
        sum % period
    }

    /// The column sum with which the cells of the last row have each other as neighbours across a fold right behind it.
    fn meets_itself(&self) -> Option<usize> {
        let (last, before) = (self.rows.first()?, self.rows.get(1)?);
        if !self.open.periodic {
            return None;
        }
        let apart = |a: Option<Vector>, b: Option<Vector>| a.zip(b).map(|(a, b)| a.minus(b).length());
        let beside =
            |i: usize, step: isize| self.open.around(self.width, i as isize + step).map(|i| i as usize);
        // The size of the cell around each point.
        let size: Vec<f64> = (0..self.width)
            .map(|i| {
                let along = [-1, 1].map(|step| beside(i, step).and_then(|next| apart(last[i], last[next])));
                along.into_iter().chain([apart(last[i], before[i])]).flatten().fold(0.0, f64::max)
            })
            .collect();
        // Half of the columns are as good as all: a pair has two.
        let passing: Vec<(usize, f64)> = (0..self.columns.len())
            .filter_map(|sum| {
                let (mut total, mut compared) = (0.0, 0);
                for &i in self.columns {
                    let Some(image) = self.image(sum, i) else { continue };
                    let Some(distance) = apart(last[i], last[image]).filter(|_| image != i) else { continue };
                    if distance > 2.0 * size[i].max(size[image]) {
                        return None;
                    }
                    (total, compared) = (total + distance, compared + 1);
                }
                (2 * compared >= self.columns.len()).then_some((sum, total))
            })
            .collect();
        // A circle around a pole meets itself with any sum, and is none.
        if 2 * passing.len() > self.columns.len() {
            return None;
        }
        passing.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(sum, _)| sum)
    }
}
