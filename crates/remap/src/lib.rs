//! Interpolation weights between two grids on the sphere: conservative of first and second order, bilinear, nearest.
//!
//! A [`Mesh`] is a grid of cells, from a regular grid, an ocean grid or a file; [`weights`] computes a sparse matrix
//! [`Weights`] for a [`Method`], and [`to_dataset`] lays it out as OASIS3-MCT, SCRIP or ESMF read it.
//!
//! ```
//! use remap::{Mesh, Method, Norm};
//!
//! let source = Mesh::regular(&grid::RegularGrid::global(36, 18)?)?;
//! let target = Mesh::regular(&grid::RegularGrid::global(20, 10)?)?;
//! let weights = remap::weights(&source, &target, Method::Conservative, Norm::FracArea).checked()?;
//! let ones = weights.apply(&vec![1.0; source.len()]);
//! assert!(ones.iter().all(|one| (one - 1.0).abs() < 1e-12));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Choices
//!
//! * **Edges are great circles**, as in ESMF and as in YAC for curvilinear grids: every mesh then tiles the sphere, whatever
//!   its poles, and overlaps of a cell sum to its area. A cell of a regular grid so gains a sliver poleward of its
//!   parallels and loses one on the other side (3e-4 of the area of a 2.5 degree cell at 60 degrees). Where *both* grids are
//!   regular, edges are the parallels themselves, and overlaps are products of intervals: exact, and no polygon is clipped.
//! * Areas are steradians, as in SCRIP and ESMF files.
//! * Cells that are there twice (the overlapping columns and the folded rows of ORCA grids, however they are cut) take part once:
//!   the others are masked, and so are cells without a place. What `grid` finds out about the topology decides.
//! * Conservative weights are parts of a whole: where they would add up to more than one, by more than the rounding of corners in
//!   single precision, the cells of a grid cover each other, and [`Weights::checked`] is an error.
//! * A row of the matrix depends on nothing but its cell, and its sums run by ascending source cell: the result is the
//!   same, bit for bit, for any number of threads.
//!
//! # References
//!
//! * P. W. Jones (1999): First- and second-order conservative remapping schemes for grids in spherical coordinates.
//!   Monthly Weather Review 127, 2204-2210. (The matrix, its normalisations, the second order.)
//! * E. Kritsikis, M. Aechtner, Y. Meurdesoif, T. Dubos (2017): Conservative interpolation between general spherical
//!   meshes. Geoscientific Model Development 10, 425-431. (Great-circle polygons, centroids from the overlaps.)
//! * I. E. Sutherland, G. W. Hodgman (1974): Reentrant polygon clipping. Communications of the ACM 17, 32-42.
//! * S. Valcke, A. Piacentini, G. Jonville (2022): Benchmarking regridding libraries used in Earth system modelling.
//!   Mathematical and Computational Applications 27, 31. (The analytical functions of the tests.)

mod bilinear;
mod clip;
mod conservative;
mod file;
mod index;
mod mesh;
mod nearest;
mod overlap;
mod read;
mod weights;

pub use clip::{Overlap, polygon_overlap};
pub use file::{Format, to_dataset};
pub use mesh::{Error, Mesh};
pub use nearest::centres_covered;
pub use overlap::{Moments, Overlaps, overlaps};
pub use read::ReadError;
pub use weights::{Method, Norm, Weights, weights};
