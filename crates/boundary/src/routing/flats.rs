//! A gradient on flats, so that water crosses them.

use ndarray::Array2;

use super::cylinder::{Cylinder, Neighbour, gridded, row_major};

/// How large the increments from layer to layer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Increments {
    /// One hundredth of a metre over the farthest flat. It may lift a flat above a neighbour that is
    /// less than that higher.
    Full,
    /// At most half of the smallest positive drop between two land cells over the farthest flat, so that
    /// cells of different heights keep their order.
    OrderKeeping,
}

/// Raises the cells of flats by their distance from where the flat drains.
///
/// Layer 1 is made of the land cells that have a lower neighbour and one of equal height; layer n+1 of the
/// cells that are not in an earlier layer and as high as a neighbour in layer n. Layer `L` of `M` is raised
/// by `L` increments of `1 / (100 M)` m. Without any flat the heights stay as they are.
///
/// `filled_m` is south-up, (ny, nx), depressions filled.
pub fn slope_flats(filled_m: &Array2<f64>, increments: Increments) -> Array2<f64> {
    let cylinder = Cylinder::from_array(filled_m);
    let heights = row_major(filled_m);
    let layers = layers(cylinder, &heights);
    let deepest = layers.iter().copied().max().unwrap_or(0);
    if deepest == 0 {
        return filled_m.mapv(|h| h + 0.0);
    }
    let full = 1.0 / (100.0 * f64::from(deepest));
    let increment = match increments {
        Increments::Full => full,
        Increments::OrderKeeping => full.min(smallest_drop(cylinder, &heights) / 2.0 / f64::from(deepest)),
    };
    let raised = heights.iter().zip(&layers).map(|(&h, &layer)| h + f64::from(layer) * increment).collect();
    gridded(cylinder, raised)
}

/// The layer of each cell, 0 off the flats: a breadth-first search over cells of equal height.
fn layers(cylinder: Cylinder, heights: &[f64]) -> Vec<u32> {
    let Cylinder { ny, nx } = cylinder;
    let mut layers = vec![0_u32; heights.len()];
    let mut queue: Vec<u32> = Vec::new();
    for i in 0..ny {
        for j in 0..nx {
            let cell = i * nx + j;
            if heights[cell] > 0.0 {
                let drops = cylinder.drops(heights, i, j);
                if drops.iter().any(|&d| d > 0.0) && drops.contains(&0.0) {
                    layers[cell] = 1;
                    queue.push(cell as u32);
                }
            }
        }
    }
    let mut next = 0;
    while let Some(&cell) = queue.get(next) {
        next += 1;
        let cell = cell as usize;
        let (i, j) = cylinder.position(cell);
        for neighbour in cylinder.neighbours(i, j) {
            if let Neighbour::Cell(neighbour) = neighbour
                && layers[neighbour] == 0
                && heights[neighbour] == heights[cell]
            {
                layers[neighbour] = layers[cell] + 1;
                queue.push(neighbour as u32);
            }
        }
    }
    layers
}

/// The smallest positive drop from a land cell to a neighbouring land cell; infinite if there is none.
fn smallest_drop(cylinder: Cylinder, heights: &[f64]) -> f64 {
    let mut smallest = f64::INFINITY;
    for cell in 0..heights.len() {
        if heights[cell] <= 0.0 {
            continue;
        }
        let (i, j) = cylinder.position(cell);
        for neighbour in cylinder.neighbours(i, j) {
            if let Neighbour::Cell(neighbour) = neighbour
                && heights[neighbour] > 0.0
                && heights[neighbour] < heights[cell]
            {
                smallest = smallest.min(heights[cell] - heights[neighbour]);
            }
        }
    }
    smallest
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_flat_rises_away_from_where_it_drains() {
        // Sea in the west, a plateau of three columns; the date line closes the ring behind a wall.
        let map = array![[-1.0, 5.0, 5.0, 5.0, 9.0], [-1.0, 5.0, 5.0, 5.0, 9.0]];
        let sloped = slope_flats(&map, Increments::Full);
        // The wall is a flat as well (layer 1); the farthest layer is the third.
        let step = 1.0 / 300.0;
        for i in 0..2 {
            assert_eq!(sloped[(i, 0)], -1.0);
            assert_eq!(sloped[(i, 1)], 5.0 + step);
            assert_eq!(sloped[(i, 2)], 5.0 + 2.0 * step);
            assert_eq!(sloped[(i, 3)], 5.0 + 3.0 * step);
            assert_eq!(sloped[(i, 4)], 9.0 + step);
        }
    }

    #[test]
    fn without_flats_heights_stay() {
        let map = array![[-1.0, 3.0, 7.0]];
        assert_eq!(slope_flats(&map.clone(), Increments::Full)[(0, 1)], 3.0);
    }

    #[test]
    fn order_keeping_increments_stay_below_the_next_height() {
        let map = array![[-1.0, 5.0, 5.0, 5.0, 5.001], [-1.0, 5.0, 5.0, 5.0, 5.001]];
        let full = slope_flats(&map, Increments::Full);
        assert!(full[(0, 3)] > map[(0, 4)], "the farthest cell of the flat overtakes its neighbour");
        let kept = slope_flats(&map, Increments::OrderKeeping);
        assert!(kept[(0, 1)] < kept[(0, 2)] && kept[(0, 2)] < kept[(0, 3)]);
        assert!(kept[(0, 3)] < map[(0, 4)]);
    }
}
