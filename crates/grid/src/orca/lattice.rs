//! All points of a grid on one lattice of half cells.
//!
//! Row `p` of the lattice runs from -1 (south of the first T row) to the fold; T and U rows are even, V and F rows
//! odd. Column `q` counts half cells east of the first grid pole; U and F columns are even, T and V columns odd. Only
//! the half `0..=half` (from one grid pole to the other) is stored: the other half is its mirror image, and what
//! lies beyond the fold is found by turning round, so that overlap and fold are exact, bit for bit.

use ndarray::Array2;

use super::Parameters;
use super::cap::{Cap, Ladder};
use super::rows::{KAPPA_CAP, Rows, latitude_deg};
use crate::error::Error;
use crate::sphere::{EARTH_RADIUS_M, Vector, wrap_longitude};

/// Steps of the integration across the cap, at least.
const CAP_STEPS: f64 = 200.0;

/// Which points are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PointSet {
    /// T points only: the others are left at zero.
    TPoints,
    /// T, U, V and F points.
    All,
}

pub(super) struct Lattice {
    first_pole_lon_deg: f64,
    /// Lattice row of the fold.
    fold: i64,
    /// Lattice columns from one grid pole to the other.
    half: i64,
    /// Stored rows (from -1) that are parallels: rows below have latitudes of their own.
    zonal_rows: usize,
    lat_deg: Array2<f64>,
    /// Longitude east of the first grid pole, 0..=180.
    east_deg: Array2<f64>,
}

impl Lattice {
    pub(super) fn new(parameters: &Parameters, wanted: PointSet) -> Result<Self, Error> {
        let plan = parameters.plan()?;
        let half = parameters.columns - 2;
        let fold = 2 * parameters.rows as i64 - 3;
        let stored_rows = (fold + 2) as usize;
        let mut lat_deg = Array2::zeros((stored_rows, half + 1));
        let mut east_deg = Array2::zeros((stored_rows, half + 1));

        // Rows by distance from the equator, both hemispheres from one integral: they are exact mirror images.
        let equator = 2 * plan.equator as i64;
        let reach = equator.max(fold - equator) + 1;
        let mut rows = Rows::new(plan.refinement);
        let lats: Vec<f64> = (0..=reach)
            .map(|p| latitude_deg(rows.isometric_deg(p as f64 / 2.0 * plan.kappa_per_row)))
            .collect();
        let is_zonal = |p: i64| p <= equator || (p - equator) as f64 / 2.0 * plan.kappa_per_row <= KAPPA_CAP;
        let zonal_rows = (-1..=fold).take_while(|&p| is_zonal(p)).count();
        for row in 0..zonal_rows {
            let p = row as i64 - 1;
            let lat = lats[(p - equator).unsigned_abs() as usize];
            lat_deg.row_mut(row).fill(if p < equator { -lat } else { lat });
            for (q, east) in east_deg.row_mut(row).iter_mut().enumerate() {
                *east = q as f64 * 180.0 / half as f64;
            }
        }

        let s_of = |row: usize| {
            let kappa = (row as i64 - 1 - equator) as f64 / 2.0 * plan.kappa_per_row;
            (kappa - KAPPA_CAP) / (plan.kappa_fold - KAPPA_CAP)
        };
        // The fold is exactly 1, whatever the rounding.
        let s: Vec<f64> = (zonal_rows..stored_rows)
            .map(|row| if row + 1 == stored_rows { 1.0 } else { s_of(row) })
            .collect();
        let wants = |row: usize, q: usize| match wanted {
            PointSet::All => true,
            PointSet::TPoints => q % 2 == 1 && row % 2 == 1,
        };
        let mut fill =
            |cap: &Cap, columns: std::ops::RangeInclusive<usize>, place: &dyn Fn(usize) -> (usize, f64)| {
                let ladder = Ladder::new(cap, &s, 1.0 / CAP_STEPS);
                for from_pole in columns {
                    let (q, sign) = place(from_pole);
                    if wanted == PointSet::TPoints && q % 2 == 0 {
                        continue;
                    }
                    let mut row = zonal_rows;
                    ladder.follow(from_pole as f64 * std::f64::consts::PI / half as f64, |x, y| {
                        if wants(row, q) {
                            lat_deg[[row, q]] = 90.0 - 2.0 * x.hypot(y).atan().to_degrees();
                            east_deg[[row, q]] = y.atan2(sign * x).to_degrees();
                        }
                        row += 1;
                    });
                }
            };
        fill(&plan.cap, 0..=half / 2, &|q| (q, 1.0));
        // The other quadrant, seen from the other grid pole.
        fill(&plan.cap.mirrored(), 0..=(half - 1) / 2, &|q| (half - q, -1.0));

        Ok(Self {
            first_pole_lon_deg: parameters.first_pole_lon_deg,
            fold,
            half: half as i64,
            zonal_rows,
            lat_deg,
            east_deg,
        })
    }

    /// (longitude, latitude) in degrees of any lattice point, those beyond the fold and around the globe included.
    pub(super) fn at(&self, p: i64, q: i64) -> (f64, f64) {
        let (p, q) = if p > self.fold { (2 * self.fold - p, -q) } else { (p, q) };
        let q = q.rem_euclid(2 * self.half);
        let (q, sign) = if q > self.half { (2 * self.half - q, -1.0) } else { (q, 1.0) };
        let at = [(p + 1) as usize, q as usize];
        (wrap_longitude(self.first_pole_lon_deg + sign * self.east_deg[at]), self.lat_deg[at])
    }

    /// Lengths of the half edges of the lattice.
    pub(super) fn half_edges(&self) -> HalfEdges {
        let (rows, columns) = self.lat_deg.dim();
        let vector =
            |row: usize, q: usize| Vector::from_degrees((self.east_deg[[row, q]], self.lat_deg[[row, q]]));
        let mut along = Array2::zeros((rows, columns - 1));
        let mut across = Array2::zeros((rows - 1, columns));
        for row in 0..self.zonal_rows {
            along.row_mut(row).fill(vector(row, 0).distance_m(vector(row, 1)));
        }
        for row in 0..self.zonal_rows - 1 {
            let height = (self.lat_deg[[row + 1, 0]] - self.lat_deg[[row, 0]]).to_radians() * EARTH_RADIUS_M;
            across.row_mut(row).fill(height);
        }
        let vectors = |row: usize| -> Vec<Vector> { (0..columns).map(|q| vector(row, q)).collect() };
        let mut south = vectors(self.zonal_rows - 1);
        for row in self.zonal_rows..rows {
            let here = vectors(row);
            for q in 0..columns {
                across[[row - 1, q]] = south[q].distance_m(here[q]);
            }
            for q in 0..columns - 1 {
                along[[row, q]] = here[q].distance_m(here[q + 1]);
            }
            south = here;
        }
        HalfEdges { fold: self.fold, half: self.half, along, across }
    }
}

pub(super) struct HalfEdges {
    fold: i64,
    half: i64,
    /// From column `q` to `q + 1`.
    along: Array2<f64>,
    /// From stored row to the next.
    across: Array2<f64>,
}

impl HalfEdges {
    /// Length of the cell around a lattice point along its row, in metres: by way of the point, so that it does not
    /// vanish at a grid pole, where the two neighbours coincide.
    pub(super) fn e1_m(&self, p: i64, q: i64) -> f64 {
        let (p, q) = if p > self.fold { (2 * self.fold - p, -q) } else { (p, q) };
        let edge = |q: i64| {
            let q = q.rem_euclid(2 * self.half);
            let q = if q >= self.half { 2 * self.half - 1 - q } else { q };
            self.along[[(p + 1) as usize, q as usize]]
        };
        edge(q - 1) + edge(q)
    }

    /// Length of the cell around a lattice point along its column, in metres.
    pub(super) fn e2_m(&self, p: i64, q: i64) -> f64 {
        let (p, q) = if p > self.fold { (2 * self.fold - p, -q) } else { (p, q) };
        let q = q.rem_euclid(2 * self.half);
        let q = if q > self.half { 2 * self.half - q } else { q } as usize;
        let south = self.across[[p as usize, q]];
        // North of the fold lies the mirror image of what is south of it.
        let north = if p == self.fold { south } else { self.across[[(p + 1) as usize, q]] };
        south + north
    }
}
