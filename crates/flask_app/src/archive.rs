//! What pages show from inside an archive of weights.

use std::fs::File;
use std::io::Read;

use dataset::Dataset;
use flate2::read::GzDecoder;
use store::{DataFile, Revision, Store};
use web::{Code, Error};

use crate::pages::unreadable;

/// The member with the maps; it comes first, so that no more than it is unpacked.
const MAPS: &str = "maps.nc";
/// More than the maps of any grid that the platform computes.
const LARGEST_BYTES: u64 = 256 << 20;
/// Members that are looked at.
const MAX_MEMBERS: usize = 4;

/// The maps of a revision of weights.
///
/// # Errors
/// A 422 for an archive without maps (of an earlier release), and for what is no archive.
pub(crate) fn maps(store: &Store, file: &DataFile, revision: &Revision) -> Result<Dataset, Error> {
    let refused =
        |why: &str| Error::new(Code::InvalidInput, format!("{} {why}.", revision.called(&file.filename)));
    let found =
        member(store.path(revision)).map_err(|error| refused(&format!("cannot be unpacked: {error}")))?;
    let bytes = found.ok_or_else(|| refused("hold no maps: compute them again to see some"))?;
    dataset::from_bytes(&bytes, MAPS).map_err(|error| unreadable(file, revision, error))
}

fn member(path: impl AsRef<std::path::Path>) -> std::io::Result<Option<Vec<u8>>> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path)?));
    for entry in archive.entries()?.take(MAX_MEMBERS) {
        let entry = entry?;
        if entry.path()?.ends_with(MAPS) {
            let mut bytes = Vec::new();
            entry.take(LARGEST_BYTES).read_to_end(&mut bytes)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
