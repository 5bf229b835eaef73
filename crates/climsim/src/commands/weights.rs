//! `climsim weights` and `climsim weights-compare`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use coupling::compare::compare;
use coupling::{Figures, Input, Mode, Options, Sources, Stage};
use dataset::Dataset;
use flate2::read::GzDecoder;
use grid::orca;

use crate::arguments::{NoCalving, Weights, WeightsCompare};
use crate::{files, terminal};

pub(crate) fn run(arguments: &Weights) -> Result<()> {
    let default = Options::default();
    let spared = |sea: NoCalving| arguments.no_calving.contains(&sea);
    let options = Options {
        name: arguments.name.clone().unwrap_or(default.name.clone()),
        mode: if arguments.legacy { Mode::Legacy } else { Mode::Corrected },
        geometry: arguments.geometry,
        atmosphere: arguments.atmosphere,
        inland_runoff: arguments.inland_runoff,
        runoff_reach_m: arguments.dist_max * 1000.0,
        runoff_spread_m: arguments.dist_max_voisin * 1000.0,
        calving_limits_deg: arguments.ylimits.clone(),
        calving_nomed: !spared(NoCalving::ClosedSeas),
        calving_noatl: spared(NoCalving::Atlantic),
        calving_nopac: spared(NoCalving::Pacific),
        stamps: mosaic_worker::stamps(),
        ..default
    };
    // What is wrong with the command line is said before files are read.
    let options = options.checked()?;
    let sources = Sources {
        coordinates: &arguments.coordinates,
        bathymetry: &arguments.bathy,
        basins: &arguments.subbasins,
    };
    make(&sources, &options, &arguments.out)
}

/// Weights of three files on disk, written into a folder.
pub(crate) fn make(sources: &Sources<'_>, options: &Options, out: &Path) -> Result<()> {
    let input = Input::read(
        &files::read(sources.coordinates)?,
        &files::read(sources.bathymetry)?,
        &files::read(sources.basins)?,
    )
    .with_context(|| {
        let [coordinates, bathymetry, basins] =
            [sources.coordinates, sources.bathymetry, sources.basins].map(|path| path.display().to_string());
        format!("weights of {bathymetry}, {basins} and {coordinates}")
    })?;
    let line = terminal::Line::new("weights");
    let report = |stage: Stage| boundary::Progress::report(&line, stage.label(), stage.fraction());
    let outcome = coupling::run(&input, options, &mut { report })?;
    drop(input);
    outcome.write_tree(sources, out, &mut |path| {
        boundary::Progress::report(&line, path, Stage::Delivery.fraction());
    })?;
    drop(line);
    terminal::findings("weights", &outcome.findings);
    print!("{}", summary(out, &outcome.figures));
    Ok(())
}

/// The generated ocean grid as a file in `folder`, for weights on it.
pub(crate) fn generated_grid(folder: &Path) -> Result<PathBuf> {
    let grid = orca::grid(&orca::Parameters::default()).context("generating the ocean grid")?;
    let path = folder.join("coordinates.nc");
    files::write(&grid.to_dataset(), &path)?;
    Ok(path)
}

fn summary(out: &Path, figures: &Figures) -> String {
    let Figures { to_atmosphere, to_ocean, runoff, calving, .. } = figures;
    format!(
        "{}\n  ocean to atmosphere: {} links, at most {} neighbours, sums of weights {:.16} to {:.16}\n  atmosphere to ocean: {} links, at \
         most {} neighbours, conserved within {:.1e}\n  run-off: {} links, {} of {} land cells drain nowhere\n  calving: {} links in {} bands\n",
        out.display(),
        to_atmosphere.links,
        to_atmosphere.neighbours.max,
        to_atmosphere.row_sums.min,
        to_atmosphere.row_sums.max,
        to_ocean.links,
        to_ocean.neighbours.max,
        to_ocean.conservation,
        runoff.links,
        runoff.land_lost,
        runoff.land_sources,
        calving.links,
        calving.bands.len(),
    )
}

/// Files that the original does not deliver: whether they are there, and what they hold, does not count.
const ADDED: [&str; 2] = ["maps.nc", "README.txt"];

/// Prints how two results differ; fails when they do by more than the tolerance.
pub(crate) fn run_compare(arguments: &WeightsCompare) -> Result<()> {
    let (a, b) = (contents(&arguments.a)?, contents(&arguments.b)?);
    let mut differing = 0;
    for path in a.keys().chain(b.keys().filter(|path| !a.contains_key(*path))) {
        let differs = match (a.get(path), b.get(path)) {
            (Some(a), Some(b)) => compared(path, &a.bytes()?, &b.bytes()?, arguments)?,
            (Some(_), None) => said(path, &format!("only in {}", arguments.a.display())),
            _ => said(path, &format!("only in {}", arguments.b.display())),
        } && !ADDED.contains(&path.as_str());
        differing += usize::from(differs);
    }
    let compared = a.keys().filter(|path| b.contains_key(*path)).count();
    ensure!(compared > 0, "the two have no file in common");
    ensure!(
        differing == 0,
        "{differing} files differ by more than {:e} ({compared} were compared)",
        arguments.tolerance
    );
    println!("{compared} files agree within {:e}", arguments.tolerance);
    Ok(())
}

fn said(path: &str, what: &str) -> bool {
    println!("{path}: {what}");
    true
}

/// Prints the differences of one file, and tells whether there are any that count.
fn compared(path: &str, a: &[u8], b: &[u8], arguments: &WeightsCompare) -> Result<bool> {
    if a == b {
        println!("{path}: identical");
        return Ok(false);
    }
    if !path.ends_with(".nc") {
        return Ok(said(path, "different bytes"));
    }
    let comparison = compare(&read(path, a, &arguments.a)?, &read(path, b, &arguments.b)?);
    let values_agree = comparison.variables.iter().all(|v| v.agrees_within(arguments.tolerance));
    let header_agrees = arguments.values_only || comparison.header.is_empty();
    let agrees = values_agree && header_agrees;
    println!("{path}: {}", if agrees { "agrees" } else { "DIFFERS" });
    if !arguments.values_only {
        for difference in &comparison.header {
            println!("  {difference}");
        }
    }
    let shown = comparison.variables.iter().filter(|v| v.different > 0 || v.values.is_none());
    for variable in shown {
        println!("  {variable}");
    }
    // Lists of other links cannot be compared one by one; those between the same cells can.
    if let Some(links) = comparison.links.filter(|links| links.common < links.here.max(links.there)) {
        println!("  {links}");
    }
    Ok(!agrees)
}

/// A file of any format: the original's weights are NetCDF-4, which is read from files only.
fn read(path: &str, bytes: &[u8], side: &Path) -> Result<Dataset> {
    let name = format!("{}/{path}", side.display());
    if !bytes.starts_with(b"\x89HDF") {
        return Ok(dataset::from_bytes(bytes, &name)?);
    }
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    dataset::read(file.path()).with_context(|| format!("reading {name}"))
}

/// A file of a tree, or of an archive.
enum Member {
    Path(PathBuf),
    Bytes(Vec<u8>),
}

impl Member {
    fn bytes(&self) -> Result<Vec<u8>> {
        match self {
            Self::Path(path) => std::fs::read(path).with_context(|| format!("reading {}", path.display())),
            Self::Bytes(bytes) => Ok(bytes.clone()),
        }
    }
}

/// The files of a folder or of a `tar.gz`, by their paths within.
fn contents(root: &Path) -> Result<BTreeMap<String, Member>> {
    let context = || format!("reading {}", root.display());
    let mut found = BTreeMap::new();
    if root.is_dir() {
        folder(root, root, &mut found).with_context(context)?;
        return Ok(found);
    }
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(root).with_context(context)?));
    for entry in archive.entries().with_context(context)? {
        let mut entry = entry.with_context(context)?;
        if entry.header().entry_type().is_file() {
            let path = entry.path().with_context(context)?.to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).with_context(context)?;
            found.insert(path, Member::Bytes(bytes));
        }
    }
    if found.is_empty() {
        bail!("{} holds no files", root.display());
    }
    Ok(found)
}

fn folder(root: &Path, at: &Path, found: &mut BTreeMap<String, Member>) -> Result<()> {
    for entry in std::fs::read_dir(at)? {
        let path = entry?.path();
        if path.is_dir() {
            folder(root, &path, found)?;
        } else if let Ok(within) = path.strip_prefix(root) {
            found.insert(within.to_string_lossy().into_owned(), Member::Path(path.clone()));
        }
    }
    Ok(())
}
