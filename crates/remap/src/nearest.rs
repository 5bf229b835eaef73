//! Nearest-neighbour weights: each target cell takes the value of the source cell whose centre is nearest to its own, on the great
//! circle. Of several equally near the one with the lowest number.
//!
//! The nearest by the chord is the nearest by the arc, so a k-d tree of unit vectors serves (J. L. Bentley 1975,
//! Communications of the ACM 18, 509-517).

use std::cmp::Ordering;

use grid::sphere::Vector;
use rayon::prelude::*;

use crate::index::{Bounds, Index};
use crate::weights::{Links, of_links};
use crate::{Mesh, Method, Weights};

/// For every target cell whether its centre lies in a source cell that takes part.
pub fn centres_covered(source: &Mesh, target: &Mesh) -> Vec<bool> {
    let index = Index::new(source.len(), |cell, polygon| {
        polygon.clear();
        if source.active()[cell] {
            source.polygon(cell, polygon);
        }
    });
    (0..target.len())
        .into_par_iter()
        .map_init(
            || (Vec::new(), Vec::new()),
            |(found, polygon), cell| {
                let centre = target.centre(cell);
                index.find(&Bounds::of_point(centre), found);
                found.iter().any(|&source_cell| {
                    source.polygon(source_cell as usize, polygon);
                    encloses(polygon, centre)
                })
            },
        )
        .collect()
}

/// True for a point inside of a polygon of great circles, or within rounding of its edge.
fn encloses(polygon: &[Vector], point: Vector) -> bool {
    /// Sine of the angle to an edge that still counts as on it.
    const ON_EDGE: f64 = 1e-9;
    // Seen from a point inside, the corners go around it once.
    let mut turn = 0.0;
    for (at, &from) in polygon.iter().enumerate() {
        let to = polygon[(at + 1) % polygon.len()];
        let normal = from.cross(to);
        let lies_between = from.dot(to) <= from.dot(point) && from.dot(to) <= to.dot(point);
        let length = normal.dot(normal).sqrt();
        if lies_between && length > 0.0 && (normal.dot(point) / length).abs() <= ON_EDGE {
            return true;
        }
        // The angle between both corners as the point sees them.
        turn += normal.dot(point).atan2(point.cross(from).dot(point.cross(to)));
    }
    // A point on the other side of the globe sees the corners go around it too.
    turn.abs() > std::f64::consts::PI && polygon.iter().all(|corner| corner.dot(point) > 0.0)
}

pub(crate) fn nearest(source: &Mesh, target: &Mesh) -> Weights {
    let tree = Tree::new(
        (0..source.len())
            .filter(|&cell| source.active()[cell])
            .map(|cell| (source.centre(cell), cell as u32))
            .collect(),
    );
    let rows: Vec<Links> = (0..target.len())
        .into_par_iter()
        .map(|cell| {
            let found = if target.active()[cell] { tree.nearest(target.centre(cell)) } else { None };
            found.map(|source| (source, 1.0)).into_iter().collect()
        })
        .collect();
    of_links(source, target, Method::Nearest, rows)
}

/// Points in the order of a balanced tree: the median of each part in its middle, by x, y and z in turn.
struct Tree(Vec<(Vector, u32)>);

impl Tree {
    fn new(mut points: Vec<(Vector, u32)>) -> Self {
        arrange(&mut points, 0);
        Self(points)
    }

    fn nearest(&self, to: Vector) -> Option<u32> {
        let mut best = (f64::INFINITY, u32::MAX);
        search(&self.0, 0, to, &mut best);
        (best.1 != u32::MAX).then_some(best.1)
    }
}

fn along(axis: usize, point: Vector) -> f64 {
    match axis {
        0 => point.x,
        1 => point.y,
        _ => point.z,
    }
}

fn arrange(points: &mut [(Vector, u32)], axis: usize) {
    if points.len() < 2 {
        return;
    }
    let middle = points.len() / 2;
    let by_axis = |a: &(Vector, u32), b: &(Vector, u32)| -> Ordering {
        along(axis, a.0).total_cmp(&along(axis, b.0)).then(a.1.cmp(&b.1))
    };
    let (low, _, high) = points.select_nth_unstable_by(middle, by_axis);
    let next = (axis + 1) % 3;
    if low.len() > 10_000 {
        rayon::join(|| arrange(low, next), || arrange(high, next));
    } else {
        arrange(low, next);
        arrange(high, next);
    }
}

fn search(points: &[(Vector, u32)], axis: usize, to: Vector, best: &mut (f64, u32)) {
    let Some(&(point, cell)) = points.get(points.len() / 2) else { return };
    let apart = point.minus(to);
    let square = apart.dot(apart);
    if square < best.0 || (square == best.0 && cell < best.1) {
        *best = (square, cell);
    }
    let (low, high) = (&points[..points.len() / 2], &points[points.len() / 2 + 1..]);
    let beyond = along(axis, to) - along(axis, point);
    let (near, far) = if beyond < 0.0 { (low, high) } else { (high, low) };
    let next = (axis + 1) % 3;
    search(near, next, to, best);
    // Not less: an equally near point with a lower number may be there.
    if beyond * beyond <= best.0 {
        search(far, next, to, best);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_tree_finds_what_looking_at_every_point_finds(
            // Whole degrees, so that some are equally near.
            points in proptest::collection::vec((0..36_i32, -9..=9_i32), 1..60),
            to in (0..36_i32, -9..=9_i32),
        ) {
            let vector = |(lon, lat): (i32, i32)| Vector::from_degrees((f64::from(lon) * 10.0, f64::from(lat) * 10.0));
            let numbered: Vec<(Vector, u32)> = points.iter().map(|&p| vector(p)).zip(0..).collect();
            let to = vector(to);
            let square = |&(point, _): &(Vector, u32)| point.minus(to).dot(point.minus(to));
            let slow = numbered.iter().min_by(|a, b| square(a).total_cmp(&square(b))).map(|&(_, cell)| cell);
            prop_assert_eq!(Tree::new(numbered).nearest(to), slow);
        }
    }
}
