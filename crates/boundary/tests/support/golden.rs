//! Reference files: those committed under `tests/data`, and those beside a full checkout.

#![allow(clippy::unwrap_used, reason = "a broken reference file fails the test")]
#![allow(dead_code, reason = "each test uses some of it")]

use std::io::Read;
use std::path::{Path, PathBuf};

use dataset::Dataset;

/// The reference file `name`, from the folder beside the checkout or else from the committed copies; plain or
/// `.gz`. `None`, said loudly, when there is neither.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let roots = [crate_root.join("../../../shared/golden"), crate_root.join("../../tests/data")];
    let found = roots
        .iter()
        .flat_map(|root| [root.join(name), root.join(format!("{name}.gz"))])
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: the reference file {name} is not here");
    }
    found
}

/// The plain bytes of the reference file `name`.
pub(crate) fn bytes(name: &str) -> Option<Vec<u8>> {
    Some(plain(&find(name)?))
}

/// The file `name` of the synthetic planet, as committed.
pub(crate) fn committed(name: &str) -> Dataset {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/synthetic_free");
    dataset::from_bytes(&plain(&folder.join(format!("{name}.gz"))), name).unwrap()
}

/// The bytes of a file, decompressed when its name ends in `.gz`.
fn plain(path: &Path) -> Vec<u8> {
    let stored = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(stored.as_slice()).read_to_end(&mut plain).unwrap();
        return plain;
    }
    stored
}

/// The reference file `name`, read.
pub(crate) fn dataset(name: &str) -> Option<Dataset> {
    let bytes = bytes(name)?;
    if bytes.starts_with(b"\x89HDF") {
        return Some(dataset::netcdf4::read_in_process(find(name)?).unwrap());
    }
    Some(dataset::from_bytes(&bytes, name).unwrap())
}

/// Fails unless `result` is the reference file `name` to the byte; says which variable differs first.
pub(crate) fn assert_same_file(result: &Dataset, name: &str) {
    let Some(expected) = bytes(name) else { return };
    let written = dataset::to_bytes(result).unwrap();
    if written == expected {
        return;
    }
    let reference = dataset::from_bytes(&expected, name).unwrap();
    assert_eq!(result.dimensions, reference.dimensions, "{name}: dimensions");
    let names = |d: &Dataset| d.variables.iter().map(|v| v.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(result), names(&reference), "{name}: variables");
    for (ours, theirs) in result.variables.iter().zip(&reference.variables) {
        assert_eq!(
            format!("{:?}", ours.attributes),
            format!("{:?}", theirs.attributes),
            "{name}: {}",
            ours.name
        );
        let values = ours.values.to_f64().unwrap().into_iter().zip(theirs.values.to_f64().unwrap());
        for (k, (a, b)) in values.enumerate() {
            assert_eq!(a.to_bits(), b.to_bits(), "{name}: {} at {k}: {a:e} and {b:e}", ours.name);
        }
    }
    assert_eq!(
        format!("{:?}", result.attributes),
        format!("{:?}", reference.attributes),
        "{name}: attributes"
    );
    panic!("{name}: same content, other bytes");
}
