//! From the topography to heights and directions by which all land drains to the sea.

use ndarray::Array2;

use super::directions::{PolarRows, Steepest, flow_directions, stranded};
use super::flats::{Increments, slope_flats};
use super::flood::{fill_towards_ring, fill_towards_sea};
use super::pits::remove_pits;
use super::topography::{count_land, round_to_millimetres};
use crate::Release;

/// What had to be done beyond the rules of the release for all land to drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// Nothing.
    None,
    /// Land beside a pole, where draining away from it is uphill, drains to the largest drop.
    PolarRows,
    /// And flats rise so little that cells of different heights keep their order.
    SmallIncrements,
    /// And depressions that the release leaves are filled towards the sea.
    SeaFlood,
}

/// Heights that water runs on, all south-up, (ny, nx).
#[derive(Debug, Clone, PartialEq)]
pub struct Drainage {
    /// Heights with depressions filled, m.
    pub filled_m: Array2<f64>,
    /// The final heights: flats sloped, pits removed, m.
    pub heights_m: Array2<f64>,
    /// Flow direction codes 1..=8, 0 on sea.
    pub directions: Array2<u8>,
    /// Land cells raised by the removal of pits.
    pub pits_removed: usize,
    /// Whether the rules of the release were enough.
    pub remedy: Remedy,
}

/// Some land cells never reach the sea: there is none, or heights are so large that a double cannot tell
/// millimetres apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cells} land cells do not drain: the map has no sea, or heights far beyond those of the Earth")]
pub struct Undrained {
    /// Land cells that do not drain.
    pub cells: usize,
}

/// Fills depressions, slopes flats, removes pits (from the release of 2023) and sets directions so that every
/// land cell drains to the sea.
///
/// `topography_m` is south-up, (ny, nx), without NaN, the southernmost row raised. Where the rules of the
/// release leave land that does not drain (the platform used to fail there), the mildest [`Remedy`] is
/// applied that cures it; the last one always does: after a flood from the sea each land cell has a lower
/// neighbour or is on a flat with an outlet, and small increments keep both.
///
/// # Errors
/// [`Undrained`] if there is land and no sea, or a height above about 10⁹ m.
pub fn drain(topography_m: &Array2<f64>, release: Release) -> Result<Drainage, Undrained> {
    let filled = match release {
        Release::R2021 | Release::R2023 => fill_towards_ring(topography_m),
        Release::Corrected => fill_towards_sea(topography_m),
    };
    drain_filled(filled, release)
}

/// [`drain`] for a topography whose depressions are filled.
pub(crate) fn drain_filled(filled_m: Array2<f64>, release: Release) -> Result<Drainage, Undrained> {
    let attempts = [
        (Remedy::None, Increments::Full, PolarRows::AwayFromPole),
        (Remedy::PolarRows, Increments::Full, PolarRows::AwayFromPoleDownhill),
        (Remedy::SmallIncrements, Increments::OrderKeeping, PolarRows::AwayFromPoleDownhill),
        (Remedy::SeaFlood, Increments::OrderKeeping, PolarRows::AwayFromPoleDownhill),
    ];
    let steepest = match release {
        Release::R2021 | Release::R2023 => Steepest::Drop,
        Release::Corrected => Steepest::Slope,
    };
    let mut filled_m = filled_m;
    let mut cells = count_land(&filled_m);
    if cells == filled_m.len() && cells > 0 {
        return Err(Undrained { cells });
    }
    for (remedy, increments, polar_rows) in attempts {
        if remedy == Remedy::SeaFlood {
            filled_m = fill_towards_sea(&filled_m);
        }
        if increments == Increments::OrderKeeping {
            // Raising the southern row leaves differences of the last bit, far below any increment.
            round_to_millimetres(&mut filled_m);
        }
        let mut heights_m = slope_flats(&filled_m, increments);
        let mut pits_removed = 0;
        if release != Release::R2021 {
            // A removal that does not end leaves its pits to the next remedy.
            match remove_pits(&heights_m) {
                Ok(removed) => {
                    heights_m = removed.heights_m;
                    pits_removed = removed.raised.len();
                }
                Err(remain) => {
                    cells = remain.cells.len();
                    continue;
                }
            }
        }
        let directions = flow_directions(&heights_m, steepest, polar_rows);
        cells = stranded(&directions).len();
        if cells == 0 {
            return Ok(Drainage { filled_m, heights_m, directions, pits_removed, remedy });
        }
    }
    Err(Undrained { cells })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_neighbour_a_millimetre_above_a_flat_is_no_pit() {
        let row = [-1.0, 5.0, 5.0, 5.0, 5.0, 5.001, 8.0, 9.0, 8.0];
        let map = Array2::from_shape_fn((3, 9), |(_, j)| row[j]);
        for release in Release::ALL {
            let drainage = drain(&map, release).unwrap();
            assert!(drainage.heights_m.iter().zip(&map).all(|(a, b)| a >= b));
            assert!(stranded(&drainage.directions).is_empty());
        }
    }

    #[test]
    fn all_land_is_refused() {
        for release in Release::ALL {
            assert_eq!(drain(&array![[3.0, 2.0], [1.0, 5.0]], release), Err(Undrained { cells: 4 }));
        }
    }

    #[test]
    fn a_single_cell_of_sea_drains_everything() {
        let mut map = Array2::from_shape_fn((6, 9), |(i, j)| 10.0 + ((i * 7 + j * 5) % 11) as f64);
        map[(3, 4)] = -2.0;
        for release in Release::ALL {
            assert!(stranded(&drain(&map, release).unwrap().directions).is_empty());
        }
    }
}
