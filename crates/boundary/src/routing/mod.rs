//! Routing: from a topography to flow directions, basins and rivers, the bathymetry, soils and relief.
//!
//! The maps of the river routing scheme of ORCHIDEE (Polcher 2003; the directions and indices follow
//! Vörösmarty et al. 2000, doi:10.1016/S0022-1694(00)00282-1, and Ducharne et al. 2003,
//! doi:10.1016/S0022-1694(03)00230-0). Depressions of the topography are filled, flats are given a slope, and
//! every land cell drains to the neighbour with the largest drop (corrected: down the steepest slope).
//!
//! Invariants: rows run south to north and columns west to east from 180 W inside (files are north-up); sea
//! is height <= 0; the date line is joined, the poles are not; filled >= topography on land; every land cell
//! reaches the sea in finitely many steps; basins partition the land; outlets are land cells whose downstream
//! cell is sea. Nothing recurses: length of rivers and size of flats are limited by memory only.
//!
//! Any global grid will do; on 180 x 360 cells the releases of 2021 and 2023 are reproduced bit for bit.

pub mod basins;
pub mod cylinder;
pub mod directions;
mod error;
pub mod flats;
pub mod flood;
pub mod heights;
mod input;
pub mod masks;
pub(crate) mod output;
pub mod pits;
pub mod retention;
pub mod sort;
pub mod topography;

use dataset::heights::Overrides;
use dataset::{Dataset, Header};
use grid::Points;
use ndarray::Array2;

pub use error::Error;

use crate::bathymetry::{self, bathymetry, sample_depths};
use crate::history::note_corrections;
use crate::relief::{Edges, regular_latitudes, relief};
use crate::soils::soils;
use crate::{Finding, Progress, Release};
use basins::{Basins, mark_outlets, trace_basins};
use flood::{fill_towards_ring, fill_towards_sea};
use heights::{Drainage, Remedy, Undrained, drain_filled};
use retention::{OverSea, height_difference_m, length_to_downstream_m, topographic_index};
use topography::{SouthernRow, raise_southern_row, round_to_millimetres};

/// Cells of a topography at most, as routing holds several maps of it in double precision. A grid of 3 arc-minutes has 26
/// million.
pub const MAX_CELLS: usize = 1 << 25;

const SOUTHERN_ROW: &str = "the southernmost row is raised on land only";
const SEA_FLOOD: &str = "depressions are filled towards the sea, not towards row and column maxima";
const SLOPE: &str = "rivers follow the steepest slope, not the largest drop, which favours diagonals";
const OVER_SEA: &str = "riverl is missing over sea";
const RELIEF_EDGES: &str = "the relief is continued across the date line and to the poles";

/// What to route, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Name of the variable that holds the heights, or the depths.
    pub topo_var: String,
    /// Units and direction of that variable, where the file does not say them or says them wrongly.
    pub heights: Overrides,
    /// Name of the longitude; guessed from attributes and names when absent.
    pub lon: Option<String>,
    /// Name of the latitude; guessed when absent.
    pub lat: Option<String>,
    /// Generation of the numerics.
    pub release: Release,
    /// Latitudes of the relief, degrees, north to south; 1080 regular ones when absent.
    pub relief_latitudes: Option<Vec<f64>>,
}

impl Parameters {
    /// The default parameters for a variable.
    pub fn new(topo_var: &str) -> Self {
        Self {
            topo_var: topo_var.to_owned(),
            heights: Overrides::default(),
            lon: None,
            lat: None,
            release: Release::default(),
            relief_latitudes: None,
        }
    }
}

/// The files that the step makes, laid out as they are written, and what it noticed.
#[derive(Debug, Clone, PartialEq)]
pub struct Products {
    /// `routing.nc`
    pub routing: Dataset,
    /// `bathy.nc`. After an edit that changed land only the caller keeps the one there is.
    pub bathy: Dataset,
    /// `soils.nc`
    pub soils: Dataset,
    /// `topo_high_res.nc`
    pub topo_high_res: Dataset,
    /// What the modeller should know.
    pub findings: Vec<Finding>,
}

/// Everything on the map, south-up, (ny, nx).
#[derive(Debug, Clone, PartialEq)]
pub struct Routed {
    /// Heights and directions.
    pub drainage: Drainage,
    /// Basins and rivers.
    pub basins: Basins,
    /// Directions with outlets marked 98 and 99; 0 on sea.
    pub final_directions: Array2<u8>,
    /// Length to the downstream cell, m.
    pub length_to_downstream_m: Array2<f64>,
    /// Height difference to the downstream cell, m.
    pub height_difference_m: Array2<f64>,
    /// Topographic index of the retention time; NaN on sea.
    pub topographic_index: Array2<f64>,
}

/// Whether a variable is small enough to be routed: to be asked before a large file is read.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn check_size(header: &Header, topo_var: &str) -> Result<(), Error> {
    match header.variable(topo_var) {
        Some(variable) if variable.len() > MAX_CELLS => {
            Err(Error::TooLarge { name: topo_var.to_owned(), cells: variable.len() })
        }
        _ => Ok(()),
    }
}

/// Routes the topography of a file and samples it on an ocean grid.
///
/// # Errors
/// [`Error`] says which variable, which cells, and what to do.
pub fn run(
    raw: &Dataset,
    parameters: &Parameters,
    ocean: &Points,
    progress: &dyn Progress,
) -> Result<Products, Error> {
    let release = parameters.release;
    check_size(&raw.header(), &parameters.topo_var)?;
    progress.report("reading the topography", 0.0);
    let relief_latitudes = relief_latitudes(parameters)?;
    let input::Topography { heights_m: topography, mut findings, .. } = prepared(raw, parameters)?;

    progress.report("filling depressions", 0.1);
    let (filled, sea_filled) = match release {
        Release::R2021 | Release::R2023 => {
            let (ring, sea) =
                rayon::join(|| fill_towards_ring(&topography), || fill_towards_sea(&topography));
            (ring, Some(sea))
        }
        Release::Corrected => (fill_towards_sea(&topography), None),
    };
    findings.extend(sea_filled.and_then(|sea| flooding_finding(&filled, &sea)));

    progress.report("flow directions", 0.3);
    let drainage = drain_filled(filled, release)?;
    findings.extend(drainage_findings(&drainage));

    progress.report("basins, rivers and relief", 0.4);
    let edges = match release {
        Release::R2021 | Release::R2023 => Edges::SeaLevel,
        Release::Corrected => Edges::Continued,
    };
    let heights_m = drainage.heights_m.clone();
    findings.extend(height_findings(&heights_m, release));
    let (routed, relief) =
        rayon::join(|| route_drained(drainage, release), || relief(&heights_m, relief_latitudes, edges));

    progress.report("bathymetry on the ocean grid", 0.8);
    let depths = sample_depths(&heights_m, ocean, release)?;
    let absent = bathymetry::absent_cells(ocean);
    if absent > 0 {
        findings.push(Finding::warning(
            "ocean-cells-without-place",
            format!(
                "{absent} of {} cells of the ocean grid have no place (their coordinates are missing, or the same for many cells, as \
                 where a model leaves out the processors of land): they are land in the bathymetry",
                ocean.lon_deg.len()
            ),
        ));
    }
    if bathymetry::beyond_one_turn(ocean.lon_deg.view()) {
        findings.push(Finding::note(
            "ocean-grid-longitudes",
            "the ocean grid has longitudes beyond -180..180; they were taken to that range for sampling",
        ));
    }

    progress.report("laying out the files", 0.9);
    let mut products = Products {
        routing: output::routing_dataset(&routed),
        bathy: bathymetry(depths, ocean),
        soils: soils(&heights_m),
        topo_high_res: relief.into_dataset(),
        findings,
    };
    if release == Release::Corrected {
        note_corrections(&mut products.routing, "routing", &[SOUTHERN_ROW, SEA_FLOOD, SLOPE, OVER_SEA]);
        note_corrections(&mut products.bathy, "routing", &[SOUTHERN_ROW, SEA_FLOOD]);
        note_corrections(&mut products.soils, "routing", &[SOUTHERN_ROW]);
        note_corrections(&mut products.topo_high_res, "routing", &[SOUTHERN_ROW, SEA_FLOOD, RELIEF_EDGES]);
    }
    progress.report("done", 1.0);
    Ok(products)
}

/// The topography of a file as it is routed: read, rounded, the southernmost row raised; land and sea are there.
pub(crate) fn prepared(raw: &Dataset, parameters: &Parameters) -> Result<input::Topography, Error> {
    let mut topography = input::read(raw, parameters)?;
    round_to_millimetres(&mut topography.heights_m);
    let southern_row = match parameters.release {
        Release::R2021 | Release::R2023 => SouthernRow::Everywhere,
        Release::Corrected => SouthernRow::LandOnly,
    };
    let new_land = raise_southern_row(&mut topography.heights_m, southern_row);
    if new_land > 0 {
        topography.findings.push(Finding::warning(
            "southern-row",
            format!(
                "{new_land} cells of shallow sea in the southernmost row became land, because that row is raised; \
                 the release 'corrected' raises land only"
            ),
        ));
    }
    check_land_and_sea(&parameters.topo_var, &topography.heights_m)?;
    Ok(topography)
}

/// Routes heights on the map: south-up, west to east from 180 W, (ny, nx), m, without NaN, rounded to
/// millimetres, the southernmost row raised ([`topography`]).
///
/// # Errors
/// [`Undrained`] if there is land and no sea.
pub fn route(topography_m: &Array2<f64>, release: Release) -> Result<Routed, Undrained> {
    Ok(route_drained(heights::drain(topography_m, release)?, release))
}

/// Everything that follows from heights and directions.
fn route_drained(drainage: Drainage, release: Release) -> Routed {
    let over_sea = match release {
        Release::R2021 | Release::R2023 => OverSea::NorthernDifference,
        Release::Corrected => OverSea::Missing,
    };
    let basins = trace_basins(&drainage.heights_m, &drainage.directions);
    let final_directions = mark_outlets(&drainage.directions, &basins.outlets);
    let length_to_downstream_m =
        length_to_downstream_m(&basins.river_length_km, &drainage.directions, over_sea);
    let height_difference_m = height_difference_m(&drainage.heights_m, &final_directions);
    let topographic_index =
        topographic_index(&length_to_downstream_m, &height_difference_m, &final_directions);
    Routed {
        drainage,
        basins,
        final_directions,
        length_to_downstream_m,
        height_difference_m,
        topographic_index,
    }
}

fn relief_latitudes(parameters: &Parameters) -> Result<Vec<f64>, Error> {
    let Some(latitudes) = &parameters.relief_latitudes else { return Ok(regular_latitudes()) };
    let (count, valid) = (latitudes.len(), latitudes.iter().filter(|lat| lat.abs() <= 90.0).count());
    let invalid = count - valid;
    if count == 0 || invalid > 0 {
        return Err(Error::ReliefLatitudes { count, invalid });
    }
    Ok(latitudes.clone())
}

fn check_land_and_sea(name: &str, heights_m: &Array2<f64>) -> Result<(), Error> {
    let land = topography::count_land(heights_m);
    if land == 0 {
        return Err(Error::NoLand { name: name.to_owned() });
    }
    if land == heights_m.len() {
        return Err(Error::NoSea { name: name.to_owned() });
    }
    Ok(())
}

/// Where filling towards the ring and towards the sea differ.
fn flooding_finding(ring_m: &Array2<f64>, sea_m: &Array2<f64>) -> Option<Finding> {
    let (cells, largest) =
        ring_m.iter().zip(sea_m).fold((0_usize, 0.0_f64), |(cells, largest), (&ring, &sea)| {
            (cells + usize::from(ring != sea), largest.max((ring - sea).abs()))
        });
    (cells > 0).then(|| {
        Finding::warning(
            "ring-flooding",
            format!(
                "{cells} land cells stand up to {largest:.0} m differently from how they would if depressions were \
                 filled towards the sea (beside enclosed seas, mostly); the release 'corrected' does that"
            ),
        )
    })
}

/// What had to be done for all land to drain.
fn drainage_findings(drainage: &Drainage) -> Vec<Finding> {
    let mut findings = Vec::new();
    if drainage.pits_removed > 0 {
        let text = format!("{} cells were raised because they were pits", drainage.pits_removed);
        findings.push(Finding::note("pits-removed", text));
    }
    let (code, text) = match drainage.remedy {
        Remedy::None => return findings,
        Remedy::PolarRows => (
            "polar-rows",
            "rivers beside a pole would have run in circles; they drain to their largest drop instead",
        ),
        Remedy::SmallIncrements => (
            "small-increments",
            "heights differ by less than the slope that flats are given (1 cm); the slope was made smaller so that rivers \
             do not run in circles",
        ),
        Remedy::SeaFlood => (
            "sea-flood",
            "some land would not have drained to any sea; its depressions were filled towards the sea",
        ),
    };
    findings.push(Finding::warning(code, text));
    findings
}

/// What the final heights mean for the other steps.
fn height_findings(heights_m: &Array2<f64>, release: Release) -> Vec<Finding> {
    let mut findings = Vec::new();
    let zeros = heights_m.iter().filter(|&&h| h == 0.0).count();
    if zeros > 0 {
        let elsewhere = match release {
            Release::R2021 => "as land in the bathymetry and the steps after it",
            Release::R2023 | Release::Corrected => "10 m deep in the bathymetry",
        };
        let text = format!("{zeros} cells of exactly 0 m count as sea in the routing and {elsewhere}");
        findings.push(Finding::note("zero-metre-cells", text));
    }
    let enclosed = masks::enclosed_seas(heights_m);
    if enclosed.seas > 0 {
        let text = format!(
            "{} internal ocean(s) of {} cell(s) in the heights as they are routed (to the millimetre, the southernmost row \
             as land where the release has it so) have no connection to the main ocean: fill or connect them unless they \
             are meant",
            enclosed.seas, enclosed.cells
        );
        findings.push(Finding::warning("enclosed-seas", text));
    }
    let (ny, nx) = heights_m.dim();
    let rim = heights_m
        .indexed_iter()
        .filter(|&((i, j), &h)| h > 0.0 && (i == 0 || j == 0 || i + 1 == ny || j + 1 == nx))
        .count();
    if rim > 0 && release != Release::Corrected {
        let text = format!(
            "{rim} land cells lie at the poles or the date line, where the relief reads 0 m half a cell wide; the release \
             'corrected' continues it"
        );
        findings.push(Finding::note("relief-rim", text));
    }
    findings
}
