//! The reference case, beside a full checkout.

#![allow(dead_code, reason = "each test uses some of it")]

use std::path::{Path, PathBuf};

use coupling::compare::{FileComparison, compare};
use dataset::Dataset;

/// The folder of the reference case; `None`, said loudly, when it is not here.
pub(crate) fn reference() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/mosaic_dev");
    if !root.is_dir() {
        eprintln!("SKIPPED: the reference case mosaic_dev is not here");
        return None;
    }
    Some(root)
}

pub(crate) fn read(path: &Path) -> Dataset {
    let mut start = [0; 4];
    let mut file = std::fs::File::open(path).expect("the reference file is there");
    std::io::Read::read_exact(&mut file, &mut start).expect("the reference file has a first word");
    let read =
        if start == *b"\x89HDF" { dataset::netcdf4::read_in_process(path) } else { dataset::read(path) };
    read.expect("the reference file is readable")
}

/// How far a variable may be off.
#[derive(Clone, Copy)]
pub(crate) enum Within {
    Relative(f64),
    Absolute(f64),
}

/// Fails unless header and values agree: exactly, but for the variables with a tolerance of their own.
pub(crate) fn assert_agrees(ours: &Dataset, file: &Path, tolerances: &[(&str, Within)]) -> FileComparison {
    let compared = compare(ours, &read(file));
    let name = file.display();
    assert_eq!(compared.header, Vec::<String>::new(), "{name}: header");
    assert_eq!(compared.variables.len(), ours.variables.len(), "{name}");
    let wrong: Vec<String> = compared
        .variables
        .iter()
        .filter(|v| {
            let own = tolerances.iter().find(|(name, _)| *name == v.name);
            !match own {
                None => v.agrees_within(0.0),
                Some((_, Within::Relative(tolerance))) => v.agrees_within(*tolerance),
                Some((_, Within::Absolute(tolerance))) => v.values.is_some() && v.largest <= *tolerance,
            }
        })
        .map(ToString::to_string)
        .collect();
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    compared
}
