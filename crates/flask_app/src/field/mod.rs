//! Any variable of any stored file, for a map in the browser: described, then delivered as far as it is looked at.
//!
//! | route | answer |
//! |---|---|
//! | `GET /{id}/{type}/field.json` | what can be drawn: variables, dimensions, axes, style ([`descriptor::Descriptor`]) |
//! | `GET /{id}/{type}/field` | values of a window of a level of detail, binary |
//! | `GET /{id}/{type}/field/mesh` | corners of the cells of a curvilinear grid, binary |
//! | `GET /{id}/{type}/field/value` | one cell, exactly: `{ i, j, value, lon, lat }` |
//!
//! The same lie under `/api/v1/data-files/{id}/{type}/`, for scripts with a token.
//!
//! All take `revision` (a number; else the latest of the type) and `minus` (a revision to subtract, cell by cell: by
//! position, whatever the dimensions are called). All but the first take `variable` and `at` (positions along the
//! dimensions before rows and columns, `0,3`). `field` takes `level` (one cell for `2^level` squared of the file) and
//! `window` (`i,j,columns,rows` in cells of the level), `field/mesh` takes `level`, `field/value` takes `cell`
//! (`i,j`). Without `level` the answer is the finest that has at most 300,000 cells.
//!
//! Answers name their revision by `ETag` and are revalidated at every use, so that a browser keeps them and the
//! owner is checked all the same. Errors are `application/problem+json`: 422 for what cannot be drawn, compared or
//! found in the file, 404 for revisions that do not exist.
//!
//! The binary container is `CSF1`, the length of a JSON header (u32, little endian), the header padded with blanks to a
//! multiple of 8 bytes, and the planes that it lists; see [`encode`] for their encodings. Missing values are NaN.
//!
//! Invariants: no answer has more than 2^20 cells; memory is bounded by the answer and one band of rows; time by the
//! cells that one answer may read (larger blocks are sampled by rows, and the answer says so); files are read off
//! the executor, a few at a time.
//!
//! The browser's side is `static/map/climsim-map.js`; how a page embeds it stands there.

pub mod answer;
pub mod corners;
pub mod descriptor;
pub mod encode;
mod error;
pub mod geometry;
pub(crate) mod route;
pub mod slice;
pub mod source;

pub use error::MapError;
pub use route::configure;

#[cfg(test)]
mod tests;
