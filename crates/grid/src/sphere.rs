//! Geometry on the sphere: distances, angles, areas.
//!
//! Points are degrees; inside, unit vectors, because they have no seam and no pole. Areas use the solid angle of
//! van Oosterom and Strackee (1983, IEEE Trans. Biomed. Eng. 30), which stays accurate for slivers and for cells
//! around the pole; distances use the chord, accurate for near points.

/// Radius of the sphere, as in NEMO and in the coupling weights.
pub const EARTH_RADIUS_M: f64 = 6_371_229.0;

/// Great-circle distance between two points given as (longitude, latitude) in degrees, in metres.
///
/// ```
/// let quarter = grid::sphere::distance_m((0.0, 0.0), (0.0, 90.0));
/// assert!((quarter - std::f64::consts::FRAC_PI_2 * grid::sphere::EARTH_RADIUS_M).abs() < 1e-6);
/// ```
pub fn distance_m(from: (f64, f64), to: (f64, f64)) -> f64 {
    Vector::from_degrees(from).distance_m(Vector::from_degrees(to))
}

/// Area of a polygon whose edges are great circles, in square metres: positive when the vertices, (longitude,
/// latitude) in degrees, run counter-clockwise seen from outside. Less than half of the sphere.
///
/// ```
/// let octant = grid::sphere::polygon_area_m2(&[(0.0, 0.0), (90.0, 0.0), (0.0, 90.0)]);
/// let sphere = 4.0 * std::f64::consts::PI * grid::sphere::EARTH_RADIUS_M.powi(2);
/// assert!((octant / sphere - 0.125).abs() < 1e-14);
/// ```
pub fn polygon_area_m2(vertices: &[(f64, f64)]) -> f64 {
    let vectors: Vec<Vector> = vertices.iter().map(|&vertex| Vector::from_degrees(vertex)).collect();
    let Some((&first, rest)) = vectors.split_first() else { return 0.0 };
    let steradians: f64 = rest.windows(2).map(|edge| first.solid_angle(edge[0], edge[1])).sum();
    steradians * EARTH_RADIUS_M * EARTH_RADIUS_M
}

/// Area between two meridians and two parallels (the cell of a regular grid), in square metres; positive when
/// `east_deg > west_deg` and `north_deg > south_deg`.
pub fn quad_area_m2(west_deg: f64, east_deg: f64, south_deg: f64, north_deg: f64) -> f64 {
    let (south, north) = (south_deg.to_radians(), north_deg.to_radians());
    // sin(n) - sin(s) without cancellation for thin cells.
    let height = 2.0 * ((north - south) / 2.0).sin() * ((north + south) / 2.0).cos();
    EARTH_RADIUS_M * EARTH_RADIUS_M * (east_deg - west_deg).to_radians() * height
}

/// Angle at `vertex` between the great circles to `a` and to `b`, in degrees within 0..=180. Zero when a point
/// coincides with the vertex.
pub fn angle_deg(vertex: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (vertex, a, b) = (Vector::from_degrees(vertex), Vector::from_degrees(a), Vector::from_degrees(b));
    let (p, q) = (vertex.cross(a), vertex.cross(b));
    p.cross(q).length().atan2(p.dot(q)).to_degrees()
}

/// Initial bearing of the great circle from one point to another, degrees clockwise from north within -180..=180.
pub fn bearing_deg(from: (f64, f64), to: (f64, f64)) -> f64 {
    let delta = (to.0 - from.0).to_radians();
    let (south, north) = (from.1.to_radians(), to.1.to_radians());
    let east = delta.sin() * north.cos();
    let up = south.cos() * north.sin() - south.sin() * north.cos() * delta.cos();
    east.atan2(up).to_degrees()
}

/// The same meridian within -180..=180; longitudes already there are returned unchanged, bit for bit.
///
/// ```
/// assert_eq!(grid::sphere::wrap_longitude(286.0), -74.0);
/// assert_eq!(grid::sphere::wrap_longitude(180.0), 180.0);
/// ```
pub fn wrap_longitude(lon_deg: f64) -> f64 {
    if (-180.0..=180.0).contains(&lon_deg) {
        return lon_deg;
    }
    // One turn by addition, exact for the longitudes that files hold; the remainder for anything further out.
    match lon_deg {
        lon if lon > 180.0 && lon <= 540.0 => lon - 360.0,
        lon if (-540.0..-180.0).contains(&lon) => lon + 360.0,
        lon => (lon + 180.0).rem_euclid(360.0) - 180.0,
    }
}

/// A unit vector: a point of the sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vector {
    /// Towards (0 E, 0 N).
    pub x: f64,
    /// Towards (90 E, 0 N).
    pub y: f64,
    /// Towards the north pole.
    pub z: f64,
}

impl Vector {
    /// The point at (longitude, latitude) in degrees.
    pub fn from_degrees((lon_deg, lat_deg): (f64, f64)) -> Self {
        let (sin_lon, cos_lon) = lon_deg.to_radians().sin_cos();
        let (sin_lat, cos_lat) = lat_deg.to_radians().sin_cos();
        Self { x: cos_lat * cos_lon, y: cos_lat * sin_lon, z: sin_lat }
    }

    /// Great-circle distance in metres.
    pub fn distance_m(self, other: Self) -> f64 {
        let half_chord = self.minus(other).length() / 2.0;
        let angle = if half_chord < 0.5 {
            2.0 * half_chord.asin()
        } else {
            // The chord loses digits near the antipode; the arc tangent does not.
            self.cross(other).length().atan2(self.dot(other))
        };
        angle * EARTH_RADIUS_M
    }

    /// Signed solid angle of the triangle `self`, `b`, `c`: positive counter-clockwise seen from outside.
    #[inline]
    pub fn solid_angle(self, b: Self, c: Self) -> f64 {
        // Differences first: the triple product of nearly parallel vectors would cancel.
        let volume = self.dot(b.minus(self).cross(c.minus(self)));
        let denominator = 1.0 + self.dot(b) + b.dot(c) + c.dot(self);
        2.0 * volume.atan2(denominator)
    }

    /// (longitude, latitude) in degrees, the longitude within -180..=180; the vector need not have length one.
    pub fn to_degrees(self) -> (f64, f64) {
        (self.y.atan2(self.x).to_degrees(), self.z.atan2(self.x.hypot(self.y)).to_degrees())
    }

    /// Sum.
    #[inline]
    #[must_use]
    pub fn plus(self, o: Self) -> Self {
        Self { x: self.x + o.x, y: self.y + o.y, z: self.z + o.z }
    }

    /// Difference.
    #[inline]
    #[must_use]
    pub fn minus(self, o: Self) -> Self {
        Self { x: self.x - o.x, y: self.y - o.y, z: self.z - o.z }
    }

    /// The vector times a number.
    #[inline]
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { x: self.x * factor, y: self.y * factor, z: self.z * factor }
    }

    /// Cross product.
    #[inline]
    #[must_use]
    pub fn cross(self, o: Self) -> Self {
        Self {
            x: self.y * o.z - self.z * o.y,
            y: self.z * o.x - self.x * o.z,
            z: self.x * o.y - self.y * o.x,
        }
    }

    /// Dot product.
    #[inline]
    #[must_use]
    pub fn dot(self, o: Self) -> f64 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    /// Length.
    #[inline]
    #[must_use]
    pub fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// The point of the sphere in this direction; not a number for the zero vector.
    #[inline]
    #[must_use]
    pub fn normalised(self) -> Self {
        self.times(1.0 / self.length())
    }

    /// Two directions along the sphere at a point of it (a unit vector), at right angles to each other: east and north, but
    /// for places near the poles.
    #[must_use]
    pub fn tangents(self) -> (Self, Self) {
        let helper = if self.z.abs() < 0.9 {
            Self { x: 0.0, y: 0.0, z: 1.0 }
        } else {
            Self { x: 1.0, y: 0.0, z: 0.0 }
        };
        let east = helper.cross(self).normalised();
        (east, self.cross(east))
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use proptest::prelude::*;

    const SPHERE_M2: f64 = 4.0 * PI * EARTH_RADIUS_M * EARTH_RADIUS_M;

    #[test]
    fn distances_of_known_arcs() {
        let degree = EARTH_RADIUS_M * PI / 180.0;
        assert!((distance_m((179.5, 0.0), (-179.5, 0.0)) - degree).abs() < 1e-6);
        assert!((distance_m((10.0, 89.5), (-170.0, 89.5)) - degree).abs() < 1e-6);
        assert!((distance_m((0.0, 0.0), (180.0, 0.0)) - 180.0 * degree).abs() < 1e-6);
        assert_eq!(distance_m((12.3, -45.6), (12.3, -45.6)), 0.0);
    }

    #[test]
    fn a_polygon_turned_round_has_the_opposite_area() {
        let cell = [(10.0, 60.0), (12.0, 60.0), (12.0, 61.0), (10.0, 61.0)];
        let mut turned = cell;
        turned.reverse();
        assert!(polygon_area_m2(&cell) > 0.0);
        assert!((polygon_area_m2(&cell) + polygon_area_m2(&turned)).abs() < 1e-3);
        assert_eq!(polygon_area_m2(&[]), 0.0);
        assert_eq!(polygon_area_m2(&cell[..2]), 0.0);
    }

    #[test]
    fn a_thin_cell_tends_to_its_regular_area() {
        let polygon = polygon_area_m2(&[(10.0, 60.0), (10.01, 60.0), (10.01, 60.01), (10.0, 60.01)]);
        let quad = quad_area_m2(10.0, 10.01, 60.0, 60.01);
        assert!((polygon / quad - 1.0).abs() < 1e-6, "{polygon} {quad}");
    }

    #[test]
    fn bearings_and_angles_of_the_compass() {
        assert!((bearing_deg((0.0, 0.0), (0.0, 10.0))).abs() < 1e-12);
        assert!((bearing_deg((0.0, 0.0), (10.0, 0.0)) - 90.0).abs() < 1e-12);
        assert!((bearing_deg((179.0, 0.0), (-179.0, 0.0)) - 90.0).abs() < 1e-12);
        assert!((angle_deg((0.0, 0.0), (10.0, 0.0), (0.0, 10.0)) - 90.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn regular_cells_tile_the_sphere(rows in 1_usize..40, columns in 1_usize..40) {
            let (dlat, dlon) = (180.0 / rows as f64, 360.0 / columns as f64);
            let total: f64 = (0..rows)
                .map(|j| quad_area_m2(0.0, dlon, -90.0 + j as f64 * dlat, -90.0 + (j + 1) as f64 * dlat))
                .sum::<f64>() * columns as f64;
            prop_assert!((total / SPHERE_M2 - 1.0).abs() < 1e-12);
        }

        #[test]
        fn distance_is_a_metric(a in (-180.0..180.0, -90.0..90.0), b in (-180.0..180.0, -90.0..90.0),
                                c in (-180.0..180.0, -90.0..90.0)) {
            prop_assert!((distance_m(a, b) - distance_m(b, a)).abs() < 1e-6);
            prop_assert!(distance_m(a, c) <= distance_m(a, b) + distance_m(b, c) + 1e-6);
            prop_assert!(distance_m(a, b) <= PI * EARTH_RADIUS_M + 1e-6);
        }

        #[test]
        fn tangents_are_unit_vectors_at_right_angles(lon in -180.0..180.0_f64, lat in -90.0..90.0_f64) {
            let here = Vector::from_degrees((lon, lat));
            let (east, north) = here.tangents();
            for (a, b, wanted) in
                [(east, east, 1.0), (north, north, 1.0), (east, north, 0.0), (east, here, 0.0), (north, here, 0.0)]
            {
                prop_assert!((a.dot(b) - wanted).abs() < 1e-12);
            }
            prop_assert!(lat.abs() > 60.0 || (east.z == 0.0 && north.z > 0.0));
        }

        #[test]
        fn wrapping_stays_on_the_meridian(lon in -2000.0..2000.0_f64) {
            let wrapped = wrap_longitude(lon);
            prop_assert!((-180.0..=180.0).contains(&wrapped));
            let turns = (lon - wrapped) / 360.0;
            prop_assert!((turns - turns.round()).abs() < 1e-9);
        }
    }
}
