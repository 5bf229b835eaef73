//! Any variable of any file, for a map in the browser: described, then delivered as far as it is looked at.
//!
//! [`descriptor::describe`] says what can be drawn (variables, dimensions, axes, style); a [`View`](answer::View) gives
//! the values of a window of a level of detail, and the corners of the cells of a curvilinear grid. Both take their
//! values from anything that is [`Slabs`](source::Slabs): a stored file, the difference of two, or a map that is being
//! edited.
//!
//! Invariants: no answer has more than 2^20 cells; memory is bounded by the answer and one band of rows; time by the
//! cells that one answer may read (larger blocks are sampled by rows, and the answer says so). Missing values are NaN.

pub mod answer;
pub mod container;
pub mod corners;
pub mod descriptor;
pub mod encode;
mod error;
pub mod geometry;
pub mod slice;
pub mod source;

pub use container::Container;
pub use error::MapError;

#[cfg(test)]
mod tests;
