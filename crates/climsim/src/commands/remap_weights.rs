//! `climsim remap-weights`

use std::path::Path;

use anyhow::{Context, Result, bail};
use grid::CoordinateNames;
use remap::{Mesh, Weights};

use crate::arguments::{Norm, RemapMethod, RemapWeights, WeightFormat};
use crate::files;

pub(crate) fn run(arguments: &RemapWeights) -> Result<()> {
    let source =
        read(&arguments.source, arguments.source_coordinates.as_ref(), arguments.source_mask.as_deref())?;
    let target =
        read(&arguments.target, arguments.target_coordinates.as_ref(), arguments.target_mask.as_deref())?;
    let method = match arguments.method {
        RemapMethod::Conservative => remap::Method::Conservative,
        RemapMethod::Conservative2 => remap::Method::Conservative2,
        RemapMethod::Bilinear => remap::Method::Bilinear,
        RemapMethod::Nearest => remap::Method::Nearest,
    };
    let norm = match arguments.norm {
        Norm::Destarea => remap::Norm::DestArea,
        Norm::Fracarea => remap::Norm::FracArea,
    };
    let format = match arguments.format {
        WeightFormat::Oasis => remap::Format::Oasis,
        WeightFormat::Scrip => remap::Format::Scrip,
        WeightFormat::Esmf => remap::Format::Esmf,
    };
    source.supports(method).with_context(|| arguments.source.display().to_string())?;
    let weights = remap::weights(&source, &target, method, norm).checked().with_context(|| {
        format!("weights from {} to {}", arguments.source.display(), arguments.target.display())
    })?;
    if weights.is_empty() {
        bail!(
            "{} and {} have no place in common: nothing to interpolate",
            arguments.source.display(),
            arguments.target.display()
        );
    }
    let names = [name(&arguments.source), name(&arguments.target)];
    let file = remap::to_dataset(&weights, (&source, &names[0]), (&target, &names[1]), format);
    files::write(&file, &arguments.out)?;
    report(arguments, &source, &target, &weights);
    Ok(())
}

/// The grid of a file, and its mask.
fn read(path: &Path, coordinates: Option<&CoordinateNames>, mask: Option<&str>) -> Result<Mesh> {
    let file = files::read(path)?;
    let named = coordinates.map(|names| (names.lon.as_str(), names.lat.as_str()));
    let context = || format!("reading the grid of {}", path.display());
    let mesh = Mesh::from_dataset(&file, named).with_context(context)?;
    let absent = mesh.absent_cells();
    if absent > 0 {
        eprintln!(
            "remap-weights: warning: {absent} of {} cells of {} have no place (their coordinates are missing, or the same for many \
             cells): they take no part",
            mesh.len(),
            path.display()
        );
    }
    let Some(mask) = mask else { return Ok(mesh) };
    let (name, value) = match mask.split_once('=') {
        Some((name, value)) => {
            (name, Some(value.parse().with_context(|| format!("'{value}' in '{mask}' is not a number"))?))
        }
        None => (mask, None),
    };
    mesh.masked_by(&file, name, value).with_context(context)
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn report(arguments: &RemapWeights, source: &Mesh, target: &Mesh, weights: &Weights) {
    let count = |mesh: &Mesh| mesh.active().iter().filter(|&&active| active).count();
    let covered = weights.target_fraction.iter().filter(|&&part| part > 0.0).count();
    println!(
        "{}: {} links from {} cells to {covered} of {} cells",
        arguments.out.display(),
        weights.len(),
        count(source),
        count(target),
    );
}
