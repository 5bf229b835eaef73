//! Bilinear weights: a target centre lies in a quadrilateral of four source centres, and is interpolated between them.
//!
//! The quadrilateral is seen from the target centre (gnomonic projection: great circles are straight), and the bilinear
//! map from the unit square onto it is inverted by its quadratic. Quadrilaterals reach over the date line, the overlapping columns and
//! the fold; where a regular grid ends short of a pole, triangles reach to the pole, whose value is the mean of the
//! last row. Masked source cells are left out and the others scaled up; a target centre with no source cell around it gets
//! no link.

use grid::sphere::Vector;
use rayon::prelude::*;

use crate::index::{Bounds, Index};
use crate::weights::{Links, merge, of_links};
use crate::{Mesh, Method, Weights};

/// How far outside of the unit square still counts as inside, for centres on an edge.
const ON_EDGE: f64 = 1e-9;

/// A corner of a quadrilateral.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    Cell(u32),
    /// The mean of a row at its pole.
    Pole {
        row: u32,
    },
}

pub(crate) fn bilinear(source: &Mesh, target: &Mesh) -> Weights {
    let quads = quads(source);
    let place = |node: Node| match node {
        Node::Cell(cell) => source.centre(cell as usize),
        Node::Pole { row } => {
            let (_, lat) = source.centre_deg(row as usize * source.shape().1);
            Vector { x: 0.0, y: 0.0, z: lat.signum() }
        }
    };
    let index = Index::new(quads.len(), |quad, polygon| {
        polygon.clear();
        polygon.extend(quads[quad].map(place));
    });
    let rows: Vec<Links> = (0..target.len())
        .into_par_iter()
        .map_init(Vec::new, |found, cell| {
            if !target.active()[cell] {
                return Links::new();
            }
            let centre = target.centre(cell);
            index.find(&Bounds::of_point(centre), found);
            let around = found.iter().find_map(|&quad| {
                let quad = quads[quad as usize];
                Some((quad, square_weights(quad.map(place), centre)?))
            });
            around.map_or_else(Links::new, |(quad, weights)| links(source, &quad, &weights))
        })
        .collect();
    of_links(source, target, Method::Bilinear, rows)
}

fn quads(mesh: &Mesh) -> Vec<[Node; 4]> {
    let (rows, columns) = mesh.grid_shape();
    let node = |j: usize, i: usize| mesh.cell_at(j as isize, i as isize).map(|cell| Node::Cell(cell as u32));
    let mut quads = Vec::with_capacity(rows * columns);
    let northernmost = if mesh.folds_behind_last_row() { rows } else { rows.saturating_sub(1) };
    for j in 0..northernmost {
        for i in 0..columns {
            let corners = (node(j, i), node(j, i + 1), node(j + 1, i + 1), node(j + 1, i));
            if let (Some(a), Some(b), Some(c), Some(d)) = corners {
                quads.push([a, b, c, d]);
            }
        }
    }
    for row in mesh.rows_at_poles() {
        let pole = Node::Pole { row: row as u32 };
        for i in 0..columns {
            if let (Some(a), Some(b)) = (node(row, i), node(row, i + 1)) {
                quads.push([a, b, pole, pole]);
            }
        }
    }
    quads
}

/// Weights of the corners for a point inside; `None` outside.
fn square_weights(corners: [Vector; 4], point: Vector) -> Option<[f64; 4]> {
    let helper = if point.z.abs() < 0.9 {
        Vector { x: 0.0, y: 0.0, z: 1.0 }
    } else {
        Vector { x: 1.0, y: 0.0, z: 0.0 }
    };
    let east = helper.cross(point).normalised();
    let north = point.cross(east);
    let mut seen = [(0.0, 0.0); 4];
    for (corner, seen) in corners.iter().zip(&mut seen) {
        let depth = corner.dot(point);
        if depth <= 1e-3 {
            return None;
        }
        *seen = (corner.dot(east) / depth, corner.dot(north) / depth);
    }
    if let Some(at) = seen.iter().position(|p| p.0.hypot(p.1) < 1e-12) {
        return Some(std::array::from_fn(|k| f64::from(u8::from(k == at))));
    }
    // The point is the origin: a + u e + v f + u v g = 0.
    let minus = |p: (f64, f64), q: (f64, f64)| (p.0 - q.0, p.1 - q.1);
    let cross = |p: (f64, f64), q: (f64, f64)| p.0 * q.1 - p.1 * q.0;
    let (a, e, f) = (seen[0], minus(seen[1], seen[0]), minus(seen[3], seen[0]));
    let g = minus(minus(seen[2], seen[1]), f);
    let (square, linear, constant) = (cross(f, g), cross(a, g) + cross(f, e), cross(a, e));
    let root = (linear * linear - 4.0 * square * constant).max(0.0).sqrt();
    let q = -0.5 * (linear + root.copysign(linear));
    [constant / q, q / square].into_iter().find_map(|v| {
        let inside = |x: f64| (-ON_EDGE..=1.0 + ON_EDGE).contains(&x);
        if !inside(v) {
            return None;
        }
        let (along, from) = ((e.0 + v * g.0, e.1 + v * g.1), (a.0 + v * f.0, a.1 + v * f.1));
        let length = along.0 * along.0 + along.1 * along.1;
        let u = if length > 0.0 { -(from.0 * along.0 + from.1 * along.1) / length } else { 0.5 };
        // The quadratic has a second root off the quadrilateral where it degenerates.
        let miss = (from.0 + u * along.0).hypot(from.1 + u * along.1);
        let size = seen.iter().fold(0.0_f64, |size, p| size.max(p.0.hypot(p.1)));
        if !inside(u) || miss > 1e-6 * size {
            return None;
        }
        let (u, v) = (u.clamp(0.0, 1.0), v.clamp(0.0, 1.0));
        Some([(1.0 - u) * (1.0 - v), u * (1.0 - v), u * v, (1.0 - u) * v])
    })
}

fn links(source: &Mesh, quad: &[Node; 4], weights: &[f64; 4]) -> Links {
    let columns = source.shape().1;
    let mut links = Links::new();
    let mut add = |cell: usize, weight: f64| {
        if weight > 0.0 && source.active()[cell] {
            links.push((cell as u32, weight));
        }
    };
    for (node, &weight) in quad.iter().zip(weights) {
        match node {
            Node::Cell(cell) => add(*cell as usize, weight),
            Node::Pole { row } => {
                (0..columns).for_each(|i| add(*row as usize * columns + i, weight / columns as f64));
            }
        }
    }
    merge(&mut links);
    let sum: f64 = links.iter().map(|link| link.1).sum();
    links.iter_mut().for_each(|link| link.1 /= sum);
    links
}
