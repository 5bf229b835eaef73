//! Where the run-off of the atmosphere's land cells reaches the ocean.
//!
//! The atmosphere sends kilograms per second and cell, the ocean receives kilograms per second and square metre. Coastal
//! atmosphere cells give to the coastal ocean cells that they overlap; land cells farther inland to the nearest one.
//! The weights of every source that is served integrate to one over the ocean.

use grid::Overlap;
use grid::sphere::Vector;
use ndarray::Array2;
use rayon::prelude::*;

use crate::atmosphere::{Atmosphere, RADIUS_M};
use crate::fluxes::{Fluxes, SMALLEST_FRACTION};
use crate::fold::Point;
use crate::links::Links;
use crate::ocean::Ocean;
use crate::{InlandRunoff, Mode, Options};

/// What an atmosphere cell is, by the fraction of it that is ocean, as the files hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// No ocean.
    Land,
    /// Some of both.
    Coast,
    /// Nothing else.
    Ocean,
}

/// What becomes of the run-off of an atmosphere cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It has none: an ocean cell, or one that another cell of its polar row stands for.
    NoSource,
    /// It goes to the coastal ocean cells that it overlaps.
    Overlap,
    /// It goes to the nearest coastal ocean cell.
    Nearest,
    /// It is shared among the coastal ocean cells around the nearest one.
    Spread,
    /// It is lost: no coastal ocean cell is near enough.
    Lost,
}

/// The weights of the run-off, and how they came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Runoff {
    /// What the atmosphere cells are; row-major.
    pub class: Vec<Class>,
    /// What becomes of their run-off; row-major.
    pub served: Vec<Served>,
    /// The ocean cells that may receive run-off: sea, not repeated, with land among the eight cells around.
    pub coastal: Array2<bool>,
    /// From atmosphere to ocean cells, per square metre. Repeated ocean cells have none.
    pub links: Links,
}

impl Runoff {
    /// Computes the weights.
    pub fn new(ocean: &Ocean, atmosphere: &Atmosphere, fluxes: &Fluxes, options: &Options) -> Self {
        let fraction = fluxes.stored_fraction();
        let class: Vec<Class> = fraction.iter().map(|&f| classify(f)).collect();
        let coastal = coastal_cells(ocean, fluxes);
        let area = &fluxes.ocean_area_m2;

        // The part of the fluxes that joins coasts, as shares of what the source gives.
        let mut given = vec![0.0; class.len()];
        let mut rows: Vec<Vec<(u32, f64)>> = coastal
            .iter()
            .enumerate()
            .map(|(o, &coast)| {
                // A source with next to no ocean may have links of weight 0, which share nothing.
                let from_coast =
                    fluxes.to_ocean.row(o).filter(|(a, w)| class[*a as usize] == Class::Coast && *w > 0.0);
                let share = |(a, w): (u32, f64)| {
                    let wet_m2 = fluxes.atmosphere_area_m2[a as usize] * fraction[a as usize];
                    let share = w * area[o] / wet_m2;
                    given[a as usize] += share;
                    (a, share)
                };
                if coast { from_coast.map(share).collect() } else { Vec::new() }
            })
            .collect();
        for (a, share) in rows.iter_mut().flatten() {
            *share /= given[*a as usize];
        }

        let columns = atmosphere.size.columns;
        let polar_repetition = |a: usize| atmosphere.is_polar(a / columns) && !a.is_multiple_of(columns);
        // Coastal cells that touch nothing but sea far from its coast wait for the nearest one too; the original
        // loses their run-off.
        let waits = |a: usize| match class[a] {
            Class::Land => true,
            Class::Coast => options.mode == Mode::Corrected,
            Class::Ocean => false,
        };
        let mut served: Vec<Served> = (0..class.len())
            .map(|a| match class[a] {
                _ if polar_repetition(a) => Served::NoSource,
                Class::Ocean => Served::NoSource,
                Class::Coast if given[a] > 0.0 => Served::Overlap,
                _ => Served::Lost,
            })
            .collect();
        let waiting: Vec<usize> =
            (0..class.len()).filter(|&a| served[a] == Served::Lost && waits(a)).collect();

        let coast = Coast::new(ocean, &coastal);
        let reach_m = match options.inland_runoff {
            InlandRunoff::NearestCoast => f64::INFINITY,
            InlandRunoff::Drop | InlandRunoff::Spread => options.runoff_reach_m,
        };
        let nearest: Vec<Option<usize>> = waiting
            .par_iter()
            .map(|&a| coast.nearest(&place_of(atmosphere, a)).filter(|(_, m)| *m < reach_m).map(|(k, _)| k))
            .collect();
        for (&a, nearest) in waiting.iter().zip(&nearest) {
            let Some(nearest) = *nearest else { continue };
            let address = |k: usize| coast.places[k].address;
            if options.inland_runoff == InlandRunoff::Spread {
                let around = coast.within(nearest, options.runoff_spread_m);
                let total: f64 = around.iter().map(|&k| area[address(k)]).sum();
                for k in around {
                    rows[address(k)].push((a as u32, area[address(k)] / total));
                }
                served[a] = Served::Spread;
            } else {
                rows[address(nearest)].push((a as u32, 1.0));
                served[a] = Served::Nearest;
            }
        }
        for (row, area) in rows.iter_mut().zip(area) {
            for (_, weight) in row {
                *weight /= area;
            }
        }
        Self { class, served, coastal, links: Links::from_rows(rows) }
    }
}

fn classify(fraction: f64) -> Class {
    match fraction {
        f if f < SMALLEST_FRACTION => Class::Land,
        f if f <= 1.0 - SMALLEST_FRACTION => Class::Coast,
        _ => Class::Ocean,
    }
}

fn coastal_cells(ocean: &Ocean, fluxes: &Fluxes) -> Array2<bool> {
    let sea = &fluxes.sea;
    let (ny, nx) = sea.dim();
    // Where columns are repeated, the neighbours of the cells between them are all there.
    let wraps = ocean.topology.overlap == Overlap::None;
    let land_at = |j: usize, i: isize| {
        let i = if wraps { i.rem_euclid(nx as isize) } else { i };
        usize::try_from(i).is_ok_and(|i| i < nx && !sea[[j, i]])
    };
    Array2::from_shape_fn((ny, nx), |(j, i)| {
        let mut around = (j.saturating_sub(1)..(j + 2).min(ny))
            .flat_map(|y| (-1..=1).map(move |step| (y, i as isize + step)));
        fluxes.unique_sea[[j, i]] && around.any(|(y, x)| land_at(y, x))
    })
}

/// The centre of an atmosphere cell; those of a polar row are one place.
fn place_of(atmosphere: &Atmosphere, a: usize) -> Site {
    let (j, i) = (a / atmosphere.size.columns, a % atmosphere.size.columns);
    let i = if atmosphere.is_polar(j) { 0 } else { i };
    Site::new(a, (atmosphere.lon_deg[i], atmosphere.lat_deg[j]))
}

/// A place with what its distances need.
struct Site {
    address: usize,
    lon_deg: f64,
    sin: f64,
    cos: f64,
    vector: Vector,
}

impl Site {
    fn new(address: usize, (lon_deg, lat_deg): (f64, f64)) -> Self {
        let (sin, cos) = lat_deg.to_radians().sin_cos();
        Self { address, lon_deg, sin, cos, vector: Vector::from_degrees((lon_deg, lat_deg)) }
    }

    /// Great-circle distance, by the formula that decides between two cells that are equally near. Longitudes are
    /// subtracted in degrees: that of cells on either side of a source then is the same to the last bit.
    fn distance_m(&self, other: &Self) -> f64 {
        let cosine =
            self.sin * other.sin + self.cos * other.cos * (other.lon_deg - self.lon_deg).to_radians().cos();
        RADIUS_M * cosine.clamp(-1.0, 1.0).acos()
    }
}

/// The coastal ocean cells by ascending address.
struct Coast {
    places: Vec<Site>,
}

/// Rounding of the cosine of a distance, with some margin.
const COSINE_ROUNDING: f64 = 1e-13;

impl Coast {
    fn new(ocean: &Ocean, coastal: &Array2<bool>) -> Self {
        let t = ocean.at(Point::T);
        let columns = coastal.ncols();
        let places = coastal.indexed_iter().filter(|(_, coast)| **coast);
        Self { places: places.map(|((j, i), _)| Site::new(j * columns + i, t.at(j, i))).collect() }
    }

    /// The nearest cell and its distance, of equally near ones the first. The cosine alone, which is cheap, leaves a
    /// few candidates for the formula.
    fn nearest(&self, from: &Site) -> Option<(usize, f64)> {
        let cosine = |place: &Site| place.vector.dot(from.vector);
        let largest = self.places.iter().map(cosine).fold(f64::NEG_INFINITY, f64::max);
        let candidates =
            self.places.iter().enumerate().filter(|(_, p)| cosine(p) >= largest - COSINE_ROUNDING);
        candidates.map(|(k, place)| (k, from.distance_m(place))).fold(None, |best, next| match best {
            Some((_, distance)) if distance <= next.1 => best,
            _ => Some(next),
        })
    }

    /// The cells nearer than `reach_m` to one of them, itself among them even so.
    fn within(&self, centre: usize, reach_m: f64) -> Vec<usize> {
        let from = &self.places[centre];
        let near = |k: &usize| *k == centre || from.distance_m(&self.places[*k]) < reach_m;
        (0..self.places.len()).filter(near).collect()
    }
}
