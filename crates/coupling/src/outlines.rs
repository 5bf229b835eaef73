//! Outlines of the ocean cells as the overlaps see them: eight points, corners and middles of edges.

use grid::{Fold, Overlap, Topology};

use crate::Mode;
use crate::angle::close;
use crate::fold::{self, Point};
use crate::ocean::Ocean;

/// (longitude, latitude) of eight points clockwise from the north-west corner, then of the centre, in degrees.
pub type Outline = [(f64, f64); 9];

/// Makes outlines of the cells of one ocean grid.
#[derive(Debug, Clone)]
pub struct Outlines {
    /// Longitudes and latitudes of T, U, V, F points, the repeated ones copied from those that they repeat.
    points: [grid::Points; 4],
    mode: Mode,
    topology: Topology,
    /// Smallest latitude of all points: the southern edge of the first row.
    southernmost_deg: f64,
    /// Range of the longitudes of all outlines.
    range_deg: (f64, f64),
    /// Range of the longitudes of the atmosphere's outlines.
    atmosphere_range_deg: (f64, f64),
}

impl Outlines {
    /// Outlines whose longitudes come to lie in the range of the atmosphere's, where a turn can bring them there.
    pub fn new(ocean: &Ocean, atmosphere_range_deg: (f64, f64)) -> Self {
        let mut points = ocean.points.clone();
        for (points, point) in points.iter_mut().zip(Point::ALL) {
            fold::apply(&mut points.lon_deg, point, ocean.topology);
            fold::apply(&mut points.lat_deg, point, ocean.topology);
        }
        let southernmost_deg =
            points.iter().flat_map(|p| p.lat_deg.iter().copied()).fold(f64::INFINITY, f64::min);
        let mut outlines = Self {
            points,
            mode: ocean.mode,
            topology: ocean.topology,
            southernmost_deg,
            range_deg: (f64::NEG_INFINITY, f64::INFINITY),
            atmosphere_range_deg,
        };
        let (ny, nx) = ocean.shape();
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        for j in 0..ny {
            for i in 0..nx {
                for (lon, _) in outlines.raw(j, i) {
                    range = (range.0.min(lon), range.1.max(lon));
                }
            }
        }
        outlines.range_deg = range;
        outlines
    }

    fn raw(&self, j: usize, i: usize) -> Outline {
        let [t, u, v, f] = &self.points;
        let nx = t.lon_deg.ncols();
        let west = match (i, self.topology.overlap, self.mode) {
            (0, Overlap::None, _) => nx - 1,
            (0, Overlap::OneColumn, _) => nx - 2,
            // The original takes the column that the first one repeats for its western neighbour; the first
            // column is repeated, and only the documentation of its corners shows it.
            (0, Overlap::TwoColumns, Mode::Legacy) => nx - 2,
            (0, Overlap::TwoColumns, Mode::Corrected) => nx - 3,
            (i, ..) => i - 1,
        };
        let mut outline = [
            f.at(j, west),
            v.at(j, i),
            f.at(j, i),
            u.at(j, i),
            (0.0, 0.0),
            (0.0, 0.0),
            (0.0, 0.0),
            u.at(j, west),
            t.at(j, i),
        ];
        let south = if j == 0 {
            let own = [f.at(0, i), v.at(0, i), f.at(0, west)];
            // The original leaves the latitudes of the very first cell as they are.
            let first = i == 0 && self.mode == Mode::Legacy;
            own.map(|(lon, lat)| (lon, if first { lat } else { self.southernmost_deg }))
        } else {
            [f.at(j - 1, i), v.at(j - 1, i), f.at(j - 1, west)]
        };
        outline[4..7].copy_from_slice(&south);
        if self.is_pivot(j, i) {
            // The northern half of a cell around a grid pole is its southern half: the outline would go around twice.
            let east = outline[3];
            outline[..3].fill(east);
        }
        outline
    }

    /// True for the cells that a fold at T points maps onto themselves.
    fn is_pivot(&self, j: usize, i: usize) -> bool {
        let (ny, nx) = self.points[0].lon_deg.dim();
        let (first, period) =
            if self.topology.overlap == Overlap::TwoColumns { (1, nx - 2) } else { (0, nx) };
        match self.topology.fold {
            Fold::TPivot => j + 2 == ny && (i == first || 2 * i == nx),
            Fold::Other(mirror) => 2 * j == mirror.rows && (2 * i).abs_diff(mirror.columns) % period == 0,
            Fold::FPivot | Fold::None => false,
        }
    }

    /// The outline of the cell in row `j` and column `i`.
    pub fn outline(&self, j: usize, i: usize) -> Outline {
        let mut outline = self.raw(j, i);
        let into = |lon: f64, (low, high): (f64, f64)| {
            (0..3).fold(lon, |lon, _| match lon {
                lon if lon < low => lon + 360.0,
                lon if lon > high => lon - 360.0,
                lon => lon,
            })
        };
        let near = into(outline[8].0, self.range_deg);
        for point in &mut outline[..8] {
            point.0 = close(point.0, near);
        }
        outline[8].0 = into(outline[8].0, self.atmosphere_range_deg);
        let centre = outline[8].0;
        for point in &mut outline[..8] {
            point.0 = close(point.0, centre);
        }
        outline
    }
}
