//! The parameters, in the files that the original leaves with its results.

use grid::{Fold, Overlap};

use crate::{Geometry, InlandRunoff, Mode, Outcome};

/// The three inputs, under the names that the parameters say.
pub(crate) const COORDINATES: &str = "coordinates.nc";
/// Depths.
pub(crate) const BATHYMETRY: &str = "bathy_meter.nc";
/// Basins.
pub(crate) const BASINS: &str = "subbasins.nc";

/// Half the circumference of the Earth and a little: every place is nearer.
const EVERYWHERE_M: f64 = 20_100_000.0;

/// Neighbours that the original makes room for before it counts them: ocean to atmosphere, atmosphere to ocean, run-off.
const ROOM: [usize; 3] = [15, 18, 9];

fn nperio(outcome: &Outcome) -> i32 {
    match (outcome.ocean.topology.fold, outcome.ocean.topology.overlap) {
        (Fold::FPivot, _) => 6,
        (Fold::TPivot, _) => 4,
        (Fold::None, Overlap::TwoColumns) => 1,
        // This model has no number for a grid that closes without repeating; nor has it such grids.
        (Fold::None | Fold::Other(_), _) => 0,
    }
}

fn yes(choice: bool) -> &'static str {
    if choice { "y" } else { "n" }
}

/// `run.def` as at the end, with the neighbours found; or, without them, as at the start.
///
/// What the original does not know (`mode`, `geometry`) stands at the end, and only where it differs from it.
pub fn run_def(outcome: &Outcome, with_neighbours: bool) -> String {
    let options = &outcome.options;
    let [to_atmosphere, to_ocean, runoff] = match with_neighbours {
        true => {
            [outcome.fluxes.to_atmosphere.most(), outcome.fluxes.to_ocean.most(), outcome.runoff.links.most()]
        }
        false => ROOM,
    };
    let (rows, columns) = outcome.ocean.shape();
    let ocean_name = &options.ocean_name;
    let name = format!("{ocean_name}.{}", options.name);
    let limits: Vec<String> = options.calving_limits_deg.iter().map(|limit| format!("{limit:?}")).collect();
    let reach_m = match options.inland_runoff {
        InlandRunoff::NearestCoast => EVERYWHERE_M,
        InlandRunoff::Drop | InlandRunoff::Spread => options.runoff_reach_m,
    };
    let spread = options.inland_runoff == InlandRunoff::Spread;
    let mut text = format!(
        "l_ipsldbg = n
c_suffix = none
l_d_alloc = n
l_dryrun = n
lev_dry = 0
clgm = .FALSE.
l_paleorca2 = y
clcoo = {COORDINATES}
cname = {name}
cl_met = {BATHYMETRY}
cr = rp2
l_bat_cdf = y
group = {ocean_name}
production = NEMO - {ocean_name}
jpi = {columns}
jpj = {rows}
nperio = {nperio}
jpk = {levels}
l_meter = y
l_wri_3D = y
jpoi = {columns}
jpoj = {rows}
l_recalc_o = n
noperio = {nperio}
jpoe = 9
comod = orc
cotyp = orca2.3
locerev = n
jpai = {atmosphere_columns}
jpaj = {intervals}
l_recalc_a = n
jpae = 9
naperio = -1
la_pole = y
la_nortop = n
camod = lmd
catyp = lmdz
norma2o = 2
normo2a = 1
jpa2o = 10000
jpo2a = 100
jmo2a = {to_atmosphere}
jma2o = {to_ocean}
jma2or = {runoff}
jma2oi = {calving}
lriv = n
lcoast = y
lint_atm = y
lint_oce = n
lnear = n
lnei = y
ltotal = n
ltotal_dist = {nearest}
dist_max = {reach_m:?}
ltotal_dist_2 = y
dist_max_voisin = {spread_m:?}
cotes_omsk = noperio
cotes_amsk = full
l_runoff_msk_noperio = y
l_runoff_msk_ext = y
c_basins = {name}.nc
cl_atl = mask_atl
cl_pac = mask_pac
cl_nomed = mask_nomed
cl_noclo = mask_noclose
jp_calv = {bands}
ylimits = {limits}
l_calving_nopac = {nopac}
l_calving_noatl = {noatl}
l_calving_nomed = {nomed}
limit_stack = .FALSE.
c_oasis = 2.2
l_grid_cdf = .TRUE.
c_FlioMode = REPHDF
l_wei_i4 = y
l_wei_i8 = n
l_wei_oasis3 = y
l_wei_oasis_mct = y
",
        nperio = nperio(outcome),
        levels = crate::levels::COUNT,
        atmosphere_columns = options.atmosphere.columns,
        intervals = options.atmosphere.intervals,
        calving = outcome.calving.bands.iter().map(|band| band.links.len()).max().unwrap_or(0),
        nearest = yes(!spread),
        spread_m = options.runoff_spread_m,
        bands = limits.len() - 1,
        limits = limits.join(", "),
        nopac = yes(options.calving_nopac),
        noatl = yes(options.calving_noatl),
        nomed = yes(options.calving_nomed),
    );
    if options.mode != Mode::Legacy {
        text += &format!("mode = {}\n", options.mode);
    }
    if options.geometry != Geometry::Legacy {
        text += &format!("geometry = {}\n", options.geometry.as_str());
    }
    text
}

/// `used_run.def`: what the first stage made of the parameters.
pub fn used_run_def(outcome: &Outcome) -> String {
    let options = &outcome.options;
    let (rows, columns) = outcome.ocean.shape();
    let name = format!("{}.{}", options.ocean_name, options.name);
    let logical = |value: bool| format!(" {} ", if value { "TRUE" } else { "FALSE" });
    let text = |value: &str| format!(" {value}");
    let number = |value: usize| format!("{value:>13}");
    let given = " comes from the run.def.";
    let default = " are all defaults.";
    let used = [
        ("l_ipsldbg", given, logical(false)),
        ("l_orca2", default, logical(false)),
        ("l_paleorca2", given, logical(true)),
        ("l_orca1", default, logical(false)),
        ("l_eorca1", default, logical(false)),
        ("l_orca05", default, logical(false)),
        ("l_orca025", default, logical(false)),
        ("l_orca12", default, logical(false)),
        ("l_lgm", default, logical(false)),
        ("clcoo", given, text(COORDINATES)),
        ("cname", given, text(&name)),
        ("cr", given, text("rp2")),
        ("group", given, text(&options.ocean_name)),
        // Cut at the first blank, as the original's reader does.
        ("production", given, text("NEMO")),
        ("cl_met", given, text(BATHYMETRY)),
        ("nperio", given, number(nperio(outcome) as usize)),
        ("l_bat_cdf", given, logical(true)),
        ("l_meter", given, logical(true)),
        ("l_wri_3D", given, logical(true)),
        ("jpi", given, number(columns)),
        ("jpj", given, number(rows)),
        ("jpk", given, number(crate::levels::COUNT)),
    ];
    used.iter()
        .map(|(key, from, value)| format!(" #\n # Values of {key}{from}\n #\n {key} ={value}\n"))
        .collect()
}
