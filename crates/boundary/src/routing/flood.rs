//! Depression filling: every cell is raised to the lowest level at which its water gets away.
//!
//! `F(p) = min over all 8-connected paths from p to an outlet of the largest height on the path`: the
//! priority flood of Barnes, Lehman and Mulla (2014, doi:10.1016/j.cageo.2013.04.024), with a plain queue for
//! the cells at the current level and lists by height for the others. All values are copies of input values,
//! so the result does not depend on the order.
//!
//! Sea cells are never changed, and land is always above zero, so the sea is flooded at level zero: a
//! monotone clamp of the heights commutes with the minimum over paths, and makes the ocean one plateau that
//! needs no heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ndarray::Array2;

use super::cylinder::{Cylinder, gridded, row_major};

/// Fills depressions towards a *ring* around the map, as the releases of 2021 and 2023 do.
///
/// Three copies of `heights_m` (south-up, (ny, nx)) stand side by side, within a ring of cells: above and
/// below each column its maximum, left and right of each row its maximum. Water gets away over any cell of
/// the ring. Land (height > 0) of the middle copy is filled, sea is returned as it is.
///
/// One joined copy is flooded in place of three: where every flood path stays within one turn to either side
/// the results are equal. (A path of the joined copy that keeps to the three copies is a path of theirs up to
/// its ring cell; if that belongs to column `j`, all of the column is as low, and the path has met column `j`
/// in reach; if it belongs to row `i`, all of the row is as low, and leads to the ring of the three copies.
/// The other way round every path of three copies is one of the joined copy.) Otherwise, for valleys that
/// wind around the globe, the three copies are flooded.
pub fn fill_towards_ring(heights_m: &Array2<f64>) -> Array2<f64> {
    let cylinder = Cylinder::from_array(heights_m);
    if cylinder.cells() == 0 {
        return heights_m.clone();
    }
    let heights = row_major(heights_m);
    let clamped: Vec<f64> = heights.iter().map(|&h| if h > 0.0 { h } else { 0.0 }).collect();
    let joined = Domain { shape: cylinder, sides: Sides::Joined };
    let mut flood = Flood::new(joined, &clamped);
    flood.seed_from_ring();
    flood.run();
    let levels = if (0..cylinder.cells()).all(|p| heights[p] <= 0.0 || flood.turns[p].within_one()) {
        flood.levels
    } else {
        fill_three_copies(cylinder, &clamped)
    };
    keep_sea(cylinder, &heights, levels)
}

/// Fills depressions of the land towards the sea: `heights_m` is south-up, (ny, nx); sea (height <= 0) is
/// returned as it is, and so is everything if there is no sea.
pub fn fill_towards_sea(heights_m: &Array2<f64>) -> Array2<f64> {
    let cylinder = Cylinder::from_array(heights_m);
    let heights = row_major(heights_m);
    if heights.iter().all(|&h| h > 0.0) {
        return heights_m.clone();
    }
    let clamped: Vec<f64> = heights.iter().map(|&h| if h > 0.0 { h } else { 0.0 }).collect();
    let mut flood = Flood::new(Domain { shape: cylinder, sides: Sides::Joined }, &clamped);
    flood.seed_from_sea();
    flood.run();
    keep_sea(cylinder, &heights, flood.levels)
}

/// The levels on land, the heights elsewhere.
fn keep_sea(cylinder: Cylinder, heights: &[f64], levels: Vec<f64>) -> Array2<f64> {
    let kept = heights.iter().zip(levels).map(|(&h, level)| if h > 0.0 { level } else { h }).collect();
    gridded(cylinder, kept)
}

/// The literal form of the rule.
fn fill_three_copies(cylinder: Cylinder, clamped: &[f64]) -> Vec<f64> {
    let Cylinder { ny, nx } = cylinder;
    let wide: Vec<f64> =
        (0..ny).flat_map(|i| clamped[i * nx..(i + 1) * nx].iter().copied().cycle().take(3 * nx)).collect();
    let mut flood = Flood::new(Domain { shape: Cylinder { ny, nx: 3 * nx }, sides: Sides::Open }, &wide);
    flood.seed_from_ring();
    flood.run();
    (0..ny).flat_map(|i| flood.levels[(3 * i + 1) * nx..(3 * i + 2) * nx].iter().copied()).collect()
}

/// What is east of the last column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sides {
    /// The first column.
    Joined,
    /// The ring.
    Open,
}

#[derive(Debug, Clone, Copy)]
struct Domain {
    shape: Cylinder,
    sides: Sides,
}

impl Domain {
    /// The neighbours of `cell`, each with the number of turns (-1, 0 or 1) by which `cell` lies east of the
    /// neighbour's own copy of the map.
    #[inline]
    fn neighbours(self, cell: usize) -> Around {
        let Cylinder { ny, nx } = self.shape;
        let (i, j) = self.shape.position(cell);
        if i > 0 && i + 1 < ny && j > 0 && j + 1 < nx {
            let (south, north) = (cell - nx, cell + nx);
            let cells = [south - 1, south, south + 1, cell - 1, cell + 1, north - 1, north, north + 1];
            return Around { cells, turns: [0; 8], count: 8 };
        }
        let mut around = Around { cells: [0; 8], turns: [0; 8], count: 0 };
        let (west, west_turns) = if j > 0 { (Some(j - 1), 0) } else { (self.joined(nx - 1), 1) };
        let (east, east_turns) = if j + 1 < nx { (Some(j + 1), 0) } else { (self.joined(0), -1) };
        for row in i.saturating_sub(1)..=(i + 1).min(ny - 1) {
            let same = (row != i).then_some(j);
            for (column, turns) in [(same, 0), (west, west_turns), (east, east_turns)] {
                if let Some(column) = column {
                    around.cells[around.count] = row * nx + column;
                    around.turns[around.count] = turns;
                    around.count += 1;
                }
            }
        }
        around
    }

    fn joined(self, column: usize) -> Option<usize> {
        (self.sides == Sides::Joined).then_some(column)
    }
}

/// Up to eight neighbours.
struct Around {
    cells: [usize; 8],
    turns: [i16; 8],
    count: usize,
}

impl Around {
    #[inline]
    fn iter(&self) -> impl Iterator<Item = (usize, i16)> {
        self.cells.iter().copied().zip(self.turns.iter().copied()).take(self.count)
    }
}

/// How many turns around the globe the flood path of a cell reaches, to either side of the cell.
#[derive(Debug, Clone, Copy, Default)]
struct Turns {
    west: i16,
    east: i16,
}

impl Turns {
    fn through(self, turns: i16) -> Self {
        Self { west: self.west.saturating_add(turns).min(0), east: self.east.saturating_add(turns).max(0) }
    }

    fn within_one(self) -> bool {
        self.west >= -1 && self.east <= 1
    }
}

/// A flood in progress: every cell is reached once, from the lowest level that can reach it.
///
/// Beside the cells there are outlets, numbered after them: the cells of the ring.
struct Flood<'a> {
    domain: Domain,
    heights: &'a [f64],
    /// Infinite where the flood has not been.
    levels: Vec<f64>,
    turns: Vec<Turns>,
    outlets: Vec<Outlet>,
    higher: BucketQueue,
}

/// A cell of the ring, and the cells beside it.
struct Outlet {
    level: f64,
    beside: [u32; 3],
}

impl<'a> Flood<'a> {
    fn new(domain: Domain, heights: &'a [f64]) -> Self {
        let cells = heights.len();
        let highest = heights.iter().copied().fold(0.0, f64::max);
        let Cylinder { ny, nx } = domain.shape;
        Self {
            domain,
            heights,
            levels: vec![f64::INFINITY; cells],
            turns: vec![Turns::default(); cells],
            outlets: Vec::new(),
            higher: BucketQueue::new(cells + 2 * (ny + nx), highest),
        }
    }

    /// Outlets around the map: the maxima of the columns above and below, of the rows left and right. (The
    /// corners of the ring are never lower than the ring beside them.)
    fn seed_from_ring(&mut self) {
        let Cylinder { ny, nx } = self.domain.shape;
        let mut columns = vec![0.0_f64; nx];
        let mut rows = vec![0.0_f64; ny];
        for (i, row) in self.heights.chunks_exact(nx).enumerate() {
            for (column, &h) in columns.iter_mut().zip(row) {
                *column = column.max(h);
                rows[i] = rows[i].max(h);
            }
        }
        for (j, &level) in columns.iter().enumerate() {
            let joined = |column| self.domain.joined(column).unwrap_or(j);
            let west = if j > 0 { j - 1 } else { joined(nx - 1) };
            let east = if j + 1 < nx { j + 1 } else { joined(0) };
            for row in [0, ny - 1] {
                let beside = [west, j, east].map(|column| (row * nx + column) as u32);
                self.outlets.push(Outlet { level, beside });
            }
        }
        for (i, &level) in rows.iter().enumerate() {
            for column in [0, nx - 1] {
                let beside = [i.saturating_sub(1), i, (i + 1).min(ny - 1)];
                let beside = beside.map(|row| (row * nx + column) as u32);
                self.outlets.push(Outlet { level, beside });
            }
        }
        for (number, outlet) in self.outlets.iter().enumerate() {
            self.higher.push(outlet.level, (self.heights.len() + number) as u32);
        }
    }

    /// Every sea cell is an outlet: its shores are where the flood begins.
    fn seed_from_sea(&mut self) {
        let Self { domain, heights, levels, higher, .. } = self;
        for (level, &height) in levels.iter_mut().zip(*heights) {
            if height <= 0.0 {
                *level = 0.0;
            }
        }
        for cell in 0..heights.len() {
            let height = heights[cell];
            if height > 0.0 {
                let shore = domain.neighbours(cell).iter().any(|(neighbour, _)| heights[neighbour] <= 0.0);
                if shore {
                    levels[cell] = height;
                    higher.push(height, cell as u32);
                }
            }
        }
    }

    fn run(&mut self) {
        let Self { domain, heights, levels, turns, outlets, higher } = self;
        let mut queue: Vec<u32> = Vec::new();
        while let Some((level, start)) = higher.pop() {
            queue.clear();
            match outlets.get((start as usize).wrapping_sub(heights.len())) {
                None => queue.push(start),
                Some(outlet) => {
                    for cell in outlet.beside {
                        let height = heights[cell as usize];
                        if levels[cell as usize] == f64::INFINITY {
                            levels[cell as usize] = height.max(level);
                            if height > level {
                                higher.push(height, cell);
                            } else {
                                queue.push(cell);
                            }
                        }
                    }
                }
            }
            // First in, first out: short paths, which seldom wind around the globe.
            let mut next = 0;
            while let Some(&cell) = queue.get(next) {
                next += 1;
                let reach = turns[cell as usize];
                for (neighbour, turn) in domain.neighbours(cell as usize).iter() {
                    if levels[neighbour] == f64::INFINITY {
                        let height = heights[neighbour];
                        turns[neighbour] = reach.through(turn);
                        if height > level {
                            levels[neighbour] = height;
                            higher.push(height, neighbour as u32);
                        } else {
                            levels[neighbour] = level;
                            queue.push(neighbour as u32);
                        }
                    }
                }
            }
        }
    }
}

/// Cells that wait for the flood to rise to their level, lowest first: a list per range of levels, of which
/// only the one at hand is kept in order.
struct BucketQueue {
    ranges_per_metre: f64,
    /// First member of each range's list.
    first: Vec<u32>,
    /// The member after each member.
    next: Vec<u32>,
    /// The level of each member.
    levels: Vec<f64>,
    /// The range at hand, and its members.
    range: usize,
    lowest: BinaryHeap<Reverse<(u64, u32)>>,
}

/// The end of a list.
const END: u32 = u32::MAX;

impl BucketQueue {
    /// Room for `members`, each of which waits once, at levels from 0 to `highest`.
    fn new(members: usize, highest: f64) -> Self {
        let ranges = members / 4 + 2;
        let ranges_per_metre = if highest > 0.0 { (ranges - 2) as f64 / highest } else { 0.0 };
        Self {
            ranges_per_metre,
            first: vec![END; ranges],
            next: vec![END; members],
            levels: vec![0.0; members],
            range: 0,
            lowest: BinaryHeap::new(),
        }
    }

    fn push(&mut self, level: f64, member: u32) {
        // Casts saturate, and rounding keeps the order of levels.
        let range = ((level * self.ranges_per_metre) as usize).min(self.first.len() - 1);
        if range <= self.range {
            // Levels are not negative, so their order is that of their bits.
            self.lowest.push(Reverse((level.to_bits(), member)));
        } else {
            self.levels[member as usize] = level;
            self.next[member as usize] = std::mem::replace(&mut self.first[range], member);
        }
    }

    fn pop(&mut self) -> Option<(f64, u32)> {
        while self.lowest.is_empty() {
            self.range += 1;
            let mut member = *self.first.get(self.range)?;
            while member != END {
                self.lowest.push(Reverse((self.levels[member as usize].to_bits(), member)));
                member = self.next[member as usize];
            }
        }
        self.lowest.pop().map(|Reverse((bits, member))| (f64::from_bits(bits), member))
    }
}
