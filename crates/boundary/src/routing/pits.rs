//! Removal of the pits that the gradient on flats leaves (release of 2023).

use ndarray::Array2;

use super::cylinder::{Cylinder, Neighbour, gridded, row_major};

/// Rounds after which the removal gives up: each round makes the pits shallower, and real maps need a few.
const MAX_ROUNDS: usize = 1_000;

/// The outcome of the removal.
#[derive(Debug, Clone, PartialEq)]
pub struct PitsRemoved {
    /// The heights, m, south-up, (ny, nx).
    pub heights_m: Array2<f64>,
    /// Cells that were raised, in row-major order.
    pub raised: Vec<usize>,
}

/// Pits were still there after the last round.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} pits remain after {rounds} rounds of removal, the first at row {}, column {} (from the south-west)",
    cells.len(), cells.first().map_or(0, |c| c.0), cells.first().map_or(0, |c| c.1))]
pub struct PitsRemain {
    /// Rounds that were made.
    pub rounds: usize,
    /// Rows and columns of the pits that remain.
    pub cells: Vec<(usize, usize)>,
}

/// Raises land cells that are strictly lower than all their neighbours by the absolute mean of the eight
/// differences, all pits of a round at once, until none is left.
///
/// # Errors
/// [`PitsRemain`] when a thousand rounds were not enough.
pub fn remove_pits(heights_m: &Array2<f64>) -> Result<PitsRemoved, PitsRemain> {
    let cylinder = Cylinder::from_array(heights_m);
    let mut heights = row_major(heights_m).into_owned();
    let mut raised: Vec<usize> = Vec::new();
    let mut pits: Vec<(usize, f64)> =
        (0..heights.len()).filter_map(|cell| Some((cell, pit_depth(cylinder, &heights, cell)?))).collect();
    let mut rounds = 0;
    while !pits.is_empty() {
        if rounds == MAX_ROUNDS {
            let cells = pits.iter().map(|&(cell, _)| cylinder.position(cell)).collect();
            return Err(PitsRemain { rounds, cells });
        }
        rounds += 1;
        let mut touched = Vec::with_capacity(9 * pits.len());
        for &(cell, depth) in &pits {
            heights[cell] += depth;
            raised.push(cell);
            touched.push(cell);
            let (i, j) = cylinder.position(cell);
            touched.extend(cylinder.neighbours(i, j).into_iter().filter_map(|neighbour| match neighbour {
                Neighbour::Cell(cell) => Some(cell),
                Neighbour::BeyondPole(_) => None,
            }));
        }
        // A cell becomes a pit only when a neighbour rises.
        touched.sort_unstable();
        touched.dedup();
        pits.clear();
        pits.extend(touched.into_iter().filter_map(|c| Some((c, pit_depth(cylinder, &heights, c)?))));
    }
    raised.sort_unstable();
    raised.dedup();
    Ok(PitsRemoved { heights_m: gridded(cylinder, heights), raised })
}

/// The mean height of the neighbours above a pit, m; `None` where there is no pit.
fn pit_depth(cylinder: Cylinder, heights: &[f64], cell: usize) -> Option<f64> {
    if heights[cell] > 0.0 {
        let (i, j) = cylinder.position(cell);
        let drops = cylinder.drops(heights, i, j);
        if drops.iter().all(|&d| d < 0.0) {
            return Some((drops.iter().sum::<f64>() / 8.0).abs());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_pit_rises_to_the_mean_of_its_neighbours() {
        let map = array![[8.0, 8.0, 8.0, -1.0], [8.0, 4.0, 8.0, -1.0], [8.0, 8.0, 8.0, -1.0]];
        let removed = remove_pits(&map).unwrap();
        assert_eq!(removed.raised, [5]);
        assert_eq!(removed.heights_m[(1, 1)], 8.0);
    }

    #[test]
    fn sea_is_never_raised_and_slopes_stay() {
        let map = array![[-3.0, 1.0, 2.0], [-9.0, 1.5, 4.0]];
        let removed = remove_pits(&map).unwrap();
        assert_eq!(removed.heights_m, map);
        assert!(removed.raised.is_empty());
    }
}
