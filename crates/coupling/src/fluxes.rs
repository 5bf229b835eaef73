//! The two matrices of the fluxes: means over the wet part of atmosphere cells, and conserved sums over ocean cells.

use ndarray::Array2;

use crate::atmosphere::{Atmosphere, PI_CUT, RAD};
use crate::fold::{self, Point};
use crate::links::Links;
use crate::ocean::Ocean;
use crate::outlines::Outlines;
use crate::{Error, Geometry, Mode, overlap, spherical};

/// Smallest weight that is kept, and the margin that tells land, coast and ocean apart.
pub const SMALLEST_FRACTION: f64 = 1e-10;

/// Both matrices, and the masks and areas that they are made for. Maps of the ocean are rows south to north, of
/// the atmosphere north to south; flat ones are row-major.
#[derive(Debug, Clone)]
pub struct Fluxes {
    /// Sea cells as the coupler has them: repeated cells included, the first row land.
    pub sea: Array2<bool>,
    /// Sea cells that are not repeated.
    pub unique_sea: Array2<bool>,
    /// Areas of the ocean cells in square metres.
    pub ocean_area_m2: Vec<f64>,
    /// Areas of the atmosphere cells in square metres, each polar row merged in its first cell.
    pub atmosphere_area_m2: Vec<f64>,
    /// The fraction of every atmosphere cell that is ocean; the cells of the northernmost row share one value.
    pub fraction: Vec<f64>,
    /// Ocean to atmosphere: the mean over the wet part of an atmosphere cell.
    pub to_atmosphere: Links,
    /// Atmosphere to ocean: what falls on the wet part of the atmosphere cells, per area of ocean.
    pub to_ocean: Links,
}

impl Fluxes {
    /// Computes both matrices.
    ///
    /// # Errors
    /// Cells that cannot be overlapped, and ocean cells that overlap each other.
    pub fn new(
        ocean: &Ocean,
        atmosphere: &Atmosphere,
        outlines: &Outlines,
        geometry: Geometry,
    ) -> Result<Self, Error> {
        let shape = ocean.shape();
        let mode = ocean.mode;
        let sea = coupled_sea(ocean);
        let unique_sea =
            ndarray::Zip::from(&sea).and(&ocean.duplicate).map_collect(|&sea, &duplicate| sea && !duplicate);
        let fractions = match geometry {
            Geometry::Legacy => overlap::fractions(atmosphere, outlines, &unique_sea),
            Geometry::Spherical => spherical::fractions(atmosphere, outlines, &unique_sea)?,
        };
        let ocean_area_m2 = ocean_areas(ocean, atmosphere);
        let atmosphere_area_m2 = atmosphere.merged_area_m2(mode);
        let columns = atmosphere.size.columns;

        let kept = |links: &Links, d: usize| -> Vec<(u32, f64)> {
            links.row(d).filter(|(_, weight)| *weight >= SMALLEST_FRACTION).collect()
        };
        let mut to_atmosphere = Links::from_rows((0..fractions.destinations()).map(|a| {
            // The northernmost row is one cell.
            kept(&fractions, if a < columns { 0 } else { a })
        }));
        // From zero, not by `sum`, whose nothing is -0 and would be written so.
        let fraction: Vec<f64> = (0..to_atmosphere.destinations())
            .map(|a| to_atmosphere.weights_of(a).iter().fold(0.0, |sum, weight| sum + weight))
            .collect();
        refuse_excess(&fraction, columns)?;
        normalise_means(&mut to_atmosphere);

        let shares = fractions.transposed(shape.0 * shape.1, |o, a, overlap| {
            overlap * atmosphere_area_m2[a] / ocean_area_m2[o]
        });
        drop(fractions);
        let sources = fold::sources(shape, ocean.topology);
        let mut to_ocean = Links::from_rows(sources.iter().map(|&source| kept(&shares, source)));
        drop(shares);
        normalise_sums(&mut to_ocean, &unique_sea, &ocean_area_m2, &fraction, &atmosphere_area_m2, mode);

        Ok(Self { sea, unique_sea, ocean_area_m2, atmosphere_area_m2, fraction, to_atmosphere, to_ocean })
    }

    /// The ocean fraction in single precision: what the model's files hold, and what tells land from coast.
    pub fn stored_fraction(&self) -> Vec<f64> {
        self.fraction.iter().map(|&fraction| f64::from(fraction as f32)).collect()
    }
}

/// Sea as the coupler has it: the mask of the T points without its first row, repeated cells filled again.
fn coupled_sea(ocean: &Ocean) -> Array2<bool> {
    let (ny, nx) = ocean.shape();
    let mut sea = ocean.surface_mask(Point::T).mapv(|sea| sea == 1);
    sea.row_mut(0).fill(false);
    let overlaps = ocean.topology.overlap == grid::Overlap::TwoColumns;
    for ((j, i), sea) in sea.indexed_iter_mut() {
        let north = ocean.topology.fold.repeats_last_row() && j == ny - 1;
        *sea &= !(north || (overlaps && (i == 0 || i == nx - 1)));
    }
    fold::apply(&mut sea, Point::T, ocean.topology);
    sea
}

/// Areas of the T cells, row-major. In the first row, which is land, the original has its share of a cap.
fn ocean_areas(ocean: &Ocean, atmosphere: &Atmosphere) -> Vec<f64> {
    let mut area = ocean.area_m2(Point::T);
    fold::apply(&mut area, Point::T, ocean.topology);
    if ocean.mode == Mode::Legacy {
        let columns = atmosphere.size.columns;
        let total: f64 = (0..atmosphere.cells()).map(|a| atmosphere.area_m2[a / columns]).sum();
        let radius = (total / (4.0 * PI_CUT)).sqrt();
        let lat = ocean.at(Point::U).lat_deg[[1, 0]].abs();
        let cap = radius * radius * PI_CUT * (1.0 - (RAD * lat).sin());
        let nx = area.ncols();
        area.row_mut(0).fill(cap / (nx as f64 - 2.0));
    }
    area.into_raw_vec_and_offset().0
}

/// More than the whole, by more than the projection distorts overlaps: the original's planes do by some parts in a thousand.
const MAX_FRACTION: f64 = 1.01;

/// Refuses atmosphere cells that the ocean covers more than once.
fn refuse_excess(fraction: &[f64], columns: usize) -> Result<(), Error> {
    match fraction.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) {
        Some((cell, &sum)) if sum > MAX_FRACTION => {
            Err(Error::Overlapping { sum, row: cell / columns, column: cell % columns })
        }
        _ => Ok(()),
    }
}

/// Row sums of one, however the rounding falls.
fn normalise_means(links: &mut Links) {
    for a in 0..links.destinations() {
        let weights = links.weights_of_mut(a);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        let sum: f64 = weights.iter().sum();
        let correction = if sum < 1.0 - SMALLEST_FRACTION {
            1.0 + 2.0 * f64::EPSILON
        } else if sum > 1.0 {
            1.0 - 2.0 * f64::EPSILON
        } else {
            continue;
        };
        weights.iter_mut().for_each(|weight| *weight *= correction);
    }
}

/// What every atmosphere cell gives to the ocean adds up to what falls on its wet part. The original adds up in single
/// precision, which leaves errors of 2e-7 per cell; in double they are 1e-15.
fn normalise_sums(
    links: &mut Links,
    unique_sea: &Array2<bool>,
    ocean_area_m2: &[f64],
    fraction: &[f64],
    atmosphere_area_m2: &[f64],
    mode: Mode,
) {
    let single = |x: f64| f64::from(x as f32);
    let round: fn(f64) -> f64 = match mode {
        Mode::Legacy => single,
        Mode::Corrected => |x| x,
    };
    let mut sums = vec![0.0; fraction.len()];
    for (o, &unique) in unique_sea.iter().enumerate() {
        if unique {
            for (a, weight) in links.row(o) {
                let sum: &mut f64 = &mut sums[a as usize];
                *sum = round(*sum + ocean_area_m2[o] * weight);
            }
        }
    }
    for (a, sum) in sums.iter_mut().enumerate() {
        *sum = if fraction[a] > SMALLEST_FRACTION && atmosphere_area_m2[a] >= SMALLEST_FRACTION {
            round(*sum / (fraction[a] * atmosphere_area_m2[a]))
        } else {
            0.0
        };
    }
    links.change(|_, a, weight| if sums[a] == 0.0 { 0.0 } else { weight / sums[a] });
}
