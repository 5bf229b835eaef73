//! Regular and ORCA (tripolar) grids, and spherical geometry.
//!
//! * [`orca`] generates tripolar ocean grids: [`orca::grid`] for all of it, [`orca::t_points`] where only the
//!   centres matter and every millisecond does.
//! * [`OceanGrid`] is a curvilinear ocean grid, generated or read from a modeller's file
//!   ([`OceanGrid::from_dataset`]), and writes itself as a NEMO coordinates file ([`OceanGrid::to_dataset`]).
//! * [`Topology`] is how its cells repeat and meet, the one place that finds it out; [`CellFile`] is a file that
//!   describes cells one by one (SCRIP, ESMF, a MOM supergrid, a CF list).
//! * [`RegularGrid`] is a longitude-latitude grid: centres, bounds, cell areas.
//! * [`sphere`] is the geometry beneath: distances, angles, areas.
//!
//! Invariants: arrays are indexed `[[j, i]]`, rows running south to north and columns west to east; longitudes
//! and latitudes are degrees, longitudes within -180..=180; lengths are metres and areas square metres on a
//! sphere of radius [`sphere::EARTH_RADIUS_M`].

mod cell_file;
mod error;
mod ocean;
pub mod orca;
mod regular;
pub mod sphere;

pub use cell_file::CellFile;
pub use error::Error;
pub use ocean::{
    Choice, CoordinateChoice, CoordinateNames, Fold, Layout, Mesh, Mirror, OceanGrid, Overlap, Points,
    ReadGrid, ScaleFactors, Staggered, Topology,
};
pub use regular::RegularGrid;
