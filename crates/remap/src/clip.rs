//! Overlap of two spherical polygons whose edges are great circles.
//!
//! Sutherland and Hodgman (1974) with planes through the centre of the sphere: no projection, so no seam and no pole. The
//! window must be convex; where it is not, it is a sum of signed triangles, which is exact for any simple polygon. A
//! normal is computed from the difference and the sum of its ends, which loses no digits on short edges and changes nothing
//! but its sign when the edge is walked the other way: neighbours agree on their common edge to the last bit.

use grid::sphere::Vector;

/// What two polygons have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// Area in steradians, never negative.
    pub area_sr: f64,
    /// Integral of the position over the overlap; its direction is the centroid.
    pub moment: Vector,
}

/// A vector of zeros.
pub(crate) const ZERO: Vector = Vector { x: 0.0, y: 0.0, z: 0.0 };

/// The overlap of two simple polygons, corners counter-clockwise seen from outside, each within a hemisphere.
///
/// ```
/// use grid::sphere::Vector;
///
/// let octant = [(0.0, 0.0), (90.0, 0.0), (0.0, 90.0)].map(Vector::from_degrees);
/// let shifted = [(45.0, 0.0), (135.0, 0.0), (45.0, 90.0)].map(Vector::from_degrees);
/// let overlap = remap::polygon_overlap(&octant, &shifted);
/// assert!((overlap.area_sr - std::f64::consts::FRAC_PI_4).abs() < 1e-14);
/// ```
pub fn polygon_overlap(a: &[Vector], b: &[Vector]) -> Overlap {
    let mut clipper = Clipper::default();
    clipper.set_window(a);
    clipper.overlap(b, true)
}

/// Signed area of a polygon in steradians, positive counter-clockwise.
pub(crate) fn polygon_area_sr(polygon: &[Vector]) -> f64 {
    let Some((&first, rest)) = polygon.split_first() else { return 0.0 };
    rest.windows(2).map(|edge| triangle_area_sr(first, edge[0], edge[1])).sum()
}

/// Integral of the position over a polygon, from its triangles.
pub(crate) fn polygon_moment(polygon: &[Vector]) -> Vector {
    let Some((&first, rest)) = polygon.split_first() else { return ZERO };
    rest.windows(2).fold(ZERO, |sum, edge| {
        let area = triangle_area_sr(first, edge[0], edge[1]);
        sum.plus(first.plus(edge[0]).plus(edge[1]).times(area / 3.0))
    })
}

/// As [`Vector::solid_angle`], with a series in place of the arc tangent for small triangles.
#[inline]
fn triangle_area_sr(a: Vector, b: Vector, c: Vector) -> f64 {
    let volume = a.dot(b.minus(a).cross(c.minus(a)));
    let denominator = 1.0 + a.dot(b) + b.dot(c) + c.dot(a);
    let tangent = volume / denominator;
    if denominator > 0.0 && tangent.abs() < 1e-3 {
        // The next term is less than 1e-18 of the sum.
        let square = tangent * tangent;
        return 2.0 * tangent * (1.0 - square * (1.0 / 3.0 - square * (0.2 - square / 7.0)));
    }
    2.0 * volume.atan2(denominator)
}

/// Inside is where the product with the normal is not negative, for an edge walked with its inside to the left.
#[inline]
fn normal(a: Vector, b: Vector) -> Vector {
    a.minus(b).cross(a.plus(b))
}

/// Clips polygons by one window after the other, without allocating.
#[derive(Debug, Default)]
pub(crate) struct Clipper {
    /// Normals of the convex parts of the window, one after the other.
    normals: Vec<Vector>,
    /// Where each part ends in `normals`, and the sign it counts with.
    parts: Vec<(usize, f64)>,
    piece: Vec<Vector>,
    next: Vec<Vector>,
    distances: Vec<f64>,
}

impl Clipper {
    /// Takes a simple polygon, counter-clockwise, as the window.
    pub(crate) fn set_window(&mut self, window: &[Vector]) {
        self.normals.clear();
        self.parts.clear();
        let count = window.len();
        if count < 3 {
            return;
        }
        self.normals.extend((0..count).map(|k| normal(window[k], window[(k + 1) % count])));
        let convex = (0..count).all(|k| {
            let reach = self.normals[k].length() * 1e-12;
            let corner = window[(k + 2) % count].minus(window[(k + 1) % count]);
            self.normals[k].dot(corner) >= -reach * corner.length()
        });
        if convex || count == 3 {
            let sign = polygon_area_sr(window).signum();
            if sign < 0.0 {
                self.normals.iter_mut().for_each(|n| *n = n.times(-1.0));
            }
            self.parts.push((count, sign));
            return;
        }
        self.normals.clear();
        for edge in window[1..].windows(2) {
            let triangle = [window[0], edge[0], edge[1]];
            let area = polygon_area_sr(&triangle);
            if area == 0.0 {
                continue;
            }
            let sign = area.signum();
            for k in 0..3 {
                self.normals.push(normal(triangle[k], triangle[(k + 1) % 3]).times(sign));
            }
            self.parts.push((self.normals.len(), sign));
        }
    }

    /// The overlap of the window with a polygon; the moment only on demand.
    pub(crate) fn overlap(&mut self, polygon: &[Vector], with_moment: bool) -> Overlap {
        let mut sum = Overlap { area_sr: 0.0, moment: ZERO };
        let mut from = 0;
        for part in 0..self.parts.len() {
            let (to, sign) = self.parts[part];
            if self.cut(polygon, from, to) {
                sum.area_sr += sign * polygon_area_sr(&self.piece);
                if with_moment {
                    sum.moment = sum.moment.plus(polygon_moment(&self.piece).times(sign));
                }
            }
            from = to;
        }
        sum.area_sr = sum.area_sr.max(0.0);
        sum
    }

    /// Leaves in `piece` what of `polygon` is inside of the normals `from..to`; false when nothing is.
    fn cut(&mut self, polygon: &[Vector], from: usize, to: usize) -> bool {
        // Most candidates share an edge with the window or lie beyond it: find that before copying anything.
        for normal in &self.normals[from..to] {
            if polygon.iter().all(|vertex| normal.dot(*vertex) <= 0.0) {
                return false;
            }
        }
        self.piece.clear();
        self.piece.extend_from_slice(polygon);
        for k in from..to {
            let normal = self.normals[k];
            self.distances.clear();
            self.distances.extend(self.piece.iter().map(|vertex| normal.dot(*vertex)));
            if self.distances.iter().all(|&distance| distance >= 0.0) {
                continue;
            }
            self.next.clear();
            let Some((mut start, mut start_distance)) =
                self.piece.last().copied().zip(self.distances.last().copied())
            else {
                return false;
            };
            for (&end, &end_distance) in self.piece.iter().zip(&self.distances) {
                if (start_distance > 0.0 && end_distance < 0.0)
                    || (start_distance < 0.0 && end_distance > 0.0)
                {
                    self.next.push(crossing(start, start_distance, end, end_distance));
                }
                if end_distance >= 0.0 {
                    self.next.push(end);
                }
                (start, start_distance) = (end, end_distance);
            }
            std::mem::swap(&mut self.piece, &mut self.next);
            if self.piece.len() < 3 {
                return false;
            }
        }
        true
    }
}

/// Where an edge crosses a plane, the same whichever way the edge is walked.
#[inline]
fn crossing(start: Vector, start_distance: f64, end: Vector, end_distance: f64) -> Vector {
    let (inner, inner_distance, outer, outer_distance) = if start_distance > 0.0 {
        (start, start_distance, end, end_distance)
    } else {
        (end, end_distance, start, start_distance)
    };
    inner.times(-outer_distance).plus(outer.times(inner_distance)).normalised()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn polygon(degrees: &[(f64, f64)]) -> Vec<Vector> {
        degrees.iter().map(|&corner| Vector::from_degrees(corner)).collect()
    }

    #[test]
    fn a_cell_over_the_pole_meets_every_sector() {
        let cap = polygon(&[(10.0, 80.0), (100.0, 80.0), (190.0, 80.0), (280.0, 80.0)]);
        let sum: f64 = (0..8)
            .map(|k| {
                let (west, east) = (f64::from(k) * 45.0, f64::from(k + 1) * 45.0);
                polygon_overlap(&polygon(&[(west, 60.0), (east, 60.0), (0.0, 90.0)]), &cap).area_sr
            })
            .sum();
        assert!((sum / polygon_area_sr(&cap) - 1.0).abs() < 1e-14);
    }

    #[test]
    fn a_window_that_is_not_convex_is_cut_as_it_is() {
        // An arrow head; the notch is the triangle between (5, 5), (10, 0) and (0, 0) of the square below.
        let arrow = polygon(&[(0.0, 0.0), (5.0, 5.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]);
        let square = polygon(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]);
        let notch = polygon(&[(0.0, 0.0), (10.0, 0.0), (5.0, 5.0)]);
        for (a, b) in [(&arrow, &square), (&square, &arrow)] {
            let area = polygon_overlap(a, b).area_sr;
            assert!((area - polygon_area_sr(&arrow)).abs() < 1e-15, "{area}");
        }
        assert!(polygon_overlap(&arrow, &notch).area_sr < 1e-16);
        assert!(polygon_overlap(&notch, &arrow).area_sr < 1e-16);
    }

    #[test]
    fn neighbours_have_nothing_in_common() {
        let west = polygon(&[(179.0, 10.0), (180.0, 10.0), (180.0, 11.0), (179.0, 11.0)]);
        let east = polygon(&[(-180.0, 10.0), (-179.0, 10.0), (-179.0, 11.0), (-180.0, 11.0)]);
        assert!(polygon_overlap(&west, &east).area_sr < 1e-18);
    }

    /// A convex polygon around a centre: its corners on a circle.
    fn disc() -> impl Strategy<Value = Vec<Vector>> {
        let turns = proptest::collection::vec(0.0..1.0_f64, 3..8);
        ((0.0..360.0_f64, -1.0..1.0_f64), 0.01..0.5_f64, turns).prop_filter_map(
            "too thin",
            |((lon, z), radius, mut turns)| {
                turns.sort_by(f64::total_cmp);
                let centre = Vector::from_degrees((lon, z.asin().to_degrees()));
                let (east, north) = centre.tangents();
                let corners: Vec<Vector> = turns
                    .iter()
                    .map(|turn| {
                        let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
                        centre.plus(east.times(radius * cos)).plus(north.times(radius * sin)).normalised()
                    })
                    .collect();
                (polygon_area_sr(&corners) > 1e-6).then_some(corners)
            },
        )
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_fits_into_both(a in disc(), b in disc()) {
            let (one, two) = (polygon_overlap(&a, &b), polygon_overlap(&b, &a));
            prop_assert!((one.area_sr - two.area_sr).abs() < 1e-14);
            prop_assert!(one.area_sr <= polygon_area_sr(&a).min(polygon_area_sr(&b)) + 1e-14);
            prop_assert!((polygon_overlap(&a, &a).area_sr - polygon_area_sr(&a)).abs() < 1e-14);
        }

        #[test]
        fn overlap_is_what_dots_in_both_count(a in disc(), b in disc()) {
            // Slow but obvious: a spiral of points, each with its share of the sphere.
            let inside = |polygon: &[Vector], point: Vector| {
                (0..polygon.len()).all(|k| normal(polygon[k], polygon[(k + 1) % polygon.len()]).dot(point) >= 0.0)
            };
            let points = 40_000;
            let count = (0..points).filter(|&k| {
                let z = 1.0 - (2.0 * f64::from(k) + 1.0) / f64::from(points);
                let (sin, cos) = (f64::from(k) * 2.399_963_229_728_653).sin_cos();
                let point = Vector { x: (1.0 - z * z).sqrt() * cos, y: (1.0 - z * z).sqrt() * sin, z };
                inside(&a, point) && inside(&b, point)
            }).count();
            let expected = count as f64 * 4.0 * std::f64::consts::PI / f64::from(points);
            prop_assert!((polygon_overlap(&a, &b).area_sr - expected).abs() < 0.006);
        }
    }
}
