//! Tripolar ocean grids of the ORCA family, generated.
//!
//! [`grid`] makes the whole C grid, [`t_points`] only the centres, with the same values bit for bit. The default, 182
//! columns by 149 rows, is a two-degree grid like ORCA2: Mercator south of about 20 N, its rows refined to half a degree at
//! the equator; north of it rows become embedded ellipses around two grid poles on land, at 60 N, 106 E and 74 W,
//! and columns their orthogonal trajectories. There is one family of smooth curves and no seam.
//!
//! * G. Madec and M. Imbard (1996): A global ocean mesh to overcome the North Pole singularity. Climate Dynamics 12,
//!   381-388. (The method: define the rows analytically on the polar stereographic plane, integrate the columns.)
//! * R. J. Murray (1996): Explicit generation of orthogonal grids for ocean models. Journal of Computational
//!   Physics 126, 251-273. (Confocal rows near the fold.)
//!
//! # Invariants
//!
//! * The last two columns repeat the first two, bit for bit, at every type of point.
//! * The fold runs through the last F row but one, around the grid poles (F pivot, `nperio = 6`): counted from 0,
//!   `T[ny-1][i] = T[ny-2][nx-1-i]`, `U[ny-1][i] = U[ny-2][nx-2-i]`, `V[ny-1][i] = V[ny-3][nx-1-i]`,
//!   `F[ny-1][i] = F[ny-3][nx-2-i]`, for every `i` but the last of U and F, which repeats column 1 (the overlap).
//! * The equator is a row of T points; rows south of it mirror those north of it, as far as both are zonal.
//! * No cell is inverted and no size is zero, not even at the grid poles.
//!
//! # How close it comes to the PALEORCA2 grid
//!
//! The default grid was compared with the T points of the reference grid of the platform (single precision,
//! `tests/reference.rs` asserts the bounds):
//!
//! * longitudes of the rows up to 19.6 N are equal; their latitudes differ by at most 0.014 degrees (1.6 km, near 10
//!   degrees, where rows are 130 km apart), and south of 20 S by no more than 0.000004 degrees;
//! * in the cap, points are 2.7 km apart in the median, 14 km at the 95th percentile and 50 km at the most, the
//!   latter in the cells around the grid poles. There the reference squeezes its first columns into the pole (its
//!   edges degenerate, and 330 of its cells lack corners); this grid keeps them apart by choice;
//! * the sizes of T cells south of the last ten rows differ by 0.004 % in the median and 4.6 % at the 99th percentile.
//!
//! Rows and columns cross at right angles within 0.6 degrees for the default, the worst beside the grid poles, and
//! within 0.03 degrees in 99 of 100 cells, as far as chords across a cell can tell.
//!
//! The reference's rows are ellipses to the last digit it holds. No number of this module is taken from its tables: the
//! two curves of the ellipses' axes and the one of the refinement are polynomials and a hyperbolic tangent with
//! eight fitted coefficients in all.

mod cap;
mod lattice;
mod rows;

use ndarray::Array2;

use self::cap::Cap;
use self::lattice::{Lattice, PointSet};
use self::rows::{KAPPA_CAP, Rows, latitude_deg};
use crate::error::Error;
use crate::ocean::{Mesh, OceanGrid, Points, ScaleFactors, Staggered};
use crate::sphere::wrap_longitude;

/// Isometric latitude (degrees) at which the fold would lie on the meridians between the grid poles, if they were
/// Mercator all the way: it fixes the number of rows of the cap.
const FOLD_ISOMETRIC_DEG: f64 = 125.0;

/// What distinguishes one tripolar grid from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Columns, the two that overlap included: even, at least 22.
    pub columns: usize,
    /// Rows, the repeated last one included.
    pub rows: usize,
    /// Spacing of rows at the equator over the Mercator spacing: 0.1..=1, where 1 is no refinement.
    pub equatorial_refinement: f64,
    /// Longitude of the first grid pole, degrees; the second is on the opposite meridian. The first column of F points
    /// stands on it.
    pub first_pole_lon_deg: f64,
    /// Latitude of the first grid pole, degrees.
    pub first_pole_lat_deg: f64,
    /// Latitude of the second grid pole, degrees.
    pub second_pole_lat_deg: f64,
}

impl Default for Parameters {
    /// Two degrees, 182 by 149, grid poles at 60 N, 106 E and 74 W.
    fn default() -> Self {
        Self {
            columns: 182,
            rows: 149,
            equatorial_refinement: 0.25,
            first_pole_lon_deg: 106.0,
            first_pole_lat_deg: 60.0,
            second_pole_lat_deg: 60.0,
        }
    }
}

/// What follows from the parameters.
struct Plan {
    cap: Cap,
    refinement: f64,
    /// T row on the equator.
    equator: usize,
    /// Height of a row, counted in rows of two degrees.
    kappa_per_row: f64,
    kappa_fold: f64,
}

impl Parameters {
    /// The default with another number of columns and rows.
    pub fn for_size(columns: usize, rows: usize) -> Self {
        Self { columns, rows, ..Self::default() }
    }

    /// The default with another spacing of columns (degrees), rounded to an even number of them, and as many rows as
    /// reach to about 78 S.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a spacing outside 0.05..=18 degrees.
    pub fn with_spacing_deg(spacing_deg: f64) -> Result<Self, Error> {
        check("spacing", spacing_deg, 0.05..=18.0, "must be 0.05 to 18 degrees")?;
        let columns = 2 * (180.0 / spacing_deg).round() as usize + 2;
        let kappa_per_row = 180.0 / (columns - 2) as f64;
        // The southernmost row of the default is 75 rows of two degrees from the equator, the fold 72.5.
        let rows =
            (75.0 / kappa_per_row).round() as usize + (72.5 / kappa_per_row - 0.5).round() as usize + 2;
        Ok(Self::for_size(columns, rows))
    }

    fn plan(&self) -> Result<Plan, Error> {
        if self.columns % 2 == 1 || !(22..=20_002).contains(&self.columns) {
            let reason = "must be even, and 22 to 20002";
            return Err(Error::Parameter { name: "columns", value: self.columns as f64, reason });
        }
        if self.rows > 20_000 {
            let reason = "must be at most 20000";
            return Err(Error::Parameter { name: "rows", value: self.rows as f64, reason });
        }
        check("equatorial refinement", self.equatorial_refinement, 0.1..=1.0, "must be 0.1 to 1")?;
        check(
            "longitude of the first pole",
            self.first_pole_lon_deg,
            -360.0..=360.0,
            "must be -360 to 360 degrees",
        )?;
        let between = "must be 40 to 85 degrees north";
        check("latitude of the first pole", self.first_pole_lat_deg, 40.0..=85.0, between)?;
        check("latitude of the second pole", self.second_pole_lat_deg, 40.0..=85.0, between)?;

        let kappa_per_row = 180.0 / (self.columns - 2) as f64;
        let edge = Rows::new(self.equatorial_refinement).isometric_deg(KAPPA_CAP);
        let wished_fold = KAPPA_CAP + (FOLD_ISOMETRIC_DEG - edge) / 2.0;
        // The fold is a row of F points, half way between rows of T points.
        let north = (wished_fold / kappa_per_row - 0.5).round();
        let kappa_fold = (north + 0.5) * kappa_per_row;
        let equator = (self.rows as f64 - 2.0 - north) as i64;
        let southernmost = equator as f64 * kappa_per_row;
        if !(KAPPA_CAP..=120.0).contains(&southernmost) {
            let reason = "must reach from about 20 S at the least to 88 S at the most: choose the number of rows \
                          that goes with the number of columns, such as 149 with 182";
            return Err(Error::Parameter { name: "rows", value: self.rows as f64, reason });
        }
        let poles = (self.first_pole_lat_deg, self.second_pole_lat_deg);
        let cap = Cap::new(latitude_deg(edge), 2.0 * (kappa_fold - KAPPA_CAP), poles);
        if !cap.is_nested() {
            let reason =
                "the rows of the cap would cross: choose poles nearer to 60 N or to each other's latitude";
            return Err(Error::Parameter {
                name: "latitude of the poles",
                value: poles.0.min(poles.1),
                reason,
            });
        }
        let refinement = self.equatorial_refinement;
        Ok(Plan { cap, refinement, equator: equator as usize, kappa_per_row, kappa_fold })
    }

    /// (longitude, latitude) of the two grid poles, degrees.
    pub fn poles(&self) -> [(f64, f64); 2] {
        [
            (wrap_longitude(self.first_pole_lon_deg), self.first_pole_lat_deg),
            (wrap_longitude(self.first_pole_lon_deg + 180.0), self.second_pole_lat_deg),
        ]
    }
}

/// The whole grid.
///
/// ```
/// let grid = grid::orca::grid(&grid::orca::Parameters::default())?;
/// assert_eq!(grid.shape(), (149, 182));
/// assert_eq!(grid.t().at(75, 0), (105.0, 0.0));
/// # Ok::<(), grid::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] for what the method cannot make.
pub fn grid(parameters: &Parameters) -> Result<OceanGrid, Error> {
    let lattice = Lattice::new(parameters, PointSet::All)?;
    let edges = lattice.half_edges();
    let shape = (parameters.rows, parameters.columns);
    let scale = |north: i64, east: i64| ScaleFactors {
        e1_m: Array2::from_shape_fn(shape, |(j, i)| edges.e1_m(2 * j as i64 + north, 2 * i as i64 + east)),
        e2_m: Array2::from_shape_fn(shape, |(j, i)| edges.e2_m(2 * j as i64 + north, 2 * i as i64 + east)),
    };
    let staggered =
        |north, east| Staggered { points: points(&lattice, shape, north, east), scale: scale(north, east) };
    let mesh = Mesh { t_scale: scale(0, -1), u: staggered(0, 0), v: staggered(1, -1), f: staggered(1, 0) };
    Ok(OceanGrid::from_parts(points(&lattice, shape, 0, -1), Some(mesh)))
}

/// Only the centres of the cells, the same as those of [`grid`] bit for bit, in a fraction of the time.
///
/// # Errors
/// [`Error::Parameter`] for what the method cannot make.
pub fn t_points(parameters: &Parameters) -> Result<Points, Error> {
    let lattice = Lattice::new(parameters, PointSet::TPoints)?;
    Ok(points(&lattice, (parameters.rows, parameters.columns), 0, -1))
}

fn points(lattice: &Lattice, shape: (usize, usize), north: i64, east: i64) -> Points {
    let mut points = Points { lon_deg: Array2::zeros(shape), lat_deg: Array2::zeros(shape) };
    for ((j, i), lon) in points.lon_deg.indexed_iter_mut() {
        (*lon, points.lat_deg[[j, i]]) = lattice.at(2 * j as i64 + north, 2 * i as i64 + east);
    }
    points
}

fn check(
    name: &'static str,
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    reason: &'static str,
) -> Result<(), Error> {
    if range.contains(&value) { Ok(()) } else { Err(Error::Parameter { name, value, reason }) }
}
