//! Finding the polygons that may touch a polygon: boxes in longitude and latitude, in bins of about equal size.
//!
//! A box holds the whole polygon, the bulge of its great circles and the pole inside of it included, and is rounded outwards
//! to single precision. Time to search grows with what is found, memory with the number of polygons.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use grid::sphere::Vector;
use rayon::prelude::*;

/// Margin for rounding to single precision, in radians (6 m).
const MARGIN: f64 = 1e-6;

/// Boxes for each bin, on average.
const BOXES_PER_BIN: f64 = 2.0;

/// West edge within 0..2 pi and width eastwards, south and north; radians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    west: f32,
    width: f32,
    south: f32,
    north: f32,
}

impl Bounds {
    /// Of a polygon with counter-clockwise corners; `None` for a polygon without an area.
    pub(crate) fn from_polygon(polygon: &[Vector]) -> Option<Self> {
        if polygon.len() < 3 {
            return None;
        }
        let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
        // Longitudes as they unroll along the outline, corners on a pole left out.
        let (mut west, mut east) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut first_lon = None;
        let mut lon = 0.0_f64;
        let mut around = false;
        let mut previous = polygon[polygon.len() - 1];
        let unroll = |step: f64| {
            if step > PI {
                step - TAU
            } else if step < -PI {
                step + TAU
            } else {
                step
            }
        };
        for &vertex in polygon {
            let across = vertex.x.hypot(vertex.y);
            let lat = vertex.z.atan2(across);
            south = south.min(lat);
            north = north.max(lat);
            // The edge bulges towards a pole if its great circle turns between its ends.
            let normal = previous.cross(vertex);
            let (rise, fall) = (normal.cross(previous).z, normal.cross(vertex).z);
            if rise * fall < 0.0 {
                let highest = normal.x.hypot(normal.y).atan2(normal.z.abs());
                if rise > 0.0 {
                    north = north.max(highest);
                } else {
                    south = south.min(-highest);
                }
            }
            previous = vertex;
            if across < 1e-12 {
                continue;
            }
            let this = vertex.y.atan2(vertex.x);
            if first_lon.is_some() {
                let step = unroll(unroll(this - lon.rem_euclid(TAU)));
                around |= step.abs() > PI - 0.01;
                lon += step;
            } else {
                first_lon = Some(this);
                lon = this;
            }
            west = west.min(lon);
            east = east.max(lon);
        }
        let first_lon = first_lon?;
        let back = unroll(unroll(first_lon - lon.rem_euclid(TAU)));
        // Round the pole, or so near to it that nobody can tell.
        around |= back.abs() > PI - 0.01 || (lon + back - first_lon).abs() > PI;
        if around {
            let mean = polygon.iter().map(|v| v.z).sum::<f64>();
            if mean > 0.0 {
                north = FRAC_PI_2;
            } else {
                south = -FRAC_PI_2;
            }
            (west, east) = (0.0, TAU);
        }
        Some(Self {
            west: (west - MARGIN).rem_euclid(TAU) as f32,
            width: (east - west + 2.0 * MARGIN).min(TAU) as f32,
            south: (south - MARGIN) as f32,
            north: (north + MARGIN) as f32,
        })
    }

    /// Of a point.
    pub(crate) fn of_point(point: Vector) -> Self {
        let lat = point.z.atan2(point.x.hypot(point.y));
        let lon = point.y.atan2(point.x);
        Self {
            west: (lon - MARGIN).rem_euclid(TAU) as f32,
            width: 2.0 * MARGIN as f32,
            south: (lat - MARGIN) as f32,
            north: (lat + MARGIN) as f32,
        }
    }

    #[inline]
    fn touches(&self, other: &Self) -> bool {
        let turn = |angle: f32| if angle < 0.0 { angle + std::f32::consts::TAU } else { angle };
        self.south <= other.north
            && other.south <= self.north
            && (turn(self.west - other.west) <= other.width || turn(other.west - self.west) <= self.width)
    }
}

/// The polygons of a grid, to be searched.
pub(crate) struct Index {
    boxes: Vec<Option<Bounds>>,
    /// Latitude of the first band, and bands for each radian.
    south: f64,
    bands_per_radian: f64,
    bands: usize,
    /// Longitude of the first bin, bins for each radian, and bins.
    west: f64,
    bins_per_radian: f64,
    bins: usize,
    /// Where the polygons of a bin start in `entries`.
    starts: Vec<u32>,
    entries: Vec<u32>,
}

impl Index {
    /// Of polygons number `0..count`; `polygon` puts the corners of one into a vector, or none where it takes no part.
    pub(crate) fn new(count: usize, polygon: impl Fn(usize, &mut Vec<Vector>) + Sync) -> Self {
        let boxes: Vec<Option<Bounds>> = (0..count)
            .into_par_iter()
            .map_init(Vec::new, |corners, number| {
                polygon(number, corners);
                Bounds::from_polygon(corners)
            })
            .collect();
        let mut index = Self {
            south: -FRAC_PI_2,
            bands_per_radian: 0.0,
            bands: 1,
            west: 0.0,
            bins_per_radian: 0.0,
            bins: 1,
            starts: Vec::new(),
            entries: Vec::new(),
            boxes,
        };
        index.fit();
        index.fill();
        index
    }

    /// Chooses the bins so that they fit the boxes: as many of them as tall and as wide as the boxes are.
    fn fit(&mut self) {
        let boxes = || self.boxes.iter().flatten();
        let number = boxes().count();
        let Some(middle) = self.boxes.iter().flatten().nth(number / 2) else { return };
        let (south, north) = boxes().fold((f64::INFINITY, f64::NEG_INFINITY), |(south, north), b| {
            (south.min(f64::from(b.south)), north.max(f64::from(b.north)))
        });
        // Seen from the meridian opposite of the middle of the grid, a regional grid lies in one piece.
        let opposite = f64::from(middle.west + middle.width / 2.0) + PI;
        let (first, last) = boxes().fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), b| {
            let west = (f64::from(b.west) - opposite).rem_euclid(TAU);
            (first.min(west), last.max(west + f64::from(b.width)))
        });
        let (first, last) = if last > TAU { (0.0, TAU) } else { (first, last) };
        let height: f64 = boxes().map(|b| f64::from(b.north - b.south)).sum::<f64>() / number as f64;
        let bands = ((north - south) / height.max(MARGIN)).ceil().clamp(1.0, 1e4);
        let bins = (number as f64 / bands / BOXES_PER_BIN).ceil().clamp(1.0, 1e4);
        self.south = south;
        self.bands = bands as usize;
        self.bands_per_radian = bands / (north - south).max(MARGIN);
        self.west = opposite + first;
        self.bins = bins as usize;
        self.bins_per_radian = bins / (last - first).max(MARGIN);
    }

    fn fill(&mut self) {
        let mut starts = vec![0_u32; self.bands * self.bins + 2];
        for bounds in self.boxes.iter().flatten() {
            self.bins_of(bounds, |bin| starts[bin + 2] += 1);
        }
        for bin in 2..starts.len() {
            starts[bin] += starts[bin - 1];
        }
        let mut entries = vec![0_u32; starts[starts.len() - 1] as usize];
        for (number, bounds) in self.boxes.iter().enumerate() {
            if let Some(bounds) = bounds {
                self.bins_of(bounds, |bin| {
                    entries[starts[bin + 1] as usize] = number as u32;
                    starts[bin + 1] += 1;
                });
            }
        }
        self.starts = starts;
        self.entries = entries;
    }

    /// Calls `found` with every bin that a box touches.
    fn bins_of(&self, bounds: &Bounds, mut found: impl FnMut(usize)) {
        let band = |lat: f32| {
            (((f64::from(lat) - self.south) * self.bands_per_radian).max(0.0) as usize).min(self.bands - 1)
        };
        let from = (f64::from(bounds.west) - self.west).rem_euclid(TAU);
        let to = from + f64::from(bounds.width);
        let bin = |lon: f64| ((lon * self.bins_per_radian) as usize).min(self.bins - 1);
        for band in band(bounds.south)..=band(bounds.north) {
            let row = band * self.bins;
            if to < TAU {
                (bin(from)..=bin(to)).for_each(|bin| found(row + bin));
            } else {
                let (first, last) = (bin(from), bin(to - TAU));
                if first <= last {
                    (0..self.bins).for_each(|bin| found(row + bin));
                } else {
                    (0..=last).chain(first..self.bins).for_each(|bin| found(row + bin));
                }
            }
        }
    }

    /// Puts the polygons whose boxes touch `bounds` into `found`, ascending, each once.
    pub(crate) fn find(&self, bounds: &Bounds, found: &mut Vec<u32>) {
        found.clear();
        self.bins_of(bounds, |bin| {
            let entries = &self.entries[self.starts[bin] as usize..self.starts[bin + 1] as usize];
            found.extend(entries.iter().filter(|&&number| {
                self.boxes[number as usize].is_some_and(|candidate| candidate.touches(bounds))
            }));
        });
        found.sort_unstable();
        found.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(degrees: &[(f64, f64)]) -> Bounds {
        let polygon: Vec<Vector> = degrees.iter().map(|&corner| Vector::from_degrees(corner)).collect();
        Bounds::from_polygon(&polygon).unwrap()
    }

    fn near(angle: f32, degrees: f64) -> bool {
        (f64::from(angle).to_degrees() - degrees).abs() < 1e-3
    }

    #[test]
    fn bounds_reach_over_the_bulge_of_great_circles() {
        let wide = bounds(&[(0.0, 50.0), (90.0, 50.0), (90.0, 60.0), (0.0, 60.0)]);
        // tan(lat) / cos(45) at the middle of the northern edge.
        let highest = (60.0_f64.to_radians().tan() / 45.0_f64.to_radians().cos()).atan().to_degrees();
        assert!(near(wide.north, highest) && near(wide.south, 50.0), "{wide:?}");
        assert!(near(wide.width, 90.0));
    }

    #[test]
    fn bounds_cross_the_date_line_and_enclose_the_pole() {
        let dated = bounds(&[(179.0, -10.0), (-179.0, -10.0), (-179.0, -9.0), (179.0, -9.0)]);
        assert!(near(dated.west, 179.0) && near(dated.width, 2.0), "{dated:?}");
        let polar = bounds(&[(0.0, 80.0), (90.0, 80.0), (180.0, 80.0), (270.0, 80.0)]);
        assert!(near(polar.width, 360.0) && near(polar.north, 90.0), "{polar:?}");
        let sector = bounds(&[(350.0, 80.0), (355.0, 80.0), (0.0, 90.0)]);
        assert!(near(sector.west, 350.0) && near(sector.width, 5.0), "{sector:?}");
    }

    #[test]
    fn every_polygon_finds_itself() {
        let cells: Vec<[(f64, f64); 4]> = (0..18 * 9)
            .map(|k| {
                let (west, south) = (f64::from(k % 18) * 20.0, f64::from(k / 18) * 20.0 - 90.0);
                [(west, south), (west + 20.0, south), (west + 20.0, south + 20.0), (west, south + 20.0)]
            })
            .collect();
        let corners = |k: usize| cells[k].map(Vector::from_degrees);
        let index = Index::new(cells.len(), |k, polygon| {
            polygon.clear();
            polygon.extend(corners(k));
        });
        let mut found = Vec::new();
        for k in 0..cells.len() {
            index.find(&Bounds::from_polygon(&corners(k)).unwrap(), &mut found);
            assert!(found.contains(&(k as u32)) && found.windows(2).all(|w| w[0] < w[1]), "{k}: {found:?}");
        }
    }
}
