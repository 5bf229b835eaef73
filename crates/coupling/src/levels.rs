//! The vertical levels of the ocean model: 31 of them, stretched after Madec and Imbard (1996).

/// Number of levels.
pub const COUNT: usize = 31;

const SUR: f64 = -4_762.961_435_463;
const A0: f64 = 255.580_490_704_4;
const A1: f64 = 245.581_322_324_9;
const KTH: f64 = 21.433_361_979_38;
const ACR: f64 = 3.0;

/// Depths and thicknesses in metres, from the surface down.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Depth of the middle of each level.
    pub gdept: Vec<f64>,
    /// Depth of the top of each level; the first is 0.
    pub gdepw: Vec<f64>,
    /// Thickness of each level.
    pub e3t: Vec<f64>,
    /// Distance between the middles of a level and of the one above.
    pub e3w: Vec<f64>,
}

impl Levels {
    /// The levels of the model's standard configuration.
    pub fn standard() -> Self {
        let depth = |z: f64| SUR + A0 * z + A1 * ACR * ((z - KTH) / ACR).cosh().ln();
        let thickness = |z: f64| A0 + A1 * ((z - KTH) / ACR).tanh();
        let at = |f: &dyn Fn(f64) -> f64, shift: f64| -> Vec<f64> {
            (1..=COUNT).map(|k| f(k as f64 + shift)).collect()
        };
        let mut gdepw = at(&depth, 0.0);
        gdepw[0] = 0.0;
        Self { gdept: at(&depth, 0.5), gdepw, e3t: at(&thickness, 0.5), e3w: at(&thickness, 0.0) }
    }

    /// Number of levels that hold water where the sea is `depth_m` deep: a level counts when the sea reaches below
    /// its top by a tenth of its thickness, at most 5 m.
    pub fn wet(&self, depth_m: f64) -> i32 {
        // The deepest level never holds water; the levels are few, and the search starts at the bottom.
        let full = COUNT as i32 - 1;
        let dry = (1..=full)
            .rev()
            .take_while(|&k| {
                let k = k as usize - 1;
                depth_m <= self.gdepw[k] + (0.1 * self.e3t[k]).min(5.0)
            })
            .count();
        full - dry as i32
    }

    /// Top and bottom of each level as sums of thicknesses.
    pub fn bounds(&self) -> Vec<[f64; 2]> {
        let mut top = 0.0;
        self.e3t
            .iter()
            .map(|e| {
                let bottom = top + e;
                [std::mem::replace(&mut top, bottom), bottom]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_start_at_the_surface_and_end_at_5000_m() {
        let levels = Levels::standard();
        assert_eq!(levels.gdepw[0], 0.0);
        assert!((levels.gdepw[1] - 10.000_015_49).abs() < 1e-7);
        assert!((levels.gdepw[2] - 20.000_833_8).abs() < 1e-6);
        assert!((levels.gdepw[30] - 5000.0).abs() < 1e-3);
    }

    #[test]
    fn a_metre_of_water_is_land() {
        let levels = Levels::standard();
        assert_eq!(levels.wet(0.0), 0);
        assert_eq!(levels.wet(0.99), 0);
        assert_eq!(levels.wet(1.01), 1);
        assert_eq!(levels.wet(6000.0), 30);
        let counts: Vec<i32> = (0..600).map(|d| levels.wet(f64::from(d) * 10.0)).collect();
        assert!(counts.is_sorted());
    }
}
