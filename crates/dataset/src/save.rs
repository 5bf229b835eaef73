//! Writing datasets.

use std::io::Write;
use std::path::Path;

use crate::destination::Destination;
use crate::error::IN_MEMORY;
use crate::{Dataset, Error, Format, classic};

/// Writes a dataset to a file, in NetCDF classic with 64-bit offsets (CDF-2): the format that the model's
/// programs read.
///
/// A regular file appears whole or not at all, whenever the process ends; what else `path` may be, and permissions, are
/// as [`Destination`] says. Types that CDF-2 does not have are widened: `u8` to `i16`, `u16` to `i32`; `u32`, `i64`, `u64`
/// to `i32` if all values fit, else to `f64` ([`crate::inexact`] tells what that rounds); strings become character arrays; NaNs become
/// the plain quiet NaN. Of several unlimited dimensions the first usable stays unlimited.
///
/// # Errors
/// [`Error::Inconsistent`] when dimensions and shapes disagree,
/// [`Error::TooLarge`] beyond 4 GiB per variable, [`Error::Io`].
pub fn write(dataset: &Dataset, path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let failed = |action| Error::io(&name, action);
    let mut out = Destination::open(path).map_err(failed("could not create"))?;
    write_to(dataset, &mut out).map_err(|error| error.renamed(&name))?;
    out.finish().map_err(failed("could not write"))
}

/// Writes a dataset as [`write()`] does, to any stream, holding one chunk of it beside the dataset.
///
/// # Errors
/// As [`write()`].
pub fn write_to(dataset: &Dataset, mut out: impl Write) -> Result<(), Error> {
    let storable = classic::storable(dataset, Format::Offset64)?;
    classic::write_dataset(&storable, Format::Offset64, &mut out, IN_MEMORY)
}

/// The bytes that [`write()`] puts in a file.
///
/// # Errors
/// As [`write()`].
pub fn to_bytes(dataset: &Dataset) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write_to(dataset, &mut bytes)?;
    Ok(bytes)
}
