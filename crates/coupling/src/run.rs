//! The whole chain, from the three inputs to everything that is delivered.

use boundary::Finding;

use crate::atmosphere::Atmosphere;
use crate::calving::Calving;
use crate::figures::Figures;
use crate::fluxes::Fluxes;
use crate::input::Input;
use crate::ocean::Ocean;
use crate::outlines::Outlines;
use crate::runoff::Runoff;
use crate::{Error, InlandRunoff, Mode, Options};

/// The stages of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The ocean grid and its masks.
    Ocean,
    /// Overlaps of the two grids, and the matrices of the fluxes.
    Overlaps,
    /// Weights of the run-off.
    Runoff,
    /// Weights of the calving.
    Calving,
    /// Writing the files.
    Delivery,
}

impl Stage {
    /// What is being done, in the modeller's words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ocean => "ocean grid and masks",
            Self::Overlaps => "overlaps of ocean and atmosphere cells",
            Self::Runoff => "run-off weights",
            Self::Calving => "calving weights",
            Self::Delivery => "writing the files",
        }
    }

    /// The part of the run that is behind when the stage begins, 0 to 1, as measured on the reference case.
    pub fn fraction(self) -> f64 {
        match self {
            Self::Ocean => 0.0,
            Self::Overlaps => 0.01,
            Self::Runoff => 0.24,
            Self::Calving => 0.25,
            Self::Delivery => 0.27,
        }
    }
}

/// Everything that was computed. The files are made of it one by one: [`Outcome::products`].
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The run configuration, checked.
    pub options: Options,
    /// The ocean grid and its masks.
    pub ocean: Ocean,
    /// The atmosphere grid.
    pub atmosphere: Atmosphere,
    /// Outlines of the ocean cells.
    pub outlines: Outlines,
    /// Masks of the coupler, and both matrices of the fluxes.
    pub fluxes: Fluxes,
    /// Run-off.
    pub runoff: Runoff,
    /// Calving.
    pub calving: Calving,
    /// The numbers that a modeller checks.
    pub figures: Figures,
    /// What is doubtful: of the inputs, and of the result.
    pub findings: Vec<Finding>,
}

/// Computes masks and weights. `progress` hears of each stage as it begins; [`Stage::Delivery`] is told by the methods that
/// write.
///
/// The result is the same, bit for bit, for any number of threads. Memory and time grow with the cells and the
/// links; the reference case takes 31 MB, and 73 MB with the archive.
///
/// # Errors
/// Options out of range, no sea at all, sea at the south pole.
pub fn run(input: &Input, options: &Options, progress: &mut dyn FnMut(Stage)) -> Result<Outcome, Error> {
    let options = options.clone().checked()?;
    progress(Stage::Ocean);
    let ocean = Ocean::new(&input.grid, &input.bathymetry_m, &input.basins, options.mode)?;
    let atmosphere = Atmosphere::new(options.atmosphere);
    let last = atmosphere.size.columns - 1;
    let outlines = Outlines::new(&ocean, (atmosphere.west_deg[0], atmosphere.east_deg[last]));

    progress(Stage::Overlaps);
    let fluxes = Fluxes::new(&ocean, &atmosphere, &outlines, options.geometry)?;
    check_sea(&fluxes, &outlines, &atmosphere)?;
    progress(Stage::Runoff);
    let runoff = Runoff::new(&ocean, &atmosphere, &fluxes, &options);
    progress(Stage::Calving);
    let calving = Calving::new(&ocean, &atmosphere, &fluxes, &options);

    let figures = Figures::new(&ocean, &atmosphere, &fluxes, &runoff, &calving, &options);
    let mut findings = input.findings.clone();
    findings.extend(run_findings(&ocean, &figures, &options));
    Ok(Outcome { options, ocean, atmosphere, outlines, fluxes, runoff, calving, figures, findings })
}

/// There must be sea, and none in the atmosphere's southernmost row, which is not coupled.
fn check_sea(fluxes: &Fluxes, outlines: &Outlines, atmosphere: &Atmosphere) -> Result<(), Error> {
    let mut lowest = None::<f64>;
    for ((j, i), _) in fluxes.unique_sea.indexed_iter().filter(|(_, sea)| **sea) {
        let south = outlines.outline(j, i).iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        lowest = Some(lowest.map_or(south, |lowest| lowest.min(south)));
    }
    let limit = atmosphere.north_deg[atmosphere.size.intervals];
    match lowest {
        None => Err(Error::NoSea),
        Some(latitude) if latitude < limit - 1e-6 => Err(Error::SeaAtSouthPole { latitude, limit }),
        Some(_) => Ok(()),
    }
}

/// What the modeller should know about the result.
fn run_findings(ocean: &Ocean, figures: &Figures, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let first_row = ocean.surface[0].row(0).iter().filter(|sea| **sea == 1).count();
    if first_row > 0 {
        findings.push(Finding::warning(
            "ocean-first-row-is-sea",
            format!(
                "{first_row} cells of the first row of the ocean grid are sea: the coupler takes that row for land, so they \
                 get no fluxes."
            ),
        ));
    }
    if figures.ocean.uncovered_sea_cells > 0 {
        findings.push(Finding::warning(
            "sea-without-atmosphere",
            format!(
                "{} sea cells overlap no atmosphere cell: they get no fluxes.",
                figures.ocean.uncovered_sea_cells
            ),
        ));
    }
    let enclosed = ocean.enclosed_sea_cells();
    if enclosed > 0 {
        let calving = match (options.mode, options.calving_nomed) {
            (Mode::Legacy, _) => "they receive calving as the open sea does",
            (Mode::Corrected, true) => {
                "they receive calving as the open sea does (l_calving_nomed = n leaves them out)"
            }
            (Mode::Corrected, false) => "they receive no calving",
        };
        findings.push(Finding::note(
            "enclosed-seas",
            format!("{enclosed} sea cells are not connected to the largest ocean: {calving}."),
        ));
    }
    let runoff = &figures.runoff;
    if runoff.land_lost > 0 {
        let remedy = match options.inland_runoff {
            InlandRunoff::NearestCoast => "",
            InlandRunoff::Drop | InlandRunoff::Spread => {
                " The inland run-off option nearest-coast sends it to the nearest coast."
            }
        };
        findings.push(Finding::note(
            "land-without-outlet",
            format!(
                "{} of {} land cells of the atmosphere, {:.0} % of the land, are {:.0} km or more from the coast: their run-off \
                 reaches the ocean only if the river routing of the land model brings it to coastal cells.{remedy}",
                runoff.land_lost,
                runoff.land_sources,
                100.0 * runoff.lost_fraction(),
                options.runoff_reach_m / 1000.0,
            ),
        ));
    }
    if runoff.coast_lost > 0 {
        findings.push(Finding::warning(
            "coast-without-outlet",
            format!(
                "{} coastal cells of the atmosphere touch no coastal ocean cell: their run-off is lost.",
                runoff.coast_lost
            ),
        ));
    }
    for band in figures.calving.bands.iter().filter(|band| band.cells == 0 && band.rows > 0) {
        findings.push(Finding::warning(
            "calving-band-without-sea",
            format!(
                "there is no sea between {} and {} degrees north that receives calving: the ice of {} rows of the atmosphere is \
                 lost.",
                band.south_deg, band.north_deg, band.rows
            ),
        ));
    }
    let in_bands: usize = figures.calving.bands.iter().map(|band| band.rows).sum();
    let outside = figures.atmosphere.rows - in_bands;
    if outside > 0 {
        findings.push(Finding::note(
            "calving-outside-bands",
            format!(
                "In no band of latitude (ylimits): {outside} of {} rows of the atmosphere, whose ice is lost.",
                figures.atmosphere.rows
            ),
        ));
    }
    findings
}
