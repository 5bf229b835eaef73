//! From the heights that were read to the heights that are flooded.

use ndarray::Array2;

use super::cylinder::Cylinder;

/// Rounds heights to millimetres, half to even: `rint(1000 h) / 1000`.
pub fn round_to_millimetres(heights_m: &mut Array2<f64>) {
    heights_m.mapv_inplace(|h| (1000.0 * h).round_ties_even() / 1000.0);
}

/// Which cells of the southernmost row are raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SouthernRow {
    /// All of them, as in the releases of 2021 and 2023: the sea rises too, and shallow sea becomes land.
    Everywhere,
    /// Land only.
    LandOnly,
}

/// Raises the southernmost row one metre above itself and its northern neighbours, so that the water of the
/// pole runs north. Returns the number of sea cells that became land.
///
/// `heights_m` is south-up, (ny, nx). With a single row the row is its own northern neighbour.
pub fn raise_southern_row(heights_m: &mut Array2<f64>, which: SouthernRow) -> usize {
    let Cylinder { ny, nx } = Cylinder::from_array(heights_m);
    if ny == 0 {
        return 0;
    }
    let northern = usize::from(ny > 1);
    let mut drowned_sea = 0;
    for j in 0..nx {
        let (here, north) = (heights_m[(0, j)], heights_m[(northern, j)]);
        if which == SouthernRow::LandOnly && here <= 0.0 {
            continue;
        }
        let raised = if north > here { north } else { here } + 1.0;
        drowned_sea += usize::from(here <= 0.0 && raised > 0.0);
        heights_m[(0, j)] = raised;
    }
    drowned_sea
}

/// Number of land cells (height above zero).
pub fn count_land(heights_m: &Array2<f64>) -> usize {
    heights_m.iter().filter(|&&h| h > 0.0).count()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn rounding_is_half_to_even() {
        let mut heights = array![[0.0005, 0.0015, -0.0005, 12.3456]];
        round_to_millimetres(&mut heights);
        assert_eq!(heights, array![[0.0, 0.002, -0.0, 12.346]]);
    }

    #[test]
    fn the_southern_row_rises_above_its_north() {
        let map = array![[-5.0, -0.5, 3.0], [10.0, -9.0, 1.0]];
        let mut everywhere = map.clone();
        assert_eq!(raise_southern_row(&mut everywhere, SouthernRow::Everywhere), 2);
        assert_eq!(everywhere.row(0), array![11.0, 0.5, 4.0]);
        let mut land = map;
        assert_eq!(raise_southern_row(&mut land, SouthernRow::LandOnly), 0);
        assert_eq!(land.row(0), array![-5.0, -0.5, 4.0]);
    }
}
