//! The text that explains the delivered tree to who unpacks it.

use crate::Outcome;

/// `README.txt`.
pub fn readme(outcome: &Outcome) -> String {
    let options = &outcome.options;
    let (rows, columns) = outcome.ocean.shape();
    let figures = &outcome.figures;
    let name = format!("{}.{}", options.ocean_name, options.name);
    let runoff = &figures.runoff;
    let outlets = match runoff.land_lost {
        0 => String::new(),
        lost => format!(
            "
{lost} of {} land cells of the atmosphere have no outlet to the ocean ({:.0} % of the land): their run-off counts on the
river routing of the land model.
",
            runoff.land_sources,
            100.0 * runoff.lost_fraction()
        ),
    };
    format!(
        "Coupling weights {name}, ocean {columns}x{rows}, LMDZ {atmosphere}
Made by climsim; computation: {mode}, edges of cells: {geometry}.

maps.nc             maps to look at: masks, fractions, neighbours, run-off, calving
IGCM/CPL/...        for OASIS3-MCT: grids, areas, masks, and the weights (rmp_*.nc)
    rmp_torc_to_tlmd_MOSAIC.nc         ocean to atmosphere: means, {o2a} links
    rmp_tlmd_to_torc_MOSAIC.nc         atmosphere to ocean: fluxes, {a2o} links
    rmp_tlmd_to_torc_MOSAIC_rivflu.nc  run-off, {runoff} links (inland run-off: {inland})
    rmp_tlmd_to_torc_MOSAIC_calvin*.nc calving, {calving} links
    run.def                            the parameters
IGCM/ATM/START/...  o2a.nc: ocean fractions for the initial state of LMDZ (rows south to north)
DOMSK/...           ocean grid and masks, for plots and checks; the three inputs; the parameters
{outlets}",
        atmosphere = options.atmosphere,
        mode = options.mode,
        geometry = options.geometry.as_str(),
        o2a = figures.to_atmosphere.links,
        a2o = figures.to_ocean.links,
        runoff = runoff.links,
        inland = runoff.inland,
        calving = figures.calving.links,
    )
}
