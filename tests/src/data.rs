//! The synthetic planet: committed, so that a bare clone tests the same path as one with the reference files.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use crate::binary;

/// The bytes of `name` (such as `raw.nc`) of the synthetic planet.
///
/// # Errors
/// A missing or damaged file.
pub fn planet(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/synthetic_free").join(format!("{name}.gz"));
    let file = fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).with_context(|| format!("unpacking {}", path.display()))?;
    Ok(bytes)
}

/// Unpacks `name` of the synthetic planet into `folder`.
///
/// # Errors
/// A missing file, or a folder that cannot be written.
pub fn planet_file(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, planet(name)?).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// Regrids a file to cells of `step` degrees, into the file `name` beside it.
///
/// # Errors
/// What `climsim regrid` says.
pub fn regridded(file: &Path, step: f64, name: &str) -> Result<PathBuf> {
    let (out, step) = (file.with_file_name(name), step.to_string());
    let done = Command::new(binary("climsim"))
        .arg("regrid")
        .args([file, &out])
        .args(["--lon-step", &step, "--lat-step", &step])
        .output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(out)
}
