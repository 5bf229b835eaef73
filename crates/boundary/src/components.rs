//! Connected seas: 4-connected components on a grid whose date line may be joined.
//!
//! Invariants: labels run from 1 in row-major order of the first cell of each component; cells that are not
//! in the mask carry 0; there is no connection across a pole. Where components meet across the date line the
//! group takes its smallest number, and the numbers that vanish are not used again.
//!
//! Two passes with a union-find forest (Rosenfeld and Pfaltz 1966; Tarjan 1975), over runs of cells rather than cells:
//! maps have few coasts. The result is held against a flood fill on random grids in the tests.

use std::ops::Range;

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
    let across: &mut dyn Iterator<Item = (usize, usize)> = match date_line {
        DateLine::Joined if columns > 1 => &mut (0..rows).map(|i| (i * columns, (i + 1) * columns - 1)),
        DateLine::Joined | DateLine::Open => &mut std::iter::empty(),
    };
    label_joined(mask, across)
}

/// Numbers the 4-connected components of `mask` as [`label`] does, `pairs` of cells (row-major indices) being connected
/// too: where both are in the mask, their groups take the smallest number.
pub fn label_joined(mask: ArrayView2<bool>, pairs: impl IntoIterator<Item = (usize, usize)>) -> Array2<u32> {
    let mask = mask.as_standard_layout();
    let columns = mask.ncols();
    let (runs, ends) = runs_of(mask.as_slice().unwrap_or_default(), columns);
    let mut forest = Forest::with(runs.len());
    let mut above = 0..0;
    for &end in &ends {
        let row = above.end..end;
        join_touching(&mut forest, &runs, above, row.clone(), columns);
        above = row;
    }

    // Numbers are given before the pairs are joined: they are those of the flat map.
    let mut number = vec![0_u32; runs.len()];
    let mut next = 0;
    for run in 0..runs.len() {
        let root = forest.root(run as u32) as usize;
        if root == run {
            next += 1;
            number[run] = next;
        } else {
            number[run] = number[root];
        }
    }

    let run_at = |cell: usize| {
        let row = cell / columns;
        let first = if row > 0 { ends[row - 1] } else { 0 };
        let at = first + runs[first..ends[row]].partition_point(|run| run.end <= cell);
        (at < ends[row] && runs[at].start <= cell).then_some(at)
    };
    let mut groups = Forest::with(next as usize + 1);
    for (one, other) in pairs {
        if let (Some(one), Some(other)) = (run_at(one), run_at(other)) {
            groups.join(number[one], number[other]);
        }
    }

    let mut labels = vec![0_u32; mask.len()];
    for (run, &number) in runs.into_iter().zip(&number) {
        labels[run].fill(groups.root(number));
    }
    Array2::from_shape_vec(mask.dim(), labels).unwrap_or_default()
}

/// The runs of the mask row by row (as ranges of cells), and for each row where its runs end among all.
fn runs_of(mask: &[bool], columns: usize) -> (Vec<Range<usize>>, Vec<usize>) {
    let (mut runs, mut ends) = (Vec::new(), Vec::new());
    for (row, cells) in mask.chunks(columns.max(1)).enumerate() {
        let mut column = 0;
        while let Some(start) = cells[column..].iter().position(|&sea| sea).map(|ahead| column + ahead) {
            let end = cells[start..].iter().position(|&sea| !sea).map_or(columns, |ahead| start + ahead);
            runs.push(row * columns + start..row * columns + end);
            column = end;
        }
        ends.push(runs.len());
    }
    (runs, ends)
}

/// Joins the runs of two neighbouring rows that share a column.
fn join_touching(
    forest: &mut Forest,
    runs: &[Range<usize>],
    above: Range<usize>,
    below: Range<usize>,
    columns: usize,
) {
    let (mut one, mut other) = (above.start, below.start);
    while one < above.end && other < below.end {
        let (north, south) = (&runs[one], &runs[other]);
        if north.start + columns < south.end && south.start < north.end + columns {
            forest.join(one as u32, other as u32);
        }
        if north.end + columns <= south.end {
            one += 1;
        } else {
            other += 1;
        }
    }
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
    fn with(members: usize) -> Self {
        Self { parents: (0..members as u32).collect() }
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

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other) as usize] = one.min(other);
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
