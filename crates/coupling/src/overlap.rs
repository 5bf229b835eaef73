//! How much of an atmosphere cell lies in an ocean cell.
//!
//! Both outlines are projected to the Lambert azimuthal equal-area plane around the centre of the atmosphere cell,
//! edges straight there, split into triangles around their centres, and the triangles clipped against each other
//! (Sutherland and Hodgman, *Reentrant polygon clipping*, 1974). The plane preserves areas, so the sum of the
//! pieces over the area of the outline is the fraction covered.
//!
//! Every atmosphere cell is a task of its own, and its sums run over ocean cells in ascending order: the result is
//! the same to the bit for any number of threads.

use std::f64::consts::PI;

use grid::sphere::Vector;
use ndarray::Array2;
use rayon::prelude::*;

use crate::atmosphere::{Atmosphere, RAD};
use crate::links::Links;
use crate::outlines::{Outline, Outlines};

/// A vertex this little on the wrong side of a line still counts as on it: a hundred roundings.
const ON_THE_LINE: f64 = 100.0 * f64::EPSILON;

/// Smallest triangle, and smallest overlap, that counts.
const SMALLEST: f64 = f64::EPSILON;

/// Triangles farther apart than this (in cell sizes) cannot overlap.
const APART: f64 = 1e-6;

type P = (f64, f64);

/// A triangle with its bounding box.
#[derive(Clone, Copy)]
struct Triangle {
    vertices: [P; 3],
    low: P,
    high: P,
}

/// The fraction of every atmosphere cell within each ocean cell: destinations are atmosphere cells, sources ocean
/// cells, both row-major. `sea` tells which ocean cells take part.
///
/// The northernmost row is one cell, its first; the others of that row and all of the southernmost have no links.
pub fn fractions(atmosphere: &Atmosphere, outlines: &Outlines, sea: &Array2<bool>) -> Links {
    let search = Search::new(outlines, sea);
    let (rows, columns) = atmosphere.shape();
    let row_of = |a: usize| -> Vec<(u32, f64)> {
        let (j, i) = (a / columns, a % columns);
        if j == rows - 1 || (j == 0 && i > 0) {
            return Vec::new();
        }
        let target = if j == 0 { Target::pole(atmosphere) } else { Target::cell(atmosphere, j, i) };
        let near = search.near(target.centre, target.radius);
        near.into_iter()
            .filter_map(|ocean| {
                let overlap = target.overlap(&search.cells[ocean as usize].outline);
                (overlap >= SMALLEST).then_some((search.cells[ocean as usize].address, overlap))
            })
            .collect()
    };
    let links: Vec<Vec<(u32, f64)>> = (0..rows * columns).into_par_iter().map(row_of).collect();
    Links::from_rows(links)
}

/// The Lambert azimuthal equal-area projection around a point.
#[derive(Clone, Copy)]
struct Plane {
    lon_deg: f64,
    sin: f64,
    cos: f64,
}

impl Plane {
    fn around((lon_deg, lat_deg): (f64, f64)) -> Self {
        let (sin, cos) = (RAD * lat_deg).sin_cos();
        Self { lon_deg, sin, cos }
    }

    /// `None` at the point opposite the centre, which is everywhere at once.
    fn project(&self, (lon, (sin, cos)): (f64, P)) -> Option<P> {
        let mut d = lon - self.lon_deg;
        for _ in 0..2 {
            if d > 180.0 {
                d -= 360.0;
            } else if d < -180.0 {
                d += 360.0;
            }
        }
        let (sin_d, cos_d) = (d * RAD).sin_cos();
        let c = self.sin * sin + self.cos * cos * cos_d;
        if c <= -1.0 {
            return None;
        }
        let k = (2.0 / (1.0 + c)).sqrt();
        Some((k * cos * sin_d, k * (self.cos * sin - self.sin * cos * cos_d)))
    }
}

/// A point of an outline: longitude in degrees, sine and cosine of the latitude.
type Prepared = (f64, P);

fn prepared((lon, lat): (f64, f64)) -> Prepared {
    (lon, (lat * RAD).sin_cos())
}

/// An atmosphere cell in its own plane, scaled to area 1.
struct Target {
    centre: Vector,
    radius: f64,
    plane: Plane,
    triangles: Vec<Triangle>,
    scales: [f64; 3],
    low: P,
    high: P,
}

impl Target {
    fn cell(atmosphere: &Atmosphere, j: usize, i: usize) -> Self {
        let outline = atmosphere.outline(j, i);
        Self::new(outline[8], &outline[..8])
    }

    /// The cap around the north pole, outlined by the western limits of the first row's cells, westward.
    fn pole(atmosphere: &Atmosphere) -> Self {
        let limit = atmosphere.south_deg[0];
        let outline: Vec<(f64, f64)> = atmosphere.west_deg.iter().rev().map(|&west| (west, limit)).collect();
        Self::new((0.0, 90.0), &outline)
    }

    fn new(centre: (f64, f64), edge: &[(f64, f64)]) -> Self {
        let plane = Plane::around(centre);
        // The cell lies around the centre of its plane: no point of it is opposite.
        let project = |&point: &(f64, f64)| plane.project(prepared(point)).unwrap_or_default();
        let mut edge_points: Vec<P> = edge.iter().map(project).collect();
        let mut middle = project(&centre);
        let scales = [(); 3].map(|()| {
            let scale = area(&edge_points).sqrt();
            for point in edge_points.iter_mut().chain([&mut middle]) {
                *point = (point.0 / scale, point.1 / scale);
            }
            scale
        });
        let triangles = triangles(&edge_points, middle);
        let (low, high) = bounds(&edge_points);
        let centre_vector = Vector::from_degrees(centre);
        let radius = edge.iter().map(|&p| chord(Vector::from_degrees(p), centre_vector)).fold(0.0, f64::max);
        Self { centre: centre_vector, radius, plane, triangles, scales, low, high }
    }

    /// The fraction of this cell within an ocean cell.
    fn overlap(&self, outline: &[Prepared; 9]) -> f64 {
        let mut points = [(0.0, 0.0); 9];
        for (point, &prepared) in points.iter_mut().zip(outline) {
            let Some(projected) = self.plane.project(prepared) else { return 0.0 };
            *point = self.scales.iter().fold(projected, |(x, y), scale| (x / scale, y / scale));
        }
        let (low, high) = bounds(&points);
        if apart(low, high, self.low, self.high) {
            return 0.0;
        }
        let mut ocean = [Triangle { vertices: [(0.0, 0.0); 3], low: (0.0, 0.0), high: (0.0, 0.0) }; 8];
        let mut count = 0;
        for triangle in each_triangle(&points[..8], points[8]) {
            ocean[count] = triangle;
            count += 1;
        }
        let mut sum = 0.0;
        for mine in &self.triangles {
            for other in &ocean[..count] {
                if !apart(mine.low, mine.high, other.low, other.high) {
                    sum += intersection(mine, other);
                }
            }
        }
        sum
    }
}

fn triangles(edge: &[P], centre: P) -> Vec<Triangle> {
    each_triangle(edge, centre).collect()
}

fn each_triangle(edge: &[P], centre: P) -> impl Iterator<Item = Triangle> + '_ {
    (0..edge.len()).filter_map(move |k| {
        let vertices = [edge[k], centre, edge[(k + 1) % edge.len()]];
        if area(&vertices) < SMALLEST {
            return None;
        }
        let (low, high) = bounds(&vertices);
        Some(Triangle { vertices, low, high })
    })
}

fn bounds(points: &[P]) -> (P, P) {
    points
        .iter()
        .fold(((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY)), |(low, high), p| {
            ((low.0.min(p.0), low.1.min(p.1)), (high.0.max(p.0), high.1.max(p.1)))
        })
}

fn apart(low: P, high: P, other_low: P, other_high: P) -> bool {
    low.0 > other_high.0 + APART
        || other_low.0 > high.0 + APART
        || low.1 > other_high.1 + APART
        || other_low.1 > high.1 + APART
}

fn minus(a: P, b: P) -> P {
    (a.0 - b.0, a.1 - b.1)
}

fn cross(a: P, b: P) -> f64 {
    a.0 * b.1 - a.1 * b.0
}

fn area(points: &[P]) -> f64 {
    let fan =
        points.windows(2).skip(1).map(|pair| cross(minus(pair[0], points[0]), minus(pair[1], points[0])));
    0.5 * fan.sum::<f64>().abs()
}

/// The area of the part of `subject` on the left of every side of `clip`; 0 when `clip` runs clockwise.
fn intersection(subject: &Triangle, clip: &Triangle) -> f64 {
    let mut polygon = [(0.0, 0.0); 9];
    polygon[..3].copy_from_slice(&subject.vertices);
    let mut len = 3;
    for k in 0..3 {
        let start = clip.vertices[k];
        let side = minus(clip.vertices[(k + 1) % 3], start);
        let mut kept = [(0.0, 0.0); 9];
        let mut count = 0;
        let mut distance = [0.0; 9];
        let mut sign = [0_i8; 9];
        for n in 0..len {
            let s = cross(side, minus(polygon[n], start));
            distance[n] = s;
            sign[n] = i8::from(s > ON_THE_LINE) - i8::from(s < -ON_THE_LINE);
        }
        for n in 0..len {
            let next = if n + 1 == len { 0 } else { n + 1 };
            if sign[n] >= 0 {
                kept[count] = polygon[n];
                count += 1;
            }
            if sign[n] * sign[next] < 0 {
                let edge = minus(polygon[next], polygon[n]);
                let t = distance[n] / cross(edge, side);
                kept[count] = (polygon[n].0 + t * edge.0, polygon[n].1 + t * edge.1);
                count += 1;
            }
        }
        if count < 3 {
            return 0.0;
        }
        (polygon, len) = (kept, count);
    }
    area(&polygon[..len])
}

fn chord(a: Vector, b: Vector) -> f64 {
    ((a.x - b.x).powi(2) + (a.y - b.y).powi(2) + (a.z - b.z).powi(2)).sqrt()
}

/// An ocean cell that takes part.
struct Cell {
    address: u32,
    centre: Vector,
    radius: f64,
    outline: [Prepared; 9],
}

/// Finds the ocean cells near a point: cells in bands of latitude, sorted by longitude in each.
struct Search {
    /// By address.
    cells: Vec<Cell>,
    bands: Vec<Band>,
}

struct Band {
    south_deg: f64,
    north_deg: f64,
    /// Largest radius (chord) of a cell of the band.
    radius: f64,
    /// (longitude within -180..180, index in `cells`), by longitude.
    members: Vec<(f64, u32)>,
}

/// Cells may touch when their centres are nearer than this times the sum of their radii; a wide margin, for
/// straight edges in the plane bulge beyond the chords of the sphere.
const REACH: f64 = 1.3;

impl Search {
    fn new(outlines: &Outlines, sea: &Array2<bool>) -> Self {
        let (ny, nx) = sea.dim();
        let mut cells = Vec::new();
        let mut positions = Vec::new();
        for j in 0..ny {
            for i in 0..nx {
                if sea[[j, i]] {
                    let outline: Outline = outlines.outline(j, i);
                    let centre = Vector::from_degrees(outline[8]);
                    let radius = outline[..8]
                        .iter()
                        .map(|&p| chord(Vector::from_degrees(p), centre))
                        .fold(0.0, f64::max);
                    positions.push(outline[8]);
                    cells.push(Cell {
                        address: (j * nx + i) as u32,
                        centre,
                        radius,
                        outline: outline.map(prepared),
                    });
                }
            }
        }
        // As many bands as rows: about one row of cells in each.
        let count = ny.max(1);
        let mut bands: Vec<Band> = (0..count)
            .map(|k| Band {
                south_deg: -90.0 + 180.0 * k as f64 / count as f64,
                north_deg: -90.0 + 180.0 * (k + 1) as f64 / count as f64,
                radius: 0.0,
                members: Vec::new(),
            })
            .collect();
        for (index, (cell, (lon, lat))) in cells.iter().zip(positions).enumerate() {
            let band = (((lat + 90.0) / 180.0 * count as f64) as usize).min(count - 1);
            let band = &mut bands[band];
            band.radius = band.radius.max(cell.radius);
            band.members.push((grid::sphere::wrap_longitude(lon), index as u32));
        }
        for band in &mut bands {
            band.members.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        Self { cells, bands }
    }

    /// Indices of the cells that may touch a cell of this centre and radius (a chord), ascending.
    fn near(&self, centre: Vector, radius: f64) -> Vec<u32> {
        let lat = centre.z.clamp(-1.0, 1.0).asin();
        let lon = centre.y.atan2(centre.x).to_degrees();
        let mut near = Vec::new();
        for band in &self.bands {
            let reach = 2.0 * (REACH * (radius + band.radius) / 2.0).min(1.0).asin() + 1e-9;
            let (south, north) = (band.south_deg.to_radians(), band.north_deg.to_radians());
            if band.members.is_empty() || lat < south - reach || lat > north + reach {
                continue;
            }
            let half_width = if lat.abs() + reach >= PI / 2.0 {
                180.0
            } else {
                (reach.sin() / lat.cos()).min(1.0).asin().to_degrees()
            };
            let mut take = |from: f64, to: f64| {
                let start = band.members.partition_point(|(lon, _)| *lon < from);
                let within = band.members[start..].iter().take_while(|(lon, _)| *lon <= to);
                near.extend(within.map(|&(_, index)| index).filter(|&index| {
                    let cell = &self.cells[index as usize];
                    chord(cell.centre, centre) <= REACH * (radius + cell.radius)
                }));
            };
            let (west, east) = (lon - half_width, lon + half_width);
            if half_width >= 180.0 {
                take(-180.0, 180.0);
            } else {
                take(west.max(-180.0), east.min(180.0));
                if west < -180.0 {
                    take(west + 360.0, 180.0);
                }
                if east > 180.0 {
                    take(-180.0, east - 360.0);
                }
            }
        }
        near.sort_unstable();
        near.dedup();
        near
    }
}
