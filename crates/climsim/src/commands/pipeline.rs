//! `climsim pipeline`: everything that needs no hand, as the platform does it after a click on *routing*, from any
//! global topography: what needs no decision is done and said, what needs one is asked.

use std::path::Path;

use anyhow::{Context, Result, bail};
use boundary::Release;
use boundary::regrid::{self, Parameters, Proposal};
use coupling::{Options, Sources};
use dataset::heights::{self, Direction, Overrides, Positive};
use dataset::{Dataset, File, Header, Values};
use grid::OceanGrid;

use super::regrid::with_values;
use super::{on_bathymetry, pft, routing, weights};
use crate::{arguments, files, terminal};

/// Cells below this are regridded to one degree unless told otherwise: routing finer than that of the land model takes
/// minutes and gigabytes.
const FINEST_DEGREES: f64 = 0.25;

pub(crate) fn run(arguments: &arguments::Pipeline) -> Result<()> {
    let release = arguments.routing.release.release;
    let (raw, topo_var) =
        topography(arguments).with_context(|| arguments.routing.input.display().to_string())?;
    let products = routing::of_topography(&raw, &topo_var, &arguments.routing)?;
    drop(raw);
    let bathymetry = &products.bathy;
    let made = [
        ("pft.nc", pft::make(&products.routing, arguments.table.as_deref(), release).context("pft")?),
        ("heatflow.nc", on_bathymetry::make_heatflow(bathymetry, release).context("heatflow")?),
        ("ahmcoef.nc", on_bathymetry::make_ahmcoef(bathymetry).context("ahmcoef")?),
        ("sub_basins.nc", on_bathymetry::make_subbasins(bathymetry, release).context("subbasins")?),
    ];
    let out = &arguments.routing.out;
    for (name, dataset) in &made {
        files::write(dataset, &out.join(name))?;
    }
    let coordinates = match &arguments.routing.ocean_grid {
        None => weights::generated_grid(out)?,
        Some(grid) if full_grid(grid)? => grid.clone(),
        Some(grid) => {
            eprintln!("weights: note: not computed, for {} holds no full C grid", grid.display());
            return Ok(());
        }
    };
    let sources = Sources {
        coordinates: &coordinates,
        bathymetry: &out.join("bathy.nc"),
        basins: &out.join("sub_basins.nc"),
    };
    let stem = arguments.routing.input.file_stem().unwrap_or_default().to_string_lossy();
    let options =
        Options { name: Options::file_name(&stem), stamps: mosaic_worker::stamps(), ..Options::default() };
    weights::make(&sources, &options, &out.join("weights")).context("weights")
}

/// The topography as it is routed, and its name: on its own grid, or regridded.
fn topography(arguments: &arguments::Pipeline) -> Result<(Dataset, String)> {
    let file = File::open(&arguments.routing.input)?;
    let topo_var = files::topography(file.header(), arguments.routing.topo_var.as_deref(), "pipeline")?;
    let filled = arguments.fill_missing.map(|height| -> Result<Dataset> {
        let mut source = file.read_all()?;
        fill_missing(&mut source, &topo_var, height, &arguments.routing.heights.overrides())?;
        Ok(source)
    });
    let filled = filled.transpose()?;
    let Some(step) = target(arguments, &file, &topo_var)? else {
        let source = filled.map_or_else(|| file.read_all(), Ok)?;
        ask_for_holes(&source, &topo_var)?;
        return Ok((source, topo_var));
    };
    let (longitude, latitude) = files::coordinates(file.header(), &arguments.routing.coordinates)?;
    let names = map_names(file.header(), [&topo_var, &longitude, &latitude]);
    let parameters = Parameters {
        longitude_step_degrees: step,
        latitude_step_degrees: step,
        release: arguments.routing.release.release,
        ..with_values(Parameters::one_degree(&longitude, &latitude), &arguments.values)
    };
    let progress = terminal::Line::new("regrid");
    let made = match filled {
        Some(mut source) => {
            source.variables.retain(|variable| names.contains(&variable.name));
            regrid::run(&source, &parameters, &progress)
        }
        None => regrid::run_part(&file, &names, &parameters, &progress),
    };
    let made = made.context("regridding")?;
    // Holes are asked about below, in the words of this command.
    let said: Vec<_> = made.findings.into_iter().filter(|f| f.code != "regrid-empty-cells").collect();
    terminal::findings("regrid", &said);
    ask_for_holes(&made.dataset, &topo_var)?;
    files::write(&made.dataset, &arguments.routing.out.join("topography.nc"))?;
    Ok((made.dataset, topo_var))
}

/// The step to regrid to; `None` to route on the grid that there is.
fn target(arguments: &arguments::Pipeline, file: &File, topo_var: &str) -> Result<Option<f64>> {
    // What is wrong with the name is said by the routing.
    if arguments.no_regrid || file.header().variable(topo_var).is_none() {
        return Ok(None);
    }
    if let Some(step) = arguments.resolution {
        return Ok(Some(step));
    }
    // The published releases leave the grid to the modeller, as they always did.
    if arguments.routing.release.release != Release::Corrected {
        return Ok(None);
    }
    let (longitude, latitude) = files::coordinates(file.header(), &arguments.routing.coordinates)?;
    let proposal = regrid::propose_file(file, &longitude, &latitude)?;
    let Proposal { columns, rows, spacing_degrees: (x, y), global, fits_routing, .. } = proposal;
    if !global {
        bail!(
            "'{topo_var}' does not cover the globe ({columns} x {rows} cells of {x:.4} x {y:.4} degrees): \
             the boundary conditions need a global topography"
        );
    }
    if fits_routing && x.min(y) > FINEST_DEGREES * (1.0 - 1e-6) {
        return Ok(None);
    }
    let why = if fits_routing { "small cells" } else { "a grid that routing does not take as it is" };
    eprintln!(
        "pipeline: note: the file has {why} ({columns} x {rows}, {x:.4} x {y:.4} degrees): regridded to {} degree, \
         see --resolution and --no-regrid",
        proposal.step_degrees
    );
    Ok(Some(proposal.step_degrees))
}

/// The names of the map, of its coordinates, and of their bounds.
fn map_names(header: &Header, names: [&String; 3]) -> Vec<String> {
    let own = header.variables.iter().filter(|variable| names.contains(&&variable.name));
    let bounds =
        own.filter_map(|variable| variable.attributes.text("bounds").map(|text| text.trim().to_owned()));
    names.into_iter().cloned().chain(bounds).collect()
}

/// Gives the cells of a map that have no value a height, in the units and the direction of the file.
fn fill_missing(source: &mut Dataset, name: &str, height: f64, said: &Overrides) -> Result<()> {
    let Some(variable) = source.variables.iter_mut().find(|v| v.name == name) else { return Ok(()) };
    let Some(values) = variable.decode() else { return Ok(()) };
    let empty = values.iter().filter(|value| value.is_nan()).count();
    if empty == 0 {
        return Ok(());
    }
    let (units, _) = heights::units(name, &variable.attributes, said)?;
    let direction = Direction::detect(name, &variable.attributes, said, || values.iter().copied());
    let up = if direction.positive == Positive::Up { height } else { -height };
    let stored = up / units.metres(1.0);
    variable.unpack();
    variable.values = Values::F64(values.mapv_into(|value| if value.is_nan() { stored } else { value }));
    eprintln!("pipeline: note: {empty} cells of '{name}' without a value are taken to be at {height} m");
    Ok(())
}

/// Asks what to do about cells without a value.
fn ask_for_holes(source: &Dataset, name: &str) -> Result<()> {
    let Some(values) = source.variable(name).and_then(dataset::Variable::decode) else { return Ok(()) };
    let empty = values.iter().filter(|value| value.is_nan()).count();
    if empty == 0 {
        return Ok(());
    }
    bail!(
        "'{name}' has no value in {empty} of {} cells: which height do they have? Give it with --fill-missing METRES \
         (such as -3000 where the file has land only)",
        values.len()
    )
}

/// True when weights can be computed on the grid of a file.
fn full_grid(path: &Path) -> Result<bool> {
    Ok(OceanGrid::from_dataset(&files::read_grid(path)?)?.grid.mesh().is_some())
}
