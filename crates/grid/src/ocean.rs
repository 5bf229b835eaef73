//! Curvilinear ocean grids: the Arakawa C grid of NEMO, or only its centres.
//!
//! A file that modellers have often holds T points alone, which is all that a bathymetry needs; the coupling
//! weights need the whole mesh. Hence [`OceanGrid::mesh`] is there or not as a whole: no grid has half a mesh.
//!
//! Invariants: all arrays of a grid have one shape, rows by columns. Every coordinate is finite, but for cells without a place
//! ([`OceanGrid::has_place`]), whose coordinates are NaN, all of them: nothing can be sampled there unawares. In a mesh, U is
//! half a cell east of T, V half a cell north, F both (NEMO book, chapter "Space domain").

mod absent;
mod read;
mod topology;
mod write;

use ndarray::{Array2, Axis, Zip};

use crate::error::Error;
use crate::sphere::{Vector, polygon_area_m2};

pub use read::{Choice, CoordinateChoice, CoordinateNames, ReadGrid};
pub(crate) use read::{Coordinate, candidates};
pub use topology::{Fold, Layout, Mirror, Overlap, Topology};

/// A curvilinear ocean grid.
#[derive(Debug, Clone, PartialEq)]
pub struct OceanGrid {
    t: Points,
    mesh: Option<Mesh>,
    topology: Topology,
}

/// The points of one type: longitudes and latitudes in degrees, rows by columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// Longitudes within -180..=180.
    pub lon_deg: Array2<f64>,
    /// Latitudes.
    pub lat_deg: Array2<f64>,
}

/// The sizes of the cells around the points of one type, in metres, rows by columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleFactors {
    /// Along the rows.
    pub e1_m: Array2<f64>,
    /// Along the columns.
    pub e2_m: Array2<f64>,
}

/// Points that stand off the centres, with the sizes around them.
#[derive(Debug, Clone, PartialEq)]
pub struct Staggered {
    /// The points.
    pub points: Points,
    /// The sizes.
    pub scale: ScaleFactors,
}

/// What a C grid has beside the centres.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// Sizes around the centres.
    pub t_scale: ScaleFactors,
    /// Middles of the eastern edges.
    pub u: Staggered,
    /// Middles of the northern edges.
    pub v: Staggered,
    /// North-eastern corners.
    pub f: Staggered,
}

impl OceanGrid {
    /// A grid of T points alone. Cells whose coordinates are missing (NaN, a marker far beyond any angle), or that many cells have
    /// in common, have no place.
    ///
    /// # Errors
    /// When the arrays are empty, of different shapes, or hold something that is no coordinate in degrees; when fewer than
    /// half of the cells have a place.
    pub fn from_t_points(t: Points) -> Result<Self, Error> {
        Ok(Self::from_parts(t.placed("lon", "lat")?, None))
    }

    /// A grid of points that are already checked.
    pub(crate) fn from_parts(t: Points, mesh: Option<Mesh>) -> Self {
        Self { topology: Topology::find(&t), t, mesh }
    }

    /// True unless the file places the cell nowhere.
    pub fn has_place(&self, j: usize, i: usize) -> bool {
        self.t.lon_deg[[j, i]].is_finite()
    }

    /// Number of the cells without a place.
    pub fn absent_cells(&self) -> usize {
        self.t.lon_deg.iter().filter(|lon| lon.is_nan()).count()
    }

    /// Centres of the cells.
    pub fn t(&self) -> &Points {
        &self.t
    }

    /// The rest of the C grid, where it is known.
    pub fn mesh(&self) -> Option<&Mesh> {
        self.mesh.as_ref()
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        self.t.lon_deg.dim()
    }

    /// Which cells repeat others, and which meet beyond the edges; found by comparing positions of T points within 200 m.
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// Corners of the T cell in row `j` and column `i`, (longitude, latitude) in degrees: south-west, south-east,
    /// north-east, north-west. They are F points; those south of the first row and west of an open edge, which no file holds, are
    /// mirrored. NaN beside cells without a place. `None` without a mesh.
    pub fn corners(&self, j: usize, i: usize) -> Option<[(f64, f64); 4]> {
        let mesh = self.mesh()?;
        let (f, v) = (&mesh.f.points, &mesh.v.points);
        let nx = self.shape().1;
        let west = match (i, self.topology.overlap) {
            (0, Overlap::TwoColumns) => Some(nx - 3),
            (0, Overlap::OneColumn) => Some(nx - 2),
            (0, Overlap::None) => self.topology.periodic.then_some(nx - 1),
            (i, _) => Some(i - 1),
        };
        let eastern = |j: usize| f.at(j, i);
        let western = |j: usize| match west {
            Some(west) => f.at(j, west),
            None => {
                // The middle of the edge is half way between its ends.
                let [middle, east] = [v.at(j, i), f.at(j, i)].map(Vector::from_degrees);
                middle.times(2.0).minus(east).to_degrees()
            }
        };
        let south = |north: (f64, f64)| (north.0, (2.0 * self.t.lat_deg[[0, i]] - north.1).max(-90.0));
        let [south_west, south_east] = match j {
            0 => [south(western(0)), south(eastern(0))],
            j => [western(j - 1), eastern(j - 1)],
        };
        Some([south_west, south_east, eastern(j), western(j)])
    }

    /// Areas of the T cells in square metres, as polygons of great circles between the corners: negative where a
    /// cell is inside out, which no good grid has outside its repeated last row. `None` without a mesh.
    pub fn cell_areas_m2(&self) -> Option<Array2<f64>> {
        self.mesh()?;
        let area = |(j, i)| self.corners(j, i).map_or(f64::NAN, |corners| polygon_area_m2(&corners));
        Some(Array2::from_shape_fn(self.shape(), area))
    }
}

impl Points {
    /// (longitude, latitude) of the point in row `j` and column `i`, in degrees.
    pub fn at(&self, j: usize, i: usize) -> (f64, f64) {
        (self.lon_deg[[j, i]], self.lat_deg[[j, i]])
    }

    /// Rows and columns exchanged, then the order of the rows turned round, as asked.
    #[must_use]
    pub fn rearranged(self, transposed: bool, flipped: bool) -> Self {
        let rearranged = |mut array: Array2<f64>| {
            if transposed {
                array = array.reversed_axes();
            }
            if flipped {
                array.invert_axis(Axis(0));
            }
            array.as_standard_layout().into_owned()
        };
        Self { lon_deg: rearranged(self.lon_deg), lat_deg: rearranged(self.lat_deg) }
    }

    /// The points with NaN for those that have no place.
    pub(crate) fn placed(mut self, lon: &str, lat: &str) -> Result<Self, Error> {
        self.check_shape(lon, lat)?;
        let absent = absent::absent(&self);
        let cells = absent.iter().filter(|&&absent| absent).count();
        if 2 * cells > absent.len() {
            return Err(Error::NoPlaces {
                lon: lon.to_owned(),
                lat: lat.to_owned(),
                cells,
                of: absent.len(),
            });
        }
        self.check_degrees(lon, lat, &absent)?;
        self.remove(&absent);
        Ok(self)
    }

    /// Sets the points of some cells to NaN.
    pub(crate) fn remove(&mut self, cells: &Array2<bool>) {
        for coordinate in [&mut self.lon_deg, &mut self.lat_deg] {
            Zip::from(coordinate).and(cells).for_each(|degrees, &remove| {
                if remove {
                    *degrees = f64::NAN;
                }
            });
        }
    }

    pub(crate) fn check_shape(&self, lon: &str, lat: &str) -> Result<(), Error> {
        if self.lon_deg.dim() != self.lat_deg.dim() {
            return Err(Error::ShapesDiffer {
                lon: lon.to_owned(),
                lat: lat.to_owned(),
                lon_shape: self.lon_deg.shape().to_vec(),
                lat_shape: self.lat_deg.shape().to_vec(),
            });
        }
        if self.lon_deg.is_empty() {
            return Err(Error::Empty { lon: lon.to_owned(), lat: lat.to_owned() });
        }
        Ok(())
    }

    /// Refuses what is no angle, in cells that have a place.
    pub(crate) fn check_degrees(&self, lon: &str, lat: &str, absent: &Array2<bool>) -> Result<(), Error> {
        // Some files overshoot the pole or the date line by rounding in single precision.
        for (name, array, limit) in [(lon, &self.lon_deg, 720.0), (lat, &self.lat_deg, 90.001)] {
            let wrong = |value: f64| value.is_nan() || value.abs() > limit;
            let found =
                array.indexed_iter().zip(absent).find(|((_, value), absent)| wrong(**value) && !**absent);
            if let Some((((row, column), &value), _)) = found {
                return Err(Error::BadCoordinate { name: name.to_owned(), value, row, column });
            }
        }
        Ok(())
    }
}
