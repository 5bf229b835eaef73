//! A labelled in-memory dataset — variables, dimensions, attributes — and NetCDF reading and writing.
//!
//! The model mirrors the NetCDF data model: everything keeps the order of the file, because the readers of
//! the climate model and the parity tests depend on it.
//!
//! Files come from strangers. The classic formats (CDF-1, CDF-2, CDF-5) are read by this crate itself: whatever
//! the bytes, the result is a dataset or an [`Error`] that names the file; nothing panics, and memory is bounded
//! by the size of the file. Output is always CDF-2, byte for byte what the original platform wrote.
//!
//! ```
//! # fn main() -> Result<(), dataset::Error> {
//! use dataset::{Attributes, Dataset};
//!
//! let mut map = Dataset::new();
//! let heights = ndarray::arr2(&[[-10.0, 20.0], [30.0, f64::NAN]]).into_dyn();
//! map.add_f64("topo", &["lat", "lon"], heights, Attributes::new().with("units", "m"));
//! let bytes = dataset::to_bytes(&map)?;
//! let read = dataset::from_bytes(&bytes, "map.nc")?;
//! assert_eq!(read.variable("topo").map(|topo| topo.shape().to_vec()), Some(vec![2, 2]));
//! # Ok(())
//! # }
//! ```

pub mod axes;
pub mod cf;
mod classic;
pub mod contained;
mod converted;
mod describe;
mod destination;
mod error;
mod file;
mod finding;
mod foreign;
mod header;
pub mod heights;
mod model;
#[cfg(feature = "netcdf4")]
pub mod netcdf4;
mod old_gmt;
mod packing;
mod rewrite;
mod save;
pub mod topography;
#[cfg(feature = "unpack")]
pub mod unpack;

pub use classic::inexact;
pub use describe::{AttributeDescription, Description, DimensionDescription, VariableDescription};
pub use destination::Destination;
pub use error::Error;
pub use file::{AttributedCopy, File, from_bytes, read, read_as, with_global_attributes};
pub use finding::{Finding, Severity};
pub use header::{DataType, Format, Header, VariableHeader, listed};
pub use model::{AttributeValue, Attributes, Dataset, Dimension, Values, Variable};
pub use packing::{BEYOND_MEASURE, Gap, GapCounts, Packing, PackingProblem};
pub use save::{to_bytes, write, write_to};
