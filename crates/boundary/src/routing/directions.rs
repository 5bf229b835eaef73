//! Flow directions, and the heights that make all land drain.

use ndarray::Array2;

use super::cylinder::{Cylinder, Direction, gridded, row_major};

/// Code of a cell without a direction: sea.
pub const SEA: u8 = 0;

/// Which way land beside a pole drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolarRows {
    /// Away from the pole whatever the heights.
    AwayFromPole,
    /// Away from the pole where that is downhill, else where all other land drains: to the largest drop.
    AwayFromPoleDownhill,
}

/// What water follows down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steepest {
    /// The largest drop to a neighbour, however far that is: favours diagonals.
    Drop,
    /// The largest drop per distance (O'Callaghan and Mark 1984, doi:10.1016/S0734-189X(84)80011-0).
    Slope,
}

/// The direction of the steepest way down of each land cell, [`SEA`] on sea; equal ones: the smallest code.
///
/// `heights_m` is south-up, (ny, nx). Whether it leads down at all is not checked: see [`stranded`].
pub fn flow_directions(heights_m: &Array2<f64>, steepest: Steepest, polar_rows: PolarRows) -> Array2<u8> {
    let cylinder = Cylinder::from_array(heights_m);
    let heights = row_major(heights_m);
    let (widths_km, height_km) = (cylinder.widths_km(), cylinder.height_km());
    let mut codes = vec![SEA; heights.len()];
    for i in 0..cylinder.ny {
        for j in 0..cylinder.nx {
            let cell = i * cylinder.nx + j;
            if heights[cell] <= 0.0 {
                continue;
            }
            let mut drops = cylinder.drops(&heights, i, j);
            if steepest == Steepest::Slope {
                let (dx, dy) = (widths_km[i], height_km);
                let diagonal = dx.hypot(dy);
                let distances_km = [dy, diagonal, dx, diagonal, dy, diagonal, dx, diagonal];
                for (drop, distance) in drops.iter_mut().zip(distances_km) {
                    *drop /= distance;
                }
            }
            let away = if i + 1 == cylinder.ny {
                Some(Direction::South)
            } else if i == 0 {
                Some(Direction::North)
            } else {
                None
            };
            let away = away.filter(|away| match polar_rows {
                PolarRows::AwayFromPole => true,
                PolarRows::AwayFromPoleDownhill => drops[usize::from(away.code()) - 1] > 0.0,
            });
            codes[cell] = away.unwrap_or_else(|| largest(&drops)).code();
        }
    }
    gridded(cylinder, codes)
}

/// The first direction with the largest value.
fn largest(drops: &[f64; 8]) -> Direction {
    let mut best = 0;
    for k in 1..8 {
        if drops[k] > drops[best] {
            best = k;
        }
    }
    Direction::ALL[best]
}

/// Land cells whose flow path never reaches the sea (it meets itself, or leaves the map over a pole), in
/// row-major order. `directions` as [`flow_directions`] returns them.
pub fn stranded(directions: &Array2<u8>) -> Vec<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum Fate {
        Unknown,
        OnPath,
        Drains,
        Strands,
    }
    let cylinder = Cylinder::from_array(directions);
    let codes = row_major(directions);
    let mut fates: Vec<Fate> =
        codes.iter().map(|&code| if code == SEA { Fate::Drains } else { Fate::Unknown }).collect();
    let mut path = Vec::new();
    for start in 0..codes.len() {
        let mut cell = start;
        let fate = loop {
            match fates[cell] {
                Fate::Unknown => {
                    fates[cell] = Fate::OnPath;
                    path.push(cell);
                    match downstream(cylinder, &codes, cell) {
                        Some(next) => cell = next,
                        None => break Fate::Strands,
                    }
                }
                Fate::OnPath => break Fate::Strands,
                known => break known,
            }
        };
        for cell in path.drain(..) {
            fates[cell] = fate;
        }
    }
    (0..codes.len()).filter(|&cell| fates[cell] == Fate::Strands).collect()
}

/// The cell that a land cell drains into; `None` for sea and beyond a pole.
pub(crate) fn downstream(cylinder: Cylinder, codes: &[u8], cell: usize) -> Option<usize> {
    cylinder.step(cell, Direction::from_code(codes[cell])?)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn water_takes_the_largest_drop_and_the_smallest_code() {
        let map = array![
            [-1.0, -1.0, -1.0, -1.0, -1.0],
            [-1.0, 5.0, 6.0, 5.0, -1.0],
            [-1.0, -1.0, -1.0, -1.0, -1.0],
        ];
        let codes = flow_directions(&map, Steepest::Drop, PolarRows::AwayFromPole);
        assert_eq!(codes.row(1), array![SEA, 1, 1, 1, SEA]);
        assert!(stranded(&codes).is_empty());
    }

    #[test]
    fn a_larger_drop_farther_away_is_not_the_steeper_way() {
        // Down 10 m to the east, 12 m to the north-east, which is half as far again.
        let mut map = Array2::from_elem((4, 8), 150.0);
        (map[(1, 3)], map[(1, 4)], map[(2, 4)]) = (100.0, 90.0, 88.0);
        let from = |steepest| flow_directions(&map, steepest, PolarRows::AwayFromPole)[(1, 3)];
        assert_eq!(from(Steepest::Drop), Direction::NorthEast.code());
        assert_eq!(from(Steepest::Slope), Direction::East.code());
    }

    #[test]
    fn land_at_a_pole_drains_away_from_it() {
        let map = array![[4.0, 4.0, 4.0], [2.0, 9.0, -1.0], [3.0, 3.0, 3.0]];
        let codes = flow_directions(&map, Steepest::Drop, PolarRows::AwayFromPole);
        assert_eq!(codes.row(0), array![1, 1, 1]);
        assert_eq!(codes.row(2), array![5, 5, 5]);
        let downhill = flow_directions(&map, Steepest::Drop, PolarRows::AwayFromPoleDownhill);
        assert_eq!(downhill.row(0), array![1, 2, 1]);
    }

    #[test]
    fn a_pair_that_points_at_each_other_is_stranded() {
        let codes = array![[SEA, 7, 7, 3, 7]];
        assert_eq!(stranded(&codes), [3, 4]);
        assert_eq!(stranded(&array![[1_u8]]), [0]);
    }
}
