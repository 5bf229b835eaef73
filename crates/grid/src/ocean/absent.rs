//! Cells without a place: coordinates that are missing, or that many cells have in common.
//!
//! Models that leave out the processors of a continent write nothing there, which in files is a fill value or zero. The first
//! are no coordinates; the second put all those cells at 0 E, 0 N, where they would take part in whatever happens there.

use std::collections::HashMap;

use ndarray::Array2;

use super::Points;
use crate::sphere::Vector;

/// Beyond this a number is a marker for a missing value, in degrees: longitudes may count two turns.
const MARKER_DEG: f64 = 720.0;

/// So near to a pole many cells may stand at one point.
const POLE_DEG: f64 = 89.99;

/// At most so many cells stand for one place: both seams of an ORCA grid cross at the corners.
const MAX_COPIES: usize = 4;

/// A cell is where its neighbours are, if one of them is within so many sizes of a typical cell.
const REACH: f64 = 4.0;

/// True for the cells that have no place.
pub(super) fn absent(points: &Points) -> Array2<bool> {
    let (ny, nx) = points.lon_deg.dim();
    let missing = |degrees: f64| degrees.is_nan() || degrees.abs() > MARKER_DEG;
    let mut absent = Array2::from_shape_fn((ny, nx), |(j, i)| {
        let (lon, lat) = points.at(j, i);
        missing(lon) || missing(lat)
    });
    // Adding zero makes one zero of two.
    let key = |j: usize, i: usize| {
        let (lon, lat) = points.at(j, i);
        ((lon + 0.0).to_bits(), (lat + 0.0).to_bits())
    };
    let beside = |j: usize, i: usize| {
        let west_east = [(j, i.wrapping_sub(1)), (j, i + 1)];
        let south_north = [(j.wrapping_sub(1), i), (j + 1, i)];
        west_east.into_iter().chain(south_north).filter(move |&(j, i)| j < ny && i < nx)
    };
    let may_be_shared = |j: usize, i: usize| {
        let at_origin = points.at(j, i) == (0.0, 0.0);
        at_origin || beside(j, i).any(|(y, x)| key(y, x) == key(j, i))
    };
    let mut shared: HashMap<(u64, u64), Vec<(usize, usize)>> = HashMap::new();
    for j in 0..ny {
        for i in 0..nx {
            if !absent[[j, i]] && may_be_shared(j, i) {
                shared.entry(key(j, i)).or_default().push((j, i));
            }
        }
    }
    let mut size = None;
    let missing = absent.clone();
    for (place, cells) in shared {
        // At a pole a row may be one point, never more of them than a row has.
        let at_pole = f64::from_bits(place.1).abs() >= POLE_DEG;
        let many = cells.len() > if at_pole { nx.max(ny) } else { MAX_COPIES };
        let at_origin = f64::from_bits(place.0) == 0.0 && f64::from_bits(place.1) == 0.0;
        // Along the fold some U, V and F points meet at the poles of the grid: fewer than a row, and where their neighbours are.
        let block = many && (at_origin || cells.len() > nx.min(ny));
        for &(j, i) in &cells {
            let with_neighbour = beside(j, i).any(|(y, x)| key(y, x) == place);
            let neighbours = beside(j, i).filter(|&at| !missing[at]);
            absent[[j, i]] = (block && with_neighbour)
                || ((many || at_origin) && !is_beside(points, neighbours, (j, i), &mut size));
        }
    }
    absent
}

/// True when one of the neighbours is near, another place than the cell's own.
fn is_beside(
    points: &Points,
    mut neighbours: impl Iterator<Item = (usize, usize)>,
    (j, i): (usize, usize),
    size: &mut Option<f64>,
) -> bool {
    let here = Vector::from_degrees(points.at(j, i));
    let reach = REACH * *size.get_or_insert_with(|| typical_size(points));
    neighbours.any(|(y, x)| {
        let distance = here.minus(Vector::from_degrees(points.at(y, x))).length();
        // Without a typical size nothing is far.
        distance > 0.0 && (distance < reach || reach == 0.0)
    })
}

/// The median distance between neighbours in a row, on the unit sphere.
fn typical_size(points: &Points) -> f64 {
    let (ny, nx) = points.lon_deg.dim();
    // Some thousands of cells tell as much as all.
    let every = (ny * nx / 4096).max(1);
    let mut distances: Vec<f64> = (0..ny * nx)
        .step_by(every)
        .filter(|cell| cell % nx + 1 < nx)
        .map(|cell| {
            let at = |cell: usize| Vector::from_degrees(points.at(cell / nx, cell % nx));
            at(cell).minus(at(cell + 1)).length()
        })
        .filter(|&distance| distance > 0.0)
        .collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or(0.0)
}
