//! Writing datasets.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::IN_MEMORY;
use crate::{Dataset, Error, Format, classic};

/// Writes a dataset to a file, in NetCDF classic with 64-bit offsets (CDF-2): the format that the model's
/// programs read.
///
/// The file appears whole or not at all, whenever the process ends: it is written under a temporary name beside
/// `path` and renamed. Flushing to the disk is left to who promises that it survives a power cut. Types that CDF-2 does not have are widened: `u8` to `i16`, `u16` to `i32`; `u32`, `i64`, `u64`
/// to `i32` if all values fit, else to `f64` if it is exact; strings become character arrays; NaNs become
/// the plain quiet NaN. Of several unlimited dimensions the first usable stays unlimited.
///
/// # Errors
/// [`Error::Inconsistent`] when dimensions and shapes disagree, [`Error::CannotHold`] naming the variable,
/// [`Error::TooLarge`] beyond 4 GiB per variable, [`Error::Io`].
pub fn write(dataset: &Dataset, path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let failed = |action| Error::io(&name, action);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    let mut temporary = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(failed("could not create"))?;
    // For the header; values come in chunks that are larger and pass by the buffer.
    let mut out = BufWriter::new(temporary.as_file_mut());
    write_to(dataset, &mut out).map_err(|error| error.renamed(&name))?;
    out.flush().map_err(failed("could not write"))?;
    drop(out);
    share(temporary.as_file()).map_err(failed("could not set the permissions of"))?;
    temporary.persist(path).map_err(|error| failed("could not rename to")(error.error))?;
    Ok(())
}

/// Temporary files are private; a stored file is read by every service of the volume.
fn share(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
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
