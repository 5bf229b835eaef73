//! Curvilinear ocean grids: the Arakawa C grid of NEMO, or only its centres.
//!
//! A file that modellers have often holds T points alone, which is all that a bathymetry needs; the coupling
//! weights need the whole mesh. Hence [`OceanGrid::mesh`] is there or not as a whole: no grid has half a mesh.
//!
//! Invariants: all arrays of a grid have one shape, rows by columns, and every coordinate is finite. In a mesh, U is
//! half a cell east of T, V half a cell north, F both (NEMO book, chapter "Space domain").

mod read;
mod write;

use ndarray::Array2;

use crate::error::Error;
use crate::sphere::{Vector, polygon_area_m2};

pub use read::{Choice, Chosen, ReadGrid};

/// How far two copies of one point may lie apart and still count as one, in metres. Files in single precision
/// are off by as much as 150 m.
const SAME_POINT_M: f64 = 200.0;

/// A curvilinear ocean grid.
#[derive(Debug, Clone, PartialEq)]
pub struct OceanGrid {
    t: Points,
    mesh: Option<Mesh>,
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

/// Columns that are there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// The last two columns repeat the first two, as in ORCA.
    TwoColumns,
    /// None.
    None,
}

/// How the northern rows repeat, folded on the line between the grid poles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Around an F point (`nperio = 6`): the last row of T repeats the row before it.
    FPivot,
    /// Around a T point (`nperio = 4`): the last row of T repeats the second row before it.
    TPivot,
    /// Not folded.
    None,
}

/// Which cells of a grid stand for the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topology {
    /// Around the globe.
    pub overlap: Overlap,
    /// Across the north.
    pub fold: Fold,
}

impl OceanGrid {
    /// A grid of T points alone.
    ///
    /// # Errors
    /// When the arrays are empty, of different shapes, or hold something that is no coordinate in degrees.
    pub fn from_t_points(t: Points) -> Result<Self, Error> {
        t.check("lon", "lat")?;
        Ok(Self { t, mesh: None })
    }

    pub(crate) fn from_parts(t: Points, mesh: Option<Mesh>) -> Self {
        Self { t, mesh }
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

    /// Which cells repeat others, found by comparing positions of T points within 200 m.
    pub fn topology(&self) -> Topology {
        let (ny, nx) = self.shape();
        let same = |a: (usize, usize), b: (usize, usize)| {
            Vector::from_degrees(self.t.at(a.0, a.1)).distance_m(Vector::from_degrees(self.t.at(b.0, b.1)))
                < SAME_POINT_M
        };
        let overlaps = nx >= 4 && (0..ny).all(|j| same((j, 0), (j, nx - 2)) && same((j, 1), (j, nx - 1)));
        let f_pivot = ny >= 2 && nx >= 4 && (0..nx).all(|i| same((ny - 1, i), (ny - 2, nx - 1 - i)));
        let t_pivot = ny >= 3 && nx >= 4 && (1..nx).all(|i| same((ny - 1, i), (ny - 3, nx - i)));
        Topology {
            overlap: if overlaps { Overlap::TwoColumns } else { Overlap::None },
            fold: match (f_pivot, t_pivot) {
                (true, _) => Fold::FPivot,
                (false, true) => Fold::TPivot,
                (false, false) => Fold::None,
            },
        }
    }

    /// Corners of the T cell in row `j` and column `i`, (longitude, latitude) in degrees: south-west, south-east,
    /// north-east, north-west. They are F points; those south of the first row, which no file holds, are mirrored
    /// at the T row. `None` without a mesh.
    pub fn corners(&self, j: usize, i: usize) -> Option<[(f64, f64); 4]> {
        let f = &self.mesh()?.f.points;
        let west = match (i, self.shape().1) {
            (0, nx) if nx > 2 => nx - 3,
            (0, _) => 0,
            (i, _) => i - 1,
        };
        let south = |column: usize| match j {
            0 => {
                let (lon, north_lat) = f.at(0, column);
                (lon, (2.0 * self.t.lat_deg[[0, i]] - north_lat).max(-90.0))
            }
            j => f.at(j - 1, column),
        };
        Some([south(west), south(i), f.at(j, i), f.at(j, west)])
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

    pub(crate) fn check(&self, lon: &str, lat: &str) -> Result<(), Error> {
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
        // Some files overshoot the pole or the date line by rounding in single precision.
        for (name, array, limit) in [(lon, &self.lon_deg, 720.0), (lat, &self.lat_deg, 90.001)] {
            if let Some(((row, column), &value)) =
                array.indexed_iter().find(|(_, v)| v.is_nan() || v.abs() > limit)
            {
                return Err(Error::BadCoordinate { name: name.to_owned(), value, row, column });
            }
        }
        Ok(())
    }
}
