//! The reference case, beside a full checkout.

#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod made;

use std::path::{Path, PathBuf};

use coupling::Input;
use coupling::compare::{VariableComparison, compare};
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

/// The inputs of the reference case.
pub(crate) fn input(root: &Path) -> Input {
    let file = |name: &str| read(&root.join("inputs").join(name));
    let input = Input::read(&file("coordinates.nc"), &file("bathy_meter.nc"), &file("subbasins.nc"))
        .expect("the reference inputs are good");
    assert_eq!(input.findings, []);
    input
}

/// How far a variable may be off.
#[derive(Clone, Copy)]
pub(crate) enum Within {
    Relative(f64),
    Absolute(f64),
    /// Relative, and that much more.
    RelativeAnd(f64, f64),
}

/// True when the variable is as near as its tolerance says: exact without one.
pub(crate) fn agrees(
    v: &VariableComparison,
    tolerances: &[(&str, Within)],
    ours: &Dataset,
    theirs: &Dataset,
) -> bool {
    match tolerances.iter().find(|(name, _)| *name == v.name) {
        None => v.agrees_within(0.0),
        Some((_, Within::Relative(tolerance))) => v.agrees_within(*tolerance),
        Some((_, Within::Absolute(tolerance))) => v.values.is_some() && v.largest <= *tolerance,
        Some((_, Within::RelativeAnd(relative, absolute))) => {
            let values = |file: &Dataset| file.variable(&v.name).and_then(|v| v.values.to_f64());
            let (Some(a), Some(b)) = (values(ours), values(theirs)) else { return false };
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= relative * a.abs().max(b.abs()) + absolute;
            a.shape() == b.shape() && a.iter().zip(&b).all(near)
        }
    }
}

/// Where header and values differ: by anything at all, but for the variables with a tolerance of their own.
pub(crate) fn disagreements(ours: &Dataset, file: &Path, tolerances: &[(&str, Within)]) -> Vec<String> {
    let theirs = read(file);
    let compared = compare(ours, &theirs);
    let wrong = compared.variables.iter().filter(|v| !agrees(v, tolerances, ours, &theirs));
    let wrong = wrong.map(ToString::to_string);
    compared.header.iter().cloned().chain(wrong).map(|what| format!("{}: {what}", file.display())).collect()
}
