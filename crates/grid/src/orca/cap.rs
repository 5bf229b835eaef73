//! The northern cap: embedded ellipses and their orthogonal trajectories.
//!
//! On the polar stereographic plane (north pole at the origin, the poles of the grid on the x axis, radius
//! `tan(colatitude / 2)`) row `s` of the cap, from 0 at its southern edge to 1 at the fold, is the ellipse
//!
//! ```text
//! x = c(s) + a(s) cos(theta),   y = b(s) sin(theta),   a^2 = b^2 + e(s)
//! ```
//!
//! At `s = 0` it is the circle of the last zonal row (`e = 0`), at `s = 1` the segment between the grid poles (`b =
//! 0`). `e` and `b` leave the circle with three vanishing derivatives, so that lines, spacings and their derivatives
//! run smoothly into the zonal part (Madec and Imbard, 1996). `e` also arrives at the fold with two vanishing
//! derivatives: there the rows are confocal, as in Murray's (1996) bipolar grid, the columns are hyperbolae, and no
//! column runs into a grid pole. The columns follow from orthogonality: staying on the ellipses while moving at right
//! angles to them means
//!
//! ```text
//! dtheta/ds = (e'/2 sin cos + a c' sin) / (e sin^2 + b^2)
//! ```
//!
//! which in `u = tan(theta / 2)` is rational, smooth for every column but the one through the grid pole, where `u = 0`
//! throughout.

/// Coefficients of `b` and `e`, fitted to the reference grid's ellipses (see the header of the module above).
const B: [f64; 4] = [-0.9663, -0.0185, -1.6634, 1.9148];
const E: [f64; 3] = [44.8645, -119.7370, 112.5098];

/// The family of ellipses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cap {
    /// Stereographic radius of the southern edge.
    edge: f64,
    /// Isometric height of the cap on the meridians between the grid poles, if it were Mercator; radians.
    height: f64,
    /// Half of the distance between the grid poles.
    half_axis: f64,
    /// Middle of the grid poles.
    middle: f64,
}

/// One row of the family.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ellipse {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) centre: f64,
    e: f64,
    /// Half of de/ds.
    half_slope_e: f64,
    /// a dc/ds.
    drift: f64,
}

impl Cap {
    /// Between the circle at `edge_lat_deg` and grid poles at the given latitudes, the first towards positive x.
    pub(super) fn new(edge_lat_deg: f64, height_deg: f64, pole_lats_deg: (f64, f64)) -> Self {
        let radius = |lat: f64| ((90.0 - lat) / 2.0).to_radians().tan();
        let (first, second) = (radius(pole_lats_deg.0), radius(pole_lats_deg.1));
        Self {
            edge: radius(edge_lat_deg),
            height: height_deg.to_radians(),
            half_axis: (first + second) / 2.0,
            middle: (first - second) / 2.0,
        }
    }

    /// The row at `s` within 0..=1.
    pub(super) fn ellipse(&self, s: f64) -> Ellipse {
        let u = 1.0 - s;
        let h = B[0] + s * (B[1] + s * (B[2] + s * B[3]));
        let b = self.edge * (-self.height * s).exp() * (1.0 - s.powi(3) * (1.0 + u * h));

        let g = E[0] + s * (E[1] + s * E[2]);
        let slope_g = E[1] + 2.0 * s * E[2];
        let step = s.powi(3) * (10.0 + s * (-15.0 + 6.0 * s));
        let scale = self.half_axis * self.half_axis;
        let e = scale * (step + (s * u).powi(3) * g);
        let half_slope_e = scale * (s * u).powi(2) * (15.0 + 1.5 * (u - s) * g + 0.5 * s * u * slope_g);

        let a = (b * b + e).sqrt();
        let drift = a * self.middle * 30.0 * (s * u).powi(2);
        Ellipse { a, b, centre: self.middle * step, e, half_slope_e, drift }
    }

    /// The same family seen from the other grid pole.
    pub(super) fn mirrored(self) -> Self {
        Self { middle: -self.middle, ..self }
    }

    /// True when no two rows touch: sampled finely, every ellipse lies inside the one before.
    pub(super) fn is_nested(&self) -> bool {
        const SAMPLES: i32 = 512;
        let rows: Vec<Ellipse> =
            (0..=SAMPLES).map(|k| self.ellipse(f64::from(k) / f64::from(SAMPLES))).collect();
        rows.windows(2).all(|w| {
            w[1].b < w[0].b
                && w[1].centre + w[1].a < w[0].centre + w[0].a
                && w[1].centre - w[1].a > w[0].centre - w[0].a
        })
    }
}

/// The steps of the integration: the ellipses at the start, middle and end of each, and where rows are met.
pub(super) struct Ladder {
    steps: Vec<Step>,
}

struct Step {
    h: f64,
    at: [Ellipse; 3],
    /// True when the step ends on a row.
    lands: bool,
}

impl Ladder {
    /// Steps from `s = 0` over all `rows` (rising, within 0..=1), each of at most `longest`.
    pub(super) fn new(cap: &Cap, rows: &[f64], longest: f64) -> Self {
        let mut steps = Vec::new();
        let mut from = 0.0;
        for &row in rows {
            let count = ((row - from) / longest).ceil().max(1.0);
            let h = (row - from) / count;
            for k in 0..count as usize {
                let start = from + k as f64 * h;
                let end = if k + 1 == count as usize { row } else { start + h };
                let at = [cap.ellipse(start), cap.ellipse(start + h / 2.0), cap.ellipse(end)];
                steps.push(Step { h, at, lands: k + 1 == count as usize });
            }
            from = row;
        }
        Self { steps }
    }

    /// Follows the column that leaves the circle at `theta` (radians, 0..=pi/2) and calls `visit` with the
    /// position (x, y) on each row. Classical Runge-Kutta of fourth order.
    pub(super) fn follow(&self, theta: f64, mut visit: impl FnMut(f64, f64)) {
        let mut u = (theta / 2.0).tan();
        for Step { h, at: [start, middle, end], lands } in &self.steps {
            // The column through the grid pole is straight, and the slope there 0/0.
            if u > 0.0 {
                let k1 = start.slope(u);
                let k2 = middle.slope(u + h / 2.0 * k1);
                let k3 = middle.slope(u + h / 2.0 * k2);
                let k4 = end.slope(u + h * k3);
                u += h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4);
            }
            if *lands {
                let scale = 1.0 / (1.0 + u * u);
                visit(end.centre + end.a * (1.0 - u * u) * scale, end.b * 2.0 * u * scale);
            }
        }
    }
}

impl Ellipse {
    /// du/ds of the orthogonal trajectory.
    fn slope(&self, u: f64) -> f64 {
        let scale = 1.0 / (1.0 + u * u);
        let (sin, cos) = (2.0 * u * scale, (1.0 - u * u) * scale);
        u * (self.half_slope_e * cos + self.drift) / (self.e * sin * sin + self.b * self.b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_circle_to_the_segment_between_the_poles() {
        let cap = Cap::new(19.6, 105.0, (60.0, 55.0));
        let (edge, fold) = (cap.ellipse(0.0), cap.ellipse(1.0));
        assert!((edge.a - edge.b).abs() < 1e-15 && edge.centre == 0.0);
        assert_eq!(fold.b, 0.0);
        let latitude = |radius: f64| 90.0 - 2.0 * radius.atan().to_degrees();
        assert!((latitude(fold.centre + fold.a) - 60.0).abs() < 1e-12);
        assert!((latitude(fold.a - fold.centre) - 55.0).abs() < 1e-12);
    }

    #[test]
    fn slopes_are_the_derivatives_of_the_axes() {
        let cap = Cap::new(19.6, 105.0, (60.0, 50.0));
        for k in 1..20 {
            let (s, d) = (f64::from(k) / 20.0, 1e-6);
            let (low, at, high) = (cap.ellipse(s - d), cap.ellipse(s), cap.ellipse(s + d));
            assert!(((high.e - low.e) / (4.0 * d) - at.half_slope_e).abs() < 1e-8, "e at {s}");
            assert!(((high.centre - low.centre) / (2.0 * d) * at.a - at.drift).abs() < 1e-8, "c at {s}");
        }
    }

    #[test]
    fn columns_do_not_depend_on_the_length_of_the_steps() {
        let cap = Cap::new(19.6, 105.0, (60.0, 55.0));
        let rows: Vec<f64> = (1..=105).map(|k| f64::from(k) / 105.0).collect();
        let (usual, fine) = (Ladder::new(&cap, &rows, 1.0 / 105.0), Ladder::new(&cap, &rows, 1.0 / 2100.0));
        for degrees in [0, 1, 2, 10, 45, 89, 90] {
            let follow = |ladder: &Ladder| {
                let mut path = Vec::new();
                ladder.follow(f64::from(degrees).to_radians(), |x, y| path.push((x, y)));
                path
            };
            for (p, q) in follow(&usual).into_iter().zip(follow(&fine)) {
                // 1e-5 of the plane is 0.1 km.
                assert!((p.0 - q.0).hypot(p.1 - q.1) < 1e-5, "{degrees}: {p:?} {q:?}");
            }
        }
    }
}
