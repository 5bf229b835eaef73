//! The rows of the zonal part: Mercator, refined towards the equator.
//!
//! A row is named by `kappa`, its distance from the equator counted in rows of two degrees (so that grids of every
//! resolution share one curve), and placed by its isometric latitude `f` (degrees), in which a Mercator row is
//! exactly as high as it is wide: `tan(latitude) = sinh(f)`. The spacing of rows in `f` grows from the refined one
//! at the equator to the Mercator one at `KAPPA_CAP` geometrically,
//!
//! ```text
//! df/dkappa = 2 ratio^(1 - g),   g = tanh((kappa / WIDTH)^POWER) / tanh((KAPPA_CAP / WIDTH)^POWER)
//! ```
//!
//! and is Mercator beyond. `POWER` was fitted to the rows of the reference grid; `WIDTH` follows from it by asking
//! that with ratio 1/4 the Mercator part starts at `f = 20` exactly, as it does there.

/// Row of the northern end of the refined part, where the cap starts.
pub(super) const KAPPA_CAP: f64 = 20.0;
const POWER: f64 = 4.177;
const WIDTH: f64 = 14.413_282_56;

/// Isometric latitudes of rows `kappa >= 0`, rising: the running integral of the spacing.
pub(super) struct Rows {
    ratio: f64,
    kappa: f64,
    isometric_deg: f64,
}

impl Rows {
    /// Starts at the equator. `ratio` is the spacing there over the Mercator spacing.
    pub(super) fn new(ratio: f64) -> Self {
        Self { ratio, kappa: 0.0, isometric_deg: 0.0 }
    }

    /// Moves on to row `kappa`, not below the last one asked for, and returns its isometric latitude in degrees.
    pub(super) fn isometric_deg(&mut self, kappa: f64) -> f64 {
        let refined = kappa.min(KAPPA_CAP);
        if refined > self.kappa {
            self.isometric_deg += self.integral(self.kappa, refined);
            self.kappa = refined;
        }
        self.isometric_deg + 2.0 * (kappa - KAPPA_CAP).max(0.0)
    }

    fn spacing(&self, kappa: f64) -> f64 {
        let g = (kappa / WIDTH).powf(POWER).tanh() / (KAPPA_CAP / WIDTH).powf(POWER).tanh();
        2.0 * self.ratio.powf(1.0 - g)
    }

    /// Simpson's rule, on steps of at most an eighth of a two-degree row.
    fn integral(&self, from: f64, to: f64) -> f64 {
        let steps = ((to - from) * 8.0).ceil().max(1.0);
        let h = (to - from) / steps;
        (0..steps as usize)
            .map(|step| {
                let at = from + step as f64 * h;
                h / 6.0 * (self.spacing(at) + 4.0 * self.spacing(at + h / 2.0) + self.spacing(at + h))
            })
            .sum()
    }
}

/// Latitude of an isometric latitude, both in degrees.
pub(super) fn latitude_deg(isometric_deg: f64) -> f64 {
    isometric_deg.to_radians().sinh().atan().to_degrees()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mercator_part_starts_at_twenty() {
        let mut rows = Rows::new(0.25);
        assert!((rows.isometric_deg(KAPPA_CAP) - 20.0).abs() < 1e-6);
        assert!((rows.isometric_deg(30.0) - 40.0).abs() < 1e-6);
    }

    #[test]
    fn the_integral_does_not_depend_on_the_rows_asked_for() {
        let (mut coarse, mut fine) = (Rows::new(0.25), Rows::new(0.25));
        for row in 0..200 {
            fine.isometric_deg(f64::from(row) * 0.1);
        }
        assert!((fine.isometric_deg(KAPPA_CAP) - coarse.isometric_deg(KAPPA_CAP)).abs() < 1e-7);
    }

    #[test]
    fn without_refinement_the_rows_are_mercator() {
        let mut rows = Rows::new(1.0);
        assert!((rows.isometric_deg(7.0) - 14.0).abs() < 1e-12);
        assert!((latitude_deg(14.0) - 13.862).abs() < 1e-3);
    }
}
