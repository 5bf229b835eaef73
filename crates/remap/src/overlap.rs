//! Which cells of two meshes overlap, and by how much.

use grid::sphere::Vector;
use rayon::prelude::*;

use crate::Mesh;
use crate::clip::{Clipper, ZERO, polygon_area_sr};
use crate::index::{Bounds, Index};
use crate::mesh::Edges;

/// Overlaps smaller than this part of both cells are rounding.
const NOTHING: f64 = 1e-13;

/// Target cells that one thread does before it looks for more.
const CHUNK: usize = 512;

/// Whether the first moments of overlaps are wanted, which second order needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moments {
    /// Yes.
    With,
    /// No: [`Overlaps::moment`] stays empty.
    Without,
}

/// The overlaps of two meshes: for each target cell its source cells, ascending. Masked cells overlap nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlaps {
    /// Where the overlaps of a target cell start in the next three, and the end of the last.
    pub row_start: Vec<usize>,
    /// The source cell.
    pub source: Vec<u32>,
    /// The area in steradians.
    pub area_sr: Vec<f64>,
    /// The integral of the position over the overlap, where wanted.
    pub moment: Vec<Vector>,
    /// Areas of all source cells, with the same edges.
    pub source_area_sr: Vec<f64>,
    /// Areas of all target cells, with the same edges.
    pub target_area_sr: Vec<f64>,
}

/// The overlaps of two meshes. Edges are great circles, or meridians and parallels where both meshes are regular. The same
/// for any number of threads, bit for bit.
pub fn overlaps(source: &Mesh, target: &Mesh, moments: Moments) -> Overlaps {
    match (source.edges(), target.edges()) {
        (Some(from), Some(to)) => of_regular(source, target, from, to, moments),
        _ => of_polygons(source, target, moments),
    }
}

/// The overlaps of some target cells in a row.
#[derive(Default)]
struct Part {
    counts: Vec<u32>,
    source: Vec<u32>,
    area_sr: Vec<f64>,
    moment: Vec<Vector>,
}

impl Part {
    fn push(&mut self, source: usize, area_sr: f64, moment: Option<Vector>) {
        self.source.push(source as u32);
        self.area_sr.push(area_sr);
        self.moment.extend(moment);
    }
}

impl Overlaps {
    /// The overlaps of one target cell, as indices of `source`, `area_sr` and `moment`.
    pub fn row(&self, target: usize) -> std::ops::Range<usize> {
        self.row_start[target]..self.row_start[target + 1]
    }

    fn collect(parts: Vec<Part>, source_area_sr: Vec<f64>, target_area_sr: Vec<f64>) -> Self {
        let mut row_start = Vec::with_capacity(target_area_sr.len() + 1);
        row_start.push(0);
        let mut end = 0;
        for count in parts.iter().flat_map(|part| &part.counts) {
            end += *count as usize;
            row_start.push(end);
        }
        let (mut source, mut area_sr) = (Vec::with_capacity(end), Vec::with_capacity(end));
        let mut moment = Vec::with_capacity(if parts.iter().any(|p| !p.moment.is_empty()) { end } else { 0 });
        for part in parts {
            source.extend(part.source);
            area_sr.extend(part.area_sr);
            moment.extend(part.moment);
        }
        Self { row_start, source, area_sr, moment, source_area_sr, target_area_sr }
    }
}

fn of_polygons(source: &Mesh, target: &Mesh, moments: Moments) -> Overlaps {
    let (source_area_sr, target_area_sr) = (source.areas_sr(), target.areas_sr());
    let index = Index::new(source.len(), |cell, polygon| {
        polygon.clear();
        if source.active()[cell] && source_area_sr[cell] > 0.0 {
            source.polygon(cell, polygon);
        }
    });
    let parts = in_chunks(target.len(), |cells| {
        let (mut window, mut polygon, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let mut clipper = Clipper::default();
        let mut part = Part::default();
        for cell in cells {
            let before = part.source.len();
            target.polygon(cell, &mut window);
            if target.active()[cell]
                && target_area_sr[cell] > 0.0
                && let Some(bounds) = Bounds::from_polygon(&window)
            {
                index.find(&bounds, &mut found);
                clipper.set_window(&window);
                for &candidate in &found {
                    let candidate = candidate as usize;
                    source.polygon(candidate, &mut polygon);
                    let overlap = clipper.overlap(&polygon, moments == Moments::With);
                    let smaller = target_area_sr[cell].min(source_area_sr[candidate]);
                    if overlap.area_sr > NOTHING * smaller {
                        let moment = (moments == Moments::With).then_some(overlap.moment);
                        part.push(candidate, overlap.area_sr, moment);
                    }
                }
            }
            part.counts.push((part.source.len() - before) as u32);
        }
        part
    });
    Overlaps::collect(parts, source_area_sr, target_area_sr)
}

fn in_chunks(cells: usize, work: impl Fn(std::ops::Range<usize>) -> Part + Sync) -> Vec<Part> {
    (0..cells.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| work(chunk * CHUNK..((chunk + 1) * CHUNK).min(cells)))
        .collect()
}

/// A part of an axis that two cells have in common.
#[derive(Debug, Clone, Copy)]
struct Shared {
    source: usize,
    /// From and to, in radians.
    from: f64,
    to: f64,
}

fn of_regular(source: &Mesh, target: &Mesh, from: &Edges, to: &Edges, moments: Moments) -> Overlaps {
    let lon = shared(&from.lon_deg, &to.lon_deg, Some(360.0));
    let lat = shared(&from.lat_deg, &to.lat_deg, None);
    let (source_columns, target_columns) = (source.shape().1, target.shape().1);
    let parts = in_chunks(target.len(), |cells| {
        let mut part = Part::default();
        for cell in cells {
            let before = part.source.len();
            if target.active()[cell] {
                for row in &lat[cell / target_columns] {
                    for column in &lon[cell % target_columns] {
                        let other = row.source * source_columns + column.source;
                        if source.active()[other] {
                            let moment = (moments == Moments::With).then(|| zone_moment(*column, *row));
                            part.push(other, zone_area_sr(*column, *row), moment);
                        }
                    }
                }
            }
            part.counts.push((part.source.len() - before) as u32);
        }
        part
    });
    Overlaps::collect(parts, zone_areas_sr(from), zone_areas_sr(to))
}

/// For each target interval, the source intervals that it shares something with, ascending.
fn shared(source_edges: &[f64], target_edges: &[f64], turn: Option<f64>) -> Vec<Vec<Shared>> {
    let interval = |edges: &[f64], k: usize| (edges[k].min(edges[k + 1]), edges[k].max(edges[k + 1]));
    (0..target_edges.len() - 1)
        .map(|k| {
            let (west, east) = interval(target_edges, k);
            let mut row = Vec::new();
            for source in 0..source_edges.len() - 1 {
                let (source_west, source_east) = interval(source_edges, source);
                // The source interval brought to where it ends behind the target's west edge for the first time.
                let shift = turn.map_or(0.0, |turn| turn * ((west - source_east) / turn).floor());
                for turns in 0..if turn.is_some() { 3 } else { 1 } {
                    let shift = shift + f64::from(turns) * turn.unwrap_or(0.0);
                    let (from, to) = ((source_west + shift).max(west), (source_east + shift).min(east));
                    if to - from > 1e-11 * (east - west).min(source_east - source_west) {
                        row.push(Shared { source, from: from.to_radians(), to: to.to_radians() });
                    }
                }
            }
            row
        })
        .collect()
}

/// Area between two meridians and two parallels.
fn zone_area_sr(lon: Shared, lat: Shared) -> f64 {
    (lon.to - lon.from) * 2.0 * ((lat.to - lat.from) / 2.0).sin() * ((lat.to + lat.from) / 2.0).cos()
}

/// Integral of the position between two meridians and two parallels, without cancellation for thin cells.
fn zone_moment(lon: Shared, lat: Shared) -> Vector {
    let (width, middle) = (lon.to - lon.from, (lon.to + lon.from) / 2.0);
    let (height, twice_middle) = (lat.to - lat.from, lat.to + lat.from);
    let across = height / 2.0 + height.sin() * twice_middle.cos() / 2.0;
    let chord = 2.0 * (width / 2.0).sin();
    Vector {
        x: chord * middle.cos() * across,
        y: chord * middle.sin() * across,
        z: width * height.sin() * twice_middle.sin() / 2.0,
    }
}

fn zone_areas_sr(edges: &Edges) -> Vec<f64> {
    let side =
        |w: &[f64]| Shared { source: 0, from: w[0].min(w[1]).to_radians(), to: w[0].max(w[1]).to_radians() };
    let lon: Vec<Shared> = edges.lon_deg.windows(2).map(side).collect();
    edges.lat_deg.windows(2).flat_map(|w| lon.iter().map(move |&lon| zone_area_sr(lon, side(w)))).collect()
}

/// Centroid of a whole source cell: direction of the integral of the position over it.
pub(crate) fn cell_centroid(mesh: &Mesh, cell: usize, polygon: &mut Vec<Vector>) -> Vector {
    mesh.polygon(cell, polygon);
    let moment = super::clip::polygon_moment(polygon);
    if polygon_area_sr(polygon) > 0.0 && moment != ZERO { moment.normalised() } else { mesh.centre(cell) }
}
