//! Drainage basins, their numbers by size, outlets and the length of rivers.

use ndarray::Array2;
use rayon::slice::ParallelSliceMut;

use super::cylinder::{Cylinder, Direction, gridded, row_major};
use super::directions::{SEA, downstream};
use super::sort::introsort_indices;

/// Outlet of one of the largest basins: a river.
pub const RIVER: u8 = 99;
/// Outlet of any other basin: coastal flow.
pub const COASTAL: u8 = 98;
/// Basins with a number below this end in a river.
const FIRST_COASTAL_BASIN: u32 = 200;

/// Basins and rivers, south-up, (ny, nx).
#[derive(Debug, Clone, PartialEq)]
pub struct Basins {
    /// Number of the basin, from 1 for the largest; 0 on sea.
    pub numbers: Array2<u32>,
    /// Area of each basin, `areas_km2[n - 1]` for number `n`.
    pub areas_km2: Vec<f64>,
    /// Row and column of the land cell through which each basin meets the sea, in the order of the numbers.
    pub outlets: Vec<(usize, usize)>,
    /// Distance to the downstream cell, km; NaN on sea.
    pub step_km: Array2<f64>,
    /// Length of the flow path to the sea, the step into it included, km; NaN on sea.
    pub river_length_km: Array2<f64>,
}

/// Follows the rivers from the highest cells down.
///
/// `heights_m` and `directions` are south-up, (ny, nx); every land cell must drain (see
/// [`super::directions::stranded`]; a path that does not ends where it meets itself or the pole).
///
/// Basins of equal size are common, and the order of their numbers follows the order in which they are found:
/// from the highest cell without a number (equal heights: the southernmost, then westernmost) down to the sea
/// or to a numbered cell, again and again; then [`introsort_indices`] by size. Lengths are summed along the
/// same paths, from their lower end.
pub fn trace_basins(heights_m: &Array2<f64>, directions: &Array2<u8>) -> Basins {
    let cylinder = Cylinder::from_array(heights_m);
    let codes = row_major(directions);
    let steps = step_lengths(cylinder, &codes);
    let mut provisional = vec![0_u32; codes.len()];
    let mut lengths = vec![f64::NAN; codes.len()];
    let mut outlets = Vec::new();
    let mut path = Vec::new();
    for start in highest_first(&row_major(heights_m), &codes) {
        if provisional[start as usize] != 0 {
            continue;
        }
        let found = outlets.len() as u32 + 1;
        let mut cell = start as usize;
        // What the path runs into: a numbered cell, or the sea (or, undrained, itself or the pole).
        let end = loop {
            provisional[cell] = found;
            path.push(cell);
            match downstream(cylinder, &codes, cell) {
                Some(next) if codes[next] == SEA || provisional[next] == found => break None,
                Some(next) if provisional[next] != 0 => break Some(next),
                Some(next) => cell = next,
                None => break None,
            }
        };
        let mut sum = 0.0;
        match end {
            Some(known) => {
                let beyond = lengths[known];
                for cell in path.drain(..).rev() {
                    sum += steps[cell];
                    lengths[cell] = beyond + sum;
                    provisional[cell] = provisional[known];
                }
            }
            None => {
                outlets.push(cell);
                for cell in path.drain(..).rev() {
                    sum += steps[cell];
                    lengths[cell] = sum;
                }
            }
        }
    }
    number_by_size(cylinder, provisional, outlets, steps, lengths)
}

/// Land cells by decreasing height, equal ones in row-major order.
fn highest_first(heights: &[f64], codes: &[u8]) -> Vec<u32> {
    // Heights of land are positive: their order is that of their bits.
    let mut land: Vec<(u64, u32)> = (0..codes.len())
        .filter(|&cell| codes[cell] != SEA)
        .map(|cell| (!heights[cell].to_bits(), cell as u32))
        .collect();
    land.par_sort_unstable();
    land.into_iter().map(|(_, cell)| cell).collect()
}

/// Distance from each land cell to its downstream cell by the width of its own row, km; NaN on sea.
fn step_lengths(cylinder: Cylinder, codes: &[u8]) -> Vec<f64> {
    let dy = cylinder.height_km();
    let mut steps = Vec::with_capacity(codes.len());
    for (row, dx) in codes.chunks_exact(cylinder.nx.max(1)).zip(cylinder.widths_km()) {
        let diagonal = (dx * dx + dy * dy).sqrt();
        steps.extend(row.iter().map(|&code| match Direction::from_code(code) {
            Some(Direction::North | Direction::South) => dy,
            Some(Direction::East | Direction::West) => dx,
            Some(_) => diagonal,
            None => f64::NAN,
        }));
    }
    steps
}

fn number_by_size(
    cylinder: Cylinder,
    mut numbers: Vec<u32>,
    outlets: Vec<usize>,
    steps: Vec<f64>,
    lengths: Vec<f64>,
) -> Basins {
    // The sea (0) takes part in the sort, because it has a say in the order of ties, and is then left out.
    let mut sizes = vec![0.0; outlets.len() + 1];
    for (row, area) in numbers.chunks_exact(cylinder.nx.max(1)).zip(cylinder.areas_km2()) {
        for &number in row {
            sizes[number as usize] += area;
        }
    }
    let by_size: Vec<usize> = introsort_indices(&sizes).into_iter().rev().filter(|&n| n != 0).collect();
    let mut final_number = vec![0_u32; sizes.len()];
    for (rank, &provisional) in by_size.iter().enumerate() {
        final_number[provisional] = rank as u32 + 1;
    }
    for number in &mut numbers {
        *number = final_number[*number as usize];
    }
    Basins {
        numbers: gridded(cylinder, numbers),
        areas_km2: by_size.iter().map(|&n| sizes[n]).collect(),
        outlets: by_size.iter().map(|&n| cylinder.position(outlets[n - 1])).collect(),
        step_km: gridded(cylinder, steps),
        river_length_km: gridded(cylinder, lengths),
    }
}

/// The directions with the outlets marked: [`RIVER`] for the 199 largest basins, [`COASTAL`] for the others.
pub fn mark_outlets(directions: &Array2<u8>, outlets: &[(usize, usize)]) -> Array2<u8> {
    let mut marked = directions.clone();
    for (number, &outlet) in (1..).zip(outlets) {
        marked[outlet] = if number < FIRST_COASTAL_BASIN { RIVER } else { COASTAL };
    }
    marked
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::routing::directions::{PolarRows, Steepest, flow_directions};

    fn island() -> (Array2<f64>, Array2<u8>) {
        let map = array![
            [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0],
            [-1.0, 2.0, 3.0, 4.0, -1.0, -1.0],
            [-1.0, -1.0, -1.0, -1.0, -1.0, 1.0],
            [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0],
        ];
        let directions = flow_directions(&map, Steepest::Drop, PolarRows::AwayFromPole);
        (map, directions)
    }

    #[test]
    fn every_outlet_makes_a_basin_and_areas_sum_to_the_land() {
        let (map, directions) = island();
        let basins = trace_basins(&map, &directions);
        assert_eq!(basins.outlets.len(), 4);
        let land = Cylinder::from_array(&map).areas_km2();
        let sum: f64 = basins.areas_km2.iter().sum();
        assert!((sum - 3.0 * land[1] - land[2]).abs() < 1e-6 * sum);
        for (number, &outlet) in (1..).zip(&basins.outlets) {
            assert_eq!(basins.numbers[outlet], number);
        }
    }

    #[test]
    fn lengths_grow_by_the_step_upstream() {
        let map = array![
            [-1.0, -1.0, -1.0, -1.0, -1.0],
            [9.0, 9.0, 9.0, 9.0, 9.0],
            [-1.0, 2.0, 30.0, 40.0, 50.0],
            [9.0, 9.0, 90.0, 99.0, 99.0],
            [-1.0, -1.0, -1.0, -1.0, -1.0],
        ];
        let directions = array![
            [SEA, SEA, SEA, SEA, SEA],
            [5, 5, 5, 5, 5],
            [SEA, 7, 7, 7, 7],
            [5, 5, 5, 5, 5],
            [SEA, SEA, SEA, SEA, SEA],
        ];
        let basins = trace_basins(&map, &directions);
        for j in 1..5 {
            let expected = (0..j).map(|_| basins.step_km[(2, 1)]).sum::<f64>();
            assert!((basins.river_length_km[(2, j)] - expected).abs() < 1e-9 * expected);
        }
        assert_eq!(basins.numbers[(2, 4)], basins.numbers[(2, 1)]);
        assert_eq!(basins.numbers[(3, 3)], basins.numbers[(2, 1)]);
        assert_eq!(basins.numbers[(2, 1)], 1, "the largest");
    }

    #[test]
    fn the_two_hundredth_basin_is_coastal() {
        let directions = Array2::from_elem((1, 300), 3);
        let outlets: Vec<_> = (0..300).map(|j| (0, j)).collect();
        let marked = mark_outlets(&directions, &outlets);
        assert_eq!((marked[(0, 198)], marked[(0, 199)]), (RIVER, COASTAL));
    }
}
